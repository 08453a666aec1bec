//! Statistics that formulas may call. `spike`, `difference` and `shift` tell how far something lies
//! from what is expected, in standard errors: beyond ±2 it is seldom chance, beyond ±3 hardly ever.
//! `lower` and `chance` tell what small numbers can bear, in percent; `surplus` and `variance` are
//! made to be added up over many works before anything is concluded. None where that cannot be told.

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

/// The least share, in percent, that what was counted does not speak against: the lower bound of the
/// interval whose half-width at the share p itself is so many standard errors √(p · (1 - p) / n). It
/// is 1.645 errors for a one-sided level of 95 %. Unlike p̂ - z · √(p̂ · (1 - p̂) / n) it holds for a
/// dozen of pupils, too, and never leaves the range from 0 to 100.
///
/// E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
/// American Statistical Association 22 (1927).
///
/// None if the whole is empty, the part is not within it or the errors are negative.
pub fn lower(part: f64, whole: f64, errors: f64) -> Option<f64> {
    if !within(part, whole) || errors < 0.0 {
        return None;
    }
    let (share, square) = (part / whole, errors * errors);
    let middle = share + square / (2.0 * whole);
    let half = errors * (share * (1.0 - share) / whole + square / (4.0 * whole * whole)).sqrt();
    // Rounding must not carry the bound of nobody below nothing.
    finite((100.0 * (middle - half) / (1.0 + square / whole)).max(0.0))
}

/// The most pupils that [`chance`] is computed for: a municipality's grade has fewer.
const MOST_TRIALS: f64 = 10_000.0;

/// How likely, in percent, it is by chance alone that of so many pupils at least `least` percent
/// fail where each fails with the probability of `share` percent: the upper tail of the binomial
/// distribution. Added up over the rows of a school it is how many of them chance alone will flag.
///
/// None if there is nobody or a percentage is not one.
pub fn chance(whole: f64, share: f64, least: f64) -> Option<f64> {
    let percent = |p: f64| (0.0..=100.0).contains(&p);
    if !(1.0..=MOST_TRIALS).contains(&whole) || !percent(share) || !percent(least) {
        return None;
    }
    let (pupils, p) = (whole.floor(), share / 100.0);
    // 30 % of 20 are 6, and not a little more than 6.
    let from = (least * pupils / 100.0 - 1e-9).ceil().max(0.0);
    if from == 0.0 || p == 1.0 {
        return Some(100.0);
    }
    if p == 0.0 {
        return Some(0.0);
    }
    let (mut tail, mut logarithm) = (0.0, pupils * (1.0 - p).ln());
    for failed in 0..=pupils as u32 {
        let failed = f64::from(failed);
        if failed >= from {
            tail += logarithm.exp();
        }
        logarithm += ((pupils - failed) / (failed + 1.0)).ln() + (p / (1.0 - p)).ln();
    }
    finite((100.0 * tail).min(100.0))
}

/// How many more there are in the part than there would be if both wholes had one share: a - n₁ · m / N,
/// where m of all N are in the parts. With [`variance`] added up over many tables of two by two,
/// Σ surplus / √Σ variance is the statistic of W. G. Cochran, Some Methods for Strengthening the
/// Common χ² Tests, Biometrics 10 (1954), and N. Mantel, W. Haenszel, Statistical Aspects of the
/// Analysis of Data from Retrospective Studies of Disease, Journal of the National Cancer Institute
/// 22 (1959): each work is compared with the same work alone, and what small works cannot tell one by
/// one, they tell together.
///
/// None as with [`difference`], but for parts that all or none belong to: nothing more is there then.
pub fn surplus(part: f64, whole: f64, other_part: f64, other_whole: f64) -> Option<f64> {
    if !within(part, whole) || !within(other_part, other_whole) {
        return None;
    }
    finite(part - whole * (part + other_part) / (whole + other_whole))
}

/// The variance of [`surplus`] by chance alone, given the margins of the table (hypergeometric):
/// n₁ · n₂ · m · (N - m) / (N² · (N - 1)).
pub fn variance(part: f64, whole: f64, other_part: f64, other_whole: f64) -> Option<f64> {
    if !within(part, whole) || !within(other_part, other_whole) {
        return None;
    }
    let (all, parts) = (whole + other_whole, part + other_part);
    finite(whole * other_whole * parts * (all - parts) / (all * all * (all - 1.0)))
}

/// Whether a part is one of a whole that is not empty.
fn within(part: f64, whole: f64) -> bool {
    whole > 0.0 && (0.0..=whole).contains(&part)
}

fn finite(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}
