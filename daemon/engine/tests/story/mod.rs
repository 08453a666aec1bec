//! A year of a small town as its journal and its letters tell it: a golden file.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};

use jiff::civil::date;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vekha_engine::run::Run;
use vekha_engine::world::{People, Plan, World};
use vekha_engine::{
    Answer, AssignmentKey, Command, DecisionKind, Document, NewAttachment, NewDocument, NewMeasure,
    Origin, Outcome, RunKey, Why,
};
use vekha_roadmap::model::{Prefill, Work};

use crate::alone::values;
use crate::town::{Plan as Town, walk};

/// Writes down all that steps bring.
#[derive(Default)]
struct Chronicle(String);

impl People for Chronicle {
    fn react(&mut self, world: &World<'_>, run: &Run, outcome: &Outcome) -> Vec<Plan> {
        walk::agrees(world.road_map(), run, outcome);
        let zone = &world.road_map().municipality.time_zone;
        let clock = |at| zone.to_datetime(at).strftime("%F %R").to_string();
        // Reminders of the other activities would only repeat those of the first.
        let whole = run.key.activity == "survey";
        let told = &mut self.0;
        let moved = !outcome.entries.is_empty() || !outcome.jobs.is_empty();
        if !moved && outcome.letters.is_empty() {
            return vec![];
        }
        writeln!(told, "{} {} is {:?}", clock(world.now()), run.key, run.state).unwrap();
        for entry in &outcome.entries {
            writeln!(told, "  {}: {} {}", entry.actor, entry.kind, entry.data).unwrap();
        }
        for letter in &outcome.letters {
            let due = letter.due.map_or_else(String::new, |due| format!(", due {due}"));
            let leaves = clock(letter.not_before);
            let (kind, to) = (letter.kind.as_str(), &letter.to);
            writeln!(told, "  letter {kind} to {to} at {leaves}{due}: {}", letter.key).unwrap();
            if whole {
                let thread = letter.thread.as_deref().unwrap_or("none");
                let (link, revision) = (letter.link, letter.revision);
                let facts = Value::Object(letter.facts.clone());
                writeln!(told, "    thread {thread}, link {link}, revision {revision}").unwrap();
                writeln!(told, "    {facts}").unwrap();
            }
        }
        for job in &outcome.jobs {
            writeln!(told, "  job {}", job.key()).unwrap();
        }
        let touched = |keys: &BTreeSet<AssignmentKey>| {
            keys.iter().map(AssignmentKey::to_string).collect::<Vec<_>>().join(" ")
        };
        let place = |places: &BTreeSet<usize>| {
            places.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
        };
        for (what, keys) in [
            ("assignments", touched(&outcome.assignments)),
            ("recommendations", touched(&outcome.recommendations)),
            ("decisions", place(&outcome.decisions)),
            ("measures", place(&outcome.measures)),
        ] {
            if whole && !keys.is_empty() {
                writeln!(told, "  touches {what} {keys}").unwrap();
            }
        }
        if let Some(at) = outcome.wake_at {
            writeln!(told, "  to be woken at {}", clock(at)).unwrap();
        }
        vec![]
    }
}

/// A town whose people do what the test says.
struct Life<'a> {
    world: World<'a>,
    chronicle: Chronicle,
}

impl Life<'_> {
    /// At this time somebody wants this of a run; what is refused is written down, too.
    fn at(&mut self, time: &str, run: &str, command: Command) {
        self.world.live(time.parse().unwrap(), &mut self.chronicle);
        let run: RunKey = run.parse().unwrap();
        let done = self.world.command(&run, command.clone(), "i", &mut self.chronicle);
        if let Err(refusal) = done {
            let name = json!(command);
            let name = name.as_object().and_then(|o| o.keys().next().cloned());
            let name = name.unwrap_or_else(|| json!(command).as_str().unwrap().to_owned());
            writeln!(self.chronicle.0, "{run} refuses {name}: {refusal}").unwrap();
        }
    }

    fn survey(&mut self, time: &str, command: Command) {
        self.at(&format!("2027-{time}Z"), "m/survey/2027", command);
    }
}

