//! Who is let in: people with their sessions and invitations, tokens of systems, and the roles of both.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, integer, string, text};

use super::ATOMIC;

/// Who is let in.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let person = Table::create()
            .table("person")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("email").unique_key())
            .col(text("name"))
            .col(text("post"))
            .col(text("password"))
            .col(boolean("disabled"))
            .col(integer("failures"))
            .col(big_integer("locked_until"))
            .col(big_integer("created_at"))
            .col(big_integer("signed_in_at"))
            .to_owned();
        let role = Table::create()
            .table("access_role")
            .if_not_exists()
            .col(string("holder"))
            .col(string("municipality"))
            .col(string("role"))
            .primary_key(Index::create().col("holder").col("municipality"))
            .to_owned();
        let session = Table::create()
            .table("session")
            .if_not_exists()
            .col(string("hash").primary_key())
            .col(string("person"))
            .col(big_integer("created_at"))
            .col(big_integer("seen_at"))
            .col(text("address"))
            .col(text("agent"))
            .to_owned();
        let invitation = Table::create()
            .table("invitation")
            .if_not_exists()
            .col(string("hash").primary_key())
            .col(string("person"))
            .col(big_integer("expires_at"))
            .to_owned();
        let token = Table::create()
            .table("access_token")
            .if_not_exists()
            .col(string("id").primary_key())
            .col(string("name").unique_key())
            .col(string("hash").unique_key())
            .col(string("hash_before"))
            .col(big_integer("before_until"))
            .col(text("created_by"))
            .col(big_integer("created_at"))
            .col(big_integer_null("expires_at"))
            .col(big_integer("used_at"))
            .to_owned();
        for table in [person, role, session, invitation, token] {
            manager.create_table(table).await?;
        }
        Ok(())
    }
}
