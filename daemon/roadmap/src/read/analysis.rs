//! One analysis: thresholds, row sets, indicators, rules. And the thresholds that analyses share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::groups;
use super::table::{Place, Table, id, name};
use crate::diagnostic::perhaps;
use crate::formula::Formula;
use crate::model::{
    Analysis, Audience, Better, Indicator, RestsOn, RowSet, Rule, Severity, Sign, Signs,
};

/// So many participants are enough, where the analysis does not say otherwise.
const ENOUGH: i64 = 10;

/// So many rows are listed in a text, where the row set does not say otherwise.
const LISTED: i64 = 6;

/// What several analyses mean when they say the same: `thresholds.toml`.
#[derive(Default)]
pub(super) struct Shared {
    thresholds: BTreeMap<String, (f64, Place)>,
    taken: RefCell<BTreeSet<String>>,
}

impl Shared {
    pub fn read(table: &Table<'_>) -> Self {
        let mut thresholds = BTreeMap::new();
        for (key, value) in table.numbers() {
            if let Err(message) = name(&key) {
                table.error(&key, message, None);
            }
            let place = table.at(&key);
            thresholds.insert(key, (value, place));
        }
        Shared { thresholds, taken: RefCell::default() }
    }

    /// The value of a threshold, or what is wrong with its name.
    fn take(&self, name: &str) -> Result<f64, (String, Option<String>)> {
        self.taken.borrow_mut().insert(name.to_owned());
        self.thresholds.get(name).map(|(value, _)| *value).ok_or_else(|| {
            let message = format!("порога «{name}» в thresholds.toml нет");
            (message, perhaps(name, self.thresholds.keys()))
        })
    }

    /// Those that no analysis takes: whoever changes them changes nothing.
    pub fn idle(&self) -> Vec<(String, Place)> {
        let taken = self.taken.borrow();
        let idle = self.thresholds.iter().filter(|(name, _)| !taken.contains(*name));
        idle.map(|(name, (_, place))| (name.clone(), place.clone())).collect()
    }
}

pub(super) fn read(analysis_id: &str, table: &Table<'_>, shared: &Shared) -> Analysis {
    let findings = table.findings();
    let title = table.text("title");
    let method = table.optional("method");
    let min_count = table.whole("min-count", 1..=10_000).unwrap_or(3);
    let enough = table.whole("min-participants", 1..=10_000).unwrap_or(ENOUGH);
    let audience = table.word_if("audience", &Audience::ALL);
    let about = [("organisations", false), ("municipality", true)];
    let about_all = table.word("about", &about, Some(false));
    let thresholds = thresholds(table, shared);
    findings.keep(format!("department/analyses/{analysis_id}"), table.at("department"));
    let department = table.text_or("department", None);
    let rows = row_sets(analysis_id, table);
    let mut indicators: Vec<Indicator> = Vec::new();
    for indicator in table.tables("indicator") {
        let indicator_id = indicator.parsed("id", name);
        let label = indicator_id.as_deref().unwrap_or("?");
        let given = is_given(&indicator, "formula");
        let stands = if given { "given-by" } else { "formula" };
        findings.keep(format!("analyses/{analysis_id}/{label}"), indicator.at(stands));
        let title = indicator.text("title");
        let unit = indicator.optional("unit");
        let decimals = indicator.whole("decimals", 0..=6).unwrap_or(1) as u8;
        let better = indicator.word(
            "better",
            &[("higher", Some(Better::Higher)), ("lower", Some(Better::Lower))],
            Some(None),
        );
        let formula = if given { None } else { indicator.formula("formula") };
        findings.keep(format!("analyses/{analysis_id}/{label}/of"), indicator.at("of"));
        let rests_on = rests_on(&indicator, enough);
        findings.keep(format!("analyses/{analysis_id}/{label}/audience"), indicator.at("audience"));
        let audience = indicator.word_if("audience", &Audience::ALL).or(audience);
        let people = indicator.flag("people", true);
        indicator.finish();
        if let Some(id) = indicator_id.filter(|_| given || formula.is_some()) {
            if rows.iter().any(|rows| rows.id == id) {
                let place = findings.place(&format!("analyses/{analysis_id}/{id}"));
                let message = format!("«{id}» — уже имя набора строк: назовите показатель иначе");
                findings.error(&place, message, None);
            }
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
                audience,
                people,
            });
        }
    }
    let signs = signs(analysis_id, table, &rows, &indicators);
    if indicators.is_empty() && !table.has("indicator") {
        table.error("indicator", "нет ни одного показателя [[indicator]]", None);
    }
    let mut rules: Vec<Rule> = Vec::new();
    for rule in table.tables("rule") {
        let path = format!("analyses/{analysis_id}/rule/{}", rules.len());
        for key in ["when", "finding", "recommendation", "alternatives", "shows", "audience"] {
            findings.keep(format!("{path}/{key}"), rule.at(key));
        }
        let rule_id = rule.parsed("id", id);
        let given = is_given(&rule, "when");
        // Every rule is kept, so that the next one is counted rightly and found by its id.
        let never = || Formula::parse("false").ok();
        let when = if given { None } else { rule.formula("when").or_else(never) };
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
        // That of the whole analysis is about figures: a finding is never for everybody.
        let usual = audience.filter(|audience| *audience != Audience::Public);
        let audience = rule.word_if("audience", &Audience::ALL).or(usual);
        if let Some(rule_id) = &rule_id
            && rules.iter().any(|r| r.id == *rule_id)
        {
            rule.error("id", format!("правило «{rule_id}» уже есть"), None);
        }
        rule.finish();
        rules.push(Rule {
            id: rule_id.unwrap_or_default(),
            when,
            severity: severity.unwrap_or(Severity::Note),
            finding: finding.unwrap_or_default(),
            recommendation,
            alternatives,
            shows,
            audience,
        });
    }
    table.finish();
    Analysis {
        id: analysis_id.to_owned(),
        title: title.unwrap_or_default(),
        method,
        thresholds,
        min_count: min_count as usize,
        small_numbers: 0,
        about_all: about_all.unwrap_or_default(),
        department,
        rows,
        signs,
        indicators,
        rules,
    }
}

