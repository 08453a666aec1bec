//! Filters of lists that a person comes back to. They concern nobody else: no journal tells of them.

use vekha_roadmap::answers::FieldError;

use super::{AccessError, field};
use crate::access::{Identity, secrets};
use crate::runtime::Runtime;
use crate::store::entities::saved_filter::Model;
use crate::store::{StoreError, micros};

/// Most filters that a person has.
const MOST: u64 = 50;

/// Longest title, in characters.
const LONGEST: usize = 100;

/// Longest path with what is asked of the page, in bytes.
const LONGEST_PATH: usize = 2000;

impl Runtime {
    /// A person's filters, in the order in which they were saved.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn saved_filters(&self, person: &str) -> Result<Vec<Model>, StoreError> {
        self.store.saved_filters(person).await
    }

    /// Saves a filter of whoever asks: a page of this house with what is asked of it.
    ///
    /// # Errors
    /// What is wrong with it, that it is no person, or the database cannot be written.
    pub async fn save_filter(
        &self,
        identity: &Identity,
        title: &str,
        path: &str,
    ) -> Result<(), AccessError> {
        let person = own(identity)?;
        let title = title.trim();
        let mut wrong: Vec<FieldError> = vec![];
        if title.is_empty() {
            wrong.push(field("title", "назовите отбор"));
        } else if title.chars().count() > LONGEST {
            wrong.push(field("title", &format!("не длиннее {LONGEST} знаков")));
        } else if title.chars().any(char::is_control) {
            wrong.push(field("title", "в названии непечатаемые знаки"));
        }
        if path.len() > LONGEST_PATH || !path.contains('?') {
            wrong.push(field(
                "title",
                "такого отбора нет: вернитесь к списку и сохраните его заново",
            ));
        }
        if !wrong.is_empty() {
            return Err(AccessError::Wrong(wrong));
        }
        let row = Model {
            // The same page with the same filter is the same, however often and from where it is saved.
            id: secrets::hash(&format!("{person}\n{path}")),
            person,
            title: title.to_owned(),
            path: path.to_owned(),
            created_at: micros(self.clock.of_people()),
        };
        match self.store.save_filter(row, MOST).await? {
            true => Ok(()),
            false => {
                let message = format!("сохранено уже {MOST} отборов: удалите ненужные");
                Err(AccessError::Wrong(vec![field("title", &message)]))
            }
        }
    }

    /// Forgets a filter of whoever asks.
    ///
    /// # Errors
    /// That it is no person, or the database cannot be written.
    pub async fn forget_filter(&self, identity: &Identity, id: &str) -> Result<(), AccessError> {
        Ok(self.store.forget_filter(&own(identity)?, id).await?)
    }
}

fn own(identity: &Identity) -> Result<String, AccessError> {
    let person = identity.person().map(|own| own.id.clone());
    person.ok_or_else(|| AccessError::Denied("отборы есть только у сотрудников".to_owned()))
}
