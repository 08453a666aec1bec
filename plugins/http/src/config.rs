//! The configuration: what an administrator writes, and what is left of it once every mistake has
//! been found.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Certificate, Url};
use serde::Deserialize;
use vekha_plugin::{Problem, Problems, Secret};

use crate::guard::Guard;
use crate::template::{self, Template};

/// What to ask another system for. The keys are spelled in kebab case: `max-megabytes`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The address, with `{period}`, `{municipality}`, `{activity}` and `{form}` where they belong.
    pub url: String,
    /// What the other system answers with.
    pub format: Format,
    /// JSON: the pointer to the array of records, `/data/items`; the whole answer by default.
    pub records: String,
    /// Where a record holds its organisation's code: a name or a pointer in JSON, a heading in CSV;
    /// `organisation` by default.
    pub organisation: Option<String>,
    /// Our organisation codes by the other system's, where they differ.
    pub codes: BTreeMap<String, String>,
    /// Where a record holds a field, by our field id: a name or a pointer in JSON, a heading in CSV.
    /// A field that is named here must be in every record; one that is not is taken under its own
    /// id if it is there.
    pub fields: BTreeMap<String, String>,
    /// How the other system knows us.
    pub auth: Auth,
    /// A PEM file with certificates to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// An address whose answer tells that the other system is well; its root by default, of which
    /// any answer will do that is no error of the server.
    pub health_url: Option<String>,
    /// How long one attempt may take, in seconds, 1 to 600; 30 by default.
    pub timeout_seconds: Option<u64>,
    /// How many times to try, 1 to 10; 3 by default.
    pub attempts: Option<u32>,
    /// The pause before the second attempt, in milliseconds, 1 to 60 000; 1000 by default. Each
    /// pause is twice the one before and at most a minute, and a random part of it is left out.
    pub backoff_milliseconds: Option<u64>,
    /// The largest answer that is read, in megabytes, 1 to 200; 20 by default.
    pub max_megabytes: Option<u64>,
    /// Whether addresses outside the public internet may be asked.
    pub allow_private: bool,
}

/// What the other system answers with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Format {
    /// An array of objects.
    #[default]
    Json,
    /// Lines with a row of headings; semicolons, commas or tabs; UTF-8 or Windows-1251.
    Csv,
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "json" => Ok(Format::Json),
            "csv" => Ok(Format::Csv),
            _ => Err(format!("неизвестный вид данных «{word}»: бывает json и csv")),
        }
    }
}

/// How the other system knows us. The secret is never sent to another site, not even if the other
/// system sends us there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Auth {
    /// By what.
    pub kind: AuthKind,
    /// Basic: the account.
    pub username: Option<String>,
    /// Header: its name.
    pub header: Option<String>,
    /// The token, the password or the header's value.
    pub secret: Option<Secret>,
    /// A file with the secret, instead of the secret itself.
    pub secret_file: Option<PathBuf>,
}

/// By what the other system knows us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AuthKind {
    /// By nothing.
    #[default]
    None,
    /// By a token: `Authorization: Bearer`.
    Bearer,
    /// By an account with a password: `Authorization: Basic`.
    Basic,
    /// By a header of the other system's choosing.
    Header,
}

impl TryFrom<String> for AuthKind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "none" => Ok(AuthKind::None),
            "bearer" => Ok(AuthKind::Bearer),
            "basic" => Ok(AuthKind::Basic),
            "header" => Ok(AuthKind::Header),
            _ => Err(format!("неизвестный вход «{word}»: бывает none, bearer, basic и header")),
        }
    }
}

/// A configuration without mistakes.
pub(crate) struct Checked {
    pub template: Template,
    pub shape: Shape,
    /// The header that tells who we are; marked as sensitive.
    pub credentials: Option<(HeaderName, HeaderValue)>,
    pub certificates: Vec<Certificate>,
    pub health_url: Option<Url>,
    pub timeout: Duration,
    pub attempts: u32,
    pub backoff: Duration,
    /// In bytes.
    pub max_size: u64,
}

/// What an answer looks like.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub format: Format,
    pub records: String,
    pub organisation: String,
    pub codes: BTreeMap<String, String>,
    pub fields: BTreeMap<String, String>,
}

