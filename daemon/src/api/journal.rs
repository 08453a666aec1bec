//! The journal: read, watched from a cursor, proved whole.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vekha_engine::Entry;
use vekha_engine::journal::Head;
use vekha_proto::v1::{self, journal_service_server::JournalService};

use super::lists::{Conditions, Words};
use super::{Api, convert, lists, names, status};
use crate::store::chain::Chain;
use crate::store::entities::journal;
use crate::store::instant;
use crate::store::queries::{Filter, Page};

/// Entries read at a time.
const CHUNK: u64 = 200;

/// How long a watcher waits before it looks by itself: on a shared database other daemons commit
/// without our noticing.
const LOOK: Duration = Duration::from_secs(2);

/// An entry as the contract shows it.
pub(super) fn entry(row: &journal::Model) -> v1::JournalEntry {
    v1::JournalEntry {
        cursor: row.cursor,
        run: names::of_run_id(&row.run),
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

/// Which entries are watched.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    prefix: String,
    run: Option<String>,
    activity: Option<String>,
    /// What else must hold.
    pub conditions: Conditions,
}

/// By what entries are told apart.
const FIELDS: [&str; 4] = ["kind", "actor", "activity", "period"];

impl Watched {
    pub fn parse(
        parent: &str,
        filter: &str,
        known: &[&str],
        words: &[Words],
    ) -> Result<Self, Status> {
        let parent = names::Parent::parse("parent", parent)?;
        let conditions = Conditions::parse(filter, known, words)?;
        Ok(Watched {
            prefix: parent.municipality.as_ref().map(|m| format!("{m}/")).unwrap_or_default(),
            run: parent.run_id(),
            activity: parent.activity.clone(),
            conditions,
        })
    }

    fn holds(&self, row: &journal::Model) -> bool {
        let activity = row.run.split('/').nth(1);
        row.run.starts_with(&self.prefix)
            && self.activity.as_deref().is_none_or(|wanted| activity == Some(wanted))
            && self.conditions.hold(|field, wanted| match field {
                "kind" => row.kind == wanted,
                "actor" => row.actor == wanted,
                _ => lists::of_run(&row.run, field, wanted),
            })
    }
}

/// Sends entries as they come, each turned into what the caller wants, until the caller goes.
pub(super) async fn watch<T, F>(
    api: &Api,
    watched: Watched,
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
            let rows = runtime.store().journal(watched.run.as_deref(), cursor, CHUNK).await;
            let rows = match rows {
                Ok(rows) => rows,
                Err(e) => {
                    sender.send(Err(status::unavailable(e))).await.ok();
                    return;
                }
            };
            let full = rows.len() as u64 == CHUNK;
            for row in rows {
                cursor = row.cursor;
                if watched.holds(&row)
                    && let Some(turned) = turn(row).await.transpose()
                    && sender.send(turned).await.is_err()
                {
                    return;
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
        let watched = Watched::parse(&r.parent, &r.filter, &FIELDS, &[])?;
        let page = lists::page(r.page_size, &r.page_token)?;
        let mut after = match &page.after {
            Some(token) => token.parse().map_err(|_| status::invalid("page_token", "не наш"))?,
            None => r.after_cursor,
        };
        let mut entries: Vec<v1::JournalEntry> = Vec::new();
        let store = self.runtime.store();
        loop {
            let rows = store.journal(watched.run.as_deref(), after, CHUNK).await;
            let rows = rows.map_err(status::unavailable)?;
            let ended = (rows.len() as u64) < CHUNK;
            for row in rows {
                after = row.cursor;
                if watched.holds(&row) {
                    entries.push(entry(&row));
                    if entries.len() as u64 == page.limit {
                        let token = vekha_engine::journal::hex(after.to_string().as_bytes());
                        let response = v1::ListEntriesResponse { entries, next_page_token: token };
                        return Ok(Response::new(response));
                    }
                }
            }
            if ended {
                break;
            }
        }
        Ok(Response::new(v1::ListEntriesResponse { entries, next_page_token: String::new() }))
    }

    type WatchEntriesStream = Pin<Box<dyn Stream<Item = Result<v1::JournalEntry, Status>> + Send>>;

    async fn watch_entries(
        &self,
        request: Request<v1::WatchEntriesRequest>,
    ) -> Result<Response<Self::WatchEntriesStream>, Status> {
        let r = request.into_inner();
        let watched = Watched::parse(&r.parent, &r.filter, &FIELDS, &[])?;
        let stream =
            watch(self, watched, r.after_cursor, |row| async move { Ok(Some(entry(&row))) })
                .await?;
        Ok(Response::new(stream))
    }

    async fn verify_journal(
        &self,
        request: Request<v1::VerifyJournalRequest>,
    ) -> Result<Response<v1::VerifyJournalResponse>, Status> {
        let parent = names::Parent::parse("parent", &request.into_inner().parent)?;
        let store = self.runtime.store();
        let filter = Filter {
            municipality: parent.municipality.clone(),
            activity: parent.activity.clone(),
            run: parent.run_id(),
            ..Filter::default()
        };
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
                let mut head = Head::of(&run.id);
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
                        response.first_broken = Some(entry(&row));
                        response.reason = "запись не продолжает цепочку".into();
                        return Ok(Response::new(response));
                    }
                }
                if head.sequence != run.journal_sequence as u64 || head.hash != run.journal_hash {
                    response.reason = format!(
                        "{}: записей {}, а должно быть {}",
                        run.id, head.sequence, run.journal_sequence
                    );
                    return Ok(Response::new(response));
                }
            }
            match runs.last() {
                Some(last) if runs.len() == 500 => page.after = Some(last.id.clone()),
                _ => return Ok(Response::new(response)),
            }
        }
    }
}
