//! A notifier that keeps what it is handed, for tests and benchmarks that need no mail server.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use vekha_plugin::{
    Capability, DeliveryError, Description, Health, Message, Notifier, Plugin, Problem, Receipt,
};

/// Keeps letters in the order of their arrival.
#[derive(Debug, Default)]
pub struct Letterbox(Mutex<Vec<Message>>);

impl Letterbox {
    /// What has arrived so far.
    pub fn letters(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        Ok(Receipt::default())
    }
}
