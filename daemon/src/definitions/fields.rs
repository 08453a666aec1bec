//! What of a road map can be changed in forms, each with the place of its value.

use std::collections::BTreeMap;

use vekha_roadmap::model::{Activity, RoadMap, Stage, Work};
use vekha_roadmap::read::{Files, THRESHOLDS, shipped_letters};

use super::kind::Kind;
use super::place::{Parsed, Step, Way};
use super::recurrence::of_schedule;

/// One value that can be changed.
#[derive(Debug, Clone)]
pub struct Field {
    /// What it is called in a form: `stage.collect.due`.
    pub name: String,
    /// What it belongs to: «Сбор сведений».
    pub group: String,
    /// What it is.
    pub label: String,
    /// How to fill it in, or what it means; may be empty.
    pub help: String,
    /// What kind of value it is.
    pub kind: Kind,
    /// The file in which it stands.
    pub file: String,
    /// Where in it.
    pub way: Way,
    /// The keys below which it would come if it is not there.
    pub after: &'static [&'static str],
    /// What stands there now, as a form shows it.
    pub said: String,
}

/// The keys of a stage in the order in which they are written.
const STAGE: &[&str] = &[
    "kind",
    "id",
    "title",
    "needs",
    "not-before",
    "form",
    "attach-form",
    "source",
    "confirm",
    "again",
    "available-from",
    "participants",
    "findings",
    "approve",
    "acknowledge",
    "decisions",
    "text",
    "due",
    "remind",
    "escalate",
    "review",
    "close",
];

/// The keys that stand before one of them.
pub(super) fn before(keys: &'static [&'static str], key: &str) -> &'static [&'static str] {
    let place = keys.iter().position(|one| *one == key).unwrap_or(keys.len());
    keys.get(..place).unwrap_or(keys)
}

/// The file in which an activity stands.
pub fn file_of(activity: &Activity, files: &Files) -> String {
    let own = |path: &&String| {
        let stem = path.strip_prefix("activities/").and_then(|name| name.strip_suffix(".toml"));
        let named = stem.and_then(|stem| stem.split_once('-'));
        named.is_some_and(|(number, id)| number.parse() == Ok(activity.number) && id == activity.id)
    };
    files.0.keys().find(own).cloned().unwrap_or_default()
}

/// What of an activity can be changed, in the order in which people read it.
pub fn of_activity(map: &RoadMap, files: &Files, id: &str) -> Vec<Field> {
    of_activity_as(map, files, id, None)
}

/// The same, if its runs opened as often as `chosen` says.
pub fn of_activity_as(map: &RoadMap, files: &Files, id: &str, chosen: Option<&str>) -> Vec<Field> {
    let Some(activity) = map.activity(id) else { return vec![] };
    let file = file_of(activity, files);
    let text = files.0.get(&file).map_or("", String::as_str);
    let Ok(parsed) = Parsed::of(text) else { return vec![] };
    let mut all = of_schedule(activity, &file, &parsed, chosen);
    for (number, stage) in activity.stages.iter().enumerate() {
        all.extend(of_stage(stage, number, &file, &parsed));
        if let Work::Analyze(analyze) = &stage.work {
            all.extend(thresholds(map, files, &analyze.analysis, &stage.title));
        }
    }
    // One analysis may serve two stages.
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|field| seen.insert(field.name.clone()));
    all
}

fn of_stage(stage: &Stage, number: usize, file: &str, parsed: &Parsed<'_>) -> Vec<Field> {
    let field = |key: &str, label: &str, kind: Kind, help: &str| {
        let way = Way::within("stage", number, key);
        Field {
            name: format!("stage.{}.{key}", stage.id),
            group: stage.title.clone(),
            label: label.to_owned(),
            help: help.to_owned(),
            said: kind.shown(parsed, &way),
            kind,
            file: file.to_owned(),
            way,
            after: before(STAGE, key),
        }
    };
    let mut all = of_work(stage, number, parsed, &field);
    // The first stage begins as the run opens: its day is that of the schedule.
    if number > 0 || stage.not_before.is_some() {
        let help = "например, «25 сентября»: этап ждёт этого дня, даже если прежние окончены; пусто — не ждёт";
        all.push(field("not-before", "Не начинать раньше", Kind::YearDay, help));
    }
    all
}

