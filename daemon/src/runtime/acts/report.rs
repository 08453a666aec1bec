//! A report on a measure by its holder.

use serde_json::json;
use vekha_engine::run::measure_stage;
use vekha_engine::{AssignmentKey, Origin, Refusal, RunKey};
use vekha_roadmap::answers::Values;

use super::answer::NewAnswer;
use crate::forms::reports::DOCUMENT;
use crate::runtime::committer::{Answered, Caller};
use crate::runtime::documents::uploads::{NewFile, Upload};
use crate::runtime::{AskError, Runtime};

impl Runtime {
    /// Reports on the measure of this number, from 1; without a file what was proved before stays
    /// proved.
    ///
    /// # Errors
    /// As [`Runtime::answer`]; wrong fields are those of the form that reports are.
    pub async fn report_measure(
        &self,
        run: RunKey,
        number: usize,
        text: String,
        proof: Option<NewFile>,
        by: Caller,
    ) -> Result<Answered, AskError> {
        let measure = self.store.measure(&run, number).await?;
        let measure = measure.ok_or_else(|| Refusal::NotFound(format!("мера {run}/{number}")))?;
        let mut answers = Values::from_iter([("report".to_owned(), text.into())]);
        if let (None, Some(document)) = (&proof, &measure.document) {
            answers.insert(DOCUMENT.to_owned(), json!(document));
        }
        let upload = |NewFile { name, bytes }| Upload { field: DOCUMENT.to_owned(), name, bytes };
        let new = NewAnswer {
            run,
            assignment: AssignmentKey::new(&measure_stage(number), &measure.organisation),
            answers,
            files: proof.map(upload).into_iter().collect(),
            origin: Origin::Api,
            page: None,
        };
        self.answer(new, by).await
    }
}
