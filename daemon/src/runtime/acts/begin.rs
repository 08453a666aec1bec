//! A new municipality: looked at, and then its year is live.

use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use tokio::task::spawn_blocking;
use vekha_engine::RunKey;
use vekha_engine::preview::{What, Wish, preview};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::read_with_warnings;

use crate::definitions::begin::{Beginning, Table, begin};
use crate::definitions::year::{Course, course};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::request::Request;
use crate::runtime::road_maps::{ApplyError, Applying, Means, Version};
use crate::store::StoreError;

/// How many of the first openings are shown.
const SHOWN: usize = 12;

/// A municipality that could begin: its road map, read.
#[derive(Debug)]
pub struct Begun {
    read: Version,
    today: Date,
}

/// How the first year of a municipality would go, for whoever thinks it over.
#[derive(Debug)]
pub struct FirstYear {
    /// The road map.
    pub read: Version,
    /// How its first year would go.
    pub course: Course,
    /// What opens first.
    pub openings: Vec<First>,
    /// What `check` says is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// One of the first openings.
#[derive(Debug, Clone, Serialize)]
pub struct First {
    /// The day.
    pub day: String,
    /// The activity.
    pub what: String,
}

/// Why it cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Unbegun {
    /// Fields are wrong.
    #[error("заполнено неверно: {}", .0.len())]
    Wrong(Vec<FieldError>),
    /// The road map that comes of it has mistakes.
    #[error("в дорожной карте ошибок: {}", .0.len())]
    Mistakes(Vec<Diagnostic>),
    /// It could not be computed, or somebody made it meanwhile.
    #[error("{0}")]
    Failed(String),
    /// The database failed.
    #[error("база данных: {0}")]
    Store(StoreError),
}

impl Runtime {
    /// Makes a road map of what was said; puts nothing in force.
    ///
    /// # Errors
    /// All that is wrong.
    pub async fn read_beginning(
        &self,
        what: &Beginning,
        table: Table<'_>,
    ) -> Result<Begun, Unbegun> {
        let now = self.clock.now();
        let zone = jiff::tz::TimeZone::get(&what.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let today = zone.to_datetime(now).date();
        let files = begin(what, table, today).map_err(Unbegun::Wrong)?;
        let read = self.road_maps.read(files, "", now).await.map_err(Unbegun::Mistakes)?;
        let id = &read.road_map.municipality.id;
        if read.number > 1 {
            let message = format!("муниципалитет «{id}» уже есть: назовите этот иначе");
            return Err(Unbegun::Wrong(vec![FieldError { field: "id".to_owned(), message }]));
        }
        Ok(Begun { read, today })
    }

    /// Lives through the first year of what was read.
    ///
    /// # Errors
    /// When it could not be computed.
    pub async fn look_at_beginning(&self, begun: Begun) -> Result<FirstYear, Unbegun> {
        let looked = spawn_blocking(move || {
            let Begun { read, today } = begun;
            let map = &read.road_map;
            let from = map.municipality.begins.unwrap_or(today).max(today);
            let to = from.saturating_add(1.year());
            let lines = preview(map, Wish { from, to, silent: false });
            let opened = lines.iter().filter(|line| matches!(line.what, What::Opened { .. }));
            let first = opened.take(SHOWN).map(|line| {
                let key = line.run.parse::<RunKey>();
                let activity = key.ok().and_then(|key| map.activity(&key.activity));
                let short = activity.map_or(line.run.as_str(), |a| a.short.as_str());
                First {
                    day: glossary::date(map.municipality.today(line.at)),
                    what: format!("{}. {short}", line.number),
                }
            });
            let (openings, course) = (first.collect(), course(&lines));
            let warnings = read_with_warnings(&read.files).1.warnings;
            FirstYear { course, openings, warnings, read }
        });
        looked.await.map_err(|e| Unbegun::Failed(e.to_string()))
    }

    /// Puts it in force.
    ///
    /// # Errors
    /// When there is such a municipality by now, or the database fails.
    pub async fn begin(
        &self,
        begun: Begun,
        actor: &str,
        request: Option<Request>,
    ) -> Result<Arc<Version>, Unbegun> {
        let files = begun.read.files.clone();
        let mut read = begun.read;
        read.applied_by = actor.to_owned();
        // Whoever makes it has seen none: one that is there by now is not replaced.
        let by =
            Applying { actor, seen: Some(""), read: Some(read), means: Means::Beginning, request };
        self.apply_as(files, by).await.map_err(|e| match e {
            ApplyError::Store(e) => Unbegun::Store(e),
            ApplyError::Mistakes(mistakes) => Unbegun::Mistakes(mistakes),
            ApplyError::Stale | ApplyError::RequestReused => {
                Unbegun::Failed("такой муниципалитет уже завели".to_owned())
            }
        })
    }
}
