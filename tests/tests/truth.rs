//! What is sent is true when it leaves: judged against the run and the registry of that moment. Who
//! was told is told again, and the calendar entry follows.

#![allow(clippy::unwrap_used)]

use vekha::api::convert;
use vekha_proto::v1::assignment_service_client::AssignmentServiceClient;
use vekha_proto::v1::decision_service_client::DecisionServiceClient;
use vekha_proto::v1::outbox_service_client::OutboxServiceClient;
use vekha_proto::v1::run_service_client::RunServiceClient;
use vekha_proto::v1::{self, MessageState};
use vekha_roadmap::read::Files;
use vekha_tests::letters::Letter;
use vekha_tests::smtp::{Act, At, Fault};
use vekha_tests::town::{self, Town, shipped_road_map};

const RUN: &str = "municipalities/zarechny/activities/low-result-schools/runs/2025-26";
const KEY: &str = "zarechny/low-result-schools/2025-26";

/// The department at work.
struct Department<'t>(&'t Town);

impl Department<'_> {
    /// Starts activity 29: six schools are asked.
    async fn ask(&self) {
        town::ask_schools(self.0.channel().await).await;
    }

    async fn cancel(&self, reason: &str) {
        let mut runs = RunServiceClient::new(self.0.channel().await);
        let request =
            v1::CancelRunRequest { name: RUN.into(), reason: reason.into(), ..Default::default() };
        runs.cancel_run(request).await.unwrap();
    }

    async fn waive(&self, school: &str) {
        let mut assignments = AssignmentServiceClient::new(self.0.channel().await);
        let request = v1::WaiveAssignmentRequest {
            name: format!("{RUN}/assignments/collect.{school}"),
            reason: "школа на ремонте".into(),
            ..Default::default()
        };
        assignments.waive_assignment(request).await.unwrap();
    }

    async fn extend(&self, school: &str, due: &str) {
        let mut assignments = AssignmentServiceClient::new(self.0.channel().await);
        let request = v1::ExtendAssignmentRequest {
            name: format!("{RUN}/assignments/collect.{school}"),
            due: due.into(),
            reason: "просьба школы".into(),
            ..Default::default()
        };
        assignments.extend_assignment(request).await.unwrap();
    }

    async fn send_link(&self, school: &str, renew: bool) {
        let mut assignments = AssignmentServiceClient::new(self.0.channel().await);
        let request = v1::SendLinkRequest {
            name: format!("{RUN}/assignments/collect.{school}"),
            renew,
            reason: if renew {
                "письмо переслали посторонним"
            } else {
                ""
            }
            .into(),
            ..Default::default()
        };
        assignments.send_link(request).await.unwrap();
    }

    /// What the page says that a letter's link leads to.
    async fn status_of(&self, link: &str) -> u16 {
        let (_, path) = link.split_once("/a/").unwrap();
        let page = reqwest::get(format!("{}/a/{path}", self.0.url())).await.unwrap();
        page.status().as_u16()
    }

    async fn answer(&self, school: &str) {
        let row = serde_json::json!({ "procedures": [{ "procedure": "ВПР", "grade": 5,
            "subject": "Математика", "participants": 2, "marks_2": 0, "marks_3": 1, "marks_4": 1,
            "marks_5": 0 }] });
        let request = v1::SubmitAssignmentRequest {
            name: format!("{RUN}/assignments/collect.{school}"),
            answers: Some(convert::structure(row.as_object().unwrap())),
            ..Default::default()
        };
        let mut assignments = AssignmentServiceClient::new(self.0.channel().await);
        assignments.submit_assignment(request).await.unwrap();
    }

    /// Applies the shipped road map with changes; runs under way keep their version.
    async fn apply(&self, change: impl FnOnce(&mut Files)) {
        let mut files = vekha::files::load(&shipped_road_map()).unwrap();
        change(&mut files);
        self.0.daemon.runtime.apply(files, "И. С. Ветлугина").await.unwrap();
    }

    async fn messages(&self, school: &str) -> Vec<v1::Message> {
        let request = v1::ListMessagesRequest {
            parent: "municipalities/zarechny".into(),
            filter: format!("organisation = \"{school}\""),
            page_size: 1000,
            ..Default::default()
        };
        let mut outbox = OutboxServiceClient::new(self.0.channel().await);
        outbox.list_messages(request).await.unwrap().into_inner().messages
    }

    /// Kinds and states of the letters to a school.
    async fn fates(&self, school: &str) -> Vec<(String, MessageState)> {
        let mut all: Vec<_> = self.messages(school).await;
        all.sort_by_key(|m| m.kind.clone());
        all.into_iter().map(|m| (m.kind.clone(), m.state())).collect()
    }

    /// Whom the journal calls reminded.
    async fn reminded(&self) -> Vec<String> {
        let entries = self.0.daemon.runtime.store().journal_of(KEY).await.unwrap();
        entries.into_iter().filter(|e| e.kind == "reminded").map(|e| e.data).collect()
    }
}

