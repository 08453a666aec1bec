//! Road maps and their activities.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tonic::{Request, Response, Status};
use vekha_engine::Refusal;
use vekha_engine::preview::{Line as Previewed, What, Wish, preview};
use vekha_proto::v1::{self, road_map_service_server::RoadMapService};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::read::{Files, read_with_warnings};

use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::{Api, convert, names, status};
use crate::definitions::difference::Line;
use crate::runtime::AskError;
use crate::runtime::acts::amend::between;
use crate::runtime::road_maps::{ApplyError, Applying, Version};
use crate::wire::Twin as _;

/// Longest preview, in days.
const LONGEST_PREVIEW: i64 = 366 * 3;

impl Api {
    pub(super) fn newest(&self, municipality: &str) -> Result<Arc<Version>, Status> {
        let newest = self.runtime.road_maps().newest(municipality);
        newest.ok_or_else(|| status::not_found(format!("муниципалитет «{municipality}»")))
    }

    /// The version of a road map that is called so.
    fn version_of_name(&self, field: &str, name: &str) -> Result<Arc<Version>, Status> {
        let (municipality, number) = names::version(field, name)?;
        let version = self.runtime.road_maps().version(&municipality, number);
        version.ok_or_else(|| status::not_found(format!("версия карты {name}")))
    }
}

fn of_version(version: &Version) -> String {
    let municipality = &version.road_map.municipality.id;
    format!("municipalities/{municipality}/roadMapVersions/{}", version.number)
}

/// A version without its files.
fn describe_version(newest: &Version, version: &Version) -> v1::RoadMapVersion {
    v1::RoadMapVersion {
        name: of_version(version),
        version: version.number as i32,
        applied_at: Some(convert::timestamp(version.applied_at)),
        applied_by: version.applied_by.clone(),
        means: version.means.wire().into(),
        digest: version.digest().to_owned(),
        is_current: version.number == newest.number,
        files: vec![],
    }
}

fn describe(version: &Version) -> v1::RoadMap {
    let road_map = &version.road_map;
    let m = &road_map.municipality;
    let time = |t: jiff::civil::Time| format!("{:02}:{:02}", t.hour(), t.minute());
    v1::RoadMap {
        name: format!("municipalities/{}/roadMap", m.id),
        version: version.number as i32,
        applied_at: Some(convert::timestamp(version.applied_at)),
        applied_by: version.applied_by.clone(),
        digest: version.digest().to_owned(),
        municipality: Some(v1::Municipality {
            name: format!("municipalities/{}", m.id),
            id: m.id.clone(),
            display_name: m.name.clone(),
            authority: m.authority.clone(),
            adopted_by: m.adopted_by.clone(),
            time_zone: m.time_zone.iana_name().unwrap_or_default().to_owned(),
            opens: time(m.opens),
            closes: time(m.closes),
            contact: Some(convert::contact(&m.contact)),
        }),
        sections: m
            .sections
            .iter()
            .map(|s| v1::Section { id: s.id.clone(), title: s.title.clone(), goal: s.goal.clone() })
            .collect(),
        activities_count: road_map.activities.len() as i32,
        organisations_count: road_map.organisations.len() as i32,
        etag: version.etag(),
    }
}

fn files(sent: Vec<v1::RoadMapFile>) -> Result<Files, Status> {
    let mut files = Files::default();
    for file in sent {
        if !Files::wants(&file.path) {
            return Err(status::invalid(
                "files",
                format!("{}: такого файла в карте нет", file.path),
            ));
        }
        files.0.insert(file.path, file.text);
    }
    Ok(files)
}

fn diagnostics(
    list: Vec<Diagnostic>,
    severity: v1::DiagnosticSeverity,
) -> impl Iterator<Item = v1::Diagnostic> {
    list.into_iter().map(move |d| v1::Diagnostic {
        severity: severity.into(),
        file: d.file,
        line: d.line,
        column: d.column,
        message: d.message,
        help: d.help.unwrap_or_default(),
    })
}

fn preview_entry(road_map: &RoadMap, line: Previewed) -> v1::PreviewEntry {
    let run = line.run.parse::<vekha_engine::RunKey>();
    let activity = run.as_ref().map_or_else(|_| String::new(), |k| k.activity.clone());
    let mut entry = v1::PreviewEntry {
        at: Some(convert::timestamp(line.at)),
        activity: names::of_activity(&road_map.municipality.id, &activity),
        number: line.number,
        run: names::of_run_id(&line.run),
        ..v1::PreviewEntry::default()
    };
    let kind = match line.what {
        What::Opened { latest } => {
            entry.text = if latest { "открыто (не позже)" } else { "открыто" }.into();
            entry.latest = latest;
            v1::PreviewKind::Opened
        }
        What::Waiting { runs } => {
            entry.waits_for = runs.iter().map(|id| names::of_run_id(id)).collect();
            entry.text = "ждёт".into();
            v1::PreviewKind::Waiting
        }
        What::Stage { stage, title, due } => {
            entry.stage = stage;
            entry.due = due.map(|d| d.to_string()).unwrap_or_default();
            entry.text = title;
            v1::PreviewKind::Stage
        }
        What::Letters { letter, to } => {
            entry.text = "письма".into();
            entry.letter = letter.as_str().into();
            entry.organisations = to;
            v1::PreviewKind::Letters
        }
        What::Ended { state } => {
            entry.state = match state.as_str() {
                "completed" => v1::RunState::Completed,
                "cancelled" => v1::RunState::Cancelled,
                _ => v1::RunState::Skipped,
            }
            .into();
            entry.text = "окончено".into();
            v1::PreviewKind::Ended
        }
    };
    entry.kind = kind.into();
    entry
}

