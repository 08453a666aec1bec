//! Tells an open page that what it shows has changed, so that it may show itself anew: events as
//! `text/event-stream`, without any content. A page that cannot be told, or has no script, is loaded
//! again by hand as ever.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vekha_engine::RunKey;

use crate::console::frame::access::{self, Person};
use crate::console::frame::paging::{Asked, asked};
use crate::port::told::{self, Bound};
use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::read::Filter;

/// Pages that are told at a time.
const MOST: usize = 256;

/// Changes within so short a time are told once: whoever looks cannot read faster.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How often it is looked without being told: what other daemons commit is not noticed here.
const LOOK: Duration = Duration::from_secs(5);

/// How long a page is told before it must ask again, and be let in again.
const LONGEST: Duration = Duration::from_secs(600);

static PLACES: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(MOST)));

/// What a page shows.
#[derive(Debug, Clone)]
enum Shown {
    /// A run.
    Run(RunKey),
    /// What goes on in municipalities.
    Municipalities(Vec<String>),
}

impl Shown {
    /// Whether anything has happened there after a cursor of the journal.
    async fn changed(&self, runtime: &Runtime, after: i64) -> Result<bool, StoreError> {
        let filters: Vec<Filter> = match self {
            Shown::Run(run) => vec![Filter { run: Some(run.to_string()), ..Filter::default() }],
            Shown::Municipalities(all) => {
                let of = |m: &String| Filter { municipality: Some(m.clone()), ..Filter::default() };
                all.iter().map(of).collect()
            }
        };
        for filter in filters {
            if !runtime.store().entries(&filter, after, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The newest cursor of the journal.
async fn newest(runtime: &Runtime) -> Result<i64, StoreError> {
    Ok(runtime.store().newest_entry().await?.map_or(0, |entry| entry.cursor))
}

/// Where a run's page is told of changes: what is asked for before the page is made misses none. None
/// if the database cannot say as of when; so for those that follow.
pub async fn of_run(runtime: &Runtime, run: &RunKey) -> Option<String> {
    let id = run.to_string();
    let (municipality, place) = id.split_once('/')?;
    let after = newest(runtime).await.ok()?;
    Some(format!("/m/{municipality}/live?run={place}&after={after}"))
}

/// The same for a page of a municipality.
pub async fn of_municipality(runtime: &Runtime, municipality: &str) -> Option<String> {
    Some(format!("/m/{municipality}/live?after={}", newest(runtime).await.ok()?))
}

/// The same for a page of all of somebody's municipalities.
pub async fn of_all(runtime: &Runtime) -> Option<String> {
    Some(format!("/today/live?after={}", newest(runtime).await.ok()?))
}

fn own(runtime: &Runtime, person: &Person) -> Vec<String> {
    let maps = access::road_maps(runtime, person);
    maps.iter().map(|version| version.road_map.municipality.id.clone()).collect()
}

/// `GET /m/{municipality}/live?run=low-result-schools/2025-26&after=7`
pub async fn municipality(
    State(runtime): State<Arc<Runtime>>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if runtime.road_maps().newest(&municipality).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let shown = match asked(&query, "run") {
        "" => Shown::Municipalities(vec![municipality]),
        run => match format!("{municipality}/{run}").parse() {
            Ok(run) => Shown::Run(run),
            Err(_) => return StatusCode::NOT_FOUND.into_response(),
        },
    };
    told(runtime, shown, &query, &headers).await
}

/// `GET /today/live?after=7`
pub async fn today(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Query(query): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let shown = Shown::Municipalities(own(&runtime, &person));
    told(runtime, shown, &query, &headers).await
}

async fn told(runtime: Arc<Runtime>, shown: Shown, query: &Asked, headers: &HeaderMap) -> Response {
    let Ok(place) = PLACES.clone().try_acquire_owned() else {
        told::met(Bound::Watchers, &"a page");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // A browser that asks again says how far it was told.
    let said = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match said.unwrap_or(asked(query, "after")) {
        // Whoever says nothing is told what happens from now on.
        "" => match newest(&runtime).await {
            Ok(newest) => newest,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        after => match after.parse() {
            Ok(after) => after,
            Err(_) => return StatusCode::BAD_REQUEST.into_response(),
        },
    };
    let events = changes(runtime, shown, after, place);
    // What is said at once opens the stream; without it nothing is sent before the first change.
    let opened = futures::stream::once(async { Ok(Event::default().comment("")) });
    Sse::new(opened.chain(events))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response()
}

/// Watches until the daemon ends or it has been long enough; the browser then asks again, from the
/// cursor that it was told last.
fn changes(
    runtime: Arc<Runtime>,
    shown: Shown,
    after: i64,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let ends = tokio::time::Instant::now() + LONGEST;
    let watching = (runtime.changes(), runtime.ending());
    futures::stream::unfold((watching, after, place), move |(watching, mut seen, place)| {
        let (runtime, shown) = (runtime.clone(), shown.clone());
        async move {
            let (mut changed, mut ending) = watching;
            loop {
                changed.mark_unchanged();
                // Of a database that is away nothing can be shown anew either.
                if let Ok(now) = newest(&runtime).await
                    && now > seen
                    && let Ok(is_shown) = shown.changed(&runtime, seen).await
                {
                    seen = now;
                    if is_shown {
                        let now = now.to_string();
                        // An event without data is none.
                        let event = Event::default().event("changed").id(&now).data(now);
                        return Some((Ok(event), ((changed, ending), seen, place)));
                    }
                }
                let waits = async {
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        _ = changed.changed() => tokio::time::sleep(AT_ONCE).await,
                    }
                };
                let is_over = async {
                    tokio::select! {
                        ended = ending.wait_for(|ending| *ending) => drop(ended),
                        () = tokio::time::sleep_until(ends) => {}
                    }
                };
                tokio::select! {
                    () = waits => {}
                    () = is_over => return None,
                }
            }
        }
    })
}
