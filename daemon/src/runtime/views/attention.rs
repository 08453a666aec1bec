//! What waits for the department: runs that stand still, terms that passed, drafts, decisions and
//! reports that only a person can bring on, letters that did not arrive.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use vekha_engine::RunKey;
use vekha_engine::run::AssignmentKind;
use vekha_engine::run::{RunState, StageState};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::Work;
use vekha_roadmap::russian::{date_words, plural};

use crate::access::Role;
use crate::runtime::Runtime;
use crate::runtime::views::overview::{Overview, Standing};

/// Something that a person should look at, gravest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A stage could not be done.
    Failed {
        /// Why.
        reason: String,
    },
    /// An upstream run was cancelled or skipped: the administrator says how to go on.
    Question,
    /// Participants are overdue.
    Silent {
        /// How many.
        count: usize,
    },
    /// Measures are overdue.
    MeasuresOverdue {
        /// How many.
        count: usize,
    },
    /// A decision is awaited.
    Decision {
        /// The stage's title.
        title: String,
        /// By when.
        due: Option<Date>,
        /// That has passed.
        late: bool,
        /// The stage.
        stage: String,
    },
    /// Participants wish for more time.
    Wishes {
        /// How many.
        count: usize,
    },
    /// Answers wait to be looked at before they count.
    Review {
        /// The stage's title.
        title: String,
        /// They count by themselves after this day.
        until: Date,
        /// The stage.
        stage: String,
    },
    /// Drafts wait for approval.
    Drafts {
        /// How many.
        count: usize,
    },
    /// Reports on measures wait for acceptance.
    Reports {
        /// How many.
        count: usize,
    },
    /// Letters did not arrive.
    Letters {
        /// How many.
        count: usize,
        /// Whom they did not reach: organisation codes.
        organisations: BTreeSet<String>,
    },
    /// A stage could not be done this time and is tried again by itself.
    PutOff {
        /// Why.
        reason: String,
    },
}

impl Need {
    /// Whether something stands still, or is late, because of it.
    pub fn is_grave(&self) -> bool {
        match self {
            Need::Decision { late, .. } => *late,
            Need::Failed { .. }
            | Need::Question
            | Need::Silent { .. }
            | Need::MeasuresOverdue { .. }
            | Need::Letters { .. } => true,
            Need::Wishes { .. }
            | Need::Review { .. }
            | Need::Drafts { .. }
            | Need::Reports { .. }
            | Need::PutOff { .. } => false,
        }
    }

    /// Who can bring it on.
    pub fn role(&self) -> Role {
        match self {
            Need::Failed { .. }
            | Need::Question
            | Need::Silent { .. }
            | Need::MeasuresOverdue { .. }
            | Need::Wishes { .. }
            | Need::Review { .. }
            | Need::Letters { .. }
            | Need::PutOff { .. } => Role::Operator,
            Need::Decision { .. } | Need::Drafts { .. } | Need::Reports { .. } => Role::Approver,
        }
    }

    /// For people.
    pub fn words(&self, map: &RoadMap) -> String {
        let of = |count: &usize, one: &str, few: &str, many: &str| {
            format!("{count} {}", plural(*count as i64, one, few, many))
        };
        match self {
            Need::Failed { reason } => format!("этап не выполнен: {reason}"),
            Need::PutOff { reason } => format!("этап отложен: {reason}"),
            Need::Question => {
                "предшествующее мероприятие не состоялось: начать без него или пропустить".into()
            }
            Need::Silent { count } => {
                let who = of(count, "организация", "организации", "организаций");
                format!("срок прошёл, не ответили: {who}")
            }
            Need::MeasuresOverdue { count } => {
                format!("срок исполнения прошёл: {}", of(count, "мера", "меры", "мер"))
            }
            Need::Decision { title, due, late, .. } => {
                let term = if *late { "срок прошёл" } else { "срок" };
                let due = due.map(|due| format!(", {term} {}", date_words(due)));
                let due = due.unwrap_or_default();
                // The usual title says nothing new.
                let title = match title.to_lowercase() == "управленческое решение"
                {
                    true => String::new(),
                    false => format!(": {title}"),
                };
                format!("ждёт решения{title}{due}")
            }
            Need::Wishes { count } => {
                let who = of(count, "организация", "организации", "организаций");
                format!("просят продлить срок: {who}")
            }
            Need::Review { title, until, .. } => {
                format!("ответы ждут проверки: {title}, до {}", date_words(*until))
            }
            Need::Drafts { count } => {
                let what = of(count, "проект", "проекта", "проектов");
                format!("ждут утверждения: {what} рекомендаций")
            }
            Need::Reports { count } => {
                let what = of(count, "отчёт", "отчёта", "отчётов");
                format!("ждут проверки: {what} об исполнении мер")
            }
            Need::Letters { count, organisations } => {
                let what = of(count, "письмо", "письма", "писем");
                let mut names: Vec<String> =
                    organisations.iter().take(3).map(|code| map.short_name(code)).collect();
                if organisations.len() > 3 {
                    names.push(format!("ещё {}", organisations.len() - 3));
                }
                format!("не доставлено {what}: {}", names.join(", "))
            }
        }
    }
}

