//! What the settings say, key by key, before it is taken as what it means. All that cannot be taken
//! is told at once, with its key and where it stands; it gives way to a stopgap, so that the rest is
//! judged as well.

use std::net::SocketAddr;

use config::{Map, Value, ValueKind};
use vekha_plugin::{Problem, Setting, SettingKind};
use vekha_roadmap::diagnostic::nearest;

/// Tables of tables with names of the administrator's own.
const TABLES: [&str; 5] = ["analyzer", "listener", "notifier", "plugin", "source"];

/// What the origin of a value is called that comes from the environment.
pub(super) const ENVIRONMENT: &str = "the environment";

/// The largest number that a setting may be.
const MOST: u64 = u32::MAX as u64;

/// A key with what it may hold.
#[derive(Clone)]
struct Key {
    /// With the names of the tables above it: `mail.dkim.domain`.
    name: String,
    kind: Kind,
    /// What stands in for it where it is needed and missing.
    stopgap: Option<Value>,
}

#[derive(Clone)]
enum Kind {
    /// As of a plugin's.
    Plain(SettingKind),
    /// An address with a port.
    Socket,
    /// A list of paths, or one text.
    Folders,
    /// A list of words.
    Words,
    /// A point in time.
    Moment,
    /// A program and its arguments.
    Command,
    /// A table of which only a plugin knows what belongs there.
    Anything,
}

/// What is wrong with what is written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub wrong: Vec<Problem>,
    /// Tables of which a word was wrong that others depend on.
    pub doubtful: Vec<String>,
}

