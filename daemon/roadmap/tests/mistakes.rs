//! One word of a road map changed at a time: what is taken, and what is told and where. And what is
//! read of a road map in which nothing is wrong.

#![allow(clippy::unwrap_used)]

mod small;

use std::fmt::Write as _;

use vekha_roadmap::read::{read, read_with_warnings};

/// What is told of the small road map with one text in the place of another, for each of them.
fn told(path: &str, changes: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (from, to) in changes {
        let mut files = small::files();
        let text = files.0.get_mut(path).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        *text = text.replacen(from, to, 1);
        let (_, report) = read_with_warnings(&files);
        writeln!(all, "{}", to.trim().replace('\n', " ⏎ ")).unwrap();
        if report.errors.is_empty() {
            writeln!(all, "    is taken").unwrap();
        }
        for e in report.errors.iter().chain(&report.warnings) {
            let elsewhere = if e.file == path { "" } else { e.file.as_str() };
            let help = e.help.as_deref().map_or_else(String::new, |help| format!(" ({help})"));
            writeln!(all, "    {elsewhere}{}:{}: {}{help}", e.line, e.column, e.message).unwrap();
        }
    }
    all
}

/// The same in fewer words: a key and the values that it is given in turn.
fn values(path: &str, was: &str, key: &str, values: &[&str]) -> String {
    let changes: Vec<String> = values.iter().map(|value| format!("{key}{value}")).collect();
    let changes: Vec<(&str, &str)> = changes.iter().map(|to| (was, to.as_str())).collect();
    told(path, &changes)
}

#[test]
fn what_stands_in_a_form_is_taken_or_told() {
    let form = "forms/everything.toml";
    let of = |was: &str, key: &str, all: &[&str]| values(form, was, key, all);
    let x64 = format!("\"{}\"", "x".repeat(64));
    let x65 = format!("\"{}\"", "x".repeat(65));
    let mut all = String::new();
    all += &of("max = 5000", "max = ", &["0", "-1", "5_000.5", "\"5\"", "inf"]);
    all += &of("jump = 50", "jump = ", &["0.1", "0", "-5"]);
    all += &of("max-length = 20", "max-length = ", &["1", "0", "100000", "100001", "2.5"]);
    all += &of("from = 1\nto = 5", "from = 1\nto = ", &["1", "0", "201", "202", "1000", "1001"]);
    all += &of("from = 1\nto = 5", "", &["from = 1", "to = 5", "from = -1\nto = 5"]);
    all += &of("max-rows = 3", "max-rows = ", &["1", "0", "5000", "5001"]);
    all += &of("min-rows = 1", "min-rows = ", &["0", "3", "4"]);
    all +=
        &of("[\"x\", \"y\"]", "", &["[\"x\", \"x\"]", "[]", "[1]", "[{ value = \"x\" }]", "\"x\""]);
    all += &of(
        "id = \"ratio\"",
        "id = ",
        &[
            "\"a_1\"",
            "\"pupils\"",
            "\"row\"",
            "\"Ratio\"",
            "\"_a\"",
            "\"1a\"",
            "\"a-b\"",
            "\"\"",
            &x64,
            &x65,
            "5",
        ],
    );
    all += &of("label = \"Отношение\"", "label = ", &["\" \"", "5"]);
    all += &of("type = \"decimal\"", "type = ", &["\"decmal\"", "\"number\""]);
    all += &of(
        "type = \"decimal\"",
        "type = \"file\"\n",
        &[
            "endings = [\"pdf\"]",
            "endings = [\".pdf\"]",
            "endings = [\"PDF\"]",
            "endings = [\"\"]",
            "endings = [\"abcdefgh\"]",
            "endings = [\"abcdefghi\"]",
            "endings = [\"7z\"]",
            "max-megabytes = 1",
            "max-megabytes = 10",
            "max-megabytes = 11",
            "max-megabytes = 0",
            "jump = 5",
        ],
    );
    all += &of(
        "label = \"Писали\"\ntype = \"integer\"",
        "label = \"Писали\"\ntype = ",
        &["\"table\"", "\"file\""],
    );
    all += &of("required = false", "required = ", &["true", "\"pupils >\"", "\"pupils\"", "5"]);
    all += &of("soft = true", "soft = ", &["false", "1"]);
    all += &of("at = \"marks_2\"", "at = ", &["\"took\"", "\"marks\"", "\"pupils\""]);
    all += &of("each = \"subjects\"", "each = ", &["\"subject\"", "\"pupils\""]);
    all += &of("at = \"low\"", "at = ", &["\"subjects\"", "\"lwo\""]);
    all += &of(
        "rows = [\"Русский\", \"Математика\"]",
        "rows = ",
        &["[]", "[\"Русский\", \"Русский\"]", "5"],
    );
    all += &of(
        "label = \"Дата\"",
        "label = \"Дата\"\n",
        &["hlep = \"?\"", "help = \"?\"", "unit = 5"],
    );
    insta::assert_snapshot!(all);
}

