//! Other systems' exports: one file of the whole municipality fills the drafts of its schools. First it
//! is shown what was understood; what somebody has written or sent himself stays as it is.
//!
//! Between the look and the word the figures wait in memory, in none but a few places: the files are let
//! go as soon as they are read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use vekha_engine::known::KNOWN;
use vekha_engine::run::{AssignmentState, Run};
use vekha_engine::{AssignmentKey, Command, RunKey};
use vekha_layouts::Understood;
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Activity, Layout, Work};

use crate::forms::exports::{Export, laid_over, layouts_of, understand, years};
use crate::port::work;
use crate::runtime::acts::open::Event;
use crate::runtime::committer::Caller;
use crate::runtime::road_maps::Version;
use crate::runtime::{Ask, AskError, Runtime};
use crate::store::{StoreError, document};

/// How a draft says that it came from an export, to whoever finds it in his form.
pub const SOURCE: &str = "выгрузка, загруженная отделом";

/// Most looks that wait for a word at a time.
const WAITING: usize = 8;

/// How long they wait.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What was understood of files for a stage of a run.
#[derive(Debug)]
pub struct Look {
    /// The run.
    pub run: RunKey,
    /// The stage whose forms would be filled.
    pub stage: String,
    /// What the files say.
    pub understood: Understood,
    /// What would become of each organisation that the files speak of, by code.
    pub fates: BTreeMap<String, Fate>,
}

/// What becomes of an organisation's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is filled.
    Filled,
    /// It was not asked.
    NotAsked,
    /// It has answered, or nothing is wanted of it any more.
    Answered,
    /// Somebody there has begun to write.
    Writing,
    /// Another source has filled it.
    FilledByAnother,
    /// What is kept in it cannot be read, so nobody knows whether it may be written over.
    Unread,
}

impl Fate {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Filled => "черновик будет заполнен",
            Fate::NotAsked => "в этом сборе не спрошена: не заполняется",
            Fate::Answered => "уже ответила или ответа не ждут: не тронуто",
            Fate::Writing => "уже пишет сама: не тронуто",
            Fate::FilledByAnother => "форму заполнил другой источник: не тронуто",
            Fate::Unread => "сохранённое в форме не читается: не тронуто",
        }
    }
}

/// Looks that wait for a word, the oldest first.
#[derive(Debug, Default)]
pub struct Looks(Mutex<VecDeque<(String, Timestamp, Arc<Look>)>>);

impl Looks {
    fn keep(&self, look: Look, now: Timestamp) -> (String, Arc<Look>) {
        let (name, look) = (uuid::Uuid::now_v7().to_string(), Arc::new(look));
        self.put(name.clone(), look.clone(), now);
        (name, look)
    }

    fn put(&self, name: String, look: Arc<Look>, now: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, at, _)| now.duration_since(*at) < PATIENCE);
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back((name, now, look));
    }

    fn hold(&self, name: &str, run: &RunKey, now: Timestamp) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is = |(known, at, look): &(String, Timestamp, Arc<Look>)| {
            known == name && look.run == *run && now.duration_since(*at) < PATIENCE
        };
        waiting.iter().any(is)
    }

    fn take(&self, name: &str, now: Timestamp) -> Option<Arc<Look>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|(known, _, _)| known == name)?;
        let (_, at, look) = waiting.remove(at)?;
        (now.duration_since(at) < PATIENCE).then_some(look)
    }
}

/// The stages of a run whose forms an export may fill now, and the layouts that do.
pub fn fillable<'m>(
    newest: &'m Version,
    own: &Version,
    run: &Run,
) -> Vec<(String, Vec<&'m Layout>)> {
    let activity = own.road_map.activity(&run.key.activity);
    let stages = activity.into_iter().flat_map(|activity| &activity.stages);
    let open = |stage: &str| {
        let waits = |(key, a): (&AssignmentKey, &vekha_engine::run::Assignment)| {
            key.stage == stage && a.state == AssignmentState::Open
        };
        !run.state.ended() && run.assignments.iter().any(waits)
    };
    let fillable = stages.filter_map(|stage| {
        let Work::Collect(collect) = &stage.work else { return None };
        let form = own.road_map.forms.get(&collect.form)?;
        let layouts = layouts_of(&newest.road_map, form);
        (open(&stage.id) && !layouts.is_empty()).then(|| (stage.id.clone(), layouts))
    });
    fillable.collect()
}

