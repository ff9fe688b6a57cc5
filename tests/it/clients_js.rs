//! The client for JavaScript, `clients/js`: its own tests, run by Node against this program.

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::clients::lacks;
use crate::clients::lacks_node;
use crate::clients::within;
use crate::harness::Server;

/// What of it is needed to run it elsewhere: packages are installed outside of the repository.
const PARTS: [&str; 6] =
    ["package.json", "package-lock.json", "tsconfig.json", "README.md", "src", "test"];

#[test]
fn its_tests_pass_against_this_server() {
    let Some(home) = home() else { return };
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-concurrency=4", "--test-timeout=90000"])
        .args(tests(&home))
        .current_dir(&home);
    command.env("TICKWIRE_BIN", env!("CARGO_BIN_EXE_tickwire"));
    let output = within(Duration::from_secs(120), command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in said.lines().filter(|line| line.starts_with("# ")) {
        println!("{line}");
    }
    for line in said.lines().filter(|line| line.contains("# SKIP")) {
        let (_, why) = line.split_once("# SKIP").unwrap();
        lacks(why.trim().trim_start_matches("needs "), false);
    }
}

#[test]
fn its_types_hold_and_are_told_to_editors() {
    let Some(home) = home() else { return };
    for script in ["check", "types"] {
        let mut command = Command::new("npm");
        command.args(["run", "--silent", script]).current_dir(&home);
        let output = within(Duration::from_secs(60), command);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let told = fs::read_to_string(home.join("types/client.d.ts")).unwrap();
    assert!(told.contains("subscribe(symbols: string | Iterable<string>"), "{told}");
}

#[test]
fn its_pages_run_in_a_browser_whose_page_is_of_another_origin() {
    let Some((chromium, script)) = crate::browser::stage("page.mjs") else { return };
    for (page, wanted) in [
        ("clients/js/README.md", r"sim:\S+\s+[\d.]+ / [\d.]+"),
        ("docs/start.md", r#""symbol":"sim:[^"]+".*"bid":"[\d.]+""#),
    ] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let examples: Vec<&str> = text.split("```html\n").skip(1).collect();
        assert_eq!(examples.len(), 1, "{page}");
        let example = examples[0].split("```").next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::start(&[("http.allowed_origins", &origin)]);
        crate::http::wait_until_ready(&server);
        let served = example.replace("127.0.0.1:8080", &server.address.to_string());
        std::thread::spawn(move || serve(&listener, &served));
        let mut command = Command::new("node");
        command.arg(&script).args([&origin, wanted]).arg(&chromium);
        let output = within(Duration::from_secs(70), command);
        let said = String::from_utf8_lossy(&output.stdout);
        let trouble = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{page}: {said}{trouble}");
    }
}

/// Answers each request with one page.
fn serve(listener: &TcpListener, page: &str) {
    for mut stream in listener.incoming().map_while(Result::ok) {
        // What is asked for makes no difference, and a browser may go away.
        drop(stream.read(&mut [0; 8_192]));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
        drop(write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len()));
    }
}

#[test]
fn it_can_be_installed_as_its_readme_says() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund"]).arg(home).current_dir(&dir);
    let output = within(Duration::from_secs(60), install);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new("node");
    let program =
        "import { Client } from 'tickwire-client'; new Client('http://127.0.0.1:1').close()";
    command.args(["--input-type=module", "-e", program]).current_dir(&dir);
    let output = within(Duration::from_secs(20), command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The files of tests, by their names.
fn tests(home: &Path) -> Vec<PathBuf> {
    let folders = ["test/parts", "test/server"].map(|folder| home.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A copy of it with its packages, or nothing where they cannot be had.
pub(crate) fn home() -> Option<PathBuf> {
    if lacks_node() {
        return None;
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-js");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/js");
    for part in PARTS {
        copy(&from.join(part), &home.join(part));
    }
    let wanted = fs::read_to_string(home.join("package-lock.json")).unwrap();
    let installed = home.join("installed-lock.json");
    if fs::read_to_string(&installed).is_ok_and(|it| it == wanted) {
        return Some(home);
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(&home);
    let is_there = within(Duration::from_secs(90), install).status.success();
    if lacks("the npm packages of clients/js", is_there) {
        return None;
    }
    fs::write(installed, wanted).unwrap();
    Some(home)
}

/// Copies a file, or a directory of which nothing older stays. Another test may be reading the
/// copy: what is as it should be is left alone.
fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        let text = fs::read(from).unwrap();
        if fs::read(to).ok().as_ref() != Some(&text) {
            fs::write(to, text).unwrap();
        }
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(to).unwrap() {
        let old = entry.unwrap();
        let is_gone = !from.join(old.file_name()).exists();
        if is_gone && old.path().is_file() {
            fs::remove_file(old.path()).unwrap();
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}
