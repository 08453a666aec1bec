//! A run of more schools than a page shows: lists in parts, narrowed and sorted by their addresses.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use vekha_engine::Command;
use vekha_engine::run::AssignmentState;

use super::actions::{act, done, run};
use super::house::{Fetched, RUN, anna};
use super::{House, files};

const SCHOOLS: usize = 130;

/// With so many schools asked, of which the first twenty have answered.
async fn house() -> House {
    let mut files = files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    for n in 3..=SCHOOLS {
        registry.push_str(&format!(
            "\n[[organisation]]\ncode = \"school-{n}\"\nkind = \"school\"\n\
             name = \"Средняя школа № {n}\"\nshort = \"Школа № {n}\"\n\
             email = \"school-{n}@example.org\"\nsince = 2010-09-01\n"
        ));
    }
    let house = House::opened(files).await;
    for n in 1..=20 {
        let pupils = (1000 - n * 10).to_string();
        let mut answer = super::house::answer("38", "");
        answer[0].1 = &pupils;
        house.post(&house.link(&format!("collect.school-{n}")), &answer).await;
    }
    house
}

async fn page(house: &House, path: &str) -> String {
    let page: Fetched = house.look(&format!("/runs/{RUN}{path}")).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text.replace("&#x2f;", "/").replace("&amp;", "&")
}

/// Names in the first column of the page's table, in order.
fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.filter_map(|row| row.strip_prefix("<a href=")?.split_once("</a>"))
        .map(|(link, _)| link.split_once('>').unwrap().1)
        .collect()
}

