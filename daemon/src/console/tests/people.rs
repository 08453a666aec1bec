//! Who is let in, to what, and under which name: through the router as browsers meet it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use vekha_engine::{RunKey, Why};

use super::house::{Fetched, RUN, answer};
use super::{House, files};
use crate::access::{Role, Roles};
use crate::runtime::Ask;
use crate::runtime::acts::access::{Asker, Particulars};
use crate::runtime::committer::Task;

const PASSWORD: &str = "четыре кита везут самовар";

/// A browser: what it sends with each request.
struct Browser<'h> {
    house: &'h House,
    cookie: String,
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> Fetched {
        let request = Request::get(path).header("cookie", &self.cookie);
        self.house.fetch(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Fetched {
        let request = Request::post(path)
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        self.house.fetch(request.body(Body::from(encoded(pairs))).unwrap()).await
    }

    /// Returns once it is written down that its session is used now: no page waits for that.
    async fn noted(&self) {
        let hash = crate::access::secrets::hash(self.cookie.split_once('=').unwrap().1);
        let now = crate::store::micros(self.house.runtime.clock().now());
        let seen =
            async || self.house.runtime.store().session(&hash).await.unwrap().unwrap().seen_at;
        while seen().await != now {
            tokio::task::yield_now().await;
        }
    }

    /// Posts from a page of its own.
    async fn send(&self, path: &str, pairs: &[(&str, &str)]) -> Fetched {
        let once = uuid::Uuid::now_v7().to_string();
        let mut all = vec![("_once", once.as_str())];
        all.extend_from_slice(pairs);
        self.post(path, &all).await
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let plain = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What a response has a browser keep.
fn kept(response: &Fetched) -> String {
    let cookie = response.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// A browser of nobody.
fn stranger(house: &House) -> Browser<'_> {
    Browser { house, cookie: String::new() }
}

/// The first administrator, signed in.
async fn founded(house: &House) -> Browser<'_> {
    let link = house.runtime.first_link().await.unwrap().unwrap();
    let path = link.strip_prefix("https://vekha.example.org").unwrap();
    let sent = stranger(house)
        .post(
            path,
            &[
                ("display_name", "Анна Петрова"),
                ("email", "Anna@example.org"),
                ("password", PASSWORD),
            ],
        )
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    Browser { house, cookie: kept(&sent) }
}

/// Somebody with a role, signed in.
async fn hired<'h>(administrator: &Browser<'h>, email: &str, role: &str) -> Browser<'h> {
    let form = [
        ("display_name", "Пётр Иванов"),
        ("email", email),
        ("role:zarechny", role),
        ("role:*", ""),
    ];
    let page = administrator.send("/people", &form).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let text = page.text.replace("&#x2f;", "/");
    let at = text.find("/welcome/").unwrap_or_else(|| panic!("{text}"));
    let path = text[at..].split('"').next().unwrap();
    let sent = stranger(administrator.house).post(path, &[("password", PASSWORD)]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    Browser { house: administrator.house, cookie: kept(&sent) }
}

async fn sign_in<'h>(house: &'h House, email: &str, password: &str) -> (StatusCode, Browser<'h>) {
    let sent = stranger(house).post("/sign-in", &[("email", email), ("password", password)]).await;
    let cookie = if sent.status == StatusCode::SEE_OTHER { kept(&sent) } else { String::new() };
    (sent.status, Browser { house, cookie })
}

/// Kinds and actors in the journal of access, oldest first.
async fn journal(house: &House) -> Vec<(String, String)> {
    let chain = house.runtime.store().activity_chain("access").await.unwrap().unwrap();
    chain.entries.into_iter().map(|e| (e.kind, e.actor)).collect()
}

#[tokio::test]
async fn the_first_administrator_comes_by_a_link_that_opens_once_and_closes_the_house() {
    let house = House::new().await;
    assert_eq!(stranger(&house).get("/welcome/nothing").await.status, StatusCode::NOT_FOUND);
    let before = house.runtime.first_link().await.unwrap().unwrap();
    let link = house.runtime.first_link().await.unwrap().unwrap();
    let path = |link: &str| link.strip_prefix("https://vekha.example.org").unwrap().to_owned();
    // Each start gives another; the one before opens nothing.
    assert_eq!(stranger(&house).get(&path(&before)).await.status, StatusCode::NOT_FOUND);
    let page = stranger(&house).get(&path(&link)).await;
    assert!(page.text.contains("Первый администратор"), "{}", page.text);
    let weak = [("display_name", ""), ("email", "anna"), ("password", "qwertyuiop")];
    let refused = stranger(&house).post(&path(&link), &weak).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for id in ["display_name", "email", "password"] {
        assert!(refused.text.contains(&format!("href=\"#{id}\"")), "{id}: {}", refused.text);
    }
    assert!(!refused.text.contains("qwertyuiop"), "a password is shown to nobody");
    let right = [("display_name", "Анна"), ("email", "anna@example.org"), ("password", PASSWORD)];
    let sent = stranger(&house).post(&path(&link), &right).await;
    let cookie = sent.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-vekha="), "{cookie}");
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert_eq!(stranger(&house).get(&path(&link)).await.status, StatusCode::NOT_FOUND);
    assert!(house.runtime.first_link().await.unwrap().is_none());
    let anna = Browser { house: &house, cookie: kept(&sent) };
    let home = anna.get("/").await;
    assert!(home.text.contains("href=\"/people\"") && home.text.contains("Выйти"), "{}", home.text);
    let asked = stranger(&house).get("/").await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.text.contains("action=\"/sign-in\""), "{}", asked.text);
    // A browser must not ask by itself for what nobody has.
    assert!(!asked.headers.contains_key("www-authenticate"));
    let anna = "person:Анна <anna@example.org>".to_owned();
    assert_eq!(journal(&house).await, [("password-set".to_owned(), anna)]);
}

