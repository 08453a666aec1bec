//! How long a large upload takes: 100 000 rows of procedures, some 5 MB.
//!
//! `cargo bench -p vekha-plugin-tables` prints the time; with `VEKHA_ONCE=1` the file is read once
//! and the process's peak memory printed, of this run and of one that only makes the file.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use rust_xlsxwriter::Workbook;
use vekha_plugin_tables::{Limits, read};
use vekha_proto::v1::{FieldType, Form, FormField};

const ROWS: u32 = 99_999;

fn form() -> Form {
    let column = |id: &str, kind: FieldType| FormField {
        id: id.into(),
        label: id.into(),
        r#type: kind.into(),
        ..FormField::default()
    };
    let mut columns =
        vec![column("procedure", FieldType::Text), column("subject", FieldType::Text)];
    for id in ["grade", "participants", "marks_2", "marks_3", "marks_4", "marks_5"] {
        columns.push(column(id, FieldType::Integer));
    }
    let table = FormField { columns, max_rows: ROWS, ..column("procedures", FieldType::Table) };
    Form { id: "large".into(), fields: vec![table], ..Form::default() }
}

fn workbook(form: &Form) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (at, column) in (0..).zip(&form.fields[0].columns) {
        sheet.write_string(0, at, &column.label).unwrap();
    }
    for row in 1..=ROWS {
        sheet.write_string(row, 0, "Всероссийская проверочная работа").unwrap();
        sheet.write_string(row, 1, format!("Предмет {}", row * 7919 % 100_003)).unwrap();
        for column in 2..8 {
            let number = row.wrapping_mul(2_654_435_761).rotate_left(u32::from(column)) % 1000;
            sheet.write_number(row, column, number).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

fn large_upload(criterion: &mut Criterion) {
    let form = form();
    let path = std::env::temp_dir().join("vekha-large.xlsx");
    if std::env::var_os("VEKHA_ONCE").is_some() {
        let bytes = std::fs::read(&path).unwrap();
        let started = Instant::now();
        let sheet = read(&form, "large.xlsx", &bytes, &Limits::default()).unwrap();
        println!("{} bytes in {:?}; {} peak", bytes.len(), started.elapsed(), peak());
        assert_eq!(sheet.answers["procedures"].as_array().map(Vec::len), Some(ROWS as usize));
        return;
    }
    let bytes = workbook(&form);
    std::fs::write(path, &bytes).unwrap();
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10);
    group.bench_function("100 000 rows", |bencher| {
        bencher.iter(|| read(&form, "large.xlsx", black_box(&bytes), &Limits::default()).unwrap());
    });
    group.finish();
}

/// The most memory that this process has had, as Linux tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}

criterion_group!(benches, large_upload);
criterion_main!(benches);
