//! What became of findings: what was recommended and ordered for them, and what the figures that
//! caused them are since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::DbErr;
use vekha_analysis::Outcome;
use vekha_analysis::effect::{Effect, Followed, follow};
use vekha_engine::RunKey;
use vekha_engine::run::{Recommendation, RecommendationState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Indicator, Municipality, Participants, Severity, Work};

use super::Runtime;
use super::overview::runs_of_years;
use super::register::{Control, Controlled};
use super::road_maps::Version;

/// A finding, what was done about it, and what followed.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The run in which it was found.
    pub run: RunKey,
    /// The stage whose analysis it is of.
    pub stage: String,
    /// Organisation code.
    pub organisation: String,
    /// Id of the rule that was met.
    pub rule: String,
    /// How grave it was.
    pub severity: Severity,
    /// As a sentence.
    pub text: String,
    /// What was recommended to the organisation about it.
    pub recommended: Option<RecommendationState>,
    /// What the organisation says it did about that; empty if nothing.
    pub report: String,
    /// What was ordered to the organisation in the same runs.
    pub measures: Vec<Controlled>,
    /// The figures that it rests on.
    pub figures: Vec<Series>,
    /// What became of it.
    pub effect: Effect,
}

/// An indicator's values of an organisation, then and since.
#[derive(Debug, Clone)]
pub struct Series {
    /// The definition.
    pub indicator: Indicator,
    /// Runs and values, the first is that of the finding.
    pub values: Vec<(RunKey, Option<f64>)>,
}

/// How an organisation was helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Help {
    /// By measures of a decision, perhaps beside recommendations.
    Ordered,
    /// By recommendations alone.
    Recommended,
    /// Not at all, as far as Vekha knows.
    None,
}

impl Traced {
    /// Measures that were not taken back.
    pub fn standing(&self) -> impl Iterator<Item = &Controlled> {
        self.measures.iter().filter(|measure| measure.control != Control::Waived)
    }

    /// How the organisation was helped. A recommendation that was never sent is no help, nor is a
    /// measure that was taken back.
    pub fn help(&self) -> Help {
        let sent = self.recommended.is_some_and(|state| {
            matches!(state, RecommendationState::Issued | RecommendationState::Acknowledged)
        });
        match (self.standing().next().is_none(), sent) {
            (false, _) => Help::Ordered,
            (true, true) => Help::Recommended,
            (true, false) => Help::None,
        }
    }
}

/// Analyses of one stage over the periods, oldest first.
struct Chain {
    stage: String,
    made: Vec<(RunKey, Arc<Version>, Outcome)>,
}

