//! What goes to an analyzer and comes from it: a dataset in parts of bounded size, made one after the
//! other as they are wanted, and put together again; an answer in parts.

use std::borrow::Cow;
use std::iter;

use prost::Message as _;
use prost_types::Struct;
use serde_json::Value;
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::analyze_request::Part;
use vekha_proto::plugin::v1::figure::Outcome;

use super::{json, object, structure, wired};
use crate::{
    AnalyzeRequest, Analyzed, AskedOrganisation, GivenFigure, GivenFinding, Known, ShownFigure,
    WantedIndicator,
};

/// Bytes that a part is filled with; the last row, or an organisation's plain answers, may reach
/// beyond.
pub const PART: usize = 256 << 10;

/// Figures and findings of an answer that go together.
const TOGETHER: usize = 2000;

/// What goes into a part.
enum Piece<'r> {
    Organisation(&'r str, &'r AskedOrganisation),
    /// Dataset, organisation, all that it answered.
    Plain(&'r str, &'r str, &'r Known<'r>),
    /// Dataset, organisation, table, row.
    Row([&'r str; 3], &'r Value),
}

/// The rows of a table; none of what is no table, or has no row.
fn rows(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().filter(|rows| rows.first().is_some_and(Value::is_object))
}

/// A request in parts; each is made when it is wanted.
pub fn parts<'r>(
    request: &'r AnalyzeRequest<'r>,
) -> impl Iterator<Item = v1::AnalyzeRequest> + Send + 'r {
    let organisations = request.organisations.iter();
    let organisations = organisations.map(|(code, one)| Piece::Organisation(code, one));
    let known = request.datasets.iter().flat_map(|(dataset, known)| {
        known.iter().flat_map(move |(code, known)| {
            let tables = known.iter().filter_map(|(id, value)| Some((id, rows(value)?)));
            let rows = tables.flat_map(move |(id, rows)| {
                rows.iter().map(move |row| Piece::Row([dataset, code, id], row))
            });
            iter::once(Piece::Plain(dataset, code, known)).chain(rows)
        })
    });
    let mut pieces = organisations.chain(known);
    let data = iter::from_fn(move || {
        let (mut part, mut bytes) = (v1::DatasetPart::default(), 0);
        while bytes < PART
            && let Some(piece) = pieces.next()
        {
            bytes += put(&mut part, piece);
        }
        (bytes > 0).then_some(Part::Data(part))
    });
    let whole = iter::once(Part::Task(task(request))).chain(data);
    whole.map(|part| v1::AnalyzeRequest { part: Some(part) })
}

fn task(request: &AnalyzeRequest<'_>) -> v1::AnalysisTask {
    let wanted = |one: &WantedIndicator| v1::WantedIndicator {
        id: one.id.clone(),
        title: one.title.clone(),
        unit: one.unit.clone(),
    };
    v1::AnalysisTask {
        key: request.key.clone(),
        municipality: request.municipality.clone(),
        activity: request.activity.clone(),
        stage: request.stage.clone(),
        period: request.period.clone(),
        definition: request.definition.clone(),
        indicators: request.indicators.iter().map(wanted).collect(),
        rules: request.rules.clone(),
        thresholds: request.thresholds.clone().into_iter().collect(),
        about_municipality: request.about_municipality,
    }
}

/// Puts a piece into a part. Returns how many bytes it takes, at least one.
fn put(part: &mut v1::DatasetPart, piece: Piece<'_>) -> usize {
    let row_of = |row: &Value| structure(row.as_object().cloned().unwrap_or_default());
    1 + match piece {
        Piece::Organisation(code, one) => {
            let organisation = v1::Organisation {
                code: code.to_owned(),
                kind: one.kind.clone(),
                title: one.title.clone(),
                earlier: one.earlier.clone().into_iter().collect(),
            };
            let bytes = organisation.encoded_len();
            part.organisations.push(organisation);
            bytes
        }
        Piece::Plain(dataset, code, known) => {
            let plain = known.iter().filter(|(_, value)| rows(value).is_none());
            let values = plain.map(|(id, value)| (id.clone(), wired((**value).clone())));
            let answers = v1::Answers {
                dataset: dataset.to_owned(),
                organisation: code.to_owned(),
                values: Some(Struct { fields: values.collect() }),
            };
            let bytes = answers.encoded_len();
            part.answers.push(answers);
            bytes
        }
        Piece::Row([dataset, code, table], row) => {
            let row = row_of(row);
            let bytes = row.encoded_len() + 4;
            match part.rows.last_mut() {
                Some(last)
                    if [&last.dataset, &last.organisation, &last.table]
                        == [dataset, code, table] =>
                {
                    last.rows.push(row);
                    bytes
                }
                _ => {
                    part.rows.push(v1::TableRows {
                        dataset: dataset.to_owned(),
                        organisation: code.to_owned(),
                        table: table.to_owned(),
                        rows: vec![row],
                    });
                    bytes + dataset.len() + code.len() + table.len() + 8
                }
            }
        }
    }
}