fn of_work(
    stage: &Stage,
    number: usize,
    parsed: &Parsed<'_>,
    field: &impl Fn(&str, &str, Kind, &str) -> Field,
) -> Vec<Field> {
    let due = "например, «10 рабочих дней», «14 дней» или «до 1 октября»";
    let span = "например, «5 рабочих дней»; пусто — никогда";
    let remind =
        "по одному на строке: «за 3 рабочих дня», «в день срока», «через 2 рабочих дня после»";
    match &stage.work {
        Work::Collect(_) => {
            let mut all = vec![
                field("due", "Срок сбора", Kind::Due, due),
                field("remind", "Напоминания", Kind::Offsets, remind),
                field(
                    "escalate",
                    "Через сколько после срока сообщить отделу, кто молчит",
                    Kind::Span,
                    span,
                ),
                field(
                    "review",
                    "Сколько отдел может проверять ответы",
                    Kind::Span,
                    "например, «3 рабочих дня»; пусто — сбор закрывается с последним ответом",
                ),
                field(
                    "close",
                    "Через сколько после срока закрыть сбор без них",
                    Kind::Span,
                    "например, «10 рабочих дней»; пусто — ждать всех",
                ),
            ];
            let participants = field("participants", "Кто участвует", Kind::Participants, "");
            // Written in lines of its own, it is not for a form.
            if !participants.said.is_empty() {
                all.insert(0, participants);
            }
            all
        }
        Work::Recommend(_) => vec![
            field(
                "acknowledge",
                "Срок ознакомления",
                Kind::Span,
                "например, «5 рабочих дней»; пусто — не спрашивать",
            ),
            field("remind", "Напоминания об ознакомлении", Kind::Offsets, remind),
        ],
        Work::Decide(decide) => {
            let mut all = vec![
                field("due", "Срок решения", Kind::Due, due),
                field("remind", "Напоминания отделу", Kind::Offsets, remind),
            ];
            all.extend(decide.measures.iter().enumerate().map(|(place, measure)| {
                let mut way = Way::within("stage", number, "measure");
                way.0.extend([Step::Number(place), Step::Key("due".to_owned())]);
                Field {
                    name: format!("stage.{}.measure.{}.due", stage.id, place + 1),
                    label: format!("Срок меры «{}»", measure.text),
                    said: Kind::Due.shown(parsed, &way),
                    way,
                    ..field("due", "", Kind::Due, due)
                }
            }));
            all
        }
        Work::Analyze(_) | Work::Publish(_) => vec![],
    }
}

/// The texts of a letter: its subject, its text, and how it looks in a mail program. One that the road
/// map does not bring is the shipped one until it is changed.
pub fn of_letter(files: &Files, letter: &str) -> Vec<Field> {
    let parts = [
        ("subject.txt", "Тема", ""),
        ("body.txt", "Текст", "так письмо видят те, у кого почта показывает только текст"),
        ("body.html", "Вид в почте", "то же с оформлением: HTML"),
    ];
    let field = |(part, label, help): (&str, &str, &str)| {
        let file = format!("letters/{letter}/{part}");
        let shipped = || shipped_letters().find(|(path, _)| *path == file).map(|(_, text)| text);
        let said = files.0.get(&file).cloned().or_else(shipped)?;
        Some(Field {
            name: part.to_owned(),
            group: "Тексты письма".to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            kind: Kind::Whole,
            file,
            way: Way(vec![]),
            after: &[],
            said,
        })
    };
    parts.into_iter().filter_map(field).collect()
}

/// The thresholds of an analysis; those that it shares stand in a file of their own.
fn thresholds(map: &RoadMap, files: &Files, analysis: &str, group: &str) -> Vec<Field> {
    let file = format!("analyses/{analysis}.toml");
    let text = files.0.get(&file).map_or("", String::as_str);
    let shared_text = files.0.get(THRESHOLDS).map_or("", String::as_str);
    let (Ok(own), Ok(shared)) = (Parsed::of(text), Parsed::of(shared_text)) else { return vec![] };
    let Some(definition) = map.analyses.get(analysis) else { return vec![] };
    let takers = takers(map, files);
    let field = |name: &String| {
        let way = Way::of(&["thresholds", name]);
        let meaning = own.comment(&way).unwrap_or_default();
        let (mut help, mut place) = (String::new(), (file.clone(), way.clone(), &own));
        let mut called = format!("threshold.{analysis}.{name}");
        if let Some(common) = own.value(&way).and_then(|value| value.as_str()) {
            let others = takers.get(common).map(Vec::as_slice).unwrap_or_default();
            let others: Vec<&str> =
                others.iter().filter(|id| **id != analysis).map(String::as_str).collect();
            let titles = others.iter().filter_map(|id| map.analyses.get(*id));
            let titles: Vec<String> = titles.map(|other| format!("«{}»", other.title)).collect();
            if !titles.is_empty() {
                help = format!("общий порог: изменится и в анализах {}", titles.join(", "));
            }
            called = format!("threshold.{common}");
            place = (THRESHOLDS.to_owned(), Way::of(&[common]), &shared);
        }
        let (file, way, parsed) = place;
        let meaning = match meaning {
            "" => parsed.comment(&way).unwrap_or(name),
            meaning => meaning,
        };
        let said = Kind::Number.shown(parsed, &way);
        let label = format!("Порог: {meaning}");
        let group = group.to_owned();
        Field { name: called, group, label, help, kind: Kind::Number, file, way, after: &[], said }
    };
    definition.thresholds.keys().map(field).filter(|field| !field.said.is_empty()).collect()
}

/// Which analyses take each of the shared thresholds.
fn takers(map: &RoadMap, files: &Files) -> BTreeMap<String, Vec<String>> {
    let mut takers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, analysis) in &map.analyses {
        let text = files.0.get(&format!("analyses/{id}.toml")).map_or("", String::as_str);
        let Ok(parsed) = Parsed::of(text) else { continue };
        for name in analysis.thresholds.keys() {
            let value = parsed.value(&Way::of(&["thresholds", name]));
            if let Some(shared) = value.and_then(|value| value.as_str()) {
                takers.entry(shared.to_owned()).or_default().push(id.clone());
            }
        }
    }
    takers
}
