//! Runs that are opened several at once: by an event, or for past periods. Each is a step with a
//! request id of its own, so that a daemon that dies in between finds those done that were.

use std::collections::BTreeSet;

use jiff::civil::Date;
use vekha_engine::{Refusal, RunKey, Why};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{Activity, Every};
use vekha_roadmap::period::Period;

use crate::runtime::committer::{Answered, Caller, Done};
use crate::runtime::{Ask, AskError, Runtime};
use crate::store::unreadable;

/// Marks a run that a backfill found there.
const WAS: char = '=';

/// Something happened for which activities wait.
#[derive(Debug)]
pub struct Event {
    /// Where.
    pub municipality: String,
    /// What, as schedules call it.
    pub event: String,
    /// Tells it from others of its kind in the same period; empty if nothing does.
    pub label: String,
    /// Whom it concerns: codes.
    pub organisations: Vec<String>,
}

/// Past periods whose runs are wanted.
#[derive(Debug)]
pub struct Backfill {
    /// Where.
    pub municipality: String,
    /// Of which activity.
    pub activity: String,
    /// Each with its place among those that the caller named.
    pub periods: Vec<(usize, Period)>,
    /// What could not be read of them.
    pub wrong: Vec<FieldError>,
}

/// A run of a backfill.
#[derive(Debug)]
pub struct Backfilled {
    /// Which.
    pub run: RunKey,
    /// What came of it; none if it was there before.
    pub answered: Option<Answered>,
}

impl Runtime {
    /// Opens the runs of all activities that wait for an event. Told again, the same event is no
    /// news; one that names other organisations is refused, and not lost.
    ///
    /// # Errors
    /// Why it was not carried out; [`Refusal::NotFound`] if there is no such municipality.
    pub async fn publish_event(
        &self,
        event: Event,
        by: Caller,
    ) -> Result<Vec<(RunKey, Answered)>, AskError> {
        let Event { municipality, event, label, organisations } = event;
        if let Some(made) = self.made_before(&by).await? {
            return made.lines().map(|id| Ok((named(id)?, before(id)))).collect();
        }
        let version = self.road_maps.newest(&municipality);
        let version =
            version.ok_or_else(|| Refusal::NotFound(format!("дорожная карта «{municipality}»")))?;
        let today = version.road_map.municipality.today(self.clock.now());
        let waiting = version.road_map.activities.iter();
        let waiting =
            waiting.filter_map(|activity| Some((activity, meant(activity, &event, today)?)));
        let mut once = BTreeSet::new();
        let keys: Vec<RunKey> = waiting
            .map(|(activity, period)| {
                // What has a latest day opens once for its period, whatever tells events apart.
                let one = activity.schedule.opens_on_event.is_some();
                if one {
                    once.insert(activity.id.clone());
                }
                RunKey {
                    municipality: municipality.clone(),
                    activity: activity.id.clone(),
                    period,
                    part: (!label.is_empty() && !one).then(|| label.clone()),
                }
            })
            .collect();
        if keys.is_empty() {
            return Err(Refusal::field("event", format!("события «{event}» никто не ждёт")).into());
        }
        if once.len() == keys.len() {
            says_nothing_more(&event, &label, &organisations)?;
        }
        self.are_not_paused(&municipality, &once).await?;
        let mut opened = Vec::new();
        for key in keys {
            let named = organisations.clone();
            let ask = Ask::Open { named, why: Why::Event, without_waiting: false };
            let answered = match self.act(key.clone(), ask, by.of_step(&key.activity)).await {
                Err(AskError::Exists(_))
                    if once.contains(&key.activity) || self.names(&key, &organisations).await? =>
                {
                    before(&key.to_string())
                }
                answered => answered?,
            };
            // Repeated, it means the run that it opened then.
            opened.push((answered.made.parse().unwrap_or(key), answered));
        }
        let made: Vec<String> = opened.iter().map(|(key, _)| key.to_string()).collect();
        self.remember(&by, made.join("\n")).await?;
        Ok(opened)
    }

