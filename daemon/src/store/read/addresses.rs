//! How the newest letter of each organisation ended.

use sea_orm::{DatabaseBackend, FromQueryResult, Statement, Value};

use crate::store::{Store, StoreError};

/// The newest letter of an organisation that was accepted or refused for good.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct NewestLetter {
    /// Its addressee.
    pub organisation: String,
    /// sent or failed.
    pub state: String,
    /// When its end became known, in microseconds since the epoch.
    pub settled_at: i64,
    /// Why it was refused.
    pub error: String,
}

/// Organisations that are asked about in one statement: databases bound how many values it may have.
const AT_ONCE: usize = 1_000;

impl Store {
    /// The newest letter that has ended of each of these organisations of a municipality: an organisation costs a look into an index, whatever it was sent before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_letters(
        &self,
        municipality: &str,
        organisations: &[&str],
    ) -> Result<Vec<NewestLetter>, StoreError> {
        let backend = self.reader().get_database_backend();
        let mut newest = Vec::new();
        for codes in organisations.chunks(AT_ONCE) {
            let statement = statement(backend, municipality, codes);
            newest.extend(NewestLetter::find_by_statement(statement).all(self.reader()).await?);
        }
        Ok(newest)
    }
}

fn statement(backend: DatabaseBackend, municipality: &str, codes: &[&str]) -> Statement {
    let mark = |place: usize| match backend {
        DatabaseBackend::Postgres => format!("${place}"),
        _ => format!("?{place}"),
    };
    let marks: Vec<String> =
        (0..codes.len()).map(|place| format!("({})", mark(place + 2))).collect();
    // A letter that failed keeps its last moment where its next one would stand. A list of values names
    // its columns so on both databases.
    let text = format!(
        "SELECT o.organisation, o.state, o.error, COALESCE(o.sent_at, o.next_attempt_at) AS settled_at
         FROM (VALUES {}) AS codes
         JOIN outbox AS o ON o.key = (
             SELECT newest.key FROM outbox AS newest
             WHERE newest.municipality = {} AND newest.organisation = codes.column1
                 AND newest.state IN ('sent', 'failed')
             ORDER BY COALESCE(newest.sent_at, newest.next_attempt_at) DESC, newest.key DESC
             LIMIT 1)
         ORDER BY o.organisation",
        marks.join(", "),
        mark(1)
    );
    let values = [municipality].into_iter().chain(codes.iter().copied());
    Statement::from_sql_and_values(backend, text, values.map(Value::from))
}
