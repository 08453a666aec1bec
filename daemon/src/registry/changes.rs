//! What a table would change in the registry, for people to look at first.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use vekha_roadmap::model::{Contact, Organisation};

use super::{Column, SEPARATOR, day, key};

/// What a table would change.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Changes {
    /// Organisations that are new.
    pub added: Vec<Changed>,
    /// Organisations of which something changes.
    pub changed: Vec<Changed>,
    /// Organisations that are closed.
    pub closed: Vec<Closed>,
    /// New ones that may be known ones under another code.
    pub suspicious: Vec<Suspicion>,
    /// How many stay as they are.
    pub unchanged: usize,
    /// Codes that the table does not speak of; they stay as they are.
    pub absent: Vec<String>,
}

/// An organisation and what changes of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its code.
    pub code: String,
    /// What it is called in tables.
    pub short: String,
    /// Field by field.
    pub fields: Vec<FieldChange>,
}

/// A field that changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The heading of its column.
    pub field: &'static str,
    /// The person whose it is; empty if it is the organisation's.
    pub person: String,
    /// What stood there.
    pub was: String,
    /// What will stand there.
    pub becomes: String,
}

/// An organisation that is closed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Its code.
    pub code: String,
    /// What it is called in tables.
    pub short: String,
    /// The first day without it, as tables show it.
    pub from: String,
}

/// A new organisation that is strangely like a known one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Suspicion {
    /// The new code.
    pub code: String,
    /// The known one.
    pub known: String,
    /// Headings of what is the same.
    pub same: Vec<&'static str>,
}

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.closed.is_empty()
    }
}

/// What it means to put these organisations into the registry.
pub fn changes(registry: &[Organisation], wanted: &[Organisation]) -> Changes {
    let mut all = Changes::default();
    for organisation in wanted {
        let Some(known) = registry.iter().find(|o| o.code == organisation.code) else {
            all.suspicious.extend(registry.iter().filter_map(|o| suspicion(organisation, o)));
            let nothing = Organisation {
                name: String::new(),
                short: String::new(),
                logins: vec![],
                other_names: vec![],
                email: String::new(),
                contacts: vec![],
                until: None,
                ..organisation.clone()
            };
            let mut fields = fields(&nothing, organisation);
            fields.insert(0, field(Column::Kind, "", "", organisation.kind.words()));
            fields.push(field(Column::Since, "", "", &day(organisation.since)));
            all.added.push(changed(organisation, fields));
            continue;
        };
        let mut fields = fields(known, organisation);
        if let (None, Some(until)) = (known.until, organisation.until) {
            fields.retain(|change| change.field != Column::Closed.heading());
            all.closed.push(Closed {
                code: organisation.code.clone(),
                short: organisation.short.clone(),
                from: day(until.saturating_add(1.day())),
            });
            if fields.is_empty() {
                continue;
            }
        }
        if fields.is_empty() {
            all.unchanged += 1;
        } else {
            all.changed.push(changed(organisation, fields));
        }
    }
    let told = |o: &&Organisation| !wanted.iter().any(|w| w.code == o.code);
    all.absent = registry.iter().filter(told).map(|o| o.code.clone()).collect();
    all
}

fn changed(o: &Organisation, fields: Vec<FieldChange>) -> Changed {
    Changed { code: o.code.clone(), short: o.short.clone(), fields }
}

/// Codes do not change: what looks like a known organisation under another code may be one.
fn suspicion(new: &Organisation, known: &Organisation) -> Option<Suspicion> {
    let pairs = [
        (Column::Name, &new.name, &known.name),
        (Column::Short, &new.short, &known.short),
        (Column::Email, &new.email, &known.email),
    ];
    let same: Vec<&'static str> = pairs
        .into_iter()
        .filter(|(_, a, b)| !a.is_empty() && key(a) == key(b))
        .map(|(column, ..)| column.heading())
        .collect();
    let (code, known) = (new.code.clone(), known.code.clone());
    (!same.is_empty()).then_some(Suspicion { code, known, same })
}

fn field(column: Column, person: &str, was: &str, becomes: &str) -> FieldChange {
    FieldChange {
        field: column.heading(),
        person: person.to_owned(),
        was: was.to_owned(),
        becomes: becomes.to_owned(),
    }
}

fn fields(was: &Organisation, becomes: &Organisation) -> Vec<FieldChange> {
    let closed = |until: Option<Date>| {
        until.map(|until| day(until.saturating_add(1.day()))).unwrap_or_default()
    };
    let pair = |of: fn(&Organisation) -> String| (of(was), of(becomes));
    let mut all = differing(
        "",
        [
            (Column::Kind, pair(|o| o.kind.words().to_owned())),
            (Column::Name, pair(|o| o.name.clone())),
            (Column::Short, pair(|o| o.short.clone())),
            (Column::Email, pair(|o| o.email.clone())),
            (Column::Since, pair(|o| day(o.since))),
            (Column::Closed, (closed(was.until), closed(becomes.until))),
            (Column::Logins, pair(|o| o.logins.join(SEPARATOR))),
            (Column::OtherNames, pair(|o| o.other_names.join(SEPARATOR))),
        ],
    );
    for gone in was.contacts.iter().filter(|c| !named(&becomes.contacts, &c.name)) {
        all.push(field(Column::Person, "", &gone.name, ""));
    }
    for person in &becomes.contacts {
        let known = was.contacts.iter().find(|c| c.name == person.name);
        if known.is_none() {
            all.push(field(Column::Person, "", "", &person.name));
        }
        all.extend(people(known.unwrap_or(&Contact::default()), person));
    }
    let order = |o: &Organisation, other: &Organisation| -> Vec<String> {
        let both = o.contacts.iter().filter(|c| named(&other.contacts, &c.name));
        both.map(|c| c.name.clone()).collect()
    };
    let (was_order, order) = (order(was, becomes), order(becomes, was));
    if was_order != order {
        all.push(field(Column::Person, "", &was_order.join(", "), &order.join(", ")));
    }
    all
}

fn named(contacts: &[Contact], name: &str) -> bool {
    contacts.iter().any(|c| c.name == name)
}

fn people(was: &Contact, becomes: &Contact) -> Vec<FieldChange> {
    let pair = |of: fn(&Contact) -> String| (of(was), of(becomes));
    differing(
        &becomes.name,
        [
            (Column::Greeting, pair(|c| c.greeting.clone())),
            (Column::Role, pair(|c| c.role.clone())),
            (Column::Duty, pair(|c| c.duty.map_or("", |duty| duty.words()).to_owned())),
            (Column::PersonEmail, pair(|c| c.email.clone())),
            (Column::Phone, pair(|c| c.phone.clone())),
            (Column::Letters, pair(|c| if c.letters { "да" } else { "нет" }.to_owned())),
        ],
    )
}

fn differing<const N: usize>(
    person: &str,
    pairs: [(Column, (String, String)); N],
) -> Vec<FieldChange> {
    let differ = pairs.into_iter().filter(|(_, (was, becomes))| was != becomes);
    differ.map(|(column, (was, becomes))| field(column, person, &was, &becomes)).collect()
}
