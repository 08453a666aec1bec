//! What the text of a decision is drafted from: the findings, recommendations and figures on which it
//! rests, in the words of the road map's template.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use vekha_engine::data::Wanted;
use vekha_engine::run::{AssignmentKind, AssignmentState, RecommendationState, Run, StageState};
use vekha_engine::{AssignmentKey, DecisionKind};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::display;
use vekha_roadmap::model::{Activity, Decide, Field, Organisation, Participants, Severity, Work};
use vekha_roadmap::read::{decision, placed_mistake, unknown_to_samples};
use vekha_roadmap::russian;
use vekha_roadmap::schedule::due_date;

use crate::definitions::kind::due_words;
use crate::reports::{self, Finding};
use crate::runtime::Runtime;
use crate::runtime::documents::pages::columns;
use crate::runtime::documents::reports::{authority, chapter};
use crate::runtime::documents::{NotMade, letterhead};
use crate::runtime::road_maps::Version;
use crate::runtime::views::explanations::Explanations;
use crate::runtime::views::register::Grounds;
use crate::store::StoreError;
use crate::store::read::runs::Loaded;

/// A measure that the road map prescribes, as people read it.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// What is to be done.
    pub text: String,
    /// Who must do it.
    pub by: String,
    /// How long it may take.
    pub term: String,
    /// By which day, if it is decided today.
    pub due: String,
}

/// The measures that a stage's decision carries unless others are named.
pub fn planned(
    map: &RoadMap,
    run: &Run,
    decide: &Decide,
    today: jiff::civil::Date,
) -> Vec<Planned> {
    let planned = decide.measures.iter().map(|measure| Planned {
        text: measure.text.clone(),
        by: by(map, run, &measure.by, today),
        term: due_words(measure.due),
        due: russian::date_words(due_date(&map.calendar, today, measure.due)),
    });
    planned.collect()
}

/// Whom the road map means; none if only an analysis will tell.
fn codes<'a>(
    map: &'a RoadMap,
    run: &'a Run,
    participants: &'a Participants,
    today: jiff::civil::Date,
) -> Option<Vec<&'a str>> {
    let active = |code: &&str| map.organisation(code).is_some_and(|o| o.active_on(today));
    let part = run.key.part.as_deref();
    match participants {
        Participants::Kinds(_) => {
            Some(map.selected(participants, part).into_iter().filter(active).collect())
        }
        Participants::Organisations(_) | Participants::Each => {
            Some(map.selected(participants, part))
        }
        Participants::Named => Some(run.named.iter().map(String::as_str).collect()),
        Participants::FoundBy { .. } => None,
    }
}

/// Whom the road map means, in words.
fn by(map: &RoadMap, run: &Run, participants: &Participants, today: jiff::civil::Date) -> String {
    let Some(codes) = codes(map, run, participants, today) else {
        return "организации, найденные анализом".to_owned();
    };
    if matches!(participants, Participants::Kinds(_)) && codes.len() != 1 {
        let count = codes.len();
        let noun = russian::plural(count as i64, "организация", "организации", "организаций");
        return format!("{count} {noun}");
    }
    codes.iter().map(|code| map.short_name(code)).collect::<Vec<_>>().join(", ")
}

/// A decision that is not taken yet.
#[derive(Debug)]
pub struct Draft {
    /// What it says.
    pub decision: reports::Decision,
    /// Whose document it would be.
    pub head: reports::Letterhead,
}

