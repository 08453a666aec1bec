//! What a template names, in all of its branches: also where no sample leads, every variable, part,
//! filter, test and function must be there.
//!
//! Values are followed as far as a sample tells them: through parts, loops and what is set. What is
//! not known of (a macro's argument, most results of filters) is not judged.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::ast::{self, CallArg, Expr, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::{Environment, ErrorKind};
use serde_json::{Map, Value};

use crate::diagnostic::{nearest, perhaps};

/// A name that is not there.
pub(super) struct Unknown {
    /// Where it stands, in bytes of the template.
    pub at: usize,
    pub message: String,
    pub help: Option<String>,
}

/// What a template may name.
pub(super) struct Given<'g> {
    /// Its variables.
    pub variables: &'g BTreeSet<&'g str>,
    /// What they are like, as far as known.
    pub sample: &'g Value,
    /// Its filters, tests and functions.
    pub environment: &'g Environment<'g>,
}

/// All unknown names of a template, in the order in which they stand; none of one that does not
/// parse.
pub(super) fn unknown(path: &str, text: &str, given: &Given<'_>) -> Vec<Unknown> {
    let Ok(root) = parse(text, path, given.environment.syntax().clone()) else { return vec![] };
    let globals = given.environment.globals().map(|(name, _)| name.to_owned()).collect();
    let scopes = vec![BTreeMap::from([("self", Known::Anything)])];
    let mut walk = Walk { text, given, globals, scopes, unknown: Vec::new() };
    walk.statement(&root);
    walk.unknown.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
    walk.unknown
}

/// What is known of a value.
#[derive(Debug, Clone)]
enum Known {
    Anything,
    /// It is like this.
    Like(Value),
    /// What a loop tells of itself.
    Loop,
}

/// What a loop knows of itself.
const LOOP: [&str; 13] = [
    "index",
    "index0",
    "revindex",
    "revindex0",
    "first",
    "last",
    "length",
    "depth",
    "depth0",
    "previtem",
    "nextitem",
    "changed",
    "cycle",
];

impl Known {
    /// What is known of each of its elements.
    fn element(&self) -> Known {
        match self {
            Known::Like(Value::Array(list)) => {
                list.iter().cloned().reduce(merged).map_or(Known::Anything, Known::Like)
            }
            _ => Known::Anything,
        }
    }
}

/// Like both: with the parts of either.
pub(super) fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (key, value) in other {
                let value = match one.remove(&key) {
                    Some(known) => merged(known, value),
                    None => value,
                };
                one.insert(key, value);
            }
            Value::Object(one)
        }
        (Value::Array(mut one), Value::Array(other)) => {
            one.extend(other);
            Value::Array(one)
        }
        (Value::Object(_), Value::Array(_)) | (Value::Array(_), Value::Object(_)) => Value::Null,
        // A plain value beside one with parts: there may be parts.
        (parts @ (Value::Object(_) | Value::Array(_)), _) => parts,
        (_, other) => other,
    }
}

struct Walk<'w, 't> {
    text: &'t str,
    given: &'w Given<'w>,
    globals: BTreeSet<String>,
    /// What the template has named itself, the innermost last.
    scopes: Vec<BTreeMap<&'t str, Known>>,
    unknown: Vec<Unknown>,
}

