//! Files that appear whole or not at all, for plugins that write into folders others read.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file so that a reader, and a restart after a power cut, finds the old content or the
/// new and never a part: a temporary file in the same folder, synced, renamed over the path, and
/// the folder synced. Blocks; an async caller uses `spawn_blocking`.
///
/// # Errors
///
/// The folder does not exist or cannot be written, or the disk is full. The temporary file is
/// removed then; one that a crash leaves behind is called `.vekha-*.tmp`.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, OpenOptions::new())
}

/// The same for its owner's eyes only, whatever folder it lies in.
///
/// # Errors
///
/// As [`write_whole`].
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    write(path, bytes, new)
}

fn write(path: &Path, bytes: &[u8], new: OpenOptions) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let temporary = temporary_in(folder);
    let written = write_synced(&temporary, bytes, new).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; the file may not even exist.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// Makes a folder, and those above it, for its owner alone; one that is there stays as it is. Blocks.
///
/// # Errors
///
/// It cannot be made.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let mut new = fs::DirBuilder::new();
    new.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut new, 0o700);
    new.create(folder)
}

/// Whether files can be written into a folder, which is made if it does not exist. A file is
/// written and removed, since permissions alone do not tell of a file system that is read-only or
/// full. Blocks like [`write_whole`].
///
/// # Errors
///
/// What stands in the way.
pub fn probe_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let temporary = temporary_in(folder);
    let written = write_synced(&temporary, b"vekha", OpenOptions::new());
    written.and(fs::remove_file(&temporary))
}

fn temporary_in(folder: &Path) -> PathBuf {
    folder.join(format!(".vekha-{:016x}.tmp", random()))
}

fn write_synced(path: &Path, bytes: &[u8], mut new: OpenOptions) -> io::Result<()> {
    let mut file = new.write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Daemons in different containers may share a folder and have the same process id, so a name
/// from a counter would not do. The keys of the standard hasher are random for each process and
/// differ for each call.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
