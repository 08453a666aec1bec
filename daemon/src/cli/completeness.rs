//! `vekha completeness`: who was asked, who answered, who is silent.

use vekha_proto::v1;

use super::client::{Client, short};
use super::output::{Output, table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Только этого выполнения: 29/2026-27
    run: Option<String>,
    /// Только этой организации
    #[arg(long, default_value = "")]
    organisation: String,
    /// Со сроком не раньше этого дня
    #[arg(long, default_value = "")]
    from: String,
    /// Со сроком не позже этого дня
    #[arg(long, default_value = "")]
    to: String,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let parent = match &args.run {
        Some(run) => client.run(run).await?,
        None => client.municipality.clone(),
    };
    let request = v1::GetCompletenessRequest {
        parent,
        organisation: args.organisation.clone(),
        from: args.from.clone(),
        to: args.to.clone(),
    };
    let found = client.completeness().get_completeness(request).await?.into_inner();
    client.narrowed_to(Some(&args.organisation), &found.organisations).await?;
    out.one(&found, || {
        let runs = found.runs.iter().map(|one| {
            let what = match one.number {
                0 => short(&one.run),
                number => format!("{number}. {}, {}", one.short, one.period_words),
            };
            row(what, one.tally)
        });
        let total = row("всего".to_owned(), found.total);
        let organisations = found.organisations.iter().map(|one| row(one.short.clone(), one.tally));
        let head = |what| {
            [
                what,
                "спрошено",
                "в срок",
                "поздно",
                "возвращено",
                "ждём",
                "молчат",
                "снято",
                "полнота",
            ]
        };
        format!(
            "{}\n\n{}",
            table(head("выполнение"), runs.chain([total]).collect()),
            table(head("организация"), organisations.collect())
        )
    })?;
    Ok(())
}

fn row(what: String, tally: Option<v1::Tally>) -> [String; 9] {
    let t = tally.unwrap_or_default();
    let complete = t.complete_percent.map_or_else(String::new, |share| format!("{share:.0} %"));
    let [asked, in_time, late, returned, awaited, silent, waived] =
        [t.asked, t.in_time, t.late, t.returned, t.awaited, t.silent, t.waived]
            .map(|n| if n == 0 { String::new() } else { n.to_string() });
    [what, asked, in_time, late, returned, awaited, silent, waived, complete]
}
