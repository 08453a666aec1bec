//! What things are called, for people, wherever they read of them: pages, letters, the command line.
//! Each list is whole: what has no words does not compile.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use vekha_engine::entry::NotLetIn;
use vekha_engine::run::{AssignmentState, MeasureState, RecommendationState, RunState, StageState};
use vekha_engine::{Document, EntryKind, Happened, LetterKind, Origin, RunKey, Why};
use vekha_roadmap::model::{OrganisationKind, Work};

use crate::access::{ALL, Role};

/// Where a run stands.
pub fn run_state(state: RunState) -> &'static str {
    match state {
        RunState::Waiting => "ждёт",
        RunState::Question => "ждёт решения администратора",
        RunState::Active => "идёт",
        RunState::Failed => "этап не выполнен",
        RunState::Completed => "завершено",
        RunState::Cancelled => "отменено",
        RunState::Skipped => "пропущено",
    }
}

/// What a stage is.
pub fn work(work: &Work) -> &'static str {
    match work {
        Work::Collect(_) => "сбор сведений",
        Work::Analyze(_) => "анализ",
        Work::Recommend(_) => "адресные рекомендации",
        Work::Decide(_) => "управленческое решение",
        Work::Publish(_) => "публикация",
    }
}

/// Where a stage of a run stands: in one that was called off nothing goes on.
pub fn stage_state(state: StageState, run: RunState) -> &'static str {
    match state {
        StageState::Pending | StageState::Waiting | StageState::Active if run.ended() => {
            "не состоялся"
        }
        StageState::Pending => "не начат",
        StageState::Waiting => "ждёт своего дня",
        StageState::Active => "идёт",
        StageState::Completed => "завершён",
        StageState::Failed => "не выполнен",
    }
}

/// Where an assignment stands.
pub fn assignment_state(state: AssignmentState) -> &'static str {
    match state {
        AssignmentState::Open => "ждём ответа",
        AssignmentState::Answered => "ответ получен",
        AssignmentState::Returned => "возвращён на исправление",
        AssignmentState::Missing => "не ответили",
        AssignmentState::Waived => "не требуется",
    }
}

/// Where a recommendation stands.
pub fn recommendation_state(state: RecommendationState) -> &'static str {
    match state {
        RecommendationState::Draft => "проект, ждёт утверждения",
        RecommendationState::Issued => "отправлена",
        RecommendationState::Acknowledged => "ознакомлены",
        RecommendationState::Discarded => "отклонена",
    }
}

/// Where a measure stands.
pub fn measure_state(state: MeasureState) -> &'static str {
    match state {
        MeasureState::Ordered => "исполняется",
        MeasureState::Reported => "отчёт на проверке",
        MeasureState::Done => "исполнена",
    }
}

/// Organisations of a kind.
pub fn organisations(kind: OrganisationKind) -> &'static str {
    match kind {
        OrganisationKind::Department => "Отдел образования",
        OrganisationKind::School => "Школы",
        OrganisationKind::Kindergarten => "Детские сады",
        OrganisationKind::Association => "Методические объединения",
    }
}

/// What a letter is about.
pub fn letter(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::Assignment => "просим сведения",
        LetterKind::Reminder => "напоминание",
        LetterKind::Receipt => "сведения приняты",
        LetterKind::Returned => "ответ возвращён",
        LetterKind::Extension => "о продлении срока",
        LetterKind::Link => "личная ссылка",
        LetterKind::Recommendation => "адресные рекомендации",
        LetterKind::Measure => "мера к исполнению",
        LetterKind::MeasureWithdrawn => "мера снята",
        LetterKind::CalledOff => "поручение отменено",
        LetterKind::Escalation => "кто не ответил",
        LetterKind::Closed => "сбор закрыт",
        LetterKind::Review => "проверить ответы",
        LetterKind::ExtensionRequest => "просят продлить срок",
        LetterKind::Drafts => "проекты ждут утверждения",
        LetterKind::DecisionDue => "решение ждёт",
        LetterKind::Question => "как быть дальше",
        LetterKind::Failure => "не получилось",
    }
}

