//! Analyzers compute figures of a dataset and judge it, by methods that the road map's own formulas do
//! not say. What they answer is held against what was asked ([`Judging`]): a figure of nobody asked, an
//! infinite one, one told twice are refused with words.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::Plugin;

/// Figures beside those of its rule that a finding may show.
const MOST_SHOWN: usize = 20;

/// Characters of a title or a unit.
const LONGEST: usize = 200;

/// Most digits after the comma.
const MOST_DECIMALS: u8 = 6;

/// Computes indicators and finds by them.
#[async_trait]
pub trait Analyzer: Plugin {
    /// Gives at most one figure for each indicator and organisation, and for the municipality; and at
    /// most one finding for each rule and organisation. The same key asks for the same answer.
    ///
    /// # Errors
    ///
    /// [`AnalyzeError`], which tells the caller whether to try again; then nothing is used.
    async fn analyze(&self, request: &AnalyzeRequest<'_>) -> Result<Analyzed, AnalyzeError>;
}

/// What is asked, with the dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AnalyzeRequest<'d> {
    /// Unique name: the same key asks for the same.
    pub key: String,
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// Stage id.
    pub stage: String,
    /// What the dataset is about: `2026-27`.
    pub period: String,
    /// Id of the definition.
    pub definition: String,
    /// The indicators whose figures are wanted.
    pub indicators: Vec<WantedIndicator>,
    /// Ids of the rules by which findings are wanted.
    pub rules: Vec<String>,
    /// The definition's thresholds.
    pub thresholds: BTreeMap<String, f64>,
    /// Whether each answer is about the municipality as a whole, and not about an organisation.
    pub about_municipality: bool,
    /// The organisations that the dataset is of, by code.
    pub organisations: BTreeMap<String, AskedOrganisation>,
    /// Datasets by their names; the one that has none under the empty name.
    pub datasets: BTreeMap<String, Dataset<'d>>,
}

/// What is known of organisations, by code.
pub type Dataset<'d> = BTreeMap<String, Known<'d>>;

/// What is known of one organisation: values by field id. A table is a list of rows.
pub type Known<'d> = BTreeMap<String, Cow<'d, Value>>;

/// An indicator that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WantedIndicator {
    /// Id: `rating`.
    pub id: String,
    /// What it measures.
    pub title: String,
    /// Unit, for people: «%»; may be empty.
    pub unit: String,
}

/// An organisation that the dataset is of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AskedOrganisation {
    /// Its kind: `school`.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// The definition's indicators in the period before, as far as they are known.
    pub earlier: BTreeMap<String, f64>,
}

/// What was computed and found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analyzed {
    /// Figures.
    pub figures: Vec<GivenFigure>,
    /// Findings.
    pub findings: Vec<GivenFinding>,
}

/// A figure, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenFigure {
    /// Indicator id.
    pub indicator: String,
    /// Organisation code; none for the municipality as a whole.
    pub organisation: Option<String>,
    /// The value, or why there is none, in Russian.
    pub outcome: Result<f64, String>,
}

/// An organisation that the method finds by a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenFinding {
    /// Rule id.
    pub rule: String,
    /// Organisation code.
    pub organisation: String,
    /// Figures that it rests on beside those that the rule shows.
    pub figures: Vec<ShownFigure>,
}

/// A figure that is no indicator of the definition.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownFigure {
    /// What it measures, in Russian.
    pub title: String,
    /// The value.
    pub value: f64,
    /// Unit, for people; may be empty.
    pub unit: String,
    /// Digits after the comma when shown.
    pub decimals: u8,
}

/// Nothing was computed. The sentences are in Russian.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnalyzeError {
    /// The request cannot be answered as it is, or the answer is nonsense: trying again is of no use.
    #[error("{0}")]
    Refused(String),
    /// Not this time: try again later.
    #[error("{0}")]
    Failed(String),
}

/// An answer as it comes in, held against what was asked. Nothing is kept but what was asked for, so
/// an answer is never larger than its question allows.
#[derive(Debug)]
pub struct Judging<'r, 'd> {
    request: &'r AnalyzeRequest<'d>,
    indicators: BTreeSet<&'r str>,
    rules: BTreeSet<&'r str>,
    given: BTreeSet<(String, Option<String>)>,
    found: BTreeSet<(String, String)>,
    answer: Analyzed,
}

impl<'r, 'd> Judging<'r, 'd> {
    /// Nothing has come in yet.
    pub fn new(request: &'r AnalyzeRequest<'d>) -> Self {
        Judging {
            request,
            indicators: request.indicators.iter().map(|one| one.id.as_str()).collect(),
            rules: request.rules.iter().map(String::as_str).collect(),
            given: BTreeSet::new(),
            found: BTreeSet::new(),
            answer: Analyzed::default(),
        }
    }

    /// Takes a part of the answer in.
    ///
    /// # Errors
    /// What is wrong with it, in words that begin with what was done: «дал показатель, …».
    pub fn take(&mut self, part: Analyzed) -> Result<(), String> {
        for figure in part.figures {
            self.figure(figure)?;
        }
        for finding in part.findings {
            self.finding(finding)?;
        }
        Ok(())
    }

    /// The answer as a whole.
    pub fn whole(self) -> Analyzed {
        self.answer
    }

