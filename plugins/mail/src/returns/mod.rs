//! What came back: reports of servers that did not deliver a letter (RFC 3464), read from a folder
//! (`maildir`) or a mailbox (`imap`).
//!
//! A report stays unseen until the daemon says that it was taken, so that nothing is lost whoever ends
//! in between. What is no report, or about no letter of ours, stays as it lies and is not looked at
//! again: the mailbox may be one that people read. Only the beginning of a letter is read, however
//! large it is, and only so many letters at a time.

mod cause;
pub(crate) mod config;
mod imap;
mod maildir;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use vekha_plugin::{Report, Returned, Settled};

pub(crate) use imap::Mailbox;
use report::Read;

/// What is read of a letter, in bytes. What a report says stands at its beginning, before the letter
/// that it returns, and of that only its header is needed.
const HEAD: usize = 256 * 1024;

/// Letters that are read at a time.
const AT_ONCE: usize = 50;

/// Where reports come to.
#[derive(Clone)]
pub(crate) enum Whence {
    Maildir(PathBuf),
    Imap(Box<Mailbox>),
}

/// Where reports come to, and what is known of what lies there.
pub(crate) struct Returns {
    whence: Whence,
    /// How long to wait between two looks.
    every: Duration,
    /// How long an answer of the mailbox is awaited.
    timeout: Duration,
    known: Mutex<Known>,
}

/// One look at a time: what it found, by place.
#[derive(Default)]
struct Known {
    /// Reports that wait to be settled: places by the report's name. The same report may lie at several.
    waiting: BTreeMap<String, Vec<String>>,
    /// Places of what is not to be looked at again.
    left: BTreeSet<String>,
}

/// A letter that lies there: its place, and its beginning.
struct Lying {
    place: String,
    /// Why it cannot be read, otherwise.
    head: Result<Vec<u8>, String>,
}

/// What a look found.
struct Look {
    /// All places of letters that nobody has seen.
    unseen: BTreeSet<String>,
    /// Some of those that are not known yet, the oldest first.
    letters: Vec<Lying>,
}

impl Returns {
    pub(crate) fn new(whence: Whence, every: Duration, timeout: Duration) -> Self {
        Returns { whence, every, timeout, known: Mutex::default() }
    }

    /// Reports that are not settled.
    pub(crate) async fn look(&self) -> Result<Returned, String> {
        let mut known = self.known.lock().await;
        let begun = Instant::now();
        let look = match &self.whence {
            Whence::Maildir(folder) => maildir::look(folder, &known.left).await,
            Whence::Imap(mailbox) => self.in_time(imap::look(mailbox, &known.left)).await,
        }?;
        known.left.retain(|place| look.unseen.contains(place));
        known.waiting.clear();
        let mut reports: Vec<Report> = Vec::new();
        let count = look.letters.len();
        for Lying { place, head } in look.letters {
            let read = match head {
                Ok(head) => report::read(&head),
                Err(why) => Read::Unreadable(why),
            };
            match read {
                Read::Report(report) => {
                    let places = known.waiting.entry(report.id.clone()).or_default();
                    if places.is_empty() {
                        reports.push(report);
                    }
                    places.push(place);
                }
                Read::Other => {
                    known.left.insert(place);
                }
                Read::Unreadable(why) => {
                    tracing::warn!(letter = place, "not read, and left where it is: {why}");
                    known.left.insert(place);
                }
            }
        }
        if count > 0 {
            let took = begun.elapsed();
            tracing::debug!(letters = count, reports = reports.len(), ?took, "looked at what came");
        }
        let again = Some(self.every);
        Ok(Returned { reports, more: count == AT_ONCE, again })
    }

    /// Marks as seen what was taken; what was left is not looked at again.
    pub(crate) async fn settle(&self, settled: &Settled) -> Result<(), String> {
        let mut known = self.known.lock().await;
        for id in &settled.left {
            let places = known.waiting.remove(id).unwrap_or_default();
            known.left.extend(places);
        }
        let taken = settled.taken.iter().filter_map(|id| known.waiting.get(id));
        let places: Vec<String> = taken.flatten().cloned().collect();
        if places.is_empty() {
            return Ok(());
        }
        match &self.whence {
            Whence::Maildir(folder) => maildir::mark(folder, places).await?,
            Whence::Imap(mailbox) => self.in_time(imap::mark(mailbox, &places)).await?,
        }
        known.waiting.retain(|id, _| !settled.taken.contains(id));
        Ok(())
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => {
                let seconds = self.timeout.as_secs();
                Err(format!("почтовый ящик возвращённых писем не отвечает {seconds} с"))
            }
        }
    }
}
