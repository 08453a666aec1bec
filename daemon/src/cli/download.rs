//! Files that the daemon makes and sends by pieces: kept under their name only when they are whole.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tonic::Streaming;
use vekha_proto::v1::{self, download::Part};

use super::output::Output;

/// A file that is being received: beside the one that it is to become.
pub(super) struct Receiving {
    to: PathBuf,
    part: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl Receiving {
    /// Begins a file; whoever may not read what it holds cannot read it meanwhile either.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub async fn begin(to: &Path) -> anyhow::Result<Self> {
        if to.exists() {
            bail!("{}: такой файл уже есть", to.display());
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let file = tokio::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)
            .await
            .with_context(|| format!("не записать «{}»", part.display()))?;
        Ok(Receiving { to: to.to_owned(), part, file, hasher: Sha256::new(), bytes: 0 })
    }

    /// How many bytes have come.
    pub fn received(&self) -> i64 {
        i64::try_from(self.bytes).unwrap_or(i64::MAX)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        let written = self.file.write_all(bytes).await;
        written.with_context(|| format!("не записать «{}»", self.part.display()))
    }

    /// Keeps the file, if it is the one that was sent.
    ///
    /// # Errors
    /// When it is not, or cannot be kept.
    pub async fn keep(mut self, size: i64, sha256: &str) -> anyhow::Result<()> {
        if self.received() != size || hex::encode(self.hasher.finalize_reset()) != sha256 {
            bail!("файл получен не целиком ({} из {size} байт): повторите", self.bytes);
        }
        self.file.sync_all().await?;
        let kept = tokio::fs::rename(&self.part, &self.to).await;
        kept.with_context(|| format!("не записать «{}»", self.to.display()))
    }

    /// Throws away what was received.
    pub async fn drop_it(self) {
        tokio::fs::remove_file(&self.part).await.ok();
    }
}

/// Receives a document, telling how far its making is where somebody looks on.
pub(super) async fn save(
    mut pieces: Streaming<v1::Download>,
    to: &Path,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut receiving = Receiving::begin(to).await?;
    let received = receive(&mut pieces, &mut receiving).await;
    let file = match received {
        Ok(file) => file,
        Err(e) => {
            receiving.drop_it().await;
            return Err(e);
        }
    };
    receiving.keep(file.size, &file.sha256).await?;
    Ok(out.one(&file, || format!("записано: {}", to.display()))?)
}

async fn receive(
    pieces: &mut Streaming<v1::Download>,
    receiving: &mut Receiving,
) -> anyhow::Result<v1::DownloadedFile> {
    let looked_on = std::io::stderr().is_terminal();
    let mut file = None;
    while let Some(piece) = pieces.message().await? {
        match piece.part {
            Some(Part::Progress(v1::DownloadProgress { done, total, making })) if looked_on => {
                let mut to = std::io::stderr().lock();
                write!(to, "\r\u{1b}[K{done} из {total}: {making}").and_then(|()| to.flush()).ok();
            }
            Some(Part::File(found)) => file = Some(found),
            Some(Part::Content(bytes)) => receiving.take(&bytes).await?,
            Some(Part::Progress(_)) | None => {}
        }
    }
    if looked_on {
        write!(std::io::stderr(), "\r\u{1b}[K").ok();
    }
    file.context("демон не назвал файла")
}
