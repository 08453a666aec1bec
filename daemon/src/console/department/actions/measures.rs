//! Reports on measures: accept, or return with a comment.

use std::ops::Range;

use serde_json::Value;
use vekha_engine::{Command, Offer, limits};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Page, Sheet, optional, optional_day, text};
use super::{About, Scene, Step};

pub(super) fn sheet(name: &str, scene: &Scene<'_>, number: usize) -> Option<Sheet> {
    scene.run.measures.get(number.checked_sub(1)?)?;
    let comment = Field {
        help: "Чего не хватает; нужно, чтобы вернуть отчёт".to_owned(),
        ..optional("comment", "Замечание", FieldKind::LongText { max_length: limits::REASON })
    };
    let due = Field {
        help: "Если не указать: прежний срок, но не меньше трёх рабочих дней".to_owned(),
        ..optional("due", "Отчитаться снова к", FieldKind::Date)
    };
    Some(Sheet::new(name, vec![comment, due]))
}

pub(super) fn steps(
    measure: usize,
    action: &str,
    values: &Values,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let command = match action {
        "return" => {
            let due = optional_day(values, "due").map_err(|e| vec![e])?;
            Command::ReturnMeasure { measure, comment: text(values, "comment"), due }
        }
        _ => Command::AcceptMeasure { measure },
    };
    Ok(vec![Step::new(command)])
}

/// Numbers of the measures whose reports wait.
fn waiting(scene: &Scene<'_>) -> impl Iterator<Item = usize> {
    (1..=scene.run.measures.len()).filter(|number| scene.offers(&Offer::AcceptMeasure(*number)))
}

/// How many reports wait.
pub(super) fn reported(scene: &Scene<'_>) -> usize {
    waiting(scene).count()
}

/// A form for each report that waits, by the measure's number; `shown` are the places, among those
/// of its decision, of the measures that the page shows.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>, shown: &Range<usize>) -> Value {
    let is_shown = |number: &usize| {
        let measure = &scene.run.measures[number - 1];
        let first = scene.run.measures_of(measure.decision).start;
        shown.contains(&(number - 1 - first))
    };
    let form = |number| {
        let form = super::sheet(&About::Measure(number), scene)?;
        Some((number.to_string(), form.show(page)))
    };
    Value::Object(waiting(scene).filter(is_shown).filter_map(form).collect())
}
