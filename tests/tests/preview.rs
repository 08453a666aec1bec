//! What the shipped road map will do in a year, as its administrator sees it beforehand.

#![allow(clippy::unwrap_used)]

use vekha::cli::preview::text;
use vekha_engine::preview::{What, Wish, preview};
use vekha_roadmap::RoadMap;
use vekha_roadmap::read::read;
use vekha_tests::town::shipped_road_map;

fn shipped() -> RoadMap {
    read(&vekha::files::load(&shipped_road_map()).unwrap()).unwrap()
}

fn year(silent: bool) -> Wish {
    Wish { from: "2027-01-01".parse().unwrap(), to: "2027-12-31".parse().unwrap(), silent }
}

#[test]
fn the_year_2027_of_the_shipped_road_map() {
    let road_map = shipped();
    let lines = preview(&road_map, year(false));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("preview-2027", text(&road_map, year(false), &lines));
    });
}

#[test]
fn no_letter_leaves_outside_working_hours_and_no_run_opens_on_a_day_off() {
    let road_map = shipped();
    for silent in [false, true] {
        for line in preview(&road_map, year(silent)) {
            let at = road_map.municipality.time_zone.to_datetime(line.at);
            if matches!(line.what, What::Letters { .. } | What::Opened { .. }) {
                assert!(road_map.calendar.is_working(at.date()), "{line:?}");
                assert!(
                    (road_map.municipality.opens..road_map.municipality.closes)
                        .contains(&at.time()),
                    "{line:?}"
                );
            }
        }
    }
}

#[test]
fn a_year_in_which_nobody_answers_has_more_letters_and_the_collections_close_all_the_same() {
    let road_map = shipped();
    let letters = |silent| -> usize {
        let lines = preview(&road_map, year(silent));
        let of = |what: &What| match what {
            What::Letters { to, .. } => to.len(),
            _ => 0,
        };
        lines.iter().map(|line| of(&line.what)).sum()
    };
    assert!(letters(true) > letters(false));
}