/// A run that is not there yet and that an export opens.
#[derive(Debug)]
pub struct Opens {
    /// The run.
    pub run: RunKey,
    /// Its stage whose forms the export fills.
    pub stage: String,
    /// The event that the export means.
    pub event: String,
}

/// Which run of an activity an export opens that comes now: the activity waits for an event, and what
/// it asks first can be filled from an export. Whether the run exists already is not looked at.
pub fn opens(version: &Version, activity: &Activity, now: Timestamp) -> Option<Opens> {
    let map = &version.road_map;
    let event = activity.schedule.opens_on_event.clone()?;
    let (stage, form) = activity.stages.iter().find_map(|stage| match &stage.work {
        Work::Collect(collect) => Some((stage.id.clone(), map.forms.get(&collect.form)?)),
        _ => None,
    })?;
    if layouts_of(map, form).is_empty() {
        return None;
    }
    let run = RunKey {
        municipality: map.municipality.id.clone(),
        activity: activity.id.clone(),
        period: activity.schedule.period_near(map.municipality.today(now))?,
        part: None,
    };
    Some(Opens { run, stage, event })
}

/// What files say for a stage of a run, by the form that the run's version asks and today's layouts and
/// organisations; none if the stage asks nothing.
async fn read(
    run: &RunKey,
    own: &Version,
    stage: &str,
    newest: Arc<Version>,
    files: Vec<Export>,
) -> Result<Option<Understood>, StoreError> {
    let Some(form) = own.road_map.form_of(&run.activity, stage).cloned() else { return Ok(None) };
    let years = years(run.period);
    // Off the threads that serve: a file may be large.
    let read = work::over(usize::MAX, move || {
        understand(&newest.road_map, &form, None, Some(&years), &files)
    });
    Ok(Some(read.await.map_err(StoreError::away)?))
}

impl Runtime {
    /// Reads files for a run that they would open, and keeps what they say until the word to open it;
    /// nothing if they speak of no organisation here.
    ///
    /// # Errors
    /// When they could not be read to the end.
    pub async fn look_ahead(
        &self,
        awaited: &Opens,
        version: &Arc<Version>,
        files: Vec<Export>,
    ) -> Result<Option<(String, Arc<Look>)>, StoreError> {
        let read = read(&awaited.run, version, &awaited.stage, version.clone(), files).await?;
        let Some(understood) = read.filter(|read| !read.organisations.is_empty()) else {
            return Ok(None);
        };
        // Nobody was asked yet: nobody has written anything.
        let fates = understood.organisations.keys().map(|code| (code.clone(), Fate::Filled));
        let (run, stage) = (awaited.run.clone(), awaited.stage.clone());
        let look = Look { run, stage, fates: fates.collect(), understood };
        Ok(Some(self.looks.keep(look, self.clock.now())))
    }

    /// Whether what was understood of files for a run still waits for a word.
    pub fn look_waits(&self, name: &str, run: &RunKey) -> bool {
        self.looks.hold(name, run, self.clock.now())
    }

    /// Opens the run that an export was waited for.
    ///
    /// # Errors
    /// Why it was not opened.
    pub async fn open_by_exports(&self, awaited: &Opens, by: Caller) -> Result<(), AskError> {
        let event = Event {
            municipality: awaited.run.municipality.clone(),
            event: awaited.event.clone(),
            label: String::new(),
            organisations: vec![],
        };
        self.publish_event(event, by).await.map(drop)
    }

