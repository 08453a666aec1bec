//! What people see in a browser: the schools' pages behind personal links and the administrator's
//! pages.
//!
//! Server-rendered HTML that works without JavaScript; nothing comes from elsewhere. A school's
//! page is opened by its link alone and shows that one assignment; the department's pages are for
//! people who have signed in, each page for those whose role allows it, and what is done there is
//! done under their names. Pages show and pass on: whatever the rules are, they are in the engine.

mod daemon;
mod definitions;
mod department;
mod frame;
mod help;
mod people;
mod school;
mod subscriptions;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
pub(crate) mod year;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::SERVER;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use self::department::{
    activity, administrator, answers, calendar, chronicle, correction, decision, exports, figures,
    journal, letters, live, organisation, organisations, outbox, participants, preview, report,
    run, search, submission, today,
};
use self::frame::access::Needed;
use self::frame::{access, assets, header, origin, packed, posted, problem};
use self::school::{export, extension, link, represented, spreadsheet, uploads};
use self::year::{completeness, decisions, effects, evidence, recommendations};
use crate::access::Role;
use crate::access::gate::Gate;
use crate::access::provider;
use crate::runtime::Runtime;
use crate::runtime::views::troubles::Trouble;
use crate::unread;

pub(crate) use self::frame::origin::is_own;
pub(crate) use self::frame::problem::unavailable;
pub use self::frame::problem::{misdirected, unreceived};

/// Longest form that is read, in bytes.
const LONGEST_FORM: usize = 2 * 1024 * 1024;

/// A page of the department: where it is, who may look at it, who may act there, and what it is.
struct Page {
    path: &'static str,
    needed: Needed,
    route: MethodRouter<Arc<Runtime>>,
}

/// All pages of the department: one that has no roles does not compile.
fn pages() -> Vec<Page> {
    use Role::{Administrator, Approver, Operator, Representative, Viewer};
    let page = |reads, acts, path, route| Page { path, needed: Needed { reads, acts }, route };
    let looks = |path, route| page(Viewer, Viewer, path, route);
    let works = |path, route| page(Viewer, Operator, path, route);
    let administers = |path, route| page(Administrator, Administrator, path, route);
    let with_files = || DefaultBodyLimit::max(posted::LONGEST_WITH_FILES);
    vec![
        looks("/", get(administrator::home)),
        looks("/today", get(today::show)),
        page(Representative, Representative, "/help", get(help::show)),
        page(Representative, Representative, "/own", get(represented::show)),
        looks("/today/live", get(live::today)),
        looks("/m/{municipality}/live", get(live::municipality)),
        looks("/m/{municipality}", get(administrator::municipality)),
        looks("/m/{municipality}/completeness", get(completeness::show)),
        looks("/m/{municipality}/completeness.xlsx", get(completeness::as_spreadsheet)),
        looks("/m/{municipality}/decisions", get(decisions::show)),
        looks("/m/{municipality}/decisions.xlsx", get(decisions::as_spreadsheet)),
        looks("/m/{municipality}/effects", get(effects::show)),
        looks("/m/{municipality}/effects.xlsx", get(effects::as_spreadsheet)),
        looks("/m/{municipality}/evidence.zip", get(evidence::archive)),
        looks("/m/{municipality}/recommendations", get(recommendations::show)),
        looks("/m/{municipality}/recommendations.xlsx", get(recommendations::as_spreadsheet)),
        looks("/m/{municipality}/organisations", get(organisations::show)),
        works(
            "/m/{municipality}/organisations/{code}",
            get(organisation::show).post(organisation::act),
        ),
        page(Operator, Operator, "/m/{municipality}/letters", get(outbox::show).post(outbox::act)),
        // A letter holds the link by which its addressee answers.
        page(Operator, Operator, "/m/{municipality}/letters/{id}", get(letters::show)),
        works("/m/{municipality}/journal", get(chronicle::show).post(chronicle::act)),
        looks("/m/{municipality}/search", get(search::show)),
        looks("/m/{municipality}/preview", get(preview::show)),
        looks("/m/{municipality}/year", get(calendar::show)),
        administers(
            "/begin",
            get(definitions::show_beginning).post(definitions::begin).layer(with_files()),
        ),
        administers("/daemon", get(daemon::show).post(daemon::act)),
        administers(
            "/daemon/listeners/{listener}",
            get(daemon::show_listener).post(daemon::act_on_listener),
        ),
        administers("/m/{municipality}/definitions", get(definitions::overview)),
        administers(
            "/m/{municipality}/definitions/activities/{activity}",
            get(definitions::show_activity).post(definitions::act_on_activity),
        ),
        administers(
            "/m/{municipality}/definitions/letters/{letter}",
            get(definitions::show_letter).post(definitions::act_on_letter),
        ),
        administers("/m/{municipality}/definitions/versions", get(definitions::versions)),
        administers(
            "/m/{municipality}/definitions/versions/{version}",
            get(definitions::show_version).post(definitions::act_on_version),
        ),
        administers("/m/{municipality}/definitions/road-map.zip", get(definitions::download)),
        administers(
            "/m/{municipality}/definitions/archive",
            get(definitions::show_archive).post(definitions::upload).layer(with_files()),
        ),
        works("/runs/{municipality}/{activity}", get(activity::show).post(activity::act)),
        works(
            "/runs/{municipality}/{activity}/{run}",
            get(run::show).post(run::act).layer(with_files()),
        ),
        looks("/runs/{municipality}/{activity}/{run}/participants", get(participants::show)),
        looks("/runs/{municipality}/{activity}/{run}/answers", get(answers::show)),
        looks("/runs/{municipality}/{activity}/{run}/answers.xlsx", get(answers::as_spreadsheet)),
        looks("/runs/{municipality}/{activity}/{run}/figures/{stage}", get(figures::show)),
        looks("/runs/{municipality}/{activity}/{run}/journal", get(journal::show)),
        page(
            Operator,
            Operator,
            "/runs/{municipality}/{activity}/{run}/exports/{stage}",
            get(exports::show).post(exports::act).layer(with_files()),
        ),
        looks("/runs/{municipality}/{activity}/{run}/reports/{stage}", get(report::show)),
        looks("/runs/{municipality}/{activity}/{run}/reports/{stage}/{form}", get(report::as_file)),
        looks("/runs/{municipality}/{activity}/{run}/published/{file}", get(report::published)),
        page(
            Approver,
            Approver,
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/correction",
            get(correction::show).post(correction::act).layer(with_files()),
        ),
        looks(
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/document.docx",
            get(decision::document),
        ),
        looks(
            "/runs/{municipality}/{activity}/{run}/decisions/{number}/attachments/{place}/{name}",
            get(decision::attachment),
        ),
        works(
            "/runs/{municipality}/{activity}/{run}/answers/{assignment}",
            get(submission::show).post(submission::act),
        ),
        looks(
            "/runs/{municipality}/{activity}/{run}/answers/{assignment}/files/{sha256}/{name}",
            get(uploads::of_answer),
        ),
        page(Representative, Representative, "/me", get(people::own::show).post(people::own::act)),
        administers("/people", get(people::list_people).post(people::add_person)),
        administers("/people/{person}", get(people::show_person).post(people::act_on_person)),
        administers("/tokens", get(people::list_tokens).post(people::act_on_tokens)),
    ]
}

