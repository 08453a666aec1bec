//! What the text of a decision is drafted from: the findings, recommendations and figures on which it
//! rests, in the words of the road map's template.

use serde::Serialize;
use serde_json::{Value, json};
use vekha_engine::run::{AssignmentKind, AssignmentState, RecommendationState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Decide, Participants, Severity, Work};
use vekha_roadmap::read::{decision, placed_mistake, unknown_to_samples};
use vekha_roadmap::russian;
use vekha_roadmap::schedule::due_date;

use crate::definitions::kind::due_words;
use crate::reports;
use crate::runtime::Runtime;
use crate::runtime::documents::NotMade;
use crate::runtime::documents::reports::{authority, chapter};
use crate::runtime::road_maps::Version;
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

/// Whom the road map means, in words.
fn by(map: &RoadMap, run: &Run, participants: &Participants, today: jiff::civil::Date) -> String {
    let names = |codes: &[String]| {
        codes.iter().map(|code| map.short_name(code)).collect::<Vec<_>>().join(", ")
    };
    match participants {
        Participants::Kinds(kinds) => {
            let own = map.organisations.iter().filter(|o| kinds.contains(&o.kind));
            let own: Vec<_> = own.filter(|o| o.active_on(today)).collect();
            if let [one] = own.as_slice() {
                return one.short.clone();
            }
            let count = own.len();
            let noun = russian::plural(count as i64, "организация", "организации", "организаций");
            format!("{count} {noun}")
        }
        Participants::Organisations(codes) => names(codes),
        Participants::FoundBy { .. } => "организации, найденные анализом".to_owned(),
        Participants::Named => names(&run.named),
        Participants::Each => names(&run.key.part.iter().cloned().collect::<Vec<_>>()),
    }
}

/// A decision that is not taken yet: its text, drafted from the stage's template, what it is about
/// and what the road map has it order. None if the stage names no template.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn draft(
    runtime: &Runtime,
    version: &Version,
    run: &Run,
    stage: &str,
) -> Result<Option<reports::Decision>, NotMade> {
    let map = &version.road_map;
    let activity = map.activity(&run.key.activity).ok_or("мероприятия нет в дорожной карте")?;
    let Some(Work::Decide(decide)) = activity.stage(stage).map(|(_, s)| &s.work) else {
        return Err(format!("«{stage}» — не этап решения").into());
    };
    let Some(name) = decide.text.as_deref().map(decision) else { return Ok(None) };
    let today = map.municipality.today(runtime.clock().now());
    let planned = planned(map, run, decide, today);
    let titles = decide.awaited(run.awaited_decisions(stage));
    let mut context = grounds(runtime, run).await?;
    let own = json!({
        "municipality": authority(&map.municipality),
        "activity": {
            "number": activity.number, "title": activity.title, "short": activity.short,
        },
        "period": run.key.period.words(),
        "date": russian::date_words(today),
        "titles": titles,
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
    Ok(Some(reports::Decision {
        kind: vekha_engine::DecisionKind::default().words(),
        corrects: None,
        number: String::new(),
        date: String::new(),
        title: titles.first().cloned().unwrap_or_default(),
        outcome: String::new(),
        text: tidy(&text),
        signatory: String::new(),
        measures: measures.collect(),
    }))
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
    /// Whether one of the findings is of the gravest kind.
    serious: bool,
    findings: Vec<Value>,
}

#[derive(Serialize)]
struct Recommended {
    texts: Vec<String>,
}

/// What the decisions of a run rest on, as templates know it.
async fn grounds(runtime: &Runtime, run: &Run) -> Result<Value, StoreError> {
    let own = Loaded::new(run.clone());
    let known = Grounds::of(runtime, [(run.key.clone(), own)].into()).await?;
    let (mut grounds, mut indicators) = (Vec::<Value>::new(), Vec::<Value>::new());
    let mut found: Vec<About<Found>> = Vec::new();
    let mut recommended: Vec<About<Recommended>> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    for one in known.of_run(run) {
        let Some(version) = known.version(one) else { continue };
        let map = &version.road_map;
        let chapter = chapter(runtime, &version, one).await?;
        for report in &chapter.reports {
            for finding in &report.findings {
                let told = json!({ "text": finding.text, "severity": finding.severity });
                let serious = finding.severity == Severity::Serious;
                match found.iter_mut().find(|about| about.organisation == finding.organisation) {
                    Some(about) => {
                        about.all.serious |= serious;
                        about.all.findings.push(told);
                    }
                    None => found.push(About {
                        organisation: finding.organisation.clone(),
                        all: Found { serious, findings: vec![told] },
                    }),
                }
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
        let sent = one.recommendations.iter().filter(|(_, recommendation)| {
            matches!(
                recommendation.state,
                RecommendationState::Issued | RecommendationState::Acknowledged
            )
        });
        for (key, recommendation) in sent {
            let texts = recommendation.items.iter().filter_map(|item| item.recommendation.as_ref());
            let texts = texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            recommended.push(About {
                organisation: map.short_name(&key.organisation),
                all: Recommended { texts: texts.collect() },
            });
        }
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
    Ok(json!({
        "grounds": grounds,
        "found": found,
        "recommended": recommended,
        "missing": missing,
        "indicators": indicators,
    }))
}
