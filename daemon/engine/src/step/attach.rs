//! Files that join decisions: a scan of what was signed, an annex. They are never taken away.

use vekha_roadmap::answers::{FieldError, check_file};
use vekha_roadmap::model::FileRule;

use super::Transition;
use crate::command::NewAttachment;
use crate::entry::Happened;
use crate::limits::ATTACHMENTS;
use crate::refusal::Refusal;
use crate::run::Attachment;

impl Transition<'_> {
    pub(super) fn attach_to_decision(
        &mut self,
        number: usize,
        files: Vec<NewAttachment>,
    ) -> Result<(), Refusal> {
        let decision = self.run.decision(number)?;
        if files.is_empty() {
            return Err(Refusal::field("attachments", "приложите файл"));
        }
        let errors = wrong_files(&decision.attachments, &files);
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        self.attach(number, files);
        Ok(())
    }

    /// Joins files that were checked to a decision that there is.
    pub(super) fn attach(&mut self, number: usize, files: Vec<NewAttachment>) {
        for NewAttachment { name, size, sha256 } in files {
            self.record(Happened::Attached {
                decision: number,
                name: name.clone(),
                size,
                sha256: sha256.clone(),
            });
            self.run.decisions[number - 1].attachments.push(Attachment {
                name,
                size,
                sha256,
                attached_by: self.actor.to_owned(),
                attached_at: self.now,
            });
            self.out.decisions.insert(number - 1);
        }
    }
}

/// What is wrong with files that are to join those that a decision has.
pub(super) fn wrong_files(before: &[Attachment], files: &[NewAttachment]) -> Vec<FieldError> {
    let rule = FileRule::default();
    let mut errors = Vec::new();
    if before.len() + files.len() > ATTACHMENTS {
        let message = format!("у решения не больше {ATTACHMENTS} файлов");
        errors.push(FieldError { field: "attachments".to_owned(), message });
    }
    for (place, file) in files.iter().enumerate() {
        let mut wrong = |field: &str, message: String| {
            errors.push(FieldError { field: format!("attachments[{place}].{field}"), message });
        };
        if let Err(message) = check_file(&file.name, file.size, &rule) {
            wrong("name", message);
        }
        let digits = file.sha256.len() == 64
            && file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            wrong("sha256", "нужны 64 шестнадцатеричные цифры".to_owned());
        }
        let same = before.iter().any(|known| known.sha256 == file.sha256)
            || files[..place].iter().any(|other| other.sha256 == file.sha256);
        if same {
            wrong("name", "этот файл уже приложен".to_owned());
        }
    }
    errors
}
