//! What readers ask. Lists are walked by key: a page begins after the last key of the one before,
//! so that nothing is shown twice or left out while rows come and go.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    Select,
};
use vekha_analysis::Outcome;
use vekha_engine::run::{Assignment, AssignmentState, Decision, Measure, Recommendation, Run};
use vekha_engine::{AssignmentKey, RunKey};

use super::entities::{
    activity, analysis, assignment, decision, journal, measure, outbox, recommendation, run,
    submission,
};
use super::runs::{self, Load, Loaded};
use super::{Store, StoreError, document};

/// Most keys of one statement.
const ROWS: usize = 1000;

/// Which rows a list holds; what is not given does not restrict. Columns that a table lacks are
/// ignored.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Municipality id.
    pub municipality: Option<String>,
    /// Activity id.
    pub activity: Option<String>,
    /// Run id.
    pub run: Option<String>,
    /// Period, as in the run's key.
    pub period: Option<String>,
    /// Organisation code.
    pub organisation: Option<String>,
    /// State, as the column spells it.
    pub state: Option<String>,
    /// Stage id.
    pub stage: Option<String>,
    /// First day on which it is due.
    pub due_from: Option<Date>,
    /// Last day on which it is due.
    pub due_to: Option<Date>,
    /// A participant of runs.
    pub participant: Option<String>,
    /// Kind of letters or of journal entries.
    pub kind: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// Whether the result of a try is unknown.
    pub uncertain: Option<bool>,
    /// First day of which decisions are.
    pub date_from: Option<Date>,
    /// Last day of which decisions are.
    pub date_to: Option<Date>,
    /// No rows at all: what is asked for contradicts itself.
    pub nothing: bool,
}

impl Filter {
    /// How the ids begin of all that the filter asks for, as far as that tells what belongs to a
    /// municipality, an activity or a run.
    fn beginning(&self) -> Option<String> {
        let one_name = |name: &&String| !name.contains('/');
        let mut below = format!("{}/", self.municipality.as_ref().filter(one_name)?);
        if let Some(activity) = &self.activity {
            below = format!("{below}{}/", Some(activity).filter(one_name)?);
        }
        match &self.run {
            Some(run) if run.starts_with(&below) => Some(format!("{run}/")),
            Some(_) => None,
            None => Some(below),
        }
    }
}

/// Which part of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The key after which the page begins.
    pub after: Option<String>,
    /// Most rows.
    pub limit: u64,
}

impl Page {
    /// The beginning of a list.
    pub fn first(limit: u64) -> Self {
        Page { after: None, limit }
    }

    /// A whole list at once: for whoever will hold all of it anyway.
    pub fn all() -> Self {
        Page::first(i64::MAX as u64)
    }
}

macro_rules! equal {
    ($condition:ident, $entity:ident, $($column:ident = $value:expr),*) => {
        $(if let Some(value) = &$value {
            $condition = $condition.add($entity::Column::$column.eq(value.as_str()));
        })*
    };
}

/// A list by its string key.
macro_rules! list {
    ($entity:ident, $key:ident, $condition:ident, $page:ident) => {{
        if let Some(after) = &$page.after {
            $condition = $condition.add($entity::Column::$key.gt(after.as_str()));
        }
        $entity::Entity::find()
            .filter($condition)
            .order_by_asc($entity::Column::$key)
            .limit($page.limit)
    }};
}

/// What is below a municipality, an activity or a run, its id beginning with theirs. Where the list
/// is walked by key, SQLite is told so by a range of ids: it would else take an index over the
/// municipality and sort all that is there for every page anew.
macro_rules! below {
    ($self:ident, $entity:ident, $condition:ident, $filter:ident, $page:ident, $($column:ident = $value:expr),*) => {
        match $self.walked_by_key($filter, $page) {
            Some(beginning) => {
                // What follows the slash in the order of bytes is the zero.
                let end = format!("{}0", beginning.trim_end_matches('/'));
                $condition = $condition.add($entity::Column::Id.gt(beginning));
                $condition = $condition.add($entity::Column::Id.lt(end));
            }
            None => {
                equal!($condition, $entity, $($column = $value),*);
            }
        }
    };
}

/// What a filter says of runs, for tables that know no more than their run's id.
fn of_runs(f: &Filter, id: impl ColumnTrait) -> SimpleExpr {
    let mut c = Condition::all();
    equal!(c, run, Municipality = f.municipality, Activity = f.activity, Period = f.period);
    // Asked of each row on its way: what is walked by key stays so.
    let own = Expr::col((run::Entity, run::Column::Id)).equals(id.as_column_ref());
    let runs = run::Entity::find().select_only().expr(Expr::val(1)).filter(c.add(own));
    Expr::exists(runs.into_query())
}

