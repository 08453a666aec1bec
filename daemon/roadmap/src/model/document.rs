//! Documents that an official signs: what kind, who issues them, and in which words they order.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Municipality;

/// What kind of document a decision is.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DecisionKind {
    /// Приказ of the department.
    #[default]
    Order,
    /// Распоряжение of the department or the administration.
    Directive,
    /// Постановление of the administration.
    Decree,
    /// Протокол of a meeting.
    Minutes,
}

impl DecisionKind {
    /// Every kind.
    pub const ALL: &[DecisionKind] = <DecisionKind as strum::VariantArray>::VARIANTS;

    /// As forms and the API spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As people call it.
    pub fn words(self) -> &'static str {
        match self {
            DecisionKind::Order => "приказ",
            DecisionKind::Directive => "распоряжение",
            DecisionKind::Decree => "постановление",
            DecisionKind::Minutes => "протокол",
        }
    }

    /// Of what: «исполнение приказа».
    pub fn genitive(self) -> &'static str {
        match self {
            DecisionKind::Order => "приказа",
            DecisionKind::Directive => "распоряжения",
            DecisionKind::Decree => "постановления",
            DecisionKind::Minutes => "протокола",
        }
    }

    /// To what: «приложение к приказу».
    pub fn dative(self) -> &'static str {
        match self {
            DecisionKind::Order => "приказу",
            DecisionKind::Directive => "распоряжению",
            DecisionKind::Decree => "постановлению",
            DecisionKind::Minutes => "протоколу",
        }
    }

    /// With what: «ознакомлен с приказом».
    pub fn instrumental(self) -> &'static str {
        match self {
            DecisionKind::Order => "приказом",
            DecisionKind::Directive => "распоряжением",
            DecisionKind::Decree => "постановлением",
            DecisionKind::Minutes => "протоколом",
        }
    }

    /// The words with which such a document orders: of one official first, of a body second.
    fn verbs(self) -> &'static [&'static str] {
        match self {
            DecisionKind::Order => &["ПРИКАЗЫВАЮ"],
            DecisionKind::Directive => &["РАСПОРЯЖАЮСЬ", "ОБЯЗЫВАЮ", "ПРЕДЛАГАЮ"],
            DecisionKind::Decree => &["ПОСТАНОВЛЯЮ", "ПОСТАНОВЛЯЕТ"],
            DecisionKind::Minutes => &["РЕШИЛИ", "ПОСТАНОВИЛИ"],
        }
    }

    /// The word with which such a document orders, said by an official or, `collective`, of a body.
    pub fn verb(self, collective: bool) -> &'static str {
        match (self, collective) {
            (DecisionKind::Decree, true) => "ПОСТАНОВЛЯЕТ",
            _ => self.verbs()[0],
        }
    }

    /// Which kind a line of a text belongs to by the word with which it orders, and that word. It is
    /// written in capitals, or stands on a line of its own, perhaps letter by letter.
    pub fn spoken(line: &str) -> Option<(DecisionKind, &'static str)> {
        let alone: String = line.chars().filter(|c| c.is_alphabetic()).collect();
        let alone = alone.to_uppercase();
        let said = |verb: &&&str| {
            alone == **verb || line.split(|c: char| !c.is_alphabetic()).any(|word| word == **verb)
        };
        let own = |kind: &DecisionKind| Some((*kind, *kind.verbs().iter().find(said)?));
        DecisionKind::ALL.iter().find_map(own)
    }
}

/// Who issues documents: the department itself, the administration, a council.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuer {
    /// Latin id, by which stages name it; empty for the authority itself.
    pub id: String,
    /// As its documents are headed.
    pub name: String,
    /// The same in the genitive, for «Приложение к приказу …»; empty if nobody has said it.
    pub genitive: String,
    /// Where its documents are issued; may be empty.
    pub place: String,
    /// The kinds of documents that are its own unless a stage names another issuer.
    pub kinds: Vec<DecisionKind>,
    /// Who signs: post and name; may be empty.
    pub signatory: String,
    /// It speaks of itself as a body: «администрация … ПОСТАНОВЛЯЕТ».
    pub collective: bool,
    /// Who leads its meetings; may be empty.
    pub chair: String,
    /// Who writes its minutes; may be empty.
    pub secretary: String,
    /// Who is at its meetings beside them.
    pub members: Vec<String>,
}

/// What document a stage's decision is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// What kind.
    pub kind: DecisionKind,
    /// Id of who issues it; whoever issues such documents if none.
    pub issuer: Option<String>,
}

impl Municipality {
    /// Who issues documents of a kind: whom a stage names, or whose kind it is, or else the authority
    /// itself.
    pub fn issuer(&self, kind: DecisionKind, named: Option<&str>) -> Cow<'_, Issuer> {
        let by_id = named.and_then(|id| self.issuers.iter().find(|one| one.id == id));
        let own = || self.issuers.iter().find(|one| one.kinds.contains(&kind));
        match by_id.or_else(own) {
            Some(issuer) => Cow::Borrowed(issuer),
            None => Cow::Owned(Issuer {
                name: self.authority.clone(),
                genitive: self.authority_genitive.clone(),
                place: self.place.clone(),
                signatory: self.signatory.clone(),
                ..Issuer::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DecisionKind;

    #[test]
    fn a_line_that_orders_tells_its_kind_however_it_is_set() {
        for (line, kind) in [
            ("ПРИКАЗЫВАЮ:", Some(DecisionKind::Order)),
            ("п р и к а з ы в а ю:", Some(DecisionKind::Order)),
            ("Приказываю:", Some(DecisionKind::Order)),
            ("администрация округа ПОСТАНОВЛЯЕТ:", Some(DecisionKind::Decree)),
            ("РЕШИЛИ:", Some(DecisionKind::Minutes)),
            ("Школы решили задачу сами.", None),
            ("1. Направить постановление.", None),
            ("", None),
        ] {
            assert_eq!(DecisionKind::spoken(line).map(|(kind, _)| kind), kind, "{line}");
        }
        for kind in DecisionKind::ALL {
            for collective in [false, true] {
                let said = DecisionKind::spoken(kind.verb(collective)).map(|(kind, _)| kind);
                assert_eq!(said, Some(*kind));
            }
        }
    }
}
