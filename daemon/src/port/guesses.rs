//! Wrong keys cost time: whoever guesses waits, all of them in one row, and the log tells of it.
//! Whoever knows the key never stands in that row.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::told::{self, Bound};

/// How long a wrong key takes once it is its turn.
const PENALTY: Duration = Duration::from_millis(100);

/// One at a time, for the whole port.
static ROW: Semaphore = Semaphore::const_new(1);

/// Has whoever brought a wrong key wait for its turn. `by` says who it was.
pub async fn wrong(by: &str) {
    told::met(Bound::Guesses, &by);
    // It is never closed; then nobody would wait.
    let turn = ROW.acquire().await.ok();
    tokio::time::sleep(PENALTY).await;
    drop(turn);
}
