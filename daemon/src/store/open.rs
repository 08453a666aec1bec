//! Opening a database and closing it: what must be true before anything is served, and what is left
//! behind for the next start.

use std::path::{Path, PathBuf};

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DbErr, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, Statement, TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait as _;
use vekha_engine::run::Assignment;
use vekha_plugin::files::make_private;

use super::entities::{assignment, journal};
use super::witness::Witness;
use super::{Lock, Store, StoreError, connections, document, migrations};
use crate::secret::Secret;

/// A mark: whether the SQLite file is at work, or was left by a daemon that did not end in order.
const AT_WORK: &str = "at-work";

/// A mark: the fingerprint of the secret from which the links of this database are derived.
const SECRET: &str = "secret";

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon works with the SQLite file.
    #[error(
        "с базой {0} уже работает другой демон: одну базу SQLite ведёт один демон; остановите его \
         или назовите другую базу (нескольким демонам нужна PostgreSQL)"
    )]
    Held(String),
    /// Its folder does not allow what is needed beside the file.
    #[error("{0}: демону нужно право писать в папку базы")]
    Folder(String),
    /// More had been acknowledged than is there.
    #[error(
        "в базе {database} записей журнала {there}, а подтверждено было {acknowledged}: файл базы \
         старше или его журнал (-wal) удалён либо повреждён. Верните файлы базы или восстановите \
         копию (vekha restore); если утрата принята: vekha recover accept-loss"
    )]
    Behind {
        /// The file.
        database: String,
        /// Cursor of the last entry that was acknowledged.
        acknowledged: i64,
        /// Cursor of the last entry that is there.
        there: i64,
    },
    /// The file was copied while a daemon was at work, without what lies beside it.
    #[error(
        "файл {0} скопирован при работающем демоне и без соседних файлов (-wal, -witness): в нём \
         может не быть подтверждённого. Копию делает vekha backup; если утрата принята: \
         vekha recover accept-loss"
    )]
    Torn(String),
    /// It is a rehearsal's, and this daemon means it.
    #[error(
        "с базой {0} шла репетиция: её выполнения и письма придуманы, а время ушло вперёд. Для \
         работы назовите другую базу или верните раздел [rehearsal]"
    )]
    Rehearsed(String),
    /// It is lived in, and this daemon would rehearse.
    #[error(
        "база {0} ведёт настоящую работу: репетиция смешала бы придуманное с настоящим. Назовите \
         для неё другую базу или уберите раздел [rehearsal]"
    )]
    Lived(String),
    /// There is no secret, but the database has links that were derived from one.
    #[error(
        "файла секрета {file} нет, а база {database} уже работала с секретом: без него ссылки из \
         отправленных писем не откроются. Верните файл из резервной копии; если он утрачен: \
         vekha recover new-secret"
    )]
    SecretMissing {
        /// Where the secret should lie.
        file: String,
        /// The database.
        database: String,
    },
    /// The secret is not the one from which the database's links were derived.
    #[error(
        "секрет {file} не тот, с которым работала база {database}: ссылки из отправленных писем не \
         открылись бы. Верните прежний файл: у всех демонов одной базы секрет один; если он \
         утрачен, удалите чужой и выполните vekha recover new-secret"
    )]
    SecretForeign {
        /// Where the secret lies.
        file: String,
        /// The database.
        database: String,
    },
    /// The secret's file cannot be read or written.
    #[error("секрет {0}")]
    SecretFile(String),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] StoreError),
}

impl From<DbErr> for OpenError {
    fn from(e: DbErr) -> Self {
        StoreError::from(e).into()
    }
}

/// Where a deployment's secret is.
#[derive(Debug, Clone)]
pub enum SecretFrom {
    /// At hand: for tests and simulations.
    Hand(Secret),
    /// In this file, which is made on the first start of a database.
    File(PathBuf),
    /// Drawn anew into this file, and all links derived anew: those mailed so far stop working.
    Renewed(PathBuf),
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Opening<'u> {
    /// `sqlite:path/to/file.db` (created if missing) or `postgres://...`.
    pub url: &'u str,
    /// Its secret.
    pub secret: SecretFrom,
    /// To go on although more had been acknowledged than is there.
    pub accept_loss: bool,
}

