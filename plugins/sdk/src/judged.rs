//! A configuration held against what a plugin says of its settings, before it is taken as what it
//! means: unknown keys, missing ones and values that cannot be are told at once, in words that are the
//! same for every plugin.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Problem, Problems, Setting, SettingKind};

/// How far a word may be from the right one to be taken for it.
const NEAR: f64 = 0.6;

/// The configuration with its values as they are wanted: a number that stands as text, as variables of
/// the environment do, becomes one.
///
/// # Errors
/// Every mistake at once, each with its key.
pub fn judged(
    settings: &[Setting],
    mut configuration: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Problems::default();
    judge(&mut problems, settings, "", &mut configuration);
    for setting in settings.iter().filter(|setting| setting.required) {
        if at(&configuration, &setting.name).is_none() {
            problems.add(&setting.name, format!("не указано. {}", setting.help));
        }
    }
    problems.unless_any(Some(configuration))
}

/// A configuration as a plugin's own type. What [`judged`] has let through is refused only by what the
/// type alone knows.
///
/// # Errors
/// Why it is none, as a problem without a key.
pub fn configuration<T: DeserializeOwned>(
    configuration: Map<String, Value>,
) -> Result<T, Vec<Problem>> {
    serde_json::from_value(Value::Object(configuration))
        .map_err(|error| vec![Problem::new("", format!("настройки не подходят: {error}"))])
}

fn judge(
    problems: &mut Problems,
    settings: &[Setting],
    above: &str,
    table: &mut Map<String, Value>,
) {
    for (word, value) in table {
        let name = if above.is_empty() { word.clone() } else { format!("{above}.{word}") };
        let below = format!("{name}.");
        if let Some(setting) = settings.iter().find(|setting| setting.name == name) {
            if let Some(wanted) = unmet(&setting.kind, value) {
                problems.add(&name, wanted);
            }
        } else if !settings.iter().any(|setting| setting.name.starts_with(&below)) {
            let near = nearest(&name, settings);
            let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
            problems.add(&name, format!("такого ключа нет{near}"));
        } else if let Value::Object(inner) = value {
            judge(problems, settings, &name, inner);
        } else {
            problems.add(&name, "нужна таблица");
        }
    }
}

fn at<'v>(table: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    match name.split_once('.') {
        None => table.get(name).filter(|value| !value.is_null()),
        Some((first, rest)) => at(table.get(first)?.as_object()?, rest),
    }
}

/// What is wanted, unless the value is that or has become that.
fn unmet(kind: &SettingKind, value: &mut Value) -> Option<String> {
    let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let said = |met: bool, wanted: &str| (!met).then(|| wanted.to_owned());
    match kind {
        SettingKind::Text | SettingKind::Secret | SettingKind::Path => {
            if plain(value) && !value.is_string() {
                *value = Value::String(value.to_string());
            }
            said(value.is_string(), "нужен текст")
        }
        SettingKind::Integer => {
            let read = value.as_str().and_then(|text| text.trim().parse::<u64>().ok());
            if let Some(number) = read {
                *value = number.into();
            }
            said(value.is_u64(), "нужно целое число")
        }
        SettingKind::Flag => {
            let read = value.as_str().and_then(|text| text.trim().parse::<bool>().ok());
            if let Some(flag) = read {
                *value = flag.into();
            }
            said(value.is_boolean(), "нужно true или false")
        }
        SettingKind::Choice(words) => {
            let met = value.as_str().is_some_and(|word| words.iter().any(|one| one == word));
            said(met, &format!("нужно одно из {}", words.join(", ")))
        }
        SettingKind::Address => {
            let met = value.as_object().is_some_and(|table| {
                let known = |key: &str| matches!(key, "name" | "email");
                table.contains_key("email")
                    && table.iter().all(|(key, one)| known(key) && one.is_string())
            });
            said(met, "нужно { name = \"…\", email = \"…\" }")
        }
        SettingKind::Table => {
            let met = value.as_object().is_some_and(|table| table.values().all(plain));
            said(met, "нужна таблица вида { имя = \"…\" }")
        }
    }
}

fn nearest<'s>(name: &str, settings: &'s [Setting]) -> Option<&'s str> {
    let likeness = |setting: &&Setting| strsim::normalized_damerau_levenshtein(name, &setting.name);
    let near = settings.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(&near) >= NEAR).then_some(near.name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Vec<Setting> {
        vec![
            Setting::required("url", SettingKind::Text, "Адрес."),
            Setting::optional("attempts", SettingKind::Integer, ""),
            Setting::optional("auth.kind", SettingKind::Choice(vec!["none".into()]), ""),
            Setting::optional("strict", SettingKind::Flag, ""),
            Setting::optional("from", SettingKind::Address, ""),
            Setting::optional("codes", SettingKind::Table, ""),
        ]
    }

    fn judge(value: Value) -> Result<Map<String, Value>, Vec<Problem>> {
        judged(&settings(), value.as_object().unwrap().clone())
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let wrong = json!({
            "ulr": "x", "attempts": 2.5, "auth": { "kind": "basic", "knid": "none" },
            "strict": "maybe", "from": "a@b", "codes": { "1": ["x"] },
        });
        let told = judge(wrong).unwrap_err();
        let fields: Vec<&str> = told.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            ["ulr", "attempts", "auth.kind", "auth.knid", "strict", "from", "codes", "url"]
        );
        assert_eq!(told[0].message, "такого ключа нет; может быть, url?");
    }

    #[test]
    fn what_stands_as_text_becomes_what_is_wanted() {
        let right = judge(json!({ "url": 5, "attempts": "7", "strict": "true" })).unwrap();
        assert_eq!(Value::Object(right), json!({ "url": "5", "attempts": 7, "strict": true }));
    }
}
