//! What a form shows to be confirmed: what other runs have asked already, put into its fields. Pure:
//! the daemon loads the data and keeps what comes of it as drafts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use vekha_analysis::Values;
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{EXPLANATIONS, single};
use vekha_roadmap::formula::Layer;
use vekha_roadmap::model::{
    Activity, Collect, Field, FieldKind, Form, Known, KnownRows, KnownValue, Rows, Table,
};

use crate::data::{RunData, known_run};
use crate::follow::changes;
use crate::key::RunKey;

/// By what name a form that was filled so says from where.
pub const KNOWN: &str = "прежние сведения организации";

/// What is known of the answers to a collect stage: organisation code -> answers.
pub fn known(
    road_map: &RoadMap,
    key: &RunKey,
    stage: &str,
    data: &BTreeMap<RunKey, RunData>,
) -> BTreeMap<String, Values> {
    let mut all = BTreeMap::new();
    let activity = road_map.activity(&key.activity);
    let asked = activity.and_then(|activity| Some((activity, activity.collect(stage)?)));
    let Some((activity, collect)) = asked else { return all };
    let Some(form) = road_map.forms.get(&collect.form) else { return all };
    if collect.again.is_some()
        && let Some(run) = data.get(key)
    {
        let before = run.answers.iter();
        all.extend(before.map(|(code, answers)| (code.clone(), once_more(form, answers))));
        for change in changes(road_map, activity, run) {
            let FieldKind::Table(table) = &change.field.kind else { continue };
            for said in all.values_mut().filter_map(|said| said.get_mut(&change.field.id)) {
                let Value::Array(standing) = said else { continue };
                change.come.iter().for_each(|row| put(standing, table, row.clone()));
            }
        }
    }
    // Who was silent when it was asked first is shown what it was shown then.
    let told = all.iter().filter(|(_, said): &(_, &Values)| !said.is_empty());
    let told: BTreeSet<String> = told.map(|(code, _)| code.clone()).collect();
    let asked = known_of(activity, stage, collect);
    for (known, asks) in asked {
        let is_shown = |code: &String| asks == stage || !told.contains(code);
        let Some(run) = data.get(&known_run(activity, key, known)) else { continue };
        let Some(field) = form.field(&known.field) else { continue };
        let mut figures = figures(run);
        if known.of_department {
            let department = &road_map.department().code;
            let Some(answers) = run.answers.get(department) else { continue };
            let figures = figures.remove(department.as_str()).unwrap_or_default();
            let said = Said { answers, figures };
            let codes = road_map.organisations.iter().map(|one| &one.code);
            for code in codes.filter(|code| is_shown(code)) {
                said.fill(all.entry(code.clone()).or_default(), field, known);
            }
            continue;
        }
        for (code, answers) in run.answers.iter().filter(|(code, _)| is_shown(code)) {
            let figures = figures.remove(code.as_str()).unwrap_or_default();
            let said = Said { answers, figures };
            let filled: &mut Values = all.entry(code.clone()).or_default();
            said.fill(filled, field, known);
        }
    }
    for answers in all.values_mut() {
        without_too_many(form, collect, answers);
    }
    all.retain(|_, answers| !answers.is_empty());
    all
}

/// What a stage shows to be confirmed, and by which stage it is said: one that asks once more shows
/// what the first one shows, too.
pub(crate) fn known_of<'a>(
    activity: &'a Activity,
    stage: &'a str,
    collect: &'a Collect,
) -> impl Iterator<Item = (&'a Known, &'a str)> {
    let first = activity.first_of(stage);
    let earlier = Some(first).filter(|first| *first != stage);
    let earlier = earlier.and_then(|first| Some((activity.collect(first)?, first)));
    let all = [(collect, stage)].into_iter().chain(earlier);
    all.flat_map(|(collect, stage)| collect.known.iter().map(move |known| (known, stage)))
}

/// What was answered to the same form before, with its explanations. Files stay where they were given:
/// whoever has another one gives it.
fn once_more(form: &Form, answers: &Values) -> Values {
    let asked = |id: &String| {
        let field = form.field(id);
        let said = field.is_some_and(|field| !matches!(field.kind, FieldKind::File(_)));
        said || id == EXPLANATIONS
    };
    answers.iter().filter(|(id, _)| asked(id)).map(|(id, v)| (id.clone(), v.clone())).collect()
}

