//! Formulas: what an administrator writes to compute and to judge.
//!
//! The syntax is CEL's, read by the `cel` crate. Types and meaning are ours, because answers from
//! schools have gaps and CEL has no word for that: all numbers are real numbers, a missing answer
//! is a value of its own, and whatever is computed from it is missing, too, until `default` says
//! what to take instead. Evaluation is bounded: no formula can hold up the daemon.

mod check;
mod code;
mod eval;
mod functions;
mod quick;
mod scopes;
mod selection;
pub mod statistics;
mod value;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};
use cel::parser::Parser;

pub use check::{Scope, Type};
pub use eval::{Layer, Values};
pub use scopes::{
    analysis_scope, field_type, form_scope, group_type, row_scope, rows_scope, rows_type,
    rule_scope,
};
pub use selection::{Cell, Selection};
pub use words::Names;

/// Longest formula, in characters.
const LONGEST: usize = 2000;

/// Deepest nesting of brackets. Without optimisation the parser takes some 130 KiB of the stack for
/// each of them, before it looks at its own limit.
const DEEPEST: usize = 10;

/// Deepest nesting of brackets and conditions together: the parser's own limit.
const DEEPEST_EXPRESSION: u16 = 20;

/// Deepest tree: a sum of so many terms. Checking and computing recurse over it.
const TALLEST: usize = 200;

/// A formula that parses.
#[derive(Clone)]
pub struct Formula(Arc<Parsed>);

struct Parsed {
    text: String,
    root: IdedExpr,
    source: SourceInfo,
    code: code::Node,
}

/// What is wrong with a formula, or why it could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormulaError {
    /// For people, in Russian.
    pub message: String,
    /// Where in the formula, in characters from its start, if it is known.
    pub offset: Option<usize>,
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// When it is no formula, too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let fail = |message: String| FormulaError { message, offset: None };
        if text.chars().count() > LONGEST {
            return Err(fail(format!("формула длиннее {LONGEST} знаков")));
        }
        if let Some(offset) = too_deep(text) {
            let message = format!("скобки вложены глубже {DEEPEST}");
            return Err(FormulaError { message, offset: Some(offset) });
        }
        let (root, source) = Parser::new()
            .max_recursion_depth(DEEPEST_EXPRESSION)
            .parse_with_source_info(text)
            .map_err(|errors| {
                // The parser tells what it expected in English and at length; the place says enough.
                let first = errors.errors.first();
                let offset = first.and_then(|e| offset_of(text, e.pos));
                let message = match offset {
                    Some(at) if at >= text.trim_end().chars().count() => "формула не окончена",
                    Some(_) => "это не формула: отсюда не разобрать",
                    None => "это не формула: вложена слишком глубоко или не разобрать",
                };
                FormulaError { message: message.to_owned(), offset }
            })?;
        if height(&root) > TALLEST {
            return Err(fail(format!("в формуле больше {TALLEST} действий подряд")));
        }
        let code = code::compile(&root);
        Ok(Formula(Arc::new(Parsed { text: text.to_owned(), root, source, code })))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The names that it starts from: `vpr` in `vpr.marks_2 / 2`. Names bound by `filter` and the
    /// like are not among them.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_names(&self.0.root, &mut Vec::new(), &mut names);
        names
    }

    /// What it takes of a record: of `earlier`, `low_share` in `low_share - earlier.low_share`.
    pub fn fields(&self, record: &str) -> BTreeSet<&str> {
        let mut fields = BTreeSet::new();
        let mut open = vec![&self.0.root];
        while let Some(expr) = open.pop() {
            if let Expr::Select(select) = &expr.expr
                && matches!(&select.operand.expr, Expr::Ident(name) if name == record)
            {
                fields.insert(select.field.as_str());
            }
            open.extend(parts(expr));
        }
        fields
    }

    /// What it takes of a field, whatever the field is of: of `others`, `low` in `row.others.low`.
    pub fn below(&self, field: &str) -> BTreeSet<&str> {
        let mut below = BTreeSet::new();
        let mut open = vec![&self.0.root];
        while let Some(expr) = open.pop() {
            if let Expr::Select(select) = &expr.expr
                && matches!(&select.operand.expr, Expr::Select(of) if of.field == field)
            {
                below.insert(select.field.as_str());
            }
            open.extend(parts(expr));
        }
        below
    }

    fn offset(&self, id: u64) -> Option<usize> {
        // The parser counts bytes.
        let (start, _) = self.0.source.offset_for(id)?;
        Some(self.0.text.char_indices().take_while(|(at, _)| *at < start as usize).count())
    }
}

/// From a line and a column in characters, both from 1, to characters from the start.
fn offset_of(text: &str, (line, column): (isize, isize)) -> Option<usize> {
    let (line, column) = (usize::try_from(line - 1).ok()?, usize::try_from(column - 1).ok()?);
    let before = text.split_inclusive('\n').take(line).map(|line| line.chars().count());
    Some(before.sum::<usize>() + column)
}

/// Where brackets are nested too deeply, in characters. Those in texts are counted, too: that may
/// refuse an odd formula, never let a deep one through.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.chars().position(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

/// The height of a tree, measured without recursion.
fn height(root: &IdedExpr) -> usize {
    let mut tallest = 0;
    let mut open = vec![(root, 1)];
    while let Some((expr, height)) = open.pop() {
        tallest = tallest.max(height);
        open.extend(parts(expr).into_iter().map(|part| (part, height + 1)));
    }
    tallest
}

/// What a node of a tree is made of.
fn parts(expr: &IdedExpr) -> Vec<&IdedExpr> {
    match &expr.expr {
        Expr::Select(select) => vec![&select.operand],
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(c) => {
            vec![&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result]
        }
        _ => vec![],
    }
}

fn collect_names(expr: &IdedExpr, bound: &mut Vec<String>, names: &mut BTreeSet<String>) {
    match &expr.expr {
        Expr::Ident(name) if !bound.contains(name) => {
            names.insert(name.clone());
        }
        Expr::Select(select) => collect_names(&select.operand, bound, names),
        Expr::Call(call) => {
            for arg in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                collect_names(arg, bound, names);
            }
        }
        Expr::List(list) => {
            for element in &list.elements {
                collect_names(element, bound, names);
            }
        }
        Expr::Comprehension(c) => {
            collect_names(&c.iter_range, bound, names);
            collect_names(&c.accu_init, bound, names);
            bound.push(c.iter_var.clone());
            bound.push(c.accu_var.clone());
            for part in [&c.loop_cond, &c.loop_step, &c.result] {
                collect_names(part, bound, names);
            }
            bound.truncate(bound.len() - 2);
        }
        _ => {}
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Formula({:?})", self.0.text)
    }
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}
