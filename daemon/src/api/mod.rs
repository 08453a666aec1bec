//! gRPC: translate, call, translate back. Whatever the rules are, they are not here.

mod assignments;
pub(crate) mod convert;
mod decisions;
mod events;
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

use tonic::Status;
use tonic::service::Routes;
use vekha_engine::{Command, RunKey};
use vekha_proto::v1;

use crate::runtime::committer::Task;
use crate::runtime::{Ask, Runtime};

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
    /// not compared.
    fn seen(mut self, content: &str) -> Result<Self, Status> {
        if !self.etag.is_empty() && self.etag != convert::etag(content) {
            return Err(status::stale());
        }
        self.etag.clear();
        Ok(self)
    }
}

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
            decision_service_server::DecisionServiceServer,
            event_service_server::EventServiceServer, journal_service_server::JournalServiceServer,
            measure_service_server::MeasureServiceServer,
            organisation_service_server::OrganisationServiceServer,
            outbox_service_server::OutboxServiceServer,
            recommendation_service_server::RecommendationServiceServer,
            road_map_service_server::RoadMapServiceServer, run_service_server::RunServiceServer,
        };
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<RunServiceServer<Api>>().await;
        health.set_service_status("", tonic_health::ServingStatus::Serving).await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(vekha_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut routes = Routes::builder();
        routes
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .add_service(RoadMapServiceServer::new(self.clone()))
            .add_service(RunServiceServer::new(self.clone()))
            .add_service(AssignmentServiceServer::new(self.clone()))
            .add_service(RecommendationServiceServer::new(self.clone()))
            .add_service(DecisionServiceServer::new(self.clone()))
            .add_service(MeasureServiceServer::new(self.clone()))
            .add_service(OrganisationServiceServer::new(self.clone()))
            .add_service(EventServiceServer::new(self.clone()))
            .add_service(OutboxServiceServer::new(self.clone()))
            .add_service(JournalServiceServer::new(self));
        Ok(routes.routes())
    }
}