/// The thresholds that formulas see: numbers, or what several definitions share.
pub(super) fn thresholds(table: &Table<'_>, shared: &Shared) -> BTreeMap<String, f64> {
    let mut thresholds = BTreeMap::new();
    if let Some(table) = table.table("thresholds") {
        for (key, value) in table.numbers_or(|name| shared.take(name)) {
            if let Err(message) = name(&key) {
                table.error(&key, message, None);
            }
            thresholds.insert(key, value);
        }
    }
    thresholds
}

/// The signs, each of which is an indicator of the same analysis.
fn signs(
    analysis_id: &str,
    table: &Table<'_>,
    rows: &[RowSet],
    indicators: &[Indicator],
) -> Vec<Signs> {
    let findings = table.findings();
    let mut all: Vec<Signs> = Vec::new();
    for signs in table.tables("signs") {
        let signs_id = signs.parsed("id", name);
        let mut of = Vec::new();
        for sign in signs.tables("of") {
            let (indicator, title) = (sign.text("sign"), sign.text("title"));
            if let (Some(indicator), Some(title)) = (indicator, title) {
                let unread = || findings.stands(&format!("analyses/{analysis_id}/{indicator}"));
                if !indicators.iter().any(|one| one.id == indicator) && !unread() {
                    let help = perhaps(&indicator, indicators.iter().map(|one| &one.id));
                    sign.error("sign", format!("показателя «{indicator}» нет"), help);
                }
                of.push(Sign { indicator, title });
            }
            sign.finish();
        }
        if of.is_empty() && !signs.has("of") {
            let message = "назовите признаки: of = [{ sign = \"…\", title = \"…\" }]";
            signs.error("of", message, None);
        }
        signs.finish();
        let Some(id) = signs_id else { continue };
        let taken = rows.iter().map(|rows| &rows.id).chain(indicators.iter().map(|one| &one.id));
        if taken.chain(all.iter().map(|signs| &signs.id)).any(|other| *other == id) {
            signs.error("id", format!("имя «{id}» уже занято: назовите признаки иначе"), None);
        }
        all.push(Signs { id, of });
    }
    all
}

/// The row sets, in the order of selection: each may use those before it.
fn row_sets(analysis_id: &str, table: &Table<'_>) -> Vec<RowSet> {
    let findings = table.findings();
    let mut all: Vec<RowSet> = Vec::new();
    for rows in table.tables("rows") {
        let path = format!("analyses/{analysis_id}/rows/{}", all.len());
        for key in ["id", "formula", "key", "text"] {
            findings.keep(format!("{path}/{key}"), rows.at(key));
        }
        let rows_id = rows.parsed("id", name);
        let formula = rows.formula("formula");
        let groups = groups::of_rows(&path, &rows);
        let key = rows.texts("key");
        let text = rows.text_or("text", None);
        let most = rows.whole("most", 1..=100);
        if most.is_some() && text.is_none() {
            rows.error("most", "перечислять нечего: нужен ключ text", None);
        }
        rows.finish();
        if let Some(rows_id) = &rows_id
            && all.iter().any(|rows| rows.id == *rows_id)
        {
            rows.error("id", format!("набор строк «{rows_id}» уже есть"), None);
        }
        // Every set is kept, so that those who name it are not told that there is none.
        if let Some(formula) = formula.or_else(|| Formula::parse("[]").ok()) {
            let id = rows_id.unwrap_or_default();
            let most = most.unwrap_or(LISTED) as usize;
            all.push(RowSet { id, formula, groups, key, text, most });
        }
    }
    all
}

/// Whether a plugin gives what a formula would say; then there is no place for the formula.
fn is_given(table: &Table<'_>, formula: &'static str) -> bool {
    // Whoever says it wrongly has said it.
    table.word_if("given-by", &[("plugin", ())]);
    let given = table.has("given-by");
    if given && table.has(formula) {
        table.optional(formula);
        let help = format!("уберите {formula} или given-by");
        table.error(formula, "это даёт плагин: формуле здесь не место", Some(help));
    }
    given
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
