//! The state of a run. Only [`crate::step`] changes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vekha_analysis::Finding;

use crate::assignments::Assignments;
use crate::command::DecisionKind;
use crate::document::Document;
use crate::journal::Head;
use crate::key::RunKey;
use crate::recommendations::Recommendations;

/// One execution of an activity for one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name.
    pub key: RunKey,
    /// Version of the road map that it keeps to its end.
    pub road_map: u32,
    /// Where it stands.
    pub state: RunState,
    /// When it came to be.
    pub opened_at: Timestamp,
    /// When it ended, however it ended.
    pub ended_at: Option<Timestamp>,
    /// Organisations named by the event or person that started it.
    pub named: Vec<String>,
    /// Runs that must be completed first, with what is known of them; empty once started.
    pub waits_for: Vec<RunKey>,
    /// Stages in the definition's order.
    pub stages: Vec<Stage>,
    /// Organisations found by its analyses; other runs that look at them share them.
    pub found: Arc<Found>,
    /// What participants owe.
    pub assignments: Assignments,
    /// What organisations are recommended, by the stage and organisation.
    pub recommendations: Recommendations,
    /// What the authority decided, in order; decision 1 is `decisions[0]`.
    pub decisions: Vec<Decision>,
    /// What decisions ordered, in order; measure 1 is `measures[0]`.
    pub measures: Vec<Measure>,
    /// Who of the department sees to it; empty if nobody in particular.
    pub keeper: String,
    /// Where the journal stands.
    pub journal: Head,
}

/// Organisations found by analyses: rule id -> codes.
pub type Found = BTreeMap<String, Vec<String>>;

impl Run {
    /// Positions of the measures that a decision ordered: they were ordered together.
    pub fn measures_of(&self, decision: usize) -> std::ops::Range<usize> {
        let first = self.measures.partition_point(|m| m.decision < decision);
        first..self.measures.partition_point(|m| m.decision <= decision)
    }

    /// Whether what came of a stage has been replaced by that of a later one which repeats it.
    pub fn is_replaced(&self, stage: &str) -> bool {
        let replaces = |later: &Stage| {
            later.again.as_deref() == Some(stage) && later.state == StageState::Completed
        };
        self.stages.iter().any(replaces)
    }

    /// How many of the decisions that a stage awaits have been taken; corrections are none of them.
    pub fn awaited_decisions(&self, stage: &str) -> usize {
        self.decisions.iter().filter(|d| d.stage == stage && d.corrects.is_none()).count()
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RunState {
    /// For other runs to be completed.
    Waiting,
    /// An upstream run was cancelled or skipped: the administrator says how to go on.
    Question,
    /// Its stages are at work.
    Active,
    /// A stage failed: to be retried, skipped or cancelled.
    Failed,
    /// All stages are completed. Measures may still be under control.
    Completed,
    /// Called off by a person.
    Cancelled,
    /// Left out for its period.
    Skipped,
}

impl RunState {
    /// Whether stages will never move again.
    pub fn ended(self) -> bool {
        matches!(self, RunState::Completed | RunState::Cancelled | RunState::Skipped)
    }

    /// Whether it ended without its work being done.
    pub fn called_off(self) -> bool {
        matches!(self, RunState::Cancelled | RunState::Skipped)
    }

    /// As columns, the API and filters spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The definition's id.
    pub id: String,
    /// Where it stands.
    pub state: StageState,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Its due date, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// When it was completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Reminders up to this moment are done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_through: Option<Timestamp>,
    /// The department has been told who is silent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
    /// Why it failed, for people; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where its report was published; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// All have answered: until the end of this day the department may return answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Date>,
    /// The working day before which it does not begin, though all that it needs is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Date>,
    /// The earlier stage whose answers or figures those of this one take the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// Not started.
    Pending,
    /// All that it needs is done; its day has not come.
    Waiting,
    /// At work.
    Active,
    /// Done.
    Completed,
    /// Could not be done.
    Failed,
}

impl StageState {
    /// Whether it has not begun yet.
    pub fn is_ahead(self) -> bool {
        matches!(self, StageState::Pending | StageState::Waiting)
    }
}

impl Stage {
    /// A stage that has not started.
    pub fn pending(id: &str) -> Self {
        Stage {
            id: id.to_owned(),
            state: StageState::Pending,
            started_at: None,
            due: None,
            completed_at: None,
            reminded_through: None,
            escalated: false,
            reason: String::new(),
            location: String::new(),
            review: None,
            not_before: None,
            again: None,
        }
    }
}

/// What one participant owes, with its due date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// What is asked.
    pub kind: AssignmentKind,
    /// Where it stands.
    pub state: AssignmentState,
    /// By the end of which working day.
    pub due: Date,
    /// When the participant was asked.
    pub asked_at: Timestamp,
    /// When the newest answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// Number of answers so far; the newest has this number.
    pub version: u32,
    /// Reminders up to this moment are done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_through: Option<Timestamp>,
    /// Why it was waived or extended; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The first answer came after the due date of that day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// How often an answer was returned for correction.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// Why the newest answer was returned; empty once it is corrected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The participant asks for more time; none once that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ExtensionRequest>,
    /// How often its link was replaced: each is derived from this number, only the newest opens it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub link: u32,
    /// What the department said to the newest wish for more time; none while one waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replied: Option<ExtensionReply>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A participant's wish for more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionRequest {
    /// The due date that it asks for.
    pub due: Date,
    /// Why.
    pub reason: String,
    /// When it asked.
    pub at: Timestamp,
}

/// What became of a participant's wish for more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionReply {
    /// The due date that it had asked for.
    pub wanted: Date,
    /// More time was given, be it as much as that or not.
    pub granted: bool,
    /// The due date since then.
    pub due: Date,
    /// The department's words.
    pub reason: String,
    /// When it replied.
    pub at: Timestamp,
}

