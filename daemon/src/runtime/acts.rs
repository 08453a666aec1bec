//! What people and systems do, for every listener alike: pages, the contract, sources. An act takes
//! what the caller said, does all that belongs to it (files are kept, what is wrong is told at once,
//! the change is committed, the loops look at what follows) and returns what came to be.

pub mod access;
pub mod amend;
pub mod answer;
pub mod apply;
pub mod backups;
pub mod begin;
pub mod calendars;
pub mod decide;
pub mod draft;
pub mod exports;
pub mod letters;
pub mod listeners;
pub mod open;
pub mod pause;
mod repeat;
pub mod report;

use std::collections::BTreeSet;

use vekha_engine::{Refusal, RunKey};
use vekha_roadmap::answers::FieldError;

use crate::runtime::committer::{Answered, Caller, Done, Task};
use crate::runtime::{Ask, AskError, Runtime};

impl Runtime {
    /// Does something to a run; returns once it is committed.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act(&self, run: RunKey, ask: Ask, by: Caller) -> Result<Answered, AskError> {
        let tried = by.validate_only;
        let answered = self.committer.carry_out(Task { run, ask, by, job: None }).await?;
        if !tried {
            self.nudge();
        }
        Ok(answered)
    }

    /// The same of what comes with files, which are kept for this owner: of what is refused, or only
    /// tried, none is.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act_keeping(
        &self,
        (owner, files): (&str, Vec<Vec<u8>>),
        wrong: Vec<FieldError>,
        run: RunKey,
        ask: Ask,
        by: Caller,
    ) -> Result<Answered, AskError> {
        if !files.is_empty() && !by.validate_only {
            let tried = self.act_if_right(wrong.clone(), run.clone(), ask.clone(), by.on_trial());
            let tried = tried.await?;
            if tried.done == Done::Before {
                return Ok(tried);
            }
            for content in files {
                self.store.keep_file(owner, content, self.clock.now()).await?;
            }
        }
        self.act_if_right(wrong, run, ask, by).await
    }

    /// The same of what may not even have been read whole: what is wrong with that is told together
    /// with what the engine refuses, and nothing is done.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act_if_right(
        &self,
        wrong: Vec<FieldError>,
        run: RunKey,
        ask: Ask,
        by: Caller,
    ) -> Result<Answered, AskError> {
        if wrong.is_empty() {
            return self.act(run, ask, by).await;
        }
        let mut all = wrong;
        match self.act(run, ask, by.on_trial()).await {
            Err(AskError::Refused(Refusal::Invalid(more))) => {
                let known: BTreeSet<String> = all.iter().map(|e| e.field.clone()).collect();
                all.extend(more.into_iter().filter(|e| !known.contains(&e.field)));
            }
            Err(e) => return Err(e),
            Ok(_) => {}
        }
        Err(Refusal::Invalid(all).into())
    }
}
