//! A definition as people read it: when it opens, who takes part, what is asked, by when, what is found
//! and what is written.

use serde_json::{Value, json};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{
    Activity, AskedTable, Every, Field, FieldKind, OrganisationKind, Pages, Participants, PeriodOf,
    Required, Rows, Rule, Severity, Stage, Work,
};
use vekha_roadmap::russian;

use crate::definitions::kind::{day_words, due_words, offset_words, span_words};
use crate::glossary;
use crate::runtime::road_maps::Version;

/// «ежегодно, 15 сентября, за прошлый период; после 8, 14»
pub fn schedule_words(map: &RoadMap, activity: &Activity) -> String {
    let schedule = &activity.schedule;
    let mut words = match &schedule.every {
        Every::Once { opens } => format!("один раз, {}", glossary::date(*opens)),
        Every::Yearly { opens } => {
            let often = match opens.len() {
                1 => "раз в год",
                2 => "дважды в год",
                _ => "каждый квартал",
            };
            let days: Vec<String> = opens.iter().map(|day| day_words(*day)).collect();
            let days = days.join(", ");
            match &schedule.opens_on_event {
                Some(event) => format!("{often}, по событию «{event}», не позже {days}"),
                None => format!("{often}, {days}"),
            }
        }
        Every::Rotation { years, opens, .. } => {
            let noun = russian::plural(i64::from(*years), "год", "года", "лет");
            format!("каждая организация раз в {years} {noun}, {}", day_words(*opens))
        }
        Every::Cron { expression } => format!("по выражению «{expression}»"),
        Every::AfterOnly => "раз в год".to_owned(),
        Every::OnDemand => "по команде".to_owned(),
        Every::OnEvent { event } => format!("по событию «{event}»"),
    };
    if schedule.of == PeriodOf::Previous {
        words.push_str(", за прошлый период");
    }
    let years = match (schedule.from, schedule.until) {
        (Some(from), Some(until)) => format!(", с {from} по {until} год"),
        (Some(from), None) => format!(", с {from} года"),
        (None, Some(until)) => format!(", по {until} год"),
        (None, None) => String::new(),
    };
    words.push_str(&years);
    if !schedule.after.is_empty() {
        let upstream = schedule.after.iter().map(|up| {
            let other = map.activity(&up.activity);
            let mut words = other.map_or(up.activity.clone(), |a| a.number.to_string());
            if let Some(stage) = &up.stage {
                let title = other.and_then(|a| a.stage(stage)).map(|(_, stage)| &stage.title);
                words.push_str(&format!(" (этап «{}»)", title.unwrap_or(stage)));
            }
            if up.period == PeriodOf::Previous {
                words.push_str(" за прошлый период");
            }
            words
        });
        let upstream: Vec<String> = upstream.collect();
        words.push_str(&format!("; когда завершены {}", upstream.join(", ")));
    }
    words
}

/// «сбор сведений: 10 рабочих дней»
pub fn stage_at_a_glance(map: &RoadMap, stage: &Stage) -> String {
    let words = lower_first(&stage.title);
    match &stage.work {
        Work::Collect(collect) => {
            let whom = participants(map, &collect.participants);
            format!("{words} ({whom}): {}", due_words(collect.due))
        }
        Work::Recommend(recommend) => match recommend.acknowledge {
            Some(span) => format!("{words}: ознакомиться {}", span_words(span)),
            None => words,
        },
        Work::Decide(decide) => format!("{words}: {}", due_words(decide.due)),
        Work::Analyze(_) | Work::Publish(_) => words,
    }
}

