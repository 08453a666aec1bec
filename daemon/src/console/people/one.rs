//! One person: what they may do, how they sign in, what was done about them, and the form that changes it.
//! Two administrators who change one person at a time see each other's changes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde_json::{Value, json};
use vekha_roadmap::answers::FieldError;

use super::staff::{asker, concerns, particulars};
use super::{
    Refused, choices, in_represents, in_role, legend, moment, represents, role_in, roles_of,
    ways_in, words,
};
use crate::access::gate::Gate;
use crate::access::identity::PERSON;
use crate::access::role::place;
use crate::access::{ALL, Role, Roles};
use crate::console::frame::access::{self, Person};
use crate::console::frame::meanwhile::{self, Meanwhile};
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::shown::Shown;
use crate::console::frame::{packed, problem, view};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::acts::access::people::person_etag;
use crate::runtime::acts::access::{AccessError, Made, Particulars};
use crate::store::StoreError;
use crate::store::entities::{journal, person};
use crate::store::read::access::Holder;
use crate::store::write::access::ACCESS;

/// Entries of the journal of access on a person's page.
const HISTORY: u64 = 30;

/// `GET /people/{person}`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(gate): Extension<Arc<Gate>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Response {
    match runtime.store().person(&id).await {
        Ok(Some(whom)) if concerns(&person, &whom.all_roles()) => {
            one(&runtime, &gate, &person, whom, Sheet::default()).await
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
    let wanted = Wanted::of(&pairs);
    let done = match value(&pairs, "_action") {
        "invite" => match runtime.invite(&asker, whom.clone()).await {
            Ok(made) => {
                let sheet = Sheet { made: Some(made), ..Sheet::default() };
                return one(&runtime, &gate, &person, whom, sheet).await;
            }
            Err(e) => Err(e),
        },
        "remove-passkeys" => runtime.remove_passkeys(&asker, &whom).await,
        "save" => {
            let Wanted { said, roles, disabled } = wanted.clone();
            runtime.set_person(&asker, &whom, said, roles, disabled).await.map(drop)
        }
        _ => return problem::no_such_page().await,
    };
    let is_saving = value(&pairs, "_action") == "save";
    let sheet = match done {
        Ok(()) if value(&pairs, "_action") == "remove-passkeys" => {
            return Redirect::to(&format!("/people/{id}")).into_response();
        }
        Ok(()) => return Redirect::to("/people").into_response(),
        Err(AccessError::Stale) if is_saving => {
            let now = match runtime.store().person(&id).await {
                Ok(Some(now)) => now,
                Ok(None) => return problem::no_such_page().await,
                Err(e) => return problem::unavailable(&e),
            };
            let shown = Shown::read(value(&pairs, "_shown"));
            let both = Meanwhile::between(&shown, &Wanted::as_is(&now).pairs(), &wanted.pairs());
            let sheet = Sheet {
                refused: Refused { status: StatusCode::CONFLICT, ..Refused::default() },
                filled: Some(Wanted::of(&both.filled)),
                meanwhile: Some(both),
                ..Sheet::default()
            };
            return one(&runtime, &gate, &person, now, sheet).await;
        }
        Err(e) => match Refused::of(e) {
            Ok(refused) => {
                Sheet { refused, filled: is_saving.then_some(wanted), ..Sheet::default() }
            }
            Err(response) => return *response,
        },
    };
    one(&runtime, &gate, &person, whom, sheet).await
}

/// What a page about somebody shows beside how things are.
#[derive(Default)]
pub(super) struct Sheet {
    /// A link that was just made.
    pub made: Option<Made<person::Model>>,
    pub refused: Refused,
    /// What the form says in place of how things are.
    pub filled: Option<Wanted>,
    /// What somebody else changed while the form was open.
    pub meanwhile: Option<Meanwhile>,
}

/// What a form says of somebody.
#[derive(Clone)]
pub(super) struct Wanted {
    said: Particulars,
    roles: Result<Roles, Vec<FieldError>>,
    disabled: bool,
}

impl Wanted {
    /// As it was posted.
    fn of(pairs: &Pairs) -> Self {
        let disabled = !value(pairs, "disabled").is_empty();
        Wanted { said: particulars(pairs), roles: roles_of(pairs), disabled }
    }

    /// As it is.
    fn as_is(whom: &Holder<person::Model>) -> Self {
        let person::Model { email, name, post, disabled, .. } = whom.row.clone();
        let said = Particulars { email, name, post };
        Wanted { said, roles: Ok(whom.roles.clone()), disabled }
    }

    /// As a form posts it.
    fn pairs(&self) -> Pairs {
        let Particulars { email, name, post } = &self.said;
        let lines = [("display_name", name), ("post", post), ("email", email)];
        let mut pairs: Pairs =
            lines.map(|(field, text)| (field.to_owned(), text.clone())).into_iter().collect();
        if self.disabled {
            pairs.push(("disabled".to_owned(), "yes".to_owned()));
        }
        let roles = self.roles.clone().unwrap_or_default();
        pairs.extend(roles.iter().map(|(own, role)| match place(own) {
            (municipality, Some(code)) => (represents(municipality), code.to_owned()),
            (municipality, None) => (role_in(municipality), role.as_str().to_owned()),
        }));
        pairs
    }
}

/// How a form's field of somebody's is called and what its values say, for people.
fn told(runtime: &Runtime, field: &str, values: &[String]) -> (String, String) {
    let maps = runtime.road_maps();
    let named = |municipality: &str| match maps.newest(municipality) {
        Some(version) => version.road_map.municipality.name.clone(),
        None if municipality == ALL => "все муниципалитеты".to_owned(),
        None => municipality.to_owned(),
    };
    let text = values.join(", ");
    if let Some(municipality) = in_represents(field) {
        return (format!("Представляет организации: {}", named(municipality)), text);
    }
    if let Some(municipality) = in_role(field) {
        let role = values.first().and_then(|role| role.parse::<Role>().ok());
        let words =
            role.map_or("нет роли".to_owned(), |role| glossary::role(role).to_owned());
        return (format!("Роль: {}", named(municipality)), words);
    }
    match field {
        "display_name" => ("Имя".to_owned(), text),
        "post" => ("Должность".to_owned(), text),
        "email" => ("Адрес почты".to_owned(), text),
        _ => {
            let is_closed = !values.is_empty();
            ("Вход".to_owned(), if is_closed { "закрыт" } else { "открыт" }.to_owned())
        }
    }
}

/// The page.
pub(super) async fn one(
    runtime: &Runtime,
    gate: &Gate,
    person: &Person,
    whom: Holder<person::Model>,
    sheet: Sheet,
) -> Response {
    let Sheet { made, refused, filled, meanwhile } = sheet;
    let as_is = Wanted::as_is(&whom);
    let form = filled.unwrap_or_else(|| as_is.clone());
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
    context["shown"] = meanwhile::shown(&as_is.pairs()).to_string().into();
    let Wanted { said: Particulars { email, name, post }, roles, disabled } = form;
    context["form"] = json!({ "email": email, "name": name, "post": post, "disabled": disabled });
    context["choices"] = choices(runtime, person, roles.as_ref().unwrap_or(&whom.roles));
    context["meanwhile"] =
        json!(meanwhile.map(|both| both.told(|field, values| told(runtime, field, values))));
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
