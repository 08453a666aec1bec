//! One activity: its words and its schedule.

use jiff::civil::{Date, date};

use super::stage;
use super::table::{Place, Table, id, month_day, words_of};
use crate::model::{
    Activity, CatchUp, Every, MonthDay, OrganisationKind, Overlap, PeriodOf, Schedule, Upstream,
};
use crate::period::PeriodKind;
use crate::schedule::{cron, opens_twice};

pub(super) const PERIODS: [(&str, PeriodOf); 2] =
    [("current", PeriodOf::Current), ("previous", PeriodOf::Previous)];

pub(super) fn read(stem: &str, table: &Table<'_>) -> Option<Activity> {
    let findings = table.findings();
    let named = stem.split_once('-').and_then(|(number, rest)| {
        Some((number.parse::<u32>().ok().filter(|n| (1..=999).contains(n))?, id(rest).ok()?))
    });
    if named.is_none() {
        findings.error(&table.here(), "имя файла — номер и id: 29-low-result-schools.toml", None);
    }
    let (number, activity_id) = named.unwrap_or((0, stem.to_owned()));
    let path = format!("activities/{activity_id}");
    if findings.stands(&path) {
        let (here, there) = (table.here(), findings.place(&path));
        for (place, other) in [(&here, &there), (&there, &here)] {
            let message = format!("id «{activity_id}» уже у файла {}", other.file());
            findings.error(place, message, None);
        }
    }
    findings.keep(path.clone(), table.here());
    let title = table.text("title");
    let short = table.text_or("short", title.as_deref());
    let section = table.text("section");
    findings.keep(format!("{path}/section"), table.at("section"));
    let deadline = table.text("deadline");
    let mut responsible = Vec::new();
    for (i, (place, party)) in table.placed_texts("responsible").into_iter().enumerate() {
        findings.keep(format!("{path}/responsible/{i}"), place);
        responsible.push(party);
    }
    if responsible.is_empty() {
        table.error("responsible", "назовите ответственных", None);
    }
    let schedule = match table.table("schedule") {
        Some(schedule) => read_schedule(&path, schedule),
        None => {
            if !table.has("schedule") {
                table.error("schedule", "не хватает таблицы [schedule]", None);
            }
            None
        }
    };
    let stages = stage::read_all(&path, table, title.as_deref().unwrap_or_default());
    table.finish();
    Some(Activity {
        number,
        id: activity_id,
        title: title.unwrap_or_default(),
        short: short.unwrap_or_default(),
        section: section.unwrap_or_default(),
        deadline: deadline.unwrap_or_default(),
        responsible,
        schedule: schedule?,
        stages,
    })
}

fn read_schedule(path: &str, table: Table<'_>) -> Option<Schedule> {
    let findings = table.findings();
    let after = upstreams(path, &table);
    let (every, default_period) = match read_every(&table, !after.is_empty()) {
        Some((every, period)) => (Some(every), period),
        None => (None, PeriodKind::Year),
    };
    let kinds = words_of(PeriodKind::ALL);
    let errors = findings.errors.borrow().len();
    let period = table.word("period", &kinds, Some(default_period));
    if findings.errors.borrow().len() > errors {
        // Others are not to be compared with a period that is not known.
        findings.keep(format!("{path}/odd-period"), table.at("period"));
    }
    if let (Some(Every::Cron { expression }), Some(period)) = (&every, period)
        && let Some((first, second)) = opens_twice(expression, period)
    {
        // The longest that holds each opening.
        let fits = |kind: &&PeriodKind| opens_twice(expression, **kind).is_none();
        let help = match PeriodKind::ALL.iter().find(fits) {
            Some(kind) => format!("укажите period = \"{kind}\""),
            None => "чаще раза в день расписание не открывает".to_owned(),
        };
        let message = format!(
            "за один период расписание сработало бы дважды ({first} и {second}): второго выполнения \
             не было бы"
        );
        table.error(if table.has("period") { "period" } else { "cron" }, message, Some(help));
    }
    let of = table.word("of", &PERIODS, Some(PeriodOf::Current));
    let from = table.whole("from", 1900..=2200).map(|y| y as i16);
    let until = table.whole("until", 1900..=2200).map(|y| y as i16);
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        table.error("until", "раньше, чем «from»", None);
    }
    let continuous = table.flag("continuous", false);
    let catch_up = table.word(
        "catch-up",
        &[("latest", CatchUp::Latest), ("all", CatchUp::All), ("skip", CatchUp::Skip)],
        Some(CatchUp::Latest),
    );
    let overlap = table.word(
        "overlap",
        &[("allow", Overlap::Allow), ("skip", Overlap::Skip), ("wait", Overlap::Wait)],
        Some(Overlap::Allow),
    );
    let opens_on_event = table.parsed_if("opens-on-event", id);
    if table.has("opens-on-event") && !matches!(every, Some(Every::Yearly { .. }) | None) {
        let message = "событие открывает раньше срока, а срок здесь не назван: нужны every = \"year\" и opens";
        let help = Some("совсем без срока — every = \"on-event\", event = \"…\"".to_owned());
        table.error("opens-on-event", message, help);
    }
    findings.keep(format!("{path}/schedule"), table.here());
    findings.keep(format!("{path}/schedule/each"), table.at("each"));
    table.finish();
    Some(Schedule {
        every: every?,
        period: period?,
        of: of?,
        from,
        until,
        after,
        opens_on_event,
        continuous,
        catch_up: catch_up?,
        overlap: overlap?,
    })
}

