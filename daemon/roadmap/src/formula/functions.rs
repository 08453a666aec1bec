//! What functions and operators of formulas yield for values that are all there.

use std::borrow::Cow;

use cel::common::ast::operators;
use jiff::civil::Date;

use super::statistics;
use super::value::{List, Value};
use crate::pattern::alike;

/// The functions that a formula may call by name, and how many values they take.
pub(super) const FUNCTIONS: &[(&str, usize)] = &[
    ("share", 2),
    ("sum", 1),
    ("mean", 1),
    ("min", 2),
    ("max", 2),
    ("round", 2),
    ("root", 1),
    ("default", 2),
    ("spike", 3),
    ("difference", 4),
    ("shift", 4),
    ("lower", 3),
    ("chance", 3),
    ("surplus", 4),
    ("variance", 4),
    ("known", 1),
    ("days", 2),
    ("size", 1),
    ("contains", 2),
    ("startsWith", 2),
    ("endsWith", 2),
    ("alike", 2),
];

/// From one day to another; none if one of them is no day.
fn days(from: &str, to: &str) -> Option<f64> {
    let (from, to): (Date, Date) = (from.parse().ok()?, to.parse().ok()?);
    Some(f64::from((to - from).get_days()))
}

/// The chance of so many pupils more is computed in the time of a step.
const PUPILS_PER_STEP: f64 = 4.0;

/// An operator or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Not,
    Equals,
    NotEquals,
    Greater,
    GreaterEquals,
    Less,
    LessEquals,
    In,
    Share,
    Min,
    Max,
    Round,
    Root,
    Sum,
    Mean,
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Spike,
    Difference,
    Shift,
    Lower,
    Chance,
    Surplus,
    Variance,
    Known,
    Days,
    Alike,
    /// There is none of this name, which `check` tells.
    Unknown,
}

impl Function {
    pub(super) fn named(name: &str) -> Self {
        match name {
            operators::ADD => Function::Add,
            operators::SUBSTRACT => Function::Subtract,
            operators::MULTIPLY => Function::Multiply,
            operators::DIVIDE => Function::Divide,
            operators::NEGATE => Function::Negate,
            operators::LOGICAL_NOT => Function::Not,
            operators::EQUALS => Function::Equals,
            operators::NOT_EQUALS => Function::NotEquals,
            operators::GREATER => Function::Greater,
            operators::GREATER_EQUALS => Function::GreaterEquals,
            operators::LESS => Function::Less,
            operators::LESS_EQUALS => Function::LessEquals,
            operators::IN => Function::In,
            "share" => Function::Share,
            "min" => Function::Min,
            "max" => Function::Max,
            "round" => Function::Round,
            "root" => Function::Root,
            "sum" => Function::Sum,
            "mean" => Function::Mean,
            "size" => Function::Size,
            "contains" => Function::Contains,
            "startsWith" => Function::StartsWith,
            "endsWith" => Function::EndsWith,
            "spike" => Function::Spike,
            "difference" => Function::Difference,
            "shift" => Function::Shift,
            "lower" => Function::Lower,
            "chance" => Function::Chance,
            "surplus" => Function::Surplus,
            "variance" => Function::Variance,
            "known" => Function::Known,
            "days" => Function::Days,
            "alike" => Function::Alike,
            _ => Function::Unknown,
        }
    }

    /// Whether it takes the elements of a list one by one.
    pub(super) fn is_total(self) -> bool {
        matches!(self, Function::Sum | Function::Mean | Function::Size)
    }

