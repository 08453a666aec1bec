//! Files of answers and decisions: kept as soon as they come, and an answer names only files that
//! are there.

use jiff::SignedDuration;
use serde_json::{Value, json};
use vekha_engine::NewAttachment;
use vekha_roadmap::answers::{FieldError, Values, check_file};
use vekha_roadmap::model::{FieldKind, FileRule, Form};

use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::store::write::files::hash;

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

/// A file that came by itself.
#[derive(Debug)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Whether answers name a file: else there is nothing to be looked for.
pub fn name_files(answers: &Values) -> bool {
    answers.values().any(|answer| answer.get("sha256").is_some())
}

/// What an answer says of a file that comes with it, or what is wrong with the file.
pub fn judged(form: &Form, upload: &Upload) -> Result<Value, FieldError> {
    let Upload { field, name, bytes } = upload;
    let kind = form.field(field).map(|known| &known.kind);
    let judged = match kind {
        Some(FieldKind::File(rule)) => checked(rule, name, bytes),
        _ => Err("в форме нет такого поля для файла".to_owned()),
    };
    match judged {
        Ok(()) => Ok(json!({ "name": name, "size": bytes.len(), "sha256": hash(bytes) })),
        Err(message) => Err(FieldError { field: field.clone(), message }),
    }
}

/// What a decision says of a file that is attached to it, and what is wrong with the file, if
/// anything.
pub fn attachment(file: &NewFile) -> (NewAttachment, Option<String>) {
    let NewFile { name, bytes } = file;
    let wrong = checked(&FileRule::default(), name, bytes).err();
    let (name, size) = (name.clone(), bytes.len() as u64);
    (NewAttachment { name, size, sha256: hash(bytes) }, wrong)
}

/// What is wrong with a file.
fn checked(rule: &FileRule, name: &str, bytes: &[u8]) -> Result<(), String> {
    check_file(name, bytes.len() as u64, rule)?;
    content(name, bytes)
}

/// How long a file stays that nothing refers to: whoever chose it may still be filling in the form.
const STRAY_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Runtime {
    /// Removes files that came with what was refused, or that were replaced before they were sent.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_stray_files(&self) -> Result<u64, StoreError> {
        let Ok(before) = self.clock.now().checked_sub(STRAY_FOR) else { return Ok(0) };
        self.store.remove_stray_files(before).await
    }

    /// Keeps a file that a field of an assignment's form is answered with. Returns what the answer
    /// then says of it, or what is wrong with it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_file(
        &self,
        form: &Form,
        assignment: &str,
        upload: Upload,
    ) -> Result<Result<Value, FieldError>, StoreError> {
        let judged = judged(form, &upload);
        if judged.is_ok() {
            self.store.keep_file(assignment, upload.bytes, self.clock.now()).await?;
        }
        Ok(judged)
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
    ) -> Result<Vec<FieldError>, StoreError> {
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

/// Where the sign of a PDF may stand at the latest: readers allow for what programs put before it.
const PDF_WITHIN: usize = 1024;

/// Whether a file may be what its name says. Its first bytes tell where the kind has such; what is
/// behind them only its reader knows.
fn content(name: &str, bytes: &[u8]) -> Result<(), String> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
    let begins = |signs: &[&[u8]]| signs.iter().any(|sign| bytes.starts_with(sign));
    let is_it = match ending.as_str() {
        "pdf" => bytes[..bytes.len().min(PDF_WITHIN)].windows(4).any(|part| part == b"%PDF"),
        // Also what LibreOffice and Office call documents, tables and slides: packed folders.
        "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp" | "zip" => begins(&[b"PK\x03\x04"]),
        "doc" | "xls" | "ppt" => begins(&[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]),
        "rtf" => begins(&[b"{\\rtf"]),
        "png" => begins(&[b"\x89PNG\r\n\x1a\n"]),
        "jpg" | "jpeg" => begins(&[b"\xff\xd8\xff"]),
        "gif" => begins(&[b"GIF87a", b"GIF89a"]),
        "tif" | "tiff" => begins(&[b"II*\0", b"MM\0*"]),
        "7z" => begins(&[b"7z\xbc\xaf\x27\x1c"]),
        "rar" => begins(&[b"Rar!\x1a\x07"]),
        _ => true,
    };
    match is_it {
        true => Ok(()),
        false => Err(format!(
            "это не файл .{ending}: он повреждён или переименован — откройте его, сохраните заново и \
             выберите снова"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says_as_far_as_its_first_bytes_tell() {
        let right: [(&str, &[u8]); 8] = [
            ("a.pdf", b"%PDF-1.7"),
            ("a.PDF", b"\xef\xbb\xbf\r\n%PDF-1.4"),
            ("a.docx", b"PK\x03\x04..."),
            ("a.ods", b"PK\x03\x04..."),
            ("a.png", b"\x89PNG\r\n\x1a\n..."),
            ("a.jpg", b"\xff\xd8\xff\xe0..."),
            ("a.txt", b"?"),
            ("a.csv", b""),
        ];
        for (name, bytes) in right {
            assert_eq!(content(name, bytes), Ok(()), "{name}");
        }
        let wrong: [(&str, &[u8]); 6] = [
            ("a.pdf", b"ab"),
            ("a.pdf", b""),
            ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
            ("a.xlsx", b"PK"),
            ("a.png", b"\xff\xd8\xff\xe0"),
            ("a.jpg", b"%PDF-1.7"),
        ];
        for (name, bytes) in wrong {
            let told = content(name, bytes).unwrap_err();
            assert!(told.contains("повреждён или переименован"), "{name}: {told}");
        }
    }
}
