//! The configuration of mail: what an administrator writes, and what is left of it once every
//! mistake has been found.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
    DkimSigningKey,
};
use lettre::message::header::HeaderName;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use serde::Deserialize;
use vekha_plugin::{Address, Problem, Problems, Secret};

use crate::compose;
use crate::rate::{self, Rate};
use crate::returns::Returns;
use crate::returns::config::Bounces;
use crate::tls::Implicit;

/// How mail leaves. The keys are spelled in kebab case: `pool-size`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct MailConfig {
    /// Into a folder, or to a mail server.
    pub transport: Transport,
    /// Whom the letters come from.
    pub from: Address,
    /// File transport: the folder for `.eml` files. Created when first needed.
    pub folder: Option<PathBuf>,
    /// SMTP: the server's name or address.
    pub host: Option<String>,
    /// SMTP: its port; by default 587 for STARTTLS, 465 for implicit TLS, 25 without TLS.
    pub port: Option<u16>,
    /// SMTP: how the connection is protected.
    pub tls: Tls,
    /// SMTP: a PEM file with certificates to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// SMTP: the account; none if the server asks for none.
    pub username: Option<String>,
    /// SMTP: its password.
    pub password: Option<Secret>,
    /// SMTP: how long to wait for each reply, in seconds, 1 to 600; 60 by default. The reply to
    /// the letter itself is awaited three times as long.
    pub timeout_seconds: Option<u64>,
    /// SMTP: the greatest number of connections, 1 to 64; 4 by default.
    pub pool_size: Option<usize>,
    /// SMTP: the name to greet the server with; the domain of `from` by default.
    pub hello_name: Option<String>,
    /// SMTP: the address to which servers send back what they cannot deliver; the one of `from` by
    /// default.
    pub return_path: Option<String>,
    /// SMTP: how many letters a minute go to a domain, by its name; `*` stands for all others. Any
    /// number by default.
    pub rate: BTreeMap<String, u32>,
    /// Where what comes back can be read; nobody reads it otherwise.
    pub bounces: Option<Bounces>,
    /// A signature that proves the sender's domain.
    pub dkim: Option<Dkim>,
}

/// Where letters go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Transport {
    /// Into a folder, as `.eml` files.
    #[default]
    File,
    /// To a mail server.
    Smtp,
}

impl TryFrom<String> for Transport {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "file" => Ok(Transport::File),
            "smtp" => Ok(Transport::Smtp),
            _ => Err(format!("неизвестный способ отправки «{word}»: бывает file и smtp")),
        }
    }
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Tls {
    /// Not at all: for a server on the same machine or in a closed network.
    None,
    /// The connection begins in the clear and must turn to TLS before anything is said.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

impl TryFrom<String> for Tls {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "none" => Ok(Tls::None),
            "starttls" => Ok(Tls::Starttls),
            "implicit" => Ok(Tls::Implicit),
            _ => Err(format!("неизвестная защита «{word}»: бывает none, starttls и implicit")),
        }
    }
}

/// A DKIM key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dkim {
    /// The name under which the public key stands in DNS: `<selector>._domainkey.<domain>`.
    pub selector: String,
    /// The domain that signs; the sender's own, or the one above it.
    pub domain: String,
    /// The private RSA key, PEM, PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    pub key_file: PathBuf,
}

/// A configuration without mistakes.
pub(crate) struct Checked {
    pub from: Mailbox,
    pub dkim: Option<DkimConfig>,
    pub way: Way,
    pub return_path: Option<lettre::Address>,
    pub returns: Option<Returns>,
    pub rate: Rate,
}

/// Where letters go, with what it takes to get there.
pub(crate) enum Way {
    Folder(PathBuf),
    Server(Server),
}

/// A mail server and how to talk to it.
#[derive(Clone)]
pub(crate) struct Server {
    pub host: String,
    pub port: u16,
    pub tls: Protection,
    pub credentials: Option<Credentials>,
    pub hello: ClientId,
    pub timeout: Duration,
    pub pool_size: usize,
}

