//! Who is let in.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::access::{Role, Roles};
use crate::store::entities::{
    invitation, person, provided_role, provider_account, role, session, token,
};
use crate::store::{Store, StoreError, instant};

/// How long after somebody signed in their provider's word on what they may do is taken without them.
const PROVIDED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Somebody or something with roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder<T> {
    /// Who.
    pub row: T,
    /// What they may do, as it was given here.
    pub roles: Roles,
    /// What an organisation's provider says of them.
    pub provided: Provided,
}

/// What an organisation's provider says of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provided {
    /// The providers through which they sign in.
    pub issuers: Vec<String>,
    /// What they may do, as it was said when they last signed in so.
    pub roles: Roles,
}

impl<T> Holder<T> {
    /// Somebody of whom no provider says anything.
    pub fn new(row: T, roles: Roles) -> Self {
        Holder { row, roles, provided: Provided::default() }
    }

    /// What they may do at most: as it was given here, and as their provider says.
    pub fn all_roles(&self) -> Roles {
        self.roles.with(&self.provided.roles)
    }
}

impl Holder<person::Model> {
    /// What they may do while they are not here: for what is sent to them, or fetched for them. What
    /// their provider says is heard at sign-ins alone, so its word lasts for a while only.
    pub fn lasting_roles(&self, now: Timestamp) -> Roles {
        match now.duration_since(instant(self.row.signed_in_at)) < PROVIDED_FOR {
            true => self.all_roles(),
            false => self.roles.clone(),
        }
    }
}

impl Store {
    /// Whether there is anybody who could sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        if self.is_peopled() {
            return Ok(true);
        }
        let one = person::Entity::find().select_only().column(person::Column::Id).limit(1);
        let found = one.into_tuple::<String>().one(self.reader()).await?.is_some();
        if found {
            self.peopled.store(true, Ordering::Release);
        }
        Ok(found)
    }

    /// The same as far as this process knows without asking: who is the only one to add people knows
    /// all of them.
    pub fn is_peopled(&self) -> bool {
        self.peopled.load(Ordering::Acquire)
    }

    /// Everybody, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people(&self) -> Result<Vec<Holder<person::Model>>, StoreError> {
        let rows = person::Entity::find().order_by_asc(person::Column::Name);
        let rows = rows.order_by_asc(person::Column::Id).all(self.reader()).await?;
        let mut roles = self.all_roles().await?;
        let mut provided = self.all_provided().await?;
        let one = |row: person::Model| Holder {
            roles: roles.remove(&row.id).unwrap_or_default(),
            provided: provided.remove(&row.id).unwrap_or_default(),
            row,
        };
        Ok(rows.into_iter().map(one).collect())
    }

    /// Somebody by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn person(&self, id: &str) -> Result<Option<Holder<person::Model>>, StoreError> {
        let row = person::Entity::find_by_id(id).one(self.reader()).await?;
        self.with_provided(row).await
    }

    /// Somebody by their account with a provider.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn person_by_account(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Holder<person::Model>>, StoreError> {
        let key = (issuer.to_owned(), subject.to_owned());
        let account = provider_account::Entity::find_by_id(key).one(self.reader()).await?;
        match account {
            Some(account) => self.person(&account.person).await,
            None => Ok(None),
        }
    }

    /// Somebody by the address by which they sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn person_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Holder<person::Model>>, StoreError> {
        let row = person::Entity::find().filter(person::Column::Email.eq(email));
        let row = row.one(self.reader()).await?;
        self.with_provided(row).await
    }

    /// A session by its hash.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, hash: &str) -> Result<Option<session::Model>, StoreError> {
        Ok(session::Entity::find_by_id(hash).one(self.reader()).await?)
    }

    /// Where a person is signed in, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions_of(&self, person: &str) -> Result<Vec<session::Model>, StoreError> {
        let own = session::Entity::find().filter(session::Column::Person.eq(person));
        Ok(own.order_by_desc(session::Column::SeenAt).all(self.reader()).await?)
    }

    /// The hash of the link by which a person may choose a password, if there is one that opens.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_invitation(
        &self,
        person: &str,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let open = invitation::Entity::find()
            .filter(invitation::Column::Person.eq(person))
            .filter(invitation::Column::ExpiresAt.gt(now));
        Ok(open.one(self.reader()).await?.map(|row| row.hash))
    }

    /// An invitation by its hash.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn invitation(&self, hash: &str) -> Result<Option<invitation::Model>, StoreError> {
        Ok(invitation::Entity::find_by_id(hash).one(self.reader()).await?)
    }

    /// All tokens, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Holder<token::Model>>, StoreError> {
        let rows = token::Entity::find().order_by_asc(token::Column::Name);
        let rows = rows.all(self.reader()).await?;
        let mut roles = self.all_roles().await?;
        let one = |row: token::Model| {
            let roles = roles.remove(&row.id).unwrap_or_default();
            Holder::new(row, roles)
        };
        Ok(rows.into_iter().map(one).collect())
    }

    /// A token by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token(&self, id: &str) -> Result<Option<Holder<token::Model>>, StoreError> {
        let row = token::Entity::find_by_id(id).one(self.reader()).await?;
        self.with_roles(row, |row| &row.id).await
    }

    /// A token by its hash, or by the one before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token_by_hash(
        &self,
        hash: &str,
    ) -> Result<Option<Holder<token::Model>>, StoreError> {
        let either = Condition::any()
            .add(token::Column::Hash.eq(hash))
            .add(token::Column::HashBefore.eq(hash));
        let row = token::Entity::find().filter(either).one(self.reader()).await?;
        self.with_roles(row, |row| &row.id).await
    }

    /// The tokens that are called by one of these names, in the order of the names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens_named(
        &self,
        names: &[String],
    ) -> Result<Vec<Holder<token::Model>>, StoreError> {
        let named = token::Entity::find().filter(token::Column::Name.is_in(names));
        let mut rows = named.all(self.reader()).await?;
        rows.sort_by_key(|row| names.iter().position(|name| *name == row.name));
        let mut tokens = Vec::with_capacity(rows.len());
        for row in rows {
            let roles = roles_of(self.reader(), &row.id).await?;
            tokens.push(Holder::new(row, roles));
        }
        Ok(tokens)
    }

    async fn with_roles<T>(
        &self,
        row: Option<T>,
        id: impl Fn(&T) -> &String,
    ) -> Result<Option<Holder<T>>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let roles = roles_of(self.reader(), id(&row)).await?;
        Ok(Some(Holder::new(row, roles)))
    }

    async fn with_provided(
        &self,
        row: Option<person::Model>,
    ) -> Result<Option<Holder<person::Model>>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let roles = roles_of(self.reader(), &row.id).await?;
        let own = provider_account::Column::Person.eq(row.id.as_str());
        let accounts = provider_account::Entity::find().filter(own).all(self.reader()).await?;
        let provided = Provided {
            issuers: accounts.into_iter().map(|account| account.issuer).collect(),
            roles: provided_to(self.reader(), &row.id).await?,
        };
        Ok(Some(Holder { row, roles, provided }))
    }

    /// What providers say of everybody.
    async fn all_provided(&self) -> Result<BTreeMap<String, Provided>, StoreError> {
        let mut all: BTreeMap<String, Provided> = BTreeMap::new();
        for account in provider_account::Entity::find().all(self.reader()).await? {
            all.entry(account.person).or_default().issuers.push(account.issuer);
        }
        let mut held: BTreeMap<String, Vec<(String, Role)>> = BTreeMap::new();
        for row in provided_role::Entity::find().all(self.reader()).await? {
            if let Ok(role) = row.role.parse() {
                held.entry(row.holder).or_default().push((row.municipality, role));
            }
        }
        for (holder, roles) in held {
            all.entry(holder).or_default().roles = roles.into_iter().collect();
        }
        Ok(all)
    }

    async fn all_roles(&self) -> Result<BTreeMap<String, Roles>, StoreError> {
        let mut held: BTreeMap<String, Vec<(String, Role)>> = BTreeMap::new();
        for row in role::Entity::find().all(self.reader()).await? {
            // A role of a later release opens nothing here.
            if let Ok(role) = row.role.parse() {
                held.entry(row.holder).or_default().push((row.municipality, role));
            }
        }
        Ok(held.into_iter().map(|(holder, roles)| (holder, roles.into_iter().collect())).collect())
    }
}

