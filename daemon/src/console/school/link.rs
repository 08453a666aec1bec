//! A school's link: one assignment of one organisation, opened by the token in its address.
//!
//! GET shows what is asked and what has been answered; POST answers. Everything that was typed
//! stays in the page until it is accepted, whatever happens.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use vekha_engine::offers::takes_report;
use vekha_engine::run::{Assignment, AssignmentKind, Decision, Measure, Recommendation, Run};
use vekha_engine::{AssignmentKey, Command, Offer, Origin, Refusal, RunKey};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Activity, Form};
use vekha_roadmap::russian;

use crate::console::frame::access::Person;
use crate::console::frame::said::{self, Clash, Said};
use crate::console::frame::sending::{Sent, known};
use crate::console::frame::shown::Shown;
use crate::console::frame::{posted, problem, words};
use crate::console::school::conflict::{self, Choice};
use crate::console::school::standing::{Standing, standing};
use crate::console::school::{acknowledge, collect, extension, measure, uploads};
use crate::forms::reports;
use crate::runtime::Runtime;
use crate::runtime::acts::answer::{NewAnswer, OnPage};
use crate::runtime::committer::Caller;
use crate::runtime::road_maps::Version;
use crate::runtime::seen::{Seen, Thing};
use crate::runtime::views::held_against::HeldAgainst;
use crate::secret::Secret;
use crate::store::write::drafts::{Basis, Saved};
use crate::store::{Store, StoreError, document, unreadable};

/// Rows that one press of the button adds.
const MORE_ROWS: usize = 5;

/// How often what two people wrote in the same way is tried.
const ATTEMPTS: usize = 3;

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
    /// The run that it belongs to, with this assignment alone: a thousand schools may have been asked,
    /// and whoever opens a link needs not what the others owe.
    pub run: Run,
    /// The road map that the run keeps.
    pub version: Arc<Version>,
    /// Who has opened it, if somebody who represents the organisation has signed in.
    representative: Option<String>,
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
    ) -> Result<Option<About>, StoreError> {
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
    /// The database does not answer, or what stands behind the link cannot be read.
    Unavailable(StoreError),
}

impl Opened {
    /// The activity of the road map.
    pub fn activity(&self) -> Option<&Activity> {
        self.version.road_map.activity(&self.run.key.activity)
    }

    /// What an answer is held against besides its form.
    pub async fn held_against(&self, runtime: &Runtime) -> Result<HeldAgainst, StoreError> {
        runtime.held_against(&self.version, &self.run.key, &self.key).await
    }

    /// Whether this may be done as things stand.
    pub fn offers(&self, offer: &Offer) -> bool {
        self.activity().is_some_and(|activity| offer.stands(activity, &self.run).is_ok())
    }

    /// Whether an answer is taken.
    pub fn takes_answer(&self) -> bool {
        self.not_taken().is_none()
    }

    /// Why no answer is taken, if none is.
    fn not_taken(&self) -> Option<Refusal> {
        let taken = match &self.about {
            // The run is here without its measures.
            About::Measure(ordered) => takes_report(&self.assignment, &ordered.0),
            _ => Offer::Submit(self.key.clone()).stands(self.activity()?, &self.run),
        };
        taken.err()
    }

    /// The same, with who has sent this request.
    pub fn by(mut self, request: &Request) -> Self {
        let visitor = request.extensions().get::<Person>();
        let (run, own) = (&self.run.key, &self.key.organisation);
        let represents = |person: &&Person| person.roles.represents(&run.municipality, own);
        self.representative = visitor.filter(represents).map(|person| person.actor());
        self
    }