/// The indicators of a run, by organisation.
fn figures(run: &RunData) -> BTreeMap<&str, Values> {
    let mut all: BTreeMap<&str, Values> = BTreeMap::new();
    for (code, indicator, value) in run.analyses.iter().flat_map(|(_, o)| o.values()) {
        all.entry(code).or_default().insert(indicator.to_owned(), value.into());
    }
    all
}

/// What an organisation has said in a run, and what was computed of it.
pub(crate) struct Said<'a> {
    pub answers: &'a Values,
    pub figures: Values,
}

impl Said<'_> {
    fn fill(&self, filled: &mut Values, field: &Field, known: &Known) {
        match (&known.value, &field.kind) {
            (KnownValue::Formula(formula), _) => {
                if let Ok(Some(value)) = formula.evaluate_in(&self.layers()) {
                    filled.insert(field.id.clone(), value);
                }
            }
            (KnownValue::Rows(rows), FieldKind::Table(table)) => {
                let standing =
                    filled.entry(field.id.clone()).or_insert_with(|| Value::Array(vec![]));
                let Value::Array(standing) = standing else { return };
                for theirs in self.rows(rows) {
                    put(standing, table, ours(table, rows, theirs));
                }
            }
            (KnownValue::Rows(_), _) => {}
        }
    }

    fn layers(&self) -> [Layer<'_>; 2] {
        [Layer::All(&self.figures), Layer::All(self.answers)]
    }

    /// The rows that count.
    pub fn rows<'s>(&'s self, rows: &'s KnownRows) -> Vec<&'s Values> {
        let layers = self.layers();
        let all = self.answers.get(&rows.table).and_then(Value::as_array);
        let all = all.into_iter().flatten().filter_map(Value::as_object);
        let counts = |row: &&Values| {
            let Some(when) = &rows.when else { return true };
            let layers = [Layer::Record("row", row, None), layers[0], layers[1]];
            when.holds_in(&layers) == Ok(Some(true))
        };
        all.filter(counts).collect()
    }
}

/// A row of ours from a row of theirs; a value that does not fit is left to the person.
pub(crate) fn ours(table: &Table, rows: &KnownRows, theirs: &Values) -> Values {
    let named = |list: &'_ [(String, String)], id: &str| {
        list.iter().find(|(column, _)| column == id).map(|(_, value)| value.clone())
    };
    let mut ours = Map::new();
    for column in &table.columns {
        let always = named(&rows.always, &column.id).map(Value::from);
        let come = || {
            let from = named(&rows.columns, &column.id).unwrap_or_else(|| column.id.clone());
            theirs.get(&from).cloned()
        };
        let otherwise = || named(&rows.otherwise, &column.id).map(Value::from);
        let mut tries = [always, come(), otherwise()].into_iter().flatten();
        if let Some(value) = tries.find_map(|raw| single(column, &raw).ok()) {
            ours.insert(column.id.clone(), value);
        }
    }
    if let Some(heading) = theirs.get("row") {
        ours.insert("row".to_owned(), heading.clone());
    }
    ours
}

/// Puts a row among those that stand: where the rows are given, into the one of its heading.
fn put(standing: &mut Vec<Value>, table: &Table, mut row: Values) {
    match &table.rows {
        Rows::Free { .. } => {
            row.remove("row");
            if !row.is_empty() {
                standing.push(row.into());
            }
        }
        Rows::Fixed(headings) => {
            let heading = row.remove("row");
            let place = heading.as_ref().and_then(Value::as_str);
            let place = place.and_then(|heading| headings.iter().position(|h| h == heading));
            let Some(place) = place else { return };
            if standing.len() < headings.len() {
                standing.resize(headings.len(), Value::Object(Map::new()));
            }
            if let Value::Object(known) = &mut standing[place] {
                known.extend(row);
            }
        }
    }
}

/// No more rows than the form takes; what fills nothing is left out.
fn without_too_many(form: &Form, collect: &Collect, answers: &mut Values) {
    let filled = collect.known.iter().map(|known| known.field.as_str());
    for field in filled.filter_map(|id| form.field(id)) {
        let FieldKind::Table(table) = &field.kind else { continue };
        let Some(Value::Array(rows)) = answers.get_mut(&field.id) else { continue };
        if let Rows::Free { max, .. } = table.rows {
            rows.truncate(max);
        }
        if rows.is_empty() {
            answers.remove(&field.id);
        }
    }
}
