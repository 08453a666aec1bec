//! What became of findings: the figures that caused them, then and since.
//!
//! It says what happened after, not because of: figures as bad as those of a finding tend to be
//! better next time by themselves (F. Galton, Regression towards Mediocrity in Hereditary Stature,
//! 1886). Whoever reads it compares those who were helped with those who were not.

use vekha_roadmap::model::{Analysis, Better, Indicator};

use crate::types::{Finding, Outcome};

/// What became of a finding by the next period in which the organisation has figures again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The rule is no longer met, and none of the figures is worse: what met a mild rule may meet a
    /// graver one instead.
    Resolved,
    /// Some of the figures are better and none is worse.
    Better,
    /// Some are better, some are worse.
    Mixed,
    /// None differs as people see it.
    Same,
    /// Some are worse and none is better.
    Worse,
    /// There are no later figures yet.
    Unknown,
}

impl Effect {
    /// Every one, the best first.
    pub const ALL: [Effect; 6] = [
        Effect::Resolved,
        Effect::Better,
        Effect::Mixed,
        Effect::Same,
        Effect::Worse,
        Effect::Unknown,
    ];
}

/// A finding and what followed.
#[derive(Debug, Clone)]
pub struct Followed<'a> {
    /// What was found.
    pub finding: &'a Finding,
    /// The figures that it rests on: indicator, and the organisation's value in each of the
    /// outcomes.
    pub figures: Vec<(&'a Indicator, Vec<Option<f64>>)>,
    /// What became of it.
    pub effect: Effect,
}

/// Follows the findings of the first outcome through those of the same analysis in later periods.
pub fn follow<'a>(analysis: &'a Analysis, outcomes: &[&'a Outcome]) -> Vec<Followed<'a>> {
    let Some((first, later)) = outcomes.split_first() else { return vec![] };
    let followed = first.findings.iter().map(|finding| {
        let rule = analysis.rules.iter().find(|rule| rule.id == finding.rule);
        let shown = rule.map_or(&[][..], |rule| &rule.shows);
        let figures: Vec<(&Indicator, Vec<Option<f64>>)> = analysis
            .indicators
            .iter()
            .filter(|indicator| shown.contains(&indicator.id))
            .map(|indicator| {
                let value = |outcome: &&Outcome| value(outcome, &indicator.id, finding);
                (indicator, outcomes.iter().map(value).collect())
            })
            .collect();
        Followed { effect: effect(finding, &figures, later), finding, figures }
    });
    followed.collect()
}

fn value(outcome: &Outcome, indicator: &str, finding: &Finding) -> Option<f64> {
    let figures = outcome.indicators.iter().find(|figures| figures.indicator == indicator)?;
    figures.organisations.get(&finding.organisation).map(|figure| figure.value)
}

fn effect(
    finding: &Finding,
    figures: &[(&Indicator, Vec<Option<f64>>)],
    later: &[&Outcome],
) -> Effect {
    // The next period of which anything is known.
    let known = |place: &usize| figures.iter().any(|(_, values)| values[place + 1].is_some());
    let Some(next) = (0..later.len()).find(known) else { return Effect::Unknown };
    let (mut better, mut worse) = (false, false);
    for (indicator, values) in figures {
        let (Some(then), Some(now), Some(good)) = (values[0], values[next + 1], indicator.better)
        else {
            continue;
        };
        // What people cannot see is no change.
        let unit = 10f64.powi(i32::from(indicator.decimals));
        let change = (now * unit).round() - (then * unit).round();
        let gain = if good == Better::Lower { -change } else { change };
        better |= gain > 0.0;
        worse |= gain < 0.0;
    }
    let same =
        |other: &Finding| other.rule == finding.rule && other.organisation == finding.organisation;
    let met = later[next].findings.iter().any(same);
    match (better, worse) {
        (_, false) if !met => Effect::Resolved,
        (true, false) => Effect::Better,
        (true, true) => Effect::Mixed,
        (false, false) => Effect::Same,
        (false, true) => Effect::Worse,
    }
}
