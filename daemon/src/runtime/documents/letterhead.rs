//! Whose document a decision is, and whom it binds.

use vekha_engine::DecisionKind;
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Contact, Decide, Duty, Organisation, Planned, Work};

use crate::reports::{Addressee, Clauses, Decision, Letterhead};

/// What a stage decides; none if it decides nothing.
fn decide<'a>(map: &'a RoadMap, run: &Run, stage: &str) -> Option<&'a Decide> {
    match map.activity(&run.key.activity).and_then(|a: &Activity| a.stage(stage)) {
        Some((_, stage)) => match &stage.work {
            Work::Decide(decide) => Some(decide),
            _ => None,
        },
        None => None,
    }
}

/// Of a decision that was taken in a run, by its number within it.
pub fn of(map: &RoadMap, run: &Run, number: usize, shown: &Decision) -> Option<Letterhead> {
    let decision = run.decisions.get(number.checked_sub(1)?)?;
    let planned = decide(map, run, &decision.stage).map(|decide| &decide.document);
    let measures = run.measures.iter().filter(|measure| measure.decision == number);
    let codes: Vec<&str> = measures.map(|measure| measure.organisation.as_str()).collect();
    Some(made(map, decision.kind, planned, &codes, shown))
}

/// Of a decision that is not taken yet; `codes` are those whom the road map has it order something.
pub fn of_draft(
    map: &RoadMap,
    run: &Run,
    stage: &str,
    kind: DecisionKind,
    codes: &[&str],
    shown: &Decision,
) -> Letterhead {
    made(map, kind, decide(map, run, stage).map(|decide| &decide.document), codes, shown)
}

fn made(
    map: &RoadMap,
    kind: DecisionKind,
    planned: Option<&Planned>,
    codes: &[&str],
    shown: &Decision,
) -> Letterhead {
    // Whom the stage names issues the kind of document that the stage wants.
    let named = planned.filter(|planned| planned.kind == kind);
    let named = named.and_then(|planned| planned.issuer.as_deref());
    let issuer = map.municipality.issuer(kind, named).into_owned();
    Letterhead { kind, issuer, addressees: addressees(map, codes, shown) }
}

/// Who carries something out, and whom the points name.
fn addressees(map: &RoadMap, codes: &[&str], shown: &Decision) -> Vec<Addressee> {
    let mut bound: Vec<&Organisation> = Vec::new();
    let mut add = |organisation: &'_ Organisation| {
        if let Some(own) = map.organisation(&organisation.code)
            && !bound.iter().any(|known| known.code == own.code)
        {
            bound.push(own);
        }
    };
    codes.iter().filter_map(|code| map.organisation(code)).for_each(&mut add);
    let text = Clauses::of(shown).text;
    map.organisations.iter().filter(|o| text.iter().any(|line| names(line, o))).for_each(&mut add);
    bound.into_iter().map(addressee).collect()
}

/// Whether a line calls an organisation by one of its names, and not another one by a longer name:
/// «СОШ № 1» stands in «СОШ № 12».
fn names(line: &str, organisation: &Organisation) -> bool {
    [&organisation.short, &organisation.name].into_iter().any(|name| {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        line.match_indices(name.as_str()).any(|(at, found)| {
            let before = line[..at].chars().next_back();
            let after = line[at + found.len()..].chars().next();
            !inside(before) && !inside(after)
        })
    })
}

fn addressee(organisation: &Organisation) -> Addressee {
    let answers = |c: &&Contact| c.duty == Some(Duty::Director);
    let person = organisation.contacts.iter().find(answers).or(organisation.contact());
    Addressee {
        organisation: organisation.short.clone(),
        post: person.map(|one| one.role.clone()).unwrap_or_default(),
        name: person.map(|one| one.name.clone()).unwrap_or_default(),
    }
}
