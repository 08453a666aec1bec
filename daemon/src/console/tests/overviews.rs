//! What is looked for over all runs: an organisation, a year, the road map narrowed, anything by search.

use axum::http::StatusCode;
use vekha_engine::Command;

use super::actions::{did, done, send};
use super::house::RUN;
use super::{House, files};

async fn page(house: &House, path: &str) -> String {
    let page = house.look(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text.replace("&#x2f;", "/").replace("&amp;", "&")
}

/// With a decision of which school 1 has to report on a measure, and people in the registry.
async fn house() -> House {
    let mut files = files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replacen(
        "email = \"school-1@example.org\"\n",
        "email = \"school-1@example.org\"\ncontact = { name = \"Зоя Ёлкина\", duty = \"director\" }\n",
        1,
    );
    let house = House::opened(files).await;
    house.answer("school-1", "38", "").await;
    house.at("2027-09-29T18:00:00+05:00").await;
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.at("2027-10-20T18:00:00+05:00").await;
    done(&house, &super::actions::decision("47-од", "2027-10-20")).await;
    house
}

#[tokio::test]
async fn an_organisation_has_its_people_duties_figures_letters_and_measures_on_one_page() {
    let house = house().await;
    let one = page(&house, "/m/zarechny/organisations/school-1").await;
    for expected in [
        "Зоя Ёлкина",
        "school-1@example.org",
        "id=\"open\"",
        "отчёт о мере 1",
        "1. Объективность оценочных процедур",
        "Провести внутреннюю проверку",
        "Ответы по годам",
        "50,0",
        "id=\"letters\"",
    ] {
        assert!(one.contains(expected), "{expected}: {one}");
    }
    assert!(!one.contains(&house.link("measure-1.school-1")), "who looks at it answers for nobody");
    // The link is sent once more from where the duty stands.
    let answers = format!("/runs/{RUN}/answers/measure-1.school-1");
    assert!(one.contains(&format!("action=\"{answers}\"")), "{one}");
    let again = [("_form", "link:measure-1.school-1"), ("_do", "send")];
    let sent = send(&house, &answers, &again).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert!(did(&house, "link-sent").await);
    // Who was silent was late.
    let two = page(&house, "/m/zarechny/organisations/school-2").await;
    assert!(two.contains("С чем опоздала") && two.contains("Ничего: ни одного ответа"), "{two}");
    let nobody = house.look("/m/zarechny/organisations/school-3").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_letter_is_read_as_it_was_written_but_for_its_link() {
    let house = house().await;
    let one = page(&house, "/m/zarechny/organisations/school-1").await;
    let at = one.find("/m/zarechny/letters/").unwrap();
    let path = one[at..].split_once('"').unwrap().0;
    let letter = page(&house, path).await;
    assert!(letter.contains("Объективность оценочных процедур"), "{letter}");
    assert!(
        letter.contains("school-1@example.org") && letter.contains("ждёт отправки"),
        "{letter}"
    );
    let none = house.look("/m/zarechny/letters/none").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    // By its Message-ID, as it stands in a mail program.
    let id = path.rsplit_once('/').unwrap().1;
    let found = page(&house, &format!("/m/zarechny/search?q=%3C{id}%40zarechny.vekha%3E")).await;
    assert!(found.contains(path), "{found}");
}

#[tokio::test]
async fn everything_is_found_by_words_however_they_are_written() {
    let house = house().await;
    for (words, expected) in [
        ("ШКОЛА 2", "/m/zarechny/organisations/school-2"),
        ("елкина зоя", "/m/zarechny/organisations/school-1"),
        ("47-ОД", "/runs/zarechny/results/2027#decision-1"),
        ("объективность 2027", "/runs/zarechny/results/2027"),
        ("мониторинга процедур", "/runs/zarechny/results"),
        ("school-1@example.org", "/m/zarechny/organisations/school-1"),
    ] {
        let encoded: String = words.bytes().map(|b| format!("%{b:02X}")).collect();
        let found = page(&house, &format!("/m/zarechny/search?q={encoded}")).await;
        assert!(found.contains(&format!("href=\"{expected}\"")), "{words}: {found}");
    }
    let none = page(&house, "/m/zarechny/search?q=%3Cscript%3E").await;
    assert!(none.contains("Ничего не найдено") && !none.contains("<script>"), "{none}");
    assert!(!page(&house, "/m/zarechny/search").await.contains("Ничего не найдено"));
}

#[tokio::test]
async fn a_year_tells_what_was_and_what_the_schedule_will_open() {
    let house = house().await;
    let year = page(&house, "/m/zarechny/year?year=2027").await;
    for expected in ["2027 год", "открыто", "откроется", "Сентябрь", "Декабрь"]
    {
        assert!(year.contains(expected), "{expected}: {year}");
    }
    assert!(year.contains(&format!("href=\"/runs/{RUN}\"")), "{year}");
    let empty = page(&house, "/m/zarechny/year?year=2019").await;
    assert!(empty.contains("ничего не было"), "{empty}");
    let next = page(&house, "/m/zarechny/year?year=2028").await;
    assert!(next.contains("откроется") && !next.contains("class=\"day opened\" href"), "{next}");
}

#[tokio::test]
async fn the_road_map_is_narrowed_by_its_address() {
    let house = house().await;
    let whole = page(&house, "/m/zarechny").await;
    assert!(whole.contains("Годовой") || whole.contains("/runs/zarechny/annual-report"), "{whole}");
    let never = page(&house, "/m/zarechny?state=never").await;
    let row = "href=\"/runs/zarechny/results\"";
    assert!(whole.contains(row) && !never.contains(row), "{never}");
    assert!(never.contains("Показано 1 из 2"), "{never}");
    assert!(never.contains("<option value=\"never\" selected>"), "{never}");
    let none = page(&house, "/m/zarechny?q=nothing").await;
    assert!(none.contains("Таких мероприятий нет"), "{none}");
}

#[tokio::test]
async fn letters_that_are_to_come_are_told_month_by_month() {
    let house = House::new().await;
    let month = page(&house, "/m/zarechny/preview?month=2027-12").await;
    assert!(month.contains("<option value=\"2027-12\" selected>декабрь 2027"), "{month}");
    let nothing = page(&house, "/m/zarechny/preview?month=2028-05&activity=results").await;
    assert!(nothing.contains("писем не будет"), "{nothing}");
}
