//! Reports in two places: the folder of the site, and wherever a plugin brings them.

use std::sync::Arc;

use async_trait::async_trait;
use vekha_plugin::{
    Description, Document, Health, Plugin, Problem, PublishError, Published, Publisher,
};

/// Publishes in both places; people are told the second. What one of them did not take is published
/// again in both, which replaces what is there.
pub(crate) struct Both {
    pub first: Arc<dyn Publisher>,
    pub then: Arc<dyn Publisher>,
}

#[async_trait]
impl Plugin for Both {
    fn describe(&self) -> Description {
        self.then.describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        self.first.check().await?;
        self.then.check().await
    }

    async fn health(&self) -> Health {
        match self.first.health().await {
            Health::Healthy => self.then.health().await,
            unhealthy => unhealthy,
        }
    }
}

#[async_trait]
impl Publisher for Both {
    async fn publish(&self, document: &Document) -> Result<Published, PublishError> {
        self.first.publish(document).await?;
        self.then.publish(document).await
    }
}
