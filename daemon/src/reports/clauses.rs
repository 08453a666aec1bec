//! What a decision says, in the order in which an official document says it: points are numbered
//! once, what is ordered follows those of the text, and control is the last of them.

use super::chapter::{Decision, Measure};

/// A decision's words, as its document and its page show them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Clauses {
    /// The text with what is ordered; control comes last.
    pub text: Vec<String>,
    /// What stands after the signature: appendices that are only named.
    pub marks: Vec<String>,
    /// The appendices that the text brings.
    pub appendices: Vec<Appendix>,
}

/// An appendix with what stands in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Appendix {
    /// Its number, if it has one.
    pub number: Option<usize>,
    /// What it is about; may be empty.
    pub title: String,
    /// Its lines; those with « | » are rows of a table.
    pub lines: Vec<String>,
}

/// Who held a meeting, as its minutes say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Who led it; empty if the minutes do not say.
    pub chair: String,
    /// Who wrote them.
    pub secretary: String,
}

impl Meeting {
    /// Of the lines of minutes: «Председатель — А. П. Иванова».
    pub fn of(text: &[String]) -> Self {
        let said = |post: &str| {
            let name = text.iter().find_map(|line| {
                let rest = line.trim_start().strip_prefix(post)?.trim_start();
                rest.strip_prefix(['—', '–', '-', ':'])
            });
            name.unwrap_or_default().trim().trim_end_matches([',', ';']).to_owned()
        };
        Meeting { chair: said("Председатель"), secretary: said("Секретарь") }
    }
}

impl Clauses {
    /// Of a decision; one without a text of its own says what was decided.
    pub fn of(decision: &Decision) -> Self {
        let text = if decision.text.is_empty() { &decision.outcome } else { &decision.text };
        let lines: Vec<&str> =
            text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
        // A sheet begins where the text says so; an appendix that is only named stands below all
        // points.
        let sheet = lines.iter().position(|line| begins_sheet(line)).unwrap_or(lines.len());
        let control = lines[..sheet].iter().rposition(|line| is_control(unnumbered(line)));
        let points = lines[..sheet].iter().rposition(|line| number(line).is_some());
        let below = points.max(control).map_or(0, |last| last + 1);
        let appendix = lines[below..].iter().position(|line| is_appendix(line));
        let (body, appendices) = lines.split_at(appendix.map_or(lines.len(), |at| below + at));
        let taken = control.and_then(|at| number(lines[at]));
        let mut text: Vec<String> = decision
            .corrects
            .iter()
            .map(|earlier| format!("Исправляет решение № {earlier}."))
            .collect();
        let own = body.iter().enumerate().filter(|(at, _)| Some(*at) != control);
        text.extend(own.map(|(_, line)| closed_up(line, taken)));
        let measures = measures(&decision.measures);
        let last = text.iter().filter_map(|line| number(line)).max();
        if last.is_none() && !measures.is_empty() {
            text.push("Поручения:".to_owned());
        }
        let mut next = last.unwrap_or(0) + 1;
        for measure in measures {
            text.push(format!("{next}. {measure}"));
            next += 1;
        }
        if let Some(at) = control {
            let words = unnumbered(lines[at]);
            text.push(if next > 1 { format!("{next}. {words}") } else { words.to_owned() });
        }
        let (marks, appendices) = appendices_of(appendices);
        Clauses { text, marks, appendices }
    }

    /// All of it in lines, as a page shows it.
    pub fn lines(self) -> Vec<String> {
        let Clauses { mut text, marks, appendices } = self;
        text.extend(marks);
        for Appendix { number, title, lines } in appendices {
            let number = number.map(|number| format!(" № {number}")).unwrap_or_default();
            text.push(format!("Приложение{number}"));
            text.extend(Some(title).filter(|title| !title.is_empty()));
            text.extend(lines);
        }
        text
    }
}

/// Appendices that are only named, and those that are there.
fn appendices_of(lines: &[&str]) -> (Vec<String>, Vec<Appendix>) {
    let (mut marks, mut all) = (Vec::new(), Vec::new());
    let mut rest = lines;
    while let Some((head, below)) = rest.split_first() {
        let end = below.iter().position(|line| is_appendix(line)).unwrap_or(below.len());
        let (own, others) = below.split_at(end);
        rest = others;
        if own.is_empty() {
            marks.push((*head).to_owned());
            continue;
        }
        let named = head.trim_start().trim_start_matches("Приложение").trim_start();
        let named = named.trim_start_matches('№').trim_start();
        let digits = named.find(|c: char| !c.is_ascii_digit()).unwrap_or(named.len());
        let (number, title) = named.split_at(digits);
        let title = title.trim_start_matches(['.', ':', ' ', '\u{a0}']);
        // What it is about stands beside its number or below it.
        let (title, own) = match (title, own) {
            ("", [title, lines @ ..]) if !title.contains(" | ") && is_title(title) => {
                (title.trim(), lines)
            }
            _ => (title, own),
        };
        all.push(Appendix {
            number: number.parse().ok(),
            title: title.to_owned(),
            lines: own.iter().map(|line| (*line).to_owned()).collect(),
        });
    }
    (marks, all)
}

