//! Awaiting and recording decisions, and the measures that they order.

use serde_json::json;
use sha2::{Digest, Sha256};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{Decide, Work};
use vekha_roadmap::russian::date_words;
use vekha_roadmap::schedule::due_date;

use super::attach::wrong_files;
use super::{Transition, days_left, due_words};
use crate::command::{DecisionKind, NewDocument, NewMeasure};
use crate::document::Document;
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::limits;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{Decision, MeasureState, measure_stage};

impl Transition<'_> {
    pub(super) fn await_decisions(&mut self, position: usize, decide: &Decide) {
        let due = due_date(&self.road_map.calendar, self.today(), decide.due);
        self.stage_mut(position).due = Some(due);
        self.remind_of_decisions(position, decide);
    }

    /// The titles that a decide stage still waits for.
    pub(super) fn awaited<'d>(&self, stage: &str, decide: &'d Decide) -> &'d [String] {
        decide.awaited(self.run.awaited_decisions(stage))
    }

    pub(super) fn remind_of_decisions(&mut self, position: usize, decide: &Decide) {
        let stage = &self.run.stages[position];
        let Some(due) = stage.due else { return };
        let today = self.today();
        let suffix = format!("{}/decision-due/{today}", stage.id);
        let facts = json!({
            "titles": self.awaited(&stage.id, decide),
            "due": due_words(due),
            "days_left": days_left(self.letters_leave_on(), due),
        });
        self.letter_to_department(LetterKind::DecisionDue, &suffix, Some(due), facts);
    }

    pub(super) fn record_decision(
        &mut self,
        stage: String,
        new: NewDocument,
        measures: Option<Vec<NewMeasure>>,
    ) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let Work::Decide(decide) = &self.activity.stages[position].work else {
            return Err(Refusal::NotFound(format!("этап решения «{stage}»")));
        };
        let kind = new.kind.unwrap_or(decide.document.kind);
        let new = NewDocument { document: numbered(new.document), ..new };
        self.check_document(&new, kind, measures.as_deref().unwrap_or_default())?;
        self.check_new(&new, None)?;
        let about = self.awaited(&stage, decide).first().cloned().unwrap_or_default();
        self.keep_decision(stage.clone(), kind, None, about, new);
        match measures {
            Some(measures) => {
                for measure in measures {
                    self.order(&measure.text, measure.organisations, measure.due);
                }
            }
            // The map's own measures come once, with the decision that completes the stage.
            None if !self.awaited(&stage, decide).is_empty() => {}
            None => {
                for planned in &decide.measures {
                    let due = due_date(&self.road_map.calendar, self.today(), planned.due);
                    self.order(&planned.text, self.participants(&planned.by), due);
                }
            }
        }
        if self.awaited(&stage, decide).is_empty() {
            self.complete_stage(position);
        }
        Ok(())
    }

    /// Entered twice, from two windows or by two commands, an order would stand there twice. What is
    /// left to us to fill in (what it is about, what kind of document it is) tells no document from
    /// another; nor does what a correction is about tell it from what it corrects.
    fn check_new(&self, new: &NewDocument, corrects: Option<usize>) -> Result<(), Refusal> {
        let NewDocument { kind, document, .. } = new;
        let title = document.title.trim();
        let number = plain(&document.number);
        let same = |(one, place): &(&Decision, usize)| {
            let earlier = &one.document;
            (plain(&earlier.number), earlier.date) == (number.clone(), document.date)
                && kind.is_none_or(|kind| kind == one.kind)
                && (title.is_empty() || title == earlier.title || corrects == Some(*place))
        };
        let Some((first, place)) = self.run.decisions.iter().zip(1..).find(same) else {
            return Ok(());
        };
        let named = format!(
            "{} № {} от {}, «{}» (решение {place})",
            first.kind.words(),
            first.document.number.trim(),
            date_words(first.document.date),
            first.document.title,
        );
        let message = if corrects == Some(place) {
            format!(
                "под этим номером и датой внесено само исправляемое: {named}; у исправляющего решения они свои"
            )
        } else {
            format!(
                "под этим номером и датой уже внесено: {named}; ошибку исправляют другим решением, а у \
                 другого документа называют вид и о чём он"
            )
        };
        Err(Refusal::field("number", message))
    }

    pub(super) fn correct_decision(
        &mut self,
        number: usize,
        new: NewDocument,
        measures: Vec<NewMeasure>,
        withdraw: bool,
    ) -> Result<(), Refusal> {
        let corrected = self.run.decision(number)?;
        let (stage, before) = (corrected.stage.clone(), corrected.document.date);
        let kind = new.kind.unwrap_or(corrected.kind);
        let about = corrected.document.title.clone();
        let new = NewDocument { document: numbered(new.document), ..new };
        if !measures.is_empty() && self.run.state.called_off() {
            let why = "выполнение отменено или пропущено: новых мер в нём не поручают";
            return Err(Refusal::field("measures", why));
        }
        self.check_document(&new, kind, &measures)?;
        if new.document.date < before {
            let message = "исправляющее решение не может быть раньше исправляемого";
            return Err(Refusal::field("date", message));
        }
        self.check_new(&new, Some(number))?;
        self.keep_decision(stage, kind, Some(number), about, new);
        if withdraw {
            self.withdraw_measures(number);
        }
        for measure in measures {
            self.order(&measure.text, measure.organisations, measure.due);
        }
        Ok(())
    }

    /// What the decision ordered and nobody has reported on is not asked for any more, and whoever
    /// was to do it learns so.
    fn withdraw_measures(&mut self, decision: usize) {
        let own = self.run.measures_of(decision).map(|place| (place, &self.run.measures[place]));
        let open: Vec<(AssignmentKey, usize)> = own
            .filter(|(_, m)| m.state == MeasureState::Ordered)
            .map(|(place, m)| {
                (AssignmentKey::new(&measure_stage(place + 1), &m.organisation), place + 1)
            })
            .collect();
        let by = self.run.decisions.last().map(|d| d.document.number.clone()).unwrap_or_default();
        let why = format!("мера снята решением № {by}");
        for (key, measure) in open {
            if self.run.assignments.get(&key).is_some_and(|a| a.state.is_awaited()) {
                self.expect_no_more(&key, &why);
                self.write_withdrawal(&key, measure);
            }
        }
    }

    /// Keeps the document as a decision of this kind; without a title of its own it is about `about`.
    fn keep_decision(
        &mut self,
        stage: String,
        kind: DecisionKind,
        corrects: Option<usize>,
        about: String,
        new: NewDocument,
    ) {
        let NewDocument { mut document, attachments, .. } = new;
        document.title = match document.title.trim() {
            "" => about,
            title => title.to_owned(),
        };
        let text = &document.text;
        self.record(Happened::Decided {
            stage: stage.clone(),
            kind,
            corrects,
            text_sha256: (!text.is_empty()).then(|| hex::encode(Sha256::digest(text))),
            document: Document { text: String::new(), ..document.clone() },
        });
        self.run.decisions.push(Decision {
            stage,
            kind,
            corrects,
            document,
            recorded_by: self.actor.to_owned(),
            recorded_at: self.now,
            attachments: Vec::new(),
        });
        self.out.decisions.insert(self.run.decisions.len() - 1);
        self.attach(self.run.decisions.len(), attachments);
    }

    fn check_document(
        &self,
        new: &NewDocument,
        kind: DecisionKind,
        measures: &[NewMeasure],
    ) -> Result<(), Refusal> {
        let today = self.today();
        let mut errors = new.document.mistakes(kind, today);
        let mut wrong = |field: String, message: &str| {
            errors.push(FieldError { field, message: message.to_owned() });
        };
        for (number, measure) in measures.iter().enumerate() {
            let at = |field: &str| format!("measures[{number}].{field}");
            if measure.text.trim().is_empty() || measure.text.chars().count() > limits::MEASURE {
                wrong(at("text"), &format!("от 1 до {} знаков", limits::MEASURE));
            }
            if measure.due < today {
                wrong(at("due"), "срок уже прошёл");
            }
            if measure.organisations.is_empty() {
                wrong(at("organisations"), "назовите исполнителя");
            }
            for code in &measure.organisations {
                if !self.road_map.organisation(code).is_some_and(|o| o.active_on(today)) {
                    wrong(at("organisations"), &format!("нет действующей организации «{code}»"));
                }
            }
        }
        for (number, measure) in measures.iter().enumerate() {
            errors.extend(limits::text(&format!("measures[{number}].text"), &measure.text, true));
        }
        errors.extend(wrong_files(&[], &new.attachments));
        if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
    }
}

