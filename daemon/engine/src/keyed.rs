//! What belongs to a run by stage and organisation, with an index of what steps must find without
//! walking through all of it.
//!
//! There is one way to change a value, and it keeps the index true and notes the change for the
//! [`crate::Outcome`]: what a step touches is written, and what it costs does not grow with the
//! rest.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::fmt::Debug;
use std::ops::Index;

use crate::key::AssignmentKey;

/// A value that an index tells of.
pub trait Indexed {
    /// What is kept of all values together.
    type Index: Debug + Clone + Default + PartialEq;

    /// The index tells of the value from now on.
    fn enter(&self, key: &AssignmentKey, index: &mut Self::Index);

    /// It tells of it no more; it told of the value as it is.
    fn leave(&self, key: &AssignmentKey, index: &mut Self::Index);
}

/// Values by stage and organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyed<V: Indexed> {
    all: BTreeMap<AssignmentKey, V>,
    index: V::Index,
}

impl<V: Indexed> Default for Keyed<V> {
    fn default() -> Self {
        Keyed { all: BTreeMap::new(), index: V::Index::default() }
    }
}

impl<V: Indexed> Keyed<V> {
    /// The value with this key.
    pub fn get(&self, key: &AssignmentKey) -> Option<&V> {
        self.all.get(key)
    }

    /// Whether there is one with this key.
    pub fn contains_key(&self, key: &AssignmentKey) -> bool {
        self.all.contains_key(key)
    }

    /// All, by key.
    pub fn iter(&self) -> btree_map::Iter<'_, AssignmentKey, V> {
        self.all.iter()
    }

    /// The keys of all, in order.
    pub fn keys(&self) -> btree_map::Keys<'_, AssignmentKey, V> {
        self.all.keys()
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> btree_map::Values<'_, AssignmentKey, V> {
        self.all.values()
    }

    /// Those of one stage, by organisation; others are not looked at.
    pub fn of_stage<'a>(
        &'a self,
        stage: &'a str,
    ) -> impl Iterator<Item = (&'a AssignmentKey, &'a V)> {
        let first = AssignmentKey::new(stage, "");
        self.all.range(first..).take_while(move |(key, _)| key.stage == stage)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is kept of all of them together.
    pub(crate) fn index(&self) -> &V::Index {
        &self.index
    }

    /// Adds a value, or puts it in the place of another, and notes that in `touched`.
    pub(crate) fn put(
        &mut self,
        key: AssignmentKey,
        value: V,
        touched: &mut BTreeSet<AssignmentKey>,
    ) {
        touched.insert(key.clone());
        self.extend([(key, value)]);
    }

    /// Changes the value with this key, and notes that in `touched`; none if there is no such value.
    pub(crate) fn touch<R>(
        &mut self,
        key: &AssignmentKey,
        touched: &mut BTreeSet<AssignmentKey>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let value = self.all.get_mut(key)?;
        value.leave(key, &mut self.index);
        let result = change(value);
        value.enter(key, &mut self.index);
        touched.insert(key.clone());
        Some(result)
    }
}

impl<V: Indexed> Extend<(AssignmentKey, V)> for Keyed<V> {
    fn extend<I: IntoIterator<Item = (AssignmentKey, V)>>(&mut self, values: I) {
        for (key, value) in values {
            if let Some(before) = self.all.get(&key) {
                before.leave(&key, &mut self.index);
            }
            value.enter(&key, &mut self.index);
            self.all.insert(key, value);
        }
    }
}

impl<V: Indexed> FromIterator<(AssignmentKey, V)> for Keyed<V> {
    fn from_iter<I: IntoIterator<Item = (AssignmentKey, V)>>(values: I) -> Self {
        let mut keyed = Keyed::default();
        keyed.extend(values);
        keyed
    }
}

impl<'a, V: Indexed> IntoIterator for &'a Keyed<V> {
    type Item = (&'a AssignmentKey, &'a V);
    type IntoIter = btree_map::Iter<'a, AssignmentKey, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<V: Indexed> Index<&AssignmentKey> for Keyed<V> {
    type Output = V;

    fn index(&self, key: &AssignmentKey) -> &V {
        &self.all[key]
    }
}
