//! What can be asked of a run.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vekha_analysis::{Outcome as AnalysisOutcome, Recommendation, Values};
pub use vekha_roadmap::model::DecisionKind;
use vekha_roadmap::model::Schedule;

use crate::document::Document;
use crate::key::AssignmentKey;

/// Why a run is opened; part of its first journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its schedule said so.
    Schedule,
    /// A person or a system asked.
    Request,
    /// An event named it.
    Event,
    /// A run that it waits for came to be or ended.
    Upstream,
    /// The event for which its schedule waits did not come by the latest day.
    LatestDay,
}

impl Why {
    /// Why a schedule opens a run on its day.
    pub fn by_schedule(schedule: &Schedule) -> Self {
        match schedule.opens_on_event {
            Some(_) => Why::LatestDay,
            None => Why::Schedule,
        }
    }
}

/// Where an answer came from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Origin {
    /// The school's page.
    Page,
    /// gRPC, the command line included.
    Api,
    /// Another system that the road map names as a source.
    Source,
}

/// How to go on when an upstream run was cancelled or skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Start without it.
    Proceed,
    /// Leave this run out, too.
    Skip,
}

/// A measure as the person who records a decision names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMeasure {
    /// What is to be done.
    pub text: String,
    /// Organisation codes; each gets a measure of its own.
    pub organisations: Vec<String>,
    /// By when.
    pub due: Date,
}

