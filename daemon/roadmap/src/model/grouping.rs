//! Rows that belong together: those of one class on one day, those of one subject.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::formula::Values;
use crate::pattern::alike;

/// Under this name a group holds its rows.
pub const ROWS: &str = "rows";

/// Under this name it holds the rows that the department has named for everybody and that agree with
/// them.
pub const BESIDE: &str = "beside";

/// Parts of a whole that are told apart: more than a grade has classes. Of more than that, a row of the
/// whole stands for itself and not with each of them, or a table's groups would be its rows squared.
const MOST_PARTS: usize = 40;

/// What rows must have in common to be a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    /// The columns in which they are the same.
    pub by: Vec<String>,
    /// Of these, the ones in which nothing stands for everything: a work of the whole grade is a work
    /// of each of its classes.
    pub whole: Vec<String>,
    /// A table of what the department has answered, whose rows stand beside those that agree with
    /// them: where no row does, they are a group of their own.
    pub beside: Option<String>,
}

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What formulas see of it: what its rows have in common, as it stands in the first that says it,
    /// and the rows themselves under [`ROWS`]; those of the department under [`BESIDE`], where any are
    /// looked at.
    pub seen: Values,
    /// Which rows they are, by their places in the table; none where only the department speaks.
    pub places: Vec<usize>,
}

/// What is the same in the rows of a group; none within where a row speaks of everything.
type Key = Vec<Option<String>>;

/// Parts of wholes, by what they belong to: each with the place of a row that names it.
type Parts = BTreeMap<Key, BTreeMap<Key, usize>>;

