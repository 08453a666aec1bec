//! Stages with a day of their own, stages that ask once more, runs that an event opens: what the
//! language takes, and what it tells of a mistake.

#![allow(clippy::unwrap_used)]

mod small;

use jiff::civil::date;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{MonthDay, Work};
use vekha_roadmap::period::Period;
use vekha_roadmap::read::{Files, read, read_with_warnings};
use vekha_roadmap::schedule::stage_begins;

const SURVEY: &str = "activities/1-survey.toml";

/// The second wave of the small road map's survey, which opens at the end of February.
const WAVE: &str = r#"
[[stage]]
kind = "collect"
id = "wave"
form = "everything"
again = "collect"
not-before = "05-15"
participants = { kinds = ["school"] }
due = "5 days"
"#;

fn with(from: &str, to: &str) -> Files {
    let mut files = small::files();
    let text = files.0.get_mut(SURVEY).unwrap();
    text.push_str(WAVE);
    assert!(text.contains(from), "no {from}");
    *text = text.replacen(from, to, 1);
    files
}

/// What is told, mistakes first.
fn told(files: &Files) -> Vec<String> {
    let (_, report) = read_with_warnings(files);
    let all = report.errors.iter().chain(&report.warnings);
    all.filter(|d| d.file == SURVEY)
        .map(|d| match &d.help {
            Some(help) => format!("{} ({help})", d.message),
            None => d.message.clone(),
        })
        .collect()
}

#[test]
fn a_second_wave_is_read_with_its_day_and_with_what_it_repeats() {
    let road_map = read(&with("", "")).unwrap();
    let survey = road_map.activity("survey").unwrap();
    let (_, wave) = survey.stage("wave").unwrap();
    assert_eq!(wave.not_before, Some(MonthDay { month: 5, day: 15 }));
    assert_eq!(wave.needs, ["publish"]);
    assert_eq!(survey.repeats("wave"), Some("collect"));
    assert_eq!(survey.first_of("wave"), "collect");
    assert_eq!((survey.repeats("collect"), survey.repeats("analyze")), (None, None));
    let Work::Collect(collect) = &wave.work else { panic!("{wave:?}") };
    assert!(collect.is_filled_beforehand());
    // An analysis that is made once more of the same data in the same way repeats the first.
    let anew = "due = \"5 days\"\n[[stage]]\nkind = \"analyze\"\nanalysis = \"low\"\n";
    let road_map = read(&with("due = \"5 days\"\n", anew)).unwrap();
    let survey = road_map.activity("survey").unwrap();
    assert_eq!(survey.repeats("analyze-2"), Some("analyze"));
}

#[test]
fn a_second_wave_that_asks_something_else_or_too_early_is_told() {
    let again = |value: &str| told(&with("again = \"collect\"", value));
    assert_eq!(again("again = \"collect\""), [""; 0]);
    assert_eq!(
        again("again = \"colect\""),
        ["до этого этапа нет этапа сбора «colect» (может быть, «collect»?)"]
    );
    assert_eq!(again("again = \"analyze\""), ["«analyze» — не этап сбора раньше этого"]);
    assert_eq!(again("again = \"wave\""), ["«wave» — не этап сбора раньше этого"]);
    let other =
        told(&with("id = \"wave\"\nform = \"everything\"", "id = \"wave\"\nform = \"short\""));
    assert_eq!(
        other,
        [
            "«collect» спрашивает форму «everything», а этот этап — «short»: ещё раз спрашивают то же"
        ]
    );
    let beside = told(&with("again = \"collect\"", "again = \"collect\"\nneeds = []"));
    assert_eq!(
        beside,
        ["этап может начаться раньше, чем окончится «collect» (needs = [\"collect\"])"]
    );
    let known = "known = [{ field = \"pupils\", from = \"survey\", period = \"previous\" }]";
    let twice = told(&with("again = \"collect\"", &format!("again = \"collect\"\n{known}")));
    assert_eq!(
        twice,
        ["что ответили на первый раз, показано и так: с again известного не называют"]
    );
    let source = told(&with("again = \"collect\"", "again = \"collect\"\nsource = \"register\""));
    assert_eq!(
        source,
        ["форму заполняет или источник «register», или первый ответ: нужно одно из двух"]
    );
}

#[test]
fn a_day_that_comes_only_with_the_next_run_or_after_half_a_year_is_told() {
    let day = |day: &str| told(&with("not-before = \"05-15\"", &format!("not-before = {day}")));
    assert_eq!(day("\"05-15\""), [""; 0]);
    assert_eq!(day("\"02-28\""), [""; 0], "on the day on which it opens");
    assert_eq!(
        day("\"02-15\""),
        [
            "выполнение открывается 28 февраля 2027 года, а этап начнётся лишь 15 февраля 2028 года: \
          через 352 дней"
        ]
    );
    assert_eq!(day("\"15.05\""), ["«15.05»: нужны месяц и день, например \"09-15\""]);
    // Of two runs a year each would wait for the other's time.
    let mut files = with("not-before = \"05-15\"", "not-before = \"01-20\"");
    let text = files.0.get_mut(SURVEY).unwrap();
    *text = text.replacen(
        "every = \"year\"\nopens = \"02-29\"\nperiod = \"school-year\"\nof = \"previous\"",
        "every = \"half-year\"\nopens = [\"03-01\", \"09-01\"]",
        1,
    );
    let (_, report) = read_with_warnings(&files);
    let told: Vec<&str> = report.errors.iter().map(|e| e.message.as_str()).collect();
    assert!(
        told.contains(
            &"выполнение за I полугодие 2027 года открывается 1 марта 2027 года, а этот день наступит \
              лишь 20 января 2028 года — когда откроется уже следующее"
        ),
        "{told:#?}"
    );
}

