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
        match (call.func_name.as_str(), args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.expect(condition, &Type::Bool);
                let kind = self.infer(yes);
                let other = self.infer(no);
                if kind.fits(&other) {
                    kind
                } else {
                    self.wrong(no, format!("ветви разные: «{kind}» и «{other}»"))
                }
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, args) => {
                for arg in args {
                    self.expect(arg, &Type::Bool);
                }
                Type::Bool
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [arg]) => {
                self.expect(arg, &Type::Bool);
                Type::Bool
            }
            (operators::ADD, [a, b]) => {
                let (left, right) = (self.infer(a), self.infer(b));
                match (&left, &right) {
                    (Type::Number | Type::Text | Type::List(_) | Type::Any, _)
                        if left.fits(&right) =>
                    {
                        if matches!(left, Type::List(ref e) if **e == Type::Any) {
                            right
                        } else {
                            left
                        }
                    }
                    (Type::Any, _) => right,
                    _ => self.wrong(expr, format!("нельзя сложить «{left}» и «{right}»")),
                }
            }
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [a, b]) => {
                self.expect(a, &Type::Number);
                self.expect(b, &Type::Number);
                Type::Number
            }
            (operators::NEGATE, [arg]) => {
                self.expect(arg, &Type::Number);
                Type::Number
            }
            (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
                let (left, right) = (self.infer(a), self.infer(b));
                if left.fits(&right) {
                    Type::Bool
                } else {
                    self.wrong(expr, format!("сравниваются «{left}» и «{right}»"))
                }
            }
            (
                operators::GREATER
                | operators::GREATER_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS,
                [a, b],
            ) => {
                let (left, right) = (self.infer(a), self.infer(b));
                let ordered = |kind: &Type| matches!(kind, Type::Number | Type::Text | Type::Any);
                if left.fits(&right) && ordered(&left) && ordered(&right) {
                    Type::Bool
                } else {
                    self.wrong(expr, format!("сравниваются «{left}» и «{right}»"))
                }
            }
            (operators::IN, [a, b]) => {
                let element = self.infer(a);
                self.expect(b, &Type::List(Box::new(element)));
                Type::Bool
            }
            ("share", [a, b]) | ("min" | "max" | "round", [a, b]) => {
                self.expect(a, &Type::Number);
                self.expect(b, &Type::Number);
                Type::Number
            }
            ("root", [number]) => {
                self.expect(number, &Type::Number);
                Type::Number
            }
            ("spike", [list, from, at]) => {
                self.expect(list, &Type::List(Box::new(Type::Number)));
                self.expect(from, &Type::Number);
                self.expect(at, &Type::Number);
                Type::Number
            }
            ("lower" | "chance", [a, b, c]) => {
                for value in [a, b, c] {
                    self.expect(value, &Type::Number);
                }
                Type::Number
            }
            ("days", [from, to]) => {
                self.expect(from, &Type::Text);
                self.expect(to, &Type::Text);
                Type::Number
            }
            ("known", [list]) => {
                self.expect(list, &Type::List(Box::new(Type::Any)));
                Type::Number
            }
            ("difference" | "shift" | "surplus" | "variance", [a, b, c, d]) => {
                for value in [a, b, c, d] {
                    self.expect(value, &Type::Number);
                }
                Type::Number
            }
            ("sum" | "mean", [list]) => {
                self.expect(list, &Type::List(Box::new(Type::Number)));
                Type::Number
            }
            ("default", [value, otherwise]) => {
                let kind = self.infer(value);
                let other = self.infer(otherwise);
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
            ("contains" | "startsWith" | "endsWith" | "alike", [a, b]) => {
                self.expect(a, &Type::Text);
                self.expect(b, &Type::Text);
                Type::Bool
            }
            (name, args) => {
                let known = super::functions::FUNCTIONS;
                let message = match known.iter().find(|(known, _)| *known == name) {
                    Some((_, wanted)) => {
                        format!("«{name}» берёт значений: {wanted}, а дано: {}", args.len())
                    }
                    None => unknown(name, known.iter().map(|(name, _)| name)),
                };
                self.wrong(expr, message)
            }
        }
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
