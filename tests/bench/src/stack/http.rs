//! A page of a program's own HTTP port on this machine.

use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(10);

/// The body of a page.
///
/// # Errors
/// There is no answer, or none with status 200.
pub async fn page(port: u16, path: &str) -> anyhow::Result<String> {
    page_on(TcpStream::connect(("127.0.0.1", port)).await?, path).await
}

/// The same, on a connection that is there.
///
/// # Errors
/// As [`page`].
pub(super) async fn page_on(mut stream: TcpStream, path: &str) -> anyhow::Result<String> {
    let ask = async {
        // Envoy answers nothing older.
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        anyhow::ensure!(status == "200", "{path} is answered {status}");
        let head = head.to_ascii_lowercase();
        match head.contains("transfer-encoding: chunked") {
            true => whole(body).context("chunks that cannot be read"),
            false => Ok(body.to_owned()),
        }
    };
    tokio::time::timeout(LIMIT, ask).await?
}

/// What was sent in chunks, each after its size; an empty one is the last.
fn whole(chunks: &str) -> Option<String> {
    let (mut text, mut rest) = (String::new(), chunks);
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = size.split(';').next().unwrap_or(size).trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(text);
        }
        text.push_str(after.get(..size)?);
        rest = after.get(size..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_whole() {
        let text = "4\r\nab\r\n\r\n1;x\r\nc\r\n0\r\n\r\n";
        assert_eq!(whole(text).unwrap(), "ab\r\nc");
        assert!(whole("5\r\nab").is_none() && whole("x\r\n").is_none());
    }
}
