//! From what the store holds to what people read.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use vekha_analysis::{IndicatorFigures, Outcome, Withheld};
use vekha_engine::RunKey;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{self, Analysis, Audience, Better};
use vekha_roadmap::russian;

use super::{Finding, Indicator, Point, Public, Report, Row, heading, withheld_words};

/// The same analysis in an earlier period.
#[derive(Debug, Clone)]
pub struct Past<'a> {
    /// The run of that period.
    pub run: RunKey,
    /// What was computed then; none if nothing was.
    pub outcome: Option<&'a Outcome>,
}

/// The report on the analysis of a run's stage; none if the road map has no such analysis.
///
/// `past` are the periods before this one without a gap, oldest first; `whose` is the code of the organisation that it is
/// about, if not all of them.
pub fn report(
    map: &RoadMap,
    run: &RunKey,
    stage: &str,
    outcome: &Outcome,
    past: &[Past<'_>],
    whose: Option<&str>,
    now: Timestamp,
) -> Option<Report> {
    let activity = map.activity(&run.activity)?;
    let definition = map.analysis_of(&run.activity, stage)?;
    let names = Names::of_registry(map);
    let indicators = outcome.indicators.iter().filter_map(|figures| {
        let one = definition.indicators.iter().find(|i| i.id == figures.indicator)?;
        // A report on one organisation is for it to read.
        if whose.is_some() && one.audience == Some(Audience::Department) {
            return None;
        }
        Some(indicator(&names, definition, one, figures, run, past, whose))
    });
    let mut findings: Vec<Finding> = outcome
        .findings
        .iter()
        .filter(|finding| whose.is_none_or(|code| finding.organisation == code))
        .map(|finding| Finding {
            organisation: names.of(&finding.organisation),
            severity: finding.severity,
            text: finding.text.trim().to_owned(),
            recommendation: finding.recommendation.as_ref().map(|text| text.trim().to_owned()),
        })
        .collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let municipality = &map.municipality;
    Some(Report {
        stage: stage.to_owned(),
        authority: municipality.authority.clone(),
        municipality: municipality.name.clone(),
        number: activity.number,
        activity: activity.title.clone(),
        period: run.period.words(),
        date: russian::date_words(municipality.today(now)),
        title: definition.title.clone(),
        method: definition.method.trim().to_owned(),
        whose: whose.map(|code| names.of(code)),
        min_count: definition.min_count,
        indicators: indicators.collect(),
        findings,
        public: public(definition, outcome),
    })
}

/// What everybody may be told of an outcome.
fn public(definition: &Analysis, outcome: &Outcome) -> Vec<Public> {
    let told = outcome.public.iter().filter_map(|figure| {
        let one = definition.indicators.iter().find(|one| one.id == figure.indicator)?;
        let value = figure.value.map(|value| {
            let whole = one.decimals == 0 && value.fract() == 0.0;
            russian::number(value, if whole { 0 } else { one.decimals.max(1) })
        });
        let withheld = withheld_words(figure.withheld.unwrap_or(Withheld::Unknown));
        Some(Public { heading: heading(&one.title, &one.unit), told: value.ok_or(withheld) })
    });
    told.collect()
}

/// Short names that tell organisations apart: where two have the same, the code stands with it.
struct Names<'a> {
    map: &'a RoadMap,
    ambiguous: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of_registry(map: &'a RoadMap) -> Self {
        let mut seen = BTreeSet::new();
        let short = map.organisations.iter().map(|o| o.short.as_str());
        let ambiguous = short.filter(|short| !seen.insert(*short)).collect();
        Names { map, ambiguous }
    }

    fn of(&self, code: &str) -> String {
        let short = self.map.short_name(code);
        match self.ambiguous.contains(short.as_str()) {
            true => format!("{short} ({code})"),
            false => short,
        }
    }
}

