//! The administrator's pages.

use axum::http::StatusCode;
use vekha_engine::{Command, DecisionKind, Document, NewDocument};

use super::House;
use super::house::RUN;

#[tokio::test]
async fn only_the_administrator_sees_the_road_map() {
    let house = House::new().await;
    for path in ["/", "/m/zarechny", "/runs/zarechny/results", "/runs/zarechny/results/2027"] {
        let page = house.get(path).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(page.headers["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
        assert!(!page.text.contains("Заречн"));
        assert_eq!(house.look(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(house.get("/nowhere").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.look("/m/other").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.look("/runs/zarechny/results/1999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.look("/runs/zarechny/results/nonsense").await.status, StatusCode::NOT_FOUND);
    assert!(house.look("/nowhere").await.text.contains("href=\"&#x2f;\""), "a way on");
    assert_eq!(house.get("/healthz").await.text, "ok");
    let style = house.get("/assets/style.css?v=1").await;
    assert!(style.headers["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test]
async fn what_is_late_and_what_did_not_arrive_stands_first() {
    let house = House::new().await;
    let page = house.look("/").await;
    assert!(page.text.contains("не доставлено 1 письмо: Школа № 2"), "{}", page.text);
    assert!(!page.text.contains("просрочено"));
    assert!(page.text.contains("начало 15.12.2027"));
    assert!(page.text.contains("срок 15.09.2027"));
    house.answer("school-1", "1", "").await;
    house.at("2027-09-16T09:00:00+05:00").await;
    let page = house.look("/").await;
    assert!(page.text.contains("срок прошёл, не ответили: 1 организация"), "{}", page.text);
    assert!(page.text.contains("просрочено"));
    let link = format!("/runs/{RUN}").replace('/', "&#x2f;");
    assert!(page.text.contains(&format!("href=\"{link}\"")), "{}", page.text);
    // Who has lost the letter is told its link once more, from its own page and no other: what opens a
    // form to whoever knows it stands beside nothing that strangers write.
    let own = house.link("collect.school-2").replace('/', "&#x2f;");
    let answer = house.look(&format!("/runs/{RUN}/answers/collect.school-2")).await.text;
    assert!(answer.contains(&own), "{answer}");
    let run = house.look(&format!("/runs/{RUN}")).await.text;
    assert!(!run.contains(&own), "{run}");
    house.step(Command::Cancel { reason: "для проверки".into() }).await;
    assert!(!house.look("/").await.text.contains("просрочено"));
    let run = house.look(&format!("/runs/{RUN}")).await.text;
    assert!(!run.contains(">идёт<"), "nothing goes on in a run that was called off: {run}");
    assert!(run.contains("не состоялся"), "{run}");
    let page = house.get(&house.link("collect.school-1")).await.text;
    assert!(page.contains("Мероприятие отменено"), "who has answered is told, too: {page}");
    assert!(!page.contains("Сбор завершён"), "{page}");
}

#[tokio::test]
async fn a_run_shows_who_answered_what_was_found_and_what_was_decided() {
    let house = House::new().await;
    house.answer("school-1", "38", "").await;
    house.at("2027-09-16T09:00:00+05:00").await;
    house.answer("school-2", "1", "").await;
    house.runtime.settle().await.unwrap();
    assert!(house.look("/").await.text.contains("ждут утверждения: 1 проект рекомендаций"));
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.post(&house.link("recommend.school-1"), &[]).await;
    house.runtime.settle().await.unwrap();
    let text = house.look("/").await.text;
    assert!(text.contains("ждёт решения, срок 30 сентября 2027 года"), "{text}");
    let decision = Command::RecordDecision {
        stage: "decide".into(),
        document: NewDocument {
            document: Document {
                number: "47-од".into(),
                date: "2027-09-16".parse().unwrap(),
                outcome: "Провести <b>проверки</b>".into(),
                signatory: "Начальник отдела".into(),
                ..Document::default()
            },
            kind: Some(DecisionKind::Order),
            ..NewDocument::default()
        },
        measures: None,
    };
    house.step(decision).await;
    house.post(&house.link("measure-1.school-1"), &[("report", "Сделано")]).await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in [
        "Проведение мониторинга объективности",
        "01.09.2027, в срок",
        "16.09.2027, с опозданием",
        "ознакомлены",
        "2 из 2",
        "В среднем по муниципалитету",
        "50,0",
        "Доля низких результатов 50,0 % — выше порога",
        "№ 47-од от 16 сентября 2027 года",
        "Провести &lt;b&gt;проверки",
        "отчёт на проверке",
        "Школа № 1, по ссылке",
        "принято решение",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    assert!(house.look("/").await.text.contains("ждут проверки: 1 отчёт об исполнении мер"));
    let runs = house.look("/runs/zarechny/results").await;
    assert!(runs.text.contains("завершено"), "{}", runs.text);
}