/// [`Tls`] with what it takes.
#[derive(Clone)]
pub(crate) enum Protection {
    None,
    Starttls(TlsParameters),
    Implicit(Implicit),
}

impl MailConfig {
    /// Makes relative paths relative to `folder`, where the configuration stands.
    pub fn anchor(&mut self, folder: &Path) {
        let dkim = self.dkim.as_mut().map(|dkim| &mut dkim.key_file);
        let own = [self.folder.as_mut(), self.ca_file.as_mut(), dkim];
        let of_bounces = self.bounces.as_mut().map(|bounces| {
            let Bounces { maildir, ca_file, .. } = bounces;
            [maildir.as_mut(), ca_file.as_mut()]
        });
        for path in own.into_iter().chain(of_bounces.into_iter().flatten()).flatten() {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&*path);
            }
        }
    }

    /// Whether letters may leave this machine.
    pub fn reaches_people(&self) -> bool {
        self.transport == Transport::Smtp && !self.host.as_deref().is_some_and(is_loopback)
    }

    /// Finds every mistake, and reads the files that the configuration names.
    pub(crate) fn check(&self) -> Result<Checked, Vec<Problem>> {
        let mut problems = Problems::default();
        let from = problems.take("from.email", compose::mailbox(&self.from));
        let dkim = self.dkim.as_ref().and_then(|dkim| self.signature(dkim, &mut problems));
        let way = match self.transport {
            Transport::File => self.folder(&mut problems).map(Way::Folder),
            Transport::Smtp => self.server(&mut problems).map(Way::Server),
        };
        let return_path = self.return_path.as_ref().and_then(|email| {
            let mailbox = compose::mailbox(&Address::new("", email.as_str()));
            problems.take("return-path", mailbox).map(|mailbox| mailbox.email)
        });
        let timeout = Duration::from_secs(self.timeout_seconds.unwrap_or(60).clamp(1, 600));
        let returns = self
            .bounces
            .as_ref()
            .and_then(|bounces| bounces.check(self.ca_file.as_deref(), timeout, &mut problems));
        let rate = self.rate(&mut problems);
        let made = from.zip(way);
        problems.unless_any(made.map(|(from, way)| Checked {
            from,
            dkim,
            way,
            return_path,
            returns,
            rate,
        }))
    }

    fn rate(&self, problems: &mut Problems) -> Rate {
        let mut rate = BTreeMap::new();
        for (domain, per_minute) in &self.rate {
            let field = format!("rate.{domain}");
            problems.within(&field, u64::from(*per_minute), 1, 60_000, "писем в минуту");
            match idna::domain_to_ascii(domain) {
                _ if domain == rate::OTHERS => {
                    rate.insert(domain.clone(), *per_minute);
                }
                Ok(ascii) if is_host(domain) => {
                    rate.insert(ascii.to_lowercase(), *per_minute);
                }
                _ => {
                    problems.add(&field, "нужен домен, как в адресах после @, или \"*\" для прочих")
                }
            }
        }
        Rate::new(rate)
    }

    fn folder(&self, problems: &mut Problems) -> Option<PathBuf> {
        let folder = self.folder.clone().filter(|folder| !folder.as_os_str().is_empty());
        problems.want("folder", folder, "укажите папку, в которую складывать письма")
    }

    fn server(&self, problems: &mut Problems) -> Option<Server> {
        let host = self.host.as_deref().filter(|host| !host.is_empty());
        let host = problems.want("host", host, "укажите имя почтового сервера");
        if host.is_some_and(|host| !is_host(host)) {
            let why = "нужно только имя или адрес сервера: mail.example.ru, без протокола и порта";
            problems.add("host", why);
        }
        let port = self.port.unwrap_or(match self.tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Implicit => 465,
        });
        if port == 0 {
            problems.add("port", "порт не может быть нулём");
        }
        let timeout = self.timeout_seconds.unwrap_or(60);
        problems.within("timeout-seconds", timeout, 1, 600, "секунд");
        let pool_size = self.pool_size.unwrap_or(4);
        problems.within("pool-size", pool_size as u64, 1, 64, "соединений");
        let credentials = self.credentials(host, problems);
        let hello = self.hello(problems);
        let tls = host.and_then(|host| self.protection(host, problems));
        Some(Server {
            host: host?.to_owned(),
            port,
            tls: tls?,
            credentials,
            hello,
            timeout: Duration::from_secs(timeout),
            pool_size,
        })
    }

    /// A password must not travel in the clear: without TLS there is none, but on one machine.
    fn credentials(&self, host: Option<&str>, problems: &mut Problems) -> Option<Credentials> {
        let (username, password) = match (&self.username, &self.password) {
            (None, None) => return None,
            (Some(username), Some(password)) => (username, password),
            (Some(_), None) => {
                problems.add("password", "учётная запись указана без пароля");
                return None;
            }
            (None, Some(_)) => {
                problems.add("username", "пароль указан без учётной записи");
                return None;
            }
        };
        if self.tls == Tls::None && !host.is_some_and(is_loopback) {
            let why = "пароль нельзя передавать без шифрования: выберите starttls или implicit";
            problems.add("tls", why);
        }
        Some(Credentials::new(username.clone(), password.0.clone()))
    }

    fn hello(&self, problems: &mut Problems) -> ClientId {
        match &self.hello_name {
            Some(name) => {
                if !is_host(name) || !name.is_ascii() {
                    problems.add("hello-name", "нужно имя узла латиницей: vekha.example.ru");
                }
                client_id(name)
            }
            None => {
                let domain = self.from.email.rsplit('@').next().unwrap_or_default();
                client_id(&idna::domain_to_ascii(domain).unwrap_or_else(|_| "localhost".into()))
            }
        }
    }

    fn protection(&self, host: &str, problems: &mut Problems) -> Option<Protection> {
        if self.tls == Tls::None {
            return Some(Protection::None);
        }
        let mut parameters = TlsParameters::builder(host.to_owned());
        let mut more = None;
        if let Some(path) = &self.ca_file {
            let pem = &*more.insert(problems.take("ca-file", read(path))?);
            let certificate = Certificate::from_pem(pem.as_bytes())
                .map_err(|_| format!("в файле «{}» нет сертификатов PEM", path.display()));
            parameters = parameters.add_root_certificate(problems.take("ca-file", certificate)?);
        }
        let parameters = parameters.build().map_err(|error| format!("не удаётся начать: {error}"));
        let parameters = problems.take("tls", parameters)?;
        Some(match self.tls {
            Tls::Implicit => {
                let implicit = Implicit::new(host, more.as_deref());
                Protection::Implicit(problems.take("tls", implicit)?)
            }
            _ => Protection::Starttls(parameters),
        })
    }

    fn signature(&self, dkim: &Dkim, problems: &mut Problems) -> Option<DkimConfig> {
        for (field, name) in [("dkim.selector", &dkim.selector), ("dkim.domain", &dkim.domain)] {
            if !is_host(name) || !name.is_ascii() {
                problems.add(field, "нужно имя из DNS, латиницей");
            }
        }
        let pem = problems.take("dkim.key-file", read(&dkim.key_file))?;
        let key = DkimSigningKey::new(pem.trim(), DkimSigningAlgorithm::Rsa).map_err(|_| {
            format!(
                "«{0}» — не ключ RSA в виде PKCS#1; из другого вида его делает команда \
                 openssl rsa -traditional -in {0} -out dkim.pem",
                dkim.key_file.display()
            )
        });
        let key = problems.take("dkim.key-file", key)?;
        Some(DkimConfig::new(
            dkim.selector.clone(),
            dkim.domain.clone(),
            key,
            SIGNED.into_iter().map(HeaderName::new_from_ascii_str).collect(),
            DkimCanonicalization {
                header: DkimCanonicalizationType::Relaxed,
                body: DkimCanonicalizationType::Relaxed,
            },
        ))
    }
}

