//! What documents are to be, and whether their texts say so.
#![allow(clippy::unwrap_used)]

mod small;

use vekha_roadmap::model::{DecisionKind, Work};
use vekha_roadmap::read::{Files, read, read_again};

const ACTIVITY: &str = "activities/1-survey.toml";
const TEXT: &str = "decisions/order.txt";
const ISSUERS: &str = r#"
[[issuer]]
id = "town"
name = "Администрация округа"
documents = ["decree"]
collective = true

[[issuer]]
id = "council"
name = "Совет"
documents = ["minutes"]
chair = "А. П. Иванова"
"#;

/// The small road map whose decision is such a document, with such a text.
fn files(document: &str, text: &str, issuers: &str) -> Files {
    let mut files = small::files();
    let activity = files.0.get_mut(ACTIVITY).unwrap();
    *activity = activity.replace("text = \"order\"", &format!("text = \"order\"\n{document}"));
    files.0.insert(TEXT.into(), text.into());
    let municipality = files.0.get_mut("municipality.toml").unwrap();
    *municipality = municipality.replace("\n[parties]", &format!("{issuers}\n[parties]"));
    files
}

fn told(document: &str, text: &str, issuers: &str) -> Vec<String> {
    let wrong = read(&files(document, text, issuers)).err().unwrap_or_default();
    wrong.iter().map(|one| format!("{}:{}: {}", one.file, one.line, one.message)).collect()
}

#[test]
fn a_text_orders_as_its_kind_of_document_does_or_its_line_is_told() {
    let order = "О том и сём\n\nПРИКАЗЫВАЮ:\n1. Принять.\n";
    assert_eq!(told("", order, ""), [""; 0], "a decision is an order unless it is said");
    let decree = "document = \"decree\"";
    let wrong = "«ПРИКАЗЫВАЮ» говорит приказ, а по этому тексту составляют постановление";
    assert_eq!(told(decree, order, ISSUERS), [format!("{TEXT}:3: {wrong}")]);
    // Said in one branch only, or in a piece that texts share, it is found as well.
    let branch = "ПОСТАНОВЛЯЕТ:\n{% if not found %}\nП р и к а з ы в а ю:\n{% endif %}\n";
    assert_eq!(told(decree, branch, ISSUERS), [format!("{TEXT}:3: {wrong}")]);
    for kind in DecisionKind::ALL {
        let document = format!("document = \"{}\"", kind.as_str());
        assert_eq!(told(&document, "{{ document.verb }}:\n1. Да.\n", ISSUERS), [""; 0]);
    }
    // What was in force stays readable.
    assert!(read_again(&files(decree, order, ISSUERS)).is_ok());
}

#[test]
fn a_decree_is_issued_by_whom_the_municipality_names() {
    let says = "{{ document.verb }}:\n1. Да.\n";
    let missing = told("document = \"decree\"", says, "");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].ends_with("постановление издаёт администрация, а её здесь не назвали"));
    let unknown = told("issuer = \"twon\"", says, ISSUERS);
    assert!(unknown[0].ends_with("кто издаёт документы: «twon» нет среди [[issuer]]"));
    let twice = ISSUERS.replace("[\"minutes\"]", "[\"minutes\", \"decree\"]");
    assert!(told("", says, &twice)[0].ends_with("постановление издаёт уже другой"));
    let idle = ISSUERS.replace("collective = true", "chair = \"А. П.\"");
    assert!(told("", says, &idle)[0].contains("лишь тому, чьи документы — протоколы"));

    let map = read(&files("document = \"decree\"", says, ISSUERS)).unwrap();
    let stages = map.activities.iter().flat_map(|activity| &activity.stages);
    let planned = { stages }.find_map(|stage| match &stage.work {
        Work::Decide(decide) if decide.text.is_some() => Some(decide.document.clone()),
        _ => None,
    });
    assert_eq!(planned.unwrap().kind, DecisionKind::Decree);
    let municipality = &map.municipality;
    let named = |kind, named| municipality.issuer(kind, named).name.clone();
    assert_eq!(named(DecisionKind::Decree, None), "Администрация округа");
    assert_eq!(named(DecisionKind::Minutes, None), "Совет");
    assert_eq!(named(DecisionKind::Order, None), "Отдел образования");
    assert_eq!(named(DecisionKind::Order, Some("town")), "Администрация округа");
}

#[test]
fn letters_greet_by_the_name_that_somebody_has_said_and_by_no_other() {
    let greeted = |contacts: &str| {
        let mut files = small::files();
        let registry = files.0.get_mut("organisations.toml").unwrap();
        *registry =
            registry.replace("short = \"СОШ 1\"", &format!("short = \"СОШ 1\"\n{contacts}"));
        let map = read(&files).unwrap();
        map.organisation("school-1").unwrap().greeted().map(str::to_owned)
    };
    let of = |name: &str, more: &str| {
        format!("{{ name = \"{name}\", email = \"{}@example.org\", {more} }}", name.len())
    };
    let anna = of("Анна Петровна Иванова", "greeting = \"Анна Петровна\"");
    assert_eq!(greeted(&format!("contact = {anna}")).as_deref(), Some("Анна Петровна"));
    // A name alone says nothing of how its bearer is called.
    assert_eq!(
        greeted(&format!("contact = {}", of("Анна Петровна Иванова", "role = \"д\""))),
        None
    );
    let heads = of("Глава", "duty = \"director\", greeting = \"Глеб Ильич\"");
    assert_eq!(greeted(&format!("contact = [{anna}, {heads}]")).as_deref(), Some("Глеб Ильич"));
    // Who reads the letters is greeted, and of two nobody is.
    let reads = of("Читатель", "letters = true, greeting = \"Олег Ильич\"");
    assert_eq!(greeted(&format!("contact = [{heads}, {reads}]")).as_deref(), Some("Олег Ильич"));
    let another = of("Ещё", "letters = true, greeting = \"Яна Ильинична\"");
    assert_eq!(greeted(&format!("contact = [{reads}, {another}]")), None);
}
