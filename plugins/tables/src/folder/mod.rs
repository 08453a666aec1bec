//! Source of records from files that another program or a person puts into a folder: one file with
//! a row for each organisation, a column with their codes, and a column for each field.
//!
//! The newest file whose name fits the request is taken. A file that is still being written is not
//! read: a file that was not there before must have the same size and time at two looks with a
//! pause between them ([`FolderConfig::settle_milliseconds`]), and again once it was read; else the
//! caller tries again later. Whoever writes files elsewhere on the same file system and moves them
//! into the folder needs no pause.
//!
//! Content that was read already is known by its hash, and its outcome, right or wrong, is given
//! again without parsing. Files are never changed, moved or removed.
//!
//! A field that is a table does not fit into a row, and is not looked for.

mod config;
mod memory;
mod newest;
mod pattern;
mod rows;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use vekha_plugin::{
    Capability, Description, FetchRequest, Fetched, Health, Plugin, Problem, Setting, SettingKind,
    Source, SourceError,
};

pub use config::FolderConfig;
use config::{Checked, Layout};
use memory::{Known, Memory, Outcome};
use newest::Look;
#[cfg(feature = "fuzzing")]
pub(crate) use rows::records as rows;

use crate::{CellError, Limits};

/// Most mistakes that are told of one file: people read the first ones.
const MOST_TOLD: usize = 50;

/// Reads a file. A field of [`Folder`], for tests to count what is read.
type Read = fn(&Layout, &FetchRequest, &str, &[u8], &Limits) -> Result<Fetched, Vec<CellError>>;

/// The source.
#[derive(Debug)]
pub struct Folder {
    config: FolderConfig,
    checked: Arc<Checked>,
    limits: Limits,
    memory: Memory,
    read: Read,
}

impl Folder {
    /// A source with this configuration. Touches no file yet.
    ///
    /// # Errors
    ///
    /// Every mistake of the configuration at once.
    pub fn new(config: FolderConfig) -> Result<Self, Vec<Problem>> {
        let checked = Arc::new(config.check()?);
        let (limits, memory) = (Limits::default(), Memory::default());
        Ok(Folder { config, checked, limits, memory, read: rows::records })
    }

    /// The same with other bounds of a file.
    pub fn with_limits(self, limits: Limits) -> Self {
        Folder { limits, ..self }
    }

    /// Works on the folder where that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, SourceError> {
        let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other);
        done.flatten().map_err(|error| SourceError::Failed(self.explain(&error)))
    }

    /// What an administrator reads when the folder cannot be read.
    fn explain(&self, error: &io::Error) -> String {
        format!(
            "не удаётся прочитать папку «{}»: {error}; проверьте, что она есть и доступна",
            self.config.folder.display()
        )
    }

    /// The newest file for a request.
    async fn newest(&self, request: &FetchRequest) -> Result<Look, SourceError> {
        let names = self.checked.pattern.fill(request);
        let folder = self.config.folder.clone();
        let found = self.blocking(move || newest::newest(&folder, |name| names.has(name))).await?;
        found.ok_or_else(|| {
            SourceError::Failed(format!(
                "в папке «{}» нет файла по образцу «{}»: форма {}, период {}",
                self.config.folder.display(),
                self.checked.pattern.text(),
                request.form,
                request.period
            ))
        })
    }

    /// What a file comes to, unless it changed on the way.
    async fn outcome(
        &self,
        request: &FetchRequest,
        look: &Look,
        known: Option<Known>,
    ) -> Result<Option<Known>, SourceError> {
        let (look, request, limits) = (look.clone(), request.clone(), self.limits);
        let (checked, read) = (Arc::clone(&self.checked), self.read);
        self.blocking(move || {
            let Some(bytes) = look.read(limits.file)? else { return Ok(None) };
            let hash: [u8; 32] = Sha256::digest(&bytes).into();
            let same = known.filter(|known| known.hash == hash && known.look.name == look.name);
            let outcome = match same {
                Some(known) => known.outcome,
                None => read(&checked.layout, &request, &look.name, &bytes, &limits)
                    .map_err(|mistakes| told(&look.name, &mistakes)),
            };
            Ok(Some(Known { look, hash, outcome }))
        })
        .await
    }

    /// Whether the folder can be read; if not, why, in Russian.
    async fn probe(&self) -> Result<(), String> {
        let folder = self.config.folder.clone();
        let probed = self.blocking(move || std::fs::read_dir(folder).map(|_| ())).await;
        probed.map_err(|error| error.to_string())
    }
}

/// All mistakes of a file, a line each.
fn told(name: &str, mistakes: &[CellError]) -> String {
    let mut text = format!("файл «{name}»:");
    for mistake in mistakes.iter().take(MOST_TOLD) {
        let _ = write!(text, "\n{mistake}");
    }
    if mistakes.len() > MOST_TOLD {
        let _ = write!(text, "\nи ещё ошибок: {}", mistakes.len() - MOST_TOLD);
    }
    text
}

#[async_trait]
impl Plugin for Folder {
    fn describe(&self) -> Description {
        describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        self.probe().await.map_err(|why| vec![Problem::new("folder", why)])
    }

    async fn health(&self) -> Health {
        match self.probe().await {
            Ok(()) => Health::Healthy,
            Err(why) => Health::unhealthy(why),
        }
    }
}

#[async_trait]
impl Source for Folder {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError> {
        let look = self.newest(request).await?;
        let unfinished = || SourceError::Failed(format!("файл «{}» ещё записывается", look.name));
        let known = self.memory.recall(request);
        if known.as_ref().is_none_or(|known| known.look != look) {
            tokio::time::sleep(self.checked.settle).await;
            let later = look.clone();
            if !self.blocking(move || later.holds()).await? {
                return Err(unfinished());
            }
        }
        let known = self.outcome(request, &look, known).await?.ok_or_else(unfinished)?;
        let outcome: Outcome = known.outcome.clone();
        self.memory.keep(request, known);
        outcome.map_err(SourceError::Refused)
    }
}

/// What the source is, without a configuration.
pub fn describe() -> Description {
    use SettingKind::{Integer, Path, Table, Text};
    Description {
        name: "folder".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Берёт данные об организациях из таблиц, которые кладут в папку.".into(),
        capabilities: vec![Capability::Source],
        settings: vec![
            Setting::required("folder", Path, "Папка, в которой появляются файлы."),
            Setting::optional(
                "file",
                Text,
                "Имя файла: {form}, {period}, {activity} и {municipality} заменяются тем, о чём \
                 запрос, * — любой текст; по умолчанию {form}-{period}.*. Из подходящих берётся \
                 самый новый.",
            ),
            Setting::optional(
                "organisation",
                Text,
                "Заголовок столбца с кодами организаций; по умолчанию «Код ОО».",
            ),
            Setting::optional(
                "fields",
                Table,
                "Поле формы = заголовок столбца. Названный здесь столбец обязан быть в \
                 файле; остальные находятся по названию или имени поля, если они есть.",
            ),
            Setting::optional(
                "settle-milliseconds",
                Integer,
                "Сколько миллисекунд новый файл должен не меняться, чтобы его прочитать, от 0 до \
                 60000; по умолчанию 2000.",
            ),
        ],
    }
}
