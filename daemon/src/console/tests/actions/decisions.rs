//! Decisions, and the measures that they order.

use axum::http::{Request, StatusCode};
use vekha_engine::Command;
use vekha_engine::run::{MeasureState, RunState};

use super::super::house::{RUN, with_files};
use super::{act, deciding, decision, did, done, run, send};

#[tokio::test]
async fn a_decision_is_recorded_with_the_maps_measures_or_others_or_none() {
    let house = deciding().await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    for expected in [
        "внести решение",
        "Дорожная карта сама предписывает меры",
        "Провести внутреннюю проверку объективности оценивания — Школа № 1, 10 рабочих дней",
        "name=\"date\" value=\"2027-10-15\"",
        "value=\"О мерах по итогам мониторинга\"",
        "name=\"measures[2].text\"",
        "все участники (2)",
        "без мер",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    done(&house, &decision("47-од", "2027-10-15")).await;
    let now = run(&house).await;
    assert_eq!(now.decisions[0].document.outcome, "Провести проверки\nдо конца месяца");
    assert_eq!(now.decisions[0].recorded_by, "console:anna");
    assert_eq!(now.measures.len(), 1);
    assert_eq!(now.state, RunState::Completed);

    let house = deciding().await;
    let mut pairs = decision("48-од", "15.10.2027");
    pairs.extend([
        ("measures[1].text", "Провести семинар"),
        ("measures[1].organisations", "*"),
        ("measures[1].organisations", "department"),
        ("measures[1].due", "2027-11-15"),
        ("measures[2].text", " "),
    ]);
    done(&house, &pairs).await;
    let now = run(&house).await;
    let holders: Vec<&str> = now.measures.iter().map(|m| m.organisation.as_str()).collect();
    assert_eq!(holders, ["department", "school-1", "school-2"]);

    let house = deciding().await;
    let mut pairs = decision("49-од", "2027-10-15");
    pairs.push(("without", "none"));
    done(&house, &pairs).await;
    assert!(run(&house).await.measures.is_empty());
}

/// The words of a document that our own code wrote.
fn words(docx: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(docx)).unwrap();
    let mut xml = String::new();
    let mut part = archive.by_name("word/document.xml").unwrap();
    std::io::Read::read_to_string(&mut part, &mut xml).unwrap();
    let lines = xml.replace("</w:p>", "\n");
    let pieces =
        lines.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect()
}

