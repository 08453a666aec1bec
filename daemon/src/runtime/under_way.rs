//! Work that is under way at the same time, and what has come of it.

use std::pin::pin;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};

/// Work under way, and results that nobody has taken yet.
pub(crate) struct UnderWay<F, T> {
    works: FuturesUnordered<F>,
    ended: Vec<T>,
}

impl<F, T> Default for UnderWay<F, T> {
    fn default() -> Self {
        UnderWay { works: FuturesUnordered::new(), ended: Vec::new() }
    }
}

impl<T, F: Future<Output = Vec<T>>> UnderWay<F, T> {
    pub fn begin(&self, work: F) {
        self.works.push(work);
    }

    /// How many are under way or not settled yet.
    pub fn places(&self) -> usize {
        self.works.len() + usize::from(!self.ended.is_empty())
    }

    pub fn is_empty(&self) -> bool {
        self.places() == 0
    }

    /// Does something else without letting the work stand still: each may hold a connection to the
    /// database for which that would wait.
    pub async fn beside<R>(&mut self, work: impl Future<Output = R>) -> R {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(more) = self.works.next() => self.ended.extend(more),
            }
        }
    }

    /// Waits until some have come to their end: what does so at the same time is settled together.
    /// It may be asked again and again.
    pub async fn ended(&mut self) -> Vec<T> {
        if self.ended.is_empty()
            && let Some(first) = self.works.next().await
        {
            self.ended.extend(first);
        }
        while let Some(Some(more)) = self.works.next().now_or_never() {
            self.ended.extend(more);
        }
        std::mem::take(&mut self.ended)
    }
}
