//! What is said of rows that clash: all of them are named.

use minijinja::Environment;
use minijinja::value::{Serde, Value as Shown};
use serde_json::Value;

use crate::formula::Values;
use crate::model::{FormRule, Group, RuleGroups};
use crate::read::text_environment;
use crate::russian;

/// So many rows are named, the rest is counted.
const MOST: usize = 6;

/// The message of a rule over groups of rows, read once for all of them.
pub(super) struct Wording<'a> {
    environment: Environment<'static>,
    message: &'a str,
    member: Option<&'a str>,
    thresholds: Shown,
}

impl<'a> Wording<'a> {
    pub fn of(rule: &'a FormRule, groups: &'a RuleGroups, thresholds: &Values) -> Self {
        Wording {
            environment: text_environment(),
            message: &rule.message,
            member: groups.member.as_deref(),
            thresholds: shown(thresholds),
        }
    }

    /// What is said of a group. A text that cannot be made says less, and never how it is written.
    pub fn message(&self, group: &Group) -> String {
        let members = self.member.map(|member| self.members(member, group)).unwrap_or_default();
        let context = Shown::from_pairs([
            ("row", shown(&group.seen)),
            ("members", Shown::from(members.as_str())),
            ("threshold", self.thresholds.clone()),
        ]);
        let said = self.environment.render_str(self.message, context);
        said.unwrap_or_else(|_| format!("Так быть не должно: {members}"))
    }

    fn members(&self, member: &str, group: &Group) -> String {
        let rows = group.seen.get(crate::model::ROWS).and_then(Value::as_array);
        let rows = rows.into_iter().flatten().filter_map(Value::as_object);
        let said = |row: &Values| {
            let context = Shown::from_pairs([("row", shown(row))]);
            self.environment.render_str(member, context).unwrap_or_default()
        };
        let named: Vec<String> = rows.clone().take(MOST).map(said).collect();
        russian::listed(&named, rows.count())
    }
}

/// Values as texts have them: numbers as people read them, lists not at all.
fn shown(values: &Values) -> Shown {
    let plain = values.iter().filter(|(_, value)| !value.is_array());
    Shown::from_pairs(plain.map(|(name, value)| {
        let value = match value.as_f64() {
            Some(number) => Shown::from(russian::threshold(number)),
            None => Shown::from(Serde(value.clone())),
        };
        (name.as_str(), value)
    }))
}
