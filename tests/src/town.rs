//! A municipality under a simulated clock: the real daemon on the shipped road map, with a real
//! mail server, pages and gRPC over loopback. Only time is ours.

use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use vekha::clock::Clock;
use vekha::port::tls::TlsSettings;
use vekha::runtime::listeners::WebhookSettings;
use vekha::server::Daemon;
use vekha::settings::{Access, Settings};
use vekha_plugin::Address;
use vekha_plugin_mail::{MailConfig, Tls, Transport};
use vekha_plugin_site::SiteConfig;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{Answer, AnswerQuestionRequest, StartRunRequest};

use crate::letters::Letter;
use crate::smtp::SmtpServer;

/// Folder of the shipped road map.
pub fn shipped_road_map() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map")
}

/// The municipality.
pub struct Town {
    /// The daemon.
    pub daemon: Daemon,
    /// Where its letters arrive.
    pub mail: SmtpServer,
    /// Where its files are.
    pub folder: TempDir,
    clock: Clock,
    read: usize,
}

impl Town {
    /// Starts the daemon on an empty SQLite database at a local date and time: `2027-09-14T08:00`.
    pub async fn start(at: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        Town::start_on(at, folder, database, SmtpServer::start().await).await
    }

    /// The same over a database of the caller's choice.
    pub async fn start_on(at: &str, folder: TempDir, database: String, mail: SmtpServer) -> Self {
        let settings = settings(&folder, database, mail.port());
        Town::start_with(at, folder, mail, settings).await
    }

    /// The same where every call must bring a token.
    pub async fn start_locked(at: &str, token: &str) -> Self {
        let (folder, mail) = (TempDir::new().expect("a folder"), SmtpServer::start().await);
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        let mut settings = settings(&folder, database, mail.port());
        settings.access.token = token.to_owned();
        Town::start_with(at, folder, mail, settings).await
    }

    /// The same over other settings and another road map than the shipped one.
    pub async fn start_as(at: &str, adapt: impl FnOnce(&mut Settings, &Path)) -> Self {
        let (folder, mail) = (TempDir::new().expect("a folder"), SmtpServer::start().await);
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        let mut settings = settings(&folder, database, mail.port());
        adapt(&mut settings, folder.path());
        Town::start_with(at, folder, mail, settings).await
    }

    async fn start_with(at: &str, folder: TempDir, mail: SmtpServer, settings: Settings) -> Self {
        let clock = Clock::manual(instant(at));
        let daemon =
            Daemon::start_at(settings, Some(clock.clone())).await.expect("the daemon starts");
        let town = Town { daemon, mail, folder, clock, read: 0 };
        town.settle().await;
        town
    }

    /// Ends the daemon and starts it again at the same moment.
    pub async fn restart(self) -> Self {
        let Town { daemon, mail, folder, clock, read } = self;
        daemon.stop().await.expect("the daemon ends");
        let database = format!("sqlite:{}", folder.path().join("vekha.db").display());
        let settings = settings(&folder, database, mail.port());
        let daemon =
            Daemon::start_at(settings, Some(clock.clone())).await.expect("the daemon starts");
        let town = Town { daemon, mail, folder, clock, read };
        town.settle().await;
        town
    }

    /// Where people reach it.
    pub fn url(&self) -> String {
        format!("http://{}", self.daemon.address)
    }

    /// A gRPC connection.
    pub async fn channel(&self) -> Channel {
        Channel::from_shared(self.url()).expect("an address").connect().await.expect("the daemon")
    }

    /// Does all that is due.
    pub async fn settle(&self) {
        self.daemon.runtime.settle().await.expect("the database works");
    }

    /// Lives on until a local date and time, stopping at every moment at which something is due.
    ///
    /// # Panics
    /// When the moment has passed.
    pub async fn live_until(&self, at: &str) {
        let until = instant(at);
        assert!(self.clock.now() <= until, "{at} has passed");
        loop {
            self.settle().await;
            let due = self.daemon.runtime.next_due().await.expect("the database works");
            match due.filter(|due| *due <= until) {
                // What is due now and was not done is being retried: time must go on.
                Some(due) if due <= self.clock.now() => {
                    self.clock.set(self.clock.now() + SignedDuration::from_secs(1));
                }
                Some(due) => self.clock.set(due),
                None => break,
            }
        }
        self.clock.set(until);
        self.settle().await;
    }

