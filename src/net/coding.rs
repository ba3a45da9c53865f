//! Content codings: their names, and what undoes each of them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, ReadBuf};

use crate::error::{Code, Error};

/// RFC 8878 lets a decoder refuse windows above 8 MB.
const ZSTD_WINDOW_LOG: u32 = 23;
const STACKED_CODINGS: usize = 2;

/// What a decoder reads from.
pub type Source = Box<dyn AsyncBufRead + Send + Unpin>;

/// A content coding that can be undone.
#[derive(Clone, Copy)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Those of a response, in the order in which the server applied them.
    pub fn of(headers: &HeaderMap) -> Result<Vec<Self>, Error> {
        let unknown =
            || Error::new(Code::DecodingFailed, "the response's content coding is none of gzip, deflate, br and zstd");
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.to_str().map_err(|_| unknown())?.split(',') {
                match name.trim().to_ascii_lowercase().as_str() {
                    // Servers put here what says nothing, and what belongs into other fields.
                    "" | "identity" | "none" | "utf-8" => {}
                    "gzip" | "x-gzip" => codings.push(Self::Gzip),
                    "deflate" => codings.push(Self::Deflate),
                    "br" => codings.push(Self::Brotli),
                    "zstd" => codings.push(Self::Zstd),
                    _ => return Err(unknown()),
                }
            }
        }
        if codings.len() > STACKED_CODINGS {
            return Err(Error::new(Code::DecodingFailed, "the response has more than two content codings"));
        }
        Ok(codings)
    }

    /// Begins to undo the coding, which the first byte may already show to be another one.
    pub async fn undo(self, mut source: Source) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
        let first = source.fill_buf().await?.first().copied().unwrap_or_default();
        Ok(match self {
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(source);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            // zlib's format is what the name means. Servers that send the bare stream never begin it with this half of a byte.
            Self::Deflate if first & 0x0f == 8 => {
                Box::new(ToItsEnd { decoder: ZlibDecoder::new(source), source: ZlibDecoder::get_mut })
            }
            Self::Deflate => {
                Box::new(ToItsEnd { decoder: DeflateDecoder::new(source), source: DeflateDecoder::get_mut })
            }
            // A window of up to a gigabyte, which RFC 7932 section 9.1 does not know and the decoder takes.
            Self::Brotli if first & 0x7f == 0x11 => return Err(io::ErrorKind::InvalidData.into()),
            Self::Brotli => Box::new(ToItsEnd { decoder: BrotliDecoder::new(source), source: BrotliDecoder::get_mut }),
            Self::Zstd => {
                let mut decoder = ZstdDecoder::with_params(source, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        })
    }
}

/// Fails where something follows the coded stream, or where its source does not end well. The decoders of gzip and zstd look
/// for another member there themselves.
struct ToItsEnd<D> {
    decoder: D,
    source: fn(&mut D) -> &mut Source,
}

impl<D: AsyncRead + Unpin> AsyncRead for ToItsEnd<D> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.decoder).poll_read(cx, buf))?;
        let ended = buf.filled().len() == before;
        if ended && !ready!(Pin::new((this.source)(&mut this.decoder)).poll_fill_buf(cx))?.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}
