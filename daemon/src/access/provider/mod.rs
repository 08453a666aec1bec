//! The organisation's provider: OpenID Connect, the authorisation code flow with PKCE.
//!
//! A browser is sent there ([`Provider::begin`]) and comes back with an answer ([`Provider::finish`]),
//! for which the provider gives a token that says who it is. Whatever of state, nonce, issuer, audience,
//! signature and time does not fit is refused. What follows from who somebody is — which person, which
//! roles — is decided in `runtime/acts/access/provider.rs`.
//!
//! Nothing is asked of the provider before somebody wants to sign in: it may be away when the daemon
//! starts.

mod claims;
mod documents;
mod flow;
mod http;
pub mod settings;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::http::HeaderMap;
use jiff::Timestamp;
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow};
use openidconnect::url::Url;
use openidconnect::{
    ClientId, ClientSecret, CsrfToken, IssuerUrl, LogoutRequest, Nonce, PkceCodeChallenge,
    PostLogoutRedirectUrl, RedirectUrl, Scope,
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use vekha_engine::entry::NotLetIn;
use vekha_plugin::Problem;

use self::claims::Mapping;
use self::documents::{Documents, Metadata};
use self::flow::Flow;
use self::http::Http;
use self::settings::OidcSettings;
use super::sealed::{self, Seal};
use crate::clock::Clock;
use crate::secret::Secret;

pub use self::settings::SignIn;

/// Where the provider sends browsers back, below the daemon's own address.
pub const CALLBACK: &str = "/sign-in/oidc/callback";

/// Where it sends those who have signed out there.
pub const SIGNED_OUT: &str = "/sign-in/oidc/out";

/// How long it may take to follow up an answer: several requests, each of which may take half of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers that are followed up at a time.
const PLACES: usize = 8;

/// Refusals of nobody in particular that the journal tells of in a minute: anybody can be refused.
const TOLD_IN_A_MINUTE: u32 = 40;

/// The longest token that is sent along when somebody signs out: it stands in an address.
const LONGEST_HINT: usize = 6000;

/// Under what a token is sealed that is kept for signing out.
const HINT: &str = "hint";

/// An organisation's provider.
#[derive(Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    name: String,
    scopes: Vec<Scope>,
    mapping: Mapping,
    callback: RedirectUrl,
    signed_out: PostLogoutRedirectUrl,
    is_secure: bool,
    seal: Seal,
    http: Http,
    documents: Documents,
    places: Semaphore,
    /// Since when refusals are counted, and how many there were.
    told: Mutex<(Instant, u32)>,
}

/// A sign-in that begins.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser is sent.
    pub url: String,
    /// What it is to keep meanwhile: a cookie.
    pub cookie: String,
}

/// What a browser brings back.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Somebody of whom the provider has said who it is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The provider's address.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// What they are called there; may be empty.
    pub name: String,
    /// Their address; may be empty.
    pub email: String,
    /// Whether the provider vouches for the address.
    pub is_verified: bool,
    /// What they may do by what is said of them.
    pub roles: crate::access::Roles,
    /// By what the provider ends its own session, sealed.
    pub hint: String,
}

/// Somebody came back.
#[derive(Debug)]
pub struct Finished {
    /// Who, or why that is not known.
    pub account: Result<Account, Unknown>,
    /// Where they wanted to go; empty if that is not known.
    pub to: String,
}

/// Why it is not known who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// They are not let in; what exactly was wrong is for the log.
    Refused(NotLetIn, String),
    /// The provider does not answer, or says nothing that can be used: nobody's fault who signs in.
    Away(String),
}