#[tokio::test]
async fn the_text_of_a_decision_is_drafted_from_what_it_rests_on_and_kept_as_it_was_signed() {
    let house = deciding().await;
    let page = house.look(&format!("/runs/{RUN}")).await.text;
    let form = page.find("id=\"decision:decide\"").expect("a form for the decision");
    let at = form + page[form..].find("name=\"text\"").expect("a field for the text");
    let drafted = page[at..].split_once(">\n").unwrap().1.split_once("</textarea>").unwrap().0;
    insta::assert_snapshot!("drafted", drafted);
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.push(("text", "ПРИКАЗЫВАЮ:\r\n\r\n1. Провести <проверки>.\r\n2. Доложить."));
    done(&house, &pairs).await;
    assert_eq!(
        run(&house).await.decisions[0].document.text,
        "ПРИКАЗЫВАЮ:\n\n1. Провести <проверки>.\n2. Доложить."
    );
    let page = house.look(&format!("/runs/{RUN}")).await.text;
    assert!(page.contains("1. Провести &lt;проверки&gt;."), "{page}");
    let document = format!("/runs/{RUN}/decisions/1/document.docx");
    assert!(page.contains(&document.replace('/', "&#x2f;")), "{page}");
    let written = house.look_at_file(&document).await;
    insta::assert_snapshot!("decision_document", words(&written));
    let none = house.look(&format!("/runs/{RUN}/decisions/2/document.docx")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    // Without a text of its own the document tells the outcome.
    let mut pairs = decision("3-р", "2027-10-15");
    pairs[0] = ("_form", "correction:1");
    done(&house, &pairs).await;
    let document = format!("/runs/{RUN}/decisions/2/document.docx");
    let written = words(&house.look_at_file(&document).await);
    for expected in ["Провести проверки", "Исправляет решение № 47-од."]
    {
        assert!(written.contains(expected), "{written}");
    }
    let mut pairs = decision("4-р", "2027-10-15");
    let long = "я".repeat(30_001);
    pairs.push(("text", &long));
    pairs[0] = ("_form", "correction:1");
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_wrong_decision_keeps_all_that_was_typed_and_names_every_mistake() {
    let house = deciding().await;
    let mut pairs = decision("", "2028-01-01");
    pairs.extend([
        ("measures[0].text", "Провести \"семинар\""),
        ("measures[0].organisations", "school-2"),
        ("measures[0].due", "завтра"),
    ]);
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in [
        "role=\"alert\"",
        "href=\"#f-decision-decide-number\"",
        "href=\"#f-decision-decide-measures-0-due\"",
        "id=\"f-decision-decide-measures-0-due\" name=\"measures[0].due\" value=\"завтра\"",
        "Провести &#34;семинар&#34;</textarea>",
        "name=\"measures[0].organisations\" value=\"school-2\" checked",
        "до конца месяца</textarea>",
    ] {
        assert!(page.text.contains(expected), "{expected}:\n{}", page.text);
    }
    // What only the engine knows stands at its field, too.
    let page = act(&house, &decision("47-од", "2028-01-01")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("id=\"f-decision-decide-date-error\""), "{}", page.text);
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.push(("_add", "measures"));
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("value=\"47-од\""));
    assert!(run(&house).await.decisions.is_empty());
}

#[tokio::test]
async fn more_rows_come_to_the_measures_that_were_typed() {
    let house = deciding().await;
    let mut pairs = decision("47-од", "2027-10-15");
    pairs.extend([("measures[2].text", "Третья"), ("measures[0].text", ""), ("_add", "measures")]);
    let page = act(&house, &pairs).await;
    assert!(page.text.contains("name=\"measures[5].text\""), "{}", page.text);
    assert!(page.text.contains("Третья</textarea>"));
}

#[tokio::test]
async fn measures_are_returned_and_accepted() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    house.post(&house.link("measure-1.school-1"), &[("report", "Сделано")]).await;
    let page = house.look(&format!("/runs/{RUN}")).await;
    assert!(page.text.contains("проверить отчёты об исполнении мер: 1"), "{}", page.text);
    let due = ("due", "2027-12-03");
    let mut pairs = [("_form", "measure:1"), ("_do", "return"), ("comment", " "), due];
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("href=\"#f-measure-1-comment\""), "{}", refused.text);
    pairs[2].1 = "Приложите акт";
    done(&house, &pairs).await;
    let returned = run(&house).await.measures[0].clone();
    assert_eq!(returned.comment, "Приложите акт");
    assert_eq!((returned.due.to_string().as_str(), returned.returns), ("2027-12-03", 1));
    pairs[1].1 = "accept";
    let refused = act(&house, &pairs).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("исполнитель ещё не отчитался"), "{}", refused.text);
    assert!(refused.text.contains("Приложите акт"), "what was typed is not lost with the form");
    house.post(&house.link("measure-1.school-1"), &[("report", "Вот акт")]).await;
    done(&house, &pairs).await;
    assert_eq!(run(&house).await.measures[0].state, MeasureState::Done);
    assert!(did(&house, "measure-returned").await && did(&house, "measure-accepted").await);
}

