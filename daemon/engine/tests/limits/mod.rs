//! Where the limits lie of what people may say: what is at a limit is taken, what is beyond it is
//! refused at its field.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use vekha_engine::data::gather;
use vekha_engine::run::RunState;
use vekha_engine::{
    Answer, AssignmentKey, Command, NewAttachment, NewDocument, NewMeasure, Origin, Outcome,
    Refusal, Why, limits, open,
};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::Work;

use crate::SUMMARY;
use crate::alone::{Alone, document, said, values};
use crate::town::Plan as Town;

fn measure() -> NewMeasure {
    NewMeasure {
        text: "Обучить".into(),
        organisations: vec!["school-2".into()],
        due: date(2027, 2, 15),
    }
}

fn record(document: NewDocument, measures: Vec<NewMeasure>) -> Command {
    Command::RecordDecision { stage: "decide".into(), document, measures: Some(measures) }
}

fn submit(key: &str, answers: serde_json::Value) -> Command {
    Command::Submit {
        assignment: key.parse().unwrap(),
        answers: values(answers),
        origin: Origin::Page,
    }
}

/// A run that waits for a decision.
fn deciding(road_map: &RoadMap) -> Alone<'_> {
    let (mut alone, _) = Alone::open(road_map, SUMMARY);
    alone.step(Command::AnswerQuestion(Answer::Proceed)).unwrap();
    alone
}

/// A run whose decision ordered a measure.
fn ordering(road_map: &RoadMap) -> Alone<'_> {
    let mut alone = deciding(road_map);
    alone.step(record(document(), vec![measure()])).unwrap();
    alone
}

/// A run whose drafts wait for approval.
fn recommending(road_map: &RoadMap) -> Alone<'_> {
    let (mut alone, _) = Alone::open(road_map, "m/survey/2027");
    for school in ["school-1", "school-2"] {
        let answers = json!({ "pupils": 10, "low": 10 });
        alone.step(submit(&format!("collect.{school}"), answers)).unwrap();
    }
    let data = gather(&alone.run, |_| Some(values(json!({ "pupils": 10, "low": 10 }))), |_| None);
    let data = [(alone.run.key.clone(), data)].into();
    let analyzed = vekha_engine::data::analyze(road_map, &alone.run.key, "analyze", &data);
    alone.step(analyzed).unwrap();
    alone
}

/// A text: its field, the most signs that it may have, and the command that brings it.
type Text<'a> = (&'a str, usize, Box<dyn Fn(String) -> Command + 'a>);

fn at(
    field: &'static str,
    longest: usize,
    command: impl Fn(String) -> Command + 'static,
) -> Text<'static> {
    (field, longest, Box::new(command))
}

