//! Runs: start, look, cancel, retry, skip, watch, figures.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};
use vekha_analysis::Outcome;
use vekha_engine::run::{AssignmentState, Run, StageState};
use vekha_engine::{Answer, Command, RunKey, Why};
use vekha_proto::v1::{self, run_service_server::RunService};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::PeriodOf;
use vekha_roadmap::period::Period;

use super::filter::{Conditions, Field, Kind, words};
use super::lasting::GoesOn;
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::names::Depth;
use super::{Api, convert, figures, journal, lists, lists_mistakes, names, status};
use crate::runtime::Ask;
use crate::runtime::acts::open::{Backfill, Backfilled};
use crate::runtime::committer::Answered;
use crate::runtime::documents::reports::{on_analysis, place_for_others};
use crate::runtime::road_maps::Version;
use crate::runtime::seen::Thing;
use crate::runtime::views::overview::{Standing, is_late};
use crate::store::document;
use crate::store::read::runs::Loaded;
use crate::wire::{Twin as _, stage_kind};
use crate::{forms, reports};

const STATE: Field = words!("state", "RUN_STATE_", RunState);

impl Api {
    /// A run as the contract shows it.
    pub(super) async fn show_run(&self, key: &RunKey) -> Result<v1::Run, Status> {
        let loaded = self.loaded(key).await?;
        self.describe_run(&loaded).await
    }

    /// A run as a request left it, or as one that was only tried would leave it: then without an
    /// etag, since there is nothing to be compared with.
    pub(super) async fn show_after(
        &self,
        key: &RunKey,
        answered: Answered,
    ) -> Result<v1::Run, Status> {
        let tried = answered.would_be.is_some();
        let run = self.describe_run(&self.after(key, answered).await?).await?;
        Ok(if tried { v1::Run { etag: String::new(), ..run } } else { run })
    }

    /// The same with all that belongs to it.
    pub(super) async fn after(&self, key: &RunKey, answered: Answered) -> Result<Loaded, Status> {
        match answered.would_be {
            Some(would_be) => Ok(Loaded { run: would_be.run, revision: 0, told_since: None }),
            None => self.loaded(key).await,
        }
    }

    pub(super) async fn loaded(&self, key: &RunKey) -> Result<Loaded, Status> {
        let run = self.runtime.store().run(key).await.map_err(status::unavailable)?;
        run.ok_or_else(|| status::not_found(format!("выполнение {key}")))
    }

    async fn describe_run(&self, loaded: &Loaded) -> Result<v1::Run, Status> {
        let run = &loaded.run;
        let store = self.runtime.store();
        let mut states = std::collections::BTreeMap::new();
        for (key, other) in store.runs(&run.waits_for).await.map_err(status::unavailable)? {
            states.insert(key, other.run.state);
        }
        let waits_for = run
            .waits_for
            .iter()
            .map(|key| v1::RunUpstream {
                run: names::of_run(key),
                state: states.get(key).map_or(v1::RunState::Unspecified, |s| s.wire()).into(),
            })
            .collect();
        let version = self.runtime.road_maps().current(&run.key.municipality, run.road_map);
        let version = version.ok_or_else(|| status::not_found("версия дорожной карты"))?;
        let activity = version.road_map.activity(&run.key.activity);
        Ok(v1::Run {
            name: names::of_run(&run.key),
            activity: names::of_activity(&run.key.municipality, &run.key.activity),
            number: activity.map_or(0, |a| a.number),
            title: activity.map_or_else(String::new, |a| a.title.clone()),
            period: run.key.period.to_string(),
            period_words: run.key.period.words(),
            part: run.key.part.clone().unwrap_or_default(),
            state: run.state.wire().into(),
            waits_for,
            stages: stages(run, &version),
            organisations: run.named.clone(),
            opened_at: Some(convert::timestamp(run.opened_at)),
            ended_at: run.ended_at.map(convert::timestamp),
            road_map_version: run.road_map as i32,
            late: is_late(run, &version, self.runtime.clock().now()),
            etag: loaded.revision.to_string(),
            keeper: run.keeper.clone(),
        })
    }

    /// The period that an activity's run would be about if it were opened today.
    fn current_period(&self, municipality: &str, activity: &str) -> Result<String, Status> {
        let version = self.runtime.road_maps().newest(municipality);
        let definition = version.as_ref().and_then(|v| v.road_map.activity(activity));
        let (Some(version), Some(definition)) = (&version, definition) else {
            return Err(status::not_found(names::of_activity(municipality, activity)));
        };
        let today = version.road_map.municipality.today(self.runtime.clock().now());
        let period = Period::containing(definition.schedule.period, today);
        Ok(match definition.schedule.of {
            PeriodOf::Current => period,
            PeriodOf::Previous => period.previous(),
        }
        .to_string())
    }

