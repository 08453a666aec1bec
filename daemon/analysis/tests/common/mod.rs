//! The shipped road map, and years of answers to its forms.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use vekha_analysis::{Dataset, Inputs, Outcome, analyze};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Analysis;
use vekha_roadmap::read::{Files, read};

fn texts(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => texts(&entry.path(), &format!("{name}/"), files),
            false => {
                files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

/// Read once for all tests of a file.
pub fn shipped() -> &'static RoadMap {
    static SHIPPED: LazyLock<RoadMap> = LazyLock::new(read_shipped);
    &SHIPPED
}

fn read_shipped() -> RoadMap {
    read(&shipped_files()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Its files.
pub fn shipped_files() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/road-map");
    let mut files = BTreeMap::new();
    texts(&folder, "", &mut files);
    Files(files)
}

/// What organisations answered: code -> answers.
pub type Year = BTreeMap<&'static str, Value>;

fn dataset(year: &Year) -> Dataset<'static> {
    let answers = |value: &Value| value.as_object().cloned().unwrap().into();
    year.iter().map(|(code, value)| ((*code).to_owned(), answers(value))).collect()
}

/// The outcome of the last of these years, each compared with the one before.
pub fn live(definition: &Analysis, years: impl IntoIterator<Item = Year>) -> Outcome {
    let own = |year: Year| Inputs { own: dataset(&year), ..Inputs::default() };
    live_on(definition, years.into_iter().map(own))
}

/// The same of datasets by name.
pub fn live_named(
    definition: &Analysis,
    years: impl IntoIterator<Item = BTreeMap<&'static str, Year>>,
) -> Outcome {
    let named = |year: BTreeMap<&str, Year>| Inputs {
        named: year.iter().map(|(name, year)| ((*name).to_owned(), dataset(year))).collect(),
        ..Inputs::default()
    };
    live_on(definition, years.into_iter().map(named))
}

pub fn live_on<'a>(definition: &Analysis, years: impl IntoIterator<Item = Inputs<'a>>) -> Outcome {
    let (mut before, mut outcome) = (Inputs::default(), Outcome::default());
    for year in years {
        let seen = Inputs {
            earlier: outcome.as_earlier(),
            own_before: before.own,
            named_before: before.named,
            ..year.clone()
        };
        let computed = analyze(definition, &seen);
        drop(seen);
        (before, outcome) = (year, computed);
    }
    assert!(outcome.unwritten.is_empty(), "{:?}", outcome.unwritten);
    outcome
}

/// Codes of those who meet a rule.
pub fn met<'o>(outcome: &'o Outcome, rule: &str) -> Vec<&'o str> {
    let found = outcome.findings.iter().filter(|finding| finding.rule == rule);
    found.map(|finding| finding.organisation.as_str()).collect()
}

/// What is said to the first who meets a rule.
pub fn text<'o>(outcome: &'o Outcome, rule: &str) -> &'o str {
    let found = outcome.findings.iter().find(|finding| finding.rule == rule);
    &found.unwrap_or_else(|| panic!("nobody meets {rule}: {:#?}", outcome.findings)).text
}

/// An organisation's value.
pub fn value(outcome: &Outcome, indicator: &str, code: &str) -> Option<f64> {
    let figures = outcome.indicators.iter().find(|figures| figures.indicator == indicator);
    let figures = figures.unwrap_or_else(|| panic!("there is no {indicator}"));
    figures.organisations.get(code).map(|figure| figure.value)
}
