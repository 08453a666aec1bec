//! Filters of lists, a part of AIP-160: conditions `field = value` joined by `AND`, days compared with
//! `<=` and `>=`, too. What is not understood is refused with its place, and never taken for less than
//! it says.

use jiff::civil::Date;
use tonic::Status;
use vekha_roadmap::period::Period;

use super::names;
use super::status::invalid;

/// Longest filter, in characters.
const LONGEST: usize = 2000;

/// What the values of a field are.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Words of an enum of the contract: its prefix, and whether a name is one of it.
    Words(&'static str, fn(&str) -> bool),
    /// True or false.
    Flag,
    /// A day, a month or a year.
    Day,
    /// A period of runs.
    Period,
    /// An id: of an activity, a stage, a section, an organisation, a kind.
    Id,
    /// The name of a run.
    Run,
    /// Anything.
    Text,
}

/// A field by which things are told apart.
pub type Field = (&'static str, Kind);

/// A field with the words of an enum of the contract: `words!("state", "RUN_STATE_", RunState)`.
macro_rules! words {
    ($field:literal, $prefix:literal, $words:ident) => {{
        let is_word: fn(&str) -> bool = |name| {
            vekha_proto::v1::$words::from_str_name(name).is_some_and(|word| word as i32 != 0)
        };
        ($field, $crate::api::filter::Kind::Words($prefix, is_word))
    }};
}
pub(super) use words;

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `=`
    Is,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

/// A condition. Words of enums and flags are in lower case, without their prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Of which field.
    pub field: &'static str,
    /// How it is compared.
    pub sign: Sign,
    /// With what.
    pub value: String,
}

/// Conditions all of which must hold.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// Reads a filter over these fields.
    pub fn parse(text: &str, fields: &[Field]) -> Result<Self, Status> {
        if text.chars().count() > LONGEST {
            return Err(invalid("filter", format!("не длиннее {LONGEST} знаков")));
        }
        Reader { text: &text.chars().collect::<Vec<_>>(), at: 0 }
            .conditions(fields)
            .map_err(|Wrong { at, why }| invalid("filter", format!("знак {}: {why}", at + 1)))
    }

    /// The value that a field must have.
    pub fn value(&self, field: &str) -> Option<&str> {
        let one = self.0.iter().find(|one| one.field == field && one.sign == Sign::Is)?;
        Some(&one.value)
    }

    /// Whether a flag must be set, or must not be.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.value(field).map(|value| value == "true")
    }

    /// Whether a field has its value, if it must have one.
    pub fn allow(&self, field: &str, value: &str) -> bool {
        self.value(field).is_none_or(|wanted| wanted == value)
    }

    /// The first and the last day that a field of days may have.
    pub fn days(&self, field: &str) -> (Option<Date>, Option<Date>) {
        let (mut from, mut to) = (None, None);
        for one in self.0.iter().filter(|one| one.field == field) {
            let Some((first, last)) = days(&one.value) else { continue };
            if one.sign != Sign::AtMost {
                from = from.max(Some(first));
            }
            if one.sign != Sign::AtLeast {
                to = Some(to.map_or(last, |to: Date| to.min(last)));
            }
        }
        (from, to)
    }

    /// Whether a day is one that a field may have.
    pub fn allow_day(&self, field: &str, day: Date) -> bool {
        let (from, to) = self.days(field);
        from.is_none_or(|from| day >= from) && to.is_none_or(|to| day <= to)
    }
}

/// The first and the last day of a day, a month or a year: `2027-03-01`, `2027-03`, `2027`.
fn days(value: &str) -> Option<(Date, Date)> {
    if !value.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return None;
    }
    let (rest, last): (_, fn(Date) -> Date) = match value.len() {
        4 => ("-01-01", |day| day.last_of_year()),
        7 => ("-01", |day| day.last_of_month()),
        10 => ("", |day| day),
        _ => return None,
    };
    let first: Date = format!("{value}{rest}").parse().ok()?;
    Some((first, last(first)))
}

/// What is wrong, and from which character on.
struct Wrong {
    at: usize,
    why: String,
}

fn wrong<T>(at: usize, why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { at, why: why.into() })
}

struct Reader<'t> {
    text: &'t [char],
    at: usize,
}

