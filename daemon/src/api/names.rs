//! Resource names: `municipalities/m/activities/a/runs/2026-27` and what stands below.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use tonic::Status;
use vekha_engine::{AssignmentKey, RunKey};

use super::status::invalid;

/// A collection's parent, `-` standing for any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parent {
    /// Municipality id.
    pub municipality: Option<String>,
    /// Activity id.
    pub activity: Option<String>,
    /// The run's last segment.
    pub run: Option<String>,
    /// An assignment's last segment.
    pub assignment: Option<String>,
}

/// What a list says of a run whose activity is not named.
pub const BY_FILTER: &str = "период всех мероприятий — условие filter: period = …";

impl Parent {
    /// Reads a parent that may name this and what is above it; `of_run_alone` is said of a run whose
    /// activity is not named.
    pub fn parse(
        field: &str,
        text: &str,
        deepest: Depth,
        of_run_alone: &str,
    ) -> Result<Self, Status> {
        let wrong = || {
            let wanted = match deepest {
                Depth::Municipality => "municipalities/m",
                Depth::Activity => "municipalities/m/activities/a",
                Depth::Run => "municipalities/m/activities/a/runs/r",
                Depth::Assignment => "municipalities/m/activities/a/runs/r/assignments/s.o",
            };
            invalid(field, format!("«{text}»: нужно имя вида {wanted}"))
        };
        // What is deeper than the things that it is to hold would be silently widened; `-` says
        // nothing.
        let mut deeper = text.split('/').skip(2 * deepest as usize + 1).step_by(2);
        if deeper.any(|id| id != "-") {
            return Err(wrong());
        }
        let mut segments = text.split('/');
        let mut next = |wanted: &str| -> Result<Option<String>, Status> {
            match (segments.next(), segments.next()) {
                (None, _) => Ok(None),
                (Some(collection), Some(id)) if collection == wanted && !id.is_empty() => {
                    Ok(Some(id.to_owned()))
                }
                _ => Err(wrong()),
            }
        };
        let municipality = next("municipalities")?.ok_or_else(wrong)?;
        let activity = next("activities")?;
        let run = next("runs")?;
        let assignment = next("assignments")?;
        if segments.next().is_some() {
            return Err(wrong());
        }
        let is_none = |id: &String| id.parse::<AssignmentKey>().is_err() && id != "-";
        if assignment.as_ref().is_some_and(is_none) {
            return Err(wrong());
        }
        let named = |id: String| (id != "-").then_some(id);
        let any = |id: &Option<String>| id.as_ref().is_none_or(|id| id == "-");
        // A run is named by its activity; without it the period would be silently ignored.
        if !any(&run) && (any(&activity) || municipality == "-") {
            return Err(invalid(field, of_run_alone));
        }
        let parent = Parent {
            municipality: named(municipality),
            activity: activity.and_then(named),
            run: run.and_then(named),
            assignment: assignment.and_then(named),
        };
        if let Some(id) = parent.run_id() {
            canonical::<RunKey>(field, &id)?;
        }
        Ok(parent)
    }

    /// The id of the run as the store keeps it, if the parent names a single one.
    pub fn run_id(&self) -> Option<String> {
        let (m, a, r) = (self.municipality.as_ref()?, self.activity.as_ref()?, self.run.as_ref()?);
        Some(format!("{m}/{a}/{r}"))
    }
}

/// How deep a name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `municipalities/m`
    Municipality = 1,
    /// `…/activities/a`
    Activity = 2,
    /// `…/runs/r`
    Run = 3,
    /// `…/assignments/s.o`
    Assignment = 4,
}

/// A key as it is spelled and not otherwise: a thing has one name.
fn canonical<K: FromStr<Err = String> + Display>(field: &str, text: &str) -> Result<K, Status> {
    let key: K = text.parse().map_err(|e: String| invalid(field, e))?;
    match key.to_string() {
        own if own == text => Ok(key),
        own => Err(invalid(field, format!("«{text}» пишется {own}"))),
    }
}

/// A number as names have it, from 1: without signs and zeros before it.
pub fn number(field: &str, text: &str) -> Result<usize, Status> {
    let number = text.parse().ok().filter(|n: &usize| *n > 0 && n.to_string() == text);
    number.ok_or_else(|| invalid(field, format!("«{text}» — не номер")))
}

/// Most things that a list of names may hold.
const MOST: usize = 5000;

/// A list of names that names nothing twice: what is stored and told is bounded.
pub fn distinct(field: &str, names: &[String]) -> Result<(), Status> {
    if names.len() > MOST {
        return Err(invalid(field, format!("не больше {MOST}, а не {}", names.len())));
    }
    let mut known = BTreeSet::new();
    match names.iter().find(|name| !known.insert(name.as_str())) {
        Some(name) => Err(invalid(field, format!("«{name}» названо дважды"))),
        None => Ok(()),
    }
}

