//! The journal: read, watched from a cursor, proved whole.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vekha_engine::journal::Head;
use vekha_engine::{Entry, RunKey};
use vekha_proto::v1::{self, journal_service_server::JournalService};

use super::filter::{Conditions, Field, Kind};
use super::lasting::GoesOn;
use super::lists::paging;
use super::names::Depth;
use super::{Api, convert, lists, names, status};
use crate::store::entities::journal;
use crate::store::instant;
use crate::store::read::chain::{ActivityChain, Chain};
use crate::store::read::{Filter, Page};
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
        let store = self.runtime.store();
        let filter = lists::filter(&parent, &Conditions::default());
        let mut response = v1::VerifyJournalResponse::default();
        let mut page = Page::first(500);
        loop {
            let runs = store.list_runs(&filter, &page).await.map_err(status::unavailable)?;
            for run in &runs {
                let chain = store.chain(&run.id).await.map_err(status::unavailable)?;
                let Some(Chain { run, entries }) = chain else {
                    response.reason = format!("{}: выполнение пропало", run.id);
                    return Ok(Response::new(response));
                };
                response.runs += 1;
                let held =
                    Head { sequence: run.journal_sequence as u64, hash: run.journal_hash.clone() };
                if let Some(broken) = follow(&run.id, &held, &entries, &mut response) {
                    return Ok(Response::new(broken));
                }
            }
            match runs.last() {
                Some(last) if runs.len() == 500 => page.after = Some(last.id.clone()),
                _ => break,
            }
        }
        // What was done to activities themselves has chains of its own.
        if filter.run.is_none() {
            let activities = store.list_activities(&filter).await.map_err(status::unavailable)?;
            for id in activities {
                let chain = store.activity_chain(&id).await.map_err(status::unavailable)?;
                let Some(ActivityChain { activity, entries }) = chain else {
                    response.reason = format!("{id}: мероприятие пропало");
                    return Ok(Response::new(response));
                };
                let held = activities::head(&activity);
                if let Some(broken) = follow(&id, &held, &entries, &mut response) {
                    return Ok(Response::new(broken));
                }
            }
        }
        Ok(Response::new(response))
    }
}

/// Follows a chain over its entries to the head that is held elsewhere; what to answer if one does not
/// continue it, or the chain does not end there.
fn follow(
    id: &str,
    held: &Head,
    entries: &[journal::Model],
    response: &mut v1::VerifyJournalResponse,
) -> Option<v1::VerifyJournalResponse> {
    let mut head = Head::of(id);
    for row in entries {
        response.entries += 1;
        let stored = Entry {
            sequence: row.sequence as u64,
            at: instant(row.at),
            actor: row.actor.clone(),
            kind: row.kind.clone(),
            data: row.data.clone(),
            hash: row.hash.clone(),
        };
        if !head.verify(&stored) {
            return Some(v1::VerifyJournalResponse {
                first_broken: Some(entry(row)),
                reason: "запись не продолжает цепочку".into(),
                ..response.clone()
            });
        }
    }
    let reason = || format!("{id}: записей {}, а должно быть {}", head.sequence, held.sequence);
    (head != *held).then(|| v1::VerifyJournalResponse { reason: reason(), ..response.clone() })
}
