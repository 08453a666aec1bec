//! The versions of the road maps in force: what `apply` adds and every run keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use minijinja::Environment;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::{self, Files};

use super::request::Request;
use super::{registry, seen};
use crate::store::entities::{request, road_map};
use crate::store::{Store, StoreError, instant, micros, unreadable};

/// How a version came to be. What was made on pages does not give way to a folder in silence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Means {
    /// From files: a folder of the settings, or a call.
    #[default]
    Files,
    /// A form changed the version before.
    Form,
    /// An archive was uploaded.
    Archive,
    /// An earlier version came back.
    Return,
    /// The road map of a new municipality was made.
    Beginning,
}

impl Means {
    /// As the database spells it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// How it came, for people.
    pub fn words(self) -> &'static str {
        match self {
            Means::Files => "из папки",
            Means::Form => "правка на странице",
            Means::Archive => "загружен архив",
            Means::Return => "возврат к прежней версии",
            Means::Beginning => "новый муниципалитет",
        }
    }
}

/// One version of a municipality's road map, ready for use.
#[derive(Debug, Clone)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// Who applied it.
    pub applied_by: String,
    /// How it came to be.
    pub means: Means,
    /// What it says.
    pub road_map: RoadMap,
    /// Its files.
    pub files: Files,
    /// Its templates, compiled.
    pub templates: Environment<'static>,
    /// The letters' templates in the frame that they have within a digest.
    pub items: Environment<'static>,
    digest: String,
}

impl Version {
    /// SHA-256 over the files, lower-case hex: the same files are the same version.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The etag of the road map as long as this is its newest version.
    pub fn etag(&self) -> String {
        seen::of_text(&self.digest)
    }
}

/// A version by its municipality and number.
type Name = (String, u32);

/// One road map is read at a time: it takes a core for a while, and the other is for those who serve.
static READING: Semaphore = Semaphore::const_new(1);

/// All versions of all municipalities.
#[derive(Debug, Default)]
pub struct RoadMaps {
    /// By municipality, ascending.
    versions: RwLock<BTreeMap<String, Vec<Arc<Version>>>>,
    /// Ids of all that was looked at, the unreadable included.
    seen: RwLock<BTreeSet<String>>,
    /// Versions that cannot be read, by id, and why.
    unreadable: RwLock<BTreeMap<String, String>>,
    /// Older versions with the registry of the newest, each beside the newest's number.
    current: RwLock<BTreeMap<Name, (u32, Arc<Version>)>>,
}

/// Who applies a road map, and as what.
#[derive(Debug, Default)]
pub struct Applying<'a> {
    /// Who.
    pub actor: &'a str,
    /// The etag of the version that is to be replaced; none if any may be.
    pub seen: Option<&'a str>,
    /// The caller's request: asked again, it changes nothing.
    pub request: Option<Request>,
    /// The files, if they have been [read](RoadMaps::read) already.
    pub read: Option<Version>,
    /// How it comes.
    pub means: Means,
}

impl Applying<'_> {
    fn sees(&self, newest: &Version) -> bool {
        self.seen.is_none_or(|seen| seen == newest.etag())
    }
}

/// Why a road map was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It has mistakes.
    #[error("в дорожной карте ошибок: {}", .0.len())]
    Mistakes(Vec<Diagnostic>),
    /// There is a newer version than the caller saw.
    #[error("дорожная карта изменилась: прочтите её заново")]
    Stale,
    /// The request id was used for something else.
    #[error("этот request_id уже служил другому запросу")]
    RequestReused,
    /// The database could not be read or written.
    #[error("база данных: {0}")]
    Store(#[from] StoreError),
}

