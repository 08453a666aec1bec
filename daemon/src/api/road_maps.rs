//! Road maps and their activities.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};
use vekha_engine::preview::{Line, What, Wish, preview};
use vekha_engine::{Refusal, limits};
use vekha_proto::v1::{self, road_map_service_server::RoadMapService};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::model::{Activity, Every, PeriodOf};
use vekha_roadmap::read::{Files, read_with_warnings};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::Mutation;
use super::{Api, convert, names, runs, status};
use crate::runtime::AskError;
use crate::runtime::road_maps::{ApplyError, Applying, Version};
use crate::runtime::seen;
use crate::runtime::views::coming::{Coming, coming};
use crate::runtime::views::overview::Overview;
use crate::store::entities::activity;
use crate::store::write::activities::{Pause, Paused};
use crate::wire::stage_kind;

/// Longest preview, in days.
const LONGEST_PREVIEW: i64 = 366 * 3;

impl Api {
    pub(super) fn newest(&self, municipality: &str) -> Result<std::sync::Arc<Version>, Status> {
        let newest = self.runtime.road_maps().newest(municipality);
        newest.ok_or_else(|| status::not_found(format!("муниципалитет «{municipality}»")))
    }

    async fn schedule_row(
        &self,
        municipality: &str,
        id: &str,
    ) -> Result<Option<activity::Model>, Status> {
        let rows = self.runtime.store().activities(municipality).await;
        Ok(rows.map_err(status::unavailable)?.into_iter().find(|row| row.activity == id))
    }

    pub(super) async fn overview(
        &self,
        version: &Version,
        id: Option<&str>,
    ) -> Result<Overview, Status> {
        Overview::load(&self.runtime, version, id).await.map_err(status::unavailable)
    }

