//! Who is let in: signing in and out ([`signing`]), also through a provider ([`provider`]) or by a passkey ([`passkeys`]), people and
//! their roles ([`people`]), what they are told on a morning ([`summaries`]), the tokens of systems
//! ([`tokens`]).

pub mod passkeys;
pub mod people;
pub mod provider;
pub mod saved_filters;
pub mod signing;
pub mod summaries;
pub mod tokens;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vekha_roadmap::answers::{FieldError, hides, turns};
use vekha_roadmap::diagnostic::nearest;

use crate::access::{ALL, Identity, Role, Roles, role, secrets};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::fault::Fault;
use crate::runtime::request::Request;
use crate::store::entities::{invitation, person, request};
use crate::store::read::access::Holder;
use crate::store::write::access::Changed;
use crate::store::write::activities::Happened;
use crate::store::{StoreError, micros};

/// Longest name, post or address, in characters.
const LONGEST: usize = 100;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// These fields are wrong.
    #[error("исправьте: {}", .0.iter().map(|e| format!("{} — {}", e.field, e.message)).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<FieldError>),
    /// The caller may not.
    #[error("{0}")]
    Denied(String),
    /// There is no such person, token, session or link.
    #[error("не найдено: {0}")]
    NotFound(String),
    /// It has changed since the caller saw it.
    #[error("это изменилось, пока вы смотрели: откройте заново")]
    Stale,
    /// Nobody would be left who may give roles.
    #[error("это последний администратор всех муниципалитетов: сначала назначьте другого")]
    LastAdministrator,
    /// The request's id served another one.
    #[error("этот request_id уже был у другого запроса")]
    Reused,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
    /// The machine failed.
    #[error("{0}")]
    Machine(String),
}

impl From<StoreError> for AccessError {
    fn from(e: StoreError) -> Self {
        AccessError::Store(e)
    }
}

impl Fault for AccessError {
    fn unreadable(&self) -> Option<String> {
        match self {
            AccessError::Store(e) => e.unreadable(),
            _ => None,
        }
    }
}

/// Who somebody is, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Particulars {
    /// The address by which they sign in.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they are.
    pub post: String,
}

/// A person or token with what is shown once.
#[derive(Debug)]
pub struct Made<T> {
    /// Who or what.
    pub of: Holder<T>,
    /// The link or the secret; none if it was made before, under the same request.
    pub secret: Option<String>,
    /// Until when a link opens.
    pub until: Option<Timestamp>,
}

/// Who asks for a change of access, and on what terms.
#[derive(Debug, Clone)]
pub struct Asker<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// As the journal names them.
    pub actor: &'a str,
    /// The request, if it has an id.
    pub request: Option<Request>,
    /// The etag of what is to be changed, as the caller saw it; empty if that does not matter.
    pub etag: &'a str,
    /// Nothing is to be changed.
    pub validate_only: bool,
}

impl Asker<'_> {
    /// That what is to be changed is as the caller saw it. To be asked after what the same request made
    /// before: that has changed it.
    ///
    /// # Errors
    /// [`AccessError::Stale`] if it is not.
    pub(super) fn saw(&self, etag: &str) -> Result<(), AccessError> {
        if self.etag.is_empty() || self.etag == etag { Ok(()) } else { Err(AccessError::Stale) }
    }
}

impl Runtime {
    /// Roles as they are asked for: in places that there are. What was held before stands whatever has
    /// become of its place: whoever changes something else must not have to take it away.
    pub(super) fn checked_roles(
        &self,
        roles: Result<Roles, Vec<FieldError>>,
        before: &Roles,
        wrong: &mut Vec<FieldError>,
    ) -> Roles {
        let roles = roles.unwrap_or_else(|errors| {
            wrong.extend(errors);
            Roles::default()
        });
        let new = roles.iter().filter(|own| !before.iter().any(|held| held == *own));
        let misplaced = new.filter_map(|(place, role)| self.misplaced(place, role));
        wrong.extend(misplaced.map(|why| field("roles", &why)));
        roles
    }

    /// Why a role cannot be held there, if it cannot.
    fn misplaced(&self, place: &str, held: Role) -> Option<String> {
        let (municipality, code) = role::place(place);
        let version = self.road_maps.newest(municipality);
        match (code, held) {
            (None, Role::Representative) => {
                Some("представитель отвечает за одну организацию: назовите её код".to_owned())
            }
            (Some(_), held) if held != Role::Representative => Some(format!(
                "«{}» — роль в муниципалитете, а не в организации",
                glossary::role(held)
            )),
            (None, _) if municipality == ALL => None,
            _ if version.is_none() => Some(format!("муниципалитета «{municipality}» нет")),
            (None, _) => None,
            (Some(code), _) => {
                let map = version.as_ref().map(|version| &version.road_map)?;
                let known = map.organisations.iter().map(|one| one.code.as_str());
                map.organisation(code).is_none().then(|| {
                    let near = nearest(code, known);
                    let near =
                        near.map_or_else(String::new, |near| format!("; может быть, {near}"));
                    format!("организации «{code}» в «{municipality}» нет{near}")
                })
            }
        }
    }

