//! How much the shipped year asks of one school: a count that may shrink and not grow.
//!
//! Counted are the values that a school must give, without any file uploaded: a field is one; a table
//! is its rows times its columns; a form that comes four times a year counts four times, one that comes
//! every third year a third. The schedule of assessments is counted apart: a school draws it up and
//! publishes it anyway, and brings it as a table. Not counted are what need not be answered, what the municipality asked
//! before and shows to be confirmed (`known`), what is asked of those whom an analysis finds, on demand
//! or on an event. The school has one class in each of eleven grades; how many rows it fills and how
//! often a conditional question concerns it stands in [`EXPECTED`].

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;

use common::shipped;
use vekha_roadmap::model::{
    Collect, Every, Field, FieldKind, OrganisationKind, Participants, Required, Rows, Schedule,
    Work,
};

/// What the year asked when the count began: VPR in three activities, exams in three, medals in two.
const BEFORE: f64 = 1232.0;

/// The form of what a school draws up anyway.
const SCHEDULE: &str = "assessment-schedule";

/// Rows of a table, or how many times a conditional question is answered.
const EXPECTED: &[(&str, f64)] = &[
    // Grades 4 to 8 and 10, four works each.
    ("vpr-results.results", 24.0),
    // Two compulsory exams and six chosen ones; Russian, two kinds of mathematics, five chosen.
    ("gia-results.oge", 8.0),
    ("gia-results.ege", 8.0),
    ("gia-results.gve", 0.0),
    // Two DKR, two rehearsals, an interview, an essay.
    ("external-assessments.external", 6.0),
    ("external-assessments.external.lowered", 2.0),
    ("external-assessments.external.raised", 2.0),
    ("external-assessments.video", 1.0),
    // All of the above but rehearsals, interview and essay.
    ("procedure-results.procedures", 42.0),
    // Ten works of each of ten classes, grades 2 to 11.
    ("assessment-schedule.works", 100.0),
    ("competence-diagnostics.deficits", 3.0),
    ("competence-diagnostics.tools", 1.0),
    ("independent-evaluation.shortcomings", 3.0),
    ("independent-evaluation.council_meetings", 1.0),
    ("information-security.requirements.comment", 2.0),
    ("information-security.incidents_text", 0.0),
    ("objectivity-actions.act_date", 1.0),
    ("attestation-support.reason", 0.0),
    // Filled by files only.
    ("vpr-results.scores", 0.0),
    ("vpr-results.tasks", 0.0),
];

fn expected(path: &str) -> f64 {
    let known = EXPECTED.iter().find(|(known, _)| *known == path);
    known.unwrap_or_else(|| panic!("say in EXPECTED how many values of {path} a school gives")).1
}

/// How many times a question is answered that may be answered so many times.
fn times(field: &Field, path: &str, most: f64) -> f64 {
    match field.required {
        Required::Always => most,
        Required::When(_) => expected(path),
        Required::Optional => 0.0,
    }
}

fn values(collect: &Collect) -> f64 {
    // What was answered once stands in the form: it is confirmed by one press, or corrected.
    if collect.again.is_some() {
        return 0.0;
    }
    let form = &shipped().forms[&collect.form];
    // What the department says for all is not all that the school says.
    let own = || collect.known.iter().filter(|known| !known.of_department);
    let asked = form.fields.iter().filter(|f| !own().any(|known| known.field == f.id));
    let each = asked.map(|field| {
        let path = format!("{}.{}", form.id, field.id);
        let FieldKind::Table(table) = &field.kind else { return times(field, &path, 1.0) };
        let rows = match &table.rows {
            // One that may stay empty is there for schools that have none of its rows.
            Rows::Fixed(headings) => headings.len() as f64,
            Rows::Free { .. } => expected(&path),
        };
        let columns = table.columns.iter();
        columns.map(|column| times(column, &format!("{path}.{}", column.id), rows)).sum()
    });
    each.sum()
}

/// How often in the school year 2026/27.
fn often(schedule: &Schedule) -> f64 {
    let over = schedule.until.is_some_and(|until| until < 2026);
    match &schedule.every {
        _ if over => 0.0,
        Every::Yearly { opens } => opens.len() as f64,
        Every::AfterOnly => 1.0,
        Every::Rotation { years, .. } => 1.0 / f64::from(*years),
        Every::Once { .. } | Every::Cron { .. } | Every::OnDemand | Every::OnEvent { .. } => 0.0,
    }
}

#[test]
fn the_year_asks_a_school_for_half_of_what_it_asked_once() {
    let mut all: BTreeMap<u32, f64> = BTreeMap::new();
    let mut schedules = 0.0;
    for activity in &shipped().activities {
        for stage in &activity.stages {
            let Work::Collect(collect) = &stage.work else { continue };
            let asks_schools = match &collect.participants {
                Participants::Kinds(kinds) => kinds.contains(&OrganisationKind::School),
                Participants::Each => true,
                _ => false,
            };
            let often = often(&activity.schedule);
            if asks_schools && collect.form == SCHEDULE {
                schedules += often * values(collect);
            } else if asks_schools && often > 0.0 {
                *all.entry(activity.number).or_default() += often * values(collect);
            }
        }
    }
    let total: f64 = all.values().sum();
    println!("{total:.0} values of {BEFORE:.0}, schedules {schedules:.0}: {all:.0?}");
    assert_eq!(schedules, 2.0 * 100.0 * 8.0, "twice a year, eight columns of each work");
    assert!(total <= BEFORE / 2.0, "{total:.0} values, once {BEFORE:.0}: {all:.0?}");
}
