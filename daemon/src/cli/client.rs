//! The way to the daemon, and calls as a command makes them.

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;
use vekha_proto::{Caller, Mutating, v1};
use vekha_roadmap::diagnostic::nearest;

use super::names::{self, Names};
use super::{Cli, way};

/// Calls with the deployment's token.
#[derive(Clone)]
pub(super) struct Key(Option<MetadataValue<Ascii>>);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// The channel that all services share.
pub(super) type Way = InterceptedService<Channel, Key>;

/// A connection to the daemon.
pub(super) struct Client {
    way: Way,
    /// `municipalities/m`
    pub municipality: String,
    /// Who acts.
    pub actor: String,
    /// The id of this call.
    pub request_id: String,
    /// Whether whoever runs the command gave that id.
    is_given: bool,
    /// Whether nothing is to be changed.
    pub validate_only: bool,
    /// Where the municipality is: its hours are shown.
    time_zone: TimeZone,
}

macro_rules! services {
    ($($method:ident: $module:ident::$client:ident),* $(,)?) => {
        /// Whether the daemon said that the key is not for that service.
fn is_beyond_key(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<tonic::Status>();
    let info = status.and_then(Status::get_details_error_info);
    info.is_some_and(|info| info.reason == "SERVICE_NEEDED")
}

impl Client {
            $(pub fn $method(&self) -> v1::$module::$client<Way> {
                v1::$module::$client::new(self.way.clone())
            })*
        }
    };
}
services! {
    road_maps: road_map_service_client::RoadMapServiceClient,
    runs: run_service_client::RunServiceClient,
    assignments: assignment_service_client::AssignmentServiceClient,
    recommendations: recommendation_service_client::RecommendationServiceClient,
    decisions: decision_service_client::DecisionServiceClient,
    measures: measure_service_client::MeasureServiceClient,
    organisations: organisation_service_client::OrganisationServiceClient,
    events: event_service_client::EventServiceClient,
    outbox: outbox_service_client::OutboxServiceClient,
    journal: journal_service_client::JournalServiceClient,
    completeness: completeness_service_client::CompletenessServiceClient,
    effects: effect_service_client::EffectServiceClient,
    needs: need_service_client::NeedServiceClient,
    offers: offer_service_client::OfferServiceClient,
    status: status_service_client::StatusServiceClient,
    people: person_service_client::PersonServiceClient,
    tokens: token_service_client::TokenServiceClient,
    listeners: listener_service_client::ListenerServiceClient,
    plugins: plugin_service_client::PluginServiceClient,
    documents: document_service_client::DocumentServiceClient,
    backups: backup_service_client::BackupServiceClient,
}

/// Follows `next_page_token` to the end of a list.
macro_rules! all_pages {
    ($service:expr, $call:ident, $request:expr, $field:ident) => {{
        let mut service = $service;
        let mut request = $request;
        request.page_size = 1000;
        let mut all = Vec::new();
        loop {
            let response = service.$call(request.clone()).await?.into_inner();
            all.extend(response.$field);
            if response.next_page_token.is_empty() {
                break all;
            }
            request.page_token = response.next_page_token;
        }
    }};
}
pub(super) use all_pages;

/// Makes a call that knows `list_mistakes`. Where its error has no room for all mistakes they are
/// asked for as a list.
macro_rules! with_all_mistakes {
    ($service:expr, $call:ident, $request:expr) => {{
        let (mut service, mut request) = ($service, $request);
        match service.$call(request.clone()).await {
            Ok(answer) => answer,
            Err(status) if $crate::cli::output::leaves_out(&status) => {
                // Asked under its id, it would be answered as the call that it repeats.
                request.request_id.clear();
                (request.validate_only, request.list_mistakes) = (true, true);
                let mistakes = service.$call(request).await?.into_inner().mistakes;
                anyhow::bail!($crate::cli::output::Mistakes(mistakes));
            }
            Err(status) => anyhow::bail!(status),
        }
    }};
}
pub(super) use with_all_mistakes;