#[test]
fn a_text_is_taken_up_to_its_limit_and_refused_at_its_field_one_sign_beyond_it() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let assignment = || "collect.school-1".parse().unwrap();
    let on_measure = || "measure-1.school-2".parse().unwrap();
    let draft = || "recommend.school-1".parse().unwrap();
    let later = date(2027, 2, 26);
    let waiting = Alone::open(&road_map, "m/survey/2027").0;
    let deciding = deciding(&road_map);
    let ordering = ordering(&road_map);
    let mut asked = ordering.clone();
    asked
        .step(Command::RequestExtension {
            assignment: on_measure(),
            due: later,
            reason: "а".into(),
        })
        .unwrap();
    let mut reported = ordering.clone();
    reported.step(submit("measure-1.school-2", json!({ "report": "да" }))).unwrap();
    let mut answered = waiting.clone();
    answered.step(submit("collect.school-1", json!({ "pupils": 1 }))).unwrap();
    let recommending = recommending(&road_map);
    let mut issued = recommending.clone();
    issued
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .unwrap();

    let required: Vec<(&Alone<'_>, Text<'_>)> = vec![
        (&deciding, at("number", 100, |number| record(said(|d| d.number = number), vec![]))),
        (&deciding, at("outcome", 10_000, |outcome| record(said(|d| d.outcome = outcome), vec![]))),
        (
            &deciding,
            at("signatory", 200, |signatory| record(said(|d| d.signatory = signatory), vec![])),
        ),
        (
            &deciding,
            at("measures[0].text", 2000, |text| {
                record(document(), vec![NewMeasure { text, ..measure() }])
            }),
        ),
        (
            &ordering,
            at("report", 4000, |report| submit("measure-1.school-2", json!({ "report": report }))),
        ),
        (
            &reported,
            at("comment", 1000, |comment| Command::ReturnMeasure {
                measure: 1,
                comment,
                due: None,
            }),
        ),
        (
            &answered,
            at("comment", 1000, move |comment| Command::ReturnAnswer {
                assignment: assignment(),
                comment,
                due: None,
            }),
        ),
        (
            &waiting,
            at("reason", 1000, move |reason| Command::Waive { assignment: assignment(), reason }),
        ),
        (
            &waiting,
            at("reason", 1000, move |reason| Command::Extend {
                assignment: assignment(),
                due: later,
                reason,
            }),
        ),
        (
            &waiting,
            at("reason", 1000, move |reason| Command::RequestExtension {
                assignment: assignment(),
                due: later,
                reason,
            }),
        ),
        (
            &asked,
            at("reason", 1000, move |reason| Command::DeclineExtension {
                assignment: on_measure(),
                reason,
            }),
        ),
        (
            &waiting,
            at("reason", 1000, move |reason| Command::SendLink {
                assignment: assignment(),
                renew: true,
                reason,
            }),
        ),
        (&waiting, at("text", limits::REMARK, |text| Command::Remark { text })),
        // To nobody it is entrusted already.
        (&waiting, at("to", limits::KEEPER, |to| Command::Entrust { to })),
        (&waiting, at("reason", 1000, |reason| Command::Cancel { reason })),
        (&waiting, at("reason", 1000, |reason| Command::Skip { reason })),
        (
            &recommending,
            at("reason", 1000, move |reason| Command::Discard { recommendation: draft(), reason }),
        ),
        (
            &recommending,
            at("texts[0]", 10_000, move |text| Command::Revise {
                recommendation: draft(),
                texts: vec![text],
            }),
        ),
    ];
    let optional: Vec<(&Alone<'_>, Text<'_>)> = vec![
        (&deciding, at("title", 1000, |title| record(said(|d| d.title = title), vec![]))),
        (&deciding, at("text", limits::TEXT, |text| record(said(|d| d.text = text), vec![]))),
        (
            &issued,
            at("report", 4000, |report| submit("recommend.school-1", json!({ "report": report }))),
        ),
        (
            &waiting,
            at("reason", 1000, move |reason| Command::SendLink {
                assignment: assignment(),
                renew: false,
                reason,
            }),
        ),
    ];
    let none: [String; 0] = [];
    for (alone, (field, longest, command)) in required.iter().chain(&optional) {
        let told = |text: String| {
            let length = text.chars().count();
            (alone.wrong(command(text)), format!("{length} signs of {field}"))
        };
        for length in [1, longest - 1, *longest] {
            let (wrong, what) = told("я".repeat(length));
            assert_eq!(wrong, none, "{what}");
        }
        for length in [longest + 1, longest + 2, 2 * longest] {
            let (wrong, what) = told("я".repeat(length));
            assert_eq!(wrong, [*field], "{what}");
        }
        assert_eq!(told("я\u{1}".into()).0, [*field], "nobody can read that {field}");
    }
    for (alone, (field, _, command)) in &required {
        for blank in ["", " ", " \n "] {
            let wrong = alone.wrong(command(blank.into()));
            assert_eq!(wrong.first().map(String::as_str), Some(*field), "a blank {field}");
        }
        if ["reason", "comment"].contains(field) {
            assert_eq!(alone.wrong(command("— …".into())), [*field], "signs say nothing");
            assert_eq!(alone.wrong(command("№ 7".into())), none);
        }
    }
    for (alone, (_, _, command)) in &optional {
        assert_eq!(alone.wrong(command(String::new())), none);
    }
}