    /// What it yields for one value; none if they do not go together.
    pub(super) fn of_one<'a>(self, value: &Value<'a>) -> Option<Value<'a>> {
        use Value::{Bool, Number, Text};
        Some(match (self, value) {
            (Function::Negate, Number(a)) => Number(-a),
            (Function::Not, Bool(a)) => Bool(!a),
            (Function::Root, Number(a)) => Value::finite(a.sqrt()),
            (Function::Sum, Value::List(list)) => {
                let sum =
                    |sum: Option<f64>, n: f64| sum.map(|sum| sum + n).filter(|n| n.is_finite());
                list.numbers()?.fold(Some(0.0), sum).map_or(Value::Missing, Number)
            }
            (Function::Mean, Value::List(list)) => {
                let (mut sum, mut count) = (0.0, 0.0);
                for number in list.numbers()? {
                    sum += number;
                    count += 1.0;
                }
                Value::finite(sum / count)
            }
            (Function::Known, Value::List(list)) => {
                Number(list.iter().filter(|value| *value != Value::Missing).count() as f64)
            }
            (Function::Size, Value::List(list)) => Number(list.len() as f64),
            (Function::Size, Text(text)) => Number(text.chars().count() as f64),
            _ => return None,
        })
    }

    /// What it yields for two numbers; none if it takes no such.
    pub(super) fn of_numbers<'a>(self, a: f64, b: f64) -> Option<Value<'a>> {
        use Value::{Bool, Number};
        Some(match self {
            Function::Equals => Bool(a == b),
            Function::NotEquals => Bool(a != b),
            Function::Add => Value::finite(a + b),
            Function::Subtract => Value::finite(a - b),
            Function::Multiply => Value::finite(a * b),
            Function::Divide => Value::finite(a / b),
            Function::Greater => Bool(a > b),
            Function::GreaterEquals => Bool(a >= b),
            Function::Less => Bool(a < b),
            Function::LessEquals => Bool(a <= b),
            // In this order: 29 of 50 are 58 %, and not a little less.
            Function::Share => Value::finite(a * 100.0 / b),
            Function::Min => Number(a.min(b)),
            Function::Max => Number(a.max(b)),
            Function::Round => {
                let scale = 10f64.powi(b.clamp(0.0, 9.0) as i32);
                Value::finite((a * scale).round() / scale)
            }
            _ => return None,
        })
    }

    /// What it yields for two texts; none if it takes no such.
    pub(super) fn of_texts<'a>(self, a: &str, b: &str) -> Option<Value<'a>> {
        use Value::{Bool, Text};
        Some(match self {
            Function::Equals => Bool(a == b),
            Function::NotEquals => Bool(a != b),
            Function::Add => Text(Cow::Owned(format!("{a}{b}"))),
            Function::Greater => Bool(a > b),
            Function::GreaterEquals => Bool(a >= b),
            Function::Less => Bool(a < b),
            Function::LessEquals => Bool(a <= b),
            Function::Contains => Bool(a.contains(b)),
            Function::StartsWith => Bool(a.starts_with(b)),
            Function::EndsWith => Bool(a.ends_with(b)),
            Function::Days => days(a, b).map_or(Value::Missing, Value::Number),
            Function::Alike => Bool(alike(a) == alike(b)),
            _ => return None,
        })
    }

    /// What it yields for two values; none if they do not go together.
    pub(super) fn of_two<'a>(self, a: Value<'a>, b: Value<'a>) -> Option<Value<'a>> {
        use Value::{Bool, Number, Text};
        Some(match (self, a, b) {
            (Function::Equals, a, b) => Bool(a == b),
            (Function::NotEquals, a, b) => Bool(a != b),
            (function, Number(a), Number(b)) => return function.of_numbers(a, b),
            (function, Text(a), Text(b)) => return function.of_texts(&a, &b),
            (Function::Add, Value::List(a), Value::List(b)) => {
                Value::List(List::Own(a.iter().chain(b.iter()).collect()))
            }
            (Function::In, value, Value::List(list)) => Bool(list.iter().any(|item| item == value)),
            _ => return None,
        })
    }

    /// How many steps it is worth beside its own.
    pub(super) fn weight(self, values: &[Value<'_>]) -> usize {
        match (self, values) {
            (Function::Chance, [Value::Number(pupils), ..]) => (pupils / PUPILS_PER_STEP) as usize,
            _ => 0,
        }
    }

    /// What it yields for more values; none if they do not go together.
    pub(super) fn of_many<'a>(self, values: &[Value<'a>]) -> Option<Value<'a>> {
        use Value::Number;
        let figure = match (self, values) {
            (Function::Spike, [Value::List(counts), Number(from), Number(at)]) => {
                let place = at - from;
                let counts: Vec<f64> = counts.numbers()?.collect();
                let whole = place >= 0.0 && place.fract() == 0.0 && place < counts.len() as f64;
                whole.then(|| statistics::spike(&counts, place as usize)).flatten()
            }
            (_, [Number(a), Number(b), Number(c)]) => self.of_figures(&[*a, *b, *c])?,
            (_, [Number(a), Number(b), Number(c), Number(d)]) => {
                self.of_figures(&[*a, *b, *c, *d])?
            }
            _ => return None,
        };
        Some(figure.map_or(Value::Missing, Number))
    }

    /// The same for numbers alone; none within where that cannot be told.
    pub(super) fn of_figures(self, figures: &[f64]) -> Option<Option<f64>> {
        Some(match (self, figures) {
            (Function::Lower, &[part, whole, errors]) => statistics::lower(part, whole, errors),
            (Function::Chance, &[whole, share, least]) => statistics::chance(whole, share, least),
            (Function::Difference, &[a, b, c, d]) => statistics::difference(a, b, c, d),
            (Function::Shift, &[a, b, c, d]) => statistics::shift(a, b, c, d),
            (Function::Surplus, &[a, b, c, d]) => statistics::surplus(a, b, c, d),
            (Function::Variance, &[a, b, c, d]) => statistics::variance(a, b, c, d),
            _ => return None,
        })
    }
}
