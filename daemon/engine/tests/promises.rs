//! The engine's promises, in generated municipalities where people do at any time what they may
//! and what they may not.

#![allow(clippy::unwrap_used)]

mod alone;
mod limits;
mod names;
mod preview;
mod sources;
mod story;
mod town;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use alone::{Alone, values};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use town::{Plan as Town, walk};
use vekha_engine::journal::Head;
use vekha_engine::run::{
    AssignmentKind, AssignmentState, Decision, MeasureState, RecommendationState, Run, RunState,
    StageState,
};
use vekha_engine::world::{People, Plan, World};
use vekha_engine::{
    Answer, AssignmentKey, Command, CommandKind, Context, DecisionKind, Document, Entry, Happened,
    Job, LetterKind, NewAttachment, NewDocument, NewMeasure, Offer, Origin, Outcome, Refusal,
    RunKey, Summary, Why, offers, open, references, step, steps,
};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Overlap, Severity, Work};
use vekha_roadmap::period::Period;

fn town() -> impl Strategy<Value = Town> {
    let span = || {
        (prop_oneof![0..3u8, 3..15u8], any::<bool>())
            .prop_map(|(n, work)| format!("{n} {}days", if work { "working " } else { "" }))
    };
    let remind = prop_oneof![
        Just("on the day".to_owned()),
        span().prop_map(|span| format!("{span} before")),
        span().prop_map(|span| format!("{span} after")),
    ];
    let overlap = prop::sample::select(vec!["allow", "skip", "wait"]);
    (
        1..5usize,
        prop_oneof![3 => span(), 1 => Just("on 03-01".to_owned())],
        prop::collection::vec(remind, 0..4),
        (span(), span()),
        (any::<bool>(), any::<bool>(), prop::option::of(span())),
        (overlap, prop::option::of(prop::sample::select(vec!["02-01", "02-20", "04-05", "06-01"]))),
    )
        .prop_map(
            |(
                schools,
                due,
                remind,
                (escalate, close),
                (approve, acknowledge, review),
                (overlap, wave),
            )| {
                Town {
                    schools,
                    // The term of an acknowledgement is a span.
                    acknowledge: acknowledge && !due.starts_with("on"),
                    due,
                    remind,
                    escalate,
                    close,
                    review,
                    approve,
                    overlap: overlap.into(),
                    wave: wave.map(str::to_owned),
                }
            },
        )
}

/// Something that somebody does after a while: which, to what, and how well is drawn.
#[derive(Debug, Clone)]
struct Act {
    after: SignedDuration,
    run: Index,
    what: CommandKind,
    thing: Index,
    right: bool,
    text: String,
    fails: bool,
}

fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let hours = prop_oneof![6 => 0..4i64, 4 => 0..60i64, 1 => 0..2000i64];
    let texts = ["причина", "исполнено", "47-од", "47-од", " ", ""].map(str::to_owned).to_vec();
    let texts = prop_oneof![9 => prop::sample::select(texts), 1 => Just("я".repeat(11_000))];
    // A command that has no way to be made below does not compile.
    let what = prop_oneof![
        4 => Just(CommandKind::Submit),
        2 => Just(CommandKind::Approve),
        1 => Just(CommandKind::RecordDecision),
        1 => Just(CommandKind::AcceptMeasure),
        1 => Just(CommandKind::ReturnMeasure),
        8 => prop::sample::select(<CommandKind as strum::VariantArray>::VARIANTS),
    ];
    let right = prop::bool::weighted(0.7);
    let fails = prop::bool::weighted(0.15);
    let act = (hours, any::<Index>(), what, any::<Index>(), right, texts, fails).prop_map(
        |(hours, run, what, thing, right, text, fails)| Act {
            after: SignedDuration::from_hours(hours),
            run,
            what,
            thing,
            right,
            text,
            fails,
        },
    );
    prop::collection::vec(act, 1..most)
}

impl Act {
    fn command(&self, run: &Run, today: Date) -> Command {
        let Act { thing, right, fails, .. } = self;
        let text = self.text.clone();
        let pick = |keys: Vec<&AssignmentKey>| match keys.len() {
            0 => AssignmentKey::new("collect", "school-1"),
            n => keys[thing.index(n)].clone(),
        };
        let open = |(_, a): &(&AssignmentKey, &vekha_engine::run::Assignment)| {
            !right || a.state.is_awaited()
        };
        let assignment = pick(run.assignments.iter().filter(open).map(|(key, _)| key).collect());
        let given = |(_, a): &(&AssignmentKey, &vekha_engine::run::Assignment)| {
            !right || a.state == AssignmentState::Answered
        };
        let answered = pick(run.assignments.iter().filter(given).map(|(key, _)| key).collect());
        let draft = |(_, r): &(&AssignmentKey, &vekha_engine::run::Recommendation)| {
            !right || r.state == RecommendationState::Draft
        };
        let recommendation =
            pick(run.recommendations.iter().filter(draft).map(|(key, _)| key).collect());
        let active = run.stages.iter().filter(|s| !right || s.state == StageState::Active);
        let mut stages: Vec<String> = active.map(|s| s.id.clone()).collect();
        if stages.is_empty() {
            stages.push("nowhere".into());
        }
        let stage = stages[thing.index(stages.len())].clone();
        let measure = thing.index(run.measures.len() + 1) + usize::from(*right);
        match self.what {
            CommandKind::Wake => Command::Wake,
            CommandKind::Submit => {
                let low = thing.index(60);
                let answers = match (right, text.as_str()) {
                    (true, _) => json!({ "pupils": 60, "low": low, "report": text }),
                    (_, "") => json!({}),
                    _ => json!({ "pupils": text, "lwo": 1 }),
                };
                let mut answers = values(answers);
                if assignment.stage.starts_with("collect") {
                    answers.remove("report");
                }
                Command::Submit { assignment, answers, origin: Origin::Page }
            }
            CommandKind::Waive => Command::Waive { assignment, reason: text },
            CommandKind::Extend => {
                let due = today.saturating_add((thing.index(40) as i32 - 5).days());
                Command::Extend { assignment, due, reason: text }
            }
            CommandKind::UpstreamChanged => Command::UpstreamChanged,
            CommandKind::AnswerQuestion => {
                Command::AnswerQuestion(if *right { Answer::Proceed } else { Answer::Skip })
            }
            CommandKind::Analyzed => Command::Analyzed { stage, outcome: Default::default() },
            CommandKind::Drafted => Command::Drafted { stage, recommendations: vec![] },
            CommandKind::Revise => Command::Revise { recommendation, texts: vec![text] },
            CommandKind::Approve if *fails => {
                Command::Approve { stage, organisations: vec![], outgoing: String::new() }
            }
            CommandKind::Approve => {
                let code = recommendation.organisation;
                Command::Approve {
                    outgoing: String::new(),
                    stage: recommendation.stage,
                    organisations: vec![code.clone(), code],
                }
            }
            CommandKind::RecordDecision => Command::RecordDecision {
                stage,
                document: NewDocument {
                    document: Document {
                        number: text.clone(),
                        date: today.saturating_add((thing.index(4) as i32 - 2).days()),
                        title: if *right { String::new() } else { text.clone() },
                        outcome: "решено".into(),
                        text: if *right { text.clone() } else { String::new() },
                        signatory: "Начальник".into(),
                    },
                    kind: Some(DecisionKind::Order),
                    ..NewDocument::default()
                },
                measures: thing.index(3).checked_sub(1).map(|n| {
                    let organisations = vec![format!("school-{n}"), "office".into()];
                    vec![NewMeasure { text, organisations, due: today.saturating_add(9.days()) }]
                }),
            },
            CommandKind::CorrectDecision => Command::CorrectDecision {
                decision: thing.index(3),
                document: NewDocument {
                    document: Document {
                        number: text.clone(),
                        date: today.saturating_add((thing.index(4) as i32 - 2).days()),
                        outcome: "решено иначе".into(),
                        signatory: "Начальник".into(),
                        ..Document::default()
                    },
                    kind: Some(DecisionKind::Minutes),
                    ..NewDocument::default()
                },
                measures: (0..thing.index(2))
                    .map(|_| NewMeasure {
                        text: text.clone(),
                        organisations: vec!["school-1".into()],
                        due: today.saturating_add(9.days()),
                    })
                    .collect(),
                withdraw: *right,
            },
            CommandKind::AttachToDecision => Command::AttachToDecision {
                decision: thing.index(3),
                files: vec![NewAttachment {
                    name: if *right { "скан.pdf".into() } else { text },
                    size: thing.index(3) as u64,
                    sha256: format!("{:064x}", thing.index(4)),
                }],
            },
            CommandKind::Discard => Command::Discard { recommendation, reason: text },
            CommandKind::AcceptMeasure => Command::AcceptMeasure { measure },
            CommandKind::ReturnMeasure => Command::ReturnMeasure {
                measure,
                comment: text,
                due: thing
                    .index(3)
                    .checked_sub(1)
                    .map(|n| today.saturating_add((n as i32 * 7 - 2).days())),
            },
            CommandKind::Published => Command::Published { stage, location: text },
            CommandKind::StagePutOff => Command::StagePutOff { stage, reason: text },
            CommandKind::StageFailed => Command::StageFailed { stage, reason: text },
            CommandKind::LetterRefused => Command::LetterRefused {
                letter: "x".into(),
                organisation: assignment.organisation,
                reason: text,
            },
            CommandKind::Retry => Command::Retry,
            CommandKind::Entrust => {
                let to = if *right { "Пётр Иванов".to_owned() } else { String::new() };
                Command::Entrust { to }
            }
            CommandKind::Remark => Command::Remark { text },
            CommandKind::ReturnAnswer => Command::ReturnAnswer {
                assignment: answered,
                comment: text,
                due: thing
                    .index(3)
                    .checked_sub(1)
                    .map(|n| today.saturating_add((n as i32 * 7 - 2).days())),
            },
            CommandKind::RequestExtension => {
                let due = today.saturating_add((thing.index(40) as i32).days());
                Command::RequestExtension { assignment, due, reason: text }
            }
            CommandKind::SendLink => {
                Command::SendLink { assignment: answered, renew: *right, reason: text }
            }
            CommandKind::DeclineExtension => Command::DeclineExtension { assignment, reason: text },
            CommandKind::AcceptAnswers => Command::AcceptAnswers { stage },
            CommandKind::Cancel if thing.index(3) == 0 => Command::Cancel { reason: text },
            CommandKind::Skip if thing.index(3) == 0 => Command::Skip { reason: text },
            CommandKind::Prefilled => Command::Prefilled {
                stage,
                source: "vpr".into(),
                organisations: vec!["school-1".into()],
            },
            CommandKind::SourceNoted => {
                Command::SourceNoted { stage, source: "vpr".into(), notes: vec![text] }
            }
            CommandKind::SourceFailed => {
                Command::SourceFailed { stage, source: "vpr".into(), reason: text }
            }
            CommandKind::Cancel | CommandKind::Skip => Command::Wake,
        }
    }
}

