//! What an import would change, in words.

use std::fmt::Write as _;

use vekha_roadmap::model::Organisation;

use crate::registry::changes::{Changed, Changes, FieldChange};

/// All changes, then what stays.
pub(super) fn text(changes: &Changes, notes: &[String], registry: &[Organisation]) -> String {
    let mut text = String::new();
    section(&mut text, "Добавится", changes.added.iter().map(organisation));
    section(&mut text, "Изменится", changes.changed.iter().map(organisation));
    let closed = changes.closed.iter().map(|c| format!("{}  {}: с {}", c.code, c.short, c.from));
    section(&mut text, "Закроется", closed);
    let suspicious = changes.suspicious.iter().map(|s| {
        let same = s.same.iter().map(|heading| heading.to_lowercase()).collect::<Vec<_>>();
        let same = same.join(" и ");
        format!(
            "{} — новый код, а {same} — как у {}: не переименование ли это? Код не меняют, \
             меняют наименование.",
            s.code, s.known
        )
    });
    section(&mut text, "Под вопросом", suspicious);
    line(&mut text, &format!("Без изменений: {}", changes.unchanged));
    let short = |code: &String| {
        let known = registry.iter().find(|o| o.code == *code);
        known.map_or_else(|| code.clone(), |o| format!("{code}  {}", o.short))
    };
    section(&mut text, "В таблице нет, останутся как есть", changes.absent.iter().map(short));
    section(&mut text, "Прочитано, но", notes.iter().cloned());
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn section(text: &mut String, title: &str, items: impl ExactSizeIterator<Item = String>) {
    if items.len() == 0 {
        return;
    }
    line(text, &format!("{title}: {}", items.len()));
    for item in items {
        line(text, &format!("  {item}"));
    }
}

fn organisation(changed: &Changed) -> String {
    let mut text = format!("{}  {}", changed.code, changed.short);
    for field in &changed.fields {
        // Writing to a string does not fail.
        let _ = write!(text, "\n    {}", words(field));
    }
    text
}

/// «Телефон (Иванова): 1 → 2»; of what was not there before only what comes.
fn words(change: &FieldChange) -> String {
    let FieldChange { field, person, was, becomes } = change;
    let whose = if person.is_empty() { String::new() } else { format!(" ({person})") };
    match (was.as_str(), becomes.as_str()) {
        ("", becomes) => format!("{field}{whose}: {becomes}"),
        (was, "") => format!("{field}{whose}: {was} → (нет)"),
        (was, becomes) => format!("{field}{whose}: {was} → {becomes}"),
    }
}
