//! What a report brings with it of each organisation: a page of the rows that it answered, and the
//! same as a calendar. Everybody sees them: they have the columns that the road map names and no other.

use std::collections::BTreeMap;

use icalendar::{CalendarComponent, Component as _, Event};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use minijinja::Environment;
use minijinja::value::{Serde, Value as Shown};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vekha_engine::data::{RunData, Wanted};
use vekha_engine::{RunKey, follow};
use vekha_plugin::Document;
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{Values, display};
use vekha_roadmap::model::{Activity, AskedTable, Field, FieldKind, PageCalendar, Pages};
use vekha_roadmap::read::{placed_mistake, template_mistake, text_environment, unknown_to_samples};
use vekha_roadmap::russian;

use super::NotMade;
use super::reports::authority;
use crate::ics;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// What is published of an organisation.
#[derive(Debug)]
pub struct Page {
    /// Its short name.
    pub organisation: String,
    /// How many rows there are.
    pub rows: usize,
    /// Where its page is, seen from the report.
    pub page: String,
    /// Where its calendar is, seen from the report; none if there is none.
    pub calendar: Option<String>,
    /// The files, by their places within what the municipality publishes.
    pub files: Vec<Document>,
}

impl Page {
    /// As the report's template knows it.
    pub fn listed(&self) -> Value {
        json!({
            "organisation": self.organisation, "rows": self.rows, "page": self.page,
            "calendar": self.calendar,
        })
    }
}

/// The pages of all organisations that have answered, in the order of their codes.
///
/// # Errors
/// What makes it impossible, for people.
pub async fn pages(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    (wanted, edition): (&Pages, &str),
    now: Timestamp,
) -> Result<Vec<Page>, NotMade> {
    let answers = Wanted { answers: true, ..Wanted::default() };
    let own = BTreeMap::from([(key.clone(), answers)]);
    let mut data = runtime.store().data(&own, BTreeMap::new()).await?;
    follow(&version.road_map, key, &mut data);
    let data = data.remove(key).unwrap_or_default();
    Ok(Making::of(version, key, (wanted, edition), now)?.all(&data)?)
}

/// The table that was asked, and those of its columns that are shown.
///
/// # Errors
/// When there is no such table, for people.
pub fn columns<'a>(
    map: &'a RoadMap,
    activity: &Activity,
    asked: &AskedTable,
) -> Result<(&'a Field, Vec<&'a Field>), String> {
    let form = activity.collect(&asked.stage).and_then(|c| map.forms.get(&c.form));
    let field = form.and_then(|form| form.field(&asked.table));
    let Some((field, FieldKind::Table(table))) = field.map(|field| (field, &field.kind)) else {
        return Err(format!("таблицы «{}» в форме нет", asked.table));
    };
    let column = |id: &String| table.columns.iter().find(|column| column.id == *id);
    Ok((field, asked.columns.iter().filter_map(column).collect()))
}

/// What is the same for all organisations.
struct Making<'a> {
    version: &'a Version,
    key: &'a RunKey,
    activity: &'a Activity,
    wanted: &'a Pages,
    /// What tells the report from others of the run; may be empty.
    edition: &'a str,
    /// The heading of the table, and the columns that are shown.
    title: &'a str,
    columns: Vec<&'a Field>,
    /// The texts of calendars' entries, `title` and `about`, read once for all.
    texts: Environment<'static>,
    now: Timestamp,
}

impl<'a> Making<'a> {
    fn of(
        version: &'a Version,
        key: &'a RunKey,
        (wanted, edition): (&'a Pages, &'a str),
        now: Timestamp,
    ) -> Result<Self, String> {
        let map = &version.road_map;
        let activity = map.activity(&key.activity).ok_or("мероприятия нет в дорожной карте")?;
        let (field, columns) = columns(map, activity, &wanted.asked)?;
        let mut texts = text_environment();
        if let Some(calendar) = &wanted.calendar {
            let about = calendar.about.iter().map(|about| ("about", about));
            for (name, text) in about.chain([("title", &calendar.title)]) {
                let added = texts.add_template_owned(name, text.clone());
                added.map_err(|e| template_mistake(&e))?;
            }
        }
        let title = &field.label;
        Ok(Making { version, key, activity, wanted, edition, title, columns, texts, now })
    }

    fn all(&self, data: &RunData) -> Result<Vec<Page>, String> {
        let mut all = Vec::new();
        for (code, answers) in &data.answers {
            let rows = answers.get(&self.wanted.asked.table).and_then(Value::as_array);
            let rows = rows.into_iter().flatten().filter_map(Value::as_object);
            let mut rows: Vec<&Values> = rows.collect();
            if let Some(calendar) = &self.wanted.calendar {
                rows.sort_by_key(|row| row.get(&calendar.day).and_then(Value::as_str));
            }
            if !rows.is_empty() {
                all.push(self.page(code, &rows)?);
            }
        }
        Ok(all)
    }

