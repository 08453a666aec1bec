//! What somebody may do, and where.

use std::collections::BTreeMap;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Stands for all municipalities, those to come included.
pub const ALL: &str = "*";

/// What somebody may do in a municipality. Each role may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    /// Answer for one organisation: what it is asked, and nothing beside it. Held at an organisation; all
    /// others at a municipality, or at all of them.
    Representative,
    /// Look.
    Viewer,
    /// Collect: extend, return, remind, rewrite drafts.
    Operator,
    /// Approve recommendations, decide, accept reports on measures.
    Approver,
    /// Road maps, people, tokens.
    Administrator,
}

impl Role {
    /// Every role, the lowest first.
    pub const ALL: &[Role] = Role::VARIANTS;

    /// As the database and the journal spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Where an organisation's role is held, as roles are kept.
pub fn organisation(municipality: &str, code: &str) -> String {
    format!("{municipality}/{code}")
}

/// What a place is: the municipality, or [`ALL`]; and the organisation's code, if it is one.
pub fn place(of: &str) -> (&str, Option<&str>) {
    of.split_once('/').map_or((of, None), |(municipality, code)| (municipality, Some(code)))
}

/// Roles by where they are held: a municipality, [`ALL`] of them, or an [`organisation`] of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeMap<String, Role>);

impl Roles {
    /// This role in all municipalities.
    pub fn everywhere(role: Role) -> Self {
        Roles(BTreeMap::from([(ALL.to_owned(), role)]))
    }

    /// The role in a municipality.
    pub fn within(&self, municipality: &str) -> Option<Role> {
        self.0.get(municipality).max(self.0.get(ALL)).copied()
    }

    /// The organisations that are represented: municipality and code of each.
    pub fn represented(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.keys().filter_map(|own| {
            let (municipality, code) = place(own);
            Some((municipality, code?))
        })
    }

    /// Whether this organisation is represented.
    pub fn represents(&self, municipality: &str, code: &str) -> bool {
        self.represented().any(|own| own == (municipality, code))
    }

    /// The highest role that is held anywhere.
    pub fn anywhere(&self) -> Option<Role> {
        self.0.values().max().copied()
    }

    /// The role that is held in all municipalities.
    pub fn in_all(&self) -> Option<Role> {
        self.0.get(ALL).copied()
    }

    /// Whether these roles reach as far as those: who may give them, and take them.
    pub fn administer(&self, others: &Roles) -> bool {
        let administers = |own: &String| self.within(place(own).0) == Some(Role::Administrator);
        // Who holds none yet is anybody's who administers at all.
        match others.0.is_empty() {
            true => self.anywhere() == Some(Role::Administrator),
            false => others.0.keys().all(administers),
        }
    }

    /// These roles and those: where both have one, the higher.
    pub fn with(&self, others: &Roles) -> Roles {
        let mut all = self.0.clone();
        for (place, role) in &others.0 {
            let held = all.entry(place.clone()).or_insert(*role);
            *held = (*held).max(*role);
        }
        Roles(all)
    }

    /// Where each is held, and the role, in the order of the places.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role)> {
        self.0.iter().map(|(place, role)| (place.as_str(), *role))
    }

    /// As the journal keeps them.
    pub fn named(&self) -> BTreeMap<String, String> {
        self.iter().map(|(place, role)| (place.to_owned(), role.as_str().to_owned())).collect()
    }
}

impl FromIterator<(String, Role)> for Roles {
    fn from_iter<I: IntoIterator<Item = (String, Role)>>(roles: I) -> Self {
        Roles(roles.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(of: &[(&str, Role)]) -> Roles {
        of.iter().map(|(m, role)| ((*m).to_owned(), *role)).collect()
    }

    #[test]
    fn a_role_counts_where_it_was_given_and_the_higher_one_counts() {
        let roles = roles(&[("zarechny", Role::Approver), (ALL, Role::Viewer)]);
        assert_eq!(roles.within("zarechny"), Some(Role::Approver));
        assert_eq!(roles.within("polevskoy"), Some(Role::Viewer));
        assert_eq!((roles.anywhere(), roles.in_all()), (Some(Role::Approver), Some(Role::Viewer)));
        assert_eq!(Roles::default().within("zarechny"), None);
    }

    #[test]
    fn who_represents_an_organisation_has_no_role_in_its_municipality() {
        let school = organisation("zarechny", "school-1");
        let own = roles(&[(&school, Role::Representative)]);
        assert_eq!((own.within("zarechny"), own.in_all()), (None, None));
        assert_eq!(own.anywhere(), Some(Role::Representative));
        assert!(own.represents("zarechny", "school-1"));
        assert!(!own.represents("zarechny", "school-11"));
        assert!(!own.represents("polevskoy", "school-1"));
        assert!(!roles(&[("zarechny", Role::Administrator)]).represents("zarechny", "school-1"));
        // Whoever administers the municipality gives it and takes it, and nobody else.
        assert!(roles(&[("zarechny", Role::Administrator)]).administer(&own));
        assert!(!roles(&[("polevskoy", Role::Administrator)]).administer(&own));
        assert!(!own.administer(&own));
    }

    #[test]
    fn who_administers_one_municipality_rules_over_nobody_elsewhere() {
        let own = roles(&[("zarechny", Role::Administrator), ("polevskoy", Role::Approver)]);
        assert!(own.administer(&roles(&[("zarechny", Role::Administrator)])));
        assert!(own.administer(&Roles::default()));
        assert!(!own.administer(&roles(&[("polevskoy", Role::Viewer)])));
        assert!(
            !own.administer(&roles(&[("zarechny", Role::Viewer), ("polevskoy", Role::Viewer)]))
        );
        assert!(!own.administer(&Roles::everywhere(Role::Viewer)));
        assert!(Roles::everywhere(Role::Administrator).administer(&own));
        assert!(!Roles::everywhere(Role::Approver).administer(&Roles::default()));
    }
}
