//! The department's large pages: how long each takes and how many bytes it is, in a municipality with
//! years behind it. 33 activities over five years, everybody asked and answered, analysed, recommended,
//! decided and written to, in SQLite on a disk; first one person alone, then twenty at work at once,
//! each opening a page, reading it for a second or two, and opening the next.
//!
//! Times are those of whole requests over loopback, with the people's own browsers on the same cores.
//! `VEKHA_BENCH_SCHOOLS=100,1000` asks for other sizes, `VEKHA_BENCH_SECONDS` for how long people work.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::civil::date;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, Database, DatabaseConnection, EntityTrait, IntoActiveModel,
    TransactionTrait,
};
use serde_json::json;
use vekha::store::entities::{
    analysis, assignment, decision, journal, measure, outbox, recommendation, run, submission,
};
use vekha_analysis::{Finding, Outcome};
use vekha_engine::run::{
    Assignment, AssignmentKind, AssignmentState, Decision, Measure, MeasureState, Recommendation,
    RecommendationState, RunState, Stage, StageState,
};
use vekha_engine::{Document, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Every, OrganisationKind, Work};
use vekha_roadmap::period::Period;
use vekha_tests::region;
use vekha_tests::town::{Town, instant, shipped_road_map};

const YEARS: std::ops::RangeInclusive<i16> = 2022..=2026;
const PEOPLE: usize = 20;
const NOW: &str = "2027-03-01T10:00";

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// The shipped road map in a folder, with as many schools.
async fn town(schools: usize) -> Town {
    Town::start_as(NOW, |settings, folder| {
        let own = folder.join("road-map");
        let mut files = vekha::files::load(&shipped_road_map()).expect("the shipped road map");
        let registry = files.0.get_mut("organisations.toml").expect("the registry");
        for n in 7..=schools {
            registry.push_str(&format!(
                "\n[[organisation]]\ncode = \"school-{n}\"\nkind = \"school\"\n\
                 name = \"МБОУ «Средняя общеобразовательная школа № {n}»\"\n\
                 short = \"МБОУ СОШ № {n}\"\nemail = \"school-{n}@zarechny.example.org\"\n\
                 since = 2010-09-01\n\n[[organisation.contact]]\nname = \"Директор Школы {n}\"\n\
                 role = \"директор\"\nphone = \"8 (34300) {n:05}\"\n"
            ));
        }
        for (path, text) in &files.0 {
            let path = own.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("to create");
            std::fs::write(path, text).expect("to write");
        }
        settings.road_maps = vec![own];
    })
    .await
}

/// Rows of all tables, written by portions.
#[derive(Default)]
struct Rows {
    runs: Vec<run::ActiveModel>,
    assignments: Vec<assignment::ActiveModel>,
    submissions: Vec<submission::ActiveModel>,
    analyses: Vec<analysis::ActiveModel>,
    recommendations: Vec<recommendation::ActiveModel>,
    decisions: Vec<decision::ActiveModel>,
    measures: Vec<measure::ActiveModel>,
    letters: Vec<outbox::ActiveModel>,
    journal: Vec<journal::ActiveModel>,
}

async fn put<A>(db: &impl ConnectionTrait, rows: &mut Vec<A>)
where
    A: ActiveModelTrait + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(500));
        let portion = std::mem::replace(rows, rest);
        A::Entity::insert_many(portion).exec_without_returning(db).await.expect("to write");
    }
}

impl Rows {
    async fn write(&mut self, db: &DatabaseConnection) {
        let transaction = db.begin().await.expect("to begin");
        put(&transaction, &mut self.runs).await;
        put(&transaction, &mut self.assignments).await;
        put(&transaction, &mut self.submissions).await;
        put(&transaction, &mut self.analyses).await;
        put(&transaction, &mut self.recommendations).await;
        put(&transaction, &mut self.decisions).await;
        put(&transaction, &mut self.measures).await;
        put(&transaction, &mut self.letters).await;
        put(&transaction, &mut self.journal).await;
        transaction.commit().await.expect("to commit");
    }
}

