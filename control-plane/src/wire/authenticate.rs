//! Who a proxy is: what its token says, nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tulle_identity::TokenIssuer;
use tulle_xds::{Authenticator, Caller, Denied, Role};

use crate::engine::Group;

/// Proves proxies by the tokens of `tulle bootstrap`.
#[derive(Debug)]
pub(super) struct Tokens {
    issuer: Arc<TokenIssuer>,
}

impl Tokens {
    pub(super) fn new(issuer: Arc<TokenIssuer>) -> Self {
        Self { issuer }
    }
}

impl Authenticator for Tokens {
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        _peer: SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>> {
        std::future::ready(self.prove(bearer)).boxed()
    }
}

impl Tokens {
    fn prove(&self, bearer: Option<&str>) -> Result<Caller, Denied> {
        let token = bearer.ok_or_else(|| Denied("no token".to_owned()))?;
        let (claims, until) = self
            .issuer
            .verify_until(token)
            .map_err(|error| Denied(error.to_string()))?;
        let group = Group {
            proxy: claims.proxy,
            capture: claims.capture,
        };
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        Ok(Caller {
            scope: group.scope(),
            own: None,
            name: group.proxy.to_string().into(),
            expires: Instant::now().checked_add(left),
            role: Role::Proxy,
        })
    }
}
