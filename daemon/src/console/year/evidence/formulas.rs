//! How figures are computed, for people: names in formulas as forms and analyses call them.

use std::collections::BTreeMap;

use vekha_roadmap::RoadMap;
use vekha_roadmap::formula::Names;
use vekha_roadmap::model::{
    Activity, Analysis, Analyze, BESIDE, Collect, Field, FieldKind, Form, Participants, ROWS,
    RowGroups, Work,
};
use vekha_roadmap::russian;

/// What the names of one analysis's formulas mean.
#[derive(Default)]
pub(super) struct Meaning {
    names: BTreeMap<String, String>,
    rows: BTreeMap<String, String>,
}

impl Names for Meaning {
    fn name(&self, path: &str) -> Option<String> {
        self.names.get(path).cloned()
    }

    fn rows(&self, path: &str) -> Option<String> {
        self.rows.get(path).cloned()
    }
}

impl Meaning {
    /// Of an analysis as a stage of an activity makes it.
    pub(super) fn of(
        map: &RoadMap,
        activity: &Activity,
        analyze: &Analyze,
        analysis: &Analysis,
    ) -> Self {
        let mut meaning = Meaning::default();
        let looked_at = |collect: &Collect| match &collect.participants {
            Participants::Kinds(kinds) => kinds.iter().any(|kind| analyze.looks_at(Some(*kind))),
            _ => true,
        };
        for source in &analyze.from {
            let asked = source.activity.as_deref().and_then(|id| map.activity(id));
            let prefix = source.alias.as_ref().map(|alias| format!("{alias}."));
            let prefix = prefix.unwrap_or_default();
            meaning.dataset(map, asked.unwrap_or(activity), &prefix, looked_at);
        }
        if analyze.from.is_empty() {
            meaning.dataset(map, activity, "", looked_at);
        }
        for indicator in &analysis.indicators {
            meaning.names.insert(indicator.id.clone(), indicator.title.clone());
        }
        for (name, value) in &analysis.thresholds {
            let value = russian::threshold(*value);
            meaning.names.insert(format!("threshold.{name}"), format!("порог {value}"));
        }
        // A set may be made of those before it.
        for rows in &analysis.rows {
            let words = rows.formula.words(&meaning);
            let words = match &rows.groups {
                Some(groups) => meaning.groups(&words, groups),
                None => words,
            };
            meaning.rows.insert(rows.id.clone(), words);
        }
        meaning
    }

    /// Which groups of these rows count.
    fn groups(&mut self, of: &str, groups: &RowGroups) -> String {
        let called = |column: &String| {
            let label = self.names.get(&format!(".{column}")).unwrap_or(column);
            format!("«{label}»")
        };
        let by: Vec<String> = groups.grouping.by.iter().map(called).collect();
        self.rows.insert(format!("row.{ROWS}"), "строки группы".to_owned());
        self.rows.insert(format!("row.{BESIDE}"), "строки отдела".to_owned());
        for column in &groups.grouping.by {
            let label = self.names.get(&format!(".{column}")).unwrap_or(column).clone();
            self.names.insert(format!("row.{column}"), label);
        }
        for (id, formula) in &groups.values {
            let words = format!("({})", formula.words(self));
            self.rows.insert(format!("row.{id}"), words);
        }
        let words = format!("группы ({of}), у которых одинаковы {}", by.join(", "));
        match &groups.when {
            Some(when) => format!("{words} и {}", when.words(self)),
            None => words,
        }
    }

    /// What the forms that are looked at and the analyses of an activity call things.
    fn dataset(
        &mut self,
        map: &RoadMap,
        activity: &Activity,
        prefix: &str,
        looked_at: impl Fn(&Collect) -> bool,
    ) {
        for stage in &activity.stages {
            match &stage.work {
                Work::Collect(collect) if looked_at(collect) => {
                    if let Some(form) = map.forms.get(&collect.form) {
                        self.form(form, prefix);
                    }
                }
                Work::Analyze(analyze) if !prefix.is_empty() => {
                    let other = map.analyses.get(&analyze.analysis);
                    for indicator in other.iter().flat_map(|other| &other.indicators) {
                        let path = format!("{prefix}{}", indicator.id);
                        self.names.insert(path, indicator.title.clone());
                    }
                }
                _ => {}
            }
        }
    }

    fn form(&mut self, form: &Form, prefix: &str) {
        for field in &form.fields {
            self.names.insert(format!("{prefix}{}", field.id), field.label.clone());
            self.values(field);
            if let FieldKind::Table(table) = &field.kind {
                for column in &table.columns {
                    // Tables seldom call different things by one name.
                    let known = self.names.entry(format!(".{}", column.id));
                    known.or_insert_with(|| column.label.clone());
                    self.values(column);
                }
            }
        }
    }

    /// What the values of a choice are called.
    fn values(&mut self, field: &Field) {
        let mut say = |value: &str, label: &str| {
            self.names.entry(format!("'{value}'")).or_insert_with(|| label.to_owned());
        };
        match &field.kind {
            FieldKind::Choice(options) | FieldKind::Choices(options) => {
                options.iter().for_each(|option| say(&option.value, &option.label));
            }
            FieldKind::YesNo => {
                say("yes", "да");
                say("no", "нет");
            }
            _ => {}
        }
    }
}
