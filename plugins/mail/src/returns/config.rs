//! Where reports come to, as an administrator writes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::{Host, Url};
use vekha_plugin::{Problems, Secret};

use super::imap::Protection;
use super::{Mailbox, Returns, Whence};
use crate::config::{Tls, is_loopback, read};
use crate::tls::Implicit;

/// Where letters that were not delivered come back to: a folder or a mailbox.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Bounces {
    /// A folder of the kind Maildir.
    pub maildir: Option<PathBuf>,
    /// A mailbox: `imaps://user@host:993/INBOX`; `imap://` turns to TLS by STARTTLS.
    pub imap: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// `none` for `imap://` on the same machine; otherwise as the address says.
    pub tls: Option<Tls>,
    /// A PEM file with certificates to trust beside the system's own; the one of SMTP by default.
    pub ca_file: Option<PathBuf>,
    /// How often to look, in seconds, 1 to 86400; 60 by default.
    pub every_seconds: Option<u64>,
}

impl Bounces {
    /// Finds every mistake, and reads the file that it names. `ca_file` is the one of SMTP.
    pub(crate) fn check(
        &self,
        ca_file: Option<&Path>,
        timeout: Duration,
        problems: &mut Problems,
    ) -> Option<Returns> {
        let every = self.every_seconds.unwrap_or(60);
        problems.within("bounces.every-seconds", every, 1, 86_400, "секунд");
        let whence = match (&self.maildir, &self.imap) {
            (Some(folder), None) if !folder.as_os_str().is_empty() => {
                for (field, given) in [
                    ("bounces.password", self.password.is_some()),
                    ("bounces.tls", self.tls.is_some()),
                    ("bounces.ca-file", self.ca_file.is_some()),
                ] {
                    if given {
                        problems.add(field, "нужно только для ящика imap, а не для папки maildir");
                    }
                }
                Whence::Maildir(folder.clone())
            }
            (None, Some(address)) => {
                Whence::Imap(Box::new(self.mailbox(address, ca_file, problems)?))
            }
            (Some(_), Some(_)) => {
                problems.add("bounces", "укажите что-то одно: папку maildir или ящик imap");
                return None;
            }
            _ => {
                problems.add("bounces", "укажите папку maildir или ящик imap");
                return None;
            }
        };
        // A look reads up to fifty letters: it may take longer than one answer.
        Some(Returns::new(whence, Duration::from_secs(every), timeout * 3))
    }

