//! A decision as the official document that it is, to be printed and signed: whose it is, what, when,
//! under what number and where; what it is about; its points; who signs; its appendices, each a sheet
//! that says to what document it belongs; and the sheet on which those whom it binds confirm that
//! they have read it. In the order and in the words of GOST R 7.0.97-2016.

use vekha_roadmap::model::{DecisionKind, Issuer};

use super::chapter::Decision;
use super::clauses::{Appendix, Clauses, Meeting, post_and_name};
use super::document::{Document, Origin, WIDTH};

/// Whose document it is, and whom it binds.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// What kind of document.
    pub kind: DecisionKind,
    /// Who issues it.
    pub issuer: Issuer,
    /// Who is to confirm that they have read it.
    pub addressees: Vec<Addressee>,
}

/// Somebody whom a document binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Short name of the organisation.
    pub organisation: String,
    /// The post of who answers for it; empty where the registry names nobody.
    pub post: String,
    /// The person's name.
    pub name: String,
}

/// Room for a name or a post that nobody has said yet.
const BLANK: &str = "__________________________";

/// The document as a file's content. One that is not taken yet leaves room for number and date.
///
/// # Errors
/// When it cannot be made, and why.
pub fn decision(head: &Letterhead, decision: &Decision) -> Result<Vec<u8>, String> {
    let mut document = Document::new(Origin {
        author: head.issuer.name.clone(),
        title: format!("{}. {}", decision.kind, decision.title),
        date: decision.date.clone(),
    });
    let clauses = Clauses::of(decision);
    top(&mut document, head, decision);
    body(&mut document, head.kind, &clauses.text);
    signatures(&mut document, head, decision, &clauses);
    for mark in &clauses.marks {
        document.text(mark);
    }
    let named = named(head, decision);
    for appendix in &clauses.appendices {
        sheet(&mut document, &named, head.kind, appendix);
    }
    if head.kind != DecisionKind::Minutes && !head.addressees.is_empty() {
        acquaintance(&mut document, &named, head);
    }
    document.finish()
}

fn or<'w>(words: &'w str, blank: &'w str) -> &'w str {
    if words.is_empty() { blank } else { words }
}

fn top(document: &mut Document, head: &Letterhead, decision: &Decision) {
    document.centred(&head.issuer.name);
    document.centred("");
    document.title(&head.kind.words().to_uppercase());
    document.centred("");
    document.ends(
        or(&decision.date, "«____» ______________ 20___ г."),
        &format!("№ {}", or(&decision.number, "________")),
    );
    if !head.issuer.place.is_empty() {
        document.centred(&head.issuer.place);
    }
    document.centred("");
    document.heading_of_text(&decision.title, false);
    document.centred("");
}

/// The points. Lines of a justified paragraph would be stretched: each is one of its own. Nobody
/// signs an empty page.
fn body(document: &mut Document, kind: DecisionKind, text: &[String]) {
    let orders = text.iter().position(|line| DecisionKind::spoken(line).is_some());
    for (place, line) in text.iter().enumerate() {
        // Who was at a meeting stands as a list, and the word that orders by itself.
        let listed = kind == DecisionKind::Minutes && orders.is_some_and(|at| place < at);
        let orders_alone = orders == Some(place) && line.split_whitespace().count() == 1;
        if listed || orders_alone {
            document.lead(line);
        } else {
            document.clause(line, place + 1 == text.len());
        }
    }
}

/// Minutes are signed by who led the meeting and who wrote them.
fn signatures(document: &mut Document, head: &Letterhead, decision: &Decision, clauses: &Clauses) {
    let meeting = (head.kind == DecisionKind::Minutes).then(|| Meeting::of(&clauses.text));
    match meeting {
        Some(Meeting { chair, secretary }) if !chair.is_empty() => {
            document.signature("Председатель", &alone(&chair));
            if !secretary.is_empty() {
                document.signature("Секретарь", &alone(&secretary));
            }
        }
        _ => {
            let signatory = or(&decision.signatory, &head.issuer.signatory);
            let (post, name) = post_and_name(signatory);
            document.signature(or(&post, BLANK), or(&name, BLANK));
        }
    }
}

/// Of «А. П. Иванова, начальник отдела» the name: who signs minutes does so as chair or secretary.
fn alone(person: &str) -> String {
    let (post, name) = post_and_name(person);
    if name.is_empty() { post } else { name }
}

