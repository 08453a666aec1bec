//! The daemon's settings: `vekha.toml`, overridden by `VEKHA_*` variables of the environment
//! (`VEKHA_DATABASE`, `VEKHA_MAIL__PASSWORD`). Paths are relative to the file.

mod told;
mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use config::{ConfigError, Map, Value, ValueKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use vekha_plugin::{Problem, Source};
use vekha_plugin_host::{Manner, PluginConfig};
use vekha_plugin_http::{Http, HttpConfig};
use vekha_plugin_mail::{Mail, MailConfig};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_plugin_tables::{Folder, FolderConfig};

use crate::access::provider::SignIn;
use crate::port::tls::TlsSettings;
use crate::port::{Limits, hosts, origins};
use crate::runtime::acts::listeners::{LISTENER, is_listener};
use crate::runtime::configured::Configured;
use crate::runtime::letters::ways::overlap;
use crate::runtime::listeners::WebhookSettings;
use told::told;
use vekha_roadmap::diagnostic::nearest;
use vekha_roadmap::read::LETTERS;
use written::Written;

/// Variables that are the command line's own and no settings of the daemon.
const OTHERS: [&str; 6] =
    ["VEKHA_CONFIG", "VEKHA_SERVER", "VEKHA_CA", "VEKHA_TOKEN", "VEKHA_ACTOR", "VEKHA_LOG"];

/// Fewest characters of an access token.
const SHORTEST_TOKEN: usize = 16;

/// Most seconds that an analyzer's answer may take.
const LONGEST_ANSWER: u64 = 3600;

/// How much of the settings is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The daemon's own: files that plugins name may be the daemon's alone to read.
    Own,
    /// All.
    Plugins,
}

/// What `vekha.toml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where the one port listens.
    pub listen: SocketAddr,
    /// How people reach it; by default the address that it listens on.
    pub public_url: Option<String>,
    /// `sqlite:path` or `postgres://...`.
    pub database: String,
    /// The file with the deployment's secret; made on first start.
    pub secret_file: PathBuf,
    /// Folders with road maps that are applied on start.
    #[serde(deserialize_with = "folders")]
    pub road_maps: Vec<PathBuf>,
    /// How letters leave.
    pub mail: MailConfig,
    /// Where reports go; no folder if a plugin has them all.
    pub site: SiteConfig,
    /// Which plugins send letters and publish reports.
    #[serde(default)]
    pub uses: Uses,
    /// Systems that know answers, by the id under which road maps name them.
    #[serde(default)]
    pub source: BTreeMap<String, SourceSettings>,
    /// Who sends some of the letters instead of `mail`, by names of the administrator's own.
    #[serde(default)]
    pub notifier: BTreeMap<String, NotifierSettings>,
    /// Who is told through plugins what happens, by the names of listeners.
    #[serde(default)]
    pub listener: BTreeMap<String, ListenerSettings>,
    /// Who gives figures that road maps have no formulas for, by the id under which their stages name
    /// them.
    #[serde(default)]
    pub analyzer: BTreeMap<String, AnalyzerSettings>,
    /// How other systems are told by HTTP.
    #[serde(default)]
    pub webhooks: WebhookSettings,
    /// Plugins as processes of their own, by the names that stand in `mail`, `site`, `source`,
    /// `notifier`, `listener` and `analyzer`.
    #[serde(default)]
    pub plugin: BTreeMap<String, PluginConfig>,
    /// How their processes are started and paced; no setting.
    #[serde(skip)]
    pub manner: Manner,
    /// Who may use the console and gRPC.
    #[serde(default)]
    pub access: Access,
    /// How people sign in.
    #[serde(default)]
    pub sign_in: SignIn,
    /// How the port is encrypted.
    #[serde(default)]
    pub tls: TlsSettings,
    /// What the port bears at a time.
    #[serde(default)]
    pub limits: Limits,
    /// Where the daemon keeps the backups that it is asked for, and how many.
    #[serde(default)]
    pub backups: BackupSettings,
    /// A time of its own, to live a year in minutes.
    pub rehearsal: Option<Rehearsal>,
    /// The file that they are from; no setting. None for settings that are from no file.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// All that is set, for the administrator's eyes; no setting.
    #[serde(skip)]
    pub told: Vec<Configured>,
}

/// What plugins are used for beside sources: `plugin` in `[mail]` and `[site]`, which are tables of the
/// daemon's own otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Uses {
    /// Who sends letters instead of `[mail]`.
    pub mail: Option<String>,
    /// Who publishes reports beside the folder of `[site]`, or alone if there is none.
    pub site: Option<String>,
}

