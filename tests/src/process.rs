//! The `vekha` binary as a process, for tests that kill it or read what it prints.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A port on which nobody listens now.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a free port").port()
}

/// Variables of the user's own.
const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS"];

/// Path of the binary, built in this profile if it is not up to date.
///
/// # Panics
/// When it does not build.
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut folder = std::env::current_exe().expect("a path");
        folder.pop();
        if folder.ends_with("deps") {
            folder.pop();
        }
        let mut cargo = Command::new(env!("CARGO"));
        // With the whole workspace, so that features are those of the tests and nothing is built twice.
        cargo.args(["build", "--quiet", "--workspace", "--bin", "vekha"]);
        // What cargo tells a test of its package is not for the build: it would begin anew.
        let foreign = |name: &str| name.starts_with("CARGO_") && !KEPT.contains(&name);
        for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
            cargo.env_remove(name);
        }
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo").success(), "the daemon builds");
        folder.join("vekha")
    })
}
