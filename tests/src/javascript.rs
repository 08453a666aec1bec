//! Programs in JavaScript that the tests run: packages of the index, brought once by npm beside what cargo
//! builds, and the program beside them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the contract's files are: its `CONTRACT`.
pub fn contract() -> PathBuf {
    own("../proto")
}

/// The example of a plugin, with all that it needs.
///
/// # Panics
/// When npm does not bring the packages.
pub fn feed() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let example =
        || beside("javascript-plugins", &own("../plugins/examples/javascript"), "feed.js");
    PLACE.get_or_init(example).clone()
}

/// An organisation's provider, with all that it needs.
///
/// # Panics
/// When npm does not bring the packages.
pub fn provider() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| beside("provider", &own("data/provider"), "provider.js")).clone()
}

/// The folder of a client in TypeScript, generated from the contract's files and compiled; `buf` is in
/// its `node_modules/.bin`.
///
/// # Panics
/// When npm does not bring the packages, or the client does not compile.
pub fn client() -> PathBuf {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let made = || {
        let from = own("data/typescript");
        let folder = beside("typescript", &from, "client.ts").with_file_name("");
        let lock = File::create(folder.join("lock")).expect("a file");
        lock.lock().expect("a lock");
        fs::copy(from.join("tsconfig.json"), folder.join("tsconfig.json")).expect("to copy");
        let contract = contract();
        let template = contract.join("buf.gen.yaml");
        let generate = [Path::new("generate"), &contract, Path::new("--template"), &template];
        run(&folder, "buf", &generate.map(|word| word.display().to_string()));
        run(&folder, "tsc", &["--project".to_owned(), ".".to_owned()]);
        folder
    };
    PLACE.get_or_init(made).clone()
}

/// Runs a program that a package brought, within its folder.
///
/// # Panics
/// When it does not end well: what it said is told.
pub fn run(folder: &Path, program: &str, words: &[String]) {
    let programs = folder.join("node_modules/.bin");
    // It calls others that lie beside it.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(programs.clone()).chain(std::env::split_paths(&path));
    let done = Command::new(programs.join(program))
        .args(words)
        .env("PATH", std::env::join_paths(all).expect("folders"))
        .current_dir(folder)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(done.status.success(), "{program} {words:?}: {said:?}");
}

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program of a folder with the packages that its `package.json` names.
fn beside(name: &str, from: &Path, program: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own.parent().expect("a folder").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    // Tests are several processes.
    let lock = File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("a lock");
    let wanted = fs::read(from.join("package.json")).expect("what it needs");
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
    fs::copy(from.join(program), folder.join(program)).expect("to copy");
    folder.join(program)
}
