//! What the department does with a run, from the run's page: go on or leave it out, release
//! drafts, record decisions, control measures, give more time.
//!
//! Every form of the page is a [`Sheet`]. What was sent becomes [`Step`]s, which the engine takes all
//! together or not at all. The rules are the engine's.

mod answer;
mod assignments;
mod decision;
mod drafts;
mod extension;
mod keeping;
mod link;
mod measures;
mod run;
pub mod schedule;
pub mod sheet;
pub mod told;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_engine::run::{Run, Stage};
use vekha_engine::{AssignmentKey, Command, Offer};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{FieldError, Values, validate};
use vekha_roadmap::model::{Activity, Form};

use crate::access::Role;
use crate::console::department::actions::sheet::{Page, Sent, Sheet};
use crate::console::frame::access::Person;
use crate::console::frame::paging::Asked;
use crate::console::frame::posted;
use crate::console::frame::said::{self, Said};
use crate::console::frame::sending;
use crate::console::school::uploads;
use crate::glossary;
use crate::offered;
use crate::runtime::committer::Caller;
use crate::runtime::documents::uploads::Upload;
use crate::runtime::{Ask, Runtime};
use crate::store::StoreError;
use crate::store::write::files::of_decisions;

/// What a form of the run's page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// Starting without waiting any longer.
    Proceed,
    /// Leaving the run out.
    Skip,
    /// Trying a failed stage again.
    Retry,
    /// Calling the run off.
    Cancel,
    /// Who of the department sees to it.
    Entrust,
    /// A remark for the journal.
    Remark,
    /// Drafts of this stage.
    Drafts(String),
    /// A decision that this stage awaits.
    Decision(String),
    /// A decision that corrects the one of this number.
    Correction(usize),
    /// A file for the decision of this number.
    Attachment(usize),
    /// The report on the measure of this number.
    Measure(usize),
    /// Assignments that wait for an answer.
    Assignments,
    /// The answer to this assignment.
    Answer(AssignmentKey),
    /// The participant's wish for more time.
    Extension(AssignmentKey),
    /// The participant's link.
    Link(AssignmentKey),
    /// The answers of this stage, all of which are there.
    Review(String),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Proceed => f.write_str("proceed"),
            About::Skip => f.write_str("skip"),
            About::Retry => f.write_str("retry"),
            About::Cancel => f.write_str("cancel"),
            About::Entrust => f.write_str("entrust"),
            About::Remark => f.write_str("remark"),
            About::Drafts(stage) => write!(f, "drafts:{stage}"),
            About::Decision(stage) => write!(f, "decision:{stage}"),
            About::Correction(number) => write!(f, "correction:{number}"),
            About::Attachment(number) => write!(f, "attachment:{number}"),
            About::Measure(number) => write!(f, "measure:{number}"),
            About::Assignments => f.write_str("assignments"),
            About::Answer(key) => write!(f, "answer:{key}"),
            About::Extension(key) => write!(f, "extension:{key}"),
            About::Link(key) => write!(f, "link:{key}"),
            About::Review(stage) => write!(f, "review:{stage}"),
        }
    }
}

impl FromStr for About {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name.split_once(':').unwrap_or((name, "")) {
            ("proceed", _) => About::Proceed,
            ("skip", _) => About::Skip,
            ("retry", _) => About::Retry,
            ("cancel", _) => About::Cancel,
            ("entrust", _) => About::Entrust,
            ("remark", _) => About::Remark,
            ("drafts", stage) => About::Drafts(stage.to_owned()),
            ("decision", stage) => About::Decision(stage.to_owned()),
            ("correction", number) => About::Correction(number.parse().map_err(|_| ())?),
            ("attachment", number) => About::Attachment(number.parse().map_err(|_| ())?),
            ("measure", number) => About::Measure(number.parse().map_err(|_| ())?),
            ("assignments", _) => About::Assignments,
            ("answer", key) => About::Answer(key.parse().map_err(|_| ())?),
            ("extension", key) => About::Extension(key.parse().map_err(|_| ())?),
            ("link", key) => About::Link(key.parse().map_err(|_| ())?),
            ("review", stage) => About::Review(stage.to_owned()),
            _ => return Err(()),
        })
    }
}

/// The run and what it stands in.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The road map that the run keeps.
    pub map: &'a RoadMap,
    /// The run.
    pub run: &'a Run,
    /// The day, where the municipality is.
    pub today: Date,
    /// What who looks may do there.
    pub role: Role,
}

impl<'a> Scene<'a> {
    fn activity(&self) -> Option<&'a Activity> {
        self.map.activity(&self.run.key.activity)
    }

    /// Whether this may be done with the run as it stands, by who looks.
    pub fn offers(&self, offer: &Offer) -> bool {
        let stands = |activity| offer.stands(activity, self.run).is_ok();
        self.role >= offered::needs(offer) && self.activity().is_some_and(stands)
    }

    /// The role that is needed for a command and that who looks does not have.
    fn lacks(&self, command: &Command) -> Option<Role> {
        let needed = Offer::taken_up(command).iter().map(offered::needs).max();
        needed.filter(|needed| self.role < *needed)
    }
}

