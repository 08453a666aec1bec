//! What an administrator is told: all mistakes at once, each where it stands; and no input, however
//! broken, makes the reader panic.

#![allow(clippy::unwrap_used)]

mod small;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use vekha_roadmap::diagnostic::{Diagnostic, nearest, render};
use vekha_roadmap::model::Duty;
use vekha_roadmap::read::{
    DIGEST_ITEMS, Files, LETTERS, is_address, read, read_again, read_organisations,
    read_with_warnings,
};

/// The small road map with some text replaced; each replaced text must be there.
fn with(changes: &[(&str, &str, &str)]) -> Files {
    let mut files = small::files();
    for (path, from, to) in changes {
        let text = files.0.get_mut(*path).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        *text = text.replacen(from, to, 1);
    }
    files
}

fn told(files: &Files) -> String {
    match read(files) {
        Ok(_) => String::new(),
        Err(errors) => render(&errors, files),
    }
}

#[test]
fn a_right_road_map_is_read_without_a_word() {
    let files = small::files();
    let (road_map, report) = read_with_warnings(&files);
    assert_eq!(render(&report.errors, &files), "");
    assert_eq!(render(&report.warnings, &files), "");
    let road_map = road_map.unwrap();
    assert_eq!(road_map.activities.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(road_map.organisations.len(), 3);
}

#[test]
fn all_mistakes_are_told_at_once_each_where_it_stands() {
    let mut files = with(&[
        // An address that is none, one that is missing, a code twice.
        ("organisations.toml", "email = \"o@example.org\"", "email = \"отдел@example.org\""),
        ("organisations.toml", "email = \"s2@example.org\"\n", ""),
        // Days off on a weekend, of another year, and no date; a working day that is one anyway.
        ("calendar.toml", "2027-01-04", "2027-01-03, 2028-01-05, \"завтра\""),
        ("calendar.toml", "2027-02-20", "2027-02-19"),
        ("calendar.toml", "\"saturday\"", "\"saterday\""),
        // An unknown key, misspelt words, a day that no year has, an unknown section and party.
        ("activities/1-survey.toml", "short = ", "shrot = "),
        ("activities/1-survey.toml", "section = \"s\"", "section = \"z\""),
        ("activities/1-survey.toml", "[\"schools\"]", "[\"schols\"]"),
        ("activities/1-survey.toml", "period = \"school-year\"", "period = \"shcool-year\""),
        ("activities/1-survey.toml", "\"02-29\"", "\"02-30\""),
        ("activities/1-survey.toml", "\"on the day\"", "\"в тот же день\""),
        ("activities/1-survey.toml", "report = \"report\"", "report = \"reprot\""),
        // A form and an organisation that do not exist; nobody who could finish a stage.
        ("activities/2-turn.toml", "\"short\"", "\"shrot\""),
        ("activities/2-turn.toml", "{ each = true }", "{ kinds = [\"kindergarten\"] }"),
        (
            "activities/3-outcome.toml",
            "{ found-by = \"survey\", rules = [\"low\"] }",
            "{ named = true }",
        ),
        // Activities that wait for each other.
        ("activities/3-outcome.toml", "\"previous\"", "\"current\""),
        ("activities/1-survey.toml", "of = \"previous\"", "after = [\"outcome\"]"),
        // A formula that names no field, one that does not type, one that is none.
        ("forms/everything.toml", "\"pupils > 100\"", "\"name == 'Школа' && pupls > 100\""),
        ("forms/everything.toml", "\"special == 'yes'\"", "\"special ist 'да'\""),
        ("forms/everything.toml", "\"pupils >= low\"", "\"pupils + 'человек' > 1\""),
        ("forms/everything.toml", "\"row.what != 'ничего'\"", "\"row.what != 'ничего' + \""),
        ("analyses/low.toml", "\"low_share >= threshold.low_share\"", "\"low_share\""),
        ("analyses/low.toml", "{{ low_share }}", "{{ low_shrae }}"),
        ("analyses/low.toml", "\"serious\"", "\"critical\""),
        // Templates: an unknown variable, a block that does not end.
        ("letters/reminder/body.txt", "{{ form }}", "\n— {{ form }}, осталось {{ days_lfet }} дн."),
        ("letters/base.html", "{% endblock %}", ""),
        ("decisions/order.txt", "{{ titles }}", "{{ title }}"),
        ("decisions/base.macros.txt", "{% endfor %}", ""),
        ("activities/1-survey.toml", "text = \"order\"", "text = \"oder\""),
    ]);
    // Not TOML at all, and yet the rest of the file is read.
    let survey = files.0.get_mut("activities/2-turn.toml").unwrap();
    *survey = survey.replace("deadline = \"раз в 3 года\"", "deadline = раз в 3 года");
    files.0.insert("letters/remindr/body.txt".into(), "x".into());
    insta::assert_snapshot!(told(&files));
}

#[test]
fn a_letter_that_a_road_map_does_not_bring_is_the_shipped_one() {
    let mut files = with(&[]);
    files.0.retain(|path, _| !path.starts_with("letters/") || path == "letters/drafts/body.txt");
    let road_map = read(&files).unwrap();
    for (kind, _) in LETTERS {
        for part in ["subject.txt", "body.txt", "body.html"] {
            let path = format!("letters/{kind}/{part}");
            let text = road_map.templates.get(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(
                files.0.get(&path).is_some_and(|own| own == text),
                path == "letters/drafts/body.txt"
            );
        }
    }
    for (_, item) in DIGEST_ITEMS {
        assert!(road_map.templates.contains_key(item), "{item}");
    }
}

#[test]
fn a_letter_has_a_subject_of_one_line_and_nothing_that_cannot_be_printed() {
    for (part, text, told) in [
        ("subject.txt", "{% if false %}Срок{% endif %}\n", "тема письма пуста"),
        ("subject.txt", "Срок\nBcc: x@example.org\n", "тема письма — одна строка"),
        ("body.txt", "А\u{0}Б", "не печатается"),
    ] {
        let mut files = with(&[]);
        let path = format!("letters/reminder/{part}");
        files.0.insert(path.clone(), text.to_owned());
        let mistakes = read(&files).unwrap_err();
        let found = mistakes.iter().find(|m| m.message.contains(told));
        assert!(found.is_some_and(|m| m.file == path), "{mistakes:?}");
    }
}

#[test]
fn a_municipality_with_mistakes_hides_none_elsewhere() {
    let files = with(&[
        ("municipality.toml", "Asia/Yekaterinburg", "Asia/Ekaterinburg"),
        ("municipality.toml", "\"09:00-18:00\"", "\"с девяти до шести\""),
        ("municipality.toml", "email = \"i@example.org\"", "mail = \"i@example.org\""),
        ("activities/1-survey.toml", "\"everything\"", "\"evrything\""),
    ]);
    insta::assert_snapshot!(told(&files));
}

#[test]
fn an_organisation_has_several_people_or_one_in_a_line() {
    let people = r#"email = "s2@example.org"
[[organisation.contact]]
name = "Петров"
role = "директор"
duty = "director"

[[organisation.contact]]
name = "Сидорова"
duty = "coordinator"
email = "sidorova@example.org"
phone = "2"
letters = true

[[organisation.contact]]
name = "Кузнецова"
email = "s2@example.org"
letters = true
"#;
    let files = with(&[
        ("organisations.toml", "email = \"s2@example.org\"\n", people),
        (
            "organisations.toml",
            "since = 2010-09-01",
            "since = 2010-09-01\ncontact = { name = \"Орлова\", role = \"директор\" }",
        ),
    ]);
    let road_map = read(&files).unwrap();
    let one = road_map.organisation("school-1").unwrap();
    assert_eq!(one.contacts.len(), 1);
    assert_eq!(one.contact().unwrap().name, "Орлова");
    assert_eq!(one.addressees(), [("Школа № 1", "s1@example.org")]);
    let several = road_map.organisation("school-2").unwrap();
    let duties: Vec<_> = several.contacts.iter().map(|c| c.duty).collect();
    assert_eq!(duties, [Some(Duty::Director), Some(Duty::Coordinator), None]);
    // Nobody gets a letter twice.
    let addressees = [("Школа № 2", "s2@example.org"), ("Сидорова", "sidorova@example.org")];
    assert_eq!(several.addressees(), addressees);
}

#[test]
fn a_person_who_reads_letters_is_address_enough() {
    let person = "contact = { name = \"Петров\", email = \"p@example.org\", letters = true }\n";
    let files = with(&[("organisations.toml", "email = \"s2@example.org\"\n", person)]);
    assert_eq!(told(&files), "");
}

#[test]
fn mistakes_in_people_are_told_where_they_stand() {
    let people = r#"email = "s2@example.org"
[[organisation.contact]]
name = "Петров"
duty = "директор"

[[organisation.contact]]
name = "Петров"
email = "петров"
letters = "да"
rol = "завуч"

[[organisation.contact]]
role = "секретарь"
letters = true
"#;
    let files = with(&[
        ("organisations.toml", "email = \"s2@example.org\"\n", people),
        ("organisations.toml", "since = 2010-09-01", "contact = \"Орлова\"\nsince = 2010-09-01"),
    ]);
    insta::assert_snapshot!(told(&files));
}

#[test]
fn the_registry_is_read_alone_when_the_rest_is_broken() {
    let files = with(&[("forms/short.toml", "title", "titel")]);
    assert!(read(&files).is_err());
    let codes: Vec<_> = read_organisations(&files).unwrap().into_iter().map(|o| o.code).collect();
    assert_eq!(codes, ["office", "school-1", "school-2"]);
    let files = with(&[("organisations.toml", "kind = \"school\"", "kind = \"scool\"")]);
    assert_eq!(read_organisations(&files).unwrap_err().len(), 1);
}

fn headlines(told: &str) -> Vec<&str> {
    told.lines().filter(|line| !line.starts_with(' ')).collect()
}

#[test]
fn one_mistake_is_told_once_and_not_wherever_its_file_is_named() {
    for (path, from, expected) in [
        (
            "forms/everything.toml",
            "title = \"Всё сразу\"",
            "forms/everything.toml:1:1: не хватает ключа «title»",
        ),
        (
            "analyses/low.toml",
            "title = \"Низкие результаты\"",
            "analyses/low.toml:1:1: не хватает ключа «title»",
        ),
        (
            "activities/1-survey.toml",
            "title = \"Опрос школ\"",
            "activities/1-survey.toml:1:1: не хватает ключа «title»",
        ),
    ] {
        let told = told(&with(&[(path, from, "")]));
        assert_eq!(headlines(&told), [expected]);
    }
    // What was read badly is not unknown to the formulas and texts that name it.
    for (path, from, to) in [
        ("forms/everything.toml", "type = \"integer\"", "type = \"intiger\""),
        ("forms/everything.toml", "label = \"Писали\"\ntype = \"integer\"", "label = \"Писали\""),
        ("analyses/low.toml", "\"share(low, pupils)\"", "\"share(low, \""),
        ("activities/1-survey.toml", "period = \"school-year\"", "period = \"school\""),
        ("activities/1-survey.toml", "opens = \"02-29\"", "opens = \"29.02\""),
    ] {
        let told = told(&with(&[(path, from, to)]));
        assert_eq!(headlines(&told).len(), 1, "{told}");
    }
}

#[test]
fn words_that_would_be_mistaken_for_others_are_refused() {
    // Measures are reported under `measure-1`, and so on.
    let collect = "kind = \"collect\"\n";
    let named = format!("{collect}id = \"measure-1\"\n");
    let told_of = told(&with(&[("activities/1-survey.toml", collect, &named)]));
    assert!(told_of.starts_with("activities/1-survey.toml:19:6: «measure-1»"), "{told_of}");
    // Beyond these years there is no period before or after.
    let once = (
        "activities/1-survey.toml",
        "every = \"year\"\nopens = \"02-29\"",
        "every = \"once\"\nopens = \"9999-12-31\"",
    );
    let told_of = told(&with(&[once]));
    assert!(told_of.starts_with("activities/1-survey.toml:9:9: год от 1900 до 2200"), "{told_of}");
}

fn paths() -> Vec<String> {
    small::files().0.into_keys().filter(|path| !path.starts_with("letters/q")).collect()
}

/// Whatever is told points into the file that it names.
fn points_somewhere(files: &Files, diagnostics: &[Diagnostic]) {
    let mut seen = BTreeSet::new();
    for d in diagnostics {
        assert!(!d.message.is_empty() && d.line >= 1 && d.column >= 1);
        assert!(seen.insert(d), "told twice: {d:?}");
        if let Some(text) = files.0.get(&d.file) {
            let lines = text.split('\n').count();
            assert!(d.line as usize <= lines, "{d:?} is beyond the end");
        }
    }
    render(diagnostics, files);
}

fn survives(files: &Files) {
    let (road_map, report) = read_with_warnings(files);
    assert_eq!(road_map.is_none(), !report.errors.is_empty());
    points_somewhere(files, &report.errors);
    points_somewhere(files, &report.warnings);
}

/// So many towns, texts, answers; PROPTEST_CASES asks for another number.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn no_mutilation_of_a_road_map_makes_the_reader_panic(
        file in any::<Index>(),
        cuts in prop::collection::vec((any::<Index>(), 0..30usize, "[\\[\\]{}=\"'\n#.,0-9a-zа-я{%}-]{0,8}"), 1..5),
        truncated in prop::option::weighted(0.3, any::<Index>()),
        removed in prop::option::weighted(0.1, any::<Index>()),
    ) {
        let mut files = small::files();
        let paths = paths();
        let text = files.0.get_mut(&paths[file.index(paths.len())]).unwrap();
        // Files are text, so bytes that make none never come here.
        let mut bytes = text.clone().into_bytes();
        for (at, length, with) in cuts {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, with.bytes());
        }
        if let Some(end) = truncated {
            bytes.truncate(end.index(bytes.len() + 1));
        }
        *text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(removed) = removed {
            files.0.remove(&paths[removed.index(paths.len())]);
        }
        survives(&files);
    }

    #[test]
    fn no_word_out_of_place_makes_the_reader_panic(
        file in any::<Index>(),
        swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 1..6),
    ) {
        // Values change places between keys and files: right TOML that says something odd.
        let mut files = small::files();
        let all: Vec<String> = files
            .0
            .values()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.split_once(" = ").map(|(_, value)| value.to_owned()))
            .chain(["[]", "{}", "-1", "0x7f", "1e99", "nan", "2027-13-45", "07:00:00", "'''\n'''"].map(str::to_owned))
            .collect();
        let tomls: Vec<String> = paths().into_iter().filter(|p| p.ends_with(".toml")).collect();
        let text = files.0.get_mut(&tomls[file.index(tomls.len())]).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, value) in swaps {
            let line = line.index(lines.len());
            if let Some((key, _)) = lines[line].clone().split_once(" = ") {
                lines[line] = format!("{key} = {}", all[value.index(all.len())]);
            }
        }
        *text = lines.join("\n");
        survives(&files);
    }

    #[test]
    fn arbitrary_text_is_refused_and_no_more(file in any::<Index>(), text in any::<String>()) {
        let mut files = small::files();
        let paths = paths();
        files.0.insert(paths[file.index(paths.len())].clone(), text);
        survives(&files);
    }
}

