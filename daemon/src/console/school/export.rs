//! A school's exports of another system, read into its form by the road map's layouts. The page then
//! shows what was understood, and nothing is kept or sent before its person does that.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::json;
use vekha_roadmap::answers::{Beside, FieldError, Values, validate};
use vekha_roadmap::model::Form;

use crate::console::frame::posted;
use crate::console::frame::problem;
use crate::console::frame::said::Said;
use crate::console::school::collect;
use crate::console::school::link::{self, Closed, Opened, Sight, Typed, open};
use crate::console::school::standing::standing;
use crate::forms::exports::{
    Export, laid_over, layouts_of, told_answers, told_files, understand, years,
};
use crate::port::work;
use crate::runtime::Runtime;

/// What the layouts that fill a form are called; none if no layout does.
pub fn titles(runtime: &Runtime, opened: &Opened, form: &Form) -> Vec<String> {
    let newest = runtime.road_maps().newest(&opened.run.key.municipality);
    let newest = newest.iter();
    newest
        .flat_map(|newest| layouts_of(&newest.road_map, form))
        .map(|layout| layout.title.clone())
        .collect()
}

/// `POST /a/{token}/export`: reads exports into the form.
pub async fn upload(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let opened = match open(&runtime, &token).await {
        Ok(opened) => opened,
        Err(Closed::Unknown) => return problem::unknown_link(),
        Err(Closed::Unavailable(e)) => return problem::unavailable(&e),
    };
    let Some(form) = collect::form(&opened).cloned() else { return problem::unknown_link() };
    if !opened.takes_answer() {
        return collect::page(&runtime, &opened, None, &Said::closed()).await;
    }
    let (pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    if uploads.is_empty() {
        let message = "выберите файлы выгрузки: .xlsx, .ods или .csv".to_owned();
        let wrong = FieldError { field: "Файл".to_owned(), message };
        return collect::page(&runtime, &opened, None, &Said::Wrong(vec![wrong])).await;
    }
    let files: Vec<Export> =
        uploads.into_iter().map(|file| Export { name: file.name, bytes: file.bytes }).collect();
    let (values, said) = match read(&runtime, &opened, form.clone(), files).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    // Files that say nothing leave in the form what stood in it.
    let Some(values) = values else {
        return collect::page(&runtime, &opened, None, &said).await;
    };
    let typed = Typed { values, rows: BTreeMap::new(), sight: Sight::read(&pairs) };
    link::offer(&runtime, &opened, &form, typed, said).await
}

/// What the form would hold, and what was understood.
async fn read(
    runtime: &Runtime,
    opened: &Opened,
    form: Form,
    files: Vec<Export>,
) -> Result<(Option<Values>, Said), Response> {
    let Some(newest) = runtime.road_maps().newest(&opened.run.key.municipality) else {
        return Err(problem::unknown_link());
    };
    let unavailable = |e| problem::unavailable(&e);
    let held = opened.held_against(runtime).await.map_err(unavailable)?;
    let standing = standing(runtime, opened, true).await.map_err(unavailable)?.values;
    let (code, period) = (opened.key.organisation.clone(), opened.run.key.period);
    // Off the threads that serve: a file may be large.
    let read = work::over(usize::MAX, move || {
        let layouts = layouts_of(&newest.road_map, &form);
        let years = years(period);
        let mut understood = understand(&newest.road_map, &form, Some(&code), Some(&years), &files);
        let answers = understood.organisations.remove(&code).map(|read| read.answers);
        let told = json!({
            "files": told_files(&understood),
            "answers": answers.as_ref().map(|answers| told_answers(&form, &layouts, answers)),
        });
        let Some(answers) = answers else {
            return (None, Said::Exported { mistakes: vec![], understood: told });
        };
        let values = laid_over(&form, &layouts, standing, answers);
        if let Some(excess) = posted::excess_of(&form, &values) {
            let wrong = FieldError { field: "Файл".to_owned(), message: excess.sentence() };
            return (None, Said::Wrong(vec![wrong]));
        }
        let mistakes = mistakes(&form, &values, held.beside());
        (Some(values), Said::Exported { mistakes, understood: told })
    });
    read.await.map_err(|e| problem::unavailable(&e))
}

/// What is wrong with what stands there. What an export does not know its person will add: that is no
/// mistake of anybody's yet.
fn mistakes(form: &Form, values: &Values, beside: Beside<'_>) -> Vec<FieldError> {
    let wrong = validate(form, values, beside).err().unwrap_or_default();
    wrong.into_iter().filter(|error| stands(values, &error.field)).collect()
}

/// Whether something stands under a path, as `results[2].marks_2`.
fn stands(values: &Values, path: &str) -> bool {
    let Some((field, rest)) = path.split_once('[') else {
        return values.get(path).is_some_and(|value| !value.is_null());
    };
    let (row, column) = rest.split_once(']').unwrap_or((rest, ""));
    let row = row.parse::<usize>().ok().and_then(|row| values.get(field)?.get(row));
    let column = column.trim_start_matches('.');
    let value = if column.is_empty() { row } else { row.and_then(|row| row.get(column)) };
    value.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}
