//! The journal: read, watched from a cursor, proved whole.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vekha_engine::RunKey;
use vekha_proto::v1::{self, journal_service_server::JournalService};

use super::filter::{Conditions, Field, Kind};
use super::lasting::GoesOn;
use super::lists::paging;
use super::names::Depth;
use super::{Api, convert, lists, names, status};
use crate::runtime::views::verified::verify;
use crate::store::entities::journal;
use crate::store::read::Filter;
use crate::store::write::activities;

/// Entries read at a time.
const CHUNK: u64 = 200;

/// How long a watcher waits before it looks by itself: on a shared database other daemons commit
/// without our noticing.
const LOOK: Duration = Duration::from_secs(2);

/// An entry as the contract shows it.
pub(super) fn entry(row: &journal::Model) -> v1::JournalEntry {
    let run = row.run.parse::<RunKey>().ok();
    let mut place = row.run.split('/');
    // What is done to a municipality's letters is of no activity.
    let activity = place.next().zip(place.next().filter(|id| *id != activities::LETTERS));
    v1::JournalEntry {
        cursor: row.cursor,
        run: run.as_ref().map(names::of_run).unwrap_or_default(),
        activity: activity.map(|(m, a)| names::of_activity(m, a)).unwrap_or_default(),
        sequence: row.sequence,
        at: Some(convert::micros(row.at)),
        actor: row.actor.clone(),
        kind: row.kind.clone(),
        data: convert::structure_of(&row.data),
        data_text: row.data.clone(),
        road_map_version: row.road_map,
        hash: row.hash.clone(),
    }
}

/// By what entries are told apart.
const FIELDS: [Field; 4] =
    [("kind", Kind::Id), ("actor", Kind::Text), ("activity", Kind::Id), ("period", Kind::Period)];

/// Sends entries as they come, each turned into what the caller wants, until the caller goes.
pub(super) async fn watch<T, F>(
    api: &Api,
    watched: Filter,
    after: Option<i64>,
    mut turn: impl FnMut(journal::Model) -> F + Send + 'static,
) -> Result<Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>, Status>
where
    T: Send + 'static,
    F: Future<Output = Result<Option<T>, Status>> + Send,
{
    let runtime = api.runtime.clone();
    let (mut changed, mut ending) = (runtime.changes(), runtime.ending());
    let mut cursor = match after {
        Some(after) => after,
        None => {
            let newest = runtime.store().newest_entry().await.map_err(status::unavailable)?;
            newest.map_or(0, |entry| entry.cursor)
        }
    };
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        loop {
            changed.mark_unchanged();
            let rows = runtime.store().entries(&watched, cursor, CHUNK).await;
            let rows = match rows {
                Ok(rows) => rows,
                // It is being closed: the watcher has been told.
                Err(_) if *ending.borrow() => return,
                Err(e) => {
                    sender.send(Err(status::unavailable(e))).await.ok();
                    return;
                }
            };
            let full = rows.len() as u64 == CHUNK;
            for row in rows {
                cursor = row.cursor;
                if *ending.borrow() {
                    return;
                }
                let Some(turned) = turn(row).await.transpose() else { continue };
                tokio::select! {
                    sent = sender.send(turned) => if sent.is_err() { return },
                    // Whoever takes nothing is not waited for.
                    _ = ending.wait_for(|ending| *ending) => return,
                }
            }
            if !full {
                tokio::select! {
                    _ = changed.changed() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = sender.closed() => return,
                    // Whoever watches comes back with a cursor.
                    _ = ending.wait_for(|ending| *ending) => return,
                }
            }
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

#[tonic::async_trait]
impl JournalService for Api {
    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<v1::ListEntriesResponse>, Status> {
        let r = request.into_inner();
        let conditions = Conditions::parse(&r.filter, &FIELDS)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let after = match &paging.page.after {
            Some(token) => token.parse().map_err(|_| status::invalid("page_token", "не наш"))?,
            None => r.after_cursor,
        };
        let filter = lists::filter(&parent, &conditions);
        let rows = self.runtime.store().entries(&filter, after, paging.page.limit).await;
        let rows = rows.map_err(status::unavailable)?;
        let last = rows.last().filter(|_| rows.len() as u64 == paging.page.limit);
        let next_page_token = last.map(|row| paging.after(&row.cursor.to_string()));
        Ok(Response::new(v1::ListEntriesResponse {
            entries: rows.iter().map(entry).collect(),
            next_page_token: next_page_token.unwrap_or_default(),
        }))
    }

    type WatchEntriesStream = Pin<Box<dyn Stream<Item = Result<v1::JournalEntry, Status>> + Send>>;

    async fn watch_entries(
        &self,
        request: Request<v1::WatchEntriesRequest>,
    ) -> Result<Response<Self::WatchEntriesStream>, Status> {
        let r = request.into_inner();
        let conditions = Conditions::parse(&r.filter, &FIELDS)?;
        let parent = self.parent(&r.parent, Depth::Run).await?;
        let watched = lists::filter(&parent, &conditions);
        let stream =
            watch(self, watched, r.after_cursor, |row| async move { Ok(Some(entry(&row))) })
                .await?;
        let mut response = Response::new(stream);
        response.extensions_mut().insert(GoesOn);
        Ok(response)
    }

    async fn verify_journal(
        &self,
        request: Request<v1::VerifyJournalRequest>,
    ) -> Result<Response<v1::VerifyJournalResponse>, Status> {
        let parent = self.parent(&request.into_inner().parent, Depth::Run).await?;
        let filter = lists::filter(&parent, &Conditions::default());
        let verified = verify(self.runtime.store(), &filter).await.map_err(status::unavailable)?;
        let broken = verified.broken;
        Ok(Response::new(v1::VerifyJournalResponse {
            runs: verified.runs,
            entries: verified.entries,
            reason: broken.as_ref().map(|broken| broken.reason.clone()).unwrap_or_default(),
            first_broken: broken.and_then(|broken| broken.entry).as_ref().map(entry),
        }))
    }
}
