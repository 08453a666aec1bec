//! The tokens of systems.

use jiff::{SignedDuration, Timestamp};
use vekha_roadmap::answers::FieldError;

use super::{AccessError, Asker, Made, drawn, field, line, may_give, settled};
use crate::access::{Roles, methods, secrets};
use crate::runtime::Runtime;
use crate::runtime::seen;
use crate::store::entities::token;
use crate::store::read::access::Holder;
use crate::store::write::access::{Change, Terms};
use crate::store::{instant, micros};

/// Longest overlap of two secrets of a token, in hours.
pub const LONGEST_OVERLAP: i32 = 720;

/// By what a change of a token is seen.
pub fn token_etag(token: &Holder<token::Model>) -> String {
    let row = &token.row;
    let roles = token.roles.named();
    let until = (row.before_until, row.expires_at);
    seen::etag(&(&row.id, &row.name, &row.hash, until, &row.services, roles))
}

/// Of secrets that are replaced one is taken besides the newest. Replaced twice within its time it would
/// be shut out before that; who wants just this says that none is taken besides the newest.
pub(in crate::runtime::acts) fn one_overlap(
    before_until: i64,
    overlap: SignedDuration,
    now: Timestamp,
) -> Result<(), AccessError> {
    if before_until <= micros(now) || overlap.is_zero() {
        return Ok(());
    }
    let until = instant(before_until).strftime("%d.%m.%Y %H:%M UTC");
    let message = format!(
        "прежний ещё действует до {until}, и вторая замена закрыла бы его раньше: дождитесь этого \
         срока или замените без нахлёста (0), тогда действовать будет один новый"
    );
    Err(AccessError::Wrong(vec![field("overlap", &message)]))
}

/// What a token is to be.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it may do.
    pub roles: Result<Roles, Vec<FieldError>>,
    /// Which services of the contract it is for; none for all.
    pub services: &'a [String],
    /// Until when it is taken; none for ever.
    pub until: Option<Timestamp>,
}

/// Services that a token may be for: in the contract's order, each once.
fn checked_services(
    services: &[String],
    asker: &Asker<'_>,
    wrong: &mut Vec<FieldError>,
) -> Vec<String> {
    let known = methods::services();
    for unknown in services.iter().filter(|one| !known.contains(one.as_str())) {
        let all = known.iter().copied().collect::<Vec<_>>().join(", ");
        wrong.push(field("services", &format!("службы «{unknown}» нет; есть {all}")));
    }
    let wanted = |one: &&str| services.iter().any(|other| other == one);
    let chosen: Vec<String> = known.into_iter().filter(wanted).map(str::to_owned).collect();
    if let Some(message) = beyond(asker, &chosen) {
        wrong.push(field("services", &message));
    }
    chosen
}

/// Why a token for these services is not the caller's to give: who is held to some services gives no way
/// to others.
fn beyond(asker: &Asker<'_>, services: &[String]) -> Option<String> {
    let own = asker.identity.limits();
    let reaches = |one: &String| own.contains(one);
    let within = own.is_empty() || (!services.is_empty() && services.iter().all(reaches));
    let words = || format!("ваш ключ — только для {}: других служб он не даёт", own.join(", "));
    (!within).then(words)
}