/// What a journal entry tells.
pub fn entry(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::RunOpened => "открыто",
        EntryKind::RunStarted => "начато",
        EntryKind::RunCompleted => "завершено",
        EntryKind::RunSkipped => "пропущено",
        EntryKind::RunCancelled => "отменено",
        EntryKind::Waiting => "ждёт предшествующих мероприятий",
        EntryKind::Question => "нужен ответ администратора",
        EntryKind::Proceeded => "начато без предшествующих",
        EntryKind::Asked => "организациям отправлены поручения",
        EntryKind::Submitted => "получен ответ",
        EntryKind::Prefilled => "формы заполнены из источника",
        EntryKind::SourceNoted => "источник прочитан с замечаниями",
        EntryKind::SourceFailed => "источник не дал сведений",
        EntryKind::Reminded => "отправлены напоминания",
        EntryKind::Escalated => "отделу сообщено о неответивших",
        EntryKind::Closed => "приём закрыт",
        EntryKind::Waived => "ответ больше не требуется",
        EntryKind::Extended => "срок продлён",
        EntryKind::ExtensionRequested => "просят продлить срок",
        EntryKind::ExtensionDeclined => "срок не продлён",
        EntryKind::LinkSent => "личная ссылка отправлена ещё раз",
        EntryKind::LinkReplaced => "личная ссылка заменена, прежняя закрыта",
        EntryKind::AnswerReturned => "ответ возвращён на исправление",
        EntryKind::ReviewBegun => "все ответили, ответы проверяет отдел",
        EntryKind::ReviewEnded => "срок проверки ответов истёк",
        EntryKind::AnswersAccepted => "ответы приняты",
        EntryKind::Entrusted => "за выполнением следит",
        EntryKind::Remarked => "заметка",
        EntryKind::StageWaits => "этап ждёт своего дня",
        EntryKind::StageStarted => "этап начат",
        EntryKind::StageCompleted => "этап завершён",
        EntryKind::StagePutOff => "этап отложен",
        EntryKind::StageFailed => "этап не выполнен",
        EntryKind::StageRetried => "этап начат повторно",
        EntryKind::Analyzed => "выполнен анализ",
        EntryKind::Unwritten => "не составлены тексты выводов",
        EntryKind::Drafted => "составлены проекты рекомендаций",
        EntryKind::Revised => "проект рекомендации изменён",
        EntryKind::Approved => "рекомендации утверждены и отправлены",
        EntryKind::Discarded => "проект рекомендации отклонён",
        EntryKind::Acknowledged => "с рекомендациями ознакомлены",
        EntryKind::Decided => "принято решение",
        EntryKind::Attached => "к решению приложен файл",
        EntryKind::MeasureOrdered => "поручено исполнение меры",
        EntryKind::MeasureReturned => "отчёт о мере возвращён",
        EntryKind::MeasureAccepted => "мера снята с контроля",
        EntryKind::Published => "отчёт опубликован",
        EntryKind::LetterRefused => "письмо не доставлено",
        EntryKind::ActivityPaused => "расписание приостановлено",
        EntryKind::ActivityResumed => "расписание возобновлено",
        EntryKind::LettersHeld => "отправка писем остановлена",
        EntryKind::LettersReleased => "отправка писем возобновлена",
        EntryKind::LettersRetried => "недоставленные письма отправлены снова",
        EntryKind::AddressReturned => "письмо вернулось: такого адреса нет",
        EntryKind::AddressConfirmed => "адрес отмечен как работающий",
        EntryKind::CalendarGiven => "выдан календарь для подписки",
        EntryKind::CalendarTakenBack => "календарь для подписки отозван",
        EntryKind::PersonSet => "сотруднику назначены роли",
        EntryKind::PersonInvited => "сотруднику выдана ссылка для пароля",
        EntryKind::PasswordSet => "сотрудник задал пароль",
        EntryKind::SignedIn => "вход",
        EntryKind::PasskeyAdded => "сотрудник добавил ключ входа",
        EntryKind::PasskeyRemoved => "сотрудник удалил ключ входа",
        EntryKind::PasskeysRemoved => "ключи входа сотрудника удалены",
        EntryKind::SignInLocked => "вход по паролю закрыт на время: неверные пароли",
        EntryKind::AccountLinked => "сотрудник связан с учётной записью провайдера",
        EntryKind::ProvidedRolesSet => "роли по сведениям провайдера",
        EntryKind::SignInRefused => "вход через провайдера не выполнен",
        EntryKind::TokenSet => "выдан ключ",
        EntryKind::TokenRotated => "ключ заменён",
        EntryKind::TokenRevoked => "ключ отозван",
        EntryKind::ListenerSet => "настроен слушатель",
        EntryKind::ListenerRotated => "секрет слушателя заменён",
        EntryKind::ListenerDisabled => "слушатель отключился",
        EntryKind::ListenerRemoved => "слушатель удалён",
        EntryKind::BackupMade => "сделана резервная копия",
        EntryKind::BackupGiven => "резервная копия выдана",
        EntryKind::BackupRemoved => "резервная копия удалена",
    }
}

