//! Who was asked in which stage, and what came of it: organisations down, stages across.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::AssignmentKey;
use vekha_engine::run::{Assignment, AssignmentKind, AssignmentState, Run};
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::glossary;
use crate::secret::Secret;

/// The matrix of participants; without rows if nobody was asked. Who may still answer is shown with
/// the link at which it does, to be told once more to whoever has lost the letter.
pub fn matrix(map: &RoadMap, run: &Run, links: Option<&Secret>, now: Timestamp) -> Value {
    let asked: Vec<(&AssignmentKey, &Assignment)> = run
        .assignments
        .iter()
        .filter(|(_, a)| !matches!(a.kind, AssignmentKind::Measure(_)))
        .collect();
    let activity = map.activity(&run.key.activity);
    let stages: Vec<&str> = run
        .stages
        .iter()
        .map(|stage| stage.id.as_str())
        .filter(|id| asked.iter().any(|(key, _)| key.stage == *id))
        .collect();
    let titles: Vec<&str> = stages
        .iter()
        .map(|id| activity.and_then(|a| a.stage(id)).map_or(*id, |(_, s)| s.title.as_str()))
        .collect();
    let organisations: BTreeSet<&str> =
        asked.iter().map(|(key, _)| key.organisation.as_str()).collect();
    let rows: Vec<Value> = organisations
        .into_iter()
        .map(|code| {
            let cells: Vec<Value> = stages
                .iter()
                .map(|stage| {
                    let assignment = run.assignments.get(&AssignmentKey::new(stage, code));
                    let key = AssignmentKey::new(stage, code);
                    assignment.map_or(Value::Null, |a| {
                        let mut cell = cell(map, a, now);
                        cell["link"] = format!("/runs/{}/answers/{key}", run.key).into();
                        let answered = a.version > 0 && a.kind == AssignmentKind::Collect;
                        cell["label"] =
                            if answered { "посмотреть" } else { "поручение" }.into();
                        cell["what"] = if answered {
                            "Посмотреть ответ"
                        } else {
                            "Поручение"
                        }
                        .into();
                        if let Some(secret) = links
                            && a.state.takes_answers()
                            && !run.state.ended()
                        {
                            let token = secret.token(&format!("{}/{key}", run.key), a.link);
                            cell["address"] = format!("/a/{token}").into();
                        }
                        cell
                    })
                })
                .collect();
            json!({ "organisation": administrator::name(map, code), "cells": cells })
        })
        .collect();
    json!({ "stages": titles, "rows": rows })
}

fn cell(map: &RoadMap, assignment: &Assignment, now: Timestamp) -> Value {
    let municipality = &map.municipality;
    let closing = municipality.closing(assignment.due);
    let due = glossary::date(assignment.due);
    let (mark, detail) = match (assignment.state, assignment.answered_at) {
        (AssignmentState::Open | AssignmentState::Returned, _) if now > closing => {
            ("late", format!("срок прошёл {due}"))
        }
        (AssignmentState::Returned, _) => ("attention", format!("исправят к {due}")),
        (AssignmentState::Open, _) => ("open", format!("срок {due}")),
        (AssignmentState::Answered, Some(at)) => {
            let day = glossary::date(municipality.today(at));
            match (assignment.kind, assignment.late) {
                (AssignmentKind::Acknowledge, _) => ("answered", day),
                (_, true) => ("answered", format!("{day}, с опозданием")),
                (_, false) => ("answered", format!("{day}, в срок")),
            }
        }
        _ => (assignment.state.as_str(), assignment.reason.clone()),
    };
    let words = match (assignment.kind, assignment.state) {
        (AssignmentKind::Acknowledge, AssignmentState::Answered) => "ознакомлены",
        (AssignmentKind::Acknowledge, AssignmentState::Open) => "ждём ознакомления",
        (AssignmentKind::Acknowledge, AssignmentState::Missing) => "не ознакомились",
        (_, state) => glossary::assignment_state(state),
    };
    json!({ "mark": mark, "words": words, "detail": detail, "version": assignment.version })
}
