//! The same work for many things, by as many threads as there are processors. What comes out
//! does not depend on how many there are.

use std::num::NonZero;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Parts for each thread: one that is held up leaves the rest of its own to the others.
const PARTS: usize = 16;

/// What `work` makes of each of the items, in their order. Fewer than `worth_it` are done before a
/// thread has begun.
pub fn map<T, R>(items: &mut [T], worth_it: usize, work: impl Fn(&mut T) -> R + Sync) -> Vec<R>
where
    T: Send,
    R: Send,
{
    let threads = processors();
    if items.len() < worth_it || threads < 2 {
        return items.iter_mut().map(work).collect();
    }
    let share = items.len().div_ceil(threads * PARTS).max(1);
    let parts = Mutex::new(items.chunks_mut(share).enumerate());
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let take_part = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        while let Some((place, part)) = next() {
            done.push((place, part.iter_mut().map(&work).collect()));
        }
        done
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_part)).collect();
        let mut done = take_part();
        for other in others {
            // What went wrong in a thread goes wrong here.
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done.sort_unstable_by_key(|(place, _)| *place);
        done.into_iter().flat_map(|(_, part)| part).collect()
    })
}

/// How many processors there are; to ask the system takes longer than a small analysis does.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_do_comes_in_the_order_of_the_items() {
        const WORTH_IT: usize = 128;
        for count in [0, 1, WORTH_IT - 1, WORTH_IT, 1001] {
            let mut items: Vec<usize> = (0..count).collect();
            let doubled = map(&mut items, WORTH_IT, |item| {
                *item += 1;
                *item * 2
            });
            assert_eq!(doubled, (1..=count).map(|n| n * 2).collect::<Vec<_>>());
            assert_eq!(items, (1..=count).collect::<Vec<_>>());
        }
    }
}
