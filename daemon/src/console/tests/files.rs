//! Files that a school sends with its answer.

use axum::http::{Request, StatusCode};

use super::House;
use super::house::{Fetched, RUN, answer, files, with_files};

/// With a field for a document.
async fn house() -> House {
    let mut files = files();
    files.0.get_mut("forms/marks.toml").unwrap().push_str(
        "\n[[field]]\nid = \"order\"\nlabel = \"Приказ\"\ntype = \"file\"\nendings = [\"pdf\", \"jpg\"]\n\
         max-megabytes = 1\n",
    );
    House::opened(files).await
}

impl House {
    async fn send_files(
        &self,
        link: &str,
        pairs: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Fetched {
        self.fetch(with_files(Request::post(link), pairs, files)).await
    }
}

#[tokio::test]
async fn a_file_goes_with_the_answer_survives_mistakes_and_is_given_back() {
    let house = house().await;
    let link = house.link("collect.school-1");
    let page = house.get(&link).await;
    assert!(page.text.contains("enctype=\"multipart/form-data\""), "{}", page.text);
    let page = house.send_files(&link, &answer("20", ""), &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("href=\"#f-order\""), "it must be given: {}", page.text);
    let evil = ("order", "приказ.exe", &b"MZ"[..]);
    let page = house.send_files(&link, &answer("20", ""), &[evil]).await;
    assert!(page.text.contains("нужен файл .pdf, .jpg"), "{}", page.text);
    let large = vec![0; (1 << 20) + 1];
    let page = house.send_files(&link, &answer("20", ""), &[("order", "п.pdf", &large)]).await;
    assert!(page.text.contains("файл больше 1 МБ"), "{}", page.text);

    // A mistake elsewhere does not lose the file.
    let order = ("order", "Приказ № 5.pdf", &b"%PDF-1.7 ..."[..]);
    let page = house.send_files(&link, &answer("50", ""), &[order]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Приложен файл: Приказ № 5.pdf"), "{}", page.text);
    let hidden = page.text.split("name=\"order\" value=\"").nth(1).unwrap();
    let hidden = hidden.split('"').next().unwrap().replace("&#34;", "\"");
    let mut pairs = answer("20", "");
    pairs.push(("order", &hidden));
    let sent = house.send_files(&link, &pairs, &[]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);

    // The department takes it; nobody else's link does.
    let answer_page = format!("/runs/{RUN}/answers/collect.school-1");
    let page = house.look(&answer_page).await.text.replace("&#x2f;", "/");
    let at = page.split("href=\"").find(|part| part.contains("/files/")).unwrap();
    let at = at.split('"').next().unwrap().to_owned();
    assert!(at.starts_with(&format!("{answer_page}/files/")), "{at}");
    assert_eq!(house.look_at_file(&at).await, b"%PDF-1.7 ...");
    assert_ne!(house.get(&at).await.status, StatusCode::OK, "not without the token");
    let (_, file) = at.split_once("/files/").unwrap();
    assert_eq!(house.get(&format!("{link}/files/{file}")).await.status, StatusCode::OK);
    let other = house.link("collect.school-2");
    assert_eq!(house.get(&format!("{other}/files/{file}")).await.status, StatusCode::NOT_FOUND);
    // Nor can another school answer with a file that it has not sent.
    let page = house.send_files(&other, &pairs, &[]).await;
    assert!(page.text.contains("файл не получен"), "{}", page.text);
    let mut dropped = pairs.clone();
    dropped.push(("_drop", "order"));
    let page = house.send_files(&link, &dropped, &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "taken away, it is missing");
}
