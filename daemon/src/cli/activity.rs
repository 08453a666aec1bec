//! `vekha activity`: definitions and their schedules.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use vekha_proto::v1;
use vekha_roadmap::read::Files;

use super::client::{Client, all_pages};
use super::output::{Output, table};
use crate::runtime::road_maps::Means;
use crate::wire::Twin as _;

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
    /// Версии дорожной карты: кто, когда и как менял
    Versions,
    /// Что в версии иначе, чем в прежней или в названной
    Compare {
        /// Номер версии: 3
        version: u32,
        /// С какой сравнить; если не указать — с той, что была до неё
        #[arg(long, value_name = "ВЕРСИЯ")]
        with: Option<u32>,
    },
    /// Записать файлы версии в папку: применённая снова, она станет новой версией
    Export {
        /// Номер версии: 3
        version: u32,
        /// Папка; её ещё нет или она пуста
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
        Command::Versions => return versions(client, out).await,
        Command::Compare { version, with } => return compare(client, *version, *with, out).await,
        Command::Export { version, folder } => return export(client, *version, folder, out).await,
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

async fn apply(client: &Client, folder: &Path, out: &mut Output) -> anyhow::Result<()> {
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

fn named(client: &Client, version: u32) -> String {
    format!("{}/roadMapVersions/{version}", client.municipality)
}

async fn versions(client: &Client, out: &mut Output) -> anyhow::Result<()> {
    let parent = client.municipality.clone();
    let request = v1::ListRoadMapVersionsRequest { parent, ..Default::default() };
    let all = all_pages!(client.road_maps(), list_road_map_versions, request, versions);
    out.many(&all, || {
        let row = |one: &v1::RoadMapVersion| {
            let number = match one.is_current {
                true => format!("{} (действует)", one.version),
                false => one.version.to_string(),
            };
            let means = Means::of(one.means()).map_or("", Means::words).to_owned();
            [number, client.moment(one.applied_at), one.applied_by.clone(), means]
        };
        table(["версия", "применена", "кто", "как"], all.iter().map(row).collect())
    })?;
    Ok(())
}

async fn compare(
    client: &Client,
    version: u32,
    with: Option<u32>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let request = v1::CompareRoadMapVersionsRequest {
        name: named(client, version),
        base: with.map(|other| named(client, other)).unwrap_or_default(),
    };
    let compared = client.road_maps().compare_road_map_versions(request).await?.into_inner();
    out.one(&compared, || {
        if compared.differences.is_empty() {
            return match compared.base.as_str() {
                "" => "версии до неё нет".to_owned(),
                _ => "ничем не отличается".to_owned(),
            };
        }
        let thing = |one: &v1::RoadMapDifference| {
            let lines = one.lines.iter().map(|line| format!("\n  {}: {}", line.what, line.how));
            format!("{}{}", one.thing, lines.collect::<String>())
        };
        compared.differences.iter().map(thing).collect::<Vec<_>>().join("\n")
    })?;
    Ok(())
}

async fn export(
    client: &Client,
    version: u32,
    folder: &Path,
    out: &mut Output,
) -> anyhow::Result<()> {
    let shown = folder.display();
    if std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()) {
        bail!("папка {shown} не пуста: назовите другую");
    }
    let name = named(client, version);
    let request = v1::GetRoadMapVersionRequest { name };
    let mut version = client.road_maps().get_road_map_version(request).await?.into_inner();
    let files = std::mem::take(&mut version.files);
    for file in &files {
        // Whoever answers may be no daemon of ours.
        if !Files::wants(&file.path) {
            bail!("«{}»: такого файла в карте не бывает", file.path);
        }
        let path = folder.join(&file.path);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = written.and_then(|()| std::fs::write(&path, &file.text));
        written.with_context(|| format!("не записать «{}»", path.display()))?;
    }
    out.one(&version, || {
        format!("версия {}: файлов {} в папке {shown}", version.version, files.len())
    })?;
    Ok(())
}
