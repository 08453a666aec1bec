//! What the template engine complains of, in Russian.
//!
//! Its sentences are matched whole, `{}` standing for what they name; one that is not known here is
//! told as it is, behind a Russian word for its kind.

use std::error::Error as _;

use minijinja::{Error, ErrorKind};

/// What is wrong with a template, without its place.
pub fn words(error: &Error) -> String {
    // What failed within another template is what is wrong.
    if let (ErrorKind::BadInclude | ErrorKind::EvalBlock, Some(source)) =
        (error.kind(), error.source())
        && let Some(source) = source.downcast_ref::<Error>()
    {
        return words(source);
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return "не кончается: слишком много повторений".to_owned();
    }
    match (kind(error.kind()), error.detail()) {
        (kind, None) => kind.to_owned(),
        (kind, Some(detail)) => translated(detail).unwrap_or_else(|| format!("{kind} ({detail})")),
    }
}

/// What is wrong with a template, behind its file and line.
pub fn placed(error: &Error) -> String {
    match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}:{line}: {}", words(error)),
        (Some(name), None) => format!("{name}: {}", words(error)),
        (None, _) => words(error),
    }
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::SyntaxError => "написано не по правилам",
        ErrorKind::UndefinedError => "нет такого значения",
        ErrorKind::UnknownFilter => "нет такого фильтра",
        ErrorKind::UnknownFunction => "нет такой функции",
        ErrorKind::UnknownTest => "нет такой проверки",
        ErrorKind::UnknownMethod => "у значения нет такого действия",
        ErrorKind::UnknownBlock => "нет такого блока",
        ErrorKind::TemplateNotFound => "нет такого файла",
        ErrorKind::TooManyArguments => "лишнее в скобках",
        ErrorKind::MissingArgument => "в скобках чего-то не хватает",
        ErrorKind::BadEscape => "в кавычках неверный знак после \\",
        ErrorKind::CannotUnpack => "значение не раскладывается на части",
        ErrorKind::NonPrimitive | ErrorKind::NonKey => "значение не того вида",
        _ => "действие невозможно",
    }
}

/// The engine's sentences and ours.
const SENTENCES: &[(&str, &str)] = &[
    ("unexpected end of input, expected end of block", "оборвался: здесь нужно %} или {% end… %}"),
    (
        "unexpected end of input, expected keyword",
        "оборвался: не закрыто {% for %}, {% if %} или другое",
    ),
    ("unexpected end of input, expected {}", "оборвался, {}"),
    ("unexpected {}, expected {}", "стоит {}, а здесь {}"),
    ("unexpected input after end of variable block", "лишнее после }}"),
    ("unexpected input after expression", "лишнее после выражения"),
    ("unexpected character", "непонятный знак (имена пишутся латиницей)"),
    ("unexpected end of string", "кавычка не закрыта"),
    ("unexpected end of comment", "пояснение {# не закрыто"),
    ("unexpected end of raw block", "{% raw %} не закрыто"),
    ("unexpected {}", "здесь не может стоять {}"),
    ("unknown statement {}", "нет такого указания: {% {} %}"),
    ("unknown {}, expected statement", "после {% стоит {}, а нужно указание: if, for, set"),
    ("cannot assign to reserved variable name {}", "имя «{}» занято"),
    ("mismatching name on block. Got `{}`, expected `{}`", "закрыт блок «{}», а открыт «{}»"),
    ("block '{}' defined twice", "блок «{}» назван дважды"),
    ("block '{}' not found", "нет блока «{}»"),
    ("Required block '{}' not found", "нет блока «{}»"),
    ("block tags in macros are not allowed", "внутри macro не может быть block"),
    ("invalid integer (too large)", "слишком большое число"),
    ("invalid float", "это не число"),
    ("invalid float literal", "это не число"),
    ("invalid digit found in string", "это не целое число"),
    ("'_' may not occur at end of number", "число не кончается на «_»"),
    ("Too many arguments in function call", "в скобках слишком много"),
    ("template exceeds maximum recursion limits", "слишком глубоко вложено"),
    ("recursion limit exceeded", "вызывает само себя без конца"),
    ("`{}` is undefined", "нет такого значения: «{}»"),
    ("{} (`{}` is undefined)", "нет такого значения: «{2}»"),
    ("filter {} is unknown", "фильтра «{}» нет"),
    ("test {} is unknown", "проверки «{}» нет"),
    ("{} is unknown", "функции «{}» нет"),
    ("{} has no method named {}", "у значения ({}) нет действия «{}»"),
    ("tried to include non-existing template '{}'", "нет файла «{}»"),
    ("tried to include non-existing template \"{}\"", "нет файла «{}»"),
    ("template \"{}\" does not exist", "нет файла «{}»"),
    ("template name was not a string", "имя файла — не текст"),
    (
        "cycle in template inheritance. \"{}\" was referenced more than once",
        "«{}» берёт за основу само себя",
    ),
    (
        "tried to use {} operator on unsupported types {} and {}",
        "«{}» не применить к таким значениям: {} и {}",
    ),
    ("unable to calculate {}", "не вычислить: {}"),
    ("value of type {} is not callable", "значение ({}) не действие: скобки после него лишние"),
    ("value is not iterable", "перебрать можно только перечень"),
    ("{} is not iterable", "перебрать можно только перечень, а это {}"),
    ("sequence of wrong length (expected {}, got {})", "имён {}, а частей у значения {}"),
    ("cannot calculate length of value of type {}", "у значения ({}) нет длины"),
    ("cannot join value of type {}", "соединить можно только перечень, а это {}"),
    ("cannot convert {} to {}", "значение ({}) не читается как {}"),
    ("cannot convert value to list", "это не перечень"),
    ("cannot convert value into pair list", "это не набор частей"),
    ("cannot get first item from value", "первое есть только у перечня"),
    ("cannot get last item from value", "последнее есть только у перечня"),
    ("cannot get absolute value", "модуль есть только у числа"),
    ("cannot round value ({})", "округлить можно только число, а это {}"),
    ("can only sum numbers, got {}", "складывать можно только числа, а это {}"),
    ("value is not a string", "это не текст"),
    ("unknown keyword argument '{}'", "в скобках лишнее «{}»"),
    ("unknown keyword argument `{}`", "в скобках лишнее «{}»"),
    ("duplicate argument `{}`", "в скобках дважды «{}»"),
    ("unexpected keyword arguments", "в скобках лишнее"),
    ("range has too many elements", "в range слишком много"),
    ("cannot super outside of block", "super() стоит вне блока"),
    ("no parent block exists", "у super() нет основы"),
];

