//! The municipality and its calendar.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::organisations::address;
use super::table::{Table, id, time};
use crate::calendar::{Calendar, CalendarYear};
use crate::model::{Contact, Municipality, Section};

/// Fewer people than this are not told to everybody, where the road map does not say otherwise.
const SMALL_NUMBERS: i64 = 5;

pub(super) fn read(table: &Table<'_>) -> Municipality {
    let findings = table.findings();
    let municipality_id = table.parsed("id", id);
    let name = table.text("name");
    let authority = table.text("authority");
    let authority_genitive = table.optional("authority-genitive");
    let place = table.optional("place");
    let signatory = table.optional("signatory");
    let issuers = super::issuers::read(table, &place);
    let adopted_by = table.optional("adopted-by");
    let time_zone = table.parsed("time-zone", |text| {
        TimeZone::get(text)
            .map_err(|_| format!("«{text}»: нет такого пояса; нужен, например, Asia/Yekaterinburg"))
    });
    let begins = table.date("begins");
    let hours = table.parsed("working-hours", |text| {
        let (from, to) = text
            .split_once('-')
            .ok_or_else(|| format!("«{text}»: нужны часы, например 09:00-18:00"))?;
        let (from, to) = (time(from.trim())?, time(to.trim())?);
        if from < to {
            Ok((from, to))
        } else {
            Err("день кончается раньше, чем начался".into())
        }
    });
    let contact = table.table("contact").and_then(contact);
    if !table.has("contact") {
        table.error("contact", "не хватает ключа «contact»", None);
    }
    let mut parties = BTreeMap::new();
    if let Some(table) = table.table("parties") {
        for (key, _, title) in table.pairs() {
            parties.insert(key, title);
        }
    }
    let mut sections = Vec::new();
    for section in table.tables("section") {
        let id = section.parsed("id", id);
        let title = section.text("title");
        let goal = section.optional("goal");
        if let (Some(id), Some(title)) = (id, title) {
            if sections.iter().any(|s: &Section| s.id == id) {
                section.error("id", format!("раздел «{id}» уже есть"), None);
            }
            sections.push(Section { id, title, goal });
        }
        section.finish();
    }
    let small_numbers = table.whole("small-numbers", 2..=100).unwrap_or(SMALL_NUMBERS) as u32;
    for key in ["id", "time-zone", "section"] {
        findings.keep(format!("municipality/{key}"), table.at(key));
    }
    table.finish();
    let (opens, closes) = hours.unwrap_or((Time::midnight(), Time::MAX));
    Municipality {
        id: municipality_id.unwrap_or_default(),
        name: name.unwrap_or_default(),
        authority: authority.unwrap_or_default(),
        authority_genitive,
        place,
        signatory,
        issuers,
        adopted_by,
        small_numbers,
        time_zone: time_zone.unwrap_or(TimeZone::UTC),
        begins,
        opens,
        closes,
        contact: contact.unwrap_or_default(),
        sections,
        parties,
    }
}

fn contact(table: Table<'_>) -> Option<Contact> {
    let name = table.text("name");
    let greeting = table.optional("greeting");
    let role = table.optional("role");
    let email = address(&table, "email");
    let phone = table.optional("phone");
    table.finish();
    Some(Contact { name: name?, greeting, role, email, phone, ..Contact::default() })
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn calendar(table: &Table<'_>) -> Calendar {
    let mut weekend = Vec::new();
    for (place, text) in table.placed_texts("weekend") {
        match WEEKDAYS.iter().find(|(name, _)| *name == text) {
            Some((_, day)) => weekend.push(*day),
            None => {
                let help = crate::diagnostic::perhaps(&text, WEEKDAYS.iter().map(|(n, _)| n));
                table.findings().error(&place, format!("«{text}» — не день недели"), help);
            }
        }
    }
    if !table.has("weekend") {
        weekend = vec![Weekday::Saturday, Weekday::Sunday];
    }
    if weekend.len() >= 7 {
        table.error("weekend", "рабочих дней не осталось", None);
    }
    let mut years = BTreeMap::new();
    for year_table in table.tables("year") {
        let year = year_table.whole("year", 1900..=2200).map(|year| year as i16);
        let source = year_table.optional("source");
        let confirmed = year_table.flag("confirmed", true);
        if let Some(year) = year {
            table.findings().keep(format!("calendar/{year}"), year_table.at("confirmed"));
        }
        let days = |key: &'static str, on_weekend: bool, message: &str| {
            let mut days = BTreeSet::new();
            for (place, day) in year_table.dates(key) {
                if year.is_some_and(|year| day.year() != year) {
                    table.findings().error(&place, format!("{day} — другого года"), None);
                } else if weekend.contains(&day.weekday()) != on_weekend {
                    table.findings().error(&place, format!("{day} {message}"), None);
                }
                days.insert(day);
            }
            days
        };
        let days_off = days("days-off", false, "и так выходной: в days-off стоят только будни");
        let workdays = days("workdays", true, "и так будний: в workdays стоят только выходные");
        if let Some(year) = year
            && years.insert(year, CalendarYear { source, confirmed, days_off, workdays }).is_some()
        {
            year_table.error("year", format!("{year} год уже есть"), None);
        }
        year_table.finish();
    }
    table.finish();
    Calendar { weekend, years }
}
