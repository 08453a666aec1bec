//! The command line as the people who type it and the scripts that call it know it: the real binary
//! as a process, beside a daemon that lives in this one.

#![allow(clippy::unwrap_used)] // how tests fail

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use vekha_tests::process::binary;
use vekha_tests::smtp::{Act, At, Fault};
use vekha_tests::town::{Town, shipped_road_map};

/// A working morning.
const MORNING: &str = "2026-10-06T09:30";

/// What a command printed.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        Said { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// What it printed, if it did what it was told.
    fn well(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// What it complained of.
    fn complaint(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{}", self.err);
        self.err
    }
}

/// Runs the binary, with nothing of this process's environment.
async fn vekha(arguments: &[&str]) -> Said {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().stdin(Stdio::null());
    Said::of(command.output().await.unwrap())
}

/// The command line of somebody who works with a town.
struct Desk {
    town: Town,
    files: TempDir,
}

impl Desk {
    async fn at(moment: &str) -> Self {
        Desk { town: Town::start(moment).await, files: TempDir::new().unwrap() }
    }

    async fn say(&self, arguments: &[&str]) -> Said {
        let url = self.town.url();
        let whole = [&["--server", &url, "--actor", "Ирина Ветлугина"], arguments].concat();
        let said = vekha(&whole).await;
        self.town.settle().await;
        said
    }

    /// A command in words for people; it must succeed.
    async fn text(&self, arguments: &[&str]) -> String {
        self.say(arguments).await.well()
    }

    /// A command for a program; it must succeed.
    async fn json(&self, arguments: &[&str]) -> Value {
        let out = self.say(&[arguments, &["--format", "json"]].concat()).await.well();
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {out}"))
    }

    /// A command for a program; it must fail. What it says on stderr is one JSON object.
    async fn error(&self, arguments: &[&str]) -> Value {
        let said = self.say(&[arguments, &["--format", "json"]].concat()).await.complaint();
        let error: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
        error["error"].clone()
    }

    fn file(&self, name: &str, content: &Value) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.display().to_string()
    }
}

