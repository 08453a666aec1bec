//! What every call that changes something carries: who asks, under which id, and whether it is only
//! tried.

use std::ops::Deref;
use std::sync::Arc;

use tonic::Status;
use vekha_proto::Mutating;
use vekha_roadmap::answers::{FieldError, hides, turns};

use super::status::wrong_fields;
use crate::access::identity::is_claimed;
use crate::access::{Identity, Roles, Who};
use crate::runtime::committer::Caller;
use crate::runtime::request::Request;
use crate::runtime::seen::{Seen, Thing};

/// Longest id of a call, in characters.
const LONGEST_ID: usize = 64;

/// Longest name of who asks, in characters.
const LONGEST_ACTOR: usize = 200;

/// What is asked, and by whom.
#[derive(Debug)]
pub(super) struct Asked<M> {
    /// Who asks, as the port knows them.
    pub by: Arc<Identity>,
    /// What they say.
    pub message: M,
}

impl<M> Asked<M> {
    /// What a call asks. Whoever was let in stands beside it; a call that came past the port, as none
    /// does, is nobody's and may do nothing.
    pub fn of(request: tonic::Request<M>) -> Self {
        let by = identity(&request);
        Asked { by, message: request.into_inner() }
    }
}

impl<M> Deref for Asked<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.message
    }
}

/// Who makes a call.
pub(super) fn identity<M>(request: &tonic::Request<M>) -> Arc<Identity> {
    let nobody = || Arc::new(Identity { who: Who::Anyone, roles: Roles::default() });
    request.extensions().get::<Arc<Identity>>().cloned().unwrap_or_else(nobody)
}

/// The common fields of a mutation, in order.
#[derive(Debug, Clone)]
pub(super) struct Mutation {
    /// What the caller saw; empty if it does not matter.
    pub etag: String,
    /// Who asks, for the journal.
    pub actor: String,
    /// The caller's id of the call, with what it asks.
    pub request: Option<Request>,
    /// Nothing is to be changed.
    pub validate_only: bool,
}

impl Mutation {
    /// The common fields of a request. What it asks is the rest of it: its fields in the order of
    /// their numbers, maps in the order of their keys, what is not set left out. So a field that a
    /// later release adds changes nothing. It is looked at, and copied for that, only where the call
    /// has an id.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read<M: Mutating>(asked: &Asked<M>) -> Result<Self, Status> {
        Mutation::read_beside(vec![], asked)
    }

    /// The same where other fields of the request are wrong already.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read_beside<M: Mutating>(
        mut wrong: Vec<FieldError>,
        asked: &Asked<M>,
    ) -> Result<Self, Status> {
        let id = asked.request_id();
        let printable = |b: u8| (b' '..=b'~').contains(&b);
        if id.len() > LONGEST_ID || !id.bytes().all(printable) {
            let why = format!("от 1 до {LONGEST_ID} печатных знаков ASCII; лучше UUID");
            wrong.push(FieldError { field: "request_id".to_owned(), message: why });
        }
        let said = said(asked.actor()).unwrap_or_else(|message| {
            wrong.push(FieldError { field: "actor".to_owned(), message });
            String::new()
        });
        if !wrong.is_empty() {
            return Err(wrong_fields(wrong));
        }
        let digested =
            || Request::new(id.to_owned(), &M::full_name(), &asked.alone().encode_to_vec());
        Ok(Mutation {
            etag: asked.etag().to_owned(),
            actor: asked.by.actor_saying(&said),
            request: (!id.is_empty()).then(digested),
            validate_only: asked.validate_only(),
        })
    }

    /// Who asks for a change of this thing, whose etag it is.
    pub fn of(&self, what: Thing) -> Caller {
        let etag = Some(self.etag.clone()).filter(|etag| !etag.is_empty());
        let seen = etag.map(|etag| Seen { what, etag });
        Caller { seen, ..self.caller() }
    }

    /// Who asks, whatever was seen.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: self.actor.clone(),
            request: self.request.clone(),
            validate_only: self.validate_only,
            seen: None,
        }
    }

    /// Whether the thing has changed since the caller saw it.
    pub fn is_stale(&self, etag: &str) -> bool {
        !self.etag.is_empty() && self.etag != etag
    }
}

/// Who asks, as the journal shows it: on one line, in the order in which it is written.
fn said(actor: &str) -> Result<String, String> {
    match actor.trim() {
        name if name.chars().count() > LONGEST_ACTOR => {
            Err(format!("не длиннее {LONGEST_ACTOR} знаков"))
        }
        name if name.chars().any(|c| c.is_control() || turns(c) || hides(c)) => {
            Err("без переводов строки и управляющих знаков".to_owned())
        }
        name if is_claimed(name) => {
            Err("так начинаются имена тех, кто вошёл: за них этого не говорят".to_owned())
        }
        name => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_on_one_line_and_reads_as_it_is_written() {
        assert_eq!(said(" Отдел ").expect("a name"), "Отдел");
        assert_eq!(said("").expect("a name"), "");
        for wrong in [
            "a\nb",
            "a\tb",
            "\u{1b}[31mb",
            "a\u{202e}b",
            "a\u{2028}b",
            &"я".repeat(201),
            "person:Анна",
        ] {
            assert!(said(wrong).is_err(), "{wrong:?}");
        }
    }
}
