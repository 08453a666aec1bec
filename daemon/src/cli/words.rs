//! Words that several commands print.

use vekha_engine::run::RunState;
use vekha_proto::v1;

use crate::glossary;
use crate::wire::Twin as _;

/// A run's state in words.
pub(super) fn state(state: v1::RunState) -> &'static str {
    RunState::of(state).map_or("ещё нет", glossary::run_state)
}

/// An ISO date as Russian tables write it: 15.09.2027.
pub(super) fn date(iso: &str) -> String {
    match iso.parse::<jiff::civil::Date>() {
        Ok(date) => date.strftime("%d.%m.%Y").to_string(),
        Err(_) => String::new(),
    }
}

/// What an organisation is, in words.
pub(super) fn kind(kind: v1::OrganisationKind) -> &'static str {
    match kind {
        v1::OrganisationKind::Unspecified => "",
        v1::OrganisationKind::Department => "отдел",
        v1::OrganisationKind::School => "школа",
        v1::OrganisationKind::Kindergarten => "детский сад",
        v1::OrganisationKind::Association => "ММО",
    }
}

/// Whether letters reach an address, in words.
pub(super) fn address(state: v1::AddressState) -> &'static str {
    match state {
        v1::AddressState::Unspecified => "",
        v1::AddressState::Working => "доходят",
        v1::AddressState::Refused => "НЕ ДОХОДЯТ",
        v1::AddressState::Missing => "НЕТ АДРЕСА",
        v1::AddressState::Untried => "ещё не писали",
    }
}