/// Splits `{parent}/{collection}/{id}`.
pub fn split<'a>(
    field: &str,
    text: &'a str,
    collection: &str,
) -> Result<(&'a str, &'a str), Status> {
    text.rsplit_once('/')
        .and_then(|(rest, id)| Some((rest.strip_suffix(collection)?.strip_suffix('/')?, id)))
        .filter(|(_, id)| !id.is_empty())
        .ok_or_else(|| invalid(field, format!("«{text}»: нужно имя вида …/{collection}/…")))
}

/// `municipalities/m`
pub fn municipality(field: &str, text: &str) -> Result<String, Status> {
    match text.strip_prefix("municipalities/").filter(|id| !id.is_empty() && !id.contains('/')) {
        Some(id) => Ok(id.to_owned()),
        None => Err(invalid(field, format!("«{text}»: нужно имя вида municipalities/m"))),
    }
}

/// `municipalities/m/activities/a` -> (m, a)
pub fn activity(field: &str, text: &str) -> Result<(String, String), Status> {
    let (parent, id) = split(field, text, "activities")?;
    Ok((municipality(field, parent)?, id.to_owned()))
}

/// `municipalities/m/roadMapVersions/3` -> (m, 3)
pub fn version(field: &str, text: &str) -> Result<(String, u32), Status> {
    let (parent, id) = split(field, text, "roadMapVersions")?;
    let number = u32::try_from(number(field, id)?);
    let number = number.map_err(|_| invalid(field, format!("«{id}» — не номер версии")))?;
    Ok((municipality(field, parent)?, number))
}

/// The name of an activity.
pub fn of_activity(municipality: &str, activity: &str) -> String {
    format!("municipalities/{municipality}/activities/{activity}")
}

/// A run's name.
pub fn run(field: &str, text: &str) -> Result<RunKey, Status> {
    let (parent, id) = split(field, text, "runs")?;
    let (municipality, activity) = activity(field, parent)?;
    canonical(field, &format!("{municipality}/{activity}/{id}"))
}

/// The name of a run.
pub fn of_run(key: &RunKey) -> String {
    format!("{}/runs/{}", of_activity(&key.municipality, &key.activity), key.run_id())
}

/// The name of a run by the store's id.
pub fn of_run_id(id: &str) -> String {
    id.parse().map_or_else(|_| id.to_owned(), |key| of_run(&key))
}

/// A name below a run: (run, last segment).
pub fn below_run(field: &str, text: &str, collection: &str) -> Result<(RunKey, String), Status> {
    let (parent, id) = split(field, text, collection)?;
    Ok((run(field, parent)?, id.to_owned()))
}

/// A run's name, or one of its stages': (run, stage).
pub fn run_or_stage(field: &str, text: &str) -> Result<(RunKey, Option<String>), Status> {
    match below_run(field, text, "stages") {
        Ok((run, stage)) => Ok((run, Some(stage))),
        Err(_) => Ok((run(field, text)?, None)),
    }
}

/// `{run}/assignments/{stage}.{organisation}`, and recommendations alike.
pub fn assigned(
    field: &str,
    text: &str,
    collection: &str,
) -> Result<(RunKey, AssignmentKey), Status> {
    let (run, id) = below_run(field, text, collection)?;
    Ok((run, canonical(field, &id)?))
}

/// `{run}/measures/{n}`, and decisions alike.
pub fn numbered(field: &str, text: &str, collection: &str) -> Result<(RunKey, usize), Status> {
    let (run, id) = below_run(field, text, collection)?;
    Ok((run, number(field, &id)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_they_were_written() {
        for id in ["zarechny/vpr/2026-27", "zarechny/niko/2027.spring"] {
            let key: RunKey = id.parse().expect("a run");
            assert_eq!(run("name", &of_run(&key)).expect("a name"), key);
        }
        for wrong in
            ["", "municipalities", "municipalities/m/activities/a/runs/", "runs/2027", "a/b/c"]
        {
            assert!(run("name", wrong).is_err(), "{wrong}");
        }
        let numbered = |id: &str| {
            let name = format!("municipalities/m/activities/a/runs/2027/decisions/{id}");
            numbered("name", &name, "decisions").map(|(_, number)| number).ok()
        };
        assert_eq!(numbered("12"), Some(12));
        for wrong in ["0", "01", "+1", "-1", "1.0", "١"] {
            assert_eq!(numbered(wrong), None, "{wrong}");
        }
        let any = "municipalities/m/activities/-/runs/-";
        let any = Parent::parse("parent", any, Depth::Run, BY_FILTER).expect("a parent");
        assert_eq!((any.municipality.as_deref(), any.activity, any.run), (Some("m"), None, None));
    }
}
