//! `vekha init`: the folder of a new municipality's road map, ready to be applied.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::json;
use vekha_engine::preview::{Wish, preview};
use vekha_plugin_tables::Limits;
use vekha_roadmap::diagnostic::render;
use vekha_roadmap::read::read_with_warnings;

use super::output::Output;
use crate::definitions::begin::{Beginning, Table, begin, mail_settings};
use crate::definitions::year::course;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Папка, которой ещё нет (или пустая)
    pub folder: PathBuf,
    /// Как называется муниципалитет: «Заречный муниципальный округ»
    #[arg(long)]
    name: String,
    /// Как подписаны письма: «Отдел образования администрации …»
    #[arg(long)]
    authority: String,
    /// Часовой пояс, например Asia/Yekaterinburg
    #[arg(long)]
    time_zone: String,
    /// Таблица организаций: .xlsx, .ods или .csv со столбцами «Наименование», «Вид», «Адрес почты»
    #[arg(long)]
    organisations: PathBuf,
    /// К кому обращаться школам: имя
    #[arg(long)]
    contact: String,
    /// Его адрес почты: сюда школы отвечают на письма
    #[arg(long)]
    email: String,
    /// Его должность
    #[arg(long, default_value = "")]
    post: String,
    /// Его телефон
    #[arg(long, default_value = "")]
    phone: String,
    /// Имя латиницей для адресов страниц; без него — из названия
    #[arg(long, default_value = "")]
    id: String,
    /// Где издаются документы: «г. Заречный»
    #[arg(long, default_value = "")]
    place: String,
    /// Чем утверждена дорожная карта
    #[arg(long, default_value = "")]
    adopted_by: String,
    /// С какого дня что-то начинается само, например 2027-09-01; без него — сразу
    #[arg(long, default_value = "")]
    begins: String,
}

pub(super) fn run(args: &Args, only_tried: bool, out: &mut Output) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let at = || folder.display().to_string();
    if folder.exists() {
        let empty = std::fs::read_dir(folder).with_context(at)?.next().is_none();
        anyhow::ensure!(empty, "{}: папка не пуста; назовите новую", at());
    }
    let table = args.organisations.display().to_string();
    let size = std::fs::metadata(&args.organisations).with_context(|| table.clone())?.len();
    let most = Limits::default().file;
    anyhow::ensure!(size <= most, "{table}: больше {} МБ", most >> 20);
    let bytes = std::fs::read(&args.organisations).with_context(|| table.clone())?;
    let what = Beginning {
        name: args.name.clone(),
        id: args.id.clone(),
        authority: args.authority.clone(),
        place: args.place.clone(),
        adopted_by: args.adopted_by.clone(),
        time_zone: args.time_zone.clone(),
        contact: [&args.contact, &args.post, &args.email, &args.phone].map(String::clone),
        begins: args.begins.clone(),
    };
    let zone = TimeZone::get(&args.time_zone).unwrap_or(TimeZone::UTC);
    let today = zone.to_datetime(jiff::Timestamp::now()).date();
    let table = Table { name: &table, bytes: &bytes };
    let files = match begin(&what, table, today) {
        Ok(files) => files,
        Err(errors) => {
            let line = |field: &str| option(field).to_owned();
            let lines: Vec<String> =
                errors.iter().map(|e| format!("{}: {}", line(&e.field), e.message)).collect();
            anyhow::bail!("папка не создана\n{}", lines.join("\n"));
        }
    };
    let (map, report) = read_with_warnings(&files);
    let Some(map) = map else {
        anyhow::bail!("папка не создана\n{}", render(&report.errors, &files));
    };
    for (path, text) in files.0.iter().filter(|_| !only_tried) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).with_context(at)?;
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    let from = map.municipality.begins.unwrap_or(today).max(today);
    let to = from.saturating_add(1.year());
    let year = course(&preview(&map, Wish { from, to, silent: false }));
    if out.is_json() {
        out.json(&json!({
            "folder": at(), "municipality": map.municipality.id,
            "activities": map.activities.len(), "organisations": map.organisations.len(),
            "runs": year.runs, "letters": year.letters, "warnings": report.warnings.len(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if only_tried {
        out.say(format!(
            "{}: было бы мероприятий {}, организаций {}; за год выполнений {}, писем не больше {}. \
             Ошибок нет; папка не создана",
            at(),
            map.activities.len(),
            map.organisations.len(),
            year.runs,
            year.letters,
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    out.say(format!(
        "{}: мероприятий {}, организаций {}; за год выполнений {}, писем не больше {}.\n\
         Проверено, ошибок нет; замечаний {} (vekha check {}).\n\n\
         Посмотрите год:  vekha preview {} --from {from} --to {to}\n\
         Начните:         назовите папку в vekha.toml, road-maps = [\"{}\"], и запустите vekha;\n\
         {:17}или при работающем демоне: vekha activity apply {}\n\n\
         Чтобы письма уходили по-настоящему, в vekha.toml:\n\n{}",
        at(),
        map.activities.len(),
        map.organisations.len(),
        year.runs,
        year.letters,
        report.warnings.len(),
        at(),
        at(),
        at(),
        "",
        at(),
        mail_settings(&what),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// By which option a field is said.
fn option(field: &str) -> &str {
    match field {
        "name" => "--name",
        "id" => "--id",
        "authority" => "--authority",
        "time_zone" => "--time-zone",
        "contact_name" => "--contact",
        "contact_email" => "--email",
        "begins" => "--begins",
        "organisations" => "--organisations",
        other => other,
    }
}
