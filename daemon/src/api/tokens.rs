//! The tokens of systems.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, token_service_server::TokenService};

use super::access::{asker, grants, overlap, refused, roles};
use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::{Api, convert, status};
use crate::access::methods;
use crate::runtime::acts::access::Made;
use crate::runtime::acts::access::tokens::{NewToken, token_etag};
use crate::store::entities::token;
use crate::store::read::access::Holder;

impl Api {
    fn describe_token(&self, token: &Holder<token::Model>) -> v1::Token {
        let row = &token.row;
        let now = crate::store::micros(self.runtime.clock().of_people());
        v1::Token {
            name: format!("tokens/{}", row.id),
            display_name: row.name.clone(),
            roles: grants(&token.roles),
            expires_at: row.expires_at.map(convert::micros),
            created_by: row.created_by.clone(),
            created_at: Some(convert::micros(row.created_at)),
            used_at: (row.used_at > 0).then(|| convert::micros(row.used_at)),
            overlap_until: (row.before_until > now).then(|| convert::micros(row.before_until)),
            secret: String::new(),
            etag: token_etag(token),
            services: methods::listed(&row.services),
        }
    }

    fn described_token(&self, made: &Made<token::Model>) -> v1::Token {
        let secret = made.secret.clone().unwrap_or_default();
        v1::Token { secret, ..self.describe_token(&made.of) }
    }

    /// A token of which the caller may know.
    async fn known_token<M>(
        &self,
        asked: &Asked<M>,
        name: &str,
    ) -> Result<Holder<token::Model>, Status> {
        let id = name.strip_prefix("tokens/").filter(|id| !id.is_empty() && !id.contains('/'));
        let id = id
            .ok_or_else(|| status::invalid("name", format!("«{name}»: нужно имя вида tokens/t")))?;
        let token = self.runtime.store().token(id).await.map_err(status::unavailable)?;
        let token = token.filter(|token| asked.by.roles.administer(&token.roles));
        token.ok_or_else(|| status::not_found(name))
    }
}

#[tonic::async_trait]
impl TokenService for Api {
    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let paging = paging!(r)?;
        let tokens = self.runtime.store().tokens().await.map_err(status::unavailable)?;
        let own = tokens.iter().filter(|token| by.roles.administer(&token.roles));
        let all = own.map(|token| self.describe_token(token)).collect();
        let (tokens, next_page_token) = paging.slice(all, |token: &v1::Token| token.name.clone());
        Ok(Response::new(v1::ListTokensResponse { tokens, next_page_token }))
    }

    async fn get_token(
        &self,
        request: Request<v1::GetTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let asked = Asked::of(request);
        Ok(Response::new(self.describe_token(&self.known_token(&asked, &asked.name).await?)))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let said = asked.token.clone().unwrap_or_default();
        let until = match said.expires_at {
            None => None,
            Some(at) => match convert::instant(at) {
                Some(at) => Some(at),
                None => return Err(status::invalid("token.expires_at", "такого времени нет")),
            },
        };
        let roles = roles("token.roles", &said.roles);
        let asker = asker(&asked, &mutation);
        let v1::Token { display_name, services, .. } = &said;
        let wanted = NewToken { name: display_name, roles, services, until };
        let made = self.runtime.add_token(&asker, wanted).await;
        Ok(Response::new(self.described_token(&made.map_err(|e| refused(e, "token"))?)))
    }

    async fn rotate_token(
        &self,
        request: Request<v1::RotateTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let overlap = overlap(asked.overlap_hours)?;
        let token = self.known_token(&asked, &asked.name).await?;
        let made = self.runtime.rotate_token(&asker(&asked, &mutation), token, overlap).await;
        Ok(Response::new(self.described_token(&made.map_err(|e| refused(e, "name"))?)))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        // Repeated, it is not there any more, and its name is all that is left to tell.
        if self.before(&mutation).await?.is_some() {
            return Ok(Response::new(v1::Token { name: asked.name.clone(), ..Default::default() }));
        }
        let token = self.known_token(&asked, &asked.name).await?;
        let revoked = self.runtime.revoke_token(&asker(&asked, &mutation), &token).await;
        revoked.map_err(|e| refused(e, "name"))?;
        Ok(Response::new(self.describe_token(&token)))
    }
}
