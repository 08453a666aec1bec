//! Python's gRPC, for plugins in another language: packages of the index, brought once by pip beside what
//! cargo builds, with the contract's stubs made of today's contract.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is brought.
const PACKAGES: [&str; 2] = ["grpcio==1.85.1", "grpcio-tools==1.85.1"];

/// The examples' folder.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/examples/python")
}

/// Where Python finds gRPC and the stubs: its `PYTHONPATH`.
///
/// # Panics
/// When pip does not bring the packages.
pub fn path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let own = std::env::current_exe().expect("a path");
        let folder = own.parent().expect("a folder").join("python-plugins");
        std::fs::create_dir_all(&folder).expect("a folder");
        // Tests are several processes.
        let lock = File::create(folder.join("lock")).expect("a file");
        lock.lock().expect("a lock");
        let (packages, stubs) = (folder.join("packages"), folder.join("stubs"));
        let whole = folder.join(PACKAGES.join(" "));
        if !whole.exists() {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip.arg("--upgrade").arg("--target").arg(&packages).args(PACKAGES);
            let brought = pip.status().is_ok_and(|status| status.success());
            assert!(brought, "pip does not bring {PACKAGES:?}: tests/run installs pip");
            File::create(whole).expect("a file");
        }
        let made = Command::new(examples().join("stubs"))
            .arg(&stubs)
            .env("PYTHONPATH", &packages)
            .status();
        assert!(made.is_ok_and(|status| status.success()), "the stubs are made");
        let joined: OsString = std::env::join_paths([packages, stubs]).expect("a path");
        joined.into_string().expect("a path in UTF-8")
    })
}
