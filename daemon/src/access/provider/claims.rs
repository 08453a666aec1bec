//! What a provider says of somebody, and what they may do by it.

use std::collections::BTreeMap;

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::Roles;

/// What is said beside what the standard names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Rest(Map<String, Value>);

impl AdditionalClaims for Rest {}

/// Where it is said which roles somebody has, and what each value means.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    /// The name of a claim, or a path into one that begins with a slash.
    pub claim: String,
    /// What each value gives.
    pub roles: BTreeMap<String, Roles>,
    /// Whether an address counts as proved of which nothing is said.
    pub trusts_email: bool,
}

/// What is said of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// What they are called; empty if that is not said.
    pub name: String,
    /// Their address; empty if that is not said.
    pub email: String,
    /// Whether the provider vouches for it.
    pub is_verified: bool,
    /// What they may do.
    pub roles: Roles,
}

impl Mapping {
    /// Whether all is said that is wanted: else the provider is asked for more.
    pub fn is_whole(&self, claims: &Value) -> bool {
        let wants_roles = !self.roles.is_empty();
        let names = ["name", "email"].iter().all(|name| !claims[*name].is_null());
        names && (!wants_roles || self.values(claims).is_some())
    }

    /// What of it is of use.
    pub fn read(&self, claims: &Value) -> Said {
        let text = |name: &str| claims[name].as_str().unwrap_or_default().trim().to_owned();
        let whole = format!("{} {}", text("given_name"), text("family_name"));
        let names = [text("name"), whole.trim().to_owned(), text("preferred_username")];
        let is_verified = match &claims["email_verified"] {
            Value::Bool(said) => *said,
            _ => self.trusts_email,
        };
        let none = Roles::default();
        let values = self.values(claims).unwrap_or_default();
        let given = values.iter().filter_map(|value| self.roles.get(*value));
        Said {
            name: names.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            email: text("email"),
            is_verified,
            roles: given.fold(none, |all, roles| all.with(roles)),
        }
    }

    /// The values that give roles; none if the provider does not speak of them.
    fn values<'c>(&self, claims: &'c Value) -> Option<Vec<&'c str>> {
        let found = match self.claim.starts_with('/') {
            true => claims.pointer(&self.claim),
            false => claims.get(&self.claim),
        };
        match found? {
            Value::String(one) => Some(vec![one]),
            Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }
}

/// What is said in two places: what the first does not say, the second does.
pub(super) fn together(first: Value, second: Value) -> Value {
    let (Value::Object(mut all), Value::Object(more)) = (first, second) else { return Value::Null };
    for (name, value) in more {
        let known = all.entry(name).or_insert(Value::Null);
        if known.is_null() {
            *known = value;
        }
    }
    Value::Object(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::{ALL, Role};

    fn mapping(claim: &str) -> Mapping {
        let of = |pairs: &[(&str, Role)]| {
            pairs.iter().map(|(m, role)| ((*m).to_owned(), *role)).collect::<Roles>()
        };
        let roles = BTreeMap::from([
            ("Vekha.Admins".to_owned(), of(&[(ALL, Role::Administrator)])),
            ("methodists".to_owned(), of(&[("zarechny", Role::Operator)])),
            ("heads".to_owned(), of(&[("zarechny", Role::Approver), ("polevskoy", Role::Viewer)])),
        ]);
        Mapping { claim: claim.to_owned(), roles, trusts_email: false }
    }

    #[test]
    fn what_is_said_gives_the_roles_of_the_table_and_nothing_else() {
        for (claim, claims, wanted) in [
            ("groups", json!({ "groups": ["methodists"] }), "zarechny=operator"),
            ("groups", json!({ "groups": "methodists" }), "zarechny=operator"),
            // The higher of two counts.
            (
                "groups",
                json!({ "groups": ["heads", "methodists"] }),
                "polevskoy=viewer zarechny=approver",
            ),
            ("groups", json!({ "groups": ["Vekha.Admins", 7, null] }), "*=administrator"),
            // A value is compared whole, as it is written.
            ("groups", json!({ "groups": ["vekha.admins", "methodists "] }), ""),
            ("groups", json!({ "groups": "heads methodists" }), ""),
            ("groups", json!({ "groups": [["methodists"]] }), ""),
            ("groups", json!({ "groups": { "methodists": true } }), ""),
            ("groups", json!({ "roles": ["methodists"] }), ""),
            ("groups", json!({}), ""),
            ("/realm/roles", json!({ "realm": { "roles": ["methodists"] } }), "zarechny=operator"),
            ("/realm/roles", json!({ "/realm/roles": ["methodists"] }), ""),
            // Some name their claims by addresses.
            ("https://id/g", json!({ "https://id/g": ["methodists"] }), "zarechny=operator"),
        ] {
            let roles = mapping(claim).read(&claims).roles;
            let named: Vec<String> =
                roles.iter().map(|(m, role)| format!("{m}={}", role.as_str())).collect();
            assert_eq!(named.join(" "), wanted, "{claim}: {claims}");
        }
    }

    #[test]
    fn an_address_counts_as_proved_only_if_it_is_said_to_be_or_the_provider_is_trusted() {
        let strict = mapping("groups");
        let trusting = Mapping { trusts_email: true, ..mapping("groups") };
        for (said, by_strict, by_trusting) in [
            (json!({ "email": "a@b.ru", "email_verified": true }), true, true),
            (json!({ "email": "a@b.ru", "email_verified": false }), false, false),
            (json!({ "email": "a@b.ru" }), false, true),
        ] {
            assert_eq!(strict.read(&said).is_verified, by_strict, "{said}");
            assert_eq!(trusting.read(&said).is_verified, by_trusting, "{said}");
        }
    }

    #[test]
    fn a_name_is_taken_from_where_there_is_one() {
        let name = |claims: Value| mapping("groups").read(&claims).name;
        assert_eq!(name(json!({ "name": " Анна ", "given_name": "Аня" })), "Анна");
        assert_eq!(name(json!({ "given_name": "Анна", "family_name": "Петрова" })), "Анна Петрова");
        assert_eq!(name(json!({ "preferred_username": "anna" })), "anna");
        assert_eq!(name(json!({ "name": 7 })), "");
    }

    #[test]
    fn what_a_token_says_goes_before_what_is_asked_for_beside_it() {
        let both = together(
            json!({ "sub": "1", "email": "a@b.ru", "name": null }),
            json!({ "sub": "2", "email": "x@b.ru", "name": "Анна", "groups": ["heads"] }),
        );
        let wanted = json!({ "sub": "1", "email": "a@b.ru", "name": "Анна", "groups": ["heads"] });
        assert_eq!(both, wanted);
        let mapping = mapping("groups");
        assert!(mapping.is_whole(&both) && !mapping.is_whole(&json!({ "name": "", "email": "" })));
    }
}
