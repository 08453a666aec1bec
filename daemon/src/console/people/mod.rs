//! Pages about who is let in: signing in, choosing a password, one's own account, people, tokens.

mod one;
pub mod own;
pub mod passkeys;
pub mod provider;
pub mod sign_in;
mod staff;
mod tokens;
pub mod welcome;

pub use one::{act as act_on_person, show as show_person};
pub(in crate::console) use staff::asker;
pub use staff::{add as add_person, list as list_people};
pub use tokens::{act as act_on_tokens, list as list_tokens};

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use vekha_roadmap::answers::FieldError;

use crate::access::gate::Gate;
use crate::access::role::{organisation, place};
use crate::access::{ALL, Role, Roles};
use crate::console::frame::access::Person;
use crate::console::frame::posted::Pairs;
use crate::console::frame::problem;
use crate::glossary;
use crate::port::guesses;
use crate::runtime::Runtime;
use crate::runtime::acts::access::AccessError;
use crate::runtime::acts::access::signing::Whence;
use crate::store::entities::person;
use crate::store::read::access::Holder;

/// From where a page was sent.
fn whence(headers: &HeaderMap, peer: String) -> Whence {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Whence { address: peer, agent: agent.unwrap_or_default().to_owned() }
}

/// Where to go after signing in: one of our own pages, whatever was asked for.
fn own_path(to: &str) -> &str {
    // Browsers leave out tabs and line breaks, and read a backslash as a slash.
    let strange = |c: char| c.is_control() || c == '\\';
    let path = to.split(['?', '#']).next().unwrap_or_default();
    let is_own = to.starts_with('/') && !path.contains("//") && !to.contains(strange);
    if is_own { to } else { "/" }
}

/// To another page, with a session kept or forgotten.
fn go(gate: &Gate, to: &str, secret: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let place = HeaderValue::from_str(own_path(to)).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, place);
    keep(gate, secret, &mut response);
    response
}

