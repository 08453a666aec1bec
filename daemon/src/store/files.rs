//! Files of answers and of decisions, by their content: the same file kept twice is one.

use jiff::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use sha2::{Digest, Sha256};
use vekha_engine::RunKey;
use vekha_engine::journal::hex;

use super::entities::file::{ActiveModel, Column, Entity, Model};
use super::{Store, micros};

/// What stands for the assignment where files of a run's decisions are kept: none is named so.
pub fn of_decisions(run: &RunKey) -> String {
    format!("{run}/decisions")
}

/// SHA-256 of a content, lower-case hex.
pub fn hash(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

impl Store {
    /// Keeps a file of an assignment, or of a run's decisions ([`of_decisions`]). Returns its SHA-256 in lower-case hex.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_file(
        &self,
        assignment: &str,
        content: Vec<u8>,
        now: Timestamp,
    ) -> Result<String, DbErr> {
        let sha256 = hash(&content);
        let row: ActiveModel = Model {
            id: format!("{assignment}/{sha256}"),
            assignment: assignment.to_owned(),
            sha256: sha256.clone(),
            at: micros(now),
            content,
        }
        .into_active_model();
        let known = OnConflict::column(Column::Id).do_nothing().to_owned();
        Entity::insert(row).on_conflict(known).exec_without_returning(self.writer()).await?;
        Ok(sha256)
    }

    /// A file of an assignment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn file(&self, assignment: &str, sha256: &str) -> Result<Option<Vec<u8>>, DbErr> {
        let row = Entity::find_by_id(format!("{assignment}/{sha256}")).one(self.reader()).await?;
        Ok(row.map(|row| row.content))
    }

    /// The files that an assignment has, by their SHA-256.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn files_of(&self, assignment: &str) -> Result<Vec<String>, DbErr> {
        Entity::find()
            .select_only()
            .column(Column::Sha256)
            .filter(Column::Assignment.eq(assignment))
            .into_tuple()
            .all(self.reader())
            .await
    }
}
