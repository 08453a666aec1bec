//! `vekha outbox`: letters that wait, went out, or were refused.

use vekha_proto::v1;

use super::client::{Client, all_pages, filter, short};
use super::output::{Output, table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Список
    List {
        /// Только в этом состоянии: pending, sending, sent, failed, obsolete
        #[arg(long)]
        state: Option<String>,
        /// Только этой организации
        #[arg(long)]
        organisation: Option<String>,
        /// Только этого выполнения
        #[arg(long)]
        run: Option<String>,
    },
    /// Одно письмо с текстом
    Show {
        /// Имя из списка
        message: String,
    },
    /// Отправить ещё раз то, что не доставлено
    Retry {
        /// Имя из списка
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        message: Option<String>,
        /// Все недоставленные
        #[arg(long)]
        all: bool,
        /// Только этой организации
        #[arg(long, requires = "all")]
        organisation: Option<String>,
    },
    /// Остановить отправку: ни одно письмо муниципалитета не уйдёт, пока её не возобновят
    Hold {
        /// Почему
        #[arg(long)]
        reason: String,
    },
    /// Возобновить отправку; перед ней каждое письмо сверяется с тем, как стоит дело
    Release {
        /// Почему
        #[arg(long, default_value = "")]
        reason: String,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<()> {
    let full = |message: &str| match message.starts_with("municipalities/") {
        true => message.to_owned(),
        false => format!("{}/messages/{message}", client.municipality),
    };
    let mut service = client.outbox();
    let message = match command {
        Command::List { state, organisation, run } => {
            let run = match run {
                Some(run) => Some(client.run(run).await?),
                None => None,
            };
            let conditions = [("state", state), ("organisation", organisation), ("run", &run)];
            let filter = filter(conditions.map(|(field, value)| (field, value.as_deref())));
            let request = v1::ListMessagesRequest {
                parent: client.municipality.clone(),
                filter,
                ..Default::default()
            };
            let mut list = all_pages!(service, list_messages, request, messages);
            client.narrowed_to(organisation.as_deref(), &list).await?;
            // A run that is not there is no run without letters.
            if let (Some(name), true) = (&run, list.is_empty()) {
                client.runs().get_run(v1::GetRunRequest { name: name.clone() }).await?;
            }
            list.sort_by_key(|m| m.created_at.map(|at| (at.seconds, at.nanos)));
            out.many(&list, || rows(client, &list))?;
            return Ok(());
        }
        Command::Show { message } => {
            service.get_message(v1::GetMessageRequest { name: full(message) }).await?
        }
        Command::Retry { message: None, organisation, .. } => {
            let request = client.asked(v1::RetryMessagesRequest {
                parent: client.municipality.clone(),
                organisation: organisation.clone().unwrap_or_default(),
                ..Default::default()
            });
            let retried = service.retry_messages(request).await?.into_inner();
            if retried.messages == 0 {
                client.is_organisation(organisation.as_deref().unwrap_or_default()).await?;
            }
            out.one(&retried, || format!("Снова в очереди: {}", retried.messages))?;
            return Ok(());
        }
        Command::Hold { reason } => {
            let request = client.asked(v1::HoldMessagesRequest {
                parent: client.municipality.clone(),
                reason: reason.clone(),
                ..Default::default()
            });
            let hold = service.hold_messages(request).await?.into_inner();
            out.one(&hold, || {
                "Отправка остановлена: vekha outbox release — возобновить".to_owned()
            })?;
            return Ok(());
        }
        Command::Release { reason } => {
            let request = client.asked(v1::ReleaseMessagesRequest {
                parent: client.municipality.clone(),
                reason: reason.clone(),
                ..Default::default()
            });
            let hold = service.release_messages(request).await?.into_inner();
            out.one(&hold, || "Письма отправляются".to_owned())?;
            return Ok(());
        }
        Command::Retry { message: Some(message), .. } => {
            let request =
                client.asked(v1::RetryMessageRequest { name: full(message), ..Default::default() });
            service.retry_message(request).await?
        }
    };
    let message = message.into_inner();
    out.one(&message, || {
        let rows = rows(client, std::slice::from_ref(&message));
        format!("{rows}\n\n{}\n\n{}", message.subject, message.text)
    })?;
    Ok(())
}

fn rows(client: &Client, list: &[v1::Message]) -> String {
    let row = |m: &v1::Message| {
        let state = match m.state() {
            v1::MessageState::Pending => "ждёт",
            v1::MessageState::Sending => "отправляется",
            v1::MessageState::Sent if m.uncertain => "отправлено, возможно дважды",
            v1::MessageState::Sent => "отправлено",
            v1::MessageState::Failed => "НЕ ДОСТАВЛЕНО",
            v1::MessageState::Obsolete => "не понадобилось",
            v1::MessageState::Unspecified => "",
        };
        let id = m.name.rsplit('/').next().unwrap_or_default().to_owned();
        let when = client.moment(m.sent_at.or(m.next_attempt_at));
        let (run, to) = (short(&m.run), m.to.clone());
        [id, m.kind.clone(), run, to, state.to_owned(), when, m.error.clone()]
    };
    let head = ["письмо", "род", "выполнение", "кому", "состояние", "когда", ""];
    table(head, list.iter().map(row).collect())
}
