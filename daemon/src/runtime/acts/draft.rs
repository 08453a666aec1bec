//! What was typed into a form and is not sent yet.

use vekha_engine::{AssignmentKey, RunKey};
use vekha_roadmap::answers::Values;

use super::answer::OnPage;
use crate::runtime::Runtime;
use crate::runtime::documents::uploads::name_files;
use crate::store::StoreError;
use crate::store::write::drafts::{NewDraft, Saved};

impl Runtime {
    /// Keeps a draft, unless its writer has not seen what it would replace.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_draft(
        &self,
        run: &RunKey,
        assignment: &AssignmentKey,
        answers: &Values,
        page: &OnPage,
    ) -> Result<Saved, StoreError> {
        let owner = format!("{run}/{assignment}");
        let asked = match name_files(answers) {
            true => self.asked(run, assignment).await?,
            false => None,
        };
        if let Some(form) = asked.as_ref().and_then(|asked| asked.form(run, assignment)) {
            // Those that are there are held for the draft; that others are not is told to who sends
            // it.
            self.missing_files(&form, &owner, answers, false).await?;
        }
        let draft = NewDraft { assignment: &owner, answers, basis: page.basis, page: &page.once };
        self.store.save_draft(draft, self.clock.now()).await
    }
}