    async fn pause(
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
    describe_schedule(version, definition, row, current)
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
            .map(|u| match u.period {
                PeriodOf::Current => names::of_activity(municipality, &u.activity),
                PeriodOf::Previous => {
                    format!("{} (прошлого периода)", names::of_activity(municipality, &u.activity))
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
    }
}

fn describe(version: &Version) -> v1::RoadMap {
    let road_map = &version.road_map;
    let m = &road_map.municipality;
    let time = |t: jiff::civil::Time| format!("{:02}:{:02}", t.hour(), t.minute());
    v1::RoadMap {
        name: format!("municipalities/{}/roadMap", m.id),
        version: version.number as i32,
        applied_at: Some(convert::timestamp(version.applied_at)),
        applied_by: version.applied_by.clone(),
        digest: version.digest().to_owned(),
        municipality: Some(v1::Municipality {
            name: format!("municipalities/{}", m.id),
            id: m.id.clone(),
            display_name: m.name.clone(),
            authority: m.authority.clone(),
            adopted_by: m.adopted_by.clone(),
            time_zone: m.time_zone.iana_name().unwrap_or_default().to_owned(),
            opens: time(m.opens),
            closes: time(m.closes),
            contact: Some(convert::contact(&m.contact)),
        }),
        sections: m
            .sections
            .iter()
            .map(|s| v1::Section { id: s.id.clone(), title: s.title.clone(), goal: s.goal.clone() })
            .collect(),
        activities_count: road_map.activities.len() as i32,
        organisations_count: road_map.organisations.len() as i32,
        etag: version.etag(),
    }
}

/// A schedule as people read it.
pub fn schedule_words(activity: &Activity) -> String {
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
        Every::Yearly { opens } => format!("ежегодно, {}", days(opens)),
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

fn files(sent: Vec<v1::RoadMapFile>) -> Result<Files, Status> {
    let mut files = Files::default();
    for file in sent {
        if !Files::wants(&file.path) {
            return Err(status::invalid(
                "files",
                format!("{}: такого файла в карте нет", file.path),
            ));
        }
        files.0.insert(file.path, file.text);
    }
    Ok(files)
}

fn diagnostics(
    list: Vec<Diagnostic>,
    severity: v1::DiagnosticSeverity,
) -> impl Iterator<Item = v1::Diagnostic> {
    list.into_iter().map(move |d| v1::Diagnostic {
        severity: severity.into(),
        file: d.file,
        line: d.line,
        column: d.column,
        message: d.message,
        help: d.help.unwrap_or_default(),
    })
}

fn preview_entry(road_map: &RoadMap, line: Line) -> v1::PreviewEntry {
    let run = line.run.parse::<vekha_engine::RunKey>();
    let activity = run.as_ref().map_or_else(|_| String::new(), |k| k.activity.clone());
    let mut entry = v1::PreviewEntry {
        at: Some(convert::timestamp(line.at)),
        activity: names::of_activity(&road_map.municipality.id, &activity),
        number: line.number,
        run: names::of_run_id(&line.run),
        ..v1::PreviewEntry::default()
    };
    let kind = match line.what {
        What::Opened => {
            entry.text = "открыто".into();
            v1::PreviewKind::Opened
        }
        What::Waiting { runs } => {
            entry.waits_for = runs.iter().map(|id| names::of_run_id(id)).collect();
            entry.text = "ждёт".into();
            v1::PreviewKind::Waiting
        }
        What::Stage { stage, title, due } => {
            entry.stage = stage;
            entry.due = due.map(|d| d.to_string()).unwrap_or_default();
            entry.text = title;
            v1::PreviewKind::Stage
        }
        What::Letters { letter, to } => {
            entry.text = "письма".into();
            entry.letter = letter.as_str().into();
            entry.organisations = to;
            v1::PreviewKind::Letters
        }
        What::Ended { state } => {
            entry.state = match state.as_str() {
                "completed" => v1::RunState::Completed,
                "cancelled" => v1::RunState::Cancelled,
                _ => v1::RunState::Skipped,
            }
            .into();
            entry.text = "окончено".into();
            v1::PreviewKind::Ended
        }
    };
    entry.kind = kind.into();
    entry
}

#[tonic::async_trait]
impl RoadMapService for Api {
    async fn list_road_maps(
        &self,
        request: Request<v1::ListRoadMapsRequest>,
    ) -> Result<Response<v1::ListRoadMapsResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let all = self.runtime.road_maps().all_newest().iter().map(|v| describe(v)).collect();
        let (road_maps, next_page_token) = paging.slice(all, |m: &v1::RoadMap| m.name.clone());
        Ok(Response::new(v1::ListRoadMapsResponse { road_maps, next_page_token }))
    }

    async fn get_road_map(
        &self,
        request: Request<v1::GetRoadMapRequest>,
    ) -> Result<Response<v1::RoadMap>, Status> {
        let name = request.into_inner().name;
        let parent = name.strip_suffix("/roadMap").unwrap_or(&name);
        let version = self.newest(&names::municipality("name", parent)?)?;
        Ok(Response::new(describe(&version)))
    }

    async fn check_road_map(
        &self,
        request: Request<v1::CheckRoadMapRequest>,
    ) -> Result<Response<v1::CheckRoadMapResponse>, Status> {
        let (_, report) = read_with_warnings(&files(request.into_inner().files)?);
        let errors = diagnostics(report.errors, v1::DiagnosticSeverity::Error);
        let warnings = diagnostics(report.warnings, v1::DiagnosticSeverity::Warning);
        let diagnostics = errors.chain(warnings).collect();
        Ok(Response::new(v1::CheckRoadMapResponse { diagnostics }))
    }

    async fn apply_road_map(
        &self,
        request: Request<v1::ApplyRoadMapRequest>,
    ) -> Result<Response<v1::RoadMap>, Status> {
        let r = request.into_inner();
        let mutation = Mutation::read(&r)?;
        let request = mutation.request.clone();
        let mistakes = |list: Vec<Diagnostic>| {
            let one = |d: Diagnostic| FieldError {
                field: "files".to_owned(),
                message: format!("{}:{}:{}: {}", d.file, d.line, d.column, d.message),
            };
            status::of(Refusal::Invalid(list.into_iter().map(one).collect()).into())
        };
        let refused = |e| match e {
            ApplyError::Mistakes(list) => mistakes(list),
            ApplyError::Stale => status::stale(),
            ApplyError::RequestReused => status::of(AskError::RequestReused),
            ApplyError::Store(e) => status::unavailable(e),
        };
        // A later release may no longer read what an earlier one took.
        if let Some(request) = &request {
            let maps = self.runtime.road_maps();
            let before = maps.applied_before(self.runtime.store(), request).await;
            if let Some(version) = before.map_err(refused)? {
                return Ok(Response::new(describe(&version)));
            }
        }
        let files = files(r.files)?;
        let (actor, now) = (mutation.actor.clone(), self.runtime.clock().now());
        let read = self.runtime.road_maps().read(files.clone(), &actor, now).await;
        let read = read.map_err(mistakes)?;
        let municipality = read.road_map.municipality.id.clone();
        if !r.parent.is_empty() && names::municipality("parent", &r.parent)? != municipality {
            let message = format!("это карта муниципалитета «{municipality}»");
            return Err(status::invalid("parent", message));
        }
        let newest = self.runtime.road_maps().newest(&municipality);
        if newest.as_ref().is_some_and(|newest| mutation.is_stale(&newest.etag())) {
            return Err(status::stale());
        }
        if mutation.validate_only {
            // The same files again would change nothing.
            let same = newest.filter(|newest| newest.digest() == read.digest());
            return Ok(Response::new(same.map_or_else(|| describe(&read), |same| describe(&same))));
        }
        let seen = Some(mutation.etag.as_str()).filter(|etag| !etag.is_empty());
        let by = Applying { actor: &actor, seen, request, read: Some(read) };
        let version = self.runtime.apply_as(files, by).await.map_err(refused)?;
        Ok(Response::new(describe(&version)))
    }

    type PreviewStream = Pin<Box<dyn Stream<Item = Result<v1::PreviewEntry, Status>> + Send>>;

    async fn preview(
        &self,
        request: Request<v1::PreviewRequest>,
    ) -> Result<Response<Self::PreviewStream>, Status> {
        let r = request.into_inner();
        let from = convert::date("from", &r.from)?;
        let to = convert::date("to", &r.to)?;
        let days = to.duration_since(from).as_hours() / 24;
        if !(0..=LONGEST_PREVIEW).contains(&days) {
            return Err(status::invalid("to", "от одного дня до трёх лет после «from»"));
        }
        let wish = Wish { from, to, silent: r.silent };
        let sent = if r.files.is_empty() { None } else { Some(files(r.files)?) };
        let newest = match &sent {
            None => Some(self.newest(&names::municipality("parent", &r.parent)?)?),
            Some(_) => None,
        };
        let computed = tokio::task::spawn_blocking(move || {
            let entries = |road_map: &RoadMap| {
                let lines = preview(road_map, wish);
                lines.into_iter().map(|line| Ok(preview_entry(road_map, line))).collect::<Vec<_>>()
            };
            match (newest, sent) {
                (Some(version), _) => Ok(entries(&version.road_map)),
                (None, Some(files)) => vekha_roadmap::read::read(&files).map(|m| entries(&m)),
                (None, None) => Ok(vec![]),
            }
        });
        let entries = computed.await.map_err(status::unavailable)?.map_err(|mistakes| {
            status::invalid("files", format!("в дорожной карте ошибок: {}", mistakes.len()))
        })?;
        Ok(Response::new(Box::pin(tokio_stream::iter(entries))))
    }

    async fn list_activities(
        &self,
        request: Request<v1::ListActivitiesRequest>,
    ) -> Result<Response<v1::ListActivitiesResponse>, Status> {
        let r = request.into_inner();
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

    async fn get_activity(
        &self,
        request: Request<v1::GetActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        let name = request.into_inner().name;
        let (municipality, id) = names::activity("name", &name)?;
        let version = self.newest(&municipality)?;
        let definition = version.road_map.activity(&id).ok_or_else(|| status::not_found(&name))?;
        let overview = self.overview(&version, Some(&id)).await?;
        Ok(Response::new(describe_activity(&version, definition, &overview)))
    }

    async fn list_coming_openings(
        &self,
        request: Request<v1::ListComingOpeningsRequest>,
    ) -> Result<Response<v1::ListComingOpeningsResponse>, Status> {
        let r = request.into_inner();
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

    async fn pause_activity(
        &self,
        request: Request<v1::PauseActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        let r = request.into_inner();
        self.pause(&r.name, true, &r.reason, Mutation::read(&r)?).await
    }

    async fn resume_activity(
        &self,
        request: Request<v1::ResumeActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        let r = request.into_inner();
        self.pause(&r.name, false, &r.reason, Mutation::read(&r)?).await
    }
}