impl<'t> Walk<'_, 't> {
    fn say(&mut self, at: usize, message: String, help: Option<String>) {
        self.unknown.push(Unknown { at, message, help });
    }

    fn name(&mut self, name: &'t str, known: Known) {
        let scope = self.scopes.last_mut().expect("the outermost scope stays");
        // What is set in two places is like either.
        let known = if scope.contains_key(name) { Known::Anything } else { known };
        scope.insert(name, known);
    }

    fn within(&mut self, walk: impl FnOnce(&mut Self)) {
        self.scopes.push(BTreeMap::new());
        walk(self);
        self.scopes.pop();
    }

    fn all(&mut self, statements: &[Stmt<'t>]) {
        for one in statements {
            self.statement(one);
        }
    }

    fn statement(&mut self, statement: &Stmt<'t>) {
        match statement {
            Stmt::Template(template) => self.all(&template.children),
            Stmt::EmitExpr(emit) => drop(self.value(&emit.expr)),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                let element = self.value(&each.iter).element();
                self.within(|walk| {
                    walk.name("loop", Known::Loop);
                    walk.target(&each.target, element);
                    walk.maybe(each.filter_expr.as_ref());
                    walk.all(&each.body);
                });
                self.within(|walk| walk.all(&each.else_body));
            }
            // What a branch sets stays set behind it.
            Stmt::IfCond(either) => {
                self.value(&either.expr);
                self.all(&either.true_body);
                self.all(&either.false_body);
            }
            Stmt::WithBlock(with) => self.within(|walk| {
                for (target, value) in &with.assignments {
                    let known = walk.value(value);
                    walk.target(target, known);
                }
                walk.all(&with.body);
            }),
            Stmt::Set(set) => {
                let known = self.value(&set.expr);
                self.target(&set.target, known);
            }
            Stmt::SetBlock(set) => {
                self.within(|walk| walk.all(&set.body));
                self.maybe(set.filter.as_ref());
                self.target(&set.target, Known::Anything);
            }
            Stmt::AutoEscape(escape) => {
                self.value(&escape.enabled);
                self.within(|walk| walk.all(&escape.body));
            }
            Stmt::FilterBlock(block) => {
                self.value(&block.filter);
                self.within(|walk| walk.all(&block.body));
            }
            Stmt::Block(block) => self.within(|walk| {
                walk.name("super", Known::Anything);
                walk.all(&block.body);
            }),
            Stmt::Extends(extends) => drop(self.value(&extends.name)),
            Stmt::Include(include) => drop(self.value(&include.name)),
            Stmt::Import(import) => {
                self.value(&import.expr);
                self.target(&import.name, Known::Anything);
            }
            Stmt::FromImport(import) => {
                self.value(&import.expr);
                for (name, other) in &import.names {
                    self.target(other.as_ref().unwrap_or(name), Known::Anything);
                }
            }
            Stmt::Macro(made) => {
                self.name(made.name, Known::Anything);
                self.made(made);
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call, block.call_expr_span);
                self.made(&block.macro_decl);
            }
            Stmt::Do(done) => drop(self.call(&done.call, done.call.span())),
        }
    }

    fn made(&mut self, made: &ast::Macro<'t>) {
        self.within(|walk| {
            walk.name("caller", Known::Anything);
            made.defaults.iter().for_each(|value| drop(walk.value(value)));
            made.args.iter().for_each(|name| walk.target(name, Known::Anything));
            walk.all(&made.body);
        });
    }

    /// Gives names to a value.
    fn target(&mut self, target: &Expr<'t>, known: Known) {
        match target {
            Expr::Var(name) => self.name(name.id, known),
            Expr::List(list) => {
                list.items.iter().for_each(|one| self.target(one, Known::Anything));
            }
            Expr::Tuple(list) => {
                list.items.iter().for_each(|one| self.target(one, Known::Anything));
            }
            // A part of a namespace.
            Expr::GetAttr(part) => drop(self.value(&part.expr)),
            _ => {}
        }
    }

    fn maybe(&mut self, expression: Option<&Expr<'t>>) {
        if let Some(expression) = expression {
            self.value(expression);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'t>]) {
        for one in arguments {
            match one {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => drop(self.value(value)),
            }
        }
    }

    /// Looks at an expression; tells what is known of its value.
    fn value(&mut self, expression: &Expr<'t>) -> Known {
        match expression {
            Expr::Var(name) => self.variable(name.id, name.span(), false),
            Expr::Const(_) => Known::Anything,
            Expr::Slice(slice) => {
                let known = self.value(&slice.expr);
                for bound in [&slice.start, &slice.stop, &slice.step] {
                    self.maybe(bound.as_ref());
                }
                known
            }
            Expr::UnaryOp(operation) => {
                self.value(&operation.expr);
                Known::Anything
            }
            Expr::BinOp(operation) => {
                self.value(&operation.left);
                self.value(&operation.right);
                Known::Anything
            }
            Expr::Compare(compare) => {
                self.value(&compare.expr);
                compare.ops.iter().for_each(|one| drop(self.value(&one.expr)));
                Known::Anything
            }
            Expr::IfExpr(either) => {
                self.value(&either.test_expr);
                self.value(&either.true_expr);
                self.maybe(either.false_expr.as_ref());
                Known::Anything
            }
            Expr::Filter(filter) => {
                let known = filter.expr.as_ref().map(|inner| self.value(inner));
                let from = behind(filter.expr.as_ref(), filter.span());
                self.filter(filter.name, self.place_of(filter.name, from));
                self.named_by(filter);
                self.arguments(&filter.args);
                match (filter.name, known) {
                    ("first" | "last" | "min" | "max", Some(known)) => known.element(),
                    (
                        "sort" | "reverse" | "unique" | "list" | "select" | "reject" | "selectattr"
                        | "rejectattr",
                        Some(known @ Known::Like(Value::Array(_))),
                    ) => known,
                    _ => Known::Anything,
                }
            }
            Expr::Test(test) => {
                self.value(&test.expr);
                let from = behind(Some(&test.expr), test.span());
                self.test(test.name, self.place_of(test.name, from));
                self.arguments(&test.args);
                Known::Anything
            }
            Expr::GetAttr(part) => {
                let known = self.value(&part.expr);
                let at = self.place_of(part.name, behind(Some(&part.expr), part.span()));
                self.part(&part.expr, known, part.name, at)
            }
            Expr::GetItem(item) => {
                let known = self.value(&item.expr);
                self.value(&item.subscript_expr);
                match (&known, item.subscript_expr.as_const()) {
                    (Known::Like(Value::Array(_)), _) => known.element(),
                    (_, Some(name)) if name.as_str().is_some() => {
                        let name = name.as_str().unwrap_or_default();
                        let at = item.subscript_expr.span().start_offset as usize;
                        self.part(&item.expr, known, name, at)
                    }
                    _ => Known::Anything,
                }
            }
            Expr::Call(call) => self.call(call, call.span()),
            Expr::List(list) => {
                list.items.iter().for_each(|one| drop(self.value(one)));
                Known::Anything
            }
            Expr::Tuple(list) => {
                list.items.iter().for_each(|one| drop(self.value(one)));
                Known::Anything
            }
            Expr::Map(map) => {
                map.keys.iter().chain(&map.values).for_each(|one| drop(self.value(one)));
                Known::Anything
            }
        }
    }

    fn call(&mut self, call: &ast::Call<'t>, span: Span) -> Known {
        match &call.expr {
            Expr::Var(name) => drop(self.variable(name.id, name.span(), true)),
            Expr::GetAttr(method) => {
                let known = self.value(&method.expr);
                let at = self.place_of(method.name, behind(Some(&method.expr), span));
                match known {
                    Known::Like(_) => {
                        let whose = self.words_of(&method.expr);
                        let message = format!("у {whose} нет действия «{}»", method.name);
                        let there = knows_filter(self.given.environment, method.name);
                        let help = format!("есть фильтр: | {}", method.name);
                        self.say(at, message, there.then_some(help));
                    }
                    known => drop(self.part(&method.expr, known, method.name, at)),
                }
            }
            other => drop(self.value(other)),
        }
        self.arguments(&call.args);
        Known::Anything
    }

    fn variable(&mut self, name: &'t str, span: Span, called: bool) -> Known {
        if let Some(known) = self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            return known.clone();
        }
        if self.given.variables.contains(name) {
            let sample = self.given.sample.get(name).filter(|sample| !sample.is_null());
            return sample.cloned().map_or(Known::Anything, Known::Like);
        }
        if !self.globals.contains(name) {
            let at = span.start_offset as usize;
            let own = self.scopes.iter().flat_map(|scope| scope.keys().copied());
            let variables = self.given.variables.iter().copied().chain(own);
            let (message, help) = match called {
                true => {
                    let known = variables.chain(self.globals.iter().map(String::as_str));
                    (format!("функции «{name}» нет"), perhaps(name, known))
                }
                false => (format!("переменной «{name}» здесь нет"), perhaps(name, variables)),
            };
            self.say(at, message, help);
        }
        Known::Anything
    }

    /// A part of what is known.
    fn part(&mut self, of: &Expr<'t>, known: Known, name: &str, at: usize) -> Known {
        let none = Map::new();
        let parts: Vec<&str> = match &known {
            Known::Anything => return Known::Anything,
            Known::Like(Value::Null) => return Known::Anything,
            Known::Loop if LOOP.contains(&name) => return Known::Anything,
            Known::Loop => LOOP.to_vec(),
            Known::Like(value) => {
                let map = value.as_object().unwrap_or(&none);
                if let Some(value) = map.get(name) {
                    return Known::Like(value.clone());
                }
                map.keys().map(String::as_str).collect()
            }
        };
        let message = format!("у {} нет «{name}»", self.words_of(of));
        let help = perhaps(name, parts.iter());
        self.say(at, message, help);
        Known::Anything
    }

    /// An expression as it is written, if that is short.
    fn words_of(&self, expression: &Expr<'_>) -> String {
        let span = expression.span();
        let written = self.text.get(span.start_offset as usize..span.end_offset as usize);
        match written.map(str::trim).filter(|written| (1..=60).contains(&written.len())) {
            Some(written) => format!("«{written}»"),
            None => "этого значения".to_owned(),
        }
    }

    /// Where a name stands from a place on.
    fn place_of(&self, name: &str, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find(name)).map_or(from, |found| from + found)
    }

    fn filter(&mut self, name: &str, at: usize) {
        if !knows_filter(self.given.environment, name) {
            let near = nearest(name, FILTERS.iter());
            let help = near.map(|near| format!("может быть, «{near}»?"));
            self.say(at, format!("фильтра «{name}» нет"), help);
        }
    }

    fn test(&mut self, name: &str, at: usize) {
        if !knows_test(self.given.environment, name) {
            self.say(at, format!("проверки «{name}» нет"), perhaps(name, TESTS.iter()));
        }
    }

    /// Filters and tests that a filter is given the names of.
    fn named_by(&mut self, filter: &ast::Filter<'t>) {
        let nth = match filter.name {
            "map" | "select" | "reject" => 0,
            "selectattr" | "rejectattr" => 1,
            _ => return,
        };
        let positions = filter.args.iter().filter_map(|one| match one {
            CallArg::Pos(value) => Some(value),
            _ => None,
        });
        let Some(argument) = positions.clone().nth(nth) else { return };
        let Some(name) = argument.as_const() else { return };
        let Some(name) = name.as_str() else { return };
        let at = argument.span().start_offset as usize;
        match filter.name {
            "map" => self.filter(name, at),
            _ => self.test(name, at),
        }
    }
}

