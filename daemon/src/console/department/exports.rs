//! One export of the whole municipality fills its schools' forms beforehand: the department chooses
//! files, looks at what was understood of them, and says whether to take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;

use crate::console::department::administrator;
use crate::console::department::run::{Missing, load};
use crate::console::frame::access::Person;
use crate::console::frame::{posted, problem, view};
use crate::forms::exports::{Export, layouts_of, told_answers, told_files};
use crate::runtime::acts::exports::{Fate, Look, fillable};
use crate::runtime::committer::Caller;
use crate::runtime::road_maps::Version;
use crate::runtime::{AskError, Runtime};

/// Municipality, activity, run, stage.
type Names = Path<(String, String, String, String)>;

/// For a run's page: where exports may be taken for it now.
pub fn offers(runtime: &Runtime, version: &Version, run: &Run) -> Value {
    let newest = runtime.road_maps().newest(&run.key.municipality);
    let activity = version.road_map.activity(&run.key.activity);
    let offered = newest.iter().flat_map(|newest| fillable(newest, version, run));
    let offered = offered.map(|(stage, layouts)| {
        let title = activity.and_then(|a| a.stage(&stage)).map(|(_, stage)| &stage.title);
        let titles: Vec<&String> = layouts.iter().map(|layout| &layout.title).collect();
        json!({
            "address": format!("/runs/{}/exports/{stage}", run.key),
            "stage": title,
            "layouts": titles,
        })
    });
    offered.collect::<Vec<_>>().into()
}

/// `GET /runs/{municipality}/{activity}/{run}/exports/{stage}`: which files, and what they will do.
pub async fn show(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, stage)): Names,
) -> Response {
    match load(&runtime, &(municipality, activity, run)).await {
        Ok((run, version)) => page(
            &Scene { runtime: &runtime, version: &version, run: &run, stage: &stage },
            &person,
            Said::Nothing,
        ),
        Err(Missing::Unknown) => problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => problem::unavailable(&e),
    }
}

/// `POST` to the same: with files it shows what was understood of them, with `_take` it fills the forms.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, stage)): Names,
    request: Request,
) -> Response {
    let (run, version) = match load(&runtime, &(municipality, activity, run)).await {
        Ok(loaded) => loaded,
        Err(Missing::Unknown) => return problem::no_such_page().await,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    let (pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let scene = Scene { runtime: &runtime, version: &version, run: &run, stage: &stage };
    if let Some((_, look)) = pairs.iter().find(|(name, _)| name == "_take") {
        let by = Caller::new(person.actor());
        return match runtime.fill_from_exports(look, &run, &version, by).await {
            Ok(Some(fates)) => page(&scene, &person, Said::Filled(fates)),
            Ok(None) => page(&scene, &person, Said::Gone),
            Err(AskError::Store(e)) => problem::unavailable(&e),
            Err(e) => page(&scene, &person, Said::Refused(e.to_string())),
        };
    }
    if uploads.is_empty() {
        return page(&scene, &person, Said::NoFiles);
    }
    let files = uploads.into_iter().map(|file| Export { name: file.name, bytes: file.bytes });
    match runtime.look_at_exports(&run, &version, &stage, files.collect()).await {
        Ok(Some((name, look))) => page(&scene, &person, Said::Look(name, look)),
        Ok(None) => problem::no_such_page().await,
        Err(e) => problem::unavailable(&e),
    }
}

struct Scene<'a> {
    runtime: &'a Runtime,
    version: &'a Version,
    run: &'a Run,
    stage: &'a str,
}

/// What the page has to say.
enum Said {
    Nothing,
    NoFiles,
    /// What was understood waits for a word.
    Look(String, Arc<Look>),
    /// It does not wait any more.
    Gone,
    Filled(BTreeMap<String, Fate>),
    Refused(String),
}

fn page(scene: &Scene<'_>, person: &Person, said: Said) -> Response {
    let Scene { runtime, version, run, stage } = *scene;
    let map = &version.road_map;
    let Some(form) = map.form_of(&run.key.activity, stage) else {
        return problem::unavailable(&format!("{}: no form of {stage}", run.key));
    };
    let newest = runtime.road_maps().newest(&run.key.municipality);
    let layouts =
        newest.as_ref().map(|newest| layouts_of(&newest.road_map, form)).unwrap_or_default();
    let activity = map.activity(&run.key.activity);
    let mut context = administrator::context(runtime, version, person);
    context["run"] = json!({
        "link": format!("/runs/{}", run.key),
        "short": activity.map(|a| &a.short),
        "period": run.key.period.words(),
    });
    context["form"] = json!({ "title": form.title });
    context["address"] = json!(format!("/runs/{}/exports/{stage}", run.key));
    context["layouts"] = json!(
        layouts.iter().map(|l| json!({ "title": l.title, "about": l.about })).collect::<Vec<_>>()
    );
    let names = |code: &str| {
        let known = newest.as_ref().and_then(|newest| newest.road_map.organisation(code));
        known.map_or_else(|| name(map, code), |organisation| organisation.short.clone())
    };
    let mut status = StatusCode::OK;
    let message = match &said {
        Said::Nothing | Said::Look(..) | Said::Filled(_) => String::new(),
        Said::NoFiles => "Выберите файлы выгрузки: .xlsx, .ods или .csv.".to_owned(),
        Said::Gone => {
            "Прочитанное уже не ждёт (прошёл час или его взяли): загрузите файлы ещё раз."
                .to_owned()
        }
        Said::Refused(why) => format!("Не заполнено: {why}."),
    };
    if !message.is_empty() {
        status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    context["message"] = message.into();
    if let Said::Filled(fates) = &said {
        let of = |wanted: bool| -> Vec<Value> {
            let chosen = fates.iter().filter(|(_, fate)| (**fate == Fate::Filled) == wanted);
            chosen
                .map(|(code, fate)| json!({ "name": names(code), "fate": fate.words() }))
                .collect()
        };
        context["done"] = json!({ "filled": of(true), "left": of(false) });
    }
    if let Said::Look(look, found) = &said {
        let understood = &found.understood;
        let organisations = understood.organisations.iter().map(|(code, read)| {
            let fate = found.fates.get(code).copied().unwrap_or(Fate::NotAsked);
            json!({
                "name": names(code),
                "rows": read.rows,
                "fate": fate.words(),
                "filled": fate == Fate::Filled,
                "answers": told_answers(form, &layouts, &read.answers),
            })
        });
        let beside = understood.beside.iter().map(|beside| {
            json!({
                "name": format!("{}: {}", beside.level, beside.label),
                "answers": told_answers(form, &layouts, &beside.answers),
            })
        });
        context["look"] = json!({
            "name": look,
            "files": told_files(understood),
            "organisations": organisations.collect::<Vec<_>>(),
            "beside": beside.collect::<Vec<_>>(),
            "fills": found.fates.values().filter(|fate| **fate == Fate::Filled).count(),
        });
    }
    view::page(status, "exports.html", &context)
}

fn name(map: &RoadMap, code: &str) -> String {
    map.short_name(code)
}
