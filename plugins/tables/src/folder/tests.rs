//! The source over real folders.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rust_xlsxwriter::{Format, Workbook, Worksheet};
use serde_json::json;
use vekha_plugin::{FieldKind, FieldOption, WantedField};

use super::*;

const HEADINGS: [&str; 7] =
    ["Наименование", "Код ОО", "Участников, чел.", "Успеваемость", "Дата", "Предмет", "note"];

fn folder_of(path: &Path, more: &str) -> Folder {
    let config: FolderConfig = toml::from_str(more).unwrap();
    let settle_milliseconds = config.settle_milliseconds.or(Some(0));
    let folder = path.to_path_buf();
    Folder::new(FolderConfig { folder, settle_milliseconds, ..config }).unwrap()
}

fn request() -> FetchRequest {
    let field = |id: &str, label: &str, unit: &str, kind| WantedField {
        id: id.into(),
        label: label.into(),
        unit: unit.into(),
        kind,
    };
    let subject = FieldOption { value: "maths".into(), label: "Математика".into() };
    FetchRequest {
        key: "zarechny/vpr/2026-27/collect".into(),
        municipality: "zarechny".into(),
        activity: "vpr".into(),
        period: "2026-27".into(),
        form: "results".into(),
        fields: vec![
            field("participants", "Участников", "чел.", FieldKind::Number),
            field("pass_rate", "Успеваемость", "", FieldKind::Percent),
            field("held_on", "Дата", "", FieldKind::Date),
            field("subject", "Предмет", "", FieldKind::Choice(vec![subject])),
            field("note", "Примечание", "", FieldKind::Text),
            field("marks", "Отметки", "", FieldKind::Table),
        ],
        organisations: vec!["101".into(), "102".into(), "103".into()],
    }
}

fn workbook(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("Свод").unwrap();
    sheet.write_string(0, 0, "Результаты ВПР").unwrap();
    for (column, heading) in (0..).zip(HEADINGS) {
        sheet.write_string(2, column, heading).unwrap();
    }
    fill(sheet);
    book.save_to_buffer().unwrap()
}

fn two_schools() -> Vec<u8> {
    workbook(|sheet| {
        let percent = Format::new().set_num_format("0%");
        sheet.write_number(3, 1, 101).unwrap();
        sheet.write_number(3, 2, 25).unwrap();
        sheet.write_number_with_format(3, 3, 0.85, &percent).unwrap();
        sheet.write_string(3, 4, "15.09.2027").unwrap();
        sheet.write_string(3, 5, "математика").unwrap();
        sheet.write_string(3, 6, "Карантин").unwrap();
        sheet.write_string(5, 1, " 102 ").unwrap();
        sheet.write_string(5, 2, "1 030").unwrap();
    })
}

fn put(folder: &Path, name: &str, bytes: &[u8], age: u64) {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - age);
    File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
}

async fn refused(source: &Folder) -> String {
    match source.fetch(&request()).await {
        Err(SourceError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_workbook_becomes_records() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "results-2026-27.xlsx", &two_schools(), 0);
    let records = folder_of(folder.path(), "").fetch(&request()).await.unwrap().records;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].organisation, "101");
    assert_eq!(
        json!(records[0].answers),
        json!({
            "participants": 25, "pass_rate": 85, "held_on": "2027-09-15", "subject": "maths",
            "note": "Карантин",
        })
    );
    assert_eq!(records[1].organisation, "102");
    assert_eq!(json!(records[1].answers), json!({ "participants": 1030 }));
}

#[tokio::test]
async fn csv_becomes_records_too() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Школа;Число сдававших;Код\r\nПервая;10,5;101\r\nТретья;;103\r\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(text);
    put(folder.path(), "Свод ВПР 2026-27.CSV", &bytes, 0);
    let source = folder_of(
        folder.path(),
        "file = \"свод*{period}.csv\"\norganisation = \"Код\"\n\
         [fields]\nparticipants = \"Число сдававших\"",
    );
    let records = source.fetch(&request()).await.unwrap().records;
    assert_eq!(records.len(), 2);
    assert_eq!(json!(records[0].answers), json!({ "participants": 10.5 }));
    assert_eq!((records[1].organisation.as_str(), records[1].answers.len()), ("103", 0));
}

