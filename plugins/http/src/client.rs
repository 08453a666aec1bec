//! One exchange with the other system: redirects, attempts, and an answer of bounded size.
//!
//! Redirects are followed here and not by reqwest, so that each target is judged like the first
//! address and a secret never leaves its site.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, Response, StatusCode, Url};
use vekha_plugin::SourceError;

use crate::guard::{Forbidden, Guard, LookUp, Resolver};
use crate::pause;

/// Most redirects that are followed.
const REDIRECTS: usize = 3;

/// Talks to the other system.
pub(crate) struct Client {
    http: reqwest::Client,
    guard: Guard,
    manners: Manners,
}

/// How to talk to the other system.
pub(crate) struct Manners {
    /// The site to which the credentials belong.
    pub origin: Url,
    /// The header that tells who we are.
    pub credentials: Option<(HeaderName, HeaderValue)>,
    /// The media type that is asked for.
    pub accept: HeaderValue,
    /// How long one attempt may take, redirects and body included.
    pub timeout: Duration,
    /// How many times to try.
    pub attempts: u32,
    /// The first pause between attempts.
    pub backoff: Duration,
    /// Most bytes of a body.
    pub max_size: u64,
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The data, and which version they are of.
    Data(Vec<u8>, Version),
    /// The version that we told is still the newest.
    Unchanged,
}

/// A version of the data at an address, as the other system knows it.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    url: Url,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Version {
    /// Whether the other system can be asked if there is a newer one.
    pub(crate) fn is_known(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }
}

/// Why an attempt came to nothing.
pub(crate) enum Trouble {
    /// The next attempt would come to the same.
    Lasting(String),
    /// The next attempt may do better; how long the other side asks to wait.
    Passing(String, Option<Duration>),
}

impl Client {
    /// A client that goes only where the guard lets it.
    ///
    /// # Errors
    /// TLS cannot be prepared.
    pub(crate) fn new(
        guard: Guard,
        look_up: LookUp,
        certificates: Vec<Certificate>,
        manners: Manners,
    ) -> Result<Self, String> {
        // Fails if somebody installed it already, which is as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .user_agent(concat!("vekha/", env!("CARGO_PKG_VERSION")))
            // A proxy would resolve names for us, unjudged.
            .no_proxy()
            .dns_resolver(Resolver { guard, look_up })
            // Each connection is judged when it is made; requests are too rare to keep them.
            .pool_max_idle_per_host(0)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .tls_certs_merge(certificates)
            .build()
            .map_err(|error| format!("не удаётся подготовить TLS: {}", root(&error)))?;
        Ok(Client { http, guard, manners })
    }

