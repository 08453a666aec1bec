//! Whether what a form shows to be confirmed is asked somewhere, and fits the form.

use super::Check;
use crate::answers::single;
use crate::diagnostic::perhaps;
use crate::formula::{Scope, Type, field_type};
use crate::model::{
    Activity, Collect, Field, FieldKind, Known, KnownRows, KnownValue, OrganisationKind, PeriodOf,
    Work,
};

impl Check<'_> {
    /// `stage` is the one whose forms are filled.
    pub(super) fn known(&self, activity: &Activity, stage: &str, at: &str, collect: &Collect) {
        if let (Some(source), Some(_)) = (&collect.source, collect.known.first()) {
            let message = format!(
                "форму заполняет или источник «{}», или то, что уже спросили: нужно одно из двух",
                source.id
            );
            self.error(&format!("{at}/known/0"), message, None);
        }
        if let (Some(_), Some(_)) = (&collect.again, collect.known.first()) {
            let message =
                "что ответили на первый раз, показано и так: с again известного не называют";
            self.error(&format!("{at}/known/0"), message, None);
        }
        let Some(form) = self.road_map.forms.get(&collect.form) else { return };
        for known in &collect.known {
            let at = format!("{at}/known/{}", known.place);
            let Some(other) = self.known_activity(&format!("{at}/from"), &known.activity) else {
                continue;
            };
            let same = other.id == activity.id && known.period == PeriodOf::Current;
            if same && known.of_department && self.department_answers_before(activity, stage) {
                // What stages before this one have asked is there when it begins.
            } else if same {
                let help = "возьмите прошлый период: period = \"previous\"; а если это этап раньше — \
                            again = \"id этапа\"";
                let help = Some(help.to_owned());
                self.error(&format!("{at}/from"), "здесь это ещё только спрашивают", help);
            }
            if self.periods_differ(activity, other) {
                let message = format!("«{}» считает периоды иначе", other.id);
                self.error(&format!("{at}/from"), message, None);
            }
            let Some(offered) = self.offered(other) else { continue };
            let Some(field) = form.field(&known.field) else {
                let unread = self.findings.below(&format!("forms/{}", form.id));
                if !unread.contains(&known.field) {
                    let help = perhaps(&known.field, form.fields.iter().map(|field| &field.id));
                    let message = format!("поля «{}» в форме нет", known.field);
                    self.error(&format!("{at}/field"), message, help);
                }
                continue;
            };
            match &known.value {
                KnownValue::Formula(formula) => {
                    let mut scope = offered;
                    self.unread_fields(other, &mut scope);
                    self.typed(&self.said(&at, known), formula, &scope, &field_type(field));
                }
                KnownValue::Rows(rows) => {
                    self.known_rows(&at, other, &offered, field, rows);
                    if let (Some(why), false) =
                        (unchanged(activity, same && known.of_department), rows.same.is_empty())
                    {
                        self.error(&format!("{at}/same"), why.to_owned(), None);
                    }
                }
            }
        }
    }

    /// Whether the department is asked in a stage before this one.
    fn department_answers_before(&self, activity: &Activity, stage: &str) -> bool {
        let is_department = |code: &&str| {
            let known = self.road_map.organisation(code);
            known.is_some_and(|one| one.kind == OrganisationKind::Department)
        };
        let mut before = activity.stages.iter().take_while(|one| one.id != stage);
        let asks = |work: &Work| match work {
            Work::Collect(collect) => {
                let asked = self.road_map.selected(&collect.participants, None);
                asked.iter().any(is_department)
            }
            _ => false,
        };
        before.any(|one| asks(&one.work))
    }

    /// Where the formula of a value stands: that of the same question is its name.
    fn said(&self, at: &str, known: &Known) -> String {
        let own = format!("{at}/value");
        let same = matches!(&known.value, KnownValue::Formula(f) if f.text() == known.field);
        if same { format!("{at}/field") } else { own }
    }

    fn known_rows(
        &self,
        at: &str,
        other: &Activity,
        offered: &Scope,
        field: &Field,
        rows: &KnownRows,
    ) {
        let FieldKind::Table(table) = &field.kind else {
            let message = format!("«{}» — не таблица: строк у неё нет", field.id);
            return self.error(&format!("{at}/field"), message, None);
        };
        let theirs = match offered.get(&rows.table) {
            Some(Type::List(row)) => match row.as_ref() {
                Type::Record(columns) => Some(columns),
                _ => None,
            },
            _ => None,
        };
        let Some(theirs) = theirs else {
            let message = format!("таблицы «{}» в «{}» не спрашивают", rows.table, other.id);
            let help = perhaps(&rows.table, offered.keys());
            return self.error(&format!("{at}/rows"), message, help);
        };
        if let Some(when) = &rows.when {
            let mut scope = offered.clone();
            scope.insert("row".into(), Type::Record(theirs.clone()));
            self.typed(&format!("{at}/when"), when, &scope, &Type::Bool);
        }
        let column = |id: &str| table.columns.iter().find(|column| column.id == id);
        let ours = || table.columns.iter().map(|column| &column.id);
        for (place, id) in rows.same.iter().enumerate() {
            let named = rows.columns.iter().find(|(column, _)| column == id);
            let from = named.map_or(id, |(_, from)| from);
            let wrong = if column(id).is_none() {
                Some((format!("столбца «{id}» в «{}» нет", field.id), perhaps(id, ours())))
            } else if !theirs.contains_key(from) {
                let message =
                    format!("столбца «{from}» в «{}» нет: отдел его не называет", rows.table);
                Some((message, None))
            } else if rows.same[..place].contains(id) {
                Some((format!("«{id}» названо дважды"), None))
            } else {
                None
            };
            if let Some((message, help)) = wrong {
                self.error(&format!("{at}/same"), message, help);
            }
        }
        for (key, named) in
            [("columns", &rows.columns), ("always", &rows.always), ("otherwise", &rows.otherwise)]
        {
            for (id, value) in named {
                let place = format!("{at}/{key}/{id}");
                let Some(column) = column(id) else {
                    let message = format!("столбца «{id}» в «{}» нет", field.id);
                    self.error(&place, message, perhaps(id, ours()));
                    continue;
                };
                let wrong = match key {
                    "columns" => match theirs.get(value) {
                        None => Some(format!("столбца «{value}» в «{}» нет", rows.table)),
                        Some(kind) if *kind != field_type(column) => {
                            Some(format!("«{value}» — {kind}, а «{id}» — {}", field_type(column)))
                        }
                        Some(_) => None,
                    },
                    _ => single(column, &value.as_str().into()).err(),
                };
                if let Some(message) = wrong {
                    self.error(&place, message, None);
                }
            }
        }
    }

    /// What the forms and analyses of an activity offer; nothing can be said where one of them could
    /// not be read.
    pub(super) fn offered(&self, other: &Activity) -> Option<Scope> {
        if self.has_unread_stages(other) {
            return None;
        }
        let mut offered = Scope::new();
        for stage in &other.stages {
            match &stage.work {
                Work::Collect(collect) => {
                    offered.extend(self.fields(self.road_map.forms.get(&collect.form)?));
                }
                Work::Analyze(a) => {
                    let analysis = self.road_map.analyses.get(&a.analysis);
                    let indicators = analysis.into_iter().flat_map(|a| &a.indicators);
                    offered.extend(indicators.map(|i| (i.id.clone(), Type::Number)));
                }
                _ => {}
            }
        }
        Some(offered)
    }

    /// Indicators that were read badly are not unknown.
    fn unread_fields(&self, other: &Activity, scope: &mut Scope) {
        for stage in &other.stages {
            if let Work::Analyze(a) = &stage.work {
                for unread in self.findings.below(&format!("analyses/{}", a.analysis)) {
                    scope.entry(unread).or_insert(Type::Any);
                }
            }
        }
    }
}

/// Why no rows of the department would change, if they are its own of this activity.
fn unchanged(activity: &Activity, are_own: bool) -> Option<&'static str> {
    let again = |work: &Work| match work {
        Work::Collect(collect) => collect.again.is_some() && collect.participants.is_department(),
        _ => false,
    };
    match are_own {
        false => Some(
            "меняет строки всех только отдел, и только свои: нужно of = \"department\" того же \
             мероприятия",
        ),
        true if activity.stages.iter().any(|stage| again(&stage.work)) => None,
        true => Some(
            "отдел здесь не спрашивают ещё раз: менять строки некому; нужен этап отдела с \
             again = \"id его этапа\"",
        ),
    }
}
