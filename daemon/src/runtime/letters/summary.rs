//! What waits for a person on a morning, in a letter to them: of all municipalities in which they work,
//! what they may bring on themselves, what waits for others, and which terms are near.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use vekha_engine::RunKey;
use vekha_plugin::{Address, Message};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Span;
use vekha_roadmap::russian::{date_words, date_words_with_weekday, plural};

use crate::access::Roles;
use crate::message_id;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::{Need, attention, divided, in_order};
use crate::runtime::views::overview::Overview;
use crate::store::entities::person;
use crate::store::read::access::Holder;
use crate::store::{StoreError, instant};

/// Runs that are named of each kind; of the rest it is said how many there are.
const NAMED: usize = 30;

/// A term is near on so many working days before it.
const NEAR: Span = Span::WorkingDays(3);

/// How long after somebody signed in their provider's word on what they may do is taken for a letter.
const PROVIDED_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters do not clash"));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in [
        ("summary.txt", include_str!("summary.txt")),
        ("summary.html", include_str!("summary.html")),
    ] {
        environment.add_template(name, text).expect("a test composes a summary");
    }
    environment
});

/// A run that waits, or whose term is near.
#[derive(Debug, Serialize)]
struct Line {
    title: String,
    link: String,
    /// Who sees to it; empty if nobody.
    keeper: String,
    needs: Vec<String>,
}

/// Some of the lines, and how many more there are.
#[derive(Debug, Serialize)]
struct Lines {
    lines: Vec<Line>,
    more: Option<String>,
}

impl Lines {
    fn of(mut lines: Vec<Line>) -> Self {
        let more = lines.len().saturating_sub(NAMED);
        lines.truncate(NAMED);
        let words = |n: usize| format!("и ещё {n} {}", plural(n as i64, RUNS[0], RUNS[1], RUNS[2]));
        Lines { lines, more: (more > 0).then(|| words(more)) }
    }
}

const RUNS: [&str; 3] = ["выполнение", "выполнения", "выполнений"];

/// What waits, of all municipalities.
#[derive(Debug, Default)]
struct Waiting {
    own: Vec<Line>,
    others: Vec<Line>,
    near: Vec<Line>,
    held: Vec<String>,
}

/// What somebody may do, as far as a letter to them goes.
pub(crate) fn roles(person: &Holder<person::Model>, now: Timestamp) -> Roles {
    let signed_in = instant(person.row.signed_in_at);
    match now.duration_since(signed_in) < PROVIDED_FOR {
        true => person.all_roles(),
        false => person.roles.clone(),
    }
}

impl Runtime {
    /// The road maps in which somebody with these roles works.
    pub(crate) fn road_maps_of(&self, roles: &Roles) -> Vec<std::sync::Arc<Version>> {
        let mut all = self.road_maps().all_newest();
        all.retain(|v| roles.within(&v.road_map.municipality.id).is_some());
        all
    }

    /// The summary for a person on a morning; none if nothing waits.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn summary(
        &self,
        person: &Holder<person::Model>,
        now: Timestamp,
    ) -> Result<Option<Message>, StoreError> {
        let roles = roles(person, now);
        let maps = self.road_maps_of(&roles);
        let Some(first) = maps.first() else { return Ok(None) };
        let municipality = &first.road_map.municipality;
        let today = municipality.today(now);
        let mut waiting = Waiting::default();
        for version in &maps {
            self.gather(version, &roles, &person.row.name, maps.len() > 1, &mut waiting).await?;
        }
        let Waiting { own, others, near, held } = waiting;
        if own.is_empty() && others.is_empty() && near.is_empty() && held.is_empty() {
            return Ok(None);
        }
        let subject = match own.len() {
            0 => format!("Сводка на {}", date_words(today)),
            n => {
                let count = plural(n as i64, RUNS[0], RUNS[1], RUNS[2]);
                let waits = plural(n as i64, "ждёт", "ждут", "ждут");
                format!("Сводка на {}: вас {waits} {n} {count}", date_words(today))
            }
        };
        let context = serde_json::json!({
            "name": person.row.name,
            "authority": municipality.authority,
            "day": date_words_with_weekday(today),
            "own": Lines::of(own),
            "others": Lines::of(others),
            "near": Lines::of(near),
            "held": held,
            "url": self.public_url,
        });
        let rendered = |name: &str| {
            let template = TEMPLATES.get_template(name);
            let text = template
                .and_then(|template| template.render(minijinja::Value::from(Serde(&context))));
            text.expect("what every summary is composed of is in its templates")
        };
        let key = format!("summary/{}/{today}", person.row.id);
        Ok(Some(Message {
            message_id: message_id::of(&key, &municipality.id),
            key,
            to: vec![Address::new(&person.row.name, &person.row.email)],
            subject,
            text: rendered("summary.txt"),
            html: Some(rendered("summary.html")),
            date: municipality.opening(today).as_millisecond(),
            ..Message::default()
        }))
    }

    /// Adds what waits in a municipality.
    async fn gather(
        &self,
        version: &Version,
        roles: &Roles,
        name: &str,
        several: bool,
        waiting: &mut Waiting,
    ) -> Result<(), StoreError> {
        let map = &version.road_map;
        let Some(role) = roles.within(&map.municipality.id) else { return Ok(()) };
        let overview = Overview::load(self, version, None).await?;
        let needs = attention(self, version, &overview).await?;
        let keepers: BTreeMap<&RunKey, &str> =
            overview.standings.iter().map(|s| (&s.run.key, s.run.keeper.as_str())).collect();
        let line = |key: &RunKey, needs: Vec<String>| Line {
            title: title(map, key, several),
            link: format!("{}/runs/{key}", self.public_url),
            keeper: keepers.get(key).copied().unwrap_or_default().to_owned(),
            needs,
        };
        let words = |needs: &[&Need]| needs.iter().map(|need| need.words(map)).collect();
        for (key, needs) in in_order(map, &needs) {
            let keeper = keepers.get(key).copied().unwrap_or_default();
            let (own, others) = divided(needs, role, keeper, Some(name));
            if !own.is_empty() {
                waiting.own.push(line(key, words(&own)));
            }
            if !others.is_empty() {
                waiting.others.push(line(key, words(&others)));
            }
        }
        let today = map.municipality.today(self.clock().now());
        let until = map.calendar.add(today, NEAR);
        let mut near: Vec<(Date, Line)> = Vec::new();
        for standing in &overview.standings {
            let Some(due) = standing.due.filter(|due| (today..=until).contains(due)) else {
                continue;
            };
            let stages =
                format!("{}: {}", date_words_with_weekday(due), standing.stages.join(", "));
            near.push((due, line(&standing.run.key, vec![stages])));
        }
        near.sort_by_key(|(due, _)| *due);
        waiting.near.extend(near.into_iter().map(|(_, line)| line));
        if let Some(held) = overview.letters_held() {
            let place =
                if several { format!("{}: ", map.municipality.name) } else { String::new() };
            waiting.held.push(format!("{place}отправка писем остановлена: {}", held.reason));
        }
        Ok(())
    }
}

/// A run as people call it.
fn title(map: &RoadMap, key: &RunKey, several: bool) -> String {
    let activity = match map.activity(&key.activity) {
        Some(activity) => format!("{}. {}", activity.number, activity.short),
        None => key.activity.clone(),
    };
    let part = key.part.as_ref().map(|code| format!(", {}", map.short_name(code)));
    let place = several.then(|| format!("{} · ", map.municipality.name));
    format!(
        "{}{activity}, {}{}",
        place.unwrap_or_default(),
        key.period.words(),
        part.unwrap_or_default()
    )
}
