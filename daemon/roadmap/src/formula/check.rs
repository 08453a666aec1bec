//! Does a formula name what exists, and does it type?

use std::collections::BTreeMap;
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::{Formula, FormulaError};

/// The names that a formula may use, with their types.
pub type Scope = BTreeMap<String, Type>;

/// What a formula yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A real number.
    Number,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A list.
    List(Box<Type>),
    /// Named values.
    Record(Scope),
    /// Not known before it is computed.
    Any,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Number => "число",
            Type::Text => "текст",
            Type::Bool => "да или нет",
            Type::List(element) => match **element {
                Type::Number => "список чисел",
                Type::Text => "список текстов",
                Type::Record(_) => "таблица",
                _ => "список",
            },
            Type::Record(_) => "набор значений",
            Type::Any => "что угодно",
        })
    }
}

impl Type {
    fn fits(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, _) | (_, Type::Any) => true,
            (Type::List(a), Type::List(b)) => a.fits(b),
            (Type::Record(_), Type::Record(_)) => true,
            (a, b) => a == b,
        }
    }
}

impl Formula {
    /// Checks names and types; yields the formula's own type.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn check(&self, scope: &Scope) -> Result<Type, Vec<FormulaError>> {
        let mut checker = Checker { formula: self, scope, bound: Vec::new(), errors: Vec::new() };
        let kind = checker.infer(&self.0.root);
        if checker.errors.is_empty() { Ok(kind) } else { Err(checker.errors) }
    }

    /// Checks names and types, and that the formula yields `wanted`.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn check_as(&self, scope: &Scope, wanted: &Type) -> Result<(), Vec<FormulaError>> {
        let kind = self.check(scope)?;
        if kind.fits(wanted) {
            return Ok(());
        }
        Err(vec![FormulaError {
            message: format!("формула даёт «{kind}», а нужно «{wanted}»"),
            offset: None,
        }])
    }
}

/// What is taken and given by those functions and operators whose types are always the same.
fn fixed(name: &str, count: usize) -> Option<(Vec<Type>, Type)> {
    use Type::{Any, Bool, List, Number, Text};
    let list = |element| List(Box::new(element));
    Some(match (name, count) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR, _)
        | (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, 1) => (vec![Bool; count], Bool),
        (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, 2)
        | (operators::NEGATE | "root", 1)
        | ("share" | "min" | "max" | "round", 2)
        | ("lower" | "chance", 3)
        | ("difference" | "shift" | "surplus" | "variance", 4) => (vec![Number; count], Number),
        ("sum" | "mean", 1) => (vec![list(Number)], Number),
        ("spike", 3) => (vec![list(Number), Number, Number], Number),
        ("known", 1) => (vec![list(Any)], Number),
        ("days", 2) => (vec![Text, Text], Number),
        ("contains" | "startsWith" | "endsWith" | "alike", 2) => (vec![Text, Text], Bool),
        _ => return None,
    })
}

struct Checker<'a> {
    formula: &'a Formula,
    scope: &'a Scope,
    bound: Vec<(String, Type)>,
    errors: Vec<FormulaError>,
}

