//! The integrations that the daemon works with.

use std::time::Duration;

use tonic::{Request, Response, Status};
use vekha_plugin::{Capability, Health};
use vekha_plugin_host::Phase;
use vekha_proto::v1::{self, PluginState, plugin_service_server::PluginService};
use vekha_roadmap::diagnostic::nearest;

use super::lists::paging;
use super::{Api, convert, status};
use crate::runtime::integrations::{Integrated, Seen, Works};
use crate::wire::Twin as _;

impl Api {
    fn describe_plugin(&self, one: &Integrated) -> v1::Plugin {
        let Seen { description, standing, program, trouble, restarts_at } = self.runtime.seen(one);
        let state = match (standing.map(|standing| standing.phase), &trouble) {
            (None | Some(Phase::Ready), None) => PluginState::Ready,
            (None | Some(Phase::Ready | Phase::Unwell), _) => PluginState::Unwell,
            (Some(Phase::Starting), _) => PluginState::Starting,
            (Some(Phase::Down(_)), _) => PluginState::Down,
            (Some(Phase::Ended), _) => PluginState::Ended,
        };
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let (trouble, trouble_since) = trouble.unzip();
        let mut shown = v1::Plugin {
            name: name(one),
            in_process: matches!(one.works, Works::Here(_)),
            program,
            used_by: one.used_by.clone(),
            state: state.into(),
            trouble: trouble.unwrap_or_default(),
            trouble_since: trouble_since.map(convert::timestamp),
            failures: standing.map_or(0, |standing| count(standing.failures as usize)),
            restarts_at: restarts_at.map(convert::timestamp),
            calls_under_way: standing.map_or(0, |standing| count(standing.calls)),
            ..v1::Plugin::default()
        };
        if let Some(description) = description {
            let can = |capability: &Capability| i32::from(capability.wire());
            shown.capabilities = description.capabilities.iter().map(can).collect();
            shown.kind = description.name;
            shown.version = description.version;
            shown.summary = description.summary;
        }
        shown
    }

    /// A plugin by the name that a request gives.
    fn known_plugin(&self, named: &str) -> Result<&Integrated, Status> {
        let section = named.strip_prefix("plugins/").filter(|section| !section.is_empty());
        let section = section.ok_or_else(|| {
            status::invalid("name", format!("«{named}»: нужно имя вида plugins/mail"))
        })?;
        let all = self.runtime.integrated();
        all.iter().find(|one| one.section == section).ok_or_else(|| {
            let near = nearest(section, all.iter().map(|one| one.section.as_str()));
            let near = near.map(|near| format!("; может быть, plugins/{near}?"));
            status::not_found(format!("плагин «{named}»{}", near.unwrap_or_default()))
        })
    }
}

fn name(one: &Integrated) -> String {
    format!("plugins/{}", one.section)
}

#[tonic::async_trait]
impl PluginService for Api {
    async fn list_plugins(
        &self,
        request: Request<v1::ListPluginsRequest>,
    ) -> Result<Response<v1::ListPluginsResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let all: Vec<&Integrated> = self.runtime.integrated().iter().collect();
        let (page, next_page_token) = paging.slice(all, |one| one.section.clone());
        let plugins = page.into_iter().map(|one| self.describe_plugin(one)).collect();
        Ok(Response::new(v1::ListPluginsResponse { plugins, next_page_token }))
    }

    async fn get_plugin(
        &self,
        request: Request<v1::GetPluginRequest>,
    ) -> Result<Response<v1::Plugin>, Status> {
        let one = self.known_plugin(&request.into_inner().name)?;
        let mut shown = self.describe_plugin(one);
        if let Works::Apart(plugin) = &one.works {
            let written = self.runtime.written_by(plugin.name());
            let lines = written.map(|written| written.lines).unwrap_or_default();
            shown.lines = lines.into_iter().map(super::daemon::line).collect();
        }
        Ok(Response::new(shown))
    }

    async fn check_plugin(
        &self,
        request: Request<v1::CheckPluginRequest>,
    ) -> Result<Response<v1::PluginCheck>, Status> {
        let one = self.known_plugin(&request.into_inner().name)?.clone();
        let tried = one.ask().await;
        let reason = match &tried.health {
            Health::Healthy => String::new(),
            Health::Unhealthy { reason } => reason.clone(),
        };
        let mistake = |problem: vekha_plugin::Problem| v1::Mistake {
            field: problem.field,
            description: problem.message,
        };
        Ok(Response::new(v1::PluginCheck {
            name: name(&one),
            healthy: tried.health.is_healthy() && tried.problems.is_empty(),
            reason,
            problems: tried.problems.into_iter().map(mistake).collect(),
            took: Some(duration(tried.took)),
        }))
    }
}

/// How long something took, as the contract has it.
fn duration(took: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(took.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: took.subsec_nanos().cast_signed() }
}
