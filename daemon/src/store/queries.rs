//! What readers ask. Lists are walked by key: a page begins after the last key of the one before,
//! so that nothing is shown twice or left out while rows come and go.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use vekha_analysis::Outcome;
use vekha_engine::RunKey;
use vekha_engine::run::Run;

use super::entities::{
    analysis, assignment, decision, journal, measure, outbox, recommendation, run, submission,
};
use super::runs::{self, Load, Loaded};
use super::{Store, document};

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
    ($self:ident, $entity:ident, $key:ident, $condition:ident, $page:ident) => {{
        if let Some(after) = &$page.after {
            $condition = $condition.add($entity::Column::$key.gt(after.as_str()));
        }
        $entity::Entity::find()
            .filter($condition)
            .order_by_asc($entity::Column::$key)
            .limit($page.limit)
            .all($self.reader())
            .await
    }};
}

/// Which submissions answer an assignment: told with its run, as the index has them.
fn to(assignment: &str) -> Condition {
    let run = assignment.rsplit_once('/').map_or("", |(run, _)| run);
    Condition::all()
        .add(submission::Column::Run.eq(run))
        .add(submission::Column::Assignment.eq(assignment))
}

impl Store {
    /// Runs by id.
    ///
    /// # Errors
    /// When the database cannot be read; so for all that follow.
    pub async fn list_runs(&self, f: &Filter, page: &Page) -> Result<Vec<run::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(
            c,
            run,
            Municipality = f.municipality,
            Activity = f.activity,
            Id = f.run,
            Period = f.period,
            State = f.state
        );
        list!(self, run, Id, c, page)
    }

    /// Assignments by id.
    pub async fn list_assignments(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<assignment::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(
            c,
            assignment,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run,
            Stage = f.stage,
            Organisation = f.organisation,
            State = f.state
        );
        list!(self, assignment, Id, c, page)
    }

    /// Recommendations by id.
    pub async fn list_recommendations(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<recommendation::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(
            c,
            recommendation,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run,
            Stage = f.stage,
            Organisation = f.organisation,
            State = f.state
        );
        list!(self, recommendation, Id, c, page)
    }

    /// Decisions by id.
    pub async fn list_decisions(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<decision::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(c, decision, Municipality = f.municipality, Activity = f.activity, Run = f.run);
        list!(self, decision, Id, c, page)
    }

    /// Measures by id.
    pub async fn list_measures(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<measure::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(
            c,
            measure,
            Municipality = f.municipality,
            Activity = f.activity,
            Run = f.run,
            Organisation = f.organisation,
            State = f.state
        );
        list!(self, measure, Id, c, page)
    }

    /// Messages by key.
    pub async fn list_messages(
        &self,
        f: &Filter,
        page: &Page,
    ) -> Result<Vec<outbox::Model>, DbErr> {
        let mut c = Condition::all();
        equal!(
            c,
            outbox,
            Municipality = f.municipality,
            Run = f.run,
            Organisation = f.organisation,
            State = f.state
        );
        list!(self, outbox, Key, c, page)
    }

    /// One message.
    pub async fn message(&self, key: &str) -> Result<Option<outbox::Model>, DbErr> {
        outbox::Entity::find_by_id(key).one(self.reader()).await
    }

    /// A message by its Message-ID.
    pub async fn message_by_id(&self, message_id: &str) -> Result<Option<outbox::Model>, DbErr> {
        outbox::Entity::find()
            .filter(outbox::Column::MessageId.eq(message_id))
            .one(self.reader())
            .await
    }

    /// One run with all that belongs to it.
    pub async fn run(&self, key: &RunKey) -> Result<Option<Loaded>, DbErr> {
        let mut loaded = runs::load(self.reader(), &[key.to_string()], Load::Whole).await?;
        Ok(loaded.remove(key))
    }

    /// A run by itself, without what belongs to it: enough for who looks at one of its assignments.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn bare_run(&self, key: &RunKey) -> Result<Option<Run>, DbErr> {
        let row = run::Entity::find_by_id(key.to_string()).one(self.reader()).await?;
        row.map(|row| runs::bare(&row).map(|(run, _)| run)).transpose()
    }

    /// Runs with all that belongs to them, as far as they exist.
    pub async fn runs(&self, keys: &[RunKey]) -> Result<BTreeMap<RunKey, Loaded>, DbErr> {
        let ids: Vec<String> = keys.iter().map(RunKey::to_string).collect();
        runs::load(self.reader(), &ids, Load::Whole).await
    }

    /// One assignment.
    pub async fn assignment(&self, id: &str) -> Result<Option<assignment::Model>, DbErr> {
        assignment::Entity::find_by_id(id).one(self.reader()).await
    }

    /// The assignment that a link opens.
    pub async fn assignment_by_token(
        &self,
        token_hash: &str,
    ) -> Result<Option<assignment::Model>, DbErr> {
        assignment::Entity::find()
            .filter(assignment::Column::TokenHash.eq(token_hash))
            .one(self.reader())
            .await
    }

    /// All versions of an answer, oldest first.
    pub async fn submissions(&self, assignment: &str) -> Result<Vec<submission::Model>, DbErr> {
        submission::Entity::find()
            .filter(to(assignment))
            .order_by_asc(submission::Column::Version)
            .all(self.reader())
            .await
    }

    /// One version of an answer, by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn submission(&self, id: &str) -> Result<Option<submission::Model>, DbErr> {
        submission::Entity::find_by_id(id).one(self.reader()).await
    }

    /// The newest version of an answer.
    pub async fn newest_submission(
        &self,
        assignment: &str,
    ) -> Result<Option<submission::Model>, DbErr> {
        submission::Entity::find()
            .filter(to(assignment))
            .order_by_desc(submission::Column::Version)
            .one(self.reader())
            .await
    }

    /// Finished analyses of a run.
    pub async fn analyses(&self, run: &str) -> Result<Vec<analysis::Model>, DbErr> {
        analysis::Entity::find()
            .filter(analysis::Column::Run.eq(run))
            .order_by_asc(analysis::Column::Id)
            .all(self.reader())
            .await
    }

    /// The outcomes of finished analyses, by `run/stage`, as far as they exist.
    pub async fn outcomes(&self, ids: &[String]) -> Result<BTreeMap<String, Outcome>, DbErr> {
        let mut outcomes = BTreeMap::new();
        for chunk in ids.chunks(runs::AT_ONCE) {
            let rows = analysis::Entity::find()
                .filter(analysis::Column::Id.is_in(chunk.iter().map(String::as_str)))
                .all(self.reader())
                .await?;
            for row in rows {
                let outcome = document(&row.id, &row.body)?;
                outcomes.insert(row.id, outcome);
            }
        }
        Ok(outcomes)
    }

    /// The versions of the road map that runs keep, by run, as far as they exist.
    pub async fn versions_of_runs(&self, ids: &[String]) -> Result<BTreeMap<String, u32>, DbErr> {
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
    ) -> Result<Vec<journal::Model>, DbErr> {
        let mut query = journal::Entity::find().filter(journal::Column::Cursor.gt(after));
        if let Some(run) = run {
            query = query.filter(journal::Column::Run.eq(run));
        }
        query.order_by_asc(journal::Column::Cursor).limit(limit).all(self.reader()).await
    }

    /// The newest journal entry of all.
    pub async fn newest_entry(&self) -> Result<Option<journal::Model>, DbErr> {
        journal::Entity::find().order_by_desc(journal::Column::Cursor).one(self.reader()).await
    }

    /// A run's journal, whole.
    pub async fn journal_of(&self, run: &str) -> Result<Vec<journal::Model>, DbErr> {
        journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_asc(journal::Column::Sequence)
            .all(self.reader())
            .await
    }

    /// The newest entries of a run's journal, newest first.
    pub async fn journal_tail(&self, run: &str, limit: u64) -> Result<Vec<journal::Model>, DbErr> {
        journal::Entity::find()
            .filter(journal::Column::Run.eq(run))
            .order_by_desc(journal::Column::Sequence)
            .limit(limit)
            .all(self.reader())
            .await
    }
}
