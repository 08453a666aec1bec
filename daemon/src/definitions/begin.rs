//! The road map of a new municipality: the shipped one with its name, its people and its organisations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml_edit::Value;
use vekha_plugin_tables::{CellError, Limits, ListCell, list_csv, read_list};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::diagnostic::Diagnostic;
use vekha_roadmap::model::{Every, Organisation, OrganisationKind, Participants, Work};
use vekha_roadmap::read::{Files, REGISTRY, id, is_address, read};

use super::place::{Parsed, Wanted, Way};
use crate::registry::edit::rewrite;
use crate::registry::{Column, HEADINGS, rows};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../config/road-map");

/// What the shipped road map says.
static READ: LazyLock<Result<RoadMap, Vec<Diagnostic>>> = LazyLock::new(|| read(&shipped()));

/// The time zones of Russia: as the tz database calls them, and as people do.
pub const ZONES: [(&str, &str); 11] = [
    ("Europe/Kaliningrad", "Калининград (МСК−1)"),
    ("Europe/Moscow", "Москва (МСК)"),
    ("Europe/Samara", "Самара (МСК+1)"),
    ("Asia/Yekaterinburg", "Екатеринбург (МСК+2)"),
    ("Asia/Omsk", "Омск (МСК+3)"),
    ("Asia/Krasnoyarsk", "Красноярск (МСК+4)"),
    ("Asia/Irkutsk", "Иркутск (МСК+5)"),
    ("Asia/Yakutsk", "Якутск (МСК+6)"),
    ("Asia/Vladivostok", "Владивосток (МСК+7)"),
    ("Asia/Magadan", "Магадан (МСК+8)"),
    ("Asia/Kamchatka", "Камчатка (МСК+9)"),
];

/// What must be known of a municipality.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    /// Official name.
    pub name: String,
    /// Latin id; made of the name if empty.
    pub id: String,
    /// The authority, as letters sign it.
    pub authority: String,
    /// Where its documents are issued; may be empty.
    pub place: String,
    /// The act that adopted the road map; may be empty.
    pub adopted_by: String,
    /// Where deadlines are counted.
    pub time_zone: String,
    /// Whom a school may ask: name, position, address, telephone.
    pub contact: [String; 4],
    /// The first day on which runs open; from today on if empty.
    pub begins: String,
}

/// A table of organisations as it came.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// The file's name: its ending says what it is.
    pub name: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
}

