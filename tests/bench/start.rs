//! Time to ready and memory when idle: a fresh directory, and one million canaries, also after
//! `kill -9` under load.

use crate::Plan;
use crate::client::{Client, Load};
use crate::data::{Data, scratch};
use crate::figures::{Bar, bar, load, median, quantile};
use crate::server::{Server, Syncs};

pub(crate) fn run(plan: &Plan) {
    let starts = if plan.quick { 3 } else { 9 };
    let mut ready = Vec::new();
    for _ in 0..starts {
        let directory = scratch();
        let fresh = Data {
            path: directory.path().to_owned(),
            urls: Vec::new(),
        };
        ready.push(milliseconds(&fresh.listen(plan, Syncs::Real, &[])));
    }
    println!(
        "fresh directory: ready in {:.0} ms   (load {})",
        median(&ready),
        load()
    );
    let count = if plan.quick { 200_000 } else { 1_000_000 };
    let (data, _) = Data::kept(plan, count);
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let server = data.listen(plan, Syncs::Real, &[]);
        ready.push(milliseconds(&server));
        idle.push(server.idle());
    }
    report(&format!("{count} canaries"), &ready, &idle);
    let requests = data.hits();
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let server = data.listen(plan, Syncs::Real, &[]);
        let load = Load {
            requests: &requests,
            connections: 64,
            rate: None,
            addresses: 0,
        };
        let mut client = Client::new(server.address, &load);
        client.run(2.0, || ());
        server.kill();
        let server = data.listen(plan, Syncs::Real, &[]);
        ready.push(milliseconds(&server));
        idle.push(server.idle());
    }
    report(
        &format!("{count} canaries, after kill -9 under load"),
        &ready,
        &idle,
    );
}

fn milliseconds(server: &Server) -> f64 {
    server.ready.as_secs_f64() * 1e3
}

fn report(what: &str, ready: &[f64], idle: &[f64]) {
    println!(
        "{what}: ready in {:.0} ms (at worst {:.0}), idle {:.0} MB resident   (load {})",
        median(ready),
        quantile(ready, 1.0),
        median(idle),
        load()
    );
    bar("ready", median(ready), &Bar::Below(150.0), " ms");
    bar("idle", median(idle), &Bar::Below(40.0), " MB");
}
