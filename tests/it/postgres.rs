//! A throwaway Postgres: the machine's binaries, a directory and a Unix socket of its own, and gone
//! with whoever started it.
//!
//! Tests of the library, of `tests/it` and the benches all include this file.
#![allow(dead_code, reason = "each of those who include it needs a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(clippy::print_stdout, reason = "a test tells what it skips")]

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

/// Until the server answers, or has ended.
const PATIENCE_MS: u64 = 30_000;
/// Ends the server when nobody holds the other end of its stdin any more: a test may panic, or be
/// killed. `QUIT` is the server's way of dying at once.
const GUARD: &str = r#""$@" & pid=$!; read -r _; kill -QUIT $pid 2>/dev/null; wait $pid"#;

/// A server. Dropping it ends it.
pub(crate) struct Postgres {
    binaries: PathBuf,
    user: Option<User>,
    settings: Vec<String>,
    guard: Option<Child>,
    /// The data directory, and the socket.
    dir: PathBuf,
    /// Removed at the end.
    _own: Option<TempDir>,
}

/// Postgres refuses root, so it runs as somebody else then.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Postgres {
    /// Starts one with fsync off and these settings (`shared_buffers=64MB`). `None`: there is no
    /// Postgres here, which was said.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        // Sockets have short paths, and the other user has to get there.
        let own = tempfile::Builder::new().prefix("tw-pg-").tempdir_in("/tmp").unwrap();
        let mut server = Self::start_in(own.path(), settings)?;
        server._own = Some(own);
        Some(server)
    }

    /// As [`Postgres::start`], in a directory that is there and empty.
    pub(crate) fn start_in(dir: &Path, settings: &[&str]) -> Option<Self> {
        let Some(binaries) = binaries().or_else(install) else {
            println!("SKIPPED: needs PostgreSQL");
            assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs PostgreSQL");
            return None;
        };
        let mut server = Self {
            binaries,
            user: User::other_than_root(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            guard: None,
            dir: dir.to_owned(),
            _own: None,
        };
        if let Some(User { id, group }) = server.user {
            chown(dir, Some(id), Some(group)).unwrap();
        }
        let mut initdb = server.command("initdb");
        initdb.args(["--username=tickwire", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--wal-segsize=1", "--no-sync", "--pgdata"]).arg(server.data());
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.begin();
        Some(server)
    }

    /// Where to connect.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=tickwire", self.dir.display())
    }

    /// Starts it again after a kill, and waits until it answers.
    pub(crate) fn begin(&mut self) {
        self.end();
        let mut guard = self.command("sh");
        guard.args(["-c", GUARD, "guard"]).arg(self.binaries.join("postgres"));
        guard.arg("-D").arg(self.data()).args(["-c", "listen_addresses="]);
        guard.arg("-c").arg(format!("unix_socket_directories={}", self.dir.display()));
        guard.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        for setting in &self.settings {
            guard.args(["-c", setting]);
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        guard.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        self.guard = Some(guard.spawn().unwrap());
        self.wait_until(|server| server.psql("SELECT 1").is_ok());
    }

    /// Runs SQL, and returns what it prints, or says.
    pub(crate) fn psql(&self, sql: &str) -> Result<String, String> {
        let mut psql = self.command("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "tickwire", "-d", "postgres", "-h"]);
        let done = psql.arg(&self.dir).args(["-c", sql]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
    }

    /// Runs a script of the shell, as the Postgres image would, and returns what it prints, or
    /// says.
    pub(crate) fn sh(&self, script: &str, set: &[(&str, &str)]) -> Result<String, String> {
        let mut sh = self.command("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        sh.args(["-c", script]).envs(set.iter().copied()).env("POSTGRES_USER", "tickwire");
        sh.env("PGHOST", &self.dir).env("PGOPTIONS", "--client-min-messages=warning");
        sh.env("PATH", format!("{}:{path}", self.binaries.display())).env("PSQLRC", "/dev/null");
        let done = sh.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
    }

    /// Runs SQL that has to succeed.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.psql(sql).unwrap_or_else(|told| panic!("{sql}: {told}"))
    }

    /// Kills it as `kill -9` does, all its processes.
    pub(crate) fn kill(&mut self) {
        let pids = self.pids();
        signal("KILL", &pids);
        let is_gone = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // One that nobody has asked for yet is gone too.
            stat.is_empty() || stat.contains(") Z ")
        };
        self.wait_until(|_| pids.iter().all(is_gone));
        self.end();
    }

    /// Ends it as a service manager does, at once.
    pub(crate) fn stop(&mut self) {
        self.end();
    }

    /// Makes it hang: it takes connections, as the kernel does that for it, and says nothing.
    pub(crate) fn freeze(&self) {
        signal("STOP", &self.pids());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", &self.pids());
    }

    /// CPU time of all its processes, those that ended included.
    pub(crate) fn cpu_time(&self) -> Duration {
        const TICKS_PER_S: u64 = 100;
        let pids = self.pids();
        let ticks = |(at, pid): (usize, &u32)| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<u64> = stat
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .map(|field| field.parse().unwrap_or(0))
                .collect();
            // utime, stime; of the first process, which all others come from, those of the dead.
            let last = if at == 0 { 15 } else { 13 };
            fields.get(11..last).map_or(0, |times| times.iter().sum())
        };
        let ticks: u64 = pids.iter().enumerate().map(ticks).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_S)
    }

    /// What it wrote to its log.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Its processes, the first one first.
    fn pids(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let Some(first) = file.lines().next().and_then(|line| line.parse::<u32>().ok()) else {
            return Vec::new();
        };
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let children = all.filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
            parent.and_then(|parent| parent.parse().ok()) == Some(first)
        });
        std::iter::once(first).chain(children).collect()
    }

    fn end(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            // A frozen one hears it only so.
            signal("CONT", &self.pids());
            guard.wait().unwrap();
        }
    }

    #[track_caller]
    fn wait_until(&self, is_so: impl Fn(&Self) -> bool) {
        const STEP_MS: u64 = 10;
        for _ in 0..PATIENCE_MS / STEP_MS {
            if is_so(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(STEP_MS));
        }
        panic!("Postgres does not do it:\n{}", self.told());
    }

    /// One of the server's programs, as its user.
    fn command(&self, program: &str) -> Command {
        let own = self.binaries.join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        if let Some(User { id, group }) = self.user {
            command.uid(id).gid(group);
        }
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}

