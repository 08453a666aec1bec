//! What no single file can tell: references, cycles, who can finish a stage, types of formulas,
//! addresses.

mod audience;
mod available;
mod department;
mod documents;
mod evidence;
mod groups;
mod known;
mod pages;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use self::department::DEPARTMENT;
use super::table::Place;
use super::{Findings, layout_check, templates};
use crate::diagnostic::perhaps;
use crate::formula::{
    Formula, FormulaError, Scope, Type, analysis_scope, form_scope, row_scope, rows_scope,
    rows_type, rule_scope,
};
use crate::model::{
    Activity, Analysis, Analyze, Every, FieldKind, Form, OrganisationKind, Participants, PeriodOf,
    Required, RoadMap, Work,
};
use crate::pattern::plain;

pub(super) fn check(road_map: &RoadMap, findings: &Findings) {
    let check = Check { road_map, findings };
    check.registry();
    check.short_names();
    check.logins();
    for activity in &road_map.activities {
        check.activity(activity);
    }
    check.cycles();
    for form in road_map.forms.values() {
        check.form(form);
    }
    check.analyses();
    check.audiences();
    layout_check::check(road_map, findings);
    check.addresses();
    templates::check(road_map, findings);
    check.verbs();
    check.evidence();
    check.calendar();
    check.confirmed();
    check.available();
}

struct Check<'a> {
    road_map: &'a RoadMap,
    findings: &'a Findings,
}

