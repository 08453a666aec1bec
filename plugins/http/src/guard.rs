//! Where the plugin may go. The names of a URL's hosts are resolved here and nowhere else, and what
//! they resolve to is judged before a connection is made to that very address: a name that leads to
//! the public internet at one moment and into the department's network at the next does not pass.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address;

/// Which addresses may be talked to.
#[derive(Clone, Copy)]
pub(crate) struct Guard {
    allows: fn(IpAddr) -> bool,
}

/// A host that leads to an address which may not be talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forbidden {
    host: String,
    address: IpAddr,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forbidden { host, address } = self;
        write!(f, "узел «{host}»")?;
        if *host != address.to_string() {
            write!(f, " (адрес {address})")?;
        }
        if address::is_about_machines(*address) {
            return write!(f, ": по таким адресам машины узнают о самих себе, туда не обращаются");
        }
        write!(
            f,
            " находится не в открытом интернете; если это своя система в своей сети, разрешите её: \
             allow-private = true"
        )
    }
}

impl Error for Forbidden {}

impl Guard {
    /// A guard who lets pass what `allows` says.
    pub(crate) fn new(allows: fn(IpAddr) -> bool) -> Self {
        Guard { allows }
    }

    /// The guard of a configuration.
    pub(crate) fn of(allow_private: bool) -> Self {
        Guard::new(match allow_private {
            true => |address| !address::is_about_machines(address),
            false => address::is_public,
        })
    }

    /// Judges a URL whose host is an address. Connections to such a host ask no resolver, so this
    /// must be asked of every URL before it is requested.
    pub(crate) fn judge_url(&self, url: &Url) -> Result<(), Forbidden> {
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let Ok(address) = address else { return Ok(()) };
        if (self.allows)(address) { Ok(()) } else { Err(Forbidden { host: host.into(), address }) }
    }

    /// Those of a host's addresses that may be talked to.
    fn judge(
        &self,
        host: &str,
        found: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Forbidden> {
        let (allowed, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| (self.allows)(found.ip()));
        match refused.first() {
            Some(first) if allowed.is_empty() => {
                Err(Forbidden { host: host.into(), address: first.ip() })
            }
            _ => Ok(allowed),
        }
    }
}

/// Finds the addresses of a name.
pub(crate) type LookUp = fn(String) -> LookedUp;

/// What [`LookUp`] comes to.
pub(crate) type LookedUp =
    Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static>>;

/// Asks the system.
pub(crate) fn system(host: String) -> LookedUp {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
}

/// A resolver that knows no addresses but those that the guard lets pass.
pub(crate) struct Resolver {
    pub guard: Guard,
    pub look_up: LookUp,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.guard, name.as_str().to_owned());
        let looked_up = (self.look_up)(host.clone());
        Box::pin(async move {
            let allowed = guard.judge(&host, looked_up.await?)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_address_in_a_url_is_judged_however_it_is_written() {
        let guard = Guard::of(false);
        for private in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(guard.judge_url(&url(private)).is_err(), "{private}");
            assert!(Guard::of(true).judge_url(&url(private)).is_ok(), "{private}");
        }
        // Where machines ask about themselves no system of one's own is.
        for about in [
            "https://[fe80::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/latest/meta-data/",
            "http://[::ffff:a9fe:a9fe]/",
        ] {
            for guard in [guard, Guard::of(true)] {
                let refused = guard.judge_url(&url(about)).unwrap_err();
                assert!(!refused.to_string().contains("allow-private"), "{about}: {refused}");
            }
        }
        for public in ["https://93.184.216.34/", "https://[2a00:1450::1]/", "https://school.ru/"] {
            assert!(guard.judge_url(&url(public)).is_ok(), "{public}");
        }
    }

    #[test]
    fn only_public_addresses_of_a_name_are_known() {
        let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 0);
        let guard = Guard::of(false);
        let mixed = [at("10.0.0.1"), at("93.184.216.34"), at("::1")];
        assert_eq!(guard.judge("school.ru", mixed), Ok(vec![at("93.184.216.34")]));
        let refused = guard.judge("school.ru", [at("10.0.0.1"), at("::1")]).unwrap_err();
        assert!(refused.to_string().starts_with("узел «school.ru» (адрес 10.0.0.1)"), "{refused}");
        assert_eq!(guard.judge("school.ru", []), Ok(vec![]));
    }

    #[tokio::test]
    async fn a_name_is_judged_each_time_that_it_is_resolved() {
        use std::sync::atomic::{AtomicBool, Ordering};
        // As a hostile name server would: first an address of its own, then one of ours.
        fn rebinding(_: String) -> LookedUp {
            static LATER: AtomicBool = AtomicBool::new(false);
            let later = LATER.swap(true, Ordering::SeqCst);
            let address = if later { "192.168.0.1" } else { "93.184.216.34" };
            Box::pin(async move { Ok(vec![SocketAddr::new(address.parse().unwrap(), 0)]) })
        }
        let resolver = Resolver { guard: Guard::of(false), look_up: rebinding };
        let resolve = || resolver.resolve("school.ru".parse().unwrap());
        assert_eq!(resolve().await.unwrap().count(), 1);
        let refused = resolve().await.map(Iterator::count).unwrap_err();
        assert!(refused.downcast_ref::<Forbidden>().is_some(), "{refused}");
    }
}