#[tokio::test]
async fn each_role_sees_the_buttons_that_it_may_press_and_no_other_button_works() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let viewer = hired(&anna, "viewer@example.org", "viewer").await;
    let operator = hired(&anna, "operator@example.org", "operator").await;
    let approver = hired(&anna, "approver@example.org", "approver").await;
    let run = format!("/runs/{RUN}");
    let waive = [
        ("_form", "assignments"),
        ("_do", "waive"),
        ("assignments", "collect.school-2"),
        ("reason", "Закрыта"),
    ];
    // Whoever only looks has nothing to press.
    let page = viewer.get(&run).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("name=\"_form\""), "{}", page.text);
    let refused = viewer.send(&run, &waive).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("«наблюдатель»") && refused.text.contains("«специалист»"));
    for path in ["/people", "/tokens"] {
        assert_eq!(operator.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(operator.send(path, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = operator.get(&run).await;
    assert!(page.text.contains("value=\"assignments\"") && !page.text.contains("value=\"cancel\""));
    assert!(approver.get(&run).await.text.contains("value=\"cancel\""));
    let cancel = [("_form", "cancel"), ("reason", "Ошибка")];
    let refused = operator.send(&run, &cancel).await;
    assert!(refused.text.contains("нужна роль «руководитель»"), "{}", refused.text);
    // An answer to a decision that stands open is the head's alone.
    house.answer("school-1", "38", "").await;
    let done = operator.send(&run, &waive).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    house.runtime.settle().await.unwrap();
    // Releasing drafts is the head's alone, and the page says so in place of doing it.
    let release =
        [("_form", "drafts:recommend"), ("_do", "approve:school-1"), ("school-1/choice[0]", "0")];
    let refused = operator.send(&run, &release).await;
    assert_ne!(refused.status, StatusCode::SEE_OTHER, "{}", refused.text);
    assert!(!operator.get(&run).await.text.contains("value=\"drafts:recommend\""));
    assert!(approver.get(&run).await.text.contains("value=\"drafts:recommend\""));
    let entries = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    let waived = entries.iter().find(|e| e.kind == "waived").unwrap();
    assert_eq!(waived.actor, "person:Пётр Иванов <operator@example.org>");
    // Nobody reaches where they have no role, whatever is there.
    assert_eq!(operator.get("/m/polevskoy").await.status, StatusCode::FORBIDDEN);
    assert_eq!(operator.get("/runs/polevskoy/results").await.status, StatusCode::FORBIDDEN);
    assert_eq!(anna.get("/m/polevskoy").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_representative_answers_for_the_own_organisation_by_name_and_sees_nothing_else() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let hired = async |email: &str, codes: &str| {
        let form = [
            ("display_name", "Ольга Смирнова"),
            ("email", email),
            ("role:zarechny", ""),
            ("represents:zarechny", codes),
        ];
        anna.send("/people", &form).await
    };
    let refused = hired("olga@example.org", "school-1, scool-2").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let words = "организации «scool-2» в «zarechny» нет; может быть, school-2";
    assert!(refused.text.contains(words), "{}", refused.text);
    assert!(
        refused.text.contains("value=\"scool-2, school-1\"")
            || refused.text.contains("value=\"school-1, scool-2\"")
    );
    let page = hired("olga@example.org", "school-1").await;
    let text = page.text.replace("&#x2f;", "/");
    let welcome = text[text.find("/welcome/").unwrap()..].split('"').next().unwrap().to_owned();
    let sent = stranger(&house).post(&welcome, &[("password", PASSWORD)]).await;
    let olga = Browser { house: &house, cookie: kept(&sent) };

    // She begins where her school's questions are, and the department's pages are shut.
    let home = olga.get("/").await;
    assert_eq!(
        (home.status, home.headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/own")
    );
    let own = olga.get("/own").await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    let own = own.text.replace("&#x2f;", "/");
    let link = house.link("collect.school-1");
    assert!(own.contains(&format!("href=\"{link}\"")), "{own}");
    assert!(!own.contains(&house.link("collect.school-2")));
    for path in ["/me", "/help"] {
        assert_eq!(olga.get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in [
        "/today".to_owned(),
        "/m/zarechny".to_owned(),
        "/m/zarechny/organisations/school-1".to_owned(),
        format!("/runs/{RUN}"),
        format!("/runs/{RUN}/answers/collect.school-1"),
        "/people".to_owned(),
    ] {
        let page = olga.get(&path).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.text);
    }

    // What she sends stands under her name; by another school's link she is whoever has it.
    let sent = olga.post(&link, &answer("38", "")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let sent = olga.post(&house.link("collect.school-2"), &answer("30", "")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let entries = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    let by: Vec<&str> =
        entries.iter().filter(|e| e.kind == "submitted").map(|e| e.actor.as_str()).collect();
    let named = "person:Ольга Смирнова <olga@example.org>";
    assert_eq!(BTreeSet::from_iter(by), BTreeSet::from([named, "page:school-2"]));
    let own = olga.get("/own").await.text;
    assert!(
        own.contains("Ничего: отвечать сейчас не на что") && own.contains("Прежние запросы"),
        "{own}"
    );
    // Without the role there is nothing left, and who has it is told to the administrator.
    let people = anna.get("/people").await.text.replace("&#x2f;", "/");
    assert!(people.contains("представитель ("), "{people}");
    // What was done about her stands on her page, whoever of the administrators looks at it.
    let ids = people.split("href=\"/people/").skip(1).filter_map(|rest| rest.split('"').next());
    let mut told = String::new();
    for id in ids {
        let page = anna.get(&format!("/people/{id}")).await.text;
        told += if page.contains("<h1>Ольга Смирнова</h1>") { &page } else { "" };
    }
    let told = told.split("Журнал доступа: последнее").nth(1).unwrap().replace("&#x2f;", "/");
    assert!(told.contains("представитель (zarechny/school-1)"), "{told}");
    assert!(told.contains("Анна Петрова") && !told.contains("пароль задан: anna"), "{told}");
}

#[tokio::test]
async fn every_page_opens_for_whoever_may_look_at_it() {
    let mut files = files();
    let report = files.0.get_mut("activities/2-annual-report.toml").unwrap();
    *report = report.replace("[schedule]", "[schedule]\nafter = [\"results\"]");
    let house = House::opened(files).await;
    let anna = founded(&house).await;
    let ask = Ask::Open { named: vec![], why: Why::Request, without_waiting: false };
    let waiting: RunKey = "zarechny/annual-report/2027".parse().unwrap();
    house.runtime.ask(Task::new(waiting.clone(), ask, "test")).await.unwrap();
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "30", "").await;
    house.runtime.settle().await.unwrap();
    for role in ["viewer", "operator", "approver", "administrator"] {
        let person = hired(&anna, &format!("{role}@example.org"), role).await;
        let mut known =
            BTreeSet::from(["/today".to_owned(), "/".to_owned(), format!("/runs/{waiting}")]);
        let mut next: Vec<String> = known.iter().cloned().collect();
        while let Some(path) = next.pop() {
            let page = person.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{role}: {path}");
            let text = page.text.replace("&#x2f;", "/").replace("&amp;", "&");
            let links = text.split("href=\"/").skip(1).filter_map(|rest| rest.split('"').next());
            for link in links.map(|link| format!("/{}", link.split('#').next().unwrap_or_default()))
            {
                let is_ours = !link.starts_with("/a/") && !link.starts_with("/assets/");
                // One page of each kind and thing: what narrows a list is another test's.
                if is_ours && !link.contains('?') && known.len() < 150 && known.insert(link.clone())
                {
                    next.push(link);
                }
            }
        }
        assert!(known.len() > 25, "{known:?}");
    }
}

#[tokio::test]
async fn what_was_typed_before_the_session_ended_is_sent_after_signing_in() {
    let house = House::new().await;
    let before = founded(&house).await;
    house.runtime.clock().set("2027-09-02T08:00:00+05:00".parse().unwrap());
    house.runtime.forget_expired().await.unwrap();
    let run = format!("/runs/{RUN}");
    let once = uuid::Uuid::now_v7().to_string();
    let form =
        [("_once", once.as_str()), ("_form", "cancel"), ("reason", "Набирали \"по ошибке\" & зря")];
    let asked = before.post(&run, &form).await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert!(asked.text.contains("введённое не пропало"), "{}", asked.text);
    assert!(asked.text.contains("name=\"held:reason\""), "{}", asked.text);
    let mut with_password = vec![
        ("to".to_owned(), run.clone()),
        ("email".to_owned(), "anna@example.org".to_owned()),
        ("password".to_owned(), PASSWORD.to_owned()),
    ];
    with_password.extend(form.iter().map(|(n, v)| (format!("held:{n}"), (*v).to_owned())));
    let pairs: Vec<(&str, &str)> =
        with_password.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let again = stranger(&house).post("/sign-in", &pairs).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text);
    assert!(!again.text.contains(PASSWORD), "a password goes no further");
    assert!(again.text.contains("от имени anna@example.org"), "{}", again.text);
    assert!(
        again.text.contains("<li class=\"kept\">Набирали"),
        "what is sent is seen: {}",
        again.text
    );
    let change = [("_action", "password"), ("before", "тайна раз"), ("password", "тайна два")];
    let passkey =
        [("_action", "passkey-begin"), ("passkey_password", "тайна"), ("answer", "тайна")];
    for secrets in [change, passkey] {
        let asked = before.post("/me", &secrets).await;
        assert!(asked.text.contains("held:"), "{}", asked.text);
        assert!(!asked.text.contains("тайна"), "{}", asked.text);
    }
    // Of a stranger nothing is read: their own browser has it.
    let asked = stranger(&house).post(&run, &form).await;
    assert!(
        !asked.text.contains("held:") && asked.text.contains("обновите страницу"),
        "{}",
        asked.text
    );
    assert!(
        again.text.contains(&format!("action=\"{}\"", run.replace('/', "&#x2f;"))),
        "{}",
        again.text
    );
    assert!(again.text.contains("name=\"reason\""), "{}", again.text);
    let anna = Browser { house: &house, cookie: kept(&again) };
    assert_eq!(anna.post(&run, &form).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_guesses_waits_longer_each_time_and_is_told_nothing_of_who_is_there() {
    let house = House::new().await;
    founded(&house).await;
    let (status, _) = sign_in(&house, "ANNA@example.org ", PASSWORD).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "an address is one however it is written");
    let wrong = stranger(&house);
    let guess = |email: &'static str| [("email", email), ("password", "четыре слона")];
    let known = wrong.post("/sign-in", &guess("anna@example.org")).await;
    let unknown = wrong.post("/sign-in", &guess("nobody@example.org")).await;
    assert_eq!((known.status, &known.text), (unknown.status, &unknown.text));
    for _ in 0..4 {
        wrong.post("/sign-in", &guess("anna@example.org")).await;
    }
    let (status, _) = sign_in(&house, "anna@example.org", PASSWORD).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "not even the right one is looked at");
    let locked = ("sign-in-locked".to_owned(), "vekha".to_owned());
    assert_eq!(journal(&house).await.iter().filter(|entry| **entry == locked).count(), 1);
    house.runtime.clock().set("2027-09-01T09:00:29+05:00".parse().unwrap());
    assert_eq!(sign_in(&house, "anna@example.org", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    house.runtime.clock().set("2027-09-01T09:00:31+05:00".parse().unwrap());
    assert_eq!(sign_in(&house, "anna@example.org", PASSWORD).await.0, StatusCode::SEE_OTHER);
    // What was right begins the count anew.
    wrong.post("/sign-in", &guess("anna@example.org")).await;
    assert_eq!(sign_in(&house, "anna@example.org", PASSWORD).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_guesses_the_password_in_a_session_left_open_is_counted_as_at_the_door() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let change = async |before: &str| {
        let form =
            [("_action", "password"), ("before", before), ("password", "пятый кит молчит ещё")];
        anna.send("/me", &form).await
    };
    for _ in 0..5 {
        let refused = change("не он").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
        assert!(refused.text.contains("это не ваш пароль"), "{}", refused.text);
    }
    let refused = change(PASSWORD).await;
    assert!(refused.text.contains("подряд слишком много"), "{}", refused.text);
    let (status, _) = sign_in(&house, "anna@example.org", PASSWORD).await;
    assert_ne!(status, StatusCode::SEE_OTHER, "nor is anybody let in meanwhile");
}

#[tokio::test]
async fn a_session_ends_by_itself_by_its_person_and_with_its_person() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let peter = hired(&anna, "peter@example.org", "operator").await;
    let (_, elsewhere) = sign_in(&house, "peter@example.org", PASSWORD).await;
    assert_eq!(peter.get("/me").await.status, StatusCode::OK);
    // Signed out here is signed out here only.
    let out = peter.post("/sign-out", &[]).await;
    assert!(kept(&out).ends_with('='), "{}", kept(&out));
    assert_eq!(peter.get("/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(elsewhere.get("/").await.status, StatusCode::OK);
    // Another password ends what was begun with the one before, but where it is chosen.
    let (_, here) = sign_in(&house, "peter@example.org", PASSWORD).await;
    let other = "семь вёрст киселя хлебали";
    let change =
        |before: &'static str| [("_action", "password"), ("before", before), ("password", other)];
    assert_eq!(here.post("/me", &change("не тот")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(here.post("/me", &change(PASSWORD)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.get("/").await.status, StatusCode::OK);
    assert_eq!(elsewhere.get("/").await.status, StatusCode::UNAUTHORIZED);
    // Used, it goes on for days; unused, it ends the same night; at all, within a week.
    for hour in 1..=7 * 4 {
        let at = hour * 6;
        let (day, hour) = (1 + (9 + at) / 24, (9 + at) % 24);
        if at < 7 * 24 {
            let moment = format!("2027-09-{day:02}T{hour:02}:00:00+05:00");
            house.runtime.clock().set(moment.parse().unwrap());
            assert_eq!(here.get("/me").await.status, StatusCode::OK, "{moment}");
            here.noted().await;
        }
    }
    house.runtime.clock().set("2027-09-08T09:00:01+05:00".parse().unwrap());
    assert_eq!(here.get("/me").await.status, StatusCode::UNAUTHORIZED);
    let (_, anna) = sign_in(&house, "anna@example.org", PASSWORD).await;
    let (_, here) = sign_in(&house, "peter@example.org", other).await;
    house.runtime.clock().set("2027-09-08T17:00:02+05:00".parse().unwrap());
    assert_eq!(anna.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(here.get("/me").await.status, StatusCode::UNAUTHORIZED);
    // Who is not let in any more is out at once.
    let (_, anna) = sign_in(&house, "anna@example.org", PASSWORD).await;
    let (_, here) = sign_in(&house, "peter@example.org", other).await;
    let people = house.runtime.store().people().await.unwrap();
    let row = &people.iter().find(|p| p.row.email == "peter@example.org").unwrap().row;
    let path = format!("/people/{}", row.id);
    let page = anna.get(&path).await;
    let etag = page.text.split("name=\"_etag\" value=\"").nth(1).unwrap();
    let etag = etag.split('"').next().unwrap();
    let (once, other_once) = (uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    let mut close = [
        ("_once", once.as_str()),
        ("_etag", etag),
        ("_action", "save"),
        ("display_name", "Пётр Иванов"),
        ("email", "peter@example.org"),
        ("role:zarechny", "operator"),
        ("disabled", "yes"),
    ];
    let sent = anna.post(&path, &close).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(here.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&house, "peter@example.org", other).await.0, StatusCode::UNAUTHORIZED);
    // Pressed twice it is pressed once; said anew upon what was, it is not done unseen.
    assert_eq!(anna.post(&path, &close).await.status, StatusCode::SEE_OTHER);
    close[0] = ("_once", &other_once);
    assert_eq!(anna.post(&path, &close).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn who_is_shut_out_while_they_sign_in_stays_out() {
    let house = House::new().await;
    let anna = founded(&house).await;
    hired(&anna, "peter@example.org", "operator").await;
    let runtime = &house.runtime;
    let peter = runtime.store().person_by_email("peter@example.org").await.unwrap().unwrap();
    let whole = crate::access::Identity::key(None);
    let by =
        Asker { identity: &whole, actor: "test", request: None, etag: "", validate_only: false };
    let (email, name) = (peter.row.email.clone(), peter.row.name.clone());
    let said = Particulars { email, name, post: String::new() };
    // A password takes longer to look at than a commit.
    let signing = sign_in(&house, "peter@example.org", PASSWORD);
    let shutting = runtime.set_person(&by, &peter, said, Ok(peter.roles.clone()), true);
    let ((_, browser), shut) = tokio::join!(signing, shutting);
    shut.unwrap();
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    let now = runtime.store().person(&peter.row.id).await.unwrap().unwrap();
    assert!(now.row.disabled, "a sign-in writes down nothing but itself");
}

#[tokio::test]
async fn a_page_opens_while_somebody_else_writes() {
    use sea_orm::TransactionTrait as _;
    let house = House::new().await;
    let anna = founded(&house).await;
    house.at("2027-09-01T09:10:00+05:00").await;
    let writing = house.runtime.store().writer().begin().await.unwrap();
    // Its session was last seen long enough ago to be noted: nobody waits for that.
    for _ in 0..3 {
        let page = tokio::time::timeout(std::time::Duration::from_secs(20), anna.get("/me")).await;
        assert_eq!(page.expect("it waits for the writer").status, StatusCode::OK);
    }
    writing.rollback().await.unwrap();
}

#[tokio::test]
async fn another_site_signs_nobody_in_or_out_and_a_button_pressed_twice_is_pressed_once() {
    let house = House::new().await;
    let anna = founded(&house).await;
    for path in ["/sign-in", "/sign-out", "/people", "/me"] {
        let request = Request::post(path)
            .header("cookie", &anna.cookie)
            .header("sec-fetch-site", "cross-site")
            .header("content-type", "application/x-www-form-urlencoded");
        let refused = house.fetch(request.body(Body::from("email=a")).unwrap()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    let once = uuid::Uuid::now_v7().to_string();
    let form = [
        ("_once", once.as_str()),
        ("display_name", "Пётр"),
        ("email", "p@example.org"),
        ("role:*", "viewer"),
    ];
    let first = anna.post("/people", &form).await;
    assert!(first.text.contains("welcome&#x2f;"), "{}", first.text);
    let second = anna.post("/people", &form).await;
    assert!(second.text.contains("показывается только один раз"), "{}", second.text);
    assert_eq!(house.runtime.store().people().await.unwrap().len(), 2);
    // Whoever goes back and says something else is heard.
    let mut back = form;
    back[2].1 = "q@example.org";
    let third = anna.post("/people", &back).await;
    assert!(third.text.contains("welcome&#x2f;"), "{}", third.text);
    assert_eq!(house.runtime.store().people().await.unwrap().len(), 3);
    // The address is taken; all that is wrong is told at once.
    let other = [("display_name", ""), ("email", "P@example.org"), ("role:zarechny", "boss")];
    let refused = anna.send("/people", &other).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for words in ["уже есть у другого", "заполните", "роли «boss» нет"]
    {
        assert!(refused.text.contains(words), "{words}: {}", refused.text);
    }
}

#[tokio::test]
async fn somebody_is_left_who_may_give_roles_and_nobody_gives_more_than_they_have() {
    let house = House::new().await;
    founded(&house).await;
    let runtime = &house.runtime;
    let anna = runtime.store().people().await.unwrap().remove(0);
    let identity =
        |roles: Roles| crate::access::Identity { who: crate::access::Who::Key(None), roles };
    let whole = identity(Roles::everywhere(Role::Administrator));
    let own = identity([("zarechny".to_owned(), Role::Administrator)].into_iter().collect());
    fn by(identity: &crate::access::Identity) -> Asker<'_> {
        Asker { identity, actor: "test", request: None, etag: "", validate_only: false }
    }
    let (by_whole, by_own) = (by(&whole), by(&own));
    let said = |email: &str| Particulars {
        email: email.to_owned(),
        name: "Анна Петрова".to_owned(),
        post: String::new(),
    };
    let of = |municipality: &str, role| -> Roles {
        [(municipality.to_owned(), role)].into_iter().collect()
    };
    let nothing =
        runtime.set_person(&by_whole, &anna, said("anna@example.org"), Ok(Roles::default()), false);
    assert!(nothing.await.unwrap_err().to_string().contains("хотя бы одна роль"));
    for (roles, disabled) in
        [(of("zarechny", Role::Administrator), false), (anna.roles.clone(), true)]
    {
        let refused = runtime
            .set_person(&by_whole, &anna, said("anna@example.org"), Ok(roles), disabled)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("последний администратор"), "{refused}");
    }
    // An administrator of one municipality works there and nowhere else.
    let peter =
        runtime.add_person(&by_own, said("p@example.org"), Ok(of("zarechny", Role::Approver)));
    let peter = peter.await.unwrap().of;
    for roles in [of("*", Role::Viewer), of("*", Role::Administrator)] {
        let refused = runtime.add_person(&by_own, said("q@example.org"), Ok(roles)).await;
        assert!(refused.unwrap_err().to_string().contains("роли раздаёт"), "more than they have");
    }
    let demote =
        runtime.set_person(&by_own, &anna, said("anna@example.org"), Ok(Roles::default()), false);
    assert!(demote.await.is_err(), "the administrator of all is not theirs");
    assert!(runtime.invite(&by_own, anna).await.is_err(), "nor is their password");
    let wider = runtime.set_person(
        &by_whole,
        &peter,
        said("p@example.org"),
        Ok(of("*", Role::Viewer)),
        false,
    );
    wider.await.unwrap();
    let peter = runtime.store().person(&peter.row.id).await.unwrap().unwrap();
    let closed =
        runtime.set_person(&by_own, &peter, said("p@example.org"), Ok(peter.roles.clone()), true);
    assert!(
        closed.await.is_err(),
        "who works elsewhere, too, is closed by whoever rules there, too"
    );
}

#[tokio::test]
async fn two_administrators_at_one_person_see_what_the_other_changed_and_lose_nothing() {
    let house = House::new().await;
    let anna = founded(&house).await;
    hired(&anna, "p@example.org", "viewer").await;
    let people = house.runtime.store().people().await.unwrap();
    let peter = people.into_iter().find(|p| p.row.email == "p@example.org").unwrap().row.id;
    let path = format!("/people/{peter}");
    let hidden = |page: &Fetched, name: &str| {
        let (_, rest) = page.text.rsplit_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let save = async |page: &Fetched, typed: &[(&str, &str)]| {
        let (etag, shown) = (hidden(page, "_etag"), hidden(page, "_shown"));
        let own = [("_action", "save"), ("_etag", &*etag), ("_shown", &*shown)];
        anna.send(&path, &[&own[..], typed].concat()).await
    };
    let value = |page: &Fetched, text: &str| page.text.contains(&format!("value=\"{text}\""));

    let (one, other) = (anna.get(&path).await, anna.get(&path).await);
    let first = [
        ("display_name", "Пётр Иванов"),
        ("post", "начальник"),
        ("email", "peter@example.org"),
        ("role:zarechny", "approver"),
        ("represents:zarechny", "school-2, school-1"),
    ];
    assert_eq!(save(&one, &first).await.status, StatusCode::SEE_OTHER);
    let second = [
        ("display_name", "Пётр Ильич Иванов"),
        ("post", "инспектор"),
        ("email", "p@example.org"),
        ("role:zarechny", "operator"),
        ("disabled", "yes"),
    ];
    let asked = save(&other, &second).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text);
    let at = asked.text.find("Пока страница была открыта").expect(&asked.text);
    let told = &asked.text[at..at + asked.text[at..].find("</section>").unwrap()];
    for words in [
        "Адрес почты",
        "peter@example.org",
        "Должность",
        "начальник",
        "инспектор",
        "Роль: ",
        "Представляет организации: ",
        "school-1, school-2",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("Ильич"), "what one alone changed needs no choice: {told}");
    // What only the other changed is in the form, what both did is as it was typed.
    for kept in ["Пётр Ильич Иванов", "инспектор", "peter@example.org", "school-1, school-2"]
    {
        assert!(value(&asked, kept), "{kept}: {}", asked.text);
    }
    assert!(asked.text.contains("value=\"operator\" selected"), "{}", asked.text);
    assert!(asked.text.contains("value=\"yes\" checked"), "{}", asked.text);

    // What is refused is kept, too, all of it; and what was looked at goes through.
    let with = |email: &'static str| {
        let mut all = second;
        all[2].1 = email;
        [&all[..], &[("represents:zarechny", "school-1")]].concat()
    };
    let refused = save(&asked, &with("peter")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    for kept in ["Пётр Ильич Иванов", "инспектор", "peter", "school-1"] {
        assert!(value(&refused, kept), "{kept}: {}", refused.text);
    }
    let saved = save(&refused, &with("peter@example.org")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let now = house.runtime.store().person(&peter).await.unwrap().unwrap();
    assert_eq!(
        (&*now.row.name, &*now.row.post, &*now.row.email, now.row.disabled),
        ("Пётр Ильич Иванов", "инспектор", "peter@example.org", true)
    );
    assert!(now.roles.represents("zarechny", "school-1"));
    assert!(!now.roles.represents("zarechny", "school-2"));
}

#[tokio::test]
async fn a_day_begins_with_what_waits_for_whoever_has_come_and_is_done_from_there() {
    let house = House::new().await;
    house.at("2027-09-16T09:00:00+05:00").await;
    let anna = founded(&house).await;
    let operator = hired(&anna, "operator@example.org", "operator").await;
    let viewer = hired(&anna, "viewer@example.org", "viewer").await;
    let own = |page: &Fetched| {
        let text = page.text.split("id=\"others\"").next().unwrap().to_owned();
        text.split("id=\"own\"").nth(1).unwrap().to_owned()
    };
    let link = format!("&#x2f;runs&#x2f;{}", RUN.replace('/', "&#x2f;"));
    let today = operator.get("/today").await;
    assert_eq!(today.status, StatusCode::OK, "{}", today.text);
    assert!(own(&today).contains(&link) && own(&today).contains("не ответили"), "{}", today.text);
    // Who only looks has nothing that waits for them, and nothing to press.
    let today = viewer.get("/today").await;
    assert!(
        own(&today).contains("Ничего:") && today.text.contains("Ждёт коллег"),
        "{}",
        today.text
    );
    assert!(!today.text.contains("Взять себе"));
    // Taken from the list, it is back in the list; for the colleague it waits for who has it.
    let take = [("_form", "entrust"), ("to", "Пётр Иванов"), ("_back", "/today")];
    let taken = operator.send(&format!("/runs/{RUN}"), &take).await;
    assert_eq!(taken.headers["location"], "/today?done=entrusted");
    let mine = operator.get("/today?whose=mine").await;
    assert!(own(&mine).contains(&link) && own(&mine).contains("за вами"), "{}", mine.text);
    let hers = anna.get("/today").await;
    assert!(!own(&hers).contains("не ответили"), "{}", own(&hers));
    assert!(hers.text.contains("следит Пётр Иванов"), "{}", hers.text);
    // A remark stays in the journal under its writer's name.
    let note = [("_form", "remark"), ("text", "Звонил директору: ответят завтра")];
    let noted = operator.send(&format!("/runs/{RUN}"), &note).await;
    assert_eq!(noted.status, StatusCode::SEE_OTHER, "{}", noted.text);
    let page = viewer.get(&format!("/runs/{RUN}")).await;
    assert!(
        page.text.contains("Звонил директору") && !page.text.contains("_form"),
        "{}",
        page.text
    );
    // Whoever is silent is sent the link once more, as many as are meant at once.
    let remind = [("_form", "assignments"), ("_do", "remind"), ("assignments", "*collect")];
    let before = house.runtime.store().journal_tail(RUN, 50).await.unwrap().len();
    let reminded = operator.send(&format!("/runs/{RUN}"), &remind).await;
    assert_eq!(reminded.status, StatusCode::SEE_OTHER, "{}", reminded.text);
    let after = house.runtime.store().journal_tail(RUN, 50).await.unwrap();
    let sent = after.iter().filter(|entry| entry.kind == "link-sent").count();
    assert_eq!((after.len() - before, sent), (2, 2), "both schools are silent");
}

#[tokio::test]
async fn definitions_are_for_administrators_of_the_municipality_and_new_ones_for_those_of_all() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let approver = hired(&anna, "approver@example.org", "approver").await;
    let own = hired(&anna, "own@example.org", "administrator").await;
    for path in [
        "/m/zarechny/definitions",
        "/m/zarechny/definitions/activities/results",
        "/m/zarechny/definitions/letters/reminder",
        "/m/zarechny/definitions/versions",
        "/m/zarechny/definitions/versions/1",
        "/m/zarechny/definitions/archive",
        "/m/zarechny/definitions/road-map.zip",
        "/begin",
    ] {
        assert_eq!(approver.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(anna.get(path).await.status, StatusCode::OK, "{path}");
        let expected = if path == "/begin" { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(own.get(path).await.status, expected, "{path}");
        let posted = approver.send(path, &[("_do", "apply")]).await;
        assert!(posted.status.is_client_error(), "{path}: {}", posted.status);
    }
    assert_eq!(own.send("/begin", &[("_do", "look")]).await.status, StatusCode::FORBIDDEN);
    for path in ["/daemon", "/daemon/listeners/portal"] {
        assert_eq!(own.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        let posted = own.send(path, &[("_action", "remove")]).await;
        assert_eq!(posted.status, StatusCode::FORBIDDEN, "{path}");
    }
    // Who may not change it is not led there.
    assert!(!approver.get("/m/zarechny").await.text.contains("/definitions"));
    assert!(own.get("/m/zarechny").await.text.contains("/definitions"));
    assert_eq!(house.runtime.road_maps().newest("zarechny").unwrap().number, 1);
}

#[tokio::test]
async fn a_narrowed_list_is_saved_under_a_name_and_found_again_by_who_saved_it() {
    let house = House::new().await;
    let anna = founded(&house).await;
    let viewer = hired(&anna, "viewer@example.org", "viewer").await;
    assert!(!viewer.get("/m/zarechny").await.text.contains("Сохранить этот отбор"));
    // What is offered to be saved is the list as it is seen, without what was done before.
    let page = viewer.get("/m/zarechny?state=late&q=%D0%92%D0%9F%D0%A0&page=3&done=saved").await;
    let text = page.text.replace("&#x2f;", "/").replace("&#x3d;", "=").replace("&amp;", "&");
    let path = "/m/zarechny?q=%D0%92%D0%9F%D0%A0&state=late";
    assert!(text.contains(&format!("name=\"path\" value=\"{path}\"")), "{text}");

    fn save<'a>(title: &'a str, path: &'a str) -> [(&'a str, &'a str); 3] {
        [("_action", "save-filter"), ("title", title), ("path", path)]
    }
    let saved = viewer.post("/me", &save("Опаздывают", path)).await;
    assert_eq!(saved.headers["location"], "/me?done=save-filter", "{}", saved.text);
    // The same list is called anew, not twice.
    viewer.post("/me", &save("ВПР опаздывает", path)).await;
    for place in ["/me", "/today"] {
        let page = viewer.get(place).await;
        let text = page.text.replace("&#x2f;", "/").replace("&#x3d;", "=").replace("&amp;", "&");
        let link = format!("<a href=\"{path}\">ВПР опаздывает</a>");
        assert_eq!(text.matches(&link).count(), 1, "{place}: {text}");
        assert!(!text.contains("Опаздывают"), "{text}");
        assert!(!anna.get(place).await.text.contains("ВПР опаздывает"), "{place}");
    }
    // What has no name, leads elsewhere or narrows nothing is refused, and what was typed stands there.
    let long = "о".repeat(101);
    for (title, path) in [
        (" ", path),
        (long.as_str(), path),
        ("чужое", "https://evil.example/?q=1"),
        ("чужое", "//evil.example/?q=1"),
        ("всё", "/m/zarechny"),
    ] {
        let refused = viewer.post("/me", &save(title, path)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{title} {path}");
        assert!(refused.text.contains("id=\"title-error\""), "{}", refused.text);
        assert!(refused.text.contains(title.trim()), "{}", refused.text);
    }
    // Nobody forgets another's.
    let own = house.runtime.store().people().await.unwrap();
    let viewer_id = &own.iter().find(|p| p.row.email == "viewer@example.org").unwrap().row.id;
    let id = house.runtime.saved_filters(viewer_id).await.unwrap()[0].id.clone();
    let forget = [("_action", "forget-filter"), ("filter", id.as_str())];
    anna.post("/me", &forget).await;
    assert!(viewer.get("/today").await.text.contains("ВПР опаздывает"));
    viewer.post("/me", &forget).await;
    assert!(!viewer.get("/today").await.text.contains("ВПР опаздывает"));
    // So many and no more: each has to be looked through.
    for n in 0..51 {
        let path = format!("/m/zarechny?q={n}");
        let saved = viewer.post("/me", &save("ещё", &path)).await;
        let wanted = if n < 50 { StatusCode::SEE_OTHER } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(saved.status, wanted, "{n}: {}", saved.text);
    }
}