#[test]
fn a_day_is_taken_up_to_its_limit_and_refused_at_its_field_one_day_beyond_it() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let monday = date(2027, 2, 1);
    let day = |number: i8| date(2027, 2, number);
    let assignment = || "collect.school-1".parse::<AssignmentKey>().unwrap();
    let reason = || "карантин".to_owned();
    let deciding = deciding(&road_map);
    let ordering = ordering(&road_map);
    let (waiting, _) = Alone::open(&road_map, "m/survey/2027");
    // Thursday 18 February: what was due on Monday has passed.
    let overdue = Alone { now: "2027-02-18T06:00:00Z".parse().unwrap(), ..waiting.clone() };
    let mut answered = waiting.clone();
    answered.step(submit("collect.school-1", json!({ "pupils": 1 }))).unwrap();
    let mut reported = ordering.clone();
    reported.step(submit("measure-1.school-2", json!({ "report": "да" }))).unwrap();
    for alone in [&mut answered, &mut reported] {
        alone.now = "2027-02-10T06:00:00Z".parse().unwrap();
    }
    type Dated<'a> = Box<dyn Fn(Date) -> Command + 'a>;
    // A run, the field, what brings a day, the days that are taken, and those that are refused.
    type Case<'a> = (&'a Alone<'a>, &'a str, Dated<'a>, Vec<Date>, Vec<Date>);
    let extend = |due| Command::Extend { assignment: assignment(), due, reason: reason() };
    let ask = |due| Command::RequestExtension { assignment: assignment(), due, reason: reason() };
    let later = |date| {
        said(|d| {
            d.number = "48-од".into();
            d.date = date;
        })
    };
    let cases: Vec<Case<'_>> = vec![
        (
            &deciding,
            "date",
            Box::new(|date| record(said(|d| d.date = date), vec![])),
            vec![date(2026, 12, 31), date(2027, 1, 31), monday],
            vec![day(2), day(3)],
        ),
        (
            &deciding,
            "measures[0].due",
            Box::new(|due| record(document(), vec![NewMeasure { due, ..measure() }])),
            vec![monday, day(2), day(6)],
            vec![date(2027, 1, 31), date(2027, 1, 29)],
        ),
        (
            &ordering,
            "date",
            Box::new(|date| Command::CorrectDecision {
                decision: 1,
                document: later(date),
                measures: vec![],
                withdraw: false,
            }),
            vec![monday],
            vec![date(2027, 1, 31), date(2027, 1, 29), day(2)],
        ),
        // After Monday 15 February, and on no Saturday or Sunday.
        (
            &waiting,
            "due",
            Box::new(extend),
            vec![day(16), day(19)],
            vec![day(15), day(12), day(20), day(21)],
        ),
        (
            &waiting,
            "due",
            Box::new(ask),
            vec![day(16), day(19)],
            vec![day(15), day(12), day(20), day(21)],
        ),
        (
            &overdue,
            "due",
            Box::new(extend),
            vec![day(18), day(19)],
            vec![day(17), day(16), day(15), day(20)],
        ),
        (
            &answered,
            "due",
            Box::new(|due| Command::ReturnAnswer {
                assignment: assignment(),
                comment: reason(),
                due: Some(due),
            }),
            vec![day(10), day(11), day(12)],
            vec![day(9), day(8), day(13)],
        ),
        (
            &reported,
            "due",
            Box::new(|due| Command::ReturnMeasure {
                measure: 1,
                comment: reason(),
                due: Some(due),
            }),
            vec![day(10), day(11), day(12)],
            vec![day(9), day(8), day(13)],
        ),
    ];
    for (alone, field, command, taken, refused) in &cases {
        for day in taken {
            assert!(alone.wrong(command(*day)).is_empty(), "{field} on {day}");
        }
        for day in refused {
            assert_eq!(alone.wrong(command(*day)), [*field], "{field} on {day}");
        }
    }
}

