//! Groups of rows in forms and analyses, what the department has said for all, pages of organisations:
//! what may be written, and how mistakes in it are told.

#![allow(clippy::unwrap_used)]

mod small;

use serde_json::{Value, json};
use vekha_roadmap::answers::{Values, validate};
use vekha_roadmap::diagnostic::render;
use vekha_roadmap::read::{Files, read};

const ACTIVITY: &str = "activities/1-survey.toml";

/// The small road map with more in its form, its analysis and its first activity.
fn with(form: &str, analysis: &str, stages: &str) -> Files {
    let mut files = small::files();
    let text = files.0.get_mut("forms/everything.toml").unwrap();
    text.push_str(form);
    let text = files.0.get_mut("analyses/low.toml").unwrap();
    let place = text.find("[[indicator]]").unwrap();
    text.insert_str(place, &format!("{analysis}\n\n"));
    if !stages.is_empty() {
        let text = files.0.get_mut(ACTIVITY).unwrap();
        *text = text.replace("covers = \"period\"", stages);
    }
    files
}

const RULE: &str = r#"
[[rule]]
each = "events"
by = ["what"]
check = "row.rows.size() <= 1"
at = "what"
message = "«{{ row.what }}» дважды: {{ members }}"
member = "{{ row.what }}"
"#;

#[test]
fn rows_that_say_the_same_are_told_together_at_the_last_of_them() {
    let road_map = read(&with(RULE, "", "")).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let events = json!([{ "what": "Семинар" }, {}, { "what": "семинар" }, { "what": "Слёт" }]);
    let answers = json!({ "pupils": 10, "low": 1, "name": "Имя", "level": "base", "special": "no",
        "events": events });
    let answers: Values = answers.as_object().unwrap().clone();
    let wrong = validate(&road_map.forms["everything"], &answers, &Values::new()).unwrap_err();
    let told: Vec<Value> = wrong.iter().map(|e| json!([e.field, e.message])).collect();
    let said = "«Семинар» дважды: Семинар и семинар";
    assert_eq!(json!(told), json!([["events[2].what", said]]));
}

#[test]
fn what_is_wrong_with_groups_is_told_where_it_stands() {
    let form = r#"
[[rule]]
each = "events"
by = ["whet"]
whole = ["what"]
check = "row.rows.all(r, r.nothing > 1) && row.tags.size() > 0"
at = "what"
message = "{{ row.tags }} {{ row.rows }}"
member = "{{ row.whot }}"

[[rule]]
by = ["pupils"]
check = "pupils > 1"
at = "pupils"
message = "Так не бывает"

[[rule]]
each = "events"
check = "row.what != ''"
at = "what"
message = "Так не бывает"
member = "{{ row.what }}"

[[rule]]
each = "events"
by = ["tags", "rows", "what", "what"]
check = "row.rows.size() < threshold.most"
at = "what"
message = "Много: {{ members }}"
"#;
    let analysis = r#"[[rows]]
id = "kinds"
formula = "events"
by = ["what"]
values = { what = "1", rows = "2", count = "row.rows.size()", bad = "row.rows.map(r, r.what)", worse = "row.counted" }
when = "row.count > threshold.low_shore"
text = "{{ row.whet }}: {{ members }}, {{ threshold.low_share }}"
member = "{{ row.whet }}"

[[rows]]
id = "plain"
formula = "events"
when = "row.what == ''"
values = { a = "1" }
whole = ["what"]

[[rows]]
id = "untold"
formula = "pupils"
by = ["what"]
member = "{{ row.what }}""#;
    let files = with(form, analysis, "");
    insta::assert_snapshot!(render(&read(&files).unwrap_err(), &files));
}

/// A stage that publishes pages of what the form's table of events says.
fn pages(report: &str, pages: &str) -> String {
    format!("{report}\n[stage.pages]\n{pages}\n")
}

