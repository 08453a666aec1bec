//! gRPC: translate, call, translate back. Whatever the rules are, they are not here.

mod assignments;
mod completeness;
pub mod convert;
mod decisions;
mod effects;
mod events;
pub(crate) mod figures;
mod journal;
mod lists;
mod measures;
mod names;
mod organisations;
mod outbox;
mod recommendations;
mod road_maps;
pub mod runs;
mod status;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::server::NamedService as _;
use tonic::service::Routes;
use vekha_engine::journal::hex;
use vekha_engine::{Command, Refusal, RunKey};
use vekha_proto::v1;
use vekha_roadmap::answers::FieldError;

use crate::runtime::committer::Task;
use crate::runtime::{Ask, AskError, Runtime};

/// All services over one runtime.
#[derive(Debug, Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
}

/// What every mutation carries.
#[derive(Debug, Clone)]
struct Mutation {
    etag: String,
    actor: String,
    request_id: String,
    validate_only: bool,
}

/// The common fields of a mutation's request.
macro_rules! mutation {
    ($request:ident) => {
        $crate::api::Mutation {
            etag: $request.etag.clone(),
            actor: $request.actor.clone(),
            request_id: $request.request_id.clone(),
            validate_only: $request.validate_only,
        }
    };
    ($request:ident, no etag) => {
        $crate::api::Mutation {
            etag: String::new(),
            actor: $request.actor.clone(),
            request_id: $request.request_id.clone(),
            validate_only: $request.validate_only,
        }
    };
}
use mutation;

impl Mutation {
    /// Who asks, for the journal.
    fn actor(&self) -> Result<String, Status> {
        match self.actor.trim() {
            "" => Ok("api".to_owned()),
            actor if actor.chars().count() > 200 => {
                Err(status::invalid("actor", "не длиннее 200 знаков"))
            }
            actor => Ok(actor.to_owned()),
        }
    }

    /// Puts the common fields onto a task. The etag of a run is its revision.
    fn onto(&self, task: Task) -> Result<Task, Status> {
        if self.request_id.len() > 200 {
            return Err(status::invalid("request_id", "не длиннее 200 знаков"));
        }
        let revision = match self.etag.as_str() {
            "" => None,
            etag => Some(etag.parse().map_err(|_| status::stale())?),
        };
        Ok(Task {
            actor: self.actor()?,
            request: (!self.request_id.is_empty()).then(|| self.request_id.clone()),
            validate_only: self.validate_only,
            revision,
            ..task
        })
    }

    /// Compares the etag of something below a run with what is there now; the run's own is then
    /// not compared. A stale one is left to the committer to refuse, for the call may be the
    /// repetition of the very one that made it stale.
    fn seen(mut self, content: &str) -> Self {
        if self.is_stale(content) {
            NEVER.clone_into(&mut self.etag);
        } else {
            self.etag.clear();
        }
        self
    }

    fn is_stale(&self, content: &str) -> bool {
        !self.etag.is_empty() && self.etag != convert::etag(content)
    }
}

/// A revision that no run has.
const NEVER: &str = "-1";

/// What a call asks, as a hash: the same request id must not ask for something else.
fn digest(what: &str) -> String {
    hex(&Sha256::digest(what.as_bytes()))
}

/// Largest message that carries files, in bytes.
pub(crate) const LARGEST_FILE_CALL: usize = 32 << 20;

