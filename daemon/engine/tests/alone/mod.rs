//! A single run, stepped by hand.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use vekha_engine::run::Run;
use vekha_engine::{
    Command, Context, DecisionKind, Document, NewDocument, NewMeasure, Origin, Outcome, Refusal,
    RunKey, Summary, Why, open, step,
};
use vekha_roadmap::RoadMap;

pub fn values(value: Value) -> vekha_analysis::Values {
    value.as_object().cloned().unwrap()
}

/// A single run, stepped by hand.
#[derive(Clone)]
pub struct Alone<'a> {
    pub road_map: &'a RoadMap,
    pub others: BTreeMap<RunKey, Summary>,
    pub run: Run,
    pub now: Timestamp,
}

impl<'a> Alone<'a> {
    pub fn open(road_map: &'a RoadMap, key: &str) -> (Self, Outcome) {
        let now: Timestamp = "2027-02-01T06:00:00Z".parse().unwrap();
        let others = BTreeMap::new();
        let context = Context { others: &others, ..Context::new(road_map, 1) };
        let (run, outcome) =
            open(&context, key.parse().unwrap(), vec![], Why::Schedule, "schedule", now).unwrap();
        (Alone { road_map, others, run, now }, outcome)
    }

    pub fn step(&mut self, command: Command) -> Result<Outcome, Refusal> {
        self.now += SignedDuration::from_mins(1);
        let context = Context { others: &self.others, ..Context::new(self.road_map, 1) };
        step(&context, &mut self.run, command, "i", self.now)
    }

    pub fn submit(&mut self, key: &str, answers: Value) -> Result<Outcome, Refusal> {
        let assignment = key.parse().unwrap();
        self.step(Command::Submit { assignment, answers: values(answers), origin: Origin::Page })
    }

    pub fn correct(
        &mut self,
        decision: usize,
        measures: Vec<NewMeasure>,
        withdraw: bool,
    ) -> Result<Outcome, Refusal> {
        let document = NewDocument {
            document: Document {
                number: "12-р".into(),
                date: date(2027, 2, 1),
                outcome: "решено иначе".into(),
                signatory: "Начальник".into(),
                ..Document::default()
            },
            kind: Some(DecisionKind::Directive),
            ..NewDocument::default()
        };
        self.step(Command::CorrectDecision { decision, document, measures, withdraw })
    }

    pub fn decide(&mut self, measures: Option<Vec<NewMeasure>>) -> Result<Outcome, Refusal> {
        self.step(Command::RecordDecision {
            stage: "decide".into(),
            document: document(),
            measures,
        })
    }

    /// What would come of a command: the run stays as it is.
    pub fn tried(&self, command: Command) -> Result<Outcome, Refusal> {
        self.clone().step(command)
    }

    /// The fields at which a command would be refused; none if it would be carried out.
    pub fn wrong(&self, command: Command) -> Vec<String> {
        match self.tried(command) {
            Ok(_) => vec![],
            Err(Refusal::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }
}

/// A decision with nothing wrong in it.
pub fn document() -> NewDocument {
    NewDocument {
        document: Document {
            number: "47-од".into(),
            date: date(2027, 2, 1),
            outcome: "решено".into(),
            signatory: "Начальник".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    }
}

/// The same document with something else said of it.
pub fn said(change: impl FnOnce(&mut Document)) -> NewDocument {
    let mut new = document();
    change(&mut new.document);
    new
}
