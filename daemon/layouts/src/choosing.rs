//! Which layout knows a file: the one that finds most columns under the first headings that any of
//! them knows.

use vekha_plugin_tables::{Cell, SeenRow};

use crate::Purpose;
use crate::compiled::Compiled;
use crate::following::{Followed, Following};
use crate::heads::Heads;
use crate::notes::At;
use crate::understood::NoteKind;

/// How far headings are looked for.
const WITHIN: usize = 500;

/// A row that waits until it is known what it means.
#[derive(Debug)]
struct Kept {
    sheet: String,
    number: u32,
    cells: Vec<(u32, Cell)>,
}

/// A file whose layout is not known yet, or is followed already.
#[derive(Debug)]
pub struct Choosing<'a> {
    purpose: Purpose<'a>,
    name: String,
    at: usize,
    kept: Vec<Kept>,
    compiled: Vec<Compiled<'a>>,
    /// The best so far: the layout, and how many columns it found.
    best: Option<(usize, usize)>,
    /// What came nearest: the layout, where, how many columns and which it lacked.
    nearest: Option<(usize, usize, usize, Vec<String>)>,
    following: Option<Following<'a>>,
}

impl<'a> Choosing<'a> {
    pub fn new(purpose: Purpose<'a>, name: &str, at: usize) -> Self {
        let compiled = purpose.layouts.iter().map(|layout| Compiled::of(layout)).collect();
        Choosing {
            purpose,
            name: name.to_owned(),
            at,
            kept: Vec::new(),
            compiled,
            best: None,
            nearest: None,
            following: None,
        }
    }

    pub fn row(&mut self, row: SeenRow<'_>) {
        if let Some(following) = &mut self.following {
            return following.row(row);
        }
        if self.kept.len() == WITHIN {
            return;
        }
        // Headings may go on in the row below the first of them.
        let decided = self.best.is_some();
        self.look(row);
        let (sheet, number, cells) = (row.sheet.to_owned(), row.number, row.cells.to_vec());
        self.kept.push(Kept { sheet, number, cells });
        if decided {
            self.decide();
        }
    }

    fn look(&mut self, row: SeenRow<'_>) {
        let above = self.kept.last().filter(|above| above.sheet == row.sheet);
        let above = above.map(|above| above.cells.as_slice());
        for (at, compiled) in self.compiled.iter().enumerate() {
            let heads = Heads::find(compiled, row.number, row.cells, above);
            let found = heads.columns.len();
            let missing = heads.missing(compiled);
            if found > 0 && missing.is_empty() && self.best.is_none_or(|(_, most)| found > most) {
                self.best = Some((at, found));
            }
            if found > 1 && self.nearest.as_ref().is_none_or(|near| found > near.2) {
                let missing = missing.into_iter().map(str::to_owned).collect();
                self.nearest = Some((at, self.kept.len(), found, missing));
            }
        }
    }

    fn decide(&mut self) {
        let Some((best, _)) = self.best.take() else { return };
        let compiled = self.compiled.swap_remove(best);
        let mut following = Following::new(self.purpose, compiled, &self.name, self.at);
        for kept in self.kept.drain(..) {
            following.row(SeenRow { sheet: &kept.sheet, number: kept.number, cells: &kept.cells });
        }
        self.following = Some(following);
    }

    pub fn end(mut self) -> Followed<'a> {
        self.decide();
        if let Some(following) = self.following {
            return following.end();
        }
        let mut followed = Followed::nothing(&self.name, self.at);
        let (at, text) = match self.nearest {
            Some((layout, row, _, missing)) => {
                let missing: Vec<String> = missing.iter().map(|name| format!("«{name}»")).collect();
                let title = &self.purpose.layouts[layout].title;
                let text = format!("похоже на «{title}», но нет столбцов: {}", missing.join(", "));
                (self.kept.get(row), text)
            }
            None => {
                let known: Vec<&str> =
                    self.purpose.layouts.iter().map(|layout| layout.title.as_str()).collect();
                let text = format!("ни одна раскладка не узнала заголовков: {}", known.join("; "));
                (None, text)
            }
        };
        let at = at.map(|kept| At {
            sheet: &kept.sheet,
            row: kept.number,
            column: kept.cells.first().map_or(0, |(column, _)| *column),
        });
        followed.notes.add(NoteKind::Unclear, at, text);
        followed
    }
}
