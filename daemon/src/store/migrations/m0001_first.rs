//! The first schema: every table with the indexes that its frequent queries need.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, boolean, integer, string, text, text_null,
};

use super::ATOMIC;

/// The first schema.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        ATOMIC
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut table in tables() {
            manager.create_table(table.if_not_exists().to_owned()).await?;
        }
        for (table, name, columns, unique) in INDEXES {
            let mut index = Index::create();
            index.name(*name).table(*table).if_not_exists();
            for column in *columns {
                index.col(*column);
            }
            if *unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// (table, index, columns, unique); the comment names the query that it serves.
const INDEXES: &[(&str, &str, &[&str], bool)] = &[
    // Runs of an activity, newest first; the administrator's page.
    ("run", "run_by_activity", &["municipality", "activity", "period"], false),
    // A run's assignments, loaded with it.
    ("assignment", "assignment_by_run", &["run"], false),
    // A school's link.
    ("assignment", "assignment_by_token", &["token_hash"], true),
    // What is open, and since when it is due.
    ("assignment", "assignment_by_state", &["municipality", "state", "due"], false),
    ("submission", "submission_by_assignment", &["assignment", "version"], true),
    ("recommendation", "recommendation_by_run", &["run"], false),
    ("decision", "decision_by_run", &["run"], false),
    ("measure", "measure_by_run", &["run"], false),
    ("analysis", "analysis_by_run", &["run"], false),
    // What is due now.
    ("job", "job_by_due", &["due_at"], false),
    // What is to be sent now.
    ("outbox", "outbox_by_state", &["state", "next_attempt_at"], false),
    // A run's journal in order, without gaps or doubles.
    ("journal", "journal_by_run", &["run", "sequence"], true),
];

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("run")
            .col(string("id").primary_key())
            .col(text("municipality"))
            .col(text("activity"))
            .col(text("period"))
            .col(text_null("part"))
            .col(integer("road_map"))
            .col(text("state"))
            .col(big_integer("opened_at"))
            .col(big_integer_null("ended_at"))
            .col(text("body"))
            .col(big_integer("journal_sequence"))
            .col(text("journal_hash"))
            .col(big_integer("revision"))
            .to_owned(),
        Table::create()
            .table("assignment")
            .col(string("id").primary_key())
            .col(text("run"))
            .col(text("municipality"))
            .col(text("activity"))
            .col(text("stage"))
            .col(text("organisation"))
            .col(text("state"))
            .col(text("due"))
            .col(text("token_hash"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("submission")
            .col(string("id").primary_key())
            .col(text("assignment"))
            .col(text("run"))
            .col(integer("version"))
            .col(big_integer("at"))
            .col(text("actor"))
            .col(text("origin"))
            .col(text("answers"))
            .to_owned(),
        Table::create()
            .table("recommendation")
            .col(string("id").primary_key())
            .col(text("run"))
            .col(text("municipality"))
            .col(text("activity"))
            .col(text("stage"))
            .col(text("organisation"))
            .col(text("state"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("decision")
            .col(string("id").primary_key())
            .col(text("run"))
            .col(text("municipality"))
            .col(text("activity"))
            .col(integer("ordinal"))
            .col(text("date"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("measure")
            .col(string("id").primary_key())
            .col(text("run"))
            .col(text("municipality"))
            .col(text("activity"))
            .col(integer("ordinal"))
            .col(text("organisation"))
            .col(text("state"))
            .col(text("due"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("analysis")
            .col(string("id").primary_key())
            .col(text("run"))
            .col(text("stage"))
            .col(big_integer("at"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("job")
            .col(string("key").primary_key())
            .col(text("kind"))
            .col(text("run"))
            .col(big_integer("due_at"))
            .col(integer("attempts"))
            .col(text("error"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("outbox")
            .col(string("key").primary_key())
            .col(text("municipality"))
            .col(text("run"))
            .col(integer("road_map"))
            .col(text("kind"))
            .col(text("organisation"))
            .col(text("state"))
            .col(big_integer("created_at"))
            .col(big_integer("next_attempt_at"))
            .col(integer("attempts"))
            .col(boolean("uncertain"))
            .col(big_integer_null("sent_at"))
            .col(text("error"))
            .col(text("message_id"))
            .col(text("body"))
            .to_owned(),
        Table::create()
            .table("journal")
            .col(big_pk_auto("cursor"))
            .col(text("run"))
            .col(big_integer("sequence"))
            .col(big_integer("at"))
            .col(text("actor"))
            .col(text("kind"))
            .col(text("data"))
            .col(integer("road_map"))
            .col(text("hash"))
            .to_owned(),
        Table::create()
            .table("road_map")
            .col(string("id").primary_key())
            .col(text("municipality"))
            .col(integer("version"))
            .col(text("digest"))
            .col(big_integer("applied_at"))
            .col(text("actor"))
            .col(text("files"))
            .to_owned(),
        Table::create()
            .table("activity")
            .col(string("id").primary_key())
            .col(text("municipality"))
            .col(text("activity"))
            .col(big_integer("opened_through"))
            .col(big_integer_null("next_opening"))
            .col(boolean("paused"))
            .col(text("reason"))
            .col(text("actor"))
            .to_owned(),
        Table::create()
            .table("request")
            .col(string("id").primary_key())
            .col(text("digest"))
            .col(big_integer("at"))
            .to_owned(),
    ]
}