/// One command of those that a form asks for.
struct Step {
    /// What is asked.
    command: Command,
    /// Begins the names of the fields that it came from, where a form has several of a kind.
    within: String,
}

impl Step {
    fn new(command: Command) -> Self {
        Step { command, within: String::new() }
    }
}

/// The form, with all fields that it may have had when it was sent.
fn sheet(about: &About, scene: &Scene<'_>) -> Option<Sheet> {
    let name = about.to_string();
    match about {
        About::Proceed | About::Retry => Some(Sheet::new(&name, vec![])),
        About::Skip | About::Cancel => Some(Sheet::new(&name, vec![sheet::reason()])),
        About::Entrust => Some(keeping::entrust(&name, scene)),
        About::Remark => Some(keeping::remark(&name)),
        About::Drafts(stage) => drafts::sheet(&name, scene, stage),
        About::Decision(stage) => decision::sheet(&name, scene, stage),
        About::Correction(number) => decision::correction(&name, scene, *number),
        About::Attachment(number) => decision::attachment(&name, scene, *number),
        About::Measure(number) => measures::sheet(&name, scene, *number),
        About::Assignments => Some(assignments::sheet(&name, scene)),
        About::Answer(key) => answer::sheet(&name, scene, key),
        About::Extension(key) => extension::sheet(&name, scene, key),
        About::Link(key) => link::sheet(&name, scene, key),
        About::Review(_) => Some(Sheet::new(&name, vec![])),
    }
}

/// Whether the form has such a button, where it has several that must not be mistaken.
fn has_button(about: &About, action: &str) -> bool {
    match about {
        About::Measure(_) => matches!(action, "accept" | "return"),
        About::Assignments => matches!(action, "extend" | "waive" | "remind"),
        About::Extension(_) => matches!(action, "grant" | "decline"),
        About::Link(_) => matches!(action, "send" | "renew"),
        _ => true,
    }
}

/// The commands that a form asks for.
fn steps(
    about: &About,
    scene: &Scene<'_>,
    form: &Form,
    sent: &Sent,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let checked = validate(form, &sent.posted.values, &Values::new());
    match about {
        About::Proceed | About::Skip | About::Retry | About::Cancel => run::steps(about, &checked?),
        About::Entrust | About::Remark => Ok(keeping::steps(about, &checked?)),
        About::Decision(stage) => decision::steps(scene, stage, &checked?),
        About::Correction(number) => decision::correct(scene, *number, &checked?),
        About::Attachment(number) => Ok(decision::attach(*number, &checked?)),
        About::Measure(number) => measures::steps(*number, &sent.action, &checked?),
        // What one button needs another does not: of that the form's own check knows nothing.
        About::Drafts(stage) => drafts::steps(scene, stage, sent, checked),
        About::Assignments => assignments::steps(scene, &sent.action, sent, checked),
        About::Answer(key) => answer::steps(key, &checked?),
        About::Extension(key) => extension::steps(scene, key, &sent.action, &checked?),
        About::Link(key) => Ok(link::steps(key, &sent.action, &checked?)),
        About::Review(stage) => {
            let command = Command::AcceptAnswers { stage: stage.clone() };
            Ok(vec![Step::new(command)])
        }
    }
}

/// Does what was sent. The notice's word is returned, or nothing where the page is only to be
/// shown again; `sent` then says why.
pub async fn act(
    runtime: &Runtime,
    scene: &Scene<'_>,
    person: &Person,
    sent: &mut Sent,
    uploads: Vec<Upload>,
) -> Option<&'static str> {
    let refused = |sent: &mut Sent, said| {
        sent.said = said;
        None
    };
    let about: Result<About, ()> = sent.sheet.parse();
    let form = about.as_ref().ok().and_then(|about| sheet(about, scene));
    let (Ok(about), Some(Sheet { form, .. })) = (about, form) else {
        return refused(sent, Said::Refused("такой формы на странице нет".to_owned()));
    };
    // Not even read: the page would be as long as what was sent.
    if let Some(excess) = posted::excess(&form, &sent.pairs) {
        let sentence = excess.sentence();
        let kept = "введённое осталось в браузере, на предыдущей странице";
        return refused(sent, Said::Refused(format!("{sentence}; {kept}")));
    }
    let wrong = match keep(runtime, scene, &form, sent, uploads).await {
        Ok(wrong) => wrong,
        Err(e) => {
            tracing::error!("a file was not kept: {e}");
            sent.read(&form);
            return refused(sent, Said::Unsaved);
        }
    };
    if !wrong.is_empty() {
        return refused(sent, Said::Wrong(wrong));
    }
    if sent.read(&form) {
        return refused(sent, Said::MoreRows);
    }
    if !has_button(&about, &sent.action) {
        return refused(sent, Said::Refused("такой кнопки в форме нет".to_owned()));
    }
    let steps = match steps(&about, scene, &form, sent) {
        Ok(steps) => steps,
        Err(errors) => return refused(sent, Said::Wrong(errors)),
    };
    if let Some(role) = steps.iter().find_map(|step| scene.lacks(&step.command)) {
        let words = format!("для этого нужна роль «{}»", glossary::role(role));
        return refused(sent, Said::Refused(words));
    }
    // A form's buttons are requests of their own.
    let own = format!("{}/{about}/{}", scene.run.key, sent.action);
    let done = perform(runtime, scene, person, &own, sent, steps).await;
    match done {
        Ok(()) => Some(told::word(&about, &sent.action)),
        Err(said) => refused(sent, said),
    }
}

