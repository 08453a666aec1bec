//! Notifier by e-mail: over SMTP, or as `.eml` files in a folder, which needs no server and is the
//! default.
//!
//! - `config`: what an administrator writes, with every mistake found at once.
//! - `compose`: the letter's text, the same for both ways.
//! - `smtp`, `folder`: the two ways.
//! - `rate`: how many letters a minute go to a domain.
//! - `returns`: what comes back.
//!
//! The plugin keeps no state on disk and retries nothing: that is the caller's outbox. lettre logs
//! whole conversations, passwords among them, at the level `debug` under the target `lettre`; a
//! program that logs at that level should leave this target out.

mod bounded;
mod compose;
mod config;
mod folder;
mod rate;
mod returns;
mod smtp;
mod tls;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::dkim::DkimConfig;
use vekha_plugin::{
    Capability, DeliveryError, Description, Health, Message, Notifier, Plugin, Problem, Receipt,
    Returned, Setting, SettingKind, Settled,
};

use config::{Checked, Way};
pub use config::{Dkim, MailConfig, Tls, Transport};
use rate::Rate;
use returns::Returns;
pub use returns::config::Bounces;
use smtp::Smtp;
pub use vekha_plugin::Secret;

/// The notifier.
pub struct Mail {
    config: MailConfig,
    from: Mailbox,
    dkim: Option<DkimConfig>,
    route: Route,
    return_path: Option<lettre::Address>,
    returns: Option<Returns>,
    rate: Rate,
}

enum Route {
    Folder(PathBuf),
    Smtp(Box<Smtp>),
}

impl Mail {
    /// A notifier with this configuration. Reads the key files that it names; opens no connection
    /// and writes nothing yet.
    ///
    /// # Errors
    ///
    /// Every mistake of the configuration at once.
    pub fn new(config: MailConfig) -> Result<Self, Vec<Problem>> {
        let Checked { from, dkim, way, return_path, returns, rate } = config.check()?;
        let route = match way {
            Way::Folder(folder) => Route::Folder(folder),
            Way::Server(server) => Route::Smtp(Box::new(Smtp::new(server))),
        };
        Ok(Mail { config, from, dkim, route, return_path, returns, rate })
    }
}

