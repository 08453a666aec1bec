//! The page on which a school fills a form.

use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::model::{Form, Work};

use crate::console::frame::form::{Filled, mistakes, questions};
use crate::console::frame::said::Said;
use crate::console::frame::{controls, problem, view, words};
use crate::console::school::link::{Opened, Typed};
use crate::console::school::standing::standing;
use crate::console::school::{export, read_only};
use crate::port::work;
use crate::runtime::Runtime;

/// The form that is asked for.
pub(crate) fn form(opened: &Opened) -> Option<&Form> {
    opened.version.road_map.form_of(&opened.run.key.activity, &opened.key.stage)
}

/// The form, filled with what was typed or else with the newest answer.
pub async fn page(
    runtime: &Runtime,
    opened: &Opened,
    mut typed: Option<Typed>,
    said: &Said,
) -> Response {
    let Some(form) = form(opened) else {
        return problem::unavailable(&format!("{}: no form", opened.id));
    };
    let editable = opened.takes_answer();
    let held = opened.held_against(runtime);
    let (standing, held) = match tokio::try_join!(standing(runtime, opened, editable), held) {
        Ok(found) => found,
        Err(e) => return problem::unavailable(&e),
    };
    let kept_at = standing.kept_at.filter(|_| typed.is_none());
    let source = standing.source.clone();
    let draft_unread = standing.draft_unread;
    // Nobody is to think that what came too late was taken.
    let unsent = typed.take_if(|_| !editable).map(|typed| typed.values);
    // What is typed rests on what its writer saw, and not on what stands there by now.
    let typed = typed.unwrap_or_else(|| Typed::standing(form, standing));
    let filled = Filled {
        values: typed.values,
        errors: said.errors().to_vec(),
        rows: typed.rows,
        earlier: held.earlier,
        period: Some(opened.run.key.period),
        others: said.others(),
        ..Filled::default()
    };
    let municipality = &opened.version.road_map.municipality;
    let mut context = opened.context(runtime, said);
    typed.sight.describe(&mut context);
    context["saved"] = matches!(said, Said::Saved).into();
    let read = matches!(said, Said::Read { mistakes, .. } if mistakes.is_empty());
    context["read"] = read.into();
    context["notes"] = said.notes().into();
    context["exported"] = said.understood().clone();
    context["layouts"] = json!(export::titles(runtime, opened, form));
    context["source"] = json!(kept_at.map(|_| &source));
    context["draft"] = json!(kept_at.map(|at| words::moment(municipality, at)));
    context["draft_unread"] = draft_unread.into();
    let stage = opened.activity().and_then(|a| a.stage(&opened.key.stage)).map(|(_, stage)| stage);
    let repeated = stage.filter(|s| matches!(&s.work, Work::Collect(c) if c.again.is_some()));
    context["wave"] = json!(repeated.map(|stage| &stage.title));
    let follows = opened.activity().is_some_and(|a| a.follows_department(&opened.key.stage));
    context["follows"] = follows.into();
    context["form"] = json!({
        "title": form.title,
        "intro": paragraphs(&form.intro),
    });
    context["editable"] = editable.into();
    context["has_files"] = form.files().next().is_some().into();
    context["more_rows"] = matches!(said, Said::MoreRows).into();
    let action = format!("/a/{}", opened.token);
    let status = said.status();
    let (version, run, key) = (opened.version.clone(), opened.run.key.clone(), opened.key.clone());
    let shown = work::over(weight(&filled), move || {
        let form = version.road_map.form_of(&run.activity, &key.stage)?;
        context["errors"] = json!(mistakes(form, &filled));
        if editable {
            context["questions"] = controls::questions(&questions(form, &filled), &action).into();
        } else {
            context["answers"] = json!(read_only::read_only(form, &filled.values, &action));
            context["explanations"] = json!(read_only::explanations(form, &filled.values));
            context["unsent"] = json!(unsent.map(|v| read_only::read_only(form, &v, &action)));
        }
        Some(view::page(status, "collect.html", &context))
    });
    match shown.await {
        Ok(Some(page)) => page,
        Ok(None) => problem::unavailable(&"the form has gone".to_owned()),
        Err(e) => problem::unavailable(&e),
    }
}

/// How many controls there are to show, about.
fn weight(filled: &Filled) -> usize {
    let cells = |value: &Value| match value {
        Value::Array(rows) => {
            rows.iter().map(|row| row.as_object().map_or(1, serde_json::Map::len)).sum()
        }
        _ => 1,
    };
    filled.values.values().map(cells).sum::<usize>() + filled.errors.len()
}

fn paragraphs(text: &str) -> Value {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|p| !p.is_empty());
    paragraphs.collect::<Vec<_>>().into()
}
