//! What a run may look at besides itself: other runs, their answers, figures and findings.

use std::collections::BTreeMap;

use jiff::civil::date;
use serde_json::{Value, json};
use vekha_analysis::{Finding, IndicatorFigures, Outcome, Values};
use vekha_engine::data::{RunData, Wanted, analyze, draft, earlier, gather, sources};
use vekha_engine::run::RunState;
use vekha_engine::{
    AssignmentKey, Command, Document, NewDocument, RunKey, Summary, Why, references,
};
use vekha_roadmap::RoadMap;
use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{
    Activity, DatasetSource, Every, Overlap, Participants, Severity, Stage, Work,
};

use crate::alone::{Alone, document, values};
use crate::town::Plan as Town;

fn key(text: &str) -> RunKey {
    text.parse().unwrap()
}

fn activity<'a>(road_map: &'a mut RoadMap, id: &str) -> &'a mut Activity {
    road_map.activities.iter_mut().find(|activity| activity.id == id).unwrap()
}

fn stage<'a>(activity: &'a mut Activity, id: &str) -> &'a mut Stage {
    activity.stages.iter_mut().find(|stage| stage.id == id).unwrap()
}

fn found_by(activity: &str, rules: &[&str]) -> Participants {
    let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
    Participants::FoundBy { activity: activity.into(), rules }
}

#[test]
fn a_run_looks_at_what_it_follows_at_whom_others_found_and_at_what_it_must_not_overlap() {
    let mut road_map = Town::usual().road_map();
    let seen = |road_map: &RoadMap, run: &str| {
        let run = key(run);
        let activity = road_map.activity(&run.activity).unwrap();
        references(activity, &run).iter().map(RunKey::to_string).collect::<Vec<_>>()
    };
    assert_eq!(seen(&road_map, "m/survey/2027"), [""; 0]);
    assert_eq!(seen(&road_map, "m/outcome/2027"), ["m/survey/2027"]);
    assert_eq!(seen(&road_map, "m/summary/2027"), ["m/outcome/2027", "m/survey/2027"]);
    // The sample follows nothing: it only asks whom others found, and so does its measure.
    let sample = activity(&mut road_map, "sample");
    if let Work::Collect(collect) = &mut stage(sample, "collect").work {
        collect.participants = found_by("survey", &[]);
    }
    assert_eq!(seen(&road_map, "m/sample/2027.n1"), ["m/survey/2027"]);
    let survey = activity(&mut road_map, "survey");
    if let Work::Decide(decide) = &mut stage(survey, "decide").work {
        decide.measures[0].by = found_by("outcome", &[]);
    }
    assert_eq!(seen(&road_map, "m/survey/2027"), ["m/outcome/2027"]);
    if let Work::Decide(decide) = &mut stage(activity(&mut road_map, "survey"), "decide").work {
        decide.measures[0].by = found_by("survey", &[]);
    }
    assert_eq!(seen(&road_map, "m/survey/2027"), [""; 0], "itself is no other");
    activity(&mut road_map, "quarterly").schedule.overlap = Overlap::Wait;
    let before = seen(&road_map, "m/quarterly/2027-Q1");
    assert_eq!(before.len(), 12, "three years");
    assert_eq!(before.first().unwrap(), "m/quarterly/2024-Q1");
    assert_eq!(before.last().unwrap(), "m/quarterly/2026-Q4");
}