/// Who sends some of the letters.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotifierSettings {
    /// The plugin's name.
    pub plugin: String,
    /// Which kinds of letters, as their folders are called; all if none is named.
    #[serde(default)]
    pub letters: Vec<String>,
    /// To which organisations, by their codes; to all if none is named.
    #[serde(default)]
    pub organisations: Vec<String>,
    /// Whether mail takes what it refuses, and all while it is away.
    #[serde(default = "yes")]
    pub fallback: bool,
}

fn yes() -> bool {
    true
}

/// Who is told through a plugin.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ListenerSettings {
    /// The plugin's name.
    pub plugin: String,
}

/// Who gives figures through a plugin.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AnalyzerSettings {
    /// The plugin's name.
    pub plugin: String,
    /// How long an answer of its may take, in seconds, 1 to 3600; as long as any call of the plugin if
    /// nothing is said.
    #[serde(default)]
    pub deadline_seconds: Option<u64>,
}

/// A system that knows answers.
#[derive(Debug, Clone)]
pub enum SourceSettings {
    /// Another system, asked by HTTP.
    Http(Box<HttpConfig>),
    /// A folder into which people or systems put spreadsheets.
    Folder(FolderConfig),
    /// The plugin of this name.
    Plugin(String),
}

impl SourceSettings {
    /// The source, if it is one of the daemon's own.
    ///
    /// # Errors
    /// All that is wrong with its settings.
    pub fn make(self) -> Result<Option<Arc<dyn Source>>, Vec<Problem>> {
        Ok(match self {
            SourceSettings::Http(config) => Some(Arc::new(Http::new(*config)?)),
            SourceSettings::Folder(config) => Some(Arc::new(Folder::new(config)?)),
            SourceSettings::Plugin(_) => None,
        })
    }
}

impl<'de> Deserialize<'de> for SourceSettings {
    /// By its `kind`. Not serde's way with tags, which would want numbers where the environment has
    /// texts.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::<String, Value>::deserialize(deserializer)?;
        let kind = table.remove("kind").and_then(|kind| kind.into_string().ok());
        let rest = Value::new(None, table);
        match kind.as_deref() {
            Some("http") => HttpConfig::deserialize(rest).map(Box::new).map(SourceSettings::Http),
            Some("folder") => FolderConfig::deserialize(rest).map(SourceSettings::Folder),
            Some("plugin") => {
                let mut table = rest.into_table().map_err(D::Error::custom)?;
                let name = table.remove("plugin").and_then(|name| name.into_string().ok());
                name.map(SourceSettings::Plugin)
                    .ok_or_else(|| ConfigError::Message("plugin: не указано".to_owned()))
            }
            Some(other) => Err(ConfigError::Message(format!(
                "неизвестный вид источника «{other}»: бывает http, folder и plugin"
            ))),
            None => Err(ConfigError::Message("kind: нужен http, folder или plugin".to_owned())),
        }
        .map_err(D::Error::custom)
    }
}

/// Folders as a list, or as one text with colons between them, like `PATH`.
fn folders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<PathBuf>),
        Text(String),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::List(list) => list,
        Written::Text(text) => std::env::split_paths(&text).collect(),
    })
}

/// Who may use the console and gRPC; the schools' links are their own key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Access {
    /// A token that every call must bring; without one the daemon listens on loopback only.
    #[serde(default)]
    pub token: String,
    /// The sites whose pages may call by gRPC-web: `https://portal.example.org`.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// Backups that the daemon keeps.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BackupSettings {
    /// The folder; `backups` beside the database by default.
    pub folder: Option<PathBuf>,
    /// How many are kept: once there are more, the oldest is removed. 1 to 1000; 7 by default.
    pub keep: Option<u64>,
}

/// A time of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rehearsal {
    /// When it begins, with offset: `2027-09-01T08:00:00+05:00`.
    pub from: jiff::Timestamp,
    /// How many times faster than ours it runs.
    pub speed: u32,
}

