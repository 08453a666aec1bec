//! Drafts: mended, released, kept back.

use axum::http::StatusCode;
use vekha_engine::run::{RecommendationState, Run};
use vekha_engine::{AssignmentKey, Command};

use super::super::house::RUN;
use super::{act, did, done, drafted, journal, run, seen};

#[tokio::test]
async fn a_draft_takes_another_text_of_the_catalogue_when_it_is_chosen() {
    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("Другие формулировки"), "{}", page.text);
    let seen = seen(&page, "school-1");
    let pairs = [
        ("_form", "drafts:recommend"),
        ("_do", "approve:school-1"),
        ("school-1/seen", seen.as_str()),
        ("school-1/texts[0]", "Провести анализ причин и составить план повышения качества."),
        ("school-1/choice[0]", "0"),
    ];
    done(&house, &pairs).await;
    let now = run(&house).await;
    let draft = &now.recommendations[&AssignmentKey::new("recommend", "school-1")];
    assert_eq!(draft.state, RecommendationState::Issued);
    let text = draft.items[0].recommendation.as_deref().unwrap();
    assert!(text.starts_with("Пригласить наставника: доля низких — "), "{text}");
    assert!(!text.contains("{{"), "{text}");
}

#[tokio::test]
async fn drafts_are_mended_kept_and_released_under_the_persons_name() {
    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("Вы вошли как anna"));
    assert!(page.text.contains("утвердить проекты рекомендаций: 2"), "{}", page.text);
    assert!(page.text.contains("Доля низких результатов, %"));
    let (one, two) = (seen(&page, "school-1"), seen(&page, "school-2"));
    let old = "Провести анализ причин и составить план повышения качества.";
    let mended = [
        ("_form", "drafts:recommend"),
        ("_do", "save"),
        ("school-1/seen", one.as_str()),
        ("school-1/texts[0]", "Первая строка\r\nвторая"),
        ("school-2/seen", two.as_str()),
        ("school-2/texts[0]", old),
    ];
    let page = done(&house, &mended).await;
    assert!(page.text.contains("Первая строка\nвторая"));
    let text = |run: &Run, code: &str| {
        let key = AssignmentKey::new("recommend", code);
        run.recommendations[&key].items[0].recommendation.clone().unwrap()
    };
    assert_eq!(text(&run(&house).await, "school-1"), "Первая строка\nвторая");
    let revised = journal(&house).await.into_iter().filter(|(kind, _)| kind == "revised").count();
    assert_eq!(revised, 1, "what nobody touched is not rewritten");
    assert!(did(&house, "revised").await);

    // One is released, with a change made in the same breath; the other is kept back.
    let one = seen(&page, "school-1");
    let mut pairs = mended.to_vec();
    pairs[1].1 = "approve:school-1";
    pairs[2].1 = &one;
    pairs[3].1 = "Третья";
    done(&house, &pairs).await;
    let now = run(&house).await;
    let state = |code: &str| now.recommendations[&AssignmentKey::new("recommend", code)].state;
    assert_eq!(text(&now, "school-1"), "Третья");
    assert_eq!(state("school-1"), RecommendationState::Issued);
    assert_eq!(state("school-2"), RecommendationState::Draft);
    assert!(did(&house, "approved").await);

    pairs[1].1 = "discard:school-2";
    pairs.drain(2..4);
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("укажите причину"), "{}", refused.text);
    pairs.push(("school-2/reason", "Данные уточняются"));
    done(&house, &pairs).await;
    let now = run(&house).await;
    let key = AssignmentKey::new("recommend", "school-2");
    assert_eq!(now.recommendations[&key].state, RecommendationState::Discarded);
    assert!(did(&house, "discarded").await);
}

#[tokio::test]
async fn a_years_recommendations_tell_where_each_stands_and_what_was_done() {
    let house = drafted().await;
    let year = "/m/zarechny/recommendations";
    let drafts = house.look(year).await.text;
    assert!(drafts.contains("ждут утверждения 2"), "{drafts}");
    let recommendation = AssignmentKey::new("recommend", "school-2");
    let reason = "Данные <уточняются>".to_owned();
    house.step(Command::Discard { recommendation, reason }).await;
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.at("2027-10-15T09:00:00+05:00").await;
    house.post(&house.link("recommend.school-1"), &[("report", "Провели семинар")]).await;
    let page = house.look(&format!("{year}?year=2027")).await.text;
    for words in [
        "Данные &lt;уточняются&gt;",
        "ознакомлены 15.10.2027",
        "Провели семинар",
        "<dd>1</dd>",
        "таблица для Excel",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let columns = ["Состояние", "Выводов", "Что сделано", "Почему отклонена"];
    let sheet = house.look_at_file(&format!("{year}.xlsx?year=2027")).await;
    let limits = vekha_plugin_tables::Limits::default();
    let list = vekha_plugin_tables::read_list(&columns, "a.xlsx", &sheet, &limits).unwrap();
    let row = |row| [0, 1, 2, 3].map(|column| list.text(row, column).to_owned());
    let mut rows: Vec<_> = (0..list.len()).map(row).collect();
    rows.sort();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], ["ознакомлены", "1", "Провели семинар", ""]);
    assert_eq!(rows[1], ["отклонена", "1", "", "Данные <уточняются>"]);
    let before = house.look(&format!("{year}?year=2026")).await.text;
    assert!(before.contains("В этом году рекомендаций ещё нет"), "{before}");
}

#[tokio::test]
async fn two_people_at_one_draft_do_not_undo_each_other() {
    let house = drafted().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    let seen_first = seen(&page, "school-1");
    let recommendation = AssignmentKey::new("recommend", "school-1");
    house.step(Command::Revise { recommendation, texts: vec!["Чужой текст".into()] }).await;
    let mut pairs = vec![
        ("_form", "drafts:recommend"),
        ("_do", "approve"),
        ("school-1/seen", seen_first.as_str()),
        ("school-1/texts[0]", "Мой текст"),
    ];
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("теперь в нём: «Чужой текст»"), "{}", page.text);
    assert!(page.text.contains("Мой текст</textarea>"));
    // Knowing of it, the person may insist.
    let seen_now = seen(&page, "school-1");
    pairs[2].1 = &seen_now;
    done(&house, &pairs).await;
    let now = run(&house).await;
    let key = AssignmentKey::new("recommend", "school-1");
    assert_eq!(now.recommendations[&key].items[0].recommendation.as_deref(), Some("Мой текст"));
    assert!(now.recommendations.values().all(|r| r.state == RecommendationState::Issued));
}
