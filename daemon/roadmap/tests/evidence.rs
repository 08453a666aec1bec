//! Methods of assessment: what they may name, and which of them a year goes by.
#![allow(clippy::unwrap_used)]

mod small;

use vekha_roadmap::read::{Files, read};

const METHOD: &str = r#"title = "Оценка механизмов"
source = "письмо"
from = 2021

[[component]]
id = "analysis"
title = "Анализ"
proof = "analysis"

[[direction]]
id = "quality"
title = "1.1. Качество"
activities = [{ id = "survey", yields = ["analysis"] }]

[[direction]]
id = "talents"
title = "1.3. Таланты"
"#;

fn files(methods: &[(&str, &str)]) -> Files {
    let mut files = small::files();
    for (id, text) in methods {
        files.0.insert(format!("evidence/{id}.toml"), (*text).to_owned());
    }
    files
}

fn told(text: &str) -> Vec<String> {
    let wrong = read(&files(&[("a", text)])).err().unwrap_or_default();
    let line = |one: &vekha_roadmap::diagnostic::Diagnostic| {
        format!(
            "{}:{}: {}{}",
            one.file,
            one.line,
            one.message,
            one.help.clone().unwrap_or_default()
        )
    };
    wrong.iter().map(line).collect()
}

#[test]
fn a_year_goes_by_the_newest_method_that_has_begun() {
    let later = METHOD.replace("2021", "2028");
    let map = read(&files(&[("a", METHOD), ("b", &later)])).unwrap();
    let of = |year| map.evidence_of(year).map(|method| method.id.as_str());
    assert_eq!([of(2020), of(2021), of(2027), of(2028)], [None, Some("a"), Some("a"), Some("b")]);
    let direction = &map.evidence["a"].directions[0];
    let yielding: Vec<&str> = map.evidence["a"].yielding(direction, "analysis").collect();
    assert_eq!(yielding, ["survey"]);
    assert!(map.evidence["a"].directions[1].activities.is_empty());
    let same = read(&files(&[("a", METHOD), ("b", METHOD)])).err().unwrap_or_default();
    assert_eq!(same[0].message, "с 2021 года действует уже другая методика");
}

#[test]
fn a_wrong_direction_activity_or_component_is_told_where_it_stands() {
    let wrong = |was: &str, is: &str| told(&METHOD.replacen(was, is, 1));
    assert_eq!(told(METHOD), [""; 0]);
    let activity = wrong("id = \"survey\"", "id = \"survye\"");
    assert!(
        activity[0].starts_with("evidence/a.toml:13: мероприятия «survye» нет"),
        "{activity:?}"
    );
    assert!(activity[0].contains("survey"), "{activity:?}");
    let component = wrong("[\"analysis\"]", "[\"analisys\"]");
    assert!(
        component[0].starts_with("evidence/a.toml:13: составляющей «analisys»"),
        "{component:?}"
    );
    assert!(component[0].ends_with("analysis»?"), "{component:?}");
    let direction = wrong("id = \"talents\"", "id = \"quality\"");
    assert!(direction[0].contains("направление «quality» уже есть"), "{direction:?}");
    assert!(wrong("proof = \"analysis\"", "proof = \"word\"")[0].starts_with("evidence/a.toml:8:"));
}
