//! Acknowledged means on disk, whatever the database did in between: a fault at every statement that
//! writes, of every kind that a statement or a commit can have, through the whole life of a run.
//!
//! A fault is a trigger of the database itself: at a statement it undoes the whole transaction (as
//! SQLite does on a full disk), undoes the statement alone, or cuts the connection; or it lets all
//! statements pass and refuses the commit. As long as it stands, what is asked is refused; what is
//! told «accepted» before, between and afterwards is there when the database is opened anew.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, EntityTrait as _, QueryOrder as _};
use serde_json::json;
use vekha::clock::Clock;
use vekha::runtime::committer::{Caller, Task};
use vekha::runtime::documents::uploads::NewFile;
use vekha::runtime::request::Request;
use vekha::runtime::{Ask, AskError, Runtime};
use vekha::store::entities::{decision, journal, outbox, submission};
use vekha::store::write::activities::Pause;
use vekha::store::write::drafts::NewDraft;
use vekha_engine::journal::Head;
use vekha_engine::{
    Command, DecisionKind, Document, Entry, NewDocument, NewMeasure, Origin, RunKey, Why,
};
use vekha_tests::base::{Base, end};
use vekha_tests::small::survey_run;
use vekha_tests::town::instant;

/// Every table that a daemon writes to.
const TABLES: [&str; 15] = [
    "run",
    "assignment",
    "submission",
    "recommendation",
    "decision",
    "measure",
    "analysis",
    "job",
    "outbox",
    "journal",
    "request",
    "draft",
    "file",
    "activity",
    "road_map",
];

/// How long somebody may try again by himself before the fault goes.
const PATIENCE: Duration = Duration::from_millis(500);

/// Every way to write.
const WAYS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// How a fault ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// The database undoes the whole transaction by itself.
    Undone,
    /// The statement fails; the transaction stands.
    Refused,
    /// The connection is cut.
    Cut,
    /// All statements pass; the commit fails.
    AtCommit,
}

/// A fault of the database that comes and goes.
struct Fault {
    beside: DatabaseConnection,
    postgres: bool,
    kind: Kind,
    way: &'static str,
    table: &'static str,
    refused: u32,
}

impl Fault {
    async fn arm(&self) {
        let Fault { way, table, .. } = self;
        let trigger = |body: &str| {
            format!("CREATE TRIGGER fault BEFORE {way} ON \"{table}\" BEGIN {body}; END")
        };
        let text = match (self.postgres, self.kind) {
            (false, Kind::Undone) => trigger("SELECT RAISE(ROLLBACK, 'a fault')"),
            (false, Kind::Refused) => trigger("SELECT RAISE(ABORT, 'a fault')"),
            (false, _) => trigger("INSERT INTO orphan VALUES (1)"),
            (true, kind) => {
                let body = match kind {
                    Kind::Cut => "PERFORM pg_terminate_backend(pg_backend_pid())",
                    _ => "RAISE EXCEPTION 'a fault'",
                };
                let function = format!(
                    "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN {body}; RETURN NEW; END $$"
                );
                self.beside.execute_unprepared(&function).await.unwrap();
                match kind {
                    Kind::AtCommit => format!(
                        "CREATE CONSTRAINT TRIGGER fault AFTER {way} ON \"{table}\" DEFERRABLE \
                         INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()"
                    ),
                    _ => format!(
                        "CREATE TRIGGER fault BEFORE {way} ON \"{table}\" \
                         FOR EACH ROW EXECUTE FUNCTION fault()"
                    ),
                }
            }
        };
        self.beside.execute_unprepared(&text).await.unwrap();
    }

    async fn heal(&self) {
        let text = match self.postgres {
            false => "DROP TRIGGER fault".to_owned(),
            true => format!("DROP TRIGGER fault ON \"{}\"", self.table),
        };
        self.beside.execute_unprepared(&text).await.unwrap();
    }

    /// Has something done under the fault; where it is refused again and again, the fault goes, and
    /// then it must be done.
    async fn insist<T, E: std::fmt::Display>(
        &mut self,
        mut what: impl AsyncFnMut() -> Result<T, E>,
    ) -> T {
        self.arm().await;
        let mut healed = false;
        for _ in 0..3 {
            let mut asked = pin!(what());
            match tokio::time::timeout(PATIENCE, asked.as_mut()).await {
                Ok(Ok(done)) => {
                    self.heal().await;
                    return done;
                }
                Ok(Err(_)) => self.refused += 1,
                Err(_) => {
                    // It knows better than to give up: the result of a delivery must be written. Or it
                    // is slow, and was refused before the fault went: then it is asked once more.
                    self.refused += 1;
                    self.heal().await;
                    healed = true;
                    if let Ok(done) = asked.await {
                        return done;
                    }
                    break;
                }
            }
        }
        if !healed {
            self.heal().await;
        }
        what().await.unwrap_or_else(|e| panic!("{:?} {} {}: {e}", self.kind, self.way, self.table))
    }
}

