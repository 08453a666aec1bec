//! The municipality's figures of an indicator, and places within it.

use vekha_roadmap::model::Better;

use crate::methods::{deviation, median_deviation, quantile, sorted};
use crate::types::Aggregate;

/// Mean, median, spread of the values; none without a value.
pub(crate) fn aggregate(values: &[f64]) -> Option<Aggregate> {
    let sorted = sorted(values);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len();
    let sum = sorted.iter().sum::<f64>();
    Some(Aggregate {
        count: count as u32,
        sum,
        // Rounding must not carry the mean out of the range of the values.
        mean: (sum / count as f64).clamp(first, last),
        median: quantile(&sorted, 0.5)?,
        min: first,
        max: last,
        deviation: deviation(&sorted)?,
        lower_quartile: quantile(&sorted, 0.25)?,
        upper_quartile: quantile(&sorted, 0.75)?,
        median_deviation: median_deviation(&sorted)?,
        whole: None,
    })
}

/// The place of each value from the best, 1 first; equal values share a place, and the next place
/// counts them all (1, 2, 2, 4).
pub(crate) fn ranks(values: &[f64], better: Better) -> Vec<u32> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| match better {
        Better::Higher => b.total_cmp(a),
        Better::Lower => a.total_cmp(b),
    });
    let mut ranks = vec![0; values.len()];
    let mut shared = (0, f64::NAN);
    for (before, (position, value)) in order.into_iter().enumerate() {
        if value != shared.1 {
            shared = (before as u32 + 1, value);
        }
        ranks[position] = shared.0;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_of_a_small_municipality_are_as_computed_by_hand() {
        let a = aggregate(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("values");
        assert_eq!((a.count, a.sum), (8, 40.0));
        assert_eq!((a.count, a.mean, a.median, a.min, a.max), (8, 5.0, 4.5, 2.0, 9.0));
        // Sum of squares 32, over 7: 4.571..., its root 2.138...
        assert!((a.deviation - 2.138_089_935).abs() < 1e-9);
        assert_eq!(aggregate(&[3.0]).expect("one").deviation, 0.0);
        assert_eq!(aggregate(&[]), None);
    }

    #[test]
    fn equal_values_share_a_place() {
        let values = [7.0, 10.0, 1.0, 7.0];
        assert_eq!(ranks(&values, Better::Higher), [2, 1, 4, 2]);
        assert_eq!(ranks(&values, Better::Lower), [2, 4, 1, 2]);
    }

    proptest! {
        #[test]
        fn aggregates_lie_within_the_values(values in prop::collection::vec(-1e9..1e9f64, 1..60)) {
            let a = aggregate(&values).expect("values");
            prop_assert!(a.min <= a.mean && a.mean <= a.max);
            prop_assert!(a.min <= a.lower_quartile && a.lower_quartile <= a.median);
            prop_assert!(a.median <= a.upper_quartile && a.upper_quartile <= a.max);
            prop_assert!(0.0 <= a.median_deviation && a.median_deviation <= a.max - a.min);
            prop_assert!(a.deviation >= 0.0 && a.deviation <= (a.max - a.min) + 1e-6);
        }
    }
}
