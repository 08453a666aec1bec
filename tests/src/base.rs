//! An empty database, and daemons without loops upon it: for tests that turn them by hand.

use std::sync::Arc;

use sea_orm::{Database, DatabaseConnection};
use tempfile::TempDir;
use vekha::clock::Clock;
use vekha::runtime::integrations::Integrations;
use vekha::runtime::listeners::{Listeners, Plugins, WebhookSettings};
use vekha::runtime::{Parts, Runtime};
use vekha::secret::Secret;
use vekha::store::Store;
use vekha_plugin_site::{Site, SiteConfig};

use crate::letterbox::Letterbox;
use crate::{database, small};

/// Runs each promise on both databases: it is given an empty one.
#[macro_export]
macro_rules! on_both_databases {
    ($($promise:ident,)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise($crate::base::Base::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise($crate::base::Base::postgres().await).await;
            })*
        }
    };
}

/// An empty database.
pub struct Base {
    /// Its address.
    pub url: String,
    /// A folder that lives as long: an SQLite file lies in it.
    pub folder: TempDir,
}

impl Base {
    /// A new SQLite file.
    ///
    /// # Panics
    /// When there is no room for a folder.
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("a folder");
        Base { url: format!("sqlite:{}", folder.path().join("vekha.db").display()), folder }
    }

    /// A new database of the PostgreSQL that `tests/run` started.
    ///
    /// # Panics
    /// When there is none.
    pub async fn postgres() -> Self {
        Base { url: database::postgres().await, folder: TempDir::new().expect("a folder") }
    }

    /// Whether several daemons may work on it.
    pub fn is_shared(&self) -> bool {
        !self.url.starts_with("sqlite:")
    }

    /// Opens it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn store(&self) -> Store {
        Store::open(&self.url, Secret::from_bytes([7; 32])).await.expect("the database opens")
    }

    /// A connection past the store.
    ///
    /// # Panics
    /// When there is none.
    pub async fn beside(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.expect("a connection")
    }

    /// A daemon without loops on the small road map.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn daemon(&self, clock: &Clock) -> (Arc<Runtime>, Arc<Letterbox>) {
        let (runtime, letterbox) = self.runtime(clock).await;
        runtime.apply(small::files(), "test").await.expect("the road map is right");
        (runtime, letterbox)
    }

    /// The same with whatever road maps the database has.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn runtime(&self, clock: &Clock) -> (Arc<Runtime>, Arc<Letterbox>) {
        let letterbox = Arc::new(Letterbox::default());
        let site = SiteConfig { folder: self.folder.path().join("site"), url: None };
        let parts = Parts {
            store: self.store().await,
            clock: clock.clone(),
            integrations: Integrations::new(
                letterbox.clone(),
                Arc::new(Site::new(site).expect("a site")),
                listeners(),
            ),
            public_url: "http://localhost".into(),
        };
        (Runtime::start(parts).await.expect("the runtime starts"), letterbox)
    }

    /// As many daemons as may share the database: two on PostgreSQL.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn daemons(&self, clock: &Clock) -> Vec<Arc<Runtime>> {
        let mut daemons = vec![self.daemon(clock).await.0];
        if self.is_shared() {
            daemons.push(self.daemon(clock).await.0);
        }
        daemons
    }

    /// As many stores as may share the database, each with its own connections.
    ///
    /// # Panics
    /// When they do not open.
    pub async fn stores(&self) -> Vec<Store> {
        let mut stores = vec![self.store().await];
        if self.is_shared() {
            stores.push(self.store().await);
        }
        stores
    }
}

/// By what listeners are told here: on loopback, by receivers that answer within a second.
///
/// # Panics
/// When TLS cannot be prepared.
pub fn listeners() -> Listeners {
    let settings =
        WebhookSettings { allow_private: true, timeout_seconds: Some(1), ..Default::default() };
    Listeners::new(&settings, Plugins::default()).expect("TLS")
}

/// Ends a daemon as an orderly stop does.
///
/// # Panics
/// When its database does not close.
pub async fn end(runtime: Arc<Runtime>) {
    let store = runtime.store().clone();
    drop(runtime);
    store.close().await.expect("to close");
}