/// A decision that is not taken yet: its text, drafted from the stage's template, what it is about
/// and what the road map has it order. None if the stage names no template. `kind` is what document it
/// is to be, if not what the road map says.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn draft(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    stage: &str,
    kind: Option<DecisionKind>,
) -> Result<Option<Draft>, NotMade> {
    let map = &version.road_map;
    let activity = map.activity(&run.key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Decide(decide)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err(format!("«{stage}» — не этап решения").into());
    };
    let Some(name) = decide.text.as_deref().map(decision) else { return Ok(None) };
    let today = map.municipality.today(runtime.clock().now());
    let planned = planned(map, run, decide, today);
    let titles = decide.awaited(run.awaited_decisions(stage));
    let kind = kind.unwrap_or(decide.document.kind);
    let mut context = grounds(runtime, run).await?;
    let named = decide.document.issuer.as_deref().filter(|_| kind == decide.document.kind);
    let issuer = map.municipality.issuer(kind, named);
    let own = json!({
        "municipality": authority(map),
        "activity": {
            "number": activity.number, "title": activity.title, "short": activity.short,
        },
        "period": run.key.period.words(),
        "date": russian::date_words(today),
        "document": {
            "kind": kind.as_str(),
            "words": kind.words(),
            "genitive": kind.genitive(),
            "verb": kind.verb(issuer.collective),
            "collective": issuer.collective,
            "issuer": issuer.name,
            "chair": issuer.chair,
            "secretary": issuer.secretary,
            "members": issuer.members,
        },
        "titles": titles,
        "lists": lists(runtime, map, activity, run, decide).await?,
        "measures": planned,
    });
    if let (Value::Object(context), Value::Object(own)) = (&mut context, own) {
        context.extend(own);
    }
    debug_assert_eq!(unknown_to_samples("decision", &context), [""; 0]);
    let text = version
        .templates
        .get_template(&name)
        .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(&context))))
        .map_err(|e| placed_mistake(&e))?;
    let measures = planned.into_iter().map(|one| reports::Measure {
        organisation: one.by,
        text: one.text,
        due: one.due,
        state: "",
    });
    let decision = reports::Decision {
        kind: kind.words(),
        title: titles.first().cloned().unwrap_or_default(),
        text: tidy(&text),
        measures: measures.collect(),
        ..reports::Decision::default()
    };
    let bound = decide.measures.iter().filter_map(|measure| codes(map, run, &measure.by, today));
    let bound: Vec<&str> = bound.flatten().collect();
    let head = letterhead::of_draft(map, run, stage, kind, &bound, &decision);
    Ok(Some(Draft { decision, head }))
}

/// Without spaces at the ends of lines, and with one empty line where templates left several.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

/// An organisation with what is to be said of it.
#[derive(Serialize)]
struct About<T> {
    organisation: String,
    #[serde(flatten)]
    all: T,
}

#[derive(Serialize)]
struct Found {
    /// What kind of organisation it is.
    kind: &'static str,
    /// What it has explained in its answers, and how many explanations more there are.
    explained: Vec<Value>,
    explained_more: usize,
    /// Whether one of the findings is of the gravest kind.
    serious: bool,
    findings: Vec<Value>,
}

#[derive(Serialize)]
struct Recommended {
    texts: Vec<String>,
}

/// What was found, by organisation in the order in which they were first named.
#[derive(Default)]
struct AllFound {
    all: Vec<About<Found>>,
    /// Where each organisation stands.
    places: BTreeMap<String, usize>,
}

impl AllFound {
    /// Adds a finding, with what the organisation has explained that is told here first.
    fn add(&mut self, finding: &Finding, kind: &'static str, said: Explanations) {
        let place = self.places.entry(finding.organisation.clone()).or_insert_with(|| {
            let (explained, findings) = (vec![], vec![]);
            let all = Found { kind, explained, explained_more: 0, serious: false, findings };
            self.all.push(About { organisation: finding.organisation.clone(), all });
            self.all.len() - 1
        });
        let about = &mut self.all[*place].all;
        let told_of = said.told.into_iter();
        about.serious |= finding.severity == Severity::Serious;
        about.findings.push(json!({ "text": finding.text, "severity": finding.severity }));
        about
            .explained
            .extend(told_of.map(|(place, text)| json!({ "where": place, "text": text })));
        about.explained_more += said.more;
    }
}

/// To whom a run has sent recommendations, and which.
fn sent(map: &RoadMap, run: &Run) -> impl Iterator<Item = About<Recommended>> {
    let sent = run.recommendations.iter().filter(|(_, recommendation)| {
        let state = recommendation.state;
        matches!(state, RecommendationState::Issued | RecommendationState::Acknowledged)
    });
    sent.map(|(key, recommendation)| {
        let texts = recommendation.items.iter().filter_map(|item| item.recommendation.as_ref());
        let texts = texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        About {
            organisation: map.short_name(&key.organisation),
            all: Recommended { texts: texts.collect() },
        }
    })
}

/// So many rows of a list are told, the rest is counted: a document's text has an end.
const MOST_ROWS: usize = 200;

