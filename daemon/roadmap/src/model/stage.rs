//! What is done in a stage.

use super::{
    Audience, Available, Due, MonthDay, Offset, OrganisationKind, PeriodOf, Planned, Span,
};
use crate::formula::Formula;

/// One step of a run.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Id within the activity; defaults to the kind's name.
    pub id: String,
    /// A few words for people.
    pub title: String,
    /// Ids of stages that must be completed first; by default the one before.
    pub needs: Vec<String>,
    /// The day before which it does not begin, though its needs are met: the first such day on or
    /// after the one on which the run opens by its schedule.
    pub not_before: Option<MonthDay>,
    /// What is done.
    pub work: Work,
}

/// What a stage does.
#[derive(Debug, Clone)]
pub enum Work {
    /// Ask participants to fill a form.
    Collect(Collect),
    /// Compute indicators and findings.
    Analyze(Analyze),
    /// Address recommendations to organisations.
    Recommend(Recommend),
    /// Have the authority decide.
    Decide(Decide),
    /// Render a report and put it where it belongs.
    Publish(Publish),
}

impl Work {
    /// The kind's name, as definitions and the API spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Work::Collect(_) => "collect",
            Work::Analyze(_) => "analyze",
            Work::Recommend(_) => "recommend",
            Work::Decide(_) => "decide",
            Work::Publish(_) => "publish",
        }
    }
}

/// Ask participants to fill a form.
#[derive(Debug, Clone)]
pub struct Collect {
    /// Form id.
    pub form: String,
    /// Whether the letter brings the form as a spreadsheet.
    pub attach_form: bool,
    /// What another system knows already, if one is asked.
    pub source: Option<Prefill>,
    /// What the municipality has asked the participant already: shown to be confirmed.
    pub known: Vec<Known>,
    /// The earlier stage of the same run whose form is asked once more: what a participant answered
    /// there is shown to be confirmed or corrected, and stands if it says nothing more.
    pub again: Option<String>,
    /// Since when what is asked can be known, as the stage says or else its form.
    pub available_from: Option<Available>,
    /// Who is asked.
    pub participants: Participants,
    /// By when, counted from the stage's start.
    pub due: Due,
    /// When to remind whoever has not answered, relative to the due date.
    pub remind: Vec<Offset>,
    /// How long after the due date the department is told who is silent.
    pub escalate: Option<Span>,
    /// How long the department may look at the answers, once all are there, before the stage
    /// closes; at once, if absent.
    pub review: Option<Span>,
    /// How long after the due date the stage closes without the silent; never, if absent.
    pub close: Option<Span>,
}

impl Collect {
    /// Whether forms are filled before they are looked at: by a source, or with what was said before.
    pub fn is_filled_beforehand(&self) -> bool {
        self.source.is_some() || !self.known.is_empty() || self.again.is_some()
    }
}

/// Another system that knows answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefill {
    /// The source's id in the daemon's settings.
    pub id: String,
    /// Whether the participant looks at what it brought and sends it; otherwise it is the answer,
    /// as far as it is right.
    pub confirm: bool,
}

/// What was asked in another run and fills a field beforehand.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its place among the stage's `known`, as written.
    pub place: usize,
    /// The field of the form that it fills.
    pub field: String,
    /// Who asked: activity id.
    pub activity: String,
    /// In which period, seen from the run that asks to confirm.
    pub period: PeriodOf,
    /// The department has said it for all participants, and not each of them for itself.
    pub of_department: bool,
    /// What the field is filled with.
    pub value: KnownValue,
}

/// What a field is filled with.
#[derive(Debug, Clone)]
pub enum KnownValue {
    /// What a formula over the answers and indicators yields.
    Formula(Formula),
    /// Rows of a table, which come after those of the `known` before.
    Rows(KnownRows),
}

/// Rows of a table that was answered.
#[derive(Debug, Clone)]
pub struct KnownRows {
    /// The table that they come from.
    pub table: String,
    /// Which of them, seen as `row`; all, if none.
    pub when: Option<Formula>,
    /// Our column and the one that it comes from; those of one name come by themselves.
    pub columns: Vec<(String, String)>,
    /// Columns that say the same in each row.
    pub always: Vec<(String, String)>,
    /// What a column says where it has no such option as the one that comes.
    pub otherwise: Vec<(String, String)>,
    /// Our columns by which a row of the department is known to be the same one when it answers once
    /// more: whatever else it changes in it changes in the answers that were given before. None: nothing
    /// changes there.
    pub same: Vec<String>,
}

