//! Definitions changed on pages: the same files with just that changed, nothing typed lost, nobody
//! overwritten in silence.

use axum::http::StatusCode;
use jiff::civil::date;

use super::house::Fetched;
use super::{House, files};
use crate::clock::Clock;
use crate::definitions::archive::{pack, unpack};
use crate::runtime::acts::apply::Folder;
use crate::runtime::road_maps::Means;

const RESULTS: &str = "/m/zarechny/definitions/activities/results";
const FILE: &str = "activities/1-results.toml";

/// The value of a hidden field.
fn hidden<'p>(page: &'p str, name: &str) -> &'p str {
    let begin = format!("name=\"{name}\" value=\"");
    let at = page.find(&begin).unwrap_or_else(|| panic!("{name}: {page}")) + begin.len();
    page[at..].split('"').next().unwrap()
}

/// What every hidden field of a page says.
fn carried(page: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        text.replace("&#x2f;", "/")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&amp;", "&")
    };
    page.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            (plain(name), plain(rest.split_once('"').unwrap().0))
        })
        .collect()
}

/// Presses a button of a page that carries what was sent before.
async fn press(house: &House, path: &str, page: &str, button: &str) -> Fetched {
    let carried = carried(page);
    let mut pairs: Vec<(&str, &str)> =
        carried.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.push(("_do", button));
    house.act(path, &pairs, &[]).await
}

/// Sends a form of the activity with this typed into it.
async fn look(house: &House, seen: &str, typed: &[(&str, &str)]) -> Fetched {
    let mut pairs = vec![("_seen", seen), ("_do", "look")];
    pairs.extend_from_slice(typed);
    house.act(RESULTS, &pairs, &[]).await
}

fn newest(house: &House) -> std::sync::Arc<crate::runtime::road_maps::Version> {
    house.runtime.road_maps().newest("zarechny").unwrap()
}

