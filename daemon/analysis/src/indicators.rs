//! Indicators per organisation, in the definition's order: each may use those before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vekha_roadmap::model::Analysis;

use crate::aggregate::{aggregate, ranks};
use crate::methods::outlyingness;
use crate::types::{Figure, IndicatorFigures, Inputs, Values};

/// What formulas see, by organisation: answers, named datasets, thresholds, the period before. The
/// datasets go over into it.
pub(crate) fn scopes(analysis: &Analysis, inputs: &mut Inputs) -> BTreeMap<String, Values> {
    let thresholds: Values =
        analysis.thresholds.iter().map(|(k, v)| (k.clone(), Value::from(*v))).collect();
    let mut own = std::mem::take(&mut inputs.own);
    let mut named = std::mem::take(&mut inputs.named);
    let codes: BTreeSet<String> =
        own.keys().chain(named.values().flat_map(BTreeMap::keys)).cloned().collect();
    let scope = |code: String| {
        let mut scope = own.remove(&code).unwrap_or_default();
        for (alias, rows) in &mut named {
            scope.insert(alias.clone(), Value::Object(rows.remove(&code).unwrap_or_default()));
        }
        let earlier: Values = inputs
            .earlier
            .get(&code)
            .into_iter()
            .flatten()
            .map(|(id, v)| (id.clone(), Value::from(*v)))
            .collect();
        scope.insert("earlier".into(), Value::Object(earlier));
        scope.insert("threshold".into(), Value::Object(thresholds.clone()));
        scope.insert("organisation".into(), Value::from(code.as_str()));
        (code, scope)
    };
    codes.into_iter().map(scope).collect()
}

/// Computes every indicator and adds its values to the scopes.
pub(crate) fn compute(
    analysis: &Analysis,
    inputs: &Inputs,
    scopes: &mut BTreeMap<String, Values>,
) -> Vec<IndicatorFigures> {
    let mut all = Vec::with_capacity(analysis.indicators.len());
    for indicator in &analysis.indicators {
        let mut values: BTreeMap<String, f64> = BTreeMap::new();
        let mut withheld = BTreeMap::new();
        for (code, scope) in scopes.iter_mut() {
            match indicator.formula.evaluate(scope) {
                Ok(Some(value)) if value.is_number() => {
                    values.insert(code.clone(), value.as_f64().unwrap_or_default());
                    scope.insert(indicator.id.clone(), value);
                }
                Ok(None) => {
                    withheld.insert(code.clone(), "не хватает сведений".into());
                }
                Ok(Some(_)) => {
                    withheld.insert(code.clone(), "формула даёт не число".into());
                }
                Err(e) => {
                    withheld.insert(code.clone(), format!("не вычислено: {e}"));
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