fn lower_first(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

/// «школы, детские сады»
pub fn participants(map: &RoadMap, who: &Participants) -> String {
    match who {
        Participants::Kinds(kinds) => of_kinds(kinds),
        Participants::Organisations(codes) => {
            codes.iter().map(|code| map.short_name(code)).collect::<Vec<_>>().join(", ")
        }
        Participants::FoundBy { activity, .. } => {
            let number = map.activity(activity).map_or(activity.clone(), |a| a.number.to_string());
            format!("кого нашло мероприятие {number}")
        }
        Participants::Named => "кого назовут при начале".to_owned(),
        Participants::Each => "чья очередь".to_owned(),
    }
}

fn of_kinds(kinds: &[OrganisationKind]) -> String {
    let words = kinds.iter().map(|kind| glossary::organisations(*kind).to_lowercase());
    words.collect::<Vec<_>>().join(", ")
}

/// «страница и календарь: Дата, Предмет»
fn shown_of_each(map: &RoadMap, activity: &Activity, pages: &Pages) -> String {
    let labels = column_labels(map, activity, &pages.asked);
    let what = if pages.calendar.is_some() {
        "страница и календарь"
    } else {
        "страница"
    };
    format!("{what}: {}", labels.join(", "))
}

/// What the columns are called that are taken of a table.
fn column_labels(map: &RoadMap, activity: &Activity, asked: &AskedTable) -> Vec<String> {
    let form = activity.collect(&asked.stage).and_then(|collect| map.forms.get(&collect.form));
    let columns = match form.and_then(|form| form.field(&asked.table)).map(|field| &field.kind) {
        Some(FieldKind::Table(table)) => table.columns.as_slice(),
        _ => &[],
    };
    let label = |id: &String| -> String {
        let known = columns.iter().find(|column| column.id == *id);
        known.map_or_else(|| id.clone(), |column| column.label.clone())
    };
    asked.columns.iter().map(label).collect()
}

/// Everything that an activity's definition says.
pub fn activity(version: &Version, activity: &Activity, file: &str) -> Value {
    let map = &version.road_map;
    let section = map.municipality.sections.iter().find(|s| s.id == activity.section);
    let parties = activity
        .responsible
        .iter()
        .map(|party| map.municipality.parties.get(party).cloned().unwrap_or_else(|| party.clone()));
    json!({
        "number": activity.number,
        "short": activity.short,
        "title": activity.title,
        "section": section.map(|s| s.title.as_str()),
        "deadline": activity.deadline,
        "responsible": parties.collect::<Vec<_>>().join(", "),
        "schedule": schedule_words(map, activity),
        "file": file,
        "stages": activity.stages.iter().map(|s| stage(map, activity, s)).collect::<Vec<_>>(),
    })
}

fn stage(map: &RoadMap, activity: &Activity, stage: &Stage) -> Value {
    let mut facts: Vec<(&str, String)> = Vec::new();
    let (mut questions, mut rules, mut letters) = (Value::Null, Value::Null, Vec::new());
    let mut files: Vec<String> = Vec::new();
    let remind = |offsets: &[vekha_roadmap::model::Offset]| {
        offsets.iter().map(|offset| offset_words(*offset)).collect::<Vec<_>>().join("; ")
    };
    facts.push(("Не раньше", stage.not_before.map(day_words).unwrap_or_default()));
    match &stage.work {
        Work::Collect(collect) => {
            let again = collect.again.as_ref().map(|first| {
                let title = activity.stage(first).map(|(_, stage)| &stage.title);
                format!(
                    "то же, что «{}»: прежний ответ подтверждают или исправляют",
                    title.unwrap_or(first)
                )
            });
            facts.push(("Спрашивает ещё раз", again.unwrap_or_default()));
            facts.push(("Кто", participants(map, &collect.participants)));
            facts.push(("Срок", due_words(collect.due)));
            facts.push(("Напоминания", remind(&collect.remind)));
            let span =
                |span: Option<vekha_roadmap::model::Span>| span.map(span_words).unwrap_or_default();
            facts.push(("О молчащих — отделу", after(span(collect.escalate))));
            facts.push(("Проверка ответов", span(collect.review)));
            facts.push(("Закрывается без ответивших", after(span(collect.close))));
            files.push(format!("forms/{}.toml", collect.form));
            if let Some(form) = map.forms.get(&collect.form) {
                let asked: Vec<Value> = form.fields.iter().map(question).collect();
                questions = json!({ "title": form.title, "fields": asked });
            }
            letters = vec!["assignment", "reminder", "receipt", "returned", "escalation", "closed"];
        }
        Work::Analyze(analyze) => {
            files.push(format!("analyses/{}.toml", analyze.analysis));
            facts.push(("Чьи ответы", of_kinds(&analyze.kinds)));
            if let Some(analysis) = map.analyses.get(&analyze.analysis) {
                facts.push(("Метод", analysis.method.clone()));
                if let Some(plugin) = &analyze.plugin {
                    let given = analysis.given_indicators().map(|one| one.title.as_str());
                    let given: Vec<&str> = given.collect();
                    let words = match given.as_slice() {
                        [] => format!("плагин «{plugin}»"),
                        given => format!("плагин «{plugin}»: {}", given.join("; ")),
                    };
                    facts.push(("Считает", words));
                }
                let said = |rule: &Rule| {
                    json!({
                        "finding": rule.finding,
                        "when": match &rule.when {
                            Some(when) => when.text(),
                            None => "кого называет плагин",
                        },
                        "severity": severity(rule.severity),
                        "recommendation": rule.recommendation,
                    })
                };
                let indicators: Vec<&str> =
                    analysis.indicators.iter().map(|one| one.title.as_str()).collect();
                facts.push(("Показатели", indicators.join("; ")));
                rules = analysis.rules.iter().map(said).collect();
            }
        }
        Work::Recommend(recommend) => {
            let who = if recommend.approve {
                "утверждает отдел"
            } else {
                "уходят сами"
            };
            facts.push(("Письма", who.to_owned()));
            facts.push(("Ознакомиться", recommend.acknowledge.map(span_words).unwrap_or_default()));
            facts.push(("Напоминания", remind(&recommend.remind)));
            letters = vec!["recommendation", "drafts"];
        }
        Work::Decide(decide) => {
            facts.push(("Решения", decide.decisions.join("; ")));
            facts.push(("Срок", due_words(decide.due)));
            facts.push(("Напоминания", remind(&decide.remind)));
            let measures = decide.measures.iter().map(|m| {
                format!("{} — {}, {}", m.text, participants(map, &m.by), due_words(m.due))
            });
            facts.push(("Меры", measures.collect::<Vec<_>>().join("; ")));
            let lists = decide.lists.iter().map(|list| {
                let labels = column_labels(map, activity, &list.asked).join(", ");
                format!("{}: {labels}", list.title)
            });
            facts.push(("Перечни в решении", lists.collect::<Vec<_>>().join("; ")));
            if let Some(text) = &decide.text {
                files.push(format!("decisions/{text}.txt"));
            }
            letters = vec!["decision-due", "measure"];
        }
        Work::Publish(publish) => {
            files.push(format!("reports/{}.html", publish.report));
            facts.push(("В заголовке", publish.edition.clone()));
            if let Some(pages) = &publish.pages {
                facts.push(("На сайте у каждой организации", shown_of_each(map, activity, pages)));
                files.push(format!("reports/{}.html", pages.report));
            }
        }
    }
    facts.retain(|(_, words)| !words.is_empty());
    let letter = |kind: &&str| json!({ "kind": kind, "words": crate::definitions::difference::letter_words(kind) });
    json!({
        "title": stage.title,
        "work": glossary::work(&stage.work),
        "facts": facts,
        "questions": questions,
        "rules": rules,
        "files": files,
        "letters": letters.iter().map(letter).collect::<Vec<_>>(),
    })
}

fn after(span: String) -> String {
    if span.is_empty() { span } else { format!("через {span} после срока") }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "к сведению",
        Severity::Attention => "требует внимания",
        Severity::Serious => "требует действий",
    }
}

