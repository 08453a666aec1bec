//! Analyzers: a region's own method, in Python, over a real daemon; and what is told of those that hang,
//! die or talk nonsense, which harms their own runs and no other.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::timeout;
use vekha::clock::Clock;
use vekha::runtime::committer::Task;
use vekha::runtime::consultation::{About, request};
use vekha::runtime::integrations::Integrations;
use vekha::runtime::{Ask, Parts, Runtime};
use vekha::settings::{AnalyzerSettings, Settings};
use vekha_engine::data::{self, RunData};
use vekha_engine::{AssignmentKey, Command, Origin, RunKey, Why};
use vekha_plugin::{
    AnalyzeError, AnalyzeRequest, Analyzed, Analyzer, Capability, Description, GivenFigure, Health,
    Plugin, Problem,
};
use vekha_plugin_host::{Manner, PluginConfig};
use vekha_plugin_site::{Site, SiteConfig};
use vekha_proto::v1;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_roadmap::read::Files;
use vekha_tests::base::{Base, end, listeners};
use vekha_tests::letterbox::Letterbox;
use vekha_tests::process::binary;
use vekha_tests::school::{School, pairs};
use vekha_tests::small;
use vekha_tests::town::{Town, instant};
use vekha_tests::{on_both_databases, python};

const BAD: &str = env!("CARGO_BIN_EXE_bad-plugin");

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// In time, whatever happens.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

fn manner() -> Manner {
    Manner {
        guard: BAD.into(),
        waits: vec![Duration::from_millis(20)],
        health: [Duration::from_secs(60), Duration::from_secs(5)],
        grace: Duration::from_millis(500),
        ..Manner::default()
    }
}

/// What a plugin gives, and what is judged by formulas over it.
const RATING: &str = r#"
title = "Рейтинг школ"
method = "Приказ региона"
min-count = 2
audience = "organisation"

[thresholds]
behind = -1.0

[[indicator]]
id = "rating"
title = "Рейтинг"
decimals = 2
better = "higher"
people = false
given-by = "plugin"

[[indicator]]
id = "low_share"
title = "Доля"
unit = "%"
formula = "share(low, pupils)"

[[rule]]
id = "behind"
given-by = "plugin"
severity = "serious"
finding = "Рейтинг — {{ rating }}"
recommendation = "Догнать: место {{ rank.rating }}"
shows = ["rating"]

[[rule]]
id = "last"
when = "rating < 0 && low_share > 20"
severity = "note"
finding = "Доля — {{ low_share }} %"
shows = ["rating", "low_share"]
"#;

/// The small road map with so many schools and an activity for each analyzer: it asks, has the analyzer
/// compute and recommends.
fn files(schools: usize, analyzers: &[&str]) -> Files {
    let mut files = small::files_of(schools);
    files.0.insert("analyses/rating.toml".into(), RATING.into());
    let survey = files.0["activities/1-survey.toml"].clone();
    for (number, id) in analyzers.iter().enumerate() {
        let named = format!("{{ plugin = \"{id}\", definition = \"rating\" }}");
        let text = survey.replace("analysis = \"low\"", &format!("analysis = {named}"));
        files.0.insert(format!("activities/{}-by-{id}.toml", number + 20), text);
    }
    files
}

fn write(files: &Files, settings: &mut Settings, folder: &Path) {
    let own = folder.join("road-map");
    for (path, text) in &files.0 {
        let path = own.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    settings.road_maps = vec![own];
}

fn analyzer(settings: &mut Settings, id: &str, config: PluginConfig) {
    settings
        .analyzer
        .insert(id.to_owned(), AnalyzerSettings { plugin: id.to_owned(), deadline_seconds: None });
    settings.plugin.insert(id.to_owned(), config);
}

async fn start(town: &Town, id: &str) {
    let request = v1::StartRunRequest {
        parent: format!("municipalities/m/activities/by-{id}"),
        period: "2027".into(),
        part: "first".into(),
        ..Default::default()
    };
    RunServiceClient::new(town.channel().await).start_run(request).await.unwrap();
}

async fn run(town: &Town, id: &str) -> v1::Run {
    let name = format!("municipalities/m/activities/by-{id}/runs/2027.first");
    let request = v1::GetRunRequest { name };
    RunServiceClient::new(town.channel().await).get_run(request).await.unwrap().into_inner()
}

fn stage<'r>(run: &'r v1::Run, id: &str) -> &'r v1::Stage {
    run.stages.iter().find(|stage| stage.name.ends_with(&format!("/{id}"))).unwrap()
}

