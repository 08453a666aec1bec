//! `vekha organisations import`: what a table would change in the registry, and the change itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use vekha_plugin::files::write_whole;
use vekha_plugin_tables::{CellError, Limits, read_list};
use vekha_roadmap::diagnostic::{Diagnostic, render};
use vekha_roadmap::model::Organisation;
use vekha_roadmap::read::{Files, REGISTRY, read_with_warnings};

use super::{preview, registry};
use crate::cli::output::Output;
use crate::files;
use crate::registry::changes::{Changes, changes};
use crate::registry::edit::rewrite;
use crate::registry::{HEADINGS, rows};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Таблица: .xlsx, .ods или .csv
    pub file: PathBuf,
    /// Папка дорожной карты; без неё — первая из настроек
    #[arg(long, value_name = "ПАПКА")]
    pub into: Option<PathBuf>,
    /// Не только показать, но и переписать organisations.toml
    #[arg(long)]
    pub apply: bool,
}

/// What came of reading the table against the road map.
enum Import {
    /// It has mistakes.
    Mistaken(Vec<CellError>),
    /// It would change this, and the road map would then have these mistakes.
    Read {
        changes: Box<Changes>,
        unknown: Vec<String>,
        notes: Vec<String>,
        text: String,
        broken: Vec<Diagnostic>,
        files: Files,
    },
}

/// What was done with a table, to be told.
pub(super) struct Attempt {
    import: Import,
    registry: Vec<Organisation>,
    folder: PathBuf,
    applied: bool,
    apply: bool,
}

pub(in crate::cli) fn run(
    folder: &Path,
    args: &Args,
    validate_only: bool,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let attempt = attempt(folder, args, validate_only)?;
    if out.is_json() {
        out.json(&attempt.json())?;
    } else {
        out.say(attempt.text())?;
    }
    Ok(attempt.code())
}

/// Reads a table and, if that is wanted and nothing stands against it, writes the registry.
pub(super) fn attempt(folder: &Path, args: &Args, validate_only: bool) -> anyhow::Result<Attempt> {
    let files = files::load(folder)?;
    let registry = registry(&files)?;
    let import = read(&args.file, files, &registry)?;
    let mut applied = false;
    if let Import::Read { changes, text, broken, .. } = &import
        && args.apply
        && !validate_only
        && broken.is_empty()
        && !changes.is_empty()
    {
        // The file itself, should the name be a link to it.
        let path = folder.join(REGISTRY).canonicalize()?;
        write_whole(&path, text.as_bytes()).with_context(|| path.display().to_string())?;
        applied = true;
    }
    let folder = folder.to_owned();
    Ok(Attempt { import, registry, folder, applied, apply: args.apply })
}

fn read(file: &Path, files: Files, registry: &[Organisation]) -> anyhow::Result<Import> {
    let limits = Limits::default();
    let at = || file.display().to_string();
    let size = std::fs::metadata(file).with_context(at)?.len();
    anyhow::ensure!(size <= limits.file, "{}: больше {} МБ", at(), limits.file >> 20);
    let bytes = std::fs::read(file).with_context(at)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let list = match read_list(&HEADINGS.map(|(heading, _)| heading), &name, &bytes, &limits) {
        Ok(list) => list,
        Err(mistakes) => return Ok(Import::Mistaken(mistakes)),
    };
    let wanted = match rows::organisations(&list, registry) {
        Ok(wanted) => wanted,
        Err(mistakes) => return Ok(Import::Mistaken(mistakes)),
    };
    let changes = Box::new(changes(registry, &wanted));
    let mut files = files;
    let before = files.0.get(REGISTRY).cloned().unwrap_or_default();
    let text =
        rewrite(&before, registry, &wanted).map_err(|e| anyhow::anyhow!("{REGISTRY}: {e}"))?;
    files.0.insert(REGISTRY.to_owned(), text.clone());
    let broken = read_with_warnings(&files).1.errors;
    let notes = list.notes.iter().map(CellError::to_string).collect();
    Ok(Import::Read { changes, unknown: list.unknown, notes, text, broken, files })
}

impl Attempt {
    /// Whether the table could be taken as it is.
    pub fn code(&self) -> ExitCode {
        match &self.import {
            Import::Read { broken, .. } if broken.is_empty() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let (changes, notes, broken, files) = match &self.import {
            Import::Mistaken(mistakes) => {
                let lines: Vec<String> = mistakes.iter().map(CellError::to_string).collect();
                return format!("{}\nОшибок: {}", lines.join("\n"), mistakes.len());
            }
            Import::Read { changes, notes, broken, files, .. } => (changes, notes, broken, files),
        };
        let shown = preview::text(changes, notes, &self.registry);
        if !broken.is_empty() {
            let mistakes = render(broken, files);
            return format!(
                "{shown}\nС такими изменениями карта не читается, ничего не записано:\n{mistakes}"
            );
        }
        let last = match (self.applied, self.apply, changes.is_empty()) {
            (_, _, true) => "Менять нечего.".to_owned(),
            (true, ..) => format!(
                "Записано: {}. Работающий демон примет это командой vekha activity apply {}",
                self.folder.join(REGISTRY).display(),
                self.folder.display(),
            ),
            (false, true, _) => "Ошибок нет, ничего не записано.".to_owned(),
            (false, false, _) => "Ничего не записано; чтобы записать, добавьте --apply.".to_owned(),
        };
        format!("{shown}\n{last}")
    }

    /// For programs.
    fn json(&self) -> Value {
        match &self.import {
            Import::Mistaken(mistakes) => {
                let one = |m: &CellError| {
                    let place = m.place.as_ref();
                    json!({
                        "sheet": place.map(|p| &p.sheet), "row": place.map(|p| p.row),
                        "column": place.map(|p| &p.column), "heading": place.map(|p| &p.heading),
                        "message": m.message,
                    })
                };
                let mistakes: Vec<Value> = mistakes.iter().map(one).collect();
                json!({ "applied": false, "mistakes": mistakes })
            }
            Import::Read { changes, unknown, notes, broken, .. } => {
                let one = |d: &Diagnostic| {
                    json!({
                        "file": d.file, "line": d.line, "column": d.column,
                        "message": d.message, "help": d.help,
                    })
                };
                let broken: Vec<Value> = broken.iter().map(one).collect();
                json!({
                    "applied": self.applied, "mistakes": [], "changes": changes,
                    "unknown_columns": unknown, "notes": notes, "diagnostics": broken,
                })
            }
        }
    }
}
