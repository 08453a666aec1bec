//! What a formula yields for given answers. Missing values spread: `marks_2 / participants` is
//! missing when either is, or when nobody participated.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::code::{Build, Code, Fold, Node};
use super::functions::Function;
use super::selection::Selection;
use super::value::{List, Value, find};
use super::{Formula, FormulaError};

/// Named values: answers by field id, and whatever else a formula may see.
pub type Values = serde_json::Map<String, Json>;

/// Most steps of one evaluation: a table of 5,000 rows is walked some twenty times.
const MOST_STEPS: usize = 1_000_000;

/// Where names are looked up, one layer after the other.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    /// Each of these is a name.
    All(&'a Values),
    /// One name stands for all of these: `vpr` in `vpr.marks_2`. What the first map lacks is in the
    /// second.
    Record(&'a str, &'a Values, Option<&'a Values>),
    /// Each of these is a name, for a number.
    Numbers(&'a [(&'a str, f64)]),
    /// A name for a text.
    Text(&'a str, &'a str),
    /// Each of these is a name, for the rows of a row set.
    Rows(&'a [(&'a str, Selection)]),
    /// One name stands for row sets and, where it is none of them, for numbers: `earlier`.
    Sets(&'a str, &'a [(&'a str, Selection)], &'a Values),
}

impl<'a> Layer<'a> {
    fn get(&self, name: &str) -> Option<Value<'a>> {
        match *self {
            Layer::All(map) => find(map, name).map(Value::from),
            Layer::Record(alias, map, more) => (alias == name).then_some(Value::Record(map, more)),
            Layer::Numbers(numbers) => {
                let number = numbers.iter().find(|(known, _)| *known == name);
                number.map(|(_, number)| Value::Number(*number))
            }
            Layer::Rows(sets) => {
                let set = sets.iter().find(|(id, _)| *id == name);
                set.map(|(_, set)| Value::List(List::Rows(set)))
            }
            Layer::Sets(alias, sets, numbers) => {
                (alias == name).then_some(Value::Sets(sets, numbers))
            }
            Layer::Text(known, text) => (known == name).then_some(Value::Text(Cow::Borrowed(text))),
        }
    }
}

impl Formula {
    /// Computes the formula; `None` is "no value".
    ///
    /// # Errors
    /// When it does not type (which `check` would have told) or takes too many steps.
    pub fn evaluate(&self, values: &Values) -> Result<Option<Json>, FormulaError> {
        self.evaluate_in(&[Layer::All(values)])
    }

    /// Computes the formula over names that need not stand in one map.
    ///
    /// # Errors
    /// As [`Formula::evaluate`].
    pub fn evaluate_in(&self, layers: &[Layer<'_>]) -> Result<Option<Json>, FormulaError> {
        let mut evaluator = Evaluator { formula: self, layers, bound: Vec::new(), steps: 0 };
        Ok(match evaluator.eval(&self.0.code)? {
            Value::Missing => None,
            value => Some(value.into_json()),
        })
    }

    /// The rows that the formula yields; `None` is "no value".
    ///
    /// # Errors
    /// As [`Formula::evaluate`], and when it yields anything else than rows.
    pub fn select_in(&self, layers: &[Layer<'_>]) -> Result<Option<Selection>, FormulaError> {
        let mut evaluator = Evaluator { formula: self, layers, bound: Vec::new(), steps: 0 };
        match evaluator.eval(&self.0.code)? {
            Value::Missing => Ok(None),
            value => match Selection::of(value) {
                Some(selection) => Ok(Some(selection)),
                None => Err(FormulaError {
                    message: "это не строки таблицы".into(), offset: None
                }),
            },
        }
    }

    /// Computes a condition; `None` is "cannot be told".
    ///
    /// # Errors
    /// As [`Formula::evaluate`], and when the formula yields no condition.
    pub fn holds(&self, values: &Values) -> Result<Option<bool>, FormulaError> {
        self.holds_in(&[Layer::All(values)])
    }

    /// Computes a condition over names that need not stand in one map.
    ///
    /// # Errors
    /// As [`Formula::holds`].
    pub fn holds_in(&self, layers: &[Layer<'_>]) -> Result<Option<bool>, FormulaError> {
        match self.evaluate_in(layers)? {
            None => Ok(None),
            Some(Json::Bool(b)) => Ok(Some(b)),
            Some(_) => {
                Err(FormulaError { message: "это не условие".into(), offset: None })
            }
        }
    }
}

pub(super) struct Evaluator<'a> {
    formula: &'a Formula,
    layers: &'a [Layer<'a>],
    /// Variables of comprehensions, by the places that [`Code::Bound`] has.
    pub(super) bound: Vec<Value<'a>>,
    pub(super) steps: usize,
}

impl<'a> Evaluator<'a> {
    fn fail<T>(&self, node: &Node, message: &str) -> Result<T, FormulaError> {
        Err(FormulaError { message: message.to_owned(), offset: self.formula.offset(node.id) })
    }

