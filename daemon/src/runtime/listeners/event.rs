//! An entry of the journal as other systems are told of it. It is the same whenever it is told and by
//! whichever daemon, its id among it.

use serde_json::{Map, Value, json};
use vekha_engine::entry::EntryKind;
use vekha_plugin::Event;

use crate::store::entities::{journal, listener};
use crate::store::instant;
use crate::store::read::listeners::Outline;
use crate::store::write::access::ACCESS;
use crate::store::write::activities::LETTERS;

/// What of the journal a listener is told.
#[derive(Debug)]
pub(super) struct Ear<'a> {
    municipality: &'a str,
    activities: Vec<&'a str>,
    kinds: Vec<&'a str>,
}

impl<'a> Ear<'a> {
    pub fn of(listener: &'a listener::Model) -> Self {
        let (activities, kinds) = (listener.activities(), listener.kinds());
        Ear { municipality: &listener.municipality, activities, kinds }
    }

    /// Whether it is told of an entry. Who is let in is told only to those who ask for it by its kind,
    /// and belongs to no municipality.
    pub fn hears(&self, entry: &Outline) -> bool {
        let is_kind = self.kinds.contains(&entry.kind.as_str());
        if entry.run == ACCESS {
            return is_kind && self.municipality.is_empty() && self.activities.is_empty();
        }
        let mut place = entry.run.split('/');
        let (municipality, activity) = (place.next(), place.next());
        (self.kinds.is_empty() || is_kind)
            && (self.municipality.is_empty() || municipality == Some(self.municipality))
            && (self.activities.is_empty()
                || activity.is_some_and(|activity| self.activities.contains(&activity)))
    }
}

/// Whether there is such a kind.
pub(crate) fn is_kind(word: &str) -> bool {
    EntryKind::ALL.iter().any(|kind| kind.as_str() == word)
}

/// An entry that is told.
#[derive(Debug)]
pub(crate) struct Told(pub journal::Model);

impl Told {
    /// Its id: the chain's hash at this entry, which nothing else has.
    pub fn id(&self) -> &str {
        &self.0.hash
    }

    /// Names of its activity and its run, as far as it has them.
    fn place(&self) -> (String, String) {
        let mut place = self.0.run.split('/');
        let (Some(municipality), Some(activity)) = (place.next(), place.next()) else {
            return Default::default();
        };
        // What is done to a municipality's letters is of no activity.
        if activity == LETTERS {
            return Default::default();
        }
        let activity = format!("municipalities/{municipality}/activities/{activity}");
        let run = place.next().map(|run| format!("{activity}/runs/{run}")).unwrap_or_default();
        (activity, run)
    }

    /// As plugins are told of it.
    pub fn event(&self) -> Event {
        let (activity, run) = self.place();
        let row = &self.0;
        let facts = serde_json::from_str(&row.data);
        Event {
            id: row.hash.clone(),
            cursor: row.cursor,
            run,
            activity,
            sequence: row.sequence,
            at: row.at.div_euclid(1000),
            actor: row.actor.clone(),
            kind: row.kind.clone(),
            data: facts.unwrap_or_else(|_| Map::new()),
        }
    }

