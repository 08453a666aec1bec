//! Dovecot on loopback: a real IMAP server before a Maildir of the test's own. `tests/run` installs it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::free_port;

/// Who opens the mailbox.
pub const USER: &str = "post";

/// With what.
pub const PASSWORD: &str = "slovo-i-delo";

/// The server. Dropped, it ends.
#[derive(Debug)]
pub struct Dovecot {
    folder: TempDir,
    /// Its port in the clear and for STARTTLS.
    pub imap: u16,
    /// Its port for TLS.
    pub imaps: u16,
}

impl Dovecot {
    /// Starts it with an empty mailbox.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let server = Dovecot { folder, imap: free_port(), imaps: free_port() };
        fs::set_permissions(server.folder.path(), Permissions::from_mode(0o755)).expect("to open");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a key");
        fs::write(server.certificate(), made.cert.pem()).expect("to write");
        fs::write(server.path("key.pem"), made.signing_key.serialize_pem()).expect("to write");
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(server.maildir().join(part)).expect("a folder");
        }
        fs::write(server.path("dovecot.conf"), server.settings()).expect("to write");
        if is_root() {
            let owner = format!("{OWNER}:{OWNER}");
            let chown = Command::new("chown").args(["-R", &owner]).arg(server.maildir()).status();
            assert!(chown.expect("chown").success());
        }
        let started = server.command(&["-F"]).stdin(Stdio::null()).spawn();
        drop(started.expect("dovecot: tests/run installs it"));
        let reached = tokio::time::timeout(Duration::from_secs(20), async {
            while tokio::net::TcpStream::connect(("127.0.0.1", server.imaps)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        reached.await.expect("dovecot answers");
        server
    }

    /// Where its letters lie.
    pub fn maildir(&self) -> PathBuf {
        self.path("mail")
    }

    /// Its certificate, PEM.
    pub fn certificate(&self) -> PathBuf {
        self.path("cert.pem")
    }

    /// Brings a letter.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn bring(&self, name: &str, letter: &[u8]) {
        bring(&self.maildir(), name, letter);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/usr/sbin/dovecot");
        command.arg("-c").arg(self.path("dovecot.conf")).args(arguments);
        command
    }

    /// Settings that need no more of the machine than the package brings; not as root, none of it.
    fn settings(&self) -> String {
        let at = self.folder.path().display();
        let (imap, imaps) = (self.imap, self.imaps);
        let mut settings = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {at}/run\nlog_path = {at}/log\n\
             ssl = yes\nssl_cert = <{at}/cert.pem\nssl_key = <{at}/key.pem\n\
             mail_location = maildir:{at}/mail\nfirst_valid_uid = 1\n\
             passdb {{\n driver = static\n args = password={PASSWORD}\n}}\n\
             service imap-login {{\n inet_listener imap {{\n port = {imap}\n }}\n \
             inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n"
        );
        if is_root() {
            settings.push_str("}\n");
            settings.push_str(&format!(
                "userdb {{\n driver = static\n args = uid={OWNER} gid={OWNER} home={at}\n}}\n"
            ));
        } else {
            let user = || String::from_utf8_lossy(&id("-un")).trim().to_owned();
            let group = String::from_utf8_lossy(&id("-gn")).trim().to_owned();
            settings.push_str(&format!(
                " chroot =\n}}\nservice anvil {{\n chroot =\n}}\ndefault_internal_user = {0}\n\
                 default_internal_group = {group}\ndefault_login_user = {0}\n\
                 userdb {{\n driver = static\n args = uid={0} gid={group} home={at}\n}}\n",
                user()
            ));
        }
        settings
    }
}

/// Brings a letter into a Maildir, as mail servers do.
///
/// # Panics
/// When it cannot be written.
pub fn bring(maildir: &Path, name: &str, letter: &[u8]) {
    let (tmp, new) = (maildir.join("tmp").join(name), maildir.join("new").join(name));
    fs::create_dir_all(maildir.join("tmp")).expect("a folder");
    fs::write(&tmp, letter).expect("to write");
    fs::rename(tmp, new).expect("to bring");
}

/// Whose the letters are where the server runs as root: the package's own user.
const OWNER: &str = "dovecot";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn id(what: &str) -> Vec<u8> {
    Command::new("id").arg(what).output().expect("id").stdout
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.command(&["stop"]).status().ok();
    }
}
