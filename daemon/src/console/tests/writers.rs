//! Two people who fill one form through one link.

use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use vekha_engine::Command;

use super::House;
use super::house::{Fetched, answer, with_files};
use crate::store::document;

/// What the page's form sends back beside what is typed: its mark, and what its writer has seen.
fn own(page: &Fetched) -> Vec<(String, String)> {
    // The last of a name: the spreadsheet's form, which has the same, stands above.
    let value = |name: &str| {
        let at = page.text.rfind(&format!("name=\"{name}\" value=\""))?;
        let value = page.text[at..].split('"').nth(3)?;
        Some((name.to_owned(), value.replace("&#x2f;", "/")))
    };
    ["_once", "_seen", "_shown"].into_iter().filter_map(value).collect()
}

impl House {
    /// Sends what was typed from a page.
    async fn from(&self, page: &Fetched, link: &str, typed: &[(&str, &str)]) -> Fetched {
        let own = own(page);
        assert_eq!(own.len(), 3, "{}", page.text);
        let mut pairs = typed.to_vec();
        pairs.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.post(link, &pairs).await
    }

    async fn draft(&self) -> Value {
        let id = format!("{}/collect.school-1", super::house::RUN);
        let draft = self.runtime.store().draft(&id).await.unwrap().unwrap();
        document(&draft.assignment, &draft.answers).unwrap()
    }
}

/// The part of a page that tells of the other person.
fn conflict(page: &Fetched) -> &str {
    let from = page.text.find("<section class=\"notice wrong conflict\"").expect(&page.text);
    let to = page.text[from..].find("</section>").unwrap();
    &page.text[from..from + to + "</section>".len()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_writers_is_shown_what_both_typed_and_chooses() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let (director, deputy) = (house.get(&link).await, house.get(&link).await);
    let typed = [
        ("pupils", "1 250"),
        ("share", "98,5"),
        ("held_on", "2027-04-15"),
        ("means", "paper"),
        ("marks[0].low", "3"),
        ("steps[0].what", "Семинар"),
        ("steps[0].done", "2"),
        ("_save", "1"),
    ];
    let kept = house.from(&director, &link, &typed).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    let typed = [
        ("pupils", "1300"),
        ("share", "98,50"),
        ("way", "part"),
        ("comment", "От <заместителя>"),
        ("marks[0].low", "4"),
        ("steps[0].what", "Вебинар"),
        ("steps[0].done", "1"),
        ("_save", "1"),
    ];
    let asked = house.from(&deputy, &link, &typed).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    insta::assert_snapshot!("conflict", conflict(&asked));
    // What was typed stands in the form; what only the other filled stands there, too; each place
    // where they differ is marked.
    for shown in [
        "name=\"pupils\" value=\"1300\"",
        "У другого человека: 1 250 чел.",
        "name=\"held_on\" value=\"2027-04-15\"",
        "name=\"marks[0].low\" value=\"4\"",
        "value=\"Вебинар\"",
        "От &#60;заместителя&#62;",
    ] {
        assert!(asked.text.contains(shown), "{shown}:\n{}", asked.text);
    }
    // Nothing was written over, and from the old page nothing goes through.
    assert_eq!(house.draft().await["pupils"], "1 250");
    assert_eq!(house.from(&deputy, &link, &typed).await.status, StatusCode::CONFLICT);
    let mut chosen = typed.to_vec();
    chosen.extend([
        ("held_on", "2027-04-15"),
        ("means", "paper"),
        ("_take.pupils", "theirs"),
        ("_take.marks[0].low", "form"),
        ("_take.steps", "join"),
    ]);
    let kept = house.from(&asked, &link, &chosen).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text);
    let draft = house.draft().await;
    assert_eq!((&draft["pupils"], &draft["held_on"]), (&"1 250".into(), &"2027-04-15".into()));
    assert_eq!(draft["marks"][0]["low"], "4");
    assert_eq!(draft["steps"][0]["what"], "Семинар");
    assert_eq!(draft["steps"][1]["what"], "Вебинар");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_over_an_unseen_draft_or_answer_asks_and_one_page_never_asks_about_itself() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let (director, deputy) = (house.get(&link).await, house.get(&link).await);
    // Saved, back in the browser, saved again, sent, back again, corrected twice: one writer.
    let mut typed = vec![("pupils", "11"), ("_save", "1")];
    for pupils in ["11", "12"] {
        typed[0].1 = pupils;
        assert_eq!(house.from(&director, &link, &typed).await.status, StatusCode::SEE_OTHER);
    }
    let mine = answer("20", "мой");
    // The other has not seen the draft.
    let asked = house.from(&deputy, &link, &mine).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(conflict(&asked).contains("сохранил по этой ссылке черновик"), "{}", asked.text);
    for (comment, version) in [("раз", 1), ("два", 2), ("раз", 2), ("три", 3)] {
        let typed = answer("20", comment);
        let sent = house.from(&director, &link, &typed).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{comment}: {}", sent.text);
        let run = house.runtime.store().run(&house.run()).await.unwrap().unwrap().run;
        let newest = run.assignments.values().map(|a| a.version).max();
        // What was sent before from the same page is no answer again, but its repetition.
        assert_eq!(newest, Some(version), "{comment}");
    }
    // By now there is an answer, too.
    let asked = house.from(&asked, &link, &mine).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    let told = conflict(&asked);
    assert!(told.contains("отправил по этой ссылке ответ, версия 3"), "{told}");
    assert!(told.contains("три") && told.contains("мой"), "{told}");
    let sent = house.from(&asked, &link, &mine).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    // Who wrote the same is not asked.
    let late = house.from(&deputy, &link, &mine).await;
    assert_eq!(late.status, StatusCode::SEE_OTHER, "{}", late.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_over_an_unseen_draft_asks() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let deputy = house.get(&link).await;
    let typed = [("pupils", "11"), ("comment", "их"), ("_save", "1")];
    let director = house.get(&link).await;
    assert_eq!(house.from(&director, &link, &typed).await.status, StatusCode::SEE_OTHER);
    let own = own(&deputy);
    let pairs: Vec<(&str, &str)> = own.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let sheet = house.filled(json!({ "pupils": 1250, "share": 98.5, "video": "yes" }));
    let file = [("file", "ответ.xlsx", sheet.as_slice())];
    let request = with_files(Request::post(format!("{link}/table")), &pairs, &file);
    let asked = house.fetch(request).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    assert!(asked.text.contains("name=\"pupils\" value=\"1250\""), "{}", asked.text);
    let told = conflict(&asked);
    assert!(told.contains("11 чел.") && told.contains("их"), "{told}");
    assert_eq!(house.draft().await["pupils"], "11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_over_an_unseen_one_asks() {
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
    let (director, deputy) = (house.get(&link).await, house.get(&link).await);
    // To say that one has read is no conflict with who said so, too.
    for page in [&director, &deputy] {
        assert_eq!(house.from(page, &link, &[]).await.status, StatusCode::SEE_OTHER);
    }
    let (director, deputy) = (house.get(&link).await, house.get(&link).await);
    let sent = house.from(&director, &link, &[("report", "План составлен")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let asked = house.from(&deputy, &link, &[("report", "Занятия проведены")]).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    let told = conflict(&asked);
    assert!(told.contains("План составлен") && told.contains("Занятия проведены"), "{told}");
    assert!(asked.text.contains("Занятия проведены</textarea>"), "{}", asked.text);
    let both = "План составлен. Занятия проведены";
    let sent = house.from(&asked, &link, &[("report", both)]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert!(house.get(&link).await.text.contains(both));
}
