//! Where passkeys work: a browser makes one for one name and shows it to pages of that name alone.

use url::{Host, Url};
use webauthn_rp::request::{AsciiDomain, RpId};

/// The name that stands for this machine. An address of it is none that browsers make passkeys for.
const THIS_MACHINE: &str = "localhost";

/// Whose passkeys they are, as browsers know it.
#[derive(Debug)]
pub(super) struct Site {
    /// The name for which they are made.
    pub name: RpId,
    /// The scheme, name and port of the pages that may ask for them.
    pub origin: String,
}

/// Why there are no passkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The daemon is reached by an address of the network and not by a name.
    Address,
    /// Its pages are not encrypted.
    Plain,
    /// People sign in through their provider alone: whom it shuts out must be out.
    ByProvider,
}

impl Site {
    /// That of a daemon which people reach at this address. On its own machine it is `localhost`, by
    /// whatever address it listens.
    pub fn of(public_url: &str) -> Result<Self, Unfit> {
        let url = Url::parse(public_url).map_err(|_| Unfit::Address)?;
        let is_here = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == THIS_MACHINE,
            None => false,
        };
        let name = match url.host() {
            _ if is_here => THIS_MACHINE,
            Some(Host::Domain(_)) if url.scheme() != "https" => return Err(Unfit::Plain),
            Some(Host::Domain(name)) => name,
            _ => return Err(Unfit::Address),
        };
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let origin = format!("{}://{name}{port}", url.scheme());
        let name = AsciiDomain::try_from(name.to_owned()).map_err(|_| Unfit::Address)?;
        Ok(Site { name: RpId::Domain(name), origin })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_the_name_under_which_pages_are_encrypted_or_for_this_machine() {
        let of = |url| Site::of(url).map(|site| (site.name.as_ref().to_owned(), site.origin));
        for (url, name, origin) in [
            ("https://vekha.example.org", "vekha.example.org", "https://vekha.example.org"),
            (
                "https://Vekha.Example.org:8443/x",
                "vekha.example.org",
                "https://vekha.example.org:8443",
            ),
            ("https://веха.рф", "xn--80adj8d.xn--p1ai", "https://xn--80adj8d.xn--p1ai"),
            ("http://127.0.0.1:7140", "localhost", "http://localhost:7140"),
            ("http://[::1]:7140", "localhost", "http://localhost:7140"),
            ("http://localhost:7140", "localhost", "http://localhost:7140"),
        ] {
            assert_eq!(of(url).unwrap(), (name.to_owned(), origin.to_owned()), "{url}");
        }
        for (url, why) in [
            ("https://192.0.2.7", Unfit::Address),
            ("https://[2001:db8::7]", Unfit::Address),
            ("http://vekha.example.org", Unfit::Plain),
            ("http://localhost.example.org", Unfit::Plain),
            ("vekha", Unfit::Address),
        ] {
            assert_eq!(of(url).unwrap_err(), why, "{url}");
        }
    }
}