impl Runtime {
    /// Makes a token.
    ///
    /// # Errors
    /// What is wrong with it, or that the caller may not.
    pub async fn add_token(
        &self,
        asker: &Asker<'_>,
        NewToken { name, roles, services, until }: NewToken<'_>,
    ) -> Result<Made<token::Model>, AccessError> {
        if let Some(before) = self.made_for(asker).await? {
            let of = self.store.token(&before).await?.ok_or(AccessError::NotFound(before))?;
            return Ok(Made { of, secret: None, until: None });
        }
        let now = self.clock.of_people();
        let mut wrong = Vec::new();
        let name = line("display_name", name, true, &mut wrong);
        // In the journal a comma begins what the system says of itself.
        if name.contains([',', ':']) {
            wrong.push(field("display_name", "без запятых и двоеточий"));
        }
        let roles = self.checked_roles(roles, &Roles::default(), &mut wrong);
        let services = checked_services(services, asker, &mut wrong);
        if self.store.tokens().await?.iter().any(|token| token.row.name == name) {
            wrong.push(field("display_name", "такой ключ уже есть"));
        }
        if roles == Roles::default() && wrong.is_empty() {
            wrong.push(field("roles", "нужна хотя бы одна роль"));
        }
        if until.is_some_and(|until| until <= now) {
            wrong.push(field("expires_at", "этот срок уже прошёл"));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        may_give(asker.identity, &roles)?;
        let (id, secret) = (drawn()?, format!("{}{}", secrets::OF_TOKENS, drawn()?));
        let row = token::Model {
            id: id[..16].to_owned(),
            name: name.clone(),
            hash: secrets::hash(&secret),
            hash_before: String::new(),
            before_until: 0,
            created_by: asker.actor.to_owned(),
            created_at: micros(now),
            expires_at: until.map(micros),
            used_at: 0,
            services: services.join(" "),
        };
        let of = Holder::new(row.clone(), roles.clone());
        if asker.validate_only {
            return Ok(Made { of, secret: None, until: None });
        }
        let what =
            vekha_engine::Happened::TokenSet { token: name, roles: roles.named(), until, services };
        let holder = row.id.clone();
        let changes =
            [Change::Token(Box::new(row)), Change::Roles { holder: holder.clone(), roles }];
        let terms = Terms { request: self.noting(asker, &holder), ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        settled(self.store.change_access(&changes, terms, Some(happened)).await)?;
        Ok(Made { of, secret: Some(secret), until: None })
    }

    /// Replaces a token's secret; the one before is taken for so many hours yet.
    ///
    /// # Errors
    /// What is wrong with it, or that the caller may not.
    pub async fn rotate_token(
        &self,
        asker: &Asker<'_>,
        token: Holder<token::Model>,
        overlap: SignedDuration,
    ) -> Result<Made<token::Model>, AccessError> {
        if self.made_for(asker).await?.is_some() {
            return Ok(Made { of: token, secret: None, until: None });
        }
        asker.saw(&token_etag(&token))?;
        may_give(asker.identity, &token.roles)?;
        if let Some(message) = beyond(asker, &methods::listed(&token.row.services)) {
            return Err(AccessError::Denied(message));
        }
        let now = self.clock.of_people();
        one_overlap(token.row.before_until, overlap, now)?;
        let overlap = now.saturating_add(overlap).unwrap_or(now);
        let secret = format!("{}{}", secrets::OF_TOKENS, drawn()?);
        let row = token::Model {
            hash: secrets::hash(&secret),
            hash_before: token.row.hash.clone(),
            before_until: micros(overlap),
            ..token.row.clone()
        };
        let of = Holder::new(row.clone(), token.roles.clone());
        if asker.validate_only {
            return Ok(Made { of: token, secret: None, until: None });
        }
        let what = vekha_engine::Happened::TokenRotated { token: row.name.clone(), overlap };
        let request = self.noting(asker, &row.id);
        let terms = Terms { token: Some(&token), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        let change = [Change::Token(Box::new(row))];
        settled(self.store.change_access(&change, terms, Some(happened)).await)?;
        Ok(Made { of, secret: Some(secret), until: None })
    }

    /// Has a token open nothing any more.
    ///
    /// # Errors
    /// That the caller may not.
    pub async fn revoke_token(
        &self,
        asker: &Asker<'_>,
        token: &Holder<token::Model>,
    ) -> Result<(), AccessError> {
        if self.made_for(asker).await?.is_some() {
            return Ok(());
        }
        asker.saw(&token_etag(token))?;
        may_give(asker.identity, &token.roles)?;
        if asker.validate_only {
            return Ok(());
        }
        let what = vekha_engine::Happened::TokenRevoked { token: token.row.name.clone() };
        let request = self.noting(asker, &token.row.id);
        let terms = Terms { token: Some(token), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        let change = [Change::TokenRevoked(token.row.id.clone())];
        settled(self.store.change_access(&change, terms, Some(happened)).await).map(drop)
    }
}
