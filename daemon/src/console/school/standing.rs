//! What stands behind a link when somebody comes to it: the newest answer, or a draft that is newer;
//! who wrote it, and by what a later post is known to have seen it.

use jiff::Timestamp;
use serde_json::{Value, json};
use vekha_engine::run::{Measure, Proof};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::Municipality;

use crate::console::frame::words;
use crate::console::school::link::{About, Opened};
use crate::forms::reports::DOCUMENT;
use crate::runtime::Runtime;
use crate::store::entities::{draft, submission};
use crate::store::write::drafts::Basis;
use crate::store::{Store, StoreError, document, instant};

/// What stands in a form when a person comes to it.
#[derive(Default)]
pub struct Standing {
    /// Raw or typed answers.
    pub values: Values,
    /// By what a post of this page is known.
    pub basis: Basis,
    /// When it was kept, if it is a draft.
    pub kept_at: Option<Timestamp>,
    /// The source that filled it; empty if a person did.
    pub source: String,
    /// When and by whom it was sent, if it is an answer.
    pub sent: Option<(Timestamp, String)>,
    /// Somebody has kept a draft that cannot be read; what is shown is without it.
    pub draft_unread: bool,
}

impl Standing {
    /// Who wrote it, how and when, as the page tells it to another who was writing meanwhile.
    pub fn by(&self, municipality: &Municipality) -> String {
        let moment = |at| words::moment(municipality, at);
        let version = self.basis.answer;
        match (self.kept_at, &self.sent) {
            (Some(at), _) if self.source.is_empty() => {
                format!("{}: другой человек сохранил по этой ссылке черновик", moment(at))
            }
            (Some(at), _) => format!("{}: форму заполнил источник «{}»", moment(at), self.source),
            (None, Some((at, actor))) => {
                let who = match actor.split_once(':') {
                    Some(("page", _)) => "другой человек отправил по этой ссылке".to_owned(),
                    Some(("source", source)) => format!("источник «{source}» передал"),
                    Some(("person", who)) => format!("{} отправил(а)", name_of(who)),
                    _ => "другая система передала".to_owned(),
                };
                format!("{}: {who} ответ, версия {version}", moment(*at))
            }
            (None, None) => "Ответ изменился".to_owned(),
        }
    }
}

/// What somebody who signed in is called, without the address.
fn name_of(person: &str) -> &str {
    person.split(" <").next().unwrap_or(person)
}

/// What stands behind a link. Its basis is never newer than what is shown: who has not seen
/// something is asked rather than believed.
///
/// # Errors
/// When the database cannot be read.
pub async fn standing(
    runtime: &Runtime,
    opened: &Opened,
    editable: bool,
) -> Result<Standing, StoreError> {
    let store = runtime.store();
    match &opened.about {
        About::Form => {
            let draft = if editable { store.draft(&opened.id).await? } else { None };
            let sent = match opened.assignment.version {
                0 => None,
                _ => store.newest_submission(&opened.id).await?,
            };
            of_form(store, draft, sent)
        }
        About::Recommendation(recommendation) => {
            of_report(runtime, opened, reported(&recommendation.report, None)).await
        }
        About::Measure(ordered) => {
            let Measure { report, document, .. } = &ordered.0;
            of_report(runtime, opened, reported(report, document.as_ref())).await
        }
    }
}

fn of_form(
    store: &Store,
    draft: Option<draft::Model>,
    sent: Option<submission::Model>,
) -> Result<Standing, StoreError> {
    let basis = Basis {
        answer: sent.as_ref().map_or(0, |sent| sent.version.unsigned_abs()),
        draft: draft.as_ref().map_or(0, |draft| draft.revision),
    };
    let newer = |at: i64| sent.as_ref().is_none_or(|sent| sent.at < at);
    let kept = draft.filter(|draft| newer(draft.at));
    let values = match &kept {
        Some(draft) => {
            store.readable(&draft.called(), document(&draft.called(), &draft.answers))?
        }
        None => None,
    };
    // What somebody began keeps nobody from answering.
    let draft_unread = kept.is_some() && values.is_none();
    Ok(match (kept.zip(values), sent) {
        (Some((draft, values)), _) => Standing {
            values,
            basis,
            kept_at: Some(instant(draft.at)),
            source: draft.source,
            ..Standing::default()
        },
        (None, Some(sent)) => Standing {
            values: document(&sent.id, &sent.answers)?,
            basis,
            sent: Some((instant(sent.at), sent.actor)),
            draft_unread,
            ..Standing::default()
        },
        (None, None) => Standing { basis, draft_unread, ..Standing::default() },
    })
}

/// A report as the form for it holds it.
pub fn reported(report: &str, document: Option<&Proof>) -> Values {
    let mut values = Values::new();
    values.insert("report".to_owned(), Value::from(report));
    if let Some(document) = document {
        values.insert(DOCUMENT.to_owned(), json!(document));
    }
    values
}

async fn of_report(
    runtime: &Runtime,
    opened: &Opened,
    values: Values,
) -> Result<Standing, StoreError> {
    let answer = opened.assignment.version;
    let sent = match answer {
        0 => None,
        _ => runtime.store().newest_submission(&opened.id).await?,
    };
    Ok(Standing {
        values,
        basis: Basis { answer, draft: 0 },
        sent: sent.map(|sent| (instant(sent.at), sent.actor)),
        ..Standing::default()
    })
}
