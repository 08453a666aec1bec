//! Words that several commands print.

use vekha_proto::v1;

/// A run's state in words.
pub(super) fn state(state: v1::RunState) -> &'static str {
    match state {
        v1::RunState::Unspecified => "ещё нет",
        v1::RunState::Waiting => "ждёт",
        v1::RunState::Question => "ждёт решения администратора",
        v1::RunState::Active => "идёт",
        v1::RunState::Completed => "завершено",
        v1::RunState::Cancelled => "отменено",
        v1::RunState::Skipped => "пропущено",
        v1::RunState::Failed => "этап не выполнен",
    }
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
