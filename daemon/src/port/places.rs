//! Places for connections: so many at a time, so many for one address. When all are taken, whoever
//! has been idle longest makes room; if all are busy, newcomers wait in the system's queue.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limits::Patience;
use super::told::{self, Bound};

/// While all are busy, how often to look whether one has become idle.
const LOOK: Duration = Duration::from_millis(100);

/// All places.
#[derive(Debug)]
pub struct Places {
    most: usize,
    /// Most for one address.
    share: usize,
    guests: Mutex<Guests>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Guests {
    /// The next one's number.
    next: u64,
    inside: BTreeMap<u64, Arc<Guest>>,
}

impl Guests {
    /// Asks the one that has been idle longest to leave; of this address if one is named. Says
    /// whether there was one.
    fn dismiss(&self, peer: Option<IpAddr>) -> bool {
        let of = |guest: &&Arc<Guest>| peer.is_none_or(|peer| guest.peer == peer);
        let idle = self.inside.values().filter(of);
        let longest = idle.filter_map(|guest| Some((guest.idle_since()?, guest)));
        let longest = longest.min_by_key(|(since, _)| *since);
        longest.map(|(_, guest)| guest.dismiss()).is_some()
    }
}

impl Places {
    /// As many places, half of them for one address.
    pub fn new(most: usize) -> Self {
        let share = most.div_ceil(2);
        Places { most, share, guests: Mutex::default(), left: Notify::new() }
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a place for one more.
    pub async fn room(&self) {
        loop {
            {
                let guests = self.guests();
                if guests.inside.len() < self.most {
                    return;
                }
                guests.dismiss(None);
            }
            told::met(Bound::Connections, &self.most);
            // Whoever is busy now may be idle soon without leaving.
            tokio::time::timeout(LOOK, self.left.notified()).await.ok();
        }
    }

    /// Takes a place for a connection of this address; none if it has all that an address may have,
    /// and is busy on all of them.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let mut guests = self.guests();
        // On this machine a reverse proxy speaks for many.
        if !peer.is_loopback() {
            let own = guests.inside.values().filter(|guest| guest.peer == peer).count();
            if own >= self.share && !guests.dismiss(Some(peer)) {
                return None;
            }
        }
        let number = guests.next;
        guests.next += 1;
        let guest = Arc::new(Guest::new(peer));
        guests.inside.insert(number, guest.clone());
        Some(Place { places: self.clone(), number, guest })
    }

    /// Asks whoever has been idle longest to leave.
    pub fn dismiss_idle(&self) {
        self.guests().dismiss(None);
    }
}

/// A taken place; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    /// Who has it.
    pub guest: Arc<Guest>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.guests().inside.remove(&self.number);
        self.places.left.notify_one();
    }
}

/// A connection as others see it.
#[derive(Debug)]
pub struct Guest {
    /// Where it comes from.
    pub peer: IpAddr,
    doing: Mutex<Doing>,
    leave: Notify,
}

#[derive(Debug)]
struct Doing {
    /// Requests that are not answered whole.
    requests: usize,
    /// Since when there are none.
    since: Instant,
    /// There has been a request.
    asked: bool,
    /// It was asked to leave.
    dismissed: bool,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Its first headers did not come.
    Headers,
    /// It did nothing for long.
    Idle,
    /// Somebody else needs the place.
    Dismissed,
}

impl Guest {
    fn new(peer: IpAddr) -> Self {
        let doing = Doing { requests: 0, since: Instant::now(), asked: false, dismissed: false };
        Guest { peer, doing: Mutex::new(doing), leave: Notify::new() }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when it does nothing; none if it does something, or was asked to leave already.
    fn idle_since(&self) -> Option<Instant> {
        let doing = self.doing();
        (doing.requests == 0 && !doing.dismissed).then_some(doing.since)
    }

    /// Whether it does nothing.
    pub fn is_idle(&self) -> bool {
        self.doing().requests == 0
    }

    fn dismiss(&self) {
        self.doing().dismissed = true;
        self.leave.notify_one();
    }

    /// Marks a request that lasts until the mark is dropped.
    pub fn asks(self: &Arc<Self>) -> Asking {
        let mut doing = self.doing();
        doing.requests += 1;
        doing.asked = true;
        Asking(self.clone())
    }

    /// Returns when it is to leave, and why.
    pub async fn overstays(&self, patience: &Patience) -> Leaving {
        loop {
            let (deadline, why) = {
                let doing = self.doing();
                match (doing.requests, doing.asked) {
                    (0, false) => (doing.since + patience.headers, Leaving::Headers),
                    (0, true) => (doing.since + patience.idle, Leaving::Idle),
                    // However soon it ends, it may be idle so long afterwards.
                    _ => (Instant::now() + patience.idle, Leaving::Idle),
                }
            };
            tokio::select! {
                () = self.leave.notified() => return Leaving::Dismissed,
                () = tokio::time::sleep_until(deadline) => {
                    let doing = self.doing();
                    let still = match why {
                        Leaving::Headers => !doing.asked,
                        _ => doing.since + patience.idle <= Instant::now(),
                    };
                    if doing.requests == 0 && still {
                        return why;
                    }
                }
            }
        }
    }
}

/// A request that is not answered whole yet.
#[derive(Debug)]
pub struct Asking(Arc<Guest>);

impl Drop for Asking {
    fn drop(&mut self) {
        let mut doing = self.0.doing();
        doing.requests -= 1;
        doing.since = Instant::now();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn places(most: usize) -> Arc<Places> {
        Arc::new(Places::new(most))
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[tokio::test]
    async fn when_all_places_are_taken_who_is_idle_longest_makes_room_and_never_who_is_busy() {
        let places = places(3);
        let busy = places.take(address(1)).unwrap();
        let _asking = busy.guest.asks();
        let longest = places.take(address(2)).unwrap();
        let shorter = places.take(address(3)).unwrap();
        longest.guest.doing().since -= Duration::from_secs(2);
        shorter.guest.doing().since -= Duration::from_secs(1);
        let patience = Patience::default();
        let leaves = async {
            assert_eq!(longest.guest.overstays(&patience).await, Leaving::Dismissed);
            drop(longest);
        };
        tokio::join!(places.room(), leaves);
        assert!(!shorter.guest.doing().dismissed && !busy.guest.doing().dismissed);
        assert!(places.take(address(4)).is_some());
    }

    #[test]
    fn one_address_gets_half_of_the_places_and_this_machine_all() {
        let places = places(4);
        let own: Vec<Place> = (0..2).map(|_| places.take(address(1)).unwrap()).collect();
        let _busy: Vec<Asking> = own.iter().map(|place| place.guest.asks()).collect();
        assert!(places.take(address(1)).is_none());
        // An address is the same however it is written.
        assert!(places.take("::ffff:192.0.2.1".parse().unwrap()).is_none());
        let local: Vec<Place> =
            (0..4).filter_map(|_| places.take("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(local.len(), 4);
        drop(own);
        assert!(places.take(address(1)).is_some());
    }
}
