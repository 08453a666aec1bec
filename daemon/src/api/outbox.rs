//! What was sent, is to be sent, could not be sent.

use tonic::{Request, Response, Status};
use vekha_engine::{Refusal, limits};
use vekha_proto::v1::{self, outbox_service_server::OutboxService};

use super::filter::{Conditions, Kind, words};
use super::lists::paging;
use super::mutation::{Asked, Mutation};
use super::names::Depth;
use super::{Api, convert, lists, names, status};
use crate::message_id;
use crate::runtime::letters::message;
use crate::runtime::seen;
use crate::store;
use crate::store::entities::{activity, outbox};
use crate::store::write::activities::{Pause, Paused};
use crate::store::write::outbox::Again;

impl Api {
    async fn message_row(&self, name: &str) -> Result<outbox::Model, Status> {
        let not_found = || status::not_found(name);
        let (parent, id) = names::split("name", name, "messages")?;
        let municipality = names::municipality("name", parent)?;
        let message_id = format!("{id}@{municipality}.vekha");
        let row = self.runtime.store().message_by_id(&message_id).await;
        row.map_err(status::unavailable)?.ok_or_else(not_found)
    }

    fn describe_message(&self, row: &outbox::Model, whole: bool) -> Result<v1::Message, Status> {
        let letter = row.letter().map_err(status::unavailable)?;
        let version = self.runtime.road_maps().current(&row.municipality, row.road_map as u32);
        let to = version
            .as_ref()
            .and_then(|v| v.road_map.organisation(&row.organisation))
            .map(|o| {
                o.addressees().into_iter().map(|(_, email)| email).collect::<Vec<_>>().join(", ")
            })
            .unwrap_or_default();
        let state = match row.state.as_str() {
            "pending" => v1::MessageState::Pending,
            "sending" => v1::MessageState::Sending,
            "sent" => v1::MessageState::Sent,
            "failed" => v1::MessageState::Failed,
            "obsolete" => v1::MessageState::Obsolete,
            _ => v1::MessageState::Unspecified,
        };
        let run = names::of_run(&letter.run);
        let (mut subject, mut text, mut html) = Default::default();
        if let Some(version) = version.filter(|_| whole) {
            // Whoever reads the outbox must not be able to answer for a school.
            let link = letter.assignment.as_ref().map(|_| "(личная ссылка)");
            let page = format!("{}/runs/{}", self.runtime.public_url(), letter.run);
            match message::render(&self.runtime, &version, &letter, link, &page) {
                Ok(parts) => (subject, text, html) = parts,
                Err(e) => return Err(status::unavailable(e)),
            }
        }
        let id = row.message_id.split('@').next().unwrap_or_default();
        Ok(v1::Message {
            name: format!("municipalities/{}/messages/{id}", row.municipality),
            kind: row.kind.clone(),
            to,
            organisation: row.organisation.clone(),
            assignment: letter
                .assignment
                .as_ref()
                .map(|a| format!("{run}/assignments/{a}"))
                .unwrap_or_default(),
            run,
            state: state.into(),
            attempts: row.attempts as u32,
            created_at: Some(convert::micros(row.created_at)),
            next_attempt_at: matches!(state, v1::MessageState::Pending | v1::MessageState::Sending)
                .then(|| convert::micros(row.next_attempt_at)),
            sent_at: row.sent_at.map(convert::micros),
            error: row.error.clone(),
            uncertain: row.uncertain,
            message_id: row.message_id.clone(),
            digest: row
                .digest
                .as_ref()
                .map(|digest| message_id::of(digest, &row.municipality))
                .unwrap_or_default(),
            subject,
            text,
            html,
        })
    }
}

impl Api {
    /// Holds messages, or lets them go.
    async fn hold(
        &self,
        parent: &str,
        held: bool,
        reason: &str,
        mutation: Mutation,
    ) -> Result<Response<v1::Hold>, Status> {
        let municipality = names::municipality("parent", parent)?;
        self.newest(&municipality)?;
        let before = self.before(&mutation).await?.is_some();
        let row = self.runtime.letters_held(&municipality).await.map_err(status::unavailable)?;
        if !before && mutation.is_stale(&hold_etag(row.as_ref())) {
            return Err(status::stale());
        }
        let needed = held || !reason.trim().is_empty();
        if let Some(wrong) = limits::reason("reason", reason).filter(|_| needed) {
            return Err(status::of(Refusal::Invalid(vec![wrong]).into()));
        }
        if mutation.validate_only && !before {
            let mut would_be = describe_hold(&municipality, row.as_ref());
            (would_be.held, would_be.reason) = (held, reason.to_owned());
            (would_be.actor, would_be.etag) = (mutation.actor, String::new());
            return Ok(Response::new(would_be));
        }
        // To let go what is not held changes nothing, and does not when it is asked again either.
        let changes = held || row.as_ref().is_some_and(|row| row.paused);
        if !changes && !before {
            self.remember(&mutation, String::new()).await?;
        }
        if changes && !before {
            let pause = Pause { paused: held, reason, actor: &mutation.actor.clone() };
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            let seen = row.as_ref().filter(|_| !mutation.etag.is_empty());
            let done = self.runtime.hold_letters(&municipality, pause, seen, request).await;
            match done.map_err(status::unavailable)? {
                Paused::Stale => return Err(status::stale()),
                // A call of the same id was faster, with what it asked.
                Paused::Before => drop(self.before(&mutation).await?),
                Paused::Now | Paused::Unknown => {}
            }
        }
        let row = self.runtime.letters_held(&municipality).await.map_err(status::unavailable)?;
        Ok(Response::new(describe_hold(&municipality, row.as_ref())))
    }
}

