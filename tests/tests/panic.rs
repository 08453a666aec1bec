//! What panics harms nothing but its own call: the loop that it breaks off begins anew, the others do
//! not notice, and the letter goes all the same.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::integrations::Integrations;
use vekha::runtime::{Ask, Parts, Runtime};
use vekha::store::write::outbox::LEASE;
use vekha_engine::Why;
use vekha_plugin::{
    DeliveryError, Description, Health, Message, Notifier, Plugin, Problem, Receipt,
};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_tests::base::Base;
use vekha_tests::letterbox::Letterbox;
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

/// A notifier that panics at its first letter.
#[derive(Default)]
struct Frail {
    letters: Letterbox,
    tries: AtomicU32,
}

#[async_trait]
impl Plugin for Frail {
    fn describe(&self) -> Description {
        self.letters.describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }
}

#[async_trait]
impl Notifier for Frail {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        assert!(self.tries.fetch_add(1, Ordering::Relaxed) > 0, "a fault of its own");
        self.letters.deliver(message).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notifier_that_panics_loses_no_letter_and_stops_no_loop() {
    let base = Base::sqlite();
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let frail = Arc::new(Frail::default());
    let site = SiteConfig { folder: base.folder.path().join("site"), url: None };
    let runtime = Runtime::start(Parts {
        store: base.store().await,
        clock: clock.clone(),
        integrations: Integrations::new(
            frail.clone(),
            Arc::new(Site::new(site).unwrap()),
            vekha_tests::base::listeners(),
        ),
        public_url: "http://localhost".into(),
    })
    .await
    .unwrap();
    runtime.apply(small::files(), "test").await.unwrap();
    let running = tokio::spawn(runtime.clone().run());
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(survey_run("a"), open, "test")).await.unwrap();
    let arrived = async {
        while frail.letters.letters().is_empty() {
            // Its claim ends, as time goes on.
            clock.set(clock.now() + jiff::SignedDuration::try_from(LEASE).unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), arrived).await.expect("the letter goes");
    assert_eq!(frail.letters.letters().len(), 1);
    runtime.end();
    running.await.unwrap().unwrap();
}
