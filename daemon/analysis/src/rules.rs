//! Which organisations meet which rules, and what is said to them.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Environment, Template, Value as Shown};
use serde_json::{Value, json};
use vekha_roadmap::formula::Layer;
use vekha_roadmap::model::{Analysis, Indicator, Rule};
use vekha_roadmap::read::environment;
use vekha_roadmap::russian;

use crate::indicators::Scopes;
use crate::types::{Aggregate, Figure, Finding, IndicatorFigures, Inputs, Item, Values};
use crate::{WORTH_A_THREAD, parallel};

/// Which organisations meet which rules.
pub(crate) struct Judged {
    /// By organisation, then in the definition's order of rules.
    pub findings: Vec<Finding>,
    /// Rule id -> who is known not to meet it, in the order of codes.
    pub unmet: BTreeMap<String, Vec<String>>,
}

/// Looks at every organisation in the order of codes and every rule in the definition's order.
pub(crate) fn judge(
    analysis: &Analysis,
    inputs: &Inputs<'_>,
    indicators: &[IndicatorFigures],
    scopes: Scopes<'_>,
) -> Judged {
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
    let named = rules.iter().flat_map(|(_, said)| said.names()).collect();
    let texts = Texts::new(analysis, inputs, indicators, named);
    let conditions: BTreeSet<String> =
        analysis.rules.iter().flat_map(|rule| rule.when.names()).collect();
    // What no rule asks for is not gathered.
    let ranked = texts.needs("rank") || conditions.contains("rank");
    let apart = conditions.contains("outlier");
    let Scopes { by_code, seen_by_all } = scopes;
    let codes: Vec<&str> = by_code.keys().copied().collect();
    let own = by_organisation(&codes, indicators);
    let mut everybody: Vec<_> = by_code.into_iter().zip(own).collect();
    let found = parallel::map(&mut everybody, WORTH_A_THREAD, |((code, scope), own)| {
        let (mut findings, mut unmet) = (Vec::new(), Vec::new());
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
        let layers = seen_by_all.layers(&scope, &compared);
        let mut context = None;
        for (rule, said) in &rules {
            match rule.when.holds_in(&layers) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => {
                    unmet.push(rule.id.as_str());
                    continue;
                }
                // It lacks a value: nothing is said of what is not known.
                Ok(None) | Err(_) => continue,
            }
            let context = context.get_or_insert_with(|| texts.context(code, own, &rank));
            findings.push(Finding {
                organisation: (*code).to_owned(),
                rule: rule.id.clone(),
                severity: rule.severity,
                text: said.finding.said(context),
                recommendation: said.recommendation.as_ref().map(|text| text.said(context)),
                alternatives: said.alternatives.iter().map(|text| text.said(context)).collect(),
                figures: texts.items(own, rule),
            });
        }
        (findings, unmet)
    });
    let mut judged = Judged {
        findings: Vec::new(),
        unmet: analysis.rules.iter().map(|rule| (rule.id.clone(), Vec::new())).collect(),
    };
    for (code, (findings, unmet)) in codes.into_iter().zip(found) {
        judged.findings.extend(findings);
        for rule in unmet {
            judged.unmet.entry(rule.to_owned()).or_default().push(code.to_owned());
        }
    }
    judged
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

/// What a rule says.
struct Said<'a> {
    finding: Written<'a>,
    recommendation: Option<Written<'a>>,
    alternatives: Vec<Written<'a>>,
}

impl Said<'_> {
    /// The names that its texts use.
    fn names(&self) -> impl Iterator<Item = String> {
        let texts = [&self.finding].into_iter().chain(&self.recommendation);
        let templates = texts.chain(&self.alternatives).filter_map(|text| text.template.as_ref());
        templates.flat_map(|template| template.undeclared_variables(false))
    }
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
    /// The names that texts use: nothing else is put into words.
    named: BTreeSet<String>,
    /// What is the same for all organisations; means in the order of indicators.
    municipality: Shown,
    threshold: Shown,
    means: Vec<String>,
}

impl<'a> Texts<'a> {
    fn new(
        analysis: &'a Analysis,
        inputs: &'a Inputs<'a>,
        indicators: &'a [IndicatorFigures],
        named: BTreeSet<String>,
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
        let mean = |(indicator, figures): (&Indicator, &IndicatorFigures)| {
            figures
                .compared(analysis.min_count)
                .map(|a| russian::number(a.mean, indicator.decimals))
                .unwrap_or_default()
        };
        let means = analysis.indicators.iter().zip(indicators).map(mean).collect();
        Texts { analysis, inputs, indicators, named, municipality, threshold, means }
    }

    fn needs(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    /// The variables of texts about an organisation, whose figures come in the order of indicators:
    /// numbers are given as people read them.
    fn context(&self, code: &str, own: &[Option<&Figure>], rank: &Values) -> Shown {
        let mut context: BTreeMap<&str, Shown> = BTreeMap::new();
        let mut earlier: BTreeMap<&str, Shown> = BTreeMap::new();
        for (indicator, figure) in self.analysis.indicators.iter().zip(own) {
            let Some(figure) = figure else { continue };
            let shown = |value: f64| Shown::from(russian::number(value, indicator.decimals));
            if self.needs(&indicator.id) {
                context.insert(&indicator.id, shown(figure.value));
            }
            if let Some(value) = figure.earlier.filter(|_| self.needs("earlier")) {
                earlier.insert(&indicator.id, shown(value));
            }
        }
        if self.needs("organisation") {
            let name = self.inputs.names.get(code).map_or(code, String::as_str);
            let organisation = [("code", Shown::from(code)), ("name", Shown::from(name))];
            context.insert("organisation", Shown::from(BTreeMap::from(organisation)));
        }
        if self.needs("rank") {
            context.insert("rank", Shown::from(Serde(rank)));
        }
        context.insert("earlier", Shown::from(earlier));
        context.insert("municipality", self.municipality.clone());
        context.insert("threshold", self.threshold.clone());
        Shown::from(context)
    }

    /// The figures that a finding shows.
    fn items(&self, own: &[Option<&Figure>], rule: &Rule) -> Vec<Item> {
        rule.shows.iter().filter_map(|id| self.item(own, id)).collect()
    }

    fn item(&self, own: &[Option<&Figure>], id: &str) -> Option<Item> {
        let place = self.analysis.indicators.iter().position(|indicator| indicator.id == id)?;
        let (indicator, figures) = (&self.analysis.indicators[place], &self.indicators[place]);
        let figure = own[place]?;
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
