//! Search over everything: activities, organisations, people named in their contacts, runs, decisions,
//! letters. All words must be there, however they are written.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::run::{Decision, RunState};
use vekha_engine::{Document, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Organisation;
use vekha_roadmap::russian::date_words;

use crate::console::department::run::{Missing, refused};
use crate::console::department::{administrator, letters};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{Asked, asked, plain};
use crate::console::frame::view;
use crate::console::year::completeness::run_words;
use crate::glossary;
use crate::runtime::Runtime;
use crate::store::read::{Filter, Page};
use crate::store::{StoreError, document};

/// Things of a kind that are shown.
const SHOWN: usize = 20;

/// Words that are looked for.
struct Words(Vec<String>);

impl Words {
    fn of(text: &str) -> Self {
        Words(plain(text).split_whitespace().map(str::to_owned).collect())
    }

    fn are_in(&self, text: &str) -> bool {
        let text = plain(text);
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Things of a kind: those that are shown, and how many there are.
#[derive(Default)]
struct Found {
    shown: Vec<Value>,
    total: usize,
}

impl Found {
    fn add(&mut self, one: impl FnOnce() -> Value) {
        self.total += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(one());
        }
    }

    fn kind(self, id: &str, title: &str) -> Option<Value> {
        let Found { shown, total } = self;
        (total > 0).then(|| json!({ "id": id, "title": title, "total": total, "shown": shown }))
    }
}

/// `GET /m/{municipality}/search?q=214-од`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let missing = || refused(Missing::Unknown);
    let version = runtime.road_maps().newest(&municipality).ok_or_else(missing)?;
    let map = &version.road_map;
    let text = asked(&query, "q");
    let words = Words::of(text);
    let mut found: Vec<Value> = Vec::new();
    if !words.0.is_empty() {
        found.extend(activities(map, &words).kind("activities", "Мероприятия"));
        found.extend(organisations(map, &words).kind("organisations", "Организации"));
        found.extend(people(map, &words).kind("people", "Люди"));
        let away = |e| refused(Missing::Unavailable(e));
        let decisions = decisions(&runtime, map, &words).await.map_err(away)?;
        found.extend(decisions.kind("decisions", "Решения"));
        let runs = runs(&runtime, map, &words).await.map_err(away)?;
        found.extend(runs.kind("runs", "Выполнения"));
        let letters = letter(&runtime, map, text).await.map_err(away)?;
        found.extend(letters.kind("letters", "Письма"));
    }
    let mut context = administrator::context(&runtime, &version, &person);
    context["q"] = text.into();
    context["found"] = found.into();
    Ok(view::page(StatusCode::OK, "search.html", &context))
}

fn activities(map: &RoadMap, words: &Words) -> Found {
    let mut found = Found::default();
    for a in &map.activities {
        if words.are_in(&format!("{} {} {} {}", a.number, a.short, a.title, a.deadline)) {
            found.add(|| {
                json!({
                    "what": format!("{}. {}", a.number, a.short),
                    "more": a.title,
                    "link": format!("/runs/{}/{}", map.municipality.id, a.id),
                })
            });
        }
    }
    found
}

fn page_of(map: &RoadMap, organisation: &Organisation) -> String {
    format!("/m/{}/organisations/{}", map.municipality.id, organisation.code)
}

fn organisations(map: &RoadMap, words: &Words) -> Found {
    let mut found = Found::default();
    for o in &map.organisations {
        let addresses: Vec<&str> = o.addressees().into_iter().map(|(_, email)| email).collect();
        let names = [o.logins.join(" "), o.other_names.join(" "), addresses.join(" ")].join(" ");
        if words.are_in(&format!("{} {} {} {names}", o.code, o.short, o.name)) {
            found.add(|| json!({ "what": o.short, "more": o.name, "link": page_of(map, o) }));
        }
    }
    found
}

fn people(map: &RoadMap, words: &Words) -> Found {
    let mut found = Found::default();
    for o in &map.organisations {
        for c in &o.contacts {
            let text = format!("{} {} {} {}", c.name, c.role, c.email, c.phone);
            if words.are_in(&text) {
                let role = if c.role.is_empty() { String::new() } else { format!("{}, ", c.role) };
                found.add(|| {
                    let more = format!("{role}{}", o.short);
                    json!({ "what": c.name, "more": more, "link": page_of(map, o) })
                });
            }
        }
    }
    found
}

async fn decisions(runtime: &Runtime, map: &RoadMap, words: &Words) -> Result<Found, StoreError> {
    let store = runtime.store();
    let filter = Filter { municipality: Some(map.municipality.id.clone()), ..Filter::default() };
    let mut all = Vec::new();
    for row in store.list_decisions(&filter, &Page::all()).await? {
        let read = store.readable(&row.called(), document::<Decision>(&row.called(), &row.body))?;
        let (Some(decision), Ok(run)) = (read, row.run.parse::<RunKey>()) else { continue };
        let Document { number, title, signatory, outcome, .. } = &decision.document;
        let day = glossary::date(decision.document.date);
        if words.are_in(&format!("{number} {day} {title} {signatory} {outcome}")) {
            all.push((run, row.ordinal, decision));
        }
    }
    all.sort_by_key(|(_, _, decision)| std::cmp::Reverse(decision.document.date));
    let mut found = Found::default();
    for (run, ordinal, d) in all {
        found.add(|| {
            json!({
                "what": format!("{} № {} от {}", d.kind.words(), d.document.number, date_words(d.document.date)),
                "more": format!("{}; {}", d.document.title, run_words(map, &run)),
                "link": format!("/runs/{run}#decision-{ordinal}"),
            })
        });
    }
    Ok(found)
}

async fn runs(runtime: &Runtime, map: &RoadMap, words: &Words) -> Result<Found, StoreError> {
    let mut all = Vec::new();
    for brief in runtime.store().brief_runs(&map.municipality.id).await? {
        let Ok(run) = brief.id.parse::<RunKey>() else { continue };
        let part = run.part.as_deref().map(|code| map.short_name(code)).unwrap_or_default();
        let what = run_words(map, &run);
        if words.are_in(&format!("{what} {} {part}", run.period)) {
            all.push((brief.opened_at, run, what, part, brief.state()));
        }
    }
    all.sort_by_key(|(opened, ..)| std::cmp::Reverse(*opened));
    let mut found = Found::default();
    for (_, run, what, part, state) in all {
        let state = state.map_or("", |state: RunState| glossary::run_state(state));
        let more = if part.is_empty() { state.to_owned() } else { format!("{part}; {state}") };
        found.add(|| json!({ "what": what, "more": more, "link": format!("/runs/{run}") }));
    }
    Ok(found)
}

/// A letter by its Message-ID, as it stands in a mail program. Letters to somebody stand on the page of
/// the organisation.
async fn letter(runtime: &Runtime, map: &RoadMap, text: &str) -> Result<Found, StoreError> {
    let id = text.trim_matches(['<', '>', ' ']);
    let mut found = Found::default();
    if !id.contains('@') {
        return Ok(found);
    }
    let row = runtime.store().message_by_id(id).await?;
    if let Some(row) = row.filter(|row| row.municipality == map.municipality.id) {
        let shown = letters::line(map, &row);
        let more = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
        found.add(|| {
            json!({
                "what": format!("{}: {}", more("kind"), more("organisation")),
                "more": format!("{}, {}, {}", more("run"), more("created"), more("state")),
                "link": shown["link"],
            })
        });
    }
    Ok(found)
}
