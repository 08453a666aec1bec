//! Several statements of PostgreSQL as one: each would be a way there and back of its own, while
//! other daemons wait for the runs that the transaction holds.
//!
//! All but the last become common table expressions that write; the last one is the statement itself.
//! PostgreSQL carries them out in no certain order, and none sees what another writes, so no two of
//! them may touch the same row. Only the last begins when the others are done and its turn has come,
//! since its rows are joined with [`TURN`].

use std::fmt::Write as _;

use sea_orm::{DatabaseBackend, Statement, Value, Values};

/// What the last statement takes its rows from, beside the rows themselves.
pub(super) const TURN: &str = "\"turn\"";

/// Text of one statement's values from which on it takes in no other, in bytes: what is next is put
/// together while the database is busy with it.
const ENOUGH: usize = 1024 * 1024;

/// Puts statements together: first the parts, as few at a time as are enough; then those that take
/// turns, in their order, each when `turn` has been executed.
pub(super) fn together(
    parts: impl Iterator<Item = Statement>,
    in_turn: impl Iterator<Item = Statement>,
    turn: String,
) -> impl Iterator<Item = Statement> {
    let mut parts = parts.fuse();
    let mut in_turn = in_turn.fuse();
    std::iter::from_fn(move || {
        let mut whole = Whole::default();
        while whole.bytes < ENOUGH
            && let Some(part) = parts.next()
        {
            whole.take(part);
        }
        if whole.bytes >= ENOUGH {
            return whole.alone();
        }
        match in_turn.next() {
            Some(last) => Some(whole.before(last, &turn)),
            None => whole.alone(),
        }
    })
}

/// Statements put together so far.
#[derive(Default)]
struct Whole {
    /// Their texts, as parameters count through all of them.
    parts: Vec<String>,
    values: Vec<Value>,
    bytes: usize,
}

impl Whole {
    fn take(&mut self, part: Statement) {
        let text = self.append(part);
        self.parts.push(text);
    }

    /// Takes a statement's values, and returns its text as it counts them among all.
    fn append(&mut self, Statement { sql, values, .. }: Statement) -> String {
        let text = counted_from(&sql, self.values.len());
        let values = values.map(|Values(values)| values).unwrap_or_default();
        self.bytes += values.iter().map(size).sum::<usize>();
        self.values.extend(values);
        text
    }

    /// The parts, with nothing after them; none if there are none.
    fn alone(mut self) -> Option<Statement> {
        let last = self.parts.pop()?;
        let text = match self.with() {
            with if with.is_empty() => last,
            with => format!("WITH {with} {last}"),
        };
        Some(Statement::from_sql_and_values(DatabaseBackend::Postgres, text, self.values))
    }

    /// The parts, and after them a statement whose turn comes then.
    fn before(mut self, last: Statement, turn: &str) -> Statement {
        let last = self.append(last);
        let mut with = self.with();
        let mut counts = String::new();
        for place in 1..=self.parts.len() {
            // Writing to a string cannot fail.
            let _ = write!(counts, "(SELECT count(*) FROM \"part{place}\"), ");
        }
        if !with.is_empty() {
            with.push_str(", ");
        }
        let text = format!("WITH {with}{TURN} AS MATERIALIZED (SELECT {counts}{turn}) {last}");
        Statement::from_sql_and_values(DatabaseBackend::Postgres, text, self.values)
    }

    fn with(&self) -> String {
        let named = |(place, part): (usize, &String)| {
            format!("\"part{}\" AS ({part} RETURNING 1)", place + 1)
        };
        self.parts.iter().enumerate().map(named).collect::<Vec<_>>().join(", ")
    }
}

/// Bytes of a value, as far as they count.
fn size(value: &Value) -> usize {
    match value {
        Value::String(Some(text)) => text.len(),
        _ => 8,
    }
}

/// A text whose parameters are counted after so many others. No text of ours has another `$`.
fn counted_from(text: &str, before: usize) -> String {
    let mut parts = text.split('$');
    let mut counted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let number = number.parse::<usize>().map_or(0, |number| number + before);
        let _ = write!(counted, "${number}{rest}");
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str, values: &[&str]) -> Statement {
        let values = values.iter().map(|value| Value::from(*value)).collect::<Vec<_>>();
        Statement::from_sql_and_values(DatabaseBackend::Postgres, text, values)
    }

    fn texts(parts: Vec<Statement>, in_turn: Vec<Statement>) -> Vec<(String, usize)> {
        let all = together(parts.into_iter(), in_turn.into_iter(), "lock()".to_owned());
        all.map(|s| (s.sql, s.values.map_or(0, |Values(values)| values.len()))).collect()
    }

    #[test]
    fn parameters_count_through_and_the_last_waits_for_all_before_it() {
        let parts = vec![statement("A $1 $2", &["a", "b"]), statement("B $1", &["c"])];
        let in_turn = vec![statement("C $1", &["d"]), statement("D $1", &["e"])];
        assert_eq!(
            texts(parts, in_turn),
            [
                (
                    "WITH \"part1\" AS (A $1 $2 RETURNING 1), \"part2\" AS (B $3 RETURNING 1), \
                     \"turn\" AS MATERIALIZED (SELECT (SELECT count(*) FROM \"part1\"), \
                     (SELECT count(*) FROM \"part2\"), lock()) C $4"
                        .to_owned(),
                    4
                ),
                ("WITH \"turn\" AS MATERIALIZED (SELECT lock()) D $1".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn nothing_is_left_out_however_large_it_is() {
        let large = "x".repeat(ENOUGH);
        let parts = vec![statement("A $1", &["a"]), statement("B $1", &[&large])];
        let more = vec![statement("C $1", &["c"])];
        assert_eq!(
            texts([parts, more].concat(), vec![]),
            [("WITH \"part1\" AS (A $1 RETURNING 1) B $2".to_owned(), 2), ("C $1".to_owned(), 1)]
        );
        assert_eq!(texts(vec![], vec![]), []);
    }
}
