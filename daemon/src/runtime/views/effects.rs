//! What became of findings: what was recommended and ordered for them, and what the figures that
//! caused them are since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vekha_analysis::Outcome;
use vekha_analysis::effect::{Effect, Followed, follow};
use vekha_engine::RunKey;
use vekha_engine::run::{Recommendation, RecommendationState, Run};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{
    Activity, Indicator, Municipality, Participants, PeriodOf, Severity, Work,
};

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::overview::runs_of_years;
use crate::runtime::views::register::{Control, Controlled};
use crate::store::StoreError;

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
    /// What was ordered to the organisation by the decisions that answer the finding.
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
    /// By measures of a decision that it reported or the department accepted, perhaps beside
    /// recommendations.
    Done,
    /// By recommendations alone.
    Recommended,
    /// Something was ordered, and nothing of that is known to be done: no help yet.
    Ordered,
    /// Not at all, as far as Vekha knows.
    None,
}

impl Traced {
    /// Measures that were not taken back.
    pub fn standing(&self) -> impl Iterator<Item = &Controlled> {
        self.measures.iter().filter(|measure| measure.control != Control::Waived)
    }

    /// Of them, those that were reported, whether or not the department has accepted that yet.
    pub fn done(&self) -> impl Iterator<Item = &Controlled> {
        let done = |one: &&Controlled| matches!(one.control, Control::Reported | Control::Done);
        self.measures.iter().filter(done)
    }

    /// How the organisation was helped. A recommendation that was never sent is no help, nor is a
    /// measure that was taken back or is yet to be done.
    pub fn help(&self) -> Help {
        let sent = self.recommended.is_some_and(|state| {
            matches!(state, RecommendationState::Issued | RecommendationState::Acknowledged)
        });
        match (self.done().next(), sent, self.standing().next()) {
            (Some(_), ..) => Help::Done,
            (None, true, _) => Help::Recommended,
            (None, false, Some(_)) => Help::Ordered,
            (None, false, None) => Help::None,
        }
    }
}

/// Analyses of one stage over the periods, oldest first.
struct Chain {
    /// The activity's number in the oldest of them: a later road map may count otherwise.
    number: u32,
    made: Vec<Made>,
}

/// What came of it in one run.
struct Made {
    key: RunKey,
    version: Arc<Version>,
    stage: String,
    outcome: Outcome,
}

