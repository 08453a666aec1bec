//! Assignments and the answers to them.

use tonic::{Request, Response, Status};
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState};
use vekha_engine::{Command, Origin, RunKey};
use vekha_proto::v1::{self, assignment_service_server::AssignmentService};
use vekha_roadmap::model::Work;

use super::lists::{Conditions, words};
use super::{Api, convert, lists, mutation, names, status};
use crate::runtime::committer::Task;
use crate::runtime::{Ask, AskError};
use crate::store::document;
use crate::store::entities::{assignment, submission};
use crate::store::queries::Page;

impl Api {
    async fn assignment_row(&self, run: &RunKey, id: &str) -> Result<assignment::Model, Status> {
        let full = format!("{run}/{id}");
        let row = self.runtime.store().assignment(&full).await.map_err(status::unavailable)?;
        row.ok_or_else(|| status::not_found(format!("поручение {full}")))
    }

    async fn describe_assignment(
        &self,
        row: &assignment::Model,
        form: bool,
        link: bool,
    ) -> Result<v1::Assignment, Status> {
        let key: RunKey = row.run.parse().map_err(status::unavailable)?;
        let a: Assignment = document(&row.id, &row.body).map_err(status::unavailable)?;
        let run = names::of_run(&key);
        let version = self.runtime.version_of(&key).await.map_err(status::unavailable)?;
        let version = version.ok_or_else(|| status::not_found("версия дорожной карты"))?;
        let closing = version.road_map.municipality.closing(a.due);
        let moment = a.answered_at.unwrap_or_else(|| self.runtime.clock().now());
        let expected = matches!(a.state, AssignmentState::Open | AssignmentState::Answered);
        let kind = match a.kind {
            AssignmentKind::Collect => v1::AssignmentKind::Collect,
            AssignmentKind::Acknowledge => v1::AssignmentKind::Acknowledge,
            AssignmentKind::Measure(_) => v1::AssignmentKind::Measure,
        };
        let work = version
            .road_map
            .activity(&key.activity)
            .and_then(|activity| activity.stage(&row.stage))
            .map(|(_, stage)| &stage.work);
        let form = match work {
            Some(Work::Collect(collect)) if form => {
                version.road_map.forms.get(&collect.form).map(crate::forms::describe)
            }
            _ => None,
        };
        let below = format!("{}.{}", row.stage, row.organisation);
        Ok(v1::Assignment {
            name: format!("{run}/assignments/{below}"),
            stage: row.stage.clone(),
            organisation: row.organisation.clone(),
            kind: kind.into(),
            state: state(a.state).into(),
            due: a.due.to_string(),
            asked_at: Some(convert::timestamp(a.asked_at)),
            answered_at: a.answered_at.map(convert::timestamp),
            late: expected && moment > closing,
            version: a.version,
            reason: a.reason.clone(),
            form,
            recommendation: match a.kind {
                AssignmentKind::Acknowledge => format!("{run}/recommendations/{below}"),
                _ => String::new(),
            },
            measure: match a.kind {
                AssignmentKind::Measure(n) => format!("{run}/measures/{n}"),
                _ => String::new(),
            },
            link: if link {
                let token = self.runtime.store().secret().token(&row.id);
                format!("{}/a/{token}", self.runtime.public_url())
            } else {
                String::new()
            },
            etag: convert::etag(&row.body),
            run,
        })
    }
}

fn state(state: AssignmentState) -> v1::AssignmentState {
    match state {
        AssignmentState::Open => v1::AssignmentState::Open,
        AssignmentState::Answered => v1::AssignmentState::Answered,
        AssignmentState::Missing => v1::AssignmentState::Missing,
        AssignmentState::Waived => v1::AssignmentState::Waived,
    }
}

fn describe_submission(row: &submission::Model) -> Result<v1::Submission, Status> {
    let (run, below) = row
        .assignment
        .rsplit_once('/')
        .ok_or_else(|| status::unavailable(format!("submission {}", row.id)))?;
    let assignment = format!("{}/assignments/{below}", names::of_run_id(run));
    let origin = match row.origin.as_str() {
        "page" => v1::Origin::Page,
        _ => v1::Origin::Api,
    };
    Ok(v1::Submission {
        name: format!("{assignment}/submissions/{}", row.version),
        organisation: below.rsplit_once('.').map_or(below, |(_, code)| code).to_owned(),
        assignment,
        version: row.version as u32,
        at: Some(convert::micros(row.at)),
        actor: row.actor.clone(),
        origin: origin.into(),
        answers: convert::structure_of(&row.answers),
    })
}

