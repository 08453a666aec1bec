//! What a formula yields for given answers. Missing values spread: `marks_2 / participants` is
//! missing when either is, or when nobody participated.

use std::borrow::Cow;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use serde_json::Value as Json;

use super::{Formula, FormulaError, statistics};

/// Named values: answers by field id, and whatever else a formula may see.
pub type Values = serde_json::Map<String, Json>;

/// The functions and how many values they take.
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
    ("size", 1),
    ("contains", 2),
    ("startsWith", 2),
    ("endsWith", 2),
];

/// Most steps of one evaluation: a table of 5,000 rows is walked some twenty times.
const MOST_STEPS: usize = 1_000_000;

/// So many elements of a list are copied in the time of a step.
const ELEMENTS_PER_STEP: usize = 4;

/// So many bytes of a text are copied in the time of a step; this bounds memory, too.
const BYTES_PER_STEP: usize = 16;

/// A value under way.
#[derive(Debug, Clone, PartialEq)]
enum Value<'a> {
    Missing,
    Number(f64),
    Text(Cow<'a, str>),
    Bool(bool),
    List(Vec<Value<'a>>),
    /// Fields; those that the first map lacks are in the second.
    Record(&'a Values, Option<&'a Values>),
}

/// Where names are looked up, one layer after the other.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    /// Each of these is a name.
    All(&'a Values),
    /// One name stands for all of these: `vpr` in `vpr.marks_2`. What the first map lacks is in the
    /// second.
    Record(&'a str, &'a Values, Option<&'a Values>),
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Missing,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => n.as_f64().map_or(Value::Missing, Value::Number),
            Json::String(s) => Value::Text(Cow::Borrowed(s)),
            Json::Array(items) => Value::List(items.iter().map(Value::from).collect()),
            Json::Object(map) => Value::Record(map, None),
        }
    }
}

impl<'a> Layer<'a> {
    fn get(&self, name: &str) -> Option<Value<'a>> {
        match *self {
            Layer::All(map) => map.get(name).map(Value::from),
            Layer::Record(alias, map, more) => (alias == name).then_some(Value::Record(map, more)),
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
        Ok(match evaluator.eval(&self.0.root)? {
            Value::Missing => None,
            value => Some(json(value)),
        })
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

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Missing => Json::Null,
        Value::Number(n) => serde_json::Number::from_f64(n).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.into_owned()),
        Value::Bool(b) => Json::Bool(b),
        Value::List(items) => Json::Array(items.into_iter().map(json).collect()),
        Value::Record(map, more) => {
            let mut map = map.clone();
            for (name, value) in more.into_iter().flatten() {
                map.entry(name.clone()).or_insert_with(|| value.clone());
            }
            Json::Object(map)
        }
    }
}

struct Evaluator<'a> {
    formula: &'a Formula,
    layers: &'a [Layer<'a>],
    bound: Vec<(&'a str, Value<'a>)>,
    steps: usize,
}

impl<'a> Evaluator<'a> {
    fn fail<T>(&self, expr: &IdedExpr, message: &str) -> Result<T, FormulaError> {
        Err(FormulaError { message: message.to_owned(), offset: self.formula.offset(expr.id) })
    }