    /// An event that opens a run sooner is part of a schedule: one that is stopped opens nothing. Who
    /// tells of it is told so, and the latest day makes up for it.
    async fn are_not_paused(
        &self,
        municipality: &str,
        activities: &BTreeSet<String>,
    ) -> Result<(), AskError> {
        if activities.is_empty() {
            return Ok(());
        }
        let rows = self.store.activities(municipality).await?;
        match rows.iter().find(|row| row.paused && activities.contains(&row.activity)) {
            Some(row) => {
                let words = format!("расписание «{}» приостановлено: {}", row.activity, row.reason);
                Err(Refusal::State(words).into())
            }
            None => Ok(()),
        }
    }

    async fn names(&self, key: &RunKey, organisations: &[String]) -> Result<bool, AskError> {
        let run = self.store.bare_run(key).await?;
        Ok(run.is_some_and(|run| run.named == organisations))
    }

    /// Opens the runs of past periods: none of them if one could not be.
    ///
    /// # Errors
    /// What is wrong with the periods, by their places: `periods[0]`.
    pub async fn backfill(
        &self,
        backfill: Backfill,
        by: Caller,
    ) -> Result<Vec<Backfilled>, AskError> {
        let Backfill { municipality, activity, periods, mut wrong } = backfill;
        if let Some(made) = self.made_before(&by).await? {
            let one = |line: &str| {
                let id = line.strip_prefix(WAS);
                let run = named(id.unwrap_or(line))?;
                Ok(Backfilled { run, answered: id.is_none().then(|| before(line)) })
            };
            return made.lines().map(one).collect();
        }
        // All are looked at before the first is opened.
        let open = || Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
        let mut keys = Vec::new();
        for (place, period) in periods {
            let key = RunKey {
                municipality: municipality.clone(),
                activity: activity.clone(),
                period,
                part: None,
            };
            match self.act(key.clone(), open(), Caller::default().on_trial()).await {
                Err(AskError::Refused(Refusal::Invalid(errors)))
                    if errors.iter().all(|e| e.field == "period") =>
                {
                    let at = |e| FieldError { field: format!("periods[{place}]"), ..e };
                    wrong.extend(errors.into_iter().map(at));
                }
                Ok(_) | Err(AskError::Exists(_)) => keys.push(key),
                Err(e) => return Err(e),
            }
        }
        if !wrong.is_empty() {
            return Err(Refusal::Invalid(wrong).into());
        }
        let mut all = Vec::new();
        for run in keys {
            let step = by.of_step(&run.period.to_string());
            let answered = match self.act(run.clone(), open(), step).await {
                Ok(answered) => Some(answered),
                Err(AskError::Exists(_)) => None,
                Err(e) => return Err(e),
            };
            all.push(Backfilled { run, answered });
        }
        let line = |one: &Backfilled| match one.answered {
            Some(_) => one.run.to_string(),
            None => format!("{WAS}{}", one.run),
        };
        self.remember(&by, all.iter().map(line).collect::<Vec<_>>().join("\n")).await?;
        Ok(all)
    }
}

/// About which period an activity opens a run when an event comes on a day; none if it does not wait
/// for it.
fn meant(activity: &Activity, event: &str, today: Date) -> Option<Period> {
    let schedule = &activity.schedule;
    match &schedule.every {
        Every::OnEvent { event: own } if own == event => {
            Some(Period::containing(schedule.period, today))
        }
        _ if schedule.opens_on_event.as_deref() == Some(event) => schedule.period_near(today),
        _ => None,
    }
}

/// An event by which runs open as a whole, once for their period, names nobody and has no label: who says
/// one of them means something else than will happen.
fn says_nothing_more(event: &str, label: &str, organisations: &[String]) -> Result<(), AskError> {
    let wrong = |field: &str, what: &str| FieldError {
        field: field.to_owned(),
        message: format!("событие «{event}» открывает выполнение целиком и один раз: {what}"),
    };
    let mut all = Vec::new();
    if !label.is_empty() {
        all.push(wrong("label", "метка ему не нужна"));
    }
    if !organisations.is_empty() {
        all.push(wrong("organisations", "организаций оно не называет"));
    }
    if all.is_empty() { Ok(()) } else { Err(Refusal::Invalid(all).into()) }
}

fn before(made: &str) -> Answered {
    Answered { done: Done::Before, made: made.to_owned(), would_be: None }
}

/// A run by the id that a request noted.
fn named(id: &str) -> Result<RunKey, AskError> {
    id.parse().map_err(|e| AskError::from(unreadable(id, e)))
}
