//! Which runs a report on a period covers.

use jiff::Timestamp;
use vekha_engine::RunKey;
use vekha_engine::run::Run;
use vekha_roadmap::period::Period;

use crate::runtime::Runtime;
use crate::runtime::road_maps::Version;
use crate::store::StoreError;
use crate::store::read::{Filter, Page};

/// A municipality's runs by themselves, without what belongs to them.
pub(crate) async fn every_run(
    runtime: &Runtime,
    municipality: &str,
) -> Result<Vec<Run>, StoreError> {
    let filter = Filter { municipality: Some(municipality.to_owned()), ..Filter::default() };
    let store = runtime.store();
    let rows = store.list_runs(&filter, &Page::all()).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        runs.extend(store.readable(&row.id, row.bare())?.map(|(run, _)| run));
    }
    Ok(runs)
}

/// The runs that the report of a publish stage covers; its own is one of them.
pub(crate) async fn covered(
    runtime: &Runtime,
    version: &Version,
    key: &RunKey,
    stage: &str,
    now: Timestamp,
) -> Result<Vec<RunKey>, StoreError> {
    let runs = every_run(runtime, &key.municipality).await?;
    let published = |run: &Run, stage: Option<&str>| {
        let own = run.stages.iter().filter(|one| stage.is_none_or(|stage| one.id == stage));
        own.filter(|one| !one.location.is_empty()).filter_map(|one| one.completed_at).max()
    };
    // What was published once covers, rendered again, what it covered then.
    let own = runs.iter().find(|run| run.key == *key);
    let until = own.and_then(|run| published(run, Some(stage))).unwrap_or(now);
    let before = runs.iter().filter(|run| {
        let RunKey { activity, part, period, .. } = &run.key;
        *activity == key.activity && *part == key.part && period.last_day() < key.period.last_day()
    });
    // A later road map may name the stage otherwise.
    let since = before.filter_map(|run| Some((run.key.period.last_day(), published(run, None)?)));
    let since = since.max();
    let begins = version.road_map.municipality.opening(key.period.first_day());
    let span = Span { period: key.period, begins, since: since.map(|(_, at)| at), until };
    let covers =
        |run: &Run| run.key == *key || span.covers(run.key.period, run.opened_at, run.ended_at);
    Ok(runs.into_iter().filter(covers).map(|run| run.key).collect())
}

/// A run is told of when it has ended, once: in the first report after that. As long as it is open
/// though its period is over with that of the report, every report says so.
struct Span {
    period: Period,
    /// When the period begins.
    begins: Timestamp,
    /// When the report before this one was published, if there was one.
    since: Option<Timestamp>,
    /// When this one is.
    until: Timestamp,
}

impl Span {
    fn covers(&self, period: Period, opened: Timestamp, ended: Option<Timestamp>) -> bool {
        let over = period.last_day() <= self.period.last_day();
        match (ended.filter(|at| *at <= self.until), self.since) {
            (Some(ended), Some(since)) => ended > since,
            // The first one tells what has ended since its period began, and all of the period.
            (Some(ended), None) => {
                ended >= self.begins || (over && period.first_day() >= self.period.first_day())
            }
            (None, _) => over && opened <= self.until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().expect("a day")
    }

    fn period(text: &str) -> Period {
        text.parse().expect("a period")
    }

    /// Reports of three years, published in August; which of them cover the run.
    fn reports(about: &str, opened: &str, ended: Option<&str>) -> Vec<&'static str> {
        let published = [("2025-26", "2026-08-20"), ("2026-27", "2027-08-18")];
        let published = published.into_iter().chain([("2027-28", "2028-08-21")]);
        let mut since = None;
        let mut covered = Vec::new();
        for (name, day) in published {
            let own = period(name);
            let begins = at(&own.first_day().to_string());
            let span = Span { period: own, begins, since, until: at(day) };
            if span.covers(period(about), at(opened), ended.map(at)) {
                covered.push(name);
            }
            since = Some(at(day));
        }
        covered
    }

    #[test]
    fn a_run_is_in_one_report_whatever_its_period_and_again_only_as_long_as_it_is_open() {
        for (about, opened, ended, expected) in [
            // Of its own year; of the year before, as low results are looked for in autumn.
            ("2026-27", "2027-05-20", "2027-06-30", &["2026-27"][..]),
            ("2025-26", "2026-09-15", "2026-11-20", &["2026-27"]),
            // What straddles the border of school years, and what ends between report and border.
            ("2026-Q3", "2026-09-07", "2026-09-30", &["2026-27"]),
            ("2026-H2", "2026-12-15", "2027-02-01", &["2026-27"]),
            ("2027-Q3", "2027-08-19", "2027-08-30", &["2027-28"]),
            ("2027", "2027-02-01", "2027-12-30", &["2027-28"]),
            // It was open when its year was reported on.
            ("2025-26", "2026-06-01", "2026-09-02", &["2025-26", "2026-27"]),
            ("2025-26", "2026-06-01", "2027-10-02", &["2025-26", "2026-27", "2027-28"]),
            // Before the first report: all of its period, and what ended in it.
            ("2025-26", "2025-05-01", "2025-06-01", &["2025-26"]),
            ("2024-25", "2025-05-01", "2025-10-01", &["2025-26"]),
            ("2024-25", "2025-05-01", "2025-06-01", &[]),
        ] {
            assert_eq!(reports(about, opened, Some(ended)), expected, "{about}, ended {ended}");
        }
        assert_eq!(reports("2026-27", "2027-05-20", None), ["2026-27", "2027-28"]);
    }
}
