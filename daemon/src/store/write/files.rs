//! Files of answers and of decisions, by their content: the same file kept twice is one.

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    Statement,
};
use sha2::{Digest, Sha256};
use vekha_engine::RunKey;

use crate::store::entities::file::{ActiveModel, Column, Entity, Model};
use crate::store::{Store, StoreError, micros};

/// What stands for the assignment where files of a run's decisions are kept: none is named so.
pub fn of_decisions(run: &RunKey) -> String {
    format!("{run}/decisions")
}

/// SHA-256 of a content, lower-case hex.
pub fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Files that nobody refers to. Who is about to refer to one has made it young before. Answers are
/// found as their index has them, by the run and then by what they answer.
const STRAY: &str = r#"
SELECT "id" FROM "file" WHERE "at" < $1
AND NOT EXISTS (SELECT 1 FROM "submission" AS "s"
    WHERE "s"."run" = (SELECT "a"."run" FROM "assignment" AS "a" WHERE "a"."id" = "file"."assignment")
    AND "s"."assignment" = "file"."assignment" AND "s"."answers" LIKE '%' || "file"."sha256" || '%')
AND NOT EXISTS (SELECT 1 FROM "draft" AS "d" WHERE "d"."assignment" = "file"."assignment"
    AND "d"."answers" LIKE '%' || "file"."sha256" || '%')
AND NOT EXISTS (SELECT 1 FROM "decision" AS "o"
    WHERE "o"."run" = substr("file"."assignment", 1, length("file"."assignment") - 10)
    AND "file"."assignment" LIKE '%/decisions' AND "o"."body" LIKE '%' || "file"."sha256" || '%')
"#;

/// Files that are removed by one statement.
const REMOVED_AT_ONCE: usize = 500;

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
    ) -> Result<String, StoreError> {
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
    pub async fn file(
        &self,
        assignment: &str,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
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
    ) -> Result<Vec<String>, StoreError> {
        let ids = sha256.iter().map(|hash| format!("{assignment}/{hash}"));
        let these = Entity::update_many().filter(Column::Id.is_in(ids));
        these.col_expr(Column::At, Expr::value(micros(now))).exec(self.writer()).await?;
        self.files_there(assignment, sha256).await
    }

    /// Which of these files an assignment has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn files_there(
        &self,
        assignment: &str,
        sha256: &[&str],
    ) -> Result<Vec<String>, StoreError> {
        let ids = sha256.iter().map(|hash| format!("{assignment}/{hash}"));
        let these = Entity::find().filter(Column::Id.is_in(ids));
        Ok(these.select_only().column(Column::Sha256).into_tuple().all(self.reader()).await?)
    }

    /// Removes files that came before a moment and that no answer, draft or decision refers to: they
    /// came with something that was refused, or were replaced by others. Returns how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_stray_files(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = micros(before);
        let backend = self.reader().get_database_backend();
        let stray = Statement::from_sql_and_values(backend, STRAY, [before.into()]);
        // Looked for beside the writer, who is held up only where there is something to remove.
        let rows = self.reader().query_all_raw(stray).await?;
        let ids = rows.iter().map(|row| row.try_get_by_index::<String>(0));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        let mut removed = 0;
        for ids in ids.chunks(REMOVED_AT_ONCE) {
            // Whoever refers to one since that look has made it young.
            let these = Entity::delete_many().filter(Column::At.lt(before));
            let these = these.filter(Column::Id.is_in(ids.iter().map(String::as_str)));
            removed += these.exec(self.writer()).await?.rows_affected;
        }
        Ok(removed)
    }
}
