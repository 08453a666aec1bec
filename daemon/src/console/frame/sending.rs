//! Doing what was sent from a page, by whoever sent it: a second press of the same button is the same
//! request, and somebody who went back and sent something else is heard, too.

use serde::Serialize;

use crate::runtime::committer::{Answered, Caller};
use crate::runtime::request::Request;
use crate::runtime::{AskError, Runtime};

/// How often something else may be sent from one page by going back to it.
const MOST_AGAIN: usize = 100;

/// What was sent, and by what it is known.
#[derive(Debug)]
pub struct Sent<'a, S> {
    /// What it was sent about: pages about other things have requests of their own.
    pub about: &'a str,
    /// The page's mark.
    pub once: &'a str,
    /// What was said there.
    pub said: S,
}

/// A page's mark, if we made it.
pub fn known(once: &str) -> &str {
    if uuid::Uuid::parse_str(once).is_ok() { once } else { "" }
}

impl<S: Serialize> Sent<'_, S> {
    fn request(&self, again: usize) -> Option<Request> {
        // Only what we made ourselves names a request.
        let once = uuid::Uuid::parse_str(self.once).ok()?;
        let about = match again {
            0 | 1 => self.about.to_owned(),
            again => format!("{}/{again}", self.about),
        };
        Some(Request::of_document(format!("{about}/{once}"), "page", &self.said))
    }

    /// Has it done. Sent from the same page after something else was, it comes upon what that made.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act<F>(
        &self,
        runtime: &Runtime,
        mut by: Caller,
        act: impl Fn(Caller) -> F,
    ) -> Result<Answered, AskError>
    where
        F: Future<Output = Result<Answered, AskError>>,
    {
        by.request = self.request(1);
        let mut done = act(by.clone()).await;
        for again in 2..=MOST_AGAIN {
            let Some(before) = by.request.take_if(|_| matches!(done, Err(AskError::RequestReused)))
            else {
                break;
            };
            let before = runtime.store().request(&before.id).await?;
            if let (Some(seen), Some(before)) = (&mut by.seen, before) {
                seen.etag = before.made;
            }
            by.request = self.request(again);
            done = act(by.clone()).await;
        }
        done
    }
}