/// A request as it comes in.
#[derive(Debug, Default)]
pub struct Arriving {
    request: Option<AnalyzeRequest<'static>>,
}

impl Arriving {
    /// Takes a part in.
    ///
    /// # Errors
    /// When it cannot come here, in words for whoever sent it.
    pub fn take(&mut self, part: v1::AnalyzeRequest) -> Result<(), String> {
        match (part.part, &mut self.request) {
            (None, _) => Err("пустая часть запроса".to_owned()),
            (Some(Part::Task(_)), Some(_)) => Err("задание пришло дважды".to_owned()),
            (Some(Part::Task(task)), None) => {
                self.request = Some(task_of(task));
                Ok(())
            }
            (Some(Part::Data(_)), None) => Err("данные пришли раньше задания".to_owned()),
            (Some(Part::Data(data)), Some(request)) => add(request, data),
        }
    }

    /// The whole request.
    ///
    /// # Errors
    /// When nothing was asked.
    pub fn whole(self) -> Result<AnalyzeRequest<'static>, String> {
        self.request.ok_or_else(|| "задания нет".to_owned())
    }
}

fn task_of(task: v1::AnalysisTask) -> AnalyzeRequest<'static> {
    let wanted =
        |one: v1::WantedIndicator| WantedIndicator { id: one.id, title: one.title, unit: one.unit };
    AnalyzeRequest {
        key: task.key,
        municipality: task.municipality,
        activity: task.activity,
        stage: task.stage,
        period: task.period,
        definition: task.definition,
        indicators: task.indicators.into_iter().map(wanted).collect(),
        rules: task.rules,
        thresholds: task.thresholds.into_iter().collect(),
        about_municipality: task.about_municipality,
        ..AnalyzeRequest::default()
    }
}

fn add(request: &mut AnalyzeRequest<'static>, data: v1::DatasetPart) -> Result<(), String> {
    for one in data.organisations {
        let earlier = one.earlier.into_iter().collect();
        let organisation = AskedOrganisation { kind: one.kind, title: one.title, earlier };
        request.organisations.insert(one.code, organisation);
    }
    for answers in data.answers {
        if !request.organisations.contains_key(&answers.organisation) {
            return Err(format!("ответы неизвестной организации «{}»", answers.organisation));
        }
        let fields = answers.values.unwrap_or_default().fields.into_iter();
        let known = fields.map(|(id, value)| (id, Cow::Owned(json(value)))).collect();
        let dataset = request.datasets.entry(answers.dataset).or_default();
        dataset.insert(answers.organisation, known);
    }
    for rows in data.rows {
        let dataset = request.datasets.get_mut(&rows.dataset);
        let known = dataset.and_then(|dataset| dataset.get_mut(&rows.organisation));
        let known = known
            .ok_or_else(|| format!("строки таблицы «{}» пришли раньше ответов", rows.table))?;
        let table = known.entry(rows.table).or_insert(Cow::Owned(Value::Array(vec![])));
        match table.to_mut() {
            Value::Array(all) => all.extend(rows.rows.into_iter().map(object).map(Value::Object)),
            _ => return Err("строки пришли к тому, что не таблица".to_owned()),
        }
    }
    Ok(())
}

