//! `vekha people`: who works at the console, and what each may do.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;
use vekha_proto::v1;

use super::client::{Client, all_pages};
use super::output::{Output, table};
use crate::access::Role;
use crate::glossary;
use crate::runtime::acts::access::signing;
use crate::settings::Settings;
use crate::store::{Opening, SecretFrom, Store};
use crate::wire::Twin as _;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List,
    /// Завести сотрудника: ответ — ссылка, по которой он задаст пароль
    Add {
        /// Адрес почты: по нему входят
        email: String,
        /// Имя: под ним действия стоят в журнале
        #[arg(long)]
        name: String,
        /// Должность
        #[arg(long, default_value = "")]
        post: String,
        /// Роль: viewer, operator, approver или administrator; operator@zarechny — в одном муниципалитете;
        /// representative@zarechny/school-1 — представитель одной организации
        #[arg(long = "role", required = true, value_name = "РОЛЬ")]
        roles: Vec<String>,
    },
    /// Изменить: что не названо, остаётся
    Set {
        /// Адрес почты
        email: String,
        /// Имя
        #[arg(long)]
        name: Option<String>,
        /// Должность
        #[arg(long)]
        post: Option<String>,
        /// Все роли вместо прежних
        #[arg(long = "role", value_name = "РОЛЬ")]
        roles: Vec<String>,
        /// Закрыть вход
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Открыть вход
        #[arg(long)]
        enable: bool,
    },
    /// Выдать новую ссылку для пароля
    Invite {
        /// Адрес почты
        email: String,
    },
    /// Удалить все ключи входа сотрудника: устройство потеряно; открытые входы закроются
    RemovePasskeys {
        /// Адрес почты
        email: String,
    },
    /// На самой машине, при остановленном демоне: вернуть сотруднику вход и роль администратора
    Reset {
        /// Адрес почты
        email: String,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.people();
    let changed = match command {
        Command::List => {
            let all = everybody(client).await?;
            out.many(&all, || rows(&all))?;
            return Ok(());
        }
        Command::Add { email, name, post, roles } => {
            let person = v1::Person {
                email: email.clone(),
                display_name: name.clone(),
                post: post.clone(),
                roles: grants(roles)?,
                ..Default::default()
            };
            let request = v1::CreatePersonRequest { person: Some(person), ..Default::default() };
            service.create_person(client.asked(request)).await?
        }
        Command::Set { email, name, post, roles, disable, enable } => {
            let known = person(client, email).await?;
            let mut paths = Vec::new();
            let mut changes = |path: &str, changes: bool| {
                if changes {
                    paths.push(path.to_owned());
                }
            };
            changes("display_name", name.is_some());
            changes("post", post.is_some());
            changes("roles", !roles.is_empty());
            changes("disabled", *disable || *enable);
            if paths.is_empty() {
                return Err(anyhow!(
                    "назовите, что изменить: --name, --post, --role, --disable, --enable"
                ));
            }
            let person = v1::Person {
                display_name: name.clone().unwrap_or_default(),
                post: post.clone().unwrap_or_default(),
                roles: grants(roles)?,
                disabled: *disable,
                name: known.name,
                etag: known.etag,
                ..Default::default()
            };
            let update_mask = Some(prost_types::FieldMask { paths });
            let request =
                v1::UpdatePersonRequest { person: Some(person), update_mask, ..Default::default() };
            service.update_person(client.asked(request)).await?
        }
        Command::Invite { email } => {
            let name = person(client, email).await?.name;
            let request = v1::InvitePersonRequest { name, ..Default::default() };
            service.invite_person(client.asked(request)).await?
        }
        Command::RemovePasskeys { email } => {
            let v1::Person { name, etag, .. } = person(client, email).await?;
            let request = v1::RemovePasskeysRequest { name, etag, ..Default::default() };
            service.remove_passkeys(client.asked(request)).await?
        }
        // Done without a daemon.
        Command::Reset { .. } => return Ok(()),
    };
    let person = changed.into_inner();
    out.one(&person, || match person.link.as_str() {
        "" => rows(std::slice::from_ref(&person)),
        link => {
            let until = client.moment(person.link_expires_at);
            format!(
                "{}\nСсылка для пароля, до {until}: {link}",
                rows(std::slice::from_ref(&person))
            )
        }
    })?;
    Ok(())
}

