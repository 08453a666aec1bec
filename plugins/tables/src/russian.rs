//! Numbers, dates and column letters as people write them.

/// A number with a decimal comma and no needless zeros.
pub(crate) fn number(n: f64) -> String {
    n.to_string().replace('.', ",")
}

/// The bounds of a number: «от 0 до 100», or nothing.
pub(crate) fn range(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("от {} до {}", number(min), number(max)),
        (Some(min), None) => format!("не меньше {}", number(min)),
        (None, Some(max)) => format!("не больше {}", number(max)),
        (None, None) => String::new(),
    }
}

/// The letters of a column counted from 0: A, Z, AA.
pub fn column(mut index: u32) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'A' + (index % 26) as u8);
        if index < 26 {
            break;
        }
        index = index / 26 - 1;
    }
    letters.iter().rev().map(|b| char::from(*b)).collect()
}

/// Year, month and day of a spreadsheet's serial day, where 1 is 1 January 1900 and 60 the day that
/// never was.
pub(crate) fn serial_date(serial: f64) -> Option<(i64, i64, i64)> {
    if !(1.0..=200_000.0).contains(&serial) {
        return None;
    }
    let serial = serial.floor() as i64;
    // Days since 1 March of year 0, by Howard Hinnant's civil calendar.
    let days = serial + 693_900 - i64::from(serial >= 60);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    Some((year + era * 400 + later, month, day))
}

/// The day that a bare number stands for, where nothing says that it is a day: one of the years in
/// which forms are filled. A year by itself is a number, too, and no day of 1905.
pub fn typed_serial(serial: f64) -> Option<(i64, i64, i64)> {
    serial_date(serial).filter(|_| serial >= 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_days_are_those_of_excel() {
        for (serial, date) in [
            (1.0, (1900, 1, 1)),
            (59.0, (1900, 2, 28)),
            (61.0, (1900, 3, 1)),
            (25_569.0, (1970, 1, 1)),
            (46_645.75, (2027, 9, 15)),
            (51_560.0, (2041, 2, 28)),
        ] {
            assert_eq!(serial_date(serial), Some(date), "{serial}");
        }
        assert_eq!(serial_date(0.5), None);
        assert_eq!(serial_date(f64::NAN), None);
    }

    #[test]
    fn columns_have_letters() {
        assert_eq!([0, 25, 26, 701, 702].map(column), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
