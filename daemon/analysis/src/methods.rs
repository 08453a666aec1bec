//! Methods of description that hold in small municipalities: what one unusual school does to a mean,
//! it does not do to a median. Pure functions over values without order.

/// How far from the median a value may lie, in [`outlyingness`], before it is looked at: the bound
/// that Iglewicz and Hoaglin propose.
const OUTLYING: f64 = 3.5;

/// The median: the middle value, or halfway between the two in the middle. None without values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// The sample's standard deviation, divided by n - 1; zero for a single value, none without values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return values.first().map(|_| 0.0);
    }
    let mean = values.iter().sum::<f64>() / count as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((squares / (count - 1) as f64).sqrt())
}

/// The quantile of values in ascending order, `share` from 0 to 1, by linear interpolation between
/// neighbours. None without values.
///
/// Definition 7 of R. J. Hyndman, Y. Fan, Sample Quantiles in Statistical Packages, The American
/// Statistician 50 (1996): what Excel's QUARTILE.INC and R give.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Halves are what medians are made of, and those must lie between their neighbours.
    let part = place.fract();
    Some(if part == 0.5 { f64::midpoint(below, above) } else { below + (above - below) * part })
}

/// The median of the distances to the median: a spread that up to half of the values cannot
/// distort. None without values.
pub fn median_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    median(&distances)
}

/// How far a value lies from the median, in units that are standard deviations where values are
/// distributed normally. None where at least half of the values are the median: nothing says then
/// what is far.
///
/// The modified z-score of B. Iglewicz, D. Hoaglin, How to Detect and Handle Outliers, ASQC (1993):
/// 0.6745 · (x - median) / MAD.
pub fn outlyingness(value: f64, median: f64, median_deviation: f64) -> Option<f64> {
    let score = 0.6745 * (value - median) / median_deviation;
    (median_deviation > 0.0 && score.is_finite()).then_some(score)
}

/// Whether such a distance is that of a value that lies apart from the others.
pub fn lies_apart(outlyingness: f64) -> bool {
    outlyingness.abs() > OUTLYING
}

/// How much a figure changes from period to period: the median of the slopes between every two of
/// them, which one odd period cannot turn. None with fewer than three periods: of two a difference
/// says as much.
///
/// P. K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, Journal of the American
/// Statistical Association 63 (1968), after H. Theil (1950). Periods count as equally far apart;
/// one that is missing still takes its place.
pub fn slope(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<(f64, f64)> =
        values.iter().enumerate().filter_map(|(at, value)| Some((at as f64, (*value)?))).collect();
    if known.len() < 3 {
        return None;
    }
    let mut slopes = Vec::new();
    for (place, (from, before)) in known.iter().enumerate() {
        slopes.extend(known[place + 1..].iter().map(|(to, after)| (after - before) / (to - from)));
    }
    median(&slopes)
}

/// The values in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
