//! Finds the tables of a form by their headings, and reads their rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use vekha_proto::v1::{FieldType, Form, FormField, Required};

use super::grid::{Grid, Row};
use super::singles::{HEADING_ROWS, Names};
use super::used::Used;
use super::value::{self, Options};
use crate::headings::{self, key};
use crate::place::TablePlace;
use crate::{Sheet, Values};

/// Where a table's headings stand in a sheet.
struct Located {
    /// The row of headings.
    row: u32,
    /// By position of the column in the form: where it is in the sheet.
    columns: Vec<Option<u32>>,
    /// Where the names of fixed rows are.
    names: Option<u32>,
    /// Columns that are there twice: where, and its position in the form.
    twice: Vec<(u32, usize)>,
    /// Headings that the form does not have, and where.
    strange: BTreeMap<u32, String>,
}

impl Located {
    fn count(&self) -> usize {
        self.columns.iter().flatten().count()
    }
}

/// A table of the form and all that it is looked for by.
struct Wanted<'a> {
    field: &'a FormField,
    headings: Vec<String>,
    names: Names,
}

impl<'a> Wanted<'a> {
    fn of(field: &'a FormField) -> Self {
        let headings = headings::columns(field);
        let names = Names::of(&field.columns, &headings, &[&headings::row_names(field)]);
        Wanted { field, headings, names }
    }

    /// The row of a sheet that has most of the table's headings.
    fn locate(&self, grid: &Grid) -> Option<Located> {
        let mut best: Option<Located> = None;
        for row in grid.rows.iter().take(HEADING_ROWS) {
            let located = self.headings_in(row);
            if located.count() > best.as_ref().map_or(0, Located::count) {
                best = Some(located);
            }
        }
        let mut best = best?;
        if best.names.is_none() && !self.field.rows.is_empty() {
            best.names = self.names_by_rows(grid, &best);
        }
        Some(best)
    }

    fn headings_in(&self, row: &Row) -> Located {
        let mut located = Located {
            row: row.number,
            columns: vec![None; self.headings.len()],
            names: None,
            twice: Vec::new(),
            strange: BTreeMap::new(),
        };
        let names = key(&headings::row_names(self.field));
        for (column, cell) in &row.cells {
            match self.names.find(cell) {
                Some(at) if located.columns[at].is_none() => located.columns[at] = Some(*column),
                Some(at) => located.twice.push((*column, at)),
                None if !self.field.rows.is_empty() && key(&cell.text()) == names => {
                    located.names = Some(*column);
                }
                None => {
                    let name = headings::one_line(&cell.text());
                    located.strange.insert(*column, name);
                }
            }
        }
        located
    }

    /// The column in which the names of fixed rows stand, if its heading was changed.
    fn names_by_rows(&self, grid: &Grid, located: &Located) -> Option<u32> {
        let names: Vec<String> = headings::rows(self.field).iter().map(|row| key(row)).collect();
        let mut hits: HashMap<u32, usize> = HashMap::new();
        let below = grid.rows.iter().filter(|row| row.number > located.row);
        for row in below.take(HEADING_ROWS) {
            for (column, cell) in &row.cells {
                if !located.columns.contains(&Some(*column)) && names.contains(&key(&cell.text())) {
                    *hits.entry(*column).or_default() += 1;
                }
            }
        }
        hits.into_iter().max_by_key(|(column, hits)| (*hits, u32::MAX - column)).map(|hit| hit.0)
    }
}

