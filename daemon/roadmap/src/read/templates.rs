//! Templates: do they parse, and do they use only variables that they will be given?

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, escape_formatter};

use super::table::Place;
use super::{Findings, rendering};
use crate::diagnostic::perhaps;
use crate::model::{Analysis, RoadMap};

/// Every kind of letter with its variables beyond the common ones.
pub const LETTERS: [(&str, &[&str]); 19] = [
    ("assignment", &["form", "due", "link"]),
    ("reminder", &["form", "due", "days_left", "link"]),
    ("receipt", &["form", "version", "answers", "link"]),
    ("returned", &["form", "comment", "due", "link"]),
    ("extension", &["form", "granted", "due", "reason", "link"]),
    ("link", &["form", "due", "renewed", "link"]),
    ("recommendation", &["items", "due", "link"]),
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
const REPORT: [&str; 7] =
    ["municipality", "activity", "period", "date", "document", "sections", "chapters"];

/// What the list of all published reports is given.
const INDEX: [&str; 3] = ["municipality", "date", "reports"];

/// What the text of a decision is given.
const DECISION: [&str; 12] = [
    "municipality",
    "activity",
    "period",
    "date",
    "titles",
    "grounds",
    "found",
    "recommended",
    "asked",
    "missing",
    "indicators",
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
    for (kind, own) in LETTERS {
        for part in PARTS {
            let path = format!("letters/{kind}/{part}");
            if let Some(text) = road_map.templates.get(&path) {
                let allowed = COMMON.iter().chain(own).copied().collect();
                check_template(&path, text, &allowed, findings);
            }
        }
    }
    let letters: BTreeSet<&str> =
        COMMON.iter().chain(LETTERS.iter().flat_map(|(_, own)| own.iter())).copied().collect();
    let reports: BTreeSet<&str> = REPORT.into_iter().collect();
    let decisions: BTreeSet<&str> = DECISION.into_iter().collect();
    for (path, text) in &road_map.templates {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["letters", base] if base.starts_with("base.") => {
                check_template(path, text, &letters, findings);
            }
            ["letters", "digest", "item.txt" | "item.html"] => {
                check_template(path, text, &letters, findings);
            }
            ["letters", kind, part] => {
                let known = LETTERS.iter().any(|(known, _)| known == kind) && PARTS.contains(part);
                if !known {
                    let help = perhaps(kind, LETTERS.iter().map(|(kind, _)| kind));
                    findings.error(&Place::start_of(path), "такого письма нет", help);
                }
            }
            ["reports", "index.html"] => {
                check_template(path, text, &INDEX.into_iter().collect(), findings);
            }
            ["reports", _] => check_template(path, text, &reports, findings),
            ["decisions", _] => check_template(path, text, &decisions, findings),
            _ => findings.error(&Place::start_of(path), "файл не на месте", None),
        }
    }
    rendering::check(road_map, findings);
}

/// Texts of an analysis: findings and recommendations.
pub(super) fn check_text(place: &Place, text: &str, analysis: &Analysis, findings: &Findings) {
    let mut allowed: BTreeSet<&str> =
        ["municipality", "earlier", "organisation", "threshold", "rank"].into_iter().collect();
    allowed.extend(analysis.indicators.iter().map(|i| i.id.as_str()));
    let unread = findings.below(&format!("analyses/{}", analysis.id));
    allowed.extend(unread.iter().map(String::as_str));
    match environment().template_from_str(text) {
        Err(e) => findings.error(place, format!("шаблон: {}", reason(&e)), None),
        Ok(template) => {
            for name in template.undeclared_variables(false) {
                if !allowed.contains(name.as_str()) {
                    let help = perhaps(&name, allowed.iter());
                    findings.error(place, format!("в шаблоне не известно «{name}»"), help);
                }
            }
        }
    }
    rendering::check_text(place, text, analysis, findings);
}

fn check_template(path: &str, text: &str, allowed: &BTreeSet<&str>, findings: &Findings) {
    let environment = environment();
    match environment.template_from_named_str(path, text) {
        Err(e) => {
            let mut place = Place::start_of(path);
            if let Some(line) = e.line() {
                place = place.on_line(line as u32);
            }
            findings.error(&place, format!("шаблон: {}", reason(&e)), None);
        }
        Ok(template) => {
            for name in template.undeclared_variables(false) {
                if !allowed.contains(name.as_str()) {
                    let place = place_of(path, text, &name);
                    let help = perhaps(&name, allowed.iter());
                    findings.error(&place, format!("переменной «{name}» здесь нет"), help);
                }
            }
        }
    }
}

pub(super) fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// Where a name first stands in a template's code.
fn place_of(path: &str, text: &str, name: &str) -> Place {
    let start = Place::start_of(path);
    for (number, line) in text.lines().enumerate() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        for (at, _) in line.match_indices(name) {
            let whole = !line[..at].ends_with(word) && !line[at + name.len()..].starts_with(word);
            let in_code = line[..at].contains("{{") || line[..at].contains("{%");
            if whole && in_code {
                return start.on_line(number as u32 + 1).further(line[..at].chars().count());
            }
        }
    }
    start
}
