//! Exports of another system: into a school's own form, and into all schools' forms beforehand.

use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_roadmap::read::Files;

use super::House;
use super::house::{Fetched, RUN, files, with_files};
use crate::store::write::activities::Pause;

const LAYOUT: &str = r#"title = "Журнал мероприятий"
form = "marks"
year = "year"
organisation = { login = "login", name = "login" }

[[line]]
patterns = ["Журнал {year:number}"]
begins = true

[[column]]
id = "login"
headings = ["Школа"]

[[column]]
id = "what"
headings = ["Что", "Мероприятие"]

[[column]]
id = "mark"
headings = ["Отметка"]
type = "number"

[[skip]]
when = "mark < 2"
reason = "без отметки"

[[table]]
field = "steps"
key = { what = "what" }
column = [{ id = "done" }]
"#;

/// Rows of two schools, of somebody unknown, and of another year; each with a pupil's code.
const EXPORT: &str = "\
Журнал 2027;;;
Школа;Код участника;Мероприятие;Отметка
Школа № 1;70001;Семинар;5
Школа № 1;70002;Семинар;3
Школа № 1;70003;Беседа;4
Школа № 2;70004;Семинар;0
Школа № 2;70005;Семинар;2
Школа № 9;70006;Семинар;2
Журнал 2026;;;
Школа;Код участника;Мероприятие;Отметка
Школа № 1;70007;Семинар;5
";

fn with_layout() -> Files {
    let mut files = files();
    files.0.insert("layouts/journal.toml".to_owned(), LAYOUT.to_owned());
    files
}

impl House {
    async fn export(&self, link: &str, name: &str, text: &str) -> Fetched {
        let request = Request::post(format!("{link}/export"));
        self.fetch(with_files(request, &[], &[("file", name, text.as_bytes())])).await
    }

    async fn drafted(&self, school: &str) -> Option<(String, Value)> {
        let id = format!("{RUN}/collect.{school}");
        let draft = self.runtime.store().draft(&id).await.unwrap()?;
        Some((draft.source, serde_json::from_str(&draft.answers).unwrap()))
    }
}

fn exports() -> String {
    format!("/runs/{RUN}/exports/collect")
}

