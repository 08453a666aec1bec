//! `vekha measure`: what decisions order, what is reported of it and whether that is accepted.

use std::path::PathBuf;

use anyhow::anyhow;
use vekha_proto::v1;

use super::client::{Client, all_pages, filter, short};
use super::decision::{attachment, written};
use super::output::{Output, table};
use super::words::date;
use crate::api::LARGEST_FILE_CALL;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List {
        /// Только этого выполнения
        run: Option<String>,
        /// Только в этом состоянии: ordered, reported, done, waived
        #[arg(long)]
        state: Option<String>,
        /// Только этой организации
        #[arg(long)]
        organisation: Option<String>,
    },
    /// Отчитаться
    Report {
        /// 29/2026-27/1
        measure: String,
        /// Что сделано
        #[arg(long)]
        text: String,
        /// Документ, который это подтверждает; без него остаётся приложенный к прежнему отчёту
        #[arg(long = "attach", value_name = "ФАЙЛ")]
        document: Option<PathBuf>,
    },
    /// Сохранить документ, приложенный к отчёту
    Document {
        /// 29/2026-27/1
        measure: String,
        /// Куда записать
        #[arg(long, value_name = "ФАЙЛ")]
        file: PathBuf,
    },
    /// Принять отчёт: мера снимается с контроля
    Accept {
        /// 29/2026-27/1
        measure: String,
    },
    /// Вернуть отчёт
    Return {
        /// 29/2026-27/1
        measure: String,
        /// Что не так
        #[arg(long)]
        comment: String,
        /// К какому рабочему дню отчитаться снова: 2027-12-10; без него — прежний срок, но не меньше трёх рабочих дней
        #[arg(long, default_value = "")]
        due: String,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.measures();
    let changed = match command {
        Command::List { run, state, organisation } => {
            let parent = client.run_or_all(run.as_deref()).await?;
            let filter =
                filter([("state", state.as_deref()), ("organisation", organisation.as_deref())]);
            let request = v1::ListMeasuresRequest { parent, filter, ..Default::default() };
            let list = all_pages!(service, list_measures, request, measures);
            client.narrowed_to(organisation.as_deref(), &list).await?;
            out.many(&list, || rows(&list))?;
            return Ok(());
        }
        Command::Report { measure, text, document } => {
            let request = client.asked(v1::ReportMeasureRequest {
                name: client.below(measure, "measures").await?,
                text: text.clone(),
                document: document.as_deref().map(attachment).transpose()?,
                ..Default::default()
            });
            let mut service = service.max_encoding_message_size(LARGEST_FILE_CALL);
            service.report_measure(request).await?
        }
        Command::Document { measure, file } => {
            let name = client.below(measure, "measures").await?;
            let told = service.get_measure(v1::GetMeasureRequest { name }).await?.into_inner();
            let Some(document) = told.document else {
                return Err(anyhow!("к отчёту о мере {measure} документ не приложен"));
            };
            let request = v1::GetFileRequest { name: told.assignment, sha256: document.sha256 };
            let mut files = client.assignments().max_decoding_message_size(LARGEST_FILE_CALL);
            let content = files.get_file(request).await?.into_inner().content;
            let content_type = "application/octet-stream".to_owned();
            let given = v1::DecisionFile { file_name: document.file_name, content_type, content };
            return written(file, given, out).await;
        }
        Command::Accept { measure } => {
            let name = client.below(measure, "measures").await?;
            let request = client.asked(v1::AcceptMeasureRequest { name, ..Default::default() });
            service.accept_measure(request).await?
        }
        Command::Return { measure, comment, due } => {
            let name = client.below(measure, "measures").await?;
            let request = client.asked(v1::ReturnMeasureRequest {
                name,
                comment: comment.clone(),
                due: due.clone(),
                ..Default::default()
            });
            service.return_measure(request).await?
        }
    };
    let measure = changed.into_inner();
    out.one(&measure, || rows(std::slice::from_ref(&measure)))?;
    Ok(())
}

fn rows(list: &[v1::Measure]) -> String {
    let row = |m: &v1::Measure| {
        let state = match m.state() {
            v1::MeasureState::Ordered if m.late => "ОПАЗДЫВАЕТ",
            v1::MeasureState::Ordered => "исполняется",
            v1::MeasureState::Reported => "отчёт на проверке",
            v1::MeasureState::Done => "исполнена",
            v1::MeasureState::Waived => "поручение снято",
            v1::MeasureState::Unspecified => "",
        };
        let (who, due) = (m.organisation.clone(), date(&m.due));
        let document = m.document.as_ref().map(|d| d.file_name.clone()).unwrap_or_default();
        [short(&m.name), who, due, state.to_owned(), m.text.clone(), document]
    };
    let head = ["мера", "кто", "срок", "состояние", "что", "документ"];
    table(head, list.iter().map(row).collect())
}
