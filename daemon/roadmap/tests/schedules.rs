//! Schedules, working days and periods, over generated calendars and in zones whose clocks jump.
//!
//! What is expected is computed day by day, the way a clerk with a wall calendar would.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::sample::Index;
use vekha_roadmap::RoadMap;
use vekha_roadmap::calendar::{Calendar, CalendarYear};
use vekha_roadmap::model::{
    Activity, CatchUp, Contact, Due, Every, MonthDay, Municipality, Offset, Organisation,
    OrganisationKind, Overlap, PeriodOf, Schedule, Span,
};
use vekha_roadmap::period::{Period, PeriodKind};
use vekha_roadmap::schedule::{
    Opening, cron, due_date, letters_leave, next_opening, offset_date, openings, opens_twice,
};

const ZONES: [&str; 6] = [
    "Asia/Yekaterinburg",
    "Asia/Kolkata",
    "Europe/Berlin",
    // Its clock jumped at midnight until 2018.
    "America/Sao_Paulo",
    // It had no 30 December 2011, a Friday.
    "Pacific/Apia",
    "UTC",
];

/// Leap years, a century's leap year, the years of the zones' oddities, and any.
fn year() -> impl Strategy<Value = i16> {
    prop_oneof![Just(2000), Just(2011), Just(2018), Just(2024), 1995..2045i16]
}

/// Four years from `year - 1` on, some with known transfers, days off in stretches of up to six
/// weeks, and worked weekends.
fn calendar(year: i16) -> impl Strategy<Value = Calendar> {
    let weekends = [
        vec![Weekday::Saturday, Weekday::Sunday],
        vec![Weekday::Sunday],
        vec![Weekday::Friday, Weekday::Saturday],
        vec![],
    ];
    let stretches = prop::collection::btree_map(0..1460i32, 1..43i32, 0..14);
    let worked = prop::collection::vec(0..1460i32, 0..24);
    let known = prop::collection::vec(prop::bool::weighted(0.8), 4);
    (prop::sample::select(weekends.to_vec()), stretches, worked, known).prop_map(
        move |(weekend, stretches, worked, known)| {
            let first = date(year - 1, 1, 1);
            let day = |n: i32| first.checked_add(n.days()).unwrap();
            let mut years: BTreeMap<i16, CalendarYear> = (year - 1..)
                .zip(known)
                .filter(|(_, known)| *known)
                .map(|(year, _)| (year, CalendarYear::default()))
                .collect();
            let mut free_from = 0;
            for (start, length) in stretches {
                // Stretches that touch would be longer than any calendar's.
                if start < free_from {
                    continue;
                }
                free_from = start + length + 14;
                for day in (start..start + length).map(day) {
                    if let Some(year) = years.get_mut(&day.year())
                        && !weekend.contains(&day.weekday())
                    {
                        year.days_off.insert(day);
                    }
                }
            }
            for day in worked.into_iter().map(day).filter(|d| weekend.contains(&d.weekday())) {
                if let Some(year) = years.get_mut(&day.year()) {
                    year.workdays.insert(day);
                }
            }
            Calendar { weekend, years }
        },
    )
}

fn month_day() -> impl Strategy<Value = MonthDay> {
    let of_leap_year = |n: i32| date(2028, 1, 1).checked_add(n.days()).unwrap();
    prop_oneof![4 => 0..366i32, 1 => Just(59), 1 => 350..366i32]
        .prop_map(of_leap_year)
        .prop_map(|day| MonthDay { month: day.month(), day: day.day() })
}

fn days(count: usize) -> impl Strategy<Value = Vec<MonthDay>> {
    prop::collection::btree_set(month_day(), count).prop_map(|days| days.into_iter().collect())
}

fn every(year: i16) -> impl Strategy<Value = Every> {
    let crons = ["0 9 10 * *", "30 0 1 * *", "15 2 * * *", "0 23 30,31 12 *", "45 8 * * 1-5"];
    let once = (0..1100i32).prop_map(move |n| Every::Once {
        opens: date(year - 1, 1, 1).checked_add(n.days()).unwrap(),
    });
    let rotation = (2..=10u8, month_day()).prop_map(|(years, opens)| Every::Rotation {
        years,
        opens,
        kinds: vec![OrganisationKind::School],
    });
    prop_oneof![
        once,
        prop::sample::select(vec![1usize, 2, 4])
            .prop_flat_map(days)
            .prop_map(|opens| Every::Yearly { opens }),
        rotation,
        prop::sample::select(crons.to_vec())
            .prop_map(|expression| Every::Cron { expression: expression.into() }),
        Just(Every::AfterOnly),
        Just(Every::OnDemand),
        Just(Every::OnEvent { event: "sample".into() }),
    ]
}

