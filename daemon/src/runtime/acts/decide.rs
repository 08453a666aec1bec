//! A decision of the authority with its files: recorded, corrected, added to.

use vekha_engine::{Command, NewAttachment, NewDocument, NewMeasure, RunKey};
use vekha_roadmap::answers::FieldError;

use crate::runtime::committer::{Answered, Caller};
use crate::runtime::documents::uploads::{NewFile, attachment};
use crate::runtime::{Ask, AskError, Runtime};
use crate::store::write::files::of_decisions;

/// Which decision it is.
#[derive(Debug)]
pub enum Decides {
    /// One that a stage awaits, by the stage's id; what it orders, none for the road map's own
    /// measures.
    Stage(String, Option<Vec<NewMeasure>>),
    /// One that corrects another.
    Correction {
        /// The other's number, from 1.
        of: usize,
        /// What it orders.
        measures: Vec<NewMeasure>,
        /// What the other ordered and is not done yet is not asked for any more.
        withdraw: bool,
    },
}

impl Runtime {
    /// Records a decision and keeps what is attached to it, or tells all that is wrong; `wrong` is
    /// what could not even be read of it.
    ///
    /// # Errors
    /// Why it was not recorded; files are the fields `attachments[0].name` and so on.
    pub async fn decide(
        &self,
        run: RunKey,
        decides: Decides,
        document: NewDocument,
        files: Vec<NewFile>,
        wrong: Vec<FieldError>,
        by: Caller,
    ) -> Result<Answered, AskError> {
        let command = |attachments| {
            let document = NewDocument { attachments, ..document };
            match decides {
                Decides::Stage(stage, measures) => {
                    Command::RecordDecision { stage, document, measures }
                }
                Decides::Correction { of, measures, withdraw } => {
                    Command::CorrectDecision { decision: of, document, measures, withdraw }
                }
            }
        };
        self.with_attachments(run, command, files, wrong, by).await
    }

    /// Attaches a file to the decision of this number, from 1.
    ///
    /// # Errors
    /// Why it was not attached; the file is the field `attachments[0].name`.
    pub async fn attach(
        &self,
        run: RunKey,
        decision: usize,
        file: NewFile,
        by: Caller,
    ) -> Result<Answered, AskError> {
        let command = |files| Command::AttachToDecision { decision, files };
        self.with_attachments(run, command, vec![file], vec![], by).await
    }

    async fn with_attachments(
        &self,
        run: RunKey,
        command: impl FnOnce(Vec<NewAttachment>) -> Command,
        files: Vec<NewFile>,
        mut wrong: Vec<FieldError>,
        by: Caller,
    ) -> Result<Answered, AskError> {
        let mut attachments = Vec::new();
        for (place, file) in files.iter().enumerate() {
            let (attachment, why) = attachment(file);
            let field = || format!("attachments[{place}].name");
            wrong.extend(why.map(|message| FieldError { field: field(), message }));
            attachments.push(attachment);
        }
        let ask = Ask::Step(command(attachments));
        let files = files.into_iter().map(|file| file.bytes).collect();
        self.act_keeping((&of_decisions(&run), files), wrong, run, ask, by).await
    }
}
