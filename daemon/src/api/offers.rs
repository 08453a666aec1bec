//! What the caller may do with runs as they stand: the engine's offers, as the calls that take them up.

use jiff::civil::Date;
use tonic::{Request, Response, Status};
use vekha_engine::run::Run;
use vekha_engine::{AssignmentKey, Document, Offer, RunKey, limits, offers};
use vekha_proto::v1::{self, offer_service_server::OfferService};
use vekha_roadmap::RoadMap;

use super::filter::{Conditions, Field, Kind, words};
use super::lists::{self, paging};
use super::mutation::identity;
use super::names::Depth;
use super::{Api, names, status};
use crate::access::Roles;
use crate::offered::{self, Offered};
use crate::store::read::Page;
use crate::store::read::runs::Loaded;

/// Runs that are loaded at once.
const AT_ONCE: u64 = 20;

/// Most runs that are looked at for one page: each is loaded whole.
const LOOKED: usize = 500;

/// Stands in a token between a run's id and the last offer of that run which was given.
const REST: char = '\n';

const FIELDS: [Field; 5] = [
    ("method", Kind::Id),
    ("activity", Kind::Id),
    ("period", Kind::Period),
    words!("state", "RUN_STATE_", RunState),
    ("organisation", Kind::Id),
];

#[tonic::async_trait]
impl OfferService for Api {
    async fn list_offers(
        &self,
        request: Request<v1::ListOffersRequest>,
    ) -> Result<Response<v1::ListOffersResponse>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let conditions = Conditions::parse(&r.filter, &FIELDS)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let mut filter = lists::filter(&parent, &conditions);
        filter.participant = filter.organisation.take();
        let mut page = Page { after: None, limit: AT_ONCE };
        let mut waiting: Vec<(String, Option<Loaded>)> = vec![];
        // The page before may have ended in the midst of a run.
        let mut given = String::new();
        if let Some(token) = paging.page.after.as_deref() {
            let (run, last) = token.split_once(REST).unwrap_or((token, ""));
            page.after = Some(run.to_owned());
            if token.contains(REST) {
                last.clone_into(&mut given);
                waiting = self.loaded_runs(vec![run.to_owned()]).await?;
            }
        }
        let (mut found, mut token, mut looked) = (Vec::new(), String::new(), 0);
        'page: loop {
            for (run, loaded) in std::mem::take(&mut waiting) {
                let of_run = loaded.map(|l| self.offers_of(&l.run, &by.roles, &conditions));
                for (key, offer) in of_run.unwrap_or_default() {
                    if key <= given {
                        continue;
                    }
                    if found.len() as u64 == paging.page.limit {
                        token = paging.after(&format!("{run}{REST}{given}"));
                        break 'page;
                    }
                    found.push(offer);
                    given = key;
                }
                given.clear();
                looked += 1;
                page.after = Some(run);
            }
            if looked >= LOOKED {
                token = page.after.as_deref().map(|run| paging.after(run)).unwrap_or_default();
                break;
            }
            let rows = self.runtime.store().list_runs(&filter, &page).await;
            let rows = rows.map_err(status::unavailable)?;
            if rows.is_empty() {
                break;
            }
            waiting = self.loaded_runs(rows.into_iter().map(|row| row.id).collect()).await?;
        }
        Ok(Response::new(v1::ListOffersResponse { offers: found, next_page_token: token }))
    }
}

impl Api {
    /// These runs in their order; none in the place of one that is gone or cannot be read.
    async fn loaded_runs(&self, ids: Vec<String>) -> Result<Vec<(String, Option<Loaded>)>, Status> {
        let keys: Vec<RunKey> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut loaded = self.runtime.store().runs(&keys).await.map_err(status::unavailable)?;
        let mut own = |id: &String| id.parse().ok().and_then(|key: RunKey| loaded.remove(&key));
        Ok(ids.iter().map(|id| (id.clone(), own(id))).collect())
    }

    /// What may be done with a run by somebody with these roles, in the order of methods and targets.
    fn offers_of(
        &self,
        run: &Run,
        roles: &Roles,
        conditions: &Conditions,
    ) -> Vec<(String, v1::Offer)> {
        let municipality = &run.key.municipality;
        let Some(role) = roles.within(municipality) else { return vec![] };
        let version = self.runtime.road_maps().current(municipality, run.road_map);
        let Some(version) = version else { return vec![] };
        let map = &version.road_map;
        let Some(activity) = map.activity(&run.key.activity) else { return vec![] };
        let today = map.municipality.today(self.runtime.clock().now());
        let call = Call { run, map, today };
        let wanted = conditions.value("organisation");
        let mut all: Vec<(String, v1::Offer)> = offers(activity, run)
            .into_iter()
            .filter(|offer| role >= offered::needs(offer))
            .filter(|offer| wanted.is_none_or(|wanted| offer.organisation() == Some(wanted)))
            .map(|offer| call.describe(&offer))
            .filter(|offer| {
                let name = offer.method.rsplit('.').next().unwrap_or_default();
                conditions.allow("method", name)
            })
            .map(|offer| (format!("{} {}", offer.method, offer.target), offer))
            .collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}

/// What calls are made with.
struct Call<'a> {
    run: &'a Run,
    map: &'a RoadMap,
    today: Date,
}

