//! A school's link: one assignment of one organisation, opened by the token in its address.
//!
//! GET shows what is asked and what has been answered; POST answers. Everything that was typed
//! stays in the page until it is accepted, whatever happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::run::{Assignment, AssignmentKind, Decision, Measure, Recommendation, Run};
use vekha_engine::{AssignmentKey, Command, Origin, Refusal, RunKey};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::Activity;
use vekha_roadmap::russian;

use super::actions::request;
use super::{acknowledge, collect, extension, files, measure, posted, problem, words};
use crate::runtime::committer::Task;
use crate::runtime::road_maps::Version;
use crate::runtime::{Ask, AskError, Runtime};
use crate::secret::Secret;
use crate::store::{Store, document};

/// What a link opens.
pub struct Opened {
    /// Its token.
    pub token: String,
    /// The assignment's id in the database.
    pub id: String,
    /// The assignment's name within its run.
    pub key: AssignmentKey,
    /// What is asked.
    pub assignment: Assignment,
    /// What it is about, besides its form.
    pub about: About,
    /// The run that it belongs to, by itself: a thousand schools may have been asked, and whoever
    /// opens a link needs not what the others owe.
    pub run: Run,
    /// The road map that the run keeps.
    pub version: Arc<Version>,
}

/// What an assignment is about.
pub enum About {
    /// The stage's form.
    Form,
    /// What the organisation is recommended.
    Recommendation(Recommendation),
    /// What a decision orders it to do.
    Measure(Box<(Measure, Decision)>),
}

impl About {
    /// None if the database lacks it.
    async fn of(
        store: &Store,
        run: &RunKey,
        key: &AssignmentKey,
        kind: AssignmentKind,
    ) -> Result<Option<About>, sea_orm::DbErr> {
        Ok(match kind {
            AssignmentKind::Collect => Some(About::Form),
            AssignmentKind::Acknowledge => {
                store.recommendation(run, key).await?.map(About::Recommendation)
            }
            AssignmentKind::Measure(number) => match store.measure(run, number).await? {
                Some(measure) => {
                    let decision = store.decision(run, measure.decision).await?;
                    decision.map(|decision| About::Measure(Box::new((measure, decision))))
                }
                None => None,
            },
        })
    }
}

/// Why a link opens nothing.
pub enum Closed {
    /// There is no such link.
    Unknown,
    /// The database does not answer.
    Unavailable(String),
}

/// What the page has to say about the last thing that the person did.
pub enum Said {
    /// Nothing was done.
    Nothing,
    /// It was accepted.
    Accepted,
    /// Fields are wrong.
    Wrong(Vec<FieldError>),
    /// It was refused, with the reason.
    Refused(String),
    /// The database did not take it.
    Unsaved,
    /// More rows were asked for.
    MoreRows,
    /// What was typed was kept, and not sent.
    Saved,
    /// A spreadsheet was read into the form, and not sent.
    Read,
    /// More time was asked for.
    Asked,
    /// More time was asked for in a way that is wrong: what was typed, and what is wrong with it.
    NotAsked(Values, Vec<FieldError>),
}

impl Said {
    /// The page's status.
    pub fn status(&self) -> StatusCode {
        match self {
            Said::Nothing
            | Said::Accepted
            | Said::MoreRows
            | Said::Saved
            | Said::Read
            | Said::Asked => StatusCode::OK,
            Said::Wrong(_) | Said::NotAsked(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Said::Refused(_) => StatusCode::CONFLICT,
            Said::Unsaved => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is wrong with fields.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Said::Wrong(errors) => errors,
            _ => &[],
        }
    }
}

impl Opened {
    /// The activity of the road map.
    pub fn activity(&self) -> Option<&Activity> {
        self.version.road_map.activity(&self.run.key.activity)
    }

    /// What the same organisation answered in the period before.
    pub async fn earlier(&self, runtime: &Runtime) -> Result<Values, sea_orm::DbErr> {
        runtime.earlier_answers(self.activity(), &self.run.key, &self.key).await
    }

