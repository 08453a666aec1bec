//! What a value of a definition is: how people read and type it, and how its file says it.

use toml_edit::Value;
use vekha_roadmap::model::{Due, MonthDay, Offset, OrganisationKind, RoadMap, Span};
use vekha_roadmap::read::{due, month_day, offset, span};
use vekha_roadmap::russian::{MONTHS_GENITIVE, plural};

use super::place::{Parsed, Wanted, Way};

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// When something must be done: so long after its start, or on a day of the year.
    Due,
    /// A length of time, or none.
    Span,
    /// Moments around a term, one on each line.
    Offsets,
    /// So many days of the year, one on each line.
    Days(usize),
    /// A day of the year, or none.
    YearDay,
    /// A day.
    Day,
    /// A year, or none.
    Year,
    /// A number.
    Number,
    /// A text that is taken as it is.
    Text,
    /// One of these words: as files spell it, and as people read it. The first needs not be written.
    Word(&'static [(&'static str, &'static str)]),
    /// One of these words, which is always written.
    Choice(&'static [(&'static str, &'static str)]),
    /// A text of one word, or none.
    Name,
    /// Kinds of organisations.
    Kinds,
    /// What is to go, whatever it is: what else was chosen does not take it.
    Gone,
    /// Who takes part.
    Participants,
    /// A file whole, line by line.
    Whole,
}

/// Between the parts of several values in words.
const SEPARATOR: &str = "\n";

/// The ways to name participants, as files spell them.
pub const WAYS: [&str; 5] = ["kinds", "organisations", "found-by", "named", "each"];

impl Kind {
    /// What stands in a file, as a form shows it; nothing that stands there is an empty text.
    pub fn said(&self, value: Option<&Value>) -> String {
        let Some(value) = value else {
            return match self {
                Kind::Word([(first, _), ..]) => (*first).to_owned(),
                _ => String::new(),
            };
        };
        let text = value.as_str().unwrap_or_default();
        let each = |read: fn(&str) -> String| {
            let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            let lines: Vec<String> = items.map(read).collect();
            if value.is_array() { lines.join(SEPARATOR) } else { read(text) }
        };
        match self {
            Kind::Due => due(text).map_or_else(|_| text.to_owned(), due_words),
            Kind::Span => span(text).map_or_else(|_| text.to_owned(), span_words),
            Kind::Offsets => {
                each(|text| offset(text).map_or_else(|_| text.to_owned(), offset_words))
            }
            Kind::Days(_) | Kind::YearDay => {
                each(|text| month_day(text).map_or_else(|_| text.to_owned(), day_words))
            }
            Kind::Day => match text.parse::<jiff::civil::Date>() {
                Ok(day) => day.strftime("%d.%m.%Y").to_string(),
                Err(_) => text.to_owned(),
            },
            Kind::Year => value.as_integer().map(|year| year.to_string()).unwrap_or_default(),
            Kind::Number => number_words(&value.to_string()),
            Kind::Text | Kind::Name | Kind::Word(_) | Kind::Choice(_) | Kind::Whole => {
                text.to_owned()
            }
            Kind::Kinds => {
                let said = participants(value);
                said.strip_prefix("kinds:").unwrap_or_default().to_owned()
            }
            Kind::Gone => value.to_string(),
            Kind::Participants => participants(value),
        }
    }

    /// The same of what stands at the end of a way: a number digit by digit as it is written there.
    pub fn shown(&self, parsed: &Parsed<'_>, way: &Way) -> String {
        match self {
            Kind::Number => number_words(parsed.written(way)),
            _ => self.said(parsed.value(way)),
        }
    }

    /// What a form says, for a file.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn wanted(&self, said: &str) -> Result<Wanted, String> {
        let said = said.trim();
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        match self {
            Kind::Due => Ok(Wanted::Text(read_due(said).map(due_spelt)?)),
            Kind::Span if said.is_empty() => Ok(Wanted::Nothing),
            Kind::Span => Ok(Wanted::Text(read_span(said).map(span_spelt)?)),
            Kind::Offsets => {
                let all: Result<Vec<String>, String> =
                    lines().map(|line| read_offset(line).map(offset_spelt)).collect();
                let all = all?;
                Ok(if all.is_empty() { Wanted::Nothing } else { Wanted::Texts(all) })
            }
            Kind::YearDay if said.is_empty() => Ok(Wanted::Nothing),
            Kind::YearDay => Ok(Wanted::Text(read_day(said).map(day_spelt)?)),
            Kind::Days(count) => {
                let days: Result<Vec<MonthDay>, String> = lines().map(read_day).collect();
                let days = days?;
                if days.len() != *count {
                    let noun = plural(*count as i64, "день", "дня", "дней");
                    return Err(format!("нужно назвать {count} {noun}, каждый на своей строке"));
                }
                let mut days: Vec<String> = days.into_iter().map(day_spelt).collect();
                Ok(match count {
                    1 => Wanted::Text(days.remove(0)),
                    _ => Wanted::Texts(days),
                })
            }
            Kind::Day => {
                let day = read_date(said)
                    .ok_or_else(|| format!("«{said}»: нужен день с годом, например 02.11.2027"))?;
                // A list would stay one.
                Ok(Wanted::Literal(format!("\"{day}\"")))
            }
            Kind::Year if said.is_empty() => Ok(Wanted::Nothing),
            Kind::Year => match said.parse::<u16>() {
                Ok(year @ 1900..=2200) => Ok(Wanted::Number(year.to_string())),
                _ => Err(format!("«{said}»: нужен год, например 2027")),
            },
            Kind::Number => number(said).map(Wanted::Number),
            Kind::Gone => Ok(Wanted::Nothing),
            Kind::Name if said.is_empty() => Ok(Wanted::Nothing),
            Kind::Text | Kind::Name | Kind::Whole => Ok(Wanted::Text(said.to_owned())),
            Kind::Choice(words) => match words.iter().any(|(word, _)| *word == said) {
                true => Ok(Wanted::Text(said.to_owned())),
                false => Err("выберите из списка".to_owned()),
            },
            Kind::Kinds => chosen(&format!("kinds:{said}")),
            Kind::Word(words) => match words.iter().position(|(word, _)| *word == said) {
                Some(0) => Ok(Wanted::Nothing),
                Some(_) => Ok(Wanted::Text(said.to_owned())),
                None => Err("выберите из списка".to_owned()),
            },
            Kind::Participants => chosen(said),
        }
    }

    /// What a form says, for people to read.
    pub fn words(&self, said: &str, map: Option<&RoadMap>) -> String {
        match self {
            _ if said.is_empty() && !matches!(self, Kind::Word(_)) => "нет".to_owned(),
            Kind::Word(words) | Kind::Choice(words) => {
                let found = words.iter().find(|(word, _)| *word == said);
                found.map_or(said, |(_, words)| words).to_owned()
            }
            Kind::Kinds => participants_words(&format!("kinds:{said}"), map),
            Kind::Participants => participants_words(said, map),
            _ => said.replace(SEPARATOR, "; "),
        }
    }
}

