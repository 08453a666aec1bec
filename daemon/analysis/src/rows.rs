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
    let columns: Vec<&str> = analysis.columns_of_others().into_iter().collect();
    for set in &analysis.rows {
        let mut selected = parallel::map(everybody, WORTH_A_THREAD, |scope| {
            // What cannot be computed is not known, as with indicators.
            set.formula.evaluate_in(&seen_by_all.layers(scope, &[])).ok().flatten()
        });
        if !set.key.is_empty() {
            compare(set, &columns, analysis.min_count, &mut selected);
        }
        for (scope, selected) in everybody.iter_mut().zip(selected) {
            scope.rows.extend(selected.map(|selected| (set.id.clone(), selected)));
        }
    }
}

/// Sums of the columns that are looked at; none of one that nobody has a number in.
type Sums = Vec<Option<f64>>;

/// What all organisations have under a key.
struct Pool {
    sums: Sums,
    organisations: usize,
}

fn add(sum: &mut Option<f64>, more: Option<f64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default() + more);
    }
}

/// Puts beside each row what the others have, where there are enough organisations to compare: of
/// fewer, the others are a school that anybody can name.
fn compare(set: &RowSet, columns: &[&str], min_count: usize, selected: &mut [Option<Value>]) {
    let own =
        parallel::map(selected, WORTH_A_THREAD, |rows| sums_by_key(set, columns, rows.as_ref()));
    let mut pools: BTreeMap<&str, Pool> = BTreeMap::new();
    for (key, sums) in own.iter().flatten() {
        let empty = || Pool { sums: vec![None; columns.len()], organisations: 0 };
        let pool = pools.entry(key).or_insert_with(empty);
        pool.organisations += 1;
        for (sum, more) in pool.sums.iter_mut().zip(sums) {
            add(sum, *more);
        }
    }
    pools.retain(|_, pool| pool.organisations >= min_count.max(2));
    for (rows, own) in selected.iter_mut().zip(&own) {
        let rows = rows.as_mut().and_then(Value::as_array_mut);
        for row in rows.into_iter().flatten().filter_map(Value::as_object_mut) {
            let Some(key) = key_of(set, row) else { continue };
            if let (Some(pool), Some(own)) = (pools.get(key.as_str()), own.get(&key)) {
                row.insert("others".into(), pool.without(own, columns).into());
            }
        }
    }
}

impl Pool {
    fn without(&self, own: &Sums, columns: &[&str]) -> Values {
        let others = columns.iter().zip(self.sums.iter().zip(own)).filter_map(|(column, sums)| {
            let (all, own) = (*sums.0, sums.1.unwrap_or_default());
            Some(((*column).to_owned(), json!(all? - own)))
        });
        let count = ("organisations".to_owned(), json!(self.organisations - 1));
        others.chain([count]).collect()
    }
}

/// What an organisation has under each key.
fn sums_by_key(set: &RowSet, columns: &[&str], rows: Option<&Value>) -> BTreeMap<String, Sums> {
    let mut all: BTreeMap<String, Sums> = BTreeMap::new();
    let rows = rows.and_then(Value::as_array).into_iter().flatten();
    for row in rows.filter_map(Value::as_object) {
        let Some(key) = key_of(set, row) else { continue };
        let sums = all.entry(key).or_insert_with(|| vec![None; columns.len()]);
        for (sum, column) in sums.iter_mut().zip(columns) {
            add(sum, row.get(*column).and_then(Value::as_f64));
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