/// The files of a new municipality's road map.
///
/// # Errors
/// All that is missing or wrong, by the field's name.
pub fn begin(what: &Beginning, table: Table<'_>, today: Date) -> Result<Files, Vec<FieldError>> {
    let mut wrong: Vec<FieldError> = Vec::new();
    let mut tell = |field: &str, message: String| {
        wrong.push(FieldError { field: field.to_owned(), message });
    };
    for (field, text, missing) in [
        ("name", &what.name, "назовите муниципалитет"),
        ("authority", &what.authority, "назовите орган управления образованием"),
        ("contact_name", &what.contact[0], "назовите, к кому обращаться школам"),
    ] {
        if text.trim().is_empty() {
            tell(field, missing.to_owned());
        }
    }
    let own_id = match what.id.trim() {
        "" => latin(&what.name),
        own => own.to_owned(),
    };
    if let Err(message) = id(&own_id)
        && !(what.id.trim().is_empty() && what.name.trim().is_empty())
    {
        tell("id", message);
    }
    if TimeZone::get(&what.time_zone).is_err() {
        tell("time_zone", "выберите часовой пояс".to_owned());
    }
    if !is_address(what.contact[2].trim()) {
        tell("contact_email", "нужен адрес почты: на него школы отвечают".to_owned());
    }
    let begins = match what.begins.trim() {
        "" => None,
        text => match text.parse::<Date>() {
            Ok(day) if (1900..=2200).contains(&day.year()) => Some(day),
            _ => {
                tell("begins", format!("«{text}»: нужен день, например 2027-09-01"));
                None
            }
        },
    };
    let organisations = match organisations(table, begins.unwrap_or(today).min(today)) {
        Ok(mut all) => {
            if !all.iter().any(|o| o.kind == OrganisationKind::Department) {
                all.insert(0, department(what, today));
            }
            all
        }
        Err(mistakes) => {
            let lines: Vec<String> = mistakes.iter().map(CellError::to_string).collect();
            tell("organisations", lines.join("\n"));
            vec![]
        }
    };
    let lacking = if organisations.is_empty() { BTreeMap::new() } else { lacking(&organisations) };
    if !lacking.is_empty() {
        let words = lacking.iter().map(|(kind, numbers)| {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            format!("{} (мероприятия {})", kind.words(), numbers.join(", "))
        });
        let words: Vec<String> = words.collect();
        let message = format!(
            "карта спрашивает и таких: {}; добавьте хотя бы по одной строке",
            words.join(", ")
        );
        wrong.push(FieldError { field: "organisations".to_owned(), message });
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let broken = |field: &str| {
        let field = field.to_owned();
        move |message: String| vec![FieldError { field, message }]
    };
    let mut files = shipped();
    let text = files.0.get("municipality.toml").cloned().unwrap_or_default();
    let text = municipality(&text, what, &own_id, begins).map_err(broken("name"))?;
    files.0.insert("municipality.toml".to_owned(), text);
    let registry = rewrite("", &[], &organisations).map_err(broken("organisations"))?;
    files.0.insert(REGISTRY.to_owned(), registry.trim_start().to_owned());
    Ok(files)
}

/// Kinds of organisations that the shipped road map asks and that are not there, with the numbers of
/// the activities: a stage that nobody is to carry out is a mistake.
fn lacking(organisations: &[Organisation]) -> BTreeMap<OrganisationKind, BTreeSet<u32>> {
    let mut lacking: BTreeMap<OrganisationKind, BTreeSet<u32>> = BTreeMap::new();
    let Ok(map) = &*READ else { return lacking };
    for activity in &map.activities {
        let stages = activity.stages.iter().filter_map(|stage| match &stage.work {
            Work::Collect(collect) => Some(&collect.participants),
            _ => None,
        });
        let mut kinds: Vec<OrganisationKind> = Vec::new();
        for participants in stages {
            if let Participants::Kinds(asked) = participants {
                kinds.extend(asked);
            }
        }
        if let Every::Rotation { kinds: asked, .. } = &activity.schedule.every {
            kinds.extend(asked);
        }
        for kind in kinds.into_iter().filter(|kind| organisations.iter().all(|o| o.kind != *kind)) {
            lacking.entry(kind).or_default().insert(activity.number);
        }
    }
    lacking
}

/// The shipped road map.
pub fn shipped() -> Files {
    let mut files = Files::default();
    let mut folders = vec![&SHIPPED];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().to_string_lossy().replace('\\', "/");
            if let Some(text) = file.contents_utf8().filter(|_| Files::wants(&path)) {
                files.0.insert(path, text.to_owned());
            }
        }
    }
    files
}

fn municipality(
    text: &str,
    what: &Beginning,
    id: &str,
    begins: Option<Date>,
) -> Result<String, String> {
    // What the example says of itself is not true of anybody else.
    let own: Vec<&str> = text.lines().skip_while(|line| line.starts_with('#')).collect();
    let mut text = format!("{}\n", own.join("\n"));
    let adopted = match what.adopted_by.trim() {
        "" => "дорожная карта по образцу постановления от 02.11.2020 № 714",
        own => own,
    };
    let [name, role, email, phone] = &what.contact;
    let pairs = [("name", name), ("role", role), ("email", email), ("phone", phone)];
    let pairs = pairs.iter().filter(|(_, text)| !text.trim().is_empty());
    let contact: Vec<String> =
        pairs.map(|(key, text)| format!("{key} = {}", Value::from(text.trim()))).collect();
    let said = |text: &str| Wanted::Text(text.trim().to_owned());
    let place = if what.place.trim().is_empty() { Wanted::Nothing } else { said(&what.place) };
    let begins = match begins {
        Some(day) => Wanted::Literal(day.to_string()),
        None => Wanted::Nothing,
    };
    for (key, wanted) in [
        ("id", said(id)),
        ("name", said(&what.name)),
        ("authority", said(&what.authority)),
        ("place", place),
        ("adopted-by", said(adopted)),
        ("time-zone", said(&what.time_zone)),
        ("contact", Wanted::Literal(format!("{{ {} }}", contact.join(", ")))),
        ("begins", begins),
    ] {
        text = Parsed::of(&text)?.with(&Way::of(&[key]), &wanted, &["time-zone"])?;
    }
    Ok(text)
}

