//! Passkeys by which people sign in, and challenges that serve no more.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string, text};

use super::ATOMIC;

/// Two tables.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let passkey = Table::create()
            .table("passkey")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("person"))
            .col(text("called"))
            .col(text("credential"))
            .col(text("user_handle"))
            .col(text("public_key"))
            .col(text("state"))
            .col(integer("transports"))
            .col(big_integer("added_at"))
            .col(big_integer("used_at"))
            .to_owned();
        manager.create_table(passkey).await?;
        let own = Index::create()
            .name("passkey_person")
            .table("passkey")
            .col("person")
            .if_not_exists()
            .to_owned();
        manager.create_index(own).await?;
        // Few at a time, and forgotten by a look at all of them.
        let used = Table::create()
            .table("used_challenge")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(big_integer("expires_at"))
            .to_owned();
        manager.create_table(used).await
    }
}
