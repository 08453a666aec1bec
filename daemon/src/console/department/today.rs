//! What waits for whoever has signed in: of all municipalities in which they work, by urgency; first
//! what they themselves may bring on, then what waits for others. What can be done in one step is done
//! from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::RunKey;

use crate::access::Role;
use crate::console::department::actions::told;
use crate::console::department::administrator::{self, name, need};
use crate::console::department::{live, outbox};
use crate::console::frame::access::{self, Person};
use crate::console::frame::paging::{Asked, asked};
use crate::console::frame::{problem, view};
use crate::console::people::own::saved_filters;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::{Need, attention, divided, in_order};
use crate::runtime::views::overview::Overview;
use crate::store::StoreError;

/// Whose: what the list is narrowed to.
const WHOSE: [(&str, &str); 3] = [("", "всё"), ("mine", "за мной"), ("nobody", "ни за кем")];

/// What waits, and for whom.
#[derive(Default)]
struct Waiting {
    /// For whoever looks.
    own: Vec<Value>,
    /// For those who have another role, or see to the run.
    others: Vec<Value>,
    /// Whose letters are held, and why.
    held: Vec<String>,
}

/// `GET /today?whose=mine`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Query(query): Query<Asked>,
) -> Response {
    let live = live::of_all(&runtime).await;
    let maps = access::road_maps(&runtime, &person);
    let mut waiting = Waiting::default();
    for version in &maps {
        if let Err(e) =
            gather(&runtime, version, &person, &query, &mut waiting, maps.len() > 1).await
        {
            return problem::unavailable(&e);
        }
    }
    let mut context = match maps.as_slice() {
        [only] => administrator::context(&runtime, only, &person),
        _ => access::head(&runtime, &person),
    };
    // A grave matter of one municipality goes before a light one of another.
    let by_gravity = |line: &Value| line["grave"] != true;
    waiting.own.sort_by_key(by_gravity);
    waiting.others.sort_by_key(by_gravity);
    let whose = asked(&query, "whose");
    context["own"] = waiting.own.into();
    context["others"] = waiting.others.into();
    context["held"] = waiting.held.into();
    context["called"] = json!(person.name());
    context["whose"] = WHOSE
        .iter()
        .map(|(word, words)| {
            let link =
                if word.is_empty() { "/today".to_owned() } else { format!("/today?whose={word}") };
            json!({ "link": link, "words": words, "chosen": *word == whose })
        })
        .collect();
    context["filters"] = match person.person() {
        Some(own) => match runtime.saved_filters(&own.id).await {
            Ok(saved) => saved_filters(&saved),
            Err(e) => return problem::unavailable(&e),
        },
        None => json!([]),
    };
    context["live"] = live.into();
    context["notice"] = json!(query.get("done").and_then(|word| told::notice(word)));
    view::page(StatusCode::OK, "today.html", &context)
}

/// Adds what waits in a municipality.
async fn gather(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    query: &Asked,
    waiting: &mut Waiting,
    several: bool,
) -> Result<(), StoreError> {
    let map = &version.road_map;
    let role = person.role_in(map);
    let overview = Overview::load(runtime, version, None).await?;
    waiting.held.extend(overview.letters_held().map(|held| outbox::held_words(map, held)));
    let needs = attention(runtime, &overview);
    let keepers: BTreeMap<&RunKey, &str> =
        overview.standings.iter().map(|s| (&s.run.key, s.run.keeper.as_str())).collect();
    for (key, needs) in in_order(map, &needs) {
        let keeper = keepers.get(key).copied().unwrap_or_default();
        let mine = !keeper.is_empty() && Some(keeper) == person.name();
        let meant = match asked(query, "whose") {
            "mine" => mine,
            "nobody" => keeper.is_empty(),
            _ => true,
        };
        if !meant {
            continue;
        }
        let (own, others) = divided(needs, role, keeper, person.name());
        let activity = map.activity(&key.activity);
        let line = |needs: &[&Need]| {
            json!({
                "link": format!("/runs/{key}"),
                "municipality": several.then_some(&map.municipality.name),
                "number": activity.map(|a| a.number),
                "short": activity.map_or(key.activity.as_str(), |a| a.short.as_str()),
                "title": activity.map_or("", |a| a.title.as_str()),
                "period": key.period.words(),
                "part": key.part.as_ref().map(|code| name(map, code)),
                "keeper": keeper,
                "mine": mine,
                "takes": role >= Role::Operator && !mine,
                "once": uuid::Uuid::now_v7().to_string(),
                "grave": needs.iter().any(|need| need.is_grave()),
                "needs": needs.iter().map(|one| shown(map, key, one)).collect::<Vec<_>>(),
            })
        };
        if !own.is_empty() {
            waiting.own.push(line(&own));
        }
        if !others.is_empty() {
            waiting.others.push(line(&others));
        }
    }
    Ok(())
}

/// A need, with where on the run's page it is met, and what of it is met from here.
fn shown(map: &vekha_roadmap::RoadMap, key: &RunKey, one: &Need) -> Value {
    let mut shown = need(map, one);
    let run = format!("/runs/{key}");
    shown["link"] = match one {
        Need::Silent { .. } => format!("{run}/participants?state=late"),
        Need::MeasuresOverdue { .. } | Need::Reports { .. } => format!("{run}#measures"),
        Need::Decision { stage, .. } => format!("{run}#decision:{stage}"),
        Need::Letters { .. } => format!("/m/{}/organisations", key.municipality),
        _ => run,
    }
    .into();
    if let Need::Review { stage, until, .. } = one {
        shown["accept"] = json!({
            "form": format!("review:{stage}"),
            "until": crate::glossary::date(*until),
            "once": uuid::Uuid::now_v7().to_string(),
        });
    }
    shown
}