#[test]
fn who_says_of_how_many_a_figure_is_names_what_the_form_asks() {
    let formula = "formula = \"share(low, pupils)\"\n";
    let least = |of: &str| {
        let indicator = format!("{formula}{of}\n");
        with(&[("analyses/low.toml", formula, &indicator)])
    };
    let said = |of: &str| {
        let road_map = read(&least(of)).unwrap();
        road_map.analyses["low"].indicators[0].rests_on.as_ref().map(|r| r.least)
    };
    assert_eq!(said(""), None);
    assert_eq!(said("of = \"pupils\""), Some(10));
    assert_eq!(said("of = \"pupils\"\nmin-of = 25"), Some(25));
    for (of, expected) in [
        ("of = \"pupls\"", "«pupls» не известно; может быть, «pupils»?"),
        ("of = \"pupils > 3\"", "формула даёт «да или нет», а нужно «число»"),
        ("min-of = 25", "не сказано, чего должно быть столько: нужен ключ of"),
    ] {
        let told = told(&least(of));
        let headlines = headlines(&told);
        assert!(headlines.len() == 1 && headlines[0].ends_with(expected), "{told}");
        assert!(headlines[0].starts_with("analyses/low.toml:15:"), "{told}");
    }
}

#[test]
fn two_organisations_of_one_short_name_are_told_of_and_no_mistake() {
    let name = "name = \"Школа № 2\"\n";
    let files = with(&[("organisations.toml", name, &format!("{name}short = \"СОШ 1\"\n"))]);
    let (road_map, report) = read_with_warnings(&files);
    assert!(road_map.is_some() && report.errors.is_empty());
    let told = render(&report.warnings, &files);
    assert!(headlines(&told).len() == 1 && told.contains("их не различить"), "{told}");
}

