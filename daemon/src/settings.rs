//! The daemon's settings: `vekha.toml`, overridden by `VEKHA_*` variables of the environment
//! (`VEKHA_DATABASE`, `VEKHA_MAIL__PASSWORD`). Paths are relative to the file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use vekha_plugin_http::HttpConfig;
use vekha_plugin_mail::MailConfig;
use vekha_plugin_site::SiteConfig;
use vekha_plugin_tables::FolderConfig;

use crate::port::Limits;

/// Variables that are the command line's own and no settings of the daemon.
const OTHERS: [&str; 5] =
    ["VEKHA_CONFIG", "VEKHA_SERVER", "VEKHA_TOKEN", "VEKHA_ACTOR", "VEKHA_LOG"];

/// What `vekha.toml` says.
#[derive(Debug, Deserialize)]
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
    pub road_maps: Vec<PathBuf>,
    /// How letters leave.
    pub mail: MailConfig,
    /// Where reports go.
    pub site: SiteConfig,
    /// Systems that know answers, by the id under which road maps name them.
    #[serde(default)]
    pub source: BTreeMap<String, SourceSettings>,
    /// Who may use the console and gRPC.
    #[serde(default)]
    pub access: Access,
    /// What the port bears at a time.
    #[serde(default)]
    pub limits: Limits,
    /// A time of its own, to live a year in minutes.
    pub rehearsal: Option<Rehearsal>,
}

/// A system that knows answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SourceSettings {
    /// Another system, asked by HTTP.
    Http(Box<HttpConfig>),
    /// A folder into which people or systems put spreadsheets.
    Folder(FolderConfig),
}

/// Who may use the console and gRPC; the schools' links are their own key.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Access {
    /// A token that every call must bring; without one the daemon listens on loopback only.
    #[serde(default)]
    pub token: String,
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

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the file is missing or wrong, with the key that is.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let own = |name: &str| !OTHERS.contains(&name);
        let variables = std::env::vars().filter(|(name, _)| own(name)).collect();
        let environment = config::Environment::with_prefix("VEKHA")
            .source(Some(variables))
            .prefix_separator("_")
            .separator("__")
            .convert_case(config::Case::Kebab)
            .try_parsing(true)
            .ignore_empty(true);
        let raw = config::Config::builder()
            .add_source(config::File::from(file).format(config::FileFormat::Toml))
            .add_source(environment)
            .build()
            .with_context(|| format!("настройки {}", file.display()))?;
        let mut settings: Settings =
            raw.try_deserialize().with_context(|| format!("настройки {}", file.display()))?;
        settings.anchor(file.parent().unwrap_or(Path::new("")));
        settings.check()?;
        Ok(settings)
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
        for source in self.source.values_mut() {
            match source {
                SourceSettings::Http(config) => config.anchor(folder),
                SourceSettings::Folder(config) => config.anchor(folder),
            }
        }
        self.site.folder = anchored(&self.site.folder);
    }

    fn check(&self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() && self.access.token.len() < 16 {
            anyhow::bail!(
                "listen = \"{}\" открыт для сети: задайте [access] token, не короче 16 знаков",
                self.listen
            );
        }
        let known = ["sqlite:", "postgres:", "postgresql:"];
        if !known.iter().any(|scheme| self.database.starts_with(scheme)) {
            anyhow::bail!("database: нужно sqlite:путь или postgres://…");
        }
        self.limits.check().map_err(anyhow::Error::msg)?;
        if self.rehearsal.is_some() && self.mail.reaches_people() {
            anyhow::bail!(
                "репетиция не пишет настоящим людям: для [rehearsal] нужна почта \
                 transport = \"file\" или сервер на этой же машине"
            );
        }
        Ok(())
    }

    /// How people reach the daemon, without a slash at the end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}
