//! Has analyzers compute what road maps have no formulas for.
//!
//! The call is outside of any transaction; what it yields is committed like an analysis of our own, in
//! one step, and only if the dataset is still the one that was sent: else the analyzer is asked again.
//! One that hangs holds up its own stages and nobody else's; what it does wrong is told at the stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use vekha_analysis::{Given, analyze};
use vekha_engine::data::{self, LookedAt, RunData};
use vekha_engine::run::StageState;
use vekha_engine::{Command, Job, RunKey, follow};
use vekha_plugin::{AnalyzeError, AnalyzeRequest};
use vekha_roadmap::model::Work;

use crate::runtime::Runtime;
use crate::runtime::committer::{Ask, AskError, Task};
use crate::runtime::consultation::{About, given, key, request};
use crate::runtime::loops::worker::settled;
use crate::runtime::road_maps::Version;
use crate::runtime::under_way::UnderWay;
use crate::store::entities::job;
use crate::store::write::jobs::Jobs;
use crate::store::{StoreError, document, unreadable};

/// Stages under way at the same time; most of them wait for their analyzer's turn.
const AT_ONCE: usize = 64;

/// Stages that one analyzer is asked about at a time.
const EACH: usize = 2;

/// How often an analyzer is asked anew in one try, since the dataset has changed meanwhile.
const ROUNDS: usize = 3;

/// After so many failed tries the stage has failed.
const MOST_TRIES: i32 = 6;

/// A stage that waits for its analyzer, with the data of the moment.
struct Held {
    version: Arc<Version>,
    run: RunKey,
    stage: String,
    /// The run's revision with which the data were read.
    revision: i64,
    data: BTreeMap<RunKey, RunData>,
}

/// What a stage's analyzer said.
struct Answered {
    /// The key of the question.
    key: String,
    given: Given,
}

impl Held {
    fn looked_at(&self) -> Result<LookedAt<'_>, String> {
        let map = &self.version.road_map;
        data::looked_at(map, &self.run, &self.stage, &self.data).map_err(str::to_owned)
    }

    /// What is asked of the data.
    fn request<'h>(&'h self, looked: &'h LookedAt<'h>) -> Result<AnalyzeRequest<'h>, String> {
        let road_map = &self.version.road_map;
        let activity = road_map.activity(&self.run.activity);
        let about = About {
            road_map,
            activity: activity.ok_or("мероприятия нет в дорожной карте")?,
            stage: &self.stage,
            analyze: looked.stage,
            definition: looked.definition,
            period: &self.run.period.to_string(),
        };
        Ok(request(&about, &looked.inputs))
    }

    /// The key under which it is asked.
    fn key(&self) -> Result<String, String> {
        let looked = self.looked_at()?;
        Ok(key(&self.run.to_string(), &self.request(&looked)?))
    }

    /// What comes of an answer.
    fn analyzed(&self, given: Given) -> Command {
        let stage = self.stage.clone();
        match self.looked_at() {
            Ok(LookedAt { definition, mut inputs, .. }) => {
                inputs.given = Some(given);
                Command::Analyzed { stage, outcome: analyze(definition, &inputs) }
            }
            Err(reason) => Command::StageFailed { stage, reason },
        }
    }
}

