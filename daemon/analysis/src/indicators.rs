//! Indicators per organisation, in the definition's order: each may use those before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vekha_roadmap::formula::Layer;
use vekha_roadmap::model::Analysis;

use crate::aggregate::{aggregate, ranks};
use crate::methods::outlyingness;
use crate::types::{Figure, IndicatorFigures, Inputs, Record, Values};
use crate::{WORTH_A_THREAD, parallel};

/// What formulas see of an organisation.
pub(crate) struct Scope<'i> {
    own: Option<&'i Record<'i>>,
    /// Named datasets: none where the organisation is not in one.
    named: Vec<(&'i str, Option<&'i Record<'i>>)>,
    earlier: Values,
    /// Its code, and the indicators as they come.
    computed: Values,
}

/// What formulas see of everybody: organisation code -> scope.
pub(crate) struct Scopes<'i> {
    pub by_code: BTreeMap<&'i str, Scope<'i>>,
    thresholds: Values,
    nothing: Values,
}

impl<'i> Scopes<'i> {
    /// From what goes into an analysis; nothing of it is copied but what is small.
    pub fn new(analysis: &Analysis, inputs: &'i Inputs<'i>) -> Self {
        let datasets = [&inputs.own].into_iter().chain(inputs.named.values());
        let codes: BTreeSet<&str> = datasets.flat_map(BTreeMap::keys).map(String::as_str).collect();
        let scope = |code: &'i str| {
            let named = inputs.named.iter();
            let earlier = inputs.earlier.get(code).into_iter().flatten();
            let mut computed = Values::new();
            computed.insert("organisation".into(), Value::from(code));
            let scope = Scope {
                own: inputs.own.get(code),
                named: named.map(|(alias, rows)| (alias.as_str(), rows.get(code))).collect(),
                earlier: earlier.map(|(id, v)| (id.clone(), Value::from(*v))).collect(),
                computed,
            };
            (code, scope)
        };
        Scopes {
            by_code: codes.into_iter().map(scope).collect(),
            thresholds: analysis.thresholds.iter().map(|(k, v)| (k.clone(), (*v).into())).collect(),
            nothing: Values::new(),
        }
    }

    /// Where a formula looks names up, after `first`.
    pub fn layers<'s>(&'s self, scope: &'s Scope<'s>, first: &[Layer<'s>]) -> Vec<Layer<'s>> {
        layers(scope, &self.thresholds, &self.nothing, first)
    }
}

fn layers<'s>(
    scope: &'s Scope<'s>,
    thresholds: &'s Values,
    nothing: &'s Values,
    first: &[Layer<'s>],
) -> Vec<Layer<'s>> {
    let mut layers = first.to_vec();
    layers.push(Layer::All(&scope.computed));
    layers.push(Layer::Record("earlier", &scope.earlier, None));
    layers.push(Layer::Record("threshold", thresholds, None));
    layers.extend(scope.named.iter().map(|(alias, record)| match record {
        Some(record) => Layer::Record(alias, &record.figures, Some(&record.answers)),
        None => Layer::Record(alias, nothing, None),
    }));
    if let Some(own) = scope.own {
        layers.push(Layer::All(&own.figures));
        layers.push(Layer::All(&own.answers));
    }
    layers
}

/// Computes every indicator and adds its values to the scopes.
pub(crate) fn compute(
    analysis: &Analysis,
    inputs: &Inputs<'_>,
    scopes: &mut Scopes<'_>,
) -> Vec<IndicatorFigures> {
    let mut all = Vec::with_capacity(analysis.indicators.len());
    for indicator in &analysis.indicators {
        let mut values: BTreeMap<String, f64> = BTreeMap::new();
        let mut withheld = BTreeMap::new();
        let Scopes { by_code, thresholds, nothing } = scopes;
        let mut everybody: Vec<(&&str, &mut Scope<'_>)> = by_code.iter_mut().collect();
        let computed = parallel::map(&mut everybody, WORTH_A_THREAD, |(_, scope)| {
            indicator.formula.evaluate_in(&layers(scope, thresholds, nothing, &[]))
        });
        for ((code, scope), computed) in everybody.into_iter().zip(computed) {
            let code = (*code).to_owned();
            match computed {
                Ok(Some(value)) if value.is_number() => {
                    values.insert(code, value.as_f64().unwrap_or_default());
                    scope.computed.insert(indicator.id.clone(), value);
                }
                Ok(None) => {
                    withheld.insert(code, "не хватает сведений".into());
                }
                Ok(Some(_)) => {
                    withheld.insert(code, "формула даёт не число".into());
                }
                Err(e) => {
                    withheld.insert(code, format!("не вычислено: {e}"));
                }
            }
        }
        let enough = values.len() >= analysis.min_count;
        let places = match indicator.better {
            Some(better) if enough => ranks(&values, better),
            _ => BTreeMap::new(),
        };
        let municipality = aggregate(&values.values().copied().collect::<Vec<_>>());
        let apart = |value: f64| {
            let m = municipality.filter(|_| enough)?;
            outlyingness(value, m.median, m.median_deviation)
        };
        let organisations = values
            .into_iter()
            .map(|(code, value)| {
                let earlier = inputs.earlier.get(&code).and_then(|e| e.get(&indicator.id));
                let rank = places.get(&code).copied();
                let outlier = apart(value);
                (code, Figure { value, rank, earlier: earlier.copied(), outlier })
            })
            .collect();
        all.push(IndicatorFigures {
            indicator: indicator.id.clone(),
            organisations,
            municipality,
            withheld,
        });
    }
    all
}
