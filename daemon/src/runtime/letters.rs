//! From a letter's facts to the message that people read.

use serde_json::{Value, json};
use vekha_engine::{Letter, LetterKind};
use vekha_plugin::{Address, Message};

use super::Runtime;
use super::road_maps::Version;
use crate::message_id;
use crate::store::entities::outbox;
use crate::store::instant;

/// Renders a letter of the outbox with the templates of its run's own road-map version.
///
/// # Errors
/// What makes the letter undeliverable, for people.
pub fn message(runtime: &Runtime, row: &outbox::Model, letter: &Letter) -> Result<Message, String> {
    let version = runtime
        .road_maps()
        .version(&row.municipality, row.road_map as u32)
        .ok_or("версия дорожной карты не найдена")?;
    let organisation = version
        .road_map
        .organisation(&letter.to)
        .ok_or_else(|| format!("организации «{}» нет в реестре", letter.to))?;
    let addressees = organisation.addressees();
    if addressees.is_empty() {
        return Err(format!("у «{}» нет адреса", organisation.short));
    }
    let contact = &version.road_map.municipality.contact;
    let link = letter.assignment.as_ref().map(|assignment| {
        let token = runtime.store().secret().token(&format!("{}/{assignment}", letter.run));
        format!("{}/a/{token}", runtime.public_url())
    });
    let page = format!("{}/runs/{}", runtime.public_url(), letter.run);
    let (subject, text, html) = render(&version, letter, link.as_deref(), &page)?;
    Ok(Message {
        key: letter.key.clone(),
        message_id: row.message_id.clone(),
        to: addressees.into_iter().map(|(name, email)| Address::new(name, email)).collect(),
        reply_to: (!contact.email.is_empty()).then(|| Address::new(&contact.name, &contact.email)),
        subject,
        text,
        html: Some(html),
        references: letter
            .thread
            .iter()
            .map(|first| message_id::of(first, &row.municipality))
            .collect(),
        date: instant(row.next_attempt_at.min(row.created_at.max(0))).as_millisecond(),
        attachments: vec![],
        uncertain: row.uncertain,
    })
}

/// Subject, text and HTML of a letter.
///
/// # Errors
/// When a template fails although `check` accepted it.
pub fn render(
    version: &Version,
    letter: &Letter,
    link: Option<&str>,
    page: &str,
) -> Result<(String, String, String), String> {
    let context = context(version, letter, link, page);
    let part = |part: &str| {
        let name = format!("letters/{}/{part}", letter.kind.as_str());
        let template = version.templates.get_template(&name);
        template
            .and_then(|t| t.render(minijinja::Value::from(minijinja::value::Serde(&context))))
            .map_err(|e| format!("{name}: {e}"))
    };
    // A subject is one line, whatever the template does.
    let subject = part("subject.txt")?.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((subject, part("body.txt")?.trim().to_owned() + "\n", part("body.html")?))
}

fn context(version: &Version, letter: &Letter, link: Option<&str>, page: &str) -> Value {
    let road_map = &version.road_map;
    let municipality = &road_map.municipality;
    let organisation = road_map.organisation(&letter.to);
    let activity = road_map.activity(&letter.run.activity);
    let mut context = letter.facts.clone();
    context.insert(
        "municipality".into(),
        json!({
            "name": municipality.name,
            "authority": municipality.authority,
            "adopted_by": municipality.adopted_by,
        }),
    );
    context.insert("contact".into(), json!(municipality.contact));
    context.insert(
        "organisation".into(),
        json!({
            "name": organisation.map(|o| &o.name),
            "short": organisation.map(|o| &o.short),
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
    Value::Object(context)
}