/// The findings about periods that end in this year, with what followed up to now.
///
/// # Errors
/// When the database cannot be read.
pub async fn traced(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Traced>, DbErr> {
    let chains = chains(runtime, municipality, year).await?;
    let begins = |key: &RunKey| key.period.last_day().year() == year;
    let mut wanted = BTreeSet::new();
    for (key, version, _) in chains.iter().flat_map(|chain| &chain.made) {
        if begins(key) {
            wanted.extend(helping(&version.road_map, key));
        }
    }
    let wanted: Vec<RunKey> = wanted.into_iter().collect();
    let helped = runtime.store().runs(&wanted).await?;
    let now = runtime.clock().now();
    let mut all = Vec::new();
    for chain in &chains {
        for (place, (key, version, _)) in chain.made.iter().enumerate() {
            let map = &version.road_map;
            let Some(definition) = map.analysis_of(&key.activity, &chain.stage) else { continue };
            if !begins(key) {
                continue;
            }
            let since = &chain.made[place..];
            let outcomes: Vec<&Outcome> = since.iter().map(|(_, _, outcome)| outcome).collect();
            let runs =
                || helping(map, key).into_iter().filter_map(|key| Some(&helped.get(&key)?.run));
            for followed in follow(definition, &outcomes) {
                let Followed { finding, figures, effect } = followed;
                let code = &finding.organisation;
                let advice = runs().find_map(|run| recommended(run, key, code, &finding.rule));
                let measures = runs().flat_map(|run| {
                    let own =
                        run.measures.iter().enumerate().filter(|(_, m)| m.organisation == *code);
                    own.map(|(position, _)| Controlled::of(run, position, municipality, now))
                });
                let values = |values: Vec<Option<f64>>| {
                    since.iter().map(|(key, _, _)| key.clone()).zip(values).collect()
                };
                all.push(Traced {
                    run: key.clone(),
                    stage: chain.stage.clone(),
                    organisation: code.clone(),
                    rule: finding.rule.clone(),
                    severity: finding.severity,
                    text: finding.text.trim().to_owned(),
                    recommended: advice.map(|recommendation| recommendation.state),
                    report: advice.map(|r| r.report.clone()).unwrap_or_default(),
                    measures: measures.collect(),
                    figures: figures
                        .into_iter()
                        .map(|(indicator, known)| Series {
                            indicator: indicator.clone(),
                            values: values(known),
                        })
                        .collect(),
                    effect,
                });
            }
        }
    }
    Ok(all)
}

/// Every analysis about a period that ends in the year or after it.
async fn chains(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Chain>, DbErr> {
    let store = runtime.store();
    let keys = runs_of_years(runtime, municipality, year..).await?;
    let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
    let versions = store.versions_of_runs(&ids).await?;
    let mut chains: BTreeMap<(u32, String, Option<String>, String), Chain> = BTreeMap::new();
    for (key, id) in keys.into_iter().zip(ids) {
        let number = versions.get(&id).copied().unwrap_or_default();
        let Some(version) = runtime.road_maps().version(&key.municipality, number) else {
            continue;
        };
        let Some(activity) = version.road_map.activity(&key.activity) else { continue };
        let stages = activity.stages.iter().filter(|s| matches!(s.work, Work::Analyze(_)));
        for stage in stages {
            let Some(outcome) = store.analysis(&key, &stage.id).await? else { continue };
            let name = (activity.number, key.activity.clone(), key.part.clone(), stage.id.clone());
            let empty = || Chain { stage: stage.id.clone(), made: vec![] };
            let chain = chains.entry(name).or_insert_with(empty);
            chain.made.push((key.clone(), version.clone(), outcome));
        }
    }
    Ok(chains.into_values().collect())
}

/// The runs in which findings of this one are answered: itself, those that recommend by them, and
/// those that look closer at whom it found.
fn helping(map: &RoadMap, key: &RunKey) -> Vec<RunKey> {
    let mut answering: Vec<&str> = vec![&key.activity];
    let mut place = 0;
    while let Some(before) = answering.get(place).copied() {
        let first = place == 0;
        let more = map.activities.iter().filter(|activity| {
            !answering.contains(&activity.id.as_str())
                && activity.stages.iter().any(|stage| answers(&stage.work, before, first))
        });
        let more: Vec<&str> = more.map(|activity| activity.id.as_str()).collect();
        answering.extend(more);
        place += 1;
    }
    let run = |activity: &str| match activity == key.activity {
        true => key.clone(),
        false => RunKey { activity: activity.to_owned(), part: None, ..key.clone() },
    };
    answering.into_iter().map(run).collect()
}

/// Whether the work answers an activity: by its findings, or by the data of those whom it found. The
/// data of the `first`, in which somebody was found, are everybody's.
fn answers(work: &Work, activity: &str, first: bool) -> bool {
    match work {
        Work::Recommend(recommend) => recommend.findings.as_deref() == Some(activity),
        Work::Collect(collect) => match &collect.participants {
            Participants::FoundBy { activity: by, .. } => by == activity,
            _ => false,
        },
        Work::Analyze(analyze) => {
            !first && analyze.from.iter().any(|from| from.activity.as_deref() == Some(activity))
        }
        _ => false,
    }
}

/// What was recommended to the organisation: where the finding was made, about its rule; elsewhere,
/// anything.
fn recommended<'a>(
    run: &'a Run,
    found: &RunKey,
    organisation: &str,
    rule: &str,
) -> Option<&'a Recommendation> {
    let elsewhere = run.key != *found;
    let own = run.recommendations.iter().filter(|(key, _)| key.organisation == organisation);
    own.map(|(_, recommendation)| recommendation)
        .find(|r| elsewhere || r.items.iter().any(|item| item.rule == rule))
}
