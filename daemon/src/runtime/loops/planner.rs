//! Opens runs when their schedule says so. The truth about what is due stands in the database: an
//! opening missed while the daemon was down, or the activity paused, is found on the next look and
//! treated by the activity's catch-up policy.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use vekha_engine::{RunKey, Why};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, CatchUp};
use vekha_roadmap::schedule::{Opening, next_opening, openings};

use crate::runtime::Runtime;
use crate::runtime::committer::{Ask, AskError, Task};
use crate::store::entities::activity;
use crate::store::{StoreError, instant, micros};

/// How long an opening is put off that rests on what cannot be read.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(5);

/// From this on a schedule's row is ahead of time: clocks of several daemons differ by less.
const FUTURE: SignedDuration = SignedDuration::from_hours(1);

impl Runtime {
    /// Makes schedule rows agree with the newest road maps. An activity that is new gets no run
    /// for what came before it: its time begins now. What is to come cannot have been done with: a
    /// clock that was wrong once left such rows, and they would open nothing for years. While the clock
    /// is in doubt nobody knows what now is; then it is done as soon as that is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reschedule(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let doubtful = self.clock.doubt().is_some();
        self.agreed.store(!doubtful, Ordering::Release);
        if doubtful {
            return Ok(());
        }
        let mut set_back = 0;
        for version in self.road_maps.all_newest() {
            let road_map = &version.road_map;
            let known = self.rows(road_map).await?;
            // A rehearsal's time runs while the daemon starts for the first time: nothing of it is
            // missed. What a later version brings begins when it comes, as in life; so does another
            // municipality.
            let starts = known.is_empty() && !self.lives.load(Ordering::Acquire);
            let since = self.clock.began().filter(|_| starts).unwrap_or(now);
            let mut rows = Vec::new();
            for definition in &road_map.activities {
                let row = match known.get(&definition.id) {
                    None => row(road_map, definition, since),
                    Some(known) => {
                        let mut row = known.clone();
                        if instant(row.opened_through).duration_since(now) > FUTURE {
                            row.opened_through = micros(now);
                            set_back += 1;
                        }
                        row.next_opening = next_of(road_map, definition, &row);
                        if row == *known {
                            continue;
                        }
                        row
                    }
                };
                rows.push(row);
            }
            self.store.save_activities(rows).await?;
        }
        if set_back > 0 {
            tracing::warn!(set_back, "schedules that were ahead of time are set back to now");
        }
        Ok(())
    }

    async fn rows(
        &self,
        road_map: &RoadMap,
    ) -> Result<BTreeMap<String, activity::Model>, StoreError> {
        let rows = self.store.activities(&road_map.municipality.id).await?;
        Ok(rows.into_iter().map(|row| (row.activity.clone(), row)).collect())
    }

    /// Opens every run that is due. Returns how many schedules it moved on.
    ///
    /// # Errors
    /// When the database fails; what was not opened is still due.
    pub(crate) async fn open_due(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut moved = 0;
        self.keep_up().await?;
        if !self.agreed.load(Ordering::Acquire) {
            self.reschedule().await?;
        }
        for version in self.road_maps.all_newest() {
            let road_map = &version.road_map;
            let mut rows = Vec::new();
            for row in self.rows(road_map).await?.into_values() {
                let due = row.next_opening.is_some_and(|at| at <= micros(now));
                let Some(definition) =
                    road_map.activity(&row.activity).filter(|_| due && !row.paused)
                else {
                    continue;
                };
                let missed = openings(road_map, definition, instant(row.opened_through), now);
                let mut put_off = false;
                for opening in chosen(definition, missed, now) {
                    put_off |= !self.open_one(road_map, definition, opening).await?;
                }
                if put_off {
                    // It stays to be opened; only the look at it is later.
                    let next_opening = Some(micros(now + PUT_OFF));
                    rows.push(activity::Model { next_opening, ..row });
                    continue;
                }
                let mut row = activity::Model { opened_through: micros(now), ..row };
                row.next_opening = next_of(road_map, definition, &row);
                rows.push(row);
            }
            moved += rows.len();
            self.store.save_activities(rows).await?;
        }
        Ok(moved)
    }

    /// Returns whether it is done with: false if what it rests on cannot be read.
    async fn open_one(
        &self,
        road_map: &RoadMap,
        definition: &Activity,
        opening: Opening,
    ) -> Result<bool, StoreError> {
        let key = RunKey {
            municipality: road_map.municipality.id.clone(),
            activity: definition.id.clone(),
            period: opening.period,
            part: opening.part,
        };
        let why = Why::by_schedule(&definition.schedule);
        let ask = Ask::Open { named: vec![], why, without_waiting: false };
        match self.committer.ask(Task::new(key.clone(), ask, "schedule")).await {
            // A person may have started it already, or an event.
            Ok(_) | Err(AskError::Exists(_)) => Ok(true),
            Err(AskError::Store(e)) => Err(StoreError::away(e)),
            Err(AskError::Unreadable(e)) => {
                tracing::error!(run = %key, "not opened yet, put off: {e}");
                Ok(false)
            }
            Err(e) => {
                tracing::warn!(run = %key, "not opened: {e}");
                Ok(true)
            }
        }
    }
}

