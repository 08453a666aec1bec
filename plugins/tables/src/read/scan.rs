//! Looks through the XML of a workbook as it is unpacked, and counts, before a parser builds
//! anything of it: how many cells, strings and styles there are, how far repeated cells of ODS
//! would expand, what sizes the file claims. A few hundred bytes of XML can ask a parser for
//! gigabytes; this is where they are refused.
//!
//! Elements must end in the order in which they begin, for the parser does not look.
//!
//! The scanner sees tags exactly as the parser does (quotes, comments, CDATA); it never holds more
//! than one of them.

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

enum State {
    Text,
    /// Within `<…>`; the quote that is open.
    Tag(Option<u8>),
    /// Within something that ends with these bytes.
    Until(&'static [u8]),
}

pub(crate) struct Scan<'a> {
    part: Part,
    limits: &'a Limits,
    counts: &'a mut Counts,
    state: State,
    tag: Vec<u8>,
    text: usize,
    elements: usize,
    open: Open,
    ods: OdsSize,
    /// XLSX: the row that comes next if it does not say which it is, from 0.
    row: u32,
}

/// The names of the elements that are open. The parser waits for the end of an element and takes any
/// name for it; where that end never comes, it waits for ever.
#[derive(Default)]
struct Open {
    names: Vec<u8>,
    starts: Vec<usize>,
}

impl Open {
    fn tag(&mut self, tag: &[u8]) -> Result<(), Refusal> {
        // What the parser takes for the end of a name.
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
        if let Some(name) = tag.strip_prefix(b"/") {
            let length = name.iter().rposition(|b| !blank(b)).map_or(0, |at| at + 1);
            let start = self.starts.pop().ok_or(Refusal::Damaged)?;
            if self.names[start..] != name[..length] {
                return Err(Refusal::Damaged);
            }
            self.names.truncate(start);
        } else if tag.last() != Some(&b'/') {
            if self.starts.len() >= DEEPEST {
                return Err(Refusal::Damaged);
            }
            self.starts.push(self.names.len());
            let length = tag.iter().position(blank).unwrap_or(tag.len());
            self.names.extend_from_slice(&tag[..length]);
        }
        Ok(())
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(part: Part, limits: &'a Limits, counts: &'a mut Counts) -> Self {
        Scan {
            part,
            limits,
            counts,
            state: State::Text,
            tag: Vec::with_capacity(256),
            text: 0,
            elements: 0,
            open: Open::default(),
            ods: OdsSize::default(),
            row: 0,
        }
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        // UTF-16 would hide every tag from us and none from the parser.
        if bytes.contains(&0) {
            return Err(Refusal::Damaged);
        }
        while let Some(&first) = bytes.first() {
            match &mut self.state {
                State::Text => {
                    let end = bytes.iter().position(|b| *b == b'<');
                    self.text += end.unwrap_or(bytes.len());
                    if self.part == Part::Content {
                        self.ods.text(&bytes[..end.unwrap_or(bytes.len())]);
                    }
                    if self.text > LONGEST {
                        return Err(Refusal::TooBigInside);
                    }
                    let Some(end) = end else { return Ok(()) };
                    bytes = &bytes[end + 1..];
                    self.state = State::Tag(None);
                    self.tag.clear();
                }
                State::Tag(quote) => {
                    bytes = &bytes[1..];
                    match (*quote, first) {
                        (None, b'>') => {
                            self.state = State::Text;
                            self.text = 0;
                            self.tag()?;
                            continue;
                        }
                        (None, b'"' | b'\'') => *quote = Some(first),
                        (Some(open), _) if open == first => *quote = None,
                        _ => {}
                    }
                    self.tag.push(first);
                    match self.tag.as_slice() {
                        b"!--" => self.state = State::Until(b"-->"),
                        b"![CDATA[" => self.state = State::Until(b"]]>"),
                        b"?" => self.state = State::Until(b"?>"),
                        // No writer of spreadsheets has a DTD; entities live there.
                        b"!D" | b"!d" => return Err(Refusal::Damaged),
                        tag if tag.len() > LONGEST => return Err(Refusal::TooBigInside),
                        _ => {}
                    }
                    if matches!(self.state, State::Until(_)) {
                        self.tag.clear();
                    }
                }
                State::Until(end) => {
                    bytes = &bytes[1..];
                    self.tag.push(first);
                    if self.tag.ends_with(end) {
                        self.state = State::Text;
                    } else if self.tag.len() > LONGEST {
                        return Err(Refusal::TooBigInside);
                    }
                }
            }
        }
        Ok(())
    }

    /// The end of the part.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.state {
            State::Text if self.open.starts.is_empty() => Ok(()),
            _ => Err(Refusal::Damaged),
        }
    }

    fn tag(&mut self) -> Result<(), Refusal> {
        let tag = std::mem::take(&mut self.tag);
        let result = self.open.tag(&tag).and_then(|()| self.count(&tag));
        self.tag = tag;
        result
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
