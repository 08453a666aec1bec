//! The address of a request: a URL with places for what is asked.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use vekha_plugin::FetchRequest;

/// What may stand in braces.
const PLACEHOLDERS: [&str; 4] = ["period", "municipality", "activity", "form"];

/// All but the characters that mean nothing in any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with `{period}`, `{municipality}`, `{activity}` and `{form}` in its path or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
    /// The site's root.
    origin: Url,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Everything that is wrong with it, in Russian.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        for piece in text.split('{').skip(1) {
            match piece.split_once('}') {
                Some((name, _)) if PLACEHOLDERS.contains(&name) => {}
                Some((name, _)) => mistakes.push(format!(
                    "неизвестное место {{{name}}}: бывает {{period}}, {{municipality}}, \
                     {{activity}} и {{form}}"
                )),
                None => mistakes.push("фигурная скобка не закрыта".into()),
            }
        }
        // What is asked decides nothing about where it is asked.
        let site = text.split_once("://").map_or(text, |(_, rest)| rest);
        let site = site.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        if site.contains('{') {
            mistakes.push("места в фигурных скобках допускаются только после имени узла".into());
            return Err(mistakes);
        }
        match absolute(&fill(text, |_| "x".into())) {
            Ok(mut origin) if mistakes.is_empty() => {
                origin.set_path("/");
                origin.set_query(None);
                Ok(Template { text: text.to_owned(), origin })
            }
            Ok(_) => Err(mistakes),
            Err(why) => {
                mistakes.push(why);
                Err(mistakes)
            }
        }
    }

    /// The site's root: scheme, host and port.
    pub(crate) fn origin(&self) -> &Url {
        &self.origin
    }

    /// The URL of a request.
    ///
    /// # Errors
    /// What is asked does not fit into a URL.
    pub(crate) fn fill(&self, request: &FetchRequest) -> Result<Url, String> {
        let value = |name: &str| match name {
            "period" => &request.period,
            "municipality" => &request.municipality,
            "activity" => &request.activity,
            _ => &request.form,
        };
        for name in PLACEHOLDERS {
            // A path takes dots, encoded or not, for a way up.
            let value = value(name);
            if self.text.contains(&format!("{{{name}}}")) && value.chars().all(|c| c == '.') {
                return Err(format!("значение «{value}» не подходит для {{{name}}} в адресе"));
            }
        }
        absolute(&fill(&self.text, |name| utf8_percent_encode(value(name), RESERVED).to_string()))
    }
}

/// The text with its placeholders replaced, each once: a value with braces stays as it is.
fn fill(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((name, rest)) => {
                filled.push_str(&value(name));
                filled.push_str(rest);
            }
            None => filled.push_str(piece),
        }
    }
    filled
}

/// A URL that can be requested.
pub(crate) fn absolute(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|_| "нужен полный адрес: https://example.ru/data?period={period}".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("адрес должен начинаться с https://, а не с {}:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("имя и пароль указывают не в адресе, а в [auth]".into());
    }
    if url.fragment().is_some() {
        return Err("часть адреса после # на сервер не отправляется: уберите её".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(period: &str) -> FetchRequest {
        FetchRequest {
            key: "k".into(),
            municipality: "zarechny".into(),
            activity: "vpr".into(),
            period: period.into(),
            form: "vpr-results".into(),
            fields: Vec::new(),
            organisations: Vec::new(),
        }
    }

    #[test]
    fn values_are_encoded_and_decide_nothing_else() {
        let template = Template::read("https://a.ru/{form}/{period}?m={municipality}").unwrap();
        let filled = |period| template.fill(&request(period)).map(|url| url.to_string());
        let expected = |period| Ok(format!("https://a.ru/vpr-results/{period}?m=zarechny"));
        assert_eq!(filled("2026-27"), expected("2026-27"));
        assert_eq!(filled("../../x"), expected("..%2F..%2Fx"));
        assert_eq!(filled("a?b#c&d=e"), expected("a%3Fb%23c%26d%3De"));
        assert_eq!(filled("{form}"), expected("%7Bform%7D"));
        assert_eq!(filled("год"), expected("%D0%B3%D0%BE%D0%B4"));
        assert!(filled("..").is_err());
        assert!(filled("").is_err());
    }

    #[test]
    fn a_template_that_cannot_be_right_is_told_why() {
        let wrong = |text: &str| Template::read(text).unwrap_err().join("; ");
        assert!(wrong("").contains("нужен полный адрес"));
        assert!(wrong("/data").contains("нужен полный адрес"));
        assert!(wrong("file:///etc/passwd").contains("https://"));
        assert!(wrong("https://{municipality}.ru/").contains("после имени узла"));
        assert!(wrong("https://a:b@a.ru/").contains("[auth]"));
        assert!(wrong("https://a.ru/#{form}").contains("#"));
        assert!(wrong("https://a.ru/{form").contains("не закрыта"));
        assert!(wrong("https://a.ru/{year}/{quarter}").matches("неизвестное место").count() == 2);
    }
}
