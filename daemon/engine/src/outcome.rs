//! What a step changed and what must now happen: to be committed together with the run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use vekha_analysis::{Outcome as AnalysisOutcome, Values};

use crate::command::Origin;
use crate::entry::Entry;
use crate::key::{AssignmentKey, RunKey};

/// The changes and effects of one step.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What happened, for the journal, in order.
    pub entries: Vec<Entry>,
    /// Work that follows, apart from waking.
    pub jobs: Vec<Job>,
    /// When the run must be woken next; none cancels an earlier wish.
    pub wake_at: Option<Timestamp>,
    /// Letters to be delivered.
    pub letters: Vec<Letter>,
    /// Assignments that changed or came to be.
    pub assignments: BTreeSet<AssignmentKey>,
    /// Those of them whose link is another one from now on.
    pub links: BTreeSet<AssignmentKey>,
    /// Recommendations that changed or came to be.
    pub recommendations: BTreeSet<AssignmentKey>,
    /// Positions of decisions that came to be.
    pub decisions: BTreeSet<usize>,
    /// Positions of measures that changed or came to be.
    pub measures: BTreeSet<usize>,
    /// Accepted answers.
    pub submissions: Vec<Submission>,
    /// Finished analyses, by stage id.
    pub analyses: Vec<(String, AnalysisOutcome)>,
}

impl Outcome {
    /// Adds what a further step of the same run changed.
    pub fn absorb(&mut self, later: Outcome) {
        self.entries.extend(later.entries);
        self.jobs.extend(later.jobs);
        self.wake_at = later.wake_at;
        self.letters.extend(later.letters);
        self.assignments.extend(later.assignments);
        self.links.extend(later.links);
        self.recommendations.extend(later.recommendations);
        self.decisions.extend(later.decisions);
        self.measures.extend(later.measures);
        self.submissions.extend(later.submissions);
        self.analyses.extend(later.analyses);
    }
}

/// Work that follows from a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Job {
    /// Tell `run` that a run it waits for came to be or ended; open it if it has no opening of
    /// its own.
    Upstream {
        /// The run that waits.
        run: RunKey,
    },
    /// Ask another system what it knows of a stage's participants.
    Fetch {
        /// The run.
        run: RunKey,
        /// Stage id.
        stage: String,
    },
    /// Compute the analysis of a stage.
    Analyze {
        /// The run.
        run: RunKey,
        /// Stage id.
        stage: String,
    },
    /// Have a plugin give what the analysis of a stage has no formulas for, and compute the rest.
    Consult {
        /// The run.
        run: RunKey,
        /// Stage id.
        stage: String,
    },
    /// Draft the recommendations of a stage.
    Draft {
        /// The run.
        run: RunKey,
        /// Stage id.
        stage: String,
    },
    /// Render and publish the report of a stage.
    Publish {
        /// The run.
        run: RunKey,
        /// Stage id.
        stage: String,
    },
    /// Tell the department that a letter did not arrive: committed with the letter's own end, so
    /// that no crash comes between.
    TellRefused {
        /// The run.
        run: RunKey,
        /// The letter's key.
        letter: String,
        /// Whom it did not reach: organisation code.
        organisation: String,
        /// What the mail system said.
        reason: String,
    },
}

impl Job {
    /// The run that the job is about.
    pub fn run(&self) -> &RunKey {
        match self {
            Job::Upstream { run }
            | Job::Fetch { run, .. }
            | Job::Analyze { run, .. }
            | Job::Consult { run, .. }
            | Job::Draft { run, .. }
            | Job::Publish { run, .. }
            | Job::TellRefused { run, .. } => run,
        }
    }

    /// What is to be done, as columns spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Job::Upstream { .. } => "upstream",
            Job::Fetch { .. } => "fetch",
            Job::Analyze { .. } => "analyze",
            Job::Consult { .. } => "consult",
            Job::Draft { .. } => "draft",
            Job::Publish { .. } => "publish",
            Job::TellRefused { .. } => "tell-refused",
        }
    }

    /// A unique name: the same job asked for twice is one job.
    pub fn key(&self) -> String {
        match self {
            Job::Upstream { run } => format!("upstream/{run}"),
            Job::Fetch { run, stage } => format!("fetch/{run}/{stage}"),
            Job::Analyze { run, stage } => format!("analyze/{run}/{stage}"),
            Job::Consult { run, stage } => format!("consult/{run}/{stage}"),
            Job::Draft { run, stage } => format!("draft/{run}/{stage}"),
            Job::Publish { run, stage } => format!("publish/{run}/{stage}"),
            Job::TellRefused { letter, .. } => format!("tell-refused/{letter}"),
        }
    }
}

/// A message as the engine wants it: facts, not text. It is rendered when it is delivered, with
/// the templates of the run's own road-map version.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Unique name; the Message-ID is derived from it.
    pub key: String,
    /// Which template.
    pub kind: LetterKind,
    /// Organisation code of the addressee.
    pub to: String,
    /// The run that it is about.
    pub run: RunKey,
    /// The assignment whose link it carries.
    pub assignment: Option<AssignmentKey>,
    /// Which of the assignment's links: how often it had been replaced.
    pub link: u32,
    /// Where the run's journal stood when it was written: of two letters about one thing the later
    /// has the larger number.
    pub revision: u64,
    /// Key of the letter that began the thread.
    pub thread: Option<String>,
    /// By when what it asks for is due.
    pub due: Option<Date>,
    /// Not to be sent before.
    pub not_before: Timestamp,
    /// The template's variables beyond the common ones.
    pub facts: Values,
}

/// The kinds of letters, by the names of their template folders.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum LetterKind {
    /// A participant is asked for information.
    Assignment,
    /// A participant is reminded.
    Reminder,
    /// A participant's answer was accepted.
    Receipt,
    /// A participant's answer is returned for correction.
    Returned,
    /// A participant learns what became of its due date.
    Extension,
    /// A participant gets its link once more, or another one.
    Link,
    /// An organisation gets its recommendations.
    Recommendation,
    /// An organisation is told a measure to carry out.
    Measure,
    /// An organisation learns that a measure is not asked of it any more.
    MeasureWithdrawn,
    /// An organisation that was asked learns that nothing is asked of it any more.
    CalledOff,
    /// The department learns who is silent.
    Escalation,
    /// The department learns that a collection closed.
    Closed,
    /// All have answered: the department is asked to look at the answers.
    Review,
    /// The department is asked for more time.
    ExtensionRequest,
    /// The department is asked to approve drafts.
    Drafts,
    /// The department is asked to decide.
    DecisionDue,
    /// The department is asked how to go on.
    Question,
    /// The department learns of a failure.
    Failure,
}

impl LetterKind {
    /// Every kind.
    pub const ALL: &[LetterKind] = <LetterKind as strum::VariantArray>::VARIANTS;

    /// The template's folder, and the word that columns and the API use.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// An accepted answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Which assignment it answers.
    pub assignment: AssignmentKey,
    /// Its number, from 1.
    pub version: u32,
    /// When it came.
    pub at: Timestamp,
    /// Who sent it.
    pub actor: String,
    /// Through what.
    pub origin: Origin,
    /// The answers, typed and checked.
    pub answers: Values,
}
