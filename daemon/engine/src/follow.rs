//! Rows that the department has given to everybody, once it has changed them: they change in the answers
//! that were given before. Whoever has answered since has seen the change, and said what he says.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vekha_analysis::Values;
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{Beside, EXPLANATIONS, validate};
use vekha_roadmap::model::{
    Activity, Field, FieldKind, Form, Known, KnownRows, KnownValue, PeriodOf, Table, Work,
};
use vekha_roadmap::pattern::alike;

use crate::data::RunData;
use crate::key::RunKey;
use crate::known::{Said, ours};

/// Carries what the department has changed into the run's answers that were given before.
pub fn follow(road_map: &RoadMap, key: &RunKey, data: &mut BTreeMap<RunKey, RunData>) {
    let (Some(activity), Some(run)) = (road_map.activity(&key.activity), data.get_mut(key)) else {
        return;
    };
    let changes = changes(road_map, activity, run);
    if changes.is_empty() || run.followed {
        return;
    }
    run.followed = true;
    let department = &road_map.department().code;
    let own = run.answers.remove(department).unwrap_or_default();
    let RunData { answers, replaced, .. } = run;
    let before = replaced.get(department);
    for (_, answers) in answers.iter_mut().filter(|(code, _)| !replaced.contains_key(*code)) {
        for change in &changes {
            // To ask costs more than to carry, and hardly anybody has explained anything.
            if !answers.contains_key(EXPLANATIONS) {
                change.carry_into(answers);
                continue;
            }
            let asked = questions(change.form, key, answers, before);
            change.carry_into(answers);
            let asks = questions(change.form, key, answers, Some(&own));
            forget_stale(answers, &asked, &asks);
        }
    }
    run.answers.insert(department.clone(), own);
}

/// What an answer has to explain, by the path of what is asked about.
fn questions(
    form: &Form,
    key: &RunKey,
    answers: &Values,
    department: Option<&Values>,
) -> BTreeMap<String, String> {
    let mut unexplained = answers.clone();
    unexplained.remove(EXPLANATIONS);
    let beside = Beside { department, period: Some(key.period), ..Beside::default() };
    let wrong = validate(form, &unexplained, beside).err().unwrap_or_default();
    let asked = wrong.into_iter().filter_map(|error| {
        let path = error.field.strip_prefix(EXPLANATIONS)?.strip_prefix('.')?;
        Some((path.to_owned(), error.message))
    });
    asked.collect()
}

/// What was explained explains nothing that is asked about only now.
fn forget_stale(
    answers: &mut Values,
    asked: &BTreeMap<String, String>,
    asks: &BTreeMap<String, String>,
) {
    let Some(Value::Object(explanations)) = answers.get_mut(EXPLANATIONS) else { return };
    let asked: BTreeSet<&String> = asked.values().collect();
    explanations.retain(|path, _| asks.get(path).is_none_or(|question| asked.contains(question)));
    if explanations.is_empty() {
        answers.remove(EXPLANATIONS);
    }
}

/// What the department has changed, by the field that its rows stand in.
pub(crate) fn changes<'r>(
    road_map: &'r RoadMap,
    activity: &'r Activity,
    run: &RunData,
) -> Vec<Change<'r>> {
    let department = &road_map.department().code;
    let said = (run.replaced.get(department), run.answers.get(department));
    let (Some(before), Some(now)) = said else { return vec![] };
    let given = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => Some(collect),
        _ => None,
    });
    let given = given.flat_map(|collect| {
        let form = road_map.forms.get(&collect.form);
        collect.known.iter().filter_map(move |known| Given::of(activity, known, form?))
    });
    given.map(|given| given.change(before, now)).filter(|change| !change.is_empty()).collect()
}

/// Rows of the department in a table of everybody's.
struct Given<'r> {
    form: &'r Form,
    field: &'r Field,
    table: &'r Table,
    rows: &'r KnownRows,
}

impl<'r> Given<'r> {
    /// None where rows do not follow what the department says later.
    fn of(activity: &Activity, known: &'r Known, form: &'r Form) -> Option<Given<'r>> {
        let KnownValue::Rows(rows) = &known.value else { return None };
        let field = form.field(&known.field)?;
        let FieldKind::Table(table) = &field.kind else { return None };
        let is_own = known.activity == activity.id && known.period == PeriodOf::Current;
        (known.of_department && is_own && !rows.same.is_empty()).then_some(Given {
            form,
            field,
            table,
            rows,
        })
    }

    /// Its rows, as they stand in the table of everybody.
    fn rows(&self, answers: &Values) -> Vec<Values> {
        let said = Said { answers, figures: Values::new() };
        let theirs = said.rows(self.rows).into_iter();
        theirs.map(|row| ours(self.table, self.rows, row)).collect()
    }

    fn change(self, before: &Values, now: &Values) -> Change<'r> {
        let (mut gone, mut come) = (self.rows(before), self.rows(now));
        // What stands as it was; what is the same work; of several the one that has changed least.
        gone.retain(|row| {
            take(&mut come, |other| usize::from(says_the_same(row, other))).is_none()
        });
        let same = |row: &Values, other: &Values| {
            self.rows.same.iter().all(|column| alike_values(row.get(column), other.get(column)))
        };
        let mut moved = Vec::new();
        gone.retain(|row| {
            let alike = |other: &Values| {
                let kept =
                    row.iter().filter(|(id, value)| alike_values(Some(*value), other.get(*id)));
                if same(row, other) { 1 + kept.count() } else { 0 }
            };
            let to = take(&mut come, alike);
            let stays = to.is_none();
            moved.extend(to.map(|to| (row.clone(), to)));
            stays
        });
        let mut fates = Fates::default();
        gone.iter().for_each(|row| fates.tell(row, None));
        moved.iter().enumerate().for_each(|(place, (row, _))| fates.tell(row, Some(place)));
        Change { form: self.form, field: self.field, moved, gone, come, fates }
    }
}

