//! A webhook's requests by the Standard Webhooks (github.com/standard-webhooks): signed, each with the
//! entry's id, so that a receiver knows that it comes from us, when it was sent, and whether it has had
//! it before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::Sha256;
use vekha_plugin_http::{Posted, Poster, Url};

use super::Failure;
use super::event::Told;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::store::entities::listener;
use crate::store::micros;

/// How secrets begin that people are shown.
const PREFIX: &str = "whsec_";

/// A webhook that is told.
pub(crate) struct Webhook<'a> {
    poster: &'a Poster,
    clock: &'a Clock,
    url: Url,
    /// The newest first.
    secrets: Vec<[u8; 32]>,
}

/// What a listener's requests are signed with, as people are shown it.
pub(crate) fn shown_secret(secret: &Secret, row: &listener::Model) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret.of_listener(&row.seed, row.rotated)))
}

impl<'a> Webhook<'a> {
    /// The webhook of a listener, with the secrets that sign at present.
    ///
    /// # Errors
    /// Why its address cannot be one.
    pub fn of(
        row: &listener::Model,
        poster: &'a Poster,
        secret: &Secret,
        clock: &'a Clock,
    ) -> Result<Self, String> {
        let url = row.url.parse().map_err(|e| format!("адрес не читается: {e}"))?;
        let overlaps = row.rotated > 0 && row.before_until > micros(clock.of_people());
        let before = overlaps.then(|| secret.of_listener(&row.seed, row.rotated - 1));
        let newest = secret.of_listener(&row.seed, row.rotated);
        let secrets = [newest].into_iter().chain(before).collect();
        Ok(Webhook { poster, clock, url, secrets })
    }

    /// Posts an entry.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn post(&self, told: &Told) -> Result<(), Failure> {
        let body = told.cloud_event();
        let at = self.clock.of_people().as_second();
        let away = |why: String| Failure::Away(why, None);
        let headers = headers(told.id(), at, &body, &self.secrets);
        let headers = headers.map_err(|e| away(e.to_string()))?;
        judge(self.poster.post(&self.url, headers, body).await.map_err(away)?)
    }
}

fn headers(
    id: &str,
    at: i64,
    body: &[u8],
    secrets: &[[u8; 32]],
) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let signed: Vec<String> =
        secrets.iter().map(|secret| format!("v1,{}", signature(secret, id, at, body))).collect();
    let mut headers = HeaderMap::new();
    let media = "application/cloudevents+json; charset=utf-8";
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert("webhook-id", id.parse()?);
    headers.insert("webhook-timestamp", at.to_string().parse()?);
    headers.insert("webhook-signature", signed.join(" ").parse()?);
    Ok(headers)
}

fn signature(secret: &[u8], id: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// What an answer means for the entry, and for those that follow.
fn judge(Posted { status, wait, said }: Posted) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let code = status.as_u16();
    let meaning = match code {
        300..=399 => "перенаправляет, а перенаправления не выполняются: нужен конечный адрес",
        401 | 403 => "не пускает: проверьте секрет",
        404 => "по этому адресу ничего нет",
        410 => "больше не принимает событий",
        429 => "просит обращаться реже",
        500..=599 => "неполадка на той стороне",
        _ => "отклоняет запрос",
    };
    let mut why = format!("{meaning} (код {code})");
    // A page is for people; what it says is said by the code.
    if !said.is_empty() && !said.trim_start().starts_with('<') {
        why = format!("{why}: {said}");
    }
    Err(match code {
        410 => Failure::Gone(why),
        400 | 409 | 413 | 415 | 422 => Failure::Refused(why),
        _ => Failure::Away(why, wait),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;

    #[test]
    fn a_request_is_signed_as_the_specification_says() {
        // The example of the specification's own libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signed = signature(&secret, id, at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let headers = headers("id", 1, b"{}", &[[1; 32], [2; 32]]).unwrap();
        let signed = headers["webhook-signature"].to_str().unwrap();
        let wanted = [[1; 32], [2; 32]].map(|s| format!("v1,{}", signature(&s, "id", 1, b"{}")));
        assert_eq!(signed, wanted.join(" "));
    }

    #[test]
    fn what_an_answer_means() {
        let answer = |code: u16| {
            let wait = Some(Duration::from_secs(7));
            judge(Posted {
                status: StatusCode::from_u16(code).unwrap(), wait, said: "нет".into()
            })
        };
        assert_eq!((answer(200), answer(204)), (Ok(()), Ok(())));
        assert!(matches!(answer(410), Err(Failure::Gone(_))));
        for code in [400, 409, 413, 415, 422] {
            assert!(matches!(answer(code), Err(Failure::Refused(_))), "{code}");
        }
        for code in [301, 302, 307, 401, 403, 404, 408, 425, 429, 500, 503] {
            let wait = Some(Duration::from_secs(7));
            assert!(matches!(answer(code), Err(Failure::Away(_, w)) if w == wait), "{code}");
        }
    }
}
