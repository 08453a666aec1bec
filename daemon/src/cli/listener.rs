//! `vekha listener`: other systems that are told what happens.

use prost_types::FieldMask;
use vekha_proto::v1;

use super::client::{Client, all_pages, short};
use super::output::{Output, table};
use crate::glossary;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список: кому и что передаётся, сколько ждёт
    List,
    /// Добавить: каждое событие — подписанный запрос на этот адрес; секрет показывается один раз
    Add {
        /// Имя: portal
        name: String,
        /// Адрес: https://portal.example.org/vekha
        url: String,
        #[command(flatten)]
        wishes: Wishes,
        /// После какой записи журнала начать; 0 — с самой первой. Без него — с того, что случится дальше
        #[arg(long, value_name = "КУРСОР")]
        after: Option<i64>,
    },
    /// Изменить адрес или что передаётся
    Set {
        /// Имя
        name: String,
        /// Новый адрес
        #[arg(long, value_name = "АДРЕС")]
        url: Option<String>,
        #[command(flatten)]
        wishes: Wishes,
    },
    /// Снова передавать, с того же места
    Enable {
        /// Имя
        name: String,
    },
    /// Ничего не передавать, пока не включат
    Disable {
        /// Имя
        name: String,
    },
    /// Заменить секрет новым; прежний подписывает ещё сутки
    Rotate {
        /// Имя
        name: String,
        /// Сколько часов подписывает и прежний; 0 — нисколько
        #[arg(long, default_value_t = 24, value_name = "ЧАСЫ")]
        overlap: i32,
    },
    /// Удалить вместе со списком непринятого
    #[command(alias = "delete")]
    Remove {
        /// Имя
        name: String,
    },
    /// Что слушатель не принял и что больше не отправляется само
    Undelivered {
        /// Имя
        name: String,
    },
    /// Отправить непринятое ещё раз
    Redeliver {
        /// Имя
        name: String,
        /// Только эти записи журнала; без них — все
        cursors: Vec<i64>,
    },
}

/// What a listener is told; an empty text stands for all.
#[derive(Debug, clap::Args)]
pub(super) struct Wishes {
    /// Только этого муниципалитета: zarechny; "" — всех
    #[arg(long, value_name = "МУНИЦИПАЛИТЕТ")]
    of: Option<String>,
    /// Только этого мероприятия; можно несколько; "" — всех
    #[arg(long = "activity", value_name = "МЕРОПРИЯТИЕ")]
    activities: Vec<String>,
    /// Только записи этого вида: submitted, decided; можно несколько; "" — всех, кроме доступа
    #[arg(long = "kind", value_name = "ВИД")]
    kinds: Vec<String>,
}

