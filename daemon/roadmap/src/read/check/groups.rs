//! Whether rows are grouped by columns that they have, and told of by what they are.

use super::Check;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type, group_type};
use crate::model::{Analysis, BESIDE, Form, FormRule, Grouping, RowGroups, RowSet, RuleGroups};
use crate::read::templates::{self, GroupText};

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
        let (by, looked_at) = (&groups.grouping, form.department.as_deref());
        let beside = self.columns_beside(&at("beside"), looked_at, by.beside.as_deref());
        let group = self.grouped(&columns, by, beside.as_ref(), at);
        let named = beside.as_ref().filter(|_| rule.message.contains(BESIDE));
        self.member(&columns, named, groups.member.as_deref(), at);
        let place = self.findings.place(&at("message"));
        let given = GroupText { columns: &group, thresholds: &form.thresholds };
        templates::check_group_text(&place, &rule.message, &given, self.findings);
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
        let (by, looked_at) = (&groups.grouping, analysis.department.as_deref());
        let beside = self.columns_beside(&at("beside"), looked_at, by.beside.as_deref());
        let mut group = self.grouped(columns, by, beside.as_ref(), at);
        let text = rows.text.as_deref().unwrap_or_default();
        let named = beside.as_ref().filter(|_| text.contains(BESIDE));
        self.member(columns, named, groups.member.as_deref(), at);
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
            let given = GroupText { columns: &group, thresholds: &analysis.thresholds };
            templates::check_group_text(&place, text, &given, self.findings);
        }
        Type::List(Box::new(Type::Record(group)))
    }

    /// What is seen of a group, whose columns must be there and hold a number or a word: in the rows that
    /// stand beside them, too, but those in which nothing stands for everything.
    fn grouped(
        &self,
        columns: &Scope,
        by: &Grouping,
        beside: Option<&Scope>,
        at: &dyn Fn(&str) -> String,
    ) -> Scope {
        for column in &by.by {
            let plain = |kind: &Type| matches!(kind, Type::Number | Type::Text | Type::Any);
            if let (Some(beside), Some(own)) = (beside, columns.get(column))
                && beside.get(column) != Some(own)
                && !by.whole.contains(column)
            {
                let message = format!("такого же столбца «{column}» в строках отдела нет");
                self.error(&at("beside"), message, perhaps(column, beside.keys()));
            }
            if !columns.get(column).is_some_and(plain) {
                let known = columns.iter().filter(|(_, kind)| plain(kind));
                let help = perhaps(column, known.map(|(id, _)| id));
                let message = format!("столбца «{column}» с числом или словом здесь нет");
                self.error(&at("by"), message, help);
            }
        }
        group_type(columns, by, beside)
    }

    /// How a row is named: one of those beside it, too, where the text names them.
    fn member(
        &self,
        columns: &Scope,
        beside: Option<&Scope>,
        member: Option<&str>,
        at: &dyn Fn(&str) -> String,
    ) {
        if let Some(text) = member {
            let place = self.findings.place(&at("member"));
            let both = |id: &&String| beside.is_none_or(|beside| beside.contains_key(*id));
            let columns = columns.keys().filter(both);
            templates::check_row_text(&place, text, columns, self.findings);
        }
    }
}
