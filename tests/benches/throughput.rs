//! Durable four-stage runs per second: collect, analyze, recommend, decide, each answered as soon
//! as it is asked, on SQLite with synchronous=FULL on a disk. Beside it what the disk and the
//! driver allow: the same rows written with sqlx alone, in as many commits; and what the engine
//! takes without a database. Letters stay in the outbox: a mail server is not what is measured.
//!
//! The mark is 4,000 runs per second on two cores. A shared machine wavers: rounds alternate, so
//! that ratios within one run of the program mean more than figures of two.
//!
//! `VEKHA_BENCH_RUNS`, `VEKHA_BENCH_ROUNDS` and `VEKHA_BENCH_GROUPS` (of callers) ask for more or
//! fewer; `VEKHA_BENCH_ONLY=vekha` leaves out the rest, for a profiler.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::future::{join_all, try_join_all};
use jiff::Timestamp;
use serde_json::json;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};
use tempfile::TempDir;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::integrations::Integrations;
use vekha::runtime::{Ask, Parts, Runtime};
use vekha::secret::Secret;
use vekha::store::Store;
use vekha_engine::run::{Run, RunState};
use vekha_engine::world::{People, Plan, World};
use vekha_engine::{Command, DecisionKind, Document, NewDocument, Origin, Outcome, RunKey, Why};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_roadmap::read::read;
use vekha_tests::letterbox::Letterbox;
use vekha_tests::small::{self, survey_run};
use vekha_tests::town::instant;

/// Groups of callers: while one waits for its commit, others compute.
const GROUPS: usize = 4;

/// Steps that change a run's row: opened, answered, analyzed and drafted, decided.
const STEPS: usize = 4;

/// What each run writes besides its own row.
const TABLES: [&str; 7] =
    ["assignment", "submission", "recommendation", "decision", "analysis", "outbox", "journal"];

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn morning() -> Timestamp {
    instant("2027-03-01T10:00")
}

fn answer(number: usize) -> Command {
    let answers = json!({ "pupils": 60, "low": number % 60 });
    Command::Submit {
        assignment: "collect.school-1".parse().expect("an assignment"),
        answers: answers.as_object().cloned().expect("an object"),
        origin: Origin::Api,
    }
}

fn decision() -> Command {
    Command::RecordDecision {
        stage: "decide".into(),
        document: NewDocument {
            document: Document {
                number: "47-од".into(),
                date: jiff::civil::date(2027, 3, 1),
                outcome: "Утвердить итоги опроса.".into(),
                signatory: "Начальник отдела".into(),
                ..Document::default()
            },
            kind: Some(DecisionKind::Order),
            ..NewDocument::default()
        },
        measures: None,
    }
}

/// Lives runs through the daemon's runtime. Returns runs per second and the number of commits.
async fn vekha(folder: &Path, runs: usize) -> (f64, u64) {
    let url = format!("sqlite:{}", folder.join("vekha.db").display());
    let store = Store::open(&url, Secret::from_bytes([7; 32])).await.expect("a database");
    let runtime = Runtime::start(Parts {
        store: store.clone(),
        clock: Clock::manual(morning()),
        integrations: Integrations::new(
            Arc::new(Letterbox::default()),
            Arc::new(
                Site::new(SiteConfig { folder: folder.join("site"), url: None }).expect("a site"),
            ),
            vekha_tests::base::listeners(),
        ),
        public_url: "http://localhost".into(),
    })
    .await
    .expect("a runtime");
    runtime.apply(small::files(), "bench").await.expect("a road map");
    let commits = *runtime.changes().borrow();
    let begun = Instant::now();
    let of = number("VEKHA_BENCH_GROUPS", GROUPS);
    let groups = (0..of).map(|group| {
        let runtime = runtime.clone();
        tokio::spawn(async move {
            let numbers: Vec<usize> = (0..runs).filter(|n| n % of == group).collect();
            for wave in numbers.chunks(1024) {
                live(&runtime, wave).await;
            }
        })
    });
    for group in join_all(groups).await {
        group.expect("a group ends");
    }
    let seconds = begun.elapsed().as_secs_f64();
    let commits = *runtime.changes().borrow() - commits;
    let last = store.run(&key(runs - 1)).await.expect("to read").expect("it exists").run;
    assert_eq!(last.state, RunState::Completed);
    drop(runtime);
    store.close().await.expect("to close");
    (runs as f64 / seconds, commits)
}

