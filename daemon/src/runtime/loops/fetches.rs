//! Asks other systems what they know of a stage's participants: it fills their forms beforehand, or
//! is the answer itself where the road map trusts the source and the form is content. And what the
//! participants have said in other runs fills the forms in which they are to confirm it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use vekha_engine::data;
use vekha_engine::known::{KNOWN, known};
use vekha_engine::run::{AssignmentState, Run, StageState};
use vekha_engine::{AssignmentKey, Command, Job, Origin, Refusal, RunKey, follow};
use vekha_plugin::{FetchRequest, Fetched, Record, SourceError};
use vekha_roadmap::model::{FieldKind, Form, Prefill};
use vekha_roadmap::schedule::letters_leave;

use crate::forms::wanted;
use crate::runtime::Runtime;
use crate::runtime::acts::answer::NewAnswer;
use crate::runtime::committer::{Ask, AskError, Caller};
use crate::runtime::road_maps::Version;
use crate::store::entities::job;
use crate::store::write::jobs::Jobs;
use crate::store::{StoreError, document, unreadable};

/// Jobs of one turn: each may wait for another system.
const AT_ONCE: u64 = 4;

/// How long a source may take, whatever it has promised.
const PATIENCE: Duration = Duration::from_secs(300);

/// A stage whose forms are filled beforehand and which still awaits answers.
struct Wanting<'a> {
    stage: &'a str,
    /// Who fills them; the municipality's own runs, if none.
    source: Option<&'a Prefill>,
    form: &'a Form,
    organisations: Vec<String>,
}

impl Wanting<'_> {
    /// By what name the forms say who filled them.
    fn filler(&self) -> &str {
        self.source.map_or(KNOWN, |source| &source.id)
    }
}

impl Runtime {
    /// Asks sources for all stages whose time it is. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails; what was not done is still due.
    pub(crate) async fn fetch(&self, now: Timestamp) -> Result<usize, StoreError> {
        let jobs = self.store.due_jobs(Jobs::Fetches, now, AT_ONCE).await?;
        let count = jobs.len();
        let done = jobs.into_iter().map(|job| async move {
            let done = self.fetch_one(&job, now).await;
            self.unless_unreadable(done, &job, now).await
        });
        let done = futures::future::join_all(done);
        done.await.into_iter().collect::<Result<(), StoreError>>()?;
        Ok(count)
    }

    async fn fetch_one(&self, row: &job::Model, now: Timestamp) -> Result<(), StoreError> {
        let job: Job = document(&row.key, &row.body)?;
        let (key, Job::Fetch { stage, .. }) = (job.run().clone(), &job) else {
            return Err(unreadable(&row.key, "это не запрос к источнику"));
        };
        let run = self.store.run(&key).await?.map(|loaded| loaded.run);
        self.keep_up().await?;
        let version =
            run.as_ref().and_then(|r| self.road_maps.current(&key.municipality, r.road_map));
        let Some(run) = run else {
            return self.store.drop_job(&row.key).await;
        };
        let Some(version) = version else {
            return Err(StoreError::Unreadable(self.road_maps.why_not(&key, run.road_map)));
        };
        let Some(wanting) = wanting(&version, &run, stage) else {
            // All have answered, or the stage is over.
            return self.store.drop_job(&row.key).await;
        };
        let records = match wanting.source {
            Some(source) => self.records(&key, &wanting, source).await,
            None => Ok(self.said_before(&version, &key, stage).await?),
        };
        match records {
            Ok(Fetched { records, notes }) => {
                // Before the answers: with the last of them the stage may be over.
                let said = notes.join("\n");
                if !notes.is_empty() && row.error != said {
                    let source = wanting.filler().to_owned();
                    let command = Command::SourceNoted { stage: stage.clone(), source, notes };
                    self.tell(&key, command).await?;
                }
                self.take(&key, &wanting, records, now).await?;
                // Whoever is still silent may be known to the source tomorrow.
                let tomorrow = next_morning(&version, now);
                self.store.postpone_job(&row.key, tomorrow, &said).await
            }
            Err(error) => {
                // The department is told once; a source that comes to itself needs no letter.
                if row.error != error.to_string() {
                    let command = Command::SourceFailed {
                        stage: stage.clone(),
                        source: wanting.filler().to_owned(),
                        reason: error.to_string(),
                    };
                    self.tell(&key, command).await?;
                }
                let again = self.next_try(&version, &error, row.attempts, now);
                let error = error.to_string();
                self.store.postpone_job(&row.key, again, &error).await
            }
        }
    }

