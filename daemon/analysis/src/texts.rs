//! What is said to those who meet a rule: its texts with the organisation's figures in words.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Environment, Template, Value as Shown};
use serde_json::{Value, json};
use vekha_roadmap::formula::Cell;
use vekha_roadmap::model::{Analysis, Audience, BESIDE, Indicator, ROWS, RowSet, Rule};
use vekha_roadmap::read::template_mistake;
use vekha_roadmap::russian;

use crate::rows::RowSets;
use crate::types::{Aggregate, Figure, IndicatorFigures, Inputs, Item};

/// What a rule says: its texts, read once for all whom they are about.
pub(crate) struct Said<'a> {
    finding: Written<'a>,
    recommendation: Option<Written<'a>>,
    alternatives: Vec<Written<'a>>,
}

impl<'a> Said<'a> {
    pub fn read(environment: &'a Environment<'_>, rule: &'a Rule) -> Self {
        let written = |text| Written::read(environment, text);
        Said {
            finding: written(&rule.finding),
            recommendation: rule.recommendation.as_deref().map(written),
            alternatives: rule.alternatives.iter().map(|text| written(text)).collect(),
        }
    }

    pub fn finding(&self, context: &Shown) -> Result<String, String> {
        self.finding.said(context)
    }

    pub fn recommendation(&self, context: &Shown) -> Result<Option<String>, String> {
        self.recommendation.as_ref().map(|text| text.said(context)).transpose()
    }

    pub fn alternatives(&self, context: &Shown) -> Result<Vec<String>, String> {
        self.alternatives.iter().map(|text| text.said(context)).collect()
    }

    /// The names that its texts use.
    fn names(&self) -> impl Iterator<Item = String> {
        let texts = [&self.finding].into_iter().chain(&self.recommendation);
        let templates =
            texts.chain(&self.alternatives).filter_map(|text| text.template.as_ref().ok());
        templates.flat_map(|template| template.undeclared_variables(false))
    }
}

/// A text of a rule.
struct Written<'a> {
    template: Result<Template<'a, 'a>, String>,
}

impl<'a> Written<'a> {
    fn read(environment: &'a Environment<'_>, text: &'a str) -> Self {
        Written { template: environment.template_from_str(text).map_err(|e| template_mistake(&e)) }
    }

    /// Which columns of its row it tells of; none if it takes the row as a whole.
    fn columns(&self) -> Option<Vec<String>> {
        let names = self.template.as_ref().ok()?.undeclared_variables(true);
        let of_row = names.iter().filter(|name| name.split('.').next() == Some("row"));
        of_row.map(|name| name.strip_prefix("row.").map(str::to_owned)).collect()
    }

    /// The text, or why it cannot be made.
    fn said(&self, context: &Shown) -> Result<String, String> {
        let template = self.template.as_ref().map_err(Clone::clone)?;
        let mut said = template.render(context).map_err(|e| template_mistake(&e))?;
        // It is kept, and there are many.
        said.shrink_to_fit();
        Ok(said)
    }
}

/// How the rows of each set are listed in texts, read once for all.
pub(crate) struct Listed<'a> {
    sets: Vec<ListedSet<'a>>,
    thresholds: Shown,
}

struct ListedSet<'a> {
    set: &'a RowSet,
    text: Written<'a>,
    /// The columns that the text tells of, if it is not all of them.
    columns: Option<Vec<String>>,
    /// How a row of a group is named, where the set is of groups.
    member: Option<Written<'a>>,
}

impl<'a> Listed<'a> {
    pub fn read(environment: &'a Environment<'_>, analysis: &'a Analysis) -> Self {
        let listed = |set: &'a RowSet| {
            let text = Written::read(environment, set.text.as_deref()?);
            let columns = text.columns();
            let member = set.groups.as_ref().and_then(|groups| groups.member.as_deref());
            let member = member.map(|member| Written::read(environment, member));
            Some(ListedSet { set, text, columns, member })
        };
        Listed {
            sets: analysis.rows.iter().filter_map(listed).collect(),
            thresholds: thresholds(analysis),
        }
    }

    /// The rows of a set in words: the first of them, and how many more there are.
    fn said(&self, place: usize, rows: &RowSets<'_>) -> Option<Shown> {
        let ListedSet { set, text, columns, member } = self.sets.get(place)?;
        let (_, rows) = rows.iter().find(|(id, _)| *id == set.id)?;
        let mut listed = vec![Vec::new(); set.most.min(rows.len())];
        for column in columns.as_deref().unwrap_or(rows.columns()) {
            for (row, cell) in listed.iter_mut().zip(rows.column(column)) {
                row.push((column.as_str(), cell.map_or(Shown::UNDEFINED, shown)));
            }
        }
        let mut said = Vec::with_capacity(listed.len());
        for (place, row) in listed.into_iter().enumerate() {
            let mut context = vec![("row", Shown::from_pairs(row))];
            if set.groups.is_some() {
                context.push(("threshold", self.thresholds.clone()));
                for (name, which) in [("members", ROWS), (BESIDE, BESIDE)] {
                    let rows = rows.below(which, place).unwrap_or_default();
                    let named = member.as_ref().map(|member| members(member, rows, set.most));
                    context.push((name, Shown::from(named.transpose().ok()?)));
                }
            }
            said.push(text.said(&Shown::from_pairs(context)).ok()?);
        }
        let mut said = said.join("; ");
        if rows.len() > set.most {
            said += &format!(" и ещё {}", rows.len() - set.most);
        }
        Some(Shown::from(said))
    }
}

