//! When runs start and terms end: from a definition's words to instants.
//!
//! Everything is computed from civil dates in the municipality's time zone and turned into an
//! instant last, so that changes of the clock neither lose nor double an opening.

use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::RoadMap;
use crate::calendar::{Calendar, LONGEST_STRETCH};
use crate::model::{Activity, Due, Every, MonthDay, Municipality, Offset, PeriodOf, Schedule};
use crate::period::{Period, PeriodKind};

/// How far ahead the next opening is looked for, in years.
const HORIZON_YEARS: i16 = 10;

/// A run to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// When.
    pub at: Timestamp,
    /// About which period.
    pub period: Period,
    /// The organisation whose turn it is, in rotations.
    pub part: Option<String>,
}

impl Municipality {
    /// The civil date at an instant.
    pub fn today(&self, now: Timestamp) -> Date {
        self.time_zone.to_datetime(now).date()
    }

    /// Start of the working day.
    pub fn opening(&self, day: Date) -> Timestamp {
        self.instant(day, self.opens)
    }

    /// End of the working day: from then on, what was due on the day is overdue.
    pub fn closing(&self, day: Date) -> Timestamp {
        self.instant(day, self.closes)
    }

    /// The instant after which openings count, if they are looked for after another: none opens before
    /// the road map begins.
    fn not_before(&self, after: Timestamp) -> Timestamp {
        let begins = self.begins.map(|day| self.instant(day, Time::midnight()));
        begins.map_or(after, |begins| after.max(begins - SignedDuration::from_nanos(1)))
    }

    fn instant(&self, day: Date, time: Time) -> Timestamp {
        // A time that the clock skips or repeats is read as RFC 5545 does.
        self.time_zone.to_timestamp(day.to_datetime(time)).unwrap_or(if day.year() > 0 {
            Timestamp::MAX
        } else {
            Timestamp::MIN
        })
    }
}

/// When the first working day on or after `day` begins. A day that the zone left out (Pacific/Apia
/// had no 30 December 2011) is nobody's working day, whatever the calendar says.
fn next_working_morning(road_map: &RoadMap, day: Date) -> Timestamp {
    let municipality = &road_map.municipality;
    let day = road_map.calendar.on_or_after(day);
    let at = municipality.opening(day);
    if municipality.today(at) == day {
        at
    } else {
        municipality.opening(road_map.calendar.on_or_after(day.saturating_add(1.day())))
    }
}

/// When something that starts on `start` is due.
pub fn due_date(calendar: &Calendar, start: Date, due: Due) -> Date {
    match due {
        Due::After(span) => calendar.add(start, span),
        Due::On(day) => {
            let this_year = day.in_year(start.year());
            let day = if this_year > start { this_year } else { day.in_year(start.year() + 1) };
            calendar.on_or_after(day)
        }
    }
}

/// The day that is so long before or after a due date.
pub fn offset_date(calendar: &Calendar, due: Date, offset: Offset) -> Date {
    match offset {
        Offset::Before(span) => calendar.subtract(due, span),
        Offset::OnTheDay => due,
        Offset::After(span) => calendar.add(due, span),
    }
}

/// When a letter written at `now` leaves: at once in working hours, else when the next working day
/// begins.
pub fn letters_leave(road_map: &RoadMap, now: Timestamp) -> Timestamp {
    let municipality = &road_map.municipality;
    let today = municipality.today(now);
    let working = road_map.calendar.is_working(today);
    if working && now < municipality.closing(today) {
        now.max(municipality.opening(today))
    } else {
        next_working_morning(road_map, today.saturating_add(1.day()))
    }
}

impl Schedule {
    /// Which period a run is about that opens on this day.
    pub fn period_on(&self, day: Date) -> Period {
        let current = Period::containing(self.period, day);
        match self.of {
            PeriodOf::Current => current,
            PeriodOf::Previous => current.previous(),
        }
    }

    /// The day on which the run about a period opens, be it worked or not: of those that the schedule
    /// names, or else the first day on which such a run could open.
    pub fn nominal_opening(&self, period: Period) -> Date {
        let opens_in = match self.of {
            PeriodOf::Current => period,
            PeriodOf::Previous => period.next(),
        };
        let days = match &self.every {
            Every::Once { opens } if self.period_on(*opens) == period => return *opens,
            _ => self.days(),
        };
        let years = opens_in.first_day().year()..=opens_in.last_day().year();
        let named = years.flat_map(|year| days.iter().map(move |day| day.in_year(year)));
        named
            .filter(|day| Period::containing(self.period, *day) == opens_in)
            .min()
            .unwrap_or(opens_in.first_day())
    }

    /// The days of the year on which runs open; none if they do not open on such days.
    fn days(&self) -> &[MonthDay] {
        match &self.every {
            Every::Yearly { opens } => opens,
            Every::Rotation { opens, .. } => std::slice::from_ref(opens),
            _ => &[],
        }
    }