impl Grouping {
    /// The groups of a table, in the order of their first rows, each made when it is looked at. A row
    /// without a value that it takes is in none. Words are the same whatever their case, and «А» is the
    /// same in both alphabets. `beside` are the department's rows; they are looked at where the grouping
    /// says so.
    pub fn groups<'r>(
        &'r self,
        rows: &'r [Value],
        beside: &'r [Value],
    ) -> impl Iterator<Item = Group> + 'r {
        let beside = if self.beside.is_some() { beside } else { &[] };
        // Rows are compared with those alone that have all the rest in common.
        let mut near: BTreeMap<Key, BTreeMap<Key, Vec<usize>>> = BTreeMap::new();
        // The department's rows are counted on after the table's.
        for (place, row) in rows.iter().chain(beside).enumerate() {
            if let Some((rest, open)) = self.key(row) {
                near.entry(rest).or_default().entry(open).or_default().push(place);
            }
        }
        let parts = self.missed(&mut near, rows.len());
        // Which rows each has, and one by which its part is called.
        let mut groups: Vec<(Vec<usize>, Option<usize>)> = Vec::new();
        for (rest, same) in near {
            if same.len() > MOST_PARTS {
                groups.extend(same.into_values().map(|places| (places, None)));
                continue;
            }
            // Where somebody speaks of a part, who speaks of everything is counted there.
            let within = |key: &&Key| !same.keys().any(|other| other != *key && covers(key, other));
            for key in same.keys().filter(within) {
                let own = same.iter().filter(|(open, _)| covers(open, key));
                let mut places: Vec<usize> = own.flat_map(|(_, places)| places).copied().collect();
                places.sort_unstable();
                let called = parts.get(&rest[..self.above()]).and_then(|known| known.get(key));
                groups.push((places, called.copied()));
            }
        }
        groups.sort();
        groups.into_iter().map(|(places, called)| self.group(rows, beside, places, called))
    }

    /// How many columns stand before the first in which nothing stands for everything: what is a part
    /// there belongs to what they say.
    fn above(&self) -> usize {
        self.by.iter().take_while(|column| !self.whole.contains(column)).count()
    }

    /// Makes place for the parts that a table has forgotten: where it says of some classes what the
    /// department says of the whole grade, the other classes of the grade are a group, too, though
    /// nothing is said of them. Returns the known parts, each with a row that names it.
    fn missed(&self, near: &mut BTreeMap<Key, BTreeMap<Key, Vec<usize>>>, own: usize) -> Parts {
        let mut parts = Parts::new();
        if self.beside.is_none() || self.whole.is_empty() {
            return parts;
        }
        let is_part = |open: &Key| open.iter().all(Option::is_some);
        let of_table = |places: &[usize]| places.iter().copied().find(|place| *place < own);
        for (rest, same) in near.iter() {
            let known = parts.entry(rest[..self.above()].to_vec()).or_default();
            for (open, places) in same.iter().filter(|(open, _)| is_part(open)) {
                known.extend(of_table(places).map(|place| (open.clone(), place)));
            }
        }
        for (rest, same) in near.iter_mut() {
            let named = same.values().flatten().any(|place| *place >= own);
            let by_part = same.iter().any(|(open, all)| is_part(open) && of_table(all).is_some());
            let known = parts.get(&rest[..self.above()]);
            let known = known.filter(|known| named && by_part && known.len() <= MOST_PARTS);
            for part in known.into_iter().flat_map(BTreeMap::keys) {
                same.entry(part.clone()).or_default();
            }
        }
        parts
    }

    /// What a row says in the columns that must be said, and in the others.
    fn key(&self, row: &Value) -> Option<(Key, Key)> {
        let (mut rest, mut open) = (Key::new(), Key::new());
        for column in &self.by {
            let said = match row.get(column) {
                Some(Value::String(text)) if !text.trim().is_empty() => Some(alike(text)),
                // 5 and 5.0 are the same grade.
                Some(Value::Number(number)) => number.as_f64().map(|number| number.to_string()),
                _ => None,
            };
            match (self.whole.contains(column), said) {
                (true, said) => open.push(said),
                (false, Some(said)) => rest.push(Some(said)),
                (false, None) => return None,
            }
        }
        Some((rest, open))
    }

    fn group(
        &self,
        rows: &[Value],
        beside: &[Value],
        mut places: Vec<usize>,
        called: Option<usize>,
    ) -> Group {
        let own = places.iter().filter_map(|place| rows.get(*place));
        let theirs = places.iter().filter_map(|place| beside.get(place.checked_sub(rows.len())?));
        let said = |column: &String| {
            let part = called.filter(|_| self.whole.contains(column));
            let part = part.and_then(|place| rows.get(place));
            let all = own.clone().chain(theirs.clone()).chain(part);
            let mut all = all.filter_map(|row| row.get(column));
            Some((column.clone(), all.find(|value| !value.is_null())?.clone()))
        };
        let mut seen: Values = self.by.iter().filter_map(said).collect();
        seen.insert(ROWS.to_owned(), own.clone().cloned().collect());
        if self.beside.is_some() {
            seen.insert(BESIDE.to_owned(), theirs.cloned().collect());
        }
        places.retain(|place| *place < rows.len());
        Group { seen, places }
    }
}

