//! A form over values of the road map's files: an activity's, or a letter's texts.
//!
//! The form says of which version it was made. If there is another one by the time it is sent, what was
//! typed is laid over that one and shown with what the others changed, and nothing is put in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_roadmap::RoadMap;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::model::{OrganisationKind, Work};
use vekha_roadmap::read::LETTERS;

use super::change::{self, Applied, Looked};
use super::{newest, reading};
use crate::console::department::administrator;
use crate::console::department::run::actor;
use crate::console::frame::access::Person;
use crate::console::frame::posted::{Fields, Pairs, value};
use crate::console::frame::{problem, view};
use crate::definitions::amend::{Typed, amend, placed, same};
use crate::definitions::difference::letter_words;
use crate::definitions::fields::{self, Field};
use crate::definitions::kind::{Kind, WAYS};
use crate::definitions::recurrence::EVERY;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::acts::amend::{Unfit, between};
use crate::runtime::road_maps::{Means, Version};

/// What a form is about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// The activity of this id.
    Activity(&'a str),
    /// The letter of this kind.
    Letter(&'a str),
}

impl Subject<'_> {
    fn fields(self, version: &Version) -> Vec<Field> {
        self.fields_as(version, None)
    }

    /// The fields if runs opened as often as a form chooses.
    fn fields_as(self, version: &Version, chosen: Option<&str>) -> Vec<Field> {
        match self {
            Subject::Activity(id) => {
                fields::of_activity_as(&version.road_map, &version.files, id, chosen)
            }
            Subject::Letter(kind) => fields::of_letter(&version.files, kind),
        }
    }

    fn is_there(self, map: &RoadMap) -> bool {
        match self {
            Subject::Activity(id) => map.activity(id).is_some(),
            Subject::Letter(kind) => LETTERS.iter().any(|(other, _)| *other == kind),
        }
    }

    fn address(self, map: &RoadMap) -> String {
        let municipality = &map.municipality.id;
        match self {
            Subject::Activity(id) => format!("/m/{municipality}/definitions/activities/{id}"),
            Subject::Letter(kind) => format!("/m/{municipality}/definitions/letters/{kind}"),
        }
    }

    fn title(self, map: &RoadMap) -> String {
        match self {
            Subject::Activity(id) => {
                map.activity(id).map_or(id.to_owned(), |a| format!("{}. {}", a.number, a.short))
            }
            Subject::Letter(kind) => format!("Письмо «{}»", letter_words(kind)),
        }
    }
}

/// What a page has to say about what was sent.
#[derive(Default)]
struct Said {
    /// What is wrong, by field.
    wrong: BTreeMap<String, String>,
    /// What is wrong elsewhere.
    elsewhere: Vec<Diagnostic>,
    /// What stands against the whole.
    whole: Option<String>,
    /// Whether nothing was changed.
    same: bool,
    /// What others changed meanwhile.
    meanwhile: Option<Value>,
}

/// `GET /m/{municipality}/definitions/activities/{activity}`
pub async fn show_activity(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, id)): Path<(String, String)>,
) -> Response {
    shown(&runtime, &person, &municipality, Subject::Activity(&id))
}

/// `POST /m/{municipality}/definitions/activities/{activity}`
pub async fn act_on_activity(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, id)): Path<(String, String)>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    act(&runtime, &person, &municipality, Subject::Activity(&id), &pairs).await
}

/// `GET /m/{municipality}/definitions/letters/{letter}`
pub async fn show_letter(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, kind)): Path<(String, String)>,
) -> Response {
    shown(&runtime, &person, &municipality, Subject::Letter(&kind))
}

/// `POST /m/{municipality}/definitions/letters/{letter}`
pub async fn act_on_letter(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, kind)): Path<(String, String)>,
    Fields(pairs): Fields,
) -> Result<Response, Response> {
    act(&runtime, &person, &municipality, Subject::Letter(&kind), &pairs).await
}

fn shown(runtime: &Runtime, person: &Person, municipality: &str, subject: Subject<'_>) -> Response {
    let version = newest(runtime, municipality);
    match version.filter(|version| subject.is_there(&version.road_map)) {
        Some(version) => {
            page(runtime, person, &version, subject, (&Typed::new(), &Said::default()))
        }
        None => problem::missing(),
    }
}

