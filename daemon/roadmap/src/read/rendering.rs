//! Every text of a road map, made once with all that it may be given and once with as little, before
//! anybody is to read it: what fails here would have failed at delivery.
//!
//! What texts are given stands in `samples.json`, full; a key that ends with `?` may be empty. With
//! all of it a name that is not there is a mistake of the text; with less, names may be missing as
//! they may in life.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value, json};

use super::branches::merged;
use super::table::Place;
use super::templates::{DIGEST_ITEMS, LETTERS, PARTS, environment, text_environment};
use super::wording::words;
use super::{Findings, letters};
use crate::model::{Analysis, DecisionKind, RoadMap};

/// What texts are given, by what they are.
static SAMPLES: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("samples.json");
    let mut samples: Value = serde_json::from_str(text).expect("our own file is JSON");
    let decisions = samples["decisions"].clone();
    put(&mut samples["report"], "decisions", &decisions);
    put(&mut samples["decision"], "decisions", &decisions);
    let chapters = samples["report"]["chapters"].clone();
    put(&mut samples["report"], "chapters", &chapters);
    samples
});

/// Puts what a name stands for wherever the name stands for it.
fn put(value: &mut Value, name: &str, meant: &Value) {
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                if key == name && *below == name {
                    *below = meant.clone();
                } else {
                    put(below, name, meant);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| put(one, name, meant)),
        _ => {}
    }
}

/// How much there is of what a text is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// All of it, several of what there may be several of.
    Many,
    /// All of it, one of each.
    One,
    /// Nothing that may be missing.
    Bare,
}

impl Shape {
    const ALL: [Shape; 3] = [Shape::Many, Shape::One, Shape::Bare];

    /// A sample in this shape.
    fn of(self, sample: &Value) -> Value {
        match sample {
            Value::Object(map) => {
                let each = map.iter().map(|(key, value)| match key.strip_suffix('?') {
                    Some(key) if self == Shape::Bare => (key.to_owned(), empty(value)),
                    Some(key) => (key.to_owned(), self.of(value)),
                    None => (key.clone(), self.of(value)),
                });
                Value::Object(each.collect())
            }
            Value::Array(list) => {
                let most = match self {
                    Shape::Many => list.len(),
                    Shape::One => 1,
                    Shape::Bare => 0,
                };
                list.iter().take(most).map(|one| self.of(one)).collect()
            }
            plain => plain.clone(),
        }
    }

    /// What a name that is not there does.
    fn undefined(self) -> UndefinedBehavior {
        match self {
            Shape::Many | Shape::One => UndefinedBehavior::SemiStrict,
            Shape::Bare => UndefinedBehavior::Lenient,
        }
    }
}

fn empty(value: &Value) -> Value {
    match value {
        Value::String(_) => "".into(),
        Value::Bool(_) => false.into(),
        _ => Value::Null,
    }
}

/// What texts of a kind are given, with what all of them are.
fn given(sample: &Value, shape: Shape) -> Value {
    let mut all = shape.of(&SAMPLES["common"]);
    if let (Value::Object(all), Value::Object(own)) = (&mut all, shape.of(sample)) {
        all.extend(own);
    }
    all
}

/// What texts of a kind are given, all of it: `letters/reminder`, `report`.
pub(super) fn sample(kind: &str) -> Value {
    given(named(kind), Shape::Many)
}

fn named(kind: &str) -> &'static Value {
    match kind.split_once('/') {
        Some(("letters", letter)) => &SAMPLES["letters"][letter],
        _ => &SAMPLES[kind],
    }
}

/// What some letter or other is given.
pub(super) fn any_letter() -> Value {
    let each = LETTERS.iter().map(|(kind, _)| sample(&format!("letters/{kind}")));
    each.reduce(merged).unwrap_or_default()
}

/// Whether texts are really given what `samples.json` says: the paths in `context` that no sample has.
/// For tests of those who make contexts.
pub fn unknown_to_samples(kind: &str, context: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    compare(&sample(kind), context, kind, &mut unknown);
    unknown
}

