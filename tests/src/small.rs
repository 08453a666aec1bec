//! A road map as small as can be, for tests and benchmarks of what lies below the decree: one
//! school, a survey on demand in four stages, and quarterly activities, one for each policy.

use std::collections::BTreeMap;

use vekha_engine::RunKey;
use vekha_roadmap::read::{Files, LETTERS};

/// The id of the municipality.
pub const MUNICIPALITY: &str = "m";

/// The activity that is started on demand, each run with a part of its own: collect, analyze,
/// recommend (released at once), decide.
pub const SURVEY: &str = "survey";

/// Its files. Quarterly activities are named by their policies: `latest`, `all` and `skip` catch
/// up; `overlap-skip` and `overlap-wait` do not run twice at a time.
pub fn files() -> Files {
    let mut files = BTreeMap::new();
    let mut add = |path: &str, text: &str| files.insert(path.to_owned(), text.to_owned());
    add("municipality.toml", MUNICIPALITY_FILE);
    add("organisations.toml", ORGANISATIONS);
    add("calendar.toml", "");
    add("forms/sums.toml", FORM);
    add("analyses/low.toml", ANALYSIS);
    add("activities/1-survey.toml", &survey("approve = false"));
    // The same with all that people have to do.
    let with_people = "acknowledge = \"5 working days\"\nremind = [\"on the day\"]";
    add("activities/2-careful.toml", &survey(with_people));
    let policies = [
        ("latest", "catch-up = \"latest\""),
        ("all", "catch-up = \"all\""),
        ("skip", "catch-up = \"skip\""),
        ("overlap-skip", "catch-up = \"all\"\noverlap = \"skip\""),
        ("overlap-wait", "catch-up = \"all\"\noverlap = \"wait\""),
    ];
    for (number, (id, policy)) in policies.into_iter().enumerate() {
        add(&format!("activities/{}-{id}.toml", number + 3), &quarterly(policy));
    }
    for (kind, _) in LETTERS {
        // Letters that go together may be of several activities.
        let text = match kind {
            "digest" => "{% for item in items %}{{ item.subject }} {% endfor %}",
            _ => "{{ activity.short }}",
        };
        for part in ["subject.txt", "body.txt", "body.html"] {
            add(&format!("letters/{kind}/{part}"), text);
        }
    }
    Files(files)
}

/// The same with so many schools.
pub fn files_of(schools: usize) -> Files {
    let mut files = files();
    let registry = files.0.entry("organisations.toml".to_owned()).or_default();
    for number in 2..=schools {
        registry.push_str(&format!(
            "[[organisation]]\ncode = \"school-{number}\"\nkind = \"school\"\n\
             name = \"Школа № {number}\"\nemail = \"school-{number}@example.org\"\n"
        ));
    }
    files
}

/// A run of [`SURVEY`] in 2027.
pub fn survey_run(part: &str) -> RunKey {
    format!("{MUNICIPALITY}/{SURVEY}/2027.{part}").parse().expect("a run's key")
}

const HEAD: &str = "title = \"Опрос\"\nsection = \"s\"\ndeadline = \"по потребности\"\n\
                    responsible = [\"schools\"]\n";

fn survey(recommend: &str) -> String {
    format!(
        r#"{HEAD}
[schedule]
every = "on-demand"

[[stage]]
kind = "collect"
form = "sums"
participants = {{ kinds = ["school"] }}
due = "10 working days"
remind = ["on the day"]
escalate = "2 working days"
close = "5 working days"

[[stage]]
kind = "analyze"
analysis = "low"

[[stage]]
kind = "recommend"
{recommend}

[[stage]]
kind = "decide"
decisions = ["Об итогах"]
due = "10 working days"
remind = ["on the day"]
"#
    )
}

fn quarterly(policy: &str) -> String {
    format!(
        r#"{HEAD}
[schedule]
every = "quarter"
opens = ["01-11", "04-01", "07-01", "10-01"]
{policy}

[[stage]]
kind = "decide"
decisions = ["Об итогах"]
due = "10 working days"
"#
    )
}

const MUNICIPALITY_FILE: &str = r#"
id = "m"
name = "М"
authority = "Отдел"
adopted-by = "постановление"
time-zone = "Asia/Yekaterinburg"
working-hours = "09:00-18:00"
contact = { name = "Иванова", email = "i@example.org" }
parties = { schools = "ОО" }
section = [{ id = "s", title = "Раздел" }]
"#;

const ORGANISATIONS: &str = r#"
[[organisation]]
code = "office"
kind = "department"
name = "Отдел"
email = "office@example.org"

[[organisation]]
code = "school-1"
kind = "school"
name = "Школа № 1"
email = "school-1@example.org"
"#;

const FORM: &str = r#"
title = "Сведения"

[[field]]
id = "pupils"
label = "Учеников"
type = "integer"
min = 0

[[field]]
id = "low"
label = "Из них с низкими результатами"
type = "integer"
min = 0
"#;

const ANALYSIS: &str = r#"
title = "Низкие результаты"
min-count = 2

[[indicator]]
id = "low_share"
title = "Доля"
formula = "share(low, pupils)"

[[rule]]
id = "low"
when = "low_share >= 30"
severity = "serious"
finding = "Доля — {{ low_share }} %"
recommendation = "Снизить"
shows = ["low_share"]
"#;
