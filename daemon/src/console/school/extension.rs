//! A school asks for more time, from its page.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::{Command, Offer, limits};
use vekha_roadmap::answers::{Values, validate};
use vekha_roadmap::model::{Field, FieldKind, Form};

use crate::console::department::actions::sheet::{day, field, text};
use crate::console::frame::form::{Filled, mistakes, questions};
use crate::console::frame::said::{self, Said};
use crate::console::frame::sending::Sent;
use crate::console::frame::{controls, posted, problem, words};
use crate::console::school::link::{self, Closed, Opened};
use crate::glossary;
use crate::runtime::{Ask, Runtime};

/// What must be said.
fn form() -> Form {
    let due = Field {
        help: "Рабочий день позже нынешнего срока".to_owned(),
        ..field("due", "До какого дня", FieldKind::Date)
    };
    let reason = field("reason", "Почему", FieldKind::LongText { max_length: limits::REASON });
    Form { id: "extension".to_owned(), fields: vec![due, reason], ..Form::default() }
}

/// The form as the page shows it, where more time can be asked for; with what was typed and is
/// wrong.
pub fn offer(opened: &Opened, said: &Said) -> Value {
    let assignment = &opened.assignment;
    if !opened.offers(&Offer::RequestExtension(opened.key.clone())) {
        return Value::Null;
    }
    let (values, errors) = match said {
        Said::NotAsked(values, errors) => (values.clone(), errors.clone()),
        _ => (Values::new(), vec![]),
    };
    let filled = Filled { values, errors, prefix: "extension-".to_owned(), ..Filled::default() };
    let (form, action) = (form(), format!("/a/{}/extension", opened.token));
    json!({
        "action": action,
        "questions": controls::questions(&questions(&form, &filled), &action),
        "errors": mistakes(&form, &filled),
        "asked": assignment.request.as_ref().map(|wish| json!({
            "due": glossary::date(wish.due),
            "reason": wish.reason,
        })),
    })
}

/// What became of the wish for more time, as long as an answer is awaited.
pub fn replied(opened: &Opened) -> Value {
    let assignment = &opened.assignment;
    let awaited = assignment.state.is_awaited() && !opened.run.state.ended();
    let municipality = &opened.version.road_map.municipality;
    json!(assignment.replied.as_ref().filter(|_| awaited).map(|reply| json!({
        "granted": reply.granted,
        "wanted": glossary::date(reply.wanted),
        "less": reply.granted && reply.due != reply.wanted,
        "due": glossary::date(reply.due),
        "reason": reply.reason,
        "at": words::moment(municipality, reply.at),
    })))
}

async fn send(
    runtime: &Runtime,
    opened: &Opened,
    command: Command,
    once: &str,
) -> Result<(), Said> {
    let about = format!("{}/extension", opened.id);
    let sent = Sent { about: &about, once, said: &command };
    let ask = |by| runtime.act(opened.run.key.clone(), Ask::Step(command.clone()), by);
    said::of(sent.act(runtime, opened.caller(), ask).await, &[])
}

/// `POST /a/{token}/extension`
pub async fn ask(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    // Whoever has no link is told so before anything is read.
    let opened = link::open(&runtime, &token).await.map(|opened| opened.by(&request));
    if let Err(Closed::Unknown) = opened {
        return problem::unknown_link();
    }
    let pairs = match posted::pairs(request).await {
        Ok(pairs) => pairs,
        Err(unread) => return *unread,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(Closed::Unknown) => return problem::unknown_link(),
        Err(Closed::Unavailable(e)) => return problem::unsaved(&e, &pairs),
    };
    let form = form();
    let posted = posted::read(&form, &pairs);
    let (raw, once) = (posted.values, posted.once);
    let command = match validate(&form, &raw, &Values::new()) {
        Ok(values) => day(&values, "due").map_err(|e| vec![e]).map(|due| {
            let reason = text(&values, "reason");
            Command::RequestExtension { assignment: opened.key.clone(), due, reason }
        }),
        Err(errors) => Err(errors),
    };
    let said = match command {
        Err(errors) => Said::NotAsked(raw, errors),
        Ok(command) => match send(&runtime, &opened, command, &once).await {
            Ok(()) => {
                let asked = format!("/a/{}?asked=1", opened.token);
                return Redirect::to(&asked).into_response();
            }
            Err(Said::Wrong(errors)) => Said::NotAsked(raw, errors),
            Err(said) => said,
        },
    };
    link::page(&runtime, &opened, None, &said).await
}
