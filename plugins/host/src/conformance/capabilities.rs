//! What plugins must keep by what they can do.

use tonic::Status;
use vekha_plugin::{
    Address, Capability, Document, Event, FetchRequest, FieldKind, Message, WantedField, wire,
};
use vekha_proto::plugin::v1;
use vekha_proto::plugin::v1::listener_client::ListenerClient;
use vekha_proto::plugin::v1::notifier_client::NotifierClient;
use vekha_proto::plugin::v1::publisher_client::PublisherClient;
use vekha_proto::plugin::v1::source_client::SourceClient;

use super::{NAME, Outcome, Trial, Tried, analyzer, broken, untried};
use crate::words::unanswered;

/// Why calls with an effect are not tried.
pub(super) const BARE: &str = "настройки не даны (--configuration ФАЙЛ)";

impl Trial {
    fn why(&self, status: &Status) -> Outcome {
        Outcome::Broken(unanswered(NAME, status, self.config.largest()))
    }

    async fn deliver(&self, uncertain: bool) -> Result<v1::DeliverResponse, Outcome> {
        let message = Message {
            key: "vekha-plugin-test/1".into(),
            message_id: "vekha-plugin-test.1@vekha.example.org".into(),
            to: vec![Address::new("Проверка", "vekha-plugin-test@example.org")],
            subject: "Проверка плагина".into(),
            text: "Это письмо отправила команда vekha plugin test.\n".into(),
            date: 1_800_000_000_000,
            uncertain,
            ..Message::default()
        };
        let request = v1::DeliverRequest { message: Some(wire::message(&message)) };
        let mut client = NotifierClient::new(self.started.channel.clone());
        let answer = self.answered(client.deliver(request)).await?;
        Ok(answer.map_err(|status| self.why(&status))?.into_inner())
    }

    async fn fetch(&self) -> Result<Result<Vec<v1::FetchResponse>, Status>, Outcome> {
        let field = WantedField {
            id: "pupils".into(),
            label: "Учащихся".into(),
            kind: FieldKind::Number,
            ..WantedField::default()
        };
        let request = FetchRequest {
            key: "vekha-plugin-test/1".into(),
            municipality: "test".into(),
            activity: "test".into(),
            period: "2026-27".into(),
            form: "test".into(),
            fields: vec![field],
            organisations: vec!["school-1".into(), "school-2".into()],
        };
        let mut client = SourceClient::new(self.started.channel.clone())
            .max_decoding_message_size(self.config.largest());
        self.answered(async {
            let mut stream = client.fetch(wire::fetch(&request)).await?.into_inner();
            let mut parts = Vec::new();
            while let Some(part) = stream.message().await? {
                parts.push(part);
            }
            Ok(parts)
        })
        .await
    }

    async fn publish(&self, text: &str) -> Result<v1::PublishResponse, Outcome> {
        let document = Document {
            path: "vekha-plugin-test/test.html".into(),
            content_type: "text/html; charset=utf-8".into(),
            bytes: text.into(),
        };
        let request = v1::PublishRequest { document: Some(wire::document(&document)) };
        let mut client = PublisherClient::new(self.started.channel.clone());
        let answer = self.answered(client.publish(request)).await?;
        Ok(answer.map_err(|status| self.why(&status))?.into_inner())
    }

    async fn tell(&self) -> Result<Result<i32, Status>, Outcome> {
        let run = "municipalities/test/activities/test/runs/2026-27";
        let event = |sequence: i64, kind: &str| Event {
            id: format!("{sequence:064x}"),
            cursor: sequence,
            run: run.into(),
            activity: "municipalities/test/activities/test".into(),
            sequence,
            at: 1_800_000_000_000,
            actor: "vekha plugin test".into(),
            kind: kind.into(),
            ..Event::default()
        };
        let events =
            [event(1, "run-opened"), event(2, "run-started"), event(3, "kind-of-tomorrow")];
        let request = v1::HearRequest { events: events.iter().map(wire::event).collect() };
        let mut client = ListenerClient::new(self.started.channel.clone());
        let answer = self.answered(client.hear(request)).await?;
        Ok(answer.map(|answer| answer.into_inner().taken))
    }
}

