//! The report as an official note (аналитическая справка).

use super::chart::{self, Chart, Picture};
use super::document::{Document, Origin};
use super::{Indicator, Report, severity_words};

/// The note as a file's content.
///
/// # Errors
/// When it cannot be made, and why.
pub fn note(report: &Report) -> Result<Vec<u8>, String> {
    let mut document = Document::new(Origin {
        author: report.authority.clone(),
        title: format!("Аналитическая справка. {}, {}", report.title, report.period),
        date: report.date.clone(),
    });
    document.centred(&report.authority);
    document.centred("");
    document.title("АНАЛИТИЧЕСКАЯ СПРАВКА");
    document.centred(&format!("{}, {}", report.title, report.period));
    if let Some(whose) = &report.whose {
        document.centred(whose);
    }
    document.centred("");
    document.text(&format!(
        "Справка составлена {} по итогам мероприятия {} дорожной карты «{}» ({}).",
        report.date, report.number, report.activity, report.municipality
    ));
    document.text(&report.method);
    document.heading(1, "Выводы", false);
    findings(&mut document, report);
    document.heading(1, "Показатели", false);
    summary(&mut document, report);
    let shown = || report.indicators.iter().filter(|indicator| !indicator.rows.is_empty());
    let drawn = Drawn::of(shown(), |indicator| match report.whose {
        // One organisation's note shows where it stands and not, again, who has what.
        Some(_) => [chart::trend(indicator), chart::spread(indicator)],
        None => [chart::ranking(indicator), chart::trend(indicator)],
    })?;
    for (indicator, pictures) in shown().zip(drawn.each()) {
        document.heading(2, &indicator.heading(), false);
        one(&mut document, indicator, report, pictures);
    }
    document.signature("Справку составил(а)", "_______________ /_______________/");
    document.finish()
}

/// What was found, and what is recommended.
pub(super) fn findings(document: &mut Document, report: &Report) {
    if report.findings.is_empty() {
        return document.text("Ни один показатель не вышел за установленные пороги.");
    }
    let own = report.whose.is_some();
    let columns: &[(&str, usize)] = match own {
        true => &[("Вывод", 4200), ("Рекомендация", 3455), ("Значимость", 1700)],
        false => &[("Организация", 2300), ("Вывод", 5355), ("Значимость", 1700)],
    };
    let rows = report.findings.iter().map(|finding| {
        let severity = severity_words(finding.severity).to_owned();
        let advice = finding.recommendation.clone().unwrap_or_default();
        match own {
            true => vec![finding.text.clone(), advice, severity],
            false => vec![finding.organisation.clone(), finding.text.clone(), severity],
        }
    });
    document.table(columns, rows);
}

/// All indicators in one table.
pub(super) fn summary(document: &mut Document, report: &Report) {
    if report.whose.is_some() {
        let columns = [
            ("Показатель", 4155),
            ("Значение", 1300),
            ("Медиана", 1300),
            ("Место", 1300),
            ("Раньше", 1300),
        ];
        let rows = report.indicators.iter().map(|indicator| {
            let own = indicator.own();
            let median = indicator.municipality;
            let dash = || "—".to_owned();
            vec![
                indicator.heading(),
                own.map_or_else(dash, |row| indicator.shown(row.value)),
                median.map_or_else(dash, |a| indicator.between(a.median)),
                own.and_then(|row| row.rank)
                    .map_or_else(dash, |rank| format!("{rank} из {}", indicator.rows.len())),
                own.and_then(|row| row.earlier).map_or_else(dash, |value| indicator.shown(value)),
            ]
        });
        return document.table(&columns, rows);
    }
    let columns = [
        ("Показатель", 3755),
        ("Среднее", 1150),
        ("Медиана", 1150),
        ("Мин.", 1100),
        ("Макс.", 1100),
        ("Орг.", 1100),
    ];
    let rows = report.indicators.iter().map(|indicator| {
        let mut row = vec![indicator.heading()];
        match indicator.municipality {
            Some(a) => {
                row.extend([a.mean, a.median, a.min, a.max].map(|value| indicator.between(value)));
            }
            None => row.extend(["—"; 4].map(str::to_owned)),
        }
        row.push(indicator.rows.len().to_string());
        row
    });
    document.table(&columns, rows);
}

/// What those have who are too few to be compared: their own values, as the page shows them.
pub(super) fn few(document: &mut Document, report: &Report) {
    let few = report.indicators.iter().filter(|indicator| indicator.municipality.is_none());
    let rows: Vec<Vec<String>> = few
        .flat_map(|indicator| {
            indicator.rows.iter().map(|row| {
                vec![indicator.heading(), row.organisation.clone(), indicator.shown(row.value)]
            })
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    document.text(&format!(
        "Организаций со значением меньше {}: средних нет, есть значения.",
        report.min_count
    ));
    let columns = [("Показатель", 4655), ("Организация", 3200), ("Значение", 1500)];
    document.table(&columns, rows.into_iter());
}

/// The charts of many indicators, drawn together.
pub(super) struct Drawn {
    pictures: Vec<Picture>,
    /// How many each indicator has.
    counts: Vec<usize>,
}

impl Drawn {
    /// Draws what `charts` says of each indicator.
    ///
    /// # Errors
    /// When one cannot be drawn, and why.
    pub(super) fn of<'a>(
        indicators: impl Iterator<Item = &'a Indicator>,
        charts: impl Fn(&Indicator) -> [Option<Chart>; 2],
    ) -> Result<Self, String> {
        let (mut all, mut counts) = (Vec::new(), Vec::new());
        for indicator in indicators {
            let before = all.len();
            all.extend(charts(indicator).into_iter().flatten());
            counts.push(all.len() - before);
        }
        Ok(Drawn { pictures: chart::pictures(&all)?, counts })
    }

    /// The pictures of each indicator, in their order.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Picture]> {
        let mut rest = self.pictures.as_slice();
        self.counts.iter().map(move |count| {
            let (own, others) = rest.split_at(*count);
            rest = others;
            own
        })
    }
}

/// An indicator by itself: how it lies, how it went, and who has what.
fn one(document: &mut Document, indicator: &Indicator, report: &Report, pictures: &[Picture]) {
    document.lead(&indicator.spread(report.min_count));
    if let Some(tendency) = indicator.tendency() {
        document.lead(&tendency);
    }
    for picture in pictures {
        document.picture(picture);
    }
    if report.whose.is_none() {
        let columns =
            [("Место", 1100), ("Организация", 4655), ("Значение", 1800), ("Прошлый период", 1800)];
        let rows = indicator.rows.iter().map(|row| {
            let apart = if row.apart { " *" } else { "" };
            vec![
                row.rank.map_or_else(|| "—".to_owned(), |rank| rank.to_string()),
                row.organisation.clone(),
                format!("{}{apart}", indicator.shown(row.value)),
                row.earlier.map_or_else(|| "—".to_owned(), |value| indicator.shown(value)),
            ]
        });
        document.table(&columns, rows);
        if indicator.rows.iter().any(|row| row.apart) {
            document.small("* стоит особняком: далеко от медианы");
        }
    }
    if !indicator.withheld.is_empty() {
        let without = indicator.withheld.iter();
        let without: Vec<String> =
            without.map(|(organisation, reason)| format!("{organisation} ({reason})")).collect();
        document.small(&format!("Без значения: {}.", without.join("; ")));
    }
}
