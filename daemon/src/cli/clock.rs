//! `vekha clock`: what only a person can say of the machine's clock.

use vekha_proto::v1;

use super::client::Client;
use super::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Сказать, что часы сервера верны, хотя демон ожидал другого времени
    Confirm,
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let Command::Confirm = command;
    let mut service = client.status();
    let status = service.get_status(v1::GetStatusRequest {}).await?.into_inner();
    let Some(shows) = status.troubles.iter().find_map(|trouble| trouble.shows) else {
        out.one(&status, || format!("часам верят: {}", client.moment(status.now)))?;
        return Ok(());
    };
    let request =
        client.asked(v1::ConfirmClockRequest { shows: Some(shows), ..Default::default() });
    let status = service.confirm_clock(request).await?.into_inner();
    out.one(&status, || format!("часы подтверждены: {}", client.moment(status.now)))?;
    Ok(())
}
