//! Signs that nobody sees: what a text keeps of them, what is put right, and what is refused with its
//! place. Texts come from Word, from browsers and from other systems, and end in letters, documents
//! and tables, which must be able to hold them.

/// Whether documents can hold a character of a line: no control character, nor one that is none.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Whether a character turns the direction of what follows: a name is then read as another one.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character takes no room, or ends a line where nobody sees it: a name is then another one
/// that looks the same.
pub fn hides(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// A text as it was meant: Word's own line break (vertical tab), Unicode's line ends and other
/// systems' become ours, or a space where there is one line; a tab of a line becomes a space; where
/// a word may be parted (soft hyphen) and what has no width at all is left out.
pub fn meant(text: &str, lines: bool) -> String {
    let text = text.trim().replace("\r\n", "\n");
    let sign = |c: char| match c {
        '\u{b}' | '\u{2028}' | '\u{2029}' | '\r' => Some(if lines { '\n' } else { ' ' }),
        '\t' if !lines => Some(' '),
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => None,
        c => Some(c),
    };
    text.chars().filter_map(sign).collect()
}

/// Whether documents can hold a text; one of several `lines` may have their ends and tabs.
///
/// # Errors
/// Which sign they cannot hold, and where it stands, for people.
pub fn check_text(text: &str, lines: bool) -> Result<(), String> {
    let text = text.replace("\r\n", "\n");
    let fits = |c: char| is_printable(c) || (lines && matches!(c, '\n' | '\t'));
    let Some(at) = text.find(|c| !fits(c)) else { return Ok(()) };
    let (before, from) = text.split_at(at);
    if from.starts_with('\n') {
        return Err(format!(
            "нужна одна строка: уберите перевод строки после «{}»",
            ending(before)
        ));
    }
    let line = before.matches('\n').count() + 1;
    let place = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let place = match lines {
        true => format!("строка {line}, знак {place}"),
        false => format!("знак {place}"),
    };
    let sign = u32::from(from.chars().next().unwrap_or_default());
    let after = match ending(before) {
        "" => "в начале".to_owned(),
        words => format!("после «{words}»"),
    };
    Err(format!("уберите непечатный знак U+{sign:04X} {after} ({place})"))
}

/// The last words of a text, by which its end is found again.
fn ending(text: &str) -> &str {
    const LONGEST: usize = 20;
    let line = text.rsplit('\n').next().unwrap_or_default();
    let start = line.char_indices().rev().take(LONGEST).last().map_or(0, |(start, _)| start);
    line[start..].trim()
}

/// The name of a file as it is kept: the last part of a path that a browser or a system sent.
pub fn file_name(sent: &str) -> &str {
    sent.rsplit(['/', '\\']).next().unwrap_or_default().trim()
}

/// Whether a file may be called so, here and wherever it is saved to.
///
/// # Errors
/// Why not, for people.
pub fn check_file_name(name: &str) -> Result<(), String> {
    /// Longest in characters.
    const LONGEST: usize = 200;
    if name.is_empty() || name.chars().count() > LONGEST {
        return Err(format!("имя файла — до {LONGEST} знаков"));
    }
    if name.contains(['/', '\\']) || name.starts_with('.') || name != name.trim() {
        return Err("имя файла: без папок, без точки в начале и пробелов по краям".to_owned());
    }
    if let Some(sign) = name.chars().find(|c| !is_printable(*c) || turns(*c)) {
        return Err(format!("имя файла: уберите непечатный знак U+{:04X}", u32::from(sign)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_word_means_is_kept_and_what_it_cannot_mean_is_named_with_its_place() {
        assert_eq!(
            meant(" одна\u{b}две\r\nтри\rчетыре\u{2028}пять ", true),
            "одна\nдве\nтри\nчетыре\nпять"
        );
        assert_eq!(meant("одна\u{b}две\tтри", false), "одна две три");
        assert_eq!(meant("обра\u{ad}зова\u{200b}ние\u{feff}", false), "образование");
        assert_eq!(meant("таблица\tв строках", true), "таблица\tв строках");
        assert_eq!(
            check_text("первая\nа вторая \u{7}звенит", true).unwrap_err(),
            "уберите непечатный знак U+0007 после «а вторая» (строка 2, знак 10)"
        );
        assert_eq!(
            check_text("\u{1b}[31mкрасный", false).unwrap_err(),
            "уберите непечатный знак U+001B в начале (знак 1)"
        );
        assert_eq!(
            check_text("Иванов\nПетров", false).unwrap_err(),
            "нужна одна строка: уберите перевод строки после «Иванов»"
        );
    }

    #[test]
    fn a_file_is_called_by_the_last_part_of_what_was_sent_and_by_nothing_that_hides() {
        assert_eq!(file_name(r"C:\Users\Анна\план.pdf"), "план.pdf");
        assert_eq!(file_name("../../etc/план.pdf "), "план.pdf");
        assert!(check_file_name("План на 2027 год (итог).pdf").is_ok());
        for wrong in
            ["", "../план.pdf", r"a\b.pdf", ".pdf", "fdp\u{202e}.exe", "a\u{1b}.pdf", " a.pdf"]
        {
            assert!(check_file_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
