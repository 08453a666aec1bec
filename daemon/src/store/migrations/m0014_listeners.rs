//! Other systems that are told of the journal's entries: how far they have been told, and what was given
//! up.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, string, text, text_null,
};

use super::ATOMIC;

/// Who is told.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let listener = Table::create()
            .table("listener")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("seed"))
            .col(text("url"))
            .col(text("plugin"))
            .col(string("municipality"))
            .col(text("activities"))
            .col(text("kinds"))
            .col(boolean("disabled"))
            .col(text("reason"))
            .col(integer("rotated"))
            .col(big_integer("before_until"))
            .col(text("created_by"))
            .col(big_integer("created_at"))
            .col(big_integer("since"))
            .col(big_integer("cursor"))
            .col(integer("attempts"))
            .col(text("error"))
            .col(big_integer_null("failing_since"))
            .col(big_integer("next_attempt_at"))
            .col(big_integer("delivered_at"))
            .col(text_null("claim"))
            .col(big_integer("claimed_until"))
            .to_owned();
        let undelivered = Table::create()
            .table("undelivered")
            .if_not_exists()
            .col(string("listener"))
            .col(big_integer("cursor"))
            .col(integer("attempts"))
            .col(text("error"))
            .col(big_integer("given_up_at"))
            .col(boolean("wanted"))
            .primary_key(Index::create().col("listener").col("cursor"))
            .to_owned();
        for table in [listener, undelivered] {
            manager.create_table(table).await?;
        }
        Ok(())
    }
}
