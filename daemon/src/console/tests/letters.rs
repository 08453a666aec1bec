//! The letters of a municipality: which did not arrive, tried again, held.

use axum::http::StatusCode;

use super::House;
use super::actions::send;
use super::house::files;
use crate::store::read::{Filter, Page};

const LETTERS: &str = "/m/zarechny/letters";

#[tokio::test]
async fn what_did_not_arrive_comes_first_and_is_tried_again_by_one_or_all() {
    // The second school has no such box.
    let house = House::new().await;
    let page = house.look(LETTERS).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("<h2 id=\"list\">Не доставлены</h2>"), "{}", page.text);
    assert!(page.text.contains("такого ящика нет"), "{}", page.text);
    assert!(!page.text.contains("отправлено</span>"), "{}", page.text);
    let sent = house.look(&format!("{LETTERS}?state=sent&organisation=school-1")).await.text;
    assert!(sent.contains("Школа № 1") && !sent.contains("такого ящика нет"), "{sent}");
    let name = "name=\"letter\" value=\"";
    let at = page.text.find(name).unwrap() + name.len();
    let id = page.text[at..].split('"').next().unwrap();
    for form in [vec![("_action", "retry-one"), ("letter", id)], vec![("_action", "retry")]] {
        let done = send(&house, LETTERS, &form).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        let waits = house.look(&format!("{LETTERS}?state=waiting")).await.text;
        assert!(waits.contains("ждёт отправки"), "{waits}");
        // The address is still wrong.
        house.runtime.settle().await.unwrap();
        assert!(house.look(LETTERS).await.text.contains("такого ящика нет"));
    }
    let page = house.look(LETTERS).await.text;
    assert!(page.contains("недоставленные письма отправлены снова"), "{page}");
    assert!(page.contains("писем: 1, организации school-2"), "{page}");
}

#[tokio::test]
async fn letters_are_held_with_a_reason_and_said_to_be_so_until_they_are_released() {
    let house = House::with(files()).await;
    let wrong = send(&house, LETTERS, &[("_action", "hold"), ("reason", "  ")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("class=\"error\""), "{}", wrong.text);
    let hold = [("_action", "hold"), ("reason", "В письме не тот срок")];
    let held = send(&house, LETTERS, &hold).await;
    assert_eq!(held.status, StatusCode::SEE_OTHER, "{}", held.text);
    let page = house.look(LETTERS).await.text;
    assert!(page.contains("<strong>Отправка остановлена.</strong> В письме не тот срок"), "{page}");
    // Whoever looks at what is late should know why nobody answers.
    let road_map = house.look("/m/zarechny").await.text;
    assert!(road_map.contains("Отправка писем остановлена"), "{road_map}");
    // A second press changes nothing, nor does somebody else's.
    send(&house, LETTERS, &hold).await;
    let chain = house.runtime.store().activity_chain("zarechny/@letters").await.unwrap().unwrap();
    assert_eq!(chain.entries.len(), 1);
    send(&house, LETTERS, &[("_action", "release")]).await;
    let page = house.look(LETTERS).await.text;
    assert!(!page.contains("Отправка остановлена"), "{page}");
    assert!(page.contains("отправка писем возобновлена"), "{page}");
}

#[tokio::test]
async fn of_one_page_each_letters_button_is_a_request_of_its_own() {
    let mut files = files();
    let registry = files.0.get_mut("organisations.toml").unwrap();
    *registry = registry.replacen("school-1@example.org", "nowhere-1@example.org", 1);
    let house = House::opened(files).await;
    let once = uuid::Uuid::now_v7().to_string();
    let all = house.runtime.store().list_messages(&Filter::default(), &Page::all()).await.unwrap();
    let failed: Vec<_> = all.iter().filter(|row| row.state == "failed").collect();
    assert!(failed.len() > 1);
    for row in &failed {
        let id = row.message_id.split('@').next().unwrap();
        let form = [("_once", once.as_str()), ("_action", "retry-one"), ("letter", id)];
        house.act(LETTERS, &form, &[]).await;
        // A second press does nothing more.
        house.act(LETTERS, &form, &[]).await;
    }
    let chain = house.runtime.store().activity_chain("zarechny/@letters").await.unwrap().unwrap();
    assert_eq!(chain.entries.len(), failed.len());
}
