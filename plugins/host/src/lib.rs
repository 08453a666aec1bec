//! Plugins as processes of their own, in any language: started, supervised, called and ended.
//!
//! The daemon sees a [`Hosted`] plugin through the traits of the SDK and does not know the difference.
//! What a plugin does wrong — it hangs, dies, floods, talks nonsense, leaves children — harms its own
//! calls and nothing else:
//!
//! | file | what it keeps |
//! | --- | --- |
//! | `config` | what an administrator writes, with every mistake at once |
//! | `guard` | a process between daemon and plugin: whatever becomes of the daemon, nothing is left running |
//! | `process` | the start: socket, environment, handshake, first calls; and the orderly end |
//! | `output` | what a plugin writes, into the log: long lines cut, floods bounded |
//! | `supervisor` | starts anew after a pause that grows; asks whether the plugin is alive |
//! | `hosted` | calls with their deadline, size and number bounded, in the terms of the traits |
//! | `standing` | how a plugin stands, told without asking it |
//! | `conformance` | what a plugin must keep, tried on it: `vekha plugin test` |
//! | `words` | what went wrong, for people |
//!
//! The workspace forbids unsafe code, so nothing runs between fork and exec. What would stand there,
//! the guard does after it was started: it is this same binary under another name of a command.

mod config;
pub mod conformance;
pub mod guard;
mod hosted;
mod output;
mod process;
mod standing;
mod supervisor;
mod words;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use config::{PluginConfig, settings};
pub use hosted::{Deadlined, Hosted};
pub use output::{Line, Log};
pub use process::{Process, Started};
pub use standing::{Phase, Standing};
pub use supervisor::Trouble;
use vekha_plugin::Problem;

/// How the host starts and paces plugins; the settings of a single one are its [`PluginConfig`].
#[derive(Debug, Clone)]
pub struct Manner {
    /// The binary whose `main` asks [`guard::entered`] first: this one.
    pub guard: PathBuf,
    /// How long to wait after the n-th failure in a row; the last holds for all that follow.
    pub waits: Vec<Duration>,
    /// How long a plugin must have worked for its failures to be forgotten.
    pub steady: Duration,
    /// How often a plugin is asked how it is, and how long it may take to answer.
    pub health: [Duration; 2],
    /// How long each step of the end may take: what is under way, closed input, SIGTERM.
    pub grace: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Manner {
            // The file that runs, even if a newer one has taken its place meanwhile.
            guard: "/proc/self/exe".into(),
            waits: [1, 2, 5, 15, 60, 300].map(Duration::from_secs).to_vec(),
            steady: Duration::from_secs(60),
            health: [Duration::from_secs(30), Duration::from_secs(10)],
            grace: Duration::from_secs(2),
        }
    }
}

/// The folder in which plugins have their sockets, ours alone; it goes with the host.
#[derive(Debug)]
pub struct Sockets {
    folder: PathBuf,
    _lock: File,
}

/// How long a daemon waits for its plugins before it begins its own work.
pub const WAITED: Duration = Duration::from_secs(20);

/// How the folders of sockets begin.
const PREFIX: &str = "vekha-plugins-";

/// Bytes of the path of temporary files: with our own names it must fit into the 107 of a socket's.
const LONGEST_PLACE: usize = 50;

/// The file in such a folder that is locked as long as its daemon lives.
const LOCK: &str = "lock";

