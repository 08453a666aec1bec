//! One export of the whole municipality fills its schools' forms beforehand: the department chooses
//! files, looks at what was understood of them, and says whether to take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use vekha_engine::RunKey;
use vekha_engine::run::Run;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Form, Layout};

use crate::console::department::administrator;
use crate::console::department::run::{Missing, load};
use crate::console::frame::access::Person;
use crate::console::frame::{posted, problem, view};
use crate::forms::exports::{Export, layouts_of, told_answers, told_files};
use crate::runtime::acts::exports::{Fate, Look, Opens, fillable, opens};
use crate::runtime::committer::Caller;
use crate::runtime::road_maps::Version;
use crate::runtime::views::overview::Overview;
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
    let names = (municipality, activity, run);
    match load(&runtime, &names).await {
        Ok((run, version)) => page(
            &Scene {
                runtime: &runtime,
                version: &version,
                run: &run.key,
                stage: &stage,
                ahead: false,
            },
            &person,
            Said::Nothing,
        ),
        Err(Missing::Unknown) => match awaited(&runtime, &names, &stage) {
            Some((version, run)) => {
                let (version, run) = (&version, &run.run);
                let scene = Scene { runtime: &runtime, version, run, stage: &stage, ahead: true };
                page(&scene, &person, Said::Nothing)
            }
            None => problem::no_such_page().await,
        },
        Err(Missing::Unavailable(e)) => problem::unavailable(&e),
    }
}

/// For an activity's page: where an export is taken that opens its run, if one is waited for.
pub fn opening(
    runtime: &Runtime,
    version: &Version,
    activity: &Activity,
    overview: &Overview,
) -> Option<Value> {
    let now = runtime.clock().now();
    let Opens { run, stage, event } =
        opens(version, activity, now).filter(|opens| !overview.exists(&opens.run))?;
    let form = version.road_map.form_of(&activity.id, &stage)?;
    let layouts = layouts_of(&version.road_map, form);
    Some(json!({
        "address": format!("/runs/{run}/exports/{stage}"),
        "period": run.period.words(),
        "event": event,
        "layouts": layouts.iter().map(|layout| &layout.title).collect::<Vec<_>>(),
    }))
}

/// The run that these names mean, if it is one that an export opens.
fn awaited(
    runtime: &Runtime,
    (municipality, activity, run): &(String, String, String),
    stage: &str,
) -> Option<(Arc<Version>, Opens)> {
    let version = runtime.road_maps().newest(municipality)?;
    let definition = version.road_map.activity(activity)?;
    let awaited = opens(&version, definition, runtime.clock().now())?;
    let meant = awaited.stage == stage && awaited.run.run_id() == *run;
    meant.then_some((version, awaited))
}

/// `POST` to the same: with files it shows what was understood of them, with `_take` it fills the forms.
pub async fn act(
    State(runtime): State<Arc<Runtime>>,
    Extension(person): Extension<Person>,
    Path((municipality, activity, run, stage)): Names,
    request: Request,
) -> Response {
    let names = (municipality, activity, run);
    let loaded = match load(&runtime, &names).await {
        Ok(loaded) => Some(loaded),
        Err(Missing::Unknown) => None,
        Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
    };
    let ahead = match &loaded {
        Some(_) => None,
        None => match awaited(&runtime, &names, &stage) {
            Some(ahead) => Some(ahead),
            None => return problem::no_such_page().await,
        },
    };
    let (pairs, uploads) = match posted::receive(request).await {
        Ok(received) => received,
        Err(unread) => return *unread,
    };
    let files = uploads.into_iter().map(|file| Export { name: file.name, bytes: file.bytes });
    let files: Vec<Export> = files.collect();
    let look = pairs.iter().find(|(name, _)| name == "_take").map(|(_, look)| look.as_str());
    let (run, version) = match (loaded, ahead) {
        (Some(loaded), _) => loaded,
        (None, Some((version, awaited))) => {
            let scene = Scene {
                runtime: &runtime,
                version: &version,
                run: &awaited.run,
                stage: &stage,
                ahead: true,
            };
            let Some(look) = look else {
                return look_ahead(&scene, &person, &awaited, &version, files).await;
            };
            if let Err(refused) = open(&scene, &person, &awaited, look).await {
                return refused;
            }
            match load(&runtime, &names).await {
                Ok(loaded) => loaded,
                Err(Missing::Unknown) => return problem::no_such_page().await,
                Err(Missing::Unavailable(e)) => return problem::unavailable(&e),
            }
        }
        (None, None) => return problem::no_such_page().await,
    };
    let scene =
        Scene { runtime: &runtime, version: &version, run: &run.key, stage: &stage, ahead: false };
    if let Some(look) = look {
        let by = Caller::new(person.actor());
        return match runtime.fill_from_exports(look, &run, &version, by).await {
            Ok(Some(fates)) => page(&scene, &person, Said::Filled(fates)),
            Ok(None) => page(&scene, &person, Said::Gone),
            Err(AskError::Store(e)) => problem::unavailable(&e),
            Err(e) => page(&scene, &person, Said::Refused(e.to_string())),
        };
    }
    if files.is_empty() {
        return page(&scene, &person, Said::NoFiles);
    }
    match runtime.look_at_exports(&run, &version, &stage, files).await {
        Ok(Some((name, look))) => page(&scene, &person, Said::Look(name, look)),
        Ok(None) => problem::no_such_page().await,
        Err(e) => problem::unavailable(&e),
    }
}

