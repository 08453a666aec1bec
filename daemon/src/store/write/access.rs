//! Who is let in, and who is told: every change is one commit together with the entry that tells of it,
//! in a journal of its own, and with the request that asks for it.
//!
//! That journal is a chain like those of activities, and its head a row like theirs, under the id
//! [`ACCESS`], which no activity can have.

mod changes;

use std::sync::atomic::Ordering;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, DatabaseBackend, EntityTrait as _,
    IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _, TransactionTrait as _,
};

use super::activities::{Happened, keep_chain, note};
use super::requests;
use crate::access::{ALL, Role};
use crate::store::entities::{
    invitation, listener, passkey, person, provided_role, request, role, session, token,
    used_challenge,
};
use crate::store::read::access::{Holder, provided_to, roles_of};
use crate::store::{Lock, Store, StoreError};

pub use changes::Change;

/// Under what the journal of access stands.
pub const ACCESS: &str = "access";

/// On what terms a change is made.
#[derive(Debug, Default)]
pub struct Terms<'a> {
    /// The person as the caller saw them.
    pub person: Option<&'a Holder<person::Model>>,
    /// The token as the caller saw it.
    pub token: Option<&'a Holder<token::Model>>,
    /// The listener as the caller saw it.
    pub listener: Option<&'a listener::Model>,
    /// The passkey as the caller saw it.
    pub passkey: Option<&'a passkey::Model>,
    /// How many passkeys the person has whom the caller saw.
    pub passkeys: Option<usize>,
    /// A challenge that serves no more.
    pub challenge: Option<used_challenge::Model>,
    /// An invitation that is used up.
    pub invitation: Option<&'a str>,
    /// There must not be anybody yet.
    pub is_first: bool,
    /// The caller's request.
    pub request: Option<request::Model>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It was made.
    Now,
    /// It was made before, under the same request id.
    Before,
    /// What it is about has changed since the caller saw it.
    Stale,
    /// Nobody would be left who may give roles.
    LastAdministrator,
}

