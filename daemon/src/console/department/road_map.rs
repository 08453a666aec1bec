//! The road map as the decree's own table: every activity with its run, its progress and its next date;
//! before it what needs attention. By what it is narrowed stands in the address.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_engine::run::{AssignmentState, StageState};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Activity;

use crate::console::department::administrator::{context, name, need, run};
use crate::console::department::{coming, live, outbox};
use crate::console::frame::access::Person;
use crate::console::frame::paging::{self, Asked, asked, has_words};
use crate::console::frame::{problem, view};
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::runtime::views::attention::{Need, attention, in_order};
use crate::runtime::views::coming::coming;
use crate::runtime::views::overview::{Overview, Standing};
use crate::store::StoreError;
use crate::store::read::participants::Count;

/// Where an activity stands, as the table is narrowed by it.
const STATES: [(&str, &str); 6] = [
    ("attention", "требует внимания"),
    ("late", "срок прошёл"),
    ("going", "идёт"),
    ("ended", "окончено"),
    ("never", "ещё не начиналось"),
    ("paused", "приостановлено"),
];

/// All that the table is made of.
struct Standings<'a> {
    map: &'a RoadMap,
    overview: &'a Overview,
    needs: &'a BTreeMap<RunKey, Vec<Need>>,
    /// Of the runs that count for the activities.
    counts: BTreeMap<String, Vec<Count>>,
}

/// The page.
pub async fn page(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    query: &Asked,
) -> Response {
    let live = live::of_municipality(runtime, &version.road_map.municipality.id).await;
    match describe(runtime, version, person, query).await {
        Ok(mut context) => {
            context["live"] = live.into();
            view::page(StatusCode::OK, "road-map.html", &context)
        }
        Err(e) => problem::unavailable(&e),
    }
}

async fn describe(
    runtime: &Runtime,
    version: &Version,
    person: &Person,
    query: &Asked,
) -> Result<Value, StoreError> {
    let map = &version.road_map;
    let overview = Overview::load(runtime, version, None).await?;
    let needs = attention(runtime, &overview);
    let coming = coming(runtime, version, &overview).await?;
    let current = map.activities.iter().filter_map(|a| overview.current(&a.id));
    let current: Vec<String> = current.map(|standing| standing.run.key.to_string()).collect();
    let mut counts: BTreeMap<String, Vec<Count>> = BTreeMap::new();
    for count in runtime.store().counts(&current).await? {
        counts.entry(count.run.clone()).or_default().push(count);
    }
    let standings = Standings { map, overview: &overview, needs: &needs, counts };
    let mut shown = 0;
    let sections: Vec<Value> = map
        .municipality
        .sections
        .iter()
        .map(|section| {
            let own = map.activities.iter().filter(|a| a.section == section.id);
            let meant = own.filter(|a| standings.is_meant(a, query));
            let activities: Vec<Value> = meant.map(|a| standings.activity(a)).collect();
            shown += activities.len();
            json!({ "id": section.id, "title": section.title, "activities": activities })
        })
        .collect();
    let mut context = context(runtime, version, person);
    let zone = &map.municipality.time_zone;
    let troubles = runtime.troubles();
    let held = overview.letters_held().map(|held| outbox::held_words(map, held));
    context["troubles"] = troubles.iter().map(|trouble| trouble.words(zone)).chain(held).collect();
    context["attention"] = attention_lines(map, &needs);
    context["coming"] = coming::lines(map, &coming);
    context["sections"] = sections.into();
    context["shown"] = shown.into();
    context["all"] = map.activities.len().into();
    context["filters"] = filters(map, query);
    Ok(context)
}

fn filters(map: &RoadMap, query: &Asked) -> Value {
    let any = |words: &str| [("", words.to_owned())].into_iter();
    let sections = map.municipality.sections.iter().map(|s| (s.id.as_str(), s.title.clone()));
    let states = STATES.iter().map(|(state, words)| (*state, (*words).to_owned()));
    let parties = map.municipality.parties.iter().map(|(id, words)| (id.as_str(), words.clone()));
    paging::filters(
        &format!("/m/{}", map.municipality.id),
        query,
        vec![
            paging::choice(query, "section", "Раздел", any("все").chain(sections)),
            paging::choice(query, "state", "Состояние", any("любое").chain(states)),
            paging::choice(query, "who", "Ответственный", any("любой").chain(parties)),
            paging::words(query, "q", "Номер или слова"),
        ],
    )
}