#[test]
fn a_decision_comes_with_as_many_files_as_it_may_have_each_told_by_its_own_digits() {
    let road_map = Town::usual().road_map();
    let alone = deciding(&road_map);
    let file = |number: usize| NewAttachment {
        name: format!("лист {number}.pdf"),
        size: 10,
        sha256: format!("{number:064x}"),
    };
    let with = |attachments| record(NewDocument { attachments, ..document() }, vec![]);
    assert!(alone.wrong(with((1..=limits::ATTACHMENTS).map(file).collect())).is_empty());
    let one_more = (0..=limits::ATTACHMENTS).map(file).collect();
    assert_eq!(alone.wrong(with(one_more)), ["attachments"]);
    for sha256 in ["a".repeat(63), "a".repeat(65), "g".repeat(64), "A".repeat(64)] {
        let nameless = NewAttachment { sha256, ..file(1) };
        assert_eq!(alone.wrong(with(vec![file(2), nameless])), ["attachments[1].sha256"]);
    }
    let mut alone = ordering(&road_map);
    let most = (1..limits::ATTACHMENTS).map(file).collect();
    alone.step(Command::AttachToDecision { decision: 1, files: most }).unwrap();
    let more = |files| Command::AttachToDecision { decision: 1, files };
    assert!(alone.wrong(more(vec![file(20)])).is_empty());
    assert_eq!(alone.wrong(more(vec![file(20), file(21)])), ["attachments"]);
    assert_eq!(alone.wrong(more(vec![file(1)])), ["attachments[0].name"]);
}

#[test]
fn a_measure_is_for_organisations_that_there_are() {
    let mut road_map = Town::usual().road_map();
    let closed = road_map.organisations.iter_mut().find(|o| o.code == "school-3").unwrap();
    closed.until = Some(date(2027, 1, 31));
    let alone = deciding(&road_map);
    let with = |codes: &[&str]| {
        let organisations = codes.iter().map(|code| (*code).to_owned()).collect();
        record(document(), vec![measure(), NewMeasure { organisations, ..measure() }])
    };
    assert!(alone.wrong(with(&["school-1", "office"])).is_empty());
    for codes in [&[][..], &["school-1", "school-9"], &["school-3"]] {
        assert_eq!(alone.wrong(with(codes)), ["measures[1].organisations"], "{codes:?}");
    }
}

#[test]
fn a_run_is_opened_for_a_period_of_its_kind_and_organisations_that_there_are() {
    let mut road_map = Town::usual().road_map();
    let closed = road_map.organisations.iter_mut().find(|o| o.code == "school-3").unwrap();
    closed.until = Some(date(2027, 1, 31));
    let opened = |key: &str, named: &[&str], why: Why| {
        let now = "2027-02-01T06:00:00Z".parse().unwrap();
        let others = Default::default();
        let context = vekha_engine::Context {
            road_map: &road_map,
            version: 1,
            others: &others,
            earlier: &std::collections::BTreeMap::new(),
            department: &std::collections::BTreeMap::new(),
        };
        let named = named.iter().map(|code| (*code).to_owned()).collect();
        match open(&context, key.parse().unwrap(), named, why, "i", now) {
            Ok((run, _)) => format!("{:?}", run.state),
            Err(Refusal::Invalid(errors)) => {
                errors.into_iter().map(|e| e.field).collect::<Vec<_>>().join(", ")
            }
            Err(Refusal::NotFound(what)) => what,
            Err(Refusal::State(why)) => why,
        }
    };
    let long = format!("m/sample/2027.{}", "n".repeat(64));
    for (key, named, expected) in [
        ("m/survey/2027", &[][..], "Active"),
        ("m/survey/2027", &["school-1"], "Active"),
        ("m/survey/2027", &["school-9"], "organisations"),
        ("m/survey/2027", &["school-3"], "organisations"),
        ("m/survey/2027-Q1", &[], "period"),
        ("m/nothing/2027", &[], "мероприятие «nothing»"),
        ("m/sample/2027.n-1", &["school-1"], "Active"),
        (&*long, &["school-1"], "Active"),
        ("m/sample/2027", &["school-1"], "Active"),
        ("m/sample/2027.n-1", &[], "organisations"),
        ("m/sample/2027-Q1.n-1", &["school-9"], "period, organisations"),
        ("m/turn/2027.school-1", &[], "Active"),
        ("m/turn/2027", &[], "part"),
        ("m/turn/2027.school-9", &[], "part"),
        ("m/turn/2027.school-3", &[], "part"),
    ] {
        assert_eq!(opened(key, named, Why::Request), expected, "{key} {named:?}");
    }
    // A person opens it, though nothing it follows has come to be; a run of another does not.
    assert_eq!(opened("m/outcome/2027", &[], Why::Request), "Waiting");
    assert!(opened("m/outcome/2027", &[], Why::Upstream).contains("ещё нет"));
    // Nothing is upstream of it.
    assert!(opened("m/survey/2027", &[], Why::Upstream).contains("ещё нет"));
}

