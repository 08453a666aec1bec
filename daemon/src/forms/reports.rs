//! What assignments ask for which no road map has a form: what was done about recommendations, and
//! that a measure was carried out.

use std::borrow::Cow;

use vekha_engine::run::AssignmentKind;
use vekha_engine::{AssignmentKey, RunKey, limits};
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Field, FieldKind, FileRule, Form, Required};

/// The field for the file that proves a report on a measure.
pub const DOCUMENT: &str = "document";

/// The form of an assignment; none if the road map lacks it.
pub fn of_assignment<'m>(
    map: &'m RoadMap,
    run: &RunKey,
    key: &AssignmentKey,
    kind: AssignmentKind,
) -> Option<Cow<'m, Form>> {
    match kind {
        AssignmentKind::Collect => map.form_of(&run.activity, &key.stage).map(Cow::Borrowed),
        AssignmentKind::Acknowledge => Some(Cow::Owned(acknowledgement())),
        AssignmentKind::Measure(_) => Some(Cow::Owned(measure())),
    }
}

/// What was done about recommendations, where anything was.
pub fn acknowledgement() -> Form {
    let help = "Можно не заполнять сейчас: по этой же ссылке ответ можно прислать и позже";
    form(
        "Ознакомление с рекомендациями",
        vec![report("Что сделано по рекомендациям", help, Required::Optional)],
    )
}

/// What was done to carry out a measure, and the file that proves it.
pub fn measure() -> Form {
    let help = "Коротко: что, когда, кем, каким документом подтверждается; до 4000 знаков";
    let proof = Field {
        id: DOCUMENT.to_owned(),
        label: "Подтверждающий документ".to_owned(),
        help: "Приказ, акт, протокол: .pdf, .docx, .odt, .xlsx, .ods, .jpg или .png, до 10 МБ"
            .to_owned(),
        kind: FieldKind::File(FileRule::default()),
        ..report("", "", Required::Optional)
    };
    form("Отчёт об исполнении меры", vec![report("Что сделано", help, Required::Always), proof])
}

fn form(title: &str, fields: Vec<Field>) -> Form {
    let (title, intro) = (title.to_owned(), String::new());
    Form { id: "report".to_owned(), title, intro, fields, ..Form::default() }
}

fn report(label: &str, help: &str, required: Required) -> Field {
    Field {
        id: "report".to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        section: String::new(),
        unit: String::new(),
        kind: FieldKind::LongText { max_length: limits::REPORT },
        required,
        jump: None,
        within_period: false,
        letter_of: None,
    }
}
