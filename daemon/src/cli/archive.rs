//! `vekha archive`: what a municipality can show of a year, in one file.

use std::path::PathBuf;

use vekha_proto::v1;

use super::client::Client;
use super::download;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Год: 2027
    year: i16,
    /// Файл, которого ещё нет: архив ZIP с документами всех мероприятий, реестрами и матрицей
    file: PathBuf,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let name = format!("{}/archives/{}", client.municipality, args.year);
    let request = v1::DownloadArchiveRequest { name };
    let pieces = client.documents().download_archive(request).await?.into_inner();
    download::save(pieces, &args.file, out).await
}