async fn act(
    runtime: &Runtime,
    person: &Person,
    municipality: &str,
    subject: Subject<'_>,
    pairs: &Pairs,
) -> Result<Response, Response> {
    let version = newest(runtime, municipality).ok_or_else(problem::missing)?;
    if !subject.is_there(&version.road_map) {
        return Err(problem::missing());
    }
    if let Some(made) = change::done_before(runtime, pairs).await? {
        return Ok(change::done(&made));
    }
    let seen = value(pairs, "_seen");
    let history = runtime.road_maps().history(municipality);
    let base = history.iter().rfind(|v| v.etag() == seen).unwrap_or(&version);
    let chosen = pairs.iter().find(|(name, _)| name == EVERY).map(|(_, chosen)| chosen.as_str());
    // Only what was changed is meant to be changed, whatever stands there by now.
    let mut typed = typed(&subject.fields_as(base, chosen), pairs);
    if base.etag() != version.etag() {
        let before = subject.fields_as(base, chosen);
        typed.retain(|name, said| {
            before.iter().any(|field| field.name == *name && !same(field, said, &field.said))
        });
        let said = overtaken(base, &version, subject, &typed);
        return Ok(page(runtime, person, &version, subject, (&typed, &said)));
    }
    let own = subject.fields_as(&version, chosen);
    let unasked = unasked(&own, &subject.fields(&version), &typed);
    if !unasked.is_empty() && value(pairs, "_do") != "back" {
        let said = Said { wrong: unasked, ..Said::default() };
        return Ok(page(runtime, person, &version, subject, (&typed, &said)));
    }
    let amended = amend(&version.files, &own, &typed);
    if value(pairs, "_do") == "back" || amended.changed.is_empty() {
        let said = Said { same: value(pairs, "_do") != "back", ..Said::default() };
        return Ok(page(runtime, person, &version, subject, (&typed, &said)));
    }
    let mut said = Said { wrong: amended.wrong.clone(), ..Said::default() };
    let proposal = match runtime.propose(&version, amended.files.clone()).await {
        Ok(proposal) if said.wrong.is_empty() => proposal,
        Ok(_) => return Ok(page(runtime, person, &version, subject, (&typed, &said))),
        Err(Unfit::Mistakes(mistakes)) => {
            let (at, elsewhere) = placed(mistakes, &amended, &own);
            for (name, message) in at {
                said.wrong.entry(name).or_insert(message);
            }
            said.elsewhere = elsewhere;
            return Ok(page(runtime, person, &version, subject, (&typed, &said)));
        }
        Err(e) => {
            said.whole = Some(e.to_string());
            return Ok(page(runtime, person, &version, subject, (&typed, &said)));
        }
    };
    let map = &version.road_map;
    if value(pairs, "_do") != "apply" {
        let title = subject.title(map);
        let address = subject.address(map);
        let looked = Looked { newest: &version, proposal, title: &title, address: &address, pairs };
        return change::page(runtime, person, looked).await;
    }
    match change::apply(runtime, person, pairs, proposal, Means::Form).await {
        Applied::Now(made) => Ok(change::done(&made)),
        Applied::Stale => {
            let now = newest(runtime, municipality).ok_or_else(problem::missing)?;
            let said = overtaken(&version, &now, subject, &typed);
            Ok(page(runtime, person, &now, subject, (&typed, &said)))
        }
        Applied::Failed(response) => Ok(*response),
    }
}

/// What to say when another version came meanwhile: whose it is and what it changed, also in the very
/// fields that were typed in.
fn overtaken(base: &Version, now: &Version, subject: Subject<'_>, typed: &Typed) -> Said {
    let (before, after) = (subject.fields(base), subject.fields(now));
    let mut wrong = BTreeMap::new();
    for field in &after {
        let was = before.iter().find(|other| other.name == field.name);
        let mine = typed.get(&field.name).filter(|said| !same(field, said, &field.said));
        if let (Some(was), Some(_)) = (was, mine)
            && !same(field, &was.said, &field.said)
        {
            let words = match field.kind {
                Kind::Whole => {
                    "этот текст тем временем изменил другой человек: сравните ниже".to_owned()
                }
                _ => {
                    let words = field.kind.words(&field.said, Some(&now.road_map));
                    format!("тем временем здесь стало: {words}")
                }
            };
            wrong.insert(field.name.clone(), words);
        }
    }
    let meanwhile = json!({
        "number": now.number,
        "by": actor(&now.road_map, &now.applied_by),
        "differences": between(base, now),
    });
    Said { wrong, meanwhile: Some(meanwhile), ..Said::default() }
}