    fn eval(&mut self, expr: &'a IdedExpr) -> Result<Value<'a>, FormulaError> {
        self.spend(expr, 1)?;
        match &expr.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(b) => Value::Bool(*b.inner()),
                LiteralValue::Double(d) => finite(*d.inner()),
                LiteralValue::Int(i) => Value::Number(*i.inner() as f64),
                LiteralValue::UInt(u) => Value::Number(*u.inner() as f64),
                LiteralValue::String(s) => Value::Text(Cow::Borrowed(s.inner())),
                LiteralValue::Null | LiteralValue::Bytes(_) => Value::Missing,
            }),
            Expr::Ident(name) => {
                let value = self.name(name);
                self.weighed(expr, value)
            }
            Expr::Select(select) => match self.eval(&select.operand)? {
                Value::Record(map, more) => {
                    let value = map.get(&select.field).or_else(|| more?.get(&select.field));
                    let value = value.map_or(Value::Missing, Value::from);
                    self.weighed(expr, value)
                }
                Value::Missing => Ok(Value::Missing),
                _ => self.fail(expr, "у этого значения нет полей"),
            },
            Expr::List(list) => list
                .elements
                .iter()
                .map(|e| self.eval(e))
                .collect::<Result<_, _>>()
                .map(Value::List),
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(c) => self.comprehension(c),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fail(expr, "такого в формулах нет")
            }
        }
    }

    fn spend(&mut self, expr: &IdedExpr, steps: usize) -> Result<(), FormulaError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MOST_STEPS {
            return self.fail(expr, "формула считается слишком долго");
        }
        Ok(())
    }

    /// A value that was copied or made: for a long one that is more than a step.
    fn weighed(&mut self, expr: &IdedExpr, value: Value<'a>) -> Result<Value<'a>, FormulaError> {
        self.spend(expr, weight(&value))?;
        Ok(value)
    }

    fn name(&self, name: &str) -> Value<'a> {
        match self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            Some((_, value)) => value.clone(),
            None => self.layers.iter().find_map(|layer| layer.get(name)).unwrap_or(Value::Missing),
        }
    }

    fn call(&mut self, expr: &'a IdedExpr, call: &'a CallExpr) -> Result<Value<'a>, FormulaError> {
        let args: Vec<&'a IdedExpr> =
            call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
        // These decide what is evaluated at all.
        match (call.func_name.as_str(), args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                return match self.eval(condition)? {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    Value::Missing => Ok(Value::Missing),
                    _ => self.fail(condition, "это не условие"),
                };
            }
            (operators::LOGICAL_AND, args) => return self.logical(args, false),
            (operators::LOGICAL_OR, args) => return self.logical(args, true),
            ("default", [value, otherwise]) => {
                return match self.eval(value)? {
                    Value::Missing => self.eval(otherwise),
                    value => Ok(value),
                };
            }
            _ => {}
        }
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(arg)?);
        }
        if call.func_name == operators::NOT_STRICTLY_FALSE {
            return Ok(Value::Bool(values.first() != Some(&Value::Bool(false))));
        }
        if values.contains(&Value::Missing) {
            return Ok(Value::Missing);
        }
        match apply(&call.func_name, values) {
            Some(value) => self.weighed(expr, value),
            None => self.fail(expr, "эти значения так не сочетаются"),
        }
    }

    /// And, or: `decisive` settles it; otherwise a missing part leaves it open.
    fn logical(
        &mut self,
        args: &[&'a IdedExpr],
        decisive: bool,
    ) -> Result<Value<'a>, FormulaError> {
        let mut open = false;
        for arg in args {
            match self.eval(arg)? {
                Value::Bool(b) if b == decisive => return Ok(Value::Bool(decisive)),
                Value::Bool(_) => {}
                Value::Missing => open = true,
                _ => return self.fail(arg, "это не условие"),
            }
        }
        Ok(if open { Value::Missing } else { Value::Bool(!decisive) })
    }

    fn comprehension(&mut self, c: &'a ComprehensionExpr) -> Result<Value<'a>, FormulaError> {
        let items = match self.eval(&c.iter_range)? {
            Value::List(items) => items,
            Value::Missing => return Ok(Value::Missing),
            _ => return self.fail(&c.iter_range, "перебрать можно только список"),
        };
        let start = self.eval(&c.accu_init)?;
        self.bound.push((&c.accu_var, start));
        let accumulator = self.bound.len() - 1;
        for item in items {
            self.bound.push((&c.iter_var, item));
            let going = self.eval(&c.loop_cond)? != Value::Bool(false);
            if going {
                self.advance(c, &c.loop_step, accumulator)?;
            }
            self.bound.truncate(accumulator + 1);
            if !going {
                break;
            }
        }
        let result = self.eval(&c.result);
        self.bound.truncate(accumulator);
        result
    }

    /// One turn of a comprehension. `filter` and `map` append to the list that they build: in
    /// place, or a long table would be copied once for each of its rows.
    fn advance(
        &mut self,
        c: &'a ComprehensionExpr,
        step: &'a IdedExpr,
        accumulator: usize,
    ) -> Result<(), FormulaError> {
        let is_accumulator = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(n) if *n == c.accu_var);
        if let Expr::Call(call) = &step.expr {
            match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::CONDITIONAL, [condition, yes, no]) if is_accumulator(no) => {
                    return match self.eval(condition)? {
                        Value::Bool(true) => self.advance(c, yes, accumulator),
                        // A row of which it cannot be told is not among those that meet it.
                        _ => Ok(()),
                    };
                }
                (operators::ADD, [list, added]) if is_accumulator(list) => {
                    if let Expr::List(added) = &added.expr {
                        for element in &added.elements {
                            let value = self.eval(element)?;
                            if let Value::List(list) = &mut self.bound[accumulator].1 {
                                list.push(value);
                            }
                        }
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        let value = self.eval(step)?;
        self.bound[accumulator].1 = value;
        Ok(())
    }
}

/// How many steps a value is worth beside the one that made it.
fn weight(value: &Value<'_>) -> usize {
    match value {
        Value::Text(Cow::Owned(text)) => text.len() / BYTES_PER_STEP,
        Value::List(items) => {
            items.len() / ELEMENTS_PER_STEP + items.iter().map(weight).sum::<usize>()
        }
        _ => 0,
    }
}

fn finite(number: f64) -> Value<'static> {
    if number.is_finite() { Value::Number(number) } else { Value::Missing }
}