/// Whether a line can be what an appendix is about: it is no point and no item.
fn is_title(line: &str) -> bool {
    number(line).is_none() && !line.trim_start().starts_with(['—', '–', '-'])
}

/// «Приложение» and «Приложение № 1» by themselves: the sheet begins.
fn begins_sheet(line: &str) -> bool {
    let rest = line.trim().strip_prefix("Приложение").map(str::trim_start);
    rest.is_some_and(|rest| {
        let number = rest.trim_start_matches('№').trim_start();
        number.chars().all(|c| c.is_ascii_digit())
    })
}

/// Who keeps an eye on it: «Контроль за исполнением приказа оставляю за собой».
fn is_control(line: &str) -> bool {
    let line = line.to_lowercase();
    [
        "контроль за исполнением",
        "контроль исполнения",
        "контроль за выполнением",
        "контроль выполнения",
    ]
    .iter()
    .any(|words| line.starts_with(words))
}

/// «Приложение: на 3 л.», «Приложение № 1», «Приложение».
fn is_appendix(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix("Приложение").map(str::trim_start);
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest.starts_with([':', '№'])
            || rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// The number of a point: of «3. Довести…» 3, of «3.1. …» and of a date nothing.
fn number(line: &str) -> Option<usize> {
    let (digits, rest) = split(line)?;
    let begins = rest.strip_prefix('.').or_else(|| rest.strip_prefix(')'))?;
    begins.starts_with([' ', '\t', '\u{a0}']).then(|| digits.parse().ok()).flatten()
}

fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    (1..=3).contains(&end).then(|| line.split_at(end))
}

/// A point without its number.
fn unnumbered(line: &str) -> &str {
    match (number(line), split(line)) {
        (Some(_), Some((_, rest))) => rest[1..].trim_start(),
        _ => line.trim_start(),
    }
}

/// A line that stood below control with the number that control has left free: points follow each
/// other without a gap.
fn closed_up(line: &str, taken: Option<usize>) -> String {
    let Some((digits, rest)) = split(line).filter(|(_, rest)| rest.starts_with(['.', ')'])) else {
        return line.to_owned();
    };
    match (digits.parse::<usize>(), taken) {
        (Ok(own), Some(taken)) if own > taken => format!("{}{rest}", own - 1),
        _ => line.to_owned(),
    }
}

/// What is ordered, in sentences: the same of several by the same day is one.
fn measures(all: &[Measure]) -> Vec<String> {
    let mut grouped: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for Measure { organisation, text, due, .. } in all {
        let same = grouped.iter_mut().find(|(what, when, _)| what == text && when == due);
        match same {
            Some((_, _, who)) => who.push(organisation),
            None => grouped.push((text, due, vec![organisation])),
        }
    }
    let sentence = |(text, due, who): (&str, &str, Vec<&str>)| {
        let text = text.trim().trim_end_matches('.');
        let noun = if who.len() > 1 { "Исполнители" } else { "Исполнитель" };
        format!("{text}. {noun}: {}. Срок: до {due}.", who.join(", "))
    };
    grouped.into_iter().map(sentence).collect()
}

/// Post and name of who signs: they stand at the two ends of the line. What is not told apart is
/// the post.
pub fn post_and_name(signatory: &str) -> (String, String) {
    let signatory = signatory.trim();
    if let Some((one, other)) = signatory.split_once(',') {
        let (one, other) = (one.trim(), other.trim());
        return if is_name(&one.split_whitespace().collect::<Vec<_>>()) {
            (other.to_owned(), one.to_owned())
        } else {
            (one.to_owned(), other.to_owned())
        };
    }
    let words: Vec<&str> = signatory.split_whitespace().collect();
    // The longest name that leaves a post before it.
    let name = (2..=3)
        .rev()
        .filter(|count| *count < words.len())
        .find(|count| is_name(&words[words.len() - count..]));
    match name {
        Some(count) => {
            let (post, name) = words.split_at(words.len() - count);
            (post.join(" "), name.join(" "))
        }
        None => (words.join(" "), String::new()),
    }
}