/// A document's number without what people write in one way or another: «№ 47-ОД», «N 47 – од» and
/// «47-oд» with a Latin letter in it are the same.
fn plain(number: &str) -> String {
    let number = number.to_lowercase();
    let bare = number.trim_start_matches(|c: char| !c.is_alphanumeric());
    let bare = bare.strip_prefix("no.").or_else(|| bare.strip_prefix('n')).unwrap_or(bare);
    bare.trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            c => LOOK_ALIKE.iter().find(|(latin, _)| *latin == c).map_or(c, |(_, own)| *own),
        })
        .collect()
}

/// Latin letters that stand in Russian words unseen.
const LOOK_ALIKE: [(char, char); 11] = [
    ('a', 'а'),
    ('c', 'с'),
    ('e', 'е'),
    ('h', 'н'),
    ('k', 'к'),
    ('m', 'м'),
    ('o', 'о'),
    ('p', 'р'),
    ('t', 'т'),
    ('x', 'х'),
    ('y', 'у'),
];

/// A number by itself: «№» is put before it wherever it is told.
pub(super) fn bare(number: &str) -> &str {
    number.trim().trim_start_matches('№').trim_start()
}

/// The document under its number alone.
fn numbered(document: Document) -> Document {
    Document { number: bare(&document.number).to_owned(), ..document }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_number_is_the_same_however_it_is_typed_and_another_one_is_another() {
        let own = plain("47-од");
        for typed in [
            "№ 47-ОД",
            "N 47-од",
            "No. 47-од",
            "NO.47-од",
            "47–од",
            "47\u{2011}од",
            "47-oд",
            "47-од.",
            " 47 - од ",
        ] {
            assert_eq!(plain(typed), own, "{typed}");
        }
        for other in ["47", "147-од", "4-7од", "47/од", "48-од"] {
            assert_ne!(plain(other), own, "{other}");
        }
    }
}
