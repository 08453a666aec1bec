//! The same work for many things, by as many threads as there are processors. What comes out
//! does not depend on how many there are.

use rayon::iter::{IntoParallelRefMutIterator as _, ParallelIterator as _};

/// What `work` makes of each of the items, in their order. Fewer than `worth_it` are done before
/// another thread has begun.
pub fn map<T, R>(
    items: &mut [T],
    worth_it: usize,
    work: impl Fn(&mut T) -> R + Sync + Send,
) -> Vec<R>
where
    T: Send,
    R: Send,
{
    match items.len() < worth_it {
        true => items.iter_mut().map(work).collect(),
        false => items.par_iter_mut().map(work).collect(),
    }
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
