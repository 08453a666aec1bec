//! A municipality in memory under a simulated clock: runs, jobs and letters, and people who react.
//!
//! It does what the daemon does, without a database: previews are computed with it, and the
//! engine's properties are tested in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vekha_analysis::Outcome as AnalysisOutcome;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Every;
use vekha_roadmap::schedule::{next_opening, openings};

use crate::command::{Command, Why};
use crate::data::{self, RunData};
use crate::entry::Entry;
use crate::follow::follow;
use crate::key::{AssignmentKey, RunKey};
use crate::outcome::{Job, Letter, Outcome, Submission};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::step::{Context, Summary, open, references, step};
use crate::wakes::Wakes;

/// People and systems around the municipality.
pub trait People {
    /// Called after each step of a run: what they will do about it, and when.
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan>;

    /// What an analysis yields; by default it is computed from the answers.
    fn analyze(&mut self, world: &World<'_>, run: &RunKey, stage: &str) -> Command {
        world.analyze(run, stage)
    }
}

/// What somebody will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// When.
    pub at: Timestamp,
    /// To which run.
    pub run: RunKey,
    /// What.
    pub command: Command,
    /// Who.
    pub actor: String,
}

/// A municipality in memory.
#[derive(Debug)]
pub struct World<'a> {
    road_map: &'a RoadMap,
    now: Timestamp,
    /// Every run so far.
    pub runs: BTreeMap<RunKey, Run>,
    /// Every letter so far, in the order of their causes.
    pub letters: Vec<Letter>,
    /// Every journal entry so far.
    pub journal: Vec<(RunKey, Entry)>,
    submissions: BTreeMap<(RunKey, AssignmentKey), Submission>,
    analyses: BTreeMap<(RunKey, String), AnalysisOutcome>,
    wakes: Wakes,
    openings: BTreeMap<String, Timestamp>,
    plans: BTreeMap<(Timestamp, u64), Plan>,
    planned: u64,
    /// Whether letters, journal and answers are kept.
    keeps: bool,
}

impl<'a> World<'a> {
    /// An empty municipality at `now`.
    pub fn new(road_map: &'a RoadMap, now: Timestamp) -> Self {
        let openings = road_map
            .activities
            .iter()
            .filter_map(|a| Some((a.id.clone(), next_opening(road_map, a, now)?)))
            .collect();
        World {
            road_map,
            now,
            runs: BTreeMap::new(),
            letters: Vec::new(),
            journal: Vec::new(),
            submissions: BTreeMap::new(),
            analyses: BTreeMap::new(),
            wakes: Wakes::default(),
            openings,
            plans: BTreeMap::new(),
            planned: 0,
            keeps: true,
        }
    }

    /// The same, but letters, journal and answers pass by: whoever wants them takes them in
    /// [`People::react`]. A municipality of a thousand organisations writes many.
    pub fn passing(road_map: &'a RoadMap, now: Timestamp) -> Self {
        World { keeps: false, ..World::new(road_map, now) }
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The definitions.
    pub fn road_map(&self) -> &'a RoadMap {
        self.road_map
    }

