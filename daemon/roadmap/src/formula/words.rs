//! A formula as people read it: names by what they are called, functions and conditions in words.
//!
//! Parts stand in brackets and names in quotes, so that nothing is declined and the order of
//! computing is seen.

use super::Formula;
use super::code::{Build, Code, Fold, Node};
use super::functions::Function;

/// What things are called, by their path in formulas: `vpr.results`, `threshold.low_share`; a column
/// by `.marks_2`, a value of a choice by `'dkr'`.
pub trait Names {
    /// What it is called; none if it is not known.
    fn name(&self, path: &str) -> Option<String>;

    /// The same where it is a set of rows that a formula selects: which rows, in words.
    fn rows(&self, path: &str) -> Option<String>;
}

impl Formula {
    /// How it computes, in words.
    pub fn words(&self, names: &dyn Names) -> String {
        Wording { names }.of(&self.0.code)
    }
}

struct Wording<'n> {
    names: &'n dyn Names,
}

impl Wording<'_> {
    fn of(&self, node: &Node) -> String {
        match &node.code {
            Code::Missing => "нет значения".into(),
            Code::Number(number) => number.to_string().replace('.', ","),
            Code::Text(text) => match self.names.name(&format!("'{text}'")) {
                Some(label) => format!("«{label}»"),
                None => format!("«{text}»"),
            },
            Code::Bool(yes) => if *yes { "верно" } else { "неверно" }.into(),
            Code::Name(_) | Code::Field(..) => self.called(node),
            Code::Bound(_) => "значение".into(),
            Code::List(list) => self.listed(list, ", "),
            Code::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                let parts = [condition, then, otherwise].map(|part| self.part(part));
                format!("если {}, то {}, иначе {}", parts[0], parts[1], parts[2])
            }
            Code::And(parts) => self.listed(parts, " и "),
            Code::Or(parts) => self.listed(parts, " или "),
            Code::Default(parts) => {
                let [value, otherwise] = parts.as_ref();
                let (value, otherwise) = (self.part(value), self.part(otherwise));
                format!("{value}, а если этого нет — {otherwise}")
            }
            Code::NotFalse(inner) => self.of(inner),
            Code::Call(function, args) => self.call(*function, args),
            Code::Build(build) => self.build(build),
            Code::Fold(fold) => self.fold(fold),
            Code::Unknown => "неизвестное".into(),
        }
    }

    /// A part of something: in brackets, unless it is short by itself.
    fn part(&self, node: &Node) -> String {
        let words = self.of(node);
        let plain = matches!(
            node.code,
            Code::Missing
                | Code::Number(_)
                | Code::Text(_)
                | Code::Bool(_)
                | Code::Name(_)
                | Code::Field(..)
                | Code::Bound(_)
        );
        if plain { words } else { format!("({words})") }
    }

    fn listed(&self, parts: &[Node], between: &str) -> String {
        parts.iter().map(|part| self.part(part)).collect::<Vec<_>>().join(between)
    }

    /// The path of a name and of what is taken of it; that of a column begins with a dot.
    fn path(node: &Node) -> Option<String> {
        match &node.code {
            Code::Name(name) => Some(name.clone()),
            Code::Bound(_) => Some(String::new()),
            Code::Field(of, field) => Some(format!("{}.{}", Self::path(of)?, field.name())),
            _ => None,
        }
    }

    fn called(&self, node: &Node) -> String {
        let Some(path) = Self::path(node) else { return self.taken(node) };
        if let Some(rows) = self.names.rows(&path) {
            return rows;
        }
        if let Some(earlier) = path.strip_prefix("earlier.") {
            let name = self.names.name(earlier).unwrap_or_else(|| earlier.to_owned());
            return format!("«{name}» прошлого периода");
        }
        if let Some(others) = path.strip_prefix(".others.") {
            let name = self.names.name(&format!(".{others}"));
            let name = name.unwrap_or_else(|| "число организаций".to_owned());
            return format!("«{name}» у других организаций");
        }
        match self.names.name(&path) {
            Some(name) if path.starts_with("threshold.") => name,
            Some(name) => format!("«{name}»"),
            None if path == ".row" => "название строки".into(),
            None => format!("«{}»", path.trim_start_matches('.')),
        }
    }

    /// What is taken of something that has no name.
    fn taken(&self, node: &Node) -> String {
        match &node.code {
            Code::Field(of, field) => {
                let name = self.names.name(&format!(".{}", field.name()));
                let name = name.unwrap_or_else(|| field.name().to_owned());
                format!("«{name}» ({})", self.of(of))
            }
            _ => self.of(node),
        }
    }

    /// Rows, in words that begin so.
    fn range(&self, node: &Node) -> String {
        match &node.code {
            Code::Name(_) | Code::Field(..) => {
                let rows = Self::path(node).and_then(|path| self.names.rows(&path));
                rows.unwrap_or_else(|| format!("строки {}", self.called(node)))
            }
            Code::Build(build) => self.build(build),
            _ => self.of(node),
        }
    }

    fn build(&self, build: &Build) -> String {
        let rows = self.rows(build);
        match &build.element.code {
            Code::Bound(_) => rows,
            _ => format!("{} ({rows})", self.part(&build.element)),
        }
    }

    fn rows(&self, build: &Build) -> String {
        let range = self.range(&build.range);
        match &build.condition {
            Some(condition) => format!("{range}, где {}", self.of(condition)),
            None => range,
        }
    }

    fn fold(&self, fold: &Fold) -> String {
        let range = self.range(&fold.range);
        let all = matches!(fold.start.code, Code::Bool(true));
        let condition = match &fold.step.code {
            Code::And(parts) | Code::Or(parts) => parts.last(),
            _ => None,
        };
        match condition.map(|condition| self.of(condition)) {
            Some(condition) if all => format!("во всех ({range}) {condition}"),
            Some(condition) => format!("есть хотя бы одна из ({range}), где {condition}"),
            None => range,
        }
    }

    fn call(&self, function: Function, args: &[Node]) -> String {
        let part = |place: usize| args.get(place).map(|arg| self.part(arg)).unwrap_or_default();
        let between = |sign: &str| format!("{} {sign} {}", part(0), part(1));
        // What is counted and added up is told with its rows.
        let over = |words: &str| match args.first().map(|arg| &arg.code) {
            Some(Code::Build(build)) if !matches!(build.element.code, Code::Bound(_)) => {
                let rows = self.rows(build);
                format!("{words} {} ({rows})", self.part(&build.element))
            }
            Some(Code::List(list)) => format!("{words} из: {}", self.listed(list, ", ")),
            _ => format!("{words} {}", part(0)),
        };
        match function {
            Function::Add => between("+"),
            Function::Subtract => between("−"),
            Function::Multiply => between("×"),
            Function::Divide => between("÷"),
            Function::Negate => format!("−{}", part(0)),
            Function::Not => format!("не {}", part(0)),
            Function::Equals => between("="),
            Function::NotEquals => between("≠"),
            Function::Greater => between(">"),
            Function::GreaterEquals => between("≥"),
            Function::Less => between("<"),
            Function::LessEquals => between("≤"),
            Function::In => format!("{} — одно из: {}", part(0), part(1)),
            Function::Share => format!("доля {} от {}, в процентах", part(0), part(1)),
            Function::Min => format!("меньшее из {} и {}", part(0), part(1)),
            Function::Max => format!("большее из {} и {}", part(0), part(1)),
            Function::Round => format!("{} с округлением до знаков: {}", part(0), part(1)),
            Function::Root => format!("квадратный корень из {}", part(0)),
            Function::Sum => over("сумма"),
            Function::Mean => over("среднее"),
            Function::Known => over("сколько известно"),
            Function::Days => format!("дней от {} до {}", part(0), part(1)),
            Function::Size => match args.first() {
                Some(rows) => format!("число строк ({})", self.range(rows)),
                None => String::new(),
            },
            Function::Alike => format!("{} и {} — одни и те же слова", part(0), part(1)),
            Function::Contains => format!("{} содержит {}", part(0), part(1)),
            Function::StartsWith => format!("{} начинается с {}", part(0), part(1)),
            Function::EndsWith => format!("{} кончается на {}", part(0), part(1)),
            Function::Spike => format!(
                "на сколько стандартных ошибок число получивших балл {} больше, чем обещают соседние \
                 баллы ({}, от {})",
                part(2),
                part(0),
                part(1)
            ),
            Function::Difference => format!(
                "различие долей в стандартных ошибках: {} от {} против {} от {}",
                part(0),
                part(1),
                part(2),
                part(3)
            ),
            Function::Shift => format!(
                "отклонение среднего {} от {} в стандартных ошибках (отклонение {}, значений {})",
                part(0),
                part(1),
                part(2),
                part(3)
            ),
            Function::Lower => format!(
                "нижняя граница доли {} от {}, в процентах (Уилсон, ошибок: {})",
                part(0),
                part(1),
                part(2)
            ),
            Function::Chance => format!(
                "вероятность в процентах, что из {} при доле {} порог {} набран случайно",
                part(0),
                part(1),
                part(2)
            ),
            Function::Surplus => format!(
                "на сколько {} из {} больше, чем при общей с {} из {} доле",
                part(0),
                part(1),
                part(2),
                part(3)
            ),
            Function::Variance => format!(
                "дисперсия такого превышения при одном случае: {} из {}, {} из {}",
                part(0),
                part(1),
                part(2),
                part(3)
            ),
            Function::Unknown => "неизвестное".into(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Known;

    impl Names for Known {
        fn name(&self, path: &str) -> Option<String> {
            let name = match path {
                "procedures" => "Процедуры",
                "works" => "Работ",
                ".low" => "Низких",
                ".marks_2" => "«2»",
                "threshold.least" => "порог 30",
                "'dkr'" => "ДКР",
                ".kind" => "Вид",
                _ => return None,
            };
            Some(name.to_owned())
        }

        fn rows(&self, path: &str) -> Option<String> {
            (path == "counted").then(|| "строки «Процедуры», где «Вид» = «ДКР»".to_owned())
        }
    }

    #[test]
    fn a_formula_is_told_without_a_word_of_code() {
        for (formula, words) in [
            (
                "share(sum(procedures.map(p, p.marks_2)), works)",
                "доля (сумма ««2»» (строки «Процедуры»)) от «Работ», в процентах",
            ),
            (
                "procedures.filter(p, p.kind == 'dkr' && p.low >= threshold.least).size()",
                "число строк (строки «Процедуры», где («Вид» = «ДКР») и («Низких» ≥ порог 30))",
            ),
            ("counted.map(c, c.low)", "«Низких» (строки «Процедуры», где «Вид» = «ДКР»)"),
            (
                "works > 0 ? default(earlier.works, 1) : null",
                "если («Работ» > 0), то («Работ» прошлого периода, а если этого нет — 1), иначе нет \
                 значения",
            ),
            ("mean([works, 2.5])", "среднее из: «Работ», 2,5"),
            (
                "procedures.exists(p, p.low > 0)",
                "есть хотя бы одна из (строки «Процедуры»), где «Низких» > 0",
            ),
        ] {
            assert_eq!(Formula::parse(formula).unwrap().words(&Known), words);
        }
    }
}