    /// Whoever has the link; a representative who has signed in by their name.
    pub fn caller(&self) -> Caller {
        let anybody = || format!("page:{}", self.key.organisation);
        Caller::new(self.representative.clone().unwrap_or_else(anybody))
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
            "rehearsal": runtime.clock().rehearses(),
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
            "called_off": self.run.state.called_off(),
            "reason": self.assignment.reason,
            "comment": self.assignment.comment,
            "extension": extension::offer(self, said),
            "replied": extension::replied(self),
            "asked": matches!(said, Said::Asked),
            "version": self.assignment.version,
            "answered_at": self.assignment.answered_at.map(|at| words::moment(municipality, at)),
            "accepted": matches!(said, Said::Accepted),
            "refused": refused,
            "unsaved": matches!(said, Said::Unsaved),
            "conflict": match said {
                Said::Conflict(clash) => json!({
                    "by": clash.by,
                    "saving": clash.saving,
                    "differences": clash.differences,
                }),
                _ => Value::Null,
            },
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
    let unavailable = Closed::Unavailable;
    let token = token.to_ascii_lowercase();
    let row = runtime.store().assignment_by_token(&Secret::hash(&token)).await;
    let row = row.map_err(unavailable)?.ok_or(Closed::Unknown)?;
    let broken = || Closed::Unavailable(unreadable(&row.run, "выполнение ссылки неполно"));
    let run_key: RunKey = row.run.parse().map_err(|_| broken())?;
    let key = AssignmentKey::new(&row.stage, &row.organisation);
    let assignment: Assignment = document(&row.id, &row.body).map_err(unavailable)?;
    let about = About::of(runtime.store(), &run_key, &key, assignment.kind).await;
    let about = about.map_err(unavailable)?.ok_or_else(broken)?;
    let run = runtime.store().bare_run(&run_key).await;
    let mut run = run.map_err(unavailable)?.ok_or_else(broken)?;
    run.assignments.extend([(key.clone(), assignment.clone())]);
    let version = runtime.road_maps().current(&run_key.municipality, run.road_map);
    let unread = || StoreError::Unreadable(runtime.road_maps().why_not(&run_key, run.road_map));
    let version = version.ok_or_else(|| unavailable(unread()))?;
    let representative = None;
    Ok(Opened { token, id: row.id, key, assignment, about, run, version, representative })
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
    /// What they rest on.
    pub sight: Sight,
}

impl Typed {
    /// Nothing was typed: the page shows what stands there.
    pub fn standing(form: &Form, standing: Standing) -> Self {
        let shown = conflict::shown(form, &standing.values);
        let sight = Sight { basis: Some(standing.basis), shown, once: String::new() };
        Typed { values: standing.values, rows: BTreeMap::new(), sight }
    }

    /// What a person typed into a report.
    pub fn report(&self) -> Option<&str> {
        self.values.get("report").and_then(Value::as_str)
    }
}

/// What a writer's page had shown, and by what it is known.
#[derive(Debug, Default)]
pub struct Sight {
    /// What stood in the database then; none if the page did not say.
    pub basis: Option<Basis>,
    /// What it showed.
    pub shown: Shown,
    /// The page's own mark: told apart by it, a second press of the button is no second answer.
    pub once: String,
}

impl Sight {
    /// As a post of the page brings it back.
    pub fn read(pairs: &[(String, String)]) -> Self {
        let nothing = Form { fields: vec![], ..reports::acknowledgement() };
        let posted = posted::read(&nothing, pairs);
        Sight { basis: posted.basis, shown: posted.shown, once: posted.once }
    }

    /// The page that was typed on, for those who hold it against what stands there now.
    fn page(&self) -> OnPage {
        OnPage { basis: self.basis, once: known(&self.once).to_owned() }
    }

    /// Has the page that is shown now carry it.
    pub fn describe(&self, context: &mut Value) {
        context["seen"] = json!(self.basis.map(posted::seen));
        context["shown"] = self.shown.to_string().into();
    }
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
    // Whoever has no link, or one that takes nothing any more, is told so before anything is read.
    let opened = open(&runtime, &token).await.map(|opened| opened.by(&request));
    match &opened {
        Err(Closed::Unknown) => return problem::unknown_link(),
        Ok(opened) => {
            if let Some(closed) = closed(opened) {
                return page(&runtime, opened, None, &closed).await;
            }
        }
        Err(Closed::Unavailable(_)) => {}
    }
    let received = match &opened {
        Ok(Opened { about: About::Form | About::Measure(_), .. }) => posted::receive(request).await,
        // Recommendations ask for no files.
        _ => posted::pairs(request).await.map(|pairs| (pairs, vec![])),
    };
    let (mut pairs, uploads) = match received {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(Closed::Unknown) => return problem::unknown_link(),
        Err(Closed::Unavailable(e)) => return problem::unsaved(&e, &pairs),
    };
    let version = opened.version.clone();
    let form = form(&version, &opened);
    if let Some(excess) = posted::excess(&form, &pairs) {
        return problem::too_many(&excess.sentence());
    }
    let refused = match uploads::keep(&runtime, &form, &opened.id, uploads, &mut pairs).await {
        Ok(refused) => refused,
        Err(e) => return problem::unsaved(&e, &pairs),
    };
    let (mut typed, choices, wish) = read(&opened, &form, &pairs);
    if let Err(e) = choose(&runtime, &opened, &form, &choices, &mut typed).await {
        return problem::unsaved(&e, &pairs);
    }
    if !refused.is_empty() {
        return page(&runtime, &opened, Some(typed), &Said::Wrong(refused)).await;
    }
    if wish == Wish::AddRows {
        return page(&runtime, &opened, Some(typed), &Said::MoreRows).await;
    }
    deliver(&runtime, opened, &form, typed, wish, &pairs).await
}

/// The form that a link asks for; whatever has none asks for a report.
fn form<'v>(version: &'v Version, opened: &Opened) -> Cow<'v, Form> {
    let (run, kind) = (&opened.run.key, opened.assignment.kind);
    let own = reports::of_assignment(&version.road_map, run, &opened.key, kind);
    own.unwrap_or_else(|| Cow::Owned(reports::acknowledgement()))
}

