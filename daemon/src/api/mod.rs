//! gRPC: translate, call, translate back. Whatever the rules are, they are not here.

mod access;
mod activities;
mod assignments;
mod backups;
mod bounds;
mod completeness;
pub mod convert;
mod daemon;
mod decisions;
mod documents;
mod downloads;
mod effects;
mod events;
pub(crate) mod figures;
mod filter;
mod imports;
mod journal;
pub(crate) mod lasting;
mod listeners;
mod lists;
mod measures;
mod mutation;
mod names;
mod needs;
mod offers;
mod organisations;
mod outbox;
mod people;
pub(crate) mod permits;
mod plugins;
pub(crate) mod reason;
mod recommendations;
mod road_maps;
pub mod runs;
pub(crate) mod status;
mod submissions;
mod tokens;

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService as _;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use vekha_engine::{Command, RunKey};
use vekha_proto::v1;
use vekha_roadmap::answers::FieldError;

use crate::runtime::committer::Answered;
use crate::runtime::seen::Thing;
use crate::runtime::{Ask, Runtime};
use crate::store::read::Page;

use filter::Conditions;
use mutation::Mutation;
use names::{Depth, Parent};

/// All services over one runtime.
#[derive(Debug, Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
}

/// Whether a call that lists mistakes is asked to; only a trial can be.
fn lists_mistakes(list: bool, validate_only: bool) -> Result<bool, Status> {
    match (list, validate_only) {
        (true, false) => Err(status::invalid("list_mistakes", "только вместе с validate_only")),
        _ => Ok(list),
    }
}

/// Largest message that carries files, in bytes.
pub(crate) const LARGEST_FILE_CALL: usize = 32 << 20;

/// A service that takes and gives messages in gzip, to whoever says that they do. How large one may be
/// is counted unpacked.
macro_rules! packed {
    ($service:expr) => {
        $service
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
    };
}

