//! Every port of a station, bound before anything else happens: by who may bind ports below 1024, which the
//! station gives up afterwards, or by systemd, which passes the sockets (sd_listen_fds(3)).
//!
//! A passed socket is told apart by its name (`FileDescriptorName=postgres`; `smtp-tls` where TLS comes first;
//! `desk`), or, where the name says nothing, by an address that the settings have too.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use lapwing_listen::{Door, PROTOCOLS, Protocol, Sockets};

use crate::{DaemonError, Settings};

/// What the desk's sockets are called.
const DESK: &str = "desk";
/// What is put behind a protocol's name where TLS comes before anything else.
const TLS: &str = "-tls";

/// The ports of a station, bound.
#[derive(Debug, Default)]
pub struct Doors {
    pub(crate) trap: Vec<Bound>,
    pub(crate) desk: Vec<TcpListener>,
}

/// A door with its sockets.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) protocol: &'static Protocol,
    pub(crate) door: Door,
    pub(crate) sockets: Sockets,
}

/// Sockets that the system passes.
#[derive(Debug, Default)]
pub struct Passed(Vec<PassedSocket>);

#[derive(Debug)]
struct PassedSocket {
    name: String,
    address: SocketAddr,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Connections(TcpListener),
    Datagrams(UdpSocket),
}

