//! How long to wait before the next attempt.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest pause. Whoever asks for more is asked again by the caller, not by us.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// The pause after so many failed attempts: `first`, then twice as long each time. Up to a half is
/// left out at random, lest all who failed together come back together.
pub(crate) fn after(failed: u32, first: Duration) -> Duration {
    let whole = first.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    // The keys of the standard hasher differ for each call.
    let random = RandomState::new().build_hasher().finish();
    whole.mul_f64(1.0 - 0.5 * (random as f64 / u64::MAX as f64))
}

/// How long the other side asks to wait, in seconds or until a moment.
pub(crate) fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(moment.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let first = Duration::from_secs(1);
        for (failed, whole) in [(1, 1), (2, 2), (3, 4), (7, 60), (100, 60)] {
            let whole = Duration::from_secs(whole);
            for _ in 0..20 {
                let pause = after(failed, first);
                assert!(pause >= whole / 2 && pause <= whole, "{failed}: {pause:?}");
            }
        }
    }

    #[test]
    fn what_the_other_side_asks_is_seconds_or_a_moment() {
        let now: Timestamp = "2027-09-15T07:00:00Z".parse().unwrap();
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            asked(&headers, now)
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Wed, 15 Sep 2027 07:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Wed, 15 Sep 2027 06:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(super::asked(&HeaderMap::new(), now), None);
    }
}