    fn figure(&mut self, figure: GivenFigure) -> Result<(), String> {
        let GivenFigure { indicator, organisation, outcome } = &figure;
        let id = named(indicator);
        if !self.indicators.contains(indicator.as_str()) {
            return Err(format!("дал показатель {id}, которого не спрашивали"));
        }
        if let Some(code) = organisation {
            self.asked(code, &format!("показатель {id}"))?;
        }
        if outcome.as_ref().is_ok_and(|value| !value.is_finite()) {
            let of = of(organisation.as_deref());
            return Err(format!("дал показатель {id} {of}: это не число"));
        }
        if !self.given.insert((indicator.clone(), organisation.clone())) {
            return Err(format!("дал показатель {id} {} дважды", of(organisation.as_deref())));
        }
        self.answer.figures.push(figure);
        Ok(())
    }

    fn finding(&mut self, finding: GivenFinding) -> Result<(), String> {
        let GivenFinding { rule, organisation, figures } = &finding;
        let id = named(rule);
        if !self.rules.contains(rule.as_str()) {
            return Err(format!("дал вывод по правилу {id}, которого не спрашивали"));
        }
        self.asked(organisation, &format!("вывод {id}"))?;
        let short = |text: &str| text.chars().nth(LONGEST).is_none();
        let sound = |one: &ShownFigure| {
            let titled = !one.title.trim().is_empty() && short(&one.title) && short(&one.unit);
            titled && one.value.is_finite() && one.decimals <= MOST_DECIMALS
        };
        if figures.len() > MOST_SHOWN || !figures.iter().all(sound) {
            let of = of(Some(organisation));
            return Err(format!(
                "дал вывод {id} {of} с негодными цифрами: их не больше {MOST_SHOWN}, у каждой \
                 название, число и от 0 до {MOST_DECIMALS} знаков после запятой"
            ));
        }
        if !self.found.insert((rule.clone(), organisation.clone())) {
            return Err(format!("дал вывод {id} {} дважды", of(Some(organisation))));
        }
        self.answer.findings.push(finding);
        Ok(())
    }

    fn asked(&self, code: &str, what: &str) -> Result<(), String> {
        match self.request.organisations.contains_key(code) {
            true => Ok(()),
            false => Err(format!("дал {what} организации {}, которой в данных нет", named(code))),
        }
    }
}

fn of(organisation: Option<&str>) -> String {
    match organisation {
        Some(code) => format!("организации {}", named(code)),
        None => "муниципалитета".to_owned(),
    }
}

/// A name that a plugin made up, as far as it is fit to be shown.
fn named(text: &str) -> String {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(64).map(fit).collect();
    if text.chars().nth(64).is_some() {
        shown.push('…');
    }
    format!("«{shown}»")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_what_is_no_number_and_what_comes_twice_is_refused_with_words() {
        let organisations = [("a".to_owned(), AskedOrganisation::default())].into();
        let indicators = vec![WantedIndicator { id: "rating".into(), ..Default::default() }];
        let rules = vec!["low".to_owned()];
        let request = AnalyzeRequest { indicators, rules, organisations, ..Default::default() };
        let figure = |indicator: &str, code: Option<&str>, value: f64| GivenFigure {
            indicator: indicator.into(),
            organisation: code.map(str::to_owned),
            outcome: Ok(value),
        };
        let finding = |rule: &str, code: &str, value: f64| GivenFinding {
            rule: rule.into(),
            organisation: code.into(),
            figures: vec![ShownFigure {
                title: "Ц".into(),
                value,
                unit: String::new(),
                decimals: 1,
            }],
        };
        let judge = |figures: Vec<GivenFigure>, findings: Vec<GivenFinding>| {
            let mut judging = Judging::new(&request);
            judging.take(Analyzed { figures, findings }).map(|()| judging.whole())
        };
        let figures = vec![figure("rating", Some("a"), 0.1), figure("rating", None, -0.0)];
        let findings = vec![finding("low", "a", 1.0)];
        let right = judge(figures.clone(), findings.clone()).unwrap();
        assert_eq!(right, Analyzed { figures, findings });
        let one = |figure| judge(vec![figure], vec![]).unwrap_err();
        assert_eq!(
            one(figure("score", Some("a"), 1.0)),
            "дал показатель «score», которого не спрашивали"
        );
        assert_eq!(
            one(figure("rating", Some("b"), 1.0)),
            "дал показатель «rating» организации «b», которой в данных нет"
        );
        for value in [f64::NAN, f64::INFINITY] {
            let told = one(figure("rating", Some("a"), value));
            assert_eq!(told, "дал показатель «rating» организации «a»: это не число");
        }
        for code in [None, Some("a")] {
            let twice = vec![figure("rating", code, 1.0); 2];
            assert!(judge(twice, vec![]).unwrap_err().ends_with("дважды"));
        }
        let one = |finding| judge(vec![], vec![finding]).unwrap_err();
        assert!(one(finding("high", "a", 1.0)).contains("по правилу «high», которого не спр"));
        assert!(one(finding("low", "b", 1.0)).contains("«b», которой в данных нет"));
        assert!(one(finding("low", "a", f64::NAN)).contains("с негодными цифрами"));
        let twice = vec![finding("low", "a", 1.0); 2];
        assert_eq!(judge(vec![], twice).unwrap_err(), "дал вывод «low» организации «a» дважды");
    }
}
