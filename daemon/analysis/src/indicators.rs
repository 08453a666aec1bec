//! Indicators per organisation, in the definition's order: each may use those before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vekha_roadmap::formula::{Layer, Selection};
use vekha_roadmap::model::{Analysis, Audience, Indicator};
use vekha_roadmap::russian;

use crate::aggregate::{aggregate, ranks};
use crate::methods::outlyingness;
use crate::public::{self, PublicFigure, Stated};
use crate::rows::RowSets;
use crate::types::{Aggregate, Dataset, Figure, Given, IndicatorFigures, Inputs, Record, Values};
use crate::{WORTH_A_THREAD, parallel, rows};

/// So many formulas that begin from a table are worth its being put in columns.
const WORTH_COLUMNS: usize = 3;

/// What formulas see of an organisation.
#[derive(Default)]
pub(crate) struct Scope<'i> {
    code: &'i str,
    own: Option<&'i Record<'i>>,
    /// Named datasets: none where the organisation is not in one.
    named: Vec<(&'i str, Option<&'i Record<'i>>)>,
    /// Tables that are worth it and row sets of this period; row sets of the period before, where a
    /// formula looks at them.
    pub rows: RowSets<'i>,
    earlier_rows: RowSets<'i>,
    /// Indicators of the period before.
    earlier: Values,
    /// The indicators as they come.
    computed: Vec<(&'i str, f64)>,
}

/// What formulas see of everybody.
pub(crate) struct Scopes<'i> {
    /// Organisation code -> scope.
    pub by_code: BTreeMap<&'i str, Scope<'i>>,
    pub seen_by_all: SeenByAll,
}

/// What is the same for every organisation.
pub(crate) struct SeenByAll {
    thresholds: Values,
    department: Values,
    nothing: Values,
}

impl<'i> Scopes<'i> {
    /// From what goes into an analysis; nothing of it is copied but what is small and the rows that
    /// the definition selects.
    pub fn new(analysis: &'i Analysis, inputs: &'i Inputs<'i>) -> Self {
        let counts = analysis.formulas_by_name();
        let worth_it = counts.iter().filter(|(_, count)| **count >= WORTH_COLUMNS);
        let tables: Vec<&str> = worth_it.map(|(name, _)| name.as_str()).collect();
        let mut by_code = scopes(analysis, &inputs.own, &inputs.named);
        let thresholds = analysis.thresholds.iter().map(|(k, v)| (k.clone(), (*v).into()));
        let seen_by_all = SeenByAll {
            thresholds: thresholds.collect(),
            department: inputs.department.clone(),
            nothing: Values::new(),
        };
        if analysis.looks_at_earlier_rows() {
            let mut before = scopes(analysis, &inputs.own_before, &inputs.named_before);
            rows::select(analysis, &seen_by_all, &mut before.values_mut().collect::<Vec<_>>());
            for (code, before) in before {
                if let Some(scope) = by_code.get_mut(code) {
                    scope.earlier_rows = before.rows;
                }
            }
        }
        let mut everybody: Vec<&mut Scope<'_>> = by_code.values_mut().collect();
        parallel::map(&mut everybody, WORTH_A_THREAD, |scope| scope.put_in_columns(&tables));
        rows::select(analysis, &seen_by_all, &mut everybody);
        Scopes { by_code, seen_by_all }
    }
}

impl<'i> Scope<'i> {
    /// Puts tables of its own answers in columns, which formulas then find before the answers.
    fn put_in_columns(&mut self, tables: &[&str]) {
        let Some(own) = self.own else { return };
        for name in tables.iter().filter(|name| !own.figures.contains_key(**name)) {
            if let Some((name, Value::Array(rows))) = own.answers.get_key_value(*name)
                && let Some(columns) = Selection::of_table(rows)
            {
                self.rows.push((name, columns));
            }
        }
    }
}

