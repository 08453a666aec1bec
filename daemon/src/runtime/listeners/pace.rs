//! When a listener is tried again, and when an entry is given up.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// The pause after the first failed try; after each one it is three times as long.
const FIRST: Duration = Duration::from_secs(5);

/// The longest pause of our own.
const LONGEST: Duration = Duration::from_secs(3600);

/// The longest pause that another system may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// How often an entry may be refused.
pub(super) const REFUSALS: i32 = 5;

/// How long to wait after so many failed tries in a row. Up to a quarter is left out, for each listener
/// and each try another part, lest all who failed together come back together.
pub(super) fn after(attempts: i32, asked: Option<Duration>, listener: &str) -> Duration {
    let tripled = u32::try_from(attempts.saturating_sub(1).clamp(0, 10)).unwrap_or(0);
    let whole = FIRST.saturating_mul(3_u32.pow(tripled)).min(LONGEST);
    let mut hasher = DefaultHasher::new();
    (listener, attempts).hash(&mut hasher);
    let part = f64::from((hasher.finish() % 1000) as u32) / 1000.0;
    let own = whole.mul_f64(1.0 - 0.25 * part);
    // What was asked for is the least.
    own.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_bounded_differ_and_keep_to_what_was_asked() {
        for (attempts, whole) in [(1, 5), (2, 15), (3, 45), (6, 1215), (7, 3600), (1000, 3600)] {
            let whole = Duration::from_secs(whole);
            let pause = after(attempts, None, "portal");
            assert!(pause <= whole && pause >= whole.mul_f64(0.75), "{attempts}: {pause:?}");
        }
        assert_ne!(after(3, None, "one"), after(3, None, "other"));
        let asked = |seconds| after(1, Some(Duration::from_secs(seconds)), "portal");
        assert_eq!(asked(120), Duration::from_secs(120));
        assert!(asked(1) > Duration::from_secs(1));
        assert_eq!(asked(1 << 40), LONGEST_ASKED);
    }
}
