//! Templates: do they parse, and do they name only what they will be given?

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, escape_formatter};
use serde_json::Value;

use super::branches::{Given, unknown};
use super::table::Place;
use super::wording::words;
use super::{Findings, rendering};
use crate::diagnostic::perhaps;
use crate::formula::Scope;
use crate::model::{Analysis, BESIDE, ROWS, RoadMap};

/// Every kind of letter with its variables beyond the common ones.
pub const LETTERS: [(&str, &[&str]); 19] = [
    ("assignment", &["form", "due", "wave", "again", "follows", "link"]),
    ("reminder", &["form", "due", "days_left", "wave", "again", "follows", "link"]),
    ("receipt", &["form", "version", "answers", "link"]),
    ("returned", &["form", "comment", "due", "link"]),
    ("extension", &["form", "granted", "due", "reason", "link"]),
    ("link", &["form", "due", "renewed", "link"]),
    ("recommendation", &["items", "due", "outgoing", "link"]),
    ("measure", &["decision", "measure", "comment", "due", "link"]),
    ("measure-withdrawn", &["decision", "measure", "due", "link"]),
    ("called-off", &["form", "due", "reason", "whole", "answered", "link"]),
    ("escalation", &["form", "due", "silent", "page"]),
    ("closed", &["form", "answered", "missing", "page"]),
    ("review", &["form", "answered", "until", "page"]),
    ("extension-request", &["from", "form", "due", "wanted", "reason", "page"]),
    ("drafts", &["count", "page"]),
    ("decision-due", &["titles", "due", "days_left", "page"]),
    ("question", &["upstream", "page"]),
    ("failure", &["what", "reason", "page"]),
    // Several of them to one address.
    ("digest", &["items", "due", "link"]),
];

/// What every letter is given.
const COMMON: [&str; 5] = ["municipality", "contact", "organisation", "activity", "period"];

/// The frame that letters have within a digest: base template -> what takes its place.
pub const DIGEST_ITEMS: [(&str, &str); 2] = [
    ("letters/base.txt", "letters/digest/item.txt"),
    ("letters/base.html", "letters/digest/item.html"),
];

/// What a report is given.
const REPORT: [&str; 12] = [
    "municipality",
    "activity",
    "edition",
    "period",
    "date",
    "document",
    "sections",
    "chapters",
    "pages",
    "organisation",
    "table",
    "calendar",
];

/// What the list of all published reports is given.
const INDEX: [&str; 3] = ["municipality", "date", "reports"];

/// What the text of a decision is given.
const DECISION: [&str; 15] = [
    "municipality",
    "activity",
    "period",
    "date",
    "document",
    "titles",
    "grounds",
    "found",
    "recommended",
    "asked",
    "missing",
    "analysed",
    "indicators",
    "lists",
    "measures",
];

/// The template of a decision's text, by the name under which stages know it.
pub fn decision(name: &str) -> String {
    format!("decisions/{name}.txt")
}

/// The name under which stages know a template of a decision's text; none if it is no such template
/// but a piece that others share.
pub(super) fn decision_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("decisions/")?.strip_suffix(".txt")?;
    (!name.contains(['/', '.'])).then_some(name)
}

/// The parts of a letter.
pub(super) const PARTS: [&str; 3] = ["subject.txt", "body.txt", "body.html"];

/// An environment that knows the filters of our templates; rendering is bounded by fuel.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(1_000_000));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters do not clash"));
    // A day of an answer, as short as a table has it; anything else as it is.
    environment.add_filter("day", |text: String| match text.parse::<jiff::civil::Date>() {
        Ok(day) => day.strftime("%d.%m").to_string(),
        Err(_) => text,
    });
    environment.add_filter("of_unit", |unit: String, number: String| {
        crate::russian::of_unit(&number, &unit).to_owned()
    });
    environment.add_filter("plural", |n: i64, one: String, few: String, many: String| {
        crate::russian::plural(n, &one, &few, &many).to_owned()
    });
    environment
}

/// The same for the texts of an analysis: where a figure is missing, a dash stands.
pub fn text_environment() -> Environment<'static> {
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|out, state, value| match value.is_undefined() {
        true => Ok(out.write_str("—")?),
        false => escape_formatter(out, state, value),
    });
    environment
}

