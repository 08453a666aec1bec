//! The outbox: messages committed with the state that caused them, claimed, sent, settled.
//!
//! A message is claimed (`sending`, with a lease) in a commit of its own before it is handed to a
//! plugin. Whoever finds it still `sending` after the lease cannot know whether it went out: it is
//! tried again under the same Message-ID and marked `uncertain`. A lease is of seconds; whoever is at
//! work renews it. Each claim has a name: what is said of a claim that somebody else has taken over
//! changes nothing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, TransactionTrait, UpdateMany,
};
use uuid::Uuid;
use vekha_engine::{Job, LetterKind, RunKey};

use super::activities::{Happened, LETTERS, chain_of_letters, keep_chain, note};
use super::jobs::work_is_due;
use super::requests;
use super::statements::{Existing, execute, insert};
use crate::message_id;
use crate::store::entities::outbox::{Column, Entity, Model};
use crate::store::entities::{activity, job, request};
use crate::store::{Store, StoreError, micros};

/// How long a claim holds unless it is renewed.
pub const LEASE: std::time::Duration = std::time::Duration::from_secs(4);

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Accepted.
    Sent,
    /// Accepted, but not for all of the organisation's addresses.
    Partly {
        /// Which were refused, and what was said.
        refused: String,
    },
    /// Not tried: the mail server itself is away, or has had enough for a while, which is no fault of the
    /// message.
    Held {
        /// Since when the message is due; as before, or when its turn comes.
        due: i64,
        /// Why it was not.
        error: String,
    },
    /// Try again at this time; `uncertain` if it may have been accepted all the same.
    Retry {
        /// When.
        at: Timestamp,
        /// Whether the result is unknown.
        uncertain: bool,
        /// What went wrong.
        error: String,
    },
    /// Refused for good.
    Failed {
        /// What was said.
        error: String,
    },
    /// No longer of use: the answer came first.
    Obsolete,
}

/// A message that is due, as far as it must be known to choose what goes next.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Due {
    /// Its key.
    pub key: String,
    /// Municipality id.
    pub municipality: String,
    /// Addressee.
    pub organisation: String,
    /// The letter's kind.
    pub kind: String,
    /// Since when it is due, in microseconds.
    pub next_attempt_at: i64,
    /// A try ended without its result being known.
    pub uncertain: bool,
    /// The digest that it belongs to already.
    pub digest: Option<String>,
    /// Whether there was work due at that moment, which may bring more messages.
    pub work: bool,
}

/// Messages that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Their keys, in the order in which they came to be due.
    pub keys: Vec<String>,
    /// Key of the digest that they make; none for one that goes alone.
    pub digest: Option<String>,
}

impl Parcel {
    /// The Message-ID of that digest.
    fn digest_id(&self, municipality: &str) -> Option<String> {
        self.digest.as_ref().map(|digest| message_id::of(digest, municipality))
    }
}

fn is_due(now: Timestamp) -> Condition {
    waits().add(Column::NextAttemptAt.lte(micros(now)))
}

/// Those that are to be sent.
fn waits() -> Condition {
    Condition::all().add(Column::State.is_in(["pending", "sending"]))
}

/// Municipalities whose letters a person holds.
fn held() -> Select<activity::Entity> {
    activity::Entity::find()
        .select_only()
        .column(activity::Column::Municipality)
        .filter(activity::Column::Activity.eq(LETTERS))
        .filter(activity::Column::Paused.eq(true))
}

