//! What changes of who is let in, and who is told: one thing each.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait, IntoActiveModel as _,
    QueryFilter as _,
};

use crate::access::{Role, Roles};
use crate::store::StoreError;
use crate::store::entities::{
    invitation, listener, passkey, person, provided_role, provider_account, role, session, token,
    undelivered,
};

/// A change of who is let in.
#[derive(Debug, Clone)]
pub enum Change {
    /// A person, new or as they are from now on. How often they failed to sign in and when they did is
    /// left as it is: somebody else may be counting.
    Person(Box<person::Model>),
    /// A person's password was right, or is new: those that were wrong count no more.
    Entered {
        /// Whose.
        person: String,
        /// When the person signed in; none if they did not.
        at: Option<i64>,
    },
    /// No password of a person is looked at until then.
    Locked {
        /// Whose.
        person: String,
        /// Until when.
        until: i64,
    },
    /// What a person or a token may do from now on, and nothing else.
    Roles {
        /// Whose.
        holder: String,
        /// All of them.
        roles: Roles,
    },
    /// A person signs in through a provider by this account from now on.
    AccountLinked(provider_account::Model),
    /// What a person may do because the provider says so from now on, and nothing else.
    ProvidedRoles {
        /// Whose.
        holder: String,
        /// All of them.
        roles: Roles,
    },
    /// A person signs in by this passkey, too, from now on.
    PasskeyAdded(passkey::Model),
    /// A person signed in by a passkey.
    PasskeyUsed {
        /// Which.
        passkey: String,
        /// What is kept of it from now on.
        state: String,
        /// When.
        at: i64,
    },
    /// One of a person's passkeys opens nothing any more.
    PasskeyRemoved {
        /// Whose.
        person: String,
        /// Which.
        passkey: String,
    },
    /// None of a person's passkeys opens anything any more.
    PasskeysRemoved(String),
    /// A session begins.
    SessionBegun(session::Model),
    /// A session ends.
    SessionEnded(String),
    /// All sessions of a person end but this one.
    SessionsEnded {
        /// Whose.
        person: String,
        /// Which one goes on.
        but: String,
    },
    /// A link is given; those that the person had before open nothing.
    Invited(invitation::Model),
    /// A token, new or as the row is from now on.
    Token(Box<token::Model>),
    /// A token is no more.
    TokenRevoked(String),
    /// A listener, new or as it is called and wants to be told from now on. How far it has been told is
    /// left as it is: somebody may be at it.
    Listener(Box<listener::Model>),
    /// A listener is told again at once, whatever went wrong before.
    ListenerResumed {
        /// Which.
        listener: String,
        /// Since when it is told.
        since: i64,
    },
    /// A listener is no more, nor what was not delivered to it.
    ListenerRemoved(String),
}

impl Change {
    /// Makes it.
    pub(super) async fn apply(&self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        match self {
            Change::Person(row) => keep_person(db, row).await,
            Change::Entered { person, at } => entered(db, person, *at).await,
            Change::Locked { person, until } => locked(db, person, *until).await,
            Change::Roles { holder, roles } => give(db, holder, roles).await,
            Change::AccountLinked(row) => {
                row.clone().into_active_model().reset_all().insert(db).await?;
                Ok(())
            }
            Change::ProvidedRoles { holder, roles } => provide(db, holder, roles).await,
            Change::PasskeyAdded(row) => {
                row.clone().into_active_model().reset_all().insert(db).await?;
                Ok(())
            }
            Change::PasskeyUsed { passkey, state, at } => used(db, passkey, state, *at).await,
            Change::PasskeyRemoved { person, passkey } => {
                remove_passkeys(db, person, Some(passkey)).await
            }
            Change::PasskeysRemoved(person) => remove_passkeys(db, person, None).await,
            Change::SessionBegun(row) => {
                row.clone().into_active_model().reset_all().insert(db).await?;
                Ok(())
            }
            Change::SessionEnded(hash) => {
                session::Entity::delete_by_id(hash.as_str()).exec(db).await?;
                Ok(())
            }
            Change::SessionsEnded { person, but } => end_sessions(db, person, but).await,
            Change::Invited(row) => invite(db, row).await,
            Change::Token(row) => keep_token(db, row).await,
            Change::TokenRevoked(id) => revoke(db, id).await,
            Change::Listener(row) => keep_listener(db, row).await,
            Change::ListenerResumed { listener, since } => resume(db, listener, *since).await,
            Change::ListenerRemoved(id) => remove_listener(db, id).await,
        }
    }
}

async fn keep_person(db: &impl ConnectionTrait, row: &person::Model) -> Result<(), StoreError> {
    use person::Column as C;
    let newest = OnConflict::column(C::Id)
        .update_columns([C::Email, C::Name, C::Post, C::Password, C::Disabled])
        .to_owned();
    let row = row.clone().into_active_model().reset_all();
    person::Entity::insert(row).on_conflict(newest).exec_without_returning(db).await?;
    Ok(())
}

async fn entered(
    db: &impl ConnectionTrait,
    person: &str,
    at: Option<i64>,
) -> Result<(), StoreError> {
    let entered = person::Entity::update_many()
        .col_expr(person::Column::Failures, Expr::value(0))
        .col_expr(person::Column::LockedUntil, Expr::value(0));
    let entered = match at {
        Some(at) => entered.col_expr(person::Column::SignedInAt, Expr::value(at)),
        None => entered,
    };
    entered.filter(person::Column::Id.eq(person)).exec(db).await?;
    Ok(())
}