    /// The letters that arrived since the last call, in the order of addressees and subjects.
    pub fn new_letters(&mut self) -> Vec<Letter> {
        let all = self.mail.received();
        let mut new: Vec<Letter> = all[self.read..].iter().map(Letter::read).collect();
        self.read = all.len();
        new.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        new
    }

    /// The letters so far to one organisation of the shipped registry.
    pub fn letters_to(&self, code: &str) -> Vec<Letter> {
        let address = format!("{code}@zarechny.example.org");
        self.mail.received().iter().map(Letter::read).filter(|l| l.to == address).collect()
    }
}

/// A local date and time of the shipped municipality.
///
/// # Panics
/// When it is none.
pub fn instant(at: &str) -> Timestamp {
    let civil: DateTime = at.parse().expect("a local date and time");
    let zone = jiff::tz::TimeZone::get("Asia/Yekaterinburg").expect("a known zone");
    zone.to_timestamp(civil).expect("an unambiguous time")
}

/// Starts activity 29 without waiting for what comes before it: six schools are asked.
///
/// # Panics
/// When the daemon refuses.
pub async fn ask_schools(channel: Channel) {
    ask_schools_as(channel, "").await;
}

/// The same with a key.
///
/// # Panics
/// When the daemon refuses, or the key is none that can be sent.
pub async fn ask_schools_as(channel: Channel, key: &str) {
    let bearer: Option<MetadataValue<_>> =
        (!key.is_empty()).then(|| format!("Bearer {key}").parse().expect("a key"));
    let mut runs = RunServiceClient::with_interceptor(channel, move |mut request: Request<()>| {
        if let Some(bearer) = &bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    });
    let parent = "municipalities/zarechny/activities/low-result-schools".to_owned();
    let name = format!("{parent}/runs/2025-26");
    let start = StartRunRequest { parent, period: "2025-26".into(), ..Default::default() };
    runs.start_run(start).await.expect("a run");
    let answer = Answer::Proceed.into();
    let go = AnswerQuestionRequest { name, answer, ..Default::default() };
    runs.answer_question(go).await.expect("to go on");
}

/// Settings as a file says them, on which a deployment stands that is backed up: the shipped road map,
/// everything else beside the file.
pub fn settings_in_a_file() -> String {
    format!(
        r#"
        listen = "127.0.0.1:0"
        database = "sqlite:vekha.db"
        secret-file = "secret"
        road-maps = ["{}"]
        mail = {{ transport = "file", folder = "mail", from = {{ email = "v@example.org" }} }}
        site = {{ folder = "site" }}
        "#,
        shipped_road_map().display()
    )
}

/// Settings of a daemon for tests.
pub fn settings(folder: &TempDir, database: String, smtp_port: u16) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        public_url: None,
        tls: TlsSettings::default(),
        database,
        secret_file: folder.path().join("secret"),
        road_maps: vec![shipped_road_map()],
        mail: MailConfig {
            transport: Transport::Smtp,
            from: Address::new("Отдел образования", "vekha@zarechny.example.org"),
            host: Some("127.0.0.1".into()),
            port: Some(smtp_port),
            tls: Tls::None,
            ..MailConfig::default()
        },
        site: SiteConfig { folder: folder.path().join("site"), url: None },
        uses: Default::default(),
        source: Default::default(),
        notifier: Default::default(),
        listener: Default::default(),
        analyzer: Default::default(),
        webhooks: WebhookSettings {
            allow_private: true,
            timeout_seconds: Some(1),
            ..Default::default()
        },
        plugin: Default::default(),
        manner: Default::default(),
        access: Access::default(),
        sign_in: Default::default(),
        limits: Default::default(),
        backups: Default::default(),
        rehearsal: None,
        file: None,
        told: vec![],
    }
}
