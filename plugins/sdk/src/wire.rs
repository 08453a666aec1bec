//! The traits' terms as `vekha.plugin.v1` has them, both ways: for the process that serves a plugin and
//! for the host that calls it.

mod analysis;

pub use analysis::{Arriving, PART, answer, answer_of, parts};

use std::time::Duration;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp};
use serde_json::{Map, Number, Value};
use vekha_proto::plugin::v1;

use crate::{
    Address, Attachment, Capability, Cause, DeliveryError, DeliveryErrorKind, Description,
    Document, Event, Failure, FetchRequest, FieldKind, FieldOption, Health, Message, Problem,
    Receipt, Record, Report, Returned, Setting, SettingKind, WantedField,
};

/// Whole numbers beyond this are no longer exact as doubles, which is what a structure holds.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON object as a protobuf structure.
pub fn structure(map: Map<String, Value>) -> Struct {
    Struct { fields: map.into_iter().map(|(key, value)| (key, wired(value))).collect() }
}

fn wired(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(list) => {
            Kind::ListValue(ListValue { values: list.into_iter().map(wired).collect() })
        }
        Value::Object(map) => Kind::StructValue(structure(map)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// A protobuf structure as a JSON object; whole numbers become whole again. Its depth is bounded by
/// whoever decoded it.
pub fn object(structure: Struct) -> Map<String, Value> {
    structure.fields.into_iter().map(|(key, value)| (key, json(value))).collect()
}

fn json(value: prost_types::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::NumberValue(number)) => number_of(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(inner)) => Value::Object(object(inner)),
    }
}

