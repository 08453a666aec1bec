//! Addressed recommendations: drafts, their release, their acknowledgement.

use jiff::civil::Date;
use tonic::{Request, Response, Status};
use vekha_engine::run::{Recommendation, RecommendationState};
use vekha_engine::{AssignmentKey, Command, Origin, RunKey};
use vekha_proto::v1::{self, recommendation_service_server::RecommendationService};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::names::Depth;
use super::{Api, convert, lists, lists_mistakes, names, status};
use crate::runtime::seen::{Thing, etag};
use crate::runtime::views::recommended::recommended_on;
use crate::store::document;
use crate::wire::Twin as _;

impl Api {
    async fn recommendation(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Recommendation, Status> {
        let found = self.runtime.store().recommendation(run, key).await;
        found
            .map_err(status::unavailable)?
            .ok_or_else(|| status::not_found(format!("рекомендация {run}/{key}")))
    }

    fn describe_recommendation(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
        r: &Recommendation,
    ) -> v1::Recommendation {
        let name = names::of_run(run);
        let date = self.recommended_on(run, r);
        v1::Recommendation {
            name: format!("{name}/recommendations/{key}"),
            stage: key.stage.clone(),
            organisation: key.organisation.clone(),
            state: r.state.wire().into(),
            items: r.items.iter().map(convert::finding).collect(),
            issued_at: r.issued_at.map(convert::timestamp),
            acknowledged_at: r.acknowledged_at.map(convert::timestamp),
            report: r.report.clone(),
            reported_at: r.reported_at.map(convert::timestamp),
            drafted_at: r.drafted_at.map(convert::timestamp),
            discarded_at: r.discarded_at.map(convert::timestamp),
            reason: r.reason.clone(),
            date: date.map(|date| date.to_string()).unwrap_or_default(),
            assignment: match r.issued_at {
                Some(_) => format!("{name}/assignments/{key}"),
                None => String::new(),
            },
            etag: etag(r),
            mistakes: vec![],
            run: name,
        }
    }

    /// The day that a recommendation is counted by.
    fn recommended_on(&self, run: &RunKey, r: &Recommendation) -> Option<Date> {
        let version = self.runtime.road_maps().newest(&run.municipality)?;
        Some(recommended_on(&version.road_map.municipality, run, r))
    }

    async fn change_recommendation(
        &self,
        run: RunKey,
        key: AssignmentKey,
        command: Command,
        mutation: Mutation,
    ) -> Result<Response<v1::Recommendation>, Status> {
        self.recommendation(&run, &key).await?;
        let what = Thing::Recommendation(key.clone());
        let (wrong, at) = (vec![], run.clone());
        let answered = self.step_with(wrong, at, command, what, &mutation, requested).await?;
        if let Some(would_be) = answered.would_be
            && let Some(now) = would_be.run.recommendations.get(&key)
        {
            let shown = self.describe_recommendation(&run, &key, now);
            return Ok(Response::new(v1::Recommendation { etag: String::new(), ..shown }));
        }
        let now = self.recommendation(&run, &key).await?;
        Ok(Response::new(self.describe_recommendation(&run, &key, &now)))
    }

    /// Rewrites a draft.
    async fn revise(
        &self,
        mut r: Asked<v1::UpdateRecommendationRequest>,
    ) -> Result<Response<v1::Recommendation>, Status> {
        Mutation::read(&r)?;
        let wanted = r.message.recommendation.take().unwrap_or_default();
        let paths = r.update_mask.clone().map(|m| m.paths).unwrap_or_default();
        if paths.iter().any(|p| p != "items" && p != "*") {
            return Err(status::invalid("update_mask", "менять можно только items"));
        }
        let (run, key) = names::assigned("recommendation.name", &wanted.name, "recommendations")?;
        let texts = wanted.items.iter().map(|i| i.recommendation.clone()).collect();
        // Only this is asked; the rest is what the caller was shown.
        let text = |item: v1::Finding| v1::Finding {
            recommendation: item.recommendation,
            ..v1::Finding::default()
        };
        r.message.recommendation = Some(v1::Recommendation {
            name: wanted.name,
            items: wanted.items.into_iter().map(text).collect(),
            ..v1::Recommendation::default()
        });
        let command = Command::Revise { recommendation: key.clone(), texts };
        let mutation = Mutation { etag: wanted.etag, ..Mutation::read(&r)? };
        self.change_recommendation(run, key, command, mutation).await
    }
}

/// A field of a recommendation as requests call it.
fn requested(field: &str) -> String {
    match field.strip_prefix("texts") {
        Some("") => "recommendation.items".to_owned(),
        Some(number) => format!("recommendation.items{number}.recommendation"),
        None => field.to_owned(),
    }
}

#[tonic::async_trait]
impl RecommendationService for Api {
    async fn list_recommendations(
        &self,
        request: Request<v1::ListRecommendationsRequest>,
    ) -> Result<Response<v1::ListRecommendationsResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            words!("state", "RECOMMENDATION_STATE_", RecommendationState),
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("stage", Kind::Id),
            ("date", Kind::Day),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let filter = lists::filter(&parent, &conditions);
        let dated = conditions.days("date") != (None, None);
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows =
                store.list_recommendations(&filter, page).await.map_err(status::unavailable)?;
            let mut turned = Vec::with_capacity(rows.len());
            for row in &rows {
                let body = document::<Recommendation>(&row.id, &row.body);
                let body = store.readable(&row.id, body).map_err(status::unavailable)?;
                let read = body.zip(row.run.parse::<RunKey>().ok());
                turned.push(read.and_then(|(body, run)| {
                    let key = AssignmentKey::new(&row.stage, &row.organisation);
                    let date = self.recommended_on(&run, &body);
                    let wanted =
                        !dated || date.is_some_and(|date| conditions.allow_day("date", date));
                    wanted.then(|| self.describe_recommendation(&run, &key, &body))
                }));
            }
            walk.take(rows.iter().map(|row| row.id.clone()).zip(turned));
        }
        let (recommendations, next_page_token) = walk.end();
        Ok(Response::new(v1::ListRecommendationsResponse { recommendations, next_page_token }))
    }

    async fn get_recommendation(
        &self,
        request: Request<v1::GetRecommendationRequest>,
    ) -> Result<Response<v1::Recommendation>, Status> {
        let name = request.into_inner().name;
        let (run, key) = names::assigned("name", &name, "recommendations")?;
        let found = self.recommendation(&run, &key).await?;
        Ok(Response::new(self.describe_recommendation(&run, &key, &found)))
    }

    async fn update_recommendation(
        &self,
        request: Request<v1::UpdateRecommendationRequest>,
    ) -> Result<Response<v1::Recommendation>, Status> {
        let r = Asked::of(request);
        let listing = lists_mistakes(r.list_mistakes, r.validate_only)?;
        let list = |mistakes| v1::Recommendation { mistakes, ..v1::Recommendation::default() };
        status::listed(listing, self.revise(r).await, list)
    }

    async fn approve_recommendations(
        &self,
        request: Request<v1::ApproveRecommendationsRequest>,
    ) -> Result<Response<v1::ApproveRecommendationsResponse>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let run = names::run("parent", &r.parent)?;
        names::distinct("names", &r.names)?;
        let mut keys = Vec::new();
        for name in &r.names {
            let (of, key) = names::assigned("names", name, "recommendations")?;
            if of != run {
                return Err(status::invalid("names", format!("{name}: другого выполнения")));
            }
            keys.push(key);
        }
        let loaded = self.loaded(&run).await?.run;
        if keys.is_empty() {
            let draft = |r: &Recommendation| r.state == RecommendationState::Draft;
            keys = loaded
                .recommendations
                .iter()
                .filter(|(_, r)| draft(r))
                .map(|(k, _)| k.clone())
                .collect();
        }
        // Repeated under the same request id there may be no drafts left, or others; the task tells.
        let stage = keys
            .first()
            .or_else(|| loaded.recommendations.keys().next())
            .map(|k| k.stage.clone())
            .ok_or_else(|| status::not_found(format!("рекомендации {run}")))?;
        if keys.iter().any(|k| k.stage != stage) {
            return Err(status::invalid("names", "рекомендации разных этапов — разными вызовами"));
        }
        let named = !r.names.is_empty();
        let organisations =
            if named { keys.iter().map(|k| k.organisation.clone()).collect() } else { vec![] };
        let command = Command::Approve { stage, organisations, outgoing: r.outgoing.clone() };
        let answered = self.step(run.clone(), command, Thing::Run, &mutation).await?;
        let tried = answered.would_be.is_some();
        if !answered.made.is_empty() {
            keys = answered.made.lines().filter_map(|name| name.parse().ok()).collect();
        }
        let loaded = self.after(&run, answered).await?.run;
        let recommendations = keys
            .iter()
            .filter_map(|key| {
                let now = loaded.recommendations.get(key)?;
                let mut shown = self.describe_recommendation(&run, key, now);
                if tried {
                    shown.etag.clear();
                }
                Some(shown)
            })
            .collect();
        Ok(Response::new(v1::ApproveRecommendationsResponse { recommendations }))
    }

    async fn discard_recommendation(
        &self,
        request: Request<v1::DiscardRecommendationRequest>,
    ) -> Result<Response<v1::Recommendation>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let (run, key) = names::assigned("name", &r.name, "recommendations")?;
        let command = Command::Discard { recommendation: key.clone(), reason: r.reason.clone() };
        self.change_recommendation(run, key, command, mutation).await
    }

    async fn acknowledge_recommendation(
        &self,
        request: Request<v1::AcknowledgeRecommendationRequest>,
    ) -> Result<Response<v1::Recommendation>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let (run, key) = names::assigned("name", &r.name, "recommendations")?;
        let command = Command::Submit {
            assignment: key.clone(),
            answers: [("report".to_owned(), r.report.clone().into())].into_iter().collect(),
            origin: Origin::Api,
        };
        self.change_recommendation(run, key, command, mutation).await
    }
}
