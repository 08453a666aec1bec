//! Assignments and the answers to them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState};
use vekha_engine::{AssignmentKey, Command, Origin, RunKey};
use vekha_proto::v1::{self, assignment_service_server::AssignmentService};
use vekha_roadmap::answers::{FieldError, Values, compare};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::Mutation;
use super::names::Depth;
use super::{Api, convert, lists, lists_mistakes, names, status};
use crate::forms::reports;
use crate::runtime::acts::answer::NewAnswer;
use crate::runtime::committer::Answered;
use crate::runtime::documents::uploads::Upload;
use crate::runtime::road_maps::Version;
use crate::runtime::seen::{Thing, etag};
use crate::store::document;
use crate::store::entities::{assignment, submission};
use crate::store::read::Page;
use crate::wire::Twin;

impl Api {
    async fn assignment_row(&self, run: &RunKey, id: &str) -> Result<assignment::Model, Status> {
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

    /// Answers an assignment.
    async fn submit(
        &self,
        r: v1::SubmitAssignmentRequest,
    ) -> Result<Response<v1::Submission>, Status> {
        let mutation = Mutation::read(&r)?;
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let id = format!("{run}/{assignment}");
        let origin = match r.origin() {
            v1::Origin::Page => Origin::Page,
            _ => Origin::Api,
        };
        let file = |file: v1::FileContent| {
            let v1::FileContent { field, name, content } = file;
            Upload { field, name, bytes: content }
        };
        let by = mutation.of(Thing::Assignment(assignment.clone()));
        let organisation = assignment.organisation.clone();
        let new = NewAnswer {
            run,
            assignment,
            answers: convert::object(r.answers.unwrap_or_default()),
            files: r.files.into_iter().map(file).collect(),
            origin,
            page: None,
        };
        let field = |field: &str| format!("answers.{field}");
        let Answered { made, would_be, .. } =
            self.runtime.answer(new, by).await.map_err(|e| status::refused(e, field))?;
        if let Some(sent) = would_be.as_ref().and_then(|tried| tried.outcome.submissions.last()) {
            return Ok(Response::new(v1::Submission {
                name: format!("{}/submissions/{}", r.name, sent.version),
                assignment: r.name,
                organisation,
                version: sent.version,
                at: Some(convert::timestamp(sent.at)),
                actor: sent.actor.clone(),
                origin: sent.origin.wire().into(),
                answers: Some(convert::structure(&sent.answers)),
                mistakes: vec![],
            }));
        }
        // Others may have answered since: what is told is the answer that this call made.
        let own = self.runtime.store().submission(&format!("{id}/{made}")).await;
        match own.map_err(status::unavailable)? {
            Some(own) => Ok(Response::new(describe_submission(&own)?)),
            // An acknowledgement has no answers to keep.
            None => Ok(Response::new(v1::Submission {
                assignment: r.name,
                organisation,
                version: 1,
                ..v1::Submission::default()
            })),
        }
    }
}

fn describe_submission(row: &submission::Model) -> Result<v1::Submission, Status> {
    let (run, below) = row
        .assignment
        .rsplit_once('/')
        .ok_or_else(|| status::unavailable(format!("submission {}", row.id)))?;
    let assignment = format!("{}/assignments/{below}", names::of_run_id(run));
    let origin = row.origin.parse::<Origin>().map_or(v1::Origin::Api, Twin::wire);
    Ok(v1::Submission {
        name: format!("{assignment}/submissions/{}", row.version),
        organisation: below.rsplit_once('.').map_or(below, |(_, code)| code).to_owned(),
        assignment,
        version: row.version as u32,
        at: Some(convert::micros(row.at)),
        actor: row.actor.clone(),
        origin: origin.into(),
        answers: convert::structure_of(&row.answers),
        mistakes: vec![],
    })
}

/// Where a list of answers stands: after this version of this assignment's, the newest first.
struct Place {
    assignment: String,
    before: i32,
}

impl Place {
    fn of(key: &str) -> Option<Self> {
        let (assignment, before) = key.rsplit_once(' ')?;
        Some(Place { assignment: assignment.to_owned(), before: before.parse().ok()? })
    }

    fn comes_before(&self, other: &Place) -> bool {
        self.assignment != other.assignment || other.before < self.before
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.assignment, self.before)
    }
}

#[tonic::async_trait]
impl AssignmentService for Api {
    async fn list_assignments(
        &self,
        request: Request<v1::ListAssignmentsRequest>,
    ) -> Result<Response<v1::ListAssignmentsResponse>, Status> {
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
        let mut filter = lists::filter(&parent, &conditions);
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
        let r = request.into_inner();
        let (run, id) = names::below_run("name", &r.name, "assignments")?;
        let row = self.assignment_row(&run, &id).await?;
        Ok(Response::new(self.describe_assignment(&row, true, r.show_link).await?))
    }

    async fn submit_assignment(
        &self,
        request: Request<v1::SubmitAssignmentRequest>,
    ) -> Result<Response<v1::Submission>, Status> {
        let r = request.into_inner();
        let listing = lists_mistakes(r.list_mistakes, r.validate_only)?;
        let list = |mistakes| v1::Submission { mistakes, ..v1::Submission::default() };
        status::listed(listing, self.submit(r).await, list)
    }

