//! The school's page in a real browser, on a desk and on a phone.

#![allow(clippy::unwrap_used)]

use fantoccini::Locator;
use vekha_tests::browser::Browser;
use vekha_tests::town::Town;

/// Starts activity 29 and returns school 1's link.
async fn asked(town: &mut Town) -> String {
    use vekha_proto::v1::run_service_client::RunServiceClient;
    use vekha_proto::v1::{Answer, AnswerQuestionRequest, StartRunRequest};
    let mut runs = RunServiceClient::new(town.channel().await);
    let parent = "municipalities/zarechny/activities/low-result-schools".to_owned();
    let name = format!("{parent}/runs/2025-26");
    let start = StartRunRequest { parent, period: "2025-26".into(), ..Default::default() };
    runs.start_run(start).await.unwrap();
    let answer = Answer::Proceed.into();
    runs.answer_question(AnswerQuestionRequest { name, answer, ..Default::default() })
        .await
        .unwrap();
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

/// What stands out of the window to the right and cannot be scrolled in a box of its own.
async fn overflowing(browser: &Browser) -> String {
    let script = "
        const wide = document.documentElement.scrollWidth - window.innerWidth;
        if (wide <= 0) return '';
        const out = [...document.querySelectorAll('body *')].filter((e) =>
            e.getBoundingClientRect().right > window.innerWidth && !e.closest('.scroll'));
        return `by ${wide} of ${window.innerWidth}: ` + out.map((e) =>
            e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30)).join('; ');";
    let found = browser.client.execute(script, vec![]).await.unwrap();
    found.as_str().unwrap().to_owned()
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
    row(&browser, 0, "Математика", [8, 10, 2, 0], 20).await;
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
        assert_eq!(overflowing(&browser).await, "", "{page} is wider than a phone");
    }
    browser.open(&link).await;
    row(&browser, 0, "Математика", [8, 10, 2, 0], 20).await;
    browser.press("button[name=\"_add\"]").await;
    let kept = browser.client.find(Locator::Css("[name=\"procedures[0].subject\"]")).await.unwrap();
    assert_eq!(kept.prop("value").await.unwrap().as_deref(), Some("Математика"));
    browser.press("button.primary").await;
    browser.wait_for("[role=\"status\"]").await;
    assert!(browser.text().await.contains("Сведения приняты, версия 1"));
    browser.close().await;
}
