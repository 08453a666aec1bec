//! `vekha event`: something happened that names organisations, such as the NIKO sample.

use vekha_proto::v1;

use super::client::{Client, short};
use super::output::Output;
use super::words::state;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Имя события, как в дорожной карте: niko-sample
    event: String,
    /// Коды организаций, которые событие называет; там, где оно открывает всё выполнение, не нужны
    #[arg(long, value_delimiter = ',')]
    organisations: Vec<String>,
    /// Метка, если за период событий несколько: spring
    #[arg(long, default_value = "")]
    label: String,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let request = client.asked(v1::PublishEventRequest {
        parent: client.municipality.clone(),
        event: args.event.clone(),
        label: args.label.clone(),
        organisations: args.organisations.clone(),
        ..Default::default()
    });
    let response = client.events().publish_event(request).await?.into_inner();
    out.one(&response, || {
        // Told again, an event opens nothing: how its run stands says so.
        let run = |r: &v1::Run| match client.validate_only {
            true => short(&r.name),
            false => format!("{} ({})", short(&r.name), state(r.state())),
        };
        let runs: Vec<String> = response.runs.iter().map(run).collect();
        let of =
            if client.validate_only { "можно открыть" } else { "по событию" };
        format!("{of}: {}", runs.join(", "))
    })?;
    Ok(())
}
