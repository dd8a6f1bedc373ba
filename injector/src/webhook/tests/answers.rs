//! What comes back.

use super::*;

#[tokio::test]
async fn reviews_over_http_1_and_2_and_tls_of_both_versions() {
    let running = start(WebhookSettings::default()).await;
    let mut h1 = running.h1().await;
    for round in 0..3 {
        h1.ready().await.unwrap();
        let path = format!("/mutate?timeout=10s&round={round}");
        let (status, answer) = read(
            h1.send_request(post(&path, review("a", json!({}))))
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["response"], json!({"uid": "uid-a", "allowed": true}));
    }
    let mut h2 = running.h2().await;
    let object = json!({"spec": {"n": 1.5, "unknown": [null]}});
    let (_, answer) = ask(&mut h2, "/inject", review("b", object)).await;
    assert_eq!(answer["response"]["patchType"], "JSONPatch");
    let (_, answer) = ask(&mut h2, "/validate", review("c", json!({}))).await;
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["message"], "because");

    let old = running.tls_of(b"h2", &rustls::version::TLS12).await;
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let new = running.tls(b"http/1.1").await;
    let group = new
        .get_ref()
        .1
        .negotiated_key_exchange_group()
        .unwrap()
        .name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(running.count(Route::Mutate, Outcome::Allowed), 3);
    assert_eq!(running.count(Route::Inject, Outcome::Patched), 1);
    assert_eq!(running.count(Route::Validate, Outcome::Denied), 1);
}

#[tokio::test]
async fn what_is_no_review() {
    let running = start(WebhookSettings::default()).await;
    let mut sender = running.h2().await;
    let mut send = async |request| {
        sender.ready().await.unwrap();
        read(sender.send_request(request).await.unwrap()).await.0
    };
    assert_eq!(send(post("/", Vec::new())).await, StatusCode::NOT_FOUND);
    assert_eq!(
        send(post("/inject/", Vec::new())).await,
        StatusCode::NOT_FOUND
    );
    let mut get = post("/inject", review("a", json!({})));
    *get.method_mut() = http::Method::GET;
    assert_eq!(send(get).await, StatusCode::METHOD_NOT_ALLOWED);
    for content_type in [
        "",
        "text/json",
        "application/jsonp",
        "application/yaml",
        "application/x-www-form-urlencoded",
    ] {
        let mut request = post("/inject", review("a", json!({})));
        request
            .headers_mut()
            .insert("content-type", content_type.parse().unwrap());
        assert_eq!(
            send(request).await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{content_type:?}"
        );
    }
    let mut request = post("/mutate", review("a", json!({})));
    request.headers_mut().insert(
        "content-type",
        "Application/JSON; charset=utf-8".parse().unwrap(),
    );
    assert_eq!(send(request).await, StatusCode::OK);

    let good = review("a", json!({"spec": {"containers": []}}));
    let mut bodies = vec![
        b"".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        [good.as_slice(), b"}"].concat(),
        [b"\xef\xbb\xbf".as_slice(), &good].concat(),
        review("a", json!({}))
            .iter()
            .map(|byte| if *byte == b':' { b';' } else { *byte })
            .collect(),
    ];
    bodies.extend((1..good.len()).step_by(7).map(|end| good[..end].to_vec()));
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(
            send(post("/inject", body)).await,
            StatusCode::BAD_REQUEST,
            "{shown}"
        );
    }
    is_well(&running).await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_an_error_and_no_denial() {
    let settings = WebhookSettings {
        deadline: Duration::from_millis(200),
        ..WebhookSettings::default()
    };
    let running = start(settings).await;
    let mut sender = running.h2().await;
    for (name, status, text, outcome) in [
        (
            "endless",
            StatusCode::GATEWAY_TIMEOUT,
            "no decision within 200ms",
            Outcome::DeadlineExceeded,
        ),
        (
            "unready",
            StatusCode::SERVICE_UNAVAILABLE,
            "Meshes have not been read yet",
            Outcome::Unavailable,
        ),
        (
            "panic",
            StatusCode::INTERNAL_SERVER_ERROR,
            "a defect",
            Outcome::Panicked,
        ),
    ] {
        let (found, answer) = ask(&mut sender, "/validate", review(name, json!({}))).await;
        assert_eq!(found, status, "{name}");
        assert!(answer.as_str().unwrap().contains(text), "{answer}");
        assert_eq!(running.count(Route::Validate, outcome), 1, "{name}");
    }
    // the connection on which somebody panicked goes on
    let (status, _) = ask(&mut sender, "/validate", review("a", json!({}))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn who_gives_up_is_counted_and_costs_nothing_more() {
    let running = start(WebhookSettings::default()).await;
    let mut sender = running.h2().await;
    sender.ready().await.unwrap();
    let asked = sender.send_request(post("/validate", review("endless", json!({}))));
    let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
    for _ in 0..50 {
        if running.count(Route::Validate, Outcome::Cancelled) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", running.stats.snapshot());
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way() {
    let mut running = start(WebhookSettings::default()).await;
    let mut busy = running.h2().await;
    let _idle = running.h2().await;
    let mut old = running.h1().await;
    busy.ready().await.unwrap();
    old.ready().await.unwrap();
    let asked = tokio::spawn(busy.send_request(post("/validate", review("slow", json!({})))));
    let asked_too = tokio::spawn(old.send_request(post("/validate", review("slow", json!({})))));
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.drain.take().unwrap().send(()).unwrap();
    assert_eq!(read(asked.await.unwrap().unwrap()).await.0, StatusCode::OK);
    assert_eq!(
        read(asked_too.await.unwrap().unwrap()).await.0,
        StatusCode::OK
    );
    let ended = tokio::time::timeout(Duration::from_secs(2), &mut running.serving).await;
    ended
        .expect("the idle connection does not hold it up")
        .unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
    assert_eq!(running.stats.snapshot().connections.open, 0);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let settings = WebhookSettings {
        drain_grace: Duration::from_millis(200),
        deadline: Duration::from_secs(60),
        ..WebhookSettings::default()
    };
    let mut running = start(settings).await;
    let mut sender = running.h2().await;
    sender.ready().await.unwrap();
    let asked = tokio::spawn(sender.send_request(post("/validate", review("endless", json!({})))));
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.drain.take().unwrap().send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), &mut running.serving).await;
    ended.unwrap().unwrap();
    assert!(asked.await.unwrap().is_err());
}
