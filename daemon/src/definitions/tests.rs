//! A change and its inverse leave a file as it was, byte by byte; whatever is not meant stays in any case.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Due, MonthDay, Offset, Span};
use vekha_roadmap::read::{Files, read};

use super::amend::{Typed, amend, placed};
use super::archive::{pack, unpack};
use super::begin::{Beginning, Table, begin, latin, shipped};
use super::difference::{Difference, Side, arrow, differences};
use super::fields::{Field, of_activity, of_activity_as, of_letter};
use super::kind::{Kind, day_words, due_words, offset_words, span_words};
use super::place::{Parsed, Wanted, Way};
use super::recurrence::EVERY;
use super::year::year;

static SHIPPED: LazyLock<(Files, RoadMap)> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/road-map");
    let files = crate::files::load(&folder).unwrap();
    let map = read(&files).unwrap();
    (files, map)
});

/// Every field of every activity.
static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let (files, map) = &*SHIPPED;
    map.activities.iter().flat_map(|a| of_activity(map, files, &a.id)).collect()
});

fn typed(pairs: &[(&str, &str)]) -> Typed {
    pairs.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect()
}

/// The files with this typed into an activity's form, which must be right.
fn with(files: &Files, map: &RoadMap, id: &str, said: &[(&str, &str)]) -> Files {
    let amended = amend(files, &of_activity(map, files, id), &typed(said));
    assert!(amended.wrong.is_empty(), "{:?}", amended.wrong);
    amended.files
}

fn told(all: &[Difference]) -> String {
    let mut text = String::new();
    for one in all {
        text.push_str(&format!("{}\n", one.of));
        for line in &one.lines {
            text.push_str(&format!("  {}: {}\n", line.what, line.how));
        }
    }
    text
}

fn span() -> impl Strategy<Value = Span> {
    (0..=1000_u16, any::<bool>())
        .prop_map(|(n, working)| if working { Span::WorkingDays(n) } else { Span::Days(n) })
}

fn month_day() -> impl Strategy<Value = MonthDay> {
    (1..=12_i8, 1..=28_i8).prop_map(|(month, day)| MonthDay { month, day })
}

