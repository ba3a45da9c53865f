//! Content codings, as servers apply them.

use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use async_compression::tokio::write;
use async_compression::zstd::CParameter;
use async_compression::{Level, brotli};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

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
        "deflate" => drain(ZlibEncoder::with_quality(bytes, Level::Fastest)),
        "br" => {
            let params = brotli::EncoderParams::default().quality(Level::Fastest);
            drain(BrotliEncoder::with_params(bytes, params))
        }
        "zstd" => zstd(bytes, 20),
        other => panic!("no coding {other}"),
    }
}

/// What a server sends for each of these texts that it flushes, and for the end.
pub fn flushed(coding: &str, texts: &[&str]) -> Vec<Vec<u8>> {
    match coding {
        "identity" => texts.iter().map(|text| text.as_bytes().to_vec()).chain([Vec::new()]).collect(),
        "gzip" => pieces(write::GzipEncoder::new(Vec::new()), texts, |encoder| encoder.get_mut()),
        "br" => pieces(write::BrotliEncoder::new(Vec::new()), texts, |encoder| encoder.get_mut()),
        "zstd" => pieces(write::ZstdEncoder::new(Vec::new()), texts, |encoder| encoder.get_mut()),
        other => panic!("no coding {other}"),
    }
}

fn pieces<E: AsyncWrite + Unpin>(mut encoder: E, texts: &[&str], out: fn(&mut E) -> &mut Vec<u8>) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut pieces = Vec::new();
    for text in texts {
        runtime.block_on(encoder.write_all(text.as_bytes())).expect("memory does not fail");
        runtime.block_on(encoder.flush()).expect("memory does not fail");
        pieces.push(std::mem::take(out(&mut encoder)));
    }
    runtime.block_on(encoder.shutdown()).expect("memory does not fail");
    pieces.push(std::mem::take(out(&mut encoder)));
    pieces
}

/// Deflate as many servers send it: without the zlib format (RFC 1950) around it.
pub fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    drain(DeflateEncoder::with_quality(bytes, Level::Fastest))
}

/// Stored bodies that no encoder can be told to make. The contract test of the transports uses them too.
pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/codings.json")).expect("JSON")
}

/// A zstd frame with a window of 2 to this power.
fn zstd(bytes: &[u8], window: u32) -> Vec<u8> {
    drain(ZstdEncoder::with_quality_and_params(bytes, Level::Fastest, &[CParameter::window_log(window)]))
}
