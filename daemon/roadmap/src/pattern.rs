//! Texts with gaps: how an administrator says what a title, a heading or a label looks like.
//!
//! «ВПР {year:number} {subject} {grade:number} класс» is a text in which `{subject}` stands for any
//! words and `{year:number}` for a number; `*` stands for anything, or nothing. Case, «ё», line
//! breaks, colons and doubled spaces do not matter. Nothing in it is a regular expression: whoever
//! can read a heading can write one down.

use std::fmt;

/// Longest text that is looked at, in characters: titles and headings are shorter.
const LONGEST: usize = 400;

/// Most gaps of a pattern.
const MOST_GAPS: usize = 12;

/// A text with gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// These characters, folded.
    Text(Vec<char>),
    /// Any words, under a name.
    Words(String),
    /// A number, under a name.
    Number(String),
    /// Anything, or nothing.
    Anything,
}

/// What stood in the gaps, by their names, as it was written.
pub type Captured = Vec<(String, String)>;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in Russian.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let tidy = tidied(text);
        let mut rest = tidy.as_str();
        let mut names: Vec<&str> = Vec::new();
        while !rest.is_empty() {
            let gap = rest.find(['{', '}', '*']).unwrap_or(rest.len());
            if gap > 0 {
                parts.push(Part::Text(rest[..gap].chars().map(folded).collect()));
                rest = &rest[gap..];
                continue;
            }
            if let Some(after) = rest.strip_prefix('*') {
                parts.push(Part::Anything);
                rest = after;
                continue;
            }
            let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (inner, after) = inner.ok_or_else(|| format!("«{text}»: скобка без пары"))?;
            let (name, number) = match inner.trim().split_once(char::is_whitespace) {
                // The colon went when the text was tidied.
                Some((name, "number")) => (name, true),
                None => (inner.trim(), false),
                Some(_) => return Err(format!("«{{{inner}}}»: нужно {{имя}} или {{имя:number}}")),
            };
            crate::read::name(name)?;
            if names.contains(&name) {
                return Err(format!("«{text}»: «{{{name}}}» здесь дважды"));
            }
            names.push(name);
            parts.push(if number { Part::Number(name.into()) } else { Part::Words(name.into()) });
            rest = after;
        }
        let open = |part: &Part| matches!(part, Part::Words(_) | Part::Anything);
        let spaced =
            |part: &Part| matches!(part, Part::Text(text) if text.iter().all(|c| *c == ' '));
        let solid: Vec<&Part> = parts.iter().filter(|part| !spaced(part)).collect();
        if solid.windows(2).any(|two| open(two[0]) && open(two[1])) {
            return Err(format!("«{text}»: между двумя пропусками подряд нужны слова"));
        }
        if solid.is_empty() || solid.iter().all(|part| **part == Part::Anything) {
            return Err(format!("«{text}»: под это подходит что угодно"));
        }
        if names.len() > MOST_GAPS {
            return Err(format!("«{text}»: пропусков больше {MOST_GAPS}"));
        }
        Ok(Pattern { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its gaps, and whether a number stands there.
    pub fn names(&self) -> impl Iterator<Item = (&str, bool)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Words(name) => Some((name.as_str(), false)),
            Part::Number(name) => Some((name.as_str(), true)),
            Part::Text(_) | Part::Anything => None,
        })
    }

    /// What stands in the gaps, if the text is of this kind. `tidy` is what [`tidied`] made of it.
    pub fn matches(&self, tidy: &str) -> Option<Captured> {
        let text: Vec<char> = tidy.chars().take(LONGEST + 1).collect();
        if text.len() > LONGEST {
            return None;
        }
        let fold: Vec<char> = text.iter().copied().map(folded).collect();
        let mut search = Search {
            parts: &self.parts,
            text: &fold,
            dead: vec![false; (self.parts.len() + 1) * (fold.len() + 1)],
            spans: vec![(0, 0); self.parts.len()],
        };
        if !search.from(0, 0) {
            return None;
        }
        let spans = search.spans;
        let named = self.parts.iter().zip(spans).filter_map(|(part, (start, end))| match part {
            Part::Words(name) | Part::Number(name) => {
                let words: String = text[start..end].iter().collect();
                Some((name.clone(), words.trim().to_owned()))
            }
            Part::Text(_) | Part::Anything => None,
        });
        Some(named.collect())
    }
}

/// Tries every way to lay the parts over the text, none twice.
struct Search<'a> {
    parts: &'a [Part],
    text: &'a [char],
    /// From where which parts are known not to fit.
    dead: Vec<bool>,
    spans: Vec<(usize, usize)>,
}

impl Search<'_> {
    fn from(&mut self, part: usize, at: usize) -> bool {
        let Some(kind) = self.parts.get(part) else {
            return self.text[at..].iter().all(|c| *c == ' ');
        };
        let place = part * (self.text.len() + 1) + at;
        if self.dead[place] {
            return false;
        }
        let fits = match kind {
            Part::Text(words) => self.words(words, at).is_some_and(|end| self.from(part + 1, end)),
            Part::Number(_) => {
                let start = at + self.text[at..].iter().take_while(|c| **c == ' ').count();
                let digits = |c: &&char| c.is_ascii_digit() || matches!(c, ',' | '.');
                let run = self.text[start..].iter().take_while(digits).count();
                // «5.» is the number 5 and a full stop; «2026» is no 202 and 6.
                let signs = self.text[start..start + run].iter().rev();
                let end = start + run - signs.take_while(|c| !c.is_ascii_digit()).count();
                self.spans[part] = (start, end);
                end > start && self.from(part + 1, end)
            }
            Part::Words(_) | Part::Anything => {
                let least = usize::from(matches!(kind, Part::Words(_)));
                (at + least..=self.text.len()).any(|end| {
                    let solid = least == 0 || self.text[at..end].iter().any(|c| *c != ' ');
                    self.spans[part] = (at, end);
                    solid && self.from(part + 1, end)
                })
            }
        };
        self.dead[place] = !fits;
        fits
    }

    /// Where these characters end if they stand at a place. Next to a gap, an end or a sign a space
    /// may be missing, or be there too much; within words and numbers it may not.
    fn words(&self, words: &[char], at: usize) -> Option<usize> {
        let loose = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
        let (mut place, mut next) = (at, 0);
        while let Some(wanted) = words.get(next) {
            let before = next.checked_sub(1).and_then(|before| words.get(before));
            match self.text.get(place) {
                Some(c) if c == wanted => {
                    place += 1;
                    next += 1;
                }
                Some(' ') if loose(before) || loose(Some(wanted)) => place += 1,
                _ if *wanted == ' ' && (loose(before) || loose(words.get(next + 1))) => next += 1,
                _ => return None,
            }
        }
        Some(place)
    }
}

