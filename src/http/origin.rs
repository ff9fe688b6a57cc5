//! Whose pages may connect: our own, and those of listed origins (RFC 6454).

use std::net::IpAddr;

/// Whether a page of `origin` is this server's own, as `host` names it. Only a name of this machine
/// is believed: any other may be one that its owner points here.
pub(super) fn is_own(origin: &str, host: &str) -> bool {
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    page.is_some_and(|page| page.eq_ignore_ascii_case(host)) && is_loopback(host)
}

/// The origin of a URL: what stands before its path.
#[must_use]
pub(super) fn of_url(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    url.get(..scheme.len() + "://".len() + host.len())
}

fn is_loopback(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_believed() {
        for host in ["localhost", "LocalHost:1", "127.0.0.1:8080", "127.1.2.3", "[::1]:80", "[::1]"]
        {
            assert!(is_own(&format!("http://{}", host.to_lowercase()), host), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "127.evil.example:80",
            "127.0.0.1.evil.example",
            "localhost.",
        ] {
            assert!(!is_own(&format!("http://{host}"), host), "{host}");
        }
        assert!(!is_own("http://localhost:1", "localhost:2"));
        assert!(!is_own("file://localhost", "localhost"));
        assert!(!is_own("null", "localhost"));
    }

    #[test]
    fn the_origin_of_a_url_ends_before_its_path() {
        assert_eq!(of_url("https://a.example:8/x?y"), Some("https://a.example:8"));
        assert_eq!(of_url("https://a.example"), Some("https://a.example"));
        assert_eq!(of_url(""), None);
    }
}
