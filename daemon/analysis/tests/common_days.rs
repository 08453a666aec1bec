//! Works whose days the department names for all schools: what it is asked about its own, what a school
//! is asked about them, and who is found with what. Worked by hand, as the comments show.

#![allow(clippy::unwrap_used)]

mod common;

use common::{live, live_on, met, shipped, text, value};
use serde_json::{Value, json};
use vekha_analysis::{Inputs, Outcome};
use vekha_roadmap::answers::{Beside, EXPLANATIONS, FieldError, Values, validate};
use vekha_roadmap::period::Period;

const AUTUMN: Period = Period::HalfYear(2026, 2);

fn named(grade: u32, subject: &str, date: &str) -> Value {
    json!({ "grade": grade, "subject": subject, "date": date, "level": "regional", "kind": "ДКР",
        "lessons": 1 })
}

/// Two works of the fifth grade on one day, and one of the eleventh. In mathematics there is a second
/// one, sixteen days after the first.
fn days() -> Values {
    let dates = [
        named(5, "Математика", "2026-09-16"),
        named(5, "Русский язык", "2026-09-16"),
        named(5, "Математика", "2026-10-02"),
        named(11, "Физика", "2026-09-18"),
    ];
    values(json!({ "dates": dates }))
}

fn values(value: Value) -> Values {
    value.as_object().unwrap().clone()
}

/// A work in a school's plan; of the whole grade where the letter is empty.
fn planned(grade: u32, letter: &str, subject: &str, date: &str) -> Value {
    let mut work = json!({ "grade": grade, "subject": subject, "date": date, "lesson": 3,
        "lessons_of_day": 6, "level": "regional", "kind": "ДКР", "hours": 80 });
    if !letter.is_empty() {
        work["letter"] = letter.into();
    }
    work
}

/// All that the department has named, as it stands in the plan of a school.
fn kept() -> Vec<Value> {
    let dates = days()["dates"].as_array().unwrap().clone();
    let word = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    let one = |row: &Value| {
        let grade = row["grade"].as_u64().unwrap() as u32;
        planned(grade, "", &word(row, "subject"), &word(row, "date"))
    };
    dates.iter().map(one).collect()
}

fn judged(form: &str, answers: Value) -> Result<Values, Vec<FieldError>> {
    let days = days();
    let beside = Beside { department: Some(&days), period: Some(AUTUMN), ..Beside::default() };
    validate(&shipped().forms[form], &values(answers), beside)
}

/// What is asked: where, and the first sentence of it.
fn asked(answers: Vec<Value>) -> Vec<(String, String)> {
    let wrong =
        judged("assessment-schedule", json!({ "works": answers })).err().unwrap_or_default();
    let first = |text: &str| text.split(". ").next().unwrap().to_owned();
    wrong.iter().map(|error| (error.field.clone(), first(&error.message))).collect()
}

fn found(works: &[(&str, Vec<Value>)]) -> Outcome {
    let own = works
        .iter()
        .map(|(code, works)| ((*code).to_owned(), values(json!({ "works": works })).into()));
    let inputs = Inputs { own: own.collect(), department: days(), ..Inputs::default() };
    live_on(&shipped().analyses["assessment-schedule"], [inputs])
}

#[test]
fn the_department_is_asked_about_its_own_days_as_a_school_is_about_its() {
    let wrong = judged("assessment-dates", days().into()).unwrap_err();
    let told: Vec<(&str, &str)> =
        wrong.iter().map(|e| (e.field.as_str(), e.message.split(". ").next().unwrap())).collect();
    let wanted = [
        ("explanations.dates[1].date", "5 класс, 16.09: Математика (ДКР) и Русский язык (ДКР)"),
        (
            "explanations.dates[2].date",
            "5 класс, Математика: работы одного предмета идут чаще, чем раз в 17 дней, — 16.09 и 02.10",
        ),
    ];
    assert_eq!(told, wanted);
    let mut kept = days();
    kept.insert(
        EXPLANATIONS.into(),
        json!({ "dates[1].date": "Так назначил регион", "dates[2].date": "Так назначил регион" }),
    );
    judged("assessment-dates", kept.into()).unwrap();
}