fn morning() -> Timestamp {
    instant("2027-03-01T10:00")
}

fn submit(assignment: &str, value: serde_json::Value) -> Command {
    Command::Submit {
        assignment: assignment.parse().unwrap(),
        answers: value.as_object().cloned().unwrap(),
        origin: Origin::Api,
    }
}

fn decide() -> Command {
    let due = jiff::civil::date(2027, 3, 20);
    Command::RecordDecision {
        stage: "decide".into(),
        document: NewDocument {
            document: Document {
                number: "1-од".into(),
                date: jiff::civil::date(2027, 3, 1),
                outcome: "Утвердить.".into(),
                signatory: "Начальник".into(),
                ..Document::default()
            },
            kind: Some(DecisionKind::Order),
            ..NewDocument::default()
        },
        measures: Some(vec![NewMeasure {
            text: "Сделать".into(),
            organisations: vec!["school-1".into()],
            due,
        }]),
    }
}

/// Asks as a client does who keeps the request's id until there is an answer.
async fn ask(fault: &mut Fault, runtime: &Runtime, key: &RunKey, name: &str, ask: Ask) {
    fault
        .insist(async || {
            let mut task = Task::new(key.clone(), ask.clone(), "test");
            task.by.request = Some(Request::new(format!("{key}/{name}"), name, b"the same"));
            runtime.ask(task).await
        })
        .await;
}

/// A run's whole life under a fault; every answer is a figure of its own.
async fn live(fault: &mut Fault, runtime: &Arc<Runtime>, key: &RunKey, pupils: i64) {
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    ask(fault, runtime, key, "open", open).await;
    let assignment = format!("{key}/collect.school-1");
    let draft = json!({ "pupils": pupils }).as_object().cloned().unwrap();
    let draft = NewDraft { assignment: &assignment, answers: &draft, basis: None, page: "" };
    fault.insist(async || runtime.store().save_draft(draft, morning()).await).await;
    fault.insist(async || runtime.settle().await).await;
    let answer = submit("collect.school-1", json!({ "pupils": pupils, "low": pupils / 2 }));
    ask(fault, runtime, key, "answer", Ask::Step(answer)).await;
    fault.insist(async || runtime.settle().await).await;
    ask(fault, runtime, key, "decide", Ask::Step(decide())).await;
    let content = format!("%PDF {pupils}").into_bytes();
    // The whole act: its file and its step are two writes.
    fault
        .insist(async || {
            let file = NewFile { name: "приказ.pdf".into(), bytes: content.clone() };
            let request = Some(Request::new(format!("{key}/attach"), "attach", b"the same"));
            let by = Caller { request, ..Caller::new("test") };
            runtime.attach(key.clone(), 1, file, by).await
        })
        .await;
    fault.insist(async || runtime.settle().await).await;
    let report = submit("measure-1.school-1", json!({ "report": format!("сделано {pupils}") }));
    ask(fault, runtime, key, "report", Ask::Step(report)).await;
    ask(fault, runtime, key, "accept", Ask::Step(Command::AcceptMeasure { measure: 1 })).await;
    fault.insist(async || runtime.settle().await).await;
    let reason = pupils.to_string();
    let pause = Pause { paused: true, reason: &reason, actor: "test" };
    fault.insist(async || runtime.pause("m", "all", pause, None, None).await).await;
}

/// What must be found of a run's life when the database is opened anew.
async fn remembers(base: &Base, lives: &BTreeMap<RunKey, i64>) {
    let store = base.store().await;
    for (key, pupils) in lives {
        let run = store.run(key).await.unwrap().expect("the run was accepted").run;
        assert!(run.state.ended(), "{key}: {:?}", run.state);
        let assignment = format!("{key}/collect.school-1");
        let answers = store.submissions(&assignment).await.unwrap();
        assert_eq!(answers.len(), 1, "{key}: an answer is taken once");
        assert!(answers[0].answers.contains(&format!("\"pupils\":{pupils}")));
        let draft = store.draft(&assignment).await.unwrap().expect("the draft was kept");
        assert!(draft.answers.contains(&pupils.to_string()));
        assert_eq!(run.decisions.len(), 1, "{key}: a decision is recorded once");
        let [file] = run.decisions[0].attachments.as_slice() else { panic!("{key}: no file") };
        let owner = vekha::store::write::files::of_decisions(key);
        let content = store.file(&owner, &file.sha256).await.unwrap().expect("the file was kept");
        assert_eq!(content, format!("%PDF {pupils}").into_bytes());
        assert_eq!(run.measures[0].report, format!("сделано {pupils}"));
        assert!(run.measures[0].accepted_at.is_some());
    }
    let mut heads: BTreeMap<String, Head> = BTreeMap::new();
    let entries = journal::Entity::find().order_by_asc(journal::Column::Cursor);
    for row in entries.all(store.reader()).await.unwrap() {
        let journal::Model { run, sequence, at, actor, kind, data, hash, .. } = row;
        let at = vekha::store::instant(at);
        let entry = Entry { sequence: sequence as u64, at, actor, kind, data, hash };
        let head = heads.entry(run.clone()).or_insert_with(|| Head::of(&run));
        assert!(head.verify(&entry), "{run}: {entry:?}");
    }
    assert!(heads.remove("m/all").is_some(), "that the activity was stopped is told, too");
    assert_eq!(heads.len(), lives.len());
    let letters = outbox::Entity::find().all(store.reader()).await.unwrap();
    assert!(letters.iter().all(|letter| letter.state == "sent"), "{letters:?}");
    assert_eq!(
        submission::Entity::find().all(store.reader()).await.unwrap().len(),
        2 * lives.len()
    );
    assert_eq!(decision::Entity::find().all(store.reader()).await.unwrap().len(), lives.len());
    store.close().await.unwrap();
}