impl Client {
    /// A message that asks for a change, asked by whoever runs the command.
    pub fn asked<M: Mutating>(&self, message: M) -> M {
        self.asked_under(self.request_id.clone(), message)
    }

    /// One of several that a command sends: the same part has the same id of its call.
    pub fn asked_for<M: Mutating>(&self, part: &str, message: M) -> M {
        self.asked_under(id_of(format!("{}/{part}", self.request_id)), message)
    }

    /// One of several whose ids are made of what they say: said again, by a later command, too, it is the
    /// same call, unless one of the commands was given an id of its own. `turn` tells apart what one
    /// command says twice.
    pub fn asked_once<M: Mutating>(&self, turn: u32, message: M) -> M {
        let given = if self.is_given { self.request_id.as_str() } else { "" };
        let mut said = format!("{given}/{turn}/{}/", M::full_name()).into_bytes();
        said.extend(message.alone().encode_to_vec());
        self.asked_under(id_of(said), message)
    }

    fn asked_under<M: Mutating>(&self, request_id: String, message: M) -> M {
        let (actor, validate_only) = (self.actor.clone(), self.validate_only);
        message.asked_by(Caller { actor, request_id, validate_only })
    }

    /// A client of the municipality that is meant.
    pub async fn connect(cli: &Cli) -> anyhow::Result<Self> {
        let mut client = Client::reach(cli).await?;
        if cli.municipality.as_deref() == Some("-") {
            client.municipality = "municipalities/-".to_owned();
            return Ok(client);
        }
        let chosen = match client.choose(cli.municipality.as_deref()).await {
            Ok(chosen) => chosen,
            // A key for other services does not say which municipalities there are.
            Err(e) if is_beyond_key(&e) => {
                let id = cli.municipality.as_deref();
                let id =
                    id.ok_or_else(|| anyhow!("назовите муниципалитет, --municipality: {e}"))?;
                client.municipality = format!("municipalities/{id}");
                return Ok(client);
            }
            Err(e) => return Err(e),
        };
        client.time_zone = TimeZone::get(&chosen.time_zone).unwrap_or(TimeZone::UTC);
        client.municipality = chosen.name;
        Ok(client)
    }

