//! Whether letters reach the organisations: what became of the newest one to each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vekha_roadmap::model::Organisation;

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
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
    /// The newest letter was refused for good.
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

/// What is known of the addresses of a municipality.
#[derive(Debug)]
pub struct Addresses<'r> {
    runtime: &'r Runtime,
    municipality: String,
    newest: BTreeMap<String, NewestLetter>,
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
        Ok(Addresses { runtime, municipality, newest })
    }

    /// What is known of an organisation's address.
    pub fn of(&self, organisation: &Organisation) -> AddressState {
        if organisation.addressees().is_empty() {
            return AddressState::Missing;
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
