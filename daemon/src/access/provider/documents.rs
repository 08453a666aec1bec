//! What the provider says of itself: where it is asked what, and the keys with which it signs. Asked for
//! when it is needed, by one at a time, and kept for a while; a key that is not known is asked for once
//! more.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, EndSessionUrl, IssuerUrl, JsonWebKeySet, ProviderMetadata,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::http::Http;

/// How long what was said is taken as it is.
const FRESH: Duration = Duration::from_secs(3600);

/// How long nobody asks again after it was in vain, or after keys were asked for.
const PAUSE: Duration = Duration::from_secs(10);

/// What is wanted beside the usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct More {
    /// Where a browser is sent to end the session there.
    pub end_session_endpoint: Option<EndSessionUrl>,
    /// Whether every answer says whose it is.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

/// What a provider says of itself, with its keys.
pub(super) type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What is kept of it.
#[derive(Debug)]
pub(super) struct Documents {
    issuer: IssuerUrl,
    http: Http,
    /// Whoever asks holds it until the answer is there; the others wait for that answer.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    known: Option<(Arc<Metadata>, Instant)>,
    /// When it was last asked in vain, and why.
    failed: Option<(String, Instant)>,
    /// When its keys were last asked for once more.
    keys_at: Option<Instant>,
}

impl Documents {
    /// Of a provider that nobody has asked yet.
    pub fn new(issuer: IssuerUrl, http: Http) -> Self {
        Documents { issuer, http, kept: Mutex::default() }
    }

    /// What the provider says of itself.
    ///
    /// # Errors
    /// Why that is not known: it does not answer, or says nothing that can be used.
    pub async fn get(&self) -> Result<Arc<Metadata>, String> {
        let mut kept = self.kept.lock().await;
        if let Some((known, at)) = &kept.known
            && at.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let lately = kept.failed.as_ref().filter(|(_, at)| at.elapsed() < PAUSE);
        let failed = match lately {
            Some((why, _)) => why.clone(),
            None => match Metadata::discover_async(self.issuer.clone(), &self.http).await {
                Ok(found) => {
                    let found = Arc::new(found);
                    kept.known = Some((found.clone(), Instant::now()));
                    kept.failed = None;
                    return Ok(found);
                }
                Err(e) => {
                    let why = told(&e);
                    tracing::warn!("what {} says of itself is not known: {why}", *self.issuer);
                    kept.failed = Some((why.clone(), Instant::now()));
                    why
                }
            },
        };
        // What was known an hour ago is most probably still true.
        kept.known.as_ref().map(|(known, _)| known.clone()).ok_or(failed)
    }

    /// The same with its keys as they are now: something is signed with one that is not among them. Who
    /// has just been told gets what was told.
    ///
    /// # Errors
    /// The provider does not answer.
    pub async fn with_newest_keys(&self, seen: &Arc<Metadata>) -> Result<Arc<Metadata>, String> {
        let mut kept = self.kept.lock().await;
        if let Some((known, _)) = &kept.known
            && (!Arc::ptr_eq(known, seen) || kept.keys_at.is_some_and(|at| at.elapsed() < PAUSE))
        {
            return Ok(known.clone());
        }
        kept.keys_at = Some(Instant::now());
        let keys = JsonWebKeySet::fetch_async(seen.jwks_uri(), &self.http).await;
        let keys = keys.map_err(|e| told(&e))?;
        let newer = Arc::new(seen.as_ref().clone().set_jwks(keys));
        let at = kept.known.as_ref().map_or_else(Instant::now, |(_, at)| *at);
        kept.known = Some((newer.clone(), at));
        Ok(newer)
    }
}

/// An error with what caused it, for the log.
pub(super) fn told(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        words = format!("{words}: {error}");
        below = error.source();
    }
    words
}
