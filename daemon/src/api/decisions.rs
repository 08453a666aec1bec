//! Decisions of the authority.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vekha_engine::run::{Decision, Run, StageState};
use vekha_engine::{DecisionKind, Document, NewDocument, NewMeasure, RunKey};
use vekha_proto::v1::{self, decision_service_server::DecisionService};
use vekha_roadmap::model::Work;

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::names::Depth;
use super::{Api, convert, lists, lists_mistakes, names, status};
use crate::reports::Letterhead;
use crate::runtime::acts::decide::Decides;
use crate::runtime::documents::reports::controls;
use crate::runtime::documents::uploads::NewFile;
use crate::runtime::documents::wording::{self, Draft};
use crate::runtime::documents::{NotMade, letterhead};
use crate::runtime::road_maps::Version;
use crate::runtime::seen::Thing;
use crate::runtime::views::register::Grounds;
use crate::store::read::runs::Loaded;
use crate::store::write::files::of_decisions;
use crate::wire::Twin as _;
use crate::{forms, reports};

fn describe(grounds: &Grounds<'_>, run: &Run, number: usize, d: &Decision) -> v1::Decision {
    let name = names::of_run(&run.key);
    let document = &d.document;
    v1::Decision {
        name: format!("{name}/decisions/{number}"),
        stage: d.stage.clone(),
        number: document.number.clone(),
        date: document.date.to_string(),
        title: document.title.clone(),
        outcome: document.outcome.clone(),
        text: document.text.clone(),
        signatory: document.signatory.clone(),
        measures: run
            .measures
            .iter()
            .enumerate()
            .filter(|(_, m)| m.decision == number)
            .map(|(i, _)| format!("{name}/measures/{}", i + 1))
            .collect(),
        recorded_by: d.recorded_by.clone(),
        recorded_at: Some(convert::timestamp(d.recorded_at)),
        kind: d.kind.wire().into(),
        mistakes: vec![],
        basis: (grounds.basis(run).iter())
            .map(|one| v1::DecisionBasis {
                run: names::of_run(&one.run),
                findings: one.findings as i32,
                recommendations: one.recommendations as i32,
            })
            .collect(),
        corrects: d.corrects.map(|n| format!("{name}/decisions/{n}")).unwrap_or_default(),
        corrected_by: run
            .decisions
            .iter()
            .enumerate()
            .filter(|(_, later)| later.corrects == Some(number))
            .map(|(i, _)| format!("{name}/decisions/{}", i + 1))
            .collect(),
        attachments: (d.attachments.iter().zip(1..))
            .map(|(file, place)| v1::Attachment {
                name: format!("{name}/decisions/{number}/attachments/{place}"),
                file_name: file.name.clone(),
                size: file.size as i64,
                sha256: file.sha256.clone(),
                attached_by: file.attached_by.clone(),
                attached_at: Some(convert::timestamp(file.attached_at)),
            })
            .collect(),
        run: name,
    }
}

impl Api {
    /// A decision of a run with what it rests on.
    async fn describe_decision(
        &self,
        loaded: Loaded,
        number: usize,
        name: &str,
    ) -> Result<Response<v1::Decision>, Status> {
        let key = loaded.run.key.clone();
        let grounds = Grounds::of(&self.runtime, [(key.clone(), loaded)].into()).await;
        let grounds = grounds.map_err(status::unavailable)?;
        let run = grounds.run(&key).ok_or_else(|| status::not_found(format!("решение {name}")))?;
        let decision = decision(run, number, name)?;
        Ok(Response::new(describe(&grounds, run, number, decision)))
    }

    /// The road map that a run keeps.
    fn version_of(&self, run: &Run) -> Result<Arc<Version>, Status> {
        let version = self.runtime.road_maps().current(&run.key.municipality, run.road_map);
        version.ok_or_else(|| status::not_found("версия дорожной карты"))
    }

    /// The decide stage that a request means: the one named, or the one at work.
    async fn deciding_stage(&self, run: &RunKey, named: &str) -> Result<String, Status> {
        if !named.is_empty() {
            return Ok(named.to_owned());
        }
        let loaded = self.loaded(run).await?.run;
        let version = self.version_of(&loaded)?;
        let activity = version.road_map.activity(&run.activity);
        let decides = |id: &str| {
            activity
                .and_then(|a| a.stage(id))
                .is_some_and(|(_, s)| matches!(s.work, Work::Decide(_)))
        };
        let all = || loaded.stages.iter().filter(|s| decides(&s.id));
        all()
            .find(|s| s.state == StageState::Active)
            .or_else(|| all().next())
            .map(|s| s.id.clone())
            .ok_or_else(|| status::invalid("stage", "в этом мероприятии нет этапа решения"))
    }