async fn locked(db: &impl ConnectionTrait, person: &str, until: i64) -> Result<(), StoreError> {
    person::Entity::update_many()
        .col_expr(person::Column::LockedUntil, Expr::value(until))
        .filter(person::Column::Id.eq(person))
        .exec(db)
        .await?;
    Ok(())
}

async fn give(db: &impl ConnectionTrait, holder: &str, roles: &Roles) -> Result<(), StoreError> {
    role::Entity::delete_many().filter(role::Column::Holder.eq(holder)).exec(db).await?;
    let row = |(municipality, role): (&str, Role)| {
        let (holder, municipality) = (holder.to_owned(), municipality.to_owned());
        let row = role::Model { holder, municipality, role: role.as_str().to_owned() };
        row.into_active_model().reset_all()
    };
    let rows: Vec<role::ActiveModel> = roles.iter().map(row).collect();
    if !rows.is_empty() {
        role::Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

async fn provide(db: &impl ConnectionTrait, holder: &str, roles: &Roles) -> Result<(), StoreError> {
    provided_role::Entity::delete_many()
        .filter(provided_role::Column::Holder.eq(holder))
        .exec(db)
        .await?;
    for (municipality, role) in roles.iter() {
        let (holder, municipality) = (holder.to_owned(), municipality.to_owned());
        let row = provided_role::Model { holder, municipality, role: role.as_str().to_owned() };
        row.into_active_model().reset_all().insert(db).await?;
    }
    Ok(())
}

async fn used(
    db: &impl ConnectionTrait,
    passkey: &str,
    state: &str,
    at: i64,
) -> Result<(), StoreError> {
    passkey::Entity::update_many()
        .col_expr(passkey::Column::State, Expr::value(state))
        .col_expr(passkey::Column::UsedAt, Expr::value(at))
        .filter(passkey::Column::Id.eq(passkey))
        .exec(db)
        .await?;
    Ok(())
}

async fn remove_passkeys(
    db: &impl ConnectionTrait,
    person: &str,
    only: Option<&str>,
) -> Result<(), StoreError> {
    let own = passkey::Entity::delete_many().filter(passkey::Column::Person.eq(person));
    let own = match only {
        Some(id) => own.filter(passkey::Column::Id.eq(id)),
        None => own,
    };
    own.exec(db).await?;
    Ok(())
}

async fn end_sessions(
    db: &impl ConnectionTrait,
    person: &str,
    but: &str,
) -> Result<(), StoreError> {
    session::Entity::delete_many()
        .filter(session::Column::Person.eq(person))
        .filter(session::Column::Hash.ne(but))
        .exec(db)
        .await?;
    Ok(())
}

async fn invite(db: &impl ConnectionTrait, row: &invitation::Model) -> Result<(), StoreError> {
    invitation::Entity::delete_many()
        .filter(invitation::Column::Person.eq(row.person.as_str()))
        .exec(db)
        .await?;
    row.clone().into_active_model().reset_all().insert(db).await?;
    Ok(())
}

async fn keep_token(db: &impl ConnectionTrait, row: &token::Model) -> Result<(), StoreError> {
    use token::Column as C;
    let newest = OnConflict::column(C::Id)
        .update_columns([C::Hash, C::HashBefore, C::BeforeUntil, C::ExpiresAt])
        .to_owned();
    let row = row.clone().into_active_model().reset_all();
    token::Entity::insert(row).on_conflict(newest).exec_without_returning(db).await?;
    Ok(())
}

async fn revoke(db: &impl ConnectionTrait, token: &str) -> Result<(), StoreError> {
    token::Entity::delete_by_id(token).exec(db).await?;
    role::Entity::delete_many().filter(role::Column::Holder.eq(token)).exec(db).await?;
    Ok(())
}

async fn keep_listener(db: &impl ConnectionTrait, row: &listener::Model) -> Result<(), StoreError> {
    use listener::Column as C;
    let newest = OnConflict::column(C::Id)
        .update_columns([
            C::Url,
            C::Municipality,
            C::Activities,
            C::Kinds,
            C::Disabled,
            C::Reason,
            C::Rotated,
            C::BeforeUntil,
        ])
        .to_owned();
    let row = row.clone().into_active_model().reset_all();
    listener::Entity::insert(row).on_conflict(newest).exec_without_returning(db).await?;
    Ok(())
}

async fn resume(db: &impl ConnectionTrait, listener: &str, since: i64) -> Result<(), StoreError> {
    use listener::Column as C;
    listener::Entity::update_many()
        .col_expr(C::Since, Expr::value(since))
        .col_expr(C::Attempts, Expr::value(0))
        .col_expr(C::Error, Expr::value(""))
        .col_expr(C::FailingSince, Expr::value(None::<i64>))
        .col_expr(C::NextAttemptAt, Expr::value(0_i64))
        .filter(C::Id.eq(listener))
        .exec(db)
        .await?;
    Ok(())
}

async fn remove_listener(db: &impl ConnectionTrait, id: &str) -> Result<(), StoreError> {
    listener::Entity::delete_by_id(id).exec(db).await?;
    let undelivered = undelivered::Entity::delete_many();
    undelivered.filter(undelivered::Column::Listener.eq(id)).exec(db).await?;
    Ok(())
}