pub(super) fn check(road_map: &RoadMap, findings: &Findings) {
    let letters: BTreeSet<&str> =
        COMMON.iter().chain(LETTERS.iter().flat_map(|(_, own)| own.iter())).copied().collect();
    let any_letter = rendering::any_letter();
    for (path, text) in &road_map.templates {
        let known = |kind: &str, part: &str| {
            PARTS
                .contains(&part)
                .then(|| LETTERS.iter().find(|(known, _)| *known == kind))
                .flatten()
        };
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["letters", base] if base.starts_with("base.") => {
                check_template(path, text, &letters, &any_letter, findings);
            }
            ["letters", "digest", "item.txt" | "item.html"] => {
                check_template(path, text, &letters, &any_letter, findings);
            }
            ["letters", kind, part] => match known(kind, part) {
                Some((kind, own)) => {
                    let allowed = COMMON.iter().chain(*own).copied().collect();
                    let sample = rendering::sample(&format!("letters/{kind}"));
                    check_template(path, text, &allowed, &sample, findings);
                }
                None => {
                    let help = perhaps(kind, LETTERS.iter().map(|(kind, _)| kind));
                    findings.error(&Place::start_of(path), "такого письма нет", help);
                }
            },
            ["reports", name] => {
                let (kind, own) = if *name == "index.html" {
                    ("index", &INDEX[..])
                } else {
                    ("report", &REPORT[..])
                };
                let allowed = own.iter().copied().collect();
                check_template(path, text, &allowed, &rendering::sample(kind), findings);
            }
            ["decisions", _] => {
                let allowed = DECISION.into_iter().collect();
                check_template(path, text, &allowed, &rendering::sample("decision"), findings);
            }
            _ => findings.error(&Place::start_of(path), "файл не на месте", None),
        }
    }
    if !findings.proved {
        rendering::check(road_map, findings);
    }
}

/// Texts of an analysis: findings and recommendations.
pub(super) fn check_text(place: &Place, text: &str, analysis: &Analysis, findings: &Findings) {
    let sample = rendering::figures(analysis, findings);
    let variables = sample.as_object().into_iter().flat_map(|all| all.keys());
    let variables = variables.map(String::as_str).collect();
    check_names(place, text, &variables, &sample, findings);
    if !findings.proved {
        rendering::check_text(place, text, analysis, findings);
    }
}

/// That a text reads, and names nothing that it is not given.
fn check_names(
    place: &Place,
    text: &str,
    variables: &BTreeSet<&str>,
    sample: &Value,
    findings: &Findings,
) {
    let environment = text_environment();
    match environment.template_from_str(text) {
        Err(e) => findings.error(place, format!("шаблон: {}", words(&e)), None),
        Ok(_) if findings.proved => {}
        Ok(_) => {
            let given = Given { variables, sample, environment: &environment };
            for one in unknown("", text, &given) {
                findings.error(place, format!("текст: {}", one.message), one.help);
            }
        }
    }
}

/// The text of a row: what it may name are the columns.
pub(super) fn check_row_text<'c>(
    place: &Place,
    text: &str,
    columns: impl Iterator<Item = &'c String>,
    findings: &Findings,
) {
    let row: Value = columns.map(|column| (column.clone(), Value::from("12"))).collect();
    let sample = serde_json::json!({ "row": row });
    check_names(place, text, &BTreeSet::from(["row"]), &sample, findings);
}

/// What the text of a group of rows may name: the group's columns, its rows in words, those beside them
/// where any are looked at, and thresholds.
pub(super) struct GroupText<'a> {
    pub columns: &'a Scope,
    pub thresholds: &'a BTreeMap<String, f64>,
}

/// The text of a group of rows.
pub(super) fn check_group_text(
    place: &Place,
    text: &str,
    given: &GroupText<'_>,
    findings: &Findings,
) {
    let sample = |name: &String| (name.clone(), Value::from("12"));
    let columns = given.columns.keys().filter(|name| *name != ROWS && *name != BESIDE);
    let mut all = serde_json::json!({
        "row": columns.map(sample).collect::<Value>(), "members": "Математика и Русский язык",
        "threshold": given.thresholds.keys().map(sample).collect::<Value>(),
    });
    let mut names = BTreeSet::from(["row", "members", "threshold"]);
    if given.columns.contains_key(BESIDE) {
        all[BESIDE] = "Математика".into();
        names.insert(BESIDE);
    }
    check_names(place, text, &names, &all, findings);
}

fn check_template(
    path: &str,
    text: &str,
    variables: &BTreeSet<&str>,
    sample: &Value,
    findings: &Findings,
) {
    let environment = environment();
    let start = Place::start_of(path);
    match environment.template_from_named_str(path, text) {
        Err(e) => {
            let place = e.line().map_or(start.clone(), |line| start.on_line(line as u32));
            findings.error(&place, format!("шаблон: {}", words(&e)), None);
        }
        Ok(_) if findings.proved => {}
        Ok(_) => {
            let given = Given { variables, sample, environment: &environment };
            for one in unknown(path, text, &given) {
                findings.error(&place_of(path, text, one.at), one.message, one.help);
            }
        }
    }
}

/// Where a byte of a template stands.
fn place_of(path: &str, text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() as u32 + 1;
    let characters = before.rsplit('\n').next().unwrap_or_default().chars().count();
    Place::start_of(path).on_line(line).further(characters)
}
