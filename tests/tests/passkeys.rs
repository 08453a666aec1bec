//! Passkeys: people sign in by their own devices, once for each question, and by nothing that pretends to be
//! one.

#![allow(clippy::unwrap_used)] // how tests fail

use fantoccini::Locator;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use vekha::runtime::Runtime;
use vekha::runtime::acts::access::signing;
use vekha_tests::authenticator::{Authenticator, Said};
use vekha_tests::axe;
use vekha_tests::base::Base;
use vekha_tests::browser::Browser;
use vekha_tests::foreign::MORNING;
use vekha_tests::stranger::{Stranger, reason};
use vekha_tests::town::Town;
use vekha_tests::visitor::{Page, Visitor};

const PASSWORD: &str = "четыре кита везут самовар";
const KEY: &str = "sesame-0123456789";
const HOME: &str = "https://vekha.example.org";

vekha_tests::on_both_databases! {
    a_passkey_is_added_by_who_proves_to_be_its_person_and_lets_them_in_until_it_is_removed,
    nobody_is_let_in_by_an_answer_in_which_anything_is_wrong,
    an_answer_is_taken_once_whichever_daemon_it_is_brought_to,
    lost_devices_are_shut_out_by_an_administrator_and_by_whoever_is_at_the_machine,
}

/// A daemon that people know by its name, whatever its port.
async fn town(base: &Base) -> Town {
    Town::start_as(MORNING, |settings, _| {
        settings.database = base.url.clone();
        settings.public_url = Some(HOME.to_owned());
        settings.secret_file = base.folder.path().join("secret");
        settings.access.token = KEY.to_owned();
    })
    .await
}

/// The first administrator, signed in.
async fn founded(town: &Town) -> Visitor {
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    let place = format!("{}{}", town.url(), link.strip_prefix(HOME).unwrap());
    let mut anna = Visitor::default();
    let said =
        [("display_name", "Анна Петрова"), ("email", "anna@example.org"), ("password", PASSWORD)];
    let page = anna.post(&place, &said).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    anna
}

fn me(town: &Town) -> String {
    format!("{}/me", town.url())
}

/// What the page that asks for a new passkey has the browser do.
fn asked(page: &Page) -> Value {
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let options = page.attribute("<form method=\"post\" data-passkey=\"add\"", "data-options");
    serde_json::from_str(&options.replace("&quot;", "\"")).unwrap()
}

async fn begin_adding(who: &mut Visitor, town: &Town, called: &str) -> Value {
    asked(&who.post(&me(town), &[("_action", "passkey-begin"), ("passkey", called)]).await)
}

async fn add(who: &mut Visitor, town: &Town, answer: &str) -> Page {
    who.post(&me(town), &[("_action", "passkey-add"), ("answer", answer)]).await
}

/// Adds a passkey that is kept on a device.
async fn added(who: &mut Visitor, town: &Town, device: &str) -> Authenticator {
    let options = begin_adding(who, town, device).await;
    let (made, answer) = Authenticator::make(device, &options, HOME);
    let page = add(who, town, &answer).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    made
}

