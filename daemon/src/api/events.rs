//! Events from outside that start runs: «the school was drawn into the NIKO sample».

use tonic::{Request, Response, Status};
use vekha_engine::{RunKey, Why};
use vekha_proto::v1::{self, event_service_server::EventService};
use vekha_roadmap::model::Every;
use vekha_roadmap::period::Period;

use super::{Api, mutation, names, status};
use crate::runtime::committer::Task;
use crate::runtime::{Ask, AskError};

#[tonic::async_trait]
impl EventService for Api {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let r = request.into_inner();
        let municipality = names::municipality("parent", &r.parent)?;
        let version = self.runtime.road_maps().newest(&municipality);
        let version = version.ok_or_else(|| status::not_found(&r.parent))?;
        let today = version.road_map.municipality.today(self.runtime.clock().now());
        let waiting =
            version.road_map.activities.iter().filter(
                |a| matches!(&a.schedule.every, Every::OnEvent { event } if *event == r.event),
            );
        let keys: Vec<RunKey> = waiting
            .map(|a| RunKey {
                municipality: municipality.clone(),
                activity: a.id.clone(),
                period: Period::containing(a.schedule.period, today),
                part: (!r.label.is_empty()).then(|| r.label.clone()),
            })
            .collect();
        if keys.is_empty() {
            return Err(status::invalid("event", format!("события «{}» никто не ждёт", r.event)));
        }
        let whole = mutation!(r, no etag);
        let what = format!("event {} {} {} {:?}", r.parent, r.event, r.label, r.organisations);
        self.before(&whole, &what).await?;
        let mut response = v1::PublishEventResponse::default();
        for key in keys {
            let ask = Ask::Open {
                named: r.organisations.clone(),
                why: Why::Event,
                without_waiting: false,
            };
            let mut mutation = whole.clone();
            if !mutation.request_id.is_empty() {
                mutation.request_id = format!("{}/{}", mutation.request_id, key.activity);
            }
            match self.runtime.ask(mutation.onto(Task::new(key.clone(), ask, ""))?).await {
                // Told again, the same event is no news; one that names others must not be lost.
                Err(AskError::Exists(_))
                    if self.loaded(&key).await?.run.named == r.organisations => {}
                asked => {
                    asked.map_err(|e| {
                        let label =
                            |field: &str| if field == "part" { "label" } else { field }.to_owned();
                        status::refused(e, label)
                    })?;
                }
            }
            if !r.validate_only {
                response.runs.push(self.show_run(&key).await?);
            }
        }
        self.remember(&whole, &what).await?;
        self.runtime.nudge();
        Ok(Response::new(response))
    }
}