/// What must be said of another choice, and what the form that was sent did not ask for.
fn unasked(own: &[Field], before: &[Field], typed: &Typed) -> BTreeMap<String, String> {
    let is_new = |field: &&Field| {
        let must = matches!(field.kind, Kind::Days(_) | Kind::Day | Kind::Text | Kind::Kinds);
        let was_there = before.iter().any(|other| other.name == field.name);
        must && !was_there && !typed.contains_key(&field.name)
    };
    let words = || "нужно при том, что выбрано в поле «Как часто»".to_owned();
    own.iter().filter(is_new).map(|field| (field.name.clone(), words())).collect()
}

/// What was typed, by field.
fn typed(fields: &[Field], pairs: &Pairs) -> Typed {
    let mut typed = Typed::new();
    for field in fields {
        let name = &field.name;
        let said = match field.kind {
            Kind::Participants => participants(field, pairs),
            Kind::Kinds => {
                let ticked = pairs.iter().filter(|(other, _)| other == name);
                let ticked: Vec<&str> = ticked.map(|(_, kind)| kind.as_str()).collect();
                // An empty one says that they were asked for.
                let kinds = ticked.iter().filter(|kind| !kind.is_empty());
                (!ticked.is_empty()).then(|| kinds.copied().collect::<Vec<_>>().join(","))
            }
            _ => pairs.iter().find(|(other, _)| other == name).map(|(_, said)| said.clone()),
        };
        typed.extend(said.map(|said| (name.clone(), said)));
    }
    typed
}

/// Participants, chosen by several controls.
fn participants(field: &Field, pairs: &Pairs) -> Option<String> {
    let part = |name: &str| format!("{}.{name}", field.name);
    let (way, kinds) = (part("way"), part("kinds"));
    let way = pairs.iter().find(|(name, _)| *name == way).map(|(_, way)| way.as_str())?;
    let names = match way {
        "kinds" => {
            let chosen =
                pairs.iter().filter(|(name, _)| *name == kinds).map(|(_, kind)| kind.as_str());
            chosen.collect::<Vec<_>>().join(",")
        }
        "organisations" => {
            let codes = value(pairs, &part("codes"));
            let codes = codes.split([',', ';', '\n', ' ', '\r']).filter(|code| !code.is_empty());
            codes.collect::<Vec<_>>().join(",")
        }
        "found-by" => {
            let activity = value(pairs, &part("found"));
            let rest = field.said.strip_prefix("found-by:").unwrap_or_default();
            // Which of its findings count stays, as long as it is the same activity.
            if rest.split(',').next() == Some(activity) {
                rest.to_owned()
            } else {
                activity.to_owned()
            }
        }
        _ => String::new(),
    };
    Some(format!("{way}:{names}"))
}

