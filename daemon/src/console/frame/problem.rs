//! Pages that say what went wrong and what to do about it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::console::frame::view;
use crate::port::bodies::Unreceived;
use crate::runtime::fault::Fault;
use crate::unread::Unread;

/// A page with a heading and some sentences.
pub fn page(status: StatusCode, title: &str, sentences: &[&str]) -> Response {
    view::page(status, "problem.html", &json!({ "title": title, "sentences": sentences }))
}

/// Nothing lives at this address: as routes want it.
pub async fn no_such_page() -> Response {
    missing()
}

/// Nothing lives at this address.
pub fn missing() -> Response {
    let sentences = [
        "Проверьте адрес: возможно, он скопирован не целиком.",
        "Если вы пришли по ссылке из письма, откройте её из самого письма.",
    ];
    let context = json!({
        "title": "Такой страницы нет",
        "sentences": sentences,
        "way": { "href": "/", "words": "К дорожной карте (для отдела)" },
    });
    view::page(StatusCode::NOT_FOUND, "problem.html", &context)
}

/// The daemon is called by a name that is not this machine's, and nobody is asked for a password.
pub fn misdirected() -> Response {
    page(
        StatusCode::MISDIRECTED_REQUEST,
        "Страница открывается только на этой машине",
        &[
            "Без ключа доступа демон отвечает лишь по адресу localhost или 127.0.0.1: иначе действовать \
           от вашего имени могла бы любая страница в браузере. Чтобы открывать его по другому имени, \
           задайте [access] token в vekha.toml.",
        ],
    )
}

/// A link that opens nothing. It says the same whatever the reason.
pub fn unknown_link() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "Ссылка не открывается",
        &[
            "Проверьте, что ссылка скопирована из письма целиком: почтовая программа могла \
             перенести её на две строки.",
            "Если и целая ссылка не открывается, ответьте на письмо, из которого она взята, или \
             позвоните в отдел образования: ссылку вам пришлют ещё раз.",
        ],
    )
}

/// The database does not answer; nothing is lost by waiting.
pub fn unavailable(error: &impl Fault) -> Response {
    if let Some(words) = error.unreadable() {
        let mut page = unreadable();
        page.extensions_mut().insert(Unread(words));
        return page;
    }
    tracing::error!("page: {error}");
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Сейчас не получается",
        &["Система временно недоступна. Откройте страницу ещё раз через несколько минут."],
    )
}

/// What the database holds of it cannot be read: waiting is of no use, and nothing else is concerned.
fn unreadable() -> Response {
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Запись не читается",
        &[
            "То, о чём эта страница, хранится в базе в виде, который система прочесть не может.              Остальное работает; ничего не удалено.",
            "Администратор видит эту запись в списке неполадок.",
        ],
    )
}

/// The database does not answer, after something was typed: what was typed stays in the page, to be sent again.
pub fn unsaved(error: &impl Fault, pairs: &[(String, String)]) -> Response {
    let unread = error.unreadable();
    let (status, sentence) = match unread {
        Some(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Запись, о которой эта форма, сейчас не читается; администратор видит её в списке \
             неполадок. Всё, что вы ввели, осталось на этой странице: не закрывайте её и нажмите \
             кнопку, когда запись исправят.",
        ),
        None => {
            tracing::error!("page: {error}");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Система временно недоступна. Всё, что вы ввели, осталось на этой странице: не \
                 закрывайте её и нажмите кнопку через несколько минут.",
            )
        }
    };
    let context = json!({
        "title": "Сведения пока не сохранены",
        "sentences": [sentence],
        "again": pairs,
    });
    let mut page = view::page(status, "problem.html", &context);
    if let Some(words) = unread {
        page.extensions_mut().insert(Unread(words));
    }
    page
}

/// The form is longer than any form of ours.
pub fn too_long() -> Response {
    page(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Слишком много данных",
        &["Форма принимает не больше 2 МБ. Вернитесь назад и сократите ответ."],
    )
}

/// More rows or fields than the form has: nothing of it is read, since the page that shows it again
/// would be as long.
pub fn too_many(sentence: &str) -> Response {
    let sentence = &format!("{sentence}.");
    page(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Слишком много строк",
        &[
            sentence,
            "Ничего не сохранено и не отправлено. То, что вы ввели, осталось в браузере: вернитесь \
             на предыдущую страницу, уберите лишнее и отправьте ещё раз.",
        ],
    )
}

/// A form that was not received.
pub fn unreceived(why: Unreceived) -> Response {
    let back = "Ничего не сохранено и не отправлено. То, что вы ввели, осталось в браузере: \
                вернитесь на предыдущую страницу и отправьте ещё раз";
    match why {
        Unreceived::Full => {
            let again = format!("{back} через минуту.");
            let busy = "Сейчас принимается слишком много данных сразу.";
            let sentences = [busy, again.as_str()];
            let mut response =
                page(StatusCode::SERVICE_UNAVAILABLE, "Сервер сейчас занят", &sentences);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            response
        }
        Unreceived::Slow => {
            let again = format!("{back}, большие файлы — по одному.");
            let slow = "Данные шли слишком медленно, и приём прекращён.";
            page(StatusCode::REQUEST_TIMEOUT, "Ответ не получен целиком", &[slow, &again])
        }
    }
}
