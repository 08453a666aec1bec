//! Recommendations to one organisation as an official document, which goes with the letter.

use serde::Deserialize;
use vekha_analysis::{Finding, Item};

use super::document::{Document, Origin};
use super::heading;

/// Who recommends what to whom.
#[derive(Debug, Clone)]
pub struct Advice {
    /// Who recommends.
    pub authority: String,
    /// To whom, in full.
    pub organisation: String,
    /// Number of the activity in the road map.
    pub number: u32,
    /// The activity, in the road map's words.
    pub activity: String,
    /// The period, in words.
    pub period: String,
    /// The day of the letter, in words.
    pub date: String,
    /// Under which number the department sent it; empty if it gave none.
    pub outgoing: String,
    /// By when it is to be confirmed, in words; empty if it is not.
    pub due: String,
    /// Findings, each with what is recommended about it.
    pub items: Vec<Advised>,
}

/// A finding and what is recommended about it.
#[derive(Debug, Clone, Deserialize)]
pub struct Advised {
    /// What was found.
    pub finding: String,
    /// What is recommended; empty if nothing.
    pub recommendation: String,
    /// The figures that it rests on.
    pub figures: Vec<Item>,
}

impl From<&Finding> for Advised {
    fn from(finding: &Finding) -> Self {
        Advised {
            finding: finding.text.clone(),
            recommendation: finding.recommendation.clone().unwrap_or_default(),
            figures: finding.figures.clone(),
        }
    }
}

/// The document as a file's content: the same for the same, to the last byte.
///
/// # Errors
/// When it cannot be made, and why.
pub fn advice(advice: &Advice) -> Result<Vec<u8>, String> {
    let mut document = Document::new(origin(advice));
    write(&mut document, advice);
    document.finish()
}

/// All that was recommended in one document, each from a new page.
///
/// # Errors
/// When it cannot be made, and why.
pub fn advices(all: &[Advice]) -> Result<Vec<u8>, String> {
    let mut document = Document::new(all.last().map(origin).unwrap_or_default());
    for (place, advice) in all.iter().enumerate() {
        let words = format!("{}, {}", advice.organisation, advice.period);
        document.heading(1, &words, place > 0);
        write(&mut document, advice);
    }
    document.finish()
}

fn origin(advice: &Advice) -> Origin {
    Origin {
        author: advice.authority.clone(),
        title: format!("Адресные рекомендации за {}", advice.period),
        date: advice.date.clone(),
    }
}

fn write(document: &mut Document, advice: &Advice) {
    document.centred(&advice.authority);
    if !advice.outgoing.is_empty() {
        document.text(&format!("Исх. № {} от {}", advice.outgoing, advice.date));
    }
    document.centred("");
    document.title("АДРЕСНЫЕ РЕКОМЕНДАЦИИ");
    document.centred(&advice.organisation);
    document.centred("");
    document.text(&format!(
        "{} по итогам мероприятия {} дорожной карты «{}» за {}.",
        advice.date, advice.number, advice.activity, advice.period
    ));
    for (place, item) in advice.items.iter().enumerate() {
        document.lead(&format!("{}. {}", place + 1, item.finding.trim()));
        figures(document, &item.figures);
        if !item.recommendation.trim().is_empty() {
            document.text(&format!("Рекомендация. {}", item.recommendation.trim()));
        }
    }
    if !advice.due.is_empty() {
        document.text(&format!(
            "Просим ознакомиться и подтвердить это по ссылке в письме. Срок — {}. О том, что сделано \
             по рекомендациям, сообщите по той же ссылке.",
            advice.due
        ));
    }
}

fn figures(document: &mut Document, figures: &[Item]) {
    if figures.is_empty() {
        return;
    }
    let columns = [
        ("Показатель", 4155),
        ("Значение", 1300),
        ("Среднее", 1300),
        ("Раньше", 1300),
        ("Место", 1300),
    ];
    let known = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
    let rows = figures.iter().map(|figure| {
        vec![
            heading(&figure.title, &figure.unit),
            figure.value.clone(),
            known(&figure.municipality_mean),
            known(&figure.earlier),
            match figure.rank {
                Some(rank) => format!("{rank} из {}", figure.count),
                None => "—".to_owned(),
            },
        ]
    });
    document.table(&columns, rows);
    document.small("");
}
