//! Rows that a row set names, column by column. Formulas walk them over and over: a number that lies
//! among its column's numbers is found without a look at the names of its row.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Values;
use super::value::{List, Value};

/// Rows of a table, chosen by a formula. To choose among rows that were chosen before copies nothing
/// of them.
#[derive(Debug, Clone)]
pub struct Selection {
    pub(super) rows: Arc<Columns>,
    pub(super) others: Option<Arc<Columns>>,
    /// Which of the rows, in their order.
    picked: Vec<usize>,
}

/// A table, column by column.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Debug)]
enum Column {
    /// NaN where there is none.
    Numbers(Vec<f64>),
    Any(Vec<Json>),
}

impl Columns {
    fn of(rows: &[&Values]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for row in rows {
            // All rows of a table have the same columns in the same order, but for gaps.
            let known = row.keys().zip(&names).take_while(|(one, other)| one == other).count();
            let news = row.keys().skip(known).filter(|name| !names.contains(name));
            let news: Vec<_> = news.cloned().collect();
            names.extend(news);
        }
        let column = |(place, name): (usize, &String)| {
            let cells = rows.iter().map(|row| cell(row, place, name));
            let plain =
                |cell: Option<&Json>| matches!(cell, None | Some(Json::Null | Json::Number(_)));
            match cells.clone().all(plain) {
                true => {
                    let number = |cell: Option<&Json>| cell.and_then(Json::as_f64);
                    Column::Numbers(cells.map(|cell| number(cell).unwrap_or(f64::NAN)).collect())
                }
                false => Column::Any(cells.map(|cell| cell.cloned().unwrap_or_default()).collect()),
            }
        };
        let columns = names.iter().enumerate().map(column).collect();
        Columns { names, columns }
    }

    /// The place of a column. Where it stood last time, it is looked for first.
    pub(super) fn place(&self, name: &str, last: usize) -> Option<usize> {
        match self.names.get(last) {
            Some(known) if known == name => Some(last),
            _ => self.names.iter().position(|known| known == name),
        }
    }

    /// A cell, by the places of its column and its row.
    pub(super) fn get(&self, column: usize, row: usize) -> Value<'_> {
        match &self.columns[column] {
            Column::Numbers(numbers) => match numbers[row] {
                number if number.is_nan() => Value::Missing,
                number => Value::Number(number),
            },
            Column::Any(cells) => Value::from(&cells[row]),
        }
    }

    /// The cells of a row.
    pub(super) fn cells(&self, row: usize) -> impl Iterator<Item = (&str, Value<'_>)> {
        let names = self.names.iter().enumerate();
        names.map(move |(column, name)| (name.as_str(), self.get(column, row)))
    }
}

/// A cell of a row, whose columns seldom stand elsewhere than in other rows.
fn cell<'r>(row: &'r Values, place: usize, name: &str) -> Option<&'r Json> {
    match row.iter().nth(place) {
        Some((known, value)) if known == name => Some(value),
        _ => row.get(name),
    }
}

impl Selection {
    /// What a formula yields as rows; none if it is anything else than a list of records.
    pub(super) fn of(value: Value<'_>) -> Option<Self> {
        let Value::List(list) = value else { return None };
        let items = match list {
            List::Rows(selection) => return Some(selection.clone()),
            List::Given(items) => return Self::of_table(items),
            List::Own(items) => items,
        };
        if let Some(&Value::Row(rows, others, _)) = items.first() {
            let same = |item: &Value<'_>| match *item {
                Value::Row(of, _, row) if Arc::ptr_eq(of, rows) => Some(row),
                _ => None,
            };
            if let Some(picked) = items.iter().map(same).collect() {
                return Some(Selection { rows: rows.clone(), others: others.cloned(), picked });
            }
        }
        if let Some(rows) = items.iter().map(Value::plain_record).collect::<Option<Vec<_>>>() {
            return Some(Self::whole(&rows));
        }
        Self::of_table(&items.into_iter().map(Value::into_json).collect::<Vec<_>>())
    }

    /// All rows of a table as it was answered; none if it is anything else.
    pub fn of_table(items: &[Json]) -> Option<Self> {
        let rows: Option<Vec<&Values>> = items.iter().map(Json::as_object).collect();
        Some(Self::whole(&rows?))
    }

    fn whole(rows: &[&Values]) -> Self {
        let picked = (0..rows.len()).collect();
        Selection { rows: Arc::new(Columns::of(rows)), others: None, picked }
    }

    /// The rows as records, without what `others` have beside them.
    pub fn records(&self) -> Vec<Json> {
        let row = |row: &usize| Value::Row(&self.rows, None, *row).into_json();
        self.picked.iter().map(row).collect()
    }

    /// The rows that stand in a column of one of these, by its place among them: those of a group.
    pub fn below(&self, column: &str, place: usize) -> Option<&[Json]> {
        let column = self.rows.place(column, 0)?;
        match self.rows.get(column, *self.picked.get(place)?) {
            Value::List(List::Given(rows)) => Some(rows),
            _ => None,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.picked.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.picked.is_empty()
    }

    /// What a column has in each of the rows; none where it has nothing, or in all if there is no
    /// such column.
    pub fn column(&self, name: &str) -> impl Iterator<Item = Option<Cell<'_>>> {
        let place = self.rows.place(name, 0);
        self.picked.iter().map(move |row| match self.rows.get(place?, *row) {
            Value::Number(number) => Some(Cell::Number(number)),
            Value::Text(std::borrow::Cow::Borrowed(text)) => Some(Cell::Text(text)),
            _ => None,
        })
    }

    /// The columns' names.
    pub fn columns(&self) -> &[String] {
        &self.rows.names
    }

    /// Puts a record of numbers beside each row, by the name of `others`: those of `names`, in their
    /// order; none where nothing is known.
    pub fn beside(
        &mut self,
        names: &[&str],
        numbers: impl Iterator<Item = Option<Vec<Option<f64>>>>,
    ) {
        let rows = self.picked.iter().max().map_or(0, |last| last + 1);
        let mut columns = vec![vec![f64::NAN; rows]; names.len()];
        for (row, numbers) in self.picked.iter().zip(numbers) {
            for (column, number) in columns.iter_mut().zip(numbers.into_iter().flatten()) {
                column[*row] = number.unwrap_or(f64::NAN);
            }
        }
        self.others = Some(Arc::new(Columns {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            columns: columns.into_iter().map(Column::Numbers).collect(),
        }));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        self.picked.iter().map(|row| Value::Row(&self.rows, self.others.as_ref(), *row))
    }
}

/// A cell that is plain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// A number.
    Number(f64),
    /// A word.
    Text(&'a str),
}