impl Checker<'_> {
    fn wrong(&mut self, expr: &IdedExpr, message: String) -> Type {
        self.errors.push(FormulaError { message, offset: self.formula.offset(expr.id) });
        Type::Any
    }

    fn expect(&mut self, expr: &IdedExpr, wanted: &Type) {
        let kind = self.infer(expr);
        if !kind.fits(wanted) {
            self.wrong(expr, format!("здесь нужно «{wanted}», а стоит «{kind}»"));
        }
    }

    fn infer(&mut self, expr: &IdedExpr) -> Type {
        match &expr.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
                    Type::Number
                }
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Null => Type::Any,
                LiteralValue::Bytes(_) => self.wrong(expr, "байты формулам не нужны".into()),
            },
            Expr::Ident(name) => self.name(expr, name),
            Expr::Select(select) => match self.infer(&select.operand) {
                Type::Record(fields) => match fields.get(&select.field) {
                    Some(kind) => kind.clone(),
                    None => {
                        let message = unknown(&select.field, fields.keys());
                        self.wrong(expr, message)
                    }
                },
                Type::Any => Type::Any,
                other => self.wrong(expr, format!("у «{other}» нет «{}»", select.field)),
            },
            Expr::List(list) => {
                let mut element = Type::Any;
                for item in &list.elements {
                    let kind = self.infer(item);
                    if !kind.fits(&element) {
                        self.wrong(item, format!("в списке «{element}» стоит «{kind}»"));
                    }
                    element = kind;
                }
                Type::List(Box::new(element))
            }
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(c) => self.comprehension(c),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.wrong(expr, "такого в формулах нет".into())
            }
        }
    }

    fn name(&mut self, expr: &IdedExpr, name: &str) -> Type {
        if let Some((_, kind)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return kind.clone();
        }
        match self.scope.get(name) {
            Some(kind) => kind.clone(),
            None => {
                let message = unknown(name, self.scope.keys());
                self.wrong(expr, message)
            }
        }
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Type {
        let args: Vec<&IdedExpr> =
            call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
        let name = call.func_name.as_str();
        if let Some((wanted, given)) = fixed(name, args.len()) {
            for (arg, wanted) in args.iter().zip(&wanted) {
                self.expect(arg, wanted);
            }
            return given;
        }
        match (name, args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.expect(condition, &Type::Bool);
                let (kind, other) = (self.infer(yes), self.infer(no));
                if kind.fits(&other) {
                    kind
                } else {
                    self.wrong(no, format!("ветви разные: «{kind}» и «{other}»"))
                }
            }
            (operators::ADD, [a, b]) => self.sum(expr, a, b),
            (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
                self.comparison(expr, a, b, |_| true)
            }
            (
                operators::GREATER
                | operators::GREATER_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS,
                [a, b],
            ) => self.comparison(expr, a, b, |kind| {
                matches!(kind, Type::Number | Type::Text | Type::Any)
            }),
            (operators::IN, [a, b]) => {
                let element = self.infer(a);
                self.expect(b, &Type::List(Box::new(element)));
                Type::Bool
            }
            ("default", [value, otherwise]) => {
                let (kind, other) = (self.infer(value), self.infer(otherwise));
                if kind.fits(&other) {
                    other
                } else {
                    self.wrong(expr, format!("вместо «{kind}» нельзя взять «{other}»"))
                }
            }
            ("size", [arg]) => {
                let kind = self.infer(arg);
                if !matches!(kind, Type::List(_) | Type::Text | Type::Any) {
                    self.wrong(arg, format!("у «{kind}» нет размера"));
                }
                Type::Number
            }
            (name, args) => self.no_such_call(expr, name, args.len()),
        }
    }

    /// Numbers, texts and lists are added to their like.
    fn sum(&mut self, expr: &IdedExpr, a: &IdedExpr, b: &IdedExpr) -> Type {
        let (left, right) = (self.infer(a), self.infer(b));
        match &left {
            Type::List(element) if **element == Type::Any && left.fits(&right) => right,
            Type::Number | Type::Text | Type::List(_) | Type::Any if left.fits(&right) => left,
            _ => self.wrong(expr, format!("нельзя сложить «{left}» и «{right}»")),
        }
    }

    fn comparison(
        &mut self,
        expr: &IdedExpr,
        a: &IdedExpr,
        b: &IdedExpr,
        comparable: fn(&Type) -> bool,
    ) -> Type {
        let (left, right) = (self.infer(a), self.infer(b));
        if left.fits(&right) && comparable(&left) && comparable(&right) {
            Type::Bool
        } else {
            self.wrong(expr, format!("сравниваются «{left}» и «{right}»"))
        }
    }

    fn no_such_call(&mut self, expr: &IdedExpr, name: &str, given: usize) -> Type {
        let known = super::functions::FUNCTIONS;
        let message = match known.iter().find(|(known, _)| *known == name) {
            Some((_, wanted)) => format!("«{name}» берёт значений: {wanted}, а дано: {given}"),
            None => unknown(name, known.iter().map(|(name, _)| name)),
        };
        self.wrong(expr, message)
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> Type {
        if self.bound.len() >= 4 {
            return self.wrong(&c.iter_range, "перебор вложен глубже двух".into());
        }
        let element = match self.infer(&c.iter_range) {
            Type::List(element) => *element,
            Type::Any => Type::Any,
            other => self.wrong(&c.iter_range, format!("перебрать можно список, а это «{other}»")),
        };
        let accumulator = self.infer(&c.accu_init);
        self.bound.push((c.iter_var.clone(), element));
        self.bound.push((c.accu_var.clone(), accumulator));
        let step = self.infer(&c.loop_step);
        self.infer(&c.loop_cond);
        if let Some((_, kind)) = self.bound.last_mut() {
            *kind = step;
        }
        let result = self.infer(&c.result);
        self.bound.truncate(self.bound.len() - 2);
        result
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = impl AsRef<str> + 'a>) -> String {
    match crate::diagnostic::nearest(name, known) {
        Some(near) => format!("«{name}» не известно; может быть, «{near}»?"),
        None => format!("«{name}» не известно"),
    }
}
