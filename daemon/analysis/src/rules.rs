//! Which organisations meet which rules, and what is said to them.

use std::collections::BTreeMap;

use minijinja::Environment;
use serde_json::{Value, json};
use vekha_roadmap::model::{Analysis, Indicator, Rule};
use vekha_roadmap::read::environment;
use vekha_roadmap::russian;

use crate::types::{Aggregate, Finding, IndicatorFigures, Inputs, Item, Values};

/// Looks at every organisation in the order of codes and every rule in the definition's order.
pub(crate) fn findings(
    analysis: &Analysis,
    inputs: &Inputs,
    indicators: &[IndicatorFigures],
    scopes: BTreeMap<String, Values>,
) -> Vec<Finding> {
    let municipality = Value::Object(aggregates(analysis, indicators));
    let environment = environment();
    let mut findings = Vec::new();
    for (code, mut scope) in scopes {
        let ranks: Values = indicators
            .iter()
            .filter_map(|i| Some((i.indicator.clone(), i.organisations.get(&code)?.rank?.into())))
            .collect();
        let apart: Values = indicators
            .iter()
            .filter_map(|i| {
                Some((i.indicator.clone(), i.organisations.get(&code)?.outlier?.into()))
            })
            .collect();
        scope.insert("rank".into(), Value::Object(ranks));
        scope.insert("outlier".into(), Value::Object(apart));
        scope.insert("municipality".into(), municipality.clone());
        for rule in &analysis.rules {
            // A rule that lacks a value is not met: nothing is said of what is not known.
            if !matches!(rule.when.holds(&scope), Ok(Some(true))) {
                continue;
            }
            let texts = Texts { analysis, inputs, indicators, code: &code };
            let context = texts.context(&scope);
            findings.push(Finding {
                organisation: code.clone(),
                rule: rule.id.clone(),
                severity: rule.severity,
                text: render(&environment, &rule.finding, &context),
                recommendation: rule
                    .recommendation
                    .as_ref()
                    .map(|text| render(&environment, text, &context)),
                figures: texts.items(rule),
            });
        }
    }
    findings
}

/// `municipality` as rules see it. With too few values there is nothing to compare with, and only
/// the count is given.
fn aggregates(analysis: &Analysis, indicators: &[IndicatorFigures]) -> Values {
    indicators
        .iter()
        .map(|figures| {
            let value = match figures.municipality {
                Some(a) if comparable(analysis, &a) => json!({
                    "count": a.count, "mean": a.mean, "median": a.median,
                    "min": a.min, "max": a.max, "deviation": a.deviation,
                    "lower_quartile": a.lower_quartile, "upper_quartile": a.upper_quartile,
                }),
                Some(a) => json!({ "count": a.count }),
                None => json!({ "count": 0 }),
            };
            (figures.indicator.clone(), value)
        })
        .collect()
}

fn comparable(analysis: &Analysis, aggregate: &Aggregate) -> bool {
    aggregate.count as usize >= analysis.min_count
}

struct Texts<'a> {
    analysis: &'a Analysis,
    inputs: &'a Inputs,
    indicators: &'a [IndicatorFigures],
    code: &'a str,
}

impl Texts<'_> {
    /// The variables of texts: numbers are given as people read them.
    fn context(&self, scope: &Values) -> Value {
        let mut context = Values::new();
        let mut municipality = Values::new();
        let mut earlier = Values::new();
        for (indicator, figures) in self.analysis.indicators.iter().zip(self.indicators) {
            let shown = |value: f64| Value::from(russian::number(value, indicator.decimals));
            if let Some(figure) = figures.organisations.get(self.code) {
                context.insert(indicator.id.clone(), shown(figure.value));
                if let Some(value) = figure.earlier {
                    earlier.insert(indicator.id.clone(), shown(value));
                }
            }
            if let Some(a) = figures.municipality.filter(|a| comparable(self.analysis, a)) {
                let values = json!({
                    "count": a.count, "mean": shown(a.mean), "median": shown(a.median),
                    "min": shown(a.min), "max": shown(a.max), "deviation": shown(a.deviation),
                    "lower_quartile": shown(a.lower_quartile),
                    "upper_quartile": shown(a.upper_quartile),
                });
                municipality.insert(indicator.id.clone(), values);
            }
        }
        let thresholds: Values = self
            .analysis
            .thresholds
            .iter()
            .map(|(name, value)| {
                let decimals = if value.fract() == 0.0 { 0 } else { 2 };
                (name.clone(), russian::number(*value, decimals).into())
            })
            .collect();
        context.insert("municipality".into(), Value::Object(municipality));
        context.insert("earlier".into(), Value::Object(earlier));
        context.insert("threshold".into(), Value::Object(thresholds));
        context.insert("rank".into(), scope.get("rank").cloned().unwrap_or_default());
        let name = self.inputs.names.get(self.code).map_or(self.code, String::as_str);
        context.insert("organisation".into(), json!({ "code": self.code, "name": name }));
        Value::Object(context)
    }

    /// The figures that a finding shows.
    fn items(&self, rule: &Rule) -> Vec<Item> {
        rule.shows.iter().filter_map(|id| self.item(id)).collect()
    }

    fn item(&self, id: &str) -> Option<Item> {
        let (indicator, figures) = self.find(id)?;
        let figure = figures.organisations.get(self.code)?;
        let shown = |value: f64| russian::number(value, indicator.decimals);
        let compared = figures.municipality.filter(|a| comparable(self.analysis, a));
        Some(Item {
            title: indicator.title.clone(),
            value: shown(figure.value),
            unit: indicator.unit.clone(),
            municipality_mean: compared.map(|a| shown(a.mean)).unwrap_or_default(),
            earlier: figure.earlier.map(shown).unwrap_or_default(),
            rank: figure.rank,
            count: figures.organisations.len() as u32,
        })
    }

    fn find(&self, id: &str) -> Option<(&Indicator, &IndicatorFigures)> {
        self.analysis.indicators.iter().zip(self.indicators).find(|(i, _)| i.id == id)
    }
}

/// A text whose template fails is shown as it was written: better odd than missing.
fn render(environment: &Environment<'_>, text: &str, context: &Value) -> String {
    environment
        .render_str(text, minijinja::Value::from(minijinja::value::Serde(context)))
        .unwrap_or_else(|_| text.to_owned())
}