impl Reader<'_> {
    fn conditions(mut self, fields: &[Field]) -> Result<Conditions, Wrong> {
        let mut found: Vec<Condition> = Vec::new();
        self.spaces();
        while self.at < self.text.len() {
            if !found.is_empty() {
                self.and()?;
            }
            let at = self.at;
            let one = self.condition(fields)?;
            if found.iter().any(|other| other.field == one.field && other.sign == one.sign) {
                return wrong(at, format!("условие на «{}» уже есть", one.field));
            }
            found.push(one);
            self.spaces();
        }
        Ok(Conditions(found))
    }

    fn and(&mut self) -> Result<(), Wrong> {
        let at = self.at;
        match self.word().as_str() {
            "AND" => {
                self.spaces();
                if self.at == self.text.len() {
                    return wrong(self.at, "после AND нужно условие");
                }
                Ok(())
            }
            "and" | "And" => wrong(at, "AND пишется прописными буквами"),
            "OR" | "or" => wrong(at, "OR не поддерживается: условия соединяются только AND"),
            _ => wrong(at, "условия соединяются словом AND; значение с пробелами — в кавычках"),
        }
    }

    fn condition(&mut self, fields: &[Field]) -> Result<Condition, Wrong> {
        let at = self.at;
        let name = self.word();
        match name.as_str() {
            "NOT" => return wrong(at, "NOT не поддерживается"),
            "AND" | "OR" => return wrong(at, format!("перед {name} нужно условие")),
            "" if self.peek() == Some('(') => return wrong(at, "скобки не поддерживаются"),
            "" => return wrong(at, "нужно условие: поле = значение"),
            _ => {}
        }
        let Some((field, kind)) = fields.iter().find(|(field, _)| *field == name) else {
            let known: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
            let known = known.join(", ");
            return wrong(at, format!("по «{name}» не отбирают; можно по {known}"));
        };
        self.spaces();
        let sign = self.sign(*kind)?;
        self.spaces();
        let at = self.at;
        let value = self.value()?;
        match read(*kind, value) {
            Ok(value) => Ok(Condition { field, sign, value }),
            Err(why) => wrong(at, format!("{field}: {why}")),
        }
    }

    fn sign(&mut self, kind: Kind) -> Result<Sign, Wrong> {
        let at = self.at;
        let signs: String = self.text[at..].iter().take_while(|c| "=<>!:~".contains(**c)).collect();
        self.at += signs.chars().count();
        match (signs.as_str(), kind) {
            ("=", _) => Ok(Sign::Is),
            ("<=", Kind::Day) => Ok(Sign::AtMost),
            (">=", Kind::Day) => Ok(Sign::AtLeast),
            ("", _) => wrong(at, "нужен знак: поле = значение"),
            (_, Kind::Day) => wrong(at, format!("«{signs}» не поддерживается: =, <= или >=")),
            _ => wrong(at, format!("«{signs}» не поддерживается: только =")),
        }
    }

    fn value(&mut self) -> Result<String, Wrong> {
        let at = self.at;
        let value = match self.peek() {
            Some('"') => self.quoted()?,
            Some('(') => return wrong(at, "скобки не поддерживаются"),
            Some('\'') => return wrong(at, "кавычки — двойные"),
            _ => {
                let word = self.word();
                if let Some(c) = self.peek().filter(|c| !c.is_whitespace()) {
                    return wrong(self.at, format!("«{c}» — только в кавычках"));
                }
                word
            }
        };
        match value.trim() {
            "" => wrong(at, "нужно значение"),
            _ if value.contains('*') => wrong(at, "«*» не поддерживается: нужно значение целиком"),
            "AND" | "OR" | "NOT" => wrong(at, "нужно значение"),
            _ => Ok(value),
        }
    }

    fn quoted(&mut self) -> Result<String, Wrong> {
        let at = self.at;
        let mut value = String::new();
        let mut rest = self.text[at + 1..].iter();
        while let Some(c) = rest.next() {
            match c {
                '"' => {
                    self.at = self.text.len() - rest.len();
                    return match self.peek() {
                        None | Some(' ' | '\t' | '\n' | '\r') => Ok(value),
                        Some(_) => wrong(self.at, "после кавычек нужен пробел"),
                    };
                }
                '\\' => match rest.next() {
                    Some(c @ ('"' | '\\')) => value.push(*c),
                    _ => {
                        let at = self.text.len() - rest.len() - 1;
                        return wrong(at, "после «\\» — кавычка или «\\»");
                    }
                },
                c => value.push(*c),
            }
        }
        wrong(at, "кавычки не закрыты")
    }

    /// What stands up to a space or a sign.
    fn word(&mut self) -> String {
        let ends = |c: &char| c.is_whitespace() || "=<>!:~()\"',".contains(*c);
        let word: String = self.text[self.at..].iter().take_while(|c| !ends(c)).collect();
        self.at += word.chars().count();
        word
    }

    fn spaces(&mut self) {
        self.at += self.text[self.at..].iter().take_while(|c| c.is_whitespace()).count();
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }
}

