//! Single things by their names: a run or what belongs to it, without the rest of it.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use vekha_engine::run::{Assignment, Decision, Measure, Recommendation};
use vekha_engine::{AssignmentKey, RunKey};

use crate::store::entities::{assignment, decision, measure, outbox, recommendation};
use crate::store::{Store, StoreError, document};

impl Store {
    /// One assignment.
    pub async fn assignment(&self, id: &str) -> Result<Option<assignment::Model>, StoreError> {
        Ok(assignment::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The assignment that a link opens.
    pub async fn assignment_by_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<assignment::Model>, StoreError> {
        Ok(assignment::Entity::find()
            .filter(assignment::Column::TokenHash.eq(token_hash))
            .one(self.reader())
            .await?)
    }

    /// What one participant owes, by itself.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn standing(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Option<Assignment>, StoreError> {
        let row = self.assignment(&format!("{run}/{key}")).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// What an organisation is recommended, without the rest of the run.
    pub async fn recommendation(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Option<Recommendation>, StoreError> {
        let id = format!("{run}/{key}");
        let row = recommendation::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// A decision by its number within the run, without the rest of the run.
    pub async fn decision(
        &self,
        run: &RunKey,
        number: usize,
    ) -> Result<Option<Decision>, StoreError> {
        let id = format!("{run}/{number}");
        let row = decision::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.called(), &row.body)).transpose()
    }

    /// A measure of a run by its number, from 1.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn measure(
        &self,
        run: &RunKey,
        number: usize,
    ) -> Result<Option<Measure>, StoreError> {
        let row = measure::Entity::find_by_id(format!("{run}/{number}")).one(self.reader()).await?;
        row.map(|row| document(&row.called(), &row.body)).transpose()
    }

    /// One message.
    pub async fn message(&self, key: &str) -> Result<Option<outbox::Model>, StoreError> {
        Ok(outbox::Entity::find_by_id(key).one(self.reader()).await?)
    }

    /// A message by its Message-ID.
    pub async fn message_by_id(
        &self,
        message_id: &str,
    ) -> Result<Option<outbox::Model>, StoreError> {
        Ok(outbox::Entity::find()
            .filter(outbox::Column::MessageId.eq(message_id))
            .one(self.reader())
            .await?)
    }
}
