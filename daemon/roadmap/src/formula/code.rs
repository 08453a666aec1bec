//! A formula made ready to be computed over and over: which function is meant and which variable is
//! bound where is found out once, when the formula is read, and not for every row of every school.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::functions::Function;
use super::value::Field;

/// A part of a formula, with the parser's number of it, for its place in messages.
pub(super) struct Node {
    pub id: u64,
    pub code: Code,
}

/// What is to be done.
pub(super) enum Code {
    Missing,
    Number(f64),
    Text(String),
    Bool(bool),
    /// A name to be looked up in the layers.
    Name(String),
    /// A variable of a comprehension, by its place among those that are bound there.
    Bound(usize),
    Field(Box<Node>, Field),
    List(Vec<Node>),
    /// Condition, then, otherwise.
    If(Box<[Node; 3]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// A value, and what to take where it is missing.
    Default(Box<[Node; 2]>),
    /// True unless it is false: a part of `all` and `exists`.
    NotFalse(Box<Node>),
    Call(Function, Vec<Node>),
    Build(Box<Build>),
    Fold(Box<Fold>),
    /// No such thing in formulas.
    Unknown,
}

/// `filter` and `map`: a list made of those elements that meet the condition.
pub(super) struct Build {
    pub range: Node,
    pub condition: Option<Node>,
    pub element: Node,
}

impl Build {
    /// `filter(...).map(...)` walks the list once: what the one lets through, the other takes.
    fn in_one_go(self, bound: usize) -> Self {
        match self.range.code {
            Code::Build(filter)
                if self.condition.is_none()
                    && matches!(filter.element.code, Code::Bound(place) if place == bound) =>
            {
                Build { element: self.element, ..*filter }
            }
            _ => self,
        }
    }
}

/// Any other comprehension: an accumulator taken from element to element. It is bound first, then
/// the element.
pub(super) struct Fold {
    pub range: Node,
    pub start: Node,
    pub going: Node,
    pub step: Node,
    pub result: Node,
}

/// Makes a formula ready.
pub(super) fn compile(root: &IdedExpr) -> Node {
    Compiler { bound: Vec::new() }.node(root)
}

struct Compiler<'e> {
    /// Names of bound variables, the innermost last.
    bound: Vec<&'e str>,
}

impl<'e> Compiler<'e> {
    fn node(&mut self, expr: &'e IdedExpr) -> Node {
        Node { id: expr.id, code: self.code(expr) }
    }

    fn nodes(&mut self, exprs: impl IntoIterator<Item = &'e IdedExpr>) -> Vec<Node> {
        exprs.into_iter().map(|expr| self.node(expr)).collect()
    }

    fn code(&mut self, expr: &'e IdedExpr) -> Code {
        match &expr.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(b) => Code::Bool(*b.inner()),
                LiteralValue::Double(d) if d.inner().is_finite() => Code::Number(*d.inner()),
                LiteralValue::Int(i) => Code::Number(*i.inner() as f64),
                LiteralValue::UInt(u) => Code::Number(*u.inner() as f64),
                LiteralValue::String(s) => Code::Text(s.inner().to_owned()),
                LiteralValue::Double(_) | LiteralValue::Null | LiteralValue::Bytes(_) => {
                    Code::Missing
                }
            },
            Expr::Ident(name) => match self.bound.iter().rposition(|bound| bound == name) {
                Some(place) => Code::Bound(place),
                None => Code::Name(name.clone()),
            },
            Expr::Select(select) => {
                Code::Field(Box::new(self.node(&select.operand)), Field::new(&select.field))
            }
            Expr::List(list) => Code::List(self.nodes(&list.elements)),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(c) => self.comprehension(c),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Code::Unknown,
        }
    }

    fn call(&mut self, call: &'e CallExpr) -> Code {
        let args = self.nodes(call.target.iter().map(AsRef::as_ref).chain(&call.args));
        // These decide what is evaluated at all.
        match (call.func_name.as_str(), args.len()) {
            (operators::CONDITIONAL, 3) => fixed(args).map_or(Code::Unknown, Code::If),
            ("default", 2) => fixed(args).map_or(Code::Unknown, Code::Default),
            (operators::NOT_STRICTLY_FALSE, 1) => {
                fixed(args).map_or(Code::Unknown, |[arg]: [Node; 1]| Code::NotFalse(Box::new(arg)))
            }
            (operators::LOGICAL_AND, _) => Code::And(args),
            (operators::LOGICAL_OR, _) => Code::Or(args),
            (name, _) => Code::Call(Function::named(name), args),
        }
    }

    fn comprehension(&mut self, c: &'e ComprehensionExpr) -> Code {
        let range = self.node(&c.iter_range);
        let depth = self.bound.len();
        let code = match built(c) {
            Some((condition, element)) => {
                self.bound.push(&c.iter_var);
                let condition = condition.map(|condition| self.node(condition));
                let element = self.node(element);
                Code::Build(Box::new(Build { range, condition, element }.in_one_go(depth)))
            }
            None => {
                let start = self.node(&c.accu_init);
                self.bound.extend([c.accu_var.as_str(), c.iter_var.as_str()]);
                let (going, step) = (self.node(&c.loop_cond), self.node(&c.loop_step));
                self.bound.truncate(depth + 1);
                let result = self.node(&c.result);
                Code::Fold(Box::new(Fold { range, start, going, step, result }))
            }
        };
        self.bound.truncate(depth);
        code
    }
}

fn fixed<const N: usize, T: From<[Node; N]>>(args: Vec<Node>) -> Option<T> {
    <[Node; N]>::try_from(args).ok().map(T::from)
}

/// Condition and element of a comprehension that appends to a list and does nothing else: what the
/// parser makes of `filter` and `map`.
fn built(c: &ComprehensionExpr) -> Option<(Option<&IdedExpr>, &IdedExpr)> {
    let is_list = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(name) if *name == c.accu_var);
    let empty = matches!(&c.accu_init.expr, Expr::List(list) if list.elements.is_empty());
    if !empty || !is_list(&c.result) {
        return None;
    }
    match &c.loop_step.expr {
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, step, otherwise]) if is_list(otherwise) => {
                Some((Some(condition), appended(step, is_list)?))
            }
            _ => Some((None, appended(&c.loop_step, is_list)?)),
        },
        _ => None,
    }
}

/// The element that a step appends.
fn appended(step: &IdedExpr, is_list: impl Fn(&IdedExpr) -> bool) -> Option<&IdedExpr> {
    let Expr::Call(call) = &step.expr else { return None };
    let (operators::ADD, [list, added]) = (call.func_name.as_str(), call.args.as_slice()) else {
        return None;
    };
    match &added.expr {
        Expr::List(added) if is_list(list) => match added.elements.as_slice() {
            [element] => Some(element),
            _ => None,
        },
        _ => None,
    }
}