/// A value as its field has it; otherwise what it should be.
fn read(kind: Kind, value: String) -> Result<String, String> {
    match kind {
        Kind::Words(prefix, is_word) => {
            let word = value.to_uppercase();
            let word = word.strip_prefix(prefix).unwrap_or(&word);
            match is_word(&format!("{prefix}{word}")) {
                true => Ok(word.to_lowercase()),
                false => Err(format!("нет значения «{value}»")),
            }
        }
        Kind::Flag if ["true", "false"].contains(&value.as_str()) => Ok(value),
        Kind::Flag => Err(format!("true или false, не «{value}»")),
        Kind::Day if days(&value).is_some() => Ok(value),
        Kind::Day => Err(format!("день, месяц или год, например 2027-03-01, не «{value}»")),
        Kind::Period => value.parse::<Period>().map(|period| period.to_string()),
        Kind::Id => {
            let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            match value.chars().all(fits) {
                true => Ok(value),
                false => Err(format!("«{value}» не может быть значением")),
            }
        }
        Kind::Run => match names::run("filter", &value) {
            Ok(run) => Ok(run.to_string()),
            Err(status) => Err(status.message().to_owned()),
        },
        Kind::Text => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const FIELDS: [Field; 5] = [
        words!("state", "RUN_STATE_", RunState),
        ("late", Kind::Flag),
        ("date", Kind::Day),
        ("period", Kind::Period),
        ("actor", Kind::Text),
    ];

    #[test]
    fn what_is_understood_is_all_that_is_said() {
        let text =
            " state=RUN_STATE_ACTIVE  AND actor = \"Отдел \\\"Б\\\" AND OR\" AND late = true ";
        let all = Conditions::parse(text, &FIELDS).expect("a filter");
        assert_eq!(all.value("state"), Some("active"));
        assert_eq!(all.value("actor"), Some("Отдел \"Б\" AND OR"));
        assert_eq!(all.flag("late"), Some(true));
        let days = Conditions::parse("date >= 2027-03 AND date<=2027 AND date = 2027-12", &FIELDS);
        let days = days.expect("a filter").days("date");
        assert_eq!(days, (Some(date(2027, 12, 1)), Some(date(2027, 12, 31))));
        assert!(Conditions::parse("  ", &FIELDS).is_ok_and(|all| all.0.is_empty()));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        for (text, at) in [
            ("state = active OR late = true", 16),
            ("state = active and late = true", 16),
            ("state = active late = true", 16),
            ("state = active AND", 19),
            ("AND state = active", 1),
            ("NOT late = true", 1),
            ("(late = true)", 1),
            ("late = (true)", 8),
            ("late", 5),
            ("late =", 7),
            ("late = \"\"", 8),
            ("late = AND state = active", 8),
            ("late = yes", 8),
            ("late != true", 6),
            ("late : true", 6),
            ("late >= true", 6),
            ("date > 2027", 6),
            ("date = 2027-02-30", 8),
            ("period = 2027-29", 10),
            ("state = act*", 9),
            ("state = unspecified", 9),
            ("state = active AND state = failed", 20),
            ("actor = \"Отдел", 9),
            ("actor = 'Отдел'", 9),
            ("actor = \"Отдел\"late = true", 16),
            ("actor = a\"b\"", 10),
            ("colour = red", 1),
        ] {
            let refused = Conditions::parse(text, &FIELDS).expect_err(text);
            let place = format!("знак {at}: ");
            assert!(refused.message().starts_with(&place), "{text}: {}", refused.message());
        }
    }
}
