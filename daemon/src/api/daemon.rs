//! How the daemon is, and what only a person can say to it.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, TroubleKind, status_service_server::StatusService};

use super::mutation::{Asked, Mutation};
use super::{Api, convert, status};
use crate::runtime::views::troubles::Trouble;

/// How far the clock may have gone on since the caller saw it.
const SEEN: SignedDuration = SignedDuration::from_hours(1);

impl Api {
    fn describe_daemon(&self) -> v1::Status {
        let now = self.runtime.clock().now();
        let newest = self.runtime.road_maps().all_newest();
        let zone = newest.first().map(|v| v.road_map.municipality.time_zone.clone());
        let zone = zone.unwrap_or(TimeZone::UTC);
        v1::Status {
            now: Some(convert::timestamp(now)),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            troubles: self.runtime.troubles().iter().map(|t| describe(t, &zone)).collect(),
        }
    }
}

fn describe(trouble: &Trouble, zone: &TimeZone) -> v1::Trouble {
    let (kind, row, shows) = match trouble {
        Trouble::Unsound => (TroubleKind::DatabaseUnsound, "", None),
        Trouble::Database(_) => (TroubleKind::DatabaseAway, "", None),
        Trouble::Clock(doubt) => (TroubleKind::ClockDoubtful, "", Some(doubt.shows)),
        Trouble::Mail(_) => (TroubleKind::MailAway, "", None),
        Trouble::Plugin { .. } => (TroubleKind::PluginAway, "", None),
        Trouble::Version { id, .. } => (TroubleKind::RoadMapUnreadable, id.as_str(), None),
        Trouble::Row { row, .. } => (TroubleKind::RowUnreadable, row.as_str(), None),
        Trouble::Folder { municipality, .. } => {
            (TroubleKind::RoadMapFolderApart, municipality.as_str(), None)
        }
        Trouble::Log { .. } => (TroubleKind::LogGrows, "", None),
    };
    v1::Trouble {
        kind: kind.into(),
        words: trouble.words(zone),
        since: trouble.since().map(convert::timestamp),
        row: row.to_owned(),
        shows: shows.map(convert::timestamp),
    }
}

#[tonic::async_trait]
impl StatusService for Api {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::Status>, Status> {
        Ok(Response::new(self.describe_daemon()))
    }

    async fn confirm_clock(
        &self,
        request: Request<v1::ConfirmClockRequest>,
    ) -> Result<Response<v1::Status>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let actor = mutation.actor.clone();
        if self.before(&mutation).await?.is_some() {
            return Ok(Response::new(self.describe_daemon()));
        }
        let seen = r.shows.and_then(convert::instant);
        let seen = seen.ok_or_else(|| status::invalid("shows", "какое время подтверждается"))?;
        self.runtime.clock().now();
        if let Some(doubt) = self.runtime.clock().doubt() {
            if doubt.shows.duration_since(seen).abs() > SEEN {
                let message = format!("часы показывают уже другое: {}", doubt.shows);
                return Err(status::invalid("shows", message));
            }
            if !r.validate_only {
                tracing::warn!(actor, shows = %doubt.shows, "the machine's clock is confirmed");
                self.runtime.confirm_clock().await.map_err(status::unavailable)?;
            }
        }
        self.remember(&mutation, String::new()).await?;
        let mut shown = self.describe_daemon();
        if r.validate_only {
            shown.troubles.retain(|trouble| trouble.kind() != TroubleKind::ClockDoubtful);
        }
        Ok(Response::new(shown))
    }
}
