//! People and their roles.

use vekha_roadmap::answers::FieldError;

use super::signing::INVITATION;
use super::{
    AccessError, Asker, Made, Particulars, checked, differing, field, invitation, may_admit,
    may_give, new_person, settled, welcome_link,
};
use crate::access::Roles;
use crate::runtime::Runtime;
use crate::runtime::seen;
use crate::store::entities::person;
use crate::store::read::access::Holder;
use crate::store::write::access::{Change, Terms};
use crate::store::{instant, micros};

/// By what a change of a person is seen.
pub fn person_etag(person: &Holder<person::Model>) -> String {
    let row = &person.row;
    let roles = person.roles.named();
    let has_password = !row.password.is_empty();
    seen::etag(&(&row.id, &row.email, &row.name, &row.post, row.disabled, has_password, roles))
}

impl Runtime {
    /// Adds a person, with a link by which they choose a password.
    ///
    /// # Errors
    /// What is wrong with it, or that the caller may not.
    pub async fn add_person(
        &self,
        asker: &Asker<'_>,
        said: Particulars,
        roles: Result<Roles, Vec<FieldError>>,
    ) -> Result<Made<person::Model>, AccessError> {
        may_admit(asker.identity)?;
        if let Some(before) = self.made_for(asker).await? {
            let of = self.store.person(&before).await?.ok_or(AccessError::NotFound(before))?;
            return Ok(Made { of, secret: None, until: None });
        }
        let mut wrong = Vec::new();
        let said = checked(said, &mut wrong);
        let roles = self.checked_roles(roles, &Roles::default(), &mut wrong);
        if self.store.person_by_email(&said.email).await?.is_some() {
            wrong.push(field("email", "этот адрес уже есть у другого сотрудника"));
        }
        if roles == Roles::default() && wrong.is_empty() {
            wrong.push(field("roles", "нужна хотя бы одна роль"));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        may_give(asker.identity, &roles)?;
        let row = new_person(said, micros(self.clock.of_people()));
        let of = Holder::new(row.clone(), roles.clone());
        let (secret, invitation) = invitation(&row.id, self.clock.of_people(), INVITATION)?;
        let until = Some(instant(invitation.expires_at));
        if asker.validate_only {
            return Ok(Made { of, secret: None, until: None });
        }
        let what = vekha_engine::Happened::PersonSet {
            person: row.email.clone(),
            roles: roles.named(),
            disabled: false,
        };
        let holder = row.id.clone();
        let changes = [
            Change::Person(Box::new(row)),
            Change::Roles { holder: holder.clone(), roles },
            Change::Invited(invitation),
        ];
        let terms = Terms { request: self.noting(asker, &holder), ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        settled(self.store.change_access(&changes, terms, Some(happened)).await)?;
        Ok(Made { of, secret: Some(welcome_link(&self.public_url, &secret)), until })
    }

    /// Changes who a person is and what they may do. Who is not let in any more is signed out at once.
    ///
    /// # Errors
    /// What is wrong with it, or that the caller may not.
    pub async fn set_person(
        &self,
        asker: &Asker<'_>,
        seen: &Holder<person::Model>,
        said: Particulars,
        roles: Result<Roles, Vec<FieldError>>,
        disabled: bool,
    ) -> Result<Holder<person::Model>, AccessError> {
        may_admit(asker.identity)?;
        if let Some(before) = self.made_for(asker).await? {
            return self.store.person(&before).await?.ok_or(AccessError::NotFound(before));
        }
        asker.saw(&person_etag(seen))?;
        let mut wrong = Vec::new();
        let said = checked(said, &mut wrong);
        let roles = self.checked_roles(roles, &seen.roles, &mut wrong);
        // To whom a provider gives roles nothing needs to be given here.
        let has_account = !seen.provided.issuers.is_empty();
        if roles == Roles::default() && !has_account && wrong.is_empty() {
            let message = "нужна хотя бы одна роль; кто больше не работает, тому вход закрывают";
            wrong.push(field("roles", message));
        }
        let other = self.store.person_by_email(&said.email).await?;
        if other.is_some_and(|other| other.row.id != seen.row.id) {
            wrong.push(field("email", "этот адрес уже есть у другого сотрудника"));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        // Of roles, only those that change; who the person is concerns all of them.
        let was = Particulars {
            email: seen.row.email.clone(),
            name: seen.row.name.clone(),
            post: seen.row.post.clone(),
        };
        may_give(asker.identity, &differing(&seen.roles, &roles))?;
        if said != was || disabled != seen.row.disabled {
            may_give(asker.identity, &seen.all_roles())?;
        }
        let Particulars { email, name, post } = said;
        let row = person::Model { email, name, post, disabled, ..seen.row.clone() };
        let provided = seen.provided.clone();
        let now = Holder { row: row.clone(), roles: roles.clone(), provided };
        if asker.validate_only {
            return Ok(now);
        }
        let what = vekha_engine::Happened::PersonSet {
            person: row.email.clone(),
            roles: roles.named(),
            disabled,
        };
        let id = row.id.clone();
        let mut changes =
            vec![Change::Person(Box::new(row)), Change::Roles { holder: id.clone(), roles }];
        if disabled {
            changes.push(Change::SessionsEnded { person: id.clone(), but: String::new() });
        }
        let request = self.noting(asker, &id);
        let terms = Terms { person: Some(seen), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        settled(self.store.change_access(&changes, terms, Some(happened)).await)?;
        Ok(now)
    }

    /// Gives a person a link by which to choose a password.
    ///
    /// # Errors
    /// That the caller may not.
    pub async fn invite(
        &self,
        asker: &Asker<'_>,
        person: Holder<person::Model>,
    ) -> Result<Made<person::Model>, AccessError> {
        may_admit(asker.identity)?;
        if self.made_for(asker).await?.is_some() {
            return Ok(Made { of: person, secret: None, until: None });
        }
        asker.saw(&person_etag(&person))?;
        may_give(asker.identity, &person.all_roles())?;
        if asker.validate_only {
            return Ok(Made { of: person, secret: None, until: None });
        }
        let (secret, invitation) = invitation(&person.row.id, self.clock.of_people(), INVITATION)?;
        let until = Some(instant(invitation.expires_at));
        let what = vekha_engine::Happened::PersonInvited { person: person.row.email.clone() };
        let request = self.noting(asker, &person.row.id);
        let terms = Terms { person: Some(&person), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        let change = [Change::Invited(invitation)];
        settled(self.store.change_access(&change, terms, Some(happened)).await)?;
        Ok(Made { of: person, secret: Some(welcome_link(&self.public_url, &secret)), until })
    }
}
