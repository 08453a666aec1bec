//! The registry of organisations and their people.

use email_address::EmailAddress;
use jiff::civil::date;

use super::table::{Table, id, words_of};
use crate::model::{Contact, Duty, Organisation, OrganisationKind};

/// Whether a text is an address in the form that mail systems take.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    // A domain in Cyrillic has an ASCII form, which letters carry; a name before it has none that
    // every server takes.
    let Ok(domain) = idna::domain_to_ascii_strict(domain) else { return false };
    let whole = domain.contains('.') && local.len() + 1 + domain.len() <= 254;
    let quoted = |c: char| matches!(c, '"' | '(' | ')' | '\\');
    whole
        && local.is_ascii()
        && !local.contains(quoted)
        && EmailAddress::is_valid_local_part(local)
        && EmailAddress::is_valid_domain(&domain)
}

/// An address, or empty.
pub(super) fn address(table: &Table<'_>, key: &'static str) -> String {
    let text = table.optional(key);
    if !text.is_empty() && !is_address(&text) {
        table.error(key, format!("«{text}» — не адрес почты"), None);
    }
    text
}

/// The organisations in the order of the file.
pub(super) fn read(table: &Table<'_>) -> Vec<Organisation> {
    let mut organisations: Vec<Organisation> = Vec::new();
    for o in table.tables("organisation") {
        if let Some(organisation) = organisation(&o) {
            let code = &organisation.code;
            if organisations.iter().any(|known| known.code == *code) {
                o.error("code", format!("организация «{code}» уже есть"), None);
            } else {
                let place = if o.has("email") { o.at("email") } else { o.here() };
                o.findings().keep(format!("organisations/{code}"), place);
                organisations.push(organisation);
            }
        }
        o.finish();
    }
    table.finish();
    organisations
}

fn organisation(o: &Table<'_>) -> Option<Organisation> {
    let code = o.parsed("code", id);
    let kind = o.word("kind", &words_of(OrganisationKind::ALL), None);
    let name = o.text("name");
    let short = o.text_or("short", name.as_deref());
    let logins = o.placed_texts("logins");
    let other_names = o.texts("other-names");
    let email = address(o, "email");
    let contacts = contacts(o);
    let since =
        if o.has("since") { o.date("since") } else { o.date("since").or(Some(date(2000, 1, 1))) };
    let until = o.date("until");
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        o.error("until", "закрыта раньше, чем открыта", None);
    }
    if let Some(code) = &code {
        for (at, (place, login)) in logins.iter().enumerate() {
            if login.trim().is_empty() {
                o.findings().error(place, "пустой логин", None);
            }
            o.findings().keep(format!("organisations/{code}/logins/{at}"), place.clone());
        }
    }
    Some(Organisation {
        code: code?,
        kind: kind?,
        name: name?,
        short: short?,
        logins: logins.into_iter().map(|(_, login)| login).collect(),
        other_names,
        email,
        contacts,
        since: since?,
        until,
    })
}

/// One person in a single table, or several in an array of tables.
fn contacts(o: &Table<'_>) -> Vec<Contact> {
    let tables = if o.is_list("contact") {
        o.tables("contact")
    } else {
        o.table("contact").into_iter().collect()
    };
    let mut contacts: Vec<Contact> = Vec::new();
    for table in tables {
        let Some(contact) = contact(&table) else { continue };
        if contacts.iter().any(|known| known.name == contact.name) {
            table.error("name", format!("«{}» здесь уже есть", contact.name), None);
        }
        contacts.push(contact);
    }
    contacts
}

fn contact(table: &Table<'_>) -> Option<Contact> {
    let name = table.text("name");
    let greeting = table.optional("greeting");
    let role = table.optional("role");
    let duty = table.word_if("duty", &words_of(Duty::ALL));
    let email = address(table, "email");
    let phone = table.optional("phone");
    let letters = table.flag("letters", false);
    if letters && email.is_empty() {
        let help = Some("добавьте email = \"…\"".to_owned());
        table.error("letters", "писать некуда: у контактного лица нет адреса", help);
    }
    table.finish();
    Some(Contact { name: name?, greeting, role, duty, email, phone, letters })
}
