//! What one run has to tell: analyses, decisions, and how complete its data are.

use std::collections::BTreeMap;

use serde::Serialize;
use vekha_engine::run::{self, AssignmentKind, AssignmentState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian;

use super::Report;

/// A run in a report on many.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Heading of the road map's section.
    pub section: String,
    /// Number of the activity.
    pub number: u32,
    /// The activity, short.
    pub activity: String,
    /// The same with the part of it that the run is about.
    pub title: String,
    /// The period, in words.
    pub period: String,
    /// The same where there is little room.
    pub label: String,
    /// Where the run stands, in words.
    pub state: String,
    /// How many were asked for information, and how many answered.
    pub asked: usize,
    /// Of them, who answered.
    pub answered: usize,
    /// One for each analysis.
    pub reports: Vec<Report>,
    /// In order.
    pub decisions: Vec<Decision>,
    /// Whether it tells only what everybody may be told.
    pub for_all: bool,
}

/// A decision; templates know it by the same names.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Decision {
    /// What kind of document, in a word.
    pub kind: &'static str,
    /// The number of the earlier decision that it corrects.
    pub corrects: Option<String>,
    /// The document's number.
    pub number: String,
    /// Its date, in words.
    pub date: String,
    /// What it is about.
    pub title: String,
    /// What was decided.
    pub outcome: String,
    /// The document word for word; empty if only the outcome was recorded.
    pub text: String,
    /// Who signed it.
    pub signatory: String,
    /// What it orders.
    pub measures: Vec<Measure>,
}

/// A measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// Short name of who must do it.
    pub organisation: String,
    /// What is to be done.
    pub text: String,
    /// By when, in words.
    pub due: String,
    /// Where it stands, in words.
    pub state: &'static str,
}

impl Decision {
    /// A decision by itself, without what it refers to and what it orders.
    pub fn alone(decision: &run::Decision) -> Self {
        let document = &decision.document;
        Decision {
            kind: decision.kind.words(),
            corrects: None,
            number: document.number.clone(),
            date: russian::date_words(document.date),
            title: document.title.clone(),
            outcome: document.outcome.trim().to_owned(),
            text: document.text.trim().to_owned(),
            signatory: document.signatory.clone(),
            measures: Vec::new(),
        }
    }

    /// Of a run, by its number within it; `controls` says where each of the run's measures stands.
    pub fn of(
        map: &RoadMap,
        run: &Run,
        number: usize,
        decision: &run::Decision,
        controls: &[&'static str],
    ) -> Self {
        let measures = run.measures.iter().zip(controls);
        let measures = measures.filter(|(measure, _)| measure.decision == number);
        Decision {
            corrects: decision
                .corrects
                .and_then(|number| run.decisions.get(number - 1))
                .map(|earlier| earlier.document.number.clone()),
            measures: measures
                .map(|(measure, control)| Measure {
                    organisation: map.short_name(&measure.organisation),
                    text: measure.text.clone(),
                    due: russian::date_words(measure.due),
                    state: control,
                })
                .collect(),
            ..Self::alone(decision)
        }
    }
}

impl Chapter {
    /// Of a run with the reports on its analyses; `state` says where it stands, `controls` where
    /// each of its measures does.
    pub fn of(
        map: &RoadMap,
        run: &Run,
        state: &str,
        controls: &[&'static str],
        reports: Vec<Report>,
    ) -> Self {
        let activity = map.activity(&run.key.activity);
        let section = activity
            .and_then(|a| map.municipality.sections.iter().find(|section| section.id == a.section));
        // Whoever was asked the same once more was asked once, and has answered if it ever has.
        let mut collected: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for (key, assignment) in run.assignments.iter() {
            let counts = assignment.state != AssignmentState::Waived;
            if assignment.kind == AssignmentKind::Collect && counts {
                let first = activity.map_or(&*key.stage, |activity| activity.first_of(&key.stage));
                let answered = collected.entry((first, &key.organisation)).or_default();
                *answered |= assignment.state == AssignmentState::Answered;
            }
        }
        let decisions = run.decisions.iter().zip(1..);
        let decisions =
            decisions.map(|(decision, number)| Decision::of(map, run, number, decision, controls));
        let short = activity.map_or(run.key.activity.as_str(), |a| a.short.as_str());
        Chapter {
            section: section.map(|section| section.title.clone()).unwrap_or_default(),
            number: activity.map_or(0, |a| a.number),
            activity: short.to_owned(),
            title: match &run.key.part {
                Some(part) => format!("{short}: {}", map.short_name(part)),
                None => short.to_owned(),
            },
            period: run.key.period.words(),
            label: run.key.period.label(),
            state: state.to_owned(),
            asked: collected.len(),
            answered: collected.values().filter(|answered| **answered).count(),
            reports,
            decisions: decisions.collect(),
            for_all: false,
        }
    }

    /// What of it everybody may be told: figures of the municipality, and which decisions there are.
    /// What they say, and to whom, is between those whom they are about; and so may be a title that is
    /// none of those that the road map `planned`.
    pub fn for_all(mut self, planned: &[String]) -> Self {
        self.for_all = true;
        // Whether one organisation has answered is between it and the department.
        self.title.clone_from(&self.activity);
        for report in &mut self.reports {
            report.indicators.clear();
            report.findings.clear();
        }
        self.reports.retain(|report| !report.public.is_empty());
        for decision in &mut self.decisions {
            decision.outcome.clear();
            decision.text.clear();
            decision.measures.clear();
            if !planned.contains(&decision.title) {
                decision.title.clone_from(&self.activity);
            }
        }
        self
    }

    /// Whether there is anything to tell but where it stands.
    pub fn tells(&self) -> bool {
        !self.reports.is_empty() || !self.decisions.is_empty()
    }
}