impl Standings<'_> {
    fn needs_of(&self, standing: &Standing) -> &[Need] {
        self.needs.get(&standing.run.key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the table shows it.
    fn is_meant(&self, activity: &Activity, query: &Asked) -> bool {
        let [section, state, who, words] =
            ["section", "state", "who", "q"].map(|n| asked(query, n));
        let current = self.overview.current(&activity.id);
        let stands = match state {
            "attention" => current.is_some_and(|s| !self.needs_of(s).is_empty()),
            "late" => current.is_some_and(|s| s.late),
            "going" => current.is_some_and(|s| !s.run.state.ended()),
            "ended" => current.is_some_and(|s| s.run.state.ended()),
            "never" => current.is_none(),
            "paused" => self.overview.schedule(&activity.id).is_some_and(|s| s.paused),
            _ => true,
        };
        let text = format!("{} {} {}", activity.number, activity.short, activity.title);
        stands
            && (section.is_empty() || activity.section == section)
            && (who.is_empty() || activity.responsible.iter().any(|party| party == who))
            && has_words(&text, words)
    }

    /// One line of the table.
    fn activity(&self, activity: &Activity) -> Value {
        let map = self.map;
        let schedule = self.overview.schedule(&activity.id);
        let opening = self.overview.next_opening(map, activity);
        let opening = opening.map(|at| map.municipality.today(at));
        let current = self.overview.current(&activity.id);
        let at_work = current.filter(|s| !s.run.state.ended());
        let begins = at_work.and_then(|s| s.begins);
        let next = match (at_work.and_then(|s| s.due), begins, opening) {
            (Some(due), ..) => format!("срок {}", glossary::date(due)),
            (None, Some(begins), _) => format!("этап начнётся {}", glossary::date(begins)),
            (None, None, Some(opening)) => match activity.schedule.opens_on_event {
                Some(_) => format!("начало не позже {}", glossary::date(opening)),
                None => format!("начало {}", glossary::date(opening)),
            },
            (None, None, None) => String::new(),
        };
        let responsible = activity.responsible.iter();
        let responsible = responsible.map(|id| map.municipality.parties.get(id).unwrap_or(id));
        json!({
            "id": activity.id,
            "number": activity.number,
            "title": activity.title,
            "short": activity.short,
            "deadline": activity.deadline,
            "responsible": responsible.collect::<Vec<_>>(),
            "next": next,
            "paused": schedule.is_some_and(|s| s.paused),
            "run": current.map(|standing| {
                let mut shown = run(standing, self.needs_of(standing));
                shown["progress"] = self.progress(standing);
                shown
            }),
        })
    }

    /// How far a run has come: which of its stages are done, how many have answered where answers are
    /// awaited. None where it has ended.
    fn progress(&self, standing: &Standing) -> Value {
        let run = &standing.run;
        if run.state.ended() {
            return Value::Null;
        }
        let done = run.stages.iter().filter(|s| s.state == StageState::Completed).count();
        let counts = self.counts.get(&run.key.to_string());
        let active =
            |stage: &str| run.stages.iter().any(|s| s.id == stage && s.state == StageState::Active);
        let (mut answered, mut asked) = (0, 0);
        for count in counts.into_iter().flatten().filter(|count| active(&count.stage)) {
            // Of whom no answer is expected any more is not counted.
            if count.state != AssignmentState::Waived.as_str() {
                asked += count.count;
            }
            if count.state == AssignmentState::Answered.as_str() {
                answered += count.count;
            }
        }
        json!({
            "done": done,
            "stages": run.stages.len(),
            "answered": answered,
            "asked": asked,
        })
    }
}

fn attention_lines(map: &RoadMap, needs: &BTreeMap<RunKey, Vec<Need>>) -> Value {
    let line = |(key, needs): (&RunKey, &Vec<Need>)| {
        let activity = map.activity(&key.activity);
        json!({
            "link": format!("/runs/{key}"),
            "number": activity.map(|a| a.number),
            "short": activity.map_or(&key.activity, |a| &a.short),
            "title": activity.map_or("", |a| a.title.as_str()),
            "period": key.period.words(),
            "part": key.part.as_ref().map(|code| name(map, code)),
            "needs": needs.iter().map(|n| need(map, n)).collect::<Vec<_>>(),
        })
    };
    in_order(map, needs).into_iter().map(line).collect()
}