fn key(number: usize) -> RunKey {
    survey_run(&format!("run-{number}"))
}

async fn live(runtime: &Runtime, numbers: &[usize]) {
    ask(runtime, numbers, |_| Ask::Open {
        named: vec![],
        why: Why::Request,
        without_waiting: false,
    })
    .await;
    ask(runtime, numbers, |n| Ask::Step(answer(n))).await;
    runtime.settle_runs().await.expect("the database works");
    ask(runtime, numbers, |_| Ask::Step(decision())).await;
}

async fn ask(runtime: &Runtime, numbers: &[usize], what: fn(usize) -> Ask) {
    let tasks = numbers.iter().map(|n| Task::new(key(*n), what(*n), "person@example.org"));
    try_join_all(tasks.map(|task| runtime.ask(task))).await.expect("it is carried out");
}

/// Nobody who does more than he is told.
struct Nobody;

impl People for Nobody {
    fn react(&mut self, _: &World<'_>, _: &Run, _: &Outcome) -> Vec<Plan> {
        vec![]
    }
}

/// The same runs in memory.
fn engine(runs: usize) -> f64 {
    let road_map = read(&small::files()).expect("a road map");
    let mut world = World::new(&road_map, morning());
    let begun = Instant::now();
    for n in 0..runs {
        let key = key(n);
        world.open(key.clone(), vec![], Why::Request, "person", &mut Nobody).expect("to open");
        world.command(&key, answer(n), "person", &mut Nobody).expect("to answer");
        world.command(&key, decision(), "person", &mut Nobody).expect("to decide");
        assert_eq!(world.runs[&key].state, RunState::Completed);
    }
    runs as f64 / begun.elapsed().as_secs_f64()
}

/// A table's rows, as they are written.
struct Table {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone)]
enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

async fn connect(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "10000")
        .statement_cache_capacity(256);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a database")
}

async fn rows(pool: &SqlitePool, name: &'static str) -> Table {
    let sql = format!("SELECT * FROM {name} ORDER BY rowid");
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await.expect("rows");
    let columns = found.first().map_or(vec![], |row| {
        row.columns().iter().map(|column| column.name().to_owned()).collect()
    });
    let cell = |row: &SqliteRow, place: usize| {
        let value = row.try_get_raw(place).expect("a value");
        match value.type_info().name() {
            _ if value.is_null() => Cell::Null,
            "INTEGER" | "BOOLEAN" | "BIGINT" => Cell::Integer(row.get(place)),
            _ => Cell::Text(row.get(place)),
        }
    };
    let rows = found
        .iter()
        .map(|row| (0..row.columns().len()).map(|place| cell(row, place)).collect())
        .collect();
    Table { name, columns, rows }
}

/// Most rows of one statement: as many parameters as statements stay quick to prepare with.
const AT_ONCE: usize = 50;

