//! People: who works here, and what each may do.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::one::{Sheet, one};
use super::{Refused, choices, legend, moment, roles_of, ways_in, words};
use crate::access::gate::Gate;
use crate::access::{Role, Roles};
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::sending::known;
use crate::console::frame::{problem, view};
use crate::runtime::Runtime;
use crate::runtime::acts::access::{Asker, Particulars};
use crate::runtime::request::Request as Asked;
use crate::store::entities::person;
use crate::store::read::access::Holder;

/// `GET /people`
pub async fn list(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
) -> Response {
    all(&runtime, &gate, &person, &vec![], &Refused::default()).await
}

/// `POST /people`
pub async fn add(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Fields(pairs): Fields,
) -> Response {
    let actor = person.actor();
    let asker = asker(&person, &actor, &pairs);
    match runtime.add_person(&asker, particulars(&pairs), roles_of(&pairs)).await {
        Ok(made) => {
            let whom = made.of.clone();
            one(&runtime, &gate, &person, whom, Sheet { made: Some(made), ..Sheet::default() })
                .await
        }
        Err(e) => match Refused::of(e) {
            Ok(refused) => all(&runtime, &gate, &person, &pairs, &refused).await,
            Err(response) => *response,
        },
    }
}

/// Who asks by a page. A second press of a button is the same request.
pub(in crate::console) fn asker<'a>(
    person: &'a Person,
    actor: &'a str,
    pairs: &'a Pairs,
) -> Asker<'a> {
    let once = known(value(pairs, "_once"));
    let said: Vec<&(String, String)> = pairs.iter().filter(|(name, _)| name != "_once").collect();
    let request = (!once.is_empty()).then(|| {
        // Whoever goes back and says something else is heard, too.
        let Asked { id, digest } = Asked::of_document(format!("access/{once}"), "page", &said);
        Asked { id: format!("{id}/{digest}"), digest }
    });
    Asker { identity: person, actor, request, etag: value(pairs, "_etag"), validate_only: false }
}

pub(super) fn particulars(pairs: &Pairs) -> Particulars {
    Particulars {
        email: value(pairs, "email").to_owned(),
        name: value(pairs, "display_name").to_owned(),
        post: value(pairs, "post").to_owned(),
    }
}

async fn all(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    sent: &Pairs,
    refused: &Refused,
) -> Response {
    let people = match runtime.store().people().await {
        Ok(people) => people,
        Err(e) => return problem::unavailable(&e),
    };
    let passkeys = match runtime.store().who_has_passkeys().await {
        Ok(passkeys) => passkeys,
        Err(e) => return problem::unavailable(&e),
    };
    let line = |p: &Holder<person::Model>| {
        json!({
            "id": p.row.id,
            "name": p.row.name,
            "post": p.row.post,
            "email": p.row.email,
            "roles": words(runtime, &p.roles),
            "provided": words(runtime, &p.provided.roles),
            "ways": ways_in(gate, p, passkeys.get(&p.row.id).copied().unwrap_or_default()),
            "disabled": p.row.disabled,
            "invited": p.row.password.is_empty() && p.provided.issuers.is_empty(),
            "signed_in": moment(runtime, p.row.signed_in_at),
            "may": person.roles.administer(&p.all_roles()),
        })
    };
    // Whom somebody may do nothing about is no business of theirs.
    let concerned = people.iter().filter(|p| concerns(person, &p.all_roles()));
    let mut context = access::head(runtime, person);
    context["people"] = concerned.map(line).collect::<Vec<Value>>().into();
    context["choices"] = choices(runtime, person, &roles_of(sent).unwrap_or_default());
    context["legend"] = legend();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    context["refused"] = refused.shown();
    context["provider"] = json!(gate.provider().map(|provider| provider.name()));
    let field = |name: &str| value(sent, name).to_owned();
    context["sent"] =
        json!({ "email": field("email"), "name": field("display_name"), "post": field("post") });
    view::page(refused.status, "people.html", &context)
}

/// Whether somebody with these roles works where the person administers, or nowhere yet.
pub(super) fn concerns(person: &Person, roles: &Roles) -> bool {
    let own = |(municipality, role): (&str, Role)| {
        person.roles.administer(&[(municipality.to_owned(), role)].into_iter().collect())
    };
    person.roles.administer(roles) || roles.iter().any(own)
}