/// The rows that were answered and belong to the decision.
async fn lists(
    runtime: &Runtime,
    map: &RoadMap,
    activity: &Activity,
    run: &Run,
    decide: &Decide,
) -> Result<Vec<Value>, NotMade> {
    if decide.lists.is_empty() {
        return Ok(vec![]);
    }
    let answers = Wanted { answers: true, ..Wanted::default() };
    let own = BTreeMap::from([(run.key.clone(), answers)]);
    let mut data = runtime.store().data(&own, BTreeMap::new()).await?;
    let data = data.remove(&run.key).unwrap_or_default();
    let mut all = Vec::new();
    for list in &decide.lists {
        let (field, columns) = columns(map, activity, &list.asked)?;
        let mut rows: Vec<Value> = Vec::new();
        for (code, answers) in &data.answers {
            // The same table may be asked of others, too.
            let asked = AssignmentKey::new(&list.asked.stage, code);
            let given = answers.get(&field.id).and_then(Value::as_array);
            let given = given.filter(|_| run.assignments.contains_key(&asked));
            rows.extend(given.into_iter().flatten().filter_map(Value::as_object).map(|row| {
                let cell = |column: &&Field| row.get(&column.id).map(|v| display(column, v));
                let cells = columns.iter().map(|column| cell(column).unwrap_or_default());
                let cells: Vec<String> = cells.collect();
                json!({ "organisation": map.short_name(code), "cells": cells })
            }));
        }
        let more = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        all.push(json!({
            "title": list.title,
            "columns": columns.iter().map(|column| &column.label).collect::<Vec<_>>(),
            "rows": rows,
            "more": more,
        }));
    }
    Ok(all)
}

/// What the decisions of a run rest on, as templates know it.
async fn grounds(runtime: &Runtime, run: &Run) -> Result<Value, StoreError> {
    let own = Loaded::new(run.clone());
    let known = Grounds::of(runtime, [(run.key.clone(), own)].into()).await?;
    let (mut grounds, mut indicators) = (Vec::<Value>::new(), Vec::<Value>::new());
    let mut found = AllFound::default();
    let mut recommended: Vec<About<Recommended>> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    for one in known.of_run(run) {
        let Some(version) = known.version(one) else { continue };
        let map = &version.road_map;
        let chapter = chapter(runtime, &version, one).await?;
        let codes: BTreeMap<String, &Organisation> =
            map.organisations.iter().map(|own| (map.short_name(&own.code), own)).collect();
        let names = chapter.reports.iter().flat_map(|report| &report.findings);
        let own = names.filter_map(|finding| codes.get(&finding.organisation));
        let own: BTreeSet<&str> = own.map(|organisation| organisation.code.as_str()).collect();
        let mut explained = runtime.explanations(map, one, &own).await?;
        for report in &chapter.reports {
            for finding in &report.findings {
                let whose = codes.get(&finding.organisation);
                let said = whose.and_then(|whose| explained.remove(&whose.code));
                let kind = whose.map_or("", |whose| whose.kind.as_str());
                found.add(finding, kind, said.unwrap_or_default());
            }
            let comparable = report.indicators.iter().filter(|one| one.municipality.is_some());
            indicators.extend(comparable.map(|one| {
                json!({
                    "title": one.title,
                    "unit": one.unit,
                    "municipality": reports::municipality(one),
                })
            }));
        }
        recommended.extend(sent(map, one));
        let silent = one.assignments.iter().filter(|(_, assignment)| {
            assignment.kind == AssignmentKind::Collect
                && (assignment.state.is_awaited() || assignment.state == AssignmentState::Missing)
        });
        for (key, _) in silent {
            let name = map.short_name(&key.organisation);
            if !missing.contains(&name) {
                missing.push(name);
            }
        }
        grounds.push(json!({
            "number": chapter.number,
            "title": chapter.title,
            "period": chapter.period,
            "asked": chapter.asked,
            "answered": chapter.answered,
            "decisions": chapter.decisions,
        }));
    }
    let mine = runtime.version_of(&run.key).await?;
    let activity = mine.as_ref().and_then(|mine| mine.road_map.activity(&run.key.activity));
    let analysed = activity.into_iter().flat_map(Activity::analyses).filter(|id| {
        run.stages.iter().any(|stage| stage.id == *id && stage.state == StageState::Completed)
    });
    Ok(json!({
        "grounds": grounds,
        // Which analyses are there: where one is not, that nothing was found says nothing.
        "analysed": analysed.collect::<Vec<_>>(),
        "found": found.all,
        "recommended": recommended,
        "missing": missing,
        "indicators": indicators,
    }))
}
