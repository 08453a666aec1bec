//! Other systems that are told of the journal's entries.

use tonic::{Request, Response, Status};
use vekha_proto::v1::{self, listener_service_server::ListenerService};

use super::access::{asker, overlap, refused};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::{Api, convert, journal, names, status};
use crate::runtime::acts::access::AccessError;
use crate::runtime::acts::listeners::{LISTENER, Wishes, listener_etag, shown_url};
use crate::store::entities::{listener, undelivered};
use crate::store::micros;

/// What can be changed of a listener.
const PATHS: [&str; 5] = ["url", "municipality", "activities", "kinds", "disabled"];

impl Api {
    async fn describe_listener(&self, row: &listener::Model) -> Result<v1::Listener, Status> {
        let store = self.runtime.store();
        let waiting = store.entries_after(row.cursor).await.map_err(status::unavailable)?;
        let undelivered = store.count_undelivered().await.map_err(status::unavailable)?;
        let now = micros(self.runtime.clock().of_people());
        let municipality = match row.municipality.as_str() {
            "" => String::new(),
            id => format!("municipalities/{id}"),
        };
        let words = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        let fails = row.attempts > 0;
        Ok(v1::Listener {
            name: format!("listeners/{}", row.id),
            url: shown_url(&row.url).to_owned(),
            plugin: row.plugin.clone(),
            municipality,
            activities: words(row.activities()),
            kinds: words(row.kinds()),
            disabled: row.disabled,
            disabled_reason: row.reason.clone(),
            cursor: row.cursor,
            waiting: i64::try_from(waiting).unwrap_or(i64::MAX),
            attempts: row.attempts,
            error: row.error.clone(),
            failing_since: row.failing_since.map(convert::micros),
            next_attempt_at: (fails && !row.disabled).then(|| convert::micros(row.next_attempt_at)),
            delivered_at: (row.delivered_at > 0).then(|| convert::micros(row.delivered_at)),
            undelivered: undelivered.get(&row.id).copied().unwrap_or_default(),
            created_by: row.created_by.clone(),
            created_at: Some(convert::micros(row.created_at)),
            overlap_until: (row.before_until > now).then(|| convert::micros(row.before_until)),
            secret: String::new(),
            etag: listener_etag(row),
        })
    }

    async fn known_listener(&self, name: &str) -> Result<listener::Model, Status> {
        let id = id(name).ok_or_else(|| {
            status::invalid("name", format!("«{name}»: нужно имя вида listeners/portal"))
        })?;
        let row = self.runtime.store().listener(id).await.map_err(status::unavailable)?;
        row.ok_or_else(|| status::not_found(name))
    }
}

fn id(name: &str) -> Option<&str> {
    name.strip_prefix("listeners/").filter(|id| !id.is_empty() && !id.contains('/'))
}

/// A refusal of a name, with how names of the contract begin.
fn with_whole_name(e: AccessError) -> AccessError {
    let AccessError::Wrong(mut errors) = e else { return e };
    for error in errors.iter_mut().filter(|error| error.message == LISTENER) {
        error.message = format!("нужно listeners/имя: {LISTENER}");
    }
    AccessError::Wrong(errors)
}

/// What is said of a listener.
fn wishes(said: &v1::Listener) -> Result<Wishes, Status> {
    let municipality = match said.municipality.as_str() {
        "" => String::new(),
        name => names::municipality("listener.municipality", name)?,
    };
    Ok(Wishes {
        url: said.url.clone(),
        municipality,
        activities: said.activities.clone(),
        kinds: said.kinds.clone(),
        disabled: said.disabled,
    })
}