impl Api {
    /// The services over a runtime.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Api { runtime }
    }

    /// The parent of a list, which must be there; `-` is whatever there is.
    async fn parent(&self, text: &str, deepest: Depth) -> Result<Parent, Status> {
        self.parent_saying(text, deepest, names::BY_FILTER).await
    }

    /// The same of a call that says this of a run whose activity is not named.
    async fn parent_saying(
        &self,
        text: &str,
        deepest: Depth,
        of_run_alone: &str,
    ) -> Result<Parent, Status> {
        let parent = Parent::parse("parent", text, deepest, of_run_alone)?;
        let (store, maps) = (self.runtime.store(), self.runtime.road_maps());
        let newest = match &parent.municipality {
            Some(municipality) => maps.newest(municipality).into_iter().collect(),
            None => maps.all_newest(),
        };
        let is_there = match (&parent.activity, parent.run_id(), &parent.assignment) {
            (_, Some(run), Some(below)) => store
                .assignment(&format!("{run}/{below}"))
                .await
                .map_err(status::unavailable)?
                .is_some(),
            (None, ..) => !newest.is_empty(),
            (Some(id), None, _) if newest.iter().any(|v| v.road_map.activity(id).is_some()) => true,
            // What the road map no longer has may have run before.
            _ => {
                let filter = lists::filter(&parent, &Conditions::default());
                let runs = store.list_runs(&filter, &Page::first(1)).await;
                !runs.map_err(status::unavailable)?.is_empty()
            }
        };
        if is_there { Ok(parent) } else { Err(status::not_found(text)) }
    }

    /// Carries out a command; the etag is that of this thing.
    async fn step(
        &self,
        run: RunKey,
        command: Command,
        what: Thing,
        mutation: &Mutation,
    ) -> Result<Answered, Status> {
        let answered = self.runtime.act(run, Ask::Step(command), mutation.of(what)).await;
        answered.map_err(status::of)
    }

    /// The same where some fields may not even read, and with fields called as the request calls
    /// them.
    async fn step_with(
        &self,
        wrong: Vec<FieldError>,
        run: RunKey,
        command: Command,
        what: Thing,
        mutation: &Mutation,
        field: impl Fn(&str) -> String,
    ) -> Result<Answered, Status> {
        let ask = Ask::Step(command);
        let answered = self.runtime.act_if_right(wrong, run, ask, mutation.of(what)).await;
        answered.map_err(|e| status::refused(e, field))
    }

    /// What a call that is no single step of a run made before, under its request id.
    async fn before(&self, mutation: &Mutation) -> Result<Option<String>, Status> {
        self.runtime.made_before(&mutation.caller()).await.map_err(status::of)
    }

    /// Keeps what such a call made.
    async fn remember(&self, mutation: &Mutation, made: String) -> Result<(), Status> {
        self.runtime.remember(&mutation.caller(), made).await.map_err(status::of)
    }

    /// The services as routes of the daemon's one port, health and reflection among them.
    ///
    /// # Errors
    /// When the contract's own description does not read, which a test would have told.
    pub async fn routes(self) -> anyhow::Result<Routes> {
        use v1::{
            access_service_server::AccessServiceServer,
            assignment_service_server::AssignmentServiceServer,
            backup_service_server::BackupServiceServer,
            completeness_service_server::CompletenessServiceServer,
            decision_service_server::DecisionServiceServer,
            document_service_server::DocumentServiceServer,
            effect_service_server::EffectServiceServer, event_service_server::EventServiceServer,
            journal_service_server::JournalServiceServer,
            listener_service_server::ListenerServiceServer,
            measure_service_server::MeasureServiceServer, need_service_server::NeedServiceServer,
            offer_service_server::OfferServiceServer,
            organisation_service_server::OrganisationServiceServer,
            outbox_service_server::OutboxServiceServer, person_service_server::PersonServiceServer,
            plugin_service_server::PluginServiceServer,
            recommendation_service_server::RecommendationServiceServer,
            road_map_service_server::RoadMapServiceServer, run_service_server::RunServiceServer,
            status_service_server::StatusServiceServer, token_service_server::TokenServiceServer,
        };
        let served = [
            RoadMapServiceServer::<Api>::NAME,
            RunServiceServer::<Api>::NAME,
            AssignmentServiceServer::<Api>::NAME,
            RecommendationServiceServer::<Api>::NAME,
            DecisionServiceServer::<Api>::NAME,
            MeasureServiceServer::<Api>::NAME,
            OrganisationServiceServer::<Api>::NAME,
            EventServiceServer::<Api>::NAME,
            OutboxServiceServer::<Api>::NAME,
            JournalServiceServer::<Api>::NAME,
            CompletenessServiceServer::<Api>::NAME,
            NeedServiceServer::<Api>::NAME,
            OfferServiceServer::<Api>::NAME,
            EffectServiceServer::<Api>::NAME,
            StatusServiceServer::<Api>::NAME,
            AccessServiceServer::<Api>::NAME,
            PersonServiceServer::<Api>::NAME,
            TokenServiceServer::<Api>::NAME,
            ListenerServiceServer::<Api>::NAME,
            PluginServiceServer::<Api>::NAME,
            DocumentServiceServer::<Api>::NAME,
            BackupServiceServer::<Api>::NAME,
        ];
        let (health, health_service) = tonic_health::server::health_reporter();
        let names: Vec<String> = served.iter().chain(&[""]).map(|&name| name.to_owned()).collect();
        report(&health, &names, &self.runtime).await;
        tokio::spawn(keep_reporting(health, names, self.runtime.clone()));
        // The contract describes the plugins' services, too; those are not served here and must not
        // be listed as if they were.
        let reflection = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(vekha_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            served.iter().fold(builder, |builder, name| builder.with_service_name(*name))
        };
        let mut routes = Routes::builder();
        routes
            .add_service(health_service)
            .add_service(
                reflection().with_service_name("grpc.reflection.v1.ServerReflection").build_v1()?,
            )
            .add_service(
                reflection()
                    .with_service_name("grpc.reflection.v1alpha.ServerReflection")
                    .build_v1alpha()?,
            )
            .add_service(packed!(RoadMapServiceServer::new(self.clone())))
            .add_service(packed!(RunServiceServer::new(self.clone())))
            .add_service(packed!(
                AssignmentServiceServer::new(self.clone())
                    .max_decoding_message_size(LARGEST_FILE_CALL)
                    .max_encoding_message_size(LARGEST_FILE_CALL)
            ))
            .add_service(packed!(RecommendationServiceServer::new(self.clone())))
            .add_service(packed!(
                DecisionServiceServer::new(self.clone())
                    .max_decoding_message_size(LARGEST_FILE_CALL)
                    .max_encoding_message_size(LARGEST_FILE_CALL)
            ))
            .add_service(packed!(
                MeasureServiceServer::new(self.clone())
                    .max_decoding_message_size(LARGEST_FILE_CALL)
            ))
            .add_service(packed!(OrganisationServiceServer::new(self.clone())))
            .add_service(packed!(EventServiceServer::new(self.clone())))
            .add_service(packed!(OutboxServiceServer::new(self.clone())))
            .add_service(packed!(CompletenessServiceServer::new(self.clone())))
            .add_service(packed!(NeedServiceServer::new(self.clone())))
            .add_service(packed!(OfferServiceServer::new(self.clone())))
            .add_service(packed!(EffectServiceServer::new(self.clone())))
            .add_service(packed!(StatusServiceServer::new(self.clone())))
            .add_service(packed!(AccessServiceServer::new(self.clone())))
            .add_service(packed!(PersonServiceServer::new(self.clone())))
            .add_service(packed!(TokenServiceServer::new(self.clone())))
            .add_service(packed!(ListenerServiceServer::new(self.clone())))
            .add_service(packed!(PluginServiceServer::new(self.clone())))
            // What these give is compressed already.
            .add_service(DocumentServiceServer::new(self.clone()))
            .add_service(BackupServiceServer::new(self.clone()))
            .add_service(packed!(JournalServiceServer::new(self)));
        Ok(routes.routes())
    }
}

/// Says of all services whether they can be called: as long as the database takes what it is told.
async fn report(health: &HealthReporter, names: &[String], runtime: &Runtime) {
    let well = runtime.wellbeing().borrow().is_none();
    let status = if well { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in names {
        health.set_service_status(name, status).await;
    }
}

/// Waits for the daemon's end.
async fn ended(ending: &mut watch::Receiver<bool>) {
    ending.wait_for(|ending| *ending).await.ok();
}

/// Goes on saying so until the daemon ends; those who watch are told at once.
async fn keep_reporting(health: HealthReporter, names: Vec<String>, runtime: Arc<Runtime>) {
    let (mut wellbeing, mut ending) = (runtime.wellbeing(), runtime.ending());
    loop {
        tokio::select! {
            () = ended(&mut ending) => break,
            _ = wellbeing.changed() => report(&health, &names, &runtime).await,
        }
    }
    for name in names {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
}