impl Wishes {
    /// What is wished, and which fields that concerns.
    fn said(&self) -> (v1::Listener, Vec<&'static str>) {
        let mut paths = Vec::new();
        let mut listener = v1::Listener::default();
        if let Some(of) = &self.of {
            paths.push("municipality");
            if !of.is_empty() {
                listener.municipality = format!("municipalities/{of}");
            }
        }
        let named = |list: &[String]| list.iter().filter(|one| !one.is_empty()).cloned().collect();
        if !self.activities.is_empty() {
            paths.push("activities");
            listener.activities = named(&self.activities);
        }
        if !self.kinds.is_empty() {
            paths.push("kinds");
            listener.kinds = named(&self.kinds);
        }
        (listener, paths)
    }
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let mut service = client.listeners();
    let changed = match command {
        Command::List => {
            let request = v1::ListListenersRequest::default();
            let all = all_pages!(service, list_listeners, request, listeners);
            out.many(&all, || rows(client, &all))?;
            return Ok(());
        }
        Command::Add { name, url, wishes, after } => {
            let (said, _) = wishes.said();
            let listener = v1::Listener { name: full(name), url: url.clone(), ..said };
            let request = v1::CreateListenerRequest {
                listener: Some(listener),
                after_cursor: *after,
                ..Default::default()
            };
            service.create_listener(client.asked(request)).await?
        }
        Command::Set { name, url, wishes } => {
            let (mut said, mut paths) = wishes.said();
            if let Some(url) = url {
                paths.push("url");
                said.url.clone_from(url);
            }
            anyhow::ensure!(
                !paths.is_empty(),
                "назовите, что изменить: --url, --of, --activity, --kind"
            );
            service.update_listener(client.asked(update(name, said, &paths))).await?
        }
        Command::Enable { name } => {
            let said = v1::Listener { disabled: false, ..Default::default() };
            service.update_listener(client.asked(update(name, said, &["disabled"]))).await?
        }
        Command::Disable { name } => {
            let said = v1::Listener { disabled: true, ..Default::default() };
            service.update_listener(client.asked(update(name, said, &["disabled"]))).await?
        }
        Command::Rotate { name, overlap } => {
            let overlap_hours = if *overlap == 0 { -1 } else { *overlap };
            let request = v1::RotateListenerSecretRequest {
                name: full(name),
                overlap_hours,
                ..Default::default()
            };
            service.rotate_listener_secret(client.asked(request)).await?
        }
        Command::Remove { name } => {
            let request = v1::DeleteListenerRequest { name: full(name), ..Default::default() };
            service.delete_listener(client.asked(request)).await?
        }
        Command::Undelivered { name } => {
            let request = v1::ListUndeliveredRequest { name: full(name), ..Default::default() };
            let all = all_pages!(service, list_undelivered, request, entries);
            out.many(&all, || undelivered(client, &all))?;
            return Ok(());
        }
        Command::Redeliver { name, cursors } => {
            let (name, cursors) = (full(name), cursors.clone());
            let request = v1::RedeliverRequest { name, cursors, ..Default::default() };
            let wanted = service.redeliver(client.asked(request)).await?.into_inner();
            out.one(&wanted, || format!("Отправляется ещё раз: {}", wanted.entries))?;
            return Ok(());
        }
    };
    let listener = changed.into_inner();
    out.one(&listener, || {
        let row = rows(client, std::slice::from_ref(&listener));
        match listener.secret.as_str() {
            "" => row,
            secret => format!("{row}\nСекрет подписи: {secret}"),
        }
    })?;
    Ok(())
}

fn full(name: &str) -> String {
    match name.starts_with("listeners/") {
        true => name.to_owned(),
        false => format!("listeners/{name}"),
    }
}

fn update(name: &str, said: v1::Listener, paths: &[&str]) -> v1::UpdateListenerRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    v1::UpdateListenerRequest {
        listener: Some(v1::Listener { name: full(name), ..said }),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    }
}

fn rows(client: &Client, list: &[v1::Listener]) -> String {
    let row = |l: &v1::Listener| {
        let name = l.name.rsplit('/').next().unwrap_or_default().to_owned();
        let to = match l.plugin.as_str() {
            "" => l.url.clone(),
            plugin => format!("плагин {plugin}"),
        };
        let kinds: Vec<&str> = l.kinds.iter().map(|kind| glossary::journal_kind(kind)).collect();
        let what = [
            l.municipality.trim_start_matches("municipalities/").to_owned(),
            l.activities.join(", "),
            kinds.join(", "),
        ];
        let what: Vec<String> = what.into_iter().filter(|part| !part.is_empty()).collect();
        let what = if what.is_empty() { "всё".to_owned() } else { what.join("; ") };
        let state = match (l.disabled, l.attempts) {
            (true, _) if l.disabled_reason.is_empty() => "выключен".to_owned(),
            (true, _) => format!("ОТКЛЮЧЁН: {}", l.disabled_reason),
            (false, 0) => "принимает".to_owned(),
            (false, attempts) => format!(
                "НЕ ПРИНИМАЕТ, попыток {attempts}, следующая {}: {}",
                client.moment(l.next_attempt_at),
                l.error
            ),
        };
        [name, to, what, state, l.waiting.to_string(), l.undelivered.to_string()]
    };
    let head = ["слушатель", "куда", "что", "состояние", "ждёт", "не принято"];
    table(head, list.iter().map(row).collect())
}

fn undelivered(client: &Client, list: &[v1::Undelivered]) -> String {
    let row = |u: &v1::Undelivered| {
        let again = if u.wanted { "отправляется ещё раз" } else { "" };
        let what = glossary::journal_kind(&u.kind).to_owned();
        [
            u.cursor.to_string(),
            short(&u.run),
            what,
            client.moment(u.at),
            u.attempts.to_string(),
            u.error.clone(),
            again.to_owned(),
        ]
    };
    let head = ["запись", "выполнение", "что", "когда", "попыток", "почему", ""];
    table(head, list.iter().map(row).collect())
}