/// The same of activities.
fn of_activities(f: &Filter, id: impl ColumnTrait) -> SimpleExpr {
    let mut c = Condition::all();
    equal!(c, activity, Municipality = f.municipality, Activity = f.activity);
    let own = Expr::col((activity::Entity, activity::Column::Id)).equals(id.as_column_ref());
    let all = activity::Entity::find().select_only().expr(Expr::val(1)).filter(c.add(own));
    Expr::exists(all.into_query())
}

/// The same where the table itself knows all but the period.
fn of_period(f: &Filter, id: impl ColumnTrait) -> Option<SimpleExpr> {
    f.period.as_ref().map(|_| of_runs(f, id))
}

/// Never true, if there is nothing to be found.
fn nothing(f: &Filter) -> Option<SimpleExpr> {
    f.nothing.then(|| Expr::val(1).eq(0))
}

/// Which submissions answer an assignment: told with its run, as the index has them.
fn to(assignment: &str) -> Condition {
    let run = assignment.rsplit_once('/').map_or("", |(run, _)| run);
    Condition::all()
        .add(submission::Column::Run.eq(run))
        .add(submission::Column::Assignment.eq(assignment))
}

impl Store {
    /// How the ids of a list begin that is best walked by key: unless its first page is better
    /// found by state or by what is due.
    fn walked_by_key(&self, f: &Filter, page: &Page) -> Option<String> {
        let indexed = f.state.is_some() || f.due_from.is_some() || f.due_to.is_some();
        // In PostgreSQL texts have orders of their own, and the planner knows the tables.
        let walked = !self.is_shared() && (page.after.is_some() || !indexed);
        f.beginning().filter(|_| walked)
    }

    /// Runs by id.
    ///
    /// # Errors
    /// When the database cannot be read; so for all that follow.
    pub async fn list_runs(&self, f: &Filter, page: &Page) -> Result<Vec<run::Model>, StoreError> {
        Ok(self.runs_of(f, page).all(self.reader()).await?)
    }

    fn runs_of(&self, f: &Filter, page: &Page) -> Select<run::Entity> {
        let mut c = Condition::all();
        let place = &Filter { run: None, ..f.clone() };
        below!(self, run, c, place, page, Municipality = f.municipality, Activity = f.activity);
        equal!(c, run, Id = f.run, Period = f.period, State = f.state);
        c = c.add_option(nothing(f)).add_option(f.participant.as_ref().map(|code| {
            let of_run = Expr::col((assignment::Entity, assignment::Column::Run));
            let own = Condition::all()
                .add(assignment::Column::Organisation.eq(code.as_str()))
                .add(of_run.equals(run::Column::Id.as_column_ref()));
            let takes_part = assignment::Entity::find().select_only().expr(Expr::val(1));
            Expr::exists(takes_part.filter(own).into_query())
        }));
        list!(run, Id, c, page)
    }