/// 30.0 -> 30,0
fn number_words(written: &str) -> String {
    written.trim().replace('_', "").replace('.', ",")
}

/// «10 рабочих дней»
pub fn span_words(span: Span) -> String {
    match span {
        Span::Days(n) => format!("{n} {}", plural(i64::from(n), "день", "дня", "дней")),
        Span::WorkingDays(n) => {
            let noun = plural(i64::from(n), "рабочий день", "рабочих дня", "рабочих дней");
            format!("{n} {noun}")
        }
    }
}

/// «10 рабочих дней», «до 1 октября»
pub fn due_words(due: Due) -> String {
    match due {
        Due::After(span) => span_words(span),
        Due::On(day) => format!("до {}", day_words(day)),
    }
}

/// «за 3 рабочих дня», «в день срока», «через 2 рабочих дня после»
pub fn offset_words(offset: Offset) -> String {
    match offset {
        Offset::Before(span) => format!("за {}", span_words(span)),
        Offset::OnTheDay => "в день срока".to_owned(),
        Offset::After(span) => format!("через {} после", span_words(span)),
    }
}

/// «15 сентября»
pub fn day_words(day: MonthDay) -> String {
    let month = MONTHS_GENITIVE.get(usize::from(day.month.unsigned_abs()).saturating_sub(1));
    format!("{} {}", day.day, month.copied().unwrap_or_default())
}