fn period_kind() -> impl Strategy<Value = PeriodKind> {
    prop::sample::select(PeriodKind::ALL)
}

fn schedule(year: i16, every: impl Strategy<Value = Every>) -> impl Strategy<Value = Schedule> {
    let bound = || prop::option::weighted(0.3, year - 1..=year + 1);
    (every, period_kind(), any::<bool>(), bound(), bound()).prop_map(
        |(every, period, previous, from, until)| Schedule {
            every,
            period,
            of: if previous { PeriodOf::Previous } else { PeriodOf::Current },
            from,
            until,
            after: vec![],
            opens_on_event: None,
            continuous: false,
            catch_up: CatchUp::Latest,
            overlap: Overlap::Allow,
        },
    )
}

fn school(code: &str, since: Date) -> Organisation {
    Organisation {
        code: code.into(),
        kind: OrganisationKind::School,
        name: code.into(),
        short: code.into(),
        logins: vec![],
        other_names: vec![],
        email: String::new(),
        contacts: vec![],
        since,
        until: None,
    }
}

fn activity(schedule: Schedule) -> Activity {
    Activity {
        number: 1,
        id: "a".into(),
        title: "А".into(),
        short: "А".into(),
        section: "s".into(),
        deadline: "ежегодно".into(),
        responsible: vec![],
        schedule,
        stages: vec![],
    }
}

fn road_map(zone: &str, opens: i8, calendar: Calendar, schools: usize) -> RoadMap {
    let contact = Contact { name: "Ж".into(), ..Contact::default() };
    RoadMap {
        municipality: Municipality {
            id: "m".into(),
            name: "М".into(),
            authority: "О".into(),
            authority_genitive: String::new(),
            place: String::new(),
            signatory: String::new(),
            issuers: vec![],
            adopted_by: String::new(),
            small_numbers: 5,
            time_zone: TimeZone::get(zone).unwrap(),
            begins: None,
            opens: time(opens, 0, 0, 0),
            closes: time(18, 0, 0, 0),
            contact,
            sections: vec![],
            parties: BTreeMap::new(),
        },
        calendar,
        organisations: (0..schools)
            .map(|n| school(&format!("school-{n:02}"), date(1990, 1, 1)))
            .collect(),
        activities: vec![],
        forms: BTreeMap::new(),
        analyses: BTreeMap::new(),
        layouts: BTreeMap::new(),
        evidence: BTreeMap::new(),
        templates: BTreeMap::new(),
    }
}

/// A municipality; midnight as the start of its day falls into São Paulo's gap.
fn town() -> impl Strategy<Value = (i16, RoadMap)> {
    (year(), prop::sample::select(ZONES.to_vec()), prop::sample::select(vec![0i8, 8, 9]))
        .prop_flat_map(|(year, zone, opens)| {
            calendar(year).prop_map(move |calendar| (year, road_map(zone, opens, calendar, 7)))
        })
}

fn town_and(
    every: fn(i16) -> BoxedStrategy<Every>,
) -> impl Strategy<Value = (i16, RoadMap, Activity)> {
    town().prop_flat_map(move |(year, road_map)| {
        schedule(year, every(year)).prop_map(move |s| (year, road_map.clone(), activity(s)))
    })
}

/// An instant within the three years around `year`.
fn instant(year: i16, second: u32) -> Timestamp {
    let first = TimeZone::UTC.to_timestamp(date(year - 1, 1, 1).at(0, 0, 0, 0)).unwrap();
    first + SignedDuration::from_secs(i64::from(second % (3 * 365 * 86_400)))
}

/// A run exists once, so a second opening about the same period says nothing new.
fn once_per_period(openings: impl IntoIterator<Item = Opening>) -> Vec<Opening> {
    let mut seen = BTreeSet::new();
    openings.into_iter().filter(|o| seen.insert((o.period, o.part.clone()))).collect()
}

fn first_working(calendar: &Calendar, mut day: Date) -> Date {
    while !calendar.is_working(day) {
        day = day.tomorrow().unwrap();
    }
    day
}

