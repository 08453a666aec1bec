//! A road map's folder, read into memory.

use std::path::Path;

use vekha_roadmap::read::Files;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Reads the files of a road map; what does not belong to one is left alone.
///
/// # Errors
/// When the folder or one of its files cannot be read, is too large or is not UTF-8.
pub fn load(folder: &Path) -> std::io::Result<Files> {
    let mut files = Files::default();
    collect(folder, "", &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, below: &str, files: &mut Files) -> std::io::Result<()> {
    let at = |path: &Path, e: std::io::Error| {
        std::io::Error::new(e.kind(), format!("{}: {e}", path.display()))
    };
    for entry in std::fs::read_dir(folder).map_err(|e| at(folder, e))? {
        let entry = entry.map_err(|e| at(folder, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let relative = format!("{below}{name}");
        let kind = std::fs::metadata(&path).map_err(|e| at(&path, e))?;
        // Two levels are enough for letters/KIND/part; deeper folders are nobody's business.
        if kind.is_dir() && below.matches('/').count() < 2 && !name.starts_with('.') {
            collect(&path, &format!("{relative}/"), files)?;
        } else if kind.is_file() && Files::wants(&relative) {
            if kind.len() > LARGEST {
                let e = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "файл больше 4 МБ");
                return Err(at(&path, e));
            }
            let text = std::fs::read_to_string(&path).map_err(|e| at(&path, e))?;
            files.0.insert(relative, text);
        }
    }
    Ok(())
}
