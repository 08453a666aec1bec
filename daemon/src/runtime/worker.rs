//! Does the jobs that are due: wakes runs, tells them of each other, computes what stages need.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use vekha_engine::{Command, Job, RunKey, data};
use vekha_plugin::Document;

use super::committer::{Ask, AskError, Task};
use super::{Error, Runtime, reports};
use crate::store::document;
use crate::store::entities::job;

/// Most jobs of one turn.
const MOST_JOBS: u64 = 1024;

/// After so many failed tries a stage is told that its work cannot be done.
const MOST_TRIES: i32 = 6;

impl Runtime {
    /// Does every job that is due. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub(super) async fn work(&self, now: Timestamp) -> Result<usize, Error> {
        let jobs = self.store.due_jobs(now, MOST_JOBS).await?;
        let count = jobs.len();
        if count > 0 {
            self.keep_up().await?;
        }
        // All at once: the committer gathers them into few commits.
        let done = futures::future::join_all(jobs.into_iter().map(|job| self.one(job, now))).await;
        done.into_iter().collect::<Result<Vec<()>, Error>>()?;
        Ok(count)
    }

    async fn one(&self, job: job::Model, now: Timestamp) -> Result<(), Error> {
        let run: RunKey = job.run.parse().map_err(Error::Store)?;
        let ask = if job.kind == "wake" {
            Ask::Step(Command::Wake)
        } else {
            match document::<Job>(&job.key, &job.body)? {
                Job::Upstream { .. } => Ask::Upstream,
                Job::Analyze { stage, .. } => {
                    Ask::Step(self.compute(&run, &stage, data::analyze).await?)
                }
                Job::Draft { stage, .. } => {
                    Ask::Step(self.compute(&run, &stage, data::draft).await?)
                }
                Job::Publish { stage, .. } => match self.publish(&run, &stage, now).await {
                    Ok(location) => Ask::Step(Command::Published { stage, location }),
                    Err(reason) if job.attempts + 1 >= MOST_TRIES => {
                        Ask::Step(Command::StageFailed { stage, reason })
                    }
                    Err(reason) => {
                        tracing::warn!(run = %run, "not published, will be tried again: {reason}");
                        let wait = SignedDuration::from_mins(1 << job.attempts.clamp(0, 6));
                        self.store.postpone_job(&job.key, now + wait, &reason).await?;
                        return Ok(());
                    }
                },
            }
        };
        match self.committer.ask(Task::new(run, ask, "vekha").settling(&job.key)).await {
            Ok(_) => Ok(()),
            Err(AskError::Store(e)) => Err(Error::Store(e)),
            // The run has moved on without this job: there is nothing left to do.
            Err(e) => {
                tracing::debug!(job = job.key, "job without effect: {e}");
                Ok(())
            }
        }
    }

    /// Loads what a stage's work looks at and does it, off the threads that serve.
    async fn compute(
        &self,
        run: &RunKey,
        stage: &str,
        work: fn(
            &vekha_roadmap::RoadMap,
            &RunKey,
            &str,
            &std::collections::BTreeMap<RunKey, data::RunData>,
        ) -> Command,
    ) -> Result<Command, Error> {
        let failed = |reason: &str| Command::StageFailed {
            stage: stage.to_owned(),
            reason: reason.to_owned(),
        };
        let Some(version) = self.version_of(run).await? else {
            return Ok(failed("версия дорожной карты не найдена"));
        };
        let Some(activity) = version.road_map.activity(&run.activity) else {
            return Ok(failed("мероприятия нет в дорожной карте"));
        };
        let data = self.store.data(&data::sources(activity, stage, run)).await?;
        let (run, stage) = (run.clone(), stage.to_owned());
        let done = {
            let version = Arc::clone(&version);
            let (run, stage) = (run.clone(), stage.clone());
            tokio::task::spawn_blocking(move || work(&version.road_map, &run, &stage, &data)).await
        };
        Ok(done.unwrap_or_else(|_| Command::StageFailed {
            stage,
            reason: "внутренняя ошибка при вычислении: см. журнал демона".into(),
        }))
    }

    async fn publish(&self, run: &RunKey, stage: &str, now: Timestamp) -> Result<String, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let version = self.version_of(run).await.map_err(|e| text(&e))?;
        let version = version.ok_or("версия дорожной карты не найдена")?;
        let html = reports::render(self, &version, run, stage, now).await?;
        let document = Document {
            path: format!("{}/{}.html", run.run_id(), run.activity),
            content_type: "text/html; charset=utf-8".into(),
            bytes: html.into_bytes(),
        };
        self.publisher.publish(&document).await.map(|p| p.location).map_err(|e| text(&e))
    }
}
