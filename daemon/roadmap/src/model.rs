//! What a road map says, once read and checked.
//!
//! These types are the only form in which the rest of Vekha sees a definition. They are built by
//! [`crate::read`] from the administrator's files and never by hand elsewhere, so whoever holds a
//! [`RoadMap`] may rely on what `check` proved: every reference resolves, every formula types.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::formula::Formula;
use crate::period::PeriodKind;

/// A municipality's whole road map: people, calendar, activities and all that they use.
#[derive(Debug, Clone)]
pub struct RoadMap {
    /// The authority whose plan this is.
    pub municipality: Municipality,
    /// Which days are worked.
    pub calendar: Calendar,
    /// Every organisation, the department included, ordered by code.
    pub organisations: Vec<Organisation>,
    /// The activities, ordered by number.
    pub activities: Vec<Activity>,
    /// Forms by id (the file's name without its ending).
    pub forms: BTreeMap<String, Form>,
    /// Analyses by id.
    pub analyses: BTreeMap<String, Analysis>,
    /// Templates by path below the road map's folder: `letters/reminder/body.txt`,
    /// `reports/annual-report.html`, `decisions/low-results.txt`.
    pub templates: BTreeMap<String, String>,
}

impl RoadMap {
    /// The activity with this id.
    pub fn activity(&self, id: &str) -> Option<&Activity> {
        self.activities.iter().find(|a| a.id == id)
    }

    /// The organisation with this code.
    pub fn organisation(&self, code: &str) -> Option<&Organisation> {
        self.organisations
            .binary_search_by(|o| o.code.as_str().cmp(code))
            .ok()
            .map(|i| &self.organisations[i])
    }

    /// Full names by code: what analyses call the organisations.
    pub fn names(&self) -> BTreeMap<String, String> {
        self.organisations.iter().map(|o| (o.code.clone(), o.name.clone())).collect()
    }

    /// What people call an organisation where there is little room; its code if it is not known.
    pub fn short_name(&self, code: &str) -> String {
        self.organisation(code).map_or_else(|| code.to_owned(), |o| o.short.clone())
    }

    /// What an analyze stage computes.
    pub fn analysis_of(&self, activity: &str, stage: &str) -> Option<&Analysis> {
        match &self.activity(activity)?.stage(stage)?.1.work {
            Work::Analyze(analyze) => self.analyses.get(&analyze.analysis),
            _ => None,
        }
    }

    /// The form that a collect stage asks to fill.
    pub fn form_of(&self, activity: &str, stage: &str) -> Option<&Form> {
        self.forms.get(&self.activity(activity)?.collect(stage)?.form)
    }

    /// Codes of those whom a selection names by itself, whenever they work; `part` is whom the run
    /// is about, where each has its own. Whom findings or a person will name is not known here.
    pub fn selected<'a>(
        &'a self,
        selection: &'a Participants,
        part: Option<&'a str>,
    ) -> Vec<&'a str> {
        match selection {
            Participants::Kinds(kinds) => self.of_kinds(kinds),
            Participants::Organisations(codes) => codes.iter().map(String::as_str).collect(),
            Participants::Each => part.into_iter().collect(),
            Participants::FoundBy { .. } | Participants::Named => vec![],
        }
    }

    /// Codes of the organisations of these kinds.
    pub fn of_kinds(&self, kinds: &[OrganisationKind]) -> Vec<&str> {
        let ours = self.organisations.iter().filter(|o| kinds.contains(&o.kind));
        ours.map(|o| o.code.as_str()).collect()
    }

    /// The department: the organisation that runs the road map. `check` proves that there is one.
    pub fn department(&self) -> &Organisation {
        self.organisations
            .iter()
            .find(|o| o.kind == OrganisationKind::Department)
            .expect("check refuses a registry without a department")
    }

    /// Activities that name `id` in their `after`.
    pub fn downstream<'a>(
        &'a self,
        id: &'a str,
    ) -> impl Iterator<Item = (&'a Activity, &'a Upstream)> {
        self.activities.iter().flat_map(move |a| {
            a.schedule.after.iter().filter(move |u| u.activity == id).map(move |u| (a, u))
        })
    }
}