#[test]
fn what_stands_in_an_activity_is_taken_or_told() {
    let of = |was: &str, key: &str, all: &[&str]| values("activities/1-survey.toml", was, key, all);
    let mut all = String::new();
    all += &of(
        "due = \"10 working days\"",
        "due = ",
        &[
            "\"1 day\"",
            "\"1 working day\"",
            "\"0 days\"",
            "\"1000 days\"",
            "\"1001 days\"",
            "\"days\"",
            "\"10 weeks\"",
            "\"on 02-29\"",
            "\"on 02-30\"",
            "\"on 13-01\"",
            "\"on 2-9\"",
            "\"on 0209\"",
            "5",
        ],
    );
    all += &of(
        "[\"3 working days before\", \"on the day\"]",
        "",
        &["[\"2 days after\"]", "[\"days before\"]", "[\"2 days\"]", "[5]", "\"on the day\"", "[]"],
    );
    all += &of("escalate = \"5 days\"", "escalate = ", &["\"0 working days\"", "\"пять\""]);
    all += &of(
        "every = \"year\"\nopens = \"02-29\"",
        "",
        &[
            "every = \"yaer\"",
            "every = \"year\"",
            "every = \"year\"\nopens = [\"02-29\", \"03-01\"]",
            "every = \"year\"\nopens = []",
            "every = \"year\"\nopens = \"2-29\"",
            "every = \"year\"\nopens = \"02-9\"",
            "every = \"half-year\"\nopens = [\"01-10\", \"07-01\"]",
            "every = \"half-year\"\nopens = [\"07-01\", \"01-10\"]",
            "every = \"half-year\"\nopens = [\"07-01\", \"07-01\"]",
            "every = \"quarter\"\nopens = [\"01-10\", \"04-01\"]",
            "every = \"once\"\nopens = \"2200-12-31\"",
            "every = \"once\"\nopens = \"1899-12-31\"",
            "every = \"once\"\nopens = \"завтра\"",
            "every = \"1 years\"\nopens = \"03-01\"",
            "every = \"2 years\"\nopens = \"03-01\"",
            "every = \"11 years\"\nopens = \"03-01\"",
            "every = \"10 years\"\nopens = \"03-01\"\neach = { kinds = [\"scool\"] }",
            "every = \"10 years\"\nopens = \"03-01\"\neach = { kinds = [] }",
            "every = \"cron\"\ncron = \"0 9 10 9 *\"",
            "every = \"cron\"\ncron = \"0 9 10 * *\"",
            "every = \"cron\"\ncron = \"0 9 10\"",
            "every = \"on-event\"\nevent = \"a-b\"",
            "every = \"on-event\"\nevent = \"A\"",
            "every = \"on-demand\"",
        ],
    );
    all += &of("from = 2020", "from = ", &["2030", "2031", "1900", "1899", "\"2020\""]);
    all += &of("catch-up = \"all\"", "catch-up = ", &["\"skip\"", "\"none\""]);
    all += &of("overlap = \"wait\"", "overlap = ", &["\"allow\"", "\"wiat\""]);
    all += &of("of = \"previous\"", "of = ", &["\"current\"", "\"last\""]);
    all += &of("deadline = \"ежегодно\"", "deadline = ", &["\"\"", "5"]);
    all += &of("responsible = [\"schools\"]", "responsible = ", &["[]", "\"schools\""]);
    all += &of(
        "participants = { kinds = [\"school\"] }",
        "participants = ",
        &[
            "{ organisations = [\"school-1\", \"office\"] }",
            "{ organisations = [\"school-3\"] }",
            "{ organisations = [] }",
            "{ kinds = [\"school\"], named = true }",
            "{ named = true }",
            "{ named = false }",
            "{ each = true }",
            "{ found-by = \"outcome\" }",
            "{ found-by = \"survey\" }",
            "{ found-by = \"turn\" }",
            "{ found-by = \"nothing\" }",
            "{ found-by = \"survey\", rules = [\"lwo\"] }",
            "{ kinds = [\"school\"], rules = [\"low\"] }",
            "[]",
        ],
    );
    all += &of("participants = { kinds = [\"school\"] }\n", "", &[""]);
    all += &of(
        "kind = \"analyze\"\n",
        "kind = \"analyze\"\n",
        &[
            "id = \"collect\"\n",
            "id = \"measure-1\"\n",
            "id = \"A\"\n",
            "needs = [\"collect\"]\n",
            "needs = [\"decide\"]\n",
            "needs = [\"colect\"]\n",
            "needs = []\n",
            "title = \"Счёт\"\n",
            "from = \"outcome\"\n",
            "from = \"outcom\"\n",
            "from = { o = \"outcome\" }\n",
            "from = { row = \"outcome\" }\n",
            "from = { o = \"nothing\" }\n",
            "form = \"short\"\n",
        ],
    );
    all += &of("kind = \"analyze\"", "kind = ", &["\"analyse\"", "5"]);
    all += &of(
        "form = \"everything\"",
        "form = \"everything\"\n",
        &[
            "source = \"vpr\"",
            "source = \"vpr\"\nconfirm = false",
            "confirm = true",
            "attach-form = 1",
            // It is asked on 28 February or 1 March, and due in ten working days.
            "available-from = \"03-01\"",
            "available-from = \"03-20\"",
            "available-from = \"2027-04-01\"",
            "available-from = \"2028-04-01\"",
            "available-from = \"20 марта\"",
        ],
    );
    let known = |inside: &str| format!("known = [{{ {inside} }}]");
    let before = "from = \"survey\", period = \"previous\"";
    let knowns = [
        known(&format!("field = \"pupils\", {before}")),
        known(&format!("field = \"events\", {before}, rows = \"events\"")),
        known(&format!(
            "field = \"events\", {before}, rows = \"subjects\", when = \"row.took > 1\", \
             columns = {{ what = \"row\" }}, always = {{ what = \"тест\" }}"
        )),
        known("field = \"pupils\", from = \"survey\""),
        known("field = \"pupils\", from = \"outcome\", value = \"done\""),
        known("field = \"pupils\", from = \"outcome\""),
        known("field = \"pupls\", from = \"outcome\", value = \"1\""),
        known("field = \"pupils\", from = \"turn\", value = \"1\""),
        known("field = \"pupils\", from = \"nobody\", value = \"1\""),
        known(&format!("field = \"pupils\", {before}, rows = \"events\"")),
        known(&format!("field = \"events\", {before}, rows = \"evnts\"")),
        known(&format!("field = \"events\", {before}, rows = \"events\", value = \"1\"")),
        known(&format!(
            "field = \"events\", {before}, rows = \"subjects\", when = \"row.took\", \
             columns = {{ what = \"took\", wat = \"row\", tags = \"tokk\" }}, \
             otherwise = {{ tags = \"z\" }}"
        )),
        known(&format!(
            "field = \"events\", {before}, rows = \"events\", same = [\"what\", \"wat\"]"
        )),
        known(&format!("field = \"events\", {before}, rows = \"events\", same = \"what\"")),
        format!("source = \"vpr\"\n{}", known(&format!("field = \"pupils\", {before}"))),
    ];
    let knowns: Vec<&str> = knowns.iter().map(String::as_str).collect();
    all += &of("form = \"everything\"", "form = \"everything\"\n", &knowns);
    all += &of(
        "acknowledge = \"5 working days\"",
        "",
        &["approve = false", "approve = \"да\"", "findings = \"outcome\"", "findings = \"turn\""],
    );
    all +=
        &of("decisions = [\"О школах\"]", "decisions = ", &["[]", "[\"О школах\", \"О сроках\"]"]);
    all += &of(
        "by = { organisations = [\"school-1\"] }\n",
        "",
        &["", "by = { found-by = \"survey\" }\n", "by = { kinds = [\"kindergarten\"] }\n"],
    );
    all += &of("covers = \"period\"", "covers = ", &["\"run\"", "\"all\""]);
    all += &values("activities/2-turn.toml", "each = true", "", &["named = true", "each = false"]);
    all += &values(
        "activities/3-outcome.toml",
        "after = [{ activity = \"survey\", period = \"previous\" }]",
        "after = ",
        &[
            "[\"survey\"]",
            "[\"turn\"]",
            "[\"outcome\"]",
            "[\"srvey\"]",
            "[{ activity = \"survey\", period = \"next\" }]",
            "[5]",
        ],
    );
    all += &values(
        "activities/3-outcome.toml",
        "period = \"school-year\"",
        "period = ",
        &["\"year\"", "\"month\""],
    );
    insta::assert_snapshot!(all);
}

