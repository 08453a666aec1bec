//! Publishes documents as files in a folder, for any web server to serve.
//!
//! A document appears whole or not at all, and never outside the folder. The web server gives
//! files their media type by extension; `content_type` is not kept. What was published is never
//! removed: that is for the administrator.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;
use vekha_plugin::files::{probe_folder, write_whole};
use vekha_plugin::{
    Capability, Description, Document, Health, Plugin, Problem, PublishError, Published, Publisher,
    Setting, SettingKind,
};

/// The longest file or folder name, in bytes; what common file systems allow.
const MAX_NAME: usize = 255;
/// The longest path below the folder, in bytes.
const MAX_PATH: usize = 1024;

/// Where to publish.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SiteConfig {
    /// The folder that the web server serves. Created when first needed.
    pub folder: PathBuf,
    /// The address under which the web server shows the folder; none if nobody said.
    pub url: Option<String>,
}

/// The publisher.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    url: Option<String>,
}

impl Site {
    /// A publisher with this configuration. Touches no file yet.
    ///
    /// # Errors
    ///
    /// Every mistake of the configuration at once.
    pub fn new(config: SiteConfig) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if config.folder.as_os_str().is_empty() {
            problems.push(Problem::new("folder", "укажите папку для публикации"));
        }
        let url = config.url.map(|url| url.trim_end_matches('/').to_owned());
        let is_address = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if url.as_ref().is_some_and(|url| !is_address(url)) {
            problems.push(Problem::new("url", "нужен адрес вида https://site.example.org/reports"));
        }
        if problems.is_empty() { Ok(Site { folder: config.folder, url }) } else { Err(problems) }
    }

    /// Whether the folder can be written.
    async fn probe(&self) -> Result<(), String> {
        let folder = self.folder.clone();
        blocking(move || probe_folder(&folder).map_err(Obstacle::Disk))
            .await
            .map_err(|obstacle| self.explain(&obstacle))
    }

    /// What an administrator reads.
    fn explain(&self, obstacle: &Obstacle) -> String {
        match obstacle {
            Obstacle::Document(why) => why.clone(),
            Obstacle::Disk(error) => format!(
                "не удаётся записать в папку «{}»: {error}; проверьте, что она доступна для записи",
                self.folder.display()
            ),
        }
    }
}

#[async_trait]
impl Plugin for Site {
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

/// What the publisher is, without a configuration.
pub fn describe() -> Description {
    Description {
        name: "site".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Публикует отчёты файлами в папке сайта.".into(),
        capabilities: vec![Capability::Publisher],
        settings: vec![
            Setting::required("folder", SettingKind::Path, "Папка, которую показывает веб-сервер."),
            Setting::optional(
                "url",
                SettingKind::Text,
                "Адрес, под которым он её показывает: на него ведёт ссылка со страницы.",
            ),
        ],
    }
}

/// Why a document was not written.
enum Obstacle {
    /// Something about the document, in Russian.
    Document(String),
    /// Something about the folder.
    Disk(io::Error),
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Self {
        Obstacle::Disk(error)
    }
}

#[async_trait]
impl Publisher for Site {
    async fn publish(&self, document: &Document) -> Result<Published, PublishError> {
        let names = names(&document.path).map_err(|why| {
            PublishError::Refused(format!("путь документа «{}»: {why}", document.path))
        })?;
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let (folder, bytes) = (self.folder.clone(), document.bytes.clone());
        match blocking(move || write_below(&folder, &names, &bytes)).await {
            // Where the folder lies on this machine is nobody's business.
            Ok(()) => Ok(Published {
                location: match &self.url {
                    Some(url) => format!("{url}/{}", document.path),
                    None => document.path.clone(),
                },
            }),
            Err(obstacle @ Obstacle::Document(_)) => {
                Err(PublishError::Refused(self.explain(&obstacle)))
            }
            Err(obstacle @ Obstacle::Disk(_)) => Err(PublishError::Failed(self.explain(&obstacle))),
        }
    }
}

/// The names that a document's path consists of, each fit to be a file name anywhere; or why not.
fn names(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.len() > MAX_PATH {
        return Err("слишком длинный");
    }
    let names: Vec<&str> = path.split('/').collect();
    for name in &names {
        if name.is_empty() {
            return Err("должен состоять из имён через одну косую черту и не начинаться с неё");
        }
        if name.starts_with('.') {
            return Err("имя не может начинаться с точки");
        }
        if name.len() > MAX_NAME {
            return Err("имя слишком длинное");
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':')) {
            return Err("обратная косая черта, двоеточие и управляющие знаки не допускаются");
        }
    }
    Ok(names)
}

