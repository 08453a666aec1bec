//! Which files of the folder are the ones asked for.

use vekha_plugin::FetchRequest;

/// What may stand in braces.
const PLACEHOLDERS: [&str; 4] = ["period", "municipality", "activity", "form"];

/// A file name with `{form}`, `{period}`, `{activity}` and `{municipality}`, and with `*` for any
/// text. Names of the folder are compared with it and no path is ever made of it, so nothing that
/// is asked leads out of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in Russian.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('.') {
            return Err("нужно имя файла, и не с точки в начале: {form}-{period}.*".into());
        }
        if text.contains(|c: char| matches!(c, '/' | '\\') || c.is_control()) {
            return Err("нужно только имя файла, без папок".into());
        }
        for piece in text.split('{').skip(1) {
            match piece.split_once('}') {
                Some((name, _)) if PLACEHOLDERS.contains(&name) => {}
                Some((name, _)) => {
                    return Err(format!(
                        "неизвестное место {{{name}}}: бывает {{form}}, {{period}}, {{activity}} и \
                         {{municipality}}"
                    ));
                }
                None => return Err("фигурная скобка не закрыта".into()),
            }
        }
        Ok(Pattern(text.to_owned()))
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The file names that a request means.
    pub(crate) fn fill(&self, request: &FetchRequest) -> Names {
        // The texts between the stars.
        let mut texts = vec![String::new()];
        let mut add = |text: &str, stars: bool| {
            let mut parts = if stars { text.split('*').collect() } else { vec![text] }.into_iter();
            if let (Some(last), Some(first)) = (texts.last_mut(), parts.next()) {
                last.push_str(&first.to_lowercase());
            }
            texts.extend(parts.map(str::to_lowercase));
        };
        let mut pieces = self.0.split('{');
        add(pieces.next().unwrap_or_default(), true);
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap_or(("", piece));
            let value = match name {
                "period" => &request.period,
                "municipality" => &request.municipality,
                "activity" => &request.activity,
                _ => &request.form,
            };
            add(value, false);
            add(rest, true);
        }
        Names(texts)
    }
}

/// File names that begin, go on and end with these texts.
pub(crate) struct Names(Vec<String>);

impl Names {
    /// Whether this is one of them. Case does not matter.
    pub(crate) fn has(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let Some((first, others)) = self.0.split_first() else { return false };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        let Some((last, between)) = others.split_last() else { return rest.is_empty() };
        for text in between {
            let Some(at) = rest.find(text.as_str()) else { return false };
            rest = &rest[at + text.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(pattern: &str, name: &str) -> bool {
        let request = FetchRequest {
            key: "k".into(),
            municipality: "zarechny".into(),
            activity: "a*".into(),
            period: "2026-27".into(),
            form: "vpr".into(),
            fields: Vec::new(),
            organisations: Vec::new(),
        };
        Pattern::read(pattern).unwrap().fill(&request).has(name)
    }

    #[test]
    fn a_name_fits_with_its_values_in_their_places() {
        assert!(has("{form}-{period}.*", "vpr-2026-27.xlsx"));
        assert!(has("{form}-{period}.*", "VPR-2026-27.XLSX"));
        assert!(!has("{form}-{period}.*", "vpr-2025-26.xlsx"));
        assert!(!has("{form}-{period}.*", "old-vpr-2026-27.xlsx"));
        assert!(has("{form}.csv", "vpr.csv"));
        assert!(!has("{form}.csv", "vpr.csv.bak"));
        assert!(has("Свод *{period}*.xlsx", "свод ВПР 2026-27 (2).xlsx"));
        assert!(has("*a*a*.csv", "aa.csv"));
        assert!(!has("*a*a*.csv", "a.csv"));
        assert!(!has("a*a", "a"));
        // A star in a value is no star.
        assert!(has("{activity}.csv", "a*.csv"));
        assert!(!has("{activity}.csv", "ab.csv"));
    }

    #[test]
    fn a_pattern_is_a_name_and_no_path() {
        for wrong in ["", "../{form}.csv", "a/b.csv", "..", "\\\\host\\{form}", "{form", "{year}"] {
            assert!(Pattern::read(wrong).is_err(), "{wrong}");
        }
    }
}
