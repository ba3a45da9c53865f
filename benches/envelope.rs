//! Opening an envelope: two AEAD layers, base64 and JSON, for a token and for a large secret.

#![allow(missing_docs, reason = "criterion makes the functions")]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use secure_outbound::envelope::{Forms, aead::Algorithm};

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope open");
    let key = [1; 32];
    let keys = [support::master_key(&key)];
    for algorithm in [Algorithm::XChaCha20Poly1305, Algorithm::Aes256Gcm] {
        for size in [40, 65_536] {
            let sealed = support::seal(&vec![b'x'; size], "my_api_key", &key, algorithm);
            let open = |forms: &Forms| forms.open(sealed.as_bytes(), "my_api_key", &keys).expect("an envelope");
            group.bench_function(BenchmarkId::new(algorithm.name(), size), |bencher| {
                bencher.iter(|| open(&Forms::default()));
            });
            let forms = Forms::default();
            group.bench_function(BenchmarkId::new(format!("{} again", algorithm.name()), size), |bencher| {
                bencher.iter(|| open(&forms));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