fn department(what: &Beginning, today: Date) -> Organisation {
    Organisation {
        code: "department".to_owned(),
        kind: OrganisationKind::Department,
        name: what.authority.trim().to_owned(),
        short: "Отдел образования".to_owned(),
        logins: vec![],
        other_names: vec![],
        email: what.contact[2].trim().to_owned(),
        contacts: vec![],
        since: today,
        until: None,
    }
}

/// The organisations of a table. Codes are made of kinds where the table has none; whoever is not said
/// to be new has been there since `since`.
fn organisations(table: Table<'_>, since: Date) -> Result<Vec<Organisation>, Vec<CellError>> {
    // By what rows are known here: a municipality that begins has no codes yet.
    let mut order: Vec<usize> = (0..HEADINGS.len()).collect();
    order.swap(0, Column::Name as usize);
    let headings: Vec<&str> = order.iter().map(|place| HEADINGS[*place].0).collect();
    let limits = Limits::default();
    let list = read_list(&headings, table.name, table.bytes, &limits)?;
    if !list.mistakes.is_empty() {
        return Err(list.mistakes);
    }
    let at = |row: usize, column: Column| {
        order.iter().position(|place| *place == column as usize).map_or("", |at| list.text(row, at))
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows_made: Vec<Vec<ListCell>> = Vec::new();
    let mut before = (String::new(), String::new());
    for row in 0..list.len() {
        let name = at(row, Column::Name).to_owned();
        let code = match at(row, Column::Code) {
            // Another person of the same organisation.
            "" if !name.is_empty() && name == before.0 => before.1.clone(),
            "" => {
                let kind =
                    rows::kind(at(row, Column::Kind)).map_or("organisation", |kind| kind.as_str());
                let count = counts.entry(kind.to_owned()).or_default();
                *count += 1;
                // There is one department.
                if kind == "department" { kind.to_owned() } else { format!("{kind}-{count}") }
            }
            code => code.to_owned(),
        };
        before = (name, code.clone());
        let cell = |place: usize| {
            let text = match place {
                0 => code.clone(),
                place if place == Column::Since as usize && at(row, Column::Since).is_empty() => {
                    since.strftime("%d.%m.%Y").to_string()
                }
                place => order
                    .iter()
                    .position(|other| *other == place)
                    .map_or("", |at| list.text(row, at))
                    .to_owned(),
            };
            ListCell::Text(text)
        };
        rows_made.push((0..HEADINGS.len()).map(cell).collect());
    }
    let plain = HEADINGS.map(|(heading, _)| heading);
    let csv = list_csv(&plain, &rows_made).map_err(|e| {
        vec![CellError { path: String::new(), place: None, message: e.to_string() }]
    })?;
    let whole = read_list(&plain, "organisations.csv", &csv, &limits)?;
    rows::organisations(&whole, &[])
}

/// «Заречный муниципальный округ» -> `zarechny-munitsipalny-okrug`
pub fn latin(text: &str) -> String {
    let mut out = String::new();
    for c in text.to_lowercase().chars() {
        let part = match c {
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' => "g",
            'д' => "d",
            'е' | 'э' => "e",
            'ё' => "yo",
            'ж' => "zh",
            'з' => "z",
            'и' => "i",
            'й' => "y",
            'к' => "k",
            'л' => "l",
            'м' => "m",
            'н' => "n",
            'о' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' => "u",
            'ф' => "f",
            'х' => "kh",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "shch",
            'ы' => "y",
            'ю' => "yu",
            'я' => "ya",
            'ъ' | 'ь' | '«' | '»' | '"' => "",
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => {
                out.push(c);
                ""
            }
            _ => "-",
        };
        let part = if part == "y" && out.ends_with('y') { "" } else { part };
        if part != "-" || !out.is_empty() && !out.ends_with('-') {
            out.push_str(part);
        }
    }
    let short: Vec<&str> = out.trim_matches('-').split('-').take(3).collect();
    short.join("-")
}

/// The lines of the settings that say who writes the mail, for whoever sets the daemon up.
pub fn mail_settings(what: &Beginning) -> String {
    let from = Value::from(what.authority.trim());
    let email = Value::from(what.contact[2].trim());
    format!(
        "[mail]\ntransport = \"smtp\"\nhost = \"mail.example.org\"\ntls = \"starttls\"\nusername = \"vekha@example.org\"   # пароль — в VEKHA_MAIL__PASSWORD\nfrom = {{ name = {from}, email = {email} }}\n"
    )
}