fn page(
    runtime: &Runtime,
    person: &Person,
    version: &Version,
    subject: Subject<'_>,
    (typed, said): (&Typed, &Said),
) -> Response {
    let map = &version.road_map;
    let mut own = subject.fields_as(version, typed.get(EVERY).map(String::as_str));
    own.retain(|field| field.kind != Kind::Gone);
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for field in &own {
        let shown = control(map, field, typed.get(&field.name), said.wrong.get(&field.name));
        match groups.last_mut() {
            Some((group, fields)) if *group == field.group => fields.push(shown),
            _ => groups.push((field.group.clone(), vec![shown])),
        }
    }
    let mut context = administrator::context(runtime, version, person);
    context["title"] = subject.title(map).into();
    context["groups"] = groups
        .into_iter()
        .map(|(title, fields)| json!({ "title": title, "fields": fields }))
        .collect();
    context["etag"] = version.etag().into();
    context["address"] = subject.address(map).into();
    let wrong: Vec<Value> = own
        .iter()
        .filter_map(|field| {
            let message = said.wrong.get(&field.name)?;
            Some(json!({ "name": field.name, "label": field.label, "message": message }))
        })
        .collect();
    context["said"] = json!({
        "wrong": wrong,
        "elsewhere": said.elsewhere.iter().map(change::mistake).collect::<Vec<_>>(),
        "whole": said.whole,
        "same": said.same,
        "meanwhile": said.meanwhile,
    });
    match subject {
        Subject::Activity(id) => {
            if let Some(activity) = map.activity(id) {
                let file = fields::file_of(activity, &version.files);
                context["activity"] = reading::activity(version, activity, &file);
            }
        }
        Subject::Letter(kind) => {
            let given = LETTERS.iter().find(|(other, _)| *other == kind);
            context["letter"] = json!({
                "variables": given.map(|(_, variables)| *variables),
                "folder": format!("letters/{kind}/"),
            });
        }
    }
    let status = match said {
        Said { meanwhile: Some(_), .. } => StatusCode::CONFLICT,
        Said { whole: Some(_), .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Said { wrong, elsewhere, .. } if !wrong.is_empty() || !elsewhere.is_empty() => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => StatusCode::OK,
    };
    view::page(status, "definition.html", &context)
}

/// A field as its form shows it.
fn control(map: &RoadMap, field: &Field, typed: Option<&String>, wrong: Option<&String>) -> Value {
    let said = typed.unwrap_or(&field.said);
    let mut control = json!({
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "value": said,
        "wrong": wrong,
        "file": field.file,
        "kind": "line",
    });
    match &field.kind {
        Kind::Offsets => control["kind"] = "lines".into(),
        Kind::Days(count) if *count > 1 => control["kind"] = "lines".into(),
        Kind::Whole => control["kind"] = "whole".into(),
        Kind::Number | Kind::Year => control["kind"] = "number".into(),
        Kind::Word(words) | Kind::Choice(words) => {
            control["kind"] = "word".into();
            let option = |(word, shown): &(&str, &str)| json!({ "value": word, "words": shown, "chosen": word == said });
            control["options"] = words.iter().map(option).collect();
        }
        Kind::Kinds => {
            control["kind"] = "kinds".into();
            control["options"] = kinds(&said.split(',').collect::<Vec<_>>());
        }
        Kind::Participants => {
            control["kind"] = "participants".into();
            control["choice"] = choice(map, said);
        }
        _ => {}
    }
    control
}

/// Kinds of organisations to tick.
fn kinds(chosen: &[&str]) -> Value {
    let option = |kind: &OrganisationKind| {
        let value = kind.as_str();
        let words = glossary::organisations(*kind);
        json!({ "value": value, "words": words, "chosen": chosen.contains(&value) })
    };
    OrganisationKind::ALL.iter().map(option).collect()
}

/// Who takes part, as several controls.
fn choice(map: &RoadMap, said: &str) -> Value {
    let (way, names) = said.split_once(':').unwrap_or((said, ""));
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    let words = |way: &str| match way {
        "kinds" => "все организации вида",
        "organisations" => "названные организации",
        "found-by" => "кого нашёл анализ мероприятия",
        "named" => "кого назовут при начале",
        _ => "чья очередь (при «раз в несколько лет»)",
    };
    let ways =
        WAYS.iter().map(|one| json!({ "value": one, "words": words(one), "chosen": *one == way }));
    let analyzes = |a: &&vekha_roadmap::model::Activity| {
        a.stages.iter().any(|stage| matches!(stage.work, Work::Analyze(_)))
    };
    let found = map.activities.iter().filter(analyzes).map(|a| {
        json!({
            "value": a.id,
            "words": format!("{}. {}", a.number, a.short),
            "chosen": way == "found-by" && names.first() == Some(&a.id.as_str()),
        })
    });
    json!({
        "ways": ways.collect::<Vec<_>>(),
        "kinds": kinds(if way == "kinds" { &names } else { &[] }),
        "codes": if way == "organisations" { names.join("\n") } else { String::new() },
        "found": found.collect::<Vec<_>>(),
    })
}
