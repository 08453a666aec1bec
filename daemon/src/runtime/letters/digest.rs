//! Several letters to one address as one: each by its own templates, in a frame that says at the
//! top what is most urgent.

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use vekha_engine::{Letter, LetterKind};
use vekha_plugin::{Attachment, Message};
use vekha_roadmap::russian::date_words_with_weekday;

use crate::message_id;
use crate::runtime::Runtime;
use crate::runtime::letters::{attachments, message};
use crate::store::entities::outbox;

/// Composes the digest of these letters, which go to one organisation.
///
/// # Errors
/// What makes it undeliverable, for people.
pub fn message(runtime: &Runtime, parcel: &[(&outbox::Model, Letter)]) -> Result<Message, String> {
    let mut sorted: Vec<&(&outbox::Model, Letter)> = parcel.iter().collect();
    sorted.sort_by_key(|(row, letter)| (urgency(letter), row.created_at, &row.key));
    let newest = parcel.iter().max_by_key(|(row, _)| row.road_map);
    let (row, letter) = newest.ok_or("в письме ничего нет")?;
    let version = message::version(runtime, row)?;
    let to = message::addresses(&version, &letter.to)?;
    let mut items = Vec::new();
    let mut attachments: Vec<Attachment> = Vec::new();
    for (row, letter) in &sorted {
        let version = message::version(runtime, row)?;
        let (link, page) = message::ways(runtime, letter);
        let context = message::context(&version, letter, link.as_deref(), &page);
        let at = message::date(row);
        for mut file in attachments::of(&version, letter, link.as_deref(), at) {
            // Two files of one name would be one file in many a mail program.
            if attachments.iter().any(|known| known.file_name == file.file_name) {
                file.file_name = format!("{}-{}", attachments.len() + 1, file.file_name);
            }
            attachments.push(file);
        }
        let kind = letter.kind.as_str();
        let (subject, text, html) =
            message::by_any(runtime, &version, |v| &v.items, kind, &Value::Object(context))?;
        items.push(json!({ "subject": subject, "text": text, "html": html }));
    }
    let due = sorted.iter().filter_map(|(_, letter)| letter.due).min();
    let mut context = common(&message::context(&version, letter, None, ""));
    context.insert("items".into(), items.into());
    context.insert("due".into(), json!(due.map(date_words_with_weekday)));
    context.insert("link".into(), sorted.iter().any(|(_, l)| l.assignment.is_some()).into());
    let (subject, text, html) =
        message::by_any(runtime, &version, |v| &v.templates, "digest", &Value::Object(context))?;
    let key = row.digest.clone().unwrap_or_else(|| row.key.clone());
    let first = parcel.iter().map(|(row, _)| message::date(row)).min();
    Ok(Message {
        message_id: message_id::of(&key, &row.municipality),
        key,
        to,
        reply_to: message::reply_to(&version),
        subject,
        text,
        html: Some(html),
        references: vec![],
        date: first.unwrap_or_default().as_millisecond(),
        attachments,
        uncertain: parcel.iter().any(|(row, _)| row.uncertain),
        list: message::in_list("digests", row),
    })
}

/// What the frame is given of a letter's variables: those that are not about one activity.
fn common(context: &Map<String, Value>) -> Map<String, Value> {
    let kept = ["municipality", "contact", "organisation"];
    kept.iter().filter_map(|name| Some(((*name).to_owned(), context.get(*name)?.clone()))).collect()
}

/// What comes first: what stands still, then what is to be done, the next due date first, then
/// what is only to be known.
fn urgency(letter: &Letter) -> (u8, Option<Date>) {
    let rank = match letter.kind {
        LetterKind::Failure | LetterKind::Question => 0,
        LetterKind::Assignment
        | LetterKind::Reminder
        | LetterKind::Returned
        | LetterKind::Measure
        | LetterKind::Escalation
        | LetterKind::Review
        | LetterKind::ExtensionRequest
        | LetterKind::DecisionDue
        | LetterKind::Link => 1,
        LetterKind::Recommendation
        | LetterKind::Drafts
        | LetterKind::MeasureWithdrawn
        | LetterKind::CalledOff => 2,
        LetterKind::Extension | LetterKind::Closed | LetterKind::Receipt => 3,
    };
    // Without a date there is no hurry.
    (rank, Some(letter.due.unwrap_or(Date::MAX)))
}