#[tonic::async_trait]
impl AssignmentService for Api {
    async fn list_assignments(
        &self,
        request: Request<v1::ListAssignmentsRequest>,
    ) -> Result<Response<v1::ListAssignmentsResponse>, Status> {
        let r = request.into_inner();
        let parent = names::Parent::parse("parent", &r.parent)?;
        let known = ["state", "activity", "organisation", "period", "stage", "kind", "late"];
        let words = [
            words!("state", "ASSIGNMENT_STATE_", AssignmentState),
            words!("kind", "ASSIGNMENT_KIND_", AssignmentKind),
        ];
        let conditions = Conditions::parse(&r.filter, &known, &words)?;
        let filter = conditions.filter(&parent);
        let page = lists::page(r.page_size, &r.page_token)?;
        let rows = self.runtime.store().list_assignments(&filter, &page).await;
        let rows = rows.map_err(status::unavailable)?;
        let mut assignments = Vec::with_capacity(rows.len());
        for row in &rows {
            let described = self.describe_assignment(row, false, r.show_link).await?;
            let kind = described.kind().as_str_name().trim_start_matches("ASSIGNMENT_KIND_");
            let holds = conditions.hold(|field, wanted| match field {
                "kind" => kind.eq_ignore_ascii_case(wanted),
                "late" => described.late.to_string() == wanted,
                _ => lists::of_run(&row.run, field, wanted),
            });
            if holds {
                assignments.push(described);
            }
        }
        let next_page_token = lists::next_token(&rows, &page, |row| &row.id);
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
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let id = assignment.to_string();
        let row = self.assignment_row(&run, &id).await?;
        let origin = match r.origin() {
            v1::Origin::Page => Origin::Page,
            _ => Origin::Api,
        };
        let answers = convert::object(r.answers.clone().unwrap_or_default());
        let command = Command::Submit { assignment, answers: answers.clone(), origin };
        let task = Task::new(run, Ask::Step(command), "");
        let task = mutation!(r).seen(&row.body).onto(task)?;
        self.runtime.ask(task).await.map_err(|e| match e {
            e @ AskError::Refused(vekha_engine::Refusal::Invalid(_)) => {
                status::refused(e, |field| format!("answers.{field}"))
            }
            e => status::of(e),
        })?;
        self.runtime.nudge();
        if r.validate_only {
            return Ok(Response::new(v1::Submission {
                assignment: r.name,
                organisation: row.organisation,
                answers: Some(convert::structure(&answers)),
                ..v1::Submission::default()
            }));
        }
        let newest = self.runtime.store().newest_submission(&row.id).await;
        match newest.map_err(status::unavailable)? {
            Some(newest) => Ok(Response::new(describe_submission(&newest)?)),
            // An acknowledgement has no answers to keep.
            None => Ok(Response::new(v1::Submission {
                assignment: r.name,
                organisation: row.organisation,
                version: 1,
                ..v1::Submission::default()
            })),
        }
    }

    async fn list_submissions(
        &self,
        request: Request<v1::ListSubmissionsRequest>,
    ) -> Result<Response<v1::ListSubmissionsResponse>, Status> {
        let r = request.into_inner();
        let parent = names::Parent::parse("parent", &r.parent)?;
        let known = ["activity", "organisation", "period", "stage"];
        let conditions = Conditions::parse(&r.filter, &known, &[])?;
        let filter = conditions.filter(&parent);
        let store = self.runtime.store();
        let rows = store.list_assignments(&filter, &Page::first(100_000)).await;
        let mut all = Vec::new();
        for row in rows.map_err(status::unavailable)? {
            let below = format!("{}.{}", row.stage, row.organisation);
            if parent.assignment.as_ref().is_some_and(|wanted| *wanted != below)
                || !conditions.hold(|field, wanted| lists::of_run(&row.run, field, wanted))
            {
                continue;
            }
            let mut versions = store.submissions(&row.id).await.map_err(status::unavailable)?;
            if r.latest_only {
                versions.drain(..versions.len().saturating_sub(1));
            }
            for version in &versions {
                all.push(describe_submission(version)?);
            }
        }
        // By assignment, so that an answer corrected while pages are read moves nothing.
        let key = |s: &v1::Submission| format!("{} {:010}", s.assignment, u32::MAX - s.version);
        let (submissions, next_page_token) = lists::slice(all, r.page_size, &r.page_token, key)?;
        Ok(Response::new(v1::ListSubmissionsResponse { submissions, next_page_token }))
    }

    async fn waive_assignment(
        &self,
        request: Request<v1::WaiveAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let id = assignment.to_string();
        let row = self.assignment_row(&run, &id).await?;
        let command = Command::Waive { assignment, reason: r.reason.clone() };
        self.step(run.clone(), command, mutation!(r).seen(&row.body)).await?;
        let row = self.assignment_row(&run, &id).await?;
        Ok(Response::new(self.describe_assignment(&row, false, false).await?))
    }

    async fn extend_assignment(
        &self,
        request: Request<v1::ExtendAssignmentRequest>,
    ) -> Result<Response<v1::Assignment>, Status> {
        let r = request.into_inner();
        let (run, assignment) = names::assigned("name", &r.name, "assignments")?;
        let id = assignment.to_string();
        let row = self.assignment_row(&run, &id).await?;
        let mut wrong = Vec::new();
        let due = convert::noted_date(&mut wrong, "due", &r.due);
        let command = Command::Extend { assignment, due, reason: r.reason.clone() };
        self.step_with(wrong, run.clone(), command, mutation!(r).seen(&row.body)).await?;
        let row = self.assignment_row(&run, &id).await?;
        Ok(Response::new(self.describe_assignment(&row, false, false).await?))
    }
}