impl RoadMaps {
    /// Loads every version from the database.
    ///
    /// # Errors
    /// When the database cannot be read. A version that this release can no longer read is left
    /// out with a log line: its runs then refuse steps, the others go on.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let road_maps = RoadMaps::default();
        road_maps.refresh(store).await?;
        Ok(road_maps)
    }

    /// Takes in versions that came to be since the last look: another daemon may have applied one.
    ///
    /// # Errors
    /// As [`RoadMaps::load`].
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let mut new = store.road_map_ids().await?;
        {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            new.retain(|id| !seen.contains(id));
        }
        if new.is_empty() {
            return Ok(());
        }
        for row in store.road_maps(&new).await? {
            let (version, row) = aside(move || (read_version(&row), row)).await;
            match version {
                Ok(version) => self.add(row.municipality, Arc::new(version)),
                Err(why) => {
                    tracing::error!(version = row.id, "unreadable version: {why}");
                    let mut all = self.unreadable.write().unwrap_or_else(PoisonError::into_inner);
                    all.insert(row.id.clone(), why);
                }
            }
            self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(row.id);
        }
        Ok(())
    }

    /// The versions that cannot be read, by id, and why.
    pub fn unreadable(&self) -> BTreeMap<String, String> {
        self.unreadable.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a run's version is not at hand, for people.
    pub fn why_not(&self, run: &RunKey, number: u32) -> String {
        let id = format!("{}/{number}", run.municipality);
        let all = self.unreadable.read().unwrap_or_else(PoisonError::into_inner);
        let why = all.get(&id).map_or("её нет в базе", String::as_str);
        // In the words by which the next start finds what was put off for this.
        unreadable(&format!("версия {number} дорожной карты"), why).to_string()
    }

    fn add(&self, municipality: String, version: Arc<Version>) {
        let mut all = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        let versions = all.entry(municipality).or_default();
        if let Err(place) = versions.binary_search_by_key(&version.number, |v| v.number) {
            versions.insert(place, version);
        }
    }

    /// Reads the files of a road map as the version that they would become today.
    ///
    /// # Errors
    /// All mistakes in it.
    pub async fn read(
        &self,
        files: Files,
        actor: &str,
        now: Timestamp,
    ) -> Result<Version, Vec<Diagnostic>> {
        let actor = actor.to_owned();
        let compiled = aside(move || {
            let road_map = read::read(&files)?;
            Ok::<_, Vec<Diagnostic>>(version(files, road_map, 0, now, &actor))
        });
        let mut version = compiled.await?;
        version.number = self.last_number(&version.road_map.municipality.id) + 1;
        Ok(version)
    }

    /// The version that a request made before under its id.
    ///
    /// # Errors
    /// When the id was used for something else, or the database fails.
    pub async fn applied_before(
        &self,
        store: &Store,
        request: &Request,
    ) -> Result<Option<Arc<Version>>, ApplyError> {
        let Some(before) = store.request(&request.id).await? else { return Ok(None) };
        let (municipality, number) = before.made.rsplit_once('/').unwrap_or_default();
        self.refresh(store).await?;
        let made = number.parse().ok().and_then(|number| self.version(municipality, number));
        match made.filter(|_| before.digest == request.digest) {
            Some(version) => Ok(Some(version)),
            None => Err(ApplyError::RequestReused),
        }
    }

    /// Applies a road map as a new version; the same files again change nothing, nor does the same
    /// request. What is newer than the etag that the caller saw is not replaced.
    ///
    /// # Errors
    /// When it has mistakes, is stale, or the database fails.
    pub async fn apply(
        &self,
        store: &Store,
        files: Files,
        mut by: Applying<'_>,
        now: Timestamp,
    ) -> Result<Arc<Version>, ApplyError> {
        loop {
            self.refresh(store).await?;
            if let Some(request) = &by.request
                && let Some(before) = self.applied_before(store, request).await?
            {
                return Ok(before);
            }
            let request = |id: &str| {
                by.request.clone().map(|Request { id: request, digest }| request::Model {
                    id: request,
                    digest,
                    at: micros(now),
                    made: id.to_owned(),
                })
            };
            // The same files, whichever municipality's they are, need not be read again.
            let same = self.newest_of(&files);
            if let Some(same) = same.filter(|same| by.sees(same)) {
                let id = format!("{}/{}", same.road_map.municipality.id, same.number);
                if let Some(request) = request(&id) {
                    store.remember_request(request).await?;
                }
                return Ok(same);
            }
            let mut version = match by.read.take() {
                Some(version) => version,
                None => {
                    let read = self.read(files.clone(), by.actor, now).await;
                    read.map_err(ApplyError::Mistakes)?
                }
            };
            let municipality = version.road_map.municipality.id.clone();
            // Whoever comes in between takes the number.
            if self.newest(&municipality).is_some_and(|newest| !by.sees(&newest)) {
                return Err(ApplyError::Stale);
            }
            version.number = self.last_number(&municipality) + 1;
            version.means = by.means;
            let row = road_map::Model {
                id: format!("{municipality}/{}", version.number),
                municipality: municipality.clone(),
                version: version.number as i32,
                digest: version.digest.clone(),
                applied_at: micros(now),
                actor: by.actor.to_owned(),
                files: crate::store::json(&version.files.0),
                means: by.means.as_str().to_owned(),
            };
            let id = row.id.clone();
            let request = request(&id);
            match store.add_road_map(row, request).await {
                // Another call of the same id was faster.
                Ok(false) => by.read = Some(version),
                Ok(true) => {
                    let version = Arc::new(version);
                    self.add(municipality, version.clone());
                    self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(id);
                    return Ok(version);
                }
                // Somebody was faster with this number; perhaps with the same files.
                Err(StoreError::Taken(_)) => by.read = Some(version),
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// The highest number that a version has; one that cannot be read has its number, too.
    fn last_number(&self, municipality: &str) -> u32 {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let number = |id: &String| id.strip_prefix(municipality)?.strip_prefix('/')?.parse().ok();
        seen.iter().filter_map(number).max().unwrap_or(0)
    }

    /// The version in force for new runs.
    pub fn newest(&self, municipality: &str) -> Option<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        all.get(municipality).and_then(|versions| versions.last().cloned())
    }

    /// A certain version.
    pub fn version(&self, municipality: &str, number: u32) -> Option<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        all.get(municipality)?.iter().find(|v| v.number == number).cloned()
    }

    /// A certain version as it is to be followed today: its own definitions, and who the
    /// organisations are, where they are reached and whether they still exist by the newest one.
    pub fn current(&self, municipality: &str, number: u32) -> Option<Arc<Version>> {
        let own = self.version(municipality, number)?;
        let newest = self.newest(municipality)?;
        if newest.number == number || registry::same(&own.road_map, &newest.road_map) {
            return Some(own);
        }
        let key = (municipality.to_owned(), number);
        {
            let known = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, version)) = known.get(&key).filter(|(by, _)| *by == newest.number) {
                return Some(version.clone());
            }
        }
        let road_map = registry::of_today(&own.road_map, &newest.road_map);
        let version = Arc::new(Version { road_map, ..Version::clone(&own) });
        let mut known = self.current.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, (newest.number, version.clone()));
        Some(version)
    }

    /// Every version of a municipality that can be read, ascending.
    pub fn history(&self, municipality: &str) -> Vec<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        all.get(municipality).cloned().unwrap_or_default()
    }

    /// The version that was in force at a moment; the first one before all of them.
    pub fn in_force(&self, municipality: &str, at: Timestamp) -> Option<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        let versions = all.get(municipality)?;
        versions.iter().rfind(|v| v.applied_at <= at).or(versions.first()).cloned()
    }

    /// The newest version of a municipality, if these are its files.
    pub fn newest_of(&self, files: &Files) -> Option<Arc<Version>> {
        let digest = digest(files);
        self.all_newest().into_iter().find(|version| version.digest == digest)
    }

    /// The newest version of every municipality.
    pub fn all_newest(&self) -> Vec<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(|versions| versions.last().cloned()).collect()
    }
}