#[tokio::test]
async fn a_report_is_proved_by_a_file_that_is_found_wherever_the_measure_is_told_of() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    let (link, other) = (house.link("measure-1.school-1"), house.link("recommend.school-1"));
    let send = async |pairs: &[(&str, &str)], files: &[(&str, &str, &[u8])]| {
        house.fetch(with_files(Request::post(&link), pairs, files)).await
    };
    let page = house.get(&link).await.text;
    for expected in ["enctype=\"multipart/form-data\"", "type=\"file\" id=\"f-document\""] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // All that is wrong is told at once, and a mistake elsewhere does not lose the file.
    let evil = ("document", "акт.exe", &b"MZ"[..]);
    let page = send(&[("report", "Проверено")], &[evil]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("нужен файл .pdf, .docx"), "{}", page.text);
    let act_file = ("document", "Акт № 5.pdf", &b"%PDF act"[..]);
    let page = send(&[("report", " ")], &[act_file]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("href=\"#f-report\""), "{}", page.text);
    assert!(page.text.contains("Приложен файл: Акт № 5.pdf"), "{}", page.text);
    let hidden = page.text.split("name=\"document\" value=\"").nth(1).unwrap();
    let hidden = hidden.split('"').next().unwrap().replace("&#34;", "\"");
    let pairs = [("report", "Проверено"), ("document", hidden.as_str())];
    let sent = send(&pairs, &[]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let measure = run(&house).await.measures[0].clone();
    assert_eq!(measure.document.as_ref().unwrap().name, "Акт № 5.pdf");
    // What nobody refers to goes, what proves a report stays.
    house.at("2027-10-18T09:00:00+05:00").await;
    house.runtime.remove_stray_files().await.unwrap();

    // A returned report is corrected, and the file stays with it unless it is taken away.
    let back = [("_form", "measure:1"), ("_do", "return"), ("comment", "Подробнее")];
    done(&house, &back).await;
    assert!(house.get(&link).await.text.contains("Приложен файл: Акт № 5.pdf"));
    let dropped = [("report", "Б"), ("document", hidden.as_str()), ("_drop", "document")];
    assert_eq!(send(&dropped, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(run(&house).await.measures[0].document, None);
    let again = [("report", "Проверено\r\nдважды"), ("document", hidden.as_str())];
    assert_eq!(send(&again, &[]).await.status, StatusCode::SEE_OTHER);

    // For the department: the run's page, the report's own, the register; nobody else has it.
    let answer = format!("/runs/{RUN}/answers/measure-1.school-1");
    for path in [&format!("/runs/{RUN}"), &answer, "/m/zarechny/decisions?year=2027"] {
        let text = house.look(path).await.text.replace("&#x2f;", "/");
        let mut links = text.split("href=\"").filter(|part| part.contains("/files/"));
        let file = links.next().unwrap_or_else(|| panic!("{path}: {text}"));
        let file = file.split('"').next().unwrap();
        assert_eq!(house.look_at_file(file).await, b"%PDF act");
        assert_eq!(house.get(file).await.status, StatusCode::UNAUTHORIZED);
        let (_, rest) = file.split_once("/files/").unwrap();
        assert_eq!(house.get(&format!("{link}/files/{rest}")).await.status, StatusCode::OK);
        assert_eq!(house.get(&format!("{other}/files/{rest}")).await.status, StatusCode::NOT_FOUND);
    }
    let sheet = house.look_at_file("/m/zarechny/decisions.xlsx?year=2027").await;
    let limits = vekha_plugin_tables::Limits::default();
    let columns = ["Подтверждающий документ"];
    let list = vekha_plugin_tables::read_list(&columns, "a.xlsx", &sheet, &limits).unwrap();
    assert_eq!(list.text(0, 0), "Акт № 5.pdf");
    let archive = house.look_at_file("/m/zarechny/evidence.zip?year=2027").await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let name = (archive.file_names()).map(|name| name.unwrap().into_owned());
    let name = name.into_iter().find(|name| name.ends_with("-measure-1-Акт № 5.pdf")).unwrap();
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name(&name).unwrap(), &mut content).unwrap();
    assert_eq!(content, b"%PDF act");
    let (folder, _) = name.split_once('/').unwrap();
    let mut page = String::new();
    let mut index = archive.by_name(&format!("{folder}/index.html")).unwrap();
    std::io::Read::read_to_string(&mut index, &mut page).unwrap();
    assert!(page.contains("Акт № 5.pdf</a>"), "{page}");

    // Control is over: the file is still to be had, and no more are taken.
    done(&house, &[("_form", "measure:1"), ("_do", "accept"), ("comment", "")]).await;
    let late = send(&[("report", "Ещё")], &[("document", "ещё.pdf", b"%PDF more")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text);
    assert!(late.text.contains("мера исполнена и снята с контроля"), "{}", late.text);
    assert!(house.get(&link).await.text.contains("Акт № 5.pdf"));
}

#[tokio::test]
async fn an_order_that_is_entered_already_is_refused_in_words_that_name_it() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    let mut pairs = decision(" № 47-ОД", "2027-10-15");
    pairs[0] = ("_form", "correction:1");
    let page = format!("/runs/{RUN}/decisions/1/correction");
    let refused = send(&house, &page, &pairs).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    let said = "приказ № 47-од от 15 октября 2027 года, «О мерах» (решение 1)";
    assert!(refused.text.contains(said), "{}", refused.text);
    assert_eq!(run(&house).await.decisions.len(), 1);
}

#[tokio::test]
async fn a_years_register_holds_its_decisions_and_tells_how_each_measure_stands() {
    let house = deciding().await;
    let register = "/m/zarechny/decisions";
    let empty = house.look(register).await;
    assert_eq!(empty.status, StatusCode::OK, "{}", empty.text);
    assert!(empty.text.contains("В этом году решений ещё нет"), "{}", empty.text);
    let mut pairs = decision("48-од", "2027-10-15");
    pairs.extend([
        ("measures[0].text", "Провести <семинар>"),
        ("measures[0].organisations", "*"),
        ("measures[0].organisations", "department"),
        ("measures[0].due", "2027-11-15"),
    ]);
    done(&house, &pairs).await;
    house.post(&house.link("measure-2.school-1"), &[("report", "Сделано")]).await;
    let assignment = "measure-1.department".parse().unwrap();
    house.step(Command::Waive { assignment, reason: "уже проведён".into() }).await;
    let states = async || {
        let page = house.look(&format!("{register}?year=2027")).await;
        assert!(page.text.contains("№ 48-од от 15.10.2027, «О мерах»"), "{}", page.text);
        assert!(page.text.contains("Провести &lt;семинар&gt;"), "{}", page.text);
        let cells = page.text.split("data-label=\"Исполнение\"").skip(1);
        let words = cells.map(|cell| {
            let tag = cell.split_once("class=\"tag").unwrap().1;
            tag.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()
        });
        words.collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["поручение снято", "отчёт на проверке", "на исполнении"]);
    done(&house, &[("_form", "measure:2"), ("_do", "accept"), ("comment", "")]).await;
    house.at("2027-11-15T18:01:00+05:00").await;
    let now = ["поручение снято", "исполнена, снята с контроля", "просрочена"];
    assert_eq!(states().await, now);
    let sheet = house.look_at_file(&format!("{register}.xlsx?year=2027")).await;
    assert!(
        house
            .look(&format!("{register}?year=2027"))
            .await
            .text
            .contains("отчёт от 15.10.2027, в срок; принят 15.10.2027")
    );
    let columns = ["Номер", "Мера", "Исполнение", "Отчёт", "В срок", "Кем принят"];
    let limits = vekha_plugin_tables::Limits::default();
    let list = vekha_plugin_tables::read_list(&columns, "a.xlsx", &sheet, &limits).unwrap();
    let row = |row| [0, 1, 2, 3, 4, 5].map(|column| list.text(row, column).to_owned());
    assert_eq!(list.len(), 3);
    let accepted = ["48-од", "Провести <семинар>", now[1], "Сделано", "в срок", "anna"];
    assert_eq!(row(1), accepted);
    use calamine::Reader as _;
    // Days are days and counts are numbers, so that a spreadsheet sorts and sums them.
    let mut book: calamine::Xlsx<_> = calamine::Xlsx::new(std::io::Cursor::new(sheet)).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    let heading = |name: &str| range.rows().next().unwrap().iter().position(|h| h == name).unwrap();
    let column = |name: &str| range.rows().nth(2).unwrap()[heading(name)].clone();
    for name in ["Дата", "Срок", "Первоначальный срок", "Отчёт от", "Принят"]
    {
        assert!(matches!(column(name), calamine::Data::DateTime(_)), "{name}: {:?}", column(name));
    }
    let before = house.look(&format!("{register}?year=2026")).await;
    assert!(before.text.contains("В этом году решений ещё нет"), "{}", before.text);
}

#[tokio::test]
async fn a_decision_is_corrected_from_the_page_and_both_say_so() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    let mut pairs = decision("3-р", "2027-10-15");
    pairs[0] = ("_form", "correction:1");
    pairs[1] = ("kind", "directive");
    pairs.push(("withdraw", "withdraw"));
    done(&house, &pairs).await;
    let now = run(&house).await;
    assert_eq!(now.decisions[1].corrects, Some(1));
    let waived = now.assignments.values().filter(|a| a.reason == "мера снята решением № 3-р");
    assert_eq!(waived.count(), 1);
    let page = house.look(&format!("/runs/{RUN}")).await.text;
    for expected in [
        "Распоряжение № 3-р от 15 октября 2027 года",
        "Исправляет решение <a href=\"#decision-1\">№ 47-од</a>",
        "Исправлено решением <a href=\"#decision-2\">№ 3-р</a>",
        "поручение снято",
    ] {
        assert!(page.contains(expected), "{expected}:\n{page}");
    }
    let register = house.look("/m/zarechny/decisions?year=2027").await.text;
    for expected in ["Исправляет решение № 47-од", "Исправлено решением № 3-р"]
    {
        assert!(register.contains(expected), "{expected}:\n{register}");
    }
    // What is not there cannot be corrected.
    pairs[0] = ("_form", "correction:7");
    let page = act(&house, &pairs).await;
    assert_eq!(page.status, StatusCode::CONFLICT, "{}", page.text);
}

