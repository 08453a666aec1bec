//! A matrix of evidence as an official document: what proves each component, direction by direction.

use super::document::{Document, Origin, WIDTH};

/// What a matrix says: its method, and of each direction the components with what proves them.
#[derive(Debug, Clone, Default)]
pub struct Proved {
    /// Whose it is.
    pub authority: String,
    /// The method.
    pub title: String,
    /// The act that it follows; may be empty.
    pub source: String,
    /// Of which year.
    pub year: i16,
    /// The day on which it was made, in words.
    pub date: String,
    /// Directions, each with pairs of a component and what is said of it.
    pub directions: Vec<(String, Vec<(String, String)>)>,
}

/// The document as a file's content.
///
/// # Errors
/// When it cannot be made, and why.
pub fn matrix(proved: &Proved) -> Result<Vec<u8>, String> {
    let mut document = Document::new(Origin {
        author: proved.authority.clone(),
        title: format!("{}, {} год", proved.title, proved.year),
        date: proved.date.clone(),
    });
    document.centred(&proved.authority);
    document.centred("");
    document.title(&proved.title);
    document.centred(&format!("документы за {} год", proved.year));
    document.centred("");
    if !proved.source.is_empty() {
        document.text(&format!("Методика: {}.", proved.source));
    }
    document.text(&format!(
        "Собрано {}. Названо то, что записано: запланированное без документа не считается.",
        proved.date
    ));
    let columns = [("Составляющая", 2_600), ("Чем подтверждается", WIDTH - 2_600)];
    for (title, components) in &proved.directions {
        document.heading(2, title, false);
        let rows = components.iter().map(|(component, said)| vec![component.clone(), said.clone()]);
        document.table(&columns, rows);
        document.small("");
    }
    document.finish()
}