fn compare(sample: &Value, real: &Value, path: &str, unknown: &mut Vec<String>) {
    match (sample, real) {
        (Value::Object(sample), Value::Object(real)) => {
            for (key, value) in real {
                let path = format!("{path}.{key}");
                match sample.get(key) {
                    Some(known) => compare(known, value, &path, unknown),
                    None => unknown.push(path),
                }
            }
        }
        (Value::Array(sample), Value::Array(real)) => {
            if let Some(sample) = sample.first() {
                real.iter().for_each(|one| compare(sample, one, path, unknown));
            }
        }
        (_, Value::Null) => {}
        (sample, real) => {
            if std::mem::discriminant(sample) != std::mem::discriminant(real) {
                unknown.push(format!("{path}: {real}"));
            }
        }
    }
}

/// Makes all texts of letters, reports and decisions.
pub(super) fn check(road_map: &RoadMap, findings: &Findings) {
    let all = &road_map.templates;
    let shipped: BTreeMap<String, String> = letters::shipped().collect();
    let is_own = |path: &String| shipped.get(path) != all.get(path);
    // The shipped letters are proved where they are made.
    let own_letters = all.keys().any(|path| path.starts_with("letters/") && is_own(path));
    for shape in Shape::ALL {
        let attempt = |environment: &Environment<'_>, path: &str, context: &Value| {
            let text = attempt(environment, path, context, road_map, findings);
            // With less than all of it a text may well be shorter than any that is sent.
            let wrong = text.filter(|_| shape != Shape::Bare).and_then(|t| unsendable(path, &t));
            let place = Place::start_of(path);
            if let Some(wrong) = wrong.filter(|_| !findings.told_of(&place)) {
                findings.error(&place, wrong.to_owned(), None);
            }
        };
        let plain = loaded(all, shape, false);
        if own_letters {
            let items = loaded(all, shape, true);
            for (kind, _) in LETTERS {
                let context = given(&SAMPLES["letters"][kind], shape);
                for part in PARTS {
                    let path = format!("letters/{kind}/{part}");
                    attempt(&plain, &path, &context);
                    if kind != "digest" {
                        attempt(&items, &path, &context);
                    }
                }
            }
        }
        for path in all.keys() {
            let sample = match path.split('/').collect::<Vec<_>>().as_slice() {
                ["reports", "index.html"] => "index",
                ["reports", name] if !name.starts_with("base.") => "report",
                ["decisions", name] if name.matches('.').count() == 1 => "decision",
                _ => continue,
            };
            attempt(&plain, path, &given(&SAMPLES[sample], shape));
        }
    }
}

/// The texts of a decision as they would be in a document of such a kind, made of more and of less;
/// none that cannot be made, which is told elsewhere.
pub(super) fn decisions(road_map: &RoadMap, path: &str, kind: DecisionKind) -> Vec<String> {
    let issuer = road_map.municipality.issuer(kind, None);
    let texts = Shape::ALL.into_iter().filter_map(|shape| {
        let environment = loaded(&road_map.templates, shape, false);
        let mut context = given(&SAMPLES["decision"], shape);
        context["document"]["kind"] = kind.as_str().into();
        context["document"]["verb"] = kind.verb(issuer.collective).into();
        context["document"]["collective"] = issuer.collective.into();
        let template = environment.get_template(path).ok()?;
        template.render(minijinja::Value::from(Serde(&context))).ok()
    });
    texts.collect()
}

/// An environment with all templates that parse; those of letters in a digest's frame or their own.
fn loaded<'t>(all: &'t BTreeMap<String, String>, shape: Shape, digest: bool) -> Environment<'t> {
    let mut environment = environment();
    environment.set_undefined_behavior(shape.undefined());
    for (path, text) in all {
        let frame = DIGEST_ITEMS.iter().find(|(base, _)| digest && base == path);
        let text = frame.and_then(|(_, item)| all.get(*item)).unwrap_or(text);
        // What does not parse has been told.
        environment.add_template(path, text).ok();
    }
    environment
}

