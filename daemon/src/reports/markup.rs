//! What the library that writes documents does not know, put into what it has written: heads of tables
//! that come again on every page, what pictures show, whose the file is.

use jiff::civil::Date;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use vekha_roadmap::russian::date_words;

use super::document::{Origin, printable};

/// The document with heads of its tables, which are the rows that are told nothing of themselves, and
/// with what each of its pictures shows: the library numbers and calls them all the same.
///
/// # Errors
/// When what the library wrote is no XML.
pub fn completed(document: &str, pictures: &[String]) -> quick_xml::Result<Vec<u8>> {
    let mut reader = Reader::from_str(document);
    let mut writer = Writer::new(Vec::with_capacity(document.len()));
    let mut pictures = (1..).zip(pictures);
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(writer.into_inner()),
            Event::Empty(tag) if tag.name().as_ref() == HEAD => {
                writer.write_event(Event::Start(BytesStart::new(HEAD)))?;
                for known in ["w:cantSplit", "w:tblHeader"] {
                    writer.write_event(Event::Empty(BytesStart::new(known)))?;
                }
                writer.write_event(Event::End(BytesEnd::new(HEAD)))?;
            }
            Event::Empty(tag) if tag.name().as_ref() == PICTURE => {
                let (number, words) = pictures.next().map_or((0, ""), |(n, words)| (n, words));
                let (id, name) = (number.to_string(), format!("Рисунок {number}"));
                let words = printable(words);
                let told = [("id", id.as_str()), ("name", &name), ("descr", &words)];
                let tag = BytesStart::new(PICTURE).with_attributes(told);
                writer.write_event(Event::Empty(tag))?;
            }
            event => writer.write_event(event)?,
        }
    }
}

/// The properties of a row that is told nothing of itself.
const HEAD: &str = "w:trPr";
/// The properties of a picture.
const PICTURE: &str = "wp:docPr";

/// The core properties of a file.
///
/// # Errors
/// None that could come of writing into memory.
pub fn properties(origin: &Origin) -> quick_xml::Result<Vec<u8>> {
    const NAMES: [(&str, &str); 5] = [
        ("xmlns:cp", "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"),
        ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
        ("xmlns:dcterms", "http://purl.org/dc/terms/"),
        ("xmlns:dcmitype", "http://purl.org/dc/dcmitype/"),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ];
    let day = day(&origin.date).map(|date| format!("{date}T00:00:00Z"));
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("yes"))))?;
    writer.create_element("cp:coreProperties").with_attributes(NAMES).write_inner_content(
        |writer| {
            let own = [
                ("dc:title", origin.title.as_str()),
                ("dc:creator", &origin.author),
                ("cp:lastModifiedBy", &origin.author),
                ("dc:language", "ru"),
            ];
            for (name, words) in own {
                let words = printable(words);
                writer.create_element(name).write_text_content(BytesText::new(&words))?;
            }
            for name in ["dcterms:created", "dcterms:modified"] {
                let Some(day) = &day else { continue };
                let element = writer.create_element(name);
                let element = element.with_attribute(("xsi:type", "dcterms:W3CDTF"));
                element.write_text_content(BytesText::new(day))?;
            }
            Ok(())
        },
    )?;
    Ok(writer.into_inner())
}

/// The day that these words say: «1 октября 2027 года».
fn day(words: &str) -> Option<Date> {
    let mut parts = words.split(' ');
    let day = parts.next()?.parse().ok()?;
    let year = parts.nth(1)?.parse().ok()?;
    let mut all = (1..=12).filter_map(|month| Date::new(year, month, day).ok());
    all.find(|date| date_words(*date) == words)
}