/// So many towns, texts, answers; PROPTEST_CASES asks for another number.
fn config(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_window_split_anywhere_neither_loses_nor_doubles_an_opening(
        (year, road_map, activity) in town_and(|year| every(year).boxed()),
        mut seconds in prop::array::uniform3(any::<u32>()),
        pick in any::<Index>(),
    ) {
        seconds.sort_by_key(|s| instant(year, *s));
        let [a, b, c] = seconds.map(|s| instant(year, s));
        let whole = openings(&road_map, &activity, a, c);
        let mut splits = vec![b];
        if !whole.is_empty() {
            // At the very instant of an opening, and just before it.
            let at = whole[pick.index(whole.len())].at;
            splits.extend([at, at - SignedDuration::from_nanos(1)]);
        }
        for b in splits {
            let parts = || {
                let left = openings(&road_map, &activity, a, b);
                left.into_iter().chain(openings(&road_map, &activity, b, c))
            };
            prop_assert_eq!(&once_per_period(parts()), &whole, "split at {}", b);
            let one_per_period = match &activity.schedule.every {
                Every::Yearly { opens } => opens.len() == 1,
                Every::Cron { .. } => false,
                _ => true,
            };
            if one_per_period {
                prop_assert_eq!(parts().count(), whole.len(), "split at {}", b);
            }
        }
    }

    #[test]
    fn nothing_opens_before_the_road_map_begins_and_all_that_is_to_come_opens_after(
        (year, mut road_map, activity) in town_and(|year| every(year).boxed()),
        mut seconds in prop::array::uniform3(any::<u32>()),
    ) {
        seconds.sort_unstable();
        let [a, b, c] = seconds.map(|s| instant(year, s));
        let whole = openings(&road_map, &activity, a, c);
        let first = road_map.municipality.today(b);
        road_map.municipality.begins = Some(first);
        let begun = openings(&road_map, &activity, a, c);
        let day = |opening: &Opening| road_map.municipality.today(opening.at);
        prop_assert!(begun.iter().all(|opening| day(opening) >= first));
        // Of a period in which it would have opened already, it opens the next time.
        let one_per_period = match &activity.schedule.every {
            Every::Yearly { opens } => opens.len() == 1,
            Every::Cron { .. } => false,
            _ => true,
        };
        if one_per_period {
            let due: Vec<Opening> = whole.into_iter().filter(|o| day(o) >= first).collect();
            prop_assert_eq!(&begun, &due);
        }
        let next = next_opening(&road_map, &activity, a);
        prop_assert!(next.is_none_or(|at| road_map.municipality.today(at) >= first));
    }

    #[test]
    fn runs_open_as_a_working_day_of_the_municipality_begins(
        (year, road_map, activity) in town_and(|year| every(year).boxed()),
        start in any::<u32>(),
    ) {
        let cron = matches!(activity.schedule.every, Every::Cron { .. });
        let after = instant(year, start);
        let until = instant(year, u32::MAX).max(after);
        let municipality = &road_map.municipality;
        for opening in openings(&road_map, &activity, after, until) {
            prop_assert!(after < opening.at && opening.at <= until);
            prop_assert_eq!(opening.period.kind(), activity.schedule.period);
            let day = municipality.today(opening.at);
            if !cron {
                prop_assert!(road_map.calendar.is_working(day), "{} is a day off", day);
                prop_assert_eq!(opening.at, municipality.opening(day));
            }
        }
    }

    #[test]
    fn a_yearly_run_opens_on_its_day_or_the_next_working_one_about_the_days_own_period(
        (year, road_map, activity) in town_and(|_| {
            prop::sample::select(vec![1usize, 2, 4])
                .prop_flat_map(days)
                .prop_map(|opens| Every::Yearly { opens })
                .boxed()
        }),
        start in any::<u32>(),
    ) {
        let after = instant(year, start);
        let until = instant(year + 1, u32::MAX);
        let schedule = &activity.schedule;
        let Every::Yearly { opens } = &schedule.every else { unreachable!() };
        let mut expected = Vec::new();
        for year in schedule.from.unwrap_or(year - 2)..=schedule.until.unwrap_or(year + 2) {
            for MonthDay { month, day } in opens {
                // Common years have no 29 February.
                let nominal = Date::new(year, *month, *day).unwrap_or(date(year, 2, 28));
                let mut worked = first_working(&road_map.calendar, nominal);
                // Nobody works on a day that the zone left out.
                while road_map.municipality.today(road_map.municipality.opening(worked)) != worked {
                    worked = first_working(&road_map.calendar, worked.tomorrow().unwrap());
                }
                let at = road_map.municipality.opening(worked);
                let current = Period::containing(schedule.period, nominal);
                let period = match schedule.of {
                    PeriodOf::Current => current,
                    PeriodOf::Previous => current.previous(),
                };
                if after < at && at <= until {
                    expected.push(Opening { at, period, part: None });
                }
            }
        }
        prop_assert_eq!(
            openings(&road_map, &activity, after, until),
            once_per_period(expected)
        );
    }

    #[test]
    fn a_cron_run_opens_at_its_time_of_the_municipalitys_clock_however_the_clock_jumps(
        (year, road_map) in town(),
        (minute, hour, day) in (0..60i8, 0..24i8, 1..=31i8),
        start in any::<u32>(),
    ) {
        let after = instant(year, start);
        let until = instant(year, u32::MAX).max(after);
        let mut s = schedule_of(Every::Cron { expression: format!("{minute} {hour} {day} * *") });
        s.period = PeriodKind::Month;
        let found: Vec<Timestamp> =
            openings(&road_map, &activity(s), after, until).iter().map(|o| o.at).collect();
        let zone = &road_map.municipality.time_zone;
        let expected: Vec<Timestamp> = (year - 1..=year + 2)
            .flat_map(|year| (1..=12).map(move |month| (year, month)))
            .filter_map(|(year, month)| Date::new(year, month, day).ok())
            .map(|day| zone.to_timestamp(day.at(hour, minute, 0, 0)).unwrap())
            .filter(|at| after < *at && *at <= until)
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_next_opening_is_the_first_of_those_to_come(
        (year, road_map, activity) in town_and(|year| every(year).boxed()),
        start in any::<u32>(),
    ) {
        let after = instant(year, start);
        let until = after + SignedDuration::from_hours(24 * 366 * 11);
        // Openings are sought in steps: eleven years of a daily cron are long.
        let first = (1..=11).find_map(|n| {
            let until = after + SignedDuration::from_hours(24 * 366 * n);
            openings(&road_map, &activity, after, until).first().map(|o| o.at)
        });
        let next = next_opening(&road_map, &activity, after);
        prop_assert_eq!(next, first, "sought until {}", until);
    }

    #[test]
    fn a_rotation_asks_everybody_once_a_cycle_in_even_shares_and_nobody_is_moved(
        (year, road_map) in town(),
        years in 2..=10u8,
        opens in month_day(),
        count in 1..30usize,
        newcomers in 0..4usize,
        closed in any::<Index>(),
    ) {
        let plan = activity(schedule_of(Every::Rotation {
            years,
            opens,
            kinds: vec![OrganisationKind::School],
        }));
        let cycle = |organisations: Vec<Organisation>| -> Vec<BTreeSet<String>> {
            let road_map = RoadMap { organisations, ..road_map.clone() };
            (0..i16::from(years))
                .map(|n| {
                    // Nothing in this calendar moves an opening by more than two months.
                    let from = date(year + n, opens.month, 1);
                    let until = from.saturating_add(90.days());
                    let instant = |day: Date| road_map.municipality.opening(day);
                    openings(&road_map, &plan, instant(from) - SignedDuration::from_hours(1), instant(until))
                        .into_iter()
                        .map(|o| {
                            assert_eq!(o.period, Period::Year(year + n));
                            o.part.unwrap()
                        })
                        .collect()
                })
                .collect()
        };
        let since = |n: usize| date(1980, 1, 1).saturating_add((n as i32 * 97 % 1000).days());
        let schools: Vec<_> = (0..count).map(|n| school(&format!("s{n:02}"), since(n))).collect();
        let before = cycle(schools.clone());
        let asked: Vec<&String> = before.iter().flatten().collect();
        prop_assert_eq!(asked.len(), count);
        prop_assert_eq!(asked.into_iter().collect::<BTreeSet<_>>().len(), count);
        let sizes = || before.iter().map(BTreeSet::len);
        prop_assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);

        let mut later = schools.clone();
        let closed = closed.index(count);
        later[closed].until = Some(date(year - 1, 1, 1));
        later.extend((0..newcomers).map(|n| school(&format!("a{n}"), date(1994, 1, 1))));
        let mut expected = before.clone();
        expected.iter_mut().for_each(|turn| {
            turn.remove(&schools[closed].code);
        });
        let mut after = cycle(later);
        let new: usize = after.iter().flatten().filter(|code| code.starts_with('a')).count();
        prop_assert_eq!(new, newcomers);
        after.iter_mut().for_each(|turn| turn.retain(|code| !code.starts_with('a')));
        prop_assert_eq!(after, expected);
    }

    #[test]
    fn working_days_are_counted_as_on_a_wall_calendar(
        (year, road_map) in town(),
        (start, later, n) in (200..900i32, 0..200i32, prop_oneof![0..3u16, 0..60u16]),
    ) {
        let calendar = &road_map.calendar;
        let start = date(year - 1, 1, 1).saturating_add(start.days());
        for span in [Span::WorkingDays(n), Span::Days(n)] {
            let end = calendar.add(start, span);
            prop_assert!(calendar.is_working(end) && end >= start, "{} + {:?} = {}", start, span, end);
            let begin = calendar.subtract(start, span);
            prop_assert!(calendar.is_working(begin) && begin <= start, "{} - {:?} = {}", start, span, begin);
            let later = start.saturating_add(later.days());
            prop_assert!(calendar.add(later, span) >= end);
            prop_assert!(calendar.subtract(later, span) >= begin);
            prop_assert_eq!(offset_date(calendar, start, Offset::After(span)), end);
            prop_assert_eq!(offset_date(calendar, start, Offset::Before(span)), begin);
            prop_assert_eq!(due_date(calendar, start, Due::After(span)), end);
        }
        prop_assert_eq!(offset_date(calendar, start, Offset::OnTheDay), start);
        let end = calendar.add(start, Span::WorkingDays(n));
        // (start, end] holds n working days, or end is where a day off was moved to.
        let worked = start.series(1.day()).skip(1).take_while(|d| *d <= end);
        let worked = worked.filter(|d| calendar.is_working(*d)).count();
        let expected = if n == 0 && !calendar.is_working(start) { 1 } else { usize::from(n) };
        prop_assert_eq!(worked, expected);
        let start = first_working(calendar, start);
        let there = calendar.add(start, Span::WorkingDays(n));
        prop_assert_eq!(calendar.subtract(there, Span::WorkingDays(n)), start);
    }

    #[test]
    fn a_day_of_the_year_is_due_on_its_next_turn(
        (year, road_map) in town(),
        start in 0..700i32,
        day in month_day(),
    ) {
        let calendar = &road_map.calendar;
        let start = date(year - 1, 1, 1).saturating_add(start.days());
        let in_year = |year| Date::new(year, day.month, day.day).unwrap_or(date(year, 2, 28));
        let nominal = start
            .tomorrow()
            .unwrap()
            .series(1.day())
            .find(|d| *d == in_year(d.year()))
            .unwrap();
        prop_assert_eq!(due_date(calendar, start, Due::On(day)), first_working(calendar, nominal));
    }

    #[test]
    fn letters_leave_within_working_hours_and_no_later_than_need_be(
        (year, road_map) in town(),
        second in any::<u32>(),
    ) {
        let now = instant(year, second);
        let municipality = &road_map.municipality;
        let leaves = letters_leave(&road_map, now);
        let day = municipality.today(leaves);
        prop_assert!(leaves >= now);
        prop_assert!(road_map.calendar.is_working(day), "{} is a day off", day);
        prop_assert!(municipality.opening(day) <= leaves && leaves < municipality.closing(day));
        // Whoever waits waits for the start of a day, and no working hours pass meanwhile.
        if leaves > now {
            prop_assert_eq!(leaves, municipality.opening(day));
            let skipped = municipality.today(now).series(1.day()).take_while(|d| *d < day);
            for skipped in skipped.filter(|d| road_map.calendar.is_working(*d)) {
                let exists = municipality.today(municipality.opening(skipped)) == skipped;
                prop_assert!(!exists || municipality.closing(skipped) <= now);
            }
        }
        prop_assert_eq!(letters_leave(&road_map, leaves), leaves);
    }

    #[test]
    fn periods_cover_the_calendar_without_gaps_and_read_as_they_are_written(
        kind in period_kind(),
        n in 0..3_600_000i32,
    ) {
        let day = date(2, 1, 1).saturating_add(n.days());
        let period = Period::containing(kind, day);
        prop_assert_eq!(period.kind(), kind);
        prop_assert!(period.first_day() <= day && day <= period.last_day());
        prop_assert_eq!(Period::containing(kind, period.first_day()), period);
        prop_assert_eq!(Period::containing(kind, period.last_day()), period);
        prop_assert_eq!(period.next().first_day(), period.last_day().tomorrow().unwrap());
        prop_assert_eq!(period.next().previous(), period);
        prop_assert_eq!(period.previous().next(), period);
        prop_assert!(period.previous() < period && period < period.next());
        prop_assert_eq!(period.to_string().parse(), Ok(period));
        prop_assert_eq!(kind.to_string().parse(), Ok(kind));
    }

    #[test]
    fn what_is_no_period_is_refused(text in "[0-9]{1,5}(-[HQM]?[0-9]{0,3})?|\\PC{0,12}") {
        if let Ok(period) = text.parse::<Period>() {
            prop_assert_eq!(period.to_string(), text);
        }
    }
}