impl Mail {
    /// Takes a turn for a letter to these addresses.
    ///
    /// # Errors
    /// How long it has to wait.
    fn await_turn(&self, to: &[lettre::Address]) -> Result<(), DeliveryError> {
        let domains: BTreeSet<String> = to.iter().map(|to| to.domain().to_lowercase()).collect();
        let domains: Vec<String> = domains.into_iter().collect();
        self.rate.turn(&domains, Instant::now()).map_err(|(wait, domain)| {
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            DeliveryError::later(
                seconds,
                format!("ждёт своей очереди: письма на {domain} уходят не все сразу"),
            )
        })
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("config", &self.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Plugin for Mail {
    fn describe(&self) -> Description {
        describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        // The key files may have gone since the start.
        self.config.check()?;
        match &self.route {
            Route::Folder(folder) => {
                folder::probe(folder).await.map_err(|why| vec![Problem::new("folder", why)])
            }
            Route::Smtp(_) => Ok(()),
        }
    }

    async fn health(&self) -> Health {
        let probed = match &self.route {
            Route::Folder(folder) => folder::probe(folder).await,
            Route::Smtp(smtp) => smtp.probe().await,
        };
        match probed {
            Ok(()) => Health::Healthy,
            Err(why) => Health::unhealthy(why),
        }
    }
}

#[async_trait]
impl Notifier for Mail {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let mut letter = compose::compose(message, &self.from)?;
        if let Some(dkim) = &self.dkim {
            letter.sign(dkim);
        }
        let text = letter.formatted();
        match &self.route {
            Route::Folder(folder) => folder::deliver(folder, message, text).await,
            Route::Smtp(smtp) => {
                let to = letter.envelope().to();
                self.await_turn(to)?;
                match &self.return_path {
                    None => smtp.deliver(letter.envelope(), &text).await,
                    Some(from) => {
                        let envelope = Envelope::new(Some(from.clone()), to.to_vec())
                            .map_err(|error| DeliveryError::permanent(error.to_string()))?;
                        smtp.deliver(&envelope, &text).await
                    }
                }
            }
        }
    }

    async fn returned(&self) -> Result<Returned, String> {
        match &self.returns {
            Some(returns) => returns.look().await,
            None => Ok(Returned::default()),
        }
    }

    async fn settle_returned(&self, settled: &Settled) -> Result<(), String> {
        match &self.returns {
            Some(returns) => returns.settle(settled).await,
            None => Ok(()),
        }
    }
}

/// What mail is, without a configuration.
pub fn describe() -> Description {
    use SettingKind::{Address, Choice, Integer, Path, Secret, Table, Text};
    let words = |words: &[&str]| Choice(words.iter().map(|&word| word.to_owned()).collect());
    Description {
        name: "mail".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Отправляет письма по электронной почте или складывает их в папку.".into(),
        capabilities: vec![Capability::Notifier],
        settings: vec![
            Setting::optional(
                "transport",
                words(&["file", "smtp"]),
                "Куда уходят письма: file — файлами .eml в папку (так по умолчанию), smtp — на \
                 почтовый сервер.",
            ),
            Setting::required("from", Address, "От кого письма: { name, email }."),
            Setting::optional("folder", Path, "Папка для писем; нужна при transport = \"file\"."),
            Setting::optional("host", Text, "Почтовый сервер; нужен при transport = \"smtp\"."),
            Setting::optional(
                "port",
                Integer,
                "Порт сервера; по умолчанию 587 для starttls, 465 для implicit, 25 для none.",
            ),
            Setting::optional(
                "tls",
                words(&["none", "starttls", "implicit"]),
                "Защита соединения; по умолчанию starttls.",
            ),
            Setting::optional(
                "ca-file",
                Path,
                "Сертификаты в виде PEM, которым доверять помимо системных.",
            ),
            Setting::optional("username", Text, "Учётная запись на почтовом сервере."),
            Setting::optional("password", Secret, "Её пароль."),
            Setting::optional(
                "timeout-seconds",
                Integer,
                "Сколько секунд ждать ответа сервера, от 1 до 600; по умолчанию 60.",
            ),
            Setting::optional(
                "pool-size",
                Integer,
                "Сколько соединений держать самое большее, от 1 до 64; по умолчанию 4.",
            ),
            Setting::optional(
                "hello-name",
                Text,
                "Имя, которым представляться серверу; по умолчанию домен из from.",
            ),
            Setting::optional(
                "rate",
                Table,
                "Сколько писем в минуту уходит на домен: { \"yandex.ru\" = 60, \"*\" = 300 }, * — прочие; \
                 по умолчанию сколько есть.",
            ),
            Setting::optional(
                "return-path",
                Text,
                "Адрес, на который серверы возвращают недоставленное; по умолчанию адрес из from.",
            ),
            Setting::optional(
                "bounces.maildir",
                Path,
                "Папка вида Maildir, куда приходят возвращённые письма.",
            ),
            Setting::optional(
                "bounces.imap",
                Text,
                "Или почтовый ящик с ними: imaps://user@mail.example.ru:993/INBOX.",
            ),
            Setting::optional("bounces.password", Secret, "Пароль этого ящика."),
            Setting::optional(
                "bounces.tls",
                words(&["none", "starttls", "implicit"]),
                "Защита соединения с ящиком: по адресу (imaps — implicit, imap — starttls); none — \
                 только на той же машине.",
            ),
            Setting::optional(
                "bounces.ca-file",
                Path,
                "Сертификаты в виде PEM, которым доверять для ящика; по умолчанию те же, что ca-file.",
            ),
            Setting::optional(
                "bounces.every-seconds",
                Integer,
                "Через сколько секунд смотреть снова, от 1 до 86400; по умолчанию 60.",
            ),
            Setting::optional("dkim.selector", Text, "Имя ключа DKIM в DNS."),
            Setting::optional("dkim.domain", Text, "Домен, который подписывает письма."),
            Setting::optional(
                "dkim.key-file",
                Path,
                "Закрытый ключ RSA в виде PEM (PKCS#1), которым подписывать письма.",
            ),
        ],
    }
}
