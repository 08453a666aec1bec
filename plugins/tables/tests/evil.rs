//! Files made to harm are refused in a sentence, quickly, and before memory is spent.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;
use std::time::{Duration, Instant};

use common::{form, heading, ods, packed};
use vekha_plugin_tables::{Limits, read, template};

/// Why a file is refused; fails if that took long.
fn refusal(name: &str, bytes: &[u8]) -> String {
    refusal_within(&Limits::default(), name, bytes)
}

fn refusal_within(limits: &Limits, name: &str, bytes: &[u8]) -> String {
    let (form, _) = form("procedure-results");
    let started = Instant::now();
    let told = read(&form, name, bytes, limits).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(told.len(), 1);
    told[0].to_string()
}

/// A template with one of its files replaced.
fn with(part: &str, content: &[u8]) -> Vec<u8> {
    let (form, _) = form("procedure-results");
    let bytes = template(&form, &heading(), None).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = vec![(part.to_owned(), content.to_vec())];
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        if name != part {
            files.push((name, bytes));
        }
    }
    let files: Vec<_> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    packed(&files)
}

fn sheet(data: &str) -> Vec<u8> {
    format!("<worksheet><sheetData>{data}</sheetData></worksheet>").into_bytes()
}

/// A tenth of the usual size, for bombs that are made quickly.
const SMALL: Limits =
    Limits { file: 10 << 20, expanded: 20 << 20, entries: 2_000, rows: 100_000, cells: 2_000_000 };
const SHEET: &str = "xl/worksheets/sheet2.xml";

#[test]
fn a_bomb_is_refused_by_what_it_claims() {
    let zeros = vec![b' '; 3 << 20];
    let files: Vec<(String, &[u8])> =
        (0..8).map(|n| (format!("xl/media/{n}"), zeros.as_slice())).collect();
    let mut files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    files.push(("xl/workbook.xml", b"<workbook/>"));
    let bytes = packed(&files);
    assert!(bytes.len() < 1 << 20);
    assert!(refusal_within(&SMALL, "a.xlsx", &bytes).contains("слишком велик"));
}

#[test]
fn a_bomb_that_lies_about_its_size_is_refused_on_the_way() {
    let mut bytes = packed(&[
        ("xl/workbook.xml", b"<workbook/>".as_slice()),
        ("xl/media/0", &vec![0; 21 << 20]),
    ]);
    // Both in the directory and before the data.
    let size = (21_u32 << 20).to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let told = refusal_within(&SMALL, "a.xlsx", &bytes);
    assert!(told.contains("слишком велик") || told.contains("повреждён"), "{told}");
}

#[test]
fn a_wide_archive_is_refused() {
    let files: Vec<String> = (0..2_500).map(|n| format!("xl/{n}.xml")).collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|n| (n.as_str(), b"<a/>".as_slice())).collect();
    assert!(refusal("a.xlsx", &packed(&files)).contains("слишком велик"));
}

#[test]
fn a_deep_archive_is_not_a_table() {
    let mut inner = packed(&[("xl/workbook.xml", b"<workbook/>".as_slice())]);
    for _ in 0..20 {
        inner = packed(&[("inner.xlsx", &inner)]);
    }
    assert!(refusal("a.xlsx", &inner).contains("не таблица"));
}

#[test]
fn deep_xml_is_refused_or_read_without_harm() {
    let (form, _) = form("procedure-results");
    for part in [SHEET, "xl/styles.xml", "xl/workbook.xml", "xl/sharedStrings.xml"] {
        let mut deep = b"<a>".repeat(300_000);
        deep.extend(b"</a>".repeat(300_000));
        let _ = read(&form, "a.xlsx", &with(part, &deep), &Limits::default());
    }
}

#[test]
fn too_many_rows_cells_and_strings_are_refused() {
    let rows = "<row><c><v>1</v></c></row>".repeat(100_001);
    assert!(refusal("a.xlsx", &with(SHEET, &sheet(&rows))).contains("слишком много строк"));
    let cells = format!("<row>{}</row>", "<c/>".repeat(2_000_001));
    assert!(refusal("a.xlsx", &with(SHEET, &sheet(&cells))).contains("слишком много строк"));
    let strings = format!("<sst>{}</sst>", "<si/>".repeat(2_000_001));
    let told = refusal("a.xlsx", &with("xl/sharedStrings.xml", strings.as_bytes()));
    assert!(told.contains("слишком много"), "{told}");
    let styles = format!("<styleSheet><cellXfs>{}</cellXfs></styleSheet>", "<xf/>".repeat(500_000));
    let told = refusal("a.xlsx", &with("xl/styles.xml", styles.as_bytes()));
    assert!(told.contains("слишком много"), "{told}");
}

#[test]
fn a_claim_of_strings_makes_no_room_for_them() {
    for claim in ["4000000000000", "99999999999999999999999", "2000001", "1&#48;00000000"] {
        let strings = format!("<sst uniqueCount=\"{claim}\"><si><t>a</t></si></sst>");
        let told = refusal("a.xlsx", &with("xl/sharedStrings.xml", strings.as_bytes()));
        assert!(told.contains("слишком много"), "{claim}: {told}");
    }
}

#[test]
fn two_cells_far_apart_cost_nothing() {
    let (form, _) = form("procedure-results");
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
               <row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    let sheet = read(&form, "a.xlsx", &with(SHEET, &sheet(far)), &Limits::default()).unwrap();
    assert_eq!(sheet.mistakes[0].path, "procedures");
}

