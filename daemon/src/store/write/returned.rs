//! Reports of letters that came back: each is taken once, in one commit with all that follows from it.
//!
//! Only what really left to that address counts: a report about a letter that is not ours, or about an
//! address to which it did not go, changes nothing, whoever wrote it. A letter that reached none of its
//! addresses has failed like one that was refused at once, so that it is told, listed and tried again
//! in the same ways.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, TransactionTrait as _,
};

use super::activities::{Happened, LETTERS, chain_of_letters, keep_chain, note};
use super::outbox::telling;
use super::requests;
use super::statements::{Existing, execute, insert};
use crate::store::entities::returned::{Column, Entity, Model};
use crate::store::entities::{job, outbox, request};
use crate::store::read::returned::is_dead;
use crate::store::{Store, StoreError, micros};

/// The cause by which an address is not written to any more.
pub const NO_SUCH_ADDRESS: &str = "no-such-address";

/// What a report says.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its own name.
    pub id: String,
    /// The Message-ID that it is about.
    pub message_id: String,
    /// To whom it did not arrive; nobody, if it says nothing of the kind.
    pub failures: Vec<Failure>,
}

/// An address that a letter did not reach.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The address and what it was called on the way, as addresses are compared.
    pub addresses: Vec<String>,
    /// As [`Model::cause`].
    pub cause: &'static str,
    /// What was said.
    pub detail: String,
    /// The same for people.
    pub words: String,
}

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was taken, now or before, or says nothing that would change anything.
    Done,
    /// It is about nothing that left from here.
    NotOurs,
    /// What became of the letter is not settled yet: the report is to come again.
    Early,
}

impl Store {
    /// Takes a report. `in_force` is the road map's version of a municipality.
    ///
    /// # Errors
    /// When the database fails; then nothing of it was taken.
    pub async fn take_report(
        &self,
        report: &Report,
        in_force: impl Fn(&str) -> u32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let about = Condition::any()
            .add(outbox::Column::MessageId.eq(report.message_id.as_str()))
            .add(outbox::Column::DigestId.eq(report.message_id.as_str()));
        let letters = outbox::Entity::find()
            .filter(about)
            .order_by_asc(outbox::Column::Key)
            .all(self.reader())
            .await?;
        if letters.is_empty() {
            return Ok(Taken::NotOurs);
        }
        if report.failures.is_empty() {
            return Ok(Taken::Done);
        }
        let under_way = |row: &outbox::Model| {
            row.sent_to.is_empty() && matches!(row.state.as_str(), "pending" | "sending")
        };
        if letters.iter().all(under_way) {
            return Ok(Taken::Early);
        }
        // All that left under one Message-ID left to the same addresses.
        let Some(left) = letters.iter().find(|row| !row.sent_to.is_empty()) else {
            return Ok(Taken::NotOurs);
        };
        let to: BTreeSet<&str> = left.sent_to.lines().collect();
        let meant = |failure: &&Failure| failure.addresses.iter().any(|a| to.contains(a.as_str()));
        let failures: Vec<&Failure> = report.failures.iter().filter(meant).collect();
        if failures.is_empty() {
            return Ok(Taken::NotOurs);
        }
        self.keep_report(report, &failures, left, &letters, in_force(&left.municipality), now).await
    }