/// The rows of a group, named one by one.
fn members(member: &Written<'_>, rows: &[Value], most: usize) -> Result<String, String> {
    let named = rows.iter().take(most).map(|row| {
        let cells = row.as_object().into_iter().flatten();
        let cells = cells.map(|(column, value)| {
            let shown = match value {
                Value::Number(number) => shown(Cell::Number(number.as_f64().unwrap_or_default())),
                Value::String(text) => shown(Cell::Text(text)),
                _ => Shown::UNDEFINED,
            };
            (column.as_str(), shown)
        });
        member.said(&Shown::from_pairs([("row", Shown::from_pairs(cells))]))
    });
    Ok(russian::listed(&named.collect::<Result<Vec<_>, _>>()?, rows.len()))
}

/// Thresholds as texts see them.
fn thresholds(analysis: &Analysis) -> Shown {
    let thresholds = analysis.thresholds.iter();
    Shown::from_pairs(thresholds.map(|(name, value)| (name.as_str(), russian::threshold(*value))))
}

/// A cell of a row as people read it.
fn shown(cell: Cell<'_>) -> Shown {
    match cell {
        Cell::Number(number) => Shown::from(russian::threshold(number)),
        Cell::Text(text) => Shown::from(text),
    }
}

/// The municipality's figures by the names that rules and texts know.
pub(crate) fn by_name(a: &Aggregate, number: impl Fn(f64) -> Value) -> Value {
    let mut named = json!({
        "count": a.count, "sum": number(a.sum),
        "mean": number(a.mean), "median": number(a.median),
        "min": number(a.min), "max": number(a.max), "deviation": number(a.deviation),
        "lower_quartile": number(a.lower_quartile), "upper_quartile": number(a.upper_quartile),
    });
    if let Some(whole) = a.whole {
        named["whole"] = number(whole);
    }
    named
}

/// Names and their values, as templates see them: for each organisation the same names.
#[derive(Debug)]
struct Row {
    names: Arc<[String]>,
    values: Vec<Option<Shown>>,
}

impl Row {
    fn shown(names: &Arc<[String]>, values: Vec<Option<Shown>>) -> Shown {
        Shown::from_object(Row { names: names.clone(), values })
    }
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Shown) -> Option<Shown> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Shown> {
        let place = self.names.iter().position(|name| name == key)?;
        self.values.get(place)?.clone()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let known = self.names.iter().zip(&self.values).filter(|(_, value)| value.is_some());
        Enumerator::Values(known.map(|(name, _)| Shown::from(name.as_str())).collect())
    }
}

/// A name that texts may use.
enum Variable {
    /// An indicator, by its place in the definition.
    Indicator(usize),
    /// A row set, by its place among those that are listed.
    Rows(usize),
    /// Signs, by their place in the definition.
    Signs(usize),
    /// Indicators of the period before.
    Earlier,
    /// Places among the others.
    Rank,
    Organisation,
    /// What is the same for all organisations.
    Given(Shown),
}

/// What texts are made with.
pub(crate) struct Texts<'a> {
    analysis: &'a Analysis,
    inputs: &'a Inputs<'a>,
    indicators: &'a [IndicatorFigures],
    /// The names that texts use, and what they stand for: nothing else is put into words.
    names: Arc<[String]>,
    variables: Vec<Variable>,
    /// Ids of the indicators, and the municipality's means of them.
    ids: Arc<[String]>,
    means: Vec<String>,
    listed: Listed<'a>,
}

