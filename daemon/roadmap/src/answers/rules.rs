//! Conditions across fields, over the rows of a table and over groups of them.

use serde_json::Value;

use super::groups::Wording;
use super::{Checker, Values};
use crate::formula::{FormulaError, Layer};
use crate::model::{Form, FormRule};

impl Checker {
    /// Conditions across fields: who breaks a hard one is wrong, who breaks a soft one is asked.
    pub(super) fn rules(&mut self, form: &Form, answers: &Values, department: &Values) {
        let around = Around { answers, thresholds: thresholds(form), department };
        let thresholds = &around.thresholds;
        for rule in &form.rules {
            let Some(table) = &rule.each else {
                let holds = rule.check.holds_in(&around.seen(None));
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
                        let holds = rule.check.holds_in(&around.seen(row.as_object()));
                        self.settle(rule, holds, &rule.message, &path(number), &path(kept));
                    }
                }
                Some(groups) => {
                    let wording = Wording::of(rule, groups, thresholds);
                    let theirs = groups.grouping.beside.as_ref().and_then(|id| department.get(id));
                    let theirs = theirs.and_then(Value::as_array);
                    let theirs = theirs.map(Vec::as_slice).unwrap_or_default();
                    for group in groups.grouping.groups(rows, theirs) {
                        let holds = rule.check.holds_in(&around.seen(Some(&group.seen)));
                        let message = match holds {
                            Ok(Some(true) | None) => continue,
                            _ => wording.message(&group),
                        };
                        // It is asked once, at the last of those that clash; where there is none, at
                        // the table.
                        let (path, kept) = match group.places.last() {
                            None => (table.clone(), table.clone()),
                            Some(kept) => {
                                let Some(number) = numbers.get(*kept) else { continue };
                                (path(*number), path(*kept))
                            }
                        };
                        self.settle(rule, holds, &message, &path, &kept);
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

/// What is around a condition.
pub(super) struct Around<'a> {
    pub answers: &'a Values,
    pub thresholds: Values,
    /// What the department has answered before in the same run.
    pub department: &'a Values,
}

impl Around<'_> {
    /// What a formula of a form sees; with a row or a group, that stands under `row`.
    pub fn seen<'s>(&'s self, row: Option<&'s Values>) -> Vec<Layer<'s>> {
        let row = row.map(|row| Layer::Record("row", row, None));
        let rest = [
            Layer::All(self.answers),
            Layer::Record("threshold", &self.thresholds, None),
            Layer::Record("department", self.department, None),
        ];
        row.into_iter().chain(rest).collect()
    }
}
