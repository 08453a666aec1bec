//! A message committed with the state that caused it.

#![allow(missing_docs)] // the derive generates undocumented items

use jiff::Timestamp;
use jiff::civil::Date;
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use vekha_analysis::Values;
use vekha_engine::{AssignmentKey, Letter};

use crate::message_id;
use crate::store::{StoreError, document, json, micros, unreadable};

/// A message committed with the state that caused it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// The letter's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Municipality id.
    pub municipality: String,
    /// Run id.
    pub run: String,
    /// Version of the road map whose templates it uses.
    pub road_map: i32,
    /// The letter's kind.
    pub kind: String,
    /// Addressee.
    pub organisation: String,
    /// pending, sending, sent, failed, obsolete.
    pub state: String,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// When to try next; while sending, when the lease ends; once failed, when that was.
    pub next_attempt_at: i64,
    /// Tries begun.
    pub attempts: i32,
    /// A try ended without our knowing its result.
    pub uncertain: bool,
    /// Microseconds since the epoch.
    pub sent_at: Option<i64>,
    /// What the last failed try said.
    pub error: String,
    /// The Message-ID, without brackets.
    pub message_id: String,
    /// JSON of [`vekha_engine::Letter`].
    pub body: String,
    /// Key of the digest in which it goes together with others; none while it goes alone.
    pub digest: Option<String>,
    /// The Message-ID of that digest, without brackets.
    pub digest_id: Option<String>,
    /// The addresses to which it left last, one a line, as addresses are compared; empty until then.
    pub sent_to: String,
    /// Who is sending it, a name of each claim's own; none before the first.
    pub claim: Option<String>,
}

/// What the `body` column holds: of a letter what no other column tells.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assignment: Option<AssignmentKey>,
    #[serde(default)]
    link: u32,
    /// Letters of older releases have none.
    #[serde(default)]
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Date>,
    not_before: Timestamp,
    facts: Values,
}

impl ActiveModel {
    /// A new letter.
    pub(in crate::store) fn of(letter: Letter, road_map: u32, now: Timestamp) -> Self {
        let Letter {
            key,
            kind,
            to,
            run,
            assignment,
            link,
            revision,
            thread,
            due,
            not_before,
            facts,
        } = letter;
        ActiveModel {
            message_id: Set(message_id::of(&key, &run.municipality)),
            key: Set(key),
            run: Set(run.to_string()),
            municipality: Set(run.municipality),
            road_map: Set(road_map as i32),
            kind: Set(kind.as_str().into()),
            organisation: Set(to),
            state: Set("pending".into()),
            created_at: Set(micros(now)),
            next_attempt_at: Set(micros(not_before)),
            attempts: Set(0),
            uncertain: Set(false),
            error: Set(String::new()),
            body: Set(json(&Body { assignment, link, revision, thread, due, not_before, facts })),
            ..Default::default()
        }
    }
}

impl Model {
    /// The letter.
    ///
    /// # Errors
    /// When it is no such row as Vekha writes.
    pub fn letter(&self) -> Result<Letter, StoreError> {
        let Body { assignment, link, revision, thread, due, not_before, facts } =
            document(&self.key, &self.body)?;
        let kind = serde_json::from_value(self.kind.as_str().into());
        let unknown = |_| unreadable(&self.key, format!("нет такого письма: {}", self.kind));
        Ok(Letter {
            key: self.key.clone(),
            kind: kind.map_err(unknown)?,
            to: self.organisation.clone(),
            run: self.run.parse().map_err(|e| unreadable(&self.key, e))?,
            assignment,
            link,
            revision,
            thread,
            due,
            not_before,
            facts,
        })
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