/// All pages of the daemon.
pub fn router(runtime: Arc<Runtime>, gate: Arc<Gate>) -> Router {
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
        .route("/a/{token}/calendar", post(subscriptions::subscribe))
        .route("/calendar/{file}", get(subscriptions::read))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .route("/a/{token}/form.xlsx", get(spreadsheet::template))
        .merge(
            Router::new()
                .route("/a/{token}/table", post(spreadsheet::upload))
                .layer(DefaultBodyLimit::max(spreadsheet::LONGEST_UPLOAD)),
        )
        .layer(middleware::from_fn_with_state(gate.clone(), access::visitor))
        .layer(middleware::map_response(header::unlisted));
    let open = Router::new()
        .route("/assets/style.css", get(assets::style))
        .route("/assets/form.js", get(assets::script))
        .route("/assets/live.js", get(assets::live))
        .route("/assets/passkey.js", get(assets::passkey))
        .layer(packed::layer())
        .route("/healthz", get(health));
    // Whoever signs in is not yet known; another site must not do it for them.
    let doors = Router::new()
        .route("/sign-in", get(people::sign_in::show).post(people::sign_in::act))
        .route("/sign-in/passkey", post(people::passkeys::sign_in))
        .route("/sign-in/passkey/begin", post(people::passkeys::begin))
        .route("/sign-in/oidc", get(people::provider::begin))
        .route(provider::CALLBACK, get(people::provider::back))
        .route(provider::SIGNED_OUT, get(people::provider::out))
        .route("/sign-out", post(people::sign_in::out))
        .route("/welcome/{secret}", get(people::welcome::show).post(people::welcome::act))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(Extension(gate.clone()))
        .layer(middleware::from_fn(origin::own))
        .layer(middleware::map_response(header::unlisted))
        .layer(middleware::map_response(header::own_origin));
    let (mut department, mut needed) = (Router::new(), HashMap::new());
    for page in pages() {
        department = department.route(page.path, page.route);
        needed.insert(page.path, page.needed);
    }
    let department = department
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(packed::layer())
        .route_layer(middleware::from_fn_with_state(
            access::Pages { gate, needed: Arc::new(needed) },
            access::require,
        ))
        .layer(middleware::from_fn(origin::own))
        .layer(middleware::map_response(header::own_origin));
    Router::new()
        .merge(department)
        .merge(doors)
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
    // By this the command line knows whose port it has called.
    (status, [(SERVER, "vekha")], body).into_response()
}