    /// What the participants have said in other runs.
    async fn said_before(
        &self,
        version: &Version,
        run: &RunKey,
        stage: &str,
    ) -> Result<Fetched, StoreError> {
        let road_map = &version.road_map;
        let Some(activity) = road_map.activity(&run.activity) else {
            return Ok(Fetched { records: vec![], notes: vec![] });
        };
        let wanted = data::sources(road_map, activity, stage, run);
        let mut data = self.store.data(&wanted, BTreeMap::new()).await?;
        follow(road_map, run, &mut data);
        let each = known(road_map, run, stage, &data).into_iter();
        let records = each.map(|(organisation, answers)| Record { organisation, answers });
        Ok(Fetched { records: records.collect(), notes: vec![] })
    }

    async fn records(
        &self,
        run: &RunKey,
        wanting: &Wanting<'_>,
        source: &Prefill,
    ) -> Result<Fetched, SourceError> {
        let id = &source.id;
        let source = self.integrations.sources.get(id).ok_or_else(|| {
            SourceError::Refused(format!("в настройках демона нет раздела [source.{id}]"))
        })?;
        let request = FetchRequest {
            key: format!("{run}/{}", wanting.stage),
            municipality: run.municipality.clone(),
            activity: run.activity.clone(),
            period: run.period.to_string(),
            form: wanting.form.id.clone(),
            fields: wanted(wanting.form),
            organisations: wanting.organisations.clone(),
        };
        match tokio::time::timeout(PATIENCE, source.fetch(&request)).await {
            Ok(fetched) => fetched.map(|fetched| fitting(wanting, fetched)),
            Err(_) => Err(SourceError::Failed("источник не ответил за пять минут".to_owned())),
        }
    }

    /// Takes in what a source brought.
    async fn take(
        &self,
        run: &RunKey,
        wanting: &Wanting<'_>,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let asked = &wanting.organisations;
        let source = wanting.filler();
        let confirmed = wanting.source.is_none_or(|source| source.confirm);
        let mut filled = Vec::new();
        let records: BTreeMap<String, Record> = records
            .into_iter()
            .filter(|record| asked.contains(&record.organisation) && !record.answers.is_empty())
            .map(|record| (record.organisation.clone(), record))
            .collect();
        for (organisation, record) in records {
            let key = AssignmentKey::new(wanting.stage, &organisation);
            if !confirmed && self.is_answer(run, wanting, &key, &record).await? {
                continue;
            }
            let id = format!("{run}/{key}");
            let known = self.store.draft(&id).await?;
            let same = known.is_some_and(|draft| {
                draft.source == source && draft.answers == crate::store::json(&record.answers)
            });
            if !same && self.store.prefill(&id, &record.answers, source, None, now).await? {
                filled.push(organisation);
            }
        }
        if filled.is_empty() {
            return Ok(());
        }
        let command = Command::Prefilled {
            stage: wanting.stage.to_owned(),
            source: source.to_owned(),
            organisations: filled,
        };
        self.tell(run, command).await
    }

    /// Submits what a trusted source brought. What the form refuses is no answer: a person looks
    /// at it.
    async fn is_answer(
        &self,
        run: &RunKey,
        wanting: &Wanting<'_>,
        key: &AssignmentKey,
        record: &Record,
    ) -> Result<bool, StoreError> {
        let new = NewAnswer {
            run: run.clone(),
            assignment: key.clone(),
            answers: record.answers.clone(),
            files: vec![],
            origin: Origin::Source,
            page: None,
        };
        let by = Caller::new(format!("source:{}", wanting.filler()));
        match self.answer(new, by).await {
            Ok(_) => Ok(true),
            Err(AskError::Refused(Refusal::Invalid(_))) => Ok(false),
            Err(AskError::Store(e)) => Err(StoreError::away(e)),
            Err(AskError::Unreadable(e)) => Err(StoreError::Unreadable(e)),
            // Somebody was faster, or the stage has closed: nothing is to be filled any more.
            Err(_) => Ok(true),
        }
    }

    async fn tell(&self, run: &RunKey, command: Command) -> Result<(), StoreError> {
        match self.act(run.clone(), Ask::Step(command), Caller::new("vekha")).await {
            Err(AskError::Store(e)) => Err(StoreError::away(e)),
            Err(AskError::Unreadable(e)) => Err(StoreError::Unreadable(e)),
            // The stage has closed meanwhile.
            _ => Ok(()),
        }
    }

