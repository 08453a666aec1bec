//! What a letter says must be true when it leaves, not only when it was written: at night, or while
//! the mail server is away, runs go on. So each is judged when it is about to go, against its run as
//! it is and the registry of today.
//!
//! Whatever carries a participant's link carries the newest one.
//!
//! | letter | leaves | with these facts anew |
//! | --- | --- | --- |
//! | any to an organisation that is closed | never | |
//! | assignment | while the first answer is awaited | due date |
//! | reminder | while an answer is awaited by the same day, unless a later one was written | days left |
//! | returned, measure | while an answer is awaited and the same is to be corrected | due date |
//! | extension | while an answer is awaited by the day that it names | |
//! | recommendation | unless it is confirmed or the run called off | due date, if one is awaited |
//! | measure-withdrawn, called-off | if any letter about it may have come | |
//! | receipt | always: it tells what happened | |
//! | link | always: somebody asked for it | |
//! | escalation | while somebody is late | who, and how they are reached |
//! | closed | unless the run was called off | |
//! | review | while the answers are looked at, unless it began anew | until when, how many |
//! | extension-request | while that wish is not answered | due date |
//! | drafts | while drafts wait | how many |
//! | decision-due | while decisions are awaited, unless a later one was written | which, days left |
//! | question | while the run asks | |
//! | failure | of a stage: while it has failed of the same; of a source: while the stage is at work; of a letter: always | |

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_engine::run::{
    Assignment, AssignmentKind, AssignmentState, Recommendation, RecommendationState, Run,
    RunState, Stage, StageState,
};
use vekha_engine::{AssignmentKey, Letter, LetterKind};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Organisation, OrganisationKind, Work};
use vekha_roadmap::russian::date_words_with_weekday;

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::outbox;

/// The letter as it is to leave now; none if it is obsolete. `parcel` is what leaves with it.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn judge(
    runtime: &Runtime,
    letter: Letter,
    parcel: &[outbox::Model],
    now: Timestamp,
) -> Result<Option<Letter>, StoreError> {
    let run = async {
        match letter.kind {
            // These look at more than one assignment.
            LetterKind::Escalation
            | LetterKind::Review
            | LetterKind::Drafts
            | LetterKind::DecisionDue => {
                let loaded = runtime.store().run(&letter.run).await?;
                Ok(loaded.map(|loaded| loaded.run))
            }
            _ => runtime.store().bare_run(&letter.run).await,
        }
    };
    let owed = async {
        match assignment_of(&letter) {
            Some(key) => runtime.store().standing(&letter.run, &key).await,
            None => Ok(None),
        }
    };
    let (run, owed) = futures::future::try_join(run, owed).await?;
    let Some(run) = run else { return Ok(None) };
    let version = runtime.road_maps().current(&run.key.municipality, run.road_map);
    let Some(version) = version else {
        let why = runtime.road_maps().why_not(&run.key, run.road_map);
        return Err(StoreError::Unreadable(why));
    };
    let comment = match (letter.kind, owed.as_ref().map(|a| a.kind)) {
        (LetterKind::Measure, Some(AssignmentKind::Measure(number))) => {
            runtime.store().measure(&run.key, number).await?.map(|m| m.comment)
        }
        _ => None,
    };
    let told = match letter.kind {
        LetterKind::MeasureWithdrawn | LetterKind::CalledOff => {
            was_told(runtime, &version.road_map, &letter, owed.as_ref(), parcel).await?
        }
        _ => false,
    };
    let road_map = &version.road_map;
    let today = road_map.municipality.today(now);
    let standing = Standing { run: &run, owed: owed.as_ref(), comment, told, road_map, now, today };
    let judged = standing.judge(letter);
    Ok(judged
        .map(|letter| Letter { link: owed.as_ref().map_or(letter.link, |a| a.link), ..letter }))
}

/// The assignment that a letter is about, to whomever it goes.
fn assignment_of(letter: &Letter) -> Option<AssignmentKey> {
    match letter.kind {
        LetterKind::ExtensionRequest | LetterKind::Escalation => about(letter)[0].parse().ok(),
        _ => letter.assignment.clone(),
    }
}

/// What follows the run in a letter's key: the stage or assignment first.
fn about(letter: &Letter) -> Vec<&str> {
    let run = letter.run.to_string();
    let rest = letter.key.strip_prefix(run.as_str()).unwrap_or_default();
    rest.trim_start_matches('/').split('/').collect()
}

