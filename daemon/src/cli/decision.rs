//! `vekha decide`, `vekha decision`, `vekha measure`: what the authority decided and what became of
//! it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use vekha_engine::DecisionKind;
use vekha_proto::v1::{self, DecisionBasis};

use super::client::{Client, all_pages, filter, short, with_all_mistakes};
use super::output::{Output, table};
use super::words::date;
use crate::api::LARGEST_FILE_CALL;
use crate::wire::Twin as _;

#[derive(Debug, clap::Args)]
pub(super) struct DecideArgs {
    /// Выполнение: 29/2026-27
    run: String,
    /// Номер документа: 47-од
    #[arg(long)]
    number: String,
    /// Дата документа: 2027-10-05
    #[arg(long)]
    date: String,
    /// Что решено
    #[arg(long)]
    outcome: String,
    /// Кто подписал
    #[arg(long)]
    signatory: String,
    /// Текст документа слово в слово, файлом .txt: его набросок даёт `vekha decision draft`
    #[arg(long, value_name = "ФАЙЛ")]
    text_file: Option<PathBuf>,
    /// Приложить файл: скан, приложение; можно несколько
    #[arg(long = "attach", value_name = "ФАЙЛ")]
    attach: Vec<PathBuf>,
    /// О чём; без него — первое, чего ждёт этап
    #[arg(long, default_value = "")]
    title: String,
    /// Этап, если их несколько
    #[arg(long, default_value = "")]
    stage: String,
    /// Мера: «school-1,school-2 | 2027-12-01 | Что сделать»; можно несколько
    #[arg(long = "measure", value_name = "КТО | СРОК | ЧТО")]
    measures: Vec<String>,
    /// Без мер, даже если их предписывает дорожная карта
    #[arg(long, conflicts_with = "measures")]
    without_measures: bool,
    /// Что за документ; если не указать — приказ
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Исправляет прежнее решение этого выполнения, само оно остаётся: 1
    #[arg(long, value_name = "НОМЕР", conflicts_with = "stage")]
    corrects: Option<u32>,
    /// Снять неисполненные меры исправляемого решения
    #[arg(long, requires = "corrects")]
    withdraw_measures: bool,
}

/// Что за документ.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Kind {
    /// приказ
    Order,
    /// распоряжение
    Directive,
    /// постановление
    Decree,
    /// протокол
    Minutes,
}

impl From<Kind> for v1::DecisionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Order => v1::DecisionKind::Order,
            Kind::Directive => v1::DecisionKind::Directive,
            Kind::Decree => v1::DecisionKind::Decree,
            Kind::Minutes => v1::DecisionKind::Minutes,
        }
    }
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List {
        /// Только этого выполнения
        run: Option<String>,
        /// Только этого года, по дате документа: 2027
        #[arg(long)]
        year: Option<String>,
        /// Только такие документы
        #[arg(long, value_enum)]
        kind: Option<Kind>,
    },
    /// Одно решение
    Show {
        /// 29/2026-27/1
        decision: String,
        /// Записать документом для печати: приказ.docx
        #[arg(long, value_name = "ФАЙЛ")]
        file: Option<PathBuf>,
    },
    /// Приложить файлы: скан подписанного, приложение. Они остаются с решением
    Attach {
        /// 29/2026-27/1
        decision: String,
        /// Файлы .pdf, .docx, .odt, .xlsx, .ods, .jpg, .png, до 10 МБ
        #[arg(required = true, value_name = "ФАЙЛ")]
        files: Vec<PathBuf>,
    },
    /// Сохранить приложенный файл
    Attachment {
        /// 29/2026-27/1
        decision: String,
        /// Который: 1
        number: u32,
        /// Куда записать
        #[arg(long, value_name = "ФАЙЛ")]
        file: PathBuf,
    },
    /// Набросок текста по шаблону дорожной карты
    Draft {
        /// Выполнение: 29/2026-27
        run: String,
        /// Этап, если их несколько
        #[arg(long, default_value = "")]
        stage: String,
        /// Куда записать; вид — по окончанию: .docx или .txt
        #[arg(long, value_name = "ФАЙЛ")]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum MeasureCommand {
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

fn measure(text: &str) -> anyhow::Result<v1::NewMeasure> {
    let parts: Vec<&str> = text.splitn(3, '|').map(str::trim).collect();
    let [who, due, what] = parts.as_slice() else {
        return Err(anyhow!("«{text}»: нужно «кто | срок | что»"));
    };
    Ok(v1::NewMeasure {
        text: (*what).to_owned(),
        organisations: who.split(',').map(|code| code.trim().to_owned()).collect(),
        due: (*due).to_owned(),
    })
}

pub(super) async fn decide(
    client: &Client,
    args: &DecideArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let measures = args.measures.iter().map(|m| measure(m)).collect::<Result<_, _>>()?;
    let text = match &args.text_file {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.display().to_string())?,
        None => String::new(),
    };
    let attachments = args.attach.iter().map(|file| attachment(file)).collect::<Result<_, _>>()?;
    let parent = client.run(&args.run).await?;
    let corrects = args.corrects.map(|number| format!("{parent}/decisions/{number}"));
    let request = v1::RecordDecisionRequest {
        parent,
        kind: args.kind.map_or(v1::DecisionKind::Unspecified, Into::into).into(),
        corrects: corrects.unwrap_or_default(),
        withdraw_measures: args.withdraw_measures,
        stage: args.stage.clone(),
        number: args.number.clone(),
        date: args.date.clone(),
        title: args.title.clone(),
        outcome: args.outcome.clone(),
        text,
        attachments,
        signatory: args.signatory.clone(),
        measures,
        without_measures: args.without_measures,
        etag: String::new(),
        actor: client.actor.clone(),
        request_id: client.request_id.clone(),
        validate_only: client.validate_only,
        list_mistakes: false,
    };
    let service = client
        .decisions()
        .max_encoding_message_size(LARGEST_FILE_CALL)
        .max_decoding_message_size(LARGEST_FILE_CALL);
    let decision = with_all_mistakes!(service, record_decision, request).into_inner();
    out.one(&decision, || match client.validate_only {
        true => "ошибок нет, решение не записано".to_owned(),
        false => describe(&decision),
    })?;
    Ok(())
}

