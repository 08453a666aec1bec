//! Looking at answers: returned, corrected, compared, accepted; more time asked for and given;
//! unlikely answers explained.

use axum::http::StatusCode;
use vekha_analysis::Outcome;
use vekha_engine::AssignmentKey;
use vekha_engine::run::{AssignmentState, StageState};

use super::House;
use super::actions::{act, did, done, run, send};
use super::house::{RUN, answer, files};

/// With a review after the collection, and a rule and a number that ask.
async fn house() -> House {
    let mut files = files();
    let mut change = |path: &str, from: &str, to: &str| {
        let text = files.0.get_mut(path).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
    };
    let review = "close = \"10 working days\"";
    change("activities/1-results.toml", review, &format!("{review}\nreview = \"3 working days\""));
    change(
        "forms/marks.toml",
        "[[rule]]",
        "[[rule]]\neach = \"steps\"\ncheck = \"row.done < 10.0\"\nat = \"done\"\n\
         message = \"Обычно меньше десяти. Если так и есть, поясните\"\nsoft = true\n\n[[rule]]",
    );
    House::opened(files).await
}

fn key(code: &str) -> AssignmentKey {
    AssignmentKey::new("collect", code)
}

#[tokio::test]
async fn an_answer_is_returned_corrected_compared_and_accepted() {
    let house = house().await;
    house.answer("school-1", "20", "").await;
    let address = format!("/runs/{RUN}/answers/collect.school-1");
    let page = house.look(&address).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Вернуть на исправление") && page.text.contains("Семинар"));
    let page = house.look(&format!("/runs/{RUN}")).await.text.replace("&#x2f;", "/");
    assert!(page.contains(&format!("href=\"{address}\"")), "{page}");

    let empty = [
        ("_form", "answer:collect.school-1"),
        ("_do", "return"),
        ("comment", ""),
        ("due", "2027-09-05"),
    ];
    let wrong = send(&house, &address, &empty).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("value=\"2027-09-05\""), "{}", wrong.text);
    let mut back = empty;
    back[2].1 = "Проверьте «2» по русскому";
    back[3].1 = "";
    let sent = send(&house, &address, &back).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert!(did(&house, "answer-returned").await);
    let returned = run(&house).await.assignments[&key("school-1")].clone();
    assert_eq!(returned.state, AssignmentState::Returned);
    assert_eq!(returned.due.to_string(), "2027-09-15", "more than three working days are left");

    let link = house.link("collect.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("Проверьте «2» по русскому"), "{}", page.text);
    assert!(page.text.contains("value=\"1250\""), "what was answered stands in the form");
    // The other answers; who was asked to correct keeps the stage open.
    house.answer("school-2", "5", "").await;
    assert_eq!(run(&house).await.stages[0].review, None);
    house.answer("school-1", "12", "Исправлено").await;
    let now = run(&house).await;
    assert_eq!(now.stages[0].state, StageState::Active, "the department may look now");
    assert_eq!(now.stages[0].review.unwrap().to_string(), "2027-09-06");
    let page = house.look(&address).await;
    for expected in [
        "Русский язык, 4 класс, Получили «2»",
        "<td>20 чел.</td><td>12 чел.</td>",
        "<td>—</td><td>Исправлено</td>",
    ] {
        assert!(page.text.contains(expected), "{expected}: {}", page.text);
    }
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("Все ответили: проверьте ответы"), "{}", page.text);
    done(&house, &[("_form", "review:collect")]).await;
    let now = run(&house).await;
    assert_eq!(now.stages[0].state, StageState::Completed);
    assert!(did(&house, "answers-accepted").await);
    // Now it is too late to return anything.
    let late = send(&house, &address, &back).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_review_ends_by_itself_and_an_answer_never_corrected_does_not_count() {
    let house = house().await;
    house.answer("school-1", "20", "").await;
    house.answer("school-2", "20", "").await;
    house.at("2027-09-06T17:59:00+05:00").await;
    assert_eq!(run(&house).await.stages[0].state, StageState::Active);
    let address = format!("/runs/{RUN}/answers/collect.school-2");
    let back = [
        ("_form", "answer:collect.school-2"),
        ("_do", "return"),
        ("comment", "Не то"),
        ("due", "2027-09-07"),
    ];
    send(&house, &address, &back).await;
    house.at("2027-09-06T18:00:00+05:00").await;
    assert_eq!(run(&house).await.stages[0].state, StageState::Active, "one is awaited again");
    house.at("2027-09-29T18:00:00+05:00").await;
    let now = run(&house).await;
    assert_eq!(now.stages[0].state, StageState::Completed);
    assert_eq!(now.assignments[&key("school-2")].state, AssignmentState::Missing);
    let analyses = house.runtime.store().analyses(RUN).await.unwrap();
    let outcome: Outcome = serde_json::from_str(&analyses[0].body).unwrap();
    assert!(outcome.values().count() > 0 && outcome.values().all(|(code, ..)| code == "school-1"));
    let silent = outcome.indicators.iter().all(|i| i.withheld.contains_key("school-2"));
    assert!(silent, "the report says that it is silent");
}

