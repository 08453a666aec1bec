//! Many answers in one stream: each is taken or refused by itself, as one that comes alone, and only so
//! many are at hand at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use prost::Message as _;
use tonic::{Status, Streaming};
use vekha_proto::v1;

use super::mutation::Asked;
use super::names::{self, Depth, Parent};
use super::{Api, LARGEST_FILE_CALL, status};
use crate::access::Identity;

/// Most answers of a stream.
const MOST: usize = 10_000;

/// Answers that are being taken at a time: they share commits.
const AT_ONCE: usize = 32;

/// Refusals that are told in words.
const IN_WORDS: usize = 500;

/// What is said of a run without its activity.
const WHOLE: &str = "выполнение называют вместе с его муниципалитетом и мероприятием";

/// Longest name that is told again.
const LONGEST_NAME: usize = 300;

/// An answer that is being taken.
struct UnderWay {
    index: usize,
    assignment: String,
    bytes: usize,
}

type Taking<'a> = FuturesUnordered<BoxFuture<'a, (UnderWay, Result<v1::Submission, Status>)>>;

/// What has become of a stream so far.
#[derive(Default)]
struct Import {
    /// Assignments whose answers are being taken.
    busy: BTreeSet<String>,
    /// Bytes of all that.
    bytes: usize,
    taken: Vec<v1::ImportedSubmission>,
    refused: Vec<v1::RefusedSubmission>,
}

impl Api {
    /// Takes the answers of a stream.
    pub(super) async fn import(
        &self,
        by: Arc<Identity>,
        mut stream: Streaming<v1::ImportSubmissionsRequest>,
    ) -> Result<v1::ImportSubmissionsResponse, Status> {
        let Some(first) = stream.message().await? else {
            return Err(status::invalid(
                "parent",
                "поток пуст: чьи ответы, говорит первое сообщение",
            ));
        };
        let said = first.parent.clone();
        let parent = self.parent_saying(&said, Depth::Run, WHOLE).await?;
        let (mut import, mut taking) = (Import::default(), Taking::new());
        let (mut next, mut received) = (Some(first), 0);
        while let Some(message) = next {
            let index = received;
            received += 1;
            if index >= MOST {
                next = stream.message().await?;
                continue;
            }
            let bytes = message.encoded_len();
            let v1::ImportSubmissionsRequest { parent: own, submission } = message;
            let submission = submission.unwrap_or_default();
            let assignment = submission.name.clone();
            match fits(&said, &parent, &own, submission) {
                Err(refusal) => import.refuse(index, assignment, &refusal),
                Ok(message) => {
                    // Answers to one assignment keep their order; of large ones few are at hand.
                    while taking.len() == AT_ONCE
                        || import.busy.contains(&assignment)
                        || (!taking.is_empty() && import.bytes + bytes > LARGEST_FILE_CALL)
                    {
                        let Some(done) = taking.next().await else { break };
                        import.settle(done);
                    }
                    import.busy.insert(assignment.clone());
                    import.bytes += bytes;
                    let under_way = UnderWay { index, assignment, bytes };
                    let asked = Asked { by: by.clone(), message };
                    taking.push(Box::pin(async move {
                        let taken = self.submit(asked).await.map(tonic::Response::into_inner);
                        (under_way, taken)
                    }));
                }
            }
            next = loop {
                // What is under way goes on while the next one comes.
                tokio::select! {
                    biased;
                    Some(done) = taking.next(), if !taking.is_empty() => import.settle(done),
                    message = stream.message() => break message?,
                }
            };
        }
        while let Some(done) = taking.next().await {
            import.settle(done);
        }
        Ok(import.told(received))
    }
}

/// The answer, if it may come in this stream.
fn fits(
    said: &str,
    parent: &Parent,
    own: &str,
    submission: v1::SubmitAssignmentRequest,
) -> Result<v1::SubmitAssignmentRequest, Status> {
    if !own.is_empty() && own != said {
        let words = format!("первое сообщение говорит «{said}»: другое — другим потоком");
        return Err(status::invalid("parent", words));
    }
    if submission.list_mistakes {
        let words = "только у SubmitAssignment";
        return Err(status::invalid("list_mistakes", words));
    }
    let (run, _) = names::assigned("name", &submission.name, "assignments")?;
    let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|id| id == own);
    let belongs = is(&parent.municipality, &run.municipality)
        && is(&parent.activity, &run.activity)
        && is(&parent.run, &run.run_id());
    match belongs {
        true => Ok(submission),
        false => {
            let words = format!("«{}» не из того, что назвал parent: {said}", submission.name);
            Err(status::invalid("name", words))
        }
    }
}

impl Import {
    fn settle(&mut self, (under_way, taken): (UnderWay, Result<v1::Submission, Status>)) {
        let UnderWay { index, assignment, bytes } = under_way;
        self.busy.remove(&assignment);
        self.bytes -= bytes;
        match taken {
            Ok(taken) => {
                self.taken.push(v1::ImportedSubmission { index: place(index), name: taken.name });
            }
            Err(refusal) => self.refuse(index, assignment, &refusal),
        }
    }

    fn refuse(&mut self, index: usize, assignment: String, refusal: &Status) {
        let status = match self.refused.len() < IN_WORDS {
            true => status::within(refusal),
            false => tonic_types::Status { code: refusal.code().into(), ..Default::default() },
        };
        // What is no name may be of any length.
        let assignment = if assignment.len() > LONGEST_NAME { String::new() } else { assignment };
        let index = place(index);
        self.refused.push(v1::RefusedSubmission { index, assignment, status: Some(status) });
    }

    fn told(mut self, received: usize) -> v1::ImportSubmissionsResponse {
        self.taken.sort_by_key(|one| one.index);
        self.refused.sort_by_key(|one| one.index);
        let Import { taken, refused, .. } = self;
        let omitted = place(received.saturating_sub(MOST));
        v1::ImportSubmissionsResponse { received: place(received), taken, refused, omitted }
    }
}

fn place(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
