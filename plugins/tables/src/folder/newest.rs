//! The newest file, and whether it is there whole.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Endings of files that may be tables; those of old Excel too, to say what to do with them.
const ENDINGS: [&str; 8] = ["xlsx", "xlsm", "xlsb", "xls", "ods", "csv", "tsv", "txt"];

/// A file as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// Its name.
    pub name: String,
    path: PathBuf,
    /// In bytes.
    pub size: u64,
    modified: SystemTime,
}

impl Look {
    fn at(name: String, path: PathBuf, found: &Metadata) -> io::Result<Self> {
        Ok(Look { name, path, size: found.len(), modified: found.modified()? })
    }

    /// Whether the file is still as it was. Links are not followed.
    pub(crate) fn holds(&self) -> io::Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) => self.fits(&found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fits(&self, found: &Metadata) -> io::Result<bool> {
        let same = found.len() == self.size && found.modified()? == self.modified;
        Ok(found.is_file() && same)
    }

    /// The content, if the file is as it was before and after; at most so many bytes and one.
    pub(crate) fn read(&self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = File::open(&self.path)?;
        // What was opened may be another file than the one that was looked at.
        if !self.fits(&file.metadata()?)? {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(self.holds()?.then_some(bytes))
    }
}

/// The newest file of a folder that `fits` by its name; of files of the same moment, the last by
/// name. Links, hidden files and those that programs keep beside an open one are left alone.
pub(crate) fn newest(folder: &Path, fits: impl Fn(&str) -> bool) -> io::Result<Option<Look>> {
    let mut newest: Option<Look> = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let aside = name.starts_with('.') || name.starts_with('~');
        if aside || !is_table(&name) || !fits(&name) {
            continue;
        }
        let found = match entry.metadata() {
            Ok(found) if found.is_file() => found,
            Ok(_) => continue,
            // It went while we were looking.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let look = Look::at(name, entry.path(), &found)?;
        let order = |look: &Look| (look.modified, look.name.clone());
        if newest.as_ref().is_none_or(|newest| order(newest) < order(&look)) {
            newest = Some(look);
        }
    }
    Ok(newest)
}

fn is_table(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn put(folder: &Path, name: &str, age: u64) {
        let path = folder.join(name);
        fs::write(&path, name).unwrap();
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - age);
        File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
    }

    #[test]
    fn the_newest_of_the_right_name_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a-1.csv", 20);
        put(folder.path(), "a-2.csv", 10);
        put(folder.path(), "a-3.csv", 10);
        put(folder.path(), "b.csv", 0);
        put(folder.path(), "~$a-2.xlsx", 0);
        put(folder.path(), ".a-4.csv", 0);
        put(folder.path(), "a-5.csv.part", 0);
        fs::create_dir(folder.path().join("a-6.csv")).unwrap();
        let found = newest(folder.path(), |name| name != "b.csv").unwrap().unwrap();
        assert_eq!(found.name, "a-3.csv");
        assert_eq!(found.read(100).unwrap().unwrap(), b"a-3.csv");
        assert!(newest(folder.path(), |_| false).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        put(outside.path(), "secret.csv", 0);
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("a.csv");
        std::os::unix::fs::symlink(outside.path().join("secret.csv"), &link).unwrap();
        assert!(newest(folder.path(), |_| true).unwrap().is_none());
        // Nor one that takes the file's place once it was looked at.
        fs::remove_file(&link).unwrap();
        put(folder.path(), "a.csv", 0);
        let look = newest(folder.path(), |_| true).unwrap().unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.csv"), &link).unwrap();
        assert!(!look.holds().unwrap());
        assert!(look.read(100).unwrap().is_none());
    }

    #[test]
    fn a_file_that_grows_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a.csv", 0);
        let look = newest(folder.path(), |_| true).unwrap().unwrap();
        assert!(look.holds().unwrap());
        put(folder.path(), "a.csv", 1);
        assert!(!look.holds().unwrap());
        assert!(look.read(100).unwrap().is_none());
        fs::remove_file(folder.path().join("a.csv")).unwrap();
        assert!(!look.holds().unwrap());
    }
}