    /// As a CloudEvent 1.0 in structured mode. `sequence` is that extension's: of two events of a source
    /// the later one's is the greater text.
    pub fn cloud_event(&self) -> Vec<u8> {
        let (activity, run) = self.place();
        let row = &self.0;
        let source = match row.run.split_once('/') {
            Some((municipality, _)) => format!("/municipalities/{municipality}"),
            None => format!("/{}", row.run),
        };
        let subject = if run.is_empty() { &activity } else { &run };
        let facts: Value = serde_json::from_str(&row.data).unwrap_or_default();
        let mut event = json!({
            "specversion": "1.0",
            "id": row.hash,
            "source": source,
            "type": format!("vekha.v1.{}", row.kind),
            "time": instant(row.at).to_string(),
            "datacontenttype": "application/json",
            "sequence": format!("{:020}", row.cursor),
            "data": {
                "cursor": row.cursor,
                "run": run,
                "activity": activity,
                "sequence": row.sequence,
                "actor": row.actor,
                "kind": row.kind,
                "facts": facts,
            },
        });
        if !subject.is_empty() {
            event["subject"] = subject.as_str().into();
        }
        event.to_string().into_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::write::activities::chain_of_letters;

    fn entry(run: &str, kind: &str) -> journal::Model {
        journal::Model {
            cursor: 42,
            run: run.into(),
            sequence: 3,
            at: 1_800_000_000_123_456,
            actor: "Отдел".into(),
            kind: kind.into(),
            data: r#"{"stage":"collect","share":0.1}"#.into(),
            road_map: 1,
            hash: "ab".repeat(32),
        }
    }

    fn ear(municipality: &str, activities: &str, kinds: &str) -> listener::Model {
        listener::Model {
            id: "portal".into(),
            seed: String::new(),
            url: String::new(),
            plugin: String::new(),
            municipality: municipality.into(),
            activities: activities.into(),
            kinds: kinds.into(),
            disabled: false,
            reason: String::new(),
            rotated: 0,
            before_until: 0,
            created_by: String::new(),
            created_at: 0,
            since: 0,
            cursor: 0,
            attempts: 0,
            error: String::new(),
            failing_since: None,
            next_attempt_at: 0,
            delivered_at: 0,
            claim: None,
            claimed_until: 0,
        }
    }

    #[test]
    fn an_entry_is_told_as_a_cloud_event() {
        let told = Told(entry("zarechny/vpr/2027.school-1", "asked"));
        let event: Value = serde_json::from_slice(&told.cloud_event()).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&event).unwrap());
        let of_activity = Told(entry("zarechny/vpr", "activity-paused"));
        let event: Value = serde_json::from_slice(&of_activity.cloud_event()).unwrap();
        assert_eq!(event["subject"], "municipalities/zarechny/activities/vpr");
        assert_eq!(of_activity.event().run, "");
        let of_letters = Told(entry(&chain_of_letters("zarechny"), "letters-held"));
        let event: Value = serde_json::from_slice(&of_letters.cloud_event()).unwrap();
        let source = (&event["source"], event.get("subject"));
        assert_eq!(source, (&json!("/municipalities/zarechny"), None));
        let of_access = Told(entry(ACCESS, "signed-in"));
        let event: Value = serde_json::from_slice(&of_access.cloud_event()).unwrap();
        assert_eq!((&event["source"], event.get("subject")), (&json!("/access"), None));
    }

    #[test]
    fn a_listener_is_told_what_it_asked_for_and_of_access_by_its_kinds_alone() {
        let hears = |ear: &listener::Model, run: &str, kind: &str| {
            let row = entry(run, kind);
            let journal::Model { cursor, run, kind, at, .. } = row;
            Ear::of(ear).hears(&Outline { cursor, run, kind, at, size: 0 })
        };
        let all = ear("", "", "");
        assert!(hears(&all, "zarechny/vpr/2027", "asked") && hears(&all, "zarechny/vpr", "x"));
        assert!(!hears(&all, ACCESS, "signed-in"));
        let some = ear("zarechny", "vpr,niko", "asked,submitted");
        assert!(hears(&some, "zarechny/niko/2027", "submitted"));
        assert!(!hears(&some, "polevskoy/niko/2027", "submitted"));
        assert!(!hears(&some, "zarechny/olymp/2027", "submitted"));
        assert!(!hears(&some, "zarechny/niko/2027", "waived"));
        let named = ear("", "", "signed-in");
        assert!(hears(&named, ACCESS, "signed-in") && !hears(&named, ACCESS, "token-set"));
        assert!(!hears(&ear("zarechny", "", "signed-in"), ACCESS, "signed-in"));
    }
}