#[tokio::test]
async fn a_schools_own_export_fills_its_form_and_nothing_is_kept_before_it_says_so() {
    let house = House::opened(with_layout()).await;
    let link = house.link("collect.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("Журнал мероприятий"), "{}", page.text);
    assert!(page.text.contains("ни строки, ни коды участников нигде не сохраняются"));

    let page = house.export(&link, "выгрузка.csv", EXPORT).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for told in [
        "Выгрузка прочитана в форму",
        "взято строк: 3",
        "value=\"Семинар\"",
        "value=\"Беседа\"",
        "value=\"2\"",
        "строки другой организации не взяты",
        "работа 2026 года, а нужен 2027: не взята",
    ] {
        assert!(page.text.contains(told), "{told}:\n{}", page.text);
    }
    assert!(!page.text.contains("7000"), "no pupil's code is shown: {}", page.text);
    assert!(house.drafted("school-1").await.is_none(), "nothing was kept");

    for (name, text) in [("пусто.csv", "Меню;Цена\nСуп;5\n"), ("a.xlsx", "PK no workbook")]
    {
        let page = house.export(&link, name, text).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.text.contains("Из выгрузки ничего не взято"), "{}", page.text);
    }
    let request = with_files(Request::post(format!("{link}/export")), &[], &[]);
    assert_eq!(house.fetch(request).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_export_is_laid_over_what_stands_there() {
    let house = House::opened(with_layout()).await;
    let link = house.link("collect.school-1");
    let typed = [
        ("pupils", "12"),
        ("steps[0].what", "Семинар"),
        ("steps[0].done", "7"),
        ("steps[1].what", "Лекция"),
        ("steps[1].done", "1"),
        ("_save", "1"),
    ];
    house.post(&link, &typed).await;
    let page = house.export(&link, "выгрузка.csv", EXPORT).await;
    for told in ["value=\"12\"", "value=\"Лекция\"", "value=\"Беседа\""] {
        assert!(page.text.contains(told), "{told}:\n{}", page.text);
    }
    assert!(!page.text.contains("value=\"7\""), "the export knows better: {}", page.text);
    assert_eq!(page.text.matches("value=\"Семинар\"").count(), 1);
}

#[tokio::test]
async fn one_export_fills_all_forms_but_of_those_who_write_themselves() {
    let house = House::opened(with_layout()).await;
    let run = house.look(&format!("/runs/{RUN}")).await;
    assert!(run.text.contains(&exports().replace('/', "&#x2f;")), "{}", run.text);
    assert_eq!(house.look(&exports()).await.status, StatusCode::OK);

    let send = [("file", "город.csv", EXPORT.as_bytes())];
    let page = house.act_with_files(&exports(), &[], &send).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for told in [
        "взято строк: 4",
        "Школа № 9",
        "такой организации в реестре нет",
        "без отметки",
        "Будет заполнено черновиков: 2",
    ] {
        assert!(page.text.contains(told), "{told}:\n{}", page.text);
    }
    assert!(!page.text.contains("7000"), "{}", page.text);
    assert!(house.drafted("school-1").await.is_none(), "a look fills nothing");
    let (_, rest) = page.text.split_once("name=\"_take\" value=\"").unwrap();
    let look = rest.split('"').next().unwrap();

    // Between the look and the word, one school begins to write.
    house.post(&house.link("collect.school-2"), &[("pupils", "5"), ("_save", "1")]).await;
    let page = house.act(&exports(), &[("_take", look)], &[]).await;
    assert!(page.text.contains("Заполнено черновиков: 1"), "{}", page.text);
    assert!(page.text.contains("Школа № 2: уже пишет сама"), "{}", page.text);
    let (source, answers) = house.drafted("school-1").await.unwrap();
    assert_eq!(source, "выгрузка, загруженная отделом");
    let steps = json!([{ "what": "Беседа", "done": 1 }, { "what": "Семинар", "done": 2 }]);
    assert_eq!(answers["steps"], steps);
    let own = house.drafted("school-2").await.unwrap();
    assert_eq!((own.0.as_str(), &own.1["steps"]), ("", &json!([])));

    // The school finds it in its form and sends it itself.
    let page = house.get(&house.link("collect.school-1")).await;
    assert!(page.text.contains("выгрузка, загруженная отделом"), "{}", page.text);
    // Said twice, nothing waits any more.
    let page = house.act(&exports(), &[("_take", look)], &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    // A later export adds to what the one before has filled.
    let more = "Журнал 2027;;;\nШкола;Код;Что;Отметка\nШкола № 1;1;Лекция;5\n";
    let page = house.act_with_files(&exports(), &[], &[("file", "ещё.csv", more.as_bytes())]).await;
    let (_, rest) = page.text.split_once("name=\"_take\" value=\"").unwrap();
    house.act(&exports(), &[("_take", rest.split('"').next().unwrap())], &[]).await;
    let (_, answers) = house.drafted("school-1").await.unwrap();
    assert_eq!(answers["steps"].as_array().unwrap().len(), 3);
    let journal = house.look(&format!("/runs/{RUN}")).await;
    assert!(journal.text.contains("выгрузка, загруженная отделом"), "{}", journal.text);
}

/// The same, opened as an export comes, on 20 September at the latest.
fn awaiting_an_export() -> Files {
    let mut files = with_layout();
    let activity = files.0.get_mut("activities/1-results.toml").unwrap();
    let schedule = "every = \"year\"\nopens = \"09-20\"\nopens-on-event = \"journal\"";
    *activity = activity.replacen("every = \"on-demand\"", schedule, 1);
    files
}

#[tokio::test]
async fn an_export_that_comes_before_the_latest_day_opens_the_run_and_one_of_others_does_not() {
    let house = House::with(awaiting_an_export()).await;
    let (place, exports) = ("/runs/zarechny/results", exports());
    let there = async || house.runtime.store().bare_run(&house.run()).await.unwrap();
    let page = house.look(place).await;
    assert!(page.text.contains(&exports.replace('/', "&#x2f;")), "{}", page.text);
    let page = house.look(&exports).await;
    assert!(page.text.contains("Сбор ещё не начат"), "{}", page.text);
    // Only the run that is waited for, and only its first questions.
    for odd in [exports.replace("2027", "2031"), exports.replace("collect", "decide")] {
        assert_eq!(house.look(&odd).await.status, StatusCode::NOT_FOUND, "{odd}");
        let page = house.act_with_files(&odd, &[], &[("file", "a.csv", EXPORT.as_bytes())]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{odd}");
    }

    let others = "Журнал 2027;;;\nШкола;Код;Что;Отметка\nШкола № 9;1;Лекция;5\n";
    for (name, text) in [("чужая.csv", others), ("пусто.csv", "Меню;Цена\nСуп;5\n")]
    {
        let page = house.act_with_files(&exports, &[], &[("file", name, text.as_bytes())]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(page.text.contains("сбор не начат"), "{name}: {}", page.text);
        assert!(there().await.is_none(), "{name} opens nothing");
    }

    // A schedule that is stopped is not opened past.
    let send = [("file", "город.csv", EXPORT.as_bytes())];
    let pause = async |paused| {
        let pause = Pause { paused, reason: "перенесено", actor: "anna" };
        house.runtime.pause("zarechny", "results", pause, None, None).await.unwrap();
    };
    pause(true).await;
    // To look begins nothing.
    let look = async || {
        let page = house.act_with_files(&exports, &[], &send).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.text.contains("Будет заполнено черновиков: 2"), "{}", page.text);
        assert!(page.text.contains("Начать сбор и заполнить черновики"), "{}", page.text);
        assert!(there().await.is_none(), "nobody was asked yet");
        let name = page.text.split("name=\"_take\" value=\"").nth(1).unwrap();
        name.split('"').next().unwrap().to_owned()
    };
    let take = async |name: &str| house.act_with_files(&exports, &[("_take", name)], &[]).await;
    let page = take("nothing").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    assert!(there().await.is_none(), "a look that is gone begins nothing");
    let page = take(&look().await).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    assert!(page.text.contains("приостановлено: перенесено"), "{}", page.text);
    assert!(there().await.is_none());
    pause(false).await;
    let name = look().await;
    let another = RunKey { activity: "another".to_owned(), ..house.run() };
    assert!(!house.runtime.look_waits(&name, &another), "a look is of one run");
    let page = take(&name).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Заполнено черновиков: 2"), "{}", page.text);
    let run = there().await.expect("it is open");
    assert!(run.stages[0].started_at.is_some());
    let journal = house.look(&format!("/runs/{RUN}")).await;
    assert!(journal.text.contains("по событию"), "{}", journal.text);
    let page = house.look(place).await;
    assert!(!page.text.contains("Загрузить выгрузку и начать сбор"), "{}", page.text);
    // The latest day finds it open.
    house.at("2027-09-20T09:00:00+05:00").await;
    house.at("2027-09-21T09:00:00+05:00").await;
    assert_eq!(there().await.unwrap().opened_at, run.opened_at);
}

#[tokio::test]
async fn a_run_for_whose_event_nobody_has_waited_long_enough_opens_on_the_latest_day_and_says_so() {
    let house = House::with(awaiting_an_export()).await;
    let place = format!("/runs/{RUN}");
    assert_eq!(house.look(&place).await.status, StatusCode::NOT_FOUND);
    house.at("2027-09-20T09:00:00+05:00").await;
    let page = house.look(&place).await;
    assert!(page.text.contains("в крайний день: события не дождались"), "{}", page.text);
}