/// An answer in parts.
pub fn answer(answer: Analyzed) -> impl Iterator<Item = v1::AnalyzeResponse> + Send {
    let mut figures = answer.figures.into_iter().map(figure);
    let mut findings = answer.findings.into_iter().map(finding);
    iter::from_fn(move || {
        let figures: Vec<_> = figures.by_ref().take(TOGETHER).collect();
        let findings: Vec<_> = findings.by_ref().take(TOGETHER - figures.len()).collect();
        let some = !figures.is_empty() || !findings.is_empty();
        some.then_some(v1::AnalyzeResponse { figures, findings })
    })
}

fn figure(own: GivenFigure) -> v1::Figure {
    let outcome = match own.outcome {
        Ok(value) => Outcome::Value(value),
        Err(why) => Outcome::Withheld(why),
    };
    v1::Figure {
        indicator: own.indicator,
        organisation: own.organisation.unwrap_or_default(),
        outcome: Some(outcome),
    }
}

fn finding(own: GivenFinding) -> v1::Finding {
    let shown = |one: ShownFigure| v1::ShownFigure {
        title: one.title,
        value: one.value,
        unit: one.unit,
        decimals: one.decimals.into(),
    };
    v1::Finding {
        rule: own.rule,
        organisation: own.organisation,
        figures: own.figures.into_iter().map(shown).collect(),
    }
}