impl HttpConfig {
    /// Makes relative paths relative to `folder`, where the configuration stands.
    pub fn anchor(&mut self, folder: &Path) {
        for path in [&mut self.ca_file, &mut self.auth.secret_file].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// Finds every mistake, and reads the files that the configuration names.
    pub(crate) fn check(&self, guard: Guard) -> Result<Checked, Vec<Problem>> {
        let mut problems = Problems::default();
        let template = match Template::read(&self.url) {
            Ok(template) => {
                problems.take("url", permitted(guard, template.origin()));
                Some(template)
            }
            Err(mistakes) => {
                mistakes.into_iter().for_each(|mistake| problems.add("url", mistake));
                None
            }
        };
        let shape = self.shape(&mut problems);
        let credentials = self.credentials(template.as_ref(), &mut problems);
        let certificates = self.certificates(&mut problems);
        let health_url = self.health_url.as_deref().and_then(|text| {
            let url = template::absolute(text).and_then(|url| {
                permitted(guard, &url)?;
                Ok(url)
            });
            problems.take("health-url", url)
        });
        let timeout = self.timeout_seconds.unwrap_or(30);
        problems.within("timeout-seconds", timeout, 1, 600, "секунд");
        let attempts = self.attempts.unwrap_or(3);
        problems.within("attempts", attempts.into(), 1, 10, "попыток");
        let backoff = self.backoff_milliseconds.unwrap_or(1000);
        problems.within("backoff-milliseconds", backoff, 1, 60_000, "миллисекунд");
        let megabytes = self.max_megabytes.unwrap_or(20);
        problems.within("max-megabytes", megabytes, 1, 200, "мегабайт");
        problems.unless_any(template.map(|template| Checked {
            template,
            shape,
            credentials,
            certificates,
            health_url,
            timeout: Duration::from_secs(timeout),
            attempts,
            backoff: Duration::from_millis(backoff),
            max_size: megabytes << 20,
        }))
    }

    fn shape(&self, problems: &mut Problems) -> Shape {
        match self.format {
            Format::Json if !self.records.is_empty() => {
                problems.take("records", pointer(&self.records));
            }
            Format::Csv if !self.records.is_empty() => {
                problems.add("records", "в CSV записи — это строки: уберите эту настройку");
            }
            _ => {}
        }
        let organisation = self.organisation.clone().unwrap_or_else(|| "organisation".into());
        problems.take("organisation", self.place(&organisation));
        for (field, place) in &self.fields {
            problems.take(&format!("fields.{field}"), self.place(place));
        }
        for (foreign, ours) in &self.codes {
            if foreign.trim().is_empty() || ours.trim().is_empty() {
                problems.add(&format!("codes.{foreign}"), "код не может быть пустым");
            }
        }
        Shape {
            format: self.format,
            records: self.records.clone(),
            organisation,
            codes: self.codes.clone(),
            fields: self.fields.clone(),
        }
    }

    /// Where things are looked for in an answer, right or wrong.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn shape_unchecked(&self) -> Shape {
        self.shape(&mut Problems::default())
    }

    /// Whether this can name a place in a record.
    fn place(&self, place: &str) -> Result<(), String> {
        match self.format {
            _ if place.trim().is_empty() => Err("укажите, где в записи это стоит".into()),
            Format::Json if place.starts_with('/') => pointer(place),
            _ => Ok(()),
        }
    }

    fn credentials(
        &self,
        template: Option<&Template>,
        problems: &mut Problems,
    ) -> Option<(HeaderName, HeaderValue)> {
        let auth = &self.auth;
        let unneeded = [
            ("auth.username", auth.username.is_some(), AuthKind::Basic),
            ("auth.header", auth.header.is_some(), AuthKind::Header),
        ];
        for (field, given, kind) in unneeded {
            if given && auth.kind != kind {
                problems
                    .add(field, "для такого входа это не нужно: уберите или исправьте auth.kind");
            }
        }
        if auth.kind == AuthKind::None {
            if auth.secret.is_some() || auth.secret_file.is_some() {
                problems.add("auth.kind", "секрет указан, а вход — нет: bearer, basic или header");
            }
            return None;
        }
        if template.is_some_and(|template| is_open(template.origin())) {
            problems.add("url", "секрет нельзя передавать без шифрования: нужен https://");
        }
        let secret = self.secret(problems);
        let (name, text) = match auth.kind {
            AuthKind::None => return None,
            AuthKind::Bearer => (Some(AUTHORIZATION), secret.map(|s| format!("Bearer {s}"))),
            AuthKind::Basic => {
                let username = auth.username.as_deref().filter(|name| !name.contains(':'));
                if username.is_none() {
                    problems.add("auth.username", "укажите имя учётной записи, без двоеточия");
                }
                let pair = username.zip(secret).map(|(u, s)| STANDARD.encode(format!("{u}:{s}")));
                (Some(AUTHORIZATION), pair.map(|pair| format!("Basic {pair}")))
            }
            AuthKind::Header => {
                let name = auth.header.as_deref().unwrap_or_default();
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| "укажите имя заголовка латиницей: X-Api-Key".to_owned());
                (problems.take("auth.header", name), secret)
            }
        };
        let value = HeaderValue::from_str(&text?)
            .map_err(|_| "в секрете есть знаки, которых не бывает в заголовках HTTP".to_owned());
        let mut value = problems.take("auth.secret", value)?;
        value.set_sensitive(true);
        Some((name?, value))
    }

    fn secret(&self, problems: &mut Problems) -> Option<String> {
        match (&self.auth.secret, &self.auth.secret_file) {
            (Some(secret), None) if !secret.0.is_empty() => Some(secret.0.clone()),
            (None, Some(path)) => {
                let text = problems.take("auth.secret-file", read(path))?;
                // Editors end files with an end of line, which is not part of the secret.
                let text = String::from_utf8_lossy(&text).trim_end_matches(['\r', '\n']).to_owned();
                if text.is_empty() {
                    problems.add("auth.secret-file", "файл с секретом пуст");
                    return None;
                }
                Some(text)
            }
            (Some(_), Some(_)) => {
                problems
                    .add("auth.secret", "секрет указан дважды: оставьте secret или secret-file");
                None
            }
            _ => {
                problems.add("auth.secret", "укажите секрет или файл с ним (secret-file)");
                None
            }
        }
    }

    fn certificates(&self, problems: &mut Problems) -> Vec<Certificate> {
        let Some(path) = &self.ca_file else { return Vec::new() };
        let found = read(path).and_then(|pem| match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(format!("в файле «{}» нет сертификатов PEM", path.display())),
        });
        problems.take("ca-file", found).unwrap_or_default()
    }
}

