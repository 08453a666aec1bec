//! The report on many runs as one document: a chapter for each, by the sections of the road map.

use super::chart::{self, Picture};
use super::document::{Document, Origin, WIDTH};
use super::note::{Drawn, few, findings, summary};
use super::{Chapter, Indicator, Report};

/// What stands on the first page.
#[derive(Debug, Clone, PartialEq)]
pub struct Cover {
    /// Whose report it is.
    pub authority: String,
    /// The municipality's name.
    pub municipality: String,
    /// The report's own name.
    pub title: String,
    /// The period, in words.
    pub period: String,
    /// The day on which it was made, in words.
    pub date: String,
}

/// The report as a file's content. Chapters that stand together belong to one section.
///
/// # Errors
/// When it cannot be made, and why.
pub fn book(cover: &Cover, chapters: &[Chapter]) -> Result<Vec<u8>, String> {
    let mut document = Document::new(Origin {
        author: cover.authority.clone(),
        title: format!("{}, {}", cover.title, cover.period),
        date: cover.date.clone(),
    });
    document.centred(&cover.authority);
    for _ in 0..8 {
        document.centred("");
    }
    document.title(&cover.title);
    document.centred(&cover.period);
    document.centred("");
    document.centred(&format!("{}. {}", cover.municipality, cover.date));
    document.heading(1, "Мероприятия", true);
    overview(&mut document, chapters);
    let mut section = "";
    let indicators = || {
        let reports = chapters.iter().flat_map(|chapter| &chapter.reports);
        reports.flat_map(|report| &report.indicators).filter(|indicator| is_drawn(indicator))
    };
    let drawn = Drawn::of(indicators(), |one| [chart::ranking(one), chart::trend(one)])?;
    let mut pictures = drawn.each();
    for chapter in chapters.iter().filter(|chapter| chapter.tells()) {
        if chapter.section != section {
            section = &chapter.section;
            document.heading(1, section, true);
        }
        write(&mut document, chapter, &mut pictures);
    }
    document.finish()
}

fn overview(document: &mut Document, chapters: &[Chapter]) {
    let for_all = chapters.iter().any(|chapter| chapter.for_all);
    let mut columns = vec![
        ("Мероприятие", WIDTH - if for_all { 4900 } else { 6000 }),
        ("Период", 1300),
        ("Состояние", 1400),
        ("Сведения", 1150),
        ("Выводов", 1100),
        ("Решений", 1050),
    ];
    if for_all {
        columns.remove(FOUND);
    }
    let rows = chapters.iter().map(|chapter| {
        let found: usize = chapter.reports.iter().map(|report| report.findings.len()).sum();
        let count = |number: usize| if number > 0 { number.to_string() } else { "—".into() };
        let mut row = vec![
            format!("{}. {}", chapter.number, chapter.title),
            chapter.label.clone(),
            chapter.state.clone(),
            match chapter.asked {
                0 => "—".into(),
                asked => format!("{} из {asked}", chapter.answered),
            },
            count(found),
            count(chapter.decisions.len()),
        ];
        if for_all {
            row.remove(FOUND);
        }
        row
    });
    document.table(&columns, rows);
}

/// The column of findings: each is about somebody, so that a report for everybody has none.
const FOUND: usize = 4;

/// Figures for everybody.
fn public(document: &mut Document, report: &Report) {
    let columns = [("Показатель", WIDTH - 3900), ("По муниципалитету", 3900)];
    let rows = report.public.iter().map(|one| {
        vec![
            one.heading.clone(),
            one.told.clone().unwrap_or_else(|why| format!("не называется: {why}")),
        ]
    });
    document.table(&columns, rows);
}

fn write<'a>(
    document: &mut Document,
    chapter: &Chapter,
    pictures: &mut impl Iterator<Item = &'a [Picture]>,
) {
    document.heading(
        2,
        &format!("{}. {}, {}", chapter.number, chapter.title, chapter.period),
        false,
    );
    let mut state = format!("Состояние: {}.", chapter.state);
    if chapter.asked > 0 {
        state += &format!(" Сведения представили {} из {}.", chapter.answered, chapter.asked);
    }
    document.text(&state);
    for report in &chapter.reports {
        if !report.method.is_empty() {
            document.small(&report.method);
        }
        if chapter.for_all {
            public(document, report);
            continue;
        }
        summary(document, report);
        few(document, report);
        document.heading(3, "Выводы", false);
        findings(document, report);
        let drawn = report.indicators.iter().filter(|indicator| is_drawn(indicator));
        for indicator in drawn {
            document.heading(3, &indicator.heading(), false);
            document.lead(&indicator.spread(report.min_count));
            for picture in pictures.next().unwrap_or_default() {
                document.picture(picture);
            }
        }
    }
    if !chapter.decisions.is_empty() {
        document.heading(3, "Решения", false);
    }
    for decision in &chapter.decisions {
        let corrects = decision.corrects.as_ref();
        let corrects = corrects.map(|number| format!(" Исправляет решение № {number}."));
        let corrects = corrects.unwrap_or_default();
        let by = if decision.signatory.is_empty() { "" } else { ", " };
        document.text(&format!(
            "{} № {} от {}{by}{}. {}{corrects}\n{}",
            decision.kind,
            decision.number,
            decision.date,
            decision.signatory,
            decision.title,
            decision.outcome
        ));
        if !decision.measures.is_empty() {
            let columns =
                [("Мера", 4155), ("Исполнитель", 2200), ("Срок", 1500), ("Исполнение", 1500)];
            let rows = decision.measures.iter().map(|measure| {
                let words = [&measure.text, &measure.organisation, &measure.due];
                words.into_iter().cloned().chain([measure.state.to_owned()]).collect()
            });
            document.table(&columns, rows);
        }
    }
}

/// Only what differs between organisations is drawn in a report on everything.
fn is_drawn(indicator: &Indicator) -> bool {
    indicator.municipality.is_some() && indicator.varies()
}