/// Operators and functions over values that are all there; `None` if they do not go together.
fn apply<'a>(name: &str, values: Vec<Value<'a>>) -> Option<Value<'a>> {
    use Value::{Bool, List, Number, Text};
    if let Some(value) = statistic(name, &values) {
        return value.map(|figure| figure.map_or(Value::Missing, Number));
    }
    let mut values = values.into_iter();
    let first = values.next()?;
    let second = values.next();
    Some(match (name, first, second) {
        (operators::ADD, Number(a), Some(Number(b))) => finite(a + b),
        (operators::ADD, Text(a), Some(Text(b))) => Text(Cow::Owned(format!("{a}{b}"))),
        (operators::ADD, List(mut a), Some(List(b))) => {
            a.extend(b);
            List(a)
        }
        (operators::SUBSTRACT, Number(a), Some(Number(b))) => finite(a - b),
        (operators::MULTIPLY, Number(a), Some(Number(b))) => finite(a * b),
        (operators::DIVIDE, Number(a), Some(Number(b))) => finite(a / b),
        (operators::NEGATE, Number(a), None) => Number(-a),
        (operators::LOGICAL_NOT, Bool(a), None) => Bool(!a),
        (operators::EQUALS, a, Some(b)) => Bool(a == b),
        (operators::NOT_EQUALS, a, Some(b)) => Bool(a != b),
        (operators::GREATER, Number(a), Some(Number(b))) => Bool(a > b),
        (operators::GREATER_EQUALS, Number(a), Some(Number(b))) => Bool(a >= b),
        (operators::LESS, Number(a), Some(Number(b))) => Bool(a < b),
        (operators::LESS_EQUALS, Number(a), Some(Number(b))) => Bool(a <= b),
        (operators::GREATER, Text(a), Some(Text(b))) => Bool(a > b),
        (operators::GREATER_EQUALS, Text(a), Some(Text(b))) => Bool(a >= b),
        (operators::LESS, Text(a), Some(Text(b))) => Bool(a < b),
        (operators::LESS_EQUALS, Text(a), Some(Text(b))) => Bool(a <= b),
        (operators::IN, value, Some(List(list))) => Bool(list.contains(&value)),
        ("share", Number(part), Some(Number(whole))) => finite(part * 100.0 / whole),
        ("root", Number(a), None) => finite(a.sqrt()),
        ("min", Number(a), Some(Number(b))) => Number(a.min(b)),
        ("max", Number(a), Some(Number(b))) => Number(a.max(b)),
        ("round", Number(a), Some(Number(digits))) => {
            let scale = 10f64.powi(digits.clamp(0.0, 9.0) as i32);
            finite((a * scale).round() / scale)
        }
        ("sum", List(list), None) => numbers(&list)?
            .into_iter()
            .fold(Number(0.0), |sum, n| if let Number(sum) = sum { finite(sum + n) } else { sum }),
        ("mean", List(list), None) => {
            let numbers = numbers(&list)?;
            finite(numbers.iter().sum::<f64>() / numbers.len() as f64)
        }
        ("size", List(list), None) => Number(list.len() as f64),
        ("size", Text(text), None) => Number(text.chars().count() as f64),
        ("contains", Text(a), Some(Text(b))) => Bool(a.contains(b.as_ref())),
        ("startsWith", Text(a), Some(Text(b))) => Bool(a.starts_with(b.as_ref())),
        ("endsWith", Text(a), Some(Text(b))) => Bool(a.ends_with(b.as_ref())),
        _ => return None,
    })
}

/// What a statistic yields, within whether the values go together; none if the name is of no
/// statistic.
fn statistic(name: &str, values: &[Value<'_>]) -> Option<Option<Option<f64>>> {
    use Value::{List, Number};
    Some(match (name, values) {
        ("spike", [List(counts), Number(from), Number(at)]) => {
            let place = at - from;
            let counts = numbers(counts)?;
            let whole = place >= 0.0 && place.fract() == 0.0 && place < counts.len() as f64;
            Some(whole.then(|| statistics::spike(&counts, place as usize)).flatten())
        }
        ("difference", [Number(a), Number(b), Number(c), Number(d)]) => {
            Some(statistics::difference(*a, *b, *c, *d))
        }
        ("shift", [Number(a), Number(b), Number(c), Number(d)]) => {
            Some(statistics::shift(*a, *b, *c, *d))
        }
        ("spike" | "difference" | "shift", _) => None,
        _ => return None,
    })
}

/// The numbers of a list, gaps left out; `None` if it holds anything else.
fn numbers(list: &[Value<'_>]) -> Option<Vec<f64>> {
    list.iter()
        .filter(|v| **v != Value::Missing)
        .map(|v| match v {
            Value::Number(n) => Some(*n),
            _ => None,
        })
        .collect()
}
