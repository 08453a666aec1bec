//! A message committed with the state that caused it.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

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
    /// Who is sending it, a name of each claim's own; none before the first.
    pub claim: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
