//! From a letter's facts to the message that people read.

use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Environment;
use serde_json::{Map, Value, json};
use vekha_engine::{Letter, LetterKind};
use vekha_plugin::{Address, Message};

use vekha_roadmap::read::{placed_mistake, unknown_to_samples};

use crate::message_id;
use crate::runtime::Runtime;
use crate::runtime::documents::reports::authority;
use crate::runtime::letters::attachments;
use crate::runtime::road_maps::Version;
use crate::store::entities::outbox;
use crate::store::instant;

/// Renders a letter of the outbox with the templates of its run's own road-map version, to the
/// addresses of today.
///
/// # Errors
/// What makes the letter undeliverable, for people.
pub fn message(runtime: &Runtime, row: &outbox::Model, letter: &Letter) -> Result<Message, String> {
    let version = version(runtime, row)?;
    let to = addresses(&version, &letter.to)?;
    let (link, page) = ways(runtime, letter);
    let (subject, text, html) = render(runtime, &version, letter, link.as_deref(), &page)?;
    // A digest of which only this one is left stays that digest: it may have arrived.
    let message_id = match &row.digest {
        Some(digest) => message_id::of(digest, &row.municipality),
        None => row.message_id.clone(),
    };
    let thread = letter.thread.iter();
    let date = date(row);
    Ok(Message {
        key: letter.key.clone(),
        message_id,
        to,
        reply_to: reply_to(&version),
        subject,
        text,
        html: Some(html),
        references: thread.map(|first| message_id::of(first, &row.municipality)).collect(),
        date: date.as_millisecond(),
        attachments: attachments::of(&version, letter, link.as_deref(), date),
        uncertain: row.uncertain,
        list: list(letter.kind).map(|list| in_list(list, row)).unwrap_or_default(),
    })
}

/// The list to which letters of a kind belong that comes again and again, and can be sorted by it: not
/// what is written once about one thing.
fn list(kind: LetterKind) -> Option<&'static str> {
    match kind {
        LetterKind::Reminder | LetterKind::Escalation | LetterKind::DecisionDue => {
            Some("reminders")
        }
        LetterKind::Assignment
        | LetterKind::Returned
        | LetterKind::Measure
        | LetterKind::MeasureWithdrawn
        | LetterKind::CalledOff
        | LetterKind::Extension
        | LetterKind::ExtensionRequest
        | LetterKind::Recommendation
        | LetterKind::Receipt
        | LetterKind::Link
        | LetterKind::Closed
        | LetterKind::Review
        | LetterKind::Drafts
        | LetterKind::Question
        | LetterKind::Failure => None,
    }
}

/// The list's name among those of all municipalities.
pub(crate) fn in_list(list: &str, row: &outbox::Model) -> String {
    format!("{list}.{}", row.municipality)
}

/// The road map that a letter's run keeps, with the registry of today.
pub(crate) fn version(runtime: &Runtime, row: &outbox::Model) -> Result<Arc<Version>, String> {
    let version = runtime.road_maps().current(&row.municipality, row.road_map as u32);
    version.ok_or_else(|| "версия дорожной карты не найдена".to_owned())
}

/// Where an organisation's letters go.
pub(crate) fn addresses(version: &Version, code: &str) -> Result<Vec<Address>, String> {
    let organisation = version.road_map.organisation(code);
    let organisation = organisation.ok_or_else(|| format!("организации «{code}» нет в реестре"))?;
    let addressees = organisation.addressees();
    if addressees.is_empty() {
        return Err(format!("у «{}» нет адреса", organisation.short));
    }
    Ok(addressees.into_iter().map(|(name, email)| Address::new(name, email)).collect())
}

/// The person whom answers reach.
pub(crate) fn reply_to(version: &Version) -> Option<Address> {
    let contact = &version.road_map.municipality.contact;
    (!contact.email.is_empty()).then(|| Address::new(&contact.name, &contact.email))
}

/// The letter's date: the same for every try.
pub(crate) fn date(row: &outbox::Model) -> Timestamp {
    instant(row.next_attempt_at.min(row.created_at.max(0)))
}

/// The participant's link, if the letter has one, and the department's page.
pub(crate) fn ways(runtime: &Runtime, letter: &Letter) -> (Option<String>, String) {
    let link = letter.assignment.as_ref().map(|assignment| {
        let token =
            runtime.store().secret().token(&format!("{}/{assignment}", letter.run), letter.link);
        format!("{}/a/{token}", runtime.public_url())
    });
    (link, format!("{}/runs/{}", runtime.public_url(), letter.run))
}

/// Subject, text and HTML of a letter.
///
/// # Errors
/// When a template fails although `check` accepted it, and the newest version's does, too.
pub fn render(
    runtime: &Runtime,
    version: &Version,
    letter: &Letter,
    link: Option<&str>,
    page: &str,
) -> Result<(String, String, String), String> {
    let context = context(version, letter, link, page);
    by_any(runtime, version, |v| &v.templates, letter.kind.as_str(), &Value::Object(context))
}

/// Renders by the version's own templates; where they fail, by those of the newest version: who has
/// corrected a text can send the letter again.
///
/// # Errors
/// What the version's own templates fail of.
pub(crate) fn by_any(
    runtime: &Runtime,
    version: &Version,
    templates: fn(&Version) -> &Environment<'static>,
    folder: &str,
    context: &Value,
) -> Result<(String, String, String), String> {
    // What `check` makes texts with is what they are given.
    debug_assert_eq!(unknown_to_samples(&format!("letters/{folder}"), context), [""; 0]);
    parts(templates(version), folder, context).or_else(|failed| {
        let newest = runtime.road_maps().newest(&version.road_map.municipality.id);
        let newest = newest.filter(|newest| newest.number != version.number);
        let instead = newest.and_then(|newest| parts(templates(&newest), folder, context).ok());
        instead.ok_or(failed)
    })
}

/// Subject, text and HTML by the templates of a folder.
fn parts(
    templates: &Environment<'_>,
    folder: &str,
    context: &Value,
) -> Result<(String, String, String), String> {
    let part = |part: &str| {
        let name = format!("letters/{folder}/{part}");
        let template = templates.get_template(&name);
        template
            .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(context))))
            .map_err(|e| placed_mistake(&e))
    };
    // A subject is one line, whatever the template does.
    let subject = part("subject.txt")?.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((subject, part("body.txt")?.trim().to_owned() + "\n", part("body.html")?))
}

/// What a letter's templates are given.
pub(crate) fn context(
    version: &Version,
    letter: &Letter,
    link: Option<&str>,
    page: &str,
) -> Map<String, Value> {
    let road_map = &version.road_map;
    let municipality = &road_map.municipality;
    let organisation = road_map.organisation(&letter.to);
    let activity = road_map.activity(&letter.run.activity);
    let mut context = letter.facts.clone();
    context.insert("municipality".into(), authority(road_map));
    context.insert("contact".into(), json!(municipality.contact));
    context.insert(
        "organisation".into(),
        json!({
            "name": organisation.map(|o| &o.name),
            "short": organisation.map(|o| &o.short),
            "greeting": organisation.and_then(|o| o.greeted()).unwrap_or_default(),
        }),
    );
    context.insert(
        "activity".into(),
        json!({
            "number": activity.map(|a| a.number),
            "title": activity.map(|a| &a.title),
            "short": activity.map(|a| &a.short),
        }),
    );
    context.insert("period".into(), letter.run.period.words().into());
    if let Some(link) = link {
        context.insert("link".into(), link.into());
    }
    if letter.kind != LetterKind::Assignment {
        context.insert("page".into(), page.into());
    }
    context
}
