//! Letters as `.eml` files in a folder: mail that needs no server, for a first look and for tests.
//! Any mail client opens them.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use vekha_plugin::files::{make_private, probe_folder, write_private};
use vekha_plugin::{DeliveryError, Message, Receipt};

/// The longest readable part of a file name, in bytes.
const MAX_SLUG: usize = 80;

/// Writes a letter into its file. The same message has the same file, so a letter delivered twice
/// is one file.
pub(crate) async fn deliver(
    folder: &Path,
    message: &Message,
    letter: Vec<u8>,
) -> Result<Receipt, DeliveryError> {
    let path = folder.join(file_name(message));
    let detail = path.display().to_string();
    let written = blocking(folder, move |folder| {
        // Letters carry links that open a school's form.
        make_private(folder)?;
        write_private(&path, &letter)
    });
    written
        .await
        .map(|()| Receipt { detail, refused: vec![] })
        // Written or not, the next try writes the same file.
        .map_err(|error| DeliveryError::unavailable(explain(folder, &error)))
}

/// Whether letters can be written; if not, why, in Russian.
pub(crate) async fn probe(folder: &Path) -> Result<(), String> {
    let probed = blocking(folder, |folder| {
        make_private(folder)?;
        probe_folder(folder)
    });
    probed.await.map_err(|error| explain(folder, &error))
}

fn explain(folder: &Path, error: &io::Error) -> String {
    format!(
        "не удаётся записать письмо в папку «{}»: {error}; проверьте, что она доступна для записи",
        folder.display()
    )
}

async fn blocking(
    folder: &Path,
    work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let folder = PathBuf::from(folder);
    tokio::task::spawn_blocking(move || work(&folder)).await.map_err(io::Error::other)?
}

/// `20270915T070000Z-<readable part of the key>-<its hash>.eml`: sorts by time, ASCII, at most 115
/// bytes, different for different keys, and never a path.
fn file_name(message: &Message) -> String {
    let date = Timestamp::from_millisecond(message.date)
        .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_else(|_| "undated".to_owned());
    let hash = hex::encode(&Sha256::digest(&message.key)[..6]);
    format!("{date}-{}{hash}.eml", slug(&message.key))
}

/// The key's Latin letters and digits in lower case, joined and ended by hyphens.
fn slug(key: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = key.split(|c| !fits(c)).filter(|word| !word.is_empty());
    let mut slug: String = words.flat_map(|word| [word, "-"]).collect();
    slug.make_ascii_lowercase();
    if slug.len() > MAX_SLUG {
        slug.truncate(MAX_SLUG - 1);
        slug.push('-');
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: &str) -> String {
        file_name(&Message { key: key.into(), date: 1_820_991_600_000, ..Message::default() })
    }

    #[test]
    fn a_file_name_says_when_and_what() {
        let name = name("zarechny/vpr/2026-27/collect/school-1/Reminder 2");
        let readable = "20270915T070000Z-zarechny-vpr-2026-27-collect-school-1-reminder-2-";
        assert!(name.starts_with(readable), "{name}");
    }

    #[test]
    fn a_file_name_is_bounded_ascii_and_never_a_path() {
        for key in ["../../etc/passwd", "/", "..", "", "школа №1", "a\0b\r\n", &"x/".repeat(500)]
        {
            let name = name(key);
            assert!(name.len() <= 115, "{name}");
            assert!(name.is_ascii() && !name.contains(['/', '\\', '\0', '\n', ' ']), "{name}");
            assert!(name.starts_with("20270915T070000Z-") && name.ends_with(".eml"), "{name}");
        }
    }

    #[test]
    fn keys_that_look_alike_have_files_of_their_own() {
        assert_ne!(name("vpr/school-1"), name("vpr-school/1"));
        assert_ne!(name("школа 1"), name("школа 2"));
    }
}
