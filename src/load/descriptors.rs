//! How many sockets this process may have.

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// Descriptors besides the connections: standard streams, the poll, the tape, a library's.
const OTHERS: usize = 64;

/// Raises this process's own limit, also that of its children, as far as it may.
///
/// # Errors
/// What to do about it, if even that is too few for `connections`.
pub fn raise(connections: usize) -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let needed = connections.saturating_add(OTHERS);
    let Some(most) = now.filter(|most| usize::try_from(*most).unwrap_or(usize::MAX) < needed)
    else {
        return Ok(());
    };
    let fits = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(OTHERS);
    Err(format!(
        "{connections} connections need {needed} file descriptors and this process may have \
         {most}: at most {fits} connections, or raise the limit (ulimit -Hn as root, \
         LimitNOFILE= of systemd, nofile in /etc/security/limits.conf)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_system_allows_is_refused_with_advice() {
        assert_eq!(raise(1), Ok(()));
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = raise(usize::MAX / 2).unwrap_err();
            assert!(error.contains("LimitNOFILE"), "{error}");
        }
    }
}
