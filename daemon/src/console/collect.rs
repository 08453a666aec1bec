//! The page on which a school fills a form.

use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::run::{AssignmentState, StageState};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Form, Work};

use super::form::{Filled, mistakes, questions};
use super::link::{Opened, Said, Typed};
use super::{answers, posted, problem, view};
use crate::runtime::Runtime;
use crate::store::document;

/// Rows that one press of the button adds.
const MORE_ROWS: usize = 5;

fn form(opened: &Opened) -> Option<&Form> {
    match &opened.activity()?.stage(&opened.key.stage)?.1.work {
        Work::Collect(collect) => opened.version.road_map.forms.get(&collect.form),
        _ => None,
    }
}

/// Whether an answer is taken; the engine has the last word.
fn is_editable(opened: &Opened) -> bool {
    let stage = opened.run.stages.iter().find(|s| s.id == opened.key.stage);
    let collecting = stage.is_some_and(|s| s.state == StageState::Active);
    let expected =
        matches!(opened.assignment.state, AssignmentState::Open | AssignmentState::Answered);
    collecting && expected && !opened.run.state.ended()
}

/// What was typed, the page's own mark, and whether only more rows are wanted.
pub fn read(opened: &Opened, pairs: &[(String, String)]) -> (Typed, String, bool) {
    let Some(form) = form(opened) else { return (Typed::default(), String::new(), false) };
    let mut posted = posted::read(form, pairs);
    let added = posted.add.as_ref().and_then(|table| posted.rows.get_mut(table));
    let add = added.map(|rows| *rows += MORE_ROWS).is_some();
    (Typed { values: posted.values, rows: posted.rows }, posted.once, add)
}

/// The form, filled with what was typed or else with the newest answer.
pub async fn page(
    runtime: &Runtime,
    opened: &Opened,
    typed: Option<Typed>,
    said: &Said,
) -> Response {
    let Some(form) = form(opened) else {
        return problem::unavailable(&format!("{}: no form", opened.id));
    };
    let (values, rows) = match typed {
        Some(Typed { values, rows }) => (values, rows),
        None => match newest(runtime, opened).await {
            Ok(values) => (values, std::collections::BTreeMap::new()),
            Err(e) => return problem::unavailable(&e),
        },
    };
    let filled = Filled { values, errors: said.errors().to_vec(), rows, ..Filled::default() };
    let editable = is_editable(opened);
    let mut context = opened.context(runtime, said);
    context["form"] = json!({
        "title": form.title,
        "intro": paragraphs(&form.intro),
    });
    context["editable"] = editable.into();
    context["errors"] = json!(mistakes(form, &filled));
    context["more_rows"] = matches!(said, Said::MoreRows).into();
    if editable {
        context["questions"] = json!(questions(form, &filled));
    } else {
        context["answers"] = json!(answers::read_only(form, &filled.values));
    }
    view::page(said.status(), "collect.html", &context)
}

async fn newest(runtime: &Runtime, opened: &Opened) -> Result<Values, sea_orm::DbErr> {
    if opened.assignment.version == 0 {
        return Ok(Values::new());
    }
    match runtime.store().newest_submission(&opened.id).await? {
        Some(row) => document(&row.id, &row.answers),
        None => Ok(Values::new()),
    }
}

fn paragraphs(text: &str) -> Value {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|p| !p.is_empty());
    paragraphs.collect::<Vec<_>>().into()
}