/// A municipality with years behind it.
struct Past<'a> {
    map: &'a RoadMap,
    /// Of the newest two years, by activity and stage.
    outcomes: BTreeMap<(String, String), Vec<Outcome>>,
    rows: Rows,
}

impl Past<'_> {
    /// Whom an activity asks, of those whose turn it is.
    fn asked(&self, activity: &Activity, stage: &str) -> Vec<String> {
        let Some(collect) = activity.collect(stage) else { return vec![] };
        let kinds = self.map.selected(&collect.participants, None);
        let codes: Vec<String> = kinds.into_iter().map(str::to_owned).collect();
        match codes.is_empty() {
            // Whom findings name: every third school.
            true => self
                .map
                .of_kinds(&[OrganisationKind::School])
                .into_iter()
                .step_by(3)
                .map(str::to_owned)
                .collect(),
            false => codes,
        }
    }

    fn live(&mut self, activity: &Activity, year: i16) {
        let key = |part: Option<String>| RunKey {
            municipality: self.map.municipality.id.clone(),
            activity: activity.id.clone(),
            period: Period::containing(activity.schedule.period, date(year, 11, 1)),
            part,
        };
        let parts: Vec<Option<String>> = match &activity.schedule.every {
            Every::Rotation { years, kinds, .. } => {
                let codes = self.map.of_kinds(kinds).into_iter().enumerate();
                let turn = usize::from(year.unsigned_abs()) % usize::from(*years);
                let own = codes.filter(|(n, _)| n % usize::from(*years) == turn);
                own.map(|(_, code)| Some(code.to_owned())).collect()
            }
            _ => vec![None],
        };
        for part in parts {
            let key = key(part);
            self.run(activity, &key, year);
        }
    }

    fn run(&mut self, activity: &Activity, key: &RunKey, year: i16) {
        let id = key.to_string();
        let open = year == *YEARS.end() && activity.number % 3 == 2;
        let opened = instant(&format!("{year}-11-01T09:00"));
        let due = date(year, 11, 16);
        let answered = instant(&format!("{year}-11-10T12:00"));
        let ended = instant(&format!("{year}-12-20T09:00"));
        let mut sequence = 0;
        let mut tell = |rows: &mut Rows, kind: &str, data: serde_json::Value| {
            sequence += 1;
            let entry = journal::Model {
                cursor: 0,
                run: id.clone(),
                sequence,
                at: vekha::store::micros(answered),
                actor: "vekha".into(),
                kind: kind.into(),
                data: data.to_string(),
                road_map: 1,
                hash: String::new(),
            };
            let mut entry = entry.into_active_model();
            entry.cursor = sea_orm::NotSet;
            rows.journal.push(entry);
        };
        let mut stages = Vec::new();
        let mut sizes = [0; 4];
        for (place, stage) in activity.stages.iter().enumerate() {
            let mut at = Stage::pending(&stage.id);
            if open && place > 0 {
                stages.push(at);
                continue;
            }
            at.started_at = Some(opened);
            at.due = Some(due);
            at.state = if open { StageState::Active } else { StageState::Completed };
            at.completed_at = (!open).then_some(ended);
            stages.push(at);
            match &stage.work {
                Work::Collect(collect) => {
                    let form = &self.map.forms[&collect.form];
                    let asked = match &key.part {
                        Some(code) => vec![code.clone()],
                        None => self.asked(activity, &stage.id),
                    };
                    tell(
                        &mut self.rows,
                        "asked",
                        json!({ "stage": stage.id, "organisations": asked, "due": due }),
                    );
                    for (n, code) in asked.iter().enumerate() {
                        let answers = !open || n % 3 == 0;
                        let name = format!("{}.{code}", stage.id);
                        let given = Assignment {
                            kind: AssignmentKind::Collect,
                            state: if answers {
                                AssignmentState::Answered
                            } else {
                                AssignmentState::Open
                            },
                            due,
                            asked_at: opened,
                            answered_at: answers.then_some(answered),
                            version: u32::from(answers),
                            reminded_through: None,
                            reason: String::new(),
                            late: n % 7 == 0,
                            returns: 0,
                            comment: String::new(),
                            request: None,
                            link: 0,
                            replied: None,
                        };
                        let row = assignment::Model {
                            id: format!("{id}/{name}"),
                            run: id.clone(),
                            municipality: key.municipality.clone(),
                            activity: key.activity.clone(),
                            stage: stage.id.clone(),
                            organisation: code.clone(),
                            state: given.state.as_str().into(),
                            due: due.to_string(),
                            token_hash: format!("{id}/{name}"),
                            body: serde_json::to_string(&given).expect("JSON"),
                            revision: 1,
                        };
                        self.rows.assignments.push(row.into_active_model());
                        sizes[0] += 1;
                        if answers {
                            let values = region::answers_of(form, &format!("{id}/{name}"));
                            let row = submission::Model {
                                id: format!("{id}/{name}/1"),
                                assignment: format!("{id}/{name}"),
                                run: id.clone(),
                                version: 1,
                                at: vekha::store::micros(answered),
                                actor: format!("page:{code}"),
                                origin: "page".into(),
                                answers: serde_json::to_string(&values).expect("JSON"),
                            };
                            self.rows.submissions.push(row.into_active_model());
                            let told = json!({ "assignment": name, "version": 1, "late": false, "origin": "page", "answers": {} });
                            tell(&mut self.rows, "submitted", told);
                        }
                        for kind in ["assignment", "receipt"] {
                            let row = outbox::Model {
                                key: format!("{id}/{name}/{kind}"),
                                municipality: key.municipality.clone(),
                                run: id.clone(),
                                road_map: 1,
                                kind: kind.into(),
                                organisation: code.clone(),
                                state: "sent".into(),
                                created_at: vekha::store::micros(opened),
                                next_attempt_at: vekha::store::micros(opened),
                                attempts: 1,
                                uncertain: false,
                                sent_at: Some(vekha::store::micros(opened)),
                                error: String::new(),
                                message_id: format!("{id}/{name}/{kind}@zarechny.vekha")
                                    .replace('/', "-"),
                                body: json!({ "revision": 1, "not_before": opened, "facts": {} })
                                    .to_string(),
                                digest: None,
                                digest_id: None,
                                sent_to: String::new(),
                                claim: None,
                            };
                            self.rows.letters.push(row.into_active_model());
                        }
                    }
                }
                Work::Analyze(_) => {
                    let known = self.outcomes.get(&(activity.id.clone(), stage.id.clone()));
                    let Some(outcome) =
                        known.and_then(|all| all.get(year as usize % all.len().max(1)))
                    else {
                        continue;
                    };
                    let row = analysis::Model {
                        id: format!("{id}/{}", stage.id),
                        run: id.clone(),
                        stage: stage.id.clone(),
                        at: vekha::store::micros(ended),
                        body: serde_json::to_string(&of_part(outcome, key)).expect("JSON"),
                    };
                    self.rows.analyses.push(row.into_active_model());
                }
                Work::Recommend(_) => {
                    let analyses = activity
                        .analyses()
                        .find_map(|a| self.outcomes.get(&(activity.id.clone(), a.to_owned())));
                    let findings = analyses
                        .and_then(|all| all.first())
                        .map(|o| o.findings.as_slice())
                        .unwrap_or_default();
                    let mut by_code: BTreeMap<&str, Vec<_>> = BTreeMap::new();
                    let own =
                        |f: &&Finding| key.part.as_ref().is_none_or(|part| f.organisation == *part);
                    let advised = findings.iter().filter(|f| f.recommendation.is_some());
                    for finding in advised.filter(own) {
                        by_code.entry(&finding.organisation).or_default().push(finding.clone());
                    }
                    for (code, items) in by_code {
                        let given = Recommendation {
                            state: RecommendationState::Acknowledged,
                            items,
                            issued_at: Some(ended),
                            acknowledged_at: Some(ended),
                            report: "Проведён педагогический совет, составлен план".into(),
                            reported_at: Some(ended),
                            drafted_at: Some(ended),
                            discarded_at: None,
                            reason: String::new(),
                        };
                        let row = recommendation::Model {
                            id: format!("{id}/{}.{code}", stage.id),
                            run: id.clone(),
                            municipality: key.municipality.clone(),
                            activity: key.activity.clone(),
                            stage: stage.id.clone(),
                            organisation: code.to_owned(),
                            state: given.state.as_str().into(),
                            body: serde_json::to_string(&given).expect("JSON"),
                            revision: 1,
                        };
                        self.rows.recommendations.push(row.into_active_model());
                        sizes[1] += 1;
                    }
                }
                Work::Decide(_) => {
                    let given = Decision {
                        stage: stage.id.clone(),
                        kind: Default::default(),
                        corrects: None,
                        document: Document {
                            number: format!("{}-од/{year}", activity.number),
                            date: date(year, 12, 20),
                            title: "О мерах по итогам".into(),
                            outcome: "Провести проверки до конца учебного года".into(),
                            signatory: "Начальник отдела".into(),
                            ..Document::default()
                        },
                        recorded_by: "console:anna".into(),
                        recorded_at: ended,
                        attachments: vec![],
                    };
                    let row = decision::Model {
                        id: format!("{id}/1"),
                        run: id.clone(),
                        municipality: key.municipality.clone(),
                        activity: key.activity.clone(),
                        ordinal: 1,
                        date: given.document.date.to_string(),
                        body: serde_json::to_string(&given).expect("JSON"),
                        revision: 1,
                    };
                    self.rows.decisions.push(row.into_active_model());
                    sizes[2] = 1;
                    for n in 1..=100 {
                        let given = Measure {
                            decision: 1,
                            text: "Утвердить программу перехода школы в эффективный режим".into(),
                            organisation: format!("school-{n}"),
                            due,
                            state: MeasureState::Done,
                            report: "Сделано".into(),
                            document: None,
                            comment: String::new(),
                            first_due: None,
                            extensions: 0,
                            returns: 0,
                            accepted_at: Some(ended),
                            accepted_by: "console:anna".into(),
                        };
                        let row = measure::Model {
                            id: format!("{id}/{n}"),
                            run: id.clone(),
                            municipality: key.municipality.clone(),
                            activity: key.activity.clone(),
                            ordinal: n,
                            organisation: given.organisation.clone(),
                            state: given.state.as_str().into(),
                            due: due.to_string(),
                            body: serde_json::to_string(&given).expect("JSON"),
                            revision: 1,
                        };
                        if key.part.is_none() {
                            self.rows.measures.push(row.into_active_model());
                            sizes[3] += 1;
                        }
                    }
                }
                _ => {}
            }
        }
        let body = run::Body { stages, sizes, told_since: Some(0), ..Default::default() };
        let state = if open { RunState::Active } else { RunState::Completed };
        let row = run::Model {
            id: id.clone(),
            municipality: key.municipality.clone(),
            activity: key.activity.clone(),
            period: key.period.to_string(),
            part: key.part.clone(),
            road_map: 1,
            state: state.as_str().into(),
            opened_at: vekha::store::micros(opened),
            ended_at: (!open).then(|| vekha::store::micros(ended)),
            body: serde_json::to_string(&body).expect("JSON"),
            journal_sequence: sequence,
            journal_hash: String::new(),
            revision: 1,
        };
        self.rows.runs.push(row.into_active_model());
    }
}

