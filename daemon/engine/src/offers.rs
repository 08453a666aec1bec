//! What people may do with a run as it stands. It is said here alone: pages show no other buttons,
//! and a step carries out no other command. What an offer asks for besides (texts, dates) is refused
//! field by field, never by the run's state.

use std::collections::BTreeSet;

use vekha_roadmap::model::{Activity, Work};
use vekha_roadmap::russian;

use crate::command::Command;
use crate::key::AssignmentKey;
use crate::refusal::Refusal;
use crate::run::{
    Assignment, AssignmentKind, AssignmentState, Decision, Measure, MeasureState, Recommendation,
    RecommendationState, Run, RunState, StageState,
};

/// Something that a person may do, and with what. Numbers count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, strum::EnumDiscriminants)]
#[strum_discriminants(name(OfferKind), derive(strum::VariantArray))]
#[strum_discriminants(doc = "What kind of thing may be done.")]
pub enum Offer {
    /// Start without waiting any longer, or leave the run out.
    AnswerQuestion,
    /// Leave the run out.
    Skip,
    /// Call the run off.
    Cancel,
    /// Try a failed stage again.
    Retry,
    /// Say who of the department sees to the run.
    Entrust,
    /// Leave a remark.
    Remark,
    /// Answer an assignment.
    Submit(AssignmentKey),
    /// Expect no answer any more.
    Waive(AssignmentKey),
    /// Give more time.
    Extend(AssignmentKey),
    /// Ask for more time.
    RequestExtension(AssignmentKey),
    /// Say no to who asked for more time.
    DeclineExtension(AssignmentKey),
    /// Send a link once more, or replace it.
    SendLink(AssignmentKey),
    /// Send an answer back to be corrected.
    ReturnAnswer(AssignmentKey),
    /// Accept all answers of a stage.
    AcceptAnswers(String),
    /// Release all drafts of a stage.
    Approve(String),
    /// Release a draft.
    Release(AssignmentKey),
    /// Rewrite a draft.
    Revise(AssignmentKey),
    /// Not send a draft.
    Discard(AssignmentKey),
    /// Record a decision that a stage awaits.
    RecordDecision(String),
    /// Correct a decision by another one.
    CorrectDecision(usize),
    /// Attach a file to a decision.
    AttachToDecision(usize),
    /// Accept the report on a measure.
    AcceptMeasure(usize),
    /// Return the report on a measure.
    ReturnMeasure(usize),
}

impl Offer {
    /// What a command takes up: all of it must be offered. What the daemon itself tells a run (time
    /// has passed, an analysis is done) takes up nothing.
    pub fn taken_up(command: &Command) -> Vec<Offer> {
        vec![match command {
            Command::AnswerQuestion(_) => Offer::AnswerQuestion,
            Command::Skip { .. } => Offer::Skip,
            Command::Cancel { .. } => Offer::Cancel,
            Command::Retry => Offer::Retry,
            Command::Entrust { .. } => Offer::Entrust,
            Command::Remark { .. } => Offer::Remark,
            Command::Submit { assignment, .. } => Offer::Submit(assignment.clone()),
            Command::Waive { assignment, .. } => Offer::Waive(assignment.clone()),
            Command::Extend { assignment, .. } => Offer::Extend(assignment.clone()),
            Command::RequestExtension { assignment, .. } => {
                Offer::RequestExtension(assignment.clone())
            }
            Command::DeclineExtension { assignment, .. } => {
                Offer::DeclineExtension(assignment.clone())
            }
            Command::SendLink { assignment, .. } => Offer::SendLink(assignment.clone()),
            Command::ReturnAnswer { assignment, .. } => Offer::ReturnAnswer(assignment.clone()),
            Command::AcceptAnswers { stage } => Offer::AcceptAnswers(stage.clone()),
            Command::Approve { stage, organisations, .. } if organisations.is_empty() => {
                Offer::Approve(stage.clone())
            }
            Command::Approve { stage, organisations, .. } => {
                let key = |code: &String| Offer::Release(AssignmentKey::new(stage, code));
                return organisations.iter().map(key).collect();
            }
            Command::Revise { recommendation, .. } => Offer::Revise(recommendation.clone()),
            Command::Discard { recommendation, .. } => Offer::Discard(recommendation.clone()),
            Command::RecordDecision { stage, .. } => Offer::RecordDecision(stage.clone()),
            Command::CorrectDecision { decision, .. } => Offer::CorrectDecision(*decision),
            Command::AttachToDecision { decision, .. } => Offer::AttachToDecision(*decision),
            Command::AcceptMeasure { measure } => Offer::AcceptMeasure(*measure),
            Command::ReturnMeasure { measure, .. } => Offer::ReturnMeasure(*measure),
            Command::Wake
            | Command::UpstreamChanged
            | Command::Prefilled { .. }
            | Command::SourceNoted { .. }
            | Command::SourceFailed { .. }
            | Command::Analyzed { .. }
            | Command::Drafted { .. }
            | Command::Published { .. }
            | Command::StagePutOff { .. }
            | Command::StageFailed { .. }
            | Command::LetterRefused { .. } => return vec![],
        }]
    }

