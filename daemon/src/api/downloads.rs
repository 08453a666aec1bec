//! Files by pieces: how far the making is, what file it is, its content. Whoever takes nothing any more
//! ends it, and holds no more than a few pieces meanwhile.

use std::pin::Pin;

use futures::Stream;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use vekha_proto::v1::{self, download::Part};

/// Bytes of a piece. Well below what clients take of one message (4 MB by default).
pub(super) const PIECE: usize = 256 << 10;

/// Pieces that wait for whoever takes them.
const AHEAD: usize = 4;

/// Files that are made at a time: each is whole in memory while it is.
const AT_ONCE: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// A stream of pieces.
pub(super) type Pieces<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A file that is made.
pub(super) struct Made {
    /// Under which name it may be kept.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Tells how far the making of a file is. What nobody takes in time is not told.
#[derive(Clone)]
pub(super) struct Telling(mpsc::Sender<Result<v1::Download, Status>>);

impl Telling {
    /// So many parts of so many are made, and this is next.
    pub fn tell(&self, done: usize, total: usize, making: &str) {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let (done, total) = (count(done), count(total));
        let progress = v1::DownloadProgress { done, total, making: making.to_owned() };
        self.0.try_send(Ok(piece(Part::Progress(progress)))).ok();
    }
}

/// Makes a file in its turn, and gives it.
pub(super) fn give<F>(make: impl FnOnce(Telling) -> F) -> Pieces<v1::Download>
where
    F: Future<Output = Result<Made, Status>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    let making = make(Telling(sender.clone()));
    tokio::spawn(async move {
        let made = async {
            // It is never closed; without a place the file would still be right.
            let _place = PLACES.acquire().await.ok();
            making.await
        };
        let made = tokio::select! {
            made = made => made,
            () = sender.closed() => return,
        };
        let Made { name, content_type, bytes } = match made {
            Ok(made) => made,
            Err(status) => {
                sender.send(Err(status)).await.ok();
                return;
            }
        };
        let file = v1::DownloadedFile {
            file_name: name,
            content_type: content_type.to_owned(),
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            sha256: hex::encode(Sha256::digest(&bytes)),
        };
        if sender.send(Ok(piece(Part::File(file)))).await.is_err() {
            return;
        }
        for content in bytes.chunks(PIECE) {
            if sender.send(Ok(piece(Part::Content(content.to_vec())))).await.is_err() {
                return;
            }
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

fn piece(part: Part) -> v1::Download {
    v1::Download { part: Some(part) }
}
