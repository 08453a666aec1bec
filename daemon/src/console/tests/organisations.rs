//! The registry's page, and what is told before a run starts.

use axum::http::StatusCode;

use super::{House, files};
use crate::store::write::activities::Pause;

const PAGE: &str = "/m/zarechny/organisations";

#[tokio::test]
async fn the_registry_tells_people_and_whether_letters_reach_them() {
    let house = House::new().await;
    assert_eq!(house.get(PAGE).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.look("/m/other/organisations").await.status, StatusCode::NOT_FOUND);
    assert!(house.look("/").await.text.contains(&format!("href=\"{PAGE}\"")));
    let page = house.look(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in ["Школы", "Школа № 1", "school-1@example.org", "доходят", "не доходят"]
    {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    // In the server's own words, and where the administrator looks first.
    assert!(page.text.contains("такого ящика нет"), "{}", page.text);
    assert!(page.text.contains("Письма доходят не до всех: 1."), "{}", page.text);
}

#[tokio::test]
async fn an_address_that_was_changed_is_untried_and_not_refused() {
    let house = House::new().await;
    let people = r#"since = 2010-09-01
until = 2027-12-31
[[organisation.contact]]
name = "Зоя <b>Ким</b>"
duty = "coordinator"
phone = "8 (34300) 2-21-02"
"#;
    let mut files = files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replace("nowhere@example.org", "school-2@example.org");
    let last = registry.rfind("since = 2010-09-01").unwrap();
    registry.replace_range(last.., people);
    house.runtime.apply(files, "test").await.unwrap();
    let page = house.look(PAGE).await.text;
    assert!(!page.contains("не доходят"), "{page}");
    for expected in [
        "ещё не писали",
        "Зоя &lt;b&gt;Ким",
        "координатор",
        "8 (34300) 2-21-02",
        "закрывается, последний день 31.12.2027",
    ] {
        assert!(page.contains(expected), "{expected}:\n{page}");
    }
}

#[tokio::test]
async fn whom_a_coming_run_would_not_reach_is_told_before_it_starts() {
    let mut files = files();
    let yearly = files.0.get_mut("activities/1-results.toml").unwrap();
    *yearly = yearly.replace("every = \"on-demand\"", "every = \"year\"\nopens = \"09-15\"");
    // One that is to be closed may lack an address, and the road map still reads.
    files.0.get_mut("organisations.toml").unwrap().push_str(
        "\n[[organisation]]\ncode = \"school-3\"\nkind = \"school\"\nname = \"Школа № 3\"\n\
         since = 2010-09-01\nuntil = 2028-12-31\n",
    );
    let house = House::with(files).await;
    let page = house.look("/").await.text;
    assert!(page.contains("Скоро начнётся, а письма дойдут не до всех"), "{page}");
    assert!(page.contains("начало 15 сентября 2027 года; не дойдут до 1 из 3"), "{page}");
    assert!(page.contains("нет адреса почты: Школа № 3"), "{page}");
    assert!(!page.contains("Просроченного и ждущего решения нет"));

    // Once it has begun it is not to come; a year later its refused letter is remembered.
    house.at("2027-09-15T09:00:00+05:00").await;
    assert!(!house.look("/").await.text.contains("Скоро начнётся"));
    house.at("2028-08-30T10:00:00+05:00").await;
    assert!(!house.look("/").await.text.contains("Скоро начнётся"), "more than two weeks ahead");
    house.at("2028-09-05T10:00:00+05:00").await;
    let page = house.look("/").await.text;
    assert!(page.contains("начало 15 сентября 2028 года; не дойдут до 2 из 3"), "{page}");
    assert!(page.contains("письма не доходят: Школа № 2 (такого ящика нет)"), "{page}");

    // A schedule that is stopped starts nothing.
    let pause = Pause { paused: true, reason: "для проверки", actor: "anna" };
    house.runtime.pause("zarechny", "results", pause, None, None).await.unwrap();
    assert!(!house.look("/").await.text.contains("Скоро начнётся"));
}