    /// Reads files for a stage of a run, and keeps what they say until the word to take it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn look_at_exports(
        &self,
        run: &Run,
        version: &Arc<Version>,
        stage: &str,
        files: Vec<Export>,
    ) -> Result<Option<(String, Arc<Look>)>, StoreError> {
        let Some(newest) = self.road_maps().newest(&run.key.municipality) else { return Ok(None) };
        let read = read(&run.key, version, stage, newest, files).await?;
        let Some(understood) = read else { return Ok(None) };
        let mut fates = BTreeMap::new();
        for code in understood.organisations.keys() {
            fates.insert(code.clone(), self.fate(run, stage, code).await?);
        }
        let look = Look { run: run.key.clone(), stage: stage.to_owned(), understood, fates };
        Ok(Some(self.looks.keep(look, self.clock.now())))
    }

    /// What would become of an organisation's form as it stands.
    async fn fate(&self, run: &Run, stage: &str, code: &str) -> Result<Fate, StoreError> {
        let key = AssignmentKey::new(stage, code);
        Ok(match run.assignments.get(&key).map(|assignment| assignment.state) {
            None => Fate::NotAsked,
            Some(AssignmentState::Open) => {
                match self.store.draft(&format!("{}/{key}", run.key)).await? {
                    None => Fate::Filled,
                    Some(draft) if [SOURCE, KNOWN].contains(&draft.source.as_str()) => Fate::Filled,
                    Some(draft) if draft.source.is_empty() => Fate::Writing,
                    Some(_) => Fate::FilledByAnother,
                }
            }
            Some(_) => Fate::Answered,
        })
    }

    /// Fills the drafts of which a look told. Returns what became of each organisation's form, or
    /// nothing if the look is not there any more.
    ///
    /// # Errors
    /// Why they were not filled; those that were are, and the look is there to be taken again.
    pub async fn fill_from_exports(
        &self,
        name: &str,
        run: &Run,
        version: &Version,
        by: Caller,
    ) -> Result<Option<BTreeMap<String, Fate>>, AskError> {
        let now = self.clock.now();
        let Some(look) = self.looks.take(name, now).filter(|look| look.run == run.key) else {
            return Ok(None);
        };
        let filled = self.fill_drafts(&look, run, version, by).await;
        if filled.is_err() {
            self.looks.put(name.to_owned(), look, now);
        }
        filled
    }

    async fn fill_drafts(
        &self,
        look: &Look,
        run: &Run,
        version: &Version,
        by: Caller,
    ) -> Result<Option<BTreeMap<String, Fate>>, AskError> {
        let now = self.clock.now();
        let newest = self.road_maps().newest(&run.key.municipality);
        let form = version.road_map.form_of(&run.key.activity, &look.stage);
        let (Some(newest), Some(form)) = (newest, form) else { return Ok(None) };
        let layouts = layouts_of(&newest.road_map, form);
        let (mut fates, mut filled) = (BTreeMap::new(), Vec::new());
        for (code, read) in &look.understood.organisations {
            let mut fate = self.fate(run, &look.stage, code).await?;
            if fate == Fate::Filled {
                let id = format!("{}/{}", run.key, AssignmentKey::new(&look.stage, code));
                let standing = match self.store.draft(&id).await? {
                    Some(draft) => {
                        let read = document::<Values>(&draft.called(), &draft.answers);
                        self.store.readable(&draft.called(), read)?
                    }
                    None => Some(Values::new()),
                };
                let Some(standing) = standing else {
                    fates.insert(code.clone(), Fate::Unread);
                    continue;
                };
                let answers = laid_over(form, &layouts, standing, read.answers.clone());
                if self.store.prefill(&id, &answers, SOURCE, Some(KNOWN), now).await? {
                    filled.push(code.clone());
                } else {
                    // Somebody began to write just now.
                    fate = Fate::Writing;
                }
            }
            fates.insert(code.clone(), fate);
        }
        if !filled.is_empty() {
            let command = Command::Prefilled {
                stage: look.stage.clone(),
                source: SOURCE.to_owned(),
                organisations: filled,
            };
            self.act(run.key.clone(), Ask::Step(command), by).await?;
        }
        Ok(Some(fates))
    }
}
