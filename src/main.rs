//! The `tickwire` program.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use anyhow::anyhow;
use clap::Parser as _;
use tickwire::app;
use tickwire::app::App;
use tickwire::cli;
use tickwire::cli::Cli;
use tickwire::cli::Command;
use tickwire::cli::serve::Serve;
use tickwire::cli::serve::banner;
use tickwire::cli::signals;
use tickwire::cli::talk::Talk;
use tickwire::config::Config;
use tickwire::tape;
use tokio::sync::Notify;

fn main() -> ExitCode {
    let (command, talk) = Cli::parse().into_parts();
    if let Command::Serve(args) = &command {
        // The library calls each malformed request of a stranger an error.
        talk.trace("info,actix_server=warn,actix_http::h1::dispatcher=off");
        return match serve(args, talk) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                talk.fail(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        };
    }
    talk.trace("warn");
    match cli::run(&command, talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                talk.fail(&failure.to_string());
            }
            ExitCode::from(failure.code())
        }
    }
}

fn serve(args: &Serve, talk: Talk) -> anyhow::Result<()> {
    let config = args.flags.load().map_err(|error| anyhow!("{error}"))?.config;
    actix_web::rt::System::new().block_on(run(&config, talk))
}

/// Serves until asked to end.
async fn run(config: &Config, talk: Talk) -> anyhow::Result<()> {
    let (app, server) = App::build(config).map_err(|error| explain(&error))?;
    let end = end_when_asked().context("cannot watch for signals")?;
    let handle = server.handle();
    let mut running = actix_web::rt::spawn(server);
    talk.say(&banner(config, app.address(), app.epoch()));
    tokio::select! {
        () = end.notified() => {}
        () = app.broken() => return Err(anyhow!("the sequencer ended by itself: see the log")),
        ended = &mut running => {
            ended??;
            return Err(anyhow!("the server ended by itself"));
        }
    }
    app.shut_down(handle).await;
    running.await??;
    Ok(())
}

/// The first signal is a notice, the second ends the program at once.
fn end_when_asked() -> std::io::Result<Arc<Notify>> {
    let end = Arc::new(Notify::new());
    let mut notice = Some(Arc::clone(&end));
    signals::watch(move |signal| match notice.take() {
        Some(end) => end.notify_one(),
        None => signal.end(),
    })?;
    Ok(end)
}

/// Says what can be done about it. The message tells the whole chain of causes already.
fn explain(error: &app::Error) -> anyhow::Error {
    let advice = match error {
        app::Error::Tape(tape::Error::Locked { .. }) => {
            "; name another with --tape-dir or TICKWIRE__TAPE__DIR"
        }
        app::Error::Tape(tape::Error::Io { .. }) => {
            "; the tape's directory is --tape-dir or TICKWIRE__TAPE__DIR"
        }
        _ => "",
    };
    anyhow!("{error}{advice}")
}
