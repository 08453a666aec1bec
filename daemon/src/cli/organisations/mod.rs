//! `vekha organisations`: the registry, and whether letters reach it.

pub(super) mod export;
pub(super) mod import;
mod preview;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use vekha_proto::v1;
use vekha_roadmap::diagnostic::render;
use vekha_roadmap::model::Organisation;
use vekha_roadmap::read::{Files, read_organisations};

use super::client::{Client, all_pages, filter};
use super::output::{Output, table};
use super::words::{address, date, kind};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список: люди, почта, доходят ли письма
    List {
        /// Только этого рода: department, school, kindergarten, association
        #[arg(long)]
        kind: Option<String>,
        /// Только действующие сегодня (true) или только закрытые и будущие (false)
        #[arg(long)]
        active: Option<bool>,
        /// Только с таким адресом: working, refused, missing, untried
        #[arg(long)]
        address: Option<String>,
    },
    /// Отметить, что адрес работает, хотя письмо с него вернулось: письма снова пойдут на него
    Confirm {
        /// Код организации
        organisation: String,
        /// Адрес; без него — все адреса организации
        address: Option<String>,
    },
    /// Календарь сроков организации для подписки: адрес показывается один раз
    Calendar {
        /// Код организации
        organisation: String,
        /// Показать выданные, не выдавая нового
        #[arg(long, conflicts_with = "revoke")]
        list: bool,
        /// Отозвать календарь с этим именем
        #[arg(long)]
        revoke: Option<String>,
    },
    /// Показать, что изменит в реестре таблица (.xlsx, .ods, .csv), и с --apply изменить
    Import(import::Args),
    /// Записать реестр таблицей, которую можно исправить и вернуть
    Export(export::Args),
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let (kind, active, address) = match command {
        Command::List { kind, active, address } => (kind, active, address),
        Command::Confirm { organisation, address } => {
            return confirm(client, organisation, address.as_deref(), out).await;
        }
        Command::Calendar { organisation, list, revoke } => {
            return calendar(client, organisation, *list, revoke.as_deref(), out).await;
        }
        Command::Import(_) | Command::Export(_) => return Ok(()),
    };
    let active = active.map(|active| active.to_string());
    let conditions = [("kind", kind), ("active", &active), ("address_state", address)];
    let request = v1::ListOrganisationsRequest {
        parent: client.municipality.clone(),
        filter: filter(conditions.map(|(field, value)| (field, value.as_deref()))),
        ..Default::default()
    };
    let list = all_pages!(client.organisations(), list_organisations, request, organisations);
    out.many(&list, || {
        let head = ["код", "род", "организация", "почта", "письма", "контакт", "телефон", ""];
        table(head, list.iter().map(|o| row(client, o)).collect())
    })?;
    Ok(())
}

async fn confirm(
    client: &Client,
    organisation: &str,
    address: Option<&str>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let request = client.asked(v1::ConfirmAddressRequest {
        name: format!("{}/organisations/{organisation}", client.municipality),
        address: address.unwrap_or_default().to_owned(),
        ..Default::default()
    });
    let confirmed = client.organisations().confirm_address(request).await?.into_inner();
    out.one(&confirmed, || {
        format!(
            "Письма снова идут на адреса «{}». Те, что не дошли: vekha outbox retry --organisation {}",
            confirmed.short, confirmed.code
        )
    })?;
    Ok(())
}

async fn calendar(
    client: &Client,
    organisation: &str,
    list: bool,
    revoke: Option<&str>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let name = format!("{}/organisations/{organisation}", client.municipality);
    let mut service = client.organisations();
    if list {
        let known = service.get_organisation(v1::GetOrganisationRequest { name }).await?;
        let calendars = known.into_inner().calendars;
        out.many(&calendars, || {
            let row = |one: &v1::Calendar| {
                let id = one.name.rsplit('/').next().unwrap_or_default().to_owned();
                [id, client.moment(one.created_at), one.created_by.clone()]
            };
            table(["имя", "выдан", "кем"], calendars.iter().map(row).collect())
        })?;
        return Ok(());
    }
    if let Some(id) = revoke {
        let request = client.asked(v1::RevokeCalendarRequest {
            name: format!("{name}/calendars/{id}"),
            ..Default::default()
        });
        let revoked = service.revoke_calendar(request).await?.into_inner();
        out.one(&revoked, || "Календарь отозван: по его адресу больше ничего нет".to_owned())?;
        return Ok(());
    }
    let request = client.asked(v1::CreateCalendarRequest { parent: name, ..Default::default() });
    let created = service.create_calendar(request).await?.into_inner();
    out.one(&created, || match created.url.as_str() {
        "" => "Это уже сделано; адрес показывается один раз".to_owned(),
        url => format!("{url}\nБольше этот адрес не показывается."),
    })?;
    Ok(())
}

/// The registry of a road map's files, even if the rest of them is broken.
fn registry(files: &Files) -> anyhow::Result<Vec<Organisation>> {
    read_organisations(files)
        .map_err(|errors| anyhow::anyhow!("реестр не читается:\n{}", render(&errors, files)))
}

fn row(client: &Client, o: &v1::Organisation) -> [String; 8] {
    let contact = o.contacts.first().cloned().unwrap_or_default();
    let others = match o.contacts.len() {
        0 | 1 => String::new(),
        n => format!(" и ещё {}", n - 1),
    };
    let letters = match (address(o.address_state()), client.moment(o.address_at)) {
        (words, at) if at.is_empty() => words.to_owned(),
        (words, at) => format!("{words}, {at}"),
    };
    let closed = match o.until.as_str() {
        "" => String::new(),
        until => format!("действует по {}", date(until)),
    };
    // Where all of them are dead the reason says so.
    let dead = o.dead_addresses.iter().filter(|_| o.address_state() != v1::AddressState::Refused);
    let dead = dead.map(|dead| format!("адреса {} нет", dead.address));
    let notes = [closed, o.address_reason.clone()].into_iter().chain(dead);
    let notes: Vec<String> = notes.filter(|note| !note.is_empty()).collect();
    [
        o.code.clone(),
        kind(o.kind()).to_owned(),
        o.short.clone(),
        o.email.clone(),
        letters,
        format!("{}{others}", contact.name),
        contact.phone,
        notes.join("; "),
    ]
}
