//! Files that are nobody else's on this machine: the database, its secret.

use std::fs::{OpenOptions, Permissions, set_permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// What nobody but the owner may: all that the group and others could.
pub const OTHERS_AND_GROUP: u32 = 0o077;

/// What nobody but the owner and its group may: whoever makes copies may be of the group.
pub const OTHERS: u32 = 0o007;

/// Makes an empty file for the owner alone, unless there is one: then rights of others are taken
/// away from it.
///
/// # Errors
/// When it cannot be made.
pub fn make_file(path: &Path) -> io::Result<()> {
    let mut new = OpenOptions::new();
    match new.write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            close(path, OTHERS);
            Ok(())
        }
        made => made.map(drop),
    }
}

/// Takes rights away from a file, and says so if it had them: what it holds may have been read.
pub fn close(path: &Path, rights: u32) {
    let Ok(found) = path.metadata() else { return };
    let mode = found.permissions().mode();
    if mode & rights == 0 {
        return;
    }
    let (file, mode, closed) = (path.display(), mode & 0o777, mode & !rights);
    match set_permissions(path, Permissions::from_mode(closed)) {
        Ok(()) => tracing::warn!("{file} was open to others ({mode:o}) and is closed to them now"),
        // A file system or an owner that does not allow it: whoever mounted it has to.
        Err(e) => tracing::warn!("{file} is open to others ({mode:o}): {e}; close it to them"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use vekha_plugin::files::make_private;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_the_owners_and_what_is_open_is_closed() {
        let place = tempfile::TempDir::new().unwrap();
        let folder = place.path().join("data/below");
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&place.path().join("data"))), (0o700, 0o700));
        let file = folder.join("vekha.db");
        make_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        std::fs::write(&file, "kept").unwrap();
        set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        make_file(&file).unwrap();
        assert_eq!(
            (mode(&file), std::fs::read_to_string(&file).unwrap().as_str()),
            (0o660, "kept")
        );
        close(&file, OTHERS_AND_GROUP);
        assert_eq!(mode(&file), 0o600);
    }
}
