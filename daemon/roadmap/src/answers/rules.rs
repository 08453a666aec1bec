//! Conditions across fields, over the rows of a table and over groups of them.

use serde_json::Value;

use super::groups::Wording;
use super::{Checker, Values};
use crate::formula::{FormulaError, Layer};
use crate::model::{Form, FormRule};

impl Checker {
    /// Conditions across fields: who breaks a hard one is wrong, who breaks a soft one is asked.
    pub(super) fn rules(&mut self, form: &Form, answers: &Values) {
        let thresholds = thresholds(form);
        for rule in &form.rules {
            let Some(table) = &rule.each else {
                let holds = rule.check.holds_in(&seen(answers, &thresholds, None));
                self.settle(rule, holds, &rule.message, &rule.at, &rule.at);
                continue;
            };
            let rows = answers.get(table).and_then(Value::as_array);
            let rows = rows.map(Vec::as_slice).unwrap_or_default();
            let numbers = self.numbers_of(table);
            let path = |number: usize| format!("{table}[{number}].{}", rule.at);
            match &rule.groups {
                None => {
                    for ((kept, row), number) in rows.iter().enumerate().zip(numbers) {
                        let holds =
                            rule.check.holds_in(&seen(answers, &thresholds, row.as_object()));
                        self.settle(rule, holds, &rule.message, &path(number), &path(kept));
                    }
                }
                Some(groups) => {
                    let wording = Wording::of(rule, groups, &thresholds);
                    for group in groups.grouping.groups(rows) {
                        let holds =
                            rule.check.holds_in(&seen(answers, &thresholds, Some(&group.seen)));
                        // It is asked once, at the last of those that clash.
                        let Some(kept) = group.places.last().copied() else { continue };
                        let Some(number) = numbers.get(kept) else { continue };
                        let message = match holds {
                            Ok(Some(true) | None) => continue,
                            _ => wording.message(&group),
                        };
                        self.settle(rule, holds, &message, &path(*number), &path(kept));
                    }
                }
            }
        }
    }

    /// `path` counts rows as they were given, `kept` as they are kept.
    fn settle(
        &mut self,
        rule: &FormRule,
        holds: Result<Option<bool>, FormulaError>,
        message: &str,
        path: &str,
        kept: &str,
    ) {
        match holds {
            Ok(Some(true) | None) => {}
            Ok(Some(false)) if rule.soft => self.ask(path, kept, message.to_owned()),
            Ok(Some(false)) => self.wrong(path, message),
            Err(e) => self.wrong(path, format!("{message} ({e})")),
        }
    }
}

/// The thresholds of a form by their names.
pub(super) fn thresholds(form: &Form) -> Values {
    form.thresholds.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()
}

/// What a formula of a form sees; with a row or a group, that stands under `row`.
pub(super) fn seen<'a>(
    answers: &'a Values,
    thresholds: &'a Values,
    row: Option<&'a Values>,
) -> Vec<Layer<'a>> {
    let row = row.map(|row| Layer::Record("row", row, None));
    let rest = [Layer::All(answers), Layer::Record("threshold", thresholds, None)];
    row.into_iter().chain(rest).collect()
}