/// What an analysis tells of a run: of one whose turn it is of a rotation, of that one alone.
fn of_part(outcome: &Outcome, run: &RunKey) -> Outcome {
    let mut own = outcome.clone();
    if let Some(part) = &run.part {
        for figures in &mut own.indicators {
            figures.organisations.retain(|code, _| code == part);
            figures.withheld.retain(|code, _| code == part);
        }
        own.findings.retain(|finding| finding.organisation == *part);
        own.unmet = None;
    }
    own
}

/// Fills the database beside the daemon, which does nothing meanwhile.
async fn fill(town: &Town, schools: usize) {
    let version = town.daemon.runtime.road_maps().newest("zarechny").expect("the road map");
    let map = &version.road_map;
    let mut outcomes: BTreeMap<(String, String), Vec<Outcome>> = BTreeMap::new();
    let named = |code: &str| {
        let number = code.strip_prefix("school-").and_then(|n| n.parse::<usize>().ok());
        number.map_or_else(|| code.to_owned(), |n| format!("school-{n}"))
    };
    region::live(&region::road_map(schools), schools, 2, |run, stage, outcome, _| {
        // The region counts its schools with leading zeros.
        let mut outcome = outcome.clone();
        for figures in &mut outcome.indicators {
            figures.organisations = std::mem::take(&mut figures.organisations)
                .into_iter()
                .map(|(c, f)| (named(&c), f))
                .collect();
            figures.withheld = std::mem::take(&mut figures.withheld)
                .into_iter()
                .map(|(c, f)| (named(&c), f))
                .collect();
        }
        for finding in &mut outcome.findings {
            finding.organisation = named(&finding.organisation);
        }
        outcomes.entry((run.activity.clone(), stage.to_owned())).or_default().push(outcome);
    });
    let url = format!("sqlite:{}", town.folder.path().join("vekha.db").display());
    let db = Database::connect(url).await.expect("a connection");
    let mut past = Past { map, outcomes, rows: Rows::default() };
    for year in YEARS {
        for activity in &map.activities {
            past.live(activity, year);
            past.rows.write(&db).await;
        }
    }
    db.execute_unprepared("ANALYZE").await.expect("to analyze");
    db.close().await.expect("to close");
}

