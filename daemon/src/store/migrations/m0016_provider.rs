//! People who sign in through their organisation's provider: by which account, what the provider says
//! they may do, and which sessions began so.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};

use super::{ATOMIC, add_column};

/// Two tables, and two columns of `session`.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let account = Table::create()
            .table("provider_account")
            .if_not_exists()
            .col(string("issuer"))
            .col(string("subject"))
            .col(string("person"))
            .col(big_integer("linked_at"))
            .primary_key(Index::create().col("issuer").col("subject"))
            .to_owned();
        let role = Table::create()
            .table("provided_role")
            .if_not_exists()
            .col(string("holder"))
            .col(string("municipality"))
            .col(string("role"))
            .primary_key(Index::create().col("holder").col("municipality"))
            .to_owned();
        for table in [account, role] {
            manager.create_table(table).await?;
        }
        // A person has one account with each provider: whoever gets another's address there is nobody
        // here.
        let one = Index::create()
            .name("provider_account_person")
            .table("provider_account")
            .col("person")
            .col("issuer")
            .unique()
            .if_not_exists()
            .to_owned();
        manager.create_index(one).await?;
        for name in ["issuer", "hint"] {
            let mut column = ColumnDef::new(name);
            column.text().not_null().default("");
            add_column(manager, "session", column.to_owned()).await?;
        }
        Ok(())
    }
}