#[tokio::test]
async fn every_mistake_is_told_at_its_cell_and_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = workbook(|sheet| {
        for (row, code) in [(3, "101"), (4, "999"), (5, ""), (6, "101"), (8, "Итого")] {
            sheet.write_string(row, 1, code).unwrap();
            sheet.write_number(row, 2, 1).unwrap();
        }
        sheet.write_string(3, 5, "Пение").unwrap();
        sheet.write_string(2, 8, "участников").unwrap();
    });
    put(folder.path(), "results-2026-27.xlsx", &bytes, 0);
    let source = folder_of(folder.path(), "[fields]\nnote = \"Причина\"");
    assert_eq!(
        refused(&source).await,
        "файл «results-2026-27.xlsx»:\n\
         лист «Свод», строка 3, столбец I («участников»): такой столбец уже есть левее: оставьте \
         один\n\
         лист «Свод», строка 3, столбец B («Код ОО»): нет столбца «Причина»: верните его \
         заголовок\n\
         лист «Свод», строка 4, столбец F («Предмет»): варианта «Пение» нет; можно: \
         «Математика»\n\
         лист «Свод», строка 5, столбец B («Код ОО»): организации «999» здесь не ждут: исправьте \
         код или уберите строку\n\
         лист «Свод», строка 6, столбец B («Код ОО»): нет кода организации: впишите его или \
         уберите строку\n\
         лист «Свод», строка 7, столбец B («Код ОО»): организация «101» уже есть в строке 4: \
         оставьте одну строку\n\
         лист «Свод», строка 9, столбец B («Код ОО»): организации «Итого» здесь не ждут: \
         исправьте код или уберите строку"
    );
}

#[tokio::test]
async fn a_file_without_what_is_wanted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder_of(folder.path(), "");
    put(folder.path(), "results-2026-27.csv", "a;b\n1;2".as_bytes(), 0);
    assert!(refused(&source).await.contains("нет столбца «Код ОО» с кодами организаций"));
    put(folder.path(), "results-2026-27.csv", "Код ОО;b\n101;2".as_bytes(), 0);
    assert!(
        refused(&source).await.contains("нет ни одного столбца с ответами: «Участников, чел.»")
    );
    let mut book = Workbook::new();
    for _ in 0..2 {
        book.add_worksheet().write_string(0, 0, "Код ОО").unwrap();
    }
    fs::remove_file(folder.path().join("results-2026-27.csv")).unwrap();
    put(folder.path(), "results-2026-27.xlsx", &book.save_to_buffer().unwrap(), 0);
    assert!(refused(&source).await.contains("на нескольких листах («Sheet1», «Sheet2»)"));
}