/// Watches every step of every run, and lets some analyses fail.
#[derive(Default)]
struct Watch {
    before: BTreeMap<RunKey, Run>,
    next_analysis_fails: bool,
    steps: (Timestamp, usize),
}

impl People for Watch {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        if self.steps.0 != world.now() {
            self.steps = (world.now(), 0);
        }
        self.steps.1 += 1;
        assert!(self.steps.1 < 2000, "time stands still at {}", world.now());
        holds_together(run);
        walk::agrees(world.road_map(), run, outcome);
        let before = self.before.insert(run.key.clone(), run.clone());
        if let Some(before) = &before {
            walk::reminded_in_turn(world.road_map(), before, outcome, world.now());
        }
        // A measure is waived by a decision only together with a letter that says so.
        for letter in outcome.letters.iter().filter(|l| l.kind == LetterKind::MeasureWithdrawn) {
            let assignment = &run.assignments[letter.assignment.as_ref().unwrap()];
            assert_eq!(assignment.state, AssignmentState::Waived);
            assert!(assignment.reason.starts_with("мера снята решением № "));
        }
        for letter in outcome.letters.iter().filter(|l| l.kind == LetterKind::CalledOff) {
            let assignment = &run.assignments[letter.assignment.as_ref().unwrap()];
            assert!(!assignment.state.is_awaited(), "called off: {}", letter.key);
        }
        for letter in outcome.letters.iter().filter(|l| l.kind == LetterKind::Reminder) {
            let key = letter.assignment.as_ref().unwrap();
            assert!(run.assignments[key].state.is_awaited(), "reminded: {key}");
        }
        for entry in &outcome.entries {
            let read = Happened::read(&entry.kind, &entry.data).expect("an entry reads back");
            assert_eq!((read.name(), read.facts()), (&*entry.kind, entry.data.clone()));
        }
        for letter in &outcome.letters {
            let newest = letter.assignment.as_ref().map_or(0, |key| run.assignments[key].link);
            assert_eq!(letter.link, newest, "the link of {}", letter.key);
        }
        if let Some(before) = &before {
            let link =
                |run: &Run, key: &AssignmentKey| run.assignments.get(key).map_or(0, |a| a.link);
            let others = |key: &&AssignmentKey| link(run, key) != link(before, key);
            let replaced: BTreeSet<_> = run.assignments.keys().filter(others).cloned().collect();
            assert_eq!(outcome.links, replaced, "what is written is what was replaced");
        }
        if let Some(before) = before.filter(|b| b.state.ended()) {
            assert_eq!(run.state, before.state);
            assert_eq!(run.stages, before.stages, "an ended run moved");
            // What was decided stays as it was recorded, with all that was attached; all that can
            // follow is a correction, or one more file.
            let (kept, later) = run.decisions.split_at(before.decisions.len());
            for (kept, before) in kept.iter().zip(&before.decisions) {
                assert!(kept.attachments.starts_with(&before.attachments));
                let attachments = before.attachments.clone();
                assert_eq!(Decision { attachments, ..kept.clone() }, *before);
            }
            assert!(later.iter().all(|decision| decision.corrects.is_some()));
            assert!(outcome.jobs.is_empty());
            if run.state != RunState::Completed {
                for letter in &outcome.letters {
                    let about_measure = letter.key.contains("/measure-");
                    // A link is sent to whoever asks for it: it may be in the wrong hands.
                    let told = matches!(letter.kind, LetterKind::Failure | LetterKind::Link);
                    assert!(told || about_measure, "{letter:?} after the end");
                }
            }
        }
        started_in_turn(world, run, outcome);
        begun_on_its_day(world, run);
        vec![]
    }

    fn analyze(&mut self, world: &World<'_>, run: &RunKey, stage: &str) -> Command {
        if std::mem::take(&mut self.next_analysis_fails) {
            return Command::StageFailed { stage: stage.into(), reason: "не вышло".into() };
        }
        world.analyze(run, stage)
    }
}

/// What is true of every run after every step.
fn holds_together(run: &Run) {
    assert_eq!(run.state.ended(), run.ended_at.is_some());
    for stage in run.stages.iter().filter(|s| s.state == StageState::Completed) {
        for (key, assignment) in run.assignments.iter().filter(|(key, _)| key.stage == stage.id) {
            assert!(!assignment.state.is_awaited(), "{key} in a completed stage");
        }
        for (key, r) in run.recommendations.iter().filter(|(key, _)| key.stage == stage.id) {
            assert_ne!(r.state, RecommendationState::Draft, "{key} in a completed stage");
        }
    }
    for stage in run.stages.iter().filter(|s| s.state == StageState::Waiting) {
        assert!(stage.not_before.is_some() && stage.started_at.is_none(), "{stage:?}");
    }
    let failed = run.stages.iter().any(|s| s.state == StageState::Failed);
    match run.state {
        RunState::Failed => assert!(failed),
        RunState::Active => assert!(!failed),
        RunState::Completed => {
            assert!(run.stages.iter().all(|s| s.state == StageState::Completed));
        }
        RunState::Waiting | RunState::Question => {
            assert!(!run.waits_for.is_empty() && run.assignments.is_empty());
        }
        RunState::Cancelled | RunState::Skipped => {}
    }
    for (key, assignment) in &run.assignments {
        let awaited = assignment.state.is_awaited();
        assert!(awaited || assignment.request.is_none(), "{key}: time is asked for in vain");
        let outlives = matches!(assignment.kind, AssignmentKind::Measure(_));
        assert!(!awaited || outlives || !run.state.ended(), "{key} is awaited after the end");
    }
    for (position, measure) in run.measures.iter().enumerate() {
        let key = AssignmentKey::new(&format!("measure-{}", position + 1), &measure.organisation);
        let assignment = &run.assignments[&key];
        assert_eq!(assignment.kind, AssignmentKind::Measure(position + 1));
        assert_eq!(assignment.due, measure.due);
        let expected = match measure.state {
            MeasureState::Ordered => [AssignmentState::Open, AssignmentState::Waived],
            MeasureState::Reported | MeasureState::Done => [AssignmentState::Answered; 2],
        };
        assert!(expected.contains(&assignment.state), "{measure:?} with {assignment:?}");
        assert!(measure.decision <= run.decisions.len());
    }
}

