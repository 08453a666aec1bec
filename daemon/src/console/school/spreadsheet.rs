//! A school's form as a spreadsheet: down to be filled, up to be read into the form. What was read
//! is not sent: the school looks at it first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::multipart::MultipartRejection;
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use vekha_plugin_tables::{CellError, Limits, Sheet, Values};
use vekha_roadmap::answers::{Beside, FieldError, validate};
use vekha_roadmap::model::Form;

use crate::console::frame::said::Said;
use crate::console::frame::{downloads, posted, problem};
use crate::console::school::collect;
use crate::console::school::link::{self, Closed, Opened, Sight, Typed, open};
use crate::console::school::standing::standing;
use crate::forms::{self, sheets};
use crate::port::work;
use crate::runtime::Runtime;

/// Largest upload, in bytes; the file's own limit is a little below.
pub const LONGEST_UPLOAD: usize = 11 * 1024 * 1024;

/// What a mistake is about that is none of an answer.
const FILE: &str = "Файл";

/// Opens a link that asks for a form.
async fn opened(runtime: &Runtime, token: &str) -> Result<Opened, Response> {
    match open(runtime, token).await {
        Ok(opened) if collect::form(&opened).is_some() => Ok(opened),
        Ok(_) | Err(Closed::Unknown) => Err(problem::unknown_link()),
        Err(Closed::Unavailable(e)) => Err(problem::unavailable(&e)),
    }
}

/// `GET /a/{token}/form.xlsx`: the form with what stands in it so far.
pub async fn template(State(runtime): State<Arc<Runtime>>, Path(token): Path<String>) -> Response {
    let opened = match opened(&runtime, &token).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let standing = match standing(&runtime, &opened, true).await {
        Ok(standing) => standing.values,
        Err(e) => return problem::unavailable(&e),
    };
    let name = forms::file_name(&opened.run.key, &opened.key);
    downloads::give(&name, forms::XLSX, move || {
        let road_map = &opened.version.road_map;
        forms::template(road_map, &opened.run.key, &opened.key, opened.assignment.due, &standing)
    })
    .await
}

/// `POST /a/{token}/table`: reads a filled spreadsheet into the form.
pub async fn upload(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let opened = match opened(&runtime, &token).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    if !opened.takes_answer() {
        return collect::page(&runtime, &opened, None, &Said::closed()).await;
    }
    let received = file(Multipart::from_request(request, &()).await).await;
    let (name, bytes, sight) = match received {
        Err(message) => {
            return collect::page(&runtime, &opened, None, &wrong_file(message)).await;
        }
        Ok(received) => received,
    };
    let (values, said) = match read(&runtime, &opened, name, bytes).await {
        Err(response) => return response,
        Ok((values, mistakes, notes)) => (values, Said::Read { mistakes, notes }),
    };
    let Some(form) = collect::form(&opened) else { return problem::unknown_link() };
    // A file that says nothing at all leaves in the form what stood in it.
    if values.is_empty() {
        return collect::page(&runtime, &opened, None, &said).await;
    }
    let typed = Typed { values, rows: BTreeMap::new(), sight };
    link::offer(&runtime, &opened, form, typed, said).await
}

fn wrong_file(message: impl Into<String>) -> Said {
    Said::Wrong(vec![wrong(message)])
}

fn wrong(message: impl Into<String>) -> FieldError {
    FieldError { field: FILE.to_owned(), message: message.into() }
}

/// Name and content of the file that was sent, and what its sender's page had shown.
async fn file(
    parts: Result<Multipart, MultipartRejection>,
) -> Result<(String, Vec<u8>, Sight), String> {
    let unreadable = "файл не получен целиком: выберите его и загрузите ещё раз";
    let mut parts = parts.map_err(|_| unreadable.to_owned())?;
    let (mut file, mut said) = (None, Vec::new());
    while let Some(part) = parts.next_field().await.map_err(|_| unreadable.to_owned())? {
        let field = part.name().unwrap_or_default().to_owned();
        let name = part.file_name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "файл больше 10 МБ: разделите его".to_owned(),
            _ => unreadable.to_owned(),
        })?;
        match field.as_str() {
            "file" if file.is_none() && !bytes.is_empty() => file = Some((name, bytes.into())),
            "_seen" | "_shown" => said.push((field, String::from_utf8_lossy(&bytes).into_owned())),
            _ => {}
        }
    }
    let (name, bytes) = file.ok_or("выберите файл: .xlsx, .ods или .csv")?;
    Ok((name, bytes, Sight::read(&said)))
}

/// The file's answers, what is wrong with them, each at its cell, and what else is to be known. Off the threads that serve: a
/// file may be large.
async fn read(
    runtime: &Runtime,
    opened: &Opened,
    name: String,
    bytes: Vec<u8>,
) -> Result<(Values, Vec<FieldError>, Vec<String>), Response> {
    let Some(form) = collect::form(opened).cloned() else { return Err(problem::unknown_link()) };
    let held = opened.held_against(runtime).await.map_err(|e| problem::unavailable(&e))?;
    // Files are in no spreadsheet: those that were kept stay.
    let standing = standing(runtime, opened, true).await;
    let mut kept = standing.map_err(|e| problem::unavailable(&e))?.values;
    kept.retain(|id, _| form.files().any(|field| field.id == *id));
    let limits = Limits::default();
    let read = work::over(usize::MAX, move || {
        match vekha_plugin_tables::read(&sheets::describe(&form), &name, &bytes, &limits) {
            Err(mistakes) => (Values::new(), at_cells(&form, mistakes), Vec::new()),
            Ok(sheet) => match posted::excess_of(&form, &sheet.answers) {
                Some(excess) => (Values::new(), vec![wrong(excess.sentence())], Vec::new()),
                None => {
                    let (values, mistakes) = judged(&form, &sheet, held.beside(), kept);
                    (values, mistakes, sheet.notes.iter().map(ToString::to_string).collect())
                }
            },
        }
    });
    read.await.map_err(|e| problem::unavailable(&e))
}

fn judged(
    form: &Form,
    sheet: &Sheet,
    beside: Beside<'_>,
    kept: Values,
) -> (Values, Vec<FieldError>) {
    let mut typed = sheets::unfold(form, sheet.answers.clone());
    typed.extend(kept);
    let verdict = validate(form, &typed, beside)
        .map_err(|errors| errors.into_iter().map(|error| sheets::place(form, error)));
    match sheet.judge(verdict) {
        Ok(answers) => (answers, Vec::new()),
        Err(mistakes) => (typed, at_cells(form, mistakes)),
    }
}

fn at_cells(form: &Form, mistakes: Vec<CellError>) -> Vec<FieldError> {
    let one = |mistake: CellError| {
        let message = match &mistake.place {
            Some(place) => format!("{} ({place})", mistake.message),
            None => mistake.message,
        };
        let field = if mistake.path.is_empty() {
            FILE.to_owned()
        } else {
            sheets::unplace(form, &mistake.path)
        };
        FieldError { field, message }
    };
    mistakes.into_iter().map(one).collect()
}
