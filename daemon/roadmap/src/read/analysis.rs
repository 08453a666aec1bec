//! One analysis: thresholds, indicators, rules.

use std::collections::BTreeMap;

use super::table::{Table, id, name};
use crate::formula::Formula;
use crate::model::{Analysis, Better, Indicator, Rule, Severity};

pub(super) fn read(analysis_id: &str, table: &Table<'_>) -> Analysis {
    let findings = table.findings();
    let title = table.text("title");
    let method = table.optional("method");
    let min_count = table.whole("min-count", 1..=10_000).unwrap_or(3);
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