#[test]
fn whom_an_analysis_found_by_these_rules_and_no_others_is_asked() {
    let finding = |school: &str, rule: &str| Finding {
        organisation: school.into(),
        rule: rule.into(),
        severity: Severity::Attention,
        text: String::new(),
        recommendation: None,
        alternatives: vec![],
        figures: vec![],
    };
    let findings = vec![
        finding("school-1", "low"),
        finding("school-3", "low"),
        finding("school-2", "falls"),
        finding("school-3", "falls"),
    ];
    let found = |rules: &[&str], by_itself: bool| {
        let mut road_map = Town { schools: 3, ..Town::usual() }.road_map();
        let asking = if by_itself { "survey" } else { "summary" };
        if let Work::Decide(decide) = &mut stage(activity(&mut road_map, asking), "decide").work {
            let planned = road_map_measure(rules);
            decide.decisions = vec!["О мерах".into()];
            decide.measures = vec![planned];
        }
        let decided = Command::RecordDecision {
            stage: "decide".into(),
            document: NewDocument {
                document: Document { number: "1".into(), ..document().document },
                kind: None,
                ..document()
            },
            measures: None,
        };
        let outcome = Outcome { findings: findings.clone(), ..Outcome::default() };
        let (mut survey, _) = Alone::open(&road_map, "m/survey/2027");
        for school in 1..=3 {
            let answers = json!({ "pupils": 10 });
            survey.submit(&format!("collect.school-{school}"), answers).unwrap();
        }
        survey.step(Command::Analyzed { stage: "analyze".into(), outcome }).unwrap();
        let mut asking = survey.clone();
        if !by_itself {
            let known = |state| Summary { state, found: survey.run.found.clone(), done: vec![] };
            // One of several of its period: what it looks at is of the period all the same.
            asking = Alone::open(&road_map, "m/summary/2027.n1").0;
            for (run, state) in [("survey", RunState::Completed), ("outcome", RunState::Completed)]
            {
                asking.others.insert(key(&format!("m/{run}/2027")), known(state));
            }
            asking.step(Command::UpstreamChanged).unwrap();
        }
        asking.step(decided).unwrap();
        asking.run.measures.iter().map(|m| m.organisation.clone()).collect::<Vec<_>>()
    };
    for by_itself in [true, false] {
        assert_eq!(found(&[], by_itself), ["school-1", "school-2", "school-3"]);
        assert_eq!(found(&["low"], by_itself), ["school-1", "school-3"]);
        assert_eq!(found(&["falls"], by_itself), ["school-2", "school-3"]);
        assert_eq!(found(&["rises"], by_itself), [""; 0]);
    }
}

fn road_map_measure(rules: &[&str]) -> vekha_roadmap::model::PlannedMeasure {
    vekha_roadmap::model::PlannedMeasure {
        text: "Исполнить".into(),
        by: found_by("survey", rules),
        due: vekha_roadmap::model::Due::After(vekha_roadmap::model::Span::Days(10)),
    }
}

#[test]
fn a_run_offers_the_answers_that_stand_and_names_those_who_gave_none() {
    let road_map = Town { schools: 4, acknowledge: true, ..Town::usual() }.road_map();
    let now = "2027-02-01T06:00:00Z".parse().unwrap();
    let others = BTreeMap::new();
    let context =
        vekha_engine::Context { others: &others, ..vekha_engine::Context::new(&road_map, 1) };
    let named = ["school-1", "school-2", "school-3", "school-4"].map(str::to_owned).to_vec();
    let (run, _) =
        vekha_engine::open(&context, key("m/sample/2027.n1"), named, Why::Request, "i", now)
            .unwrap();
    let mut alone = Alone { road_map: &road_map, others: BTreeMap::new(), run, now };
    for (assignment, pupils) in
        [("collect.school-1", 10), ("collect-2.school-1", 20), ("collect.school-3", 30)]
    {
        alone.submit(assignment, json!({ "pupils": pupils })).unwrap();
    }
    let assignment = |text: &str| text.parse::<AssignmentKey>().unwrap();
    for waived in
        ["collect.school-4", "collect-2.school-4", "collect-2.school-3", "collect-2.school-2"]
    {
        let (assignment, reason) = (assignment(waived), "закрыта".to_owned());
        alone.step(Command::Waive { assignment, reason }).unwrap();
    }
    let (returned, comment) = (assignment("collect.school-3"), "пересчитайте".to_owned());
    alone.step(Command::ReturnAnswer { assignment: returned, comment, due: None }).unwrap();
    let answers = |key: &AssignmentKey| {
        let own = json!({ "of": key.to_string(), (key.stage.clone()): true });
        Some(values(own))
    };
    let analysis = |stage: &str| (stage == "decide").then(Outcome::default);
    let data = gather(&alone.run, answers, analysis);
    // The later stage's answers lie over those of the earlier one.
    let both = json!({ "of": "collect-2.school-1", "collect": true, "collect-2": true });
    assert_eq!(data.answers, [("school-1".to_owned(), values(both))].into());
    // One never answered, one was asked to correct; the fourth is asked no more.
    assert_eq!(data.silent, ["school-2", "school-3"].map(str::to_owned).into());
    assert_eq!(data.analyses, [("decide".to_owned(), Outcome::default())]);
}

