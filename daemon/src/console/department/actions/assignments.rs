//! Assignments that wait for an answer: more time, or none expected any more. One form for as many
//! as are meant, because those who are late are seldom late alone.

use crate::glossary;
use serde_json::Value;
use vekha_engine::run::{Assignment, AssignmentKind};
use vekha_engine::{AssignmentKey, Command, Offer};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Choice, Field, FieldKind};

use super::sheet::{Page, Sent, Sheet, chosen, day, field, optional, reason, text};
use super::{About, Scene, Step};
use crate::console::department::administrator;

/// Only assignments that are open are offered; one that was sent may have been settled since.
pub(super) fn sheet(name: &str, scene: &Scene<'_>, only_open: bool) -> Sheet {
    let options: Vec<Choice> = scene
        .run
        .assignments
        .iter()
        .filter(|(key, _)| !only_open || scene.offers(&Offer::Extend((*key).clone())))
        .map(|(key, a)| Choice { value: key.to_string(), label: label(scene, key, a) })
        .collect();
    let alone = (options.len() == 1).then(|| vec![options[0].value.clone()]);
    let due = Field {
        help: "Рабочий день позже прежнего срока; нужен, чтобы продлить".to_owned(),
        ..optional("due", "Новый срок", FieldKind::Date)
    };
    let fields = vec![field("assignments", "Чьи", FieldKind::Choices(options)), due, reason()];
    Sheet::new(name, fields).with("assignments", alone.unwrap_or_default())
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
    action: &str,
    sent: &Sent,
    checked: Result<Values, Vec<FieldError>>,
) -> Result<Vec<Step>, Vec<FieldError>> {
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
    let mut steps = Vec::new();
    for name in chosen(&values, "assignments") {
        let Ok(key) = name.parse() else { continue };
        let command = command(key).map_err(|e: FieldError| vec![e])?;
        steps.push(Step::new(command));
    }
    Ok(steps)
}

/// The form, if anybody's answer is awaited.
pub(super) fn offer(scene: &Scene<'_>, page: &Page<'_>) -> Option<Value> {
    let open = |key: &AssignmentKey| scene.offers(&Offer::Extend(key.clone()));
    scene
        .run
        .assignments
        .keys()
        .any(open)
        .then(|| sheet(&About::Assignments.to_string(), scene, true).show(page))
}