/// What was typed, what was chosen where two people differ, and what is wanted.
fn read(
    opened: &Opened,
    form: &Form,
    pairs: &[(String, String)],
) -> (Typed, BTreeMap<String, Choice>, Wish) {
    let mut posted = posted::read(form, pairs);
    let is_report = !matches!(opened.about, About::Form);
    if is_report {
        let report = posted.values.get("report").and_then(Value::as_str).unwrap_or_default();
        let report = report.replace("\r\n", "\n");
        posted.values.insert("report".to_owned(), report.into());
    }
    let added = posted.add.as_ref().and_then(|table| posted.rows.get_mut(table));
    let wish = match added {
        Some(rows) => {
            *rows += MORE_ROWS;
            Wish::AddRows
        }
        None if posted.save && !is_report => Wish::Save,
        None => Wish::Send,
    };
    let sight = Sight { basis: posted.basis, shown: posted.shown, once: posted.once };
    (Typed { values: posted.values, rows: posted.rows, sight }, posted.choices, wish)
}

/// Carries out what was chosen between two people's answers. If what stands there has changed again,
/// there is something else to choose between, and what was typed stays as it is.
async fn choose(
    runtime: &Runtime,
    opened: &Opened,
    form: &Form,
    choices: &BTreeMap<String, Choice>,
    typed: &mut Typed,
) -> Result<(), StoreError> {
    if choices.values().all(|choice| *choice == Choice::Form) {
        return Ok(());
    }
    let standing = standing(runtime, opened, true).await?;
    if typed.sight.basis == Some(standing.basis) {
        conflict::settle(form, choices, &standing.values, &mut typed.values);
    }
    Ok(())
}

/// Keeps or sends what was typed, unless its writer has not seen what somebody else wrote meanwhile:
/// then the page shows both, and asks.
async fn deliver(
    runtime: &Runtime,
    mut opened: Opened,
    form: &Form,
    mut typed: Typed,
    wish: Wish,
    pairs: &[(String, String)],
) -> Response {
    for _ in 0..ATTEMPTS {
        let done = match wish {
            Wish::Save => save(runtime, &opened, &typed).await,
            Wish::Send | Wish::AddRows => submit(runtime, &opened, &typed).await,
        };
        let word = if wish == Wish::Save { "saved" } else { "sent" };
        match done {
            Ok(()) => {
                return Redirect::to(&format!("/a/{}?{word}=1", opened.token)).into_response();
            }
            Err(Said::Stale) => {}
            Err(said) => return page(runtime, &opened, Some(typed), &said).await,
        }
        let token = std::mem::take(&mut opened.token);
        let representative = opened.representative.take();
        opened = match open(runtime, &token).await {
            Ok(opened) => Opened { representative, ..opened },
            Err(Closed::Unknown) => return problem::unknown_link(),
            Err(Closed::Unavailable(e)) => return problem::unsaved(&e, pairs),
        };
        if let Some(closed) = closed(&opened) {
            return page(runtime, &opened, Some(typed), &closed).await;
        }
        if let Err(said) = catch_up(runtime, &opened, form, &mut typed, wish).await {
            return page(runtime, &opened, Some(typed), &said).await;
        }
        // Both wrote the same: then there is nothing to ask, and it is tried upon that.
    }
    page(runtime, &opened, Some(typed), &Said::Unsaved).await
}

