//! A run's journal: when, what, about whom, by whom. The run's page ends with its newest entries; the
//! journal has a page of its own.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::Happened;
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::console::department::run::{self, Missing, actor, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, Paging, asked};
use crate::console::frame::{view, words};
use crate::glossary;
use crate::runtime::Runtime;
use crate::store::entities::journal;
use crate::store::instant;

/// Entries of a page.
const ENTRIES: usize = 100;

/// Organisations that an entry names one by one.
const NAMED: usize = 3;

/// An entry as pages show it.
pub fn line(map: &RoadMap, entry: &journal::Model) -> Value {
    let happened = Happened::read(&entry.kind, &entry.data);
    let about = happened.as_ref().map(whom).unwrap_or_default();
    let named: Vec<Value> = about
        .iter()
        .take(NAMED)
        .map(|code| {
            json!({
                "name": administrator::name(map, code),
                "link": format!("/m/{}/organisations/{code}", map.municipality.id),
            })
        })
        .collect();
    json!({
        "at": words::short_moment(&map.municipality, instant(entry.at)),
        "actor": actor(map, &entry.actor),
        "kind": glossary::journal_kind(&entry.kind),
        "facts": glossary::journal_facts(&entry.kind, &entry.data),
        "about": named,
        "others": about.len().saturating_sub(NAMED),
    })
}

/// Whom an entry is about, by code: those who were asked, found, reminded, written to. What is about
/// the run itself is about nobody.
fn whom(happened: &Happened) -> Vec<&str> {
    match happened {
        Happened::RunOpened { named: codes, .. }
        | Happened::Asked { organisations: codes, .. }
        | Happened::Prefilled { organisations: codes, .. }
        | Happened::Escalated { silent: codes, .. }
        | Happened::Closed { missing: codes, .. }
        | Happened::Drafted { organisations: codes, .. }
        | Happened::Approved { organisations: codes, .. } => {
            codes.iter().map(String::as_str).collect()
        }
        Happened::Submitted { assignment: key, .. }
        | Happened::Reminded { assignment: key }
        | Happened::Waived { assignment: key, .. }
        | Happened::Extended { assignment: key, .. }
        | Happened::ExtensionRequested { assignment: key, .. }
        | Happened::ExtensionDeclined { assignment: key, .. }
        | Happened::LinkSent { assignment: key, .. }
        | Happened::LinkReplaced { assignment: key, .. }
        | Happened::AnswerReturned { assignment: key, .. }
        | Happened::Revised { recommendation: key, .. }
        | Happened::Discarded { recommendation: key, .. }
        | Happened::Acknowledged { recommendation: key } => vec![&key.organisation],
        Happened::MeasureOrdered { organisation, .. }
        | Happened::LetterRefused { organisation, .. }
        | Happened::AddressReturned { organisation, .. }
        | Happened::AddressConfirmed { organisation, .. } => vec![organisation],
        // What is no code names nobody.
        Happened::CalendarGiven { reader } | Happened::CalendarTakenBack { reader } => {
            vec![reader]
        }
        Happened::LettersRetried { organisation, .. } if organisation.is_empty() => vec![],
        Happened::LettersRetried { organisation, .. } => vec![organisation],
        Happened::Waiting { .. }
        | Happened::Question { .. }
        | Happened::Proceeded { .. }
        | Happened::RunStarted {}
        | Happened::RunCompleted {}
        | Happened::Entrusted { .. }
        | Happened::Remarked { .. }
        | Happened::RunSkipped { .. }
        | Happened::RunCancelled { .. }
        | Happened::StageWaits { .. }
        | Happened::StageStarted { .. }
        | Happened::StageCompleted { .. }
        | Happened::StagePutOff { .. }
        | Happened::StageFailed { .. }
        | Happened::StageRetried { .. }
        | Happened::SourceNoted { .. }
        | Happened::SourceFailed { .. }
        | Happened::ReviewBegun { .. }
        | Happened::ReviewEnded { .. }
        | Happened::AnswersAccepted { .. }
        | Happened::Analyzed { .. }
        | Happened::Unwritten { .. }
        | Happened::Decided { .. }
        | Happened::Attached { .. }
        | Happened::MeasureReturned { .. }
        | Happened::MeasureAccepted { .. }
        | Happened::Published { .. }
        | Happened::ActivityPaused { .. }
        | Happened::ActivityResumed { .. }
        | Happened::LettersHeld { .. }
        | Happened::LettersReleased { .. }
        | Happened::PersonSet { .. }
        | Happened::PersonInvited { .. }
        | Happened::PasswordSet { .. }
        | Happened::SignedIn { .. }
        | Happened::PasskeyAdded { .. }
        | Happened::PasskeyRemoved { .. }
        | Happened::PasskeysRemoved { .. }
        | Happened::SignInLocked { .. }
        | Happened::AccountLinked { .. }
        | Happened::ProvidedRolesSet { .. }
        | Happened::SignInRefused { .. }
        | Happened::TokenSet { .. }
        | Happened::TokenRotated { .. }
        | Happened::TokenRevoked { .. }
        | Happened::ListenerSet { .. }
        | Happened::ListenerRotated { .. }
        | Happened::ListenerDisabled { .. }
        | Happened::ListenerRemoved { .. }
        | Happened::BackupMade { .. }
        | Happened::BackupGiven { .. }
        | Happened::BackupRemoved { .. } => vec![],
    }
}

/// `GET /runs/{municipality}/{activity}/{run}/journal?organisation=school-1&page=2`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(path): Path<(String, String, String)>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let (run, version) = run::load_bare(&runtime, &path).await.map_err(refused)?;
    let map = &version.road_map;
    let id = run.key.to_string();
    let code = Some(asked(&query, "organisation")).filter(|code| map.organisation(code).is_some());
    let away = |e| refused(Missing::Unavailable(e));
    let store = runtime.store();
    let length = match code {
        None => run.journal.sequence,
        Some(_) => store.journal_length(&id, code).await.map_err(away)?,
    };
    let paging = Paging::new(&query, "page", ENTRIES, length as usize);
    let range = paging.range();
    let (skip, limit) = (range.start as u64, range.len() as u64);
    let entries = store.journal_page(&id, code, skip, limit).await.map_err(away)?;
    let mut context = administrator::context(&runtime, &version, &person);
    context["run"] = run::named(map, &run);
    context["journal"] = entries.iter().map(|entry| line(map, entry)).collect();
    context["paging"] = paging.show("list");
    let everybody = ("", "всё".to_owned());
    let each = map.organisations.iter().map(|o| (o.code.as_str(), o.short.clone()));
    context["filters"] = paging::filters(
        &format!("/runs/{}/journal", run.key),
        &query,
        vec![paging::choice(&query, "organisation", "О ком", [everybody].into_iter().chain(each))],
    );
    Ok(view::page(StatusCode::OK, "journal.html", &context))
}
