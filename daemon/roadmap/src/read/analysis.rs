//! One analysis: thresholds, indicators, rules.

use std::collections::BTreeMap;

use super::table::{Table, id, name};
use crate::formula::Formula;
use crate::model::{Analysis, Better, Indicator, RestsOn, Rule, Severity};

/// So many participants are enough, where the analysis does not say otherwise.
const ENOUGH: i64 = 10;

pub(super) fn read(analysis_id: &str, table: &Table<'_>) -> Analysis {
    let findings = table.findings();
    let title = table.text("title");
    let method = table.optional("method");
    let min_count = table.whole("min-count", 1..=10_000).unwrap_or(3);
    let enough = table.whole("min-participants", 1..=10_000).unwrap_or(ENOUGH);
    let mut thresholds = BTreeMap::new();
    if let Some(table) = table.table("thresholds") {
        for (key, value) in table.numbers() {
            if let Err(message) = name(&key) {
                table.error(&key, message, None);
            }
            thresholds.insert(key, value);
        }
    }
    let mut indicators: Vec<Indicator> = Vec::new();
    for indicator in table.tables("indicator") {
        let indicator_id = indicator.parsed("id", name);
        let label = indicator_id.as_deref().unwrap_or("?");
        findings.keep(format!("analyses/{analysis_id}/{label}"), indicator.at("formula"));
        let title = indicator.text("title");
        let unit = indicator.optional("unit");
        let decimals = indicator.whole("decimals", 0..=6).unwrap_or(1) as u8;
        let better = indicator.word(
            "better",
            &[("higher", Some(Better::Higher)), ("lower", Some(Better::Lower))],
            Some(None),
        );
        let formula = indicator.formula("formula");
        findings.keep(format!("analyses/{analysis_id}/{label}/of"), indicator.at("of"));
        let rests_on = rests_on(&indicator, enough);
        indicator.finish();
        if let (Some(id), Some(formula)) = (indicator_id, formula) {
            if indicators.iter().any(|i| i.id == id) {
                let place = findings.place(&format!("analyses/{analysis_id}/{id}"));
                findings.error(&place, format!("показатель «{id}» уже есть"), None);
            }
            indicators.push(Indicator {
                id,
                title: title.unwrap_or_default(),
                unit,
                decimals,
                better: better.flatten(),
                formula,
                rests_on,
            });
        }
    }
    if indicators.is_empty() && !table.has("indicator") {
        table.error("indicator", "нет ни одного показателя [[indicator]]", None);
    }
    let mut rules: Vec<Rule> = Vec::new();
    for rule in table.tables("rule") {
        let path = format!("analyses/{analysis_id}/rule/{}", rules.len());
        for key in ["when", "finding", "recommendation", "alternatives", "shows"] {
            findings.keep(format!("{path}/{key}"), rule.at(key));
        }
        let rule_id = rule.parsed("id", id);
        let when = rule.formula("when");
        let severity = rule.word(
            "severity",
            &[
                ("note", Severity::Note),
                ("attention", Severity::Attention),
                ("serious", Severity::Serious),
            ],
            None,
        );
        let finding = rule.text("finding");
        let recommendation = rule.text_or("recommendation", None);
        let alternatives = rule.texts("alternatives");
        if recommendation.is_none() && !alternatives.is_empty() {
            let message = "выбирать не из чего: у правила нет recommendation".to_owned();
            rule.error("alternatives", message, None);
        }
        let shows = rule.texts("shows");
        if let Some(rule_id) = &rule_id
            && rules.iter().any(|r| r.id == *rule_id)
        {
            rule.error("id", format!("правило «{rule_id}» уже есть"), None);
        }
        rule.finish();
        // Every rule is kept, so that the next one is counted rightly and found by its id.
        if let Some(when) = when.or_else(|| Formula::parse("false").ok()) {
            rules.push(Rule {
                id: rule_id.unwrap_or_default(),
                when,
                severity: severity.unwrap_or(Severity::Note),
                finding: finding.unwrap_or_default(),
                recommendation,
                alternatives,
                shows,
            });
        }
    }
    table.finish();
    Analysis {
        id: analysis_id.to_owned(),
        title: title.unwrap_or_default(),
        method,
        thresholds,
        min_count: min_count as usize,
        indicators,
        rules,
    }
}

/// How many participants an indicator needs, if it says of whom it is.
fn rests_on(indicator: &Table<'_>, enough: i64) -> Option<RestsOn> {
    let least = indicator.whole("min-of", 1..=10_000);
    if !indicator.has("of") {
        if indicator.has("min-of") {
            let message = "не сказано, чего должно быть столько: нужен ключ of";
            indicator.error("min-of", message, None);
        }
        return None;
    }
    let count = indicator.formula("of")?;
    Some(RestsOn { count, least: least.unwrap_or(enough) as u32 })
}