/// What somebody may do.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::store) async fn roles_of(
    db: &impl ConnectionTrait,
    holder: &str,
) -> Result<Roles, StoreError> {
    let rows = role::Entity::find().filter(role::Column::Holder.eq(holder)).all(db).await?;
    // A role of a later release opens nothing here.
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.municipality, row.role.parse().ok()?)))
        .collect())
}

/// What somebody may do because their provider says so.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::store) async fn provided_to(
    db: &impl ConnectionTrait,
    holder: &str,
) -> Result<Roles, StoreError> {
    let own = provided_role::Entity::find().filter(provided_role::Column::Holder.eq(holder));
    // A role of a later release opens nothing here.
    Ok(own
        .all(db)
        .await?
        .into_iter()
        .filter_map(|row| Some((row.municipality, row.role.parse().ok()?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ALL;

    #[test]
    fn a_providers_word_lasts_for_a_while_and_what_was_given_here_for_good() {
        let now: Timestamp = "2027-09-15T04:00:00Z".parse().expect("an instant");
        let of = |role| [(ALL.to_owned(), role)].into_iter().collect::<Roles>();
        let somebody = |days: i64| Holder {
            row: person::Model {
                id: "1".into(),
                email: "anna@example.org".into(),
                name: "Анна".into(),
                post: String::new(),
                password: String::new(),
                disabled: false,
                failures: 0,
                locked_until: 0,
                created_at: 0,
                signed_in_at: crate::store::micros(now - SignedDuration::from_hours(days * 24)),
            },
            roles: of(Role::Viewer),
            provided: Provided { issuers: vec!["https://id".into()], roles: of(Role::Approver) },
        };
        assert_eq!(somebody(13).lasting_roles(now), of(Role::Approver));
        assert_eq!(somebody(14).lasting_roles(now), of(Role::Viewer));
    }
}
