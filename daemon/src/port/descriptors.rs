//! The system's limit on open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the daemon needs beside connections: databases, letters, reports, sources.
const OTHERS: u64 = 256;

/// Sees to it that there are descriptors for as many connections, as far as the system lets us.
/// Returns for how many there are.
pub fn enough_for(connections: usize) -> usize {
    let needed = connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let enough = |current: Option<u64>| current.is_none_or(|current| current >= needed);
    if enough(limit.current) {
        return connections;
    }
    let raised = match limit.maximum {
        Some(hard) => needed.min(hard),
        None => needed,
    };
    let set = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit });
    let current = if set.is_ok() { Some(raised) } else { limit.current };
    if enough(current) {
        return connections;
    }
    let current = current.unwrap_or(needed);
    // At least half of what there is, or nobody would be let in.
    let fewer = current.saturating_sub(OTHERS).max(current / 2) as usize;
    tracing::warn!(
        files = current,
        wanted = connections,
        connections = fewer,
        "the system's limit on open files allows fewer connections: raise LimitNOFILE"
    );
    fewer
}
