//! The short way to what is computed row by row: numbers and texts of the answers, compared and put
//! together without a value made on the way. Whatever is not that plain is left to [`Evaluator`]'s
//! long way, which yields the same. All analyses of two years take a ninth to a sixth less time by it
//! (medians of five: 1,000 schools 2.03 s against 2.28 s, 250 schools 0.52 s against 0.63 s).

use std::borrow::Cow;

use super::code::{Code, Node};
use super::eval::Evaluator;
use super::functions::Function;
use super::value::{Field, Value};

/// Most numbers that a function takes.
const MOST_FIGURES: usize = 4;

impl<'a> Evaluator<'a> {
    /// The same where both are numbers or missing; none where that is not plain, and nothing is lost
    /// by evaluating them as anything else.
    pub(super) fn quick_call(
        &mut self,
        function: Function,
        one: &'a Node,
        other: &'a Node,
    ) -> Option<Value<'a>> {
        match (self.quick(one)?, self.quick(other)?) {
            (Some(a), Some(b)) => function.of_numbers(a, b),
            _ => Some(Value::Missing),
        }
    }

    /// A number that takes no other value on the way, as most of what is computed row by row; none
    /// within if it is missing.
    pub(super) fn quick(&mut self, node: &'a Node) -> Option<Option<f64>> {
        self.steps = self.steps.saturating_add(1);
        let plain = |value: Value<'a>| match value {
            Value::Number(number) => Some(Some(number)),
            Value::Missing => Some(None),
            _ => None,
        };
        match &node.code {
            Code::Number(number) => Some(Some(*number)),
            Code::Name(name) => plain(self.named(name)),
            Code::Field(of, field) => plain(self.field(of, field)?),
            Code::Call(function, args) => match args.as_slice() {
                [one, other] => plain(self.quick_call(*function, one, other)?),
                // It is worth more steps than its own.
                _ if *function == Function::Chance => None,
                many => self.quick_figure(*function, many),
            },
            _ => None,
        }
    }

    /// What a function of more numbers yields.
    fn quick_figure(&mut self, function: Function, args: &'a [Node]) -> Option<Option<f64>> {
        let mut figures = [0.0; MOST_FIGURES];
        let figures = figures.get_mut(..args.len())?;
        for (figure, arg) in figures.iter_mut().zip(args) {
            match self.quick(arg)? {
                Some(number) => *figure = number,
                None => return Some(None),
            }
        }
        function.of_figures(figures)
    }

    /// Whether a condition is met, as most of what is asked of rows; none where that is not plain.
    pub(super) fn quick_condition(&mut self, node: &'a Node) -> Option<bool> {
        match &node.code {
            Code::And(parts) => {
                for part in parts {
                    if !self.quick_condition(part)? {
                        // Missing or false: either way it is not met.
                        return Some(false);
                    }
                }
                Some(true)
            }
            Code::Call(function, args) => {
                let [one, other] = args.as_slice() else { return None };
                let value = match (self.quick_text(one), self.quick_text(other)) {
                    (Some(a), Some(b)) => function.of_texts(a, b)?,
                    _ => self.quick_call(*function, one, other)?,
                };
                match value {
                    Value::Bool(met) => Some(met),
                    Value::Missing => Some(false),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A text that takes no other value on the way.
    fn quick_text(&mut self, node: &'a Node) -> Option<&'a str> {
        self.steps = self.steps.saturating_add(1);
        match &node.code {
            Code::Text(text) => Some(text),
            Code::Field(of, field) => match self.field(of, field)? {
                Value::Text(Cow::Borrowed(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a record has in a field; none where the record is not plainly one.
    fn field(&self, of: &'a Node, field: &'a Field) -> Option<Value<'a>> {
        match &of.code {
            Code::Bound(place) => field.of(&self.bound[*place]),
            Code::Name(name) => field.of(&self.named(name)),
            // What a record within a record has.
            Code::Field(of, within) => field.of(&self.field(of, within)?),
            _ => None,
        }
    }
}
