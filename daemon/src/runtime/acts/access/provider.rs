//! Signing in through an organisation's provider: which person somebody is of whom the provider says who
//! it is, and what they may do by that.
//!
//! An account there is known by issuer and subject alone: names and addresses change hands. The first
//! time, it becomes a person's in one of two ways:
//!
//! - nobody has the address: a new person, if what is said of them gives a role and the provider vouches
//!   for the address, by which they are named in the journal from now on;
//! - somebody has it: only if the provider vouches for it and an administrator has just given that person
//!   a link (72 hours), which is used up by that. So an address that went to somebody else there opens
//!   nobody's account here, and neither does one that anybody may call their own.
//!
//! Each time, the roles that the provider's word gives take the place of those that it gave before; what
//! was given here is left alone. The last administrator stays one.

use vekha_engine::entry::NotLetIn;
use vekha_roadmap::answers::{hides, turns};

use super::signing::Whence;
use super::{AccessError, LONGEST, Particulars, checked, new_person, settled};
use crate::access::identity::{PERSON, PROVIDER};
use crate::access::provider::Account;
use crate::access::{Role, Roles};
use crate::runtime::Runtime;
use crate::store::entities::{person, provider_account, session};
use crate::store::micros;
use crate::store::read::access::Holder;
use crate::store::write::access::{Change, Terms};

/// How often it is looked again at somebody who has changed meanwhile.
const ATTEMPTS: usize = 3;

/// Why somebody of whom the provider says who it is was not signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// They are not let in.
    Refused(NotLetIn),
    /// Something failed.
    Failed(AccessError),
}

impl<E: Into<AccessError>> From<E> for NotSignedIn {
    fn from(e: E) -> Self {
        NotSignedIn::Failed(e.into())
    }
}

/// Which person an account is, and what makes it so.
struct Known {
    person: Holder<person::Model>,
    /// Whether the person is new.
    is_new: bool,
    /// Whether the account is not the person's yet; by which link it may become so.
    links: bool,
    invitation: Option<String>,
}