fn schedule_of(every: Every) -> Schedule {
    Schedule {
        every,
        period: PeriodKind::Year,
        of: PeriodOf::Current,
        from: None,
        until: None,
        after: vec![],
        opens_on_event: None,
        continuous: false,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Allow,
    }
}

/// Monday to Friday, no transfers known.
fn plain_calendar() -> Calendar {
    Calendar { weekend: vec![Weekday::Saturday, Weekday::Sunday], years: BTreeMap::new() }
}

#[test]
fn an_opening_is_not_forgotten_because_it_is_years_away() {
    let road_map = road_map("UTC", 9, plain_calendar(), 1);
    let next = |after: &str, schedule: Schedule| {
        next_opening(&road_map, &activity(schedule), after.parse().unwrap())
            .map(|at| at.to_string())
    };
    let leap_day = schedule_of(Every::Cron { expression: "0 9 29 2 *".into() });
    assert_eq!(next("2096-03-01T00:00:00Z", leap_day), Some("2104-02-29T09:00:00Z".into()));
    let every_minute = Schedule {
        from: Some(2033),
        ..schedule_of(Every::Cron { expression: "* * * * *".into() })
    };
    assert_eq!(next("2026-05-05T00:00:00Z", every_minute), Some("2033-01-01T00:00:00Z".into()));
    let school = vec![OrganisationKind::School];
    let march = MonthDay { month: 3, day: 1 };
    let decade = schedule_of(Every::Rotation { years: 10, opens: march, kinds: school });
    assert_eq!(next("2030-03-02T00:00:00Z", decade), Some("2040-03-01T09:00:00Z".into()));
    let far = schedule_of(Every::Once { opens: date(2090, 5, 3) });
    assert_eq!(next("2026-01-01T00:00:00Z", far), Some("2090-05-03T09:00:00Z".into()));
    for never in [Every::AfterOnly, Every::OnDemand, Every::OnEvent { event: "e".into() }] {
        assert_eq!(next("2026-01-01T00:00:00Z", schedule_of(never)), None);
    }
}