/// A run starts when all that it waits for is completed, or when a person says so.
fn started_in_turn(world: &World<'_>, run: &Run, outcome: &Outcome) {
    let happened = |kind: &str| outcome.entries.iter().any(|e| e.kind == kind);
    let schedule = &world.road_map().activity(&run.key.activity).unwrap().schedule;
    let of_activity = |r: &&Run| r.key.activity == run.key.activity && r.key.part == run.key.part;
    let before = |r: &&Run| r.key.period < run.key.period && !r.state.ended();
    let earlier = world.runs.values().filter(of_activity).find(before);
    if happened("run-started") && !happened("proceeded") {
        for upstream in &schedule.after {
            assert!(is_done(world, run, upstream), "{} begins before {upstream:?}", run.key);
        }
        assert!(schedule.overlap == Overlap::Allow || earlier.is_none(), "{} overlaps", run.key);
    }
    if happened("run-opened") && schedule.overlap == Overlap::Skip {
        assert_eq!(run.state == RunState::Skipped, earlier.is_some());
    }
}

/// Whether what a run waits for is done: the run, or the stage of it that is enough.
fn is_done(world: &World<'_>, run: &Run, upstream: &vekha_roadmap::model::Upstream) -> bool {
    let Some(other) = world.runs.get(&run.key.upstream(upstream)) else { return false };
    let stage =
        |id: &String| other.stages.iter().any(|s| s.id == *id && s.state == StageState::Completed);
    other.state == RunState::Completed || upstream.stage.as_ref().is_some_and(stage)
}

/// No stage begins before its day.
fn begun_on_its_day(world: &World<'_>, run: &Run) {
    let municipality = &world.road_map().municipality;
    for stage in &run.stages {
        let Some(begins) = stage.not_before.map(|day| municipality.opening(day)) else { continue };
        assert!(stage.started_at.is_none_or(|at| at >= begins), "{} began early", run.key);
    }
}

/// Between steps no run waits in vain.
fn nobody_waits_in_vain(world: &World<'_>) {
    let state = |key: &RunKey| world.runs.get(key).map(|r| r.state);
    for run in world.runs.values() {
        let waits = |s: &&vekha_engine::run::Stage| s.state == StageState::Waiting;
        for stage in run.stages.iter().filter(waits).filter(|_| !run.state.ended()) {
            let day = stage.not_before.unwrap();
            let begins = world.road_map().municipality.opening(day);
            assert!(begins > world.now(), "{} still waits for {day}", run.key);
        }
        let after = &world.road_map().activity(&run.key.activity).unwrap().schedule.after;
        let dropped = after.iter().any(|u| {
            let ended = state(&run.key.upstream(u)).is_some_and(RunState::ended);
            ended && !is_done(world, run, u)
        });
        match run.state {
            RunState::Waiting => {
                assert!(!dropped, "{} waits for what will not come", run.key);
                let all = after.iter().all(|u| is_done(world, run, u));
                let earlier = world.runs.values().any(|r| {
                    r.key.activity == run.key.activity
                        && r.key.period < run.key.period
                        && !r.state.ended()
                });
                assert!(!all || earlier, "{} waits for nothing", run.key);
            }
            RunState::Question => {
                assert!(dropped);
                let question = format!("{}/question", run.key);
                assert!(world.letters.iter().any(|l| l.key == question && l.to == "office"));
            }
            _ => {}
        }
    }
}

fn others(road_map: &RoadMap, world: &World<'_>, key: &RunKey) -> BTreeMap<RunKey, Summary> {
    let activity = road_map.activity(&key.activity).unwrap();
    let known = references(activity, key).into_iter();
    known.filter_map(|k| world.runs.get(&k).map(|run| (k, Summary::from(run)))).collect()
}

/// Waking a run at the times that it asks for ends, each time changing something.
fn wakes_end(road_map: &RoadMap, world: &World<'_>, key: &RunKey) {
    let others = others(road_map, world, key);
    let context = Context { others: &others, ..Context::new(road_map, 1) };
    let mut run = world.runs[key].clone();
    let wake = |run: &mut Run, at| step(&context, run, Command::Wake, "vekha", at).unwrap();
    let mut next = wake(&mut run, world.now()).wake_at;
    let mut last = world.now();
    for _ in 0..200 {
        let Some(at) = next else { return };
        assert!(at > last, "{key} asks to be woken at {at}, which has passed at {last}");
        let before = run.clone();
        next = wake(&mut run, at).wake_at;
        assert_ne!(run, before, "{key} was woken at {at} for nothing");
        last = at;
    }
    panic!("{key} never comes to rest");
}

fn begin() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

fn sample(label: usize) -> RunKey {
    RunKey {
        municipality: "m".into(),
        activity: "sample".into(),
        period: Period::Year(2027),
        part: Some(format!("n{label}")),
    }
}

/// Lives through the acts, checking on the way.
fn live<'a>(road_map: &'a RoadMap, acts: &[Act]) -> World<'a> {
    let mut world = World::new(road_map, begin());
    let mut watch = Watch::default();
    // The survey opens on Monday 1 February.
    world.live(begin() + SignedDuration::from_hours(24 * 31 + 6), &mut watch);
    for (number, act) in acts.iter().enumerate() {
        world.live(world.now() + act.after, &mut watch);
        watch.next_analysis_fails = act.fails;
        if number % 8 == 0 {
            let named = vec!["school-1".to_owned(), format!("school-{}", act.thing.index(4) + 1)];
            world.open(sample(number), named, Why::Request, "i", &mut watch).ok();
        }
        let today = road_map.municipality.today(world.now());
        // What is done rightly is done to a run, if there is one, that takes it.
        let mut keys: Vec<RunKey> = world.runs.keys().cloned().collect();
        let first = act.run.index(keys.len());
        keys.rotate_left(first);
        keys.truncate(if act.right { keys.len() } else { 1 });
        let taken = |key: &&RunKey| {
            let run = &world.runs[*key];
            let command = act.command(run, today);
            let others = others(road_map, &world, key);
            let context = Context { others: &others, ..Context::new(road_map, 1) };
            let mut copy = run.clone();
            let done = step(&context, &mut copy, command.clone(), "i", world.now());
            is_taken_if_offered(road_map, run, &command, done.as_ref().err());
            let refused = done.is_err();
            assert!(!refused || copy == *run, "refused, and yet changed by {command:?}");
            !refused
        };
        if let Some(next) = acts.get(number + 1) {
            let run = &world.runs[&keys[0]];
            let commands = vec![act.command(run, today), next.command(run, today)];
            all_or_none(road_map, &world, &keys[0], commands);
        }
        let taker = keys.iter().find(taken);
        let refused = taker.is_none();
        let key = taker.unwrap_or(&keys[0]);
        let command = act.command(&world.runs[key], today);
        let done = world.command(key, command, "i", &mut watch);
        assert_eq!(done.is_err(), refused);
        nobody_waits_in_vain(&world);
        wakes_end(road_map, &world, key);
        takes_what_it_offers(road_map, &world, key);
    }
    world.live(world.now() + SignedDuration::from_hours(24 * 60), &mut watch);
    nobody_waits_in_vain(&world);
    world
}

/// What takes up an offer is refused by its fields at most; what takes up none is refused by the run.
fn is_taken_if_offered(
    road_map: &RoadMap,
    run: &Run,
    command: &Command,
    refused: Option<&Refusal>,
) {
    let taken_up = Offer::taken_up(command);
    if taken_up.is_empty() {
        return;
    }
    let offers = offers(road_map.activity(&run.key.activity).unwrap(), run);
    let offered = taken_up.iter().all(|offer| offers.contains(offer));
    let by_the_run = matches!(refused, Some(Refusal::State(_) | Refusal::NotFound(_)));
    assert_eq!(offered, !by_the_run, "{command:?} of {offers:?}: {refused:?}");
}

/// Whatever is offered can be taken up.
fn takes_what_it_offers(road_map: &RoadMap, world: &World<'_>, key: &RunKey) {
    let run = &world.runs[key];
    let others = others(road_map, world, key);
    let context = Context { others: &others, ..Context::new(road_map, 1) };
    for offer in offers(road_map.activity(&key.activity).unwrap(), run) {
        let command = rightly(road_map, run, &offer, world.now());
        assert_eq!(Offer::taken_up(&command), [offer]);
        let mut copy = run.clone();
        if let Err(refusal) = step(&context, &mut copy, command.clone(), "i", world.now()) {
            panic!("{command:?} was offered by {key}: {refusal:?}");
        }
    }
}