    async fn list_submissions(
        &self,
        request: Request<v1::ListSubmissionsRequest>,
    ) -> Result<Response<v1::ListSubmissionsResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("stage", Kind::Id),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Assignment).await?;
        let filter = lists::filter(&parent, &conditions);
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            // A page may have ended between two answers to one assignment.
            let begun = page.after.as_deref().and_then(Place::of);
            let mut rows = Vec::new();
            if let Some(Place { assignment, .. }) = &begun {
                let own = lists::narrowed(&filter, assignment);
                let own = store.list_assignments(&own, &Page::first(1)).await;
                rows.extend(own.map_err(status::unavailable)?);
            }
            let after = begun.as_ref().map(|place| place.assignment.clone());
            let page = Page { after, ..*page };
            let more = store.list_assignments(&filter, &page).await;
            rows.extend(more.map_err(status::unavailable)?);
            let ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
            let mut versions = store.submissions_of(&ids).await.map_err(status::unavailable)?;
            let mut turned = Vec::new();
            for assignment in ids {
                let mut own = versions.remove(&assignment).unwrap_or_default();
                let newest = own.iter().map(|row| row.version).max();
                own.retain(|row| !r.latest_only || Some(row.version) == newest);
                // By assignment, the newest first, so that an answer corrected while pages are read
                // moves nothing.
                for row in own.iter().rev() {
                    let place = Place { assignment: assignment.clone(), before: row.version };
                    if begun.as_ref().is_none_or(|begun| begun.comes_before(&place)) {
                        turned.push((place.to_string(), Some(describe_submission(row)?)));
                    }
                }
                turned.push((Place { assignment, before: 0 }.to_string(), None));
            }
            walk.take(turned);
        }
        let (submissions, next_page_token) = walk.end();
        Ok(Response::new(v1::ListSubmissionsResponse { submissions, next_page_token }))
    }

    async fn get_file(
        &self,
        request: Request<v1::GetFileRequest>,
    ) -> Result<Response<v1::GetFileResponse>, Status> {
        let r = request.into_inner();
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let row = self.assignment_row(&run, &assignment.to_string()).await?;
        let content = self.runtime.store().file(&row.id, &r.sha256).await;
        let content = content.map_err(status::unavailable)?;
        let content = content.ok_or_else(|| status::not_found(format!("файл {}", r.sha256)))?;
        Ok(Response::new(v1::GetFileResponse { content }))
    }

    async fn compare_submissions(
        &self,
        request: Request<v1::CompareSubmissionsRequest>,
    ) -> Result<Response<v1::CompareSubmissionsResponse>, Status> {
        let r = request.into_inner();
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let row = self.assignment_row(&run, &assignment.to_string()).await?;
        let asked = self.runtime.asked(&run, &assignment).await.map_err(status::unavailable)?;
        let form = asked.as_ref().and_then(|asked| asked.form(&run, &assignment));
        let form = form.as_deref().ok_or_else(|| status::not_found("форма поручения"))?;
        let versions = self.runtime.store().submissions(&row.id).await;
        let versions = versions.map_err(status::unavailable)?;
        let newest = versions.last().map_or(0, |v| v.version as u32);
        let to = if r.to == 0 { newest } else { r.to };
        let from = if r.from == 0 { to.saturating_sub(1) } else { r.from };
        let answers = |wanted: u32| {
            let row = versions.iter().find(|v| v.version as u32 == wanted);
            let row = row.ok_or_else(|| status::not_found(format!("версия {wanted}")))?;
            document::<Values>(&row.id, &row.answers).map_err(status::unavailable)
        };
        let differences = compare(form, &answers(from)?, &answers(to)?);
        Ok(Response::new(v1::CompareSubmissionsResponse {
            from,
            to,
            differences: differences
                .into_iter()
                .map(|d| v1::Difference {
                    field: d.field,
                    label: d.label,
                    before: d.before,
                    after: d.after,
                })
                .collect(),
        }))
    }

    async fn waive_assignment(
        &self,
        request: Request<v1::WaiveAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
        let reason = r.reason.clone();
        let command = |assignment| Command::Waive { assignment, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn extend_assignment(
        &self,
        request: Request<v1::ExtendAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
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
        let r = request.into_inner();
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
        let r = request.into_inner();
        let reason = r.reason.clone();
        let command = |assignment| Command::DeclineExtension { assignment, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn send_link(
        &self,
        request: Request<v1::SendLinkRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
        let (renew, reason) = (r.renew, r.reason.clone());
        let command = |assignment| Command::SendLink { assignment, renew, reason };
        self.change_assignment(&r.name, vec![], command, Mutation::read(&r)?).await
    }

    async fn return_assignment(
        &self,
        request: Request<v1::ReturnAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
        let mut wrong = Vec::new();
        let due = (!r.due.is_empty()).then(|| convert::noted_date(&mut wrong, "due", &r.due));
        let comment = r.comment.clone();
        let command = |assignment| Command::ReturnAnswer { assignment, comment, due };
        self.change_assignment(&r.name, wrong, command, Mutation::read(&r)?).await
    }
}