#[tonic::async_trait]
impl ListenerService for Api {
    async fn list_listeners(
        &self,
        request: Request<v1::ListListenersRequest>,
    ) -> Result<Response<v1::ListListenersResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let rows = self.runtime.store().listeners().await.map_err(status::unavailable)?;
        let (rows, next_page_token) = paging.slice(rows, |row: &listener::Model| row.id.clone());
        let mut listeners = Vec::with_capacity(rows.len());
        for row in &rows {
            listeners.push(self.describe_listener(row).await?);
        }
        Ok(Response::new(v1::ListListenersResponse { listeners, next_page_token }))
    }

    async fn get_listener(
        &self,
        request: Request<v1::GetListenerRequest>,
    ) -> Result<Response<v1::Listener>, Status> {
        let row = self.known_listener(&request.into_inner().name).await?;
        Ok(Response::new(self.describe_listener(&row).await?))
    }

    async fn create_listener(
        &self,
        request: Request<v1::CreateListenerRequest>,
    ) -> Result<Response<v1::Listener>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let said = asked.listener.clone().unwrap_or_default();
        let (asker, wishes) = (asker(&asked, &mutation), wishes(&said)?);
        let name = id(&said.name).unwrap_or_default();
        let made = self.runtime.add_listener(&asker, name, wishes, asked.after_cursor).await;
        let made = made.map_err(|e| refused(with_whole_name(e), "listener"))?;
        let mut shown = self.describe_listener(&made.row).await?;
        shown.secret = made.secret.unwrap_or_default();
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }

    async fn update_listener(
        &self,
        request: Request<v1::UpdateListenerRequest>,
    ) -> Result<Response<v1::Listener>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let said = asked.listener.clone().unwrap_or_default();
        let paths = asked.update_mask.clone().map(|mask| mask.paths).unwrap_or_default();
        if let Some(unknown) =
            paths.iter().find(|path| *path != "*" && !PATHS.contains(&path.as_str()))
        {
            let message = format!("«{unknown}»: менять можно {}", PATHS.join(", "));
            return Err(status::invalid("update_mask", message));
        }
        let seen = self.known_listener(&said.name).await?;
        // It comes with the thing.
        let mutation = Mutation { etag: said.etag.clone(), ..mutation };
        let whole = paths.is_empty() || paths.iter().any(|path| path == "*");
        let changes = |path: &str| whole || paths.iter().any(|named| named == path);
        let words = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        let said = wishes(&said)?;
        let now = Wishes {
            url: if changes("url") { said.url } else { String::new() },
            municipality: match changes("municipality") {
                true => said.municipality,
                false => seen.municipality.clone(),
            },
            activities: match changes("activities") {
                true => said.activities,
                false => words(seen.activities()),
            },
            kinds: if changes("kinds") { said.kinds } else { words(seen.kinds()) },
            disabled: if changes("disabled") { said.disabled } else { seen.disabled },
        };
        let row = self.runtime.set_listener(&asker(&asked, &mutation), &seen, now).await;
        let row = row.map_err(|e| refused(e, "listener"))?;
        let mut shown = self.describe_listener(&row).await?;
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }

    async fn rotate_listener_secret(
        &self,
        request: Request<v1::RotateListenerSecretRequest>,
    ) -> Result<Response<v1::Listener>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let overlap = overlap(asked.overlap_hours)?;
        let seen = self.known_listener(&asked.name).await?;
        let made = self.runtime.rotate_listener(&asker(&asked, &mutation), &seen, overlap).await;
        let made = made.map_err(|e| refused(e, "name"))?;
        let mut shown = self.describe_listener(&made.row).await?;
        shown.secret = made.secret.unwrap_or_default();
        if mutation.validate_only {
            shown.etag.clear();
        }
        Ok(Response::new(shown))
    }

    async fn delete_listener(
        &self,
        request: Request<v1::DeleteListenerRequest>,
    ) -> Result<Response<v1::Listener>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        // Repeated, it is not there any more, and its name is all that is left to tell.
        if self.before(&mutation).await?.is_some() {
            let name = asked.name.clone();
            return Ok(Response::new(v1::Listener { name, ..Default::default() }));
        }
        let seen = self.known_listener(&asked.name).await?;
        let shown = self.describe_listener(&seen).await?;
        let removed = self.runtime.remove_listener(&asker(&asked, &mutation), &seen).await;
        removed.map_err(|e| refused(e, "name"))?;
        Ok(Response::new(shown))
    }

    async fn list_undelivered(
        &self,
        request: Request<v1::ListUndeliveredRequest>,
    ) -> Result<Response<v1::ListUndeliveredResponse>, Status> {
        let r = request.into_inner();
        let paging = paging!(r)?;
        let listener = self.known_listener(&r.name).await?;
        let store = self.runtime.store();
        let rows = store.undelivered(&listener.id, false, &paging.page).await;
        let rows = rows.map_err(status::unavailable)?;
        let cursors: Vec<i64> = rows.iter().map(|row| row.cursor).collect();
        let entries = store.entries_at(&cursors).await.map_err(status::unavailable)?;
        let last = rows.last().filter(|_| rows.len() as u64 == paging.page.limit);
        let next_page_token = last.map(|row| paging.after(&row.cursor.to_string()));
        let described = |row: &undelivered::Model| {
            let entry = entries.iter().find(|entry| entry.cursor == row.cursor);
            let entry = entry.map(journal::entry).unwrap_or_default();
            v1::Undelivered {
                cursor: row.cursor,
                run: entry.run,
                kind: entry.kind,
                at: entry.at,
                attempts: row.attempts,
                error: row.error.clone(),
                given_up_at: Some(convert::micros(row.given_up_at)),
                wanted: row.wanted,
            }
        };
        Ok(Response::new(v1::ListUndeliveredResponse {
            entries: rows.iter().map(described).collect(),
            next_page_token: next_page_token.unwrap_or_default(),
        }))
    }

    async fn redeliver(
        &self,
        request: Request<v1::RedeliverRequest>,
    ) -> Result<Response<v1::RedeliverResponse>, Status> {
        let asked = Asked::of(request);
        let mutation = Mutation::read(&asked)?;
        let listener = self.known_listener(&asked.name).await?;
        let entries = match self.before(&mutation).await? {
            Some(before) => before.parse().unwrap_or(0),
            None => {
                let store = self.runtime.store();
                let tried = mutation.validate_only;
                let wanted = store.redeliver(&listener.id, &asked.cursors, tried).await;
                let wanted = wanted.map_err(status::unavailable)?;
                self.remember(&mutation, wanted.to_string()).await?;
                if !tried {
                    self.runtime.nudge();
                }
                wanted
            }
        };
        let entries = i32::try_from(entries).unwrap_or(i32::MAX);
        Ok(Response::new(v1::RedeliverResponse { entries }))
    }
}