#[test]
fn what_clashes_of_the_departments_is_its_finding_and_no_schools() {
    let own =
        live(&shipped().analyses["assessment-dates"], [[("department", days().into())].into()]);
    assert_eq!(
        text(&own, "common-same-day"),
        "Общие работы одной параллели назначены на один день: \
         5 класс, 16.09: Математика (ДКР) и Русский язык (ДКР)."
    );
    // From 16 September to 2 October there are sixteen days.
    assert_eq!(
        text(&own, "common-crowded"),
        "Общие работы по одному предмету назначены чаще раза в 17 дней: \
         5 класс, Математика: 16.09 и 02.10."
    );
    assert!(own.findings.iter().all(|finding| finding.recommendation.is_none()));

    // A school that has them all as they were named is asked nothing, and found with nothing.
    assert_eq!(asked(kept()), []);
    let outcome = found(&[("school-1", kept())]);
    assert_eq!(outcome.findings, []);
    assert_eq!(value(&outcome, "planned", "school-1"), Some(4.0));
}

#[test]
fn where_one_side_is_the_schools_it_is_asked_and_found_with_both() {
    let mut works = kept();
    // Of class 5А on the day on which two works of its grade stand, and two weeks after one of them.
    works.push(planned(5, "А", "История", "2026-09-16"));
    works.push(planned(5, "А", "Русский язык", "2026-09-30"));
    let all = "5А, 16.09: Математика (3-й урок), Русский язык (3-й урок) и История (3-й урок)";
    let close =
        "5А, Русский язык: работы одного предмета идут чаще, чем раз в 17 дней, — 16.09 и 30.09";
    let wanted = [("explanations.works[4].date", all), ("explanations.works[5].date", close)];
    let wanted = wanted.map(|(at, text)| (at.to_owned(), text.to_owned()));
    assert_eq!(asked(works.clone()), wanted);
    let outcome = found(&[("school-1", works), ("school-2", kept())]);
    assert_eq!(text(&outcome, "same-day"), format!("В один день больше 1 работы у класса: {all}."));
    assert_eq!(
        text(&outcome, "crowded"),
        "По одному предмету чаще раза в 17 дней: 5А, Русский язык: 16.09 и 30.09."
    );
    for rule in ["same-day", "crowded"] {
        assert_eq!(met(&outcome, rule), ["school-1"], "{rule}");
    }
}

/// A work of its own does not hide behind the department's of the same subject and day: there are more
/// works than the department has named.
#[test]
fn a_work_of_the_same_subject_on_a_common_day_is_the_schools_own() {
    let mut works = kept();
    works.push(planned(11, "А", "Физика", "2026-09-18"));
    let both = "11А, 18.09: Физика (3-й урок) и Физика (3-й урок)";
    let asked = asked(works.clone());
    assert_eq!(asked, [("explanations.works[4].date".to_owned(), both.to_owned())]);
    let outcome = found(&[("school-1", works), ("school-2", kept())]);
    assert_eq!(met(&outcome, "same-day"), ["school-1"]);
}

/// Of six lessons a work of two that begins with the fifth takes the last one, and one of three does
/// not fit.
#[test]
fn the_last_lesson_is_the_one_with_which_a_work_ends() {
    let with = |lessons: u32| {
        let mut works = kept();
        works.push(planned(7, "А", "Химия", "2026-11-10"));
        works[4]["lesson"] = 5.into();
        works[4]["lessons"] = lessons.into();
        works
    };
    let at = |works| asked(works).into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(at(with(1)), Vec::<String>::new());
    assert_eq!(at(with(2)), ["explanations.works[4].lesson"]);
    assert_eq!(met(&found(&[("school-1", with(2)), ("school-2", kept())]), "edges"), ["school-1"]);
    assert!(at(with(3)).contains(&"works[4].lesson".to_owned()));
}

#[test]
fn a_common_work_that_a_school_moves_or_leaves_out_is_asked_about_and_found() {
    let works = vec![
        planned(5, "А", "математика", "2026-09-16"),
        // Of the other class it stands on the next day.
        planned(5, "Б", "Математика", "2026-09-17"),
        planned(5, "А", "Математика", "2026-10-02"),
        planned(5, "Б", "Математика", "2026-10-02"),
    ];
    // Russian is not there at all, nor is the eleventh grade.
    let told = asked(works.clone());
    let left = "5, Русский язык: отдел назвал 16.09, а в графике этой работы нет";
    let close =
        "5Б, Математика: работы одного предмета идут чаще, чем раз в 17 дней, — 17.09 и 02.10";
    let wanted = [("explanations.works", left), ("explanations.works[3].date", close)];
    let wanted = wanted.map(|(at, text)| (at.to_owned(), text.to_owned()));
    assert_eq!(told, wanted, "the days of 5А are the department's");
    let wrong = judged("assessment-schedule", json!({ "works": works })).unwrap_err();
    let moved = "5Б, Математика: отдел назвал 16.09 и 02.10, а в графике 17.09 и 02.10";
    assert!(wrong[1].message.contains(moved), "{wrong:#?}");
    let none = "11, Физика: отдел назвал 18.09, а в графике этой работы нет";
    assert!(wrong[0].message.contains(none), "a school without that grade says so: {wrong:#?}");

    let outcome = found(&[("school-1", works), ("school-2", kept())]);
    // What grade is not in the plan at all may not be in the school.
    assert_eq!(
        text(&outcome, "displaced"),
        "Работы, дни которых назвал отдел, перенесены или убраны: \
         5Б, Математика: назван день 16.09 и 02.10, в графике 17.09 и 02.10; \
         5, Русский язык: назван день 16.09, в графике работы нет."
    );
    assert_eq!(met(&outcome, "displaced"), ["school-1"]);
}