#[tokio::test]
async fn a_long_list_is_shown_in_parts_and_narrowed_by_its_address() {
    let house = house().await;
    let whole = page(&house, "").await;
    assert_eq!(names(&whole).len(), 50);
    assert!(whole.contains("Первые 50 из 130"), "{whole}");
    assert!(whole.contains("ответили 20 из 130"), "{whole}");
    let counted = format!("/runs/{RUN}/participants?stage=collect&state=answered");
    assert!(whole.contains(&format!("href=\"{counted}\"")), "{whole}");
    assert_eq!(names(&page(&house, "/participants?state=answered").await).len(), 20);
    assert_eq!(names(&page(&house, "/participants?page=3").await).len(), 30);
    let one = page(&house, "/participants?q=%D1%88%D0%BA%D0%BE%D0%BB%D0%B0+130").await;
    assert_eq!(names(&one), ["Школа № 130"], "{one}");
    let late = page(&house, "/participants?state=late").await;
    assert!(late.contains("Таких участников нет"), "{late}");
    house.at("2027-09-16T09:00:00+05:00").await;
    let late = page(&house, "/participants?state=late&sort=name").await;
    assert_eq!(names(&late).len(), 50);
    assert!(late.contains("href=\"?sort=name&state=late&page=3#list\""), "{late}");
    let missing = house.look("/runs/zarechny/results/1999/participants").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn all_who_are_awaited_in_a_stage_get_more_time_at_once() {
    let house = house().await;
    let form = ("_form", "assignments");
    let listed = page(&house, "/participants").await;
    assert!(listed.contains("все, кого ждём: Сбор результатов (110)"), "{listed}");
    let all = [
        form,
        ("_do", "extend"),
        ("assignments", "*collect"),
        ("due", "2027-09-22"),
        ("reason", "Карантин"),
    ];
    done(&house, &all).await;
    let run = run(&house).await;
    let moved = run.assignments.values().filter(|a| a.due.to_string() == "2027-09-22");
    assert_eq!(moved.count(), 110);
    // What another page of the list had chosen is not lost with a mistake.
    let wrong = [form, ("_do", "extend"), ("assignments", "collect.school-99"), ("reason", "Да")];
    let page = act(&house, &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("value=\"collect.school-99\" checked"), "{}", page.text);
}

#[tokio::test]
async fn answers_are_a_table_that_is_sorted_searched_and_taken_along() {
    let house = house().await;
    let plain = page(&house, "/answers").await;
    assert_eq!(names(&plain).len(), 20);
    assert_eq!(names(&plain)[..2], ["Школа № 1", "Школа № 10"], "by their codes");
    assert!(plain.contains("990") && plain.contains("2 строки"), "{plain}");
    let sorted = page(&house, "/answers?sort=pupils").await;
    assert_eq!(names(&sorted)[..2], ["Школа № 20", "Школа № 19"]);
    assert!(sorted.contains("aria-sort=\"ascending\""), "{sorted}");
    assert_eq!(names(&page(&house, "/answers?q=940").await), ["Школа № 6"]);
    let file = house.look_at_file(&format!("/runs/{RUN}/answers.xlsx?sort=-pupils")).await;
    let mut book = calamine::open_workbook_auto_from_rs(std::io::Cursor::new(file)).unwrap();
    let sheet = calamine::Reader::worksheet_range_at(&mut book, 0).unwrap().unwrap();
    assert_eq!(sheet.height(), 21);
    assert_eq!(sheet[(0, 3)].to_string(), "Сколько обучающихся участвовало, чел.");
    assert_eq!(sheet[(1, 3)].to_string(), "990", "the largest first, as a number");
}

#[tokio::test]
async fn figures_are_one_table_and_findings_say_what_they_rest_on() {
    let house = house().await;
    house.at("2027-09-29T18:00:00+05:00").await;
    assert_eq!(
        run(&house).await.assignments.values().next().unwrap().state,
        AssignmentState::Answered
    );
    let whole = page(&house, "").await;
    assert!(whole.contains("class=\"matrix\"") && whole.contains("В среднем по муниципалитету"));
    let figures = page(&house, "/figures/analyze?q=school-7&severity=attention").await;
    let found = page(&house, "/figures/analyze?sort=-name").await;
    assert_eq!(names(&found)[0], "Школа № 99", "{found}");
    // Who has no value, and why: each reason is told once.
    assert_eq!(found.matches("1 — ").count(), 1, "{found}");
    assert!(names(&figures).iter().all(|name| name.contains('7')), "{figures}");
    let drafts = page(&house, "").await;
    assert!(drafts.contains("Утвердить и отправить все (20)"), "{drafts}");
    let journal = page(&house, "/journal?organisation=school-7").await;
    assert!(journal.contains("collect.school-7") && !journal.contains("collect.school-8,"));
}

#[tokio::test]
async fn a_measure_is_ordered_to_all_of_a_kind_or_to_those_who_are_named() {
    let house = house().await;
    house.at("2027-09-29T18:00:00+05:00").await;
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.at("2027-10-20T18:00:00+05:00").await;
    let form = page(&house, "").await;
    assert!(form.contains("все школы (130)"), "{form}");
    assert!(!form.contains("value=\"school-77\""), "a hundred are not listed in every row");
    let mut decision = super::actions::decision("47-од", "2027-10-20");
    decision.extend([
        ("measures[0].text", "Провести проверку"),
        ("measures[0].codes", "Школа № 7; school-8, Школа № 777"),
        ("measures[0].due", "2027-11-30"),
    ]);
    let wrong = act(&house, &decision).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("организации «Школа № 777» в реестре нет"), "{}", wrong.text);
    decision[8].1 = "Школа № 7; school-8";
    done(&house, &decision).await;
    let run = run(&house).await;
    let whose: Vec<&str> = run.measures.iter().map(|m| m.organisation.as_str()).collect();
    assert_eq!(whose, ["school-7", "school-8"]);
    let shown = page(&house, "").await;
    assert!(shown.contains("№ 47-од") && shown.contains("Провести проверку"));
}

#[tokio::test]
async fn pages_go_compressed_but_those_that_show_a_link() {
    let house = house().await;
    let encoding = async |path: String| {
        let request = Request::get(path).header("authorization", anna());
        let request = request.header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned())
    };
    let packed = Some("gzip".to_owned());
    assert_eq!(encoding(format!("/runs/{RUN}")).await, packed);
    assert_eq!(encoding("/m/zarechny".into()).await, packed);
    assert_eq!(encoding("/assets/style.css".into()).await, packed);
    assert_eq!(encoding(format!("/runs/{RUN}/answers/collect.school-9")).await, None);
    assert_eq!(encoding(house.link("collect.school-9")).await, None);
    assert_eq!(encoding(format!("/runs/{RUN}/answers.xlsx")).await, None);
}