fn span_spelt(span: Span) -> String {
    match span {
        Span::Days(n) => format!("{n} {}", if n == 1 { "day" } else { "days" }),
        Span::WorkingDays(n) => {
            format!("{n} {}", if n == 1 { "working day" } else { "working days" })
        }
    }
}

fn due_spelt(due: Due) -> String {
    match due {
        Due::After(span) => span_spelt(span),
        Due::On(day) => format!("on {}", day_spelt(day)),
    }
}

fn offset_spelt(offset: Offset) -> String {
    match offset {
        Offset::Before(span) => format!("{} before", span_spelt(span)),
        Offset::OnTheDay => "on the day".to_owned(),
        Offset::After(span) => format!("{} after", span_spelt(span)),
    }
}

fn day_spelt(day: MonthDay) -> String {
    format!("{:02}-{:02}", day.month, day.day)
}

/// 10 рабочих дней, 14 дней, 10 раб. дн.
fn read_span(text: &str) -> Result<Span, String> {
    let wrong = || format!("«{text}»: нужно, например, «10 рабочих дней» или «14 дней»");
    let plain = text.to_lowercase();
    let mut words = plain.split_whitespace();
    let n: u16 =
        words.next().and_then(|n| n.parse().ok()).filter(|n| *n <= 1000).ok_or_else(wrong)?;
    let rest: Vec<&str> = words.collect();
    let days = |word: &str| ["день", "дня", "дней", "дн", "дн."].contains(&word);
    match rest.as_slice() {
        [day] if days(day) => Ok(Span::Days(n)),
        ["календарных" | "календарный", day] if days(day) => {
            Ok(Span::Days(n))
        }
        [working, day] if working.starts_with("раб") && days(day) => Ok(Span::WorkingDays(n)),
        _ => Err(wrong()),
    }
}

fn read_due(text: &str) -> Result<Due, String> {
    let plain = text.trim();
    let day = plain.strip_prefix("до ").or_else(|| plain.strip_prefix("к ")).unwrap_or(plain);
    if let Ok(day) = read_day(day) {
        return Ok(Due::On(day));
    }
    read_span(plain).map(Due::After).map_err(|e| format!("{e}, или «до 1 октября»"))
}

fn read_offset(text: &str) -> Result<Offset, String> {
    let plain = text.to_lowercase();
    let plain = plain.trim();
    let after = plain.strip_prefix("через ").and_then(|rest| rest.split(" после").next());
    let read = match (plain, plain.strip_prefix("за "), after) {
        ("в день срока" | "в срок" | "в последний день", ..) => {
            Some(Offset::OnTheDay)
        }
        (_, Some(rest), _) => read_span(rest).ok().map(Offset::Before),
        (_, _, Some(rest)) => read_span(rest).ok().map(Offset::After),
        _ => None,
    };
    read.ok_or_else(|| {
        format!(
            "«{text}»: нужно «за 3 рабочих дня», «в день срока» или «через 2 рабочих дня после»"
        )
    })
}

/// 15 сентября, 15.09
fn read_day(text: &str) -> Result<MonthDay, String> {
    let wrong = || format!("«{text}»: нужен день, например «15 сентября»");
    let plain = text.trim().to_lowercase();
    let (day, month) = match plain.split_once('.') {
        Some((day, month)) => {
            (day.to_owned(), month.trim_end_matches('.').parse::<usize>().map_err(|_| wrong())?)
        }
        None => {
            let (day, name) = plain.split_once(' ').ok_or_else(wrong)?;
            let month = MONTHS_GENITIVE.iter().position(|month| *month == name.trim());
            (day.to_owned(), 1 + month.ok_or_else(wrong)?)
        }
    };
    let day: u8 = day.trim().parse().map_err(|_| wrong())?;
    // Only what the language itself takes is a day.
    month_day(&format!("{month:02}-{day:02}")).map_err(|_| format!("«{text}»: такого дня нет"))
}

