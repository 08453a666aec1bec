//! TLS on the port: the daemon's own certificate, read anew when its files change, and the
//! certificates that other systems may show instead of a token.
//!
//! A certificate is known by its names, and stands for the token that is called by one of them: what
//! it may do, until when, and that it may do nothing any more is said of the token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;
use vekha_plugin::Problem;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::clock::Clock;

/// How long before its end a certificate is to be replaced. Who renews by themselves do so earlier.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);

/// `[tls]` of the settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TlsSettings {
    /// PEM with the daemon's own certificate and those above it.
    pub certificate: Option<PathBuf>,
    /// PEM with its key.
    pub key: Option<PathBuf>,
    /// PEM with the authorities whose certificates other systems may show instead of a token.
    pub clients: Option<PathBuf>,
    /// The network may hear without TLS: something before the daemon has it.
    pub insecure: bool,
}

impl TlsSettings {
    /// Whether the port speaks TLS.
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }

    /// Paths are relative to this folder.
    pub fn anchor(&mut self, folder: &Path) {
        for path in [&mut self.certificate, &mut self.key, &mut self.clients] {
            *path = path.take().map(|path| folder.join(path));
        }
    }

    /// What is wrong with them, in words for the administrator.
    pub fn wrong(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        let mut say =
            |key: &str, words: &str| wrong.push(Problem::new(format!("tls.{key}"), words));
        match (&self.certificate, &self.key) {
            (Some(_), None) => say("key", "не указано: сертификату нужен его ключ"),
            (None, Some(_)) => say("certificate", "не указано: ключу нужен его сертификат"),
            _ => {}
        }
        if self.clients.is_some() && !self.is_on() {
            say(
                "clients",
                "сертификаты систем предъявляются только по TLS: укажите certificate и key",
            );
        }
        if self.insecure && self.is_on() {
            say("insecure", "лишнее: TLS включён сертификатом");
        }
        wrong
    }

    /// What is wrong with the files, which may be the daemon's alone to read.
    pub fn unreadable(&self) -> Vec<Problem> {
        match self.is_on() && self.key.is_some() {
            true => Read::of(self).err().unwrap_or_default(),
            false => Vec::new(),
        }
    }

    /// The files, as they are called in the settings.
    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all =
            [("certificate", &self.certificate), ("key", &self.key), ("clients", &self.clients)];
        all.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)))
    }
}

/// The names by which a system's certificate is known, on requests that came with one.
#[derive(Debug, Clone)]
pub struct Certified(pub Arc<[String]>);

impl Certified {
    /// Of a certificate whose authority was verified; none if it has no name.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let mut names: Vec<String> = Vec::new();
        if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
            names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            }));
        }
        // Where names stand as they should, the subject is for people.
        if names.is_empty() {
            let common = certificate.subject().iter_common_name();
            names.extend(common.filter_map(|name| name.as_str().ok()).map(str::to_owned));
        }
        (!names.is_empty()).then(|| Certified(names.into()))
    }
}

/// What is wrong with the daemon's certificate while the daemon goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ailment {
    /// It is soon taken by nobody.
    Ends {
        /// When.
        at: Timestamp,
    },
    /// Nobody takes it any more.
    Ended {
        /// Since when.
        at: Timestamp,
    },
    /// Its files have changed and cannot be read: the one before is shown.
    Unread {
        /// Why.
        why: String,
    },
}

/// The port's TLS as it is at the moment.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    clock: Clock,
    now: RwLock<Read>,
    /// What the files looked like when they were last read, and why they could not be.
    looked: Mutex<(Stamp, Option<String>)>,
}

/// How files look from outside.
type Stamp = BTreeMap<&'static str, Option<(SystemTime, u64)>>;

/// What was read of the files.
#[derive(Debug, Clone)]
struct Read {
    config: Arc<ServerConfig>,
    /// When the daemon's certificate ends.
    until: Option<Timestamp>,
}

impl Tls {
    /// By these settings. A certificate that has ended is shown all the same if there is no other, and
    /// told.
    ///
    /// # Errors
    /// All that is wrong with the files.
    pub fn new(settings: TlsSettings, clock: Clock) -> Result<Self, Vec<Problem>> {
        // Looked at first: what changes while they are read is read again.
        let stamp = stamp(&settings);
        let now = RwLock::new(Read::of(&settings)?);
        let tls = Tls { settings, clock, now, looked: Mutex::new((stamp, None)) };
        if let Some(Ailment::Ends { at } | Ailment::Ended { at }) = tls.ailment() {
            tracing::warn!("the certificate of [tls] ends, or has ended, at {at}");
        }
        Ok(tls)
    }