    /// Which period is meant by what happens on a day and opens a run: that of the opening which is
    /// nearest, be it ahead or just past. None if there is no opening on a day of the year.
    pub fn period_near(&self, day: Date) -> Option<Period> {
        let years = day.year().saturating_sub(1)..=day.year().saturating_add(1);
        let opens = years.flat_map(|year| self.days().iter().map(move |one| one.in_year(year)));
        let nearest = opens.min_by_key(|opens| (*opens - day).get_days().abs())?;
        Some(self.period_on(nearest))
    }
}

/// The working day on which a stage that does not begin before a day of the year may begin, in the run
/// about a period. It follows from the schedule and not from when the run really opened: a run that is
/// opened late does not wait for the next year.
pub fn stage_begins(
    road_map: &RoadMap,
    activity: &Activity,
    period: Period,
    not_before: MonthDay,
) -> Date {
    let opens = activity.schedule.nominal_opening(period);
    let day = not_before.on_or_after(opens);
    road_map.municipality.today(next_working_morning(road_map, day))
}

impl MonthDay {
    /// The first such day on or after another.
    pub fn on_or_after(self, day: Date) -> Date {
        let this_year = self.in_year(day.year());
        if this_year >= day { this_year } else { self.in_year(day.year().saturating_add(1)) }
    }

    /// The day in a year; 29 February is 28 February in common years.
    pub fn in_year(self, year: i16) -> Date {
        let first = date(year.clamp(1, 9998), self.month, 1);
        let day = self.day.clamp(1, first.days_in_month());
        first.with().day(day).build().unwrap_or(first)
    }
}

/// The openings of an activity in (after, until], ascending by instant and part.
pub fn openings(
    road_map: &RoadMap,
    activity: &Activity,
    after: Timestamp,
    until: Timestamp,
) -> Vec<Opening> {
    let municipality = &road_map.municipality;
    let after = municipality.not_before(after);
    if until <= after {
        return Vec::new();
    }
    let schedule = &activity.schedule;
    // Days off move openings to a later day: those of the days before are looked at, too.
    let first = municipality.today(after).saturating_sub((LONGEST_STRETCH + 1).days());
    let last = municipality.today(until);
    let within = |year: i16| {
        schedule.from.is_none_or(|from| from <= year)
            && schedule.until.is_none_or(|until| year <= until)
    };
    let period = |nominal: Date| schedule.period_on(nominal);
    let on_working_day = |nominal: Date| next_working_morning(road_map, nominal);
    let mut found: Vec<Opening> = Vec::new();
    match &schedule.every {
        Every::Once { opens } => {
            found.push(Opening { at: on_working_day(*opens), period: period(*opens), part: None });
        }
        Every::Yearly { opens } => {
            for year in (first.year()..=last.year()).filter(|year| within(*year)) {
                for day in opens {
                    let nominal = day.in_year(year);
                    found.push(Opening {
                        at: on_working_day(nominal),
                        period: period(nominal),
                        part: None,
                    });
                }
            }
        }
        Every::Rotation { years, opens, kinds } => {
            for year in (first.year()..=last.year()).filter(|year| within(*year)) {
                let nominal = opens.in_year(year);
                let at = on_working_day(nominal);
                for code in turn(road_map, kinds, *years, year, municipality.today(at)) {
                    found.push(Opening { at, period: period(nominal), part: Some(code) });
                }
            }
        }
        Every::Cron { expression } => {
            for moment in cron_moments(expression, &municipality.time_zone, after, until) {
                let nominal = municipality.today(moment);
                if within(nominal.year()) {
                    found.push(Opening { at: moment, period: period(nominal), part: None });
                }
            }
        }
        Every::AfterOnly | Every::OnDemand | Every::OnEvent { .. } => {}
    }
    found.retain(|o| after < o.at && o.at <= until);
    found.sort_by(|a, b| (a.at, a.period, &a.part).cmp(&(b.at, b.period, &b.part)));
    // Cron may fire more than once in a period, and a run exists once.
    found.dedup_by(|b, a| a.period == b.period && a.part == b.part);
    found
}