/// What an assignment asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssignmentKind {
    /// To fill the stage's form.
    Collect,
    /// To confirm that a recommendation was read.
    Acknowledge,
    /// To report on the measure of this number.
    Measure(usize),
}

/// Where an assignment stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AssignmentState {
    /// An answer is awaited.
    Open,
    /// Answered.
    Answered,
    /// The answer was returned: a corrected one is awaited.
    Returned,
    /// The stage closed without an answer, or without the corrected one.
    Missing,
    /// No answer is expected any more.
    Waived,
}

impl AssignmentState {
    /// Every state, in the order in which assignments pass through them.
    pub const ALL: &[AssignmentState] = <AssignmentState as strum::VariantArray>::VARIANTS;

    /// Whether the participant still has to do something.
    pub fn is_awaited(self) -> bool {
        matches!(self, AssignmentState::Open | AssignmentState::Returned)
    }

    /// Whether an answer is taken.
    pub fn takes_answers(self) -> bool {
        self.is_awaited() || self == AssignmentState::Answered
    }

    /// As columns, the API and filters spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Recommendations to one organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Where it stands.
    pub state: RecommendationState,
    /// The findings with their figures; `recommendation` of each is what is sent.
    pub items: Vec<Finding>,
    /// When the letter was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// When the organisation confirmed to have read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// What the organisation says it did about it; empty as long as it has not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report: String,
    /// When it said so last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Timestamp>,
    /// When it was drafted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafted_at: Option<Timestamp>,
    /// When a person decided not to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded_at: Option<Timestamp>,
    /// Why it is not sent; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Where a recommendation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RecommendationState {
    /// Waits for a person's approval.
    Draft,
    /// The letter is released.
    Issued,
    /// The organisation has read it.
    Acknowledged,
    /// A person decided not to send it.
    Discarded,
}

impl RecommendationState {
    /// As columns, the API and filters spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the authority decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Stage in which it was awaited.
    pub stage: String,
    /// What kind of document it is.
    #[serde(default)]
    pub kind: DecisionKind,
    /// Number within the run, from 1, of the earlier decision that it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<usize>,
    /// What it says.
    #[serde(flatten)]
    pub document: Document,
    /// Who recorded it here.
    pub recorded_by: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What is attached to it, in the order in which it came; attachment 1 is `attachments[0]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a decision for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its content, lower-case hex.
    pub sha256: String,
    /// Who attached it.
    pub attached_by: String,
    /// When.
    pub attached_at: Timestamp,
}

/// One thing that a decision orders one organisation to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Number of the decision within the run, from 1.
    pub decision: usize,
    /// What is to be done.
    pub text: String,
    /// Who must do it.
    pub organisation: String,
    /// By when.
    pub due: Date,
    /// Where it stands.
    pub state: MeasureState,
    /// What the organisation reported last; empty before.
    pub report: String,
    /// The file that proves what was reported last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Proof>,
    /// Why the report was returned; empty otherwise.
    pub comment: String,
    /// The due date as it was ordered, once it has been moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_due: Option<Date>,
    /// How often it got more time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: u32,
    /// How often its report was returned.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// When the report was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// Who accepted it; empty before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accepted_by: String,
}

/// A file that proves a report; its content is among the files of the measure's assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its content, lower-case hex.
    pub sha256: String,
}

impl Measure {
    /// The due date is another one from now on; the first one is remembered.
    pub(crate) fn move_due(&mut self, due: Date) {
        if due != self.due {
            self.first_due.get_or_insert(self.due);
            self.due = due;
        }
    }
}

/// Where a measure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum MeasureState {
    /// To be done.
    Ordered,
    /// Reported as done; the department looks at it.
    Reported,
    /// Accepted: control is over.
    Done,
}

impl MeasureState {
    /// As columns, the API and filters spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The assignment stage under which measure `number` (from 1) is reported.
pub fn measure_stage(number: usize) -> String {
    format!("measure-{number}")
}
