//! What the daemon runs with, for administrators of all municipalities: its settings, its plugins and
//! whether they work, who is told what happens ([`listener`]), and whether mail leaves.

mod listener;

pub use listener::{act as act_on_listener, show as show_listener};

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_plugin::{Address, Capability, Health};
use vekha_plugin_host::Hosted;
use vekha_roadmap::read::is_address;

use crate::access::Role;
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{packed, problem, view};
use crate::console::people::{Refused, asker, moment};
use crate::runtime::Runtime;
use crate::runtime::acts::listeners::{MadeListener, Wishes, shown_url};
use crate::runtime::integrations;
use crate::store::StoreError;
use crate::store::entities::listener as entity;

/// Lines of a plugin's that are shown.
const LINES: usize = 30;

/// What came of a trial.
struct Tried {
    /// Of what: a plugin's name, or mail.
    what: String,
    well: bool,
    words: String,
}

/// `GET /daemon`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    page(&runtime, &person, Shown::default()).await
}

/// What a page shows beside how things are.
#[derive(Default)]
struct Shown<'p> {
    tried: Option<Tried>,
    /// Where a trial letter was to go.
    to: &'p str,
    /// A listener that was just added.
    added: Option<MadeListener>,
    /// What is wrong with one that was not, and what was said of it.
    refused: Refused,
    said: Wishes,
    name: &'p str,
}

/// `POST /daemon`: tries a plugin, or mail; gives listeners again what they did not take; adds one.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    if !allowed(&person) {
        return Err(no_access());
    }
    let to = value(&pairs, "to").trim();
    if value(&pairs, "_action") == "listen" {
        return add(&runtime, &person, &pairs).await;
    }
    let tried = match value(&pairs, "_action") {
        "plugin" => {
            let name = value(&pairs, "plugin");
            let plugins = runtime.plugins();
            let plugin = plugins.iter().find(|one| one.name() == name);
            tried(plugin.ok_or_else(problem::missing)?).await
        }
        "mail" if !is_address(to) => Tried {
            what: "mail".to_owned(),
            well: false,
            words: "нужен один адрес вида name@example.org".to_owned(),
        },
        "mail" => match runtime.try_mail(Address::new("", to)).await {
            Ok(receipt) => Tried {
                what: "mail".to_owned(),
                well: true,
                words: format!("Письмо на {to} принято. {}", receipt.detail),
            },
            Err(e) => Tried { what: "mail".to_owned(), well: false, words: e.to_string() },
        },
        "redeliver" => {
            let id = value(&pairs, "listener");
            let store = runtime.store();
            let known = store.listener(id).await.map_err(|e| problem::unavailable(&e))?;
            let known = known.ok_or_else(problem::missing)?;
            let again = store.redeliver(&known.id, &[], false).await;
            let again = again.map_err(|e| problem::unavailable(&e))?;
            runtime.nudge();
            let words = format!("Будет передано снова: {again}.");
            Tried { what: format!("listener {id}"), well: true, words }
        }
        _ => return Ok(problem::no_such_page().await),
    };
    page(&runtime, &person, Shown { tried: Some(tried), to, ..Shown::default() }).await
}

/// Adds a listener, as the contract does. Its secret is on this page alone.
async fn add(runtime: &Runtime, person: &Person, pairs: &Pairs) -> Result<Response, Response> {
    let actor = person.actor();
    let name = value(pairs, "name").trim();
    let wishes = listener::said(pairs);
    let asker = asker(person, &actor, pairs);
    let shown = match runtime.add_listener(&asker, name, wishes.clone(), None).await {
        Ok(made) => Shown { added: Some(made), ..Shown::default() },
        Err(e) => {
            let refused = Refused::of(e).map_err(|response| *response)?;
            Shown { refused, said: wishes, name, ..Shown::default() }
        }
    };
    page(runtime, person, shown).await
}

/// Who looks into the machine must rule over all municipalities.
fn allowed(person: &Person) -> bool {
    person.roles.in_all() == Some(Role::Administrator)
}

fn no_access() -> Response {
    let words = "Что с самим демоном, видит администратор всех муниципалитетов.";
    problem::page(StatusCode::FORBIDDEN, "Нет доступа", &[words])
}

