//! A road map's folder, read into memory.

use std::io;
use std::path::Path;

use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::Files;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// What a folder held.
#[derive(Debug, Default)]
pub struct Folder {
    /// The files; one that could not be read is empty here, so that nobody misses it as well.
    pub files: Files,
    /// Which could not be read, and why.
    pub unread: Vec<Diagnostic>,
}

/// Reads the files of a road map; what does not belong to one is left alone.
///
/// # Errors
/// When the folder or any of its files cannot be read: all of them, in words.
pub fn load(folder: &Path) -> io::Result<Files> {
    let Folder { files, unread } = look(folder)?;
    if unread.is_empty() {
        return Ok(files);
    }
    let line =
        |d: &Diagnostic| format!("{}:{}: {}", folder.join(&d.file).display(), d.line, d.message);
    let lines: Vec<String> = unread.iter().map(line).collect();
    Err(io::Error::new(io::ErrorKind::InvalidData, lines.join("\n")))
}

/// The same, telling apart what could be read and what could not.
///
/// # Errors
/// When there is no such folder, or it cannot be listed.
pub fn look(folder: &Path) -> io::Result<Folder> {
    let mut found = Folder::default();
    collect(folder, "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, below: &str, found: &mut Folder) -> io::Result<()> {
    let at = |e: io::Error| {
        io::Error::new(e.kind(), format!("папка {}: {}", folder.display(), words(&e)))
    };
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let relative = format!("{below}{name}");
        let metadata = std::fs::metadata(&path);
        let is = |kind: fn(&std::fs::Metadata) -> bool| metadata.as_ref().is_ok_and(kind);
        // Two levels are enough for letters/KIND/part; deeper folders are nobody's business.
        if is(std::fs::Metadata::is_dir) {
            if below.matches('/').count() < 2 && !name.starts_with('.') {
                collect(&path, &format!("{relative}/"), found)?;
            }
        } else if Files::wants(&relative) {
            let (text, wrong) =
                match metadata.map_err(|e| (1, words(&e))).and_then(|m| read(&path, m.len())) {
                    Ok(text) => (text, None),
                    Err(wrong) => (String::new(), Some(wrong)),
                };
            found.unread.extend(wrong.map(|(line, message)| Diagnostic {
                file: relative.clone(),
                line,
                column: 1,
                message,
                help: None,
            }));
            found.files.0.insert(relative, text);
        }
    }
    Ok(())
}

/// A file's text, or the line at which it cannot be read, and why.
fn read(path: &Path, length: u64) -> Result<String, (u32, String)> {
    if length > LARGEST {
        return Err((1, format!("файл больше {} МБ", LARGEST >> 20)));
    }
    let bytes = std::fs::read(path).map_err(|e| (1, words(&e)))?;
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count() as u32;
        (line, "файл не в UTF-8 (может быть, в Windows-1251): сохраните его в UTF-8".to_owned())
    })
}

/// What stands in the way, in Russian where it is of a common kind.
pub fn words(e: &io::Error) -> String {
    // One that somebody has put into words keeps them.
    if e.raw_os_error().is_none() {
        return e.to_string();
    }
    match e.kind() {
        io::ErrorKind::NotFound => "не найдено".to_owned(),
        io::ErrorKind::PermissionDenied => "нет права читать или писать".to_owned(),
        io::ErrorKind::NotADirectory => "это не папка".to_owned(),
        io::ErrorKind::IsADirectory => "это папка, а нужен файл".to_owned(),
        io::ErrorKind::AlreadyExists => "уже есть".to_owned(),
        io::ErrorKind::StorageFull => "на диске нет места".to_owned(),
        io::ErrorKind::AddrInUse => "адрес занят другой программой".to_owned(),
        io::ErrorKind::AddrNotAvailable => "у этой машины нет такого адреса".to_owned(),
        io::ErrorKind::ConnectionRefused => "никто не отвечает".to_owned(),
        _ => e.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_with_all_the_rest() {
        let place = tempfile::TempDir::new().unwrap();
        let write =
            |path: &str, bytes: &[u8]| std::fs::write(place.path().join(path), bytes).unwrap();
        std::fs::create_dir(place.path().join("forms")).unwrap();
        write("municipality.toml", b"id = \"m\"\nname = \"\xc3\xee\xf0\xee\xe4\"\n");
        write("forms/marks.toml", "title = \"Отметки\"\n".as_bytes());
        std::os::unix::fs::symlink("nowhere", place.path().join("calendar.toml")).unwrap();
        let found = look(place.path()).unwrap();
        let mut told: Vec<_> = found.unread.iter().map(|d| (d.file.as_str(), d.line)).collect();
        told.sort_unstable();
        assert_eq!(told, [("calendar.toml", 1), ("municipality.toml", 2)]);
        assert_eq!(found.files.0.len(), 3, "nobody misses what could not be read");
        let said = load(place.path()).unwrap_err().to_string();
        assert!(said.contains("Windows-1251") && said.contains("не найдено"), "{said}");
        let missing = look(&place.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("не найдено"), "{missing}");
    }
}
