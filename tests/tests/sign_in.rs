//! Signing in through an organisation's provider: a real one, `oidc-provider`, whose pages people walk.

#![allow(clippy::unwrap_used)] // how tests fail

use std::collections::BTreeMap;
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use vekha::access::provider::settings::OidcSettings;
use vekha::access::{Identity, Role, Roles};
use vekha::runtime::acts::access::signing::Whence;
use vekha::runtime::acts::access::tokens::NewToken;
use vekha::runtime::acts::access::{Asker, Particulars};
use vekha_tests::axe;
use vekha_tests::base::Base;
use vekha_tests::foreign::MORNING;
use vekha_tests::process::{binary, free_port};
use vekha_tests::provider::{Provider, SECRET};
use vekha_tests::stranger::Stranger;
use vekha_tests::town::{Town, shipped_road_map};
use vekha_tests::visitor::{Page, Visitor};

const PASSWORD: &str = "четыре кита везут самовар";

fn oidc(issuer: &str) -> OidcSettings {
    let roles = [
        ("admins", "administrator"),
        ("methodists", "operator@zarechny"),
        ("heads", "approver@zarechny"),
        ("guests", "viewer@zarechny"),
    ];
    OidcSettings {
        issuer: issuer.to_owned(),
        client_id: "vekha".into(),
        client_secret: Some(vekha_plugin::Secret(SECRET.into())),
        client_secret_file: None,
        name: Some("Вход региона".into()),
        scopes: ["profile", "email", "groups"].map(str::to_owned).to_vec(),
        roles_claim: "groups".into(),
        roles: roles.map(|(value, role)| (value.to_owned(), role.to_owned())).into(),
        trust_email: false,
        ca_file: None,
    }
}

/// A town whose people sign in through a provider, and the provider.
async fn house(base: &Base) -> (Town, Provider) {
    let port = free_port();
    let provider = Provider::start(&format!("http://127.0.0.1:{port}")).await;
    let issuer = provider.issuer.clone();
    (town(base, port, &issuer, true).await, provider)
}

async fn town(base: &Base, port: u16, issuer: &str, password: bool) -> Town {
    Town::start_as(MORNING, |settings, _| {
        settings.database = base.url.clone();
        settings.listen = format!("127.0.0.1:{port}").parse().unwrap();
        settings.sign_in.password = password;
        settings.sign_in.oidc = Some(oidc(issuer));
    })
    .await
}

/// What the provider says of somebody with these groups.
fn said(name: &str, email: &str, groups: &[&str]) -> Value {
    json!({ "name": name, "email": email, "email_verified": true, "groups": groups })
}

/// Does what the provider's pages ask for, as this account, and stops before coming back.
async fn at_provider(visitor: &mut Visitor, from: Page, issuer: &str, id: &str) -> Page {
    let is_there = |url: &reqwest::Url| url.as_str().starts_with(issuer);
    let mut page = visitor.follow_while(from, is_there).await;
    while page.leads_to.is_none() && page.url.as_str().starts_with(issuer) {
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let action = page.attribute("<form", "action");
        let place = page.url.join(&action).unwrap();
        let fields: &[(&str, &str)] = match page.text.contains("value=\"login\"") {
            true => &[("prompt", "login"), ("login", id), ("password", "any")],
            false => &[("prompt", "consent")],
        };
        let sent = visitor.post(place.as_str(), fields).await;
        page = visitor.follow_while(sent, is_there).await;
    }
    page
}

/// Goes to the provider and comes back, as this account: until just before the daemon is told.
async fn asked_back(visitor: &mut Visitor, home: &str, issuer: &str, id: &str) -> String {
    let begun = visitor.get(&format!("{home}/sign-in/oidc?to=%2Fpeople")).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let page = at_provider(visitor, begun, issuer, id).await;
    let back = page.leads_to.unwrap_or_else(|| panic!("{}", page.text));
    assert!(back.as_str().starts_with(&format!("{home}/sign-in/oidc/callback?")), "{back}");
    back.into()
}

/// Signs in as this account. Returns the last page that was seen.
async fn sign_in(visitor: &mut Visitor, town: &Town, provider: &Provider, id: &str) -> Page {
    let back = asked_back(visitor, &town.url(), &provider.issuer, id).await;
    visitor.open(&back).await
}

vekha_tests::on_both_databases! {
    who_signs_in_through_the_provider_may_do_what_it_says_now_beside_what_was_given_here,
    an_account_becomes_somebodys_only_who_was_invited_and_whose_address_is_proved,
}

