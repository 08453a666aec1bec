//! Looks through the XML of a workbook as it is unpacked, and counts, before a parser builds
//! anything of it: how many cells, strings and styles there are, how far repeated cells of ODS
//! would expand, what sizes the file claims. A few hundred bytes of XML can ask a parser for
//! gigabytes; this is where they are refused.
//!
//! Tags are told by the tokeniser that the parser has, so that what it sees is what is counted; but
//! elements must end in the order in which they begin, for the parser does not look, and no tag and no
//! text may be longer than any honest one: it would be held whole.

use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::ods_size::{OdsSize, attribute, text};
use super::refusal::Refusal;
use super::seen::Seen;
use crate::Limits;

/// Longest tag and longest text between two tags. A cell holds at most 32 767 characters.
const LONGEST: usize = 1 << 20;
/// Most elements of a part that is neither cells nor strings: styles, relationships, sheets.
const MOST_ELEMENTS: usize = 400_000;
/// Deepest nesting of elements.
const DEEPEST: usize = 256;

/// What is counted over all parts of a file.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: usize,
    cells: usize,
    strings: usize,
    /// What is noted beside.
    pub seen: Seen,
}

/// What a part of a workbook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// XLSX: a sheet's cells.
    Sheet,
    /// XLSX: strings of all sheets.
    Strings,
    /// ODS: all sheets.
    Content,
    /// XLSX: which sheets there are.
    Book,
    /// XLSX: which files hold them.
    Links,
    /// Any other XML.
    Other,
}

/// What is counted of one part.
pub(crate) struct Scan<'a> {
    part: Part,
    limits: &'a Limits,
    counts: &'a mut Counts,
    elements: usize,
    ods: OdsSize,
    /// XLSX: the row that comes next if it does not say which it is, from 0.
    row: u32,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(part: Part, limits: &'a Limits, counts: &'a mut Counts) -> Self {
        Scan { part, limits, counts, elements: 0, ods: OdsSize::default(), row: 0 }
    }

    /// Looks through a part, of which this many bytes more may come.
    pub(crate) fn through(mut self, entry: impl Read, left: &mut u64) -> Result<(), Refusal> {
        let mut reader = Reader::from_reader(Bounded::new(entry, left));
        let walked = self.walk(&mut reader);
        walked.map_err(|refusal| reader.get_mut().refusal.take().unwrap_or(refusal))
    }

    fn walk(&mut self, reader: &mut Reader<Bounded<'_, impl Read>>) -> Result<(), Refusal> {
        let (mut buffer, mut tag, mut depth) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            buffer.clear();
            tag.clear();
            reader.get_mut().allowed = LONGEST;
            match reader.read_event_into(&mut buffer).map_err(|_| Refusal::Damaged)? {
                // The parser waits for the end of an element; where that never comes, it waits for ever.
                Event::Eof if depth > 0 => return Err(Refusal::Damaged),
                Event::Eof => return Ok(()),
                Event::Start(start) => {
                    depth += 1;
                    if depth > DEEPEST {
                        return Err(Refusal::Damaged);
                    }
                    tag.extend_from_slice(start.as_bytes());
                }
                Event::Empty(start) => {
                    tag.extend_from_slice(start.as_bytes());
                    tag.push(b'/');
                }
                Event::End(end) => {
                    depth = depth.checked_sub(1).ok_or(Refusal::Damaged)?;
                    tag.push(b'/');
                    tag.extend_from_slice(end.name().as_ref().as_bytes());
                }
                Event::Text(text) => self.text(text.as_bytes()),
                Event::GeneralRef(_) => self.text(b"&"),
                // No writer of spreadsheets has a DTD; entities live there.
                Event::DocType(_) => return Err(Refusal::Damaged),
                Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
            if !tag.is_empty() {
                self.count(&tag)?;
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        if self.part == Part::Content {
            self.ods.text(text);
        }
    }

    fn count(&mut self, tag: &[u8]) -> Result<(), Refusal> {
        if self.part == Part::Content {
            return self.ods.tag(tag, self.limits, &mut self.counts.seen);
        }
        let end = tag.iter().position(|b| b.is_ascii_whitespace() || *b == b'/');
        let name = &tag[..end.unwrap_or(tag.len())];
        let local = name.iter().rposition(|b| *b == b':').map_or(name, |at| &name[at + 1..]);
        let mut claimed = 0;
        match self.part {
            Part::Sheet => match local {
                b"row" if !tag.starts_with(b"/") => {
                    self.counts.rows += 1;
                    self.note_row(tag);
                }
                b"col" => {
                    self.note_columns(tag);
                    self.element()?;
                }
                b"c" => self.counts.cells += 1,
                b"f" => self.counts.seen.formulas = true,
                b"v" | b"is" | b"t" | b"" => {}
                _ => self.element()?,
            },
            Part::Strings => match local {
                b"si" => self.counts.strings += 1,
                // The parser makes room for as many strings as the file claims.
                b"sst" => claimed = attribute(tag, b"uniqueCount").unwrap_or(0),
                _ => {}
            },
            Part::Book => {
                if local == b"sheet" && self.counts.seen.sheets.len() < self.limits.entries {
                    let hidden = matches!(text(tag, b" state").as_str(), "hidden" | "veryHidden");
                    self.counts.seen.sheets.push((text(tag, b":id"), hidden));
                }
                self.element()?;
            }
            Part::Links => {
                if local == b"Relationship" && self.counts.seen.links.len() < self.limits.entries {
                    let link = (text(tag, b" Id"), text(tag, b" Target"));
                    self.counts.seen.links.push(link);
                }
                self.element()?;
            }
            Part::Other | Part::Content => self.element()?,
        }
        let counts = &self.counts;
        if counts.rows > self.limits.rows
            || counts.cells > self.limits.cells
            || counts.strings.max(claimed) > self.limits.cells
        {
            return Err(Refusal::TooMany);
        }
        Ok(())
    }

    /// Takes account of a row that nobody sees.
    fn note_row(&mut self, tag: &[u8]) {
        let said = attribute(tag, b" r").and_then(|row| u32::try_from(row.checked_sub(1)?).ok());
        let row = said.unwrap_or(self.row);
        self.row = row.saturating_add(1);
        if matches!(text(tag, b" hidden").as_str(), "1" | "true")
            && let Some((_, hidden)) = self.counts.seen.parts.last_mut()
        {
            hidden.rows.add(row, row);
        }
    }

    /// Takes account of columns that nobody sees.
    fn note_columns(&mut self, tag: &[u8]) {
        let at = |name| attribute(tag, name).and_then(|at| u32::try_from(at.checked_sub(1)?).ok());
        if matches!(text(tag, b" hidden").as_str(), "1" | "true")
            && let (Some(first), Some(last)) = (at(b" min".as_slice()), at(b" max".as_slice()))
            && first <= last
            && let Some((_, hidden)) = self.counts.seen.parts.last_mut()
        {
            hidden.columns.add(first, last);
        }
    }

    /// An element of which there are few in an honest file.
    fn element(&mut self) -> Result<(), Refusal> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS { Err(Refusal::TooMany) } else { Ok(()) }
    }
}

