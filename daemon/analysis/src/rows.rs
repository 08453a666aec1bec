//! Row sets: rows of tables that the definition names once, per organisation, before anything is
//! computed. A row of a set with a key knows what the other organisations have under the same key.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vekha_roadmap::model::{Analysis, RowSet};

use crate::indicators::{Scope, SeenByAll};
use crate::types::Values;
use crate::{WORTH_A_THREAD, parallel};

/// Selects the rows of all organisations, one set after the other: each may use those before it.
pub(crate) fn select(
    analysis: &Analysis,
    seen_by_all: &SeenByAll,
    everybody: &mut [&mut Scope<'_>],
) {
    for set in &analysis.rows {
        let mut selected = parallel::map(everybody, WORTH_A_THREAD, |scope| {
            // What cannot be computed is not known, as with indicators.
            set.formula.evaluate_in(&seen_by_all.layers(scope, &[])).ok().flatten()
        });
        if !set.key.is_empty() {
            compare(set, analysis.min_count, &mut selected);
        }
        for (scope, selected) in everybody.iter_mut().zip(selected) {
            scope.rows.extend(selected.map(|selected| (set.id.clone(), selected)));
        }
    }
}

/// Sums of numbers by column.
type Sums = BTreeMap<String, f64>;

/// What all organisations have under a key.
#[derive(Default)]
struct Pool {
    sums: Sums,
    organisations: usize,
}

/// Puts beside each row what the others have, where there are enough organisations to compare: of
/// fewer, the others are a school that anybody can name.
fn compare(set: &RowSet, min_count: usize, selected: &mut [Option<Value>]) {
    let own = parallel::map(selected, WORTH_A_THREAD, |rows| sums_by_key(set, rows.as_ref()));
    let mut pools: BTreeMap<&str, Pool> = BTreeMap::new();
    for (key, sums) in own.iter().flatten() {
        let pool = pools.entry(key).or_default();
        pool.organisations += 1;
        for (column, sum) in sums {
            *pool.sums.entry(column.clone()).or_default() += sum;
        }
    }
    pools.retain(|_, pool| pool.organisations >= min_count.max(2));
    for (rows, own) in selected.iter_mut().zip(&own) {
        let rows = rows.as_mut().and_then(Value::as_array_mut);
        for row in rows.into_iter().flatten().filter_map(Value::as_object_mut) {
            let Some(key) = key_of(set, row) else { continue };
            if let (Some(pool), Some(own)) = (pools.get(key.as_str()), own.get(&key)) {
                row.insert("others".into(), pool.without(own).into());
            }
        }
    }
}

impl Pool {
    fn without(&self, own: &Sums) -> Values {
        let others = self.sums.iter().map(|(column, sum)| {
            let own = own.get(column).copied().unwrap_or_default();
            (column.clone(), json!(sum - own))
        });
        let count = ("organisations".to_owned(), json!(self.organisations - 1));
        others.chain([count]).collect()
    }
}

/// What an organisation has under each key.
fn sums_by_key(set: &RowSet, rows: Option<&Value>) -> BTreeMap<String, Sums> {
    let mut all: BTreeMap<String, Sums> = BTreeMap::new();
    let rows = rows.and_then(Value::as_array).into_iter().flatten();
    for row in rows.filter_map(Value::as_object) {
        let Some(key) = key_of(set, row) else { continue };
        let sums = all.entry(key).or_default();
        for (column, value) in row {
            if let Some(number) = value.as_f64() {
                *sums.entry(column.clone()).or_default() += number;
            }
        }
    }
    all
}

/// The key of a row; none if a part of it is not known.
fn key_of(set: &RowSet, row: &Map<String, Value>) -> Option<String> {
    let parts = set.key.iter().map(|column| match row.get(column)? {
        Value::String(text) => Some(text.clone()),
        // 5 and 5.0 are the same grade.
        Value::Number(number) => Some(number.as_f64()?.to_string()),
        _ => None,
    });
    // No column of a form has this sign within.
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("\u{0}"))
}
