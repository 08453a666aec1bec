//! Events from outside that start runs: «the school was drawn into the NIKO sample».

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, event_service_server::EventService};

use super::mutation::{Asked, Mutation};
use super::{Api, names, status};
use crate::runtime::acts::open::Event;

#[tonic::async_trait]
impl EventService for Api {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let r = Asked::of(request);
        let whole = Mutation::read(&r)?;
        let r = r.message;
        let municipality = names::municipality("parent", &r.parent)?;
        names::distinct("organisations", &r.organisations)?;
        let event =
            Event { municipality, event: r.event, label: r.label, organisations: r.organisations };
        let opened = self.runtime.publish_event(event, whole.caller()).await;
        let label = |field: &str| if field == "part" { "label" } else { field }.to_owned();
        let opened = opened.map_err(|e| status::refused(e, label))?;
        let mut response = v1::PublishEventResponse::default();
        for (key, answered) in opened {
            response.runs.push(self.show_after(&key, answered).await?);
        }
        Ok(Response::new(response))
    }
}
