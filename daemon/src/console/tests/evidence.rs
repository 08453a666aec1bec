//! What is told of a year when the road map has changed since.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use vekha_engine::command::{Document, NewMeasure};
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
    house.step(Command::Approve { stage: "recommend".into(), organisations: vec![] }).await;
    house.post(&house.link("recommend.school-1"), &[]).await;
    house.runtime.settle().await.unwrap();
    let measure = |text: &str, school: &str| NewMeasure {
        text: text.into(),
        organisations: vec![school.into()],
        due: "2027-10-01".parse().unwrap(),
    };
    let document = Document {
        kind: Some(DecisionKind::Order),
        number: "47-од".into(),
        date: "2027-09-01".parse().unwrap(),
        title: String::new(),
        outcome: "Провести проверки".into(),
        signatory: "Начальник отдела".into(),
        text: String::new(),
        attachments: vec![],
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
