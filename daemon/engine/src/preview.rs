//! A coming period as it would go: every run, deadline and letter, computed by the engine itself
//! under a simulated clock.
//!
//! What people will do is unknown, so a preview assumes: everybody acts in the afternoon of the
//! last day (or, if `silent`, nobody answers at all), and every participant gets a finding, which
//! makes the letters an upper bound. Receipts answer what people do and are not previewed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use vekha_analysis::{Finding, Outcome as AnalysisOutcome, Values};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Due, Span, Work};
use vekha_roadmap::schedule::due_date;

use crate::command::{Command, DecisionKind, Document, Origin};
use crate::key::{AssignmentKey, RunKey};
use crate::outcome::{LetterKind, Outcome};
use crate::run::{
    AssignmentKind, AssignmentState, MeasureState, RecommendationState, Run, StageState,
};
use crate::world::{People, Plan, World};

/// What a preview is made for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// First day.
    pub from: Date,
    /// Last day, inclusive.
    pub to: Date,
    /// Nobody answers: shows what reminders, escalations and closings there would be.
    pub silent: bool,
}

/// One line of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The activity's number.
    pub number: u32,
    /// The run, as its key.
    pub run: String,
    /// What.
    pub what: What,
}

/// What a line of a preview tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    /// The run comes to be.
    Opened,
    /// It waits for these runs.
    Waiting {
        /// Keys of runs.
        runs: Vec<String>,
    },
    /// A stage begins.
    Stage {
        /// Stage id.
        stage: String,
        /// Its title.
        title: String,
        /// By when, if it has a term.
        due: Option<Date>,
    },
    /// Letters leave.
    Letters {
        /// The letter's kind.
        letter: LetterKind,
        /// Codes of the addressees.
        to: Vec<String>,
    },
    /// The run ends.
    Ended {
        /// `completed`, `cancelled` or `skipped`.
        state: String,
    },
}

/// How long before the first day the simulation begins, so that chains are under way by then.
const WARM_UP_DAYS: i64 = 500;

/// Previews a period; lines in the order of time.
pub fn preview(road_map: &RoadMap, wish: Wish) -> Vec<Line> {
    let municipality = &road_map.municipality;
    let midnight = |day: Date| {
        municipality.opening(day) - SignedDuration::from_hours(i64::from(municipality.opens.hour()))
    };
    let first = midnight(wish.from);
    let begin = first - SignedDuration::from_hours(24 * WARM_UP_DAYS);
    let end = midnight(wish.to) + SignedDuration::from_hours(24);
    let mut world = World::new(road_map, begin);
    let mut people = Dutiful { silent: wish.silent };
    world.live(end - SignedDuration::from_nanos(1), &mut people);
    let mut lines = lines(&world);
    lines.retain(|line| line.at >= first && line.at < end);
    lines
}

fn lines(world: &World<'_>) -> Vec<Line> {
    let number = |run: &RunKey| world.road_map().activity(&run.activity).map_or(0, |a| a.number);
    let mut lines = Vec::new();
    for (run, entry) in &world.journal {
        let data: serde_json::Value = serde_json::from_str(&entry.data).unwrap_or_default();
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        let what = match entry.kind.as_str() {
            "run-opened" => What::Opened,
            "waiting" => What::Waiting {
                runs: data["for"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|v| v.as_str().map(str::to_owned))
                    .collect(),
            },
            "stage-started" => {
                let stage = text("stage");
                let state = world.runs[run].stages.iter().find(|s| s.id == stage);
                let title = world
                    .road_map()
                    .activity(&run.activity)
                    .and_then(|a| a.stage(&stage))
                    .map(|(_, s)| s.title.clone())
                    .unwrap_or_default();
                What::Stage { due: state.and_then(|s| s.due), stage, title }
            }
            "run-completed" => What::Ended { state: "completed".into() },
            "run-cancelled" => What::Ended { state: "cancelled".into() },
            "run-skipped" => What::Ended { state: "skipped".into() },
            _ => continue,
        };
        lines.push(Line { at: entry.at, number: number(run), run: run.to_string(), what });
    }
    let mut letters: BTreeMap<(Timestamp, RunKey, LetterKind), Vec<String>> = BTreeMap::new();
    // A preview takes assignments back instead of answering them: nobody is told so.
    for letter in world.letters.iter().filter(|l| l.kind != LetterKind::CalledOff) {
        letters
            .entry((letter.not_before, letter.run.clone(), letter.kind))
            .or_default()
            .push(letter.to.clone());
    }
    for ((at, run, letter), to) in letters {
        lines.push(Line {
            at,
            number: number(&run),
            run: run.to_string(),
            what: What::Letters { letter, to },
        });
    }
    lines.sort_by(|a, b| (a.at, a.number, &a.run).cmp(&(b.at, b.number, &b.run)));
    lines
}

/// People who do what they owe in the afternoon of the last day; schools may be silent.
struct Dutiful {
    silent: bool,
}

