//! The schools' pages.

use axum::http::StatusCode;
use vekha_engine::run::AssignmentState;
use vekha_engine::{Command, DecisionKind, Document, NewDocument};

use super::House;
use super::house::{RUN, answer};

#[tokio::test]
async fn a_link_opens_the_form_with_all_that_a_school_must_know() {
    let house = House::new().await;
    let page = house.get(&house.link("collect.school-1")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for expected in [
        "<html lang=\"ru\">",
        "Отдел образования администрации Заречного муниципального округа",
        "МАОУ «Средняя общеобразовательная школа № 1»",
        "2027 год",
        "среда, 15 сентября 2027 года",
        "осталось 14 дней",
        "name=\"pupils\"",
        "name=\"marks[1].total\"",
        "Русский язык, 4 класс",
        "name=\"steps[2].what\"",
        "name=\"_add\" value=\"steps\"",
        "Иванова Анна Петровна",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    assert!(!page.text.contains("<script>"), "no inline scripts");
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["x-robots-tag"], "noindex");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
}

#[tokio::test]
async fn a_right_answer_is_accepted_shown_again_and_can_be_corrected() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let sent = house.answer("school-1", "20", "<script>alert(1)</script>").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(sent.headers["location"], format!("{link}?sent=1"));
    let page = house.get(&format!("{link}?sent=1")).await;
    assert!(page.text.contains("Сведения приняты, версия 1."), "{}", page.text);
    assert!(page.text.contains("school-1@example.org"));
    assert!(page.text.contains("value=\"98,5\""));
    assert!(page.text.contains("value=\"1250\""));
    assert!(page.text.contains("value=\"Семинар\""));
    assert!(!page.text.contains("<script>alert"), "answers are escaped");
    assert!(page.text.contains("&#60;script&#62;alert"), "{}", page.text);
    house.answer("school-1", "21", "").await;
    let page = house.get(&link).await;
    assert!(page.text.contains("версия 2"));
}

#[tokio::test]
async fn a_draft_waits_for_its_school_unseen_and_unchecked_until_it_is_sent() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let kept = house.post(&link, &[("pupils", "сто"), ("_save", "1")]).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    let page = house.get(&link).await;
    assert!(page.text.contains("Показан черновик") && page.text.contains("value=\"сто\""));
    let run = house.runtime.store().run(&house.run()).await.unwrap().unwrap().run;
    assert!(run.assignments.values().all(|a| a.state == AssignmentState::Open));
    // What was sent later stands in its place; a draft made after that stands before it again.
    house.answer("school-1", "20", "").await;
    let page = house.get(&link).await;
    assert!(!page.text.contains("черновик</strong>") && !page.text.contains("value=\"сто\""));
    house.at("2027-09-01T09:05:00+05:00").await;
    house.post(&link, &[("pupils", "двести"), ("_save", "1")]).await;
    assert!(house.get(&link).await.text.contains("value=\"двести\""));
}

#[tokio::test]
async fn a_button_pressed_twice_is_one_answer() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let once = uuid::Uuid::now_v7().to_string();
    let mut pairs = answer("20", "");
    pairs.push(("_once", &once));
    for _ in 0..2 {
        assert_eq!(house.post(&link, &pairs).await.status, StatusCode::SEE_OTHER);
    }
    assert!(house.get(&link).await.text.contains("версия 1"));
    // Back in the browser, corrected, sent from the same page: that is another answer.
    pairs[0].1 = "1 300";
    assert_eq!(house.post(&link, &pairs).await.status, StatusCode::SEE_OTHER);
    assert!(house.get(&link).await.text.contains("версия 2"));
}

