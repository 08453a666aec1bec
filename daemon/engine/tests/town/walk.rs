//! What is found of a run by walking through all of it, against which the short ways are held.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use vekha_engine::assignments::Assignments;
use vekha_engine::recommendations::Recommendations;
use vekha_engine::run::{
    Assignment, AssignmentKind, AssignmentState, RecommendationState, Run, StageState,
};
use vekha_engine::{AssignmentKey, LetterKind, Outcome};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Offset, Span, Work};
use vekha_roadmap::schedule::{letters_leave, offset_date};

/// After a step, whoever asks for a part of a run gets what a walk through all of it finds, and the
/// run is woken when the first moment of any of its assignments and stages comes.
pub fn agrees(road_map: &RoadMap, run: &Run, outcome: &Outcome) {
    let copied = |(key, a): (&AssignmentKey, &Assignment)| (key.clone(), a.clone());
    assert_eq!(run.assignments, run.assignments.iter().map(copied).collect::<Assignments>());
    assert_eq!(run.assignments.len(), run.assignments.iter().count());
    assert!((&run.assignments).into_iter().eq(run.assignments.iter()));
    assert!(run.assignments.values().eq(run.assignments.iter().map(|(_, a)| a)));
    assert!(run.assignments.keys().all(|key| run.assignments.contains_key(key)));
    assert!(!run.assignments.contains_key(&AssignmentKey::new("nowhere", "nobody")));
    let copied = run.recommendations.iter().map(|(key, r)| (key.clone(), r.clone()));
    assert_eq!(run.recommendations, copied.collect::<Recommendations>());
    for stage in &run.stages {
        let own = || run.assignments.iter().filter(|(key, _)| key.stage == stage.id);
        let awaited: Vec<_> = own().filter(|(_, a)| a.state.is_awaited()).map(|(k, _)| k).collect();
        assert_eq!(run.assignments.awaited_in(&stage.id), awaited);
        let answered = own().filter(|(_, a)| a.state == AssignmentState::Answered).count();
        assert_eq!(run.assignments.answered_in(&stage.id), answered);
        assert!(run.assignments.of_stage(&stage.id).eq(own()));
        let drafts = run
            .recommendations
            .iter()
            .filter(|(key, r)| key.stage == stage.id && r.state == RecommendationState::Draft);
        assert!(run.recommendations.drafts(&stage.id).eq(drafts.map(|(key, _)| key)));
    }
    for number in 0..=run.decisions.len() + 1 {
        let ordered = run.measures.iter().enumerate().filter(|(_, m)| m.decision == number);
        assert!(run.measures_of(number).eq(ordered.map(|(place, _)| place)));
    }
    assert_eq!(outcome.wake_at, next_wake(road_map, run));
}

/// Reminders go to those, and only those, whose reminder has come since the one before.
pub fn reminded_in_turn(road_map: &RoadMap, before: &Run, outcome: &Outcome, now: Timestamp) {
    let reminders = outcome.letters.iter().filter(|l| l.kind == LetterKind::Reminder);
    let reminded: BTreeSet<_> = reminders.filter_map(|l| l.assignment.as_ref()).collect();
    if reminded.is_empty() {
        return;
    }
    let has_come = |(key, a): &(&AssignmentKey, &Assignment)| {
        a.state.is_awaited()
            && next_of(road_map, a.due, &offsets(road_map, before, key, a), since(a))
                .is_some_and(|at| at <= now)
    };
    let due = before.assignments.iter().filter(has_come).map(|(key, _)| key);
    assert_eq!(reminded, due.collect());
}

fn since(assignment: &Assignment) -> Timestamp {
    assignment.reminded_through.unwrap_or(assignment.asked_at)
}

fn next_of(
    road_map: &RoadMap,
    due: Date,
    offsets: &[Offset],
    from: Timestamp,
) -> Option<Timestamp> {
    let from = letters_leave(road_map, from);
    let day = |offset: &Offset| offset_date(&road_map.calendar, due, *offset);
    let moments = offsets.iter().map(|offset| road_map.municipality.opening(day(offset)));
    moments.filter(|at| *at > from).min()
}

fn offsets(road_map: &RoadMap, run: &Run, key: &AssignmentKey, a: &Assignment) -> Vec<Offset> {
    let days = Span::WorkingDays;
    if let AssignmentKind::Measure(_) = a.kind {
        let after = [Offset::After(days(2)), Offset::After(days(5))];
        return [Offset::Before(days(3)), Offset::OnTheDay].into_iter().chain(after).collect();
    }
    let activity = road_map.activity(&run.key.activity).unwrap();
    match activity.stage(&key.stage).map(|(_, stage)| &stage.work) {
        Some(Work::Collect(collect)) => collect.remind.clone(),
        Some(Work::Recommend(recommend)) => recommend.remind.clone(),
        _ => vec![],
    }
}

fn next_wake(road_map: &RoadMap, run: &Run) -> Option<Timestamp> {
    let awaited = || run.assignments.iter().filter(|(_, a)| a.state.is_awaited());
    let mut moments: Vec<Timestamp> = awaited()
        .filter_map(|(key, a)| next_of(road_map, a.due, &offsets(road_map, run, key, a), since(a)))
        .collect();
    let closing = |day: Date| road_map.municipality.closing(day);
    let after = |due: Date, span: Span| offset_date(&road_map.calendar, due, Offset::After(span));
    let activity = road_map.activity(&run.key.activity).unwrap();
    for (stage, definition) in run.stages.iter().zip(&activity.stages) {
        if let (StageState::Waiting, false, Some(day)) =
            (stage.state, run.state.ended(), stage.not_before)
        {
            moments.push(road_map.municipality.opening(day));
        }
        if stage.state != StageState::Active || run.state.ended() {
            continue;
        }
        let last = awaited().filter(|(key, _)| key.stage == stage.id).map(|(_, a)| a.due).max();
        let is_draft = |(key, r): (&AssignmentKey, &vekha_engine::run::Recommendation)| {
            key.stage == stage.id && r.state == RecommendationState::Draft
        };
        let (escalate, close) = match &definition.work {
            Work::Collect(collect) => (collect.escalate, collect.close),
            Work::Recommend(recommend) => {
                let presses =
                    recommend.acknowledge.is_some() && !run.recommendations.iter().any(is_draft);
                let span = |days| presses.then_some(Span::WorkingDays(days));
                (span(2), span(5))
            }
            Work::Decide(decide) => {
                let since = stage.reminded_through.or(stage.started_at);
                if let (Some(due), Some(since)) = (stage.due, since) {
                    moments.extend(next_of(road_map, due, &decide.remind, since));
                }
                continue;
            }
            Work::Analyze(_) | Work::Publish(_) => continue,
        };
        moments.extend(stage.review.map(closing));
        let (Some(due), Some(last)) = (stage.due, last) else { continue };
        if let (Some(span), false) = (escalate, stage.escalated) {
            moments.push(road_map.municipality.opening(after(due, span)).max(closing(due)));
        }
        moments.extend(close.map(|span| closing(after(due.max(last), span))));
    }
    moments.into_iter().min()
}