impl Dutiful {
    /// Three hours before the end of that working day.
    fn afternoon(world: &World<'_>, day: Date) -> Timestamp {
        world.road_map().municipality.closing(day) - SignedDuration::from_hours(3)
    }
}

impl People for Dutiful {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        let mut plans = Vec::new();
        let mut plan = |at: Timestamp, command: Command| {
            plans.push(Plan { at, run: run.key.clone(), command, actor: "preview".into() });
        };
        for key in &outcome.assignments {
            let assignment = &run.assignments[key];
            if self.silent || assignment.state != AssignmentState::Open {
                continue;
            }
            let at = Dutiful::afternoon(world, assignment.due);
            let command = match assignment.kind {
                AssignmentKind::Collect => Command::Waive {
                    assignment: key.clone(),
                    reason: "предпросмотр: считается отвеченным".into(),
                },
                kind @ (AssignmentKind::Acknowledge | AssignmentKind::Measure(_)) => {
                    Command::Submit {
                        assignment: key.clone(),
                        answers: match kind {
                            AssignmentKind::Acknowledge => Values::new(),
                            _ => [("report".to_owned(), "исполнено".into())].into_iter().collect(),
                        },
                        earlier: Default::default(),
                        origin: Origin::Page,
                    }
                }
            };
            plan(at, command);
        }
        for position in &outcome.measures {
            if run.measures[*position].state == MeasureState::Reported {
                plan(world.now(), Command::AcceptMeasure { measure: position + 1 });
            }
        }
        let tomorrow = due_date(
            &world.road_map().calendar,
            world.road_map().municipality.today(world.now()),
            Due::After(Span::WorkingDays(1)),
        );
        let drafts =
            |key: &AssignmentKey| run.recommendations[key].state == RecommendationState::Draft;
        if let Some(key) = outcome.recommendations.iter().find(|key| drafts(key)) {
            let stage = key.stage.clone();
            let at = Dutiful::afternoon(world, tomorrow);
            plan(at, Command::Approve { stage, organisations: vec![] });
        }
        for entry in outcome.entries.iter().filter(|e| e.kind == "stage-started") {
            let data: serde_json::Value = serde_json::from_str(&entry.data).unwrap_or_default();
            let Some(stage) = run.stages.iter().find(|s| data["stage"] == s.id.as_str()) else {
                continue;
            };
            let definition = world.road_map().activity(&run.key.activity);
            let work = definition.and_then(|a| a.stage(&stage.id)).map(|(_, s)| &s.work);
            if let (Some(Work::Decide(decide)), Some(due), StageState::Active) =
                (work, stage.due, stage.state)
            {
                for _ in &decide.decisions {
                    plan(
                        Dutiful::afternoon(world, due),
                        Command::RecordDecision {
                            stage: stage.id.clone(),
                            document: Document {
                                kind: DecisionKind::Order,
                                number: "предпросмотр".into(),
                                date: due,
                                title: String::new(),
                                outcome: "предпросмотр".into(),
                                text: String::new(),
                                signatory: "предпросмотр".into(),
                                attachments: vec![],
                            },
                            measures: None,
                        },
                    );
                }
            }
        }
        plans
    }

    /// Nothing is known yet: everyone who was asked is found by every rule.
    fn analyze(&mut self, world: &World<'_>, key: &RunKey, stage: &str) -> Command {
        let road_map = world.road_map();
        let activity = road_map.activity(&key.activity);
        let work = activity.and_then(|a| a.stage(stage)).map(|(_, s)| &s.work);
        let mut findings = Vec::new();
        if let Some(Work::Analyze(analyze)) = work {
            let mut codes: Vec<String> = analyze
                .from
                .iter()
                .filter_map(|source| {
                    let activity = source.activity.clone().unwrap_or(key.activity.clone());
                    let own = activity == key.activity;
                    let part = if own { key.part.clone() } else { None };
                    world.runs.get(&RunKey { activity, part, ..key.clone() })
                })
                .flat_map(|run| run.assignments.iter())
                .filter(|(_, a)| a.kind == AssignmentKind::Collect)
                .map(|(key, _)| key.organisation.clone())
                .collect();
            codes.sort();
            codes.dedup();
            let rules = road_map.analyses.get(&analyze.analysis).map(|a| a.rules.as_slice());
            for organisation in codes {
                for rule in rules.unwrap_or_default() {
                    findings.push(Finding {
                        organisation: organisation.clone(),
                        rule: rule.id.clone(),
                        severity: rule.severity,
                        text: rule.finding.clone(),
                        recommendation: rule.recommendation.clone(),
                        alternatives: vec![],
                        figures: vec![],
                    });
                }
            }
        }
        Command::Analyzed {
            stage: stage.to_owned(),
            outcome: AnalysisOutcome { findings, ..AnalysisOutcome::default() },
        }
    }
}
