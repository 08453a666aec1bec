//! What cannot be answered in time, and days off that may yet be others.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::Check;
use crate::model::{Activity, Available, Collect, Due, Every, MonthDay, Stage, Work};
use crate::russian::date_words;
use crate::schedule::due_date;

/// A year in which due dates are counted where the calendar describes none.
const SOME_YEAR: i16 = 2027;

impl Check<'_> {
    /// Whoever is asked before there is anything to answer can only be late.
    pub(super) fn available(&self) {
        for activity in &self.road_map.activities {
            for stage in &activity.stages {
                if let Work::Collect(collect) = &stage.work
                    && let Some(available) = collect.available_from
                    && let Some((due, from)) = self.too_early(activity, stage, collect, available)
                {
                    let at = format!("activities/{}/stage/{}/due", activity.id, stage.id);
                    let message = format!(
                        "срок {}, а сведения появятся {}: к сроку ответить нечем",
                        date_words(due),
                        date_words(from)
                    );
                    self.findings.warn(&self.findings.place(&at), message);
                }
            }
        }
    }

    /// The first due date that comes before the data, and when they come.
    fn too_early(
        &self,
        activity: &Activity,
        stage: &Stage,
        collect: &Collect,
        available: Available,
    ) -> Option<(Date, Date)> {
        let calendar = &self.road_map.calendar;
        let mut years: BTreeSet<i16> = calendar.years.keys().copied().collect();
        if years.is_empty() {
            years.insert(SOME_YEAR);
        }
        years.into_iter().find_map(|year| {
            // A stage that waits for others begins no sooner than the run.
            let opens: Vec<MonthDay> = match &activity.schedule.every {
                Every::Yearly { opens } => opens.clone(),
                Every::Rotation { opens, .. } => vec![*opens],
                // When it begins is not known; on which day it is due may be.
                _ => vec![],
            };
            let started = opens.iter().map(|day| {
                let opens = day.in_year(year);
                // Nor sooner than its own day.
                let begins = stage.not_before.map_or(opens, |day| day.on_or_after(opens));
                calendar.on_or_after(begins)
            });
            let mut dues: Vec<Date> = match collect.due {
                Due::After(_) if !stage.needs.is_empty() && stage.not_before.is_none() => vec![],
                due => started.map(|start| due_date(calendar, start, due)).collect(),
            };
            if let (Due::On(day), true) = (collect.due, dues.is_empty()) {
                dues.push(calendar.on_or_after(day.in_year(year)));
            }
            dues.into_iter().find_map(|due| {
                let from = match available {
                    Available::On(date) => date,
                    // The one that is nearest: what came half a year ago is there.
                    Available::Each(day) => (due.year() - 1..=due.year() + 1)
                        .map(|year| day.in_year(year))
                        .min_by_key(|from| (*from - due).get_days().abs())?,
                };
                let same_year =
                    matches!(available, Available::Each(_)) || from.year() == due.year();
                (same_year && due < from).then_some((due, from))
            })
        })
    }

    /// Terms in working days are as sure as the act that says which days are worked.
    pub(super) fn confirmed(&self) {
        for (year, described) in &self.road_map.calendar.years {
            if !described.confirmed {
                let message = format!(
                    "переносы выходных {year} года не утверждены: сроки в рабочих днях могут сдвинуться; \
                     сверьте с постановлением и уберите confirmed = false"
                );
                let place = self.findings.place(&format!("calendar/{year}"));
                self.findings.warn(&place, message);
            }
        }
    }
}