    /// Whom it is about, if it is about one organisation.
    pub fn organisation(&self) -> Option<&str> {
        match self {
            Offer::Submit(key)
            | Offer::Waive(key)
            | Offer::Extend(key)
            | Offer::RequestExtension(key)
            | Offer::DeclineExtension(key)
            | Offer::SendLink(key)
            | Offer::ReturnAnswer(key)
            | Offer::Release(key)
            | Offer::Revise(key)
            | Offer::Discard(key) => Some(&key.organisation),
            Offer::AnswerQuestion
            | Offer::Skip
            | Offer::Cancel
            | Offer::Retry
            | Offer::Entrust
            | Offer::Remark
            | Offer::AcceptAnswers(_)
            | Offer::Approve(_)
            | Offer::RecordDecision(_)
            | Offer::CorrectDecision(_)
            | Offer::AttachToDecision(_)
            | Offer::AcceptMeasure(_)
            | Offer::ReturnMeasure(_) => None,
        }
    }

    /// Whether a run of the activity has it as it stands.
    ///
    /// # Errors
    /// Why it has not: a [`Refusal::State`], or a [`Refusal::NotFound`] if there is no such thing.
    pub fn stands(&self, activity: &Activity, run: &Run) -> Result<(), Refusal> {
        match self {
            Offer::AnswerQuestion => {
                let waits = matches!(run.state, RunState::Waiting | RunState::Question);
                only(waits, "выполнение ничего не ждёт")
            }
            Offer::Skip | Offer::Cancel | Offer::Entrust => only(!run.state.ended(), ENDED),
            // What comes to light later belongs to it, too.
            Offer::Remark => Ok(()),
            Offer::Retry => {
                let failed = run.state == RunState::Failed;
                only(failed, "повторять нечего: ни один этап не отказал")
            }
            Offer::Submit(key) => run.takes_answer(activity, key),
            Offer::Waive(key) | Offer::Extend(key) => run.awaited(key).map(drop),
            Offer::RequestExtension(key) => {
                let kind = run.awaited(key)?.kind;
                let extends = kind != AssignmentKind::Acknowledge;
                only(extends, "ознакомление срока не продлевает")
            }
            Offer::DeclineExtension(key) => {
                let asked = run.awaited(key)?.request.is_some();
                only(asked, "продлить срок не просили")
            }
            // Its page shows what was answered as long as there is a link to it, and that may be in
            // the wrong hands.
            Offer::SendLink(key) => run.assignment(key).map(drop),
            Offer::ReturnAnswer(key) => {
                let assignment = run.assignment(key)?;
                let collects = assignment.kind == AssignmentKind::Collect;
                only(collects, "вернуть можно только ответ на запрос сведений")?;
                let answered = assignment.state == AssignmentState::Answered;
                only(answered, "ответа, который можно вернуть, нет")?;
                run.at_work(&key.stage).map(drop)
            }
            Offer::AcceptAnswers(stage) => {
                let reviewed = run.stages[run.at_work(stage)?].review.is_some();
                only(reviewed, &format!("в этапе «{stage}» ещё ждут ответов"))
            }
            Offer::Approve(stage) => {
                run.at_work(stage)?;
                let drafts = run.recommendations.drafts(stage).next().is_some();
                only(drafts, "проектов, ждущих утверждения, нет")
            }
            Offer::Release(key) | Offer::Revise(key) | Offer::Discard(key) => {
                run.draft(key)?;
                run.at_work(&key.stage).map(drop)
            }
            Offer::RecordDecision(stage) => {
                let position = run.at_work(stage)?;
                match activity.stages[position].work {
                    Work::Decide(_) => Ok(()),
                    _ => Err(Refusal::NotFound(format!("этап решения «{stage}»"))),
                }
            }
            Offer::CorrectDecision(number) | Offer::AttachToDecision(number) => {
                run.decision(*number).map(drop)
            }
            Offer::AcceptMeasure(number) | Offer::ReturnMeasure(number) => {
                match run.measure(*number)?.state {
                    MeasureState::Reported => Ok(()),
                    MeasureState::Ordered => only(false, "исполнитель ещё не отчитался"),
                    MeasureState::Done => only(false, "мера уже снята с контроля"),
                }
            }
        }
    }
}