/// The tenant: an authority with its name, time zone and habits.
#[derive(Debug, Clone)]
pub struct Municipality {
    /// Latin id, part of every resource name: `municipalities/{id}`.
    pub id: String,
    /// Official name.
    pub name: String,
    /// The authority's name as letters sign it.
    pub authority: String,
    /// Where its documents are issued: «г. Заречный»; may be empty.
    pub place: String,
    /// The act that adopted the road map, in words.
    pub adopted_by: String,
    /// Where deadlines are counted.
    pub time_zone: TimeZone,
    /// Start of the working day: when runs open and letters leave.
    pub opens: Time,
    /// End of the working day: the moment at which something is overdue.
    pub closes: Time,
    /// The person whom a school may ask.
    pub contact: Contact,
    /// Section titles by id, in the order of the decree.
    pub sections: Vec<Section>,
    /// The decree's names of responsible parties: `department` -> «Отдел образования».
    pub parties: BTreeMap<String, String>,
}

/// A heading of the road map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Latin id.
    pub id: String,
    /// The decree's heading, word for word.
    pub title: String,
    /// What the work of the section is for, in the municipality's words; may be empty.
    pub goal: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// Full name.
    pub name: String,
    /// Position, in words.
    pub role: String,
    /// What the person is to the road map, whatever the position is called.
    pub duty: Option<Duty>,
    /// E-mail address; empty if unknown.
    pub email: String,
    /// Telephone in free form; empty if unknown.
    pub phone: String,
    /// The organisation's letters go to this person as well.
    pub letters: bool,
}

/// What a person of an organisation is to the road map.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Duty {
    /// Answers for the organisation.
    Director,
    /// Stands in for the director.
    Deputy,
    /// Gathers the figures and answers the forms.
    Coordinator,
    /// Takes in letters and passes them on.
    Secretary,
}

impl Duty {
    /// Every one of them.
    pub const ALL: &[Duty] = <Duty as strum::VariantArray>::VARIANTS;

    /// As definitions and the API spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Duty::Director => "руководитель",
            Duty::Deputy => "заместитель",
            Duty::Coordinator => "координатор",
            Duty::Secretary => "секретарь",
        }
    }
}

/// What an organisation is.
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
pub enum OrganisationKind {
    /// The education authority itself.
    Department,
    /// A general school.
    School,
    /// A kindergarten.
    Kindergarten,
    /// A methodical association of teachers (ММО).
    Association,
}

impl OrganisationKind {
    /// Every one of them.
    pub const ALL: &[OrganisationKind] = <OrganisationKind as strum::VariantArray>::VARIANTS;

    /// As definitions and the API spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            OrganisationKind::Department => "отдел образования",
            OrganisationKind::School => "школа",
            OrganisationKind::Kindergarten => "детский сад",
            OrganisationKind::Association => "методическое объединение",
        }
    }
}

/// One organisation of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Latin code, unique, never reused: `school-1`.
    pub code: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Official name.
    pub name: String,
    /// Name for tables.
    pub short: String,
    /// Where its letters go; empty if unknown.
    pub email: String,
    /// Its people, the first to be asked first.
    pub contacts: Vec<Contact>,
    /// First day of its existence in the registry: what spreads rotations evenly and stably.
    pub since: Date,
    /// Last day, once closed.
    pub until: Option<Date>,
}

impl Organisation {
    /// Whether the organisation exists on `day`.
    pub fn active_on(&self, day: Date) -> bool {
        self.since <= day && self.until.is_none_or(|until| day <= until)
    }

    /// The person to be asked first.
    pub fn contact(&self) -> Option<&Contact> {
        self.contacts.first()
    }

