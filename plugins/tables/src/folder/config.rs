//! The folder's configuration: what an administrator writes, and what is left of it once every
//! mistake has been found.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vekha_plugin::{Problem, Problems};

use super::pattern::Pattern;
use crate::headings::key;

/// Where files appear, and what they look like. The keys are spelled in kebab case:
/// `settle-milliseconds`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the file, with `{form}`, `{period}`, `{activity}` and `{municipality}` where
    /// they belong and `*` for any text; `{form}-{period}.*` by default.
    pub file: Option<String>,
    /// The heading of the column with the organisations' codes; «Код ОО» by default.
    pub organisation: Option<String>,
    /// The headings of columns, by our field id. A column that is named here must be in the file;
    /// others are found by the field's label or id if they are there.
    pub fields: BTreeMap<String, String>,
    /// How long a new file must stay the same before it is read, in milliseconds, 0 to 60 000; 2000
    /// by default. 0 is right where files are written elsewhere and moved into the folder.
    pub settle_milliseconds: Option<u64>,
}

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub pattern: Pattern,
    pub layout: Layout,
    pub settle: Duration,
}

/// Which columns are what.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The heading of the organisations' codes.
    pub organisation: String,
    /// Headings by field id.
    pub fields: BTreeMap<String, String>,
}

impl FolderConfig {
    /// Makes relative paths relative to `folder`, where the configuration stands.
    pub fn anchor(&mut self, folder: &Path) {
        if !self.folder.as_os_str().is_empty() {
            self.folder = folder.join(&self.folder);
        }
    }

    /// Finds every mistake. Touches no file.
    pub(crate) fn check(&self) -> Result<Checked, Vec<Problem>> {
        let mut problems = Problems::default();
        if self.folder.as_os_str().is_empty() {
            problems.add("folder", "укажите папку, в которой появляются файлы");
        }
        let pattern = Pattern::read(self.file.as_deref().unwrap_or("{form}-{period}.*"));
        let pattern = problems.take("file", pattern);
        let organisation = self.organisation.as_deref().unwrap_or("Код ОО");
        if key(organisation).is_empty() {
            problems.add("organisation", "укажите заголовок столбца с кодами организаций");
        }
        let mut taken = HashMap::from([(key(organisation), "organisation".to_owned())]);
        for (field, heading) in &self.fields {
            let name = format!("fields.{field}");
            if key(heading).is_empty() {
                problems.add(&name, "укажите заголовок столбца");
            } else if let Some(other) = taken.insert(key(heading), name.clone()) {
                problems.add(&name, format!("этот же столбец указан и в {other}"));
            }
        }
        let settle = self.settle_milliseconds.unwrap_or(2000);
        problems.within("settle-milliseconds", settle, 0, 60_000, "миллисекунд");
        problems.unless_any(pattern.map(|pattern| Checked {
            pattern,
            layout: Layout { organisation: organisation.to_owned(), fields: self.fields.clone() },
            settle: Duration::from_millis(settle),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_at_once() {
        let config: FolderConfig = toml::from_str(
            r#"
            file = "../{form}"
            organisation = "Код"
            settle-milliseconds = 100000
            [fields]
            a = ""
            b = "код:"
            c = "Участники"
            d = "участники"
            "#,
        )
        .unwrap();
        let problems = config.check().unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            ["folder", "file", "fields.a", "fields.b", "fields.d", "settle-milliseconds"]
        );
        assert!(problems[4].message.contains("fields.c"), "{}", problems[4]);
    }

    #[test]
    fn a_folder_is_enough() {
        let config = FolderConfig { folder: "inbox".into(), ..FolderConfig::default() };
        let checked = config.check().unwrap();
        assert_eq!(checked.pattern.text(), "{form}-{period}.*");
        assert_eq!(checked.layout.organisation, "Код ОО");
        assert_eq!(checked.settle, Duration::from_secs(2));
    }
}
