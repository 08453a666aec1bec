//! Stages that begin on a day of their own, and those that ask once more.

use std::collections::BTreeSet;

use super::Check;
use crate::diagnostic::perhaps;
use crate::model::{Activity, Collect, Every, Stage, Work};
use crate::period::Period;
use crate::russian::date_words;

/// A wait longer than this is told: the day was perhaps meant to be before the run opens.
const LONG_WAIT_DAYS: i32 = 183;

/// A year in which waits are counted, with the one after it.
const SOME_YEAR: i16 = 2027;

impl Check<'_> {
    /// A day after the run's opening and before the next one's: else it means another day than its
    /// writer had in mind.
    pub(super) fn not_before(&self, activity: &Activity, at: &str, stage: &Stage) {
        let Some(day) = stage.not_before else { return };
        let at = format!("{at}/not-before");
        let schedule = &activity.schedule;
        let days = match &schedule.every {
            Every::Once { opens } => return self.long_wait(&at, *opens, day.on_or_after(*opens)),
            Every::Yearly { opens } => opens.as_slice(),
            Every::Rotation { opens, .. } => std::slice::from_ref(opens),
            _ => return,
        };
        for (place, opens) in days.iter().enumerate() {
            let opens = opens.in_year(SOME_YEAR);
            let begins = day.on_or_after(opens);
            let next = match days.get(place + 1) {
                Some(next) => next.in_year(SOME_YEAR),
                None => days[0].in_year(SOME_YEAR + 1),
            };
            if begins >= next {
                let period: Period = schedule.period_on(opens);
                let message = format!(
                    "выполнение за {} открывается {}, а этот день наступит лишь {} — когда откроется \
                     уже следующее",
                    period.words(),
                    date_words(opens),
                    date_words(begins)
                );
                return self.error(&at, message, None);
            }
            self.long_wait(&at, opens, begins);
        }
    }

    fn long_wait(&self, at: &str, opens: jiff::civil::Date, begins: jiff::civil::Date) {
        let wait = (begins - opens).get_days();
        if wait > LONG_WAIT_DAYS {
            let message = format!(
                "выполнение открывается {}, а этап начнётся лишь {}: через {wait} дней",
                date_words(opens),
                date_words(begins)
            );
            self.findings.warn(&self.findings.place(at), message);
        }
    }

    /// What is asked once more is the same form, of an earlier stage that is over by then.
    pub(super) fn again(&self, activity: &Activity, at: &str, stage: &Stage, collect: &Collect) {
        let Some(first) = &collect.again else { return };
        let at = format!("{at}/again");
        if let Some(source) = &collect.source {
            let message = format!(
                "форму заполняет или источник «{}», или первый ответ: нужно одно из двух",
                source.id
            );
            self.error(&at, message, None);
        }
        let earlier = || activity.stages.iter().take_while(|s| s.id != stage.id);
        let collects = earlier().filter(|s| activity.collect(&s.id).is_some());
        let Some(asked) = activity.collect(first).filter(|_| *first != stage.id) else {
            if !self.findings.stands(&format!("activities/{}/stage/{first}", activity.id)) {
                let help = perhaps(first, collects.map(|s| &s.id));
                self.error(&at, format!("до этого этапа нет этапа сбора «{first}»"), help);
            } else {
                self.error(&at, format!("«{first}» — не этап сбора раньше этого"), None);
            }
            return;
        };
        if asked.form != collect.form {
            let message = format!(
                "«{first}» спрашивает форму «{}», а этот этап — «{}»: ещё раз спрашивают то же",
                asked.form, collect.form
            );
            self.error(&at, message, None);
        }
        // Whoever is asked once more is shown what the department has changed: not while it still may.
        let before_it = before(activity, stage);
        let may_change = |other: &&Stage| match &other.work {
            Work::Collect(other) => other.again.is_some() && other.participants.is_department(),
            _ => false,
        };
        if activity.follows_department(&stage.id)
            && let Some(changes) = earlier().find(may_change)
            && !before_it.contains(changes.id.as_str())
        {
            let message = format!("пока идёт «{}», отдел ещё меняет строки этой формы", changes.id);
            self.error(&at, message, Some(format!("needs = [\"{}\"]", changes.id)));
        }
        if !before_it.contains(first.as_str()) {
            let message = format!("этап может начаться раньше, чем окончится «{first}»");
            let help = Some(format!("needs = [\"{first}\"]"));
            self.error(&at, message, help);
        }
    }
}

/// The stages that are done when one begins.
fn before<'a>(activity: &'a Activity, stage: &'a Stage) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut left: Vec<&str> = stage.needs.iter().map(String::as_str).collect();
    while let Some(id) = left.pop() {
        // Needs are looked for among earlier stages only, so this ends.
        if all.insert(id)
            && let Some((_, needed)) = activity.stage(id)
        {
            left.extend(needed.needs.iter().map(String::as_str));
        }
    }
    all
}
