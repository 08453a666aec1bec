//! What all plugins must keep, whatever they can do.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Map;
use tokio::time::timeout;
use tonic::Code;
use vekha_plugin::{Health, SettingKind, wire};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::plugin_client::PluginClient;

use super::{NAME, Outcome, Trial, Tried, broken, raw, untried};
use crate::process::{NotStarted, check};
use crate::words::unanswered;

/// Bytes of a message that hardly any plugin takes.
const HUGE: usize = 64 << 20;

/// Calls at a time.
const MANY: usize = 16;

impl Trial {
    pub(super) fn client(&self) -> PluginClient<tonic::transport::Channel> {
        let largest = self.config.largest();
        PluginClient::new(self.started.channel.clone()).max_decoding_message_size(largest)
    }

    /// An answer of whatever kind, in time.
    pub(super) async fn answered<T>(
        &self,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<Result<T, tonic::Status>, Outcome> {
        let limit = self.config.call();
        let late = || Outcome::Broken(format!("не ответил за {} с", limit.as_secs()));
        timeout(limit, call).await.map_err(|_| late())
    }

    /// Whether it still answers.
    pub(super) async fn lives(&self) -> Tried {
        match self.answered(self.client().describe(v1::DescribeRequest {})).await? {
            Ok(_) => Ok(()),
            Err(status) => broken(format!(
                "больше не отвечает: {}",
                unanswered(NAME, &status, self.config.largest())
            )),
        }
    }
}

/// What a plugin says of itself is fit to be shown and to be worked with.
pub(super) fn describes(trial: &Trial) -> Tried {
    let is = &trial.started.description;
    let mut wrong = Vec::new();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if is.name.is_empty() || !is.name.chars().all(fits) {
        wrong.push(format!("name: строчные латинские буквы, цифры и дефис, а не «{}»", is.name));
    }
    for (field, text) in [("version", &is.version), ("summary", &is.summary)] {
        if text.trim().is_empty() {
            wrong.push(format!("{field}: пусто"));
        }
    }
    if is.capabilities.is_empty() {
        wrong.push("capabilities: пусто".to_owned());
    }
    let mut names = BTreeSet::new();
    for setting in &is.settings {
        let name = &setting.name;
        if name.is_empty() || !names.insert(name) {
            wrong.push(format!("settings: имя «{name}» пусто или повторяется"));
        }
        if setting.help.trim().is_empty() {
            wrong.push(format!("settings: у «{name}» нет пояснения help"));
        }
        if matches!(&setting.kind, SettingKind::Choice(words) if words.is_empty()) {
            wrong.push(format!("settings: у «{name}» нет слов choices"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { broken(wrong.join("; ")) }
}

pub(super) async fn describes_the_same(trial: &Trial) -> Tried {
    match trial.answered(trial.client().describe(v1::DescribeRequest {})).await? {
        Ok(again) if wire::description_of(again.get_ref().clone()) == trial.started.description => {
            Ok(())
        }
        Ok(_) => broken("Describe отвечает каждый раз другое"),
        Err(status) => broken(unanswered(NAME, &status, trial.config.largest())),
    }
}

pub(super) async fn checks_nothing(trial: &Trial) -> Tried {
    for configuration in [None, Some(wire::structure(Map::new()))] {
        let request = v1::CheckRequest { configuration, adopt: false };
        match trial.answered(trial.client().check(request)).await? {
            Ok(_) => {}
            Err(status) if status.code() == Code::InvalidArgument => {}
            Err(status) => {
                let why = unanswered(NAME, &status, trial.config.largest());
                return broken(format!("{why}; ошибки настроек — в problems, а не ошибкой вызова"));
            }
        }
    }
    trial.lives().await
}

pub(super) async fn names_mistakes(trial: &Trial) -> Tried {
    let is = &trial.started.description;
    if !is.settings.iter().any(|setting| setting.required) {
        return untried("обязательных настроек у него нет");
    }
    let mut config = trial.config.clone();
    config.configuration = Map::new();
    match check(NAME, &config, &trial.started, false).await {
        Err(NotStarted::Problems(problems)) => {
            let nameless =
                problems.iter().any(|one| one.field.is_empty() || one.message.is_empty());
            if nameless {
                broken("ошибка без ключа или без слов")
            } else {
                Ok(())
            }
        }
        Err(NotStarted::Failed(why)) => broken(why),
        Ok(()) => broken("пустые настройки приняты, хотя есть обязательные"),
    }
}

pub(super) async fn takes_configuration(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried("настройки не даны (--configuration ФАЙЛ)");
    }
    match check(NAME, &trial.config, &trial.started, true).await {
        Ok(()) => Ok(()),
        Err(NotStarted::Failed(why)) => broken(why),
        Err(NotStarted::Problems(problems)) => {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            broken(told.join("; "))
        }
    }
}

pub(super) async fn tells_health(trial: &Trial) -> Tried {
    match trial.answered(trial.client().health(v1::HealthRequest {})).await? {
        Err(status) => broken(unanswered(NAME, &status, trial.config.largest())),
        Ok(answer) => match wire::health_of(answer.into_inner()) {
            Health::Unhealthy { reason } if reason.trim().is_empty() => {
                broken("не здоров и не говорит почему (reason)")
            }
            _ => Ok(()),
        },
    }
}

pub(super) async fn refuses_unknown_calls(trial: &Trial) -> Tried {
    let path = "/vekha.plugin.v1.Plugin/NoSuchCall";
    let call = raw::call(trial.started.channel.clone(), path, Bytes::new());
    match trial.answered(call).await? {
        Err(status) if status.code() == Code::Unimplemented => trial.lives().await,
        Err(status) => broken(format!("нужен ответ UNIMPLEMENTED, а не {:?}", status.code())),
        Ok(()) => broken("отвечает на вызов, которого нет"),
    }
}

pub(super) async fn refuses_nonsense(trial: &Trial) -> Tried {
    // A length that goes beyond the end.
    let bytes = Bytes::from_static(&[0x0a, 0xff, 0xff, 0xff, 0x0f, 0x01]);
    let path = "/vekha.plugin.v1.Plugin/Check";
    let call = raw::call(trial.started.channel.clone(), path, bytes);
    match trial.answered(call).await? {
        Err(_) => trial.lives().await,
        Ok(()) => broken("принимает сообщение, которое нельзя прочитать"),
    }
}

pub(super) async fn bears_huge_messages(trial: &Trial) -> Tried {
    let mut configuration = Map::new();
    configuration.insert("huge".to_owned(), "x".repeat(HUGE).into());
    let configuration = Some(wire::structure(configuration));
    let request = v1::CheckRequest { configuration, adopt: false };
    // Whether it is refused or looked at is the plugin's business.
    let _ = trial.answered(trial.client().check(request)).await?;
    trial.lives().await
}

pub(super) async fn bears_impatience(trial: &Trial) -> Tried {
    for _ in 0..MANY {
        let mut request = tonic::Request::new(v1::HealthRequest {});
        request.set_timeout(Duration::from_millis(1));
        let mut client = trial.client();
        timeout(Duration::from_millis(1), client.health(request)).await.ok();
    }
    trial.lives().await
}

pub(super) async fn answers_many(trial: &Trial) -> Tried {
    let calls = (0..MANY).map(|_| trial.lives());
    futures::future::join_all(calls).await.into_iter().collect()
}