/// Whether any letter about the assignment has come, or may have. What is about to be judged together
/// with this one has not: nothing is asked of it any more.
async fn was_told(
    runtime: &Runtime,
    road_map: &RoadMap,
    letter: &Letter,
    owed: Option<&Assignment>,
    parcel: &[outbox::Model],
) -> Result<bool, StoreError> {
    // Who has answered knows of it, however it came to know.
    if owed.is_some_and(|a| a.version > 0) {
        return Ok(true);
    }
    let asked = letter.thread.clone();
    let reminded = owed.and_then(|a| a.reminded_through).zip(letter.assignment.as_ref());
    let reminded = reminded.map(|(at, key)| {
        format!("{}/{key}/reminder/{}", letter.run, road_map.municipality.today(at))
    });
    for key in asked.into_iter().chain(reminded) {
        let told = match parcel.iter().find(|row| row.key == key) {
            Some(row) => row.uncertain,
            None => runtime.store().message(&key).await?.is_some_and(|row| {
                row.uncertain || matches!(row.state.as_str(), "sent" | "sending")
            }),
        };
        if told {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How things stand.
struct Standing<'a> {
    run: &'a Run,
    /// What the letter is about, if it is an assignment.
    owed: Option<&'a Assignment>,
    /// Why the report on the measure was returned; empty otherwise.
    comment: Option<String>,
    /// Whether any letter about it may have come.
    told: bool,
    road_map: &'a RoadMap,
    now: Timestamp,
    today: Date,
}

impl Standing<'_> {
    fn judge(&self, letter: Letter) -> Option<Letter> {
        let to = self.road_map.organisation(&letter.to);
        let closed =
            |o: &Organisation| o.kind != OrganisationKind::Department && !o.active_on(self.today);
        if to.is_some_and(closed) {
            return None;
        }
        match letter.kind {
            LetterKind::Assignment => self.asking(letter, &[AssignmentState::Open]),
            LetterKind::Reminder => self.reminder(letter),
            LetterKind::Returned => {
                let comment = self.owed?.comment.clone();
                let same = fact(&letter, "comment") == comment;
                self.asking(letter, &[AssignmentState::Returned]).filter(|_| same)
            }
            LetterKind::Measure => {
                let same = self.comment.as_deref() == Some(fact(&letter, "comment"));
                let awaited = [AssignmentState::Open, AssignmentState::Returned];
                self.asking(letter, &awaited).filter(|_| same)
            }
            LetterKind::Extension => {
                let owed = self.owed?;
                (owed.state.is_awaited() && letter.due == Some(owed.due)).then_some(letter)
            }
            LetterKind::Recommendation => self.recommendation(letter),
            LetterKind::MeasureWithdrawn | LetterKind::CalledOff => self.told.then_some(letter),
            LetterKind::Receipt | LetterKind::Link => Some(letter),
            LetterKind::Escalation => self.escalation(letter),
            LetterKind::Closed => (!self.called_off()).then_some(letter),
            LetterKind::Review => self.review(letter),
            LetterKind::ExtensionRequest => {
                let owed = self.owed?;
                let wish = owed.request.as_ref()?;
                let same = fact(&letter, "wanted") == date_words_with_weekday(wish.due)
                    && fact(&letter, "reason") == wish.reason;
                same.then(|| due_on(letter, owed.due))
            }
            LetterKind::Drafts => self.drafts(letter),
            LetterKind::DecisionDue => self.decision_due(letter),
            LetterKind::Question => (self.run.state == RunState::Question).then_some(letter),
            LetterKind::Failure => self.failure(letter),
        }
    }

    fn called_off(&self) -> bool {
        self.run.state.called_off()
    }

    /// The stage of a letter to the department, if it is at work.
    fn at_work(&self, letter: &Letter) -> Option<&Stage> {
        let id = about(letter)[0];
        let stage = self.run.stages.iter().find(|s| s.id == id)?;
        (stage.state == StageState::Active && !self.run.state.ended()).then_some(stage)
    }

    /// A letter that asks, by the day that stands now.
    fn asking(&self, letter: Letter, awaited: &[AssignmentState]) -> Option<Letter> {
        let owed = self.owed.filter(|a| awaited.contains(&a.state))?;
        Some(due_on(letter, owed.due))
    }

    fn reminder(&self, mut letter: Letter) -> Option<Letter> {
        let owed = self.owed.filter(|a| a.state.is_awaited())?;
        let newest = self.is_of(&letter, owed.reminded_through.unwrap_or(owed.asked_at));
        if letter.due != Some(owed.due) || !newest {
            return None;
        }
        letter.facts.insert("days_left".into(), self.days_left(owed.due).into());
        Some(letter)
    }

    /// Whether a letter that is written once a day is the one of that moment's day.
    fn is_of(&self, letter: &Letter, at: Timestamp) -> bool {
        about(letter).last() == Some(&self.road_map.municipality.today(at).to_string().as_str())
    }

    fn days_left(&self, due: Date) -> i64 {
        due.duration_since(self.today).as_hours() / 24
    }

    /// What is recommended stays so, whether or not anybody is to confirm it.
    fn recommendation(&self, mut letter: Letter) -> Option<Letter> {
        if self.called_off() {
            return None;
        }
        let owed = self.owed?;
        match owed.state {
            AssignmentState::Answered => None,
            AssignmentState::Open | AssignmentState::Returned => Some(due_on(letter, owed.due)),
            AssignmentState::Missing | AssignmentState::Waived => {
                letter.due = None;
                letter.facts.insert("due".into(), "".into());
                Some(letter)
            }
        }
    }

    fn escalation(&self, mut letter: Letter) -> Option<Letter> {
        let subject = about(&letter)[0];
        let measure: Option<AssignmentKey> = subject.parse().ok();
        let late = |a: &Assignment| {
            a.state.is_awaited() && self.road_map.municipality.closing(a.due) <= self.now
        };
        let codes: BTreeSet<&str> = match &measure {
            Some(key) => {
                let late = self.owed.filter(|a| late(a));
                late.map(|_| key.organisation.as_str()).into_iter().collect()
            }
            None => {
                let of_stage = self.run.assignments.iter().filter(|(k, _)| k.stage == subject);
                of_stage.filter(|(_, a)| late(a)).map(|(k, _)| k.organisation.as_str()).collect()
            }
        };
        if codes.is_empty() {
            return None;
        }
        let silent: Vec<Value> = codes.into_iter().map(|code| self.reached(code)).collect();
        letter.facts.insert("silent".into(), silent.into());
        match self.owed {
            Some(owed) => Some(due_on(letter, owed.due)),
            None => Some(letter),
        }
    }

    /// An organisation and how it is reached today.
    fn reached(&self, code: &str) -> Value {
        let organisation = self.road_map.organisation(code);
        json!({
            "name": organisation.map_or(code, |o| o.name.as_str()),
            "email": organisation.map_or("", |o| o.email.as_str()),
            "phone": organisation.and_then(|o| o.contact()).map_or("", |c| c.phone.as_str()),
        })
    }

    fn review(&self, mut letter: Letter) -> Option<Letter> {
        let stage = self.at_work(&letter)?;
        let until = stage.review?;
        let own = || self.run.assignments.iter().filter(|(key, _)| key.stage == stage.id);
        let returns: u32 = own().map(|(_, a)| a.returns).sum();
        if about(&letter).last() != Some(&returns.to_string().as_str()) {
            return None;
        }
        let answered = own().filter(|(_, a)| a.state == AssignmentState::Answered).count();
        letter.due = Some(until);
        letter.facts.insert("until".into(), date_words_with_weekday(until).into());
        letter.facts.insert("answered".into(), answered.into());
        Some(letter)
    }

    fn drafts(&self, mut letter: Letter) -> Option<Letter> {
        let stage = self.at_work(&letter)?;
        let waits = |(key, r): &(&AssignmentKey, &Recommendation)| {
            key.stage == stage.id && r.state == RecommendationState::Draft
        };
        let count = self.run.recommendations.iter().filter(waits).count();
        letter.facts.insert("count".into(), count.into());
        (count > 0).then_some(letter)
    }

    fn decision_due(&self, mut letter: Letter) -> Option<Letter> {
        let stage = self.at_work(&letter)?;
        let (due, since) = (stage.due?, stage.reminded_through.or(stage.started_at)?);
        let activity = self.road_map.activity(&self.run.key.activity)?;
        let Work::Decide(decide) = &activity.stage(&stage.id)?.1.work else { return None };
        let awaited = decide.awaited(self.run.awaited_decisions(&stage.id));
        if awaited.is_empty() || !self.is_of(&letter, since) {
            return None;
        }
        letter.facts.insert("titles".into(), json!(awaited));
        letter.facts.insert("days_left".into(), self.days_left(due).into());
        Some(letter)
    }

    fn failure(&self, letter: Letter) -> Option<Letter> {
        let stage = |id: &str| self.run.stages.iter().find(|s| s.id == id);
        let holds = match about(&letter).as_slice() {
            [id, "failure", _] => stage(id).is_some_and(|s| {
                s.state == StageState::Failed
                    && s.reason == fact(&letter, "reason")
                    && !self.run.state.ended()
            }),
            [_, "source", _] => self.at_work(&letter).is_some(),
            _ => true,
        };
        holds.then_some(letter)
    }
}

fn fact<'l>(letter: &'l Letter, name: &str) -> &'l str {
    letter.facts.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The letter with the due date that stands.
fn due_on(mut letter: Letter, due: Date) -> Letter {
    letter.due = Some(due);
    letter.facts.insert("due".into(), date_words_with_weekday(due).into());
    letter
}