    /// Whom its letters go to, as names and addresses, each address once; empty if no address is
    /// known.
    pub fn addressees(&self) -> Vec<(&str, &str)> {
        let people = self.contacts.iter().filter(|c| c.letters);
        let own = std::iter::once((self.name.as_str(), self.email.as_str()));
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (name, email) in own.chain(people.map(|c| (c.name.as_str(), c.email.as_str()))) {
            if !email.is_empty() && !all.iter().any(|(_, known)| *known == email) {
                all.push((name, email));
            }
        }
        all
    }
}

/// One row of the road map.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The row's number in the decree.
    pub number: u32,
    /// Latin id (the file's name without number and ending).
    pub id: String,
    /// The decree's words.
    pub title: String,
    /// A few words for tables, letters' subjects and chains.
    pub short: String,
    /// Section id.
    pub section: String,
    /// The decree's deadline column, word for word.
    pub deadline: String,
    /// Party ids in the decree's order.
    pub responsible: Vec<String>,
    /// When runs start.
    pub schedule: Schedule,
    /// What a run does, in order.
    pub stages: Vec<Stage>,
}

impl Activity {
    /// Position and definition of the stage with this id.
    pub fn stage(&self, id: &str) -> Option<(usize, &Stage)> {
        self.stages.iter().enumerate().find(|(_, s)| s.id == id)
    }

    /// What the collect stage with this id asks; none if it is no such stage.
    pub fn collect(&self, id: &str) -> Option<&Collect> {
        match &self.stage(id)?.1.work {
            Work::Collect(collect) => Some(collect),
            _ => None,
        }
    }

    /// Ids of the stages that analyze.
    pub fn analyses(&self) -> impl Iterator<Item = &str> {
        let analyze = self.stages.iter().filter(|s| matches!(s.work, Work::Analyze(_)));
        analyze.map(|stage| stage.id.as_str())
    }
}

/// When runs of an activity start.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The recurrence.
    pub every: Every,
    /// What a run's period is.
    pub period: PeriodKind,
    /// Whether a run is about the period that it opens in or the one before.
    pub of: PeriodOf,
    /// First and last year in which runs open, both inclusive.
    pub from: Option<i16>,
    /// See `from`.
    pub until: Option<i16>,
    /// Runs of other activities that must be completed first.
    pub after: Vec<Upstream>,
    /// Never ending: each run hands over to the next one (shown as «постоянно»).
    pub continuous: bool,
    /// What happens to openings missed while the daemon was down or the activity paused.
    pub catch_up: CatchUp,
    /// What happens when the earlier run is still going.
    pub overlap: Overlap,
}

/// The recurrence of an activity.
#[derive(Debug, Clone, PartialEq)]
pub enum Every {
    /// A single run, opened on a date.
    Once {
        /// The day on which it opens.
        opens: Date,
    },
    /// On one or more fixed days of each year: one for a yearly activity, two for a half-yearly,
    /// four for a quarterly one.
    Yearly {
        /// Month and day of each opening, ascending.
        opens: Vec<MonthDay>,
    },
    /// Each organisation once in `years`, spread evenly and stably over them.
    Rotation {
        /// Length of the cycle in years, at least 2.
        years: u8,
        /// Month and day on which each year's share opens.
        opens: MonthDay,
        /// Kinds of organisations that take part.
        kinds: Vec<OrganisationKind>,
    },
    /// A cron expression of five fields, in the municipality's time zone.
    Cron {
        /// As written, for people.
        expression: String,
    },
    /// Opened when all of `after` are completed; there is no date of its own.
    AfterOnly,
    /// Only when a person or a system asks.
    OnDemand,
    /// When an event of this name arrives.
    OnEvent {
        /// The event's name.
        event: String,
    },
}

/// A day of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthDay {
    /// 1..=12
    pub month: i8,
    /// 1..=31; 29 February opens on 28 February in common years.
    pub day: i8,
}

/// Which period a run that opens on a day is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodOf {
    /// The period that contains the day.
    Current,
    /// The one before it.
    Previous,
}

/// A run that must be completed before this activity's run starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Activity id.
    pub activity: String,
    /// Of the same period, or of the one before.
    pub period: PeriodOf,
}

