//! Why a call ended as it did, in words that stay as they are: the `reason` of ErrorInfo, for programs.
//! What each means stands in proto/README.md, and a test holds the two against each other.

use strum::{IntoStaticStr, VariantArray};
use tonic::Code;

/// A stable reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // proto/README.md says what each means
pub enum Reason {
    KeyNeeded,
    KeyUnknown,
    CertificateUnknown,
    AccessChanged,
    RoleNeeded,
    ServiceNeeded,
    ForeignPage,
    ForeignName,
    InvalidFields,
    RequestIdReused,
    UnreadableMessage,
    NotFound,
    RunExists,
    BackupExists,
    NameTaken,
    StaleEtag,
    WrongState,
    LastAdministrator,
    BackupUnderWay,
    BackupNotReady,
    BackupElsewhere,
    NoSettings,
    TooLarge,
    BrokenOff,
    Busy,
    Deadline,
    NotReceived,
    StoreUnavailable,
    Ending,
    MachineFailed,
    Unreadable,
}

impl Reason {
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The code that goes with it.
    pub fn code(self) -> Code {
        use Reason as R;
        match self {
            R::KeyNeeded | R::KeyUnknown | R::CertificateUnknown | R::AccessChanged => {
                Code::Unauthenticated
            }
            R::RoleNeeded | R::ServiceNeeded | R::ForeignPage | R::ForeignName => {
                Code::PermissionDenied
            }
            R::InvalidFields | R::RequestIdReused | R::UnreadableMessage => Code::InvalidArgument,
            R::NotFound => Code::NotFound,
            R::RunExists | R::BackupExists | R::NameTaken => Code::AlreadyExists,
            R::StaleEtag => Code::Aborted,
            R::WrongState
            | R::LastAdministrator
            | R::BackupUnderWay
            | R::BackupNotReady
            | R::BackupElsewhere
            | R::NoSettings => Code::FailedPrecondition,
            R::TooLarge | R::BrokenOff => Code::OutOfRange,
            R::Busy => Code::ResourceExhausted,
            R::Deadline | R::NotReceived => Code::DeadlineExceeded,
            R::StoreUnavailable | R::Ending => Code::Unavailable,
            R::MachineFailed => Code::Internal,
            R::Unreadable => Code::DataLoss,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The rows of the table as `CODE REASON`; a row without a code is of the one above it.
    fn told() -> BTreeSet<String> {
        let text = include_str!("../../../proto/README.md");
        let (_, table) = text.split_once("## Reasons").expect("the section");
        let table = table.split("\n## ").next().unwrap_or_default();
        let (mut all, mut code) = (BTreeSet::new(), "");
        for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if !cells[1].is_empty() {
                code = cells[1];
            }
            let reasons = cells[2].split(',').map(|reason| reason.trim().trim_matches('`'));
            all.extend(reasons.map(|reason| format!("{code} {reason}")));
        }
        all
    }

    #[test]
    fn every_reason_is_told_to_whoever_writes_a_client_under_its_code_and_no_other_is() {
        let code = |reason: Reason| {
            let name = format!("{:?}", reason.code());
            let upper = name.char_indices().flat_map(|(at, c)| {
                let gap = (at > 0 && c.is_uppercase()).then_some('_');
                gap.into_iter().chain([c.to_ascii_uppercase()])
            });
            upper.collect::<String>()
        };
        let all = Reason::VARIANTS.iter();
        let ours: BTreeSet<String> =
            all.map(|reason| format!("{} {}", code(*reason), reason.as_str())).collect();
        assert_eq!(ours, told());
    }
}
