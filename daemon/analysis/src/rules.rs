//! Which organisations meet which rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vekha_roadmap::formula::{Formula, Layer};
use vekha_roadmap::model::{Analysis, Rule};
use vekha_roadmap::read::text_environment;

use crate::indicators::Scopes;
use crate::rows::RowSets;
use crate::texts::{Listed, Said, Texts, by_name};
use crate::types::{Figure, Finding, Given, IndicatorFigures, Inputs, Values};
use crate::{WORTH_A_THREAD, parallel};

/// Which organisations meet which rules.
pub(crate) struct Judged {
    /// By organisation, then in the definition's order of rules.
    pub findings: Vec<Finding>,
    /// Rule id -> who is known not to meet it, in the order of codes.
    pub unmet: BTreeMap<String, Vec<String>>,
    /// Rules of which a text could not be made, and why.
    pub unwritten: BTreeMap<String, String>,
}

/// What stands for a finding whose text cannot be made: never the template's source.
const UNWRITTEN: &str = "Текст вывода не составлен, показатели — рядом.";

/// Looks at every organisation in the order of codes and every rule in the definition's order.
pub(crate) fn judge(
    analysis: &Analysis,
    inputs: &Inputs<'_>,
    indicators: &[IndicatorFigures],
    scopes: Scopes<'_>,
) -> Judged {
    let municipality = aggregates(analysis, indicators);
    let environment = text_environment();
    let rules: Vec<(&Rule, Said<'_>)> =
        analysis.rules.iter().map(|rule| (rule, Said::read(&environment, rule))).collect();
    let listed = Listed::read(&environment, analysis);
    let texts =
        Texts::new(analysis, inputs, indicators, listed, rules.iter().map(|(_, said)| said));
    let conditions: BTreeSet<String> = analysis
        .rules
        .iter()
        .filter_map(|rule| rule.when.as_ref())
        .flat_map(Formula::names)
        .collect();
    // What no rule asks for is not gathered.
    let (ranked, apart) = (conditions.contains("rank"), conditions.contains("outlier"));
    let given = inputs.given.as_ref();
    let Scopes { by_code, seen_by_all } = scopes;
    let codes: Vec<&str> = by_code.keys().copied().collect();
    let own = by_organisation(&codes, indicators);
    let judge = Judge { analysis, rules, texts, given };
    let mut everybody: Vec<_> = by_code.into_iter().zip(own).collect();
    let found = parallel::map(&mut everybody, WORTH_A_THREAD, |((code, scope), own)| {
        // Let go here, by the thread that is at it.
        let scope = std::mem::take(scope);
        let by_indicator = |wanted: bool, value: fn(&Figure) -> Option<Value>| -> Values {
            let each = indicators.iter().zip(own.iter()).filter(|_| wanted);
            each.filter_map(|(i, figure)| Some((i.indicator.clone(), value((*figure)?)?))).collect()
        };
        let rank = by_indicator(ranked, |figure| figure.rank.map(Value::from));
        let outlier = by_indicator(apart, |figure| figure.outlier.map(Value::from));
        let compared = [
            Layer::Record("rank", &rank, None),
            Layer::Record("outlier", &outlier, None),
            Layer::Record("municipality", &municipality, None),
        ];
        judge.organisation(code, own, &scope.rows, &seen_by_all.layers(&scope, &compared))
    });
    let mut judged = Judged {
        findings: Vec::new(),
        unmet: analysis.rules.iter().map(|rule| (rule.id.clone(), Vec::new())).collect(),
        unwritten: BTreeMap::new(),
    };
    for (code, own) in codes.into_iter().zip(found) {
        judged.findings.extend(own.findings);
        for (rule, why) in own.unwritten {
            judged.unwritten.entry(rule.to_owned()).or_insert(why);
        }
        for rule in own.unmet {
            judged.unmet.entry(rule.to_owned()).or_default().push(code.to_owned());
        }
    }
    judged
}

/// What every organisation is judged by.
struct Judge<'a> {
    analysis: &'a Analysis,
    rules: Vec<(&'a Rule, Said<'a>)>,
    texts: Texts<'a>,
    given: Option<&'a Given>,
}

/// How one organisation was judged.
#[derive(Default)]
struct Own<'a> {
    findings: Vec<Finding>,
    /// Rules that it is known not to meet.
    unmet: Vec<&'a str>,
    /// Rules of which a text could not be made, and why.
    unwritten: Vec<(&'a str, String)>,
}

impl<'a> Judge<'a> {
    fn organisation(
        &self,
        code: &str,
        own: &[Option<&Figure>],
        rows: &RowSets<'_>,
        layers: &[Layer<'_>],
    ) -> Own<'a> {
        let mut judged = Own::default();
        let mut context = None;
        for (rule, said) in &self.rules {
            let holds = match &rule.when {
                Some(when) => when.holds_in(layers),
                None => Ok(self.given.and_then(|given| given.holds(self.analysis, rule, code))),
            };
            match holds {
                Ok(Some(true)) => {}
                Ok(Some(false)) => {
                    judged.unmet.push(rule.id.as_str());
                    continue;
                }
                // It lacks a value: nothing is said of what is not known.
                Ok(None) | Err(_) => continue,
            }
            let mut figures = self.texts.items(own, rule);
            let found = self.given.and_then(|given| given.findings.get(&rule.id));
            figures.extend(found.and_then(|found| found.get(code)).into_iter().flatten().cloned());
            let context = context.get_or_insert_with(|| self.texts.context(code, own, rows));
            let mut failed = |why: String| judged.unwritten.push((rule.id.as_str(), why));
            let text = said.finding(context).map_err(&mut failed);
            let recommendation = said.recommendation(context).map_err(&mut failed);
            let alternatives = said.alternatives(context).map_err(&mut failed);
            judged.findings.push(Finding {
                organisation: code.to_owned(),
                rule: rule.id.clone(),
                severity: rule.severity,
                text: text.unwrap_or_else(|()| UNWRITTEN.to_owned()),
                recommendation: recommendation.unwrap_or_default(),
                alternatives: alternatives.unwrap_or_default(),
                figures,
            });
        }
        judged
    }
}

/// The figures of each organisation, in the order of indicators; none where it has no value.
fn by_organisation<'a>(
    codes: &[&str],
    indicators: &'a [IndicatorFigures],
) -> Vec<Vec<Option<&'a Figure>>> {
    let mut all = vec![Vec::with_capacity(indicators.len()); codes.len()];
    for figures in indicators {
        // Both come in the order of codes.
        let mut known = figures.organisations.iter().peekable();
        for (code, own) in codes.iter().zip(&mut all) {
            own.push(known.next_if(|(of, _)| of == code).map(|(_, figure)| figure));
        }
    }
    all
}

/// `municipality` as rules see it. With too few values there is nothing to compare with, and only
/// the count is given.
fn aggregates(analysis: &Analysis, indicators: &[IndicatorFigures]) -> Values {
    indicators
        .iter()
        .map(|figures| {
            let value = match figures.compared(analysis.min_count) {
                Some(a) => by_name(&a, Value::from),
                None => json!({ "count": figures.organisations.len() }),
            };
            (figures.indicator.clone(), value)
        })
        .collect()
}