    /// Records a decision.
    async fn record(
        &self,
        r: Asked<v1::RecordDecisionRequest>,
    ) -> Result<Response<v1::Decision>, Status> {
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let run = names::run("parent", &r.parent)?;
        let (mut wrong, mut measures) = (Vec::new(), Vec::new());
        let date = convert::noted_date(&mut wrong, "date", &r.date);
        for (i, measure) in r.measures.iter().enumerate() {
            names::distinct(&format!("measures[{i}].organisations"), &measure.organisations)?;
            measures.push(NewMeasure {
                text: measure.text.clone(),
                organisations: measure.organisations.clone(),
                due: convert::noted_date(&mut wrong, &format!("measures[{i}].due"), &measure.due),
            });
        }
        let kind = DecisionKind::of(r.kind());
        let document = Document {
            number: r.number.clone(),
            date,
            title: r.title.clone(),
            outcome: r.outcome.clone(),
            text: r.text.clone(),
            signatory: r.signatory.clone(),
        };
        let new = NewDocument { kind, document, attachments: vec![] };
        let decides = if r.corrects.is_empty() {
            let stage = self.deciding_stage(&run, &r.stage).await?;
            let measures = (r.without_measures || !measures.is_empty()).then_some(measures);
            Decides::Stage(stage, measures)
        } else {
            let (run_of_it, of) = names::numbered("corrects", &r.corrects, "decisions")?;
            if run_of_it != run {
                return Err(status::invalid("corrects", "это решение другого выполнения"));
            }
            Decides::Correction { of, measures, withdraw: r.withdraw_measures }
        };
        let files = r.attachments.into_iter().map(file).collect();
        let by = mutation.of(Thing::Run);
        let answered = self.runtime.decide(run.clone(), decides, new, files, wrong, by).await;
        let answered = answered.map_err(|e| status::refused(e, attached))?;
        let made = answered.made.clone();
        let loaded = self.after(&run, answered).await?;
        // What a release before this one recorded did not note which decision that was.
        let of_its_number =
            || loaded.run.decisions.iter().rposition(|d| d.document.number == r.number);
        let number = made.parse().ok().or_else(|| of_its_number().map(|place| place + 1));
        self.describe_decision(loaded, number.unwrap_or_default(), &r.number).await
    }
}

#[tonic::async_trait]
impl DecisionService for Api {
    async fn draft_decision(
        &self,
        request: Request<v1::DraftDecisionRequest>,
    ) -> Result<Response<v1::DecisionDraft>, Status> {
        let r = request.into_inner();
        let key = names::run("parent", &r.parent)?;
        let stage = self.deciding_stage(&key, &r.stage).await?;
        let run = self.loaded(&key).await?.run;
        let version = self.version_of(&run)?;
        let kind = DecisionKind::of(r.kind());
        let drafted = wording::draft(&self.runtime, &version, &run, &stage, kind).await;
        let drafted = drafted.map_err(|e| match e {
            NotMade::Store(e) => status::unavailable(e),
            NotMade::Impossible(why) => status::invalid("stage", why),
        })?;
        let Some(Draft { decision: draft, head }) = drafted else {
            let why = format!("у этапа «{stage}» нет шаблона текста: ему нужно text = \"…\"");
            return Err(status::invalid("stage", &why));
        };
        let (title, text) = (draft.title.clone(), draft.text.clone());
        let mut document = None;
        if r.as_document {
            let file_name = format!("{}-{}-draft.docx", key.activity, key.run_id());
            document = Some(written(head, draft, file_name).await?);
        }
        Ok(Response::new(v1::DecisionDraft { stage, title, text, document }))
    }

