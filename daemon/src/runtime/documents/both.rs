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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vekha_plugin_site::{Site, SiteConfig};

    use super::*;

    fn site(folder: &Path, url: &str) -> Arc<dyn Publisher> {
        let config = SiteConfig { folder: folder.to_owned(), url: Some(url.to_owned()) };
        Arc::new(Site::new(config).expect("a site"))
    }

    #[tokio::test]
    async fn a_report_is_in_both_places_or_its_publication_has_failed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, then) = (folder.path().join("first"), folder.path().join("then"));
        let both = Both {
            first: site(&first, "https://first.example.org"),
            then: site(&then, "https://then.example.org"),
        };
        let document = |path: &str| Document {
            path: path.to_owned(),
            content_type: "text/html".to_owned(),
            bytes: vec![1],
        };
        let published = both.publish(&document("a.html")).await.expect("to be published");
        assert_eq!(published.location, "https://then.example.org/a.html");
        assert!(first.join("a.html").exists() && then.join("a.html").exists());

        std::fs::create_dir(then.join("b.html")).expect("a folder in its place");
        let refused = both.publish(&document("b.html")).await;
        assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
    }
}
