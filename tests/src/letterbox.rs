//! A notifier that keeps what it is handed, for tests and benchmarks that need no mail server, and says
//! that it came back when it is told to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use vekha_plugin::{
    Capability, DeliveryError, Description, Health, Message, Notifier, Plugin, Problem, Receipt,
    Report, Returned, Settled,
};

/// Keeps letters in the order of their arrival.
#[derive(Debug, Default)]
pub struct Letterbox {
    letters: Mutex<Vec<Message>>,
    reports: Mutex<Vec<Report>>,
    settled: Mutex<Settled>,
}

impl Letterbox {
    /// What has arrived so far.
    pub fn letters(&self) -> Vec<Message> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has these reports come back the next time that anybody asks.
    pub fn send_back(&self, reports: Vec<Report>) {
        *self.reports.lock().unwrap_or_else(PoisonError::into_inner) = reports;
    }

    /// What was made of reports so far.
    pub fn settled(&self) -> Settled {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Plugin for Letterbox {
    fn describe(&self) -> Description {
        Description {
            name: "letterbox".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Складывает письма в память.".into(),
            capabilities: vec![Capability::Notifier],
            settings: vec![],
        }
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }
}

#[async_trait]
impl Notifier for Letterbox {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        Ok(Receipt::default())
    }

    async fn returned(&self) -> Result<Returned, String> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Returned { reports, more: false, again: Some(Duration::from_secs(60)) })
    }

    async fn settle_returned(&self, settled: &Settled) -> Result<(), String> {
        let mut known = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        known.taken.extend(settled.taken.iter().cloned());
        known.left.extend(settled.left.iter().cloned());
        Ok(())
    }
}