#[test]
fn what_stands_elsewhere_is_taken_or_told() {
    let mut all = String::new();
    let of = |was: &str, key: &str, all: &[&str]| values("analyses/low.toml", was, key, all);
    all += &of("min-count = 2", "min-count = ", &["1", "0", "10000", "10001"]);
    all += &of("decimals = 1", "decimals = ", &["0", "6", "7", "-1"]);
    all += &of("better = \"lower\"", "better = ", &["\"higher\"", "\"less\""]);
    all += &of(
        "formula = \"share(low, pupils)\"",
        "",
        &[
            "formula = \"share(low, pupils)\"\nof = \"pupils\"",
            "formula = \"share(low, pupils)\"\nof = \"pupils\"\nmin-of = 5",
            "formula = \"share(low, pupils)\"\nmin-of = 5",
            "formula = \"share(low, pupils)\"\nof = \"name\"",
            "formula = \"share(low, pupils)\"\nof = \"pupils\"\nmin-of = 0",
            "formula = \"low_share + 1\"",
            "formula = \"low > 1\"",
            "formula = \"earlier.low_share + low\"",
            "formula = \"lwo + 1\"",
            "formula = \"threshold.low_share\"",
            "formula = \"municipality.low_share.mean\"",
        ],
    );
    all += &of(
        "low_share = 30",
        "",
        &["low_share = \"30\"", "low_share = 30\nrow = 1", "low_share = 0x1e", "low_share = nan"],
    );
    all += &of(
        "when = \"low_share >= threshold.low_share\"",
        "when = ",
        &[
            "\"rank.low_share == 1\"",
            "\"outlier.low_share > 3.5\"",
            "\"municipality.low_share.mean > 1\"",
            "\"municipality.low_share.maen > 1\"",
            "\"low_share\"",
            "\"pupils > 1\"",
        ],
    );
    all += &of("shows = [\"low_share\"]", "shows = ", &["[]", "[\"low\"]", "\"low_share\""]);
    all += &of(
        "recommendation = \"Снизить до {{ threshold.low_share }} %\"",
        "",
        &[
            "alternatives = [\"Иначе\"]",
            "recommendation = \"Да\"\nalternatives = [\"{{ low }}\"]",
            "recommendation = \"{{ low_share\"",
        ],
    );
    all += &of("id = \"low\"", "id = ", &["\"Low\"", "\"\""]);
    all += &values(
        "calendar.toml",
        "source = \"постановление\"",
        "source = \"как объявлено\"\n",
        &["confirmed = false", "confirmed = true", "confirmed = 1"],
    );
    all += &values(
        "forms/everything.toml",
        "title = \"Всё сразу\"",
        "title = \"Всё сразу\"\n",
        &["available-from = \"12-31\"", "available-from = \"03-20\"", "available-from = \"\""],
    );
    // The report of the survey shows all that there is.
    all += &of(
        "decimals = 1",
        "decimals = 1\n",
        &[
            "audience = \"organisation\"",
            "audience = \"public\"",
            "audience = \"public\"\npeople = false",
            "audience = \"public\"\nof = \"pupils\"",
            "audience = \"everybody\"",
        ],
    );
    all += &of(
        "severity = \"serious\"",
        "severity = \"serious\"\n",
        &["audience = \"public\"", "audience = \"department\"", "audience = \"participants\""],
    );
    all += &of(
        "min-count = 2",
        "min-count = 2\n",
        &["about = \"municipality\"", "about = \"schools\"", "audience = \"department\""],
    );
    all += &values(
        "activities/1-survey.toml",
        "covers = \"period\"",
        "covers = \"period\"\n",
        &["audience = \"public\"", "audience = \"department\""],
    );
    let of = |was: &str, key: &str, all: &[&str]| values("municipality.toml", was, key, all);
    let hours = [
        "\"00:00-23:59\"",
        "\"09:00 - 18:00\"",
        "\"09:00-09:00\"",
        "\"18:00-09:00\"",
        "\"9:00-18:00\"",
        "\"09:00\"",
        "\"09:00-24:00\"",
        "\"09-18\"",
    ];
    all += &of("working-hours = \"09:00-18:00\"", "working-hours = ", &hours);
    all += &of(
        "name = \"Муниципалитет\"",
        "name = \"М\"\nsmall-numbers = ",
        &["2", "1", "100", "101"],
    );
    all += &of("id = \"m\"", "id = ", &["\"m-1\"", "\"M\"", "\"м\""]);
    all += &of("phone = \"1\" }", "phone = \"1\" }\n", &["place = \"г. М\"", "palce = \"г. М\""]);
    all += &of(
        "title = \"Раздел\"",
        "title = \"Раздел\"\n",
        &["[[section]]\nid = \"s\"\ntitle = \"Ещё\"", "goal = \"Цель\""],
    );
    let of = |was: &str, key: &str, all: &[&str]| values("organisations.toml", was, key, all);
    all += &of("code = \"school-2\"", "code = ", &["\"school-1\"", "\"School\"", "\"школа\""]);
    all += &of("kind = \"department\"", "kind = ", &["\"school\"", "\"departmnet\""]);
    all += &of(
        "code = \"school-2\"\nkind = \"school\"",
        "code = \"school-2\"\nkind = ",
        &["\"department\""],
    );
    all += &of(
        "until = 2040-08-31",
        "until = ",
        &["2010-09-01", "2010-08-31", "2201-01-01", "\"2040\"", "2040-08-31T00:00:00"],
    );
    all += &of("name = \"Школа № 2\"", "name = ", &["\"Школа № 2\"\nshort = \"СОШ 1\"", "\"\""]);
    let of = |was: &str, key: &str, all: &[&str]| values("calendar.toml", was, key, all);
    all += &of(
        "[\"saturday\", \"sunday\"]",
        "",
        &[
            "[]",
            "[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]",
        ],
    );
    all += &of("year = 2027", "year = ", &["2200", "2201", "1900"]);
    all += &of(
        "workdays = [2027-02-20]",
        "workdays = [2027-02-20]\n",
        &["[[year]]\nyear = 2027", "[[year]]\nyear = 2028", "souce = \"\""],
    );
    insta::assert_snapshot!(all);
}

