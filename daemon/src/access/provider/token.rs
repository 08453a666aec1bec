//! From an answer's code to who it is: the token that the provider gives for it, held against all that
//! could be wrong with it, and what the provider says beside it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims, IdTokenFields,
    IdTokenVerifier, Nonce, OAuth2TokenResponse as _, PkceCodeVerifier, RequestTokenError,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    UserInfoClaims,
};
use serde_json::Value;
use vekha_engine::entry::NotLetIn;

use super::claims::{Rest, together};
use super::documents::{Metadata, told};
use super::flow::Flow;
use super::{Account, HINT, Provider, Unknown};

/// With which algorithms a token may be signed: those of which the provider alone has the key.
const SIGNED: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// By how much the provider's clock may go before ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

type Token =
    IdToken<Rest, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type Claims = IdTokenClaims<Rest, CoreGenderClaim>;

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Rest,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// Who asks the provider, as far as it is known where.
pub(super) type Client = openidconnect::Client<
    Rest,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Who asks the provider, by what it says of itself.
pub(super) fn client(provider: &Provider, metadata: &Arc<Metadata>) -> Client {
    let (id, secret) = (provider.client_id.clone(), provider.client_secret.clone());
    let client = Client::from_provider_metadata(metadata.as_ref().clone(), id, secret);
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes = |method: &CoreClientAuthMethod| methods.is_some_and(|all| all.contains(method));
    // Where nothing is said, the header is meant.
    let in_body = takes(&CoreClientAuthMethod::ClientSecretPost)
        && !takes(&CoreClientAuthMethod::ClientSecretBasic);
    let way = if in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
    client.set_auth_type(way).set_redirect_uri(provider.callback.clone())
}

fn untrusted(why: String) -> Unknown {
    Unknown::Refused(NotLetIn::Untrusted, why)
}

/// Who it is that came back with a code, at this time of the world.
pub(super) async fn account(
    provider: &Provider,
    metadata: Arc<Metadata>,
    flow: Flow,
    code: String,
    now: Timestamp,
) -> Result<Account, Unknown> {
    let own = client(provider, &metadata);
    let request = own
        .exchange_code(AuthorizationCode::new(code))
        .map_err(|e| Unknown::Away(told(&e)))?
        .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier));
    let tokens = request.request_async(&provider.http).await.map_err(|e| match &e {
        RequestTokenError::Request(_) => Unknown::Away(told(&e)),
        // A code that was used, or is somebody else's; or we are not known there.
        RequestTokenError::ServerResponse(said) => untrusted(format!("no token: {}", said.error())),
        // What exactly was in the answer is not for the log: it may be a token.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => untrusted(e.to_string()),
    })?;
    let token = tokens.id_token().ok_or_else(|| untrusted("no token comes".to_owned()))?;
    let nonce = Nonce::new(flow.nonce);
    // Keys change, some without another name: they are asked for once more.
    let (client, claims) = match verified(&own, token, &nonce, now) {
        Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
        )) => {
            let newer = provider.documents.with_newest_keys(&metadata).await;
            let newer = client(provider, &newer.map_err(Unknown::Away)?);
            let claims = verified(&newer, token, &nonce, now);
            (newer, claims)
        }
        claims => (own.clone(), claims),
    };
    let claims = claims.map_err(|e| untrusted(told(&e)))?;
    let for_us = claims.authorized_party().is_none_or(|party| **party == *provider.client_id);
    if !for_us {
        return Err(untrusted("the token was given to another".to_owned()));
    }
    if let Some(hash) = claims.access_token_hash() {
        let verifier = verifier(&client, now);
        let belongs = || {
            let algorithm = token.signing_alg().ok()?;
            let key = token.signing_key(&verifier).ok()?;
            AccessTokenHash::from_token(tokens.access_token(), algorithm, key).ok()
        };
        if belongs().as_ref() != Some(hash) {
            return Err(untrusted("the tokens do not belong together".to_owned()));
        }
    }
    let mut all = serde_json::to_value(&claims).unwrap_or(Value::Null);
    if !provider.mapping.is_whole(&all) && client.user_info_url().is_some() {
        let subject = Some(claims.subject().clone());
        let request = client
            .user_info(tokens.access_token().clone(), subject)
            .map_err(|e| Unknown::Away(told(&e)))?;
        // What is not known is not nothing: nobody loses a role because the provider did not answer.
        let more: UserInfoClaims<Rest, CoreGenderClaim> = request
            .request_async(&provider.http)
            .await
            .map_err(|e: openidconnect::UserInfoError<_>| match e {
                openidconnect::UserInfoError::ClaimsVerification(e) => untrusted(told(&e)),
                e => Unknown::Away(told(&e)),
            })?;
        all = together(all, serde_json::to_value(&more).unwrap_or(Value::Null));
    }
    let said = provider.mapping.read(&all);
    Ok(Account {
        issuer: provider.issuer.to_string(),
        subject: claims.subject().to_string(),
        name: said.name,
        email: said.email,
        is_verified: said.is_verified,
        roles: said.roles,
        hint: provider.seal.seal(HINT, &token.to_string()),
    })
}

fn verifier(client: &Client, now: Timestamp) -> IdTokenVerifier<'_, CoreJsonWebKey> {
    let now = chrono::DateTime::from_timestamp(now.as_second(), 0).unwrap_or_default();
    let latest = now + chrono::TimeDelta::seconds(AHEAD.as_secs());
    client
        .id_token_verifier()
        .set_allowed_algs(SIGNED)
        .set_time_fn(move || now)
        .set_issue_time_verifier_fn(move |at| match at <= latest {
            true => Ok(()),
            false => Err("it is issued in the future".to_owned()),
        })
}

fn verified(
    client: &Client,
    token: &Token,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<Claims, ClaimsVerificationError> {
    token.claims(&verifier(client, now), nonce).cloned()
}
