//! What our calendars have in common: how they begin, and how a day stands in them.

use icalendar::{Calendar, Property};
use jiff::civil::Date;

/// The media type of a calendar.
pub const MEDIA_TYPE: &str = "text/calendar; charset=utf-8";

/// A calendar without entries; `zone` is the IANA name of the zone in which people read it.
pub fn calendar(name: &str, zone: &str) -> Calendar {
    let mut calendar = Calendar::new();
    calendar
        .append_property(("METHOD", "PUBLISH"))
        .append_property(("NAME", name))
        .append_property(("X-WR-CALNAME", name))
        .append_property(("X-WR-TIMEZONE", zone))
        .append_property(("X-PUBLISHED-TTL", "PT6H"));
    let mut refresh = Property::new("REFRESH-INTERVAL", "PT6H");
    refresh.add_parameter("VALUE", "DURATION");
    calendar.append_property(refresh.done());
    calendar
}

/// A property that is a day as a whole.
pub fn day(name: &str, day: Date) -> Property {
    let mut property = Property::new(name, day.strftime("%Y%m%d").to_string());
    property.add_parameter("VALUE", "DATE");
    property.done()
}