/// Pages, each with what it is.
fn pages(map: &RoadMap) -> Vec<(&'static str, String)> {
    let period = |id: &str, year: i16| {
        let activity = map.activity(id).expect("an activity");
        Period::containing(activity.schedule.period, date(year, 11, 1)).to_string()
    };
    let done = format!("/runs/zarechny/low-result-schools/{}", period("low-result-schools", 2025));
    let open = map
        .activities
        .iter()
        .find(|a| {
            let rotates = matches!(a.schedule.every, Every::Rotation { .. });
            let collects = matches!(a.stages[0].work, Work::Collect(_));
            a.number % 3 == 2 && collects && !rotates
        })
        .expect("one that collects");
    let stage = &open.stages[0].id;
    let open = format!("/runs/zarechny/{}/{}", open.id, period(&open.id, 2026));
    let m = "/m/zarechny";
    vec![
        ("road map", m.into()),
        ("road map, narrowed", format!("{m}?state=late")),
        ("year", format!("{m}/year?year=2026")),
        ("search: a school", format!("{m}/search?q=%D1%81%D0%BE%D1%88+77")),
        ("search: a decision", format!("{m}/search?q=29-%D0%BE%D0%B4")),
        ("search: a run", format!("{m}/search?q=2025")),
        ("organisation", format!("{m}/organisations/school-77")),
        (
            "organisation, figures",
            format!("{m}/organisations/school-77?analysis=low-result-schools%2Fanalyze"),
        ),
        ("organisations", format!("{m}/organisations")),
        ("organisations, found", format!("{m}/organisations?q=77")),
        ("activity", "/runs/zarechny/low-result-schools".into()),
        ("run, decided", done.clone()),
        ("run, collecting", open.clone()),
        ("participants", format!("{open}/participants")),
        ("participants, late", format!("{open}/participants?stage={stage}&state=late&sort=name")),
        ("answers", format!("{open}/answers")),
        ("answers, searched", format!("{open}/answers?q=%D1%88+7&sort=name")),
        ("figures", format!("{done}/figures/analyze")),
        ("figures, sorted", format!("{done}/figures/analyze?sort=-name&page=3")),
        ("journal", format!("{open}/journal")),
        ("journal of a school", format!("{open}/journal?organisation=school-77")),
    ]
}

