//! From the registry to a table.

use jiff::ToSpan as _;
use vekha_plugin_tables::{TemplateError, list, list_csv};
use vekha_roadmap::model::{Contact, Organisation};

use super::{HEADINGS, day};

/// The registry as a workbook (XLSX), or as CSV.
///
/// # Errors
/// If something does not fit into a cell.
pub fn table(organisations: &[Organisation], csv: bool) -> Result<Vec<u8>, TemplateError> {
    let rows: Vec<Vec<String>> = organisations.iter().flat_map(rows).collect();
    if csv {
        list_csv(&HEADINGS.map(|(heading, _)| heading), &rows)
    } else {
        list("Организации", &HEADINGS, &rows)
    }
}

/// A row for each person; what is said of the organisation stands in the first one.
fn rows(o: &Organisation) -> Vec<Vec<String>> {
    let nobody = Contact::default();
    let people = if o.contacts.is_empty() { std::slice::from_ref(&nobody) } else { &o.contacts };
    let closed = o.until.map(|until| day(until.saturating_add(1.day()))).unwrap_or_default();
    let row = |(at, person): (usize, &Contact)| {
        let once = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
        let letters = match (person.letters, person.name.is_empty()) {
            (_, true) => "",
            (true, _) => "да",
            (false, _) => "нет",
        };
        vec![
            o.code.clone(),
            once(o.kind.words()),
            once(&o.name),
            once(&o.short),
            once(&o.email),
            person.name.clone(),
            person.role.clone(),
            person.duty.map(|duty| duty.words().to_owned()).unwrap_or_default(),
            person.email.clone(),
            person.phone.clone(),
            letters.to_owned(),
            once(&day(o.since)),
            once(&closed),
        ]
    };
    people.iter().enumerate().map(row).collect()
}
