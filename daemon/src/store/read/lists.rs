//! Lists. They are walked by key: a page begins after the last key of the one before, so that nothing
//! is shown twice or left out while rows come and go.

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    Select,
};
use vekha_engine::run::AssignmentState;

use super::filter::{Filter, Page, equal, nothing, of_period, of_runs, stands};
use crate::store::entities::{assignment, decision, measure, outbox, recommendation, run};
use crate::store::{Store, StoreError};

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
        if let Some(own) = &f.organisations {
            c = c.add(assignment::Column::Organisation.is_in(own));
        }
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
        equal!(c, recommendation, Stage = f.stage, Organisation = f.organisation);
        c = c.add_option(f.state.as_deref().map(|is| stands(recommendation::Column::State, is)));
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
        equal!(c, measure, Organisation = f.organisation);
        c = c.add_option(f.state.as_deref().map(|is| stands(measure::Column::State, is)));
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
            Kind = f.kind
        );
        c = c.add_option(f.state.as_deref().map(|is| stands(outbox::Column::State, is)));
        c = c.add_option(f.uncertain.map(|uncertain| outbox::Column::Uncertain.eq(uncertain)));
        let told_apart = f.activity.is_some() || f.period.is_some();
        let runs = told_apart.then(|| of_runs(f, outbox::Column::Run));
        c = c.add_option(nothing(f)).add_option(runs);
        Ok(list!(outbox, Key, c, page).all(self.reader()).await?)
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
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("vekha.db").display());
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
    }
}
