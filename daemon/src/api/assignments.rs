//! Assignments and the answers to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState};
use vekha_engine::{AssignmentKey, Command, RunKey};
use vekha_proto::v1::{self, assignment_service_server::AssignmentService};
use vekha_roadmap::answers::FieldError;

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::names::Depth;
use super::permits::sees_links;
use super::{Api, convert, lists, lists_mistakes, names, status};
use crate::forms::reports;
use crate::runtime::road_maps::Version;
use crate::runtime::seen::{Thing, etag};
use crate::store::document;
use crate::store::entities::assignment;
use crate::wire::Twin;

impl Api {
    /// The row of an assignment.
    pub(super) async fn assignment_row(
        &self,
        run: &RunKey,
        id: &str,
    ) -> Result<assignment::Model, Status> {
        let full = format!("{run}/{id}");
        let row = self.runtime.store().assignment(&full).await.map_err(status::unavailable)?;
        row.ok_or_else(|| status::not_found(format!("поручение {full}")))
    }

    /// Carries out a command on an assignment; `wrong` is what could not even be read.
    async fn change_assignment(
        &self,
        name: &str,
        wrong: Vec<FieldError>,
        command: impl FnOnce(AssignmentKey) -> Command,
        mutation: Mutation,
    ) -> Result<Response<v1::Assignment>, Status> {
        let (run, assignment) = names::assigned("name", name, "assignments")?;
        let id = assignment.to_string();
        self.assignment_row(&run, &id).await?;
        let what = Thing::Assignment(assignment.clone());
        let command = command(assignment.clone());
        let answered =
            self.step_with(wrong, run.clone(), command, what, &mutation, str::to_owned).await?;
        if let Some(would_be) = answered.would_be
            && let Some(owed) = would_be.run.assignments.get(&assignment)
        {
            let version = self.version_for(&run).await?;
            let shown = self.describe_owed(&run, &assignment, owed, &version, false, false);
            return Ok(Response::new(v1::Assignment { etag: String::new(), ..shown }));
        }
        let row = self.assignment_row(&run, &id).await?;
        Ok(Response::new(self.describe_assignment(&row, false, false).await?))
    }

    /// A run by its id, and the version that it keeps; none if either cannot be read.
    async fn version_at(&self, run: &str) -> Result<Option<(RunKey, Arc<Version>)>, Status> {
        let Ok(key) = run.parse::<RunKey>() else { return Ok(None) };
        let version = self.runtime.version_of(&key).await.map_err(status::unavailable);
        let version = status::readable(version)?.flatten();
        Ok(version.map(|version| (key, version)))
    }

    async fn describe_assignment(
        &self,
        row: &assignment::Model,
        form: bool,
        link: bool,
    ) -> Result<v1::Assignment, Status> {
        let key: RunKey = row.run.parse().map_err(status::unreadable)?;
        let version = self.version_for(&key).await?;
        self.describe_row(&key, row, &version, form, link)
    }

    /// The road map that a run keeps.
    async fn version_for(&self, run: &RunKey) -> Result<Arc<Version>, Status> {
        let version = self.runtime.version_of(run).await.map_err(status::unavailable)?;
        version.ok_or_else(|| status::not_found("версия дорожной карты"))
    }

    fn describe_row(
        &self,
        run: &RunKey,
        row: &assignment::Model,
        version: &Version,
        form: bool,
        link: bool,
    ) -> Result<v1::Assignment, Status> {
        let a: Assignment = document(&row.id, &row.body).map_err(status::unavailable)?;
        let key = AssignmentKey::new(&row.stage, &row.organisation);
        Ok(self.describe_owed(run, &key, &a, version, form, link))
    }

    fn describe_owed(
        &self,
        key: &RunKey,
        of: &AssignmentKey,
        a: &Assignment,
        version: &Version,
        form: bool,
        link: bool,
    ) -> v1::Assignment {
        let run = names::of_run(key);
        let closing = version.road_map.municipality.closing(a.due);
        let late = match a.state {
            AssignmentState::Open | AssignmentState::Returned => {
                self.runtime.clock().now() > closing
            }
            AssignmentState::Answered => a.late,
            AssignmentState::Missing | AssignmentState::Waived => false,
        };
        let kind = match a.kind {
            AssignmentKind::Collect => v1::AssignmentKind::Collect,
            AssignmentKind::Acknowledge => v1::AssignmentKind::Acknowledge,
            AssignmentKind::Measure(_) => v1::AssignmentKind::Measure,
        };
        let form =
            form.then(|| reports::of_assignment(&version.road_map, key, of, a.kind)).flatten();
        v1::Assignment {
            name: format!("{run}/assignments/{of}"),
            stage: of.stage.clone(),
            organisation: of.organisation.clone(),
            kind: kind.into(),
            state: a.state.wire().into(),
            due: a.due.to_string(),
            asked_at: Some(convert::timestamp(a.asked_at)),
            answered_at: a.answered_at.map(convert::timestamp),
            late,
            version: a.version,
            reason: a.reason.clone(),
            form: form.as_deref().map(crate::forms::describe),
            recommendation: match a.kind {
                AssignmentKind::Acknowledge => format!("{run}/recommendations/{of}"),
                _ => String::new(),
            },
            measure: match a.kind {
                AssignmentKind::Measure(n) => format!("{run}/measures/{n}"),
                _ => String::new(),
            },
            link: if link {
                let token = self.runtime.store().secret().token(&format!("{key}/{of}"), a.link);
                format!("{}/a/{token}", self.runtime.public_url())
            } else {
                String::new()
            },
            etag: etag(a),
            comment: a.comment.clone(),
            returns: a.returns,
            extension_request: a.request.as_ref().map(|wish| v1::ExtensionRequest {
                due: wish.due.to_string(),
                reason: wish.reason.clone(),
                at: Some(convert::timestamp(wish.at)),
            }),
            run,
        }
    }
}

