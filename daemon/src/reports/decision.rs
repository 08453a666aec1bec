//! A decision as the official document that it is, to be printed and signed: whose it is, what, when,
//! under what number and where; what it is about; its points; who signs; its appendices.

use super::chapter::Decision;
use super::clauses::{Clauses, post_and_name};
use super::document::{Document, Origin};

/// Whose document it is.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// The authority's name.
    pub authority: String,
    /// Where it issues documents; may be empty.
    pub place: String,
}

/// The document as a file's content. One that is not taken yet leaves room for number and date.
///
/// # Errors
/// When it cannot be made, and why.
pub fn decision(head: &Letterhead, decision: &Decision) -> Result<Vec<u8>, String> {
    let or = |words: &str, blank: &str| {
        if words.is_empty() { blank.to_owned() } else { words.to_owned() }
    };
    let mut document = Document::new(Origin {
        author: head.authority.clone(),
        title: format!("{}. {}", decision.kind, decision.title),
        date: decision.date.clone(),
    });
    document.centred(&head.authority);
    document.centred("");
    document.title(&decision.kind.to_uppercase());
    document.centred("");
    document.ends(
        &or(&decision.date, "«____» ______________ 20___ г."),
        &format!("№ {}", or(&decision.number, "________")),
    );
    if !head.place.is_empty() {
        document.centred(&head.place);
    }
    document.centred("");
    document.centred(&decision.title);
    document.centred("");
    let Clauses { text, appendix } = Clauses::of(decision);
    // Lines of a justified paragraph would be stretched: each is one of its own. Nobody signs an
    // empty page.
    for (left, line) in (0..text.len()).rev().zip(&text) {
        document.clause(line, left == 0);
    }
    let (post, name) = post_and_name(&decision.signatory);
    document.signature(
        &or(&post, "__________________________"),
        &or(&name, "__________________________"),
    );
    for line in &appendix {
        document.text(line);
    }
    document.finish()
}
