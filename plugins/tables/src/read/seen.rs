//! What the look through a workbook notes because the parser does not tell: rows, columns and sheets
//! that nobody sees, formulas that nobody has reckoned, numbers that are shown otherwise than they are kept.

use std::mem::take;

use crate::russian;

/// A cell: sheet, row and column, from 0.
pub(crate) type At = (u32, u32, u32);

/// Rows, or columns, from the first to the last, counted from 0, in ascending order once they are settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows(Vec<(u32, u32)>);

impl Rows {
    pub(crate) fn add(&mut self, first: u32, last: u32) {
        match self.0.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => self.0.push((first, last)),
        }
    }

    pub(crate) fn has(&self, row: u32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= row);
        after.checked_sub(1).is_some_and(|at| self.0[at].1 >= row)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As people count: «3, 7–9».
    pub(crate) fn words(&self) -> String {
        self.words_by(|row| (row + 1).to_string())
    }

    /// As columns: «B, D–F».
    pub(crate) fn columns(&self) -> String {
        self.words_by(russian::column)
    }

    fn words_by(&self, name: impl Fn(u32) -> String) -> String {
        const MOST: usize = 20;
        let one = |(first, last): &(u32, u32)| match first == last {
            true => name(*first),
            false => format!("{}–{}", name(*first), name(*last)),
        };
        let mut words: Vec<String> = self.0.iter().take(MOST).map(one).collect();
        if self.0.len() > MOST {
            words.push("…".to_owned());
        }
        words.join(", ")
    }
}

/// What nobody sees of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// Rows that are hidden or filtered out.
    pub rows: Rows,
    pub columns: Rows,
    /// The sheet itself.
    pub whole: bool,
}

/// What was noted, of all sheets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What nobody sees, by the sheet's place in the workbook.
    pub hidden: Vec<Hidden>,
    /// ODS: names of the styles of tables that are not displayed.
    pub undisplayed: Vec<String>,
    /// ODS: cells that hold a share, sorted.
    pub percents: Vec<At>,
    /// ODS: formulas without a value, sorted.
    pub unreckoned: Vec<At>,
    /// ODS: whole numbers that are shown with zeros before them, sorted, and with how many digits.
    pub padded: Vec<(At, u8)>,
    /// XLSX: whether there are formulas at all.
    pub formulas: bool,
    /// XLSX: files of sheets in the order of the archive, with what is hidden there.
    pub parts: Vec<(String, Hidden)>,
    /// XLSX: the sheets in the workbook's order, by the names of their links, and whether they are
    /// hidden.
    pub sheets: Vec<(String, bool)>,
    /// XLSX: by name, which file a link leads to.
    pub links: Vec<(String, String)>,
}

impl Seen {
    /// Brings all into the order in which it is asked for.
    pub(crate) fn settle(&mut self) {
        self.percents.sort_unstable();
        self.unreckoned.sort_unstable();
        self.padded.sort_unstable();
        let (mut parts, links) = (take(&mut self.parts), take(&mut self.links));
        for (_, hidden) in &mut parts {
            hidden.rows.0.sort_unstable();
            hidden.columns.0.sort_unstable();
        }
        for (sheet, whole) in take(&mut self.sheets) {
            let target = links.iter().find(|(name, _)| *name == sheet);
            let found = target.and_then(|(_, target)| {
                let target = target.trim_start_matches(['/', '.']).to_ascii_lowercase();
                parts.iter().find(|(part, _)| !target.is_empty() && part.ends_with(&target))
            });
            let hidden = found.map(|(_, hidden)| hidden.clone()).unwrap_or_default();
            self.hidden.push(Hidden { whole, ..hidden });
        }
    }

    pub(crate) fn hidden(&self, sheet: usize) -> Hidden {
        self.hidden.get(sheet).cloned().unwrap_or_default()
    }
}
