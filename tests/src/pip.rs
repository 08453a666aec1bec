//! Packages of Python's index, brought once by pip beside what cargo builds.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

/// Where Python finds a package of this version (`icalendar==7.3.2`), with all that it needs.
///
/// # Panics
/// When pip does not bring it.
pub fn brought(folder: &str, package: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own.parent().expect("a folder").join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    // Tests are several processes.
    let lock = File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("a lock");
    let whole = folder.join(package);
    if !whole.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg("--upgrade").arg("--target").arg(&folder).arg(package);
        let brought = pip.status().is_ok_and(|status| status.success());
        assert!(brought, "pip does not bring {package}: tests/run installs pip");
        File::create(whole).expect("a file");
    }
    folder
}
