//! What goes out as a table comes back as it was, and what is written into the registry reads as it
//! was wanted.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use proptest::prelude::*;
use vekha_plugin_tables::{Limits, read_list};
use vekha_roadmap::model::{Contact, Duty, Organisation, OrganisationKind};
use vekha_roadmap::read::{Files, REGISTRY, read_organisations};

use super::changes::changes;
use super::edit::rewrite;
use super::{HEADINGS, export, rows};

/// A text as people write them, without blanks at its ends.
fn text() -> impl Strategy<Value = String> {
    "[«\"'=+А-Яа-яёA-Z№\\\\][А-Яа-яё0-9 «».,;\"'\\\\#=-]{0,20}[А-Яа-яё0-9»\"]"
}

fn address() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9+-]{0,4}(\\.[a-z0-9]{1,3})?@[a-z]{1,8}\\.example\\.org"
}

fn maybe(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::option::of(text).prop_map(Option::unwrap_or_default)
}

fn day(years: std::ops::Range<i16>) -> impl Strategy<Value = Date> {
    (years, 1..=12_i8, 1..=28_i8).prop_map(|(year, month, day)| date(year, month, day))
}

fn contact() -> impl Strategy<Value = Contact> {
    let duty = prop::option::of(prop::sample::select(Duty::ALL.to_vec()));
    let names = (text(), maybe(text()));
    (names, maybe(text()), duty, maybe(address()), maybe(text()), any::<bool>()).prop_map(
        |((name, greeting), role, duty, email, phone, letters)| {
            let letters = letters && !email.is_empty();
            Contact { name, greeting, role, duty, email, phone, letters }
        },
    )
}

fn organisation(code: String) -> impl Strategy<Value = Organisation> {
    let kind = prop::sample::select(OrganisationKind::ALL.to_vec());
    let contacts = prop::collection::vec(contact(), 0..4);
    let life = (day(1990..2020), prop::option::of(day(2021..2030)));
    (kind, text(), text(), maybe(address()), contacts, life).prop_map(
        move |(kind, name, short, email, mut contacts, (since, until))| {
            let (logins, other_names) = (vec![format!("edu-{code}")], vec![short.clone()]);
            contacts.sort_by(|a, b| a.name.cmp(&b.name));
            contacts.dedup_by(|a, b| a.name == b.name);
            let code = code.clone();
            Organisation {
                code,
                kind,
                name,
                short,
                logins,
                other_names,
                email,
                contacts,
                since,
                until,
            }
        },
    )
}

/// Some organisations out of five codes, in the order of their codes.
fn registry() -> impl Strategy<Value = Vec<Organisation>> {
    prop::collection::btree_set(1..=5_u8, 1..5).prop_flat_map(|codes| {
        codes.into_iter().map(|n| organisation(format!("school-{n}"))).collect::<Vec<_>>()
    })
}

fn read(text: &str) -> Vec<Organisation> {
    let files = Files(BTreeMap::from([(REGISTRY.to_owned(), text.to_owned())]));
    read_organisations(&files).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"))
}

fn back(registry: &[Organisation], csv: bool) -> Vec<Organisation> {
    let bytes = export::table(registry, csv).unwrap();
    let name = if csv { "реестр.csv" } else { "реестр.xlsx" };
    let headings = HEADINGS.map(|(heading, _)| heading);
    let list = read_list(&headings, name, &bytes, &Limits::default()).unwrap();
    rows::organisations(&list, registry).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_of_the_registry_changes_nothing_in_it(registry in registry()) {
        for csv in [false, true] {
            let wanted = back(&registry, csv);
            prop_assert_eq!(&wanted, &registry);
            let changes = changes(&registry, &wanted);
            prop_assert!(changes.is_empty() && changes.absent.is_empty());
            prop_assert_eq!(changes.unchanged, registry.len());
        }
    }

    #[test]
    fn what_is_written_reads_as_it_was_wanted(was in registry(), wanted in registry()) {
        let text = format!("# Реестр.\n{}", rewrite("", &[], &was).unwrap());
        prop_assert_eq!(&read(&text), &was);
        let text = rewrite(&text, &was, &wanted).unwrap();
        prop_assert!(text.starts_with("# Реестр.\n"));
        // Nobody is taken out, whom the table does not name stays, and who is new stands last.
        let now = read(&text);
        for organisation in &wanted {
            prop_assert!(now.contains(organisation), "{organisation:#?}\n{text}");
        }
        for (known, now) in was.iter().zip(&now) {
            let named = wanted.iter().find(|o| o.code == known.code);
            prop_assert_eq!(now, named.unwrap_or(known));
        }
        // The same once more writes the same.
        prop_assert_eq!(rewrite(&text, &now, &wanted).unwrap(), text);
    }
}

#[test]
fn people_may_be_written_in_any_way_that_reads() {
    for people in [
        "contact = { name = \"Орлова\", phone = \"1\" } # звонить до обеда\n",
        "contact = [{ name = \"Орлова\", phone = \"1\" }]\n",
        "[organisation.contact]\nname = \"Орлова\"\nphone = \"1\"\n",
        "[[organisation.contact]]\nname = \"Орлова\"\nphone = \"1\"\n",
    ] {
        let text = format!(
            "[[organisation]]\ncode = \"a\"\nkind = \"school\"\nname = \"А\"\nsince = 2010-09-01\n\
             {people}\n[[organisation]]\ncode = \"b\"\nkind = \"school\"\nname = \"Б\"\n"
        );
        let was = read(&text);
        let mut wanted = was.clone();
        wanted[0].contacts[0].phone = "2".into();
        let one = rewrite(&text, &was, &wanted).unwrap();
        assert_eq!(read(&one), wanted, "{one}");
        assert_eq!(one.contains("# звонить до обеда"), text.contains("# звонить до обеда"));
        wanted[0].contacts.insert(0, Contact { name: "Зуева".into(), ..Contact::default() });
        let two = rewrite(&text, &was, &wanted).unwrap();
        assert_eq!(read(&two), wanted, "{two}");
        wanted[0].contacts.clear();
        let nobody = rewrite(&text, &was, &wanted).unwrap();
        assert_eq!(read(&nobody), wanted, "{nobody}");
    }
    let line = "organisation = [{ code = \"a\", kind = \"school\", name = \"А\" }]";
    let told = rewrite(line, &read(line), &[]).unwrap_err();
    assert!(told.contains("[[organisation]]"), "{told}");
}

#[test]
fn a_day_that_lost_its_format_is_read_and_a_year_is_none() {
    let read = |since: &str| {
        let text = format!("Код;Вид;Наименование;Действует с\na;школа;Школа;{since}\n");
        let headings = HEADINGS.map(|(heading, _)| heading);
        let list = read_list(&headings, "a.csv", text.as_bytes(), &Limits::default()).unwrap();
        rows::organisations(&list, &[])
    };
    assert_eq!(read("46631").unwrap()[0].since, date(2027, 9, 1));
    let told = read("2027").unwrap_err();
    assert!(told[0].to_string().contains("нужна дата вида 01.09.2027"), "{}", told[0]);
}
