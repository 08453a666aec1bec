//! Methods of assessment: `evidence/ID.toml`.

use super::table::{Table, id, words_of};
use crate::model::{Component, Direction, EvidenceMethod, Proof, Yield};

pub(super) fn read(method: &str, table: &Table<'_>) -> EvidenceMethod {
    let findings = table.findings();
    let title = table.text("title").unwrap_or_default();
    let source = table.optional("source");
    let from = table.whole("from", 1900..=2200).unwrap_or(1900) as i16;
    findings.keep(format!("evidence/{method}/from"), table.at("from"));
    let mut components: Vec<Component> = Vec::new();
    for one in table.tables("component") {
        let id = one.parsed("id", id);
        let title = one.text("title");
        let proof = one.word("proof", &words_of(Proof::ALL), None);
        if let (Some(id), Some(title), Some(proof)) = (id, title, proof) {
            if components.iter().any(|known| known.id == id) {
                one.error("id", format!("составляющая «{id}» уже есть"), None);
            }
            components.push(Component { id, title, proof });
        }
        one.finish();
    }
    let mut directions: Vec<Direction> = Vec::new();
    for one in table.tables("direction") {
        if let Some(direction) = direction(method, &one) {
            if directions.iter().any(|known| known.id == direction.id) {
                one.error("id", format!("направление «{}» уже есть", direction.id), None);
            }
            directions.push(direction);
        }
        one.finish();
    }
    for (key, empty) in [("component", components.is_empty()), ("direction", directions.is_empty())]
    {
        if empty && !table.has(key) {
            table.error(key, format!("нет ни одной записи [[{key}]]"), None);
        }
    }
    table.finish();
    EvidenceMethod { id: method.to_owned(), title, source, from, components, directions }
}

fn direction(method: &str, table: &Table<'_>) -> Option<Direction> {
    let findings = table.findings();
    let own = table.parsed("id", id);
    let title = table.text("title");
    let mut activities = Vec::new();
    let at = format!("evidence/{method}/{}", own.as_deref().unwrap_or("?"));
    for one in table.tables("activities") {
        let activity = one.text("id");
        let at = format!("{at}/{}", activities.len());
        findings.keep(at.clone(), one.at("id"));
        let mut components = Vec::new();
        for (place, component) in one.placed_texts("yields") {
            findings.keep(format!("{at}/{}", components.len()), place);
            components.push(component);
        }
        if !one.has("yields") {
            one.error("yields", "скажите, что оно даёт: yields = [\"analysis\"]", None);
        }
        one.finish();
        if let Some(activity) = activity {
            activities.push(Yield { activity, components });
        }
    }
    Some(Direction { id: own?, title: title?, activities })
}
