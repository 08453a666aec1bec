//! A method by which others assess how a municipality manages the quality of education: which
//! directions of work it looks at, which components it wants of each, and which of the road map's
//! activities yield them.

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceMethod {
    /// Latin id: the file's name.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The act that it follows.
    pub source: String,
    /// The first year that it is about.
    pub from: i16,
    /// What is wanted of each direction, in order.
    pub components: Vec<Component>,
    /// The directions, in order.
    pub directions: Vec<Direction>,
}

/// What is wanted of a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Latin id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What proves it.
    pub proof: Proof,
}

/// What proves a component: what the daemon has recorded, and nothing that is only planned.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Proof {
    /// An act in force, of whatever year.
    Act,
    /// Information that was collected.
    Collection,
    /// An analysis that was made.
    Analysis,
    /// Recommendations that were sent.
    Recommendations,
    /// Measures that were ordered, and carried out.
    Measures,
    /// Decisions that were taken in the year.
    Decisions,
    /// What became of findings, followed through later periods.
    Effects,
}

impl Proof {
    /// Every one of them.
    pub const ALL: &[Proof] = <Proof as strum::VariantArray>::VARIANTS;
}

/// A direction of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direction {
    /// Latin id.
    pub id: String,
    /// What it is called, with its number.
    pub title: String,
    /// The activities that belong to it; none if the road map does not cover it.
    pub activities: Vec<Yield>,
}

/// What an activity yields for a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yield {
    /// Activity id.
    pub activity: String,
    /// Ids of components.
    pub components: Vec<String>,
}

impl EvidenceMethod {
    /// The activities that yield a component of a direction.
    pub fn yielding<'a>(
        &self,
        direction: &'a Direction,
        component: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let own = direction.activities.iter();
        let own = own.filter(move |one| one.components.iter().any(|id| id == component));
        own.map(|one| one.activity.as_str())
    }

    /// The activities whose acts prove something.
    pub fn acting(&self) -> impl Iterator<Item = &str> {
        let acts = self.components.iter().filter(|component| component.proof == Proof::Act);
        acts.flat_map(move |component| {
            self.directions.iter().flat_map(|direction| self.yielding(direction, &component.id))
        })
    }
}
