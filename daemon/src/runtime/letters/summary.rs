//! What waits for a person on a morning, in a letter to them: of all municipalities in which they work,
//! what they may bring on themselves, what waits for others, and which terms are near.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use vekha_engine::RunKey;
use vekha_plugin::{Address, Message};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Span;
use vekha_roadmap::russian::{date_words, date_words_with_weekday, plural};

use crate::access::{Role, Roles};
use crate::message_id;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::{Need, attention, divided, in_order};
use crate::runtime::views::overview::Overview;
use crate::store::StoreError;
use crate::store::entities::person;
use crate::store::read::access::Holder;

/// Runs that are named of each kind; of the rest it is said how many there are.
const NAMED: usize = 30;

/// A term is near on so many working days before it.
const NEAR: Span = Span::WorkingDays(3);

/// How long what was read of a municipality is told to one person after the other.
const FRESH: Duration = Duration::from_secs(60);

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

/// Whom what waits in a municipality is told to.
struct Whom<'a> {
    role: Role,
    name: &'a str,
    /// They work in others as well.
    several: bool,
}

/// How the municipalities stand, each read once for all who are told of it together.
#[derive(Default)]
pub(crate) struct Morning(BTreeMap<String, Stands>);

/// How a municipality stands.
struct Stands {
    read_at: Instant,
    overview: Overview,
    needs: BTreeMap<RunKey, Vec<Need>>,
}

impl Morning {
    async fn of(&mut self, runtime: &Runtime, version: &Version) -> Result<&Stands, StoreError> {
        let id = &version.road_map.municipality.id;
        self.0.retain(|_, stands| stands.read_at.elapsed() < FRESH);
        if !self.0.contains_key(id) {
            let read_at = Instant::now();
            let overview = Overview::load(runtime, version, None).await?;
            let needs = attention(runtime, &overview);
            self.0.insert(id.clone(), Stands { read_at, overview, needs });
        }
        Ok(&self.0[id])
    }
}

impl Runtime {
    /// The road maps in which somebody with these roles works.
    pub(crate) fn road_maps_of(&self, roles: &Roles) -> Vec<Arc<Version>> {
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
        morning: &mut Morning,
    ) -> Result<Option<Message>, StoreError> {
        let roles = person.lasting_roles(now);
        let maps = self.road_maps_of(&roles);
        let Some(first) = maps.first() else { return Ok(None) };
        let municipality = &first.road_map.municipality;
        let today = municipality.today(now);
        let mut waiting = Waiting::default();
        for version in &maps {
            let Some(role) = roles.within(&version.road_map.municipality.id) else { continue };
            let stands = morning.of(self, version).await?;
            let whom = Whom { role, name: &person.row.name, several: maps.len() > 1 };
            self.gather(&version.road_map, stands, &whom, &mut waiting);
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
    fn gather(&self, map: &RoadMap, stands: &Stands, whom: &Whom<'_>, waiting: &mut Waiting) {
        let Stands { overview, needs, .. } = stands;
        let Whom { role, name, several } = *whom;
        let keepers: BTreeMap<&RunKey, &str> =
            overview.standings.iter().map(|s| (&s.run.key, s.run.keeper.as_str())).collect();
        let line = |key: &RunKey, needs: Vec<String>| Line {
            title: title(map, key, several),
            link: format!("{}/runs/{key}", self.public_url),
            keeper: keepers.get(key).copied().unwrap_or_default().to_owned(),
            needs,
        };
        let words = |needs: &[&Need]| needs.iter().map(|need| need.words(map)).collect();
        for (key, needs) in in_order(map, needs) {
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