/// Whether a row with this key speaks of all that the other one tells.
fn covers(key: &Key, other: &Key) -> bool {
    key.iter().zip(other).all(|(own, other)| own.is_none() || own == other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(by: &[&str], whole: &[&str], rows: &Value) -> Vec<Vec<usize>> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let grouping = Grouping { by: own(by), whole: own(whole), beside: None };
        let rows = rows.as_array().expect("rows");
        grouping.groups(rows, &[]).map(|group| group.places).collect()
    }

    #[test]
    fn rows_of_one_class_and_day_are_a_group_however_the_class_is_written() {
        let rows = json!([
            { "class": "5А", "day": "2026-09-14" },
            { "class": "5Б", "day": "2026-09-14" },
            { "class": "5a ", "day": "2026-09-14" },
            { "class": "5А", "day": "2026-09-15" },
            { "class": "5А" },
        ]);
        assert_eq!(places(&["class", "day"], &[], &rows), [vec![0, 2], vec![1], vec![3]]);
    }

    #[test]
    fn a_row_of_the_whole_grade_is_counted_with_each_of_its_classes() {
        let rows = json!([
            { "grade": 5, "letter": "А" },
            { "grade": 5 },
            { "grade": 5.0, "letter": "Б" },
            { "grade": 6, "letter": "" },
            { "letter": "А" },
        ]);
        let groups = places(&["grade", "letter"], &["letter"], &rows);
        assert_eq!(groups, [vec![0, 1], vec![1, 2], vec![3]], "a class of no grade is in none");
    }

    #[test]
    fn what_a_group_has_in_common_is_seen_beside_its_rows() {
        let rows = [json!({ "grade": 5, "of": 1 }), json!({ "grade": 5, "letter": "Б", "of": 2 })];
        let by = ["grade", "letter"].map(str::to_owned).to_vec();
        let grouping = Grouping { by, whole: vec!["letter".to_owned()], beside: None };
        let groups: Vec<Group> = grouping.groups(&rows, &[]).collect();
        assert_eq!(groups.len(), 1);
        let seen = json!({ "grade": 5, "letter": "Б", "rows": rows });
        assert_eq!(Value::from(groups[0].seen.clone()), seen);
    }

    #[test]
    fn what_the_department_names_stands_beside_the_rows_that_agree_or_alone() {
        let rows = [
            json!({ "grade": 5, "letter": "А", "of": 1 }),
            json!({ "grade": 5, "letter": "Б", "of": 2 }),
        ];
        let named = [json!({ "grade": 5, "of": 3 }), json!({ "grade": 6, "of": 4 })];
        let by = ["grade", "letter"].map(str::to_owned).to_vec();
        let whole = vec!["letter".to_owned()];
        let grouping = Grouping { by, whole, beside: Some("named".to_owned()) };
        let seen: Vec<Value> = grouping.groups(&rows, &named).map(|g| g.seen.into()).collect();
        let wanted = json!([
            { "grade": 5, "letter": "А", "rows": [rows[0]], "beside": [named[0]] },
            { "grade": 5, "letter": "Б", "rows": [rows[1]], "beside": [named[0]] },
            { "grade": 6, "rows": [], "beside": [named[1]] },
        ]);
        assert_eq!(Value::from(seen), wanted);
    }

    #[test]
    fn what_is_said_of_one_class_and_named_for_the_grade_is_missed_in_the_others() {
        let rows = [
            json!({ "grade": 5, "letter": "А", "subject": "Математика" }),
            json!({ "grade": 5, "letter": "Б", "subject": "История" }),
            json!({ "grade": 5, "subject": "Физика" }),
            json!({ "grade": 6, "letter": "В", "subject": "Математика" }),
        ];
        let named = [
            json!({ "grade": 5, "subject": "математика", "of": 1 }),
            json!({ "grade": 5, "subject": "Физика", "of": 2 }),
            json!({ "grade": 5, "subject": "Химия", "of": 3 }),
        ];
        let by = ["grade", "letter", "subject"].map(str::to_owned).to_vec();
        let whole = vec!["letter".to_owned()];
        let grouping = Grouping { by, whole, beside: Some("named".to_owned()) };
        let told = |group: Group| {
            let seen = &group.seen;
            let count = |name: &str| seen[name].as_array().map_or(0, Vec::len);
            let letter = seen.get("letter").and_then(Value::as_str).unwrap_or("-");
            let subject = seen["subject"].as_str().unwrap_or_default();
            format!("{}{letter} {subject}: {} {}", seen["grade"], count(ROWS), count(BESIDE))
        };
        let mut groups: Vec<String> = grouping.groups(&rows, &named).map(told).collect();
        groups.sort();
        // Of the whole grade nothing is missed in a class; what nobody says is missed once.
        let wanted = [
            "5- Физика: 1 1",
            "5- Химия: 0 1",
            "5А Математика: 1 1",
            "5Б История: 1 0",
            "5Б математика: 0 1",
            "6В Математика: 1 0",
        ];
        assert_eq!(groups, wanted);
    }

    #[test]
    fn groups_never_hold_more_than_some_times_the_rows_whatever_a_table_says() {
        let held = |parts: usize| {
            let row = |number: usize| match number % 2 {
                0 => json!({ "grade": 5 }),
                _ => json!({ "grade": 5, "letter": format!("{number}") }),
            };
            let rows: Value = (0..2 * parts).map(row).collect();
            places(&["grade", "letter"], &["letter"], &rows).iter().map(Vec::len).sum::<usize>()
        };
        // Each class with all that its grade writes; of classes that no grade has, each its own.
        assert_eq!(held(20), 20 * 21);
        assert_eq!((held(400), held(800)), (800, 1600));
    }
}
