//! `vekha effects`: what became of findings.

use vekha_proto::v1;
use vekha_roadmap::russian::number;

use super::client::{Client, short};
use super::output::{Output, table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Год, в котором кончаются периоды, о которых выводы: 2026
    year: i32,
    /// Только этого мероприятия: 29
    #[arg(long)]
    activity: Option<String>,
    /// Только этой организации
    #[arg(long, default_value = "")]
    organisation: String,
}

pub(super) async fn run(client: &Client, args: &Args, out: &mut Output) -> anyhow::Result<()> {
    let parent = match &args.activity {
        Some(activity) => client.activity(activity).await?,
        None => client.municipality.clone(),
    };
    let organisation = args.organisation.clone();
    let request = v1::GetEffectsRequest { parent, year: args.year, organisation };
    let effects = client.effects().get_effects(request).await?.into_inner();
    client.narrowed_to(Some(&args.organisation), &effects.effects).await?;
    out.one(&effects, || {
        let head = ["выполнение", "организация", "вывод", "помощь", "показатели", "что стало"];
        table(head, effects.effects.iter().map(row).collect())
    })?;
    Ok(())
}

fn row(one: &v1::Effect) -> [String; 6] {
    let help = match one.help() {
        v1::HelpKind::Done => {
            format!("мер исполнено: {} из {}", one.done.len(), one.measures.len())
        }
        v1::HelpKind::Recommended => "рекомендации".to_owned(),
        v1::HelpKind::Ordered => "поручено, не исполнено".to_owned(),
        v1::HelpKind::None | v1::HelpKind::Unspecified => String::new(),
    };
    let figures = one.figures.iter().map(|figure| {
        let value = |v: &v1::EffectValue| v.value.map_or("—".into(), |value| number(value, 1));
        let values: Vec<String> = figure.values.iter().map(value).collect();
        format!("{}: {}", figure.title, values.join(" → "))
    });
    let effect = match one.effect() {
        v1::EffectKind::Resolved => "устранено",
        v1::EffectKind::Better => "лучше",
        v1::EffectKind::Mixed => "по-разному",
        v1::EffectKind::Same => "без изменений",
        v1::EffectKind::Worse => "хуже",
        v1::EffectKind::Unknown | v1::EffectKind::Unspecified => "данных нет",
    };
    [
        short(&one.run),
        one.organisation.clone(),
        one.text.clone(),
        help,
        figures.collect::<Vec<_>>().join("\n"),
        effect.to_owned(),
    ]
}