/// A command that takes up an offer with nothing wrong in it.
fn rightly(road_map: &RoadMap, run: &Run, offer: &Offer, now: Timestamp) -> Command {
    let reason = "причина".to_owned();
    let today = road_map.municipality.today(now);
    let later = |due: Date| road_map.calendar.on_or_after(due.max(today).saturating_add(1.days()));
    let document = |number: &str| NewDocument {
        document: Document {
            number: format!("{number}-{}", run.decisions.len()),
            date: today,
            outcome: "решено".into(),
            signatory: "Начальник".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    };
    match offer.clone() {
        Offer::AnswerQuestion => Command::AnswerQuestion(Answer::Proceed),
        Offer::Skip => Command::Skip { reason },
        Offer::Cancel => Command::Cancel { reason },
        Offer::Retry => Command::Retry,
        Offer::Entrust => {
            let to = if run.keeper.is_empty() { "Пётр Иванов" } else { "" };
            Command::Entrust { to: to.to_owned() }
        }
        Offer::Remark => Command::Remark { text: reason },
        Offer::Submit(assignment) => {
            let answers = match run.assignments[&assignment].kind {
                AssignmentKind::Collect => json!({ "pupils": 60, "low": 20 }),
                _ => json!({ "report": "сделано" }),
            };
            Command::Submit { assignment, answers: values(answers), origin: Origin::Page }
        }
        Offer::Waive(assignment) => Command::Waive { assignment, reason },
        Offer::Extend(assignment) => {
            let due = later(run.assignments[&assignment].due);
            Command::Extend { assignment, due, reason }
        }
        Offer::RequestExtension(assignment) => {
            let due = later(run.assignments[&assignment].due);
            Command::RequestExtension { assignment, due, reason }
        }
        Offer::DeclineExtension(assignment) => Command::DeclineExtension { assignment, reason },
        Offer::SendLink(assignment) => Command::SendLink { assignment, renew: true, reason },
        Offer::ReturnAnswer(assignment) => {
            Command::ReturnAnswer { assignment, comment: reason, due: None }
        }
        Offer::AcceptAnswers(stage) => Command::AcceptAnswers { stage },
        Offer::Approve(stage) => {
            Command::Approve { stage, organisations: vec![], outgoing: String::new() }
        }
        Offer::Release(AssignmentKey { stage, organisation }) => {
            Command::Approve { stage, organisations: vec![organisation], outgoing: String::new() }
        }
        Offer::Revise(recommendation) => {
            let texts = vec![reason; run.recommendations[&recommendation].items.len()];
            Command::Revise { recommendation, texts }
        }
        Offer::Discard(recommendation) => Command::Discard { recommendation, reason },
        Offer::RecordDecision(stage) => {
            Command::RecordDecision { stage, document: document("новое"), measures: None }
        }
        Offer::CorrectDecision(decision) => Command::CorrectDecision {
            decision,
            document: NewDocument {
                document: Document {
                    date: today.max(run.decisions[decision - 1].document.date),
                    ..document("иначе").document
                },
                ..document("иначе")
            },
            measures: vec![],
            withdraw: true,
        },
        Offer::AttachToDecision(decision) => {
            let sha256 = format!("{:064x}", 1 << 20);
            let files = vec![NewAttachment { name: "скан.pdf".into(), size: 9, sha256 }];
            Command::AttachToDecision { decision, files }
        }
        Offer::AcceptMeasure(measure) => Command::AcceptMeasure { measure },
        Offer::ReturnMeasure(measure) => {
            Command::ReturnMeasure { measure, comment: reason, due: None }
        }
    }
}

/// Several commands are carried out one upon the other, or none of them is.
fn all_or_none(road_map: &RoadMap, world: &World<'_>, key: &RunKey, commands: Vec<Command>) {
    let others = others(road_map, world, key);
    let context = Context { others: &others, ..Context::new(road_map, 1) };
    let before = &world.runs[key];
    let (mut one_by_one, mut together) = (before.clone(), before.clone());
    let mut entries = Vec::new();
    let mut refused = Vec::new();
    for (place, command) in commands.iter().enumerate() {
        match step(&context, &mut one_by_one, command.clone(), "i", world.now()) {
            Ok(outcome) => entries.extend(outcome.entries),
            Err(refusal) => refused.push((place, refusal)),
        }
    }
    match steps(&context, &mut together, commands, "i", world.now()) {
        Ok(outcome) => {
            assert_eq!((together, outcome.entries, refused), (one_by_one, entries, vec![]));
        }
        Err(told) => {
            assert_eq!(&together, before, "refused in part, and yet changed");
            assert_eq!(told, refused, "all that is wrong is told at once");
        }
    }
}

fn journal(world: &World<'_>, key: &RunKey) -> Vec<Entry> {
    world.journal.iter().filter(|(k, _)| k == key).map(|(_, e)| e.clone()).collect()
}

/// Whether these entries are a run's whole journal.
fn whole(key: &RunKey, entries: &[Entry], head: &Head) -> bool {
    let mut chain = Head::of(&key.to_string());
    entries.iter().all(|e| chain.verify(e)) && chain == *head
}

/// Enough towns for every day; PROPTEST_CASES asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = std::env::var("PROPTEST_CASES").map_or(96, |_| default.cases);
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_people_do_runs_hold_together_and_letters_are_unique(
        town in town(),
        acts in acts(90),
    ) {
        let road_map = town.road_map();
        let world = live(&road_map, &acts);
        let mut keys = BTreeSet::new();
        for letter in &world.letters {
            prop_assert!(keys.insert(&letter.key), "two letters are {}", letter.key);
            prop_assert!(road_map.organisation(&letter.to).is_some());
        }
        // Everyone who was asked, by the journal, owes exactly one thing, and nobody else does.
        for (key, run) in &world.runs {
            let mut asked = BTreeSet::new();
            for entry in journal(&world, key) {
                let data: Value = serde_json::from_str(&entry.data).unwrap();
                let text = |field: &str| data[field].as_str().unwrap_or_default();
                let organisations = data["organisations"].as_array().into_iter().flatten();
                let names = organisations.filter_map(Value::as_str);
                match entry.kind.as_str() {
                    "asked" | "approved" => {
                        for name in names {
                            prop_assert!(asked.insert(AssignmentKey::new(text("stage"), name)));
                        }
                    }
                    "measure-ordered" => {
                        let stage = format!("measure-{}", data["measure"]);
                        asked.insert(AssignmentKey::new(&stage, text("organisation")));
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(asked, run.assignments.keys().cloned().collect::<BTreeSet<_>>());
        }
    }

    #[test]
    fn a_journal_is_whole_and_tells_when_it_was_touched(
        acts in acts(40),
        (run, entry, other, how) in (any::<Index>(), any::<Index>(), any::<Index>(), 0..7),
    ) {
        let road_map = Town::usual().road_map();
        let world = live(&road_map, &acts);
        for (key, run) in &world.runs {
            prop_assert!(whole(key, &journal(&world, key), &run.journal));
        }
        let keys: Vec<&RunKey> = world.runs.keys().collect();
        let key = keys[run.index(keys.len())];
        let mut entries = journal(&world, key);
        let (at, with) = (entry.index(entries.len()), other.index(entries.len()));
        match how {
            0 => drop(entries.remove(at)),
            1 => {
                let copy = entries[with].clone();
                entries.insert(at, copy);
            }
            2 if at != with => entries.swap(at, with),
            3 => entries[at].data.push(' '),
            4 => entries[at].actor.push('x'),
            5 => entries[at].at += SignedDuration::from_nanos(1),
            // Even with its own hash mended, an entry no longer fits those after it, or the head.
            _ => {
                let mut chain = Head::of(&key.to_string());
                for e in &entries[..at] {
                    chain.verify(e);
                }
                let old = entries[at].clone();
                entries[at] = chain.append(old.at, "somebody-else", &Happened::RunStarted {});
            }
        }
        prop_assert!(!whole(key, &entries, &world.runs[key].journal));
    }

    #[test]
    fn the_same_acts_at_the_same_times_make_the_same_world(town in town(), acts in acts(40)) {
        let road_map = town.road_map();
        let (one, other) = (live(&road_map, &acts), live(&road_map, &acts));
        prop_assert_eq!(one.runs, other.runs);
        prop_assert_eq!(one.letters, other.letters);
        prop_assert_eq!(one.journal, other.journal);
    }

    #[test]
    fn every_run_ends_though_schools_be_silent_if_the_department_acts(
        town in town(),
        diligence in 0..=10u64,
    ) {
        // Quarterly runs of a year each, one after the other, would never catch up.
        let late = town.overlap == "wait" && town.due.starts_with("on");
        let town = if late { Town { due: "10 days".into(), ..town } } else { town };
        let road_map = town.road_map();
        let mut world = World::new(&road_map, begin());
        let mut office = Office { diligence, watch: Watch::default() };
        let year = SignedDuration::from_hours(24 * 365);
        world.live(begin() + year, &mut office);
        world.open(sample(0), vec!["school-1".into()], Why::Request, "i", &mut office).unwrap();
        world.live(begin() + year * 3, &mut office);
        nobody_waits_in_vain(&world);
        let old = world.runs.values().filter(|r| r.opened_at < begin() + year * 2);
        prop_assert!(old.clone().count() >= 8);
        for run in old {
            prop_assert!(run.state.ended(), "{} is {:?}", run.key, run.state);
        }
    }
}

/// A department that does all it is asked for, among schools of which some answer.
struct Office {
    diligence: u64,
    watch: Watch,
}

impl People for Office {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        self.watch.react(world, run, outcome);
        let now = world.now();
        let mut plans = Vec::new();
        let mut plan = |hours: i64, command| {
            let at = now + SignedDuration::from_hours(hours);
            plans.push(Plan { at, run: run.key.clone(), command, actor: "i".into() });
        };
        for (number, key) in outcome.assignments.iter().enumerate() {
            let draw = (run.journal.sequence + number as u64) * 7919 % 10;
            if run.assignments[key].state.is_awaited() && draw < self.diligence {
                let answers = values(json!({ "pupils": 10, "low": draw }));
                let assignment = key.clone();
                plan(draw as i64 * 9, Command::Submit { assignment, answers, origin: Origin::Api });
            }
        }
        for letter in &outcome.letters {
            let stage = || letter.key.rsplit('/').nth(1).unwrap_or_default().to_owned();
            match letter.kind {
                LetterKind::Drafts => {
                    plan(
                        30,
                        Command::Approve {
                            stage: stage(),
                            organisations: vec![],
                            outgoing: String::new(),
                        },
                    );
                }
                LetterKind::Question => plan(30, Command::AnswerQuestion(Answer::Proceed)),
                _ => {}
            }
        }
        let activity = world.road_map().activity(&run.key.activity).unwrap();
        for (stage, definition) in run.stages.iter().zip(&activity.stages) {
            let Work::Decide(decide) = &definition.work else { continue };
            if stage.started_at == Some(now) {
                for (n, _) in decide.decisions.iter().enumerate() {
                    plan(
                        20 + n as i64,
                        Command::RecordDecision {
                            stage: stage.id.clone(),
                            document: NewDocument {
                                document: Document {
                                    number: n.to_string(),
                                    date: world.road_map().municipality.today(now),
                                    outcome: "решено".into(),
                                    signatory: "Начальник".into(),
                                    ..Document::default()
                                },
                                ..NewDocument::default()
                            },
                            measures: Some(vec![]),
                        },
                    );
                }
            }
        }
        plans
    }
}

const SUMMARY: &str = "m/summary/2027";

#[test]
fn the_text_of_a_decision_stays_with_it_and_the_journal_proves_it() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let document = |text: &str| NewDocument {
        document: Document {
            number: "47-од".into(),
            date: date(2027, 2, 1),
            outcome: "решено".into(),
            text: text.into(),
            signatory: "Начальник".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    };
    let record = |alone: &mut Alone<'_>, text: &str| {
        alone.step(Command::RecordDecision {
            stage: "decide".into(),
            document: document(text),
            measures: Some(vec![]),
        })
    };
    let long = "я".repeat(vekha_engine::limits::TEXT + 1);
    let Err(Refusal::Invalid(errors)) = record(&mut alone, &long) else { panic!("too long") };
    assert_eq!(errors[0].field, "text");
    let recorded = record(&mut alone, "ПРИКАЗЫВАЮ").unwrap();
    let told = recorded.entries.iter().find(|e| e.kind == "decided").unwrap();
    let told: Value = serde_json::from_str(&told.data).unwrap();
    assert_eq!(
        told["text_sha256"],
        "9bad0126e51d55329bf4d52439c7e8c13ba20518a76717392944534ea56cf4ad"
    );
    alone.correct(1, vec![], false).unwrap();
    let texts: Vec<&str> = alone.run.decisions.iter().map(|d| d.document.text.as_str()).collect();
    assert_eq!(texts, ["ПРИКАЗЫВАЮ", ""]);
}

#[test]
fn files_join_a_decision_at_any_time_and_none_is_taken_away() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    alone.decide(Some(vec![])).unwrap();
    assert_eq!(alone.run.state, RunState::Completed);
    let file = |number: usize| NewAttachment {
        name: format!("лист {number}.pdf"),
        size: 10,
        sha256: format!("{number:064x}"),
    };
    let attach = |alone: &mut Alone<'_>, decision: usize, files: Vec<NewAttachment>| {
        alone.step(Command::AttachToDecision { decision, files })
    };
    assert!(matches!(attach(&mut alone, 2, vec![file(1)]), Err(Refusal::NotFound(_))));
    assert!(matches!(attach(&mut alone, 1, vec![]), Err(Refusal::Invalid(_))));
    let outcome = attach(&mut alone, 1, vec![file(1), file(2)]).unwrap();
    assert_eq!(outcome.entries.iter().filter(|e| e.kind == "attached").count(), 2);
    assert!(outcome.letters.is_empty());
    let names = |alone: &Alone<'_>| {
        let files = alone.run.decisions[0].attachments.iter();
        files.map(|file| file.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&alone), ["лист 1.pdf", "лист 2.pdf"]);
    // The same again, what is no document, and more than there is room for.
    let evil = NewAttachment { name: "лист.exe".into(), ..file(3) };
    let huge = NewAttachment { size: 11 << 20, ..file(3) };
    let nameless = NewAttachment { sha256: "x".into(), ..file(3) };
    for files in [vec![file(1)], vec![file(3), file(3)], vec![evil], vec![huge], vec![nameless]] {
        assert!(matches!(attach(&mut alone, 1, files), Err(Refusal::Invalid(_))));
    }
    let rest = (3..=vekha_engine::limits::ATTACHMENTS).map(file).collect();
    attach(&mut alone, 1, rest).unwrap();
    assert!(matches!(attach(&mut alone, 1, vec![file(99)]), Err(Refusal::Invalid(_))));
    assert_eq!(names(&alone).len(), vekha_engine::limits::ATTACHMENTS);
}

