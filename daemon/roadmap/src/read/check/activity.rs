//! What an activity names: its section, who is responsible, what it waits for, its turn.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::diagnostic::perhaps;
use crate::model::{Activity, Every, Participants, PeriodOf, Upstream, Work};

impl Check<'_> {
    pub(super) fn activity(&self, activity: &Activity) {
        let path = format!("activities/{}", activity.id);
        self.number(activity, &path);
        self.section(activity, &path);
        self.responsible(activity, &path);
        for (i, upstream) in activity.schedule.after.iter().enumerate() {
            self.upstream(activity, &format!("{path}/after/{i}"), upstream);
        }
        for stage in &activity.stages {
            self.stage(activity, &format!("{path}/stage/{}", stage.id), stage);
        }
        self.turns(activity, &path);
    }

    fn number(&self, activity: &Activity, path: &str) {
        let twin = self.road_map.activities.iter().find(|other| {
            !std::ptr::eq(*other, activity)
                && other.id != activity.id
                && other.number == activity.number
        });
        if let Some(twin) = twin {
            let message = format!("номер {} уже у «{}»", activity.number, twin.id);
            self.error(path, message, None);
        }
    }

    fn section(&self, activity: &Activity, path: &str) {
        let sections = || self.road_map.municipality.sections.iter().map(|s| &s.id);
        if !activity.section.is_empty() && !sections().any(|id| *id == activity.section) {
            let help = perhaps(&activity.section, sections());
            let message = format!("раздела «{}» нет", activity.section);
            self.error(&format!("{path}/section"), message, help);
        }
    }

    fn responsible(&self, activity: &Activity, path: &str) {
        let parties = &self.road_map.municipality.parties;
        for (i, party) in activity.responsible.iter().enumerate() {
            if !parties.contains_key(party) {
                let help = perhaps(party, parties.keys());
                let message = format!("ответственного «{party}» нет в [parties]");
                self.error(&format!("{path}/responsible/{i}"), message, help);
            }
        }
    }

    fn upstream(&self, activity: &Activity, at: &str, upstream: &Upstream) {
        let Some(other) = self.known_activity(at, &upstream.activity) else { return };
        if matches!(other.schedule.every, Every::Rotation { .. }) {
            let message = format!(
                "«{}» выполняется по организациям, а не целиком: его завершения не дождаться",
                other.id
            );
            self.error(at, message, None);
        }
        if let Some(stage) = &upstream.stage
            && other.stage(stage).is_none()
            && !self.has_unread_stages(other)
        {
            let help = perhaps(stage, other.stages.iter().map(|s| &s.id));
            let message = format!("в «{}» нет этапа «{stage}»", other.id);
            self.error(&format!("{at}/stage"), message, help);
        }
        if self.periods_differ(activity, other) {
            let message = format!(
                "«{}» считает периоды иначе: {} против {}",
                other.id, other.schedule.period, activity.schedule.period
            );
            let help = "у связанных мероприятий «period» одинаков".to_owned();
            self.error(at, message, Some(help));
        }
    }

    /// Whose turn it is is asked by some stage.
    fn turns(&self, activity: &Activity, path: &str) {
        let Every::Rotation { kinds, .. } = &activity.schedule.every else { return };
        let at = format!("{path}/schedule/each");
        let asks_each = |work: &Work| matches!(work, Work::Collect(collect) if collect.participants == Participants::Each);
        if !activity.stages.iter().any(|stage| asks_each(&stage.work)) {
            let message = "ни один этап не спрашивает организацию, чья очередь: \
                           participants = { each = true }";
            self.error(&at, message, None);
        }
        self.some_of_kinds(&at, kinds);
    }

    /// Activities that wait for each other in the same period would wait for ever.
    pub(super) fn cycles(&self) {
        let edges: BTreeMap<&str, Vec<&str>> = self
            .road_map
            .activities
            .iter()
            .map(|a| {
                let same = a.schedule.after.iter().filter(|u| u.period == PeriodOf::Current);
                (a.id.as_str(), same.map(|u| u.activity.as_str()).collect())
            })
            .collect();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for start in edges.keys() {
            let mut path = Vec::new();
            if let Some(cycle) = walk(start, &edges, &mut path, &mut done) {
                let numbers: Vec<String> = cycle.iter().map(|id| format!("«{id}»")).collect();
                self.error(
                    &format!("activities/{}/after/0", cycle[0]),
                    format!("мероприятия ждут друг друга по кругу: {}", numbers.join(" → ")),
                    Some("уберите одну из ссылок или поставьте period = \"previous\"".into()),
                );
            }
        }
    }
}

/// Follows edges from `at`; a cycle comes back with its first activity at both ends.
fn walk<'a>(
    at: &'a str,
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = path.iter().position(|id| *id == at) {
        let mut cycle = path[start..].to_vec();
        cycle.push(at);
        return Some(cycle);
    }
    if done.contains(at) {
        return None;
    }
    path.push(at);
    let found = edges.get(at).into_iter().flatten().find_map(|next| walk(next, edges, path, done));
    path.pop();
    done.insert(at);
    found
}
