//! Templates: parts of the binary, escaped as HTML, given a context and nothing else.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use crate::console::frame::assets;
use crate::console::frame::controls::Controls;

macro_rules! templates {
    ($environment:ident, $($name:literal),* $(,)?) => {
        $($environment
            .add_template($name, include_str!(concat!("templates/", $name)))
            .expect("a test renders every template");)*
    };
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters do not clash"));
    // To print what is not there is a mistake of ours; to ask for it is not.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.add_global("style_url", assets::STYLE_URL.as_str());
    environment.add_global("script_url", assets::SCRIPT_URL.as_str());
    environment.add_global("live_url", assets::LIVE_URL.as_str());
    environment.add_global("passkey_url", assets::PASSKEY_URL.as_str());
    environment.add_global("controls", minijinja::Value::from_object(Controls));
    templates!(
        environment,
        "base.html",
        "link.html",
        "given.html",
        "decided.html",
        "seen.html",
        "conflict.html",
        "collect.html",
        "acknowledge.html",
        "measure.html",
        "problem.html",
        "admin.html",
        "municipalities.html",
        "road-map.html",
        "organisations.html",
        "organisation.html",
        "letter.html",
        "outbox.html",
        "search.html",
        "year.html",
        "help.html",
        "represented.html",
        "preview.html",
        "activity.html",
        "actions.html",
        "run-actions.html",
        "drafts.html",
        "decision.html",
        "run.html",
        "run-parts.html",
        "paging.html",
        "participants.html",
        "answers.html",
        "figures.html",
        "chronicle.html",
        "daemon.html",
        "listener.html",
        "listener-parts.html",
        "journal.html",
        "correction.html",
        "understood.html",
        "exports.html",
        "submission.html",
        "completeness.html",
        "recommendations.html",
        "decisions.html",
        "effects.html",
        "report.html",
        "report-page.html",
        "report-file.html",
        "whole.html",
        "today.html",
        "access-parts.html",
        "sign-in.html",
        "signed-out.html",
        "not-let-in.html",
        "resend.html",
        "welcome.html",
        "own.html",
        "calendar.html",
        "calendar-parts.html",
        "people.html",
        "person.html",
        "tokens.html",
        "definition-parts.html",
        "definitions.html",
        "definition.html",
        "definition-change.html",
        "definition-versions.html",
        "definition-version.html",
        "definition-archive.html",
        "begin.html",
        "begin-look.html",
        "evidence/index.html",
        "evidence/activity.html",
    );
    environment
});

/// A template with what it shows.
pub fn rendered(template: &str, context: &Value) -> Result<String, minijinja::Error> {
    TEMPLATES.get_template(template)?.render(minijinja::Value::from(Serde(context)))
}

/// A page.
pub fn page(status: StatusCode, template: &str, context: &Value) -> Response {
    match rendered(template, context) {
        Ok(html) => (status, Html(html)).into_response(),
        Err(e) => {
            tracing::error!("page {template}: {e:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, "страница не построена, см. журнал демона")
                .into_response()
        }
    }
}
