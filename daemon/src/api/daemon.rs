//! How the daemon is, and what only a person can say to it.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, TroubleKind, status_service_server::StatusService};

use super::mutation::{Asked, Mutation, identity};
use super::{Api, convert, status};
use crate::access::{Identity, Role};
use crate::runtime::views::troubles::Trouble;
use vekha_roadmap::diagnostic::nearest;

/// How far the clock may have gone on since the caller saw it.
const SEEN: SignedDuration = SignedDuration::from_hours(1);

impl Api {
    fn describe_daemon(&self, by: &Identity) -> v1::Status {
        let sees_lines = by.roles.in_all() == Some(Role::Administrator);
        let now = self.runtime.clock().now();
        let newest = self.runtime.road_maps().all_newest();
        let zone = newest.first().map(|v| v.road_map.municipality.time_zone.clone());
        let zone = zone.unwrap_or(TimeZone::UTC);
        v1::Status {
            now: Some(convert::timestamp(now)),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            troubles: self
                .runtime
                .troubles()
                .iter()
                .map(|trouble| describe(trouble, &zone, sees_lines))
                .collect(),
        }
    }
}

fn describe(trouble: &Trouble, zone: &TimeZone, sees_lines: bool) -> v1::Trouble {
    let lines = match trouble {
        Trouble::Plugin { lines, .. } if sees_lines => lines.clone(),
        _ => vec![],
    };
    let (kind, row, shows) = match trouble {
        Trouble::Unsound => (TroubleKind::DatabaseUnsound, "", None),
        Trouble::Database(_) => (TroubleKind::DatabaseAway, "", None),
        Trouble::Clock(doubt) => (TroubleKind::ClockDoubtful, "", Some(doubt.shows)),
        Trouble::Mail(_) => (TroubleKind::MailAway, "", None),
        Trouble::Returns(_) => (TroubleKind::ReturnsUnread, "", None),
        Trouble::Certificate(_) => (TroubleKind::CertificateEnds, "", None),
        Trouble::Plugin { .. } => (TroubleKind::PluginAway, "", None),
        Trouble::Listener(_) => (TroubleKind::ListenerAway, "", None),
        Trouble::Version { id, .. } => (TroubleKind::RoadMapUnreadable, id.as_str(), None),
        Trouble::Row { row, .. } => (TroubleKind::RowUnreadable, row.as_str(), None),
        Trouble::Folder { municipality, .. } => {
            (TroubleKind::RoadMapFolderApart, municipality.as_str(), None)
        }
        Trouble::Unset { section, .. } => (TroubleKind::SettingsIncomplete, section.as_str(), None),
        Trouble::Log { .. } => (TroubleKind::LogGrows, "", None),
    };
    v1::Trouble {
        kind: kind.into(),
        words: trouble.words(zone),
        since: trouble.since().map(convert::timestamp),
        row: row.to_owned(),
        shows: shows.map(convert::timestamp),
        lines,
    }
}

/// A line that a plugin wrote.
pub(super) fn line((at, text): (jiff::Timestamp, String)) -> v1::plugin_log::Line {
    v1::plugin_log::Line { at: Some(convert::timestamp(at)), text }
}

#[tonic::async_trait]
impl StatusService for Api {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::Status>, Status> {
        Ok(Response::new(self.describe_daemon(&identity(&request))))
    }

    async fn get_plugin_log(
        &self,
        request: Request<v1::GetPluginLogRequest>,
    ) -> Result<Response<v1::PluginLog>, Status> {
        let plugin = request.into_inner().plugin;
        let written = self.runtime.written_by(&plugin).ok_or_else(|| {
            let names = self.runtime.plugin_names();
            let near = nearest(&plugin, names.iter().map(String::as_str));
            let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
            status::not_found(format!("плагин «{plugin}»{near}"))
        })?;
        Ok(Response::new(v1::PluginLog {
            plugin,
            lines: written.lines.into_iter().map(line).collect(),
            trouble: written.trouble.unwrap_or_default(),
        }))
    }

    async fn confirm_clock(
        &self,
        request: Request<v1::ConfirmClockRequest>,
    ) -> Result<Response<v1::Status>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let by = r.by.clone();
        let r = r.message;
        let actor = mutation.actor.clone();
        if self.before(&mutation).await?.is_some() {
            return Ok(Response::new(self.describe_daemon(&by)));
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
        let mut shown = self.describe_daemon(&by);
        if r.validate_only {
            shown.troubles.retain(|trouble| trouble.kind() != TroubleKind::ClockDoubtful);
        }
        Ok(Response::new(shown))
    }
}