/// Asks a plugin how it is.
async fn tried(plugin: &Hosted) -> Tried {
    let what = plugin.name().to_owned();
    match integrations::tried(plugin).await {
        Health::Healthy => {
            Tried {
                what, well: true, words: "Отвечает, работать может.".to_owned()
            }
        }
        Health::Unhealthy { reason } => Tried { what, well: false, words: reason },
    }
}

async fn page(runtime: &Runtime, person: &Person, shown: Shown<'_>) -> Result<Response, Response> {
    let Shown { tried, to, added, refused, said, name } = shown;
    let listeners = listeners(runtime).await.map_err(|e| problem::unavailable(&e))?;
    let own = person.person().map_or("", |person| person.email.as_str());
    let mut context = access::head(runtime, person);
    context["release"] = env!("CARGO_PKG_VERSION").into();
    context["public_url"] = runtime.public_url().into();
    context["database"] = if runtime.store().is_shared() { "PostgreSQL" } else { "SQLite" }.into();
    context["plugins"] = runtime.plugins().iter().map(described).collect();
    context["listeners"] = listeners;
    context["settings"] = json!(runtime.settings());
    context["to"] = if to.is_empty() { own } else { to }.into();
    let well = tried.as_ref().is_none_or(|tried| tried.well);
    context["tried"] = match &tried {
        Some(Tried { what, well, words }) => {
            json!({ "what": what, "well": well, "words": words })
        }
        None => json!(null),
    };
    let status = if well { refused.status } else { StatusCode::UNPROCESSABLE_ENTITY };
    context["choice"] = listener::choices(runtime, &said);
    context["refused"] = refused.shown();
    context["said"] = json!({ "name": name, "url": said.url });
    context["added"] =
        json!(added.map(|made| json!({ "name": made.row.id, "secret": made.secret })));
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    Ok(packed::never(view::page(status, "daemon.html", &context)))
}

/// A plugin in a process of its own.
fn described(plugin: &Arc<Hosted>) -> Value {
    let description = plugin.description();
    let lines: Vec<String> = plugin.log(LINES).into_iter().map(|line| line.text).collect();
    let does = |capability: &Capability| match capability {
        Capability::Notifier => "отправляет письма",
        Capability::Publisher => "публикует отчёты",
        Capability::Source => "знает ответы",
        Capability::Listener => "слушает журнал",
        Capability::Analyzer => "считает показатели",
    };
    json!({
        "name": plugin.name(),
        "summary": description.as_ref().map(|d| d.summary.clone()),
        "version": description.as_ref().map(|d| d.version.clone()),
        "does": description.map(|d| d.capabilities.iter().map(does).collect::<Vec<_>>()),
        "trouble": plugin.trouble().map(|trouble| trouble.words),
        "lines": lines,
    })
}

/// Who is told what happens, and how far.
async fn listeners(runtime: &Runtime) -> Result<Value, StoreError> {
    let store = runtime.store();
    let undelivered = store.count_undelivered().await?;
    let mut shown = Vec::new();
    for row in store.listeners().await? {
        let waiting = store.entries_after(row.cursor).await?;
        shown.push(line(runtime, &row, waiting, undelivered.get(&row.id).copied()));
    }
    Ok(shown.into())
}

fn line(runtime: &Runtime, row: &entity::Model, waiting: u64, undelivered: Option<i64>) -> Value {
    let (words, mark) = match (row.disabled, row.attempts) {
        (true, _) => ("отключён", "attention"),
        (false, 0) => ("работает", "good"),
        (false, _) => ("не отвечает", "late"),
    };
    let why = if row.disabled { &row.reason } else { &row.error };
    json!({
        "id": row.id,
        "to": match row.plugin.as_str() {
            "" => shown_url(&row.url).to_owned(),
            plugin => format!("плагин «{plugin}»"),
        },
        "state": words,
        "mark": mark,
        "why": why,
        "told": moment(runtime, row.delivered_at),
        "waiting": waiting,
        "undelivered": undelivered.unwrap_or_default(),
    })
}