#[test]
fn nobody_works_on_a_day_that_the_zone_left_out() {
    let road_map = road_map("Pacific/Apia", 9, plain_calendar(), 0);
    let monday = "2012-01-09T09:00:00+14:00".parse().unwrap();
    // 30 December 2011 was a Friday on paper; by the Labour Code, work resumed on Monday the 9th.
    let thursday_evening = "2011-12-29T19:00:00-10:00".parse().unwrap();
    assert_eq!(letters_leave(&road_map, thursday_evening), monday);
    let opens = MonthDay { month: 12, day: 30 };
    let plan = activity(schedule_of(Every::Yearly { opens: vec![opens] }));
    assert_eq!(next_opening(&road_map, &plan, thursday_evening), Some(monday));
}

#[test]
fn days_off_of_two_months_do_not_hide_an_opening() {
    let mut calendar = plain_calendar();
    for year in [2026, 2027] {
        let off = date(2026, 12, 28).series(1.day()).take(55);
        let off = off.filter(|d| d.year() == year && !calendar.weekend.contains(&d.weekday()));
        let days_off = off.collect();
        calendar.years.insert(year, CalendarYear { days_off, ..CalendarYear::default() });
    }
    let road_map = road_map("UTC", 9, calendar, 0);
    let opens = MonthDay { month: 12, day: 31 };
    let plan = activity(schedule_of(Every::Yearly { opens: vec![opens] }));
    let monday = "2027-02-22T09:00:00Z".parse().unwrap();
    assert_eq!(
        next_opening(&road_map, &plan, "2027-02-20T00:00:00Z".parse().unwrap()),
        Some(monday)
    );
}