fn read_date(text: &str) -> Option<jiff::civil::Date> {
    let parts: Vec<&str> = text.split('.').collect();
    let day = match parts.as_slice() {
        [day, month, year] if year.len() == 4 => {
            jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
                .ok()?
        }
        _ => text.parse().ok()?,
    };
    (1900..=2200).contains(&day.year()).then_some(day)
}

/// A number as TOML writes it, digit by digit as it was typed.
fn number(text: &str) -> Result<String, String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = plain.replace(',', ".").replace('−', "-");
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !good(whole) || !good(part) || digits.len() > 15 {
        return Err(format!("«{text}»: нужно число, например 30 или 2,5"));
    }
    let kept = whole.trim_start_matches('0');
    let whole = if kept.is_empty() { "0" } else { kept };
    Ok(match digits.contains('.') {
        true => format!("{sign}{whole}.{part}"),
        false => format!("{sign}{whole}"),
    })
}

/// Participants as a form has them: the way, and what it names: `kinds:school,kindergarten`.
fn participants(value: &Value) -> String {
    let Some(table) = value.as_inline_table() else { return String::new() };
    let list = |key: &str| {
        let items = table.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    if let Some(activity) = table.get("found-by").and_then(Value::as_str) {
        let rules = list("rules");
        let rules = if rules.is_empty() { rules } else { format!(",{rules}") };
        return format!("found-by:{activity}{rules}");
    }
    match WAYS.iter().find(|way| table.contains_key(way)) {
        Some(way @ (&"kinds" | &"organisations")) => format!("{way}:{}", list(way)),
        Some(way) => format!("{way}:"),
        None => String::new(),
    }
}

fn chosen(said: &str) -> Result<Wanted, String> {
    let (way, names) = said.split_once(':').unwrap_or((said, ""));
    let names: Vec<&str> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let quoted = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| Value::from(*name).to_string()).collect();
        names.join(", ")
    };
    let literal = match (way, names.as_slice()) {
        ("kinds", []) => return Err("отметьте хотя бы один вид организаций".to_owned()),
        ("organisations", []) => return Err("назовите коды организаций".to_owned()),
        ("found-by", []) => {
            return Err("выберите мероприятие, анализ которого их находит".to_owned());
        }
        ("kinds" | "organisations", names) => format!("{{ {way} = [{}] }}", quoted(names)),
        ("found-by", [activity]) => format!("{{ found-by = {} }}", quoted(&[*activity])),
        ("found-by", [activity, rules @ ..]) => {
            format!("{{ found-by = {}, rules = [{}] }}", quoted(&[*activity]), quoted(rules))
        }
        ("named" | "each", _) => format!("{{ {way} = true }}"),
        _ => return Err("выберите, кто участвует".to_owned()),
    };
    Ok(Wanted::Literal(literal))
}

/// «школы, детские сады»
fn participants_words(said: &str, map: Option<&RoadMap>) -> String {
    let (way, names) = said.split_once(':').unwrap_or((said, ""));
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    match (way, names.as_slice()) {
        ("kinds", names) => {
            let words = names.iter().map(|name| {
                let kind = OrganisationKind::ALL.iter().find(|kind| kind.as_str() == *name);
                kind.map_or((*name).to_owned(), |kind| {
                    crate::glossary::organisations(*kind).to_lowercase()
                })
            });
            words.collect::<Vec<_>>().join(", ")
        }
        ("organisations", names) => {
            let words = names.iter().map(|code| match map {
                Some(map) => map.short_name(code),
                None => (*code).to_owned(),
            });
            words.collect::<Vec<_>>().join(", ")
        }
        ("found-by", [activity, ..]) => {
            let short = map.and_then(|map| map.activity(activity));
            let short =
                short.map_or((*activity).to_owned(), |a| format!("{}. {}", a.number, a.short));
            format!("кого нашёл анализ «{short}»")
        }
        ("named", _) => "кого назовут при начале".to_owned(),
        ("each", _) => "чья очередь".to_owned(),
        _ => said.to_owned(),
    }
}