#[tokio::test]
async fn all_mistakes_are_shown_at_once_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let mut pairs = answer("-1", "Примечание остаётся");
    pairs[0].1 = "много";
    let page = house.post(&house.link("collect.school-1"), &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in [
        "role=\"alert\"",
        "href=\"#f-pupils\"",
        "href=\"#f-marks-0-low\"",
        "id=\"f-marks-0-low\" name=\"marks[0].low\" value=\"-1\"",
        "aria-describedby=\"f-marks-0-low-error\"",
        "id=\"f-marks-0-low-error\"",
        "aria-invalid=\"true\"",
        "value=\"много\"",
        "Низкие результаты по процедурам, Русский язык, 4 класс, Получили «2»",
        "Примечание остаётся",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
}

#[tokio::test]
async fn a_rule_over_rows_points_to_the_row_that_the_page_shows() {
    let house = House::new().await;
    let mut pairs = answer("20", "");
    let position = pairs.iter().position(|(name, _)| *name == "steps[1].done").unwrap();
    pairs[position].1 = "60";
    let page = house.post(&house.link("collect.school-1"), &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The empty first row is gone; what was the second row now is the first, mistake included.
    assert!(page.text.contains("id=\"f-steps-0-done\" name=\"steps[0].done\" value=\"60\""));
    assert!(page.text.contains("href=\"#f-steps-0-done\""), "{}", page.text);
    assert!(page.text.contains("Проверьте число"));
}

#[tokio::test]
async fn more_rows_come_without_losing_what_was_typed() {
    let house = House::new().await;
    let mut pairs = answer("20", "");
    pairs.push(("_add", "steps"));
    let page = house.post(&house.link("collect.school-1"), &pairs).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("name=\"steps[6].what\""), "{}", page.text);
    assert!(!page.text.contains("name=\"steps[7].what\""));
    assert!(page.text.contains("value=\"Семинар\""));
    assert!(!page.text.contains("Сведения приняты"));
}

#[tokio::test]
async fn an_unknown_link_says_what_to_do_and_nothing_else() {
    let house = House::new().await;
    for path in ["/a/short".to_owned(), format!("/a/{}", "0".repeat(64))] {
        let page = house.get(&path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.text.contains("ссылка скопирована из письма целиком"));
        assert!(!page.text.contains("Заречн"));
    }
}

#[tokio::test]
async fn a_closed_collection_is_only_read() {
    let house = House::new().await;
    house.answer("school-1", "20", "Видно и потом").await;
    house.at("2027-10-15T09:00:00+05:00").await;
    let page = house.get(&house.link("collect.school-1")).await;
    assert!(!page.text.contains("<form"), "{}", page.text);
    assert!(page.text.contains("Видно и потом"));
    assert!(page.text.contains("Часть перепроверена"));
    let page = house.get(&house.link("collect.school-2")).await;
    assert!(page.text.contains("Приём сведений закрыт"));
    let late = house.answer("school-2", "1", "").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("приём ответов закрыт"));
}

#[tokio::test]
async fn recommendations_are_read_and_acknowledged_measures_are_reported() {
    let house = House::new().await;
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "1", "").await;
    house.runtime.settle().await.unwrap();
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    let link = house.link("recommend.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("Доля низких результатов 50,0 % — выше порога"), "{}", page.text);
    assert!(page.text.contains("В среднем по муниципалитету"));
    assert!(page.text.contains("2 из 2"));
    assert_eq!(house.post(&link, &[]).await.status, StatusCode::SEE_OTHER);
    assert!(
        house.get(&link).await.text.contains("С рекомендациями ознакомлены</strong> 1 сентября")
    );
    // What was done about them may be told later, and said better still.
    let long = "я".repeat(4001);
    let wrong = house.post(&link, &[("report", &long)]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("не длиннее 4000 знаков"), "{}", wrong.text);
    for report in ["План составлен", "План составлен и выполнен"]
    {
        let sent = house.post(&link, &[("report", report)]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
    }
    let page = house.get(&link).await;
    assert!(page.text.contains("План составлен и выполнен</textarea>"), "{}", page.text);
    assert!(page.text.contains("Вы сообщили об этом"), "{}", page.text);
    let run = house.look(&format!("/runs/{RUN}")).await;
    assert!(run.text.contains("План составлен и выполнен"), "{}", run.text);
    house
        .step(Command::RecordDecision {
            stage: "decide".into(),
            document: NewDocument {
                document: Document {
                    number: "47-од".into(),
                    date: "2027-09-01".parse().unwrap(),
                    outcome: "Провести проверки".into(),
                    signatory: "Начальник отдела".into(),
                    ..Document::default()
                },
                kind: Some(DecisionKind::Order),
                ..NewDocument::default()
            },
            measures: None,
        })
        .await;
    let link = house.link("measure-1.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("№ 47-од от 1 сентября 2027 года"), "{}", page.text);
    let empty = house.post(&link, &[("report", "  ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text.contains("href=\"#f-report\""));
    let sent = house.post(&link, &[("report", "Проверено\r\nдважды")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    house
        .step(Command::ReturnMeasure {
            measure: 1, comment: "Приложите акт".into(), due: None
        })
        .await;
    let page = house.get(&link).await;
    assert!(page.text.contains("Замечание отдела: Приложите акт"));
    assert!(page.text.contains("Проверено\nдважды"));
    let run = house.runtime.store().run(&house.run()).await.unwrap().unwrap().run;
    assert!(run.assignments.values().any(|a| a.state == AssignmentState::Open));
}

#[tokio::test]
async fn while_the_database_is_away_what_was_typed_stays_in_the_page() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    house.runtime.store().clone().close().await.unwrap();
    let page = house.post(&link, &answer("20", "\"><script>")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("name=\"marks[0].low\" value=\"20\""), "{}", page.text);
    assert!(page.text.contains("name=\"comment\" value=\"&quot;&gt;&lt;script&gt;\""));
    assert!(page.text.contains("Отправить ещё раз"));
    assert_eq!(house.get(&link).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("/healthz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_form_beyond_reason_is_refused_in_words() {
    let house = House::new().await;
    let long = "я".repeat(400_000);
    let page = house.answer("school-1", "20", &long).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(page.text.contains("не больше 2 МБ"));
}