/// A text as patterns look at it: on one line, without colons, bars and doubled spaces.
pub fn tidied(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let parts =
        text.split(|c: char| c.is_whitespace() || matches!(c, ':' | '|' | '_' | '\u{feff}'));
    for part in parts.filter(|part| !part.is_empty()) {
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(part);
    }
    tidy
}

/// What is compared instead of a word or a name: without what people write one way or another.
pub fn plain(text: &str) -> String {
    let quotes = |c: &char| !matches!(c, '«' | '»' | '"' | '\'' | '„' | '“' | '”' | '`');
    let plain: String = tidied(text).chars().filter(quotes).map(folded).collect();
    // «№ 1» and «№1» are one number.
    plain.replace("№ ", "№").trim_end_matches('.').to_owned()
}

/// What is compared instead of a short mark that people type in either alphabet: «5А» is one class,
/// whichever «А» it has.
pub fn alike(text: &str) -> String {
    const LATIN: [char; 12] = ['A', 'B', 'C', 'E', 'H', 'K', 'M', 'O', 'P', 'T', 'X', 'Y'];
    const RUSSIAN: [char; 12] = ['А', 'В', 'С', 'Е', 'Н', 'К', 'М', 'О', 'Р', 'Т', 'Х', 'У'];
    let folded = |c: char| {
        let c = c.to_uppercase().next().unwrap_or(c);
        LATIN.iter().position(|latin| *latin == c).map_or(c, |place| RUSSIAN[place])
    };
    plain(text).chars().map(folded).collect()
}

/// A character whatever its case.
fn folded(c: char) -> char {
    match c {
        'ё' | 'Ё' => 'е',
        '–' | '—' | '−' => '-',
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Option<String> {
        let found = Pattern::parse(pattern).unwrap().matches(&tidied(text))?;
        let words: Vec<String> =
            found.iter().map(|(name, text)| format!("{name}={text}")).collect();
        Some(words.join(" "))
    }

    #[test]
    fn a_title_is_read_however_it_is_spaced() {
        let title = "ВПР {year:number} {subject} {grade:number} класс";
        for (text, wanted) in [
            ("ВПР 2026 Русский язык 5 класс", Some("year=2026 subject=Русский язык grade=5")),
            ("впр  2026\nМатематика  10 КЛАСС ", Some("year=2026 subject=Математика grade=10")),
            ("ВПР_2026_Математика_5 класс", Some("year=2026 subject=Математика grade=5")),
            ("ВПР 2026 5 класс", None),
            ("ВПР Математика 5 класс", None),
            ("ВПР 2026 Математика 5 классы", None),
            ("ВПР 20 26 Математика 5 класс", Some("year=20 subject=26 Математика grade=5")),
        ] {
            assert_eq!(found(title, text).as_deref(), wanted, "{text}");
        }
        let task = "{task} ({most:number}б)";
        assert_eq!(found("Задание 12", "Задание 1 2"), None);
        assert_eq!(found(task, "9.1 (2б)").as_deref(), Some("task=9.1 most=2"));
        assert_eq!(found(task, "1(2 б)").as_deref(), Some("task=1 most=2"));
        assert_eq!(found("Понизили*", "Понизили (Отметка < по журналу)").as_deref(), Some(""));
        assert_eq!(found("Понизили*", "ПОНИЗИЛИ").as_deref(), Some(""));
        let group = "{name} ({login}) Кол-во участников {announced:number}";
        let text = "МБОУ «СОШ № 1» (edu123) | Кол-во участников: 25";
        let wanted = "name=МБОУ «СОШ № 1» login=edu123 announced=25";
        assert_eq!(found(group, text).as_deref(), Some(wanted));
    }

    #[test]
    fn what_fits_everything_or_nothing_is_no_pattern() {
        for wrong in
            ["", " : ", "*", "{a}{b}", "{a} * x", "{a", "a}", "{a:words}", "{A}", "{a} и {a}"]
        {
            Pattern::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn no_text_takes_long() {
        let gaps: Vec<String> = (0..12).map(|n| format!("{{a{n}}}а")).collect();
        let pattern = Pattern::parse(&gaps.concat()).unwrap();
        assert!(pattern.matches(&"а".repeat(399)).is_some());
        assert!(pattern.matches(&format!("{}б", "а".repeat(399))).is_none());
    }

    #[test]
    fn names_are_one_however_they_are_written() {
        let one = plain("МБОУ «СОШ № 1» г. Заречный");
        assert_eq!(one, plain("мбоу \"СОШ №1\"  г. Заречный."));
        assert_ne!(one, plain("МБОУ СОШ № 11 г. Заречный"));
    }
}
