//! What every plugin must keep, tried on one: `vekha plugin test`. A promise after the other, each told
//! in a line; one that is broken does not keep the others from being tried.

mod analyzer;
mod capabilities;
mod promises;
mod raw;

use serde_json::{Map, Value};
use vekha_plugin::Capability;

use crate::output::Log;
use crate::process::{Process, Started};
use crate::{Manner, PluginConfig, Sockets};

/// The name under which a plugin is tried.
const NAME: &str = "test";

/// How a promise came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept.
    Kept,
    /// It is broken: why and what to do.
    Broken(String),
    /// It could not be tried: why.
    Untried(String),
}

/// A promise with how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In a few words.
    pub promise: &'static str,
    /// How it came out.
    pub outcome: Outcome,
}

/// What is tried.
pub(crate) struct Trial {
    config: PluginConfig,
    started: Started,
    /// Whether a configuration was given, so that calls can be tried that have an effect.
    configured: bool,
    /// Indicators that an analyzer is asked for; none if nobody says which it knows.
    indicators: Vec<String>,
}

/// What a promise comes to.
type Tried = Result<(), Outcome>;

fn broken(why: impl Into<String>) -> Tried {
    Err(Outcome::Broken(why.into()))
}

fn untried(why: &str) -> Tried {
    Err(Outcome::Untried(why.to_owned()))
}

/// Tries a plugin. With a configuration its calls are tried as well, and do what they do: one message,
/// one request, one document; an analyzer is asked for these indicators. Returns whether all that was
/// tried is kept.
pub async fn conformance(
    mut config: PluginConfig,
    configuration: Option<Map<String, Value>>,
    indicators: &[String],
    manner: &Manner,
    mut told: impl FnMut(&Finding),
) -> bool {
    let configured = configuration.is_some();
    config.configuration = configuration.unwrap_or_default();
    let mut kept = true;
    let mut tell = |promise: &'static str, tried: Tried| {
        let outcome = tried.err().unwrap_or(Outcome::Kept);
        kept &= !matches!(outcome, Outcome::Broken(_));
        told(&Finding { promise, outcome });
    };
    let begins = "запускается и здоровается вовремя";
    let sockets = match Sockets::new() {
        Ok(sockets) => sockets,
        Err(e) => {
            tell(begins, broken(format!("негде создать сокет: {e}")));
            return false;
        }
    };
    let log = Log::default();
    let start = || Process::start(NAME, &config, manner, &sockets, &log, std::future::pending());
    let (mut process, started) = match start().await {
        Ok(begun) => begun,
        Err(why) => {
            tell(begins, broken(why.unwrap_or_default()));
            return false;
        }
    };
    tell(begins, Ok(()));
    let is = started.description.clone();
    let indicators = indicators.to_vec();
    let trial = Trial { config: config.clone(), started, configured, indicators };
    tell("говорит, что он такое", promises::describes(&trial));
    macro_rules! tried {
        ($($promise:literal: $tried:expr;)+) => {$(
            // One that has ended breaks all that follow, and is told once.
            let tried = tokio::select! {
                biased;
                tried = $tried => tried,
                how = process.ended() => broken(format!("плагин {how}")),
            };
            let ended = matches!(&tried, Err(Outcome::Broken(why)) if why.starts_with("плагин "));
            tell($promise, tried);
            if ended {
                process.end().await;
                return false;
            }
        )+};
    }
    tried! {
        "говорит о себе всегда одно и то же": promises::describes_the_same(&trial);
        "до настройки отвечает, а не падает": capabilities::bears_early_calls(&trial);
        "пустые настройки проверяет, а не падает": promises::checks_nothing(&trial);
        "неверные настройки называет по ключам": promises::names_mistakes(&trial);
        "верные настройки принимает": promises::takes_configuration(&trial);
        "говорит, как у него дела": promises::tells_health(&trial);
        "незнакомый вызов отклоняет": promises::refuses_unknown_calls(&trial);
        "испорченное сообщение отклоняет": promises::refuses_nonsense(&trial);
        "огромное сообщение переживает": promises::bears_huge_messages(&trial);
        "не ждёт того, кто ушёл": promises::bears_impatience(&trial);
        "отвечает нескольким сразу": promises::answers_many(&trial);
    }
    for capability in is.capabilities.clone() {
        match capability {
            Capability::Notifier => {
                tried! { "повторённое письмо понимает": capabilities::delivers_again(&trial); }
            }
            Capability::Source => {
                tried! { "на тот же запрос отвечает тем же": capabilities::fetches_again(&trial); }
            }
            Capability::Listener => {
                tried! { "повторённые события принимает": capabilities::hears_again(&trial); }
            }
            Capability::Analyzer => {
                tried! {
                    "на тот же набор данных отвечает тем же": analyzer::analyzes_again(&trial);
                    "пустой набор данных переживает": analyzer::bears_nothing(&trial);
                    "набор данных тысячи организаций принимает": analyzer::takes_much(&trial);
                    "непонятное задание отклоняет, а не падает":
                        analyzer::refuses_what_it_does_not_know(&trial);
                }
            }
            Capability::Publisher => {
                tried! {
                    "документ заменяет на том же месте": capabilities::publishes_again(&trial);
                }
            }
        }
    }
    drop(trial);
    tell("завершается, когда закрыт его вход", ends(process, manner).await);
    let again = match start().await {
        Ok((process, started)) => {
            process.end().await;
            match started.description == is {
                true => Ok(()),
                false => broken("во второй раз говорит о себе другое"),
            }
        }
        Err(why) => broken(why.unwrap_or_default()),
    };
    tell("запускается снова", again);
    kept
}

async fn ends(process: Process, manner: &Manner) -> Tried {
    if process.end().await {
        return Ok(());
    }
    let grace = manner.grace.as_secs();
    broken(format!(
        "работал ещё {grace} с после закрытия входа и завершён сигналом: читайте стандартный ввод и \
         завершайтесь, когда он кончится"
    ))
}
