//! What a plugin writes, into the log under its name. A plugin cannot make the log, or the memory, or
//! the work of the daemon grow as it likes: a long line is cut, of many lines most are counted and left
//! out, and no more is read than a bounded number of bytes in a second, so that whoever floods waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Bytes of a line that are kept.
const LONGEST: usize = 2000;

/// Lines at once, and after that in a second.
const BURST: u32 = 200;
const STEADY: u32 = 20;

/// Bytes that are read in a second.
const PACE: usize = 1 << 20;

/// Last lines that are remembered, for whoever asks why it ended.
const REMEMBERED: usize = 5;

/// Last lines that are kept of a plugin over all its lives, for whoever looks what it does.
const KEPT: usize = 200;

/// A line that a plugin wrote.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// What it says, cut and without control characters.
    pub text: String,
}

/// What a plugin wrote last, whichever of its processes did.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<VecDeque<Line>>>);

impl Log {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Line { at: Instant::now(), text: line.to_owned() });
    }

    /// Up to so many of the last lines, oldest first.
    pub(crate) fn last(&self, most: usize) -> Vec<Line> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }
}

/// How the handshake line begins.
pub(crate) const HANDSHAKE: &str = "vekha-plugin|";

/// The last lines of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Last {
    lines: Arc<Mutex<VecDeque<String>>>,
    log: Log,
}

impl Last {
    /// Those of a new process of the plugin with this log.
    pub fn of(log: &Log) -> Self {
        Last { log: log.clone(), ..Last::default() }
    }

    fn add(&self, line: &str) {
        self.log.add(line);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == REMEMBERED {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last line that says something.
    pub fn line(&self) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().find(|line| !line.trim().is_empty()).cloned()
    }
}

/// Lines of bytes, each cut.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    cut: usize,
}

impl Lines {
    /// Takes in what was read and hands over each line that it ends.
    fn take(&mut self, mut bytes: &[u8], mut told: impl FnMut(String)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            told(self.end());
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
        self.cut += bytes.len() - room;
    }

    fn end(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.line);
        let text = text.trim_end_matches('\r');
        let plain = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let mut line: String = text.chars().map(plain).collect();
        if self.cut > 0 {
            line.push_str(&format!("… (ещё {} байт)", self.cut));
        }
        *self = Lines::default();
        line
    }
}

/// How many lines may be told.
struct Allowance {
    left: u32,
    since: Instant,
    left_out: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Allowance { left: BURST, since: now, left_out: 0 }
    }

    /// Whether one more line is told; and how many were left out before it.
    fn one(&mut self, now: Instant) -> Option<u64> {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let earned = seconds.saturating_mul(u64::from(STEADY));
        if earned > 0 {
            self.left = self.left.saturating_add(u32::try_from(earned).unwrap_or(BURST)).min(BURST);
            self.since = now;
        }
        if self.left == 0 {
            self.left_out += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Reads a stream to its end. `handshake` is told the first line that looks like one.
pub(crate) async fn read(
    plugin: Arc<str>,
    mut stream: impl AsyncRead + Unpin,
    last: Last,
    mut handshake: Option<oneshot::Sender<String>>,
) {
    let mut buffer = vec![0; 16 << 10];
    let mut lines = Lines::default();
    let mut allowance = Allowance::new(Instant::now());
    let (mut second, mut bytes) = (Instant::now(), 0);
    while let Ok(count) = stream.read(&mut buffer).await
        && count > 0
    {
        lines.take(&buffer[..count], |line| {
            if line.starts_with(HANDSHAKE)
                && let Some(waiting) = handshake.take()
            {
                waiting.send(line).ok();
                return;
            }
            tell(&plugin, &line, &last, &mut allowance);
        });
        bytes += count;
        if bytes > PACE {
            sleep_until(second + Duration::from_secs(1)).await;
        }
        if second.elapsed() >= Duration::from_secs(1) {
            (second, bytes) = (Instant::now(), 0);
        }
    }
    if !lines.line.is_empty() {
        tell(&plugin, &lines.end(), &last, &mut allowance);
    }
    if allowance.left_out > 0 {
        tracing::warn!(plugin = &*plugin, lines = allowance.left_out, "left out of the log");
    }
}

fn tell(plugin: &str, line: &str, last: &Last, allowance: &mut Allowance) {
    last.add(line);
    match allowance.one(Instant::now()) {
        None => {}
        Some(0) => tracing::info!(plugin, "{line}"),
        Some(left_out) => tracing::info!(plugin, left_out, "{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_whatever_pieces_they_come_and_long_ones_are_cut() {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        for piece in ["од", "ин\nдва\r\n", "", &"x".repeat(LONGEST), "yz\nthree"] {
            lines.take(piece.as_bytes(), |line| told.push(line));
        }
        assert_eq!(told[..2], ["один", "два"]);
        assert_eq!(told[2], format!("{}… (ещё 2 байт)", "x".repeat(LONGEST)));
        assert_eq!((told.len(), lines.end().as_str()), (3, "three"));
    }

    #[test]
    fn of_a_flood_most_is_counted_and_left_out() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        let told = (0..10_000).filter(|_| allowance.one(now).is_some()).count();
        assert_eq!(told, BURST as usize);
        let later = now + Duration::from_secs(1);
        assert_eq!(allowance.one(later), Some(10_000 - u64::from(BURST)));
        assert_eq!(allowance.left, STEADY - 1);
    }

    #[tokio::test]
    async fn of_what_a_plugin_writes_the_last_lines_of_all_its_processes_are_kept() {
        let log = Log::default();
        for process in 0..2 {
            let text: String = (0..150).map(|n| format!("{process}-{n}\n")).collect();
            read("x".into(), text.as_bytes(), Last::of(&log), None).await;
        }
        let kept = log.last(1000);
        assert_eq!(kept.len(), KEPT);
        assert_eq!((kept[0].text.as_str(), kept[199].text.as_str()), ("0-100", "1-149"));
        let last: Vec<String> = log.last(2).into_iter().map(|line| line.text).collect();
        assert_eq!(last, ["1-148", "1-149"]);
    }

    #[tokio::test]
    async fn the_handshake_is_found_after_noise() {
        let (sender, found) = oneshot::channel();
        let text: &[u8] = b"Loading...\nWARNING: x\nvekha-plugin|1|unix|/s\nvekha-plugin|again\n";
        let last = Last::default();
        read("x".into(), text, last.clone(), Some(sender)).await;
        assert_eq!(found.await.unwrap(), "vekha-plugin|1|unix|/s");
        assert_eq!(last.line().unwrap(), "vekha-plugin|again");
    }
}
