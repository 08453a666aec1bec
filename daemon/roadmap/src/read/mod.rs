//! From an administrator's files to a road map, or to all that is wrong with them.
//!
//! Reading has two halves: every file is read on its own, collecting its mistakes; then the whole
//! is checked for what no single file can tell (references, cycles, types of formulas, variables
//! of templates). No mistake hides another one or is told twice: what is wrong gives way to a stopgap
//! and reading goes on, since no road map comes of it anyway. No input makes the reader panic.

mod activity;
mod analysis;
mod branches;
mod check;
mod evidence;
mod form;
mod groups;
mod issuers;
mod layout;
mod layout_check;
mod letters;
mod municipality;
mod organisations;
mod rendering;
mod stage;
mod table;
mod templates;
mod wording;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::diagnostic::Diagnostic;
use crate::model::{Organisation, RoadMap, Work};
use table::{File, Place};

pub use crate::files::Files;
pub use layout_check::{Misfit, misfits};
pub use letters::shipped as shipped_letters;
pub use organisations::is_address;
pub use rendering::unknown_to_samples;
pub(crate) use table::name;
pub use table::{due, id, month_day, offset, span};
pub use templates::{DIGEST_ITEMS, LETTERS, decision, environment, text_environment};
pub use wording::{placed as placed_mistake, words as template_mistake};

/// The file of the registry of organisations.
pub const REGISTRY: &str = "organisations.toml";

/// The file of the thresholds that analyses share.
pub const THRESHOLDS: &str = "thresholds.toml";

/// What a reading yields besides the road map.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What must be mended, in the order of files and lines.
    pub errors: Vec<Diagnostic>,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// Mistakes and the places of things, gathered while reading.
#[derive(Debug, Default)]
struct Findings {
    /// Whether a release before this one found no mistakes in the same files.
    proved: bool,
    errors: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
    /// Where things stand that are checked later, by a path of our own: `activities/vpr/after/0`.
    places: RefCell<BTreeMap<String, Place>>,
}

impl Findings {
    fn error(&self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.errors.borrow_mut().push(place.diagnostic(message.into(), help));
    }

    fn warn(&self, place: &Place, message: impl Into<String>) {
        self.warnings.borrow_mut().push(place.diagnostic(message.into(), None));
    }

    /// Whether something is wrong there already.
    fn told_of(&self, place: &Place) -> bool {
        let told = place.diagnostic(String::new(), None);
        let errors = self.errors.borrow();
        errors.iter().any(|one| (&one.file, one.line) == (&told.file, told.line))
    }

    fn keep(&self, path: String, place: Place) {
        self.places.borrow_mut().insert(path, place);
    }

    /// Whether something stands under a path, however badly it was written. What was read badly was
    /// told already, and must not be told to be missing wherever it is named.
    fn stands(&self, path: &str) -> bool {
        self.places.borrow().contains_key(path)
    }

    /// The last parts of the paths one step below `path`.
    fn below(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let places = self.places.borrow();
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let names = places.range::<str, _>(from).map_while(|(p, _)| p.strip_prefix(&prefix));
        names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
    }

    /// The place kept under a path, or the nearest one above it.
    fn place(&self, path: &str) -> Place {
        let places = self.places.borrow();
        let mut path = path;
        loop {
            if let Some(place) = places.get(path) {
                return place.clone();
            }
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => return Place::start_of("municipality.toml"),
            }
        }
    }
}

/// Reads a road map.
///
/// # Errors
/// All mistakes at once; see [`read_with_warnings`] for the warnings as well.
pub fn read(files: &Files) -> Result<RoadMap, Vec<Diagnostic>> {
    let (road_map, report) = read_with_warnings(files);
    match road_map {
        Some(road_map) => Ok(road_map),
        None => Err(report.errors),
    }
}

/// Reads a road map that was read without mistakes when it was applied. Its texts are not tried
/// anew: who looks closer today makes nothing unreadable that runs go by.
///
/// # Errors
/// All mistakes at once.
pub fn read_again(files: &Files) -> Result<RoadMap, Vec<Diagnostic>> {
    let (road_map, report) = read_as(files, Findings { proved: true, ..Findings::default() });
    road_map.ok_or(report.errors)
}

/// Reads a road map and tells what is worth a look; there is a road map only without errors.
pub fn read_with_warnings(files: &Files) -> (Option<RoadMap>, Report) {
    read_as(files, Findings::default())
}

fn read_as(files: &Files, findings: Findings) -> (Option<RoadMap>, Report) {
    let road_map = read_all(files, &findings);
    if let Some(road_map) = &road_map {
        check::check(road_map, &findings);
    }
    let sorted = |cell: RefCell<Vec<Diagnostic>>| {
        let mut list = cell.into_inner();
        list.sort();
        list.dedup();
        list
    };
    let report = Report { errors: sorted(findings.errors), warnings: sorted(findings.warnings) };
    (road_map.filter(|_| report.errors.is_empty()), report)
}

