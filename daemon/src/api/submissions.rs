//! Answers to assignments: every version, its files, and what two versions differ in.

use std::fmt;

use tonic::{Response, Status};
use vekha_engine::Origin;
use vekha_proto::v1;
use vekha_roadmap::answers::{Values, compare};

use super::filter::{Conditions, Kind};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::names::Depth;
use super::{Api, convert, lists, names, status};
use crate::runtime::acts::answer::NewAnswer;
use crate::runtime::committer::Answered;
use crate::runtime::documents::uploads::Upload;
use crate::runtime::seen::Thing;
use crate::store::document;
use crate::store::entities::submission;
use crate::store::read::Page;
use crate::wire::Twin;

impl Api {
    /// Answers an assignment.
    pub(super) async fn submit(
        &self,
        r: Asked<v1::SubmitAssignmentRequest>,
    ) -> Result<Response<v1::Submission>, Status> {
        let mutation = Mutation::read(&r)?;
        let r = r.message;
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

    /// The answers that a filter holds.
    pub(super) async fn submissions(
        &self,
        r: v1::ListSubmissionsRequest,
    ) -> Result<Response<v1::ListSubmissionsResponse>, Status> {
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

    /// A file of an answer.
    pub(super) async fn file_of_answer(
        &self,
        r: v1::GetFileRequest,
    ) -> Result<Response<v1::GetFileResponse>, Status> {
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let row = self.assignment_row(&run, &assignment.to_string()).await?;
        let content = self.runtime.store().file(&row.id, &r.sha256).await;
        let content = content.map_err(status::unavailable)?;
        let content = content.ok_or_else(|| status::not_found(format!("файл {}", r.sha256)))?;
        Ok(Response::new(v1::GetFileResponse { content }))
    }

    /// What two versions of an answer differ in.
    pub(super) async fn differences(
        &self,
        r: v1::CompareSubmissionsRequest,
    ) -> Result<Response<v1::CompareSubmissionsResponse>, Status> {
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
