//! Formulas of forms.

use super::Check;
use super::department::DEPARTMENT;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type, form_scope, row_scope};
use crate::model::{FieldKind, Form, Required};

impl Check<'_> {
    pub(super) fn form(&self, form: &Form) {
        let path = format!("forms/{}", form.id);
        let scope = self.scope(form);
        self.department_form(&format!("department/{path}"), form.department.as_deref());
        for field in &form.fields {
            if let Required::When(formula) = &field.required {
                self.typed(&format!("{path}/{}/required", field.id), formula, &scope, &Type::Bool);
            }
            if let FieldKind::Table(table) = &field.kind {
                for column in &table.columns {
                    self.letter(&format!("{path}/{}", field.id), table, column);
                    if let Required::When(formula) = &column.required {
                        let at = format!("{path}/{}/{}/required", field.id, column.id);
                        self.typed(&at, formula, &self.columns(form, &field.id), &Type::Bool);
                    }
                }
            }
        }
        for (i, rule) in form.rules.iter().enumerate() {
            let at = |key: &str| format!("{path}/rule/{i}/{key}");
            let (scope, fields): (Scope, Vec<&String>) = match &rule.each {
                None => (scope.clone(), form.fields.iter().map(|f| &f.id).collect()),
                Some(table) => {
                    let columns = form.field(table).and_then(|f| match &f.kind {
                        FieldKind::Table(t) => Some(t.columns.iter().map(|c| &c.id).collect()),
                        _ => None,
                    });
                    let Some(columns) = columns else {
                        let tables =
                            form.fields.iter().filter(|f| matches!(f.kind, FieldKind::Table(_)));
                        let help = perhaps(table, tables.map(|f| &f.id));
                        self.error(&at("each"), format!("таблицы «{table}» в форме нет"), help);
                        continue;
                    };
                    let scope = self.columns(form, table);
                    let scope = match &rule.groups {
                        Some(groups) => self.groups_of_form(form, scope, rule, groups, &at),
                        None => scope,
                    };
                    (scope, columns)
                }
            };
            let below = match &rule.each {
                None => format!("forms/{}", form.id),
                Some(table) => format!("forms/{}/{table}", form.id),
            };
            // What was read badly is not unknown.
            let unread = self.findings.below(&below);
            if !fields.contains(&&rule.at) && !unread.contains(&rule.at) {
                let help = perhaps(&rule.at, fields.iter());
                self.error(&at("at"), format!("поля «{}» здесь нет", rule.at), help);
            }
            self.typed(&at("check"), &rule.check, &scope, &Type::Bool);
        }
    }

    /// What formulas of a form see: its fields, and what the department has answered.
    fn scope(&self, form: &Form) -> Scope {
        let mut scope = self.fields(form);
        let said = form.department.as_deref().map(|id| self.said_by_department(id));
        scope.extend(said.map(|said| (DEPARTMENT.to_owned(), said)));
        scope
    }

    /// What a form offers; nothing is said of fields that were not read.
    pub(super) fn fields(&self, form: &Form) -> Scope {
        let mut scope = form_scope(form);
        for unread in self.findings.below(&format!("forms/{}", form.id)) {
            scope.entry(unread).or_insert(Type::Any);
        }
        for (field, kind) in &mut scope {
            if let Type::List(row) = kind {
                self.unread_columns(form, field, row);
            }
        }
        scope
    }

    fn columns(&self, form: &Form, table: &str) -> Scope {
        let mut scope = self.scope(form);
        let mut row = row_scope(form, table).remove("row").unwrap_or(Type::Any);
        self.unread_columns(form, table, &mut row);
        scope.insert("row".into(), row);
        scope
    }

    fn unread_columns(&self, form: &Form, table: &str, row: &mut Type) {
        if let Type::Record(columns) = row {
            let below = self.findings.below(&format!("forms/{}/{table}", form.id));
            for unread in below.into_iter().filter(|name| name != "required") {
                columns.entry(unread).or_insert(Type::Any);
            }
        }
    }
}