async fn answer(town: &Town, id: &str, school: usize, answers: Value) {
    use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
    let name = format!(
        "municipalities/m/activities/by-{id}/runs/2027.first/assignments/collect.school-{school}"
    );
    let request = v1::GetAssignmentRequest { name, show_link: true };
    let mut service = AssignmentServiceClient::new(town.channel().await);
    let assignment = service.get_assignment(request).await.unwrap().into_inner();
    let sent = School::default().send(&assignment.link, &pairs(&answers)).await;
    assert!(sent.status.is_success(), "{}", sent.text());
}

async fn page(town: &Town, path: &str) -> String {
    reqwest::get(format!("{}{path}", town.url())).await.unwrap().text().await.unwrap()
}

/// The sum of squares has the answer: of 50, 50 and 20 pupils the mean is 40, the deviation √200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_in_python_gives_figures_and_findings_and_schools_get_its_recommendations() {
    let mut town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        write(&files(3, &["rating"]), settings, folder);
        settings.manner = Manner { waits: vec![Duration::from_secs(1)], ..manner() };
        let script = python::examples().join("analyzer.py");
        let mut config = PluginConfig {
            command: vec!["python3".into(), script.display().to_string()],
            configuration: json!({ "weights": { "pupils": 1 } }).as_object().unwrap().clone(),
            start_seconds: Some(60),
            call_seconds: Some(60),
            ..PluginConfig::default()
        };
        config.environment.insert("PYTHONPATH".into(), python::path().into());
        analyzer(settings, "rating", config);
    })
    .await;
    start(&town, "rating").await;
    town.settle().await;
    for (school, pupils, low) in [(1, "50", "5"), (2, "50", "1"), (3, "20", "10")] {
        answer(&town, "rating", school, json!({ "pupils": pupils, "low": low })).await;
    }
    soon(town.settle()).await;
    let run = run(&town, "rating").await;
    let analyzed = stage(&run, "analyze");
    assert_eq!(analyzed.state(), v1::StageState::Completed, "{}", analyzed.reason);
    let request = v1::GetFiguresRequest { name: analyzed.name.clone() };
    let mut runs = RunServiceClient::new(town.channel().await);
    let table = runs.get_figures(request).await.unwrap().into_inner();
    let rating = &table.indicators[0];
    let score = 10.0 / 200f64.sqrt();
    let values: BTreeMap<&str, f64> =
        rating.organisations.iter().map(|f| (f.organisation.as_str(), f.value)).collect();
    let wanted = [("school-1", score), ("school-2", score), ("school-3", -2.0 * score)];
    for (code, value) in wanted {
        assert!((values[code] - value).abs() < 1e-12, "{code}: {values:?}");
    }
    let found: Vec<_> = table.findings.iter().map(|f| (f.rule.as_str(), f.text.as_str())).collect();
    assert_eq!(found, [("behind", "Рейтинг — −1,41"), ("last", "Доля — 50,0 %")]);
    let shown: Vec<_> = table.findings[0].figures.iter().map(|i| i.title.as_str()).collect();
    assert_eq!(shown, ["Рейтинг", "Организаций в рейтинге"]);
    // Who sees to it sees the same; the definition says who computes.
    let html = page(&town, "/runs/m/by-rating/2027.first").await;
    assert!(html.contains("−1,41") && html.contains("Рейтинг школ"), "{html}");
    let html = page(&town, "/m/m/definitions/activities/by-rating").await;
    assert!(html.contains("плагин «rating»: Рейтинг"), "{html}");
    let run: RunKey = "m/by-rating/2027.first".parse().unwrap();
    let whole = town.daemon.runtime.store().run(&run).await.unwrap().unwrap().run;
    let recommended: Vec<_> = whole
        .recommendations
        .iter()
        .map(|(key, one)| (key.to_string(), one.items[0].recommendation.clone().unwrap()))
        .collect();
    let wanted = ("recommend.school-3".to_owned(), "Догнать: место 3".to_owned());
    assert_eq!(recommended, [wanted]);
    let letters = town.new_letters();
    let told = letters.iter().filter(|letter| letter.to == "school-3@example.org");
    assert_eq!(told.count(), 3, "asked, thanked, and told what is recommended");
    soon(town.daemon.stop()).await.unwrap();
}

