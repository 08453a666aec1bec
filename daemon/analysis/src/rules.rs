//! Which organisations meet which rules, and what is said to them.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, Template, Value as Shown};
use serde_json::{Value, json};
use vekha_roadmap::formula::Layer;
use vekha_roadmap::model::{Analysis, Indicator, Rule};
use vekha_roadmap::read::environment;
use vekha_roadmap::russian;

use crate::indicators::{Scope, Scopes};
use crate::types::{Aggregate, Figure, Finding, IndicatorFigures, Inputs, Item, Values};
use crate::{WORTH_A_THREAD, parallel};

/// Looks at every organisation in the order of codes and every rule in the definition's order.
pub(crate) fn findings(
    analysis: &Analysis,
    inputs: &Inputs<'_>,
    indicators: &[IndicatorFigures],
    scopes: &Scopes<'_>,
) -> Vec<Finding> {
    let municipality = aggregates(analysis, indicators);
    let environment = environment();
    let written = |text| Written::read(&environment, text);
    let rules: Vec<(&Rule, Said<'_>)> = analysis
        .rules
        .iter()
        .map(|rule| {
            let said = Said {
                finding: written(&rule.finding),
                recommendation: rule.recommendation.as_deref().map(written),
                alternatives: rule.alternatives.iter().map(|text| written(text)).collect(),
            };
            (rule, said)
        })
        .collect();
    let texts = Texts::new(analysis, inputs, indicators);
    let mut everybody: Vec<(&&str, &Scope<'_>)> = scopes.by_code.iter().collect();
    let found = parallel::map(&mut everybody, WORTH_A_THREAD, |(code, scope)| {
        let mut findings = Vec::new();
        let by_indicator = |value: fn(&Figure) -> Option<Value>| -> Values {
            let own = indicators
                .iter()
                .filter_map(|i| Some((i.indicator.clone(), value(i.organisations.get(**code)?)?)));
            own.collect()
        };
        let rank = by_indicator(|figure| figure.rank.map(Value::from));
        let outlier = by_indicator(|figure| figure.outlier.map(Value::from));
        let compared = [
            Layer::Record("rank", &rank, None),
            Layer::Record("outlier", &outlier, None),
            Layer::Record("municipality", &municipality, None),
        ];
        let layers = scopes.layers(scope, &compared);
        let mut context = None;
        for (rule, said) in &rules {
            // A rule that lacks a value is not met: nothing is said of what is not known.
            if !matches!(rule.when.holds_in(&layers), Ok(Some(true))) {
                continue;
            }
            let context = context.get_or_insert_with(|| texts.context(code, &rank));
            findings.push(Finding {
                organisation: (**code).to_owned(),
                rule: rule.id.clone(),
                severity: rule.severity,
                text: said.finding.said(context),
                recommendation: said.recommendation.as_ref().map(|text| text.said(context)),
                alternatives: said.alternatives.iter().map(|text| text.said(context)).collect(),
                figures: texts.items(code, rule),
            });
        }
        findings
    });
    found.into_iter().flatten().collect()
}

/// What a rule says.
struct Said<'a> {
    finding: Written<'a>,
    recommendation: Option<Written<'a>>,
    alternatives: Vec<Written<'a>>,
}

/// A text of a rule, read once for all whom it is about.
struct Written<'a> {
    text: &'a str,
    template: Option<Template<'a, 'a>>,
}

impl<'a> Written<'a> {
    fn read(environment: &'a Environment<'_>, text: &'a str) -> Self {
        Written { text, template: environment.template_from_str(text).ok() }
    }

    /// A text whose template fails is shown as it was written: better odd than missing.
    fn said(&self, context: &Shown) -> String {
        let said = self.template.as_ref().and_then(|template| template.render(context).ok());
        said.unwrap_or_else(|| self.text.to_owned())
    }
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

/// The municipality's figures by the names that rules and texts know.
fn by_name(a: &Aggregate, number: impl Fn(f64) -> Value) -> Value {
    json!({
        "count": a.count, "sum": number(a.sum),
        "mean": number(a.mean), "median": number(a.median),
        "min": number(a.min), "max": number(a.max), "deviation": number(a.deviation),
        "lower_quartile": number(a.lower_quartile), "upper_quartile": number(a.upper_quartile),
    })
}

struct Texts<'a> {
    analysis: &'a Analysis,
    inputs: &'a Inputs<'a>,
    indicators: &'a [IndicatorFigures],
    /// What is the same for all organisations.
    municipality: Shown,
    threshold: Shown,
}

impl<'a> Texts<'a> {
    fn new(
        analysis: &'a Analysis,
        inputs: &'a Inputs<'a>,
        indicators: &'a [IndicatorFigures],
    ) -> Self {
        let compared = analysis.indicators.iter().zip(indicators).filter_map(|(indicator, f)| {
            let a = f.compared(analysis.min_count)?;
            let values = by_name(&a, |value| russian::number(value, indicator.decimals).into());
            Some((indicator.id.as_str(), Shown::from(Serde(values))))
        });
        let thresholds = analysis
            .thresholds
            .iter()
            .map(|(name, value)| (name.as_str(), Shown::from(russian::threshold(*value))));
        let municipality = Shown::from(compared.collect::<BTreeMap<_, _>>());
        let threshold = Shown::from(thresholds.collect::<BTreeMap<_, _>>());
        Texts { analysis, inputs, indicators, municipality, threshold }
    }

    /// The variables of texts about an organisation: numbers are given as people read them.
    fn context(&self, code: &str, rank: &Values) -> Shown {
        let mut context: BTreeMap<&str, Shown> = BTreeMap::new();
        let mut earlier: BTreeMap<&str, Shown> = BTreeMap::new();
        for (indicator, figures) in self.analysis.indicators.iter().zip(self.indicators) {
            let shown = |value: f64| Shown::from(russian::number(value, indicator.decimals));
            if let Some(figure) = figures.organisations.get(code) {
                context.insert(&indicator.id, shown(figure.value));
                if let Some(value) = figure.earlier {
                    earlier.insert(&indicator.id, shown(value));
                }
            }
        }
        let name = self.inputs.names.get(code).map_or(code, String::as_str);
        let organisation = [("code", Shown::from(code)), ("name", Shown::from(name))];
        context.insert("municipality", self.municipality.clone());
        context.insert("earlier", Shown::from(earlier));
        context.insert("threshold", self.threshold.clone());
        context.insert("rank", Shown::from(Serde(rank)));
        context.insert("organisation", Shown::from(BTreeMap::from(organisation)));
        Shown::from(context)
    }

    /// The figures that a finding shows.
    fn items(&self, code: &str, rule: &Rule) -> Vec<Item> {
        rule.shows.iter().filter_map(|id| self.item(code, id)).collect()
    }

    fn item(&self, code: &str, id: &str) -> Option<Item> {
        let (indicator, figures) = self.find(id)?;
        let figure = figures.organisations.get(code)?;
        let shown = |value: f64| russian::number(value, indicator.decimals);
        let compared = figures.compared(self.analysis.min_count);
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
