//! What no single file can tell: references, cycles, who can finish a stage, types of formulas,
//! addresses.

mod activity;
mod analyses;
mod audience;
mod available;
mod department;
mod documents;
mod evidence;
mod forms;
mod groups;
mod known;
mod pages;
mod registry;
mod stage;
mod waves;

use std::collections::BTreeMap;

use super::{Findings, layout_check, templates};
use crate::diagnostic::perhaps;
use crate::formula::{Formula, FormulaError, Scope, Type};
use crate::model::{Activity, OrganisationKind, RoadMap, Work};

pub(super) fn check(road_map: &RoadMap, findings: &Findings) {
    let check = Check { road_map, findings };
    check.registry();
    check.short_names();
    check.logins();
    for activity in &road_map.activities {
        check.activity(activity);
    }
    check.cycles();
    for form in road_map.forms.values() {
        check.form(form);
    }
    check.analyses();
    check.audiences();
    layout_check::check(road_map, findings);
    check.addresses();
    templates::check(road_map, findings);
    check.verbs();
    check.evidence();
    check.calendar();
    check.confirmed();
    check.available();
}

struct Check<'a> {
    road_map: &'a RoadMap,
    findings: &'a Findings,
}

impl Check<'_> {
    fn error(&self, path: &str, message: impl Into<String>, help: Option<String>) {
        self.findings.error(&self.findings.place(path), message, help);
    }

    fn reference<T>(&self, at: &str, what: &str, id: &str, known: &BTreeMap<String, T>) {
        if !known.contains_key(id) {
            self.error(at, format!("{what} «{id}» нет"), perhaps(id, known.keys()));
        }
    }

    fn periods_differ(&self, one: &Activity, other: &Activity) -> bool {
        let odd = |a: &Activity| self.findings.stands(&format!("activities/{}/odd-period", a.id));
        one.schedule.period != other.schedule.period && !odd(one) && !odd(other)
    }

    fn known_activity(&self, at: &str, id: &str) -> Option<&Activity> {
        let found = self.road_map.activity(id);
        if found.is_none() && !self.findings.stands(&format!("activities/{id}")) {
            let help = perhaps(id, self.road_map.activities.iter().map(|a| &a.id));
            self.error(at, format!("мероприятия «{id}» нет"), help);
        }
        found
    }

    fn some_of_kinds(&self, at: &str, kinds: &[OrganisationKind]) {
        for kind in kinds {
            let open = |o: &&crate::model::Organisation| o.kind == *kind && o.until.is_none();
            if !self.road_map.organisations.iter().any(|o| open(&o)) {
                let name = kind.as_str();
                let message = format!("этап никто не выполнит: нет организаций рода «{name}»");
                self.error(at, message, None);
            }
        }
    }

    fn formula_errors(&self, path: &str, errors: Vec<FormulaError>) {
        let place = self.findings.place(path);
        for e in errors {
            // One character for the opening quote.
            let place = e.offset.map_or_else(|| place.clone(), |offset| place.further(offset + 1));
            self.findings.error(&place, e.message, None);
        }
    }

    fn typed(&self, path: &str, formula: &Formula, scope: &Scope, wanted: &Type) {
        if let Err(errors) = formula.check_as(scope, wanted) {
            self.formula_errors(path, errors);
        }
    }

    /// Whether some stage of the activity could not be read: it was told so already.
    fn has_unread_stages(&self, activity: &Activity) -> bool {
        let stages = self.findings.below(&format!("activities/{}/stage", activity.id));
        stages.iter().any(|id| activity.stage(id).is_none())
    }

    /// Whether a stage of the activity does such work, as far as can be told.
    fn may(&self, activity: &Activity, does: impl Fn(&Work) -> bool) -> bool {
        self.has_unread_stages(activity) || activity.stages.iter().any(|s| does(&s.work))
    }
}

fn analyzes(work: &Work) -> bool {
    matches!(work, Work::Analyze(_))
}