    /// What is wrong with the certificate at this time.
    pub fn ailment(&self) -> Option<Ailment> {
        let now = self.clock.of_people();
        let unread = self.looked.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        let unread = unread.map(|why| Ailment::Unread { why });
        unread.or_else(|| {
            let until = self.now.read().unwrap_or_else(PoisonError::into_inner).until?;
            if until <= now {
                return Some(Ailment::Ended { at: until });
            }
            let notice = until.checked_sub(NOTICE).unwrap_or(until);
            (notice <= now).then_some(Ailment::Ends { at: until })
        })
    }

    /// Takes up a connection with what is in force.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(now.config.clone())
    }

    /// Reads the files again if they have changed. What cannot be read, or has ended while the one
    /// before has not, leaves in force what is.
    pub(super) fn look(&self) {
        let now = self.clock.of_people();
        let stamp = stamp(&self.settings);
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.0 == stamp {
            return;
        }
        looked.0 = stamp;
        let ended = |read: &Read| read.until.is_some_and(|until| until <= now);
        let is_worse = |read: &Read| {
            let before = self.now.read().unwrap_or_else(PoisonError::into_inner);
            ended(read) && !ended(&before)
        };
        let read = Read::of(&self.settings).and_then(|read| match is_worse(&read) {
            true => Err(vec![Problem::new("tls.certificate", "срок нового сертификата уже истёк")]),
            false => Ok(read),
        });
        match read {
            Ok(read) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = read;
                looked.1 = None;
                tracing::info!("the certificate of [tls] was read anew");
            }
            // Two files are seldom replaced at one instant: the next look may find them in order.
            Err(problems) => {
                let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
                let why = lines.join("; ");
                tracing::warn!("the certificate of [tls] has changed and is not taken: {why}");
                looked.1 = Some(why);
            }
        }
    }
}

impl Read {
    fn of(settings: &TlsSettings) -> Result<Self, Vec<Problem>> {
        let mut wrong = Vec::new();
        let mut say =
            |key: &str, words: String| wrong.push(Problem::new(format!("tls.{key}"), words));
        let (mut chain, mut own, mut authorities) = (Vec::new(), None, None);
        for (key, path) in settings.files() {
            let shown = path.display();
            let why = |e: pem::Error| match e {
                pem::Error::Io(e) => format!("файл {shown} не читается: {e}"),
                pem::Error::NoItemsFound => {
                    format!("в файле {shown} нет того, что нужно, в виде PEM")
                }
                other => format!("файл {shown}: {other}"),
            };
            if key == "key" {
                match PrivateKeyDer::from_pem_file(path) {
                    Ok(key) => own = Some(key),
                    Err(e) => say(key, why(e)),
                }
                continue;
            }
            let all = CertificateDer::pem_file_iter(path).and_then(|all| all.collect());
            match (key, all) {
                (_, Err(e)) => say(key, why(e)),
                (_, Ok(all)) if Vec::is_empty(&all) => say(key, why(pem::Error::NoItemsFound)),
                ("certificate", Ok(all)) => chain = all,
                (_, Ok(all)) => {
                    let mut roots = RootCertStore::empty();
                    for one in all {
                        if let Err(e) = roots.add(one) {
                            say(key, format!("файл {shown}: {e}"));
                        }
                    }
                    authorities = Some(roots);
                }
            }
        }
        let until = chain.first().and_then(until);
        let (Some(own), true) = (own, wrong.is_empty()) else { return Err(wrong) };
        let config = ServerConfig::builder_with_provider(provider());
        let config =
            config.with_safe_default_protocol_versions().map_err(|e| said("certificate", &e))?;
        let config = match authorities {
            None => config.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                // Schools and people have none.
                let verifier = verifier.allow_unauthenticated().build();
                config.with_client_cert_verifier(verifier.map_err(|e| said("clients", &e))?)
            }
        };
        let mut config =
            config.with_single_cert(chain, own).map_err(|e| said("certificate", &e))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Read { config: Arc::new(config), until })
    }
}

fn said(key: &str, error: &dyn std::fmt::Display) -> Vec<Problem> {
    vec![Problem::new(format!("tls.{key}"), format!("сертификат и ключ не подходят: {error}"))]
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// When a certificate ends.
fn until(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn stamp(settings: &TlsSettings) -> Stamp {
    let seen = |path: &Path| {
        // A renewal may be a link that leads elsewhere: what it leads to is looked at.
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    settings.files().map(|(key, path)| (key, seen(path))).collect()
}
