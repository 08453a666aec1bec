//! Which rows a list holds, and which part of it is shown.

use jiff::civil::Date;
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait as _};

use crate::store::entities::{activity, run};

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
    /// Of no other organisations than these, by their codes: whoever asks may see no more.
    pub organisations: Option<Vec<String>>,
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
    pub(super) fn beginning(&self) -> Option<String> {
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

/// The columns of a table that are equal to what the filter names.
macro_rules! equal {
    ($condition:ident, $entity:ident, $($column:ident = $value:expr),*) => {
        $(if let Some(value) = &$value {
            $condition = $condition.add($entity::Column::$column.eq(value.as_str()));
        })*
    };
}

pub(super) use equal;

/// States in which few rows stand of very many, each with an index of its own (migration m0023).
const SPARSE: [&str; 3] = ["draft", "reported", "failed"];

/// That something stands in a state. Of a sparse one in the words of its index: a value that is bound
/// finds no part of a table.
pub(super) fn stands(column: impl ColumnTrait, state: &str) -> SimpleExpr {
    match SPARSE.contains(&state) {
        true => Expr::cust(format!("state = '{state}'")),
        false => column.eq(state),
    }
}

/// What a filter says of runs, for tables that know no more than their run's id.
pub(super) fn of_runs(f: &Filter, id: impl ColumnTrait) -> SimpleExpr {
    let mut c = Condition::all();
    equal!(c, run, Municipality = f.municipality, Activity = f.activity, Period = f.period);
    // Asked of each row on its way: what is walked by key stays so.
    let own = Expr::col((run::Entity, run::Column::Id)).equals(id.as_column_ref());
    let runs = run::Entity::find().select_only().expr(Expr::val(1)).filter(c.add(own));
    Expr::exists(runs.into_query())
}

/// The same of activities.
pub(super) fn of_activities(f: &Filter, id: impl ColumnTrait) -> SimpleExpr {
    let mut c = Condition::all();
    equal!(c, activity, Municipality = f.municipality, Activity = f.activity);
    let own = Expr::col((activity::Entity, activity::Column::Id)).equals(id.as_column_ref());
    let all = activity::Entity::find().select_only().expr(Expr::val(1)).filter(c.add(own));
    Expr::exists(all.into_query())
}

/// The same where the table itself knows all but the period.
pub(super) fn of_period(f: &Filter, id: impl ColumnTrait) -> Option<SimpleExpr> {
    f.period.as_ref().map(|_| of_runs(f, id))
}

/// Never true, if there is nothing to be found.
pub(super) fn nothing(f: &Filter) -> Option<SimpleExpr> {
    f.nothing.then(|| Expr::val(1).eq(0))
}

#[cfg(test)]
mod tests {
    use super::*;

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
