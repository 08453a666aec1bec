//! Events from outside that start runs: «the school was drawn into the NIKO sample».

use tonic::{Request, Response, Status};
use vekha_engine::{RunKey, Why};
use vekha_proto::v1::{self, event_service_server::EventService};
use vekha_roadmap::model::Every;
use vekha_roadmap::period::Period;

use super::mutation::mutation;
use super::{Api, names, status};
use crate::runtime::committer::Task;
use crate::runtime::seen::Thing;
use crate::runtime::{Ask, AskError};

#[tonic::async_trait]
impl EventService for Api {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let r = request.into_inner();
        let whole = mutation!(r, no etag)?;
        let municipality = names::municipality("parent", &r.parent)?;
        names::distinct("organisations", &r.organisations)?;
        let mut response = v1::PublishEventResponse::default();
        if let Some(made) = self.before(&whole).await? {
            for id in made.lines() {
                let key = id.parse().map_err(status::unavailable)?;
                response.runs.push(self.show_run(&key).await?);
            }
            return Ok(Response::new(response));
        }
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
        let mut made = Vec::new();
        for mut key in keys {
            let ask = Ask::Open {
                named: r.organisations.clone(),
                why: Why::Event,
                without_waiting: false,
            };
            let mutation = whole.of_step(&key.activity);
            let task = mutation.onto(Task::new(key.clone(), ask, ""), Thing::Run);
            let shown = match self.runtime.carry_out(task).await {
                // Told again, the same event is no news; one that names others must not be lost.
                Err(AskError::Exists(_))
                    if self.loaded(&key).await?.run.named == r.organisations =>
                {
                    self.show_run(&key).await?
                }
                asked => {
                    let answered = asked.map_err(|e| {
                        let label =
                            |field: &str| if field == "part" { "label" } else { field }.to_owned();
                        status::refused(e, label)
                    })?;
                    // Repeated, it means the run that it opened then.
                    key = answered.made.parse().unwrap_or(key);
                    self.show_after(&key, answered).await?
                }
            };
            response.runs.push(shown);
            made.push(key.to_string());
        }
        self.remember(&whole, made.join("\n")).await?;
        self.runtime.nudge();
        Ok(Response::new(response))
    }
}