#[allow(clippy::cast_possible_truncation)] // whole, and small enough to be exact
fn number_of(number: f64) -> Value {
    match number.fract() == 0.0 && number.abs() < EXACT {
        true => Value::Number((number as i64).into()),
        false => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

/// What a plugin is, for the wire.
pub fn description(own: &Description) -> v1::Description {
    v1::Description {
        name: own.name.clone(),
        version: own.version.clone(),
        summary: own.summary.clone(),
        capabilities: own.capabilities.iter().map(|one| capability(*one).into()).collect(),
        settings: own.settings.iter().map(setting).collect(),
    }
}

/// What a plugin said that it is. Capabilities that we do not know are left out: a newer plugin may
/// have more of them.
pub fn description_of(wire: v1::Description) -> Description {
    Description {
        capabilities: wire.capabilities().filter_map(capability_of).collect(),
        settings: wire.settings.into_iter().map(setting_of).collect(),
        name: wire.name,
        version: wire.version,
        summary: wire.summary,
    }
}

fn capability(own: Capability) -> v1::Capability {
    match own {
        Capability::Notifier => v1::Capability::Notifier,
        Capability::Source => v1::Capability::Source,
        Capability::Publisher => v1::Capability::Publisher,
        Capability::Listener => v1::Capability::Listener,
        Capability::Analyzer => v1::Capability::Analyzer,
    }
}

fn capability_of(wire: v1::Capability) -> Option<Capability> {
    match wire {
        v1::Capability::Unspecified => None,
        v1::Capability::Notifier => Some(Capability::Notifier),
        v1::Capability::Source => Some(Capability::Source),
        v1::Capability::Publisher => Some(Capability::Publisher),
        v1::Capability::Listener => Some(Capability::Listener),
        v1::Capability::Analyzer => Some(Capability::Analyzer),
    }
}

fn setting(own: &Setting) -> v1::Setting {
    use v1::setting::Kind;
    let mut choices = Vec::new();
    let kind = match &own.kind {
        SettingKind::Text => Kind::Unspecified,
        SettingKind::Secret => Kind::Secret,
        SettingKind::Integer => Kind::Integer,
        SettingKind::Flag => Kind::Flag,
        SettingKind::Address => Kind::Address,
        SettingKind::Path => Kind::Path,
        SettingKind::Table => Kind::Table,
        SettingKind::Choice(words) => {
            choices.clone_from(words);
            Kind::Choice
        }
    };
    v1::Setting {
        name: own.name.clone(),
        kind: kind.into(),
        choices,
        required: own.required,
        help: own.help.clone(),
    }
}

fn setting_of(wire: v1::Setting) -> Setting {
    use v1::setting::Kind;
    let kind = match wire.kind() {
        Kind::Unspecified => SettingKind::Text,
        Kind::Secret => SettingKind::Secret,
        Kind::Integer => SettingKind::Integer,
        Kind::Flag => SettingKind::Flag,
        Kind::Address => SettingKind::Address,
        Kind::Path => SettingKind::Path,
        Kind::Table => SettingKind::Table,
        Kind::Choice => SettingKind::Choice(wire.choices),
    };
    Setting { name: wire.name, kind, required: wire.required, help: wire.help }
}

/// Mistakes of a configuration, for the wire.
pub fn problems(own: Vec<Problem>) -> Vec<v1::Problem> {
    own.into_iter().map(|Problem { field, message }| v1::Problem { field, message }).collect()
}

/// Mistakes that a plugin found.
pub fn problems_of(wire: Vec<v1::Problem>) -> Vec<Problem> {
    wire.into_iter().map(|v1::Problem { field, message }| Problem { field, message }).collect()
}

/// How a plugin is, for the wire.
pub fn health(own: Health) -> v1::HealthResponse {
    let (state, reason) = match own {
        Health::Healthy => (v1::HealthState::Healthy, String::new()),
        Health::Unhealthy { reason } => (v1::HealthState::Unhealthy, reason),
    };
    v1::HealthResponse { state: state.into(), reason }
}

/// How a plugin said that it is.
pub fn health_of(wire: v1::HealthResponse) -> Health {
    match wire.state() {
        v1::HealthState::Healthy => Health::Healthy,
        v1::HealthState::Unhealthy | v1::HealthState::Unspecified => {
            Health::Unhealthy { reason: wire.reason }
        }
    }
}

/// A message, for the wire.
pub fn message(own: &Message) -> v1::Message {
    let address = |one: &Address| v1::Address { email: one.email.clone(), name: one.name.clone() };
    let attachment = |one: &Attachment| v1::Attachment {
        file_name: one.file_name.clone(),
        media_type: one.content_type.clone(),
        content: one.bytes.clone(),
    };
    v1::Message {
        key: own.key.clone(),
        message_id: own.message_id.clone(),
        to: own.to.iter().map(address).collect(),
        reply_to: own.reply_to.as_ref().map(address),
        subject: own.subject.clone(),
        text: own.text.clone(),
        html: own.html.clone().unwrap_or_default(),
        references: own.references.clone(),
        date: Some(moment(own.date)),
        attachments: own.attachments.iter().map(attachment).collect(),
        uncertain: own.uncertain,
        list: own.list.clone(),
    }
}

/// A message that came in.
pub fn message_of(wire: v1::Message) -> Message {
    let address = |one: v1::Address| Address { name: one.name, email: one.email };
    let attachment = |one: v1::Attachment| Attachment {
        file_name: one.file_name,
        content_type: one.media_type,
        bytes: one.content,
    };
    Message {
        key: wire.key,
        message_id: wire.message_id,
        to: wire.to.into_iter().map(address).collect(),
        reply_to: wire.reply_to.map(address),
        subject: wire.subject,
        text: wire.text,
        html: Some(wire.html).filter(|html| !html.is_empty()),
        references: wire.references,
        date: wire.date.map(milliseconds).unwrap_or_default(),
        attachments: wire.attachments.into_iter().map(attachment).collect(),
        uncertain: wire.uncertain,
        list: wire.list,
    }
}

fn moment(milliseconds: i64) -> Timestamp {
    let nanos = milliseconds.rem_euclid(1000) * 1_000_000;
    let nanos = i32::try_from(nanos).expect("less than a second");
    Timestamp { seconds: milliseconds.div_euclid(1000), nanos }
}

fn milliseconds(moment: Timestamp) -> i64 {
    moment.seconds.saturating_mul(1000).saturating_add(i64::from(moment.nanos) / 1_000_000)
}

/// What became of a message, for the wire.
pub fn delivery(own: Result<Receipt, DeliveryError>) -> v1::DeliverResponse {
    let mut wait_seconds = 0;
    let (delivery, detail, refused, code) = match own {
        Ok(Receipt { detail, refused }) => (v1::Delivery::Sent, detail, refused, None),
        Err(DeliveryError { kind, code, message }) => {
            let delivery = match kind {
                DeliveryErrorKind::Permanent => v1::Delivery::Refused,
                DeliveryErrorKind::Transient => v1::Delivery::Postponed,
                DeliveryErrorKind::Unavailable => v1::Delivery::Unavailable,
                DeliveryErrorKind::Unknown => v1::Delivery::Unknown,
                DeliveryErrorKind::Later { seconds } => {
                    wait_seconds = seconds;
                    v1::Delivery::Later
                }
            };
            (delivery, message, vec![], code)
        }
    };
    let code = code.map(u32::from).unwrap_or_default();
    v1::DeliverResponse { delivery: delivery.into(), detail, refused, code, wait_seconds }
}

/// What a plugin said became of a message. What it did not say, nobody knows.
///
/// # Errors
/// Of a message that was not delivered.
pub fn delivery_of(wire: v1::DeliverResponse) -> Result<Receipt, DeliveryError> {
    let kind = match wire.delivery() {
        v1::Delivery::Sent => {
            return Ok(Receipt { detail: wire.detail, refused: wire.refused });
        }
        v1::Delivery::Refused => DeliveryErrorKind::Permanent,
        v1::Delivery::Postponed => DeliveryErrorKind::Transient,
        v1::Delivery::Unavailable => DeliveryErrorKind::Unavailable,
        v1::Delivery::Later => DeliveryErrorKind::Later { seconds: wire.wait_seconds.max(1) },
        v1::Delivery::Unknown | v1::Delivery::Unspecified => DeliveryErrorKind::Unknown,
    };
    let code = u16::try_from(wire.code).ok().filter(|code| *code > 0);
    Err(DeliveryError { kind, code, message: wire.detail })
}

/// What came back, for the wire.
pub fn returned(own: Returned) -> v1::ReturnedResponse {
    let failure = |one: Failure| v1::Failure {
        addresses: one.addresses,
        cause: match one.cause {
            Cause::NoSuchAddress => v1::Cause::NoSuchAddress,
            Cause::Full => v1::Cause::Full,
            Cause::Refused => v1::Cause::Refused,
            Cause::Other => v1::Cause::Unspecified,
        }
        .into(),
        detail: one.detail,
    };
    let report = |one: Report| v1::Report {
        id: one.id,
        message_id: one.message_id,
        failures: one.failures.into_iter().map(failure).collect(),
    };
    // Less than a second is no wait that anybody asks for; none at all says that nothing is heard.
    let seconds = own.again.map(|again| u32::try_from(again.as_secs().max(1)).unwrap_or(u32::MAX));
    v1::ReturnedResponse {
        reports: own.reports.into_iter().map(report).collect(),
        more: own.more,
        again_seconds: seconds.unwrap_or_default(),
    }
}

/// What a plugin said came back.
pub fn returned_of(wire: v1::ReturnedResponse) -> Returned {
    let failure = |one: v1::Failure| Failure {
        cause: match one.cause() {
            v1::Cause::NoSuchAddress => Cause::NoSuchAddress,
            v1::Cause::Full => Cause::Full,
            v1::Cause::Refused => Cause::Refused,
            v1::Cause::Unspecified => Cause::Other,
        },
        addresses: one.addresses,
        detail: one.detail,
    };
    let report = |one: v1::Report| Report {
        id: one.id,
        message_id: one.message_id,
        failures: one.failures.into_iter().map(failure).collect(),
    };
    let again = Some(wire.again_seconds).filter(|seconds| *seconds > 0);
    Returned {
        reports: wire.reports.into_iter().map(report).collect(),
        more: wire.more,
        again: again.map(|seconds| Duration::from_secs(seconds.into())),
    }
}

/// A document, for the wire.
pub fn document(own: &Document) -> v1::Document {
    v1::Document {
        path: own.path.clone(),
        media_type: own.content_type.clone(),
        content: own.bytes.clone(),
    }
}

/// A document that came in.
pub fn document_of(wire: v1::Document) -> Document {
    Document { path: wire.path, content_type: wire.media_type, bytes: wire.content }
}

/// A request for records, for the wire.
pub fn fetch(own: &FetchRequest) -> v1::FetchRequest {
    v1::FetchRequest {
        key: own.key.clone(),
        municipality: own.municipality.clone(),
        activity: own.activity.clone(),
        period: own.period.clone(),
        form: own.form.clone(),
        fields: own.fields.iter().map(field).collect(),
        organisations: own.organisations.clone(),
    }
}

/// A request for records that came in.
pub fn fetch_of(wire: v1::FetchRequest) -> FetchRequest {
    FetchRequest {
        key: wire.key,
        municipality: wire.municipality,
        activity: wire.activity,
        period: wire.period,
        form: wire.form,
        fields: wire.fields.into_iter().map(field_of).collect(),
        organisations: wire.organisations,
    }
}

fn field(own: &WantedField) -> v1::WantedField {
    use v1::wanted_field::{Kind, Option};
    let wired = |one: &FieldOption| Option { value: one.value.clone(), label: one.label.clone() };
    let (kind, options) = match &own.kind {
        FieldKind::Text => (Kind::Unspecified, vec![]),
        FieldKind::Number => (Kind::Number, vec![]),
        FieldKind::Percent => (Kind::Percent, vec![]),
        FieldKind::Date => (Kind::Date, vec![]),
        FieldKind::YesNo => (Kind::YesNo, vec![]),
        FieldKind::Choice(options) => (Kind::Choice, options.iter().map(wired).collect()),
        FieldKind::Choices(options) => (Kind::Choices, options.iter().map(wired).collect()),
        FieldKind::Table => (Kind::Table, vec![]),
    };
    v1::WantedField {
        id: own.id.clone(),
        label: own.label.clone(),
        unit: own.unit.clone(),
        kind: kind.into(),
        options,
    }
}

fn field_of(wire: v1::WantedField) -> WantedField {
    use v1::wanted_field::Kind;
    let kind = wire.kind();
    let options = wire.options.into_iter();
    let options = options.map(|one| FieldOption { value: one.value, label: one.label }).collect();
    let kind = match kind {
        Kind::Unspecified => FieldKind::Text,
        Kind::Number => FieldKind::Number,
        Kind::Percent => FieldKind::Percent,
        Kind::Date => FieldKind::Date,
        Kind::YesNo => FieldKind::YesNo,
        Kind::Choice => FieldKind::Choice(options),
        Kind::Choices => FieldKind::Choices(options),
        Kind::Table => FieldKind::Table,
    };
    WantedField { id: wire.id, label: wire.label, unit: wire.unit, kind }
}

/// A record, for the wire.
pub fn record(own: Record) -> v1::Record {
    v1::Record { organisation: own.organisation, answers: Some(structure(own.answers)) }
}

/// A record that came in.
pub fn record_of(wire: v1::Record) -> Record {
    let answers = wire.answers.map(object).unwrap_or_default();
    Record { organisation: wire.organisation, answers }
}

/// An event, for the wire.
pub fn event(own: &Event) -> v1::Event {
    v1::Event {
        id: own.id.clone(),
        cursor: own.cursor,
        run: own.run.clone(),
        activity: own.activity.clone(),
        sequence: own.sequence,
        at: Some(moment(own.at)),
        actor: own.actor.clone(),
        kind: own.kind.clone(),
        data: Some(structure(own.data.clone())),
    }
}

/// An event that came in.
pub fn event_of(wire: v1::Event) -> Event {
    Event {
        id: wire.id,
        cursor: wire.cursor,
        run: wire.run,
        activity: wire.activity,
        sequence: wire.sequence,
        at: wire.at.map(milliseconds).unwrap_or_default(),
        actor: wire.actor,
        kind: wire.kind,
        data: wire.data.map(object).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_over_the_wire_comes_back_the_same() {
        let letter = Message {
            key: "k".into(),
            message_id: "k@example.org".into(),
            to: vec![Address::new("Школа", "s@example.org"), Address::new("", "t@example.org")],
            reply_to: Some(Address::new("Отдел", "o@example.org")),
            subject: "Тема".into(),
            text: "Текст\n".into(),
            html: Some("<p>Текст</p>".into()),
            references: vec!["a@b".into()],
            date: -1,
            attachments: vec![Attachment {
                file_name: "срок.ics".into(),
                content_type: "text/calendar".into(),
                bytes: vec![0, 255],
            }],
            list: "reminders.zarechny".into(),
            uncertain: true,
        };
        assert_eq!(message_of(message(&letter)), letter);
        assert_eq!(message_of(message(&Message::default())), Message::default());

        let options = || vec![FieldOption { value: "a".into(), label: "А".into() }];
        let kinds = [
            FieldKind::Text,
            FieldKind::Number,
            FieldKind::Percent,
            FieldKind::Date,
            FieldKind::YesNo,
            FieldKind::Choice(options()),
            FieldKind::Choices(options()),
            FieldKind::Table,
        ];
        let wanted = kinds.map(|kind| WantedField { id: "f".into(), kind, ..Default::default() });
        let request = FetchRequest {
            key: "k".into(),
            municipality: "m".into(),
            activity: "a".into(),
            period: "2027".into(),
            form: "f".into(),
            fields: wanted.to_vec(),
            organisations: vec!["s".into()],
        };
        assert_eq!(fetch_of(fetch(&request)), request);

        let happened = Event {
            id: "ab".into(),
            cursor: 7,
            run: "municipalities/m/activities/a/runs/2027".into(),
            activity: "municipalities/m/activities/a".into(),
            sequence: 2,
            at: 1_800_000_000_001,
            actor: "Отдел".into(),
            kind: "asked".into(),
            data: json!({ "stage": "s" }).as_object().expect("an object").clone(),
        };
        assert_eq!(event_of(event(&happened)), happened);

        let kinds = [
            SettingKind::Text,
            SettingKind::Secret,
            SettingKind::Integer,
            SettingKind::Flag,
            SettingKind::Address,
            SettingKind::Path,
            SettingKind::Table,
            SettingKind::Choice(vec!["a".into(), "b".into()]),
        ];
        let is = Description {
            name: "x".into(),
            version: "1".into(),
            summary: "Х.".into(),
            capabilities: vec![
                Capability::Notifier,
                Capability::Publisher,
                Capability::Source,
                Capability::Listener,
                Capability::Analyzer,
            ],
            settings: kinds.map(|kind| Setting::required("a.b", kind, "Зачем.")).to_vec(),
        };
        assert_eq!(description_of(description(&is)), is);
        for well in [Health::Healthy, Health::unhealthy("нет сети")] {
            assert_eq!(health_of(health(well.clone())), well);
        }
    }

    #[test]
    fn every_outcome_of_a_delivery_comes_back_and_silence_is_doubt() {
        let sent =
            Receipt { detail: "250 ok".into(), refused: vec!["a@b: нет такого".into()] };
        for outcome in [
            Ok(sent),
            Err(DeliveryError::permanent("а").with_code(550)),
            Err(DeliveryError::transient("б")),
            Err(DeliveryError::unavailable("в")),
            Err(DeliveryError::unknown("г")),
            Err(DeliveryError::later(7, "д")),
        ] {
            assert_eq!(delivery_of(delivery(outcome.clone())), outcome);
        }
        let silent = delivery_of(v1::DeliverResponse::default()).unwrap_err();
        assert_eq!(silent.kind, DeliveryErrorKind::Unknown);
    }

    #[test]
    fn what_came_back_is_the_same_on_both_sides_and_who_hears_nothing_says_nothing() {
        let causes = [Cause::NoSuchAddress, Cause::Full, Cause::Refused, Cause::Other];
        let failures = causes.map(|cause| Failure {
            addresses: vec!["a@b".into(), "c@d".into()],
            cause,
            detail: "550 5.1.1".into(),
        });
        let report =
            Report { id: "1".into(), message_id: "x@y".into(), failures: failures.to_vec() };
        let heard = Returned {
            reports: vec![report, Report::default()],
            more: true,
            again: Some(Duration::from_secs(60)),
        };
        assert_eq!(returned_of(returned(heard.clone())), heard);
        assert_eq!(returned_of(v1::ReturnedResponse::default()), Returned::default());
    }

    #[test]
    fn whole_numbers_stay_whole_and_what_is_no_number_is_none() {
        let answers = json!({
            "whole": 5, "minus": -7, "share": 0.1, "yes": true, "none": null,
            "table": [{ "a": 1 }, { "a": "б" }],
        });
        let answers = answers.as_object().expect("an object").clone();
        assert_eq!(object(structure(answers.clone())), answers);
        assert_eq!(number_of(f64::NAN), Value::Null);
        assert_eq!(number_of(1e300), json!(1e300));
    }
}
