//! A process between the daemon and a plugin, which outlives the daemon by as long as it takes to leave
//! nothing running.
//!
//! The guard is this same binary, started as `vekha plugin-guard GRACE COMMAND…`. Its standard input is
//! a pipe that the daemon holds and never writes to; the plugin inherits it. When the pipe is closed —
//! the daemon ends the plugin, or was killed with SIGKILL and the kernel closed it — plugin and guard
//! notice at the same time: the plugin is to end, and the guard sees to it with SIGTERM and SIGKILL.
//!
//! No signal goes to a process that is not provably ours. A process is signalled before it is reaped,
//! and only its parent, the guard, reaps it: until then its id and its group's belong to nobody else.
//! Descendants that left the group, even those that detached themselves, become children of the guard
//! (it is their subreaper), and the same holds for them.
//!
//! If the guard itself is killed, the plugin is killed by the kernel (`PR_SET_PDEATHSIG`, which the
//! plugin's process asks for before it becomes the plugin: `vekha plugin-exec`).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, kill_process, kill_process_group,
    pidfd_open, set_child_subreaper, set_parent_process_death_signal, wait, waitpid,
};
use tokio::signal::unix::{SignalKind, signal};

/// The guard's name as a command.
pub const GUARD: &str = "plugin-guard";

/// What the guard starts, which becomes the plugin.
const EXEC: &str = "plugin-exec";

/// What a shell says of a command that cannot be started.
pub(crate) const NOT_STARTED: u8 = 127;

/// Plays the guard if this process was started as one. To be asked before anything else is done.
pub fn entered() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next()?;
    let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
    let command: Vec<OsString> = arguments.collect();
    let code = match (name.to_str()?, number, command.split_first()) {
        (GUARD, Some(grace), Some(_)) => {
            guard(Duration::from_millis(grace), &command).unwrap_or_else(|e| failed(&e))
        }
        (EXEC, Some(parent), Some((program, arguments))) => exec(parent, program, arguments),
        _ => return None,
    };
    Some(ExitCode::from(code))
}

/// Into the log of the daemon, which reads our standard error.
#[allow(clippy::print_stderr)] // there is no subscriber in this process
fn failed(e: &io::Error) -> u8 {
    eprintln!("{e}");
    NOT_STARTED
}

/// Becomes the plugin, which dies with the guard.
fn exec(parent: u64, program: &OsStr, arguments: &[OsString]) -> u8 {
    let bound = set_parent_process_death_signal(Some(Signal::KILL));
    let is_there = getppid().is_some_and(|pid| pid.as_raw_pid().unsigned_abs() as u64 == parent);
    if bound.is_err() || !is_there {
        return NOT_STARTED;
    }
    let error = Command::new(program).args(arguments).exec();
    let shown = program.to_string_lossy();
    failed(&io::Error::other(format!("программа «{shown}» не запускается: {error}")))
}

fn guard(grace: Duration, command: &[OsString]) -> io::Result<u8> {
    // Whoever ends a whole group or unit reaches us as well: the plugin is to have its time all the same.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let _kept = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let _kept = (_kept, signal(SignalKind::hangup())?);
    drop(entered);
    set_child_subreaper(Some(getpid()))?;
    let mut own = Command::new("/proc/self/exe");
    own.arg(EXEC).arg(getpid().as_raw_pid().to_string()).args(command);
    let mut child = own.process_group(0).spawn()?;
    let pid = Pid::from_child(&child);
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let input = io::stdin();
    until(ended.as_fd(), Some(input.as_fd()), None)?;
    for signal in [None, Some(Signal::TERM), Some(Signal::KILL)] {
        if let Some(signal) = signal {
            kill_process_group(pid, signal).ok();
            // One that left its own group.
            kill_process(pid, signal).ok();
        }
        let patience = (signal != Some(Signal::KILL)).then_some(grace);
        if until(ended.as_fd(), None, patience)? {
            break;
        }
    }
    // It has ended and is not reaped yet: its group is still its own.
    kill_process_group(pid, Signal::KILL).ok();
    let status = child.wait()?;
    end_adopted();
    let killed = status.signal().and_then(|signal| u8::try_from(128 + signal).ok());
    let code = status.code().and_then(|code| u8::try_from(code & 0xff).ok());
    Ok(code.or(killed).unwrap_or(1))
}

/// Waits until the process has ended (true), or its input is closed, or patience is at its end.
fn until(
    ended: BorrowedFd<'_>,
    input: Option<BorrowedFd<'_>>,
    patience: Option<Duration>,
) -> io::Result<bool> {
    let last = patience.map(|patience| Instant::now() + patience);
    loop {
        let mut watched = vec![PollFd::from_borrowed_fd(ended, PollFlags::IN)];
        // Nothing is read from it: that it was closed is told unasked.
        watched.extend(input.map(|input| PollFd::from_borrowed_fd(input, PollFlags::empty())));
        let left = last.map(|last| last.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut watched, left.as_ref()) {
            Err(Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(!watched[0].revents().is_empty()),
        }
    }
}

/// Kills what was left to us: children whose own parents have ended, until there are none.
fn end_adopted() {
    let own = format!("/proc/self/task/{}/children", getpid().as_raw_pid());
    while let Ok(children) = std::fs::read_to_string(&own) {
        let children: Vec<Pid> = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw))
            .collect();
        for child in &children {
            kill_process(*child, Signal::KILL).ok();
        }
        for child in &children {
            waitpid(Some(*child), WaitOptions::empty()).ok();
        }
        // Their children have become ours before they were reaped.
        if children.is_empty() && !matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {
            break;
        }
    }
}