async fn insert(transaction: &mut sqlx::SqliteTransaction<'_>, table: &Table, rows: &[Vec<Cell>]) {
    for chunk in rows.chunks(AT_ONCE) {
        let one = format!("({})", vec!["?"; table.columns.len()].join(","));
        let sql = format!(
            "INSERT OR REPLACE INTO {} ({}) VALUES {}",
            table.name,
            table.columns.join(","),
            vec![one; chunk.len()].join(",")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for cell in chunk.iter().flatten() {
            query = match cell {
                Cell::Null => query.bind(None::<String>),
                Cell::Integer(value) => query.bind(*value),
                Cell::Text(text) => query.bind(text.as_str()),
            };
        }
        query.execute(&mut **transaction).await.expect("to insert");
    }
}

/// Writes what the runtime wrote, into an empty copy of its tables, in as many commits: every run's
/// row once for each step, every other row once, and the job that led from step to step.
async fn raw(folder: &Path, runs: usize, commits: u64) -> f64 {
    let written = connect(&folder.join("vekha.db")).await;
    let run = rows(&written, "run").await;
    let mut tables = Vec::new();
    for name in TABLES {
        tables.push(rows(&written, name).await);
    }
    let schema: Vec<(String,)> =
        sqlx::query_as("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC")
            .fetch_all(&written)
            .await
            .expect("a schema");
    written.close().await;
    let pool = connect(&folder.join("raw.db")).await;
    for (sql,) in schema {
        sqlx::query(AssertSqlSafe(sql)).execute(&pool).await.expect("to create");
    }
    let job = |run: &[Cell]| {
        let Cell::Text(id) = &run[0] else { panic!("a run's id") };
        let text = |text: &str| Cell::Text(text.into());
        let body = format!(r#"{{"kind":"analyze","run":"{id}","stage":"analyze"}}"#);
        vec![
            Cell::Text(format!("analyze/{id}/analyze")),
            text("analyze"),
            text(id),
            Cell::Integer(0),
            Cell::Integer(0),
            text(""),
            Cell::Text(body),
        ]
    };
    let names = ["key", "kind", "run", "due_at", "attempts", "error", "body"];
    let jobs = Table { name: "job", columns: names.map(str::to_owned).to_vec(), rows: Vec::new() };

    let begun = Instant::now();
    // Each commit is a share of one step of all runs.
    let shares = (commits as usize / STEPS).max(1);
    for step in 0..STEPS {
        for share in 0..shares {
            let part = |rows: usize| {
                let (from, to) = (rows * step / STEPS, rows * (step + 1) / STEPS);
                let rows = to - from;
                from + rows * share / shares..from + rows * (share + 1) / shares
            };
            let mut transaction = pool.begin().await.expect("to begin");
            let of = runs * share / shares..runs * (share + 1) / shares;
            insert(&mut transaction, &run, &run.rows[of.clone()]).await;
            for table in &tables {
                insert(&mut transaction, table, &table.rows[part(table.rows.len())]).await;
            }
            let due: Vec<Vec<Cell>> = run.rows[of].iter().map(|run| job(run)).collect();
            insert(&mut transaction, &jobs, &due).await;
            transaction.commit().await.expect("to commit");
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    pool.close().await;
    runs as f64 / seconds
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main]
async fn main() {
    let runs = number("VEKHA_BENCH_RUNS", 8192);
    let rounds = number("VEKHA_BENCH_ROUNDS", 5);
    let only_vekha = std::env::var("VEKHA_BENCH_ONLY").is_ok_and(|only| only == "vekha");
    println!("{runs} four-stage runs, SQLite, synchronous=FULL\n");
    println!("round    runs/s    commits    raw sqlx runs/s    ratio    engine alone runs/s");
    let mut figures: [Vec<f64>; 4] = Default::default();
    for round in 1..=rounds {
        let folder = TempDir::new().expect("a folder");
        let (own, commits) = vekha(folder.path(), runs).await;
        if only_vekha {
            println!("{round:5} {own:9.0} {commits:10}");
            continue;
        }
        let raw = raw(folder.path(), runs, commits).await;
        let engine = engine(runs);
        println!("{round:5} {own:9.0} {commits:10} {raw:18.0} {:8.2} {engine:22.0}", own / raw);
        for (figures, figure) in figures.iter_mut().zip([own, raw, own / raw, engine]) {
            figures.push(figure);
        }
    }
    if !only_vekha {
        let [own, raw, ratio, engine] = figures.map(median);
        println!("\nmedian {own:8.0} {raw:29.0} {ratio:8.2} {engine:22.0}");
    }
}
