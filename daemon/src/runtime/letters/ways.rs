//! Which letters leave by which notifier: by their kind and by whom they go to. Those for which none is
//! named leave by mail; and so does what another notifier does not take, where the settings let it.

use std::sync::Arc;

use vekha_plugin::{DeliveryError, DeliveryErrorKind, Message, Notifier, Receipt};

use crate::store::write::outbox::Due;

/// A notifier beside mail, and what leaves by it.
pub struct Way {
    /// Its name in the settings.
    pub name: String,
    /// Who delivers.
    pub notifier: Arc<dyn Notifier>,
    /// Which kinds of letters; empty for all.
    pub letters: Vec<String>,
    /// To which organisations; empty for all.
    pub organisations: Vec<String>,
    /// Whether mail takes what it refuses, and all while it is away.
    pub fallback: bool,
}

impl Way {
    fn takes(&self, kind: &str, organisation: &str) -> bool {
        let holds = |list: &[String], one: &str| list.is_empty() || list.iter().any(|o| o == one);
        holds(&self.letters, kind) && holds(&self.organisations, organisation)
    }

    /// Delivers by this notifier, or in its stead by mail. That it is away holds up no other letters:
    /// each of its own waits as one that was postponed. `by_mail` is the message as mail takes it, or
    /// why it does not.
    pub(crate) async fn deliver(
        &self,
        mail: &dyn Notifier,
        message: &Message,
        by_mail: Result<Message, DeliveryError>,
    ) -> Result<Receipt, DeliveryError> {
        let error = match self.notifier.deliver(message).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        let not_sent =
            matches!(error.kind, DeliveryErrorKind::Permanent | DeliveryErrorKind::Unavailable);
        if !not_sent || !self.fallback {
            return Err(postponed(error));
        }
        tracing::warn!(notifier = self.name, message = message.key, "mail instead: {error}");
        let sent = match by_mail {
            Ok(message) => mail.deliver(&message).await,
            Err(nowhere) => Err(nowhere),
        };
        sent.map_err(|by_mail| {
            let message = format!("{error}; а почтой: {by_mail}");
            postponed(DeliveryError { message, ..by_mail })
        })
    }
}

/// The same, where whoever is away is no mail server whose return all letters await.
fn postponed(error: DeliveryError) -> DeliveryError {
    match error.kind {
        DeliveryErrorKind::Unavailable => {
            DeliveryError { kind: DeliveryErrorKind::Transient, ..error }
        }
        _ => error,
    }
}

/// All notifiers beside mail.
#[derive(Default)]
pub struct Ways(pub Vec<Way>);

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|way| &way.name)).finish()
    }
}

impl Ways {
    /// By which notifier letters of a kind to an organisation leave; none by mail.
    pub(crate) fn of(&self, kind: &str, organisation: &str) -> Option<&Way> {
        self.0.iter().find(|way| way.takes(kind, organisation))
    }

    /// The same of a message that is due.
    pub(crate) fn of_due(&self, due: &Due) -> Option<&Way> {
        self.of(&due.kind, &due.organisation)
    }
}

/// Whether there is a letter that two lists of kinds and organisations would both take.
pub fn overlap(one: (&[String], &[String]), other: (&[String], &[String])) -> bool {
    let meet = |one: &[String], other: &[String]| {
        one.is_empty() || other.is_empty() || one.iter().any(|o| other.contains(o))
    };
    meet(one.0, other.0) && meet(one.1, other.1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use vekha_plugin::{Description, Health, Plugin, Problem};

    use super::*;

    /// Says the same of every message, and counts.
    struct Says(Result<(), DeliveryError>, Mutex<u32>);

    #[async_trait]
    impl Plugin for Says {
        fn describe(&self) -> Description {
            Description {
                name: "says".into(),
                version: "1".into(),
                summary: "Отвечает.".into(),
                capabilities: vec![],
                settings: vec![],
            }
        }

        async fn check(&self) -> Result<(), Vec<Problem>> {
            Ok(())
        }

        async fn health(&self) -> Health {
            Health::Healthy
        }
    }

    #[async_trait]
    impl Notifier for Says {
        async fn deliver(&self, _: &Message) -> Result<Receipt, DeliveryError> {
            *self.1.lock().expect("a lock") += 1;
            self.0.clone().map(|()| Receipt::default())
        }
    }

    fn says(answer: Result<(), DeliveryError>) -> Arc<Says> {
        Arc::new(Says(answer, Mutex::new(0)))
    }

    fn way(notifier: Arc<Says>, letters: &[&str], organisations: &[&str], fallback: bool) -> Way {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        let (letters, organisations) = (owned(letters), owned(organisations));
        Way { name: "m".into(), notifier, letters, organisations, fallback }
    }

    #[test]
    fn a_letter_leaves_by_the_notifier_that_is_named_for_it_and_others_by_mail() {
        let well = || says(Ok(()));
        let ways = Ways(vec![
            way(well(), &["reminder"], &["school-1"], true),
            way(well(), &["receipt"], &[], true),
        ]);
        assert!(ways.of("reminder", "school-1").is_some() && ways.of("receipt", "x").is_some());
        assert!(ways.of("reminder", "school-2").is_none() && ways.of("link", "school-1").is_none());
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let (all, one, other) = (list(&[]), list(&["a"]), list(&["b"]));
        assert!(overlap((&all, &one), (&one, &all)) && overlap((&one, &one), (&one, &one)));
        assert!(!overlap((&one, &all), (&other, &all)) && !overlap((&all, &one), (&one, &other)));
    }

    #[tokio::test]
    async fn what_is_not_taken_leaves_by_mail_and_what_may_have_been_taken_does_not() {
        use DeliveryErrorKind::{Permanent, Transient, Unknown};
        let refused = || DeliveryError::permanent("нет такого");
        let cases = [
            (Ok(()), true, 0, None),
            (Err(refused()), true, 1, None),
            (Err(DeliveryError::unavailable("нет связи")), true, 1, None),
            (Err(DeliveryError::transient("позже")), true, 0, Some(Transient)),
            (Err(DeliveryError::unknown("обрыв")), true, 0, Some(Unknown)),
            (Err(refused()), false, 0, Some(Permanent)),
            (Err(DeliveryError::unavailable("нет связи")), false, 0, Some(Transient)),
        ];
        for (answer, fallback, by_mail, wanted) in cases {
            let (mail, shown) = (says(Ok(())), format!("{answer:?} {fallback}"));
            let sent = way(says(answer), &[], &[], fallback);
            let message = Message::default();
            let sent = sent.deliver(&*mail, &message, Ok(message.clone())).await;
            assert_eq!(sent.err().map(|e| e.kind), wanted, "{shown}");
            assert_eq!(*mail.1.lock().expect("a lock"), by_mail, "{shown}");
        }
        let mail = says(Err(DeliveryError::unavailable("почты нет")));
        let way = way(says(Err(refused())), &[], &[], true);
        let message = Message::default();
        let error = way.deliver(&*mail, &message, Ok(message.clone())).await.unwrap_err();
        assert_eq!(error.kind, Transient);
        assert_eq!(error.message, "нет такого; а почтой: почты нет");
    }
}
