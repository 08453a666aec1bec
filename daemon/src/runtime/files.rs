//! Files of answers: whether an answer names only files that are there.

use sea_orm::DbErr;
use serde_json::Value;
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{FieldKind, Form};

use super::Runtime;

impl Runtime {
    /// The fields whose file was never kept for this assignment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn missing_files(
        &self,
        form: &Form,
        assignment: &str,
        answers: &Values,
    ) -> Result<Vec<FieldError>, DbErr> {
        let named: Vec<(&str, &str)> = form
            .fields
            .iter()
            .filter(|field| matches!(field.kind, FieldKind::File(_)))
            .filter_map(|field| {
                let hash = answers.get(&field.id)?.get("sha256").and_then(Value::as_str)?;
                Some((field.id.as_str(), hash))
            })
            .collect();
        if named.is_empty() {
            return Ok(vec![]);
        }
        let kept = self.store.files_of(assignment).await?;
        let missing = named.into_iter().filter(|(_, hash)| !kept.iter().any(|k| k == hash));
        let wrong = |(field, _): (&str, &str)| FieldError {
            field: field.to_owned(),
            message: "файл не получен: выберите его ещё раз".to_owned(),
        };
        Ok(missing.map(wrong).collect())
    }
}