#[test]
fn what_was_read_or_reported_is_no_answer_to_a_form() {
    let road_map = Town { schools: 1, ..Town::usual() }.road_map();
    let (mut alone, _) = Alone::open(&road_map, "m/summary/2027");
    alone.step(Command::AnswerQuestion(vekha_engine::Answer::Proceed)).unwrap();
    let measure = vekha_engine::NewMeasure {
        text: "Обучить".into(),
        organisations: vec!["school-1".into()],
        due: date(2027, 2, 15),
    };
    alone.decide(Some(vec![measure])).unwrap();
    // Measures are stages of no definition; were one named like that, it would still be none.
    alone.run.stages[0].id = "measure-1".into();
    let none = |run: &vekha_engine::Run| gather(run, |_| Some(Values::new()), |_| None);
    assert!(none(&alone.run).silent.is_empty());
    alone.submit("measure-1.school-1", json!({ "report": "обучены" })).unwrap();
    assert!(none(&alone.run).answers.is_empty());
}

/// The survey's analysis of answers that it knows under a name, and by itself.
fn looking_at(from: &[(Option<&str>, Option<&str>)], formula: &str) -> RoadMap {
    let mut road_map = Town { schools: 3, ..Town::usual() }.road_map();
    if let Work::Analyze(analyze) = &mut stage(activity(&mut road_map, "survey"), "analyze").work {
        let owned = |name: &Option<&str>| name.map(str::to_owned);
        let one = |(alias, activity): &(Option<&str>, Option<&str>)| DatasetSource {
            alias: owned(alias),
            activity: owned(activity),
        };
        analyze.from = from.iter().map(one).collect();
    }
    let analysis = road_map.analyses.get_mut("low").unwrap();
    analysis.indicators[0].formula = Some(Formula::parse(formula).unwrap());
    analysis.rules[0].finding = "{{ organisation.name }}".into();
    analysis.rules[0].when = Some(Formula::parse("low_share >= 30").unwrap());
    road_map.organisations.iter_mut().find(|o| o.code == "school-1").unwrap().name =
        "Школа А".into();
    road_map
}

#[test]
fn work_asks_for_the_runs_that_it_looks_at_and_for_no_more_of_them_than_it_needs() {
    let wanted = |road_map: &RoadMap, run: &str, stage: &str| {
        let run = key(run);
        let activity = road_map.activity(&run.activity).unwrap();
        let all = sources(road_map, activity, stage, &run).into_iter();
        let letters = |w: Wanted| {
            let said =
                [(w.answers, "answers"), (w.indicators, "indicators"), (w.findings, "findings")];
            said.into_iter().filter(|(wanted, _)| *wanted).map(|(_, word)| word).collect::<Vec<_>>()
        };
        all.map(|(run, w)| format!("{run}: {}", letters(w).join(" "))).collect::<Vec<_>>()
    };
    let own = looking_at(&[(None, None)], "low");
    let before = "m/survey/2026: indicators";
    assert_eq!(wanted(&own, "m/survey/2027", "analyze"), [before, "m/survey/2027: answers"]);
    assert_eq!(wanted(&own, "m/survey/2027", "recommend"), ["m/survey/2027: findings"]);
    assert_eq!(wanted(&own, "m/survey/2027", "collect"), [""; 0]);
    let named = looking_at(&[(Some("s"), None), (Some("o"), Some("outcome"))], "low");
    assert_eq!(
        wanted(&named, "m/survey/2027.n1", "analyze"),
        [
            "m/outcome/2027: answers indicators",
            "m/survey/2026.n1: indicators",
            "m/survey/2027.n1: answers indicators"
        ]
    );
    let mut sum = Wanted::default();
    for more in [
        Wanted { answers: true, ..Wanted::default() },
        Wanted { indicators: true, ..Wanted::default() },
        Wanted { findings: true, ..Wanted::default() },
        Wanted::default(),
    ] {
        sum.add(more);
    }
    assert_eq!(sum, Wanted { answers: true, indicators: true, findings: true });
    // A turn comes round after its cycle; all else is compared to the period before.
    let mut road_map = Town::usual().road_map();
    let turn = activity(&mut road_map, "turn").clone();
    assert!(matches!(turn.schedule.every, Every::Rotation { years: 2, .. }));
    assert_eq!(earlier(&turn, &key("m/turn/2027.school-1")), key("m/turn/2025.school-1"));
    let quarterly = activity(&mut road_map, "quarterly");
    assert_eq!(earlier(quarterly, &key("m/quarterly/2027-Q1")), key("m/quarterly/2026-Q4"));
}