impl Runtime {
    /// Signs somebody in of whom the provider says who it is. Returns the secret that the browser keeps.
    ///
    /// # Errors
    /// Why they are not. The journal tells of it.
    pub async fn sign_in_through(
        &self,
        account: &Account,
        from: Whence,
    ) -> Result<String, NotSignedIn> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.try_through(account, from.clone()).await {
                // Somebody else changed the person, or the same account came twice at a time.
                Err(NotSignedIn::Failed(AccessError::Stale)) if tried < ATTEMPTS => {}
                Err(NotSignedIn::Refused(why)) => {
                    let Account { issuer, subject, .. } = account;
                    self.note_not_let_in(issuer, why, subject, &from.address).await?;
                    return Err(NotSignedIn::Refused(why));
                }
                done => return done,
            }
        }
    }

    /// Notes that somebody who came from the provider was not let in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_not_let_in(
        &self,
        issuer: &str,
        why: NotLetIn,
        subject: &str,
        address: &str,
    ) -> Result<(), AccessError> {
        let what = vekha_engine::Happened::SignInRefused {
            issuer: issuer.to_owned(),
            why,
            subject: subject.to_owned(),
            from: address.to_owned(),
        };
        let happened = self.happened("vekha", what);
        self.store.change_access(&[], Terms::default(), Some(happened)).await?;
        Ok(())
    }

    async fn try_through(&self, account: &Account, from: Whence) -> Result<String, NotSignedIn> {
        let known = self.known(account).await?;
        if known.person.row.disabled {
            return Err(NotSignedIn::Refused(NotLetIn::Disabled));
        }
        match self.let_in(account, &known, account.roles.clone(), from.clone()).await {
            Err(NotSignedIn::Failed(AccessError::LastAdministrator)) if known.is_new => {
                Err(NotSignedIn::Refused(NotLetIn::FirstOfAll))
            }
            // Without them nobody could give roles any more: that role stays, whatever is said.
            Err(NotSignedIn::Failed(AccessError::LastAdministrator)) => {
                tracing::warn!(
                    person = known.person.row.email,
                    "the provider says no more that the last administrator is one: kept"
                );
                let kept = account.roles.with(&Roles::everywhere(Role::Administrator));
                self.let_in(account, &known, kept, from).await
            }
            done => done,
        }
    }

    /// Which person it is.
    async fn known(&self, account: &Account) -> Result<Known, NotSignedIn> {
        let Account { issuer, subject, .. } = account;
        let linked = |person| Known { person, is_new: false, links: false, invitation: None };
        if let Some(person) = self.store.person_by_account(issuer, subject).await? {
            return Ok(linked(person));
        }
        let refused = |why| Err(NotSignedIn::Refused(why));
        let mut wrong = Vec::new();
        let said = Particulars {
            email: account.email.clone(),
            name: one_line(&account.name, &account.email),
            post: String::new(),
        };
        let said = checked(said, &mut wrong);
        let has_address = account.is_verified && wrong.is_empty();
        let same = match has_address {
            true => self.store.person_by_email(&said.email).await?,
            false => None,
        };
        let Some(person) = same else {
            // Who may do nothing here is nobody here, whatever their address.
            if account.roles == Roles::default() {
                return refused(NotLetIn::NoRole);
            }
            if !has_address {
                return refused(NotLetIn::NoAddress);
            }
            let row = new_person(said, micros(self.clock.of_people()));
            let person = Holder::new(row, Roles::default());
            return Ok(Known { person, is_new: true, links: true, invitation: None });
        };
        // Who came twice at a time has become this person between the two looks.
        if let Some(person) = self.store.person_by_account(issuer, subject).await? {
            return Ok(linked(person));
        }
        let now = micros(self.clock.of_people());
        let invitation = self.store.open_invitation(&person.row.id, now).await?;
        if invitation.is_none() || person.provided.issuers.contains(issuer) {
            return refused(NotLetIn::AddressTaken);
        }
        Ok(Known { person, is_new: false, links: true, invitation })
    }

    /// Writes down what the provider's word gives a person, and begins a session if that or what was
    /// given here gives a role; else ends those that there are.
    async fn let_in(
        &self,
        account: &Account,
        known: &Known,
        roles: Roles,
        from: Whence,
    ) -> Result<String, NotSignedIn> {
        let Known { person, is_new, links, invitation } = known;
        let row = &person.row;
        let may_nothing = person.roles.with(&roles) == Roles::default();
        if may_nothing && *links {
            return Err(NotSignedIn::Refused(NotLetIn::NoRole));
        }
        let provider = format!("{PROVIDER}{}", account.issuer);
        let own = format!("{PERSON}{} <{}>", row.name, row.email);
        let (mut changes, mut entries) = (Vec::new(), Vec::new());
        if *is_new {
            changes.push(Change::Person(Box::new(row.clone())));
        }
        if *links {
            changes.push(Change::AccountLinked(provider_account::Model {
                issuer: account.issuer.clone(),
                subject: account.subject.clone(),
                person: row.id.clone(),
                linked_at: micros(self.clock.of_people()),
            }));
            let what = vekha_engine::Happened::AccountLinked {
                person: row.email.clone(),
                issuer: account.issuer.clone(),
                subject: account.subject.clone(),
                added: *is_new,
            };
            entries.push(self.happened(&provider, what));
        }
        if roles != person.provided.roles {
            let what = vekha_engine::Happened::ProvidedRolesSet {
                person: row.email.clone(),
                issuer: account.issuer.clone(),
                roles: roles.named(),
                kept: roles != account.roles,
            };
            entries.push(self.happened(&provider, what));
            changes.push(Change::ProvidedRoles { holder: row.id.clone(), roles });
        }
        let terms = Terms {
            person: (!is_new).then_some(person),
            invitation: invitation.as_deref(),
            ..Terms::default()
        };
        if may_nothing {
            changes.push(Change::SessionsEnded { person: row.id.clone(), but: String::new() });
            settled(self.store.change_access(&changes, terms, entries).await)?;
            return Err(NotSignedIn::Refused(NotLetIn::NoRole));
        }
        let address = from.address.clone();
        let (secret, begun) = self.new_session(row, from)?;
        changes.push(Change::Entered { person: row.id.clone(), at: Some(begun.created_at) });
        changes.push(Change::SessionBegun(session::Model {
            issuer: account.issuer.clone(),
            hint: account.hint.clone(),
            ..begun
        }));
        let what = vekha_engine::Happened::SignedIn {
            person: row.email.clone(),
            from: address,
            through: account.issuer.clone(),
            passkey: String::new(),
        };
        entries.push(self.happened(&own, what));
        settled(self.store.change_access(&changes, terms, entries).await)?;
        Ok(secret)
    }
}

/// A name as it can stand in the journal, or what stands before the at-sign of the address.
fn one_line(name: &str, email: &str) -> String {
    let breaks = |c: &char| c.is_control() || turns(*c) || hides(*c) || matches!(c, '<' | '>');
    let plain: String = name.chars().filter(|c| !breaks(c)).take(LONGEST).collect();
    match plain.trim() {
        "" => email.split('@').next().unwrap_or_default().to_owned(),
        plain => plain.to_owned(),
    }
}