impl Store {
    /// The messages that have been due longest. One statement, thus one moment: seen apart, work
    /// could be done and its messages committed between the look at those and the look at it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_messages(&self, now: Timestamp, limit: u64) -> Result<Vec<Due>, StoreError> {
        use Column::{
            CreatedAt, Digest, Key, Kind, Municipality, NextAttemptAt, Organisation, Uncertain,
        };
        let Some(may_leave) = self.not_held().await? else { return Ok(vec![]) };
        Ok(Entity::find()
            .select_only()
            .columns([Key, Municipality, Organisation, Kind, NextAttemptAt, Uncertain, Digest])
            .expr_as(work_is_due(now), "work")
            .filter(is_due(now).add(may_leave))
            .order_by_asc(NextAttemptAt)
            .order_by_asc(CreatedAt)
            .order_by_asc(Key)
            .limit(limit)
            .into_model::<Due>()
            .all(self.reader())
            .await?)
    }

    /// Of which municipalities letters may leave; none if those of all are held. What waits meanwhile
    /// need not be looked through for that.
    async fn not_held(&self) -> Result<Option<Condition>, StoreError> {
        let held: Vec<String> = held().into_tuple().all(self.reader()).await?;
        if held.is_empty() {
            return Ok(Some(Condition::all()));
        }
        let open = activity::Entity::find()
            .filter(activity::Column::Municipality.ne(""))
            .filter(activity::Column::Municipality.is_not_in(held.iter().map(String::as_str)));
        let is_open = open.one(self.reader()).await?.is_some();
        Ok(is_open.then(|| Condition::all().add(Column::Municipality.is_not_in(held))))
    }

    /// Claims parcels, all in one commit. Returns for each those of its messages that were still
    /// due: another daemon may have claimed them in the meantime.
    ///
    /// # Errors
    /// When the database cannot be read or written; then none is claimed.
    pub async fn claim(
        &self,
        parcels: &[Parcel],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<Vec<Model>>, StoreError> {
        if parcels.is_empty() {
            // Most looks find nothing that may go: they must not take the writer.
            return Ok(vec![]);
        }
        let claim = format!("{}/{}", self.name, Uuid::now_v7());
        let transaction = self.writer().begin().await?;
        let keys = parcels.iter().flat_map(|parcel| &parcel.keys);
        let mut query = Entity::find()
            .filter(is_due(now))
            // They may have come to be held since the look.
            .filter(Column::Municipality.not_in_subquery(held().into_query()))
            .filter(Column::Key.is_in(keys.map(String::as_str)))
            .order_by_asc(Column::Key);
        if self.is_shared() {
            // Whoever comes second waits, and then finds none of them due: a parcel stays whole.
            query = query.lock_exclusive();
        }
        let mut due: BTreeMap<String, Model> =
            query.all(&transaction).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut claimed = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let mut rows: Vec<Model> =
                parcel.keys.iter().filter_map(|key| due.remove(key)).collect();
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            let mut digest_id = None;
            for row in &mut rows {
                row.uncertain |= row.state == "sending";
                row.attempts += 1;
                row.digest.clone_from(&parcel.digest);
                row.digest_id = parcel.digest_id(&row.municipality);
                digest_id.clone_from(&row.digest_id);
                row.claim = Some(claim.clone());
            }
            for uncertain in [false, true] {
                let keys: Vec<&str> = rows
                    .iter()
                    .filter(|row| row.uncertain == uncertain)
                    .map(|row| row.key.as_str())
                    .collect();
                if keys.is_empty() {
                    continue;
                }
                Entity::update_many()
                    .col_expr(Column::State, Expr::value("sending"))
                    .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                    .col_expr(Column::Uncertain, Expr::value(uncertain))
                    .col_expr(Column::Digest, Expr::value(parcel.digest.clone()))
                    .col_expr(Column::DigestId, Expr::value(digest_id.clone()))
                    .col_expr(Column::Claim, Expr::value(claim.as_str()))
                    .col_expr(Column::NextAttemptAt, Expr::value(ends(now, lease)))
                    .filter(Column::Key.is_in(keys))
                    .exec(&transaction)
                    .await?;
            }
            claimed.push(rows);
        }
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Renews claims: whoever sends these messages is still at it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn renew(
        &self,
        claimed: &[(String, Option<String>)],
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut keys: BTreeMap<&Option<String>, Vec<&str>> = BTreeMap::new();
        for (key, claim) in claimed {
            keys.entry(claim).or_default().push(key);
        }
        for (claim, keys) in keys {
            Entity::update_many()
                .col_expr(Column::NextAttemptAt, Expr::value(ends(now, lease)))
                .filter(Column::Key.is_in(keys))
                .filter(still(claim))
                .exec(self.writer())
                .await?;
        }
        Ok(())
    }

    /// Settles claimed messages, all in one commit; that a letter did not arrive is to be told, and
    /// the job that does so is part of it. Returns the keys of those whose claim was lost: somebody
    /// else sends them now, and nothing of them was changed.
    ///
    /// # Errors
    /// When the database cannot be written; then none is settled.
    pub async fn settle_messages(
        &self,
        results: &[(Model, Delivery)],
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let transaction = self.writer().begin().await?;
        let mut lost = Vec::new();
        let mut to_tell = Vec::new();
        for (row, delivery) in results {
            let update = Entity::update_many()
                .filter(Column::Key.eq(row.key.as_str()))
                .filter(still(&row.claim));
            let mut update = settling(update, delivery, now);
            if matches!(delivery, Delivery::Sent | Delivery::Partly { .. }) {
                update = update.col_expr(Column::SentTo, Expr::value(row.sent_to.as_str()));
            }
            let settled = update.exec(&transaction).await?;
            if settled.rows_affected == 0 {
                lost.push(row.key.clone());
                continue;
            }
            match delivery {
                Delivery::Failed { error } | Delivery::Partly { refused: error } => {
                    to_tell.extend(telling(row, error, now));
                }
                _ => {}
            }
        }
        let backend = transaction.get_database_backend();
        execute(&transaction, insert(backend, to_tell, Existing::Change(job::CHANGING))).await?;
        transaction.commit().await?;
        Ok(lost)
    }

    /// Makes messages due again that did not arrive, together with the request that asks for it and the
    /// entry that tells of it, if there are any. Returns how many there were; none if the same request
    /// was carried out before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn retry(
        &self,
        which: Again<'_>,
        request: Option<request::Model>,
        actor: &str,
        road_map: u32,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.sound()?;
        let transaction = self.writer().begin().await?;
        let result = Entity::update_many()
            .col_expr(Column::State, Expr::value("pending"))
            .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
            .col_expr(Column::Attempts, Expr::value(0))
            // A person wants these now: they go with what else is due.
            .col_expr(Column::Digest, Expr::value(None::<String>))
            .col_expr(Column::DigestId, Expr::value(None::<String>))
            .filter(which.condition())
            .exec(&transaction)
            .await?;
        let letters = result.rows_affected;
        if let Some(request) = request
            && !requests::keep(
                &transaction,
                request::Model { made: letters.to_string(), ..request },
            )
            .await?
        {
            transaction.rollback().await?;
            return Ok(None);
        }
        let mut evidence = None;
        if letters > 0 {
            let organisation = which.organisation().to_owned();
            let what = vekha_engine::Happened::LettersRetried { letters, organisation };
            let id = chain_of_letters(which.municipality());
            keep_chain(&transaction, &id, which.municipality(), LETTERS).await?;
            let happened = Happened { at: now, actor, what, road_map };
            evidence = Some(note(&transaction, &id, happened).await?);
        }
        transaction.commit().await?;
        if let Some(evidence) = evidence {
            self.prove(&evidence).await?;
        }
        Ok(Some(letters))
    }

    /// How many messages of a municipality have failed, or of those to one organisation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_failed(
        &self,
        municipality: &str,
        organisation: Option<&str>,
    ) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(failed(municipality, organisation)).count(self.reader()).await?)
    }

    /// On start: what this daemon was sending when it ended has an unknown result and is due at once.
    /// Where it is the only one, all is its own. Returns how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release_claims(&self, now: Timestamp) -> Result<u64, StoreError> {
        let own = match (self.is_shared(), &*self.name) {
            (false, _) => None,
            (true, "") => return Ok(0),
            (true, name) => Some(Column::Claim.starts_with(format!("{name}/"))),
        };
        let result = Entity::update_many()
            .col_expr(Column::State, Expr::value("pending"))
            .col_expr(Column::Uncertain, Expr::value(true))
            .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
            .filter(Condition::all().add(Column::State.eq("sending")).add_option(own))
            .exec(self.writer())
            .await?;
        Ok(result.rows_affected)
    }

    /// When the next message is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn next_message_at(&self) -> Result<Option<i64>, StoreError> {
        let Some(may_leave) = self.not_held().await? else { return Ok(None) };
        Ok(Entity::find()
            .select_only()
            .column_as(Column::NextAttemptAt.min(), "at")
            .filter(waits().add(may_leave))
            .into_tuple::<Option<i64>>()
            .one(self.reader())
            .await
            .map(Option::flatten)?)
    }
}