#[tonic::async_trait]
impl OutboxService for Api {
    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        let r = request.into_inner();
        let fields = [
            words!("state", "MESSAGE_STATE_", MessageState),
            ("activity", Kind::Id),
            ("organisation", Kind::Id),
            ("period", Kind::Period),
            ("run", Kind::Run),
            ("kind", Kind::Id),
            ("uncertain", Kind::Flag),
        ];
        let conditions = Conditions::parse(&r.filter, &fields)?;
        let paging = paging!(r)?;
        let parent = self.parent(&r.parent, Depth::Municipality).await?;
        let filter = lists::filter(&parent, &conditions);
        let store = self.runtime.store();
        let mut walk = paging.walk();
        while let Some(page) = walk.next() {
            let rows = store.list_messages(&filter, page).await.map_err(status::unavailable)?;
            let describe = |row| status::readable(self.describe_message(row, false));
            let turned = rows.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
            walk.take(rows.iter().map(|row| row.key.clone()).zip(turned));
        }
        let (messages, next_page_token) = walk.end();
        Ok(Response::new(v1::ListMessagesResponse { messages, next_page_token }))
    }

    async fn get_message(
        &self,
        request: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::Message>, Status> {
        let row = self.message_row(&request.into_inner().name).await?;
        Ok(Response::new(self.describe_message(&row, true)?))
    }

    async fn retry_message(
        &self,
        request: Request<v1::RetryMessageRequest>,
    ) -> Result<Response<v1::Message>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let row = self.message_row(&r.name).await?;
        let before = self.before(&mutation).await?.is_some();
        if r.validate_only && row.state == "obsolete" {
            return Err(status::not_found("письмо больше не нужно: ответ уже пришёл"));
        }
        if !r.validate_only && !before {
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            let (which, municipality) = (Again::One(&row), &row.municipality);
            let retried =
                self.runtime.retry_letters(which, municipality, &mutation.actor, request).await;
            // Repeated, it finds the message pending or sent, which is what was asked for.
            let retried = retried.map_err(status::unavailable)?;
            if retried == Some(0) && row.state == "obsolete" {
                return Err(status::not_found("письмо больше не нужно: ответ уже пришёл"));
            }
        }
        let mut row = self.message_row(&r.name).await?;
        if r.validate_only && row.state == "failed" {
            row.state = "pending".to_owned();
            (row.attempts, row.digest) = (0, None);
            row.next_attempt_at = store::micros(self.runtime.clock().now());
        }
        Ok(Response::new(self.describe_message(&row, false)?))
    }

    async fn retry_messages(
        &self,
        request: Request<v1::RetryMessagesRequest>,
    ) -> Result<Response<v1::RetryMessagesResponse>, Status> {
        let r = Asked::of(request);
        let mutation = Mutation::read(&r)?;
        let r = r.message;
        let municipality = names::municipality("parent", &r.parent)?;
        let version = self.runtime.road_maps().newest(&municipality);
        version.ok_or_else(|| status::not_found(&r.parent))?;
        let organisation = Some(r.organisation.as_str()).filter(|code| !code.is_empty());
        let store = self.runtime.store();
        let messages = if r.validate_only {
            store.count_failed(&municipality, organisation).await.map_err(status::unavailable)?
        } else if let Some(before) = self.before(&mutation).await? {
            before.parse().unwrap_or(0)
        } else {
            let request =
                mutation.request.as_ref().map(|request| self.runtime.noted(request, String::new()));
            let which = Again::All { municipality: &municipality, organisation };
            let retried =
                self.runtime.retry_letters(which, &municipality, &mutation.actor, request).await;
            match retried.map_err(status::unavailable)? {
                Some(retried) => retried,
                // A call of the same id was faster.
                None => {
                    let before = self.before(&mutation).await?;
                    before.and_then(|made| made.parse().ok()).unwrap_or(0)
                }
            }
        };
        let messages = i32::try_from(messages).unwrap_or(i32::MAX);
        Ok(Response::new(v1::RetryMessagesResponse { messages }))
    }

    async fn get_hold(
        &self,
        request: Request<v1::GetHoldRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        let name = request.into_inner().name;
        let wrong = || status::invalid("name", "нужно имя вида municipalities/m/hold");
        let parent = name.strip_suffix("/hold").ok_or_else(wrong)?;
        let municipality = names::municipality("name", parent)?;
        self.newest(&municipality)?;
        let row = self.runtime.letters_held(&municipality).await.map_err(status::unavailable)?;
        Ok(Response::new(describe_hold(&municipality, row.as_ref())))
    }

    async fn hold_messages(
        &self,
        request: Request<v1::HoldMessagesRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        let r = Asked::of(request);
        self.hold(&r.parent, true, &r.reason, Mutation::read(&r)?).await
    }

    async fn release_messages(
        &self,
        request: Request<v1::ReleaseMessagesRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        let r = Asked::of(request);
        self.hold(&r.parent, false, &r.reason, Mutation::read(&r)?).await
    }
}

/// The etag of whether messages are held.
fn hold_etag(row: Option<&activity::Model>) -> String {
    seen::etag(&row.map(|row| (row.paused, &row.reason, &row.actor, row.journal_sequence)))
}

fn describe_hold(municipality: &str, row: Option<&activity::Model>) -> v1::Hold {
    v1::Hold {
        name: format!("municipalities/{municipality}/hold"),
        held: row.is_some_and(|row| row.paused),
        reason: row.map(|row| row.reason.clone()).unwrap_or_default(),
        actor: row.map(|row| row.actor.clone()).unwrap_or_default(),
        etag: hold_etag(row),
    }
}
