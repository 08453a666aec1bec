//! Measures that decisions order, until they are done.

use tonic::{Request, Response, Status};
use vekha_engine::run::{Run, measure_stage};
use vekha_engine::{Command, RunKey};
use vekha_proto::v1::{self, Method, measure_service_server::MeasureService};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation, identity};
use super::names::Depth;
use super::{Api, convert, lists, names, status};
use crate::forms::reports::DOCUMENT;
use crate::runtime::committer::Answered;
use crate::runtime::documents::uploads::NewFile;
use crate::runtime::seen::{Thing, etag};
use crate::runtime::views::register::{Control, Controlled};

impl Api {
    fn describe_measure(&self, run: &Run, number: usize) -> Option<v1::Measure> {
        let measure = run.measures.get(number.checked_sub(1)?)?;
        let name = names::of_run(&run.key);
        let version = self.runtime.road_maps().current(&run.key.municipality, run.road_map)?;
        let municipality = &version.road_map.municipality;
        let now = self.runtime.clock().now();
        let Controlled { control, reported_at, late, .. } =
            Controlled::of(run, number - 1, municipality, now);
        Some(v1::Measure {
            name: format!("{name}/measures/{number}"),
            decision: format!("{name}/decisions/{}", measure.decision),
            text: measure.text.clone(),
            organisation: measure.organisation.clone(),
            due: measure.due.to_string(),
            state: state(control).into(),
            report: measure.report.clone(),
            document: measure.document.as_ref().map(|file| v1::MeasureDocument {
                file_name: file.name.clone(),
                size: file.size as i64,
                sha256: file.sha256.clone(),
            }),
            comment: measure.comment.clone(),
            late: control == Control::Overdue,
            first_due: measure.first_due.unwrap_or(measure.due).to_string(),
            extensions: measure.extensions as i32,
            returns: measure.returns as i32,
            reported_at: reported_at.map(convert::timestamp),
            reported_late: late,
            accepted_at: measure.accepted_at.map(convert::timestamp),
            accepted_by: measure.accepted_by.clone(),
            assignment: format!(
                "{name}/assignments/{}.{}",
                measure_stage(number),
                measure.organisation
            ),
            etag: etag(measure),
            run: name,
        })
    }

    /// Reports on a measure.
    async fn report(
        &self,
        r: Asked<v1::ReportMeasureRequest>,
    ) -> Result<Response<v1::Measure>, Status> {
        let mutation = Mutation::read(&r)?;
        let (caller, r) = (r.by, r.message);
        let (key, number) = names::numbered("name", &r.name, "measures")?;
        self.reaches_measure(Method::ReportMeasure, &caller, &key, number).await?;
        let proof = r.document.map(|d| NewFile { name: d.file_name, bytes: d.content });
        let by = mutation.of(Thing::Measure(number));
        let answered = self.runtime.report_measure(key.clone(), number, r.text, proof, by).await;
        let answered = answered.map_err(|e| status::refused(e, named))?;
        self.show_measure(&key, number, answered).await
    }

    async fn change_measure(
        &self,
        name: &str,
        mutation: Mutation,
        command: impl FnOnce(usize) -> Command,
    ) -> Result<Response<v1::Measure>, Status> {
        let (key, number) = names::numbered("name", name, "measures")?;
        let (what, command) = (Thing::Measure(number), command(number));
        let answered = self.step(key.clone(), command, what, &mutation).await?;
        self.show_measure(&key, number, answered).await
    }

    /// A measure as a request left it.
    async fn show_measure(
        &self,
        key: &RunKey,
        number: usize,
        answered: Answered,
    ) -> Result<Response<v1::Measure>, Status> {
        let tried = answered.would_be.is_some();
        let run = self.after(key, answered).await?.run;
        let shown = self.describe_measure(&run, number);
        let mut shown = shown.ok_or_else(|| status::not_found(format!("мера {key}/{number}")))?;
        if tried {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }
}

/// A field of the form that reports are, as the request calls it.
fn named(field: &str) -> String {
    match field {
        "report" => "text",
        DOCUMENT => "document.file_name",
        field => field,
    }
    .to_owned()
}

fn state(control: Control) -> v1::MeasureState {
    match control {
        Control::Ordered | Control::Overdue => v1::MeasureState::Ordered,
        Control::Reported => v1::MeasureState::Reported,
        Control::Done => v1::MeasureState::Done,
        Control::Waived => v1::MeasureState::Waived,
    }
}

#[tonic::async_trait]
impl MeasureService for Api {
    async fn list_measures(
        &self,
        request: Request<v1::ListMeasuresRequest>,
    ) -> Result<Response<v1::ListMeasuresResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            words!("state", "MEASURE_STATE_", MeasureState),
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("late", Kind::Flag),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let mut filter = lists::filter(&parent, &conditions);
        // Of what was ordered the database does not know whether it is still asked for.
        if filter.state.as_deref() == Some("waived") {
            filter.state = Some("ordered".to_owned());
        }
        if conditions.flag("late") == Some(true) {
            filter.due_to = Some(lists::latest_late(self.runtime.clock().now()));
        }
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows = store.list_measures(&filter, page).await.map_err(status::unavailable)?;
            let keys: Vec<Option<RunKey>> = rows.iter().map(|row| row.run.parse().ok()).collect();
            let known: Vec<RunKey> = keys.iter().flatten().cloned().collect();
            let runs = store.runs(&known).await.map_err(status::unavailable)?;
            let turned = rows.iter().zip(&keys).map(|(row, key)| {
                let run = &runs.get(key.as_ref()?)?.run;
                let measure = self.describe_measure(run, row.ordinal as usize)?;
                let state = measure.state().as_str_name().trim_start_matches("MEASURE_STATE_");
                let wanted = conditions.allow("state", &state.to_lowercase())
                    && conditions.flag("late").is_none_or(|late| late == measure.late);
                wanted.then_some(measure)
            });
            walk.take(rows.iter().map(|row| row.id.clone()).zip(turned));
        }
        let (measures, next_page_token) = walk.end();
        Ok(Response::new(v1::ListMeasuresResponse { measures, next_page_token }))
    }

    async fn get_measure(
        &self,
        request: Request<v1::GetMeasureRequest>,
    ) -> Result<Response<v1::Measure>, Status> {
        let by = identity(&request);
        let name = request.into_inner().name;
        let (key, number) = names::numbered("name", &name, "measures")?;
        self.reaches_measure(Method::GetMeasure, &by, &key, number).await?;
        let run = self.loaded(&key).await?.run;
        self.describe_measure(&run, number)
            .map(Response::new)
            .ok_or_else(|| status::not_found(format!("мера {name}")))
    }

    async fn report_measure(
        &self,
        request: Request<v1::ReportMeasureRequest>,
    ) -> Result<Response<v1::Measure>, Status> {
        self.report(Asked::of(request)).await
    }

    async fn accept_measure(
        &self,
        request: Request<v1::AcceptMeasureRequest>,
    ) -> Result<Response<v1::Measure>, Status> {
        let r = Asked::of(request);
        self.change_measure(&r.name, Mutation::read(&r)?, |measure| Command::AcceptMeasure {
            measure,
        })
        .await
    }

    async fn return_measure(
        &self,
        request: Request<v1::ReturnMeasureRequest>,
    ) -> Result<Response<v1::Measure>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let due = match r.due.as_str() {
            "" => None,
            due => Some(convert::date("due", due)?),
        };
        let comment = r.comment.clone();
        self.change_measure(&r.name, mutation, |measure| Command::ReturnMeasure {
            measure,
            comment,
            due,
        })
        .await
    }
}
