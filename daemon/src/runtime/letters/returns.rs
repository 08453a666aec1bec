//! What came back: reports of letters that did not arrive, which notifiers hear of.
//!
//! A notifier tells of a report until it is settled, so a report is committed first and settled with
//! the notifier afterwards: whoever ends in between, or hears of the same one beside another daemon,
//! finds it taken already. The reading has a loop of its own: a mailbox that hangs holds up nothing
//! else.
//!
//! Nothing is sent to an address that does not exist as if it worked: mail servers take a sender who
//! goes on writing to such addresses for a spammer, and then the letters to all the others suffer. The
//! letter goes to the organisation's other addresses; if there are none, it fails at once with the
//! reason, and the department is told as of any other that did not arrive. So it is until the registry
//! has another address, or somebody says that this one works.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use vekha_plugin::{Cause, Message, Notifier, Report, Settled};

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::entities::request;
use crate::store::write::returned::{self, Failure, NO_SUCH_ADDRESS, Taken};

/// How long after something went wrong the next look is taken.
const AGAIN: Duration = Duration::from_secs(60);

/// What keeps reports from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// How addresses are compared: reports write them in other cases, and domains in ASCII.
pub fn comparable(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    match lower.rsplit_once('@') {
        Some((user, domain)) => {
            let ascii = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned());
            format!("{user}@{ascii}")
        }
        None => lower,
    }
}

impl Runtime {
    /// Takes what came back, over and over, until the daemon is to end.
    pub(crate) async fn listen_for_returns(&self) {
        let mut ending = self.ending();
        loop {
            let again = match self.take_returned().await {
                Ok(again) => again,
                Err(e) => {
                    tracing::warn!("what came back could not be taken: {e}");
                    Some(AGAIN)
                }
            };
            let wait = async {
                match again {
                    Some(again) => tokio::time::sleep(again).await,
                    // Nobody ever hears of anything.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                _ = ending.wait_for(|ending| *ending) => return,
            }
        }
    }

    /// Takes all reports that notifiers hear of at the moment. Returns after how long to look again;
    /// none if none of them ever hears of anything.
    ///
    /// # Errors
    /// When the database fails; what was not taken comes again.
    pub async fn take_returned(&self) -> Result<Option<Duration>, StoreError> {
        let ways = self.integrations.ways.0.iter().map(|way| way.notifier.clone());
        let all: Vec<Arc<dyn Notifier>> =
            [self.integrations.notifier.clone()].into_iter().chain(ways).collect();
        let mut again = None;
        let mut unheard = None;
        for notifier in all {
            match self.take_of(&*notifier).await? {
                Ok(of_this) => again = again.into_iter().chain(of_this).min(),
                Err(why) => {
                    again = again.into_iter().chain([AGAIN]).min();
                    unheard = Some(why);
                }
            }
        }
        self.note_unheard(unheard);
        Ok(again)
    }

    /// The same of one notifier, or why it could not be asked.
    async fn take_of(
        &self,
        notifier: &dyn Notifier,
    ) -> Result<Result<Option<Duration>, String>, StoreError> {
        loop {
            if *self.ending().borrow() {
                return Ok(Ok(None));
            }
            let returned = match notifier.returned().await {
                Ok(returned) => returned,
                Err(why) => return Ok(Err(why)),
            };
            let mut settled = Settled::default();
            if !returned.reports.is_empty() {
                self.keep_up().await?;
            }
            for report in &returned.reports {
                match self.take_report(report).await? {
                    Taken::Done => settled.taken.push(report.id.clone()),
                    Taken::NotOurs => settled.left.push(report.id.clone()),
                    Taken::Early => {}
                }
            }
            let none = settled.taken.is_empty() && settled.left.is_empty();
            if !none && let Err(why) = notifier.settle_returned(&settled).await {
                return Ok(Err(why));
            }
            if !settled.taken.is_empty() {
                tracing::info!(reports = settled.taken.len(), "reports of returned letters taken");
                self.nudge();
            }
            // What nothing could be done with would come again at once.
            if !returned.more || (none && !returned.reports.is_empty()) {
                return Ok(Ok(returned.again));
            }
        }
    }

    async fn take_report(&self, report: &Report) -> Result<Taken, StoreError> {
        let failures = report.failures.iter().map(|failure| {
            let detail = failure.detail.clone();
            let (cause, words) = match failure.cause {
                Cause::NoSuchAddress => (NO_SUCH_ADDRESS, "такого адреса нет"),
                Cause::Full => ("full", "почтовый ящик переполнен"),
                Cause::Refused => ("refused", "почтовый сервер получателя не принял письмо"),
                Cause::Other => ("other", "доставить не удалось"),
            };
            let words = match detail.as_str() {
                "" => words.to_owned(),
                said => format!("{words} ({said})"),
            };
            let addresses = failure.addresses.iter().map(|one| comparable(one)).collect();
            Failure { addresses, cause, detail, words }
        });
        let report = returned::Report {
            id: report.id.clone(),
            message_id: report.message_id.clone(),
            failures: failures.collect(),
        };
        let in_force = |municipality: &str| {
            self.road_maps.newest(municipality).map_or(0, |version| version.number)
        };
        self.store.take_report(&report, in_force, self.clock.now()).await
    }

    fn note_unheard(&self, reason: Option<String>) {
        let mut known = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &reason) {
            (None, Some(why)) => tracing::warn!("what came back cannot be read: {why}"),
            (Some(_), None) => tracing::info!("what came back can be read again"),
            _ => {}
        }
        let since = known.as_ref().map_or_else(|| self.clock.now(), |known| known.since);
        *known = reason.map(|reason| Unheard { since, reason });
    }

