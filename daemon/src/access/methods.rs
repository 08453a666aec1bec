//! Who may make which call. A method of the contract that is not in the table does not compile.

use std::collections::BTreeSet;

use prost::encoding::{WireType, decode_key, decode_varint};
use vekha_proto::v1::Method;

use super::role::{Role, Roles};

/// Where a role is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the municipality that the request names; in all of them if it names none.
    Named,
    /// In any: what the call answers is cut to where the caller has a role.
    Anywhere,
    /// In all: it is about the daemon as a whole.
    All,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// At least this role.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

/// The service that says who the caller is: whoever may call at all may ask it.
pub const OF_EVERYBODY: &str = "AccessService";

/// The service that a method belongs to, as the contract calls it.
pub fn service(method: Method) -> &'static str {
    let service = method.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    service.rsplit('.').next().unwrap_or(service)
}

/// All services that a token may be for.
pub fn services() -> BTreeSet<&'static str> {
    Method::ALL.iter().map(|method| service(*method)).filter(|s| *s != OF_EVERYBODY).collect()
}

/// Services as they are kept, one after the other.
pub fn listed(services: &str) -> Vec<String> {
    services.split_whitespace().map(str::to_owned).collect()
}

/// What a method needs.
pub fn needed(method: Method) -> Needed {
    use Method as M;
    let of = |role, scope| Needed { role, scope };
    match method {
        M::GetIdentity => of(Role::Representative, Scope::Anywhere),
        M::ListRoadMaps | M::CheckRoadMap | M::GetStatus => of(Role::Viewer, Scope::Anywhere),
        M::GetRoadMap
        | M::Preview
        | M::ListActivities
        | M::GetActivity
        | M::ListComingOpenings
        | M::GetRun
        | M::ListRuns
        | M::WatchRuns
        | M::GetFigures
        | M::GetReport
        | M::DownloadArchive
        | M::DownloadPublication
        | M::ListAssignments
        | M::GetAssignment
        | M::ListSubmissions
        | M::CompareSubmissions
        | M::GetFile
        | M::GetCompleteness
        | M::DraftDecision
        | M::ListDecisions
        | M::GetDecision
        | M::GetDecisionDocument
        | M::GetAttachment
        | M::ListMeasures
        | M::GetMeasure
        | M::GetEffects
        | M::ListEntries
        | M::WatchEntries
        | M::VerifyJournal
        | M::ListNeeds
        | M::ListOffers
        | M::ListOrganisations
        | M::GetOrganisation
        | M::ListMessages
        | M::GetHold
        | M::ListRecommendations
        | M::GetRecommendation => of(Role::Viewer, Scope::Named),
        // A letter holds the link by which its addressee answers.
        M::GetMessage
        | M::StartRun
        | M::BackfillRuns
        | M::RetryRun
        | M::EntrustRun
        | M::RemarkRun
        | M::AnswerQuestion
        | M::AcceptAnswers
        | M::SubmitAssignment
        | M::ImportSubmissions
        | M::WaiveAssignment
        | M::ExtendAssignment
        | M::RequestExtension
        | M::DeclineExtension
        | M::SendLink
        | M::ReturnAssignment
        | M::UpdateRecommendation
        | M::AcknowledgeRecommendation
        | M::AttachFile
        | M::ReportMeasure
        | M::PublishEvent
        | M::RetryMessage
        | M::ConfirmAddress
        | M::CreateCalendar
        | M::RevokeCalendar
        | M::RetryMessages => of(Role::Operator, Scope::Named),
        M::SkipRun
        | M::CancelRun
        | M::HoldMessages
        | M::ReleaseMessages
        | M::PauseActivity
        | M::ResumeActivity
        | M::ApproveRecommendations
        | M::DiscardRecommendation
        | M::RecordDecision
        | M::AcceptMeasure
        | M::ReturnMeasure => of(Role::Approver, Scope::Named),
        // As on pages: its files name everybody's contacts, and texts that nobody has sent yet.
        M::ApplyRoadMap
        | M::ListRoadMapVersions
        | M::GetRoadMapVersion
        | M::CompareRoadMapVersions => of(Role::Administrator, Scope::Named),
        // Whom and what an administrator of one municipality may touch is said of each: the acts look.
        M::ListPeople
        | M::GetPerson
        | M::CreatePerson
        | M::UpdatePerson
        | M::InvitePerson
        | M::RemovePasskeys
        | M::ListTokens
        | M::GetToken
        | M::CreateToken
        | M::RotateToken
        | M::RevokeToken => of(Role::Administrator, Scope::Anywhere),
        // What happens in all municipalities leaves the daemon by them.
        M::ListListeners
        | M::GetListener
        | M::CreateListener
        | M::UpdateListener
        | M::RotateListenerSecret
        | M::DeleteListener
        | M::ListUndelivered
        | M::Redeliver
        | M::ListBackups
        | M::GetBackup
        | M::CreateBackup
        | M::DownloadBackup
        | M::DeleteBackup
        | M::ListPlugins
        | M::GetPlugin
        | M::CheckPlugin
        | M::GetPluginLog
        | M::ConfirmClock => of(Role::Administrator, Scope::All),
    }
}

