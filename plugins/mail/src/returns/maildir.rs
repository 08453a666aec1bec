//! Reports in a folder as mail servers and `fetchmail` fill it: a file for each letter, in `new` until
//! somebody has seen it, in `cur` afterwards, with what was done to it in its name.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{AT_ONCE, HEAD, Look, Lying};

/// What begins the marks in a file's name.
const MARKS: &str = ":2,";

/// Letters that nobody has seen, but for those that are known. A place is the file's path in the folder.
pub(super) async fn look(folder: &Path, known: &BTreeSet<String>) -> Result<Look, String> {
    let (folder, known) = (folder.to_owned(), known.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let unseen = unseen(&folder).map_err(|error| explain(&folder, &error))?;
        let fresh = unseen.iter().filter(|place| !known.contains(*place));
        let mut fresh: Vec<&String> = fresh.collect();
        // Names begin with the time of arrival, in whichever of the two folders they are.
        fresh.sort_by_key(|place| place.split_once('/').map(|(_, name)| name));
        let letters = fresh.into_iter().take(AT_ONCE).map(|place| Lying {
            place: place.clone(),
            head: head(&folder.join(place)).map_err(|error| error.to_string()),
        });
        let letters = letters.collect();
        Ok(Look { unseen, letters })
    });
    looked.await.map_err(|error| error.to_string())?
}

fn unseen(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut places = BTreeSet::new();
    for part in ["new", "cur"] {
        for entry in std::fs::read_dir(folder.join(part))? {
            let entry = entry?;
            // A name that is no text is none that a mail server gives.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let seen = name.split_once(MARKS).is_some_and(|(_, marks)| marks.contains('S'));
            if !name.starts_with('.') && !seen && entry.file_type()?.is_file() {
                places.insert(format!("{part}/{name}"));
            }
        }
    }
    Ok(places)
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Moves letters to those that were seen. Whoever was faster has done so already.
pub(super) async fn mark(folder: &Path, places: Vec<String>) -> Result<(), String> {
    let folder = folder.to_owned();
    let marked = tokio::task::spawn_blocking(move || {
        for place in &places {
            match std::fs::rename(folder.join(place), folder.join(seen(place))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(explain(&folder, &error));
                }
                _ => {}
            }
        }
        Ok(())
    });
    marked.await.map_err(|error| error.to_string())?
}

/// Where a letter lies once it was seen; marks stand in the order of the alphabet.
fn seen(place: &str) -> PathBuf {
    let name = place.split_once('/').map_or(place, |(_, name)| name);
    let (base, marks) = name.split_once(MARKS).unwrap_or((name, ""));
    let marks: BTreeSet<char> = marks.chars().chain(['S']).collect();
    PathBuf::from("cur").join(format!("{base}{MARKS}{}", String::from_iter(marks)))
}

fn explain(folder: &Path, error: &io::Error) -> String {
    format!(
        "папка возвращённых писем «{}» не читается: {error}; нужна папка вида Maildir (в ней new и \
         cur), доступная демону для чтения и записи",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_was_seen_keeps_its_name_and_its_other_marks() {
        let of = |place| seen(place).display().to_string();
        assert_eq!(of("new/1700.M1P2.host"), "cur/1700.M1P2.host:2,S");
        assert_eq!(of("cur/1700.M1P2.host:2,"), "cur/1700.M1P2.host:2,S");
        assert_eq!(of("cur/1700.M1P2.host,S=5:2,FT"), "cur/1700.M1P2.host,S=5:2,FST");
    }
}
