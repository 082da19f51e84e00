mod credentials;
mod limits;
mod policy;
mod trace;
mod traffic;

use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    body::Body as Payload,
    http::{HeaderMap as Headers, Uri, Version},
    response::{IntoResponse, Redirect},
    routing::{any, get as on_get, post},
};
use futures::{StreamExt, future::join_all, stream};
use secrecy::SecretString;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep},
};

use super::{super::testing::*, *};
use crate::egress::{
    Authentication, BodyError, Egress, EgressError, NetworkOptions, Proof, Quota, Secrets,
    WaitReason,
};

const HOST: &str = "directory.contoso.example";

async fn refused(gateway: &Gateway, request: http::Request<Bytes>) -> SendError {
    gateway.send(request).await.unwrap_err()
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// A gateway to `https://directory.contoso.example`, which has this address.
fn declared(address: &str) -> Arc<Gateway> {
    let egress = Egress::with_lookup(options(&[]), names(&[(HOST, address)])).unwrap();
    let wanted = connection(&[&format!("https://{HOST}")]);
    egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap()
}