/// What the method says of a file of answers is seen before anything is scheduled, without a daemon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tries_a_method_on_a_file_of_answers() {
    let folder = tempfile::TempDir::new().unwrap();
    let own = folder.path().join("road-map");
    for (path, text) in &files(3, &["rating"]).0 {
        let path = own.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let answers = json!({
        "school-1": { "pupils": 50, "low": 5 }, "school-2": { "pupils": 50, "low": 1 },
        "school-3": { "pupils": 20, "low": 10 },
    });
    std::fs::write(folder.path().join("answers.json"), answers.to_string()).unwrap();
    let plugin = format!(
        "[analyzer.rating]\nplugin = 'rating'\n[plugin.rating]\nstart-seconds = 60\n\
         command = ['python3', '{}']\nenvironment = {{ PYTHONPATH = '{}' }}\n\
         configuration = {{ weights = {{ pupils = 1 }} }}\n",
        python::examples().join("analyzer.py").display(),
        python::path()
    );
    let bare = "listen = '127.0.0.1:0'\ndatabase = 'sqlite:vekha.db'\nsecret-file = 'secret'\n\
                road-maps = ['road-map']\nsite = { folder = 'site' }\n\
                mail = { folder = 'mail', from = { email = 'v@example.org' } }\n";
    let told = async |settings: String| {
        std::fs::write(folder.path().join("vekha.toml"), settings).unwrap();
        let mut command = tokio::process::Command::new(binary());
        command.args(["--config", "vekha.toml", "analyze", "by-rating", "--data", "answers.json"]);
        let path = std::env::var_os("PATH").unwrap();
        command.arg("--dry-run").current_dir(folder.path()).env_clear().env("PATH", path);
        let output = soon(command.output()).await.unwrap();
        let told = [output.stdout, output.stderr].concat();
        (String::from_utf8(told).unwrap(), output.status.success())
    };
    let (figures, well) = told(format!("{bare}{plugin}")).await;
    assert!(well && figures.contains("−1,41"), "{figures}");
    let (refused, well) = told(bare.to_owned()).await;
    assert!(!well && refused.contains("раздела [analyzer.rating] в настройках нет"), "{refused}");
}