#[test]
fn what_a_source_brings_is_told_while_its_stage_is_at_work_and_no_longer() {
    let road_map = Town { schools: 1, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let (stage, source) = ("collect".to_owned(), "vpr".to_owned());
    let (organisations, notes) = (vec!["school-1".to_owned()], vec!["лист «А» лишний".to_owned()]);
    let all = [
        Command::Prefilled { stage: stage.clone(), source: source.clone(), organisations },
        Command::SourceNoted { stage: stage.clone(), source: source.clone(), notes },
        Command::SourceFailed { stage, source, reason: "нет связи".into() },
    ];
    let told = all.clone().map(|command| {
        let outcome = alone.step(command).unwrap();
        let letters = outcome.letters.iter().map(|l| format!("{}: {}", l.to, l.facts["what"]));
        let entries = outcome.entries.iter().map(|e| format!("{} {}", e.kind, e.data));
        entries.chain(letters).collect::<Vec<_>>()
    });
    assert_eq!(
        told.concat(),
        [
            r#"prefilled {"stage":"collect","source":"vpr","organisations":["school-1"]}"#,
            r#"source-noted {"stage":"collect","source":"vpr","notes":["лист «А» лишний"]}"#,
            r#"source-failed {"stage":"collect","source":"vpr","reason":"нет связи"}"#,
            r#"office: "Источник «vpr» не дал сведений""#,
        ]
    );
    alone.step(submit("collect.school-1", json!({ "pupils": 10 }))).unwrap();
    for command in all {
        assert!(matches!(alone.tried(command), Err(Refusal::State(_))));
    }
    assert_eq!(alone.run.state, RunState::Active);
}

#[test]
fn an_answer_is_late_from_the_end_of_its_day_on_and_stays_what_it_was_first() {
    let road_map = Town { schools: 3, ..Town::usual() }.road_map();
    let (waiting, _) = Alone::open(&road_map, "m/survey/2027");
    // The end of Monday 15 February in Yekaterinburg; a step comes a minute after the one before.
    let end: Timestamp = "2027-02-15T13:00:00Z".parse().unwrap();
    let before_it = end - SignedDuration::from_mins(1);
    let just_after = before_it + SignedDuration::from_nanos(1);
    for (now, late) in [(before_it, false), (just_after, true)] {
        let mut alone = Alone { now, ..waiting.clone() };
        let told = alone.step(submit("collect.school-1", json!({ "pupils": 10 }))).unwrap();
        assert!(told.entries[0].data.contains(&format!(r#""late":{late}"#)));
        let is_late =
            |alone: &Alone<'_>| alone.run.assignments[&"collect.school-1".parse().unwrap()].late;
        assert_eq!(is_late(&alone), late);
        alone.now = end + SignedDuration::from_hours(24);
        alone.step(submit("collect.school-1", json!({ "pupils": 11 }))).unwrap();
        assert_eq!(is_late(&alone), late, "a correction makes nobody late, nor in time");
    }
}

#[test]
fn nothing_new_is_ordered_in_a_run_that_was_called_off_and_a_correction_awaits_nothing() {
    let mut road_map = Town::usual().road_map();
    let summary = road_map.activities.iter_mut().find(|one| one.id == "summary").unwrap();
    if let Work::Decide(decide) = &mut summary.stages[0].work {
        decide.decisions = ["О плане", "О сроках"].map(str::to_owned).to_vec();
    }
    let mut alone = deciding(&road_map);
    alone.step(record(document(), vec![measure()])).unwrap();
    let correct = |number: &str, measures: Vec<NewMeasure>| Command::CorrectDecision {
        decision: 1,
        document: said(|d| d.number = number.into()),
        measures,
        withdraw: true,
    };
    alone.step(correct("48-од", vec![])).unwrap();
    assert_eq!(alone.run.state, RunState::Active, "the second of two is still awaited");
    let awaited = alone.run.awaited_decisions("decide");
    assert_eq!((awaited, alone.run.awaited_decisions("collect")), (1, 0));
    let mut completed = alone.clone();
    completed.step(record(said(|d| d.number = "50-од".into()), vec![])).unwrap();
    assert_eq!(completed.run.decisions[2].document.title, "О сроках");
    assert_eq!(completed.run.state, RunState::Completed);
    assert!(completed.tried(correct("49-од", vec![measure()])).is_ok());
    alone.step(Command::Cancel { reason: "отменено".into() }).unwrap();
    let refused = alone.tried(correct("49-од", vec![measure()]));
    let at = |e: &[FieldError]| e.iter().map(|e| e.field.clone()).collect::<Vec<_>>();
    assert!(matches!(&refused, Err(Refusal::Invalid(e)) if at(e) == ["measures"]), "{refused:?}");
    assert!(alone.tried(correct("49-од", vec![])).is_ok(), "what was decided may be corrected");
}

#[test]
fn a_link_tells_a_term_only_where_something_is_still_asked() {
    let road_map = Town { schools: 2, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let due = |alone: &Alone<'_>| {
        let assignment = "collect.school-1".parse().unwrap();
        let sent =
            alone.tried(Command::SendLink { assignment, renew: false, reason: String::new() });
        sent.unwrap().letters[0].facts["due"].clone()
    };
    assert_eq!(due(&alone), "понедельник, 15 февраля 2027 года");
    let mut cancelled = alone.clone();
    cancelled.step(Command::Cancel { reason: "отменено".into() }).unwrap();
    assert_eq!(due(&cancelled), "");
    alone.step(submit("collect.school-1", json!({ "pupils": 10 }))).unwrap();
    assert_eq!(due(&alone), "");
}

#[test]
fn a_review_ends_by_itself_or_when_all_is_accepted() {
    let review = Some("2 working days".to_owned());
    let road_map = Town { schools: 1, review, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
    let accept = || Command::AcceptAnswers { stage: "collect".into() };
    assert!(matches!(alone.tried(accept()), Err(Refusal::State(_))), "nobody has answered");
    let begun = alone.step(submit("collect.school-1", json!({ "pupils": 10 }))).unwrap();
    // From Monday the 1st: the end of Wednesday the 3rd.
    let end: Timestamp = "2027-02-03T13:00:00Z".parse().unwrap();
    assert_eq!(begun.wake_at, Some(end));
    let letter = &begun.letters[1];
    assert_eq!((letter.facts["answered"].clone(), letter.due), (json!(1), Some(date(2027, 2, 3))));
    let kinds = |outcome: Outcome| outcome.entries.into_iter().map(|e| e.kind).collect::<Vec<_>>();
    let mut early = Alone { now: end - SignedDuration::from_mins(2), ..alone.clone() };
    assert_eq!(kinds(early.step(Command::Wake).unwrap()), [""; 0]);
    let mut by_itself = Alone { now: end - SignedDuration::from_mins(1), ..alone.clone() };
    let ended = kinds(by_itself.step(Command::Wake).unwrap());
    assert_eq!(ended[..2], ["review-ended", "stage-completed"]);
    let accepted = kinds(alone.step(accept()).unwrap());
    assert_eq!(accepted[..2], ["answers-accepted", "stage-completed"]);
    assert!(matches!(alone.tried(accept()), Err(Refusal::State(_))));
}
