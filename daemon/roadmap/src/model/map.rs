//! The whole of it, and the authority whose plan it is.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::{
    Activity, Analysis, Contact, EvidenceMethod, Form, Issuer, Layout, Organisation,
    OrganisationKind, Participants, Upstream, Work,
};
use crate::calendar::Calendar;

/// A municipality's whole road map: people, calendar, activities and all that they use.
#[derive(Debug, Clone)]
pub struct RoadMap {
    /// The authority whose plan this is.
    pub municipality: Municipality,
    /// Which days are worked.
    pub calendar: Calendar,
    /// Every organisation, the department included, ordered by code.
    pub organisations: Vec<Organisation>,
    /// The activities, ordered by number.
    pub activities: Vec<Activity>,
    /// Forms by id (the file's name without its ending).
    pub forms: BTreeMap<String, Form>,
    /// Analyses by id.
    pub analyses: BTreeMap<String, Analysis>,
    /// Layouts of other systems' files by id.
    pub layouts: BTreeMap<String, Layout>,
    /// Methods by which others assess the municipality, by id.
    pub evidence: BTreeMap<String, EvidenceMethod>,
    /// Templates by path below the road map's folder: `letters/reminder/body.txt`,
    /// `reports/annual-report.html`, `decisions/low-results.txt`.
    pub templates: BTreeMap<String, String>,
}

impl RoadMap {
    /// The activity with this id.
    pub fn activity(&self, id: &str) -> Option<&Activity> {
        self.activities.iter().find(|a| a.id == id)
    }

    /// The organisation with this code.
    pub fn organisation(&self, code: &str) -> Option<&Organisation> {
        self.organisations
            .binary_search_by(|o| o.code.as_str().cmp(code))
            .ok()
            .map(|i| &self.organisations[i])
    }

    /// The method of assessment of a year: the newest of those that began by then.
    pub fn evidence_of(&self, year: i16) -> Option<&EvidenceMethod> {
        let begun = self.evidence.values().filter(|method| method.from <= year);
        begun.max_by_key(|method| method.from)
    }

    /// Full names by code: what analyses call the organisations.
    pub fn names(&self) -> BTreeMap<String, String> {
        self.organisations.iter().map(|o| (o.code.clone(), o.name.clone())).collect()
    }

    /// What people call an organisation where there is little room; its code if it is not known.
    pub fn short_name(&self, code: &str) -> String {
        self.organisation(code).map_or_else(|| code.to_owned(), |o| o.short.clone())
    }

    /// What an analyze stage computes.
    pub fn analysis_of(&self, activity: &str, stage: &str) -> Option<&Analysis> {
        match &self.activity(activity)?.stage(stage)?.1.work {
            Work::Analyze(analyze) => self.analyses.get(&analyze.analysis),
            _ => None,
        }
    }

    /// The form that a collect stage asks to fill.
    pub fn form_of(&self, activity: &str, stage: &str) -> Option<&Form> {
        self.forms.get(&self.activity(activity)?.collect(stage)?.form)
    }

    /// Codes of those whom a selection names by itself, whenever they work; `part` is whom the run
    /// is about, where each has its own. Whom findings or a person will name is not known here.
    pub fn selected<'a>(
        &'a self,
        selection: &'a Participants,
        part: Option<&'a str>,
    ) -> Vec<&'a str> {
        match selection {
            Participants::Kinds(kinds) => self.of_kinds(kinds),
            Participants::Organisations(codes) => codes.iter().map(String::as_str).collect(),
            Participants::Each => part.into_iter().collect(),
            Participants::FoundBy { .. } | Participants::Named => vec![],
        }
    }

    /// Codes of the organisations of these kinds.
    pub fn of_kinds(&self, kinds: &[OrganisationKind]) -> Vec<&str> {
        let ours = self.organisations.iter().filter(|o| kinds.contains(&o.kind));
        ours.map(|o| o.code.as_str()).collect()
    }

    /// The department: the organisation that runs the road map. `check` proves that there is one.
    pub fn department(&self) -> &Organisation {
        self.organisations
            .iter()
            .find(|o| o.kind == OrganisationKind::Department)
            .expect("check refuses a registry without a department")
    }

    /// Activities that name `id` in their `after`.
    pub fn downstream<'a>(
        &'a self,
        id: &'a str,
    ) -> impl Iterator<Item = (&'a Activity, &'a Upstream)> {
        self.activities.iter().flat_map(move |a| {
            a.schedule.after.iter().filter(move |u| u.activity == id).map(move |u| (a, u))
        })
    }
}

/// The tenant: an authority with its name, time zone and habits.
#[derive(Debug, Clone)]
pub struct Municipality {
    /// Latin id, part of every resource name: `municipalities/{id}`.
    pub id: String,
    /// Official name.
    pub name: String,
    /// The authority's name as letters sign it.
    pub authority: String,
    /// The same in the genitive, for «Приложение к приказу …»; empty if nobody has said it.
    pub authority_genitive: String,
    /// Where its documents are issued: «г. Заречный»; may be empty.
    pub place: String,
    /// Who signs its documents: post and name; may be empty.
    pub signatory: String,
    /// Who else issues documents: the administration, a council.
    pub issuers: Vec<Issuer>,
    /// The act that adopted the road map, in words.
    pub adopted_by: String,
    /// Fewer people than this are not told to everybody.
    pub small_numbers: u32,
    /// Where deadlines are counted.
    pub time_zone: TimeZone,
    /// The first day on which runs open by themselves; none if any day will do.
    pub begins: Option<Date>,
    /// Start of the working day: when runs open and letters leave.
    pub opens: Time,
    /// End of the working day: the moment at which something is overdue.
    pub closes: Time,
    /// The person whom a school may ask.
    pub contact: Contact,
    /// Section titles by id, in the order of the decree.
    pub sections: Vec<Section>,
    /// The decree's names of responsible parties: `department` -> «Отдел образования».
    pub parties: BTreeMap<String, String>,
}

/// A heading of the road map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Latin id.
    pub id: String,
    /// The decree's heading, word for word.
    pub title: String,
    /// What the work of the section is for, in the municipality's words; may be empty.
    pub goal: String,
}