/// A question with what its answer is.
fn question(field: &Field) -> Value {
    let unit = if field.unit.is_empty() { String::new() } else { format!(", {}", field.unit) };
    let columns: Vec<Value> = match &field.kind {
        FieldKind::Table(table) => table.columns.iter().map(question).collect(),
        _ => vec![],
    };
    let must = match field.required {
        Required::Always => "",
        Required::Optional => " (необязательно)",
        Required::When(_) => " (при условии)",
    };
    json!({
        "label": field.label,
        "answer": format!("{}{unit}{must}", answer(&field.kind)),
        "columns": columns,
    })
}

fn answer(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Integer(_) => "целое число".to_owned(),
        FieldKind::Decimal(_) => "число".to_owned(),
        FieldKind::Percent(_) => "доля, %".to_owned(),
        FieldKind::Text { .. } => "строка".to_owned(),
        FieldKind::LongText { .. } => "текст".to_owned(),
        FieldKind::Date => "дата".to_owned(),
        FieldKind::Choice(options) => format!("одно из: {}", labels(options)),
        FieldKind::Choices(options) => format!("любые из: {}", labels(options)),
        FieldKind::YesNo => "да или нет".to_owned(),
        FieldKind::Histogram(scores) => {
            format!("сколько человек получили каждый балл от {} до {}", scores.from, scores.to)
        }
        FieldKind::File(rule) => format!("файл: {}", rule.endings.join(", ")),
        FieldKind::Table(table) => match &table.rows {
            Rows::Fixed(rows) => format!("таблица, строки: {}", rows.join(", ")),
            Rows::Free { max, .. } => format!("таблица, до {max} строк"),
        },
    }
}

fn labels(options: &[vekha_roadmap::model::Choice]) -> String {
    options.iter().map(|option| option.label.as_str()).collect::<Vec<_>>().join(", ")
}
