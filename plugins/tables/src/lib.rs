//! Forms as spreadsheets. A school gets a workbook of its form ([`template`]), fills it in Excel or
//! LibreOffice and sends it back ([`read`]); what is wrong with it is told by sheet, row, column and
//! heading, all at once.
//!
//! The way of an answer: template -> school -> [`read`] -> [`Sheet`] -> the daemon's own check of
//! answers -> [`Sheet::judge`], which puts each complaint of that check at its cell.
//!
//! Answers are found by headings and never by position, so rows and columns that people insert do
//! not matter. Whether an answer is right is not decided here: a number out of its range is read as
//! it stands, and the check of answers says so. Only what cannot be read as an answer at all is told
//! here ([`Sheet::mistakes`]).
//!
//! A file with a row for each organisation, which another program or a person puts into a folder, is
//! read by [`Folder`].
//!
//! Beside forms there are plain lists under headings that the caller names ([`list`], [`read_list`]):
//! what their cells mean is the caller's business.
//!
//! A file of which nothing is to be kept is looked through row by row ([`each_row`]); what its rows
//! mean, the caller knows.
//!
//! Uploaded files are hostile until proved otherwise: [`Limits`] hold before memory is spent, see
//! `read/archive.rs`.

mod fingerprint;
mod folder;
mod headings;
mod limits;
mod place;
mod read;
mod russian;
mod template;

use serde_json::{Map, Value};

pub use folder::{Folder, FolderConfig, describe as describe_folder};
pub use limits::Limits;
pub use place::{CellError, Place, Places, Sheet};
pub use read::grid::Cell;
pub use read::list::{List, read_list};
pub use read::read;
pub use read::rows::{SeenRow, each_row};
pub use russian::{column as column_letters, typed_serial};
pub use template::csv::{is_armed, template_csv};
pub use template::list::{ListCell, list, list_csv};
pub use template::{TemplateError, template};

/// Answers by field id, as the check of answers takes and returns them: numbers, strings, lists of
/// strings; a table is a list of rows, each a map by column id.
pub type Values = Map<String, Value>;

/// What stands above the questions.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// The organisation that answers.
    pub organisation: String,
    /// What the answer is about, in words: «2026/27 учебный год».
    pub period: String,
    /// By when, in words: «29 сентября 2027 года».
    pub due: String,
    /// Whom to ask: name, telephone, address, in one line.
    pub contact: String,
}

/// For fuzz targets alone: what is private otherwise.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    use vekha_plugin::{FetchRequest, Record};

    use crate::{CellError, FolderConfig, Limits};

    /// The records in a file of a folder; none if the configuration is wrong.
    ///
    /// # Errors
    /// All mistakes of the file.
    pub fn rows(
        config: &FolderConfig,
        request: &FetchRequest,
        file_name: &str,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Vec<Record>, Vec<CellError>> {
        let Ok(checked) = config.check() else { return Ok(Vec::new()) };
        let fetched = crate::folder::rows(&checked.layout, request, file_name, bytes, limits);
        fetched.map(|fetched| fetched.records)
    }
}
