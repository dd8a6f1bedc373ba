//! What is asked of the API server once, at the start.

use std::time::Duration;

use kube::Client;
use tokio::time::timeout;

/// Between tries.
const PATIENCE: Duration = Duration::from_secs(1);
/// For each try.
const LIMIT: Duration = Duration::from_secs(5);

/// The API server's version; waits for one that does not answer.
pub(super) async fn server_version(client: &Client) -> (u32, u32) {
    loop {
        match timeout(LIMIT, client.apiserver_version()).await {
            Ok(Ok(version)) => {
                let number = |text: &str| {
                    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().unwrap_or(0)
                };
                return (number(&version.major), number(&version.minor));
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the API server does not tell its version; trying again");
            }
            Err(_) => tracing::warn!("the API server does not answer; trying again"),
        }
        tokio::time::sleep(PATIENCE).await;
    }
}