    /// What every page behind a link shows.
    pub fn context(&self, runtime: &Runtime, said: &Said) -> Value {
        let road_map = &self.version.road_map;
        let municipality = &road_map.municipality;
        let organisation = road_map.organisation(&self.key.organisation);
        let activity = self.activity();
        let now = runtime.clock().now();
        let refused = match said {
            Said::Refused(sentence) => sentence.as_str(),
            _ => "",
        };
        json!({
            "authority": municipality.authority,
            "adopted_by": municipality.adopted_by,
            "contact": municipality.contact,
            "organisation": {
                "name": organisation.map(|o| &o.name),
                "email": organisation.map(|o| &o.email),
            },
            "activity": {
                "number": activity.map(|a| a.number),
                "title": activity.map(|a| &a.title),
                "short": activity.map(|a| &a.short),
            },
            "period": self.run.key.period.words(),
            "due": russian::date_words_with_weekday(self.assignment.due),
            "left": words::left(municipality, self.assignment.due, now),
            "late": now > municipality.closing(self.assignment.due),
            "state": self.assignment.state.as_str(),
            "reason": self.assignment.reason,
            "comment": self.assignment.comment,
            "extension": extension::offer(self, said),
            "asked": matches!(said, Said::Asked),
            "version": self.assignment.version,
            "answered_at": self.assignment.answered_at.map(|at| words::moment(municipality, at)),
            "accepted": matches!(said, Said::Accepted),
            "refused": refused,
            "unsaved": matches!(said, Said::Unsaved),
            "action": format!("/a/{}", self.token),
            // Told apart by this, a second press of the button is not a second answer.
            "once": uuid::Uuid::now_v7().to_string(),
        })
    }
}

/// What a token opens.
pub async fn open(runtime: &Runtime, token: &str) -> Result<Opened, Closed> {
    // What cannot be a token does not reach the database.
    if token.len() != 64 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Closed::Unknown);
    }
    let unavailable = |e: sea_orm::DbErr| Closed::Unavailable(e.to_string());
    let broken = || Closed::Unavailable("the run of a link is not whole".to_owned());
    let token = token.to_ascii_lowercase();
    let row = runtime.store().assignment_by_token(&Secret::hash(&token)).await;
    let row = row.map_err(unavailable)?.ok_or(Closed::Unknown)?;
    let run_key: RunKey = row.run.parse().map_err(|_| broken())?;
    let key = AssignmentKey::new(&row.stage, &row.organisation);
    let assignment: Assignment = document(&row.id, &row.body).map_err(unavailable)?;
    let about = About::of(runtime.store(), &run_key, &key, assignment.kind).await;
    let about = about.map_err(unavailable)?.ok_or_else(broken)?;
    let run = runtime.store().bare_run(&run_key).await;
    let run = run.map_err(unavailable)?.ok_or_else(broken)?;
    let version = runtime.road_maps().current(&run_key.municipality, run.road_map);
    let version = version.ok_or_else(broken)?;
    Ok(Opened { token, id: row.id, key, assignment, about, run, version })
}

/// The page of whatever the link asks for.
pub async fn page(
    runtime: &Runtime,
    opened: &Opened,
    typed: Option<Typed>,
    said: &Said,
) -> Response {
    match &opened.about {
        About::Form => collect::page(runtime, opened, typed, said).await,
        About::Recommendation(recommendation) => {
            acknowledge::page(runtime, opened, recommendation, typed.as_ref(), said)
        }
        About::Measure(ordered) => measure::page(runtime, opened, ordered, typed.as_ref(), said),
    }
}

/// What a person wants done with what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Send it.
    Send,
    /// Keep it for later.
    Save,
    /// Give it more rows.
    AddRows,
}

/// What a person has typed and not yet got accepted.
#[derive(Debug, Default)]
pub struct Typed {
    /// Raw answers.
    pub values: Values,
    /// Rows that each free table showed.
    pub rows: BTreeMap<String, usize>,
}

