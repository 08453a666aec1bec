//! `vekha submit` and what there is of answers below `vekha assignment`: versions, files, differences.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use prost_types::Struct;
use serde_json::Value;
use vekha_proto::v1;

use super::client::{Client, all_pages, with_all_mistakes};
use super::output::{Output, table};
use crate::api::{LARGEST_FILE_CALL, convert};

#[derive(Debug, clap::Args)]
pub(super) struct SubmitArgs {
    /// 29/2026-27/collect.school-1
    assignment: String,
    /// Файл JSON с ответами по id полей; «-» — со стандартного ввода
    #[arg(long)]
    file: Option<PathBuf>,
    /// Ответ на одно поле: --set participants=24
    #[arg(long = "set", value_name = "ПОЛЕ=ОТВЕТ")]
    set: Vec<String>,
    /// Файл для поля: --attach order=приказ.pdf
    #[arg(long = "attach", value_name = "ПОЛЕ=ФАЙЛ")]
    attach: Vec<String>,
    /// Подождать того, что следует сразу: анализа, черновиков, публикации
    #[arg(long)]
    wait: bool,
}

pub(super) async fn submit(
    client: &Client,
    args: &SubmitArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut given = match &args.file {
        None => serde_json::Map::new(),
        Some(path) => {
            let text = if path.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                text
            } else {
                std::fs::read_to_string(path).with_context(|| path.display().to_string())?
            };
            serde_json::from_str(&text)
                .with_context(|| format!("{}: нужен объект JSON", path.display()))?
        }
    };
    for pair in &args.set {
        match pair.split_once('=') {
            Some((field, value)) => given.insert(field.trim().to_owned(), value.into()),
            None => bail!("«{pair}»: нужно поле=ответ"),
        };
    }
    let mut files = Vec::new();
    for pair in &args.attach {
        let Some((field, path)) = pair.split_once('=') else {
            bail!("«{pair}»: нужно поле=файл");
        };
        let path = Path::new(path);
        files.push(v1::FileContent {
            field: field.trim().to_owned(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            content: std::fs::read(path).with_context(|| path.display().to_string())?,
        });
    }
    let request = client.asked(v1::SubmitAssignmentRequest {
        files,
        name: client.below(&args.assignment, "assignments").await?,
        answers: Some(convert::structure(&given)),
        origin: v1::Origin::Api.into(),
        ..Default::default()
    });
    let service = client
        .assignments()
        .max_encoding_message_size(LARGEST_FILE_CALL)
        .max_decoding_message_size(LARGEST_FILE_CALL);
    let submission = with_all_mistakes!(service, submit_assignment, request).into_inner();
    out.one(&submission, || match (client.validate_only, submission.version) {
        (true, _) => "ошибок нет, ответ не отправлен".to_owned(),
        (false, version) => format!("принято, версия {version}"),
    })?;
    if args.wait && submission.version > 0 {
        follow(client, &submission.name).await?;
    }
    Ok(())
}

/// All versions of an answer.
pub(super) async fn list(
    client: &Client,
    assignment: &str,
    out: &mut Output,
) -> anyhow::Result<()> {
    let parent = client.below(assignment, "assignments").await?;
    let request = v1::ListSubmissionsRequest { parent, ..Default::default() };
    let list = all_pages!(client.assignments(), list_submissions, request, submissions);
    out.many(&list, || {
        let row = |s: &v1::Submission| {
            [s.version.to_string(), client.moment(s.at), s.actor.clone(), answers(&s.answers)]
        };
        table(["версия", "когда", "кто", "ответы"], list.iter().map(row).collect())
    })?;
    Ok(())
}

/// Writes a file of an answer down.
pub(super) async fn file(
    client: &Client,
    assignment: &str,
    sha256: &str,
    into: &Path,
) -> anyhow::Result<()> {
    let name = client.below(assignment, "assignments").await?;
    let request = v1::GetFileRequest { name, sha256: sha256.to_owned() };
    let mut service = client.assignments().max_decoding_message_size(LARGEST_FILE_CALL);
    let content = service.get_file(request).await?.into_inner().content;
    std::fs::write(into, &content).with_context(|| into.display().to_string())
}

/// What two versions of an answer differ in; zero stands for the newest and the one before it.
pub(super) async fn compare(
    client: &Client,
    assignment: &str,
    (from, to): (u32, u32),
    out: &mut Output,
) -> anyhow::Result<()> {
    let name = client.below(assignment, "assignments").await?;
    let request = v1::CompareSubmissionsRequest { name, from, to };
    let compared = client.assignments().compare_submissions(request).await?.into_inner();
    out.one(&compared, || {
        let row = |d: &v1::Difference| {
            let shown = |text: &String| match text.as_str() {
                "" => "—".to_owned(),
                text => text.to_owned(),
            };
            [d.label.clone(), shown(&d.before), shown(&d.after)]
        };
        let rows: Vec<_> = compared.differences.iter().map(row).collect();
        let (from, to) = (compared.from, compared.to);
        if rows.is_empty() {
            return format!("версии {from} и {to} не различаются");
        }
        let (before, after) = (format!("версия {from}"), format!("версия {to}"));
        table(["вопрос", before.as_str(), after.as_str()], rows)
    })?;
    Ok(())
}

/// Waits until the run of a submission waits for people again, or has ended.
async fn follow(client: &Client, submission: &str) -> anyhow::Result<()> {
    const LOOK: Duration = Duration::from_millis(200);
    const MOST: u32 = 300;
    let run = submission.split("/assignments/").next().unwrap_or_default().to_owned();
    for _ in 0..MOST {
        let request = v1::GetRunRequest { name: run.clone() };
        let run = client.runs().get_run(request).await?.into_inner();
        let at_work = |stage: &v1::Stage| {
            stage.state() == v1::StageState::Active
                && matches!(stage.kind(), v1::StageKind::Analyze | v1::StageKind::Publish)
        };
        if run.state() != v1::RunState::Active || !run.stages.iter().any(at_work) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("ответ принят; того, что из него следует, за минуту не дождались: см. vekha run show")
}

/// What was answered, a question on a line: of tables how many rows, of files the name. All of it is
/// in `--format json`, and what changed in `compare`.
fn answers(answers: &Option<Struct>) -> String {
    let shown = |(field, value): (String, Value)| {
        let value = match value {
            Value::Array(list) if list.iter().all(|one| !one.is_object()) => {
                list.iter().map(plain).collect::<Vec<_>>().join(", ")
            }
            Value::Array(rows) => format!("строк: {}", rows.len()),
            Value::Object(file) => file.get("name").map(plain).unwrap_or_default(),
            one => plain(&one),
        };
        format!("{field}: {value}")
    };
    let object = convert::object(answers.clone().unwrap_or_default());
    object.into_iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