/// A file as it is sent.
fn attachment(file: &Path) -> anyhow::Result<v1::NewAttachment> {
    Ok(v1::NewAttachment {
        file_name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        content: std::fs::read(file).with_context(|| file.display().to_string())?,
    })
}

fn describe(d: &v1::Decision) -> String {
    let refers = match (d.corrects.as_str(), d.corrected_by.last()) {
        ("", None) => String::new(),
        ("", Some(later)) => format!("\nисправлено: {}", short(later)),
        (earlier, _) => format!("\nисправляет: {}", short(earlier)),
    };
    let attached = d.attachments.iter().zip(1..);
    let attached: String =
        attached.map(|(file, n)| format!("\nприложение {n}: {}", file.file_name)).collect();
    let text = match d.text.as_str() {
        "" => String::new(),
        text => format!("\n\n{text}"),
    };
    let basis = d.basis.iter().map(|one| {
        let DecisionBasis { run, findings, recommendations } = one;
        format!("\nоснование: {}, выводов {findings}, рекомендаций {recommendations}", short(run))
    });
    let basis: String = basis.collect();
    format!(
        "{}: {} № {} от {}, {}\n{}\nподписал(а): {}\nмер: {}{refers}{basis}{attached}{text}",
        short(&d.name),
        kind(d.kind()),
        d.number,
        date(&d.date),
        d.title,
        d.outcome,
        d.signatory,
        d.measures.len(),
    )
}