/// Brings what was typed up to what stands there now.
async fn catch_up(
    runtime: &Runtime,
    opened: &Opened,
    form: &Form,
    typed: &mut Typed,
    wish: Wish,
) -> Result<(), Said> {
    let standing = standing(runtime, opened, true).await.map_err(unsaved)?;
    let found = conflict::between(form, &typed.sight.shown, &standing.values, &typed.values);
    typed.sight.basis = Some(standing.basis);
    typed.sight.shown = conflict::shown(form, &standing.values);
    if found.differences.is_empty() {
        return Ok(());
    }
    typed.values = found.proposed;
    Err(Said::Conflict(Box::new(Clash {
        by: standing.by(&opened.version.road_map.municipality),
        saving: wish == Wish::Save,
        differences: found.differences,
        others: found.others,
    })))
}

/// Shows a page of what was typed elsewhere (in a spreadsheet), or asks, if somebody has written
/// meanwhile what its writer had not seen.
pub async fn offer(
    runtime: &Runtime,
    opened: &Opened,
    form: &Form,
    mut typed: Typed,
    said: Said,
) -> Response {
    let said = match unseen(runtime, opened, form, &mut typed).await {
        Ok(()) => said,
        Err(clash) => clash,
    };
    page(runtime, opened, Some(typed), &said).await
}

async fn unseen(
    runtime: &Runtime,
    opened: &Opened,
    form: &Form,
    typed: &mut Typed,
) -> Result<(), Said> {
    let Some(basis) = typed.sight.basis else { return Ok(()) };
    let now = standing(runtime, opened, true).await.map_err(unsaved)?.basis;
    match now == basis {
        true => Ok(()),
        false => catch_up(runtime, opened, form, typed, Wish::Save).await,
    }
}

/// Has the page of a report carry what its writer sees of it.
pub fn describe_report(
    opened: &Opened,
    form: &Form,
    values: Values,
    typed: Option<&Typed>,
    said: &Said,
    context: &mut Value,
) {
    context["other"] = said.others().remove("report").unwrap_or_default().into();
    match typed {
        Some(typed) => typed.sight.describe(context),
        None => {
            let basis = Basis { answer: opened.assignment.version, draft: 0 };
            let standing = Standing { values, basis, ..Standing::default() };
            Typed::standing(form, standing).sight.describe(context);
        }
    }
}

/// That a link takes no answers, as far as that is known without them; the engine has the last word.
/// What comes with them is not even read then.
fn closed(opened: &Opened) -> Option<Said> {
    let why = opened.not_taken()?;
    Some(match opened.about {
        // Whichever way its collection ended.
        About::Form => Said::closed(),
        _ => Said::Refused(why.to_string()),
    })
}

fn unsaved(e: impl Display) -> Said {
    tracing::error!("an answer was not saved: {e}");
    Said::Unsaved
}

async fn save(runtime: &Runtime, opened: &Opened, typed: &Typed) -> Result<(), Said> {
    let page = typed.sight.page();
    let saved = runtime.save_draft(&opened.run.key, &opened.key, &typed.values, &page).await;
    match saved {
        Ok(Saved::Kept) => Ok(()),
        Ok(Saved::Stale) => Err(Said::Stale),
        Err(e) => Err(unsaved(e)),
    }
}

async fn submit(runtime: &Runtime, opened: &Opened, typed: &Typed) -> Result<(), Said> {
    let page = typed.sight.page();
    let mut by = opened.caller();
    by.seen = page.basis.map(|basis| Seen {
        what: Thing::Answers(opened.key.clone()),
        etag: basis.answer.to_string(),
    });
    let (assignment, answers) = (opened.key.clone(), typed.values.clone());
    let said = Command::Submit { assignment, answers, origin: Origin::Page };
    let sent = Sent { about: &opened.id, once: &page.once, said };
    let answer = |by| {
        let new = NewAnswer {
            run: opened.run.key.clone(),
            assignment: opened.key.clone(),
            answers: typed.values.clone(),
            files: vec![],
            origin: Origin::Page,
            page: Some(page.clone()),
        };
        runtime.answer(new, by)
    };
    said::of(sent.act(runtime, by, answer).await, &[])
}