#[test]
fn tags_cannot_hide_from_the_count() {
    let rows = "<row><c><v>1</v></c></row>".repeat(100_001);
    for before in ["<!-- \" ' -->", "<![CDATA[ <' ]]>", "<?pi \"?>", "<x a='\"' b=\"'>\"/>"] {
        let told = refusal("a.xlsx", &with(SHEET, &sheet(&format!("{before}{rows}"))));
        assert!(told.contains("слишком много строк"), "{before}: {told}");
    }
    let wide: Vec<u8> = String::from_utf8(sheet(&rows))
        .unwrap()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(refusal("a.xlsx", &with(SHEET, &wide)).contains("повреждён"));
    let entities = b"<!DOCTYPE a [<!ENTITY b \"cccccccc\">]><worksheet>&b;</worksheet>";
    assert!(refusal("a.xlsx", &with(SHEET, entities)).contains("повреждён"));
}

#[test]
fn repeated_cells_of_ods_are_multiplied_before_they_are_built() {
    let cell = |attributes: &str| {
        format!(
            "<table:table-row><table:table-cell {attributes} office:value-type=\"string\">\
             <text:p>x</text:p></table:table-cell></table:table-row>"
        )
    };
    let wide = cell("table:number-columns-repeated=\"16384\"").repeat(200);
    assert!(refusal("a.ods", &ods(&wide)).contains("слишком много"));
    let hidden =
        cell("a=\"table:number-columns-repeated\" table:number-columns-repeated = '16384'")
            .repeat(200);
    assert!(refusal("a.ods", &ods(&hidden)).contains("слишком много"));
    let tall = "<table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell \
                office:value-type=\"float\" office:value=\"1\"/></table:table-row>";
    assert!(refusal("a.ods", &ods(tall)).contains("слишком много"));
    let nested = format!("{}<table:table/>", cell(""));
    assert!(refusal("a.ods", &ods(&nested)).contains("повреждён"));
    let spaces = cell("").replace("x</text:p>", "<text:s text:c=\"4000000000\"/></text:p>");
    assert!(refusal("a.ods", &ods(&spaces)).contains("слишком много"));
}

#[test]
fn an_element_that_never_ends_is_refused_and_not_waited_for() {
    let row = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>x</text:p>\
               </table:table-cell></table:table-row>";
    let content = |table: &str| {
        packed(&[
            ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet".as_slice()),
            ("META-INF/manifest.xml", b"<manifest:manifest/>"),
            ("content.xml", format!("<office:spreadsheet>{table}").as_bytes()),
        ])
    };
    let table = format!("<table:table table:name=\"a\">{row}");
    for end in ["", "</office:spreadsheet>", "</table:table-row></office:spreadsheet>"] {
        assert!(
            refusal("a.ods", &content(&format!("{table}{end}"))).contains("повреждён"),
            "{end}"
        );
    }
    for end in ["</table:table\u{c}>", "</table:table a>", "</table:tables>"] {
        let closed = format!("{table}{end}</office:spreadsheet>");
        assert!(refusal("a.ods", &content(&closed)).contains("повреждён"), "{end}");
    }
    let note = row.replace("<text:p>", "<office:annotation><text:p>");
    assert!(refusal("a.ods", &ods(&note)).contains("повреждён"));
    let open = "<worksheet><sheetData><row><c><v>1</v></c>";
    assert!(refusal("a.xlsx", &with(SHEET, open.as_bytes())).contains("повреждён"));
}

#[test]
fn what_is_no_table_is_refused_with_what_to_do() {
    assert!(refusal("a.xlsx", b"").contains("Файл пуст"));
    assert!(refusal("a.xlsx", &vec![0; 11 << 20]).contains("больше 10 МБ"));
    assert!(refusal("a.pdf", b"%PDF-1.7 ...").contains("не таблица"));
    assert!(refusal("a.xlsx", b"%PDF-1.7 ...").contains("повреждён"));
    assert!(refusal("a.xlsx", "Процедура;Класс".as_bytes()).contains("повреждён"));
    let word = packed(&[("word/document.xml", b"<w:document/>".as_slice())]);
    assert!(refusal("a.xlsx", &word).contains("не таблица"));
    let binary = packed(&[("xl/workbook.bin", b"".as_slice())]);
    assert!(refusal("a.xlsb", &binary).contains(".xlsb"));
    let mut old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    old.resize(4096, 0);
    assert!(refusal("a.xls", &old).contains("старого Excel"));
    old.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert!(refusal("a.xlsx", &old).contains("паролем"));
    let manifest = b"<manifest:manifest><manifest:encryption-data/></manifest:manifest>";
    let locked = packed(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet".as_slice()),
        ("content.xml", b"\0\x01\x02"),
        ("META-INF/manifest.xml", manifest.as_slice()),
    ]);
    assert!(refusal("a.ods", &locked).contains("паролем"));
}

#[test]
fn a_truncated_file_is_refused() {
    let (form, _) = form("procedure-results");
    let bytes = template(&form, &heading(), None).unwrap();
    for length in [10, bytes.len() / 2, bytes.len() - 10] {
        assert!(refusal("a.xlsx", &bytes[..length]).contains("повреждён"));
    }
}
