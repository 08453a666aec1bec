//! What the settings say, for the administrator's eyes: every key with its value, and no secret.

use config::{Map, Value, ValueKind};

use super::written::{ENVIRONMENT, is_secret};
use crate::runtime::configured::Configured;

/// Stands in the place of a secret.
const HIDDEN: &str = "•••";

/// All keys that are set, in the order of their names.
pub(super) fn told(root: &Map<String, Value>) -> Vec<Configured> {
    let mut all = Vec::new();
    table(root, "", &mut all);
    all.sort_by(|a: &Configured, b: &Configured| a.key.cmp(&b.key));
    all
}

fn table(table: &Map<String, Value>, above: &str, all: &mut Vec<Configured>) {
    for (name, value) in table {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match &value.kind {
            ValueKind::Table(below) => self::table(below, &key, all),
            _ => all.push(Configured {
                value: shown(&key, value),
                by_variable: value.origin() == Some(ENVIRONMENT),
                key,
            }),
        }
    }
}

fn shown(key: &str, value: &Value) -> String {
    // What a plugin of somebody else's is told in any way, and headers for other systems, may be
    // secrets, whatever they are called.
    let told = [".configuration.", ".environment."];
    let foreign = key.starts_with("plugin.") && told.iter().any(|part| key.contains(part));
    let header = key.split('.').any(|part| part == "headers");
    if foreign || header || (is_secret(key) && key != "database") {
        return HIDDEN.to_owned();
    }
    match &value.kind {
        // The program is no secret; its arguments may be.
        ValueKind::Array(all) if key.starts_with("plugin.") && key.ends_with(".command") => {
            let program = all.first().map(ToString::to_string).unwrap_or_default();
            match all.len() {
                0 | 1 => program,
                _ => format!("{program}, {HIDDEN}"),
            }
        }
        ValueKind::Array(all) => {
            all.iter().map(|one| without_password(&one.to_string())).collect::<Vec<_>>().join(", ")
        }
        _ => without_password(&value.to_string()),
    }
}

/// An address without the password that may stand in it.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (before, after) = rest.split_at(end);
        let (user, host) = before.rsplit_once('@')?;
        let user = user.split(':').next().unwrap_or_default();
        Some(format!("{scheme}://{user}:{HIDDEN}@{host}{after}"))
    };
    let shown = hidden().unwrap_or_else(|| text.to_owned());
    // Of another system's address, what is asked for may hold a key.
    let shown = match shown.split_once('?') {
        Some((address, _)) if shown.starts_with("http") => format!("{address}?{HIDDEN}"),
        _ => shown,
    };
    // PostgreSQL takes one there, too.
    match shown.split_once("password=") {
        Some((before, after)) => {
            let rest = after.find('&').map_or("", |end| &after[end..]);
            format!("{before}password={HIDDEN}{rest}")
        }
        None => shown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_but_secrets() {
        let text = r#"
            listen = "0.0.0.0:7140"
            database = "postgres://vekha:geheim@db.example.org/vekha?sslmode=require&password=geheim"
            road-maps = ["a", "b"]
            [mail]
            password = "geheim"
            host = "mail.example.org"
            [source.register]
            url = "https://user:geheim@register.example.org/api?key=geheim"
            headers = { authorization = "Bearer geheim" }
            [plugin.sms]
            command = ["sms", "--token=geheim"]
            environment = { API_KEY = "geheim" }
            configuration = { key = "geheim", deep = { er = "geheim" } }
            [access]
            token = "geheim-geheim-geheim"
        "#;
        let raw = config::Config::builder()
            .add_source(config::File::from_str(text, config::FileFormat::Toml))
            .build()
            .unwrap();
        let lines: Vec<String> = told(&raw.cache.into_table().unwrap())
            .iter()
            .map(|one| format!("{} = {}", one.key, one.value))
            .collect();
        let whole = lines.join("\n");
        assert!(!whole.contains("geheim"), "{whole}");
        assert_eq!(lines.len(), 12, "{whole}");
        assert!(whole.contains(
            "database = postgres://vekha:•••@db.example.org/vekha?sslmode=require&password=•••"
        ));
        for told in [
            "source.register.url = https://user:•••@register.example.org/api?•••",
            "plugin.sms.command = sms, •••",
        ] {
            assert!(whole.contains(told), "{told}: {whole}");
        }
        assert!(
            whole.contains("road-maps = a, b") && whole.contains("mail.host = mail.example.org")
        );
    }
}
