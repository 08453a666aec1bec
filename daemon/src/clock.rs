//! The one place that tells the time. Everything else is handed it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::timekeeper::{Doubt, Timekeeper};

/// Where the time comes from. Instants are whole microseconds, as the database keeps them.
#[derive(Clone)]
pub enum Clock {
    /// The machine's clock, as long as it can be believed.
    Kept(Arc<Timekeeper>),
    /// A rehearsal: time starts at a chosen moment and runs faster.
    Rehearsal(Arc<Rehearsal>),
    /// Stands still until it is set: for tests.
    Manual(Arc<Mutex<Timestamp>>),
}

/// A rehearsal's time.
#[derive(Debug)]
pub struct Rehearsal {
    from: Timestamp,
    began: Instant,
    speed: u32,
}

impl Clock {
    /// Time that starts at `from` and runs `speed` times as fast as the machine's.
    pub fn rehearsal(from: Timestamp, speed: u32) -> Self {
        Clock::Rehearsal(Arc::new(Rehearsal { from, began: Instant::now(), speed: speed.max(1) }))
    }

    /// Time that stands still at `at`.
    pub fn manual(at: Timestamp) -> Self {
        Clock::Manual(Arc::new(Mutex::new(at)))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let now = match self {
            Clock::Kept(keeper) => keeper.now(),
            Clock::Rehearsal(r) => {
                let passed = SignedDuration::try_from(r.began.elapsed()).unwrap_or_default();
                r.from
                    .saturating_add(passed.saturating_mul(r.speed as i32))
                    .unwrap_or(Timestamp::MAX)
            }
            Clock::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Now, for those who sit at their browsers: a rehearsal does not hurry them.
    pub fn of_people(&self) -> Timestamp {
        match self {
            Clock::Rehearsal(_) => Timestamp::now(),
            Clock::Kept(_) | Clock::Manual(_) => self.now(),
        }
    }

    /// Now, as other systems know it, who say until when their word is good: whatever time is rehearsed
    /// or set here.
    pub fn of_world(&self) -> Timestamp {
        match self {
            Clock::Rehearsal(_) | Clock::Manual(_) => Timestamp::now(),
            Clock::Kept(_) => self.now(),
        }
    }

    /// Sets a manual clock; the others go their own way.
    pub fn set(&self, to: Timestamp) {
        if let Clock::Manual(at) = self {
            *at.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }

    /// How many times faster than ours it runs, if it is a rehearsal's.
    pub fn rehearses(&self) -> Option<u32> {
        match self {
            Clock::Rehearsal(rehearsal) => Some(rehearsal.speed),
            _ => None,
        }
    }

    /// When its time began, if it is a rehearsal's.
    pub fn began(&self) -> Option<Timestamp> {
        match self {
            Clock::Rehearsal(rehearsal) => Some(rehearsal.from),
            _ => None,
        }
    }

    /// Why the clock is not believed, if it is not.
    pub fn doubt(&self) -> Option<Doubt> {
        match self {
            Clock::Kept(keeper) => keeper.doubt(),
            _ => None,
        }
    }

    /// A person says that the clock is right. Returns what it shows.
    pub fn confirm(&self) -> Timestamp {
        match self {
            Clock::Kept(keeper) => keeper.confirm(),
            _ => self.now(),
        }
    }

    /// How much of this time passes while so much of the machine's does.
    pub fn span(&self, real: Duration) -> SignedDuration {
        let span = SignedDuration::try_from(real).unwrap_or(SignedDuration::MAX);
        match self {
            Clock::Rehearsal(r) => span.saturating_mul(r.speed as i32),
            _ => span,
        }
    }

    /// How long the machine's clock runs until `at`; nothing if that has passed.
    pub fn until(&self, at: Timestamp) -> Duration {
        let left = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
        match self {
            Clock::Rehearsal(r) => left / r.speed,
            _ => left,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
