//! `vekha status`: the road map at a glance. `vekha organisations`: the registry.

use vekha_proto::v1;

use super::client::{Client, all_pages};
use super::output::{Output, table};
use super::words::{date, state};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Только то, что опаздывает, не выполнено или ждёт решения
    #[arg(long)]
    attention: bool,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let mut activities = client.all_activities().await?;
    if args.attention {
        activities.retain(|a| {
            a.current_run.as_ref().is_some_and(|run| {
                run.late || matches!(run.state(), v1::RunState::Failed | v1::RunState::Question)
            })
        });
    }
    out.many(&activities, || {
        let rows = activities.iter().map(|a| row(client, a)).collect();
        table(["№", "мероприятие", "период", "состояние", "срок", "следующее", ""], rows)
    })?;
    Ok(())
}

fn row(client: &Client, a: &v1::Activity) -> [String; 7] {
    let run = a.current_run.clone().unwrap_or_default();
    let doing = match run.state() {
        v1::RunState::Unspecified => String::new(),
        v1::RunState::Active if !run.stage_title.is_empty() => run.stage_title.clone(),
        other => state(other).to_owned(),
    };
    let next = match (a.paused, a.next_opening_at) {
        (true, _) => "остановлено".to_owned(),
        (false, Some(at)) => client.moment(Some(at)).chars().take(10).collect(),
        (false, None) => String::new(),
    };
    let late = if run.late { "ОПОЗДАНИЕ" } else { "" };
    [
        a.number.to_string(),
        a.short.clone(),
        run.period_words.clone(),
        doing,
        date(&run.due),
        next,
        late.to_owned(),
    ]
}

#[derive(Debug, clap::Args)]
pub(super) struct OrganisationsArgs {
    /// Род: department, school, kindergarten, association
    #[arg(long)]
    kind: Option<String>,
}

pub(super) async fn organisations(
    client: &Client,
    args: &OrganisationsArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let request = v1::ListOrganisationsRequest {
        parent: client.municipality.clone(),
        filter: args.kind.as_ref().map(|kind| format!("kind = {kind}")).unwrap_or_default(),
        ..Default::default()
    };
    let list = all_pages!(client.organisations(), list_organisations, request, organisations);
    out.many(&list, || {
        let row = |o: &v1::Organisation| {
            let contact = o.contact.clone().unwrap_or_default();
            [o.code.clone(), o.short.clone(), o.email.clone(), contact.name, contact.phone]
        };
        table(["код", "организация", "почта", "контакт", "телефон"], list.iter().map(row).collect())
    })?;
    Ok(())
}
