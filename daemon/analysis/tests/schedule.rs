//! The schedule of assessments: what the shipped form asks a school about its own, and what the
//! analysis finds in those of all schools. Worked by hand, as the comments show.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Year, live, met, shipped, shipped_files, text, value};
use serde_json::{Value, json};
use vekha_roadmap::answers::{EXPLANATIONS, Values, validate};
use vekha_roadmap::read::read;

/// A work of a class («5А», or «5» for all of the grade): the lesson, of so many that day, and the
/// hours that the subject has in the half-year.
fn work(class: &str, subject: &str, date: &str, (lesson, of): (u32, u32), hours: u32) -> Value {
    let letter: String = class.chars().filter(|c| !c.is_ascii_digit()).collect();
    let grade: u32 = class.trim_end_matches(&letter).parse().unwrap();
    let mut work = json!({
        "grade": grade, "subject": subject, "date": date, "lesson": lesson, "lessons_of_day": of,
        "level": "school", "kind": "контрольная", "hours": hours,
    });
    if !letter.is_empty() {
        work["letter"] = letter.into();
    }
    work
}

/// Two works of 5А on one day; one of the whole grade 5 on the day of another of 5Б, and two days after
/// one of 5А; one at the first lesson, whose class is written with a Latin letter the next time; and
/// music, which has one lesson a week: it may be the last one, and two works are 2 of 17 hours.
fn clashing() -> Vec<Value> {
    vec![
        work("5А", "Русский язык", "2026-09-14", (3, 6), 80),
        work("5А", "Математика", "2026-09-14", (5, 6), 80),
        work("5", "математика", "2026-09-16", (2, 6), 80),
        work("5Б", "Русский язык", "2026-09-16", (4, 6), 80),
        work("5Б", "Математика", "2026-10-05", (4, 6), 80),
        work("9А", "Физика", "2026-09-21", (1, 7), 51),
        work("9A", "Химия", "2026-09-21", (4, 7), 34),
        work("7", "Музыка", "2026-09-10", (6, 6), 17),
        work("7", "Музыка", "2026-11-10", (6, 6), 17),
    ]
}