fn upstreams(path: &str, table: &Table<'_>) -> Vec<Upstream> {
    let findings = table.findings();
    let mut upstreams = Vec::new();
    for (place, item) in table.texts_or_tables("after") {
        let upstream = match item {
            Ok(activity) => Some(Upstream { activity, period: PeriodOf::Current, stage: None }),
            Err(item) => {
                let activity = item.text("activity");
                let period = item.word("period", &PERIODS, Some(PeriodOf::Current));
                let stage = item.parsed_if("stage", id);
                findings.keep(format!("{path}/after/{}/stage", upstreams.len()), item.at("stage"));
                item.finish();
                let both = activity.zip(period);
                both.map(|(activity, period)| Upstream { activity, period, stage })
            }
        };
        if let Some(upstream) = upstream {
            findings.keep(format!("{path}/after/{}", upstreams.len()), place);
            upstreams.push(upstream);
        }
    }
    upstreams
}

/// The recurrence and the kind of period that goes with it by default.
fn read_every(table: &Table<'_>, has_upstreams: bool) -> Option<(Every, PeriodKind)> {
    let word = table.text("every")?;
    let cycle = word.strip_suffix(" years").and_then(|n| n.parse::<u8>().ok());
    let opens = |count: usize| month_days(table, count);
    Some(match (word.as_str(), cycle) {
        ("once", _) => {
            let opens = table.parsed("opens", |text| {
                let date: Date = text
                    .parse()
                    .map_err(|_| format!("«{text}»: нужна дата, например \"2020-11-02\""))?;
                match date.year() {
                    1900..=2200 => Ok(date),
                    _ => Err("год от 1900 до 2200".into()),
                }
            });
            (Every::Once { opens: opens.unwrap_or(date(2000, 1, 1)) }, PeriodKind::Year)
        }
        ("year", _) if !table.has("opens") && has_upstreams => (Every::AfterOnly, PeriodKind::Year),
        ("year", _) => (Every::Yearly { opens: opens(1) }, PeriodKind::Year),
        ("half-year", _) => (Every::Yearly { opens: opens(2) }, PeriodKind::HalfYear),
        ("quarter", _) => (Every::Yearly { opens: opens(4) }, PeriodKind::Quarter),
        (_, Some(years)) if (2..=10).contains(&years) => {
            let opens = opens(1)[0];
            let kinds = table.table("each").map(|each| {
                let kinds = organisation_kinds(&each);
                each.finish();
                kinds
            });
            if !table.has("each") {
                table.error("each", "скажите, для кого: each = { kinds = [\"school\"] }", None);
            }
            (Every::Rotation { years, opens, kinds: kinds.unwrap_or_default() }, PeriodKind::Year)
        }
        ("cron", _) => {
            let expression = table.parsed("cron", |text| cron(text).map(|()| text.to_owned()));
            (Every::Cron { expression: expression.unwrap_or_default() }, PeriodKind::Month)
        }
        ("on-demand", _) => (Every::OnDemand, PeriodKind::Year),
        ("on-event", _) => {
            let event = table.parsed("event", id).unwrap_or_default();
            (Every::OnEvent { event }, PeriodKind::Year)
        }
        _ => {
            let words = [
                "once",
                "year",
                "half-year",
                "quarter",
                "3 years",
                "cron",
                "on-demand",
                "on-event",
            ];
            let help = crate::diagnostic::perhaps(&word, words.iter());
            table.error("every", format!("«{word}»: нужно одно из {}", words.join(", ")), help);
            return None;
        }
    })
}

/// As many days as are needed, right or not.
fn month_days(table: &Table<'_>, count: usize) -> Vec<MonthDay> {
    let stopgap = vec![MonthDay { month: 1, day: 1 }; count];
    let findings = table.findings();
    let texts: Vec<(Place, String)> = if table.is_list("opens") {
        table.placed_texts("opens")
    } else {
        let place = table.at("opens");
        table.text("opens").into_iter().map(|text| (place.clone(), text)).collect()
    };
    if texts.is_empty() && !table.is_list("opens") {
        return stopgap;
    }
    let mut days = Vec::new();
    for (place, text) in &texts {
        match month_day(text) {
            Ok(day) => days.push(day),
            Err(message) => findings.error(place, message, None),
        }
    }
    if texts.len() != count {
        table.error("opens", format!("нужно дней: {count}, а дано: {}", texts.len()), None);
        return stopgap;
    }
    if days.windows(2).any(|pair| pair[0] >= pair[1]) {
        table.error("opens", "дни должны идти по порядку", None);
    }
    if days.len() == count { days } else { stopgap }
}

/// `kinds = ["school", ...]`
pub(super) fn organisation_kinds(table: &Table<'_>) -> Vec<OrganisationKind> {
    let mut kinds = Vec::new();
    for (place, word) in table.placed_texts("kinds") {
        match OrganisationKind::ALL.iter().copied().find(|kind| kind.as_str() == word) {
            Some(kind) => kinds.push(kind),
            None => {
                let names: Vec<_> =
                    OrganisationKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let help = crate::diagnostic::perhaps(&word, names.iter());
                let message = format!("«{word}»: нужно одно из {}", names.join(", "));
                table.findings().error(&place, message, help);
            }
        }
    }
    if kinds.is_empty() {
        table.error("kinds", "назовите хотя бы один род организаций", None);
    }
    kinds
}
