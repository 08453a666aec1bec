//! A token may be for some services of the contract only.

use sea_orm_migration::prelude::*;

use super::{ATOMIC, add_column};

/// A column of `access_token`.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Until now each was for all of them.
        let mut services = ColumnDef::new("services");
        services.text().not_null().default("");
        add_column(manager, "access_token", services.to_owned()).await
    }
}