impl Store {
    /// Opens a database with a secret at hand and brings its schema up to date.
    ///
    /// # Errors
    /// As [`Store::open_as`].
    pub async fn open(url: &str, secret: Secret) -> Result<Self, OpenError> {
        let secret = SecretFrom::Hand(secret);
        Store::open_as(Opening { url, secret, accept_loss: false }).await
    }

    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, opened or migrated, is held by another daemon, lacks what had been
    /// acknowledged, or has worked with another secret.
    pub async fn open_as(opening: Opening<'_>) -> Result<Self, OpenError> {
        let Opening { url, secret, accept_loss } = opening;
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let path = Path::new(path.trim_start_matches("//"));
                Store::open_sqlite(path, secret, accept_loss).await
            }
            None => Store::open_postgres(url, secret).await,
        }
    }

    async fn open_sqlite(
        path: &Path,
        secret: SecretFrom,
        accept_loss: bool,
    ) -> Result<Self, OpenError> {
        if let Some(folder) = path.parent() {
            make_private(folder)
                .map_err(|e| OpenError::Folder(format!("{}: {e}", folder.display())))?;
        }
        let (witness, known) = Witness::hold(path)?;
        let (writer, reader) = connections::sqlite(path).await?;
        migrations::Migrator::up(&writer, None).await?;
        let mut store = Store {
            writer,
            reader,
            secret: Secret::from_bytes([0; 32]),
            name: "".into(),
            file: Some(path.to_owned()),
            witness: Some(witness.clone()),
            unsound: Default::default(),
            aside: Default::default(),
            failures: Default::default(),
            peopled: Default::default(),
        };
        let database = path.display().to_string();
        let there = store.last_cursor().await?;
        match known {
            Some(acknowledged) if acknowledged > there && !accept_loss => {
                return Err(OpenError::Behind { database, acknowledged, there });
            }
            None if !accept_loss && store.mark(AT_WORK).await?.as_deref() == Some("yes") => {
                return Err(OpenError::Torn(database));
            }
            _ => {}
        }
        store.secret = store.settle_secret(secret, &database).await?;
        // The witness comes first: a file that says it is at work has one.
        witness.note(there);
        store.set_mark(AT_WORK, "yes").await?;
        // So that the mark lies in the file itself, whoever copies it.
        store.empty_log().await?;
        Ok(store)
    }

    async fn open_postgres(url: &str, secret: SecretFrom) -> Result<Self, OpenError> {
        let patient = connections::patient_postgres(url).await?;
        // Daemons that start at the same time must not create the same tables. The lock is the
        // session's, and there is one session: what migrates is what holds it.
        patient.execute_raw(Lock::Schema.held()).await?;
        let migrated = migrations::Migrator::up(&patient, None).await;
        patient.close().await?;
        migrated?;
        let (writer, reader) = connections::postgres(url).await?;
        let mut store = Store {
            writer,
            reader,
            secret: Secret::from_bytes([0; 32]),
            name: "".into(),
            file: None,
            witness: None,
            unsound: Default::default(),
            aside: Default::default(),
            failures: Default::default(),
            peopled: Default::default(),
        };
        store.secret = store.settle_secret(secret, &without_password(url)).await?;
        Ok(store)
    }

    /// The secret, which must be the one that the database has worked with.
    async fn settle_secret(&self, from: SecretFrom, database: &str) -> Result<Secret, OpenError> {
        let unusable = |file: &Path, e: std::io::Error| {
            OpenError::SecretFile(format!("{}: {e}", file.display()))
        };
        let (file, secret) = match from {
            SecretFrom::Hand(secret) => ("в памяти".to_owned(), secret),
            SecretFrom::Renewed(file) => {
                let secret = Secret::create(&file).map_err(|e| unusable(&file, e))?;
                self.derive_links_anew(&secret).await?;
                (file.display().to_string(), secret)
            }
            SecretFrom::File(file) => {
                let shown = file.display().to_string();
                match Secret::load(&file).map_err(|e| unusable(&file, e))? {
                    Some(secret) => (shown, secret),
                    None if self.has_links().await? => {
                        let database = database.to_owned();
                        return Err(OpenError::SecretMissing { file: shown, database });
                    }
                    None => (shown, Secret::create(&file).map_err(|e| unusable(&file, e))?),
                }
            }
        };
        let foreign = || OpenError::SecretForeign { file, database: database.to_owned() };
        // A database of a release that kept no fingerprint has links to hold the secret against.
        if self.mark(SECRET).await?.is_none()
            && let Some(link) = assignment::Entity::find().one(self.reader()).await?
            && link.token_hash != hash_of(&secret, &link.id, &link.body)
        {
            return Err(foreign());
        }
        let fingerprint = secret.fingerprint();
        if self.claim_mark(SECRET, &fingerprint).await? != fingerprint {
            return Err(foreign());
        }
        Ok(secret)
    }

    /// Whether links have been derived from a secret.
    async fn has_links(&self) -> Result<bool, StoreError> {
        let marked = self.mark(SECRET).await?.is_some();
        Ok(marked || assignment::Entity::find().one(self.reader()).await?.is_some())
    }

    /// Derives every link from another secret, all in one commit.
    async fn derive_links_anew(&self, secret: &Secret) -> Result<(), StoreError> {
        let links: Vec<(String, String)> = assignment::Entity::find()
            .select_only()
            .columns([assignment::Column::Id, assignment::Column::Body])
            .into_tuple()
            .all(self.reader())
            .await?;
        let transaction = self.writer().begin().await?;
        for (id, body) in links {
            let hash = hash_of(secret, &id, &body);
            assignment::Entity::update_many()
                .col_expr(assignment::Column::TokenHash, Expr::value(hash))
                .filter(assignment::Column::Id.eq(id))
                .exec(&transaction)
                .await?;
        }
        super::deployment::set(&transaction, SECRET, &secret.fingerprint()).await?;
        Ok(transaction.commit().await?)
    }

    /// How far the journal reaches; 0 while it is empty.
    async fn last_cursor(&self) -> Result<i64, StoreError> {
        let last: Option<Option<i64>> = journal::Entity::find()
            .select_only()
            .column_as(journal::Column::Cursor.max(), "last")
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(last.flatten().unwrap_or(0))
    }

    /// Closes all connections; pending work is done first. An SQLite file is whole by itself then: its
    /// log is empty.
    ///
    /// # Errors
    /// When the database reports one on closing.
    pub async fn close(self) -> Result<(), StoreError> {
        self.reader.clone().close().await?;
        let closed = self.leave().await;
        self.writer.close().await?;
        if let Some(witness) = &self.witness {
            witness.release();
        }
        closed
    }

    async fn leave(&self) -> Result<(), StoreError> {
        if self.file.is_some() {
            self.set_mark(AT_WORK, "no").await?;
            self.empty_log().await?;
        }
        Ok(())
    }
}

/// What the database keeps of an assignment's link. One that cannot be read has no page to be opened:
/// it keeps no other from being derived.
fn hash_of(secret: &Secret, id: &str, body: &str) -> String {
    let replaced = document::<Assignment>(id, body).map_or(0, |assignment| assignment.link);
    Secret::hash(&secret.token(id, replaced))
}

/// Marks a copy of a database as left in order: it is whole by itself.
///
/// # Errors
/// When the copy cannot be written.
pub(super) async fn mark_as_left(copy: &DatabaseConnection) -> Result<(), StoreError> {
    super::deployment::set(copy, AT_WORK, "no").await
}

/// A database's address as logs may show it.
pub fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", &url[at..]),
        _ => url.to_owned(),
    }
}

impl Lock {
    /// Holds it until the session ends.
    fn held(self) -> Statement {
        let text = format!("SELECT pg_advisory_lock({}, {})", super::LOCKS, self as i32);
        Statement::from_string(sea_orm::DatabaseBackend::Postgres, text)
    }
}
