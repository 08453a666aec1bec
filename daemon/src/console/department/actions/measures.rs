//! Reports on measures: accept, or return with a comment.

use serde_json::{Map, Value};
use vekha_engine::Command;
use vekha_engine::run::MeasureState;
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Page, Sheet, optional, optional_day, text};
use super::{About, Scene, Step};

pub(super) fn sheet(name: &str, scene: &Scene<'_>, number: usize) -> Option<Sheet> {
    scene.run.measures.get(number.checked_sub(1)?)?;
    let comment = Field {
        help: "Чего не хватает; нужно, чтобы вернуть отчёт".to_owned(),
        ..optional("comment", "Замечание", FieldKind::LongText { max_length: 1000 })
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

/// A form for each report that waits, by the measure's number.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let reported = |(position, measure): (usize, &vekha_engine::run::Measure)| {
        let about = About::Measure(position + 1);
        (measure.state == MeasureState::Reported)
            .then(|| super::sheet(&about, scene))
            .flatten()
            .map(|form| ((position + 1).to_string(), form.show(page)))
    };
    let all: Map<String, Value> =
        scene.run.measures.iter().enumerate().filter_map(reported).collect();
    Value::Object(all)
}
