//! What goes together: all letters that are due for one address make one digest, so that nobody
//! finds five letters of one office on one morning.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vekha_engine::LetterKind;

use super::ways::Ways;
use crate::store::micros;
use crate::store::write::outbox::{Due, Parcel};

/// How long letters wait at most for work that is due and may bring more of them.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);

/// Chooses up to `most` parcels among the messages that are due, the longest due first. While
/// there is work that may bring more letters, those that could go with them wait for a while.
pub fn choose(due: Vec<Due>, now: Timestamp, most: usize, ways: &Ways) -> Vec<Parcel> {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut parcels: BTreeMap<(String, String), Vec<Due>> = BTreeMap::new();
    for message in due {
        // A receipt answers a person who is at work right now: it goes at once and alone. A
        // digest that was begun stays what it is.
        let name = match &message.digest {
            Some(digest) => (digest.clone(), String::new()),
            // What may have arrived is sent again as it was.
            None if message.uncertain || message.kind == LetterKind::Receipt.as_str() => {
                (message.key.clone(), String::new())
            }
            // What leaves by different notifiers does not go together. No code has a slash.
            None => match ways.of_due(&message) {
                Some(way) => {
                    let organisation = format!("{}/{}", message.organisation, way.name);
                    (message.municipality.clone(), organisation)
                }
                None => (message.municipality.clone(), message.organisation.clone()),
            },
        };
        let waits = message.digest.is_none() && !name.1.is_empty() && message.work;
        if waits && message.next_attempt_at > micros(now.saturating_sub(PATIENCE).unwrap_or(now)) {
            continue;
        }
        let messages = parcels.entry(name.clone()).or_default();
        if messages.is_empty() {
            order.push(name);
        }
        messages.push(message);
    }
    order.truncate(most);
    order
        .iter()
        .filter_map(|name| parcels.remove(name))
        .map(|messages| {
            let begun = messages.iter().find_map(|m| m.digest.clone());
            let keys: Vec<String> = messages.into_iter().map(|m| m.key).collect();
            let digest = begun.or_else(|| (keys.len() > 1).then(|| format!("digest/{}", keys[0])));
            Parcel { keys, digest }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(key: &str, organisation: &str, kind: LetterKind, digest: Option<&str>) -> Due {
        Due {
            key: key.into(),
            municipality: "m".into(),
            organisation: organisation.into(),
            kind: kind.as_str().into(),
            next_attempt_at: 0,
            uncertain: false,
            digest: digest.map(str::to_owned),
            work: false,
        }
    }

    fn chosen(work: bool, now: Timestamp, most: usize) -> Vec<(String, Option<String>)> {
        let due = vec![
            due("a", "one", LetterKind::Reminder, None),
            due("b", "two", LetterKind::Assignment, None),
            due("c", "one", LetterKind::Receipt, None),
            due("d", "one", LetterKind::Measure, None),
            due("e", "one", LetterKind::Reminder, Some("digest/x")),
            due("f", "one", LetterKind::Reminder, Some("digest/x")),
        ];
        let due = due.into_iter().map(|message| Due { work, ..message }).collect();
        let parcels = choose(due, now, most, &Ways::default());
        parcels.into_iter().map(|p| (p.keys.join(" "), p.digest)).collect()
    }

    #[test]
    fn what_is_due_for_one_address_goes_together_and_a_receipt_goes_alone() {
        let all = [
            ("a d".to_owned(), Some("digest/a".to_owned())),
            ("b".to_owned(), None),
            ("c".to_owned(), None),
            ("e f".to_owned(), Some("digest/x".to_owned())),
        ];
        assert_eq!(chosen(false, Timestamp::UNIX_EPOCH, 9), all);
        assert_eq!(chosen(false, Timestamp::UNIX_EPOCH, 2), all[..2]);
        // More letters may come: only what is complete goes, and the rest a minute later.
        assert_eq!(chosen(true, Timestamp::UNIX_EPOCH, 9), all[2..]);
        assert_eq!(chosen(true, Timestamp::UNIX_EPOCH + PATIENCE, 9), all);
    }
}