/// Which letters are tried again.
#[derive(Debug, Clone, Copy)]
pub enum Again<'a> {
    /// One; it may wait for its next try, too.
    One(&'a Model),
    /// All of a municipality that have failed, or those to one organisation.
    All {
        /// Municipality id.
        municipality: &'a str,
        /// An organisation's code.
        organisation: Option<&'a str>,
    },
}

impl Again<'_> {
    fn municipality(&self) -> &str {
        match self {
            Again::One(row) => &row.municipality,
            Again::All { municipality, .. } => municipality,
        }
    }

    fn organisation(&self) -> &str {
        match self {
            Again::One(row) => &row.organisation,
            Again::All { organisation, .. } => organisation.unwrap_or_default(),
        }
    }

    fn condition(&self) -> Condition {
        match self {
            Again::One(row) => Condition::all()
                .add(Column::Key.eq(row.key.as_str()))
                .add(Column::State.is_in(["failed", "pending"])),
            Again::All { municipality, organisation } => failed(municipality, *organisation),
        }
    }
}

fn failed(municipality: &str, organisation: Option<&str>) -> Condition {
    Condition::all()
        .add(Column::State.eq("failed"))
        .add(Column::Municipality.eq(municipality))
        .add_option(organisation.map(|organisation| Column::Organisation.eq(organisation)))
}

