//! `vekha decide`, `vekha decision`: what the authority decided.

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
    /// Что за документ; если не указать — какой велит дорожная карта
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
        /// Что за документ; если не указать — какой велит дорожная карта
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Куда записать; вид — по окончанию: .docx или .txt
        #[arg(long, value_name = "ФАЙЛ")]
        file: Option<PathBuf>,
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
    let request = client.asked(v1::RecordDecisionRequest {
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
        ..Default::default()
    });
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
pub(super) fn attachment(file: &Path) -> anyhow::Result<v1::NewAttachment> {
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
        Command::Draft { run, stage, kind, file } => {
            let ending = file.as_deref().map(|file| ending(file, &["docx", "txt"])).transpose()?;
            let as_document = ending == Some("docx");
            let (parent, stage) = (client.run(run).await?, stage.clone());
            let kind = kind.map_or(v1::DecisionKind::Unspecified, Into::into).into();
            let request = v1::DraftDecisionRequest { parent, stage, as_document, kind };
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
                let part = file.file_name.clone();
                let request = v1::AttachFileRequest {
                    name: name.clone(),
                    file: Some(file),
                    ..Default::default()
                };
                let request = client.asked_for(&part, request);
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

pub(super) async fn written(
    file: &Path,
    given: v1::DecisionFile,
    out: &mut Output,
) -> anyhow::Result<()> {
    tokio::fs::write(file, &given.content)
        .await
        .with_context(|| format!("не записать «{}»", file.display()))?;
    // The content is in the file.
    let given = v1::DecisionFile { content: Default::default(), ..given };
    out.one(&given, || format!("записано: {}", file.display()))?;
    Ok(())
}