#[tokio::test]
async fn a_school_asks_for_more_time_and_is_answered() {
    let house = house().await;
    let link = house.link("collect.school-1");
    let page = house.get(&link).await;
    let page = page.text.replace("&#x2f;", "/");
    assert!(page.contains(&format!("action=\"{link}/extension\"")), "{page}");
    let ask = |due| vec![("due", due), ("reason", "Карантин в двух классах")];
    let page = house.post(&format!("{link}/extension"), &ask("2027-09-10")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("новый срок должен быть позже прежнего"), "{}", page.text);
    let heading = page.text.find("Просьба о сроке не отправлена").unwrap();
    assert!(heading < page.text.find("<details").unwrap(), "it is said at the top");
    assert!(page.text.contains("Карантин в двух классах"), "nothing that was typed is lost");
    // Pressed twice, it is one wish.
    let once = uuid::Uuid::now_v7().to_string();
    for _ in 0..2 {
        let mut pairs = ask("2027-09-22");
        pairs.push(("_once", &once));
        let sent = house.post(&format!("{link}/extension"), &pairs).await;
        assert_eq!(sent.headers["location"], format!("{link}?asked=1"), "{}", sent.text);
    }
    let journal = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    let asked = journal.iter().filter(|entry| entry.kind == "extension-requested").count();
    assert_eq!(asked, 1);
    let page = house.get(&link).await;
    assert!(page.text.contains("Вы просили продлить срок до 22.09.2027"), "{}", page.text);
    let page = house.look("/").await;
    assert!(page.text.contains("просят продлить срок: 1 организация"), "{}", page.text);
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("просит продлить срок"), "{}", page.text);

    let form = ("_form", "extension:collect.school-1");
    let page = act(&house, &[form, ("_do", "decline"), ("reason", "")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody is declined without a word");
    // The school finds the answer where it asked, in the department's words, until it asks again.
    done(&house, &[form, ("_do", "decline"), ("reason", "Сводка <нужна> в срок")]).await;
    let page = house.get(&link).await.text;
    for expected in
        ["В продлении срока до 22.09.2027 отказано", "Сводка &lt;нужна&gt; в срок", "15 сентября"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("Вы просили продлить срок"), "{page}");
    house.post(&format!("{link}/extension"), &ask("2027-09-22")).await;
    let page = house.get(&link).await.text;
    assert!(page.contains("Вы просили продлить срок") && !page.contains("отказано"), "{page}");
    done(&house, &[form, ("_do", "grant"), ("reason", "")]).await;
    let page = house.get(&link).await.text;
    assert!(page.contains("Срок продлён до 22.09.2027</strong>."), "{page}");
    assert!(!page.contains("отказано") && !page.contains("вы просили до"), "{page}");
    let now = run(&house).await.assignments[&key("school-1")].clone();
    assert_eq!((now.due.to_string(), now.request), ("2027-09-22".to_owned(), None));
    assert_eq!(now.reason, "Карантин в двух классах", "the wish itself is reason enough");
    // What was settled cannot be declined any more.
    let page = act(&house, &[form, ("_do", "decline"), ("reason", "Нет")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_unlikely_answer_is_asked_about_at_its_place_and_explained() {
    let house = house().await;
    let link = house.link("collect.school-1");
    let mut pairs = answer("20", "");
    pairs.retain(|(name, _)| !name.starts_with("steps[1].done"));
    pairs.push(("steps[1].done", "40"));
    let page = house.post(&link, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    // The empty row above is gone, and the question follows the row.
    assert!(page.text.contains("name=\"explanations.steps[0].done\""), "{}", page.text);
    assert!(page.text.contains("href=\"#f-steps-0-done-why\""), "{}", page.text);
    pairs.push(("explanations.steps[1].done", "Декада по предмету"));
    let sent = house.post(&link, &pairs).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let page = house.look(&format!("/runs/{RUN}/answers/collect.school-1")).await;
    assert!(page.text.contains("Пояснения организации"), "{}", page.text);
    assert!(page.text.contains("Декада по предмету"));
    let page = house.get(&link).await;
    assert!(page.text.contains("Декада по предмету"), "the explanation stands in the form");
}

#[tokio::test]
async fn a_year_shows_who_answered_in_time_and_who_is_silent() {
    let house = house().await;
    house.answer("school-1", "20", "").await;
    let row = |page: &str, name: &str| {
        let row = page.split("<tr>").find(|row| row.contains(name)).unwrap().to_owned();
        let cells = row.split("<td").skip(1).take(8).map(|cell| {
            cell.split_once('>').unwrap().1.split_once('<').unwrap().0.replace("&nbsp;", " ")
        });
        cells.collect::<Vec<_>>()
    };
    let page = house.look("/m/zarechny/completeness").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(
        row(&page.text, "organisation=school-1"),
        ["1", "1", "—", "—", "—", "—", "—", "100 %"]
    );
    assert_eq!(
        row(&page.text, "organisation=school-2"),
        ["1", "—", "—", "—", "1", "—", "—", "0 %"]
    );
    house.at("2027-09-16T09:00:00+05:00").await;
    let page = house.look("/m/zarechny/completeness?year=2027").await;
    assert_eq!(
        row(&page.text, "organisation=school-2"),
        ["1", "—", "—", "—", "—", "1", "—", "0 %"]
    );
    house.answer("school-2", "20", "").await;
    let page = house.look("/m/zarechny/completeness?year=2027&organisation=school-2").await;
    assert!(page.text.contains("с опозданием"), "{}", page.text);
    assert_eq!(row(&page.text, "Всего"), ["1", "—", "1", "—", "—", "—", "—", "100 %"]);
    let sheet = house.look_at_file("/m/zarechny/completeness.xlsx?year=2027").await;
    let limits = vekha_plugin_tables::Limits::default();
    let list = vekha_plugin_tables::read_list(
        &["Мероприятие", "Организация", "Ответ"],
        "a.xlsx",
        &sheet,
        &limits,
    )
    .unwrap();
    let told = |row| (list.text(row, 1).to_owned(), list.text(row, 2).to_owned());
    assert_eq!(list.len(), 2);
    assert_eq!(told(0).1, "в срок");
    assert_eq!(told(1).1, "с опозданием");
    let page = house.look("/m/zarechny/completeness?year=2026").await;
    assert!(page.text.contains("В этом году никого не спрашивали"), "{}", page.text);
}

#[tokio::test]
async fn the_page_of_an_assignment_shows_its_link_sends_it_again_and_replaces_it() {
    let house = house().await;
    let address = format!("/runs/{RUN}/answers/collect.school-1");
    let matrix = house.look(&format!("/runs/{RUN}")).await.text.replace("&#x2f;", "/");
    assert!(matrix.contains(&format!("href=\"{address}\"")), "also of who has not answered");
    let old = house.link("collect.school-1");
    let shown = async |link: &str| {
        let page = house.look(&address).await.text.replace("&#x2f;", "/");
        page.contains(&format!("https://vekha.example.org{link}\""))
    };
    assert!(shown(&old).await);

    let form = ("_form", "link:collect.school-1");
    let sent = send(&house, &address, &[form, ("_do", "send"), ("reason", "")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert!(did(&house, "link-sent").await);
    assert_eq!(house.get(&old).await.status, StatusCode::OK);

    let wrong = send(&house, &address, &[form, ("_do", "renew"), ("reason", " ")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "not without a reason");
    assert_eq!(house.get(&old).await.status, StatusCode::OK);
    let why = ("reason", "Письмо переслали всем");
    let sent = send(&house, &address, &[form, ("_do", "renew"), why]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert!(did(&house, "link-replaced").await);
    assert_eq!(house.get(&old).await.status, StatusCode::NOT_FOUND);
    assert!(!shown(&old).await, "the page shows the new one");
    let token = house.runtime.store().secret().token(&format!("{RUN}/collect.school-1"), 1);
    assert!(shown(&format!("/a/{token}")).await);
    let page = house.get(&format!("/a/{token}")).await;
    assert_eq!(page.status, StatusCode::OK);
}
