//! `vekha organisations export`: the registry as a table.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use vekha_plugin::files::write_whole;

use super::registry;
use crate::cli::output::Output;
use crate::files;
use crate::registry::export::table;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Куда записать: .xlsx, а если имя кончается на .csv — CSV
    file: PathBuf,
    /// Папка дорожной карты; без неё — первая из настроек
    #[arg(long, value_name = "ПАПКА")]
    pub from: Option<PathBuf>,
}

pub(in crate::cli) fn run(folder: &Path, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let files = files::load(folder)?;
    let registry = registry(&files)?;
    let ending = args.file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let bytes = table(&registry, ending.as_deref() == Some("csv"))?;
    write_whole(&args.file, &bytes).with_context(|| args.file.display().to_string())?;
    let count = registry.len();
    if out.is_json() {
        out.json(&json!({ "file": args.file, "organisations": count }))?;
    } else {
        out.say(format!("{}: организаций {count}", args.file.display()))?;
    }
    Ok(())
}
