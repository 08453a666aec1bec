//! A decision as the official document that it is, to be printed and signed.

use super::chapter::{Decision, Measure};
use super::document::{Document, Origin};

/// The document as a file's content. One that is not taken yet leaves room for number and date.
///
/// # Errors
/// When it cannot be made, and why.
pub fn decision(authority: &str, decision: &Decision) -> Result<Vec<u8>, String> {
    let or = |words: &str, blank: &str| {
        if words.is_empty() { blank.to_owned() } else { words.to_owned() }
    };
    let mut document = Document::new(Origin {
        author: authority.to_owned(),
        title: format!("{}. {}", decision.kind, decision.title),
        date: decision.date.clone(),
    });
    document.centred(authority);
    document.centred("");
    document.title(&decision.kind.to_uppercase());
    document.centred(&format!(
        "от {} № {}",
        or(&decision.date, "«____» ______________ 20___ г."),
        or(&decision.number, "________")
    ));
    document.centred("");
    document.centred(&decision.title);
    document.centred("");
    let text = if decision.text.is_empty() { &decision.outcome } else { &decision.text };
    // Lines of a justified paragraph would be stretched: each is one of its own.
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        document.text(line.trim_end());
    }
    if let Some(earlier) = &decision.corrects {
        document.text(&format!("Исправляет решение № {earlier}."));
    }
    let measures = measures(&decision.measures);
    if !measures.is_empty() {
        document.lead("Поручения:");
    }
    for (measure, place) in measures.iter().zip(1..) {
        document.text(&format!("{place}. {measure}"));
    }
    document.signature(&decision.signatory);
    document.finish()
}

/// What is ordered, in sentences: the same of several by the same day is one.
fn measures(all: &[Measure]) -> Vec<String> {
    let mut grouped: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for Measure { organisation, text, due, .. } in all {
        let same = grouped.iter_mut().find(|(what, when, _)| what == text && when == due);
        match same {
            Some((_, _, who)) => who.push(organisation),
            None => grouped.push((text, due, vec![organisation])),
        }
    }
    let sentence = |(text, due, who): (&str, &str, Vec<&str>)| {
        let text = text.trim().trim_end_matches('.');
        let noun = if who.len() > 1 { "Исполнители" } else { "Исполнитель" };
        format!("{text}. {noun}: {}. Срок: {due}.", who.join(", "))
    };
    grouped.into_iter().map(sentence).collect()
}