/// Reads the registry alone, in the order of its file, however broken the rest of the road map is.
///
/// # Errors
/// All mistakes of the registry at once.
pub fn read_organisations(files: &Files) -> Result<Vec<Organisation>, Vec<Diagnostic>> {
    let findings = Findings::default();
    let organisations = single(files, REGISTRY, &findings)
        .map(|file| organisations::read(&file.table()))
        .unwrap_or_default();
    let mut errors = findings.errors.into_inner();
    errors.sort();
    if errors.is_empty() { Ok(organisations) } else { Err(errors) }
}

fn single<'f>(files: &'f Files, path: &'f str, findings: &'f Findings) -> Option<File<'f>> {
    let text = files.0.get(path);
    if text.is_none() {
        findings.error(&Place::start_of(path), format!("нет файла {path}"), None);
    }
    text.map(|text| File::parse(path, text, findings))
}

/// Reads every file. What could be read is checked further even when parts are missing.
fn read_all(files: &Files, findings: &Findings) -> Option<RoadMap> {
    // What is missing was told; a stopgap hides no mistakes elsewhere.
    let unheard = Findings::default();
    let stopgap = |path: &'static str| File::parse(path, "", &unheard);
    let municipality = single(files, "municipality.toml", findings)
        .unwrap_or_else(|| stopgap("municipality.toml"));
    let municipality = municipality::read(&municipality.table());
    let mut organisations = single(files, REGISTRY, findings)
        .map(|f| organisations::read(&f.table()))
        .unwrap_or_default();
    organisations.sort_by(|a, b| a.code.cmp(&b.code));
    let calendar =
        single(files, "calendar.toml", findings).unwrap_or_else(|| stopgap("calendar.toml"));
    let calendar = municipality::calendar(&calendar.table());
    let folder = |name: &str| {
        let prefix = format!("{name}/");
        files.0.iter().filter_map(move |(path, text)| {
            let stem = path.strip_prefix(&prefix)?.strip_suffix(".toml")?;
            Some((stem.to_owned(), path.as_str(), text.as_str()))
        })
    };
    let shared = files.0.get_key_value(THRESHOLDS).map(|(path, text)| {
        let file = File::parse(path, text, findings);
        analysis::Shared::read(&file.table())
    });
    let shared = shared.unwrap_or_default();
    let mut forms = BTreeMap::new();
    let mut available = BTreeMap::new();
    for (id, path, text) in folder("forms").collect::<Vec<_>>() {
        let file = File::parse(path, text, findings);
        table::id_of_file(&id, path, findings);
        findings.keep(format!("forms/{id}"), Place::start_of(path));
        let (form, from) = form::read(&id, &file.table(), &shared);
        available.extend(from.map(|from| (id.clone(), from)));
        forms.insert(id, form);
    }
    let mut analyses = BTreeMap::new();
    for (id, path, text) in folder("analyses").collect::<Vec<_>>() {
        let file = File::parse(path, text, findings);
        table::id_of_file(&id, path, findings);
        findings.keep(format!("analyses/{id}"), Place::start_of(path));
        let mut analysis = analysis::read(&id, &file.table(), &shared);
        analysis.small_numbers = municipality.small_numbers;
        analyses.insert(id, analysis);
    }
    for (name, place) in shared.idle() {
        findings.warn(&place, format!("порог «{name}» не берёт ни один анализ и ни одна форма"));
    }
    let mut layouts = BTreeMap::new();
    for (id, path, text) in folder("layouts").collect::<Vec<_>>() {
        let file = File::parse(path, text, findings);
        table::id_of_file(&id, path, findings);
        findings.keep(format!("layouts/{id}"), Place::start_of(path));
        let layout = layout::read(&id, &file.table());
        layouts.insert(id, layout);
    }
    let mut evidence = BTreeMap::new();
    for (id, path, text) in folder("evidence").collect::<Vec<_>>() {
        let file = File::parse(path, text, findings);
        table::id_of_file(&id, path, findings);
        let method = evidence::read(&id, &file.table());
        evidence.insert(id, method);
    }
    let mut activities = Vec::new();
    for (stem, path, text) in folder("activities").collect::<Vec<_>>() {
        let file = File::parse(path, text, findings);
        if let Some(activity) = activity::read(&stem, &file.table()) {
            activities.push(activity);
        }
    }
    if activities.is_empty() && findings.errors.borrow().is_empty() {
        findings.error(&Place::start_of("activities"), "нет ни одного мероприятия", None);
    }
    for stage in activities.iter_mut().flat_map(|activity| &mut activity.stages) {
        if let Work::Collect(collect) = &mut stage.work {
            let of_form = || available.get(&collect.form).copied();
            collect.available_from = collect.available_from.or_else(of_form);
        }
    }
    activities.sort_by(|a, b| (a.number, &a.id).cmp(&(b.number, &b.id)));
    let is_template = |path: &str| {
        ["letters/", "reports/", "decisions/"].iter().any(|folder| path.starts_with(folder))
    };
    let own = files.0.iter().filter(|(path, _)| is_template(path));
    let templates =
        letters::shipped().chain(own.map(|(path, text)| (path.clone(), text.clone()))).collect();
    Some(RoadMap {
        municipality,
        calendar,
        organisations,
        activities,
        forms,
        analyses,
        layouts,
        evidence,
        templates,
    })
}
