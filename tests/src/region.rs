//! A region with as many schools as a benchmark asks for, on the shipped road map: what they answer
//! over years, and what all analyses make of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vekha_analysis::{Outcome, Values};
use vekha_engine::data::{self, RunData};
use vekha_engine::{Command, RunKey};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{
    Activity, Field, FieldKind, Form, Organisation, OrganisationKind, Range, Rows, Work,
};
use vekha_roadmap::period::Period;
use vekha_roadmap::read::read;

use crate::town::shipped_road_map;

/// Rows of every table without headings of its own, as far as it takes them.
pub const PROCEDURES: usize = 30;

/// Numbers that differ from school to school and are the same in every run of the program.
struct Draw(u64);

impl Draw {
    /// What a run is answered with is the same whenever it is asked for.
    fn of(run: &RunKey) -> Self {
        let name = run.to_string();
        Draw(name.bytes().fold(714, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into())))
    }

    fn below(&mut self, bound: u64) -> u64 {
        // The multiplier of Knuth's MMIX; the low bits have short periods.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    fn within(&mut self, range: Range, usual: f64) -> u64 {
        let least = range.min.unwrap_or(0.0).max(0.0);
        let most = range.max.unwrap_or(usual).min(usual).max(least);
        least as u64 + self.below((most - least) as u64 + 1)
    }
}

fn answer(field: &Field, draw: &mut Draw) -> Value {
    match &field.kind {
        FieldKind::Integer(range) => draw.within(*range, 60.0).into(),
        FieldKind::Decimal(range) | FieldKind::Percent(range) => draw.within(*range, 100.0).into(),
        FieldKind::Text { .. } => format!("Предмет {}", draw.below(12)).into(),
        FieldKind::LongText { .. } => "Пояснение".into(),
        FieldKind::Date => "2027-03-01".into(),
        FieldKind::Choice(options) => {
            options[draw.below(options.len() as u64) as usize].value.as_str().into()
        }
        FieldKind::Choices(options) => json!([options[0].value]),
        FieldKind::YesNo => if draw.below(2) == 0 { "no" } else { "yes" }.into(),
        FieldKind::Histogram(scores) => scores.all().map(|_| draw.below(9)).collect(),
        FieldKind::File(_) => Value::Null,
        FieldKind::Table(table) => {
            let headings = match &table.rows {
                Rows::Fixed(headings) => headings.iter().map(Some).collect(),
                Rows::Free { max, .. } => vec![None; PROCEDURES.min(*max)],
            };
            let row = |heading: Option<&String>, draw: &mut Draw| {
                let cells = table.columns.iter().map(|c| (c.id.clone(), answer(c, draw)));
                let mut row: Values = cells.collect();
                row.extend(heading.map(|heading| ("row".to_owned(), heading.as_str().into())));
                Value::Object(row)
            };
            headings.into_iter().map(|heading| row(heading, draw)).collect()
        }
    }
}

fn answers(form: &Form, draw: &mut Draw) -> Values {
    form.fields.iter().map(|field| (field.id.clone(), answer(field, draw))).collect()
}

/// Answers to a form, the same for whoever is called so whenever it is asked.
pub fn answers_of(form: &Form, name: &str) -> Values {
    let seed =
        name.bytes().fold(714, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut answers = answers(form, &mut Draw(seed));
    // Years of whole tables would be a benchmark of the disk.
    for value in answers.values_mut() {
        if let Value::Array(rows) = value {
            rows.truncate(5);
        }
    }
    answers
}

/// The shipped road map with so many schools.
pub fn road_map(schools: usize) -> RoadMap {
    let files = vekha::files::load(&shipped_road_map()).expect("the shipped road map");
    let mut road_map = read(&files).expect("nothing is wrong in it");
    let is_school = |o: &Organisation| o.kind == OrganisationKind::School;
    let pattern = road_map.organisations.iter().find(|o| is_school(o)).expect("a school").clone();
    road_map.organisations.retain(|o| !is_school(o));
    road_map.organisations.extend((1..=schools).map(|n| Organisation {
        code: format!("school-{n:04}"),
        short: format!("МБОУ СОШ № {n}"),
        ..pattern.clone()
    }));
    road_map
}

/// What the schools answered in a year to all that an activity asks.
fn collected(road_map: &RoadMap, activity: &Activity, schools: usize, draw: &mut Draw) -> RunData {
    let forms = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => road_map.forms.get(&collect.form),
        _ => None,
    });
    let mut data = RunData::default();
    for form in forms {
        for n in 1..=schools {
            let own = data.answers.entry(format!("school-{n:04}")).or_default();
            own.extend(answers(form, draw));
        }
    }
    data
}

/// Lives through the years, each analysis after those whose figures it reads; `computed` is told of
/// every analysis with the time that it took. As in the daemon, an analysis has before it what it
/// looks at and nothing else: answers are made for it, and only figures are kept for later ones.
///
/// # Panics
/// When an analysis fails.
pub fn live(
    road_map: &RoadMap,
    schools: usize,
    years: i16,
    mut computed: impl FnMut(&RunKey, &str, &Outcome, Duration),
) {
    let mut kept: BTreeMap<RunKey, Vec<(String, Outcome)>> = BTreeMap::new();
    for year in 0..years {
        let this = Period::SchoolYear(2022 + year);
        for activity in &road_map.activities {
            let run = RunKey {
                municipality: road_map.municipality.id.clone(),
                activity: activity.id.clone(),
                period: this,
                part: None,
            };
            let analyses = activity.stages.iter().filter(|s| matches!(s.work, Work::Analyze(_)));
            for stage in analyses {
                let sources = data::sources(road_map, activity, &stage.id, &run);
                let offered = |(key, wanted): (RunKey, data::Wanted)| {
                    let source = road_map.activity(&key.activity).filter(|_| wanted.answers);
                    let mut offers = source.map_or_else(RunData::default, |activity| {
                        collected(road_map, activity, schools, &mut Draw::of(&key))
                    });
                    if wanted.indicators {
                        offers.analyses = kept.get(&key).cloned().unwrap_or_default();
                    }
                    (key, offers)
                };
                let offered = sources.into_iter().map(offered).collect();
                let begun = Instant::now();
                let command = data::analyze(road_map, &run, &stage.id, &offered);
                let took = begun.elapsed();
                let Command::Analyzed { outcome, .. } = command else {
                    panic!("{run}/{}: {command:?}", stage.id);
                };
                computed(&run, &stage.id, &outcome, took);
                let figures = Outcome { indicators: outcome.indicators, ..Outcome::default() };
                kept.entry(run.clone()).or_default().push((stage.id.clone(), figures));
            }
        }
        // Only a year and the one before are looked at.
        kept.retain(|run, _| run.period == this);
    }
}
