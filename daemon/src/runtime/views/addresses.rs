//! Whether letters reach the organisations: what became of the newest one to each, and which addresses
//! do not exist.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vekha_roadmap::model::Organisation;

use crate::runtime::Runtime;
use crate::runtime::letters::returns::comparable;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::entities::returned;
use crate::store::instant;
use crate::store::read::addresses::NewestLetter;

/// What is known of an organisation's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// The newest letter was accepted.
    Working {
        /// When.
        at: Timestamp,
    },
    /// The newest letter was refused for good, or none of the addresses exists.
    Refused {
        /// When.
        at: Timestamp,
        /// In the server's own words.
        reason: String,
    },
    /// No address is known.
    Missing,
    /// No letter has gone there yet, or not since the address changed.
    Untried,
}

impl AddressState {
    /// As the API spells it.
    pub fn as_str(&self) -> &'static str {
        match self {
            AddressState::Working { .. } => "working",
            AddressState::Refused { .. } => "refused",
            AddressState::Missing => "missing",
            AddressState::Untried => "untried",
        }
    }

    /// Whether letters are known not to arrive.
    pub fn is_broken(&self) -> bool {
        matches!(self, AddressState::Refused { .. } | AddressState::Missing)
    }
}

/// An address that does not exist, as a letter that came back has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadAddress {
    /// The address, as the registry has it.
    pub email: String,
    /// In the server's own words.
    pub reason: String,
    /// Since when it is known.
    pub at: Timestamp,
}

/// What is known of the addresses of a municipality.
#[derive(Debug)]
pub struct Addresses<'r> {
    runtime: &'r Runtime,
    municipality: String,
    newest: BTreeMap<String, NewestLetter>,
    dead: BTreeMap<(String, String), returned::Model>,
}

impl<'r> Addresses<'r> {
    /// Asks once for all organisations.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(runtime: &'r Runtime, version: &Version) -> Result<Self, StoreError> {
        let all = version.road_map.organisations.iter();
        Addresses::load_of(runtime, version, all.map(|o| o.code.as_str())).await
    }

    /// Asks for these organisations alone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load_of(
        runtime: &'r Runtime,
        version: &Version,
        codes: impl Iterator<Item = &str>,
    ) -> Result<Self, StoreError> {
        let municipality = version.road_map.municipality.id.clone();
        let codes: Vec<&str> = codes.collect();
        let newest = runtime.store().newest_letters(&municipality, &codes).await?;
        let newest = newest.into_iter().map(|l| (l.organisation.clone(), l)).collect();
        let dead = runtime.store().dead_addresses(&municipality, &codes).await?;
        Ok(Addresses { runtime, municipality, newest, dead })
    }

    /// What is known of an organisation's address.
    pub fn of(&self, organisation: &Organisation) -> AddressState {
        if organisation.addressees().is_empty() {
            return AddressState::Missing;
        }
        let dead = self.dead(organisation);
        if let Some(first) = dead.first().filter(|_| dead.len() == organisation.addressees().len())
        {
            let reason = format!("такого адреса нет: {}", first.reason);
            return AddressState::Refused { at: first.at, reason };
        }
        match self.newest.get(&organisation.code) {
            Some(letter) if self.went_there(letter, organisation) => {
                let at = instant(letter.settled_at);
                match letter.state.as_str() {
                    "failed" => AddressState::Refused { at, reason: letter.error.clone() },
                    _ => AddressState::Working { at },
                }
            }
            _ => AddressState::Untried,
        }
    }

    /// Has those of an organisation's addresses live that are meant: what would be if somebody said so.
    pub fn would_live(&mut self, organisation: &Organisation, meant: impl Fn(&str) -> bool) {
        self.dead.retain(|(code, _), row| *code != organisation.code || !meant(&row.address));
    }

    /// Which of an organisation's addresses do not exist. Whatever takes the place of one is another
    /// address, and lives until it is known not to.
    pub fn dead(&self, organisation: &Organisation) -> Vec<DeadAddress> {
        let known = |(_, email): (&str, &str)| {
            let row = self.dead.get(&(organisation.code.clone(), comparable(email)))?;
            Some(DeadAddress {
                email: email.to_owned(),
                reason: row.detail.clone(),
                at: instant(row.at),
            })
        };
        organisation.addressees().into_iter().filter_map(known).collect()
    }

    /// Whether the letter was addressed as one would be today: what an address refused says nothing
    /// of the one that took its place.
    fn went_there(&self, letter: &NewestLetter, organisation: &Organisation) -> bool {
        let addresses = |o: &Organisation| -> Vec<String> {
            o.addressees().into_iter().map(|(_, email)| email.to_owned()).collect()
        };
        // It had left before a version that was applied at the moment of its end.
        let at = instant(letter.settled_at - 1);
        let version = self.runtime.road_maps().in_force(&self.municipality, at);
        let then = version.as_ref().and_then(|v| v.road_map.organisation(&organisation.code));
        then.is_some_and(|then| addresses(then) == addresses(organisation))
    }
}