/// Policy for openings that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Open the latest of them.
    Latest,
    /// Open every one.
    All,
    /// Open none.
    Skip,
}

/// Policy for an opening while the activity's earlier run is unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Both go on.
    Allow,
    /// The new run is recorded as skipped.
    Skip,
    /// The new run waits for the earlier one to end.
    Wait,
}

/// One step of a run.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Id within the activity; defaults to the kind's name.
    pub id: String,
    /// A few words for people.
    pub title: String,
    /// Ids of stages that must be completed first; by default the one before.
    pub needs: Vec<String>,
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

/// Another system that knows answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefill {
    /// The source's id in the daemon's settings.
    pub id: String,
    /// Whether the participant looks at what it brought and sends it; otherwise it is the answer,
    /// as far as it is right.
    pub confirm: bool,
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

/// Compute indicators and findings.
#[derive(Debug, Clone)]
pub struct Analyze {
    /// Analysis id.
    pub analysis: String,
    /// Whose datasets it reads.
    pub from: Vec<DatasetSource>,
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
    /// Which runs it is about.
    pub covers: Covers,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// The run that publishes it.
    Run,
    /// Every run of the municipality within the run's period.
    Period,
}

/// A length of time in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Span {
    /// Days as the calendar counts them.
    Days(u16),
    /// Days that the municipality works.
    WorkingDays(u16),
}

/// A due date as a definition states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So long after the start.
    After(Span),
    /// On the next such day of the year after the start.
    On(MonthDay),
}

/// A moment relative to a due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offset {
    /// So long before it.
    Before(Span),
    /// On the day itself.
    OnTheDay,
    /// So long after it.
    After(Span),
}

/// What an assignment asks for.
#[derive(Debug, Clone)]
pub struct Form {
    /// Id: the file's name without its ending.
    pub id: String,
    /// Heading.
    pub title: String,
    /// What it is about, above the first field.
    pub intro: String,
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// Conditions across fields.
    pub rules: Vec<FormRule>,
}

impl Form {
    /// The field with this id.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// The fields that are answered with a file.
    pub fn files(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| matches!(field.kind, FieldKind::File(_)))
    }
}

/// One question of a form.
#[derive(Debug, Clone)]
pub struct Field {
    /// Latin id with underscores: also its name in formulas.
    pub id: String,
    /// The question.
    pub label: String,
    /// How to answer it; may be empty.
    pub help: String,
    /// Heading under which it stands; may be empty.
    pub section: String,
    /// Unit, for people: «чел.».
    pub unit: String,
    /// What is answered.
    pub kind: FieldKind,
    /// Whether an answer must be given.
    pub required: Required,
    /// Change of a number against the period before, in per cent, beyond which it must be
    /// explained.
    pub jump: Option<f64>,
}

/// When an answer must be given.
#[derive(Debug, Clone)]
pub enum Required {
    /// Always.
    Always,
    /// Never.
    Optional,
    /// When the formula over the other fields holds.
    When(Formula),
}

/// The type of an answer.
#[derive(Debug, Clone)]
pub enum FieldKind {
    /// A whole number.
    Integer(Range),
    /// A number with a decimal comma.
    Decimal(Range),
    /// A share in per cent, 0 to 100 unless narrowed.
    Percent(Range),
    /// One line.
    Text {
        /// Longest answer, in characters.
        max_length: usize,
    },
    /// Several lines.
    LongText {
        /// Longest answer, in characters.
        max_length: usize,
    },
    /// A day.
    Date,
    /// One of the options.
    Choice(Vec<Choice>),
    /// Any number of the options.
    Choices(Vec<Choice>),
    /// Yes or no.
    YesNo,
    /// How many got each score.
    Histogram(Scores),
    /// A file.
    File(FileRule),
    /// Rows of the same columns.
    Table(Table),
}

/// What a file may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Endings of its name, lower case, without the dot.
    pub endings: Vec<String>,
    /// Most bytes.
    pub max_bytes: u64,
}

