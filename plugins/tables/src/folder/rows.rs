//! From a file with a row for each organisation to records.

use std::collections::{BTreeSet, HashMap};

use serde_json::Map;
use vekha_plugin::{FetchRequest, Fetched, FieldKind, FieldOption, Record, WantedField};
use vekha_proto::v1::{Choice, FieldType, FormField};

use super::config::Layout;
use crate::headings::{self, MARK_SHEET, key};
use crate::read::grid::{Cell, Grid, Row};
use crate::read::refusal::Refusal;
use crate::read::singles::{HEADING_ROWS, Names};
use crate::read::used::unseen;
use crate::read::value::{self, Options};
use crate::{CellError, Limits, Place, Sheet, read, russian};

/// The records in a file, and what of it was left or is seen by nobody.
///
/// # Errors
/// All mistakes, each at its cell.
pub(crate) fn records(
    layout: &Layout,
    request: &FetchRequest,
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Fetched, Vec<CellError>> {
    let wanted = Wanted::of(layout, request);
    let fits = |grid: &Grid| wanted.locate(grid).map_or(0, |located| 1 + located.count());
    let grids = read::sheets(file_name, bytes, limits, fits)
        .map_err(|refusal| vec![CellError::file(in_words(&refusal))])?;
    let sheets = grids.into_iter().filter(|grid| grid.name != MARK_SHEET);
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for grid in sheets {
        match wanted.locate(&grid) {
            Some(located) => found.push((grid, located)),
            None if grid.rows.is_empty() => {}
            None => others.push(grid.name),
        }
    }
    let only = match found.len() {
        1 => found.pop(),
        _ => None,
    };
    let Some((grid, located)) = only else {
        return Err(vec![CellError::file(wanted.not_one(&found))]);
    };
    let notes = notes(&grid, &located, &others);
    let mut reader = Reader {
        wanted: &wanted,
        options: wanted.fields.iter().map(Options::of).collect(),
        sheet: grid.name,
        located,
        told: Sheet::default(),
    };
    reader.headings();
    let records = reader.records(&grid.rows, &request.organisations);
    let mistakes = reader.told.mistakes;
    if mistakes.is_empty() { Ok(Fetched { records, notes }) } else { Err(mistakes) }
}

/// What was left, and what was read though nobody sees it.
fn notes(grid: &Grid, located: &Located, others: &[String]) -> Vec<String> {
    /// Most names that are told: an export of another system may have hundreds.
    const MOST: usize = 20;
    let listed = |names: &[String]| {
        let mut words: Vec<String> = names.iter().take(MOST).map(|n| format!("«{n}»")).collect();
        if names.len() > MOST {
            words.push(format!("и ещё {}", names.len() - MOST));
        }
        words.join(", ")
    };
    let columns: BTreeSet<u32> =
        located.columns.iter().flatten().copied().chain([located.organisation]).collect();
    let mut notes = Vec::new();
    if !located.strange.is_empty() {
        notes.push(format!(
            "лист «{}»: этих столбцов в форме нет, они не прочитаны: {}",
            grid.name,
            listed(&located.strange)
        ));
    }
    if !others.is_empty() {
        notes.push(format!("не прочитаны листы: {}", listed(others)));
    }
    let below = grid.rows.iter().filter(|row| row.number > located.row);
    let read = below.filter(|row| columns.iter().any(|column| row.cell(*column).is_some()));
    let read = read.map(|row| row.number).collect();
    let unseen = unseen(&grid.name, &grid.hidden, read, columns);
    notes.extend(unseen.iter().map(ToString::to_string));
    notes
}

/// What is looked for.
struct Wanted<'a> {
    organisation: &'a str,
    /// The field ids, in the order of `fields`.
    ids: Vec<&'a str>,
    /// How the cells of a field are understood.
    fields: Vec<FormField>,
    headings: Vec<String>,
    names: Names,
    /// The first so many fields have a column that was named, and must have it.
    named: usize,
}

