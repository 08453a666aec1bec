//! The one loop that changes runs: while one batch is committed, the next is made ahead in memory.
//!
//! That is sound where this process alone changes runs (SQLite), and as long as every batch that
//! was begun upon another one's memory is thrown away with it: if a commit fails, its requests are
//! tried one by one, and what was asked in the meantime is carried out anew. Daemons that share a
//! database make one batch after the other, each within its transaction.

use std::collections::BTreeSet;
use std::future::ready;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use vekha_engine::RunKey;

use super::steps::Steps;
use super::turns::Turns;
use super::{AskError, Asked, Reply, Task};
use crate::store::write::batch::Remembered;
use crate::store::{Batch, Store, StoreError};

/// Most steps of one commit.
pub(super) const MOST_STEPS: usize = 1024;

/// Most requests carried out before the loop looks whether a commit has ended: nobody writes
/// meanwhile.
const PORTION: usize = 128;

/// How long a shared database may take to answer a batch: one that has frozen never does. A daemon's
/// own file answers or fails by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what one batch has loaded is remembered for the next.
const IDLE: Duration = Duration::from_secs(1);

/// A batch that takes in requests.
#[derive(Default)]
struct Making {
    asked: Vec<Asked>,
    answers: Vec<Reply>,
    /// None before the first request, where it must begin within its transaction.
    batch: Option<Batch>,
    /// Whether runs have changed that are no rows yet.
    has_to_write: bool,
    /// Why it can only be thrown away.
    broken: Option<StoreError>,
}

/// A batch that is being committed, and who waits for it.
struct Committing {
    asked: Vec<Asked>,
    answers: Vec<Reply>,
    commit: JoinHandle<Result<(), StoreError>>,
}

/// The loop and the two batches it has under way.
pub(super) struct Pipeline {
    steps: Steps,
    changed: watch::Sender<u64>,
    making: Making,
    committing: Option<Committing>,
    /// Where others may change runs, too: as the last commit left them.
    left: Remembered,
    /// What was asked of other runs than those that the batch before holds.
    later: Vec<Asked>,
    /// Where others may change runs, too: who takes which.
    turns: Turns,
}

impl Pipeline {
    pub fn new(steps: Steps, changed: watch::Sender<u64>) -> Self {
        Pipeline {
            steps,
            changed,
            making: Making::default(),
            committing: None,
            left: Remembered::default(),
            later: Vec::new(),
            turns: Turns::default(),
        }
    }

