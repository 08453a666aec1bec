//! `vekha assignment`: what participants owe.

use std::path::PathBuf;

use vekha_proto::v1;

use super::client::{Client, all_pages, filter, short};
use super::output::{Output, table};
use super::submission;
use super::words::date;

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

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.assignments();
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
            return submission::list(client, assignment, out).await;
        }
        Command::File { assignment, sha256, into } => {
            return submission::file(client, assignment, sha256, into).await;
        }
        Command::Compare { assignment, from, to } => {
            return submission::compare(client, assignment, (*from, *to), out).await;
        }
        Command::Show { assignment } => {
            let name = client.below(assignment, "assignments").await?;
            service.get_assignment(v1::GetAssignmentRequest { name, show_link: false }).await?
        }
        Command::Waive { assignment, reason } => {
            let name = client.below(assignment, "assignments").await?;
            let reason = reason.clone();
            let request =
                client.asked(v1::WaiveAssignmentRequest { name, reason, ..Default::default() });
            service.waive_assignment(request).await?
        }
        Command::Extend { assignment, due, reason } => {
            let request = client.asked(v1::ExtendAssignmentRequest {
                name: client.below(assignment, "assignments").await?,
                due: due.clone(),
                reason: reason.clone(),
                ..Default::default()
            });
            service.extend_assignment(request).await?
        }
        Command::RequestExtension { assignment, due, reason } => {
            let request = client.asked(v1::RequestExtensionRequest {
                name: client.below(assignment, "assignments").await?,
                due: due.clone(),
                reason: reason.clone(),
                ..Default::default()
            });
            service.request_extension(request).await?
        }
        Command::DeclineExtension { assignment, reason } => {
            let request = client.asked(v1::DeclineExtensionRequest {
                name: client.below(assignment, "assignments").await?,
                reason: reason.clone(),
                ..Default::default()
            });
            service.decline_extension(request).await?
        }
        Command::SendLink { assignment, renew, reason } => {
            let request = client.asked(v1::SendLinkRequest {
                name: client.below(assignment, "assignments").await?,
                renew: *renew,
                reason: reason.clone(),
                ..Default::default()
            });
            service.send_link(request).await?
        }
        Command::Return { assignment, comment, due } => {
            let request = client.asked(v1::ReturnAssignmentRequest {
                name: client.below(assignment, "assignments").await?,
                comment: comment.clone(),
                due: due.clone(),
                ..Default::default()
            });
            service.return_assignment(request).await?
        }
    };
    let assignment = assignment.into_inner();
    out.one(&assignment, || {
        let rows = rows(client, std::slice::from_ref(&assignment));
        let form = assignment.form.as_ref().map(|form| format!("\n\n{}", fields(form)));
        rows + &form.unwrap_or_default()
    })?;
    Ok(())
}

/// The fields of a form, those of tables below them.
fn fields(form: &v1::Form) -> String {
    let row = |f: &v1::FormField| {
        let kind = f.r#type().as_str_name().trim_start_matches("FIELD_TYPE_").to_lowercase();
        [f.id.clone(), kind, f.label.clone()]
    };
    let mut rows = Vec::new();
    for field in &form.fields {
        rows.push(row(field));
        for column in &field.columns {
            let [id, kind, label] = row(column);
            rows.push([format!("{}[].{id}", field.id), kind, label]);
        }
    }
    format!("{}\n{}", form.title, table(["поле", "тип", ""], rows))
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