    fn page(&self, code: &str, rows: &[&Values]) -> Result<Page, String> {
        let named = |ending: &str| format!("{code}.{ending}");
        // Beside the report, in a folder of its name.
        let below = |file: &str| format!("{}/{file}", self.key.activity);
        let document = |file: &str, content_type: &str, text: String| Document {
            path: format!("{}/{}", self.key.run_id(), below(file)),
            content_type: content_type.to_owned(),
            bytes: text.into_bytes(),
        };
        let (page, calendar) = (named("html"), named("ics"));
        let mut files = Vec::new();
        // Whoever finds a page finds what it links to: that is published before it.
        if let Some(wanted) = &self.wanted.calendar {
            files.push(document(&calendar, ics::MEDIA_TYPE, self.calendar(wanted, code, rows)?));
        }
        let calendar = self.wanted.calendar.is_some().then_some(calendar);
        let html = self.html(code, calendar.as_deref(), rows)?;
        files.push(document(&page, "text/html; charset=utf-8", html));
        Ok(Page {
            organisation: self.version.road_map.short_name(code),
            rows: rows.len(),
            page: below(&page),
            calendar: calendar.map(|calendar| below(&calendar)),
            files,
        })
    }

    fn html(&self, code: &str, calendar: Option<&str>, rows: &[&Values]) -> Result<String, String> {
        let map = &self.version.road_map;
        let cells = |row: &&Values| -> Vec<String> {
            let cell = |column: &&Field| row.get(&column.id).map(|value| display(column, value));
            self.columns.iter().map(|column| cell(column).unwrap_or_default()).collect()
        };
        let labels: Vec<&str> = self.columns.iter().map(|column| column.label.as_str()).collect();
        let name = map.organisation(code).map_or(code, |organisation| &organisation.name);
        let context = json!({
            "municipality": authority(map),
            "activity": {
                "number": self.activity.number, "title": self.activity.title,
                "short": self.activity.short,
            },
            "edition": self.edition,
            "organisation": { "name": name, "short": map.short_name(code) },
            "period": self.key.period.words(),
            "date": russian::date_words(map.municipality.today(self.now)),
            "document": format!("../{}.docx", self.key.activity),
            "table": {
                "title": self.title, "columns": labels,
                "rows": rows.iter().map(cells).collect::<Vec<_>>(),
            },
            "calendar": calendar,
        });
        debug_assert_eq!(unknown_to_samples("report", &context), [""; 0]);
        let template = format!("reports/{}.html", self.wanted.report);
        let template = self.version.templates.get_template(&template);
        let made = template.and_then(|template| template.render(Shown::from(Serde(&context))));
        made.map_err(|e| placed_mistake(&e))
    }

    fn calendar(
        &self,
        wanted: &PageCalendar,
        code: &str,
        rows: &[&Values],
    ) -> Result<String, String> {
        let map = &self.version.road_map;
        let said = |text: &str, row: &Values| {
            // Everybody reads it: it sees no more than the page.
            let shown = self.columns.iter().filter_map(|column| {
                let value = row.get(&column.id)?;
                let value = match value.as_f64() {
                    Some(number) => Shown::from(russian::threshold(number)),
                    None if matches!(column.kind, FieldKind::Date) => Shown::from(Serde(value)),
                    None => Shown::from(display(column, value)),
                };
                Some((column.id.as_str(), value))
            });
            let context = Shown::from_pairs([("row", Shown::from_pairs(shown))]);
            let made = self.texts.get_template(text).and_then(|text| text.render(context));
            made.map(|text| text.trim().to_owned()).map_err(|e| template_mistake(&e))
        };
        let zone = map.municipality.time_zone.iana_name().unwrap_or("UTC");
        let name = format!("{}: {}", self.activity.short, map.short_name(code));
        let mut calendar = ics::calendar(&name, zone);
        let stamp = self.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        // Whoever subscribes to it keeps the entries of a plan that is asked for once more.
        let stage = self.activity.first_of(&self.wanted.asked.stage);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            let day = row.get(&wanted.day).and_then(Value::as_str);
            let Some(day) = day.and_then(|day| day.parse::<Date>().ok()) else { continue };
            let title = said("title", row)?;
            // An entry keeps its name when its day moves: what its title says, and which of those that
            // say the same it is.
            let times = seen.entry(title.clone()).or_default();
            *times += 1;
            let mut hash = format!("{:x}", Sha256::digest(&title));
            hash.truncate(16);
            let uid = format!(
                "{}/{}/{code}/{hash}-{times}@{}.vekha",
                self.key, stage, self.key.municipality
            );
            let mut event = Event::new();
            event
                .uid(&uid)
                .summary(&title)
                .add_property("DTSTAMP", &stamp)
                .add_property("LAST-MODIFIED", &stamp)
                // What is published later knows more.
                .add_property("SEQUENCE", (self.now.as_second() / 60).to_string())
                .append_property(ics::day("DTSTART", day))
                .append_property(ics::day("DTEND", day.saturating_add(1.day())))
                .add_property("TRANSP", "TRANSPARENT");
            if wanted.about.is_some() {
                event.description(&said("about", row)?);
            }
            calendar.push(CalendarComponent::Event(event.done()));
        }
        Ok(calendar.done().to_string())
    }
}
