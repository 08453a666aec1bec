//! What a stage names: other stages, forms, analyses, texts, organisations.

use std::collections::BTreeSet;

use super::{Check, analyzes};
use crate::diagnostic::perhaps;
use crate::model::{
    Activity, Analyze, Collect, Decide, Every, Participants, Publish, Recommend, Stage, Work,
};
use crate::read::templates;

impl Check<'_> {
    pub(super) fn stage(&self, activity: &Activity, at: &str, stage: &Stage) {
        self.needs(activity, at, stage);
        self.not_before(activity, at, stage);
        match &stage.work {
            Work::Collect(collect) => self.collect(activity, at, stage, collect),
            Work::Analyze(analyze) => self.analyze(activity, at, stage, analyze),
            Work::Recommend(recommend) => self.recommend(activity, at, recommend),
            Work::Decide(decide) => self.decide(activity, at, stage, decide),
            Work::Publish(publish) => self.publish(activity, at, stage, publish),
        }
    }

    fn needs(&self, activity: &Activity, at: &str, stage: &Stage) {
        let earlier = activity.stages.iter().take_while(|s| s.id != stage.id).map(|s| &s.id);
        for (i, need) in stage.needs.iter().enumerate() {
            if !earlier.clone().any(|id| id == need) {
                let help = perhaps(need, earlier.clone());
                let message = format!("до этого этапа нет этапа «{need}»");
                self.error(&format!("{at}/needs/{i}"), message, help);
            }
        }
    }

    fn collect(&self, activity: &Activity, at: &str, stage: &Stage, collect: &Collect) {
        self.reference(&format!("{at}/form"), "формы", &collect.form, &self.road_map.forms);
        self.participants(activity, &format!("{at}/participants"), &collect.participants);
        self.known(activity, &stage.id, at, collect);
        self.again(activity, at, stage, collect);
        if let Some(form) = self.road_map.forms.get(&collect.form) {
            let looked_at = form.department.as_deref();
            self.asked_of_department(activity, stage, &format!("{at}/form"), looked_at);
        }
    }

    fn analyze(&self, activity: &Activity, at: &str, stage: &Stage, analyze: &Analyze) {
        let analyses = &self.road_map.analyses;
        self.reference(&format!("{at}/analysis"), "анализа", &analyze.analysis, analyses);
        self.given(at, analyze);
        if let Some(analysis) = analyses.get(&analyze.analysis) {
            let looked_at = analysis.department.as_deref();
            self.asked_of_department(activity, stage, &format!("{at}/analysis"), looked_at);
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
                self.error(&from, format!("«{}» ничего не собирает", other.id), None);
            }
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

    fn recommend(&self, activity: &Activity, at: &str, recommend: &Recommend) {
        let from = format!("{at}/findings");
        let other = match &recommend.findings {
            Some(id) => self.known_activity(&from, id),
            None => Some(activity),
        };
        if let Some(other) = other.filter(|a| !self.may(a, analyzes)) {
            let message = format!("выводам неоткуда взяться: в «{}» нет этапа анализа", other.id);
            self.error(&from, message, None);
        }
    }

    fn decide(&self, activity: &Activity, at: &str, stage: &Stage, decide: &Decide) {
        if let Some(text) = &decide.text {
            self.decision_text(&format!("{at}/text"), text);
        }
        self.document(at, decide);
        self.lists(activity, &stage.id, at, &decide.lists);
        for (i, measure) in decide.measures.iter().enumerate() {
            self.participants(activity, &format!("{at}/measure/{i}/by"), &measure.by);
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

    fn publish(&self, activity: &Activity, at: &str, stage: &Stage, publish: &Publish) {
        let template = format!("reports/{}.html", publish.report);
        if !self.road_map.templates.contains_key(&template) {
            self.error(&format!("{at}/report"), format!("нет файла {template}"), None);
        }
        self.pages(activity, &stage.id, at, publish);
        self.edition(activity, stage, at, publish);
    }

    fn participants(&self, activity: &Activity, at: &str, selection: &Participants) {
        match selection {
            Participants::Kinds(kinds) => self.some_of_kinds(at, kinds),
            Participants::Organisations(codes) => self.named_organisations(at, codes),
            Participants::FoundBy { activity: id, rules } => {
                self.found_by(activity, at, id, rules);
            }
            Participants::Named => {
                let named =
                    matches!(activity.schedule.every, Every::OnDemand | Every::OnEvent { .. });
                if !named {
                    let message = "этап никто не выполнит: организации называет событие или \
                                   человек, а мероприятие начинается само";
                    self.error(at, message, None);
                }
            }
            Participants::Each => {
                if !matches!(activity.schedule.every, Every::Rotation { .. }) {
                    let message =
                        "этап никто не выполнит: «each» бывает только при очереди «N years»";
                    self.error(at, message, None);
                }
            }
        }
    }

    fn named_organisations(&self, at: &str, codes: &[String]) {
        if codes.is_empty() {
            self.error(at, "этап никто не выполнит: организации не названы", None);
        }
        for (i, code) in codes.iter().enumerate() {
            if self.road_map.organisation(code).is_none() {
                let help = perhaps(code, self.road_map.organisations.iter().map(|o| &o.code));
                self.error(&format!("{at}/{i}"), format!("организации «{code}» нет"), help);
            }
        }
    }

    fn found_by(&self, activity: &Activity, at: &str, id: &str, rules: &[String]) {
        let Some(other) = self.known_activity(at, id) else { return };
        if !self.may(other, analyzes) {
            let message = format!("«{id}» никого не находит: в нём нет этапа анализа");
            self.error(at, message, None);
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
}