fn change(files: &mut Files, path: &str, from: &str, to: &str) {
    let text = files.0.get_mut(path).unwrap();
    assert!(text.contains(from), "{from} in {path}");
    *text = text.replace(from, to);
}

/// The registry with school 3 closed after a day, and another address of school 4.
fn registry_of(files: &mut Files, last_day: &str) {
    let own = "email = \"school-3@zarechny.example.org\"";
    change(files, "organisations.toml", own, &format!("{own}\nuntil = {last_day}"));
    let (old, new) = ("school-4@zarechny.example.org", "new-4@zarechny.example.org");
    change(files, "organisations.toml", old, new);
}

/// The calendar file of a letter, its long lines joined.
fn calendar(letter: &Letter) -> String {
    let files = letter.attachments.iter().filter(|(name, _)| name.ends_with(".ics"));
    let texts: Vec<String> =
        files.map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap()).collect();
    assert_eq!(texts.len(), 1, "{letter:#?}");
    texts[0].replace("\r\n ", "").replace("\r\n", "\n")
}

fn property<'c>(calendar: &'c str, name: &str) -> &'c str {
    let line = calendar.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix([':', ';']));
    line.unwrap_or_else(|| panic!("{name} in {calendar}"))
}

fn sequence(calendar: &str) -> u64 {
    property(calendar, "SEQUENCE").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_at_night_is_what_the_morning_letters_say() {
    let town = Town::start("2026-10-06T20:00").await;
    let department = Department(&town);
    department.ask().await;
    department.waive("school-1").await;
    department.extend("school-2", "2026-10-27").await;
    department.apply(|files| registry_of(files, "2026-10-06")).await;
    department.answer("school-5").await;
    town.live_until("2026-10-07T09:30").await;

    assert_eq!(town.letters_to("school-1"), [], "it was never asked, so nothing is called off");
    let gone = MessageState::Obsolete;
    let fates = [("assignment".to_owned(), gone), ("called-off".to_owned(), gone)];
    assert_eq!(department.fates("school-1").await, fates);

    let extended = town.letters_to("school-2");
    assert_eq!(extended.len(), 1, "one letter with both");
    assert!(extended[0].text.contains("27 октября"), "{}", extended[0].text);
    assert!(!extended[0].text.contains("20 октября"), "the old date: {}", extended[0].text);
    for (_, file) in extended[0].attachments.iter().filter(|(name, _)| name.ends_with(".ics")) {
        assert!(String::from_utf8_lossy(file).contains("DTSTART;VALUE=DATE:20261027"));
    }

    assert_eq!(town.letters_to("school-3"), [], "it was closed yesterday");
    assert_eq!(town.letters_to("school-4"), []);
    assert_eq!(town.letters_to("new-4").len(), 1, "the address of today");
    assert_eq!(town.letters_to("school-5").len(), 1, "thanked at once, and not asked afterwards");
    assert_eq!(town.letters_to("school-6").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_asked_hears_that_it_is_called_off_and_the_calendar_entry_goes() {
    let town = Town::start("2026-10-06T10:00").await;
    let department = Department(&town);
    // One was not reached: it has nothing to be told.
    let lost = Fault::new(At::Recipient, Act::Reply(451)).to("school-6@zarechny.example.org");
    town.mail.inject(lost);
    department.ask().await;
    town.settle().await;
    let asked = calendar(&town.letters_to("school-2")[0]);
    department.extend("school-2", "2026-10-27").await;
    department.answer("school-1").await;
    town.settle().await;
    let extended = calendar(&town.letters_to("school-2")[1]);
    department.cancel("сведения за этот период уже собраны министерством").await;
    town.mail.heal();
    town.live_until("2026-10-06T12:00").await;

    let letters = town.letters_to("school-2");
    assert_eq!(letters.len(), 3);
    let cancelled = calendar(&letters[2]);
    assert_eq!(letters[2].references, [letters[0].message_id.as_str()]);
    let uid = property(&asked, "UID");
    assert_eq!([&extended, &cancelled].map(|c| property(c, "UID")), [uid; 2]);
    assert!(sequence(&asked) < sequence(&extended) && sequence(&extended) < sequence(&cancelled));
    let methods = [&asked, &extended, &cancelled].map(|c| property(c, "METHOD"));
    assert_eq!(methods, ["PUBLISH", "PUBLISH", "CANCEL"]);
    let days = [&asked, &extended, &cancelled].map(|c| property(c, "DTSTART"));
    assert_eq!(days, ["VALUE=DATE:20261020", "VALUE=DATE:20261027", "VALUE=DATE:20261027"]);
    assert_eq!(property(&cancelled, "STATUS"), "CANCELLED");
    assert!(!cancelled.contains("VALARM"), "it rings no more");

    let answered = town.letters_to("school-1");
    assert_eq!(answered.len(), 3, "asked, thanked, and told");
    assert!(answered[2].text.contains("Спасибо за ответ: он\nсохранён"), "{}", answered[2].text);
    assert_eq!(town.letters_to("school-6"), [], "nothing came of it");

    let mut told = town.letters_to("school-3").remove(1);
    let link = told.link();
    told.text = told.text.replace(&link, "https://vekha.example.org/a/…");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        let shown = format!("Кому: {}\nТема: {}\n\n{}", told.to, told.subject, told.text);
        insta::assert_snapshot!("letter-called-off", shown);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_link_opens_nothing_and_all_letters_that_leave_carry_the_new_one() {
    let town = Town::start("2026-10-06T20:00").await;
    let department = Department(&town);
    department.ask().await;
    department.answer("school-1").await;
    department.send_link("school-1", false).await;
    town.settle().await;
    let night = town.letters_to("school-1");
    let subjects: Vec<&str> = night.iter().map(|l| l.subject.as_str()).collect();
    assert!(subjects[1].starts_with("Ваша личная ссылка: "), "{subjects:?}");
    let first = night[0].link();
    assert_eq!(night[1].link(), first, "sent once more, it is the same");
    assert_eq!(department.status_of(&first).await, 200);

    // In the wrong hands: who is asked in the morning is asked at the new one only.
    for school in ["school-1", "school-2"] {
        department.send_link(school, true).await;
    }
    town.live_until("2026-10-07T09:30").await;
    let mut told = town.letters_to("school-1").pop().unwrap();
    let second = told.link();
    assert_ne!(second, first);
    assert_eq!(department.status_of(&first).await, 404);
    assert_eq!(department.status_of(&second).await, 200);
    department.send_link("school-1", true).await;
    town.settle().await;
    let third = town.letters_to("school-1").pop().unwrap().link();
    assert_eq!(department.status_of(&second).await, 404);
    assert_eq!(department.status_of(&third).await, 200);

    let morning: Vec<String> = town.letters_to("school-2").iter().map(Letter::link).collect();
    assert_eq!(morning.len(), 2, "the link at once, the question in the morning");
    assert_eq!(morning[0], morning[1]);
    town.live_until("2026-10-15T12:00").await;
    let reminder = town.letters_to("school-2").pop().unwrap();
    assert!(reminder.text.contains("Напоминаем"), "{}", reminder.text);
    assert_eq!(reminder.link(), morning[0]);

    // A restart changes nothing, and the journal says why.
    let town = town.restart().await;
    let department = Department(&town);
    assert_eq!(department.status_of(&first).await, 404);
    assert_eq!(department.status_of(&third).await, 200);
    let entries = town.daemon.runtime.store().journal_of(KEY).await.unwrap();
    let replaced = entries.iter().filter(|e| e.kind == "link-replaced").count();
    assert_eq!(replaced, 3);

    told.text = told.text.replace(&second, "https://vekha.example.org/a/…");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        let shown = format!("Кому: {}\nТема: {}\n\n{}", told.to, told.subject, told.text);
        insta::assert_snapshot!("letter-link", shown);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminders_follow_the_registry_and_the_terms_of_their_own_morning() {
    let town = Town::start("2026-10-06T10:00").await;
    let department = Department(&town);
    department.ask().await;
    town.live_until("2026-10-14T20:00").await;
    department.apply(|files| registry_of(files, "2026-10-14")).await;
    // The server is busy for school 5 on that morning; in the meantime it gets more time.
    let busy = Fault::new(At::Recipient, Act::Reply(451)).to("school-5@zarechny.example.org");
    town.mail.inject(busy.times(1));
    town.live_until("2026-10-15T09:00").await;
    department.extend("school-5", "2026-10-27").await;
    town.live_until("2026-10-15T12:00").await;

    assert_eq!(town.letters_to("school-3").len(), 1, "asked, then closed");
    assert_eq!((town.letters_to("school-4").len(), town.letters_to("new-4").len()), (1, 1));
    assert_eq!(town.letters_to("school-6").len(), 2);
    let told = department.reminded().await;
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().all(|data| !data.contains("school-3")), "{told:?}");
    let subjects: Vec<String> =
        town.letters_to("school-5").into_iter().map(|l| l.subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].starts_with("Срок продлён до 27 октября"), "{subjects:?}");
    let reminder = department.fates("school-5").await.into_iter().find(|(k, _)| k == "reminder");
    assert_eq!(reminder.unwrap().1, MessageState::Obsolete, "and the outbox says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_whose_text_failed_goes_once_the_text_is_corrected() {
    let town = Town::start("2026-10-06T10:00").await;
    let department = Department(&town);
    let text = "letters/assignment/body.txt";
    // `check` makes it with other words, and cannot know.
    let fails = "{{ form if \"сентября\" in due else form | round }}";
    let broken = |files: &mut Files| change(files, text, "{{ form }}", fails);
    department.apply(broken).await;
    department.ask().await;
    town.settle().await;
    let failed = department.messages("school-1").await.remove(0);
    assert_eq!(failed.state(), MessageState::Failed);
    assert!(failed.error.contains(text), "{}", failed.error);

    department.apply(|files| change(files, text, "Просим вас", "Очень просим вас")).await;
    let mut outbox = OutboxServiceClient::new(town.channel().await);
    let request = v1::RetryMessageRequest { name: failed.name, ..Default::default() };
    outbox.retry_message(request).await.unwrap();
    town.settle().await;
    let sent = town.letters_to("school-1");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.contains("Очень просим вас"), "{}", sent[0].text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_department_did_at_night_is_not_asked_of_it_in_the_morning() {
    let town = Town::start("2026-10-06T10:00").await;
    let department = Department(&town);
    department.ask().await;
    town.live_until("2026-10-06T20:00").await;
    let mut assignments = AssignmentServiceClient::new(town.channel().await);
    for school in ["school-1", "school-2"] {
        let request = v1::RequestExtensionRequest {
            name: format!("{RUN}/assignments/collect.{school}"),
            due: "2026-10-27".into(),
            reason: "карантин".into(),
            ..Default::default()
        };
        assignments.request_extension(request).await.unwrap();
    }
    department.extend("school-1", "2026-10-26").await;
    let name = "municipalities/zarechny/activities/adopt-road-map";
    let mut runs = RunServiceClient::new(town.channel().await);
    let start =
        v1::StartRunRequest { parent: name.into(), period: "2026".into(), ..Default::default() };
    runs.start_run(start).await.unwrap();
    let decision = v1::RecordDecisionRequest {
        parent: format!("{name}/runs/2026"),
        number: "1-од".into(),
        date: "2026-10-06".into(),
        outcome: "Утвердить.".into(),
        signatory: "Начальник отдела".into(),
        ..Default::default()
    };
    let mut decisions = DecisionServiceClient::new(town.channel().await);
    decisions.record_decision(decision).await.unwrap();
    town.live_until("2026-10-07T09:30").await;

    let mut fates = department.fates("department").await;
    fates.retain(|(kind, _)| kind == "decision-due" || kind == "extension-request");
    let (sent, gone) = (MessageState::Sent, MessageState::Obsolete);
    assert_eq!(fates[0], ("decision-due".into(), gone), "it is decided");
    let mut wishes: Vec<MessageState> = fates[1..].iter().map(|(_, state)| *state).collect();
    wishes.sort();
    let mut expected = [sent, gone];
    expected.sort();
    assert_eq!(wishes, expected, "one wish was granted, the other waits");
    let letters = town.letters_to("department");
    let told = letters.iter().filter(|l| l.text.contains("карантин")).count();
    assert_eq!(told, 1, "{letters:#?}");
}
