//! Source of records that another system gives out by HTTP, as JSON or CSV: a regional register, a
//! school's information system. By the same guard other systems are told something ([`Poster`]).
//!
//! The way of a request: `template` (its address) -> `client` (attempts, redirects, size) through
//! `guard` (where it may go, by `address`) -> `records` (what the answer says). `memory` keeps the
//! last answers, for the other system to say that nothing has changed.
//!
//! The plugin trusts neither the other system nor the names that lead to it: addresses outside the
//! public internet are refused when a connection is made, unless the configuration allows them,
//! and an answer is counted as it comes in. A field whose value is an array of objects is passed on
//! as a table; whether it is one, the check of answers says.
//!
//! It writes nothing anywhere and asks only when it is asked.

mod address;
mod client;
mod config;
mod describe;
mod guard;
mod memory;
mod pause;
mod post;
mod records;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use vekha_plugin::{
    Description, FetchRequest, Fetched, Health, Plugin, Problem, Record, Source, SourceError,
};

use client::{Answer, Client, Manners};
pub use config::{Auth, AuthKind, Format, HttpConfig};
use config::{Checked, Shape};
pub use describe::describe;
use guard::{Guard, LookUp};
use memory::{Known, Memory};
pub use post::{Posted, Poster};
/// An address, as a [`Poster`] takes it.
pub use reqwest::Url;
use template::Template;

/// The source.
pub struct Http {
    config: HttpConfig,
    guard: Guard,
    client: Client,
    template: Template,
    health_url: Option<Url>,
    shape: Arc<Shape>,
    memory: Memory,
}

impl Http {
    /// A source with this configuration. Reads the files that it names; opens no connection yet.
    ///
    /// # Errors
    ///
    /// Every mistake of the configuration at once.
    pub fn new(config: HttpConfig) -> Result<Self, Vec<Problem>> {
        let guard = Guard::of(config.allow_private);
        Http::guarded(config, guard, guard::system)
    }

    fn guarded(config: HttpConfig, guard: Guard, look_up: LookUp) -> Result<Self, Vec<Problem>> {
        let Checked {
            template,
            shape,
            credentials,
            certificates,
            health_url,
            timeout,
            attempts,
            backoff,
            max_size,
        } = config.check(guard)?;
        let manners = Manners {
            origin: template.origin().clone(),
            credentials,
            accept: HeaderValue::from_static(match shape.format {
                Format::Json => "application/json",
                Format::Csv => "text/csv, text/plain;q=0.9, */*;q=0.1",
            }),
            timeout,
            attempts,
            backoff,
            max_size,
        };
        let client = Client::new(guard, look_up, certificates, manners)
            .map_err(|why| vec![Problem::new("ca-file", why)])?;
        let shape = Arc::new(shape);
        Ok(Http { config, guard, client, template, health_url, shape, memory: Memory::default() })
    }

    /// Reads records from a body, where it may take its time.
    async fn records(
        &self,
        request: &FetchRequest,
        body: Vec<u8>,
    ) -> Result<Vec<Record>, SourceError> {
        let (shape, asked) = (Arc::clone(&self.shape), request.clone());
        let read = move || records::read(&shape, &asked, &body);
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| SourceError::Failed(format!("ответ не разобран: {error}")))?
            .map_err(|why| SourceError::Refused(format!("ответ сервера не подходит: {why}")))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("config", &self.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Plugin for Http {
    fn describe(&self) -> Description {
        describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        // The files with secrets and certificates may have gone since the start.
        self.config.check(self.guard).map(|_| ())
    }

    async fn health(&self) -> Health {
        let url = self.health_url.as_ref().unwrap_or_else(|| self.template.origin());
        let status = match self.client.probe(url).await {
            Ok(status) => status,
            Err(why) => return Health::unhealthy(why),
        };
        // A site may well have nothing at its root, or not know the method HEAD.
        let well = match self.health_url {
            None => !status.is_server_error(),
            Some(_) => status.is_success() || status == StatusCode::METHOD_NOT_ALLOWED,
        };
        if well {
            Health::Healthy
        } else {
            let url = client::shown(url);
            Health::unhealthy(format!("{url}: сервер ответил кодом {}", status.as_u16()))
        }
    }
}

#[async_trait]
impl Source for Http {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError> {
        let url = self.template.fill(request).map_err(SourceError::Refused)?;
        let known = self.memory.recall(request);
        match (self.client.get(&url, known.as_ref().map(|known| &known.version)).await?, known) {
            (Answer::Data(body, version), _) => {
                let records = self.records(request, body).await?;
                if version.is_known() {
                    self.memory.keep(request, Known { version, records: records.clone() });
                }
                Ok(records.into())
            }
            (Answer::Unchanged, Some(known)) => Ok(known.records.into()),
            (Answer::Unchanged, None) => {
                Err(SourceError::Failed("сервер ответил, что данные не изменились".into()))
            }
        }
    }
}

/// For fuzz targets alone: what is private otherwise.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    use vekha_plugin::{FetchRequest, Record};

    use crate::HttpConfig;

    /// The records in the body of an answer.
    ///
    /// # Errors
    /// All that is wrong with it, in one text.
    pub fn read(
        config: &HttpConfig,
        request: &FetchRequest,
        body: &[u8],
    ) -> Result<Vec<Record>, String> {
        crate::records::read(&config.shape_unchecked(), request, body)
    }
}
