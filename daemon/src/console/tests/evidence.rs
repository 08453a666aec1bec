//! What is told of a year when the road map has changed since.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use vekha_engine::Document;
use vekha_engine::command::{NewDocument, NewMeasure};
use vekha_engine::{AssignmentKey, Command, DecisionKind};

use super::House;
use super::house::files;

/// A report that shows what templates are given.
const REPORT: &str = "<p>{{ period }}</p>{% for section in sections %}<h2>{{ section.title }}</h2>\
    {% for c in section.chapters %}<h3 id=\"{{ c.place }}\">{{ c.number }}. {{ c.title }}, \
    {{ c.period }}{{ ' (этот отчёт)' if c.own }}: {{ c.state }}, {{ c.answered }} из {{ c.asked }}</h3>\
    {% for d in c.decisions %}{% for m in d.measures %}<p>{{ m.text }} — {{ m.state }}</p>\
    {% endfor %}{% endfor %}{% endfor %}{% endfor %}";

/// The files of an archive, by name; pages as their text.
async fn archive(house: &House, year: i16) -> BTreeMap<String, String> {
    let bytes = house.look_at_file(&format!("/m/zarechny/evidence.zip?year={year}")).await;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let text = String::from_utf8_lossy(&content).replace("&#x2f;", "/");
        files.insert(file.name().unwrap().into_owned(), text);
    }
    files
}

#[tokio::test]
async fn a_year_is_told_as_the_road_map_said_it_then_though_it_was_changed_since() {
    let mut then = files();
    let municipality = then.0.get_mut("municipality.toml").unwrap();
    *municipality = municipality.replace(
        "id = \"objectivity\"\n",
        "id = \"objectivity\"\ngoal = \"Результатам оценки можно верить.\"\n",
    );
    then.0.insert("reports/annual.html".into(), REPORT.into());
    let house = House::opened(then.clone()).await;
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "1", "").await;
    house.runtime.settle().await.unwrap();
    house
        .step(Command::Approve {
            stage: "recommend".into(),
            organisations: vec![],
            outgoing: String::new(),
        })
        .await;
    house.post(&house.link("recommend.school-1"), &[]).await;
    house.runtime.settle().await.unwrap();
    let measure = |text: &str, school: &str| NewMeasure {
        text: text.into(),
        organisations: vec![school.into()],
        due: "2027-10-01".parse().unwrap(),
    };
    let document = NewDocument {
        document: Document {
            number: "47-од".into(),
            date: "2027-09-01".parse().unwrap(),
            outcome: "Провести проверки".into(),
            signatory: "Начальник отдела".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    };
    let measures =
        Some(vec![measure("Составить план", "school-1"), measure("Провести семинар", "school-1")]);
    house.step(Command::RecordDecision { stage: "decide".into(), document, measures }).await;
    let assignment: AssignmentKey = "measure-2.school-1".parse().unwrap();
    house.step(Command::Waive { assignment, reason: "проведён отделом".into() }).await;

    // By the end of the year the activity is no more, nor is its section.
    let mut now = then;
    for gone in ["activities/1-results.toml", "forms/marks.toml", "analyses/low.toml"] {
        now.0.remove(gone);
    }
    let municipality = now.0.get_mut("municipality.toml").unwrap();
    let section = municipality.find("[[section]]").unwrap();
    let next = municipality[section + 1..].find("[[section]]").unwrap() + section + 1;
    municipality.replace_range(section..next, "");
    house.runtime.apply(now, "test").await.unwrap();
    house.at("2027-12-15T10:00:00+05:00").await;

    let files = archive(&house, 2027).await;
    let told = "1. Объективность оценочных процедур";
    let index = &files["index.html"];
    for words in [told, "Обеспечение объективности", "Результатам оценки можно верить."]
    {
        assert!(index.contains(words), "{words} is not in {index}");
    }
    let page = &files["01-results/index.html"];
    for words in [
        "Проведение мониторинга объективности",
        "Результатам оценки можно верить.",
        "Доля отметок «2» среди всех работ",
        "Сведения представили 2 из 2",
        "просрочена",
        "поручение снято",
        "href=\"recommendations.docx\"",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    assert!(files.contains_key("01-results/recommendations.docx"));

    // The annual report is there as it was published, and where that is.
    let page = &files["02-annual-report/index.html"];
    for link in ["https://example.org/zarechny/2027/annual-report.html", "2027/annual-report.docx"]
    {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link} is not in {page}");
    }
    let report = &files["02-annual-report/2027/annual-report.html"];
    for words in [
        "<h2>Обеспечение объективности процедур оценки качества образования</h2>",
        "<h3 id=\"2\">1. Объективность оценочных процедур, 2027 год: завершено, 2 из 2</h3>",
        "Составить план — просрочена",
        "Провести семинар — поручение снято",
        "<h3 id=\"1\">2. Годовой отчёт, 2027 год (этот отчёт)",
    ] {
        assert!(report.contains(words), "{words} is not in {report}");
    }
}

