//! From values to places on an axis, with round numbers on it.

/// An axis.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    step: f64,
    pixels: [f64; 2],
}

/// How many steps an axis has, about.
const STEPS: f64 = 5.0;

impl Scale {
    /// Over all of the values, widened to round numbers, in steps of what `decimals` digits can say
    /// or more. Values that are not finite are left out.
    pub fn over(values: impl Iterator<Item = f64>, decimals: u8, pixels: [f64; 2]) -> Self {
        let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (from, to) = (from.min(value), to.max(value));
        }
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        if from == to {
            let half = if from == 0.0 { 1.0 } else { from.abs() * 0.1 };
            (from, to) = (from - half, to + half);
        }
        let step = round_step((to - from) / STEPS).max(10f64.powi(-i32::from(decimals)));
        let (from, to) = ((from / step).floor() * step, (to / step).ceil() * step);
        Scale { from, to, step, pixels }
    }

    /// The place of a value.
    pub fn place(&self, value: f64) -> f64 {
        let [start, end] = self.pixels;
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        start + share * (end - start)
    }

    /// The round numbers on the axis, each with the digits that the step needs.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 6.0) as u8;
        let count = ((self.to - self.from) / self.step).round() as usize;
        (0..=count)
            .map(|n| self.from + n as f64 * self.step)
            .map(|value| (value, vekha_roadmap::russian::number(value, decimals)))
            .collect()
    }
}

/// 1, 2 or 5 times a power of ten, not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let digit = step / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| digit <= round + 1e-9).unwrap_or(10.0);
    round * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_begins_and_ends_with_round_numbers_around_all_values() {
        let ticks = |values: &[f64]| {
            let scale = Scale::over(values.iter().copied(), 2, [0.0, 100.0]);
            scale.ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(&[3.0, 48.0]), "0 10 20 30 40 50");
        assert_eq!(ticks(&[-12.5, 8.0]), "−15 −10 −5 0 5 10");
        assert_eq!(ticks(&[0.12, 0.31]), "0,10 0,15 0,20 0,25 0,30 0,35");
        assert_eq!(ticks(&[7.0]), "6,0 6,5 7,0 7,5 8,0");
        assert_eq!(ticks(&[]), "0,0 0,2 0,4 0,6 0,8 1,0");
        let people = Scale::over([0.0, 2.0].into_iter(), 0, [0.0, 100.0]);
        assert_eq!(people.ticks().len(), 3, "there is no half of a person");
        assert_eq!(ticks(&[f64::NAN, f64::INFINITY, 1.0, 2.0]), "1,0 1,2 1,4 1,6 1,8 2,0");
    }

    #[test]
    fn a_value_stands_between_the_ends() {
        let scale = Scale::over([0.0, 50.0].into_iter(), 0, [100.0, 600.0]);
        assert_eq!([0.0, 25.0, 50.0].map(|value| scale.place(value)), [100.0, 350.0, 600.0]);
    }
}