    async fn change_run(
        &self,
        name: &str,
        command: Command,
        mutation: Mutation,
    ) -> Result<Response<v1::Run>, Status> {
        let key = names::run("name", name)?;
        let step =
            self.step_with(vec![], key.clone(), command, Thing::Run, &mutation, requested).await;
        Ok(Response::new(self.show_after(&key, step?).await?))
    }

    /// Opens the runs of past periods.
    async fn backfill(
        &self,
        r: Asked<v1::BackfillRunsRequest>,
    ) -> Result<Response<v1::BackfillRunsResponse>, Status> {
        let whole = Mutation::read(&r)?;
        let r = r.message;
        let (municipality, activity) = names::activity("parent", &r.parent)?;
        names::distinct("periods", &r.periods)?;
        if r.periods.is_empty() || r.periods.len() > 100 {
            return Err(status::invalid("periods", "от 1 до 100 периодов"));
        }
        let (mut periods, mut wrong) = (Vec::new(), Vec::new());
        for (place, period) in r.periods.iter().enumerate() {
            match period.parse() {
                Ok(period) => periods.push((place, period)),
                Err(message) => {
                    wrong.push(FieldError { field: format!("periods[{place}]"), message });
                }
            }
        }
        let backfill = Backfill { municipality, activity, periods, wrong };
        let all = self.runtime.backfill(backfill, whole.caller()).await.map_err(status::of)?;
        let mut response = v1::BackfillRunsResponse::default();
        for Backfilled { run, answered } in all {
            match answered {
                Some(answered) => response.runs.push(self.show_after(&run, answered).await?),
                None => response.existing.push(names::of_run(&run)),
            }
        }
        Ok(Response::new(response))
    }
}

/// A field of a command as requests call it.
fn requested(field: &str) -> String {
    match field {
        "to" => "keeper".to_owned(),
        field => field.to_owned(),
    }
}

fn stages(run: &Run, version: &Version) -> Vec<v1::Stage> {
    let activity = version.road_map.activity(&run.key.activity);
    run.stages
        .iter()
        .map(|stage| {
            let definition = activity.and_then(|a| a.stage(&stage.id)).map(|(_, s)| s);
            let kind =
                definition.map_or(v1::StageKind::Unspecified, |stage| stage_kind(&stage.work));
            let count = |wanted: Option<AssignmentState>| {
                let own = run.assignments.iter().filter(|(k, _)| k.stage == stage.id);
                own.filter(|(_, a)| wanted.is_none_or(|w| a.state == w)).count() as i32
            };
            v1::Stage {
                name: format!("{}/stages/{}", names::of_run(&run.key), stage.id),
                id: stage.id.clone(),
                kind: kind.into(),
                title: definition.map_or_else(String::new, |d| d.title.clone()),
                state: stage.state.wire().into(),
                started_at: stage.started_at.map(convert::timestamp),
                due: stage.due.map(|d| d.to_string()).unwrap_or_default(),
                completed_at: stage.completed_at.map(convert::timestamp),
                asked: count(None),
                answered: count(Some(AssignmentState::Answered)),
                missing: count(Some(AssignmentState::Missing)),
                waived: count(Some(AssignmentState::Waived)),
                returned: count(Some(AssignmentState::Returned)),
                review: stage.review.map(|d| d.to_string()).unwrap_or_default(),
                reason: stage.reason.clone(),
                has_figures: kind == v1::StageKind::Analyze && stage.state == StageState::Completed,
                location: place_for_others(&run.key, &stage.location).to_owned(),
                not_before: stage.not_before.map(|d| d.to_string()).unwrap_or_default(),
                again: stage.again.clone().unwrap_or_default(),
            }
        })
        .collect()
}

/// The key of a run that a request names by its parts.
pub(super) fn key(
    municipality: String,
    activity: String,
    period: &str,
    part: &str,
) -> Result<RunKey, Status> {
    Ok(RunKey {
        municipality,
        activity,
        period: period.parse().map_err(|e: String| status::invalid("period", e))?,
        part: (!part.is_empty()).then(|| part.to_owned()),
    })
}

