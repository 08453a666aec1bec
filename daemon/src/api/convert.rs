//! Between our types and the contract's.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp, Value};
use serde_json::Value as Json;
use tonic::Status;
use vekha_analysis::Finding;
use vekha_proto::v1;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::Contact;

use super::status::invalid;
use crate::runtime::views::addresses::{AddressState, DeadAddress};
use crate::wire::Twin;

/// An instant.
pub fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// An instant as columns keep it.
pub fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(at.seconds, at.nanos).ok()
}

/// Microseconds since the epoch.
pub fn micros(at: i64) -> Timestamp {
    timestamp(crate::store::instant(at))
}

/// A date of a request.
pub fn date(field: &str, text: &str) -> Result<jiff::civil::Date, Status> {
    text.parse()
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| invalid(field, format!("«{text}»: нужна дата вида 2027-09-15")))
}

/// A date of a request; a wrong one is noted and any other day stands for it, so that the other
/// fields can be looked at.
pub fn noted_date(wrong: &mut Vec<FieldError>, field: &str, text: &str) -> jiff::civil::Date {
    date(field, text).unwrap_or_else(|status| {
        wrong.push(FieldError { field: field.to_owned(), message: status.message().to_owned() });
        jiff::civil::Date::ZERO
    })
}

/// JSON as a protobuf value.
pub fn value(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(*b),
        Json::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Json::String(s) => Kind::StringValue(s.clone()),
        Json::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        Json::Object(map) => Kind::StructValue(structure(map)),
    };
    Value { kind: Some(kind) }
}

/// A JSON object as a protobuf structure.
pub fn structure(map: &serde_json::Map<String, Json>) -> Struct {
    Struct { fields: map.iter().map(|(k, v)| (k.clone(), value(v))).collect() }
}

/// JSON text as a protobuf structure; empty if it is no object.
pub fn structure_of(text: &str) -> Option<Struct> {
    serde_json::from_str::<serde_json::Map<String, Json>>(text).ok().map(|map| structure(&map))
}

/// A protobuf structure as a JSON object. Depth is bounded by the decoder.
pub fn object(structure: Struct) -> serde_json::Map<String, Json> {
    structure.fields.into_iter().map(|(k, v)| (k, json(v))).collect()
}

fn json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(b)) => Json::Bool(b),
        // Whole numbers stay whole, so that a receipt shows 12 and not 12.0.
        Some(Kind::NumberValue(n)) if n.fract() == 0.0 && n.abs() < 9e15 => Json::from(n as i64),
        Some(Kind::NumberValue(n)) => {
            serde_json::Number::from_f64(n).map_or(Json::Null, Json::Number)
        }
        Some(Kind::StringValue(s)) => Json::String(s),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(s)) => Json::Object(object(s)),
    }
}

/// A finding.
pub fn finding(finding: &Finding) -> v1::Finding {
    v1::Finding {
        organisation: finding.organisation.clone(),
        rule: finding.rule.clone(),
        severity: finding.severity.wire().into(),
        text: finding.text.clone(),
        recommendation: finding.recommendation.clone().unwrap_or_default(),
        alternatives: finding.alternatives.clone(),
        figures: finding
            .figures
            .iter()
            .map(|f| v1::FindingFigure {
                title: f.title.clone(),
                value: f.value.clone(),
                unit: f.unit.clone(),
                municipality_mean: f.municipality_mean.clone(),
                earlier: f.earlier.clone(),
                rank: f.rank,
                count: f.count,
            })
            .collect(),
    }
}

/// A person.
pub fn contact(contact: &Contact) -> v1::Contact {
    let duty = contact.duty.map_or(v1::ContactDuty::Unspecified, Twin::wire);
    v1::Contact {
        name: contact.name.clone(),
        role: contact.role.clone(),
        email: contact.email.clone(),
        phone: contact.phone.clone(),
        duty: duty.into(),
        letters: contact.letters,
        greeting: contact.greeting.clone(),
    }
}

/// An address that does not exist.
pub fn dead_address(dead: DeadAddress) -> v1::DeadAddress {
    let DeadAddress { email, reason, at } = dead;
    v1::DeadAddress { address: email, reason, at: Some(timestamp(at)) }
}

/// What is known of an address: its state, the reason and the time.
pub fn address(state: &AddressState) -> (v1::AddressState, String, Option<Timestamp>) {
    match state {
        AddressState::Working { at } => {
            (v1::AddressState::Working, String::new(), Some(timestamp(*at)))
        }
        AddressState::Refused { at, reason } => {
            (v1::AddressState::Refused, reason.clone(), Some(timestamp(*at)))
        }
        AddressState::Missing => (v1::AddressState::Missing, String::new(), None),
        AddressState::Untried => (v1::AddressState::Untried, String::new(), None),
    }
}
