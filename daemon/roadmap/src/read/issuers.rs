//! Who issues documents beside the authority itself.

use super::table::{Table, id, words_of};
use crate::model::{DecisionKind, Issuer};

/// The issuers of a municipality; `place` is where documents are issued unless one says otherwise.
pub(super) fn read(municipality: &Table<'_>, place: &str) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for table in municipality.tables("issuer") {
        let Some(issuer) = issuer(&table, place) else { continue };
        if issuers.iter().any(|known| known.id == issuer.id) {
            table.error("id", format!("кто издаёт документы: «{}» уже есть", issuer.id), None);
        }
        let taken = |kind: &&DecisionKind| issuers.iter().any(|other| other.kinds.contains(kind));
        if let Some(kind) = issuer.kinds.iter().find(taken) {
            let message = format!("{} издаёт уже другой", kind.words());
            table.error("documents", message, None);
        }
        table.findings().keep(format!("municipality/issuer/{}", issuer.id), table.here());
        issuers.push(issuer);
    }
    issuers
}

fn issuer(table: &Table<'_>, place: &str) -> Option<Issuer> {
    let own = table.parsed("id", id);
    let name = table.text("name");
    let genitive = table.optional("genitive");
    let place = table.text_or("place", Some(place)).unwrap_or_default();
    let kinds = kinds(table);
    let signatory = table.optional("signatory");
    let collective = table.flag("collective", false);
    let chair = table.optional("chair");
    let secretary = table.optional("secretary");
    let members = table.texts("members");
    if !kinds.contains(&DecisionKind::Minutes) {
        for key in ["chair", "secretary", "members"].into_iter().filter(|key| table.has(key)) {
            let help = Some("documents = [\"minutes\"]".to_owned());
            table.error(key, "это нужно лишь тому, чьи документы — протоколы", help);
        }
    }
    table.finish();
    Some(Issuer {
        id: own?,
        name: name?,
        genitive,
        place,
        kinds,
        signatory,
        collective,
        chair,
        secretary,
        members,
    })
}

fn kinds(table: &Table<'_>) -> Vec<DecisionKind> {
    let words = words_of(DecisionKind::ALL);
    let mut kinds = Vec::new();
    for (place, text) in table.placed_texts("documents") {
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, kind)) => kinds.push(*kind),
            None => {
                let help = crate::diagnostic::perhaps(&text, words.iter().map(|(word, _)| word));
                table.findings().error(&place, format!("«{text}» — не вид документа"), help);
            }
        }
    }
    kinds
}