/// Which of the openings since the last look are acted on. What falls due just now was not missed.
fn chosen(definition: &Activity, mut missed: Vec<Opening>, now: Timestamp) -> Vec<Opening> {
    let Some(newest) = missed.last().map(|o| o.at) else { return missed };
    match definition.schedule.catch_up {
        CatchUp::All => missed,
        CatchUp::Latest => {
            missed.retain(|o| o.at == newest);
            missed
        }
        CatchUp::Skip => {
            let grace = SignedDuration::from_hours(1);
            missed.retain(|o| o.at == newest && now.duration_since(o.at) <= grace);
            missed
        }
    }
}

fn row(road_map: &RoadMap, definition: &Activity, now: Timestamp) -> activity::Model {
    let municipality = &road_map.municipality.id;
    let mut row = activity::Model {
        id: format!("{municipality}/{}", definition.id),
        municipality: municipality.clone(),
        activity: definition.id.clone(),
        opened_through: micros(now),
        next_opening: None,
        paused: false,
        reason: String::new(),
        actor: String::new(),
        journal_sequence: 0,
        journal_hash: String::new(),
    };
    row.next_opening = next_of(road_map, definition, &row);
    row
}

fn next_of(road_map: &RoadMap, definition: &Activity, row: &activity::Model) -> Option<i64> {
    next_opening(road_map, definition, instant(row.opened_through)).map(micros)
}

#[cfg(test)]
mod tests {
    use crate::clock::Clock;
    use crate::console::tests::{House, files};

    /// The annual report opens on 15 December at nine; a second of this rehearsal is a millisecond.
    #[tokio::test]
    async fn a_rehearsal_misses_no_opening_while_it_starts_and_makes_up_none_for_a_later_version() {
        let clock = Clock::rehearsal("2027-12-15T08:59:59.999999+05:00".parse().unwrap(), 1000);
        let house = House::on(clock, files()).await;
        let exists = async |run: &str| {
            house.runtime.settle().await.unwrap();
            house.runtime.store().bare_run(&run.parse().unwrap()).await.unwrap().is_some()
        };
        assert!(exists("zarechny/annual-report/2027").await);

        let mut later = files();
        let same = later.0["activities/2-annual-report.toml"].clone();
        later.0.insert("activities/3-second-report.toml".into(), same);
        house.runtime.apply(later, "test").await.unwrap();
        assert!(!exists("zarechny/second-report/2027").await);

        // Nor for a municipality that is begun while it runs.
        let mut other = files();
        let municipality = other.0.get_mut("municipality.toml").unwrap();
        *municipality = municipality.replacen("id = \"zarechny\"", "id = \"other\"", 1);
        tokio::spawn(house.runtime.clone().run());
        tokio::task::yield_now().await;
        house.runtime.apply(other, "test").await.unwrap();
        assert!(!exists("other/annual-report/2027").await);
    }
}