/// How appendices and sheets name the document that they belong to, after its kind: whose it is where
/// that can be said, and when and under which number it was taken.
fn named(head: &Letterhead, decision: &Decision) -> Vec<String> {
    let whose = Some(head.issuer.genitive.clone()).filter(|genitive| !genitive.is_empty());
    let date = or(&decision.date, "______________");
    let number = or(&decision.number, "________");
    whose.into_iter().chain([format!("от {date} № {number}")]).collect()
}

/// An appendix begins a page and says in its upper right corner what it belongs to.
fn sheet(document: &mut Document, named: &[String], kind: DecisionKind, appendix: &Appendix) {
    let own = match appendix.number {
        Some(number) => format!("Приложение № {number}"),
        None => "Приложение".to_owned(),
    };
    let mut corner = vec![own];
    let mut belongs = format!("к {}", kind.dative());
    let mut named = named.iter();
    if named.len() > 1
        && let Some(whose) = named.next()
    {
        belongs = format!("{belongs} {whose}");
    }
    corner.push(belongs);
    corner.extend(named.cloned());
    document.corner(&corner);
    if !appendix.title.is_empty() {
        document.heading_of_text(&appendix.title, false);
        document.centred("");
    }
    let mut lines = appendix.lines.iter().peekable();
    while let Some(line) = lines.next() {
        let Some(head) = cells(line) else {
            document.clause(line, false);
            continue;
        };
        let mut rows = Vec::new();
        while let Some(row) = lines.peek().and_then(|line| cells(line)) {
            rows.push(row);
            lines.next();
        }
        table(document, &head, rows);
    }
}

/// A line of a table in a text: «Школа | Доля, %».
fn cells(line: &str) -> Option<Vec<&str>> {
    line.contains(" | ").then(|| line.split(" | ").map(str::trim).collect())
}

/// A table whose first column takes what figures leave.
fn table(document: &mut Document, head: &[&str], rows: Vec<Vec<&str>>) {
    // Of two columns the second is a sentence; of more, all but the first are figures.
    let narrow =
        if head.len() == 2 { WIDTH * 2 / 3 } else { (WIDTH / (head.len() + 2)).min(1_500) };
    let first = WIDTH - narrow * (head.len() - 1);
    let width = |place| if place == 0 { first } else { narrow };
    let columns: Vec<(&str, usize)> =
        head.iter().enumerate().map(|(place, title)| (*title, width(place))).collect();
    let rows = rows.into_iter().map(|row| {
        let mut row: Vec<String> = row.into_iter().map(str::to_owned).collect();
        row.resize(head.len(), String::new());
        row
    });
    document.table(&columns, rows);
    document.small("");
}

