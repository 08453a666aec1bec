//! Which data a stage's work looks at, and the work itself: the same for the daemon, which loads
//! the data from its store, and for the simulation, which has it in memory.

use std::collections::{BTreeMap, BTreeSet};

use vekha_analysis::{self as analysis, Dataset, Inputs, Outcome, Values};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{self, Activity, Analysis, Analyze, Every, Known, PeriodOf, Work};

use crate::command::Command;
use crate::key::{AssignmentKey, RunKey};
use crate::known::known_of;
use crate::run::{AssignmentKind, AssignmentState, Run, Stage};

/// What one run has to offer to others.
#[derive(Debug, Clone, Default)]
pub struct RunData {
    /// The newest accepted answers: organisation code -> answers, later collect stages over
    /// earlier ones.
    pub answers: BTreeMap<String, Values>,
    /// What was answered before it was asked once more, of those who answered again: by their code.
    pub replaced: BTreeMap<String, Values>,
    /// Who was asked and gave no answer that holds: codes.
    pub silent: BTreeSet<String>,
    /// Finished analyses by stage id, in the order of the stages.
    pub analyses: Vec<(String, Outcome)>,
    /// What the department has changed has been carried into the answers ([`crate::follow`]).
    pub followed: bool,
}

/// What of a run's data is looked at; the rest need not be loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its answers.
    pub answers: bool,
    /// The indicators of its analyses.
    pub indicators: bool,
    /// The findings of its analyses.
    pub findings: bool,
}

impl Wanted {
    /// Both what was wanted and what is wanted besides.
    pub fn add(&mut self, more: Wanted) {
        self.answers |= more.answers;
        self.indicators |= more.indicators;
        self.findings |= more.findings;
    }
}

/// The runs whose [`RunData`] the work of `stage` needs, and what of it; they need not exist.
pub fn sources(
    road_map: &RoadMap,
    activity: &Activity,
    stage: &str,
    key: &RunKey,
) -> BTreeMap<RunKey, Wanted> {
    let mut all: BTreeMap<RunKey, Wanted> = BTreeMap::new();
    match activity.stage(stage).map(|(_, s)| &s.work) {
        Some(Work::Analyze(analyze)) => {
            let before = earlier(activity, key);
            let definition = road_map.analyses.get(&analyze.analysis);
            let looks_back = definition.is_some_and(Analysis::looks_at_earlier_rows);
            for source in &analyze.from {
                for key in [key].into_iter().chain(looks_back.then_some(&before)) {
                    let key = of_activity(key, source.activity.as_deref());
                    let wanted = all.entry(key).or_default();
                    wanted.answers = true;
                    // Under a name, indicators stand beside the answers.
                    wanted.indicators |= source.alias.is_some();
                }
            }
            all.entry(before).or_default().indicators = true;
            if definition.is_some_and(|analysis| analysis.department.is_some()) {
                all.entry(key.clone()).or_default().answers = true;
            }
        }
        Some(Work::Collect(collect)) => {
            for (known, _) in known_of(activity, stage, collect) {
                let wanted = all.entry(known_run(activity, key, known)).or_default();
                wanted.add(Wanted { answers: true, indicators: true, findings: false });
            }
            if collect.again.is_some() {
                all.entry(key.clone()).or_default().answers = true;
            }
        }
        Some(Work::Recommend(recommend)) => {
            all.entry(of_activity(key, recommend.findings.as_deref())).or_default().findings = true;
        }
        _ => {}
    }
    all
}

/// Whether there is nothing to publish yet: all whom the run has asked are silent, and it will publish
/// once more.
pub fn nothing_to_publish(activity: &Activity, run: &Run, stage: &str) -> bool {
    let Some((position, _)) = activity.stage(stage) else { return false };
    let publishes = |stage: &model::Stage| matches!(stage.work, Work::Publish(_));
    let mut collects = run.assignments.iter().filter(|(_, a)| a.kind == AssignmentKind::Collect);
    activity.stages[position + 1..].iter().any(publishes)
        && run.assignments.iter().any(|(_, a)| a.kind == AssignmentKind::Collect)
        && collects.all(|(_, a)| a.state != AssignmentState::Answered)
}

/// The assignments in which the department has answered what the form of a stage looks at, the latest
/// first.
pub fn of_department(road_map: &RoadMap, activity: &Activity, stage: &str) -> Vec<AssignmentKey> {
    let looked_at = road_map.form_of(&activity.id, stage).and_then(|form| form.department.as_ref());
    let Some(form) = looked_at else { return vec![] };
    let department = &road_map.department().code;
    let stages = activity.of_department(stage, form);
    stages.map(|stage| AssignmentKey::new(&stage.id, department)).collect()
}

