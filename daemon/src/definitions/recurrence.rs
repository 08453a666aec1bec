//! When an activity's runs open, as fields of a form: how often, and what that asks for. Which fields
//! there are follows from how often, so a form that chooses another one is shown once more with its own.

use vekha_roadmap::model::{Activity, Every};

use super::fields::{Field, before};
use super::kind::Kind;
use super::place::{Parsed, Way};

/// The name of the field that says how often.
pub const EVERY: &str = "schedule.every";

const OFTEN: Kind = Kind::Choice(&[
    ("once", "один раз, в названный день"),
    ("year", "раз в год"),
    ("half-year", "дважды в год"),
    ("quarter", "четырежды в год"),
    ("2 years", "каждая организация раз в 2 года"),
    ("3 years", "каждая организация раз в 3 года"),
    ("4 years", "каждая организация раз в 4 года"),
    ("5 years", "каждая организация раз в 5 лет"),
    ("6 years", "каждая организация раз в 6 лет"),
    ("7 years", "каждая организация раз в 7 лет"),
    ("8 years", "каждая организация раз в 8 лет"),
    ("9 years", "каждая организация раз в 9 лет"),
    ("10 years", "каждая организация раз в 10 лет"),
    ("cron", "по выражению cron"),
    ("on-event", "когда придёт событие"),
    ("on-demand", "только когда начнёт человек или система"),
]);
const PERIOD: Kind = Kind::Word(&[
    ("", "такой, как часто открывается"),
    ("year", "год"),
    ("school-year", "учебный год"),
    ("half-year", "полугодие"),
    ("quarter", "квартал"),
    ("month", "месяц"),
    ("week", "неделя"),
    ("day", "день"),
]);
const OF: Kind = Kind::Word(&[
    ("current", "за период, в котором открывается"),
    ("previous", "за прошлый период"),
]);
const CATCH_UP: Kind = Kind::Word(&[
    ("latest", "начать последнее из пропущенных"),
    ("all", "начать все пропущенные"),
    ("skip", "не начинать"),
]);
const OVERLAP: Kind = Kind::Word(&[
    ("allow", "идут оба"),
    ("skip", "новое пропустить"),
    ("wait", "новое ждёт, пока окончится прежнее"),
]);

/// The keys of a schedule in the order in which they are written.
const SCHEDULE: &[&str] = &[
    "every",
    "opens",
    "opens-on-event",
    "cron",
    "event",
    "each",
    "period",
    "of",
    "after",
    "from",
    "until",
    "continuous",
    "catch-up",
    "overlap",
];

/// Those that only some recurrences take.
const SOME: [&str; 5] = ["opens", "opens-on-event", "cron", "event", "each"];

/// How often an activity's runs open, as its file says it.
fn often(activity: &Activity) -> String {
    match &activity.schedule.every {
        Every::Once { .. } => "once".to_owned(),
        Every::Yearly { opens } => match opens.len() {
            2 => "half-year".to_owned(),
            4 => "quarter".to_owned(),
            _ => "year".to_owned(),
        },
        Every::AfterOnly => "year".to_owned(),
        Every::Rotation { years, .. } => format!("{years} years"),
        Every::Cron { .. } => "cron".to_owned(),
        Every::OnEvent { .. } => "on-event".to_owned(),
        Every::OnDemand => "on-demand".to_owned(),
    }
}

/// The fields of an activity's schedule, if it opened as often as `chosen` says; as often as it does, if
/// that says nothing.
pub fn of_schedule(
    activity: &Activity,
    file: &str,
    parsed: &Parsed<'_>,
    chosen: Option<&str>,
) -> Vec<Field> {
    let schedule = &activity.schedule;
    let field = |key: &str, label: &str, kind: Kind, help: &str| {
        let way = Way::of(&["schedule", key]);
        Field {
            name: format!("schedule.{key}"),
            group: "Расписание".to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            said: kind.shown(parsed, &way),
            kind,
            file: file.to_owned(),
            way,
            after: before(SCHEDULE, key),
        }
    };
    let as_is = often(activity);
    let often = chosen.unwrap_or(&as_is);
    let day = "например, «15 сентября»; нерабочий день сдвигается на следующий рабочий";
    let days = |n: usize| {
        let help = format!("{n} дня по порядку, каждый на своей строке; {day}");
        vec![field("opens", "Открывается", Kind::Days(n), &help)]
    };
    let mut own = match often {
        "once" => {
            vec![field("opens", "Открывается", Kind::Day, "день с годом, например «02.11.2027»")]
        }
        "year" => {
            let early = schedule.opens_on_event.as_ref().filter(|_| as_is == "year");
            let label = match early {
                Some(_) => "Открывается по событию, не позже",
                None => "Открывается",
            };
            // Behind others it needs no day of its own.
            let (kind, help) = match schedule.after.is_empty() || early.is_some() {
                true => (Kind::Days(1), day.to_owned()),
                false => (
                    Kind::YearDay,
                    format!("{day}; пусто — когда окончено всё, после чего оно идёт"),
                ),
            };
            let mut own = vec![field("opens", label, kind, &help)];
            if early.is_some() {
                let help = "имя события; пусто — только в названный день";
                own.push(field("opens-on-event", "Событие", Kind::Name, help));
            }
            own
        }
        "half-year" => days(2),
        "quarter" => days(4),
        "cron" => vec![field(
            "cron",
            "Открывается",
            Kind::Text,
            "минута, час, день месяца, месяц, день недели: «0 9 10 * *» — 10-го числа в 9:00",
        )],
        "on-event" => vec![field(
            "event",
            "Событие",
            Kind::Text,
            "имя, под которым его присылают: латинские буквы, цифры и дефис, например «niko-sample»",
        )],
        "on-demand" => vec![],
        _ => vec![
            field("opens", "Открывается", Kind::Days(1), day),
            field("each", "Организации, чья очередь считается", Kind::Kinds, ""),
        ],
    };
    let is_dated = !own.is_empty() && often != "on-event";
    let is_taken = |key: &str| own.iter().any(|field| field.way == Way::of(&["schedule", key]));
    let gone: Vec<Field> = SOME
        .iter()
        .filter(|key| !is_taken(key))
        .map(|key| field(key, "", Kind::Gone, ""))
        .collect();
    let mut all = vec![field("every", "Как часто", OFTEN, "")];
    all.append(&mut own);
    all.push(field("period", "Период выполнения", PERIOD, "за что оно: так оно и называется"));
    if is_dated {
        all.push(field("of", "О каком периоде", OF, ""));
        if often != "once" {
            all.push(field("from", "С какого года", Kind::Year, "пусто — без начала"));
            all.push(field("until", "По какой год", Kind::Year, "пусто — без конца"));
        }
        all.push(field(
            "catch-up",
            "Если начало пропущено",
            CATCH_UP,
            "сервер стоял или расписание было приостановлено",
        ));
        all.push(field("overlap", "Если прежнее выполнение не окончено", OVERLAP, ""));
    }
    // Only what stands there has to go.
    all.extend(gone.into_iter().filter(|field| !field.said.is_empty()));
    all
}