fn key(text: &str) -> AssignmentKey {
    text.parse().unwrap()
}

fn submit(assignment: &str, answers: Value) -> Command {
    Command::Submit { assignment: key(assignment), answers: values(answers), origin: Origin::Page }
}

fn document(number: &str, day: jiff::civil::Date) -> NewDocument {
    NewDocument {
        document: Document {
            number: number.into(),
            date: day,
            outcome: "решено".into(),
            text: "ПРИКАЗЫВАЮ".into(),
            signatory: "Начальник".into(),
            ..Document::default()
        },
        kind: Some(DecisionKind::Order),
        ..NewDocument::default()
    }
}

#[test]
fn a_year_goes_as_it_is_told() {
    let mut road_map =
        Town { schools: 4, overlap: "skip".into(), review: None, ..Town::usual() }.road_map();
    for activity in &mut road_map.activities {
        for stage in &mut activity.stages {
            if let (Work::Collect(collect), "survey") = (&mut stage.work, activity.id.as_str()) {
                collect.source = Some(Prefill { id: "vpr".into(), confirm: true });
            }
        }
    }
    let mut life = Life {
        world: World::new(&road_map, "2027-01-01T00:00:00Z".parse().unwrap()),
        chronicle: Chronicle::default(),
    };
    asking(&mut life);
    recommending(&mut life);
    deciding(&mut life);
    others(&mut life);
    insta::assert_snapshot!(life.chronicle.0);
    for run in life.world.runs.values() {
        run.stages.iter().for_each(kept);
        run.assignments.values().for_each(kept);
        run.recommendations.values().for_each(kept);
        run.decisions.iter().for_each(kept);
        run.measures.iter().for_each(kept);
    }
    let keys = life.world.letter_keys();
    assert_eq!(keys.len(), life.world.letters.len());
    assert!(life.world.letters.iter().all(|letter| keys.contains(&*letter.key)));
}

/// What is stored is what was there, and nothing is written of what there is not.
fn kept<T: Serialize + DeserializeOwned + PartialEq + Debug>(one: &T) {
    let stored = json!(one);
    assert_eq!(serde_json::from_value::<T>(stored.clone()).unwrap(), *one);
    for name in ["returns", "extensions", "link", "escalated", "late", "reason"] {
        let none = [json!(0), json!(false), json!("")];
        assert!(stored.get(name).is_none_or(|value| !none.contains(value)), "{name} in {stored}");
    }
}

/// February: four schools are asked, one of them never answers.
fn asking(life: &mut Life<'_>) {
    let (first, second, third) = ("collect.school-1", "collect.school-2", "collect.school-3");
    let text = str::to_owned;
    let stage = || text("collect");
    let source = || text("vpr");
    let organisations = vec![text("school-1")];
    life.survey(
        "02-01T05:00",
        Command::Prefilled { stage: stage(), source: source(), organisations },
    );
    let notes = vec![text("лист «А» пропущен")];
    life.survey("02-01T05:01", Command::SourceNoted { stage: stage(), source: source(), notes });
    let reason = text("нет связи");
    life.survey("02-01T05:02", Command::SourceFailed { stage: stage(), source: source(), reason });
    let classes = json!([{ "grade": 5, "pupils": 30 }, { "grade": 6 }]);
    let answers = json!({ "pupils": 60, "low": 30, "classes": classes });
    life.survey("02-02T20:00", submit(first, answers));
    life.survey("02-03T05:00", submit(first, json!({ "pupils": 61, "low": 30 })));
    life.survey("02-03T05:01", submit(second, json!({ "pupils": "много" })));
    let wish = |due| {
        let reason = "карантин".to_owned();
        Command::RequestExtension { assignment: key("collect.school-2"), due, reason }
    };
    let decline = || Command::DeclineExtension { assignment: key(second), reason: text("нет") };
    life.survey("02-03T06:00", decline());
    life.survey("02-03T06:01", wish(date(2027, 2, 18)));
    life.survey("02-03T06:02", decline());
    life.survey("02-03T06:03", wish(date(2027, 2, 19)));
    let (due, reason) = (date(2027, 2, 19), text("карантин"));
    life.survey("02-03T06:04", Command::Extend { assignment: key(second), due, reason });
    for renew in [false, true] {
        let reason = text(if renew { "попала к чужим" } else { "" });
        life.survey("02-04T05:00", Command::SendLink { assignment: key(third), renew, reason });
    }
    let returned = |due| Command::ReturnAnswer {
        assignment: key("collect.school-1"),
        comment: "пересчитайте".into(),
        due,
    };
    life.survey("02-05T05:00", returned(None));
    life.survey("02-05T05:01", returned(None));
    life.survey("02-05T05:02", submit(first, json!({ "pupils": 60, "low": 30 })));
    life.survey("02-05T05:03", Command::AcceptAnswers { stage: stage() });
    // After its term, and after the department was told.
    life.survey("02-18T05:00", submit(third, json!({ "pupils": 50, "low": 20 })));
    let late = json!({ "pupils": 50, "low": 25 });
    life.survey("02-18T05:01", submit("collect.school-4", late));
    life.survey("02-26T05:00", submit("recommend.school-1", json!({})));
}

