//! `vekha layout try`: how a file of another system is read, cell by cell where it is not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use vekha_layouts::{NoteKind, Organisations, Purpose, Reading, Understood};
use vekha_plugin_tables::each_row;
use vekha_roadmap::RoadMap;
use vekha_roadmap::diagnostic::nearest;
use vekha_roadmap::model::{Form, Layout};
use vekha_roadmap::period::Period;
use vekha_roadmap::read::read;

use super::output::Output;
use crate::files;
use crate::forms::exports::{LIMITS, as_json, sentence, told_answers, years};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Показать, как раскладка читает файл; ничего не меняет
    Try(TryArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct TryArgs {
    /// Файлы: .xlsx, .ods или .csv
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Раскладка: имя её файла без .toml; без неё — та, что узнает заголовки
    #[arg(long)]
    layout: Option<String>,
    /// Форма, если раскладка не названа, а в карте есть раскладки разных форм
    #[arg(long)]
    form: Option<String>,
    /// Период, для которого грузят: строки работ другого года не берутся, и сказано почему: 2026-27
    #[arg(long)]
    period: Option<Period>,
    /// Читать как файл самой организации: код из реестра
    #[arg(long)]
    organisation: Option<String>,
    /// Папка дорожной карты; без неё — первая из настроек
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

impl Command {
    pub fn folder(&self) -> Option<&Path> {
        let Command::Try(args) = self;
        args.folder.as_deref()
    }
}

pub(super) fn run(folder: &Path, command: &Command, out: &mut Output) -> anyhow::Result<ExitCode> {
    let Command::Try(args) = command;
    let files = files::load(folder)?;
    let road_map = read(&files).map_err(|mistakes| {
        anyhow!("в дорожной карте ошибок: {}; их назовёт vekha check", mistakes.len())
    })?;
    let (form, layouts) = chosen(&road_map, args)?;
    if let Some(code) = &args.organisation
        && road_map.organisation(code).is_none()
    {
        bail!("организации «{code}» в реестре нет");
    }
    let organisations = Organisations::of(&road_map.organisations);
    let years = args.period.map(years);
    let mut reading = Reading::new(Purpose {
        form,
        layouts: &layouts,
        organisations: &organisations,
        own: args.organisation.as_deref(),
        years: years.as_ref(),
    });
    for path in &args.files {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let bytes =
            std::fs::read(path).map_err(|e| anyhow!("{}: {}", path.display(), files::words(&e)))?;
        reading.file(&name, |take| each_row(&name, &bytes, &LIMITS, take));
    }
    let understood = reading.finish();
    if out.is_json() {
        out.json(&as_json(&understood))?;
    } else {
        out.say(text(&road_map, form, &layouts, &understood)?)?;
    }
    // A file that no layout knows is what one asks about, and so is one that fills no form.
    let known = understood.files.iter().all(|file| file.layout.is_some())
        && !understood.organisations.is_empty();
    Ok(if known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The form and the layouts that are tried.
fn chosen<'m>(
    road_map: &'m RoadMap,
    args: &TryArgs,
) -> anyhow::Result<(&'m Form, Vec<&'m Layout>)> {
    let known = || road_map.layouts.keys();
    let layouts: Vec<&Layout> = match (&args.layout, &args.form) {
        (Some(id), _) => {
            let layout = road_map.layouts.get(id).ok_or_else(|| {
                let near = nearest(id, known());
                let near = near.map(|near| format!("; может быть, «{near}»?")).unwrap_or_default();
                anyhow!("раскладки «{id}» в карте нет{near}")
            })?;
            vec![layout]
        }
        (None, Some(form)) => road_map.layouts.values().filter(|l| l.form == *form).collect(),
        (None, None) => road_map.layouts.values().collect(),
    };
    let first = layouts.first().ok_or_else(|| anyhow!("раскладок в карте нет: layouts/*.toml"))?;
    if let Some(other) = layouts.iter().find(|layout| layout.form != first.form) {
        bail!(
            "раскладки заполняют разные формы («{}», «{}»): назовите --layout или --form",
            first.form,
            other.form
        );
    }
    let form = road_map.forms.get(&first.form).context("формы нет в карте")?;
    Ok((form, layouts))
}

fn text(
    road_map: &RoadMap,
    form: &Form,
    layouts: &[&Layout],
    understood: &Understood,
) -> Result<String, std::fmt::Error> {
    let mut all = String::new();
    for file in &understood.files {
        match &file.layout {
            Some(id) => {
                writeln!(all, "{}: {} ({id}), взято строк: {}", file.name, file.title, file.rows)?;
            }
            None => writeln!(all, "{}: не прочитан", file.name)?,
        }
        for column in &file.columns {
            let sheet = if column.sheet.is_empty() { "" } else { &format!("{}!", column.sheet) };
            let place = format!("{sheet}{}{}", column.column, column.row);
            writeln!(all, "  {place:<24} «{}» → {}", column.heading, column.value)?;
        }
        if !file.unread.is_empty() {
            writeln!(all, "  не читаются столбцы: {}", file.unread.join(", "))?;
        }
    }
    let about_file = form.title.as_str();
    writeln!(all, "\nФорма «{about_file}»")?;
    for (code, read) in &understood.organisations {
        writeln!(all, "{} ({code}), строк: {}", road_map.short_name(code), read.rows)?;
        all.push_str(&answers(form, layouts, &read.answers)?);
    }
    if understood.organisations.is_empty() {
        writeln!(all, "  ни одной организации")?;
    }
    if !understood.beside.is_empty() {
        writeln!(all, "\nДля сравнения, школам не пишется")?;
    }
    for beside in &understood.beside {
        writeln!(all, "{}: {}", beside.level, beside.label)?;
        all.push_str(&answers(form, layouts, &beside.answers)?);
    }
    let kinds = [
        (NoteKind::Unclear, "Не понято"),
        (NoteKind::Left, "Не взято"),
        (NoteKind::Told, "К сведению"),
    ];
    for (kind, title) in kinds {
        let notes: Vec<_> = understood.notes.iter().filter(|note| note.kind == kind).collect();
        if !notes.is_empty() {
            writeln!(all, "\n{title}")?;
        }
        for note in notes {
            writeln!(all, "  {}: {}", note.file, sentence(note))?;
        }
    }
    Ok(all)
}

fn answers(
    form: &Form,
    layouts: &[&Layout],
    answers: &vekha_plugin_tables::Values,
) -> Result<String, std::fmt::Error> {
    let mut all = String::new();
    for told in told_answers(form, layouts, answers) {
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        match told["count"].as_u64() {
            None => writeln!(all, "  {}: {}", text("label"), text("value"))?,
            Some(count) => writeln!(all, "  {}, строк: {count}", text("label"))?,
        }
        for row in told["rows"].as_array().into_iter().flatten() {
            let part = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            writeln!(all, "    {}: {}", part("key"), part("figures"))?;
        }
    }
    Ok(all)
}