/// What becomes of the department's rows, found by what they say however it is written. Each row of
/// everybody's is compared with all of them at once.
#[derive(Debug, Default)]
struct Fates {
    /// By the columns in which rows say something, and by what they say there: the place among those that
    /// moved; none if it is gone.
    by_columns: BTreeMap<Vec<String>, BTreeMap<Vec<String>, Option<usize>>>,
}

impl Fates {
    fn tell(&mut self, row: &Values, fate: Option<usize>) {
        let said = row.values().map(plain).collect();
        let same_columns = self.by_columns.entry(row.keys().cloned().collect()).or_default();
        same_columns.entry(said).or_insert(fate);
    }

    /// What becomes of a row of somebody's, if it is one of the department's.
    fn of(&self, row: &Values) -> Option<Option<usize>> {
        self.by_columns.iter().find_map(|(columns, fates)| {
            let said = columns.iter().map(|column| row.get(column).map(plain));
            fates.get(&said.collect::<Option<Vec<String>>>()?).copied()
        })
    }
}

/// A cell without what people write one way or another: a text stays one, a number another thing.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}", alike(text)),
        other => other.to_string(),
    }
}

/// Takes the first row out that is the most alike, if any is at all.
fn take(rows: &mut Vec<Values>, alike: impl Fn(&Values) -> usize) -> Option<Values> {
    let all = rows.iter().enumerate().map(|(place, row)| (alike(row), Reverse(place)));
    let (_, Reverse(place)) = all.filter(|(alike, _)| *alike > 0).max()?;
    Some(rows.remove(place))
}

/// What has changed in the rows of a table.
#[derive(Debug)]
pub(crate) struct Change<'r> {
    form: &'r Form,
    /// The table that they stand in.
    pub field: &'r Field,
    /// Rows and what they are now.
    moved: Vec<(Values, Values)>,
    gone: Vec<Values>,
    /// Rows that nobody has seen yet.
    pub come: Vec<Values>,
    fates: Fates,
}

impl Change<'_> {
    fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.gone.is_empty() && self.come.is_empty()
    }

    /// Changes the rows that changed and leaves out those that are gone. What came is left to people: there
    /// is more to be said of a row than the department says.
    fn carry_into(&self, answers: &mut Values) {
        let Some(Value::Array(rows)) = answers.get_mut(&self.field.id) else { return };
        // Where each row stands now, as far as what was explained of it still holds.
        let mut places: Vec<Option<usize>> = Vec::with_capacity(rows.len());
        let mut kept = 0;
        rows.retain_mut(|row| {
            let Value::Object(row) = row else {
                places.push(Some(kept));
                kept += 1;
                return true;
            };
            let fate = self.fates.of(row);
            let gone = fate == Some(None);
            places.push(fate.is_none().then_some(kept));
            kept += usize::from(!gone);
            // Whatever the department does not say is the organisation's.
            if let Some((from, to)) = fate.flatten().map(|place| &self.moved[place]) {
                from.keys().filter(|column| !to.contains_key(*column)).for_each(|column| {
                    row.remove(column);
                });
                let changed =
                    to.iter().filter(|(id, value)| !alike_values(from.get(*id), Some(*value)));
                row.extend(changed.map(|(id, value)| (id.clone(), value.clone())));
            }
            !gone
        });
        if rows.is_empty() {
            answers.remove(&self.field.id);
        }
        self.explain(answers, &places);
    }

    /// What was explained of rows goes with them; of those that changed, it explains something else.
    fn explain(&self, answers: &mut Values, places: &[Option<usize>]) {
        let Some(Value::Object(explanations)) = answers.get_mut(EXPLANATIONS) else { return };
        let of_row = |path: &str| {
            let (place, rest) =
                path.strip_prefix(&self.field.id)?.strip_prefix('[')?.split_once(']')?;
            Some((place.parse::<usize>().ok()?, rest.to_owned()))
        };
        let all = std::mem::take(explanations).into_iter();
        explanations.extend(all.filter_map(|(path, said)| match of_row(&path) {
            None => Some((path, said)),
            Some((place, rest)) => {
                let place = places.get(place).copied().flatten()?;
                Some((format!("{}[{place}]{rest}", self.field.id), said))
            }
        }));
        if explanations.is_empty() {
            answers.remove(EXPLANATIONS);
        }
    }
}

/// Whether two rows say the same, however it is written.
fn says_the_same(own: &Values, theirs: &Values) -> bool {
    own.len() == theirs.len()
        && own.iter().all(|(column, value)| alike_values(Some(value), theirs.get(column)))
}

/// Whether two cells say the same, however it is written.
fn alike_values(own: Option<&Value>, theirs: Option<&Value>) -> bool {
    match (own, theirs) {
        (Some(Value::String(own)), Some(Value::String(theirs))) => alike(own) == alike(theirs),
        (own, theirs) => own == theirs,
    }
}