/// What can be asked of a run that exists. Written down, it is what the caller said: what was looked
/// up for it is left out.
#[derive(Debug, Clone, Serialize, strum::EnumDiscriminants)]
#[serde(rename_all = "kebab-case")]
#[strum_discriminants(name(CommandKind), derive(strum::VariantArray))]
#[strum_discriminants(doc = "What kind of thing is asked.")]
pub enum Command {
    /// Time has passed: remind, escalate, close.
    Wake,
    /// A run that this one waits for ended.
    UpstreamChanged,
    /// Start without waiting any longer, or leave the run out.
    AnswerQuestion(Answer),
    /// A participant answers a collect assignment, acknowledges, or reports on a measure (whose
    /// answers are `report` and, if a file proves it, `document`).
    Submit {
        /// Which assignment.
        assignment: AssignmentKey,
        /// Answers by field id, as typed.
        answers: Values,
        /// Through what.
        origin: Origin,
    },
    /// No answer is expected any more.
    Waive {
        /// Which assignment.
        assignment: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// A participant gets more time.
    Extend {
        /// Which assignment.
        assignment: AssignmentKey,
        /// The new due date.
        due: Date,
        /// Why.
        reason: String,
    },
    /// A participant asks for more time.
    RequestExtension {
        /// Which assignment.
        assignment: AssignmentKey,
        /// The due date that it asks for.
        due: Date,
        /// Why.
        reason: String,
    },
    /// The wish for more time is not granted ([`Command::Extend`] grants it).
    DeclineExtension {
        /// Which assignment.
        assignment: AssignmentKey,
        /// Why not.
        reason: String,
    },
    /// A participant is sent its link once more, or a new one in place of it.
    SendLink {
        /// Which assignment.
        assignment: AssignmentKey,
        /// The link that it has opens nothing any more; it is sent another one.
        renew: bool,
        /// Why; a link is not taken from anybody without a reason.
        reason: String,
    },
    /// The department sends an answer back to be corrected.
    ReturnAnswer {
        /// Which assignment.
        assignment: AssignmentKey,
        /// What is to be corrected.
        comment: String,
        /// By when; if none, the due date, or three working days where that is later.
        due: Option<Date>,
    },
    /// The department accepts all answers of a stage under review: it closes now.
    AcceptAnswers {
        /// Stage id.
        stage: String,
    },
    /// Somebody of the department sees to the run from now on, or nobody does.
    Entrust {
        /// Who, as people call them; empty if nobody.
        to: String,
    },
    /// Somebody of the department leaves a remark in the run's journal.
    Remark {
        /// What it says.
        text: String,
    },
    /// A source has filled forms beforehand.
    Prefilled {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// Whose forms: organisation codes.
        organisations: Vec<String>,
    },
    /// A source has left something of what it was given, or has taken what nobody sees.
    SourceNoted {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// What, for people.
        notes: Vec<String>,
    },
    /// A source cannot bring what it was asked for.
    SourceFailed {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// Why, for people.
        reason: String,
    },
    /// The analysis of a stage is done.
    Analyzed {
        /// Stage id.
        stage: String,
        /// Figures and findings.
        outcome: AnalysisOutcome,
    },
    /// The recommendations that findings ask for.
    Drafted {
        /// Stage id.
        stage: String,
        /// One per organisation.
        recommendations: Vec<Recommendation>,
    },
    /// A person rewrites a draft.
    Revise {
        /// Which recommendation.
        recommendation: AssignmentKey,
        /// The recommendation texts, one per item.
        texts: Vec<String>,
    },
    /// A person releases drafts; all of them, if none is named.
    Approve {
        /// Stage id.
        stage: String,
        /// Organisation codes.
        organisations: Vec<String>,
        /// Under which number the department's letters leave; empty if it gives none.
        outgoing: String,
    },
    /// A person decides not to send a draft.
    Discard {
        /// Which recommendation.
        recommendation: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// The authority has decided.
    RecordDecision {
        /// Stage id.
        stage: String,
        /// The document.
        document: NewDocument,
        /// What it orders; the definition's own measures if none.
        measures: Option<Vec<NewMeasure>>,
    },
    /// A later decision corrects an earlier one, which stays as it was recorded.
    CorrectDecision {
        /// Number of the decision that is corrected, from 1.
        decision: usize,
        /// The document that corrects it.
        document: NewDocument,
        /// What it orders.
        measures: Vec<NewMeasure>,
        /// What the earlier one ordered and is not done yet is not asked for any more.
        withdraw: bool,
    },
    /// A file joins a decision: a scan, an annex.
    AttachToDecision {
        /// Number of the decision, from 1.
        decision: usize,
        /// What is attached.
        files: Vec<NewAttachment>,
    },
    /// The department accepts the report on a measure: control is over.
    AcceptMeasure {
        /// Number of the measure, from 1.
        measure: usize,
    },
    /// The department returns the report on a measure.
    ReturnMeasure {
        /// Number of the measure, from 1.
        measure: usize,
        /// Why.
        comment: String,
        /// By when it is to be reported on again; if none, the due date, or three working days
        /// where that is later.
        due: Option<Date>,
    },
    /// A report was put where it belongs.
    Published {
        /// Stage id.
        stage: String,
        /// Where.
        location: String,
    },
    /// A stage's work could not be done this time; it is tried again by itself.
    StagePutOff {
        /// Stage id.
        stage: String,
        /// Why, for people.
        reason: String,
    },
    /// A stage's work could not be done.
    StageFailed {
        /// Stage id.
        stage: String,
        /// Why, for people.
        reason: String,
    },
    /// A letter was refused for good.
    LetterRefused {
        /// The letter's key.
        letter: String,
        /// Whom it did not reach: organisation code.
        organisation: String,
        /// What the mail system said.
        reason: String,
    },
    /// Try a failed stage again.
    Retry,
    /// Call the run off.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Leave the run out for its period.
    Skip {
        /// Why.
        reason: String,
    },
}

/// A document as it is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewDocument {
    /// What kind it is; what the stage asks for, or the corrected decision is, if none is named.
    pub kind: Option<DecisionKind>,
    /// What is said of it; without a title it is about what the stage or the corrected decision is.
    #[serde(flatten)]
    pub document: Document,
    /// What is attached to it.
    pub attachments: Vec<NewAttachment>,
}

/// A file that is to be attached to a decision; its content lies where files are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewAttachment {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of its content, lower-case hex.
    pub sha256: String,
}
