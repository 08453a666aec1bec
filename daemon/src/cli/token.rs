//! `vekha token`: the keys by which systems call.

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vekha_proto::v1;

use super::client::{Client, all_pages};
use super::output::{Output, table};
use super::people::{grants, words};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List,
    /// Выдать ключ: он показывается один раз
    Create {
        /// Название: какая система
        name: String,
        /// Роль: viewer, operator, approver или administrator; operator@zarechny — в одном муниципалитете;
        /// representative@zarechny/school-1 — представитель одной организации
        #[arg(long = "role", required = true, value_name = "РОЛЬ")]
        roles: Vec<String>,
        /// По какой день действует: 2027-12-31; без него бессрочно
        #[arg(long, value_name = "ДАТА")]
        until: Option<String>,
        /// Только эти службы контракта: OutboxService; без него — все
        #[arg(long = "service", value_name = "СЛУЖБА")]
        services: Vec<String>,
    },
    /// Заменить ключ новым; прежний действует ещё сутки
    Rotate {
        /// Название
        name: String,
        /// Сколько часов действует прежний; 0 — нисколько
        #[arg(long, default_value_t = 24, value_name = "ЧАСЫ")]
        overlap: i32,
    },
    /// Отозвать ключ сразу
    Revoke {
        /// Название
        name: String,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.tokens();
    let changed = match command {
        Command::List => {
            let all = every(client).await?;
            out.many(&all, || rows(client, &all))?;
            return Ok(());
        }
        Command::Create { name, roles, until, services } => {
            let token = v1::Token {
                display_name: name.clone(),
                roles: grants(roles)?,
                expires_at: until.as_deref().map(end_of).transpose()?,
                services: services.clone(),
                ..Default::default()
            };
            let request = v1::CreateTokenRequest { token: Some(token), ..Default::default() };
            service.create_token(client.asked(request)).await?
        }
        Command::Rotate { name, overlap } => {
            let v1::Token { name, etag, .. } = token(client, name).await?;
            let overlap_hours = if *overlap == 0 { -1 } else { *overlap };
            let request =
                v1::RotateTokenRequest { name, etag, overlap_hours, ..Default::default() };
            service.rotate_token(client.asked(request)).await?
        }
        Command::Revoke { name } => {
            let v1::Token { name, etag, .. } = token(client, name).await?;
            let request = v1::RevokeTokenRequest { name, etag, ..Default::default() };
            service.revoke_token(client.asked(request)).await?
        }
    };
    let token = changed.into_inner();
    out.one(&token, || match token.secret.as_str() {
        "" => rows(client, std::slice::from_ref(&token)),
        secret => format!("{}\nКлюч: {secret}", rows(client, std::slice::from_ref(&token))),
    })?;
    Ok(())
}

async fn every(client: &Client) -> anyhow::Result<Vec<v1::Token>> {
    let request = v1::ListTokensRequest::default();
    Ok(all_pages!(client.tokens(), list_tokens, request, tokens))
}

/// A token by what it is called.
async fn token(client: &Client, name: &str) -> anyhow::Result<v1::Token> {
    let found = every(client).await?.into_iter().find(|t| t.display_name == name || t.name == name);
    found.ok_or_else(|| anyhow!("ключа «{name}» нет. Все: vekha token list"))
}

/// The last second of a day.
fn end_of(day: &str) -> anyhow::Result<prost_types::Timestamp> {
    let date: Date = day.parse().with_context(|| format!("«{day}»: нужна дата вида 2027-12-31"))?;
    let end: Timestamp = TimeZone::UTC.to_timestamp(date.at(23, 59, 59, 0))?;
    Ok(prost_types::Timestamp { seconds: end.as_second(), nanos: 0 })
}

fn rows(client: &Client, list: &[v1::Token]) -> String {
    let row = |t: &v1::Token| {
        let until =
            t.expires_at.map_or("бессрочно".to_owned(), |at| client.moment(Some(at)));
        let used = t.used_at.map_or("ни разу".to_owned(), |at| client.moment(Some(at)));
        let by = t.created_by.clone();
        let services =
            if t.services.is_empty() { "все".to_owned() } else { t.services.join(", ") };
        [t.display_name.clone(), words(&t.roles), services, until, used, by]
    };
    table(
        ["название", "роли", "службы", "действует до", "использован", "кто выдал"],
        list.iter().map(row).collect(),
    )
}
