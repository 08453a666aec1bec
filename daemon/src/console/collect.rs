//! The page on which a school fills a form.

use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::run::StageState;
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::Form;

use super::form::{Filled, mistakes, questions};
use super::link::{Opened, Said, Typed, Wish};
use super::{answers, controls, posted, problem, view, words};
use crate::runtime::Runtime;
use crate::store::{document, instant};

/// Rows that one press of the button adds.
const MORE_ROWS: usize = 5;

/// The form that is asked for.
pub(super) fn form(opened: &Opened) -> Option<&Form> {
    opened.version.road_map.form_of(&opened.run.key.activity, &opened.key.stage)
}

/// Whether an answer is taken; the engine has the last word.
pub(super) fn is_editable(opened: &Opened) -> bool {
    let stage = opened.run.stages.iter().find(|s| s.id == opened.key.stage);
    let collecting = stage.is_some_and(|s| s.state == StageState::Active);
    collecting && opened.assignment.state.takes_answers() && !opened.run.state.ended()
}

/// What was typed, the page's own mark, and what is wanted.
pub fn read(opened: &Opened, pairs: &[(String, String)]) -> (Typed, String, Wish) {
    let Some(form) = form(opened) else { return (Typed::default(), String::new(), Wish::Send) };
    let mut posted = posted::read(form, pairs);
    let added = posted.add.as_ref().and_then(|table| posted.rows.get_mut(table));
    let wish = match added {
        Some(rows) => {
            *rows += MORE_ROWS;
            Wish::AddRows
        }
        None if posted.save && is_editable(opened) => Wish::Save,
        None => Wish::Send,
    };
    (Typed { values: posted.values, rows: posted.rows }, posted.once, wish)
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
    let editable = is_editable(opened);
    let earlier = opened.earlier(runtime);
    let (standing, earlier) = match tokio::try_join!(standing(runtime, opened, editable), earlier) {
        Ok(found) => found,
        Err(e) => return problem::unavailable(&e),
    };
    let kept_at = standing.kept_at.filter(|_| typed.is_none());
    let Typed { values, rows } =
        typed.unwrap_or(Typed { values: standing.values, rows: std::collections::BTreeMap::new() });
    let filled =
        Filled { values, errors: said.errors().to_vec(), rows, earlier, ..Filled::default() };
    let municipality = &opened.version.road_map.municipality;
    let mut context = opened.context(runtime, said);
    context["saved"] = matches!(said, Said::Saved).into();
    context["read"] = matches!(said, Said::Read).into();
    context["source"] = json!(kept_at.map(|_| &standing.source));
    context["draft"] = json!(kept_at.map(|at| words::moment(municipality, at)));
    context["form"] = json!({
        "title": form.title,
        "intro": paragraphs(&form.intro),
    });
    context["editable"] = editable.into();
    context["has_files"] = form.files().next().is_some().into();
    context["errors"] = json!(mistakes(form, &filled));
    context["more_rows"] = matches!(said, Said::MoreRows).into();
    if editable {
        let action = format!("/a/{}", opened.token);
        context["questions"] = controls::questions(&questions(form, &filled), &action).into();
    } else {
        context["answers"] =
            json!(answers::read_only(form, &filled.values, &format!("/a/{}", opened.token)));
        context["explanations"] = json!(answers::explanations(form, &filled.values));
    }
    view::page(said.status(), "collect.html", &context)
}

/// What stands in the form when a person comes to it.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) values: Values,
    /// When it was kept, if it is a draft.
    kept_at: Option<Timestamp>,
    /// The source that filled it; empty if a person did.
    source: String,
}

/// The newest answer, or a draft that is newer.
pub(super) async fn standing(
    runtime: &Runtime,
    opened: &Opened,
    editable: bool,
) -> Result<Standing, sea_orm::DbErr> {
    let store = runtime.store();
    let sent = match opened.assignment.version {
        0 => None,
        _ => store.newest_submission(&opened.id).await?,
    };
    let draft = if editable { store.draft(&opened.id).await? } else { None };
    let newer = |at: i64| sent.as_ref().is_none_or(|sent| sent.at < at);
    match (draft.filter(|draft| newer(draft.at)), &sent) {
        (Some(draft), _) => Ok(Standing {
            values: document(&draft.assignment, &draft.answers)?,
            kept_at: Some(instant(draft.at)),
            source: draft.source,
        }),
        (None, Some(sent)) => {
            let values = document(&sent.id, &sent.answers)?;
            Ok(Standing { values, ..Standing::default() })
        }
        (None, None) => Ok(Standing::default()),
    }
}

fn paragraphs(text: &str) -> Value {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|p| !p.is_empty());
    paragraphs.collect::<Vec<_>>().into()
}
