//! The form as a spreadsheet: down, filled, up, looked at, sent.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use vekha_plugin_tables::{Heading, template};

use super::House;
use super::house::{Fetched, answer, files};
use crate::forms::describe;

impl House {
    /// The form of the run's collection, filled.
    pub fn filled(&self, answers: Value) -> Vec<u8> {
        let version = self.runtime.road_maps().all_newest().remove(0);
        let form = describe(&version.road_map.forms["marks"]);
        template(&form, &Heading::default(), answers.as_object()).unwrap()
    }

    async fn upload(&self, link: &str, name: &str, file: &[u8]) -> Fetched {
        let mut body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = Request::post(format!("{link}/table"))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
            .body(Body::from(body))
            .unwrap();
        self.fetch(request).await
    }
}

fn answers() -> Value {
    json!({
        "pupils": 1250, "share": 98.5, "held_on": "2027-04-15", "video": "yes", "way": "part",
        "means": ["paper", "online"],
        "marks": [{ "low": 7, "total": 40 }, { "low": 3, "total": 42 }],
        "steps": [{ "what": "Семинар", "done": 2 }],
    })
}

#[tokio::test]
async fn a_filled_spreadsheet_is_read_into_the_form_and_sent_only_by_the_school() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("form.xlsx"), "{}", page.text);
    let request = Request::get(format!("{link}/form.xlsx")).body(Body::empty()).unwrap();
    let sheet = house.fetch(request).await;
    assert_eq!(sheet.status, StatusCode::OK);
    let disposition = sheet.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(disposition.contains("school-1.xlsx"), "{disposition}");

    let page = house.upload(&link, "ответ.xlsx", &house.filled(answers())).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("Таблица прочитана, ошибок нет"), "{}", page.text);
    for value in ["value=\"1250\"", "value=\"98,5\"", "value=\"Семинар\"", "value=\"2027-04-15\""]
    {
        assert!(page.text.contains(value), "{value}:\n{}", page.text);
    }
    let run = house.runtime.store().run(&house.run()).await.unwrap().unwrap().run;
    assert!(run.assignments.values().all(|a| a.version == 0), "nothing was sent");
}

#[tokio::test]
async fn what_of_a_spreadsheet_was_left_is_named_and_never_called_faultless() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let questions = "Вопрос;Ответ;Ответ\nСколько ворон?;7;\n";
    let mut form = String::from(questions);
    let version = house.runtime.road_maps().all_newest().remove(0);
    for field in &describe(&version.road_map.forms["marks"]).fields {
        if field.id == "pupils" {
            form += &format!("{};1250;1251\n", field.label);
        }
    }
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, line) in (0..).zip(form.lines()) {
        for (column, cell) in (0..).zip(line.split(';')).filter(|(_, cell)| !cell.is_empty()) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    let page = house.upload(&link, "ответ.xlsx", &book.save_to_buffer().unwrap()).await;
    assert!(page.text.contains("вопроса «Сколько ворон?» в форме нет"), "{}", page.text);
    assert!(page.text.contains("второй столбец ответов не прочитан"), "{}", page.text);
    assert!(!page.text.contains("ошибок нет"), "{}", page.text);
}

#[tokio::test]
async fn mistakes_of_a_spreadsheet_are_told_at_their_cells_and_garbage_in_one_sentence() {
    let house = House::new().await;
    let link = house.link("collect.school-1");
    let mut wrong = answers();
    wrong["marks"][1]["low"] = json!(5000);
    wrong["share"] = json!(180);
    let page = house.upload(&link, "ответ.xlsx", &house.filled(wrong)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    assert!(page.text.contains("столбец") && page.text.contains("строка"), "{}", page.text);
    assert!(page.text.contains("value=\"1250\""), "what is right is kept");
    for (name, garbage) in [("a.xlsx", &b"PK\x03\x04 not a workbook"[..]), ("b.doc", b"text")] {
        let page = house.upload(&link, name, garbage).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
        assert!(page.text.contains("Файл"), "{}", page.text);
    }
}

#[tokio::test]
async fn a_histogram_goes_through_the_page_and_the_spreadsheet() {
    let mut files = files();
    files.0.get_mut("forms/marks.toml").unwrap().push_str(
        "\n[[field]]\nid = \"scores\"\nlabel = \"Первичные баллы\"\ntype = \"histogram\"\nto = 4\n\
         required = false\n\n[[rule]]\ncheck = \"sum(scores) == pupils\"\nat = \"scores\"\n\
         message = \"Баллов столько же, сколько участников\"\n",
    );
    let house = House::opened(files).await;
    let link = house.link("collect.school-1");
    let mut pairs = answer("20", "");
    pairs.extend([("scores[1]", "1200"), ("scores[3]", "x"), ("scores[9]", "7")]);
    let page = house.post(&link, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Первичные баллы, балл 3"), "{}", page.text);
    pairs.push(("scores[3]", "40"));
    let page = house.post(&link, &pairs).await;
    assert!(page.text.contains("Баллов столько же, сколько участников"), "{}", page.text);
    pairs.push(("scores[4]", "10"));
    let sent = house.post(&link, &pairs).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);

    // The spreadsheet brings the counts that were sent and takes others.
    let version = house.runtime.road_maps().all_newest().remove(0);
    let form = &version.road_map.forms["marks"];
    let mut given = answers();
    given["scores"] = json!([0, 1150, 0, 90, "много"]);
    let folded = crate::forms::sheets::fold(form, given.as_object().unwrap().clone());
    let file = template(&crate::forms::sheets::describe(form), &Heading::default(), Some(&folded));
    let page = house.upload(&link, "ответ.xlsx", &file.unwrap()).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Первичные баллы, балл 4"), "{}", page.text);
    assert!(page.text.contains("строка"), "told at its cell: {}", page.text);
    given["scores"][4] = json!(10);
    let folded = crate::forms::sheets::fold(form, given.as_object().unwrap().clone());
    let file = template(&crate::forms::sheets::describe(form), &Heading::default(), Some(&folded));
    let page = house.upload(&link, "ответ.xlsx", &file.unwrap()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("name=\"scores[1]\" value=\"1150\""), "{}", page.text);
}