/// Keeps the files that came with a form, and reads it. Returns what is wrong with them: also that
/// the form names one that never came.
async fn keep(
    runtime: &Runtime,
    scene: &Scene<'_>,
    form: &Form,
    sent: &mut Sent,
    uploads: Vec<Upload>,
) -> Result<Vec<FieldError>, StoreError> {
    let owner = of_decisions(&scene.run.key);
    let mut wrong = uploads::keep(runtime, form, &owner, uploads, &mut sent.pairs).await?;
    sent.read(form);
    if wrong.is_empty() {
        wrong = runtime.missing_files(form, &owner, &sent.posted.values, false).await?;
    }
    Ok(wrong)
}

/// Carries out all that a form asks for, or nothing of it.
async fn perform(
    runtime: &Runtime,
    scene: &Scene<'_>,
    person: &Person,
    own: &str,
    sent: &Sent,
    steps: Vec<Step>,
) -> Result<(), Said> {
    let (within, mut commands): (Vec<String>, Vec<Command>) =
        steps.into_iter().map(|step| (step.within, step.command)).unzip();
    let ask = match commands.len() {
        0 => return Ok(()),
        1 => Ask::Step(commands.remove(0)),
        _ => Ask::Steps(commands),
    };
    let from = sending::Sent { about: own, once: &sent.posted.once, said: sent.said_there() };
    let act = |by| runtime.act(scene.run.key.clone(), ask.clone(), by);
    said::of(from.act(runtime, Caller::new(person.actor()), act).await, &within)
}

pub use decision::redraft;

/// What is drafted for decisions, by the stage that awaits them.
pub type Texts = BTreeMap<String, String>;

/// The forms that a run's page has now. Of long lists there is a part: `shown` says which, `measures`
/// which of a decision's measures.
pub fn offers(
    scene: &Scene<'_>,
    page: &Page<'_>,
    texts: &Texts,
    shown: &Asked,
    measures: &Range<usize>,
) -> Value {
    json!({
        "run": run::offers(scene, page),
        "keeping": keeping::offers(scene, page),
        "drafts": drafts::offers(scene, page, shown),
        "decisions": decision::offers(scene, page, texts),
        "attachments": decision::attachments(scene, page),
        "measures": measures::offers(scene, page, measures),
        "reported": measures::reported(scene),
        "assignments": assignments::offer(scene, page, shown),
        "extensions": extension::offers(scene, page),
        "reviews": reviews(scene, page),
    })
}

/// The form of what may be done with those whose answers are awaited: on a page that lists them.
pub fn awaited(
    scene: &Scene<'_>,
    page: &Page<'_>,
    groups: &BTreeMap<String, usize>,
) -> Option<Value> {
    let offered = |key: &&AssignmentKey| scene.offers(&Offer::Extend((*key).clone()));
    assignments::form(scene, page, scene.run.assignments.keys().filter(offered), groups)
}

/// A form for each stage whose answers are all there.
fn reviews(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let reviewed = |stage: &&Stage| scene.offers(&Offer::AcceptAnswers(stage.id.clone()));
    let stages = scene.run.stages.iter().filter(reviewed);
    stages
        .filter_map(|stage| {
            let mut shown = sheet(&About::Review(stage.id.clone()), scene)?.show(page);
            shown["until"] = json!(stage.review.map(glossary::date));
            Some(shown)
        })
        .collect()
}

/// The form that corrects the decision of this number; none if there is no such decision.
pub fn correction_offer(scene: &Scene<'_>, page: &Page<'_>, number: usize) -> Option<Value> {
    Some(sheet(&About::Correction(number), scene)?.show(page))
}

/// The forms that the page of an answer has now.
pub fn answer_offers(scene: &Scene<'_>, page: &Page<'_>, key: &AssignmentKey) -> Value {
    json!({
        "return": answer::offer(scene, page, key),
        "link": scene
            .offers(&Offer::SendLink(key.clone()))
            .then(|| sheet(&About::Link(key.clone()), scene))
            .flatten()
            .map(|sheet| sheet.show(page)),
    })
}

/// All forms among [`offers`].
pub fn forms(offers: &Value) -> Vec<&Value> {
    fn walk<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
        match value {
            Value::Object(map) if map.contains_key("once") => found.push(value),
            Value::Object(map) => map.values().for_each(|v| walk(v, found)),
            Value::Array(list) => list.iter().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(offers, &mut found);
    found
}
