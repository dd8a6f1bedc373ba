use prost::Message;
use tulle_proto::envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryResponse, DiscoveryResponse,
};

use super::*;
use crate::type_url::TypeUrl;

fn resource(name: &str, size: usize) -> Arc<Resource> {
    Arc::new(Resource::new(
        TypeUrl::CDS,
        name,
        format!("v-{name}"),
        &vec![7; size],
    ))
}

fn response(variant: Variant, resources: Vec<Arc<Resource>>) -> Response {
    Response {
        variant,
        type_url: TypeUrl::CDS.as_str().into(),
        nonce: 42,
        version: "7".into(),
        resources: resources.into(),
        removed: vec![],
    }
}

fn written(response: &Response) -> Vec<u8> {
    let outbox = Outbox::default();
    outbox.push(response, "replica-1");
    let mut all = Vec::new();
    while let Some(piece) = outbox.next() {
        assert!(!piece.is_empty());
        all.extend_from_slice(&piece);
    }
    all
}

fn message(framed: &[u8]) -> &[u8] {
    let (prefix, message) = framed.split_at(PREFIX);
    assert_eq!(prefix[0], 0);
    assert_eq!(
        u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize,
        message.len()
    );
    message
}

#[test]
fn delta_responses_are_what_envoy_reads() {
    for sizes in [
        vec![],
        vec![0],
        vec![1, 127, 128, 300],
        vec![20_000, 3, 9_000],
        vec![300; 200],
    ] {
        let resources: Vec<Arc<Resource>> = sizes
            .iter()
            .enumerate()
            .map(|(n, size)| resource(&format!("c{n}"), *size))
            .collect();
        let mut response = response(Variant::Delta, resources.clone());
        response.removed = vec!["gone".into(), "lost".into()];
        let read = DeltaDiscoveryResponse::decode(message(&written(&response))).unwrap();
        assert_eq!(read.type_url, TypeUrl::CDS.as_str());
        assert_eq!(read.nonce, "42");
        assert_eq!(read.system_version_info, "7");
        assert_eq!(read.removed_resources, ["gone", "lost"]);
        assert_eq!(read.control_plane.unwrap().identifier, "replica-1");
        assert_eq!(read.resources.len(), sizes.len());
        for (sent, read) in resources.iter().zip(&read.resources) {
            assert_eq!(
                (&*read.name, &*read.version),
                (&**sent.name(), &**sent.version())
            );
            let any = read.resource.as_ref().unwrap();
            assert_eq!(any.type_url, TypeUrl::CDS.as_str());
            assert_eq!(any.value, sent.message());
        }
    }
}

#[test]
fn state_of_the_world_responses_are_what_envoy_reads() {
    let resources = vec![resource("a", 10), resource("b", 0), resource("c", 70_000)];
    let read = DiscoveryResponse::decode(message(&written(&response(
        Variant::Sotw,
        resources.clone(),
    ))))
    .unwrap();
    assert_eq!((&*read.version_info, &*read.nonce), ("7", "42"));
    assert_eq!(read.control_plane.unwrap().identifier, "replica-1");
    assert_eq!(read.resources.len(), 3);
    for (sent, any) in resources.iter().zip(&read.resources) {
        assert_eq!(any.type_url, TypeUrl::CDS.as_str());
        assert_eq!(any.value, sent.message());
    }
}

#[test]
fn large_resources_are_shared_and_small_ones_gathered() {
    let large = resource("large", 100_000);
    let mut resources: Vec<Arc<Resource>> =
        (0..100).map(|n| resource(&format!("c{n}"), 100)).collect();
    resources.push(large.clone());
    let outbox = Outbox::default();
    outbox.push(&response(Variant::Delta, resources), "");
    let pieces: Vec<Bytes> = std::iter::from_fn(|| outbox.next()).collect();
    assert!(pieces.len() <= 4, "{} pieces", pieces.len());
    let shared = pieces.last().unwrap();
    assert_eq!(shared.as_ptr(), large.delta_chunk().as_ptr(), "copied");
}

#[test]
fn several_responses_leave_in_one_piece() {
    // a cluster and its endpoints arrive together or not at all
    let outbox = Outbox::default();
    outbox.push(&response(Variant::Delta, vec![resource("a", 10)]), "");
    outbox.push(&response(Variant::Delta, vec![resource("b", 10)]), "");
    assert!(outbox.next().is_some());
    assert!(outbox.next().is_none());
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend((message.len() as u32).to_be_bytes());
    out.extend(message);
    out
}

#[test]
fn messages_are_put_together_from_pieces_of_any_size() {
    let mut stream = Vec::new();
    let messages: Vec<Vec<u8>> = [0usize, 1, 5, 300, 70_000]
        .iter()
        .map(|len| vec![3; *len])
        .collect();
    for message in &messages {
        stream.extend(framed(message));
    }
    for size in [1, 2, 7, 4_096, stream.len()] {
        let mut deframer = Deframer::new(100_000);
        let mut read = Vec::new();
        for piece in stream.chunks(size) {
            deframer.push(piece);
            while let Some(message) = deframer.next().unwrap() {
                read.push(message.to_vec());
            }
        }
        assert_eq!(read, messages);
        assert_eq!(deframer.end(), Ok(()));
        assert_eq!(
            deframer.buffer.capacity(),
            0,
            "nothing is kept between messages"
        );
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_its_prefix() {
    let refused = |bytes: &[u8]| {
        let mut deframer = Deframer::new(10);
        deframer.push(bytes);
        deframer.next()
    };
    assert_eq!(refused(&[1, 0, 0, 0, 0]), Err(FrameError::Compressed));
    assert_eq!(refused(&[0, 0, 0, 0, 11]), Err(FrameError::TooLarge(10)));
    assert_eq!(
        refused(&[0, 255, 255, 255, 255]),
        Err(FrameError::TooLarge(10))
    );
    assert_eq!(refused(&[1, 0]), Ok(None));
    let mut deframer = Deframer::new(10);
    deframer.push(&[0, 0, 0, 0, 2, 1]);
    assert_eq!(deframer.next(), Ok(None));
    assert_eq!(deframer.end(), Err(FrameError::Cut));
}

#[test]
fn secrets_are_never_copied() {
    let secret = Arc::new(Resource::secret(TypeUrl::SDS, "key", "1", b"the key"));
    for variant in [Variant::Delta, Variant::Sotw] {
        let resources = vec![resource("a", 10), secret.clone(), resource("b", 10)];
        let outbox = Outbox::default();
        outbox.push(&response(variant, resources), "");
        let pieces: Vec<Bytes> = std::iter::from_fn(|| outbox.next()).collect();
        assert_eq!(pieces.len(), 3);
        let whole = secret.delta_chunk().as_ptr_range();
        assert!(whole.contains(&pieces[1].as_ptr()), "copied");
    }
}
