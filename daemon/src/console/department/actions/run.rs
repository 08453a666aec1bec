//! Whether the run goes on: start without waiting, leave out, try again, call off.

use serde_json::{Value, json};
use vekha_engine::{Answer, Command, Offer};
use vekha_roadmap::answers::{FieldError, Values};

use super::sheet::{Page, text};
use super::{About, Scene, Step, sheet};

pub(super) fn steps(about: &About, values: &Values) -> Result<Vec<Step>, Vec<FieldError>> {
    let reason = text(values, "reason");
    let command = match about {
        About::Proceed => Command::AnswerQuestion(Answer::Proceed),
        About::Skip => Command::Skip { reason },
        About::Retry => Command::Retry,
        _ => Command::Cancel { reason },
    };
    Ok(vec![Step::new(command)])
}

/// The forms that the run's state allows.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let waits = scene.offers(&Offer::AnswerQuestion);
    let failed = scene.offers(&Offer::Retry);
    let show = |offered: bool, about: &About| {
        let form = offered.then(|| sheet(about, scene)).flatten();
        form.map(|form| form.show(page))
    };
    json!({
        "proceed": show(waits, &About::Proceed),
        // One that has begun is called off rather than left out.
        "skip": show(scene.offers(&Offer::Skip) && (waits || failed), &About::Skip),
        "retry": show(failed, &About::Retry),
        "cancel": show(scene.offers(&Offer::Cancel), &About::Cancel),
    })
}
