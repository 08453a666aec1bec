//! What people see in a browser: the schools' pages behind personal links and the administrator's
//! pages.
//!
//! Server-rendered HTML that works without JavaScript; nothing comes from elsewhere. A school's
//! page is opened by its link alone and shows that one assignment; the administrator's pages ask
//! for the access token, and do what they do under the name that was given with it. Pages show and
//! pass on: whatever the rules are, they are in the engine.

mod department;
mod frame;
mod school;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
mod year;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::department::{
    activity, administrator, answers, calendar, correction, decision, exports, figures, journal,
    letters, organisation, organisations, participants, preview, report, run, search, submission,
};
use self::frame::{access, assets, header, origin, packed, posted, problem};
use self::school::{export, extension, link, spreadsheet, uploads};
use self::year::{completeness, decisions, effects, evidence, recommendations};
use crate::runtime::Runtime;
use crate::runtime::views::troubles::Trouble;
use crate::unread;

pub(crate) use self::frame::origin::is_own;
pub(crate) use self::frame::problem::unavailable;
pub use self::frame::problem::{misdirected, unreceived};

/// Longest form that is read, in bytes.
const LONGEST_FORM: usize = 2 * 1024 * 1024;

/// All pages of the daemon. `token` is the administrator's; empty if none is asked for.
pub fn router(runtime: Arc<Runtime>, token: String) -> Router {
    let schools = Router::new()
        .route(
            "/a/{token}",
            get(link::show)
                .post(link::answer)
                .layer(DefaultBodyLimit::max(posted::LONGEST_WITH_FILES)),
        )
        .route(
            "/a/{token}/export",
            post(export::upload).layer(DefaultBodyLimit::max(posted::LONGEST_WITH_FILES)),
        )
        .route("/a/{token}/files/{sha256}/{name}", get(uploads::of_link))
        .route("/a/{token}/extension", post(extension::ask))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .route("/a/{token}/form.xlsx", get(spreadsheet::template))
        .merge(
            Router::new()
                .route("/a/{token}/table", post(spreadsheet::upload))
                .layer(DefaultBodyLimit::max(spreadsheet::LONGEST_UPLOAD)),
        )
        .layer(middleware::map_response(header::unlisted));
    let open = Router::new()
        .route("/assets/style.css", get(assets::style))
        .route("/assets/form.js", get(assets::script))
        .layer(packed::layer())
        .route("/healthz", get(health));
    let access = access::Access::new(&token);
    let administrator = Router::new()
        .route("/", get(administrator::home))
        .route("/m/{municipality}", get(administrator::municipality))
        .route("/m/{municipality}/completeness", get(completeness::show))
        .route("/m/{municipality}/completeness.xlsx", get(completeness::as_spreadsheet))
        .route("/m/{municipality}/decisions", get(decisions::show))
        .route("/m/{municipality}/decisions.xlsx", get(decisions::as_spreadsheet))
        .route("/m/{municipality}/effects", get(effects::show))
        .route("/m/{municipality}/effects.xlsx", get(effects::as_spreadsheet))
        .route("/m/{municipality}/evidence.zip", get(evidence::archive))
        .route("/m/{municipality}/recommendations", get(recommendations::show))
        .route("/m/{municipality}/recommendations.xlsx", get(recommendations::as_spreadsheet))
        .route("/m/{municipality}/organisations", get(organisations::show))
        .route("/m/{municipality}/organisations/{code}", get(organisation::show))
        .route("/m/{municipality}/letters/{id}", get(letters::show))
        .route("/m/{municipality}/search", get(search::show))
        .route("/m/{municipality}/year", get(calendar::show))
        .route("/m/{municipality}/preview", get(preview::show))
        .route("/runs/{municipality}/{activity}", get(activity::show).post(activity::act))
        .route(
            "/runs/{municipality}/{activity}/{run}",
            get(run::show).post(run::act).layer(DefaultBodyLimit::max(posted::LONGEST_WITH_FILES)),
        )
        .route("/runs/{municipality}/{activity}/{run}/participants", get(participants::show))
        .route("/runs/{municipality}/{activity}/{run}/answers", get(answers::show))
        .route("/runs/{municipality}/{activity}/{run}/answers.xlsx", get(answers::as_spreadsheet))
        .route("/runs/{municipality}/{activity}/{run}/figures/{stage}", get(figures::show))
        .route("/runs/{municipality}/{activity}/{run}/journal", get(journal::show))
        .route(
            "/runs/{municipality}/{activity}/{run}/exports/{stage}",
            get(exports::show)
                .post(exports::act)
                .layer(DefaultBodyLimit::max(posted::LONGEST_WITH_FILES)),
        )
        .route("/runs/{municipality}/{activity}/{run}/reports/{stage}", get(report::show))
        .route("/runs/{municipality}/{activity}/{run}/reports/{stage}/{form}", get(report::as_file))
        .route("/runs/{municipality}/{activity}/{run}/published/{file}", get(report::published))
        .route(
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/correction",
            get(correction::show)
                .post(correction::act)
                .layer(DefaultBodyLimit::max(posted::LONGEST_WITH_FILES)),
        )
        .route(
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/document.docx",
            get(decision::document),
        )
        .route(
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/attachments/{place}/{name}",
            get(decision::attachment),
        )
        .route(
            "/runs/{municipality}/{activity}/{run}/answers/{assignment}",
            get(submission::show).post(submission::act),
        )
        .route(
            "/runs/{municipality}/{activity}/{run}/answers/{assignment}/files/{sha256}/{name}",
            get(uploads::of_answer),
        )
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(packed::layer())
        .layer(middleware::from_fn(origin::own))
        .route_layer(middleware::from_fn_with_state(access, access::require))
        .layer(middleware::map_response(header::own_origin));
    Router::new()
        .merge(administrator)
        .merge(schools)
        .merge(open)
        .fallback(problem::no_such_page)
        .layer(middleware::map_response(header::secure))
        .layer(middleware::map_response_with_state(runtime.clone(), unread::note))
        .with_state(runtime)
}

/// Whether the daemon can work: its database answers and takes what is written. What else is wrong is
/// named in a word each; what it is in detail is for those who may see it.
async fn health(State(runtime): State<Arc<Runtime>>) -> Response {
    // While it is ill, the daemon asks it often enough by itself; that writes, and anybody may call here.
    if runtime.wellbeing().borrow().is_none() {
        runtime.feel_pulse(false).await;
    }
    let troubles = runtime.troubles();
    let works = |t: &Trouble| !matches!(t, Trouble::Unsound | Trouble::Database(_));
    let status = match troubles.iter().all(works) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut kinds: Vec<&str> = troubles.iter().map(Trouble::kind).collect();
    kinds.dedup();
    let body = if kinds.is_empty() { "ok".to_owned() } else { kinds.join("\n") };
    (status, body).into_response()
}