/// Kinds, actors and facts in the journal of access, oldest first.
async fn journal(town: &Town) -> Vec<(String, String, Value)> {
    let chain = town.daemon.runtime.store().activity_chain("access").await.unwrap().unwrap();
    let entry = |e: vekha::store::entities::journal::Model| {
        (e.kind, e.actor, serde_json::from_str(&e.data).unwrap())
    };
    chain.entries.into_iter().map(entry).collect()
}

/// Kinds of entries since so many, with what is remarkable of each.
async fn since(town: &Town, count: usize) -> Vec<String> {
    let all = journal(town).await;
    let words = |(kind, _, data): &(String, String, Value)| match kind.as_str() {
        "provided-roles-set" => format!("{kind} {} {}", data["roles"], data["kept"]),
        "sign-in-refused" => format!("{kind} {}", data["why"].as_str().unwrap()),
        kind => kind.to_owned(),
    };
    all[count..].iter().map(words).collect()
}

async fn role_in(town: &Town, visitor: &mut Visitor, path: &str) -> StatusCode {
    visitor.get(&format!("{}{path}", town.url())).await.status
}

/// What an operator may look at, and a viewer may not.
const OPERATORS: &str = "/m/zarechny/letters";

async fn who_signs_in_through_the_provider_may_do_what_it_says_now_beside_what_was_given_here(
    base: Base,
) {
    let (town, provider) = house(&base).await;
    let anna = |groups: &[&str]| said("Анна Петрова", "anna@example.org", groups);
    let peter = |groups: &[&str]| said("Пётр <Иванов>", "Peter@Example.org", groups);
    provider
        .knows(json!({ "anna": anna(&["admins"]), "peter": peter(&["guests", "others"]) }))
        .await;
    // The first person comes to be so, if what is said makes an administrator.
    let mut early = Visitor::default();
    let page = sign_in(&mut early, &town, &provider, "peter").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("ещё нет сотрудников"), "{}", page.text);
    let mut head = Visitor::default();
    let page = sign_in(&mut head, &town, &provider, "anna").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/people"), "{}", page.text);
    assert!(page.text.contains("Анна Петрова") && page.text.contains("через «Вход региона»"));
    assert_eq!(
        since(&town, 0).await,
        [
            "sign-in-refused first-of-all",
            "account-linked",
            r#"provided-roles-set {"*":"administrator"} null"#,
            "signed-in"
        ]
    );
    let entries = journal(&town).await;
    assert_eq!(entries[1].2["added"], true);
    assert_eq!(entries[2].1, format!("provider:{}", provider.issuer));
    assert_eq!(entries[3].1, "person:Анна Петрова <anna@example.org>");

    // Two browsers of the same person: what is said in one is true in both.
    let (mut desk, mut phone) = (Visitor::default(), Visitor::default());
    provider.knows(json!({ "anna": anna(&["admins"]), "peter": peter(&["methodists"]) })).await;
    sign_in(&mut phone, &town, &provider, "peter").await;
    assert_eq!(role_in(&town, &mut phone, OPERATORS).await, StatusCode::OK);
    assert_eq!(role_in(&town, &mut phone, "/people").await, StatusCode::FORBIDDEN);
    let people = head.open(&format!("{}/people", town.url())).await.text;
    assert!(people.contains("Пётр Иванов") && people.contains("peter@example.org"), "{people}");
    provider.knows(json!({ "anna": anna(&["admins"]), "peter": peter(&["guests"]) })).await;
    sign_in(&mut desk, &town, &provider, "peter").await;
    assert_eq!(role_in(&town, &mut phone, OPERATORS).await, StatusCode::FORBIDDEN);
    assert_eq!(role_in(&town, &mut phone, "/m/zarechny").await, StatusCode::OK);

    // Of whom nothing is said any more is let in nowhere, and told whom to ask.
    let count = journal(&town).await.len();
    provider.knows(json!({ "anna": anna(&["admins"]), "peter": peter(&[]) })).await;
    let page = sign_in(&mut desk, &town, &provider, "peter").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("роли в Вехе у неё нет") && page.text.contains("администратор"));
    assert!(page.text.contains("другой учётной записью"), "{}", page.text);
    for browser in [&mut desk, &mut phone] {
        assert_eq!(role_in(&town, browser, "/m/zarechny").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        since(&town, count).await,
        ["provided-roles-set {} null", "sign-in-refused no-role"]
    );

    // What was given here is nobody's but ours to take.
    let store = town.daemon.runtime.store();
    let whom = store.person_by_email("peter@example.org").await.unwrap().unwrap();
    let by = Identity::key(None);
    let asker =
        Asker { identity: &by, actor: "test", request: None, etag: "", validate_only: false };
    let roles: Roles = [("zarechny".to_owned(), Role::Operator)].into_iter().collect();
    let row = whom.row.clone();
    let same = Particulars { email: row.email, name: row.name, post: row.post };
    town.daemon.runtime.set_person(&asker, &whom, same, Ok(roles.clone()), false).await.unwrap();
    sign_in(&mut desk, &town, &provider, "peter").await;
    assert_eq!(role_in(&town, &mut desk, OPERATORS).await, StatusCode::OK);
    let whom = store.person_by_email("peter@example.org").await.unwrap().unwrap();
    assert_eq!((&whom.roles, &whom.provided.roles), (&roles, &Roles::default()));

    // The last administrator stays one, whatever is said; as soon as there is another, not.
    let count = journal(&town).await.len();
    let zoya = said("Зоя", "zoya@example.org", &["admins"]);
    provider.knows(json!({ "anna": anna(&["heads"]), "zoya": zoya })).await;
    let page = sign_in(&mut head, &town, &provider, "anna").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    sign_in(&mut head, &town, &provider, "anna").await;
    let kept = r#"provided-roles-set {"*":"administrator","zarechny":"approver"} true"#;
    assert_eq!(since(&town, count).await, [kept, "signed-in", "signed-in"]);
    sign_in(&mut Visitor::default(), &town, &provider, "zoya").await;
    let page = sign_in(&mut head, &town, &provider, "anna").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text);
    assert_eq!(role_in(&town, &mut head, OPERATORS).await, StatusCode::OK);

    // What the provider says counts for so long.
    town.live_until("2026-10-06T16:00").await;
    assert_eq!(role_in(&town, &mut head, OPERATORS).await, StatusCode::OK);
    town.live_until("2026-10-06T21:31").await;
    assert_eq!(role_in(&town, &mut head, OPERATORS).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_browser_another_moment_or_another_provider_opens_nothing() {
    let base = Base::sqlite();
    let (town, provider) = house(&base).await;
    let anna = said("Анна", "anna@example.org", &["admins"]);
    provider.knows(json!({ "anna": anna })).await;
    let mut first = Visitor::default();
    sign_in(&mut first, &town, &provider, "anna").await;
    let mut count = journal(&town).await.len();
    let refused = async |count: &mut usize, page: &Page, why: &str, of: &str| {
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{of}: {}", page.text);
        assert!(page.text.contains("Вход через «Вход региона» не выполнен"), "{of}");
        // What to do then is one's own choice: nothing leads there by itself.
        assert!(page.leads_to.is_none() && !page.text.contains("http-equiv"), "{of}");
        for way in ["Попробовать ещё раз", "Войти по паролю"] {
            assert!(page.text.contains(way), "{of}: {}", page.text);
        }
        let told = since(&town, *count).await;
        assert_eq!(told, [format!("sign-in-refused {why}")], "{of}");
        *count += 1;
    };
    let mut anna = Visitor::default();
    let back = asked_back(&mut anna, &town.url(), &provider.issuer, "anna").await;
    // Whoever is led to another's answer is not signed in as the other.
    let mut victim = Visitor::default();
    let page = victim.open(&back).await;
    refused(&mut count, &page, "not-begun", "another browser").await;
    let mut busy = Visitor::default();
    busy.get(&format!("{}/sign-in/oidc", town.url())).await;
    let page = busy.open(&back).await;
    refused(&mut count, &page, "not-begun", "a browser with a sign-in of its own").await;
    let before = anna.clone();
    let page = anna.get(&back).await;
    assert_eq!(page.leads_to.unwrap().path(), "/people");
    count += 1;
    let page = anna.open(&back).await;
    refused(&mut count, &page, "not-begun", "the same again").await;
    assert_eq!(anna.open(&format!("{}/people", town.url())).await.status, StatusCode::OK);
    let mut thief = before;
    let page = thief.open(&back).await;
    refused(&mut count, &page, "untrusted", "the same again, cookies and all").await;

    // What comes back is changed on the way.
    for (from, to, why) in [
        ("state=", "state=x", "not-begun"),
        ("iss=http", "iss=https", "untrusted"),
        ("iss=", "iz=", "untrusted"),
        ("code=", "kode=", "untrusted"),
        ("code=", "error=access_denied&kode=", "declined"),
        ("code=", "error=login_required&kode=", "declined"),
    ] {
        let mut anna = Visitor::default();
        let back = asked_back(&mut anna, &town.url(), &provider.issuer, "anna").await;
        assert!(back.contains(from), "{back}");
        let page = anna.open(&back.replace(from, to)).await;
        refused(&mut count, &page, why, to).await;
        assert!(!anna.cookies.contains_key("vekha"), "{to}");
        // That was it: it does not come right afterwards.
        let page = anna.open(&back).await;
        refused(&mut count, &page, "not-begun", to).await;
    }
    // Keys change.
    provider.twists("rotated").await;
    let page = sign_in(&mut Visitor::default(), &town, &provider, "anna").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    count += 1;
    let exchanged = provider.exchanged().await;
    for twist in [
        "audience",
        "audiences",
        "party",
        "nonce",
        "issuer",
        "expired",
        "early",
        "hash",
        "signature",
        "unsigned",
        "shared",
    ] {
        provider.twists(twist).await;
        let mut anna = Visitor::default();
        let page = sign_in(&mut anna, &town, &provider, "anna").await;
        refused(&mut count, &page, "untrusted", twist).await;
        assert!(!anna.cookies.contains_key("vekha"), "{twist}");
    }
    assert_eq!(provider.exchanged().await, exchanged + 11, "each once");
    // What the provider fails to say is nobody's fault, and takes nobody's roles.
    for trouble in ["silent", "down"] {
        provider.twists(trouble).await;
        let page = sign_in(&mut Visitor::default(), &town, &provider, "anna").await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{trouble}: {}", page.text);
    }
    assert_eq!(since(&town, count).await, [] as [&str; 0]);
    // Who takes too long begins anew.
    let mut slow = Visitor::default();
    let back = asked_back(&mut slow, &town.url(), &provider.issuer, "anna").await;
    town.live_until("2026-10-06T09:41").await;
    let page = slow.open(&back).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("больше десяти минут назад"), "{}", page.text);
    // And the journal holds none of what opened something.
    let told: String = journal(&town).await.iter().map(|(.., data)| data.to_string()).collect();
    for secret in ["code", "state", "eyJ", SECRET] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    // A stranger who is refused again and again does not fill it.
    let page = |_| async { Visitor::default().open(&back).await.status };
    let before = journal(&town).await.len();
    let all: Vec<StatusCode> = futures::future::join_all((0..60).map(page)).await;
    assert!(all.iter().all(|status| *status == StatusCode::FORBIDDEN));
    let told = journal(&town).await.len() - before;
    assert!(told <= 40, "{told}");
}

