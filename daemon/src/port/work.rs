//! Heavy work for pages: off the threads that serve, few at a time, so that whoever asks for little
//! does not wait for those who ask for much.

use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Heavy pieces of work at a time.
const AT_ONCE: usize = 2;

/// From this many answers on it is heavy to read, check or show them.
const HEAVY: usize = 2_000;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Does a piece of work over as many answers: here and now if they are few.
///
/// # Errors
/// When the work panicked.
pub async fn over<T: Send + 'static>(
    answers: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if answers < HEAVY {
        return Ok(work());
    }
    // It is never closed; without a place the work would still be right.
    let place = PLACES.acquire().await.ok();
    let done = tokio::task::spawn_blocking(work).await;
    drop(place);
    done
}