/// The same by the word that the journal keeps; one of another release is told as it is.
pub fn journal_kind(kind: &str) -> &str {
    kind.parse::<EntryKind>().map_or(kind, |known| entry(known))
}

/// What an entry of the journal holds besides its kind, on one line: of long lists and answers, how
/// much. An entry of another release is told as it is.
pub fn journal_facts(kind: &str, data: &str) -> String {
    let told = Happened::read(kind, data).map_or_else(|| data.to_owned(), |entry| facts(&entry));
    told.replace('\n', " ")
}

fn facts(happened: &Happened) -> String {
    match happened {
        Happened::RunOpened { why, road_map, named } => {
            let named = if named.is_empty() { String::new() } else { format!(": {}", list(named)) };
            format!("{}, версия карты {road_map}{named}", reason_of_run(*why))
        }
        Happened::Waiting { r#for: runs }
        | Happened::Question { upstream: runs }
        | Happened::Proceeded { without: runs } => {
            list(&runs.iter().map(RunKey::to_string).collect::<Vec<_>>())
        }
        Happened::RunStarted {} | Happened::RunCompleted {} => String::new(),
        Happened::Entrusted { to } if to.is_empty() => "никто".to_owned(),
        Happened::Entrusted { to } => to.clone(),
        Happened::Remarked { text } => text.clone(),
        Happened::RunSkipped { reason }
        | Happened::RunCancelled { reason }
        | Happened::ActivityPaused { reason }
        | Happened::ActivityResumed { reason }
        | Happened::LettersHeld { reason }
        | Happened::LettersReleased { reason } => reason.clone(),
        Happened::LettersRetried { letters, organisation } => match organisation.as_str() {
            "" => format!("писем: {letters}"),
            code => format!("писем: {letters}, организации {code}"),
        },
        Happened::AddressReturned { organisation, address, reason } => {
            format!("{organisation}, {address}: {reason}")
        }
        Happened::CalendarGiven { reader } | Happened::CalendarTakenBack { reader } => {
            reader.clone()
        }
        Happened::AddressConfirmed { organisation, address } => {
            format!("{organisation}, {address}")
        }
        Happened::StageWaits { stage, until } => format!("{stage}, до {}", date(*until)),
        Happened::StageStarted { stage, .. }
        | Happened::StageCompleted { stage }
        | Happened::StageRetried { stage }
        | Happened::ReviewEnded { stage }
        | Happened::AnswersAccepted { stage } => stage.clone(),
        Happened::StagePutOff { stage, reason }
        | Happened::StageFailed { stage, reason }
        | Happened::Unwritten { stage, reason } => format!("{stage}: {reason}"),
        Happened::Asked { stage, organisations, due } => {
            format!("{stage}, срок {}: {}", date(*due), list(organisations))
        }
        Happened::Prefilled { stage, source, organisations } => {
            format!("{stage}, источник {source}: {}", list(organisations))
        }
        Happened::SourceNoted { stage, source, notes } => {
            format!("{stage}, источник {source}: {}", notes.join("; "))
        }
        Happened::SourceFailed { stage, source, reason } => {
            format!("{stage}, источник {source}: {reason}")
        }
        Happened::Submitted { assignment, version, late, origin, answers } => {
            let late = if *late { ", с опозданием" } else { "" };
            let through = through(*origin);
            format!("{assignment}, версия {version}{late}, {through}, полей: {}", answers.len())
        }
        Happened::Reminded { assignment } => assignment.to_string(),
        Happened::Escalated { about, silent } => {
            let about = about.split('/').next().unwrap_or_default();
            format!("{about}: {}", list(silent))
        }
        Happened::Closed { stage, missing, standing } => {
            let parts = [("не ответили", missing), ("остался прежний ответ", standing)];
            let parts = parts.into_iter().filter(|(_, codes)| !codes.is_empty());
            let parts: String =
                parts.map(|(what, codes)| format!(", {what}: {}", list(codes))).collect();
            format!("{stage}{parts}")
        }
        Happened::Extended { assignment, due, reason }
        | Happened::ExtensionRequested { assignment, due, reason } => {
            format!("{assignment} до {}: {reason}", date(*due))
        }
        Happened::LinkSent { assignment, reason } if reason.is_empty() => assignment.to_string(),
        Happened::Waived { assignment, reason }
        | Happened::ExtensionDeclined { assignment, reason }
        | Happened::LinkSent { assignment, reason }
        | Happened::LinkReplaced { assignment, reason } => format!("{assignment}: {reason}"),
        Happened::AnswerReturned { assignment, version, comment, due } => {
            format!("{assignment}, версия {version}, исправить к {}: {comment}", date(*due))
        }
        Happened::ReviewBegun { stage, until } => format!("{stage}, до {}", date(*until)),
        Happened::Analyzed { stage, indicators, found } => {
            let of = |(rule, codes): (&String, &Vec<String>)| format!("{rule} ({})", list(codes));
            let found: Vec<String> = found.iter().map(of).collect();
            let found = if found.is_empty() { "никого".to_owned() } else { found.join(", ") };
            format!("{stage}, показателей: {indicators}, найдены: {found}")
        }
        Happened::Drafted { stage, organisations } => format!("{stage}: {}", list(organisations)),
        Happened::Approved { stage, organisations, outgoing } => {
            let outgoing = match outgoing.as_str() {
                "" => String::new(),
                number => format!(", исходящий № {number}"),
            };
            format!("{stage}: {}{outgoing}", list(organisations))
        }
        Happened::Revised { recommendation, texts } => {
            format!("{recommendation}, текстов: {}", texts.len())
        }
        Happened::Discarded { recommendation, reason } => format!("{recommendation}: {reason}"),
        Happened::Acknowledged { recommendation } => recommendation.to_string(),
        Happened::Decided { kind, document, corrects, .. } => {
            let Document { number, date: day, title, .. } = document;
            let corrects = corrects.map(|n| format!(", исправляет решение {n}"));
            let title = if title.is_empty() { String::new() } else { format!(" «{title}»") };
            let (kind, corrects) = (kind.words(), corrects.unwrap_or_default());
            format!("{kind} № {number} от {}{title}{corrects}", date(*day))
        }
        Happened::Attached { decision, name, .. } => format!("решение {decision}: {name}"),
        Happened::MeasureOrdered { measure, text, organisation, due } => {
            format!("мера {measure}, {organisation}, срок {}: {text}", date(*due))
        }
        Happened::MeasureReturned { measure, comment, due } => {
            format!("мера {measure}, срок {}: {comment}", date(*due))
        }
        Happened::MeasureAccepted { measure } => format!("мера {measure}"),
        Happened::Published { stage, location } if location.is_empty() => {
            format!("{stage}: публиковать пока нечего, ответов нет")
        }
        Happened::Published { stage, location } => format!("{stage}: {location}"),
        Happened::LetterRefused { organisation, reason, .. } => format!("{organisation}: {reason}"),
        Happened::PersonSet { person, roles, disabled } => {
            let closed = if *disabled { ", вход закрыт" } else { "" };
            format!("{person}: {}{closed}", roles_of(roles))
        }
        Happened::PersonInvited { person } | Happened::PasswordSet { person } => person.clone(),
        Happened::SignedIn { person, from, through, passkey } => {
            let by = match (through.as_str(), passkey.as_str()) {
                ("", "") => String::new(),
                ("", passkey) => format!(" (ключом входа «{passkey}»)"),
                (through, _) => format!(" (через {through})"),
            };
            format!("{person}, с адреса {from}{by}")
        }
        Happened::PasskeyAdded { person, passkey }
        | Happened::PasskeyRemoved { person, passkey } => format!("{person}: «{passkey}»"),
        Happened::PasskeysRemoved { person, count } => format!("{person}, было: {count}"),
        Happened::SignInLocked { person, from, failures } => {
            format!("{person}, с адреса {from}, подряд: {failures}")
        }
        Happened::AccountLinked { person, issuer, subject, added } => {
            let new = if *added { " (новый сотрудник)" } else { "" };
            format!("{person}{new}: {subject}, {issuer}")
        }
        Happened::ProvidedRolesSet { person, issuer, roles, kept } => {
            let kept = if *kept {
                "; последний администратор остаётся им"
            } else {
                ""
            };
            format!("{person}: {} ({issuer}){kept}", roles_of(roles))
        }
        Happened::SignInRefused { issuer, why, subject, from } => {
            let who = if subject.is_empty() { String::new() } else { format!("{subject}, ") };
            format!("{who}{}, с адреса {from} ({issuer})", not_let_in(*why))
        }
        Happened::TokenSet { token, roles, until, services } => {
            let until =
                until.map(|at| format!(", до {}", date(TimeZone::UTC.to_datetime(at).date())));
            let only = match services.is_empty() {
                true => String::new(),
                false => format!(", только {}", services.join(", ")),
            };
            format!("{token}: {}{only}{}", roles_of(roles), until.unwrap_or_default())
        }
        Happened::TokenRotated { token, .. } | Happened::TokenRevoked { token } => token.clone(),
        Happened::ListenerSet { listener, host, disabled } => {
            let to = if host.is_empty() { String::new() } else { format!(", {host}") };
            let off = if *disabled { ", выключен" } else { "" };
            format!("{listener}{to}{off}")
        }
        Happened::ListenerDisabled { listener, reason } => format!("{listener}: {reason}"),
        Happened::ListenerRotated { listener, .. } | Happened::ListenerRemoved { listener } => {
            listener.clone()
        }
        Happened::BackupMade { backup, .. }
        | Happened::BackupGiven { backup }
        | Happened::BackupRemoved { backup } => backup.clone(),
    }
}

/// Why somebody who came from a provider was not let in.
pub fn not_let_in(why: NotLetIn) -> &'static str {
    match why {
        NotLetIn::NotBegun => "вход начат не в этом браузере, слишком давно или уже закончен",
        NotLetIn::Declined => "провайдер не подтвердил вход",
        NotLetIn::Untrusted => "ответ провайдера не прошёл проверку",
        NotLetIn::NoRole => "сведения провайдера не дают роли",
        NotLetIn::NoAddress => "провайдер не сообщил подтверждённого адреса почты",
        NotLetIn::AddressTaken => "адрес почты уже у сотрудника, который так не входил",
        NotLetIn::Disabled => "вход закрыт",
        NotLetIn::FirstOfAll => "сначала нужен администратор всех муниципалитетов",
    }
}