fn answers(rows: &[(&str, Value)]) -> RunData {
    let rows = rows.iter().map(|(code, row)| ((*code).to_owned(), values(row.clone())));
    RunData { answers: rows.collect(), ..RunData::default() }
}

fn figures(outcome: &Outcome) -> Vec<(String, f64, Option<f64>)> {
    let figures = outcome.indicators[0].organisations.iter();
    figures.map(|(code, f)| (code.clone(), f.value, f.earlier)).collect()
}

#[test]
fn an_analysis_takes_its_own_answers_those_of_others_by_name_and_last_years_figures() {
    let outcome = |road_map: &RoadMap, data: &BTreeMap<RunKey, RunData>| match analyze(
        road_map,
        &key("m/survey/2027"),
        "analyze",
        data,
    ) {
        Command::Analyzed { stage, outcome } if stage == "analyze" => outcome,
        other => panic!("{other:?}"),
    };
    let own = looking_at(&[(None, None)], "low");
    let mut now =
        answers(&[("school-1", json!({ "low": 30 })), ("school-2", json!({ "low": 20 }))]);
    now.silent.insert("school-3".into());
    let mut before = answers(&[]);
    let last = outcome(
        &own,
        &[(key("m/survey/2027"), answers(&[("school-1", json!({ "low": 7 }))]))].into(),
    );
    let other = outcome(
        &own,
        &[(key("m/survey/2027"), answers(&[("school-1", json!({ "low": 9 }))]))].into(),
    );
    before.analyses = vec![("analyze-2".to_owned(), other), ("analyze".to_owned(), last.clone())];
    let data = BTreeMap::from([(key("m/survey/2027"), now), (key("m/survey/2026"), before)]);
    let told = outcome(&own, &data);
    let (first, second) = ("school-1".to_owned(), "school-2".to_owned());
    assert_eq!(figures(&told), [(first.clone(), 30.0, Some(7.0)), (second, 20.0, None)]);
    let IndicatorFigures { withheld, .. } = &told.indicators[0];
    assert_eq!(withheld["school-3"], "сведения не представлены");
    assert_eq!(told.findings.iter().map(|f| f.text.as_str()).collect::<Vec<_>>(), ["Школа А"]);

    // Under a name, what was computed stands beside what was answered.
    let named = looking_at(&[(Some("o"), Some("outcome"))], "o.low + o.low_share");
    let mut there = answers(&[("school-1", json!({ "low": 30 }))]);
    there.analyses = vec![("analyze".to_owned(), last)];
    let data = BTreeMap::from([(key("m/outcome/2027"), there)]);
    assert_eq!(figures(&outcome(&named, &data)), [(first, 37.0, None)]);
}