impl<'a> Texts<'a> {
    pub fn new<'s>(
        analysis: &'a Analysis,
        inputs: &'a Inputs<'a>,
        indicators: &'a [IndicatorFigures],
        listed: Listed<'a>,
        said: impl Iterator<Item = &'s Said<'s>>,
    ) -> Self {
        let names: BTreeSet<String> = said.flat_map(Said::names).collect();
        let place = |id: &str| analysis.indicators.iter().position(|i| i.id == id);
        let rows = |id: &str| listed.sets.iter().position(|listed| listed.set.id == id);
        let signs = |id: &str| analysis.signs.iter().position(|signs| signs.id == id);
        let compared = || {
            analysis
                .indicators
                .iter()
                .zip(indicators)
                .map(|(indicator, figures)| (indicator, figures.compared(analysis.min_count)))
        };
        let variable = |name: &String| match (name.as_str(), place(name)) {
            (_, Some(place)) => Variable::Indicator(place),
            ("earlier", _) => Variable::Earlier,
            ("rank", _) => Variable::Rank,
            ("organisation", _) => Variable::Organisation,
            ("municipality", _) => Variable::Given(municipality(compared())),
            ("threshold", _) => Variable::Given(thresholds(analysis)),
            (name, _) => rows(name)
                .map(Variable::Rows)
                .or_else(|| signs(name).map(Variable::Signs))
                .unwrap_or(Variable::Given(Shown::UNDEFINED)),
        };
        let variables = names.iter().map(variable).collect();
        let mean = |(indicator, a): (&Indicator, Option<Aggregate>)| {
            a.map(|a| russian::number(a.mean, indicator.decimals)).unwrap_or_default()
        };
        Texts {
            analysis,
            inputs,
            indicators,
            names: names.into_iter().collect(),
            variables,
            ids: analysis.indicators.iter().map(|indicator| indicator.id.clone()).collect(),
            means: compared().map(mean).collect(),
            listed,
        }
    }

    /// The variables of texts about an organisation, whose figures come in the order of indicators:
    /// numbers are given as people read them.
    pub fn context(&self, code: &str, own: &[Option<&Figure>], rows: &RowSets<'_>) -> Shown {
        let each = |value: &dyn Fn(&Indicator, &Figure) -> Option<Shown>| {
            let figures = self.analysis.indicators.iter().zip(own);
            let values = figures.map(|(indicator, figure)| value(indicator, (*figure)?));
            Row::shown(&self.ids, values.collect())
        };
        let shown =
            |indicator: &Indicator, value| Shown::from(russian::number(value, indicator.decimals));
        let value = |variable: &Variable| match variable {
            Variable::Indicator(place) => {
                Some(shown(&self.analysis.indicators[*place], own[*place]?.value))
            }
            Variable::Rows(place) => self.listed.said(*place, rows),
            Variable::Signs(place) => Some(self.signs(*place, own)),
            Variable::Earlier => Some(each(&|i, figure| Some(shown(i, figure.earlier?)))),
            Variable::Rank => Some(each(&|_, figure| figure.rank.map(Shown::from))),
            Variable::Organisation => {
                let name = self.inputs.names.get(code).map_or(code, String::as_str);
                Some(Shown::from_pairs([("code", code), ("name", name)]))
            }
            Variable::Given(value) => Some(value.clone()),
        };
        Row::shown(&self.names, self.variables.iter().map(value).collect())
    }

    /// Which of the signs an organisation has, and of which nothing is known.
    fn signs(&self, place: usize, own: &[Option<&Figure>]) -> Shown {
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for sign in &self.analysis.signs[place].of {
            let place = self.ids.iter().position(|id| *id == sign.indicator);
            match place.and_then(|place| own[place]) {
                Some(figure) if figure.value > 0.0 => found.push(sign.title.as_str()),
                Some(_) => {}
                None => unknown.push(sign.title.as_str()),
            }
        }
        Shown::from_pairs([("found", found.join(", ")), ("unknown", unknown.join(", "))])
    }

    /// The figures that a finding shows.
    pub fn items(&self, own: &[Option<&Figure>], rule: &Rule) -> Vec<Item> {
        rule.shows.iter().filter_map(|id| self.item(own, id)).collect()
    }

    fn item(&self, own: &[Option<&Figure>], id: &str) -> Option<Item> {
        let place = self.analysis.indicators.iter().position(|indicator| indicator.id == id)?;
        let (indicator, figures) = (&self.analysis.indicators[place], &self.indicators[place]);
        let figure = own[place]?;
        // A finding goes to the organisation that it is about.
        if indicator.audience == Some(Audience::Department) {
            return None;
        }
        let shown = |value: f64| russian::number(value, indicator.decimals);
        Some(Item {
            title: indicator.title.clone(),
            value: shown(figure.value),
            unit: indicator.unit.clone(),
            municipality_mean: self.means[place].clone(),
            earlier: figure.earlier.map(shown).unwrap_or_default(),
            rank: figure.rank,
            count: figures.organisations.len() as u32,
        })
    }
}

/// `municipality` as texts see it; an indicator that too few have is not in it.
fn municipality<'a>(compared: impl Iterator<Item = (&'a Indicator, Option<Aggregate>)>) -> Shown {
    let shown = compared.filter_map(|(indicator, a)| {
        let values = by_name(&a?, |value| russian::number(value, indicator.decimals).into());
        Some((indicator.id.as_str(), Shown::from(Serde(values))))
    });
    Shown::from_pairs(shown)
}
