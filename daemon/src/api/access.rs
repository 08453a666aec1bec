//! Who asks, and roles as the contract has them.

use jiff::SignedDuration;
use tonic::{Request, Response, Status};
use vekha_engine::is_part;
use vekha_proto::v1::{self, access_service_server::AccessService};
use vekha_roadmap::answers::FieldError;

use super::Api;
use super::mutation::{Asked, Mutation, identity};
use super::status;
use crate::access::{ALL, Role, Roles, Who, role};
use crate::runtime::acts::access::tokens::LONGEST_OVERLAP;
use crate::runtime::acts::access::{AccessError, Asker};
use crate::wire::Twin as _;

/// How all municipalities are named.
const ANY: &str = "-";

/// Overlap of two secrets if nothing is said, in hours.
const OVERLAP: i64 = 24;

/// How long the secret before is still taken, as a request says it.
pub(super) fn overlap(hours: i32) -> Result<SignedDuration, Status> {
    match hours {
        0 => Ok(SignedDuration::from_hours(OVERLAP)),
        -1 => Ok(SignedDuration::ZERO),
        1..=LONGEST_OVERLAP => Ok(SignedDuration::from_hours(hours.into())),
        _ => {
            let message = format!("от 1 до {LONGEST_OVERLAP}; 0 — сутки, -1 — нисколько");
            Err(status::invalid("overlap_hours", message))
        }
    }
}

/// Roles as the contract has them.
pub(super) fn grants(roles: &Roles) -> Vec<v1::RoleGrant> {
    let one = |(place, held): (&str, Role)| {
        let (municipality, code) = role::place(place);
        let municipality = if municipality == ALL { ANY } else { municipality };
        v1::RoleGrant {
            municipality: format!("municipalities/{municipality}"),
            role: held.wire().into(),
            organisation: code.unwrap_or_default().to_owned(),
        }
    };
    roles.iter().map(one).collect()
}

/// Roles that a request brings.
pub(super) fn roles(field: &str, grants: &[v1::RoleGrant]) -> Result<Roles, Vec<FieldError>> {
    let (mut roles, mut wrong) = (Vec::new(), Vec::new());
    for (place, grant) in grants.iter().enumerate() {
        let mut say = |name: &str, message: String| {
            wrong.push(FieldError { field: format!("{field}[{place}].{name}"), message });
        };
        let named = grant.municipality.strip_prefix("municipalities/");
        let named = named.filter(|id| !id.is_empty() && !id.contains('/') && *id != ALL);
        let Some(id) = named else {
            say("municipality", "нужно имя вида municipalities/m или municipalities/-".to_owned());
            continue;
        };
        let id = if id == ANY { ALL } else { id };
        let place = match grant.organisation.as_str() {
            "" => id.to_owned(),
            code if is_part(code) => role::organisation(id, code),
            code => {
                say("organisation", format!("«{code}»: нужен код организации, например school-1"));
                continue;
            }
        };
        match Role::of(grant.role()) {
            None => say("role", "нужна роль".to_owned()),
            Some(_) if roles.iter().any(|(known, _)| *known == place) => {
                say("municipality", format!("«{}» названо дважды", grant.municipality));
            }
            Some(held) => roles.push((place, held)),
        }
    }
    if wrong.is_empty() { Ok(roles.into_iter().collect()) } else { Err(wrong) }
}

/// Who asks for a change of access.
pub(super) fn asker<'a, M>(asked: &'a Asked<M>, mutation: &'a Mutation) -> Asker<'a> {
    Asker {
        identity: &asked.by,
        actor: &mutation.actor,
        request: mutation.request.clone(),
        etag: &mutation.etag,
        validate_only: mutation.validate_only,
    }
}

/// Why something was not done, fields called as the request calls them.
pub(super) fn refused(e: AccessError, within: &str) -> Status {
    let message = e.to_string();
    match e {
        AccessError::Wrong(errors) => {
            let called = |e: FieldError| {
                let is_placed = e.field.starts_with(within);
                FieldError {
                    field: if is_placed { e.field } else { format!("{within}.{}", e.field) },
                    ..e
                }
            };
            status::wrong(errors.into_iter().map(called).collect(), message)
        }
        AccessError::Denied(_) => status::denied(&message),
        AccessError::NotFound(what) => status::not_found(what),
        AccessError::Stale => status::stale(),
        AccessError::LastAdministrator => status::last_administrator(&message),
        AccessError::Reused => status::of(crate::runtime::AskError::RequestReused),
        AccessError::Store(e) => status::unavailable(e),
        AccessError::Machine(e) => status::machine(&e),
    }
}

#[tonic::async_trait]
impl AccessService for Api {
    async fn get_identity(
        &self,
        request: Request<v1::GetIdentityRequest>,
    ) -> Result<Response<v1::Identity>, Status> {
        let by = identity(&request);
        let name = match &by.who {
            Who::Anyone | Who::Key(_) => String::new(),
            Who::Token { id, .. } => format!("tokens/{id}"),
            Who::Person(person) => format!("people/{}", person.id),
        };
        // What the caller says of itself is nothing that we know.
        let actor = match name.is_empty() {
            true => String::new(),
            false => by.actor_saying(""),
        };
        Ok(Response::new(v1::Identity { actor, name, roles: grants(&by.roles) }))
    }
}