/// Who takes part in a collect stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Participants {
    /// All active organisations of these kinds.
    Kinds(Vec<OrganisationKind>),
    /// These organisations.
    Organisations(Vec<String>),
    /// Organisations that another activity's analysis of the same period found.
    FoundBy {
        /// That activity's id.
        activity: String,
        /// Rule ids that count; all, if empty.
        rules: Vec<String>,
    },
    /// The organisations that the run's event (or the person who started it) names.
    Named,
    /// The one organisation whose rotation run this is.
    Each,
}

impl Participants {
    /// Whether the department itself is asked, and nobody else.
    pub fn is_department(&self) -> bool {
        matches!(self, Participants::Kinds(kinds) if kinds[..] == [OrganisationKind::Department])
    }
}

/// Compute indicators and findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analyze {
    /// Analysis id.
    pub analysis: String,
    /// Who gives what the analysis has no formula for: a plugin's id in the daemon's settings.
    pub plugin: Option<String>,
    /// Whose datasets it reads.
    pub from: Vec<DatasetSource>,
    /// Of which kinds the organisations are that it looks at, where others have answered, too; all, if
    /// empty.
    pub kinds: Vec<OrganisationKind>,
}

impl Analyze {
    /// Whether it looks at organisations of this kind; at one that the registry lacks it does unless
    /// kinds are named.
    pub fn looks_at(&self, kind: Option<OrganisationKind>) -> bool {
        self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(&kind))
    }
}

/// A dataset that an analysis reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSource {
    /// The name under which formulas see it; none for the single unnamed dataset, whose fields
    /// formulas see directly.
    pub alias: Option<String>,
    /// Activity id; this activity itself if none.
    pub activity: Option<String>,
}

/// Address recommendations to organisations.
#[derive(Debug, Clone)]
pub struct Recommend {
    /// Activity whose findings they rest on; this one if none.
    pub findings: Option<String>,
    /// Whether a person of the department releases the letters.
    pub approve: bool,
    /// How long an organisation has to acknowledge, counted from the letter.
    pub acknowledge: Option<Span>,
    /// When to remind whoever has not acknowledged.
    pub remind: Vec<Offset>,
}

/// Have the authority decide.
#[derive(Debug, Clone)]
pub struct Decide {
    /// What is to be decided, one title per decision that the stage waits for; at least one.
    pub decisions: Vec<String>,
    /// Template below `decisions/`, without the ending, from which the document's text is drafted;
    /// nothing is drafted if none.
    pub text: Option<String>,
    /// What was answered and belongs to the decision, row by row: the text has it as `lists`.
    pub lists: Vec<AnsweredRows>,
    /// What document it is to be.
    pub document: Planned,
    /// By when, counted from the stage's start.
    pub due: Due,
    /// When to remind the department.
    pub remind: Vec<Offset>,
    /// Measures that the decision carries unless the person who records it names others.
    pub measures: Vec<PlannedMeasure>,
}

impl Decide {
    /// The titles that are still awaited once so many decisions have been taken.
    pub fn awaited(&self, taken: usize) -> &[String] {
        &self.decisions[taken.min(self.decisions.len())..]
    }
}

/// Rows of a table that were answered, as a decision lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRows {
    /// What they are, for people.
    pub title: String,
    /// Where they were asked.
    pub asked: AskedTable,
}

/// A table that a stage has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedTable {
    /// Id of the collect stage that asked.
    pub stage: String,
    /// The table, a field of its form.
    pub table: String,
    /// The columns that are shown, in this order.
    pub columns: Vec<String>,
}

/// A measure that the road map itself prescribes.
#[derive(Debug, Clone)]
pub struct PlannedMeasure {
    /// What is to be done.
    pub text: String,
    /// Who must do it.
    pub by: Participants,
    /// By when, counted from the decision.
    pub due: Due,
}

/// Render a report and put it where it belongs.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Template below `reports/`, without the ending.
    pub report: String,
    /// What tells it from what the same run publishes at other times, for its heading; empty if the run
    /// publishes it once.
    pub edition: String,
    /// Which runs it is about.
    pub covers: Covers,
    /// For whom it is; none in road maps that do not say: then it shows all that there is.
    pub audience: Option<Audience>,
    /// What is published of each organisation beside the report, for everybody.
    pub pages: Option<Pages>,
}

/// A page for each organisation that has answered, of the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// The table, with the columns that everybody may see.
    pub asked: AskedTable,
    /// Template below `reports/`, without the ending.
    pub report: String,
    /// The same as a calendar, if there is to be one.
    pub calendar: Option<PageCalendar>,
}

/// Rows as days of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCalendar {
    /// The column with the day.
    pub day: String,
    /// Template of an entry's title, over the row.
    pub title: String,
    /// Template of what more is said of it; nothing, if none.
    pub about: Option<String>,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// The run that publishes it.
    Run,
    /// Every run of the municipality within the run's period.
    Period,
}