/// How long, and how many bytes came.
async fn visit(http: &reqwest::Client, url: &str) -> (Duration, usize) {
    let begun = Instant::now();
    let page = http.get(url).header("accept-encoding", "gzip").send().await.expect("an answer");
    assert!(page.status().is_success(), "{url}: {}", page.status());
    let bytes = page.bytes().await.expect("a page").len();
    (begun.elapsed(), bytes)
}

fn at(took: &[f64], share: f64) -> f64 {
    took[((took.len() - 1) as f64 * share).round() as usize]
}

async fn measure(schools: usize) {
    let town = town(schools).await;
    let begun = Instant::now();
    fill(&town, schools).await;
    let file = town.folder.path().join("vekha.db");
    let size = std::fs::metadata(file).map_or(0, |file| file.len());
    println!(
        "\n{schools} schools, {} MB, filled in {:.0} s\n{:<24} {:>8} {:>8} {:>9} | {:>8} {:>8}",
        size / 1_000_000,
        begun.elapsed().as_secs_f64(),
        "alone: page, ms",
        "median",
        "99 %",
        "KB",
        "median",
        "99 %: 20 people"
    );
    let version = town.daemon.runtime.road_maps().newest("zarechny").expect("the road map");
    let pages = pages(&version.road_map);
    let http = reqwest::Client::builder().build().expect("a browser");
    let url = |path: &str| format!("{}{path}", town.url());
    let mut alone = Vec::new();
    for (_, path) in &pages {
        let mut took = Vec::new();
        let mut bytes = 0;
        for _ in 0..40 {
            let (time, length) = visit(&http, &url(path)).await;
            took.push(time.as_secs_f64() * 1000.0);
            bytes = length;
        }
        took.sort_by(f64::total_cmp);
        alone.push((at(&took, 0.5), at(&took, 0.99), bytes));
    }
    let until = Instant::now() + Duration::from_secs(number("VEKHA_BENCH_SECONDS", 60));
    let person = |n: usize| {
        let (http, pages, url) = (&http, &pages, &url);
        async move {
            let mut seen = Vec::new();
            let mut next = n * 7;
            // Nor do they all come at one moment: so many at once are more than one in a hundred.
            tokio::time::sleep(Duration::from_millis(75 * n as u64)).await;
            while Instant::now() < until {
                let place = next % pages.len();
                let (time, _) = visit(http, &url(&pages[place].1)).await;
                seen.push((place, time.as_secs_f64() * 1000.0));
                // People read for one to two seconds.
                next += 1 + (n + seen.len()) % 5;
                let reading = 1000 + (n * 37 + seen.len() * 91) % 1000;
                tokio::time::sleep(Duration::from_millis(reading as u64)).await;
            }
            seen
        }
    };
    let seen: Vec<(usize, f64)> = join_all((0..PEOPLE).map(person)).await.concat();
    for (place, ((what, _), (median, most, bytes))) in pages.iter().zip(&alone).enumerate() {
        let mut took: Vec<f64> =
            seen.iter().filter(|(p, _)| *p == place).map(|(_, t)| *t).collect();
        took.sort_by(f64::total_cmp);
        let [usual, worst] = match took.is_empty() {
            true => [f64::NAN; 2],
            false => [at(&took, 0.5), at(&took, 0.99)],
        };
        let kilobytes = *bytes as f64 / 1024.0;
        println!("{what:<24} {median:8.1} {most:8.1} {kilobytes:9.1} | {usual:8.1} {worst:8.1}");
    }
    let mut all: Vec<f64> = seen.into_iter().map(|(_, time)| time).collect();
    all.sort_by(f64::total_cmp);
    println!(
        "all pages, 20 people: {} opened, median {:.1} ms, 99 % {:.1} ms",
        all.len(),
        at(&all, 0.5),
        at(&all, 0.99)
    );
}

#[tokio::main]
async fn main() {
    let sizes = std::env::var("VEKHA_BENCH_SCHOOLS").unwrap_or_else(|_| "100,1000".into());
    for size in sizes.split(',').filter_map(|size| size.trim().parse::<usize>().ok()) {
        measure(size).await;
    }
}
