//! WebSockets through two sidecars and through a gateway, longer than requests may take.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use tulle_tests::loopback::{Loopback, block};
use tulle_tests::manifests::{document, kube_service, mesh, node, router, service, targets};
use tulle_tests::process::wait_for;
use tulle_tests::programs;

const HOST: &str = "chat.shop.svc.cluster.local";
/// What requests may take, and how long nothing may be said; of the route and of the listener.
const TIMEOUT: &str = "{perRequest: {unit: s, value: 1}, idle: {unit: s, value: 3}}";

fn manifests(server: Ipv4Addr) -> String {
    let split = targets(&[("chat", 1)]);
    mesh("DROP_ALL")
        + &node("front", &[], &["chat"])
        + &document(
            "VirtualNode",
            "chat",
            &format!(
                "  podSelector: {{matchLabels: {{app: chat}}}}\n  listeners:\n  - portMapping: {{port: 8080, protocol: http}}\n    \
                 timeout: {{http: {TIMEOUT}}}\n  serviceDiscovery: {{dns: {{hostname: {HOST}}}}}\n"
            ),
        )
        + &kube_service("chat", &[(8080, 8080)], server)
        + &router(
            "chat",
            8080,
            "http",
            &format!(
                "  - {{name: all, httpRoute: {{match: {{prefix: /}}, action: {{{split}}}, timeout: {TIMEOUT}}}}}\n"
            ),
        )
        + &service("chat", HOST, "virtualRouter", "chat")
        + &document(
            "VirtualGateway",
            "in",
            "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 8088, protocol: http}\n",
        )
        + &document(
            "GatewayRoute",
            "chat",
            "  httpRoute: {match: {prefix: /}, action: {target: {virtualService: {virtualServiceRef: {name: chat}}}}}\n",
        )
}

/// Sends back what it hears, as long as anybody talks.
async fn echo(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let Ok(mut socket) = accept_async(stream).await else {
                return;
            };
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn open(to: SocketAddr) -> Option<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(to).await.ok()?;
    let (socket, _) = client_async(format!("ws://{HOST}/talk"), stream)
        .await
        .ok()?;
    Some(socket)
}

/// Says something and hears the same; `None` if nobody answers.
async fn say(socket: &mut WebSocketStream<TcpStream>, text: &str) -> Option<()> {
    socket.send(Message::text(text)).await.ok()?;
    match tokio::time::timeout(Duration::from_secs(5), socket.next()).await {
        Ok(Some(Ok(Message::Text(heard)))) => (heard.as_str() == text).then_some(()),
        _ => None,
    }
}

#[test]
fn websockets_outlive_the_timeout_of_requests_and_end_when_idle() {
    for (version, envoy) in programs::envoys() {
        let mut bed = Loopback::new();
        let [front, chat, edge] = [block(), block(), block()];
        bed.save("mesh.yaml", &manifests(chat.inbound()));
        bed.serve();
        let application = bed.run(TcpListener::bind((chat.application(), 8080)));
        bed.spawn(echo(application.expect("a listener")));
        let start =
            |proxy: &str, block| bed.envoy(&envoy, &bed.bootstrap(proxy, block, &bed.state()));
        let _envoys = [
            start("virtualnode/shop/front", front),
            start("virtualnode/shop/chat", chat),
            start("virtualgateway/shop/in", edge),
        ];
        let ways: [(&str, SocketAddr); 2] = [
            ("two sidecars", (front.outbound(), 8080).into()),
            ("a gateway", (edge.inbound(), 8088).into()),
        ];
        for (way, to) in ways {
            let what = format!("{version}: a WebSocket through {way}");
            let mut socket = wait_for(&what, Duration::from_secs(20), || bed.run(open(to)));
            bed.run(async {
                for turn in 0..4 {
                    let text = format!("turn {turn}");
                    assert_eq!(say(&mut socket, &text).await, Some(()), "{what}: {text}");
                    tokio::time::sleep(Duration::from_millis(1300)).await;
                }
                let silence = tokio::time::timeout(Duration::from_secs(8), socket.next()).await;
                let ended = !matches!(silence, Err(_) | Ok(Some(Ok(Message::Text(_)))));
                assert!(ended, "{what}: idle, and still open: {silence:?}");
            });
        }
    }
}