    /// What the same request made before.
    pub(super) async fn made_for(&self, asker: &Asker<'_>) -> Result<Option<String>, AccessError> {
        self.made_under(asker.request.as_ref()).await?.ok_or(AccessError::Reused)
    }

    pub(super) fn noting(&self, asker: &Asker<'_>, made: &str) -> Option<request::Model> {
        asker.request.as_ref().map(|request| self.noted(request, made.to_owned()))
    }

    pub(super) fn happened<'a>(
        &self,
        actor: &'a str,
        what: vekha_engine::Happened,
    ) -> Happened<'a> {
        Happened { at: self.clock.now(), actor, what, road_map: 0 }
    }
}

pub(super) fn drawn() -> Result<String, AccessError> {
    secrets::draw().map_err(|e| AccessError::Machine(e.to_string()))
}

pub(super) fn new_person(said: Particulars, now: i64) -> person::Model {
    let Particulars { email, name, post } = said;
    person::Model {
        id: uuid::Uuid::now_v7().simple().to_string(),
        email,
        name,
        post,
        password: String::new(),
        disabled: false,
        failures: 0,
        locked_until: 0,
        created_at: now,
        signed_in_at: 0,
    }
}

pub(super) fn field(name: &str, message: &str) -> FieldError {
    FieldError { field: name.to_owned(), message: message.to_owned() }
}

/// Who somebody is, written on one line each; what is wrong is added.
pub(super) fn checked(said: Particulars, wrong: &mut Vec<FieldError>) -> Particulars {
    let email = line("email", &said.email, true, wrong).to_lowercase();
    if !email.is_empty() && !vekha_roadmap::read::is_address(&email) {
        wrong.push(field("email", "нужен адрес вида anna@example.org"));
    }
    Particulars {
        email,
        name: line("display_name", &said.name, true, wrong),
        post: line("post", &said.post, false, wrong),
    }
}

/// A text that stands on one line, in the order in which it is written.
pub(super) fn line(name: &str, text: &str, needed: bool, wrong: &mut Vec<FieldError>) -> String {
    let text = text.trim();
    if text.is_empty() && needed {
        wrong.push(field(name, "заполните"));
    }
    if text.chars().count() > LONGEST {
        wrong.push(field(name, &format!("не длиннее {LONGEST} знаков")));
    }
    // Angle brackets frame the address in the journal.
    let breaks = |c: char| c.is_control() || turns(c) || hides(c) || matches!(c, '<' | '>');
    if text.chars().any(breaks) {
        wrong.push(field(name, "без переводов строки, управляющих знаков и угловых скобок"));
    }
    text.to_owned()
}

/// Whether a caller may say what somebody else may do: a token that is for some services would reach the
/// others by whom it lets in.
pub(super) fn may_admit(identity: &Identity) -> Result<(), AccessError> {
    match identity.limits() {
        [] => Ok(()),
        own => Err(AccessError::Denied(format!(
            "ваш ключ — только для {}: сотрудников, их ролей и ссылок он не меняет",
            own.join(", ")
        ))),
    }
}

/// Whether the caller may give these roles, and take them.
pub(super) fn may_give(identity: &Identity, roles: &Roles) -> Result<(), AccessError> {
    if identity.roles.administer(roles) {
        return Ok(());
    }
    let reach = "роли раздаёт администратор того муниципалитета, в котором они действуют";
    Err(AccessError::Denied(reach.to_owned()))
}

/// The roles in which two sets differ, of either.
pub(super) fn differing(one: &Roles, other: &Roles) -> Roles {
    let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (one.iter().collect(), other.iter().collect());
    let all = one.iter().chain(&other);
    all.filter(|(municipality, _)| one.get(*municipality) != other.get(*municipality))
        .map(|(municipality, role)| ((*municipality).to_owned(), *role))
        .collect()
}

/// What came of a change.
pub(super) fn settled(changed: Result<Changed, StoreError>) -> Result<(), AccessError> {
    match changed {
        Ok(Changed::Now) => Ok(()),
        Ok(Changed::LastAdministrator) => Err(AccessError::LastAdministrator),
        // Also who took a name or an address at the same moment, and the same request made twice at a
        // time: repeated, it is answered with what the other one made.
        Ok(Changed::Stale | Changed::Before) | Err(StoreError::Taken(_)) => Err(AccessError::Stale),
        Err(e) => Err(e.into()),
    }
}

/// A link for a person, that opens for so long.
pub(super) fn invitation(
    person: &str,
    now: Timestamp,
    opens: SignedDuration,
) -> Result<(String, invitation::Model), AccessError> {
    let secret = drawn()?;
    let expires_at = micros(now.saturating_add(opens).unwrap_or(now));
    let hash = secrets::hash(&secret);
    Ok((secret, invitation::Model { hash, person: person.to_owned(), expires_at }))
}

/// Where a link for a person leads.
pub(super) fn welcome_link(public_url: &str, secret: &str) -> String {
    format!("{public_url}/welcome/{secret}")
}
