//! Workbooks as lists of parts, so that a fuzzer reaches the XML behind the archive.

use std::io::{Cursor, Read, Write};

use serde_json::json;
use vekha_plugin_tables::{Heading, Values, template};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::FORMS;

/// The parts of a workbook: name and content.
pub type Parts = Vec<(String, Vec<u8>)>;

/// Answers to the form that asks for everything.
pub fn answers() -> Values {
    let answers = json!({
        "pupils": 120, "spending": 12.5, "share": 85, "head": "Иванова А. П.",
        "comment": "=1+1\nне формула", "held": "2027-09-15", "order": "yes", "level": "high",
        "measures": ["Беседа", "Курсы; семинар"],
        "scores": [{"row": "0", "count": 1}, {"row": "1", "count": 2}],
        "classes": [
            {"grade": 5, "subject": "Математика", "mean": 4.25, "quality": 70, "day": "2027-04-01"},
            {"grade": 11, "subject": "Русский язык", "note": "'=2"},
        ],
        "buildings": [
            {"row": "Школа", "count": 2, "sound": "no", "faults": ["Кровля"]},
            {"row": "Детский сад", "count": 1, "sound": "yes"},
        ],
    });
    answers.as_object().cloned().unwrap()
}

/// A filled template of the form, taken apart; `answered` or blank.
pub fn xlsx(answered: bool) -> Parts {
    let heading = Heading { organisation: "Школа № 1".into(), ..Heading::default() };
    let answers = answered.then(answers);
    let bytes = template(&FORMS[0], &heading, answers.as_ref()).unwrap();
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let parts = zip.len();
    let part = |at: usize| {
        let mut entry = zip.by_index(at).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    };
    (0..parts).map(part).collect()
}

/// A workbook as LibreOffice writes it, with single questions and a table.
pub fn ods() -> Parts {
    [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        ("content.xml", include_str!("content.xml")),
        ("styles.xml", "<office:document-styles/>"),
    ]
    .map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()))
    .into()
}

/// These parts as an archive, one of them replaced: the first byte says which, the rest is its new
/// content. A byte beyond the parts says that the rest is the archive itself.
pub fn with_part(parts: &Parts, data: &[u8]) -> Vec<u8> {
    let Some((&which, content)) = data.split_first() else { return Vec::new() };
    if usize::from(which) >= parts.len() {
        return content.to_vec();
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (at, (name, old)) in parts.iter().enumerate() {
        zip.start_file(name.as_str(), stored).unwrap();
        zip.write_all(if at == usize::from(which) { content } else { old }).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
