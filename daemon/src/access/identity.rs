//! Who asks.

use vekha_roadmap::RoadMap;

use super::methods;
use super::role::{Role, Roles};

/// Begins the names in the journal of people who signed in; nobody else may begin so.
pub const PERSON: &str = "person:";

/// Begins the names in the journal of systems with a token of their own; nobody else may begin so.
pub const TOKEN: &str = "token:";

/// Begins the names in the journal of organisations' providers; nobody else may begin so.
pub const PROVIDER: &str = "provider:";

/// Who asks, and what they may do.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is.
    pub who: Who,
    /// What they may do.
    pub roles: Roles,
}

/// How it is known who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// By nothing: the daemon is heard on this machine only, and has no people yet.
    Anyone,
    /// By the one token of the settings; a browser may have given a name with it.
    Key(Option<String>),
    /// By a token of its own.
    Token {
        /// The token's id.
        id: String,
        /// What the token is called.
        name: String,
        /// Which services of the contract it is for; empty for all.
        services: Vec<String>,
    },
    /// By having signed in.
    Person(Person),
}

/// A person who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id.
    pub id: String,
    /// What the person is called.
    pub name: String,
    /// The person's address, by which the person signs in.
    pub email: String,
    /// Hash of the session's secret.
    pub session: String,
}

impl Identity {
    /// Who is asked for nothing.
    pub fn anyone() -> Self {
        Identity { who: Who::Anyone, roles: Roles::everywhere(Role::Administrator) }
    }

    /// Who brought the one token of the settings, under this name.
    pub fn key(name: Option<String>) -> Self {
        Identity { who: Who::Key(name), roles: Roles::everywhere(Role::Administrator) }
    }

    /// What they may do with a road map. Who is let in to a page of it has a role there.
    pub fn role_in(&self, map: &RoadMap) -> Role {
        self.roles.within(&map.municipality.id).unwrap_or(Role::Viewer)
    }

    /// Of which organisations alone they may see something in a municipality, by their codes; none where
    /// a role in it shows all of them.
    pub fn only_of(&self, municipality: Option<&str>) -> Option<Vec<String>> {
        let held = municipality.map_or(self.roles.in_all(), |id| self.roles.within(id));
        let own = self.roles.represented();
        let own = own.filter(|(within, _)| municipality == Some(within));
        (held < Some(Role::Viewer)).then(|| own.map(|(_, code)| code.to_owned()).collect())
    }

    /// The person, if it is one who signed in.
    pub fn person(&self) -> Option<&Person> {
        match &self.who {
            Who::Person(person) => Some(person),
            _ => None,
        }
    }

    /// The services of the contract to which they are held; none if to none.
    pub fn limits(&self) -> &[String] {
        match &self.who {
            Who::Token { services, .. } => services,
            Who::Anyone | Who::Key(_) | Who::Person(_) => &[],
        }
    }

    /// Whether they may call a service of the contract at all. Each may ask who it is.
    pub fn reaches(&self, service: &str) -> bool {
        let limits = self.limits();
        limits.is_empty()
            || service == methods::OF_EVERYBODY
            || limits.iter().any(|one| one == service)
    }

    /// What they are called, if that is known.
    pub fn name(&self) -> Option<&str> {
        match &self.who {
            Who::Anyone => None,
            Who::Key(name) => name.as_deref(),
            Who::Token { name, .. } => Some(name),
            Who::Person(person) => Some(&person.name),
        }
    }

    /// Who did it, for the journal, of what was done on a page.
    pub fn actor(&self) -> String {
        match &self.who {
            Who::Anyone | Who::Key(None) => "console".to_owned(),
            Who::Key(Some(name)) => format!("console:{name}"),
            Who::Token { .. } | Who::Person(_) => self.proven().unwrap_or_default(),
        }
    }

    /// Who did it, for the journal, of what was called under this name. What is known of the caller
    /// stands before what the caller says.
    pub fn actor_saying(&self, said: &str) -> String {
        match (self.proven(), said) {
            (None, "") => "api".to_owned(),
            (None, said) => said.to_owned(),
            (Some(proven), "") => proven,
            (Some(proven), said) => format!("{proven}, {said}"),
        }
    }

    /// What nobody else can say of themselves.
    fn proven(&self) -> Option<String> {
        match &self.who {
            Who::Anyone | Who::Key(_) => None,
            Who::Token { name, .. } => Some(format!("{TOKEN}{name}")),
            Who::Person(Person { name, email, .. }) => Some(format!("{PERSON}{name} <{email}>")),
        }
    }
}

/// Whether a name in the journal claims what only a sign-in proves.
pub fn is_claimed(name: &str) -> bool {
    let name = name.trim_start().to_lowercase();
    [PERSON, TOKEN, PROVIDER].iter().any(|proven| name.starts_with(proven))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_journal_says_of_somebody_who_signed_in_is_not_what_they_say() {
        let person = Person {
            id: "1".into(),
            name: "Анна Петрова".into(),
            email: "anna@example.org".into(),
            session: String::new(),
        };
        let anna = Identity { who: Who::Person(person), roles: Roles::default() };
        assert_eq!(anna.actor(), "person:Анна Петрова <anna@example.org>");
        let who =
            Who::Token { id: "1".into(), name: "Контингент".into(), services: vec![] };
        let system = Identity { who, roles: Roles::default() };
        assert_eq!(system.actor_saying("Начальник"), "token:Контингент, Начальник");
        assert_eq!(Identity::anyone().actor_saying(""), "api");
        assert_eq!(Identity::key(None).actor_saying("Отдел"), "Отдел");
        for claimed in ["person:Анна", " Token:x", "PERSON:", "provider:https://id"] {
            assert!(is_claimed(claimed), "{claimed}");
        }
        assert!(!is_claimed("personal"));
    }
}