#[test]
fn drafts_are_made_of_the_findings_that_are_named_and_work_of_no_stage_fails() {
    let road_map = looking_at(&[(None, None)], "low");
    let run = key("m/survey/2027");
    let finding = |text: &str| Finding {
        organisation: "school-1".into(),
        rule: "low".into(),
        severity: Severity::Attention,
        text: text.into(),
        recommendation: Some("Снизить".into()),
        alternatives: vec![],
        figures: vec![],
    };
    let of = |text: &str| {
        let outcome = Outcome { findings: vec![finding(text)], ..Outcome::default() };
        RunData { analyses: vec![("analyze".to_owned(), outcome)], ..RunData::default() }
    };
    let data = BTreeMap::from([(run.clone(), of("свой")), (key("m/outcome/2027"), of("чужой"))]);
    let drafted = |road_map: &RoadMap| match draft(road_map, &run, "recommend", &data) {
        Command::Drafted { recommendations, .. } => recommendations[0].items[0].text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(drafted(&road_map), "свой");
    let mut others = road_map.clone();
    if let Work::Recommend(work) = &mut stage(activity(&mut others, "survey"), "recommend").work {
        work.findings = Some("outcome".into());
    }
    assert_eq!(drafted(&others), "чужой");
    let failed = |command: Command| match command {
        Command::StageFailed { stage, reason } => format!("{stage}: {reason}"),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        failed(draft(&road_map, &run, "analyze", &data)),
        "analyze: это не этап рекомендаций"
    );
    assert_eq!(failed(analyze(&road_map, &run, "collect", &data)), "collect: это не этап анализа");
    let nowhere = analyze(&road_map, &key("m/nothing/2027"), "analyze", &data);
    assert_eq!(failed(nowhere), "analyze: мероприятия нет в дорожной карте");
}

#[test]
fn drafts_are_asked_for_where_the_step_has_not_brought_all_their_findings() {
    let twice = |findings: Option<&str>, analyses: usize| {
        let mut road_map = Town { schools: 1, ..Town::usual() }.road_map();
        let survey = activity(&mut road_map, "survey");
        if analyses == 2 {
            let more = Stage { id: "analyze-2".into(), ..survey.stages[1].clone() };
            survey.stages.insert(2, more);
            stage(survey, "recommend").needs.push("analyze-2".into());
        }
        if let Work::Recommend(work) = &mut stage(survey, "recommend").work {
            work.findings = findings.map(str::to_owned);
        }
        let (mut alone, _) = Alone::open(&road_map, "m/survey/2027");
        alone.submit("collect.school-1", json!({ "pupils": 10 })).unwrap();
        let mut jobs = Vec::new();
        for analysis in ["analyze", "analyze-2"].into_iter().take(analyses) {
            let (stage, outcome) = (analysis.to_owned(), Outcome::default());
            jobs = alone.step(Command::Analyzed { stage, outcome }).unwrap().jobs;
        }
        jobs.iter().map(vekha_engine::Job::key).collect::<Vec<_>>()
    };
    let asked = ["draft/m/survey/2027/recommend"];
    assert_eq!(twice(None, 1), [""; 0]);
    assert_eq!(twice(Some("survey"), 1), [""; 0], "its own by name");
    assert_eq!(twice(Some("outcome"), 1), asked);
    assert_eq!(twice(None, 2), asked, "the first analysis lies behind");
    assert_eq!(twice(Some("outcome"), 2), asked);
}

#[test]
fn a_run_waits_for_the_one_before_it_once_and_its_end_is_told_to_those_after_it() {
    let mut road_map = Town::usual().road_map();
    let quarterly = &mut activity(&mut road_map, "quarterly").schedule;
    quarterly.overlap = Overlap::Wait;
    let (mut first, _) = Alone::open(&road_map, "m/quarterly/2027-Q1");
    assert_eq!(first.run.state, RunState::Active);
    let ended = first.step(Command::Cancel { reason: "отменено".into() }).unwrap();
    let told: Vec<String> = ended.jobs.iter().map(|job| job.run().run_id()).collect();
    assert_eq!(told.len(), 12);
    assert_eq!((told[0].as_str(), told[11].as_str()), ("2027-Q2", "2030-Q1"));
    // It follows its own previous run by name, too: it waits though there is none, and once.
    let after = vekha_roadmap::model::Upstream {
        activity: "quarterly".into(),
        period: vekha_roadmap::model::PeriodOf::Previous,
        stage: None,
    };
    activity(&mut road_map, "quarterly").schedule.after = vec![after];
    let waits = |others: BTreeMap<RunKey, Summary>| {
        let now = "2027-04-01T06:00:00Z".parse().unwrap();
        let context =
            vekha_engine::Context { others: &others, ..vekha_engine::Context::new(&road_map, 1) };
        let second = key("m/quarterly/2027-Q2");
        let (run, _) =
            vekha_engine::open(&context, second, vec![], Why::Schedule, "schedule", now).unwrap();
        run.waits_for.iter().map(RunKey::run_id).collect::<Vec<_>>()
    };
    assert_eq!(waits(BTreeMap::new()), ["2027-Q1"]);
    let there =
        |run: &str, state| (key(run), Summary { state, found: Default::default(), done: vec![] });
    let active = there("m/quarterly/2027-Q1", RunState::Active);
    assert_eq!(waits([active].into()), ["2027-Q1"]);
    let done = || there("m/quarterly/2027-Q1", RunState::Completed);
    assert_eq!(waits([done()].into()), [""; 0]);
    let longer_ago = there("m/quarterly/2026-Q3", RunState::Active);
    assert_eq!(waits([done(), longer_ago].into()), ["2026-Q3"]);
}