/// Documents, tables and pictures, of 10 MB at most.
impl Default for FileRule {
    fn default() -> Self {
        let endings = ["pdf", "docx", "odt", "xlsx", "ods", "jpg", "png"];
        FileRule { endings: endings.map(str::to_owned).to_vec(), max_bytes: 10 << 20 }
    }
}

/// The scores of a histogram, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Lowest score.
    pub from: i64,
    /// Highest score.
    pub to: i64,
}

impl Scores {
    /// Every score, ascending.
    pub fn all(self) -> impl Iterator<Item = i64> {
        self.from..=self.to
    }

    /// How many there are.
    pub fn count(self) -> usize {
        usize::try_from(self.to - self.from + 1).unwrap_or_default()
    }
}

/// Bounds of a number, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// One answer of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is stored and compared in formulas.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// Rows of the same columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// Columns; never tables themselves.
    pub columns: Vec<Field>,
    /// Which rows there are.
    pub rows: Rows,
}

/// The rows of a table field.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Exactly these, by heading; formulas see the heading as `row`.
    Fixed(Vec<String>),
    /// As many as are needed, within bounds.
    Free {
        /// Fewest rows.
        min: usize,
        /// Most rows.
        max: usize,
    },
}

/// A condition across fields.
#[derive(Debug, Clone)]
pub struct FormRule {
    /// Must be true. With `each`, evaluated per row, whose columns stand under `row`.
    pub check: Formula,
    /// Table field over whose rows the rule runs.
    pub each: Option<String>,
    /// Field at which the message is shown (a column id when `each` is set).
    pub at: String,
    /// What to tell the person.
    pub message: String,
    /// Who breaks it is not refused but asked for an explanation, which is kept.
    pub soft: bool,
}

/// How datasets become indicators and findings.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// Id: the file's name without its ending.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Method and source, for readers of the report.
    pub method: String,
    /// Named numbers that formulas see as `threshold.name`.
    pub thresholds: BTreeMap<String, f64>,
    /// Fewest organisations with a value for comparisons to be stated.
    pub min_count: usize,
    /// The figures, in the order of computation: each may use those before it.
    pub indicators: Vec<Indicator>,
    /// What makes a finding.
    pub rules: Vec<Rule>,
}

impl Analysis {
    /// The names that its formulas start from.
    pub fn names(&self) -> BTreeSet<String> {
        let counts = self.indicators.iter().filter_map(|i| Some(&i.rests_on.as_ref()?.count));
        let formulas = self.indicators.iter().map(|i| &i.formula).chain(counts);
        formulas.chain(self.rules.iter().map(|rule| &rule.when)).flat_map(Formula::names).collect()
    }
}

/// A figure computed per organisation, with the municipality's aggregates.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// Latin id with underscores: also its name in formulas.
    pub id: String,
    /// What it measures.
    pub title: String,
    /// Unit, for people: «%».
    pub unit: String,
    /// Digits after the comma when shown.
    pub decimals: u8,
    /// Whether more of it is better; none if neither.
    pub better: Option<Better>,
    /// How it is computed.
    pub formula: Formula,
    /// How many participants it takes for the value to be stated; none if any number will do.
    pub rests_on: Option<RestsOn>,
}

/// Participants that a figure rests on: of few, one child makes a third.
#[derive(Debug, Clone)]
pub struct RestsOn {
    /// How many there are.
    pub count: Formula,
    /// Of fewer nothing is stated.
    pub least: u32,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What makes a finding.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Id within the analysis.
    pub id: String,
    /// Condition over indicators, `municipality`, `earlier` and `threshold`.
    pub when: Formula,
    /// How grave.
    pub severity: Severity,
    /// Template of the finding's sentence.
    pub finding: String,
    /// Template of the recommendation; none if the finding asks for none.
    pub recommendation: Option<String>,
    /// Templates of other recommendations for the same finding, from which the department may choose.
    pub alternatives: Vec<String>,
    /// Indicator ids that the finding shows.
    pub shows: Vec<String>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Needs attention.
    Attention,
    /// Needs action.
    Serious,
}