#[test]
fn what_is_wrong_with_pages_is_told_where_it_stands() {
    let wrong = [
        pages(
            "covers = \"period\"",
            "stage = \"collect\"\ntable = \"events\"\nreport = \"report\"\ncolumns = [\"what\"]",
        ),
        pages(
            "audience = \"public\"",
            "stage = \"analyze\"\ntable = \"events\"\nreport = \"page\"\ncolumns = []",
        ),
        pages(
            "audience = \"public\"",
            "stage = \"collect\"\ntable = \"event\"\nreport = \"report\"\ncolumns = [\"what\"]",
        ),
        pages(
            "audience = \"public\"",
            "stage = \"collect\"\ntable = \"events\"\nreport = \"report\"\ncolumns = [\"what\", \"whet\"]\n\
             calendar = { day = \"what\", title = \"{{ row.tags }}\", about = \"{{ row.what }}\" }",
        ),
    ];
    let told = wrong.map(|stages| {
        let files = with("", "", &stages);
        render(&read(&files).unwrap_err(), &files)
    });
    insta::assert_snapshot!(told.join("---\n"));
}

#[test]
fn what_the_department_says_for_all_is_known_once_an_earlier_stage_has_asked_it() {
    let ask = r#"[[stage]]
kind = "collect"
id = "office"
form = "short"
participants = { kinds = ["department"] }
due = "1 day"

[[stage]]
kind = "collect"
form = "everything"
known = [{ field = "special", from = "survey", of = "department", value = "done" }]
"#;
    let with = |ask: &str| {
        let mut files = small::files();
        let text = files.0.get_mut(ACTIVITY).unwrap();
        *text = text.replacen("[[stage]]\nkind = \"collect\"\nform = \"everything\"\n", ask, 1);
        read(&files).err().unwrap_or_default()
    };
    assert_eq!(with(ask), []);
    let told = |ask: String| with(&ask).into_iter().map(|one| one.message).collect::<Vec<_>>();
    let not_yet = "здесь это ещё только спрашивают";
    assert_eq!(told(ask.replace(", of = \"department\"", "")), [not_yet], "each for itself");
    let of_schools = "kinds = [\"school\"]";
    assert_eq!(told(ask.replacen("kinds = [\"department\"]", of_schools, 1)), [not_yet]);
}

#[test]
fn what_is_wrong_with_the_departments_answer_is_told_where_it_is_looked_at() {
    let form = r#"
[[rule]]
each = "events"
by = ["what"]
beside = "events"
check = "row.beside.size() == 0"
at = "what"
message = "{{ beside }} {{ row.beside }}"
member = "{{ row.what }}"
"#;
    // Nobody is named who has answered: there are no rows to look at.
    let files = with(form, "", "");
    let told = |files: &Files| -> Vec<String> {
        let errors = read(files).unwrap_err();
        errors.into_iter().map(|error| format!("{}: {}", error.file, error.message)).collect()
    };
    let unnamed = told(&files);
    let words = "чьи строки ставить рядом, не сказано: это строки отдела";
    assert!(
        unnamed.iter().any(|told| told == &format!("forms/everything.toml: {words}")),
        "{unnamed:?}"
    );

    // One that is named must be asked of the department, and before.
    let mut files = with(form, "", "");
    let text = files.0.get_mut("forms/everything.toml").unwrap();
    *text = format!("department = \"everything\"\n{text}");
    let unasked = told(&files);
    let words =
        "здесь смотрят на ответ отдела на форму «everything», а до этого этапа его не спрашивают";
    assert!(unasked.iter().any(|told| told == &format!("{ACTIVITY}: {words}")), "{unasked:?}");
    let text = files.0.get_mut("forms/everything.toml").unwrap();
    *text = text.replace("department = \"everything\"", "department = \"everithing\"");
    let unknown = told(&files);
    let words = "forms/everything.toml: формы «everithing» нет";
    assert!(unknown.iter().any(|told| told == words), "{unknown:?}");
}
