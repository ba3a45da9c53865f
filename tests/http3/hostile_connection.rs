//! The attacks of a hostile server on what belongs to the connection: its control stream, those of QPACK, and others that a server opens.

use std::time::Duration;

use crate::hostile::{Attack, INVALID, NEVER, RESERVED, SOON, endless, ok};
use crate::servers::{CONTROL, Exchange, GOAWAY, INTERNAL_ERROR, SETTINGS, frame, number, reset};

const MAX_PUSH_ID: u64 = 13;
const CANCEL_PUSH: u64 = 3;
const PUSH: u64 = 1;
const ENCODER: u64 = 2;

/// A stream of one direction of this type, with these bytes.
async fn stream(exchange: &Exchange, kind: u64, bytes: &[u8]) -> Option<quinn::SendStream> {
    let mut stream = exchange.connection.open_uni().await.ok()?;
    stream.write_all(&number(kind)).await.ok()?;
    stream.write_all(bytes).await.ok()?;
    Some(stream)
}

pub const ATTACKS: &[(&str, u64, &[&str], Attack)] = &[
    ("a table beyond its limit", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let _kept = stream(exchange, ENCODER, &[0x3f, 0xe1, 0xff, 0x7f]).await;
            exchange.closed().await;
        })
    }),
    ("entries of a table without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            if let Some(mut kept) = stream(exchange, ENCODER, &[]).await {
                while kept.write_all(&[0x41, b'x', 1, b'y'].repeat(1000)).await.is_ok() {}
            }
        })
    }),
    ("settings without end", NEVER, INVALID, |exchange| {
        Box::pin(async move { while exchange.say(&frame(SETTINGS, b"")).await {} })
    }),
    ("settings of a wrong size", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&frame(SETTINGS, &[6])).await;
            exchange.closed().await;
        })
    }),
    ("frames of no known kind without end", NEVER, INVALID, |exchange| {
        Box::pin(async move { while exchange.say(&frame(RESERVED, &[0; 4096])).await {} })
    }),
    ("a frame of no known kind that has no end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&endless(RESERVED)).await;
            while exchange.say(&[0; 4096]).await {}
        })
    }),
    ("streams of no known kind without end", NEVER, INVALID, |exchange| {
        Box::pin(async move { while stream(exchange, RESERVED, b"nothing").await.is_some() {} })
    }),
    ("bytes without end on one", SOON, &["timeout.total"], |exchange| {
        Box::pin(async move {
            if let Some(mut kept) = stream(exchange, RESERVED, b"").await {
                while kept.write_all(&[0; 4096]).await.is_ok() {}
            }
            exchange.closed().await;
        })
    }),
    ("a pushed response", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let _kept = stream(exchange, PUSH, &[&[0][..], &ok()].concat()).await;
            exchange.closed().await;
        })
    }),
    ("a push that is cancelled", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&frame(CANCEL_PUSH, &[0])).await;
            exchange.closed().await;
        })
    }),
    ("a limit of pushes, which is the client's", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&frame(MAX_PUSH_ID, &[0])).await;
            exchange.closed().await;
        })
    }),
    ("a head on the control stream", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&ok()).await;
            exchange.closed().await;
        })
    }),
    ("a second control stream", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let _kept = stream(exchange, CONTROL, &frame(SETTINGS, b"")).await;
            exchange.closed().await;
        })
    }),
    ("a control stream that ends", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let _ = exchange.control.lock().await.finish();
            exchange.closed().await;
        })
    }),
    ("a control stream that is reset", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            // One that is reset before its type has come may be any stream.
            tokio::time::sleep(Duration::from_millis(100)).await;
            reset(&mut *exchange.control.lock().await, INTERNAL_ERROR);
            exchange.closed().await;
        })
    }),
    ("GOAWAY of what is no request", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&frame(GOAWAY, &[1])).await;
            exchange.closed().await;
        })
    }),
    ("GOAWAY that takes back another", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.say(&[frame(GOAWAY, &[4]), frame(GOAWAY, &[8])].concat()).await;
            exchange.closed().await;
        })
    }),
];