/// How many headings of the form's tables a sheet has.
pub(crate) fn count(form: &Form, grid: &Grid) -> usize {
    let tables = form.fields.iter().filter(|field| field.r#type() == FieldType::Table);
    tables.filter_map(|field| Wanted::of(field).locate(grid)).map(|located| located.count()).sum()
}

/// Reads all tables of the form; returns how many of them are in the file.
pub(crate) fn read(
    form: &Form,
    grids: Vec<Grid>,
    whole: bool,
    sheet: &mut Sheet,
    used: &mut Used,
) -> usize {
    let sheet_names = headings::sheets(form);
    let tables: Vec<(Wanted<'_>, &str)> = form
        .fields
        .iter()
        .zip(&sheet_names)
        .filter_map(|(field, name)| Some((Wanted::of(field), name.as_deref()?)))
        .collect();
    let mut grids: Vec<Option<Grid>> = grids.into_iter().map(Some).collect();
    let mut found: Vec<Option<(Grid, Located)>> = tables.iter().map(|_| None).collect();
    // First by the sheet's name, for two tables may have the same columns; then by headings.
    for by_name in [true, false] {
        for ((wanted, name), found) in tables.iter().zip(&mut found) {
            if found.is_some() {
                continue;
            }
            let mut best: Option<(usize, Located)> = None;
            for (at, grid) in grids.iter().enumerate() {
                let Some(grid) = grid else { continue };
                if by_name && key(&grid.name) != key(name) {
                    continue;
                }
                let Some(located) = wanted.locate(grid) else { continue };
                let enough = by_name || located.count() * 2 >= wanted.headings.len();
                if enough && best.as_ref().is_none_or(|(_, b)| located.count() > b.count()) {
                    best = Some((at, located));
                }
            }
            *found = best.and_then(|(at, located)| Some((grids[at].take()?, located)));
        }
    }
    let mut count = 0;
    for ((wanted, name), found) in tables.iter().zip(found) {
        match found {
            Some((grid, located)) => {
                count += 1;
                left(&grid, &located, used);
                rows(wanted, grid, &located, whole, sheet, used);
            }
            None if whole || wanted.field.required() == Required::Always => {
                let message = format!(
                    "в файле нет таблицы «{}» (лист «{name}»): скачайте шаблон снова и перенесите \
                     в него ответы",
                    wanted.field.label
                );
                sheet.mistake(wanted.field.id.clone(), None, message);
                sheet.places.miss(wanted.field.id.clone());
            }
            None => {}
        }
    }
    count
}

/// Notes the columns of a table's sheet that nobody reads.
fn left(grid: &Grid, located: &Located, used: &mut Used) {
    used.table(&grid.name);
    for (column, name) in &located.strange {
        let words = "такого столбца в форме нет: не прочитан";
        used.column(&grid.name, (located.row, *column), name, words);
    }
    let twice = located.twice.iter().map(|(column, _)| *column);
    let mut known: HashSet<u32> = located.columns.iter().flatten().copied().chain(twice).collect();
    known.extend(located.names.iter().chain(located.strange.keys()));
    for row in grid.rows.iter().filter(|row| row.number > located.row) {
        for (column, cell) in &row.cells {
            if known.insert(*column) {
                let text: String = headings::one_line(&cell.text()).chars().take(60).collect();
                let words = format!("столбец без заголовка («{text}») не прочитан");
                used.column(&grid.name, (row.number, *column), "", &words);
            }
        }
    }
}

/// Reads the rows of a table that was found.
fn rows(
    wanted: &Wanted<'_>,
    grid: Grid,
    located: &Located,
    whole: bool,
    sheet: &mut Sheet,
    used: &mut Used,
) {
    let field = wanted.field;
    let mut place =
        TablePlace { sheet: grid.name.clone(), heading: located.row, ..TablePlace::default() };
    for (at, column) in field.columns.iter().enumerate() {
        if let Some(position) = located.columns[at] {
            place.columns.insert(column.id.clone(), (position, wanted.headings[at].clone()));
        } else if whole || !located.strange.is_empty() || column.required() == Required::Always {
            let message = format!("нет столбца «{}»: верните его заголовок", wanted.headings[at]);
            let at = place.at(located.row, 0, &wanted.headings[at]);
            sheet.mistake(field.id.clone(), Some(at), message);
            sheet.places.miss(format!("{}.{}", field.id, column.id));
        }
    }
    for (column, at) in &located.twice {
        let at = place.at(located.row, *column, &wanted.headings[*at]);
        let message = "такой столбец уже есть левее: оставьте один";
        sheet.mistake(field.id.clone(), Some(at), message);
    }
    let name = grid.name;
    let below = grid.rows.into_iter().filter(|row| row.number > located.row);
    let below = below.filter(|row| {
        located.columns.iter().flatten().any(|column| row.cell(*column).is_some())
            || located.names.is_some_and(|column| row.cell(column).is_some())
    });
    for column in located.columns.iter().flatten().chain(&located.names) {
        used.answered(&name, *column);
    }
    let below = below.inspect(|row| used.row(&name, row.number));
    let reader = RowReader::new(wanted, located);
    let answers = if field.rows.is_empty() {
        reader.free(below, &mut place, sheet)
    } else {
        reader.fixed(below, &mut place, sheet)
    };
    if !answers.is_empty() {
        sheet.answers.insert(field.id.clone(), Value::Array(answers));
    }
    sheet.places.table(&field.id, place);
}

struct RowReader<'a> {
    wanted: &'a Wanted<'a>,
    located: &'a Located,
    options: Vec<Options>,
}

impl<'a> RowReader<'a> {
    fn new(wanted: &'a Wanted<'a>, located: &'a Located) -> Self {
        let options = wanted.field.columns.iter().map(Options::of).collect();
        RowReader { wanted, located, options }
    }

    fn free(
        &self,
        rows: impl Iterator<Item = Row>,
        place: &mut TablePlace,
        sheet: &mut Sheet,
    ) -> Vec<Value> {
        let field = self.wanted.field;
        let mut answers = Vec::new();
        for row in rows {
            if answers.len() >= field.max_rows as usize {
                let at = place.at(row.number, self.first_column(), "");
                let message = format!("строк больше, чем можно: {}", field.max_rows);
                sheet.mistake(field.id.clone(), Some(at), message);
                break;
            }
            place.rows.push(Some(row.number));
            let path = format!("{}[{}]", field.id, answers.len());
            let values = self.values(&row, &path, place, sheet);
            answers.push(Value::Object(values));
        }
        answers
    }

    fn fixed(
        &self,
        rows: impl Iterator<Item = Row>,
        place: &mut TablePlace,
        sheet: &mut Sheet,
    ) -> Vec<Value> {
        let field = self.wanted.field;
        let heading = headings::row_names(field);
        let Some(names_at) = self.located.names else {
            let message = format!("нет столбца с названиями строк «{heading}»: верните его");
            sheet.mistake(field.id.clone(), Some(place.at(place.heading, 0, &heading)), message);
            sheet.places.miss(field.id.clone());
            return Vec::new();
        };
        // A name may stand twice in the form; then its rows come in the form's order.
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let names = headings::rows(field);
        for (at, name) in names.iter().enumerate().rev() {
            by_name.entry(key(name)).or_default().push(at);
        }
        let mut answers: Vec<Option<Values>> = vec![None; field.rows.len()];
        place.rows = vec![None; field.rows.len()];
        for row in rows {
            let name = row.cell(names_at).map(|cell| cell.text()).unwrap_or_default();
            let expected = by_name.get_mut(&key(&name));
            let known = expected.is_some();
            if let Some(at) = expected.and_then(Vec::pop) {
                place.rows[at] = Some(row.number);
                let path = format!("{}[{at}]", field.id);
                answers[at] = Some(self.values(&row, &path, place, sheet));
                continue;
            }
            if self.located.columns.iter().flatten().any(|column| row.cell(*column).is_some()) {
                let short: String = name.chars().take(60).collect();
                let message = match (known, short.as_str()) {
                    (true, _) => format!("строка «{short}» уже есть выше: оставьте одну"),
                    (false, "") => "у строки нет названия: впишите ответы в строки формы".into(),
                    (false, _) => format!("строки «{short}» в форме нет: уберите её"),
                };
                let at = place.at(row.number, names_at, &heading);
                sheet.mistake(field.id.clone(), Some(at), message);
            }
        }
        for (at, name) in names.iter().enumerate().filter(|(at, _)| answers[*at].is_none()) {
            let message = format!("нет строки «{name}»: верните её");
            let heading = place.at(place.heading, names_at, &heading);
            sheet.mistake(format!("{}[{at}]", field.id), Some(heading), message);
        }
        if answers.iter().flatten().all(Values::is_empty) {
            return Vec::new();
        }
        let named = answers.into_iter().zip(&field.rows).map(|(values, name)| {
            let mut row = Values::new();
            row.insert("row".to_owned(), Value::from(name.as_str()));
            row.extend(values.unwrap_or_default());
            Value::Object(row)
        });
        named.collect()
    }

    /// The answers of a row by column id.
    fn values(&self, row: &Row, path: &str, place: &TablePlace, sheet: &mut Sheet) -> Values {
        // Exactly as many as there are: a hundred thousand rows add up.
        let mut values = Values::with_capacity(self.wanted.field.columns.len());
        for (at, column) in self.wanted.field.columns.iter().enumerate() {
            let Some(position) = self.located.columns[at] else { continue };
            let Some(cell) = row.cell(position) else { continue };
            match value::value(column, &self.options[at], cell) {
                Ok(value) => {
                    values.insert(column.id.clone(), value);
                }
                Err(message) => {
                    let at = place.at(row.number, position, &self.wanted.headings[at]);
                    sheet.mistake(format!("{path}.{}", column.id), Some(at), message);
                }
            }
        }
        values
    }

    fn first_column(&self) -> u32 {
        self.located.columns.iter().flatten().copied().min().unwrap_or(0)
    }
}