/// What the engine calls values and signs.
const NAMES: &[(&str, &str)] = &[
    ("undefined", "ничего"),
    ("none", "ничего"),
    ("bool", "да или нет"),
    ("number", "число"),
    ("string", "текст"),
    ("sequence", "перечень"),
    ("map", "набор частей"),
    ("iterator", "перечень"),
    ("plain object", "значение"),
    ("integer", "целое число"),
    ("float", "число"),
    ("i64", "целое число"),
    ("i32", "целое число"),
    ("usize", "целое число"),
    ("f64", "число"),
    ("identifier", "имя"),
    ("template-data", "текст"),
    ("end of input", "конец шаблона"),
    ("start of variable block", "{{"),
    ("end of variable block", "}}"),
    ("start of block", "{%"),
    ("end of block", "%}"),
    ("expression", "выражение"),
    ("comma", "запятая"),
    ("assignment operator", "знак ="),
    ("block keyword", "указание: if, for, set"),
    ("identifier or integer", "имя или число"),
];

fn translated(detail: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(theirs, ours)| {
        let named = matched(theirs, detail)?;
        Some(filled(theirs, ours, &named))
    })
}

/// What stands in a sentence's places, if it is that sentence.
fn matched<'d>(sentence: &str, detail: &'d str) -> Option<Vec<&'d str>> {
    let mut pieces = sentence.split("{}");
    let mut rest = detail.strip_prefix(pieces.next()?)?;
    let mut named = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        let at = match (last, piece.is_empty()) {
            (true, true) => rest.len(),
            (true, false) => rest.len() - rest.strip_suffix(piece).map(|_| piece.len())?,
            (false, _) => rest.find(piece)?,
        };
        named.push(&rest[..at]);
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty().then_some(named)
}

fn filled(theirs: &str, ours: &str, named: &[&str]) -> String {
    let expected = theirs.ends_with(", expected {}");
    let mut out = ours.to_owned();
    for (number, name) in named.iter().enumerate() {
        let known = NAMES.iter().find(|(known, _)| known == name).map(|(_, ours)| *ours);
        let last = number + 1 == named.len();
        let words = match known {
            Some(words) if expected && last => format!("нужно: {words}"),
            Some(words) => words.to_owned(),
            None if expected && last => format!("нужно: {}", name.replace('`', "")),
            None => name.replace('`', ""),
        };
        // A place that is named by its number stands for that one only.
        out = out.replacen(&format!("{{{}}}", number + 1), &words, 1);
        out = out.replacen("{}", &words, 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::templates::environment;
    use super::*;

    /// What the engine says of a template, in our words.
    fn said(text: &str) -> String {
        let environment = environment();
        let context = serde_json::json!({ "text": "т", "list": [1], "number": 1 });
        let made =
            environment.render_str(text, minijinja::Value::from(minijinja::value::Serde(&context)));
        made.map_or_else(|error| words(&error), |made| format!("составлено: {made}"))
    }

    #[test]
    fn what_the_engine_complains_of_is_told_in_russian() {
        let cases = [
            "{{ text",
            "{% if text %}",
            "{% endmacro %}",
            "{{ text | }}",
            "{{ 'text }}",
            "{{ text text }}",
            "{% for one list %}{% endfor %}",
            "{% set loop = 1 %}",
            "{{ text) }}",
            "{{ ~ }}",
            "{{ text / 0 }}",
            "{{ number.title() }}",
            "{{ text() }}",
            "{% for a, b in list %}{% endfor %}",
            "{% for one in number %}{% endfor %}",
            "{{ number | length }}",
            "{{ text | sum }}",
            "{{ text | int }}",
            "{{ list | plural }}",
            "{{ text | upper(1) }}",
            "{% include 'none.txt' %}",
            "{{ super() }}",
            "{# text",
            "{% raw %}",
            "{{ 1 / 0 }}",
            "{{ text | replace('a') }}",
            "{{ nothing.part }}",
            "{% extends number %}",
            "{% block a %}{% endblock b %}",
            "{{ 99999999999 ** 99 }}",
            "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
            "{% 1 %}",
            "{{ }}",
            "{% for i in range(99999999) %}{% endfor %}",
            "{{ text | join(1, 2, 3) }}",
        ];
        let told = cases.map(|text| format!("{text}\n    {}\n", said(text))).concat();
        insta::assert_snapshot!(told);
    }
}
