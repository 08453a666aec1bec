//! What a road map says, once read and checked.
//!
//! These types are the only form in which the rest of Vekha sees a definition. They are built by
//! [`crate::read`] from the administrator's files and never by hand elsewhere, so whoever holds a
//! [`RoadMap`] may rely on what `check` proved: every reference resolves, every formula types.

mod activity;
mod analysis;
mod audience;
mod document;
mod evidence;
mod form;
mod grouping;
mod layout;
mod map;
mod organisation;
mod schedule;
mod stage;
mod time;

pub use self::activity::Activity;
pub use self::analysis::{
    Analysis, Better, Indicator, RestsOn, RowGroups, RowSet, Rule, Severity, Sign, Signs,
};
pub use self::audience::Audience;
pub use self::document::{DecisionKind, Issuer, Planned};
pub use self::evidence::{Component, Direction, EvidenceMethod, Proof, Yield};
pub use self::form::{
    Choice, Field, FieldKind, FileRule, Form, FormRule, Range, Required, Rows, RuleGroups, Scores,
    Table,
};
pub use self::grouping::{BESIDE, Group, Grouping, ROWS};
pub use self::layout::{
    Below, Border, Given, Groups, Layout, LayoutColumn, Line, Measure, Named, PART, Recognition,
    SCORE, Skip, Take, Target,
};
pub use self::map::{Municipality, RoadMap, Section};
pub use self::organisation::{Contact, Duty, Organisation, OrganisationKind};
pub use self::schedule::{CatchUp, Every, MonthDay, Overlap, PeriodOf, Schedule, Upstream};
pub use self::stage::{
    Analyze, AnsweredRows, AskedTable, Collect, Covers, DatasetSource, Decide, Known, KnownRows,
    KnownValue, PageCalendar, Pages, Participants, PlannedMeasure, Prefill, Publish, Recommend,
    Stage, Work,
};
pub use self::time::{Available, Due, Offset, Span};
