//! Who is told of the journal's entries: other systems by requests, which administrators add, and
//! plugins, which the settings name.

use jiff::SignedDuration;
use vekha_engine::{EntryKind, Happened};
use vekha_plugin_http::Url;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::diagnostic::nearest;

use super::access::tokens::one_overlap;
use super::access::{AccessError, Asker, drawn, field, settled};
use crate::runtime::Runtime;
use crate::runtime::listeners::event::is_kind;
use crate::runtime::listeners::webhook::shown_secret;
use crate::runtime::seen;
use crate::store::entities::listener;
use crate::store::micros;
use crate::store::write::access::{Change, Terms};

/// Most listeners: each may hold a part of the journal in memory.
const MOST: usize = 32;

/// Longest address, in characters.
const LONGEST_URL: usize = 1000;

/// Most activities and kinds that a listener may name.
const LONGEST_LIST: usize = 100;

/// How listeners are called.
pub const LISTENER: &str = "имя слушателя — от 1 до 40 строчных латинских букв, цифр и дефисов";

/// Whether a listener may be called so.
pub fn is_listener(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=40).contains(&name.len()) && name.chars().all(fits)
}

/// What people say of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Where a webhook's requests go.
    pub url: String,
    /// Of which municipality it is told; empty for all.
    pub municipality: String,
    /// Of which activities; empty for all.
    pub activities: Vec<String>,
    /// Of which kinds of entries; empty for the usual.
    pub kinds: Vec<String>,
    /// Nothing is told.
    pub disabled: bool,
}

/// A listener, with the secret that is shown once.
#[derive(Debug)]
pub struct MadeListener {
    /// The listener.
    pub row: listener::Model,
    /// What its requests are signed with; none if that was shown before.
    pub secret: Option<String>,
}

/// By what a change of a listener is seen.
pub fn listener_etag(row: &listener::Model) -> String {
    seen::etag(&row.defined())
}

