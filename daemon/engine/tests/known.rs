//! What a school has said is shown to be confirmed where it is asked next: in the shipped road map.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use vekha_engine::data::{RunData, sources};
use vekha_engine::known::known;
use vekha_engine::{RunKey, follow};
use vekha_roadmap::answers::validate;
use vekha_roadmap::read::{Files, read};
use vekha_roadmap::{RoadMap, answers};

fn texts(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => texts(&entry.path(), &format!("{name}/"), files),
            false => {
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

fn shipped() -> RoadMap {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    let mut files = BTreeMap::new();
    texts(&folder, "", &mut files);
    read(&Files(files)).unwrap()
}

fn key(run: &str) -> RunKey {
    format!("zarechny/{run}").parse().unwrap()
}

/// A run to which one school has answered.
fn said(code: &str, answers: Value) -> RunData {
    let answers = answers.as_object().unwrap().clone();
    RunData { answers: [(code.to_owned(), answers)].into(), ..RunData::default() }
}

#[test]
fn what_5_8_and_14_have_asked_fills_the_form_of_29_and_it_needs_no_more() {
    let road_map = shipped();
    let run = key("low-result-schools/2026-27");
    let activity = road_map.activity("low-result-schools").unwrap();
    let wanted = sources(&road_map, activity, "collect", &run);
    let names: Vec<String> = wanted.keys().map(RunKey::to_string).collect();
    assert_eq!(
        names,
        ["external-assessments", "gia-vpr-analysis", "vpr"]
            .map(|activity| format!("zarechny/{activity}/2026-27"))
    );
    let dkr = |subject: &str, procedure: &str| {
        json!({ "procedure": procedure, "outcome": "subject", "subject": subject, "grade": 9,
            "enrolled": 31, "attended": 30, "below": 4, "high": 9, "lowered": 3, "raised": 1 })
    };
    let data = [
        (
            "vpr",
            json!({ "results": [{ "grade": 5, "subject": "Математика", "participants": 31,
                "marks_2": 12, "marks_3": 9, "marks_4": 8, "marks_5": 2, "lowered": 4, "raised": 2 }] }),
        ),
        (
            "gia-vpr-analysis",
            json!({
                "oge": [{ "subject": "Физика", "participants": 7, "marks_2": 1, "marks_3": 3,
                    "marks_4": 2, "marks_5": 1, "lowered": 0, "raised": 0 }],
                "ege": [{ "subject": "Русский язык", "participants": 12, "below_minimum": 1,
                    "top": 4, "score": 61.5 }],
            }),
        ),
        (
            "external-assessments",
            json!({ "external": [dkr("Алгебра", "dkr"), dkr("Математика", "rehearsal")] }),
        ),
    ];
    let data = data.map(|(activity, answers)| {
        (key(&format!("{activity}/2026-27")), said("school-1", answers))
    });
    let filled = known(&road_map, &run, "collect", &BTreeMap::from(data));
    let row = |procedure: &str, grade: u32, subject: &str, rest: Value| {
        let mut row = json!({ "procedure": procedure, "grade": grade, "subject": subject });
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let marks = |all: [u32; 5]| {
        json!({ "participants": all[0], "marks_2": all[1], "marks_3": all[2], "marks_4": all[3],
            "marks_5": all[4] })
    };
    let expected = json!({ "procedures": [
        row("ВПР", 5, "Математика", marks([31, 12, 9, 8, 2])),
        row("ОГЭ", 9, "Физика", marks([7, 1, 3, 2, 1])),
        row("ЕГЭ", 11, "Русский язык", json!({ "participants": 12, "marks_2": 1, "marks_5": 4 })),
        // There is no such option as algebra.
        row("ДКР", 9, "Другой предмет", json!({ "participants": 30, "marks_2": 4 })),
    ] });
    assert_eq!(json!(filled["school-1"]), expected);
    // It is an answer as it is: the school looks at it and sends it.
    let form = &road_map.forms["procedure-results"];
    let sent = validate(form, &filled["school-1"], &answers::Values::new());
    assert_eq!(sent.as_ref().map(|sent| json!(sent)), Ok(expected));
    // Where nothing was asked nothing is filled.
    assert!(known(&road_map, &run, "collect", &BTreeMap::new()).is_empty());
}

#[test]
fn what_the_department_has_named_stands_in_the_plan_of_every_school() {
    let road_map = shipped();
    let run = key("assessment-list/2026-H2");
    let named = json!({ "dates": [{ "grade": 5, "subject": "Математика", "date": "2026-09-16",
        "level": "regional", "kind": "ДКР", "lessons": 1 }] });
    let data = BTreeMap::from([(run.clone(), said("department", named.clone()))]);
    let filled = known(&road_map, &run, "schedules", &data);
    for school in ["school-1", "school-6"] {
        assert_eq!(json!(filled[school]), json!({ "works": named["dates"] }), "{school}");
    }
    // Whoever was silent then is shown the same when it is asked once more; who has answered, its answer.
    let own = json!({ "works": [{ "grade": 9, "subject": "Химия" }] });
    let mut both = said("department", named.clone());
    both.answers.insert("school-1".into(), own.as_object().unwrap().clone());
    let again = known(&road_map, &run, "corrected", &[(run.clone(), both)].into());
    assert_eq!(json!(again["school-1"]), own);
    assert_eq!(json!(again["school-6"]), json!({ "works": named["dates"] }));
    // What a school has said itself is not for others.
    let data = BTreeMap::from([(run.clone(), said("school-1", named))]);
    assert!(known(&road_map, &run, "schedules", &data).is_empty());
}

/// A run in which the department and one school have answered, and the department once more.
fn changed(department: [&Value; 2], school: &Value) -> RunData {
    let [before, now] = department.map(|rows| json!({ "dates": rows }));
    let mut run = said("department", now);
    run.replaced.insert("department".into(), before.as_object().unwrap().clone());
    run.answers.insert("school-1".into(), school.as_object().unwrap().clone());
    run
}

#[test]
fn what_the_department_moves_moves_in_the_plans_that_were_made_before() {
    let road_map = shipped();
    let run = key("assessment-list/2026-H2");
    let common = |grade: u32, subject: &str, date: &str| {
        json!({ "grade": grade, "subject": subject, "date": date, "level": "regional",
            "kind": "ДКР", "lessons": 1 })
    };
    let planned = |mut row: Value, letter: &str, lesson: u32| {
        row["letter"] = letter.into();
        row["lesson"] = lesson.into();
        row
    };
    let (first, second) = ("2026-10-07", "2026-10-14");
    let before = json!([
        common(5, "Математика", "2026-09-16"),
        common(8, "Физика", first),
        common(8, "Химия", first),
        common(9, "Биология", first),
    ]);
    // One moves, one is given up, one comes; one is of another kind, one is only written otherwise.
    let mut physics = common(8, "Физика", first);
    physics["kind"] = "Контрольная работа".into();
    physics["lessons"] = 2.into();
    let now = json!([
        common(5, "«МАТЕМАТИКА» ", "2026-09-16"),
        common(8, "Химия", second),
        physics.clone(),
        common(7, "История", "2026-11-05"),
    ]);
    let own = json!({ "grade": 8, "subject": "Химия", "date": first, "level": "school",
        "kind": "контрольная работа", "lesson": 2 });
    // The school has entered the same work for two classes, in its own spelling; a third time elsewhere.
    let plan = json!({
        "works": [
            planned(common(9, "Биология", first), "А", 2),
            planned(common(8, "химия", first), "А", 2),
            own.clone(),
            planned(common(8, "Химия", first), "Б", 4),
            planned(common(8, "Физика", first), "А", 3),
            planned(common(8, "Химия", "2026-10-08"), "В", 4),
            planned(common(5, "Математика", "2026-09-16"), "А", 2),
        ],
        "explanations": { "works[0].date": "нет учителя", "works[1].date": "назвал регион",
            "works[4].lesson": "иначе никак", "works[6].lesson": "первый", "works": "всё вместе" },
    });
    let wanted = json!({
        "works": [
            planned(common(8, "химия", second), "А", 2),
            own,
            planned(common(8, "Химия", second), "Б", 4),
            planned(physics.clone(), "А", 3),
            planned(common(8, "Химия", "2026-10-08"), "В", 4),
            planned(common(5, "Математика", "2026-09-16"), "А", 2),
        ],
        "explanations": { "works[5].lesson": "первый", "works": "всё вместе" },
    });
    let mut data = BTreeMap::from([(run.clone(), changed([&before, &now], &plan))]);
    // Twice is as once: several stages may be computed of the same data.
    for _ in 0..2 {
        follow(&road_map, &run, &mut data);
        assert_eq!(json!(data[&run].answers["school-1"]), wanted);
    }
    // In the form stands, too, what has come.
    let mut shown = wanted.clone();
    shown["works"].as_array_mut().unwrap().push(common(7, "История", "2026-11-05"));
    assert_eq!(json!(known(&road_map, &run, "corrected", &data)["school-1"]), shown);
    // Whoever has answered since has seen it, and said what it says.
    let mut data = BTreeMap::from([(run.clone(), changed([&before, &now], &plan))]);
    data.get_mut(&run).unwrap().replaced.insert("school-1".into(), answers::Values::new());
    follow(&road_map, &run, &mut data);
    assert_eq!(json!(data[&run].answers["school-1"]), plan);
    // Nothing has changed: nothing does.
    let mut data = BTreeMap::from([(run.clone(), changed([&now, &now], &plan))]);
    follow(&road_map, &run, &mut data);
    assert_eq!(json!(data[&run].answers["school-1"]), plan);
}

#[test]
fn a_second_wave_that_does_not_wait_for_what_the_department_changes_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    let mut files = BTreeMap::new();
    texts(&folder, "", &mut files);
    let activity = files.get_mut("activities/04-assessment-list.toml").unwrap();
    let sooner = activity.replace("needs = [\"dates-corrected\"]", "needs = [\"schedules\"]");
    assert_ne!(*activity, sooner);
    *activity = sooner;
    let told = read(&Files(files)).unwrap_err();
    let told: Vec<String> = told.iter().map(|one| one.message.clone()).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("пока идёт «dates-corrected», отдел ещё меняет строки"), "{told:#?}");
}

#[test]
fn what_was_explained_of_a_clash_explains_no_other_one() {
    let road_map = shipped();
    let run = key("assessment-list/2026-H2");
    let work = |subject: &str, date: &str, level: &str, lesson: u32| {
        json!({ "grade": 5, "subject": subject, "date": date, "level": level, "kind": "ДКР",
            "lessons": 1, "lesson": lesson, "lessons_of_day": 6, "hours": 68 })
    };
    let common = |subject: &str, date: &str| {
        let mut row = work(subject, date, "regional", 2);
        for column in ["lesson", "lessons_of_day", "hours"] {
            row.as_object_mut().unwrap().remove(column);
        }
        row
    };
    let (first, second, third) = ("2026-09-14", "2026-09-16", "2026-09-28");
    let before = json!([common("Математика", first), common("Физика", second)]);
    let plan = json!({
        "works": [work("Математика", first, "regional", 2), work("Физика", second, "regional", 3),
            work("Русский язык", first, "school", 4)],
        "explanations": { "works[2].date": "учитель уезжает" },
    });
    let explained = |now: Value| {
        let mut data = BTreeMap::from([(run.clone(), changed([&before, &now], &plan))]);
        follow(&road_map, &run, &mut data);
        data[&run].answers["school-1"].contains_key(answers::EXPLANATIONS)
    };
    // Another work moves: the clash is the one that was explained.
    assert!(explained(json!([common("Математика", first), common("Физика", third)])));
    // In the place of one that moves away comes another one.
    assert!(!explained(json!([common("Математика", third), common("Физика", first)])));
}

#[test]
fn a_quarter_s_check_list_begins_where_the_one_before_ended() {
    let road_map = shipped();
    let form = &road_map.forms["information-security"];
    let rows: Vec<Value> = (0..12)
        .map(|n| {
            if n == 1 {
                json!({ "met": "no", "comment": "бланков нет" })
            } else {
                json!({ "met": "yes" })
            }
        })
        .collect();
    let typed = json!({ "requirements": rows, "incidents": 2, "incidents_text": "сбой",
        "trained_on": "2026-11-03", "staff": 5, "staff_trained": 4 });
    let before = validate(form, typed.as_object().unwrap(), &answers::Values::new()).unwrap();
    let run = key("information-security/2027-Q1");
    let data = [(key("information-security/2026-Q4"), said("school-1", json!(before)))];
    let filled = known(&road_map, &run, "collect", &BTreeMap::from(data));
    let mut sent = filled["school-1"].clone();
    assert_eq!(sent.get("incidents"), None, "what happened in this quarter is asked");
    sent.insert("incidents".into(), 0.into());
    let sent = validate(form, &sent, &answers::Values::new()).unwrap();
    assert_eq!(sent["requirements"], before["requirements"]);
    assert_eq!((&sent["staff"], &sent["trained_on"]), (&json!(5), &json!("2026-11-03")));
}

#[test]
fn graduates_are_those_of_whom_the_school_has_told_in_june() {
    let road_map = shipped();
    let levels = json!({ "levels": [
        { "row": "Начальное общее образование, 4 класс", "members": 50, "reached_basic": 50 },
        { "row": "Основное общее образование, 9 класс", "members": 41, "reached_basic": 40 },
        { "row": "Среднее общее образование, 11 класс", "members": 0, "reached_basic": 0 },
    ] });
    let data = [(key("outcome-monitoring/2026-27"), said("school-1", levels))];
    let run = key("gia-vpr-analysis/2026-27");
    let filled = known(&road_map, &run, "collect", &BTreeMap::from(data));
    let whole = json!({ "graduates_9": 41, "graduates_11": 0 });
    let form = &road_map.forms["gia-results"];
    for (field, count) in whole.as_object().unwrap() {
        let kind = form.field(field).unwrap();
        assert_eq!(answers::single(kind, &filled["school-1"][field]).as_ref(), Ok(count));
    }
}
