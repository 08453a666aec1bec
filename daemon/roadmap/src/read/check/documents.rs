//! Whether a decision's document says what documents of its kind say, and somebody issues it.

use std::collections::BTreeSet;

use super::Check;
use crate::diagnostic::perhaps;
use crate::model::{Decide, DecisionKind, Work};
use crate::read::rendering;
use crate::read::table::Place;
use crate::read::templates::decision;

impl Check<'_> {
    /// Who issues it.
    pub(super) fn document(&self, at: &str, decide: &Decide) {
        let municipality = &self.road_map.municipality;
        let document = &decide.document;
        if let Some(id) = &document.issuer {
            let known = municipality.issuers.iter().map(|one| &one.id);
            if !known.clone().any(|one| one == id) {
                let help = perhaps(id, known);
                let message = format!("кто издаёт документы: «{id}» нет среди [[issuer]]");
                self.error(&format!("{at}/issuer"), message, help);
            }
        } else if document.kind == DecisionKind::Decree
            && municipality.issuer(document.kind, None).id.is_empty()
        {
            let message = "постановление издаёт администрация, а её здесь не назвали";
            let help = "в municipality.toml: [[issuer]] с documents = [\"decree\"]".to_owned();
            self.error(&format!("{at}/document"), message, Some(help));
        }
    }

    /// That each text orders as its kind of document does: it is made for each kind that stages want.
    pub(super) fn verbs(&self) {
        if self.findings.proved {
            return;
        }
        let mut wanted: BTreeSet<(&str, DecisionKind)> = BTreeSet::new();
        for stage in self.road_map.activities.iter().flat_map(|activity| &activity.stages) {
            if let Work::Decide(decide) = &stage.work
                && let Some(text) = &decide.text
            {
                wanted.insert((text, decide.document.kind));
            }
        }
        for (text, kind) in wanted {
            let path = decision(text);
            let made = rendering::decisions(self.road_map, &path, kind);
            let others = made.iter().flat_map(|text| text.lines()).filter_map(DecisionKind::spoken);
            let others: BTreeSet<_> = others.filter(|(other, _)| *other != kind).collect();
            for (other, verb) in others {
                let message = format!(
                    "«{verb}» говорит {}, а по этому тексту составляют {}",
                    other.words(),
                    kind.words()
                );
                let help = "пусть текст скажет {{ document.verb }}: слово идёт за видом документа";
                let place = self.spoken(&path, verb);
                if !self.findings.told_of(&place) {
                    self.findings.error(&place, message, Some(help.to_owned()));
                }
            }
        }
    }

    /// Where a text, or else a piece that texts share, says such a word.
    fn spoken(&self, path: &str, verb: &str) -> Place {
        let all = &self.road_map.templates;
        let own = all.get_key_value(path).into_iter();
        let shared = all.iter().filter(|(other, _)| other.starts_with("decisions/base."));
        let says = |line: &str| DecisionKind::spoken(line).is_some_and(|(_, said)| said == verb);
        let mut found = own.chain(shared).filter_map(|(path, text)| {
            let line = text.lines().position(says)? as u32;
            Some(Place::start_of(path).on_line(line + 1))
        });
        found.next().unwrap_or_else(|| Place::start_of(path))
    }
}