/// An address as it is shown: without its query, in which others keep secrets.
pub fn shown_url(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

impl Runtime {
    /// Whether the settings name a listener: then only they remove it.
    pub fn names_listener(&self, id: &str) -> bool {
        self.integrations.listeners.is_named(id)
    }

    /// Adds a webhook, to begin after this entry; none begins with the next to happen.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn add_listener(
        &self,
        asker: &Asker<'_>,
        name: &str,
        wishes: Wishes,
        after: Option<i64>,
    ) -> Result<MadeListener, AccessError> {
        if let Some(before) = self.made_for(asker).await? {
            let row = self.store.listener(&before).await?.ok_or(AccessError::NotFound(before))?;
            return Ok(MadeListener { row, secret: None });
        }
        let mut wrong = Vec::new();
        if !is_listener(name) {
            wrong.push(field("name", LISTENER));
        }
        let all = self.store.listeners().await?;
        if all.iter().any(|row| row.id == name) {
            wrong.push(field("name", "такой слушатель уже есть"));
        }
        if all.len() >= MOST {
            wrong.push(field("name", &format!("слушателей не больше {MOST}: удалите лишние")));
        }
        let wishes = self.checked_wishes(wishes, None, &mut wrong);
        if after.is_some_and(|after| after < 0) {
            wrong.push(field("after_cursor", "не меньше нуля"));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let fresh = self.fresh_listener(name, asker.actor, after).await?;
        let row = wished(fresh, wishes);
        if asker.validate_only {
            return Ok(MadeListener { row, secret: None });
        }
        let change = [Change::Listener(Box::new(row.clone()))];
        let terms = Terms { request: self.noting(asker, &row.id), ..Terms::default() };
        let happened = self.happened(asker.actor, set(&row));
        settled(self.store.change_access(&change, terms, Some(happened)).await)?;
        self.nudge();
        let secret = Some(shown_secret(self.store.secret(), &row));
        Ok(MadeListener { row, secret })
    }

    /// Changes a listener. One that is enabled again is told at once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn set_listener(
        &self,
        asker: &Asker<'_>,
        seen: &listener::Model,
        mut wishes: Wishes,
    ) -> Result<listener::Model, AccessError> {
        if let Some(before) = self.made_for(asker).await? {
            return self.store.listener(&before).await?.ok_or(AccessError::NotFound(before));
        }
        asker.saw(&listener_etag(seen))?;
        if wishes.url.is_empty() || wishes.url == shown_url(&seen.url) {
            wishes.url.clone_from(&seen.url);
        }
        let mut wrong = Vec::new();
        let wishes = self.checked_wishes(wishes, Some(seen), &mut wrong);
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let row = wished(seen.clone(), wishes);
        if asker.validate_only {
            return Ok(row);
        }
        let mut changes = vec![Change::Listener(Box::new(row.clone()))];
        // Another address, or another try, begins anew.
        if seen.disabled || row.url != seen.url {
            let since = micros(self.clock.now());
            changes.push(Change::ListenerResumed { listener: row.id.clone(), since });
        }
        let request = self.noting(asker, &row.id);
        let terms = Terms { listener: Some(seen), request, ..Terms::default() };
        let happened = self.happened(asker.actor, set(&row));
        settled(self.store.change_access(&changes, terms, Some(happened)).await)?;
        self.nudge();
        self.store.listener(&row.id).await?.ok_or(AccessError::NotFound(row.id))
    }

    /// Replaces a webhook's secret; the one before signs, too, for so long.
    ///
    /// # Errors
    /// That it has none.
    pub async fn rotate_listener(
        &self,
        asker: &Asker<'_>,
        seen: &listener::Model,
        overlap: SignedDuration,
    ) -> Result<MadeListener, AccessError> {
        if self.made_for(asker).await?.is_some() {
            return Ok(MadeListener { row: seen.clone(), secret: None });
        }
        asker.saw(&listener_etag(seen))?;
        if !seen.plugin.is_empty() {
            let message = "этому слушателю события передаёт плагин: секрета у него нет";
            return Err(AccessError::Wrong(vec![field("name", message)]));
        }
        let now = self.clock.of_people();
        one_overlap(seen.before_until, overlap, now)?;
        let until = now.saturating_add(overlap).unwrap_or(now);
        let (rotated, before_until) = (seen.rotated + 1, micros(until));
        let row = listener::Model { rotated, before_until, ..seen.clone() };
        if asker.validate_only {
            return Ok(MadeListener { row, secret: None });
        }
        let what = Happened::ListenerRotated { listener: row.id.clone(), overlap: until };
        let request = self.noting(asker, &row.id);
        let terms = Terms { listener: Some(seen), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        let change = [Change::Listener(Box::new(row.clone()))];
        settled(self.store.change_access(&change, terms, Some(happened)).await)?;
        let secret = Some(shown_secret(self.store.secret(), &row));
        Ok(MadeListener { row, secret })
    }

    /// Removes a listener. One that the settings name comes back with the next start.
    ///
    /// # Errors
    /// That the settings name it.
    pub async fn remove_listener(
        &self,
        asker: &Asker<'_>,
        seen: &listener::Model,
    ) -> Result<(), AccessError> {
        asker.saw(&listener_etag(seen))?;
        if self.names_listener(&seen.id) {
            let message = format!(
                "слушателя называют настройки: удалите раздел [listener.{}] и перезапустите демон",
                seen.id
            );
            return Err(AccessError::Wrong(vec![field("name", &message)]));
        }
        if asker.validate_only {
            return Ok(());
        }
        let what = Happened::ListenerRemoved { listener: seen.id.clone() };
        let request = self.noting(asker, &seen.id);
        let terms = Terms { listener: Some(seen), request, ..Terms::default() };
        let happened = self.happened(asker.actor, what);
        let change = [Change::ListenerRemoved(seen.id.clone())];
        settled(self.store.change_access(&change, terms, Some(happened)).await)
    }

    /// Takes in the listeners that the settings name, with their plugins: a new one begins with the next
    /// entry to happen.
    ///
    /// # Errors
    /// When the database fails, or a webhook is called so already.
    pub async fn name_listeners(&self, named: &[(String, String)]) -> anyhow::Result<()> {
        let known = self.store.listeners().await?;
        let mut rows = Vec::new();
        for (id, plugin) in named {
            match known.iter().find(|row| row.id == *id) {
                Some(row) if row.plugin.is_empty() => anyhow::bail!(
                    "настройки:\n  listener.{id}: так уже называется слушатель, которого добавил \
                     администратор; назовите этого иначе"
                ),
                Some(_) => {}
                None => {
                    let fresh = self.fresh_listener(id, "vekha serve", None).await;
                    let fresh = fresh.map_err(|e| anyhow::anyhow!("{e}"))?;
                    rows.push(listener::Model { plugin: plugin.clone(), ..fresh });
                }
            }
        }
        self.store.add_listeners(rows).await?;
        Ok(())
    }

    async fn fresh_listener(
        &self,
        id: &str,
        by: &str,
        after: Option<i64>,
    ) -> Result<listener::Model, AccessError> {
        let now = micros(self.clock.now());
        let cursor = match after {
            Some(after) => after,
            None => newest(self.store.newest_entry().await?),
        };
        Ok(listener::Model {
            id: id.to_owned(),
            seed: drawn()?,
            url: String::new(),
            plugin: String::new(),
            municipality: String::new(),
            activities: String::new(),
            kinds: String::new(),
            disabled: false,
            reason: String::new(),
            rotated: 0,
            before_until: 0,
            created_by: by.to_owned(),
            created_at: micros(self.clock.of_people()),
            since: now,
            cursor,
            attempts: 0,
            error: String::new(),
            failing_since: None,
            next_attempt_at: 0,
            delivered_at: 0,
            claim: None,
            claimed_until: 0,
        })
    }

    /// What is wished, as it is kept. What the listener has already is not held against it: the road map
    /// may have lost it since, and it is to be disabled or told elsewhere all the same.
    fn checked_wishes(
        &self,
        wishes: Wishes,
        seen: Option<&listener::Model>,
        wrong: &mut Vec<FieldError>,
    ) -> Wishes {
        let is_plugin = seen.is_some_and(|seen| !seen.plugin.is_empty());
        let had = seen.map(|seen| (seen.municipality.as_str(), seen.activities(), seen.kinds()));
        let (in_municipality, of_activities, of_kinds) = had.unwrap_or_default();
        let Wishes { url, municipality, mut activities, mut kinds, disabled } = wishes;
        let url = match is_plugin {
            true if url.is_empty() => url,
            true => {
                wrong.push(field("url", "этому слушателю события передаёт плагин"));
                url
            }
            false => self.checked_url(&url).unwrap_or_else(|message| {
                wrong.push(field("url", &message));
                url
            }),
        };
        if !municipality.is_empty()
            && municipality != in_municipality
            && self.road_maps.newest(&municipality).is_none()
        {
            wrong.push(field("municipality", &format!("муниципалитета «{municipality}» нет")));
        }
        for (name, list) in [("activities", &mut activities), ("kinds", &mut kinds)] {
            list.sort();
            list.dedup();
            if list.len() > LONGEST_LIST {
                wrong.push(field(name, &format!("не больше {LONGEST_LIST}")));
            }
        }
        let of = |version: &crate::runtime::road_maps::Version| {
            municipality.is_empty() || version.road_map.municipality.id == municipality
        };
        let versions: Vec<_> = self.road_maps.all_newest();
        let versions = versions.iter().filter(|version| of(version));
        let known: Vec<&str> = versions
            .flat_map(|version| version.road_map.activities.iter().map(|one| one.id.as_str()))
            .collect();
        let is_new = |had: &[&str], word: &String| !had.contains(&word.as_str());
        for id in activities.iter().filter(|id| is_new(&known, id) && is_new(&of_activities, id)) {
            wrong.push(unknown("activities", "мероприятия", id, known.iter().copied()));
        }
        for kind in kinds.iter().filter(|kind| !is_kind(kind) && is_new(&of_kinds, kind)) {
            let all = EntryKind::ALL.iter().map(|kind| kind.as_str());
            wrong.push(unknown("kinds", "вида записей", kind, all));
        }
        Wishes { url, municipality, activities, kinds, disabled }
    }

    /// An address to which requests may go.
    fn checked_url(&self, text: &str) -> Result<String, String> {
        if text.chars().count() > LONGEST_URL {
            return Err(format!("не длиннее {LONGEST_URL} знаков"));
        }
        let wanted = || "нужен адрес вида https://portal.example.org/vekha".to_owned();
        let mut url: Url = text.parse().map_err(|_| wanted())?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wanted());
        }
        match url.scheme() {
            "https" => {}
            "http" if self.integrations.listeners.allows_private() => {}
            "http" => {
                return Err("нужен https://; без него — только в своей сети, где в настройках \
                            демона [webhooks] allow-private = true"
                    .to_owned());
            }
            _ => return Err(wanted()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("имени и пароля в адресе быть не может: запросы подписаны".to_owned());
        }
        url.set_fragment(None);
        self.integrations.listeners.poster().judge(&url)?;
        Ok(url.to_string())
    }
}

fn newest(entry: Option<crate::store::entities::journal::Model>) -> i64 {
    entry.map_or(0, |entry| entry.cursor)
}

fn unknown<'a>(
    name: &str,
    what: &str,
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> FieldError {
    let near = nearest(word, known).map(|near| format!("; может быть, {near}?"));
    field(name, &format!("{what} «{word}» нет{}", near.unwrap_or_default()))
}

/// A listener as it is wished.
fn wished(row: listener::Model, wishes: Wishes) -> listener::Model {
    let Wishes { url, municipality, activities, kinds, disabled } = wishes;
    // What it said itself is over once somebody enables it, or disables it otherwise.
    let reason = if disabled { row.reason.clone() } else { String::new() };
    listener::Model {
        url,
        municipality,
        activities: activities.join(","),
        kinds: kinds.join(","),
        disabled,
        reason,
        ..row
    }
}

fn set(row: &listener::Model) -> Happened {
    let host = row.url.parse::<Url>().ok();
    let host = host.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    Happened::ListenerSet { listener: row.id.clone(), host, disabled: row.disabled }
}