/// What a plugin gives has no formula, and its stage names the plugin; nothing else does.
#[test]
fn what_a_plugin_gives_is_taken_or_told() {
    let plugin = "analysis = { plugin = \"rating\", definition = \"low\" }";
    let given = "given-by = \"plugin\"";
    let (formula, when) =
        ("formula = \"share(low, pupils)\"", "when = \"low_share >= threshold.low_share\"");
    let (stage, analysis) = ("activities/1-survey.toml", "analyses/low.toml");
    let mut all = String::new();
    let mut told = |changes: &[(&str, &str, &str)]| {
        let mut files = small::files();
        for (path, from, to) in changes {
            let text = files.0.get_mut(*path).unwrap();
            assert!(text.contains(from), "{path} has no {from}");
            *text = text.replacen(from, to, 1);
            writeln!(all, "{}", to.trim().replace('\n', " ⏎ ")).unwrap();
        }
        let (_, report) = read_with_warnings(&files);
        if report.errors.is_empty() {
            writeln!(all, "    is taken").unwrap();
        }
        for e in report.errors.iter().chain(&report.warnings) {
            let help = e.help.as_deref().map_or_else(String::new, |help| format!(" ({help})"));
            writeln!(all, "    {}:{}:{}: {}{help}", e.file, e.line, e.column, e.message).unwrap();
        }
    };
    let named = (stage, "analysis = \"low\"", plugin);
    told(&[named, (analysis, formula, given)]);
    told(&[named, (analysis, when, given)]);
    told(&[named, (analysis, formula, given), (analysis, when, given)]);
    // A rule of ours over what the plugin gives, with the value of the whole.
    let whole = "when = \"low_share < municipality.low_share.whole\"";
    told(&[named, (analysis, formula, given), (analysis, when, whole)]);
    told(&[(analysis, when, whole)]);
    // The plugin is not named, or has nothing to give.
    told(&[(analysis, formula, given)]);
    told(&[(analysis, when, given)]);
    told(&[named]);
    // Both, or neither.
    let both = format!("{given}\n{formula}");
    told(&[named, (analysis, formula, &both)]);
    let both = format!("{given}\n{when}");
    told(&[named, (analysis, when, &both)]);
    told(&[named, (analysis, formula, "")]);
    told(&[named, (analysis, formula, "given-by = \"plugn\"")]);
    told(&[named, (analysis, formula, "given-by = 5")]);
    for named in [
        "{ plugin = \"Рейтинг\", definition = \"low\" }",
        "{ plugin = \"rating\", definition = \"lwo\" }",
        "{ plugin = \"rating\" }",
        "{ definition = \"low\" }",
        "{ plugin = \"rating\", definition = \"low\", form = \"sums\" }",
        "[\"low\"]",
    ] {
        let named = format!("analysis = {named}");
        told(&[(stage, "analysis = \"low\"", &named), (analysis, formula, given)]);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_read_is_what_is_written() {
    let road_map = read(&small::files()).unwrap();
    let mut told = String::new();
    let municipality = &road_map.municipality;
    writeln!(told, "{} {}–{}", municipality.id, municipality.opens, municipality.closes).unwrap();
    writeln!(told, "{:?}", municipality.contact).unwrap();
    writeln!(told, "{:?} {:?}", municipality.sections, municipality.parties).unwrap();
    writeln!(told, "{:?}", road_map.calendar).unwrap();
    for organisation in &road_map.organisations {
        writeln!(told, "{organisation:?}").unwrap();
    }
    for activity in &road_map.activities {
        writeln!(told, "{}. {}: {:?}", activity.number, activity.id, activity.schedule).unwrap();
        for stage in &activity.stages {
            writeln!(told, "    {stage:?}").unwrap();
        }
    }
    for form in road_map.forms.values() {
        writeln!(told, "{}", form.id).unwrap();
        form.fields.iter().for_each(|field| writeln!(told, "    {field:?}").unwrap());
        form.rules.iter().for_each(|rule| writeln!(told, "    {rule:?}").unwrap());
    }
    for analysis in road_map.analyses.values() {
        writeln!(told, "{analysis:?}").unwrap();
    }
    insta::assert_snapshot!(told);
}