impl Written {
    /// Whether something was told of a key, of one above or of one below it.
    pub fn told_of(&self, name: &str) -> bool {
        let above = |one: &str, other: &str| {
            other.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.wrong.iter().any(|told| above(&told.field, name) || above(name, &told.field))
    }

    /// Judges all keys.
    pub fn judge(root: &mut Map<String, Value>) -> Written {
        let mut written = Written::default();
        written.sources(root);
        written.plugins(root);
        written.named(root, "listener");
        written.named(root, "notifier");
        written.named(root, "analyzer");
        written.mail(root);
        for (name, needed) in [("mail", true), ("site", true)] {
            if needed && !root.contains_key(name) {
                root.insert(name.to_owned(), Value::new(None, Map::<String, Value>::new()));
            }
        }
        written.table(root, "", &own());
        let mut uses = Map::<String, Value>::new();
        for name in ["mail", "site"] {
            if let Some(ValueKind::Table(table)) = root.get_mut(name).map(|table| &mut table.kind)
                && let Some(plugin) = table.remove("plugin")
            {
                table.entry("folder".to_owned()).or_insert_with(|| Value::new(None, ""));
                uses.insert(name.to_owned(), plugin);
            }
        }
        root.insert("uses".to_owned(), Value::new(None, uses));
        written.wrong.sort();
        written
    }

    fn say(&mut self, name: &str, message: String, value: Option<&Value>) {
        let from_environment =
            value.is_some_and(|value| value.origin() == Some(ENVIRONMENT)) && !name.is_empty();
        let message = match from_environment {
            true => format!("{message} (из переменной {})", variable(name)),
            false => message,
        };
        self.wrong.push(Problem::new(name, message));
    }

    /// A value that cannot be taken, of a key that is right.
    pub fn unfit(&mut self, name: &str, value: &Value) {
        let shown = if is_secret(name) { None } else { shown(value) };
        let message = match shown {
            Some(shown) => format!("{shown} сюда не подходит"),
            None => "значение сюда не подходит".to_owned(),
        };
        self.say(name, message, Some(value));
    }

    /// Sources are judged by their kind.
    fn sources(&mut self, root: &mut Map<String, Value>) {
        let Some(all) = root.get_mut("source") else { return };
        let ValueKind::Table(all) = &mut all.kind else { return };
        all.retain(|id, source| {
            let name = format!("source.{id}");
            let ValueKind::Table(table) = &mut source.kind else {
                self.say(&name, format!("нужен раздел [{name}]"), Some(source));
                return false;
            };
            let kind = table.get("kind").map(|kind| (kind.clone(), kind.to_string()));
            let mut keys = match kind.as_ref().map(|(_, word)| word.as_str()) {
                Some("http") => plugin(&name, &vekha_plugin_http::describe().settings),
                Some("folder") => plugin(&name, &vekha_plugin_tables::describe_folder().settings),
                Some("plugin") => vec![Key {
                    stopgap: Some(Value::new(None, "-")),
                    ..text(&format!("{name}.plugin"))
                }],
                _ => {
                    let name = format!("{name}.kind");
                    let value = kind.as_ref().map(|(value, _)| value);
                    let but = value.and_then(shown).map(|shown| format!(", а не {shown}"));
                    let message =
                        format!("нужно http, folder или plugin{}", but.unwrap_or_default());
                    self.say(&name, message, value);
                    return false;
                }
            };
            keys.push(text(&format!("{name}.kind")));
            self.table(table, &name, &keys);
            true
        });
    }

    /// Plugins all have the same keys, whatever they are called.
    fn plugins(&mut self, root: &mut Map<String, Value>) {
        let Some(all) = root.get_mut("plugin") else { return };
        let ValueKind::Table(all) = &mut all.kind else { return };
        all.retain(|id, one| {
            let name = format!("plugin.{id}");
            let ValueKind::Table(table) = &mut one.kind else {
                self.say(&name, format!("нужен раздел [{name}]"), Some(one));
                return false;
            };
            let mut keys = plugin(&name, &vekha_plugin_host::settings());
            keys.push(Key { kind: Kind::Command, ..text(&format!("{name}.command")) });
            keys.push(Key { kind: Kind::Anything, ..text(&format!("{name}.configuration")) });
            self.table(table, &name, &keys);
            true
        });
    }

    /// Listeners, notifiers and analyzers have a plugin each.
    fn named(&mut self, root: &mut Map<String, Value>, what: &str) {
        let Some(all) = root.get_mut(what) else { return };
        let ValueKind::Table(all) = &mut all.kind else { return };
        all.retain(|id, one| {
            let name = format!("{what}.{id}");
            let ValueKind::Table(table) = &mut one.kind else {
                self.say(&name, format!("нужен раздел [{name}]"), Some(one));
                return false;
            };
            let stopgap = Some(Value::new(None, "-"));
            let mut keys = vec![Key { stopgap, ..text(&format!("{name}.plugin")) }];
            if what == "notifier" {
                let of = |word: &str, kind| Key { kind, ..text(&format!("{name}.{word}")) };
                keys.extend(["letters", "organisations"].map(|word| of(word, Kind::Words)));
                keys.push(of("fallback", Kind::Plain(SettingKind::Flag)));
            }
            if what == "analyzer" {
                let kind = Kind::Plain(SettingKind::Integer);
                keys.push(Key { kind, ..text(&format!("{name}.deadline-seconds")) });
            }
            self.table(table, &name, &keys);
            true
        });
    }

    /// Of mail by a plugin nothing else is ours to say.
    fn mail(&mut self, root: &mut Map<String, Value>) {
        let Some(ValueKind::Table(mail)) = root.get_mut("mail").map(|mail| &mut mail.kind) else {
            return;
        };
        let Some(name) = mail.get("plugin").and_then(scalar) else { return };
        mail.retain(|key, value| {
            let belongs = key == "plugin";
            if !belongs {
                let words = format!("лишнее: письма отправляет плагин «{name}»");
                self.say(&format!("mail.{key}"), words, Some(value));
            }
            belongs
        });
    }

    /// Judges a table's keys, and those of the tables below it.
    fn table(&mut self, table: &mut Map<String, Value>, above: &str, keys: &[Key]) {
        let named = |name: &str| match above {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        let present: Vec<String> = table.keys().cloned().collect();
        for word in present {
            let name = named(&word);
            let value = table.get_mut(&word).expect("it is one of its keys");
            let below: Vec<Key> = keys
                .iter()
                .filter(|key| key.name.starts_with(&format!("{name}.")))
                .cloned()
                .collect();
            let fits = if let Some(key) = keys.iter().find(|key| key.name == name) {
                self.value(key, value)
            } else if TABLES.contains(&name.as_str()) {
                let is_table = matches!(value.kind, ValueKind::Table(_));
                if !is_table {
                    self.say(&name, format!("нужны разделы [{name}.имя]"), Some(value));
                }
                is_table
            } else if below.is_empty() {
                self.unknown(&name, &word, value, above, keys);
                false
            } else if let ValueKind::Table(inner) = &mut value.kind {
                self.table(inner, &name, &below);
                true
            } else {
                self.say(&name, format!("нужен раздел [{name}]"), Some(value));
                false
            };
            if !fits {
                table.remove(&word);
            }
        }
        for key in keys {
            let Some(stopgap) = &key.stopgap else { continue };
            let word = match above {
                "" => key.name.as_str(),
                above => key.name.strip_prefix(above).map_or("", |rest| &rest[1..]),
            };
            // Whoever publishes by a plugin needs no folder.
            let is_spared = key.name == "site.folder" && table.contains_key("plugin");
            let is_missing = !word.contains('.') && !table.contains_key(word);
            if !word.is_empty() && is_missing && !is_spared {
                if !self.told_of(&key.name) {
                    self.say(&key.name, "не указано".to_owned(), None);
                }
                table.insert(word.to_owned(), stopgap.clone());
            }
        }
        // A table that was no table.
        if above.is_empty() {
            for name in ["mail", "site"] {
                table.entry(name.to_owned()).or_insert_with(|| {
                    let path = Value::new(None, "-");
                    let inner =
                        if name == "site" { vec![("folder".to_owned(), path)] } else { vec![] };
                    Value::new(None, inner.into_iter().collect::<Map<String, Value>>())
                });
            }
        }
    }

    fn unknown(&mut self, name: &str, word: &str, value: &Value, above: &str, keys: &[Key]) {
        let known = keys.iter().filter_map(|key| match above {
            "" => key.name.split('.').next(),
            above => key.name.strip_prefix(above)?.get(1..)?.split('.').next(),
        });
        let near = nearest(word, known.chain(TABLES.into_iter().filter(|_| above.is_empty())));
        let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
        self.say(name, format!("такого ключа нет{near}"), Some(value));
    }

    /// Whether a key may hold a value.
    fn value(&mut self, key: &Key, value: &Value) -> bool {
        let Some(wanted) = unmet(&key.kind, value) else { return true };
        let shown = if is_secret(&key.name) { None } else { shown(value) };
        let but = shown.map(|shown| format!(", а не {shown}")).unwrap_or_default();
        self.say(&key.name, format!("{wanted}{but}"), Some(value));
        if let (Kind::Plain(SettingKind::Choice(_)), Some((table, _))) =
            (&key.kind, key.name.split_once('.'))
        {
            let source = key.name.split('.').take(2).collect::<Vec<_>>().join(".");
            self.doubtful.push(if table == "source" { source } else { table.to_owned() });
        }
        false
    }
}

/// The keys of the settings but those of sources.
fn own() -> Vec<Key> {
    let plain = |name: &str, kind| Key { name: name.to_owned(), kind, stopgap: None };
    let needed = |name: &str, kind, stopgap: &str| Key {
        stopgap: Some(Value::new(None, stopgap)),
        ..plain(name, kind)
    };
    let mut keys = vec![
        needed("listen", Kind::Socket, "127.0.0.1:0"),
        text("public-url"),
        needed("database", Kind::Plain(SettingKind::Secret), "sqlite:-"),
        needed("secret-file", Kind::Plain(SettingKind::Path), "-"),
        needed("road-maps", Kind::Folders, "-"),
        plain("access.token", Kind::Plain(SettingKind::Secret)),
        plain("access.origins", Kind::Words),
        plain("tls.certificate", Kind::Plain(SettingKind::Path)),
        plain("tls.key", Kind::Plain(SettingKind::Path)),
        plain("tls.clients", Kind::Plain(SettingKind::Path)),
        plain("tls.insecure", Kind::Plain(SettingKind::Flag)),
        plain("sign-in.password", Kind::Plain(SettingKind::Flag)),
        needed("sign-in.oidc.issuer", Kind::Plain(SettingKind::Text), "https://localhost"),
        needed("sign-in.oidc.client-id", Kind::Plain(SettingKind::Text), "-"),
        plain("sign-in.oidc.client-secret", Kind::Plain(SettingKind::Secret)),
        plain("sign-in.oidc.client-secret-file", Kind::Plain(SettingKind::Path)),
        text("sign-in.oidc.name"),
        plain("sign-in.oidc.scopes", Kind::Words),
        text("sign-in.oidc.roles-claim"),
        plain("sign-in.oidc.roles", Kind::Plain(SettingKind::Table)),
        plain("sign-in.oidc.trust-email", Kind::Plain(SettingKind::Flag)),
        plain("sign-in.oidc.ca-file", Kind::Plain(SettingKind::Path)),
        plain("limits.connections", Kind::Plain(SettingKind::Integer)),
        plain("limits.receiving", Kind::Plain(SettingKind::Integer)),
        plain("webhooks.allow-private", Kind::Plain(SettingKind::Flag)),
        plain("webhooks.timeout-seconds", Kind::Plain(SettingKind::Integer)),
        plain("webhooks.give-up-hours", Kind::Plain(SettingKind::Integer)),
        plain("backups.folder", Kind::Plain(SettingKind::Path)),
        plain("backups.keep", Kind::Plain(SettingKind::Integer)),
        needed("rehearsal.from", Kind::Moment, "2027-01-01T00:00:00Z"),
        needed("rehearsal.speed", Kind::Plain(SettingKind::Integer), "1"),
    ];
    keys.extend(plugin("mail", &vekha_plugin_mail::describe().settings));
    keys.extend(plugin("site", &vekha_plugin_site::describe().settings));
    keys.extend([text("mail.plugin"), text("site.plugin")]);
    for key in &mut keys {
        if key.name.starts_with("mail.dkim.") || key.name == "site.folder" {
            key.stopgap = Some(Value::new(None, "-"));
        }
    }
    keys
}

fn text(name: &str) -> Key {
    Key { name: name.to_owned(), kind: Kind::Plain(SettingKind::Text), stopgap: None }
}

/// The keys that a plugin tells of. What it cannot do without, it tells itself.
fn plugin(table: &str, settings: &[Setting]) -> Vec<Key> {
    let key = |setting: &Setting| Key {
        kind: Kind::Plain(setting.kind.clone()),
        ..text(&format!("{table}.{}", setting.name))
    };
    settings.iter().map(key).collect()
}

/// What is wanted, unless the value is that.
fn unmet(kind: &Kind, value: &Value) -> Option<String> {
    let text = scalar(value);
    let said = |met: bool, wanted: &str| (!met).then(|| wanted.to_owned());
    match kind {
        Kind::Socket => {
            let met = text.is_some_and(|text| text.parse::<SocketAddr>().is_ok());
            said(met, "нужен адрес с портом вида 127.0.0.1:7140")
        }
        Kind::Moment => {
            let met = text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
            said(met, "нужно время с поясом вида \"2027-09-01T08:00:00+05:00\"")
        }
        Kind::Folders => {
            let met = match &value.kind {
                ValueKind::Array(list) => list.iter().all(|one| scalar(one).is_some()),
                _ => text.is_some(),
            };
            said(met, "нужен список папок вида [\"road-map\"]")
        }
        Kind::Words => {
            let met = match &value.kind {
                ValueKind::Array(list) => list.iter().all(|one| scalar(one).is_some()),
                _ => false,
            };
            said(met, "нужен список вида [\"reminder\", \"assignment\"]")
        }
        Kind::Command => {
            let met = match &value.kind {
                ValueKind::Array(list) => list.iter().all(|one| scalar(one).is_some()),
                _ => false,
            };
            said(met, "нужен список вида [\"python3\", \"plugin.py\"]")
        }
        Kind::Anything => said(table(value).is_some(), "нужна таблица настроек плагина"),
        Kind::Plain(SettingKind::Text | SettingKind::Secret) => said(text.is_some(), "нужен текст"),
        Kind::Plain(SettingKind::Path) => said(text.is_some(), "нужен путь"),
        Kind::Plain(SettingKind::Integer) => {
            let number = match &value.kind {
                ValueKind::Boolean(_) | ValueKind::Float(_) => None,
                _ => text.and_then(|text| text.trim().parse::<u64>().ok()),
            };
            said(number.is_some_and(|number| number <= MOST), "нужно целое число")
        }
        Kind::Plain(SettingKind::Flag) => {
            let met = match &value.kind {
                ValueKind::Boolean(_) => true,
                ValueKind::String(word) => value.clone().into_bool().is_ok() && !word.is_empty(),
                _ => false,
            };
            said(met, "нужно true или false")
        }
        Kind::Plain(SettingKind::Choice(words)) => {
            let met = text.is_some_and(|text| words.contains(&text));
            said(met, &format!("нужно одно из {}", words.join(", ")))
        }
        Kind::Plain(SettingKind::Address) => {
            let met = table(value).is_some_and(|table| {
                table.contains_key("email")
                    && table.iter().all(|(key, one)| {
                        ["name", "email"].contains(&key.as_str()) && scalar(one).is_some()
                    })
            });
            said(met, "нужно { name = \"…\", email = \"…\" }")
        }
        Kind::Plain(SettingKind::Table) => {
            let met =
                table(value).is_some_and(|table| table.values().all(|one| scalar(one).is_some()));
            said(met, "нужна таблица вида { имя = \"…\" }")
        }
    }
}

fn table(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

/// A plain value, as text.
fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil => None,
        _ => value.clone().into_string().ok(),
    }
}

/// A value as it is shown to who wrote it.
fn shown(value: &Value) -> Option<String> {
    let text = scalar(value)?;
    let short = text.chars().count() <= 60 && !text.chars().any(char::is_control);
    short.then(|| format!("«{text}»"))
}

/// Whether a key's value is never shown.
pub(super) fn is_secret(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let flags = ["sign-in.password"];
    ["password", "secret", "client-secret", "token", "database"].contains(&last)
        && !flags.contains(&name)
}

/// The variable of the environment that says what a key says.
fn variable(name: &str) -> String {
    format!("VEKHA_{}", name.replace('.', "__").replace('-', "_").to_uppercase())
}
