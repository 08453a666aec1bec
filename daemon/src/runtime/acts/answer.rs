//! An answer to an assignment: to a form, to recommendations, on a measure.

use std::borrow::Cow;
use std::sync::Arc;

use vekha_engine::run::{Assignment, AssignmentKind};
use vekha_engine::{AssignmentKey, Command, Origin, RunKey};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::Form;

use crate::forms::reports;
use crate::runtime::committer::{Answered, Caller};
use crate::runtime::documents::uploads::{Upload, judged, name_files};
use crate::runtime::road_maps::Version;
use crate::runtime::{Ask, AskError, Runtime};
use crate::store::StoreError;
use crate::store::document;
use crate::store::write::drafts::Basis;

/// An answer, as it was given.
#[derive(Debug)]
pub struct NewAnswer {
    /// The run.
    pub run: RunKey,
    /// What is answered.
    pub assignment: AssignmentKey,
    /// Answers by field, as typed; files among them are those that were kept before.
    pub answers: Values,
    /// Files that come with it.
    pub files: Vec<Upload>,
    /// Through what.
    pub origin: Origin,
    /// The page that it was typed on.
    pub page: Option<OnPage>,
}

/// A page on which somebody typed.
#[derive(Debug, Clone, Default)]
pub struct OnPage {
    /// What stood in the database when the page was made; none if the page did not say.
    pub basis: Option<Basis>,
    /// The page's own mark; empty if it has none.
    pub once: String,
}

/// What an assignment asks for, by the road map that its run keeps.
#[derive(Debug)]
pub struct Asked {
    version: Arc<Version>,
    kind: AssignmentKind,
}

impl Asked {
    /// Its form; none if the road map lacks it.
    pub fn form(&self, run: &RunKey, key: &AssignmentKey) -> Option<Cow<'_, Form>> {
        reports::of_assignment(&self.version.road_map, run, key, self.kind)
    }
}

impl Runtime {
    /// Takes an answer: keeps its files, unless it is refused, and commits it.
    ///
    /// # Errors
    /// What is wrong with it, all at once; [`AskError::Stale`] if its writer has not seen what
    /// somebody else wrote meanwhile, as a draft, too.
    pub async fn answer(&self, new: NewAnswer, by: Caller) -> Result<Answered, AskError> {
        let NewAnswer { run, assignment, mut answers, files, origin, page } = new;
        let owner = format!("{run}/{assignment}");
        if let Some(page) = &page
            && self.hides_a_draft(&owner, page).await?
        {
            return Err(AskError::Stale);
        }
        let asked = match files.is_empty() && !name_files(&answers) {
            true => None,
            false => self.asked(&run, &assignment).await?,
        };
        let form = asked.as_ref().and_then(|asked| asked.form(&run, &assignment));
        let mut wrong = Vec::new();
        if let Some(form) = form.as_deref() {
            for file in &files {
                match judged(form, file) {
                    Ok(said) => drop(answers.insert(file.field.clone(), said)),
                    Err(error) => wrong.push(error),
                }
            }
            let came = |e: &FieldError| files.iter().any(|file| file.field == e.field);
            let missing = self.missing_files(form, &owner, &answers, by.validate_only).await?;
            wrong.extend(missing.into_iter().filter(|e| !came(e)));
        }
        let submit = Command::Submit { assignment: assignment.clone(), answers, origin };
        let ask = Ask::Step(submit);
        let trial = by.validate_only;
        let files = files.into_iter().map(|file| file.bytes).collect();
        let answered = self.act_keeping((&owner, files), wrong, run, ask, by).await?;
        if let Some(OnPage { basis: Some(basis), once }) = page.filter(|_| !trial) {
            // A draft that came between that look and the commit is not hidden by the answer.
            if let Err(e) = self.store.reveal_draft(&owner, basis, &once).await {
                tracing::error!("a draft beside an answer was not looked for: {e}");
            }
        }
        Ok(answered)
    }

    /// Whether somebody has kept a draft that the page's writer has not seen.
    async fn hides_a_draft(&self, assignment: &str, page: &OnPage) -> Result<bool, StoreError> {
        let Some(basis) = page.basis else { return Ok(false) };
        let draft = self.store.draft(assignment).await?;
        Ok(draft.is_some_and(|draft| {
            draft.revision != basis.draft && (page.once.is_empty() || draft.page != page.once)
        }))
    }

    /// What an assignment asks for; none if there is no such assignment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn asked(
        &self,
        run: &RunKey,
        key: &AssignmentKey,
    ) -> Result<Option<Asked>, StoreError> {
        let Some(row) = self.store.assignment(&format!("{run}/{key}")).await? else {
            return Ok(None);
        };
        let kind = document::<Assignment>(&row.id, &row.body)?.kind;
        let version = self.version_of(run).await?;
        Ok(version.map(|version| Asked { version, kind }))
    }
}
