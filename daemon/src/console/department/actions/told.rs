//! What an action came to, as the page tells it: a notice after it was done, or why it was not.

use serde_json::{Value, json};

use super::About;
use super::sheet::Sent;
use crate::console::frame::said::Said;

/// Under which word the page tells that it was done.
pub(super) fn word(about: &About, action: &str) -> &'static str {
    match (about, action.split_once(':').map_or(action, |(verb, _)| verb)) {
        (About::Proceed, _) => "proceeded",
        (About::Skip, _) => "skipped",
        (About::Retry, _) => "retried",
        (About::Cancel, _) => "cancelled",
        (About::Entrust, _) => "entrusted",
        (About::Remark, _) => "remarked",
        (About::Drafts(_), "approve") => "approved",
        (About::Drafts(_), "discard") => "discarded",
        (About::Drafts(_), _) => "saved",
        (About::Decision(_) | About::Correction(_), _) => "decided",
        (About::Attachment(_), _) => "attached",
        (About::Measure(_), "return") => "returned",
        (About::Measure(_), _) => "accepted",
        (About::Assignments, "waive") => "waived",
        (About::Assignments, "remind") => "reminded",
        (About::Assignments, _) => "extended",
        (About::Answer(_), _) => "answer-returned",
        (About::Extension(_), "decline") => "declined",
        (About::Extension(_), _) => "extended",
        (About::Link(_), "renew") => "link-replaced",
        (About::Link(_), _) => "link-sent",
        (About::Review(_), _) => "answers-accepted",
    }
}

/// What was done, in words; nothing for a word that we did not write.
pub fn notice(word: &str) -> Option<&'static str> {
    Some(match word {
        "proceeded" => "Выполнение начато, не дожидаясь предшествующих.",
        "skipped" => "Выполнение пропущено.",
        "retried" => "Этап начат повторно.",
        "cancelled" => "Выполнение отменено.",
        "entrusted" => "Записано, кто следит за выполнением.",
        "remarked" => "Заметка осталась в журнале выполнения.",
        "approved" => "Рекомендации утверждены. Письма уходят в рабочие часы.",
        "discarded" => "Проект отклонён: письма не будет.",
        "saved" => "Тексты сохранены. Письма ещё не отправлены.",
        "decided" => "Решение внесено.",
        "attached" => "Файл приложен к решению.",
        "returned" => "Отчёт возвращён: исполнитель получит письмо с замечанием.",
        "accepted" => "Отчёт принят, мера снята с контроля.",
        "waived" => "Поручения сняты.",
        "reminded" => "Ссылки отправлены ещё раз: письма уходят в рабочие часы.",
        "extended" => "Сроки продлены: письма об этом уходят в рабочие часы.",
        "declined" => "Срок остался прежним: организация получит письмо с причиной.",
        "answer-returned" => "Ответ возвращён: организация получит письмо с замечанием.",
        "link-sent" => "Ссылка отправлена организации ещё раз.",
        "link-replaced" => "Прежняя ссылка закрыта, организации отправлена новая.",
        "answers-accepted" => "Ответы приняты, сбор завершён.",
        "paused" => "Расписание приостановлено.",
        "resumed" => "Расписание возобновлено.",
        "started" => "Выполнение открыто.",
        _ => return None,
    })
}

/// What the last thing that was sent came to, for the head of a page. `shown` are the forms that
/// the page has now.
pub fn outcome(sent: Option<&Sent>, shown: &[&Value]) -> Value {
    let Some(sent) = sent else { return Value::Null };
    let form = shown.iter().find(|sheet| sheet["sent"] == true);
    json!({
        "errors": form.map(|sheet| &sheet["errors"]),
        "refused": match &sent.said {
            Said::Refused(sentence) => Some(sentence.as_str()),
            // What is wrong in a form that the page no longer has.
            Said::Wrong(_) if form.is_none() => Some("это действие уже недоступно"),
            _ => None,
        },
        "unsaved": matches!(sent.said, Said::Unsaved),
        "written": if form.is_none() { sent.written() } else { vec![] },
    })
}
