//! People who work at the console.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, person_service_server::PersonService};
use vekha_roadmap::answers::FieldError;

use super::access::{asker, grants, refused, roles};
use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::{Api, convert, status};
use crate::runtime::acts::access::people::person_etag;
use crate::runtime::acts::access::{Made, Particulars};
use crate::store::entities::person;
use crate::store::read::access::Holder;

/// What can be changed of a person.
const PATHS: [&str; 5] = ["email", "display_name", "post", "roles", "disabled"];

fn describe(person: &Holder<person::Model>, passkeys: usize) -> v1::Person {
    let row = &person.row;
    v1::Person {
        name: format!("people/{}", row.id),
        email: row.email.clone(),
        display_name: row.name.clone(),
        post: row.post.clone(),
        roles: grants(&person.roles),
        provided_roles: grants(&person.provided.roles),
        providers: person.provided.issuers.clone(),
        disabled: row.disabled,
        has_password: !row.password.is_empty(),
        created_at: Some(convert::micros(row.created_at)),
        signed_in_at: (row.signed_in_at > 0).then(|| convert::micros(row.signed_in_at)),
        link: String::new(),
        link_expires_at: None,
        etag: person_etag(person),
        passkeys: i32::try_from(passkeys).unwrap_or(i32::MAX),
    }
}

fn described(made: &Made<person::Model>, passkeys: usize) -> v1::Person {
    v1::Person {
        link: made.secret.clone().unwrap_or_default(),
        link_expires_at: made.until.map(convert::timestamp),
        ..describe(&made.of, passkeys)
    }
}

impl Api {
    /// A person of whom the caller may know.
    async fn known_person<M>(
        &self,
        asked: &Asked<M>,
        name: &str,
    ) -> Result<Holder<person::Model>, Status> {
        let id = name.strip_prefix("people/").filter(|id| !id.is_empty() && !id.contains('/'));
        let id = id
            .ok_or_else(|| status::invalid("name", format!("«{name}»: нужно имя вида people/p")))?;
        let person = self.runtime.store().person(id).await.map_err(status::unavailable)?;
        let person = person.filter(|person| asked.by.roles.administer(&person.all_roles()));
        person.ok_or_else(|| status::not_found(name))
    }

    /// How many passkeys a person has.
    async fn passkeys_of(&self, person: &Holder<person::Model>) -> Result<usize, Status> {
        let all = self.runtime.passkeys_of(&person.row.id).await;
        Ok(all.map_err(status::unavailable)?.len())
    }
}

#[tonic::async_trait]
impl PersonService for Api {
    async fn list_people(
        &self,
        request: Request<v1::ListPeopleRequest>,
    ) -> Result<Response<v1::ListPeopleResponse>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let paging = paging!(r)?;
        let people = self.runtime.store().people().await.map_err(status::unavailable)?;
        let passkeys = self.runtime.store().who_has_passkeys().await;
        let passkeys = passkeys.map_err(status::unavailable)?;
        let has = |person: &Holder<person::Model>| passkeys.get(&person.row.id).copied();
        let own = people.iter().filter(|person| by.roles.administer(&person.all_roles()));
        let all = own.map(|person| describe(person, has(person).unwrap_or_default())).collect();
        let (people, next_page_token) =
            paging.slice(all, |person: &v1::Person| person.name.clone());
        Ok(Response::new(v1::ListPeopleResponse { people, next_page_token }))
    }

    async fn get_person(
        &self,
        request: Request<v1::GetPersonRequest>,
    ) -> Result<Response<v1::Person>, Status> {
        let asked = Asked::of(request);
        let person = self.known_person(&asked, &asked.name).await?;
        let passkeys = self.passkeys_of(&person).await?;
        Ok(Response::new(describe(&person, passkeys)))
    }

    async fn create_person(
        &self,
        request: Request<v1::CreatePersonRequest>,
    ) -> Result<Response<v1::Person>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let said = asked.person.clone().unwrap_or_default();
        let roles = roles("person.roles", &said.roles);
        let asker = asker(&asked, &mutation);
        let made = self.runtime.add_person(&asker, particulars(said), roles).await;
        let made = made.map_err(|e| refused(e, "person"))?;
        let passkeys = self.passkeys_of(&made.of).await?;
        Ok(Response::new(described(&made, passkeys)))
    }

    async fn update_person(
        &self,
        request: Request<v1::UpdatePersonRequest>,
    ) -> Result<Response<v1::Person>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let said = asked.person.clone().unwrap_or_default();
        let paths = asked.update_mask.clone().map(|mask| mask.paths).unwrap_or_default();
        if let Some(unknown) =
            paths.iter().find(|path| *path != "*" && !PATHS.contains(&path.as_str()))
        {
            let message = format!("«{unknown}»: менять можно {}", PATHS.join(", "));
            return Err(status::invalid("update_mask", message));
        }
        let seen = self.known_person(&asked, &said.name).await?;
        // It comes with the thing.
        let mutation = Mutation { etag: said.etag.clone(), ..mutation };
        let whole = paths.is_empty() || paths.iter().any(|path| path == "*");
        let changes = |path: &str| whole || paths.iter().any(|named| named == path);
        let roles: Result<_, Vec<FieldError>> = match changes("roles") {
            true => roles("person.roles", &said.roles),
            false => Ok(seen.roles.clone()),
        };
        let disabled = if changes("disabled") { said.disabled } else { seen.row.disabled };
        let was = &seen.row;
        let said = Particulars {
            email: if changes("email") { said.email } else { was.email.clone() },
            name: if changes("display_name") { said.display_name } else { was.name.clone() },
            post: if changes("post") { said.post } else { was.post.clone() },
        };
        let asker = asker(&asked, &mutation);
        let now = self.runtime.set_person(&asker, &seen, said, roles, disabled).await;
        let now = now.map_err(|e| refused(e, "person"))?;
        let mut shown = describe(&now, self.passkeys_of(&now).await?);
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }

    async fn invite_person(
        &self,
        request: Request<v1::InvitePersonRequest>,
    ) -> Result<Response<v1::Person>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let person = self.known_person(&asked, &asked.name).await?;
        let made = self.runtime.invite(&asker(&asked, &mutation), person).await;
        let made = made.map_err(|e| refused(e, "name"))?;
        let passkeys = self.passkeys_of(&made.of).await?;
        Ok(Response::new(described(&made, passkeys)))
    }

    async fn remove_passkeys(
        &self,
        request: Request<v1::RemovePasskeysRequest>,
    ) -> Result<Response<v1::Person>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let person = self.known_person(&asked, &asked.name).await?;
        let gone = self.runtime.remove_passkeys(&asker(&asked, &mutation), &person).await;
        gone.map_err(|e| refused(e, "name"))?;
        let left = if mutation.validate_only { 0 } else { self.passkeys_of(&person).await? };
        Ok(Response::new(describe(&person, left)))
    }
}

fn particulars(said: v1::Person) -> Particulars {
    Particulars { email: said.email, name: said.display_name, post: said.post }
}
