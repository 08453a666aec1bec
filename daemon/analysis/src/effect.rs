//! What became of findings: the figures that caused them, then and since.
//!
//! It says what happened after, not because of: figures as bad as those of a finding tend to be
//! better next time by themselves (F. Galton, Regression towards Mediocrity in Hereditary Stature,
//! 1886). Whoever reads it compares those who were helped with those who were not.

use std::collections::{BTreeMap, BTreeSet};

use vekha_roadmap::formula::Formula;
use vekha_roadmap::model::{Analysis, Better, Indicator};

use crate::types::{Figure, Finding, Outcome};

/// What became of a finding by the next period in which it can be told whether its rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The rule was computed and is no longer met, none of the figures is worse (what met a mild
    /// rule may meet a graver one instead), and if it is about a change, that has been made good.
    Resolved,
    /// Some of the figures are better and none is worse.
    Better,
    /// Some are better, some are worse.
    Mixed,
    /// None differs as people see it, or none has a better direction and the rule is still met.
    Same,
    /// Some are worse and none is better.
    Worse,
    /// It cannot be told: there are no later figures yet, or not those that the rule needs.
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
    let levels = Levels::of(analysis);
    let later: Vec<Later<'_>> = later.iter().map(|outcome| Later::of(outcome)).collect();
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
        let told = later.iter().enumerate().find_map(|(place, one)| {
            let met = one.meets(finding, || figures.iter().map(|(_, v)| (v[0], v[place + 1])))?;
            Some((one.outcome, place + 1, met))
        });
        let effect = match told {
            None => Effect::Unknown,
            Some((_, place, true)) => {
                Change::of(figures.iter().map(|(i, v)| (*i, v[0], v[place]))).effect()
            }
            Some((next, place, false)) => {
                let when = rule.and_then(|rule| rule.when.as_ref());
                let changed = when.map(|when| levels.changed(analysis, when));
                let changed = changed.unwrap_or_default();
                let good = made_good(&changed, finding, first, next);
                let seen = figures.iter().map(|(i, v)| (*i, v[0], v[place]));
                // What says how much it changes falls to nothing by itself where nothing changes.
                let plain = seen.clone().filter(|(indicator, ..)| levels.is_plain(indicator));
                let behind = changed.iter().map(|level| {
                    (*level, value(first, &level.id, finding), value(next, &level.id, finding))
                });
                let behind = Change::of(plain.chain(behind));
                let seen = Change::of(seen);
                match good {
                    true if !seen.worse => Effect::Resolved,
                    true => seen.effect(),
                    false => Change { worse: seen.worse || behind.worse, ..behind }.effect(),
                }
            }
        };
        Followed { finding, figures, effect }
    });
    followed.collect()
}

fn figure<'o>(outcome: &'o Outcome, indicator: &str, finding: &Finding) -> Option<&'o Figure> {
    let figures = outcome.indicators.iter().find(|figures| figures.indicator == indicator)?;
    figures.organisations.get(&finding.organisation)
}

fn value(outcome: &Outcome, indicator: &str, finding: &Finding) -> Option<f64> {
    figure(outcome, indicator, finding).map(|figure| figure.value)
}

/// A later outcome, to be asked who meets a rule.
struct Later<'a> {
    outcome: &'a Outcome,
    met: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Later<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let met = outcome.findings.iter().map(|f| (f.organisation.as_str(), f.rule.as_str()));
        Later { outcome, met: met.collect() }
    }

    /// Whether the organisation meets the rule of its finding; none where that cannot be told.
    /// `figures` are those of the finding, then and in this outcome.
    fn meets<I>(&self, finding: &Finding, figures: impl Fn() -> I) -> Option<bool>
    where
        I: Iterator<Item = (Option<f64>, Option<f64>)>,
    {
        if self.met.contains(&(finding.organisation.as_str(), finding.rule.as_str())) {
            return Some(true);
        }
        let unmet = match &self.outcome.unmet {
            Some(unmet) => unmet.get(&finding.rule)?.binary_search(&finding.organisation).is_ok(),
            // An old one does not tell. With all the figures that the finding shows, it was computed.
            None => {
                figures().any(|(_, now)| now.is_some())
                    && figures().all(|(then, now)| then.is_none() || now.is_some())
            }
        };
        unmet.then_some(false)
    }
}

/// How figures differ, then and now.
struct Change {
    better: bool,
    worse: bool,
}

impl Change {
    fn of<'a>(figures: impl Iterator<Item = (&'a Indicator, Option<f64>, Option<f64>)>) -> Self {
        let mut change = Change { better: false, worse: false };
        for (indicator, then, now) in figures {
            let (Some(then), Some(now), Some(good)) = (then, now, indicator.better) else {
                continue;
            };
            let gain = gain(indicator, good, then, now);
            change.better |= gain > 0.0;
            change.worse |= gain < 0.0;
        }
        change
    }

    /// What it is as long as nothing is resolved.
    fn effect(&self) -> Effect {
        match (self.better, self.worse) {
            (true, false) => Effect::Better,
            (true, true) => Effect::Mixed,
            (false, false) => Effect::Same,
            (false, true) => Effect::Worse,
        }
    }
}

/// By how much a figure is better, in its last digit: what people cannot see is no change.
fn gain(indicator: &Indicator, good: Better, then: f64, now: f64) -> f64 {
    let unit = 10f64.powi(i32::from(indicator.decimals));
    let change = (now * unit).round() - (then * unit).round();
    if good == Better::Lower { -change } else { change }
}

/// Whether what had changed when it was found is again as good as it was before that.
fn made_good(changed: &[&Indicator], finding: &Finding, found: &Outcome, next: &Outcome) -> bool {
    changed.iter().all(|level| {
        let (Some(then), Some(now)) =
            (figure(found, &level.id, finding), value(next, &level.id, finding))
        else {
            return true;
        };
        let Some(before) = then.earlier else { return true };
        // A figure without a better direction was better before it changed.
        let good = level.better.unwrap_or(match then.value > before {
            true => Better::Lower,
            false => Better::Higher,
        });
        gain(level, good, before, now) >= 0.0
    })
}

/// Of which indicators' earlier values each indicator is made, itself or through another one.
struct Levels<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Levels<'a> {
    fn of(analysis: &'a Analysis) -> Self {
        let mut levels = Levels(BTreeMap::new());
        // Each may use those before it.
        for indicator in &analysis.indicators {
            // What a plugin gives looks at its own period, as far as is known.
            let own = indicator.formula.as_ref().map(|formula| levels.behind(formula));
            let own = own.unwrap_or_default();
            levels.0.insert(&indicator.id, own);
        }
        levels
    }

    fn behind(&self, formula: &'a Formula) -> BTreeSet<&'a str> {
        let mut levels = formula.fields("earlier");
        for used in formula.names().iter().filter_map(|name| self.0.get(name.as_str())) {
            levels.extend(used);
        }
        levels
    }

    /// The indicators whose change a rule is about; none if it is about no change.
    fn changed(&self, analysis: &'a Analysis, rule: &'a Formula) -> Vec<&'a Indicator> {
        let levels = self.behind(rule);
        analysis.indicators.iter().filter(|one| levels.contains(one.id.as_str())).collect()
    }

    /// Whether an indicator looks at its own period alone.
    fn is_plain(&self, indicator: &Indicator) -> bool {
        self.0.get(indicator.id.as_str()).is_none_or(BTreeSet::is_empty)
    }
}
