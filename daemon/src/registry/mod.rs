//! The registry of organisations as a table that people keep in Excel: out of the road map, and back
//! into it after a look at what would change.
//!
//! The way back: file -> [`rows`] (the registry as the table wants it, or its mistakes by cell) ->
//! [`changes`] (what that means, for people) -> [`edit`] (the same `organisations.toml` with just
//! that changed). What the table does not speak of stays as it is: a column that is not there
//! changes nothing, nor does an organisation that is not.

pub mod changes;
pub mod edit;
pub mod export;
pub mod rows;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The code: by it rows are known.
    Code,
    /// What the organisation is.
    Kind,
    /// Official name.
    Name,
    /// Name for tables.
    Short,
    /// Where its letters go.
    Email,
    /// A person's name; further people stand in rows of their own.
    Person,
    /// How letters call the person.
    Greeting,
    /// The person's position.
    Role,
    /// What the person is to the road map.
    Duty,
    /// The person's address.
    PersonEmail,
    /// The person's telephone.
    Phone,
    /// Whether the organisation's letters go to the person as well.
    Letters,
    /// First day in the registry.
    Since,
    /// First day on which the organisation is no more.
    Closed,
    /// Its logins in systems that export files about it.
    Logins,
    /// What else it is called there.
    OtherNames,
}

/// The columns' headings in the order of [`Column`], and how many characters they are across.
pub const HEADINGS: [(&str, f64); 16] = [
    ("Код", 18.0),
    ("Вид", 16.0),
    ("Наименование", 48.0),
    ("Краткое наименование", 26.0),
    ("Адрес почты", 30.0),
    ("Контактное лицо", 30.0),
    ("Обращение", 24.0),
    ("Должность", 26.0),
    ("Обязанность", 16.0),
    ("Почта контактного лица", 30.0),
    ("Телефон", 20.0),
    ("Письма контактному лицу", 14.0),
    ("Действует с", 13.0),
    ("Закрыта с", 13.0),
    ("Логины", 18.0),
    ("Другие названия", 36.0),
];

impl Column {
    /// Its heading.
    pub fn heading(self) -> &'static str {
        HEADINGS[self as usize].0
    }
}

/// The day as tables show it.
fn day(date: jiff::civil::Date) -> String {
    date.strftime("%d.%m.%Y").to_string()
}

/// Stands between several texts in one cell: names may hold any sign but the end of a line.
const SEPARATOR: &str = "\n";

/// What is compared instead of a text: people change case and spaces.
fn key(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().replace('ё', "е")
}
