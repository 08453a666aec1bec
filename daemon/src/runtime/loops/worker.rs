//! Does the jobs that are due: wakes runs, tells them of each other, computes what stages need.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::{join_all, try_join_all};
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use vekha_engine::data::{self, RunData, Wanted};
use vekha_engine::{Command, Job, RunKey, follow};
use vekha_plugin::Document;
use vekha_roadmap::RoadMap;

use crate::forms;
use crate::runtime::Runtime;
use crate::runtime::committer::{Ask, AskError, Task};
use crate::runtime::documents::NotMade;
use crate::runtime::documents::reports;
use crate::runtime::documents::reports::Rendered;
use crate::runtime::road_maps::Version;
use crate::store::entities::job;
use crate::store::write::jobs::Jobs;
use crate::store::{StoreError, document, unreadable};

/// Most jobs of one turn.
const MOST_JOBS: u64 = 4096;

/// Jobs whose data is loaded together.
const PART: usize = 128;

/// Parts under way at the same time: while one is loaded, others are computed or committed.
const PARTS: usize = 8;

/// After so many failed tries a stage is told that its work cannot be done.
const MOST_TRIES: i32 = 6;

/// What computes a stage's work.
type Work = fn(&RoadMap, &RunKey, &str, &BTreeMap<RunKey, RunData>) -> Command;

/// A stage whose work is to be computed.
#[derive(Clone)]
struct Computation {
    job: job::Model,
    run: RunKey,
    stage: String,
    work: Work,
    version: Option<Arc<Version>>,
}

