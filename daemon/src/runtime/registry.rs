//! The registry of today in a road map of yesterday.
//!
//! A run keeps the definitions, forms and texts that it began with. Who the organisations are, where
//! they are reached and whether they still exist is not of that kind: it is a fact of today, whatever
//! version a run keeps. So is the person whom a school may ask, and the name that letters sign.

use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Organisation, OrganisationKind};

/// Whether both know the same of organisations and of the authority.
pub fn same(own: &RoadMap, newest: &RoadMap) -> bool {
    own.organisations == newest.organisations
        && own.municipality.contact == newest.municipality.contact
        && own.municipality.name == newest.municipality.name
        && own.municipality.authority == newest.municipality.authority
}

/// The definitions of `own` with the registry of `newest`. Kinds and first days stay, since the
/// definitions choose by them; an organisation that the newest registry does not know stays as it
/// was, and those that are new there come last.
pub fn of_today(own: &RoadMap, newest: &RoadMap) -> RoadMap {
    let mut road_map = own.clone();
    for organisation in &mut road_map.organisations {
        // The department is the department, under whatever code.
        let today = match organisation.kind {
            OrganisationKind::Department => Some(newest.department()),
            _ => newest.organisation(&organisation.code),
        };
        let Some(today) = today else { continue };
        let (code, kind, since) =
            (organisation.code.clone(), organisation.kind, organisation.since);
        *organisation = Organisation { code, kind, since, ..today.clone() };
    }
    let known = |code: &str| own.organisation(code).is_some();
    let new = newest.organisations.iter();
    let new = new.filter(|o| o.kind != OrganisationKind::Department && !known(&o.code));
    road_map.organisations.extend(new.cloned());
    road_map.municipality.contact = newest.municipality.contact.clone();
    road_map.municipality.name.clone_from(&newest.municipality.name);
    road_map.municipality.authority.clone_from(&newest.municipality.authority);
    road_map
}