    /// A client of no municipality.
    pub async fn reach(cli: &Cli) -> anyhow::Result<Self> {
        let server = &cli.server;
        way::address(server).await?;
        let address = || format!("адрес демона «{server}»");
        let mut endpoint = Endpoint::from_shared(server.clone()).with_context(address)?;
        let by_tls = endpoint.uri().scheme_str() == Some("https");
        if by_tls {
            let mut tls = ClientTlsConfig::new().with_enabled_roots();
            if let Some(file) = &cli.ca {
                tls = tls.ca_certificate(way::authority(file)?);
            }
            endpoint = endpoint.tls_config(tls).with_context(address)?;
        }
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(e) => return Err(way::not_reached(server, cli.ca.as_deref(), &e).await),
        };
        let key = match cli.token.as_deref().filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => {
                let value = format!("Bearer {token}").parse();
                Some(value.map_err(|_| anyhow!("в ключе доступа недопустимые знаки"))?)
            }
        };
        Ok(Client {
            way: InterceptedService::new(channel, Key(key)),
            municipality: String::new(),
            actor: cli.actor.clone().unwrap_or_else(user),
            request_id: cli.request_id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
            is_given: cli.request_id.is_some(),
            validate_only: cli.validate_only,
            time_zone: TimeZone::UTC,
        })
    }

    /// The municipality named, or the only one that there is.
    async fn choose(&self, id: Option<&str>) -> anyhow::Result<v1::Municipality> {
        let request = v1::ListRoadMapsRequest::default();
        let maps = all_pages!(self.road_maps(), list_road_maps, request, road_maps);
        let all: Vec<v1::Municipality> = maps.into_iter().filter_map(|m| m.municipality).collect();
        let ids = all.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
        match (id, all.len()) {
            (_, 0) => bail!("у демона нет ни одной дорожной карты"),
            (None, n) if n > 1 => {
                bail!("муниципалитетов несколько: выберите --municipality из {ids}")
            }
            (id, _) => all
                .into_iter()
                .find(|m| id.is_none_or(|id| m.id == id))
                .ok_or_else(|| anyhow!("такого муниципалитета нет; есть {ids}")),
        }
    }

    /// An instant as the municipality's clocks show it.
    pub fn moment(&self, at: Option<prost_types::Timestamp>) -> String {
        at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
            .map(|at| self.time_zone.to_datetime(at).strftime("%d.%m.%Y %H:%M").to_string())
            .unwrap_or_default()
    }

    pub async fn all_activities(&self) -> anyhow::Result<Vec<v1::Activity>> {
        let request =
            v1::ListActivitiesRequest { parent: self.municipality.clone(), ..Default::default() };
        Ok(all_pages!(self.road_maps(), list_activities, request, activities))
    }

    /// What short names mean in the municipality.
    pub async fn names(&self) -> anyhow::Result<Names> {
        Ok(Names::of(&self.municipality, self.all_activities().await?))
    }

    /// An activity's full name from its number, id or full name.
    pub async fn activity(&self, text: &str) -> anyhow::Result<String> {
        if names::is_full(text) {
            return Ok(text.to_owned());
        }
        self.names().await?.activity(text)
    }

    /// A run's full name from `29/2026-27`.
    pub async fn run(&self, text: &str) -> anyhow::Result<String> {
        if names::is_full(text) {
            return Ok(text.to_owned());
        }
        self.names().await?.run(text)
    }

    /// That an organisation of which nothing was found is one at all: to mistype a code is not to
    /// find nothing. Who has left the registry may still be found by what it did.
    pub async fn is_organisation(&self, code: &str) -> anyhow::Result<()> {
        let request = v1::ListOrganisationsRequest {
            parent: self.municipality.clone(),
            ..Default::default()
        };
        let all = all_pages!(self.organisations(), list_organisations, request, organisations);
        if code.is_empty() || all.iter().any(|one| one.code == code) {
            return Ok(());
        }
        let near = nearest(code, all.iter().map(|one| one.code.as_str()));
        let perhaps = near.map(|near| format!("; может быть, {near}")).unwrap_or_default();
        Err(anyhow!(
            "организации «{code}» в реестре нет{perhaps}. Все коды: vekha organisations list"
        ))
    }

    /// The same of an organisation that a list was narrowed to, where that left nothing of it.
    pub async fn narrowed_to<T>(&self, code: Option<&str>, list: &[T]) -> anyhow::Result<()> {
        match code {
            Some(code) if list.is_empty() => self.is_organisation(code).await,
            _ => Ok(()),
        }
    }

    /// A run's full name, or the name that stands for all runs of the municipality.
    pub async fn run_or_all(&self, run: Option<&str>) -> anyhow::Result<String> {
        match run {
            Some(run) => self.run(run).await,
            None => Ok(format!("{}/activities/-/runs/-", self.municipality)),
        }
    }

    /// The full name of something below a run from `29/2026-27/collect.school-1`.
    pub async fn below(&self, text: &str, collection: &str) -> anyhow::Result<String> {
        if names::is_full(text) {
            return Ok(text.to_owned());
        }
        self.names().await?.below(text, collection)
    }
}

/// A list's filter from the conditions that were given.
pub(super) fn filter<const N: usize>(conditions: [(&str, Option<&str>); N]) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let given =
        conditions.into_iter().filter_map(|(f, v)| Some(format!("{f} = \"{}\"", quoted(v?))));
    given.collect::<Vec<_>>().join(" AND ")
}

/// An id made of what it is for.
fn id_of(said: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(said);
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn user() -> String {
    let name = std::env::var("USER").unwrap_or_default();
    if name.is_empty() { "cli".to_owned() } else { format!("cli:{name}") }
}

/// `low-result-schools/2026-27` for a run's full name, for tables; commands take it as well as
/// `29/2026-27`.
pub(super) fn short(name: &str) -> String {
    let mut segments = name.split('/');
    segments.by_ref().skip(3).step_by(2).collect::<Vec<_>>().join("/")
}
