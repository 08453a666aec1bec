//! The outcome of an analysis in the contract's words.

use vekha_analysis::{IndicatorFigures, Outcome};
use vekha_proto::v1;
use vekha_roadmap::model::{Analysis, Better};

use super::convert;

/// Figures and findings with their titles; without a definition, by their ids alone.
pub fn table(outcome: &Outcome, definition: Option<&Analysis>) -> v1::FigureTable {
    let indicators = outcome.indicators.iter().map(|f| {
        let indicator = definition.and_then(|d| d.indicators.iter().find(|i| i.id == f.indicator));
        let better = match indicator.and_then(|i| i.better) {
            Some(Better::Higher) => v1::Better::Higher,
            Some(Better::Lower) => v1::Better::Lower,
            None => v1::Better::Unspecified,
        };
        v1::IndicatorFigures {
            indicator: f.indicator.clone(),
            title: indicator.map_or_else(String::new, |i| i.title.clone()),
            unit: indicator.map_or_else(String::new, |i| i.unit.clone()),
            decimals: indicator.map_or(0, |i| u32::from(i.decimals)),
            better: better.into(),
            organisations: f
                .organisations
                .iter()
                .map(|(code, figure)| v1::Figure {
                    organisation: code.clone(),
                    value: figure.value,
                    rank: figure.rank,
                    earlier: figure.earlier,
                    outlier: figure.outlier,
                })
                .collect(),
            municipality: f.municipality.map(|a| aggregate(f, definition, a.count)),
            withheld: f
                .withheld
                .iter()
                .map(|(code, reason)| v1::Withheld {
                    organisation: code.clone(),
                    reason: reason.clone(),
                })
                .collect(),
        }
    });
    v1::FigureTable {
        title: definition.map_or_else(String::new, |d| d.title.clone()),
        method: definition.map_or_else(String::new, |d| d.method.clone()),
        indicators: indicators.collect(),
        findings: outcome.findings.iter().map(convert::finding).collect(),
        ..v1::FigureTable::default()
    }
}

/// The municipality's figures; only how many have a value, where they are too few to compare or the
/// definition does not say how many that takes.
fn aggregate(
    figures: &IndicatorFigures,
    definition: Option<&Analysis>,
    count: u32,
) -> v1::Aggregate {
    let compared = definition.and_then(|d| figures.compared(d.min_count));
    v1::Aggregate {
        count,
        mean: compared.map(|a| a.mean),
        median: compared.map(|a| a.median),
        min: compared.map(|a| a.min),
        max: compared.map(|a| a.max),
        deviation: compared.map(|a| a.deviation),
        lower_quartile: compared.map(|a| a.lower_quartile),
        upper_quartile: compared.map(|a| a.upper_quartile),
        whole: compared.and_then(|a| a.whole),
    }
}