#[test]
fn a_text_that_would_fail_when_it_is_made_is_told_before_anybody_is_to_read_it() {
    let files = with(&[
        ("letters/assignment/body.txt", "{{ form }}", "{{ form | uper }}"),
        ("letters/reminder/body.txt", "{{ form }}", "{{ form.title() }}"),
        (
            "letters/closed/body.txt",
            "{{ form }}",
            "{% for one in missing %}{{ one.nmae }}{% endfor %}",
        ),
        (
            "letters/measure/body.txt",
            "{{ decision }}",
            "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        ),
        ("letters/drafts/body.txt", "{{ count }}", "{% from \"letters/none.txt\" import x %}"),
        ("analyses/low.toml", "Доля {{ low_share }} %", "Доля {{ low_share / 0 }} %"),
        (
            "analyses/low.toml",
            "Снизить до {{ threshold.low_share }} %",
            "Снизить до {{ municipality.low_share.meen }} %",
        ),
    ]);
    insta::assert_snapshot!("failing_texts", told(&files));
}

#[test]
fn all_branches_of_a_text_are_looked_at_whether_or_not_a_sample_takes_them() {
    let body = r#"{% set whom = organisation %}
{% if form == "нет такой" %}
{{ whom.nmae }}, {{ due | uper }}, {{ due is definde }}, {{ rnage(3) }}
{% for one in [] %}{{ oen }}{{ loop.lats }}{{ one.anything }}{% else %}{{ duee }}{% endfor %}
{% filter trmi %}{{ [due] | map("uper") | join }}{{ [due] | select("definde") | list }}{% endfilter %}
{{ due.title() }} {{ contact["emial"] }} {{ organisation.name[:lenght] }}
{% elif days_left %}{% set late = true %}
{% endif %}
{% macro m(one, two=thing) %}{{ one.two.three }}{{ tow }}{% endmacro %}
{% if late %}{{ m(1) }}{% for i in range(2) %}{{ i }}{% endfor %}{% endif %}
"#;
    let mut files = with(&[(
        "analyses/low.toml",
        "Доля {{ low_share }} %",
        "{{ 'x' if low_share else municipality.low_share.meen | uper }}",
    )]);
    files.0.insert("letters/reminder/body.txt".into(), body.into());
    insta::assert_snapshot!("all_branches", told(&files));
    // What a release before this one applied is still read.
    assert!(read_again(&files).is_ok());
}

#[test]
fn a_schedule_that_opens_a_period_twice_or_never_is_told() {
    let cron = |expression: &str, period: &str| {
        let mut files = small::files();
        let text = files.0.get_mut("activities/1-survey.toml").unwrap();
        let at = text.find("[schedule]").unwrap();
        let end = text[at..].find("\n\n").map_or(text.len(), |end| at + end);
        let schedule = format!("[schedule]\nevery = \"cron\"\ncron = \"{expression}\"\n{period}\n");
        text.replace_range(at..end, &schedule);
        // Others of the small road map hang on its periods.
        let own = |line: &&str| {
            line.starts_with("activities/1") || line.contains("укажите") || line.contains("чаще")
        };
        told(&files).lines().filter(own).collect::<String>()
    };
    assert_eq!(cron("0 9 10 * *", ""), "", "once a month is what a month holds");
    assert_eq!(cron("0 9 * * 1", "period = \"week\""), "");
    assert_eq!(cron("0 9 * * 1-5", "period = \"day\""), "");
    let weekly = cron("0 9 * * 1", "");
    assert!(weekly.contains("дважды (2024-01-01 и 2024-01-08)"), "{weekly}");
    assert!(weekly.contains("укажите period = \"week\""), "{weekly}");

    let hourly = cron("0 * * * *", "period = \"day\"");
    assert!(hourly.contains("чаще раза в день"), "{hourly}");
    assert!(cron("0 9 30 2 *", "").contains("никогда не сработает"));
    assert_eq!(cron("0 9 29 2 *", "period = \"year\""), "", "every fourth year is not never");
}

#[test]
fn an_id_that_two_files_have_is_told_at_both_and_missing_files_hide_nothing() {
    let mut files = with(&[("forms/short.toml", "title", "titel")]);
    let survey = files.0["activities/1-survey.toml"].clone();
    files.0.insert("activities/9-survey.toml".into(), survey);
    files.0.remove("municipality.toml");
    files.0.remove("calendar.toml");
    let told = told(&files);
    for expected in [
        "activities/1-survey.toml:1:1: id «survey» уже у файла activities/9-survey.toml",
        "activities/9-survey.toml:1:1: id «survey» уже у файла activities/1-survey.toml",
        "нет файла municipality.toml",
        "нет файла calendar.toml",
        "неизвестный ключ «titel»",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}

#[test]
fn an_address_is_one_to_which_a_letter_can_go() {
    for good in ["ivan@example.org", "ivan@школа.рф", "i.v-n+a@mail.example.org", "i_1@a-b.ru"]
    {
        assert!(is_address(good), "{good}");
    }
    let long = format!("ivan@{}.ru", "a".repeat(70));
    for bad in [
        "ivan",
        "@example.org",
        "ivan@",
        "ivan@example",
        "ivan@@example.org",
        ".ivan@example.org",
        "ivan.@example.org",
        "i..n@example.org",
        "ivan@example..org",
        "ivan@-example.org",
        "ivan@exam_ple.org",
        "ivan@example.org.",
        "ivan @example.org",
        "ivan@example.org, a@b.ru",
        "иван@example.org",
        "<ivan@example.org>",
        "\"i\"@example.org",
        "i[n@example.org",
        &long,
    ] {
        assert!(!is_address(bad), "{bad}");
    }
}

#[test]
fn a_text_may_name_what_can_be_missing() {
    let files = with(&[(
        "analyses/low.toml",
        "Доля {{ low_share }} %",
        "Доля {{ low_share }} %, год назад {{ earlier.low_share }}, в среднем \
         {{ municipality.low_share.mean }}",
    )]);
    assert_eq!(told(&files), "");
}

#[test]
fn a_road_map_is_of_certain_files_and_leaves_all_others_alone() {
    let wanted = [
        "municipality.toml",
        "organisations.toml",
        "calendar.toml",
        "activities/1.toml",
        "forms/a.toml",
        "analyses/a.toml",
        "letters/a/body.txt",
        "letters/a/body.html",
        "reports/a.html",
        "decisions/a.txt",
    ];
    let others = [
        "README.md",
        "other.toml",
        "activities/1.txt",
        "forms/a.html",
        "letters/a/body.toml",
        "reports/a.txt",
        "decisions/a.html",
        "municipality.txt",
        "old/municipality.toml",
        "activities/1.toml~",
        // What is unpacked lands below its folder.
        "forms/../../evil.toml",
        "forms//evil.toml",
        "/forms/evil.toml",
        "./forms/evil.toml",
        "forms/..\\..\\evil.toml",
        "letters/../../../evil.txt",
    ];
    assert!(wanted.iter().all(|path| Files::wants(path)));
    assert!(!others.iter().any(|path| Files::wants(path)));
}

#[test]
fn a_mistake_is_shown_under_its_line_and_with_the_word_that_was_meant() {
    let long = "x".repeat(201);
    let text = format!("one = 1\n\n\ttwo = 2\n{long}\n{}\n", "y".repeat(200));
    let files = Files([("a.toml".to_owned(), text)].into());
    let shown = |file: &str, line, column, help: Option<&str>| {
        let help = help.map(str::to_owned);
        let mistake =
            Diagnostic { file: file.into(), line, column, message: "нет".into(), help };
        render(&[mistake], &files)
    };
    assert_eq!(shown("a.toml", 1, 7, None), "a.toml:1:7: нет\n    one = 1\n          ^\n");
    assert_eq!(
        shown("a.toml", 3, 2, Some("иначе")),
        "a.toml:3:2: нет\n    \ttwo = 2\n    \t^\n    иначе\n"
    );
    assert_eq!(shown("a.toml", 2, 1, None), "a.toml:2:1: нет\n", "an empty line says nothing");
    assert_eq!(shown("a.toml", 4, 1, None), "a.toml:4:1: нет\n", "nor does one without end");
    assert!(shown("a.toml", 5, 1, None).contains("yyy"));
    assert_eq!(shown("b.toml", 1, 1, None), "b.toml:1:1: нет\n");
    let near = |word: &str| nearest(word, ["form", "organisations", "id"].iter());
    for (word, meant) in [
        ("form", Some("form")),
        ("from", Some("form")),
        ("forms", Some("form")),
        ("format", None),
        ("organizations", Some("organisations")),
        ("organizatoins", Some("organisations")),
        ("orgnsats", None),
        ("di", Some("id")),
        ("x", None),
    ] {
        assert_eq!(near(word).as_deref(), meant, "{word}");
    }
}

#[test]
fn an_organisation_is_there_from_its_first_day_to_its_last() {
    let road_map = read(&small::files()).unwrap();
    let school = road_map.organisation("school-1").unwrap();
    for (day, there) in [
        ("2010-08-31", false),
        ("2010-09-01", true),
        ("2027-01-01", true),
        ("2040-08-31", true),
        ("2040-09-01", false),
    ] {
        assert_eq!(school.active_on(day.parse().unwrap()), there, "{day}");
    }
}

#[test]
fn what_a_road_map_has_is_found_by_its_id() {
    let road_map = read(&small::files()).unwrap();
    assert_eq!(road_map.names()["school-1"], "Школа № 1");
    assert_eq!(road_map.short_name("school-1"), "СОШ 1");
    assert_eq!(road_map.short_name("school-2"), "Школа № 2");
    assert_eq!(road_map.short_name("school-9"), "school-9");
    assert_eq!(road_map.department().code, "office");
    assert_eq!(road_map.analysis_of("survey", "analyze").unwrap().id, "low");
    assert!(road_map.analysis_of("survey", "collect").is_none());
    assert_eq!(road_map.form_of("survey", "collect").unwrap().id, "everything");
    assert!(road_map.form_of("survey", "analyze").is_none());
    let after: Vec<_> = road_map.downstream("survey").map(|(a, _)| a.id.as_str()).collect();
    assert_eq!(after, ["outcome"]);
    assert_eq!(road_map.downstream("outcome").count(), 0);
    let survey = road_map.activity("survey").unwrap();
    assert_eq!(survey.analyses().collect::<Vec<_>>(), ["analyze"]);
    assert_eq!(survey.stage("decide").unwrap().0, 3);
    assert!(road_map.activity("nothing").is_none() && survey.stage("nothing").is_none());
    let kinds: Vec<_> = survey.stages.iter().map(|stage| stage.work.kind()).collect();
    assert_eq!(kinds, ["collect", "analyze", "recommend", "decide", "publish"]);
    use vekha_roadmap::model::{OrganisationKind, Participants};
    let selected = |selection: Participants, part: Option<&str>| {
        let codes = road_map.selected(&selection, part);
        codes.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let schools = Participants::Kinds(vec![OrganisationKind::School]);
    assert_eq!(selected(schools, None), ["school-1", "school-2"]);
    let named = Participants::Organisations(vec!["office".into()]);
    assert_eq!(selected(named, Some("school-1")), ["office"]);
    assert_eq!(selected(Participants::Each, Some("school-2")), ["school-2"]);
    assert_eq!(selected(Participants::Each, None), [""; 0]);
    assert_eq!(selected(Participants::Named, Some("school-1")), [""; 0]);
}
