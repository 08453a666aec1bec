//! Finds single questions and the answers beside them.

use std::collections::{HashMap, HashSet};

use vekha_proto::v1::{FieldType, Form, FormField, Required};

use super::grid::{Cell, Grid};
use super::used::Used;
use super::value::{self, Options};
use crate::headings::{self, ANSWER, FORM_SHEET, HELP, QUESTION, key};
use crate::{CellError, Place, Sheet, russian};

/// Rows in which headings are looked for.
pub(crate) const HEADING_ROWS: usize = 1_000;

/// What fields may be called in a file: by heading, else by plain label, else by id; but not by what
/// is `taken` for something else.
pub(crate) struct Names(HashMap<String, usize>);

impl Names {
    pub(crate) fn of(fields: &[FormField], headings: &[String], taken: &[&str]) -> Self {
        let mut names = HashMap::new();
        let taken: Vec<String> = taken.iter().map(|name| key(name)).collect();
        let mut add = |name: &str, at: usize| {
            let key = key(name);
            if !taken.contains(&key) {
                names.entry(key).or_insert(at);
            }
        };
        for (at, heading) in headings.iter().enumerate() {
            add(heading, at);
        }
        for (at, field) in fields.iter().enumerate() {
            let same = fields.iter().filter(|other| key(&other.label) == key(&field.label));
            if same.count() == 1 {
                add(&field.label, at);
            }
        }
        for (at, field) in fields.iter().enumerate() {
            add(&field.id, at);
        }
        Names(names)
    }

    pub(crate) fn find(&self, cell: &Cell) -> Option<usize> {
        // Headings that look like numbers may have become ones.
        match cell {
            Cell::Error(_) | Cell::Bool(_) | Cell::Unreckoned => None,
            cell => self.0.get(&key(&cell.text())).copied(),
        }
    }
}

/// A question's answer in the file, blank or not.
struct Found<'a> {
    place: Place,
    cell: Option<&'a Cell>,
}

/// Reads all single fields of the form; returns how many of them are in the file. With `whole`, the
/// file is our own template, and whatever is not in it was taken out of it.
pub(crate) fn read(
    form: &Form,
    grids: &[Grid],
    whole: bool,
    sheet: &mut Sheet,
    used: &mut Used,
) -> usize {
    let headings = headings::headings(&form.fields, &[QUESTION, HELP, ANSWER]);
    let names = Names::of(&form.fields, &headings, &[QUESTION, HELP, ANSWER]);
    let mut found: HashMap<usize, Found<'_>> = HashMap::new();
    grids.iter().filter(|grid| !grid.rows.is_empty()).for_each(|grid| used.sheet(&grid.name));
    for grid in sheets_of_questions(grids) {
        left(form, &names, grid, used);
        for (at, row, column, cell) in answers(form, &names, grid) {
            used.row(&grid.name, row);
            used.answered(&grid.name, column);
            let place = Place {
                sheet: grid.name.clone(),
                row: row + 1,
                column: russian::column(column),
                heading: headings[at].clone(),
            };
            match found.get(&at) {
                Some(Found { cell: Some(first), .. }) => {
                    if cell.is_some_and(|cell| cell != *first) {
                        let path = form.fields[at].id.clone();
                        let message = "этот вопрос есть в файле дважды с разными ответами: \
                                       оставьте один";
                        sheet.mistake(path, Some(place), message);
                    }
                }
                _ => {
                    found.insert(at, Found { place, cell });
                }
            }
        }
    }
    for (at, field) in form.fields.iter().enumerate() {
        if field.r#type() == FieldType::Table {
            continue;
        }
        match found.get(&at) {
            None if whole || field.required() == Required::Always => {
                let message = format!(
                    "в файле нет вопроса «{}»: скачайте шаблон снова и перенесите в него ответы",
                    headings[at]
                );
                sheet.mistake(field.id.clone(), None, message);
                sheet.places.miss(field.id.clone());
            }
            None => {}
            Some(Found { place, cell }) => {
                sheet.places.single(&field.id, place.clone());
                let Some(cell) = cell else { continue };
                match value::value(field, &Options::of(field), cell) {
                    Ok(value) => {
                        sheet.answers.insert(field.id.clone(), value);
                    }
                    Err(message) => {
                        sheet.mistake(field.id.clone(), Some(place.clone()), message);
                    }
                }
            }
        }
    }
    found.len()
}

/// How many of the form's single questions a sheet has.
pub(crate) fn count(form: &Form, grid: &Grid) -> usize {
    let headings = headings::headings(&form.fields, &[QUESTION, HELP, ANSWER]);
    let names = Names::of(&form.fields, &headings, &[QUESTION, HELP, ANSWER]);
    // A question without room for an answer is a line that was not split.
    answers(form, &names, grid).filter(|(_, _, _, cell)| cell.is_some()).count()
        // What is surely the row of headings counts for more than any number of likenesses.
        + heading_row(grid).map_or(0, |_| HEADING_ROWS)
}

/// The sheets that have the headings of questions and answers; else the first sheet of a form; else
/// all of them.
fn sheets_of_questions(grids: &[Grid]) -> Vec<&Grid> {
    let headed: Vec<&Grid> = grids.iter().filter(|grid| heading_row(grid).is_some()).collect();
    if !headed.is_empty() {
        return headed;
    }
    let named: Vec<&Grid> = grids.iter().filter(|grid| grid.name == FORM_SHEET).collect();
    if named.is_empty() { grids.iter().collect() } else { named }
}

