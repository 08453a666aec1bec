//! `vekha plugin`: plugins as processes of their own. None of it but `logs` and `show` needs a daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use vekha_plugin::process::{Configured, serve};
use vekha_plugin::{Capability, Health, configuration};
use vekha_plugin_host::conformance::{Finding, Outcome, conformance};
use vekha_plugin_host::{Host, Manner, PluginConfig};
use vekha_plugin_http::Http;
use vekha_plugin_mail::Mail;
use vekha_plugin_site::Site;
use vekha_plugin_tables::Folder;

use vekha_proto::v1;
use vekha_roadmap::diagnostic::nearest;

use super::client::{Client, all_pages};
use super::output::{Output, table};
use crate::settings::Settings;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Плагины настроек: чем запускаются и для чего
    List,
    /// Запустить плагины настроек и проверить: приняты ли настройки, работают ли
    Check(CheckArgs),
    /// Плагины работающего демона: что работает, что не так и когда запустится снова
    Show(ShowArgs),
    /// Что плагин работающего демона написал последним
    Logs {
        /// Имя из настроек
        name: String,
    },
    /// Проверить плагин по договору: для тех, кто его пишет
    Test(TestArgs),
    /// Отдать встроенный плагин отдельным процессом: так его запускает демон
    Serve(ServeArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Имена; по умолчанию все
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Раздел настроек: messenger, mail, source.contingent; без него — все
    name: Option<String>,
    /// Спросить их сейчас: верны ли настройки, могут ли работать
    #[arg(long)]
    check: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// Файл TOML или JSON с его настройками: тогда проверяются и сами вызовы — уйдёт одно письмо,
    /// один запрос или один документ
    #[arg(long)]
    configuration: Option<PathBuf>,
    /// Сколько секунд ждать каждого ответа
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Переменная его окружения: ИМЯ=ЗНАЧЕНИЕ или ИМЯ — какой она здесь есть; можно несколько
    #[arg(long, value_name = "ИМЯ[=ЗНАЧЕНИЕ]")]
    env: Vec<String>,
    /// Показатель, который он считает: с ним проверяется и сам счёт; можно несколько
    #[arg(long, value_name = "ID")]
    indicator: Vec<String>,
    /// Программа и её аргументы
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Какой
    #[arg(value_enum)]
    which: Own,
}

/// Plugins that come with the daemon.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Own {
    /// Письма: SMTP или папка
    Mail,
    /// Отчёты: папка сайта
    Site,
    /// Источник: другая система по HTTP
    Http,
    /// Источник: папка с таблицами
    Folder,
}