/// What the test's method looks at: of one direction everything, of the other nothing.
const METHOD: &str = r#"title = "Оценка механизмов управления"
source = "письмо № 08-70"
from = 2021
component = [
  { id = "goals", title = "Цели", proof = "act" },
  { id = "monitoring", title = "Мониторинг", proof = "collection" },
  { id = "analysis", title = "Анализ", proof = "analysis" },
  { id = "recommendations", title = "Адресные рекомендации", proof = "recommendations" },
  { id = "measures", title = "Меры", proof = "measures" },
  { id = "decisions", title = "Управленческие решения", proof = "decisions" },
  { id = "effect", title = "Анализ эффективности", proof = "effects" },
]

[[direction]]
id = "quality"
title = "1.1. Качество подготовки"
activities = [{ id = "results", yields = [
  "goals", "monitoring", "analysis", "recommendations", "measures", "decisions", "effect",
] }]

[[direction]]
id = "talents"
title = "1.3. Таланты"
"#;

/// The cells of a matrix, line by line: direction, component, what is said and what proves it.
fn matrix(index: &str) -> String {
    let table = index.split("<table class=\"matrix\">").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    let titles: Vec<String> = table.split("<th scope=\"col\">").skip(1).map(words).collect();
    let mut lines = Vec::new();
    for row in table.split("<th scope=\"row\">").skip(1) {
        lines.push(words(row));
        for (title, cell) in titles[1..].iter().zip(row.split("<td").skip(1)) {
            let (state, rest) = cell.split_once('>').unwrap();
            let state = state.trim().trim_start_matches("class=").trim_matches('"');
            let cell = rest.split("</td>").next().unwrap();
            let said = cell.replace("<li>", " | ").replace("<p", " <p");
            let links = cell.split("href=\"").skip(1).map(|link| link.split('"').next().unwrap());
            lines.push(format!("  {title} [{state}]{}", plain(&said)));
            lines.extend(links.map(|link| format!("    {link}")));
        }
    }
    lines.join("\n")
}

/// The words of a cell up to its end.
fn words(html: &str) -> String {
    html.split('<').next().unwrap_or_default().to_owned()
}

/// A text without its tags.
fn plain(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text: String = pieces.collect();
    format!(" {}", text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn the_matrix_says_what_was_recorded_and_nothing_more() {
    let mut files = files();
    files.0.insert("evidence/federal.toml".into(), METHOD.into());
    let house = House::opened(files).await;
    // Asked, and nobody has answered: nothing is proved by that.
    let began = archive(&house, 2027).await;
    insta::assert_snapshot!("matrix_of_a_year_that_began", matrix(&began["index.html"]));
    house.answer("school-1", "38", "").await;
    house.answer("school-2", "1", "").await;
    house.runtime.settle().await.unwrap();
    let approve = Command::Approve {
        stage: "recommend".into(),
        organisations: vec![],
        outgoing: "01-15/7".into(),
    };
    house.step(approve).await;
    house.post(&house.link("recommend.school-1"), &[]).await;
    house.runtime.settle().await.unwrap();
    let measure = |text: &str| NewMeasure {
        text: text.into(),
        organisations: vec!["school-1".into()],
        due: "2027-10-01".parse().unwrap(),
    };
    let document = NewDocument {
        document: Document {
            number: "47-од".into(),
            date: "2027-09-01".parse().unwrap(),
            outcome: "Провести проверки".into(),
            signatory: "Начальник отдела".into(),
            ..Document::default()
        },
        ..NewDocument::default()
    };
    let measures = Some(vec![measure("Составить план"), measure("Провести семинар")]);
    house.step(Command::RecordDecision { stage: "decide".into(), document, measures }).await;
    let lived = archive(&house, 2027).await;
    insta::assert_snapshot!("matrix_of_a_year_lived", matrix(&lived["index.html"]));
    assert!(lived.contains_key("matrix.docx"));
    // Every link leads to something in the archive.
    let table = lived["index.html"].split("<table class=\"matrix\">").nth(1).unwrap();
    for link in table.split("</table>").next().unwrap().split("href=\"").skip(1) {
        let (file, anchor) = {
            let link = link.split('"').next().unwrap();
            link.split_once('#').map_or((link, ""), |(file, anchor)| (file, anchor))
        };
        let content = lived.get(file).unwrap_or_else(|| panic!("{file}"));
        assert!(anchor.is_empty() || content.contains(&format!("id=\"{anchor}\"")), "{link}");
    }
    // No code stands where people read how a figure is computed.
    let page = &lived["01-results/index.html"];
    assert!(page.contains("доля (сумма «") && page.contains(", в процентах"), "{page}");
    assert!(!page.contains("share(") && !page.contains("<code>"), "{page}");
    // The act holds in the year after, where the act alone is there.
    house.at("2028-12-15T10:00:00+05:00").await;
    let after = archive(&house, 2028).await;
    let told = matrix(&after["index.html"]);
    assert!(told.contains("Цели [whole]") && told.contains("№ 47-од"), "{told}");
    assert!(told.contains("Управленческие решения [none]"), "{told}");
    assert!(after.keys().any(|name| name.ends_with("-decision-1.docx")), "{:?}", after.keys());
}
