//! A participant's link: sent once more, or replaced by another one.

use vekha_engine::{AssignmentKey, Command, limits};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Sheet, optional, text};
use super::{Scene, Step};

pub(super) fn sheet(name: &str, scene: &Scene<'_>, key: &AssignmentKey) -> Option<Sheet> {
    scene.run.assignments.get(key)?;
    let reason = Field {
        help: "Нужна, чтобы заменить; останется в журнале".to_owned(),
        ..optional("reason", "Причина", FieldKind::Text { max_length: limits::REASON })
    };
    Some(Sheet::new(name, vec![reason]))
}

pub(super) fn steps(key: &AssignmentKey, action: &str, values: &Values) -> Vec<Step> {
    let (assignment, renew) = (key.clone(), action == "renew");
    let command = Command::SendLink { assignment, renew, reason: text(values, "reason") };
    vec![Step::new(command)]
}