    /// Lives on until `until`, in the order of what is due.
    pub fn live(&mut self, until: Timestamp, people: &mut impl People) {
        while let Some(at) = self.next_event().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.open_due(people);
            for key in self.wakes.take_due(self.now) {
                // A wake is never refused; an unknown run cannot have one.
                self.command(&key, Command::Wake, "vekha", people).ok();
            }
            while let Some(entry) = self.plans.first_entry().filter(|e| e.key().0 <= self.now) {
                let plan = entry.remove();
                // People are late or mistaken at times; a refusal is theirs to see.
                self.command(&plan.run, plan.command, &plan.actor, people).ok();
            }
        }
        self.now = self.now.max(until);
    }

    fn next_event(&self) -> Option<Timestamp> {
        let openings = self.openings.values().min().copied();
        let plans = self.plans.first_key_value().map(|((at, _), _)| *at);
        [openings, self.wakes.next(), plans].into_iter().flatten().min()
    }

    fn open_due(&mut self, people: &mut impl People) {
        let road_map = self.road_map;
        for activity in &road_map.activities {
            let Some(at) = self.openings.get(&activity.id).copied().filter(|at| *at <= self.now)
            else {
                continue;
            };
            let just_before = at - jiff::SignedDuration::from_nanos(1);
            for opening in openings(road_map, activity, just_before, self.now) {
                let key = RunKey {
                    municipality: road_map.municipality.id.clone(),
                    activity: activity.id.clone(),
                    period: opening.period,
                    part: opening.part,
                };
                let why = Why::by_schedule(&activity.schedule);
                self.open(key, vec![], why, "schedule", people).ok();
            }
            match next_opening(road_map, activity, self.now) {
                Some(next) => self.openings.insert(activity.id.clone(), next),
                None => self.openings.remove(&activity.id),
            };
        }
    }

    /// Opens a run now.
    ///
    /// # Errors
    /// As [`open`]; also when the run exists.
    pub fn open(
        &mut self,
        key: RunKey,
        named: Vec<String>,
        why: Why,
        actor: &str,
        people: &mut impl People,
    ) -> Result<(), Refusal> {
        if self.runs.contains_key(&key) {
            return Err(Refusal::State(format!("выполнение {key} уже есть")));
        }
        let others = self.others(&key);
        let context = Context { others: &others, ..Context::new(self.road_map, 1) };
        let (run, outcome) = open(&context, key.clone(), named, why, actor, self.now)?;
        self.runs.insert(key.clone(), run);
        self.apply(&key, outcome, people);
        Ok(())
    }

    /// Carries out a command now.
    ///
    /// # Errors
    /// As [`step`].
    pub fn command(
        &mut self,
        key: &RunKey,
        command: Command,
        actor: &str,
        people: &mut impl People,
    ) -> Result<(), Refusal> {
        let others = self.others(key);
        let context = Context { others: &others, ..Context::new(self.road_map, 1) };
        let Some(run) = self.runs.get_mut(key) else {
            return Err(Refusal::NotFound(format!("выполнение {key}")));
        };
        // A refused step leaves the run as it was.
        let outcome = step(&context, run, command, actor, self.now)?;
        self.apply(key, outcome, people);
        Ok(())
    }

    fn others(&self, key: &RunKey) -> BTreeMap<RunKey, Summary> {
        let Some(activity) = self.road_map.activity(&key.activity) else {
            return BTreeMap::new();
        };
        references(activity, key)
            .into_iter()
            .filter_map(|k| self.runs.get(&k).map(|run| (k, Summary::from(run))))
            .collect()
    }

    /// Takes in a step and does, at once, the work that follows from it.
    fn apply(&mut self, key: &RunKey, mut outcome: Outcome, people: &mut impl People) {
        for plan in people.react(self, &self.runs[key], &outcome) {
            self.planned += 1;
            self.plans.insert((plan.at.max(self.now), self.planned), plan);
        }
        if self.keeps {
            self.keep(key, &mut outcome);
        }
        for (stage, analysis) in outcome.analyses {
            self.analyses.insert((key.clone(), stage), analysis);
        }
        self.wakes.set(key, outcome.wake_at);
        for job in outcome.jobs {
            self.work(job, people);
        }
    }

    fn keep(&mut self, key: &RunKey, outcome: &mut Outcome) {
        self.journal.extend(outcome.entries.drain(..).map(|e| (key.clone(), e)));
        self.letters.append(&mut outcome.letters);
        for submission in std::mem::take(&mut outcome.submissions) {
            self.submissions.insert((key.clone(), submission.assignment.clone()), submission);
        }
    }

    fn work(&mut self, job: Job, people: &mut impl People) {
        let (run, command) = match job {
            Job::Upstream { run } if self.runs.contains_key(&run) => {
                (run, Command::UpstreamChanged)
            }
            Job::Upstream { run } => {
                let alone = self
                    .road_map
                    .activity(&run.activity)
                    .is_some_and(|a| a.schedule.every == Every::AfterOnly);
                if alone {
                    self.open(run, vec![], Why::Upstream, "schedule", people).ok();
                }
                return;
            }
            // What other systems know is not known here.
            Job::Fetch { .. } => return,
            Job::TellRefused { run, letter, organisation, reason } => {
                (run, Command::LetterRefused { letter, organisation, reason })
            }
            // No plugin is asked here: what one would give is not known.
            Job::Analyze { run, stage } | Job::Consult { run, stage } => {
                let command = people.analyze(self, &run, &stage);
                (run, command)
            }
            Job::Draft { run, stage } => {
                let command = data::draft(self.road_map, &run, &stage, &self.data(&run, &stage));
                (run, command)
            }
            Job::Publish { run, stage } => {
                (run, Command::Published { stage, location: "report.html".into() })
            }
        };
        self.command(&run, command, "vekha", people).ok();
    }

    /// Computes an analysis from the answers given so far.
    pub fn analyze(&self, run: &RunKey, stage: &str) -> Command {
        data::analyze(self.road_map, run, stage, &self.data(run, stage))
    }

    fn data(&self, key: &RunKey, stage: &str) -> BTreeMap<RunKey, RunData> {
        let Some(activity) = self.road_map.activity(&key.activity) else {
            return BTreeMap::new();
        };
        let mut data: BTreeMap<RunKey, RunData> =
            data::sources(self.road_map, activity, stage, key)
                .into_keys()
                .filter_map(|source| {
                    let run = self.runs.get(&source)?;
                    let data = data::gather(
                        run,
                        |assignment| {
                            let name = (source.clone(), assignment.clone());
                            self.submissions.get(&name).map(|s| s.answers.clone())
                        },
                        |stage| self.analyses.get(&(source.clone(), stage.to_owned())).cloned(),
                    );
                    Some((source, data))
                })
                .collect();
        follow(self.road_map, key, &mut data);
        data
    }

    /// Keys of all letters, which must be unique.
    pub fn letter_keys(&self) -> BTreeSet<&str> {
        self.letters.iter().map(|l| l.key.as_str()).collect()
    }
}
