//! Files of answers and of decisions, by their content: the same file kept twice is one.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, Statement,
};
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

/// What nobody refers to. Who is about to refer to a file has made it young before.
const STRAY: &str = r#"
DELETE FROM "file" WHERE "at" < $1
AND NOT EXISTS (SELECT 1 FROM "submission" AS "s" WHERE "s"."assignment" = "file"."assignment"
    AND "s"."answers" LIKE '%' || "file"."sha256" || '%')
AND NOT EXISTS (SELECT 1 FROM "draft" AS "d" WHERE "d"."assignment" = "file"."assignment"
    AND "d"."answers" LIKE '%' || "file"."sha256" || '%')
AND NOT EXISTS (SELECT 1 FROM "decision" AS "o"
    WHERE "o"."run" = substr("file"."assignment", 1, length("file"."assignment") - 10)
    AND "file"."assignment" LIKE '%/decisions' AND "o"."body" LIKE '%' || "file"."sha256" || '%')
"#;

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
        // One that comes again is as young as a new one: nobody removes it before it is referred to.
        let known = OnConflict::column(Column::Id).update_column(Column::At).to_owned();
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

    /// Holds files of an assignment, so that they stay until something refers to them. Returns which
    /// of them are there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn hold_files(
        &self,
        assignment: &str,
        sha256: &[&str],
        now: Timestamp,
    ) -> Result<Vec<String>, DbErr> {
        let these = || {
            let ids = sha256.iter().map(|hash| format!("{assignment}/{hash}"));
            Entity::update_many().filter(Column::Id.is_in(ids))
        };
        these().col_expr(Column::At, Expr::value(micros(now))).exec(self.writer()).await?;
        Entity::find()
            .select_only()
            .column(Column::Sha256)
            .filter(Column::Assignment.eq(assignment))
            .filter(Column::Sha256.is_in(sha256.iter().copied()))
            .into_tuple()
            .all(self.writer())
            .await
    }

    /// Removes files that came before a moment and that no answer, draft or decision refers to: they
    /// came with something that was refused, or were replaced by others. Returns how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_stray_files(&self, before: Timestamp) -> Result<u64, DbErr> {
        let values = [micros(before).into()];
        let statement =
            Statement::from_sql_and_values(self.writer().get_database_backend(), STRAY, values);
        Ok(self.writer().execute_raw(statement).await?.rows_affected())
    }
}
