//! What the port bears.

use std::time::Duration;

use serde::Deserialize;
use vekha_plugin::Problem;

/// What the port bears at a time: `[limits]` of the settings. The defaults do for a region on one
/// machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Connections. One address may have half of them, unless it is this machine's own, where a
    /// reverse proxy speaks for many.
    pub connections: usize,
    /// Megabytes of forms, files and calls that are being received.
    pub receiving: usize,
    /// How long things may take; no setting.
    #[serde(skip)]
    pub patience: Patience,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1000, receiving: 128, patience: Patience::default() }
    }
}

impl Limits {
    /// Fewest connections that a daemon can do with.
    const FEWEST: usize = 16;

    /// Fewest megabytes: the largest form with its files must fit.
    const LEAST: usize = 32;

    /// What is wrong with them, in words for the administrator.
    pub fn wrong(&self) -> Vec<Problem> {
        // What a semaphore counts.
        let most = u32::MAX as usize >> 20;
        let mut wrong = Vec::new();
        if self.connections < Self::FEWEST {
            let why = format!("не меньше {}", Self::FEWEST);
            wrong.push(Problem::new("limits.connections", why));
        }
        if !(Self::LEAST..=most).contains(&self.receiving) {
            let why = format!("от {} до {most} (МБ)", Self::LEAST);
            wrong.push(Problem::new("limits.receiving", why));
        }
        wrong
    }

    /// Bytes that may be received at a time.
    pub(super) fn bytes(&self) -> usize {
        self.receiving << 20
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From a connection's beginning to the end of its first request's headers.
    pub headers: Duration,
    /// Without a request, once there was one. Longer than reverse proxies usually keep theirs, so
    /// that they are the ones who end it.
    pub idle: Duration,
    /// Within a body, without a byte of it.
    pub pause: Duration,
    /// A body as a whole.
    pub body: Duration,
    /// Until the peer takes the next byte of an answer.
    pub taking: Duration,
    /// Between two questions to an HTTP/2 peer whether it is there, and until it says so.
    pub ping: Duration,
    /// Between two looks whether the files of the certificate have changed.
    pub renewal: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            pause: Duration::from_secs(30),
            body: Duration::from_secs(5 * 60),
            taking: Duration::from_secs(60),
            ping: Duration::from_secs(20),
            renewal: Duration::from_secs(30),
        }
    }
}
