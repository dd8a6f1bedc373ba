use super::bench::*;
use std::time::Instant;
fn rss() -> usize { std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap()*4 }
#[test]
#[ignore]
fn cost() {
    let names: Vec<String> = (0..1000).map(|n| format!("cds_egress_mesh_service-{n}_http_8080")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut all: Vec<Resource> = names.iter().map(|n| cluster(n, "0123456789abcdef0123456789abcdef")).collect();
    all.extend(names.iter().map(|n| res(EDS, n, "0123456789abcdef0123456789abcdef")));
    all.push(route("r", "1", &refs)); all.push(res(LDS, "l", "1"));
    let mut bench = Bench::with(Variant::Delta, all);
    let contents = std::mem::replace(&mut bench.contents, Contents::new(TypeTable::envoy()));
    let before = rss();
    let mut sessions = Vec::new();
    let t = Instant::now();
    let req = |url: TypeUrl, nonce: &str, names: &[&str]| Request { node: None, type_url: url.as_str().into(), nonce: nonce.into(), error: None, ask: delta(names, &[], &[]) };
    for _ in 0..1000 {
        let mut s = Session::new(Variant::Delta, Scope::new("s"), TypeTable::envoy(), bench.settings.clone(), bench.quarantine.clone(), bench.now);
        s.request(req(CDS, "", &[]), &contents, bench.now).unwrap();
        s.request(req(CDS, "1", &[]), &contents, bench.now).unwrap();
        s.request(req(EDS, "", &refs), &contents, bench.now).unwrap();
        s.request(req(EDS, "2", &[]), &contents, bench.now).unwrap();
        s.request(req(LDS, "", &[]), &contents, bench.now).unwrap();
        s.request(req(LDS, "3", &[]), &contents, bench.now).unwrap();
        let o = s.request(req(RDS, "", &["r"]), &contents, bench.now).unwrap();
        assert_eq!(o.responses.len(), 1);
        s.request(req(RDS, "4", &[]), &contents, bench.now).unwrap();
        sessions.push(s);
    }
    println!("bring-up {:?} each, memory {} KiB each", t.elapsed()/1000, (rss()-before)/1000);
    let mut contents = contents;
    let t = Instant::now();
    for i in 0..10 {
        let dirty = contents.apply(vec![Change::Put(std::sync::Arc::new(res(EDS, &names[5], &format!("x{i}"))))], 10+i);
        for (n, s) in sessions.iter_mut().enumerate() {
            let mut d = crate::contents::Dirty::default(); d.merge(&dirty);
            s.note(d, &contents);
            let o = s.tick(&contents, bench.now);
            assert_eq!(o.responses.len(), 1, "{n}");
            s.request(req(EDS, &o.responses[0].nonce.to_string(), &[]), &contents, bench.now).unwrap();
        }
    }
    println!("one endpoint change + ack {:?} each", t.elapsed()/10000);
    let t = Instant::now();
    let dirty = contents.apply(vec![Change::Put(std::sync::Arc::new(route("r", "2", &refs)))], 100);
    for s in sessions.iter_mut() {
        let mut d = crate::contents::Dirty::default(); d.merge(&dirty);
        s.note(d, &contents);
        let o = s.tick(&contents, bench.now);
        s.request(req(RDS, &o.responses[0].nonce.to_string(), &[]), &contents, bench.now).unwrap();
    }
    println!("route change + ack {:?} each", t.elapsed()/1000);
}
