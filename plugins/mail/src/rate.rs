//! How many letters a minute go to a domain: large mail systems take more for spam. A letter that has to
//! wait is told when its turn is, and those to other domains go on.
//!
//! Turns are kept in memory: each daemon counts its own, and anew from its start.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Stands for every domain that is not named.
pub(crate) const OTHERS: &str = "*";

/// Turns that nobody took are kept for so long: waits are told in whole seconds, so that several letters
/// come back together.
const CREDIT: Duration = Duration::from_secs(1);

/// Domains whose turns are remembered; those that are over are forgotten then.
const MANY: usize = 10_000;

/// How many letters a minute each domain takes.
pub(crate) struct Rate {
    per_minute: BTreeMap<String, u32>,
    turns: Mutex<BTreeMap<String, Turns>>,
}

/// The turns of a domain.
#[derive(Clone, Copy)]
struct Turns {
    /// When the next letter may leave.
    next: Instant,
    /// When the one may that is told next to wait.
    promised: Instant,
}

impl Rate {
    /// By domains in lower case and ASCII, or [`OTHERS`].
    pub(crate) fn new(per_minute: BTreeMap<String, u32>) -> Self {
        Rate { per_minute, turns: Mutex::default() }
    }

    /// Takes a turn for a letter to these domains, or says how long it has to wait, and for which.
    pub(crate) fn turn(&self, domains: &[String], now: Instant) -> Result<(), (Duration, String)> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() > MANY {
            turns.retain(|_, turn| turn.next.max(turn.promised) > now);
        }
        let limited: Vec<(&String, Duration)> =
            domains.iter().filter_map(|domain| Some((domain, self.interval(domain)?))).collect();
        let mut longest: Option<(Duration, String)> = None;
        for (domain, interval) in &limited {
            let Some(turn) = turns.get_mut(*domain).filter(|turn| turn.next > now) else {
                continue;
            };
            // Whoever waits is told a turn of its own, so that not all come back at one moment.
            turn.promised = turn.promised.max(turn.next);
            let wait = turn.promised - now;
            turn.promised += *interval;
            if longest.as_ref().is_none_or(|(known, _)| *known < wait) {
                longest = Some((wait, (*domain).clone()));
            }
        }
        if let Some(longest) = longest {
            return Err(longest);
        }
        for (domain, interval) in limited {
            let next = now + interval;
            let turn = turns.entry(domain.clone()).or_insert(Turns { next: now, promised: next });
            let since = now.checked_sub(CREDIT).map_or(turn.next, |credit| turn.next.max(credit));
            turn.next = since + interval;
        }
        Ok(())
    }

    /// The time between two letters to a domain; none if it takes any number.
    fn interval(&self, domain: &str) -> Option<Duration> {
        let per_minute = self.per_minute.get(domain).or_else(|| self.per_minute.get(OTHERS))?;
        Some(Duration::from_secs(60) / (*per_minute).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(of: &[(&str, u32)]) -> Rate {
        Rate::new(of.iter().map(|(domain, many)| ((*domain).to_owned(), *many)).collect())
    }

    fn domains(of: &[&str]) -> Vec<String> {
        of.iter().map(|domain| (*domain).to_owned()).collect()
    }

    #[test]
    fn a_domain_waits_for_its_turn_and_no_other_waits_for_it() {
        let (rate, now) = (rate(&[("slow.ru", 6), ("*", 60)]), Instant::now());
        let seconds = |at: u64| now + Duration::from_secs(at);
        let slow = domains(&["slow.ru"]);
        rate.turn(&slow, now).unwrap();
        let told: Vec<u64> =
            (0..3).map(|_| rate.turn(&slow, now).unwrap_err().0.as_secs()).collect();
        assert_eq!(told, [10, 20, 30], "each has a turn of its own");
        rate.turn(&domains(&["other.ru"]), now).unwrap();
        rate.turn(&domains(&["third.ru"]), now).unwrap();
        let (wait, domain) = rate.turn(&domains(&["third.ru", "slow.ru"]), now).unwrap_err();
        assert_eq!((wait.as_secs(), domain.as_str()), (40, "slow.ru"));
        for at in [10, 20, 30] {
            rate.turn(&slow, seconds(at)).unwrap();
        }
        // Whoever comes late is not made to wait for promises of long ago.
        rate.turn(&slow, seconds(1000)).unwrap();
        assert_eq!(rate.turn(&slow, seconds(1001)).unwrap_err().0.as_secs(), 8);
    }

    #[test]
    fn waits_of_whole_seconds_cost_no_turns() {
        let (rate, begin) = (rate(&[("ya.ru", 600)]), Instant::now());
        let domain = domains(&["ya.ru"]);
        rate.turn(&domain, begin).unwrap();
        for second in 1..=10 {
            let now = begin + Duration::from_secs(second);
            let gone = (0..50).take_while(|_| rate.turn(&domain, now).is_ok()).count();
            assert!((10..=11).contains(&gone), "{gone} in second {second}");
        }
    }

    #[test]
    fn where_nothing_is_said_nobody_waits() {
        let (rate, now) = (rate(&[("slow.ru", 1)]), Instant::now());
        for _ in 0..1000 {
            rate.turn(&domains(&["any.ru"]), now).unwrap();
        }
    }
}
