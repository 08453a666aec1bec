//! Names that are derived, never drawn: who has the same name is the same thing, so "a run exists
//! once" is a primary key and a repeated call changes nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vekha_roadmap::model::{PeriodOf, Upstream};
use vekha_roadmap::period::Period;

/// Names a run: `zarechny/low-result-schools/2026-27`, with a part where several runs share a
/// period: `zarechny/independent-evaluation/2027.school-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// Municipality id.
    pub municipality: String,
    /// Activity id.
    pub activity: String,
    /// What the run is about.
    pub period: Period,
    /// An organisation's code (rotations) or a label (on demand, on an event).
    pub part: Option<String>,
}

impl RunKey {
    /// The run of another activity that `upstream` points to, seen from this run.
    pub fn upstream(&self, upstream: &Upstream) -> RunKey {
        RunKey {
            activity: upstream.activity.clone(),
            period: match upstream.period {
                PeriodOf::Current => self.period,
                PeriodOf::Previous => self.period.previous(),
            },
            part: None,
            municipality: self.municipality.clone(),
        }
    }

    /// The run of `activity` that waits for this one by `upstream`: the inverse of
    /// [`RunKey::upstream`].
    pub fn downstream(&self, activity: &str, upstream: &Upstream) -> RunKey {
        RunKey {
            activity: activity.to_owned(),
            period: match upstream.period {
                PeriodOf::Current => self.period,
                PeriodOf::Previous => self.period.next(),
            },
            part: None,
            municipality: self.municipality.clone(),
        }
    }

    /// The same activity's run of the period before.
    pub fn earlier(&self) -> RunKey {
        RunKey { period: self.period.previous(), ..self.clone() }
    }

    /// The last segment of the resource name: `2026-27` or `2027.school-1`.
    pub fn run_id(&self) -> String {
        match &self.part {
            Some(part) => format!("{}.{part}", self.period),
            None => self.period.to_string(),
        }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.municipality, self.activity, self.run_id())
    }
}

/// Whether `text` may be a part of a key: Latin letters, digits and hyphens, at most 64.
pub fn is_part(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl FromStr for RunKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("«{text}» — не выполнение: нужно муниципалитет/мероприятие/период[.часть]");
        let mut segments = text.split('/');
        let (Some(municipality), Some(activity), Some(run), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(wrong());
        };
        let (period, part) = match run.split_once('.') {
            Some((period, part)) if is_part(part) => (period, Some(part.to_owned())),
            Some(_) => return Err(wrong()),
            None => (run, None),
        };
        Ok(RunKey {
            municipality: municipality.to_owned(),
            activity: activity.to_owned(),
            period: period.parse().map_err(|_| wrong())?,
            part,
        })
    }
}

/// Names an assignment within a run: `collect.school-1`, or `measure-2.school-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssignmentKey {
    /// Stage id, or `measure-N` for the report on a measure.
    pub stage: String,
    /// Organisation code.
    pub organisation: String,
}

impl AssignmentKey {
    /// The assignment of `organisation` in `stage`.
    pub fn new(stage: &str, organisation: &str) -> Self {
        AssignmentKey { stage: stage.to_owned(), organisation: organisation.to_owned() }
    }
}

impl fmt::Display for AssignmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stage, self.organisation)
    }
}

impl FromStr for AssignmentKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((stage, organisation)) if is_part(stage) && is_part(organisation) => {
                Ok(AssignmentKey::new(stage, organisation))
            }
            _ => Err(format!("«{text}» — не поручение: нужно этап.организация")),
        }
    }
}

macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(RunKey, AssignmentKey);
