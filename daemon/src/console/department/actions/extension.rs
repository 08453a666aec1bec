//! A participant asks for more time: grant it or say why not.

use crate::glossary;
use serde_json::{Value, json};
use vekha_engine::{AssignmentKey, Command, Offer, limits};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Page, Sheet, optional, text};
use super::{About, Scene, Step};
use crate::console::department::administrator;

/// Wishes that a page shows.
const MOST: usize = 30;

pub(super) fn sheet(name: &str, scene: &Scene<'_>, key: &AssignmentKey) -> Option<Sheet> {
    scene.run.assignments.get(key)?;
    // Empty, so that nobody is declined in its own words.
    let reason = Field {
        help:
            "Организация прочтёт её в письме. Для отказа обязательна; если продлеваете, можно не \
               писать: причиной останутся слова организации"
                .to_owned(),
        ..optional("reason", "Причина", FieldKind::Text { max_length: limits::REASON })
    };
    Some(Sheet::new(name, vec![reason]))
}

pub(super) fn steps(
    scene: &Scene<'_>,
    key: &AssignmentKey,
    action: &str,
    values: &Values,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let assignment = key.clone();
    let reason = text(values, "reason");
    let wish = scene.run.assignments.get(key).and_then(|a| a.request.as_ref());
    let command = match (action, wish) {
        ("grant", Some(wish)) => {
            let reason = if reason.is_empty() { wish.reason.clone() } else { reason };
            Command::Extend { assignment, due: wish.due, reason }
        }
        // Of a wish that was withdrawn or settled meanwhile the engine says so itself.
        _ => Command::DeclineExtension { assignment, reason },
    };
    Ok(vec![Step::new(command)])
}

/// A form for each wish that waits; after these come others.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let wishes = |key: &AssignmentKey| scene.offers(&Offer::DeclineExtension(key.clone()));
    let waiting = scene.run.assignments.iter().filter(|(key, _)| wishes(key));
    waiting
        .take(MOST)
        .filter_map(|(key, a)| {
            let wish = a.request.as_ref()?;
            let mut shown = super::sheet(&About::Extension(key.clone()), scene)?.show(page);
            shown["from"] = administrator::name(scene.map, &key.organisation).into();
            shown["due"] = glossary::date(a.due).into();
            shown["wanted"] = glossary::date(wish.due).into();
            shown["why"] = json!(wish.reason);
            Some(shown)
        })
        .collect()
}
