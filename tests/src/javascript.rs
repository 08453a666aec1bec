//! JavaScript's gRPC, for the example in that language: packages of the index, brought once by npm beside
//! what cargo builds, and the example beside them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the contract's files are: its `CONTRACT`.
pub fn contract() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")
}

/// The example, with all that it needs.
///
/// # Panics
/// When npm does not bring the packages.
pub fn feed() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/examples/javascript");
        let own = std::env::current_exe().expect("a path");
        let folder = own.parent().expect("a folder").join("javascript-plugins");
        fs::create_dir_all(&folder).expect("a folder");
        // Tests are several processes.
        let lock = File::create(folder.join("lock")).expect("a file");
        lock.lock().expect("a lock");
        let wanted = fs::read(example.join("package.json")).expect("the example");
        let brought = folder.join("brought.json");
        if fs::read(&brought).ok().as_ref() != Some(&wanted) {
            fs::write(folder.join("package.json"), &wanted).expect("to write");
            let npm = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"])
                .current_dir(&folder)
                .status();
            let done = npm.is_ok_and(|status| status.success());
            assert!(done, "npm does not bring the packages: tests/run installs npm");
            fs::write(&brought, &wanted).expect("to write");
        }
        fs::copy(example.join("feed.js"), folder.join("feed.js")).expect("to copy");
        folder.join("feed.js")
    });
    place.clone()
}
