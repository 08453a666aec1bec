//! The stages of an activity.

mod known;
mod pages;

use super::activity::organisation_kinds;
use super::table::{Table, available, due, id, month_day, offset, span, words_of};
use crate::model::{
    Analyze, Audience, Collect, Covers, DatasetSource, Decide, DecisionKind, Offset, Participants,
    Planned, PlannedMeasure, Prefill, Publish, Recommend, Stage, Work,
};

pub(super) fn read_all(path: &str, activity: &Table<'_>, title: &str) -> Vec<Stage> {
    let findings = activity.findings();
    let tables = activity.tables("stage");
    if tables.is_empty() {
        activity.error("stage", "нет ни одного этапа [[stage]]", None);
    }
    let mut stages: Vec<Stage> = Vec::new();
    for table in tables {
        let kinds = ["collect", "analyze", "recommend", "decide", "publish"].map(|k| (k, k));
        let kind = table.word("kind", &kinds, None);
        let default_id =
            kind.map(|kind| match stages.iter().filter(|s| s.work.kind() == kind).count() {
                0 => kind.to_owned(),
                n => format!("{kind}-{}", n + 1),
            });
        let stage_id = if table.has("id") { table.parsed("id", stage_id_of) } else { default_id };
        let stage_path = format!("{path}/stage/{}", stage_id.as_deref().unwrap_or("?"));
        findings.keep(stage_path.clone(), table.here());
        let own_title = table.optional("title");
        let mut needs = Vec::new();
        for (i, (place, need)) in table.placed_texts("needs").into_iter().enumerate() {
            findings.keep(format!("{stage_path}/needs/{i}"), place);
            needs.push(need);
        }
        if !table.has("needs") {
            needs.extend(stages.last().map(|s| s.id.clone()));
        }
        let not_before = table.parsed_if("not-before", month_day);
        findings.keep(format!("{stage_path}/not-before"), table.at("not-before"));
        let work = match kind {
            Some("collect") => collect(&stage_path, &table).map(Work::Collect),
            Some("analyze") => analyze(&stage_path, &table).map(Work::Analyze),
            Some("recommend") => recommend(&stage_path, &table).map(Work::Recommend),
            Some("decide") => decide(&stage_path, &table, title).map(Work::Decide),
            Some("publish") => publish(&stage_path, &table).map(Work::Publish),
            _ => None,
        };
        if let Some(stage_id) = &stage_id
            && stages.iter().any(|s| s.id == *stage_id)
        {
            table.error("id", format!("этап «{stage_id}» уже есть"), None);
        }
        if let (Some(stage_id), Some(work)) = (stage_id, work) {
            let title = match own_title.as_str() {
                "" => default_title(&work).to_owned(),
                _ => own_title,
            };
            stages.push(Stage { id: stage_id, title, needs, not_before, work });
        }
        if kind.is_some() {
            table.finish();
        }
    }
    stages
}

fn stage_id_of(text: &str) -> Result<String, String> {
    // Reports on measures have stages of their own: see the engine's `measure_stage`.
    if text.starts_with("measure-") {
        return Err(format!("«{text}»: так названы отчёты о мерах"));
    }
    id(text)
}

fn default_title(work: &Work) -> &'static str {
    match work {
        Work::Collect(_) => "Сбор сведений",
        Work::Analyze(_) => "Анализ",
        Work::Recommend(_) => "Адресные рекомендации",
        Work::Decide(_) => "Управленческое решение",
        Work::Publish(_) => "Публикация",
    }
}

fn reminders(table: &Table<'_>) -> Vec<Offset> {
    let mut offsets = Vec::new();
    for (place, text) in table.placed_texts("remind") {
        match offset(&text) {
            Ok(offset) => offsets.push(offset),
            Err(message) => table.findings().error(&place, message, None),
        }
    }
    offsets
}

fn collect(path: &str, table: &Table<'_>) -> Option<Collect> {
    let findings = table.findings();
    let form = table.text("form");
    findings.keep(format!("{path}/form"), table.at("form"));
    let attach_form = table.flag("attach-form", false);
    let source = table.parsed_if("source", id);
    let confirm = table.flag("confirm", true);
    if table.has("confirm") && !table.has("source") {
        table.error("confirm", "подтверждать нечего: не назван source", None);
    }
    let known = known::read(path, table);
    let again = table.parsed_if("again", id);
    findings.keep(format!("{path}/again"), table.at("again"));
    let participants = participants(path, "participants", table);
    if !table.has("participants") {
        table.error(
            "participants",
            "скажите, кого спросить: participants = { kinds = [\"school\"] }",
            None,
        );
    }
    let available_from = table.parsed_if("available-from", available);
    let due = table.parsed("due", due);
    table.findings().keep(format!("{path}/due"), table.at("due"));
    let remind = reminders(table);
    let escalate = table.parsed_if("escalate", span);
    let review = table.parsed_if("review", span);
    let close = table.parsed_if("close", span);
    Some(Collect {
        form: form?,
        attach_form,
        source: source.map(|id| Prefill { id, confirm }),
        known,
        again,
        available_from,
        participants: participants?,
        due: due?,
        remind,
        escalate,
        review,
        close,
    })
}

