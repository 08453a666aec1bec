//! Keeps the daemon from believing a machine's clock that has gone wrong.
//!
//! A minute of a wrong clock would open years of runs, send their letters and leave every schedule
//! believing that it had been done with. So the clock is held against what is known of time without
//! it: how long the machine has been running since a moment that was right, and, at the start, the
//! last moment that the database knows of. A clock that agrees is believed and is the time from there
//! on, so that it may be corrected as clocks are. One that does not is doubted: time goes on as the
//! machine's running counts it, nothing is opened or sent, and a person says whether the clock is
//! right ([`Timekeeper::confirm`]); a clock that comes to itself needs nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far a running daemon's clock may go from what has passed, either way: more is no correction.
pub const LIMIT: SignedDuration = SignedDuration::from_hours(24);

/// How long a daemon may have been down without anybody being asked whether the clock is right.
pub const LONGEST_DOWN: SignedDuration = SignedDuration::from_hours(31 * 24);

/// From this on a step of the clock is told.
const NOTICEABLE: SignedDuration = SignedDuration::from_mins(5);

/// What a machine knows of time.
pub trait Machine: Send + Sync {
    /// What its clock shows.
    fn clock(&self) -> Timestamp;
    /// How long it has been running, asleep or awake, since some moment.
    fn running(&self) -> Duration;
}

/// The machine that the daemon runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn clock(&self) -> Timestamp {
        Timestamp::now()
    }

    fn running(&self) -> Duration {
        // Not the standard library's `Instant`: on Linux that stands still while the machine sleeps.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        let passed = rustix::time::clock_gettime(clock);
        Duration::try_from(passed).unwrap_or_default()
    }
}

/// A clock that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// What it shows.
    pub shows: Timestamp,
    /// What it should show, as far as is known.
    pub expected: Timestamp,
}

/// Tells the time by a machine's clock as long as that can be believed.
pub struct Timekeeper {
    machine: Box<dyn Machine>,
    state: Mutex<State>,
}

struct State {
    /// The last moment that was right, and how long the machine had been running at it.
    at: Timestamp,
    running: Duration,
    /// How much later the clock may be than what has passed since.
    allowance: SignedDuration,
    doubt: Option<Doubt>,
}

impl std::fmt::Debug for Timekeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timekeeper").field("doubt", &self.doubt()).finish_non_exhaustive()
    }
}

impl Timekeeper {
    /// `known` is the last moment that is known to have been; none where nothing is known.
    pub fn new(machine: impl Machine + 'static, known: Option<Timestamp>) -> Self {
        let state = State {
            at: known.unwrap_or_else(|| machine.clock()),
            running: machine.running(),
            allowance: LONGEST_DOWN,
            doubt: None,
        };
        Timekeeper { machine: Box::new(machine), state: Mutex::new(state) }
    }

    /// Now: by the clock, or by what has passed while it is doubted.
    pub fn now(&self) -> Timestamp {
        let shows = self.machine.clock();
        let mut state = self.state();
        let passed = self.machine.running().saturating_sub(state.running);
        let expected = later(state.at, passed);
        if !state.believes(shows, expected) {
            if state.doubt.is_none() {
                tracing::error!(
                    %shows, %expected,
                    "the machine's clock is not believed: nothing is opened or sent until it is \
                     right, or `vekha clock confirm` says that it is"
                );
            }
            state.doubt = Some(Doubt { shows, expected });
            return expected;
        }
        if state.doubt.take().is_some() {
            tracing::warn!(%shows, "the machine's clock is believed again");
        }
        if expected.duration_since(shows) > NOTICEABLE {
            tracing::warn!(%shows, %expected, "the machine's clock was set back");
        }
        self.believe(&mut state, shows);
        shows
    }

    /// Whether the clock was not believed when it was last looked at.
    pub fn doubt(&self) -> Option<Doubt> {
        self.state().doubt
    }

    /// A person says that the clock is right.
    pub fn confirm(&self) -> Timestamp {
        let shows = self.machine.clock();
        let mut state = self.state();
        if state.doubt.take().is_some() {
            tracing::warn!(%shows, "the machine's clock is believed: a person has confirmed it");
        }
        self.believe(&mut state, shows);
        shows
    }

    fn believe(&self, state: &mut State, shows: Timestamp) {
        let running = self.machine.running();
        *state = State { at: shows, running, allowance: LIMIT, doubt: None };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn believes(&self, shows: Timestamp, expected: Timestamp) -> bool {
        let ahead = shows.duration_since(expected);
        ahead <= self.allowance && ahead >= -LIMIT
    }
}

fn later(at: Timestamp, passed: Duration) -> Timestamp {
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
    at.saturating_add(passed).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A machine whose clock and running are what a test says.
    #[derive(Clone)]
    struct Played(Arc<Mutex<(Timestamp, Duration)>>);

    impl Machine for Played {
        fn clock(&self) -> Timestamp {
            self.0.lock().unwrap().0
        }

        fn running(&self) -> Duration {
            self.0.lock().unwrap().1
        }
    }

    impl Played {
        fn at(text: &str) -> Self {
            Played(Arc::new(Mutex::new((at(text), Duration::from_secs(1_000_000)))))
        }

        /// So much passes, and the clock shows it.
        fn pass(&self, hours: u32) {
            let mut own = self.0.lock().unwrap();
            own.0 += SignedDuration::from_hours(hours.into());
            own.1 += Duration::from_secs(3600) * hours;
        }

        fn shows(&self, text: &str) {
            self.0.lock().unwrap().0 = at(text);
        }
    }

    fn at(text: &str) -> Timestamp {
        format!("{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_clock_that_jumps_is_not_believed_time_goes_on_without_it_and_a_right_one_is() {
        let machine = Played::at("2027-03-01T10:00");
        let keeper = Timekeeper::new(machine.clone(), None);
        machine.pass(2000);
        let before = keeper.now();
        assert_eq!((before, keeper.doubt()), (machine.clock(), None), "long sleep is no jump");
        for wrong in
            ["2046-01-01T00:00", "2027-05-27T00:00", "1999-01-01T00:00", "2020-01-01T00:00"]
        {
            machine.shows(wrong);
            assert_eq!(keeper.now(), before, "{wrong}");
            assert!(keeper.doubt().is_some_and(|doubt| doubt.shows == at(wrong)));
        }
        machine.pass(3);
        assert_eq!(keeper.now(), before + SignedDuration::from_hours(3));
        let right = before + SignedDuration::from_hours(4);
        machine.0.lock().unwrap().0 = right;
        assert_eq!((keeper.now(), keeper.doubt()), (right, None));
    }

    #[test]
    fn a_start_is_held_against_the_last_moment_that_is_known_and_a_person_has_the_last_word() {
        let known = at("2027-03-01T10:00");
        for (shows, believed) in [
            ("2027-03-01T10:01", true),
            ("2027-03-31T10:00", true),
            ("2027-02-28T12:00", true),
            ("2027-04-02T10:00", false),
            ("2027-02-27T10:00", false),
            ("1970-01-01T00:00", false),
        ] {
            let machine = Played::at(shows);
            let keeper = Timekeeper::new(machine.clone(), Some(known));
            let now = keeper.now();
            assert_eq!(keeper.doubt().is_none(), believed, "{shows}");
            assert_eq!(now, if believed { at(shows) } else { known });
            assert_eq!(keeper.confirm(), at(shows));
            machine.pass(1);
            assert_eq!((keeper.now(), keeper.doubt()), (machine.clock(), None));
        }
    }
}