    /// The data at an address, or that they are still those of a known version.
    ///
    /// # Errors
    /// In Russian, and whether it may get better.
    pub(crate) async fn get(
        &self,
        url: &Url,
        known: Option<&Version>,
    ) -> Result<Answer, SourceError> {
        let mut failed = 0;
        loop {
            failed += 1;
            let (why, asked) = match self.within_time(self.attempt(url, known)).await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(why)) => {
                    return Err(SourceError::Refused(format!("{}: {why}", shown(url))));
                }
                Err(Trouble::Passing(why, asked)) => (why, asked.unwrap_or_default()),
            };
            if failed >= self.manners.attempts || asked > pause::LONGEST {
                return Err(SourceError::Failed(format!("{}: {why}", shown(url))));
            }
            tokio::time::sleep(pause::after(failed, self.manners.backoff).max(asked)).await;
        }
    }

    /// Whether there is somebody at an address: how they answer to a request for nothing.
    ///
    /// # Errors
    /// Why there is no answer, in Russian.
    pub(crate) async fn probe(&self, url: &Url) -> Result<StatusCode, String> {
        let asked = async { Ok(self.follow(Method::HEAD, url, None).await?.1.status()) };
        self.within_time(asked).await.map_err(|trouble| match trouble {
            Trouble::Lasting(why) | Trouble::Passing(why, _) => format!("{}: {why}", shown(url)),
        })
    }

    async fn within_time<T>(
        &self,
        asked: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let seconds = self.manners.timeout.as_secs();
        tokio::time::timeout(self.manners.timeout, asked).await.unwrap_or_else(|_| {
            Err(Trouble::Passing(format!("сервер не ответил за {seconds} с"), None))
        })
    }

    async fn attempt(&self, url: &Url, known: Option<&Version>) -> Result<Answer, Trouble> {
        let (url, response) = self.follow(Method::GET, url, known).await?;
        let status = response.status();
        let headers = response.headers();
        if status.is_success() {
            let version = Version {
                url,
                etag: headers.get(ETAG).cloned(),
                last_modified: headers.get(LAST_MODIFIED).cloned(),
            };
            return Ok(Answer::Data(self.body(response).await?, version));
        }
        if status == StatusCode::NOT_MODIFIED && known.is_some_and(|known| known.url == url) {
            return Ok(Answer::Unchanged);
        }
        let why = in_words(status);
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(Trouble::Passing(why, pause::asked(headers, Timestamp::now())));
        }
        Err(Trouble::Lasting(why))
    }

    /// Asks an address, and those to which it leads.
    async fn follow(
        &self,
        method: Method,
        url: &Url,
        known: Option<&Version>,
    ) -> Result<(Url, Response), Trouble> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let response = self.ask(method.clone(), &url, known).await?;
            match target(&url, &response)? {
                None => return Ok((url, response)),
                Some(target) => url = target,
            }
        }
        Err(Trouble::Lasting(format!("больше {REDIRECTS} перенаправлений подряд")))
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        known: Option<&Version>,
    ) -> Result<Response, Trouble> {
        self.guard.judge_url(url).map_err(|forbidden| Trouble::Lasting(forbidden.to_string()))?;
        let mut request = self.http.request(method, url.clone());
        request = request.header(ACCEPT, &self.manners.accept);
        let at_home = url.origin() == self.manners.origin.origin();
        if let Some((name, value)) = self.manners.credentials.as_ref().filter(|_| at_home) {
            request = request.header(name, value);
        }
        if let Some(known) = known.filter(|known| known.url == *url) {
            let told = [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
            for (name, value) in told {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
        }
        request.send().await.map_err(|error| no_contact(&error))
    }

    /// The body, counted as it comes in: what is said of its length may be untrue.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let most = self.manners.max_size;
        let too_big = || {
            let megabytes = most >> 20;
            Trouble::Lasting(format!("ответ больше {megabytes} МБ (настройка max-megabytes)"))
        };
        if response.content_length().is_some_and(|length| length > most) {
            return Err(too_big());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_contact(&error))? {
            if (body.len() + chunk.len()) as u64 > most {
                return Err(too_big());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Where a response sends us, if it does.
fn target(url: &Url, response: &Response) -> Result<Option<Url>, Trouble> {
    // 300 offers a choice and 304 sends nobody anywhere.
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong = |why: &str| Err(Trouble::Lasting(format!("сервер перенаправляет {why}")));
    let location = response.headers().get(LOCATION).and_then(|text| text.to_str().ok());
    let Some(mut target) = location.and_then(|text| url.join(text).ok()) else {
        return wrong("неизвестно куда");
    };
    target.set_fragment(None);
    match target.scheme() {
        "https" => {}
        "http" if url.scheme() == "http" => {}
        "http" => return wrong("с https на http"),
        _ => return wrong("на адрес, который не начинается с https://"),
    }
    if !target.username().is_empty() || target.password().is_some() {
        return wrong("на адрес с именем или паролем");
    }
    Ok(Some(target))
}

/// Why there is no response, or no end of it.
pub(crate) fn no_contact(error: &reqwest::Error) -> Trouble {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return Trouble::Lasting(forbidden.to_string());
        }
        cause = error.source();
    }
    Trouble::Passing(format!("нет связи: {}", root(error)), None)
}

/// What lies beneath an error: what reqwest wraps around it says only that something went wrong.
pub(crate) fn root(error: &reqwest::Error) -> String {
    let mut root: &dyn Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}

/// An address as it is shown to people: without its query, in which others keep secrets.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// What a status means to an administrator.
fn in_words(status: StatusCode) -> String {
    let code = status.as_u16();
    let meaning = match code {
        400 => "сервер не понял запрос: проверьте адрес",
        401 | 407 => "сервер не принял секрет: проверьте [auth]",
        403 => "сервер не разрешает доступ: проверьте права учётной записи",
        404 | 410 => "по этому адресу ничего нет: проверьте его",
        429 => "сервер просит обращаться к нему реже",
        300..=399 => "сервер ответил не данными",
        500..=599 => "на сервере неполадка",
        _ => "сервер отклонил запрос",
    };
    format!("{meaning} (код {code})")
}
