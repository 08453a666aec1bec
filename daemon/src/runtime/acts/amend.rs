//! What changed files of a road map would mean, looked at before they are put in force.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::{Files, read_with_warnings};

use crate::definitions::difference::{Difference, Side, differences};
use crate::definitions::year::{Year, year};
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// Files that may be put in force, and what that would change.
#[derive(Debug)]
pub struct Proposal {
    /// The files, read.
    pub read: Version,
    /// What differs, in words; nothing if the files say the same.
    pub differences: Vec<Difference>,
}

/// What a change would do, for whoever thinks it over: two years are lived through for it, so it is
/// not computed where nobody looks.
#[derive(Debug)]
pub struct Consequences {
    /// What differs, in words.
    pub differences: Vec<Difference>,
    /// How the year ahead goes otherwise.
    pub year: Year,
    /// What `check` says is worth a look, and did not say before.
    pub warnings: Vec<Diagnostic>,
}

/// Why files cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// They have mistakes.
    #[error("в дорожной карте ошибок: {}", .0.len())]
    Mistakes(Vec<Diagnostic>),
    /// They are another municipality's.
    #[error("это карта муниципалитета «{0}», а не этого")]
    Foreign(String),
    /// What they change could not be computed.
    #[error("перемены не посчитаны: {0}")]
    Failed(String),
}

impl Runtime {
    /// Looks at files that are to take the place of a version.
    ///
    /// # Errors
    /// Why they cannot.
    pub async fn propose(&self, newest: &Arc<Version>, files: Files) -> Result<Proposal, Unfit> {
        let now = self.clock.now();
        let read = self.road_maps.read(files, "", now).await.map_err(Unfit::Mistakes)?;
        let own = &newest.road_map.municipality.id;
        if read.road_map.municipality.id != *own {
            return Err(Unfit::Foreign(read.road_map.municipality.id));
        }
        let newest = newest.clone();
        let compared = spawn_blocking(move || {
            let differences = between(&newest, &read);
            Proposal { read, differences }
        });
        compared.await.map_err(|e| Unfit::Failed(e.to_string()))
    }

    /// What a proposal would do if it took the place of a version.
    ///
    /// # Errors
    /// When it could not be computed.
    pub async fn consequences(
        &self,
        newest: &Arc<Version>,
        proposal: Proposal,
    ) -> Result<Consequences, Unfit> {
        let today = newest.road_map.municipality.today(self.clock.now());
        let newest = newest.clone();
        let lived = spawn_blocking(move || {
            let Proposal { read, differences } = proposal;
            let year = match differences.is_empty() {
                true => Year::default(),
                false => year(&newest.road_map, &read.road_map, today),
            };
            let mut warnings = read_with_warnings(&read.files).1.warnings;
            if !warnings.is_empty() {
                let known = read_with_warnings(&newest.files).1.warnings;
                warnings.retain(|one| !known.iter().any(|other| other.message == one.message));
            }
            Consequences { differences, year, warnings }
        });
        lived.await.map_err(|e| Unfit::Failed(e.to_string()))
    }
}

/// What a version changed of the one before it.
pub fn between(was: &Version, becomes: &Version) -> Vec<Difference> {
    differences(
        Side { files: &was.files, map: &was.road_map },
        Side { files: &becomes.files, map: &becomes.road_map },
    )
}