/// What the signature covers. A header that a letter does not have is covered too: nobody can add
/// it on the way. Content-Type is missing because lettre keeps it with the body's parts and would
/// sign its absence, which no verifier accepts.
const SIGNED: [&str; 10] = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "List-Id",
    "MIME-Version",
];

pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("не удаётся прочитать файл «{}»: {error}", path.display()))
}

/// A host name or an address: letters, digits and what stands between them.
fn is_host(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name_fits = name.chars().all(fits) && !name.starts_with('.') && !name.contains("..");
    !name.is_empty() && name.len() <= 253 && (name_fits || name.parse::<IpAddr>().is_ok())
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn client_id(name: &str) -> ClientId {
    match name.parse() {
        Ok(IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        Ok(IpAddr::V6(ip)) => ClientId::Ipv6(ip),
        Err(_) => ClientId::Domain(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(host: &str) -> MailConfig {
        MailConfig {
            transport: Transport::Smtp,
            from: Address::new("Отдел образования", "otdel@example.ru"),
            host: Some(host.into()),
            ..MailConfig::default()
        }
    }

    fn fields(config: &MailConfig) -> Vec<String> {
        let problems = config.check().err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let config = MailConfig {
            from: Address::new("", "otdel"),
            host: Some("smtp://mail.example.ru".into()),
            port: Some(0),
            username: Some("vekha".into()),
            timeout_seconds: Some(0),
            pool_size: Some(1000),
            hello_name: Some("a\r\nMAIL FROM:<x@y>".into()),
            dkim: Some(Dkim { key_file: "/nowhere/dkim.pem".into(), ..Dkim::default() }),
            return_path: Some("post".into()),
            bounces: Some(Bounces::default()),
            rate: [("@ya.ru".to_owned(), 0)].into(),
            ..smtp("")
        };
        let wrong = [
            "from.email",
            "dkim.selector",
            "dkim.domain",
            "dkim.key-file",
            "host",
            "port",
            "timeout-seconds",
            "pool-size",
            "password",
            "hello-name",
            "return-path",
            "bounces",
            "rate.@ya.ru",
            "rate.@ya.ru",
        ];
        assert_eq!(fields(&config), wrong);
    }

    #[test]
    fn a_password_never_travels_in_the_clear() {
        let with_password = |host: &str, tls| MailConfig {
            tls,
            username: Some("vekha".into()),
            password: Some(Secret("тайна".into())),
            ..smtp(host)
        };
        assert_eq!(fields(&with_password("mail.example.ru", Tls::None)), ["tls"]);
        assert_eq!(fields(&with_password("localhost.example.ru", Tls::None)), ["tls"]);
        for host in ["127.0.0.1", "::1", "localhost"] {
            assert!(fields(&with_password(host, Tls::None)).is_empty(), "{host}");
        }
        assert!(fields(&with_password("mail.example.ru", Tls::Starttls)).is_empty());
        assert!(!format!("{:?}", with_password("localhost", Tls::None)).contains("тайна"));
    }

    #[test]
    fn the_port_follows_from_the_protection() {
        let port = |tls| match (MailConfig { tls, ..smtp("mail.example.ru") }).check() {
            Ok(Checked { way: Way::Server(server), .. }) => server.port,
            _ => 0,
        };
        assert_eq!([port(Tls::None), port(Tls::Starttls), port(Tls::Implicit)], [25, 587, 465]);
    }

    #[test]
    fn a_configuration_is_read_by_its_kebab_case_keys() {
        let config: MailConfig = serde_json::from_value(serde_json::json!({
            "transport": "smtp",
            "from": { "name": "Отдел", "email": "otdel@школа.рф" },
            "host": "mail.example.ru",
            "tls": "implicit",
            "timeout-seconds": 30,
            "pool-size": 2,
            "hello-name": "vekha.example.ru",
        }))
        .unwrap();
        let Ok(Checked { way: Way::Server(server), from, .. }) = config.check() else {
            panic!("{:?}", fields(&config));
        };
        assert_eq!((server.timeout.as_secs(), server.pool_size), (30, 2));
        assert_eq!(from.email.to_string(), "otdel@xn--80atdl2c.xn--p1ai");
        let wrong = serde_json::json!({ "tls": "ssl" });
        let error = serde_json::from_value::<MailConfig>(wrong).unwrap_err().to_string();
        assert!(error.contains("бывает none, starttls и implicit"), "{error}");
    }
}
