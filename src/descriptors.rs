//! How many files and sockets this process may have open.

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// Raises this process's own limit, also that of its children, as far as it may.
///
/// # Errors
/// What to do about it, if even that is below `needed`.
pub fn raise(needed: usize) -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let now = now.map_or(usize::MAX, |now| usize::try_from(now).unwrap_or(usize::MAX));
    if now >= needed {
        return Ok(());
    }
    Err(format!(
        "{needed} file descriptors are needed and this process may have {now}: fewer connections, \
         or raise the limit (ulimit -Hn as root, LimitNOFILE= of systemd, nofile in \
         /etc/security/limits.conf)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_system_allows_is_refused_with_advice() {
        assert_eq!(raise(1), Ok(()));
        if getrlimit(Resource::Nofile).maximum.is_some() {
            let error = raise(usize::MAX).unwrap_err();
            assert!(error.contains("LimitNOFILE"), "{error}");
        }
    }
}
