//! People: who works here, and what each may do.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};

use super::{Refused, choices, legend, moment, roles_of, ways_in, words};
use crate::access::gate::Gate;
use crate::access::identity::PERSON;
use crate::access::{Role, Roles};
use crate::console::frame::access::{self, Person};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::sending::known;
use crate::console::frame::{packed, problem, view};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::acts::access::people::person_etag;
use crate::runtime::acts::access::{Asker, Made, Particulars};
use crate::runtime::request::Request as Asked;
use crate::store::StoreError;
use crate::store::entities::{journal, person};
use crate::store::read::access::Holder;
use crate::store::write::access::ACCESS;

/// Entries of the journal of access on a person's page.
const HISTORY: u64 = 30;

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
            one(&runtime, &gate, &person, made.of.clone(), Some(&made), &Refused::default()).await
        }
        Err(e) => match Refused::of(e) {
            Ok(refused) => all(&runtime, &gate, &person, &pairs, &refused).await,
            Err(response) => *response,
        },
    }
}

/// `GET /people/{person}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Response {
    match runtime.store().person(&id).await {
        Ok(Some(whom)) if concerns(&person, &whom.all_roles()) => {
            one(&runtime, &gate, &person, whom, None, &Refused::default()).await
        }
        Ok(_) => problem::no_such_page().await,
        Err(e) => problem::unavailable(&e),
    }
}

/// `POST /people/{person}`
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
    Fields(pairs): Fields,
) -> Response {
    let whom = match runtime.store().person(&id).await {
        Ok(Some(whom)) if concerns(&person, &whom.all_roles()) => whom,
        Ok(_) => return problem::no_such_page().await,
        Err(e) => return problem::unavailable(&e),
    };
    let actor = person.actor();
    let asker = asker(&person, &actor, &pairs);
    let done = match value(&pairs, "_action") {
        "invite" => match runtime.invite(&asker, whom.clone()).await {
            Ok(made) => {
                return one(&runtime, &gate, &person, whom, Some(&made), &Refused::default()).await;
            }
            Err(e) => Err(e),
        },
        "remove-passkeys" => runtime.remove_passkeys(&asker, &whom).await,
        "save" => {
            let disabled = !value(&pairs, "disabled").is_empty();
            let (said, roles) = (particulars(&pairs), roles_of(&pairs));
            runtime.set_person(&asker, &whom, said, roles, disabled).await.map(drop)
        }
        _ => return problem::no_such_page().await,
    };
    match done.map_err(Refused::of) {
        Ok(()) if value(&pairs, "_action") == "remove-passkeys" => {
            Redirect::to(&format!("/people/{id}")).into_response()
        }
        Ok(()) => Redirect::to("/people").into_response(),
        Err(Ok(refused)) => one(&runtime, &gate, &person, whom, None, &refused).await,
        Err(Err(response)) => *response,
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

fn particulars(pairs: &Pairs) -> Particulars {
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
fn concerns(person: &Person, roles: &Roles) -> bool {
    let own = |(municipality, role): (&str, Role)| {
        person.roles.administer(&[(municipality.to_owned(), role)].into_iter().collect())
    };
    person.roles.administer(roles) || roles.iter().any(own)
}

async fn one(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    whom: Holder<person::Model>,
    made: Option<&Made<person::Model>>,
    refused: &Refused,
) -> Response {
    let row = &whom.row;
    let passkeys = match runtime.passkeys_of(&row.id).await {
        Ok(passkeys) => passkeys.len(),
        Err(e) => return problem::unavailable(&e),
    };
    let mut context = access::head(runtime, person);
    context["whom"] = json!({
        "id": row.id,
        "name": row.name,
        "post": row.post,
        "email": row.email,
        "disabled": row.disabled,
        "invited": row.password.is_empty() && whom.provided.issuers.is_empty(),
        "has_password": !row.password.is_empty(),
        "created": moment(runtime, row.created_at),
        "signed_in": moment(runtime, row.signed_in_at),
        "roles": words(runtime, &whom.roles),
        "provided": words(runtime, &whom.provided.roles),
        "ways": ways_in(gate, &whom, passkeys),
        "passkeys": passkeys,
        "may": person.roles.administer(&whom.all_roles()),
    });
    context["etag"] = person_etag(&whom).into();
    context["choices"] = choices(runtime, person, &whom.roles);
    context["legend"] = legend();
    context["once"] = uuid::Uuid::now_v7().to_string().into();
    context["refused"] = refused.shown();
    let link = made.map(|made| {
        let until = made.until.and_then(|at| moment(runtime, crate::store::micros(at)));
        json!({ "address": made.secret, "until": until })
    });
    context["link"] = json!(link);
    context["history"] = match history(runtime, &whom.row.email).await {
        Ok(history) => history,
        Err(e) => return problem::unavailable(&e),
    };
    context["provider"] = json!(gate.provider().map(|provider| provider.name()));
    packed::never(view::page(refused.status, "person.html", &context))
}

/// What the journal of access tells of a person, the newest first.
async fn history(runtime: &Runtime, email: &str) -> Result<Value, StoreError> {
    let rows = runtime.store().journal_page(ACCESS, Some(email), 0, HISTORY).await?;
    let is_about = |row: &&journal::Model| {
        // The database compares loosely.
        let data: Option<Value> = serde_json::from_str(&row.data).ok();
        data.is_some_and(|data| data["person"] == email)
    };
    let line = |row: &journal::Model| {
        json!({
            "at": moment(runtime, row.at),
            "actor": row.actor.strip_prefix(PERSON).unwrap_or(&row.actor),
            "kind": glossary::journal_kind(&row.kind),
            "facts": glossary::journal_facts(&row.kind, &row.data),
        })
    };
    Ok(rows.iter().filter(is_about).map(line).collect())
}