/// What somebody may do, by municipality.
fn roles_of(roles: &BTreeMap<String, String>) -> String {
    let one = |(municipality, name): (&String, &String)| {
        let role =
            name.parse::<Role>().map_or_else(|_| name.clone(), |known| role(known).to_owned());
        format!("{role} ({})", if municipality == ALL { "везде" } else { municipality })
    };
    let roles: Vec<String> = roles.iter().map(one).collect();
    if roles.is_empty() { "без ролей".to_owned() } else { roles.join(", ") }
}

/// What somebody may do.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Representative => "представитель",
        Role::Viewer => "наблюдатель",
        Role::Operator => "специалист",
        Role::Approver => "руководитель",
        Role::Administrator => "администратор",
    }
}

/// The same, at length.
pub fn role_at_length(role: Role) -> &'static str {
    match role {
        Role::Representative => "отвечает за свою организацию; кроме неё не видит ничего",
        Role::Viewer => "видит всё, ничего не меняет",
        Role::Operator => "собирает сведения: продлевает, возвращает, напоминает, правит проекты",
        Role::Approver => "и ещё утверждает рекомендации, принимает решения и отчёты о мерах",
        Role::Administrator => "и ещё дорожная карта, сотрудники, ключи",
    }
}

fn reason_of_run(why: Why) -> &'static str {
    match why {
        Why::Schedule => "по расписанию",
        Why::Request => "по запросу",
        Why::Event => "по событию",
        Why::Upstream => "после предшествующего",
        Why::LatestDay => "в крайний день: события не дождались",
    }
}

fn through(origin: Origin) -> &'static str {
    match origin {
        Origin::Page => "по ссылке",
        Origin::Api => "через API",
        Origin::Source => "из источника",
    }
}

/// The first of them, and how many more.
fn list(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 10;
    let first: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} и ещё {more}", first.join(", ")),
    }
}

/// «15.09.2027», for tables.
pub fn date(day: Date) -> String {
    day.strftime("%d.%m.%Y").to_string()
}