#[test]
fn a_day_of_another_half_year_is_refused_with_its_bounds() {
    let words = "II полугодие 2026 года — это с 01.07.2026 по 31.12.2026: проверьте дату";
    let mut works = kept();
    works[0]["date"] = "2027-03-16".into();
    let wrong = judged("assessment-schedule", json!({ "works": works })).unwrap_err();
    assert_eq!(wrong, [FieldError { field: "works[0].date".into(), message: words.into() }]);
    let mut dates = days();
    dates["dates"][3]["date"] = "2026-03-18".into();
    let wrong = judged("assessment-dates", dates.into()).unwrap_err();
    assert_eq!(wrong, [FieldError { field: "dates[3].date".into(), message: words.into() }]);
    for day in ["2026-07-01", "2026-12-31"] {
        let mut dates = days();
        dates["dates"] = json!([named(5, "Математика", day)]);
        judged("assessment-dates", dates.into()).unwrap();
    }
}

#[test]
fn a_class_is_one_however_its_letter_is_written() {
    let letter = |written: &str| {
        let mut work = planned(5, "", "История", "2026-11-10");
        work["letter"] = written.into();
        let form = &shipped().forms["assessment-schedule"];
        let kept = validate(form, &values(json!({ "works": [work] })), &Values::new());
        kept.map(|kept| kept["works"][0].get("letter").cloned())
    };
    for written in ["А", "а", "A", "5А", "5 а", "5-A", " 5«А» ", "\"а\""] {
        assert_eq!(letter(written), Ok(Some("А".into())), "{written}");
    }
    // A word and a number may be a class's letter; a dash is none, and the whole grade writes.
    assert_eq!(letter("5 лицей"), Ok(Some("лицей".into())));
    assert_eq!(letter("1"), Ok(Some("1".into())));
    assert_eq!(letter("5-1"), Ok(Some("1".into())));
    assert_eq!(letter("—"), Ok(None));
    for several in ["А, Б", "а-б", "5А Б", "А;Б", "все"] {
        let wrong = letter(several).unwrap_err();
        assert!(
            wrong[0].message.contains("параллель — пустая литера")
                || wrong[0].message.contains("это пустая литера"),
            "{several}: {wrong:?}"
        );
    }
    let wrong = letter("6А").unwrap_err();
    let words = "класс 5, а здесь «6А»: напишите одну литеру — А";
    assert_eq!(wrong, [FieldError { field: "works[0].letter".into(), message: words.into() }]);
}

#[test]
fn hundreds_of_questions_about_a_table_are_asked_once_and_explained_together() {
    let form = &shipped().forms["assessment-schedule"];
    // Of each of forty classes two works on one day: forty questions.
    let letters: Vec<char> = "АБВГДЕЖЗИК".chars().collect();
    let of_class = |n: usize| {
        let (grade, letter) = (5 + n as u32 / 10, letters[n % 10].to_string());
        ["История", "Химия"].map(|subject| planned(grade, &letter, subject, "2026-11-10"))
    };
    let works: Vec<Value> = (0..40).flat_map(of_class).collect();
    let mut answers = json!({ "works": works });
    let wrong = validate(form, &values(answers.clone()), &Values::new()).unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert_eq!(wrong[0].field, "explanations.works");
    let message = &wrong[0].message;
    assert!(message.starts_with("40 вопросов, пояснить их можно вместе. 5А, 10.11: "), "{message}");
    assert!(message.ends_with(". И ещё 30"), "{message}");
    answers["explanations"] = json!({ "works": "Школа на карантине в другие дни" });
    let kept = validate(form, &values(answers), &Values::new()).unwrap();
    assert_eq!(kept[EXPLANATIONS], json!({ "works": "Школа на карантине в другие дни" }));
    assert_eq!(validate(form, &kept, &Values::new()), Ok(kept.clone()));
    // Thirty are asked one by one.
    let works: Vec<Value> = (0..30).flat_map(of_class).collect();
    let wrong = validate(form, &values(json!({ "works": works })), &Values::new()).unwrap_err();
    assert_eq!(wrong.len(), 30);
}