impl Sockets {
    /// Makes one, and removes those that killed daemons have left behind.
    ///
    /// # Errors
    /// When nothing can be written where temporary files go, or its path is longer than a socket's may
    /// be.
    pub fn new() -> io::Result<Self> {
        let all = std::env::temp_dir();
        if all.as_os_str().len() > LONGEST_PLACE {
            let words = format!("путь длиннее {LONGEST_PLACE} байт: задайте TMPDIR короче");
            return Err(io::Error::other(words));
        }
        sweep(&all);
        let pid = std::process::id();
        let mut number = 0;
        loop {
            let folder = all.join(format!("{PREFIX}{pid}-{number}"));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    let lock = File::create(folder.join(LOCK))?;
                    lock.lock()?;
                    // Unless another daemon has taken it for one left behind before it was locked.
                    if folder.join(LOCK).exists() {
                        return Ok(Sockets { folder, _lock: lock });
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(e),
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Removes folders whose daemon is gone: nobody holds their lock.
fn sweep(all: &Path) {
    let own = rustix::process::geteuid().as_raw();
    let found = fs::read_dir(all).into_iter().flatten().flatten();
    for entry in found.filter(|one| one.file_name().to_string_lossy().starts_with(PREFIX)) {
        let is_ours = entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == own);
        let lock = File::open(entry.path().join(LOCK));
        if is_ours && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// All plugins of a daemon.
#[derive(Debug)]
pub struct Host {
    plugins: BTreeMap<String, Arc<Hosted>>,
    _sockets: Arc<Sockets>,
}

impl Host {
    /// Starts all of them and waits until each works or has failed for the first time, but for
    /// [`WAITED`] at most: a daemon is there for others, too. Those that
    /// failed are tried again later, all but for a configuration that a plugin does not take.
    ///
    /// # Errors
    /// When there is no place for sockets; or all that plugins find wrong with their configurations,
    /// by their names.
    pub async fn start(
        configs: BTreeMap<String, PluginConfig>,
        manner: &Manner,
    ) -> Result<Self, Vec<Problem>> {
        let sockets = Sockets::new().map_err(|e| {
            let place = std::env::temp_dir();
            let words = format!("папку для сокетов в «{}» не создать: {e}", place.display());
            vec![Problem::new("plugin", words)]
        })?;
        let sockets = Arc::new(sockets);
        let plugins: BTreeMap<String, Arc<Hosted>> = configs
            .into_iter()
            .map(|(name, config)| {
                let hosted = Hosted::start(&name, config, manner.clone(), sockets.clone());
                (name, Arc::new(hosted))
            })
            .collect();
        let host = Host { plugins, _sockets: sockets };
        let mut wrong = Vec::new();
        let waited = tokio::time::Instant::now() + WAITED;
        for (name, plugin) in &host.plugins {
            // Who takes longer goes on starting: what comes of it is told as any trouble is.
            let Ok(problems) = tokio::time::timeout_at(waited, plugin.settled()).await else {
                tracing::warn!(plugin = name, "still starting: it is not waited for any longer");
                continue;
            };
            for problem in problems {
                let key = format!("plugin.{name}.configuration.{}", problem.field);
                wrong.push(Problem::new(key.trim_end_matches('.'), problem.message));
            }
        }
        if wrong.is_empty() {
            return Ok(host);
        }
        host.stop().await;
        Err(wrong)
    }

    /// A plugin by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Hosted>> {
        self.plugins.get(name).cloned()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }

    /// What is wrong with plugins at the moment.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.plugins.values().filter_map(|plugin| plugin.trouble()).collect()
    }

    /// Ends all of them: what is under way gets a moment to finish, and no process is left.
    pub async fn stop(&self) {
        futures::future::join_all(self.plugins.values().map(|plugin| plugin.stop())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_only_hangs_is_not_waited_for_as_long_as_it_might_take() {
        let folder = std::env::temp_dir().join(format!("vekha-hangs-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // In the place of the guard, so that nothing else begins.
        let hangs = folder.join("hangs");
        fs::write(&hangs, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        fs::set_permissions(&hangs, fs::Permissions::from_mode(0o700)).unwrap();
        let manner = Manner { guard: hangs, ..Manner::default() };
        let config = PluginConfig {
            command: vec!["hangs".to_owned()],
            folder: folder.clone(),
            start_seconds: Some(300),
            ..PluginConfig::default()
        };
        let all = ["first", "second"].map(|name| (name.to_owned(), config.clone())).into();
        let begun = tokio::time::Instant::now();
        let host = Host::start(all, &manner).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), WAITED.as_secs(), "for both of them together");
        let phase = host.get("first").unwrap().standing().phase;
        assert!(matches!(phase, Phase::Starting), "{phase:?}");
        host.stop().await;
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn sockets_of_killed_daemons_are_removed_and_those_of_living_ones_stay() {
        let alive = Sockets::new().unwrap();
        let left = std::env::temp_dir().join(format!("{PREFIX}left-{}", std::process::id()));
        fs::create_dir(&left).unwrap();
        File::create(left.join(LOCK)).unwrap();
        let other = Sockets::new().unwrap();
        assert!(!left.exists());
        assert!(alive.folder().exists() && alive.folder() != other.folder());
        let gone = other.folder().to_owned();
        drop(other);
        assert!(!gone.exists() && alive.folder().exists());
    }
}