impl<'a> Wanted<'a> {
    fn of(layout: &'a Layout, request: &'a FetchRequest) -> Self {
        // A table does not fit into a row.
        let single = request.fields.iter().filter(|field| field.kind != FieldKind::Table);
        let (named, others): (Vec<&WantedField>, Vec<_>) =
            single.partition(|field| layout.fields.contains_key(&field.id));
        let as_named = |field: &&WantedField| {
            let heading = &layout.fields[&field.id];
            FormField { id: heading.clone(), label: heading.clone(), ..form_field(field) }
        };
        let as_labelled = |field: &&WantedField| FormField {
            id: field.id.clone(),
            label: field.label.clone(),
            unit: field.unit.clone(),
            ..form_field(field)
        };
        // Those named come first, for headings belong to whoever comes first.
        let fields: Vec<FormField> =
            named.iter().map(as_named).chain(others.iter().map(as_labelled)).collect();
        let taken = [layout.organisation.as_str()];
        let headings = headings::headings(&fields, &taken);
        Wanted {
            organisation: &layout.organisation,
            ids: named.iter().chain(&others).map(|field| field.id.as_str()).collect(),
            names: Names::of(&fields, &headings, &taken),
            fields,
            headings,
            named: named.len(),
        }
    }

    /// The row of headings, if the sheet has one: the first with that of the organisations.
    fn locate(&self, grid: &Grid) -> Option<Located> {
        let organisation = key(self.organisation);
        grid.rows.iter().take(HEADING_ROWS).find_map(|row| {
            let is_organisation = |cell: &Cell| key(&cell.text()) == organisation;
            let (at, _) = row.cells.iter().find(|(_, cell)| is_organisation(cell))?;
            let mut located = Located {
                row: row.number,
                organisation: *at,
                columns: vec![None; self.fields.len()],
                twice: Vec::new(),
                strange: Vec::new(),
            };
            for (column, cell) in &row.cells {
                match self.names.find(cell) {
                    Some(field) if located.columns[field].is_none() => {
                        located.columns[field] = Some(*column);
                    }
                    Some(_) => located.twice.push((*column, cell.text())),
                    None if column != at && is_organisation(cell) => {
                        located.twice.push((*column, cell.text()));
                    }
                    None if column == at => {}
                    None => {
                        let name = headings::one_line(&cell.text());
                        located.strange.push(name.chars().take(60).collect());
                    }
                }
            }
            Some(located)
        })
    }

    /// No sheet has the organisations, or several have.
    fn not_one(&self, found: &[(Grid, Located)]) -> String {
        if found.is_empty() {
            return format!(
                "нет столбца «{}» с кодами организаций: верните его заголовок",
                self.organisation
            );
        }
        let sheets: Vec<String> =
            found.iter().map(|(grid, _)| format!("«{}»", grid.name)).collect();
        format!(
            "столбец «{}» есть на нескольких листах ({}): оставьте один",
            self.organisation,
            sheets.join(", ")
        )
    }
}

/// Where headings stand in a sheet. Rows and columns are counted from 0.
struct Located {
    row: u32,
    organisation: u32,
    /// By position of the field.
    columns: Vec<Option<u32>>,
    /// Columns that are there twice, and what they are called.
    twice: Vec<(u32, String)>,
    /// What columns are called that nobody asked for.
    strange: Vec<String>,
}

impl Located {
    fn count(&self) -> usize {
        self.columns.iter().flatten().count()
    }
}

struct Reader<'a> {
    wanted: &'a Wanted<'a>,
    options: Vec<Options>,
    sheet: String,
    located: Located,
    told: Sheet,
}