/// March: what the figures ask for is drafted, rewritten, discarded, sent and read.
fn recommending(life: &mut Life<'_>) {
    let text = str::to_owned;
    let stage = || text("recommend");
    let revise = |texts: &[&str]| Command::Revise {
        recommendation: key("recommend.school-1"),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    life.survey("03-02T05:00", revise(&["Разобрать задания"]));
    life.survey("03-02T05:01", revise(&["Одно", "Другое"]));
    let recommendation = key("recommend.school-3");
    let discard = Command::Discard { recommendation, reason: text("школа закрыта") };
    life.survey("03-02T05:02", discard.clone());
    life.survey("03-02T05:03", discard);
    let approve = |codes: &[&str]| Command::Approve {
        outgoing: String::new(),
        stage: "recommend".into(),
        organisations: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    life.survey("03-02T05:04", approve(&["school-1", "school-3"]));
    life.survey("03-02T05:05", approve(&["school-1"]));
    life.survey("03-02T05:06", approve(&[]));
    life.survey("03-02T05:07", approve(&[]));
    let (due, reason) = (date(2027, 4, 1), text("карантин"));
    let assignment = || key("recommend.school-1");
    life.survey("03-03T05:00", Command::RequestExtension { assignment: assignment(), due, reason });
    life.survey("03-03T05:01", submit("recommend.school-1", json!({})));
    life.survey("03-03T05:02", submit("recommend.school-1", json!({})));
    life.survey("03-04T05:00", submit("recommend.school-1", json!({ "report": "разобрали" })));
    let comment = text("как?");
    life.survey(
        "03-04T05:01",
        Command::ReturnAnswer { assignment: assignment(), comment, due: None },
    );
    life.survey("03-04T05:02", Command::AcceptAnswers { stage: stage() });
    // One is silent until nobody waits for it, and reads it all the same.
    life.survey("03-30T05:00", submit("recommend.school-4", json!({})));
}

/// April and May: two orders, measures, a correction.
fn deciding(life: &mut Life<'_>) {
    let text = str::to_owned;
    let record = |number: &str| Command::RecordDecision {
        stage: "decide".into(),
        document: document(number, date(2027, 4, 1)),
        measures: None,
    };
    life.survey("04-01T05:00", record("№ 1-од"));
    life.survey("04-01T05:01", record("1-од"));
    life.survey("04-02T05:00", record("2-од"));
    let file = |number: usize| NewAttachment {
        name: format!("лист {number}.pdf"),
        size: 10,
        sha256: format!("{number:064x}"),
    };
    let files = vec![file(1), file(2)];
    life.survey("04-02T05:01", Command::AttachToDecision { decision: 2, files });
    let report = |measure: usize, words: &str| {
        submit(&format!("measure-{measure}.school-{measure}"), json!({ "report": words }))
    };
    life.survey("04-05T05:00", report(1, "обучены"));
    life.survey("04-05T05:01", report(2, "обучены"));
    life.survey("04-05T05:02", Command::AcceptMeasure { measure: 1 });
    life.survey("04-05T05:03", Command::AcceptMeasure { measure: 1 });
    life.survey("04-05T05:04", Command::AcceptMeasure { measure: 3 });
    life.survey("04-05T05:05", Command::AcceptMeasure { measure: 9 });
    life.survey("04-05T05:06", report(1, "ещё раз"));
    let comment = text("сколько?");
    life.survey("04-05T05:07", Command::ReturnMeasure { measure: 2, comment, due: None });
    let (assignment, due) = (key("measure-3.school-3"), date(2027, 4, 30));
    life.survey("04-06T05:00", Command::Extend { assignment, due, reason: text("каникулы") });
    let measure =
        NewMeasure { text: "Проверить".into(), organisations: vec!["office".into()], due };
    let corrected = Command::CorrectDecision {
        decision: 2,
        document: document("3-од", date(2027, 4, 7)),
        measures: vec![measure],
        withdraw: false,
    };
    life.survey("04-07T05:00", corrected);
    let withdrawn = Command::CorrectDecision {
        decision: 3,
        document: document("4-од", date(2027, 4, 8)),
        measures: vec![],
        withdraw: true,
    };
    life.survey("04-08T05:00", withdrawn);
    let assignment = key("measure-2.school-2");
    life.survey("04-09T05:00", Command::Waive { assignment, reason: text("школа закрыта") });
    // The others are overdue, and the department learns it.
    life.survey("05-31T05:00", report(4, "исполнено"));
}

/// Runs that wait, fail, are left out and called off.
fn others(life: &mut Life<'_>) {
    let text = str::to_owned;
    let named = vec![text("school-1"), text("school-2"), text("school-1")];
    let sample: RunKey = "m/sample/2027.n1".parse().unwrap();
    life.world.open(sample.clone(), named.clone(), Why::Request, "i", &mut life.chronicle).unwrap();
    let again = life.world.open(sample, named, Why::Request, "i", &mut life.chronicle);
    assert!(again.is_err(), "a run exists once");
    let outcome = "m/outcome/2027";
    life.at("2027-06-02T05:00:00Z", outcome, Command::Retry);
    life.at("2027-06-02T05:01:00Z", outcome, Command::Cancel { reason: text("не нужно") });
    life.at("2027-06-02T05:02:00Z", outcome, Command::Cancel { reason: text("не нужно") });
    let summary = "m/summary/2027";
    life.at("2027-06-03T05:00:00Z", summary, Command::UpstreamChanged);
    life.at("2027-06-03T05:01:00Z", summary, Command::AnswerQuestion(Answer::Proceed));
    life.at("2027-06-03T05:02:00Z", summary, Command::AnswerQuestion(Answer::Proceed));
    let (stage, reason) = (text("decide"), text("диск полон"));
    let put_off = Command::StagePutOff { stage: stage.clone(), reason: text("нет связи") };
    life.at("2027-06-03T05:30:00Z", summary, put_off.clone());
    life.at("2027-06-03T05:31:00Z", summary, put_off);
    life.at("2027-06-04T05:00:00Z", summary, Command::StageFailed { stage, reason });
    life.at("2027-06-04T05:01:00Z", summary, Command::Retry);
    for organisation in ["school-1", "office"] {
        let (letter, reason) = (text("x"), text("нет такого ящика"));
        let organisation = text(organisation);
        let refused = Command::LetterRefused { letter, organisation, reason };
        life.at("2027-06-04T05:02:00Z", "m/sample/2027.n1", refused);
    }
    let answered = submit("collect.school-1", json!({ "pupils": 5 }));
    life.at("2027-06-05T05:00:00Z", "m/sample/2027.n1", answered);
    life.at("2027-06-07T05:00:00Z", "m/sample/2027.n1", Command::Skip { reason: text("лишнее") });
    life.at("2027-06-08T05:00:00Z", "m/nothing/2027", Command::Wake);
    life.at("2027-12-31T05:00:00Z", summary, Command::Wake);
}
