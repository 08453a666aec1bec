//! What opens soon and would not reach somebody, on the administrator's first page.

use serde_json::{Value, json};
use vekha_roadmap::RoadMap;
use vekha_roadmap::russian::{date_words, plural};

use crate::console::department::administrator::name;
use crate::runtime::views::addresses::AddressState;
use crate::runtime::views::coming::Coming;

/// Openings whose letters would not reach every participant.
pub fn lines(map: &RoadMap, coming: &[Coming]) -> Value {
    coming.iter().filter(|c| !c.unreachable.is_empty()).map(|c| line(map, c)).collect()
}

fn line(map: &RoadMap, coming: &Coming) -> Value {
    let activity = map.activity(&coming.activity);
    let missing = coming.unreachable.iter().filter(|(_, state)| *state == AddressState::Missing);
    let missing: Vec<String> = missing.map(|(code, _)| name(map, code)).collect();
    let refused: Vec<String> = coming
        .unreachable
        .iter()
        .filter_map(|(code, state)| match state {
            AddressState::Refused { reason, .. } => Some(format!("{} ({reason})", name(map, code))),
            _ => None,
        })
        .collect();
    let mut needs = Vec::new();
    if !missing.is_empty() {
        needs.push(format!("нет адреса почты: {}", missing.join(", ")));
    }
    if !refused.is_empty() {
        needs.push(format!("письма не доходят: {}", refused.join("; ")));
    }
    let count = coming.participants.len();
    let of = plural(count as i64, "организации", "организаций", "организаций");
    json!({
        "link": format!("/runs/{}/{}", map.municipality.id, coming.activity),
        "number": activity.map(|a| a.number),
        "short": activity.map_or(coming.activity.as_str(), |a| a.short.as_str()),
        "title": activity.map_or("", |a| a.title.as_str()),
        "opens": date_words(map.municipality.today(coming.at)),
        "of": format!("{} из {count} {of}", coming.unreachable.len()),
        "needs": needs,
    })
}