#[tokio::test]
async fn a_definition_reads_as_people_read_it() {
    let house = House::with(files()).await;
    let page = house.look("/m/zarechny/definitions").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for expected in ["Сбор результатов", "школы", "10 рабочих дней", "напоминание", "по команде"]
    {
        assert!(
            page.text.to_lowercase().contains(&expected.to_lowercase()),
            "{expected}:\n{}",
            page.text
        );
    }
    let page = house.look(RESULTS).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for expected in [
        "activities&#x2f;1-results.toml",
        "в день срока",
        "Порог: low_share",
        "low_share &gt;= threshold.low_share",
        "Провести внутреннюю проверку объективности оценивания — Школа № 1, 10 рабочих дней",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    assert_eq!(
        house.look("/m/zarechny/definitions/activities/none").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(house.look("/m/other/definitions").await.status, StatusCode::NOT_FOUND);
    let page = house.look("/m/zarechny").await;
    assert!(page.text.contains("/definitions\""), "{}", page.text);
}

#[tokio::test]
async fn another_schedule_asks_for_what_it_needs_and_is_looked_at_in_words() {
    let house = House::with(files()).await;
    let form = house.look(RESULTS).await.text;
    let seen = hidden(&form, "_seen").to_owned();
    assert!(form.contains("value=\"on-demand\" selected"), "{form}");
    assert!(!form.contains("name=\"schedule.event\""), "{form}");
    // The form is shown once more with what the other one asks for; the rest stays as it was typed.
    let chosen = ("schedule.every", "on-event");
    let due = ("stage.collect.due", "12 рабочих дней");
    let asked = look(&house, &seen, &[chosen, due]).await;
    assert!(asked.text.contains("Ошибки: "), "{}", asked.text);
    for expected in [
        "name=\"schedule.event\"",
        "нужно при том, что выбрано в поле «Как часто»",
        "value=\"on-event\" selected",
        "value=\"12 рабочих дней\"",
    ] {
        assert!(asked.text.contains(expected), "{expected}:\n{}", asked.text);
    }
    let looked = look(&house, &seen, &[chosen, due, ("schedule.event", "results-came")]).await;
    for expected in [
        "только когда начнёт человек или система → когда придёт событие",
        "нет → results-came",
        "10 → 12 рабочих дней",
    ] {
        assert!(looked.text.contains(expected), "{expected}:\n{}", looked.text);
    }
    let done = press(&house, RESULTS, &looked.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let text = &newest(&house).files.0[FILE];
    assert!(text.contains("every = \"on-event\"\nevent = \"results-came\"\n"), "{text}");
    // And back: what it does not take goes.
    let form = house.look(RESULTS).await.text;
    let seen = hidden(&form, "_seen").to_owned();
    let back = [("schedule.every", "on-demand"), ("schedule.event", "results-came")];
    let looked =
        look(&house, &seen, &[&back[..], &[("stage.collect.due", "10 рабочих дней")]].concat())
            .await;
    let done = press(&house, RESULTS, &looked.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert_eq!(newest(&house).files.0[FILE], files().0[FILE]);
}

#[tokio::test]
async fn a_term_is_changed_by_a_form_looked_at_and_then_in_force() {
    let house = House::with(files()).await;
    let form = house.look(RESULTS).await.text;
    let seen = hidden(&form, "_seen").to_owned();
    let page = look(&house, &seen, &[("stage.collect.due", "12 рабочих дней")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("10 → 12 рабочих дней"), "{}", page.text);
    assert_eq!(newest(&house).number, 1, "looking changes nothing");
    let done = press(&house, RESULTS, &page.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let made = newest(&house);
    assert_eq!(
        (made.number, made.means, made.applied_by.as_str()),
        (2, Means::Form, "console:anna")
    );
    // The same file with just that changed.
    let was = &files().0[FILE];
    let due = was.find("due = \"10 working days\"").unwrap();
    let mut becomes = was.clone();
    becomes.replace_range(due.., &was[due..].replacen("10 working", "12 working", 1));
    assert_eq!(made.files.0[FILE], becomes);
    // A second press of the button is the same request.
    let again = press(&house, RESULTS, &page.text, "apply").await;
    assert_eq!(again.headers["location"], done.headers["location"]);
    assert_eq!(newest(&house).number, 2);

    // The history tells it, and the first version comes back as the third.
    let list = house.look("/m/zarechny/definitions/versions").await.text;
    assert!(list.contains("правка на странице") && list.contains("anna"), "{list}");
    let path = "/m/zarechny/definitions/versions/1";
    let page = house.act(path, &[("_do", "look")], &[]).await;
    assert!(page.text.contains("12 → 10 рабочих дней"), "{}", page.text);
    let done = press(&house, path, &page.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let made = newest(&house);
    assert_eq!((made.number, made.means), (3, Means::Return));
    assert_eq!(made.files, files());
}

#[tokio::test]
async fn what_is_refused_keeps_its_input_and_tells_all_that_is_wrong() {
    let house = House::with(files()).await;
    let seen = hidden(&house.look(RESULTS).await.text, "_seen").to_owned();
    let page = look(
        &house,
        &seen,
        &[
            ("stage.collect.due", "скоро <b>"),
            ("stage.collect.remind", "за 3 рабочих дня\nпотом"),
            ("threshold.low.low_share", "тридцать"),
            ("stage.collect.participants.way", "organisations"),
            ("stage.collect.participants.codes", "school-1\r\nschool-77"),
            ("stage.decide.due", "7 дней"),
        ],
    )
    .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    for expected in [
        "value=\"скоро &lt;b&gt;\"",
        "за 3 рабочих дня\nпотом</textarea>",
        "value=\"тридцать\"",
        "school-1\nschool-77</textarea>",
        "value=\"7 дней\"",
        "нужно число, например 30 или 2,5",
        "«school-77»",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    assert_eq!(page.text.matches("class=\"error\"").count(), 4, "{}", page.text);
    assert_eq!(newest(&house).number, 1);
    // Back from the look, everything typed stands in the form.
    let page = look(&house, &seen, &[("stage.decide.due", "7 дней")]).await;
    let page = press(&house, RESULTS, &page.text, "back").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("value=\"7 дней\""), "{}", page.text);
    let page = look(&house, &seen, &[("stage.decide.due", "10 рабочих дней")]).await;
    assert!(page.text.contains("ничего не изменено"), "{}", page.text);
}

#[tokio::test]
async fn two_administrators_at_once_do_not_overwrite_each_other() {
    let house = House::with(files()).await;
    let seen = hidden(&house.look(RESULTS).await.text, "_seen").to_owned();
    let first = look(&house, &seen, &[("stage.collect.due", "12 рабочих дней")]).await;
    let second = look(
        &house,
        &seen,
        &[("stage.collect.due", "15 рабочих дней"), ("stage.decide.due", "7 дней")],
    )
    .await;
    assert_eq!(press(&house, RESULTS, &first.text, "apply").await.status, StatusCode::SEE_OTHER);
    // The second one is told what the first one did, and keeps what was typed.
    let page = press(&house, RESULTS, &second.text, "apply").await;
    assert_eq!(page.status, StatusCode::CONFLICT, "{}", page.text);
    for expected in [
        "10 → 12 рабочих дней",
        "тем временем здесь стало: 12 рабочих дней",
        "value=\"15 рабочих дней\"",
        "value=\"7 дней\"",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    assert_eq!(newest(&house).number, 2);
    // Whoever sends an old form is told at once.
    let old = look(&house, &seen, &[("stage.decide.due", "7 дней")]).await;
    assert_eq!(old.status, StatusCode::CONFLICT);
    // What the first one did stands where the second one does not touch it.
    assert!(old.text.contains("value=\"12 рабочих дней\""), "{}", old.text);
    let now = hidden(&old.text, "_seen").to_owned();
    let page = look(&house, &now, &[("stage.decide.due", "7 дней")]).await;
    assert_eq!(press(&house, RESULTS, &page.text, "apply").await.status, StatusCode::SEE_OTHER);
    let text = &newest(&house).files.0[FILE];
    assert!(
        text.contains("due = \"12 working days\"") && text.contains("due = \"7 days\""),
        "{text}"
    );
}

#[tokio::test]
async fn a_letter_is_rewritten_with_its_mistakes_at_their_lines() {
    let house = House::with(files()).await;
    let path = "/m/zarechny/definitions/letters/reminder";
    let form = house.look(path).await.text;
    let seen = hidden(&form, "_seen").to_owned();
    let wrong = "Здравствуйте!\r\n{{ activity.shrt }}\r\n";
    let page =
        house.act(path, &[("_seen", &seen), ("_do", "look"), ("body.txt", wrong)], &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    assert!(page.text.contains("строка 2"), "{}", page.text);
    let right = "Здравствуйте!\r\n{{ activity.short }}\r\n";
    let page =
        house.act(path, &[("_seen", &seen), ("_do", "look"), ("body.txt", right)], &[]).await;
    assert!(page.text.contains("Письмо «напоминание»: текст"), "{}", page.text);
    let done = press(&house, path, &page.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let text = &newest(&house).files.0["letters/reminder/body.txt"];
    assert_eq!(text, "Здравствуйте!\n{{ activity.short }}\n");
}

#[tokio::test]
async fn a_road_map_goes_out_as_an_archive_and_comes_back_after_a_look() {
    let house = House::with(files()).await;
    let packed = house.look_at_file("/m/zarechny/definitions/road-map.zip").await;
    assert_eq!(unpack(&packed).unwrap(), files());
    let path = "/m/zarechny/definitions/archive";
    let send = async |files: &[u8]| {
        house.act_with_files(path, &[("_do", "look")], &[("archive", "карта.zip", files)]).await
    };
    let page = send(&packed).await;
    assert!(page.text.contains("менять нечего"), "{}", page.text);
    let mut broken = files();
    broken.0.get_mut(FILE).unwrap().push_str("odd = 1\n");
    let page = send(&pack(&broken).unwrap()).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("неизвестный ключ «odd»"), "{}", page.text);
    let mut foreign = files();
    let other = foreign.0["municipality.toml"].replace("id = \"zarechny\"", "id = \"polevskoy\"");
    foreign.0.insert("municipality.toml".into(), other);
    let page = send(&pack(&foreign).unwrap()).await;
    assert!(page.text.contains("муниципалитета «polevskoy»"), "{}", page.text);
    assert!(house.runtime.road_maps().newest("polevskoy").is_none());

    let mut changed = files();
    let text = changed.0.get_mut(FILE).unwrap();
    *text = text.replace("remind = [\"on the day\"]", "remind = [\"1 day before\"] # заранее");
    let page = send(&pack(&changed).unwrap()).await;
    assert!(page.text.contains("в день срока → за 1 день"), "{}", page.text);
    // Somebody else is faster.
    let mut meanwhile = files();
    meanwhile.0.get_mut(FILE).unwrap().push_str("# примечание\n");
    house.runtime.apply(meanwhile, "test").await.unwrap();
    let late = press(&house, path, &page.text, "apply").await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text);
    let page = press(&house, path, &late.text, "look").await;
    let done = press(&house, path, &page.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let made = newest(&house);
    assert_eq!((made.means, &made.files), (Means::Archive, &changed));
}

#[tokio::test]
async fn a_folder_does_not_undo_what_was_changed_on_pages() {
    let house = House::with(files()).await;
    let seen = hidden(&house.look(RESULTS).await.text, "_seen").to_owned();
    let page = look(&house, &seen, &[("stage.collect.due", "12 рабочих дней")]).await;
    press(&house, RESULTS, &page.text, "apply").await;
    // The daemon starts again with the folder as it was.
    let folder = house.runtime.apply_folder(files(), "vekha serve").await.unwrap();
    assert!(matches!(folder, Folder::Behind { is: 1, .. }), "{folder:?}");
    assert_eq!(newest(&house).number, 2);
    // Both have changed: neither overwrites the other, and the administrator is told.
    let mut both = files();
    both.0.get_mut(FILE).unwrap().push_str("# и папка изменилась\n");
    let folder = house.runtime.apply_folder(both.clone(), "vekha serve").await.unwrap();
    let Folder::Apart { digest, .. } = folder else { panic!("{folder:?}") };
    house.runtime.keep_apart("zarechny", std::path::Path::new("config/road-map"), &digest);
    assert!(house.look("/m/zarechny").await.text.contains("папка не применена"));
    // Whoever applies it knows what it changes; then there is nothing to tell.
    house.runtime.apply(both.clone(), "test").await.unwrap();
    assert!(!house.look("/m/zarechny").await.text.contains("папка не применена"));
    let folder = house.runtime.apply_folder(both, "vekha serve").await.unwrap();
    assert!(matches!(folder, Folder::InForce(_)), "{folder:?}");
}

#[tokio::test]
async fn a_new_municipality_begins_in_one_form() {
    let clock = Clock::manual("2027-05-20T09:00:00+05:00".parse().unwrap());
    let house = House::on(clock, files()).await;
    let page = house.act("/begin", &[("_do", "look"), ("name", "Полевской <округ>")], &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    for expected in [
        "value=\"Полевской &lt;округ&gt;\"",
        "назовите орган управления образованием",
        "выберите часовой пояс",
        "нужен адрес почты",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    let table = "Наименование\tВид\tАдрес почты\r\nШкола № 1\tшкола\tone@example.org\r\nШкола № 2\tшкола\ttwo@example.org\r\nДетский сад «Ёлочка»\tдетский сад\tk@example.org\r\nММО учителей математики\tММО\tm@example.org\r\n";
    let form = [
        ("name", "Полевской муниципальный округ"),
        ("authority", "Управление образованием Полевского муниципального округа"),
        ("time_zone", "Asia/Yekaterinburg"),
        ("contact_name", "Иванова Анна Петровна"),
        ("contact_email", "ivanova@example.org"),
        ("organisations", table),
        ("begins", "2027-09-01"),
        ("_do", "look"),
    ];
    let page = house.act("/begin", &form, &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for expected in ["Школы: 2", "Ёлочка", "transport = ", "polevskoy-munitsipalny-okrug"]
    {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    let done = press(&house, "/begin", &page.text, "apply").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let id = "polevskoy-munitsipalny-okrug";
    let made = house.runtime.road_maps().newest(id).unwrap();
    assert_eq!((made.number, made.means), (1, Means::Beginning));
    assert_eq!(made.road_map.municipality.begins, Some(date(2027, 9, 1)));
    assert!(made.road_map.organisation("school-2").is_some());
    assert_eq!(house.look(&format!("/m/{id}")).await.status, StatusCode::OK);
    // A second press is the same request; a second municipality of the name is refused.
    let again = press(&house, "/begin", &page.text, "apply").await;
    assert_eq!(again.headers["location"], done.headers["location"]);
    let again = house.act("/begin", &form, &[]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.text);
    // Nothing opens before its first day, and then its year goes.
    let opened = async || {
        let all =
            crate::store::read::Filter { municipality: Some(id.into()), ..Default::default() };
        let page = crate::store::read::Page::first(1000);
        house.runtime.store().list_runs(&all, &page).await.unwrap().len()
    };
    house.at("2027-08-31T12:00:00+05:00").await;
    assert_eq!(opened().await, 0);
    house.at("2027-09-20T12:00:00+05:00").await;
    assert!(opened().await > 0);
}
