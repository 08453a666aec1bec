//! What happens in a run, as its journal tells it: the kinds of entries, each with its facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};
use vekha_analysis::Values;

use crate::command::{DecisionKind, Origin, Why};
use crate::document::Document;
use crate::key::{AssignmentKey, RunKey};

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps, within the run.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What it was: the name of a [`Happened`].
    pub kind: String,
    /// Its facts, as the JSON text that was hashed.
    pub data: String,
    /// The chain's hash at this entry, lower-case hex.
    pub hash: String,
}

/// What happened. Its name and its facts are what the journal keeps and hashes: neither changes for a
/// kind that was ever written, save by facts that entries of older releases may lack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, EnumDiscriminants)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "data")]
#[strum(serialize_all = "kebab-case")]
#[strum_discriminants(name(EntryKind), derive(IntoStaticStr, VariantArray, strum::EnumString))]
#[strum_discriminants(strum(serialize_all = "kebab-case"))]
#[strum_discriminants(doc = "The kind of a journal entry.")]
pub enum Happened {
    /// The run came to be.
    RunOpened {
        /// Why.
        why: Why,
        /// Version of the road map that it keeps.
        #[serde(rename = "roadMap")]
        road_map: u32,
        /// Organisations that were named for it.
        named: Vec<String>,
    },
    /// It waits for other runs.
    Waiting {
        /// Which.
        r#for: Vec<RunKey>,
    },
    /// Runs that it waits for ended without their work: a person must say how to go on.
    Question {
        /// Which.
        upstream: Vec<RunKey>,
    },
    /// A person started it without those that it waited for.
    Proceeded {
        /// Which.
        without: Vec<RunKey>,
    },
    /// Its stages are set to work.
    RunStarted {},
    /// Its work is done.
    RunCompleted {},
    /// It is left out for its period.
    RunSkipped {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// It is called off.
    RunCancelled {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Somebody of the department sees to it from now on.
    Entrusted {
        /// Who; empty if nobody does.
        to: String,
    },
    /// Somebody of the department left a remark.
    Remarked {
        /// What it says.
        text: String,
    },
    /// All that a stage needs is done, but its day has not come: it begins by itself then.
    StageWaits {
        /// Stage id.
        stage: String,
        /// The working day on which it begins.
        until: Date,
    },
    /// A stage is at work.
    StageStarted {
        /// Stage id.
        stage: String,
        /// What it does, as definitions spell it.
        kind: String,
    },
    /// A stage is done.
    StageCompleted {
        /// Stage id.
        stage: String,
    },
    /// A stage's work could not be done this time; it is tried again by itself.
    StagePutOff {
        /// Stage id.
        stage: String,
        /// Why.
        reason: String,
    },
    /// A stage's work could not be done.
    StageFailed {
        /// Stage id.
        stage: String,
        /// Why.
        reason: String,
    },
    /// A failed stage is tried again.
    StageRetried {
        /// Stage id.
        stage: String,
    },
    /// Participants were asked.
    Asked {
        /// Stage id.
        stage: String,
        /// Whom: organisation codes.
        organisations: Vec<String>,
        /// By when.
        due: Date,
    },
    /// A source filled forms beforehand.
    Prefilled {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// Whose forms.
        organisations: Vec<String>,
    },
    /// A source left something of what it was given, or took what nobody sees.
    SourceNoted {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// What, for people.
        notes: Vec<String>,
    },
    /// A source could not bring what it was asked for.
    SourceFailed {
        /// Stage id.
        stage: String,
        /// The source's id.
        source: String,
        /// Why.
        reason: String,
    },
    /// A participant answered.
    Submitted {
        /// What.
        assignment: AssignmentKey,
        /// The answer's number.
        version: u32,
        /// After the due date of that day.
        late: bool,
        /// Through what.
        origin: Origin,
        /// The answer.
        answers: Values,
    },
    /// A participant was reminded.
    Reminded {
        /// Of what.
        assignment: AssignmentKey,
    },
    /// The department was told who is silent.
    Escalated {
        /// About what.
        about: String,
        /// Who is silent.
        silent: Vec<String>,
    },
    /// A collection closed without these answers.
    Closed {
        /// Stage id.
        stage: String,
        /// Whose.
        missing: Vec<String>,
        /// Who said nothing more when it was asked once more: its earlier answer stands.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        standing: Vec<String>,
    },
    /// No answer is expected any more.
    Waived {
        /// To what.
        assignment: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// A participant was given more time.
    Extended {
        /// For what.
        assignment: AssignmentKey,
        /// The new due date.
        due: Date,
        /// Why.
        reason: String,
    },
    /// A participant asks for more time.
    ExtensionRequested {
        /// For what.
        assignment: AssignmentKey,
        /// The due date that it asks for.
        due: Date,
        /// Why.
        reason: String,
    },
    /// More time was not granted.
    ExtensionDeclined {
        /// For what.
        assignment: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// A participant was sent its link once more.
    LinkSent {
        /// To what.
        assignment: AssignmentKey,
        /// Why; empty if nothing was said.
        reason: String,
    },
    /// A participant's link was replaced by another one.
    LinkReplaced {
        /// To what.
        assignment: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// The department sent an answer back.
    AnswerReturned {
        /// To what.
        assignment: AssignmentKey,
        /// Which answer.
        version: u32,
        /// What is to be corrected.
        comment: String,
        /// By when.
        due: Date,
    },
    /// All have answered: the department looks at the answers.
    ReviewBegun {
        /// Stage id.
        stage: String,
        /// Until when.
        until: Date,
    },
    /// The time for that is over.
    ReviewEnded {
        /// Stage id.
        stage: String,
    },
    /// The department accepted the answers.
    AnswersAccepted {
        /// Stage id.
        stage: String,
    },
    /// An analysis is done.
    Analyzed {
        /// Stage id.
        stage: String,
        /// How many indicators have figures.
        indicators: usize,
        /// Whom its rules found: rule id, organisation codes.
        found: BTreeMap<String, Vec<String>>,
    },
    /// Texts of an analysis could not be written.
    Unwritten {
        /// Stage id.
        stage: String,
        /// Which, and why.
        reason: String,
    },
    /// Recommendations were drafted.
    Drafted {
        /// Stage id.
        stage: String,
        /// To whom.
        organisations: Vec<String>,
    },
    /// A person rewrote a draft.
    Revised {
        /// Which.
        recommendation: AssignmentKey,
        /// Its texts from now on.
        texts: Vec<String>,
    },
    /// Drafts were released.
    Approved {
        /// Stage id.
        stage: String,
        /// To whom.
        organisations: Vec<String>,
        /// Under which number the letters left; empty if the department gave none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        outgoing: String,
    },
    /// A draft will not be sent.
    Discarded {
        /// Which.
        recommendation: AssignmentKey,
        /// Why.
        reason: String,
    },
    /// An organisation has read what is recommended to it.
    Acknowledged {
        /// What.
        recommendation: AssignmentKey,
    },
    /// The authority decided.
    Decided {
        /// Stage id.
        stage: String,
        /// What kind of document.
        #[serde(default)]
        kind: DecisionKind,
        /// What it says, but for its text.
        #[serde(flatten)]
        document: Document,
        /// Number within the run of the decision that it corrects.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        corrects: Option<usize>,
        /// The text stands in the decision; this proves that it is the one that was recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text_sha256: Option<String>,
    },
    /// A file joined a decision.
    Attached {
        /// Number of the decision within the run.
        decision: usize,
        /// The file's name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// SHA-256 of its content, lower-case hex.
        sha256: String,
    },
    /// A decision ordered a measure.
    MeasureOrdered {
        /// Number of the measure within the run.
        measure: usize,
        /// What is to be done.
        text: String,
        /// By whom.
        organisation: String,
        /// By when.
        due: Date,
    },
    /// The report on a measure was returned.
    MeasureReturned {
        /// Number of the measure.
        measure: usize,
        /// Why.
        comment: String,
        /// By when it is to be reported on again.
        due: Date,
    },
    /// The report on a measure was accepted.
    MeasureAccepted {
        /// Number of the measure.
        measure: usize,
    },
    /// A report was published.
    Published {
        /// Stage id.
        stage: String,
        /// Where.
        location: String,
    },
    /// A letter was refused for good.
    LetterRefused {
        /// Its key.
        letter: String,
        /// Whom it did not reach.
        organisation: String,
        /// What the mail system said.
        reason: String,
    },
    /// The schedule of an activity was stopped; an entry of the activity's own journal.
    ActivityPaused {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// It was resumed.
    ActivityResumed {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// No letter of the municipality leaves until they are released; an entry of the journal of its
    /// letters.
    LettersHeld {
        /// Why.
        reason: String,
    },
    /// What waited leaves.
    LettersReleased {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// Letters that had not arrived were put into the queue again.
    LettersRetried {
        /// How many.
        letters: u64,
        /// Those to this organisation only; empty if to all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        organisation: String,
    },
    /// A letter came back: there is no such address. None goes there until somebody vouches for it.
    AddressReturned {
        /// Whose address it is.
        organisation: String,
        /// The address.
        address: String,
        /// What the mail system said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Somebody says that the address works all the same.
    AddressConfirmed {
        /// Whose address it is.
        organisation: String,
        /// The address.
        address: String,
    },
    /// A calendar to subscribe to was given; an entry of the journal of the municipality's letters.
    CalendarGiven {
        /// Who reads it: an organisation's code, or the e-mail address of somebody of the department.
        reader: String,
    },
    /// It was taken back: its address opens nothing any more.
    CalendarTakenBack {
        /// Who read it.
        reader: String,
    },
    /// Somebody may work at the console from now on, or may do something else there; an entry of the
    /// journal of access.
    PersonSet {
        /// The person's e-mail address.
        person: String,
        /// What the person may do, by municipality; `*` is all of them.
        roles: BTreeMap<String, String>,
        /// Whether the person is let in at all.
        #[serde(default)]
        disabled: bool,
    },
    /// A person was given a link by which to choose a password.
    PersonInvited {
        /// The person's e-mail address.
        person: String,
    },
    /// A person chose a password.
    PasswordSet {
        /// The person's e-mail address.
        person: String,
    },
    /// A person signed in.
    SignedIn {
        /// The person's e-mail address.
        person: String,
        /// From where: an address of the network.
        from: String,
        /// Through which provider; empty if by a password or a passkey.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        through: String,
        /// What the passkey is called by which it was; empty if it was by none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        passkey: String,
    },
    /// A person signs in by one more passkey from now on.
    PasskeyAdded {
        /// The person's e-mail address.
        person: String,
        /// What the person calls it.
        passkey: String,
    },
    /// A person does not sign in by one of their passkeys any more.
    PasskeyRemoved {
        /// The person's e-mail address.
        person: String,
        /// What the person called it.
        passkey: String,
    },
    /// A person does not sign in by any of their passkeys any more.
    PasskeysRemoved {
        /// The person's e-mail address.
        person: String,
        /// How many there were.
        count: u32,
    },
    /// After so many wrong passwords or passkeys a person is not let in for a while.
    SignInLocked {
        /// The person's e-mail address.
        person: String,
        /// From where the last one came.
        from: String,
        /// How many there were in a row.
        failures: u32,
    },
    /// A person may sign in through an organisation's provider from now on.
    AccountLinked {
        /// The person's e-mail address.
        person: String,
        /// The provider's address.
        issuer: String,
        /// Who it is there.
        subject: String,
        /// Whether the person was nobody here before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        added: bool,
    },
    /// What the provider says a person may do, beside what they may do here anyway.
    ProvidedRolesSet {
        /// The person's e-mail address.
        person: String,
        /// The provider's address.
        issuer: String,
        /// What the person may do, by municipality; `*` is all of them.
        roles: BTreeMap<String, String>,
        /// Whether the last administrator keeps a role that the provider says no more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        kept: bool,
    },
    /// Somebody who came from the provider was not let in.
    SignInRefused {
        /// The provider's address.
        issuer: String,
        /// Why.
        why: NotLetIn,
        /// Who it was there; empty where nothing is proved.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        subject: String,
        /// From where: an address of the network.
        from: String,
    },
    /// A system may call from now on, or may do something else.
    TokenSet {
        /// The token's name.
        token: String,
        /// What it may do, by municipality; `*` is all of them.
        roles: BTreeMap<String, String>,
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Which services of the contract it is for; empty for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<String>,
    },
    /// A token was replaced by another one.
    TokenRotated {
        /// The token's name.
        token: String,
        /// How long the one before is still taken.
        overlap: Timestamp,
    },
    /// A token opens nothing any more.
    TokenRevoked {
        /// The token's name.
        token: String,
    },
    /// Another system is told of entries from now on, or of others; an entry of the journal of access,
    /// like those that follow.
    ListenerSet {
        /// The listener's name.
        listener: String,
        /// The host that is told; none if it is told through a plugin.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        host: String,
        /// Whether nothing is told.
        #[serde(default)]
        disabled: bool,
    },
    /// A listener's secret was replaced by another one.
    ListenerRotated {
        /// The listener's name.
        listener: String,
        /// How long the one before still signs, too.
        overlap: Timestamp,
    },
    /// A listener wants no more: it is told nothing until somebody enables it.
    ListenerDisabled {
        /// The listener's name.
        listener: String,
        /// What it said.
        reason: String,
    },
    /// A listener is no more.
    ListenerRemoved {
        /// The listener's name.
        listener: String,
    },
    /// A backup was made and is kept by the daemon: whoever has it has the deployment.
    BackupMade {
        /// The backup's name.
        backup: String,
        /// SHA-256 of its file, lower-case hex.
        sha256: String,
    },
    /// A backup was given out.
    BackupGiven {
        /// The backup's name.
        backup: String,
    },
    /// A backup is no more.
    BackupRemoved {
        /// The backup's name.
        backup: String,
    },
}

/// Why somebody who came from an organisation's provider was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
pub enum NotLetIn {
    /// The sign-in was not begun in this browser, was begun long ago, or is over.
    NotBegun,
    /// The provider did not let them in, or they changed their mind.
    Declined,
    /// The provider's answer is not its own, not for this daemon, or not of this moment.
    Untrusted,
    /// Nothing that the provider says of them gives a role, and they have none here.
    NoRole,
    /// The provider does not say an address, or does not vouch for it.
    NoAddress,
    /// The address is that of somebody who did not say that they sign in so.
    AddressTaken,
    /// They are let in no more.
    Disabled,
    /// Nobody is there yet, and the first must be an administrator of all municipalities.
    FirstOfAll,
}

impl Happened {
    /// What the journal holds of such a kind and such facts, the JSON text of an entry; none if this
    /// release does not know it.
    pub fn read(kind: &str, data: &str) -> Option<Self> {
        let data: Value = serde_json::from_str(data).ok()?;
        serde_json::from_value(serde_json::json!({ "kind": kind, "data": data })).ok()
    }

    /// The kind, as the journal spells it.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// The facts, as the JSON text that the journal holds and hashes.
    pub fn facts(&self) -> String {
        // Written out once, whole, and taken from between the kind and the closing brace.
        let whole = serde_json::to_string(self).unwrap_or_default();
        let begin = r#"{"kind":"","data":"#.len() + self.name().len();
        whole.get(begin..whole.len().saturating_sub(1)).unwrap_or_default().to_owned()
    }
}

impl EntryKind {
    /// Every kind.
    pub const ALL: &[EntryKind] = EntryKind::VARIANTS;

    /// As the journal and filters spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it tells who is let in and who is told: an entry of the journal of access.
    pub fn is_of_access(self) -> bool {
        use EntryKind as K;
        matches!(
            self,
            K::PersonSet
                | K::PersonInvited
                | K::PasswordSet
                | K::SignedIn
                | K::PasskeyAdded
                | K::PasskeyRemoved
                | K::PasskeysRemoved
                | K::SignInLocked
                | K::AccountLinked
                | K::ProvidedRolesSet
                | K::SignInRefused
                | K::TokenSet
                | K::TokenRotated
                | K::TokenRevoked
                | K::ListenerSet
                | K::ListenerRotated
                | K::ListenerDisabled
                | K::ListenerRemoved
                | K::BackupMade
                | K::BackupGiven
                | K::BackupRemoved
        )
    }
}
