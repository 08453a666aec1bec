//! How long `vekha preview` computes a year of the shipped road map. The mark is one second.

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::date;
use vekha_engine::preview::{Wish, preview};
use vekha_roadmap::read::read;
use vekha_tests::town::shipped_road_map;

fn shipped(c: &mut Criterion) {
    let files = vekha::files::load(&shipped_road_map()).expect("the shipped road map");
    let mut group = c.benchmark_group("shipped road map");
    group.sample_size(10);
    group.bench_function("read", |b| b.iter(|| read(&files)));
    let road_map = read(&files).expect("nothing is wrong in it");
    for (name, silent) in [("preview of 2027", false), ("preview of 2027, all silent", true)] {
        let wish = Wish { from: date(2027, 1, 1), to: date(2027, 12, 31), silent };
        group.bench_function(name, |b| b.iter(|| preview(&road_map, wish)));
    }
    group.finish();
}

criterion_group!(benches, shipped);
criterion_main!(benches);