#[test]
fn a_period_is_written_shown_and_told_in_its_own_way() {
    for (text, before, after, label, words, first, last) in [
        ("2027", "2026", "2028", "2027", "2027 год", "2027-01-01", "2027-12-31"),
        (
            "2026-27",
            "2025-26",
            "2027-28",
            "2026/27",
            "2026/27 учебный год",
            "2026-09-01",
            "2027-08-31",
        ),
        (
            "2099-00",
            "2098-99",
            "2100-01",
            "2099/00",
            "2099/00 учебный год",
            "2099-09-01",
            "2100-08-31",
        ),
        (
            "2027-H1",
            "2026-H2",
            "2027-H2",
            "I п/г 2027",
            "I полугодие 2027 года",
            "2027-01-01",
            "2027-06-30",
        ),
        (
            "2027-H2",
            "2027-H1",
            "2028-H1",
            "II п/г 2027",
            "II полугодие 2027 года",
            "2027-07-01",
            "2027-12-31",
        ),
        (
            "2027-Q1",
            "2026-Q4",
            "2027-Q2",
            "I кв. 2027",
            "I квартал 2027 года",
            "2027-01-01",
            "2027-03-31",
        ),
        (
            "2027-Q4",
            "2027-Q3",
            "2028-Q1",
            "IV кв. 2027",
            "IV квартал 2027 года",
            "2027-10-01",
            "2027-12-31",
        ),
        (
            "2027-M01",
            "2026-M12",
            "2027-M02",
            "01.2027",
            "январь 2027 года",
            "2027-01-01",
            "2027-01-31",
        ),
        (
            "2027-M12",
            "2027-M11",
            "2028-M01",
            "12.2027",
            "декабрь 2027 года",
            "2027-12-01",
            "2027-12-31",
        ),
        (
            "2027-W01",
            "2026-W53",
            "2027-W02",
            "04.01–10.01.2027",
            "неделя 04.01–10.01.2027",
            "2027-01-04",
            "2027-01-10",
        ),
        (
            "2026-W53",
            "2026-W52",
            "2027-W01",
            "28.12–03.01.2027",
            "неделя 28.12–03.01.2027",
            "2026-12-28",
            "2027-01-03",
        ),
        (
            "2027-02-28",
            "2027-02-27",
            "2027-03-01",
            "28.02.2027",
            "28 февраля 2027 года",
            "2027-02-28",
            "2027-02-28",
        ),
    ] {
        let period: Period = text.parse().unwrap();
        let neighbours = [period.previous(), period.next()].map(|period| period.to_string());
        assert_eq!(neighbours, [before, after], "{text}");
        assert_eq!([period.label(), period.words()], [label, words]);
        assert_eq!([period.first_day(), period.last_day()].map(|d| d.to_string()), [first, last]);
        for day in [period.first_day(), period.last_day()] {
            assert_eq!(Period::containing(period.kind(), day), period, "{day}");
        }
        assert_eq!(serde_json::to_value(period).unwrap(), text);
        assert_eq!(serde_json::from_value::<Period>(text.into()).unwrap(), period);
    }
    for text in [
        "",
        "27",
        "0000",
        "9999",
        "02027",
        "2027-",
        "2027-27",
        "2027-29",
        "2027-8",
        "2027-H0",
        "2027-H3",
        "2027-H01",
        "2027-Q0",
        "2027-Q5",
        "2027-M00",
        "2027-M13",
        "2027-M1",
        "2027-W00",
        "2027-W53",
        "2026-W54",
        "2027-02-29",
        "2027-2-28",
        "2027-X1",
        "2027-02-28T00",
        "абвг",
    ] {
        let told = text.parse::<Period>().unwrap_err();
        assert!(told.starts_with(&format!("«{text}» — не период")), "{told}");
    }
    assert_eq!("9998".parse::<Period>().unwrap().to_string(), "9998");
    assert_eq!("0001".parse::<Period>().unwrap().to_string(), "0001");
    for kind in PeriodKind::ALL {
        assert_eq!(kind.as_str(), kind.to_string());
    }
}

