//! From an uploaded file to answers with their places.

mod archive;
pub(crate) mod grid;
pub(crate) mod list;
mod mark;
mod ods_size;
pub(crate) mod refusal;
pub(crate) mod rows;
mod scan;
mod seen;
pub(crate) mod singles;
mod tables;
mod text;
pub(crate) mod used;
pub(crate) mod value;
mod workbook;

use vekha_proto::v1::{FieldType, Form, Required};

use self::archive::Kind;
use self::grid::Grid;
use self::refusal::Refusal;
use self::seen::Hidden;
use self::used::Used;
use crate::headings::MARK_SHEET;
use crate::{CellError, Limits, Sheet};

/// How a compound file begins: old Excel, or a new one behind a password.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Reads the answers to a form from an uploaded file: XLSX or ODS, or CSV where the form is a single
/// table or has none. What the file is, it says itself; its name only tells CSV from other text.
///
/// # Errors
///
/// Why the file is not an answer to this form. Mistakes in single cells are in [`Sheet::mistakes`].
pub fn read(
    form: &Form,
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Sheet, Vec<CellError>> {
    let content = content(file_name, bytes, limits);
    match content.map_err(|refusal| vec![CellError::file(refusal.to_string())])? {
        Content::Book(kind) => book(form, bytes, &kind, limits),
        Content::Text => plain(form, bytes, limits),
    }
}

/// The sheets of a file, whatever they are about. `fits` says how many headings a sheet has that are
/// looked for: CSV is split where most of them are found.
pub(crate) fn sheets(
    file_name: &str,
    bytes: &[u8],
    limits: &Limits,
    fits: impl Fn(&Grid) -> usize,
) -> Result<Vec<Grid>, Refusal> {
    match content(file_name, bytes, limits)? {
        Content::Book(kind) => workbook::sheets(bytes, &kind, limits),
        Content::Text => Ok(vec![text::sheet(bytes, limits, fits)?]),
    }
}

/// What a file is.
enum Content {
    /// A workbook that is safe to parse.
    Book(Kind),
    /// Plain text; perhaps CSV.
    Text,
}

/// What a file is, if it is harmless so far.
fn content(file_name: &str, bytes: &[u8], limits: &Limits) -> Result<Content, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.len() as u64 > limits.file {
        return Err(Refusal::TooBig(limits.file >> 20));
    }
    if bytes.starts_with(COMPOUND) {
        return Err(compound(bytes));
    }
    if bytes.starts_with(b"PK") {
        return archive::prove(bytes, limits).map(Content::Book);
    }
    if !is_text(file_name) {
        let named = file_name.to_lowercase();
        let workbook = [".xlsx", ".xlsm", ".xls", ".ods"].iter().any(|end| named.ends_with(end));
        return Err(if workbook { Refusal::Damaged } else { Refusal::NotATable });
    }
    Ok(Content::Text)
}

/// Old Excel, unless it says that it is a package behind a password.
fn compound(bytes: &[u8]) -> Refusal {
    let word: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encrypted = bytes.windows(word.len()).any(|part| part == word);
    if encrypted { Refusal::Encrypted } else { Refusal::OldExcel }
}

/// Whether a file of this name is a table in plain text; a file without an ending may be.
fn is_text(file_name: &str) -> bool {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name).to_lowercase();
    match name.rsplit_once('.') {
        Some((_, ending)) => matches!(ending, "csv" | "tsv" | "txt"),
        None => true,
    }
}

fn book(form: &Form, bytes: &[u8], kind: &Kind, limits: &Limits) -> Result<Sheet, Vec<CellError>> {
    let grids = workbook::sheets(bytes, kind, limits);
    let mut grids = grids.map_err(|refusal| vec![CellError::file(refusal.to_string())])?;
    let marked = grids.iter().position(|grid| grid.name == MARK_SHEET);
    if let Some(at) = marked {
        mark::check(form, &grids.remove(at)).map_err(|message| vec![CellError::file(message)])?;
    }
    answers(form, grids, marked.is_some())
}

/// The answers in these sheets; `whole` says that they are our own template's.
fn answers(form: &Form, grids: Vec<Grid>, whole: bool) -> Result<Sheet, Vec<CellError>> {
    let mut sheet = Sheet::default();
    let hidden: Vec<(String, Hidden)> =
        grids.iter().map(|grid| (grid.name.clone(), grid.hidden.clone())).collect();
    let mut used = Used::default();
    let found = singles::read(form, &grids, whole, &mut sheet, &mut used)
        + tables::read(form, grids, whole, &mut sheet, &mut used);
    if found == 0 {
        return Err(vec![strange(form)]);
    }
    sheet.notes = used.notes(&hidden);
    Ok(sheet)
}

fn plain(form: &Form, bytes: &[u8], limits: &Limits) -> Result<Sheet, Vec<CellError>> {
    let form = &in_csv(form).map_err(|message| vec![CellError::file(message)])?;
    let fits = |grid: &Grid| singles::count(form, grid) + tables::count(form, grid);
    let grid = text::sheet(bytes, limits, fits);
    let grid = grid.map_err(|refusal| vec![CellError::file(refusal.to_string())])?;
    answers(form, vec![grid], false)
}

/// The part of a form that a CSV file holds: its only table, or all of it if it has no table.
pub(crate) fn in_csv(form: &Form) -> Result<Form, String> {
    let is_table = |field: &&vekha_proto::v1::FormField| field.r#type() == FieldType::Table;
    let tables: Vec<_> = form.fields.iter().filter(is_table).collect();
    match tables.as_slice() {
        [] => Ok(form.clone()),
        [table] => {
            let beside = form.fields.iter().find(|field| {
                field.r#type() != FieldType::Table && field.required() == Required::Always
            });
            match beside {
                None => Ok(Form { fields: vec![(*table).clone()], ..form.clone() }),
                Some(field) => Err(format!(
                    "В CSV помещается только таблица «{}», а в форме есть и обязательные вопросы \
                     («{}»): заполните шаблон .xlsx.",
                    table.label, field.label
                )),
            }
        }
        _ => Err("В форме несколько таблиц, в один файл CSV они не помещаются: заполните шаблон \
                  .xlsx."
            .to_owned()),
    }
}

/// Nothing of the form is in the file.
fn strange(form: &Form) -> CellError {
    CellError::file(format!(
        "В файле не нашлось ни одного вопроса формы «{}»: скачайте её шаблон и заполните его.",
        form.title
    ))
}