    /// Runs until nobody can ask any more and everybody has an answer.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Asked>) {
        let alone = self.alone();
        let portion = if alone { PORTION } else { MOST_STEPS };
        let mut open = true;
        while open || self.committing.is_some() || !self.later.is_empty() {
            let free = self.committing.is_none();
            let room = portion.min(MOST_STEPS.saturating_sub(self.making.asked.len()));
            let takes = open && room > 0 && self.making.broken.is_none() && (free || alone);
            let mut more = Vec::new();
            tokio::select! {
                biased;
                Some(result) = committed(&mut self.committing), if !free => {
                    self.settle(result).await;
                }
                () = ready(()), if free && !self.later.is_empty() => {
                    let later = std::mem::take(&mut self.later);
                    self.take_in_together(later, &mut queue).await;
                }
                count = queue.recv_many(&mut more, room), if takes => match count {
                    0 => open = false,
                    _ if alone => self.take_in(more).await,
                    _ => self.take_in_together(more, &mut queue).await,
                },
                // Nobody else is waiting: what the next commit would begin with is made now.
                () = ready(()), if !free && self.making.has_to_write => self.write_down(),
                // Nobody asks any more: what was remembered for the next is let go.
                () = tokio::time::sleep(IDLE), if free && self.remembers() => {
                    self.making.batch = None;
                    self.left = Remembered::default();
                }
            }
            if self.committing.is_none() && !self.making.asked.is_empty() {
                self.hand_over().await;
            }
        }
    }

    /// Whether nobody else changes runs.
    fn alone(&self) -> bool {
        !self.steps.store.is_shared()
    }

    fn remembers(&self) -> bool {
        self.making.batch.is_some() || !self.left.is_empty()
    }

    async fn begin(&self) -> Result<Batch, StoreError> {
        if self.alone() {
            return Ok(self.steps.store.ahead());
        }
        // To read another daemon's road map takes longer than a transaction may stand idle.
        self.steps.road_maps.refresh(&self.steps.store).await?;
        self.steps.store.begin().await
    }

    /// Holds runs and takes in what is asked of them; what is asked of others waits for a later turn.
    async fn take_in_together(&mut self, mut asked: Vec<Asked>, queue: &mut mpsc::Receiver<Asked>) {
        match self.hold(&mut asked, queue).await {
            Ok(batch) => {
                let held = |(task, _): &Asked| batch.holds(&task.run);
                (asked, self.later) = asked.into_iter().partition(held);
                self.making.batch = Some(batch);
                self.take_in(asked).await;
            }
            Err(e) => self.making = Making { asked, broken: Some(e), ..Making::default() },
        }
    }

    /// Holds this turn's share of the runs, and adds what has been asked for meanwhile. It waits for
    /// one run at most, and before it holds any: who held some and waited for others could wait for
    /// one who waits for them.
    async fn hold(
        &mut self,
        asked: &mut Vec<Asked>,
        queue: &mut mpsc::Receiver<Asked>,
    ) -> Result<Batch, StoreError> {
        let mut batch = self.begin().await?.remembering(std::mem::take(&mut self.left));
        let mut wanted = wanted(asked);
        if let Some(run) = self.turns.overdue(&wanted) {
            bounded(&self.steps.store, batch.hold([run.clone()])).await?;
            wanted = add(asked, queue);
        }
        self.hold_free(&mut batch, &wanted).await?;
        if !wanted.iter().any(|run| batch.holds(run))
            && let Some(run) = self.turns.longest(&wanted)
        {
            bounded(&self.steps.store, batch.hold([run.clone()])).await?;
            wanted = add(asked, queue);
            self.hold_free(&mut batch, &wanted).await?;
        }
        wanted = add(asked, queue);
        self.turns.take(&wanted, |run| batch.holds(run));
        Ok(batch)
    }

    /// Holds what is still missing of this turn's share and is free.
    async fn hold_free(
        &mut self,
        batch: &mut Batch,
        wanted: &BTreeSet<RunKey>,
    ) -> Result<(), StoreError> {
        let missing: BTreeSet<RunKey> =
            wanted.iter().filter(|run| !batch.holds(run)).cloned().collect();
        let now = Instant::now();
        let held = wanted.len() - missing.len();
        let most = self.turns.share(wanted.len(), now).saturating_sub(held);
        if !missing.is_empty() && most > 0 {
            let by_others = bounded(&self.steps.store, batch.hold_free(&missing, most)).await?;
            if by_others > 0 {
                self.turns.meet(now);
            }
        }
        Ok(())
    }

    async fn take_in(&mut self, more: Vec<Asked>) {
        let (tasks, replies): (Vec<Task>, Vec<_>) = more.into_iter().unzip();
        match self.carry_out(&tasks).await {
            Ok(answers) => self.making.answers.extend(answers),
            Err(e) => self.making.broken = Some(e),
        }
        self.making.asked.extend(tasks.into_iter().zip(replies));
        self.making.has_to_write = true;
    }

    fn write_down(&mut self) {
        let batch = self.making.batch.as_mut();
        self.making.has_to_write = batch.is_some_and(|batch| batch.write_down(PORTION));
    }

    async fn carry_out(&mut self, tasks: &[Task]) -> Result<Vec<Reply>, StoreError> {
        let batch = match self.making.batch.take() {
            Some(batch) => batch,
            None => self.begin().await?,
        };
        let batch = self.making.batch.insert(batch);
        bounded(&self.steps.store, self.steps.take_in(batch, tasks)).await
    }

    /// Has the batch committed, and makes the next one upon it.
    async fn hand_over(&mut self) {
        let Making { asked, answers, batch, broken, .. } = std::mem::take(&mut self.making);
        match (batch, broken) {
            (Some(mut batch), None) => {
                match self.alone() {
                    true => self.making.batch = Some(batch.successor()),
                    false => self.left = batch.leave(),
                }
                // On a thread of its own, so that the database never waits for other tasks' turns.
                let runtime = Handle::current();
                let store = self.steps.store.clone();
                let commit =
                    spawn_blocking(move || runtime.block_on(bounded(&store, batch.commit())));
                self.committing = Some(Committing { asked, answers, commit });
            }
            (batch, broken) => {
                // What it holds is let go before others ask for it.
                drop(batch);
                self.one_by_one(asked, broken).await;
            }
        }
    }

    /// Answers those who waited for the commit.
    async fn settle(&mut self, result: Result<(), StoreError>) {
        let Some(Committing { asked, answers, .. }) = self.committing.take() else { return };
        let Err(e) = result else {
            for ((_, reply), answer) in asked.into_iter().zip(answers) {
                // Whoever asked may have gone; the commit stands.
                reply.send(answer).ok();
            }
            return self.note();
        };
        // What was made upon it never was.
        self.left = Remembered::default();
        let upon = std::mem::take(&mut self.making);
        drop(upon.batch);
        self.one_by_one(asked, Some(e)).await;
        if !upon.asked.is_empty() {
            self.take_in(upon.asked).await;
        }
    }

    /// Tries each request by itself, since the database did not take them together: another daemon
    /// may have been faster with one of the runs.
    async fn one_by_one(&self, asked: Vec<Asked>, reason: Option<StoreError>) {
        let lost = reason.filter(StoreError::is_lost);
        // There is no database to try again with.
        let lost = lost.map(AskError::from);
        for (task, reply) in asked {
            let answer = match &lost {
                Some(error) => Err(error.clone()),
                None => self.by_itself(&task).await,
            };
            reply.send(answer).ok();
        }
        self.note();
    }

    async fn by_itself(&self, task: &Task) -> Reply {
        // Who lost a race against another daemon sees on the next try what the winner wrote.
        let mut tries = if self.alone() { 1 } else { 3 };
        loop {
            tries -= 1;
            match self.attempt(task).await {
                Ok(answer) => return answer,
                Err(_) if tries > 0 => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    async fn attempt(&self, task: &Task) -> Result<Reply, StoreError> {
        let mut batch = self.begin().await?;
        let store = &self.steps.store;
        let carried_out = self.steps.take_in(&mut batch, std::slice::from_ref(task));
        let mut answers = bounded(store, carried_out).await?;
        bounded(store, batch.commit()).await?;
        Ok(answers.remove(0))
    }

    fn note(&self) {
        self.changed.send_modify(|commits| *commits += 1);
    }
}

/// The runs of which something is asked.
fn wanted(asked: &[Asked]) -> BTreeSet<RunKey> {
    asked.iter().map(|(task, _)| task.run.clone()).collect()
}

/// Adds what waits in the queue, as far as there is room in a batch.
fn add(asked: &mut Vec<Asked>, queue: &mut mpsc::Receiver<Asked>) -> BTreeSet<RunKey> {
    while asked.len() < MOST_STEPS
        && let Ok(one) = queue.try_recv()
    {
        asked.push(one);
    }
    wanted(asked)
}

/// Waits for a shared database, but not for ever.
async fn bounded<T>(
    store: &Store,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    if !store.is_shared() {
        return work.await;
    }
    let waited = tokio::time::timeout(PATIENCE, work).await;
    waited.unwrap_or_else(|_| {
        let text = format!("база не ответила за {} с", PATIENCE.as_secs());
        Err(StoreError::no_connection(text))
    })
}

/// How the commit under way ends; it may be asked again and again.
async fn committed(committing: &mut Option<Committing>) -> Option<Result<(), StoreError>> {
    let result = (&mut committing.as_mut()?.commit).await;
    Some(result.unwrap_or_else(|e| Err(StoreError::away(e))))
}