    async fn record_decision(
        &self,
        request: Request<v1::RecordDecisionRequest>,
    ) -> Result<Response<v1::Decision>, Status> {
        let r = Asked::of(request);
        let listing = lists_mistakes(r.list_mistakes, r.validate_only)?;
        let list = |mistakes| v1::Decision { mistakes, ..v1::Decision::default() };
        status::listed(listing, self.record(r).await, list)
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            ("activity", Kind::Id),
            ("period", Kind::Period),
            ("stage", Kind::Id),
            words!("kind", "DECISION_KIND_", DecisionKind),
            ("date", Kind::Day),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let filter = lists::filter(&parent, &conditions);
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows = store.list_decisions(&filter, page).await.map_err(status::unavailable)?;
            let keys: Vec<Option<RunKey>> = rows.iter().map(|row| row.run.parse().ok()).collect();
            let known: Vec<RunKey> = keys.iter().flatten().cloned().collect();
            let runs = store.runs(&known).await.map_err(status::unavailable)?;
            let grounds = Grounds::of(&self.runtime, runs).await.map_err(status::unavailable)?;
            let turned = rows.iter().zip(&keys).map(|(row, key)| {
                let run = grounds.run(key.as_ref()?)?;
                let number = row.ordinal as usize;
                let decision = run.decisions.get(number.checked_sub(1)?)?;
                let wanted = conditions.allow("stage", &decision.stage)
                    && conditions.allow("kind", decision.kind.as_str())
                    && conditions.allow_day("date", decision.document.date);
                wanted.then(|| describe(&grounds, run, number, decision))
            });
            walk.take(rows.iter().map(|row| row.id.clone()).zip(turned));
        }
        let (decisions, next_page_token) = walk.end();
        Ok(Response::new(v1::ListDecisionsResponse { decisions, next_page_token }))
    }

    async fn get_decision(
        &self,
        request: Request<v1::GetDecisionRequest>,
    ) -> Result<Response<v1::Decision>, Status> {
        let name = request.into_inner().name;
        let (run, number) = names::numbered("name", &name, "decisions")?;
        self.describe_decision(self.loaded(&run).await?, number, &name).await
    }

    async fn attach_file(
        &self,
        request: Request<v1::AttachFileRequest>,
    ) -> Result<Response<v1::Decision>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let (run, number) = names::numbered("name", &r.name, "decisions")?;
        let (sent, by) = (file(r.file.unwrap_or_default()), mutation.of(Thing::Run));
        let answered = self.runtime.attach(run.clone(), number, sent, by).await;
        let own = |field: &str| attached(field).replace("attachments[0]", "file");
        let answered = answered.map_err(|e| status::refused(e, own))?;
        self.describe_decision(self.after(&run, answered).await?, number, &r.name).await
    }

    async fn get_attachment(
        &self,
        request: Request<v1::GetAttachmentRequest>,
    ) -> Result<Response<v1::DecisionFile>, Status> {
        let name = request.into_inner().name;
        let unknown = || status::not_found(format!("приложение {name}"));
        let (of, place) = name.rsplit_once("/attachments/").ok_or_else(|| {
            status::invalid("name", format!("«{name}»: нужно имя вида …/decisions/1/attachments/1"))
        })?;
        let (run, number) = names::numbered("name", of, "decisions")?;
        let loaded = self.loaded(&run).await?.run;
        let place = names::number("name", place)?;
        let decision = decision(&loaded, number, of)?;
        let file = decision.attachments.get(place - 1).ok_or_else(unknown)?;
        let content = self.runtime.store().file(&of_decisions(&run), &file.sha256).await;
        let content = content.map_err(status::unavailable)?.ok_or_else(unknown)?;
        Ok(Response::new(v1::DecisionFile {
            file_name: file.name.clone(),
            content_type: "application/octet-stream".to_owned(),
            content,
        }))
    }

    async fn get_decision_document(
        &self,
        request: Request<v1::GetDecisionDocumentRequest>,
    ) -> Result<Response<v1::DecisionFile>, Status> {
        let name = request.into_inner().name;
        let (key, number) = names::numbered("name", &name, "decisions")?;
        let run = self.loaded(&key).await?.run;
        let decision = decision(&run, number, &name)?;
        let version = self.version_of(&run)?;
        let map = &version.road_map;
        let controls = controls(map, &run, self.runtime.clock().now());
        let decision = reports::Decision::of(map, &run, number, decision, &controls);
        let file_name = reports::decision_file_name(&key, number);
        let head = letterhead::of(map, &run, number, &decision);
        let head = head.ok_or_else(|| status::not_found(format!("решение {name}")))?;
        Ok(Response::new(written(head, decision, file_name).await?))
    }
}

fn file(file: v1::NewAttachment) -> NewFile {
    NewFile { name: file.file_name, bytes: file.content }
}

/// A field of a decision as the request calls it.
fn attached(field: &str) -> String {
    match field.strip_suffix("].name").filter(|field| field.starts_with("attachments[")) {
        Some(place) => format!("{place}].file_name"),
        None => field.to_owned(),
    }
}

fn decision<'r>(run: &'r Run, number: usize, name: &str) -> Result<&'r Decision, Status> {
    let found = number.checked_sub(1).and_then(|place| run.decisions.get(place));
    found.ok_or_else(|| status::not_found(format!("решение {name}")))
}

/// The decision as a document.
async fn written(
    head: Letterhead,
    decision: reports::Decision,
    file_name: String,
) -> Result<v1::DecisionFile, Status> {
    let make = move || reports::decision(&head, &decision);
    let content = tokio::task::spawn_blocking(make).await.map_err(status::unavailable)?;
    let content = content.map_err(status::unavailable)?;
    Ok(v1::DecisionFile { file_name, content_type: forms::DOCX.to_owned(), content })
}