impl Runtime {
    /// Asks analyzers until no stage is due and none is under way. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub(crate) async fn consult(&self) -> Result<usize, StoreError> {
        let places =
            self.integrations.analyzers.keys().map(|id| (id.as_str(), Semaphore::new(EACH)));
        let places: BTreeMap<&str, Semaphore> = places.collect();
        let mut under_way = UnderWay::default();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let (mut changed, mut ending) = (self.changes(), self.ending());
        let (mut count, mut failure) = (0, None);
        loop {
            if *ending.borrow_and_update() {
                // What is under way has changed nothing and is still due.
                return failure.map_or(Ok(count), Err);
            }
            changed.borrow_and_update();
            if failure.is_none() {
                let now = self.clock.now();
                let look = AT_ONCE + taken.len();
                let due = self.store.due_jobs(Jobs::Consults, now, look as u64);
                match under_way.beside(due).await {
                    Ok(due) => {
                        for job in due {
                            if taken.len() < AT_ONCE && taken.insert(job.key.clone()) {
                                under_way.begin(self.consult_one(job, &places));
                            }
                        }
                    }
                    Err(e) => failure = Some(e),
                }
            }
            if under_way.is_empty() {
                return failure.map_or(Ok(count), Err);
            }
            tokio::select! {
                ended = under_way.ended() => {
                    for (key, done) in ended {
                        taken.remove(&key);
                        count += 1;
                        if let Err(e) = done {
                            failure.get_or_insert(e);
                        }
                    }
                }
                // What comes due meanwhile need not wait for one that hangs.
                _ = changed.changed(), if failure.is_none() => {}
                _ = ending.changed() => {}
            }
        }
    }

    async fn consult_one(
        &self,
        row: job::Model,
        places: &BTreeMap<&str, Semaphore>,
    ) -> Vec<(String, Result<(), StoreError>)> {
        let done = self.try_to_consult(&row, places).await;
        let done = self.unless_unreadable(done, &row, self.clock.now()).await;
        vec![(row.key, done)]
    }

    async fn try_to_consult(
        &self,
        row: &job::Model,
        places: &BTreeMap<&str, Semaphore>,
    ) -> Result<(), StoreError> {
        let job: Job = document(&row.key, &row.body)?;
        let Job::Consult { run, stage } = job else {
            return Err(unreadable(&row.key, "это не вопрос к плагину"));
        };
        let Some(analyzer) = self.analyzer_of(&run, &stage).await? else {
            return self.store.drop_job(&row.key).await;
        };
        // Waiting for its turn it holds no data.
        let _place = match places.get(analyzer.as_str()) {
            Some(place) => place.acquire().await.ok(),
            None => None,
        };
        let mut answered: Option<Answered> = None;
        for _ in 0..=2 * ROUNDS {
            let Some(held) = self.hold(&run, &stage).await? else {
                return self.store.drop_job(&row.key).await;
            };
            let held = Arc::new(held);
            let asked = self.ask_unless(&held, &analyzer, answered).await?;
            let (fresh, Answered { key, given }) = match asked {
                Ok(asked) => asked,
                Err(error) => return self.not_given(row, &run, &stage, &analyzer, error).await,
            };
            if fresh {
                // The data are looked at once more: they may have changed during the call.
                answered = Some(Answered { key, given });
                continue;
            }
            let (computing, of) = (held.clone(), given.clone());
            let command = tokio::task::spawn_blocking(move || computing.analyzed(of)).await;
            let command = command.unwrap_or_else(|_| Command::StageFailed {
                stage: stage.clone(),
                reason: "внутренняя ошибка при вычислении: см. журнал демона".to_owned(),
            });
            let task = Task::new(run.clone(), Ask::Step(command), "vekha");
            match self.committer.ask(task.upon(held.revision).settling(&row.key)).await {
                Err(AskError::Stale) => answered = Some(Answered { key, given }),
                Err(AskError::Store(e)) => return Err(StoreError::away(e)),
                Err(AskError::Unreadable(e)) => return Err(StoreError::Unreadable(e)),
                // The run may have moved on without this stage: there is nothing left to do.
                _ => return Ok(()),
            }
        }
        let soon = self.clock.now() + SignedDuration::from_mins(1);
        self.store.postpone_job(&row.key, soon, "набор данных меняется: спросим ещё раз").await
    }

    /// By what id the stage's road map names its analyzer; none if the stage is not at work.
    async fn analyzer_of(&self, run: &RunKey, stage: &str) -> Result<Option<String>, StoreError> {
        let Some(known) = self.store.bare_run(run).await? else { return Ok(None) };
        let at_work = known.stages.iter().any(|s| s.id == stage && s.state == StageState::Active);
        if !at_work || known.state.ended() {
            return Ok(None);
        }
        let version = self.version_of(run).await?;
        Ok(version.and_then(|version| {
            let activity = version.road_map.activity(&run.activity)?;
            match &activity.stage(stage)?.1.work {
                Work::Analyze(analyze) => analyze.plugin.clone(),
                _ => None,
            }
        }))
    }

    /// What the stage looks at, as it is now; none if it is not at work any more.
    async fn hold(&self, run: &RunKey, stage: &str) -> Result<Option<Held>, StoreError> {
        let loaded = self.store.asked(&[run.to_string()]).await?;
        self.keep_up().await?;
        let Some(own) = loaded.get(run) else { return Ok(None) };
        let (number, revision) = (own.run.road_map, own.revision);
        let at_work = own.run.stages.iter().any(|s| s.id == stage && s.state == StageState::Active);
        if !at_work || own.run.state.ended() {
            return Ok(None);
        }
        let version = self.road_maps.current(&run.municipality, number);
        let version =
            version.ok_or_else(|| StoreError::Unreadable(self.road_maps.why_not(run, number)))?;
        let Some(activity) = version.road_map.activity(&run.activity) else { return Ok(None) };
        let sources = data::sources(&version.road_map, activity, stage, run);
        let mut data = self.store.data(&sources, loaded).await?;
        follow(&version.road_map, run, &mut data);
        let (run, stage) = (run.clone(), stage.to_owned());
        Ok(Some(Held { version, run, stage, revision, data }))
    }

    /// What the analyzer says of the data: what it has said already if they are the same, else what it
    /// says now, and whether it does so only now.
    async fn ask_unless(
        &self,
        held: &Arc<Held>,
        analyzer: &str,
        answered: Option<Answered>,
    ) -> Result<Result<(bool, Answered), AnalyzeError>, StoreError> {
        let refused = |why: String| Ok(Err(AnalyzeError::Refused(why)));
        // It reads all the data, off the threads that serve.
        let hashing = held.clone();
        let hashed = tokio::task::spawn_blocking(move || hashing.key()).await;
        let key = match hashed.map_err(StoreError::away)? {
            Ok(key) => key,
            Err(why) => return refused(why),
        };
        if let Some(before) = answered.filter(|before| before.key == key) {
            return Ok(Ok((false, before)));
        }
        let Some(analyzer) = self.integrations.analyzers.get(analyzer) else {
            return refused(format!("в настройках демона нет раздела [analyzer.{analyzer}]"));
        };
        let looked = match held.looked_at() {
            Ok(looked) => looked,
            Err(why) => return refused(why),
        };
        let answer = match held.request(&looked) {
            Ok(request) => analyzer.analyze(&AnalyzeRequest { key: key.clone(), ..request }).await,
            Err(why) => return refused(why),
        };
        Ok(answer.map(|answer| (true, Answered { key, given: given(answer) })))
    }

    /// Tells the stage that there are no figures: that they are asked for again, or that they will not be.
    async fn not_given(
        &self,
        row: &job::Model,
        run: &RunKey,
        stage: &str,
        analyzer: &str,
        error: AnalyzeError,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let stage = stage.to_owned();
        let why = format!("[analyzer.{analyzer}] не дал показателей: {error}");
        let is_final = matches!(error, AnalyzeError::Refused(_)) || row.attempts + 1 >= MOST_TRIES;
        if is_final {
            let reason = format!("{why}. Исправьте (vekha plugin check, logs) и повторите этап");
            let failed = Ask::Step(Command::StageFailed { stage, reason });
            let task = Task::new(run.clone(), failed, "vekha").settling(&row.key);
            return settled(self.committer.ask(task).await);
        }
        let again = next_try(row.attempts, now);
        let reason = format!("{why}. Спросим ещё раз сами");
        let put_off = Ask::Step(Command::StagePutOff { stage, reason });
        settled(self.committer.ask(Task::new(run.clone(), put_off, "vekha")).await)?;
        self.store.postpone_job(&row.key, again, &why).await
    }
}

fn next_try(attempts: i32, now: Timestamp) -> Timestamp {
    now + SignedDuration::from_mins(1 << attempts.clamp(0, 6))
}