impl Runtime {
    /// Does every job that is due. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub(crate) async fn work(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut jobs = self.store.due_jobs(Jobs::Own, now, MOST_JOBS).await?;
        let count = jobs.len();
        if count > 0 {
            self.keep_up().await?;
        }
        let mut parts = Vec::new();
        while !jobs.is_empty() {
            parts.push(jobs.split_off(jobs.len().saturating_sub(PART)));
        }
        // All at once: the committer gathers them into few commits.
        let done: Vec<Result<(), StoreError>> = stream::iter(parts.into_iter().rev())
            .map(|part| self.part(part, now))
            .buffer_unordered(PARTS)
            .collect()
            .await;
        done.into_iter().collect::<Result<(), StoreError>>()?;
        Ok(count)
    }

    async fn part(&self, jobs: Vec<job::Model>, now: Timestamp) -> Result<(), StoreError> {
        let mut computations = Vec::new();
        let mut others = Vec::new();
        for job in jobs {
            let (run, work) = match read(&job) {
                Ok(read) => read,
                Err(e) => {
                    self.unless_unreadable(Err(e), &job, now).await?;
                    continue;
                }
            };
            let (stage, work): (_, Work) = match work {
                Some(Job::Analyze { stage, .. }) => (stage, data::analyze),
                Some(Job::Draft { stage, .. }) => (stage, data::draft),
                other => {
                    others.push(async move {
                        let done = self.one(&job, run, other, now).await;
                        self.unless_unreadable(done, &job, now).await
                    });
                    continue;
                }
            };
            computations.push(Computation { job, run, stage, work, version: None });
        }
        let (computed, done) = tokio::join!(self.compute_each(computations, now), join_all(others));
        computed?;
        done.into_iter().collect()
    }

    /// Does a job that needs no computing; none is a wake-up.
    async fn one(
        &self,
        row: &job::Model,
        run: RunKey,
        job: Option<Job>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ask = match job {
            None => Ask::Step(Command::Wake),
            Some(Job::Publish { stage, .. }) => match self.publish(&run, &stage, now).await {
                Ok(location) => Ask::Step(Command::Published { stage, location }),
                // It is not the report's fault.
                Err(NotMade::Store(e)) => return Err(e),
                Err(NotMade::Impossible(reason)) if row.attempts + 1 >= MOST_TRIES => {
                    Ask::Step(Command::StageFailed { stage, reason })
                }
                Err(NotMade::Impossible(reason)) => {
                    tracing::warn!(run = %run, "not published, will be tried again: {reason}");
                    let words = format!("отчёт не опубликован: {reason}. Попробуем ещё раз сами");
                    let put_off = Ask::Step(Command::StagePutOff { stage, reason: words });
                    settled(self.committer.ask(Task::new(run, put_off, "vekha")).await)?;
                    let wait = SignedDuration::from_mins(1 << row.attempts.clamp(0, 6));
                    self.store.postpone_job(&row.key, now + wait, &reason).await?;
                    return Ok(());
                }
            },
            Some(Job::TellRefused { letter, organisation, reason, .. }) => {
                Ask::Step(Command::LetterRefused { letter, organisation, reason })
            }
            Some(_) => Ask::Upstream,
        };
        self.settle_job(run, ask, &row.key).await
    }

    /// Has a run take in what a job yielded.
    async fn settle_job(&self, run: RunKey, ask: Ask, job: &str) -> Result<(), StoreError> {
        settled(self.committer.ask(Task::new(run, ask, "vekha").settling(job)).await)
    }

    /// Does the work of stages. What one of them rests on and cannot be read puts off that one alone.
    async fn compute_each(
        &self,
        computations: Vec<Computation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self.compute(computations.clone()).await {
            Err(StoreError::Unreadable(_)) => {}
            done => return done,
        }
        for one in computations {
            let job = one.job.clone();
            let done = self.compute(vec![one]).await;
            self.unless_unreadable(done, &job, now).await?;
        }
        Ok(())
    }

    /// Loads what the stages' work looks at, for all of them together, and does it, off the threads
    /// that serve.
    async fn compute(&self, mut computations: Vec<Computation>) -> Result<(), StoreError> {
        if computations.is_empty() {
            return Ok(());
        }
        let runs: Vec<String> = computations.iter().map(|c| c.run.to_string()).collect();
        let loaded = self.store.asked(&runs).await?;
        let mut sources: BTreeMap<RunKey, Wanted> = BTreeMap::new();
        for c in &mut computations {
            let version = loaded.get(&c.run).map(|loaded| loaded.run.road_map);
            c.version = version.and_then(|n| self.road_maps.current(&c.run.municipality, n));
            if let (Some(number), None) = (version, &c.version) {
                return Err(StoreError::Unreadable(self.road_maps.why_not(&c.run, number)));
            }
            let Some(road_map) = c.version.as_ref().map(|version| &version.road_map) else {
                continue;
            };
            if let Some(activity) = road_map.activity(&c.run.activity) {
                for (run, wanted) in data::sources(road_map, activity, &c.stage, &c.run) {
                    sources.entry(run).or_default().add(wanted);
                }
            }
        }
        let mut data = self.store.data(&sources, loaded).await?;
        let computed = tokio::task::spawn_blocking(move || {
            for c in &computations {
                c.version.iter().for_each(|version| follow(&version.road_map, &c.run, &mut data));
            }
            computations.into_iter().map(|c| (c.command(&data), c)).collect::<Vec<_>>()
        });
        let computed = computed.await.map_err(StoreError::away)?;
        let asks = computed.into_iter().map(|(command, c)| async move {
            self.settle_job(c.run, Ask::Step(command), &c.job.key).await
        });
        try_join_all(asks).await?;
        Ok(())
    }

    async fn publish(&self, run: &RunKey, stage: &str, now: Timestamp) -> Result<String, NotMade> {
        let version = self.version_of(run).await?;
        let version = version.ok_or("версия дорожной карты не найдена")?;
        // An empty page on the department's site tells nobody anything: the next one will.
        let loaded = self.store.run(run).await?.ok_or("выполнения нет")?;
        let activity = version.road_map.activity(&run.activity);
        if activity.is_some_and(|own| data::nothing_to_publish(own, &loaded.run, stage)) {
            return Ok(String::new());
        }
        let Rendered { html, docx, pages } =
            reports::render(self, &version, run, stage, now).await?;
        let publish = async |path: String, content_type: &str, bytes: Vec<u8>| {
            let document = Document { path, content_type: content_type.into(), bytes };
            let published = self.integrations.publisher.publish(&document).await;
            published.map(|p| p.location).map_err(|e| NotMade::Impossible(e.to_string()))
        };
        // Whoever finds a page finds what it links to: that is published before it.
        let own = |path: &str| reports::place_of(&run.municipality, path);
        for Document { path, content_type, bytes } in pages.into_iter().flat_map(|page| page.files)
        {
            publish(own(&path), &content_type, bytes).await?;
        }
        publish(own(&reports::place(run, "docx")), forms::DOCX, docx).await?;
        let page = own(&reports::place(run, "html"));
        let location = publish(page, HTML, html.into_bytes()).await?;
        if let Some(html) = reports::index(self, &version, (run, stage), now).await? {
            publish(own("index.html"), HTML, html.into_bytes()).await?;
            let contents = reports::contents(self, run).await?;
            publish("index.html".to_owned(), HTML, contents.into_bytes()).await?;
        }
        Ok(location)
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// Only the database is a reason to do a job again; a run that has moved on without it is none.
pub(super) fn settled<T>(done: Result<T, AskError>) -> Result<(), StoreError> {
    match done {
        Err(AskError::Store(e)) => Err(StoreError::away(e)),
        Err(AskError::Unreadable(e)) => Err(StoreError::Unreadable(e)),
        Err(e) => {
            tracing::debug!("a job without effect: {e}");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// What a job is about; no work is a wake-up.
fn read(job: &job::Model) -> Result<(RunKey, Option<Job>), StoreError> {
    let run = job.run.parse().map_err(|e| unreadable(&job.key, e))?;
    let work = if job.kind == "wake" { None } else { Some(document(&job.key, &job.body)?) };
    Ok((run, work))
}

impl Computation {
    fn command(&self, data: &BTreeMap<RunKey, RunData>) -> Command {
        let failed = |reason: &str| Command::StageFailed {
            stage: self.stage.clone(),
            reason: reason.to_owned(),
        };
        let Some(version) = &self.version else {
            return failed("версия дорожной карты не найдена");
        };
        // One analysis that goes wrong must not take those beside it along.
        catch_unwind(AssertUnwindSafe(|| {
            (self.work)(&version.road_map, &self.run, &self.stage, data)
        }))
        .unwrap_or_else(|_| failed("внутренняя ошибка при вычислении: см. журнал демона"))
    }
}