/// The sheet on which those whom the document binds sign that they have read it.
fn acquaintance(document: &mut Document, named: &[String], head: &Letterhead) {
    let title = format!("ЛИСТ ОЗНАКОМЛЕНИЯ\nс {} {}", head.kind.instrumental(), named.join(" "));
    document.heading_of_text(&title, true);
    document.centred("");
    let columns = [
        ("№", 600),
        ("Организация, должность", 3_355),
        ("Фамилия, имя, отчество", 2_400),
        ("Дата", 1_400),
        ("Подпись", 1_600),
    ];
    let rows = (1..).zip(&head.addressees).map(|(number, one)| {
        let post = if one.post.is_empty() { String::new() } else { format!(", {}", one.post) };
        vec![
            number.to_string(),
            format!("{}{post}", one.organisation),
            one.name.clone(),
            String::new(),
            // Two lines high: there must be room to sign.
            " \n ".to_owned(),
        ]
    });
    document.table(&columns, rows);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Cursor, Read as _};
    use std::path::Path;

    use vekha_roadmap::read::read;

    use super::*;
    use crate::reports::Measure;

    /// A document's words, line by line; a page that begins is told.
    fn words(docx: Vec<u8>) -> String {
        let mut xml = String::new();
        let mut file = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
        file.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
        let xml = xml.replace("</w:p>", "\n").replace("<w:pageBreakBefore />", "[новый лист] ");
        let xml = xml.replace("<w:br w:type=\"textWrapping\" />", " / ");
        xml.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect()
    }

    /// A document of such a kind by the shipped road map's issuer. The file may be looked at:
    /// `VEKHA_TEST_DOCUMENTS` names a folder for it.
    fn document(kind: DecisionKind, text: &str, taken: bool) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
        let map = read(&crate::files::load(&folder).unwrap()).unwrap();
        let addressee = |organisation: &str, post: &str, name: &str| Addressee {
            organisation: organisation.to_owned(),
            post: post.to_owned(),
            name: name.to_owned(),
        };
        let head = Letterhead {
            kind,
            issuer: map.municipality.issuer(kind, None).into_owned(),
            addressees: vec![
                addressee("МБОУ СОШ № 1", "директор", "Марина Викторовна Горшенина"),
                addressee("МБОУ Станционная СОШ", "", ""),
            ],
        };
        let says = |words: &str| if taken { words.to_owned() } else { String::new() };
        let measure = Measure {
            organisation: "МБОУ СОШ № 1".to_owned(),
            text: "Представить план перехода в эффективный режим работы".to_owned(),
            due: "15 ноября 2027 года".to_owned(),
            state: "",
        };
        let told = Decision {
            kind: kind.words(),
            number: says("214-од"),
            date: says("14 октября 2027 года"),
            title: "Об утверждении перечня школ с низкими образовательными результатами".to_owned(),
            text: text.to_owned(),
            signatory: says("Начальник отдела образования, А. П. Иванова"),
            measures: vec![measure],
            ..Decision::default()
        };
        let made = decision(&head, &told).unwrap();
        if let Some(folder) = std::env::var_os("VEKHA_TEST_DOCUMENTS") {
            std::fs::write(Path::new(&folder).join(format!("{}.docx", kind.as_str())), &made)
                .unwrap();
        }
        words(made)
    }

    const ORDER: &str = "\
Во исполнение мероприятия 29 дорожной карты, на основании сведений мероприятия 29 «Школы с низкими \
результатами» (2026/27 учебный год, представили 5 из 6),

ПРИКАЗЫВАЮ:

1. Утвердить перечень школ с низкими образовательными результатами (приложение № 1): МБОУ СОШ № 1.
2. Принять к сведению показатели (приложение № 2).

Контроль за исполнением приказа оставляю за собой.

Приложение № 1
Перечень школ с низкими образовательными результатами
Организация | Вывод и показатели
МБОУ СОШ № 1 | Низких процедур за год — 2 из 2: ВПР, математика, 5 класс: 11 из 20. Доля 53,3 %.

Приложение № 2
Показатели по муниципалитету
Показатель | В среднем | Наименьшее | Наибольшее
Доля низких результатов, % | 22,5 | 7,5 | 53,3
Низких процедур | 1,2 | 0 | 2
Не представили сведения: МКОУ Нижнеозёрская ООШ.
";

    #[test]
    fn an_order_has_its_figures_on_sheets_of_their_own_and_one_for_those_whom_it_binds() {
        insta::assert_snapshot!("order", document(DecisionKind::Order, ORDER, true));
    }

    #[test]
    fn a_decree_is_the_administration_s_and_one_not_taken_yet_leaves_room() {
        let text = "Во исполнение дорожной карты,\n\nПОСТАНОВЛЯЮ:\n\n1. Утвердить программу \
                    (приложение).\n\nКонтроль за исполнением постановления оставляю за собой.\n\n\
                    Приложение\nМуниципальная программа помощи школам\n1. Наставники.\n2. Курсы.";
        insta::assert_snapshot!("decree", document(DecisionKind::Decree, text, false));
    }

    #[test]
    fn minutes_tell_who_was_there_and_are_signed_by_chair_and_secretary() {
        let text = "Председатель — А. П. Иванова, начальник отдела\nСекретарь — И. С. Ветлугина\n\
                    Присутствовали: М. В. Горшенина, Е. А. Чудинова\n\nРЕШИЛИ:\n\n\
                    1. Принять к сведению итоги.\n\nКонтроль за исполнением решений оставить за \
                    председателем.";
        let told = document(DecisionKind::Minutes, text, true);
        insta::assert_snapshot!("minutes", told);
        assert!(!told.contains("ЛИСТ ОЗНАКОМЛЕНИЯ"), "who decided knows it");
    }
}