/// Has the browser keep a session's secret, or forget it if that is empty.
fn keep(gate: &Gate, secret: &str, response: &mut Response) {
    if let Ok(cookie) = HeaderValue::from_str(&gate.cookie(secret)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
}

/// Has whoever did not prove by the password in this field who they are wait for their turn.
async fn slowed<T>(done: &Result<T, AccessError>, field: &str, peer: &str) {
    if let Err(AccessError::Wrong(wrong)) = done
        && wrong.iter().any(|wrong| wrong.field == field)
    {
        guesses::wrong(peer).await;
    }
}

/// What was refused, for the page that shows it: all of it, each at its field.
#[derive(Debug, Default)]
pub(in crate::console) struct Refused {
    pub status: StatusCode,
    pub whole: Option<String>,
    pub fields: BTreeMap<String, String>,
}

impl Refused {
    /// What to show; a failure of the database is a page of its own.
    pub fn of(error: AccessError) -> Result<Self, Box<Response>> {
        let whole = Some(error.to_string());
        Ok(match error {
            AccessError::Wrong(errors) => {
                let mut fields: BTreeMap<String, String> = BTreeMap::new();
                for FieldError { field, message } in errors {
                    fields
                        .entry(field)
                        .and_modify(|all| *all = format!("{all}; {message}"))
                        .or_insert(message);
                }
                Refused { status: StatusCode::UNPROCESSABLE_ENTITY, whole: None, fields }
            }
            AccessError::Denied(_) => {
                Refused { status: StatusCode::FORBIDDEN, whole, ..Refused::default() }
            }
            AccessError::Stale | AccessError::LastAdministrator | AccessError::Reused => {
                Refused { status: StatusCode::CONFLICT, whole, ..Refused::default() }
            }
            AccessError::NotFound(_) => {
                Refused { status: StatusCode::NOT_FOUND, whole, ..Refused::default() }
            }
            error @ (AccessError::Store(_) | AccessError::Machine(_)) => {
                return Err(Box::new(problem::unavailable(&error)));
            }
        })
    }

    pub fn shown(&self) -> Value {
        json!({ "whole": self.whole, "fields": self.fields })
    }
}

/// By what name a form posts a role in a municipality.
fn role_in(municipality: &str) -> String {
    format!("role:{municipality}")
}

/// The municipality of whose role a field tells.
fn in_role(field: &str) -> Option<&str> {
    field.strip_prefix("role:")
}

/// By what name a form posts which organisations of a municipality are represented.
fn represents(municipality: &str) -> String {
    format!("represents:{municipality}")
}

/// The municipality of whose organisations a field tells.
fn in_represents(field: &str) -> Option<&str> {
    field.strip_prefix("represents:")
}

/// The roles that a form says, two fields for each municipality: the role, and the codes of the
/// organisations that are represented.
fn roles_of(pairs: &Pairs) -> Result<Roles, Vec<FieldError>> {
    let (mut roles, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in pairs {
        if let Some(municipality) = in_represents(name) {
            let codes = value.split([',', ';', '\n']).map(str::trim);
            let codes = codes.filter(|code| !code.is_empty());
            roles
                .extend(codes.map(|code| (organisation(municipality, code), Role::Representative)));
            continue;
        }
        let Some(municipality) = in_role(name) else { continue };
        match value.as_str() {
            "" => {}
            value => match value.parse::<Role>() {
                Ok(role) => roles.push((municipality.to_owned(), role)),
                Err(_) => wrong.push(FieldError {
                    field: "roles".to_owned(),
                    message: format!("роли «{value}» нет"),
                }),
            },
        }
    }
    if wrong.is_empty() { Ok(roles.into_iter().collect()) } else { Err(wrong) }
}

/// A choice of a role for each municipality, as they are held; those that the person may not give are
/// only shown.
fn choices(runtime: &Runtime, person: &Person, held: &Roles) -> Value {
    let maps = runtime.road_maps().all_newest();
    let all = (ALL.to_owned(), "Все муниципалитеты".to_owned());
    let each = maps.iter().map(|v| {
        let municipality = &v.road_map.municipality;
        (municipality.id.clone(), municipality.name.clone())
    });
    let represented = |id: &str| -> Vec<&str> {
        held.represented().filter(|(own, _)| *own == id).map(|(_, code)| code).collect()
    };
    let mut places: BTreeMap<&str, Role> = held.iter().collect();
    places.retain(|own, _| place(own).1.is_none());
    let elsewhere = held.represented().map(|(municipality, _)| municipality);
    // Where a municipality has gone, its role is still held.
    let known: BTreeSet<&str> = places.keys().copied().chain(elsewhere).collect();
    let gone = known
        .into_iter()
        .filter(|id| *id != ALL && maps.iter().all(|v| v.road_map.municipality.id != *id));
    let gone: Vec<(String, String)> = gone.map(|id| (id.to_owned(), id.to_owned())).collect();
    let line = |(id, name): (String, String)| {
        let own = places.get(id.as_str());
        let asked = own.map_or(Role::Viewer, |role| *role);
        let may = person.roles.administer(&[(id.clone(), asked)].into_iter().collect());
        let options: Vec<Value> = Role::ALL
            .iter()
            .filter(|role| **role != Role::Representative)
            .map(|role| {
                json!({
                    "value": role.as_str(),
                    "words": glossary::role(*role),
                    "chosen": own == Some(role),
                })
            })
            .collect();
        json!({
            "municipality": id, "name": name, "may": may, "options": options,
            "held": own.map(|role| glossary::role(*role)),
            "value": own.map(|role| role.as_str()),
            "represents": (id != ALL).then(|| represented(&id).join(", ")),
        })
    };
    [all].into_iter().chain(each).chain(gone).map(line).collect()
}

/// What roles mean.
fn legend() -> Value {
    let one = |role: &Role| json!({ "name": glossary::role(*role), "words": glossary::role_at_length(*role) });
    Role::ALL.iter().map(one).collect()
}

/// Roles in words, for tables.
fn words(runtime: &Runtime, roles: &Roles) -> Vec<String> {
    let name = |own: &str| {
        let (municipality, code) = place(own);
        let version = runtime.road_maps().newest(municipality);
        match (version.as_ref().map(|version| &version.road_map), code) {
            _ if own == ALL => "все муниципалитеты".to_owned(),
            (None, _) => own.to_owned(),
            (Some(map), None) => map.municipality.name.clone(),
            (Some(map), Some(code)) => map.short_name(code),
        }
    };
    roles.iter().map(|(m, role)| format!("{} ({})", glossary::role(role), name(m))).collect()
}

/// How somebody with so many passkeys signs in, in words.
fn ways_in(gate: &Gate, whom: &Holder<person::Model>, passkeys: usize) -> Vec<String> {
    let has_password = !whom.row.password.is_empty() && gate.takes_passwords();
    let by_password = has_password.then(|| "по паролю".to_owned());
    let has_passkeys = passkeys > 0 && gate.passkeys().is_ok();
    let by_passkey = has_passkeys.then(|| "ключом входа".to_owned());
    let issuers = whom.provided.issuers.iter();
    let own = by_password.into_iter().chain(by_passkey);
    own.chain(issuers.map(|issuer| through(gate, issuer))).collect()
}

/// Through which provider, by the name that people know.
fn through(gate: &Gate, issuer: &str) -> String {
    let ours = gate.provider().filter(|provider| provider.issuer() == issuer);
    format!("через «{}»", ours.map_or(issuer, |provider| provider.name()))
}

/// A moment as these pages show it: by the clock of the first municipality, since people belong to none.
pub(in crate::console) fn moment(runtime: &Runtime, micros: i64) -> Option<String> {
    let maps = runtime.road_maps().all_newest();
    let zone = maps.first().map(|v| v.road_map.municipality.time_zone.clone());
    let zone = zone.unwrap_or(jiff::tz::TimeZone::UTC);
    let at = zone.to_datetime(crate::store::instant(micros));
    (micros > 0).then(|| at.strftime("%d.%m.%Y %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_and_nowhere_else() {
        for own in ["/", "/m/zarechny", "/runs/a/b/2027?answers=2#x"] {
            assert_eq!(own_path(own), own);
        }
        for foreign in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "/\t/evil.example",
            "/..//evil.example",
        ] {
            assert_eq!(own_path(foreign), "/", "{foreign:?}");
        }
    }
}