/// Writes `names` below `folder`, making folders on the way. A symbolic link inside the folder
/// could lead out of it, so none is followed.
fn write_below(folder: &Path, names: &[String], bytes: &[u8]) -> Result<(), Obstacle> {
    fs::create_dir_all(folder)?;
    let mut path = folder.to_path_buf();
    let (file, folders) = match names {
        [folders @ .., file] => (file, folders),
        [] => return Err(Obstacle::Document("у документа нет пути".into())),
    };
    for name in folders {
        path.push(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let why = format!("«{}» уже есть и это не папка", path.display());
                return Err(Obstacle::Document(why));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(&path)?,
            Err(error) => return Err(error.into()),
        }
    }
    path.push(file);
    if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
        let why = format!("«{}» уже есть и это папка", path.display());
        return Err(Obstacle::Document(why));
    }
    write_whole(&path, bytes)?;
    Ok(())
}

/// Another call may make the same folder at the same time.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Obstacle> + Send + 'static,
) -> Result<T, Obstacle> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(folder: &Path) -> Site {
        Site::new(SiteConfig { folder: folder.to_path_buf(), url: None }).unwrap()
    }

    fn document(path: &str, text: &str) -> Document {
        Document {
            path: path.into(),
            content_type: "text/html; charset=utf-8".into(),
            bytes: text.into(),
        }
    }

    #[tokio::test]
    async fn a_document_is_found_where_the_publisher_says() {
        let folder = tempfile::tempdir().unwrap();
        let report = document("2026-27/годовой отчёт.html", "<h1>Отчёт</h1>");
        let published = site(folder.path()).publish(&report).await.unwrap();
        assert_eq!(published.location, report.path, "not where the folder lies");
        let file = folder.path().join(&published.location);
        assert_eq!(fs::read_to_string(file).unwrap(), "<h1>Отчёт</h1>");
        let url = Some("https://site.example.org/reports/".to_owned());
        let config = SiteConfig { folder: folder.path().to_path_buf(), url };
        let published =
            Site::new(config).unwrap().publish(&document("a/b.html", "")).await.unwrap();
        assert_eq!(published.location, "https://site.example.org/reports/a/b.html");
    }

    #[tokio::test]
    async fn a_new_version_replaces_the_old_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        site.publish(&document("a/report.html", "old and longer")).await.unwrap();
        site.publish(&document("a/report.html", "new")).await.unwrap();
        let files: Vec<_> = fs::read_dir(folder.path().join("a")).unwrap().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(fs::read(folder.path().join("a/report.html")).unwrap(), b"new");
    }

    #[tokio::test]
    async fn a_path_that_leads_out_of_the_folder_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("site");
        let site = site(&folder);
        for path in [
            "../report.html",
            "a/../../report.html",
            "/etc/report.html",
            "a//report.html",
            "a/./report.html",
            "..\\report.html",
            "C:report.html",
            ".htaccess",
            "a\0b",
            "a/",
            "",
        ] {
            let refused = site.publish(&document(path, "x")).await.unwrap_err();
            assert!(matches!(refused, PublishError::Refused(_)), "{path:?}: {refused}");
        }
        let long = "я".repeat(200);
        assert!(site.publish(&document(&long, "x")).await.is_err());
        assert!(!folder.exists(), "nothing was written");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_inside_the_folder_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let refused = site(folder.path()).publish(&document("link/report.html", "x")).await;
        assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_a_problem_and_not_a_refusal() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let site = site(&file.path().join("site"));
        let problems = site.check().await.unwrap_err();
        assert_eq!(problems[0].field, "folder");
        assert!(!site.health().await.is_healthy());
        let failed = site.publish(&document("report.html", "x")).await.unwrap_err();
        assert!(matches!(failed, PublishError::Failed(_)), "{failed}");
    }
}
