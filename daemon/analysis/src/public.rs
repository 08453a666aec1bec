//! What of an outcome may be told to everybody: figures of the municipality as a whole, from which
//! nobody learns of one organisation or of a few people, neither by themselves nor by subtraction.
//!
//! A share is that of all participants together, so it tells how many there are of them once their
//! number is known. Such numbers that rest on the same participants are looked at together: what is
//! told is no number of people below the limit, and no difference of what is told is one
//! (complementary suppression). What comes first in the definition is told first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vekha_roadmap::model::{Analysis, Audience, Indicator};

use crate::types::Given;

/// A figure for everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicFigure {
    /// Indicator id.
    pub indicator: String,
    /// The municipality's value; none if it may not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// Why a figure is not told to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// Nobody has a value.
    Unknown,
    /// Too few organisations have one: it would be theirs.
    FewOrganisations,
    /// It is about too few people.
    FewPeople,
    /// Together with what is told it would tell of too few people.
    BySubtraction,
}

/// An organisation's value, and of how many participants it is.
pub(crate) type Stated = (f64, Option<f64>);

/// The figures for everybody; `stated` are the values of each indicator, in the definition's order.
pub(crate) fn figures(
    analysis: &Analysis,
    stated: &[Vec<Stated>],
    given: Option<&Given>,
) -> Vec<PublicFigure> {
    let mut told: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut all = Vec::new();
    for (indicator, stated) in analysis.indicators.iter().zip(stated) {
        if indicator.audience != Some(Audience::Public) {
            continue;
        }
        let figure = match whole(indicator, stated) {
            _ if stated.is_empty() => Err(Withheld::Unknown),
            _ if !analysis.about_all && stated.len() < analysis.min_count => {
                Err(Withheld::FewOrganisations)
            }
            // A plugin may know better what the whole is than the mean of its parts.
            Whole::Plain(value) => {
                let given = given.and_then(|given| given.municipality.get(&indicator.id));
                Ok(given.copied().unwrap_or(value))
            }
            Whole::Count(count) => {
                let told = told.entry(participants(indicator)).or_default();
                admit(&[count], told, analysis.small_numbers).map(|()| count as f64)
            }
            Whole::Share { part, of } => {
                let told = told.entry(participants(indicator)).or_default();
                let share = 100.0 * part as f64 / of as f64;
                admit(&[of, part], told, analysis.small_numbers).map(|()| share)
            }
            Whole::None => Err(Withheld::Unknown),
        };
        let indicator = indicator.id.clone();
        all.push(PublicFigure { indicator, value: figure.ok(), withheld: figure.err() });
    }
    all
}

/// A figure of all organisations together.
enum Whole {
    /// People, or what they have done.
    Count(i64),
    /// So many of so many.
    Share { part: i64, of: i64 },
    /// Nothing by which people are counted.
    Plain(f64),
    /// It cannot be told.
    None,
}

fn whole(indicator: &Indicator, stated: &[Stated]) -> Whole {
    let sum = stated.iter().map(|(value, _)| *value).sum::<f64>();
    let whole_number = indicator.decimals == 0 && !indicator.is_share();
    if !indicator.people || !(whole_number || indicator.is_share()) {
        let parts = if whole_number { 1 } else { stated.len().max(1) };
        return Whole::Plain(sum / parts as f64);
    }
    if indicator.is_share() {
        let mut sums = (0.0, 0.0);
        for (value, of) in stated {
            let Some(of) = of else { return Whole::None };
            sums = (sums.0 + value * of / 100.0, sums.1 + of);
        }
        return match sums.1.round() as i64 {
            0 => Whole::None,
            of => Whole::Share { part: sums.0.round() as i64, of },
        };
    }
    Whole::Count(sum.round() as i64)
}

/// What says of whom an indicator is: those that say the same are looked at together, with their
/// number itself.
fn participants(indicator: &Indicator) -> &str {
    indicator.rests_on.as_ref().map_or(&indicator.id, |rests_on| rests_on.count.text())
}

/// Lets numbers join those that are told, all of them or none.
fn admit(numbers: &[i64], told: &mut Vec<i64>, least: u32) -> Result<(), Withheld> {
    let small = |number: i64| (1..i64::from(least)).contains(&number.abs());
    let before = told.len();
    for number in numbers {
        let refused = if small(*number) {
            Some(Withheld::FewPeople)
        } else {
            subtracted(*number, told, small).then_some(Withheld::BySubtraction)
        };
        if let Some(refused) = refused {
            told.truncate(before);
            return Err(refused);
        }
        if !told.contains(number) {
            told.push(*number);
        }
    }
    Ok(())
}

/// Whether a number and one or two of the others, added or subtracted, make a small one.
fn subtracted(number: i64, told: &[i64], small: impl Fn(i64) -> bool) -> bool {
    let signed = |one: i64| [one, -one];
    told.iter().enumerate().any(|(place, one)| {
        let with_one = signed(*one).map(|one| number + one);
        let others = &told[..place];
        with_one.into_iter().any(|sum| {
            small(sum) || others.iter().any(|two| signed(*two).iter().any(|two| small(sum + two)))
        })
    })
}
