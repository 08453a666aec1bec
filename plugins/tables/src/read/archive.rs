//! Proves that a packed workbook is harmless before a parser sees it: what it is, how many files it
//! has, how large they become. Every file is unpacked once, into nothing, and looked through on the
//! way; the parser then unpacks again, what is known to fit.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::refusal::Refusal;
use super::scan::{Counts, Part, Scan};
use super::seen::{Hidden, Seen};
use crate::Limits;

/// A packed workbook that is safe to parse, and what was seen in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Xlsx(Box<Seen>),
    Ods(Box<Seen>),
}

/// What the archive is, if it is harmless.
pub(crate) fn prove(bytes: &[u8], limits: &Limits) -> Result<Kind, Refusal> {
    // The directory of a hundred thousand files is itself a bomb; entries of it begin with this.
    let entries = bytes.windows(4).filter(|part| part == b"PK\x01\x02").take(limits.entries + 1);
    if entries.count() > limits.entries {
        return Err(Refusal::TooBigInside);
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Refusal::Damaged)?;
    let names: Vec<String> = zip
        .file_names()
        .map(|name| Ok(name.map_err(|_| Refusal::Damaged)?.into_owned()))
        .collect::<Result<_, Refusal>>()?;
    let has = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    let ods = has("content.xml");
    if has("xl/workbook.bin") {
        return Err(Refusal::BinaryExcel);
    }
    if !ods && !names.iter().any(|n| n.to_ascii_lowercase().ends_with("workbook.xml")) {
        return Err(Refusal::NotATable);
    }
    claims(&mut zip, limits)?;
    if is_encrypted(&mut zip) {
        return Err(Refusal::Encrypted);
    }
    let mut counts = Counts::default();
    let mut left = limits.expanded;
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).map_err(|_| Refusal::Damaged)?;
        let name = entry.name().map_err(|_| Refusal::Damaged)?.to_ascii_lowercase();
        let part = part(&name);
        if part == Some(Part::Sheet) {
            counts.seen.parts.push((name, Hidden::default()));
        }
        match part {
            Some(part) => Scan::new(part, limits, &mut counts).through(&mut entry, &mut left)?,
            None => unpack(&mut entry, &mut left)?,
        }
    }
    counts.seen.settle();
    let seen = Box::new(counts.seen);
    Ok(if ods { Kind::Ods(seen) } else { Kind::Xlsx(seen) })
}

/// What the directory says of sizes. It may lie, but most bombs are honest.
fn claims(zip: &mut ZipArchive<Cursor<&[u8]>>, limits: &Limits) -> Result<(), Refusal> {
    let mut claimed = 0_u64;
    for at in 0..zip.len() {
        let entry = zip.by_index_raw(at).map_err(|_| Refusal::Damaged)?;
        if entry.encrypted() {
            return Err(Refusal::Encrypted);
        }
        claimed = claimed.saturating_add(entry.size());
    }
    if claimed > limits.expanded { Err(Refusal::TooBigInside) } else { Ok(()) }
}

/// Whether the manifest of an ODS file says that a password is needed.
fn is_encrypted(zip: &mut ZipArchive<Cursor<&[u8]>>) -> bool {
    let Ok(manifest) = zip.by_name("META-INF/manifest.xml") else { return false };
    let mut text = Vec::new();
    let read = manifest.take(1 << 20).read_to_end(&mut text);
    let word = b"encryption-data";
    read.is_ok() && text.windows(word.len()).any(|part| part == word)
}

/// Unpacks into nothing what no parser opens.
fn unpack(entry: &mut impl Read, left: &mut u64) -> Result<(), Refusal> {
    let unpacked = std::io::copy(&mut entry.take(left.saturating_add(1)), &mut std::io::sink());
    let unpacked = unpacked.map_err(|_| Refusal::Damaged)?;
    *left = left.checked_sub(unpacked).ok_or(Refusal::TooBigInside)?;
    Ok(())
}

/// What the parser would find in a file of this name; nothing if it never opens it.
fn part(name: &str) -> Option<Part> {
    if !(name.ends_with(".xml") || name.ends_with(".rels")) {
        return None;
    }
    Some(if name == "content.xml" {
        Part::Content
    } else if name.ends_with("sharedstrings.xml") {
        Part::Strings
    } else if name.contains("worksheets/")
        && !["styles.xml", "workbook.xml", ".rels"].iter().any(|end| name.ends_with(end))
    {
        Part::Sheet
    } else if name.ends_with("workbook.xml") {
        Part::Book
    } else if name.ends_with("workbook.xml.rels") {
        Part::Links
    } else {
        Part::Other
    })
}
