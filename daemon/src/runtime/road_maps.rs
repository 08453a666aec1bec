//! The versions of the road maps in force: what `apply` adds and every run keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use minijinja::Environment;
use sea_orm::SqlErr;
use sha2::{Digest, Sha256};
use vekha_engine::journal::hex;
use vekha_roadmap::RoadMap;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::{self, Files};

use super::registry;
use crate::store::entities::road_map;
use crate::store::{Store, instant, micros};

/// One version of a municipality's road map, ready for use.
#[derive(Debug, Clone)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// Who applied it.
    pub applied_by: String,
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
}

/// A version by its municipality and number.
type Name = (String, u32);

/// All versions of all municipalities.
#[derive(Debug, Default)]
pub struct RoadMaps {
    /// By municipality, ascending.
    versions: RwLock<BTreeMap<String, Vec<Arc<Version>>>>,
    /// Ids of all that was looked at, the unreadable included.
    seen: RwLock<BTreeSet<String>>,
    /// Older versions with the registry of the newest, each beside the newest's number.
    current: RwLock<BTreeMap<Name, (u32, Arc<Version>)>>,
}

/// Why a road map was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It has mistakes.
    #[error("в дорожной карте ошибок: {}", .0.len())]
    Mistakes(Vec<Diagnostic>),
    /// The database could not be read or written.
    #[error("база данных: {0}")]
    Store(#[from] sea_orm::DbErr),
}

impl RoadMaps {
    /// Loads every version from the database.
    ///
    /// # Errors
    /// When the database cannot be read. A version that this release can no longer read is left
    /// out with a log line: its runs then refuse steps, the others go on.
    pub async fn load(store: &Store) -> Result<Self, sea_orm::DbErr> {
        let road_maps = RoadMaps::default();
        road_maps.refresh(store).await?;
        Ok(road_maps)
    }

    /// Takes in versions that came to be since the last look: another daemon may have applied one.
    ///
    /// # Errors
    /// As [`RoadMaps::load`].
    pub async fn refresh(&self, store: &Store) -> Result<(), sea_orm::DbErr> {
        let mut new = store.road_map_ids().await?;
        {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            new.retain(|id| !seen.contains(id));
        }
        if new.is_empty() {
            return Ok(());
        }
        for row in store.road_maps(&new).await? {
            let files = serde_json::from_str(&row.files).map(Files);
            let files = files.map_err(|e| sea_orm::DbErr::Custom(format!("{}: {e}", row.id)))?;
            match compile(files, row.version as u32, instant(row.applied_at), &row.actor) {
                Ok(version) => self.add(row.municipality, Arc::new(version)),
                Err(mistakes) => {
                    let mistakes = mistakes.len();
                    tracing::error!(version = row.id, mistakes, "unreadable version");
                }
            }
            self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(row.id);
        }
        Ok(())
    }

    fn add(&self, municipality: String, version: Arc<Version>) {
        let mut all = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        let versions = all.entry(municipality).or_default();
        if let Err(place) = versions.binary_search_by_key(&version.number, |v| v.number) {
            versions.insert(place, version);
        }
    }

    /// Applies a road map as a new version; the same files again change nothing.
    ///
    /// # Errors
    /// When it has mistakes, or the database fails.
    pub async fn apply(
        &self,
        store: &Store,
        files: Files,
        actor: &str,
        now: Timestamp,
    ) -> Result<Arc<Version>, ApplyError> {
        let digest = digest(&files);
        let mut compiled = None;
        loop {
            self.refresh(store).await?;
            // The same files, whichever municipality's they are, need not be read again.
            if let Some(same) = self.all_newest().into_iter().find(|v| v.digest == digest) {
                return Ok(same);
            }
            let mut version = match compiled.take() {
                Some(version) => version,
                None => compile(files.clone(), 0, now, actor).map_err(ApplyError::Mistakes)?,
            };
            let municipality = version.road_map.municipality.id.clone();
            version.number = self.last_number(&municipality) + 1;
            let row = road_map::Model {
                id: format!("{municipality}/{}", version.number),
                municipality: municipality.clone(),
                version: version.number as i32,
                digest: version.digest.clone(),
                applied_at: micros(now),
                actor: actor.to_owned(),
                files: crate::store::json(&version.files.0),
            };
            let id = row.id.clone();
            match store.add_road_map(row).await {
                Ok(()) => {
                    let version = Arc::new(version);
                    self.add(municipality, version.clone());
                    self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(id);
                    return Ok(version);
                }
                // Somebody was faster with this number; perhaps with the same files.
                Err(e) if matches!(e.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                    compiled = Some(version);
                }
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

    /// The version that was in force at a moment; the first one before all of them.
    pub fn in_force(&self, municipality: &str, at: Timestamp) -> Option<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        let versions = all.get(municipality)?;
        versions.iter().rfind(|v| v.applied_at <= at).or(versions.first()).cloned()
    }

    /// The newest version of every municipality.
    pub fn all_newest(&self) -> Vec<Arc<Version>> {
        let all = self.versions.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(|versions| versions.last().cloned()).collect()
    }
}

fn compile(
    files: Files,
    number: u32,
    applied_at: Timestamp,
    actor: &str,
) -> Result<Version, Vec<Diagnostic>> {
    let applied_by = actor.to_owned();
    let road_map = read::read(&files)?;
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
    Ok(Version { number, applied_at, applied_by, road_map, files, templates, items, digest })
}

fn digest(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (path, text) in &files.0 {
        for part in [path, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hex(&hasher.finalize())
}