    fn eval(&mut self, node: &'a Node) -> Result<Value<'a>, FormulaError> {
        self.spend(node, 1)?;
        match &node.code {
            Code::Missing => Ok(Value::Missing),
            Code::Number(number) => Ok(Value::Number(*number)),
            Code::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Code::Bool(b) => Ok(Value::Bool(*b)),
            Code::Name(name) => {
                let found = self.named(name);
                self.weighed(node, found)
            }
            Code::Bound(place) => {
                let value = self.bound[*place].clone();
                self.weighed(node, value)
            }
            Code::Field(of, field) => {
                let record = match &of.code {
                    // The field of a row: the row itself need not be a step.
                    Code::Bound(place) => self.bound[*place].clone(),
                    _ => self.eval(of)?,
                };
                match field.of(&record) {
                    Some(value) => self.weighed(node, value),
                    None => self.fail(node, "у этого значения нет полей"),
                }
            }
            Code::List(elements) => {
                let values: Result<_, _> = elements.iter().map(|e| self.eval(e)).collect();
                Ok(Value::List(List::Own(values?)))
            }
            Code::If(parts) => {
                let [condition, yes, no] = parts.as_ref();
                match self.eval(condition)? {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    Value::Missing => Ok(Value::Missing),
                    _ => self.fail(condition, "это не условие"),
                }
            }
            Code::And(parts) => self.logical(parts, false),
            Code::Or(parts) => self.logical(parts, true),
            Code::Default(parts) => {
                let [value, otherwise] = parts.as_ref();
                match self.eval(value)? {
                    Value::Missing => self.eval(otherwise),
                    value => Ok(value),
                }
            }
            Code::NotFalse(part) => Ok(Value::Bool(self.eval(part)? != Value::Bool(false))),
            Code::Call(function, args) => self.call(node, *function, args),
            Code::Build(build) => self.build(node, build),
            Code::Fold(fold) => self.fold(fold),
            Code::Unknown => self.fail(node, "такого в формулах нет"),
        }
    }

    fn spend(&mut self, node: &Node, steps: usize) -> Result<(), FormulaError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MOST_STEPS {
            return self.fail(node, "формула считается слишком долго");
        }
        Ok(())
    }

    /// A value that was made, or that may be copied once it leaves: for a long one that is more than
    /// a step.
    fn weighed(&mut self, node: &Node, value: Value<'a>) -> Result<Value<'a>, FormulaError> {
        match value.weight() {
            0 => Ok(value),
            weight => self.spend(node, weight).map(|()| value),
        }
    }

    /// Whatever is computed from a missing value is missing.
    fn call(
        &mut self,
        node: &'a Node,
        function: Function,
        args: &'a [Node],
    ) -> Result<Value<'a>, FormulaError> {
        let value = match args {
            [one] => match &one.code {
                Code::Build(build) if function.is_total() => {
                    return self.total(node, function, build);
                }
                _ => match self.eval(one)? {
                    Value::Missing => return Ok(Value::Missing),
                    value => function.of_one(&value),
                },
            },
            [one, other] => match self.quick_call(function, one, other) {
                Some(value) => return Ok(value),
                None => match (self.eval(one)?, self.eval(other)?) {
                    (Value::Missing, _) | (_, Value::Missing) => return Ok(Value::Missing),
                    (a, b) => function.of_two(a, b),
                },
            },
            many => {
                let values: Result<Vec<_>, _> = many.iter().map(|arg| self.eval(arg)).collect();
                let values = values?;
                if values.contains(&Value::Missing) {
                    return Ok(Value::Missing);
                }
                self.spend(node, function.weight(&values))?;
                function.of_many(&values)
            }
        };
        match value {
            Some(value) => self.weighed(node, value),
            None => self.fail(node, "эти значения так не сочетаются"),
        }
    }

