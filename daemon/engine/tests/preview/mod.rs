//! Previews, as people read them: golden files.

use jiff::civil::{Date, date, time};
use vekha_engine::LetterKind;
use vekha_engine::preview::{Line, What, Wish, preview};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Analyze, DatasetSource, Recommend, Stage, Work};

use crate::town::Plan as Town;

/// One line of text for each line, by the municipality's clock.
fn read(road_map: &RoadMap, lines: &[Line]) -> String {
    let one = |line: &Line| {
        let at = road_map.municipality.time_zone.to_datetime(line.at);
        let what = match &line.what {
            What::Opened { latest } => {
                if *latest { "opened at the latest" } else { "opened" }.to_owned()
            }
            What::Waiting { runs } => format!("waits for {}", runs.join(", ")),
            What::Stage { stage, title, due } => {
                let due = due.map_or_else(String::new, |due| format!(", due {due}"));
                format!("{stage} begins: {title}{due}")
            }
            What::Letters { letter, to } => format!("{} to {}", letter.as_str(), to.join(", ")),
            What::Ended { state } => state.clone(),
        };
        format!("{} {}. {}: {what}\n", at.strftime("%F %R"), line.number, line.run)
    };
    lines.iter().map(one).collect()
}

fn town() -> RoadMap {
    let remind = vec!["3 working days before".to_owned()];
    Town { schools: 2, overlap: "skip".into(), remind, ..Town::usual() }.road_map()
}

fn of_days(road_map: &RoadMap, from: Date, to: Date, silent: bool) -> Vec<Line> {
    preview(road_map, Wish { from, to, silent })
}

#[test]
fn a_year_in_which_everybody_does_what_they_owe_is_told_day_by_day() {
    let road_map = town();
    let lines = of_days(&road_map, date(2027, 1, 1), date(2027, 12, 31), false);
    insta::assert_snapshot!(read(&road_map, &lines));
}

#[test]
fn a_year_in_which_nobody_answers_is_told_with_its_reminders_and_closings() {
    let road_map = town();
    let lines = of_days(&road_map, date(2027, 1, 1), date(2027, 12, 31), true);
    insta::assert_snapshot!(read(&road_map, &lines));
}

#[test]
fn a_preview_tells_the_whole_of_its_days_and_nothing_of_others() {
    // The survey opens on Monday 1 February, as soon as the day is worked.
    for opens in [time(0, 0, 0, 0), time(0, 30, 0, 0), time(9, 0, 0, 0), time(17, 45, 0, 0)] {
        let mut road_map = town();
        road_map.municipality.opens = opens;
        let opened = |from, to| {
            let lines = of_days(&road_map, from, to, false);
            lines
                .iter()
                .filter(|line| line.number == 1 && line.what == What::Opened { latest: false })
                .count()
        };
        let (before, first, after) = (date(2027, 1, 31), date(2027, 2, 1), date(2027, 2, 2));
        assert_eq!(opened(before, before), 0, "{opens}");
        assert_eq!(opened(before, first), 1, "{opens}");
        assert_eq!(opened(first, first), 1, "{opens}");
        assert_eq!(opened(after, after), 0, "{opens}");
    }
}

#[test]
fn everybody_is_found_whom_the_runs_that_are_analyzed_asked_and_nobody_else() {
    let told = |from: Option<&str>| {
        let mut road_map = town();
        let turn = road_map.activities.iter_mut().find(|a| a.id == "turn").unwrap();
        let source = DatasetSource { alias: None, activity: from.map(str::to_owned) };
        let analyze =
            Analyze { analysis: "low".into(), plugin: None, from: vec![source], kinds: vec![] };
        let recommend =
            Recommend { findings: None, approve: false, acknowledge: None, remind: vec![] };
        for (id, needs, work) in [
            ("analyze", "collect", Work::Analyze(analyze)),
            ("recommend", "analyze", Work::Recommend(recommend)),
        ] {
            let (id, needs) = (id.to_owned(), vec![needs.to_owned()]);
            turn.stages.push(Stage { title: id.clone(), id, needs, not_before: None, work });
        }
        let lines = of_days(&road_map, date(2027, 3, 1), date(2027, 12, 31), false);
        let recommended =
            lines.into_iter().filter(|line| line.number == 5).filter_map(|line| match line.what {
                What::Letters { letter: LetterKind::Recommendation, to } => {
                    Some(format!("{} to {}", line.run, to.join(", ")))
                }
                _ => None,
            });
        recommended.collect::<Vec<_>>()
    };
    assert_eq!(told(None), ["m/turn/2027.school-2 to school-2"], "whose turn it is");
    assert_eq!(told(Some("survey")), ["m/turn/2027.school-2 to school-1, school-2"]);
}
