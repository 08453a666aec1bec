//! What a form or an analysis sees of the department's own answer, and the columns that lean on others.

use super::Check;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type};
use crate::model::{Activity, Field, FieldKind, Stage, Table};

/// Under this name formulas see what the department has answered.
pub(super) const DEPARTMENT: &str = "department";

impl Check<'_> {
    /// The form that the department answers must be there.
    pub(super) fn department_form(&self, at: &str, form: Option<&str>) {
        if let Some(id) = form {
            self.reference(at, "формы", id, &self.road_map.forms);
        }
    }

    /// The type of what the department has answered to this form.
    pub(super) fn said_by_department(&self, form: &str) -> Type {
        match self.road_map.forms.get(form) {
            Some(form) => Type::Record(self.fields(form)),
            None => Type::Any,
        }
    }

    /// The department must be asked before a stage looks at what it said.
    pub(super) fn asked_of_department(
        &self,
        activity: &Activity,
        stage: &Stage,
        at: &str,
        form: Option<&str>,
    ) {
        let Some(form) = form.filter(|form| self.road_map.forms.contains_key(*form)) else {
            return;
        };
        if activity.of_department(&stage.id, form).next().is_none()
            && !self.has_unread_stages(activity)
        {
            let message = format!(
                "здесь смотрят на ответ отдела на форму «{form}», а до этого этапа его не спрашивают"
            );
            let help = "нужен более ранний этап с participants = { kinds = [\"department\"] }";
            self.error(at, message, Some(help.to_owned()));
        }
    }

    /// The columns of the table whose rows stand beside groups; none if there is nothing to look at.
    pub(super) fn columns_beside(
        &self,
        at: &str,
        department: Option<&str>,
        table: Option<&str>,
    ) -> Option<Scope> {
        let table = table?;
        let Some(form) = department else {
            let help = Some("назовите форму, на которую он ответил: department = \"…\"".to_owned());
            self.error(at, "чьи строки ставить рядом, не сказано: это строки отдела", help);
            return None;
        };
        let Type::Record(fields) = self.said_by_department(form) else { return None };
        match fields.get(table) {
            Some(Type::List(row)) => match row.as_ref() {
                Type::Record(columns) => Some(columns.clone()),
                _ => None,
            },
            Some(Type::Any) => None,
            _ => {
                let tables = fields.iter().filter(|(_, kind)| matches!(kind, Type::List(_)));
                let help = perhaps(table, tables.map(|(id, _)| id));
                self.error(at, format!("таблицы «{table}» в форме «{form}» нет"), help);
                None
            }
        }
    }

    /// A letter is told by the grade that stands beside it.
    pub(super) fn letter(&self, path: &str, table: &Table, column: &Field) {
        let Some(grade) = &column.letter_of else { return };
        let number = |column: &&Field| matches!(column.kind, FieldKind::Integer(_));
        let mut numbers = table.columns.iter().filter(number);
        if !numbers.any(|column| column.id == *grade) {
            let known = table.columns.iter().filter(number).map(|column| &column.id);
            let message = format!("столбца «{grade}» с целым числом рядом нет");
            self.error(&format!("{path}/{}/letter-of", column.id), message, perhaps(grade, known));
        }
    }
}
