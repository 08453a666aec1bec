//! What analyzers must keep.

use std::borrow::Cow;

use futures::stream;
use serde_json::{Value, json};
use tonic::Status;
use vekha_plugin::{
    AnalyzeRequest, Analyzed, AskedOrganisation, Capability, Judging, Known, WantedIndicator, wire,
};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::analyze_request::Part;
use vekha_proto::plugin::v1::analyzer_client::AnalyzerClient;

use super::capabilities::BARE;
use super::{Trial, Tried, broken, untried};

/// What is asked for if nobody says what the plugin knows.
const UNKNOWN: &str = "vekha_test";

/// Organisations of a large municipality, and rows of each.
const MANY: usize = 1000;
const ROWS: usize = 100;

/// A request about so many organisations with so many rows each.
fn request(indicators: &[String], organisations: usize, rows: usize) -> AnalyzeRequest<'static> {
    let row = |n: usize| json!({ "row": format!("Строка {n}"), "count": n });
    let table = Value::from((1..=rows).map(row).collect::<Vec<_>>());
    let known = |n: usize| -> Known<'static> {
        let plain = [("pupils", json!(100 + n)), ("low", json!(n % 50))];
        let all = plain.into_iter().chain([("rows", table.clone())]);
        all.map(|(id, value)| (id.to_owned(), Cow::Owned(value))).collect()
    };
    let code = |n: usize| format!("school-{n}");
    let asked = |n: usize| AskedOrganisation {
        kind: "school".into(),
        title: format!("Школа № {n}"),
        ..AskedOrganisation::default()
    };
    let indicator = |id: &String| WantedIndicator {
        id: id.clone(),
        title: "Проверка плагина".into(),
        ..WantedIndicator::default()
    };
    AnalyzeRequest {
        key: format!("vekha-plugin-test/{organisations}"),
        municipality: "test".into(),
        activity: "test".into(),
        stage: "analyze".into(),
        period: "2026-27".into(),
        definition: "test".into(),
        indicators: indicators.iter().map(indicator).collect(),
        organisations: (1..=organisations).map(|n| (code(n), asked(n))).collect(),
        datasets: [(String::new(), (1..=organisations).map(|n| (code(n), known(n))).collect())]
            .into(),
        ..AnalyzeRequest::default()
    }
}

impl Trial {
    /// What is asked for.
    fn wanted(&self) -> Vec<String> {
        match self.indicators.as_slice() {
            [] => vec![UNKNOWN.to_owned()],
            named => named.to_vec(),
        }
    }

    async fn analyze_parts(
        &self,
        parts: Vec<v1::AnalyzeRequest>,
    ) -> Result<Result<Vec<v1::AnalyzeResponse>, Status>, super::Outcome> {
        let mut client = AnalyzerClient::new(self.started.channel.clone())
            .max_decoding_message_size(self.config.largest());
        self.answered(async {
            let mut stream = client.analyze(stream::iter(parts)).await?.into_inner();
            let mut answer = Vec::new();
            while let Some(part) = stream.message().await? {
                answer.push(part);
            }
            Ok(answer)
        })
        .await
    }

    /// An answer to what was asked; or none, if the plugin said in words why.
    async fn analyze(
        &self,
        request: &AnalyzeRequest<'_>,
    ) -> Result<Option<Analyzed>, super::Outcome> {
        match self.analyze_parts(wire::parts(request).collect()).await? {
            Ok(parts) => {
                let mut judging = Judging::new(request);
                for part in parts {
                    let taken = judging.take(wire::answer_of(part));
                    taken.map_err(super::Outcome::Broken)?;
                }
                Ok(Some(judging.whole()))
            }
            Err(status) if status.message().trim().is_empty() => {
                Err(super::Outcome::Broken("ошибка без слов".to_owned()))
            }
            Err(status) => match self.indicators.is_empty() {
                // Nobody said what it knows.
                true => self.lives().await.map(|()| None),
                false => Err(super::Outcome::Broken(format!(
                    "названные показатели (--indicator) не считает: {}",
                    status.message()
                ))),
            },
        }
    }
}

pub(super) async fn analyzes_again(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    let request = request(&trial.wanted(), 5, 3);
    let (one, other) = (trial.analyze(&request).await?, trial.analyze(&request).await?);
    match one == other {
        true => Ok(()),
        false => broken("на тот же запрос ответил другим"),
    }
}

pub(super) async fn bears_nothing(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    // Nobody has answered: that is no mistake of anybody, but it may be said.
    let request = request(&trial.wanted(), 0, 0);
    match trial.analyze_parts(wire::parts(&request).collect()).await? {
        Ok(parts) => {
            let mut judging = Judging::new(&request);
            for part in parts {
                judging.take(wire::answer_of(part)).map_err(super::Outcome::Broken)?;
            }
            trial.lives().await
        }
        Err(status) if status.message().trim().is_empty() => broken("ошибка без слов"),
        Err(_) => trial.lives().await,
    }
}

pub(super) async fn takes_much(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    trial.analyze(&request(&trial.wanted(), MANY, ROWS)).await?;
    trial.lives().await
}

pub(super) async fn refuses_what_it_does_not_know(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    let mut unknown = request(&["no_such_indicator".to_owned()], 2, 1);
    unknown.rules = vec!["no-such-rule".to_owned()];
    match trial.analyze_parts(wire::parts(&unknown).collect()).await? {
        Ok(parts) => {
            let mut judging = Judging::new(&unknown);
            for part in parts {
                judging.take(wire::answer_of(part)).map_err(super::Outcome::Broken)?;
            }
        }
        Err(status) if status.message().trim().is_empty() => return broken("ошибка без слов"),
        Err(_) => {}
    }
    // Parts that come without a task, or not at all.
    let data = v1::AnalyzeRequest { part: Some(Part::Data(v1::DatasetPart::default())) };
    for parts in [vec![data], vec![]] {
        if trial.analyze_parts(parts).await?.is_ok_and(|answer| !answer.is_empty()) {
            return broken("отвечает, хотя задания не было");
        }
    }
    trial.lives().await
}

/// Before any configuration.
pub(super) async fn bears_early_calls(trial: &Trial) -> Tried {
    debug_assert!(trial.started.description.capabilities.contains(&Capability::Analyzer));
    let answer = trial.analyze_parts(wire::parts(&request(&trial.wanted(), 1, 1)).collect());
    match answer.await?.is_ok_and(|answer| !answer.is_empty()) {
        true => broken("до настройки отвечает цифрами"),
        false => Ok(()),
    }
}