#[test]
fn a_measure_is_ordered_reported_returned_reported_and_done() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let organisations = vec!["school-2".to_owned()];
    let due = date(2027, 2, 13);
    let measure = NewMeasure { text: "Обучить".into(), organisations, due };
    let outcome = alone.decide(Some(vec![measure])).unwrap();
    assert_eq!(outcome.letters.len(), 1);
    assert_eq!(outcome.letters[0].kind, LetterKind::Measure);
    // The 13th is a Saturday.
    assert_eq!(alone.run.measures[0].due, date(2027, 2, 15));
    assert_eq!(alone.run.state, RunState::Completed, "measures outlive the run's stages");
    let state = |alone: &Alone<'_>| {
        let key: AssignmentKey = "measure-1.school-2".parse().unwrap();
        (alone.run.measures[0].state, alone.run.assignments[&key].state)
    };
    assert_eq!(state(&alone), (MeasureState::Ordered, AssignmentState::Open));
    assert!(matches!(alone.step(Command::AcceptMeasure { measure: 1 }), Err(Refusal::State(_))));
    let empty = alone.submit("measure-1.school-2", json!({ "report": " " }));
    assert!(matches!(empty, Err(Refusal::Invalid(_))));
    let reported = alone.submit("measure-1.school-2", json!({ "report": "обучены" })).unwrap();
    assert_eq!(reported.wake_at, None, "nobody is reminded of what is reported");
    assert_eq!(state(&alone), (MeasureState::Reported, AssignmentState::Answered));
    let comment = "сколько человек?".to_owned();
    let returned = alone.step(Command::ReturnMeasure { measure: 1, comment, due: None }).unwrap();
    assert_eq!(state(&alone), (MeasureState::Ordered, AssignmentState::Open));
    assert_eq!(returned.letters[0].facts["comment"], "сколько человек?");
    assert!(returned.wake_at.is_some(), "reminders go on");
    alone.submit("measure-1.school-2", json!({ "report": "обучены 12" })).unwrap();
    alone.step(Command::AcceptMeasure { measure: 1 }).unwrap();
    assert_eq!(state(&alone), (MeasureState::Done, AssignmentState::Answered));
    assert_eq!(alone.run.measures[0].report, "обучены 12");
    let again = alone.submit("measure-1.school-2", json!({ "report": "ещё" }));
    assert!(matches!(again, Err(Refusal::State(_))));
}