fn kind(kind: v1::DecisionKind) -> &'static str {
    DecisionKind::of(kind).unwrap_or_default().words()
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    match command {
        Command::List { run, year, kind: wanted } => {
            let parent = client.run_or_all(run.as_deref()).await?;
            let wanted = wanted.map(|kind| v1::DecisionKind::from(kind).as_str_name());
            let filter = filter([("date", year.as_deref()), ("kind", wanted)]);
            let request = v1::ListDecisionsRequest { parent, filter, ..Default::default() };
            let list = all_pages!(client.decisions(), list_decisions, request, decisions);
            out.many(&list, || {
                let row = |d: &v1::Decision| {
                    [short(&d.name), d.number.clone(), date(&d.date), d.title.clone()]
                };
                table(["решение", "номер", "дата", "о чём"], list.iter().map(row).collect())
            })?;
        }
        Command::Show { decision, file: Some(file) } => {
            ending(file, &["docx"])?;
            let name = client.below(decision, "decisions").await?;
            let request = v1::GetDecisionDocumentRequest { name };
            let mut service = client.decisions().max_decoding_message_size(LARGEST_FILE_CALL);
            let document = service.get_decision_document(request).await?.into_inner();
            written(file, document, out).await?;
        }
        Command::Draft { run, stage, file } => {
            let ending = file.as_deref().map(|file| ending(file, &["docx", "txt"])).transpose()?;
            let as_document = ending == Some("docx");
            let (parent, stage) = (client.run(run).await?, stage.clone());
            let request = v1::DraftDecisionRequest { parent, stage, as_document };
            let mut service = client.decisions().max_decoding_message_size(LARGEST_FILE_CALL);
            let draft = service.draft_decision(request).await?.into_inner();
            match file {
                None => out.one(&draft, || draft.text.clone())?,
                Some(file) => {
                    let text = v1::DecisionFile {
                        content_type: "text/plain; charset=utf-8".to_owned(),
                        content: draft.text.into_bytes(),
                        ..Default::default()
                    };
                    written(file, draft.document.unwrap_or(text), out).await?;
                }
            }
        }
        Command::Attach { decision, files } => {
            let name = client.below(decision, "decisions").await?;
            // All are read before the first is sent.
            let files = files.iter().map(|file| attachment(file)).collect::<Result<Vec<_>, _>>()?;
            let mut service = client.decisions().max_encoding_message_size(LARGEST_FILE_CALL);
            let mut decision = v1::Decision::default();
            for file in files {
                let request = v1::AttachFileRequest {
                    name: name.clone(),
                    request_id: client.request_id_of(&file.file_name),
                    file: Some(file),
                    etag: String::new(),
                    actor: client.actor.clone(),
                    validate_only: client.validate_only,
                };
                decision = service.attach_file(request).await?.into_inner();
            }
            out.one(&decision, || describe(&decision))?;
        }
        Command::Attachment { decision, number, file } => {
            let name = client.below(decision, "decisions").await?;
            let request = v1::GetAttachmentRequest { name: format!("{name}/attachments/{number}") };
            let mut service = client.decisions().max_decoding_message_size(LARGEST_FILE_CALL);
            let given = service.get_attachment(request).await?.into_inner();
            written(file, given, out).await?;
        }
        Command::Show { decision, file: None } => {
            let name = client.below(decision, "decisions").await?;
            let request = v1::GetDecisionRequest { name };
            let decision = client.decisions().get_decision(request).await?.into_inner();
            out.one(&decision, || describe(&decision))?;
        }
    }
    Ok(())
}

/// The file's ending, if it is one of these.
fn ending<'e>(file: &Path, known: &[&'e str]) -> anyhow::Result<&'e str> {
    let own = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let found = known.iter().find(|ending| ending.eq_ignore_ascii_case(own)).copied();
    let wanted = known.join(" или .");
    found.ok_or_else(|| anyhow!("«{}»: нужно окончание .{wanted}", file.display()))
}

async fn written(file: &Path, given: v1::DecisionFile, out: &mut Output) -> anyhow::Result<()> {
    tokio::fs::write(file, &given.content)
        .await
        .with_context(|| format!("не записать «{}»", file.display()))?;
    // The content is in the file.
    let given = v1::DecisionFile { content: Default::default(), ..given };
    out.one(&given, || format!("записано: {}", file.display()))?;
    Ok(())
}

pub(super) async fn measures(
    client: &Client,
    command: &MeasureCommand,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.measures();
    let (etag, actor) = (String::new(), client.actor.clone());
    let (request_id, validate_only) = (client.request_id.clone(), client.validate_only);
    let changed = match command {
        MeasureCommand::List { run, state, organisation } => {
            let parent = client.run_or_all(run.as_deref()).await?;
            let filter =
                filter([("state", state.as_deref()), ("organisation", organisation.as_deref())]);
            let request = v1::ListMeasuresRequest { parent, filter, ..Default::default() };
            let list = all_pages!(service, list_measures, request, measures);
            client.narrowed_to(organisation.as_deref(), &list).await?;
            out.many(&list, || rows(&list))?;
            return Ok(());
        }
        MeasureCommand::Report { measure, text, document } => {
            let request = v1::ReportMeasureRequest {
                name: client.below(measure, "measures").await?,
                text: text.clone(),
                document: document.as_deref().map(attachment).transpose()?,
                etag,
                actor,
                request_id,
                validate_only,
            };
            let mut service = service.max_encoding_message_size(LARGEST_FILE_CALL);
            service.report_measure(request).await?
        }
        MeasureCommand::Document { measure, file } => {
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
        MeasureCommand::Accept { measure } => {
            let name = client.below(measure, "measures").await?;
            let request = v1::AcceptMeasureRequest { name, etag, actor, request_id, validate_only };
            service.accept_measure(request).await?
        }
        MeasureCommand::Return { measure, comment, due } => {
            let name = client.below(measure, "measures").await?;
            let request = v1::ReturnMeasureRequest {
                name,
                comment: comment.clone(),
                due: due.clone(),
                etag,
                actor,
                request_id,
                validate_only,
            };
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
