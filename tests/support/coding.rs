//! Content codings, as servers apply them.

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use async_compression::zstd::CParameter;
use async_compression::{Level, brotli};
use tokio::io::{AsyncRead, AsyncReadExt};

fn drain(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut bytes = Vec::new();
    runtime.block_on(encoder.read_to_end(&mut bytes)).expect("memory does not fail");
    bytes
}

/// The bytes in this coding.
pub fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => drain(GzipEncoder::with_quality(bytes, Level::Fastest)),
        "br" => {
            let params = brotli::EncoderParams::default().quality(Level::Fastest);
            drain(BrotliEncoder::with_params(bytes, params))
        }
        "zstd" => zstd(bytes, 20),
        other => panic!("no coding {other}"),
    }
}

/// A zstd frame with a window of 2 to this power.
pub fn zstd(bytes: &[u8], window: u32) -> Vec<u8> {
    drain(ZstdEncoder::with_quality_and_params(bytes, Level::Fastest, &[CParameter::window_log(window)]))
}