/// Makes a text; why it cannot be is told.
fn attempt(
    environment: &Environment<'_>,
    path: &str,
    context: &Value,
    road_map: &RoadMap,
    findings: &Findings,
) -> Option<String> {
    let template = environment.get_template(path).ok()?;
    let error = match template.render(minijinja::Value::from(Serde(context))) {
        Ok(text) => return Some(text),
        Err(error) => error,
    };
    if error.kind() == ErrorKind::TemplateNotFound {
        // One that is there does not parse, which was told.
        let named = error.detail().unwrap_or_default();
        let mut others = road_map.templates.keys();
        if others.any(|other| named.contains(&format!("'{other}'"))) {
            return None;
        }
    }
    let place = Place::start_of(error.name().unwrap_or(path));
    let place = error.line().map_or(place.clone(), |line| place.on_line(line as u32));
    if error.kind() != ErrorKind::SyntaxError && !findings.told_of(&place) {
        findings.error(&place, format!("шаблон не составляется: {}", words(&error)), None);
    }
    None
}

/// Why a text that was made cannot be sent as it is.
fn unsendable(path: &str, text: &str) -> Option<&'static str> {
    let is_subject = path.starts_with("letters/") && path.ends_with("/subject.txt");
    let line = text.trim();
    if is_subject && line.is_empty() {
        return Some("тема письма пуста: по ней письмо узнают");
    }
    if is_subject && line.contains(['\n', '\r']) {
        return Some("тема письма — одна строка");
    }
    let is_foreign = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    text.contains(is_foreign).then_some("в тексте знак, который не печатается: удалите его")
}

/// Makes a text of an analysis: with all figures, and where nobody has any.
pub(super) fn check_text(place: &Place, text: &str, analysis: &Analysis, findings: &Findings) {
    if findings.told_of(place) {
        return;
    }
    let contexts = [(true, UndefinedBehavior::SemiStrict), (false, UndefinedBehavior::Chainable)];
    for (full, undefined) in contexts {
        let mut environment = text_environment();
        environment.set_undefined_behavior(undefined);
        let context = if full { figures(analysis, findings) } else { of(analysis, false) };
        let made = environment.render_str(text, minijinja::Value::from(Serde(context)));
        if let Err(error) = made {
            findings.error(place, format!("текст не составляется: {}", words(&error)), None);
            return;
        }
    }
}

/// All that an analysis's texts are given. What was read badly was told already, so it is there.
pub(super) fn figures(analysis: &Analysis, findings: &Findings) -> Value {
    let mut all = of(analysis, true);
    for unread in findings.below(&format!("analyses/{}", analysis.id)) {
        let groups =
            [("earlier", "12,5".into()), ("rank", 2.into()), ("municipality", aggregate())];
        for (group, value) in groups {
            put_in(&mut all[group], &unread, value);
        }
        put_in(&mut all["threshold"], &unread, "20".into());
        put_in(&mut all, &unread, "12,5".into());
    }
    all
}

fn put_in(map: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = map {
        map.entry(key).or_insert(value);
    }
}

fn aggregate() -> Value {
    json!({
        "count": 6, "sum": "60", "mean": "8,5", "median": "8", "min": "0", "max": "20",
        "deviation": "3,1", "lower_quartile": "4", "upper_quartile": "11",
    })
}

/// What an analysis's texts are given: all of it, or what is never missing.
fn of(analysis: &Analysis, full: bool) -> Value {
    let each = |value: Value| -> Map<String, Value> {
        let ids = analysis.indicators.iter().filter(|_| full);
        ids.map(|indicator| (indicator.id.clone(), value.clone())).collect()
    };
    let thresholds: Map<String, Value> =
        analysis.thresholds.keys().map(|name| (name.clone(), "20".into())).collect();
    let mut context = each("12,5".into());
    for rows in analysis.rows.iter().filter(|rows| full && rows.text.is_some()) {
        context.insert(rows.id.clone(), "Математика, 5 класс: 12 из 31".into());
    }
    for signs in &analysis.signs {
        let listed = if full {
            "отметки ниже журнала, неподтверждённые медали"
        } else {
            ""
        };
        context.insert(signs.id.clone(), json!({ "found": listed, "unknown": listed }));
    }
    context.insert("earlier".into(), each("10".into()).into());
    context.insert("rank".into(), each(2.into()).into());
    context.insert("municipality".into(), each(aggregate()).into());
    context.insert("threshold".into(), thresholds.into());
    context.insert("organisation".into(), json!({ "code": "school-1", "name": "СОШ № 1" }));
    context.into()
}
