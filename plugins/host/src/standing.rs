//! How a plugin's process stands, for whoever looks after the daemon: nothing is asked of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::hosted::Hosted;
use crate::supervisor::State;

/// How a plugin's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is being started.
    Starting,
    /// It takes calls.
    Ready,
    /// It takes calls, but says that it cannot work, or does not answer them in time.
    Unwell,
    /// It does not run, and is started again after so long.
    Down(Duration),
    /// It was ended for good.
    Ended,
}

/// How a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How its process is.
    pub phase: Phase,
    /// How often in a row it has failed; forgotten once it has worked for a while.
    pub failures: u32,
    /// Calls that it is given at present.
    pub calls: usize,
}

impl Hosted {
    /// How it stands.
    pub fn standing(&self) -> Standing {
        let shared = self.shared();
        let phase = match &*shared.state.borrow() {
            State::Starting => Phase::Starting,
            State::Ready(_) => Phase::Ready,
            State::Down(down) => Phase::Down(down.again.saturating_duration_since(Instant::now())),
            State::Ended => Phase::Ended,
        };
        let phase = match phase {
            Phase::Ready if self.trouble().is_some() => Phase::Unwell,
            phase => phase,
        };
        let failures = shared.failures.load(Ordering::Relaxed);
        Standing { phase, failures, calls: shared.calls.count() }
    }

    /// The program that is run, without its arguments: they may hold secrets.
    pub fn program(&self) -> &str {
        self.shared().config.command.first().map_or("", String::as_str)
    }
}
