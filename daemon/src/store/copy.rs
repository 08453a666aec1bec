//! A copy of an SQLite database that is whole by itself, made beside a daemon at work, and proved.

use std::collections::BTreeMap;
use std::path::Path;

use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, SqlxSqliteConnector,
};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use vekha_engine::Entry;
use vekha_engine::journal::Head;

use super::entities::{activity, journal, run};
use super::{StoreError, away, instant, open};

/// Entries of the journal that are looked at together.
const AT_ONCE: u64 = 10_000;

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Runs.
    pub runs: usize,
    /// Entries of the journal.
    pub entries: usize,
    /// Cursor of the last of them.
    pub last: i64,
}

/// Copies a database into a new file, as it is at one moment; a daemon may be at work on it. The copy
/// is marked as one that was left in order.
///
/// # Errors
/// When it cannot be read or the copy not be written.
pub async fn copy(database: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect(database).await?;
    let pool = source.get_sqlite_connection_pool();
    let made = sqlx::query("VACUUM INTO ?")
        .bind(to.display().to_string())
        .execute(pool)
        .await
        .map(|_| ())
        .map_err(away);
    source.close().await?;
    made?;
    let copy = connect(to).await?;
    let marked = open::mark_as_left(&copy).await;
    copy.close().await?;
    marked
}

/// Proves a database: every page is sound, every run's journal is whole to the head that its row
/// holds.
///
/// # Errors
/// What is wrong with it.
pub async fn prove(database: &Path) -> Result<Copied, StoreError> {
    let db = connect(database).await?;
    let proved = prove_on(&db).await;
    db.close().await?;
    proved
}

async fn prove_on(db: &DatabaseConnection) -> Result<Copied, StoreError> {
    let said: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(db.get_sqlite_connection_pool())
        .await
        .map_err(away)?;
    if said != "ok" {
        return Err(StoreError::away(format!("файл базы повреждён: {said}")));
    }
    let mut heads: BTreeMap<String, Head> = BTreeMap::new();
    let (mut entries, mut last) = (0, 0);
    loop {
        let rows = journal::Entity::find()
            .filter(journal::Column::Cursor.gt(last))
            .order_by_asc(journal::Column::Cursor)
            .limit(AT_ONCE)
            .all(db)
            .await?;
        let Some(newest) = rows.last() else { break };
        last = newest.cursor;
        entries += rows.len();
        for row in rows {
            let journal::Model { run, sequence, at, actor, kind, data, hash, .. } = row;
            let entry =
                Entry { sequence: sequence as u64, at: instant(at), actor, kind, data, hash };
            let head = heads.entry(run.clone()).or_insert_with(|| Head::of(&run));
            if !head.verify(&entry) {
                return Err(StoreError::away(format!(
                    "журнал {run} разорван на записи {sequence}"
                )));
            }
        }
    }
    let runs: Vec<(String, i64, String)> = run::Entity::find()
        .select_only()
        .columns([run::Column::Id, run::Column::JournalSequence, run::Column::JournalHash])
        .into_tuple()
        .all(db)
        .await?;
    // What was done to activities, and who was let in, has chains of its own: their rows hold the heads.
    let others: Vec<(String, i64, String)> = activity::Entity::find()
        .select_only()
        .columns([
            activity::Column::Id,
            activity::Column::JournalSequence,
            activity::Column::JournalHash,
        ])
        .filter(activity::Column::JournalSequence.gt(0))
        .into_tuple()
        .all(db)
        .await?;
    for (id, sequence, hash) in runs.iter().chain(&others) {
        let head = heads.get(id).map(|head| (head.sequence as i64, &head.hash));
        if head != Some((*sequence, hash)) {
            return Err(StoreError::away(format!("журнал {id} короче, чем о нём записано")));
        }
    }
    Ok(Copied { runs: runs.len(), entries, last })
}

async fn connect(file: &Path) -> Result<DatabaseConnection, StoreError> {
    let options =
        SqliteConnectOptions::new().filename(file).busy_timeout(std::time::Duration::from_secs(30));
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    pool.map(SqlxSqliteConnector::from_sqlx_sqlite_pool)
        .map_err(|e| StoreError::away(format!("{}: {e}", file.display())))
}
