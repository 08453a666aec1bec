//! Calendars to subscribe to: an address that nobody can guess, for an organisation or for somebody of
//! the department, given as often as there are programs to read it and taken back one by one. Whoever
//! has the address sees terms and titles and nothing else: calendars are read by other companies'
//! servers, so no address of a form stands in one.

use crate::access::{Role, secrets};
use crate::runtime::Runtime;
use crate::store::entities::{calendar, request};
use crate::store::read::calendars::Reader;
use crate::store::write::calendars::Given;
use crate::store::{StoreError, micros};

/// A calendar that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCalendar {
    /// It.
    pub row: calendar::Model,
    /// Its address, which is told only now.
    pub url: String,
}

/// Why there is no calendar.
#[derive(Debug)]
pub enum NoCalendar {
    /// The same request was carried out before: the address is told once.
    Before,
    /// There are as many as there may be.
    Enough,
    /// The database fails, or the machine has no randomness.
    Away(StoreError),
}

impl From<StoreError> for NoCalendar {
    fn from(e: StoreError) -> Self {
        NoCalendar::Away(e)
    }
}

impl Runtime {
    /// Gives a calendar to subscribe to.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn give_calendar(
        &self,
        municipality: &str,
        reader: Reader<'_>,
        request: Option<request::Model>,
        actor: &str,
    ) -> Result<NewCalendar, NoCalendar> {
        let drawn = || {
            secrets::draw().map_err(|e| StoreError::Unreadable(format!("нет случайных чисел: {e}")))
        };
        let (id, secret) = (drawn()?, drawn()?);
        let (organisation, person) = match reader {
            Reader::Organisation(code) => (code, ""),
            Reader::Person(id) => ("", id),
        };
        let now = self.clock.now();
        let row = calendar::Model {
            id: id[..16].to_owned(),
            hash: secrets::hash(&secret),
            municipality: municipality.to_owned(),
            organisation: organisation.to_owned(),
            person: person.to_owned(),
            created_by: actor.to_owned(),
            created_at: micros(now),
        };
        let whose = self.reader_words(reader).await?;
        let version = self.road_maps.newest(municipality).map_or(0, |version| version.number);
        let given =
            self.store.give_calendar(row.clone(), &whose, request, actor, version, now).await?;
        match given {
            Given::Now => {
                let url = format!("{}/calendar/{secret}.ics", self.public_url);
                Ok(NewCalendar { row, url })
            }
            Given::Before => Err(NoCalendar::Before),
            Given::Not => Err(NoCalendar::Enough),
        }
    }

    /// Takes a calendar back. One that is not there any more stays so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_calendar_back(
        &self,
        municipality: &str,
        reader: Reader<'_>,
        id: &str,
        request: Option<request::Model>,
        actor: &str,
    ) -> Result<Given, StoreError> {
        let known = self.store.calendars_of(municipality, reader).await?;
        let Some(row) = known.into_iter().find(|row| row.id == id) else { return Ok(Given::Not) };
        let whose = self.reader_words(reader).await?;
        let version = self.road_maps.newest(municipality).map_or(0, |version| version.number);
        let now = self.clock.now();
        self.store.take_calendar_back(&row, &whose, request, actor, version, now).await
    }

    /// Whose calendar it is, as the journal has it.
    async fn reader_words(&self, reader: Reader<'_>) -> Result<String, StoreError> {
        Ok(match reader {
            Reader::Organisation(code) => code.to_owned(),
            Reader::Person(id) => {
                let person = self.store.person(id).await?;
                person.map(|person| person.row.email).unwrap_or_default()
            }
        })
    }

    /// Whether somebody of the department may still see what happens in a municipality.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn still_looks(
        &self,
        person: &str,
        municipality: &str,
    ) -> Result<bool, StoreError> {
        let person = self.store.person(person).await?;
        let now = self.clock.of_people();
        Ok(person.is_some_and(|person| {
            let role = person.lasting_roles(now).within(municipality);
            !person.row.disabled && role >= Some(Role::Viewer)
        }))
    }
}