/// Whether somebody with these roles may make a call. `municipality` is what the request names: an id,
/// or none if it names none or any.
pub fn permits(needed: Needed, roles: &Roles, municipality: Option<&str>) -> bool {
    let held = match (needed.scope, municipality) {
        (Scope::Named, Some(municipality)) => roles.within(municipality),
        (Scope::Named, None) | (Scope::All, _) => roles.in_all(),
        (Scope::Anywhere, _) => roles.anywhere(),
    };
    held >= Some(needed.role)
}

/// What a call is about that whoever represents an organisation may make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// One thing of the organisation: its name says so.
    Thing,
    /// What is theirs of many: what the call answers is cut to it.
    List,
    /// A measure: its name does not say whose it is, so whoever serves the call looks.
    Measure,
}

/// Whether whoever represents an organisation may make a call, and of what. A call that is not here is
/// the department's.
pub fn own(method: Method) -> Option<Own> {
    use Method as M;
    match method {
        M::GetAssignment
        | M::SubmitAssignment
        | M::RequestExtension
        | M::ListSubmissions
        | M::GetRecommendation
        | M::AcknowledgeRecommendation => Some(Own::Thing),
        M::ListAssignments => Some(Own::List),
        M::GetMeasure | M::ReportMeasure => Some(Own::Measure),
        _ => None,
    }
}

/// Whether somebody may make a call for an organisation that they represent. `name` is what the request
/// names.
pub fn permits_own(method: Method, roles: &Roles, name: Option<&str>) -> bool {
    let Some((own, name)) = own(method).zip(name) else { return false };
    let Some(municipality) = municipality(name) else { return false };
    match own {
        Own::List | Own::Measure => roles.represented().any(|(within, _)| within == municipality),
        Own::Thing => organisation(name).is_some_and(|code| roles.represents(municipality, code)),
    }
}

/// The organisation whose thing has this name, as assignments and recommendations are named.
fn organisation(name: &str) -> Option<&str> {
    let mut segments = name.split('/');
    // Collections and what is one of them stand in turn: an id may be called like a collection.
    let mut pairs = std::iter::from_fn(|| Some((segments.next()?, segments.next()?)));
    let (_, id) = pairs.find(|(of, _)| matches!(*of, "assignments" | "recommendations"))?;
    id.split_once('.').map(|(_, code)| code)
}

/// The municipality in a name. None if it names none, or any of them.
pub fn municipality(name: &str) -> Option<&str> {
    let id = name.strip_prefix("municipalities/").and_then(|rest| rest.split('/').next());
    id.filter(|id| !matches!(*id, "-" | ""))
}

