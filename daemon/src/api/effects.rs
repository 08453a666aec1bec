//! What became of findings.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, effect_service_server::EffectService};

use super::names::Depth;
use super::{Api, names, status};
use crate::runtime::views::effects::{Series, Traced, traced};
use crate::runtime::views::register::Controlled;
use crate::wire::Twin;

fn describe(one: Traced) -> v1::Effect {
    let figure = |Series { indicator, values }: Series| v1::EffectFigure {
        indicator: indicator.id,
        title: indicator.title,
        unit: indicator.unit,
        values: values
            .into_iter()
            .map(|(run, value)| v1::EffectValue { period: run.period.to_string(), value })
            .collect(),
    };
    let recommended = one.recommended.map(Twin::wire);
    let name = |m: &Controlled| format!("{}/measures/{}", names::of_run(&m.run), m.number);
    let measures = one.standing().map(name).collect();
    let done = one.done().map(name).collect();
    let help = one.help().wire();
    v1::Effect {
        run: names::of_run(&one.run),
        stage: one.stage,
        organisation: one.organisation,
        rule: one.rule,
        severity: one.severity.wire().into(),
        text: one.text,
        recommended: recommended.unwrap_or(v1::RecommendationState::Unspecified).into(),
        report: one.report,
        measures,
        figures: one.figures.into_iter().map(figure).collect(),
        effect: one.effect.wire().into(),
        done,
        help: help.into(),
    }
}

#[tonic::async_trait]
impl EffectService for Api {
    async fn get_effects(
        &self,
        request: Request<v1::GetEffectsRequest>,
    ) -> Result<Response<v1::Effects>, Status> {
        let r = request.into_inner();
        let parent = self.parent(&r.parent, Depth::Activity).await?;
        let municipality = parent.municipality.as_ref();
        let municipality = municipality
            .ok_or_else(|| status::invalid("parent", "назовите муниципалитет: municipalities/m"))?;
        let year = i16::try_from(r.year).ok().filter(|year| (1900..=2200).contains(year));
        let year = year.ok_or_else(|| status::invalid("year", "нужен год, например 2027"))?;
        let version = self.runtime.road_maps().newest(municipality);
        let version = version.ok_or_else(|| status::not_found(&r.parent))?;
        let all = traced(&self.runtime, &version.road_map.municipality, year).await;
        let mut all = all.map_err(status::unavailable)?;
        all.retain(|one| {
            parent.activity.as_ref().is_none_or(|id| *id == one.run.activity)
                && (r.organisation.is_empty() || r.organisation == one.organisation)
        });
        Ok(Response::new(v1::Effects { effects: all.into_iter().map(describe).collect() }))
    }
}
