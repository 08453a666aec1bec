//! `[plugin.NAME]`: what an administrator writes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use vekha_plugin::{Problem, Problems, Setting, SettingKind};

/// A plugin as a process. The keys are spelled in kebab case: `call-seconds`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct PluginConfig {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder in which it works; where `vekha.toml` lies by default.
    pub folder: PathBuf,
    /// What its environment has beside PATH, HOME, LANG and TZ.
    pub environment: BTreeMap<String, String>,
    /// Its own settings.
    pub configuration: Map<String, Value>,
    /// How long it may take to begin, 1 to 300; 10 by default.
    pub start_seconds: Option<u64>,
    /// How long a call may take, 1 to 300; 60 by default.
    pub call_seconds: Option<u64>,
    /// How many calls it is given at a time, 1 to 64; 4 by default.
    pub at_once: Option<u64>,
    /// The largest message either way, and the most that all records of an answer hold, in megabytes,
    /// 1 to 256; 64 by default.
    pub max_megabytes: Option<u64>,
    /// Where relative paths of the configuration lead from.
    #[serde(skip)]
    pub base: PathBuf,
}

impl fmt::Debug for PluginConfig {
    /// Without what may be secret: of its own settings only the plugin knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PluginConfig { command, folder, .. } = self;
        let mut shown = f.debug_struct("PluginConfig");
        shown.field("command", command).field("folder", folder).finish_non_exhaustive()
    }
}

/// The keys of `[plugin.NAME]` but for `command` and `configuration`, which are no plain values.
pub fn settings() -> Vec<Setting> {
    use SettingKind::{Integer, Path, Table};
    vec![
        Setting::optional("folder", Path, "Папка, в которой он работает."),
        Setting::optional("environment", Table, "Переменные окружения для него."),
        Setting::optional("start-seconds", Integer, "Сколько секунд он может запускаться."),
        Setting::optional("call-seconds", Integer, "Сколько секунд может длиться вызов."),
        Setting::optional("at-once", Integer, "Сколько вызовов он получает сразу."),
        Setting::optional("max-megabytes", Integer, "Самое большое сообщение, мегабайт."),
    ]
}

impl PluginConfig {
    /// Makes relative paths relative to `folder`, where the configuration stands.
    pub fn anchor(&mut self, folder: &Path) {
        // A command is started in another folder than the daemon's: a bare `.` must not depend on it.
        let here = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let here = std::path::absolute(here).unwrap_or_else(|_| here.to_owned());
        self.folder = here.join(&self.folder);
        self.base = here;
    }

    /// All that is wrong. Starts nothing.
    ///
    /// # Errors
    /// Every mistake at once, by its key.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        if self.command.first().is_none_or(|program| program.trim().is_empty()) {
            let wanted = "укажите программу и её аргументы: [\"python3\", \"plugin.py\"]";
            problems.add("command", wanted);
        }
        if self.command.iter().any(|word| word.contains('\0')) {
            problems.add("command", "нулевых знаков быть не может");
        }
        if !self.folder.as_os_str().is_empty() && !self.folder.is_dir() {
            problems.add("folder", format!("папки «{}» нет", self.folder.display()));
        }
        for (name, value) in &self.environment {
            let is_name = !name.is_empty() && !name.contains(['=', '\0']);
            if !is_name || value.contains('\0') {
                problems.add(&format!("environment.{name}"), "такой переменной быть не может");
            } else if name.starts_with("VEKHA_") {
                let words = "имена на VEKHA_ заняты демоном; своё — в configuration";
                problems.add(&format!("environment.{name}"), words);
            }
        }
        problems.within("start-seconds", self.start_seconds.unwrap_or(10), 1, 300, "секунд");
        problems.within("call-seconds", self.call_seconds.unwrap_or(60), 1, 300, "секунд");
        problems.within("at-once", self.at_once.unwrap_or(4), 1, 64, "вызовов");
        problems.within("max-megabytes", self.max_megabytes.unwrap_or(64), 1, 256, "мегабайт");
        problems.unless_any(Some(()))
    }

    /// How long it may take to begin.
    pub fn start(&self) -> Duration {
        Duration::from_secs(self.start_seconds.unwrap_or(10))
    }

    /// How long a call may take.
    pub fn call(&self) -> Duration {
        Duration::from_secs(self.call_seconds.unwrap_or(60))
    }

    /// How many calls it is given at a time.
    pub fn places(&self) -> usize {
        usize::try_from(self.at_once.unwrap_or(4)).unwrap_or(1)
    }

    /// Bytes of the largest message.
    pub fn largest(&self) -> usize {
        usize::try_from(self.max_megabytes.unwrap_or(64)).unwrap_or(1) << 20
    }

    /// The configuration with paths that lead from where it stands, for a plugin that works elsewhere.
    pub(crate) fn anchored(&self, settings: &[Setting]) -> Map<String, Value> {
        let mut configuration = self.configuration.clone();
        for setting in settings.iter().filter(|setting| setting.kind == SettingKind::Path) {
            if let Some(Value::String(path)) = at(&mut configuration, &setting.name)
                && !path.is_empty()
            {
                *path = self.base.join(path.as_str()).to_string_lossy().into_owned();
            }
        }
        configuration
    }
}

fn at<'v>(table: &'v mut Map<String, Value>, name: &str) -> Option<&'v mut Value> {
    match name.split_once('.') {
        None => table.get_mut(name),
        Some((first, rest)) => at(table.get_mut(first)?.as_object_mut()?, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once() {
        let config = PluginConfig {
            folder: "/nowhere/at/all".into(),
            environment: BTreeMap::from([
                ("A=B".into(), String::new()),
                ("VEKHA_X".into(), String::new()),
            ]),
            call_seconds: Some(1000),
            at_once: Some(0),
            ..PluginConfig::default()
        };
        let told = config.check().unwrap_err();
        let fields: Vec<&str> = told.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "command",
                "folder",
                "environment.A=B",
                "environment.VEKHA_X",
                "call-seconds",
                "at-once"
            ]
        );
    }

    #[test]
    fn paths_of_a_plugin_lead_from_where_the_settings_stand() {
        let mut config = PluginConfig::default();
        let written = serde_json::json!({ "folder": "a/b", "dkim": { "key-file": "k" }, "n": "x" });
        config.configuration = written.as_object().unwrap().clone();
        config.anchor(Path::new("/etc/vekha"));
        let settings = [
            Setting::optional("folder", SettingKind::Path, ""),
            Setting::optional("dkim.key-file", SettingKind::Path, ""),
            Setting::optional("n", SettingKind::Text, ""),
        ];
        let anchored = Value::Object(config.anchored(&settings));
        let wanted = serde_json::json!({
            "folder": "/etc/vekha/a/b", "dkim": { "key-file": "/etc/vekha/k" }, "n": "x",
        });
        assert_eq!(anchored, wanted);
    }
}
