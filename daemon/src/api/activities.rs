//! Activities: what a road map says of them, how their schedules stand, what opens next.

use tonic::{Response, Status};
use vekha_engine::{Refusal, limits};
use vekha_proto::v1;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Every, PeriodOf};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::Mutation;
use super::{Api, convert, names, runs, status};
use crate::runtime::road_maps::Version;
use crate::runtime::seen;
use crate::runtime::views::coming::{Coming, coming};
use crate::runtime::views::overview::Overview;
use crate::store::entities::activity;
use crate::store::write::activities::{Pause, Paused};
use crate::wire::stage_kind;

impl Api {
    pub(super) async fn overview(
        &self,
        version: &Version,
        id: Option<&str>,
    ) -> Result<Overview, Status> {
        Overview::load(&self.runtime, version, id).await.map_err(status::unavailable)
    }

    async fn schedule_row(
        &self,
        municipality: &str,
        id: &str,
    ) -> Result<Option<activity::Model>, Status> {
        let rows = self.runtime.store().activities(municipality).await;
        Ok(rows.map_err(status::unavailable)?.into_iter().find(|row| row.activity == id))
    }

    /// The activities that a filter holds.
    pub(super) async fn activities(
        &self,
        r: v1::ListActivitiesRequest,
    ) -> Result<Response<v1::ListActivitiesResponse>, Status> {
        let municipality = names::municipality("parent", &r.parent)?;
        let fields = [
            ("section", Kind::Id),
            ("paused", Kind::Flag),
            words!("state", "RUN_STATE_", RunState),
            ("period", Kind::Period),
            ("late", Kind::Flag),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let version = self.newest(&municipality)?;
        let overview = self.overview(&version, None).await?;
        let mut all = Vec::new();
        for definition in &version.road_map.activities {
            let described = describe_activity(&version, definition, &overview);
            let run = described.current_run.as_ref();
            let state = run.map(|run| run.state().as_str_name().to_lowercase());
            let state = state.as_deref().unwrap_or_default().trim_start_matches("run_state_");
            let late = run.is_some_and(|run| run.late);
            if conditions.allow("section", &described.section)
                && conditions.flag("paused").is_none_or(|paused| paused == described.paused)
                && conditions.allow("period", run.map_or("", |run| &run.period))
                && conditions.flag("late").is_none_or(|wanted| wanted == late)
                && conditions.allow("state", state)
            {
                all.push(described);
            }
        }
        let (activities, next_page_token) =
            paging.slice(all, |a: &v1::Activity| format!("{:010}", a.number));
        Ok(Response::new(v1::ListActivitiesResponse { activities, next_page_token }))
    }

    /// One activity.
    pub(super) async fn activity(
        &self,
        r: v1::GetActivityRequest,
    ) -> Result<Response<v1::Activity>, Status> {
        let name = r.name;
        let (municipality, id) = names::activity("name", &name)?;
        let version = self.newest(&municipality)?;
        let definition = version.road_map.activity(&id).ok_or_else(|| status::not_found(&name))?;
        let overview = self.overview(&version, Some(&id)).await?;
        Ok(Response::new(describe_activity(&version, definition, &overview)))
    }

    /// What opens next, and who could not be told.
    pub(super) async fn coming_openings(
        &self,
        r: v1::ListComingOpeningsRequest,
    ) -> Result<Response<v1::ListComingOpeningsResponse>, Status> {
        let paging = paging!(r)?;
        let version = self.newest(&names::municipality("parent", &r.parent)?)?;
        let overview = self.overview(&version, None).await?;
        let coming = coming(&self.runtime, &version, &overview).await;
        let coming = coming.map_err(status::unavailable)?;
        let all = coming.iter().map(|c| describe_coming(&version.road_map, c)).collect();
        let key = |c: &v1::ComingOpening| {
            let seconds = c.opens_at.as_ref().map_or(0, |at| at.seconds);
            format!("{seconds:020}/{:010}", c.number)
        };
        let (openings, next_page_token) = paging.slice(all, key);
        Ok(Response::new(v1::ListComingOpeningsResponse { openings, next_page_token }))
    }

    /// Stops a schedule, or resumes it.
    pub(super) async fn pause(
        &self,
        name: &str,
        paused: bool,
        reason: &str,
        mutation: Mutation,
    ) -> Result<Response<v1::Activity>, Status> {
        let (municipality, id) = names::activity("name", name)?;
        let version = self.newest(&municipality)?;
        let definition = version.road_map.activity(&id).ok_or_else(|| status::not_found(name))?;
        let before = self.before(&mutation).await?.is_some();
        let row = self.schedule_row(&municipality, &id).await?;
        let etag = row.as_ref().map(schedule_etag).unwrap_or_default();
        if !before && mutation.is_stale(&etag) {
            return Err(status::stale());
        }
        let needed = paused || !reason.trim().is_empty();
        if let Some(wrong) = limits::reason("reason", reason).filter(|_| needed) {
            return Err(status::of(Refusal::Invalid(vec![wrong]).into()));
        }
        if !mutation.validate_only && !before {
            let pause = Pause { paused, reason, actor: &mutation.actor.clone() };
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            // Between the look and the change somebody may have been faster.
            let seen = row.as_ref().filter(|_| !mutation.etag.is_empty());
            let done = self.runtime.pause(&municipality, &id, pause, seen, request).await;
            match done.map_err(status::unavailable)? {
                Paused::Stale => return Err(status::stale()),
                // A call of the same id was faster, with what it asked.
                Paused::Before => drop(self.before(&mutation).await?),
                Paused::Now | Paused::Unknown => {}
            }
        }
        let overview = self.overview(&version, Some(&id)).await?;
        if mutation.validate_only && !before {
            let would_be = row.map(|row| activity::Model {
                paused,
                reason: reason.to_owned(),
                actor: mutation.actor,
                ..row
            });
            let run = overview.current(&id).map(runs::summary);
            let shown = describe_schedule(&version, definition, would_be.as_ref(), run);
            return Ok(Response::new(v1::Activity { etag: String::new(), ..shown }));
        }
        Ok(Response::new(describe_activity(&version, definition, &overview)))
    }
}

/// The etag of an activity: its definition is the road map's.
fn schedule_etag(row: &activity::Model) -> String {
    seen::etag(&(row.paused, &row.reason, &row.actor, row.opened_through, row.next_opening))
}

/// An activity as the contract shows it.
fn describe_activity(
    version: &Version,
    definition: &Activity,
    overview: &Overview,
) -> v1::Activity {
    let row = overview.schedule(&definition.id);
    let current = overview.current(&definition.id).map(runs::summary);
    let next = overview.next_opening(&version.road_map, definition);
    v1::Activity {
        next_opening_at: next.map(convert::timestamp),
        ..describe_schedule(version, definition, row, current)
    }
}

/// The same with a schedule that stands so.
fn describe_schedule(
    version: &Version,
    definition: &Activity,
    row: Option<&activity::Model>,
    current_run: Option<v1::RunSummary>,
) -> v1::Activity {
    let municipality = &version.road_map.municipality.id;
    let schedule = &definition.schedule;
    v1::Activity {
        name: names::of_activity(municipality, &definition.id),
        id: definition.id.clone(),
        number: definition.number,
        title: definition.title.clone(),
        short: definition.short.clone(),
        section: definition.section.clone(),
        deadline: definition.deadline.clone(),
        responsible: definition
            .responsible
            .iter()
            .map(|party| {
                let parties = &version.road_map.municipality.parties;
                parties.get(party).unwrap_or(party).clone()
            })
            .collect(),
        schedule: schedule_words(definition),
        after: schedule
            .after
            .iter()
            .map(|u| {
                let name = names::of_activity(municipality, &u.activity);
                let stage = u.stage.as_ref().map(|stage| format!("этап {stage}"));
                let before =
                    (u.period == PeriodOf::Previous).then(|| "прошлого периода".to_owned());
                match [stage, before].into_iter().flatten().collect::<Vec<_>>().join(" ") {
                    more if more.is_empty() => name,
                    more => format!("{name} ({more})"),
                }
            })
            .collect(),
        stages: definition
            .stages
            .iter()
            .map(|stage| v1::PlannedStage {
                id: stage.id.clone(),
                kind: stage_kind(&stage.work).into(),
                title: stage.title.clone(),
                not_before: stage.not_before.map(|day| day.to_string()).unwrap_or_default(),
            })
            .collect(),
        next_opening_at: row
            .filter(|row| !row.paused)
            .and_then(|row| row.next_opening)
            .map(convert::micros),
        paused: row.is_some_and(|row| row.paused),
        pause_reason: row.map(|row| row.reason.clone()).unwrap_or_default(),
        paused_by: row.map(|row| row.actor.clone()).unwrap_or_default(),
        current_run,
        etag: row.map(schedule_etag).unwrap_or_default(),
        opens_on_event: schedule.opens_on_event.clone().unwrap_or_default(),
    }
}

fn describe_coming(road_map: &RoadMap, coming: &Coming) -> v1::ComingOpening {
    let activity = road_map.activity(&coming.activity);
    let unreachable = coming.unreachable.iter().map(|(code, address)| {
        let (address_state, address_reason, _) = convert::address(address);
        v1::UnreachableOrganisation {
            organisation: code.clone(),
            short: road_map.organisation(code).map(|o| o.short.clone()).unwrap_or_default(),
            address_state: address_state.into(),
            address_reason,
        }
    });
    v1::ComingOpening {
        activity: names::of_activity(&road_map.municipality.id, &coming.activity),
        number: activity.map_or(0, |a| a.number),
        short: activity.map(|a| a.short.clone()).unwrap_or_default(),
        opens_at: Some(convert::timestamp(coming.at)),
        participants_count: coming.participants.len() as u32,
        unreachable: unreachable.collect(),
        opens_on_event: activity
            .and_then(|a| a.schedule.opens_on_event.clone())
            .unwrap_or_default(),
    }
}

/// A schedule as people read it.
fn schedule_words(activity: &Activity) -> String {
    let schedule = &activity.schedule;
    let days = |days: &[vekha_roadmap::model::MonthDay]| {
        let words = days.iter().map(|d| {
            // 2028 is a leap year: every day of the year exists in it.
            let words = vekha_roadmap::russian::date_words(d.in_year(2028));
            words.trim_end_matches(" 2028 года").to_owned()
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let mut words = match &schedule.every {
        Every::Once { opens } => {
            format!("один раз, {}", vekha_roadmap::russian::date_words(*opens))
        }
        Every::Yearly { opens } => match &schedule.opens_on_event {
            Some(event) => format!("ежегодно, по событию «{event}», не позже {}", days(opens)),
            None => format!("ежегодно, {}", days(opens)),
        },
        Every::Rotation { years, opens, .. } => {
            let form = vekha_roadmap::russian::plural(i64::from(*years), "год", "года", "лет");
            format!("раз в {years} {form} для каждой организации, {}", days(&[*opens]))
        }
        Every::Cron { expression } => format!("по расписанию {expression}"),
        Every::AfterOnly => "по завершении предшествующих".to_owned(),
        Every::OnDemand => "по потребности".to_owned(),
        Every::OnEvent { event } => format!("по событию «{event}»"),
    };
    if schedule.continuous {
        words = format!("постоянно; {words}");
    }
    match (schedule.from, schedule.until) {
        (Some(from), Some(until)) => words = format!("{words} ({from}–{until})"),
        (Some(from), None) => words = format!("{words} (с {from} года)"),
        (None, Some(until)) => words = format!("{words} (по {until} год)"),
        (None, None) => {}
    }
    words
}