/// All that needs attention, by run.
pub fn attention(runtime: &Runtime, overview: &Overview) -> BTreeMap<RunKey, Vec<Need>> {
    let now = runtime.clock().now();
    let waiting = &overview.waiting;
    let mut all = BTreeMap::new();
    for standing in &overview.standings {
        let id = standing.run.key.to_string();
        let mut needs = of_run(runtime, standing, now);
        let drafts = waiting.drafts.get(&id).filter(|_| !standing.run.state.ended());
        needs.extend(drafts.map(|count| Need::Drafts { count: *count }));
        needs.extend(waiting.reports.get(&id).map(|count| Need::Reports { count: *count }));
        needs.extend(waiting.failed.get(&id).map(|organisations| Need::Letters {
            count: organisations.len(),
            organisations: organisations.iter().cloned().collect(),
        }));
        if !needs.is_empty() {
            needs.sort();
            all.insert(standing.run.key.clone(), needs);
        }
    }
    all
}

/// Of what a run needs, what waits for somebody with this role, and what for others. What somebody else
/// sees to (`keeper`) waits for them, whatever one may oneself.
pub fn divided<'n>(
    needs: &'n [Need],
    role: Role,
    keeper: &str,
    name: Option<&str>,
) -> (Vec<&'n Need>, Vec<&'n Need>) {
    let is_mine = keeper.is_empty() || Some(keeper) == name;
    needs.iter().partition(|need| role >= need.role() && is_mine)
}

/// The gravest first; among equals in the road map's order.
pub fn in_order<'n>(
    map: &RoadMap,
    needs: &'n BTreeMap<RunKey, Vec<Need>>,
) -> Vec<(&'n RunKey, &'n Vec<Need>)> {
    let mut all: Vec<_> = needs.iter().collect();
    let number = |key: &RunKey| map.activity(&key.activity).map(|activity| activity.number);
    all.sort_by_key(|(key, needs)| (needs.first(), number(key), *key));
    all
}

/// What the run itself tells.
fn of_run(runtime: &Runtime, standing: &Standing, now: Timestamp) -> Vec<Need> {
    let run = &standing.run;
    let version = runtime.road_maps().version(&run.key.municipality, run.road_map);
    let Some(version) = version else { return vec![] };
    let municipality = &version.road_map.municipality;
    let mut needs = Vec::new();
    match run.state {
        RunState::Question => needs.push(Need::Question),
        RunState::Failed => {
            let failed = run.stages.iter().filter(|s| s.state == StageState::Failed);
            needs.extend(failed.map(|s| Need::Failed { reason: s.reason.clone() }));
        }
        _ => {}
    }
    let (mut silent, mut measures, mut wishes) = (0, 0, 0);
    for assignment in run.assignments.values() {
        let open = assignment.state.is_awaited();
        if open && assignment.request.is_some() {
            wishes += 1;
        }
        if open && now > municipality.closing(assignment.due) {
            match assignment.kind {
                AssignmentKind::Measure(_) => measures += 1,
                AssignmentKind::Collect | AssignmentKind::Acknowledge => silent += 1,
            }
        }
    }
    if silent > 0 {
        needs.push(Need::Silent { count: silent });
    }
    if measures > 0 {
        needs.push(Need::MeasuresOverdue { count: measures });
    }
    if wishes > 0 {
        needs.push(Need::Wishes { count: wishes });
    }
    if run.state.ended() {
        return needs;
    }
    let activity = version.road_map.activity(&run.key.activity);
    for stage in run.stages.iter().filter(|s| s.state == StageState::Active) {
        if !stage.reason.is_empty() {
            needs.push(Need::PutOff { reason: stage.reason.clone() });
        }
        let Some((_, definition)) = activity.and_then(|a| a.stage(&stage.id)) else { continue };
        if let Some(until) = stage.review {
            let (title, stage) = (definition.title.clone(), stage.id.clone());
            needs.push(Need::Review { title, until, stage });
        }
        if matches!(definition.work, Work::Decide(_)) {
            needs.push(Need::Decision {
                title: definition.title.clone(),
                due: stage.due,
                late: stage.due.is_some_and(|due| now > municipality.closing(due)),
                stage: stage.id.clone(),
            });
        }
    }
    needs
}
