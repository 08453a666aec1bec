//! From the rows of a table to the registry as the table wants it.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use vekha_plugin_tables::{CellError, List, typed_serial};
use vekha_roadmap::model::{Contact, Duty, Organisation, OrganisationKind};
use vekha_roadmap::read::{id, is_address};

use super::{Column, key};

/// The organisations that a table speaks of as they would be, in the order of their first rows.
///
/// # Errors
/// All mistakes of the table at once, each at its cell.
pub fn organisations(
    list: &List,
    registry: &[Organisation],
) -> Result<Vec<Organisation>, Vec<CellError>> {
    let mut reading = Reading { list, mistakes: list.mistakes.clone() };
    let mut order: Vec<String> = Vec::new();
    let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..list.len() {
        if let Some(code) = reading.code(row) {
            if !rows.contains_key(&code) {
                order.push(code.clone());
            }
            rows.entry(code).or_default().push(row);
        }
    }
    let mut all = Vec::new();
    for code in order {
        let known = registry.iter().find(|o| o.code == code);
        all.extend(reading.organisation(&code, &rows[&code], known));
    }
    if list.is_empty() && reading.mistakes.is_empty() {
        reading.mistakes.push(about_file("В таблице нет ни одной строки."));
    }
    let mut mistakes = reading.mistakes;
    mistakes.sort_by_key(|m| m.place.as_ref().map(|p| (p.row, p.column.len(), p.column.clone())));
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

fn about_file(message: &str) -> CellError {
    CellError { path: String::new(), place: None, message: message.to_owned() }
}

struct Reading<'l> {
    list: &'l List,
    mistakes: Vec<CellError>,
}

impl Reading<'_> {
    fn mistake(&mut self, row: usize, column: Column, message: impl Into<String>) {
        let place = self.list.place(row, column as usize);
        let message = message.into();
        self.mistakes.push(CellError { path: String::new(), place: Some(place), message });
    }

    fn text(&self, row: usize, column: Column) -> &str {
        self.list.text(row, column as usize)
    }

    fn has(&self, column: Column) -> bool {
        self.list.has(column as usize)
    }

    fn code(&mut self, row: usize) -> Option<String> {
        let text = self.text(row, Column::Code).to_owned();
        let read = match text.as_str() {
            "" => Err("не хватает кода организации".to_owned()),
            text => id(text),
        };
        read.map_err(|message| self.mistake(row, Column::Code, message)).ok()
    }

    /// What the rows of an organisation say in a column, and in which row: one thing, or nothing.
    fn said(&mut self, rows: &[usize], column: Column) -> Option<(usize, String)> {
        let mut said: Option<(usize, String)> = None;
        for row in rows {
            let text = self.text(*row, column).to_owned();
            match &said {
                _ if text.is_empty() => {}
                None => said = Some((*row, text)),
                Some((first, known)) if *known != text => {
                    let first = self.list.place(*first, column as usize).row;
                    let message = format!("в строке {first} у этой организации другое: «{known}»");
                    self.mistake(*row, column, message);
                }
                Some(_) => {}
            }
        }
        said
    }

    /// The same, read into something.
    fn read<T>(
        &mut self,
        rows: &[usize],
        column: Column,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (row, text) = self.said(rows, column)?;
        read(&text).map_err(|message| self.mistake(row, column, message)).ok()
    }

    fn organisation(
        &mut self,
        code: &str,
        rows: &[usize],
        known: Option<&Organisation>,
    ) -> Option<Organisation> {
        let wrong = self.mistakes.len();
        let kind = self.read(rows, Column::Kind, kind);
        let name = self.said(rows, Column::Name).map(|(_, text)| text);
        let short = self.said(rows, Column::Short).map(|(_, text)| text);
        let email = self.read(rows, Column::Email, address);
        let since = self.read(rows, Column::Since, date);
        let closed = self.said(rows, Column::Closed);
        let until = self.read(rows, Column::Closed, date).map(|day| day.saturating_sub(1.day()));
        let logins = self.several(rows, Column::Logins, known.map_or(&[], |o| &o.logins));
        let other_names =
            self.several(rows, Column::OtherNames, known.map_or(&[], |o| &o.other_names));
        let contacts = self.contacts(rows, known.map_or(&[], |o| &o.contacts));
        let readable = self.mistakes.len() == wrong;
        if known.is_none() && readable {
            for (column, missing) in [
                (Column::Kind, kind.is_none()),
                (Column::Name, name.is_none()),
                (Column::Since, since.is_none()),
            ] {
                if missing {
                    let heading = column.heading();
                    let message = format!("организация «{code}» новая: заполните «{heading}»");
                    let at = if self.has(column) { column } else { Column::Code };
                    self.mistake(rows[0], at, message);
                }
            }
        }
        let name = name.or_else(|| known.map(|o| o.name.clone()))?;
        let organisation = Organisation {
            code: code.to_owned(),
            kind: kind.or(known.map(|o| o.kind))?,
            short: short.or(known.map(|o| o.short.clone())).unwrap_or_else(|| name.clone()),
            name,
            logins,
            other_names,
            email: if self.has(Column::Email) {
                email.unwrap_or_default()
            } else {
                known.map(|o| o.email.clone()).unwrap_or_default()
            },
            contacts,
            since: since.or(known.map(|o| o.since))?,
            until: if self.has(Column::Closed) { until } else { known.and_then(|o| o.until) },
        };
        if let (Some(until), Some((row, _))) = (organisation.until, closed)
            && until < organisation.since
        {
            self.mistake(row, Column::Closed, "закрыта раньше, чем открыта");
        }
        Some(organisation)
    }

    /// Several texts of one cell; what is known if the table does not speak of them.
    fn several(&mut self, rows: &[usize], column: Column, known: &[String]) -> Vec<String> {
        if !self.has(column) {
            return known.to_vec();
        }
        let said = self.said(rows, column).map(|(_, text)| text).unwrap_or_default();
        // Logins hold no spaces and commas, and people put them between two.
        let apart = |c: char| c == '\n' || column == Column::Logins && matches!(c, ';' | ',' | ' ');
        let parts = said.split(apart).map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn contacts(&mut self, rows: &[usize], known: &[Contact]) -> Vec<Contact> {
        if !self.has(Column::Person) {
            return known.to_vec();
        }
        let mut contacts: Vec<Contact> = Vec::new();
        for row in rows {
            let name = self.text(*row, Column::Person).to_owned();
            if name.is_empty() {
                self.nobody(*row);
                continue;
            }
            if contacts.iter().any(|c| c.name == name) {
                self.mistake(*row, Column::Person, format!("«{name}» у этой организации уже есть"));
            }
            let known = known.iter().find(|c| c.name == name).cloned().unwrap_or_default();
            contacts.push(self.contact(*row, name, known));
        }
        contacts
    }

    /// Says of a row without a person that nothing can be told of nobody.
    fn nobody(&mut self, row: usize) {
        let told =
            [Column::Greeting, Column::Role, Column::Duty, Column::PersonEmail, Column::Phone];
        if let Some(column) = told.into_iter().find(|column| !self.text(row, *column).is_empty()) {
            let heading = column.heading();
            let message = format!("«{heading}» есть, а имени нет: чьё это?");
            self.mistake(row, Column::Person, message);
        }
    }

    fn contact(&mut self, row: usize, name: String, known: Contact) -> Contact {
        let mut contact = Contact { name, ..known };
        let one = [row];
        if self.has(Column::Greeting) {
            contact.greeting = self.text(row, Column::Greeting).to_owned();
        }
        if self.has(Column::Role) {
            contact.role = self.text(row, Column::Role).to_owned();
        }
        if self.has(Column::Duty) {
            contact.duty = self.read(&one, Column::Duty, duty);
        }
        if self.has(Column::PersonEmail) {
            contact.email = self.read(&one, Column::PersonEmail, address).unwrap_or_default();
        }
        if self.has(Column::Phone) {
            contact.phone = self.text(row, Column::Phone).to_owned();
        }
        if self.has(Column::Letters) {
            contact.letters = self.read(&one, Column::Letters, yes).unwrap_or_default();
            let unwritten = self.text(row, Column::PersonEmail).is_empty();
            if contact.letters && contact.email.is_empty() && unwritten {
                let message = "писать некуда: у контактного лица нет почты";
                self.mistake(row, Column::Letters, message);
            }
        }
        contact
    }
}

