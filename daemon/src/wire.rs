//! The contract's enums and ours: each pair stands here once, for the API that answers with them and
//! the command line that reads them. A new value of either side does not compile without its twin.

use vekha_analysis::effect::Effect;
use vekha_engine::run::{AssignmentState, RecommendationState, RunState, StageState};
use vekha_engine::{DecisionKind, Origin};
use vekha_plugin::Capability;
use vekha_proto::v1;
use vekha_roadmap::model::{Duty, OrganisationKind, Severity, Work};

use crate::access::Role;
use crate::runtime::road_maps::Means;
use crate::runtime::views::effects::Help;

/// A value that the contract has a twin of.
pub trait Twin: Sized {
    /// Its twin in the contract.
    type Wire;

    /// As the contract has it.
    fn wire(self) -> Self::Wire;

    /// What the contract's value says; none if it says nothing.
    fn of(wire: Self::Wire) -> Option<Self>;
}

macro_rules! twins {
    ($($own:ident = $wire:ident { $($value:ident),+ $(,)? })+) => {$(
        impl Twin for $own {
            type Wire = v1::$wire;

            fn wire(self) -> v1::$wire {
                match self {
                    $($own::$value => v1::$wire::$value,)+
                }
            }

            fn of(wire: v1::$wire) -> Option<Self> {
                match wire {
                    v1::$wire::Unspecified => None,
                    $(v1::$wire::$value => Some($own::$value),)+
                }
            }
        }
    )+};
}

twins! {
    RunState = RunState { Waiting, Question, Active, Failed, Completed, Cancelled, Skipped }
    StageState = StageState { Pending, Waiting, Active, Completed, Failed }
    AssignmentState = AssignmentState { Open, Answered, Returned, Missing, Waived }
    RecommendationState = RecommendationState { Draft, Issued, Acknowledged, Discarded }
    DecisionKind = DecisionKind { Order, Directive, Decree, Minutes }
    Origin = Origin { Page, Api, Source }
    OrganisationKind = OrganisationKind { Department, School, Kindergarten, Association }
    Duty = ContactDuty { Director, Deputy, Coordinator, Secretary }
    Severity = Severity { Note, Attention, Serious }
    Effect = EffectKind { Resolved, Better, Mixed, Same, Worse, Unknown }
    Role = Role { Representative, Viewer, Operator, Approver, Administrator }
    Means = RoadMapMeans { Files, Form, Archive, Return, Beginning }
    Help = HelpKind { Done, Recommended, Ordered, None }
    Capability = PluginCapability { Notifier, Publisher, Source, Listener, Analyzer }
}

/// What a stage does, as the contract has it.
pub fn stage_kind(work: &Work) -> v1::StageKind {
    match work {
        Work::Collect(_) => v1::StageKind::Collect,
        Work::Analyze(_) => v1::StageKind::Analyze,
        Work::Recommend(_) => v1::StageKind::Recommend,
        Work::Decide(_) => v1::StageKind::Decide,
        Work::Publish(_) => v1::StageKind::Publish,
    }
}