/// Shows what would open a run; nothing is opened by a look.
async fn look_ahead(
    scene: &Scene<'_>,
    person: &Person,
    awaited: &Opens,
    version: &Arc<Version>,
    files: Vec<Export>,
) -> Response {
    if files.is_empty() {
        return page(scene, person, Said::NoFiles);
    }
    match scene.runtime.look_ahead(awaited, version, files).await {
        Ok(Some((name, look))) => page(scene, person, Said::Look(name, look)),
        Ok(None) => page(scene, person, Said::NothingOfOurs),
        Err(e) => problem::unavailable(&e),
    }
}

/// Opens the run that a look is of, or says why not.
async fn open(
    scene: &Scene<'_>,
    person: &Person,
    awaited: &Opens,
    look: &str,
) -> Result<(), Response> {
    if !scene.runtime.look_waits(look, &awaited.run) {
        return Err(page(scene, person, Said::Gone));
    }
    let opened = scene.runtime.open_by_exports(awaited, Caller::new(person.actor())).await;
    opened.map_err(|e| match e {
        AskError::Store(e) => problem::unavailable(&e),
        e => page(scene, person, Said::NotOpened(e.to_string())),
    })
}

struct Scene<'a> {
    runtime: &'a Runtime,
    version: &'a Version,
    run: &'a RunKey,
    stage: &'a str,
    /// The run is not there yet: an export opens it.
    ahead: bool,
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
    /// The files do not speak of any organisation here: they open nothing.
    NothingOfOurs,
    NotOpened(String),
}

impl Said {
    /// Why nothing came of it, if nothing did.
    fn message(&self) -> Option<String> {
        Some(match self {
            Said::Nothing | Said::Look(..) | Said::Filled(_) => return None,
            Said::NoFiles => "Выберите файлы выгрузки: .xlsx, .ods или .csv.".to_owned(),
            Said::Gone => {
                "Прочитанное уже не ждёт (прошёл час или его взяли): загрузите файлы ещё раз."
                    .to_owned()
            }
            Said::Refused(why) => format!("Не заполнено: {why}."),
            Said::NothingOfOurs => {
                "В файлах нет ни одной нашей организации с работами этого года: \
                                    сбор не начат."
                    .to_owned()
            }
            Said::NotOpened(why) => format!("Сбор не начат: {why}."),
        })
    }
}

fn page(scene: &Scene<'_>, person: &Person, said: Said) -> Response {
    let Scene { runtime, version, run, stage, ahead } = *scene;
    let map = &version.road_map;
    let Some(form) = map.form_of(&run.activity, stage) else {
        return problem::unavailable(&format!("{}: no form of {stage}", run));
    };
    let newest = runtime.road_maps().newest(&run.municipality);
    let layouts =
        newest.as_ref().map(|newest| layouts_of(&newest.road_map, form)).unwrap_or_default();
    let activity = map.activity(&run.activity);
    let mut context = administrator::context(runtime, version, person);
    let link = match ahead {
        true => format!("/runs/{}/{}", run.municipality, run.activity),
        false => format!("/runs/{run}"),
    };
    context["run"] = json!({
        "link": link,
        "short": activity.map(|a| &a.short),
        "period": run.period.words(),
    });
    context["ahead"] = ahead.into();
    context["form"] = json!({ "title": form.title });
    context["address"] = json!(format!("/runs/{}/exports/{stage}", run));
    context["layouts"] = json!(
        layouts.iter().map(|l| json!({ "title": l.title, "about": l.about })).collect::<Vec<_>>()
    );
    let names = |code: &str| {
        let known = newest.as_ref().and_then(|newest| newest.road_map.organisation(code));
        known.map_or_else(|| name(map, code), |organisation| organisation.short.clone())
    };
    let message = said.message();
    let status = match message {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    context["message"] = message.unwrap_or_default().into();
    if let Said::Filled(fates) = &said {
        let of = |wanted: bool| -> Vec<Value> {
            let chosen = fates.iter().filter(|(_, fate)| (**fate == Fate::Filled) == wanted);
            chosen
                .map(|(code, fate)| json!({ "name": names(code), "fate": fate.words() }))
                .collect()
        };
        context["done"] = json!({ "filled": of(true), "left": of(false) });
    }
    if let Said::Look(name, look) = &said {
        context["look"] = told_look(name, look, form, &layouts, names);
    }
    view::page(status, "exports.html", &context)
}

/// What was understood of the files, and what would become of it.
fn told_look(
    name: &str,
    look: &Look,
    form: &Form,
    layouts: &[&Layout],
    names: impl Fn(&str) -> String,
) -> Value {
    let understood = &look.understood;
    let organisations = understood.organisations.iter().map(|(code, read)| {
        let fate = look.fates.get(code).copied().unwrap_or(Fate::NotAsked);
        json!({
            "name": names(code),
            "rows": read.rows,
            "fate": fate.words(),
            "filled": fate == Fate::Filled,
            "answers": told_answers(form, layouts, &read.answers),
        })
    });
    let beside = understood.beside.iter().map(|beside| {
        json!({
            "name": format!("{}: {}", beside.level, beside.label),
            "answers": told_answers(form, layouts, &beside.answers),
        })
    });
    json!({
        "name": name,
        "files": told_files(understood),
        "organisations": organisations.collect::<Vec<_>>(),
        "beside": beside.collect::<Vec<_>>(),
        "fills": look.fates.values().filter(|fate| **fate == Fate::Filled).count(),
    })
}

fn name(map: &RoadMap, code: &str) -> String {
    map.short_name(code)
}
