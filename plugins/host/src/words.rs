//! What goes wrong with a plugin, for people: each sentence names the plugin, says what happened and,
//! where that is not plain, what to do.

use std::error::Error as _;
use std::time::Duration;

use tonic::{Code, Status};

/// Characters of a text by a plugin that are kept where people read it.
const LONGEST: usize = 1000;

/// Texts that a list by a plugin may have.
const MOST: usize = 100;

/// A text by a plugin, as far as it is fit to be shown.
pub(crate) fn plain(text: &str) -> String {
    let fit = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let mut shown: String = text.trim().chars().take(LONGEST).map(fit).collect();
    if text.trim().chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// A list of such texts.
pub(crate) fn plain_all(texts: Vec<String>) -> Vec<String> {
    let left = texts.len().saturating_sub(MOST);
    let mut shown: Vec<String> = texts.iter().take(MOST).map(|text| plain(text)).collect();
    if left > 0 {
        shown.push(format!("и ещё {left}"));
    }
    shown
}

/// The same, said by a plugin.
pub(crate) fn by(plugin: &str, what: &str) -> String {
    match plain(what).as_str() {
        "" => format!("плагин «{plugin}» не сказал почему"),
        what => format!("плагин «{plugin}»: {what}"),
    }
}

/// Why a call ended without an answer.
pub(crate) fn unanswered(plugin: &str, status: &Status, largest: usize) -> String {
    let megabytes = largest >> 20;
    let message = status.message();
    match status.code() {
        // tonic's own words for its limit.
        Code::OutOfRange | Code::ResourceExhausted if message.contains("length too large") => {
            format!(
                "плагин «{plugin}» ответил больше чем {megabytes} МБ: ответ не принят (предел — \
                 max-megabytes в [plugin.{plugin}])"
            )
        }
        Code::Unimplemented => format!(
            "плагин «{plugin}» этого не умеет ({}): проверьте его — vekha plugin check",
            plain(message)
        ),
        code if status.source().is_some() || message.is_empty() => {
            format!("плагин «{plugin}» оборвал вызов или ответил не по правилам ({code:?})")
        }
        _ => by(plugin, message),
    }
}

/// A call took longer than it may.
pub(crate) fn late(plugin: &str, limit: Duration) -> String {
    format!(
        "плагин «{plugin}» не ответил за {} с (предел — call-seconds в [plugin.{plugin}])",
        limit.as_secs()
    )
}

/// All its places were taken for as long as the call may take.
pub(crate) fn busy(plugin: &str) -> String {
    format!("плагин «{plugin}» занят: все его вызовы (at-once в [plugin.{plugin}]) ещё идут")
}

/// What does not go to a plugin, being too large.
pub(crate) fn too_large(plugin: &str, what: &str, largest: usize) -> String {
    format!(
        "{what} больше {} МБ, плагину «{plugin}» столько не отдаётся (предел — max-megabytes в \
         [plugin.{plugin}])",
        largest >> 20
    )
}

/// It has sent more than it may, of which nothing is taken.
pub(crate) fn too_much(plugin: &str, what: &str, largest: usize) -> String {
    format!(
        "плагин «{plugin}» прислал больше {} МБ {what}: ничего не принято (предел — max-megabytes в \
         [plugin.{plugin}])",
        largest >> 20
    )
}

/// An answer that cannot be one: what it did, and that nothing of it is taken.
pub(crate) fn nonsense(plugin: &str, what: &str) -> String {
    format!("плагин «{plugin}» {what}; ничего из ответа не принято")
}
