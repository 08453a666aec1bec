//! Why the daemon is not reached, in words that say what to do: an address that does not say how to
//! speak to it; a port that speaks TLS called without it, or the other way round; a port that is another
//! program's; a certificate that is not believed; a file that holds none.

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
    /// HTTP in the clear, as the daemon does.
    Plain,
    /// TLS.
    Tls,
    /// As the daemon never does.
    Otherwise,
}

/// What is asked of a port in the clear, and how the daemon's answer says whose it is.
const QUESTION: &str = "GET /healthz HTTP/1.1";
const OWN: &str = "\r\nserver: vekha\r\n";

/// Longest answer that is looked into.
const LONGEST: u64 = 4096;

/// How the words begin with which a client tells of an answer that is none of gRPC's.
const NOT_GRPC: &str = "grpc-status header missing";

/// How TLS tells that the other side speaks no HTTP/2, without which there is no gRPC.
const NO_HTTP2: &str = "HTTP/2 was not negotiated";

/// An address that says how to speak to it.
///
/// # Errors
/// That it does not, and what it would be like that did.
pub(super) async fn address(server: &str) -> anyhow::Result<()> {
    let how = "--server или VEKHA_SERVER, обычно http://127.0.0.1:7140";
    match server.split_once("://") {
        Some(("http" | "https", _)) => Ok(()),
        Some((scheme, _)) => {
            bail!("адрес демона «{server}»: не {scheme}://, а http:// или https:// ({how})")
        }
        None => {
            let plain: Option<Uri> = format!("http://{server}").parse().ok();
            let Some(plain) = plain.filter(|address| address.host().is_some()) else {
                bail!("адрес демона «{server}» не читается ({how})");
            };
            let scheme = match speaks(&plain).await {
                Some(Speaks::Tls) => "https",
                _ => "http",
            };
            bail!(
                "адрес демона «{server}» не говорит, как с ним говорить: назовите его \
                 {scheme}://{server} (--server или VEKHA_SERVER)"
            )
        }
    }
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
    let by_tls = server.starts_with("https:");
    // Who has shown a certificate speaks TLS, whatever is answered without it.
    let is_shown = matches!(tls_error(error), Some(TlsError::InvalidCertificate(_)));
    if !is_shown && let Some(words) = astray(server).await {
        return words;
    }
    match tls_error(error).filter(|_| by_tls) {
        Some(why) => anyhow!("демону по адресу {server} не верим: {}", distrust(server, ca, why)),
        None if by_tls && innermost(error).contains(NO_HTTP2) => somebody_else(server),
        None if by_tls => {
            anyhow!("демон не отвечает по адресу {server}: {}", innermost(error))
        }
        None => anyhow!("демон не отвечает по адресу {server}: запустите его командой vekha"),
    }
}

/// An error of a call that got no answer, in words that say why, if that is known: whether a port speaks
/// TLS shows only when it is spoken to.
pub(super) async fn explained(server: &str, error: anyhow::Error) -> anyhow::Error {
    let Some(status) = error.downcast_ref::<Status>() else { return error };
    if status.message().starts_with(NOT_GRPC) {
        return somebody_else(server);
    }
    // What the daemon said itself has no cause on this side.
    match status.source().is_some() {
        true => astray(server).await.unwrap_or(error),
        false => error,
    }
}

/// That a port is another program's.
fn somebody_else(server: &str) -> anyhow::Error {
    anyhow!(
        "по адресу {server} отвечает не Веха: там другая программа или посредник, который не \
         пропускает gRPC (HTTP/2). Назовите адрес демона: --server или VEKHA_SERVER, обычно \
         http://127.0.0.1:7140"
    )
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
        (_, Speaks::Otherwise) => Some(somebody_else(server)),
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
    let mut answer = Vec::new();
    let asked = async {
        let mut port = TcpStream::connect((host, port)).await?;
        let question = format!("{QUESTION}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        port.write_all(question.as_bytes()).await?;
        port.take(LONGEST).read_to_end(&mut answer).await
    };
    // Whatever came tells, however it ended.
    tokio::time::timeout(PATIENCE, asked).await.ok();
    match answer.as_slice() {
        [] => None,
        // A record of TLS: an alert, or a handshake.
        [21 | 22, 3, ..] => Some(Speaks::Tls),
        answer if String::from_utf8_lossy(answer).to_lowercase().contains(OWN) => {
            Some(Speaks::Plain)
        }
        _ => Some(Speaks::Otherwise),
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
