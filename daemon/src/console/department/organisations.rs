//! The registry: who takes part, whom to call, whether letters arrive.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::model::{Contact, Municipality, Organisation, OrganisationKind};

use crate::console::department::administrator;
use crate::console::frame::access::Person;
use crate::console::frame::{problem, view, words};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::views::addresses::{AddressState, Addresses};

/// `GET /m/{municipality}/organisations`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
) -> Response {
    let Some(version) = runtime.road_maps().newest(&municipality) else {
        return problem::no_such_page().await;
    };
    let addresses = match Addresses::load(&runtime, &version).await {
        Ok(addresses) => addresses,
        Err(e) => return problem::unavailable(&e),
    };
    let map = &version.road_map;
    let kinds: Vec<Value> = OrganisationKind::ALL
        .iter()
        .copied()
        .filter_map(|kind| {
            let own = map.organisations.iter().filter(|o| o.kind == kind);
            let organisations: Vec<Value> = own
                .map(|o| organisation(&map.municipality, o, &addresses.of(o), &runtime))
                .collect();
            let title = glossary::organisations(kind);
            (!organisations.is_empty())
                .then(|| json!({ "title": title, "organisations": organisations }))
        })
        .collect();
    let broken = map.organisations.iter().filter(|o| {
        let today = map.municipality.today(runtime.clock().now());
        o.active_on(today) && addresses.of(o).is_broken()
    });
    let mut context = administrator::context(&runtime, &version, &person);
    context["broken"] = broken.count().into();
    context["kinds"] = kinds.into();
    view::page(StatusCode::OK, "organisations.html", &context)
}

fn organisation(
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
