//! Requests that are no single step of a run: what they made is kept under their ids, so that a
//! repetition is answered with it.

use crate::runtime::committer::Caller;
use crate::runtime::request::Request;
use crate::runtime::{AskError, Runtime};
use crate::store::entities::request;
use crate::store::{StoreError, micros};

impl Caller {
    /// The same for one of the steps that a request consists of.
    #[must_use]
    pub fn of_step(&self, name: &str) -> Self {
        let mut own = self.clone();
        if let Some(request) = &mut own.request {
            request.id = format!("{}/{name}", request.id);
        }
        own
    }
}

impl Runtime {
    /// What a request made before, under its id; none if it is new.
    ///
    /// # Errors
    /// [`AskError::RequestReused`] if the id served another request.
    pub async fn made_before(&self, by: &Caller) -> Result<Option<String>, AskError> {
        self.made_under(by.request.as_ref()).await?.ok_or(AskError::RequestReused)
    }

    /// The same of a request, if there is one; none if its id served another one.
    pub(super) async fn made_under(
        &self,
        request: Option<&Request>,
    ) -> Result<Option<Option<String>>, StoreError> {
        let Some(request) = request else { return Ok(Some(None)) };
        let before = self.store.request(&request.id).await?;
        let is_other = before.as_ref().is_some_and(|before| before.digest != request.digest);
        Ok((!is_other).then(|| before.map(|before| before.made)))
    }

    /// Keeps what a request made, unless it was only tried.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remember(&self, by: &Caller, made: String) -> Result<(), AskError> {
        match by.request.as_ref().filter(|_| !by.validate_only) {
            Some(request) => Ok(self.store.remember_request(self.noted(request, made)).await?),
            None => Ok(()),
        }
    }

    /// A request as the database keeps it.
    pub(crate) fn noted(&self, request: &Request, made: String) -> request::Model {
        let Request { id, digest } = request.clone();
        request::Model { id, digest, at: micros(self.clock.now()), made }
    }
}