    fn mailbox(
        &self,
        address: &str,
        ca_file: Option<&Path>,
        problems: &mut Problems,
    ) -> Option<Mailbox> {
        const FIELD: &str = "bounces.imap";
        let shape = "нужен адрес вида imaps://user@mail.example.ru:993/INBOX";
        let url = problems.want(FIELD, Url::parse(address).ok(), shape)?;
        let implicit = match url.scheme() {
            "imaps" => true,
            "imap" => false,
            _ => return problems.want(FIELD, None, shape),
        };
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return problems.want(FIELD, None, shape),
        };
        if url.password().is_some() {
            let why = "пароль пишут отдельно, в bounces.password: адрес попадает в журнал";
            problems.add(FIELD, why);
        }
        if url.query().is_some() || url.fragment().is_some() {
            problems.add(FIELD, shape);
        }
        let text = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
        let username = text(url.username()).filter(|name| !name.is_empty());
        let username = problems.want(FIELD, username, "в адресе нет учётной записи: user@");
        let folder = text(url.path().trim_start_matches('/')).unwrap_or_default();
        if !folder.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            problems.add(FIELD, "название папки ящика нужно латиницей, как его называет сервер");
        }
        let folder = if folder.is_empty() { "INBOX".to_owned() } else { folder };
        let password = self.password.as_ref().map(|password| password.0.clone());
        let password = problems.want("bounces.password", password, "укажите пароль ящика");
        let protection = self.protection(&host, implicit, ca_file, problems);
        Some(Mailbox {
            port: url.port().unwrap_or(if implicit { 993 } else { 143 }),
            host,
            protection: protection?,
            username: username?,
            password: password?,
            folder,
        })
    }

    fn protection(
        &self,
        host: &str,
        implicit: bool,
        ca_file: Option<&Path>,
        problems: &mut Problems,
    ) -> Option<Protection> {
        match (self.tls, implicit) {
            (Some(Tls::None), false) if is_loopback(host) => return Some(Protection::None),
            (Some(Tls::None), false) => {
                let why =
                    "пароль нельзя передавать без шифрования: уберите tls или пишите imaps://";
                problems.add("bounces.tls", why);
                return None;
            }
            (Some(Tls::None | Tls::Starttls), true) | (Some(Tls::Implicit), false) => {
                let why = "адрес говорит другое: imaps:// — implicit, imap:// — starttls";
                problems.add("bounces.tls", why);
                return None;
            }
            _ => {}
        }
        let more = match self.ca_file.as_deref() {
            Some(path) => Some(problems.take("bounces.ca-file", read(path))?),
            // What is wrong with that is told where it is named.
            None => ca_file.and_then(|path| read(path).ok()),
        };
        let field = if self.ca_file.is_some() { "bounces.ca-file" } else { "bounces.imap" };
        let tls = problems.take(field, Implicit::new(host, more.as_deref()))?;
        Some(if implicit { Protection::Implicit(tls) } else { Protection::Starttls(tls) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(bounces: &Bounces) -> Vec<String> {
        let mut problems = Problems::default();
        let made = bounces.check(None, Duration::from_secs(1), &mut problems);
        let problems = problems.unless_any(made.map(|_| ())).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    fn imap(address: &str) -> Bounces {
        Bounces {
            imap: Some(address.into()),
            password: Some(Secret("тайна".into())),
            ..Bounces::default()
        }
    }

    #[test]
    fn a_folder_or_a_mailbox_is_named_and_every_mistake_told() {
        let folder = Bounces { maildir: Some("in".into()), ..Bounces::default() };
        assert_eq!(wrong(&folder), [""; 0]);
        assert_eq!(wrong(&Bounces::default()), ["bounces"]);
        assert_eq!(
            wrong(&Bounces { imap: Some("imaps://a@b".into()), ..folder.clone() }),
            ["bounces"]
        );
        let folder = Bounces { every_seconds: Some(0), tls: Some(Tls::None), ..folder };
        assert_eq!(wrong(&folder), ["bounces.every-seconds", "bounces.tls"]);
        for good in ["imaps://post%40otdel.ru@mail.example.ru/INBOX", "imap://post@10.0.0.1:1430"] {
            assert_eq!(wrong(&imap(good)), [""; 0], "{good}");
        }
        for bad in ["mail.example.ru", "https://post@mail.example.ru", "imaps://mail.example.ru"] {
            assert_eq!(wrong(&imap(bad)), ["bounces.imap"], "{bad}");
        }
        assert_eq!(wrong(&imap("imaps://post:word@mail.example.ru/Почта")), ["bounces.imap"; 2]);
        let nobody = Bounces { password: None, ..imap("imaps://post@mail.example.ru") };
        assert_eq!(wrong(&nobody), ["bounces.password"]);
    }

    #[test]
    fn a_password_never_travels_in_the_clear() {
        let bare = |address| Bounces { tls: Some(Tls::None), ..imap(address) };
        assert_eq!(wrong(&bare("imap://post@mail.example.ru")), ["bounces.tls"]);
        assert_eq!(wrong(&bare("imaps://post@127.0.0.1")), ["bounces.tls"]);
        assert_eq!(wrong(&bare("imap://post@127.0.0.1")), [""; 0]);
        assert!(!format!("{:?}", imap("imaps://a@b")).contains("тайна"));
    }
}
