//! A small road map in which nothing is wrong and nearly every key is used.

use std::collections::BTreeMap;

use vekha_roadmap::read::{Files, LETTERS};

pub fn files() -> Files {
    let mut files: BTreeMap<String, String> = [
        (
            "municipality.toml",
            r#"id = "m"
name = "Муниципалитет"
authority = "Отдел образования"
adopted-by = "постановление № 714"
time-zone = "Asia/Yekaterinburg"
working-hours = "09:00-18:00"
contact = { name = "Иванова", role = "методист", email = "i@example.org", phone = "1" }

[parties]
schools = "ОО"

[[section]]
id = "s"
title = "Раздел"
"#,
        ),
        (
            "organisations.toml",
            r#"[[organisation]]
code = "office"
kind = "department"
name = "Отдел"
email = "o@example.org"

[[organisation]]
code = "school-1"
kind = "school"
name = "Школа № 1"
short = "СОШ 1"
email = "s1@example.org"
since = 2010-09-01
until = 2040-08-31

[[organisation]]
code = "school-2"
kind = "school"
name = "Школа № 2"
email = "s2@example.org"
"#,
        ),
        (
            "calendar.toml",
            r#"weekend = ["saturday", "sunday"]

[[year]]
year = 2027
source = "постановление"
days-off = [2027-01-01, 2027-01-04]
workdays = [2027-02-20]
"#,
        ),
        (
            "activities/1-survey.toml",
            r#"title = "Опрос школ"
short = "Опрос"
section = "s"
deadline = "ежегодно"
responsible = ["schools"]

[schedule]
every = "year"
opens = "02-29"
period = "school-year"
of = "previous"
from = 2020
until = 2030
catch-up = "all"
overlap = "wait"

[[stage]]
kind = "collect"
form = "everything"
participants = { kinds = ["school"] }
due = "10 working days"
remind = ["3 working days before", "on the day"]
escalate = "5 days"
close = "10 days"

[[stage]]
kind = "analyze"
analysis = "low"

[[stage]]
kind = "recommend"
acknowledge = "5 working days"

[[stage]]
kind = "decide"
decisions = ["О школах"]
text = "order"
due = "on 10-01"

[[stage.measure]]
text = "Исполнить"
by = { organisations = ["school-1"] }
due = "14 days"

[[stage]]
kind = "publish"
report = "report"
covers = "period"
"#,
        ),
        (
            "activities/2-turn.toml",
            r#"title = "Очередь"
section = "s"
deadline = "раз в 3 года"
responsible = ["schools"]
stage = [{ kind = "collect", form = "short", due = "5 days", participants = { each = true } }]

[schedule]
every = "3 years"
opens = "03-01"
each = { kinds = ["school"] }
"#,
        ),
        (
            "activities/3-outcome.toml",
            r#"title = "Итоги"
section = "s"
deadline = "после опроса"
responsible = ["schools"]
stage = [{ kind = "collect", form = "short", due = "5 days", participants = { found-by = "survey", rules = ["low"] } }]

[schedule]
every = "year"
period = "school-year"
after = [{ activity = "survey", period = "previous" }]
"#,
        ),
        (
            "forms/everything.toml",
            r#"title = "Всё сразу"

[[field]]
id = "pupils"
label = "Учеников"
type = "integer"
unit = "чел."
min = 0
max = 5000
jump = 50

[[field]]
id = "ratio"
label = "Отношение"
type = "decimal"
required = false

[[field]]
id = "low"
label = "Доля низких"
type = "percent"
required = "pupils > 100"

[[field]]
id = "name"
label = "Название"
type = "text"
max-length = 20

[[field]]
id = "story"
label = "Подробности"
type = "long-text"
required = false

[[field]]
id = "held"
label = "Дата"
type = "date"
required = false

[[field]]
id = "level"
label = "Уровень"
type = "choice"
options = ["base", { value = "full", label = "Полный" }]

[[field]]
id = "topics"
label = "Темы"
type = "choices"
options = ["a", "b", "c"]
required = false

[[field]]
id = "special"
label = "Есть классы ОВЗ"
type = "yes-no"

[[field]]
id = "subjects"
label = "Предметы"
type = "table"
rows = ["Русский", "Математика"]
required = "special == 'yes'"

[[field.column]]
id = "took"
label = "Писали"
type = "integer"
min = 0
jump = 25.5

[[field.column]]
id = "marks_2"
label = "«2»"
type = "integer"
min = 0
required = "row.took > 0"

[[field]]
id = "scores"
label = "Баллы"
type = "histogram"
from = 1
to = 5
required = false

[[field]]
id = "events"
label = "События"
type = "table"
min-rows = 1
max-rows = 3
required = false

[[field.column]]
id = "what"
label = "Что"
type = "text"

[[field.column]]
id = "tags"
label = "Пометки"
type = "choices"
options = ["x", "y"]
required = false

[[rule]]
each = "subjects"
check = "row.marks_2 <= row.took"
at = "marks_2"
message = "Двоек не больше, чем писавших"

[[rule]]
each = "events"
check = "row.what != 'ничего'"
at = "what"
message = "Что-нибудь да было"

[[rule]]
check = "pupils >= low"
at = "low"
message = "Так не бывает"

[[rule]]
check = "pupils <= 4000.0"
at = "pupils"
message = "Таких больших школ мало. Если так и есть, поясните"
soft = true

[[rule]]
each = "events"
check = "row.what != 'Субботник'"
at = "what"
message = "Почему это здесь?"
soft = true
"#,
        ),
        (
            "forms/short.toml",
            r#"title = "Коротко"
field = [{ id = "done", label = "Сделано", type = "yes-no" }]
"#,
        ),
        (
            "analyses/low.toml",
            r#"title = "Низкие результаты"
method = "по приказу"
min-count = 2

[thresholds]
low_share = 30

[[indicator]]
id = "low_share"
title = "Доля"
unit = "%"
decimals = 1
better = "lower"
formula = "share(low, pupils)"

[[rule]]
id = "low"
when = "low_share >= threshold.low_share"
severity = "serious"
finding = "Доля {{ low_share }} %"
recommendation = "Снизить до {{ threshold.low_share }} %"
shows = ["low_share"]
"#,
        ),
        ("reports/report.html", "<h1>{{ period }}</h1>\n"),
        (
            "decisions/order.txt",
            "{% from \"decisions/base.macros.txt\" import who %}\n{{ who(found) }}: {{ titles }}\n",
        ),
        (
            "decisions/base.macros.txt",
            "{% macro who(all) %}{% for one in all %}{{ one.organisation }}{% endfor %}{% endmacro %}\n",
        ),
        ("letters/base.txt", "{% block body %}{% endblock %}\n{{ contact.name }}\n"),
        ("letters/base.html", "<p>{% block body %}{% endblock %}</p>\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    for (kind, variables) in LETTERS {
        let text = format!("{{{{ activity.short }}}}: {{{{ {} }}}}\n", variables[0]);
        for part in ["subject.txt", "body.txt", "body.html"] {
            files.insert(format!("letters/{kind}/{part}"), text.clone());
        }
    }
    Files(files)
}
