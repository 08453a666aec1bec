//! `vekha assignment`, `vekha submit`: what participants owe and what they answer.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use prost_types::Struct;
use serde_json::Value;
use vekha_proto::v1;

use super::client::{Client, all_pages, filter, short, with_all_mistakes};
use super::output::{Output, table};
use super::words::date;
use crate::api::convert;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List {
        /// Только этого выполнения: 29/2026-27
        run: Option<String>,
        /// Только этой организации
        #[arg(long)]
        organisation: Option<String>,
        /// Только в этом состоянии: open, answered, returned, missing, waived
        #[arg(long)]
        state: Option<String>,
        /// С личными ссылками: кто знает ссылку, может ответить
        #[arg(long)]
        links: bool,
    },
    /// Одно поручение с его формой
    Show {
        /// 29/2026-27/collect.school-1
        assignment: String,
    },
    /// Все версии ответа
    Submissions {
        /// 29/2026-27/collect.school-1
        assignment: String,
    },
    /// Снять: ответа больше не ждут
    Waive {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Продлить срок
    Extend {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Новый срок, рабочий день
        #[arg(long)]
        due: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Попросить продлить срок от имени участника
    RequestExtension {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Желаемый срок, рабочий день
        #[arg(long)]
        due: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Отказать в продлении срока
    DeclineExtension {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Отправить участнику его личную ссылку ещё раз или новую вместо неё
    SendLink {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Заменить: прежняя ссылка больше ничего не откроет, где бы она ни стояла
        #[arg(long)]
        renew: bool,
        /// Причина; чтобы заменить, обязательна
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Вернуть ответ на исправление
    Return {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Что исправить
        #[arg(long)]
        comment: String,
        /// К какому дню; если не указать — прежний срок, но не меньше трёх рабочих дней
        #[arg(long, default_value = "")]
        due: String,
    },
    /// Взять приложенный файл
    File {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// SHA-256 файла, из ответа
        sha256: String,
        /// Куда записать
        into: PathBuf,
    },
    /// Сравнить две версии ответа по полям
    Compare {
        /// 29/2026-27/collect.school-1
        assignment: String,
        /// Прежняя версия; если не указать — та, что перед новой
        #[arg(long, default_value_t = 0)]
        from: u32,
        /// Новая версия; если не указать — последняя
        #[arg(long, default_value_t = 0)]
        to: u32,
    },
}

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

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.assignments();
    let (etag, actor) = (String::new(), client.actor.clone());
    let (request_id, validate_only) = (client.request_id.clone(), client.validate_only);
    let assignment = match command {
        Command::List { run, organisation, state, links } => {
            let parent = client.run_or_all(run.as_deref()).await?;
            let filter =
                filter([("organisation", organisation.as_deref()), ("state", state.as_deref())]);
            let request = v1::ListAssignmentsRequest {
                parent,
                filter,
                show_link: *links,
                ..Default::default()
            };
            let list = all_pages!(service, list_assignments, request, assignments);
            client.narrowed_to(organisation.as_deref(), &list).await?;
            out.many(&list, || rows(client, &list))?;
            return Ok(());
        }
        Command::Submissions { assignment } => {
            let parent = client.below(assignment, "assignments").await?;
            let request = v1::ListSubmissionsRequest { parent, ..Default::default() };
            let list = all_pages!(service, list_submissions, request, submissions);
            out.many(&list, || {
                let row = |s: &v1::Submission| {
                    [
                        s.version.to_string(),
                        client.moment(s.at),
                        s.actor.clone(),
                        answers(&s.answers),
                    ]
                };
                table(["версия", "когда", "кто", "ответы"], list.iter().map(row).collect())
            })?;
            return Ok(());
        }
        Command::Show { assignment } => {
            let name = client.below(assignment, "assignments").await?;
            service.get_assignment(v1::GetAssignmentRequest { name, show_link: false }).await?
        }
        Command::Waive { assignment, reason } => {
            let name = client.below(assignment, "assignments").await?;
            let reason = reason.clone();
            let request =
                v1::WaiveAssignmentRequest { name, reason, etag, actor, request_id, validate_only };
            service.waive_assignment(request).await?
        }
        Command::Extend { assignment, due, reason } => {
            let request = v1::ExtendAssignmentRequest {
                name: client.below(assignment, "assignments").await?,
                due: due.clone(),
                reason: reason.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
            service.extend_assignment(request).await?
        }
        Command::RequestExtension { assignment, due, reason } => {
            let request = v1::RequestExtensionRequest {
                name: client.below(assignment, "assignments").await?,
                due: due.clone(),
                reason: reason.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
            service.request_extension(request).await?
        }
        Command::DeclineExtension { assignment, reason } => {
            let request = v1::DeclineExtensionRequest {
                name: client.below(assignment, "assignments").await?,
                reason: reason.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
            service.decline_extension(request).await?
        }
        Command::SendLink { assignment, renew, reason } => {
            let request = v1::SendLinkRequest {
                name: client.below(assignment, "assignments").await?,
                renew: *renew,
                reason: reason.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
            service.send_link(request).await?
        }
        Command::Return { assignment, comment, due } => {
            let request = v1::ReturnAssignmentRequest {
                name: client.below(assignment, "assignments").await?,
                comment: comment.clone(),
                due: due.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
            service.return_assignment(request).await?
        }
        Command::File { assignment, sha256, into } => {
            let name = client.below(assignment, "assignments").await?;
            let request = v1::GetFileRequest { name, sha256: sha256.clone() };
            let mut service = service.max_decoding_message_size(crate::api::LARGEST_FILE_CALL);
            let content = service.get_file(request).await?.into_inner().content;
            std::fs::write(into, &content).with_context(|| into.display().to_string())?;
            return Ok(());
        }
        Command::Compare { assignment, from, to } => {
            let name = client.below(assignment, "assignments").await?;
            let request = v1::CompareSubmissionsRequest { name, from: *from, to: *to };
            let compared = service.compare_submissions(request).await?.into_inner();
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
            return Ok(());
        }
    };
    let assignment = assignment.into_inner();
    out.one(&assignment, || {
        let mut text = rows(client, std::slice::from_ref(&assignment));
        if let Some(form) = &assignment.form {
            let row = |f: &v1::FormField| {
                let kind =
                    f.r#type().as_str_name().trim_start_matches("FIELD_TYPE_").to_lowercase();
                [f.id.clone(), kind, f.label.clone()]
            };
            let mut fields = Vec::new();
            for field in &form.fields {
                fields.push(row(field));
                for column in &field.columns {
                    let [id, kind, label] = row(column);
                    fields.push([format!("{}[].{id}", field.id), kind, label]);
                }
            }
            text.push_str(&format!("\n\n{}\n{}", form.title, table(["поле", "тип", ""], fields)));
        }
        text
    })?;
    Ok(())
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
        let path = std::path::Path::new(path);
        files.push(v1::FileContent {
            field: field.trim().to_owned(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            content: std::fs::read(path).with_context(|| path.display().to_string())?,
        });
    }
    let request = v1::SubmitAssignmentRequest {
        files,
        name: client.below(&args.assignment, "assignments").await?,
        answers: Some(convert::structure(&given)),
        origin: v1::Origin::Api.into(),
        etag: String::new(),
        actor: client.actor.clone(),
        request_id: client.request_id.clone(),
        validate_only: client.validate_only,
        list_mistakes: false,
    };
    let service = client
        .assignments()
        .max_encoding_message_size(crate::api::LARGEST_FILE_CALL)
        .max_decoding_message_size(crate::api::LARGEST_FILE_CALL);
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

/// Assignments as a table.
pub(super) fn rows(client: &Client, list: &[v1::Assignment]) -> String {
    let links = list.iter().any(|a| !a.link.is_empty());
    let rows = list
        .iter()
        .map(|a| {
            let state = match a.state() {
                v1::AssignmentState::Open if a.late => "ОПАЗДЫВАЕТ",
                v1::AssignmentState::Open => "ждём",
                v1::AssignmentState::Returned if a.late => "ОПАЗДЫВАЕТ (возвращён)",
                v1::AssignmentState::Returned => "возвращён",
                v1::AssignmentState::Answered if a.late => "ответ с опозданием",
                v1::AssignmentState::Answered => "ответ есть",
                v1::AssignmentState::Missing => "не ответили",
                v1::AssignmentState::Waived => "снято",
                v1::AssignmentState::Unspecified => "",
            };
            let wish = a.extension_request.as_ref();
            let note = match wish {
                _ if links => a.link.clone(),
                Some(wish) => format!("просят до {}: {}", date(&wish.due), wish.reason),
                None if !a.comment.is_empty() => a.comment.clone(),
                None => a.reason.clone(),
            };
            [short(&a.name), date(&a.due), state.to_owned(), client.moment(a.answered_at), note]
        })
        .collect();
    table(["поручение", "срок", "состояние", "ответ", ""], rows)
}
