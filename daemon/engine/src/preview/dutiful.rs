//! What a preview assumes that people do.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use vekha_analysis::{Finding, Outcome as AnalysisOutcome};
use vekha_roadmap::model::{Due, Span, Work};
use vekha_roadmap::schedule::due_date;

use super::notes::Notes;
use crate::command::{Command, NewDocument, Origin};
use crate::document::Document;
use crate::key::{AssignmentKey, RunKey};
use crate::outcome::Outcome;
use crate::run::{AssignmentKind, AssignmentState, RecommendationState, Run, StageState};
use crate::world::{People, Plan, World};

/// People who do what they owe in the afternoon of the last day; schools may be silent.
pub(super) struct Dutiful {
    pub silent: bool,
    /// What they see.
    pub notes: Notes,
}

impl Dutiful {
    /// Three hours before the end of that working day.
    fn afternoon(world: &World<'_>, day: Date) -> Timestamp {
        world.road_map().municipality.closing(day) - SignedDuration::from_hours(3)
    }
}

impl People for Dutiful {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        self.notes.take(&run.key, outcome);
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
                // Whoever confirms or reports says so in a word.
                AssignmentKind::Acknowledge | AssignmentKind::Measure(_) => Command::Submit {
                    assignment: key.clone(),
                    answers: [("report".to_owned(), "исполнено".into())].into_iter().collect(),
                    origin: Origin::Page,
                },
            };
            plan(at, command);
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
            plan(at, Command::Approve { stage, organisations: vec![], outgoing: String::new() });
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
                for place in 1..=decide.decisions.len() {
                    plan(
                        Dutiful::afternoon(world, due),
                        Command::RecordDecision {
                            stage: stage.id.clone(),
                            document: NewDocument {
                                document: Document {
                                    number: format!("предпросмотр-{place}"),
                                    date: due,
                                    outcome: "предпросмотр".into(),
                                    signatory: "предпросмотр".into(),
                                    ..Document::default()
                                },
                                ..NewDocument::default()
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
                .filter(|code| {
                    let known = road_map.organisation(code);
                    analyze.looks_at(known.map(|organisation| organisation.kind))
                })
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
                        // A preview tells to whom is written, and not what.
                        text: String::new(),
                        recommendation: rule.recommendation.as_ref().map(|_| String::new()),
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
