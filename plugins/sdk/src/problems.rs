//! Mistakes of a configuration as they are found: all of them are told at once.

use crate::Problem;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a mistake in `field`.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Problem::new(field, message));
    }

    /// What was found, or none and its mistake noted.
    pub fn take<T>(&mut self, field: &str, found: Result<T, String>) -> Option<T> {
        found.map_err(|why| self.add(field, why)).ok()
    }

    /// What was given, or none and `otherwise` noted.
    pub fn want<T>(&mut self, field: &str, given: Option<T>, otherwise: &str) -> Option<T> {
        self.take(field, given.ok_or_else(|| otherwise.to_owned()))
    }

    /// Notes a number out of its bounds, both inclusive; `unit` is in the genitive plural.
    pub fn within(&mut self, field: &str, given: u64, least: u64, most: u64, unit: &str) {
        if !(least..=most).contains(&given) {
            self.add(field, format!("допустимо от {least} до {most} {unit}"));
        }
    }

    /// The configuration that was made, if nothing is wrong with it.
    ///
    /// # Errors
    ///
    /// All that is wrong. Whatever could not be made has had its mistake noted.
    pub fn unless_any<T>(self, made: Option<T>) -> Result<T, Vec<Problem>> {
        made.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}