#[test]
fn a_term_of_a_second_wave_counts_from_its_day() {
    let early = |available: &str| {
        told(&with(
            "again = \"collect\"",
            &format!("again = \"collect\"\navailable-from = {available}"),
        ))
    };
    // 15 May 2027 is a Saturday: from Monday five days.
    assert_eq!(early("\"05-20\""), [""; 0]);
    assert_eq!(
        early("\"06-01\""),
        ["срок 24 мая 2027 года, а сведения появятся 1 июня 2027 года: к сроку ответить нечем"]
    );
}

fn survey(schedule: &str) -> RoadMap {
    let mut files = small::files();
    let text = files.0.get_mut(SURVEY).unwrap();
    let (head, rest) = text.split_once("[schedule]\n").unwrap();
    let (_, stages) = rest.split_once("[[stage]]").unwrap();
    *text = format!("{head}[schedule]\n{schedule}\n[[stage]]{stages}");
    let outcome = files.0.get_mut("activities/3-outcome.toml").unwrap();
    *outcome = outcome
        .replace("after = [{ activity = \"survey\", period = \"previous\" }]", "opens = \"12-01\"");
    *outcome = outcome.replace("found-by = \"survey\", rules = [\"low\"]", "kinds = [\"school\"]");
    read(&files).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn a_stage_s_day_follows_from_the_period_and_not_from_when_the_run_was_opened() {
    let day = |text: &str| vekha_roadmap::read::month_day(text).unwrap();
    let begins = |schedule: &str, period: &str, of: &str| {
        let road_map = survey(schedule);
        let activity = road_map.activity("survey").unwrap();
        stage_begins(&road_map, activity, period.parse().unwrap(), day(of))
    };
    let gia = "every = \"year\"\nopens = \"07-01\"\nperiod = \"school-year\"";
    // A Saturday: the next working day.
    assert_eq!(begins(gia, "2026-27", "09-25"), date(2027, 9, 27));
    assert_eq!(begins(gia, "2027-28", "09-25"), date(2028, 9, 25));
    let autumn = format!("{gia}\nof = \"previous\"").replace("07-01", "09-15");
    assert_eq!(begins(&autumn, "2026-27", "10-20"), date(2027, 10, 20));
    assert_eq!(begins(&autumn, "2026-27", "09-15"), date(2027, 9, 15), "the day itself");
    let halves = "every = \"half-year\"\nopens = [\"03-01\", \"09-01\"]";
    assert_eq!(begins(halves, "2027-H1", "04-01"), date(2027, 4, 1));
    assert_eq!(begins(halves, "2027-H2", "11-01"), date(2027, 11, 1));
    // Without a day of its own it counts from the first day of the period.
    let asked = "every = \"on-demand\"\nperiod = \"school-year\"";
    assert_eq!(begins(asked, "2026-27", "09-25"), date(2026, 9, 25));
    assert_eq!(begins(asked, "2026-27", "05-12"), date(2027, 5, 12));
}

#[test]
fn an_event_means_the_opening_that_is_nearest() {
    let near = |schedule: &str, day| {
        let road_map = survey(schedule);
        road_map.activity("survey").unwrap().schedule.period_near(day)
    };
    let year = |first: i16| Some(Period::SchoolYear(first));
    let vpr = "every = \"year\"\nopens = \"06-10\"\nopens-on-event = \"vpr-export\"\nperiod = \"school-year\"";
    assert_eq!(near(vpr, date(2027, 5, 20)), year(2026));
    assert_eq!(near(vpr, date(2027, 6, 25)), year(2026), "late, it is still about this year");
    assert_eq!(near(vpr, date(2028, 2, 1)), year(2027));
    let autumn = vpr.replace("06-10", "09-10") + "\nof = \"previous\"";
    assert_eq!(near(&autumn, date(2027, 8, 28)), year(2026), "before the year is over");
    assert_eq!(near(&autumn, date(2027, 9, 20)), year(2026));
    assert_eq!(near("every = \"on-demand\"", date(2027, 9, 20)), None);
}

#[test]
fn an_event_opens_sooner_only_what_has_a_day() {
    let told = |schedule: &str| {
        let mut files = small::files();
        let text = files.0.get_mut(SURVEY).unwrap();
        *text = text.replacen("every = \"year\"\nopens = \"02-29\"", schedule, 1);
        told(&files)
    };
    assert_eq!(told("every = \"year\"\nopens = \"02-28\"\nopens-on-event = \"export\""), [""; 0]);
    let on_demand = told("every = \"on-demand\"\nopens-on-event = \"export\"");
    assert_eq!(
        on_demand,
        ["событие открывает раньше срока, а срок здесь не назван: нужны every = \"year\" и opens \
          (совсем без срока — every = \"on-event\", event = \"…\")"]
    );
    let odd = told("every = \"year\"\nopens = \"02-28\"\nopens-on-event = \"Выгрузка\"");
    assert_eq!(odd.len(), 1, "{odd:?}");
}

#[test]
fn a_run_may_wait_for_a_stage_that_is_there() {
    let stage = |stage: &str| {
        let mut files = small::files();
        let path = "activities/3-outcome.toml";
        let text = files.0.get_mut(path).unwrap();
        *text = text.replacen(
            "period = \"previous\" }",
            &format!("period = \"previous\", stage = {stage} }}"),
            1,
        );
        let (_, report) = read_with_warnings(&files);
        report.errors.into_iter().map(|e| (e.message, e.help)).collect::<Vec<_>>()
    };
    assert_eq!(stage("\"analyze\""), []);
    let wrong = stage("\"analyse\"");
    assert_eq!(wrong[0].0, "в «survey» нет этапа «analyse»");
    assert!(wrong[0].1.as_ref().unwrap().contains("analyze"), "{wrong:?}");
}
