//! What an analyzer is asked, and what is made of its answer.
//!
//! It gets the dataset of a stage and nothing that is not for it: of organisations their code, kind and
//! title; of answers figures, days and choices, words only where they name the rows of a table, no files
//! and no explanations; of other activities' indicators those that are not for the department alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use vekha_analysis::{Given, Inputs, Item, Record};
use vekha_plugin::{
    AnalyzeRequest, Analyzed, AskedOrganisation, Known, ShownFigure, WantedIndicator,
};
use vekha_roadmap::model::{
    Activity, Analysis, Analyze, Audience, DatasetSource, FieldKind, Table, Work,
};
use vekha_roadmap::{RoadMap, russian};

/// What the question is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The definitions.
    pub road_map: &'a RoadMap,
    /// The activity.
    pub activity: &'a Activity,
    /// Stage id.
    pub stage: &'a str,
    /// What the stage says.
    pub analyze: &'a Analyze,
    /// What is to be computed.
    pub definition: &'a Analysis,
    /// What the dataset is about: `2026-27`.
    pub period: &'a str,
}

/// What the analyzer of a stage is asked about the data, without its [`key`].
pub fn request<'d>(about: &About<'_>, inputs: &'d Inputs<'d>) -> AnalyzeRequest<'d> {
    let About { road_map, activity, stage, definition, .. } = *about;
    let mut request = AnalyzeRequest {
        municipality: road_map.municipality.id.clone(),
        activity: activity.id.clone(),
        stage: stage.to_owned(),
        period: about.period.to_owned(),
        definition: definition.id.clone(),
        indicators: definition
            .given_indicators()
            .map(|one| WantedIndicator {
                id: one.id.clone(),
                title: one.title.clone(),
                unit: one.unit.clone(),
            })
            .collect(),
        rules: definition.given_rules().map(|rule| rule.id.clone()).collect(),
        thresholds: definition.thresholds.clone(),
        about_municipality: definition.about_all,
        ..AnalyzeRequest::default()
    };
    for source in &about.analyze.from {
        let name = source.alias.as_deref().unwrap_or_default();
        let known = match &source.alias {
            None => Some(&inputs.own),
            Some(alias) => inputs.named.get(alias),
        };
        let offered = Offered::by(about, source);
        let dataset = known.into_iter().flatten();
        let dataset = dataset.map(|(code, record)| (code.clone(), offered.of(record)));
        request.datasets.insert(name.to_owned(), dataset.collect());
    }
    let codes: BTreeSet<&String> = request.datasets.values().flat_map(BTreeMap::keys).collect();
    request.organisations = codes
        .into_iter()
        .map(|code| (code.clone(), organisation(road_map, definition, inputs, code)))
        .collect();
    request
}

fn organisation(
    road_map: &RoadMap,
    definition: &Analysis,
    inputs: &Inputs<'_>,
    code: &str,
) -> AskedOrganisation {
    let known = road_map.organisation(code);
    let told = |id: &&str| {
        definition.indicators.iter().any(|one| {
            one.id == **id && (one.formula.is_none() || one.audience != Some(Audience::Department))
        })
    };
    let earlier = inputs.earlier.iter().filter(|(id, _)| told(id));
    let earlier = earlier.filter_map(|(id, all)| Some(((*id).to_owned(), all.get(code)?.value)));
    AskedOrganisation {
        kind: known.map(|one| one.kind.as_str().to_owned()).unwrap_or_default(),
        title: known.map(|one| one.name.clone()).unwrap_or_default(),
        earlier: earlier.collect(),
    }
}

/// What of a dataset may go to an analyzer.
struct Offered<'m> {
    fields: BTreeMap<&'m str, &'m FieldKind>,
    indicators: BTreeSet<&'m str>,
}