/// The run of the period to which figures are compared: a rotation comes round after its cycle.
pub fn earlier(activity: &Activity, key: &RunKey) -> RunKey {
    let periods = match activity.schedule.every {
        Every::Rotation { years, .. } => years,
        _ => 1,
    };
    (0..periods).fold(key.clone(), |key, _| key.earlier())
}

/// The run that has asked what a form shows to be confirmed.
pub(crate) fn known_run(activity: &Activity, key: &RunKey, known: &Known) -> RunKey {
    let key = match known.period {
        PeriodOf::Current => key.clone(),
        PeriodOf::Previous => earlier(activity, key),
    };
    of_activity(&key, Some(&known.activity))
}

fn of_activity(key: &RunKey, activity: Option<&str>) -> RunKey {
    match activity {
        Some(activity) if activity != key.activity => {
            RunKey { activity: activity.to_owned(), part: None, ..key.clone() }
        }
        _ => key.clone(),
    }
}

/// Computes the analysis of `stage` and says it as a command to the run.
pub fn analyze(
    road_map: &RoadMap,
    key: &RunKey,
    stage: &str,
    data: &BTreeMap<RunKey, RunData>,
) -> Command {
    match looked_at(road_map, key, stage, data) {
        Ok(LookedAt { definition, inputs, .. }) => {
            let outcome = analysis::analyze(definition, &inputs);
            Command::Analyzed { stage: stage.to_owned(), outcome }
        }
        Err(reason) => Command::StageFailed { stage: stage.to_owned(), reason: reason.to_owned() },
    }
}

/// What the analysis of a stage looks at.
#[derive(Debug)]
pub struct LookedAt<'d> {
    /// What the stage says.
    pub stage: &'d Analyze,
    /// How it is computed.
    pub definition: &'d Analysis,
    /// The data.
    pub inputs: Inputs<'d>,
}

/// Gathers what the analysis of `stage` looks at.
///
/// # Errors
/// Why there is nothing to look at, in Russian.
pub fn looked_at<'d>(
    road_map: &'d RoadMap,
    key: &RunKey,
    stage: &str,
    data: &'d BTreeMap<RunKey, RunData>,
) -> Result<LookedAt<'d>, &'static str> {
    let activity = road_map.activity(&key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Analyze(analyze)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err("это не этап анализа");
    };
    let definition =
        road_map.analyses.get(&analyze.analysis).ok_or("анализа нет в дорожной карте")?;
    let mut inputs = Inputs { names: road_map.names(), ..Inputs::default() };
    if let Some(form) = &definition.department
        && activity.of_department(stage, form).next().is_some()
    {
        let own = data.get(key);
        let said = own.and_then(|run| run.answers.get(&road_map.department().code));
        inputs.department = said.cloned().unwrap_or_default();
    }
    for source in &analyze.from {
        let run = data.get(&of_activity(key, source.activity.as_deref()));
        inputs.silent.extend(run.into_iter().flat_map(|run| run.silent.iter().cloned()));
        match &source.alias {
            None => inputs.own = run.map(answered).unwrap_or_default(),
            Some(alias) => {
                inputs.named.insert(alias.clone(), run.map(side_by_side).unwrap_or_default());
            }
        }
    }
    let before = earlier(activity, key);
    if let Some(run) = data.get(&before) {
        let same = |id: &str| activity.first_of(id) == activity.first_of(stage);
        let same_stage = run.analyses.iter().find(|(id, _)| same(id));
        inputs.earlier = same_stage.map(|(_, outcome)| outcome.as_earlier()).unwrap_or_default();
    }
    if definition.looks_at_earlier_rows() {
        for source in &analyze.from {
            let run = data.get(&of_activity(&before, source.activity.as_deref()));
            match &source.alias {
                None => inputs.own_before = run.map(answered).unwrap_or_default(),
                Some(alias) => {
                    let rows = run.map(side_by_side).unwrap_or_default();
                    inputs.named_before.insert(alias.clone(), rows);
                }
            }
        }
    }
    let counts = |code: &String| analyze.looks_at(road_map.organisation(code).map(|one| one.kind));
    inputs.silent.retain(counts);
    let own = [&mut inputs.own, &mut inputs.own_before];
    let named = inputs.named.values_mut().chain(inputs.named_before.values_mut());
    own.into_iter().chain(named).for_each(|rows| rows.retain(|code, _| counts(code)));
    Ok(LookedAt { stage: analyze, definition, inputs })
}