/// Reads a road map off the threads that serve.
async fn aside<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    // It is never closed; without a place the work would still be right.
    let place = READING.acquire().await.ok();
    let done = spawn_blocking(read).await;
    drop(place);
    match done.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        // The daemon ends, and with it whoever waits.
        Err(Err(_)) => pending().await,
    }
}

/// A version from its row.
///
/// # Errors
/// Why it cannot be read: the first mistake, and how many there are.
fn read_version(row: &road_map::Model) -> Result<Version, String> {
    let files = serde_json::from_str(&row.files).map(Files).map_err(|e| e.to_string())?;
    let told = |mistakes: Vec<Diagnostic>| {
        let first = mistakes.first();
        let first = first.map(|d| format!("{}:{}: {}", d.file, d.line, d.message));
        format!("ошибок {}, первая: {}", mistakes.len(), first.unwrap_or_default())
    };
    let road_map = read::read_again(&files).map_err(told)?;
    let read = version(files, road_map, row.version as u32, instant(row.applied_at), &row.actor);
    // What a later release calls otherwise came from no folder that this one knows.
    Ok(Version { means: row.means.parse().unwrap_or(Means::Form), ..read })
}

fn version(
    files: Files,
    road_map: RoadMap,
    number: u32,
    applied_at: Timestamp,
    actor: &str,
) -> Version {
    let applied_by = actor.to_owned();
    let mut templates = read::environment();
    for (path, text) in &road_map.templates {
        // `check` has proved that every template parses.
        templates.add_template_owned(path.clone(), text.clone()).ok();
    }
    let mut items = templates.clone();
    for (base, item) in read::DIGEST_ITEMS {
        if let Some(text) = road_map.templates.get(item) {
            items.add_template_owned(base, text.clone()).ok();
        }
    }
    let digest = digest(&files);
    let means = Means::default();
    Version { number, applied_at, applied_by, means, road_map, files, templates, items, digest }
}

fn digest(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (path, text) in &files.0 {
        for part in [path, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hex::encode(hasher.finalize())
}
