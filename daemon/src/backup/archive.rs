//! The file of a backup: a ZIP archive with a list of what is in it and the SHA-256 of each.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
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
/// The only form of archives so far.
const FORM: u32 = 1;

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
        zip.finish()?.sync_all()?;
        Ok(())
    }

    /// Opens an archive and reads its list.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let none = || format!("{}: это не резервная копия Вехи", path.display());
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut zip = ZipArchive::new(file).with_context(none)?;
        let list = zip.by_name(LIST).with_context(none)?;
        let list: List = serde_json::from_reader(list.take(1 << 24)).with_context(none)?;
        if list.form != FORM {
            bail!("{}: копия сделана более новой Вехой ({})", path.display(), list.release);
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