    /// When to ask again after a failure: soon at first, then every morning.
    fn next_try(
        &self,
        version: &Version,
        error: &SourceError,
        attempts: i32,
        now: Timestamp,
    ) -> Timestamp {
        let minutes = match error {
            SourceError::Failed(_) => [5, 30, 120].get(usize::try_from(attempts).unwrap_or(3)),
            SourceError::Refused(_) => None,
        };
        let soon = minutes.map(|minutes| now + jiff::SignedDuration::from_mins(*minutes));
        let morning = next_morning(version, now);
        soon.map_or(morning, |soon| soon.min(morning))
    }
}

/// The next working morning after this one.
fn next_morning(version: &Version, now: Timestamp) -> Timestamp {
    let municipality = &version.road_map.municipality;
    letters_leave(&version.road_map, municipality.closing(municipality.today(now)).max(now))
}

/// What is still wanted of a stage's source.
fn wanting<'v>(version: &'v Version, run: &Run, stage: &'v str) -> Option<Wanting<'v>> {
    let active = run.stages.iter().any(|s| s.id == stage && s.state == StageState::Active);
    let activity = version.road_map.activity(&run.key.activity)?;
    let collect = activity.collect(stage)?;
    let source = collect.source.as_ref();
    if !collect.is_filled_beforehand() || !active || run.state.ended() {
        return None;
    }
    let form = version.road_map.forms.get(&collect.form)?;
    let silent = run
        .assignments
        .iter()
        .filter(|(key, a)| key.stage == stage && a.state == AssignmentState::Open)
        .map(|(key, _)| key.organisation.clone());
    let organisations: Vec<String> = silent.collect();
    (!organisations.is_empty()).then_some(Wanting { stage, source, form, organisations })
}

/// What a source brought, without what the form has no place for: that is noted, and fills nothing.
fn fitting(wanting: &Wanting<'_>, fetched: Fetched) -> Fetched {
    let Fetched { mut records, mut notes } = fetched;
    let (mut unknown, mut unlike) = (BTreeSet::new(), BTreeSet::new());
    for record in &mut records {
        record.answers.retain(|id, answer| {
            let fits = match wanting.form.field(id).map(|field| &field.kind) {
                None => {
                    unknown.insert(id.clone());
                    return false;
                }
                Some(FieldKind::Table(_)) => answer.is_array() || answer.is_null(),
                Some(FieldKind::File(_)) => true,
                Some(_) => !answer.is_object(),
            };
            if !fits {
                unlike.insert(id.clone());
            }
            fits
        });
    }
    let list = |ids: BTreeSet<String>| ids.into_iter().collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() {
        notes.push(format!("полей, названных источником, в форме нет: {}", list(unknown)));
    }
    if !unlike.is_empty() {
        notes.push(format!("ответы не того вида, что вопросы: {}", list(unlike)));
    }
    let strangers = |record: &Record| !wanting.organisations.contains(&record.organisation);
    if !records.is_empty() && records.iter().all(strangers) {
        notes.push("ни одна запись не об организациях, которых спросили".to_owned());
    }
    Fetched { records, notes }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vekha_roadmap::read::read;

    use super::*;
    use crate::console::tests::files;

    #[test]
    fn what_the_form_has_no_place_for_is_noted_and_fills_nothing() {
        let map = read(&files()).unwrap();
        let source = Prefill { id: "s".into(), confirm: true };
        let wanting = Wanting {
            stage: "collect",
            source: Some(&source),
            form: &map.forms["marks"],
            organisations: vec!["school-1".into()],
        };
        let fetched = |organisation: &str, answers: serde_json::Value| {
            let (organisation, answers) =
                (organisation.to_owned(), answers.as_object().cloned().unwrap());
            let records = vec![Record { organisation, answers }];
            let Fetched { records, notes } = fitting(&wanting, Fetched { records, notes: vec![] });
            (json!(records[0].answers), notes.join("; "))
        };
        let right = json!({ "pupils": 12, "marks": [], "comment": "есть" });
        assert_eq!(fetched("school-1", right.clone()), (right, String::new()));
        let wrong = json!({ "pupil": 12, "share": { "a": 1 }, "marks": "чепуха", "pupils": 7 });
        let (left, notes) = fetched("school-1", wrong);
        assert_eq!(left, json!({ "pupils": 7 }));
        assert_eq!(
            notes,
            "полей, названных источником, в форме нет: pupil; \
             ответы не того вида, что вопросы: marks, share"
        );
        let (_, notes) = fetched("school-99", json!({ "pupils": 7 }));
        assert_eq!(notes, "ни одна запись не об организациях, которых спросили");
    }
}
