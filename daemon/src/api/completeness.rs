//! Who was asked for information and what came of it.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, completeness_service_server::CompletenessService};
use vekha_roadmap::answers::FieldError;

use super::names::Depth;
use super::{Api, convert, names, status};
use crate::runtime::views::completeness::{Fate, Scope, Tally, asked, tallies};

pub(super) fn describe(tally: &Tally) -> v1::Tally {
    v1::Tally {
        asked: tally.asked(),
        in_time: tally.count(Fate::InTime),
        late: tally.count(Fate::Late),
        returned: tally.count(Fate::Returned),
        awaited: tally.count(Fate::Awaited),
        silent: tally.count(Fate::Silent),
        waived: tally.count(Fate::Waived),
        returns: tally.returns,
        complete_percent: tally.complete(),
        in_time_percent: tally.in_time(),
    }
}

#[tonic::async_trait]
impl CompletenessService for Api {
    async fn get_completeness(
        &self,
        request: Request<v1::GetCompletenessRequest>,
    ) -> Result<Response<v1::Completeness>, Status> {
        let r = request.into_inner();
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let municipality = parent.municipality.clone();
        let municipality = municipality
            .ok_or_else(|| status::invalid("parent", "назовите муниципалитет: municipalities/m"))?;
        let mut wrong: Vec<FieldError> = Vec::new();
        let mut day = |field: &str, text: &str| {
            (!text.is_empty()).then(|| convert::noted_date(&mut wrong, field, text))
        };
        let (from, to) = (day("from", &r.from), day("to", &r.to));
        if !wrong.is_empty() {
            return Err(status::of(vekha_engine::Refusal::Invalid(wrong).into()));
        }
        let run = match parent.run_id() {
            Some(id) => Some(id.parse().map_err(|e: String| status::invalid("parent", e))?),
            None => None,
        };
        let version = self.runtime.road_maps().newest(&municipality);
        let version = version.ok_or_else(|| status::not_found(&r.parent))?;
        let organisation = (!r.organisation.is_empty()).then(|| r.organisation.clone());
        let scope =
            Scope { municipality, activity: parent.activity.clone(), run, organisation, from, to };
        let asked = asked(&self.runtime, &scope).await.map_err(status::unavailable)?;
        let map = &version.road_map;
        let runs = tallies(&asked, |one| one.run.clone()).into_iter().map(|(run, tally)| {
            let activity = map.activity(&run.activity);
            v1::RunTally {
                run: names::of_run(&run),
                number: activity.map_or(0, |a| a.number),
                short: activity.map_or_else(String::new, |a| a.short.clone()),
                period_words: run.period.words(),
                tally: Some(describe(&tally)),
            }
        });
        let organisations = tallies(&asked, |one| one.key.organisation.clone());
        let organisations = organisations.into_iter().map(|(code, tally)| v1::OrganisationTally {
            short: map.short_name(&code),
            organisation: code,
            tally: Some(describe(&tally)),
        });
        Ok(Response::new(v1::Completeness {
            total: Some(describe(&Tally::of(&asked))),
            runs: runs.collect(),
            organisations: organisations.collect(),
        }))
    }
}