#[test]
fn what_documents_cannot_hold_is_refused_at_its_field() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let wrong = |refused: Result<Outcome, Refusal>| match refused {
        Err(Refusal::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect(),
        other => vec![format!("{other:?}")],
    };
    let document = NewDocument {
        document: Document {
            number: "47\u{1}".into(),
            date: date(2027, 2, 1),
            title: "О мерах\n".into(),
            outcome: "решено\u{b}".into(),
            text: "1.\tОбучить\r\n2. \u{ffff}".into(),
            signatory: "Начальник\u{85}".into(),
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    };
    let measure = NewMeasure {
        text: "Обучить\u{1b}".into(),
        organisations: vec!["school-2".into()],
        due: date(2027, 2, 15),
    };
    let command = Command::RecordDecision {
        stage: "decide".into(),
        document,
        measures: Some(vec![measure.clone()]),
    };
    let fields = ["number", "title", "outcome", "text", "signatory", "measures[0].text"];
    assert_eq!(wrong(alone.step(command)), fields);
    // Lines and tabs are no more than a text of several lines has.
    let measure = NewMeasure { text: "Обучить:\r\n\tвсех".into(), ..measure };
    alone.decide(Some(vec![measure])).unwrap();
    let report = json!({ "report": "обуче\u{c}ны" });
    assert_eq!(wrong(alone.submit("measure-1.school-2", report)), ["report"]);
    alone.submit("measure-1.school-2", json!({ "report": "обучены\n12" })).unwrap();
    let comment = "кто\u{0}?".to_owned();
    let returned = Command::ReturnMeasure { measure: 1, comment, due: None };
    assert_eq!(wrong(alone.step(returned)), ["comment"]);
}

#[test]
fn a_returned_report_is_due_in_three_working_days_at_the_soonest() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let organisations = vec!["school-2".to_owned()];
    let measure =
        NewMeasure { text: "Обучить".into(), organisations, due: date(2027, 2, 10) };
    alone.decide(Some(vec![measure])).unwrap();
    let key: AssignmentKey = "measure-1.school-2".parse().unwrap();
    let mut give_back = |day: &str, named: Option<Date>| {
        alone.now = format!("{day}T06:00:00Z").parse().unwrap();
        alone.submit("measure-1.school-2", json!({ "report": "обучены" })).unwrap();
        let comment = "сколько человек?".to_owned();
        let returned = alone.step(Command::ReturnMeasure { measure: 1, comment, due: named })?;
        let due = alone.run.measures[0].due;
        assert_eq!(alone.run.assignments[&key].due, due);
        assert_eq!(returned.letters[0].due, Some(due), "the letter names the new term");
        let woken = alone.step(Command::Wake)?;
        assert_eq!(woken.letters, [], "nobody is reminded of a term that has just been set");
        Ok((due, woken.wake_at))
    };
    // In time: the term stands. Friday the 26th is late: then it is Wednesday.
    assert_eq!(give_back("2027-02-03", None).unwrap().0, date(2027, 2, 10));
    let (due, next) = give_back("2027-02-26", None).unwrap();
    assert_eq!(due, date(2027, 3, 3));
    assert!(next.unwrap() > "2027-02-28T00:00:00Z".parse().unwrap(), "{next:?}");
    assert_eq!(give_back("2027-03-01", Some(date(2027, 3, 2))).unwrap().0, date(2027, 3, 2));
    let refused: Result<_, Refusal> = give_back("2027-03-02", Some(date(2027, 3, 6)));
    assert!(matches!(refused, Err(Refusal::Invalid(e)) if e[0].field == "due"), "a Saturday");
    alone.step(Command::AcceptMeasure { measure: 1 }).unwrap();
    let measure = &alone.run.measures[0];
    assert_eq!((measure.first_due, measure.returns), (Some(date(2027, 2, 10)), 3));
    assert_eq!((measure.extensions, measure.accepted_by.as_str()), (0, "i"));
    assert_eq!(measure.accepted_at, Some(alone.now));
}

#[test]
fn a_decision_is_corrected_by_a_later_one_and_stays_as_it_was() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let organisations = vec!["school-1".to_owned(), "school-2".to_owned()];
    let measure = |organisations: &[String]| NewMeasure {
        text: "Обучить".into(),
        organisations: organisations.to_vec(),
        due: date(2027, 2, 15),
    };
    alone.decide(Some(vec![measure(&organisations)])).unwrap();
    assert_eq!(alone.run.state, RunState::Completed);
    alone.submit("measure-1.school-1", json!({ "report": "обучены" })).unwrap();
    let recorded = alone.run.decisions[0].clone();
    // What does not exist cannot be corrected, nor can anything before it came to be.
    assert!(matches!(alone.correct(2, vec![], false), Err(Refusal::NotFound(_))));
    assert!(matches!(alone.correct(0, vec![], false), Err(Refusal::NotFound(_))));
    // The later one takes back what nobody has reported on, and orders something else.
    let outcome = alone.correct(1, vec![measure(&organisations[..1])], true).unwrap();
    assert_eq!(alone.run.decisions[0], recorded);
    let later = &alone.run.decisions[1];
    assert_eq!((later.corrects, later.kind), (Some(1), DecisionKind::Directive));
    assert_eq!((&later.document.title, &later.stage), (&recorded.document.title, &recorded.stage));
    let state = |key: &str| alone.run.assignments[&key.parse().unwrap()].state;
    assert_eq!(state("measure-1.school-1"), AssignmentState::Answered, "it was reported on");
    assert_eq!(state("measure-2.school-2"), AssignmentState::Waived);
    assert_eq!(state("measure-3.school-1"), AssignmentState::Open);
    let told: Vec<_> = outcome.letters.iter().map(|l| (l.kind, l.to.as_str())).collect();
    assert_eq!(
        told,
        [(LetterKind::MeasureWithdrawn, "school-2"), (LetterKind::Measure, "school-1")],
        "who loses a measure learns it, and who gets one; who has reported keeps it"
    );
    let withdrawn = &outcome.letters[0];
    assert_eq!(withdrawn.facts["decision"]["number"], "12-р", "the decision that corrects");
    assert_eq!(withdrawn.facts["measure"], "Обучить");
    assert_eq!(withdrawn.facts["due"], "понедельник, 15 февраля 2027 года");
    assert_eq!(withdrawn.due, None, "nothing is due any more");
    assert_eq!(alone.run.measures[2].decision, 2);
    let kinds: Vec<&str> = outcome.entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["decided", "waived", "measure-ordered"]);
    assert_eq!(alone.run.state, RunState::Completed, "a correction moves no stage");
}

#[test]
fn an_order_is_entered_once_whatever_of_it_was_left_to_be_filled_in() {
    let mut road_map = Town::usual().road_map();
    let summary = road_map.activities.iter_mut().find(|one| one.id == "summary").unwrap();
    for stage in &mut summary.stages {
        if let Work::Decide(decide) = &mut stage.work {
            decide.decisions = ["О плане", "О сроках", "О прочем"].map(str::to_owned).to_vec();
        }
    }
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let document = |kind, number: &str, title: &str| NewDocument {
        document: Document {
            number: number.into(),
            date: date(2027, 2, 1),
            title: title.into(),
            outcome: "решено".into(),
            signatory: "Начальник".into(),
            ..Document::default()
        },
        kind,
        ..NewDocument::default()
    };
    let (minutes, order) = (Some(DecisionKind::Minutes), Some(DecisionKind::Order));
    let record = |document: NewDocument| Command::RecordDecision {
        stage: "decide".into(),
        document,
        measures: Some(vec![]),
    };
    let correct = |decision: usize, document: NewDocument| Command::CorrectDecision {
        decision,
        document,
        measures: vec![],
        withdraw: false,
    };
    alone.step(record(document(minutes, "5", "О плане"))).unwrap();
    let said = |refused: Result<Outcome, Refusal>| match refused {
        Err(Refusal::Invalid(errors)) => {
            assert_eq!(errors.len(), 1);
            assert_eq!(errors[0].field, "number");
            errors[0].message.clone()
        }
        other => panic!("{other:?}"),
    };
    // Nobody said what it is about, nor what it is: it is the one that is there.
    for (kind, number, title) in [
        (None, "5", ""),
        (minutes, " № 5 ", ""),
        (None, "5", "О плане"),
        (minutes, "5", " О плане "),
    ] {
        let words = said(alone.step(record(document(kind, number, title))));
        assert!(
            words.contains("протокол № 5 от 1 февраля 2027 года, «О плане» (решение 1)"),
            "{words}"
        );
    }
    // A correction is an act of its own, whatever it is called.
    for title in ["", "О плане", "Об изменениях"] {
        let words = said(alone.step(correct(1, document(minutes, "5", title))));
        assert!(words.contains("исправляемое") && words.contains("№ 5"), "{words}");
    }
    // Another kind of document, or another matter of the same one, is meant where it is named.
    alone.step(record(document(order, "5", "О плане"))).unwrap();
    alone.step(record(document(minutes, "5", "О сроках"))).unwrap();
    alone.step(correct(1, document(minutes, "6", ""))).unwrap();
    assert_eq!(alone.run.decisions.len(), 4);
    // Nor does a correction repeat the document of a third.
    said(alone.step(correct(2, document(None, "6", ""))));
    alone.step(correct(2, document(None, "7", ""))).unwrap();
}