/// A part that is unpacked as it is read: so many bytes in all, and so many for what is read in one
/// piece, a tag or the text between two tags.
struct Bounded<'l, R> {
    inner: BufReader<R>,
    left: &'l mut u64,
    /// How many bytes the piece may still have.
    allowed: usize,
    /// How many of the bytes at hand were looked at.
    clean: usize,
    /// Why reading ended, if that was not the end.
    refusal: Option<Refusal>,
}

impl<'l, R: Read> Bounded<'l, R> {
    fn new(entry: R, left: &'l mut u64) -> Self {
        let inner = BufReader::with_capacity(64 << 10, entry);
        Bounded { inner, left, allowed: LONGEST, clean: 0, refusal: None }
    }

    fn refuse(&mut self, refusal: Refusal) -> io::Error {
        self.refusal = Some(refusal);
        io::ErrorKind::Other.into()
    }
}

impl<R: Read> BufRead for Bounded<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let known = self.clean;
        let (sound, count) = match self.inner.fill_buf() {
            // UTF-16 would hide tags.
            Ok(bytes) => (!bytes[known..].contains(&0), bytes.len()),
            Err(_) => (false, 0),
        };
        if !sound {
            return Err(self.refuse(Refusal::Damaged));
        }
        self.clean = count;
        let most = self.allowed.min(usize::try_from(*self.left).unwrap_or(usize::MAX));
        if most == 0 && count > 0 {
            return Err(self.refuse(Refusal::TooBigInside));
        }
        let bytes = self.inner.fill_buf()?;
        Ok(&bytes[..bytes.len().min(most)])
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.clean = self.clean.saturating_sub(count);
        self.allowed = self.allowed.saturating_sub(count);
        *self.left = self.left.saturating_sub(count as u64);
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}