    /// Assignments by id.
    pub async fn list_assignments(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<assignment::Model>, StoreError> {
        Ok(self.assignments_of(f, page).all(self.reader()).await?)
    }

    /// The same in no order, of each the run, the stage, the organisation and the body.
    pub async fn bodies_of_assignments(
        &self,
        f: &Filter,
    ) -> Result<Vec<(String, String, String, String)>, StoreError> {
        let mut all = self.assignments_of(f, &Page::all());
        QuerySelect::query(&mut all).clear_order_by();
        Ok(all
            .select_only()
            .columns([
                assignment::Column::Run,
                assignment::Column::Stage,
                assignment::Column::Organisation,
                assignment::Column::Body,
            ])
            .into_tuple()
            .all(self.reader())
            .await?)
    }

    fn assignments_of(&self, f: &Filter, page: &Page) -> Select<assignment::Entity> {
        let mut c = Condition::all();
        below!(
            self,
            assignment,
            c,
            f,
            page,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run
        );
        equal!(c, assignment, Stage = f.stage, Organisation = f.organisation, State = f.state);
        c = c.add_option(nothing(f)).add_option(of_period(f, assignment::Column::Run));
        let dues = [&f.due_from, &f.due_to].map(|day| day.map(|day| day.to_string()));
        if f.state.is_none() && dues.iter().any(Option::is_some) {
            // The index has days within states.
            let states = AssignmentState::ALL.iter().map(|state| state.as_str());
            c = c.add(assignment::Column::State.is_in(states));
        }
        let [from, to] = dues;
        c = c.add_option(from.map(|day| assignment::Column::Due.gte(day)));
        c = c.add_option(to.map(|day| assignment::Column::Due.lte(day)));
        list!(assignment, Id, c, page)
    }

    /// Recommendations by id.
    pub async fn list_recommendations(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<recommendation::Model>, StoreError> {
        let mut c = Condition::all();
        below!(
            self,
            recommendation,
            c,
            f,
            page,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run
        );
        equal!(c, recommendation, Stage = f.stage, Organisation = f.organisation, State = f.state);
        c = c.add_option(nothing(f)).add_option(of_period(f, recommendation::Column::Run));
        Ok(list!(recommendation, Id, c, page).all(self.reader()).await?)
    }

    /// Decisions by id.
    pub async fn list_decisions(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<decision::Model>, StoreError> {
        let mut c = Condition::all();
        below!(
            self,
            decision,
            c,
            f,
            page,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run
        );
        let [from, to] = [f.date_from, f.date_to].map(|day| day.map(|day| day.to_string()));
        c = c.add_option(from.map(|day| decision::Column::Date.gte(day)));
        c = c.add_option(to.map(|day| decision::Column::Date.lte(day)));
        c = c.add_option(nothing(f)).add_option(of_period(f, decision::Column::Run));
        Ok(list!(decision, Id, c, page).all(self.reader()).await?)
    }

    /// Measures by id.
    pub async fn list_measures(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<measure::Model>, StoreError> {
        let mut c = Condition::all();
        below!(
            self,
            measure,
            c,
            f,
            page,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run
        );
        equal!(c, measure, Organisation = f.organisation, State = f.state);
        c = c.add_option(f.due_to.map(|day| measure::Column::Due.lte(day.to_string())));
        c = c.add_option(nothing(f)).add_option(of_period(f, measure::Column::Run));
        Ok(list!(measure, Id, c, page).all(self.reader()).await?)
    }

    /// Messages by key.
    pub async fn list_messages(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<outbox::Model>, StoreError> {
        let mut c = Condition::all();
        equal!(
            c,
            outbox,
            Municipality = f.municipality,
            Run = f.run,
            Organisation = f.organisation,
            State = f.state,
            Kind = f.kind
        );
        c = c.add_option(f.uncertain.map(|uncertain| outbox::Column::Uncertain.eq(uncertain)));
        let told_apart = f.activity.is_some() || f.period.is_some();
        let runs = told_apart.then(|| of_runs(f, outbox::Column::Run));
        c = c.add_option(nothing(f)).add_option(runs);
        Ok(list!(outbox, Key, c, page).all(self.reader()).await?)
    }

    /// One message.
    pub async fn message(&self, key: &str) -> Result<Option<outbox::Model>, StoreError> {
        Ok(outbox::Entity::find_by_id(key).one(self.reader()).await?)
    }

    /// A message by its Message-ID.
    pub async fn message_by_id(
        &self,
        message_id: &str,
    ) -> Result<Option<outbox::Model>, StoreError> {
        Ok(outbox::Entity::find()
            .filter(outbox::Column::MessageId.eq(message_id))
            .one(self.reader())
            .await?)
    }

    /// One run with all that belongs to it.
    pub async fn run(&self, key: &RunKey) -> Result<Option<Loaded>, StoreError> {
        let found = runs::load(self.reader(), &[key.to_string()], Load::Whole).await?;
        Ok(found.whole()?.remove(key))
    }

    /// A run by itself, without what belongs to it: enough for who looks at one of its assignments.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn bare_run(&self, key: &RunKey) -> Result<Option<Run>, StoreError> {
        let row = run::Entity::find_by_id(key.to_string()).one(self.reader()).await?;
        row.map(|row| runs::bare(&row).map(|(run, _)| run)).transpose()
    }

    /// Runs with all that belongs to them, as far as they exist and can be read.
    pub async fn runs(&self, keys: &[RunKey]) -> Result<BTreeMap<RunKey, Loaded>, StoreError> {
        let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
        let found = runs::load(self.reader(), &ids, Load::Whole).await?;
        for (id, e) in found.broken {
            self.readable::<()>(&id, Err(e))?;
        }
        Ok(found.runs)
    }

    /// What one participant owes, by itself.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn standing(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Option<Assignment>, StoreError> {
        let row = self.assignment(&format!("{run}/{key}")).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// A measure of a run by its number, from 1.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn measure(
        &self,
        run: &RunKey,
        number: usize,
    ) -> Result<Option<Measure>, StoreError> {
        let row = measure::Entity::find_by_id(format!("{run}/{number}")).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// One assignment.
    pub async fn assignment(&self, id: &str) -> Result<Option<assignment::Model>, StoreError> {
        Ok(assignment::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// What an organisation is recommended, without the rest of the run.
    pub async fn recommendation(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Option<Recommendation>, StoreError> {
        let id = format!("{run}/{key}");
        let row = recommendation::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// A decision by its number within the run, without the rest of the run.
    pub async fn decision(
        &self,
        run: &RunKey,
        number: usize,
    ) -> Result<Option<Decision>, StoreError> {
        let id = format!("{run}/{number}");
        let row = decision::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// The assignment that a link opens.
    pub async fn assignment_by_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<assignment::Model>, StoreError> {
        Ok(assignment::Entity::find()
            .filter(assignment::Column::TokenHash.eq(token_hash))
            .one(self.reader())
            .await?)
    }

    /// All versions of an answer, oldest first.
    pub async fn submissions(
        &self,
        assignment: &str,
    ) -> Result<Vec<submission::Model>, StoreError> {
        Ok(submission::Entity::find()
            .filter(to(assignment))
            .order_by_asc(submission::Column::Version)
            .all(self.reader())
            .await?)
    }

    /// All versions of the answers to these assignments, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn submissions_of(
        &self,
        assignments: &[String],
    ) -> Result<BTreeMap<String, Vec<submission::Model>>, StoreError> {
        let mut all: BTreeMap<String, Vec<submission::Model>> = BTreeMap::new();
        for chunk in assignments.chunks(ROWS) {
            // The index has them by their runs first.
            let runs = chunk.iter().filter_map(|id| Some(id.rsplit_once('/')?.0));
            let rows = submission::Entity::find()
                .filter(submission::Column::Run.is_in(runs.collect::<BTreeSet<_>>()))
                .filter(submission::Column::Assignment.is_in(chunk.iter().map(String::as_str)))
                .order_by_asc(submission::Column::Version)
                .all(self.reader())
                .await?;
            for row in rows {
                all.entry(row.assignment.clone()).or_default().push(row);
            }
        }
        Ok(all)
    }

    /// One version of an answer, by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn submission(&self, id: &str) -> Result<Option<submission::Model>, StoreError> {
        Ok(submission::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The newest version of an answer.
    pub async fn newest_submission(
        &self,
        assignment: &str,
    ) -> Result<Option<submission::Model>, StoreError> {
        Ok(submission::Entity::find()
            .filter(to(assignment))
            .order_by_desc(submission::Column::Version)
            .one(self.reader())
            .await?)
    }

    /// Finished analyses of a run.
    pub async fn analyses(&self, run: &str) -> Result<Vec<analysis::Model>, StoreError> {
        Ok(analysis::Entity::find()
            .filter(analysis::Column::Run.eq(run))
            .order_by_asc(analysis::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// The outcomes of finished analyses, by `run/stage`, as far as they exist.
    pub async fn outcomes(&self, ids: &[String]) -> Result<BTreeMap<String, Outcome>, StoreError> {
        let mut outcomes = BTreeMap::new();
        for chunk in ids.chunks(runs::AT_ONCE) {
            let rows = analysis::Entity::find()
                .filter(analysis::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .all(self.reader())
                .await?;
            for row in rows {
                if let Some(outcome) = self.readable(&row.id, document(&row.id, &row.body))? {
                    outcomes.insert(row.id, outcome);
                }
            }
        }
        Ok(outcomes)
    }

    /// A finished analysis by its id, if there is one.
    ///
    /// # Errors
    /// When the database or the analysis cannot be read.
    pub async fn outcome(&self, id: &str) -> Result<Option<Outcome>, StoreError> {
        let row = analysis::Entity::find_by_id(id).one(self.reader()).await?;
        row.map(|row| document(&row.id, &row.body)).transpose()
    }

    /// The versions of the road map that runs keep, by run, as far as they exist.
    pub async fn versions_of_runs(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, u32>, StoreError> {
        let mut versions = BTreeMap::new();
        for chunk in ids.chunks(runs::AT_ONCE) {
            let rows: Vec<(String, i32)> = run::Entity::find()
                .select_only()
                .columns([run::Column::Id, run::Column::RoadMap])
                .filter(run::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .into_tuple()
                .all(self.reader())
                .await?;
            versions.extend(rows.into_iter().map(|(id, number)| (id, number as u32)));
        }
        Ok(versions)
    }

    /// Journal entries after a cursor, of one run or of all.
    pub async fn journal(
        &self,
        run: Option<&str>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        let filter = Filter { run: run.map(str::to_owned), ..Filter::default() };
        self.entries(&filter, after, limit).await
    }

    /// Journal entries after a cursor.
    pub async fn entries(
        &self,
        f: &Filter,
        after: i64,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        let mut c = Condition::all().add(journal::Column::Cursor.gt(after));
        equal!(c, journal, Run = f.run, Kind = f.kind, Actor = f.actor);
        let places = [&f.municipality, &f.activity];
        let told_apart =
            f.period.is_some() || (f.run.is_none() && places.iter().any(|of| of.is_some()));
        let own = told_apart.then(|| {
            // What is done to an activity itself is of no period.
            let activities = f.period.is_none().then(|| of_activities(f, journal::Column::Run));
            Condition::any().add(of_runs(f, journal::Column::Run)).add_option(activities)
        });
        c = c.add_option(nothing(f)).add_option(own);
        let entries = journal::Entity::find().filter(c).order_by_asc(journal::Column::Cursor);
        Ok(entries.limit(limit).all(self.reader()).await?)
    }

    /// The newest journal entry of all.
    pub async fn newest_entry(&self) -> Result<Option<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .order_by_desc(journal::Column::Cursor)
            .one(self.reader())
            .await?)
    }

    /// A run's journal, whole.
    pub async fn journal_of(&self, run: &str) -> Result<Vec<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_asc(journal::Column::Sequence)
            .all(self.reader())
            .await?)
    }

    /// The newest entries of a run's journal, newest first.
    pub async fn journal_tail(
        &self,
        run: &str,
        limit: u64,
    ) -> Result<Vec<journal::Model>, StoreError> {
        Ok(journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_desc(journal::Column::Sequence)
            .limit(limit)
            .all(self.reader())
            .await?)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseBackend, QueryTrait};

    use super::*;
    use crate::secret::Secret;

    /// A list that is sorted for every page costs as many times all its rows as it has pages.
    #[tokio::test]
    async fn no_page_of_a_list_sorts_what_other_pages_hold() {
        let folder = std::env::temp_dir().join(format!("vekha-{}", uuid::Uuid::now_v7()));
        let url = format!("sqlite:{}", folder.join("vekha.db").display());
        let store = Store::open(&url, Secret::from_bytes([7; 32])).await.unwrap();
        let of_town = Filter { municipality: Some("m".into()), ..Filter::default() };
        let of_activity = Filter { activity: Some("a".into()), ..of_town.clone() };
        let of_run = Filter { run: Some("m/a/2027".into()), ..of_town.clone() };
        let of_school = Filter { organisation: Some("school-1".into()), ..of_town.clone() };
        let open = Filter { state: Some("open".into()), ..of_town.clone() };
        let first = Page::first(1000);
        let later = Page { after: Some("m/a/2027/collect.school-1".into()), limit: 1000 };
        let mut statements = Vec::new();
        for filter in [&of_town, &of_activity, &of_run, &of_school] {
            for page in [&first, &later] {
                statements.push(store.assignments_of(filter, page).build(DatabaseBackend::Sqlite));
                statements.push(store.runs_of(filter, page).build(DatabaseBackend::Sqlite));
            }
        }
        statements.push(store.assignments_of(&open, &later).build(DatabaseBackend::Sqlite));
        for mut statement in statements {
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let plan = store.reader().query_all_raw(statement.clone()).await.unwrap();
            for step in plan {
                let step: String = step.try_get("", "detail").unwrap();
                assert!(!step.contains("TEMP B-TREE"), "{step}: {}", statement.sql);
            }
        }
        drop(store);
        std::fs::remove_dir_all(&folder).ok();
    }

    #[test]
    fn ids_below_a_municipality_an_activity_or_a_run_begin_with_theirs() {
        let of = |municipality: &str, activity: Option<&str>, run: Option<&str>| {
            let filter = Filter {
                municipality: Some(municipality.to_owned()),
                activity: activity.map(str::to_owned),
                run: run.map(str::to_owned),
                ..Filter::default()
            };
            filter.beginning()
        };
        assert_eq!(of("m", None, None).as_deref(), Some("m/"));
        assert_eq!(of("m", Some("a"), None).as_deref(), Some("m/a/"));
        assert_eq!(of("m", Some("a"), Some("m/a/2027")).as_deref(), Some("m/a/2027/"));
        assert_eq!(of("n", None, Some("m/a/2027")), None, "what contradicts itself is not walked");
        assert_eq!(of("m", Some("a/2027"), None), None, "an activity has a name of one part");
        assert_eq!(Filter::default().beginning(), None);
    }
}