async fn an_account_becomes_somebodys_only_who_was_invited_and_whose_address_is_proved(base: Base) {
    let (town, provider) = house(&base).await;
    let runtime = &town.daemon.runtime;
    let link = runtime.first_link().await.unwrap().unwrap();
    let secret = link.rsplit('/').next().unwrap();
    let named = |name: &str, email: &str| Particulars {
        email: email.to_owned(),
        name: name.to_owned(),
        post: String::new(),
    };
    let anna = named("Анна", "anna@example.org");
    runtime.take_up(secret, anna, PASSWORD, Whence::default()).await.unwrap();
    let by = Identity { roles: Roles::everywhere(Role::Administrator), ..Identity::key(None) };
    let asker =
        Asker { identity: &by, actor: "test", request: None, etag: "", validate_only: false };
    let roles: Roles = [("zarechny".to_owned(), Role::Viewer)].into_iter().collect();
    let peter = named("Пётр Иванович", "peter@example.org");
    let invited = runtime.add_person(&asker, peter, Ok(roles.clone())).await.unwrap();
    let unproved = |value: Value| {
        let mut said = said("Пётр", "peter@example.org", &["methodists"]);
        said["email_verified"] = value;
        said
    };
    let stranger = |email: &str| said("Кто-то", email, &["methodists"]);
    provider
        .knows(json!({
            "unproved": unproved(json!(false)),
            "unsaid": unproved(Value::Null),
            "addressless": json!({ "name": "Никто", "groups": ["methodists"] }),
            "odd": stranger("<peter@example.org>"),
            "as-anna": stranger("anna@example.org"),
            "peter": said("Пётр", "PETER@example.org", &[]),
            "second": stranger("peter@example.org"),
            "nobody": said("Никто", "nobody@example.org", &["others"]),
        }))
        .await;
    let count = journal(&town).await.len();
    for (id, words) in [
        ("unproved", "подтверждённого адреса"),
        ("unsaid", "подтверждённого адреса"),
        ("addressless", "подтверждённого адреса"),
        ("odd", "подтверждённого адреса"),
        ("as-anna", "выдать вам ссылку"),
        ("nobody", "роли в Вехе у неё нет"),
    ] {
        let mut visitor = Visitor::default();
        let page = sign_in(&mut visitor, &town, &provider, id).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{id}");
        assert!(page.text.contains(words), "{id}: {}", page.text);
        assert!(!visitor.cookies.contains_key("vekha"), "{id}");
    }
    assert_eq!(runtime.store().people().await.unwrap().len(), 2, "nobody is new");
    let welcome = Visitor::default().open(invited.secret.as_deref().unwrap()).await;
    assert!(welcome.text.contains("Войти через «Вход региона»"), "{}", welcome.text);
    // Who was invited takes that up by signing in, and is who was meant; the link opens nothing then.
    let mut visitor = Visitor::default();
    let page = sign_in(&mut visitor, &town, &provider, "peter").await;
    assert!(page.text.contains("Нет доступа"), "a viewer looks at no people: {}", page.text);
    assert_eq!(role_in(&town, &mut visitor, "/m/zarechny").await, StatusCode::OK);
    let me = visitor.open(&format!("{}/me", town.url())).await.text;
    assert!(me.contains("Пётр Иванович") && me.contains("через «Вход региона»"), "{me}");
    assert!(!me.contains("name=\"before\""), "who has no password changes none: {me}");
    let used = Visitor::default().open(&invited.secret.unwrap()).await;
    assert_eq!(used.status, StatusCode::NOT_FOUND);
    // An address that goes to somebody else there opens nothing here, even to who is invited anew.
    let peter = runtime.store().person_by_email("peter@example.org").await.unwrap().unwrap();
    runtime.invite(&asker, peter.clone()).await.unwrap();
    let page = sign_in(&mut Visitor::default(), &town, &provider, "second").await;
    assert!(page.text.contains("выдать вам ссылку"), "{}", page.text);
    let page = sign_in(&mut Visitor::default(), &town, &provider, "peter").await;
    assert!(page.text.contains("Нет доступа"), "{}", page.text);
    assert_eq!(
        since(&town, count).await,
        [
            "sign-in-refused no-address",
            "sign-in-refused no-address",
            "sign-in-refused no-address",
            "sign-in-refused no-address",
            "sign-in-refused address-taken",
            "sign-in-refused no-role",
            "account-linked",
            "signed-in",
            "person-invited",
            "sign-in-refused address-taken",
            "signed-in",
        ]
    );

    // Who signs in by a password has what was given here, and not what is said there.
    let link = runtime.invite(&asker, peter).await.unwrap().secret.unwrap();
    let secret = link.rsplit('/').next().unwrap();
    let known = runtime.invited(secret).await.unwrap();
    let session = runtime.take_up(secret, known, PASSWORD, Whence::default()).await.unwrap();
    let mut by_password = Visitor::default();
    by_password.cookies = BTreeMap::from([("vekha".to_owned(), session)]);
    provider.knows(json!({ "peter": said("Пётр", "p@example.org", &["admins"]) })).await;
    let page = sign_in(&mut visitor, &town, &provider, "peter").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert_eq!(role_in(&town, &mut by_password, "/people").await, StatusCode::FORBIDDEN);
    // Other systems see how each signs in.
    let token = runtime
        .add_token(
            &asker,
            NewToken {
                name: "Кадры",
                roles: Ok(Roles::everywhere(Role::Administrator)),
                services: &[],
                until: None,
            },
        )
        .await
        .unwrap();
    let system = Stranger::meet(town.channel().await).await;
    let system = system.with_authorization(&format!("Bearer {}", token.secret.unwrap()));
    let people = system.call("PersonService.ListPeople", json!({})).await.unwrap();
    let people = people["people"].as_array().unwrap();
    let peter = people.iter().find(|p| p["email"] == "peter@example.org").unwrap();
    assert_eq!(peter["providers"], json!([provider.issuer]));
    assert_eq!(peter["providedRoles"][0]["role"], "ROLE_ADMINISTRATOR");
    assert_eq!(peter["roles"][0]["role"], "ROLE_VIEWER");
    let anna = people.iter().find(|p| p["email"] == "anna@example.org").unwrap();
    assert_eq!((&anna["providers"], &anna["hasPassword"]), (&Value::Null, &json!(true)));
    // Whoever comes twice at a time for the first time is one person.
    let newcomer = said("Новый", "new@example.org", &["guests"]);
    let peter = said("Пётр", "p@example.org", &["admins"]);
    provider.knows(json!({ "newcomer": newcomer, "peter": peter })).await;
    let (mut one, mut other) = (Visitor::default(), Visitor::default());
    let first = asked_back(&mut one, &town.url(), &provider.issuer, "newcomer").await;
    let second = asked_back(&mut other, &town.url(), &provider.issuer, "newcomer").await;
    tokio::join!(one.get(&first), other.get(&second));
    for visitor in [&mut one, &mut other] {
        assert_eq!(role_in(&town, visitor, "/m/zarechny").await, StatusCode::OK);
    }
    let people = runtime.store().people().await.unwrap();
    assert_eq!(people.iter().filter(|p| p.row.email == "new@example.org").count(), 1);
    // Who is shut out here is so, whatever is said there.
    let peter = runtime.store().person_by_email("peter@example.org").await.unwrap().unwrap();
    let row = peter.row.clone();
    let same = named(&row.name, &row.email);
    runtime.set_person(&asker, &peter, same, Ok(roles), true).await.unwrap();
    let page = sign_in(&mut visitor, &town, &provider, "peter").await;
    assert!(page.text.contains("Вход вам закрыт"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_leaves_both_and_where_the_provider_is_away_a_password_opens() {
    let base = Base::sqlite();
    let (town, mut provider) = house(&base).await;
    let anna = || json!({ "anna": said("Анна", "anna@example.org", &["admins"]) });
    provider.knows(anna()).await;
    // However many come at a time, it is asked once what it is.
    let url = format!("{}/sign-in/oidc", town.url());
    let begun = (0..12).map(|_| async { Visitor::default().get(&url).await.status });
    let begun = futures::future::join_all(begun).await;
    assert!(begun.iter().all(|status| *status == StatusCode::SEE_OTHER), "{begun:?}");
    assert_eq!(provider.described().await, 1);
    let mut visitor = Visitor::default();
    sign_in(&mut visitor, &town, &provider, "anna").await;
    let session = visitor.cookies["vekha"].clone();
    let page = visitor.post(&format!("{}/sign-out", town.url()), &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!visitor.cookies.contains_key("vekha"), "it ends here before anything else");
    let leave = page.attribute("<a href=\"http", "href");
    assert!(page.text.contains("http-equiv=\"refresh\""), "{}", page.text);
    let asked = reqwest::Url::parse(&leave).unwrap();
    let pairs: BTreeMap<String, String> = asked.query_pairs().into_owned().collect();
    assert!(leave.starts_with(&provider.issuer) && pairs["id_token_hint"].starts_with("eyJ"));
    assert_eq!(pairs["client_id"], "vekha");
    let there = visitor.open(&leave).await;
    let action = there.url.join(&there.attribute("<form", "action")).unwrap();
    let xsrf = there.attribute("name=\"xsrf\"", "value");
    let sent = visitor.post(action.as_str(), &[("xsrf", &xsrf), ("logout", "yes")]).await;
    let page = visitor.follow(sent).await;
    assert!(page.text.contains("Вы вышли из Вехи и у «Вход региона»"), "{}", page.text);
    visitor.cookies.insert("vekha".into(), session);
    assert_eq!(role_in(&town, &mut visitor, "/").await, StatusCode::UNAUTHORIZED);
    // There, too: who comes again is asked who it is.
    let begun = visitor.get(&format!("{}/sign-in/oidc", town.url())).await;
    let asked = visitor.follow(begun).await;
    assert!(asked.text.contains("value=\"login\""), "{}", asked.text);

    // It goes away while somebody is on the way back.
    let mut late = Visitor::default();
    let back = asked_back(&mut late, &town.url(), &provider.issuer, "anna").await;
    provider.stop().await;
    let page = late.get(&back).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.leads_to.is_none() && page.text.contains("не отвечает"), "{}", page.text);
    let again = late
        .open(
            &page
                .url
                .join(&page.attribute("<li><a", "href"))
                .unwrap()
                .as_str()
                .replace("/sign-in/oidc", "/sign-in"),
        )
        .await;
    assert_eq!(again.status, StatusCode::OK);
    provider.restart().await;
    provider.knows(anna()).await;
    let page = sign_in(&mut late, &town, &provider, "anna").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);

    // One that was never there keeps nobody from a password, nor the daemon from starting.
    let port = free_port();
    let base = Base::sqlite();
    let town = self::town(&base, port, &format!("http://127.0.0.1:{}", free_port()), true).await;
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    let first = [("display_name", "Анна"), ("email", "anna@example.org"), ("password", PASSWORD)];
    let mut visitor = Visitor::default();
    visitor.post(&link, &first).await;
    let mut other = Visitor::default();
    let page = other.open(&format!("{}/people", town.url())).await;
    assert!(page.text.contains("Войти через «Вход региона»"), "{}", page.text);
    let way = page.url.join(&page.attribute("<a class=\"button", "href")).unwrap();
    for _ in 0..3 {
        let page = other.open(way.as_str()).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text);
        assert!(page.text.contains("sign-in?to=%2Fpeople"), "{}", page.text);
    }
    let url = format!("{}/sign-in", town.url());
    let fields = [("to", "/people"), ("email", "anna@example.org"), ("password", PASSWORD)];
    let sent = other.post(&url, &fields).await;
    assert_eq!(other.follow(sent).await.url.path(), "/people");
    let page = other.post(&format!("{}/sign-out", town.url()), &[]).await;
    assert_eq!(other.follow(page).await.query("out").as_deref(), Some(""), "no provider was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_before_the_session_ended_is_found_when_the_provider_has_let_one_in_again() {
    let base = Base::sqlite();
    let (town, provider) = house(&base).await;
    provider.knows(json!({ "anna": said("Анна", "anna@example.org", &["admins"]) })).await;
    let mut visitor = Visitor::default();
    sign_in(&mut visitor, &town, &provider, "anna").await;
    town.live_until("2026-10-07T08:00").await;
    let url = format!("{}/runs/zarechny/vpr", town.url());
    let typed = [("_form", "start"), ("period", "2025-26")];
    let page = visitor.post(&url, &typed).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.text.contains("введённое не пропало") && page.text.contains("target=\"_blank\""));
    let held = [
        ("to", "/runs/zarechny/vpr"),
        ("held:_form", "start"),
        ("held:period", "2025-26"),
        ("resume", "yes"),
    ];
    let resume = format!("{}/sign-in", town.url());
    let page = visitor.post(&resume, &held).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "not yet");
    assert!(page.text.contains("held:period"), "{}", page.text);
    sign_in(&mut visitor, &town, &provider, "anna").await;
    let page = visitor.post(&resume, &held).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("anna@example.org") && page.text.contains("2025-26"));
    assert_eq!(page.attribute("<form", "action"), "/runs/zarechny/vpr");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_passwords_are_shut_a_link_still_opens() {
    let port = free_port();
    let base = Base::sqlite();
    let town = town(&base, port, &format!("http://127.0.0.1:{}", free_port()), false).await;
    let link = town.daemon.runtime.first_link().await.unwrap().unwrap();
    let mut visitor = Visitor::default();
    let first = [("display_name", "Анна"), ("email", "anna@example.org"), ("password", PASSWORD)];
    visitor.post(&link, &first).await;
    assert_eq!(role_in(&town, &mut visitor, "/people").await, StatusCode::OK);
    let mut other = Visitor::default();
    let url = format!("{}/sign-in", town.url());
    let page = other.open(&url).await;
    assert!(page.text.contains("Войти через") && !page.text.contains("name=\"password\""));
    let fields = [("to", "/"), ("email", "anna@example.org"), ("password", PASSWORD)];
    let sent = other.post(&url, &fields).await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    assert!(!other.cookies.contains_key("vekha"));
}