/// The first instant after `after` at which a run opens; none within ten years means never.
pub fn next_opening(
    road_map: &RoadMap,
    activity: &Activity,
    after: Timestamp,
) -> Option<Timestamp> {
    let schedule = &activity.schedule;
    let municipality = &road_map.municipality;
    let after = municipality.not_before(after);
    let year = municipality.today(after).year();
    if let Every::Cron { expression } = &schedule.every {
        // The years in which nothing opens are not walked through minute by minute.
        let begin = date(schedule.from.unwrap_or(year).max(year).clamp(1, 9998), 1, 1);
        let end = schedule.until.unwrap_or(i16::MAX).min(year.saturating_add(HORIZON_YEARS));
        let start = municipality.time_zone.to_timestamp(begin.at(0, 0, 0, 0)).ok()?;
        // The first instant of the first year is one of its moments.
        let just_before = start - SignedDuration::from_nanos(1);
        return cron_moments(
            expression,
            &municipality.time_zone,
            after.max(just_before),
            Timestamp::MAX,
        )
        .next()
        .filter(|at| municipality.today(*at).year() <= end);
    }
    (year - 1..=year + HORIZON_YEARS + 1)
        .find_map(|year| {
            let end = municipality.closing(date(year.clamp(1, 9998), 12, 31));
            openings(road_map, activity, after, end).first().map(|o| o.at)
        })
        .or_else(|| match schedule.every {
            // A single opening is found however far away it is.
            Every::Once { .. } => {
                openings(road_map, activity, after, Timestamp::MAX).first().map(|o| o.at)
            }
            _ => None,
        })
}

/// Whose turn it is in `year`. All organisations ever registered are counted off in the order in
/// which they came, so that the shares differ by at most one and neither a newcomer nor a closed
/// school moves anybody else.
fn turn(
    road_map: &RoadMap,
    kinds: &[crate::model::OrganisationKind],
    years: u8,
    year: i16,
    day: Date,
) -> Vec<String> {
    let mut organisations: Vec<_> =
        road_map.organisations.iter().filter(|o| kinds.contains(&o.kind)).collect();
    organisations.sort_by(|a, b| (a.since, &a.code).cmp(&(b.since, &b.code)));
    let years = usize::from(years.max(1));
    let remainder = usize::from(year.unsigned_abs()) % years;
    organisations
        .into_iter()
        .enumerate()
        .filter(|(index, o)| index % years == remainder && o.active_on(day))
        .map(|(_, o)| o.code.clone())
        .collect()
}

/// Whether `expression` is a cron expression that schedules can use.
///
/// # Errors
/// What is wrong with it, in Russian.
pub fn cron(expression: &str) -> Result<(), String> {
    if expression.split_whitespace().count() != 5 {
        return Err("нужно пять полей: минута, час, день, месяц, день недели".into());
    }
    if parse_cron(expression).is_none() {
        return Err(format!("«{expression}» — не выражение cron, например «0 9 10 * *»"));
    }
    match some_moments(expression).next() {
        Some(_) => Ok(()),
        None => {
            Err(format!("«{expression}»: такого дня не бывает, расписание никогда не сработает"))
        }
    }
}

/// Moments by which an expression is judged: those of any zone are alike. From a year on so that
/// 29 February is among them.
fn some_moments(expression: &str) -> impl Iterator<Item = Date> {
    let year = |year: i16| TimeZone::UTC.to_timestamp(date(year, 1, 1).at(0, 0, 0, 0));
    let (first, last) = (year(2024), year(2032));
    let moments = cron_moments(
        expression,
        const { &TimeZone::UTC },
        first.unwrap_or(Timestamp::MIN),
        last.unwrap_or(Timestamp::MAX),
    );
    moments.map(|at| TimeZone::UTC.to_datetime(at).date())
}

/// The first two days on which an expression opens the same period twice: of a run's two openings
/// the second would be lost.
pub fn opens_twice(expression: &str, kind: PeriodKind) -> Option<(Date, Date)> {
    let mut before: Option<Date> = None;
    some_moments(expression).find_map(|day| {
        let earlier = before.replace(day)?;
        let period = |day| Period::containing(kind, day);
        (period(earlier) == period(day)).then_some((earlier, day))
    })
}

fn parse_cron(expression: &str) -> Option<croner::Cron> {
    croner::parser::CronParser::new().parse(expression).ok()
}

/// The moments of a cron expression in (after, until]. croner counts in chrono's types; civil time
/// is handed over as if it were UTC and mapped to the municipality's zone on the way back.
fn cron_moments<'a>(
    expression: &str,
    zone: &'a TimeZone,
    after: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = Timestamp> + 'a {
    let cron = parse_cron(expression);
    let civil_seconds = |at: Timestamp| {
        TimeZone::UTC.to_timestamp(zone.to_datetime(at)).map(|t| t.as_second()).unwrap_or_default()
    };
    // A day earlier, so that a clock set back hides nothing.
    let mut cursor = chrono::DateTime::from_timestamp(civil_seconds(after) - 86_400, 0);
    std::iter::from_fn(move || {
        let next = cron.as_ref()?.find_next_occurrence(&cursor?, false).ok()?;
        cursor = Some(next);
        let civil = TimeZone::UTC.to_datetime(Timestamp::from_second(next.timestamp()).ok()?);
        zone.to_timestamp(civil).ok()
    })
    .skip_while(move |at| *at <= after)
    .take_while(move |at| *at <= until)
}