fn indicator(
    names: &Names<'_>,
    analysis: &Analysis,
    definition: &model::Indicator,
    figures: &IndicatorFigures,
    run: &RunKey,
    past: &[Past<'_>],
    whose: Option<&str>,
) -> Indicator {
    // Who reads of one organisation sees how the others lie, and not which of them lies where.
    let unnamed = whose.is_some() && definition.audience == Some(Audience::Organisation);
    let mut rows: Vec<Row> = figures
        .organisations
        .iter()
        .map(|(code, figure)| Row {
            code: code.clone(),
            organisation: match unnamed && whose != Some(code.as_str()) {
                true => "другая организация".to_owned(),
                false => names.of(code),
            },
            value: figure.value,
            earlier: figure.earlier,
            rank: figure.rank,
            apart: figure.lies_apart(),
            own: whose == Some(code.as_str()),
        })
        .collect();
    rows.sort_by(|a, b| {
        let by_value = match definition.better {
            Some(Better::Lower) => a.value.total_cmp(&b.value),
            _ => b.value.total_cmp(&a.value),
        };
        by_value.then_with(|| a.organisation.cmp(&b.organisation))
    });
    let point = |run: &RunKey, figures: Option<&IndicatorFigures>| Point {
        period: run.period.label(),
        own: whose.and_then(|code| figures?.organisations.get(code)).map(|figure| figure.value),
        median: figures.and_then(|f| f.compared(analysis.min_count)).map(|a| a.median),
    };
    // A missing period takes its place between those that are known.
    let mut history: Vec<Point> = past
        .iter()
        .map(|past| {
            let all = past.outcome.map_or(&[][..], |outcome| &outcome.indicators);
            point(&past.run, all.iter().find(|figures| figures.indicator == definition.id))
        })
        .skip_while(|point| point.own.is_none() && point.median.is_none())
        .collect();
    history.push(point(run, Some(figures)));
    Indicator {
        title: definition.title.clone(),
        unit: definition.unit.clone(),
        decimals: definition.decimals,
        rows,
        municipality: figures.compared(analysis.min_count),
        history,
        withheld: figures
            .withheld
            .iter()
            .filter(|(code, _)| whose.is_none_or(|own| own == code.as_str()))
            .map(|(code, reason)| (names.of(code), reason.clone()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vekha_analysis::Figure;

    use super::*;

    /// One school's share of low results.
    fn outcome(value: f64) -> Outcome {
        let figure = Figure { value, rank: None, earlier: None, outlier: None };
        let figures = IndicatorFigures {
            indicator: "low_share".into(),
            organisations: BTreeMap::from([("school-1".into(), figure)]),
            municipality: None,
            withheld: BTreeMap::new(),
        };
        Outcome { indicators: vec![figures], ..Outcome::default() }
    }

    #[test]
    fn a_period_without_figures_keeps_its_place_in_the_trend() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/road-map");
        let files = crate::files::load(folder.as_ref()).expect("the shipped road map");
        let map = vekha_roadmap::read::read(&files).expect("no mistakes");
        let run = |period: &str| -> RunKey {
            format!("zarechny/low-result-schools/{period}").parse().expect("a run")
        };
        let known = [outcome(10.0), outcome(12.0)];
        let past = |period: &str, outcome| Past { run: run(period), outcome };
        let past = [
            past("2021-22", None),
            past("2022-23", Some(&known[0])),
            past("2023-24", Some(&known[1])),
            past("2024-25", None),
        ];
        let made = report(
            &map,
            &run("2025-26"),
            "analyze",
            &outcome(16.0),
            &past,
            Some("school-1"),
            Timestamp::UNIX_EPOCH,
        );
        let indicator = &made.expect("a report").indicators[0];
        let own: Vec<_> = indicator.history.iter().map(|p| (p.period.as_str(), p.own)).collect();
        let expected = [
            ("2022/23", Some(10.0)),
            ("2023/24", Some(12.0)),
            ("2024/25", None),
            ("2025/26", Some(16.0)),
        ];
        assert_eq!(own, expected);
        // Two points a period; squeezed together they would seem to grow by three.
        assert_eq!(
            indicator.tendency().as_deref(),
            Some(
                "В среднем за период показатель организации меняется на +2,0 (медиана наклонов, \
                 Тейл и Сен)."
            )
        );
    }
}