fn participants(path: &str, key: &'static str, table: &Table<'_>) -> Option<Participants> {
    let findings = table.findings();
    findings.keep(format!("{path}/{key}"), table.at(key));
    let selection = table.table(key)?;
    let ways = ["kinds", "organisations", "found-by", "named", "each"];
    let used: Vec<&str> = ways.into_iter().filter(|way| selection.has(way)).collect();
    let chosen = match used.as_slice() {
        ["kinds"] => Some(Participants::Kinds(organisation_kinds(&selection))),
        ["organisations"] => {
            let mut codes = Vec::new();
            for (place, code) in selection.placed_texts("organisations") {
                findings.keep(format!("{path}/{key}/{}", codes.len()), place);
                codes.push(code);
            }
            Some(Participants::Organisations(codes))
        }
        ["found-by"] => {
            let activity = selection.text("found-by");
            let rules = selection.texts("rules");
            activity.map(|activity| Participants::FoundBy { activity, rules })
        }
        ["named"] if selection.flag("named", false) => Some(Participants::Named),
        ["each"] if selection.flag("each", false) => Some(Participants::Each),
        _ => {
            let message = format!("нужно ровно одно из {}", ways.join(", "));
            findings.error(&selection.here(), message, None);
            None
        }
    };
    if chosen.is_some() {
        selection.finish();
    }
    chosen
}

fn analyze(path: &str, table: &Table<'_>) -> Option<Analyze> {
    let findings = table.findings();
    let (analysis, plugin) = match table.is_table("analysis") {
        true => given_by_plugin(path, table)?,
        false => (table.text("analysis"), None),
    };
    if plugin.is_none() {
        findings.keep(format!("{path}/analysis"), table.at("analysis"));
    }
    findings.keep(format!("{path}/from"), table.at("from"));
    let mut from = Vec::new();
    if table.is_text("from") {
        let activity = table.text("from");
        from.push(DatasetSource { alias: None, activity });
    } else if let Some(sources) = table.table("from") {
        for (alias, place, activity) in sources.pairs() {
            if let Err(message) = super::table::name(&alias) {
                findings.error(&place, message, None);
            }
            findings.keep(format!("{path}/from/{alias}"), place);
            from.push(DatasetSource { alias: Some(alias), activity: Some(activity) });
        }
    } else if !table.has("from") {
        from.push(DatasetSource { alias: None, activity: None });
    }
    findings.keep(format!("{path}/kinds"), table.at("kinds"));
    let kinds = if table.has("kinds") { organisation_kinds(table) } else { vec![] };
    Some(Analyze { analysis: analysis?, plugin, from, kinds })
}

/// `{ plugin = "rating", definition = "rating" }`: the definition, and who gives what it has no formula
/// for.
fn given_by_plugin(path: &str, table: &Table<'_>) -> Option<(Option<String>, Option<String>)> {
    let findings = table.findings();
    let named = table.table("analysis")?;
    let plugin = named.parsed("plugin", id);
    let definition = named.text("definition");
    findings.keep(format!("{path}/analysis"), named.at("definition"));
    findings.keep(format!("{path}/plugin"), named.at("plugin"));
    named.finish();
    Some((definition, Some(plugin?)))
}

fn recommend(path: &str, table: &Table<'_>) -> Option<Recommend> {
    let findings = table.optional("findings");
    table.findings().keep(format!("{path}/findings"), table.at("findings"));
    let approve = table.flag("approve", true);
    let acknowledge = table.parsed_if("acknowledge", span);
    let remind = reminders(table);
    Some(Recommend {
        findings: (!findings.is_empty()).then_some(findings),
        approve,
        acknowledge,
        remind,
    })
}

fn decide(path: &str, table: &Table<'_>, title: &str) -> Option<Decide> {
    let mut decisions = table.texts("decisions");
    if decisions.is_empty() {
        decisions.push(title.to_owned());
    }
    let text = table.parsed_if("text", id);
    table.findings().keep(format!("{path}/text"), table.at("text"));
    let kind = table.word("document", &words_of(DecisionKind::ALL), Some(DecisionKind::Order));
    let issuer = table.parsed_if("issuer", id);
    for key in ["document", "issuer"] {
        table.findings().keep(format!("{path}/{key}"), table.at(key));
    }
    let document = Planned { kind: kind.unwrap_or_default(), issuer };
    let due = table.parsed("due", due);
    let remind = reminders(table);
    let mut measures = Vec::new();
    for (i, measure) in table.tables("measure").into_iter().enumerate() {
        let measure_path = format!("{path}/measure/{i}");
        let text = measure.text("text");
        let by = if measure.has("by") {
            participants(&measure_path, "by", &measure)
        } else {
            Some(Participants::Kinds(vec![crate::model::OrganisationKind::Department]))
        };
        let due = measure.parsed("due", super::table::due);
        measure.finish();
        if let (Some(text), Some(by), Some(due)) = (text, by, due) {
            measures.push(PlannedMeasure { text, by, due });
        }
    }
    let lists = pages::lists(path, table);
    Some(Decide { decisions, text, lists, document, due: due?, remind, measures })
}

fn publish(path: &str, table: &Table<'_>) -> Option<Publish> {
    let report = table.text("report");
    table.findings().keep(format!("{path}/report"), table.at("report"));
    let covers = table.word(
        "covers",
        &[("run", Covers::Run), ("period", Covers::Period)],
        Some(Covers::Run),
    );
    // What is published everybody can read: it is for nobody less.
    let audience = table.word_if("audience", &[("public", Audience::Public)]);
    table.findings().keep(format!("{path}/audience"), table.at("audience"));
    let pages = pages::read(path, table);
    table.findings().keep(format!("{path}/edition"), table.at("edition"));
    let edition = table.optional("edition");
    Some(Publish { report: report?, edition, covers: covers?, audience, pages })
}