#[tokio::test]
async fn a_scan_goes_with_the_decision_or_follows_it_and_is_found_wherever_that_is_told() {
    let house = deciding().await;
    let page = format!("/runs/{RUN}");
    let mut pairs = decision("", "2027-10-15");
    // A mistake elsewhere does not lose the file.
    let scan = ("attachment", "Приказ 47.pdf", &b"%PDF scan"[..]);
    let refused = house.act_with_files(&page, &pairs, &[scan]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Приложен файл: Приказ 47.pdf"), "{}", refused.text);
    let hidden = refused.text.split("name=\"attachment\" value=\"").nth(1).unwrap();
    let hidden = hidden.split('"').next().unwrap().replace("&#34;", "\"");
    pairs[2] = ("number", "47-од");
    pairs.push(("attachment", &hidden));
    done(&house, &pairs).await;
    let add = [("_form", "attachment:1")];
    let evil = ("attachment", "a.exe", &b"MZ"[..]);
    let refused = house.act_with_files(&page, &add, &[evil]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("нужен файл .pdf, .docx"), "{}", refused.text);
    let nothing = house.act_with_files(&page, &add, &[]).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    let annex = ("attachment", "Перечень?.xlsx", &b"PK\x03\x04 annex"[..]);
    let sent = house.act_with_files(&page, &add, &[annex]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let again = house.act_with_files(&page, &add, &[annex]).await;
    assert!(again.text.contains("этот файл уже приложен"), "{}", again.text);
    assert!(did(&house, "attached").await);
    let shown = run(&house).await;
    let names: Vec<&str> = shown.decisions[0].attachments.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["Приказ 47.pdf", "Перечень?.xlsx"]);

    // On the run's page and in the register, whose links lead to the files.
    for path in [page.as_str(), "/m/zarechny/decisions?year=2027"] {
        let text = house.look(path).await.text.replace("&#x2f;", "/");
        let links = text.split("href=\"").filter(|part| part.contains("/attachments/"));
        let links: Vec<&str> = links.filter_map(|part| part.split('"').next()).collect();
        assert_eq!(links.len(), 2, "{text}");
        assert_eq!(house.look_at_file(links[0]).await, b"%PDF scan");
        assert_eq!(house.look_at_file(links[1]).await, b"PK\x03\x04 annex");
        assert_eq!(house.get(links[0]).await.status, StatusCode::UNAUTHORIZED);
    }
    let none = house.look(&format!("{page}/decisions/1/attachments/3/x.pdf")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    // And in the year's archive.
    let archive = house.look_at_file("/m/zarechny/evidence.zip?year=2027").await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let names: Vec<String> =
        (archive.file_names()).map(|name| name.unwrap().into_owned()).collect();
    let ending = |end: &str| names.iter().find(|name| name.ends_with(end)).cloned();
    for (end, wanted) in [
        ("-decision-1-1-Приказ 47.pdf", &b"%PDF scan"[..]),
        ("-decision-1-2-Перечень?.xlsx", b"PK\x03\x04 annex"),
    ] {
        let name = ending(end).unwrap_or_else(|| panic!("{end}: {names:?}"));
        let mut content = Vec::new();
        let mut file = archive.by_name(&name).unwrap();
        std::io::Read::read_to_end(&mut file, &mut content).unwrap();
        assert_eq!(content, wanted);
    }
    assert!(ending("-decision-1.docx").is_some(), "{names:?}");
}

#[tokio::test]
async fn a_correction_has_a_page_of_its_own_that_keeps_what_was_typed() {
    let house = deciding().await;
    done(&house, &decision("47-од", "2027-10-15")).await;
    let run_page = house.look(&format!("/runs/{RUN}")).await.text.replace("&#x2f;", "/");
    let page = format!("/runs/{RUN}/decisions/1/correction");
    assert!(run_page.contains(&format!("href=\"{page}\"")), "{run_page}");
    assert!(!run_page.contains("measures[0].organisations"), "no list of all organisations");
    let shown = house.look(&page).await;
    assert_eq!(shown.status, StatusCode::OK);
    for expected in ["№ 47-од от 15 октября 2027 года", "measures[0].organisations", "снять"]
    {
        assert!(shown.text.contains(expected), "{expected}: {}", shown.text);
    }
    let mut pairs = decision("", "2027-10-15");
    pairs[0] = ("_form", "correction:1");
    let scan = ("attachment", "Скан.pdf", &b"%PDF"[..]);
    let refused = house.act_with_files(&page, &pairs, &[scan]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for expected in
        ["href=\"#f-correction-1-number\"", "до конца месяца</textarea>", "Приложен файл: Скан.pdf"]
    {
        assert!(refused.text.contains(expected), "{expected}: {}", refused.text);
    }
    pairs.push(("_add", "measures"));
    let more = send(&house, &page, &pairs).await;
    assert_eq!(more.status, StatusCode::OK);
    assert!(more.text.contains("name=\"measures[2].text\""), "{}", more.text);
    pairs.pop();
    pairs[2] = ("number", "3-р");
    for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let foreign = house.act(&page, &pairs, &[("host", "vekha.example.org"), header]).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    }
    let sent = send(&house, &page, &pairs).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(sent.headers["location"], format!("/runs/{RUN}?done=decided"));
    assert_eq!(run(&house).await.decisions[1].corrects, Some(1));
    let none = house.look(&format!("/runs/{RUN}/decisions/7/correction")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_ne!(house.get(&page).await.status, StatusCode::OK, "not without the token");
}
