//! Resource names: `municipalities/m/activities/a/runs/2026-27` and what stands below.

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

impl Parent {
    /// Reads the parent of a list.
    pub fn parse(field: &str, text: &str) -> Result<Self, Status> {
        let wrong = || {
            invalid(field, format!("«{text}»: нужно имя вида municipalities/m/activities/a/runs/r"))
        };
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
        let named = |id: String| (id != "-").then_some(id);
        let any = |id: &Option<String>| id.as_ref().is_none_or(|id| id == "-");
        // A run is named by its activity; without it the period would be silently ignored.
        if !any(&run) && (any(&activity) || municipality == "-") {
            return Err(invalid(field, "период всех мероприятий — условие filter: period = …"));
        }
        Ok(Parent {
            municipality: named(municipality),
            activity: activity.and_then(named),
            run: run.and_then(named),
            assignment: assignment.and_then(named),
        })
    }

    /// The id of the run as the store keeps it, if the parent names a single one.
    pub fn run_id(&self) -> Option<String> {
        let (m, a, r) = (self.municipality.as_ref()?, self.activity.as_ref()?, self.run.as_ref()?);
        Some(format!("{m}/{a}/{r}"))
    }
}

/// Splits `{parent}/{collection}/{id}`.
fn split<'a>(field: &str, text: &'a str, collection: &str) -> Result<(&'a str, &'a str), Status> {
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

/// The name of an activity.
pub fn of_activity(municipality: &str, activity: &str) -> String {
    format!("municipalities/{municipality}/activities/{activity}")
}

/// A run's name.
pub fn run(field: &str, text: &str) -> Result<RunKey, Status> {
    let (parent, id) = split(field, text, "runs")?;
    let (municipality, activity) = activity(field, parent)?;
    format!("{municipality}/{activity}/{id}").parse().map_err(|e: String| invalid(field, e))
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
    Ok((run, id.parse().map_err(|e: String| invalid(field, e))?))
}

/// `{run}/measures/{n}`, and decisions alike.
pub fn numbered(field: &str, text: &str, collection: &str) -> Result<(RunKey, usize), Status> {
    let (run, id) = below_run(field, text, collection)?;
    let number = id.parse().ok().filter(|n| *n > 0);
    Ok((run, number.ok_or_else(|| invalid(field, format!("«{id}» — не номер")))?))
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
        let any =
            Parent::parse("parent", "municipalities/m/activities/-/runs/-").expect("a parent");
        assert_eq!((any.municipality.as_deref(), any.activity, any.run), (Some("m"), None, None));
    }
}
