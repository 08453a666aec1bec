//! What the settings say of the organisation's provider: `[sign-in]` and `[sign-in.oidc]`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use openidconnect::url::{Host, Url};
use serde::Deserialize;
use vekha_plugin::{Problem, Secret};
use vekha_roadmap::diagnostic::nearest;

use crate::access::{ALL, Role, Roles};

/// How people sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SignIn {
    /// Whether they may by a password.
    #[serde(default = "yes")]
    pub password: bool,
    /// Their organisation's provider, if there is one.
    #[serde(default)]
    pub oidc: Option<OidcSettings>,
}

impl Default for SignIn {
    fn default() -> Self {
        SignIn { password: true, oidc: None }
    }
}

/// An organisation's provider: an OpenID Connect issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OidcSettings {
    /// Its address, as it says it itself.
    pub issuer: String,
    /// Under what it knows the daemon.
    pub client_id: String,
    /// By what it knows that it is the daemon; none where that is not asked for.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// A file with the same.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// What people call it, as it stands after «Войти через»; by default its host.
    #[serde(default)]
    pub name: Option<String>,
    /// What is asked for beside `openid`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// Where the values stand that give roles: the name of a claim, or a path into one that begins with
    /// a slash (`/realm_access/roles`).
    #[serde(default = "usual_claim")]
    pub roles_claim: String,
    /// Which value gives which role, as the command line writes them: `operator@zarechny`, or `operator`
    /// in all municipalities.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    /// Whether an address counts as proved of which the provider does not say that it is.
    #[serde(default)]
    pub trust_email: bool,
    /// Certificates by which it is known, beside those of the machine: PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

fn usual_scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn usual_claim() -> String {
    "groups".to_owned()
}

impl SignIn {
    /// Makes paths relative to the settings' folder.
    pub fn anchor(&mut self, folder: &Path) {
        let Some(oidc) = &mut self.oidc else { return };
        for path in [&mut oidc.client_secret_file, &mut oidc.ca_file].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// All that is wrong, by the keys of the whole.
    pub fn wrong(&self) -> Vec<Problem> {
        let mut wrong = Vec::new();
        match &self.oidc {
            Some(oidc) => oidc.judge(&mut wrong),
            None if !self.password => wrong.push(Problem::new(
                "sign-in.password",
                "без пароля войти было бы нечем: опишите провайдера в [sign-in.oidc]",
            )),
            None => {}
        }
        wrong
    }
}

impl OidcSettings {
    /// What people call it.
    pub fn shown_name(&self) -> String {
        match self.name.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => {
                let url = Url::parse(&self.issuer).ok();
                let host = url.as_ref().and_then(|url| url.host_str());
                host.unwrap_or(&self.issuer).to_owned()
            }
        }
    }

