//! From the registry to a table.

use jiff::ToSpan as _;
use jiff::civil::Date;
use vekha_plugin_tables::{ListCell, TemplateError, list, list_csv};
use vekha_roadmap::model::{Contact, Organisation};

use super::{HEADINGS, SEPARATOR};

/// The registry as a workbook (XLSX), or as CSV.
///
/// # Errors
/// If something does not fit into a cell.
pub fn table(organisations: &[Organisation], csv: bool) -> Result<Vec<u8>, TemplateError> {
    let rows: Vec<Vec<ListCell>> = organisations.iter().flat_map(rows).collect();
    if csv {
        list_csv(&HEADINGS.map(|(heading, _)| heading), &rows)
    } else {
        list("Организации", &HEADINGS, &rows)
    }
}

/// A row for each person; what is said of the organisation stands in the first one.
fn rows(o: &Organisation) -> Vec<Vec<ListCell>> {
    let nobody = Contact::default();
    let people = if o.contacts.is_empty() { std::slice::from_ref(&nobody) } else { &o.contacts };
    let closed = o.until.map(|until| until.saturating_add(1.day()));
    let row = |(at, person): (usize, &Contact)| {
        let once = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
        let letters = match (person.letters, person.name.is_empty()) {
            (_, true) => "",
            (true, _) => "да",
            (false, _) => "нет",
        };
        let day = |date: Option<Date>| {
            let date = date.filter(|_| at == 0);
            ListCell::Date(date.map(|date| (date.year(), date.month() as u8, date.day() as u8)))
        };
        let texts = [
            o.code.clone(),
            once(o.kind.words()),
            once(&o.name),
            once(&o.short),
            once(&o.email),
            person.name.clone(),
            person.greeting.clone(),
            person.role.clone(),
            person.duty.map(|duty| duty.words().to_owned()).unwrap_or_default(),
            person.email.clone(),
            person.phone.clone(),
            letters.to_owned(),
        ];
        texts
            .map(ListCell::Text)
            .into_iter()
            .chain([day(Some(o.since)), day(closed)])
            .chain(
                [&o.logins, &o.other_names].map(|all| ListCell::Text(once(&all.join(SEPARATOR)))),
            )
            .collect()
    };
    people.iter().enumerate().map(row).collect()
}
