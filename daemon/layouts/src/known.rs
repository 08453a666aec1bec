//! Whose rows these are: organisations by their logins and names.

use std::collections::HashMap;

use vekha_roadmap::model::Organisation;
use vekha_roadmap::pattern::plain;

/// The organisations that rows may be about.
#[derive(Debug, Default)]
pub struct Organisations {
    codes: Vec<String>,
    logins: HashMap<String, usize>,
    /// None where two organisations are called so.
    names: HashMap<String, Option<usize>>,
}

impl Organisations {
    /// By what the registry says of them.
    pub fn of<'o>(registry: impl IntoIterator<Item = &'o Organisation>) -> Self {
        let mut known = Organisations::default();
        for organisation in registry {
            let at = known.codes.len();
            known.codes.push(organisation.code.clone());
            for login in &organisation.logins {
                known.logins.insert(plain(login), at);
            }
            let own = [&organisation.name, &organisation.short];
            for name in own.into_iter().chain(&organisation.other_names) {
                let entry = known.names.entry(plain(name)).or_insert(Some(at));
                if *entry != Some(at) {
                    *entry = None;
                }
            }
        }
        known
    }

    pub(crate) fn by_login(&self, login: &str) -> Option<usize> {
        self.logins.get(&plain(login)).copied()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<usize> {
        self.names.get(&plain(name)).copied().flatten()
    }

    pub(crate) fn code(&self, at: usize) -> &str {
        &self.codes[at]
    }
}
