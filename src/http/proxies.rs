//! Behind proxies: whose address a request comes from in truth.

use std::net::IpAddr;
use std::net::SocketAddr;

use actix_web::http::header::FORWARDED;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::X_FORWARDED_FOR;

use crate::config::http::Forwarded;
use crate::config::network::Network;

/// Addresses looked at: a chain of proxies is short.
const HOPS_MAX: usize = 32;

/// Which proxies are believed.
#[derive(Debug, Clone)]
pub struct Trusted {
    /// The proxies.
    pub proxies: Vec<Network>,
    /// The header that they write.
    pub header: Forwarded,
}

impl Trusted {
    /// The address of the client: that of the connection, or, while that is a trusted proxy's, the
    /// one that it says it had the request from, and so on.
    #[must_use]
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.to_canonical();
        if !self.trusts(client) {
            return Some(client);
        }
        let name = match self.header {
            Forwarded::For => X_FORWARDED_FOR,
            Forwarded::Standard => FORWARDED,
        };
        let values: Vec<_> = headers.get_all(name).collect();
        // A proxy may have appended to a line whose begin is no text.
        let lines = values.iter().rev().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let hops = lines.flat_map(|line| line.rsplit(',').map(str::to_owned).collect::<Vec<_>>());
        for hop in hops.take(HOPS_MAX) {
            // Who writes nonsense is not believed any further.
            let Some(address) = self.address(&hop) else { return Some(client) };
            client = address.to_canonical();
            if !self.trusts(client) {
                return Some(client);
            }
        }
        Some(client)
    }

    /// Whether an address is a proxy that is believed.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    fn address(&self, hop: &str) -> Option<IpAddr> {
        let hop = match self.header {
            Forwarded::For => hop,
            Forwarded::Standard => hop.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then_some(value)
            })?,
        };
        let hop = hop.trim().trim_matches('"');
        let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        hop.parse()
            .ok()
            .or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()))
            .or_else(|| bare.and_then(|(address, _)| address.parse().ok()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(header: Forwarded, peer: &str, values: &[&'static str], client: &str) {
        let proxies =
            ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        let trusted = Trusted { proxies: proxies.to_vec(), header };
        let mut headers = HeaderMap::new();
        for value in values {
            // Both are always there: one of them is not read.
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(value));
            headers.append(FORWARDED, HeaderValue::from_static(value));
        }
        let peer = peer.parse().unwrap();
        assert_eq!(trusted.client(Some(peer), &headers), Some(client.parse().unwrap()));
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_callers() {
        let check = |peer, values, client| check(Forwarded::For, peer, values, client);
        check("192.0.2.9", &["1.1.1.1"], "192.0.2.9");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("::ffff:127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1");
        check("127.0.0.1", &["6.6.6.6", "1.1.1.1", "10.0.0.2,fd00::1"], "1.1.1.1");
        check("127.0.0.1", &["10.0.0.9,10.0.0.2"], "10.0.0.9");
        check("127.0.0.1", &["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2");
        check("127.0.0.1", &["6.6.6.6, , 10.0.0.2"], "10.0.0.2");
        check("127.0.0.1", &["1.1.1.1:99"], "1.1.1.1");
        check("127.0.0.1", &["[2001:db8::1]:99"], "2001:db8::1");
        check("127.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("127.0.0.1", &["\u{9}1.1.1.1 "], "1.1.1.1");
    }

    #[test]
    fn what_a_client_wrote_before_does_not_hide_it() {
        let proxies = vec![Network::parse("127.0.0.1").unwrap()];
        let trusted = Trusted { proxies, header: Forwarded::For };
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 1.1.1.1").unwrap());
        let client = trusted.client(Some([127, 0, 0, 1].into()), &headers);
        assert_eq!(client, Some([1, 1, 1, 1].into()));
    }

    #[test]
    fn the_standard_header_names_it_too() {
        let check = |peer, values, client| check(Forwarded::Standard, peer, values, client);
        check("127.0.0.1", &["for=1.1.1.1;proto=https, For=10.0.0.1;by=x"], "1.1.1.1");
        check("127.0.0.1", &["proto=http; for=\"[2001:db8::1]:99\""], "2001:db8::1");
        check("127.0.0.1", &["for=6.6.6.6, for=_hidden"], "127.0.0.1");
        check("127.0.0.1", &["1.1.1.1"], "127.0.0.1");
        check("192.0.2.9", &["for=1.1.1.1"], "192.0.2.9");
    }
}
