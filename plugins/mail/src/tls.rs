//! TLS from the first byte of a connection, as port 465 has it. lettre would do it, but listens to
//! whatever the server says then without bound, and lets the end of each letter wait for the server's
//! word about the packet before it.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// What is needed to talk to a server by TLS alone.
#[derive(Clone)]
pub(crate) struct Implicit {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Implicit {
    /// `more` are certificates in PEM that are trusted beside the system's and the well-known ones.
    ///
    /// # Errors
    /// When the host has no name that a certificate could bear, or nothing can be trusted.
    pub(crate) fn new(host: &str, more: Option<&str>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("«{host}» — не имя сервера"))?;
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        // A system may hold certificates that nobody can read any more.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in CertificateDer::pem_slice_iter(more.unwrap_or_default().as_bytes()) {
            let added = certificate.map(|certificate| roots.add(certificate));
            if !matches!(added, Ok(Ok(()))) {
                return Err("сертификат в файле не читается".to_owned());
            }
        }
        let config =
            ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| format!("не удаётся начать: {error}"))?
                .with_root_certificates(roots)
                .with_no_client_auth();
        Ok(Implicit { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Secures a connection.
    ///
    /// # Errors
    /// When the server does not speak TLS, or is not who it should be.
    pub(crate) async fn secure(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