/// «И. О. Фамилия», «Фамилия И.О.», «Фамилия Имя Отчество».
fn is_name(words: &[&str]) -> bool {
    let capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    let initials = |word: &&str| {
        word.ends_with('.') && word.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase)
    };
    let patronymic = |word: &&str| {
        let word = word.to_lowercase();
        ["ич", "вна", "чна", "кызы", "оглы"].iter().any(|end| word.ends_with(end))
    };
    let named = words.iter().filter(|word| !initials(word)).count();
    (2..=3).contains(&words.len())
        && words.iter().all(|word| capital(word))
        && (named == 1 || words.len() == 3 && named == 3 && words.iter().any(patronymic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(text: &str, measures: &[&str]) -> Clauses {
        let measure = |text: &&str| Measure {
            organisation: "Школа".to_owned(),
            text: (*text).to_owned(),
            due: "1 мая 2027 года".to_owned(),
            state: "",
        };
        let measures = measures.iter().map(measure).collect();
        Clauses::of(&Decision {
            kind: "приказ",
            text: text.to_owned(),
            measures,
            ..Decision::default()
        })
    }

    #[test]
    fn points_are_numbered_once_and_control_is_the_last_of_them() {
        let ordered = |number: usize| {
            format!("{number}. План. Исполнитель: Школа. Срок: до 1 мая 2027 года.")
        };
        let control = "Контроль за исполнением приказа оставляю за собой.";
        let plain =
            format!("ПРИКАЗЫВАЮ:\n\n1. Раз.\n— а\n2. Два.\n\n{control}\n\nПриложение: на 3 л.");
        let all = clauses(&plain, &["План"]);
        let expected =
            ["ПРИКАЗЫВАЮ:", "1. Раз.", "— а", "2. Два.", &ordered(3), &format!("4. {control}")];
        assert_eq!(all.text, expected);
        assert_eq!(all.marks, ["Приложение: на 3 л."]);
        assert_eq!(all.appendices, []);
        // What a text brings on sheets of their own is told apart; points there are points of theirs.
        let sheets = format!(
            "1. Раз (приложение № 1).\n{control}\n\nПриложение № 1\nПеречень\nА | Б\nв | г\n\nПриложение № \
             2. Порядок\n1. Первое.\n3. Третье.\n\nПриложение № 3 на 2 л."
        );
        let all = clauses(&sheets, &["План"]);
        let expected = ["1. Раз (приложение № 1).", &ordered(2), &format!("3. {control}")];
        assert_eq!(all.text, expected);
        assert_eq!(all.marks, ["Приложение № 3 на 2 л."]);
        let sheet = |number, title: &str, lines: &[&str]| Appendix {
            number: Some(number),
            title: title.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let expected = [
            sheet(1, "Перечень", &["А | Б", "в | г"]),
            sheet(2, "Порядок", &["1. Первое.", "3. Третье."]),
        ];
        assert_eq!(all.appendices, expected);
        // Numbered where it was typed, and not below everything: it still is the last.
        let amid = format!("1. Раз.\n2. {control}\n3. Три.\n3.1. Часть.\n1 марта было.");
        let all = clauses(&amid, &["План"]);
        let expected = [
            "1. Раз.",
            "2. Три.",
            "2.1. Часть.",
            "1 марта было.",
            &ordered(3),
            &format!("4. {control}"),
        ];
        assert_eq!(all.text, expected);
        // Of what is not numbered nothing is.
        assert_eq!(clauses(&format!("Решено.\n{control}"), &[]).text, ["Решено.", control]);
        let ordered_only = clauses("Решено.\nПриложение о питании принять.", &["План"]);
        let expected = ["Решено.", "Приложение о питании принять.", "Поручения:", &ordered(1)];
        assert_eq!(ordered_only.text, expected);
        assert_eq!(clauses("", &[]), Clauses::default());
    }

    #[test]
    fn post_and_name_are_told_apart_however_they_are_written() {
        for (typed, post, name) in [
            (
                "Начальник отдела образования А. П. Иванова",
                "Начальник отдела образования",
                "А. П. Иванова",
            ),
            ("Начальник отдела Иванова А.П.", "Начальник отдела", "Иванова А.П."),
            ("Начальник отдела Иванова Анна Петровна", "Начальник отдела", "Иванова Анна Петровна"),
            (
                "Начальник отдела, Анна Петровна Иванова",
                "Начальник отдела",
                "Анна Петровна Иванова",
            ),
            ("Иванова А. П., начальник отдела", "начальник отдела", "Иванова А. П."),
            ("Глава Заречного муниципального округа", "Глава Заречного муниципального округа", ""),
            ("Начальник отдела", "Начальник отдела", ""),
            ("", "", ""),
        ] {
            assert_eq!(post_and_name(typed), (post.to_owned(), name.to_owned()), "{typed}");
        }
    }
}
