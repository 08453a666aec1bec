//! A school at its link: opens the page, fills the form, sends it, as a browser without JavaScript
//! does.

use reqwest::{Client, StatusCode};

/// Somebody at a school.
pub struct School {
    http: Client,
}

/// A page as it came.
#[derive(Debug)]
pub struct Page {
    /// Its status.
    pub status: StatusCode,
    /// Where it came from, redirects followed.
    pub url: String,
    /// The HTML.
    pub html: String,
}

impl Page {
    /// What a reader sees: the text without tags, spaces collapsed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.html.chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What the page itself sends back beside what is typed: its mark, and what its writer has seen.
    pub fn own(&self) -> Vec<(String, String)> {
        let names = ["_once", "_seen", "_shown"];
        names.iter().filter_map(|name| Some(((*name).to_owned(), self.hidden(name)?))).collect()
    }

    /// What the page's fields hold, as a browser would send them untouched; without what the page sends
    /// back of itself, files and buttons.
    pub fn filled(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut rest = self.html.as_str();
        let mut choice: Option<String> = None;
        while let Some((_, after)) = rest.split_once('<') {
            let (tag, inside) = after.split_once('>').unwrap_or((after, ""));
            rest = after;
            let said = |name: &str| attribute(tag, name);
            let kind = tag.split([' ', '\n']).next().unwrap_or_default();
            let name = said("name").filter(|name| !name.starts_with('_'));
            match (kind, name) {
                ("input", Some(name)) => {
                    let typed = match said("type").as_deref() {
                        Some("checkbox" | "radio") => has(tag, "checked"),
                        Some("file" | "submit" | "hidden") => false,
                        _ => true,
                    };
                    if typed {
                        pairs.push((name, said("value").unwrap_or_default()));
                    }
                }
                ("textarea", Some(name)) => {
                    let text = inside.split("</textarea>").next().unwrap_or_default();
                    pairs.push((name, unescaped(text.strip_prefix('\n').unwrap_or(text))));
                }
                ("select", Some(name)) => choice = Some(name),
                ("option", _) if has(tag, "selected") => {
                    let text = inside.split('<').next().unwrap_or_default();
                    let value = said("value").unwrap_or_else(|| unescaped(text.trim()));
                    pairs.extend(choice.clone().map(|name| (name, value)));
                }
                ("/select", _) => choice = None,
                _ => {}
            }
        }
        pairs
    }

    /// Value of a hidden input.
    fn hidden(&self, name: &str) -> Option<String> {
        let at = self.html.find(&format!("name=\"{name}\""))?;
        let tag = &self.html[self.html[..at].rfind('<')?..];
        let tag = &tag[..tag.find('>')?];
        let value = &tag[tag.find("value=\"")? + 7..];
        Some(value[..value.find('"')?].to_owned())
    }
}

/// The value of a tag's attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(unescaped)
}

/// Whether a tag has an attribute without a value.
fn has(tag: &str, name: &str) -> bool {
    tag.split_whitespace().any(|word| word == name || word.starts_with(&format!("{name}=")))
}

/// Text of a page as people read it.
fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (escaped, plain) in [
        ("&#x2f;", "/"),
        ("&#x27;", "'"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#61;", "="),
        ("&amp;", "&"),
    ] {
        text = text.replace(escaped, plain);
    }
    text
}

impl Default for School {
    fn default() -> Self {
        // Whoever starts a daemon has installed the TLS provider that the client asks for.
        rustls::crypto::ring::default_provider().install_default().ok();
        School { http: Client::builder().build().expect("a client") }
    }
}

impl School {
    /// Opens a link.
    ///
    /// # Panics
    /// When the daemon does not answer.
    pub async fn open(&self, link: &str) -> Page {
        page(self.http.get(link).send().await.expect("the daemon answers")).await
    }

    /// Opens a link, fills fields by their names in the form, and sends it.
    ///
    /// # Panics
    /// When the daemon does not answer.
    pub async fn send(&self, link: &str, fields: &[(String, String)]) -> Page {
        let opened = self.open(link).await;
        self.send_from(&opened, link, fields).await
    }

    /// Fills the form of a page that is open, and sends it.
    ///
    /// # Panics
    /// When the daemon does not answer.
    pub async fn send_from(&self, opened: &Page, link: &str, fields: &[(String, String)]) -> Page {
        let mut pairs = fields.to_vec();
        pairs.extend(opened.own());
        let answer = self.http.post(link).form(&pairs).send().await;
        page(answer.expect("the daemon answers")).await
    }
}

async fn page(response: reqwest::Response) -> Page {
    let (status, url) = (response.status(), response.url().to_string());
    Page { status, url, html: response.text().await.expect("a page") }
}

/// Pairs of a form from JSON: `{"procedures": [{"marks_2": 3}]}` as `procedures[0].marks_2=3`.
pub fn pairs(answers: &serde_json::Value) -> Vec<(String, String)> {
    let plain = |v: &serde_json::Value| match v {
        serde_json::Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let mut pairs = Vec::new();
    for (name, value) in answers.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Array(items) => {
                for (row, item) in items.iter().enumerate() {
                    match item.as_object() {
                        Some(cells) => pairs.extend(
                            cells.iter().map(|(c, v)| (format!("{name}[{row}].{c}"), plain(v))),
                        ),
                        // How many got each score of a histogram.
                        None if item.is_number() => {
                            pairs.push((format!("{name}[{row}]"), plain(item)));
                        }
                        None => pairs.push((name.clone(), plain(item))),
                    }
                }
            }
            // What was said to questions, by the path of the field.
            serde_json::Value::Object(said) => {
                pairs.extend(
                    said.iter().map(|(path, text)| (format!("{name}.{path}"), plain(text))),
                );
            }
            value => pairs.push((name.clone(), plain(value))),
        }
    }
    pairs
}
