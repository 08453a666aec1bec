//! A small municipality for the tests: every kind of stage, chains, rotations and overlaps.

pub mod walk;

use std::collections::BTreeMap;

use vekha_roadmap::RoadMap;
use vekha_roadmap::read::{Files, LETTERS, read};

/// What differs from town to town.
#[derive(Debug, Clone)]
pub struct Plan {
    pub schools: usize,
    pub due: String,
    pub remind: Vec<String>,
    pub escalate: String,
    pub close: String,
    pub review: Option<String>,
    pub approve: bool,
    pub acknowledge: bool,
    pub overlap: String,
    /// The day of the survey's second wave, in which the first answers are confirmed or corrected.
    pub wave: Option<String>,
}

impl Plan {
    pub fn usual() -> Self {
        Plan {
            schools: 3,
            due: "10 working days".into(),
            remind: vec!["3 working days before".into(), "on the day".into()],
            escalate: "2 working days".into(),
            close: "5 working days".into(),
            review: None,
            approve: true,
            acknowledge: true,
            overlap: "allow".into(),
            wave: None,
        }
    }

    pub fn road_map(&self) -> RoadMap {
        let files = self.files();
        read(&files).unwrap_or_else(|errors| {
            panic!("{}", vekha_roadmap::diagnostic::render(&errors, &files))
        })
    }

    fn files(&self) -> Files {
        let Plan { due, escalate, close, approve, overlap, .. } = self;
        let remind = format!("{:?}", self.remind);
        let acknowledge = if self.acknowledge {
            format!("acknowledge = {due:?}\nremind = {remind}")
        } else {
            String::new()
        };
        let review = self.review.as_ref().map(|span| format!("review = {span:?}\n"));
        let review = review.unwrap_or_default();
        let collect = format!(
            "[[stage]]\nkind = \"collect\"\nform = \"sums\"\ndue = {due:?}\nremind = {remind}\n\
             escalate = {escalate:?}\nclose = {close:?}\n{review}"
        );
        let wave = self.wave.as_ref().map(|day| {
            format!(
                "{collect}id = \"wave\"\nagain = \"collect\"\nnot-before = {day:?}\n\
                 participants = {{ kinds = [\"school\"] }}\n"
            )
        });
        let wave = wave.unwrap_or_default();
        // What comes after does not wait for the second wave.
        let follows = match &self.wave {
            Some(_) => "{ activity = \"survey\", stage = \"collect\" }",
            None => "\"survey\"",
        };
        let decide = format!("[[stage]]\nkind = \"decide\"\ndue = {due:?}\nremind = {remind}\n");
        let head = |title: &str| {
            format!(
                "title = {title:?}\nsection = \"s\"\ndeadline = \"ежегодно\"\nresponsible = [\"schools\"]\n"
            )
        };
        let mut files = BTreeMap::new();
        let mut add = |path: &str, text: String| files.insert(path.to_owned(), text);
        add(
            "municipality.toml",
            r#"
id = "m"
name = "М"
authority = "Отдел"
adopted-by = "постановление"
time-zone = "Asia/Yekaterinburg"
working-hours = "09:00-18:00"
contact = { name = "Иванова", email = "i@example.org" }
parties = { schools = "ОО" }
section = [{ id = "s", title = "Раздел" }]
"#
            .into(),
        );
        let organisation = |code: &str, kind: &str| {
            format!(
                "[[organisation]]\ncode = {code:?}\nkind = {kind:?}\nname = {code:?}\nemail = \"{code}@example.org\"\n"
            )
        };
        let schools = (1..=self.schools).map(|n| organisation(&format!("school-{n}"), "school"));
        add("organisations.toml", schools.chain([organisation("office", "department")]).collect());
        add("calendar.toml", String::new());
        add(
            "forms/sums.toml",
            r#"
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
required = false
[[field]]
id = "classes"
label = "По классам"
type = "table"
max-rows = 5
required = false
column = [
  { id = "grade", label = "Класс", type = "integer" },
  { id = "pupils", label = "Учеников", type = "integer", required = false },
]
"#
            .into(),
        );
        add(
            "analyses/low.toml",
            r#"
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
"#
            .into(),
        );
        add(
            "activities/1-survey.toml",
            format!(
                "{}[schedule]\nevery = \"year\"\nopens = \"02-01\"\n{collect}participants = {{ kinds = [\"school\"] }}\n\
                 {wave}[[stage]]\nkind = \"analyze\"\nanalysis = \"low\"\n\
                 [[stage]]\nkind = \"recommend\"\napprove = {approve}\n{acknowledge}\n\
                 {decide}decisions = [\"О школах\", \"О сроках\"]\n\
                 [[stage.measure]]\ntext = \"Исполнить\"\nby = {{ kinds = [\"school\"] }}\ndue = {due:?}\n\
                 [[stage]]\nkind = \"publish\"\nreport = \"r\"\n",
                head("Опрос")
            ),
        );
        add(
            "activities/2-outcome.toml",
            format!(
                "{}[schedule]\nevery = \"year\"\nafter = [{follows}]\n\
                 {collect}participants = {{ found-by = \"survey\" }}\n{decide}",
                head("Итоги")
            ),
        );
        add(
            "activities/3-sample.toml",
            format!(
                "{}[schedule]\nevery = \"on-demand\"\n{collect}participants = {{ named = true }}\n\
                 {collect}participants = {{ kinds = [\"school\"] }}\nneeds = []\n\
                 {decide}needs = [\"collect\", \"collect-2\"]\n",
                head("Выборка")
            ),
        );
        add(
            "activities/4-quarterly.toml",
            format!(
                "{}[schedule]\nevery = \"quarter\"\nopens = [\"01-11\", \"04-01\", \"07-01\", \"10-01\"]\n\
                 overlap = {overlap:?}\n{collect}participants = {{ organisations = [\"school-1\"] }}\n{decide}",
                head("Квартал")
            ),
        );
        add(
            "activities/5-turn.toml",
            format!(
                "{}[schedule]\nevery = \"2 years\"\nopens = \"03-01\"\neach = {{ kinds = [\"school\"] }}\n\
                 {collect}participants = {{ each = true }}\n",
                head("Очередь")
            ),
        );
        add(
            "activities/6-summary.toml",
            format!(
                "{}[schedule]\nevery = \"year\"\nopens = \"06-01\"\n\
                 after = [\"outcome\", {{ activity = \"survey\", period = \"current\" }}]\n{decide}",
                head("Сводка")
            ),
        );
        add("reports/r.html", "<p>{{ period }}</p>".into());
        for (kind, _) in LETTERS {
            for part in ["subject.txt", "body.txt", "body.html"] {
                add(&format!("letters/{kind}/{part}"), "{{ activity.short }}".into());
            }
        }
        Files(files)
    }
}
