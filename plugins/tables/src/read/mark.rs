//! Whose template is it?

use vekha_proto::v1::Form;

use super::grid::Grid;
use crate::fingerprint;

/// Whether the hidden sheet of a template is this form's; if not, what to do.
pub(crate) fn check(form: &Form, mark: &Grid) -> Result<(), String> {
    let cell = |row: u32| mark.row(row).and_then(|row| row.cell(1)).map(|cell| cell.text());
    let (Some(id), Some(fingerprint)) = (cell(0), cell(1)) else { return Ok(()) };
    if id != form.id {
        let title = cell(2).unwrap_or(id);
        return Err(format!(
            "Это шаблон другой формы — «{title}», а нужна «{}»: скачайте её шаблон и заполните его.",
            form.title
        ));
    }
    if fingerprint != fingerprint::of(form) {
        return Err(format!(
            "Шаблон устарел: форма «{}» с тех пор изменилась. Скачайте новый шаблон и перенесите в \
             него ответы.",
            form.title
        ));
    }
    Ok(())
}
