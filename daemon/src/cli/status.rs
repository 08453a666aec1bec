//! `vekha status`: the road map at a glance.

use serde_json::json;
use vekha_proto::v1;

use super::client::{Client, all_pages};
use super::output::{Output, messages, table};
use super::words::{address, date, state};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Только то, что ждёт человека (как на первой странице), и то, что скоро начнётся, а письма не
    /// дойдут
    #[arg(long)]
    attention: bool,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let daemon = client.status().get_status(v1::GetStatusRequest {}).await?.into_inner();
    if !daemon.troubles.is_empty() && !out.is_json() {
        let words = |t: &v1::Trouble| {
            let written = t.lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
            format!("! {}{written}", t.words)
        };
        let lines: Vec<String> = daemon.troubles.iter().map(words).collect();
        out.say(format!("Неполадки:\n{}\n", lines.join("\n")))?;
    }
    if !args.attention {
        let activities = client.all_activities().await?;
        let shown = || {
            let rows = activities.iter().map(|a| row(client, a)).collect();
            table(["№", "мероприятие", "период", "состояние", "срок", "следующее", ""], rows)
        };
        out.many(&activities, shown)?;
        return Ok(());
    }
    let request =
        v1::ListNeedsRequest { parent: client.municipality.clone(), ..Default::default() };
    let needs = all_pages!(client.needs(), list_needs, request, needs);
    let request =
        v1::ListComingOpeningsRequest { parent: client.municipality.clone(), ..Default::default() };
    let mut coming = all_pages!(client.road_maps(), list_coming_openings, request, openings);
    coming.retain(|opening| !opening.unreachable.is_empty());
    if out.is_json() {
        out.json(&json!({
            "needs": messages(&needs),
            "coming": messages(&coming),
            "troubles": messages(&daemon.troubles),
        }))?;
        return Ok(());
    }
    out.many(&needs, || {
        let rows = needs.iter().map(waiting).collect();
        table(["", "№", "мероприятие", "период", "что ждёт"], rows)
    })?;
    if !coming.is_empty() {
        let lines: Vec<String> = coming.iter().map(|opening| unreached(client, opening)).collect();
        out.say(format!("\nСкоро начнётся, а письма дойдут не до всех:\n{}", lines.join("\n")))?;
    }
    Ok(())
}

fn waiting(need: &v1::Need) -> [String; 5] {
    let mark = if need.grave { "!" } else { "" };
    [
        mark.to_owned(),
        need.number.to_string(),
        need.short.clone(),
        need.period_words.clone(),
        need.words.clone(),
    ]
}

/// What opens, when, and whom its letters would not reach.
fn unreached(client: &Client, opening: &v1::ComingOpening) -> String {
    let day: String = client.moment(opening.opens_at).chars().take(10).collect();
    let mut lines = vec![format!("{}. {}, начало {day}", opening.number, opening.short)];
    lines.extend(opening.unreachable.iter().map(|o| {
        let state = address(o.address_state());
        let reason = if o.address_reason.is_empty() {
            String::new()
        } else {
            format!(": {}", o.address_reason)
        };
        format!("   {} ({}): {state}{reason}", o.short, o.organisation)
    }));
    lines.join("\n")
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