/// A part of an answer that came in. What of a figure is not said at all is no number.
pub fn answer_of(wire: v1::AnalyzeResponse) -> Analyzed {
    let figure = |one: v1::Figure| GivenFigure {
        indicator: one.indicator,
        organisation: Some(one.organisation).filter(|code| !code.is_empty()),
        outcome: match one.outcome {
            Some(Outcome::Value(value)) => Ok(value),
            Some(Outcome::Withheld(why)) => Err(why),
            None => Ok(f64::NAN),
        },
    };
    let shown = |one: v1::ShownFigure| ShownFigure {
        title: one.title,
        value: one.value,
        unit: one.unit,
        decimals: u8::try_from(one.decimals).unwrap_or(u8::MAX),
    };
    let finding = |one: v1::Finding| GivenFinding {
        rule: one.rule,
        organisation: one.organisation,
        figures: one.figures.into_iter().map(shown).collect(),
    };
    Analyzed {
        figures: wire.figures.into_iter().map(figure).collect(),
        findings: wire.findings.into_iter().map(finding).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A value of a field: plain, a list of words, a table of few rows or none.
    fn value() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-1_000_000..1_000_000_i64).prop_map(Value::from),
            (-1e6..1e6_f64).prop_map(Value::from),
            "[а-я]{0,12}".prop_map(Value::from),
        ];
        let cell = plain.clone();
        let row = prop::collection::btree_map("[a-c]", cell, 0..3)
            .prop_map(|row| Value::Object(row.into_iter().collect()));
        prop_oneof![
            plain,
            prop::collection::vec("[a-z]{1,4}".prop_map(Value::from), 0..4).prop_map(Value::from),
            prop::collection::vec(row, 0..30).prop_map(Value::from),
        ]
    }

    fn request() -> impl Strategy<Value = AnalyzeRequest<'static>> {
        let known = prop::collection::btree_map("[a-d]", value().prop_map(Cow::Owned), 0..4);
        let known = prop::collection::btree_map("s[0-9]", known, 0..8);
        let datasets = prop::collection::btree_map("(|one|two)", known, 0..3);
        datasets.prop_map(|mut datasets| {
            datasets.retain(|_, dataset: &mut crate::Dataset<'_>| !dataset.is_empty());
            let codes = datasets.values().flat_map(|dataset| dataset.keys().cloned());
            let organisations = codes.map(|code| {
                let earlier = [("rating".to_owned(), 0.1)].into();
                let title = format!("Школа {code}");
                (code, AskedOrganisation { kind: "school".into(), title, earlier })
            });
            AnalyzeRequest {
                key: "k".into(),
                thresholds: [("low".to_owned(), 1e-7)].into(),
                rules: vec!["low".into()],
                organisations: organisations.collect(),
                datasets,
                ..AnalyzeRequest::default()
            }
        })
    }

    fn arrived(request: &AnalyzeRequest<'_>) -> AnalyzeRequest<'static> {
        let mut arriving = Arriving::default();
        for part in parts(request) {
            let bytes = part.encode_to_vec();
            arriving.take(v1::AnalyzeRequest::decode(&*bytes).unwrap()).unwrap();
        }
        arriving.whole().unwrap()
    }

    proptest! {
        #[test]
        fn what_goes_in_parts_arrives_whole(request in request()) {
            prop_assert_eq!(arrived(&request), request);
        }
    }

    #[test]
    fn a_thousand_organisations_go_in_parts_of_bounded_size_made_when_they_are_wanted() {
        let row = |n: usize| json!({ "row": format!("Задание {n}"), "done": n, "share": 0.1 });
        let table = Value::from((0..80).map(row).collect::<Vec<_>>());
        let known: Known<'_> = [
            ("pupils".to_owned(), Cow::Owned(json!(512))),
            ("tasks".to_owned(), Cow::Borrowed(&table)),
        ]
        .into();
        let codes = || (0..1000).map(|n| format!("school-{n}"));
        let request = AnalyzeRequest {
            organisations: codes().map(|code| (code, AskedOrganisation::default())).collect(),
            datasets: [(String::new(), codes().map(|code| (code, known.clone())).collect())].into(),
            ..AnalyzeRequest::default()
        };
        let sizes: Vec<usize> = parts(&request).map(|part| part.encoded_len()).collect();
        assert!(sizes.iter().sum::<usize>() > 4 << 20, "{sizes:?}");
        // One row more than the measure, and what frames it.
        assert!(sizes.iter().all(|size| *size < PART + (16 << 10)), "{:?}", sizes.iter().max());
        assert_eq!(arrived(&request), request);
    }

    #[test]
    fn what_is_sent_out_of_order_is_refused() {
        let data = |part| v1::AnalyzeRequest { part: Some(Part::Data(part)) };
        let task = || v1::AnalyzeRequest { part: Some(Part::Task(v1::AnalysisTask::default())) };
        let rows = v1::TableRows { table: "t".into(), ..Default::default() };
        let rows = v1::DatasetPart { rows: vec![rows], ..Default::default() };
        let strange = v1::Answers { organisation: "x".into(), ..Default::default() };
        let strange = v1::DatasetPart { answers: vec![strange], ..Default::default() };
        let told = |all: Vec<v1::AnalyzeRequest>| {
            let mut arriving = Arriving::default();
            all.into_iter().try_for_each(|part| arriving.take(part)).unwrap_err()
        };
        assert_eq!(told(vec![v1::AnalyzeRequest { part: None }]), "пустая часть запроса");
        assert_eq!(told(vec![data(v1::DatasetPart::default())]), "данные пришли раньше задания");
        assert_eq!(told(vec![task(), task()]), "задание пришло дважды");
        assert_eq!(told(vec![task(), data(strange)]), "ответы неизвестной организации «x»");
        assert_eq!(told(vec![task(), data(rows)]), "строки таблицы «t» пришли раньше ответов");
        assert_eq!(Arriving::default().whole().unwrap_err(), "задания нет");
    }

    #[test]
    fn an_answer_comes_back_the_same_and_what_is_not_said_is_no_number() {
        let own = Analyzed {
            figures: (0..5000)
                .map(|n| GivenFigure {
                    indicator: "rating".into(),
                    organisation: (n > 0).then(|| format!("s{n}")),
                    outcome: if n % 7 == 0 {
                        Err("мало данных".into())
                    } else {
                        Ok(0.1 * f64::from(n))
                    },
                })
                .collect(),
            findings: vec![GivenFinding {
                rule: "low".into(),
                organisation: "s1".into(),
                figures: vec![ShownFigure {
                    title: "Т".into(),
                    value: -0.5,
                    unit: "%".into(),
                    decimals: 2,
                }],
            }],
        };
        let parts: Vec<_> = answer(own.clone()).map(answer_of).collect();
        assert_eq!(parts.len(), 3);
        let mut back = Analyzed::default();
        for part in parts {
            back.figures.extend(part.figures);
            back.findings.extend(part.findings);
        }
        assert_eq!(back, own);
        let unsaid = v1::AnalyzeResponse { figures: vec![v1::Figure::default()], findings: vec![] };
        assert!(answer_of(unsaid).figures[0].outcome.clone().unwrap().is_nan());
    }
}
