//! What it costs that a plugin is a process of its own: a message delivered and records fetched, in our
//! process and in another. The plugin does nothing; this binary plays it, and its guard.

#![allow(missing_docs, clippy::unwrap_used)] // criterion's macro; a bench may stop

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{BenchmarkId, Criterion, Throughput};
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};
use vekha_plugin::process::{Configured, serve};
use vekha_plugin::{
    Address, Attachment, Capability, DeliveryError, Description, FetchRequest, Fetched, Health,
    Message, Notifier, Plugin, Problem, Receipt, Record, Source, SourceError,
};
use vekha_plugin_host::{Host, Manner, PluginConfig, guard};

/// As the daemon has it, and its own plugins.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How this binary is told to play the plugin.
const PLAY: &str = "play-the-plugin";

/// Bytes of a letter: without files, and with some.
const LETTERS: [usize; 2] = [4 << 10, 1 << 20];

/// Records of an answer, texts of each, and letters of each text: a town's figures, a region's texts.
const RECORDS: [[usize; 3]; 2] = [[100, 100, 100], [1000, 16, 2000]];

fn main() -> ExitCode {
    if let Some(code) = guard::entered() {
        return code;
    }
    if std::env::args().any(|word| word == PLAY) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let served = serve(describe(), |_| {
            let idle = Arc::new(Idle);
            Ok(Configured {
                notifier: Some(idle.clone()),
                source: Some(idle),
                ..Configured::default()
            })
        });
        runtime.block_on(served).unwrap();
        return ExitCode::SUCCESS;
    }
    measure(&Runtime::new().unwrap());
    ExitCode::SUCCESS
}

fn measure(runtime: &Runtime) {
    let mut criterion = Criterion::default().configure_from_args();
    let own = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let config = PluginConfig {
        command: vec![own, PLAY.to_owned()],
        folder: std::env::temp_dir(),
        max_megabytes: Some(256),
        ..PluginConfig::default()
    };
    let all = BTreeMap::from([("idle".to_owned(), config)]);
    let host = runtime.block_on(Host::start(all, &Manner::default())).unwrap();
    let hosted = host.get("idle").unwrap();

    let mut group = criterion.benchmark_group("deliver");
    for bytes in LETTERS {
        let message = letter(bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        for (place, plugin) in
            [("own", Arc::new(Idle) as Arc<dyn Notifier>), ("other", hosted.clone())]
        {
            group.bench_function(BenchmarkId::new(place, bytes), |bencher| {
                bencher.iter_custom(|times| {
                    let (plugin, message) = (plugin.clone(), message.clone());
                    // As the daemon calls: from a task, one call after the other.
                    let calls = runtime.spawn(async move {
                        let begun = Instant::now();
                        for _ in 0..times {
                            plugin.deliver(&message).await.unwrap();
                        }
                        begun.elapsed()
                    });
                    runtime.block_on(calls).unwrap()
                });
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("fetch");
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    for [count, texts, letters] in RECORDS {
        let request = request(count, texts, letters);
        let bytes = count * texts * letters;
        group.throughput(Throughput::Bytes(bytes as u64));
        for (place, plugin) in
            [("own", Arc::new(Idle) as Arc<dyn Source>), ("other", hosted.clone())]
        {
            group.bench_function(BenchmarkId::new(place, bytes), |bencher| {
                bencher.iter(|| runtime.block_on(plugin.fetch(&request)).unwrap());
            });
        }
    }
    group.finish();
    runtime.block_on(host.stop());
    criterion.final_summary();
}

fn letter(bytes: usize) -> Message {
    let text = bytes.min(4 << 10);
    let file = bytes - text;
    let attachment = |bytes| Attachment {
        file_name: "форма.xlsx".into(),
        content_type: "application/octet-stream".into(),
        bytes: vec![7; bytes],
    };
    Message {
        key: "m/1".into(),
        message_id: "m.1@example.org".into(),
        to: vec![Address::new("Школа", "school@example.org")],
        subject: "Тема".into(),
        text: "x".repeat(text),
        attachments: (file > 0).then(|| attachment(file)).into_iter().collect(),
        ..Message::default()
    }
}

/// What a record is to have stands in the names of form and period.
fn request(count: usize, texts: usize, letters: usize) -> FetchRequest {
    FetchRequest {
        key: "r/1".into(),
        municipality: "m".into(),
        activity: "a".into(),
        period: letters.to_string(),
        form: texts.to_string(),
        fields: vec![],
        organisations: (0..count).map(|n| format!("school-{n}")).collect(),
    }
}

fn describe() -> Description {
    Description {
        name: "idle".into(),
        version: "1.0".into(),
        summary: "Ничего не делает.".into(),
        capabilities: vec![Capability::Notifier, Capability::Source],
        settings: vec![],
    }
}

struct Idle;

#[async_trait]
impl Plugin for Idle {
    fn describe(&self) -> Description {
        describe()
    }

    async fn check(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn health(&self) -> Health {
        Health::Healthy
    }
}

#[async_trait]
impl Notifier for Idle {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        Ok(Receipt { detail: message.key.clone(), refused: vec![] })
    }
}

#[async_trait]
impl Source for Idle {
    async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, SourceError> {
        let (texts, letters) = (request.form.parse().unwrap(), request.period.parse().unwrap());
        let answers: Map<String, Value> = (0..texts)
            .map(|n: usize| (format!("field_{n}"), Value::String("x".repeat(letters))))
            .collect();
        let record = |organisation: &String| Record {
            organisation: organisation.clone(),
            answers: answers.clone(),
        };
        Ok(request.organisations.iter().map(record).collect::<Vec<_>>().into())
    }
}