fn of_schools(schools: &[(&'static str, Vec<Value>)]) -> Year {
    schools.iter().map(|(code, works)| (*code, json!({ "works": works }))).collect()
}

#[test]
fn what_clashes_is_found_with_both_sides_and_what_does_not_is_left_alone() {
    let analysis = &shipped().analyses["assessment-schedule"];
    let good = vec![
        work("5А", "Русский язык", "2026-09-14", (3, 6), 80),
        work("5Б", "Русский язык", "2026-09-14", (3, 6), 80),
        // Seventeen days after the first one, and 2 of 80 hours.
        work("5А", "Русский язык", "2026-10-01", (2, 6), 80),
    ];
    let outcome = live(analysis, [of_schools(&[("school-1", clashing()), ("school-2", good)])]);
    assert_eq!(
        text(&outcome, "same-day"),
        "В один день больше 1 работы у класса: \
         5А, 14.09: Русский язык (3-й урок) и Математика (5-й урок); \
         5Б, 16.09: математика (2-й урок) и Русский язык (4-й урок); \
         9А, 21.09: Физика (1-й урок) и Химия (4-й урок)."
    );
    assert_eq!(
        text(&outcome, "edges"),
        "Работы на первом и последнем уроках: 9А, 21.09: Физика (1-й урок из 7)."
    );
    // 2 of 17 hours are 11.8 %; of the 80 hours of mathematics 5А and 5Б use 2 each, 2.5 %.
    assert_eq!(
        text(&outcome, "overload"),
        "Больше 10 % часов предмета уходит на оценочные процедуры: \
         7, Музыка: 2 из 17 ч — контрольная 10.09 и контрольная 10.11."
    );
    // 5А: two days; 5Б: from 16 September to 5 October there are nineteen.
    assert_eq!(
        text(&outcome, "crowded"),
        "По одному предмету чаще раза в 17 дней: 5А, Математика: 14.09 и 16.09."
    );
    for rule in ["same-day", "edges", "overload", "crowded"] {
        assert_eq!(met(&outcome, rule), ["school-1"], "{rule}");
        assert_eq!(outcome.unmet.as_ref().unwrap()[rule], ["school-2"], "{rule}");
    }
    assert_eq!(value(&outcome, "planned", "school-1"), Some(9.0));
    assert_eq!(value(&outcome, "clashes", "school-2"), Some(0.0));
}

#[test]
fn of_many_clashes_the_first_are_named_and_the_rest_counted() {
    let analysis = &shipped().analyses["assessment-schedule"];
    let day = |n: u32| format!("2026-{:02}-01", 9 + n % 4);
    let class = |n: u32| format!("{}{}", 5 + n / 4, ["А", "Б", "В", "Г"][n as usize % 4]);
    let two = |n| ["История", "Химия"].map(|subject| work(&class(n), subject, &day(n), (2, 6), 60));
    let outcome = live(analysis, [of_schools(&[("school-1", (0..10).flat_map(two).collect())])]);
    let said = text(&outcome, "same-day");
    assert!(said.contains("5А, 01.09: История (2-й урок) и Химия (2-й урок); 5Б, 01.10"), "{said}");
    assert_eq!(said.matches("История").count(), 6, "{said}");
    assert!(said.ends_with(" и ещё 4."), "{said}");
}

fn answers(works: Vec<Value>) -> Values {
    json!({ "works": works }).as_object().unwrap().clone()
}

#[test]
fn a_school_is_asked_about_each_clash_once_and_keeps_it_by_saying_why() {
    let form = &shipped().forms["assessment-schedule"];
    let mut given = answers(clashing());
    // An empty row is no row: what is asked of the fifth that was kept is asked at the sixth.
    given["works"].as_array_mut().unwrap().insert(0, json!({}));
    let asked = validate(form, &given, &Values::new()).unwrap_err();
    let asked: Vec<(&str, &str)> =
        asked.iter().map(|e| (e.field.as_str(), e.message.split(". ").next().unwrap())).collect();
    assert_asked(&asked);
    let explanations: Values = asked
        .iter()
        .map(|(field, _)| field.strip_prefix("explanations.").unwrap().to_owned())
        .map(|path| (path, "Иначе не выходит".into()))
        .collect();
    given.insert(EXPLANATIONS.into(), explanations.into());
    let kept = validate(form, &given, &Values::new()).unwrap();
    let told = kept[EXPLANATIONS].as_object().unwrap();
    assert!(told.contains_key("works[1].date") && told.contains_key("works[6].date"), "{told:?}");
}

/// The questions, one by one.
fn assert_asked(asked: &[(&str, &str)]) {
    let crowded =
        "5А, Математика: работы одного предмета идут чаще, чем раз в 17 дней, — 14.09 и 16.09";
    let wanted = [
        (
            "explanations.works[2].date",
            "5А, 14.09: Русский язык (3-й урок) и Математика (5-й урок)",
        ),
        ("explanations.works[3].date", crowded),
        (
            "explanations.works[4].date",
            "5Б, 16.09: математика (2-й урок) и Русский язык (4-й урок)",
        ),
        (
            "explanations.works[6].lesson",
            "Первый или последний урок дня: перенесите работу или поясните, почему иначе не выйдет",
        ),
        ("explanations.works[7].date", "9А, 21.09: Физика (1-й урок) и Химия (4-й урок)"),
        (
            "explanations.works[9].subject",
            "7, Музыка: на оценочные процедуры уходит больше 10 % часов — контрольная 10.09 и \
             контрольная 10.11",
        ),
    ];
    assert_eq!(asked, wanted);
}

#[test]
fn a_municipality_may_allow_first_and_last_lessons_and_more_works_a_day() {
    let mut files = shipped_files();
    let thresholds = files.0.get_mut("thresholds.toml").unwrap();
    *thresholds = thresholds.replace("assessments_a_day = 1 ", "assessments_a_day = 2 ");
    *thresholds = thresholds.replace("assessment_edges = 0 ", "assessment_edges = 1 ");
    let road_map = read(&files).unwrap();
    let works = clashing()[5..7].to_vec();
    let form = &road_map.forms["assessment-schedule"];
    validate(form, &answers(works.clone()), &Values::new()).unwrap();
    let analysis = &road_map.analyses["assessment-schedule"];
    let outcome = live(analysis, [of_schools(&[("school-1", works)])]);
    assert_eq!(outcome.findings, []);
}

#[test]
fn hours_that_a_class_has_twice_are_asked_about() {
    let form = &shipped().forms["assessment-schedule"];
    let works = vec![
        work("5А", "История", "2026-09-14", (3, 6), 34),
        work("5А", "История", "2026-10-14", (3, 6), 43),
    ];
    let asked = validate(form, &answers(works), &Values::new()).unwrap_err();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].field, "explanations.works[1].hours");
    let wanted = "5А, История: часы предмета названы по-разному — 34 (14.09) и 43 (14.10).";
    assert!(asked[0].message.starts_with(wanted), "{}", asked[0].message);
}