/// How each of them does wrong, and what is told of it.
const WRONG: [(&str, &str); 8] = [
    ("nan", "дал показатель «rating» организации «school-1»: это не число"),
    ("unknown-indicator", "дал показатель «somebody», которого не спрашивали"),
    ("unknown-organisation", "организации «school-1-x», которой в данных нет"),
    ("unknown-rule", "дал вывод по правилу «none», которого не спрашивали"),
    ("twice", "дал показатель «rating» организации «school-1» дважды"),
    ("refused", "такого определения не знаю"),
    ("none", "в настройках демона нет раздела [analyzer.none]"),
    ("messenger", "плагин «messenger»"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_analyzer_does_wrong_harms_its_own_runs_and_is_told_in_words() {
    let later = ["hangs", "dies", "away"];
    let all: Vec<&str> = WRONG.iter().map(|(way, _)| *way).chain(later).chain(["well"]).collect();
    let town = Town::start_as("2027-03-01T10:00", |settings, folder| {
        write(&files(1, &all), settings, folder);
        settings.manner = manner();
        for way in all.iter().filter(|way| **way != "none") {
            let configuration = json!({ "way": way }).as_object().unwrap().clone();
            let config = PluginConfig {
                command: vec![BAD.into(), "well".into()],
                folder: std::env::temp_dir(),
                configuration,
                call_seconds: Some(if *way == "hangs" { 2 } else { 60 }),
                ..PluginConfig::default()
            };
            analyzer(settings, way, config);
        }
        // One that cannot do it at all.
        let messenger = settings.plugin.get_mut("messenger").unwrap();
        let script = python::examples().join("messenger.py");
        messenger.command = vec!["python3".into(), script.display().to_string()];
        messenger.configuration =
            json!({ "url": "http://127.0.0.1:9/x" }).as_object().unwrap().clone();
        messenger.environment.insert("PYTHONPATH".into(), python::path().into());
        messenger.start_seconds = Some(60);
    })
    .await;
    for way in &all {
        start(&town, way).await;
    }
    town.settle().await;
    for way in &all {
        answer(&town, way, 1, json!({ "pupils": "50", "low": "5" })).await;
    }
    soon(town.settle()).await;
    let well = run(&town, "well").await;
    assert_eq!(stage(&well, "analyze").state(), v1::StageState::Completed, "{well:?}");
    for (way, words) in WRONG.iter().filter(|(way, _)| *way != "messenger") {
        let run = run(&town, way).await;
        let failed = stage(&run, "analyze");
        assert_eq!(failed.state(), v1::StageState::Failed, "{way}: {run:?}");
        assert_eq!(run.state(), v1::RunState::Failed, "{way}");
        assert!(failed.reason.contains(words), "{way}: {}", failed.reason);
        assert!(failed.reason.starts_with(&format!("[analyzer.{way}] не дал показателей: ")));
        assert!(failed.reason.ends_with("и повторите этап"), "{}", failed.reason);
    }
    let today = page(&town, "/").await;
    assert!(today.contains("[analyzer.nan] не дал показателей"), "{today}");
    let html = page(&town, "/runs/m/by-twice/2027.first").await;
    assert!(html.contains("«school-1» дважды"), "{html}");

    // What may pass is asked again by itself, and seen meanwhile.
    for (way, words) in [
        ("hangs", "плагин «hangs» не ответил за 2 с"),
        ("dies", "плагин «dies» оборвал вызов"),
        ("away", "плагин «away»: сервер расчётов выключен"),
        ("messenger", "плагин «messenger» не считает показателей"),
    ] {
        let run = run(&town, way).await;
        let waits = stage(&run, "analyze");
        assert_eq!(waits.state(), v1::StageState::Active, "{way}: {run:?}");
        assert!(waits.reason.contains(words), "{way}: {}", waits.reason);
        assert!(waits.reason.ends_with("Спросим ещё раз сами"), "{}", waits.reason);
        let html = page(&town, &format!("/runs/m/by-{way}/2027.first")).await;
        assert!(html.contains(words), "{way}: {html}");
    }
    soon(town.live_until("2027-03-01T10:05")).await;
    let hung = run(&town, "hangs").await;
    assert_eq!(stage(&hung, "analyze").state(), v1::StageState::Completed, "{hung:?}");
    assert_eq!(stage(&hung, "analyze").reason, "");
    // Not for ever.
    soon(town.live_until("2027-03-01T11:30")).await;
    for way in ["dies", "away", "messenger"] {
        let run = run(&town, way).await;
        assert_eq!(stage(&run, "analyze").state(), v1::StageState::Failed, "{way}: {run:?}");
        let key = format!("m/by-{way}/2027.first");
        let tail = town.daemon.runtime.store().journal_tail(&key, 99).await.unwrap();
        let count = |kind: &str| tail.iter().filter(|entry| entry.kind == kind).count();
        // The same reason is told once; a process that dies may be found starting anew.
        assert!((1..=5).contains(&count("stage-put-off")), "{way}: {tail:#?}");
        assert_eq!(count("stage-failed"), 1, "{way}: {tail:#?}");
    }
    // Mended, it is asked anew.
    let name = run(&town, "refused").await.name;
    let retry = v1::RetryRunRequest { name, ..Default::default() };
    RunServiceClient::new(town.channel().await).retry_run(retry).await.unwrap();
    soon(town.settle()).await;
    let again = run(&town, "refused").await;
    assert_eq!(again.state(), v1::RunState::Failed, "it is not mended");
    soon(town.daemon.stop()).await.unwrap();
}

/// What is asked of the dataset of a school that has answered all kinds of questions.
#[test]
fn an_analyzer_gets_figures_and_no_words_no_contacts_and_nothing_that_is_for_the_department_alone()
{
    let mut files = files(1, &["rating"]);
    let form = files.0.get_mut("forms/sums.toml").unwrap();
    form.push_str(
        r#"
[[field]]
id = "head"
label = "Кто отвечает"
type = "text"

[[field]]
id = "story"
label = "Что сделано"
type = "long-text"

[[field]]
id = "order"
label = "Приказ"
type = "file"

[[field]]
id = "works"
label = "Работы"
type = "table"
column = [
  { id = "subject", label = "Предмет", type = "text" },
  { id = "done", label = "Сделали", type = "integer" },
  { id = "comment", label = "Пояснение", type = "long-text" },
]
"#,
    );
    let low = files.0.get_mut("analyses/low.toml").unwrap();
    *low = low.replace("title = \"Доля\"", "title = \"Доля\"\naudience = \"department\"");
    low.push_str("\n[[indicator]]\nid = \"half\"\ntitle = \"Половина\"\nformula = \"low / 2\"\n");
    let activity = files.0.get_mut("activities/20-by-rating.toml").unwrap();
    *activity = activity.replace(
        "definition = \"rating\" }",
        "definition = \"rating\" }\nfrom = { own = \"by-rating\", others = \"survey\" }",
    );
    let rating = files.0.get_mut("analyses/rating.toml").unwrap();
    *rating = rating.replace("share(low, pupils)", "share(own.low, own.pupils)");
    let map = vekha_roadmap::read::read(&files).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let answers = json!({
        "pupils": 50, "low": 5, "head": "Иванова", "story": "Много", "order": [{ "name": "x" }],
        "works": [{ "subject": "Физика", "done": 3, "comment": "так" }],
        "explanations": { "low": "карантин" }, "left": null,
    });
    let answers = answers.as_object().unwrap().clone();
    let own = RunData {
        answers: [("school-1".to_owned(), answers.clone())].into(),
        ..Default::default()
    };
    let mut others = own.clone();
    let survey: RunKey = "m/survey/2027.first".parse().unwrap();
    let alone = [(
        survey.clone(),
        RunData { answers: [("school-1".to_owned(), answers)].into(), ..Default::default() },
    )]
    .into();
    let Command::Analyzed { outcome, .. } = data::analyze(&map, &survey, "analyze", &alone) else {
        panic!("it is computed")
    };
    assert_eq!(outcome.indicators.len(), 2);
    others.analyses.push(("analyze".to_owned(), outcome));
    let run: RunKey = "m/by-rating/2027".parse().unwrap();
    let data = [(run.clone(), own), ("m/survey/2027".parse().unwrap(), others)].into();
    let looked = data::looked_at(&map, &run, "analyze", &data).unwrap();
    let about = About {
        road_map: &map,
        activity: map.activity("by-rating").unwrap(),
        stage: "analyze",
        analyze: looked.stage,
        definition: looked.definition,
        period: "2027",
    };
    let asked = request(&about, &looked.inputs);
    let known = |dataset: &str| {
        let known = asked.datasets[dataset]["school-1"].iter();
        Value::Object(known.map(|(id, value)| (id.clone(), (**value).clone())).collect())
    };
    let told = json!({ "pupils": 50, "low": 5, "works": [{ "subject": "Физика", "done": 3 }] });
    assert_eq!(known("own"), told);
    let mut with_figures = told;
    with_figures["half"] = json!(2.5);
    assert_eq!(known("others"), with_figures);
    let school = &asked.organisations["school-1"];
    assert_eq!((school.kind.as_str(), school.title.as_str()), ("school", "Школа № 1"));
    let all = serde_json::to_string(&asked).unwrap();
    for secret in ["Иванова", "Много", "карантин", "так\"", "example.org", "low_share"]
    {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    let ids: Vec<_> = asked.indicators.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((ids, asked.rules), (vec!["rating"], vec!["behind".to_owned()]));
    assert_eq!(asked.thresholds["behind"], -1.0);
}

/// An analyzer in our own process, during whose first calls something happens.
#[derive(Default)]
struct Watched {
    runtime: OnceLock<Arc<Runtime>>,
    happens: Mutex<Vec<(RunKey, Command)>>,
    keys: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

#[async_trait]
impl Plugin for Watched {
    fn describe(&self) -> Description {
        Description {
            name: "watched".into(),
            version: "1".into(),
            summary: "Считает.".into(),
            capabilities: vec![Capability::Analyzer],
            settings: vec![],
        }
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }
}

#[async_trait]
impl Analyzer for Watched {
    async fn analyze(&self, request: &AnalyzeRequest<'_>) -> Result<Analyzed, AnalyzeError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.keys.lock().unwrap().push(request.key.clone());
        let next = {
            let mut happens = self.happens.lock().unwrap();
            (!happens.is_empty()).then(|| happens.remove(0))
        };
        if let Some((run, command)) = next {
            let task = Task::new(run, Ask::Step(command), "test");
            self.runtime.get().unwrap().ask(task).await.unwrap();
        }
        let figure = |(code, known): (&String, &vekha_plugin::Known<'_>)| GivenFigure {
            indicator: "rating".into(),
            organisation: Some(code.clone()),
            outcome: known["pupils"].as_f64().ok_or_else(|| "нет числа".to_owned()),
        };
        let figures = request.datasets[""].iter().map(figure).collect();
        Ok(Analyzed { figures, findings: vec![] })
    }
}

fn submit(school: &str, pupils: i64) -> Command {
    let answers = json!({ "pupils": pupils, "low": 1 });
    Command::Submit {
        assignment: AssignmentKey::new("collect", school),
        answers: answers.as_object().unwrap().clone(),
        origin: Origin::Api,
    }
}

async fn what_is_committed_rests_on_the_dataset_that_stands_then(base: Base) {
    let watched = Arc::new(Watched::default());
    let clock = Clock::manual(instant("2027-03-01T10:00"));
    let analyzers: BTreeMap<String, Arc<dyn Analyzer>> =
        [("watched".to_owned(), watched.clone() as Arc<dyn Analyzer>)].into();
    let site = SiteConfig { folder: base.folder.path().join("site"), url: None };
    let parts = Parts {
        store: base.store().await,
        clock: clock.clone(),
        integrations: Integrations {
            analyzers,
            ..Integrations::new(
                Arc::new(Letterbox::default()),
                Arc::new(Site::new(site).unwrap()),
                listeners(),
            )
        },
        public_url: "http://localhost".into(),
    };
    let runtime = Runtime::start(parts).await.unwrap();
    watched.runtime.set(runtime.clone()).ok();
    // Two collections at a time: the analysis waits for the first and sees what the second has so far.
    let mut files = files(2, &["watched"]);
    let activity = files.0.get_mut("activities/20-by-watched.toml").unwrap();
    let second = activity[activity.find("[[stage]]").unwrap()
        ..activity.find("[[stage]]\nkind = \"analyze\"").unwrap()]
        .to_owned();
    let second =
        second.replace("kind = \"collect\"", "kind = \"collect\"\nid = \"more\"\nneeds = []");
    *activity = activity.replace(
        "[[stage]]\nkind = \"analyze\"",
        &format!("{second}[[stage]]\nkind = \"analyze\"\nneeds = [\"collect\"]"),
    );
    runtime.apply(files, "test").await.unwrap();
    let run: RunKey = "m/by-watched/2027.first".parse().unwrap();
    let open = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    runtime.ask(Task::new(run.clone(), open, "test")).await.unwrap();
    let ask = async |command: Command| {
        runtime.ask(Task::new(run.clone(), Ask::Step(command), "test")).await.unwrap();
    };
    // During the first call the dataset changes, during the second only who sees to the run.
    let more = |pupils: i64| match submit("school-1", pupils) {
        Command::Submit { answers, origin, .. } => {
            Command::Submit { assignment: AssignmentKey::new("more", "school-1"), answers, origin }
        }
        other => other,
    };
    *watched.happens.lock().unwrap() =
        vec![(run.clone(), more(70)), (run.clone(), Command::Entrust { to: "Пётр Иванов".into() })];
    ask(submit("school-1", 50)).await;
    ask(submit("school-2", 20)).await;
    runtime.settle().await.unwrap();
    let outcome =
        runtime.store().outcome("m/by-watched/2027.first/analyze").await.unwrap().unwrap();
    let rating = &outcome.indicators[0].organisations;
    assert_eq!((rating["school-1"].value, rating["school-2"].value), (70.0, 20.0));
    assert_eq!(watched.calls.load(Ordering::Relaxed), 2, "asked anew for the dataset alone");
    let keys = watched.keys.lock().unwrap().clone();
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| key.starts_with("m/by-watched/2027.first/analyze/")), "{keys:?}");
    end(runtime).await;
}

on_both_databases! {
    what_is_committed_rests_on_the_dataset_that_stands_then,
}
