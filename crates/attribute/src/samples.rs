//! Trips for the tests of this crate.

use std::net::{IpAddr, SocketAddr};

use lapwing_core::{
    CanaryId, Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, MatchedField, NetworkFacts,
    Observed, StationId, Timestamp, Trip, TripId,
};

use crate::{Earlier, TripFacts};

/// A trip with all that the rules look at; change what a test is about.
pub(crate) struct Sample {
    pub(crate) trip: Trip,
    pub(crate) network: NetworkFacts,
    pub(crate) class: &'static str,
    pub(crate) drill: bool,
    pub(crate) earlier: Earlier,
    pub(crate) place: Option<&'static str>,
}

impl Sample {
    /// Trip number `sequence`, as many seconds after the epoch, from a documentation address.
    pub(crate) fn new(sequence: u64) -> Self {
        let time = Timestamp::from_micros(0).plus_seconds(i64::try_from(sequence).unwrap());
        let end = |text: &str| text.parse::<SocketAddr>().unwrap();
        let trip = Trip {
            id: TripId {
                station: StationId::new(1),
                sequence,
            },
            canary: CanaryId::from_bytes([7; 16]),
            kind: "sample".to_owned(),
            fields: vec![],
            observed: Observed {
                time,
                peer: end("198.51.100.7:40000"),
                forwarded: None,
                observer: None,
                local: end("192.0.2.1:80"),
                listener: "http".to_owned(),
                protocol: "http/1.1".to_owned(),
                size: 100,
                truncated: false,
                signals: [].into(),
                fingerprint: String::new(),
            },
            claims: Some(Claims::default()),
            decoy: DecoyRecord {
                kind: "sample".to_owned(),
                rule: "GET /".to_owned(),
                outcome: DecoyOutcome::Accepted,
                status: 200,
            },
            count: 1,
            times: vec![],
        };
        Self {
            trip,
            network: NetworkFacts::default(),
            class: "credential",
            drill: false,
            earlier: Earlier::default(),
            place: None,
        }
        .carried(Carrier::Basic)
    }

    pub(crate) fn carried(mut self, carrier: Carrier) -> Self {
        let field = "handle".to_owned();
        self.trip.fields = vec![MatchedField { field, carrier }];
        self
    }

    /// A look-up, by the resolver at this address, so many seconds later.
    pub(crate) fn looked_up(mut self, resolver: &str, seconds: i64) -> Self {
        self.trip.observed.listener = "dns".to_owned();
        self.trip.observed.time = self.trip.observed.time.plus_seconds(seconds);
        self.from(resolver).carried(Carrier::Name)
    }

    pub(crate) fn agent(mut self, agent: &str) -> Self {
        self.trip.claims = Some(Claims {
            agent: Claimed::new(agent.to_owned()),
            ..Claims::default()
        });
        self
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        self.trip.observed.peer = SocketAddr::new(address, 40_000);
        self.network.special = crate::special(address).map(str::to_owned);
        self
    }

    pub(crate) fn print(mut self, fingerprint: &str) -> Self {
        self.trip.observed.fingerprint = fingerprint.to_owned();
        self
    }

    pub(crate) fn facts(&self) -> TripFacts<'_> {
        TripFacts {
            trip: &self.trip,
            network: &self.network,
            canary_class: self.class,
            drill: self.drill,
            earlier: self.earlier,
            place: self.place,
        }
    }
}
