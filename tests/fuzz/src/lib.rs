//! What the targets share: the shipped road map with a form that asks for everything, the small
//! bounds of uploaded files, and what every refusal owes to people.

pub mod asked;
pub mod book;
pub mod described;

use std::fmt::Display;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::abort;
use std::sync::LazyLock;

use vekha_plugin_tables::{CellError, Limits, Sheet};
use vekha_proto::v1;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Form;
use vekha_roadmap::read::Files;

/// Bounds of an uploaded file that are reached by small ones.
pub const LIMITS: Limits =
    Limits { file: 1 << 20, expanded: 4 << 20, entries: 60, rows: 500, cells: 5_000 };

/// The folder of this crate.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The files of the shipped road map.
pub static SHIPPED: LazyLock<Files> = LazyLock::new(|| {
    let root = root().join("../../config/road-map");
    let (mut files, mut folders) = (Files::default(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            if Files::wants(&below) {
                files.0.insert(below, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
});

/// A road map that is read quickly: one activity, and the form that asks for everything.
pub static SMALL: LazyLock<Files> = LazyLock::new(|| {
    let id = "niko-sample";
    let kept = |path: &str| {
        let one = ["activities/", "forms/", "analyses/"].iter().any(|at| path.starts_with(at));
        !one || path.contains(id)
    };
    let mut files = Files(SHIPPED.0.clone());
    files.0.retain(|path, _| kept(path));
    files.0.insert("forms/every.toml".into(), include_str!("../every.toml").into());
    files
});

/// The small road map, read.
pub static ROAD_MAP: LazyLock<RoadMap> = LazyLock::new(|| {
    vekha_roadmap::read::read(&SMALL).unwrap_or_else(|mistakes| {
        panic!("{}", vekha_roadmap::diagnostic::render(&mistakes, &SMALL))
    })
});

/// The form that has a field of every type.
pub fn every() -> &'static Form {
    &ROAD_MAP.forms["every"]
}

/// The parts of that form which a workbook, or a CSV file, can hold.
pub static FORMS: LazyLock<[v1::Form; 3]> = LazyLock::new(|| {
    let form = described::describe(every());
    let table = |field: &v1::FormField| field.r#type() == v1::FieldType::Table;
    let only = |keep: &dyn Fn(&v1::FormField) -> bool| {
        let mut form = form.clone();
        form.fields.retain(keep);
        form
    };
    [form.clone(), only(&|field| !table(field)), only(&|field| field.id == "classes")]
});

/// Ends the process at a panic of our own code. Those of a dependency are left to whoever calls it:
/// [`vekha_plugin_tables::read`] takes them for a damaged file.
pub fn forgive_dependencies() {
    panic::set_hook(Box::new(|panic| {
        let ours = panic.location().is_none_or(|at| !at.file().contains("/registry/"));
        if ours {
            eprintln!("{panic}");
            abort();
        }
    }));
}

/// What people are told is there, and in Russian.
pub fn assert_told<T: Display>(told: &[T]) {
    assert!(!told.is_empty(), "refused without a word");
    for message in told {
        let message = message.to_string();
        assert!(message.chars().any(|c| ('а'..='я').contains(&c)), "not in Russian: {message}");
    }
}

/// What was read of a file keeps within the form and the bounds; what was not is told.
pub fn assert_sheet(form: &v1::Form, read: Result<Sheet, Vec<CellError>>) {
    let sheet = match read {
        Ok(sheet) => sheet,
        Err(told) => return assert_told(&told),
    };
    assert!(sheet.mistakes.len() <= 1_000);
    if !sheet.mistakes.is_empty() {
        assert_told(&sheet.mistakes);
    }
    for (id, answer) in &sheet.answers {
        let field = form.fields.iter().find(|field| field.id == *id);
        let field = field.unwrap_or_else(|| panic!("{id} is not asked for"));
        if field.r#type() == v1::FieldType::Table {
            let rows = answer.as_array().expect("a table is a list").len();
            assert!(rows <= LIMITS.rows && rows <= field.rows.len().max(field.max_rows as usize));
        }
    }
    let verdict = vekha_roadmap::answers::validate(every(), &sheet.answers, &Default::default());
    let verdict = verdict.map_err(|errors| errors.into_iter().map(|e| (e.field, e.message)));
    if let Err(told) = sheet.judge(verdict) {
        assert_told(&told);
    }
}
