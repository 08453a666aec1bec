//! Files of answers and decisions: kept as soon as they come, and an answer names only files that
//! are there.

use jiff::SignedDuration;
use sea_orm::DbErr;
use serde_json::{Value, json};
use vekha_engine::{NewAttachment, RunKey};
use vekha_roadmap::answers::{FieldError, Values, check_file};
use vekha_roadmap::model::{FieldKind, FileRule, Form};

use super::Runtime;
use crate::store::files::{hash, of_decisions};

/// A file that came with an answer.
#[derive(Debug)]
pub struct Upload {
    /// The form's field.
    pub field: String,
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// How long a file stays that nothing refers to: whoever chose it may still be filling in the form.
const STRAY_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Runtime {
    /// Removes files that came with what was refused, or that were replaced before they were sent.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_stray_files(&self) -> Result<u64, DbErr> {
        let Ok(before) = self.clock.now().checked_sub(STRAY_FOR) else { return Ok(0) };
        self.store.remove_stray_files(before).await
    }

    /// Keeps a file that a field of an assignment's form is answered with; one that comes on trial
    /// is only looked at. Returns what the answer then says of it, or what is wrong with it; none
    /// if the form has no such field for a file.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_file(
        &self,
        form: &Form,
        assignment: &str,
        upload: Upload,
        on_trial: bool,
    ) -> Result<Option<Result<Value, FieldError>>, DbErr> {
        let Upload { field, name, bytes } = upload;
        let Some(FieldKind::File(rule)) = form.field(&field).map(|known| &known.kind) else {
            return Ok(None);
        };
        let kept = self.keep(assignment, rule, &name, bytes, on_trial).await?;
        Ok(Some(match kept {
            Ok((size, sha256)) => Ok(json!({ "name": name, "size": size, "sha256": sha256 })),
            Err(message) => Err(FieldError { field, message }),
        }))
    }

    /// Keeps a file that is to be attached to a decision of a run; one that comes on trial is only
    /// looked at. Returns what the decision then says of it, or what is wrong with it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_attachment(
        &self,
        run: &RunKey,
        name: String,
        bytes: Vec<u8>,
        on_trial: bool,
    ) -> Result<Result<NewAttachment, String>, DbErr> {
        let rule = FileRule::default();
        let kept = self.keep(&of_decisions(run), &rule, &name, bytes, on_trial).await?;
        Ok(kept.map(|(size, sha256)| NewAttachment { name, size, sha256 }))
    }

    /// Keeps a file, unless it is wrong or comes on trial. Returns its size and SHA-256.
    async fn keep(
        &self,
        assignment: &str,
        rule: &FileRule,
        name: &str,
        bytes: Vec<u8>,
        on_trial: bool,
    ) -> Result<Result<(u64, String), String>, DbErr> {
        let size = bytes.len() as u64;
        if let Err(message) = check_file(name, size, rule) {
            return Ok(Err(message));
        }
        let sha256 = match on_trial {
            true => hash(&bytes),
            false => self.store.keep_file(assignment, bytes, self.clock.now()).await?,
        };
        Ok(Ok((size, sha256)))
    }

    /// The fields whose file is not kept for this assignment. The others are held until something
    /// refers to them, unless the answers come on trial.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn missing_files(
        &self,
        form: &Form,
        assignment: &str,
        answers: &Values,
        on_trial: bool,
    ) -> Result<Vec<FieldError>, DbErr> {
        let named: Vec<(&str, &str)> = form
            .files()
            .filter_map(|field| {
                let hash = answers.get(&field.id)?.get("sha256").and_then(Value::as_str)?;
                Some((field.id.as_str(), hash))
            })
            .collect();
        if named.is_empty() {
            return Ok(vec![]);
        }
        let hashes: Vec<&str> = named.iter().map(|(_, hash)| *hash).collect();
        let kept = match on_trial {
            true => self.store.files_there(assignment, &hashes).await?,
            false => self.store.hold_files(assignment, &hashes, self.clock.now()).await?,
        };
        let missing = named.into_iter().filter(|(_, hash)| !kept.iter().any(|k| k == hash));
        let wrong = |(field, _): (&str, &str)| FieldError {
            field: field.to_owned(),
            message: "файл не получен: выберите его ещё раз".to_owned(),
        };
        Ok(missing.map(wrong).collect())
    }
}