impl Store {
    /// Makes changes, all or none, and notes what happened.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if a name or an address is somebody else's; when the database cannot be
    /// written.
    pub async fn change_access(
        &self,
        changes: &[Change],
        terms: Terms<'_>,
        happened: impl IntoIterator<Item = Happened<'_>>,
    ) -> Result<Changed, StoreError> {
        self.sound()?;
        let transaction = self.writer().begin().await?;
        if transaction.get_database_backend() == DatabaseBackend::Postgres {
            // What is looked at here nobody else changes meanwhile; entries want this lock anyway.
            transaction.execute_raw(Lock::Journal.statement()).await?;
        }
        let refused = match self.refused(&transaction, &terms).await? {
            None => {
                for change in changes {
                    change.apply(&transaction).await?;
                }
                use Change::{Person, ProvidedRoles, Roles};
                let takes_away = |change: &Change| {
                    matches!(change, Person(_) | Roles { .. } | ProvidedRoles { .. })
                };
                (changes.iter().any(takes_away) && is_leaderless(&transaction).await?)
                    .then_some(Changed::LastAdministrator)
            }
            refused => refused,
        };
        if let Some(refused) = refused {
            transaction.rollback().await?;
            return Ok(refused);
        }
        let mut evidence = None;
        for happened in happened {
            keep_chain(&transaction, ACCESS, "", "").await?;
            evidence = Some(note(&transaction, ACCESS, happened).await?);
        }
        transaction.commit().await?;
        if changes.iter().any(|change| matches!(change, Change::Person(_))) {
            self.peopled.store(true, Ordering::Release);
        }
        if let Some(evidence) = evidence {
            self.prove(&evidence).await?;
        }
        Ok(Changed::Now)
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn session_seen(&self, hash: &str, at: i64) -> Result<(), StoreError> {
        session::Entity::update_many()
            .col_expr(session::Column::SeenAt, Expr::value(at))
            .filter(session::Column::Hash.eq(hash))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn token_used(&self, id: &str, at: i64) -> Result<(), StoreError> {
        token::Entity::update_many()
            .col_expr(token::Column::UsedAt, Expr::value(at))
            .filter(token::Column::Id.eq(id))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Counts a wrong password. Two that come at a time count twice. Returns how many there are in a
    /// row now.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn password_failed(&self, id: &str) -> Result<u32, StoreError> {
        let one_more = Expr::col(person::Column::Failures).add(1);
        person::Entity::update_many()
            .col_expr(person::Column::Failures, one_more)
            .filter(person::Column::Id.eq(id))
            .exec(self.writer())
            .await?;
        let row = person::Entity::find_by_id(id).one(self.writer()).await?;
        Ok(row.map_or(0, |row| row.failures.unsigned_abs()))
    }

    /// Forgets sessions that began before a moment, links that open nothing any more, and challenges that
    /// nobody would take.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_expired(&self, begun_before: i64, now: i64) -> Result<(), StoreError> {
        session::Entity::delete_many()
            .filter(session::Column::CreatedAt.lt(begun_before))
            .exec(self.writer())
            .await?;
        invitation::Entity::delete_many()
            .filter(invitation::Column::ExpiresAt.lt(now))
            .exec(self.writer())
            .await?;
        used_challenge::Entity::delete_many()
            .filter(used_challenge::Column::ExpiresAt.lt(now))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Why a change is not made, as far as its terms say.
    async fn refused(
        &self,
        db: &impl ConnectionTrait,
        terms: &Terms<'_>,
    ) -> Result<Option<Changed>, StoreError> {
        if let Some(request) = &terms.request
            && !requests::keep(db, request.clone()).await?
        {
            return Ok(Some(Changed::Before));
        }
        if let Some(seen) = terms.person {
            let row = person::Entity::find_by_id(&seen.row.id).one(db).await?;
            // When they last signed in, and how often in vain, is no change of who they are.
            let is = |row: person::Model| {
                let person::Model { failures, locked_until, signed_in_at, .. } = seen.row.clone();
                person::Model { failures, locked_until, signed_in_at, ..row } == seen.row
            };
            let id = &seen.row.id;
            if !row.is_some_and(is)
                || roles_of(db, id).await? != seen.roles
                || provided_to(db, id).await? != seen.provided.roles
            {
                return Ok(Some(Changed::Stale));
            }
        }
        if let Some(seen) = terms.token {
            let row = token::Entity::find_by_id(&seen.row.id).one(db).await?;
            let is =
                |row: token::Model| token::Model { used_at: seen.row.used_at, ..row } == seen.row;
            if !row.is_some_and(is) || roles_of(db, &seen.row.id).await? != seen.roles {
                return Ok(Some(Changed::Stale));
            }
        }
        if let Some(seen) = terms.listener {
            let row = listener::Entity::find_by_id(&seen.id).one(db).await?;
            if !row.is_some_and(|row| row.defined() == seen.defined()) {
                return Ok(Some(Changed::Stale));
            }
        }
        if let Some(challenge) = &terms.challenge
            && !is_first_use(db, challenge.clone()).await?
        {
            return Ok(Some(Changed::Stale));
        }
        if let Some(seen) = terms.passkey {
            let row = passkey::Entity::find_by_id(&seen.id).one(db).await?;
            // When it was last used is no change of what it proves.
            let is = |row: passkey::Model| passkey::Model { used_at: seen.used_at, ..row } == *seen;
            if !row.is_some_and(is) {
                return Ok(Some(Changed::Stale));
            }
        }
        if let (Some(person), Some(seen)) = (terms.person, terms.passkeys) {
            let own = passkey::Column::Person.eq(person.row.id.as_str());
            let own = passkey::Entity::find().filter(own).count(db).await?;
            if own != seen as u64 {
                return Ok(Some(Changed::Stale));
            }
        }
        if let Some(hash) = terms.invitation {
            let used = invitation::Entity::delete_by_id(hash).exec(db).await?;
            if used.rows_affected == 0 {
                return Ok(Some(Changed::Stale));
            }
        }
        if terms.is_first && person::Entity::find().one(db).await?.is_some() {
            return Ok(Some(Changed::Stale));
        }
        Ok(None)
    }
}

/// Notes that a challenge serves no more; false if it was noted before. Who comes second waits for who came
/// first.
async fn is_first_use(
    db: &impl ConnectionTrait,
    challenge: used_challenge::Model,
) -> Result<bool, StoreError> {
    let known = OnConflict::column(used_challenge::Column::Id).do_nothing().to_owned();
    let row = challenge.into_active_model().reset_all();
    let noted = used_challenge::Entity::insert(row).on_conflict(known);
    Ok(noted.exec_without_returning(db).await? > 0)
}

/// Whether there are people, and none of them who is let in may give roles everywhere.
async fn is_leaderless(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    if person::Entity::find().one(db).await?.is_none() {
        return Ok(false);
    }
    let holders = role::Entity::find()
        .filter(role::Column::Municipality.eq(ALL))
        .filter(role::Column::Role.eq(Role::Administrator.as_str()))
        .all(db)
        .await?;
    // Who has the role from a provider can give roles as well.
    let provided = provided_role::Entity::find()
        .filter(provided_role::Column::Municipality.eq(ALL))
        .filter(provided_role::Column::Role.eq(Role::Administrator.as_str()))
        .all(db)
        .await?;
    let ids = holders.into_iter().map(|row| row.holder);
    let ids = ids.chain(provided.into_iter().map(|row| row.holder));
    let enabled = person::Entity::find()
        .filter(person::Column::Id.is_in(ids))
        .filter(person::Column::Disabled.eq(false));
    Ok(enabled.one(db).await?.is_none())
}
