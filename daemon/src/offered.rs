//! What stands behind each offer of the engine, in one row: by which call and by which command it is
//! taken up, and what people call it. Console, contract and command line read it here.

use vekha_engine::{Offer, OfferKind};
use vekha_proto::v1::Method;

use crate::access::{Role, methods};

/// How an offer is taken up.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    /// What may be done, in words.
    pub title: &'static str,
    /// The call of the contract. Whoever may make it may take up the offer.
    pub method: Method,
    /// The command of the command line, its subcommands with blanks between them.
    pub command: &'static str,
    /// The command's argument that says with what.
    pub argument: &'static str,
}

/// How any offer of a kind is taken up: what is not named here does not compile.
pub fn of(kind: OfferKind) -> Offered {
    use OfferKind as Kind;
    let row = |title, method, command, argument| Offered { title, method, command, argument };
    match kind {
        Kind::AnswerQuestion => row(
            "начать, не дожидаясь предшествующих, или пропустить",
            Method::AnswerQuestion,
            "run proceed",
            "run",
        ),
        Kind::Skip => row("пропустить выполнение", Method::SkipRun, "run skip", "run"),
        Kind::Cancel => row("отменить выполнение", Method::CancelRun, "run cancel", "run"),
        Kind::Retry => row("повторить не выполненный этап", Method::RetryRun, "run retry", "run"),
        Kind::Entrust => {
            row("назвать, кто следит за выполнением", Method::EntrustRun, "run entrust", "run")
        }
        Kind::Remark => row("оставить заметку", Method::RemarkRun, "run remark", "run"),
        Kind::Submit => row("ответить", Method::SubmitAssignment, "submit", "assignment"),
        Kind::Waive => {
            row("снять поручение", Method::WaiveAssignment, "assignment waive", "assignment")
        }
        Kind::Extend => {
            row("продлить срок", Method::ExtendAssignment, "assignment extend", "assignment")
        }
        Kind::RequestExtension => row(
            "попросить продлить срок",
            Method::RequestExtension,
            "assignment request-extension",
            "assignment",
        ),
        Kind::DeclineExtension => row(
            "отказать в продлении срока",
            Method::DeclineExtension,
            "assignment decline-extension",
            "assignment",
        ),
        Kind::SendLink => row(
            "отправить ссылку ещё раз или заменить её",
            Method::SendLink,
            "assignment send-link",
            "assignment",
        ),
        Kind::ReturnAnswer => row(
            "вернуть ответ на исправление",
            Method::ReturnAssignment,
            "assignment return",
            "assignment",
        ),
        Kind::AcceptAnswers => {
            row("принять все ответы этапа", Method::AcceptAnswers, "run accept", "run")
        }
        Kind::Approve => row(
            "выпустить все проекты рекомендаций этапа",
            Method::ApproveRecommendations,
            "approve",
            "run",
        ),
        Kind::Release => {
            row("выпустить рекомендацию", Method::ApproveRecommendations, "approve", "run")
        }
        Kind::Revise => row(
            "переписать проект рекомендации",
            Method::UpdateRecommendation,
            "recommendation revise",
            "recommendation",
        ),
        Kind::Discard => row(
            "не направлять рекомендацию",
            Method::DiscardRecommendation,
            "recommendation discard",
            "recommendation",
        ),
        Kind::RecordDecision => row("записать решение", Method::RecordDecision, "decide", "run"),
        Kind::CorrectDecision => {
            row("исправить решение другим решением", Method::RecordDecision, "decide", "run")
        }
        Kind::AttachToDecision => {
            row("приложить файл к решению", Method::AttachFile, "decision attach", "decision")
        }
        Kind::AcceptMeasure => {
            row("принять отчёт о мере", Method::AcceptMeasure, "measure accept", "measure")
        }
        Kind::ReturnMeasure => {
            row("вернуть отчёт о мере", Method::ReturnMeasure, "measure return", "measure")
        }
    }
}

/// The role that is needed to take up an offer.
pub fn needs(offer: &Offer) -> Role {
    methods::needed(of(offer.into()).method).role
}
