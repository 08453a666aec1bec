//! Workbooks of LibreOffice in a folder, and those that were made to harm.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{ods, ods_of};
use serde_json::json;
use vekha_plugin::{FetchRequest, Fetched, FieldKind, Source, SourceError, WantedField};
use vekha_plugin_tables::{Folder, FolderConfig};

/// What a folder with this one file answers.
async fn fetched(bytes: &[u8]) -> Result<Fetched, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results-2026-27.ods"), bytes).unwrap();
    source(folder.path())
        .fetch(&FetchRequest {
            key: "zarechny/vpr/2026-27/collect".into(),
            municipality: "zarechny".into(),
            activity: "vpr".into(),
            period: "2026-27".into(),
            form: "results".into(),
            fields: vec![WantedField {
                id: "participants".into(),
                label: "Участников".into(),
                kind: FieldKind::Number,
                ..WantedField::default()
            }],
            organisations: vec!["101".into()],
        })
        .await
}

fn source(folder: &Path) -> Folder {
    let config = FolderConfig {
        folder: folder.to_path_buf(),
        settle_milliseconds: Some(0),
        ..FolderConfig::default()
    };
    Folder::new(config).unwrap()
}

fn row(cells: &[&str]) -> String {
    let cell = |text: &&str| {
        format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p>\
             </table:table-cell>"
        )
    };
    let cells: String = cells.iter().map(cell).collect();
    format!("<table:table-row>{cells}</table:table-row>")
}

#[tokio::test]
async fn a_workbook_of_libreoffice_becomes_records() {
    let table = row(&["Участников", "Код ОО"]) + &row(&["1 025,5", "101"]);
    let records = fetched(&ods(&table)).await.unwrap().records;
    assert_eq!(records.len(), 1);
    assert_eq!(json!(records[0].answers), json!({ "participants": 1025.5 }));
}

#[tokio::test]
async fn a_bomb_is_refused() {
    let wide = row(&["x"]).replace(
        "<table:table-cell ",
        "<table:table-cell table:number-columns-repeated=\"16384\" ",
    );
    let refused = fetched(&ods(&wide.repeat(200))).await.unwrap_err();
    assert!(
        matches!(&refused, SourceError::Refused(why) if why.contains("слишком много строк")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_was_left_and_what_nobody_sees_is_told_beside_the_records() {
    let columns = "<table:table-column/><table:table-column table:visibility=\"collapse\" \
                   table:number-columns-repeated=\"2\"/>";
    let hidden = row(&["1", "101", "5"]).replacen(
        "<table:table-row>",
        "<table:table-row table:visibility=\"filter\">",
        1,
    );
    let table = columns.to_owned() + &row(&["Участников", "Код ОО", "Учеников всего"]) + &hidden;
    let book = ods_of(
        "<style:style style:name=\"ta1\" style:family=\"table\"><style:table-properties \
         table:display=\"false\"/></style:style>",
        &[("a", "ta1", &table), ("Справка", "", &row(&["как заполнять"]))],
    );
    let fetched = fetched(&book).await.unwrap();
    assert_eq!(fetched.records.len(), 1);
    assert_eq!(
        fetched.notes,
        [
            "лист «a»: этих столбцов в форме нет, они не прочитаны: «Учеников всего»",
            "не прочитаны листы: «Справка»",
            "лист «a» прочитан, хотя он скрыт",
            "лист «a»: прочитаны и скрытые строки: 2",
            "лист «a»: прочитаны и скрытые столбцы: B",
        ]
    );
}
