//! What is said of rows that clash: all of them are named.

use minijinja::Environment;
use minijinja::value::{Serde, Value as Shown};
use serde_json::Value;

use crate::formula::Values;
use crate::model::{BESIDE, FormRule, Group, ROWS, RuleGroups};
use crate::read::text_environment;
use crate::russian;

/// So many rows of each side are named, the rest is counted.
const MOST: usize = 6;

/// The message of a rule over groups of rows, read once for all of them.
pub(super) struct Wording {
    environment: Environment<'static>,
    thresholds: Shown,
}

impl Wording {
    pub fn of(rule: &FormRule, groups: &RuleGroups, thresholds: &Values) -> Self {
        let mut environment = text_environment();
        let texts = [("message", Some(&rule.message)), ("member", groups.member.as_ref())];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            // One that cannot be read is told of when it is to be said.
            environment.add_template_owned(name, text.clone()).ok();
        }
        Wording { environment, thresholds: shown(thresholds) }
    }

    fn said(&self, name: &str, context: Shown) -> Option<String> {
        self.environment.get_template(name).and_then(|text| text.render(context)).ok()
    }

    /// What is said of a group. A text that cannot be made says less, and never how it is written.
    pub fn message(&self, group: &Group) -> String {
        let members = self.named(group, ROWS);
        let context = Shown::from_pairs([
            ("row", shown(&group.seen)),
            ("members", Shown::from(members.as_str())),
            ("beside", Shown::from(self.named(group, BESIDE))),
            ("threshold", self.thresholds.clone()),
        ]);
        let said = self.said("message", context);
        said.unwrap_or_else(|| format!("Так быть не должно: {members}"))
    }

    /// The group's rows, or those beside them, named one by one; nothing where the rule does not name
    /// them.
    fn named(&self, group: &Group, which: &str) -> String {
        if self.environment.get_template("member").is_err() {
            return String::new();
        }
        let rows = group.seen.get(which).and_then(Value::as_array);
        let rows = rows.into_iter().flatten().filter_map(Value::as_object);
        let said = |row: &Values| {
            let context = Shown::from_pairs([("row", shown(row))]);
            self.said("member", context).unwrap_or_default()
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
