//! The import as an administrator sees it: on the shipped road map with a registry of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vekha_roadmap::read::REGISTRY;

use super::import::{Args, attempt};

const ORGANISATIONS: &str = include_str!("tests/organisations.toml");

/// A copy of the shipped road map with a registry of its own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vekha-{}", uuid::Uuid::now_v7()));
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
        let mut files = crate::files::load(&shipped).unwrap();
        files.0.insert(REGISTRY.into(), ORGANISATIONS.into());
        for (path, text) in &files.0 {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Folder(folder)
    }

    fn registry(&self) -> String {
        std::fs::read_to_string(self.0.join(REGISTRY)).unwrap()
    }

    /// What the import of a table says, with this folder's name left out, and whether it went well.
    fn import(&self, name: &str, bytes: &[u8], apply: bool) -> (String, bool) {
        let file = self.0.join(name);
        std::fs::write(&file, bytes).unwrap();
        let args = Args { file, into: None, apply };
        let attempt = attempt(&self.0, &args, false).unwrap();
        let text = attempt.text().replace(&self.0.display().to_string(), "road-map");
        (text, attempt.code() == ExitCode::SUCCESS)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Renames, moves an address, changes people, closes mid-year, adds, and guesses a code wrong.
const TABLE: &str = "\
Реестр на 2027/28 учебный год
Код;Вид;Наименование;Краткое наименование;Адрес почты;Контактное лицо;Должность;Почта контактного лица;Телефон;Действует с;Закрыта с;Примечание
school-1;школа;МБОУ «Лицей № 1»;МБОУ «Лицей № 1»;licey-1@zarechny.example.org;Марина Викторовна Горшенина;директор;director@school-1.example.org;8 (34300) 2-21-01;01.09.1996;;
school-1;;;;;Олег Ильич Вдовин;учитель;;8 (34300) 2-21-12;;;
school-2;школа;МБОУ «Средняя школа № 2»;МБОУ СОШ № 2;school-2@zarechny.example.org;;;;;1.9.1998;01.02.2028;
school-3;школа;МАОУ «Средняя школа № 3»;МАОУ СОШ № 3;school-3@zarechny.example.org;Елена Анатольевна Чудинова;директор;;8 (34300) 2-21-03;01.09.2001;;без изменений
school-9;ОО;МКОУ «Начальная школа № 9»;МКОУ НОШ № 9;school-9@zarechny.example.org;Вера Ильинична Ким;директор;;;01.09.2027;;
garden-1a;детский сад;МДОУ «Детский сад «Ласточка»»;МДОУ «Ласточка»;lastochka@zarechny.example.org;;;;;01.09.2027;;
";

#[test]
fn a_preview_tells_all_changes_and_changes_nothing() {
    let folder = Folder::new();
    let (text, good) = folder.import("реестр.csv", TABLE.as_bytes(), false);
    assert!(good, "{text}");
    insta::assert_snapshot!("preview", text);
    assert_eq!(folder.registry(), ORGANISATIONS);
}

#[test]
fn applied_it_keeps_comments_and_order() {
    let folder = Folder::new();
    let (text, good) = folder.import("реестр.csv", TABLE.as_bytes(), true);
    assert!(good && text.contains("Записано: road-map/organisations.toml"), "{text}");
    insta::assert_snapshot!("applied", folder.registry());
    let (text, good) = folder.import("реестр.csv", TABLE.as_bytes(), true);
    assert!(good && text.contains("Менять нечего."), "{text}");
}

#[test]
fn all_mistakes_of_a_table_are_told_at_once() {
    let folder = Folder::new();
    let table = "\
Код;Вид;Наименование;Адрес почты;Контактное лицо;Обязанность;Почта контактного лица;Письма контактному лицу;Действует с;Закрыта с
school-1;лицей;;школа@;Орлова;завуч;;да;32.13.2027;
school-1;школа;Иначе;;Орлова;;орлова;может быть;;
Школа 2;;;;;;;;;
;школа;Без кода;;;;;;;
school-2;школа;;;;заместитель;;;;01.01.1990
new;;;;;;;;;
";
    let (text, good) = folder.import("реестр.csv", table.as_bytes(), true);
    assert!(!good);
    insta::assert_snapshot!("mistakes", text);
    assert_eq!(folder.registry(), ORGANISATIONS);
}

#[test]
fn a_table_that_would_break_the_road_map_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let table = "Код;Адрес почты\nschool-1;\n";
    let (text, good) = folder.import("реестр.csv", table.as_bytes(), true);
    assert!(!good && text.contains("ничего не записано"), "{text}");
    assert!(text.contains("organisations.toml") && text.contains("нет адреса"), "{text}");
    assert_eq!(folder.registry(), ORGANISATIONS);
}
