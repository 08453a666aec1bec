//! Row sets: rows of tables that the definition names once, per organisation, before anything is
//! computed. A row of a set with a key knows what the other organisations have under the same key.

use std::collections::BTreeMap;

use serde_json::Value;
use vekha_roadmap::formula::{Cell, Layer, Selection, Values};
use vekha_roadmap::model::{Analysis, RowGroups, RowSet};

use crate::indicators::{Scope, SeenByAll};
use crate::{WORTH_A_THREAD, parallel};

/// Row sets by their ids.
pub(crate) type RowSets<'i> = Vec<(&'i str, Selection)>;

/// What `others` tell beside sums: how many they are.
const ORGANISATIONS: &str = "organisations";

/// Selects the rows of all organisations, one set after the other: each may use those before it.
pub(crate) fn select<'i>(
    analysis: &'i Analysis,
    seen_by_all: &SeenByAll,
    everybody: &mut [&mut Scope<'i>],
) {
    let columns = analysis.columns_of_others().into_iter();
    let columns: Vec<&str> = columns.filter(|column| *column != ORGANISATIONS).collect();
    for set in &analysis.rows {
        let mut selected = parallel::map(everybody, WORTH_A_THREAD, |scope| {
            // What cannot be computed is not known, as with indicators.
            let selected = set.formula.select_in(&seen_by_all.layers(scope, &[])).ok().flatten()?;
            match &set.groups {
                Some(groups) => grouped(groups, &selected, seen_by_all, scope),
                None => Some(selected),
            }
        });
        if !set.key.is_empty() {
            compare(set, &columns, analysis.min_count, &mut selected);
        }
        for (scope, selected) in everybody.iter_mut().zip(selected) {
            scope.rows.extend(selected.map(|selected| (set.id.as_str(), selected)));
        }
    }
}

/// The groups of an organisation's rows that count, each with its values. Of which it cannot be told
/// whether it counts does not.
fn grouped<'s>(
    groups: &RowGroups,
    rows: &Selection,
    seen_by_all: &'s SeenByAll,
    scope: &'s Scope<'s>,
) -> Option<Selection> {
    let mut all: Vec<Value> = Vec::new();
    let beside = groups.grouping.beside.as_deref();
    let beside = beside.map(|table| seen_by_all.of_department(table)).unwrap_or_default();
    for group in groups.grouping.groups(&rows.records(), beside) {
        let layers = seen_by_all.layers(scope, &[Layer::Record("row", &group.seen, None)]);
        let values = groups.values.iter().filter_map(|(id, formula)| {
            Some((id.clone(), formula.evaluate_in(&layers).ok().flatten()?))
        });
        let values: Values = values.collect();
        let with_values = [Layer::Record("row", &group.seen, Some(&values))];
        let counts = match &groups.when {
            Some(when) => when.holds_in(&seen_by_all.layers(scope, &with_values)) == Ok(Some(true)),
            None => true,
        };
        if counts {
            let mut seen = group.seen;
            seen.extend(values);
            all.push(seen.into());
        }
    }
    Selection::of_table(&all)
}

/// Sums of the columns that are looked at; none of one that nobody has a number in.
type Sums = Vec<Option<f64>>;

/// What all organisations have under a key.
struct Pool {
    sums: Sums,
    organisations: usize,
}

/// What one organisation has.
struct Own {
    /// The key of each of its rows; none if a part of it is not known.
    keys: Vec<Option<String>>,
    sums: BTreeMap<String, Sums>,
}

fn add(sum: &mut Option<f64>, more: f64) {
    *sum = Some(sum.unwrap_or_default() + more);
}

/// Puts beside each row what the others have, where there are enough organisations to compare: of
/// fewer, the others are a school that anybody can name.
fn compare(set: &RowSet, columns: &[&str], min_count: usize, selected: &mut [Option<Selection>]) {
    let mut all: Vec<(&mut Selection, Own)> =
        parallel::map(selected, WORTH_A_THREAD, |rows| Own::of(set, columns, rows.as_ref()))
            .into_iter()
            .zip(selected)
            .filter_map(|(own, rows)| Some((rows.as_mut()?, own)))
            .collect();
    let mut pools: BTreeMap<String, Pool> = BTreeMap::new();
    for (key, sums) in all.iter().flat_map(|(_, own)| &own.sums) {
        let empty = || Pool { sums: vec![None; columns.len()], organisations: 0 };
        let pool = pools.entry(key.clone()).or_insert_with(empty);
        pool.organisations += 1;
        for (sum, more) in pool.sums.iter_mut().zip(sums) {
            more.iter().for_each(|more| add(sum, *more));
        }
    }
    pools.retain(|_, pool| pool.organisations >= min_count.max(2));
    let names: Vec<&str> = columns.iter().copied().chain([ORGANISATIONS]).collect();
    parallel::map(&mut all, WORTH_A_THREAD, |(rows, own)| {
        let others = own.keys.iter().map(|key| {
            let key = key.as_ref()?;
            Some(pools.get(key)?.without(own.sums.get(key)?))
        });
        rows.beside(&names, others);
    });
}

impl Pool {
    /// The sums of all but one, and how many are left.
    fn without(&self, own: &Sums) -> Sums {
        let each = self.sums.iter().zip(own);
        let others = each.map(|(all, own)| Some((*all)? - own.unwrap_or_default()));
        others.chain([Some((self.organisations - 1) as f64)]).collect()
    }
}

impl Own {
    fn of(set: &RowSet, columns: &[&str], rows: Option<&Selection>) -> Self {
        let mut own = Own { keys: Vec::new(), sums: BTreeMap::new() };
        let Some(rows) = rows else { return own };
        own.keys = keys(set, rows);
        for key in own.keys.iter().flatten() {
            own.sums.entry(key.clone()).or_insert_with(|| vec![None; columns.len()]);
        }
        for (place, column) in columns.iter().enumerate() {
            for (key, cell) in own.keys.iter().zip(rows.column(column)) {
                let sums = key.as_ref().and_then(|key| own.sums.get_mut(key));
                if let (Some(sums), Some(Cell::Number(number))) = (sums, cell) {
                    add(&mut sums[place], number);
                }
            }
        }
        own
    }
}

/// The key of each row; none if a part of it is not known.
fn keys(set: &RowSet, rows: &Selection) -> Vec<Option<String>> {
    let mut keys = vec![Some(String::new()); rows.len()];
    for column in &set.key {
        for (key, cell) in keys.iter_mut().zip(rows.column(column)) {
            match (key.as_mut(), cell) {
                (Some(key), Some(Cell::Text(text))) => key.push_str(text),
                // 5 and 5.0 are the same grade.
                (Some(key), Some(Cell::Number(number))) => key.push_str(&number.to_string()),
                _ => *key = None,
            }
            // No column of a form has this sign within.
            key.as_mut().into_iter().for_each(|key| key.push('\0'));
        }
    }
    keys
}