pub(super) async fn run(
    config: &Path,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => list(&Settings::load(config)?, out),
        Command::Check(args) => check(Settings::load(config)?, args, out).await,
        Command::Test(args) => test(args, out).await,
        // The daemon is asked for it: `logs`, `show`.
        Command::Logs { .. } | Command::Show(_) => Ok(ExitCode::FAILURE),
        Command::Serve(args) => {
            own(args.which).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What a plugin of the running daemon wrote last.
pub(super) async fn logs(client: &Client, name: &str, out: &mut Output) -> anyhow::Result<()> {
    let request = v1::GetPluginLogRequest { plugin: name.to_owned() };
    let log = client.status().get_plugin_log(request).await?.into_inner();
    out.one(&log, || {
        let line =
            |line: &v1::plugin_log::Line| format!("{}  {}", client.moment(line.at), line.text);
        let mut lines: Vec<String> = log.lines.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("Плагин ещё ничего не написал.".to_owned());
        }
        if !log.trouble.is_empty() {
            lines.push(format!("! {}", log.trouble));
        }
        lines.join("\n")
    })?;
    Ok(())
}

/// The plugins of the running daemon. Those that are asked and cannot work make it fail.
pub(super) async fn show(
    client: &Client,
    args: &ShowArgs,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let mut service = client.plugins();
    let request = v1::ListPluginsRequest::default();
    let mut all = all_pages!(service.clone(), list_plugins, request, plugins);
    if let Some(named) = &args.name {
        let sections: Vec<&str> = all.iter().map(|one| section(&one.name)).collect();
        let own = format!("plugin.{named}");
        let found = sections.iter().find(|one| *one == named || **one == own);
        let Some(found) = found.map(|section| format!("plugins/{section}")) else {
            let near = nearest(named, sections.into_iter());
            let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
            anyhow::bail!("плагина «{named}» у демона нет{near}");
        };
        all.retain(|one| one.name == found);
    }
    if !args.check {
        out.many(&all, || rows(client, &all))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut checks = Vec::new();
    for one in &all {
        let request = v1::CheckPluginRequest { name: one.name.clone() };
        checks.push(service.check_plugin(request).await?.into_inner());
    }
    out.many(&checks, || checks.iter().map(answered).collect::<Vec<_>>().join("\n"))?;
    let well = checks.iter().all(|check| check.healthy);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn section(name: &str) -> &str {
    name.strip_prefix("plugins/").unwrap_or(name)
}

fn rows(client: &Client, all: &[v1::Plugin]) -> String {
    let row = |one: &v1::Plugin| {
        let state = match one.state() {
            v1::PluginState::Starting => "запускается".to_owned(),
            v1::PluginState::Ready => "работает".to_owned(),
            v1::PluginState::Unwell => format!("не может работать: {}", one.trouble),
            v1::PluginState::Down => format!(
                "не запущен, неудач подряд {}, снова {}: {}",
                one.failures,
                client.moment(one.restarts_at),
                one.trouble
            ),
            v1::PluginState::Ended | v1::PluginState::Unspecified => "завершён".to_owned(),
        };
        let is = format!("{} {}", one.kind, one.version);
        [section(&one.name).to_owned(), is, one.used_by.join(", "), state]
    };
    table(["раздел", "что это", "кем назван", "состояние"], all.iter().map(row).collect())
}

fn answered(check: &v1::PluginCheck) -> String {
    let name = section(&check.name);
    let mut wrong: Vec<String> =
        check.problems.iter().map(|one| format!("{}: {}", one.field, one.description)).collect();
    wrong.extend((!check.reason.is_empty()).then(|| check.reason.clone()));
    match check.healthy {
        true => format!("✓ {name}: отвечает, работать может"),
        false => format!("✗ {name}: {}", wrong.join("; ")),
    }
}

fn list(settings: &Settings, out: &mut Output) -> anyhow::Result<ExitCode> {
    let uses = settings.uses();
    let rows: Vec<[String; 3]> = settings
        .plugin
        .iter()
        .map(|(name, plugin)| {
            let of = uses.iter().filter(|(_, used)| used == name);
            let of: Vec<&str> = of.map(|(key, _)| key.trim_end_matches(".plugin")).collect();
            let of = if of.is_empty() {
                "никем: не запускается".into()
            } else {
                of.join(", ")
            };
            // What stands behind the program may be a secret: neither does the daemon tell it.
            [name.clone(), plugin.command.first().cloned().unwrap_or_default(), of]
        })
        .collect();
    if out.is_json() {
        let shown: Vec<Value> = rows
            .iter()
            .map(|[name, program, uses]| json!({ "name": name, "program": program, "uses": uses }))
            .collect();
        out.json(&Value::from(shown))?;
    } else if rows.is_empty() {
        out.say("В настройках нет разделов [plugin.имя].")?;
    } else {
        out.say(table(["плагин", "программа", "кем назван"], rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(settings: Settings, args: &CheckArgs, out: &mut Output) -> anyhow::Result<ExitCode> {
    for name in &args.names {
        anyhow::ensure!(
            settings.plugin.contains_key(name),
            "в настройках нет раздела [plugin.{name}]"
        );
    }
    let is_wanted = |name: &String| args.names.is_empty() || args.names.contains(name);
    let mut well = true;
    for (name, plugin) in settings.plugin.into_iter().filter(|(name, _)| is_wanted(name)) {
        let wrong = match plugin.check() {
            Err(problems) => problems.into_iter().map(|one| one.to_string()).collect(),
            Ok(()) => started(&name, plugin, &settings.manner, out).await?,
        };
        for line in &wrong {
            out.say(format!("✗ {name}: {line}"))?;
        }
        well &= wrong.is_empty();
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a plugin and tells how it is. Returns what is wrong.
async fn started(
    name: &str,
    plugin: PluginConfig,
    manner: &Manner,
    out: &mut Output,
) -> anyhow::Result<Vec<String>> {
    let one = BTreeMap::from([(name.to_owned(), plugin)]);
    let host = match Host::start(one, manner).await {
        Ok(host) => host,
        Err(problems) => return Ok(problems.into_iter().map(|one| one.to_string()).collect()),
    };
    let mut wrong = Vec::new();
    if let Some(plugin) = host.get(name) {
        let health = plugin.ask_health().await;
        match (plugin.why_down(), plugin.description(), health) {
            (Some(why), ..) => wrong.push(why),
            (None, Some(is), Health::Healthy) => {
                let can: Vec<&str> = is.capabilities.iter().map(can).collect();
                let can = can.join(", ");
                out.say(format!("✓ {name}: {} {} ({can}). {}", is.name, is.version, is.summary))?;
            }
            (None, _, Health::Unhealthy { reason }) => wrong.push(reason),
            (None, None, Health::Healthy) => wrong.push("не запустился".to_owned()),
        }
    }
    host.stop().await;
    Ok(wrong)
}

fn can(capability: &Capability) -> &'static str {
    match capability {
        Capability::Notifier => "письма",
        Capability::Source => "источник",
        Capability::Publisher => "публикация",
        Capability::Listener => "слушатель",
        Capability::Analyzer => "показатели",
    }
}

async fn test(args: &TestArgs, out: &mut Output) -> anyhow::Result<ExitCode> {
    let given = args.configuration.as_deref().map(read).transpose()?;
    let mut config = PluginConfig {
        command: args.command.clone(),
        call_seconds: Some(args.seconds.clamp(1, 300)),
        start_seconds: Some(args.seconds.clamp(1, 300)),
        ..PluginConfig::default()
    };
    for variable in &args.env {
        let (name, value) = match variable.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let here = std::env::var(variable).ok();
                let here = here.with_context(|| format!("переменной {variable} здесь нет"))?;
                (variable.as_str(), here)
            }
        };
        config.environment.insert(name.to_owned(), value);
    }
    config.anchor(Path::new(""));
    if let Some(folder) = args.configuration.as_deref().and_then(Path::parent) {
        config.base = std::path::absolute(folder).unwrap_or_default();
    }
    let mut findings: Vec<Finding> = Vec::new();
    let mut said = Ok(());
    let json = out.is_json();
    let manner = Manner::default();
    let kept = conformance(config, given, &args.indicator, &manner, |finding| {
        if json {
            findings.push(finding.clone());
        } else if said.is_ok() {
            said = out.say(line(finding));
        }
    });
    let kept = kept.await;
    said?;
    if json {
        let shown: Vec<Value> = findings.iter().map(shown).collect();
        out.json(&Value::from(shown))?;
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::Kept => format!("✓ {}", finding.promise),
        Outcome::Broken(why) => format!("✗ {}: {why}", finding.promise),
        Outcome::Untried(why) => format!("· {}: не проверено, {why}", finding.promise),
    }
}

fn shown(finding: &Finding) -> Value {
    let (outcome, why) = match &finding.outcome {
        Outcome::Kept => ("kept", ""),
        Outcome::Broken(why) => ("broken", why.as_str()),
        Outcome::Untried(why) => ("untried", why.as_str()),
    };
    json!({ "promise": finding.promise, "outcome": outcome, "why": why })
}

/// A plugin's settings from a file of their own.
fn read(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let named = || format!("настройки плагина {}", file.display());
    let text = std::fs::read_to_string(file).with_context(named)?;
    let is_json = file.extension().is_some_and(|ending| ending == "json");
    match is_json {
        true => serde_json::from_str(&text).with_context(named),
        false => toml::from_str(&text).with_context(named),
    }
}

/// The plugins that come with the daemon, each from the same code as in its process.
async fn own(which: Own) -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let served = match which {
        Own::Mail => {
            let make = |written| Ok(Configured::notifier(Mail::new(configuration(written)?)?));
            serve(vekha_plugin_mail::describe(), make).await
        }
        Own::Site => {
            let make = |written| Ok(Configured::publisher(Site::new(configuration(written)?)?));
            serve(vekha_plugin_site::describe(), make).await
        }
        Own::Http => {
            let make = |written| Ok(Configured::source(Http::new(configuration(written)?)?));
            serve(vekha_plugin_http::describe(), make).await
        }
        Own::Folder => {
            let make = |written| Ok(Configured::source(Folder::new(configuration(written)?)?));
            serve(vekha_plugin_tables::describe_folder(), make).await
        }
    };
    Ok(served?)
}
