//! Files that are made when they are asked for.

use std::fmt::Display;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use vekha_plugin_tables::ListCell;

use crate::console::frame::problem;
use crate::forms::XLSX;

/// A file to be saved under this name. It is made off the threads that serve.
pub async fn give<E>(
    name: &str,
    content_type: &'static str,
    make: impl FnOnce() -> Result<Vec<u8>, E> + Send + 'static,
) -> Response
where
    E: Display + Send + 'static,
{
    match tokio::task::spawn_blocking(make).await {
        Ok(Ok(bytes)) => {
            let disposition = format!("attachment; filename=\"{name}\"");
            let headers = [
                (header::CONTENT_TYPE, content_type.to_owned()),
                (header::CONTENT_DISPOSITION, disposition),
            ];
            (headers, bytes).into_response()
        }
        Ok(Err(e)) => problem::unavailable(&e.to_string()),
        Err(e) => problem::unavailable(&e),
    }
}

/// A day in a plain table, or none.
pub fn day(date: Option<Date>) -> ListCell {
    ListCell::Date(date.map(|date| (date.year(), date.month() as u8, date.day() as u8)))
}

/// A plain table, to be given as a spreadsheet.
pub struct List {
    /// The sheet's name.
    pub title: String,
    /// Headings, each with how many characters it is across.
    pub columns: &'static [(&'static str, f64)],
    /// Its rows.
    pub rows: Vec<Vec<ListCell>>,
}

impl List {
    /// The spreadsheet.
    ///
    /// # Errors
    /// If something does not fit into one.
    pub fn spreadsheet(&self) -> Result<Vec<u8>, String> {
        let made = vekha_plugin_tables::list(&self.title, self.columns, &self.rows);
        made.map_err(|e| e.to_string())
    }

    /// The spreadsheet, to be saved under this name.
    pub async fn give(self, name: &str) -> Response {
        give(name, XLSX, move || self.spreadsheet()).await
    }
}