#[tonic::async_trait]
impl AssignmentService for Api {
    async fn list_assignments(
        &self,
        request: Request<v1::ListAssignmentsRequest>,
    ) -> Result<Response<v1::ListAssignmentsResponse>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let fields = [
            words!("state", "ASSIGNMENT_STATE_", AssignmentState),
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("stage", Kind::Id),
            words!("kind", "ASSIGNMENT_KIND_", AssignmentKind),
            ("late", Kind::Flag),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        if r.show_link {
            sees_links(&by, parent.municipality.as_deref())?;
        }
        let mut filter = lists::filter(&parent, &conditions);
        filter.organisations = by.only_of(parent.municipality.as_deref());
        if conditions.flag("late") == Some(true) {
            filter.due_to = Some(lists::latest_late(self.runtime.clock().now()));
        }
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows = store.list_assignments(&filter, page).await.map_err(status::unavailable)?;
            let mut turned = Vec::with_capacity(rows.len());
            // A page is of few runs: each is looked at once.
            let mut versions: BTreeMap<&str, Option<(RunKey, Arc<Version>)>> = BTreeMap::new();
            for row in &rows {
                if !versions.contains_key(row.run.as_str()) {
                    versions.insert(&row.run, self.version_at(&row.run).await?);
                }
                let described = match versions.get(row.run.as_str()) {
                    Some(Some((run, version))) => {
                        status::readable(self.describe_row(run, row, version, false, r.show_link))?
                    }
                    _ => None,
                };
                turned.push(described.filter(|a| {
                    let kind = a.kind().as_str_name().trim_start_matches("ASSIGNMENT_KIND_");
                    conditions.allow("kind", &kind.to_lowercase())
                        && conditions.flag("late").is_none_or(|late| late == a.late)
                }));
            }
            walk.take(rows.iter().map(|row| row.id.clone()).zip(turned));
        }
        let (assignments, next_page_token) = walk.end();
        Ok(Response::new(v1::ListAssignmentsResponse { assignments, next_page_token }))
    }

    async fn get_assignment(
        &self,
        request: Request<v1::GetAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let by = identity(&request);
        let r = request.into_inner();
        let (run, id) = names::below_run("name", &r.name, "assignments")?;
        if r.show_link {
            sees_links(&by, Some(&run.municipality))?;
        }
        let row = self.assignment_row(&run, &id).await?;
        Ok(Response::new(self.describe_assignment(&row, true, r.show_link).await?))
    }

    async fn submit_assignment(
        &self,
        request: Request<v1::SubmitAssignmentRequest>,
    ) -> Result<Response<v1::Submission>, Status> {
        let r = Asked::of(request);
        let listing = lists_mistakes(r.list_mistakes, r.validate_only)?;
        let list = |mistakes| v1::Submission { mistakes, ..v1::Submission::default() };
        status::listed(listing, self.submit(r).await, list)
    }

    async fn import_submissions(
        &self,
        request: Request<Streaming<v1::ImportSubmissionsRequest>>,
    ) -> Result<Response<v1::ImportSubmissionsResponse>, Status> {
        let by = identity(&request);
        self.import(by, request.into_inner()).await.map(Response::new)
    }

    async fn list_submissions(
        &self,
        request: Request<v1::ListSubmissionsRequest>,
    ) -> Result<Response<v1::ListSubmissionsResponse>, Status> {
        self.submissions(request.into_inner()).await
    }

    async fn get_file(
        &self,
        request: Request<v1::GetFileRequest>,
    ) -> Result<Response<v1::GetFileResponse>, Status> {
        self.file_of_answer(request.into_inner()).await
    }

    async fn compare_submissions(
        &self,
        request: Request<v1::CompareSubmissionsRequest>,
    ) -> Result<Response<v1::CompareSubmissionsResponse>, Status> {
        self.differences(request.into_inner()).await
    }

    async fn waive_assignment(
        &self,
        request: Request<v1::WaiveAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let reason = r.reason.clone();
        let command = |assignment| Command::Waive { assignment, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn extend_assignment(
        &self,
        request: Request<v1::ExtendAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let mut wrong = Vec::new();
        let due = convert::noted_date(&mut wrong, "due", &r.due);
        let reason = r.reason.clone();
        let command = |assignment| Command::Extend { assignment, due, reason };
        self.change_assignment(&r.name, wrong, command, Mutation::read(&r)?).await
    }

    async fn request_extension(
        &self,
        request: Request<v1::RequestExtensionRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let mut wrong = Vec::new();
        let due = convert::noted_date(&mut wrong, "due", &r.due);
        let reason = r.reason.clone();
        let command = |assignment| Command::RequestExtension { assignment, due, reason };
        self.change_assignment(&r.name, wrong, command, Mutation::read(&r)?).await
    }

    async fn decline_extension(
        &self,
        request: Request<v1::DeclineExtensionRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let reason = r.reason.clone();
        let command = |assignment| Command::DeclineExtension { assignment, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn send_link(
        &self,
        request: Request<v1::SendLinkRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let (renew, reason) = (r.renew, r.reason.clone());
        let command = |assignment| Command::SendLink { assignment, renew, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn return_assignment(
        &self,
        request: Request<v1::ReturnAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = Asked::of(request);
        let mut wrong = Vec::new();
        let due = (!r.due.is_empty()).then(|| convert::noted_date(&mut wrong, "due", &r.due));
        let comment = r.comment.clone();
        let command = |assignment| Command::ReturnAnswer { assignment, comment, due };
        self.change_assignment(&r.name, wrong, command, Mutation::read(&r)?).await
    }
}
