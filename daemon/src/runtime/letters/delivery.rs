//! What becomes of a parcel: judged, composed, handed to the notifier.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use vekha_plugin::{DeliveryError, DeliveryErrorKind, Message, Receipt};

use crate::runtime::Runtime;
use crate::runtime::letters::{departure, digest, message, returns};
use crate::runtime::loops::put_off;
use crate::store::entities::outbox::Model;
use crate::store::write::outbox::Delivery;
use crate::store::{StoreError, micros};

/// How long to wait after the n-th failed try; after the last one the message has failed.
const BACKOFF: [SignedDuration; 7] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(24),
];

impl Runtime {
    /// Delivers a claimed parcel. Returns what became of each of its messages.
    pub(crate) async fn deliver(&self, mut rows: Vec<Model>) -> Vec<(Model, Delivery)> {
        let now = self.clock.now();
        let mut known: Vec<Option<Delivery>> = Vec::with_capacity(rows.len());
        let mut letters = Vec::with_capacity(rows.len());
        for row in &rows {
            let result = match row.letter() {
                Err(e) => Some(self.put_letter_off(row, &e.to_string(), now)),
                Ok(letter) => match departure::judge(self, letter, &rows, now).await {
                    Ok(None) => Some(Delivery::Obsolete),
                    Err(StoreError::Unreadable(why)) => Some(self.put_letter_off(row, &why, now)),
                    Err(e) => Some(again(row, now, false, e.to_string())),
                    Ok(Some(letter)) => {
                        letters.push((row, letter));
                        None
                    }
                },
            };
            known.push(result);
        }
        let message = match letters.as_slice() {
            [] => None,
            [(row, letter)] => Some(message::message(self, row, letter)),
            several => Some(digest::message(self, several)),
        };
        let sent = match message {
            None => Ok(Receipt::default()),
            Some(Err(e)) => Err(DeliveryError::permanent(e)),
            Some(Ok(message)) => self.hand_over(&mut rows, message).await,
        };
        let all = rows.into_iter().zip(known);
        all.map(|(row, known)| {
            let delivery = known.unwrap_or_else(|| {
                self.store.read_again(&row.key);
                became(&row, &sent, now)
            });
            (row, delivery)
        })
        .collect()
    }

    /// Hands a parcel's message to whom it leaves by, all of a parcel to the same one.
    async fn hand_over(
        &self,
        rows: &mut [Model],
        message: Message,
    ) -> Result<Receipt, DeliveryError> {
        let Some(first) = rows.first() else { return Ok(Receipt::default()) };
        let whose = (first.municipality.as_str(), first.organisation.as_str());
        let way = self.integrations.ways.of(&first.kind, &first.organisation);
        // What does not exist as an address of mail may do so elsewhere.
        let elsewhere = way.map(|way| (way, message.clone()));
        let by_mail = match self.to_living(message, whose).await {
            Ok(living) => living.map_err(DeliveryError::permanent),
            Err(e) => return Err(DeliveryError::transient(e.to_string())),
        };
        let leaves = elsewhere.as_ref().map_or_else(|| by_mail.as_ref().ok(), |(_, all)| Some(all));
        let to = leaves.into_iter().flat_map(|message| &message.to);
        let to: Vec<String> = to.map(|to| returns::comparable(&to.email)).collect();
        let sent = match (elsewhere, by_mail) {
            (Some((way, all)), by_mail) => {
                way.deliver(&*self.integrations.notifier, &all, by_mail).await
            }
            (None, Err(nowhere)) => Err(nowhere),
            (None, Ok(message)) => {
                let sent = self.integrations.notifier.deliver(&message).await;
                self.learn(&sent);
                sent
            }
        };
        // Who was refused is named in what was said: nothing has left to them.
        let refused = sent.iter().flat_map(|receipt| &receipt.refused);
        let refused: BTreeSet<String> = refused.flat_map(|said| addresses_in(said)).collect();
        let to: Vec<String> = to.into_iter().filter(|to| !refused.contains(to)).collect();
        for row in rows {
            row.sent_to = to.join("\n");
        }
        sent
    }

    /// A letter that rests on what cannot be read waits for as long as that lasts.
    fn put_letter_off(&self, row: &Model, why: &str, now: Timestamp) -> Delivery {
        self.store.put_aside(&row.key, why);
        let at = now + put_off::wait(row.attempts);
        Delivery::Retry { at, uncertain: false, error: why.to_owned() }
    }

    /// Whether the server is there is learnt from every try.
    fn learn(&self, sent: &Result<Receipt, DeliveryError>) {
        match sent {
            Err(e) if e.kind == DeliveryErrorKind::Unavailable => {
                self.outage.met(&e.message, &self.clock);
            }
            // What broke off tells neither, nor does what was not tried.
            Err(e) if e.code.is_none() && e.kind != DeliveryErrorKind::Permanent => {}
            _ => self.outage.over(),
        }
    }
}

/// The addresses that stand in what was said of somebody who was refused.
fn addresses_in(said: &str) -> impl Iterator<Item = String> {
    let words = said.split(|c: char| c.is_whitespace() || "<>«»()\"',;:".contains(c));
    let bare = words.map(|word| word.trim_end_matches('.'));
    bare.filter(|word| word.contains('@')).map(returns::comparable)
}

/// What became of a message by what the notifier said of its parcel.
fn became(row: &Model, sent: &Result<Receipt, DeliveryError>, now: Timestamp) -> Delivery {
    match sent {
        Ok(receipt) if receipt.refused.is_empty() => Delivery::Sent,
        Ok(receipt) => Delivery::Partly { refused: receipt.refused.join("; ") },
        Err(e) => match e.kind {
            DeliveryErrorKind::Permanent => Delivery::Failed { error: e.message.clone() },
            DeliveryErrorKind::Transient => again(row, now, false, e.message.clone()),
            DeliveryErrorKind::Unknown => again(row, now, true, e.message.clone()),
            DeliveryErrorKind::Unavailable => {
                Delivery::Held { due: row.next_attempt_at, error: e.message.clone() }
            }
            DeliveryErrorKind::Later { seconds } => {
                // However long a notifier wants to wait: a day is as good as never.
                let wait = SignedDuration::from_secs(i64::from(seconds.clamp(1, 86_400)));
                Delivery::Held { due: micros(now + wait), error: e.message.clone() }
            }
        },
    }
}

fn again(row: &Model, now: Timestamp, uncertain: bool, error: String) -> Delivery {
    let tries = usize::try_from(row.attempts).unwrap_or(1).max(1);
    match BACKOFF.get(tries - 1) {
        Some(wait) => Delivery::Retry { at: now + *wait, uncertain, error },
        None => Delivery::Failed { error: format!("после {tries} попыток: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use super::addresses_in;

    #[test]
    fn who_was_refused_is_who_is_named_and_nobody_whose_address_is_a_part_of_it() {
        let said = "адресат Aa@school.ru отклонён сервером: 550 <aa@school.ru>: user unknown.";
        let refused: Vec<String> = addresses_in(said).collect();
        assert_eq!(refused, ["aa@school.ru", "aa@school.ru"]);
        assert_eq!(addresses_in("занят").count(), 0);
    }
}
