//! The school's page in a real browser, on a desk and on a phone.

#![allow(clippy::unwrap_used)]

use fantoccini::Locator;
use serde_json::{Value, json};
use vekha::api::convert;
use vekha_engine::{AssignmentKey, RunKey};
use vekha_proto::v1::SubmitAssignmentRequest;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_tests::browser::Browser;
use vekha_tests::foreign;
use vekha_tests::town::{self, Town};

/// Starts activity 29 and returns school 1's link.
async fn asked(town: &mut Town) -> String {
    town::ask_schools(town.channel().await).await;
    town.settle().await;
    town.letters_to("school-1")[0].link()
}

async fn row(browser: &Browser, number: usize, subject: &str, marks: [u32; 4], participants: u32) {
    let fill = async |column: &str, text: String| {
        browser.fill(&format!("procedures[{number}].{column}"), &text).await;
    };
    fill("procedure", "ВПР".into()).await;
    fill("grade", "5".into()).await;
    fill("subject", subject.into()).await;
    fill("participants", participants.to_string()).await;
    for (mark, count) in (2..).zip(marks) {
        fill(&format!("marks_{mark}"), count.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_school_fills_the_form_is_told_of_mistakes_at_their_fields_and_gets_it_accepted() {
    let mut town = Town::start("2026-10-06T10:00").await;
    let link = asked(&mut town).await;
    let browser = Browser::start(1200, 900).await;
    browser.open(&link).await;
    let text = browser.text().await;
    for words in ["Результаты оценочных процедур", "20 октября 2026 года", "2025/26 учебный год"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }

    // Rows are added without a reload.
    let rows = async || {
        let rows = browser.client.find_all(Locator::Css("tbody[data-rows] tr")).await;
        rows.unwrap().len()
    };
    let before = rows().await;
    browser.press("button[name=\"_add\"]").await;
    assert_eq!(rows().await, before + 1);

    // A sum that does not add up, in the last row.
    row(&browser, 0, "Математика", [11, 7, 2, 0], 20).await;
    row(&browser, before, "Русский язык", [1, 10, 5, 2], 25).await;
    browser.press("button.primary").await;
    browser.wait_for("#summary").await;
    let text = browser.text().await;
    assert!(text.contains("Сумма отметок должна равняться числу участников"), "{text}");
    let focused = browser.client.active_element().await.unwrap();
    assert_eq!(
        focused.attr("id").await.unwrap().as_deref(),
        Some("summary"),
        "it is read out first"
    );
    let wrong = browser.client.find_all(Locator::Css("[aria-invalid=\"true\"]")).await.unwrap();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].prop("value").await.unwrap().as_deref(), Some("25"), "nothing is lost");
    wrong[0].clear().await.unwrap();
    wrong[0].send_keys("18").await.unwrap();
    browser.press("button.primary").await;
    browser.wait_for("[role=\"status\"]").await;
    let text = browser.text().await;
    assert!(text.contains("Сведения приняты, версия 1"), "{text}");
    assert!(text.contains("school-1@zarechny.example.org"), "{text}");

    // The administrator sees it.
    browser.open(&format!("{}/runs/zarechny/low-result-schools/2025-26", town.url())).await;
    let text = browser.text().await;
    assert!(text.contains("МБОУ СОШ № 1") && text.contains("Сбор сведений"), "{text}");
    browser.open(&town.url()).await;
    let text = browser.text().await;
    assert!(text.contains("Школы с низкими результатами"), "{text}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_shows_every_page_whole_and_sends_the_form() {
    let mut town = Town::start("2026-10-06T10:00").await;
    let link = asked(&mut town).await;
    let browser = Browser::start(360, 740).await;
    let run = format!("{}/runs/zarechny/low-result-schools/2025-26", town.url());
    for page in [link.clone(), town.url(), run] {
        browser.open(&page).await;
        assert_eq!(browser.overflowing().await, "", "{page} is wider than a phone");
    }
    browser.open(&link).await;
    row(&browser, 0, "Математика", [11, 7, 2, 0], 20).await;
    browser.press("button[name=\"_add\"]").await;
    let kept = browser.client.find(Locator::Css("[name=\"procedures[0].subject\"]")).await.unwrap();
    assert_eq!(kept.prop("value").await.unwrap().as_deref(), Some("Математика"));
    browser.press("button.primary").await;
    browser.wait_for("[role=\"status\"]").await;
    assert!(browser.text().await.contains("Сведения приняты, версия 1"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_to_a_form_finds_what_was_sent_and_overwrites_nobody_unseen() {
    let mut town = Town::start("2026-10-06T10:00").await;
    let link = asked(&mut town).await;
    let browser = Browser::start(1200, 900).await;
    let at = async || browser.client.current_url().await.unwrap().to_string();
    browser.open(&link).await;
    browser.press("button[name=\"_add\"]").await;
    let rows = browser.client.find_all(Locator::Css("tbody[data-rows] tr")).await.unwrap();
    let last = rows.len() - 1;
    let participants = format!("procedures[{last}].participants");
    row(&browser, 0, "Математика", [11, 7, 2, 0], 20).await;
    row(&browser, last, "Русский язык", [1, 10, 5, 2], 25).await;

    // Refused: the form is as it was sent, with the row that was added.
    browser.press("button.primary").await;
    browser.wait_for("#summary").await;
    browser.back().await;
    browser.wait_for("button.primary").await;
    assert_eq!(at().await, link);
    assert_eq!(browser.value("procedures[0].subject").await, "Математика");
    assert_eq!(browser.value(&participants).await, "25");

    // Corrected where the mistakes were told, and accepted: that page is no dead end.
    browser.press("button.primary").await;
    browser.wait_for("#summary").await;
    browser.set("[aria-invalid=\"true\"]", "18").await;
    browser.press("button.primary").await;
    browser.wait_for(".good[role=\"status\"]").await;
    assert!(browser.text().await.contains("версия 1"));
    browser.back().await;
    browser.wait_for("button.primary").await;
    assert_eq!(browser.value("procedures[1].participants").await, "18");
    // Sent once more it is the same answer; changed, another.
    browser.press("button.primary").await;
    browser.wait_for(".good[role=\"status\"]").await;
    assert!(browser.text().await.contains("версия 1"));
    browser.back().await;
    browser.wait_for("button.primary").await;
    browser.fill("procedures[0].subject", "История").await;
    browser.press("button.primary").await;
    browser.wait_for(".good[role=\"status\"]").await;
    assert!(browser.text().await.contains("версия 2"));

    // Somebody else answers meanwhile: coming back does not hide it.
    let name = "municipalities/zarechny/activities/low-result-schools/runs/2025-26/assignments/collect.school-1";
    let answers = foreign::results(true);
    let answers = Some(convert::structure(answers.as_object().unwrap()));
    let request = SubmitAssignmentRequest { name: name.into(), answers, ..Default::default() };
    let mut service = AssignmentServiceClient::new(town.channel().await);
    service.submit_assignment(request).await.unwrap();
    browser.back().await;
    browser.wait_for("button.primary").await;
    assert_eq!(browser.value("procedures[0].subject").await, "История");
    browser.fill("procedures[0].subject", "Химия").await;
    browser.press("button.primary").await;
    browser.wait_for("#conflict").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_to_a_decision_finds_it_and_records_it_once() {
    let town = Town::start("2026-10-06T10:00").await;
    town::ask_schools(town.channel().await).await;
    let mut service = AssignmentServiceClient::new(town.channel().await);
    for school in foreign::SCHOOLS {
        let name = format!(
            "municipalities/zarechny/activities/low-result-schools/runs/2025-26/assignments/collect.{school}"
        );
        let answers = foreign::results(false);
        let answers = Some(convert::structure(answers.as_object().unwrap()));
        let request = SubmitAssignmentRequest { name, answers, ..Default::default() };
        service.submit_assignment(request).await.unwrap();
    }
    town.settle().await;
    let browser = Browser::start(1200, 900).await;
    let run = format!("{}/runs/zarechny/low-result-schools/2025-26", town.url());
    let send = "[aria-labelledby=\"decision:decide\"] button.primary";
    browser.open(&run).await;
    browser.fill("number", "214-од").await;
    browser.fill("outcome", "Утвердить перечень").await;
    let kind = "[name=\"kind\"][value=\"directive\"]";
    browser.press(kind).await;
    browser.press(send).await;
    browser.wait_for("#summary").await;
    browser.back().await;
    browser.wait_for(send).await;
    assert_eq!(browser.client.current_url().await.unwrap().as_str(), run);
    assert_eq!(browser.value("number").await, "214-од");
    assert_eq!(browser.value("outcome").await, "Утвердить перечень");
    let kind = browser.client.find(Locator::Css(kind)).await.unwrap();
    assert!(kind.is_selected().await.unwrap());
    browser.set("[name=\"date\"]", "2026-10-06").await;
    browser.fill("signatory", "Начальник отдела").await;
    browser.press(send).await;
    // The text was drafted for an order: for a directive it is drafted anew, and looked at first.
    browser.wait_for("#summary").await;
    let text = Locator::Css("[aria-labelledby=\"decision:decide\"] [name=\"text\"]");
    let text = browser.client.find(text).await.unwrap().prop("value").await.unwrap().unwrap();
    assert!(text.contains("РАСПОРЯЖАЮСЬ") && !text.contains("ПРИКАЗЫВАЮ"), "{text}");
    browser.press(send).await;
    browser.wait_for(".good[role=\"status\"]").await;
    browser.wait_for("#decision-1").await;
    // Whatever the browser shows of the page before, what stands there is the same decision.
    browser.back().await;
    if browser.client.find(Locator::Css(send)).await.is_ok() {
        assert_eq!(browser.value("number").await, "214-од");
        browser.press(send).await;
        browser.wait_for(".good[role=\"status\"]").await;
    }
    browser.open(&run).await;
    let recorded = browser.client.find_all(Locator::Css("[id^=\"decision-\"]")).await.unwrap();
    assert_eq!(recorded.len(), 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_shows_what_others_do_without_being_loaded_again_and_takes_nothing_from_who_writes()
{
    let town = Town::start("2026-10-06T10:00").await;
    town::ask_schools(town.channel().await).await;
    town.settle().await;
    let browser = Browser::start(1200, 900).await;
    browser.open(&format!("{}/runs/zarechny/low-result-schools/2025-26", town.url())).await;
    let same = async || {
        let kept = browser.client.execute("return window.loadedOnce === true", vec![]).await;
        kept.unwrap() == json!(true)
    };
    browser.client.execute("window.loadedOnce = true", vec![]).await.unwrap();
    let answer = async |school: &str| {
        let name = format!(
            "municipalities/zarechny/activities/low-result-schools/runs/2025-26/assignments/collect.{school}"
        );
        let answers = foreign::results(false);
        let answers = Some(convert::structure(answers.as_object().unwrap()));
        let request = SubmitAssignmentRequest { name, answers, ..Default::default() };
        let mut service = AssignmentServiceClient::new(town.channel().await);
        service.submit_assignment(request).await.unwrap();
    };
    let answered = |count: usize| format!("#stages ~ .stages progress[value=\"{count}\"]");
    browser.wait_for(&answered(0)).await;
    answer(foreign::SCHOOLS[0]).await;
    browser.wait_for(&answered(1)).await;
    assert!(same().await, "the page was loaded again");

    // Whoever writes is told, and goes on writing.
    let remark = "#f-remark-text";
    browser
        .client
        .execute(
            "document.querySelector(arguments[0]).closest('details').open = true",
            vec![json!(remark)],
        )
        .await
        .unwrap();
    browser.set(remark, "Позвонить в школу").await;
    answer(foreign::SCHOOLS[1]).await;
    browser.wait_for(".notice.changed a").await;
    browser.wait_for(&answered(1)).await;
    let written = browser.client.find(Locator::Css(remark)).await.unwrap().prop("value").await;
    assert_eq!(written.unwrap().as_deref(), Some("Позвонить в школу"));
    assert!(same().await, "the page was loaded again");

    // What was written is given up: the next change is shown.
    browser.set(remark, "").await;
    answer(foreign::SCHOOLS[2]).await;
    browser.wait_for(&answered(3)).await;
    assert!(same().await, "the page was loaded again");
    browser.close().await;
}

/// What a school tells of its leader's year, with more who left than is usual.
fn leader() -> Value {
    json!({
        "pupils": 300, "exam_participants": 60, "exam_low": 2, "olympiads": 5, "rooms": 10,
        "rooms_observed": 8, "health_needs": 6, "health_needs_recommended": 5,
        "health_needs_supported": 5, "leader_trained": "yes", "staff": 40, "staff_category": 30,
        "staff_left": 11, "vacancies": 0, "salary": 100, "task": 100, "debt": "no",
        "prescriptions": 2, "prescriptions_met": 2, "injuries": 0, "site": 100, "complaints": 0,
        "late_reports": 0,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_drafted_uploaded_explained_returned_corrected_compared_and_accepted() {
    let town = Town::start("2027-02-01T08:00").await;
    town.live_until("2027-02-01T10:00").await;
    let letters = town.letters_to("school-1");
    let asked = letters.iter().find(|l| l.text.contains("мероприятие 22 «")).unwrap();
    let link = asked.link_about("мероприятие 22 «");
    let home = town.url();
    let run = format!("{home}/runs/zarechny/leader-monitoring/2026");
    let (phone, desk) = ((360, 740), (1200, 900));
    let browser = Browser::start(phone.0, phone.1).await;
    let whole = async |page: &str| {
        assert_eq!(browser.overflowing().await, "", "{page} is wider than a phone");
    };
    let says = async |words: &str| {
        let text = browser.text().await;
        assert!(text.contains(words), "{words}: {text}");
    };

    // A director begins on a phone, has to go, and finds all that was typed.
    browser.open(&link).await;
    whole("the form").await;
    browser.fill("pupils", "300").await;
    browser.press("[name=\"_save\"]").await;
    browser.wait_for("[role=\"status\"]").await;
    says("Черновик сохранён").await;
    assert_eq!(browser.value("pupils").await, "300");
    // More time is asked for.
    browser.press("#extension summary").await;
    browser.set("#extension [name=\"due\"]", "2027-03-01").await;
    browser.fill("reason", "Директор на курсах").await;
    whole("a wish for more time").await;
    browser.press("#extension button").await;
    browser.wait_for(".good[role=\"status\"]").await;
    says("Просьба о продлении срока отправлена").await;

    // The rest comes as a spreadsheet.
    let key: RunKey = "zarechny/leader-monitoring/2026".parse().unwrap();
    let assignment = AssignmentKey::new("schools", "school-1");
    let version = town.daemon.runtime.road_maps().newest("zarechny").unwrap();
    let values = leader().as_object().unwrap().clone();
    let due = jiff::civil::date(2027, 2, 24);
    let book = vekha::forms::template(&version.road_map, &key, &assignment, due, &values).unwrap();
    let path = town.folder.path().join("школа.xlsx");
    std::fs::write(&path, book).unwrap();
    browser.press("details.notice summary").await;
    let file = browser.client.find(Locator::Css("#table-file")).await.unwrap();
    file.send_keys(path.to_str().unwrap()).await.unwrap();
    browser.press("form[action$=\"/table\"] button").await;
    browser.wait_for("[name=\"explanations.staff_left\"]").await;
    // Who has left is more than usual: the page asks why and keeps the rest.
    says("Уволился больше чем каждый четвёртый").await;
    whole("a question about an answer").await;
    assert_eq!(browser.value("staff").await, "40");
    browser.fill("explanations.staff_left", "Закрыт филиал в Сосновке").await;
    browser.press("button.primary").await;
    browser.wait_for(".good[role=\"status\"]").await;
    says("Сведения приняты, версия 1").await;

    // The department sees the explanation and sends the answer back.
    browser.resize(desk.0, desk.1).await;
    browser.open(&run).await;
    browser.press("a[href$=\"/answers/schools.school-1\"]").await;
    browser.wait_for("#answer\\:schools\\.school-1").await;
    says("Закрыт филиал в Сосновке").await;
    browser.fill("comment", "Разве так много учеников с отметками?").await;
    browser.press("[name=\"_do\"][value=\"return\"]").await;
    browser.wait_for(".good[role=\"status\"]").await;
    says("Ответ возвращён").await;

    // The school corrects; the others answer; the department compares and accepts.
    browser.resize(phone.0, phone.1).await;
    browser.open(&link).await;
    says("Отдел просит исправить ответ").await;
    says("Разве так много учеников с отметками?").await;
    browser.fill("pupils", "280").await;
    browser.press("button.primary").await;
    browser.wait_for(".good[role=\"status\"]").await;
    says("версия 2").await;
    let mut service = AssignmentServiceClient::new(town.channel().await);
    for n in 2..=6 {
        let name = format!(
            "municipalities/zarechny/activities/leader-monitoring/runs/2026/assignments/schools.school-{n}"
        );
        let mut answers = leader();
        answers["staff_left"] = json!(2);
        let answers = Some(convert::structure(answers.as_object().unwrap()));
        let request = SubmitAssignmentRequest { name, answers, ..Default::default() };
        service.submit_assignment(request).await.unwrap();
    }
    town.settle().await;
    browser.open(&format!("{run}/answers/schools.school-1")).await;
    whole("two versions of an answer").await;
    says("300 чел.").await;
    says("280 чел.").await;
    browser.open(&run).await;
    whole("a run under review").await;
    browser.press("form:has([value=\"review:schools\"]) button:not(.first)").await;
    browser.wait_for(".notice.good").await;
    browser.open(&link).await;
    says("Сбор завершён, ответ больше не изменить").await;

    // Pages about all of them.
    for (page, words) in [
        (format!("{home}/m/zarechny/completeness?year=2027"), "Полнота сведений, 2027 год"),
        (
            format!("{home}/m/zarechny/completeness?year=2027&organisation=school-1"),
            "возвращали: 1",
        ),
        (format!("{home}/m/zarechny/decisions?year=2027"), "Управленческие решения, 2027 год"),
        (format!("{home}/m/zarechny/recommendations?year=2027"), "Адресные рекомендации, 2027 год"),
        (format!("{home}/m/zarechny/organisations"), "МБОУ СОШ № 1"),
        (format!("{home}/runs/zarechny/leader-monitoring"), "Эффективность руководителей"),
    ] {
        browser.open(&page).await;
        says(words).await;
        whole(&page).await;
    }
    browser.close().await;
}