#[test]
fn a_letter_leaves_from_the_first_instant_of_working_hours_to_the_last() {
    let road_map = road_map("UTC", 9, plain_calendar(), 0);
    for (now, leaves) in [
        ("2027-02-05T08:59:59Z", "2027-02-05T09:00:00Z"),
        ("2027-02-05T09:00:00Z", "2027-02-05T09:00:00Z"),
        ("2027-02-05T17:59:59Z", "2027-02-05T17:59:59Z"),
        // Friday evening, and the weekend.
        ("2027-02-05T18:00:00Z", "2027-02-08T09:00:00Z"),
        ("2027-02-06T10:00:00Z", "2027-02-08T09:00:00Z"),
        // The day before a holiday of the Labour Code.
        ("2027-02-22T18:00:00Z", "2027-02-24T09:00:00Z"),
    ] {
        assert_eq!(letters_leave(&road_map, now.parse().unwrap()).to_string(), leaves, "{now}");
    }
}

#[test]
fn a_day_off_is_what_the_year_says_or_else_the_labour_code() {
    let mut calendar = plain_calendar();
    let year = CalendarYear {
        source: "постановление".into(),
        days_off: [date(2027, 2, 22)].into(),
        workdays: [date(2027, 2, 20)].into(),
        ..CalendarYear::default()
    };
    calendar.years.insert(2027, year);
    assert!(calendar.knows(2027) && !calendar.knows(2028));
    for (day, working) in [
        (date(2027, 2, 19), true),
        (date(2027, 2, 20), true),
        (date(2027, 2, 21), false),
        (date(2027, 2, 22), false),
        // Of a year whose transfers are known nothing else is supposed.
        (date(2027, 2, 23), true),
        (date(2028, 2, 23), false),
        (date(2028, 2, 24), true),
        (date(2028, 2, 26), false),
        (date(2028, 1, 8), false),
        (date(2029, 1, 9), true),
    ] {
        assert_eq!(calendar.is_working(day), working, "{day}");
    }
}