    /// What keeps reports from being read at the moment.
    pub fn unheard(&self) -> Option<Unheard> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The message to those of its addresses that exist.
    ///
    /// # Errors
    /// Why it goes nowhere: for people, as whoever refuses a letter says it.
    pub(crate) async fn to_living(
        &self,
        mut message: Message,
        (municipality, organisation): (&str, &str),
    ) -> Result<Result<Message, String>, StoreError> {
        let dead = self.store.dead_addresses(municipality, &[organisation]).await?;
        if dead.is_empty() {
            return Ok(Ok(message));
        }
        let known = |email: &str| dead.get(&(organisation.to_owned(), comparable(email)));
        let all = std::mem::take(&mut message.to);
        let (gone, living): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|to| known(&to.email).is_some());
        if living.is_empty() {
            let told = gone.iter().map(|to| to.email.as_str()).collect::<Vec<_>>().join(", ");
            let said = gone.iter().find_map(|to| known(&to.email)).map(|row| row.detail.as_str());
            return Ok(Err(format!(
                "не отправлено: такого адреса нет — {told} ({}); исправьте адрес в реестре, а если \
                 он верен, отметьте на странице организации, что он работает",
                said.unwrap_or_default()
            )));
        }
        message.to = living;
        Ok(Ok(message))
    }

    /// Notes that an organisation's addresses work, whatever came back, or one of them. Returns how many
    /// there were; none if the same request was carried out before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm_addresses(
        &self,
        whose: (&str, &str),
        address: Option<&str>,
        request: Option<request::Model>,
        actor: &str,
    ) -> Result<Option<usize>, StoreError> {
        let version = self.road_maps.newest(whose.0).map_or(0, |version| version.number);
        let address = address.map(comparable);
        let (address, now) = (address.as_deref(), self.clock.now());
        let confirmed =
            self.store.confirm_addresses(whose, address, request, actor, version, now).await?;
        self.nudge();
        Ok(confirmed)
    }
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn addresses_that_mean_the_same_compare_so() {
        assert_eq!(comparable(" School-1@Школа.РФ "), comparable("school-1@xn--80atdl2c.xn--p1ai"));
        assert_ne!(comparable("a@b.ru"), comparable("c@b.ru"));
        assert_eq!(comparable("нет адреса"), "нет адреса");
    }
}
