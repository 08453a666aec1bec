//! Proves that the check of answers is settled: what it accepts it accepts again unchanged, what it
//! refuses it refuses in words; and that any two answers can be compared and shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vekha_fuzz::{assert_told, every};
use vekha_roadmap::answers::{Values, compare, display, validate};

fuzz_target!(|data: &[u8]| {
    // Two answers, the second of which was given the period before.
    let mut read = serde_json::Deserializer::from_slice(data).into_iter::<Values>();
    let Some(Ok(raw)) = read.next() else { return };
    let earlier = read.next().and_then(Result::ok).unwrap_or_default();
    let form = every();
    for differences in [compare(form, &raw, &earlier), compare(form, &earlier, &raw)] {
        assert!(differences.iter().all(|d| !d.label.is_empty() && !d.field.is_empty()));
    }
    for field in &form.fields {
        raw.get(&field.id).map(|answer| display(field, answer));
    }
    let past = validate(form, &earlier, &Values::new()).unwrap_or_default();
    for past in [&Values::new(), &past] {
        match validate(form, &raw, past) {
            Ok(kept) => {
                assert_eq!(validate(form, &kept, past).as_ref(), Ok(&kept));
                assert_eq!(compare(form, &kept, &kept), []);
            }
            Err(errors) => {
                assert!(errors.iter().all(|e| !e.field.is_empty() || raw.contains_key("")));
                assert_told(&errors.iter().map(|e| &e.message).collect::<Vec<_>>());
            }
        }
    }
});
