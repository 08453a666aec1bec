//! Two people at one form of the department: what somebody else changed while it was open, field by
//! field. Nothing is saved over it and nothing typed is lost: what only the other changed is taken into
//! the form, where both did, what was typed stays and is shown beside. (A school's answers have tables
//! and explanations: `school/conflict.rs`.)

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::posted::Pairs;
use super::shown::Shown;

/// A field in which two people differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// By what name it is posted.
    pub name: String,
    /// What stands there now.
    pub theirs: Vec<String>,
    /// What the writer has.
    pub mine: Vec<String>,
    /// The writer has changed it, too: what was typed stands in the form. Otherwise the form has taken
    /// what the other person has.
    pub both: bool,
}

/// What two people have.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meanwhile {
    /// With what the form is shown again.
    pub filled: Pairs,
    /// Where they differ.
    pub differences: Vec<Difference>,
}

impl Meanwhile {
    /// Compares what a writer's form posted with what a form would that changes nothing of what stands
    /// there now; `shown` is what the writer's page said of this when it was made.
    pub fn between(shown: &Shown, theirs: &Pairs, mine: &Pairs) -> Self {
        let (theirs, mine) = (by_name(theirs), by_name(mine));
        let mut meanwhile = Meanwhile::default();
        let mut names: Vec<&str> = theirs.keys().chain(mine.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of =
                |side: &BTreeMap<&str, Vec<String>>| side.get(name).cloned().unwrap_or_default();
            let (theirs, mine) = (of(&theirs), of(&mine));
            let by_other = !shown.is(name, &content(&theirs));
            let by_writer = !shown.is(name, &content(&mine));
            let filled = if by_writer { &mine } else { &theirs };
            let filled = filled.iter().map(|value| (name.to_owned(), value.clone()));
            meanwhile.filled.extend(filled);
            if by_other && theirs != mine {
                let name = name.to_owned();
                meanwhile.differences.push(Difference { name, theirs, mine, both: by_writer });
            }
        }
        meanwhile
    }

    /// For a page: each difference with what `told` calls its field and says of its values.
    pub fn told(&self, told: impl Fn(&str, &[String]) -> (String, String)) -> Value {
        let line = |one: &Difference| {
            let (label, theirs) = told(&one.name, &one.theirs);
            let (_, mine) = told(&one.name, &one.mine);
            json!({ "label": label, "theirs": theirs, "mine": mine, "both": one.both })
        };
        self.differences.iter().map(line).collect()
    }
}

/// What a page keeps of a form that is filled so.
pub fn shown(pairs: &Pairs) -> Shown {
    let all = by_name(pairs).into_iter();
    Shown::of(all.map(|(name, values)| (name.to_owned(), content(&values))))
}

/// The values of each field, in one order whoever ticked them; the page's own fields are left out.
fn by_name(pairs: &Pairs) -> BTreeMap<&str, Vec<String>> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.replace("\r\n", "\n").trim().to_owned();
        if !value.is_empty() && !name.starts_with('_') {
            all.entry(name).or_default().push(value);
        }
    }
    for values in all.values_mut() {
        values.sort_unstable();
        values.dedup();
    }
    all
}

fn content(values: &[String]) -> String {
    values.join("\u{1f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_one_of_two_changed_is_kept_and_what_both_changed_is_shown_beside() {
        let before = pairs(&[("name", "А"), ("post", "инспектор"), ("kind", "a"), ("kind", "b")]);
        let shown = Shown::read(&shown(&before).to_string());
        let theirs = pairs(&[("name", "Б"), ("post", "начальник"), ("kind", "a"), ("mail", "x")]);
        let mine = pairs(&[
            ("_etag", "old"),
            ("kind", "b"),
            ("kind", "a"),
            ("kind", "a"),
            ("post", "инспектор "),
            ("name", "В"),
            ("mail", ""),
            ("disabled", "yes"),
        ]);
        let Meanwhile { filled, differences } = Meanwhile::between(&shown, &theirs, &mine);
        assert_eq!(
            filled,
            pairs(&[
                ("disabled", "yes"),
                ("kind", "a"),
                ("mail", "x"),
                ("name", "В"),
                ("post", "начальник"),
            ])
        );
        let told: Vec<(&str, bool)> =
            differences.iter().map(|one| (one.name.as_str(), one.both)).collect();
        assert_eq!(told, [("kind", false), ("mail", false), ("name", true), ("post", false)]);
    }

    #[test]
    fn what_both_changed_alike_or_nobody_did_is_no_difference() {
        let before = pairs(&[("name", "А"), ("post", "инспектор")]);
        let now = pairs(&[("name", "Б"), ("post", "инспектор")]);
        let all = Meanwhile::between(&shown(&before), &now, &now);
        assert_eq!(all, Meanwhile { filled: now, differences: vec![] });
    }
}
