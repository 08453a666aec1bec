//! Passkeys: added by their person, removed by them or by whoever administers them, and signed in by.
//!
//! To add one is to open a way in for good: a session that somebody left open is not enough, the password is
//! asked for unless it was just given. Signing in by one begins the session that a password would; what was
//! wrong is told to the log alone, and keeps nobody waiting: a key is not guessed.

use http::HeaderMap;
use jiff::SignedDuration;

use super::people::person_etag;
use super::signing::{NotSignedIn, Whence};
use super::{AccessError, Asker, field, line, may_admit, may_give, settled};
use crate::access::passkeys::{Begun, Passkeys, Refused, Whose};
use crate::access::{Identity, Roles, identity};
use crate::runtime::Runtime;
use crate::store::entities::{passkey, person};
use crate::store::read::access::Holder;
use crate::store::write::access::{Change, Terms};
use crate::store::{StoreError, instant};

/// Most passkeys that a person has.
pub const MOST: usize = 10;

/// How long after signing in one is not asked again who one is.
const JUST_NOW: SignedDuration = SignedDuration::from_mins(10);

/// Somebody who signed in.
#[derive(Debug)]
pub struct Entered {
    /// What the browser keeps.
    pub secret: String,
    /// Their address.
    pub email: String,
}

impl Runtime {
    /// A person's passkeys, in the order in which they were added.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn passkeys_of(&self, person: &str) -> Result<Vec<passkey::Model>, StoreError> {
        self.store.passkeys_of(person).await
    }

    /// Whether whoever asks has signed in just now, and need not say again who they are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entered_just_now(&self, own: &identity::Person) -> Result<bool, StoreError> {
        let session = self.store.session(&own.session).await?;
        let now = self.clock.of_people();
        let age = session.map(|session| now.duration_since(instant(session.created_at)));
        Ok(age.is_some_and(|age| age < JUST_NOW))
    }

    /// Asks the browser of whoever asks for a new passkey, to be called so.
    ///
    /// # Errors
    /// All that is wrong with it; that it is no person.
    pub async fn begin_passkey(
        &self,
        passkeys: &Passkeys,
        identity: &Identity,
        called: &str,
        given: &str,
        from: Whence,
    ) -> Result<Begun, AccessError> {
        let (own, person) = self.own(identity).await?;
        if person.roles == Roles::default() {
            let words =
                "роли вам даёт только провайдер, а ключ входа их не даёт: входите через него";
            return Err(AccessError::Denied(words.to_owned()));
        }
        let known = self.store.passkeys_of(&own.id).await?;
        let mut wrong = Vec::new();
        let called = line("passkey", called, true, &mut wrong);
        if known.iter().any(|row| row.called == called) {
            wrong.push(field("passkey", "так уже назван другой ваш ключ входа"));
        }
        if known.len() >= MOST {
            let message = format!("их уже {MOST}: сначала удалите ненужный");
            wrong.push(field("passkey", &message));
        }
        if !self.entered_just_now(own).await? {
            let message = match person.row.password.is_empty() {
                true => Some("вы вошли давно: выйдите, войдите снова и добавьте сразу"),
                false => self.not_proved(&person, given, &from).await?,
            };
            wrong.extend(message.map(|message| field("passkey_password", message)));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let now = self.clock.of_people();
        passkeys.begin_adding(whose(own), &called, &known, now).map_err(AccessError::Machine)
    }

    /// Adds the passkey that the device of whoever asks has made.
    ///
    /// # Errors
    /// That it is not taken, whatever is wrong with it.
    pub async fn add_passkey(
        &self,
        passkeys: &Passkeys,
        identity: &Identity,
        headers: &HeaderMap,
        answer: &str,
    ) -> Result<(), AccessError> {
        let (own, person) = self.own(identity).await?;
        let added = passkeys.added(headers, whose(own), answer, self.clock.of_people());
        let added = added.map_err(|why| {
            tracing::warn!(person = own.email, "a passkey is not added: {why}");
            let words = match why {
                Refused::NotBegun => "на это даётся пять минут, и они прошли, или это уже сделано",
                Refused::Wrong(_) => "ответ устройства не прошёл проверку",
            };
            AccessError::Denied(format!("ключ входа не добавлен: {words}; начните заново"))
        })?;
        let known = self.store.passkeys_of(&own.id).await?;
        if known.len() >= MOST {
            return Err(AccessError::Stale);
        }
        let what = vekha_engine::Happened::PasskeyAdded {
            person: own.email.clone(),
            passkey: added.passkey.called.clone(),
        };
        let terms = Terms {
            person: Some(&person),
            passkeys: Some(known.len()),
            challenge: Some(added.challenge),
            ..Terms::default()
        };
        let actor = identity.actor();
        let change = [Change::PasskeyAdded(added.passkey)];
        let happened = self.happened(&actor, what);
        settled(self.store.change_access(&change, terms, Some(happened)).await)
    }

    /// Removes one of the passkeys of whoever asks. One that is gone already is no mistake.
    ///
    /// # Errors
    /// That it is no person, or the database fails.
    pub async fn remove_passkey(&self, identity: &Identity, id: &str) -> Result<(), AccessError> {
        let (own, _) = self.own(identity).await?;
        let row = self.store.passkey(id).await?.filter(|row| row.person == own.id);
        let Some(row) = row else { return Ok(()) };
        let what = vekha_engine::Happened::PasskeyRemoved {
            person: own.email.clone(),
            passkey: row.called.clone(),
        };
        let change = [Change::PasskeyRemoved { person: own.id.clone(), passkey: row.id.clone() }];
        let terms = Terms { passkey: Some(&row), ..Terms::default() };
        let actor = identity.actor();
        let happened = self.happened(&actor, what);
        settled(self.store.change_access(&change, terms, Some(happened)).await)
    }

    /// Removes all passkeys of a person, and ends their sessions: whoever has the lost device may be in by
    /// it. Who has none is left alone.
    ///
    /// # Errors
    /// That the caller may not.
    pub async fn remove_passkeys(
        &self,
        asker: &Asker<'_>,
        person: &Holder<person::Model>,
    ) -> Result<(), AccessError> {
        may_admit(asker.identity)?;
        if self.made_for(asker).await?.is_some() {
            return Ok(());
        }
        asker.saw(&person_etag(person))?;
        may_give(asker.identity, &person.all_roles())?;
        let count = self.store.passkeys_of(&person.row.id).await?.len();
        if asker.validate_only || count == 0 {
            return Ok(());
        }
        let what = vekha_engine::Happened::PasskeysRemoved {
            person: person.row.email.clone(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        };
        let id = person.row.id.clone();
        let changes = [
            Change::PasskeysRemoved(id.clone()),
            Change::SessionsEnded { person: id.clone(), but: String::new() },
        ];
        let request = self.noting(asker, &id);
        let terms =
            Terms { person: Some(person), passkeys: Some(count), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        settled(self.store.change_access(&changes, terms, Some(happened)).await)
    }

    /// Signs in whoever holds a passkey.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn sign_in_by_passkey(
        &self,
        passkeys: &Passkeys,
        headers: &HeaderMap,
        answer: &str,
        from: Whence,
    ) -> Result<Entered, NotSignedIn> {
        let now = self.clock.of_people();
        let refused = |whose: &str, why: Refused| {
            tracing::warn!(from = from.address, person = whose, "a passkey is not taken: {why}");
            NotSignedIn::Wrong
        };
        let answer = passkeys.read(headers, answer, now).map_err(|why| refused("", why))?;
        let Some(kept) = self.store.passkey(&answer.id).await? else {
            return Err(refused("", Refused::Wrong("nobody has it".to_owned())));
        };
        let Some(person) = self.store.person(&kept.person).await? else {
            return Err(refused("", Refused::Wrong("its person is no more".to_owned())));
        };
        let email = &person.row.email;
        // Whom somebody keeps from their password by guessing at it has this way left: nobody guesses keys.
        if person.row.disabled {
            return Err(refused(email, Refused::Wrong("the person is not let in".to_owned())));
        }
        let challenge = answer.challenge.clone();
        let state = answer.prove(passkeys, &kept).map_err(|why| refused(email, why))?;
        let what = vekha_engine::Happened::SignedIn {
            person: email.clone(),
            from: from.address.clone(),
            through: String::new(),
            passkey: kept.called.clone(),
        };
        // Who was shut out, or whose passkey was removed or used, while this was looked at is not let in;
        // neither is whoever brings an answer that another daemon has taken.
        let terms = Terms {
            person: Some(&person),
            passkey: Some(&kept),
            challenge: Some(challenge),
            ..Terms::default()
        };
        let used =
            Change::PasskeyUsed { passkey: kept.id.clone(), state, at: crate::store::micros(now) };
        match self.begin_session(&person.row, vec![used], terms, what, from).await {
            Err(AccessError::Stale) => Err(NotSignedIn::Wrong),
            begun => Ok(Entered { secret: begun?, email: email.clone() }),
        }
    }

    /// Whoever asks, as the database knows them.
    async fn own<'i>(
        &self,
        identity: &'i Identity,
    ) -> Result<(&'i identity::Person, Holder<person::Model>), AccessError> {
        let Some(own) = identity.person() else {
            let words = "ключи входа есть только у сотрудников";
            return Err(AccessError::Denied(words.to_owned()));
        };
        let person = self.store.person(&own.id).await?;
        let person = person.ok_or_else(|| AccessError::NotFound(own.email.clone()))?;
        Ok((own, person))
    }
}

fn whose(own: &identity::Person) -> Whose<'_> {
    Whose { person: &own.id, session: &own.session, email: &own.email, name: &own.name }
}