/// `GET /a/{token}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    match open(&runtime, &token).await {
        Ok(opened) => {
            let said = if query.contains_key("sent") && opened.assignment.version > 0 {
                Said::Accepted
            } else if query.contains_key("saved") {
                Said::Saved
            } else if query.contains_key("asked") {
                Said::Asked
            } else {
                Said::Nothing
            };
            page(&runtime, &opened, None, &said).await
        }
        Err(Closed::Unknown) => problem::unknown_link(),
        Err(Closed::Unavailable(e)) => problem::unavailable(&e),
    }
}

/// `POST /a/{token}`
pub async fn answer(
    State(runtime): State<Arc<Runtime>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let (mut pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let opened = match open(&runtime, &token).await {
        Ok(opened) => opened,
        Err(Closed::Unknown) => return problem::unknown_link(),
        Err(Closed::Unavailable(e)) => return problem::unsaved(&e, &pairs),
    };
    let mut refused = Vec::new();
    if let Some(form) = collect::form(&opened) {
        match files::keep(&runtime, form, &opened.id, uploads, &mut pairs).await {
            Ok(wrong) => refused = wrong,
            Err(e) => return problem::unsaved(&e, &pairs),
        }
    }
    let (typed, once, wish) = match opened.assignment.kind {
        AssignmentKind::Collect => collect::read(&opened, &pairs),
        AssignmentKind::Acknowledge | AssignmentKind::Measure(_) => measure::read(&pairs),
    };
    if !refused.is_empty() {
        return page(&runtime, &opened, Some(typed), &Said::Wrong(refused)).await;
    }
    match wish {
        Wish::Send => {}
        Wish::AddRows => return page(&runtime, &opened, Some(typed), &Said::MoreRows).await,
        Wish::Save => {
            let now = runtime.clock().now();
            return match runtime.store().save_draft(&opened.id, &typed.values, now).await {
                Ok(()) => Redirect::to(&format!("/a/{}?saved=1", opened.token)).into_response(),
                Err(e) => problem::unsaved(&e.to_string(), &pairs),
            };
        }
    }
    match submit(&runtime, &opened, typed.values.clone(), &once).await {
        Ok(()) => Redirect::to(&format!("/a/{}?sent=1", opened.token)).into_response(),
        Err(said) => page(&runtime, &opened, Some(typed), &said).await,
    }
}

async fn submit(
    runtime: &Runtime,
    opened: &Opened,
    answers: Values,
    once: &str,
) -> Result<(), Said> {
    let assignment = opened.key.clone();
    let earlier = opened.earlier(runtime).await.map_err(|e| {
        tracing::error!("an answer was not saved: {e}");
        Said::Unsaved
    })?;
    if let Some(form) = collect::form(opened) {
        match runtime.missing_files(form, &opened.id, &answers).await {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => return Err(Said::Wrong(missing)),
            Err(e) => {
                tracing::error!("an answer was not saved: {e}");
                return Err(Said::Unsaved);
            }
        }
    }
    let command = Command::Submit { assignment, answers, earlier, origin: Origin::Page };
    send(runtime, opened, command, once).await
}

/// Carries out what a person behind a link wants; `once` tells a second press of the same button.
pub async fn send(
    runtime: &Runtime,
    opened: &Opened,
    command: Command,
    once: &str,
) -> Result<(), Said> {
    let actor = format!("page:{}", opened.key.organisation);
    let request = request(&opened.id, once, &command);
    let mut task = Task::new(opened.run.key.clone(), Ask::Step(command), &actor);
    task.request = request;
    let mut done = runtime.ask(task.clone()).await;
    if matches!(done, Err(AskError::RequestReused)) {
        // Someone went back to the page and corrected what had been accepted: a new answer.
        task.request = None;
        done = runtime.ask(task).await;
    }
    match done {
        Ok(_) => {
            runtime.nudge();
            Ok(())
        }
        Err(AskError::Refused(Refusal::Invalid(errors))) => Err(Said::Wrong(errors)),
        Err(AskError::Refused(refusal)) => Err(Said::Refused(refusal.to_string())),
        Err(AskError::Store(e)) => {
            tracing::error!("an answer was not saved: {e}");
            Err(Said::Unsaved)
        }
        Err(e) => Err(Said::Refused(e.to_string())),
    }
}