/// A run's answers, by organisation.
fn answered(run: &RunData) -> Dataset<'_> {
    run.answers.iter().map(|(code, answers)| (code.clone(), answers.into())).collect()
}

/// Answers and indicators of a run in one namespace, by organisation.
fn side_by_side(run: &RunData) -> Dataset<'_> {
    let mut rows = answered(run);
    for (_, outcome) in &run.analyses {
        for (code, indicator, value) in outcome.values() {
            let row = rows.entry(code.to_owned()).or_default();
            row.figures.insert(indicator.to_owned(), value.into());
        }
    }
    rows
}

/// Drafts the recommendations of `stage` and says them as a command to the run.
pub fn draft(
    road_map: &RoadMap,
    key: &RunKey,
    stage: &str,
    data: &BTreeMap<RunKey, RunData>,
) -> Command {
    let findings =
        road_map.activity(&key.activity).and_then(|a| a.stage(stage)).and_then(|(_, s)| {
            match &s.work {
                Work::Recommend(recommend) => Some(recommend.findings.as_deref()),
                _ => None,
            }
        });
    let Some(findings) = findings else {
        return Command::StageFailed {
            stage: stage.to_owned(),
            reason: "это не этап рекомендаций".into(),
        };
    };
    let mut all = Outcome::default();
    if let Some(run) = data.get(&of_activity(key, findings)) {
        for (_, outcome) in &run.analyses {
            all.findings.extend(outcome.findings.iter().cloned());
        }
    }
    Command::Drafted { stage: stage.to_owned(), recommendations: analysis::recommendations(&all) }
}

/// Gathers a run's data from the run and a way to its newest answers and analyses. Where a stage asked
/// once more, its answers take the place of those that they correct; who said nothing more stands by
/// the first. Of an analysis that was made anew the newest counts.
pub fn gather(
    run: &Run,
    mut answers: impl FnMut(&AssignmentKey) -> Option<Values>,
    mut outcome: impl FnMut(&str) -> Option<Outcome>,
) -> RunData {
    let mut data = RunData::default();
    let mut said: Vec<Said> = Vec::new();
    for stage in &run.stages {
        let before = corrected(run, stage);
        let mut own = Said { stage: &stage.id, ..Said::default() };
        for (key, assignment) in run.assignments.of_stage(&stage.id) {
            if assignment.kind != AssignmentKind::Collect {
                continue;
            }
            let code = &key.organisation;
            match assignment.state {
                AssignmentState::Answered => {
                    if let Some(values) = answers(key) {
                        for earlier in said.iter_mut().filter(|s| before.contains(&s.stage)) {
                            if let Some(before) = earlier.answers.remove(code) {
                                data.replaced.entry(code.clone()).or_default().extend(before);
                            }
                            earlier.silent.remove(code);
                        }
                        own.answers.insert(code.clone(), values);
                    }
                }
                // An answer that was returned and never corrected is no answer.
                AssignmentState::Open | AssignmentState::Returned | AssignmentState::Missing => {
                    let stands = |s: &Said| s.answers.contains_key(code);
                    if !said.iter().filter(|s| before.contains(&s.stage)).any(stands) {
                        own.silent.insert(code.clone());
                    }
                }
                AssignmentState::Waived => {}
            }
        }
        said.push(own);
        if let Some(outcome) = outcome(&stage.id) {
            data.analyses.retain(|(id, _)| !before.contains(&id.as_str()));
            data.analyses.push((stage.id.clone(), outcome));
        }
    }
    for stage in said {
        for (code, values) in stage.answers {
            data.answers.entry(code).or_default().extend(values);
        }
        data.silent.extend(stage.silent);
    }
    data
}

/// What was said in one stage.
#[derive(Default)]
struct Said<'r> {
    stage: &'r str,
    answers: BTreeMap<String, Values>,
    silent: BTreeSet<String>,
}

/// The stages whose answers those of a stage take the place of: the one that it asks again, the one
/// that this asked again, and so on.
fn corrected<'r>(run: &'r Run, stage: &'r Stage) -> Vec<&'r str> {
    let of = |id: &str| run.stages.iter().find(|s| s.id == id).and_then(|s| s.again.as_deref());
    std::iter::successors(stage.again.as_deref(), |id| of(id)).take(run.stages.len()).collect()
}