/// The findings about periods that end in this year, with what followed up to now.
///
/// # Errors
/// When the database cannot be read.
pub async fn traced(
    runtime: &Runtime,
    municipality: &Municipality,
    year: i16,
) -> Result<Vec<Traced>, StoreError> {
    let chains = chains(runtime, municipality, year).await?;
    let begins = |key: &RunKey| key.period.last_day().year() == year;
    let mut wanted = BTreeSet::new();
    for Made { key, version, .. } in chains.iter().flat_map(|chain| &chain.made) {
        if begins(key) {
            wanted.extend(helping(&version.road_map, key));
        }
    }
    let wanted: Vec<RunKey> = wanted.into_iter().collect();
    let helped = runtime.store().runs(&wanted).await?;
    let now = runtime.clock().now();
    let mut all = Vec::new();
    for chain in &chains {
        for (place, Made { key, version, stage, .. }) in chain.made.iter().enumerate() {
            let map = &version.road_map;
            let Some(definition) = map.analysis_of(&key.activity, stage) else { continue };
            if !begins(key) {
                continue;
            }
            let since = &chain.made[place..];
            let outcomes: Vec<&Outcome> = since.iter().map(|made| &made.outcome).collect();
            let runs =
                || helping(map, key).into_iter().filter_map(|key| Some(&helped.get(&key)?.run));
            for followed in follow(definition, &outcomes) {
                let Followed { finding, figures, effect } = followed;
                let code = &finding.organisation;
                let advice = runs().find_map(|run| recommended(map, run, key, code, &finding.rule));
                let measures = runs().flat_map(|run| {
                    let own =
                        run.measures.iter().enumerate().filter(|(_, m)| m.organisation == *code);
                    own.map(|(position, _)| Controlled::of(run, position, municipality, now))
                });
                let values = |values: Vec<Option<f64>>| {
                    since.iter().map(|made| made.key.clone()).zip(values).collect()
                };
                all.push(Traced {
                    run: key.clone(),
                    stage: stage.clone(),
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
) -> Result<Vec<Chain>, StoreError> {
    let store = runtime.store();
    let keys = runs_of_years(runtime, municipality, year..).await?;
    let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
    let versions = store.versions_of_runs(&ids).await?;
    let mut wanted = Vec::new();
    for (key, id) in keys.into_iter().zip(ids) {
        let number = versions.get(&id).copied().unwrap_or_default();
        let Some(version) = runtime.road_maps().version(&key.municipality, number) else {
            continue;
        };
        let Some(activity) = version.road_map.activity(&key.activity) else { continue };
        for stage in activity.analyses() {
            wanted.push((activity.number, key.clone(), stage.to_owned(), version.clone()));
        }
    }
    let ids: Vec<String> =
        wanted.iter().map(|(_, key, stage, _)| format!("{key}/{stage}")).collect();
    let mut outcomes = store.outcomes(&ids).await?;
    let mut chains: BTreeMap<(String, Option<String>, String), Chain> = BTreeMap::new();
    for ((number, key, stage, version), id) in wanted.into_iter().zip(ids) {
        let Some(outcome) = outcomes.remove(&id) else { continue };
        let activity = version.road_map.activity(&key.activity);
        let first = activity.map_or(&*stage, |activity| activity.first_of(&stage)).to_owned();
        let name = (key.activity.clone(), key.part.clone(), first);
        let chain = chains.entry(name).or_insert_with(|| Chain { number, made: vec![] });
        // What was made anew takes the place of what was made first.
        chain.made.retain(|made| made.key != key);
        chain.made.push(Made { key, version, stage, outcome });
    }
    let mut chains: Vec<Chain> = chains.into_values().collect();
    chains.sort_by_key(|chain| chain.number);
    Ok(chains)
}

/// The runs in which findings of this one are answered: itself, those that recommend by them, those
/// that look closer at whom it found, and those that decide after any of these.
fn helping(map: &RoadMap, key: &RunKey) -> Vec<RunKey> {
    let mut answering: Vec<&str> = vec![&key.activity];
    let mut place = 0;
    while let Some(before) = answering.get(place).copied() {
        let first = place == 0;
        let more = map.activities.iter().filter(|activity| {
            !answering.contains(&activity.id.as_str())
                && (activity.stages.iter().any(|stage| answers(&stage.work, before, first))
                    || decides_after(activity, before))
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

/// Whether the activity waits for the other one of the same period, decides, and finds nothing by
/// itself: what finds something decides on that.
fn decides_after(activity: &Activity, other: &str) -> bool {
    let after = &activity.schedule.after;
    let decides = |work: &Work| matches!(work, Work::Decide(_));
    let finds = |work: &Work| matches!(work, Work::Analyze(_));
    after.iter().any(|up| up.activity == other && up.period == PeriodOf::Current)
        && activity.stages.iter().any(|stage| decides(&stage.work))
        && !activity.stages.iter().any(|stage| finds(&stage.work))
}

/// What was recommended to the organisation: by this finding's activity or those that recommend by
/// its findings, about its rule; by those that looked closer, anything.
fn recommended<'a>(
    map: &RoadMap,
    run: &'a Run,
    found: &RunKey,
    organisation: &str,
    rule: &str,
) -> Option<&'a Recommendation> {
    let by_findings = |work: &Work| match work {
        Work::Recommend(recommend) => recommend.findings.as_ref() == Some(&found.activity),
        _ => false,
    };
    let activity = map.activity(&run.key.activity);
    let by_rule = run.key == *found
        || activity.is_some_and(|a| a.stages.iter().any(|stage| by_findings(&stage.work)));
    let own = run.recommendations.iter().filter(|(key, _)| key.organisation == organisation);
    own.map(|(_, recommendation)| recommendation)
        .find(|r| !by_rule || r.items.iter().any(|item| item.rule == rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_after_recommendations_answers_the_findings_behind_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/road-map");
        let files = crate::files::load(folder.as_ref()).expect("the shipped road map");
        let map = vekha_roadmap::read::read(&files).expect("no mistakes");
        for (found, expected) in [
            ("outcome-analysis", &["outcome-recommendations", "objectivity-measures"][..]),
            ("leader-monitoring", &["leader-recommendations", "leader-decisions"]),
            (
                "low-result-schools",
                &[
                    "support-programme-update",
                    "low-result-monitoring",
                    "low-result-analysis",
                    "equity-methods",
                ],
            ),
            // What analyses by itself decides on what it found itself.
            ("gia-vpr-analysis", &[]),
        ] {
            let key: RunKey = format!("zarechny/{found}/2026-27").parse().expect("a run");
            let mut answering = helping(&map, &key);
            assert_eq!(answering.remove(0), key);
            let number = |run: &RunKey| map.activity(&run.activity).map(|a| a.number);
            answering.sort_by_key(number);
            assert!(answering.iter().all(|run| run.period == key.period), "{answering:?}");
            let answering: Vec<&str> = answering.iter().map(|run| run.activity.as_str()).collect();
            assert_eq!(answering, expected, "{found}");
        }
    }
}