fn permitted(guard: Guard, url: &Url) -> Result<(), String> {
    guard.judge_url(url).map_err(|forbidden| forbidden.to_string())
}

/// Whether what is sent there can be read on the way: over HTTP, unless it stays on this machine.
fn is_open(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    url.scheme() == "http" && !local
}

/// Whether this is a JSON pointer (RFC 6901).
fn pointer(text: &str) -> Result<(), String> {
    let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if text.starts_with('/') && escaped {
        Ok(())
    } else {
        Err(format!("«{text}» — не указатель JSON: нужно, например, /data/items"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path)
        .map_err(|error| format!("не удаётся прочитать файл «{}»: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> HttpConfig {
        toml::from_str(text).unwrap()
    }

    fn fields(config: &HttpConfig) -> Vec<String> {
        let problems = config.check(Guard::of(config.allow_private)).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let config = config(
            r#"
            url = "http://data.example.ru/{year}"
            records = "data/items"
            organisation = ""
            ca-file = "/nowhere/ca.pem"
            health-url = "ftp://data.example.ru/"
            timeout-seconds = 0
            attempts = 11
            backoff-milliseconds = 0
            max-megabytes = 1000
            [codes]
            17 = ""
            [fields]
            participants = "/a~2"
            [auth]
            kind = "basic"
            header = "X-Key"
            secret = "тайна"
            secret-file = "/nowhere/secret"
            "#,
        );
        let wrong = [
            "url",
            "records",
            "organisation",
            "fields.participants",
            "codes.17",
            "auth.header",
            "auth.secret",
            "auth.username",
            "ca-file",
            "health-url",
            "timeout-seconds",
            "attempts",
            "backoff-milliseconds",
            "max-megabytes",
        ];
        assert_eq!(fields(&config), wrong);
    }

    #[test]
    fn a_secret_is_not_shown_and_does_not_travel_in_the_clear() {
        let with_secret = |url: &str| {
            config(&format!(
                "url = \"{url}\"\nallow-private = true\n\
                 [auth]\nkind = \"bearer\"\nsecret = \"s3cret\""
            ))
        };
        assert_eq!(fields(&with_secret("http://data.example.ru/")), ["url"]);
        assert_eq!(fields(&with_secret("http://10.0.0.1/")), ["url"]);
        for url in ["https://data.example.ru/", "http://127.0.0.1:8080/", "http://[::1]/"] {
            assert!(fields(&with_secret(url)).is_empty(), "{url}");
        }
        let config = with_secret("https://data.example.ru/");
        assert!(!format!("{config:?}").contains("s3cret"));
        let credentials = config.check(Guard::of(true)).map(|checked| checked.credentials);
        assert!(!format!("{:?}", credentials.unwrap()).contains("s3cret"));
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "s3cret\r\n").unwrap();
        let mut config = config(
            r#"
            url = "https://data.example.ru/"
            [auth]
            kind = "header"
            header = "X-Api-Key"
            secret-file = "key"
            "#,
        );
        config.anchor(folder.path());
        let checked = config.check(Guard::of(false)).map_err(|p| format!("{p:?}")).unwrap();
        let (name, value) = checked.credentials.unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-api-key", b"s3cret".as_slice()));
    }

    #[test]
    fn a_private_address_must_be_allowed() {
        for url in ["http://192.168.0.10/data", "http://localhost./", "https://[fc00::1]/"] {
            let mut config = HttpConfig { url: url.into(), ..HttpConfig::default() };
            // A name is judged when it is resolved.
            let named = url.contains("localhost");
            assert_eq!(fields(&config).is_empty(), named, "{url}");
            config.allow_private = true;
            assert!(fields(&config).is_empty(), "{url}");
        }
    }

    #[test]
    fn words_that_do_not_exist_are_told_with_those_that_do() {
        for (text, words) in [
            ("format = \"xml\"", "бывает json и csv"),
            ("[auth]\nkind = \"oauth\"", "бывает none, bearer, basic и header"),
            ("adress = \"x\"", "unknown field"),
        ] {
            let error = toml::from_str::<HttpConfig>(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