impl Api {
    /// The services over a runtime.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Api { runtime }
    }

    async fn ask(&self, task: Task, mutation: Mutation) -> Result<(), Status> {
        self.runtime.ask(mutation.onto(task)?).await.map_err(status::of)?;
        self.runtime.nudge();
        Ok(())
    }

    /// Whether a call that is no single step of a run was carried out before, under its request id.
    async fn before(&self, mutation: &Mutation, what: &str) -> Result<bool, Status> {
        if mutation.request_id.is_empty() {
            return Ok(false);
        }
        let batch = self.runtime.store().begin().await.map_err(status::unavailable)?;
        let ids = [mutation.request_id.as_str()];
        let mut known = batch.requests(&ids).await.map_err(status::unavailable)?;
        batch.rollback().await.map_err(status::unavailable)?;
        match known.remove(&mutation.request_id) {
            None => Ok(false),
            Some(before) if before == digest(what) => Ok(true),
            Some(_) => Err(status::of(AskError::RequestReused)),
        }
    }

    /// Keeps the request id of such a call. It follows the call, not commits with it: a daemon that
    /// dies in between does again what is harmless when done twice at once.
    async fn remember(&self, mutation: &Mutation, what: &str) -> Result<(), Status> {
        if mutation.request_id.is_empty() || mutation.validate_only {
            return Ok(());
        }
        let mut batch = self.runtime.store().begin().await.map_err(status::unavailable)?;
        let known = batch.requests(&[mutation.request_id.as_str()]).await;
        if known.map_err(status::unavailable)?.is_empty() {
            batch.remember(&mutation.request_id, digest(what), self.runtime.clock().now());
        }
        batch.commit().await.map_err(status::unavailable)
    }

    /// A step some of whose fields did not even read: told together with those that the engine
    /// refuses.
    async fn step_with(
        &self,
        wrong: Vec<FieldError>,
        run: RunKey,
        command: Command,
        mut mutation: Mutation,
    ) -> Result<(), Status> {
        if wrong.is_empty() {
            return self.step(run, command, mutation).await;
        }
        mutation.validate_only = true;
        let mut all = wrong;
        let task = mutation.onto(Task::new(run, Ask::Step(command), ""))?;
        match self.runtime.ask(task).await {
            Err(AskError::Refused(Refusal::Invalid(more))) => {
                let known: Vec<String> = all.iter().map(|e| e.field.clone()).collect();
                all.extend(more.into_iter().filter(|e| !known.contains(&e.field)));
            }
            Err(e) => return Err(status::of(e)),
            Ok(_) => {}
        }
        Err(status::of(Refusal::Invalid(all).into()))
    }

    async fn step(&self, run: RunKey, command: Command, mutation: Mutation) -> Result<(), Status> {
        self.ask(Task::new(run, Ask::Step(command), ""), mutation).await
    }

    /// The services as routes of the daemon's one port, health and reflection among them.
    ///
    /// # Errors
    /// When the contract's own description does not read, which a test would have told.
    pub async fn routes(self) -> anyhow::Result<Routes> {
        use v1::{
            assignment_service_server::AssignmentServiceServer,
            completeness_service_server::CompletenessServiceServer,
            decision_service_server::DecisionServiceServer,
            effect_service_server::EffectServiceServer, event_service_server::EventServiceServer,
            journal_service_server::JournalServiceServer,
            measure_service_server::MeasureServiceServer,
            organisation_service_server::OrganisationServiceServer,
            outbox_service_server::OutboxServiceServer,
            recommendation_service_server::RecommendationServiceServer,
            road_map_service_server::RoadMapServiceServer, run_service_server::RunServiceServer,
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
            EffectServiceServer::<Api>::NAME,
        ];
        let (health, health_service) = tonic_health::server::health_reporter();
        for name in served.iter().chain(&[""]) {
            health.set_service_status(*name, tonic_health::ServingStatus::Serving).await;
        }
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
            .add_service(RoadMapServiceServer::new(self.clone()))
            .add_service(RunServiceServer::new(self.clone()))
            .add_service(
                AssignmentServiceServer::new(self.clone())
                    .max_decoding_message_size(LARGEST_FILE_CALL)
                    .max_encoding_message_size(LARGEST_FILE_CALL),
            )
            .add_service(RecommendationServiceServer::new(self.clone()))
            .add_service(
                DecisionServiceServer::new(self.clone())
                    .max_decoding_message_size(LARGEST_FILE_CALL)
                    .max_encoding_message_size(LARGEST_FILE_CALL),
            )
            .add_service(MeasureServiceServer::new(self.clone()))
            .add_service(OrganisationServiceServer::new(self.clone()))
            .add_service(EventServiceServer::new(self.clone()))
            .add_service(OutboxServiceServer::new(self.clone()))
            .add_service(CompletenessServiceServer::new(self.clone()))
            .add_service(EffectServiceServer::new(self.clone()))
            .add_service(JournalServiceServer::new(self));
        Ok(routes.routes())
    }
}