/// What somebody's browser is asked who wants to sign in.
async fn begin(who: &mut Visitor, town: &Town) -> Value {
    let page = who.post(&format!("{}/sign-in/passkey/begin", town.url()), &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    serde_json::from_str(&page.text).unwrap()
}

async fn bring(who: &mut Visitor, town: &Town, answer: &str) -> Page {
    let sent = [("answer", answer), ("to", "/people")];
    who.post(&format!("{}/sign-in/passkey", town.url()), &sent).await
}

/// Somebody new signs in with a device that says something else than it should.
async fn tried(town: &Town, device: &mut Authenticator, lie: impl Fn(&mut Said)) -> StatusCode {
    let mut who = Visitor::default();
    let options = begin(&mut who, town).await;
    let answer = device.show_as(&options, HOME, lie);
    let page = bring(&mut who, town, &answer).await;
    let is_in = who.cookies.contains_key("__Host-vekha");
    assert_eq!(is_in, page.status == StatusCode::SEE_OTHER, "{}", page.text);
    assert!(is_in || page.text.contains("Ключ входа не подошёл"), "{}", page.text);
    assert!(!who.cookies.contains_key("__Host-vekha-passkey"), "a question stays open");
    page.status
}

const IN: StatusCode = StatusCode::SEE_OTHER;
const OUT: StatusCode = StatusCode::UNAUTHORIZED;

fn truth(_: &mut Said) {}

fn later(town: &Town, seconds: i64) {
    let clock = town.daemon.runtime.clock();
    clock.set(clock.now() + SignedDuration::from_secs(seconds));
}

/// Kinds and facts in the journal of access, oldest first.
async fn journal(runtime: &Runtime) -> Vec<(String, Value)> {
    let chain = runtime.store().activity_chain("access").await.unwrap().unwrap();
    chain.entries.into_iter().map(|e| (e.kind, serde_json::from_str(&e.data).unwrap())).collect()
}

async fn a_passkey_is_added_by_who_proves_to_be_its_person_and_lets_them_in_until_it_is_removed(
    base: Base,
) {
    let town = town(&base).await;
    let mut anna = founded(&town).await;
    // Whoever has just signed in is not asked again; all that is wrong is said at once.
    let mut phone = added(&mut anna, &town, "Телефон").await;
    later(&town, 11 * 60);
    let page = anna.get(&me(&town)).await;
    assert!(page.text.contains("Телефон") && page.text.contains("ещё не было"), "{}", page.text);
    let wrong = [("_action", "passkey-begin"), ("passkey", "Телефон"), ("passkey_password", "нет")];
    let page = anna.post(&me(&town), &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for words in ["так уже назван другой ваш ключ входа", "это не ваш пароль"]
    {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let right =
        [("_action", "passkey-begin"), ("passkey", "Ноутбук"), ("passkey_password", PASSWORD)];
    let options = asked(&anna.post(&me(&town), &right).await);
    // The device learns who it is for people's eyes, and nothing of that stands in what it gives out.
    assert_eq!(options["user"]["name"], "anna@example.org");
    assert_eq!(options["user"]["id"], phone.user.as_str());
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    // Neither is what was asked of one person in one session taken from another.
    let (_, answer) = Authenticator::make("Ноутбук", &options, HOME);
    let mut elsewhere = Visitor::default();
    let options = begin(&mut elsewhere, &town).await;
    let page = bring(&mut elsewhere, &town, &phone.show(&options, HOME)).await;
    assert_eq!(page.status, IN, "{}", page.text);
    assert!(page.leads_to.unwrap().as_str().ends_with("/people"));
    let kept = anna.cookies["__Host-vekha-passkey"].clone();
    elsewhere.cookies.insert("__Host-vekha-passkey".into(), kept);
    assert_eq!(add(&mut elsewhere, &town, &answer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(add(&mut anna, &town, &answer).await.status, IN);

    // She is known by it wherever she is in, also by what she had typed before.
    let page = elsewhere.get(&format!("{}/people", town.url())).await;
    assert!(page.text.contains("по паролю и ключом входа"), "{}", page.text);
    let mut typed = Visitor::default();
    let options = begin(&mut typed, &town).await;
    let answer = phone.show(&options, HOME);
    let sent = [("answer", answer.as_str()), ("to", "/people"), ("held:post", "Методист")];
    let page = typed.post(&format!("{}/sign-in/passkey", town.url()), &sent).await;
    assert_eq!(page.status, StatusCode::OK);
    let said = "от имени anna@example.org";
    assert!(page.text.contains(said) && page.text.contains("Методист"), "{}", page.text);

    let id =
        anna.get(&me(&town)).await.attribute("<input type=\"hidden\" name=\"removed\"", "value");
    let gone = [("_action", "passkey-remove"), ("removed", id.as_str())];
    assert_eq!(anna.post(&me(&town), &gone).await.status, IN);
    assert_eq!(anna.post(&me(&town), &gone).await.status, IN, "once more changes nothing");
    assert_eq!(tried(&town, &mut phone, truth).await, OUT);
    let told = journal(&town.daemon.runtime).await;
    let told: Vec<(&str, &Value)> =
        told.iter().map(|(kind, data)| (kind.as_str(), &data["passkey"])).collect();
    let (phone, none) = (json!("Телефон"), Value::Null);
    assert_eq!(
        told,
        [
            ("password-set", &none),
            ("passkey-added", &phone),
            ("signed-in", &phone),
            ("passkey-added", &json!("Ноутбук")),
            ("signed-in", &phone),
            ("passkey-removed", &phone),
        ]
    );
    // One is left; ten is enough for anybody.
    for number in 2..=10 {
        added(&mut elsewhere, &town, &format!("Устройство {number}")).await;
    }
    let one_more = [("_action", "passkey-begin"), ("passkey", "Ещё одно")];
    let page = elsewhere.post(&me(&town), &one_more).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Их может быть не больше 10"), "{}", page.text);
    town.daemon.stop().await.unwrap();
}

async fn nobody_is_let_in_by_an_answer_in_which_anything_is_wrong(base: Base) {
    let town = town(&base).await;
    let mut anna = founded(&town).await;
    // Nor is such a passkey added.
    let make: [fn(&mut Said); 4] = [
        |said| said.origin = "https://vekha.example.org.evil.example".into(),
        |said| said.site = "example.org".into(),
        |said| said.challenge = "AAAAAAAAAAAAAAAAAAAAAA".into(),
        |said| said.is_verified = false,
    ];
    for (number, lie) in make.iter().enumerate() {
        let options = begin_adding(&mut anna, &town, "Телефон").await;
        let (_, answer) = Authenticator::make_as("Телефон", &options, HOME, lie);
        let page = add(&mut anna, &town, &answer).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{number}: {}", page.text);
    }
    for answer in ["", "{}", &"я".repeat(20_000)] {
        begin_adding(&mut anna, &town, "Телефон").await;
        assert_eq!(add(&mut anna, &town, answer).await.status, StatusCode::FORBIDDEN);
    }
    let mut phone = added(&mut anna, &town, "Телефон").await;
    let mut other = phone.clone();
    other.user = "A".repeat(86);
    let lies: [fn(&mut Said); 7] = [
        |said| said.origin = "http://vekha.example.org".into(),
        |said| said.origin = "https://evil.example".into(),
        |said| said.site = "evil.example".into(),
        |said| said.challenge = "AAAAAAAAAAAAAAAAAAAAAA".into(),
        |said| said.is_verified = false,
        |said| said.user = "A".repeat(86),
        |said| said.counter = 1,
    ];
    for (number, lie) in lies.iter().enumerate() {
        assert_eq!(tried(&town, &mut phone, lie).await, OUT, "{number}");
        // What is right lets in, and begins the count anew.
        assert_eq!(tried(&town, &mut phone, truth).await, IN, "{number}");
    }
    for pretender in [&mut other, &mut phone.forged()] {
        assert_eq!(tried(&town, pretender, truth).await, OUT);
    }

    // What was asked of one browser is answered by it, for what it was asked, and soon.
    let mut who = Visitor::default();
    let options = begin(&mut who, &town).await;
    let answer = phone.show(&options, HOME);
    assert_eq!(bring(&mut Visitor::default(), &town, &answer).await.status, OUT);
    later(&town, 5 * 60);
    assert_eq!(bring(&mut who, &town, &answer).await.status, OUT);
    let options = begin_adding(&mut anna, &town, "Ноутбук").await;
    let (mut laptop, _) = Authenticator::make("Ноутбук", &options, HOME);
    let asks = json!({ "rpId": options["rp"]["id"], "challenge": options["challenge"],
        "userVerification": "required" });
    let crossed = phone.show(&asks, HOME);
    assert_eq!(bring(&mut anna, &town, &crossed).await.status, OUT);
    assert_eq!(tried(&town, &mut laptop, truth).await, OUT, "it was never added");

    // Whoever guesses her password keeps her from it for a while, and not from her device.
    let door = format!("{}/sign-in", town.url());
    for password in ["четыре слона"; 5].into_iter().chain([PASSWORD]) {
        let guess = [("email", "anna@example.org"), ("password", password)];
        assert_eq!(Visitor::default().post(&door, &guess).await.status, OUT, "{password}");
    }
    assert_eq!(tried(&town, &mut phone, lies[0]).await, OUT);
    assert_eq!(tried(&town, &mut phone, truth).await, IN);

    // Whoever is shut out is out by every way.
    let runtime = &town.daemon.runtime;
    let mut row = runtime.store().people().await.unwrap().remove(0).row;
    row.disabled = true;
    let beside = base.beside().await;
    use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _};
    row.into_active_model().reset_all().update(&beside).await.unwrap();
    assert_eq!(tried(&town, &mut phone, truth).await, OUT);
    town.daemon.stop().await.unwrap();
}

async fn an_answer_is_taken_once_whichever_daemon_it_is_brought_to(base: Base) {
    let one = town(&base).await;
    let other = if base.is_shared() { Some(town(&base).await) } else { None };
    let mut anna = founded(&one).await;
    // A device that keeps no count: nothing but the challenge tells its answers apart.
    let options = begin_adding(&mut anna, &one, "Телефон").await;
    let (mut phone, answer) =
        Authenticator::make_as("Телефон", &options, HOME, |said| said.counter = 0);
    assert_eq!(add(&mut anna, &one, &answer).await.status, IN);
    for _ in 0..3 {
        let mut who = Visitor::default();
        let options = begin(&mut who, &one).await;
        let answer = phone.show_as(&options, HOME, |said| said.counter = 0);
        let bring = async |town: &Town| bring(&mut who.clone(), town, &answer).await.status;
        let second = other.as_ref().unwrap_or(&one);
        let (first, second) = tokio::join!(bring(&one), bring(second));
        assert_eq!([first, second].iter().filter(|status| **status == IN).count(), 1);
        assert_eq!([first, second].iter().filter(|status| **status == OUT).count(), 1);
        assert_eq!(bring(&one).await, OUT);
    }
    // Nothing is remembered for longer than it could be brought.
    let runtime = &one.daemon.runtime;
    later(&one, 5 * 60 + 1);
    runtime.forget_expired().await.unwrap();
    use sea_orm::{EntityTrait as _, PaginatorTrait as _};
    let used = vekha::store::entities::used_challenge::Entity::find();
    assert_eq!(used.count(&base.beside().await).await.unwrap(), 0);
    one.daemon.stop().await.unwrap();
    if let Some(other) = other {
        other.daemon.stop().await.unwrap();
    }
}

async fn lost_devices_are_shut_out_by_an_administrator_and_by_whoever_is_at_the_machine(
    base: Base,
) {
    let town = town(&base).await;
    let mut anna = founded(&town).await;
    let people = format!("{}/people", town.url());
    let form = [
        ("display_name", "Пётр Иванов"),
        ("email", "peter@example.org"),
        ("role:zarechny", "operator"),
        ("role:*", ""),
    ];
    let page = anna.post(&people, &form).await;
    let link = page.attribute("<input id=\"link\"", "value");
    let mut peter = Visitor::default();
    let welcome = format!("{}{}", town.url(), link.strip_prefix(HOME).unwrap());
    assert_eq!(peter.post(&welcome, &[("password", PASSWORD)]).await.status, IN);
    let mut phone = added(&mut peter, &town, "Телефон").await;
    let mut key = added(&mut peter, &town, "Брелок").await;
    assert_eq!(tried(&town, &mut key, truth).await, IN);
    // One device is one person's: whoever else brings it has it not added.
    let options = begin_adding(&mut anna, &town, "Чужой").await;
    let (_, answer) = Authenticator::make("Телефон", &options, HOME);
    assert_eq!(add(&mut anna, &town, &answer).await.status, StatusCode::CONFLICT);

    // A system does it once for each request, and only upon what it saw.
    let runtime = &town.daemon.runtime;
    let known = runtime.store().person_by_email("peter@example.org").await.unwrap().unwrap();
    let system = Stranger::meet(town.channel().await).await;
    let system = system.with_authorization(&format!("Bearer {KEY}"));
    let name = format!("people/{}", known.row.id);
    let seen = system.call("PersonService.GetPerson", json!({ "name": name })).await.unwrap();
    assert_eq!(seen["passkeys"], 2);
    let remove = |etag: &str, request: &str| {
        let request = json!({ "name": name, "etag": etag, "requestId": request });
        system.call("PersonService.RemovePasskeys", request)
    };
    let refused = remove("x", "r-1").await.unwrap_err();
    assert_eq!(reason(&refused), "STALE_ETAG");
    let etag = seen["etag"].as_str().unwrap();
    assert_eq!(remove(etag, "r-2").await.unwrap()["passkeys"], Value::Null);
    assert_eq!(tried(&town, &mut phone, truth).await, OUT);
    assert_eq!(peter.get(&me(&town)).await.status, OUT, "whoever has the device is out, too");
    let password = [("email", "peter@example.org"), ("password", PASSWORD)];
    assert_eq!(peter.post(&format!("{}/sign-in", town.url()), &password).await.status, IN);
    let mut phone = added(&mut peter, &town, "Телефон").await;
    let mut key = added(&mut peter, &town, "Брелок").await;
    assert_eq!(remove(etag, "r-2").await.unwrap()["passkeys"], 2);
    assert_eq!(tried(&town, &mut key, truth).await, IN);

    let place = format!("{people}/{}", known.row.id);
    let page = anna.get(&place).await;
    assert!(page.text.contains("<dt>Ключи входа</dt><dd>2</dd>"), "{}", page.text);
    let page = anna.post(&place, &[("_action", "remove-passkeys")]).await;
    assert_eq!(page.status, IN, "{}", page.text);
    for device in [&mut phone, &mut key] {
        assert_eq!(tried(&town, device, truth).await, OUT);
    }
    assert_eq!(peter.get(&me(&town)).await.status, OUT, "whoever has the device is out, too");
    let page = anna.get(&place).await;
    assert!(page.text.contains("peter@example.org, было: 2"), "{}", page.text);

    let mut own = added(&mut anna, &town, "Ноутбук").await;
    assert_eq!(tried(&town, &mut own, truth).await, IN);
    let store = runtime.store();
    let now = runtime.clock().now();
    signing::reset(store, "anna@example.org", HOME, now).await.unwrap();
    assert_eq!(tried(&town, &mut own, truth).await, OUT);
    let (kind, data) = journal(runtime).await.pop().unwrap();
    assert_eq!((kind.as_str(), &data["count"]), ("passkeys-removed", &json!(1)));
    town.daemon.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_are_no_passwords_or_no_name_there_are_no_passkeys_and_it_is_said_why() {
    for (password, url, words) in [
        (false, HOME, "входят только через провайдера"),
        (true, "https://192.0.2.7", "только для имени"),
        (true, "http://vekha.example.org", "без https"),
    ] {
        let town = Town::start_as(MORNING, |settings, _| {
            settings.public_url = Some(url.to_owned());
            settings.access.token = KEY.to_owned();
            settings.sign_in.password = password;
        })
        .await;
        let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
        let place = format!("{}{}", town.url(), link.strip_prefix(url).unwrap());
        let said =
            [("display_name", "Анна"), ("email", "anna@example.org"), ("password", PASSWORD)];
        let mut anna = Visitor::default();
        assert_eq!(anna.post(&place, &said).await.status, IN);
        let page = anna.get(&me(&town)).await;
        assert!(page.text.contains(words), "{url}: {}", page.text);
        assert!(!page.text.contains("passkey-begin"), "{url}: {}", page.text);
        let asked = [("_action", "passkey-begin"), ("passkey", "Телефон")];
        assert_eq!(anna.post(&me(&town), &asked).await.status, StatusCode::FORBIDDEN);
        for path in ["/sign-in/passkey", "/sign-in/passkey/begin"] {
            let page = anna.post(&format!("{}{path}", town.url()), &[]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{url}{path}");
        }
        let page = Visitor::default().get(&format!("{}/sign-in", town.url())).await;
        assert!(!page.text.contains("passkey"), "{url}: {}", page.text);
        town.daemon.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_makes_a_passkey_on_ones_own_page_and_signs_in_by_it() {
    let town = Town::start(MORNING).await;
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    let port = town.daemon.address.port();
    let home = format!("http://localhost:{port}");
    let browser = axe::browser().await;
    let sound = async |page: &str| {
        assert_eq!(axe::violations(&browser).await, [] as [&str; 0], "{page}");
    };
    browser.hold_passkeys().await;
    // By an address in figures browsers make none: it is said where they do.
    browser.open(&link).await;
    browser.fill("display_name", "Анна Петрова").await;
    browser.fill("email", "anna@example.org").await;
    browser.fill("password", PASSWORD).await;
    browser.press("button.primary").await;
    browser.wait_for(".person a[href=\"/me\"]").await;
    browser.open(&me(&town)).await;
    assert!(browser.text().await.contains(&format!("по адресу {home}")));
    assert!(!shows(&browser, "[name=passkey]").await);

    browser.open(&format!("{home}/sign-in")).await;
    browser.fill("email", "anna@example.org").await;
    browser.fill("password", PASSWORD).await;
    browser.press("button.primary").await;
    browser.wait_for(".person a[href=\"/me\"]").await;
    browser.open(&format!("{home}/me")).await;
    assert!(shows(&browser, "[name=passkey]").await);
    browser.fill("passkey", "Рабочий компьютер").await;
    browser.press("form[data-passkey=begin] button").await;
    browser.wait_for("form[data-passkey=add] button").await;
    sound("a passkey is made").await;
    browser.press("form[data-passkey=add] button").await;
    browser.wait_for("[aria-label=\"Удалить ключ входа: Рабочий компьютер\"]").await;
    assert!(browser.text().await.contains("Ключ входа добавлен"));
    sound("one's own page with a passkey").await;
    // The device has one for this site: it makes no second.
    browser.fill("passkey", "Он же").await;
    browser.press("form[data-passkey=begin] button").await;
    browser.wait_for("form[data-passkey=add] button").await;
    browser.press("form[data-passkey=add] button").await;
    browser.wait_for("form[data-passkey=add] [role=alert]:not([hidden])").await;
    assert!(browser.text().await.contains("уже есть ваш ключ входа"));

    browser.press("form[action=\"/sign-out\"] button").await;
    browser.wait_for("form[data-passkey=sign-in] button").await;
    sound("signing in").await;
    browser.open(&format!("{home}/people")).await;
    browser.press("form[data-passkey=sign-in] button").await;
    browser.wait_for(".person a[href=\"/me\"]").await;
    assert_eq!(browser.client.current_url().await.unwrap().as_str(), format!("{home}/people"));

    browser.open(&format!("{home}/me")).await;
    browser.press("[aria-label=\"Удалить ключ входа: Рабочий компьютер\"]").await;
    browser.wait_for(".notice.good").await;
    assert!(browser.text().await.contains("Ключ входа удалён"));
    browser.press("form[action=\"/sign-out\"] button").await;
    browser.wait_for("form[data-passkey=sign-in] button").await;
    browser.press("form[data-passkey=sign-in] button").await;
    browser.wait_for("#summary").await;
    assert!(browser.text().await.contains("Ключ входа не подошёл"));
    browser.close().await;
    town.daemon.stop().await.unwrap();
}

async fn shows(browser: &Browser, css: &str) -> bool {
    browser.client.find(Locator::Css(css)).await.unwrap().is_displayed().await.unwrap()
}
