//! A letter that nothing depends on: whether mail leaves.

use std::time::Duration;

use vekha_plugin::{Address, DeliveryError, Message, Receipt};

use crate::message_id;
use crate::runtime::Runtime;

/// How long it may take.
const TRIAL: Duration = Duration::from_secs(30);

impl Runtime {
    /// Has the mail deliver a letter that nothing depends on, now.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn try_mail(&self, to: Address) -> Result<Receipt, DeliveryError> {
        let key = format!("trial/{}", uuid::Uuid::now_v7());
        let now = self.clock.of_people();
        let letter = Message {
            message_id: message_id::of(&key, "trial"),
            key,
            to: vec![to],
            subject: "Пробное письмо".to_owned(),
            text: format!(
                "Это письмо отправлено со страницы «Демон»: так проверяют, что почта уходит.\n\
                 Отвечать на него не нужно.\n\n{}\n",
                self.public_url
            ),
            date: now.as_millisecond(),
            ..Message::default()
        };
        let late = || DeliveryError::transient("почта не ответила за полминуты");
        tokio::time::timeout(TRIAL, self.integrations.notifier.deliver(&letter))
            .await
            .map_err(|_| late())?
    }
}