#[tonic::async_trait]
impl RunService for Api {
    async fn start_run(
        &self,
        request: Request<v1::StartRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let (municipality, activity) = names::activity("parent", &r.parent)?;
        names::distinct("organisations", &r.organisations)?;
        let period = match r.period.as_str() {
            "" => self.current_period(&municipality, &activity)?,
            period => period.to_owned(),
        };
        let key = key(municipality, activity, &period, &r.part)?;
        let ask =
            Ask::Open { named: r.organisations.clone(), why: Why::Request, without_waiting: false };
        let answered = self.runtime.act(key.clone(), ask, mutation.caller()).await;
        let answered = answered.map_err(status::of)?;
        // Without a period the call means today's; its repetition means the run that it opened.
        let key = answered.made.parse().unwrap_or(key);
        Ok(Response::new(self.show_after(&key, answered).await?))
    }

    async fn backfill_runs(
        &self,
        request: Request<v1::BackfillRunsRequest>,
    ) -> Result<Response<v1::BackfillRunsResponse>, Status> {
        let r = Asked::of(request);
        let listing = lists_mistakes(r.list_mistakes, r.validate_only)?;
        let list = |mistakes| v1::BackfillRunsResponse { mistakes, ..Default::default() };
        status::listed(listing, self.backfill(r).await, list)
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let key = names::run("name", &request.into_inner().name)?;
        Ok(Response::new(self.show_run(&key).await?))
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            STATE,
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("late", Kind::Flag),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Activity).await?;
        let mut filter = lists::filter(&parent, &conditions);
        filter.participant = filter.organisation.take();
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows = store.list_runs(&filter, page).await.map_err(status::unavailable)?;
            let keys: Vec<Option<RunKey>> = rows.iter().map(|row| row.id.parse().ok()).collect();
            let known: Vec<RunKey> = keys.iter().flatten().cloned().collect();
            let loaded = store.runs(&known).await.map_err(status::unavailable)?;
            let mut turned = Vec::with_capacity(rows.len());
            for key in &keys {
                let run = match key.as_ref().and_then(|key| loaded.get(key)) {
                    Some(loaded) => Some(self.describe_run(loaded).await?),
                    None => None,
                };
                let wanted = conditions.flag("late");
                turned.push(run.filter(|run| wanted.is_none_or(|wanted| wanted == run.late)));
            }
            walk.take(rows.iter().map(|row| row.id.clone()).zip(turned));
        }
        let (runs, next_page_token) = walk.end();
        Ok(Response::new(v1::ListRunsResponse { runs, next_page_token }))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let command = Command::Cancel { reason: r.reason.clone() };
        self.change_run(&r.name, command, Mutation::read(&r)?).await
    }

    async fn retry_run(
        &self,
        request: Request<v1::RetryRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        self.change_run(&r.name, Command::Retry, Mutation::read(&r)?).await
    }

    async fn entrust_run(
        &self,
        request: Request<v1::EntrustRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let command = Command::Entrust { to: r.keeper.clone() };
        self.change_run(&r.name, command, Mutation::read(&r)?).await
    }

    async fn remark_run(
        &self,
        request: Request<v1::RemarkRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let command = Command::Remark { text: r.text.clone() };
        self.change_run(&r.name, command, Mutation::read(&r)?).await
    }

    async fn accept_answers(
        &self,
        request: Request<v1::AcceptAnswersRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let command = Command::AcceptAnswers { stage: r.stage.clone() };
        self.change_run(&r.name, command, Mutation::read(&r)?).await
    }

    async fn skip_run(
        &self,
        request: Request<v1::SkipRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let command = Command::Skip { reason: r.reason.clone() };
        self.change_run(&r.name, command, Mutation::read(&r)?).await
    }

    async fn answer_question(
        &self,
        request: Request<v1::AnswerQuestionRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let answer = match r.answer() {
            v1::Answer::Proceed => Answer::Proceed,
            v1::Answer::Skip => Answer::Skip,
            v1::Answer::Unspecified => {
                return Err(status::invalid("answer", "PROCEED или SKIP"));
            }
        };
        self.change_run(&r.name, Command::AnswerQuestion(answer), mutation).await
    }

    type WatchRunsStream = Pin<Box<dyn Stream<Item = Result<v1::RunChange, Status>> + Send>>;

    async fn watch_runs(
        &self,
        request: Request<v1::WatchRunsRequest>,
    ) -> Result<Response<Self::WatchRunsStream>, Status> {
        let r = request.into_inner();
        let fields = [("kind", Kind::Id), STATE, ("activity", Kind::Id), ("period", Kind::Period)];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let mut watched = lists::filter(&parent, &conditions);
        let state = watched.state.take().map(|state| state.to_uppercase());
        let api = self.clone();
        let stream = journal::watch(self, watched, r.after_cursor, move |row| {
            let (api, state) = (api.clone(), state.clone());
            async move {
                // What was done to an activity itself is no change of a run.
                let Ok(key) = row.run.parse::<RunKey>() else { return Ok(None) };
                let run = api.show_run(&key).await?;
                let named = run.state().as_str_name().trim_start_matches("RUN_STATE_");
                if state.is_some_and(|wanted| wanted != named) {
                    return Ok(None);
                }
                let entry = journal::entry(&row);
                Ok(Some(v1::RunChange { cursor: row.cursor, entry: Some(entry), run: Some(run) }))
            }
        })
        .await?;
        let mut response = Response::new(stream);
        response.extensions_mut().insert(GoesOn);
        Ok(response)
    }

    async fn get_figures(
        &self,
        request: Request<v1::GetFiguresRequest>,
    ) -> Result<Response<v1::FigureTable>, Status> {
        let name = request.into_inner().name;
        let (key, wanted) = names::run_or_stage("name", &name)?;
        let rows = self.runtime.store().analyses(&key.to_string()).await;
        let rows = rows.map_err(status::unavailable)?;
        let unknown = || status::not_found(format!("анализ {name}"));
        if rows.is_empty() {
            return Err(unknown());
        }
        let run = self.loaded(&key).await?.run;
        let row = rows.into_iter().find(|row| match &wanted {
            Some(wanted) => *wanted == row.stage,
            // Of an analysis that was made anew the newest.
            None => !run.is_replaced(&row.stage),
        });
        let row = row.ok_or_else(unknown)?;
        let outcome: Outcome = document(&row.id, &row.body).map_err(status::unavailable)?;
        let version = self.runtime.road_maps().current(&key.municipality, run.road_map);
        let definition =
            version.as_ref().and_then(|v| v.road_map.analysis_of(&key.activity, &row.stage));
        Ok(Response::new(v1::FigureTable {
            stage: format!("{}/stages/{}", names::of_run(&key), row.stage),
            at: Some(convert::micros(row.at)),
            ..figures::table(&outcome, definition)
        }))
    }

    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::Report>, Status> {
        let r = request.into_inner();
        let (key, named) = names::run_or_stage("name", &r.name)?;
        let run = self.loaded(&key).await?.run;
        let version = self.runtime.road_maps().current(&key.municipality, run.road_map);
        let version = version.ok_or_else(|| status::not_found("версия дорожной карты"))?;
        let whose = Some(r.organisation.as_str()).filter(|code| !code.is_empty());
        if whose.is_some_and(|code| version.road_map.organisation(code).is_none()) {
            return Err(status::invalid("organisation", "такой организации нет"));
        }
        let stages: Vec<String> = match named {
            Some(stage) => vec![stage],
            None => {
                let standing = run.stages.iter().filter(|stage| !run.is_replaced(&stage.id));
                standing.map(|stage| stage.id.clone()).collect()
            }
        };
        for stage in stages {
            let made = on_analysis(&self.runtime, &version, &key, &stage, whose).await;
            let Some(report) = made.map_err(status::unavailable)? else { continue };
            let format = r.format();
            let (ending, content_type) = match format {
                v1::ReportFormat::Xlsx => ("xlsx", forms::XLSX),
                v1::ReportFormat::Docx | v1::ReportFormat::Unspecified => ("docx", forms::DOCX),
            };
            let make = move || match format {
                v1::ReportFormat::Xlsx => reports::workbook(&report).map_err(|e| e.to_string()),
                _ => reports::note(&report),
            };
            let content = tokio::task::spawn_blocking(make).await.map_err(status::unavailable)?;
            return Ok(Response::new(v1::Report {
                file_name: reports::file_name(&key, &stage, whose, ending),
                content_type: content_type.to_owned(),
                content: content.map_err(status::unavailable)?,
            }));
        }
        Err(status::not_found(format!("анализ {}", r.name)))
    }
}

/// A run in few words.
pub(super) fn summary(standing: &Standing) -> v1::RunSummary {
    let run = &standing.run;
    v1::RunSummary {
        name: names::of_run(&run.key),
        period: run.key.period.to_string(),
        period_words: run.key.period.words(),
        state: run.state.wire().into(),
        stage_title: standing.stages.first().cloned().unwrap_or_default(),
        due: standing.due.map(|d| d.to_string()).unwrap_or_default(),
        late: standing.late,
    }
}