/// The row «Вопрос … Ответ», and these two columns.
fn heading_row(grid: &Grid) -> Option<(u32, u32, u32)> {
    let (question, answer) = (key(QUESTION), key(ANSWER));
    grid.rows.iter().take(HEADING_ROWS).find_map(|row| {
        let column = |wanted: &str| {
            let is = |cell: &Cell| matches!(cell, Cell::Text(text) if key(text) == wanted);
            row.cells.iter().find(|(_, cell)| is(cell)).map(|(column, _)| *column)
        };
        Some((row.number, column(&question)?, column(&answer)?))
    })
}

/// Each question of a sheet: field, row, column and cell of its answer.
fn answers<'a>(
    form: &'a Form,
    names: &'a Names,
    grid: &'a Grid,
) -> impl Iterator<Item = (usize, u32, u32, Option<&'a Cell>)> {
    let headed = heading_row(grid);
    let below = headed.map_or(0, |(row, ..)| row + 1);
    // Without headings any cell may be a question, but only near the top.
    let rows = if headed.is_some() { usize::MAX } else { HEADING_ROWS };
    grid.rows.iter().take(rows).filter(move |row| row.number >= below).filter_map(move |row| {
        let single =
            |cell| names.find(cell).filter(|at| form.fields[*at].r#type() != FieldType::Table);
        match headed {
            Some((_, question, answer)) => {
                let at = single(row.cell(question)?)?;
                Some((at, row.number, answer, row.cell(answer)))
            }
            None => {
                let position = row.cells.iter().position(|(_, cell)| single(cell).is_some())?;
                let (column, cell) = &row.cells[position];
                let next = row.cells.get(position + 1);
                let answer = next.map_or(column + 1, |(column, _)| *column);
                Some((single(cell)?, row.number, answer, next.map(|(_, cell)| cell)))
            }
        }
    })
}

/// Notes what stands beside and between the questions of a sheet and is read by nobody.
fn left(form: &Form, names: &Names, grid: &Grid, used: &mut Used) {
    let short = |cell: &Cell| headings::one_line(&cell.text());
    let Some((head, question, answer)) = heading_row(grid) else {
        return left_unheaded(form, names, grid, used);
    };
    used.headed(&grid.name);
    let help = key(HELP);
    let heading = |column: u32| {
        let cell = grid.row(head).and_then(|row| row.cell(column));
        cell.map(short).unwrap_or_default()
    };
    let mut told: HashSet<u32> = HashSet::new();
    for row in grid.rows.iter().filter(|row| row.number >= head) {
        let asked = row.cell(question);
        let known = asked.and_then(|cell| names.find(cell));
        for (column, cell) in &row.cells {
            let (at, name) = ((row.number, *column), heading(*column));
            if row.number > head && *column == answer && known.is_none() {
                let asked = asked.map(short).unwrap_or_default();
                let words = match asked.as_str() {
                    "" => "рядом с ответом нет вопроса: не прочитан".to_owned(),
                    _ => format!("вопроса «{asked}» в форме нет: ответ не прочитан"),
                };
                used.question(&grid.name, at, "", &words);
            }
            let ours = [question, answer].contains(column) || key(&name) == help;
            // Numbers of questions, which people put before them, are no answers.
            if ours || *column < question || !told.insert(*column) {
                continue;
            }
            let words = match name.as_str() {
                "" => format!("столбец без заголовка («{}») не прочитан", cut(&short(cell))),
                name if key(name) == key(ANSWER) => {
                    let read = russian::column(answer);
                    format!("второй столбец ответов не прочитан: ответы взяты из столбца {read}")
                }
                _ => "такого столбца в форме нет: не прочитан".to_owned(),
            };
            used.question(&grid.name, at, &name, &words);
        }
    }
}

/// The same where no headings say what is a question.
fn left_unheaded(form: &Form, names: &Names, grid: &Grid, used: &mut Used) {
    let known = |cell: &Cell| {
        names.find(cell).is_some_and(|at| form.fields[at].r#type() != FieldType::Table)
    };
    for row in grid.rows.iter().take(HEADING_ROWS) {
        match row.cells.iter().position(|(_, cell)| known(cell)) {
            Some(at) => {
                if let Some((column, cell)) = row.cells.get(at + 2) {
                    let words = format!("второй ответ («{}») не прочитан", cut(&cell.text()));
                    used.question(&grid.name, (row.number, *column), "", &words);
                }
            }
            None if row.cells.len() > 1 => {
                let (column, cell) = &row.cells[0];
                let name = headings::one_line(&cell.text());
                let words = format!("вопроса «{}» в форме нет: строка не прочитана", cut(&name));
                used.question(&grid.name, (row.number, *column), "", &words);
            }
            None => {}
        }
    }
}

/// A text of which people recognise a cell.
fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

impl Sheet {
    /// Notes a mistake. A file of nothing but mistakes is not told in full: people read the first
    /// ones, and the list is the server's memory.
    pub(crate) fn mistake(
        &mut self,
        path: String,
        place: Option<Place>,
        message: impl Into<String>,
    ) {
        const MOST: usize = 1_000;
        if self.mistakes.len() < MOST {
            self.mistakes.push(CellError { path, place, message: message.into() });
        }
    }
}
