//! Signing in and out, and the links by which people choose their passwords.

use jiff::{SignedDuration, Timestamp};

use super::{
    AccessError, LONGEST, Particulars, checked, drawn, field, invitation, new_person, settled,
    welcome_link,
};
use crate::access::identity::PERSON;
use crate::access::{Identity, Role, Roles, gate, password, secrets};
use crate::runtime::Runtime;
use crate::store::entities::{person, session};
use crate::store::read::access::Holder;
use crate::store::write::access::{Change, Terms};
use crate::store::write::activities::Happened;
use crate::store::{Store, StoreError, instant, micros};

/// How long a link to choose a password opens.
pub(super) const INVITATION: SignedDuration = SignedDuration::from_hours(72);

/// How long the link for the first administrator opens; each start gives another.
const FIRST: SignedDuration = SignedDuration::from_hours(24);

/// Wrong passwords in a row after which a person waits.
const FAILURES: u32 = 5;

/// How long that is at first; it doubles with each further one.
const WAIT: SignedDuration = SignedDuration::from_secs(30);

/// How long it is at most.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// Why somebody was not signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// The address, the password or the passkey is wrong, or none is looked at for a while; which, is not
    /// said.
    Wrong,
    /// Something failed.
    Failed(AccessError),
}

impl<E: Into<AccessError>> From<E> for NotSignedIn {
    fn from(e: E) -> Self {
        NotSignedIn::Failed(e.into())
    }
}

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Whence {
    /// Address of the network.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

impl Runtime {
    /// Signs somebody in. Returns the secret that the browser keeps.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn sign_in(
        &self,
        email: &str,
        given: &str,
        from: Whence,
    ) -> Result<String, NotSignedIn> {
        let now = self.clock.of_people();
        let email = email.trim().to_lowercase();
        let person = self.store.person_by_email(&email).await?;
        let is_locked = person.as_ref().is_some_and(|p| instant(p.row.locked_until) > now);
        let may = person.as_ref().filter(|p| !p.row.disabled && !is_locked);
        let kept = may.map(|p| p.row.password.clone());
        // Looked at even where there is nobody: neither the answer nor the time it takes says so.
        let given: String = given.chars().take(password::LONGEST).collect();
        let right = password::is(given, kept.unwrap_or_default()).await;
        let right = right.map_err(|e| AccessError::Machine(e.to_string()))?;
        let Some(person) = person.filter(|_| !is_locked) else { return Err(NotSignedIn::Wrong) };
        if !right {
            self.count_failure(&person, &from).await?;
            return Err(NotSignedIn::Wrong);
        }
        let what = vekha_engine::Happened::SignedIn {
            person: person.row.email.clone(),
            from: from.address.clone(),
            through: String::new(),
            passkey: String::new(),
        };
        // Who was shut out, or chose another password, while this one was looked at is not let in by it.
        let terms = Terms { person: Some(&person), ..Terms::default() };
        match self.begin_session(&person.row, vec![], terms, what, from).await {
            Err(AccessError::Stale) => Err(NotSignedIn::Wrong),
            begun => Ok(begun?),
        }
    }

    /// Counts that somebody did not prove to be this person; after several in a row nothing is looked at for a
    /// while.
    pub(super) async fn count_failure(
        &self,
        person: &Holder<person::Model>,
        from: &Whence,
    ) -> Result<(), AccessError> {
        let failures = self.store.password_failed(&person.row.id).await?;
        if failures < FAILURES {
            return Ok(());
        }
        let now = self.clock.of_people();
        let doubled = WAIT.saturating_mul(1 << (failures - FAILURES).min(10));
        let until = now.saturating_add(doubled.min(LONGEST_WAIT)).unwrap_or(now);
        let what = vekha_engine::Happened::SignInLocked {
            person: person.row.email.clone(),
            from: from.address.clone(),
            failures,
        };
        let change = [Change::Locked { person: person.row.id.clone(), until: micros(until) }];
        let happened = self.happened("vekha", what);
        self.store.change_access(&change, Terms::default(), Some(happened)).await?;
        tracing::warn!(person = person.row.email, failures, "wrong passwords in a row");
        Ok(())
    }

    /// Why a password does not prove that it is its person who asks, if it does not. Whoever guesses in a
    /// session that somebody left open is counted as whoever guesses at the door.
    pub(super) async fn not_proved(
        &self,
        person: &Holder<person::Model>,
        given: &str,
        from: &Whence,
    ) -> Result<Option<&'static str>, AccessError> {
        if instant(person.row.locked_until) > self.clock.of_people() {
            return Ok(Some("неверных паролей подряд слишком много: подождите"));
        }
        let given: String = given.chars().take(password::LONGEST).collect();
        let right = password::is(given, person.row.password.clone()).await;
        if right.map_err(|e| AccessError::Machine(e.to_string()))? {
            return Ok(None);
        }
        self.count_failure(person, from).await?;
        Ok(Some("это не ваш пароль"))
    }

    /// Begins a session of a person who has proved it, or whose password was just chosen, after these changes.
    pub(super) async fn begin_session(
        &self,
        person: &person::Model,
        mut changes: Vec<Change>,
        terms: Terms<'_>,
        what: vekha_engine::Happened,
        from: Whence,
    ) -> Result<String, AccessError> {
        let (secret, begun) = self.new_session(person, from)?;
        changes.push(Change::Entered { person: person.id.clone(), at: Some(begun.created_at) });
        changes.push(Change::SessionBegun(begun));
        let actor = format!("{PERSON}{} <{}>", person.name, person.email);
        let happened = self.happened(&actor, what);
        settled(self.store.change_access(&changes, terms, Some(happened)).await)?;
        Ok(secret)
    }

    /// A session of a person that begins now, by a password, with the secret that the browser keeps.
    pub(super) fn new_session(
        &self,
        person: &person::Model,
        from: Whence,
    ) -> Result<(String, session::Model), AccessError> {
        let now = micros(self.clock.of_people());
        let secret = drawn()?;
        let session = session::Model {
            hash: secrets::hash(&secret),
            person: person.id.clone(),
            created_at: now,
            seen_at: now,
            address: from.address,
            agent: from.agent.chars().take(LONGEST).collect(),
            issuer: String::new(),
            hint: String::new(),
        };
        Ok((secret, session))
    }

    /// Forgets links that open nothing any more, and sessions. One that ended because nobody used it is
    /// kept as long as it could have gone on: by it a form is known that was filled before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_expired(&self) -> Result<(), StoreError> {
        let now = self.clock.of_people();
        let begun_before = now.saturating_sub(gate::LONGEST).unwrap_or(now);
        self.store.forget_expired(micros(begun_before), micros(now)).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, session: &str) -> Result<(), StoreError> {
        let change = [Change::SessionEnded(session.to_owned())];
        self.store.change_access(&change, Terms::default(), None).await.map(drop)
    }

    /// Ends all sessions of a person but this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out_elsewhere(&self, person: &str, but: &str) -> Result<(), StoreError> {
        let change = [Change::SessionsEnded { person: person.to_owned(), but: but.to_owned() }];
        self.store.change_access(&change, Terms::default(), None).await.map(drop)
    }

    /// Gives the link by which the first administrator comes to be, if there is nobody yet. Links given
    /// before open nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_link(&self) -> Result<Option<String>, AccessError> {
        if self.store.has_people().await? {
            return Ok(None);
        }
        let (secret, invitation) = invitation("", self.clock.of_people(), FIRST)?;
        let change = [Change::Invited(invitation)];
        self.store.change_access(&change, Terms::default(), None).await?;
        Ok(Some(welcome_link(&self.public_url, &secret)))
    }

    /// Whom a link is for; an empty address if it makes the first administrator.
    ///
    /// # Errors
    /// If it opens nothing.
    pub async fn invited(&self, secret: &str) -> Result<Particulars, AccessError> {
        Ok(self.invited_person(secret).await?.map_or_else(
            || Particulars { email: String::new(), name: String::new(), post: String::new() },
            |person| Particulars {
                email: person.row.email,
                name: person.row.name,
                post: person.row.post,
            },
        ))
    }

    async fn invited_person(
        &self,
        secret: &str,
    ) -> Result<Option<Holder<person::Model>>, AccessError> {
        let gone = || AccessError::NotFound("ссылка".to_owned());
        let row = self.store.invitation(&secrets::hash(secret)).await?;
        let now = self.clock.of_people();
        let row = row.filter(|row| instant(row.expires_at) > now).ok_or_else(gone)?;
        if row.person.is_empty() {
            return if self.store.has_people().await? { Err(gone()) } else { Ok(None) };
        }
        let person = self.store.person(&row.person).await?;
        person.filter(|person| !person.row.disabled).map(Some).ok_or_else(gone)
    }

    /// Takes up a link: the person chooses a password, whoever was signed in as that person is so no
    /// more, and a session begins. The first administrator says who they are, too. Returns the secret
    /// that the browser keeps.
    ///
    /// # Errors
    /// If the link opens nothing, or what was said is wrong.
    pub async fn take_up(
        &self,
        secret: &str,
        said: Particulars,
        chosen: &str,
        from: Whence,
    ) -> Result<String, AccessError> {
        let invited = self.invited_person(secret).await?;
        let mut wrong = Vec::new();
        let row = match &invited {
            Some(person) => person.row.clone(),
            None => new_person(checked(said, &mut wrong), micros(self.clock.of_people())),
        };
        if let Some(message) = password::wrong(chosen, &[&row.name, &row.email, &row.post]) {
            wrong.push(field("password", &message));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let kept = password::kept(chosen.to_owned()).await.map_err(AccessError::Machine)?;
        let row = person::Model { password: kept, ..row };
        let mut changes = vec![
            Change::Person(Box::new(row.clone())),
            Change::SessionsEnded { person: row.id.clone(), but: String::new() },
        ];
        if invited.is_none() {
            let roles = Roles::everywhere(Role::Administrator);
            changes.push(Change::Roles { holder: row.id.clone(), roles });
        }
        let hash = secrets::hash(secret);
        let terms = Terms {
            person: invited.as_ref(),
            invitation: Some(&hash),
            is_first: invited.is_none(),
            ..Terms::default()
        };
        let what = vekha_engine::Happened::PasswordSet { person: row.email.clone() };
        self.begin_session(&row, changes, terms, what, from).await
    }

    /// A person chooses another password; their other sessions end.
    ///
    /// # Errors
    /// If the one before is wrong, or the new one is none.
    pub async fn change_password(
        &self,
        identity: &Identity,
        before: &str,
        chosen: &str,
        from: &Whence,
    ) -> Result<(), AccessError> {
        let Some(own) = identity.person() else {
            return Err(AccessError::Denied("пароль есть только у сотрудников".to_owned()));
        };
        let person = self.store.person(&own.id).await?;
        let person = person.ok_or_else(|| AccessError::NotFound(own.email.clone()))?;
        let not_proved = self.not_proved(&person, before, from).await?;
        let mut wrong: Vec<_> =
            not_proved.map(|message| field("before", message)).into_iter().collect();
        if before == chosen {
            wrong.push(field("password", "это прежний пароль: нужен другой"));
        }
        let about = [person.row.name.as_str(), &person.row.email, &person.row.post];
        if let Some(message) = password::wrong(chosen, &about) {
            wrong.push(field("password", &message));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let kept = password::kept(chosen.to_owned()).await.map_err(AccessError::Machine)?;
        let row = person::Model { password: kept, ..person.row.clone() };
        let what = vekha_engine::Happened::PasswordSet { person: row.email.clone() };
        let changes = [
            Change::Person(Box::new(row)),
            Change::SessionsEnded { person: own.id.clone(), but: own.session.clone() },
        ];
        let actor = identity.actor();
        let happened = self.happened(&actor, what);
        let terms = Terms { person: Some(&person), ..Terms::default() };
        settled(self.store.change_access(&changes, terms, Some(happened)).await).map(drop)
    }
}

/// Gives a link to whoever signs in by this address, and the role of an administrator everywhere,
/// whatever became of their password and of them: for whoever is at the machine itself, with no daemon.
///
/// # Errors
/// If there is no such person; when the database fails.
pub async fn reset(
    store: &Store,
    email: &str,
    public_url: &str,
    now: Timestamp,
) -> Result<String, AccessError> {
    let email = email.trim().to_lowercase();
    let person = store.person_by_email(&email).await?;
    let person = person.ok_or_else(|| AccessError::NotFound(format!("сотрудник {email}")))?;
    let (secret, invitation) = invitation(&person.row.id, now, INVITATION)?;
    let passkeys = store.passkeys_of(&person.row.id).await?.len();
    // Whoever knew the password, has the device, or a browser that is still signed in, must not gain by it.
    let let_in = person::Model { password: String::new(), disabled: false, ..person.row };
    let roles = Roles::everywhere(Role::Administrator);
    let what = vekha_engine::Happened::PersonSet {
        person: email.clone(),
        roles: roles.named(),
        disabled: false,
    };
    let holder = let_in.id.clone();
    let changes = [
        Change::Person(Box::new(let_in)),
        Change::Roles { holder: holder.clone(), roles },
        Change::Entered { person: holder.clone(), at: None },
        Change::SessionsEnded { person: holder.clone(), but: String::new() },
        Change::PasskeysRemoved(holder),
        Change::Invited(invitation),
    ];
    let gone = vekha_engine::Happened::PasskeysRemoved {
        person: email,
        count: u32::try_from(passkeys).unwrap_or(u32::MAX),
    };
    let gone = (passkeys > 0).then_some(gone);
    let happened = |what| Happened { at: now, actor: "vekha people reset", what, road_map: 0 };
    let happened = std::iter::once(what).chain(gone).map(happened);
    settled(store.change_access(&changes, Terms::default(), happened).await)?;
    Ok(welcome_link(public_url, &secret))
}
