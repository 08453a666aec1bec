//! Names: of runs and assignments, and of what columns, the API and the journal spell.

use serde_json::json;
use vekha_engine::run::{AssignmentState, MeasureState, RecommendationState, RunState};
use vekha_engine::{
    AssignmentKey, DecisionKind, EntryKind, Happened, Job, LetterKind, Refusal, RunKey,
};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{PeriodOf, Upstream};

#[test]
fn a_key_reads_back_from_what_it_is_written_as_and_nothing_else_is_a_key() {
    let longest = "n".repeat(64);
    for text in [
        "m/survey/2027",
        "m/survey/2026-27.school-1",
        "m/a-b/2027-Q1.n_1",
        &format!("m/a/2027.{longest}"),
    ] {
        let key: RunKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(json!(key), json!(text));
        assert_eq!(key, serde_json::from_value(json!(text)).unwrap());
        assert!(text.ends_with(&format!("/{}", key.run_id())));
    }
    for text in ["", "m", "m/a", "m/a/x", "m/a/2027/b", "m/a/2027.", "m/a/2027.ы", "m/a/2027.a.b"]
    {
        assert!(text.parse::<RunKey>().is_err(), "{text}");
    }
    assert!(format!("m/a/2027.{longest}n").parse::<RunKey>().is_err());
    for text in ["collect.school-1", "measure-2.a_b", &format!("{longest}.{longest}")] {
        let key: AssignmentKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(json!(key), json!(text));
    }
    for text in ["", "a", "a.", ".a", "a.b.c", "a b.c", "a.b c", "ы.a", "a.ы"] {
        assert!(text.parse::<AssignmentKey>().is_err(), "{text}");
    }
}

/// The names, each of which must be another.
fn all_different<'a>(names: impl IntoIterator<Item = &'a str>) {
    let mut names: Vec<&str> = names.into_iter().collect();
    let count = names.len();
    assert!(names.iter().all(|name| !name.is_empty()));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn what_columns_and_the_api_spell_is_what_is_stored_and_each_is_another() {
    macro_rules! spelled {
        ($all:expr) => {{
            let all = $all;
            for one in all.iter() {
                assert_eq!(json!(one), json!(one.as_str()));
            }
            all_different(all.iter().map(|one| one.as_str()));
        }};
    }
    spelled!(DecisionKind::ALL);
    spelled!(AssignmentState::ALL);
    spelled!([
        RunState::Waiting,
        RunState::Question,
        RunState::Active,
        RunState::Failed,
        RunState::Completed,
        RunState::Cancelled,
        RunState::Skipped,
    ]);
    use RecommendationState::{Acknowledged, Discarded, Draft, Issued};
    spelled!([Draft, Issued, Acknowledged, Discarded]);
    spelled!([MeasureState::Ordered, MeasureState::Reported, MeasureState::Done]);
    spelled!([LetterKind::Assignment, LetterKind::MeasureWithdrawn, LetterKind::CalledOff]);
    all_different(DecisionKind::ALL.iter().map(|kind| kind.words()));
    all_different(EntryKind::ALL.iter().map(|kind| kind.as_str()));
    for kind in EntryKind::ALL {
        assert_eq!(kind.as_str().parse::<EntryKind>(), Ok(*kind));
    }
    assert_eq!(DecisionKind::Minutes.words(), "протокол");
    assert_eq!(Happened::RunStarted {}.name(), "run-started");
    assert_eq!(Happened::read("run-started", "{}"), Some(Happened::RunStarted {}));
    assert_eq!(Happened::read("run-halted", "{}"), None);
}

#[test]
fn a_job_is_named_by_what_is_to_be_done_and_to_what() {
    let run: RunKey = "m/survey/2027".parse().unwrap();
    let stage = || "collect".to_owned();
    let jobs = [
        (Job::Upstream { run: run.clone() }, "upstream/m/survey/2027"),
        (Job::Fetch { run: run.clone(), stage: stage() }, "fetch/m/survey/2027/collect"),
        (Job::Analyze { run: run.clone(), stage: stage() }, "analyze/m/survey/2027/collect"),
        (Job::Consult { run: run.clone(), stage: stage() }, "consult/m/survey/2027/collect"),
        (Job::Draft { run: run.clone(), stage: stage() }, "draft/m/survey/2027/collect"),
        (Job::Publish { run: run.clone(), stage: stage() }, "publish/m/survey/2027/collect"),
        (
            Job::TellRefused {
                run: run.clone(),
                letter: "m/survey/2027/collect.school-1/asked".into(),
                organisation: "school-1".into(),
                reason: "нет такого ящика".into(),
            },
            "tell-refused/m/survey/2027/collect.school-1/asked",
        ),
    ];
    for (job, key) in jobs {
        assert_eq!(job.key(), key);
        assert!(key.starts_with(&format!("{}/", job.kind())));
        assert_eq!(json!(job)["kind"], json!(job.kind()));
        assert_eq!(*job.run(), run);
    }
}

#[test]
fn a_refusal_says_in_words_what_is_wrong_all_of_it() {
    let field =
        |field: &str, message: &str| FieldError { field: field.into(), message: message.into() };
    for (refusal, words) in [
        (Refusal::NotFound("мера 3".into()), "не найдено: мера 3"),
        (Refusal::State("уже окончено".into()), "уже окончено"),
        (Refusal::field("due", "прошёл"), "исправьте: due — прошёл"),
        (
            Refusal::Invalid(vec![field("due", "прошёл"), field("reason", "нет")]),
            "исправьте: due — прошёл; reason — нет",
        ),
    ] {
        assert_eq!(refusal.to_string(), words);
    }
}

#[test]
fn what_still_takes_answers_is_open_returned_or_answered() {
    let taking: Vec<&str> =
        AssignmentState::ALL.iter().filter(|s| s.takes_answers()).map(|s| s.as_str()).collect();
    assert_eq!(taking, ["open", "answered", "returned"]);
}

#[test]
fn who_waits_for_a_run_is_found_from_it_and_it_from_them() {
    let run: RunKey = "m/survey/2026-27.n1".parse().unwrap();
    for (period, upstream) in [(PeriodOf::Current, "2026-27"), (PeriodOf::Previous, "2025-26")] {
        let link = Upstream { activity: "survey".into(), period, stage: None };
        let waiting = RunKey { activity: "outcome".into(), ..run.clone() };
        let waited = waiting.upstream(&link);
        assert_eq!(waited.to_string(), format!("m/survey/{upstream}"));
        assert_eq!(waited.downstream("outcome", &link).to_string(), "m/outcome/2026-27");
    }
    assert_eq!(run.earlier().to_string(), "m/survey/2025-26.n1");
}