/// Whoever is in one of the datasets.
fn scopes<'i>(
    analysis: &Analysis,
    own: &'i Dataset<'i>,
    named: &'i BTreeMap<String, Dataset<'i>>,
) -> BTreeMap<&'i str, Scope<'i>> {
    let datasets = [own].into_iter().chain(named.values());
    let codes: BTreeSet<&str> = datasets.flat_map(BTreeMap::keys).map(String::as_str).collect();
    let scope = |code: &'i str| {
        let scope = Scope {
            code,
            own: own.get(code),
            named: named.iter().map(|(alias, rows)| (alias.as_str(), rows.get(code))).collect(),
            rows: RowSets::new(),
            earlier_rows: RowSets::new(),
            earlier: Values::new(),
            computed: Vec::with_capacity(analysis.indicators.len()),
        };
        (code, scope)
    };
    codes.into_iter().map(scope).collect()
}

impl SeenByAll {
    /// The rows of a table of the department's.
    pub fn of_department(&self, table: &str) -> &[Value] {
        let rows = self.department.get(table).and_then(Value::as_array);
        rows.map(Vec::as_slice).unwrap_or_default()
    }

    /// Where a formula looks names up, after `first`.
    pub fn layers<'s>(&'s self, scope: &'s Scope<'s>, first: &[Layer<'s>]) -> Vec<Layer<'s>> {
        let mut layers = Vec::with_capacity(first.len() + scope.named.len() + 8);
        layers.extend(first);
        layers.push(Layer::Numbers(&scope.computed));
        layers.push(Layer::Rows(&scope.rows));
        layers.push(Layer::Text("organisation", scope.code));
        layers.push(Layer::Sets("earlier", &scope.earlier_rows, &scope.earlier));
        layers.push(Layer::Record("threshold", &self.thresholds, None));
        layers.push(Layer::Record("department", &self.department, None));
        layers.extend(scope.named.iter().map(|(alias, record)| match record {
            Some(record) => Layer::Record(alias, &record.figures, Some(&record.answers)),
            None => Layer::Record(alias, &self.nothing, None),
        }));
        if let Some(own) = scope.own {
            layers.push(Layer::All(&own.figures));
            layers.push(Layer::All(&own.answers));
        }
        layers
    }
}

/// How many participants an indicator rests on, if it says so; or why nothing is stated of an
/// organisation with few of them: of three children one is a third. A number that is not known is not
/// enough, either.
fn enough(indicator: &Indicator, layers: &[Layer<'_>]) -> Result<Option<f64>, String> {
    let Some(rests_on) = &indicator.rests_on else { return Ok(None) };
    let count = rests_on.count.evaluate_in(layers).ok().flatten().and_then(|n| n.as_f64());
    match count {
        Some(count) if count >= f64::from(rests_on.least) => Ok(Some(count)),
        Some(count) => {
            let count = russian::number(count, 0);
            Err(format!("мало участников: {count}, нужно не меньше {}", rests_on.least))
        }
        None => Err("число участников не известно".into()),
    }
}

/// What an indicator yields for an organisation, and of how many participants; or why it has no
/// value.
fn figure(
    indicator: &Indicator,
    given: Option<&Given>,
    code: &str,
    layers: &[Layer<'_>],
) -> Result<Stated, String> {
    let Some(formula) = &indicator.formula else {
        let of_each = given.and_then(|given| given.figures.get(&indicator.id));
        let value = match of_each.and_then(|all| all.get(code)) {
            Some(value) => value.clone()?,
            None => return Err("плагин не дал значения".into()),
        };
        return Ok((value, enough(indicator, layers)?));
    };
    match formula.evaluate_in(layers) {
        Ok(Some(value)) => {
            let of = enough(indicator, layers)?;
            let value = value.as_f64().ok_or("формула даёт не число")?;
            Ok((value, of))
        }
        Ok(None) => Err("не хватает сведений".into()),
        Err(e) => Err(format!("не вычислено: {e}")),
    }
}

/// Computes every indicator and adds its values to the scopes; and what everybody may be told.
pub(crate) fn compute<'i>(
    analysis: &'i Analysis,
    inputs: &Inputs<'_>,
    scopes: &mut Scopes<'i>,
) -> (Vec<IndicatorFigures>, Vec<PublicFigure>) {
    let Scopes { by_code, seen_by_all } = scopes;
    let mut everybody: Vec<&mut Scope<'_>> = by_code.values_mut().collect();
    let compares = analysis.names().contains("earlier");
    // No indicator looks at other organisations: only rules compare.
    let mut computed = parallel::map(&mut everybody, WORTH_A_THREAD, |scope| {
        let before = inputs.earlier.iter().filter(|_| compares);
        let before = before.filter_map(|(id, all)| Some((*id, all.get(scope.code)?.value)));
        scope.earlier.extend(before.map(|(id, value)| (id.to_owned(), value.into())));
        let each = analysis.indicators.iter().map(|indicator| {
            let layers = seen_by_all.layers(scope, &[]);
            let value = figure(indicator, inputs.given.as_ref(), scope.code, &layers);
            if let Ok((value, _)) = value {
                scope.computed.push((&indicator.id, value));
            }
            value
        });
        each.collect::<Vec<_>>().into_iter()
    });
    let mut each: Vec<_> = analysis
        .indicators
        .iter()
        .map(|indicator| {
            let of_each = computed.iter_mut().filter_map(Iterator::next);
            (indicator, of_each.collect::<Vec<_>>())
        })
        .collect();
    let stated = |(_, values): &(_, Vec<Result<Stated, String>>)| -> Vec<Stated> {
        values.iter().filter_map(|value| value.as_ref().ok().copied()).collect()
    };
    let public = match analysis.indicators.iter().any(|i| i.audience == Some(Audience::Public)) {
        true => {
            let stated: Vec<_> = each.iter().map(stated).collect();
            public::figures(analysis, &stated, inputs.given.as_ref())
        }
        false => vec![],
    };
    let codes: Vec<&str> = everybody.into_iter().map(|scope| scope.code).collect();
    let worth_it = if codes.len() < WORTH_A_THREAD { usize::MAX } else { 2 };
    let figures = parallel::map(&mut each, worth_it, |(indicator, values)| {
        figures(analysis, inputs, indicator, &codes, std::mem::take(values))
    });
    (figures, public)
}

/// An indicator over all organisations, whose codes come in order: their places, and the
/// municipality's figures.
fn figures(
    analysis: &Analysis,
    inputs: &Inputs<'_>,
    indicator: &Indicator,
    codes: &[&str],
    computed: Vec<Result<Stated, String>>,
) -> IndicatorFigures {
    let (mut known, mut values) = (Vec::new(), Vec::new());
    let mut withheld = BTreeMap::new();
    for (code, value) in codes.iter().zip(computed) {
        match value {
            Ok((value, _)) => {
                known.push(*code);
                values.push(value);
            }
            Err(reason) => drop(withheld.insert((*code).to_owned(), reason)),
        }
    }
    for code in inputs.silent.iter().filter(|code| codes.binary_search(&code.as_str()).is_err()) {
        withheld.insert(code.clone(), "сведения не представлены".into());
    }
    let enough = values.len() >= analysis.min_count;
    let places = indicator.better.filter(|_| enough).map(|better| ranks(&values, better));
    let given = inputs.given.as_ref();
    let whole = given.and_then(|given| given.municipality.get(&indicator.id).copied());
    let municipality = aggregate(&values).map(|a| Aggregate { whole, ..a });
    let apart = |value: f64| {
        let m = municipality.filter(|_| enough)?;
        outlyingness(value, m.median, m.median_deviation)
    };
    let before = inputs.earlier.get(indicator.id.as_str());
    let organisations = known.into_iter().zip(values).enumerate().map(|(place, (code, value))| {
        let earlier = before.and_then(|all| all.get(code)).map(|figure| figure.value);
        let rank = places.as_ref().map(|places| places[place]);
        (code.to_owned(), Figure { value, rank, earlier, outlier: apart(value) })
    });
    IndicatorFigures {
        indicator: indicator.id.clone(),
        organisations: organisations.collect(),
        municipality,
        withheld,
    }
}
