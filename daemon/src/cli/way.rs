//! Why the daemon is not reached, in words that say what to do: a port that speaks TLS called without
//! it, or the other way round; a certificate that is not believed; a file that holds none.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, Error as TlsError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::transport::{Certificate, Uri};

/// How long a port may take to show what it speaks.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// HTTP in the clear.
    Plain,
    /// TLS.
    Tls,
}

/// The certificates of one's own authority, from a file.
///
/// # Errors
/// That it cannot be read, or holds none.
pub(super) fn authority(file: &Path) -> anyhow::Result<Certificate> {
    let named = file.display();
    let text = std::fs::read(file).with_context(|| format!("--ca: файл «{named}» не читается"))?;
    let wanted = "нужен файл PEM с сертификатом удостоверяющего центра, со строкой \
                  -----BEGIN CERTIFICATE-----";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(all) if !all.is_empty() => Ok(Certificate::from_pem(text)),
        Ok(_) if text.windows(11).any(|part| part == b"PRIVATE KEY") => {
            bail!("--ca: в файле «{named}» закрытый ключ, а не сертификат: {wanted}")
        }
        Ok(_) => bail!("--ca: в файле «{named}» нет ни одного сертификата: {wanted}"),
        Err(e) => bail!("--ca: файл «{named}» повреждён ({e}): {wanted}"),
    }
}

/// Why no connection came about, for people.
pub(super) async fn not_reached(
    server: &str,
    ca: Option<&Path>,
    error: &(dyn Error + 'static),
) -> anyhow::Error {
    if let Some(words) = astray(server).await {
        return words;
    }
    let by_tls = server.starts_with("https:");
    match tls_error(error).filter(|_| by_tls) {
        Some(why) => anyhow!("демону по адресу {server} не верим: {}", distrust(server, ca, why)),
        None if by_tls => {
            anyhow!("демон не отвечает по адресу {server}: {}", innermost(error))
        }
        None => anyhow!("демон не отвечает по адресу {server}: запустите его командой vekha"),
    }
}

/// An error of a call that got no answer, in words that say why, if that is known: whether a port speaks
/// TLS shows only when it is spoken to.
pub(super) async fn explained(server: &str, error: anyhow::Error) -> anyhow::Error {
    // What the daemon said itself has no cause on this side.
    let unanswered = error.downcast_ref::<Status>().is_some_and(|status| status.source().is_some());
    match unanswered {
        true => astray(server).await.unwrap_or(error),
        false => error,
    }
}

/// That a port speaks otherwise than the address says.
async fn astray(server: &str) -> Option<anyhow::Error> {
    let address: Uri = server.parse().ok()?;
    let by_tls = address.scheme_str() == Some("https");
    let other = |scheme: &str| {
        let authority = address.authority().map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}")
    };
    match (by_tls, speaks(&address).await?) {
        (false, Speaks::Tls) => Some(anyhow!(
            "порт по адресу {server} говорит по TLS: назовите его {} (--server или VEKHA_SERVER); \
             сертификат своего удостоверяющего центра — --ca ФАЙЛ",
            other("https")
        )),
        (true, Speaks::Plain) => Some(anyhow!(
            "порт по адресу {server} говорит без TLS: назовите его {} (--server или VEKHA_SERVER), \
             если это эта же машина, или задайте демону [tls] certificate и key",
            other("http")
        )),
        _ => None,
    }
}

/// What a port speaks: in the clear it answers a plain question, by TLS it complains of it.
async fn speaks(server: &Uri) -> Option<Speaks> {
    let host = server.host()?.trim_start_matches('[').trim_end_matches(']');
    let port = server.port_u16().unwrap_or(match server.scheme_str() {
        Some("https") => 443,
        _ => 80,
    });
    let asked = async {
        let mut port = TcpStream::connect((host, port)).await?;
        let question =
            format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        port.write_all(question.as_bytes()).await?;
        let mut answer = [0; 5];
        port.read_exact(&mut answer).await?;
        io::Result::Ok(answer)
    };
    match tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()? {
        [b'H', b'T', b'T', b'P', b'/'] => Some(Speaks::Plain),
        // A record of TLS: an alert, or a handshake.
        [21 | 22, 3, ..] => Some(Speaks::Tls),
        _ => None,
    }
}

/// Why a certificate is not believed, and what to do.
fn distrust(server: &str, ca: Option<&Path>, error: &TlsError) -> String {
    let address = server.parse::<Uri>().ok();
    let host = address.as_ref().and_then(Uri::host).unwrap_or_default();
    match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => match ca {
            None => {
                "его сертификат выдал удостоверяющий центр, которого эта машина не знает: если он \
                     ваш, назовите файл его сертификата, --ca ФАЙЛ или VEKHA_CA"
                    .to_owned()
            }
            Some(file) => format!(
                "его сертификат выдал не тот удостоверяющий центр, что в файле «{}» (--ca)",
                file.display()
            ),
        },
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "его сертификат выдан на другое имя, не «{host}»: назовите адрес так, как он назван в \
             сертификате"
        ),
        TlsError::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "срок его сертификата истёк: замените файлы [tls] демона".to_owned(),
        TlsError::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "его сертификат ещё не действует: проверьте часы этой машины".to_owned(),
        other => other.to_string(),
    }
}

/// What TLS found wrong, wherever in an error it stands.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let within = |error: &'e (dyn Error + 'static)| {
        let own = error.downcast_ref::<TlsError>();
        // Of what an error of input and output holds, its `source` passes over the first.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        own.or_else(|| held.and_then(|held| held.downcast_ref::<TlsError>()))
    };
    causes(error).find_map(within)
}

/// What an error goes back to.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error, and what it goes back to, one after the other.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let own: &'e (dyn Error + 'static) = *error;
        own.source()
    })
}