/// Lives one run after the other, each under another fault, on one daemon that is never restarted.
async fn acknowledged_is_stored(base: Base, kinds: &[Kind]) {
    let postgres = base.is_shared();
    let clock = Clock::manual(morning());
    let (runtime, letterbox) = base.daemon(&clock).await;
    let beside = base.beside().await;
    if !postgres {
        let tables = "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE orphan (parent \
                      INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)";
        beside.execute_unprepared(tables).await.unwrap();
    }
    let (mut lives, mut refused) = (BTreeMap::new(), 0);
    for (number, (kind, way, table)) in kinds
        .iter()
        .flat_map(|kind| WAYS.iter().flat_map(move |way| TABLES.map(|table| (*kind, *way, table))))
        .enumerate()
    {
        let beside = beside.clone();
        let mut fault = Fault { beside, postgres, kind, way, table, refused: 0 };
        let (key, pupils) = (survey_run(&format!("r{number}")), 1000 + number as i64);
        live(&mut fault, &runtime, &key, pupils).await;
        lives.insert(key, pupils);
        refused += fault.refused;
    }
    assert!(refused > 0, "no fault was met");
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for letter in letterbox.letters() {
        *times.entry(letter.message_id).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "what was delivered is not delivered again");
    end(runtime).await;
    remembers(&base, &lives).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_stored_whatever_statement_fails_on_sqlite() {
    let kinds = [Kind::Undone, Kind::Refused, Kind::AtCommit];
    acknowledged_is_stored(Base::sqlite(), &kinds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_stored_whatever_statement_fails_on_postgres() {
    let kinds = [Kind::Refused, Kind::Cut, Kind::AtCommit];
    acknowledged_is_stored(Base::postgres().await, &kinds).await;
}

/// The smallest input of the worst loss: after a failure that the database undid by itself, one that it
/// did not left the writer within a transaction for good, and all that was «accepted» later in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_failures_of_two_kinds_what_is_accepted_is_there_after_a_restart() {
    let base = Base::sqlite();
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    let beside = base.beside().await;
    let open = |part: &str| {
        let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
        Task::new(survey_run(part), ask, "test")
    };
    for (part, kind) in [("a", Kind::Undone), ("b", Kind::Refused)] {
        let beside = beside.clone();
        let fault =
            Fault { beside, postgres: false, kind, way: "INSERT", table: "journal", refused: 0 };
        fault.arm().await;
        let refused = runtime.ask(open(part)).await;
        assert!(matches!(refused, Err(AskError::Store(_))), "{refused:?}");
        fault.heal().await;
    }
    runtime.ask(open("c")).await.unwrap();
    end(runtime).await;
    let store = base.store().await;
    assert!(store.run(&survey_run("c")).await.unwrap().is_some());
    assert!(store.run(&survey_run("a")).await.unwrap().is_none());
}

/// A daemon that is frozen within a transaction holds its locks; the database takes them from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_freezes_with_a_run_in_its_hands_holds_up_the_others_for_seconds_only() {
    let base = Base::postgres().await;
    let (runtime, _) = base.daemon(&Clock::manual(morning())).await;
    let key = survey_run("a");
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(key.clone(), open, "test")).await.unwrap();
    let frozen = base.store().await;
    let mut held = frozen.begin().await.unwrap();
    held.load([key.clone()]).await.unwrap();
    let answer = submit("collect.school-1", json!({ "pupils": 60, "low": 30 }));
    let asked = runtime.ask(Task::new(key.clone(), Ask::Step(answer), "test"));
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, asked).await.expect("in time").unwrap();
    // What the frozen one had in mind is not written when it comes to itself.
    held.record(&key, vekha_engine::Outcome::default(), morning());
    held.commit().await.unwrap_err();
    end(runtime).await;
}
