//! A stage that waits for its day, and one that asks once more what an earlier one has asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};
use vekha_engine::data::{gather, nothing_to_publish, sources};
use vekha_engine::known::known;
use vekha_engine::run::{AssignmentState, Run, RunState, StageState};
use vekha_engine::{Command, Job, LetterKind, Outcome, RunKey, Summary, Why};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Covers, Publish, Stage, Work};

use crate::alone::{Alone, values};
use crate::town::Plan as Town;

fn town() -> RoadMap {
    Town { schools: 2, wave: Some("04-04".into()), ..Town::usual() }.road_map()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn kinds(outcome: &Outcome) -> Vec<&str> {
    outcome.entries.iter().map(|entry| entry.kind.as_str()).collect()
}

fn second(run: &Run) -> &vekha_engine::run::Stage {
    run.stages.iter().find(|s| s.id == "wave").unwrap()
}

/// The survey, whose two schools have answered once.
fn answered(road_map: &RoadMap) -> (Alone<'_>, Outcome) {
    let (mut alone, _) = Alone::open(road_map, "m/survey/2027");
    let first = json!({ "pupils": 100, "low": 10, "explanations": { "low": "так вышло" } });
    alone.submit("collect.school-1", first).unwrap();
    let outcome = alone.submit("collect.school-2", json!({ "pupils": 50, "low": 40 })).unwrap();
    (alone, outcome)
}

#[test]
fn a_stage_waits_for_the_morning_of_its_day_and_says_so() {
    let road_map = town();
    let (mut alone, outcome) = answered(&road_map);
    // 4 April 2027 is a Sunday: it begins on Monday morning.
    assert_eq!(kinds(&outcome), ["submitted", "stage-completed", "stage-waits"]);
    assert!(outcome.entries[2].data.contains(r#""until":"2027-04-05""#), "{outcome:?}");
    assert_eq!(second(&alone.run).state, StageState::Waiting);
    assert_eq!(second(&alone.run).not_before, Some(date(2027, 4, 5)));
    let morning = at("2027-04-05T09:00:00+05:00");
    assert_eq!(outcome.wake_at, Some(morning), "and of nothing else is it to be reminded");
    let asked = outcome.letters.iter().filter(|l| l.kind == LetterKind::Assignment);
    assert_eq!(asked.count(), 0, "nobody is asked yet");
    let refused = alone.tried(Command::AcceptAnswers { stage: "wave".into() }).unwrap_err();
    assert!(refused.to_string().contains("5 апреля 2027"), "{refused}");

    // Woken too early it goes on waiting.
    alone.now = at("2027-04-05T08:58:00+05:00");
    let early = alone.step(Command::Wake).unwrap();
    assert!(early.entries.is_empty() && early.letters.is_empty());
    assert_eq!(early.wake_at, Some(morning));
    let begun = alone.step(Command::Wake).unwrap();
    assert_eq!(kinds(&begun), ["stage-started", "asked"]);
    let letters = begun.letters.iter().map(|l| (l.kind, l.to.as_str())).collect::<Vec<_>>();
    let asked = LetterKind::Assignment;
    assert_eq!(letters, [(asked, "school-1"), (asked, "school-2")]);
    // Ten working days from the day on which it began.
    assert_eq!(second(&alone.run).due, Some(date(2027, 4, 19)));
    let run = alone.run.key.clone();
    assert_eq!(begun.jobs, [Job::Fetch { run, stage: "wave".into() }]);
}

#[test]
fn a_day_that_passed_while_nobody_looked_begins_the_stage_once_and_its_term_counts_from_then() {
    let road_map = town();
    let (mut alone, _) = answered(&road_map);
    alone.now = at("2027-05-12T11:00:00+05:00");
    let begun = alone.step(Command::Wake).unwrap();
    assert_eq!(kinds(&begun), ["stage-started", "asked"]);
    assert_eq!(
        second(&alone.run).due,
        Some(date(2027, 5, 26)),
        "nobody is late before he is asked"
    );
    assert!(alone.step(Command::Wake).unwrap().entries.is_empty());
}

#[test]
fn a_run_that_opens_after_the_day_does_not_wait_for_the_next_year() {
    let road_map = town();
    let key: RunKey = "m/survey/2027".parse().unwrap();
    let others = BTreeMap::new();
    let context =
        vekha_engine::Context { others: &others, ..vekha_engine::Context::new(&road_map, 1) };
    let now = at("2027-11-15T10:00:00+05:00");
    let (run, _) = vekha_engine::open(&context, key, vec![], Why::Request, "i", now).unwrap();
    let mut alone = Alone { road_map: &road_map, others: BTreeMap::new(), run, now };
    alone.submit("collect.school-1", json!({ "pupils": 1 })).unwrap();
    let outcome = alone.submit("collect.school-2", json!({ "pupils": 1 })).unwrap();
    assert_eq!(
        kinds(&outcome),
        ["submitted", "stage-completed", "stage-started", "asked"],
        "the day was in April"
    );
}

#[test]
fn a_stage_of_a_run_that_was_called_off_waits_for_nothing() {
    let road_map = town();
    for end in [
        Command::Cancel { reason: "не нужно".into() },
        Command::Skip { reason: "не в этом году".into() },
    ] {
        let (mut alone, _) = answered(&road_map);
        let ended = alone.step(end).unwrap();
        assert_eq!(ended.wake_at, None);
        alone.now = at("2027-04-05T09:00:00+05:00");
        let woken = alone.step(Command::Wake).unwrap();
        assert!(woken.entries.is_empty() && woken.letters.is_empty());
        assert!(alone.run.state.ended());
    }
}

#[test]
fn the_day_is_kept_though_a_later_version_of_the_road_map_names_another() {
    let (road_map, later) =
        (town(), Town { schools: 2, wave: Some("06-01".into()), ..Town::usual() }.road_map());
    let (alone, _) = answered(&road_map);
    let mut alone = Alone { road_map: &later, ..alone };
    alone.now = at("2027-04-05T09:00:00+05:00");
    assert_eq!(kinds(&alone.step(Command::Wake).unwrap())[0], "stage-started");
}

#[test]
fn the_first_answer_is_shown_to_be_confirmed_and_stands_where_nobody_says_more() {
    let road_map = town();
    let (mut alone, _) = answered(&road_map);
    alone.now = at("2027-04-05T09:00:00+05:00");
    alone.step(Command::Wake).unwrap();
    let first = json!({ "pupils": 100, "low": 10, "explanations": { "low": "так вышло" } });
    let mut said = BTreeMap::from([
        ("collect.school-1", values(first.clone())),
        ("collect.school-2", values(json!({ "pupils": 50, "low": 40 }))),
    ]);
    let data = |run: &Run, said: &BTreeMap<&str, _>| {
        gather(run, |key| said.get(key.to_string().as_str()).cloned(), |_| None)
    };
    let run = alone.run.key.clone();
    let activity = road_map.activity("survey").unwrap();
    let wanted = sources(&road_map, activity, "wave", &run);
    assert_eq!(wanted.keys().collect::<Vec<_>>(), [&run], "its own answers, and no other run");
    let own = BTreeMap::from([(run.clone(), data(&alone.run, &said))]);
    let filled = known(&road_map, &run, "wave", &own);
    assert_eq!(json!(filled["school-1"]), first, "with what was explained");
    assert_eq!(filled.len(), 2);

    // One corrects: what it leaves out now is gone. The other says nothing more.
    alone.submit("wave.school-1", json!({ "pupils": 99 })).unwrap();
    said.insert("wave.school-1", values(json!({ "pupils": 99 })));
    let both = |pupils: u32| {
        [
            ("school-1".to_owned(), values(json!({ "pupils": pupils }))),
            ("school-2".to_owned(), values(json!({ "pupils": 50, "low": 40 }))),
        ]
        .into()
    };
    let now = data(&alone.run, &said);
    assert_eq!((now.answers, now.silent.len()), (both(99), 0));
    alone.now = at("2027-04-26T18:00:00+05:00");
    let closing = alone.step(Command::Wake).unwrap();
    let silent = alone.run.assignments.get(&"wave.school-2".parse().unwrap()).unwrap();
    assert_eq!(silent.state, AssignmentState::Waived, "of it nothing is missing");
    assert!(silent.reason.contains("остался прежний ответ"), "{}", silent.reason);
    let told = closing.entries.iter().find(|entry| entry.kind == "closed").unwrap();
    assert!(told.data.contains(r#""standing":["school-2"]"#), "{}", told.data);
    assert!(closing.letters.iter().all(|l| l.kind != LetterKind::Closed), "nobody is told on");
    assert_eq!(alone.run.state, RunState::Active);
    assert_eq!(second(&alone.run).state, StageState::Completed);
    let closed = data(&alone.run, &said);
    assert_eq!((closed.answers, closed.silent.len()), (both(99), 0), "who was silent stands by it");
}

#[test]
fn who_was_silent_first_and_answers_then_is_silent_no_more() {
    let road_map = town();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    alone.submit("collect.school-1", json!({ "pupils": 100 })).unwrap();
    // The first wave closes without the other; both are asked in the second.
    alone.now = at("2027-04-05T09:00:00+05:00");
    alone.step(Command::Wake).unwrap();
    assert_eq!(second(&alone.run).state, StageState::Active);
    let answers = |_: &vekha_engine::AssignmentKey| Some(values(json!({ "pupils": 1 })));
    let silent = gather(&alone.run, answers, |_| None).silent;
    assert_eq!(silent, ["school-2".to_owned()].into());
    alone.submit("wave.school-2", json!({ "pupils": 30 })).unwrap();
    let data = gather(&alone.run, answers, |_| None);
    assert!(data.silent.is_empty());
    assert_eq!(data.answers.len(), 2);
}

#[test]
fn what_follows_waits_for_the_stage_that_is_enough_and_not_for_the_second_wave() {
    let road_map = town();
    let outcome: RunKey = "m/outcome/2027".parse().unwrap();
    let (alone, told) = answered(&road_map);
    let jobs: Vec<String> = told.jobs.iter().map(Job::key).collect();
    assert_eq!(jobs, [Job::Upstream { run: outcome.clone() }.key()], "it is told, and once");
    assert_eq!(alone.run.state, RunState::Active);
    let survey = alone.run.key.clone();
    let opens = |summary: Summary| {
        let others = BTreeMap::from([(survey.clone(), summary)]);
        let context =
            vekha_engine::Context { others: &others, ..vekha_engine::Context::new(&road_map, 1) };
        let now = at("2027-03-01T10:00:00+05:00");
        let (run, _) =
            vekha_engine::open(&context, outcome.clone(), vec![], Why::Upstream, "i", now).unwrap();
        (run.state, run.waits_for)
    };
    let summary = |state, done: &[&str]| Summary {
        state,
        found: Default::default(),
        done: done.iter().map(|id| (*id).to_owned()).collect(),
    };
    // The run goes on, or was called off when what it is waited for was done already: it starts, and
    // as nobody was found it has nobody to ask.
    for state in [RunState::Active, RunState::Failed, RunState::Cancelled] {
        let (started, waits) = opens(summary(state, &["collect"]));
        assert_eq!((started, waits), (RunState::Active, vec![]), "{state:?}");
    }
    let waits = vec![survey.clone()];
    assert_eq!(opens(summary(RunState::Active, &[])), (RunState::Waiting, waits.clone()));
    assert_eq!(opens(summary(RunState::Cancelled, &[])), (RunState::Question, waits));
}

/// The survey with an analysis after each wave.
fn twice_analyzed() -> RoadMap {
    let mut road_map = town();
    let survey = road_map.activities.iter_mut().find(|a| a.id == "survey").unwrap();
    let first =
        Stage { id: "first".into(), needs: vec!["collect".into()], ..survey.stages[2].clone() };
    survey.stages.insert(1, first);
    road_map
}

#[test]
fn an_analysis_made_anew_takes_the_place_of_the_first() {
    let road_map = twice_analyzed();
    let survey = road_map.activity("survey").unwrap();
    assert_eq!(survey.repeats("analyze"), Some("first"));
    let (mut alone, _) = answered(&road_map);
    let said = |low: u32| {
        move |key: &vekha_engine::AssignmentKey| {
            let low = if key.stage == "wave" { 5 } else { low };
            Some(values(json!({ "pupils": 50, "low": low })))
        }
    };
    let analyzed = |alone: &Alone<'_>, stage: &str| {
        let data = [(alone.run.key.clone(), gather(&alone.run, said(40), |_| None))].into();
        vekha_engine::data::analyze(&road_map, &alone.run.key, stage, &data)
    };
    let Command::Analyzed { outcome: july, .. } = analyzed(&alone, "first") else { panic!() };
    alone.step(Command::Analyzed { stage: "first".into(), outcome: july.clone() }).unwrap();
    let both = vec!["school-1".to_owned(), "school-2".to_owned()];
    assert_eq!(alone.run.found["low"], both, "40 of 50 are many");
    assert!(!alone.run.is_replaced("first"));

    alone.now = at("2027-04-05T09:00:00+05:00");
    alone.step(Command::Wake).unwrap();
    for school in ["wave.school-1", "wave.school-2"] {
        alone.submit(school, json!({ "pupils": 50, "low": 5 })).unwrap();
    }
    let Command::Analyzed { outcome: autumn, .. } = analyzed(&alone, "analyze") else { panic!() };
    alone.step(Command::Analyzed { stage: "analyze".into(), outcome: autumn.clone() }).unwrap();
    assert_eq!(alone.run.found.get("low"), None, "5 of 50 are few: nobody is found any more");
    assert!(alone.run.is_replaced("first"));
    let outcomes = |stage: &str| match stage {
        "first" => Some(july.clone()),
        "analyze" => Some(autumn.clone()),
        _ => None,
    };
    let data = gather(&alone.run, said(40), outcomes);
    assert_eq!(data.analyses, [("analyze".to_owned(), autumn.clone())]);

    // Both analyses of the next year compare with the newest of this one.
    let (next, _) = Alone::open(&road_map, "m/survey/2028");
    for stage in ["first", "analyze"] {
        let before = BTreeMap::from([(alone.run.key.clone(), data.clone())]);
        let mut all = before.clone();
        all.insert(next.run.key.clone(), gather(&next.run, said(40), |_| None));
        let seen = vekha_engine::data::looked_at(&road_map, &next.run.key, stage, &all).unwrap();
        assert_eq!(seen.inputs.earlier, autumn.as_earlier(), "{stage}");
    }
}

/// The survey with a report after each wave.
fn twice_published() -> RoadMap {
    let mut road_map = town();
    let survey = road_map.activities.iter_mut().find(|a| a.id == "survey").unwrap();
    let report = |id: &str, after: &str| Stage {
        id: id.to_owned(),
        title: "Публикация".to_owned(),
        needs: vec![after.to_owned()],
        not_before: None,
        work: Work::Publish(Publish {
            report: "annual-report".to_owned(),
            edition: id.to_owned(),
            covers: Covers::Run,
            audience: None,
            pages: None,
        }),
    };
    survey.stages.insert(1, report("early", "collect"));
    survey.stages.push(report("late", "wave"));
    road_map
}

#[test]
fn a_first_report_without_a_single_answer_is_none_and_says_why() {
    let road_map = twice_published();
    let survey = road_map.activity("survey").unwrap();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let nothing = |alone: &Alone<'_>, stage| nothing_to_publish(survey, &alone.run, stage);
    assert!(nothing(&alone, "early"));
    assert!(!nothing(&alone, "late"), "what comes last is told, be it nothing");
    alone.submit("collect.school-1", json!({ "pupils": 100 })).unwrap();
    assert!(!nothing(&alone, "early"), "one answer is something");
    alone.submit("collect.school-2", json!({ "pupils": 50 })).unwrap();
    let published = |stage: &str| {
        let (stage, location) = (stage.to_owned(), String::new());
        Command::Published { stage, location }
    };
    alone.step(published("early")).unwrap();
    let early = alone.run.stages.iter().find(|stage| stage.id == "early").unwrap();
    assert_eq!((early.state, early.location.as_str()), (StageState::Completed, ""));
    assert!(early.reason.contains("публиковать нечего"), "{}", early.reason);
}

#[test]
fn letters_of_a_second_wave_say_that_it_is_one_and_whose_answer_stands() {
    let road_map = town();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    alone.submit("collect.school-1", json!({ "pupils": 100 })).unwrap();
    alone.now = at("2027-04-05T09:00:00+05:00");
    let begun = alone.step(Command::Wake).unwrap();
    let told = |kind: LetterKind, outcome: &Outcome| -> Vec<(String, Value, Value)> {
        let own = outcome.letters.iter().filter(|letter| letter.kind == kind);
        let fact = |letter: &vekha_engine::Letter, name: &str| letter.facts.get(name).cloned();
        let of = |letter: &vekha_engine::Letter| {
            let (wave, again) = (fact(letter, "wave"), fact(letter, "again"));
            (letter.to.clone(), wave.unwrap_or_default(), again.unwrap_or_default())
        };
        own.map(of).collect()
    };
    let title = json!(road_map.activity("survey").unwrap().stage("wave").unwrap().1.title);
    let wanted = vec![
        ("school-1".to_owned(), title.clone(), json!(true)),
        ("school-2".to_owned(), title, Value::Null),
    ];
    assert_eq!(told(LetterKind::Assignment, &begun), wanted);
}