/// When a lease that begins now ends, as the column has it.
pub(super) fn ends(now: Timestamp, lease: SignedDuration) -> i64 {
    micros(now.saturating_add(lease).unwrap_or(Timestamp::MAX))
}

/// The message is still being sent under this claim.
fn still(claim: &Option<String>) -> Condition {
    Condition::all().add(Column::State.eq("sending")).add(Column::Claim.eq(claim.clone()))
}

/// What becomes of a message by the end of its delivery.
fn settling(update: UpdateMany<Entity>, delivery: &Delivery, now: Timestamp) -> UpdateMany<Entity> {
    let to = move |state: &str| update.col_expr(Column::State, Expr::value(state));
    match delivery {
        Delivery::Sent => to("sent")
            .col_expr(Column::SentAt, Expr::value(micros(now)))
            .col_expr(Column::Error, Expr::value("")),
        Delivery::Partly { refused } => to("sent")
            .col_expr(Column::SentAt, Expr::value(micros(now)))
            .col_expr(Column::Error, Expr::value(refused.as_str())),
        Delivery::Held { due, error } => to("pending")
            .col_expr(Column::NextAttemptAt, Expr::value(*due))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
            .col_expr(Column::Error, Expr::value(error.as_str())),
        Delivery::Retry { at, uncertain, error } => {
            let update = to("pending")
                .col_expr(Column::NextAttemptAt, Expr::value(micros(*at)))
                .col_expr(Column::Error, Expr::value(error.as_str()));
            if *uncertain { update.col_expr(Column::Uncertain, Expr::value(true)) } else { update }
        }
        Delivery::Failed { error } => to("failed")
            .col_expr(Column::NextAttemptAt, Expr::value(micros(now)))
            .col_expr(Column::Error, Expr::value(error.as_str())),
        Delivery::Obsolete => to("obsolete"),
    }
}

/// The job that has the department told of a letter that did not arrive; none for such a notice
/// itself.
pub(super) fn telling(row: &Model, reason: &str, now: Timestamp) -> Option<job::Model> {
    if row.kind == LetterKind::Failure.as_str() {
        return None;
    }
    let run: RunKey = row.run.parse().ok()?;
    let (letter, organisation) = (row.key.clone(), row.organisation.clone());
    let job = Job::TellRefused { run, letter, organisation, reason: reason.to_owned() };
    Some(job::Model::of(&job, now))
}
