//! What came back: under which Message-ID and to which addresses a letter left, and which of them
//! sent it back.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, text, text_null};

use super::{ATOMIC, add_column};

/// A table, two columns of `outbox`, and the indexes by which a report finds its letter.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "outbox", text_null("digest_id")).await?;
        add_column(manager, "outbox", text("sent_to").default("").to_owned()).await?;
        let returned = Table::create()
            .table("returned")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("municipality"))
            .col(string("organisation"))
            .col(string("address"))
            .col(string("message_id"))
            .col(string("cause"))
            .col(text("detail"))
            .col(big_integer("at"))
            .col(big_integer_null("confirmed_at"))
            .to_owned();
        manager.create_table(returned).await?;
        for (name, table, column) in [
            ("outbox_message_id", "outbox", "message_id"),
            ("outbox_digest_id", "outbox", "digest_id"),
            ("returned_message_id", "returned", "message_id"),
        ] {
            let index =
                Index::create().name(name).table(table).col(column).if_not_exists().to_owned();
            manager.create_index(index).await?;
        }
        let whose = Index::create()
            .name("returned_organisation")
            .table("returned")
            .col("municipality")
            .col("organisation")
            .if_not_exists()
            .to_owned();
        manager.create_index(whose).await
    }
}
