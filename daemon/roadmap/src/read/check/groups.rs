//! Whether rows are grouped by columns that they have, and told of by what they are.

use super::Check;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type, group_type};
use crate::model::{Analysis, Form, FormRule, Grouping, RowGroups, RowSet, RuleGroups};
use crate::read::templates;

impl Check<'_> {
    /// What the condition of a rule sees of a group: `row` is then the group.
    pub(super) fn groups_of_form(
        &self,
        form: &Form,
        mut scope: Scope,
        rule: &FormRule,
        groups: &RuleGroups,
        at: &dyn Fn(&str) -> String,
    ) -> Scope {
        let Some(Type::Record(columns)) = scope.remove("row") else { return scope };
        let group = self.grouped(&columns, &groups.grouping, at);
        self.member(&columns, groups.member.as_deref(), at);
        let place = self.findings.place(&at("message"));
        let thresholds = form.thresholds.keys();
        templates::check_group_text(&place, &rule.message, group.keys(), thresholds, self.findings);
        scope.insert("row".into(), Type::Record(group));
        scope
    }

    /// What a row set yields that is of groups; their formulas and texts are checked on the way.
    pub(super) fn groups_of_rows(
        &self,
        analysis: &Analysis,
        yielded: Type,
        mut scope: Scope,
        rows: &RowSet,
        groups: &RowGroups,
        at: &dyn Fn(&str) -> String,
    ) -> Type {
        let columns = match &yielded {
            Type::List(row) => match row.as_ref() {
                Type::Record(columns) => columns,
                _ => return yielded,
            },
            _ => return yielded,
        };
        let mut group = self.grouped(columns, &groups.grouping, at);
        self.member(columns, groups.member.as_deref(), at);
        scope.insert("row".into(), Type::Record(group.clone()));
        let mut values = Scope::new();
        for (id, formula) in &groups.values {
            match formula.check(&scope) {
                Ok(kind @ (Type::Number | Type::Text | Type::Any)) => {
                    values.insert(id.clone(), kind);
                }
                Ok(kind) => {
                    let message = format!("нужно число или слово, а формула даёт «{kind}»");
                    self.error(&at(&format!("values/{id}")), message, None);
                    values.insert(id.clone(), Type::Any);
                }
                Err(errors) => {
                    self.formula_errors(&at(&format!("values/{id}")), errors);
                    values.insert(id.clone(), Type::Any);
                }
            }
        }
        group.extend(values);
        if let Some(when) = &groups.when {
            scope.insert("row".into(), Type::Record(group.clone()));
            self.typed(&at("when"), when, &scope, &Type::Bool);
        }
        if let Some(text) = &rows.text {
            let place = self.findings.place(&at("text"));
            let thresholds = analysis.thresholds.keys();
            templates::check_group_text(&place, text, group.keys(), thresholds, self.findings);
        }
        Type::List(Box::new(Type::Record(group)))
    }

    /// What is seen of a group, whose columns must be there and hold a number or a word.
    fn grouped(&self, columns: &Scope, by: &Grouping, at: &dyn Fn(&str) -> String) -> Scope {
        for column in &by.by {
            let plain = |kind: &Type| matches!(kind, Type::Number | Type::Text | Type::Any);
            if !columns.get(column).is_some_and(plain) {
                let known = columns.iter().filter(|(_, kind)| plain(kind));
                let help = perhaps(column, known.map(|(id, _)| id));
                let message = format!("столбца «{column}» с числом или словом здесь нет");
                self.error(&at("by"), message, help);
            }
        }
        group_type(columns, by)
    }

    fn member(&self, columns: &Scope, member: Option<&str>, at: &dyn Fn(&str) -> String) {
        if let Some(text) = member {
            let place = self.findings.place(&at("member"));
            templates::check_row_text(&place, text, columns.keys(), self.findings);
        }
    }
}