/// All that people may do with a run of the activity as it stands.
pub fn offers(activity: &Activity, run: &Run) -> BTreeSet<Offer> {
    let whole = [
        Offer::AnswerQuestion,
        Offer::Skip,
        Offer::Cancel,
        Offer::Retry,
        Offer::Entrust,
        Offer::Remark,
    ];
    let of_assignments = [
        Offer::Submit,
        Offer::Waive,
        Offer::Extend,
        Offer::RequestExtension,
        Offer::DeclineExtension,
        Offer::SendLink,
        Offer::ReturnAnswer,
    ];
    let of_stages = [Offer::AcceptAnswers, Offer::Approve, Offer::RecordDecision];
    let of_drafts = [Offer::Release, Offer::Revise, Offer::Discard];
    let of_decisions = [Offer::CorrectDecision, Offer::AttachToDecision];
    let of_measures = [Offer::AcceptMeasure, Offer::ReturnMeasure];
    let mut all = BTreeSet::from(whole);
    for key in run.assignments.keys() {
        all.extend(of_assignments.iter().map(|offer| offer(key.clone())));
    }
    for stage in &run.stages {
        all.extend(of_stages.iter().map(|offer| offer(stage.id.clone())));
    }
    for key in run.recommendations.keys() {
        all.extend(of_drafts.iter().map(|offer| offer(key.clone())));
    }
    for number in 1..=run.decisions.len() {
        all.extend(of_decisions.iter().map(|offer| offer(number)));
    }
    for number in 1..=run.measures.len() {
        all.extend(of_measures.iter().map(|offer| offer(number)));
    }
    all.retain(|offer| offer.stands(activity, run).is_ok());
    all
}

const ENDED: &str = "выполнение уже окончено";

fn only(stands: bool, why_not: &str) -> Result<(), Refusal> {
    if stands { Ok(()) } else { Err(Refusal::State(why_not.to_owned())) }
}

fn still_asked(state: AssignmentState) -> Result<(), Refusal> {
    only(state != AssignmentState::Waived, "ответ больше не требуется")?;
    only(state != AssignmentState::Missing, "приём ответов закрыт")
}

/// Whether the holder of a measure may report on it, of which no other part of the run tells.
///
/// # Errors
/// Why not.
pub fn takes_report(assignment: &Assignment, measure: &Measure) -> Result<(), Refusal> {
    still_asked(assignment.state)?;
    only(measure.state != MeasureState::Done, "мера исполнена и снята с контроля")
}

impl Run {
    /// Position of a stage that is at work.
    pub(crate) fn at_work(&self, id: &str) -> Result<usize, Refusal> {
        // A run that was called off leaves its stages where they stood.
        only(!self.state.ended(), ENDED)?;
        let position = self.stages.iter().position(|stage| stage.id == id);
        let position = position.ok_or_else(|| Refusal::NotFound(format!("этап «{id}»")))?;
        let why_not = match self.stages[position].state {
            StageState::Active => return Ok(position),
            StageState::Pending => format!("этап «{id}» ещё не начат"),
            StageState::Waiting => match self.stages[position].not_before {
                Some(day) => format!("этап «{id}» начнётся {}", russian::date_words(day)),
                None => format!("этап «{id}» ещё не начат"),
            },
            StageState::Completed => format!("этап «{id}» уже завершён"),
            StageState::Failed => {
                format!("этап «{id}» не выполнен: повторите его, прежде чем продолжать")
            }
        };
        Err(Refusal::State(why_not))
    }

    /// An assignment by its key.
    pub(crate) fn assignment(&self, key: &AssignmentKey) -> Result<&Assignment, Refusal> {
        self.assignments.get(key).ok_or_else(|| Refusal::NotFound(format!("поручение «{key}»")))
    }

    /// An assignment of which something is still expected.
    fn awaited(&self, key: &AssignmentKey) -> Result<&Assignment, Refusal> {
        let assignment = self.assignment(key)?;
        only(assignment.state.is_awaited(), "поручение уже не открыто")?;
        Ok(assignment)
    }

    fn takes_answer(&self, activity: &Activity, key: &AssignmentKey) -> Result<(), Refusal> {
        let assignment = self.assignment(key)?;
        match assignment.kind {
            // To read late is still to read.
            AssignmentKind::Acknowledge => Ok(()),
            AssignmentKind::Measure(number) => takes_report(assignment, self.measure(number)?),
            AssignmentKind::Collect => {
                still_asked(assignment.state)?;
                self.at_work(&key.stage)?;
                match activity.collect(&key.stage) {
                    Some(_) => Ok(()),
                    None => Err(Refusal::NotFound(format!("этап сбора «{}»", key.stage))),
                }
            }
        }
    }

    /// What an organisation is recommended, if that is still a draft.
    pub(crate) fn draft(&self, key: &AssignmentKey) -> Result<&Recommendation, Refusal> {
        let found = self.recommendations.get(key);
        let found = found.ok_or_else(|| Refusal::NotFound(format!("рекомендация «{key}»")))?;
        let draft = found.state == RecommendationState::Draft;
        only(draft, &format!("рекомендация «{key}» уже не проект"))?;
        Ok(found)
    }

    /// The decision of this number, from 1.
    pub(crate) fn decision(&self, number: usize) -> Result<&Decision, Refusal> {
        let found = number.checked_sub(1).and_then(|place| self.decisions.get(place));
        found.ok_or_else(|| Refusal::NotFound(format!("решение {number}")))
    }

    /// The measure of this number, from 1.
    pub(crate) fn measure(&self, number: usize) -> Result<&Measure, Refusal> {
        let found = number.checked_sub(1).and_then(|place| self.measures.get(place));
        found.ok_or_else(|| Refusal::NotFound(format!("мера {number}")))
    }
}