    /// By what the provider knows that it is the daemon.
    ///
    /// # Errors
    /// Why there is none, though one is named.
    pub fn secret(&self) -> Result<Option<String>, Problem> {
        let file = "sign-in.oidc.client-secret-file";
        match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => Err(Problem::new(
                "sign-in.oidc.client-secret",
                "секрет указан дважды: оставьте client-secret или client-secret-file",
            )),
            (Some(secret), None) if secret.0.is_empty() => {
                Err(Problem::new("sign-in.oidc.client-secret", "секрет пуст"))
            }
            (Some(secret), None) => Ok(Some(secret.0.clone())),
            (None, Some(path)) => {
                let unread =
                    |e| Problem::new(file, format!("файл {} не читается: {e}", path.display()));
                let text = std::fs::read_to_string(path).map_err(unread)?;
                // Editors end files with an end of line, which is not part of the secret.
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(Problem::new(file, "файл с секретом пуст")),
                    secret => Ok(Some(secret.to_owned())),
                }
            }
            (None, None) => Ok(None),
        }
    }

    /// Certificates by which it is known beside those of the machine.
    ///
    /// # Errors
    /// What is wrong with the file that is named.
    pub fn certificates(&self) -> Result<Vec<reqwest::Certificate>, Problem> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let wrong = |message: String| Problem::new("sign-in.oidc.ca-file", message);
        let pem = std::fs::read(path)
            .map_err(|e| wrong(format!("файл {} не читается: {e}", path.display())))?;
        match reqwest::Certificate::from_pem_bundle(&pem) {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(wrong(format!("в файле {} нет сертификатов PEM", path.display()))),
        }
    }

    /// Which value gives which roles; those that cannot be read are left out, see [`SignIn::wrong`].
    pub fn mapping(&self) -> BTreeMap<String, Roles> {
        let read = |(value, written): (&String, &String)| {
            granted(written).ok().map(|roles| (value.clone(), roles))
        };
        self.roles.iter().filter_map(read).collect()
    }

    fn judge(&self, wrong: &mut Vec<Problem>) {
        let mut say = |key: &str, message: String| {
            wrong.push(Problem::new(format!("sign-in.oidc.{key}"), message));
        };
        match Url::parse(&self.issuer) {
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                say("issuer", format!("без «?» и «#», а не «{}»", self.issuer));
            }
            Ok(url) if url.scheme() == "https" && url.has_host() => {}
            // Whoever stands between could be anybody, so only this machine may do without.
            Ok(url) if url.scheme() == "http" && is_this_machine(&url) => {}
            Ok(url) if url.scheme() == "http" => {
                say("issuer", "нужен https:// (http:// — только на этой же машине)".to_owned());
            }
            _ => say(
                "issuer",
                format!("нужен адрес вида https://id.example.org, а не «{}»", self.issuer),
            ),
        }
        if self.client_id.trim().is_empty() {
            say("client-id", "нужно имя, под которым Веха заведена у провайдера".to_owned());
        }
        for scope in &self.scopes {
            if scope.is_empty() || scope.contains(|c: char| !c.is_ascii_graphic()) {
                say("scopes", format!("«{scope}»: нужны слова без пробелов: [\"email\", …]"));
            }
        }
        if self.roles_claim.trim().is_empty() {
            say("roles-claim", "нужно имя сведений с группами, например groups".to_owned());
        }
        for (value, written) in &self.roles {
            if let Err(message) = granted(written) {
                say(&format!("roles.{value}"), message);
            }
        }
        wrong.extend(self.secret().err());
        wrong.extend(self.certificates().err());
    }
}

/// Roles as they are written, one or several: `operator@zarechny, viewer`,
/// `representative@zarechny/school-1`.
fn granted(written: &str) -> Result<Roles, String> {
    let mut roles = Roles::default();
    for one in written.split(',').map(str::trim) {
        let (name, municipality) = one.split_once('@').unwrap_or((one, ALL));
        let role: Role = name.parse().map_err(|_| {
            let all = Role::ALL.iter().map(|role| role.as_str());
            let near = nearest(name, all.clone());
            let near = near.map(|near| format!("; может быть, {near}?")).unwrap_or_default();
            let all: Vec<&str> = all.collect();
            format!("роли «{name}» нет{near} Бывает {}", all.join(", "))
        })?;
        if municipality.is_empty() || municipality.contains(char::is_whitespace) {
            return Err(format!("«{one}»: после @ нужен муниципалитет: operator@zarechny"));
        }
        if (role == Role::Representative) != municipality.contains('/') {
            return Err(format!(
                "«{one}»: представитель — одной организации, остальные роли — в муниципалитете: \
                 representative@zarechny/school-1, operator@zarechny"
            ));
        }
        roles = roles.with(&[(municipality.to_owned(), role)].into_iter().collect());
    }
    Ok(roles)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gives_roles_as_the_command_line_writes_them() {
        let roles = |written: &str| granted(written).map(|roles| roles.named());
        let named = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(m, role)| ((*m).to_owned(), (*role).to_owned())).collect()
        };
        assert_eq!(roles("administrator"), Ok(named(&[("*", "administrator")])));
        assert_eq!(
            roles("operator@zarechny, viewer, approver@zarechny"),
            Ok(named(&[("*", "viewer"), ("zarechny", "approver")]))
        );
        for wrong in ["", "operater@zarechny", "operator@", "operator@a b", "viewer,"] {
            assert!(roles(wrong).is_err(), "{wrong}");
        }
        assert!(roles("operater").unwrap_err().contains("operator?"));
    }
}