impl Call<'_> {
    /// An offer as the call that takes it up.
    fn describe(&self, offer: &Offer) -> v1::Offer {
        let run = names::of_run(&self.run.key);
        let assignment = |key: &AssignmentKey| format!("{run}/assignments/{key}");
        let recommendation = |key: &AssignmentKey| format!("{run}/recommendations/{key}");
        let stage = |stage: &String| format!("{run}/stages/{stage}");
        let decision = |number: &usize| format!("{run}/decisions/{number}");
        let measure = |number: &usize| format!("{run}/measures/{number}");
        let reason = || text("reason", limits::REASON).required();
        let named = |name: &str| is("name", name);
        let (target, fields) = match offer {
            Offer::AnswerQuestion => (run.clone(), vec![named(&run), field("answer").required()]),
            Offer::Skip => (run.clone(), vec![named(&run), reason()]),
            Offer::Cancel => (run.clone(), vec![named(&run), reason()]),
            Offer::Retry => (run.clone(), vec![named(&run)]),
            Offer::Entrust => (run.clone(), vec![named(&run), text("keeper", limits::KEEPER)]),
            Offer::Remark => {
                let remark = text("text", limits::REMARK).required();
                (run.clone(), vec![named(&run), remark])
            }
            Offer::Submit(key) => {
                let name = assignment(key);
                let fields = vec![named(&name), field("answers").required()];
                (name, fields)
            }
            Offer::Waive(key) => {
                let name = assignment(key);
                (name.clone(), vec![named(&name), reason()])
            }
            Offer::Extend(key) => {
                let name = assignment(key);
                let fields = vec![named(&name), self.later_than(key), reason()];
                (name, fields)
            }
            Offer::RequestExtension(key) => {
                let name = assignment(key);
                let fields = vec![named(&name), self.later_than(key), reason()];
                (name, fields)
            }
            Offer::DeclineExtension(key) => {
                let name = assignment(key);
                (name.clone(), vec![named(&name), reason()])
            }
            Offer::SendLink(key) => {
                let name = assignment(key);
                let fields = vec![named(&name), field("renew"), text("reason", limits::REASON)];
                (name, fields)
            }
            Offer::ReturnAnswer(key) => {
                let name = assignment(key);
                let comment = text("comment", limits::REASON).required();
                (name.clone(), vec![named(&name), comment, self.not_past()])
            }
            Offer::AcceptAnswers(id) => {
                let fields = vec![named(&run), is("stage", id)];
                (stage(id), fields)
            }
            Offer::Approve(id) => {
                let count = self.run.recommendations.drafts(id).count();
                (stage(id), vec![is("parent", &run), list("names", count)])
            }
            Offer::Release(key) => {
                let name = recommendation(key);
                let fields = vec![is("parent", &run), is("names", &name)];
                (name, fields)
            }
            Offer::Revise(key) => {
                let name = recommendation(key);
                let items = self.run.recommendations.get(key).map_or(0, |r| r.items.len());
                let items = list("recommendation.items", items).required();
                let text = text("recommendation.items.recommendation", limits::RECOMMENDATION);
                let fields = vec![is("recommendation.name", &name), items, text.required()];
                (name, fields)
            }
            Offer::Discard(key) => {
                let name = recommendation(key);
                (name.clone(), vec![named(&name), reason()])
            }
            Offer::RecordDecision(id) => {
                let mut fields = vec![is("parent", &run), is("stage", id)];
                fields.extend(document());
                (stage(id), fields)
            }
            Offer::CorrectDecision(number) => {
                let name = decision(number);
                let mut fields = vec![is("parent", &run), is("corrects", &name)];
                fields.extend(document());
                (name, fields)
            }
            Offer::AttachToDecision(number) => {
                let name = decision(number);
                (name.clone(), vec![named(&name), field("file").required()])
            }
            Offer::AcceptMeasure(number) => {
                let name = measure(number);
                (name.clone(), vec![named(&name)])
            }
            Offer::ReturnMeasure(number) => {
                let name = measure(number);
                let comment = text("comment", limits::REASON).required();
                (name.clone(), vec![named(&name), comment, self.not_past()])
            }
        };
        let Offered { title, method, .. } = offered::of(offer.into());
        let method = method.path().trim_start_matches('/').replace('/', ".");
        v1::Offer { run, method, target, title: title.to_owned(), fields }
    }

    /// A due date later than an assignment has.
    fn later_than(&self, key: &AssignmentKey) -> v1::OfferField {
        let due = self.run.assignments.get(key).map_or(self.today, |a| a.due);
        let next = due.tomorrow().unwrap_or(due).max(self.today);
        self.earliest(next).required()
    }

    /// A due date that has not passed.
    fn not_past(&self) -> v1::OfferField {
        self.earliest(self.today)
    }

    fn earliest(&self, day: Date) -> v1::OfferField {
        let first = self.map.calendar.on_or_after(day).to_string();
        v1::OfferField { earliest: first, ..field("due") }
    }
}

/// The fields of a decision.
fn document() -> Vec<v1::OfferField> {
    let said = Document::default();
    let texts = said.texts().map(|(bounds, _)| v1::OfferField {
        required: bounds.required,
        ..text(bounds.field, bounds.longest)
    });
    let beside = [
        field("date").required(),
        text("measures.text", limits::MEASURE),
        list("attachments", limits::ATTACHMENTS),
    ];
    texts.into_iter().chain(beside).collect()
}

fn field(path: &str) -> v1::OfferField {
    v1::OfferField { path: path.to_owned(), ..v1::OfferField::default() }
}

fn is(path: &str, value: &str) -> v1::OfferField {
    v1::OfferField { value: value.to_owned(), required: true, ..field(path) }
}

fn text(path: &str, most: usize) -> v1::OfferField {
    v1::OfferField { max_length: count(most), ..field(path) }
}

fn list(path: &str, most: usize) -> v1::OfferField {
    v1::OfferField { max_count: count(most), ..field(path) }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Says of a field that it must be given.
trait Required {
    fn required(self) -> Self;
}

impl Required for v1::OfferField {
    fn required(self) -> Self {
        v1::OfferField { required: true, ..self }
    }
}
