//! The file of a backup: a ZIP archive with a list of what is in it and the SHA-256 of each, sealed:
//! its comment, the last bytes of the file, is the SHA-256 of all before it. So every byte counts, those
//! too that a reader of ZIP archives passes over.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::store::copy::Copied;

/// Where the database lies in an archive.
pub const DATABASE: &str = "data/vekha.db";
/// Where the secret lies.
pub const SECRET: &str = "data/secret";
/// Where the settings lie.
pub const SETTINGS: &str = "config/vekha.toml";
/// Where the list lies.
const LIST: &str = "list.json";
/// The form of archives; those of form 1 had no seal.
const FORM: u32 = 2;
/// How long a seal is: a SHA-256 in hex.
const SEAL: usize = 64;

/// Where the n-th road map of the settings lies.
pub fn road_map(number: usize) -> String {
    match number {
        0 => "config/road-map".to_owned(),
        number => format!("config/road-map-{}", number + 1),
    }
}

/// What goes into an archive.
pub enum Content {
    /// A text.
    Text(String),
    /// What a file holds.
    File(PathBuf),
}

/// What an archive says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct List {
    /// In which form it was written.
    form: u32,
    /// By which release.
    release: String,
    /// How far the journal of its database reaches; none without a database.
    pub journal: Option<i64>,
    /// How many road maps the settings name.
    pub road_maps: usize,
    /// SHA-256 of each file, lower-case hex.
    files: BTreeMap<String, String>,
}

/// An archive that is read.
pub struct Archive {
    zip: ZipArchive<File>,
    /// What it says of itself.
    pub list: List,
}

impl Archive {
    /// Writes an archive, readable by its owner only, and forces it to the disk.
    ///
    /// # Errors
    /// When a content cannot be read or the archive not be written.
    pub fn write(
        path: &Path,
        contents: &BTreeMap<String, Content>,
        database: Option<Copied>,
        road_maps: usize,
    ) -> anyhow::Result<()> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| path.display().to_string())?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true);
        let mut zip = ZipWriter::new(file);
        let mut files = BTreeMap::new();
        for (name, content) in contents {
            zip.start_file(name.as_str(), options)?;
            let hash = match content {
                Content::Text(text) => hashed(text.as_bytes(), &mut zip)?,
                Content::File(file) => {
                    let read = File::open(file).with_context(|| file.display().to_string())?;
                    hashed(read, &mut zip)?
                }
            };
            files.insert(name.clone(), hash);
        }
        let list = List {
            form: FORM,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            journal: database.map(|copied| copied.last),
            road_maps,
            files,
        };
        zip.start_file(LIST, options)?;
        zip.write_all(&serde_json::to_vec_pretty(&list)?)?;
        zip.set_raw_comment([b'0'; SEAL].into())?;
        seal(zip.finish()?).with_context(|| path.display().to_string())
    }

    /// Opens an archive and reads its list.
    ///
    /// # Errors
    /// When it is none of ours, or not every byte of it is as it was written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let none = || format!("{}: это не резервная копия Вехи", path.display());
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut zip = ZipArchive::new(file).with_context(none)?;
        let list = zip.by_name(LIST).with_context(none)?;
        let list: List = serde_json::from_reader(list.take(1 << 24)).with_context(none)?;
        if list.form > FORM {
            bail!("{}: копия сделана более новой Вехой ({})", path.display(), list.release);
        }
        if list.form == FORM && !sealed(File::open(path)?)? {
            bail!("{}: резервная копия повреждена", path.display());
        }
        Ok(Archive { zip, list })
    }

    /// Proves that every file of the list is there as it was written.
    ///
    /// # Errors
    /// Which is not.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.each(|_| Ok(io::sink()))
    }

    /// Unpacks every file of the list below a folder, each readable by its owner only.
    ///
    /// # Errors
    /// When one is not as it was written, or cannot be written.
    pub fn unpack(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.each(|name| {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
        })
    }

    fn each<W: io::Write>(
        &mut self,
        mut open: impl FnMut(&Path) -> io::Result<W>,
    ) -> anyhow::Result<()> {
        for (name, expected) in &self.list.files {
            let mut file = self.zip.by_name(name).with_context(|| name.clone())?;
            // A foreign archive must not write outside the folder.
            let place =
                file.enclosed_name().with_context(|| format!("{name}: недопустимое имя"))?;
            let mut to = open(&place).with_context(|| name.clone())?;
            let hash = hashed(&mut file, &mut to).with_context(|| name.clone())?;
            if hash != *expected {
                bail!("{name}: файл в копии повреждён");
            }
        }
        Ok(())
    }
}

/// Writes into the place that the archive's comment keeps for it what the file's other bytes hash to,
/// and forces all of it to the disk.
fn seal(mut file: File) -> io::Result<()> {
    let (hash, _) = halves(&mut file)?;
    file.seek(SeekFrom::End(-(SEAL as i64)))?;
    file.write_all(hash.as_bytes())?;
    file.sync_all()
}

/// Whether a file's last bytes are what its other bytes hash to.
fn sealed(mut file: File) -> io::Result<bool> {
    let (hash, seal) = halves(&mut file)?;
    Ok(hash.as_bytes() == seal)
}

/// What a file's bytes before its seal hash to, and its seal.
fn halves(file: &mut File) -> io::Result<(String, Vec<u8>)> {
    let length = file.seek(SeekFrom::End(0))?.saturating_sub(SEAL as u64);
    file.rewind()?;
    let hash = hashed(Read::by_ref(file).take(length), &mut io::sink())?;
    let mut seal = Vec::new();
    file.read_to_end(&mut seal)?;
    Ok((hash, seal))
}

/// Copies all there is to read; returns its SHA-256 in lower-case hex.
fn hashed(mut from: impl Read, to: &mut impl io::Write) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
        }
    }
    to.flush()?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_of_which_any_bit_is_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.zip");
        let contents = BTreeMap::from([
            (SECRET.to_owned(), Content::Text("secret".into())),
            (SETTINGS.to_owned(), Content::Text("a = 1\n".repeat(20))),
        ]);
        Archive::write(&path, &contents, None, 0).unwrap();
        Archive::open(&path).unwrap().check().unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        for place in 0..whole.len() {
            for bit in 0..8 {
                damaged[place] ^= 1 << bit;
                std::fs::write(&path, &damaged).unwrap();
                assert!(Archive::open(&path).is_err(), "bit {bit} of byte {place}");
                damaged[place] = whole[place];
            }
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(Archive::open(&path).is_err(), "cut to {length}");
        }
        std::fs::write(&path, [&whole[..], b"\0"].concat()).unwrap();
        assert!(Archive::open(&path).is_err(), "with a byte more");
    }
}