/// Gives somebody a way in again, whatever became of it: for whoever is at the machine itself.
pub(super) async fn reset(config: &Path, email: &str, out: &mut Output) -> anyhow::Result<()> {
    let settings = Settings::load(config)?;
    let public_url = settings.public_url();
    let secret = SecretFrom::File(settings.secret_file);
    let opening = Opening { url: &settings.database, secret, accept_loss: false };
    let store = Store::open_as(opening).await?;
    let link = signing::reset(&store, email, &public_url, jiff::Timestamp::now()).await;
    store.close().await?;
    let link = link?;
    match out.is_json() {
        true => out.json(&json!({ "link": link }))?,
        false => out.say(format!(
            "{email} снова администратор. Запустите демон; ссылка для пароля: {link}"
        ))?,
    }
    Ok(())
}

async fn everybody(client: &Client) -> anyhow::Result<Vec<v1::Person>> {
    let request = v1::ListPeopleRequest::default();
    Ok(all_pages!(client.people(), list_people, request, people))
}

/// Somebody by the address by which they sign in.
async fn person(client: &Client, email: &str) -> anyhow::Result<v1::Person> {
    let all = everybody(client).await?;
    let wanted = email.trim().to_lowercase();
    let found = all.into_iter().find(|person| person.email == wanted || person.name == wanted);
    found.ok_or_else(|| anyhow!("сотрудника «{email}» нет. Все: vekha people list"))
}

/// Roles as they are written: `operator@zarechny`, or `operator` everywhere;
/// `representative@zarechny/school-1`.
pub(super) fn grants(roles: &[String]) -> anyhow::Result<Vec<v1::RoleGrant>> {
    let one = |written: &String| {
        let (role, municipality) = written.split_once('@').unwrap_or((written, "-"));
        let known = role.parse::<Role>().map_err(|_| {
            let all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
            anyhow!("роли «{role}» нет; бывает {}", all.join(", "))
        })?;
        let (municipality, organisation) =
            municipality.split_once('/').unwrap_or((municipality, ""));
        Ok(v1::RoleGrant {
            municipality: format!("municipalities/{municipality}"),
            role: known.wire().into(),
            organisation: organisation.to_owned(),
        })
    };
    roles.iter().map(one).collect()
}

/// Roles in words.
pub(super) fn words(grants: &[v1::RoleGrant]) -> String {
    let one = |grant: &v1::RoleGrant| {
        let role = Role::of(grant.role()).map_or("", glossary::role);
        match grant.municipality.trim_start_matches("municipalities/") {
            "-" => role.to_owned(),
            municipality if grant.organisation.is_empty() => format!("{role}@{municipality}"),
            municipality => format!("{role}@{municipality}/{}", grant.organisation),
        }
    };
    grants.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn rows(list: &[v1::Person]) -> String {
    let row = |p: &v1::Person| {
        let by_password = p.has_password.then(|| "по паролю".to_owned());
        let through = p.providers.iter().map(|issuer| format!("через {issuer}"));
        let ways: Vec<String> = by_password.into_iter().chain(through).collect();
        let state = match (p.disabled, ways.is_empty()) {
            (true, _) => "вход закрыт".to_owned(),
            (false, true) => "пароль не задан".to_owned(),
            (false, false) => ways.join(", "),
        };
        let provided = words(&p.provided_roles);
        let roles = match (p.roles.is_empty(), provided.is_empty()) {
            (_, true) => words(&p.roles),
            (true, false) => format!("от провайдера: {provided}"),
            (false, false) => format!("{}; от провайдера: {provided}", words(&p.roles)),
        };
        let (email, name, post) = (p.email.clone(), p.display_name.clone(), p.post.clone());
        [email, name, post, roles, state]
    };
    table(["адрес", "имя", "должность", "роли", "вход"], list.iter().map(row).collect())
}