/// An answer to the form of activity 29.
fn results(low: bool) -> Value {
    let twos = if low { 11 } else { 1 };
    let row = |subject: &str| {
        json!({ "procedure": "ВПР", "grade": 5, "subject": subject, "participants": 20,
            "marks_2": twos, "marks_3": 9, "marks_4": 11 - twos, "marks_5": 0 })
    };
    json!({ "procedures": [row("Математика"), row("Русский язык")] })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Puts a mistake into a file of a road map.
fn spoil(folder: &Path, file: &str, right: &str, wrong: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(right), "{file} does not say {right}");
    std::fs::write(path, text.replacen(right, wrong, 1)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_version_of_a_road_map_changed_is_told_and_any_of_them_comes_back_word_for_word()
{
    let desk = Desk::at("2026-10-06T09:30").await;
    let place = |name: &str| desk.files.path().join(name);
    let changed = place("changed");
    copy(&shipped_road_map(), &changed);
    let low = "activities/29-low-result-schools.toml";
    spoil(&changed, low, "due = \"10 working days\"", "due = \"12 working days\"");
    desk.text(&["activity", "apply", changed.to_str().unwrap()]).await;
    let versions = desk.text(&["activity", "versions"]).await;
    let newest = versions.find("2 (действует)").expect(&versions);
    assert!(versions[newest..].contains("Ирина Ветлугина"), "the newest is first: {versions}");
    let compared = desk.text(&["activity", "compare", "2"]).await;
    assert!(compared.starts_with("29. "), "{compared}");
    assert!(compared.contains("10 → 12 рабочих дней"), "{compared}");
    assert_eq!(compared.lines().count(), 2, "{compared}");
    let other_way = desk.text(&["activity", "compare", "1", "--with", "2"]).await;
    assert!(other_way.contains("12 → 10 рабочих дней"), "{other_way}");
    assert!(desk.text(&["activity", "compare", "1"]).await.contains("версии до неё нет"));
    // Any of them comes back: its files are those that were put in force.
    let back = place("back");
    desk.text(&["activity", "export", "1", back.to_str().unwrap()]).await;
    let files = |folder: &Path| vekha::files::load(folder).unwrap().0;
    assert_eq!(files(&back), files(&shipped_road_map()));
    desk.text(&["activity", "apply", back.to_str().unwrap()]).await;
    let same = desk.text(&["activity", "compare", "3", "--with", "1"]).await;
    assert!(same.contains("ничем не отличается"), "{same}");
    // What lies somewhere is not written over, and what is not there is told by its name.
    let refused = desk.say(&["activity", "export", "2", back.to_str().unwrap()]).await.complaint();
    assert!(refused.contains("не пуста"), "{refused}");
    let missing = desk.error(&["activity", "compare", "9"]).await;
    assert_eq!(missing["code"], "NotFound", "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_completes_what_may_be_done_now_and_the_run_tells_all_of_it() {
    let desk = Desk::at("2026-10-06T09:30").await;
    desk.text(&["run", "start", "vpr/2025-26"]).await;
    let offered = desk.text(&["run", "offers", "8/2025-26"]).await;
    for command in [
        "vekha run cancel vpr/2025-26",
        "vekha assignment extend vpr/2025-26/collect.school-3",
        "vekha submit vpr/2025-26/collect.school-1",
    ] {
        assert!(offered.contains(command), "{offered}");
    }
    assert!(!offered.contains("vekha run retry"), "{offered}");
    // Nobody has answered: there is no stage whose answers could be accepted.
    let nothing = desk.error(&["run", "accept", "8/2025-26"]).await;
    assert!(nothing["message"].as_str().unwrap().contains("ни с одним этапом"), "{nothing}");

    let url = desk.town.url();
    // Options may follow anything: they are clap's.
    let complete_by = async |server: &str, words: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["--", "vekha", "--server", server]).args(words);
        command.env_clear().env("COMPLETE", "fish").stdin(Stdio::null());
        let said = Said::of(command.output().await.unwrap()).well();
        let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        said.lines().map(first).filter(|word| !word.starts_with('-')).collect::<Vec<_>>()
    };
    let complete = async |words: &[&str]| complete_by(&url, words).await;
    assert_eq!(complete(&["run", "cancel", "vp"]).await, ["vpr/2025-26"]);
    assert_eq!(complete(&["run", "cancel", "8/"]).await, ["8/2025-26"]);
    assert_eq!(complete(&["run", "retry", ""]).await, Vec::<String>::new());
    let schools = complete(&["assignment", "extend", "8/2025-26/collect.school-"]).await;
    assert_eq!(schools.len(), 6, "{schools:?}");
    // What is typed already is what the daemon is asked by, and commands complete without it.
    assert!(complete(&["run", "can"]).await.contains(&"cancel".to_owned()));
    desk.text(&["run", "cancel", "8/2025-26", "--reason", "Открыто по ошибке"]).await;
    assert_eq!(complete(&["run", "cancel", "vpr"]).await, Vec::<String>::new());
    // Where no daemon answers nothing is said.
    let nobody = complete_by("http://127.0.0.1:1", &["run", "cancel", ""]).await;
    assert_eq!(nobody, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_the_shipped_road_map_whole_and_tells_all_mistakes_of_a_spoilt_one() {
    let shipped = shipped_road_map().display().to_string();
    let whole = vekha(&["check", &shipped]).await.well();
    assert!(whole.contains("Ошибок нет: 33 мероприятия"), "{whole}");
    assert!(whole.contains("переносы выходных 2027 года не утверждены"), "{whole}");

    let copied = TempDir::new().unwrap();
    let folder = copied.path();
    copy(&shipped_road_map(), folder);
    let low = "activities/29-low-result-schools.toml";
    spoil(folder, low, "kind = \"decide\"", "kind = \"decied\"");
    spoil(folder, low, "\"gia-vpr-analysis\"", "\"gia-vpr-analisys\"");
    spoil(
        folder,
        "activities/04-assessment-list.toml",
        "close = \"2 working days\"",
        "close = \"2 workdays\"",
    );
    spoil(folder, "activities/08-vpr.toml", "form = \"vpr-results\"", "form = \"vpr-result\"");
    spoil(folder, "forms/procedure-results.toml", "row.marks_5", "row.marks_6");
    spoil(folder, "organisations.toml", "code = \"school-2\"", "code = \"school-1\"");
    spoil(
        folder,
        "municipality.toml",
        "time-zone = \"Asia/Yekaterinburg\"",
        "time-zone = \"Asia/Ekaterinburg\"",
    );
    let folder = folder.display().to_string();
    let said = vekha(&["check", &folder]).await;
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    insta::assert_snapshot!("check_tells_all_mistakes", said.out);

    let said = vekha(&["check", &folder, "--format", "json"]).await;
    assert_eq!(said.code, 1);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["valid"], false);
    for mistake in told["diagnostics"].as_array().unwrap() {
        let file = mistake["file"].as_str().unwrap();
        assert!(Path::new(&folder).join(file).exists(), "{mistake}");
        assert!(mistake["line"].as_u64().unwrap() > 0, "{mistake}");
    }

    let nowhere = vekha(&["check", "/nowhere/at/all"]).await.complaint();
    assert!(nowhere.contains("/nowhere/at/all"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_shows_how_it_reads_a_file_and_needs_no_daemon() {
    let folder = shipped_road_map().display().to_string();
    let file = |name: &str| {
        format!("{}/../daemon/layouts/tests/exports/{name}", env!("CARGO_MANIFEST_DIR"))
    };
    let attempt = async |name: &str, more: &[&str]| {
        let file = file(name);
        vekha(&[&["layout", "try", &file, "--folder", &folder], more].concat()).await
    };
    let said = attempt("form-1.xlsx", &["--layout", "fis-oko-1"]).await.well();
    insta::assert_snapshot!("layout_try", said);

    let said = attempt("form-1.xlsx", &["--form", "vpr-results", "--format", "json"]).await.well();
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["files"][0]["layout"], "fis-oko-1");
    let row = &told["organisations"]["school-2"]["answers"]["results"][0];
    assert_eq!((&row["marks_2"], &row["lowered_2"]), (&json!(2), &json!(1)));
    let places = told["notes"].as_array().unwrap().iter().filter(|note| !note["place"].is_null());
    assert!(places.count() > 0, "{told}");

    // For another year its rows are not taken, as where they would really be taken.
    let other = attempt("form-1.xlsx", &["--layout", "fis-oko-1", "--period", "2030-31"]).await;
    assert_eq!(other.code, 1, "{}", other.out);
    assert!(other.out.contains("а нужен 2031: не взята"), "{}", other.out);

    let strange = attempt("strange.xlsx", &["--layout", "fis-oko-1"]).await;
    assert_eq!(strange.code, 1, "{}", strange.out);
    assert!(strange.out.contains("ни одна раскладка не узнала заголовков"), "{}", strange.out);
    let unknown = attempt("form-1.xlsx", &["--layout", "fis-oko-11"]).await.complaint();
    assert!(unknown.contains("раскладки «fis-oko-11» в карте нет"), "{unknown}");
    let many = attempt("form-1.xlsx", &[]).await.complaint();
    assert!(many.contains("--layout"), "{many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_municipality_is_made_of_a_table_and_what_is_only_tried_or_wrong_makes_nothing() {
    let files = TempDir::new().unwrap();
    let folder = files.path().join("new").display().to_string();
    let table = files.path().join("organisations.csv");
    std::fs::write(
        &table,
        "Наименование;Вид;Адрес почты\nШкола № 1;школа;one@example.org\n\
         Сад;детский сад;k@example.org\nММО;ММО;m@example.org\n",
    )
    .unwrap();
    let table = table.display().to_string();
    let init = async |more: &[&str]| {
        let all = [
            &["init", &folder, "--name", "Ручейский округ", "--authority", "Отдел образования"],
            &["--organisations", &table, "--contact", "Анна Ручьева"][..],
            &["--email", "edu@example.org", "--begins", "2027-09-01"],
            more,
        ];
        vekha(&all.concat()).await
    };
    let zone = ["--time-zone", "Asia/Yekaterinburg"];
    let tried = init(&[&zone[..], &["--validate-only"]].concat()).await.well();
    assert!(tried.contains("папка не создана"), "{tried}");
    let wrong = init(&["--time-zone", "Asia/Nowhere"]).await.complaint();
    assert!(wrong.contains("--time-zone"), "{wrong}");
    assert!(!Path::new(&folder).exists());
    init(&zone).await.well();
    vekha(&["check", &folder]).await.well();
    // What is there is not written over.
    let again = init(&zone).await.complaint();
    assert!(again.contains("папка не пуста"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_shows_a_year_to_people_and_to_programs() {
    let shipped = shipped_road_map().display().to_string();
    let year = ["preview", &shipped, "--from", "2026-09-01", "--to", "2027-08-31"];
    let lines = vekha(&[&year[..], &["--format", "json"]].concat()).await.well();
    let lines: Vec<Value> = serde_json::from_str(&lines).unwrap();
    let opened = lines.iter().filter(|l| l.to_string().contains("\"opened\"")).count();
    let text = vekha(&year).await.well();
    assert!(opened > 20, "{opened} runs in a year");
    assert!(text.contains(&format!("открыто выполнений — {opened},")), "{text}");
    let backwards = ["preview", &shipped, "--from", "2027-01-02", "--to", "2027-01-01"];
    vekha(&backwards).await.complaint();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_is_tried_on_a_file_before_anything_is_scheduled() {
    let folder = TempDir::new().unwrap();
    let shipped = shipped_road_map().display().to_string();
    let file = |name: &str, data: Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, data.to_string()).unwrap();
        path.display().to_string()
    };
    let low: Value = serde_json::from_str(include_str!("../../config/tour/low.json")).unwrap();
    let good: Value = serde_json::from_str(include_str!("../../config/tour/good.json")).unwrap();
    let now = file("now.json", json!({ "school-1": low, "school-2": good, "school-3": good }));
    let before = file("before.json", json!({ "school-1": good, "school-2": good }));
    let analyze = ["analyze", "29", "--folder", &shipped, "--earlier", &before, "--data"];
    let figures = vekha(&[&analyze[..], &[&now, "--format", "json"]].concat()).await.well();
    let figures: Value = serde_json::from_str(&figures).unwrap();
    // By hand: 24 of 45 in low.json, 1 of 46 in good.json, as the README's tour has it.
    let share = figures["indicators"].as_array().unwrap();
    let share = share.iter().find(|i| i["indicator"] == "low_share").unwrap();
    let of = |n: usize| share["organisations"][n]["value"].as_f64().unwrap();
    assert!((of(0) - 2400.0 / 45.0).abs() < 1e-9 && (of(1) - 100.0 / 46.0).abs() < 1e-9, "{share}");
    let earlier = share["organisations"][0]["earlier"].as_f64().unwrap();
    assert!((earlier - 100.0 / 46.0).abs() < 1e-9, "{share}");
    assert!(figures["findings"][0]["text"].is_string(), "{figures}");
    let text = vekha(&[&analyze[..], &[&now]].concat()).await.well();
    assert!(text.contains("53,3"), "{text}");
    // Data that the form would refuse is refused here, all of it at once.
    let wrong = json!({ "school-1": { "procedures": "нет" }, "school-77": good });
    let wrong = file("wrong.json", wrong);
    let told = vekha(&[&analyze[..], &[&wrong]].concat()).await.complaint();
    for expected in ["school-1: procedures", "school-77"] {
        assert!(told.contains(expected), "{told}");
    }
    // So is what a dataset with a name holds; indicators may stand in it by themselves.
    let results: Value =
        serde_json::from_str(include_str!("../data/answers/gia-results.json")).unwrap();
    let analyze = ["analyze", "14", "--folder", &shipped, "--dry-run", "--data"];
    let marks = json!({ "school-1": { "low_share": 12.5 } });
    let right = json!({ "gia": { "school-1": results }, "vpr": marks });
    let right = file("right.json", right);
    let text = vekha(&[&analyze[..], &[&right]].concat()).await.well();
    assert!(text.contains("12,5"), "{text}");
    let mut results = results;
    results["medals_1"] = json!(-1);
    let wrong = json!({ "gia": { "school-1": results }, "vpr": { "school-1": { "low": 1 } } });
    let told = vekha(&[&analyze[..], &[&file("odd.json", wrong)]].concat()).await.complaint();
    for expected in ["gia: school-1: medals_1", "vpr: school-1: low: такого"] {
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_every_command_says_one_clear_sentence() {
    // A port that was free a moment ago, on which nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sentence = format!("демон не отвечает по адресу {url}: запустите его командой vekha");
    let said = vekha(&["--server", &url, "status"]).await.complaint();
    assert_eq!(said, format!("ошибка: {sentence}\n"));
    let said = vekha(&["--server", &url, "--format", "json", "status"]).await.complaint();
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["error"]["message"], sentence);
    let said = vekha(&["--server", "не адрес", "status"]).await.complaint();
    assert!(said.contains("не адрес") && said.lines().count() == 1, "{said}");
}

/// A program that answers whatever comes to its port with the same bytes.
async fn somebody_else(answer: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut port, _) = listener.accept().await.unwrap();
            let mut asked = [0; 64];
            if port.read(&mut asked).await.is_ok_and(|length| length > 0) {
                port.write_all(answer).await.ok();
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_at_the_wrong_door_or_with_the_wrong_key_is_told_what_to_do() {
    const KEY: &str = "sesame-0123456789";
    let town = Town::start_locked(MORNING, KEY).await;
    let say = async |server: &str, key: &str| {
        let said = vekha(&["--server", server, "--token", key, "run", "list"]).await.complaint();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let bare = town.url().trim_start_matches("http://").to_owned();
    let said = say(&bare, KEY).await;
    assert!(said.contains(&format!("назовите его {}", town.url())), "{said}");
    let said = say(&format!("grpc://{bare}"), KEY).await;
    assert!(said.contains("не grpc://, а http:// или https://"), "{said}");
    for answer in [
        &b"HTTP/1.1 404 Not Found\r\nserver: nginx\r\ncontent-length: 0\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let other = somebody_else(answer).await;
        let said = say(&format!("http://{other}"), KEY).await;
        assert!(said.contains("отвечает не Веха") && said.contains(&other), "{said}");
    }
    let said = say(&town.url(), "vekha_0000").await;
    assert!(
        said.contains("этот ключ здесь не действует") && said.contains("VEKHA_TOKEN"),
        "{said}"
    );
    assert_eq!(vekha(&["--server", &town.url(), "--token", KEY, "run", "list"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_of_low_results_is_led_from_the_command_line_alone() {
    let desk = Desk::at(MORNING).await;
    desk.town.mail.inject(
        Fault::new(At::Recipient, Act::Reply(550)).to("school-3@zarechny.example.org").times(1),
    );

    // 29 starts.
    let tried = desk.text(&["run", "start", "29/2025-26", "--validate-only"]).await;
    assert_eq!(tried.trim(), "low-result-schools/2025-26: можно");
    assert_eq!(desk.json(&["run", "list"]).await, json!([]));
    let started = desk.json(&["run", "start", "29/2025-26"]).await;
    assert_eq!(started["state"], "RUN_STATE_WAITING");
    let again = desk.error(&["run", "start", "29/2025-26"]).await;
    assert_eq!(again["code"], "AlreadyExists");
    desk.text(&["run", "proceed", "29/2025-26"]).await;
    let listed = desk.json(&["run", "list", "29", "--state", "active"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let shown = desk.text(&["run", "show", "29/2025-26"]).await;
    assert!(shown.contains("0 из 6") && shown.contains("20.10.2026"), "{shown}");
    assert!(desk.text(&["status"]).await.contains("Школы с низкими результатами"));
    assert_eq!(desk.json(&["status"]).await.as_array().unwrap().len(), 33);

    // Answers, wrong ones first.
    let mut wrong = results(false);
    wrong["procedures"][0]["grade"] = 12.into();
    wrong["procedures"][1]["subject"] = "".into();
    let wrong = desk.file("wrong.json", &wrong);
    let answer = |school: &str| format!("29/2025-26/collect.{school}");
    let first = answer("school-1");
    let told = desk.say(&["submit", &first, "--file", &wrong]).await.complaint();
    insta::assert_snapshot!("a_wrong_answer", told);
    let told = desk.error(&["submit", &first, "--file", &wrong]).await;
    assert_eq!(told["code"], "InvalidArgument");
    let fields: Vec<&str> =
        told["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["answers.procedures[0].grade", "answers.procedures[1].subject"]);
    let (low, good) =
        (desk.file("low.json", &results(true)), desk.file("good.json", &results(false)));
    for (school, file) in
        [("school-1", &low), ("school-2", &good), ("school-3", &good), ("school-4", &good)]
    {
        let said = desk.text(&["submit", &answer(school), "--file", file]).await;
        assert_eq!(said.trim(), "принято, версия 1");
    }
    let extend = [
        "assignment",
        "extend",
        &answer("school-5"),
        "--due",
        "2026-11-05",
        "--reason",
        "Карантин",
    ];
    assert_eq!(desk.json(&extend).await["due"], "2026-11-05");
    for school in ["school-5", "school-6"] {
        let waive = ["assignment", "waive", &answer(school), "--reason", "Школа на ремонте"];
        assert_eq!(desk.json(&waive).await["state"], "ASSIGNMENT_STATE_WAIVED");
    }
    let shown = desk.text(&["assignment", "list", "29/2025-26"]).await;
    insta::assert_snapshot!("assignments", shown);

    // The decision with its measure.
    let decide = [
        "decide",
        "29/2025-26",
        "--number",
        "47-од",
        "--date",
        "2026-10-06",
        "--outcome",
        "Утвердить перечень",
        "--signatory",
        "Начальник отдела",
        "--measure",
        "school-1 | 2026-12-01 | Представить план",
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [draft, form] = [file("приказ.txt"), file("приказ.docx")];
    let shown = desk.text(&["decision", "draft", "29/2025-26"]).await;
    assert!(shown.contains("ПРИКАЗЫВАЮ"), "{shown}");
    desk.text(&["decision", "draft", "29/2025-26", "--file", &draft]).await;
    assert_eq!(std::fs::read_to_string(&draft).unwrap().trim(), shown.trim());
    desk.text(&["decision", "draft", "29/2025-26", "--file", &form]).await;
    assert!(std::fs::read(&form).unwrap().starts_with(b"PK"));
    let minutes = desk.text(&["decision", "draft", "29/2025-26", "--kind", "minutes"]).await;
    assert!(minutes.contains("РЕШИЛИ:") && minutes.contains("Присутствовали: "), "{minutes}");
    let pdf = desk.error(&["decision", "draft", "29/2025-26", "--file", &file("a.pdf")]).await;
    assert_eq!(pdf["code"], "LOCAL");
    let decide = [&decide[..], &["--text-file", &draft]].concat();
    let checked = desk.text(&[&decide[..], &["--validate-only"]].concat()).await;
    assert_eq!(checked.trim(), "ошибок нет, решение не записано");
    let decided = desk.json(&decide).await;
    assert_eq!(decided["measures"].as_array().unwrap().len(), 1);
    assert_eq!(decided["text"].as_str().unwrap().trim(), shown.trim());
    desk.text(&["decision", "show", "29/2025-26/1", "--file", &form]).await;
    std::fs::write(file("скан.pdf"), b"%PDF scan").unwrap();
    let attach = ["decision", "attach", "29/2025-26/1", &file("скан.pdf"), &form];
    let attached = desk.text(&attach).await;
    assert!(attached.contains("приложение 2: приказ.docx"), "{attached}");
    let copy = file("копия.pdf");
    desk.text(&["decision", "attachment", "29/2025-26/1", "1", "--file", &copy]).await;
    assert_eq!(std::fs::read(&copy).unwrap(), b"%PDF scan");
    assert!(std::fs::read(&form).unwrap().starts_with(b"PK"));
    let short = [&decide[..10], &["--measure", "school-1 | 2026-12-01"]].concat();
    assert_eq!(desk.error(&short).await["code"], "LOCAL");
    let measure = "29/2025-26/1";
    assert_eq!(
        desk.json(&["measure", "report", measure, "--text", "План готов"]).await["state"],
        "MEASURE_STATE_REPORTED"
    );
    assert_eq!(
        desk.json(&["measure", "return", measure, "--comment", "Нет сроков"]).await["comment"],
        "Нет сроков"
    );
    let proof = file("план.pdf");
    std::fs::write(&proof, b"%PDF plan").unwrap();
    let none = desk.error(&["measure", "document", measure, "--file", &copy]).await;
    assert_eq!(none["code"], "LOCAL");
    let report = ["measure", "report", measure, "--text", "План со сроками", "--attach", &proof];
    assert!(desk.text(&report).await.contains("план.pdf"));
    desk.text(&["measure", "document", measure, "--file", &copy]).await;
    assert_eq!(std::fs::read(&copy).unwrap(), b"%PDF plan");
    // A correction is an act of its own, with a number and a date of its own.
    let corrects = [&decide[..10], &["--corrects", "1"]].concat();
    let words = desk.error(&corrects).await["fields"].to_string();
    assert!(words.contains("у исправляющего решения они свои"), "{words}");
    // What a list is narrowed to must be there.
    for list in [
        &["assignment", "list"][..],
        &["measure", "list"],
        &["outbox", "list"],
        &["outbox", "retry", "--all"],
        &["completeness"],
        &["effects", "2026"],
    ] {
        let said = desk.error(&[list, &["--organisation", "scool-1"]].concat()).await;
        let words = said["message"].as_str().unwrap();
        assert!(words.contains("«scool-1»") && words.contains("school-1"), "{list:?}: {said}");
    }
    let idle = desk.json(&["measure", "list", "--organisation", "school-6"]).await;
    assert_eq!(idle, json!([]), "who is there and was ordered nothing is found to owe nothing");
    for list in [
        &["assignment", "list", "29/2001-02"][..],
        &["measure", "list", "29/2001-02"],
        &["decision", "list", "29/2001-02"],
        &["recommendation", "list", "29/2001-02"],
        &["journal", "list", "29/2001-02"],
        &["completeness", "29/2001-02"],
        &["outbox", "list", "--run", "29/2001-02"],
    ] {
        assert_eq!(desk.error(list).await["code"], "NotFound", "{list:?}");
    }
    for list in [&["run", "list", "99"][..], &["effects", "2026", "--activity", "99"]] {
        assert_eq!(desk.error(list).await["code"], "LOCAL", "{list:?}");
    }
    let accepted = desk.text(&["measure", "accept", measure]).await;
    assert!(accepted.contains("исполнена"), "{accepted}");
    let twice = desk.error(&["measure", "accept", measure]).await;
    assert_eq!(twice["code"], "FailedPrecondition");

    // 31 asks the school that was found, 33 has its recommendations.
    let state = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/tour/state.json");
    let state = state.display().to_string();
    desk.text(&["submit", "31/2025-26/collect.school-1", "--file", &state]).await;
    let drafts = desk.json(&["recommendation", "list", "33/2025-26", "--state", "draft"]).await;
    assert_eq!(drafts.as_array().unwrap().len(), 1);
    let nobody = desk.error(&["approve", "33/2025-26", "--organisations", "school-2"]).await;
    assert_eq!(nobody["code"], "LOCAL");
    let approved = desk.text(&["approve", "33/2025-26"]).await;
    assert!(approved.contains("equity-methods/2025-26/recommend.school-1"), "{approved}");

    // Events, the registry, letters.
    let event = ["event", "niko-sample", "--label", "math", "--organisations", "school-4,school-5"];
    assert_eq!(desk.text(&event).await.trim(), "по событию: niko-sample/2026-27.math (идёт)");
    let unknown = desk.error(&["event", "niko-sample", "--organisations", "school-99"]).await;
    assert_eq!(unknown["fields"][0]["field"], "organisations");
    let schools = desk.json(&["organisations", "list", "--kind", "school"]).await;
    assert_eq!(schools.as_array().unwrap().len(), 6);
    let duties: Vec<&str> = schools[0]["contacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["duty"].as_str().unwrap())
        .collect();
    assert_eq!(duties, ["CONTACT_DUTY_DIRECTOR", "CONTACT_DUTY_COORDINATOR"]);
    let failed = desk.json(&["outbox", "list", "--state", "failed"]).await;
    assert_eq!(failed.as_array().unwrap().len(), 1);
    let id = failed[0]["name"].as_str().unwrap().rsplit('/').next().unwrap();
    let letter = desk.text(&["outbox", "show", id]).await;
    assert!(letter.contains("НЕ ДОСТАВЛЕНО") && letter.contains("(личная ссылка)"), "{letter}");
    desk.text(&["outbox", "retry", id]).await;
    assert_eq!(desk.json(&["outbox", "list", "--state", "failed"]).await, json!([]));
    let of_run = desk.json(&["outbox", "list", "--run", "7/2026-27.math"]).await;
    assert_eq!(of_run.as_array().unwrap().len(), 2);

    // All of it stands in the journal, under the name of who did it.
    let decided = desk.json(&["journal", "list", "29/2025-26", "--kind", "decided"]).await;
    assert_eq!(decided.as_array().unwrap().len(), 1);
    assert_eq!(decided[0]["actor"], "Ирина Ветлугина");
    let verified = desk.text(&["journal", "verify"]).await;
    assert!(verified.starts_with("журнал цел: выполнений "), "{verified}");
    assert_eq!(desk.json(&["journal", "verify", "29/2025-26"]).await["runs"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_goes_out_as_a_table_and_comes_back() {
    let copied = TempDir::new().unwrap();
    let folder = copied.path().join("road-map");
    copy(&shipped_road_map(), &folder);
    let folder = folder.display().to_string();
    let registry = || std::fs::read_to_string(format!("{folder}/organisations.toml")).unwrap();
    let shipped = registry();
    for name in ["реестр.xlsx", "реестр.csv"] {
        let table = copied.path().join(name).display().to_string();
        vekha(&["organisations", "export", &table, "--from", &folder]).await.well();
        let import = ["organisations", "import", &table, "--into", &folder, "--apply"];
        let said = vekha(&import).await.well();
        assert!(said.contains("Менять нечего."), "{said}");
        assert_eq!(registry(), shipped);
    }

    let table = copied.path().join("перемены.csv");
    let (right, wrong) = ("school-2@example.org", "school-2");
    let write = |address: &str| {
        std::fs::write(
            &table,
            format!("Код;Адрес почты;Закрыта с\nschool-2;{address};01.09.2027\n"),
        )
        .unwrap();
    };
    let file = table.display().to_string();
    let import = ["organisations", "import", &file, "--into", &folder];
    write(wrong);
    let said = vekha(&import).await;
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    assert!(said.out.contains("строка 2, столбец B («Адрес почты»)"), "{}", said.out);
    write(right);
    let dry = vekha(&[&import[..], &["--apply", "--validate-only"]].concat()).await.well();
    assert!(dry.contains("ничего не записано"), "{dry}");
    assert_eq!(registry(), shipped);
    let said = vekha(&[&import[..], &["--apply", "--format", "json"]].concat()).await.well();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["applied"], true);
    assert_eq!(said["changes"]["closed"][0]["from"], "01.09.2027");
    assert_eq!(said["changes"]["changed"][0]["fields"][0]["becomes"], right);
    assert!(registry().contains("until = 2027-08-31"));
    vekha(&["check", &folder]).await.well();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_refuses_letters_is_told_before_the_next_run() {
    let desk = Desk::at(MORNING).await;
    desk.town
        .mail
        .inject(Fault::new(At::Recipient, Act::Reply(550)).to("school-3@zarechny.example.org"));
    let untried = desk.json(&["organisations", "list", "--address", "untried"]).await;
    assert!(untried.as_array().unwrap().len() > 6);
    desk.json(&["run", "start", "8/2025-26"]).await;
    let refused = desk.json(&["organisations", "list", "--address", "refused"]).await;
    assert_eq!(refused[0]["code"], "school-3", "{refused}");
    assert!(refused[0]["addressReason"].as_str().unwrap().contains("550"), "{refused}");
    let shown = desk.text(&["organisations", "list", "--kind", "school", "--active", "true"]).await;
    assert!(shown.contains("НЕ ДОХОДЯТ") && shown.contains(" и ещё 1"), "{shown}");
    // Whatever opens within two weeks of one day or another of the year.
    let mut told = false;
    for at in ["2026-11-25T10:00", "2026-12-20T10:00", "2027-02-20T10:00", "2027-03-10T10:00"] {
        desk.town.live_until(at).await;
        let attention = desk.json(&["status", "--attention"]).await;
        for opening in attention["coming"].as_array().unwrap() {
            told = true;
            assert_eq!(opening["unreachable"][0]["organisation"], "school-3", "{opening}");
            let text = desk.text(&["status", "--attention"]).await;
            assert!(text.contains("Скоро начнётся, а письма дойдут не до всех"), "{text}");
            assert!(text.contains("(school-3): НЕ ДОХОДЯТ"), "{text}");
        }
    }
    assert!(told, "nothing opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_command_lists_or_shows_a_program_can_read() {
    let desk = Desk::at(MORNING).await;
    desk.text(&["run", "start", "8/2025-26"]).await;
    for command in [
        &["status"][..],
        &["status", "--attention"],
        &["activity", "list"],
        &["activity", "show", "29"],
        &["run", "list"],
        &["run", "show", "8/2025-26"],
        &["assignment", "list"],
        &["assignment", "show", "8/2025-26/collect.school-1"],
        &["assignment", "submissions", "8/2025-26/collect.school-1"],
        &["recommendation", "list"],
        &["decision", "list"],
        &["measure", "list"],
        &["organisations", "list"],
        &["outbox", "list"],
        &["journal", "list"],
        &["journal", "verify"],
    ] {
        let read = desk.json(command).await;
        assert!(read.is_array() || read.is_object(), "{command:?}: {read}");
        assert!(!desk.text(command).await.trim().is_empty(), "{command:?} says nothing to people");
    }
    for (command, code) in [
        (&["run", "show", "8/1999-00"][..], "NotFound"),
        (&["run", "show", "8"], "LOCAL"),
        (&["run", "show", "77/2025-26"], "LOCAL"),
        (&["run", "start", "8/2025"], "InvalidArgument"),
        (&["run", "retry", "8/2025-26"], "FailedPrecondition"),
        (&["run", "list", "--state", "nonsense"], "InvalidArgument"),
        (&["organisations", "list", "--kind", "nonsense"], "InvalidArgument"),
        (&["organisations", "list", "--address", "nonsense"], "InvalidArgument"),
        (&["status", "--municipality", "nowhere"], "LOCAL"),
        (&["submit", "8/2025-26/collect.school-1", "--file", "/nowhere.json"], "LOCAL"),
    ] {
        let error = desk.error(command).await;
        assert_eq!(error["code"], code, "{command:?}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{command:?}");
        let words = desk.say(command).await.complaint();
        assert!(!words.contains("Status") && !words.contains("tonic"), "{command:?}: {words}");
    }
    // What clap refuses is the user's typing: exit code 2, and how it is used.
    let said = desk.say(&["run", "begin"]).await;
    assert_eq!(said.code, 2);
    assert!(said.err.contains("begin"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_many_schools_come_from_files_each_by_itself_and_none_twice() {
    let desk = Desk::at(MORNING).await;
    desk.json(&["run", "start", "29/2025-26"]).await;
    desk.text(&["run", "proceed", "29/2025-26"]).await;
    let answer = |school: &str| format!("29/2025-26/collect.{school}");
    let line = |school: &str, answers: &Value| {
        json!({ "assignment": answer(school), "answers": answers }).to_string()
    };
    let mut wrong = results(false);
    wrong["procedures"][0]["grade"] = 12.into();
    wrong["procedures"][1]["subject"] = "".into();
    // More than an error has room for.
    let mut hopeless = results(false);
    let row = hopeless["procedures"][0].clone();
    hopeless["procedures"] = (10..110)
        .map(|grade| {
            let mut row = row.clone();
            row["grade"] = grade.into();
            row
        })
        .collect();
    let lines = [
        line("school-1", &results(true)),
        line("school-4", &wrong),
        "{\"assignment\": 29}".to_owned(),
        line("school-2", &results(false)),
        line("school-99", &results(false)),
        json!({ "assignment": "8/2025-26/collect.school-1", "answers": {} }).to_string(),
        line("school-3", &results(false)),
        line("school-5", &hopeless),
        // The same school thinks better of it, and better again.
        line("school-1", &results(false)),
        line("school-1", &results(true)),
    ];
    let file = |name: &str, text: &str| {
        let path = desk.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let all = file("ответы.jsonl", &lines.join("\n"));
    let versions = async |school: &str| {
        let list = desk.json(&["assignment", "submissions", &answer(school)]).await;
        list.as_array().unwrap().len()
    };
    let tried = desk.say(&["import", "29/2025-26", &all, "--validate-only"]).await;
    assert_eq!((tried.code, tried.err.as_str()), (1, ""), "{}", tried.out);
    assert!(
        tried.out.ends_with("можно принять 5, нельзя 5; ничего не отправлено\n"),
        "{}",
        tried.out
    );
    assert_eq!(versions("school-1").await, 0, "it was only tried");

    let said = desk.say(&["import", "29/2025-26", &all]).await;
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{}", said.out);
    let told = said.out.replace(&format!("{}/", desk.files.path().display()), "");
    // Of the hundred mistakes every one is told.
    assert!(told.contains("  answers.procedures[99].grade: "), "{told}");
    let shown: Vec<&str> = told
        .lines()
        .filter(|line| {
            !line.contains("procedures[")
                || line.contains("procedures[0]")
                || line.contains("procedures[1].")
        })
        .collect();
    insta::assert_snapshot!("import", shown.join("\n"));
    // Sent once more nothing of it is taken twice.
    let again = desk.say(&["import", "29/2025-26", &all]).await;
    assert_eq!(again.out, said.out);
    for (school, count) in [("school-1", 3), ("school-2", 1), ("school-3", 1), ("school-4", 0)] {
        assert_eq!(versions(school).await, count, "{school}");
    }
    let last = desk.json(&["assignment", "submissions", &answer("school-1")]).await;
    assert_eq!(
        last[0]["answers"]["procedures"][0]["marks_2"], 11.0,
        "the last is in force: {last}"
    );

    // What has been replaced since is said to be, and comes again only if that is said.
    let back = file("back.jsonl", &line("school-2", &results(false)));
    let other = file("other.jsonl", &line("school-2", &results(true)));
    desk.text(&["import", "29/2025-26", &other]).await;
    let outdated = desk.text(&["import", "29/2025-26", &back]).await;
    assert!(outdated.contains("с тех пор есть другой ответ, версия 2"), "{outdated}");
    assert_eq!(versions("school-2").await, 2);
    let anew = desk.text(&["import", "29/2025-26", &back, "--request-id", "anew"]).await;
    assert_eq!((anew.as_str(), versions("school-2").await), ("принято 1, не принято 0\n", 3));

    // Within a run a file is called like its assignment. Whoever has put it right says so once more.
    let folder = desk.files.path().join("школы");
    std::fs::create_dir(&folder).unwrap();
    for school in ["school-4", "school-5"] {
        let path = folder.join(format!("collect.{school}.json"));
        std::fs::write(path, results(false).to_string()).unwrap();
    }
    let folder = folder.display().to_string();
    let not_of_a_run = desk.say(&["import", "29", &folder]).await.complaint();
    assert!(not_of_a_run.contains("vekha import 29/2026-27 ПАПКА"), "{not_of_a_run}");
    let whole = desk.text(&["import", "29/2025-26", &folder]).await;
    assert_eq!(whole, "принято 2, не принято 0\n");

    // However many there are, they go by as many streams as they need; a program reads what became of
    // them line by line.
    let many: Vec<String> =
        (1000..2100).map(|n| line(&format!("school-{n}"), &json!({}))).collect();
    let many = file("много.jsonl", &many.join("\n"));
    let said = desk.say(&["import", "-", &many, "--format", "json"]).await;
    assert_eq!(said.code, 1, "{}", said.err);
    let told: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 1101);
    let last = &told[1099];
    assert_eq!(
        (&last["line"], &last["error"]["code"]),
        (&json!(1100), &json!("NotFound")),
        "{last}"
    );
    assert!(last["error"]["message"].as_str().unwrap().contains("school-2099"), "{last}");
    let none = json!({ "taken": 0, "outdated": 0, "refused": 1100, "whole": true });
    assert_eq!(told[1100], none);
    // What belongs nowhere is told as it is, and not answer by answer.
    let nowhere = desk.error(&["import", "29/1999-00", &all]).await;
    assert_eq!(nowhere["code"], "NotFound", "{nowhere}");
}