/// The settings of what is written. What still does not fit is told, and left out as far as
/// possible; none if that is not enough.
fn taken(mut root: Map<String, Value>, written: &mut Written) -> Option<Settings> {
    loop {
        let error = match Settings::deserialize(Value::new(None, root.clone())) {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let (ConfigError::Type { key, .. } | ConfigError::At { key, .. }) = &error else {
            written.wrong.push(Problem::new("настройки", error.to_string()));
            return None;
        };
        let name = key.clone().unwrap_or_default();
        let Some(value) = removed(&mut root, &name) else {
            if !written.told_of(&name) {
                written.wrong.push(Problem::new(name, error.to_string()));
            }
            return None;
        };
        written.unfit(&name, &value);
    }
}

/// Takes out what stands under a key.
fn removed(root: &mut Map<String, Value>, name: &str) -> Option<Value> {
    match name.split_once('.') {
        None => root.remove(name),
        Some((above, below)) => match &mut root.get_mut(above)?.kind {
            ValueKind::Table(table) => removed(table, below),
            _ => None,
        },
    }
}

/// Problems of a plugin, by the keys of the whole.
pub(crate) fn below(table: &str, problems: Option<Vec<Problem>>) -> Vec<Problem> {
    let named =
        |problem: Problem| Problem::new(format!("{table}.{}", problem.field), problem.message);
    problems.into_iter().flatten().map(named).collect()
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the file is missing, or all that is wrong at once, each with its key.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        Settings::read(file, std::env::vars(), Depth::Own)
    }

    /// Reads the settings for the daemon itself, which needs its plugins, too.
    ///
    /// # Errors
    /// As [`Settings::load`], with what plugins find wrong.
    pub fn load_to_serve(file: &Path) -> anyhow::Result<Self> {
        Settings::read(file, std::env::vars(), Depth::Plugins)
    }

    fn read(
        file: &Path,
        variables: impl Iterator<Item = (String, String)>,
        depth: Depth,
    ) -> anyhow::Result<Self> {
        let named = file.display();
        if !file.exists() {
            bail!("настроек {named} нет: назовите файл — --config ФАЙЛ");
        }
        let own = |name: &str| !OTHERS.contains(&name);
        let variables = variables.filter(|(name, _)| own(name)).collect();
        // What they say stays as it is written: a password of digits is no number. Where a number
        // is wanted, it is read from the text.
        let environment = config::Environment::with_prefix("VEKHA")
            .source(Some(variables))
            .prefix_separator("_")
            .separator("__")
            .convert_case(config::Case::Kebab)
            .ignore_empty(true);
        let raw = config::Config::builder()
            .add_source(config::File::from(file).format(config::FileFormat::Toml))
            .add_source(environment)
            .build()
            .map_err(|error| match error {
                ConfigError::FileParse { cause, .. } => anyhow::anyhow!("это не TOML: {cause}"),
                other => other.into(),
            })
            .with_context(|| format!("настройки {named}"))?;
        let mut root = raw.cache.into_table().unwrap_or_default();
        let all = told(&root);
        let mut written = Written::judge(&mut root);
        let mut wrong = Vec::new();
        if let Some(mut settings) = taken(root, &mut written) {
            settings.told = all;
            settings.file = Some(file.to_owned());
            settings.anchor(file.parent().unwrap_or(Path::new("")));
            wrong = settings.wrong();
            if depth == Depth::Plugins {
                wrong.extend(settings.wrong_with_plugins(&written.doubtful));
            }
            wrong.retain(|problem| !written.told_of(&problem.field));
            if wrong.is_empty() && written.wrong.is_empty() {
                return Ok(settings);
            }
        }
        let lines = written.wrong.iter().chain(&wrong).map(|problem| format!("\n  {problem}"));
        bail!("настройки {named}:{}", lines.collect::<String>())
    }

    fn anchor(&mut self, folder: &Path) {
        let anchored = |path: &Path| folder.join(path);
        self.secret_file = anchored(&self.secret_file);
        for path in &mut self.road_maps {
            *path = anchored(path);
        }
        if let Some(path) = self.database.strip_prefix("sqlite:") {
            self.database = format!("sqlite:{}", anchored(Path::new(path)).display());
        }
        self.mail.anchor(folder);
        self.sign_in.anchor(folder);
        self.tls.anchor(folder);
        for source in self.source.values_mut() {
            match source {
                SourceSettings::Http(config) => config.anchor(folder),
                SourceSettings::Folder(config) => config.anchor(folder),
                SourceSettings::Plugin(_) => {}
            }
        }
        if self.publishes_files() {
            self.site.folder = anchored(&self.site.folder);
        }
        if let Some(backups) = &mut self.backups.folder {
            *backups = anchored(backups);
        }
        for plugin in self.plugin.values_mut() {
            plugin.anchor(folder);
        }
    }

    /// What is wrong with the daemon's own settings.
    fn wrong(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push(Problem::new(key, message));
        let token = self.access.token.chars().count();
        if token > 0 && token < SHORTEST_TOKEN {
            say("access.token", format!("нужно не меньше {SHORTEST_TOKEN} знаков"));
        }
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if !known.iter().any(|scheme| self.database.starts_with(scheme)) {
            say("database", "нужно sqlite:путь или postgres://…".to_owned());
        }
        if self.backups.keep.is_some_and(|count| !(1..=1000).contains(&count)) {
            say("backups.keep", "от 1 до 1000 копий".to_owned());
        }
        wrong.extend(self.wrong_addresses());
        wrong.extend(self.wrong_rehearsal());
        wrong.extend(self.wrong_names());
        wrong.extend(self.wrong_notifiers());
        wrong.extend(below("webhooks", Some(self.webhooks.wrong())));
        wrong.extend(self.limits.wrong());
        wrong.extend(self.sign_in.wrong());
        wrong.extend(origins::wrong("access.origins", &self.access.origins));
        wrong.extend(self.tls.wrong());
        wrong
    }

    /// Where it listens, where people reach it, and whether others would read along.
    fn wrong_addresses(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push(Problem::new(key, message));
        match self.public_url.as_deref().map(|url| (url, url.parse::<http::Uri>())) {
            None => {}
            Some((_, Ok(address))) if matches!(address.scheme_str(), Some("http" | "https")) => {}
            Some((url, _)) => say(
                "public-url",
                format!("нужен адрес вида https://vekha.example.org, а не «{url}»"),
            ),
        }
        // Nobody is reached by the address that stands for all of a machine's.
        if self.listen.ip().is_unspecified() && self.public_url.is_none() {
            let words = format!(
                "демон слушает все адреса машины, и ссылки в письмах вели бы на {}: назовите адрес, по \
                 которому его открывают люди, вида https://vekha.example.org",
                self.public_url()
            );
            say("public-url", words);
        }
        if self.tls.is_on() && self.public_url().starts_with("http://") {
            let words = "порт говорит по TLS: нужен адрес https://…; если TLS у прокси перед демоном, \
                         уберите [tls] certificate и key";
            say("public-url", words.to_owned());
        }
        if !self.listen.ip().is_loopback() && !self.is_encrypted() && !self.tls.insecure {
            let words = "сеть услышала бы ключи и ссылки открытым текстом: укажите [tls] certificate и \
                         key; если TLS у прокси перед демоном — его адрес в public-url (https://…); \
                         если сеть закрыта иначе — [tls] insecure = true";
            say("listen", words.to_owned());
        }
        wrong
    }

    fn wrong_rehearsal(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push(Problem::new(key, message));
        let reaches_people =
            self.uses.mail.is_some() || !self.notifier.is_empty() || self.mail.reaches_people();
        if self.rehearsal.is_some() && reaches_people {
            say(
                "rehearsal",
                "репетиция не пишет настоящим людям: нужна почта transport = \"file\" или сервер \
                 на этой же машине"
                    .to_owned(),
            );
        }
        if self.rehearsal.is_some() && self.mail.bounces.is_some() {
            // Letters of a rehearsal have the Message-IDs of those in life: it would take its reports.
            say(
                "mail.bounces",
                "в репетиции возвращённые письма не читаются: уберите этот ключ".to_owned(),
            );
        }
        wrong
    }

    /// Names that name nothing, and names that cannot be named.
    fn wrong_names(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push(Problem::new(key, message));
        for (key, name) in self.uses() {
            if !self.plugin.contains_key(name) {
                let near = nearest(name, self.plugin.keys().map(String::as_str));
                let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
                say(&key, format!("раздела [plugin.{name}] нет{near}"));
            }
        }
        for (id, one) in &self.analyzer {
            if one.deadline_seconds.is_some_and(|all| !(1..=LONGEST_ANSWER).contains(&all)) {
                let words = format!("от 1 до {LONGEST_ANSWER} секунд");
                say(&format!("analyzer.{id}.deadline-seconds"), words);
            }
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !(1..=64).contains(&id.len()) || !id.chars().all(fits) {
                let words = "дорожная карта его так не назовёт: строчная латиница, цифры и дефис, до \
                             64 знаков";
                say(&format!("analyzer.{id}"), words.to_owned());
            }
        }
        for id in self.listener.keys() {
            if !is_listener(id) {
                say(&format!("listener.{id}"), LISTENER.to_owned());
            }
        }
        wrong
    }

    /// Letters that are not there, or that two notifiers are to deliver.
    fn wrong_notifiers(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push(Problem::new(key, message));
        let all: Vec<_> = self.notifier.iter().collect();
        for (place, (id, one)) in all.iter().enumerate() {
            let kinds = || LETTERS.iter().map(|(kind, _)| *kind).filter(|kind| *kind != "digest");
            for kind in one.letters.iter().filter(|kind| !kinds().any(|known| known == **kind)) {
                let near = nearest(kind, kinds());
                let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
                say(&format!("notifier.{id}.letters"), format!("писем «{kind}» нет{near}"));
            }
            let wanted =
                |one: &'_ NotifierSettings| (one.letters.clone(), one.organisations.clone());
            let own = wanted(one);
            for (other_id, other) in &all[..place] {
                let other = wanted(other);
                if overlap((&own.0, &own.1), (&other.0, &other.1)) {
                    let words = format!(
                        "одни и те же письма названы и здесь, и в [notifier.{other_id}]: \
                         разделите их по letters или organisations"
                    );
                    say(&format!("notifier.{id}"), words);
                }
            }
        }
        wrong
    }

    /// What plugins find wrong with theirs, but in tables that are doubtful anyway.
    fn wrong_with_plugins(&self, doubtful: &[String]) -> Vec<Problem> {
        let mut wrong = self.tls.unreadable();
        if self.uses.mail.is_none() {
            wrong.extend(below("mail", Mail::new(self.mail.clone()).err()));
        }
        if self.publishes_files() {
            wrong.extend(below("site", Site::new(self.site.clone()).err()));
        }
        for (name, plugin) in &self.plugin {
            wrong.extend(below(&format!("plugin.{name}"), plugin.check().err()));
        }
        for (id, source) in &self.source {
            wrong.extend(below(&format!("source.{id}"), source.clone().make().err()));
        }
        let is_doubtful = |problem: &Problem| {
            doubtful.iter().any(|table| problem.field.starts_with(&format!("{table}.")))
        };
        wrong.retain(|problem| !is_doubtful(problem));
        wrong
    }

    /// Whether reports go into a folder, too, where a plugin publishes them.
    pub fn publishes_files(&self) -> bool {
        self.uses.site.is_none() || !self.site.folder.as_os_str().is_empty()
    }

    /// Where plugins are used: the key, and the plugin's name.
    pub fn uses(&self) -> Vec<(String, &str)> {
        let own = [("mail.plugin", &self.uses.mail), ("site.plugin", &self.uses.site)];
        let own =
            own.into_iter().filter_map(|(key, name)| Some((key.to_owned(), name.as_deref()?)));
        let mut uses: Vec<(String, &str)> = own.collect();
        for (id, source) in &self.source {
            if let SourceSettings::Plugin(name) = source {
                uses.push((format!("source.{id}.plugin"), name.as_str()));
            }
        }
        for (id, notifier) in &self.notifier {
            uses.push((format!("notifier.{id}.plugin"), notifier.plugin.as_str()));
        }
        for (id, listener) in &self.listener {
            uses.push((format!("listener.{id}.plugin"), listener.plugin.as_str()));
        }
        for (id, analyzer) in &self.analyzer {
            uses.push((format!("analyzer.{id}.plugin"), analyzer.plugin.as_str()));
        }
        uses
    }

    /// Whether only this machine hears the daemon: it listens here alone, and people are not told to
    /// reach it by another name.
    pub fn is_heard_here_only(&self) -> bool {
        let url: Option<http::Uri> = self.public_url.as_deref().and_then(|url| url.parse().ok());
        let named = url.as_ref().and_then(|url| url.host());
        self.listen.ip().is_loopback() && named.is_none_or(hosts::is_own)
    }

    /// Whether people reach the daemon by TLS, its own or that of something before it.
    fn is_encrypted(&self) -> bool {
        self.tls.is_on() || self.public_url().starts_with("https://")
    }

    /// How people reach the daemon, without a slash at the end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if self.tls.is_on() => format!("https://{}", self.listen),
            None => format!("http://{}", self.listen),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BARE: &str = "
        listen = '127.0.0.1:0'
        database = 'sqlite:vekha.db'
        secret-file = 'secret'
        road-maps = []
        mail = { folder = 'mail', from = { name = 'Отдел', email = 'vekha@example.org' } }
        site = { folder = 'site' }
        [source.register]
        kind = 'http'
        url = 'https://register.example.org'
        [source.inbox]
        kind = 'folder'
        folder = 'inbox'
    ";

    fn read(more: &str, variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let place = tempfile::TempDir::new().unwrap();
        let file = place.path().join("vekha.toml");
        std::fs::write(&file, format!("{more}\n{BARE}")).unwrap();
        let pairs = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Settings::read(&file, pairs, Depth::Plugins)
    }

    #[test]
    fn what_the_environment_says_stays_as_it_is_written_and_is_read_as_what_is_wanted() {
        let settings = read(
            "",
            &[
                ("VEKHA_MAIL__PASSWORD", "0012345"),
                ("VEKHA_MAIL__USERNAME", "true"),
                ("VEKHA_MAIL__HELLO_NAME", "1e3"),
                ("VEKHA_MAIL__PORT", "2525"),
                ("VEKHA_LIMITS__CONNECTIONS", "300"),
                ("VEKHA_ACCESS__TOKEN", "12345678901234567890"),
                ("VEKHA_SOURCE__REGISTER__ATTEMPTS", "7"),
                ("VEKHA_SOURCE__REGISTER__ALLOW_PRIVATE", "true"),
                ("VEKHA_SOURCE__REGISTER__AUTH__KIND", "bearer"),
                ("VEKHA_SOURCE__REGISTER__AUTH__SECRET", "007"),
                ("VEKHA_SOURCE__INBOX__SETTLE_MILLISECONDS", "5"),
                ("VEKHA_ROAD_MAPS", "one:/two"),
                ("VEKHA_TOKEN", "the command line's own"),
            ],
        );
        let settings = settings.unwrap();
        let mail = &settings.mail;
        assert_eq!(mail.password.as_ref().unwrap().0, "0012345");
        assert_eq!(mail.username.as_deref(), Some("true"));
        assert_eq!((mail.hello_name.as_deref(), mail.port), (Some("1e3"), Some(2525)));
        assert_eq!(settings.limits.connections, 300);
        assert_eq!(settings.access.token, "12345678901234567890");
        let (SourceSettings::Http(http), SourceSettings::Folder(folder)) =
            (&settings.source["register"], &settings.source["inbox"])
        else {
            panic!("{:?}", settings.source);
        };
        assert_eq!((http.attempts, http.allow_private), (Some(7), true));
        assert_eq!(http.auth.secret.as_ref().unwrap().0, "007");
        assert_eq!(folder.settle_milliseconds, Some(5));
        assert!(
            settings.road_maps[0].ends_with("one") && settings.road_maps[1] == Path::new("/two")
        );
    }

    fn told(more: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let wrong = read(more, variables).unwrap_err().to_string();
        wrong.lines().skip(1).map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let wrong = |more: &str, variables: &[(&str, &str)]| told(more, variables).len();
        assert_eq!(wrong("public-url = 'vekha.example.org'", &[]), 1);
        assert_eq!(wrong("", &[("VEKHA_ACCESS__TOKEN", "short")]), 1, "on loopback, too");
        let three = [
            ("VEKHA_LISTEN", "0.0.0.0:7140"),
            ("VEKHA_DATABASE", "mysql:x"),
            ("VEKHA_LIMITS__CONNECTIONS", "1"),
        ];
        assert_eq!(wrong("", &three), 4, "and people would be sent to 0.0.0.0");
    }

    #[test]
    fn the_network_hears_nothing_in_the_clear_unless_that_is_said() {
        let all = [("VEKHA_LISTEN", "0.0.0.0:7140")];
        let keys = |more: &str, variables: &[(&str, &str)]| -> Vec<String> {
            let told = read(more, variables).err().map(|e| e.to_string()).unwrap_or_default();
            let key = |line: &str| line.trim().split(':').next().unwrap_or_default().to_owned();
            told.lines().skip(1).map(key).collect()
        };
        assert_eq!(keys("", &all), ["public-url", "listen"]);
        assert_eq!(keys("public-url = 'http://vekha.example.org'", &all), ["listen"]);
        assert_eq!(keys("public-url = 'https://vekha.example.org'", &all), [""; 0]);
        let insecure = "tls = { insecure = true }";
        assert_eq!(keys(insecure, &all), ["public-url"], "links to 0.0.0.0 lead nowhere");
        let named = format!("public-url = 'http://vekha.example.org'\n{insecure}");
        assert_eq!(keys(&named, &all), [""; 0]);
        assert_eq!(keys("", &[("VEKHA_LISTEN", "127.0.0.1:7140")]), [""; 0]);
        let pair = [("VEKHA_TLS__CERTIFICATE", "none.pem"), ("VEKHA_TLS__KEY", "none.pem")];
        assert_eq!(keys("", &pair), ["tls.certificate", "tls.key"], "no such files");
        assert_eq!(keys("public-url = 'http://localhost'", &pair).first().unwrap(), "public-url");
        assert_eq!(keys("tls = { key = 'key.pem' }", &[]), ["tls.certificate"]);
        assert_eq!(keys("tls = { clients = 'ca.pem' }", &[]), ["tls.clients"]);
        assert_eq!(keys("", &[pair[0]]), ["tls.key"]);
    }

    #[test]
    fn a_provider_is_read_as_it_is_written_and_all_that_is_wrong_with_it_is_said_at_once() {
        // Keys without a table come first.
        let read = |more: &str, variables: &[(&str, &str)]| {
            let place = tempfile::TempDir::new().unwrap();
            let file = place.path().join("vekha.toml");
            std::fs::write(&file, format!("{BARE}\n{more}")).unwrap();
            let pairs = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            Settings::read(&file, pairs, Depth::Plugins).map_err(|e| e.to_string())
        };
        let right = "
            [sign-in.oidc]
            issuer = 'https://id.example.org/realms/region'
            client-id = 'vekha'
            scopes = ['email']
            [sign-in.oidc.roles]
            'Vekha.Admins' = 'administrator'
            'CN=Методисты,OU=Отдел' = 'operator@zarechny, viewer'
        ";
        let secret = [("VEKHA_SIGN_IN__OIDC__CLIENT_SECRET", "007")];
        let settings = read(right, &secret).unwrap();
        let oidc = settings.sign_in.oidc.unwrap();
        assert!(settings.sign_in.password && !oidc.trust_email);
        assert_eq!((oidc.secret().unwrap().as_deref(), oidc.scopes.len()), (Some("007"), 1));
        assert_eq!(
            (oidc.shown_name().as_str(), oidc.roles_claim.as_str()),
            ("id.example.org", "groups")
        );
        let mapping = oidc.mapping();
        let roles = |value: &str| mapping[value].named().into_iter().collect::<Vec<_>>();
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(roles("Vekha.Admins"), [pair("*", "administrator")]);
        let both = [pair("*", "viewer"), pair("zarechny", "operator")];
        assert_eq!(roles("CN=Методисты,OU=Отдел"), both);

        let wrong = "
            [sign-in]
            pasword = false
            password = 'sometimes'
            [sign-in.oidc]
            issuer = 'http://id.example.org'
            client-secret-file = 'nowhere'
            scopes = ['open id']
            roles-claim = ''
            ca-file = 'nowhere'
            [sign-in.oidc.roles]
            heads = 'aprover@zarechny'
            guests = 'viewer@'
        ";
        let told = read(wrong, &secret).unwrap_err();
        let told: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
        for (key, words) in [
            ("sign-in.pasword", "может быть, password?"),
            ("sign-in.password", "нужно true или false"),
            ("sign-in.oidc.client-id", "не указано"),
            ("sign-in.oidc.issuer", "нужен https://"),
            ("sign-in.oidc.client-secret", "секрет указан дважды"),
            ("sign-in.oidc.scopes", "без пробелов"),
            ("sign-in.oidc.roles-claim", "groups"),
            ("sign-in.oidc.ca-file", "не читается"),
            ("sign-in.oidc.roles.heads", "может быть, approver?"),
            ("sign-in.oidc.roles.guests", "operator@zarechny"),
        ] {
            let of = |line: &&&str| line.starts_with(&format!("{key}: ")) && line.contains(words);
            assert_eq!(told.iter().filter(of).count(), 1, "{key}: {told:#?}");
        }
        assert_eq!(told.len(), 10, "{told:#?}");
        assert!(!told.iter().any(|line| line.contains("007")));
        let alone = read("[sign-in]\npassword = false", &[]).unwrap_err();
        assert!(alone.contains("sign-in.password: без пароля войти было бы нечем"), "{alone}");
    }

    #[test]
    fn who_is_heard_by_others_is_told_from_who_is_heard_on_this_machine_only() {
        let is_local = |more: &str, listen: &str| {
            read(more, &[("VEKHA_LISTEN", listen)]).unwrap().is_heard_here_only()
        };
        assert!(is_local("", "127.0.0.1:7140") && is_local("", "[::1]:7140"));
        assert!(is_local("public-url = 'http://localhost:8080'", "127.0.0.1:7140"));
        let closed = "public-url = 'http://localhost'\ntls = { insecure = true }";
        assert!(!is_local(closed, "0.0.0.0:7140"));
        assert!(!is_local("public-url = 'https://vekha.example.org'", "127.0.0.1:7140"));
    }

    #[test]
    fn what_only_its_reader_knows_to_be_wrong_is_told_with_its_key_too() {
        assert_eq!(
            told("", &[("VEKHA_MAIL__PORT", "99999"), ("VEKHA_ACCESS__TOKEN", "short")]),
            [
                "mail.port: «99999» сюда не подходит (из переменной VEKHA_MAIL__PORT)",
                "access.token: нужно не меньше 16 знаков",
            ]
        );
    }

    #[test]
    fn plugins_are_told_by_the_keys_that_name_them() {
        let bare = BARE
            .replace("mail = { folder = 'mail', from = { name = 'Отдел', email = 'vekha@example.org' } }", "")
            .replace("site = { folder = 'site' }", "");
        let read = |tables: &str, variables: &[(&str, &str)]| {
            let place = tempfile::TempDir::new().unwrap();
            let file = place.path().join("vekha.toml");
            std::fs::write(&file, format!("{bare}\n{tables}")).unwrap();
            let pairs = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            Settings::read(&file, pairs, Depth::Plugins).map_err(|e| {
                let told = e.to_string().replace(&file.display().to_string(), "vekha.toml");
                told.replace(&place.path().display().to_string(), "DIR")
            })
        };
        let right = "
            [mail]
            plugin = 'messenger'
            [site]
            plugin = 'portal'
            [source.contingent]
            kind = 'plugin'
            plugin = 'portal'
            [plugin.messenger]
            command = ['python3', 'messenger.py']
            call-seconds = 30
            environment = { HTTPS_PROXY = 'http://proxy:3128' }
            configuration = { url = 'https://m.example.org', deep = { list = [1, 'b'] } }
            [plugin.portal]
            command = ['portal']
        ";
        let token = [("VEKHA_PLUGIN__MESSENGER__CONFIGURATION__TOKEN", "007")];
        let settings = read(right, &token).unwrap();
        let messenger = &settings.plugin["messenger"];
        assert_eq!(messenger.command, ["python3", "messenger.py"]);
        assert_eq!(messenger.call_seconds, Some(30));
        let configuration = serde_json::Value::Object(messenger.configuration.clone());
        let wanted = serde_json::json!({
            "url": "https://m.example.org", "deep": { "list": [1, "b"] }, "token": "007",
        });
        assert_eq!(configuration, wanted);
        assert!(messenger.folder.is_absolute());
        let uses = [("mail", "messenger"), ("site", "portal"), ("source.contingent", "portal")];
        let uses = uses.map(|(key, name)| (format!("{key}.plugin"), name));
        assert_eq!(settings.uses(), uses);
        assert!(!settings.publishes_files());
        let wrong = "
            [mail]
            plugin = 'messengr'
            transport = 'smtp'
            [site]
            plugin = 'portal'
            folder = 'site'
            [source.contingent]
            kind = 'plugin'
            [plugin.messenger]
            command = 'python3 messenger.py'
            comand = []
            call-seconds = 'long'
            configuration = 'all'
            environment = { VEKHA_TOKEN = 'x' }
            [plugin.portal]
            command = []
            at-once = 1000
            folder = 'nowhere'
            [listener.Feed]
            plugin = 'portl'
            [listener.feed]
            plugins = 'portal'
            [analyzer.rating]
            plugin = 'ratng'
            weight = 1
            [analyzer.Mine]
            plugin = 'portal'
            [notifier.messages]
            plugin = 'messenger'
            letters = ['reminder', 'remider']
            [notifier.more]
            plugin = 'messenger'
            letters = ['reminder']
            organisations = 'school-1'
            fallback = 'sometimes'
            [webhooks]
            timeout-seconds = 61
            allow-privat = true
        ";
        insta::assert_snapshot!(read(wrong, &[]).unwrap_err());
    }

    #[test]
    fn what_is_no_value_of_its_key_is_told_in_russian_with_its_key_and_where_it_stands() {
        let more = "
            listen = 'everywhere'
            databse = 'sqlite:x'
            public-url = ['a']
            [limits]
            connections = 'many'
            recieving = 5
            [rehearsal]
            from = 'tomorrow'
            [source.other]
            kind = 'ftp'
        ";
        let bare = BARE.replace("listen = '127.0.0.1:0'", "").replace(
            "mail = { folder",
            "mail = { transport = 'smpt', port = true, pool-size = 2.5, password = ['тайна'], \
             folder",
        );
        let bare =
            bare.replace("url = 'https://register.example.org'", "url = 'nowhere'\nattempts = 99");
        let place = tempfile::TempDir::new().unwrap();
        let file = place.path().join("vekha.toml");
        // Keys without a table come first.
        let (top, tables) = more.split_at(more.find("[limits]").unwrap());
        std::fs::write(&file, format!("{top}\n{bare}\n{tables}")).unwrap();
        let variables = [
            ("VEKHA_MAIL__TIMEOUT_SECONDS", "скоро"),
            ("VEKHA_SITE__FOLDR", "x"),
            ("VEKHA_SOURCE__INBOX__FOLDER", ""),
            ("VEKHA_SOURCE__INBOX__FILE", "../{form}"),
            ("VEKHA_SOURCE__REGISTER__ALLOW_PRIVATE", "maybe"),
            ("VEKHA_SOURCE__REGISTER__AUTH__SECRET", "007"),
        ];
        let pairs = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let told = Settings::read(&file, pairs, Depth::Plugins).unwrap_err().to_string();
        let told = told.replace(&file.display().to_string(), "vekha.toml");
        assert!(!told.contains("тайна") && !told.contains("007"));
        insta::assert_snapshot!(told);
    }
}
