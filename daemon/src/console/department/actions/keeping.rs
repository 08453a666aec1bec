//! Who of the department sees to a run, and remarks for its journal.

use serde_json::{Value, json};
use vekha_engine::{Command, Offer, limits};
use vekha_roadmap::answers::Values;
use vekha_roadmap::model::{Field, FieldKind};

use super::sheet::{Page, Sheet, field, optional, text};
use super::{About, Scene, Step, sheet};

/// Who: whoever is called so, as the page's suggestions call them.
pub(super) fn entrust(name: &str, scene: &Scene<'_>) -> Sheet {
    let help = "имя сотрудника; пусто — никто в отдельности".to_owned();
    let kind = FieldKind::Text { max_length: limits::KEEPER };
    let to = Field { help, ..optional("to", "За выполнением следит", kind) };
    Sheet::new(name, vec![to]).with("to", scene.run.keeper.clone())
}

pub(super) fn remark(name: &str) -> Sheet {
    let kind = FieldKind::Text { max_length: limits::REMARK };
    let help = "останется в журнале под вашим именем; школам не видна".to_owned();
    Sheet::new(name, vec![Field { help, ..field("text", "Заметка", kind) }])
}

pub(super) fn steps(about: &About, values: &Values) -> Vec<Step> {
    let command = match about {
        About::Entrust => Command::Entrust { to: text(values, "to") },
        _ => Command::Remark { text: text(values, "text") },
    };
    vec![Step::new(command)]
}

/// The forms that the run's state allows.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let show = |offer: Offer, about: &About| {
        let form = scene.offers(&offer).then(|| sheet(about, scene)).flatten();
        form.map(|form| form.show(page))
    };
    json!({
        "entrust": show(Offer::Entrust, &About::Entrust),
        "remark": show(Offer::Remark, &About::Remark),
    })
}
