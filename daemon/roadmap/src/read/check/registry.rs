//! Whether organisations can be told apart and reached.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::model::{Every, OrganisationKind, Participants, Work};
use crate::pattern::plain;
use crate::read::table::Place;

impl Check<'_> {
    pub(super) fn registry(&self) {
        let departments =
            self.road_map.organisations.iter().filter(|o| o.kind == OrganisationKind::Department);
        match departments.count() {
            1 => {}
            0 => self.findings.error(
                &Place::start_of("organisations.toml"),
                "нет отдела: нужна одна организация с kind = \"department\"",
                None,
            ),
            n => self.findings.error(
                &Place::start_of("organisations.toml"),
                format!("отделов {n}, а должен быть один"),
                None,
            ),
        }
    }

    /// Who reads a table cannot tell two organisations of one short name apart.
    pub(super) fn short_names(&self) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for organisation in &self.road_map.organisations {
            let (short, code) = (organisation.short.as_str(), organisation.code.as_str());
            if let Some(other) = seen.insert(short, code).filter(|other| *other != code) {
                let place = self.findings.place(&format!("organisations/{code}"));
                let message =
                    format!("«{short}» — так же коротко названа «{other}»: их не различить");
                self.findings.warn(&place, &message);
            }
        }
    }

    /// By its login a file's rows find their organisation: there may be only one of it.
    pub(super) fn logins(&self) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for organisation in &self.road_map.organisations {
            let code = organisation.code.as_str();
            for (at, login) in organisation.logins.iter().enumerate() {
                let other = seen.insert(plain(login), code);
                if let Some(other) = other {
                    let message = if other == code {
                        format!("логин «{login}» здесь уже есть")
                    } else {
                        format!("логин «{login}» уже у «{other}»: чьи строки в файле, не узнать")
                    };
                    self.error(&format!("organisations/{code}/logins/{at}"), message, None);
                }
            }
        }
    }

    /// Whoever may get a letter needs an address.
    pub(super) fn addresses(&self) {
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        for activity in &self.road_map.activities {
            for stage in &activity.stages {
                let selections: Vec<&Participants> = match &stage.work {
                    Work::Collect(c) => vec![&c.participants],
                    Work::Decide(d) => d.measures.iter().map(|m| &m.by).collect(),
                    _ => vec![],
                };
                for selection in selections {
                    match selection {
                        // Whose turn it is, a run will know.
                        Participants::Each => {
                            if let Every::Rotation { kinds, .. } = &activity.schedule.every {
                                asked.extend(self.road_map.of_kinds(kinds));
                            }
                        }
                        known => asked.extend(self.road_map.selected(known, None)),
                    }
                }
            }
        }
        for organisation in &self.road_map.organisations {
            let needed = asked.contains(organisation.code.as_str())
                || organisation.kind == OrganisationKind::Department;
            if needed && organisation.addressees().is_empty() && organisation.until.is_none() {
                self.error(
                    &format!("organisations/{}", organisation.code),
                    format!("у «{}» нет адреса, а ей уйдут письма", organisation.short),
                    Some("добавьте email = \"…\"".into()),
                );
            }
        }
    }

    pub(super) fn calendar(&self) {
        if self.road_map.calendar.years.is_empty() {
            self.findings.warn(
                &Place::start_of("calendar.toml"),
                "ни один год не описан: переносов выходных календарь не знает",
            );
        }
    }
}
