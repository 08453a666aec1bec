//! Assignments that wait for an answer: more time, or none expected any more. One form for as many
//! as are meant, because those who are late are seldom late alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::glossary;
use serde_json::Value;
use vekha_engine::run::{Assignment, AssignmentKind};
use vekha_engine::{AssignmentKey, Command, Offer};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Choice, Field, FieldKind};

use super::sheet::{Page, Sent, Sheet, choice, chosen, day, field, optional, reason, text};
use super::{About, Scene, Step};
use crate::console::department::administrator;
use crate::console::frame::paging::{Asked, Paging, ROWS};

/// Before the id of a stage: all who are awaited in it. No assignment is called so.
const ALL_OF: char = '*';

/// All that may have been sent: one that was open may have been settled since.
pub(super) fn sheet(name: &str, scene: &Scene<'_>) -> Sheet {
    let stages = scene.run.stages.iter().map(|stage| (stage.id.as_str(), 0));
    let groups = stages.map(|(stage, count)| group(scene, stage, count));
    let each = scene.run.assignments.iter().map(|(key, a)| one(scene, key, a));
    of(name, groups.chain(each).collect())
}

fn of(name: &str, options: Vec<Choice>) -> Sheet {
    let alone = (options.len() == 1).then(|| vec![options[0].value.clone()]);
    let due = Field {
        help: "Рабочий день позже прежнего срока; нужен, чтобы продлить".to_owned(),
        ..optional("due", "Новый срок", FieldKind::Date)
    };
    let fields = vec![field("assignments", "Чьи", FieldKind::Choices(options)), due, reason()];
    Sheet::new(name, fields).with("assignments", alone.unwrap_or_default())
}

fn one(scene: &Scene<'_>, key: &AssignmentKey, assignment: &Assignment) -> Choice {
    Choice { value: key.to_string(), label: label(scene, key, assignment) }
}

/// All who are awaited in a stage.
fn group(scene: &Scene<'_>, stage: &str, count: usize) -> Choice {
    let title = scene.activity().and_then(|a| a.stage(stage));
    let title = title.map_or(stage, |(_, stage)| stage.title.as_str());
    choice(&format!("{ALL_OF}{stage}"), &format!("все, кого ждём: {title} ({count})"))
}

fn label(scene: &Scene<'_>, key: &AssignmentKey, assignment: &Assignment) -> String {
    let title = match assignment.kind {
        AssignmentKind::Measure(number) => {
            let measure = number.checked_sub(1).and_then(|i| scene.run.measures.get(i));
            measure.map_or_else(|| "мера".to_owned(), |m| format!("мера «{}»", m.text))
        }
        _ => {
            let stage = scene.activity().and_then(|a| a.stage(&key.stage));
            stage.map_or_else(|| key.stage.clone(), |(_, s)| s.title.clone())
        }
    };
    let name = administrator::name(scene.map, &key.organisation);
    format!("{name}: {title}, срок {}", glossary::date(assignment.due))
}

pub(super) fn steps(
    scene: &Scene<'_>,
    action: &str,
    sent: &Sent,
    checked: Result<Values, Vec<FieldError>>,
) -> Result<Vec<Step>, Vec<FieldError>> {
    // A link that is sent once more needs neither a reason nor a day.
    if action == "remind" {
        return meant(scene, &sent.posted.values, |assignment| {
            Ok(Command::SendLink { assignment, renew: false, reason: String::new() })
        });
    }
    let mut errors = checked.as_ref().err().cloned().unwrap_or_default();
    let waive = action == "waive";
    if !waive && sent.raw("due").trim().is_empty() {
        let message = "укажите новый срок".to_owned();
        errors.push(FieldError { field: "due".to_owned(), message });
    }
    let values = match checked {
        Ok(values) if errors.is_empty() => values,
        _ => return Err(errors),
    };
    let reason = text(&values, "reason");
    let command = |assignment: AssignmentKey| match waive {
        true => Ok(Command::Waive { assignment, reason: reason.clone() }),
        false => {
            let due = day(&values, "due")?;
            Ok(Command::Extend { assignment, due, reason: reason.clone() })
        }
    };
    meant(scene, &values, command)
}

/// The command for each assignment that was chosen.
fn meant(
    scene: &Scene<'_>,
    values: &Values,
    command: impl Fn(AssignmentKey) -> Result<Command, FieldError>,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let mut keys: BTreeSet<AssignmentKey> = BTreeSet::new();
    for name in chosen(values, "assignments") {
        match name.strip_prefix(ALL_OF) {
            Some(stage) => keys.extend(open(scene).filter(|key| key.stage == stage).cloned()),
            None => keys.extend(name.parse::<AssignmentKey>()),
        }
    }
    let mut steps = Vec::new();
    for key in keys {
        let command = command(key).map_err(|e: FieldError| vec![e])?;
        steps.push(Step::new(command));
    }
    if steps.is_empty() {
        let message = "ответа уже никто не должен".to_owned();
        return Err(vec![FieldError { field: "assignments".to_owned(), message }]);
    }
    Ok(steps)
}

/// Who is awaited.
fn open<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a AssignmentKey> {
    let scene = *scene;
    let open = move |key: &&AssignmentKey| scene.offers(&Offer::Extend((*key).clone()));
    scene.run.assignments.keys().filter(open)
}

/// The form for those of a run who are awaited, a page of them; none if nobody is.
pub(super) fn offer(scene: &Scene<'_>, page: &Page<'_>, asked: &Asked) -> Option<Value> {
    let keys: Vec<&AssignmentKey> = open(scene).collect();
    let paging = Paging::new(asked, "awaited", ROWS, keys.len());
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for key in keys.iter().filter(|key| scene.run.stages.iter().any(|s| s.id == key.stage)) {
        *groups.entry(key.stage.clone()).or_default() += 1;
    }
    let mut shown = form(scene, page, paging.of(keys.iter().copied()), &groups)?;
    shown["paging"] = paging.show("assignments");
    Some(shown)
}

/// The form for these. Where more are awaited than it lists, all of a stage can be meant at once;
/// `groups` are how many are awaited in each.
pub(super) fn form<'k>(
    scene: &Scene<'_>,
    page: &Page<'_>,
    keys: impl Iterator<Item = &'k AssignmentKey>,
    groups: &BTreeMap<String, usize>,
) -> Option<Value> {
    let name = About::Assignments.to_string();
    // What was chosen on another page is not lost with a mistake.
    let sent = page.sent.filter(|sent| sent.sheet == name);
    let chosen = sent.map(|sent| chosen(&sent.posted.values, "assignments")).unwrap_or_default();
    let chosen = chosen.iter().filter_map(|name| name.parse::<AssignmentKey>().ok());
    let keys: BTreeSet<AssignmentKey> = keys.cloned().chain(chosen).collect();
    let each = keys.iter().filter_map(|key| Some(one(scene, key, scene.run.assignments.get(key)?)));
    let each: Vec<Choice> = each.collect();
    if each.is_empty() {
        return None;
    }
    let more = groups.values().sum::<usize>() > each.len();
    let groups = groups.iter().filter(|_| more).map(|(stage, count)| group(scene, stage, *count));
    Some(of(&name, groups.chain(each).collect()).show(page))
}