impl Reader<'_> {
    fn mistake(&mut self, at: (u32, u32), heading: &str, message: impl Into<String>) {
        let place = Place {
            sheet: self.sheet.clone(),
            row: at.0 + 1,
            column: russian::column(at.1),
            heading: heading.to_owned(),
        };
        self.told.mistake(String::new(), Some(place), message);
    }

    /// Whether the columns are those that should be there.
    fn headings(&mut self) {
        let (row, wanted) = (self.located.row, self.wanted);
        for (column, heading) in std::mem::take(&mut self.located.twice) {
            self.mistake((row, column), &heading, "такой столбец уже есть левее: оставьте один");
        }
        for (heading, column) in
            wanted.headings.iter().zip(self.located.columns.clone()).take(wanted.named)
        {
            if column.is_none() {
                let message = format!("нет столбца «{heading}»: верните его заголовок");
                self.mistake((row, self.located.organisation), wanted.organisation, message);
            }
        }
        if self.located.count() == 0 && wanted.named == 0 {
            let names: Vec<String> =
                wanted.headings.iter().take(10).map(|name| format!("«{name}»")).collect();
            let message = format!("нет ни одного столбца с ответами: {}", names.join(", "));
            self.mistake((row, self.located.organisation), wanted.organisation, message);
        }
    }

    fn records(&mut self, rows: &[Row], organisations: &[String]) -> Vec<Record> {
        let known: BTreeSet<&str> = organisations.iter().map(String::as_str).collect();
        // By organisation, the row in which it stands, as people count.
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut records = Vec::new();
        let heading = self.located.row;
        for row in rows.iter().filter(|row| row.number > heading) {
            let code = row.cell(self.located.organisation);
            let columns = self.located.columns.iter().flatten();
            if code.is_none() && !columns.into_iter().any(|column| row.cell(*column).is_some()) {
                continue;
            }
            let organisation = code.map(Cell::text).unwrap_or_default();
            let answers = self.answers(row);
            let short: String = organisation.chars().take(60).collect();
            let mistake = if let Some(trouble) = code.and_then(Cell::trouble) {
                Some(trouble)
            } else if organisation.is_empty() {
                Some("нет кода организации: впишите его или уберите строку".to_owned())
            } else if !known.contains(organisation.as_str()) {
                Some(format!(
                    "организации «{short}» здесь не ждут: исправьте код или уберите строку"
                ))
            } else {
                let first = seen.insert(organisation.clone(), row.number + 1);
                first.map(|first| {
                    format!("организация «{short}» уже есть в строке {first}: оставьте одну строку")
                })
            };
            match mistake {
                Some(message) => {
                    let at = (row.number, self.located.organisation);
                    self.mistake(at, self.wanted.organisation, message);
                }
                None => records.push(Record { organisation, answers }),
            }
        }
        records
    }

    /// The answers of a row by field id.
    fn answers(&mut self, row: &Row) -> Map<String, serde_json::Value> {
        let wanted = self.wanted;
        let mut answers = Map::new();
        for (at, field) in wanted.fields.iter().enumerate() {
            let Some(column) = self.located.columns[at] else { continue };
            let Some(cell) = row.cell(column) else { continue };
            match value::value(field, &self.options[at], cell) {
                Ok(value) => {
                    answers.insert(wanted.ids[at].to_owned(), value);
                }
                Err(message) => {
                    self.mistake((row.number, column), &wanted.headings[at], message);
                }
            }
        }
        answers
    }
}

/// A field of a form of the same kind, without its name.
fn form_field(field: &WantedField) -> FormField {
    let (kind, options) = match &field.kind {
        FieldKind::Text => (FieldType::LongText, [].as_slice()),
        FieldKind::Number => (FieldType::Decimal, [].as_slice()),
        FieldKind::Percent => (FieldType::Percent, [].as_slice()),
        FieldKind::Date => (FieldType::Date, [].as_slice()),
        FieldKind::YesNo => (FieldType::YesNo, [].as_slice()),
        FieldKind::Choice(options) => (FieldType::Choice, options.as_slice()),
        FieldKind::Choices(options) => (FieldType::Choices, options.as_slice()),
        FieldKind::Table => (FieldType::Table, [].as_slice()),
    };
    let option =
        |option: &FieldOption| Choice { value: option.value.clone(), label: option.label.clone() };
    FormField {
        r#type: kind.into(),
        options: options.iter().map(option).collect(),
        ..FormField::default()
    }
}

/// Why a file is not read. The usual words ask for the template of a form, which nobody filled here.
fn in_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Empty => "Файл пуст: положите в папку файл с данными.".into(),
        Refusal::NotATable => "Это не таблица: нужен файл .xlsx, .ods или .csv.".into(),
        Refusal::TooBigInside => "Файл в распакованном виде слишком велик: перенесите данные в \
                                  новую книгу и сохраните её."
            .into(),
        Refusal::TooMany => "В файле слишком много строк или ячеек: оставьте в нём только лист с \
                             организациями."
            .into(),
        other => other.to_string(),
    }
}