#[tonic::async_trait]
impl RoadMapService for Api {
    async fn list_road_maps(
        &self,
        request: Request<v1::ListRoadMapsRequest>,
    ) -> Result<Response<v1::ListRoadMapsResponse>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let paging = paging!(r)?;
        let newest = self.runtime.road_maps().all_newest();
        let sees = |id: &str| by.roles.within(id).is_some();
        let own = newest.iter().filter(|v| sees(&v.road_map.municipality.id));
        let all = own.map(|v| describe(v)).collect();
        let (road_maps, next_page_token) = paging.slice(all, |m: &v1::RoadMap| m.name.clone());
        Ok(Response::new(v1::ListRoadMapsResponse { road_maps, next_page_token }))
    }

    async fn get_road_map(
        &self,
        request: Request<v1::GetRoadMapRequest>,
    ) -> Result<Response<v1::RoadMap>, Status> {
        let name = request.into_inner().name;
        let parent = name.strip_suffix("/roadMap").unwrap_or(&name);
        let version = self.newest(&names::municipality("name", parent)?)?;
        Ok(Response::new(describe(&version)))
    }

    async fn check_road_map(
        &self,
        request: Request<v1::CheckRoadMapRequest>,
    ) -> Result<Response<v1::CheckRoadMapResponse>, Status> {
        let (_, report) = read_with_warnings(&files(request.into_inner().files)?);
        let errors = diagnostics(report.errors, v1::DiagnosticSeverity::Error);
        let warnings = diagnostics(report.warnings, v1::DiagnosticSeverity::Warning);
        let diagnostics = errors.chain(warnings).collect();
        Ok(Response::new(v1::CheckRoadMapResponse { diagnostics }))
    }

    async fn apply_road_map(
        &self,
        request: Request<v1::ApplyRoadMapRequest>,
    ) -> Result<Response<v1::RoadMap>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let request = mutation.request.clone();
        let mistakes = |list: Vec<Diagnostic>| {
            let one = |d: Diagnostic| FieldError {
                field: "files".to_owned(),
                message: format!("{}:{}:{}: {}", d.file, d.line, d.column, d.message),
            };
            status::of(Refusal::Invalid(list.into_iter().map(one).collect()).into())
        };
        let refused = |e| match e {
            ApplyError::Mistakes(list) => mistakes(list),
            ApplyError::Stale => status::stale(),
            ApplyError::RequestReused => status::of(AskError::RequestReused),
            ApplyError::Store(e) => status::unavailable(e),
        };
        // A later release may no longer read what an earlier one took.
        if let Some(request) = &request {
            let maps = self.runtime.road_maps();
            let before = maps.applied_before(self.runtime.store(), request).await;
            if let Some(version) = before.map_err(refused)? {
                return Ok(Response::new(describe(&version)));
            }
        }
        let files = files(r.files)?;
        let (actor, now) = (mutation.actor.clone(), self.runtime.clock().now());
        let read = self.runtime.road_maps().read(files.clone(), &actor, now).await;
        let read = read.map_err(mistakes)?;
        let municipality = read.road_map.municipality.id.clone();
        if !r.parent.is_empty() && names::municipality("parent", &r.parent)? != municipality {
            let message = format!("это карта муниципалитета «{municipality}»");
            return Err(status::invalid("parent", message));
        }
        let newest = self.runtime.road_maps().newest(&municipality);
        if newest.as_ref().is_some_and(|newest| mutation.is_stale(&newest.etag())) {
            return Err(status::stale());
        }
        if mutation.validate_only {
            // The same files again would change nothing.
            let same = newest.filter(|newest| newest.digest() == read.digest());
            return Ok(Response::new(same.map_or_else(|| describe(&read), |same| describe(&same))));
        }
        let seen = Some(mutation.etag.as_str()).filter(|etag| !etag.is_empty());
        let read = Some(read);
        let by = Applying { actor: &actor, seen, request, read, ..Applying::default() };
        let version = self.runtime.apply_as(files, by).await.map_err(refused)?;
        Ok(Response::new(describe(&version)))
    }

    async fn list_road_map_versions(
        &self,
        request: Request<v1::ListRoadMapVersionsRequest>,
    ) -> Result<Response<v1::ListRoadMapVersionsResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let newest = self.newest(&names::municipality("parent", &r.parent)?)?;
        let all = self.runtime.road_maps().history(&newest.road_map.municipality.id);
        let all = all.iter().map(|version| describe_version(&newest, version)).collect();
        let newest_first = |one: &v1::RoadMapVersion| format!("{:010}", i32::MAX - one.version);
        let (versions, next_page_token) = paging.slice(all, newest_first);
        Ok(Response::new(v1::ListRoadMapVersionsResponse { versions, next_page_token }))
    }

    async fn get_road_map_version(
        &self,
        request: Request<v1::GetRoadMapVersionRequest>,
    ) -> Result<Response<v1::RoadMapVersion>, Status> {
        let version = self.version_of_name("name", &request.into_inner().name)?;
        let newest = self.newest(&version.road_map.municipality.id)?;
        let files = version.files.0.iter();
        let files =
            files.map(|(path, text)| v1::RoadMapFile { path: path.clone(), text: text.clone() });
        let files = files.collect();
        Ok(Response::new(v1::RoadMapVersion { files, ..describe_version(&newest, &version) }))
    }

    async fn compare_road_map_versions(
        &self,
        request: Request<v1::CompareRoadMapVersionsRequest>,
    ) -> Result<Response<v1::CompareRoadMapVersionsResponse>, Status> {
        let r = request.into_inner();
        let version = self.version_of_name("name", &r.name)?;
        let municipality = &version.road_map.municipality.id;
        let base = match r.base.as_str() {
            "" => {
                let all = self.runtime.road_maps().history(municipality);
                all.into_iter().rfind(|other| other.number < version.number)
            }
            named => {
                if names::version("base", named)?.0 != *municipality {
                    return Err(status::invalid("base", "это версия другой карты"));
                }
                Some(self.version_of_name("base", named)?)
            }
        };
        let Some(base) = base else {
            return Ok(Response::new(v1::CompareRoadMapVersionsResponse::default()));
        };
        let name = of_version(&base);
        let compared = tokio::task::spawn_blocking(move || between(&base, &version));
        let differences = compared.await.map_err(status::unavailable)?.into_iter();
        let line = |line: Line| v1::RoadMapDifferenceLine { what: line.what, how: line.how };
        let differences = differences.map(|one| v1::RoadMapDifference {
            thing: one.of,
            lines: one.lines.into_iter().map(line).collect(),
        });
        let differences = differences.collect();
        Ok(Response::new(v1::CompareRoadMapVersionsResponse { base: name, differences }))
    }

    type PreviewStream = Pin<Box<dyn Stream<Item = Result<v1::PreviewEntry, Status>> + Send>>;

    async fn preview(
        &self,
        request: Request<v1::PreviewRequest>,
    ) -> Result<Response<Self::PreviewStream>, Status> {
        let r = request.into_inner();
        let from = convert::date("from", &r.from)?;
        let to = convert::date("to", &r.to)?;
        let days = to.duration_since(from).as_hours() / 24;
        if !(0..=LONGEST_PREVIEW).contains(&days) {
            return Err(status::invalid("to", "от одного дня до трёх лет после «from»"));
        }
        let wish = Wish { from, to, silent: r.silent };
        let sent = if r.files.is_empty() { None } else { Some(files(r.files)?) };
        let newest = match &sent {
            None => Some(self.newest(&names::municipality("parent", &r.parent)?)?),
            Some(_) => None,
        };
        let computed = tokio::task::spawn_blocking(move || {
            let entries = |road_map: &RoadMap| {
                let lines = preview(road_map, wish);
                lines.into_iter().map(|line| Ok(preview_entry(road_map, line))).collect::<Vec<_>>()
            };
            match (newest, sent) {
                (Some(version), _) => Ok(entries(&version.road_map)),
                (None, Some(files)) => vekha_roadmap::read::read(&files).map(|m| entries(&m)),
                (None, None) => Ok(vec![]),
            }
        });
        let entries = computed.await.map_err(status::unavailable)?.map_err(|mistakes| {
            status::invalid("files", format!("в дорожной карте ошибок: {}", mistakes.len()))
        })?;
        Ok(Response::new(Box::pin(tokio_stream::iter(entries))))
    }

    async fn list_activities(
        &self,
        request: Request<v1::ListActivitiesRequest>,
    ) -> Result<Response<v1::ListActivitiesResponse>, Status> {
        self.activities(request.into_inner()).await
    }

    async fn get_activity(
        &self,
        request: Request<v1::GetActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        self.activity(request.into_inner()).await
    }

    async fn list_coming_openings(
        &self,
        request: Request<v1::ListComingOpeningsRequest>,
    ) -> Result<Response<v1::ListComingOpeningsResponse>, Status> {
        self.coming_openings(request.into_inner()).await
    }

    async fn pause_activity(
        &self,
        request: Request<v1::PauseActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        let r = Asked::of(request);
        self.pause(&r.name, true, &r.reason, Mutation::read(&r)?).await
    }

    async fn resume_activity(
        &self,
        request: Request<v1::ResumeActivityRequest>,
    ) -> Result<Response<v1::Activity>, Status> {
        let r = Asked::of(request);
        self.pause(&r.name, false, &r.reason, Mutation::read(&r)?).await
    }
}
