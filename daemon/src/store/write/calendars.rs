//! Calendars to subscribe to: given and taken back, each together with the entry that tells of it.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _, TransactionTrait as _,
};

use super::activities::{Happened, LETTERS, chain_of_letters, keep_chain, note};
use super::requests;
use crate::store::entities::calendar::{Column, Entity, Model};
use crate::store::entities::request;
use crate::store::{Store, StoreError};

/// Calendars that one reader may have in a municipality.
pub const MOST: u64 = 20;

/// What came of giving a calendar or taking it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It was done.
    Now,
    /// It was done before, under the same request id.
    Before,
    /// There are as many as there may be, or there is none to be taken back.
    Not,
}

impl Store {
    /// Gives a calendar, unless its reader has as many as one may have.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn give_calendar(
        &self,
        row: Model,
        whose: &str,
        request: Option<request::Model>,
        actor: &str,
        road_map: u32,
        now: Timestamp,
    ) -> Result<Given, StoreError> {
        let what = vekha_engine::Happened::CalendarGiven { reader: whose.to_owned() };
        let municipality = row.municipality.clone();
        self.change_calendar(Change::Give(row), &municipality, what, request, actor, road_map, now)
            .await
    }

    /// Takes a calendar back: from this moment its address opens nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_calendar_back(
        &self,
        row: &Model,
        whose: &str,
        request: Option<request::Model>,
        actor: &str,
        road_map: u32,
        now: Timestamp,
    ) -> Result<Given, StoreError> {
        let what = vekha_engine::Happened::CalendarTakenBack { reader: whose.to_owned() };
        let change = Change::TakeBack(row.id.clone());
        self.change_calendar(change, &row.municipality, what, request, actor, road_map, now).await
    }

    #[allow(clippy::too_many_arguments)]
    async fn change_calendar(
        &self,
        change: Change,
        municipality: &str,
        what: vekha_engine::Happened,
        request: Option<request::Model>,
        actor: &str,
        road_map: u32,
        now: Timestamp,
    ) -> Result<Given, StoreError> {
        self.sound()?;
        let transaction = self.writer().begin().await?;
        if let Some(request) = request
            && !requests::keep(&transaction, request).await?
        {
            transaction.rollback().await?;
            return Ok(Given::Before);
        }
        let done = match change {
            Change::Give(row) => {
                let own = Entity::find()
                    .filter(Column::Municipality.eq(row.municipality.as_str()))
                    .filter(Column::Organisation.eq(row.organisation.as_str()))
                    .filter(Column::Person.eq(row.person.as_str()));
                let fits = own.count(&transaction).await? < MOST;
                if fits {
                    let row = row.into_active_model();
                    Entity::insert(row).exec_without_returning(&transaction).await?;
                }
                fits
            }
            Change::TakeBack(id) => {
                let deleted = Entity::delete_by_id(id).exec(&transaction).await?;
                deleted.rows_affected == 1
            }
        };
        if !done {
            transaction.rollback().await?;
            return Ok(Given::Not);
        }
        let chain = chain_of_letters(municipality);
        keep_chain(&transaction, &chain, municipality, LETTERS).await?;
        let happened = Happened { at: now, actor, what, road_map };
        let evidence = note(&transaction, &chain, happened).await?;
        transaction.commit().await?;
        self.prove(&evidence).await?;
        Ok(Given::Now)
    }
}

enum Change {
    Give(Model),
    TakeBack(String),
}