impl Provider {
    /// The provider of these settings, for a daemon that people reach at this address.
    ///
    /// # Errors
    /// All that is wrong with the settings.
    pub fn new(
        settings: &OidcSettings,
        public_url: &str,
        secret: &Secret,
    ) -> Result<Self, Vec<Problem>> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| {
            wrong.push(Problem::new(format!("sign-in.oidc.{key}"), message));
        };
        let issuer = IssuerUrl::new(settings.issuer.clone());
        let issuer = issuer.map_err(|e| say("issuer", e.to_string())).ok();
        let own = |path: &str| format!("{public_url}{path}");
        let callback = RedirectUrl::new(own(CALLBACK)).map_err(|e| say("issuer", e.to_string()));
        let signed_out = PostLogoutRedirectUrl::new(own(SIGNED_OUT));
        let signed_out = signed_out.map_err(|e| say("issuer", e.to_string()));
        let certificates = settings.certificates().map_err(|e| wrong.push(e)).unwrap_or_default();
        let client_secret = settings.secret().map_err(|e| wrong.push(e)).unwrap_or_default();
        let plain = settings.issuer.starts_with("http://");
        let http = Http::new(certificates, plain)
            .map_err(|e| wrong.push(Problem::new("sign-in.oidc.ca-file", e)));
        let (Some(issuer), Ok(callback), Ok(signed_out), Ok(http)) =
            (issuer, callback, signed_out, http)
        else {
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Provider {
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: client_secret.map(ClientSecret::new),
            name: settings.shown_name(),
            scopes: settings.scopes.iter().cloned().map(Scope::new).collect(),
            mapping: Mapping {
                claim: settings.roles_claim.clone(),
                roles: settings.mapping(),
                trusts_email: settings.trust_email,
            },
            callback,
            signed_out,
            is_secure: public_url.starts_with("https://"),
            seal: Seal::of(secret),
            documents: Documents::new(issuer.clone(), http.clone()),
            http,
            issuer,
            places: Semaphore::new(PLACES),
            told: Mutex::new((Instant::now(), 0)),
        })
    }

    /// Its address.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The municipalities in which it gives roles.
    pub fn municipalities(&self) -> impl Iterator<Item = &str> {
        let roles = self.mapping.roles.values();
        roles.flat_map(|roles| roles.iter().map(|(municipality, _)| municipality))
    }

    /// Sends a browser to the provider. `to` is where it wants to go then; who wants to be somebody
    /// `else` there is asked for a password again.
    ///
    /// # Errors
    /// The provider is away.
    pub async fn begin(&self, to: &str, other: bool, now: Timestamp) -> Result<Begun, String> {
        let metadata = self.documents.get().await?;
        let client = self.client(&metadata);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(challenge);
        if other {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        let (url, state, nonce) = request.url();
        let flow = Flow {
            issuer: self.issuer.to_string(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            to: Flow::place(to).to_owned(),
            at: now.as_second(),
        };
        let name = flow::cookie_name(self.is_secure);
        let sealed = self.seal.seal(name, &serde_json::to_string(&flow).unwrap_or_default());
        Ok(Begun { url: url.into(), cookie: flow::cookie(&sealed, self.is_secure) })
    }

    /// The cookie that forgets a sign-in: whoever came back does not come back twice.
    pub fn over(&self) -> String {
        flow::cookie("", self.is_secure)
    }

    /// Who it is that came back with an answer.
    pub async fn finish(&self, headers: &HeaderMap, answer: Answer, clock: &Clock) -> Finished {
        let Some(flow) = self.flow(headers, &answer, clock.of_people()) else {
            let why = "the browser keeps no sign-in to which the answer belongs".to_owned();
            let account = Err(Unknown::Refused(NotLetIn::NotBegun, why));
            return Finished { account, to: String::new() };
        };
        let to = flow.to.clone();
        Finished { account: self.account(flow, answer, clock).await, to }
    }

    /// The sign-in to which an answer belongs.
    fn flow(&self, headers: &HeaderMap, answer: &Answer, now: Timestamp) -> Option<Flow> {
        let name = flow::cookie_name(self.is_secure);
        let sealed = sealed::brought(headers, name)?;
        let flow: Flow = serde_json::from_str(&self.seal.open(name, &sealed)?).ok()?;
        let state = answer.state.as_deref()?;
        let is_ours = flow.issuer == self.issuer.as_str()
            && bool::from(flow.state.as_bytes().ct_eq(state.as_bytes()));
        (is_ours && flow.goes_on(now)).then_some(flow)
    }

    async fn account(&self, flow: Flow, answer: Answer, clock: &Clock) -> Result<Account, Unknown> {
        let untrusted = |why: &str| Unknown::Refused(NotLetIn::Untrusted, why.to_owned());
        if answer.iss.as_deref().is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(untrusted("the answer says that it is another provider's"));
        }
        if let Some(error) = answer.error {
            let plain = |c: &char| c.is_ascii_lowercase() || *c == '_';
            let error: String = error.chars().filter(plain).take(40).collect();
            return Err(Unknown::Refused(NotLetIn::Declined, error));
        }
        let code = answer.code.filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| untrusted("the answer brings no code"))?;
        let metadata = self.documents.get().await.map_err(Unknown::Away)?;
        let says_issuer =
            metadata.additional_metadata().authorization_response_iss_parameter_supported;
        if says_issuer && answer.iss.is_none() {
            return Err(untrusted("the answer does not say whose it is"));
        }
        // It is never closed.
        let place = self.places.acquire().await.ok();
        let known = token::account(self, metadata, flow, code, clock.of_world());
        let known = tokio::time::timeout(PATIENCE, known).await;
        drop(place);
        known.unwrap_or_else(|_| Err(Unknown::Away("it takes too long to answer".to_owned())))
    }

    /// Where a browser is sent to sign out at the provider, too; none if that cannot be done.
    pub async fn farewell(&self, hint: &str) -> Option<String> {
        let metadata = self.documents.get().await.ok()?;
        let end = metadata.additional_metadata().end_session_endpoint.clone()?;
        let request = LogoutRequest::from(end)
            .set_client_id(self.client_id.clone())
            .set_post_logout_redirect_uri(self.signed_out.clone());
        let mut url: Url = request.http_get_url();
        if let Some(token) = self.seal.open(HINT, hint).filter(|t| t.len() <= LONGEST_HINT) {
            url.query_pairs_mut().append_pair("id_token_hint", &token);
        }
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    /// Whether the journal is to tell of one more refusal of nobody in particular.
    pub fn is_to_be_told(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0.elapsed() >= Duration::from_secs(60) {
            *told = (Instant::now(), 0);
        }
        told.1 += 1;
        told.1 <= TOLD_IN_A_MINUTE
    }

    fn client(&self, metadata: &Arc<Metadata>) -> token::Client {
        token::client(self, metadata)
    }
}
