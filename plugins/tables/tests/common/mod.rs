//! The example's forms as the daemon describes them, and a workbook made by hand.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::json;
use vekha_plugin_tables::{CellError, Heading, Limits, Sheet, Values, read, template};
use vekha_proto::v1;
use vekha_roadmap::model::{self, FieldKind, RoadMap, Rows};
use vekha_roadmap::read::Files;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

pub fn road_map() -> RoadMap {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    let (mut files, mut folders) = (Files::default(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            if Files::wants(&below) {
                files.0.insert(below, fs::read_to_string(&path).unwrap());
            }
        }
    }
    vekha_roadmap::read::read(&files).unwrap()
}

pub fn heading() -> Heading {
    Heading {
        organisation: "МБОУ «Средняя школа № 1»".into(),
        period: "2026/27 учебный год".into(),
        due: "среда, 29 сентября 2027 года".into(),
        contact: "Петрова Анна Сергеевна, 8 (48100) 2-11-11, petrova@example.org".into(),
    }
}

/// What a filled template says once it is read.
pub fn round_trip(form: &v1::Form, answers: &Values) -> Result<Sheet, Vec<CellError>> {
    let bytes = template(form, &heading(), Some(answers)).unwrap();
    read(form, "ответ.xlsx", &bytes, &Limits::default())
}

/// Answers to `procedure-results`.
pub fn procedures() -> Values {
    let row = |subject: &str, grade: i64| {
        json!({
            "procedure": "ВПР", "grade": grade, "subject": subject, "participants": 25,
            "marks_2": 1, "marks_3": 10, "marks_4": 9, "marks_5": 5,
        })
    };
    let answers = json!({
        "procedures": [row("Русский язык", 5), row("Математика", 6)],
        "comment": "=1+1 не формула\nКарантин в 6 «Б»",
    });
    answers.as_object().unwrap().clone()
}

/// As `daemon/src/forms/sheets.rs` does it, but for histograms, which the forms of these tests lack.
pub fn describe(form: &model::Form) -> v1::Form {
    let in_cells =
        |field: &&model::Field| !matches!(field.kind, FieldKind::File(_) | FieldKind::Histogram(_));
    v1::Form {
        id: form.id.clone(),
        title: form.title.clone(),
        intro: form.intro.clone(),
        fields: form.fields.iter().filter(in_cells).map(describe_field).collect(),
        ..v1::Form::default()
    }
}

fn describe_field(field: &model::Field) -> v1::FormField {
    let choices = |options: &[model::Choice]| {
        let choice =
            |o: &model::Choice| v1::Choice { value: o.value.clone(), label: o.label.clone() };
        options.iter().map(choice).collect()
    };
    let required = match &field.required {
        model::Required::Always => v1::Required::Always,
        model::Required::Optional => v1::Required::Optional,
        model::Required::When(_) => v1::Required::When,
    };
    let mut described = v1::FormField {
        id: field.id.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        section: field.section.clone(),
        unit: field.unit.clone(),
        required: required.into(),
        ..v1::FormField::default()
    };
    let kind = match &field.kind {
        FieldKind::Integer(range) | FieldKind::Decimal(range) | FieldKind::Percent(range) => {
            (described.min, described.max) = (range.min, range.max);
            match &field.kind {
                FieldKind::Integer(_) => v1::FieldType::Integer,
                FieldKind::Decimal(_) => v1::FieldType::Decimal,
                _ => v1::FieldType::Percent,
            }
        }
        FieldKind::Text { max_length } => {
            described.max_length = *max_length as u32;
            v1::FieldType::Text
        }
        FieldKind::LongText { max_length } => {
            described.max_length = *max_length as u32;
            v1::FieldType::LongText
        }
        FieldKind::Date => v1::FieldType::Date,
        FieldKind::Choice(options) => {
            described.options = choices(options);
            v1::FieldType::Choice
        }
        FieldKind::Choices(options) => {
            described.options = choices(options);
            v1::FieldType::Choices
        }
        FieldKind::YesNo => v1::FieldType::YesNo,
        FieldKind::Table(table) => {
            described.columns = table.columns.iter().map(describe_field).collect();
            match &table.rows {
                Rows::Fixed(rows) => described.rows.clone_from(rows),
                Rows::Free { min, max } => {
                    (described.min_rows, described.max_rows) = (*min as u32, *max as u32);
                }
            }
            v1::FieldType::Table
        }
        FieldKind::File(_) | FieldKind::Histogram(_) => v1::FieldType::Unspecified,
    };
    described.r#type = kind.into();
    described
}

/// A described form of the example, and the definition that checks its answers. What `procedure-results` lets choose is free text here, where texts in cells
/// are tried.
pub fn form(id: &str) -> (v1::Form, model::Form) {
    let mut road_map = road_map();
    let mut form = road_map.forms.remove(id).unwrap();
    for field in form.fields.iter_mut().filter(|_| id == "procedure-results") {
        if let FieldKind::Table(table) = &mut field.kind {
            let chosen = |column: &&mut model::Field| matches!(column.kind, FieldKind::Choice(_));
            for column in table.columns.iter_mut().filter(chosen) {
                column.kind = FieldKind::Text { max_length: 100 };
            }
        }
    }
    (describe(&form), form)
}

/// All complaints about a file, as a person reads them.
pub fn complaints(
    form: &(v1::Form, model::Form),
    name: &str,
    bytes: &[u8],
) -> Result<Values, Vec<String>> {
    let told = |errors: Vec<CellError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let sheet = read(&form.0, name, bytes, &Limits::default()).map_err(told)?;
    let verdict = vekha_roadmap::answers::validate(&form.1, &sheet.answers, &Values::new())
        .map_err(|errors| errors.into_iter().map(|e| (e.field, e.message)));
    sheet.judge(verdict).map_err(told)
}

/// A zip archive of these files.
pub fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An ODS file with one sheet, «a», of this XML.
pub fn ods(table: &str) -> Vec<u8> {
    ods_of("", &[("a", "", table)])
}

/// A workbook of LibreOffice: its styles, and its sheets by name, style and content.
pub fn ods_of(styles: &str, sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    let sheet = |(name, style, table): &(&str, &str, &str)| {
        let style = match *style {
            "" => String::new(),
            style => format!(" table:style-name=\"{style}\""),
        };
        format!("<table:table table:name=\"{name}\"{style}>{table}</table:table>")
    };
    let content = format!(
        "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles>\
         <office:body><office:spreadsheet>{}</office:spreadsheet></office:body>\
         </office:document-content>",
        sheets.iter().map(sheet).collect::<String>()
    );
    packed(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet".as_slice()),
        ("META-INF/manifest.xml", b"<manifest:manifest/>"),
        ("content.xml", content.as_bytes()),
    ])
}

/// A file within an archive, as text.
pub fn part(archive: &[u8], name: &str) -> String {
    let mut text = String::new();
    let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
    zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// A workbook whose formulas, given with the result «?», nobody has reckoned, as programs write it that cannot reckon.
pub fn unvalued(book: &[u8]) -> Vec<u8> {
    let mut zip = ZipArchive::new(Cursor::new(book)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let files: Vec<(String, String)> = names
        .into_iter()
        .map(|name| {
            let mut text = String::new();
            zip.by_name(&name).unwrap().read_to_string(&mut text).unwrap();
            let text = text.replace(" t=\"str\"><f>", "><f>").replace("<v>?</v>", "<v/>");
            (name, text)
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    packed(&files)
}