impl User {
    /// `None` for who is not root: they can be themselves.
    fn other_than_root() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let own = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
        if own.split_whitespace().nth(1) != Some("0") {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let user = |name: &str| {
            let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
            let mut ids = line.split(':').skip(2).map(str::parse);
            Some(Self { id: ids.next()?.ok()?, group: ids.next()?.ok()? })
        };
        user("postgres").or_else(|| user("nobody"))
    }
}

fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let pids = pids.iter().map(ToString::to_string);
    // One that has ended meanwhile needs no signal.
    drop(Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status());
}

/// Where the newest server's programs are.
fn binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<PathBuf> = debian.map(|entry| entry.path()).collect();
    found.sort_by_key(version);
    let found = found.into_iter().rev().map(|path| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = found.chain(std::env::split_paths(&path).collect::<Vec<_>>());
    all.find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
}

/// Installs Debian's package, where that may be done; without a server of its own.
fn install() -> Option<PathBuf> {
    User::other_than_root()?;
    let no_cluster = Path::new("/etc/postgresql-common/createcluster.conf");
    if !no_cluster.exists() {
        fs::create_dir_all(no_cluster.parent()?).ok()?;
        fs::write(no_cluster, "create_main_cluster = false\n").ok()?;
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]);
    apt.args(["-o", "Dpkg::Options::=--force-confold", "postgresql"]);
    let done: io::Result<_> = apt.env("DEBIAN_FRONTEND", "noninteractive").output();
    done.ok().filter(|done| done.status.success()).and_then(|_| binaries())
}