/// What a command printed, and whether it did what it was told.
async fn vekha(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary());
    let output = command.args(arguments).env_clear().stdin(Stdio::null()).output().await.unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_a_file_lets_in_lists_who_signs_in_how_and_logs_no_secret() {
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let home = format!("http://127.0.0.1:{port}");
    let provider = Provider::start(&home).await;
    provider.knows(json!({ "anna": said("Анна", "anna@example.org", &["admins"]) })).await;
    let key = "sesame-0123456789";
    let settings = format!(
        r#"
        listen = "127.0.0.1:{port}"
        database = "sqlite:data/vekha.db"
        secret-file = "data/secret"
        road-maps = ["{}"]
        mail = {{ transport = "file", folder = "data/mail", from = {{ name = "Отдел", email = "v@example.org" }} }}
        site = {{ folder = "data/site" }}
        access = {{ token = "{key}" }}
        [sign-in.oidc]
        issuer = "{}"
        client-id = "vekha"
        client-secret-file = "oidc-secret"
        scopes = ["profile", "email", "groups"]
        [sign-in.oidc.roles]
        admins = "administrator"
        elsewhere = "viewer@nowhere"
        "#,
        shipped_road_map().display(),
        provider.issuer
    );
    let file = folder.path().join("vekha.toml");
    std::fs::write(&file, settings).unwrap();
    std::fs::write(folder.path().join("oidc-secret"), format!("{SECRET}\n")).unwrap();
    let config = file.to_str().unwrap();
    let mut daemon = Command::new(binary());
    daemon.args(["--config", config]).env_clear().env("VEKHA_LOG", "trace");
    let mut daemon = daemon.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut stderr = daemon.stderr.take().unwrap();
    let reading = tokio::spawn(async move {
        let mut log = String::new();
        stderr.read_to_string(&mut log).await.unwrap();
        log
    });
    while reqwest::get(format!("{home}/healthz")).await.is_err() {
        assert!(daemon.try_wait().unwrap().is_none(), "it serves");
        tokio::task::yield_now().await;
    }
    let mut visitor = Visitor::default();
    let back = asked_back(&mut visitor, &home, &provider.issuer, "anna").await;
    let page = visitor.open(&back).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/people"), "{}", page.text);
    let left = visitor.post(&format!("{home}/sign-out"), &[]).await;
    let token = reqwest::Url::parse(&left.attribute("<a href=\"http", "href")).unwrap();
    let token =
        token.query_pairs().find(|(name, _)| name == "id_token_hint").unwrap().1.into_owned();
    let (done, said) = vekha(&["--server", &home, "--token", key, "people", "list"]).await;
    assert!(done && said.contains(&format!("через {}", provider.issuer)), "{said}");
    assert!(said.contains("от провайдера: администратор"), "{said}");
    let journal = ["--server", &home, "--token", key, "journal", "list", "--municipality", "-"];
    let (done, said) = vekha(&journal).await;
    assert!(done && said.contains("роли по сведениям провайдера"), "{said}");
    assert!(said.contains("новый сотрудник"), "{said}");
    let id = daemon.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    assert!(daemon.wait().await.unwrap().success());
    // Whoever is at the machine gets in without the provider.
    let (done, said) = vekha(&["--config", config, "people", "reset", "anna@example.org"]).await;
    assert!(done && said.contains("/welcome/"), "{said}");
    let log = reading.await.unwrap();
    assert!(log.contains("TRACE") && log.contains("gives roles where there is no road map"));
    let code = reqwest::Url::parse(&back).unwrap();
    let code = code.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    for secret in [SECRET, &code, &token, token.split('.').next_back().unwrap()] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_goes_to_the_provider_and_back_and_leaves_both() {
    let base = Base::sqlite();
    let (town, provider) = house(&base).await;
    let anna = said("Анна Петрова", "anna@example.org", &["admins"]);
    provider.knows(json!({ "anna": anna, "guest": said("Гость", "g@example.org", &[]) })).await;
    let browser = axe::browser().await;
    let sound = async |page: &str| {
        assert_eq!(axe::violations(&browser).await, [] as [&str; 0], "{page}");
    };
    let through = async |id: &str| {
        browser.wait_for("[name=\"login\"]").await;
        browser.fill("login", id).await;
        browser.fill("password", "any").await;
        browser.press("button[type=\"submit\"]").await;
        browser.wait_for("[value=\"consent\"]").await;
        browser.press("button[type=\"submit\"]").await;
    };
    let url = |path: &str| format!("{}{path}", town.url());
    browser.open(&url("/sign-in?to=/people")).await;
    sound("signing in").await;
    browser.press("a.button").await;
    through("guest").await;
    browser.wait_for("ul a[href^=\"/sign-in/oidc\"]").await;
    sound("not let in").await;
    browser.press("a[href$=\"&other\"]").await;
    through("anna").await;
    browser.wait_for(".person a[href=\"/me\"]").await;
    assert!(browser.text().await.contains("Сотрудники"), "{}", browser.text().await);
    sound("people").await;
    browser.open(&url("/me")).await;
    sound("one's own page").await;
    // Signing out leads on to the provider, through what the page's own policy allows.
    browser.press("form[action=\"/sign-out\"] button").await;
    browser.wait_for("[name=\"logout\"]").await;
    browser.press("[name=\"logout\"]").await;
    browser.wait_for(".notice.good").await;
    assert!(browser.text().await.contains("Вы вышли из Вехи и у «Вход региона»"));
    sound("signed out").await;
    browser.close().await;
}
