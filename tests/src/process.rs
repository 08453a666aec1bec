//! The `vekha` binary as a process, for tests that kill it or read what it prints.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

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
        cargo.args(["build", "--quiet", "-p", "vekha"]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo").success(), "the daemon builds");
        folder.join("vekha")
    })
}
