//! What keeps listeners from being told, for people.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp};
use vekha_roadmap::russian::plural;

use super::Listeners;
use crate::runtime::Runtime;
use crate::store::entities::listener::Model;
use crate::store::instant;

/// How long a listener may fail before that is told: what lasts a moment is nobody's concern.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// A listener with which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub listener: String,
    /// What is wrong and what to do.
    pub words: String,
    /// Since when; none where that is not known.
    pub since: Option<Timestamp>,
}

impl Listeners {
    /// Takes in how listeners are, with how many entries were given up for each.
    pub(super) fn learn(&self, rows: &[Model], given_up: &BTreeMap<String, i64>) {
        let standing =
            rows.iter().flat_map(|row| {
                let away = self.away(row);
                let lost = given_up.get(&row.id).filter(|count| **count > 0).map(|count| {
                    Standing { listener: row.id.clone(), words: lost(&row.id, *count), since: None }
                });
                away.into_iter().chain(lost)
            });
        let standing = standing.collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    fn away(&self, row: &Model) -> Option<Standing> {
        let name = &row.id;
        let (words, since) = if row.disabled && !row.reason.is_empty() {
            let words = format!(
                "Слушатель «{name}» отключён: {}. Включить снова — vekha listener enable {name}; \
                 он продолжит с того же места",
                row.reason
            );
            (words, None)
        } else if row.disabled {
            return None;
        } else if !row.plugin.is_empty() && !self.plugins.0.contains_key(name) {
            let words = format!(
                "Слушатель «{name}» не получает событий: в настройках нет раздела [listener.{name}]. \
                 Верните его или удалите слушателя — vekha listener remove {name}"
            );
            (words, None)
        } else {
            let since = instant(row.failing_since?);
            let words = format!(
                "Слушатель «{name}» не принимает событий: {}. Они ждут и уйдут сами; попыток подряд: {}",
                row.error, row.attempts
            );
            (words, Some(since))
        };
        Some(Standing { listener: name.clone(), words, since })
    }
}

fn lost(name: &str, count: i64) -> String {
    let events = plural(count, "событие", "события", "событий");
    format!(
        "Слушатель «{name}» не принял {count} {events}: список — vekha listener undelivered {name}, \
         отправить ещё раз — vekha listener redeliver {name}"
    )
}

impl Runtime {
    /// What is wrong with listeners, those that have failed for a moment left out.
    pub(crate) fn listeners_away(&self) -> Vec<Standing> {
        let now = self.clock.now();
        let patience = self.clock.span(PATIENCE.unsigned_abs());
        let lasts =
            |one: &Standing| one.since.is_none_or(|since| now.duration_since(since) >= patience);
        let known =
            self.integrations.listeners.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|one| lasts(one)).cloned().collect()
    }
}