impl Passed {
    /// Takes what the environment tells of. To be called once, before there are threads.
    ///
    /// # Errors
    /// A socket that is neither TCP and listening nor UDP.
    pub fn from_environment() -> Result<Self, DaemonError> {
        // Meant for another process, or for nobody in particular: not ours.
        let own = std::process::id().to_string();
        if std::env::var("LISTEN_PID").is_ok_and(|pid| pid != own)
            || std::env::var_os("LISTEN_PID").is_none()
        {
            return Ok(Self::default());
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut files = listenfd::ListenFd::from_env();
        let mut passed = Vec::new();
        for number in 0..files.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = files
                .take_tcp_listener(number)
                .map(|socket| socket.map(Socket::Connections))
                .or_else(|_| {
                    let socket = files.take_udp_socket(number);
                    socket.map(|socket| socket.map(Socket::Datagrams))
                });
            let Ok(Some(socket)) = socket else {
                let what = "it is neither TCP and listening nor UDP; use ListenStream= with a port, or \
                            ListenDatagram=, and Accept=no";
                return Err(unusable(&name, what));
            };
            let address = match &socket {
                Socket::Connections(socket) => socket.local_addr(),
                Socket::Datagrams(socket) => socket.local_addr(),
            };
            let address = address.map_err(|error| unusable(&name, &error.to_string()))?;
            passed.push(PassedSocket {
                name,
                address,
                socket,
            });
        }
        Ok(Self(passed))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Doors {
    /// Binds what the settings name and nobody passed. Doors that were passed and that the settings do not
    /// know are entered into them.
    ///
    /// # Errors
    /// A protocol that is none, an address that cannot be bound, a port that trap and desk would share, a
    /// passed socket that is for nothing.
    pub fn open(settings: &mut Settings, passed: Passed) -> Result<Self, DaemonError> {
        let mut doors = Self {
            trap: configured(settings)?,
            desk: Vec::new(),
        };
        let mut desk = Vec::new();
        for PassedSocket {
            name,
            address,
            socket,
        } in passed.0
        {
            match (destination(&name, address, settings)?, socket) {
                (Some((protocol, tls)), socket) => {
                    doors.place(settings, protocol, Door { address, tls }, socket)?;
                }
                (None, Socket::Connections(socket)) => desk.push((address, socket)),
                (None, Socket::Datagrams(_)) => {
                    return Err(unusable(&name, "the desk takes connections: ListenStream="));
                }
            }
        }
        doors.check_apart(settings)?;
        doors.forget_covered();
        for bound in &mut doors.trap {
            let sockets = std::mem::take(&mut bound.sockets);
            bound.sockets = sockets.complete(bound.protocol, bound.door)?;
        }
        doors.open_desk(settings, desk)?;
        Ok(doors)
    }

    /// Gives a socket to the door of its address, or makes one.
    fn place(
        &mut self,
        settings: &mut Settings,
        protocol: &'static Protocol,
        door: Door,
        socket: Socket,
    ) -> Result<(), DaemonError> {
        let carried = protocol.carried(door.tls);
        let fits = match socket {
            Socket::Connections(_) => carried.connections,
            Socket::Datagrams(_) => carried.datagrams,
        };
        if !fits {
            let what = format!(
                "{} is not carried by that sort of socket at {}",
                protocol.name, door.address
            );
            return Err(unusable(protocol.name, &what));
        }
        let free = |bound: &Bound| match socket {
            Socket::Connections(_) => bound.sockets.connections.is_none(),
            Socket::Datagrams(_) => bound.sockets.datagrams.is_none(),
        };
        let same =
            |bound: &Bound| bound.protocol.name == protocol.name && bound.door.tls == door.tls;
        let mut candidates: Vec<&mut Bound> = self
            .trap
            .iter_mut()
            .filter(|bound| same(bound) && stands_for(door.address, bound.door.address))
            .filter(|bound| free(bound))
            .collect();
        // The very address goes before one that it stands for as well.
        candidates.sort_by_key(|bound| bound.door.address != door.address);
        let bound = match candidates.into_iter().next() {
            Some(bound) => bound,
            None => {
                enter(settings, protocol, door);
                self.trap.push(Bound {
                    protocol,
                    door,
                    sockets: Sockets::default(),
                });
                self.trap.last_mut().expect("it was just put there")
            }
        };
        match socket {
            Socket::Connections(socket) => bound.sockets.connections = Some(socket),
            Socket::Datagrams(socket) => bound.sockets.datagrams = Some(socket),
        }
        Ok(())
    }

    /// A socket for `[::]` takes what comes by IPv4 too: `0.0.0.0` beside it is not bound again.
    fn forget_covered(&mut self) {
        let wide: Vec<(&str, Door)> = self
            .trap
            .iter()
            .filter(|bound| !bound.sockets.is_empty())
            .map(|bound| (bound.protocol.name, bound.door))
            .collect();
        self.trap.retain(|bound| {
            let covers = |(name, door): &(&str, Door)| {
                *name == bound.protocol.name
                    && door.tls == bound.door.tls
                    && stands_for(door.address, bound.door.address)
            };
            !bound.sockets.is_empty() || !wide.iter().any(covers)
        });
    }

    /// What intruders reach and what the operator uses never share a port.
    fn check_apart(&self, settings: &Settings) -> Result<(), DaemonError> {
        let desk = settings.desk.listen.iter().map(SocketAddr::port);
        let trap = |port: &u16| self.trap.iter().any(|it| it.door.address.port() == *port);
        match desk.filter(|port| *port != 0).find(trap) {
            None => Ok(()),
            Some(port) => Err(DaemonError::Setting {
                key: "desk.listen".to_owned(),
                what: format!(
                    "port {port} is one that intruders reach (listen.http, listen.protocols); give the desk its own, \
                     on loopback: 127.0.0.1:8090"
                ),
            }),
        }
    }

    /// Opens the desk's ports.
    fn open_desk(
        &mut self,
        settings: &mut Settings,
        passed: Vec<(SocketAddr, TcpListener)>,
    ) -> Result<(), DaemonError> {
        let mut taken = Vec::new();
        for (address, socket) in passed {
            let known = |it: &&SocketAddr| stands_for(address, **it);
            taken.extend(settings.desk.listen.iter().copied().filter(|it| known(&it)));
            if !settings.desk.listen.iter().any(|it| known(&it)) {
                settings.desk.listen.push(address);
                taken.push(address);
            }
            self.desk.push(socket);
        }
        for address in &settings.desk.listen {
            if !taken.contains(address) {
                self.desk.push(lapwing_console::bind(*address)?);
            }
        }
        Ok(())
    }
}

/// Whether a socket at one address takes what is meant for another.
fn stands_for(socket: SocketAddr, meant: SocketAddr) -> bool {
    let ip = match (socket.ip(), meant.ip()) {
        (socket, meant) if socket == meant => true,
        (IpAddr::V4(socket), IpAddr::V4(_)) => socket.is_unspecified(),
        (IpAddr::V6(socket), _) => socket.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    };
    ip && socket.port() == meant.port()
}

/// The doors of the settings, none bound yet.
fn configured(settings: &Settings) -> Result<Vec<Bound>, DaemonError> {
    let http = settings
        .listen
        .http
        .iter()
        .map(|address| Door::from(*address));
    let (name, http) = ("http".to_owned(), http.collect());
    let mut doors = Vec::new();
    for (name, named) in std::iter::once((&name, &http)).chain(&settings.listen.protocols) {
        let Some(protocol) = lapwing_listen::protocol(name) else {
            let known: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
            return Err(DaemonError::Setting {
                key: format!("listen.protocols.{name}"),
                what: format!("there is no such protocol; there are {}", known.join(", ")),
            });
        };
        if named.iter().any(|door| door.tls) && !protocol.carried(true).connections {
            return Err(DaemonError::Setting {
                key: format!("listen.protocols.{name}"),
                what: format!(
                    "{name} is spoken by datagrams alone, which TLS does not carry: leave `tls://` out"
                ),
            });
        }
        doors.extend(named.iter().map(|door| Bound {
            protocol,
            door: *door,
            sockets: Sockets::default(),
        }));
    }
    Ok(doors)
}

/// Enters a door that was passed into the settings: zones and the like follow from what is listened for.
fn enter(settings: &mut Settings, protocol: &'static Protocol, door: Door) {
    if protocol.name == "http" && !door.tls {
        settings.listen.http.push(door.address);
    } else {
        let doors = settings.listen.protocols.entry(protocol.name.to_owned());
        doors.or_default().push(door);
    }
}

/// What a passed socket is for: a protocol, and whether TLS comes first; `None` for the desk.
fn destination(
    name: &str,
    address: SocketAddr,
    settings: &Settings,
) -> Result<Option<(&'static Protocol, bool)>, DaemonError> {
    if name == DESK {
        return Ok(None);
    }
    let tls = name.strip_suffix(TLS);
    if let Some(protocol) = lapwing_listen::protocol(tls.unwrap_or(name)) {
        return Ok(Some((protocol, tls.is_some())));
    }
    let known = configured(settings)?;
    let known = known
        .iter()
        .find(|bound| stands_for(address, bound.door.address));
    if let Some(bound) = known {
        return Ok(Some((bound.protocol, bound.door.tls)));
    }
    if settings
        .desk
        .listen
        .iter()
        .any(|it| stands_for(address, *it))
    {
        return Ok(None);
    }
    let what = format!(
        "{address} is for nothing: neither does its name say for which protocol, nor is it an address of listen.http, \
         listen.protocols or desk.listen. Set FileDescriptorName= in its socket unit to one of {}, to such a name with \
         {TLS} behind it, or to {DESK}",
        PROTOCOLS
            .iter()
            .map(|it| it.name)
            .collect::<Vec<_>>()
            .join(", ")
    );
    Err(unusable(name, &what))
}

fn unusable(name: &str, what: &str) -> DaemonError {
    DaemonError::Passed {
        name: name.to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_by_datagrams_alone_is_not_behind_tls() {
        let mut settings = settings(&[]);
        let door = Door {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: true,
        };
        let doors = vec![door];
        settings
            .listen
            .protocols
            .insert("wireguard".to_owned(), doors);
        let error = Doors::open(&mut settings, Passed::default()).unwrap_err();
        assert!(error.to_string().contains("leave `tls://` out"), "{error}");
        let given = vec![passed("wireguard-tls", udp())];
        assert!(Doors::open(&mut self::settings(&[]), Passed(given)).is_err());
    }

    fn settings(http: &[SocketAddr]) -> Settings {
        let mut settings = Settings::default();
        settings.listen.http = http.to_vec();
        settings
    }

    fn passed(name: &str, socket: Socket) -> PassedSocket {
        let address = match &socket {
            Socket::Connections(socket) => socket.local_addr().unwrap(),
            Socket::Datagrams(socket) => socket.local_addr().unwrap(),
        };
        PassedSocket {
            name: name.to_owned(),
            address,
            socket,
        }
    }

    fn tcp() -> Socket {
        Socket::Connections(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn udp() -> Socket {
        Socket::Datagrams(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    #[test]
    fn a_name_says_what_a_socket_is_for() {
        let mut settings = settings(&[]);
        let given = vec![
            passed("postgres", tcp()),
            passed("smtp-tls", tcp()),
            passed("desk", tcp()),
            passed("dns", udp()),
        ];
        let address = given[3].address;
        let doors = Doors::open(&mut settings, Passed(given)).unwrap();
        let names: Vec<_> = doors
            .trap
            .iter()
            .map(|it| (it.protocol.name, it.door.tls))
            .collect();
        assert_eq!(names, [("postgres", false), ("smtp", true), ("dns", false)]);
        assert_eq!((doors.desk.len(), settings.desk.listen.len()), (1, 1));
        // What is missing beside it was bound.
        let dns = doors.trap[2].sockets.connections.as_ref().unwrap();
        assert_eq!(dns.local_addr().unwrap(), address);
        assert_eq!(settings.listen.protocols["dns"][0].address, address);
    }

    #[test]
    fn an_address_says_it_where_the_name_does_not() {
        let socket = passed("lapwing.socket", tcp());
        let mut settings = settings(&[socket.address]);
        let doors = Doors::open(&mut settings, Passed(vec![socket])).unwrap();
        assert_eq!((doors.trap.len(), settings.listen.http.len()), (1, 1));
        let wide = TcpListener::bind("[::]:0").unwrap();
        let port = wide.local_addr().unwrap().port();
        let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        settings.listen.http = both.iter().map(|text| text.parse().unwrap()).collect();
        let given = Passed(vec![passed("unknown", Socket::Connections(wide))]);
        let doors = Doors::open(&mut settings, given).unwrap();
        assert_eq!(doors.trap.len(), 1, "it takes IPv4 as well");
    }

    #[test]
    fn what_is_for_nothing_is_refused() {
        let open = |name: &str, socket: Socket| {
            let given = Passed(vec![passed(name, socket)]);
            Doors::open(&mut settings(&[]), given)
                .unwrap_err()
                .to_string()
        };
        let said = open("web.socket", tcp());
        assert!(
            said.contains("FileDescriptorName=") && said.contains("web.socket"),
            "{said}"
        );
        assert!(open("desk", udp()).contains("ListenStream="));
        assert!(open("postgres", udp()).contains("not carried"));
    }

    #[test]
    fn trap_and_desk_share_no_port() {
        let mut settings = settings(&["127.0.0.1:0".parse().unwrap()]);
        let socket = passed("http", tcp());
        settings.desk.listen = vec![socket.address];
        let error = Doors::open(&mut settings, Passed(vec![socket])).unwrap_err();
        assert!(error.to_string().contains("is one that intruders reach"));
    }
}