/// Calls that come before any configuration, and say nothing.
pub(super) async fn bears_early_calls(trial: &Trial) -> Tried {
    let channel = || trial.started.channel.clone();
    for capability in &trial.started.description.capabilities {
        match capability {
            Capability::Notifier => {
                let request = v1::DeliverRequest { message: None };
                let mut client = NotifierClient::new(channel());
                let answer = trial.answered(client.deliver(request)).await?;
                if answer.is_ok_and(|answer| answer.get_ref().delivery() == v1::Delivery::Sent) {
                    return broken("до настройки говорит, что отправил письмо, которого не было");
                }
            }
            Capability::Source => {
                let mut client = SourceClient::new(channel());
                let _ = trial.answered(client.fetch(v1::FetchRequest::default())).await?;
            }
            Capability::Listener => {
                let mut client = ListenerClient::new(channel());
                let answer = trial.answered(client.hear(v1::HearRequest::default())).await?;
                if answer.is_ok_and(|answer| answer.get_ref().taken != 0) {
                    return broken("до настройки говорит, что взял события, которых не было");
                }
            }
            Capability::Analyzer => analyzer::bears_early_calls(trial).await?,
            Capability::Publisher => {
                let request = v1::PublishRequest { document: None };
                let mut client = PublisherClient::new(channel());
                if trial.answered(client.publish(request)).await?.is_ok() {
                    return broken(
                        "до настройки говорит, что опубликовал документ, которого не было",
                    );
                }
            }
        }
    }
    trial.lives().await
}

pub(super) async fn delivers_again(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    let (first, again) = (trial.deliver(false).await?, trial.deliver(true).await?);
    for answer in [&first, &again] {
        match answer.delivery() {
            v1::Delivery::Unspecified => {
                return broken("не говорит, что стало с письмом (delivery)");
            }
            v1::Delivery::Sent => {}
            _ if answer.detail.trim().is_empty() => {
                return broken("не отправил и не говорит почему (detail)");
            }
            _ => {}
        }
    }
    match (first.delivery(), again.delivery()) {
        (v1::Delivery::Sent, v1::Delivery::Refused) => {
            broken("письмо с тем же ключом отклонено, хотя уже отправлено: ответьте SENT")
        }
        _ => Ok(()),
    }
}

pub(super) async fn fetches_again(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    match (trial.fetch().await?, trial.fetch().await?) {
        (Ok(one), Ok(other)) => {
            let records = |parts: Vec<v1::FetchResponse>| {
                parts.into_iter().flat_map(|part| part.records).collect::<Vec<_>>()
            };
            let (one, other) = (records(one), records(other));
            let mut codes: Vec<&str> = one.iter().map(|one| one.organisation.as_str()).collect();
            codes.sort_unstable();
            if codes.iter().any(|code| code.is_empty()) {
                return broken("запись без кода организации (organisation)");
            }
            if codes.windows(2).any(|pair| pair[0] == pair[1]) {
                return broken("у одной организации несколько записей");
            }
            if one == other {
                Ok(())
            } else {
                broken("на тот же запрос ответил другим")
            }
        }
        (one, other) => {
            // Nothing is known of what was asked for: that may be said, in words.
            let told = |answer: &Result<_, Status>| {
                answer.as_ref().err().is_none_or(|status| !status.message().trim().is_empty())
            };
            match told(&one) && told(&other) {
                true => trial.lives().await,
                false => broken("ошибка без слов"),
            }
        }
    }
}

pub(super) async fn hears_again(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    for told in [trial.tell().await?, trial.tell().await?] {
        match told {
            Ok(1..=3) => {}
            Ok(0) => return broken("не взял ни одного события и не говорит почему"),
            Ok(taken) => return broken(format!("взял событий {taken} из 3")),
            Err(status) if status.message().trim().is_empty() => {
                return broken("ошибка без слов");
            }
            // It may be unable to; but not the second time only.
            Err(status) if status.code() != tonic::Code::Unavailable => {
                return Err(trial.why(&status));
            }
            Err(_) => {}
        }
    }
    trial.lives().await
}

pub(super) async fn publishes_again(trial: &Trial) -> Tried {
    if !trial.configured {
        return untried(BARE);
    }
    let (one, other) = (trial.publish("<p>1</p>").await?, trial.publish("<p>2</p>").await?);
    if one.location.trim().is_empty() {
        return broken("не говорит, где документ (location)");
    }
    match one == other {
        true => Ok(()),
        false => broken("тот же документ опубликован в другом месте"),
    }
}
