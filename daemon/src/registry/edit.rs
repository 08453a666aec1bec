//! The text of `organisations.toml` with just that changed which is to change: comments, order and
//! the way things are written stay.

use jiff::civil::Date;
use toml_edit::{ArrayOfTables, Datetime, DocumentMut, InlineTable, Item, Table, TableLike, Value};
use vekha_roadmap::model::{Contact, Organisation};

/// The registry's text with these organisations as they are wanted. `registry` is what the text
/// says now; whom it does not name is added at the end, and nobody is taken out.
///
/// # Errors
/// When the text is written in a way that cannot be edited piece by piece, in Russian.
pub fn rewrite(
    text: &str,
    registry: &[Organisation],
    wanted: &[Organisation],
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e| format!("это не TOML: {e}"))?;
    let tables = document
        .entry("organisation")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()
        .ok_or("организации записаны списком в строку: запишите каждую как [[organisation]]")?;
    for organisation in wanted {
        match registry.iter().find(|o| o.code == organisation.code) {
            Some(known) if known == organisation => {}
            Some(known) => {
                let own = |table: &&mut Table| {
                    table.get("code").and_then(Item::as_str) == Some(organisation.code.as_str())
                };
                let table = tables.iter_mut().find(own);
                let table = table.ok_or_else(|| format!("нет «{}»", organisation.code))?;
                change(table, known, organisation);
            }
            None => tables.push(new(organisation)),
        }
    }
    Ok(document.to_string())
}

fn change(table: &mut Table, was: &Organisation, becomes: &Organisation) {
    if was.kind != becomes.kind {
        set(table, "kind", Some(becomes.kind.as_str().into()));
    }
    if was.name != becomes.name {
        set(table, "name", Some(becomes.name.as_str().into()));
    }
    // Without a short name it is the name that stands for it: one that is to stay is written.
    if was.short != becomes.short || was.name != becomes.name && !table.contains_key("short") {
        set(table, "short", Some(becomes.short.as_str().into()));
    }
    if was.logins != becomes.logins {
        set(table, "logins", list(&becomes.logins));
    }
    if was.other_names != becomes.other_names {
        set(table, "other-names", list(&becomes.other_names));
    }
    if was.email != becomes.email {
        set(table, "email", text(&becomes.email));
    }
    if was.since != becomes.since {
        set(table, "since", Some(day(becomes.since)));
    }
    if was.until != becomes.until {
        set(table, "until", becomes.until.map(day));
    }
    if was.contacts != becomes.contacts {
        people(table, &becomes.contacts);
    }
}

fn new(o: &Organisation) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    set(&mut table, "code", Some(o.code.as_str().into()));
    set(&mut table, "kind", Some(o.kind.as_str().into()));
    set(&mut table, "name", Some(o.name.as_str().into()));
    set(&mut table, "short", text(&o.short).filter(|_| o.short != o.name));
    set(&mut table, "logins", list(&o.logins));
    set(&mut table, "other-names", list(&o.other_names));
    set(&mut table, "email", text(&o.email));
    set(&mut table, "since", Some(day(o.since)));
    set(&mut table, "until", o.until.map(day));
    people(&mut table, &o.contacts);
    table
}

/// Puts people in place of those who stood there. Who stays keeps the table and its comments; one
/// person in one line stays in one line.
fn people(table: &mut Table, contacts: &[Contact]) {
    if let ([only], Some(line)) = (contacts, table.get_mut("contact").and_then(inline)) {
        return person(line, only);
    }
    let old = table.remove("contact");
    if contacts.is_empty() {
        return;
    }
    let known = |contact: &Contact| -> Option<Table> {
        let named = |t: &&Table| t.get("name").and_then(Item::as_str) == Some(&contact.name);
        match old.as_ref()? {
            Item::ArrayOfTables(tables) => tables.iter().find(named).cloned(),
            Item::Table(table) => Some(table).filter(named).cloned(),
            _ => None,
        }
    };
    let mut tables = ArrayOfTables::new();
    for contact in contacts {
        let mut table = known(contact).unwrap_or_else(|| {
            let mut table = Table::new();
            table.decor_mut().set_prefix("\n");
            table
        });
        // They stand in their new order, whatever it was.
        table.set_position(None);
        person(&mut table, contact);
        tables.push(table);
    }
    table.insert("contact", Item::ArrayOfTables(tables));
}

fn inline(item: &mut Item) -> Option<&mut InlineTable> {
    item.as_value_mut().and_then(Value::as_inline_table_mut)
}

fn person(table: &mut dyn TableLike, contact: &Contact) {
    set(table, "name", Some(contact.name.as_str().into()));
    set(table, "greeting", text(&contact.greeting));
    set(table, "role", text(&contact.role));
    set(table, "duty", contact.duty.map(|duty| duty.as_str().into()));
    set(table, "email", text(&contact.email));
    set(table, "phone", text(&contact.phone));
    set(table, "letters", contact.letters.then(|| true.into()));
}

/// Sets a value and leaves what is written around it; one that stays is not touched at all.
fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) if old.as_str().is_some() && old.as_str() == value.as_str() => {}
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// A text, unless it is empty.
fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

/// A list of texts, unless there are none.
fn list(texts: &[String]) -> Option<Value> {
    (!texts.is_empty()).then(|| texts.iter().map(String::as_str).collect())
}

fn day(date: Date) -> Value {
    let (year, month, day) = (date.year().unsigned_abs(), date.month(), date.day());
    let date = toml_edit::Date { year, month: month.unsigned_abs(), day: day.unsigned_abs() };
    Datetime { date: Some(date), time: None, offset: None }.into()
}