/// Something else that a field could say.
fn other(kind: &Kind) -> BoxedStrategy<String> {
    let offset = (span(), 0..3).prop_map(|(span, way)| {
        offset_words(match way {
            0 => Offset::Before(span),
            1 => Offset::OnTheDay,
            _ => Offset::After(span),
        })
    });
    match kind {
        Kind::Due => prop_oneof![
            span().prop_map(|span| due_words(Due::After(span))),
            month_day().prop_map(|day| due_words(Due::On(day))),
        ]
        .boxed(),
        Kind::Span => prop::option::of(span().prop_map(span_words))
            .prop_map(Option::unwrap_or_default)
            .boxed(),
        Kind::Offsets => prop::collection::vec(offset, 0..4).prop_map(|all| all.join("\n")).boxed(),
        Kind::Days(count) => prop::collection::vec(month_day().prop_map(day_words), *count)
            .prop_map(|all| all.join("\n"))
            .boxed(),
        Kind::YearDay => prop::option::of(month_day().prop_map(day_words))
            .prop_map(Option::unwrap_or_default)
            .boxed(),
        Kind::Day => "0[1-9]\\.1[0-2]\\.20[0-9]{2}".boxed(),
        Kind::Year => prop::option::of(1900..=2200_i32)
            .prop_map(|year| year.map(|year| year.to_string()).unwrap_or_default())
            .boxed(),
        Kind::Number => "[1-9][0-9]{0,3}(,[0-9]{1,3})?".boxed(),
        Kind::Text => "[0-5] 9 1[0-9] \\* \\*".boxed(),
        Kind::Name => "([a-z]{1,9})?".boxed(),
        Kind::Kinds => {
            prop::sample::select(vec!["school".to_owned(), "department,school".to_owned()]).boxed()
        }
        Kind::Gone => Just(String::new()).boxed(),
        Kind::Word(words) | Kind::Choice(words) => prop::sample::select(
            words.iter().map(|(word, _)| (*word).to_owned()).collect::<Vec<_>>(),
        )
        .boxed(),
        Kind::Participants => prop::sample::select(vec![
            "kinds:school,kindergarten".to_owned(),
            "organisations:school-1,school-2".to_owned(),
            "found-by:low-result-schools".to_owned(),
            "named:".to_owned(),
        ])
        .boxed(),
        Kind::Whole => "[а-я \\n]{0,40}".boxed(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over every field of every shipped activity.
    #[test]
    fn a_change_and_its_inverse_leave_the_file_byte_by_byte(
        (place, said) in (0..FIELDS.len()).prop_flat_map(|place| {
            (Just(place), other(&FIELDS[place].kind))
        }),
    ) {
        let ((files, _), field) = (&*SHIPPED, &FIELDS[place]);
        let one = std::slice::from_ref(field);
        let there = amend(files, one, &typed(&[(&field.name, &said)]));
        prop_assert!(there.wrong.is_empty(), "{:?}", there.wrong);
        let changed = &there.files.0[&field.file];
        // What was typed is what the form shows next, in another spelling at most.
        let parsed = Parsed::of(changed).unwrap();
        let shown = field.kind.shown(&parsed, &field.way);
        let again = field.kind.wanted(&shown).unwrap();
        prop_assert_eq!(&again, &field.kind.wanted(&said).unwrap());
        let comments = |text: &str| {
            text.split('#').skip(1).filter_map(|rest| rest.lines().next()).map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(comments(changed), comments(&files.0[&field.file]));
        let back = Field { said: shown, ..field.clone() };
        let back = amend(&there.files, &[back], &typed(&[(&field.name, &field.said)]));
        prop_assert!(back.wrong.is_empty(), "{:?}", back.wrong);
        prop_assert_eq!(&back.files.0[&field.file], &files.0[&field.file]);
    }
}

/// What has a comment behind it in its line leaves that comment in a line of its own: no shipped
/// activity has one where something may be left out.
#[test]
fn what_is_left_out_and_put_back_leaves_the_file_byte_by_byte() {
    let (files, _) = &*SHIPPED;
    for field in FIELDS.iter().filter(|field| !field.said.is_empty()) {
        let gone = amend(files, std::slice::from_ref(field), &typed(&[(&field.name, "")]));
        if !gone.wrong.is_empty() {
            continue;
        }
        let left_out = Field { said: String::new(), ..field.clone() };
        let back = amend(&gone.files, &[left_out], &typed(&[(&field.name, &field.said)]));
        assert!(back.wrong.is_empty(), "{}: {:?}", field.name, back.wrong);
        assert_eq!(back.files.0[&field.file], files.0[&field.file], "{}", field.name);
    }
}

#[test]
fn comments_order_and_line_ends_stay_where_they_were() {
    let text = "# сверху\r\nkind = 'x' # почему x\r\n  due   =  \"10 working days\"   # столько\r\n\r\n[other]\r\nn = 30.0 # процентов\r\n";
    let parsed = Parsed::of(text).unwrap();
    let due = parsed.with(&Way::of(&["due"]), &Wanted::Text("14 days".into()), &[]).unwrap();
    assert_eq!(due, text.replace("10 working days", "14 days"));
    let quoted = parsed.with(&Way::of(&["kind"]), &Wanted::Text("y".into()), &[]).unwrap();
    assert_eq!(quoted, text.replace("'x'", "'y'"));
    let number = Wanted::Number("31".into());
    let number = parsed.with(&Way::of(&["other", "n"]), &number, &[]).unwrap();
    assert_eq!(number, text.replace("30.0", "31"));
    // What is new comes below what stands before it by custom, in a line of its own.
    let close = Wanted::Text("5 days".into());
    let new = parsed.with(&Way::of(&["close"]), &close, &["kind", "due"]).unwrap();
    assert_eq!(new, text.replace("# столько\r\n", "# столько\r\nclose = \"5 days\"\r\n"));
    // Of what goes, its comment stays.
    let gone = parsed.with(&Way::of(&["due"]), &Wanted::Nothing, &[]).unwrap();
    assert_eq!(gone, text.replace("  due   =  \"10 working days\"   # столько", "# столько"));
}

#[test]
fn what_cannot_be_changed_piece_by_piece_is_refused_and_not_rewritten() {
    let text = "list = [\n  \"a\", # первое\n  \"b\", # второе\n]\n[tables.of]\nkey = 1\n";
    let parsed = Parsed::of(text).unwrap();
    let wanted = |texts: &[&str]| Wanted::Texts(texts.iter().map(|t| (*t).to_owned()).collect());
    let list = Way::of(&["list"]);
    assert!(parsed.with(&list, &wanted(&["c", "d"]), &[]).unwrap_err().contains("примечания"));
    // Where no comment is lost, a list changes.
    let longer = parsed.with(&list, &wanted(&["a", "c"]), &[]).unwrap();
    assert_eq!(longer, text.replace("\"b\"", "\"c\""));
    let table = parsed.with(&Way::of(&["tables"]), &Wanted::Text("x".into()), &[]);
    assert!(table.unwrap_err().contains("архивом"));
}

#[test]
fn terms_are_read_as_people_write_them() {
    let text = |kind: Kind, said: &str| match kind.wanted(said) {
        Ok(Wanted::Text(text) | Wanted::Number(text)) => text,
        Ok(Wanted::Texts(texts)) => texts.join(" | "),
        Ok(Wanted::Nothing) => "-".to_owned(),
        Ok(Wanted::Literal(text)) => text,
        Err(message) => format!("! {message}"),
    };
    for (kind, said, expected) in [
        (Kind::Due, "12 рабочих дней", "12 working days"),
        (Kind::Due, "1 раб. день", "1 working day"),
        (Kind::Due, "14 календарных дней", "14 days"),
        (Kind::Due, "до 1 октября", "on 10-01"),
        (Kind::Due, "к 1.10", "on 10-01"),
        (Kind::Span, "", "-"),
        (
            Kind::Offsets,
            "За 3 рабочих дня\n\n в день срока \nчерез 2 дня после",
            "3 working days before | on the day | 2 days after",
        ),
        (Kind::Days(2), "15 июня\n15.12", "06-15 | 12-15"),
        (Kind::Day, "02.11.2027", "\"2027-11-02\""),
        (Kind::Number, "2,50", "2.50"),
        (Kind::Number, "1 000", "1000"),
        (Kind::Number, "-0,5", "-0.5"),
        (
            Kind::Due,
            "скоро",
            "! «скоро»: нужно, например, «10 рабочих дней» или «14 дней», или «до 1 октября»",
        ),
        (Kind::Days(1), "31 июня", "! «31 июня»: такого дня нет"),
        (Kind::Days(2), "15 июня", "! нужно назвать 2 дня, каждый на своей строке"),
        (Kind::Number, "тридцать", "! «тридцать»: нужно число, например 30 или 2,5"),
        (Kind::YearDay, "25 сентября", "09-25"),
        (Kind::YearDay, "", "-"),
        (Kind::YearDay, "31 сентября", "! «31 сентября»: такого дня нет"),
        (Kind::Year, "27", "! «27»: нужен год, например 2027"),
        (Kind::Participants, "kinds:", "! отметьте хотя бы один вид организаций"),
        (Kind::Participants, "organisations:a\"b", "{ organisations = ['a\"b'] }"),
    ] {
        assert_eq!(text(kind, said), expected, "{said}");
    }
    assert_eq!(arrow("10 рабочих дней", "12 рабочих дней"), "10 → 12 рабочих дней");
    assert_eq!(arrow("10 рабочих дней", "14 дней"), "10 рабочих дней → 14 дней");
    assert_eq!(arrow("", "5 дней"), "нет → 5 дней");
}

#[test]
fn a_schedule_becomes_any_other_and_the_first_again() {
    let id = "results";
    let schedule = |files: &Files| {
        let map = read(files).unwrap_or_else(|e| panic!("{e:?}"));
        format!("{:?}", map.activity(id).unwrap().schedule)
    };
    let opens = "schedule.opens";
    let participants = "stage.collect.participants";
    let first = crate::console::tests::files();
    let mut files = first.clone();
    let mut seen = vec![];
    for (chosen, said) in [
        ("half-year", vec![(opens, "15 июня\n15 декабря")]),
        ("on-event", vec![("schedule.event", "results-came")]),
        ("once", vec![(opens, "02.11.2027")]),
        ("quarter", vec![(opens, "20 марта\n20 июня\n20 сентября\n20 декабря")]),
        ("once", vec![(opens, "02.11.2027")]),
        ("3 years", vec![(opens, "1 марта"), ("schedule.each", "school"), (participants, "each:")]),
        ("cron", vec![("schedule.cron", "0 9 10 * *")]),
        ("year", vec![(opens, "3 августа"), ("schedule.period", "school-year")]),
        ("on-demand", vec![("schedule.period", "")]),
    ] {
        let map = read(&files).unwrap();
        let fields = of_activity_as(&map, &files, id, Some(chosen));
        let mut all = typed(&[(EVERY, chosen), (participants, "kinds:school")]);
        all.extend(typed(&said));
        let amended = amend(&files, &fields, &all);
        assert!(amended.wrong.is_empty(), "{chosen}: {:?}", amended.wrong);
        files = amended.files;
        seen.push(schedule(&files));
        // What was chosen is what the form shows next.
        let now = read(&files).unwrap();
        let fields = of_activity(&now, &files, id);
        assert!(fields.iter().all(|field| field.kind != Kind::Gone), "{chosen}: {fields:?}");
        let often = fields.iter().find(|field| field.name == EVERY).unwrap();
        assert_eq!(often.said, chosen);
    }
    assert_eq!(files, first, "byte by byte");
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn mistakes_of_the_whole_stand_at_the_fields_that_make_them() {
    let (files, map) = &*SHIPPED;
    let fields = of_activity(map, files, "low-result-schools");
    // Whom nobody knows, and a term that ends before what is asked can be known.
    let said = typed(&[
        ("stage.collect.participants", "organisations:school-77"),
        ("stage.decide.due", "завтра"),
    ]);
    let amended = amend(files, &fields, &said);
    assert_eq!(amended.wrong.keys().collect::<Vec<_>>(), ["stage.decide.due"]);
    let mistakes = read(&amended.files).unwrap_err();
    let (at, elsewhere) = placed(mistakes, &amended, &fields);
    assert!(at["stage.collect.participants"].contains("school-77"), "{at:?}");
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    // A letter's text that cannot be made.
    let texts = of_letter(files, "reminder");
    let amended = amend(files, &texts, &typed(&[("body.txt", "Срок {{ dua }}\r\n")]));
    assert_eq!(amended.files.0["letters/reminder/body.txt"], "Срок {{ dua }}\n");
    let (at, _) = placed(read(&amended.files).unwrap_err(), &amended, &texts);
    assert!(at["body.txt"].contains("строка 1") && at["body.txt"].contains("due"), "{at:?}");
}

#[test]
fn what_differs_is_told_in_words() {
    let (files, map) = &*SHIPPED;
    let mut after = with(
        files,
        map,
        "low-result-schools",
        &[
            ("schedule.opens", "1 октября"),
            ("stage.collect.due", "12 рабочих дней"),
            ("stage.collect.remind", "за 3 рабочих дня\nв день срока"),
            ("stage.collect.close", ""),
            ("stage.collect.participants", "kinds:school,kindergarten"),
            ("threshold.low_share", "25"),
            ("stage.decide.due", "до 1 декабря"),
        ],
    );
    let change = |files: &mut Files, path: &str, from: &str, to: &str| {
        let text = files.0.get_mut(path).unwrap();
        assert!(text.contains(from), "{path}: {from}");
        *text = text.replacen(from, to, 1);
    };
    change(&mut after, "organisations.toml", "school-1@", "school-one@");
    change(&mut after, "letters/reminder/subject.txt", "{{", "Ещё раз: {{");
    change(&mut after, "municipality.toml", "small-numbers = 5", "small-numbers = 10");
    change(&mut after, "activities/32-low-result-analysis.toml", "# Анализ", "# Разбор");
    let decide = "\n[[stage]]\nkind = \"decide\"\ndue = \"5 days\"\n";
    after.0.get_mut("activities/31-low-result-monitoring.toml").unwrap().push_str(decide);
    after.0.remove("layouts/ege-results.toml");
    let read_after = read(&after).unwrap();
    let sides = (Side { files, map }, Side { files: &after, map: &read_after });
    let mut text = told(&differences(sides.0, sides.1));
    assert!(differences(sides.1, sides.1).is_empty());
    let shift = year(map, &read_after, jiff::civil::date(2027, 9, 1));
    text.push_str(&format!("\nвыполнений {} → {}\n", shift.was.runs, shift.becomes.runs));
    text.push_str(&told(&shift.runs));
    insta::assert_snapshot!(text);
}

#[test]
fn an_archive_comes_back_as_the_same_files_whoever_packed_it() {
    let (files, _) = &*SHIPPED;
    let packed = pack(files).unwrap();
    assert_eq!(packed, pack(files).unwrap());
    assert_eq!(unpack(&packed).unwrap(), *files);
    // A folder that was packed with its name, and things of other programs in it.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (path, text) in [
        ("карта/municipality.toml", "id = 'm'".as_bytes()),
        ("карта/.DS_Store", b"\x00"),
        ("__MACOSX/карта/._municipality.toml", b"\x00"),
        ("карта/letters/reminder/body.txt", "Здравствуйте".as_bytes()),
    ] {
        zip.start_file(path, options).unwrap();
        std::io::Write::write_all(&mut zip, text).unwrap();
    }
    let read = unpack(&zip.finish().unwrap().into_inner()).unwrap();
    assert_eq!(read.0["municipality.toml"], "id = 'm'");
    assert!(read.0.contains_key("letters/reminder/body.txt"), "{:?}", read.0.keys());
    assert!(unpack(b"no archive").unwrap_err()[0].contains("не архив ZIP"));
    // What is left out of what was meant is told.
    let mut misplaced = files.clone();
    misplaced.0.insert("forms/../../evil.toml".to_owned(), String::new());
    let told = unpack(&pack(&misplaced).unwrap()).map(drop).unwrap_err();
    assert_eq!(told, ["forms/../../evil.toml: такого файла в дорожной карте не бывает"]);
}

#[test]
fn a_new_municipality_reads_as_it_is_made_whatever_organisations_it_has() {
    let what = Beginning {
        name: "Полевской муниципальный округ".into(),
        authority: "Управление \"образованием\"".into(),
        time_zone: "Asia/Yekaterinburg".into(),
        contact: ["Иванова".into(), String::new(), "i@example.org".into(), String::new()],
        ..Beginning::default()
    };
    let today = jiff::civil::date(2027, 5, 20);
    let make = |text: &str| begin(&what, Table { name: "o.csv", bytes: text.as_bytes() }, today);
    let files = make(
        "Наименование;Вид;Адрес почты\nШкола № 1;школа;one@example.org\nСад;детский сад;k@example.org\nММО;ММО;m@example.org\n",
    )
    .unwrap();
    let map = read(&files).unwrap_or_else(|e| panic!("{e:?}"));
    let codes: Vec<&str> = map.organisations.iter().map(|o| o.code.as_str()).collect();
    assert_eq!(codes, ["association-1", "department", "kindergarten-1", "school-1"]);
    assert_eq!(map.municipality.authority, what.authority);
    assert!(!files.0["municipality.toml"].contains("Вымышленный"));
    // Of two people of one school, it is one school.
    let files = make(
        "Наименование,Вид,Контактное лицо,Адрес почты\nШкола № 1,школа,Анна,s@example.org\n\
         Школа № 1,школа,Пётр,s@example.org\nОтдел,отдел,,o@example.org\nСад,доу,,k@example.org\n\
         ММО,ммо,,m@example.org\n",
    );
    let map = read(&files.unwrap()).unwrap();
    assert_eq!(map.organisation("school-1").unwrap().contacts.len(), 2);
    assert_eq!(map.department().name, "Отдел");
    let wrong =
        begin(&Beginning::default(), Table { name: "o.csv", bytes: b"" }, today).unwrap_err();
    let fields: Vec<&str> = wrong.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(
        fields,
        ["name", "authority", "contact_name", "time_zone", "contact_email", "organisations"]
    );
    let wrong = make("Наименование;Вид\nШкола № 1;школа\n").unwrap_err();
    assert!(wrong[0].message.contains("методическое объединение (мероприятия 4, "), "{wrong:?}");
    let wrong = make("Наименование;Вид\nШкола № 1;лицей-интернат\n").unwrap_err();
    assert!(wrong[0].message.contains("нужно одно из: "), "{wrong:?}");
    assert_eq!(latin("Ёлкинский район «Щёкино»"), "yolkinskiy-rayon-shchyokino");
}

#[test]
fn the_shipped_road_map_is_in_the_binary_whole() {
    assert_eq!(shipped(), SHIPPED.0);
}
