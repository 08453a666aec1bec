//! `vekha run`: runs of activities.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use vekha_analysis::methods::lies_apart;
use vekha_proto::v1::{self, Method};

use super::client::{Client, all_pages, filter, short, with_all_mistakes};
use super::download;
use super::output::{Output, table};
use super::words::{date, state};

/// Most bytes of a report that are taken.
const LARGEST_REPORT: usize = 64 * 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Начать выполнение, не дожидаясь расписания
    Start {
        /// Мероприятие и период: 6/2027, 11/2027.school-1
        run: String,
        /// Организации, которые участвуют, где их называет человек
        #[arg(long, value_delimiter = ',')]
        organisations: Vec<String>,
    },
    /// Открыть выполнения за прошлые периоды
    Backfill {
        /// Номер или id мероприятия
        activity: String,
        /// Периоды: 2024-25,2025-26
        #[arg(required = true, value_delimiter = ',')]
        periods: Vec<String>,
    },
    /// Список
    List {
        /// Только этого мероприятия
        activity: Option<String>,
        /// Только в этом состоянии: waiting, question, active, failed, completed, cancelled, skipped
        #[arg(long)]
        state: Option<String>,
        /// Только за этот период
        #[arg(long)]
        period: Option<String>,
    },
    /// Одно выполнение: этапы, участники
    Show {
        /// Мероприятие и период: 29/2026-27
        run: String,
    },
    /// Что с ним можно сделать сейчас и какой командой
    Offers {
        /// Мероприятие и период: 29/2026-27
        run: String,
    },
    /// Показатели и выводы анализа
    Figures {
        /// Мероприятие и период
        run: String,
    },
    /// Отчёт по анализу: справка для Word или таблица Excel
    Report {
        /// Мероприятие и период
        run: String,
        /// Куда записать; вид — по окончанию: .docx или .xlsx
        #[arg(long, value_name = "ФАЙЛ")]
        file: PathBuf,
        /// Только об этой организации
        #[arg(long, default_value = "")]
        organisation: String,
        /// Этап анализа, если их несколько
        #[arg(long)]
        stage: Option<String>,
    },
    /// Отчёт, который выполнение опубликовало (годовой — тоже): документ Word или страница
    Published {
        /// Мероприятие и период
        run: String,
        /// Куда записать; вид — по окончанию: .docx или .html
        #[arg(long, value_name = "ФАЙЛ")]
        file: PathBuf,
        /// Этап публикации, если их несколько; по умолчанию последняя
        #[arg(long)]
        stage: Option<String>,
    },
    /// Назвать, кто из отдела следит за выполнением
    Entrust {
        /// Мероприятие и период
        run: String,
        /// Кто; без имени — никто
        #[arg(default_value = "")]
        keeper: String,
    },
    /// Оставить заметку в журнале выполнения
    Remark {
        /// Мероприятие и период
        run: String,
        /// Текст
        text: String,
    },
    /// Отменить
    Cancel {
        /// Мероприятие и период
        run: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Пропустить за этот период
    Skip {
        /// Мероприятие и период
        run: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Повторить не выполненный этап
    Retry {
        /// Мероприятие и период
        run: String,
    },
    /// Принять все ответы этапа, не дожидаясь конца их проверки
    Accept {
        /// Мероприятие и период
        run: String,
        /// Этап; можно не называть, если проверяются ответы одного
        #[arg(long)]
        stage: Option<String>,
    },
    /// Начать, не дожидаясь предшествующих
    Proceed {
        /// Мероприятие и период
        run: String,
    },
    /// Следить за переменами; прервать — Ctrl-C
    Watch {
        /// Только это выполнение
        run: Option<String>,
        /// После этой записи журнала
        #[arg(long)]
        after: Option<i64>,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.runs();
    let run = match command {
        Command::List { activity, state, period } => {
            return list(client, activity.as_deref(), state.as_deref(), period.as_deref(), out)
                .await;
        }
        Command::Offers { run } => return super::offers::list(client, run, out).await,
        Command::Figures { run } => return figures(client, run, out).await,
        Command::Report { run, file, organisation, stage } => {
            return report(client, run, file, organisation, stage.as_deref(), out).await;
        }
        Command::Published { run, file, stage } => {
            return published(client, run, file, stage.as_deref(), out).await;
        }
        Command::Watch { run, after } => return watch(client, run.as_deref(), *after, out).await,
        Command::Backfill { activity, periods } => {
            let parent = client.activity(activity).await?;
            let periods = periods.clone();
            let request =
                client.asked(v1::BackfillRunsRequest { parent, periods, ..Default::default() });
            let response = with_all_mistakes!(service, backfill_runs, request).into_inner();
            out.one(&response, || {
                let names = |list: &mut dyn Iterator<Item = &str>| {
                    list.map(short).collect::<Vec<_>>().join(", ")
                };
                let opened = if client.validate_only {
                    "можно открыть"
                } else {
                    "открыто"
                };
                format!(
                    "{opened}: {}\nуже были: {}",
                    names(&mut response.runs.iter().map(|r| r.name.as_str())),
                    names(&mut response.existing.iter().map(String::as_str)),
                )
            })?;
            return Ok(());
        }
        Command::Start { run, organisations } => {
            let name = client.run(run).await?;
            let (parent, id) = name.rsplit_once("/runs/").unwrap_or((name.as_str(), ""));
            let (period, part) = id.split_once('.').unwrap_or((id, ""));
            let request = client.asked(v1::StartRunRequest {
                parent: parent.to_owned(),
                period: period.to_owned(),
                part: part.to_owned(),
                organisations: organisations.clone(),
                ..Default::default()
            });
            service.start_run(request).await?
        }
        Command::Show { run } => {
            let name = client.run(run).await?;
            return show(client, name, out).await;
        }
        Command::Entrust { run, keeper } => {
            let (name, keeper) = (client.run(run).await?, keeper.clone());
            let request = v1::EntrustRunRequest { name, keeper, ..Default::default() };
            service.entrust_run(client.asked(request)).await?
        }
        Command::Remark { run, text } => {
            let (name, text) = (client.run(run).await?, text.clone());
            let request = v1::RemarkRunRequest { name, text, ..Default::default() };
            service.remark_run(client.asked(request)).await?
        }
        Command::Cancel { run, reason } => {
            let (name, reason) = (client.run(run).await?, reason.clone());
            let request = client.asked(v1::CancelRunRequest { name, reason, ..Default::default() });
            service.cancel_run(request).await?
        }
        Command::Skip { run, reason } => {
            let (name, reason) = (client.run(run).await?, reason.clone());
            let request = client.asked(v1::SkipRunRequest { name, reason, ..Default::default() });
            service.skip_run(request).await?
        }
        Command::Retry { run } => {
            let name = client.run(run).await?;
            let request = client.asked(v1::RetryRunRequest { name, ..Default::default() });
            service.retry_run(request).await?
        }
        Command::Accept { run, stage } => {
            let name = client.run(run).await?;
            let stage = match stage {
                Some(stage) => stage.clone(),
                None => super::offers::only_stage(client, &name, Method::AcceptAnswers).await?,
            };
            let request =
                client.asked(v1::AcceptAnswersRequest { name, stage, ..Default::default() });
            service.accept_answers(request).await?
        }
        Command::Proceed { run } => {
            let name = client.run(run).await?;
            let answer = v1::Answer::Proceed.into();
            let request =
                client.asked(v1::AnswerQuestionRequest { name, answer, ..Default::default() });
            service.answer_question(request).await?
        }
    };
    let run = run.into_inner();
    out.one(&run, || match client.validate_only {
        true => format!("{}: можно", short(&run.name)),
        false => describe(&run),
    })?;
    Ok(())
}

async fn list(
    client: &Client,
    activity: Option<&str>,
    state_wanted: Option<&str>,
    period: Option<&str>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let activity = match activity {
        Some(activity) => client.activity(activity).await?,
        None => format!("{}/activities/-", client.municipality),
    };
    let filter = filter([("state", state_wanted), ("period", period)]);
    let request = v1::ListRunsRequest { parent: activity, filter, ..Default::default() };
    let mut runs = all_pages!(client.runs(), list_runs, request, runs);
    runs.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    out.many(&runs, || {
        let row = |r: &v1::Run| {
            let stage = r.stages.iter().find(|s| s.state() == v1::StageState::Active);
            [
                r.number.to_string(),
                short(&r.name),
                state(r.state()).to_owned(),
                stage.map(|s| s.title.clone()).unwrap_or_default(),
                stage.map(|s| date(&s.due)).unwrap_or_default(),
                if r.late { "ОПОЗДАНИЕ".to_owned() } else { String::new() },
            ]
        };
        table(["№", "выполнение", "состояние", "этап", "срок", ""], runs.iter().map(row).collect())
    })?;
    Ok(())
}

async fn show(client: &Client, name: String, out: &mut Output) -> anyhow::Result<()> {
    let run = client.runs().get_run(v1::GetRunRequest { name: name.clone() }).await?.into_inner();
    if out.is_json() {
        out.one(&run, String::new)?;
        return Ok(());
    }
    let request = v1::ListAssignmentsRequest { parent: name, ..Default::default() };
    let assignments = all_pages!(client.assignments(), list_assignments, request, assignments);
    let mut text = describe(&run);
    if !assignments.is_empty() {
        text.push_str(&format!("\n\n{}", super::assignment::rows(client, &assignments)));
    }
    out.say(text)?;
    Ok(())
}

/// A run with its stages.
fn describe(run: &v1::Run) -> String {
    let mut text = format!(
        "{}. {}\n{}: {}{}\n",
        run.number,
        run.title,
        short(&run.name),
        state(run.state()),
        if run.late { ", ОПОЗДАНИЕ" } else { "" },
    );
    for upstream in &run.waits_for {
        text.push_str(&format!("ждёт {}: {}\n", short(&upstream.run), state(upstream.state())));
    }
    let ended = run.ended_at.is_some();
    let row = |s: &v1::Stage| {
        let word = match s.state() {
            v1::StageState::Pending | v1::StageState::Waiting | v1::StageState::Active if ended => {
                "не состоялся".to_owned()
            }
            v1::StageState::Waiting => format!("начнётся {}", date(&s.not_before)),
            v1::StageState::Pending => "впереди".to_owned(),
            v1::StageState::Active => "идёт".to_owned(),
            v1::StageState::Completed => "завершён".to_owned(),
            v1::StageState::Failed => "не выполнен".to_owned(),
            v1::StageState::Unspecified => String::new(),
        };
        let answered = match s.asked {
            0 => String::new(),
            asked => format!("{} из {asked}", s.answered),
        };
        let note = if s.reason.is_empty() { s.location.clone() } else { s.reason.clone() };
        [s.id.clone(), s.title.clone(), word, date(&s.due), answered, note]
    };
    let head = ["этап", "", "состояние", "срок", "ответили", ""];
    text.push_str(&table(head, run.stages.iter().map(row).collect()));
    text
}

async fn figures(client: &Client, run: &str, out: &mut Output) -> anyhow::Result<()> {
    let name = client.run(run).await?;
    let request = v1::GetFiguresRequest { name };
    let figures = client.runs().get_figures(request).await?.into_inner();
    out.one(&figures, || figures_text(&figures))?;
    Ok(())
}

async fn report(
    client: &Client,
    run: &str,
    file: &Path,
    organisation: &str,
    stage: Option<&str>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let format = match ending {
        "docx" => v1::ReportFormat::Docx,
        "xlsx" => v1::ReportFormat::Xlsx,
        _ => return Err(anyhow!("«{}»: нужно окончание .docx или .xlsx", file.display())),
    };
    let mut name = client.run(run).await?;
    if let Some(stage) = stage {
        name = format!("{name}/stages/{stage}");
    }
    let request =
        v1::GetReportRequest { name, organisation: organisation.to_owned(), format: format.into() };
    let mut service = client.runs().max_decoding_message_size(LARGEST_REPORT);
    let report = service.get_report(request).await?.into_inner();
    tokio::fs::write(file, &report.content)
        .await
        .with_context(|| format!("не записать «{}»", file.display()))?;
    // The content is in the file.
    let report = v1::Report { content: Default::default(), ..report };
    out.one(&report, || format!("записано: {}", file.display()))?;
    Ok(())
}

async fn published(
    client: &Client,
    run: &str,
    file: &Path,
    stage: Option<&str>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let format = match ending {
        "docx" => v1::PublicationFormat::Docx,
        "html" => v1::PublicationFormat::Html,
        _ => return Err(anyhow!("«{}»: нужно окончание .docx или .html", file.display())),
    };
    let mut name = client.run(run).await?;
    if let Some(stage) = stage {
        name = format!("{name}/stages/{stage}");
    }
    let request = v1::DownloadPublicationRequest { name, format: format.into() };
    let pieces = client.documents().download_publication(request).await?.into_inner();
    download::save(pieces, file, out).await
}

/// Figures and findings as tables.
pub(super) fn figures_text(figures: &v1::FigureTable) -> String {
    let mut text = figures.title.clone();
    for indicator in &figures.indicators {
        let unit = match indicator.unit.as_str() {
            "" => String::new(),
            unit => format!(", {unit}"),
        };
        text.push_str(&format!("\n\n{}{unit}\n", indicator.title));
        let decimals = indicator.decimals.min(9) as u8;
        let shown = |value: f64| vekha_roadmap::russian::number(value, decimals);
        let place = |rank: Option<u32>| rank.map(|r| r.to_string()).unwrap_or_default();
        let mut rows: Vec<[String; 5]> = indicator
            .organisations
            .iter()
            .map(|f| {
                let earlier = f.earlier.map(shown).unwrap_or_default();
                let apart =
                    if f.outlier.is_some_and(lies_apart) { "особняком" } else { "" };
                [f.organisation.clone(), shown(f.value), earlier, place(f.rank), apart.to_owned()]
            })
            .collect();
        if let Some(m) = &indicator.municipality {
            for (what, value) in [("в среднем", m.mean), ("медиана", m.median)] {
                let none = String::new;
                rows.extend(
                    value.map(|value| [what.to_owned(), shown(value), none(), none(), none()]),
                );
            }
        }
        text.push_str(&table(["", "значение", "прошлый период", "место", ""], rows));
    }
    for finding in &figures.findings {
        text.push_str(&format!("\n\n{}: {}", finding.organisation, finding.text.trim()));
    }
    text
}

async fn watch(
    client: &Client,
    run: Option<&str>,
    after_cursor: Option<i64>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let parent = match run {
        Some(run) => client.run(run).await?,
        None => client.municipality.clone(),
    };
    let request = v1::WatchRunsRequest { parent, after_cursor, filter: String::new() };
    let mut changes = client.runs().watch_runs(request).await?.into_inner();
    while let Some(change) = changes.message().await? {
        out.next(&change, || {
            let entry = change.entry.clone().unwrap_or_default();
            format!("{}  {}", change.cursor, super::journal::line(client, &entry))
        })?;
    }
    Ok(())
}
