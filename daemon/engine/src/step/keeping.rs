//! Who of the department sees to a run, and what people say of it among themselves.

use vekha_roadmap::answers::FieldError;

use super::Transition;
use crate::entry::Happened;
use crate::limits;
use crate::refusal::Refusal;

impl Transition<'_> {
    pub(super) fn entrust(&mut self, to: String) -> Result<(), Refusal> {
        let to = to.trim().to_owned();
        held("to", &to, limits::KEEPER, false)?;
        if to == self.run.keeper {
            let message = match to.as_str() {
                "" => "выполнение и так ни за кем",
                _ => "выполнение и так за этим сотрудником",
            };
            let (field, message) = ("to".to_owned(), message.to_owned());
            return Err(Refusal::Invalid(vec![FieldError { field, message }]));
        }
        self.run.keeper.clone_from(&to);
        self.record(Happened::Entrusted { to });
        Ok(())
    }

    pub(super) fn remark(&mut self, text: String) -> Result<(), Refusal> {
        let text = text.trim().to_owned();
        if text.is_empty() {
            let (field, message) = ("text".to_owned(), "напишите заметку".to_owned());
            return Err(Refusal::Invalid(vec![FieldError { field, message }]));
        }
        held("text", &text, limits::REMARK, true)?;
        self.record(Happened::Remarked { text });
        Ok(())
    }
}

fn held(field: &str, text: &str, longest: usize, lines: bool) -> Result<(), Refusal> {
    let long = text.chars().count() > longest;
    let wrong = match long {
        true => Some(FieldError {
            field: field.to_owned(),
            message: format!("не длиннее {longest} знаков"),
        }),
        false => limits::text(field, text, lines),
    };
    wrong.map_or(Ok(()), |wrong| Err(Refusal::Invalid(vec![wrong])))
}