impl<'m> Offered<'m> {
    fn by(about: &About<'m>, source: &DatasetSource) -> Self {
        let road_map = about.road_map;
        let activity = match &source.activity {
            Some(id) => road_map.activity(id),
            None => Some(about.activity),
        };
        let mut offered = Offered { fields: BTreeMap::new(), indicators: BTreeSet::new() };
        for stage in activity.into_iter().flat_map(|activity| &activity.stages) {
            match &stage.work {
                Work::Collect(collect) => {
                    let form = road_map.forms.get(&collect.form);
                    let fields = form.into_iter().flat_map(|form| &form.fields);
                    offered.fields.extend(fields.map(|field| (field.id.as_str(), &field.kind)));
                }
                Work::Analyze(analyze) if source.alias.is_some() => {
                    let analysis = road_map.analyses.get(&analyze.analysis);
                    let indicators = analysis.into_iter().flat_map(|one| &one.indicators);
                    let told = indicators.filter(|i| i.audience != Some(Audience::Department));
                    offered.indicators.extend(told.map(|indicator| indicator.id.as_str()));
                }
                _ => {}
            }
        }
        offered
    }

    fn of<'d>(&self, record: &'d Record<'d>) -> Known<'d> {
        let all = record.answers.iter().chain(&record.figures);
        let told = all.filter_map(|(id, value)| Some((id.clone(), self.told(id, value)?)));
        told.collect()
    }

    fn told<'d>(&self, id: &str, value: &'d Value) -> Option<Cow<'d, Value>> {
        match self.fields.get(id) {
            _ if value.is_null() => None,
            None => self.indicators.contains(id).then_some(Cow::Borrowed(value)),
            Some(FieldKind::Text { .. } | FieldKind::LongText { .. } | FieldKind::File(_)) => None,
            Some(FieldKind::Table(table)) => Some(rows(table, value)),
            Some(_) => Some(Cow::Borrowed(value)),
        }
    }
}

/// The rows of a table, without what is long or no answer to be counted.
fn rows<'d>(table: &Table, value: &'d Value) -> Cow<'d, Value> {
    let is_left =
        |kind: &FieldKind| matches!(kind, FieldKind::LongText { .. } | FieldKind::File(_));
    let left = table.columns.iter().filter(|column| is_left(&column.kind));
    let left: BTreeSet<&str> = left.map(|column| column.id.as_str()).collect();
    if left.is_empty() {
        return Cow::Borrowed(value);
    }
    let without = |row: &Value| {
        let cells = row.as_object().into_iter().flatten();
        let cells = cells.filter(|(id, _)| !left.contains(id.as_str()));
        Value::Object(cells.map(|(id, cell)| (id.clone(), cell.clone())).collect::<Map<_, _>>())
    };
    Cow::Owned(value.as_array().into_iter().flatten().map(without).collect())
}

/// The key of a question, which is that of its content: as long as nothing changes, the same is asked
/// under the same key. It reads all that is asked.
pub fn key(run: &str, request: &AnalyzeRequest<'_>) -> String {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Sha256::new());
    // Neither does the hash fail nor has a request anything that is no JSON.
    serde_json::to_writer(&mut hashing, request).ok();
    format!("{run}/{}/{}", request.stage, hex::encode(&hashing.0.finalize()[..16]))
}

/// An answer, as analyses take it.
pub fn given(answer: Analyzed) -> Given {
    let mut given = Given::default();
    for figure in answer.figures {
        match (figure.organisation, figure.outcome) {
            (Some(code), outcome) => {
                given.figures.entry(figure.indicator).or_default().insert(code, outcome);
            }
            (None, Ok(value)) => {
                given.municipality.insert(figure.indicator, value);
            }
            // That there is none is seen.
            (None, Err(_)) => {}
        }
    }
    for finding in answer.findings {
        let items = finding.figures.into_iter().map(item).collect();
        given.findings.entry(finding.rule).or_default().insert(finding.organisation, items);
    }
    given
}

fn item(shown: ShownFigure) -> Item {
    Item {
        title: shown.title,
        value: russian::number(shown.value, shown.decimals),
        unit: shown.unit,
        municipality_mean: String::new(),
        earlier: String::new(),
        rank: None,
        count: 0,
    }
}