#[test]
fn a_report_is_proved_by_a_file_that_stays_with_each_of_its_versions() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let measure = NewMeasure {
        text: "Обучить".into(),
        organisations: vec!["school-2".into()],
        due: date(2027, 2, 13),
    };
    alone.decide(Some(vec![measure])).unwrap();
    let key = "measure-1.school-2";
    let file = json!({ "name": "акт.pdf", "size": 7, "sha256": "a".repeat(64), "more": 1 });
    let fields = |refused: Result<Outcome, Refusal>| match refused {
        Err(Refusal::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    for (name, size, hash) in [("акт.exe", 7, "a"), ("акт.pdf", 11 << 20, "a"), ("акт.pdf", 7, "Я")]
    {
        let wrong = json!({ "name": name, "size": size, "sha256": hash.repeat(64) });
        let report = json!({ "report": "обучены", "document": wrong });
        assert_eq!(fields(alone.submit(key, report)), ["document"]);
    }
    let both = json!({ "report": " ", "document": "акт.pdf" });
    assert_eq!(fields(alone.submit(key, both)), ["report", "document"], "all at once");
    assert_eq!(alone.run.measures[0].document, None);
    let mut told = alone.submit(key, json!({ "report": "обучены", "document": file })).unwrap();
    let kept = json!({ "name": "акт.pdf", "size": 7, "sha256": "a".repeat(64) });
    assert_eq!(json!(alone.run.measures[0].document), kept);
    let answers = told.submissions.remove(0).answers;
    assert_eq!(Value::Object(answers), json!({ "report": "обучены", "document": kept }));
    let entry = told.entries.iter().find(|e| e.kind == "submitted").unwrap();
    assert!(entry.data.contains(&"a".repeat(64)), "the journal proves it: {}", entry.data);
    // Measures of before this release load as they were.
    let mut old = json!(alone.run.measures[0]);
    old.as_object_mut().unwrap().remove("document");
    let read: vekha_engine::run::Measure = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(json!(read), old);
    alone.submit(key, json!({ "report": "обучены все", "document": null })).unwrap();
    assert_eq!(alone.run.measures[0].document, None, "a report is what it says");
}

#[test]
fn what_the_department_said_to_a_wish_for_more_time_stands_until_the_next_wish() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let measure = NewMeasure {
        text: "Обучить".into(),
        organisations: vec!["school-2".into()],
        due: date(2027, 2, 12),
    };
    alone.decide(Some(vec![measure])).unwrap();
    let key: AssignmentKey = "measure-1.school-2".parse().unwrap();
    let wish = |alone: &mut Alone<'_>| {
        let (assignment, due) = (key.clone(), date(2027, 2, 18));
        alone
            .step(Command::RequestExtension { assignment, due, reason: "Карантин".into() })
            .unwrap();
        alone.run.assignments[&key].replied.clone()
    };
    assert_eq!(wish(&mut alone), None);
    let declined = Command::DeclineExtension { assignment: key.clone(), reason: "Нет".into() };
    alone.step(declined).unwrap();
    let told = alone.run.assignments[&key].replied.clone().unwrap();
    assert_eq!((told.granted, told.reason.as_str(), told.due), (false, "Нет", date(2027, 2, 12)));
    assert_eq!(wish(&mut alone), None, "a new wish waits for a new word");
    let (assignment, due) = (key.clone(), date(2027, 2, 16));
    alone.step(Command::Extend { assignment, due, reason: "Два дня".into() }).unwrap();
    let told = alone.run.assignments[&key].replied.clone().unwrap();
    assert_eq!((told.granted, told.due, told.wanted), (true, due, date(2027, 2, 18)));
    // Time that nobody asked for answers no wish.
    let (assignment, due) = (key.clone(), date(2027, 2, 19));
    alone.step(Command::Extend { assignment, due, reason: "Ещё".into() }).unwrap();
    assert_eq!(alone.run.assignments[&key].replied, None);
}

#[test]
fn an_overdue_measure_is_told_of_again_when_its_new_term_passes() {
    let road_map = Town::usual().road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    let organisations = vec!["school-2".to_owned()];
    let measure =
        NewMeasure { text: "Обучить".into(), organisations, due: date(2027, 2, 5) };
    let mut next = alone.decide(Some(vec![measure])).unwrap().wake_at;
    let mut told = Vec::new();
    for extension in [Some(date(2027, 4, 5)), None] {
        while let Some(at) = next {
            alone.now = at;
            let outcome = alone.step(Command::Wake).unwrap();
            next = outcome.wake_at;
            let escalations =
                outcome.letters.into_iter().filter(|l| l.kind == LetterKind::Escalation);
            told.extend(escalations.map(|l| l.key));
        }
        if let Some(due) = extension {
            let (assignment, reason) =
                ("measure-1.school-2".parse().unwrap(), "просьба".to_owned());
            next = alone.step(Command::Extend { assignment, due, reason }).unwrap().wake_at;
        }
    }
    assert_eq!(told.len(), 2);
    assert_ne!(told[0], told[1], "the second would be taken for the first");
    let measure = &alone.run.measures[0];
    assert_eq!((measure.first_due, measure.extensions), (Some(date(2027, 2, 5)), 1));
}

