//! The same work for many things, by as many threads as there are processors. What comes out
//! does not depend on how many there are.

use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;

/// What `work` makes of each of the items, in their order. Fewer than `worth_it` are done before a
/// thread has begun.
pub fn map<T, R>(items: &mut [T], worth_it: usize, work: impl Fn(&mut T) -> R + Sync) -> Vec<R>
where
    T: Send,
    R: Send,
{
    if items.len() < worth_it || processors() < 2 {
        return items.iter_mut().map(work).collect();
    }
    let threads = processors();
    let share = items.len().div_ceil(threads);
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks_mut(share)
            .map(|part| scope.spawn(move || part.iter_mut().map(work).collect::<Vec<R>>()))
            .collect();
        let mut all = Vec::new();
        for part in parts {
            // What went wrong in a thread goes wrong here.
            all.extend(part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
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