#[test]
fn a_cron_expression_is_refused_in_words() {
    for (expression, told) in [
        ("0 9 10 * *", None),
        ("0 9 29 2 *", None),
        ("0 9 10 *", Some("нужно пять полей: минута, час, день, месяц, день недели")),
        ("0 0 9 10 * *", Some("нужно пять полей: минута, час, день, месяц, день недели")),
        ("0 25 10 * *", Some("«0 25 10 * *» — не выражение cron, например «0 9 10 * *»")),
        ("0 9 30 2 *", Some("«0 9 30 2 *»: такого дня не бывает, расписание никогда не сработает")),
    ] {
        assert_eq!(cron(expression).err().as_deref(), told, "{expression}");
    }
    let twice =
        |expression: &str, kind| opens_twice(expression, kind).map(|(a, b)| format!("{a}, {b}"));
    assert_eq!(twice("0 9 10 * *", PeriodKind::Month), None);
    assert_eq!(
        twice("0 9 10,20 * *", PeriodKind::Month).as_deref(),
        Some("2024-01-10, 2024-01-20")
    );
    assert_eq!(twice("0 9 10 1,4 *", PeriodKind::Quarter), None);
    assert_eq!(
        twice("0 9 10 1,4 *", PeriodKind::HalfYear).as_deref(),
        Some("2024-01-10, 2024-04-10")
    );
    assert_eq!(twice("0 9 29 2 *", PeriodKind::Year), None);
}

#[test]
fn a_schedule_opens_within_its_years_and_about_the_period_that_it_is_of() {
    let road_map = road_map("UTC", 9, plain_calendar(), 0);
    let opened = |schedule: Schedule| {
        let at = |text: &str| text.parse().unwrap();
        let (after, until) = (at("2020-01-01T00:00:00Z"), at("2035-01-01T00:00:00Z"));
        let all = openings(&road_map, &activity(schedule), after, until);
        all.iter().map(|o| format!("{} {}", o.at.strftime("%F"), o.period)).collect::<Vec<_>>()
    };
    let march = Every::Yearly { opens: vec![MonthDay { month: 3, day: 1 }] };
    let bounded = Schedule { from: Some(2026), until: Some(2027), ..schedule_of(march.clone()) };
    assert_eq!(opened(bounded.clone()), ["2026-03-02 2026", "2027-03-01 2027"]);
    let of_previous =
        Schedule { of: PeriodOf::Previous, period: PeriodKind::SchoolYear, ..bounded };
    assert_eq!(opened(of_previous), ["2026-03-02 2024-25", "2027-03-01 2025-26"]);
    let monthly = Every::Cron { expression: "0 9 10 1,2 *".into() };
    let bounded = Schedule { from: Some(2026), until: Some(2026), ..schedule_of(monthly) };
    let months = Schedule { period: PeriodKind::Month, ..bounded.clone() };
    assert_eq!(opened(months), ["2026-01-10 2026-M01", "2026-02-10 2026-M02"]);
    assert_eq!(opened(bounded), ["2026-01-10 2026"], "a run exists once");
    let once = Every::Once { opens: date(2027, 3, 6) };
    assert_eq!(opened(schedule_of(once)), ["2027-03-09 2027"], "a Saturday before a holiday");
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let next =
        |schedule: Schedule, after: &str| next_opening(&road_map, &activity(schedule), at(after));
    let bounded = Schedule { from: Some(2026), until: Some(2027), ..schedule_of(march) };
    assert_eq!(next(bounded.clone(), "2026-03-02T09:00:00Z"), Some(at("2027-03-01T09:00:00Z")));
    assert_eq!(next(bounded, "2027-03-01T09:00:00Z"), None);
    let monthly = Every::Cron { expression: "0 9 10 1 *".into() };
    let bounded = Schedule { from: Some(2026), until: Some(2027), ..schedule_of(monthly) };
    assert_eq!(next(bounded.clone(), "2020-01-01T00:00:00Z"), Some(at("2026-01-10T09:00:00Z")));
    assert_eq!(next(bounded.clone(), "2026-01-10T09:00:00Z"), Some(at("2027-01-10T09:00:00Z")));
    assert_eq!(next(bounded, "2027-01-10T09:00:00Z"), None);
}
