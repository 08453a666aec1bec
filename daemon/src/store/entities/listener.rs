//! Another system that is told of the journal's entries.

#![allow(missing_docs)] // the derive generates undocumented items

use sea_orm::entity::prelude::*;

/// Another system that is told of the journal's entries. What it is called, where it is and what it
/// wants to hear changes by `store/write/access.rs` alone, how far it has been told by
/// `store/write/listeners.rs` alone.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "listener")]
pub struct Model {
    /// What it is called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Drawn: the secrets of a later listener of the same name are others.
    pub seed: String,
    /// Where a webhook's requests go; empty if a plugin is told.
    pub url: String,
    /// The plugin, by its name in the settings.
    pub plugin: String,
    /// Of which municipality it is told; empty for all.
    pub municipality: String,
    /// Of which activities: ids with commas between them; empty for all.
    pub activities: String,
    /// Of which kinds of entries, with commas; empty for all but those of access.
    pub kinds: String,
    /// Nothing is told.
    pub disabled: bool,
    /// Why, if nobody of the department brought that about.
    pub reason: String,
    /// How often its secret was replaced.
    pub rotated: i32,
    /// Until when the secret before signs, too.
    pub before_until: i64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: i64,
    /// Since when it is told: what happened before is not late before that is.
    pub since: i64,
    /// The last entry that is settled.
    pub cursor: i64,
    /// Failed tries in a row.
    pub attempts: i32,
    /// What went wrong at the last.
    pub error: String,
    /// When the first of them was.
    pub failing_since: Option<i64>,
    /// Not before that.
    pub next_attempt_at: i64,
    /// When it last took an entry; 0 if never.
    pub delivered_at: i64,
    /// Which daemon tells it at the moment.
    pub claim: Option<String>,
    /// Until when that holds unless it is renewed.
    pub claimed_until: i64,
}

impl Model {
    /// What of it people change, and the daemon only where a listener wants no more: by this a change is
    /// seen.
    pub fn defined(&self) -> impl PartialEq + serde::Serialize + use<'_> {
        let Model { id, seed, url, plugin, municipality, activities, kinds, .. } = self;
        (
            (id, seed, url, plugin),
            (municipality, activities, kinds),
            (self.disabled, &self.reason, self.rotated, self.before_until),
        )
    }

    /// The activities of which it is told; empty for all.
    pub fn activities(&self) -> Vec<&str> {
        listed(&self.activities)
    }

    /// The kinds of which it is told; empty for the usual.
    pub fn kinds(&self) -> Vec<&str> {
        listed(&self.kinds)
    }
}

fn listed(text: &str) -> Vec<&str> {
    text.split(',').filter(|word| !word.is_empty()).collect()
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
