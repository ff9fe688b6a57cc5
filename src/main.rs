//! The `tickwire` program.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::anyhow;
use tickwire::app;
use tickwire::app::App;
use tickwire::cli;
use tickwire::cli::Cli;
use tickwire::cli::Command;
use tickwire::cli::failure::Failure;
use tickwire::cli::serve::Flags;
use tickwire::cli::serve::banner;
use tickwire::cli::signals;
use tickwire::cli::talk::Talk;
use tickwire::cli::talk::Volume;
use tickwire::config;
use tickwire::config::Loaded;
use tickwire::config::log::Format;
use tickwire::tape;
use tokio::sync::Notify;

fn main() -> ExitCode {
    let words = std::env::args_os().collect();
    let (command, talk) = Cli::read(words).unwrap_or_else(|error| error.exit()).into_parts();
    if let Command::Serve(args) = &command {
        let loaded = match args.flags.load() {
            Ok(loaded) => loaded,
            Err(error) => return fail(&error.into(), talk),
        };
        let volume = talk.trace("info", loaded.config.log.format);
        config::strangers().iter().for_each(|said| tracing::warn!("{said}"));
        return match serve(&loaded, &args.flags, (talk, &volume)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                talk.fail(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        };
    }
    talk.trace("warn", Format::Text);
    match cli::run(&command, talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, talk),
    }
}

fn fail(failure: &Failure, talk: Talk) -> ExitCode {
    if !failure.is_silent() {
        talk.fail(&failure.to_string());
    }
    ExitCode::from(failure.code())
}

fn serve(loaded: &Loaded, flags: &Flags, voice: (Talk, &Volume)) -> anyhow::Result<()> {
    voice.1.set(loaded.config.log.level);
    actix_web::rt::System::new().block_on(run(loaded, flags, voice))
}

/// Serves until asked to end.
async fn run(
    loaded: &Loaded,
    flags: &Flags,
    (talk, volume): (Talk, &Volume),
) -> anyhow::Result<()> {
    let mut hangups = signals::hangups().context("cannot watch for signals")?;
    let app = App::build(&loaded.config).map_err(|error| explain(&error))?;
    let end = end_when_asked().context("cannot watch for signals")?;
    talk.say(&banner(&loaded.config, app.address(), app.epoch()));
    let mut reloader = app.reloader(loaded);
    loop {
        tokio::select! {
            () = end.notified() => break,
            Some(()) = hangups.recv() => {
                if let Some(level) = reloader.take(flags.load()) {
                    volume.set(level);
                }
            }
            broken = app.broken() => {
                return Err(anyhow!("{broken} ended by itself: see the log"));
            }
        }
    }
    let _over = give_up_after(app.longest_end());
    app.shut_down().await;
    Ok(())
}

/// Ends the program if the end takes too long; the tape takes no harm. Dropping what is returned
/// calls that off.
fn give_up_after(longest: Duration) -> mpsc::Sender<()> {
    let (over, waits) = mpsc::channel();
    std::thread::spawn(move || {
        if waits.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the end takes too long: giving up on the rest");
            std::process::exit(1);
        }
    });
    over
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
