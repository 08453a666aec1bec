//! `vekha recommendation`, `vekha approve`: addressed recommendations from draft to acknowledgement.

use vekha_proto::v1;
use vekha_roadmap::russian::of_unit;

use super::client::{Client, all_pages, filter, short, with_all_mistakes};
use super::output::{Output, table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List {
        /// Только этого выполнения: 33/2026-27
        run: Option<String>,
        /// Только в этом состоянии: draft, issued, acknowledged, discarded
        #[arg(long)]
        state: Option<String>,
        /// Только этого года, по дате письма, а без письма — проекта: 2027
        #[arg(long)]
        year: Option<String>,
    },
    /// Одна рекомендация: выводы, показатели, тексты
    Show {
        /// 33/2026-27/recommend.school-1
        recommendation: String,
    },
    /// Переписать проект: по тексту на каждый вывод
    Revise {
        /// 33/2026-27/recommend.school-1
        recommendation: String,
        /// Тексты по порядку выводов
        #[arg(long = "text", required = true)]
        texts: Vec<String>,
    },
    /// Не отправлять
    Discard {
        /// 33/2026-27/recommend.school-1
        recommendation: String,
        /// Причина
        #[arg(long)]
        reason: String,
    },
    /// Отметить, что организация ознакомлена, и записать, что она сделала
    Acknowledge {
        /// 33/2026-27/recommend.school-1
        recommendation: String,
        /// Что сделано по рекомендациям; можно и позже, повторной командой
        #[arg(long, default_value = "")]
        report: String,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    /// Выполнение: 33/2026-27
    run: String,
    /// Только этим организациям; без них — всем
    #[arg(long, value_delimiter = ',')]
    organisations: Vec<String>,
    /// Исходящий номер, под которым отдел отправляет письма: 01-15/214
    #[arg(long, default_value = "")]
    outgoing: String,
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.recommendations();
    let changed = match command {
        Command::List { run, state, year } => {
            let parent = client.run_or_all(run.as_deref()).await?;
            let filter = filter([("state", state.as_deref()), ("date", year.as_deref())]);
            let request = v1::ListRecommendationsRequest { parent, filter, ..Default::default() };
            let list = all_pages!(service, list_recommendations, request, recommendations);
            out.many(&list, || rows(client, &list))?;
            return Ok(());
        }
        Command::Show { recommendation } => {
            let name = client.below(recommendation, "recommendations").await?;
            service.get_recommendation(v1::GetRecommendationRequest { name }).await?
        }
        Command::Revise { recommendation, texts } => {
            let name = client.below(recommendation, "recommendations").await?;
            let items = texts
                .iter()
                .map(|t| v1::Finding { recommendation: t.clone(), ..Default::default() })
                .collect();
            let request = client.asked(v1::UpdateRecommendationRequest {
                recommendation: Some(v1::Recommendation { name, items, ..Default::default() }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["items".into()] }),
                ..Default::default()
            });
            with_all_mistakes!(service, update_recommendation, request)
        }
        Command::Discard { recommendation, reason } => {
            let name = client.below(recommendation, "recommendations").await?;
            let request = client.asked(v1::DiscardRecommendationRequest {
                name,
                reason: reason.clone(),
                ..Default::default()
            });
            service.discard_recommendation(request).await?
        }
        Command::Acknowledge { recommendation, report } => {
            let name = client.below(recommendation, "recommendations").await?;
            let request = client.asked(v1::AcknowledgeRecommendationRequest {
                name,
                report: report.clone(),
                ..Default::default()
            });
            service.acknowledge_recommendation(request).await?
        }
    };
    let recommendation = changed.into_inner();
    out.one(&recommendation, || {
        let mut text = format!("{}: {}\n", short(&recommendation.name), state(&recommendation));
        if !recommendation.reason.is_empty() {
            text.push_str(&format!("Причина: {}\n", recommendation.reason));
        }
        if !recommendation.report.is_empty() {
            text.push_str(&format!("Сделано: {}\n", recommendation.report));
        }
        for (number, item) in recommendation.items.iter().enumerate() {
            text.push_str(&format!("\n{}. {}\n", number + 1, item.text.trim()));
            for figure in &item.figures {
                let mean = match figure.municipality_mean.as_str() {
                    "" => String::new(),
                    mean => format!(" (в среднем {mean})"),
                };
                let unit = of_unit(&figure.value, &figure.unit);
                text.push_str(&format!("   — {}: {} {unit}{mean}\n", figure.title, figure.value));
            }
            text.push_str(&format!("   {}\n", item.recommendation.trim()));
        }
        text
    })?;
    Ok(())
}

pub(super) async fn approve(
    client: &Client,
    args: &ApproveArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let parent = client.run(&args.run).await?;
    let mut names = Vec::new();
    if !args.organisations.is_empty() {
        let request =
            v1::ListRecommendationsRequest { parent: parent.clone(), ..Default::default() };
        let all =
            all_pages!(client.recommendations(), list_recommendations, request, recommendations);
        for code in &args.organisations {
            let found = all.iter().find(|r| r.organisation == *code);
            let found = found.ok_or_else(|| anyhow::anyhow!("рекомендаций для «{code}» нет"))?;
            names.push(found.name.clone());
        }
    }
    let request = client.asked(v1::ApproveRecommendationsRequest {
        parent,
        names,
        outgoing: args.outgoing.clone(),
        ..Default::default()
    });
    let response = client.recommendations().approve_recommendations(request).await?.into_inner();
    out.many(&response.recommendations, || rows(client, &response.recommendations))?;
    Ok(())
}

fn state(r: &v1::Recommendation) -> &'static str {
    match r.state() {
        v1::RecommendationState::Draft => "проект",
        v1::RecommendationState::Issued => "отправлена",
        v1::RecommendationState::Acknowledged => "ознакомлены",
        v1::RecommendationState::Discarded => "не отправляется",
        v1::RecommendationState::Unspecified => "",
    }
}

fn rows(client: &Client, list: &[v1::Recommendation]) -> String {
    let row = |r: &v1::Recommendation| {
        let items = r.items.len().to_string();
        let (issued, read) = (client.moment(r.issued_at), client.moment(r.acknowledged_at));
        [short(&r.name), state(r).to_owned(), items, issued, read]
    };
    let head = ["рекомендация", "состояние", "выводов", "отправлена", "ознакомлены"];
    table(head, list.iter().map(row).collect())
}