    async fn keep_report(
        &self,
        report: &Report,
        failures: &[&Failure],
        left: &outbox::Model,
        letters: &[outbox::Model],
        road_map: u32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.sound()?;
        let to: BTreeSet<&str> = left.sent_to.lines().collect();
        let (municipality, organisation) = (&left.municipality, &left.organisation);
        let transaction = self.writer().begin().await?;
        let mut words = Vec::new();
        let mut dead = Vec::new();
        for failure in failures {
            let Some(address) = failure.addresses.iter().find(|a| to.contains(a.as_str())) else {
                continue;
            };
            let row = Model {
                id: format!("{}/{address}", report.id),
                municipality: municipality.clone(),
                organisation: organisation.clone(),
                address: address.clone(),
                message_id: report.message_id.clone(),
                cause: failure.cause.to_owned(),
                detail: failure.detail.clone(),
                at: micros(now),
                confirmed_at: None,
            };
            let known = OnConflict::column(Column::Id).do_nothing().to_owned();
            let row = row.into_active_model();
            let insertion = Entity::insert(row).on_conflict(known);
            if insertion.exec_without_returning(&transaction).await? == 0 {
                continue;
            }
            words.push(format!("{address} — {}", failure.words));
            if failure.cause == NO_SUCH_ADDRESS {
                dead.push((address.clone(), failure.detail.clone()));
            }
        }
        if words.is_empty() {
            transaction.rollback().await?;
            return Ok(Taken::Done);
        }
        let reason = format!("вернулось: {}", words.join("; "));
        let mut to_tell = Vec::new();
        for row in letters.iter().filter(|row| row.state == "sent") {
            if fail(&transaction, row, &report.message_id, &reason, now).await? {
                to_tell.extend(telling(row, &reason, now));
            }
        }
        let backend = transaction.get_database_backend();
        let jobs = insert(backend, to_tell, Existing::Change(job::CHANGING));
        execute(&transaction, jobs).await?;
        let mut evidence = None;
        let chain = chain_of_letters(municipality);
        for (address, reason) in dead {
            keep_chain(&transaction, &chain, municipality, LETTERS).await?;
            let organisation = organisation.clone();
            let what = vekha_engine::Happened::AddressReturned { organisation, address, reason };
            let happened = Happened { at: now, actor: "vekha", what, road_map };
            evidence = Some(note(&transaction, &chain, happened).await?);
        }
        transaction.commit().await?;
        if let Some(evidence) = evidence {
            self.prove(&evidence).await?;
        }
        Ok(Taken::Done)
    }

    /// Notes that an organisation's addresses work, whatever came back, or one of them, together with
    /// the request that asks for it and the entries that tell of it. Returns how many there were; none if
    /// the same request was carried out before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn confirm_addresses(
        &self,
        whose: (&str, &str),
        address: Option<&str>,
        request: Option<request::Model>,
        actor: &str,
        road_map: u32,
        now: Timestamp,
    ) -> Result<Option<usize>, StoreError> {
        self.sound()?;
        let (municipality, organisation) = whose;
        let transaction = self.writer().begin().await?;
        if let Some(request) = request
            && !requests::keep(&transaction, request).await?
        {
            transaction.rollback().await?;
            return Ok(None);
        }
        let chain = chain_of_letters(municipality);
        keep_chain(&transaction, &chain, municipality, LETTERS).await?;
        let meant = is_dead(municipality)
            .add(Column::Organisation.eq(organisation))
            .add_option(address.map(|address| Column::Address.eq(address)));
        let mut dead = Entity::find().filter(meant.clone());
        if self.is_shared() {
            // Who comes second waits, and then finds none of them.
            dead = dead.lock_exclusive();
        }
        let dead = dead.all(&transaction).await?;
        let addresses: BTreeSet<String> = dead.into_iter().map(|row| row.address).collect();
        let mut evidence = None;
        if !addresses.is_empty() {
            Entity::update_many()
                .col_expr(Column::ConfirmedAt, Expr::value(micros(now)))
                .filter(meant)
                .exec(&transaction)
                .await?;
        }
        for address in &addresses {
            let (organisation, address) = (organisation.to_owned(), address.clone());
            let what = vekha_engine::Happened::AddressConfirmed { organisation, address };
            let happened = Happened { at: now, actor, what, road_map };
            evidence = Some(note(&transaction, &chain, happened).await?);
        }
        transaction.commit().await?;
        if let Some(evidence) = evidence {
            self.prove(&evidence).await?;
        }
        Ok(Some(addresses.len()))
    }
}

/// Notes at a letter that it came back. If it came back from all of its addresses since it left, it has
/// not arrived. Returns whether it was still as it was seen.
async fn fail(
    db: &impl ConnectionTrait,
    row: &outbox::Model,
    message_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let returned = Entity::find()
        .filter(Column::MessageId.eq(message_id))
        .filter(Column::At.gte(row.sent_at.unwrap_or_default()))
        .all(db)
        .await?;
    let returned: BTreeSet<&str> = returned.iter().map(|row| row.address.as_str()).collect();
    let mut update = outbox::Entity::update_many();
    let error = match row.error.as_str() {
        "" => reason.to_owned(),
        before => format!("{before}; {reason}"),
    };
    if row.sent_to.lines().all(|address| returned.contains(address)) {
        update = update
            .col_expr(outbox::Column::State, Expr::value("failed"))
            .col_expr(outbox::Column::NextAttemptAt, Expr::value(micros(now)));
    }
    let updated = update
        .col_expr(outbox::Column::Error, Expr::value(error))
        .filter(outbox::Column::Key.eq(row.key.as_str()))
        .filter(outbox::Column::State.eq("sent"))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}
