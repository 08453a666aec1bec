//! Statistics that formulas may call. Each tells how far something lies from what is expected, in
//! standard errors: beyond ±2 it is seldom chance, beyond ±3 hardly ever. None where that cannot be
//! told.

/// How far the count at one place of a histogram lies from what its neighbours suggest, two on each
/// side as far as there are so many.
///
/// A mark begins at a certain score. Where marks are pulled over the line, pupils are missing below
/// it and stand at it: then the count there is far above that of its neighbours. Counts are taken as
/// Poisson's: the mean m of k neighbours stands for the count c at the place, whose difference then
/// has the variance m + m / k, so that the figure is (c - m) / √(m · (1 + 1/k)). Symmetric
/// neighbours make a straight slope of the histogram no spike. The method is the municipality's own;
/// the sign is that which the federal institute for the assessment of the quality of education
/// (ФИОКО) looks for in histograms of primary scores.
///
/// None if the place is not in the histogram, if there is no neighbour on one of the sides, or if
/// nobody is among the neighbours.
pub fn spike(counts: &[f64], place: usize) -> Option<f64> {
    counts.get(place)?;
    let reach = 2.min(place).min(counts.len() - 1 - place);
    let around = (1..=reach).flat_map(|far| [counts[place - far], counts[place + far]]);
    let k = 2.0 * reach as f64;
    let expected = around.sum::<f64>() / k;
    finite((counts[place] - expected) / (expected * (1.0 + 1.0 / k)).sqrt())
}

/// How far two shares lie apart: the two-proportion z-test with the pooled share p,
/// (p₁ - p₂) / √(p · (1 - p) · (1/n₁ + 1/n₂)); its square is Pearson's chi-squared of the two by two
/// table. For shares of 4 and 5 in two assessments of the same pupils it is a rough measure: the
/// pupils are the same, so that chance alone makes less of a difference than it supposes.
///
/// None if a whole is empty, a part is not within its whole, or all or none belong to the parts.
pub fn difference(part: f64, whole: f64, other_part: f64, other_whole: f64) -> Option<f64> {
    let within = |part: f64, whole: f64| whole > 0.0 && (0.0..=whole).contains(&part);
    if !within(part, whole) || !within(other_part, other_whole) {
        return None;
    }
    let pooled = (part + other_part) / (whole + other_whole);
    let error = (pooled * (1.0 - pooled) * (1.0 / whole + 1.0 / other_whole)).sqrt();
    finite((part / whole - other_part / other_whole) / error)
}

/// How far a mean of so many values with that standard deviation lies from a reference: Student's
/// one-sample statistic (mean - reference) / (deviation / √count). None with fewer than two values
/// or none that differ.
pub fn shift(mean: f64, reference: f64, deviation: f64, count: f64) -> Option<f64> {
    if count < 2.0 || deviation <= 0.0 {
        return None;
    }
    finite((mean - reference) / (deviation / count.sqrt()))
}

fn finite(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}
