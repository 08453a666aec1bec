//! The registry: who takes part, whom to call, whether letters arrive.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::model::{Contact, Municipality, Organisation, OrganisationKind};

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, Paging, ROWS, asked, has_words};
use crate::console::frame::{problem, view, words};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::views::addresses::{AddressState, Addresses};

/// `GET /m/{municipality}/organisations`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Response {
    let Some(version) = runtime.road_maps().newest(&municipality) else {
        return problem::no_such_page().await;
    };
    let addresses = match Addresses::load(&runtime, &version).await {
        Ok(addresses) => addresses,
        Err(e) => return problem::unavailable(&e),
    };
    let map = &version.road_map;
    let today = map.municipality.today(runtime.clock().now());
    let is_broken = |o: &Organisation| o.active_on(today) && addresses.of(o).is_broken();
    let (kind, state, words) = (asked(&query, "kind"), asked(&query, "state"), asked(&query, "q"));
    let is_meant = |o: &&Organisation| {
        let people = o.contacts.iter().map(|c| format!("{} {} {}", c.name, c.email, c.phone));
        let people: String = people.collect::<Vec<_>>().join(" ");
        (kind.is_empty() || o.kind.as_str() == kind)
            && match state {
                "broken" => is_broken(o),
                "closed" => !o.active_on(today),
                _ => true,
            }
            && has_words(&format!("{} {} {} {people}", o.code, o.short, o.name), words)
    };
    let mut meant: Vec<&Organisation> = map.organisations.iter().filter(is_meant).collect();
    meant.sort_by_key(|o| (o.kind, &o.code));
    let paging = Paging::new(&query, "page", ROWS, meant.len());
    let shown: Vec<&Organisation> = paging.of(meant).collect();
    let kinds: Vec<Value> = shown
        .chunk_by(|a, b| a.kind == b.kind)
        .map(|own| {
            let organisations: Vec<Value> = own
                .iter()
                .map(|o| organisation(&map.municipality, o, &addresses.of(o), &runtime))
                .collect();
            json!({ "title": glossary::organisations(own[0].kind), "organisations": organisations })
        })
        .collect();
    let broken = map.organisations.iter().filter(|o| is_broken(o));
    let mut context = administrator::context(&runtime, &version, &person);
    context["broken"] = broken.count().into();
    context["kinds"] = kinds.into();
    context["paging"] = paging.show("list");
    let any = |words: &str| [("", words.to_owned())].into_iter();
    let of_kind =
        OrganisationKind::ALL.iter().map(|k| (k.as_str(), glossary::organisations(*k).to_owned()));
    let states = [("broken", "письма не получают"), ("closed", "закрытые")];
    let states = states.map(|(state, words)| (state, words.to_owned()));
    context["filters"] = paging::filters(
        &format!("/m/{}/organisations", map.municipality.id),
        &query,
        vec![
            paging::choice(&query, "kind", "Какие", any("все").chain(of_kind)),
            paging::choice(&query, "state", "Состояние", any("любое").chain(states)),
            paging::words(&query, "q", "Название, код или человек"),
        ],
    );
    view::page(StatusCode::OK, "organisations.html", &context)
}

/// An organisation of the registry, its people and its address.
pub(super) fn organisation(
    municipality: &Municipality,
    o: &Organisation,
    address: &AddressState,
    runtime: &Runtime,
) -> Value {
    let today = municipality.today(runtime.clock().now());
    let life = match o.until {
        Some(until) if until < today => {
            format!("закрыта, последний день {}", glossary::date(until))
        }
        Some(until) => format!("закрывается, последний день {}", glossary::date(until)),
        None if o.since > today => format!("действует с {}", glossary::date(o.since)),
        None => String::new(),
    };
    json!({
        "code": o.code,
        "link": format!("/m/{}/organisations/{}", municipality.id, o.code),
        "name": o.name,
        "short": o.short,
        "emails": o.addressees().into_iter().map(|(_, email)| email).collect::<Vec<_>>(),
        "contacts": o.contacts.iter().map(contact).collect::<Vec<_>>(),
        "address": words::address(municipality, address),
        "state": address.as_str(),
        "life": life,
        "closed": !o.active_on(today),
    })
}

fn contact(contact: &Contact) -> Value {
    // «директор (руководитель)» would say it twice.
    let duty = contact.duty.map(|duty| duty.words()).unwrap_or_default();
    let role = if contact.role.is_empty() { duty } else { &contact.role };
    json!({
        "name": contact.name,
        "role": role,
        "email": contact.email,
        "phone": contact.phone,
        "letters": contact.letters,
    })
}
