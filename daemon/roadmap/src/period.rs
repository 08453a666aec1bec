//! What a run is about: a year, a school year, a half-year, a quarter, a month, a week or a day.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{Date, ISOWeekDate, Weekday, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::russian;

/// The kinds of periods.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum PeriodKind {
    /// January to December.
    Year,
    /// September to August.
    SchoolYear,
    /// January to June, July to December.
    HalfYear,
    /// Three months.
    Quarter,
    /// One month.
    Month,
    /// Monday to Sunday.
    Week,
    /// One day.
    Day,
}

impl PeriodKind {
    /// Every kind.
    pub const ALL: &[PeriodKind] = <PeriodKind as strum::VariantArray>::VARIANTS;

    /// Its name in definitions.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Numerals of halves and quarters.
const ROMAN: [&str; 4] = ["I", "II", "III", "IV"];

/// One period. Years are limited to 1..=9998, so that every period has days before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// `2027`
    Year(i16),
    /// `2026-27`: begins on 1 September of the first year.
    SchoolYear(i16),
    /// `2027-H1`: the half is 1 or 2.
    HalfYear(i16, u8),
    /// `2027-Q3`: the quarter is 1 to 4.
    Quarter(i16, u8),
    /// `2027-M08`: the month is 1 to 12.
    Month(i16, u8),
    /// `2027-W05`: a week of ISO 8601, whose year may differ from that of its days.
    Week(i16, u8),
    /// `2027-05-12`
    Day(Date),
}

impl Period {
    /// The period of this kind that contains a day.
    pub fn containing(kind: PeriodKind, day: Date) -> Self {
        let (year, month) = (day.year(), day.month() as u8);
        match kind {
            PeriodKind::Year => Period::Year(year),
            PeriodKind::SchoolYear if month >= 9 => Period::SchoolYear(year),
            PeriodKind::SchoolYear => Period::SchoolYear(year - 1),
            PeriodKind::HalfYear => Period::HalfYear(year, (month - 1) / 6 + 1),
            PeriodKind::Quarter => Period::Quarter(year, (month - 1) / 3 + 1),
            PeriodKind::Month => Period::Month(year, month),
            PeriodKind::Week => {
                let week = day.iso_week_date();
                Period::Week(week.year(), week.week() as u8)
            }
            PeriodKind::Day => Period::Day(day),
        }
    }

    /// Which kind it is.
    pub fn kind(self) -> PeriodKind {
        match self {
            Period::Year(_) => PeriodKind::Year,
            Period::SchoolYear(_) => PeriodKind::SchoolYear,
            Period::HalfYear(..) => PeriodKind::HalfYear,
            Period::Quarter(..) => PeriodKind::Quarter,
            Period::Month(..) => PeriodKind::Month,
            Period::Week(..) => PeriodKind::Week,
            Period::Day(_) => PeriodKind::Day,
        }
    }

    /// The one before, of the same kind.
    pub fn previous(self) -> Self {
        self.shift(-1)
    }

    /// The one after, of the same kind.
    pub fn next(self) -> Self {
        self.shift(1)
    }

    fn shift(self, by: i32) -> Self {
        // Periods of a year are counted through, so that the year carries.
        let count = |year: i16, part: u8, parts: i32| {
            let all = i32::from(year) * parts + i32::from(part) - 1 + by;
            (all.div_euclid(parts) as i16, all.rem_euclid(parts) as u8 + 1)
        };
        match self {
            Period::Year(year) => Period::Year(year + by as i16),
            Period::SchoolYear(year) => Period::SchoolYear(year + by as i16),
            Period::HalfYear(year, half) => {
                let (year, half) = count(year, half, 2);
                Period::HalfYear(year, half)
            }
            Period::Quarter(year, quarter) => {
                let (year, quarter) = count(year, quarter, 4);
                Period::Quarter(year, quarter)
            }
            Period::Month(year, month) => {
                let (year, month) = count(year, month, 12);
                Period::Month(year, month)
            }
            Period::Week(..) => {
                let day = self.first_day().saturating_add((7 * by).days());
                Period::containing(PeriodKind::Week, day)
            }
            Period::Day(day) => Period::Day(day.saturating_add(by.days())),
        }
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        match self {
            Period::Year(year) => date(year, 1, 1),
            Period::SchoolYear(year) => date(year, 9, 1),
            Period::HalfYear(year, half) => date(year, (half as i8 - 1) * 6 + 1, 1),
            Period::Quarter(year, quarter) => date(year, (quarter as i8 - 1) * 3 + 1, 1),
            Period::Month(year, month) => date(year, month as i8, 1),
            // A week that its year does not have is never read: the year's last then.
            Period::Week(year, week) => {
                let week = ISOWeekDate::new(year, week as i8, Weekday::Monday);
                let last = || ISOWeekDate::new(year, 52, Weekday::Monday);
                week.or_else(|_| last()).map_or(Date::MAX, ISOWeekDate::date)
            }
            Period::Day(day) => day,
        }
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        self.next().first_day().yesterday().expect("years are far from the calendar's limits")
    }

