//! Who takes part, and the people there.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// Full name.
    pub name: String,
    /// How letters call the person: «Марина Викторовна»; empty if nobody has said it. It is never
    /// made of the name: who is called how is not seen from its parts.
    pub greeting: String,
    /// Position, in words.
    pub role: String,
    /// What the person is to the road map, whatever the position is called.
    pub duty: Option<Duty>,
    /// E-mail address; empty if unknown.
    pub email: String,
    /// Telephone in free form; empty if unknown.
    pub phone: String,
    /// The organisation's letters go to this person as well.
    pub letters: bool,
}

/// What a person of an organisation is to the road map.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Duty {
    /// Answers for the organisation.
    Director,
    /// Stands in for the director.
    Deputy,
    /// Gathers the figures and answers the forms.
    Coordinator,
    /// Takes in letters and passes them on.
    Secretary,
}

impl Duty {
    /// Every one of them.
    pub const ALL: &[Duty] = <Duty as strum::VariantArray>::VARIANTS;

    /// As definitions and the API spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Duty::Director => "руководитель",
            Duty::Deputy => "заместитель",
            Duty::Coordinator => "координатор",
            Duty::Secretary => "секретарь",
        }
    }
}

/// What an organisation is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum OrganisationKind {
    /// The education authority itself.
    Department,
    /// A general school.
    School,
    /// A kindergarten.
    Kindergarten,
    /// A methodical association of teachers (ММО).
    Association,
}

impl OrganisationKind {
    /// Every one of them.
    pub const ALL: &[OrganisationKind] = <OrganisationKind as strum::VariantArray>::VARIANTS;

    /// As definitions and the API spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            OrganisationKind::Department => "отдел образования",
            OrganisationKind::School => "школа",
            OrganisationKind::Kindergarten => "детский сад",
            OrganisationKind::Association => "методическое объединение",
        }
    }
}

/// One organisation of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Latin code, unique, never reused: `school-1`.
    pub code: String,
    /// What it is.
    pub kind: OrganisationKind,
    /// Official name.
    pub name: String,
    /// Name for tables.
    pub short: String,
    /// Its logins in systems that export files about it: `edu123456`.
    pub logins: Vec<String>,
    /// What else it is called there.
    pub other_names: Vec<String>,
    /// Where its letters go; empty if unknown.
    pub email: String,
    /// Its people, the first to be asked first.
    pub contacts: Vec<Contact>,
    /// First day of its existence in the registry: what spreads rotations evenly and stably.
    pub since: Date,
    /// Last day, once closed.
    pub until: Option<Date>,
}

impl Organisation {
    /// Whether the organisation exists on `day`.
    pub fn active_on(&self, day: Date) -> bool {
        self.since <= day && self.until.is_none_or(|until| day <= until)
    }

    /// The person to be asked first.
    pub fn contact(&self) -> Option<&Contact> {
        self.contacts.first()
    }

    /// How letters greet: the one person who gets them, or else who answers for the organisation;
    /// none where several read them or nobody has said how.
    pub fn greeted(&self) -> Option<&str> {
        let readers: Vec<&Contact> = self.contacts.iter().filter(|c| c.letters).collect();
        let person = match readers.as_slice() {
            [] => {
                let answers = |c: &&Contact| c.duty == Some(Duty::Director);
                self.contacts.iter().find(answers).or(self.contact())
            }
            [one] => Some(*one),
            _ => None,
        };
        person.map(|one| one.greeting.as_str()).filter(|greeting| !greeting.is_empty())
    }

    /// Whom its letters go to, as names and addresses, each address once; empty if no address is
    /// known.
    pub fn addressees(&self) -> Vec<(&str, &str)> {
        let people = self.contacts.iter().filter(|c| c.letters);
        let own = std::iter::once((self.name.as_str(), self.email.as_str()));
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (name, email) in own.chain(people.map(|c| (c.name.as_str(), c.email.as_str()))) {
            if !email.is_empty() && !all.iter().any(|(_, known)| *known == email) {
                all.push((name, email));
            }
        }
        all
    }
}
