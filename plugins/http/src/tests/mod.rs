//! The source against a real server on this machine.

mod errors;
mod formats;
mod server;
mod where_it_goes;

use vekha_plugin::{FetchRequest, Source, SourceError, WantedField};

use crate::{Http, HttpConfig};

/// A source of this server, with short pauses and no address forbidden.
fn http(url: &str, more: &str) -> Http {
    Http::new(config(url, more)).unwrap()
}

fn config(url: &str, more: &str) -> HttpConfig {
    let text = format!("url = \"{url}\"\nallow-private = true\nbackoff-milliseconds = 1\n{more}");
    toml::from_str(&text).unwrap()
}

/// Two fields of two schools.
fn request() -> FetchRequest {
    let field = |id: &str| WantedField { id: id.into(), ..WantedField::default() };
    FetchRequest {
        key: "zarechny/vpr/2026-27/collect".into(),
        municipality: "zarechny".into(),
        activity: "vpr".into(),
        period: "2026-27".into(),
        form: "vpr-results".into(),
        fields: vec![field("participants"), field("marks")],
        organisations: vec!["school-1".into(), "school-2".into()],
    }
}

/// The records as people would write them down.
async fn fetched(http: &Http) -> Result<String, SourceError> {
    let records = http.fetch(&request()).await?.records;
    let line = |record: &vekha_plugin::Record| {
        format!("{}: {}", record.organisation, serde_json::to_string(&record.answers).unwrap())
    };
    Ok(records.iter().map(line).collect::<Vec<_>>().join("; "))
}

/// Why nothing was fetched for good.
async fn refused(http: &Http) -> String {
    match fetched(http).await {
        Err(SourceError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}