/// What a request's message names, in the field by which the method's requests name what they are about.
///
/// # Errors
/// When the message cannot be read so far: it is no such request.
pub fn name(method: Method, message: &[u8]) -> Result<Option<&str>, Unreadable> {
    let Some((last, above)) = method.named_by().split_last() else { return Ok(None) };
    let mut within = Some(message);
    for field in above {
        within = match within {
            Some(message) => texts(message, *field)?,
            None => None,
        };
    }
    let name = match within {
        Some(message) => texts(message, *last)?,
        None => None,
    };
    name.map(std::str::from_utf8).transpose().map_err(|_| Unreadable)
}

/// A message that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// The bytes of a field of texts or messages: as with whoever reads the message whole, the last one
/// counts. A field of messages that stands twice is merged there; here it is unreadable.
fn texts(mut message: &[u8], wanted: u32) -> Result<Option<&[u8]>, Unreadable> {
    let mut found = None;
    while !message.is_empty() {
        let (field, kind) = decode_key(&mut message).map_err(|_| Unreadable)?;
        let length = match kind {
            WireType::Varint => {
                decode_varint(&mut message).map_err(|_| Unreadable)?;
                continue;
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                decode_varint(&mut message).map_err(|_| Unreadable)? as usize
            }
            // Nothing of ours has groups.
            WireType::StartGroup | WireType::EndGroup => return Err(Unreadable),
        };
        let (bytes, rest) = message.split_at_checked(length).ok_or(Unreadable)?;
        message = rest;
        if field == wanted {
            if kind != WireType::LengthDelimited || found.is_some() {
                return Err(Unreadable);
            }
            found = Some(bytes);
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use prost::Message as _;
    use vekha_proto::v1;

    use super::*;

    #[test]
    fn who_may_make_which_call() {
        let line = |method: &Method| {
            let Needed { role, scope } = needed(*method);
            let path = method.path().trim_start_matches("/vekha.v1.");
            let own = match own(*method) {
                None => "",
                Some(Own::Thing) => ", or of one's own organisation",
                Some(Own::List) => ", or cut to one's own organisation",
                Some(Own::Measure) => ", or of one's own organisation (looked at when served)",
            };
            format!("{path:<50} {:<14} {scope:?}{own}", role.as_str())
        };
        let table: Vec<String> = Method::ALL.iter().map(line).collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn a_role_opens_what_is_in_its_own_place_and_nothing_beside_it() {
        let own: Roles = [("zarechny".to_owned(), Role::Approver)].into_iter().collect();
        let all = Roles::everywhere(Role::Approver);
        let of = |role, scope| Needed { role, scope };
        for (role, held) in
            [(Role::Viewer, true), (Role::Approver, true), (Role::Administrator, false)]
        {
            assert_eq!(permits(of(role, Scope::Named), &own, Some("zarechny")), held, "{role:?}");
            assert_eq!(permits(of(role, Scope::Anywhere), &own, None), held, "{role:?}");
            assert_eq!(permits(of(role, Scope::All), &all, None), held, "{role:?}");
            assert_eq!(permits(of(role, Scope::Named), &all, None), held, "{role:?}");
            assert!(!permits(of(role, Scope::Named), &own, Some("polevskoy")), "{role:?}");
            assert!(!permits(of(role, Scope::Named), &own, None), "{role:?}: any is all");
            assert!(!permits(of(role, Scope::All), &own, None), "{role:?}");
            assert!(!permits(of(role, Scope::Anywhere), &Roles::default(), None), "{role:?}");
        }
    }

    #[test]
    fn who_represents_an_organisation_reaches_its_things_and_no_others() {
        let own: Roles =
            [("zarechny/school-1".to_owned(), Role::Representative)].into_iter().collect();
        let run = "municipalities/zarechny/activities/vpr/runs/2027";
        let may = |method, name: &str| permits_own(method, &own, Some(name));
        assert!(may(Method::SubmitAssignment, &format!("{run}/assignments/collect.school-1")));
        assert!(may(Method::GetRecommendation, &format!("{run}/recommendations/r.school-1")));
        assert!(may(Method::ListAssignments, run));
        assert!(may(Method::ListSubmissions, &format!("{run}/assignments/collect.school-1")));
        for other in [
            format!("{run}/assignments/collect.school-11"),
            format!("{run}/assignments/collect.school-2"),
            format!("{run}/assignments/-"),
            format!("{run}/assignments"),
            // An id that is called like a collection.
            "municipalities/zarechny/activities/assignments/x.school-1/runs/2027".into(),
            "municipalities/zarechny/assignments/runs/assignments/collect.school-1".into(),
            run.to_owned(),
            "municipalities/polevskoy/activities/vpr/runs/2027/assignments/collect.school-1".into(),
            "municipalities/-/activities/vpr/runs/2027/assignments/collect.school-1".into(),
            // Of two names in one the first is read, by whoever serves the call, too.
            format!("{run}/assignments/collect.school-2/assignments/collect.school-1"),
            String::new(),
        ] {
            assert!(!may(Method::SubmitAssignment, &other), "{other}");
        }
        assert!(!permits_own(Method::ListAssignments, &own, None));
        assert!(!may(Method::ListAssignments, "municipalities/-/activities/-"));
        let name = format!("{run}/assignments/collect.school-1");
        for method in Method::ALL.iter().filter(|method| super::own(**method).is_none()) {
            assert!(!may(*method, &name), "{}", method.path());
            let table = needed(*method);
            let is_anybodys = *method == Method::GetIdentity;
            assert_eq!(permits(table, &own, Some("zarechny")), is_anybodys, "{}", method.path());
        }
    }

    #[test]
    fn a_request_names_its_municipality_once_and_whoever_reads_it_reads_the_same() {
        let municipality = |method, message: &'_ [u8]| {
            name(method, message).map(|name| name.and_then(municipality).map(str::to_owned))
        };
        let zarechny = || Ok(Some("zarechny".to_owned()));
        let name = "municipalities/zarechny/activities/vpr/runs/2027";
        let run = v1::CancelRunRequest {
            name: name.into(),
            reason: "municipalities/polevskoy".into(),
            ..Default::default()
        };
        assert_eq!(municipality(Method::CancelRun, &run.encode_to_vec()), zarechny());
        let thing = v1::Recommendation {
            run: "municipalities/polevskoy".into(),
            name: format!("{name}/recommendations/r.school-1"),
            ..Default::default()
        };
        let update =
            v1::UpdateRecommendationRequest { recommendation: Some(thing), ..Default::default() };
        let update = update.encode_to_vec();
        assert_eq!(municipality(Method::UpdateRecommendation, &update), zarechny());
        for any in ["municipalities/-/activities/-", "municipalities/", "runs/2027", ""] {
            let list = v1::ListRunsRequest { parent: any.into(), ..Default::default() };
            assert_eq!(municipality(Method::ListRuns, &list.encode_to_vec()), Ok(None), "{any}");
        }
        // Named twice, one of them would be looked at and the other one done.
        let other =
            v1::CancelRunRequest { name: "municipalities/p/a".into(), ..Default::default() };
        let twice = [run.encode_to_vec(), other.encode_to_vec()].concat();
        assert_eq!(municipality(Method::CancelRun, &twice), Err(Unreadable));
        let again = [update.clone(), update.clone()].concat();
        assert_eq!(municipality(Method::UpdateRecommendation, &again), Err(Unreadable));
        for cut in 1..update.len() {
            // A message that is cut is read by nobody, or names the same.
            if let Ok(Some(named)) = municipality(Method::UpdateRecommendation, &update[..cut]) {
                assert_eq!(named, "zarechny", "{cut}");
            }
        }
    }

    #[test]
    fn a_request_that_is_about_something_says_so_in_a_field_that_is_looked_at() {
        for method in Method::ALL {
            let named = needed(*method).scope == Scope::Named;
            assert!(!named || !method.named_by().is_empty(), "{}", method.path());
        }
    }
}
