//! A municipality's journal: what is found in it, and whether it is whole.

use axum::http::StatusCode;
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _, Set};

use super::House;
use super::actions::send;
use super::house::files;
use crate::store::entities::journal;

const JOURNAL: &str = "/m/zarechny/journal";

/// A municipality in which both schools have answered.
async fn answered() -> House {
    let house = House::opened(files()).await;
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "30", "").await;
    house.runtime.settle().await.unwrap();
    house
}

/// How many entries a page lists.
fn entries(text: &str) -> usize {
    text.matches("data-label=\"Когда\"").count()
}

#[tokio::test]
async fn what_was_done_is_found_by_kind_person_words_and_day() {
    let house = answered().await;
    let page = house.look(JOURNAL).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("получен ответ") && page.text.contains("выполнен анализ"));
    let plain = |text: &str| text.replace("&#x2f;", "/");
    assert!(plain(&page.text).contains("<a href=\"/runs/zarechny/results/2027\">"));
    let hold = [("_action", "hold"), ("reason", "В письме не тот срок")];
    send(&house, "/m/zarechny/letters", &hold).await;
    let newest = plain(&house.look(JOURNAL).await.text);
    assert!(newest.contains("<a href=\"/m/zarechny/letters\">Письма</a>"), "{newest}");

    let answers = house.look(&format!("{JOURNAL}?kind=submitted")).await.text;
    assert!(entries(&answers) > 0 && !answers.contains("<td data-label=\"Что\">выполнен анализ"));
    let held = house.look(&format!("{JOURNAL}?text=%D0%BD%D0%B5%20%D1%82%D0%BE%D1%82")).await.text;
    assert_eq!(entries(&held), 1, "{held}");
    let schools = house.look(&format!("{JOURNAL}?who=page:school-1")).await.text;
    assert!(entries(&schools) > 0 && !schools.contains("Школа № 2, по ссылке"), "{schools}");
    // All of it is of one day: nothing was before.
    let day = jiff::tz::TimeZone::UTC.to_datetime(house.runtime.clock().now()).date();
    let later = house.look(&format!("{JOURNAL}?until={}", day.tomorrow().unwrap())).await.text;
    assert_eq!(entries(&later), entries(&newest));
    let before = house.look(&format!("{JOURNAL}?until=2001-01-01")).await.text;
    assert!(before.contains("Таких записей нет"), "{before}");
    let wrong = house.look(&format!("{JOURNAL}?until=потом")).await.text;
    assert!(wrong.contains("«потом» — не день"), "{wrong}");
    // Another municipality's are none of its.
    assert!(house.look("/m/nowhere/journal").await.status == StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn all_of_the_journal_is_read_page_by_page_and_each_entry_once() {
    let house = answered().await;
    for _ in 0..40 {
        for action in ["hold", "release"] {
            send(&house, "/m/zarechny/letters", &[("_action", action), ("reason", "Проба")]).await;
        }
    }
    let all = house.runtime.store().journal(None, 0, 100_000).await.unwrap();
    let own = all.iter().filter(|row| row.run.starts_with("zarechny/")).count();
    let (mut seen, mut address) = (0, JOURNAL.to_owned());
    loop {
        let page = house.look(&address).await.text;
        seen += entries(&page);
        let Some((before, _)) = page.split_once("\" rel=\"next\">Более ранние") else {
            break;
        };
        let link = before.rsplit_once("href=\"").unwrap().1;
        address = format!("{JOURNAL}{}", link.replace("&amp;", "&"));
    }
    assert!(own > super::super::frame::paging::ROWS, "{own}");
    assert_eq!(seen, own);
}

#[tokio::test]
async fn an_entry_that_was_changed_behind_our_back_is_named() {
    let house = answered().await;
    let verify = [("_action", "verify")];
    let whole = send(&house, JOURNAL, &verify).await.text;
    assert!(whole.contains("<strong>Журнал цел.</strong>"), "{whole}");
    let store = house.runtime.store();
    let entry = store.journal(None, 0, 100_000).await.unwrap();
    let entry = entry.into_iter().find(|row| row.kind == "submitted").unwrap();
    let mut spoilt: journal::ActiveModel = entry.into_active_model();
    spoilt.actor = Set("page:school-9".to_owned());
    spoilt.update(store.writer()).await.unwrap();
    let broken = send(&house, JOURNAL, &verify).await.text;
    assert!(broken.contains("<strong>Журнал нарушен.</strong>"), "{broken}");
    assert!(broken.contains("запись не продолжает цепочку") && broken.contains("получен ответ"));
}