    /// For people where there is little room: «2026/27», «III кв. 2027».
    pub fn label(self) -> String {
        match self {
            Period::Year(year) => year.to_string(),
            Period::SchoolYear(year) => format!("{year}/{:02}", (year + 1) % 100),
            Period::HalfYear(year, half) => {
                format!("{} п/г {year}", ROMAN[usize::from(half) - 1])
            }
            Period::Quarter(year, quarter) => {
                format!("{} кв. {year}", ROMAN[usize::from(quarter) - 1])
            }
            Period::Month(year, month) => format!("{month:02}.{year}"),
            Period::Week(..) => {
                let (first, last) = (self.first_day(), self.last_day());
                format!("{}–{}", first.strftime("%d.%m"), last.strftime("%d.%m.%Y"))
            }
            Period::Day(day) => day.strftime("%d.%m.%Y").to_string(),
        }
    }

    /// For people: «2026/27 учебный год».
    pub fn words(self) -> String {
        match self {
            Period::Year(year) => format!("{year} год"),
            Period::SchoolYear(year) => format!("{year}/{:02} учебный год", (year + 1) % 100),
            Period::HalfYear(year, half) => {
                format!("{} полугодие {year} года", ROMAN[usize::from(half) - 1])
            }
            Period::Quarter(year, quarter) => {
                format!("{} квартал {year} года", ROMAN[usize::from(quarter) - 1])
            }
            Period::Month(year, month) => {
                format!("{} {year} года", russian::MONTHS_NOMINATIVE[usize::from(month) - 1])
            }
            Period::Week(..) => format!("неделя {}", self.label()),
            Period::Day(day) => russian::date_words(day),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Year(year) => write!(f, "{year:04}"),
            Period::SchoolYear(year) => write!(f, "{year:04}-{:02}", (year + 1) % 100),
            Period::HalfYear(year, half) => write!(f, "{year:04}-H{half}"),
            Period::Quarter(year, quarter) => write!(f, "{year:04}-Q{quarter}"),
            Period::Month(year, month) => write!(f, "{year:04}-M{month:02}"),
            Period::Week(year, week) => write!(f, "{year:04}-W{week:02}"),
            Period::Day(day) => write!(f, "{day}"),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| {
            format!(
                "«{text}» — не период: нужен год 2027, учебный год 2026-27, полугодие 2027-H1, \
                 квартал 2027-Q3, месяц 2027-M08, неделя 2027-W05 или день 2027-05-12"
            )
        })
    }
}

fn parse(text: &str) -> Option<Period> {
    let (year, rest) = match text.split_once('-') {
        Some((year, rest)) => (year, Some(rest)),
        None => (text, None),
    };
    let digits = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i16>().ok())
            .flatten()
    };
    let year = digits(year, 4).filter(|year| (1..=9998).contains(year))?;
    let part = |prefix: char, length: usize, last: u8| {
        let part = digits(rest?.strip_prefix(prefix)?, length)?;
        u8::try_from(part).ok().filter(|part| (1..=last).contains(part))
    };
    match rest {
        None => Some(Period::Year(year)),
        Some(rest) if digits(rest, 2) == Some((year + 1) % 100) => Some(Period::SchoolYear(year)),
        Some(_) => part('H', 1, 2)
            .map(|half| Period::HalfYear(year, half))
            .or_else(|| part('Q', 1, 4).map(|quarter| Period::Quarter(year, quarter)))
            .or_else(|| part('M', 2, 12).map(|month| Period::Month(year, month)))
            .or_else(|| {
                let week = part('W', 2, 53)?;
                ISOWeekDate::new(year, week as i8, Weekday::Monday).ok()?;
                Some(Period::Week(year, week))
            })
            .or_else(|| text.parse().ok().filter(|_| text.len() == 10).map(Period::Day)),
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
