//! What waits for a person of the department.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, need_service_server::NeedService};

use super::lists::paging;
use super::{Api, names};
use crate::runtime::views::attention::{Need, attention, in_order};

fn kind(need: &Need) -> v1::NeedKind {
    match need {
        Need::Failed { .. } => v1::NeedKind::Failed,
        Need::Question => v1::NeedKind::Question,
        Need::Silent { .. } => v1::NeedKind::Silent,
        Need::MeasuresOverdue { .. } => v1::NeedKind::MeasuresOverdue,
        Need::Decision { .. } => v1::NeedKind::Decision,
        Need::Wishes { .. } => v1::NeedKind::Wishes,
        Need::Review { .. } => v1::NeedKind::Review,
        Need::Drafts { .. } => v1::NeedKind::Drafts,
        Need::Reports { .. } => v1::NeedKind::Reports,
        Need::Letters { .. } => v1::NeedKind::Letters,
        Need::PutOff { .. } => v1::NeedKind::PutOff,
    }
}

#[tonic::async_trait]
impl NeedService for Api {
    async fn list_needs(
        &self,
        request: Request<v1::ListNeedsRequest>,
    ) -> Result<Response<v1::ListNeedsResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let version = self.newest(&names::municipality("parent", &r.parent)?)?;
        let overview = self.overview(&version, None).await?;
        let needs = attention(&self.runtime, &overview);
        let map = &version.road_map;
        let of_run = |(key, needs): (_, &Vec<Need>)| {
            let key: &vekha_engine::RunKey = key;
            let activity = map.activity(&key.activity);
            let describe = |need: &Need| v1::Need {
                run: names::of_run(key),
                number: activity.map_or(0, |a| a.number),
                short: activity.map_or_else(|| key.activity.clone(), |a| a.short.clone()),
                period_words: key.period.words(),
                kind: kind(need).into(),
                words: need.words(map),
                grave: need.is_grave(),
            };
            needs.iter().map(describe).collect::<Vec<_>>()
        };
        let all: Vec<(usize, v1::Need)> =
            in_order(map, &needs).into_iter().flat_map(of_run).enumerate().collect();
        let place = |(place, _): &(usize, v1::Need)| format!("{place:010}");
        let (needs, next_page_token) = paging.slice(all, place);
        let needs = needs.into_iter().map(|(_, need)| need).collect();
        Ok(Response::new(v1::ListNeedsResponse { needs, next_page_token }))
    }
}