/// Where what follows an expression begins.
fn behind(inner: Option<&Expr<'_>>, span: Span) -> usize {
    let start = span.start_offset as usize;
    inner.map_or(start, |inner| start.max(inner.span().end_offset as usize))
}

/// Whether there is such a filter: asked with nothing, one that is there complains of something else.
fn knows_filter(environment: &Environment<'_>, name: &str) -> bool {
    let tried = environment.empty_state().apply_filter(&plain(name), &[]);
    !tried.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter)
}

fn knows_test(environment: &Environment<'_>, name: &str) -> bool {
    let tried = environment.empty_state().perform_test(&plain(name), &[]);
    !tried.is_err_and(|error| error.kind() == ErrorKind::UnknownTest)
}

/// Names of filters and tests may be written with spaces between their parts.
fn plain(name: &str) -> String {
    name.split_whitespace().collect()
}

/// The filters by name, for those who meant one of them; a test holds that they are there.
const FILTERS: [&str; 46] = [
    "safe",
    "escape",
    "e",
    "lower",
    "upper",
    "title",
    "capitalize",
    "replace",
    "length",
    "count",
    "dictsort",
    "items",
    "reverse",
    "trim",
    "join",
    "split",
    "lines",
    "default",
    "d",
    "round",
    "abs",
    "int",
    "float",
    "attr",
    "first",
    "last",
    "min",
    "max",
    "sort",
    "list",
    "string",
    "bool",
    "batch",
    "slice",
    "sum",
    "indent",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "map",
    "groupby",
    "unique",
    "tojson",
    "urlencode",
    "plural",
];

/// The tests by name, likewise.
const TESTS: [&str; 24] = [
    "defined",
    "undefined",
    "none",
    "safe",
    "escaped",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "true",
    "false",
    "eq",
    "ne",
    "in",
];

#[cfg(test)]
mod tests {
    use super::super::templates::environment;
    use super::*;

    #[test]
    fn what_is_proposed_is_there() {
        let environment = environment();
        let filters = FILTERS.iter().filter(|name| !knows_filter(&environment, name));
        let tests = TESTS.iter().filter(|name| !knows_test(&environment, name));
        assert_eq!(filters.chain(tests).collect::<Vec<_>>(), [&""; 0]);
    }
}
