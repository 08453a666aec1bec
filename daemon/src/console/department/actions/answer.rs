//! An answer that the department looks at: it may be sent back to be corrected.

use serde_json::Value;
use vekha_engine::{AssignmentKey, Command, Offer, limits};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Page, Sheet, field, optional, optional_day, text};
use super::{About, Scene, Step};

pub(super) fn sheet(name: &str, scene: &Scene<'_>, key: &AssignmentKey) -> Option<Sheet> {
    scene.run.assignments.get(key)?;
    let comment = Field {
        help: "Что исправить; это прочтёт организация".to_owned(),
        ..field("comment", "Замечание", FieldKind::LongText { max_length: limits::REASON })
    };
    let due = Field {
        help: "Если не указать: прежний срок, но не меньше трёх рабочих дней".to_owned(),
        ..optional("due", "Исправить к", FieldKind::Date)
    };
    Some(Sheet::new(name, vec![comment, due]))
}

pub(super) fn steps(key: &AssignmentKey, values: &Values) -> Result<Vec<Step>, Vec<FieldError>> {
    let due = optional_day(values, "due").map_err(|e| vec![e])?;
    let comment = text(values, "comment");
    Ok(vec![Step::new(Command::ReturnAnswer { assignment: key.clone(), comment, due })])
}

/// The form, if the answer can be returned.
pub(super) fn offer(scene: &Scene<'_>, page: &Page<'_>, key: &AssignmentKey) -> Option<Value> {
    let returnable = scene.offers(&Offer::ReturnAnswer(key.clone()));
    let form = super::sheet(&About::Answer(key.clone()), scene).filter(|_| returnable)?;
    Some(form.show(page))
}