    pub(super) fn named(&self, name: &str) -> Value<'a> {
        self.layers.iter().find_map(|layer| layer.get(name)).unwrap_or(Value::Missing)
    }

    /// And, or: `decisive` settles it; otherwise a missing part leaves it open.
    fn logical(&mut self, parts: &'a [Node], decisive: bool) -> Result<Value<'a>, FormulaError> {
        let mut open = false;
        for part in parts {
            match self.eval(part)? {
                Value::Bool(b) if b == decisive => return Ok(Value::Bool(decisive)),
                Value::Bool(_) => {}
                Value::Missing => open = true,
                _ => return self.fail(part, "это не условие"),
            }
        }
        Ok(if open { Value::Missing } else { Value::Bool(!decisive) })
    }

    /// Binds those elements of a list that meet the condition, one after the other, and visits each.
    /// False if the list is missing.
    fn each(
        &mut self,
        node: &'a Node,
        build: &'a Build,
        mut visit: impl FnMut(&mut Self) -> Result<(), FormulaError>,
    ) -> Result<bool, FormulaError> {
        let list = match self.eval(&build.range)? {
            Value::List(list) => list,
            Value::Missing => return Ok(false),
            _ => return self.fail(node, "перебрать можно только список"),
        };
        for item in list.iter() {
            self.spend(node, 1)?;
            self.bound.push(item);
            if self.meets(build)? {
                visit(self)?;
            }
            self.bound.pop();
        }
        Ok(true)
    }

    /// A row of which it cannot be told is not among those that meet the condition.
    fn meets(&mut self, build: &'a Build) -> Result<bool, FormulaError> {
        let Some(condition) = &build.condition else { return Ok(true) };
        match self.quick_condition(condition) {
            Some(meets) => Ok(meets),
            None => Ok(self.eval(condition)? == Value::Bool(true)),
        }
    }

    fn build(&mut self, node: &'a Node, build: &'a Build) -> Result<Value<'a>, FormulaError> {
        let mut made = Vec::new();
        let there = self.each(node, build, |this| {
            made.push(this.eval(&build.element)?);
            Ok(())
        })?;
        Ok(if there { Value::List(List::Own(made)) } else { Value::Missing })
    }

    /// `sum`, `mean`, `size` of what `filter` and `map` yield; gaps count for the size alone. No list
    /// is made for it.
    fn total(
        &mut self,
        node: &'a Node,
        function: Function,
        build: &'a Build,
    ) -> Result<Value<'a>, FormulaError> {
        let (mut sum, mut count, mut size) = (0.0, 0.0, 0.0);
        let there = self.each(node, build, |this| {
            size += 1.0;
            let number = match this.quick(&build.element) {
                Some(number) => number,
                None => match this.eval(&build.element)? {
                    Value::Number(number) => Some(number),
                    Value::Missing => None,
                    _ if function == Function::Size => None,
                    _ => return this.fail(node, "эти значения так не сочетаются"),
                },
            };
            if let Some(number) = number {
                sum += number;
                count += 1.0;
            }
            Ok(())
        })?;
        Ok(match function {
            _ if !there => Value::Missing,
            Function::Size => Value::Number(size),
            Function::Mean => Value::finite(sum / count),
            _ => Value::finite(sum),
        })
    }

    fn fold(&mut self, fold: &'a Fold) -> Result<Value<'a>, FormulaError> {
        let list = match self.eval(&fold.range)? {
            Value::List(list) => list,
            Value::Missing => return Ok(Value::Missing),
            _ => return self.fail(&fold.range, "перебрать можно только список"),
        };
        let start = self.eval(&fold.start)?;
        let accumulator = self.bound.len();
        self.bound.push(start);
        for item in list.iter() {
            self.bound.push(item);
            let going = self.eval(&fold.going)? != Value::Bool(false);
            if going {
                self.bound[accumulator] = self.eval(&fold.step)?;
            }
            self.bound.pop();
            if !going {
                break;
            }
        }
        let result = self.eval(&fold.result);
        self.bound.pop();
        result
    }
}
