//! Somebody with a browser that knows pages, forms and cookies and nothing else: follows links by hand, so
//! that tests see every step.

use std::collections::BTreeMap;

use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

/// Steps that one thing may lead to.
const STEPS: usize = 20;

/// Somebody.
#[derive(Clone)]
pub struct Visitor {
    http: reqwest::Client,
    /// Cookies by name: those whom tests visit call theirs differently.
    pub cookies: BTreeMap<String, String>,
}

/// What somebody sees.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where.
    pub url: Url,
    /// How it was answered.
    pub status: StatusCode,
    /// Where it leads by itself.
    pub leads_to: Option<Url>,
    /// What stands there.
    pub text: String,
}

impl Page {
    /// The value of an attribute of the first tag that begins so: `<form`, `action`.
    ///
    /// # Panics
    /// When there is none.
    pub fn attribute(&self, tag: &str, name: &str) -> String {
        let begin = self.text.find(tag).unwrap_or_else(|| panic!("no {tag}: {}", self.text));
        let end = self.text[begin + tag.len()..]
            .find('>')
            .map_or(self.text.len(), |at| begin + tag.len() + at);
        let tag = &self.text[begin..end];
        let value = tag.split_once(&format!("{name}=\"")).map(|(_, rest)| rest);
        let value = value.and_then(|rest| rest.split('"').next());
        let value = value.unwrap_or_else(|| panic!("no {name} in {tag}"));
        value.replace("&#x2f;", "/").replace("&amp;", "&").replace("&#61;", "=")
    }

    /// What the query of its address says under a name.
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl Default for Visitor {
    fn default() -> Self {
        // Where no daemon runs in this process, nobody has.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build();
        Visitor { http: http.expect("a client"), cookies: BTreeMap::new() }
    }
}

impl Visitor {
    /// Opens a page, and no other.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn get(&mut self, url: &str) -> Page {
        let request = self.http.get(url).header("cookie", self.own());
        let answer = request.send().await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        self.seen(answer).await
    }

    /// Sends a form from a page of the same site, and no further.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.http.post(url).header("cookie", self.own()).form(fields);
        let answer = request.send().await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        self.seen(answer).await
    }

    /// Goes where a page leads, while `on` says so of where that is.
    ///
    /// # Panics
    /// When it leads on and on.
    pub async fn follow_while(&mut self, from: Page, on: impl Fn(&Url) -> bool) -> Page {
        let mut page = from;
        for _ in 0..STEPS {
            match page.leads_to.clone().filter(&on) {
                Some(next) => page = self.get(next.as_str()).await,
                None => return page,
            }
        }
        panic!("it leads on and on: {}", page.url);
    }

    /// Goes where a page leads.
    ///
    /// # Panics
    /// When it leads on and on.
    pub async fn follow(&mut self, from: Page) -> Page {
        self.follow_while(from, |_| true).await
    }

    /// Opens a page, wherever it leads.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn open(&mut self, url: &str) -> Page {
        let page = self.get(url).await;
        self.follow(page).await
    }

    fn own(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    async fn seen(&mut self, answer: Response) -> Page {
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a cookie");
            let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a name and a value");
            let rest = rest.to_lowercase();
            if value.is_empty() || rest.contains("max-age=0") || rest.contains("01 jan 1970") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let (url, status) = (answer.url().clone(), answer.status());
        let location = answer.headers().get("location").and_then(|to| to.to_str().ok());
        let leads_to = location.and_then(|to| url.join(to).ok());
        let text = answer.text().await.expect("a page");
        Page { url, status, leads_to, text }
    }
}
