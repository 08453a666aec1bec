//! `vekha activity`: definitions and their schedules.

use std::path::PathBuf;

use anyhow::Context as _;
use vekha_proto::v1;

use super::client::Client;
use super::output::{Output, table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Все мероприятия с их сроками
    List,
    /// Одно мероприятие
    Show {
        /// Номер или id
        activity: String,
    },
    /// Остановить расписание; идущие выполнения продолжаются
    Pause {
        /// Номер или id
        activity: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Возобновить расписание
    Resume {
        /// Номер или id
        activity: String,
    },
    /// Применить новую версию дорожной карты
    Apply {
        /// Папка
        folder: PathBuf,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.road_maps();
    let activity = match command {
        Command::List => {
            let all = client.all_activities().await?;
            out.many(&all, || {
                let row = |a: &v1::Activity| {
                    let responsible = a.responsible.join(", ");
                    [a.number.to_string(), a.id.clone(), a.schedule.clone(), responsible]
                };
                table(["№", "id", "расписание", "ответственные"], all.iter().map(row).collect())
            })?;
            return Ok(());
        }
        Command::Apply { folder } => return apply(client, folder, out).await,
        Command::Show { activity } => {
            let name = client.activity(activity).await?;
            service.get_activity(v1::GetActivityRequest { name }).await?.into_inner()
        }
        Command::Pause { activity, reason } => {
            let request = client.asked(v1::PauseActivityRequest {
                name: client.activity(activity).await?,
                reason: reason.clone(),
                ..Default::default()
            });
            service.pause_activity(request).await?.into_inner()
        }
        Command::Resume { activity } => {
            let request = client.asked(v1::ResumeActivityRequest {
                name: client.activity(activity).await?,

                ..Default::default()
            });
            service.resume_activity(request).await?.into_inner()
        }
    };
    out.one(&activity, || {
        let stages: Vec<String> =
            activity.stages.iter().map(|s| format!("{} ({})", s.title, s.id)).collect();
        let mut text = format!(
            "{}. {}\nсроки: {}\nрасписание: {}\nответственные: {}\nэтапы: {}\n",
            activity.number,
            activity.title,
            activity.deadline,
            activity.schedule,
            activity.responsible.join(", "),
            stages.join(" → "),
        );
        if !activity.after.is_empty() {
            text.push_str(&format!("после: {}\n", activity.after.join(", ")));
        }
        if activity.paused {
            let (who, why) = (&activity.paused_by, &activity.pause_reason);
            text.push_str(&format!("расписание остановил(а) {who}: {why}\n"));
        } else if activity.next_opening_at.is_some() {
            text.push_str(&format!("откроется: {}\n", client.moment(activity.next_opening_at)));
        }
        text
    })?;
    Ok(())
}

async fn apply(client: &Client, folder: &std::path::Path, out: &mut Output) -> anyhow::Result<()> {
    let files = crate::files::load(folder).with_context(|| folder.display().to_string())?;
    let files = files.0.into_iter().map(|(path, text)| v1::RoadMapFile { path, text }).collect();
    let request = client.asked(v1::ApplyRoadMapRequest {
        parent: client.municipality.clone(),
        files,
        ..Default::default()
    });
    let map = client.road_maps().apply_road_map(request).await?.into_inner();
    out.one(&map, || match client.validate_only {
        true => format!("ошибок нет; ничего не применено, это была бы версия {}", map.version),
        false => format!("действует версия {}: новые выполнения идут по ней", map.version),
    })?;
    Ok(())
}
