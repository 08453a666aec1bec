//! Calendars to subscribe to, and what they need to know of runs.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait as _, DatabaseBackend, EntityTrait as _, FromQueryResult, QueryFilter as _,
    QueryOrder as _, Statement, Value,
};

use crate::store::entities::calendar::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// Whose calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader<'a> {
    /// An organisation's: its code.
    Organisation(&'a str),
    /// Somebody's of the department: the person's id.
    Person(&'a str),
}

impl Reader<'_> {
    /// As columns have it: organisation and person.
    pub(in crate::store) fn columns(&self) -> (&str, &str) {
        match self {
            Reader::Organisation(code) => (code, ""),
            Reader::Person(id) => ("", id),
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Reached {
    /// The run's id.
    pub id: String,
    /// Version of the road map that it keeps.
    pub road_map: i32,
    /// Entries of its journal.
    pub journal_sequence: i64,
    /// When the last of them was made, in microseconds since the epoch.
    pub at: i64,
}

/// Runs that are asked about in one statement: databases bound how many values it may have.
const AT_ONCE: usize = 1_000;

impl Store {
    /// A calendar by what is kept of its address.
    ///
    /// # Errors
    /// When the database cannot be read; so for all that follow.
    pub async fn calendar_by_hash(&self, hash: &str) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find().filter(Column::Hash.eq(hash)).one(self.reader()).await?)
    }

    /// The calendars of a reader in a municipality, the oldest first.
    pub async fn calendars_of(
        &self,
        municipality: &str,
        reader: Reader<'_>,
    ) -> Result<Vec<Model>, StoreError> {
        let (organisation, person) = reader.columns();
        Ok(Entity::find()
            .filter(Column::Municipality.eq(municipality))
            .filter(Column::Organisation.eq(organisation))
            .filter(Column::Person.eq(person))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// How far these runs have come, by their ids.
    pub async fn runs_reached(
        &self,
        runs: &[String],
    ) -> Result<BTreeMap<String, Reached>, StoreError> {
        let backend = self.reader().get_database_backend();
        let mut all = BTreeMap::new();
        for ids in runs.chunks(AT_ONCE) {
            let mark = |place: usize| match backend {
                DatabaseBackend::Postgres => format!("${}", place + 1),
                _ => format!("?{}", place + 1),
            };
            let marks: Vec<String> = (0..ids.len()).map(mark).collect();
            let text = format!(
                "SELECT r.id, r.road_map, r.journal_sequence, j.at FROM run AS r
                 JOIN journal AS j ON j.run = r.id AND j.sequence = r.journal_sequence
                 WHERE r.id IN ({})",
                marks.join(", ")
            );
            let values = ids.iter().map(|id| Value::from(id.as_str()));
            let statement = Statement::from_sql_and_values(backend, text, values);
            let found = Reached::find_by_statement(statement).all(self.reader()).await?;
            all.extend(found.into_iter().map(|reached| (reached.id.clone(), reached)));
        }
        Ok(all)
    }
}
