//! Formulas of analyses, against what each stage that uses them has.

use super::Check;
use super::department::DEPARTMENT;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type, analysis_scope, rows_scope, rows_type, rule_scope};
use crate::model::{Activity, Analysis, Analyze, Work};
use crate::read::templates;

impl Check<'_> {
    /// Each analysis is checked against every stage that uses it.
    pub(super) fn analyses(&self) {
        for analysis in self.road_map.analyses.values() {
            let path = format!("analyses/{}", analysis.id);
            self.department_form(&format!("department/{path}"), analysis.department.as_deref());
            for (i, rule) in analysis.rules.iter().enumerate() {
                let at = |key: &str| self.findings.place(&format!("{path}/rule/{i}/{key}"));
                templates::check_text(&at("finding"), &rule.finding, analysis, self.findings);
                if let Some(text) = &rule.recommendation {
                    templates::check_text(&at("recommendation"), text, analysis, self.findings);
                }
                for text in &rule.alternatives {
                    templates::check_text(&at("alternatives"), text, analysis, self.findings);
                }
                for shown in &rule.shows {
                    let stands = self.findings.stands(&format!("{path}/{shown}"));
                    if !stands && !analysis.indicators.iter().any(|i| i.id == *shown) {
                        let help = perhaps(shown, analysis.indicators.iter().map(|i| &i.id));
                        let message = format!("показателя «{shown}» нет");
                        self.findings.error(&at("shows"), message, help);
                    }
                }
            }
        }
        for activity in &self.road_map.activities {
            for stage in &activity.stages {
                if let Work::Analyze(analyze) = &stage.work
                    && let Some(analysis) = self.road_map.analyses.get(&analyze.analysis)
                    && let Some(mut datasets) = self.datasets(activity, analyze)
                {
                    let said = analysis.department.as_deref().map(|id| self.said_by_department(id));
                    datasets.extend(said.map(|said| (DEPARTMENT.to_owned(), said)));
                    self.analysis(analysis, &datasets);
                }
            }
        }
    }

    /// What the datasets of a stage offer to formulas; nothing can be said of formulas over forms
    /// or activities that do not exist or could not be read.
    fn datasets(&self, activity: &Activity, analyze: &Analyze) -> Option<Scope> {
        let mut scope = Scope::new();
        for source in &analyze.from {
            let other = match &source.activity {
                Some(id) => self.road_map.activity(id),
                None => Some(activity),
            };
            let other = other.filter(|a| !self.has_unread_stages(a))?;
            let mut offered = Scope::new();
            for stage in &other.stages {
                match &stage.work {
                    Work::Collect(collect) => {
                        offered.extend(self.fields(self.road_map.forms.get(&collect.form)?));
                    }
                    Work::Analyze(a) if source.alias.is_some() => {
                        let analysis = self.road_map.analyses.get(&a.analysis);
                        offered.extend(
                            analysis
                                .into_iter()
                                .flat_map(|a| &a.indicators)
                                .map(|i| (i.id.clone(), Type::Number)),
                        );
                    }
                    _ => {}
                }
            }
            match &source.alias {
                Some(alias) => {
                    scope.insert(alias.clone(), Type::Record(offered));
                }
                None => scope.extend(offered),
            }
        }
        Some(scope)
    }

    fn analysis(&self, analysis: &Analysis, datasets: &Scope) {
        let path = format!("analyses/{}", analysis.id);
        let rows = self.rows(analysis, datasets);
        for (position, indicator) in analysis.indicators.iter().enumerate() {
            let at = format!("{path}/{}", indicator.id);
            if datasets.contains_key(&indicator.id) {
                let message =
                    format!("«{}» — уже имя поля: назовите показатель иначе", indicator.id);
                self.error(&at, message, None);
            }
            let mut scope = analysis_scope(analysis, datasets, &rows, position);
            self.unread_indicators(analysis, &mut scope);
            if let Some(formula) = &indicator.formula {
                self.typed(&at, formula, &scope, &Type::Number);
            }
            if let Some(rests_on) = &indicator.rests_on {
                self.typed(&format!("{at}/of"), &rests_on.count, &scope, &Type::Number);
            }
        }
        let mut scope = rule_scope(analysis, datasets, &rows);
        self.unread_indicators(analysis, &mut scope);
        for (i, rule) in analysis.rules.iter().enumerate() {
            if let Some(when) = &rule.when {
                self.typed(&format!("{path}/rule/{i}/when"), when, &scope, &Type::Bool);
            }
        }
    }

    /// The types of an analysis's row sets, whose formulas, keys and texts are checked on the way.
    fn rows(&self, analysis: &Analysis, datasets: &Scope) -> Scope {
        let mut known = Scope::new();
        for (i, rows) in analysis.rows.iter().enumerate() {
            let at = |key: &str| format!("analyses/{}/rows/{i}/{key}", analysis.id);
            if datasets.contains_key(&rows.id) {
                let message = format!("«{}» — уже имя поля: назовите набор строк иначе", rows.id);
                self.error(&at("id"), message, None);
                continue;
            }
            let scope = rows_scope(analysis, datasets, &known);
            let yielded = match rows.formula.check(&scope) {
                Ok(kind) => kind,
                Err(errors) => {
                    self.formula_errors(&at("formula"), errors);
                    Type::Any
                }
            };
            let yielded = match &rows.groups {
                Some(groups) => self.groups_of_rows(analysis, yielded, scope, rows, groups, &at),
                None => yielded,
            };
            let row = match &yielded {
                Type::List(row) => Some(row.as_ref()),
                Type::Any => Some(&yielded),
                _ => None,
            };
            if !matches!(row, Some(Type::Record(_) | Type::Any)) {
                let message = format!("нужны строки таблицы, а формула даёт «{yielded}»");
                self.error(&at("formula"), message, None);
            }
            if let Some(Type::Record(columns)) = row {
                for column in &rows.key {
                    if !matches!(columns.get(column), Some(Type::Number | Type::Text | Type::Any)) {
                        let help = perhaps(column, columns.keys());
                        let message = format!("столбца «{column}» с числом или словом здесь нет");
                        self.error(&at("key"), message, help);
                    }
                }
                if let (Some(text), None) = (&rows.text, &rows.groups) {
                    let place = self.findings.place(&at("text"));
                    templates::check_row_text(&place, text, columns.keys(), self.findings);
                }
            }
            known.insert(rows.id.clone(), rows_type(yielded, !rows.key.is_empty()));
        }
        known
    }

    pub(super) fn has_unread_indicators(&self, analysis: &Analysis) -> bool {
        let below = self.findings.below(&format!("analyses/{}", analysis.id));
        let known = |id: &String| {
            ["rule", "rows"].contains(&id.as_str())
                || analysis.indicators.iter().any(|indicator| indicator.id == *id)
        };
        !below.iter().all(known)
    }

    fn unread_indicators(&self, analysis: &Analysis, scope: &mut Scope) {
        for unread in self.findings.below(&format!("analyses/{}", analysis.id)) {
            if analysis.indicators.iter().any(|i| i.id == unread) {
                continue;
            }
            for record in ["earlier", "municipality", "rank"] {
                if let Some(Type::Record(known)) = scope.get_mut(record) {
                    known.insert(unread.clone(), Type::Any);
                }
            }
            scope.entry(unread).or_insert(Type::Any);
        }
    }
}