impl Check<'_> {
    fn error(&self, path: &str, message: impl Into<String>, help: Option<String>) {
        self.findings.error(&self.findings.place(path), message, help);
    }

    fn registry(&self) {
        let departments =
            self.road_map.organisations.iter().filter(|o| o.kind == OrganisationKind::Department);
        match departments.count() {
            1 => {}
            0 => self.findings.error(
                &Place::start_of("organisations.toml"),
                "нет отдела: нужна одна организация с kind = \"department\"",
                None,
            ),
            n => self.findings.error(
                &Place::start_of("organisations.toml"),
                format!("отделов {n}, а должен быть один"),
                None,
            ),
        }
    }

    /// Who reads a table cannot tell two organisations of one short name apart.
    fn short_names(&self) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for organisation in &self.road_map.organisations {
            let (short, code) = (organisation.short.as_str(), organisation.code.as_str());
            if let Some(other) = seen.insert(short, code).filter(|other| *other != code) {
                let place = self.findings.place(&format!("organisations/{code}"));
                let message =
                    format!("«{short}» — так же коротко названа «{other}»: их не различить");
                self.findings.warn(&place, &message);
            }
        }
    }

    /// By its login a file's rows find their organisation: there may be only one of it.
    fn logins(&self) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for organisation in &self.road_map.organisations {
            let code = organisation.code.as_str();
            for (at, login) in organisation.logins.iter().enumerate() {
                let other = seen.insert(plain(login), code);
                if let Some(other) = other {
                    let message = if other == code {
                        format!("логин «{login}» здесь уже есть")
                    } else {
                        format!("логин «{login}» уже у «{other}»: чьи строки в файле, не узнать")
                    };
                    self.error(&format!("organisations/{code}/logins/{at}"), message, None);
                }
            }
        }
    }

    fn activity(&self, activity: &Activity) {
        let path = format!("activities/{}", activity.id);
        let twin = self.road_map.activities.iter().find(|other| {
            !std::ptr::eq(*other, activity)
                && other.id != activity.id
                && other.number == activity.number
        });
        if let Some(twin) = twin {
            let message = format!("номер {} уже у «{}»", activity.number, twin.id);
            self.error(&path, message, None);
        }
        let sections = || self.road_map.municipality.sections.iter().map(|s| &s.id);
        if !activity.section.is_empty() && !sections().any(|id| *id == activity.section) {
            let help = perhaps(&activity.section, sections());
            self.error(
                &format!("{path}/section"),
                format!("раздела «{}» нет", activity.section),
                help,
            );
        }
        for (i, party) in activity.responsible.iter().enumerate() {
            let parties = &self.road_map.municipality.parties;
            if !parties.contains_key(party) {
                let help = perhaps(party, parties.keys());
                let message = format!("ответственного «{party}» нет в [parties]");
                self.error(&format!("{path}/responsible/{i}"), message, help);
            }
        }
        for (i, upstream) in activity.schedule.after.iter().enumerate() {
            let at = format!("{path}/after/{i}");
            let rotates = |a: &Activity| matches!(a.schedule.every, Every::Rotation { .. });
            if self.road_map.activity(&upstream.activity).is_some_and(rotates) {
                let message = format!(
                    "«{}» выполняется по организациям, а не целиком: его завершения не дождаться",
                    upstream.activity
                );
                self.error(&at, message, None);
            }
            if let (Some(other), Some(stage)) =
                (self.road_map.activity(&upstream.activity), &upstream.stage)
                && other.stage(stage).is_none()
                && !self.has_unread_stages(other)
            {
                let help = perhaps(stage, other.stages.iter().map(|s| &s.id));
                let message = format!("в «{}» нет этапа «{stage}»", other.id);
                self.error(&format!("{at}/stage"), message, help);
            }
            if let Some(other) = self.known_activity(&at, &upstream.activity)
                && self.periods_differ(activity, other)
            {
                self.error(
                    &at,
                    format!(
                        "«{}» считает периоды иначе: {} против {}",
                        other.id, other.schedule.period, activity.schedule.period
                    ),
                    Some("у связанных мероприятий «period» одинаков".into()),
                );
            }
        }
        for stage in &activity.stages {
            let at = format!("{path}/stage/{}", stage.id);
            for (i, need) in stage.needs.iter().enumerate() {
                let need_at = format!("{at}/needs/{i}");
                let earlier = activity.stages.iter().take_while(|s| s.id != stage.id);
                if !earlier.clone().any(|s| s.id == *need) {
                    let help = perhaps(need, earlier.map(|s| &s.id));
                    self.error(&need_at, format!("до этого этапа нет этапа «{need}»"), help);
                }
            }
            self.not_before(activity, &at, stage);
            match &stage.work {
                Work::Collect(collect) => {
                    self.reference(
                        &format!("{at}/form"),
                        "формы",
                        &collect.form,
                        &self.road_map.forms,
                    );
                    self.participants(
                        activity,
                        &format!("{at}/participants"),
                        &collect.participants,
                    );
                    self.known(activity, &stage.id, &at, collect);
                    self.again(activity, &at, stage, collect);
                    if let Some(form) = self.road_map.forms.get(&collect.form) {
                        let looked_at = form.department.as_deref();
                        self.asked_of_department(activity, stage, &format!("{at}/form"), looked_at);
                    }
                }
                Work::Analyze(analyze) => {
                    self.reference(
                        &format!("{at}/analysis"),
                        "анализа",
                        &analyze.analysis,
                        &self.road_map.analyses,
                    );
                    self.given(&at, analyze);
                    if let Some(analysis) = self.road_map.analyses.get(&analyze.analysis) {
                        let at = format!("{at}/analysis");
                        let looked_at = analysis.department.as_deref();
                        self.asked_of_department(activity, stage, &at, looked_at);
                    }
                    self.some_of_kinds(&format!("{at}/kinds"), &analyze.kinds);
                    for source in &analyze.from {
                        let from = match &source.alias {
                            Some(alias) => format!("{at}/from/{alias}"),
                            None => format!("{at}/from"),
                        };
                        let other = match &source.activity {
                            Some(id) => self.known_activity(&from, id),
                            None => Some(activity),
                        };
                        let collects = |work: &Work| matches!(work, Work::Collect(_));
                        if let Some(other) = other.filter(|a| !self.may(a, collects)) {
                            let message = format!("«{}» ничего не собирает", other.id);
                            self.error(&from, message, None);
                        }
                    }
                }
                Work::Recommend(recommend) => {
                    let from = format!("{at}/findings");
                    let other = match &recommend.findings {
                        Some(id) => self.known_activity(&from, id),
                        None => Some(activity),
                    };
                    if let Some(other) = other.filter(|a| !self.may(a, analyzes)) {
                        self.error(
                            &from,
                            format!("выводам неоткуда взяться: в «{}» нет этапа анализа", other.id),
                            None,
                        );
                    }
                }
                Work::Decide(decide) => {
                    if let Some(text) = &decide.text {
                        self.decision_text(&format!("{at}/text"), text);
                    }
                    self.document(&at, decide);
                    self.lists(activity, &stage.id, &at, &decide.lists);
                    for (i, measure) in decide.measures.iter().enumerate() {
                        self.participants(activity, &format!("{at}/measure/{i}/by"), &measure.by);
                    }
                }
                Work::Publish(publish) => {
                    let template = format!("reports/{}.html", publish.report);
                    if !self.road_map.templates.contains_key(&template) {
                        self.error(&format!("{at}/report"), format!("нет файла {template}"), None);
                    }
                    self.pages(activity, &stage.id, &at, publish);
                    self.edition(activity, stage, &at, publish);
                }
            }
        }
        if let Every::Rotation { kinds, .. } = &activity.schedule.every {
            let each = |s: &crate::model::Stage| matches!(&s.work, Work::Collect(c) if c.participants == Participants::Each);
            if !activity.stages.iter().any(each) {
                self.error(
                    &format!("{path}/schedule/each"),
                    "ни один этап не спрашивает организацию, чья очередь: participants = { each = true }",
                    None,
                );
            }
            self.some_of_kinds(&format!("{path}/schedule/each"), kinds);
        }
    }

    /// A plugin is named where a definition leaves something to it, and nowhere else.
    fn given(&self, at: &str, analyze: &Analyze) {
        let id = &analyze.analysis;
        let Some(definition) = self.road_map.analyses.get(id) else { return };
        match (&analyze.plugin, definition.needs_plugin()) {
            (None, true) => {
                let message = format!(
                    "в «{id}» не всё посчитано формулами (given-by = \"plugin\"), а плагин не назван"
                );
                let help = format!("{{ plugin = \"…\", definition = \"{id}\" }}");
                self.error(&format!("{at}/analysis"), message, Some(help));
            }
            // What was read badly may be what it gives.
            (Some(plugin), false) if !self.has_unread_indicators(definition) => {
                let message = format!(
                    "плагину «{plugin}» здесь нечего считать: в «{id}» всё посчитано формулами"
                );
                let help = "у того, что даёт плагин, вместо формулы given-by = \"plugin\"";
                self.error(&format!("{at}/plugin"), message, Some(help.to_owned()));
            }
            _ => {}
        }
    }

    fn decision_text(&self, at: &str, text: &str) {
        let template = templates::decision(text);
        let all = &self.road_map.templates;
        if !all.contains_key(&template) {
            let known = all.keys().filter_map(|path| templates::decision_name(path));
            self.error(at, format!("нет файла {template}"), perhaps(text, known));
        }
    }

    fn reference<T>(&self, at: &str, what: &str, id: &str, known: &BTreeMap<String, T>) {
        if !known.contains_key(id) {
            self.error(at, format!("{what} «{id}» нет"), perhaps(id, known.keys()));
        }
    }

    fn periods_differ(&self, one: &Activity, other: &Activity) -> bool {
        let odd = |a: &Activity| self.findings.stands(&format!("activities/{}/odd-period", a.id));
        one.schedule.period != other.schedule.period && !odd(one) && !odd(other)
    }

    fn known_activity(&self, at: &str, id: &str) -> Option<&Activity> {
        let found = self.road_map.activity(id);
        if found.is_none() && !self.findings.stands(&format!("activities/{id}")) {
            let help = perhaps(id, self.road_map.activities.iter().map(|a| &a.id));
            self.error(at, format!("мероприятия «{id}» нет"), help);
        }
        found
    }

    fn some_of_kinds(&self, at: &str, kinds: &[OrganisationKind]) {
        for kind in kinds {
            let open = |o: &&crate::model::Organisation| o.kind == *kind && o.until.is_none();
            if !self.road_map.organisations.iter().any(|o| open(&o)) {
                let name = kind.as_str();
                let message = format!("этап никто не выполнит: нет организаций рода «{name}»");
                self.error(at, message, None);
            }
        }
    }

    fn participants(&self, activity: &Activity, at: &str, selection: &Participants) {
        match selection {
            Participants::Kinds(kinds) => self.some_of_kinds(at, kinds),
            Participants::Organisations(codes) => {
                if codes.is_empty() {
                    self.error(at, "этап никто не выполнит: организации не названы", None);
                }
                for (i, code) in codes.iter().enumerate() {
                    if self.road_map.organisation(code).is_none() {
                        let known = self.road_map.organisations.iter().map(|o| &o.code);
                        let help = perhaps(code, known);
                        self.error(&format!("{at}/{i}"), format!("организации «{code}» нет"), help);
                    }
                }
            }
            Participants::FoundBy { activity: id, rules } => {
                let Some(other) = self.known_activity(at, id) else { return };
                if !self.may(other, analyzes) {
                    self.error(
                        at,
                        format!("«{id}» никого не находит: в нём нет этапа анализа"),
                        None,
                    );
                }
                if self.periods_differ(activity, other) {
                    self.error(at, format!("«{id}» считает периоды иначе"), None);
                }
                let known: BTreeSet<&String> = other
                    .stages
                    .iter()
                    .filter_map(|s| match &s.work {
                        Work::Analyze(a) => self.road_map.analyses.get(&a.analysis),
                        _ => None,
                    })
                    .flat_map(|a| a.rules.iter().map(|r| &r.id))
                    .collect();
                for rule in rules.iter().filter(|r| !known.contains(r)) {
                    let help = perhaps(rule, known.iter());
                    self.error(at, format!("правила «{rule}» в «{id}» нет"), help);
                }
            }
            Participants::Named => {
                let named =
                    matches!(activity.schedule.every, Every::OnDemand | Every::OnEvent { .. });
                if !named {
                    self.error(
                        at,
                        "этап никто не выполнит: организации называет событие или человек, \
                         а мероприятие начинается само",
                        None,
                    );
                }
            }
            Participants::Each => {
                if !matches!(activity.schedule.every, Every::Rotation { .. }) {
                    self.error(
                        at,
                        "этап никто не выполнит: «each» бывает только при очереди «N years»",
                        None,
                    );
                }
            }
        }
    }

    /// Activities that wait for each other in the same period would wait for ever.
    fn cycles(&self) {
        let edges: BTreeMap<&str, Vec<&str>> = self
            .road_map
            .activities
            .iter()
            .map(|a| {
                let same = a.schedule.after.iter().filter(|u| u.period == PeriodOf::Current);
                (a.id.as_str(), same.map(|u| u.activity.as_str()).collect())
            })
            .collect();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for start in edges.keys() {
            let mut path = Vec::new();
            if let Some(cycle) = walk(start, &edges, &mut path, &mut done) {
                let numbers: Vec<String> = cycle.iter().map(|id| format!("«{id}»")).collect();
                self.error(
                    &format!("activities/{}/after/0", cycle[0]),
                    format!("мероприятия ждут друг друга по кругу: {}", numbers.join(" → ")),
                    Some("уберите одну из ссылок или поставьте period = \"previous\"".into()),
                );
            }
        }
    }

    fn formula_errors(&self, path: &str, errors: Vec<FormulaError>) {
        let place = self.findings.place(path);
        for e in errors {
            // One character for the opening quote.
            let place = e.offset.map_or_else(|| place.clone(), |offset| place.further(offset + 1));
            self.findings.error(&place, e.message, None);
        }
    }

    fn typed(&self, path: &str, formula: &Formula, scope: &Scope, wanted: &Type) {
        if let Err(errors) = formula.check_as(scope, wanted) {
            self.formula_errors(path, errors);
        }
    }

    fn form(&self, form: &Form) {
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
    fn fields(&self, form: &Form) -> Scope {
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

    /// Each analysis is checked against every stage that uses it.
    fn analyses(&self) {
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

    /// Whether some stage of the activity could not be read: it was told so already.
    fn has_unread_stages(&self, activity: &Activity) -> bool {
        let stages = self.findings.below(&format!("activities/{}/stage", activity.id));
        stages.iter().any(|id| activity.stage(id).is_none())
    }

    /// Whether a stage of the activity does such work, as far as can be told.
    fn may(&self, activity: &Activity, does: impl Fn(&Work) -> bool) -> bool {
        self.has_unread_stages(activity) || activity.stages.iter().any(|s| does(&s.work))
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

    fn has_unread_indicators(&self, analysis: &Analysis) -> bool {
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

    /// Whoever may get a letter needs an address.
    fn addresses(&self) {
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        for activity in &self.road_map.activities {
            for stage in &activity.stages {
                let selections: Vec<&Participants> = match &stage.work {
                    Work::Collect(c) => vec![&c.participants],
                    Work::Decide(d) => d.measures.iter().map(|m| &m.by).collect(),
                    _ => vec![],
                };
                for selection in selections {
                    match selection {
                        // Whose turn it is, a run will know.
                        Participants::Each => {
                            if let Every::Rotation { kinds, .. } = &activity.schedule.every {
                                asked.extend(self.road_map.of_kinds(kinds));
                            }
                        }
                        known => asked.extend(self.road_map.selected(known, None)),
                    }
                }
            }
        }
        for organisation in &self.road_map.organisations {
            let needed = asked.contains(organisation.code.as_str())
                || organisation.kind == OrganisationKind::Department;
            if needed && organisation.addressees().is_empty() && organisation.until.is_none() {
                self.error(
                    &format!("organisations/{}", organisation.code),
                    format!("у «{}» нет адреса, а ей уйдут письма", organisation.short),
                    Some("добавьте email = \"…\"".into()),
                );
            }
        }
    }

    fn calendar(&self) {
        if self.road_map.calendar.years.is_empty() {
            self.findings.warn(
                &Place::start_of("calendar.toml"),
                "ни один год не описан: переносов выходных календарь не знает",
            );
        }
    }
}

fn analyzes(work: &Work) -> bool {
    matches!(work, Work::Analyze(_))
}

/// Follows edges from `at`; a cycle comes back with its first activity at both ends.
fn walk<'a>(
    at: &'a str,
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = path.iter().position(|id| *id == at) {
        let mut cycle = path[start..].to_vec();
        cycle.push(at);
        return Some(cycle);
    }
    if done.contains(at) {
        return None;
    }
    path.push(at);
    let found = edges.get(at).into_iter().flatten().find_map(|next| walk(next, edges, path, done));
    path.pop();
    done.insert(at);
    found
}