#[tokio::test]
async fn a_hostile_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder_of(folder.path(), "");
    for (bytes, words) in [
        (b"".as_slice(), "Файл пуст"),
        (b"%PDF-1.7", "повреждён"),
        (b"PK\x03\x04 and no more", "повреждён"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "старого Excel"),
    ] {
        put(folder.path(), "results-2026-27.xlsx", bytes, 0);
        let why = refused(&source).await;
        assert!(why.contains(words), "{why}");
    }
    let small = |limits: Limits| folder_of(folder.path(), "").with_limits(limits);
    put(folder.path(), "results-2026-27.xlsx", &two_schools(), 0);
    let usual = Limits::default();
    for (limits, words) in [
        (Limits { file: 1000, ..usual }, "Файл больше"),
        (Limits { expanded: 1000, ..usual }, "слишком велик"),
        (Limits { entries: 2, ..usual }, "слишком велик"),
        (Limits { rows: 2, ..usual }, "слишком много строк"),
        (Limits { cells: 9, ..usual }, "слишком много строк"),
    ] {
        let why = refused(&small(limits)).await;
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn the_newest_file_of_the_period_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = |count: u32| format!("Код ОО;participants\n101;{count}\n");
    put(folder.path(), "results-2026-27.csv", file(1).as_bytes(), 20);
    put(folder.path(), "results-2026-27.v2.csv", file(2).as_bytes(), 10);
    put(folder.path(), "results-2025-26.csv", file(3).as_bytes(), 0);
    let source = folder_of(folder.path(), "");
    let fetched = || async { source.fetch(&request()).await.unwrap().records[0].answers.clone() };
    assert_eq!(fetched().await["participants"], 2);
    put(folder.path(), "results-2026-27.csv", file(4).as_bytes(), 5);
    assert_eq!(fetched().await["participants"], 4);
}

#[tokio::test]
async fn what_has_not_changed_is_not_parsed_again() {
    static PARSED: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().unwrap();
    let counting: Read = |layout, request, name, bytes, limits| {
        PARSED.fetch_add(1, Ordering::SeqCst);
        rows::records(layout, request, name, bytes, limits)
    };
    let source = Folder { read: counting, ..folder_of(folder.path(), "") };
    // A workbook made anew says of itself when it was made.
    let book = two_schools();
    put(folder.path(), "results-2026-27.xlsx", &book, 10);
    let first = source.fetch(&request()).await.unwrap();
    assert_eq!(source.fetch(&request()).await.unwrap(), first);
    // Saved again, and nothing else.
    put(folder.path(), "results-2026-27.xlsx", &book, 0);
    assert_eq!(source.fetch(&request()).await.unwrap(), first);
    assert_eq!(PARSED.load(Ordering::SeqCst), 1);
    let fewer = FetchRequest { organisations: vec!["101".into()], ..request() };
    assert!(source.fetch(&fewer).await.is_err());
    assert_eq!(PARSED.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_still_being_written_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(folder_of(folder.path(), "settle-milliseconds = 2000"));
    let fetching = || {
        let source = Arc::clone(&source);
        tokio::spawn(async move { source.fetch(&request()).await })
    };
    put(folder.path(), "results-2026-27.csv", "Код ОО;note\n101;a\n".as_bytes(), 10);
    let early = fetching();
    // The clock stands still but for those who wait for it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    put(folder.path(), "results-2026-27.csv", "Код ОО;note\n101;a\n102;b\n".as_bytes(), 0);
    let failed = early.await.unwrap().unwrap_err();
    assert!(matches!(&failed, SourceError::Failed(why) if why.contains("ещё записывается")));
    assert_eq!(fetching().await.unwrap().unwrap().records.len(), 2);
}

#[tokio::test]
async fn nothing_there_yet_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder_of(folder.path(), "");
    let failed = source.fetch(&request()).await.unwrap_err();
    assert!(matches!(&failed, SourceError::Failed(why) if why.contains("нет файла")), "{failed}");
    assert!(source.health().await.is_healthy());
    let source = folder_of(&folder.path().join("nowhere"), "");
    assert!(matches!(source.fetch(&request()).await, Err(SourceError::Failed(_))));
    assert_eq!(source.check().await.unwrap_err()[0].field, "folder");
    assert!(!source.health().await.is_healthy());
}

#[tokio::test]
async fn what_is_asked_leads_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("inbox");
    fs::create_dir(&folder).unwrap();
    put(outside.path(), "results-2026-27.xlsx", &two_schools(), 0);
    let source = folder_of(&folder, "");
    for form in ["../results", "..\\results", "*"] {
        let asked = FetchRequest { form: form.into(), ..request() };
        assert!(matches!(source.fetch(&asked).await, Err(SourceError::Failed(_))), "{form}");
    }
}