#[test]
fn a_review_that_begins_again_is_told_of_again_though_no_answer_came() {
    let review = Some("2 working days".to_owned());
    let road_map = Town { schools: 2, review, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
    let first = alone.submit("collect.school-2", json!({ "pupils": 10 })).unwrap();
    let assignment: AssignmentKey = "collect.school-1".parse().unwrap();
    let comment = "пересчитайте".to_owned();
    let returned = Command::ReturnAnswer { assignment: assignment.clone(), comment, due: None };
    alone.step(returned).unwrap();
    let again = alone.step(Command::Waive { assignment, reason: "закрыта".into() }).unwrap();
    let told = [first, again].map(|outcome| {
        let letters = outcome.letters.into_iter();
        letters.filter(|l| l.kind == LetterKind::Review).map(|l| l.key).collect::<Vec<_>>()
    });
    assert_eq!(told.each_ref().map(Vec::len), [1, 1]);
    assert_ne!(told[0], told[1], "the second would be taken for the first");
}

#[test]
fn a_failed_stage_is_retried_and_the_run_goes_on() {
    let road_map = Town { schools: 1, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let outcome = alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
    let analyze = Job::Analyze { run: alone.run.key.clone(), stage: "analyze".into() };
    assert_eq!(outcome.jobs, std::slice::from_ref(&analyze));
    let (stage, reason) = ("analyze".to_owned(), "нет связи".to_owned());
    let failed = alone.step(Command::StageFailed { stage: stage.clone(), reason }).unwrap();
    assert_eq!(alone.run.state, RunState::Failed);
    assert_eq!(failed.letters[0].kind, LetterKind::Failure);
    let late = Command::Analyzed { stage: stage.clone(), outcome: Default::default() };
    assert!(alone.step(late.clone()).is_err(), "a failed stage does not complete by itself");
    assert_eq!(alone.step(Command::Retry).unwrap().jobs, [analyze]);
    assert_eq!(alone.run.state, RunState::Active);
    assert!(matches!(alone.step(Command::Retry), Err(Refusal::State(_))));
    alone.step(late).unwrap();
    let stages: Vec<_> = alone.run.stages.iter().map(|stage| stage.state).collect();
    assert_eq!(stages[..3], [StageState::Completed; 3], "nothing found, nothing recommended");
    assert_eq!(stages[3], StageState::Active);
}

#[test]
fn work_that_comes_back_after_a_run_was_called_off_moves_nothing() {
    let road_map = Town { schools: 1, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
    alone.step(Command::Cancel { reason: "отменено".into() }).unwrap();
    let before = alone.run.clone();
    let (stage, outcome) = ("analyze".to_owned(), Default::default());
    let late = alone.step(Command::Analyzed { stage, outcome });
    assert!(matches!(late, Err(Refusal::State(_))));
    assert_eq!(alone.run, before);
    assert_eq!(alone.step(Command::Wake).unwrap().wake_at, None);
}

#[test]
fn a_recommendation_is_sent_once_and_no_draft_is_left_behind() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    for school in ["school-1", "school-2"] {
        alone.submit(&format!("collect.{school}"), json!({ "pupils": 10, "low": 10 })).unwrap();
    }
    let finding = |school: &str| vekha_analysis::Finding {
        organisation: school.into(),
        rule: "low".into(),
        severity: Severity::Attention,
        text: "низкие результаты".into(),
        recommendation: Some("разобрать".into()),
        alternatives: vec![],
        figures: vec![],
    };
    let findings = vec![finding("school-1"), finding("school-2")];
    let outcome = vekha_analysis::Outcome { findings, ..Default::default() };
    let drafted = alone.step(Command::Analyzed { stage: "analyze".into(), outcome }).unwrap();
    assert_eq!(drafted.jobs, [], "its own findings are at hand: nobody need bring them");
    assert_eq!(drafted.recommendations.len(), 2);
    let approve = |codes: &[&str]| Command::Approve {
        outgoing: String::new(),
        stage: "recommend".into(),
        organisations: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    let sent = alone.step(approve(&["school-1", "school-1"])).unwrap().letters;
    assert_eq!(sent.iter().map(|l| l.to.as_str()).collect::<Vec<_>>(), ["school-1"]);
    let assignment = "recommend.school-1".parse().unwrap();
    alone.step(Command::Waive { assignment, reason: "закрыта".into() }).unwrap();
    assert_eq!(alone.run.stages[2].state, StageState::Active, "a draft still waits");
    alone.step(approve(&[])).unwrap();
    alone.submit("recommend.school-2", json!({})).unwrap();
    assert_eq!(alone.run.stages[2].state, StageState::Completed);
}

#[test]
fn silence_is_told_to_the_department_as_soon_as_the_term_has_passed() {
    let road_map = Town { escalate: "0 days".into(), remind: vec![], ..Town::usual() }.road_map();
    let (mut alone, asked) = Alone::open(&road_map, "m/survey/2027");
    // The end of Monday 15 February in Yekaterinburg.
    let end = "2027-02-15T13:00:00Z".parse().unwrap();
    assert_eq!(asked.wake_at, Some(end));
    alone.submit("collect.school-2", json!({ "pupils": 10 })).unwrap();
    alone.now = end;
    let told = alone.step(Command::Wake).unwrap().letters;
    assert_eq!(told.iter().map(|l| l.kind).collect::<Vec<_>>(), [LetterKind::Escalation]);
    let silent = told[0].facts["silent"].as_array().unwrap();
    let names: Vec<&str> = silent.iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names, ["school-1", "school-3"]);
}

#[test]
fn a_run_after_others_is_not_opened_where_there_is_none() {
    let road_map = Town::usual().road_map();
    let key: RunKey = "m/outcome/2027".parse().unwrap();
    let mut others = BTreeMap::new();
    let open_with = |others: &BTreeMap<RunKey, Summary>| {
        let context = Context { others, ..Context::new(&road_map, 1) };
        open(&context, key.clone(), vec![], Why::Upstream, "schedule", begin())
    };
    assert!(matches!(open_with(&others), Err(Refusal::State(_))));
    let survey = Summary { state: RunState::Active, found: Default::default(), done: vec![] };
    others.insert("m/survey/2027".parse().unwrap(), survey);
    assert_eq!(open_with(&others).unwrap().0.state, RunState::Waiting);
}

#[test]
fn an_answer_ends_reminders_at_once() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let (mut alone, asked) = Alone::open(&road_map, "m/survey/2027");
    // Due on Monday 15 February; reminded three working days before, at 9 in Yekaterinburg.
    assert_eq!(asked.wake_at, Some("2027-02-10T04:00:00Z".parse().unwrap()));
    alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
    let mut reminded = Vec::new();
    let mut next = asked.wake_at;
    while let Some(at) = next {
        alone.now = at;
        let outcome = alone.step(Command::Wake).unwrap();
        next = outcome.wake_at;
        let reminders = outcome.letters.iter().filter(|l| l.kind == LetterKind::Reminder);
        reminded.extend(reminders.map(|l| (l.to.clone(), road_map.municipality.today(alone.now))));
    }
    let school = || "school-2".to_owned();
    assert_eq!(reminded, [(school(), date(2027, 2, 10)), (school(), date(2027, 2, 15))]);
}

#[test]
fn the_department_is_told_of_a_decision_once_a_day() {
    // A decision awaited from before the start of a working day, to be reminded of on that day.
    let remind = vec!["1 working days before".to_owned()];
    let road_map = Town { remind, due: "1 working days".into(), ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, SUMMARY);
    alone.now = "2027-02-02T01:00:00Z".parse().unwrap();
    let outcome = alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    assert_eq!(outcome.letters.len(), 1);
    assert_eq!(outcome.wake_at, None);
}

#[test]
fn a_run_left_out_by_its_administrator_or_upstream_starts_nothing() {
    let road_map = Town::usual().road_map();
    let (mut alone, opened) = Alone::open(&road_map, SUMMARY);
    assert_eq!(alone.run.state, RunState::Waiting);
    assert!(opened.letters.is_empty());
    let summary = |state| Summary { state, found: Default::default(), done: vec![] };
    let upstream =
        |activity: &str| RunKey { activity: activity.into(), ..SUMMARY.parse().unwrap() };
    alone.others.insert(upstream("survey"), summary(RunState::Completed));
    alone.step(Command::UpstreamChanged).unwrap();
    assert_eq!(alone.run.waits_for, [upstream("outcome")]);
    alone.others.insert(upstream("outcome"), summary(RunState::Cancelled));
    let asked = alone.step(Command::UpstreamChanged).unwrap();
    assert_eq!(alone.run.state, RunState::Question);
    assert_eq!(asked.letters[0].kind, LetterKind::Question);
    assert!(alone.step(Command::UpstreamChanged).unwrap().letters.is_empty(), "asked once");
    alone.step(Command::AnswerQuestion(Answer::Skip)).unwrap();
    assert_eq!(alone.run.state, RunState::Skipped);
    assert!(alone.run.assignments.is_empty());
    let again = alone.step(Command::AnswerQuestion(Answer::Proceed));
    assert!(matches!(again, Err(Refusal::State(_))));
}

#[test]
fn who_was_asked_is_told_that_nothing_is_asked_any_more() {
    let road_map = Town::usual().road_map();
    let (mut alone, asked) = Alone::open(&road_map, "m/survey/2027");
    let called_off = |outcome: Outcome| {
        let letters = outcome.letters.into_iter().filter(|l| l.kind == LetterKind::CalledOff);
        letters.collect::<Vec<_>>()
    };
    alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
    let assignment: AssignmentKey = "collect.school-2".parse().unwrap();
    let waive = Command::Waive { assignment, reason: "школа на ремонте".into() };
    let waived = called_off(alone.step(waive).unwrap());
    assert_eq!(waived.len(), 1);
    assert_eq!((waived[0].to.as_str(), waived[0].due), ("school-2", None), "nothing is due");
    assert_eq!(waived[0].facts["reason"], "школа на ремонте");
    assert_eq!(waived[0].facts["was_due"], "2027-02-15");
    assert_eq!(waived[0].thread, Some("m/survey/2027/collect.school-2/asked".into()));
    assert!(waived[0].revision > asked.letters[0].revision, "calendars take the later one");
    let cancelled = called_off(alone.step(Command::Cancel { reason: "отменено".into() }).unwrap());
    let told: Vec<_> =
        cancelled.iter().map(|l| (l.to.as_str(), l.facts["answered"] == true)).collect();
    assert_eq!(told, [("school-3", false), ("school-1", true)], "who knows already is not told");
}

#[test]
fn nobody_is_said_to_be_reminded_of_what_closes_before_a_reminder_could_leave() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    // Due on Monday 15 February, closed on the 22nd in the evening. The daemon was away.
    let woken = |at: &str| {
        let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
        alone.now = at.parse().unwrap();
        let outcome = alone.step(Command::Wake).unwrap();
        let said = |kind: &str| outcome.entries.iter().filter(|e| e.kind == kind).count();
        let written = outcome.letters.iter().filter(|l| l.kind == LetterKind::Reminder).count();
        assert_eq!(said("reminded"), written, "the journal tells what is to leave");
        (written, said("closed"))
    };
    assert_eq!(woken("2027-02-16T05:00:00Z"), (2, 0), "of two that passed, each gets one");
    assert_eq!(woken("2027-03-01T05:00:00Z"), (0, 1), "it closes in the same breath");
}

#[test]
fn who_was_given_more_time_has_the_days_of_grace_that_all_others_have() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    // Due on Monday 15 February, closed a week later; one school until Monday 1 March.
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let assignment = "collect.school-1".parse().unwrap();
    let (due, reason) = (date(2027, 3, 1), "карантин".to_owned());
    alone.step(Command::Extend { assignment, due, reason }).unwrap();
    let mut closed_at = |at: &str| {
        alone.now = at.parse().unwrap();
        let outcome = alone.step(Command::Wake).unwrap();
        outcome.entries.iter().any(|entry| entry.kind == "closed")
    };
    assert!(!closed_at("2027-02-23T20:00:00Z"), "the school has time");
    assert!(!closed_at("2027-03-02T20:00:00Z"), "and then the week that the other had");
    assert!(closed_at("2027-03-10T20:00:00Z"));
}

#[test]
fn an_organisation_that_is_closed_is_not_said_to_be_reminded() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let (mut alone, asked) = Alone::open(&road_map, "m/survey/2027");
    let mut later = road_map.clone();
    let school = later.organisations.iter_mut().find(|o| o.code == "school-1").unwrap();
    school.until = Some(date(2027, 2, 9));
    alone.road_map = &later;
    alone.now = asked.wake_at.unwrap();
    let outcome = alone.step(Command::Wake).unwrap();
    let reminded: Vec<_> = outcome.letters.iter().map(|l| l.to.as_str()).collect();
    assert_eq!(reminded, ["school-2"]);
    assert_eq!(outcome.entries.len(), 1);
    assert!(outcome.wake_at.unwrap() > alone.now, "and the run does not wake for it again");
}
