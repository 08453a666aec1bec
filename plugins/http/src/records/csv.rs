//! Records as lines under a row of headings. Separator and encoding are found out: programs differ,
//! and their headers are often wrong about it.

use std::borrow::Cow;
use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::WINDOWS_1251;
use serde_json::Value;

use super::Reading;

/// Separators, the likeliest first.
const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

pub(super) fn read(reading: &mut Reading<'_>, body: &[u8]) -> Result<(), String> {
    let text = decode(body)?;
    let organisation = key(&reading.shape.organisation);
    let has_organisation = |separator: &u8| {
        let mut heading = StringRecord::new();
        let read = reader(&text, *separator).read_record(&mut heading);
        read.is_ok() && heading.iter().any(|heading| key(heading) == organisation)
    };
    let Some(separator) = SEPARATORS.into_iter().find(has_organisation) else {
        return Err(format!(
            "в первой строке нет заголовка «{}»: укажите в настройке organisation, в каком столбце \
             код организации",
            reading.shape.organisation
        ));
    };
    let mut reader = reader(&text, separator);
    let mut record = StringRecord::new();
    let mut columns: HashMap<String, usize> = HashMap::new();
    let mut next = || match reader.read_record(&mut record) {
        Ok(true) => Ok(Some(record.clone())),
        Ok(false) => Ok(None),
        Err(error) => Err(format!("это не CSV: {error}")),
    };
    for (at, heading) in next()?.unwrap_or_default().iter().enumerate() {
        if columns.insert(key(heading), at).is_some() && !key(heading).is_empty() {
            reading.mistake("заголовок", &format!("столбец «{}» есть дважды", heading.trim()));
        }
    }
    while let Some(record) = next()? {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = record.position().map_or(0, |position| position.line());
        reading.record(&format!("строка {line}"), |at| {
            let column = *columns.get(&key(at))?;
            // A short line has blank cells at its end.
            let cell = record.get(column).unwrap_or_default().trim();
            Some(if cell.is_empty() { Value::Null } else { Value::from(cell) })
        });
    }
    Ok(())
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).flexible(true);
    builder.from_reader(text.as_bytes())
}

/// UTF-8 if it can be that, else Windows-1251: its texts are hardly ever UTF-8 by chance.
fn decode(body: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(_) => WINDOWS_1251.decode_without_bom_handling(body).0,
    };
    let strange = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    if text.chars().any(strange) {
        return Err("это не CSV: в ответе двоичные данные".into());
    }
    Ok(text)
}

/// What is compared instead of a heading: people change case and spaces.
fn key(heading: &str) -> String {
    heading.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