/// What an organisation is, as people call it.
///
/// # Errors
/// What it may be.
pub fn kind(text: &str) -> Result<OrganisationKind, String> {
    use OrganisationKind::{Association, Department, Kindergarten, School};
    Ok(match key(text).as_str() {
        "школа" | "оо" | "общеобразовательная организация" | "school" => {
            School
        }
        "детский сад" | "доо" | "доу" | "дошкольная организация" | "kindergarten" => {
            Kindergarten
        }
        "методическое объединение" | "ммо" | "рмо" | "association" => {
            Association
        }
        "отдел образования" | "отдел" | "department" => Department,
        _ => {
            let words = OrganisationKind::ALL
                .iter()
                .map(|kind| kind.words())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(format!("«{text}»: нужно одно из: {words}"));
        }
    })
}

fn duty(text: &str) -> Result<Duty, String> {
    Ok(match key(text).as_str() {
        "руководитель" | "директор" | "заведующий" | "заведующая" | "director" => {
            Duty::Director
        }
        "заместитель" | "deputy" => Duty::Deputy,
        "координатор" | "coordinator" => Duty::Coordinator,
        "секретарь" | "secretary" => Duty::Secretary,
        _ => {
            let words = Duty::ALL.iter().map(|duty| duty.words()).collect::<Vec<_>>().join(", ");
            return Err(format!("«{text}»: нужно одно из: {words} — или ничего"));
        }
    })
}

fn yes(text: &str) -> Result<bool, String> {
    match key(text).as_str() {
        "да" | "yes" | "+" => Ok(true),
        "нет" | "no" | "-" | "—" => Ok(false),
        _ => Err(format!("«{text}»: нужно «да» или «нет»")),
    }
}

fn address(text: &str) -> Result<String, String> {
    if is_address(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("«{text}» — не адрес почты"))
    }
}

/// 1.9.2027, 01.09.2027 г. or 2027-09-01.
fn date(text: &str) -> Result<Date, String> {
    let plain = text.trim_end_matches(['г', '.', ' ']);
    let parts: Vec<&str> = plain.split('.').collect();
    let date = match parts.as_slice() {
        [day, month, year] if year.len() == 4 => {
            let parts = (year.parse().ok(), month.parse().ok(), day.parse().ok());
            match parts {
                (Some(year), Some(month), Some(day)) => Date::new(year, month, day).ok(),
                _ => None,
            }
        }
        [iso] if iso.len() == 10 => iso.parse().ok(),
        // A day that lost its format: spreadsheets count days.
        [serial] => serial.parse().ok().and_then(typed_serial).and_then(|(year, month, day)| {
            Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
        }),
        _ => None,
    };
    let date = date.filter(|date| (1900..=2200).contains(&date.year()));
    date.ok_or_else(|| format!("«{text}»: нужна дата вида 01.09.2027"))
}
