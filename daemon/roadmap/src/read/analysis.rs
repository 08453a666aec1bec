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
    let title = table.text("title");
    let method = table.optional("method");
    let min_count = table.whole("min-count", 1..=10_000).unwrap_or(3);
    let enough = table.whole("min-participants", 1..=10_000).unwrap_or(ENOUGH);
    let audience = table.word_if("audience", &Audience::ALL);
    let about = [("organisations", false), ("municipality", true)];
    let about_all = table.word("about", &about, Some(false));
    let thresholds = thresholds(table, shared);
    table.findings().keep(format!("department/analyses/{analysis_id}"), table.at("department"));
    let department = table.text_or("department", None);
    let rows = row_sets(analysis_id, table);
    let indicators = indicators(analysis_id, table, &rows, audience, enough);
    let signs = signs(analysis_id, table, &rows, &indicators);
    if indicators.is_empty() && !table.has("indicator") {
        table.error("indicator", "нет ни одного показателя [[indicator]]", None);
    }
    // That of the whole analysis is about figures: a finding is never for everybody.
    let rules = rules(analysis_id, table, audience.filter(|to| *to != Audience::Public));
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

/// The indicators, in the order of selection: each may use those before it.
fn indicators(
    analysis_id: &str,
    table: &Table<'_>,
    rows: &[RowSet],
    audience: Option<Audience>,
    enough: i64,
) -> Vec<Indicator> {
    let findings = table.findings();
    let mut all: Vec<Indicator> = Vec::new();
    for indicator in table.tables("indicator") {
        let Some(read) = self::indicator(analysis_id, &indicator, audience, enough) else {
            continue;
        };
        let id = &read.id;
        let place = findings.place(&format!("analyses/{analysis_id}/{id}"));
        if rows.iter().any(|rows| rows.id == *id) {
            let message = format!("«{id}» — уже имя набора строк: назовите показатель иначе");
            findings.error(&place, message, None);
        }
        if all.iter().any(|other| other.id == *id) {
            findings.error(&place, format!("показатель «{id}» уже есть"), None);
        }
        all.push(read);
    }
    all
}

fn indicator(
    analysis_id: &str,
    table: &Table<'_>,
    audience: Option<Audience>,
    enough: i64,
) -> Option<Indicator> {
    let id = table.parsed("id", name);
    let given = is_given(table, "formula");
    let path = format!("analyses/{analysis_id}/{}", id.as_deref().unwrap_or("?"));
    let findings = table.findings();
    findings.keep(path.clone(), table.at(if given { "given-by" } else { "formula" }));
    for key in ["of", "audience"] {
        findings.keep(format!("{path}/{key}"), table.at(key));
    }
    let better = [("higher", Some(Better::Higher)), ("lower", Some(Better::Lower))];
    let title = table.text("title");
    let unit = table.optional("unit");
    let decimals = table.whole("decimals", 0..=6).unwrap_or(1) as u8;
    let better = table.word("better", &better, Some(None)).flatten();
    let formula = if given { None } else { table.formula("formula") };
    let rests_on = rests_on(table, enough);
    let audience = table.word_if("audience", &Audience::ALL).or(audience);
    let people = table.flag("people", true);
    table.finish();
    let id = id.filter(|_| given || formula.is_some())?;
    let title = title.unwrap_or_default();
    Some(Indicator { id, title, unit, decimals, better, formula, rests_on, audience, people })
}

/// The rules, in the order of selection.
fn rules(analysis_id: &str, table: &Table<'_>, audience: Option<Audience>) -> Vec<Rule> {
    let mut all: Vec<Rule> = Vec::new();
    for rule in table.tables("rule") {
        let path = format!("analyses/{analysis_id}/rule/{}", all.len());
        for key in ["when", "finding", "recommendation", "alternatives", "shows", "audience"] {
            table.findings().keep(format!("{path}/{key}"), rule.at(key));
        }
        let read = self::rule(&rule, audience);
        if !read.id.is_empty() && all.iter().any(|other| other.id == read.id) {
            rule.error("id", format!("правило «{}» уже есть", read.id), None);
        }
        all.push(read);
    }
    all
}

/// A rule as far as it could be read: every rule is kept, so that the next one is counted rightly and
/// found by its id.
fn rule(table: &Table<'_>, audience: Option<Audience>) -> Rule {
    let severity = [
        ("note", Severity::Note),
        ("attention", Severity::Attention),
        ("serious", Severity::Serious),
    ];
    let id = table.parsed("id", id);
    let given = is_given(table, "when");
    let never = || Formula::parse("false").ok();
    let when = if given { None } else { table.formula("when").or_else(never) };
    let severity = table.word("severity", &severity, None);
    let finding = table.text("finding");
    let recommendation = table.text_or("recommendation", None);
    let alternatives = table.texts("alternatives");
    if recommendation.is_none() && !alternatives.is_empty() {
        let message = "выбирать не из чего: у правила нет recommendation";
        table.error("alternatives", message, None);
    }
    let shows = table.texts("shows");
    let audience = table.word_if("audience", &Audience::ALL).or(audience);
    table.finish();
    Rule {
        id: id.unwrap_or_default(),
        when,
        severity: severity.unwrap_or(Severity::Note),
        finding: finding.unwrap_or_default(),
        recommendation,
        alternatives,
        shows,
        audience,
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
