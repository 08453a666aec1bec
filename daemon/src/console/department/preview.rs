//! The letters that are to come, month by month: what the engine would send if all went as the road map
//! says. It is computed once a day for a version of the road map and kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use vekha_engine::preview::{Line, What, Wish, preview};
use vekha_engine::{LetterKind, RunKey};
use vekha_roadmap::russian::{MONTHS_NOMINATIVE, plural};

use crate::console::department::administrator;
use crate::console::department::run::{Missing, refused};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, asked};
use crate::console::frame::{problem, view};
use crate::console::year::completeness::run_words;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;

/// Months ahead, with the present one.
const MONTHS: i64 = 12;

/// Addressees that are named one by one.
const NAMED: usize = 5;

/// Road maps whose letters are kept.
const KEPT: usize = 4;

/// The letters of a road map from a day on.
struct Kept {
    version: Arc<Version>,
    from: Date,
    lines: Arc<Vec<Line>>,
}

static COMPUTED: Mutex<Vec<Kept>> = Mutex::const_new(Vec::new());

/// The lines of the months ahead. Who comes while they are computed waits for them: once is enough.
async fn lines(
    version: &Arc<Version>,
    from: Date,
) -> Result<Arc<Vec<Line>>, tokio::task::JoinError> {
    let mut computed = COMPUTED.lock().await;
    let same = |kept: &&Kept| Arc::ptr_eq(&kept.version, version) && kept.from == from;
    if let Some(kept) = computed.iter().find(same) {
        return Ok(kept.lines.clone());
    }
    let to = from.saturating_add(MONTHS.months()).first_of_month();
    let own = version.clone();
    let letters = move || {
        let mut lines = preview(&own.road_map, Wish { from, to, silent: false });
        lines.retain(|line| matches!(line.what, What::Letters { .. }));
        lines
    };
    let lines = Arc::new(tokio::task::spawn_blocking(letters).await?);
    // What is older than this day or this version is of no use any more.
    computed.retain(|kept| {
        kept.version.road_map.municipality.id != version.road_map.municipality.id
            && kept.from == from
    });
    computed.truncate(KEPT - 1);
    computed.insert(0, Kept { version: version.clone(), from, lines: lines.clone() });
    Ok(lines)
}

/// `GET /m/{municipality}/preview?month=2027-03&activity=low-result-schools`
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path(municipality): Path<String>,
    Query(query): Query<Asked>,
) -> Result<Response, Response> {
    let newest = runtime.road_maps().newest(&municipality);
    let version = newest.ok_or_else(|| refused(Missing::Unknown))?;
    let map = &version.road_map;
    let today = map.municipality.today(runtime.clock().now());
    let lines = lines(&version, today).await.map_err(|e| problem::unavailable(&e))?;
    let months = (0..MONTHS).map(|n| month(today.first_of_month().saturating_add(n.months())));
    let months: Vec<String> = months.collect();
    let wanted = months.iter().find(|month| *month == asked(&query, "month")).unwrap_or(&months[0]);
    let activity = asked(&query, "activity");
    let mut found: BTreeMap<(Date, String, LetterKind), Vec<&str>> = BTreeMap::new();
    for line in lines.iter() {
        let day = map.municipality.today(line.at);
        let own = line.run.parse::<RunKey>();
        let meant = activity.is_empty() || own.as_ref().is_ok_and(|run| run.activity == activity);
        if let What::Letters { letter, to } = &line.what
            && meant
            && month(day) == *wanted
        {
            // Of a rotation all runs send the same letter.
            let what = own.map_or_else(|_| line.run.clone(), |run| run_words(map, &run));
            let all = found.entry((day, what, *letter)).or_default();
            all.extend(to.iter().map(String::as_str));
        }
    }
    let shown = |((day, what, letter), to): (&(Date, String, LetterKind), &Vec<&str>)| {
        let names: Vec<String> =
            to.iter().take(NAMED).map(|code| administrator::name(map, code)).collect();
        let count = to.len();
        json!({
            "day": glossary::date(*day),
            "what": what,
            "letter": glossary::letter(*letter),
            "count": format!("{count} {}", plural(count as i64, "письмо", "письма", "писем")),
            "names": names,
            "others": count.saturating_sub(NAMED),
        })
    };
    let mut context = administrator::context(&runtime, &version, &person);
    context["letters"] = found.iter().map(shown).collect();
    context["total"] = found.values().map(Vec::len).sum::<usize>().into();
    let options = months.iter().map(|month| (month.as_str(), month_words(month)));
    let every = ("", "все".to_owned());
    let activities =
        map.activities.iter().map(|a| (a.id.as_str(), format!("{}. {}", a.number, a.short)));
    let mut fields = vec![
        paging::choice(&query, "month", "Месяц", options),
        paging::choice(&query, "activity", "Мероприятие", [every].into_iter().chain(activities)),
    ];
    mark(&mut fields[0], wanted);
    context["filters"] =
        paging::filters(&format!("/m/{}/preview", map.municipality.id), &query, fields);
    Ok(view::page(StatusCode::OK, "preview.html", &context))
}

/// The month that is shown, though none was asked for.
fn mark(choice: &mut Value, wanted: &str) {
    for option in choice["options"].as_array_mut().into_iter().flatten() {
        let chosen = option["value"] == wanted;
        option["chosen"] = chosen.into();
    }
}

fn month(day: Date) -> String {
    day.strftime("%Y-%m").to_string()
}

/// «март 2027»
fn month_words(month: &str) -> String {
    let (year, number) = month.split_once('-').unwrap_or((month, ""));
    let name = number.parse::<usize>().ok().and_then(|n| MONTHS_NOMINATIVE.get(n.checked_sub(1)?));
    name.map_or_else(|| month.to_owned(), |name| format!("{name} {year}"))
}
